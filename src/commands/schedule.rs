use clap::Args;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::arguments::{Aws, STACK_FILE, StackFile, time};
use super::consent::{self, Allow, Consent};
use super::list::{self, Listed};
use super::session::Session;
use super::stop::{Exit, Interrupted, Result, Stop};
use super::{applied, pause, resume};
use crate::aws;
use crate::aws::budgets::{self, Budget};
use crate::aws::ce::{AnomalyMonitor, AnomalySubscription};
use crate::aws::cloudwatch::{Alarm, CompositeAlarm, Dashboard};
use crate::aws::logs::{LogGroup, MetricFilter};
use crate::aws::rds::EventSubscription;
use crate::aws::runs::history::{self, Ending, Record};
use crate::aws::runs::store::Store;
use crate::aws::sns::Subscription;
use crate::blueprint::BUDGET;
use crate::config::awake::{Asleep, Moment};
use crate::config::rest::Rest;
use crate::config::{self, Loaded};
use crate::engine::{Action, Change, Graph, Item, Pause, Plan, Resource, Snapshot};
use crate::ui::{self, Color, Terminal};

/// Pause and resume the environments whose file says when they run, or what they may cost
///
/// `schedule: { awake: "mon-fri 07:00-20:00 Europe/Berlin" }` in a file or in one of its environments is a tag of every object. Outside of
/// those hours the environment is paused, and resumed when they begin. An environment that is resumed by hand at night runs until the
/// next evening. A database that AWS started again after 7 days is stopped again. With `nat: delete` in `schedule`, the environment has
/// no NAT gateways while it is paused. With `pause: 100` in `budget`, it is paused for the rest of the month once its budget is used up,
/// as AWS Budgets counts. Nothing else is changed, and an environment that lacks
/// objects of the file that was applied last is left as it is.
///
/// This acts once. `stack reap --install` deploys a function that does it every 15 minutes.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    aws: Aws,
    /// Only show what is to be done
    #[arg(long)]
    dry_run: bool,
    /// Act as at another time, in RFC 3339: `2026-11-27T20:00:00Z` [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Stop a run of an environment after TIME; the next one continues
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<config::Duration>,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// How many runs of an environment are looked at.
const RUNS: usize = 20;
/// How many where a budget counts, which is that of a month.
const RUNS_OF_A_MONTH: usize = 100;
/// For so long after a month began, what AWS tells as spent can be that of the month before: it counts one to three times a day
/// (<https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html>).
const STALE: SignedDuration = SignedDuration::from_hours(24);
/// The fields in which an environment that sleeps differs from one that runs.
const FIELDS: [&str; 5] = ["desired_count", "running", "suspended", "min", "tags.stack:paused"];

/// Why an environment is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Its hours are over.
    Hours,
    /// Its budget is used up.
    Budget,
}

impl Why {
    /// Returns the command of a run that pauses for this reason, as the history has it.
    fn pause(self) -> &'static str {
        match self {
            Why::Hours => "pause",
            Why::Budget => "pause (budget)",
        }
    }

    /// Returns the command of a run that resumes what was paused for this reason.
    fn resume(self) -> &'static str {
        match self {
            Why::Hours => "resume",
            Why::Budget => "resume (budget)",
        }
    }
}

/// What is to be done with an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Pause(Why),
    Resume(Why),
    /// It is paused as it should be: only what AWS started again is stopped.
    Check(Why),
    Nothing,
}

/// What is known of an environment that decides what is due.
#[derive(Clone, Copy, Default)]
struct State {
    /// Whether it is paused.
    paused: Option<Pause>,
    /// What its hours say, if it has any.
    hours: Option<Moment>,
    /// Since when its budget counts, if that is used up.
    used_up: Option<Timestamp>,
    /// Whether it is not known if the budget is used up.
    unknown: bool,
}

/// A run of the history.
struct Past<'a> {
    number: u64,
    began: Timestamp,
    /// The word that was its command.
    command: &'a str,
    /// Why it paused or resumed something, if it did.
    why: Why,
    ending: Ending,
}

impl Past<'_> {
    fn of(record: &Record) -> Option<Past<'_>> {
        let command = record.command.split_whitespace().nth(1).unwrap_or_default();
        let is_one = |command: &str| record.command.starts_with(&format!("stack {command} "));
        let by_budget = is_one(Why::Budget.pause()) || is_one(Why::Budget.resume());
        let why = if by_budget { Why::Budget } else { Why::Hours };
        Some(Past { number: record.number, began: record.began.parse().ok()?, command, why, ending: record.ending })
    }
}

