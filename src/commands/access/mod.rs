//! `stack access`: who may do what, from IAM itself.

mod questions;
mod table;

use std::collections::BTreeMap;

use clap::Args;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::questions::{KINDS, Question};
use self::table::Row;
use super::arguments::{Aws, Format, StackFile};
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::iam::simulation::{self, Ask, Principal, Sort};
use crate::aws::sso;
use crate::aws::trail::{self, Change};
use crate::config;
use crate::engine::{self, Graph, Key, Resource, Seen};
use crate::ui::{self, Color, Terminal};

/// The number of principals that IAM is asked about at a time.
const AT_ONCE: usize = 3;
/// How far CloudTrail's event history goes back.
const HISTORY: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Show who may do what in this environment
///
/// Asks IAM about each group, user and role of the environment, and each member of its groups: whether its policies allow a few actions
/// that matter on the objects that exist. `yes` is on all of them, `no` that no policy allows it, `denied` that one denies it, `depends` that
/// policies ask for something that is not known here, and `unknown` that IAM may not be asked. Policies of buckets, keys, secrets and
/// sessions are not in IAM's answer. Nothing is changed.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// Show only this group, user or role, with the policy that decides each answer
    #[arg(long = "for", value_name = "NAME", conflicts_with = "since")]
    only: Option<String>,
    /// Show instead what was changed of groups, users and roles since then, and by whom, from CloudTrail: a day such as
    /// `2026-11-01`, a time with its zone, or so long ago: `7d`. It knows 90 days
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Ask about people as if they had signed in without MFA
    #[arg(long, conflicts_with = "since")]
    without_mfa: bool,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Print the answers as JSON, as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// Reads the beginning of a time: a day, a moment, or how long ago it was.
fn since(text: &str) -> Result<Timestamp, String> {
    let now = Timestamp::now();
    let ago = || {
        let seconds = i64::try_from(text.parse::<config::Duration>().ok()?.as_secs()).ok()?;
        now.checked_sub(SignedDuration::from_secs(seconds)).ok()
    };
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|day| day.timestamp());
    // A time without a zone is no moment, and not taken for a day.
    let at = if text.len() == "2026-11-01".len() { day() } else { None };
    let at = at.or_else(|| text.parse().ok()).or_else(ago);
    let at = at.ok_or_else(|| "write a day such as `2026-11-01`, a time with its zone, or so long ago: `7d`".to_owned())?;
    match now.duration_since(at) {
        past if past < SignedDuration::ZERO => Err("that is in the future".to_owned()),
        past if past > HISTORY => Err("CloudTrail's event history covers 90 days".to_owned()),
        _ => Ok(at),
    }
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let format = if arguments.json { Format::Json } else { arguments.format };
    let loaded = stack_file::load(&arguments.file, color)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?;
    let graph = session.hear(session.graph(&loaded)).await?;
    let (seen, principals, sets) = read(&session).await?;
    let rows = principals.into_iter().map(|principal| known(principal, &graph, &seen, &sets));
    let rows = chosen(rows.collect(), arguments.only.as_deref())?;
    let terminal = Terminal::stdout(color);
    if let Some(since) = arguments.since {
        return changed(&session, &rows, &graph, since, format, &terminal).await;
    }
    if rows.is_empty() {
        return Err(Stop::message(
            "this environment has no groups, users or roles",
            "the section `access` has groups and users; services have roles once they are applied",
        ));
    }
    let questions = questions::questions(&seen, &session.cx.scope, &loaded.stack.tags);
    let with_mfa = !arguments.without_mfa;
    let asked = rows.into_iter().map(|row| asked(&session, row, &questions, with_mfa));
    let rows: Vec<Row> = session.hear(stream::iter(asked).buffered(AT_ONCE).try_collect()).await?;
    if rows.iter().any(|row| row.answers.iter().any(Option::is_none)) {
        session.say("IAM did not answer about everyone: permission to ask is missing (`iam:SimulatePrincipalPolicy`).")?;
    }
    let scope = session.cx.scope.as_ref();
    ui::out(&match format {
        Format::Json => session::json(&table::told(&rows, &questions, scope, with_mfa))?,
        Format::Markdown => table::markdown(&rows, &questions),
        Format::Text if arguments.only.is_some() => {
            let each: Vec<String> = rows.iter().map(|row| table::one(row, &questions, &terminal)).collect();
            each.join("\n")
        }
        Format::Text => {
            let head = ui::about(scope, session.via.as_deref(), &terminal);
            let mfa = if with_mfa { "with" } else { "without" };
            let people = format!("People are asked about as if they had signed in {mfa} MFA. {}", table::LIMITS);
            let below = ui::note(&people, &terminal);
            format!(
                "{head}\n\n{}\n{}\n{below}",
                table::everyone(&rows, &questions, &terminal),
                table::legend(&questions, &terminal)
            )
        }
    })?;
    Ok(Exit::Ok)
}

