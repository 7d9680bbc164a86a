//! How a run ended: what was done, what failed and what to do next.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::engine::action::Verb;
use crate::engine::apply::Link;
use crate::engine::{Class, Error, Key, Outcome};

use super::plan::finish;
use super::style::{BAD, CHANGED, GOOD, QUIET, STRONG, Terminal, clean, duration, fit, fit_end, now, pad, width, wrap};

/// A run that took longer than this is explained by its longest chain.
const EXPLAIN: Duration = Duration::from_secs(5);
/// Operations on the chain that took less than this part of the run are only counted.
const SHORT: u32 = 50;

/// What a line of a log begins with in the message of an error.
const LOG: &str = "  | ";

/// Returns the verb of what is in progress: `creating`.
pub(crate) fn doing(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "creating",
        Verb::Update => "updating",
        Verb::Prepare => "preparing",
        Verb::Wait => "waiting",
        Verb::Delete => "deleting",
    }
}

/// Returns the verb of what is done: `created`.
pub(crate) fn done(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "created",
        Verb::Update => "updated",
        Verb::Prepare => "prepared",
        Verb::Wait => "ready",
        Verb::Delete => "deleted",
    }
}

/// Returns what failed, in words: `ec2.vpc/main could not be created`.
pub(crate) fn not_done(key: &Key, verb: Verb) -> String {
    let what = match verb {
        Verb::Wait => "did not become ready".to_owned(),
        other => format!("could not be {}", done(other)),
    };
    format!("{} {what}", clean(&key.to_string()))
}

/// Renders how a run ended. What it waited for is added when it took long, or with `verbose`.
pub fn outcome(outcome: &Outcome, terminal: &Terminal, verbose: bool) -> String {
    let mut out = Vec::new();
    for verb in [Verb::Create, Verb::Update, Verb::Wait, Verb::Delete] {
        let of_verb = || outcome.done.iter().filter(|(_, v, _)| *v == verb);
        if let Some((key, _, time)) = of_verb().max_by_key(|(_, _, time)| *time) {
            let line = format!("{} {} {}", terminal.check(), done(verb), of_verb().count());
            let longest = format!("longest: {key} {}", duration(*time));
            let wide = width(&line) + 3 + width(&longest) <= terminal.width && *time >= Duration::from_secs(1);
            out.push(if wide {
                format!("{}   {}", terminal.paint(GOOD, &line), terminal.paint(QUIET, &longest))
            } else {
                terminal.paint(GOOD, &line)
            });
        }
    }
    for (first, rest) in alike(&outcome.failed) {
        out.extend(block(&not_done(&first.0, first.1), &first.2, terminal));
        if !rest.is_empty() {
            let names: Vec<String> = rest.iter().map(|(key, ..)| clean(&key.to_string()).into_owned()).collect();
            let said = format!("same error for {} more: {}", names.len(), names.join(" "));
            out.extend(wrap(&said, terminal.width.saturating_sub(4)).into_iter().map(|line| format!("    {line}")));
        }
    }
    out.extend(under_way(outcome, terminal));
    out.extend(skipped(outcome, terminal));
    if verbose || outcome.elapsed > EXPLAIN {
        out.extend(chain(outcome, verbose, terminal));
    }
    if !out.is_empty() {
        out.push(String::new());
    }
    let time = duration(outcome.elapsed);
    let counts = [
        (outcome.done.len(), "done"),
        (outcome.failed.len(), "failed"),
        (outcome.under_way.len(), "in progress"),
        (outcome.skipped.len(), "not started"),
    ];
    let counts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let counts = if counts.is_empty() { "nothing was changed".to_owned() } else { counts.join(", ") };
    let (style, text) = match (outcome.is_complete(), outcome.stopped) {
        (true, _) if outcome.done.is_empty() => (STRONG, "There was nothing to do.".to_owned()),
        (true, _) => (STRONG, format!("Done in {time}: {counts}.")),
        (false, true) if outcome.late => (CHANGED, format!("Stopped after {time} by `--timeout`: {counts}.")),
        (false, true) => (CHANGED, format!("Stopped after {time}: {counts}.")),
        (false, false) => (BAD, format!("Failed after {time}: {counts}.")),
    };
    out.push(terminal.paint(style, &text));
    if !outcome.is_complete() {
        out.extend(next(outcome).into_iter().flat_map(|step| wrap(step, terminal.width)));
    }
    finish(out)
}

