//! `stack failover`: the stack in its second region, with the data that is there.

pub mod figures;
pub mod images;
pub mod moved;
mod rehearsal;

pub use self::rehearsal::name as rehearsal_name;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;

use self::moved::{Beginning, Following, Moved};
use super::arguments::{StackFile, moment};
use super::consent::{Applying, Consent};
use super::run::Run;
use super::session::Session;
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::rds::Instance;
use crate::aws::rds::replicated::Copies;
use crate::aws::runs::history::{self, Ending, Record};
use crate::aws::runs::store::Store;
use crate::config::{self, Loaded};
use crate::engine::{Key, Plan, Resource, Snapshot};
use crate::ui::Color;

/// The command, as the history has it.
pub const COMMAND: &str = "failover";

/// Bring the stack up in its second region
///
/// Plans the environment in REGION, that of the section `recovery`, as the file describes it: under the same name, with databases
/// restored from the backups that were replicated there; those of a standby take over. Of each, the plan says what is lost; that needs
/// consent. What is missing there (the objects of buckets, what caches hold, secrets) and which public names still lead to the old region is
/// listed. Nothing is asked of the old region, and nothing is changed in it. The same command continues a failover that was interrupted.
///
/// With `--rehearse` it is brought up as another environment that nothing leads to, what it took is shown and kept for `stack recovery
/// check`, and it is destroyed again.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    /// The region: that of `recovery`
    #[arg(long, value_name = "REGION", value_parser = config::region)]
    to: String,
    /// Restore databases as they were at TIME, such as `2026-11-27T10:00Z` [default: the last time that the backups reach to]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to_time: Option<jiff::Timestamp>,
    /// Bring it up as an environment of its own, show what that took, and destroy it again
    #[arg(long)]
    rehearse: bool,
    /// With `--rehearse`: do not destroy it; `stack reap` does after a day
    #[arg(long, requires = "rehearse")]
    keep: bool,
    /// Only show the plan
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    applying: Applying,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, to, to_time, rehearse, keep, plan, applying } = arguments;
    let text = stack_file::read_stack(&file)?;
    let loaded = stack_file::load_text(&file, &text, color)?;
    chosen(&loaded, &to)?;
    if rehearse {
        let wanted = rehearsal::Wanted { file: &file, loaded: &loaded, region: &to, at: to_time, keep, plan };
        return Box::pin(rehearsal::run(&wanted, &applying, color)).await;
    }
    let mut moved = moved::to(&loaded, &to);
    let session = Session::of(&moved.loaded, &applying.aws.in_its_region(), color).await?.limited(None);
    images::find_in(&session, &mut moved).await?;
    let there = session.snapshot().await?;
    let missing = missing(&moved.loaded, &there);
    let following = moved::following(&moved.loaded, &there.seen);
    let copies = moved::copies(&session, &moved).await?;
    if missing.len() + following.len() < moved.loaded.stack.databases.len() {
        continued(&session, &copies, to_time).await?;
    }
    not_back(&following, to_time)?;
    let beginnings = beginnings(&session, &copies, &missing, to_time, &applying.consent)?;
    moved::begin(&mut moved.loaded.stack, &beginnings);
    tell(&session, &moved, &beginnings)?;
    tell_following(&session, &following).await?;
    let consent = &applying.consent;
    let agreed = consent.allow.consent();
    let make = async || {
        let mut plan = session.plan(&moved.loaded).await?;
        moved::tell_lost(&mut plan, &beginnings, true);
        Result::<Plan>::Ok(plan)
    };
    let run = Run {
        command: COMMAND,
        file: &file,
        text: Some(&text),
        commit: None,
        consent,
        agreed: &agreed,
        verbose: applying.verbose,
        color,
    };
    if plan {
        return run.show(&session, make).await;
    }
    let exit = run.execute(&session, make).await?;
    match exit {
        Exit::Ok => after(&session, &moved, &file)?,
        // Nothing was begun.
        Exit::Refused => {}
        _ => session.say(
            "The same command continues it. Leave the file as it is until it is done: databases that are still missing would begin empty with `stack apply`.",
        )?,
    }
    Ok(exit)
}

