use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::arguments::{Aws, time};
use super::consent;
use super::list;
use super::session::{self, Session};
use super::stop::{Exit, Result, Stop};
use crate::aws::ecr::frozen::{self as images, FrozenImage};
use crate::aws::rds::frozen::{self, Frozen};
use crate::config;
use crate::ui::{self, Color, Terminal};

/// The snapshots and images of frozen environments
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the snapshots and images of frozen environments in the account and region, and snapshots for clones in other ones
    List(List),
    /// Delete snapshots and images of frozen environments
    ///
    /// A frozen file whose snapshots are deleted cannot be thawed with its data any more, and one whose images are deleted cannot be
    /// thawed at all. Snapshots that were taken for a clone in another
    /// region or account, which was given up, are deleted in the same way.
    Prune(Prune),
}

#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    aws: Aws,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub struct Prune {
    /// What was frozen, as `stack frozen list` has it: `shop/production/20261126T221500Z`, or the beginning of it; or which copy
    /// snapshots were taken for: `shop/bug/222222222222/us-east-1`
    #[arg(value_name = "WHAT")]
    what: String,
    /// Only what was frozen longer ago than this
    #[arg(long, value_name = "TIME", value_parser = time)]
    older_than: Option<config::Duration>,
    #[command(flatten)]
    aws: Aws,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

pub async fn run(command: Command, color: Color) -> Result {
    match command {
        Command::List(arguments) => show(arguments, color).await,
        Command::Prune(arguments) => prune(arguments, color).await,
    }
}

/// Something that belongs to no environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kept {
    Snapshot(Frozen),
    Image(FrozenImage),
}

impl Kept {
    fn of(&self) -> &str {
        match self {
            Kept::Snapshot(one) => &one.of,
            Kept::Image(one) => &one.of,
        }
    }

    /// When it was taken.
    fn taken(&self) -> Option<&str> {
        match self {
            Kept::Snapshot(one) => one.taken.as_deref(),
            Kept::Image(one) => one.taken.as_deref(),
        }
    }

    fn for_copy(&self) -> bool {
        matches!(self, Kept::Snapshot(one) if one.for_copy)
    }

    fn row(&self) -> Vec<String> {
        let taken = self.taken().and_then(|at| at.parse().ok()).map(ui::ago).unwrap_or_default();
        match self {
            Kept::Snapshot(one) => {
                let of = if one.for_copy { format!("for {}", one.of) } else { one.of.clone() };
                vec![of, "snapshot".into(), one.name.clone(), format!("{} GiB", one.gib), taken, one.status.clone()]
            }
            Kept::Image(one) => {
                let size = one.bytes.map(|bytes| format!("{} MiB", (bytes >> 20).max(1))).unwrap_or_default();
                let name = format!("{}:{}", one.repository, one.tag);
                vec![one.of.clone(), "image".into(), name, size, taken, String::new()]
            }
        }
    }
}

fn rows(found: &[Kept]) -> Vec<Vec<String>> {
    found.iter().map(Kept::row).collect()
}

const HEADERS: [&str; 6] = ["FROZEN", "KIND", "NAME", "SIZE", "TAKEN", "STATUS"];

async fn all(aws: &Aws, color: Color) -> Result<(Session, Vec<Kept>)> {
    let session = list::connect(aws, color).await?;
    let cx = &session.cx;
    let both = async { futures::try_join!(frozen::list(cx), images::list(cx)) };
    let (snapshots, images) = session.hear(both).await?;
    let snapshots = snapshots.into_iter().map(Kept::Snapshot);
    let mut found: Vec<Kept> = snapshots.chain(images.into_iter().map(Kept::Image)).collect();
    found.sort_by(|one, other| one.of().cmp(other.of()));
    Ok((session, found))
}

async fn show(arguments: List, color: Color) -> Result {
    let (session, found) = all(&arguments.aws, color).await?;
    if arguments.json {
        ui::out(&session::json(&found)?)?;
    } else if found.is_empty() {
        let place = &session.cx.scope;
        let text = format!("Nothing is frozen in {}, account {}.", place.region, place.account);
        ui::err(&ui::note(&text, &Terminal::stderr(color)))?;
    } else {
        ui::out(&ui::table(&Terminal::stdout(color), &HEADERS, &rows(&found)))?;
    }
    Ok(Exit::Ok)
}

/// Checks whether something is meant: by whole parts of what was frozen, so that `shop/prod` is not `shop/production`.
fn is_meant(of: &str, what: &str) -> bool {
    let what = what.trim_end_matches('/');
    of.strip_prefix(what).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

async fn prune(arguments: Prune, color: Color) -> Result {
    let terminal = Terminal::stderr(color);
    let (session, mut found) = all(&arguments.aws, color).await?;
    found.retain(|one| is_meant(one.of(), &arguments.what));
    if let Some(time) = arguments.older_than {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let before = jiff::Timestamp::now().as_second().saturating_sub(seconds);
        let is_older = |at: &str| at.parse::<jiff::Timestamp>().is_ok_and(|at| at.as_second() < before);
        found.retain(|one| one.taken().is_some_and(is_older));
    }
    if found.is_empty() {
        ui::err(&ui::note(&format!("No snapshot or image of `{}` exists.", arguments.what), &terminal))?;
        return Ok(Exit::Ok);
    }
    ui::out(&ui::table(&Terminal::stdout(color), &HEADERS, &rows(&found)))?;
    let of = |for_copy: bool| {
        let of: BTreeSet<&str> = found.iter().filter(|one| one.for_copy() == for_copy).map(Kept::of).collect();
        of.len()
    };
    let (snapshots, pictures): (Vec<_>, Vec<_>) = found.iter().partition(|one| matches!(one, Kept::Snapshot(_)));
    let counts = [(snapshots.len(), "snapshot"), (pictures.len(), "image")];
    let counts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| ui::count(*n, what)).collect();
    let what = counts.join(" and ");
    let files = match of(false) {
        0 => String::new(),
        files if pictures.is_empty() => format!(" {} cannot be thawed with data any more.", ui::count(files, "frozen file")),
        files => format!(" {} cannot be thawed any more.", ui::count(files, "frozen file")),
    };
    let copies = match of(true) {
        0 => String::new(),
        copies => format!(" {} may still be copied for a clone.", ui::count(copies, "database")),
    };
    let question = format!("Delete {what}?{files}{copies}");
    if !arguments.yes && !consent::confirmed(&question, "delete")? {
        return Ok(Exit::Refused);
    }
    let mut images = Vec::new();
    for one in &found {
        match one {
            Kept::Snapshot(one) => {
                session.hear(frozen::delete(&session.cx, &one.name)).await.map_err(Stop::midway)?;
            }
            Kept::Image(one) => images.push(one.clone()),
        }
    }
    session.hear(self::images::delete(&session.cx, &images)).await.map_err(Stop::midway)?;
    ui::err(&ui::note(&format!("{what} deleted."), &terminal))?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pruned_is_named_by_whole_parts() {
        let one = "shop/production/20261126T221500Z";
        for what in ["shop", "shop/production", "shop/production/", "shop/production/20261126T221500Z"] {
            assert!(is_meant(one, what), "{what}");
        }
        for what in ["shop/prod", "sho", "production", "shop/production/2026"] {
            assert!(!is_meant(one, what), "{what}");
        }
    }
}
