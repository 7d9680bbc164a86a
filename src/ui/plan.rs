//! A plan as text; as Markdown in a module of its own.

mod markdown;

pub use markdown::plan_markdown;

use std::collections::BTreeMap;

use anstyle::Style;

use crate::engine::plan::{Counts, is_ownership};
use crate::engine::resource::Scope;
use crate::engine::{Action, Change, Item, Key, Order, Plan, Readiness, Rule, What, rules};

use super::kinds;
use super::style::{BAD, CHANGED, GOOD, LOST, Look, QUIET, STRONG, clean, pad, width, wrap};
use super::value::{self, Row, Sign};

/// How a plan is to be shown.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Where it is written to.
    pub look: Look,
    /// The file that the plan was made from, as the user wrote it.
    pub file: &'a str,
    /// Whether to show the fields of what is created, and long values in full.
    pub verbose: bool,
    /// Objects that the user has already named as allowed to go.
    pub allowed: &'a [Key],
    /// The rules of a kind, which say what is secret: `registry.find(kind).map_or(&[], |k| k.rules())`.
    pub rules: &'a dyn Fn(&str) -> &'static [Rule],
}

impl View<'_> {
    /// Whether the field at a path of a kind must not be shown.
    pub(crate) fn is_secret(&self, kind: &str, path: &[String]) -> bool {
        rules::is_within((self.rules)(kind), path, What::Secret)
    }
}

/// The section of a plan about one action.
struct Section<'a> {
    mark: &'static str,
    word: &'static str,
    style: Style,
    items: Vec<&'a Item>,
}

/// A plan as text: what is created and deleted by kind, what is changed field by field.
pub fn plan_text(plan: &Plan, view: &View) -> String {
    let mut out = header(plan, &view.look);
    for section in sections(plan) {
        out.push(String::new());
        out.push(title(&view.look, &section));
        out.extend(body(&section, view).into_iter().map(|line| format!("    {line}")));
    }
    let consent = missing_consent(plan, view.allowed);
    if !consent.is_empty() {
        out.push(String::new());
        let text = "Objects that hold data go only when they are named. To let these go, add:";
        out.extend(wrap(text, view.look.width).into_iter().map(|line| view.look.paint(STRONG, &line)));
        out.extend(consent_flags(plan, &consent).into_iter().map(|flag| format!("    {flag}")));
    }
    out.push(String::new());
    let (summary, note) = summary(plan, view.file);
    out.extend(wrap(&summary, view.look.width).into_iter().map(|line| view.look.paint(STRONG, &line)));
    out.extend(note.iter().flat_map(|note| wrap(note, view.look.width)));
    finish(out)
}

/// The objects that hold data, go by this plan, and are not yet `allowed` to.
pub fn missing_consent<'a>(plan: &'a Plan, allowed: &[Key]) -> Vec<&'a Key> {
    let mut keys: Vec<&Key> =
        plan.items.iter().filter(|item| item.needs_consent).map(|item| &item.key).filter(|key| !allowed.contains(key)).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// What lets this object go.
fn consent_flag(item: &Item) -> &'static str {
    if item.action == Action::Replace { "--allow-replace" } else { "--allow-delete" }
}

/// What lets these objects go, a flag each.
pub(super) fn consent_flags(plan: &Plan, keys: &[&Key]) -> Vec<String> {
    let items = plan.items.iter().filter(|item| item.needs_consent && keys.contains(&&item.key));
    let mut flags: Vec<String> = items.map(|item| format!("{} {}", consent_flag(item), clean_key(&item.key))).collect();
    flags.sort();
    flags.dedup();
    flags
}

