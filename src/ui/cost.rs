//! What everything costs in a month: as text, Markdown and JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::prices::{Bill, Billed, Decimal, HOURS, Hours, Line, Sum, Usage};

use super::plan::{escaped, finish};
use super::price::{SumJson, unpriced};
use super::style::{STRONG, Terminal, clean, count, wrap};
use super::table::{Tone, toned_table};

/// The words of a figure that is not known.
const UNKNOWN: &str = "no price known";
/// The number of different parts that are named in a row.
const NAMED: usize = 4;

/// How the parts of a bill are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// By object.
    Object,
    /// By section of the file.
    Section,
    /// By the value of a tag.
    Tag(String),
}

impl By {
    /// Returns the group of a part.
    fn group(&self, billed: &Billed) -> String {
        match self {
            By::Object => billed.object.clone(),
            By::Section => billed.section.clone(),
            By::Tag(key) => billed.tags.get(key).cloned().unwrap_or_else(|| format!("without {key}")),
        }
    }

    /// Returns what a group is called.
    fn word(&self) -> &str {
        match self {
            By::Object => "object",
            By::Section => "section",
            By::Tag(key) => key,
        }
    }
}

/// What is shown of a bill beside its parts.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// The environment's.
    pub env: &'a str,
    /// What was assumed.
    pub usage: &'a Usage,
    /// What it may cost, where that is said.
    pub max_monthly: Option<u32>,
    /// What is kept ready in a second region, if anything is.
    pub standby: Option<&'a Standby>,
}

/// What is kept ready in a second region.
#[derive(Clone, Debug, PartialEq)]
pub struct Standby {
    /// The first region.
    pub home: String,
    /// How much it is: `recovery.mode` of the file.
    pub mode: &'static str,
    /// What it costs.
    pub bill: Bill,
}

impl Standby {
    /// Returns its price with what the stack costs in its own region, where all of both has a price table.
    fn together(&self, own: &Bill) -> Option<Decimal> {
        (own.has_table && self.bill.has_table).then(|| own.sum().monthly + self.bill.sum().monthly)
    }

    /// Returns the sentences about it.
    fn sentences(&self, own: &Bill) -> Vec<String> {
        let (region, sum) = (&self.bill.region, self.bill.sum());
        if !self.bill.has_table {
            return vec![format!(
                "The standby in {region} is not included: no price is known for {region}. `stack prices update --region {region}` reads AWS's."
            )];
        }
        let most = if sum.most > sum.monthly {
            format!(", up to {} with all services scaled out", sum.most.money())
        } else {
            String::new()
        };
        let together = self.together(own).map(|both| format!("; with {} it is {}", own.region, both.money()));
        let mut out = vec![format!(
            "{} a month for the standby in {region} (`recovery.mode`: {}){most}{}.",
            sum.monthly.money(),
            self.mode,
            together.unwrap_or_default()
        )];
        if sum.unpriced > 0 {
            out.push(unpriced(sum.unpriced));
        }
        if let Some(day) = &self.bill.updated {
            out.push(format!("Prices of {region} as `stack prices update` read them on {day}."));
        }
        out.push(format!("Assumed usage is counted in {} only.", self.home));
        out
    }
}