impl Due {
    /// Returns what is due. A pause or a resumption since the hours last began or ended was meant so, and so was making the environment;
    /// a resumption that did not end well is finished. One that is resumed although its budget is used up runs until the next month.
    fn of(state: State, runs: &[Past<'_>]) -> Due {
        let State { paused, hours, used_up, unknown } = state;
        let effective = || runs.iter().filter(|run| run.ending != Ending::Failed);
        let last = effective().filter(|run| ["pause", "resume"].contains(&run.command)).max_by_key(|run| run.number);
        let paused_by = last.filter(|run| run.command == "pause").map_or(Why::Hours, |run| run.why);
        let by_budget = paused_by == Why::Budget;
        let check = Due::Check(paused_by);
        if paused == Some(Pause::Unready) {
            return Due::Nothing;
        }
        if used_up.is_some_and(|since| !resumed_in_spite(effective(), since)) {
            // It sleeps by its hours, and its budget keeps it asleep beyond them. What someone paused by hand is theirs.
            let by_hours = |now: Moment| !by_budget && (!now.awake || last.is_none_or(|run| run.began < now.since));
            let stays = paused.is_some() && !hours.is_some_and(by_hours);
            return if stays { check } else { Due::Pause(Why::Budget) };
        }
        if unknown && by_budget && paused.is_some() {
            return check;
        }
        let midway = last.filter(|run| run.command == "resume" && run.ending != Ending::Complete);
        if let Some(run) = midway.filter(|_| hours.is_none_or(|now| now.awake)) {
            return Due::Resume(run.why);
        }
        let Some(moment) = hours else {
            return if paused.is_some() && by_budget { Due::Resume(paused_by) } else { Due::Nothing };
        };
        let since = |words: &dyn Fn(&Past<'_>) -> bool| effective().any(|run| run.began >= moment.since && words(run));
        match (moment.awake, paused) {
            (true, Some(_)) if by_budget || !since(&|run| run.command == "pause") => Due::Resume(paused_by),
            (true, _) => Due::Nothing,
            (false, _) if since(&|run| run.command == "resume" || run.number == 1) => Due::Nothing,
            (false, None) => Due::Pause(Why::Hours),
            (false, Some(_)) => check,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Due::Pause(why) => why.pause(),
            Due::Resume(why) => why.resume(),
            Due::Check(_) | Due::Nothing => "",
        }
    }
}

/// Checks whether an environment was resumed after its budget had it paused.
fn resumed_in_spite<'a>(runs: impl Iterator<Item = &'a Past<'a>> + Clone, since: Timestamp) -> bool {
    let of_budget = runs.clone().filter(|run| run.why == Why::Budget && run.began >= since).max_by_key(|run| run.number);
    // What was resumed because there was money again is no such thing.
    let paused = of_budget.filter(|run| run.command == "pause").map(|run| run.number);
    paused.is_some_and(|number| runs.clone().any(|run| run.command == "resume" && run.number > number))
}

/// Returns when the month began, as AWS counts budgets: in UTC.
fn month(now: Timestamp) -> Timestamp {
    let first = now.to_zoned(TimeZone::UTC).first_of_month().and_then(|day| day.start_of_day());
    first.map_or(now, |day| day.timestamp())
}

/// An environment that is not to run at all times.
struct One {
    env: Listed,
    rest: Rest,
    /// How much of its budget is used up, in percent, if that matters and is known.
    spent: Option<f64>,
    due: Due,
}

impl One {
    async fn of(session: &Session, env: Listed, now: Timestamp) -> Result<Option<One>> {
        let Some(text) = &env.rest else { return Ok(None) };
        let Ok(rest) = text.parse::<Rest>() else {
            session.say(&format!("`{}/{}` has a tag `stack:awake` that is not a schedule: `{text}`.", env.stack, env.env))?;
            return Ok(None);
        };
        let mut one = One { env, rest, spent: None, due: Due::Nothing };
        one.spent = one.spent(session).await?;
        one.due = one.now_due(session, now).await?;
        Ok(Some(one))
    }