/// Returns what to do after a run that is not complete: the same command helps only when the cause passes or is fixed.
fn next(outcome: &Outcome) -> Vec<&'static str> {
    const AGAIN: &str = "Run the same command again: it continues from here.";
    let step = |error: &Error| match error.class {
        // What is only new is known everywhere before this is given up.
        Class::NotYet if error.code.is_some() => {
            "What AWS kept refusing may name something wrong, or something that does not exist: fix it. Only if it is right, run the same command again."
        }
        Class::Ambiguous | Class::Throttled | Class::NotYet | Class::InUse | Class::Late => AGAIN,
        Class::Unreachable => "When AWS can be reached again, run the same command: it continues from here.",
        Class::Credentials => "Renew the credentials, then run the same command again: it continues from here.",
        Class::Denied => "Allow what is denied above, then run the same command again: it continues from here.",
        Class::Limit => "Raise the limit or make room, then run the same command again: it continues from here.",
        Class::Blocked => "Remove what blocks it, then run the same command again: it continues from here.",
        Class::Lost => "When the other run has ended, run the same command again: it continues from there.",
        Class::Invalid | Class::Exists | Class::NotFound | Class::Other => {
            "AWS will refuse this again: fix what is refused above, in the file or in AWS, then run the same command again: it continues from here."
        }
        Class::Failed => {
            "Fix what is named above, or it fails the same way; then run the same command again: it continues from here."
        }
        Class::Internal => "This is a bug in stack: running the same command again does not help.",
    };
    let mut steps: Vec<&'static str> = Vec::new();
    for said in outcome.failed.iter().map(|(_, _, error)| step(error)) {
        if !steps.contains(&said) {
            steps.push(said);
        }
    }
    // What passes by itself is not worth a word beside what does not.
    if steps.len() > 1 {
        steps.retain(|step| *step != AGAIN);
    }
    if steps.is_empty() { vec![AGAIN] } else { steps }
}

type Failure = (Key, Verb, Error);

/// Returns what two failures must have in common to be shown as one. Services have different codes for one cause.
pub(crate) fn reason(error: &Error) -> (Class, &str, &[String]) {
    (error.class, &error.message, &error.hints)
}

/// Groups failures with the same reason: the first, and the others.
fn alike(failed: &[Failure]) -> Vec<(&Failure, Vec<&Failure>)> {
    let mut groups: Vec<(&Failure, Vec<&Failure>)> = Vec::new();
    for one in failed {
        match groups.iter_mut().find(|(first, _)| reason(&first.2) == reason(&one.2)) {
            Some((_, rest)) => rest.push(one),
            None => groups.push((one, Vec::new())),
        }
    }
    groups
}

/// Renders the operations that continue in AWS after a stop.
fn under_way(outcome: &Outcome, terminal: &Terminal) -> Vec<String> {
    if outcome.under_way.is_empty() {
        return Vec::new();
    }
    let title = match outcome.under_way.len() {
        1 => "- 1 operation continues in AWS; the next run waits for it:".to_owned(),
        n => format!("- {n} operations continue in AWS; the next run waits for them:"),
    };
    let mut out: Vec<String> = wrap(&title, terminal.width).iter().map(|line| terminal.paint(CHANGED, line)).collect();
    for (key, verb, status) in &outcome.under_way {
        let said = if status.is_empty() { String::new() } else { format!(": {}", clean(status)) };
        out.push(format!(
            "    {}",
            fit(terminal, &format!("{} {}{said}", clean(&key.to_string()), doing(*verb)), terminal.width.saturating_sub(4))
        ));
    }
    out
}

/// Renders what was not started, by what it waited for.
fn skipped(outcome: &Outcome, terminal: &Terminal) -> Vec<String> {
    let mut groups: BTreeMap<Option<&Key>, Vec<String>> = BTreeMap::new();
    for (key, _, because) in &outcome.skipped {
        groups.entry(because.as_ref()).or_default().push(clean(&key.to_string()).into_owned());
    }
    let mut out = Vec::new();
    for (because, mut names) in groups {
        names.sort();
        names.dedup();
        let why = because
            .map_or_else(|| "because the run was stopped".to_owned(), |key| format!("because of {}", clean(&key.to_string())));
        out.push(terminal.paint(CHANGED, &format!("- not started {why}: {}", names.len())));
        out.extend(wrap(&names.join(" "), terminal.width.saturating_sub(4)).into_iter().map(|line| format!("    {line}")));
    }
    out
}

