//! Plans as text, and in modules of their own as Markdown and as drift.

mod drift;
mod markdown;
mod rights;

pub use drift::{DriftJson, Since, drift_json, drift_markdown, drift_text, has_drifted, who_markdown, who_text};
pub use markdown::{Footer, plan_markdown};
pub(super) use markdown::{LARGEST, escaped, fence};

use std::collections::BTreeMap;

use anstyle::Style;

use crate::engine::Scope;
use crate::engine::consent::{self, Ask, Loss};
use crate::engine::plan::{Counts, is_ownership};
use crate::engine::{Action, Change, Consent, Item, Order, Plan, Readiness, Rule, What, rules};

use crate::prices::Change as PriceChange;

use super::kinds;
use super::price::price_lines;
use super::style::{BAD, CHANGED, GOOD, LOST, QUIET, STRONG, Terminal, clean, clean_key, pad, width, wrap};
use super::units;
use super::value::{self, Row, Sign};

/// How a plan is to be shown.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// What the terminal can show.
    pub terminal: Terminal,
    /// The file that the plan was made from, as the user wrote it.
    pub file: &'a str,
    /// Whether to show the fields of what is created, and long values in full.
    pub verbose: bool,
    /// The consent that was given.
    pub consent: &'a Consent,
    /// Where the identity comes from: `profile prod, role Deploy`.
    pub via: Option<&'a str>,
    /// What the plan makes of the monthly price, where that is shown.
    pub price: Option<&'a PriceChange>,
    /// The rules of a kind, which say what is secret, and the units of numbers: `registry.rules(kind)`.
    pub rules: &'a dyn Fn(&str) -> &'static [Rule],
}

impl View<'_> {
    /// Checks whether the field at a path of a kind must not be shown.
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

/// Renders a plan as text: what is created and deleted by kind, what is changed field by field.
pub fn plan_text(plan: &Plan, view: &View) -> String {
    let mut out = header(plan, view);
    for section in sections(plan) {
        out.push(String::new());
        out.push(title(&view.terminal, &section));
        out.extend(body(plan, &section, view).into_iter().map(|line| format!("    {line}")));
    }
    for hint in &plan.hints {
        out.push(String::new());
        out.extend(wrap(&clean(hint), view.terminal.width));
    }
    let rights = rights::added(plan, view.verbose);
    if !rights.is_empty() {
        out.extend([String::new(), view.terminal.paint(STRONG, RIGHTS)]);
        let indented = |line: &String| wrap(line, view.terminal.width.saturating_sub(6)).join("\n      ");
        out.extend(rights.iter().map(|line| format!("    {}", indented(line))));
    }
    let flags = missing_flags(plan, view.consent);
    if !flags.is_empty() {
        out.push(String::new());
        out.extend(wrap(needs_consent(plan), view.terminal.width).into_iter().map(|line| view.terminal.paint(STRONG, &line)));
        out.extend(flags.into_iter().map(|flag| format!("    {flag}")));
    }
    out.push(String::new());
    let (summary, note) = summary(plan, view.file);
    out.extend(wrap(&summary, view.terminal.width).into_iter().map(|line| view.terminal.paint(STRONG, &line)));
    out.extend(note.iter().flat_map(|note| wrap(note, view.terminal.width)));
    if let Some((price, movers)) = price(view) {
        out.extend(wrap(&price, view.terminal.width));
        out.extend(movers.iter().map(|line| format!("    {line}")));
    }
    finish(out)
}

/// Returns what the plan makes of the monthly price, in a sentence and the largest movers.
fn price(view: &View) -> Option<(String, Vec<String>)> {
    let is_billed = |price: &&PriceChange| !price.before.lines.is_empty() || !price.after.lines.is_empty();
    view.price.filter(is_billed).map(price_lines)
}

/// The title above [`rights::added`].
const RIGHTS: &str = "New permissions and open ports:";

/// Returns the flags that give the missing consent: one for all of a section, one for a whole environment.
pub(super) fn missing_flags(plan: &Plan, consent: &Consent) -> Vec<String> {
    let (_, missing) = consent.sort(plan);
    if missing.is_empty() {
        return Vec::new();
    }
    // The name of an environment stands for all that is surely in it.
    let (sure, named): (Vec<&Item>, Vec<&Item>) = missing.into_iter().partition(|item| plan.destroy && !item.unmarked);
    let whole = (!sure.is_empty()).then(|| format!("--confirm {}", clean(&plan.environment())));
    let flags = consent::flags(plan, &named).into_iter().map(|(flag, what)| format!("{flag} {}", clean(&what)));
    whole.into_iter().chain(flags).collect()
}

/// Returns the title above [`missing_flags`].
pub(super) fn needs_consent(plan: &Plan) -> &'static str {
    if plan.destroy {
        "This loses data, or deletes objects that are protected or may not be this stack's, and needs consent. To allow it for the \
         whole environment, add:"
    } else {
        "These changes lose data, affect protected objects or cannot be undone, and need consent. To allow them, add:"
    }
}

