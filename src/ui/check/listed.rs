//! The list of what is checked.

use serde::Serialize;

use super::super::plan::finish;
use super::super::style::{STRONG, Terminal, wrap_words};
use super::super::table;
use super::Rule;

/// A rule in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// When it counts.
    pub level: &'static str,
}

/// Rules that are not checked, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// Why.
    pub why: &'static str,
    /// Their ids.
    pub ids: Vec<&'static str>,
}

/// Renders the list as a table, and below it what is not checked.
pub fn list_text(rules: &[Listed], elsewhere: &[Elsewhere], terminal: &Terminal) -> String {
    let rows: Vec<Vec<String>> = rules
        .iter()
        .map(|listed| {
            let rule = &listed.rule;
            [&*rule.id, rule.severity.as_str(), listed.level, rule.standard, &*rule.title].map(str::to_owned).to_vec()
        })
        .collect();
    let mut out = vec![String::new(), terminal.paint(STRONG, "Not checked")];
    for group in elsewhere {
        out.extend(wrap_words(&format!("{}: {}", group.why, group.ids.join(", ")), terminal.width));
    }
    table(terminal, &["CONTROL", "SEVERITY", "LEVEL", "STANDARD", "WHAT IT ASKS FOR"], &rows) + &finish(out)
}

/// Renders the same as Markdown.
pub fn list_markdown(rules: &[Listed], elsewhere: &[Elsewhere]) -> String {
    let mut out = vec![
        "| control | severity | level | what it asks for | why | how to meet it |".to_owned(),
        "| --- | --- | --- | --- | --- | --- |".into(),
    ];
    for listed in rules {
        let rule = &listed.rule;
        let level = if rule.standard == "FSBP" { listed.level.to_owned() } else { format!("{}, not FSBP", listed.level) };
        out.push(format!(
            "| [{}]({}) | {} | {level} | {} | {} | {} |",
            rule.id,
            rule.url,
            rule.severity.as_str(),
            rule.title,
            rule.why,
            rule.remedy
        ));
    }
    out.extend([String::new(), "| not checked, because it is about | controls |".into(), "| --- | --- |".into()]);
    out.extend(elsewhere.iter().map(|group| format!("| {} | {} |", group.why, group.ids.join(", "))));
    finish(out)
}
