//! What an environment uses beside what its file assumes, and what either costs: text, Markdown and JSON.

use serde::Serialize;
use serde_json::Value;

use crate::prices::Sum;

use super::plan::{escaped, finish};
use super::price::SumJson;
use super::style::{STRONG, Terminal, clean, wrap};
use super::table::{Tone, toned_table};

/// The words for what was not measured.
const UNKNOWN: &str = "–";
/// The hours below which a month is made of too little.
const WEEK: u32 = 7 * 24;

/// A key of `usage`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The key.
    pub key: &'static str,
    /// What the file has.
    pub file: Value,
    /// Whether that is the default, because the file says nothing.
    pub is_default: bool,
    /// What was measured; null where it was not.
    pub measured: Option<Value>,
    /// By which metrics it was measured, or why it was not.
    pub by: String,
    /// What the file has, for people.
    #[serde(skip)]
    pub file_shown: String,
    /// What was measured, for people.
    #[serde(skip)]
    pub measured_shown: Option<String>,
}

/// What an environment uses.
#[derive(Clone, Debug, PartialEq)]
pub struct Used {
    /// The stack's name.
    pub stack: String,
    /// The environment's.
    pub env: String,
    /// The region.
    pub region: String,
    /// The days that were asked for.
    pub days: u32,
    /// The hours from the first figure on.
    pub hours: u32,
    /// Each key.
    pub figures: Vec<Figure>,
    /// What the file costs, and what it costs with what was measured; nothing where the region's prices are not known.
    pub prices: Option<(Sum, Sum)>,
}

#[derive(Serialize)]
struct UsedJson<'a> {
    stack: &'a str,
    env: &'a str,
    region: &'a str,
    days: u32,
    hours: u32,
    usage: &'a [Figure],
    before: Option<SumJson>,
    after: Option<SumJson>,
}

impl Serialize for Used {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let sum = |of: fn(&(Sum, Sum)) -> &Sum| self.prices.as_ref().map(|prices| SumJson::of(of(prices)));
        let Used { stack, env, region, days, hours, figures, .. } = self;
        let (days, hours) = (*days, *hours);
        let (before, after) = (sum(|prices| &prices.0), sum(|prices| &prices.1));
        UsedJson { stack, env, region, days, hours, usage: figures, before, after }.serialize(to)
    }
}

impl Used {
    fn rows(&self) -> Vec<Vec<String>> {
        let row = |figure: &Figure| {
            let default = if figure.is_default { " (default)" } else { "" };
            let measured = figure.measured_shown.clone().unwrap_or_else(|| UNKNOWN.to_owned());
            let over = figure.measured.as_ref().map_or_else(String::new, |_| self.over(figure.key));
            vec![figure.key.to_owned(), format!("{}{default}", figure.file_shown), measured, over, figure.by.clone()]
        };
        self.figures.iter().map(row).collect()
    }

    /// Returns the time of which a figure was made.
    fn over(&self, key: &str) -> String {
        match self.hours {
            _ if key == "files" => "the last day".to_owned(),
            hours if hours >= 48 => format!("{} days", hours / 24),
            1 => "1 hour".to_owned(),
            hours => format!("{hours} hours"),
        }
    }

    fn sentences(&self) -> Vec<String> {
        let mut out = Vec::new();
        out.push(match &self.prices {
            Some((before, after)) => {
                let unpriced = if before.unpriced > 0 { ", without the parts whose price is not known" } else { "" };
                let (before, after) = (before.monthly.rounded(), after.monthly.rounded());
                let by = (after - before).change();
                let (before, after) = (before.money(), after.money());
                format!("{after} a month with what was measured, {before} with what the file has ({by}){unpriced}.")
            }
            None => format!("No price is known for {}, so none is compared.", self.region),
        });
        let short = self.hours < self.days * 24;
        if short && self.hours > 0 {
            out.push(format!(
                "The first figure is {} old, of {} days that were asked for: a month is made of that alone.",
                self.over(""),
                self.days
            ));
        }
        if self.hours > 0 && self.hours < WEEK {
            out.push("That is less than a week: days of work and other days may differ.".to_owned());
        }
        if self.figures.iter().any(|figure| figure.measured.is_none()) {
            out.push("What was not measured stays as the file has it.".to_owned());
        }
        out.push(
            "A part that was added meanwhile counts as if it had been there from the first figure on; `--days` looks at fewer."
                .to_owned(),
        );
        out
    }
}

const HEADERS: [&str; 5] = ["KEY", "FILE", "MEASURED", "OVER", "FROM"];

/// Renders it as a table, with what either costs below.
pub fn usage_text(used: &Used, terminal: &Terminal) -> String {
    let tone = |_: &str, cell: &str| if cell == UNKNOWN { Tone::Busy } else { Tone::Plain };
    let mut out = toned_table(terminal, &HEADERS, &used.rows(), &tone) + "\n";
    for (at, sentence) in used.sentences().into_iter().enumerate() {
        let lines = wrap(&clean(&sentence), terminal.width);
        out += &finish(lines.into_iter().map(|line| if at == 0 { terminal.paint(STRONG, &line) } else { line }).collect());
    }
    out
}

/// Renders the same as Markdown.
pub fn usage_markdown(used: &Used) -> String {
    let row =
        |cells: &[String]| format!("| {} |", cells.iter().map(|cell| escaped(&clean(cell))).collect::<Vec<_>>().join(" | "));
    let mut out = vec![format!("### {}", escaped(&format!("Use of {}/{}", used.stack, used.env))), String::new()];
    out.push(row(&HEADERS.map(|header| super::style::capital(&header.to_lowercase()))));
    out.push(format!("|{}", " --- |".repeat(HEADERS.len())));
    out.extend(used.rows().iter().map(|cells| row(cells)));
    out.push(String::new());
    out.extend(used.sentences());
    finish(out)
}