pub(crate) fn finish(lines: Vec<String>) -> String {
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// What it is about: `stack webapp · environment staging · 123456789012 · us-east-1`.
pub(crate) fn about(scope: &Scope, look: &Look) -> String {
    let environment = (scope.env != "default").then(|| format!("environment {}", scope.env));
    let parts = [Some(format!("stack {}", scope.stack)), environment, Some(scope.account.clone()), Some(scope.region.clone())];
    let parts: Vec<String> = parts.into_iter().flatten().map(|part| clean(&part).into_owned()).collect();
    parts.join(&format!(" {} ", look.dot()))
}

fn header(plan: &Plan, look: &Look) -> Vec<String> {
    let mut out: Vec<String> = wrap(&about(&plan.scope, look), look.width).iter().map(|line| look.paint(STRONG, line)).collect();
    if plan.destroy && !plan.is_empty() {
        let text = "This destroys the stack: everything that belongs to it in AWS goes.";
        out.extend(wrap(text, look.width).iter().map(|line| look.paint(BAD, line)));
    }
    out
}

/// The sections in the order of the text, each in reading order.
fn sections(plan: &Plan) -> Vec<Section<'_>> {
    let depth = depths(plan);
    let mut by_kind: BTreeMap<&str, usize> = BTreeMap::new();
    for (item, depth) in plan.items.iter().zip(&depth) {
        let deepest = by_kind.entry(&item.key.kind).or_default();
        *deepest = (*deepest).max(*depth);
    }
    let place = |item: &Item| {
        let kind = item.key.kind.as_str();
        (kinds::rank(kind), by_kind.get(kind).copied().unwrap_or(0), item.key.clone())
    };
    let pick = |wanted: &dyn Fn(&Item) -> bool| {
        let mut items: Vec<&Item> = plan.items.iter().filter(|item| wanted(item)).collect();
        items.sort_by_cached_key(|item| place(item));
        items
    };
    let mut deleted = pick(&|item| item.action == Action::Delete);
    // What uses others goes before them; within a kind the names still read forwards.
    deleted.sort_by_key(|item| {
        let (rank, depth, key) = place(item);
        (std::cmp::Reverse((rank, depth, key.kind)), key.name)
    });
    let section = |mark, word, style, items| Section { mark, word, style, items };
    let all = [
        section("*", "wait for", QUIET, pick(&is_waiting)),
        section("+", "create", GOOD, pick(&|item| item.action == Action::Create)),
        section("~", "update", CHANGED, pick(&|item| item.action == Action::Update)),
        section("-/+", "replace", LOST, pick(&|item| item.action == Action::Replace)),
        section("-", "delete", BAD, deleted),
        section("!", "refuse", BAD, pick(&|item| item.action == Action::Refuse)),
    ];
    all.into_iter().filter(|section| !section.items.is_empty()).collect()
}

/// Nothing is to change, but AWS is not finished with it.
fn is_waiting(item: &Item) -> bool {
    let waiting = item.before.as_ref().is_some_and(|before| matches!(before.state, Readiness::Waiting { .. }));
    item.action == Action::Keep && waiting
}

/// How many references lie under each item.
fn depths(plan: &Plan) -> Vec<usize> {
    let mut depth = vec![0; plan.items.len()];
    // As often as the longest chain is long; a circle, which a plan must not have, ends by the count.
    for _ in 0..plan.items.len() {
        let mut settled = true;
        for (at, item) in plan.items.iter().enumerate() {
            let uses = item.needs.iter().map(|(to, _)| to).chain(&item.was_using);
            let deepest = uses.filter_map(|to| depth.get(*to)).max().map_or(0, |d| d + 1).min(plan.items.len());
            if deepest > depth[at] {
                depth[at] = deepest;
                settled = false;
            }
        }
        if settled {
            break;
        }
    }
    depth
}

fn title(look: &Look, section: &Section) -> String {
    look.paint(section.style, &format!("{} {} {}", section.mark, section.word, section.items.len()))
}

/// The lines under a section's title, to be indented by four.
fn body(section: &Section, view: &View) -> Vec<String> {
    let word = section.items.first().map_or(Action::Keep, |item| item.action);
    let look = &view.look;
    match word {
        Action::Create if view.verbose => section.items.iter().flat_map(|item| created(item, view)).collect(),
        Action::Create | Action::Delete => {
            let told = |item: &&Item| item.reason.is_some() || item.last_copy.is_some() || consent_note(item, view).is_some();
            let (alone, grouped): (Vec<&Item>, Vec<&Item>) = section.items.iter().copied().partition(told);
            let mut out = by_kind(&grouped, look);
            out.extend(alone.into_iter().flat_map(|item| explained(item, view)));
            out
        }
        Action::Update | Action::Replace => section
            .items
            .iter()
            .flat_map(|item| {
                let rows = rows(item, view, look.width.saturating_sub(10));
                let rows = rows
                    .into_iter()
                    .map(|row| format!("{}{}{}", if row.nested { "      " } else { "  " }, gutter(look, row.sign), row.text));
                explained(item, view).into_iter().chain(rows).collect::<Vec<_>>()
            })
            .collect(),
        Action::Keep | Action::Refuse => section.items.iter().flat_map(|item| explained(item, view)).collect(),
    }
}

fn gutter(look: &Look, sign: Sign) -> String {
    match sign {
        Sign::Added => look.paint(GOOD, sign.gutter()),
        Sign::Removed => look.paint(BAD, sign.gutter()),
        Sign::Same | Sign::Changed => sign.gutter().to_owned(),
    }
}

/// The changed fields of an item. The ownership tags are shown only when nothing else changes.
fn rows(item: &Item, view: &View, room: usize) -> Vec<Row> {
    let mut shown: Vec<&Change> = item.changes.changes.iter().filter(|change| !is_ownership(change)).collect();
    if shown.is_empty() && item.action == Action::Update {
        shown = item.changes.changes.iter().collect();
    }
    value::changes(&view.look, &shown, room, view.verbose)
}