/// Refuses a region into which nothing was copied.
fn chosen(loaded: &Loaded, to: &str) -> Result<()> {
    let recovery = moved::section(loaded)?;
    if recovery.region == to {
        return Ok(());
    }
    let (what, help) = match loaded.stack.region == to {
        true => (
            format!("the stack is in {to}, as `{}` says", loaded.warnings.file),
            format!(
                "after a failover the file must say where the stack is now: `region: {}`, and `recovery.region: {to}` for the way back",
                recovery.region
            ),
        ),
        false => {
            (format!("the backups are in {}, and not in {to}", recovery.region), format!("write `--to {}`", recovery.region))
        }
    };
    Err(Stop::Message(Exit::Usage, what, Some(help)))
}

/// Returns the databases of a file that do not exist.
fn missing(loaded: &Loaded, there: &Snapshot) -> Vec<String> {
    let exists = |name: &str| there.seen.iter().any(|seen| seen.key() == Some(Key::new(Instance::KIND, name)));
    loaded.stack.databases.keys().map(|name| name.as_str().to_owned()).filter(|name| !exists(name)).collect()
}

/// How much newer than a failover that was done the backups may be: until the old region stopped to copy them.
const AFTER_DONE: Duration = Duration::from_secs(3600);
/// The same of one that did not come to its end, and is continued.
const AFTER_BEGUN: Duration = Duration::from_secs(24 * 3600);

/// Returns the failover that an environment is of: the newest one since it was last destroyed.
async fn begun(session: &Session) -> Result<Option<Record>> {
    let (records, _) = session.kept(history::last(&Store::of(&session.cx), figures::RUNS)).await?;
    Ok(records.into_iter().take_while(|record| !record.command.starts_with("stack destroy ")).find(figures::is_failover))
}

/// Refuses databases that are there and have data of their own: only a failover that was begun is continued, and one that is older than
/// the backups is not taken for the one that is wanted now.
async fn continued(session: &Session, copies: &[Copies], at: Option<jiff::Timestamp>) -> Result<()> {
    let scope = &session.cx.scope;
    let named = format!("--stack {} --env {} --region {}", scope.stack, scope.env, scope.region);
    let Some(record) = begun(session).await? else {
        return Err(Stop::refused(
            format!(
                "nothing was changed: `{}/{}` has databases in {} with data of their own",
                scope.stack, scope.env, scope.region
            ),
            format!(
                "`stack show {named}` and `stack history {named}` show what exists there; only if it is not needed, `stack destroy {named}` deletes it"
            ),
        ));
    };
    if at.is_some() {
        return Err(Stop::refused(
            format!("nothing was changed: databases exist in {} already, and `--to-time` would not change them", scope.region),
            format!("leave out `--to-time` to continue the failover of {}", record.began),
        ));
    }
    let (words, after) = match record.ending {
        Ending::Complete => ("A failover was done, and nothing of its data is changed.", AFTER_DONE),
        _ => ("A failover was begun, and is continued.", AFTER_BEGUN),
    };
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let newest = copies.iter().filter_map(|copies| time(copies.latest.as_deref()?)).max();
    let is_older =
        |newest: jiff::Timestamp| Some(newest.duration_since(time(&record.began)?) > jiff::SignedDuration::try_from(after).ok()?);
    match newest.filter(|newest| is_older(*newest) == Some(true)) {
        None => session.say(words),
        Some(newest) => Err(Stop::refused(
            format!(
                "nothing was changed: databases in {} are of a failover of {}, and the backups reach to {newest}",
                scope.region, record.began
            ),
            format!(
                "if the stack is in {0} since then, the file must say so: `region: {0}`; if that failover was given up and its data is not needed, `stack destroy {named}` deletes it, and then this begins with the backups",
                scope.region
            ),
        )),
    }
}