/// A table of a bill: its headers and rows.
struct Rows {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

fn amount(sum: &Sum, of: Decimal) -> String {
    if sum.unpriced == sum.parts { UNKNOWN.to_owned() } else { of.money() }
}

/// Returns a row for each group: its price, that at most, and what it consists of.
fn groups(bill: &Bill, by: &By) -> Rows {
    let mut parts: BTreeMap<String, Vec<&Line>> = BTreeMap::new();
    for line in &bill.lines {
        parts.entry(by.group(&line.billed)).or_default().push(line);
    }
    let scales = bill.sum().most > bill.sum().monthly;
    let mut headers = vec![by.word().to_uppercase(), "MONTHLY".to_owned()];
    headers.extend(scales.then(|| "AT MOST".to_owned()));
    headers.push("FOR".to_owned());
    let rows = bill.sums(|billed| by.group(billed)).into_iter().map(|(name, sum)| {
        let mut row = vec![name.clone(), amount(&sum, sum.monthly)];
        if scales {
            row.push(if sum.most > sum.monthly { sum.most.money() } else { String::new() });
        }
        row.push(named(parts.get(&name).map_or(&[], Vec::as_slice)));
        row
    });
    Rows { headers, rows: rows.collect() }
}

/// Names the parts of a group, the most expensive first, equal ones once.
fn named(lines: &[&Line]) -> String {
    let mut whats: Vec<(&str, usize, Decimal, bool)> = Vec::new();
    for line in lines {
        let (what, monthly) = (line.billed.part.what.as_str(), line.monthly.unwrap_or_default());
        match whats.iter_mut().find(|(known, ..)| *known == what) {
            Some((_, times, sum, _)) => (*times, *sum) = (*times + 1, *sum + monthly),
            None => whats.push((what, 1, monthly, line.monthly.is_some())),
        }
    }
    whats.sort_by_key(|(_, _, sum, _)| std::cmp::Reverse(*sum));
    let shown = whats.iter().take(NAMED).map(|(what, times, _, known)| {
        let times = if *times > 1 { format!("{times} × ") } else { String::new() };
        let unknown = if *known { String::new() } else { format!(" ({UNKNOWN})") };
        format!("{times}{what}{unknown}")
    });
    let mut shown: Vec<String> = shown.collect();
    let more = whats.len().saturating_sub(NAMED);
    shown.extend((more > 0).then(|| format!("{more} more")));
    shown.join("; ")
}

fn owned(text: &Option<std::sync::Arc<str>>) -> Option<String> {
    text.as_deref().map(str::to_owned)
}

/// Returns a row for each part, with its price and where that was read.
fn sources(bill: &Bill) -> Rows {
    let headers = ["OBJECT", "FOR", "QUANTITY", "PRICE", "MONTHLY", "SOURCE", "READ"].map(str::to_owned).to_vec();
    let rows = bill.lines.iter().map(|line| {
        let part = &line.billed.part;
        let unit = line.unit.as_deref().unwrap_or_default();
        vec![
            line.billed.object.clone(),
            part.what.clone(),
            format!("{} {unit}", part.quantity.quantity()).trim_end().to_owned(),
            line.price.map_or_else(String::new, |price| format!("${price}{}", less(line))),
            line.monthly.map_or_else(|| UNKNOWN.to_owned(), Decimal::money),
            owned(&line.source).unwrap_or_else(|| if line.price.is_some() { "not named".into() } else { String::new() }),
            owned(&line.read).unwrap_or_default(),
        ]
    });
    Rows { headers, rows: rows.collect() }
}

/// Returns how much less than the list price is charged.
fn less(line: &Line) -> String {
    line.discount.map_or_else(String::new, |(_, share)| format!(" less {}", percent(share)))
}

fn percent(share: Decimal) -> String {
    format!("{} %", (share * Decimal::of(100)).quantity())
}

/// Returns the discounts that count, each with what it is of.
fn discounts(bill: &Bill) -> BTreeMap<&'static str, Decimal> {
    bill.lines.iter().filter_map(|line| line.discount).collect()
}

/// Returns how long free allowances are deducted, and what follows.
fn allowances(bill: &Bill, usage: &Usage) -> Option<String> {
    if !bill.lines.iter().any(|line| line.allowance.is_some()) {
        return None;
    }
    match (usage.free_tier, usage.free_until, bill.without_allowances) {
        (true, Some(day), Some(then)) => {
            Some(format!("Free allowances are deducted until {day} (`usage.free_tier`); then it is {} a month.", then.money()))
        }
        (true, ..) => None,
        (false, Some(day), _) => Some(format!("Free allowances are not deducted any more since {day} (`usage.free_tier`).")),
        (false, None, _) => {
            Some("Free allowances are not deducted: they are for a whole organization (`usage.free_tier`).".to_owned())
        }
    }
}