/// The roles of permission sets, by their names, with what the stack calls the permission sets.
type Sets = BTreeMap<String, String>;

/// Reads the objects that are asked about, and everyone.
async fn read(session: &Session) -> Result<(Vec<Seen>, Vec<Principal>, Sets)> {
    let seen = try_join_all(KINDS.iter().map(|kind| session.read(kind)));
    let everyone = async {
        let sets = if session.cx.cloud.wants.identity_center.is_some() { sso::roles(&session.cx).await? } else { Sets::new() };
        let everyone = simulation::principals(&session.cx, &sets.keys().cloned().collect()).await?;
        Ok::<_, engine::Error>((everyone, sets))
    };
    let (seen, (everyone, sets)) = tokio::try_join!(seen, session.hear(everyone))?;
    Ok((seen.into_iter().flatten().collect(), everyone, sets))
}

/// Finds where the file has a principal.
fn known(principal: Principal, graph: &Graph, seen: &[Seen], sets: &Sets) -> Row {
    let is_it = |seen: &&Seen| seen.live.get("arn").and_then(serde_json::Value::as_str) == Some(&principal.arn);
    let iam = seen.iter().filter(|seen| seen.kind.starts_with("iam."));
    let set = sets.get(&principal.name).map(|name| Key::new(sso::PermissionSet::KIND, name.as_str()));
    let key = set.or_else(|| iam.filter(is_it).find_map(Seen::key));
    let origin = key.as_ref().and_then(|key| graph.get(key)).map(|node| node.origin.clone());
    Row { principal, key: key.map(|key| key.name), origin, answers: Vec::new() }
}

/// Returns the principals that are meant.
fn chosen(rows: Vec<Row>, only: Option<&str>) -> Result<Vec<Row>> {
    let Some(word) = only else { return Ok(rows) };
    let names: Vec<String> = rows.iter().map(|row| format!("`{}`", row.name())).collect();
    let meant: Vec<Row> = rows.into_iter().filter(|row| table::is_meant(row, word)).collect();
    if meant.is_empty() {
        return Err(Stop::Message(
            Exit::Usage,
            format!("`{word}` is no group, user or role of this environment"),
            Some(if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) }),
        ));
    }
    Ok(meant)
}

/// Asks IAM everything about one. Where IAM may not be asked once, it is not asked again.
async fn asked(session: &Session, row: Row, questions: &[Question], with_mfa: bool) -> engine::Result<Row> {
    let mut answers = Vec::new();
    for question in questions {
        let mut all = Some(Vec::new());
        for ask in &question.asks {
            let is_silent = all.is_none() || answers.last().is_some_and(Option::is_none);
            let told = match is_silent {
                true => None,
                false => simulation::simulate(&session.cx, &row.principal, &of(ask, &row.principal, with_mfa)).await?,
            };
            all = all.zip(told).map(|(mut all, told)| {
                all.extend(told);
                all
            });
        }
        answers.push(all);
    }
    Ok(Row { answers, ..row })
}