/// Renders the longest chain, a line for each operation that took long; each waited for the one above.
fn chain(outcome: &Outcome, verbose: bool, terminal: &Terminal) -> Vec<String> {
    let links = &outcome.chain;
    let time = |link: &Link| link.to.saturating_sub(link.from);
    let total: Duration = links.iter().map(time).sum();
    let is_long = |link: &Link| verbose || time(link) >= (outcome.elapsed / SHORT).max(Duration::from_millis(100));
    if !links.iter().any(is_long) {
        return Vec::new();
    }
    let named: Vec<String> =
        links.iter().filter(|link| is_long(link)).map(|link| clean(&link.key.to_string()).into_owned()).collect();
    let column = named.iter().map(|name| width(name)).max().unwrap_or(0).min(terminal.width / 2);
    let room = terminal.width.saturating_sub(2 + 6 + 2);
    let mut out = vec![String::new()];
    let title = format!("Longest chain: {} of {}; each waited for the one above it", duration(total), duration(outcome.elapsed));
    out.extend(wrap(&title, terminal.width).iter().map(|line| terminal.paint(STRONG, line)));
    let mut short: Vec<&Link> = Vec::new();
    let mut lines: Vec<(Duration, String, bool)> = Vec::new();
    let flush = |short: &mut Vec<&Link>, lines: &mut Vec<(Duration, String, bool)>| {
        if !short.is_empty() {
            let text = match short.as_slice() {
                [one] => format!("{} {}", clean(&one.key.to_string()), done(one.verb)),
                many => format!("{} short operations", many.len()),
            };
            lines.push((short.drain(..).map(time).sum(), text, true));
        }
    };
    for link in links {
        if !is_long(link) {
            short.push(link);
            continue;
        }
        flush(&mut short, &mut lines);
        let name = fit_end(terminal, &clean(&link.key.to_string()), column);
        let said = link.status.as_ref().map(|status| format!(", last: {}", clean(status))).unwrap_or_default();
        lines.push((time(link), format!("{}  {}{said}", pad(&name, column), done(link.verb)), false));
    }
    flush(&mut short, &mut lines);
    out.extend(lines.into_iter().map(|(time, text, quiet)| {
        let line = format!("  {:>6}  {}", duration(time), fit(terminal, &text, room));
        if quiet { terminal.paint(QUIET, &line) } else { line }
    }));
    out
}

/// Renders errors that ended a command before anything was changed.
pub fn errors(errors: &[Error], terminal: &Terminal) -> String {
    let blocks = errors.iter().flat_map(|error| {
        let what = if error.operation.is_some() { "request failed" } else { "error" };
        let about = error.key.as_ref().map_or_else(|| what.to_owned(), |key| clean(&key.to_string()).into_owned());
        block(&about, error, terminal)
    });
    finish(blocks.collect())
}

/// Renders a failure in full.
pub(crate) fn block(title: &str, error: &Error, terminal: &Terminal) -> Vec<String> {
    let mut out: Vec<String> =
        wrap(&format!("{} {title}", terminal.cross()), terminal.width).iter().map(|line| terminal.paint(BAD, line)).collect();
    let room = terminal.width.saturating_sub(4);
    let indented = |text: &str| wrap(text, room).into_iter().map(|line| format!("    {line}")).collect::<Vec<_>>();
    for line in error.message.lines() {
        // The last lines of a log stand behind a rule.
        let (text, lead) = match line.strip_prefix(LOG) {
            Some(text) => (text, format!("{} ", terminal.rule())),
            // A line that is indented belongs to the one above it, and stays so where it is broken.
            None => (line.trim_start(), " ".repeat(line.len() - line.trim_start_matches(' ').len())),
        };
        let lines = wrap(&clean(text), room.saturating_sub(width(&lead)));
        out.extend(lines.into_iter().map(|line| format!("    {}{line}", terminal.paint(QUIET, &lead))));
    }
    let facts = [("operation", &error.operation), ("code", &error.code), ("request", &error.request_id)];
    for (name, fact) in facts {
        if let Some(fact) = fact {
            let lines = indented(&format!("{} {}", pad(name, 9), clean(fact)));
            out.extend(lines.iter().map(|line| terminal.paint(QUIET, line)));
        }
    }
    for hint in &error.hints {
        for (at, line) in wrap(&clean(hint), room.saturating_sub(2)).into_iter().enumerate() {
            out.push(format!("    {} {line}", if at == 0 { terminal.bullet() } else { " " }));
        }
    }
    out
}