/// Returns the sentences after the table: the sum, what is not in it, and what was assumed.
fn sentences(bill: &Bill, about: &About<'_>) -> Vec<String> {
    let sum = bill.sum();
    if sum.parts == 0 {
        return vec!["Nothing in it is billed.".to_owned()];
    }
    if !bill.has_table {
        let region = &bill.region;
        return vec![format!(
            "No price is known for {region}: only the prices of us-east-1 are in this version. `stack prices update --region {region}` reads AWS's."
        )];
    }
    let most =
        if sum.most > sum.monthly { format!(", up to {} with all services scaled out", sum.most.money()) } else { String::new() };
    let limit = about.max_monthly.map(|max| format!("; `cost.max_monthly` is {}", Decimal::of(u64::from(max)).money()));
    let mut out = vec![format!("{} a month in {}{most}{}.", sum.monthly.money(), bill.region, limit.unwrap_or_default())];
    if sum.unpriced > 0 {
        out.push(unpriced(sum.unpriced));
    }
    if let Some(day) = &bill.updated {
        out.push(format!("Prices of {} as `stack prices update` read them on {day}.", bill.region));
    }
    let assumed: Vec<String> =
        bill.assumed().into_iter().filter_map(|key| Some(format!("{} (`{key}`)", about.usage.assumed(key)?))).collect();
    if !assumed.is_empty() {
        out.push(format!("Assumed: {}.", assumed.join(", ")));
    }
    if let Some(hours) = &bill.hours {
        let nat = if hours.without_nat { ", NAT gateways" } else { "" };
        out.push(format!(
            "It runs {} of {HOURS} hours (`schedule.awake`: {}), and tasks, hours of databases that stop{nat} are counted for these only. \
             What is assumed is for the whole month.",
            hours.monthly.quantity(),
            hours.awake
        ));
    }
    let discounts: Vec<String> =
        discounts(bill).into_iter().map(|(key, share)| format!("{} (`{key}`)", percent(share))).collect();
    if !discounts.is_empty() {
        out.push(format!("After a discount of {}, on what commitments cover.", discounts.join(", ")));
    }
    out.extend(allowances(bill, about.usage));
    out.extend(bill.notes().into_iter().map(|note| format!("{}.", super::style::capital(note))));
    out
}

/// Renders what everything costs; with `all`, every part with its source.
pub fn cost_text(bill: &Bill, by: &By, all: bool, about: &About<'_>, terminal: &Terminal) -> String {
    let mut out = bill_text(bill, by, all, sentences(bill, about), terminal);
    if let Some(standby) = about.standby {
        out += &format!("\n{}", bill_text(&standby.bill, by, all, standby.sentences(bill), terminal));
    }
    out
}

/// Renders a bill with the sentences after it, of which the first one is the most important.
fn bill_text(bill: &Bill, by: &By, all: bool, sentences: Vec<String>, terminal: &Terminal) -> String {
    let Rows { headers, rows } = if all { sources(bill) } else { groups(bill, by) };
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let tone = |_: &str, cell: &str| if cell == UNKNOWN { Tone::Busy } else { Tone::Plain };
    let mut out = if rows.is_empty() { String::new() } else { toned_table(terminal, &headers, &rows, &tone) + "\n" };
    for (at, sentence) in sentences.into_iter().enumerate() {
        let lines = wrap(&clean(&sentence), terminal.width);
        out += &finish(lines.into_iter().map(|line| if at == 0 { terminal.paint(STRONG, &line) } else { line }).collect());
    }
    out
}

/// Renders the same as Markdown.
pub fn cost_markdown(bill: &Bill, by: &By, all: bool, about: &About<'_>) -> String {
    let mut out = vec![format!("### {}", escaped(&format!("Price of {}/{}", about.stack, about.env))), String::new()];
    out.extend(bill_markdown(bill, by, all, sentences(bill, about)));
    if let Some(standby) = about.standby {
        let title = format!("Standby in {} ({})", standby.bill.region, standby.mode);
        out.extend([String::new(), format!("#### {}", escaped(&title)), String::new()]);
        out.extend(bill_markdown(&standby.bill, by, all, standby.sentences(bill)));
    }
    finish(out)
}