pub(crate) fn finish(lines: Vec<String>) -> String {
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Returns what a plan is about: `stack webapp · environment staging · 123456789012 (profile staging) · us-east-1`.
pub fn about(scope: &Scope, via: Option<&str>, terminal: &Terminal) -> String {
    let via = via.map_or_else(String::new, |via| format!(" ({via})"));
    let parts = [
        format!("stack {}", scope.stack),
        format!("environment {}", scope.env),
        format!("{}{via}", scope.account),
        scope.region.clone(),
    ];
    parts.map(|part| clean(&part).into_owned()).join(&format!(" {} ", terminal.dot()))
}

fn header(plan: &Plan, view: &View) -> Vec<String> {
    let terminal = &view.terminal;
    let about = about(&plan.scope, view.via, terminal);
    let mut out: Vec<String> = wrap(&about, terminal.width).iter().map(|line| terminal.paint(STRONG, line)).collect();
    if plan.destroy && !plan.is_empty() {
        let text = "This destroys the stack: every object that belongs to it in AWS is deleted.";
        out.extend(wrap(text, terminal.width).iter().map(|line| terminal.paint(BAD, line)));
    }
    out
}

/// Returns the sections in the order of the text, each in reading order.
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
        section("?", "note", CHANGED, pick(&is_noted)),
        section("+", "create", GOOD, pick(&|item| item.action == Action::Create)),
        section("~", "update", CHANGED, pick(&|item| item.action == Action::Update)),
        section("-/+", "replace", LOST, pick(&|item| item.action == Action::Replace)),
        section("-", "delete", BAD, deleted),
        section("!", "refuse", BAD, pick(&|item| item.action == Action::Refuse)),
    ];
    all.into_iter().filter(|section| !section.items.is_empty()).collect()
}

/// Checks whether an item stays as it is while AWS has not finished with it.
fn is_waiting(item: &Item) -> bool {
    let waiting = item.before.as_ref().is_some_and(|before| matches!(before.state, Readiness::Waiting { .. }));
    item.action == Action::Keep && waiting
}

/// Checks whether an item stays as it is and has a note.
fn is_noted(item: &Item) -> bool {
    item.action == Action::Keep && item.reason.is_some() && !is_waiting(item)
}

/// Checks whether an item stays as it is and does not work as it should.
fn is_impaired(item: &Item) -> bool {
    let impaired = item.before.as_ref().is_some_and(|before| matches!(before.state, Readiness::Impaired(_)));
    item.action == Action::Keep && impaired
}

/// Returns how many references lie under each item.
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

fn title(terminal: &Terminal, section: &Section) -> String {
    terminal.paint(section.style, &format!("{} {} {}", section.mark, section.word, section.items.len()))
}

/// Renders the lines under a section's title, to be indented by four.
fn body(plan: &Plan, section: &Section, view: &View) -> Vec<String> {
    let word = section.items.first().map_or(Action::Keep, |item| item.action);
    let terminal = &view.terminal;
    match word {
        Action::Create if view.verbose => section.items.iter().flat_map(|item| created(plan, item, view)).collect(),
        Action::Create | Action::Delete => {
            let told =
                |item: &&Item| item.reason.is_some() || item.last_copy.is_some() || consent_note(item, view, plan).is_some();
            let (alone, grouped): (Vec<&Item>, Vec<&Item>) = section.items.iter().copied().partition(told);
            let mut out = by_kind(&grouped, terminal);
            out.extend(alone.into_iter().flat_map(|item| explained(plan, item, view)));
            out
        }
        Action::Update | Action::Replace => section
            .items
            .iter()
            .flat_map(|item| {
                let rows = rows(item, view, terminal.width.saturating_sub(10));
                let rows = rows
                    .into_iter()
                    .map(|row| format!("{}{}{}", if row.nested { "      " } else { "  " }, gutter(terminal, row.sign), row.text));
                explained(plan, item, view).into_iter().chain(rows).collect::<Vec<_>>()
            })
            .collect(),
        Action::Keep | Action::Refuse => section.items.iter().flat_map(|item| explained(plan, item, view)).collect(),
    }
}

pub(super) fn gutter(terminal: &Terminal, sign: Sign) -> String {
    match sign {
        Sign::Added => terminal.paint(GOOD, sign.gutter()),
        Sign::Removed => terminal.paint(BAD, sign.gutter()),
        Sign::Same | Sign::Changed => sign.gutter().to_owned(),
    }
}

/// Returns the changed fields of an item. The ownership tags are shown only when nothing else changes.
fn rows(item: &Item, view: &View, room: usize) -> Vec<Row> {
    let mut shown: Vec<&Change> = item.changes.changes.iter().filter(|change| !is_ownership(change)).collect();
    if shown.is_empty() && item.action == Action::Update {
        shown = item.changes.changes.iter().collect();
    }
    let measured: Vec<Change> = shown.into_iter().map(|change| units::with_unit((view.rules)(&item.key.kind), change)).collect();
    value::changes(&view.terminal, &measured.iter().collect::<Vec<_>>(), room, view.verbose)
}

