mod bucket;
mod database;
mod times;

use clap::Args;

use super::arguments::{StackFile, moment};
use super::consent::Applying;
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::ui::Color;

/// Restore a database beside the current one, or a bucket's objects, to an earlier time
///
/// WHAT is `databases.NAME` or `buckets.NAME`.
///
/// Of a database, a new one is restored beside the one that runs, in the same network, with the same settings and with a password of its
/// own, and what differs is shown. Nothing uses it. With `--switch` it takes the place of the one that runs, which is renamed and stays
/// until it is deleted by name (`stack apply --allow-delete KEY`). Both are continued by the same command when they are interrupted.
///
/// Of a bucket that keeps versions, the versions of that time are copied over the newer ones. No version is deleted.
#[derive(Args, Debug)]
#[command(override_usage = "stack restore [OPTIONS] [FILE] <WHAT>")]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    /// What to restore: `databases.main`, `buckets.uploads`
    #[arg(value_name = "WHAT")]
    what: Option<String>,
    /// Restore it as it was at TIME: `2026-11-27T10:00Z`
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with_all = ["snapshot", "latest", "list", "switch"])]
    to_time: Option<jiff::Timestamp>,
    /// Restore a database from this snapshot: its name, or its ARN
    #[arg(long, value_name = "SNAPSHOT", conflicts_with_all = ["latest", "list", "switch"])]
    snapshot: Option<String>,
    /// Restore a database as it was at the latest time that AWS has, about five minutes ago
    #[arg(long, conflicts_with_all = ["list", "switch"])]
    latest: bool,
    /// Show to what a database can be restored, and what stands beside it
    #[arg(long, conflicts_with = "switch")]
    list: bool,
    /// Give the restored database the place of the one that runs. NAME says which, if there are several
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true)]
    switch: Option<Option<String>>,
    /// Of a bucket, only the objects whose keys begin with PREFIX
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Of a bucket, also hide the objects that did not exist at that time, by delete markers
    #[arg(long, requires = "to_time")]
    hide_newer: bool,
    /// Only show what would be done
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    applying: Applying,
}

/// What a database is restored from.
enum From<'a> {
    Time(jiff::Timestamp),
    Snapshot(&'a str),
    Latest,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, what, to_time, snapshot, latest, list, switch, prefix, hide_newer, plan, applying } = arguments;
    let (file, what) = file.and(what, "WHAT")?;
    let text = stack_file::read_stack(&file)?;
    let loaded = stack_file::load_text(&file, &text, color)?;
    let usage = |what: String, help: &str| Err(Stop::Message(Exit::Usage, what, Some(help.to_owned())));
    let from = match (to_time, &snapshot, latest) {
        (Some(at), ..) => Some(From::Time(at)),
        (_, Some(name), _) => Some(From::Snapshot(name)),
        (.., true) => Some(From::Latest),
        _ => None,
    };
    let known = |names: Vec<&str>| match names.is_empty() {
        true => "the file has none".to_owned(),
        false => format!("the file has: {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    };
    match what.split_once('.') {
        Some(("databases", name)) => {
            if prefix.is_some() || hide_newer {
                return usage(format!("`{what}` has no objects"), "`--prefix` and `--hide-newer` are for buckets");
            }
            if !loaded.stack.databases.keys().any(|known| known.as_str() == name) {
                let names = loaded.stack.databases.keys().map(|name| name.as_str()).collect();
                return usage(format!("`{what}` does not exist"), &known(names));
            }
            let one = database::One::of(name, &file, &text, &loaded, &applying, color).await?;
            match (list, switch, from) {
                (true, ..) => times::list(&one).await,
                (_, Some(beside), _) => one.switch(beside.as_deref(), plan).await,
                (.., Some(from)) => one.restore(&from, plan).await,
                _ => usage(
                    format!("to what `{what}` is to be restored is missing"),
                    "add `--to-time TIME`, `--latest` or `--snapshot NAME`; `--list` shows what there is",
                ),
            }
        }
        Some(("buckets", name)) => {
            let Some(From::Time(at)) = from else {
                return usage(format!("to what `{what}` is to be restored is missing"), "add `--to-time TIME`");
            };
            let order = bucket::Order { name, prefix: prefix.as_deref().unwrap_or_default(), at, hide_newer };
            bucket::restore(&order, &loaded, (&file, plan), &applying, color).await
        }
        _ => usage(format!("`{what}` cannot be restored"), "write `databases.NAME` or `buckets.NAME`"),
    }
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn a_time_has_a_zone() {
        for text in ["2026-11-27T10:00Z", "2026-11-27T11:00:00.5+01:00"] {
            assert_eq!(moment(text).unwrap().to_string(), "2026-11-27T10:00:00Z", "{text}");
        }
        assert!(moment("2026-11-27T10:00").is_err() && moment("yesterday").is_err());
    }
}