fn bill_markdown(bill: &Bill, by: &By, all: bool, sentences: Vec<String>) -> Vec<String> {
    let Rows { headers, rows } = if all { sources(bill) } else { groups(bill, by) };
    let mut out = Vec::new();
    let row =
        |cells: &[String]| format!("| {} |", cells.iter().map(|cell| escaped(&clean(cell))).collect::<Vec<_>>().join(" | "));
    if !rows.is_empty() {
        let titles: Vec<String> = headers.iter().map(|header| super::style::capital(&header.to_lowercase())).collect();
        out.push(row(&titles));
        out.push(format!("|{}", " --- |".repeat(headers.len())));
        out.extend(rows.iter().map(|cells| row(cells)));
        out.push(String::new());
    }
    out.extend(sentences);
    out
}

/// Renders the sums of several environments.
pub fn costs_text(bills: &[(String, Bill, Option<Standby>)], markdown: bool, terminal: &Terminal) -> String {
    let mut headers = vec!["ENVIRONMENT", "MONTHLY", "AT MOST", "WITHOUT A PRICE"];
    let has_standby = bills.iter().any(|(.., standby)| standby.is_some());
    headers.extend(has_standby.then_some("STANDBY"));
    let rows: Vec<Vec<String>> = bills
        .iter()
        .map(|(env, bill, standby)| {
            let sum = bill.sum();
            let most = if sum.most > sum.monthly { sum.most.money() } else { String::new() };
            let monthly = if sum.parts > 0 { amount(&sum, sum.monthly) } else { Decimal::ZERO.money() };
            let unpriced = if sum.unpriced > 0 { count(sum.unpriced, "part") } else { String::new() };
            let mut row = vec![env.clone(), monthly, most, unpriced];
            let kept = |standby: &Standby| {
                let sum = standby.bill.sum();
                format!("{} in {}", amount(&sum, sum.monthly), standby.bill.region)
            };
            row.extend(has_standby.then(|| standby.as_ref().map(kept).unwrap_or_default()));
            row
        })
        .collect();
    if !markdown {
        return toned_table(terminal, &headers, &rows, &|_, cell| if cell == UNKNOWN { Tone::Busy } else { Tone::Plain });
    }
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut out = vec![row(headers.iter().map(|header| super::style::capital(&header.to_lowercase())).collect())];
    out.push(format!("|{}", " --- |".repeat(headers.len())));
    out.extend(rows.into_iter().map(|cells| row(cells.iter().map(|cell| escaped(&clean(cell))).collect())));
    finish(out)
}

/// What an environment costs.
#[derive(Clone, Debug, Serialize)]
pub struct CostJson {
    /// The stack's name.
    pub stack: String,
    /// The environment's.
    pub env: String,
    /// The region whose prices these are.
    pub region: String,
    /// `USD`.
    pub currency: &'static str,
    /// What everything costs.
    #[serde(flatten)]
    pub sum: SumJson,
    /// What it may cost, where the file says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_monthly: Option<u32>,
    /// The hours in which it runs, where that is not always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Hours>,
    /// The last day on which free allowances are deducted, where the file says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_until: Option<String>,
    /// What it costs in a month after that day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_then: Option<String>,
    /// The sums of the groups.
    pub groups: Vec<GroupJson>,
    /// Every part.
    pub billed: Vec<PartJson>,
    /// What was assumed of the use, by the key of the file.
    pub assumed: BTreeMap<&'static str, String>,
    /// What to know about the figures.
    pub notes: Vec<&'static str>,
    /// What is kept ready in a second region, which is in no figure above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standby: Option<StandbyJson>,
}

