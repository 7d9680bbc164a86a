//! Drift: what differs in AWS from what was applied last, and who changed it. The plan that would fix it says the same in the
//! other direction.

use serde::Serialize;

use crate::engine::item::NOTICED;
use crate::engine::{Action, Item, Key, Plan};
use crate::ui::plan_json::{ChangeJson, Deed, NoteJson, change_json, notes};

use super::markdown::{LARGEST, escaped, fence};
use super::{
    BAD, CHANGED, STRONG, Section, Terminal, View, about, body, clean, clean_key, finish, objects, sections, title, wrap,
};

const WHO: &str = "Who changed it, according to CloudTrail:";
/// The most lines of that in a comment.
const MOST: usize = 40;

/// The run that it is compared with.
pub struct Since {
    /// Its number in the history.
    pub run: u64,
    /// When it began.
    pub began: String,
    /// Who ran it: an ARN.
    pub who: String,
    /// The command.
    pub command: String,
}

/// Drift, as `--json` writes it.
#[derive(Clone, Debug, Serialize)]
pub struct DriftJson {
    /// Grows with every change that a reader could notice.
    pub version: u32,
    /// The stack's name.
    pub stack: String,
    /// The environment; `default` when none was chosen.
    pub env: String,
    /// The AWS account.
    pub account: String,
    /// The region of what is regional.
    pub region: String,
    /// The run that it is compared with.
    pub run: u64,
    /// When that began.
    pub began: String,
    /// Every object that is not as that run described it.
    pub changes: Vec<DriftedJson>,
    /// Notes about objects that are as they were.
    pub notes: Vec<NoteJson>,
    /// Who made the changes, the newest first, according to CloudTrail.
    pub who: Vec<Deed>,
}

/// An object that is not as it was described.
#[derive(Clone, Debug, Serialize)]
pub struct DriftedJson {
    /// The object: `ec2.subnet/app-a`.
    pub key: String,
    /// `changed`, `gone` or `added`.
    pub what: &'static str,
    /// Field by field: `before` as it was applied, `after` as it is now.
    pub changes: Vec<ChangeJson>,
}

fn what(action: Action) -> &'static str {
    match action {
        Action::Create => "gone",
        Action::Delete => "added",
        _ => "changed",
    }
}

/// Returns what someone did to an object, in words, when no plan would fix it: an access key of a user, say, or the stack's tags on
/// something else. What AWS does by itself, as the file lets it, is not of that kind.
fn noticed(item: &Item) -> Option<&str> {
    let words = item.before.as_ref().and_then(|before| before.live.get(NOTICED)?.as_str());
    // What only has the stack's tags is left alone, and reported.
    let impostor = item.reason.as_deref().filter(|_| item.action == Action::Keep && item.desired.is_none());
    words.or(impostor)
}

/// Returns how many objects stay as they are although someone did something to them.
fn noticed_alone(plan: &Plan) -> usize {
    plan.items.iter().filter(|item| item.action == Action::Keep && noticed(item).is_some()).count()
}

/// Checks whether AWS differs from what was applied, in anything that a plan would fix or that is only reported.
pub fn has_drifted(plan: &Plan) -> bool {
    !plan.is_empty() || noticed_alone(plan) > 0
}

/// Returns the plan that would fix the drift, read as the drift: before is what was applied, after is what is there.
fn told(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.destroy = false;
    for item in &mut plan.items {
        (item.order, item.last_copy, item.needs_consent, item.carries_data) = (None, None, false, false);
        // They are the effects of the fix.
        item.effects.clear();
        if matches!(item.action, Action::Update | Action::Replace | Action::Refuse) {
            item.action = Action::Update;
        }
        if matches!(item.action, Action::Update | Action::Delete) {
            item.reason = noticed(item).map(str::to_owned);
        }
        for change in &mut item.changes.changes {
            std::mem::swap(&mut change.before, &mut change.after);
            change.unknown = None;
            (change.forces_replacement, change.impossible) = (false, None);
        }
    }
    plan
}

