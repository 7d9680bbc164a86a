//! Plans as Markdown.

use crate::engine::{Action, Item, Plan};

use super::super::Problem;
use super::super::style::{capital, clean};
use super::{
    RIGHTS, Section, Sign, Terminal, View, about, body, explained, finish, missing_flags, needs_consent, price, rights, rows,
    sections, summary, wrap,
};

/// The most characters that a comment may have on GitHub (65,536), with room for what a pipeline puts around it.
pub(crate) const LARGEST: usize = 60_000;

/// What a plan was made from, and how to apply it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Footer<'a> {
    /// The commit of the file, when that is known.
    pub commit: Option<&'a str>,
    /// The command that applies exactly this.
    pub command: &'a str,
}

/// Renders a plan as Markdown, for a comment on a pull request: what is refused, lost and interrupted first, the long lists folded,
/// the changes as diffs. By the first line a pipeline finds its comment again; the last has the commit and the command.
pub fn plan_markdown(plan: &Plan, view: &View, problems: &[Problem], footer: &Footer) -> String {
    let view = &View { terminal: Terminal::plain(100), ..*view };
    let (summary, note) = summary(plan, "the file");
    let mut out = vec![
        format!("<!-- stack:{} -->", comment(&plan.environment())),
        format!("### {}", escaped(&about(&plan.scope, view.via, &view.terminal))),
        String::new(),
        format!("**{summary}**"),
    ];
    out.extend(warning(plan, view, problems, note));
    let rights: Vec<String> = rights::added(plan, false).iter().flat_map(|line| wrap(line, 100)).collect();
    if !rights.is_empty() {
        let fence = fence(&rights);
        out.extend([String::new(), RIGHTS.into(), String::new(), fence.clone()]);
        out.extend(rights);
        out.push(fence);
    }
    let flags = missing_flags(plan, view.consent);
    if !flags.is_empty() {
        out.extend([String::new(), needs_consent(plan).into(), String::new(), "```".into()]);
        out.extend(flags);
        out.push("```".into());
    }
    let mut sections = sections(plan);
    // What is removed is read first.
    let rank = |action: Option<Action>| match action {
        Some(Action::Refuse) => 0,
        Some(Action::Replace) => 1,
        Some(Action::Delete) => 2,
        Some(Action::Update) => 3,
        _ => 4,
    };
    sections.sort_by_key(|section| rank(section.items.first().map(|item| item.action)));
    let mut left = LARGEST.saturating_sub(finish(out.clone()).chars().count() + 1000);
    for section in sections {
        let lines = folded(plan, &section, view);
        let size = finish(lines.clone()).chars().count();
        if size > left {
            let title = format!("{} {}", capital(section.word), section.items.len());
            out.extend([String::new(), format!("**{title}**: too long for a comment; run `stack plan`")]);
        } else {
            left -= size;
            out.extend(lines);
        }
    }
    if let Some((price, movers)) = price(view) {
        out.extend([String::new(), escaped(&price)]);
        if !movers.is_empty() {
            out.extend([String::new(), "```".into()]);
            out.extend(movers);
            out.push("```".into());
        }
    }
    out.extend(closing(plan, footer));
    finish(out)
}

/// Returns the last line.
fn closing(plan: &Plan, footer: &Footer) -> Vec<String> {
    let commit = footer.commit.map(|commit| format!("Commit `{}`.", code(commit)));
    let command = (!plan.is_empty() && !footer.command.is_empty()).then(|| format!("To apply it: `{}`", code(footer.command)));
    let line: Vec<String> = commit.into_iter().chain(command).collect();
    if line.is_empty() { Vec::new() } else { vec![String::new(), line.join(" ")] }
}

