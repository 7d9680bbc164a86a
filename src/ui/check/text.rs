//! Findings as text.

use anstyle::Style;

use super::super::plan::finish;
use super::super::style::{BAD, CHANGED, GOOD, LOST, QUIET, STRONG, Terminal, clean, pad, wrap_words};
use super::{Checked, Finding, Severity};

/// The lines around a change that are shown with it.
const CONTEXT: usize = 1;
/// The largest table of a comparison, in cells; texts beyond are shown as replaced.
const LARGEST: usize = 25_000_000;

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Critical => LOST,
        Severity::High => BAD,
        Severity::Medium => CHANGED,
        Severity::Low => QUIET,
    }
}

/// Renders what was found: a block for each rule, the worst first, with its objects.
pub fn check_text(checked: &Checked, terminal: &Terminal) -> String {
    let environment = format!("stack {} {} environment {}", clean(&checked.stack), terminal.dot(), clean(&checked.env));
    let mut out = vec![terminal.paint(STRONG, &environment)];
    for of_rule in checked.findings.chunk_by(|one, next| one.rule.id == next.rule.id) {
        let Some(first) = of_rule.first() else { continue };
        let rule = &first.rule;
        out.push(String::new());
        let severity = terminal.paint(style(rule.severity), &pad(rule.severity.as_str(), 8));
        out.push(format!("{severity}  {}  {}", terminal.paint(STRONG, &clean(&rule.id)), clean(&rule.title)));
        if !rule.why.is_empty() {
            lines(&mut out, terminal, "Why: ", &clean(&rule.why));
        }
        for finding in of_rule {
            object(&mut out, finding, checked.live, terminal);
        }
        if !rule.url.is_empty() {
            lines(&mut out, terminal, "Page: ", &rule.url);
        }
    }
    if !checked.accepted.is_empty() {
        out.extend([String::new(), terminal.paint(STRONG, "Accepted by the file")]);
        for finding in &checked.accepted {
            let exception = finding.exception.as_ref();
            let (until, reason) = exception.map_or(("", ""), |e| (e.until.as_str(), e.reason.as_str()));
            lines(
                &mut out,
                terminal,
                "",
                &format!("{} {} until {until}: {}", finding.rule.id, clean(&finding.object), clean(reason)),
            );
        }
    }
    if !checked.unneeded.is_empty() {
        out.push(String::new());
        let all: Vec<String> = checked.unneeded.iter().map(|id| format!("`{}`", clean(id))).collect();
        out.extend(wrap_words(&format!("Exceptions that are not needed: {}.", all.join(", ")), terminal.width));
    }
    out.push(String::new());
    let summary = wrap_words(&checked.summary(), terminal.width);
    out.extend(summary.iter().map(|line| terminal.paint(if checked.findings.is_empty() { GOOD } else { STRONG }, line)));
    finish(out)
}

fn object(out: &mut Vec<String>, finding: &Finding, live: bool, terminal: &Terminal) {
    let place = format!("{}:{}", finding.place.file, finding.place.line);
    let found = finding.found_in(live).map_or_else(String::new, |found| format!(" ({found})"));
    out.push(format!("  {} {}{found}", terminal.bullet(), clean(&finding.object)));
    lines(out, terminal, "  ", &format!("{}: {}", clean(&place), clean(&finding.what)));
    if let Some(expired) = finding.exception.as_ref().filter(|exception| exception.expired) {
        let text = format!("the exception ended on {}: {}", clean(&expired.until), clean(&expired.reason));
        lines(out, terminal, "  ", &text);
    }
    lines(out, terminal, "  Fix: ", &clean(&finding.fix()));
}

/// Adds a text below its label, wrapped.
fn lines(out: &mut Vec<String>, terminal: &Terminal, label: &str, text: &str) {
    let indent = "  ".to_owned() + &" ".repeat(label.len() - label.trim_start().len());
    let text = format!("{}{text}", label.trim_start());
    let wrapped = wrap_words(&text, terminal.width.saturating_sub(indent.len()));
    out.extend(wrapped.into_iter().map(|line| format!("{indent}{line}")));
}

/// Renders what an edit changes in a text, with a line around each change.
pub fn edits_text(file: &str, before: &str, after: &str, terminal: &Terminal) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let steps = steps(&old, &new);
    let is_near =
        |at: usize| steps[at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(steps.len())].iter().any(|step| step.0 != ' ');
    let mut out = vec![terminal.paint(STRONG, &clean(file))];
    let mut skipped = false;
    for (at, (sign, line)) in steps.iter().enumerate() {
        if !is_near(at) {
            skipped = true;
            continue;
        }
        if std::mem::take(&mut skipped) {
            out.push(format!("  {}", terminal.dots()));
        }
        let style = match sign {
            '+' => GOOD,
            '-' => BAD,
            _ => Style::new(),
        };
        let text = format!("{sign} {}", clean(line));
        out.push(if *sign == ' ' { text } else { terminal.paint(style, &text) });
    }
    finish(out)
}

/// Returns the lines of both texts, each with `+`, `-` or a space for what both have.
fn steps<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut out: Vec<(char, &str)> = old[..head].iter().map(|line| (' ', *line)).collect();
    if a.len().saturating_mul(b.len()) > LARGEST {
        out.extend(a.iter().map(|line| ('-', *line)));
        out.extend(b.iter().map(|line| ('+', *line)));
    } else {
        // The longest common part from each pair of places on.
        let mut longest = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
        for i in (0..a.len()).rev() {
            for j in (0..b.len()).rev() {
                longest[i][j] = if a[i] == b[j] { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < a.len() || j < b.len() {
            if i < a.len() && j < b.len() && a[i] == b[j] {
                out.push((' ', a[i]));
                (i, j) = (i + 1, j + 1);
            } else if i < a.len() && (j == b.len() || longest[i + 1][j] >= longest[i][j + 1]) {
                out.push(('-', a[i]));
                i += 1;
            } else {
                out.push(('+', b[j]));
                j += 1;
            }
        }
    }
    out.extend(old[old.len() - tail..].iter().map(|line| (' ', *line)));
    out
}