/// What is kept ready in a second region.
#[derive(Clone, Debug, Serialize)]
pub struct StandbyJson {
    /// The second region, whose prices these are.
    pub region: String,
    /// `recovery.mode` of the file.
    pub mode: &'static str,
    /// What it costs there.
    #[serde(flatten)]
    pub sum: SumJson,
    /// What it costs together with the first region; null where no price of one of them is known.
    pub together: Option<String>,
    /// The sums of the groups.
    pub groups: Vec<GroupJson>,
    /// Every part.
    pub billed: Vec<PartJson>,
}

/// The sum of a group.
#[derive(Clone, Debug, Serialize)]
pub struct GroupJson {
    /// The object, the section, or the value of the tag.
    pub name: String,
    /// What it costs.
    #[serde(flatten)]
    pub sum: SumJson,
}

/// A billed part.
#[derive(Clone, Debug, Serialize)]
pub struct PartJson {
    /// The object.
    pub object: String,
    /// The section of the file.
    pub section: String,
    /// What it is.
    pub what: String,
    /// The service in the price table.
    pub service: &'static str,
    /// The usage in the price table.
    pub usage: String,
    /// The region whose price it is, if it is said to be in another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How much in a month.
    pub quantity: Decimal,
    /// How much at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<Decimal>,
    /// The unit of both.
    pub unit: Option<String>,
    /// The list price of a unit in US dollars; null when none is known.
    pub price: Option<Decimal>,
    /// The share of the list price that is not charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount: Option<Decimal>,
    /// In a month, in US dollars and cents.
    pub monthly: Option<String>,
    /// At most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<String>,
    /// Where the price was read.
    pub source: Option<String>,
    /// Its number in AWS's price list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// The day on which it was read.
    pub read: Option<String>,
    /// The key of the file whose assumption decides how much it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed: Option<&'static str>,
    /// The units that are free in a month for an organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowance: Option<Decimal>,
}

/// Returns what everything costs, for programs.
pub fn cost_json(bill: &Bill, by: &By, about: &About<'_>) -> CostJson {
    let standby = about.standby.map(|standby| StandbyJson {
        region: standby.bill.region.clone(),
        mode: standby.mode,
        sum: SumJson::of(&standby.bill.sum()),
        together: standby.together(bill).map(Decimal::plain),
        groups: groups_json(&standby.bill, by),
        billed: standby.bill.lines.iter().map(part_json).collect(),
    });
    CostJson {
        stack: about.stack.to_owned(),
        env: about.env.to_owned(),
        region: bill.region.clone(),
        currency: "USD",
        sum: SumJson::of(&bill.sum()),
        max_monthly: about.max_monthly,
        schedule: bill.hours.clone(),
        free_until: about.usage.free_until.map(|day| day.to_string()),
        monthly_then: bill.without_allowances.map(Decimal::plain),
        groups: groups_json(bill, by),
        billed: bill.lines.iter().map(part_json).collect(),
        assumed: bill.assumed().into_iter().filter_map(|key| Some((key, about.usage.assumed(key)?))).collect(),
        notes: bill.notes().into_iter().collect(),
        standby,
    }
}

fn groups_json(bill: &Bill, by: &By) -> Vec<GroupJson> {
    let sums = bill.sums(|billed| by.group(billed)).into_iter();
    sums.map(|(name, sum)| GroupJson { name, sum: SumJson::of(&sum) }).collect()
}

fn part_json(line: &Line) -> PartJson {
    let part = &line.billed.part;
    PartJson {
        object: line.billed.object.clone(),
        section: line.billed.section.clone(),
        what: part.what.clone(),
        service: part.service,
        usage: part.usage.clone(),
        region: part.region.clone(),
        quantity: part.quantity,
        most: part.most,
        unit: owned(&line.unit),
        price: line.price,
        discount: line.discount.map(|(_, share)| share),
        monthly: line.monthly.map(Decimal::plain),
        at_most: line.most.map(Decimal::plain),
        source: owned(&line.source),
        sku: owned(&line.sku),
        read: owned(&line.read),
        assumed: part.assumed,
        allowance: line.allowance,
    }
}