    /// Asks how much of the budget is used up.
    async fn spent(&self, session: &Session) -> Result<Option<f64>> {
        if self.rest.budget.is_none() {
            return Ok(None);
        }
        let Listed { stack, env, .. } = &self.env;
        let spent = session.hear(budgets::spent(&session.to(stack, env).cx, BUDGET)).await?;
        if spent.is_none() {
            session.say(&format!(
                "The budget of `{stack}/{env}` cannot be read: it does not exist, or this identity may not read it."
            ))?;
        }
        Ok(spent)
    }

    fn is_used_up(&self) -> bool {
        self.spent.zip(self.rest.budget).is_some_and(|(spent, most)| spent >= f64::from(most))
    }

    /// Reads the history and returns what is due.
    async fn now_due(&self, session: &Session, now: Timestamp) -> Result<Due> {
        let Listed { stack, env, paused, .. } = &self.env;
        let session = session.to(stack, env);
        session.has_history().await?;
        let runs = if self.rest.budget.is_some() { RUNS_OF_A_MONTH } else { RUNS };
        let (records, _) = session.kept(history::last(&Store::of(&session.cx), runs)).await?;
        let runs: Vec<Past<'_>> = records.iter().filter_map(Past::of).collect();
        let month = month(now);
        let is_stale = self.is_used_up() && now.duration_since(month) < STALE;
        let state = State {
            paused: paused.map(Pause::of),
            hours: self.rest.awake.as_ref().map(|awake| awake.at(now)),
            used_up: (self.is_used_up() && !is_stale).then_some(month),
            unknown: is_stale || self.rest.budget.is_some() && self.spent.is_none(),
        };
        Ok(Due::of(state, &runs))
    }