/// Returns the question as it is asked about one: people have signed in, with MFA or without.
fn of(ask: &Ask, principal: &Principal, with_mfa: bool) -> Ask {
    let mut ask = ask.clone();
    if principal.sort != Sort::Role {
        ask.context.push(("aws:MultiFactorAuthPresent".to_owned(), with_mfa.to_string()));
        if with_mfa {
            ask.context.push(("aws:MultiFactorAuthAge".to_owned(), "60".to_owned()));
        }
    }
    ask
}

/// A change, for programs.
#[derive(Debug, Serialize)]
struct Told<'a> {
    at: &'a str,
    by: &'a str,
    event: &'a str,
    of: &'a str,
}

/// Shows what was changed.
async fn changed(
    session: &Session,
    rows: &[Row],
    graph: &Graph,
    since: Timestamp,
    format: Format,
    terminal: &Terminal,
) -> Result {
    let mut names: Vec<(String, String)> = rows.iter().map(|row| (row.name(), row.principal.name.clone())).collect();
    // Users that the file has and AWS has not any more: someone may have deleted them.
    let users = graph.nodes().filter(|node| node.key.kind == "iam.user");
    let gone = users.filter_map(|node| node.desired.get("name")?.as_str().map(str::to_owned));
    for name in gone.collect::<Vec<_>>() {
        if !names.iter().any(|(_, known)| *known == name) {
            names.push((format!("user {name}"), name));
        }
    }
    let (changes, note) = session.hear(trail::changes(&session.cx, &names, since)).await?;
    if let Some(note) = note {
        session.say(&note)?;
    }
    ui::out(&match format {
        Format::Json => {
            let told = changes.iter().map(|one| Told { at: &one.deed.at, by: &one.deed.by, event: &one.deed.event, of: &one.of });
            session::json(&serde_json::json!({"since": since.to_string(), "changes": told.collect::<Vec<_>>()}))?
        }
        _ if changes.is_empty() => {
            format!("CloudTrail knows no change of the groups, users and roles that this environment has, since {since}.\n")
        }
        Format::Markdown => {
            let row = |one: &Change| format!("| {} | {} | {} | {} |\n", one.deed.at, one.deed.by, one.deed.event, one.of);
            format!("| When | By | Event | Of |\n| --- | --- | --- | --- |\n{}", changes.iter().map(row).collect::<String>())
        }
        Format::Text => {
            let row = |one: &Change| vec![one.deed.at.clone(), one.deed.by.clone(), one.deed.event.clone(), one.of.clone()];
            ui::table(terminal, &["WHEN", "BY", "EVENT", "OF"], &changes.iter().map(row).collect::<Vec<_>>())
        }
    })?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_a_day_a_moment_or_an_age() {
        let ago = |text: &str| {
            let at = since(text).unwrap();
            Timestamp::now().duration_since(at).as_hours()
        };
        assert_eq!((ago("7d"), ago("36h")), (7 * 24, 36));
        let yesterday = (Timestamp::now() - SignedDuration::from_hours(24)).to_string();
        assert!((0..48).contains(&ago(&yesterday[..10])));
        assert_eq!(ago(&yesterday), 24);
        assert!(since("91d").unwrap_err().contains("90 days"));
        assert!(since("2999-01-01").unwrap_err().contains("future"));
        for wrong in ["monday", "2026-11-01T10:00", "", "-1d"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn people_sign_in_and_roles_do_not() {
        let ask = Ask { actions: Vec::new(), resources: Vec::new(), context: Vec::new() };
        let someone = |sort| Principal {
            sort,
            name: "x".into(),
            arn: "arn:x".into(),
            groups: Vec::new(),
            trusts: Vec::new(),
            asks_mfa: false,
        };
        let said = |sort, with_mfa| of(&ask, &someone(sort), with_mfa).context;
        assert_eq!(said(Sort::Role, true), []);
        assert_eq!(said(Sort::User, false), [("aws:MultiFactorAuthPresent".to_owned(), "false".to_owned())]);
        assert_eq!(said(Sort::Group, true).len(), 2);
    }
}
