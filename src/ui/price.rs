//! What a plan makes of the monthly price: the lines at its end, and the same for programs.

use schemars::JsonSchema;
use serde::Serialize;

use crate::prices::{Bill, Change, Decimal, HOURS, Hours, Sum};

use super::style::clean;

/// Returns the sentence about parts without a known price.
pub(super) fn unpriced(parts: usize) -> String {
    if parts == 1 {
        "1 part has no known price and is not included.".to_owned()
    } else {
        format!("{parts} parts have no known price and are not included.")
    }
}

/// A monthly price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SumJson {
    /// What is known of it in US dollars and cents; null when nothing is known.
    pub monthly: Option<String>,
    /// The same when every service runs its maximum of tasks.
    pub at_most: Option<String>,
    /// Number of billed parts.
    pub parts: usize,
    /// Number of parts without a known price, which are not in the sums.
    pub unpriced: usize,
}

impl SumJson {
    /// Returns a sum for programs.
    pub(super) fn of(sum: &Sum) -> SumJson {
        let known = |amount: Decimal| (sum.unpriced < sum.parts || sum.parts == 0).then(|| amount.plain());
        SumJson { monthly: known(sum.monthly), at_most: known(sum.most), parts: sum.parts, unpriced: sum.unpriced }
    }
}

/// What a plan makes of the monthly price, from list prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PriceJson {
    /// `USD`.
    pub currency: &'static str,
    /// What runs now.
    pub before: SumJson,
    /// What runs after it.
    pub after: SumJson,
    /// The difference in US dollars and cents.
    pub change: String,
    /// The sections that change it most.
    pub movers: Vec<MoverJson>,
    /// What it costs until its expiry, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_expiry: Option<String>,
    /// The hours that are counted of what runs after it, where it does not run at all times; whether it is paused just now does not matter then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Hours>,
    /// The same of what runs now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_before: Option<Hours>,
}

/// A section that changes the monthly price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MoverJson {
    /// The section: `databases.main`.
    pub section: String,
    /// By how much in US dollars and cents.
    pub change: String,
}

/// Returns what a plan makes of the price.
pub fn price_json(change: &Change) -> PriceJson {
    let movers = change.movers().into_iter().map(|(section, by)| MoverJson { section, change: by.plain() });
    PriceJson {
        currency: "USD",
        before: SumJson::of(&change.before.sum()),
        after: SumJson::of(&change.after.sum()),
        change: change.by().plain(),
        movers: movers.collect(),
        until_expiry: change.until_expiry().map(Decimal::plain),
        schedule: change.after.hours.clone(),
        schedule_before: change.before.hours.clone(),
    }
}

/// Returns which hours are counted, where it does not run at all times.
fn counted(change: &Change) -> Option<String> {
    let told = |bill: &Bill| {
        let hours = bill.hours.as_ref().filter(|_| bill.sum().parts > 0)?;
        Some(format!("{} of {HOURS} hours (`schedule.awake`: {})", hours.monthly.quantity(), clean(&hours.awake)))
    };
    let empty = change.before.sum().parts == 0;
    match (told(&change.before), told(&change.after)) {
        (None, None) => None,
        (before, Some(after)) if empty || before.as_ref() == Some(&after) => Some(format!(" Counted for {after}.")),
        (None, Some(after)) => Some(format!(" Counted afterwards for {after}, before for all.")),
        (Some(before), None) if change.after.sum().parts == 0 => Some(format!(" Counted for {before}.")),
        (Some(before), None) => Some(format!(" Counted before for {before}, afterwards for all.")),
        (Some(before), Some(after)) => Some(format!(" Counted before for {before}, afterwards for {after}.")),
    }
}

/// Returns what a plan makes of the monthly price, and the largest movers: lines for the end of the plan.
pub(super) fn price_lines(change: &Change) -> (String, Vec<String>) {
    let (before, after) = (change.before.sum(), change.after.sum());
    if !change.after.has_table && before.parts + after.parts > 0 {
        return (format!("Price: no price is known for {}.", change.after.region), Vec::new());
    }
    let by = change.by();
    let most = if after.most > after.monthly {
        format!(", up to {} with all services scaled out", after.most.money())
    } else {
        String::new()
    };
    let mut text = match (before.parts, after.parts) {
        _ if by.cents() == 0 => format!("Price: {} a month, unchanged{most}.", after.monthly.money()),
        (0, _) => format!("Price: {} a month{most}.", after.monthly.money()),
        (_, 0) => format!("Price: {} a month before, nothing afterwards.", before.monthly.money()),
        _ => {
            format!(
                "Price: {} a month before, {} afterwards ({}){most}.",
                before.monthly.money(),
                after.monthly.money(),
                by.change()
            )
        }
    };
    if after.unpriced > 0 {
        text += &format!(" {}", unpriced(after.unpriced));
    }
    text.extend(counted(change));
    if let Some(until) = change.until_expiry() {
        text += &format!(" Until it expires: {}.", until.money());
    }
    let movers = if by.cents() == 0 && before.parts > 0 { Vec::new() } else { change.movers() };
    let width = movers.iter().map(|(_, by)| by.change().len()).max().unwrap_or(0);
    let movers = movers.into_iter().map(|(section, by)| format!("{:>width$}  {}", by.change(), clean(&section)));
    (text, movers.collect())
}