    fn row(&self, now: Timestamp) -> Vec<String> {
        let is_awake = self.rest.awake.as_ref().is_none_or(|awake| awake.at(now).awake);
        let should = match (self.is_used_up(), is_awake) {
            (true, _) => "used up",
            (_, true) => "awake",
            (_, false) => "asleep",
        };
        let env = &self.env;
        vec![
            env.stack.clone(),
            env.env.clone(),
            self.rest.awake.as_ref().map_or_else(|| "always".to_owned(), ToString::to_string),
            self.rest
                .budget
                .map(|most| format!("{} of {most} %", self.spent.map_or_else(|| "?".to_owned(), |spent| format!("{spent:.0}"))))
                .unwrap_or_default(),
            should.to_owned(),
            if env.paused.is_some() { "paused" } else { "runs" }.to_owned(),
            self.due.word().to_owned(),
        ]
    }
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let session = list::connect(&arguments.aws, color).await?;
    let (terminal, now) = (Terminal::stderr(color), arguments.at.unwrap_or_else(Timestamp::now));
    let (mut all, mut exit) = (Vec::new(), Exit::Ok);
    for env in list::all(&session).await? {
        // Whose history cannot be read is told, and does not keep the others.
        match One::of(&session, env, now).await {
            Ok(one) => all.extend(one),
            Err(stop) => {
                ui::err(&stop.show(&terminal))?;
                exit = stop.exit();
            }
        }
    }
    if all.is_empty() {
        ui::err(&ui::note("No environment has a schedule.", &terminal))?;
        return Ok(exit);
    }
    let rows: Vec<Vec<String>> = all.iter().map(|one| one.row(now)).collect();
    ui::out(&ui::table(&Terminal::stdout(color), &["STACK", "ENVIRONMENT", "AWAKE", "BUDGET", "NOW", "STATE", "TO DO"], &rows))?;
    all.retain(|one| one.due != Due::Nothing);
    if arguments.dry_run || all.is_empty() {
        return Ok(exit);
    }
    let many = all.iter().filter(|one| !matches!(one.due, Due::Check(_))).count();
    let question = || format!("Pause or resume {}?", ui::count(many, "environment"));
    if !arguments.yes && many > 0 && !consent::confirmed(&question(), "pause and resume")? {
        return Ok(Exit::Refused);
    }
    let interrupted = Interrupted::listen();
    for one in &all {
        if interrupted.is_set() {
            exit = Exit::Interrupted;
            break;
        }
        // One that fails does not keep the others.
        let ended = match act(&session, one, &arguments, now, color).await {
            Ok(ended) => ended,
            Err(stop) => {
                ui::err(&stop.show(&terminal))?;
                stop.exit()
            }
        };
        if exit as u8 == Exit::Ok as u8 {
            exit = ended;
        }
        if ended as u8 == Exit::Interrupted as u8 {
            break;
        }
    }
    Ok(exit)
}

/// Does what is due, if it still is: others took their time.
async fn act(session: &Session, one: &One, arguments: &Arguments, now: Timestamp, color: Color) -> Result {
    if one.now_due(session, now).await? != one.due {
        session.say(&format!("`{}/{}` was changed in the meantime, so it is left as it is.", one.env.stack, one.env.env))?;
        return Ok(Exit::Ok);
    }
    let (stack, env) = (one.env.stack.clone(), one.env.env.clone());
    let file = StackFile { file: STACK_FILE.to_owned(), env: Some(env), like: None, stack: Some(stack) };
    let (allow, timeout) = (Allow::default(), arguments.timeout);
    let consent = Consent { yes: true, allow, no_preflight: true, wait_for_lease: None, timeout, json: false };
    let part = |plan| of_rest(plan, one.due);
    match one.due {
        Due::Nothing => Ok(Exit::Ok),
        Due::Resume(why) => {
            applied::run(why.resume(), file, &arguments.aws, &consent, (false, color), resume::resume, part).await
        }
        Due::Pause(why) | Due::Check(why) => {
            // One that sleeps already is paused by its budget from now on, and the history is where that stands.
            let records = matches!(one.due, Due::Pause(_));
            let pause = |session: &Session, loaded: &Loaded, graph: &mut Graph, snapshot: &Snapshot| {
                pause::pause(session, graph, snapshot, loaded.stack.schedule.nat == Asleep::Delete)
            };
            applied::run(why.pause(), file, &arguments.aws, &consent, (records, color), pause, part).await
        }
    }
}

/// Returns the part of a plan that lets an environment sleep or wakes it. Nobody sees such a plan: what differs besides stays as it is, and
/// where that is more than fields, nothing is done: but for what a pause deletes and a resumption creates, NAT gateways with what leads to
/// them and what watches them. Who is told by alarms has nothing to do with rest.
fn of_rest(mut plan: Plan, due: Due) -> Result<Plan> {
    let rests = |change: &Change| FIELDS.contains(&change.path.as_str());
    let registry = aws::registry();
    let comes_and_goes = |item: &Item| {
        let kind = registry.find(&item.key.kind);
        kind.zip(item.desired.as_ref()).is_some_and(|(kind, desired)| kind.absent(desired, Pause::Bare))
    };
    let comes_back = |item: &Item| item.action == Action::Create && matches!(due, Due::Resume(_)) && comes_and_goes(item);
    const WATCHES: [&str; 9] = [
        Alarm::KIND,
        CompositeAlarm::KIND,
        MetricFilter::KIND,
        EventSubscription::KIND,
        Subscription::KIND,
        Dashboard::KIND,
        Budget::KIND,
        AnomalyMonitor::KIND,
        AnomalySubscription::KIND,
    ];
    // The rules of alarms too, and log groups that AWS makes by itself.
    let by_aws = |item: &Item| {
        let name = item.desired.as_ref().and_then(|desired| desired["name"].as_str());
        item.key.kind == LogGroup::KIND && name.is_some_and(|name| name.starts_with("/aws/"))
    };
    let of_alarms = |item: &Item| item.origin == "alarms" || item.action == Action::Create && by_aws(item);
    let watches = |item: &Item| WATCHES.contains(&item.key.kind.as_str()) || of_alarms(item);
    // Nothing else refers to these.
    let is_left = |item: &Item| watches(item) && item.action != Action::Keep && !item.is_absent() && !comes_back(item);
    plan.items.retain(|item| !is_left(item));
    for item in &mut plan.items {
        let count = item.changes.changes.iter().filter(|change| rests(change)).count();
        match item.action {
            Action::Keep => {}
            Action::Delete if item.is_absent() => {}
            Action::Create if comes_back(item) => {}
            Action::Update if count == 0 => item.leave(),
            Action::Update if count == item.changes.changes.len() => {}
            _ => {
                return Err(Stop::refused(
                    format!("nothing was changed: `{}` differs from the file that was applied last", item.key),
                    "`stack apply` or `stack pause` changes it, after its plan was shown",
                ));
            }
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_run_since_counts_more_than_the_schedule() {
        let since = at("2026-11-27T20:00:00Z");
        let (asleep, awake) = (Moment { awake: false, since }, Moment { awake: true, since });
        let (before, after, asked) = (at("2026-11-27T19:00:00Z"), at("2026-11-27T21:00:00Z"), Some(Pause::Asked));
        let due = |paused, moment, runs: &[(Timestamp, &'static str, Ending)]| {
            let past = |(number, run): (usize, &(Timestamp, &'static str, Ending))| Past {
                number: 5 + number as u64,
                began: run.0,
                command: run.1,
                why: Why::Hours,
                ending: run.2,
            };
            Due::of(
                State { paused, hours: Some(moment), ..State::default() },
                &runs.iter().enumerate().map(past).collect::<Vec<_>>(),
            )
        };
        let (complete, partly, failed) = (Ending::Complete, Ending::Partly, Ending::Failed);
        assert_eq!(due(None, asleep, &[(before, "apply", complete)]), Due::Pause(Why::Hours));
        assert_eq!(due(None, asleep, &[(after, "apply", complete)]), Due::Pause(Why::Hours), "a deployment in the evening");
        assert_eq!(due(None, asleep, &[(before, "resume", complete)]), Due::Pause(Why::Hours));
        assert_eq!(
            due(None, asleep, &[(after, "resume", complete), (after, "apply", complete)]),
            Due::Nothing,
            "resumed by hand"
        );
        assert_eq!(due(asked, asleep, &[(after, "resume", partly)]), Due::Nothing, "nearly");
        assert_eq!(due(asked, asleep, &[(after, "resume", failed)]), Due::Check(Why::Hours), "nothing of it happened");
        assert_eq!(due(asked, asleep, &[(after, "pause", complete)]), Due::Check(Why::Hours));
        assert_eq!(due(None, asleep, &[(after, "pause", partly)]), Due::Pause(Why::Hours), "the rest of it");
        assert_eq!(due(asked, awake, &[(before, "pause", complete)]), Due::Resume(Why::Hours));
        assert_eq!(due(Some(Pause::Bare), awake, &[(before, "pause", complete)]), Due::Resume(Why::Hours));
        assert_eq!(due(Some(Pause::Bare), asleep, &[(before, "pause", complete)]), Due::Check(Why::Hours));
        assert_eq!(due(asked, awake, &[(before, "pause", complete), (after, "apply", complete)]), Due::Resume(Why::Hours));
        assert_eq!(due(asked, awake, &[(after, "pause", complete)]), Due::Nothing, "paused by hand");
        assert_eq!(due(None, awake, &[(after, "resume", partly)]), Due::Resume(Why::Hours), "the rest of it");
        assert_eq!(due(None, awake, &[(after, "resume", complete)]), Due::Nothing);
        assert_eq!(due(Some(Pause::Unready), awake, &[]), Due::Nothing);
        let made = Past { number: 1, began: after, command: "apply", why: Why::Hours, ending: complete };
        assert_eq!(Due::of(State { hours: Some(asleep), ..State::default() }, &[made]), Due::Nothing, "made at night");
    }

    #[test]
    fn a_used_up_budget_pauses_until_the_next_month() {
        let month = at("2026-11-01T00:00:00Z");
        let (before, during, later) = (at("2026-10-20T00:00:00Z"), at("2026-11-20T00:00:00Z"), at("2026-11-21T00:00:00Z"));
        let (awake, asleep) = (Moment { awake: true, since: later }, Moment { awake: false, since: later });
        let (hours, budget) = (Why::Hours, Why::Budget);
        let due = |paused: bool, hours, is_used_up: bool, runs: &[(Timestamp, &'static str, Why)]| {
            let past = |(at, run): (usize, &(Timestamp, &'static str, Why))| Past {
                number: 5 + at as u64,
                began: run.0,
                command: run.1,
                why: run.2,
                ending: Ending::Complete,
            };
            let used_up = is_used_up.then_some(month);
            let state = State { paused: paused.then_some(Pause::Asked), hours, used_up, unknown: false };
            Due::of(state, &runs.iter().enumerate().map(past).collect::<Vec<_>>())
        };
        let (over, under) = (true, false);
        assert_eq!(due(false, None, over, &[(during, "apply", hours)]), Due::Pause(budget));
        assert_eq!(due(false, Some(awake), over, &[(later, "resume", hours)]), Due::Pause(budget), "it woke this morning");
        assert_eq!(due(true, None, over, &[(during, "pause", budget)]), Due::Check(budget));
        assert_eq!(due(true, None, over, &[(during, "pause", hours)]), Due::Check(hours), "paused by hand before");
        assert_eq!(due(true, Some(awake), over, &[(later, "pause", hours)]), Due::Check(hours));
        // It slept by its hours when that happened: whoever wakes it then does so once.
        assert_eq!(due(true, Some(asleep), over, &[(later, "pause", hours)]), Due::Pause(budget));
        assert_eq!(due(true, Some(awake), over, &[(during, "pause", hours)]), Due::Pause(budget), "since this morning");
        let noticed = [(during, "pause", hours), (during, "pause", budget)];
        assert_eq!(due(true, Some(awake), over, &noticed), Due::Check(budget));
        let woken = [noticed[0], noticed[1], (later, "resume", hours)];
        assert_eq!(due(false, Some(awake), over, &woken), Due::Nothing);
        // By hand, in spite of the budget; what was before this month does not count.
        let again = (during, "resume", hours);
        assert_eq!(due(false, None, over, &[(during, "pause", budget), again]), Due::Nothing);
        assert_eq!(due(false, Some(asleep), over, &[(during, "pause", budget), again]), Due::Pause(hours), "at night");
        assert_eq!(due(false, None, over, &[(before, "pause", budget), (before, "resume", hours)]), Due::Pause(budget));
        // A month later, or with a higher budget.
        assert_eq!(due(true, None, under, &[(during, "pause", budget)]), Due::Resume(budget));
        assert_eq!(due(true, Some(awake), under, &[(later, "pause", budget)]), Due::Resume(budget));
        assert_eq!(due(true, Some(asleep), under, &[(later, "pause", budget)]), Due::Check(budget));
        assert_eq!(due(true, None, under, &[(during, "pause", hours)]), Due::Nothing, "paused by hand");
        assert_eq!(due(true, None, under, &[]), Due::Nothing, "nobody knows why");
        assert_eq!(due(false, None, under, &[(during, "pause", budget), again]), Due::Nothing);
        // Where nobody knows, it stays as it is.
        let pause = Past { number: 1, began: during, command: "pause", why: budget, ending: Ending::Complete };
        let state = State { paused: Some(Pause::Asked), hours: Some(awake), used_up: None, unknown: true };
        assert_eq!(Due::of(state, &[pause]), Due::Check(budget));
        assert_eq!(Due::of(State { hours: None, ..state }, &[]), Due::Nothing);
        // There was money again, and then it was used up, too.
        let raised = [(during, "pause", budget), (during, "resume", budget), (during, "pause", hours), (later, "resume", hours)];
        assert_eq!(due(false, None, over, &raised), Due::Pause(budget));
    }

    #[test]
    fn the_month_is_that_of_aws() {
        assert_eq!(super::month(at("2026-11-30T23:59:59Z")), at("2026-11-01T00:00:00Z"));
    }

    #[test]
    fn only_what_sleeps_is_changed() {
        let plan = |changes: &[(&str, &[&str])]| -> Plan {
            let change = |path: &&str| json!({"path": path, "before": 1, "after": 0});
            let item = |(at, (action, paths)): (usize, &(&str, &[&str]))| {
                let changes: Vec<_> = paths.iter().map(change).collect();
                json!({"key": format!("ecs.service/s{at}"), "action": action, "generation": 1, "changes": changes})
            };
            let scope = json!({"stack": "s", "env": "e", "region": "r", "account": "1", "partition": "aws"});
            let items: Vec<_> = changes.iter().enumerate().map(item).collect();
            serde_json::from_value(json!({"version": 1, "scope": scope, "destroy": false, "items": items})).unwrap()
        };
        let rest: &[&str] = &["desired_count", "tags.stack:paused"];
        let of_rest = |plan| super::of_rest(plan, Due::Pause(Why::Hours));
        let some = of_rest(plan(&[("update", rest), ("update", &["description"]), ("keep", &[])])).unwrap();
        let actions: Vec<Action> = some.items.iter().map(|item| item.action).collect();
        assert_eq!(actions, [Action::Update, Action::Keep, Action::Keep]);
        assert!(of_rest(plan(&[("update", &["desired_count", "task_definition"])])).is_err());
        for more in ["create", "delete", "replace", "refuse"] {
            assert!(of_rest(plan(&[("update", rest), (more, &[])])).is_err(), "{more}");
        }
    }
}