/// Returns what the databases that do not exist there begin with.
fn beginnings(
    session: &Session,
    copies: &[Copies],
    missing: &[String],
    at: Option<jiff::Timestamp>,
    consent: &Consent,
) -> Result<Vec<Beginning>> {
    let mut out = Vec::new();
    for name in missing {
        let empty = consent
            .allow
            .without_data
            .iter()
            .any(|named| [format!("databases.{name}"), format!("rds.instance/{name}")].contains(named));
        match copies.iter().find(|copies| copies.database == *name) {
            _ if empty => {}
            Some(copies) => out.push(moved::beginning(copies, at)?),
            None => {
                return Err(Stop::refused(
                    format!("nothing was changed: no backups of `databases.{name}` are in {}", session.cx.scope.region),
                    format!("`--without-data databases.{name}` lets it begin empty"),
                ));
            }
        }
    }
    Ok(out)
}

/// Refuses a time for databases that follow: they are as their sources are, or were last.
fn not_back(following: &BTreeMap<String, Following>, at: Option<jiff::Timestamp>) -> Result<()> {
    let Some(name) = following.keys().next().filter(|_| at.is_some()) else { return Ok(()) };
    Err(Stop::refused(
        format!("nothing was changed: `databases.{name}` follows the one of the other region, and cannot be as it was at a time"),
        "leave out `--to-time`, and bring a database back to a time after that: `stack restore`",
    ))
}

/// Says how far databases are behind what they follow: that is lost.
async fn tell_following(session: &Session, following: &BTreeMap<String, Following>) -> Result<()> {
    let lags = moved::lags(session, following).await?;
    for (name, one) in following {
        let behind = match lags.get(name) {
            Some(lag) => format!("{} behind", moved::lasting(*lag)),
            None => "but CloudWatch does not report how far behind".to_owned(),
        };
        session.say(&format!(
            "`databases.{name}` follows `{}`, {behind}. What it has not received when it takes over is lost.",
            one.source
        ))?;
    }
    Ok(())
}

/// Says what is lost, and what is not there.
fn tell(session: &Session, moved: &Moved, beginnings: &[Beginning]) -> Result<()> {
    let region = &session.cx.scope.region;
    for one in beginnings {
        let later = if one.is_last && one.replicating { " or later" } else { "" };
        let ended = if one.replicating { "" } else { ", and newer backups are not copied any more" };
        let age = moved::lasting(one.age);
        session.say(&format!(
            "`databases.{}` begins as it was at {}{later}, {age} ago{ended}. What was written since is lost.",
            one.database, one.at
        ))?;
    }
    for left in &moved.left {
        session.say(&format!("Not in {region}: {left}."))?;
    }
    for (path, text) in &moved.elsewhere {
        session.say(&format!("`{path}` names {}, which may not answer: {text}", moved.home))?;
    }
    for path in &moved.images {
        session.say(&format!("`{path}` is pulled from {region}, where ECR has it, too."))?;
    }
    Ok(())
}

/// Says what is left to be done by people.
fn after(session: &Session, moved: &Moved, file: &StackFile) -> Result<()> {
    let (region, home) = (&session.cx.scope.region, &moved.home);
    for name in &moved.names {
        session.say(&format!("`{name}` still leads to {home}: point it here where its zone is kept."))?;
    }
    session.say(&format!(
        "The stack is in {region} now. Write `region: {region}` into `{}`, and `recovery.region: {home}` for the way back, before the next `stack apply`.",
        file.file
    ))?;
    if !moved.images.is_empty() {
        let paths: Vec<String> = moved.images.iter().map(|path| format!("`{path}`")).collect();
        session.say(&format!("Write {region} into {} as well: images are pulled from there now.", paths.join(", ")))?;
    }
    session.say(&format!("What is in {home} is unchanged: it is not the stack of that file any more, and costs what it did."))
}
