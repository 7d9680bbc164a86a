//! `stack recovery`: whether the objectives can hold, and the standby in the second region.

pub mod cost;
mod health;
mod standby;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::aws::preflight::{Certainty, Finding};
use crate::aws::rds::Instance;
use crate::aws::rds::replicated::Copies;
use crate::commands::arguments::{Aws, StackFile};
use crate::commands::failover::figures::{self, Took};
use crate::commands::failover::images;
use crate::commands::failover::moved::{self, Following, Moved, lasting, since};
use crate::commands::failover::rehearsal_name;
use crate::commands::preflight;
use crate::commands::session::{self, Session};
use crate::commands::stack_file;
use crate::commands::stop::{Exit, Result};
use crate::config::recovery::Recovery;
use crate::config::{Loaded, Stack};
use crate::engine::{self, Action, Resource};
use crate::ui::{self, Color, Terminal, Tone};

/// The second region.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure whether the objectives of the section `recovery` can hold
    ///
    /// Asks the second region only: how old the newest backup of each database there is, against `rpo`; what the last rehearsal took, or how
    /// long creating what is missing usually takes, against `rto`; and whether that region offers what a failover needs. What is not known
    /// is reported as such. Nothing is changed. Exits with 2 when an objective cannot hold, or a failover would be refused.
    Check(Check),
    /// Bring the standby in the second region up, and keep it as the file says
    ///
    /// For every `mode` but `backup`. Plans the environment in the second region, under the same name: databases follow those of the first
    /// region, secrets are the copies that `stack apply` keeps there, and the rest has the size of the mode. Run it after each `stack
    /// apply`. A region that took over is not touched.
    Apply(standby::Arguments),
}