/// Renders a line for each kind: how many, and their names.
fn by_kind(items: &[&Item], terminal: &Terminal) -> Vec<String> {
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
    let room = terminal.width.saturating_sub(4 + lead);
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
            out.extend(wrap(&names.join(" "), terminal.width.saturating_sub(8)).into_iter().map(|line| format!("    {line}")));
        }
    }
    out
}

/// Renders an item by its key, with its notes.
fn explained(plan: &Plan, item: &Item, view: &View) -> Vec<String> {
    let terminal = &view.terminal;
    let key = clean_key(&item.key);
    let order = match item.order {
        Some(Order::CreateFirst) => Some("(create before delete)"),
        Some(Order::DeleteFirst) => Some("(delete before create)"),
        None => None,
    };
    // The id tells apart what has the same key.
    let id = item.before.as_ref().filter(|_| item.action == Action::Delete && item.reason.is_some());
    let id = id.and_then(|before| before.live.get("id")?.as_str()).map(|id| format!("({})", clean(id)));
    let notes: Vec<String> = [order.map(str::to_owned), id].into_iter().flatten().collect();
    let mut out = vec![if notes.is_empty() { key } else { format!("{key}   {}", terminal.paint(QUIET, &notes.join(" "))) }];
    let copy = item.last_copy.iter().map(|name| format!("leaves the final snapshot {}", clean(name)));
    let told = item
        .reason
        .iter()
        .map(|reason| clean(reason).into_owned())
        .chain(item.effects.iter().map(|effect| clean(&effect.sentence()).into_owned()))
        .chain(data_note(item))
        .chain(copy)
        .chain(consent_note(item, view, plan));
    let room = terminal.width.saturating_sub(8);
    // The flag and its value stay on one line, to be copied.
    out.extend(told.flat_map(|text| wrap(&text, room)).map(|line| format!("    {}", line.replace('\u{a0}', " "))));
    out
}

/// Returns what happens to the data of an object that is replaced.
fn data_note(item: &Item) -> Option<String> {
    match item.ask() {
        Some(Ask::Replace(Loss::GoesOver)) => Some(
            "the replacement starts with a copy of its data, taken when this step starts; later writes are only in the old object"
                .into(),
        ),
        Some(Ask::Replace(Loss::ForGood)) => Some("the replacement starts empty: its data is not copied".into()),
        _ => None,
    }
}

fn consent_note(item: &Item, view: &View, plan: &Plan) -> Option<String> {
    let ask = item.ask()?;
    let what = match ask {
        Ask::Upgrade => "cannot be undone",
        Ask::Delete(Loss::Protected) | Ask::Replace(Loss::Protected) => "protected",
        Ask::Delete(Loss::ForGood) => "its data is lost permanently",
        Ask::Delete(_) | Ask::Replace(_) => "holds data",
    };
    Some(if view.consent.covers(plan, item) {
        format!("{what}; consent given")
    } else if plan.destroy && !item.unmarked {
        format!("{what}: needs `--confirm\u{a0}{}`", clean(&plan.environment()))
    } else {
        let named = plan.doubted_with(item).last().unwrap_or(item);
        format!("{what}: needs `{}\u{a0}{}`", ask.flag(), clean_key(&named.key))
    })
}

/// Renders an object that is created, with its fields.
fn created(plan: &Plan, item: &Item, view: &View) -> Vec<String> {
    let mut out = explained(plan, item, view);
    if let Some(desired) = &item.desired {
        let secret = |path: &[String]| view.is_secret(&item.key.kind, path);
        let fields =
            value::fields(&view.terminal, (view.rules)(&item.key.kind), desired, &secret, view.terminal.width.saturating_sub(8));
        out.extend(fields.into_iter().map(|line| format!("    {line}")));
    }
    out
}

/// Returns `Plan: 47 to create, 96 unchanged.` and a note about the whole.
fn summary(plan: &Plan, file: &str) -> (String, Option<String>) {
    let counts = plan.counts();
    let waiting = plan.items.iter().filter(|item| is_waiting(item)).count();
    if plan.is_empty() {
        if plan.destroy {
            return ("Nothing to destroy: AWS has no objects of this stack.".into(), None);
        }
        if waiting > 0 {
            let text = format!("Nothing to change: `apply` waits until AWS has finished with {}.", objects(waiting));
            let rest = counts.keep - waiting;
            return (text, (rest > 0).then(|| format!("AWS matches {} otherwise ({}).", clean(file), objects(rest))));
        }
        let text = format!("No changes: AWS matches {} ({}).", clean(file), objects(counts.keep));
        let impaired = plan.items.iter().any(is_impaired);
        return (text, impaired.then(|| "Some objects need attention: see above.".to_owned()));
    }
    let text = if plan.destroy { "Destroy" } else { "Plan" };
    let note = (counts.refuse > 0).then(|| "Nothing is changed while anything is refused.".into());
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