/// How a run ended, as JSON. Times are in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct OutcomeJson {
    /// Always `outcome`: the last of a run's JSON lines.
    pub event: &'static str,
    /// When it ended.
    pub time: String,
    /// Whether everything was done.
    pub complete: bool,
    /// Whether it was stopped.
    pub stopped: bool,
    /// How long it took.
    pub elapsed: f64,
    /// What was done.
    pub done: Vec<DoneJson>,
    /// What failed.
    pub failed: Vec<FailedJson>,
    /// The operations that continue in AWS after a stop.
    pub under_way: Vec<LeftJson>,
    /// What was not started.
    pub skipped: Vec<SkippedJson>,
    /// What the run waited for, in order: each operation waited for the one before it.
    pub chain: Vec<LinkJson>,
}

/// An operation that was done.
#[derive(Clone, Debug, Serialize)]
pub struct DoneJson {
    /// The object.
    pub key: Key,
    /// What happened to it.
    pub verb: Verb,
    /// Its identifier in AWS, when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How long it took.
    pub elapsed: f64,
}

/// An operation on the longest chain.
#[derive(Clone, Debug, Serialize)]
pub struct LinkJson {
    /// The object.
    pub key: Key,
    /// What happened to it.
    pub verb: Verb,
    /// The object that it waited for; none for the first.
    pub waited_for: Option<Key>,
    /// When it began, since the start of the run.
    pub from: f64,
    /// How long the next one waited for it.
    pub elapsed: f64,
    /// AWS's last status before it was done.
    pub status: Option<String>,
}

/// An operation that continues in AWS.
#[derive(Clone, Debug, Serialize)]
pub struct LeftJson {
    /// The object.
    pub key: Key,
    /// What happens to it.
    pub verb: Verb,
    /// AWS's last status.
    pub status: String,
}

/// An operation that failed.
#[derive(Clone, Debug, Serialize)]
pub struct FailedJson {
    /// The object.
    pub key: Key,
    /// What should have happened to it.
    pub verb: Verb,
    /// Why it did not.
    pub error: Error,
}

/// An operation that was not started.
#[derive(Clone, Debug, Serialize)]
pub struct SkippedJson {
    /// The object.
    pub key: Key,
    /// What should have happened to it.
    pub verb: Verb,
    /// The object that it waited for; none when the run was stopped.
    pub because: Option<Key>,
}

/// Returns how a run ended, as JSON.
pub fn outcome_json(outcome: &Outcome) -> OutcomeJson {
    let seconds = |time: Duration| (time.as_secs_f64() * 1000.0).round() / 1000.0;
    let link = |(at, link): (usize, &Link)| LinkJson {
        key: link.key.clone(),
        verb: link.verb,
        waited_for: at.checked_sub(1).and_then(|before| outcome.chain.get(before)).map(|before| before.key.clone()),
        from: seconds(link.from),
        elapsed: seconds(link.to.saturating_sub(link.from)),
        status: link.status.clone(),
    };
    OutcomeJson {
        event: "outcome",
        time: now(),
        complete: outcome.is_complete(),
        stopped: outcome.stopped,
        elapsed: seconds(outcome.elapsed),
        done: outcome
            .done
            .iter()
            .map(|(key, verb, time)| {
                let live = outcome.ids.live(key).filter(|_| *verb == Verb::Create);
                let id = live.and_then(|live| live.get("id")?.as_str()).map(str::to_owned);
                DoneJson { key: key.clone(), verb: *verb, id, elapsed: seconds(*time) }
            })
            .collect(),
        failed: outcome
            .failed
            .iter()
            .map(|(key, verb, error)| FailedJson { key: key.clone(), verb: *verb, error: error.clone() })
            .collect(),
        under_way: outcome
            .under_way
            .iter()
            .map(|(key, verb, status)| LeftJson { key: key.clone(), verb: *verb, status: status.clone() })
            .collect(),
        skipped: outcome
            .skipped
            .iter()
            .map(|(key, verb, because)| SkippedJson { key: key.clone(), verb: *verb, because: because.clone() })
            .collect(),
        chain: outcome.chain.iter().enumerate().map(link).collect(),
    }
}

#[cfg(test)]
mod tests;