/// Measures.
#[derive(Args, Debug)]
#[command(override_usage = "stack recovery check [OPTIONS] [FILE]")]
pub struct Check {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// Print the measurements as JSON
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Measured {
    /// The second region.
    region: String,
    /// What is kept ready there.
    mode: &'static str,
    /// Whether both objectives can hold, as far as is known, and nothing would be refused.
    holds: bool,
    /// How much may be lost, in seconds.
    rpo_seconds: u64,
    /// How long it may take, in seconds.
    rto_seconds: u64,
    databases: Vec<Database>,
    /// What the last rehearsal or failover took; none when there was none.
    last: Option<Took>,
    /// How long it usually takes to create what is missing there, in seconds, without the time to load data.
    usual_seconds: u64,
    /// Whether that is within `rto`: the last one, or else what is usual, if that alone takes longer. Otherwise it is not known.
    rto_holds: Option<bool>,
    /// The health checks of the regions that serve, from outside; empty where the file has none.
    health: Vec<health::Region>,
    /// What a failover would meet.
    findings: Vec<ui::Problem>,
}

/// The data of a database there.
#[derive(Debug, PartialEq, Serialize)]
struct Database {
    name: String,
    /// Whether a database of the standby follows it.
    follows: bool,
    /// The last time to which its backups there can be restored.
    latest: Option<String>,
    /// How long ago that is, or how far what follows it is behind, in seconds.
    age_seconds: Option<u64>,
    /// Whether newer backups are still copied.
    replicating: bool,
    /// The size in GiB.
    gib: Option<i32>,
    /// Whether that is within `rpo`.
    holds: bool,
    /// Why not.
    why: Option<String>,
}

pub async fn run(command: Command, color: Color) -> Result {
    let Check { file, aws, json } = match command {
        Command::Check(check) => check,
        Command::Apply(arguments) => return standby::run(arguments, color).await,
    };
    let loaded = stack_file::load(&file, color)?;
    let recovery = moved::section(&loaded)?.clone();
    let measured = measure(&loaded, &recovery, &aws, color).await?;
    let holds = measured.holds;
    ui::out(&if json { session::json(&measured)? } else { text(&measured, &loaded.stack.region, &Terminal::stdout(color)) })?;
    Ok(if holds { Exit::Ok } else { Exit::Changes })
}

async fn measure(loaded: &Loaded, recovery: &Recovery, aws: &Aws, color: Color) -> Result<Measured> {
    let mut moved = moved::to(loaded, &recovery.region);
    let session = Session::of(&moved.loaded, &aws.in_its_region(), color).await?.limited(None);
    images::find_in(&session, &mut moved).await?;
    let copies = moved::copies(&session, &moved).await?;
    let there = session.read(Instance::KIND).await?;
    let following = moved::following(&moved.loaded, &there);
    let lags = moved::lags(&session, &following).await?;
    let databases: Vec<Database> = moved
        .loaded
        .stack
        .databases
        .keys()
        .map(|name| match following.contains_key(name.as_str()) {
            true => follower(name.as_str(), lags.get(name.as_str()), &copies, recovery),
            false => database(name.as_str(), &copies, recovery),
        })
        .collect();
    let (mut findings, usual) = findings(&session, &mut moved, &copies).await?;
    findings.extend(out_of_step(loaded, &moved.loaded.stack, recovery, &session, &following).await?);
    let rehearsed = session.to(&session.cx.scope.stack, &rehearsal_name(&loaded.env));
    let newest = |one: &Took| one.began.clone();
    let (there, rehearsed) = (figures::last(&session).await?, figures::last(&rehearsed).await?);
    let health = health::of(loaded, &session).await;
    let last = there.into_iter().chain(rehearsed).max_by_key(newest);
    let rto_holds = can_hold(last.as_ref().map(|took| took.seconds), usual.as_secs(), recovery.rto.as_secs());
    let refused = findings.iter().any(|finding| finding.severity == "refused");
    let holds = databases.iter().all(|one| one.holds) && rto_holds != Some(false) && !refused;
    Ok(Measured {
        region: recovery.region.clone(),
        mode: recovery.mode.as_str(),
        holds,
        rpo_seconds: recovery.rpo.as_secs(),
        rto_seconds: recovery.rto.as_secs(),
        databases,
        last,
        usual_seconds: usual.as_secs(),
        rto_holds,
        health,
        findings,
    })
}

/// Checks whether `rto` can hold, all in seconds: by what the last one took, or else by what is usual, which is without loading data.
fn can_hold(last: Option<u64>, usual: u64, rto: u64) -> Option<bool> {
    last.map(|took| took <= rto).or((usual > rto).then_some(false))
}

fn database(name: &str, copies: &[Copies], recovery: &Recovery) -> Database {
    let own = copies.iter().find(|copies| copies.database == name);
    let latest = own.and_then(|own| own.latest.clone());
    let age = latest.as_ref().and_then(|latest| latest.parse().ok()).map(since);
    let replicating = own.is_some_and(|own| own.replicating);
    let why = match (own, age) {
        _ if recovery.mode.has_standby() => Some("no database there follows it: `stack recovery apply`".to_owned()),
        (None, _) => Some(format!("it has no backups in {}", recovery.region)),
        (_, None) => Some("its first backup is not complete there yet".to_owned()),
        (_, Some(age)) if age.as_secs() > recovery.rpo.as_secs() => Some(format!("older than `rpo`, {}", recovery.rpo)),
        _ if !replicating => Some("newer backups are not copied any more".to_owned()),
        _ => None,
    };
    Database {
        name: name.to_owned(),
        follows: false,
        latest,
        age_seconds: age.map(|age| age.as_secs()),
        replicating,
        gib: own.map(|own| own.gib),
        holds: why.is_none(),
        why,
    }
}

/// Returns the same of a database that one there follows.
fn follower(name: &str, lag: Option<&Duration>, copies: &[Copies], recovery: &Recovery) -> Database {
    let why = match lag {
        None => Some("CloudWatch does not report how far it is behind".to_owned()),
        Some(lag) if lag.as_secs() > recovery.rpo.as_secs() => Some(format!("further behind than `rpo`, {}", recovery.rpo)),
        Some(_) => None,
    };
    Database {
        follows: true,
        age_seconds: lag.map(Duration::as_secs),
        holds: why.is_none(),
        why,
        ..database(name, copies, recovery)
    }
}

/// Returns what the standby has that the file has not, or the other way about. Only its own region is asked: what follows the first one says
/// itself what it follows.
async fn out_of_step(
    loaded: &Loaded,
    there: &Stack,
    recovery: &Recovery,
    session: &Session,
    following: &BTreeMap<String, Following>,
) -> Result<Option<ui::Problem>> {
    if !recovery.mode.has_standby() {
        return Ok(None);
    }
    let sources = following.iter().map(|(name, one)| (name.clone(), one.source.clone())).collect();
    let mut standby = moved::standby(loaded, recovery, sources).loaded;
    images::like(&mut standby.stack, there);
    let plan = session.plan(&standby).await?;
    let changes = plan.items.iter().filter(|item| item.action != Action::Keep).count();
    let differ = if changes == 1 { "1 object differs".to_owned() } else { format!("{changes} objects differ") };
    Ok((changes > 0).then(|| ui::Problem {
        severity: "doubtful",
        key: None,
        message: format!("the standby is not as the file says: {differ}"),
        help: Some("`stack recovery apply` shows them, and brings it up to date".into()),
    }))
}

/// Returns what a failover would meet there: what AWS would refuse of its plan, and what the file names in the stack's own region.
/// Returns what a failover would meet, and how long its plan usually takes.
async fn findings(session: &Session, moved: &mut Moved, copies: &[Copies]) -> Result<(Vec<ui::Problem>, Duration)> {
    let beginnings: Vec<_> = copies.iter().filter_map(|copies| moved::beginning(copies, None).ok()).collect();
    moved::begin(&mut moved.loaded.stack, &beginnings);
    let mut plan = session.plan(&moved.loaded).await?;
    moved::tell_lost(&mut plan, &beginnings, false);
    let met: Vec<Finding> =
        preflight::look(session, &plan).await?.into_iter().filter(|one| one.certainty != Certainty::Told).collect();
    let mut out = preflight::problems(&met);
    out.extend(moved.elsewhere.iter().map(|(path, text)| ui::Problem {
        severity: "doubtful",
        key: None,
        message: format!("`{path}` names {}, which may not answer: {text}", moved.home),
        help: Some(if images::is_one(path, text) { images::HELP } else { "name something that the second region has" }.into()),
    }));
    let note = |message: String| ui::Problem { severity: "note", key: None, message, help: None };
    out.extend(moved.left.iter().map(|left| note(format!("missing there: {left}"))));
    out.extend(
        moved.names.iter().map(|name| note(format!("`{name}` leads to {} until someone points it elsewhere", moved.home))),
    );
    Ok((out, engine::usual(&session.registry, &plan)?))
}

fn text(measured: &Measured, home: &str, terminal: &Terminal) -> String {
    let time = |seconds: u64| lasting(Duration::from_secs(seconds));
    let mut out = format!("From {home} to {}, mode `{}`.\n", measured.region, measured.mode);
    let row = |one: &Database| {
        let said = one.why.clone().unwrap_or_else(|| "holds".to_owned());
        vec![
            format!("databases.{}", one.name),
            if one.follows { "follows".to_owned() } else { one.latest.clone().unwrap_or_else(|| "none".to_owned()) },
            one.age_seconds.map_or_else(|| "-".to_owned(), time),
            one.gib.map_or_else(|| "-".to_owned(), |gib| format!("{gib} GiB")),
            said,
        ]
    };
    let tone = |header: &str, cell: &str| match (header, cell) {
        ("RPO", "holds") => Tone::Good,
        ("RPO", _) => Tone::Bad,
        _ => Tone::Plain,
    };
    if !measured.databases.is_empty() {
        let rows: Vec<Vec<String>> = measured.databases.iter().map(row).collect();
        let last = format!("\nWhat may be lost (`rpo`): {}\n", time(measured.rpo_seconds));
        out.push_str(&last);
        out.push_str(&ui::toned_table(terminal, &["DATABASE", "NEWEST BACKUP", "AGE", "SIZE", "RPO"], &rows, &tone));
    }
    out.push_str(&format!("\nHow long it may take (`rto`): {}\n", time(measured.rto_seconds)));
    match (&measured.last, measured.rto_holds) {
        (Some(took), holds) => {
            let said = if holds == Some(true) { "holds" } else { "longer than `rto`" };
            out.push_str(&format!("The last one, of {}, took {}: {said}.\n", took.began, time(took.seconds)));
        }
        (None, holds) => {
            let said = if holds == Some(false) { ", longer than `rto`" } else { "" };
            out.push_str("It is not known until it is rehearsed: `stack failover --rehearse`.\n");
            out.push_str(&format!(
                "What is missing there usually takes about {} to create{said}, without the time to load data.\n",
                time(measured.usual_seconds)
            ));
        }
    }
    out.push_str(&health::text(&measured.health, terminal));
    if !measured.findings.is_empty() {
        let row = |one: &ui::Problem| {
            let about = one.key.as_ref().map_or_else(String::new, |key| format!("{key}: "));
            let help = one.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
            vec![one.severity.to_owned(), format!("{about}{}{help}", one.message)]
        };
        let rows: Vec<Vec<String>> = measured.findings.iter().map(row).collect();
        out.push('\n');
        out.push_str(&ui::table(terminal, &["", "WHAT A FAILOVER WOULD MEET"], &rows));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recovery() -> Recovery {
        serde_json::from_value(serde_json::json!({"region": "eu-central-1", "rpo": "15m", "rto": "2h"})).unwrap()
    }

    fn copies(minutes: i64, replicating: bool) -> Copies {
        let latest = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
        Copies {
            database: "main".into(),
            arn: "arn".into(),
            of: "db".into(),
            replicating,
            earliest: None,
            latest: Some(latest.to_string()),
            gib: 20,
            days: 7,
            version: "16.8".into(),
        }
    }

    #[test]
    fn what_is_usual_can_only_break_the_objective() {
        assert_eq!([can_hold(None, 3599, 3600), can_hold(None, 3601, 3600)], [None, Some(false)]);
        assert_eq!([can_hold(Some(3600), 4000, 3600), can_hold(Some(3601), 60, 3600)], [Some(true), Some(false)]);
    }

    #[test]
    fn an_old_backup_breaks_the_objective() {
        let why = |copies: &[Copies]| database("main", copies, &recovery()).why;
        assert_eq!(why(&[copies(14, true)]), None);
        assert_eq!(why(&[copies(16, true)]).as_deref(), Some("older than `rpo`, 15m"));
        assert_eq!(why(&[copies(1, false)]).as_deref(), Some("newer backups are not copied any more"));
        assert_eq!(why(&[]).as_deref(), Some("it has no backups in eu-central-1"));
        let first = Copies { latest: None, ..copies(1, true) };
        assert_eq!(why(&[first]).as_deref(), Some("its first backup is not complete there yet"));
    }
}
