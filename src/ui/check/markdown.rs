//! Findings as Markdown, for a comment on a pull request.

use super::super::plan::{LARGEST, escaped, finish};
use super::super::style::clean;
use super::{Checked, Finding};

/// Renders what was found: a table, the worst first, and what is accepted folded away.
pub fn check_markdown(checked: &Checked) -> String {
    let mut out = vec![
        format!("### stack {} · environment {} · check", escaped(&clean(&checked.stack)), escaped(&clean(&checked.env))),
        String::new(),
        format!("**{}**", escaped(&checked.summary())),
    ];
    if !checked.findings.is_empty() {
        out.extend([
            String::new(),
            "| severity | control | object | place | fix |".into(),
            "| --- | --- | --- | --- | --- |".into(),
        ]);
        let mut room = LARGEST.saturating_sub(finish(out.clone()).len());
        for (at, finding) in checked.findings.iter().enumerate() {
            let row = row(finding, checked.live);
            let Some(left) = room.checked_sub(row.len() + 1) else {
                out.extend([String::new(), format!("{} more are not shown.", checked.findings.len() - at)]);
                break;
            };
            room = left;
            out.push(row);
        }
    }
    if !checked.accepted.is_empty() {
        out.extend([String::new(), "<details><summary>Accepted by the file</summary>".into(), String::new()]);
        out.extend([String::from("| control | object | until | reason |"), "| --- | --- | --- | --- |".into()]);
        for finding in &checked.accepted {
            let exception = finding.exception.as_ref();
            let (until, reason) = exception.map_or(("", ""), |e| (e.until.as_str(), e.reason.as_str()));
            out.push(format!(
                "| {} | `{}` | {until} | {} |",
                escaped(&clean(&finding.rule.id)),
                code(&finding.object),
                escaped(&clean(reason))
            ));
        }
        out.extend([String::new(), "</details>".into()]);
    }
    finish(out)
}

/// Text between backticks in a cell.
fn code(text: &str) -> String {
    clean(text).replace('`', "'").replace('|', "\\|")
}

fn row(finding: &Finding, live: bool) -> String {
    let rule = &finding.rule;
    let found = finding.found_in(live).map_or_else(String::new, |found| format!(" ({found})"));
    let expired = match &finding.exception {
        Some(exception) if exception.expired => format!(" (the exception ended on {})", escaped(&clean(&exception.until))),
        _ => String::new(),
    };
    let fix = match (&finding.edit, finding.found) {
        (Some(edit), super::Found::File | super::Found::Both) => format!("`{}`", code(&edit.yaml)),
        _ => escaped(&clean(&finding.fix())),
    };
    format!(
        "| {} | {} {}{expired} | `{}`: {}{found} | {}:{} | {fix} |",
        rule.severity.as_str(),
        if rule.url.is_empty() { escaped(&clean(&rule.id)) } else { format!("[{}]({})", rule.id, rule.url) },
        escaped(&clean(&rule.title)),
        code(&finding.object),
        escaped(&clean(&finding.what)),
        escaped(&clean(&finding.place.file)),
        finding.place.line,
    )
}
