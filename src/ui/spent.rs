//! What was charged beside what was estimated: text, Markdown and JSON.

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::{Map, json};

use crate::prices::Decimal;

use super::plan::{escaped, finish};
use super::style::{STRONG, Terminal, clean, wrap};
use super::table::table;

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name in Cost Explorer.
    pub service: String,
    /// What was charged for its use; null where nothing was reported.
    pub actual: Option<Decimal>,
    /// What its parts should cost in the same time; nothing where the file has none with a known price.
    pub estimate: Option<Decimal>,
}

/// What an environment has cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Spent {
    /// The stack's name.
    pub stack: String,
    /// The environment's.
    pub env: String,
    /// The region whose prices the estimate has.
    pub region: String,
    /// The figure of Cost Explorer.
    pub metric: &'static str,
    /// The first day.
    pub start: String,
    /// The day after the last one.
    pub end: String,
    /// How many days that are.
    pub days: i32,
    /// The services, the most expensive first.
    pub rows: Vec<Row>,
    /// What was charged beside use, by its sort: credits, refunds, taxes.
    pub beside: Vec<(String, Decimal)>,
    /// Whether AWS may still change it.
    pub estimated: bool,
    /// The requests that it took.
    pub requests: usize,
    /// Whether prices of the region are known.
    pub has_table: bool,
    /// Why both differ.
    pub why: Vec<String>,
}

impl Spent {
    fn sums(&self) -> (Decimal, Decimal) {
        let of = |amount: fn(&Row) -> Option<Decimal>| self.rows.iter().filter_map(amount).sum::<Decimal>();
        (of(|row| row.actual), of(|row| row.estimate))
    }

    fn cells(&self) -> Vec<Vec<String>> {
        let shown = |amount: Option<Decimal>| amount.map_or_else(|| "–".to_owned(), Decimal::money);
        let row = |row: &Row| {
            let by = row.actual.zip(row.estimate).map(|(actual, estimate)| (actual.rounded() - estimate.rounded()).change());
            vec![row.service.clone(), shown(row.actual), shown(row.estimate), by.unwrap_or_default()]
        };
        self.rows.iter().map(row).collect()
    }

    fn sentences(&self) -> Vec<String> {
        let (actual, estimate) = self.sums();
        let days = super::style::count(usize::try_from(self.days).unwrap_or(0), "day");
        let beside = if self.has_table {
            format!(", {} by the estimate", estimate.money())
        } else {
            format!("; no price is known for {}", self.region)
        };
        let time = format!("{days} from {} up to and without {}", self.start, self.end);
        let mut out = vec![format!("{} were charged for {time}{beside}.", actual.money())];
        if !self.beside.is_empty() {
            let all: Vec<String> = self.beside.iter().map(|(sort, usd)| format!("{sort} {}", usd.money())).collect();
            out.push(format!("Not in these figures: {}.", all.join(", ")));
        }
        out.push(format!(
            "Asked of Cost Explorer ({}) with {}, a cent each.",
            self.metric,
            super::style::count(self.requests, "request")
        ));
        out
    }
}

impl Serialize for Spent {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (actual, estimate) = self.sums();
        let plain = |amount: Option<Decimal>| amount.map(Decimal::plain);
        let services: Vec<_> = self
            .rows
            .iter()
            .map(|row| json!({"service": row.service, "actual": plain(row.actual), "estimate": plain(row.estimate)}))
            .collect();
        let beside: Map<_, _> = self.beside.iter().map(|(sort, usd)| (sort.clone(), json!(usd.plain()))).collect();
        json!({
            "stack": self.stack, "env": self.env, "region": self.region, "currency": "USD", "metric": self.metric,
            "start": self.start, "end": self.end, "days": self.days, "estimated": self.estimated,
            "actual": actual.plain(), "estimate": plain(self.has_table.then_some(estimate)), "services": services,
            "beside": beside, "requests": self.requests, "why": self.why,
        })
        .serialize(to)
    }
}

const HEADERS: [&str; 4] = ["SERVICE", "ACTUAL", "ESTIMATE", "DIFFERENCE"];

/// Renders it as a table, with the sums and why they differ below.
pub fn spent_text(spent: &Spent, terminal: &Terminal) -> String {
    let mut out = if spent.rows.is_empty() { String::new() } else { table(terminal, &HEADERS, &spent.cells()) + "\n" };
    for (at, sentence) in spent.sentences().into_iter().enumerate() {
        let lines = wrap(&clean(&sentence), terminal.width);
        out += &finish(lines.into_iter().map(|line| if at == 0 { terminal.paint(STRONG, &line) } else { line }).collect());
    }
    out += "\nWhy they differ:\n";
    for sentence in &spent.why {
        let lines = wrap(&clean(sentence), terminal.width.saturating_sub(2));
        let lead = |at: usize| if at == 0 { "- " } else { "  " };
        out += &finish(lines.into_iter().enumerate().map(|(at, line)| format!("{}{line}", lead(at))).collect());
    }
    out
}

/// Renders the same as Markdown.
pub fn spent_markdown(spent: &Spent) -> String {
    let row =
        |cells: &[String]| format!("| {} |", cells.iter().map(|cell| escaped(&clean(cell))).collect::<Vec<_>>().join(" | "));
    let mut out = vec![format!("### {}", escaped(&format!("Spend of {}/{}", spent.stack, spent.env))), String::new()];
    if !spent.rows.is_empty() {
        out.push(row(&HEADERS.map(|header| super::style::capital(&header.to_lowercase()))));
        out.push(format!("|{}", " --- |".repeat(HEADERS.len())));
        out.extend(spent.cells().iter().map(|cells| row(cells)));
        out.push(String::new());
    }
    out.extend(spent.sentences());
    out.push(String::new());
    out.extend(spent.why.iter().map(|sentence| format!("- {sentence}")));
    finish(out)
}