/// One line for each kind: how many, and their names.
fn by_kind(items: &[&Item], look: &Look) -> Vec<String> {
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for item in items {
        let name = clean(&item.key.name).into_owned();
        match groups.last_mut() {
            Some((kind, names)) if *kind == item.key.kind => names.push(name),
            _ => groups.push((&item.key.kind, vec![name])),
        }
    }
    let column = groups.iter().map(|(kind, _)| width(kind)).max().unwrap_or(0);
    let digits = groups.iter().map(|(_, names)| names.len().to_string().len()).max().unwrap_or(1);
    let lead = column + 2 + digits + 3;
    let room = look.width.saturating_sub(4 + lead);
    let mut out = Vec::new();
    for (kind, names) in groups {
        let kind = clean(kind);
        let count = format!("{:>digits$}", names.len());
        if room >= 24 {
            let mut head = format!("{}  {count}   ", pad(&kind, column));
            for line in wrap(&names.join(" "), room) {
                out.push(head + &line);
                head = " ".repeat(lead);
            }
        } else {
            out.push(format!("{kind}  {}", count.trim_start()));
            out.extend(wrap(&names.join(" "), look.width.saturating_sub(8)).into_iter().map(|line| format!("    {line}")));
        }
    }
    out
}

/// An item by its key, with what is to be known about it.
fn explained(item: &Item, view: &View) -> Vec<String> {
    let look = &view.look;
    let key = clean_key(&item.key);
    let order = match item.order {
        Some(Order::CreateFirst) => Some("(new one first)"),
        Some(Order::DeleteFirst) => Some("(old one first)"),
        None => None,
    };
    // The id tells apart what has the same key.
    let id = item.before.as_ref().filter(|_| item.action == Action::Delete && item.reason.is_some());
    let id = id.and_then(|before| before.live.get("id")?.as_str()).map(|id| format!("({})", clean(id)));
    let notes: Vec<String> = [order.map(str::to_owned), id].into_iter().flatten().collect();
    let mut out = vec![if notes.is_empty() { key } else { format!("{key}   {}", look.paint(QUIET, &notes.join(" "))) }];
    let copy = item.last_copy.iter().map(|name| format!("leaves the final snapshot {} behind", clean(name)));
    let told = item
        .reason
        .iter()
        .map(|reason| clean(reason).into_owned())
        .chain(data_note(item))
        .chain(copy)
        .chain(consent_note(item, view));
    let room = look.width.saturating_sub(8);
    // The flag and its value stay on one line, to be copied.
    out.extend(told.flat_map(|text| wrap(&text, room)).map(|line| format!("    {}", line.replace('\u{a0}', " "))));
    out
}

/// What becomes of the data of what is replaced.
fn data_note(item: &Item) -> Option<String> {
    (item.action == Action::Replace && item.needs_consent && (item.carries_data || item.last_copy.is_some())).then(|| {
        if item.carries_data {
            "the new one begins with a copy of its data, taken when this starts; what is written later is only in the old one"
                .to_owned()
        } else {
            "the new one begins empty: its data does not go over".to_owned()
        }
    })
}

fn consent_note(item: &Item, view: &View) -> Option<String> {
    item.needs_consent.then(|| {
        if view.allowed.contains(&item.key) {
            "holds data; you allowed it to go".to_owned()
        } else {
            format!("holds data: needs `{}\u{a0}{}`", consent_flag(item), clean_key(&item.key))
        }
    })
}

fn clean_key(key: &Key) -> String {
    clean(&key.to_string()).into_owned()
}

/// What is to be created, with its fields.
fn created(item: &Item, view: &View) -> Vec<String> {
    let mut out = explained(item, view);
    if let Some(desired) = &item.desired {
        let secret = |path: &[String]| view.is_secret(&item.key.kind, path);
        let fields = value::fields(&view.look, desired, &secret, view.look.width.saturating_sub(8));
        out.extend(fields.into_iter().map(|line| format!("    {line}")));
    }
    out
}

/// `Plan: 47 to create, 96 unchanged.` and what else is to be said about the whole.
fn summary(plan: &Plan, file: &str) -> (String, Option<String>) {
    let counts = plan.counts();
    let waiting = plan.items.iter().filter(|item| is_waiting(item)).count();
    if plan.is_empty() {
        if plan.destroy {
            return ("Nothing to destroy: AWS has no object of this stack.".into(), None);
        }
        let text = format!("No changes: AWS is as {} describes it ({}).", clean(file), objects(counts.keep));
        return (text, (waiting > 0).then(|| "AWS is not finished yet: applying this waits until it is.".into()));
    }
    let text = if plan.destroy { "Destroy" } else { "Plan" };
    let note = (counts.refuse > 0).then(|| "Nothing is done while anything is refused.".into());
    (format!("{text}: {}.", counted(&counts)), note)
}

fn objects(count: usize) -> String {
    if count == 1 { "1 object".into() } else { format!("{count} objects") }
}

fn counted(counts: &Counts) -> String {
    let parts = [
        (counts.create, "to create"),
        (counts.update, "to update"),
        (counts.replace, "to replace"),
        (counts.delete, "to delete"),
        (counts.refuse, "refused"),
        (counts.keep, "unchanged"),
    ];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    parts.join(", ")
}

#[cfg(test)]
pub(crate) mod tests;
