//! A plan as Markdown.

use crate::engine::{Action, Item, Plan};

use super::{Look, Sign, View, about, body, consent_flags, explained, finish, missing_consent, rows, sections, summary};

/// The same plan as Markdown, for a comment on a pull request: the long lists folded, the changes as diffs.
pub fn plan_markdown(plan: &Plan, view: &View) -> String {
    let view = &View { look: Look::plain(100), ..*view };
    let (summary, note) = summary(plan, "the file");
    let mut out = vec![format!("### {}", escaped(&about(&plan.scope, &view.look))), String::new(), format!("**{summary}**")];
    if plan.destroy && !plan.is_empty() {
        out.extend([
            String::new(),
            "> [!CAUTION]".into(),
            "> This destroys the stack: everything that belongs to it in AWS goes.".into(),
        ]);
    }
    if let Some(note) = note {
        out.extend([String::new(), note]);
    }
    for section in sections(plan) {
        let action = section.items.first().map(|item| item.action);
        let title = format!("{} {}", capital(section.word), section.items.len());
        let (open, close) = match action {
            Some(Action::Create | Action::Keep) => (format!("<details><summary>{title}</summary>"), Some("</details>")),
            _ => (format!("**{title}**"), None),
        };
        let lines: Vec<String> = match action {
            Some(Action::Update | Action::Replace) => section.items.iter().flat_map(|item| as_diff(item, view)).collect(),
            _ => body(&section, view),
        };
        let fence = fence(&lines);
        out.extend([
            String::new(),
            open,
            String::new(),
            format!("{fence}{}", if action == Some(Action::Create) { "" } else { "diff" }),
        ]);
        out.extend(lines.into_iter().map(|line| match action {
            Some(Action::Delete) if !line.starts_with(' ') => format!("- {line}"),
            Some(Action::Refuse) if !line.starts_with(' ') => format!("! {line}"),
            Some(Action::Delete | Action::Refuse) => format!("  {line}"),
            _ => line,
        }));
        out.push(fence);
        out.extend(close.map(|close| format!("\n{close}")));
    }
    let consent = missing_consent(plan, view.allowed);
    if !consent.is_empty() {
        out.extend([String::new(), "Objects that hold data go only when they are named:".into(), String::new(), "```".into()]);
        out.extend(consent_flags(plan, &consent));
        out.push("```".into());
    }
    finish(out)
}

/// An item's changes with the signs in the first column, where Markdown's `diff` colours them.
fn as_diff(item: &Item, view: &View) -> Vec<String> {
    let mut out: Vec<String> = explained(item, view);
    if let Some(first) = out.first_mut() {
        *first = format!("@@ {first} @@");
    }
    out.extend(rows(item, view, 96).into_iter().map(|row| {
        let sign = match row.sign {
            Sign::Same => ' ',
            Sign::Changed => '!',
            Sign::Added => '+',
            Sign::Removed => '-',
        };
        format!("{sign} {}{}", if row.nested { "    " } else { "" }, row.text)
    }));
    out
}

/// A fence that nothing inside of it ends.
fn fence(lines: &[String]) -> String {
    let longest = lines.iter().flat_map(|line| line.split(|c| c != '`')).map(str::len).max().unwrap_or(0);
    "`".repeat((longest + 1).max(3))
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Text that Markdown takes literally.
fn escaped(text: &str) -> String {
    let special = |c: char| c.is_ascii_punctuation() && !matches!(c, '-' | '.' | ',' | ':' | '/' | '(' | ')');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}