/// Returns what a reader has to know before anything else.
fn warning(plan: &Plan, view: &View, problems: &[Problem], note: Option<String>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    if plan.destroy && !plan.is_empty() {
        lines.push("This destroys the stack: every object that belongs to it in AWS is deleted.".into());
    }
    lines.extend(note);
    let counts = plan.counts();
    let gone = [(counts.replace, "replaced"), (counts.delete, "deleted")];
    let gone: Vec<String> = gone.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if !gone.is_empty() {
        lines.push(format!("This removes objects: {}.", gone.join(", ")));
    }
    let about = |key: Option<&str>| key.map_or(String::new(), |key| format!("`{}`: ", code(key)));
    for item in plan.changes() {
        for effect in &item.effects {
            lines.push(format!("{}{}", about(Some(&item.key.to_string())), escaped(&clean(&effect.sentence()))));
        }
    }
    lines.extend(plan.hints.iter().map(|hint| escaped(&clean(hint))));
    for problem in problems {
        let help = problem.help.as_ref().map_or(String::new(), |help| format!("; {help}"));
        let mark = if problem.severity == "refused" { "**AWS would refuse this:** " } else { "" };
        let text = format!("{}{help}", problem.message);
        lines.push(format!("{mark}{}{}", about(problem.key.as_deref()), escaped(&clean(&text))));
    }
    if lines.is_empty() {
        return Vec::new();
    }
    let caution = !gone.is_empty()
        || counts.refuse > 0
        || problems.iter().any(|problem| problem.severity == "refused")
        || !missing_flags(plan, view.consent).is_empty();
    let mark = if caution { "> [!CAUTION]" } else { "> [!NOTE]" };
    let quoted = lines.into_iter().map(|line| format!("> - {line}"));
    [String::new(), mark.to_owned()].into_iter().chain(quoted).collect()
}

/// Renders a section of the plan, folded when nothing in it is dangerous.
fn folded(plan: &Plan, section: &Section, view: &View) -> Vec<String> {
    let action = section.items.first().map(|item| item.action);
    let title = format!("{} {}", capital(section.word), section.items.len());
    let (open, close) = match action {
        // Notes are not folded away.
        Some(Action::Create | Action::Keep) if section.word != "note" => {
            (format!("<details><summary>{title}</summary>"), Some("</details>"))
        }
        _ => (format!("**{title}**"), None),
    };
    let lines: Vec<String> = match action {
        Some(Action::Update | Action::Replace) => section.items.iter().flat_map(|item| as_diff(plan, item, view)).collect(),
        _ => body(plan, section, view),
    };
    let fence = fence(&lines);
    let language = if action == Some(Action::Create) { "" } else { "diff" };
    let mut out = vec![String::new(), open, String::new(), format!("{fence}{language}")];
    out.extend(lines.into_iter().map(|line| match action {
        Some(Action::Delete) if !line.starts_with(' ') => format!("- {line}"),
        Some(Action::Refuse) if !line.starts_with(' ') => format!("! {line}"),
        Some(Action::Delete | Action::Refuse) => format!("  {line}"),
        _ => line,
    }));
    out.push(fence);
    out.extend(close.map(|close| format!("\n{close}")));
    out
}

/// Returns text for an HTML comment: nothing in it ends the comment.
fn comment(text: &str) -> String {
    clean(text).chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/')).collect()
}

/// Returns text for a code span.
fn code(text: &str) -> String {
    clean(text).replace('`', "'")
}

/// Returns an item's changes with the signs in the first column, where Markdown's `diff` colours them.
fn as_diff(plan: &Plan, item: &Item, view: &View) -> Vec<String> {
    let mut out: Vec<String> = explained(plan, item, view);
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

/// Returns a fence that nothing inside of it ends.
pub(crate) fn fence(lines: &[String]) -> String {
    let longest = lines.iter().flat_map(|line| line.split(|c| c != '`')).map(str::len).max().unwrap_or(0);
    "`".repeat((longest + 1).max(3))
}

/// Returns text that Markdown takes literally.
pub(crate) fn escaped(text: &str) -> String {
    let special = |c: char| c.is_ascii_punctuation() && !matches!(c, '-' | '.' | ',' | ':' | ';' | '/' | '(' | ')');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}