fn renamed(mut section: Section<'_>) -> Section<'_> {
    (section.mark, section.word, section.style) = match section.items.first().map(|item| item.action) {
        Some(Action::Create) => ("-", "gone", BAD),
        Some(Action::Delete) => ("+", "added", CHANGED),
        Some(Action::Update) => ("~", "changed", CHANGED),
        _ => (section.mark, section.word, section.style),
    };
    section
}

fn compared(since: &Since) -> String {
    format!("Compared with run {} of {}, by {}: {}", since.run, clean(&since.began), clean(&since.who), clean(&since.command))
}

fn summary(plan: &Plan) -> String {
    let counts = plan.counts();
    if !has_drifted(plan) {
        return format!("No drift: AWS matches what was applied ({}).", objects(counts.keep));
    }
    let (changed, noticed) = (counts.update + counts.replace + counts.refuse, noticed_alone(plan));
    let parts = [
        (changed, "changed"),
        (counts.create, "gone"),
        (counts.delete, "added"),
        (noticed, "noted above, which an apply does not change"),
        (counts.keep - noticed, "unchanged"),
    ];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    format!("Drift: {}.", parts.join(", "))
}

/// Renders drift as text.
pub fn drift_text(plan: &Plan, since: &Since, view: &View) -> String {
    let (terminal, said) = (&view.terminal, summary(plan));
    let plan = told(plan);
    let mut out: Vec<String> =
        wrap(&about(&plan.scope, view.via, terminal), terminal.width).iter().map(|line| terminal.paint(STRONG, line)).collect();
    out.extend(wrap(&compared(since), terminal.width));
    for section in sections(&plan).into_iter().map(renamed) {
        out.push(String::new());
        out.push(title(terminal, &section));
        out.extend(body(&plan, &section, view).into_iter().map(|line| format!("    {line}")));
    }
    out.push(String::new());
    out.extend(wrap(&said, terminal.width).into_iter().map(|line| terminal.paint(STRONG, &line)));
    finish(out)
}

/// Renders drift as Markdown, for an issue or a message.
pub fn drift_markdown(plan: &Plan, since: &Since, view: &View) -> String {
    let view = &View { terminal: Terminal::plain(100), ..*view };
    let mut out = vec![
        format!("### {}", escaped(&about(&plan.scope, view.via, &view.terminal))),
        String::new(),
        format!("**{}**", summary(plan)),
    ];
    out.extend([String::new(), escaped(&compared(since))]);
    let plan = told(plan);
    let mut left = LARGEST;
    for section in sections(&plan).into_iter().map(renamed) {
        let title = format!("**{} {}**", section.word, section.items.len());
        let lines = fenced(body(&plan, &section, view));
        let size = finish(lines.clone()).chars().count();
        if size > left {
            out.extend([String::new(), format!("{title}: too long for a comment; run `stack drift`")]);
        } else {
            left -= size;
            out.extend([String::new(), title]);
            out.extend(lines);
        }
    }
    finish(out)
}

/// Returns lines as they are, in a fence below an empty line.
fn fenced(lines: Vec<String>) -> Vec<String> {
    let fence = fence(&lines);
    [String::new(), fence.clone()].into_iter().chain(lines).chain([fence]).collect()
}

/// Returns drift as JSON.
pub fn drift_json(plan: &Plan, since: &Since, who: Vec<Deed>) -> DriftJson {
    let read = told(plan);
    let mut items: Vec<_> = read.changes().collect();
    items.sort_by(|a, b| a.key.cmp(&b.key));
    DriftJson {
        version: 1,
        stack: plan.scope.stack.clone(),
        env: plan.scope.env.clone(),
        account: plan.scope.account.clone(),
        region: plan.scope.region.clone(),
        run: since.run,
        began: since.began.clone(),
        changes: items
            .into_iter()
            .map(|item| DriftedJson {
                key: item.key.to_string(),
                what: what(item.action),
                changes: item.changes.changes.iter().map(change_json).collect(),
            })
            .collect(),
        notes: notes(plan),
        who,
    }
}

/// Renders who did what, a line each, below a plan or drift; nothing when nothing is known.
pub fn who_text(deeds: &[Deed], terminal: &Terminal) -> String {
    if deeds.is_empty() {
        return String::new();
    }
    finish([String::new(), WHO.to_owned()].into_iter().chain(who_lines(deeds, terminal)).collect())
}

/// Renders the same as Markdown, literally: whoever can sign in chooses the name of a session.
pub fn who_markdown(deeds: &[Deed]) -> String {
    if deeds.is_empty() {
        return String::new();
    }
    let mut lines = who_lines(deeds, &Terminal::plain(100));
    if lines.len() > MOST {
        lines.truncate(MOST);
        lines.push("    … and more: use `--who` without `--markdown`".into());
    }
    finish([String::new(), WHO.to_owned()].into_iter().chain(fenced(lines)).collect())
}

fn who_lines(deeds: &[Deed], terminal: &Terminal) -> Vec<String> {
    let mut out = Vec::new();
    for deed in deeds {
        let key = deed.key.parse::<Key>().map_or_else(|_| clean(&deed.key).into_owned(), |key| clean_key(&key));
        let text = format!("{key}: {} by {}, {}", clean(&deed.event), clean(&deed.by), clean(&deed.at));
        out.extend(wrap(&text, terminal.width.saturating_sub(4)).into_iter().map(|line| format!("    {line}")));
    }
    out
}
