//! What would cost less: the edits, what each saves, and at what risk.

use serde::Serialize;
use serde_json::{Value, json};

use crate::prices::{Decimal, Sum};

use super::plan::{escaped, finish};
use super::style::{STRONG, Terminal, clean, wrap};

/// An edit that saves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Saving {
    /// The key that is edited.
    pub key: String,
    /// The edit, as YAML on a line.
    pub edit: String,
    /// What it saves in a month, alone.
    #[serde(skip)]
    pub saves: Decimal,
    /// What may go wrong with it.
    pub risk: &'static str,
}

/// The edits that save.
#[derive(Clone, Debug)]
pub struct Savings {
    /// Each, the one that saves the most first.
    pub savings: Vec<Saving>,
    /// The keys that alone were looked at; all of them where there are none.
    pub only: Vec<String>,
    /// What the file costs now.
    pub now: Sum,
    /// What it costs with all of them; nothing where they cannot all be made.
    pub after: Option<Sum>,
}

impl Savings {
    /// Returns the sentence about all of them.
    fn all(&self) -> String {
        if self.savings.is_empty() && !self.only.is_empty() {
            return format!("Nothing that is known here saves at `{}`.", self.only.join("`, `"));
        }
        if self.savings.is_empty() {
            return format!("Nothing that is known here saves: {} a month.", self.now.monthly.money());
        }
        match &self.after {
            Some(after) => {
                let less = self.now.monthly - after.monthly;
                let (now, after) = (self.now.monthly.money(), after.monthly.money());
                format!("All of them: {after} a month instead of {now}, {} less.", less.money())
            }
            None => "They cannot all be made at once.".to_owned(),
        }
    }
}

/// Renders them as a list: the amount and the edit, and below it what may go wrong.
pub fn savings_text(savings: &Savings, terminal: &Terminal) -> String {
    let amounts: Vec<String> = savings.savings.iter().map(|saving| saving.saves.money()).collect();
    let width = amounts.iter().map(String::len).max().unwrap_or_default();
    let mut out = String::new();
    for (saving, amount) in savings.savings.iter().zip(&amounts) {
        let indent = " ".repeat(width + 2);
        for (at, line) in wrap(&clean(&saving.edit), terminal.width.saturating_sub(indent.len())).into_iter().enumerate() {
            let before = if at == 0 { format!("{amount:>width$}  ") } else { indent.clone() };
            out += &format!("{before}{}\n", terminal.paint(STRONG, &line));
        }
        for line in wrap(saving.risk, terminal.width.saturating_sub(indent.len())) {
            out += &format!("{indent}{line}\n");
        }
    }
    out += if savings.savings.is_empty() { "" } else { "\n" };
    out += &finish(wrap(&clean(&savings.all()), terminal.width).into_iter().map(|line| terminal.paint(STRONG, &line)).collect());
    if !savings.savings.is_empty() {
        let more = "Each amount is of that edit alone, in a month, by list prices. `--write` writes them into the file, with `--only KEY` some of them; `stack plan` then shows what they change.";
        out += &finish(wrap(more, terminal.width));
    }
    out
}

/// Renders the same as Markdown.
pub fn savings_markdown(savings: &Savings) -> String {
    let mut out = Vec::new();
    if !savings.savings.is_empty() {
        out.extend(["| Saves | Edit | Risk |".to_owned(), "| --- | --- | --- |".to_owned()]);
        let row =
            |saving: &Saving| format!("| {} | `{}` | {} |", saving.saves.money(), clean(&saving.edit), escaped(saving.risk));
        out.extend(savings.savings.iter().map(row));
        out.push(String::new());
    }
    out.push(savings.all());
    finish(out)
}

/// Returns the same for programs.
pub fn savings_json(savings: &Savings) -> Value {
    let one =
        |saving: &Saving| json!({ "key": saving.key, "edit": saving.edit, "saves": saving.saves.plain(), "risk": saving.risk });
    json!({
        "currency": "USD",
        "monthly": savings.now.monthly.plain(),
        "with_all": savings.after.as_ref().map(|after| after.monthly.plain()),
        "savings": savings.savings.iter().map(one).collect::<Vec<_>>(),
    })
}
