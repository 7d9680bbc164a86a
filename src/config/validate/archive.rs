//! Checks of the section `archive`.

use super::super::diagnostic::{Diagnostic, short};
use super::super::suggest;
use super::super::values::arn;
use super::{Checks, limits};

/// The most jobs: EventBridge gives one target at most 8,192 characters, in which all of them are described
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html>).
const JOBS: usize = 10;
/// The most days of a default retention
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html>).
pub(super) const MOST: u64 = 36_500;

pub(super) fn archive(checks: &mut Checks<'_>) {
    let Some(archive) = &checks.stack.archive else { return };
    let mut times = vec![("archive.after".to_owned(), archive.after, 0)];
    times.extend(archive.delete_after.map(|time| ("archive.delete_after".to_owned(), time, 1)));
    times.extend(archive.lock.as_ref().map(|lock| ("archive.lock.keep".to_owned(), lock.keep, 1)));
    for (name, bucket) in &archive.buckets {
        times.push((format!("archive.buckets.{name}.after"), bucket.after, 0));
        times.extend(bucket.delete_after.map(|time| (format!("archive.buckets.{name}.delete_after"), time, 1)));
    }
    for (path, time, least) in times {
        checks.days(&path, time, least, MOST);
    }
    let moves = std::iter::once(("archive".to_owned(), archive.after, archive.delete_after));
    let buckets = archive.buckets.iter().map(|(name, of)| (format!("archive.buckets.{name}"), of.after, of.delete_after));
    for (path, after, deleted) in moves.chain(buckets) {
        if let Some(deleted) = deleted.filter(|deleted| *deleted <= after) {
            let message = format!("objects are deleted after {deleted}, and move to the archive after {after}");
            let help = "an object moves before it is deleted: give `delete_after` more time";
            checks.at(
                &format!("{path}.delete_after"),
                "not later than `after`",
                Diagnostic::error("out-of-range", message).help(help),
            );
        }
    }
    if let (Some(lock), Some(deleted)) = (&archive.lock, archive.delete_after)
        && deleted < lock.keep
    {
        let message = format!("exports are to be deleted after {deleted}, and are locked for {}", lock.keep);
        let help = "give `delete_after` at least the time of the lock";
        checks.at("archive.delete_after", "shorter than the lock", Diagnostic::error("out-of-range", message).help(help));
    }
    for (at, name) in archive.databases.iter().flatten().enumerate() {
        if !checks.stack.databases.contains_key(name) {
            let known: Vec<&str> = checks.stack.databases.keys().map(|name| name.as_str()).collect();
            let help = suggest::help(name.as_str(), known, "the databases are").unwrap_or_else(|| "add it to `databases`".into());
            let message = format!("the database `{}` does not exist", short(name.as_str()));
            checks.at(
                &format!("archive.databases[{at}]"),
                "not in this file",
                Diagnostic::error("unknown-reference", message).help(help),
            );
        }
    }
    jobs(checks);
    let exports = archive.databases.as_ref().map_or(!checks.stack.databases.is_empty(), |names| !names.is_empty());
    key(checks, archive.key.as_deref(), exports, !archive.jobs.is_empty());
}

/// Checks each job: that its service exists, that Fargate offers its size, and that it is told from databases, beside whose exports its own
/// are kept.
fn jobs(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    let Some(archive) = &stack.archive else { return };
    if archive.jobs.len() > JOBS {
        let message = format!("the archive has {} jobs, and EventBridge can describe {JOBS} to a function", archive.jobs.len());
        let help = "let one job archive several tables";
        checks.at_key("archive.jobs", "too many", Diagnostic::error("too-many-jobs", message).help(help));
    }
    for (name, job) in &archive.jobs {
        let path = format!("archive.jobs.{name}");
        if stack.databases.contains_key(name) {
            let message = format!("the job `{name}` has the name of a database, whose exports would be kept in the same place");
            checks.at_key(&path, "taken", Diagnostic::error("taken", message).help("give the job another name"));
        }
        let role = format!("{}-archive-job-{name}-exec", checks.prefix);
        limits::too_long(checks, &path, "the role", &role, 64, "the name of the job or the stack");
        let Some(service) = stack.services.get(&job.service) else {
            let known: Vec<&str> = stack.services.keys().map(|name| name.as_str()).collect();
            let help = suggest::help(job.service.as_str(), known, "the services are")
                .unwrap_or_else(|| "add it to `services`: a job runs in a task like those of a service".into());
            let message = format!("the service `{}` does not exist", short(job.service.as_str()));
            let diagnostic = Diagnostic::error("unknown-reference", message).help(help);
            checks.at(&format!("{path}.service"), "not in this file", diagnostic);
            continue;
        };
        let like = job.like(service);
        if let Err(near) = limits::pair(like.cpu, like.memory) {
            let own = [("memory", job.memory), ("cpu", job.cpu)].into_iter().find(|(_, own)| own.is_some());
            // What the service says is reported there.
            if let Some((key, _)) = own {
                let message = format!("Fargate does not offer `cpu: {}` with `memory: {}`", like.cpu, like.memory);
                let diagnostic = Diagnostic::error("no-such-size", message).help(near);
                checks.at(&format!("{path}.{key}"), "not a valid pair", diagnostic);
            }
        }
    }
}

fn key(checks: &mut Checks<'_>, key: Option<&str>, exports: bool, jobs: bool) {
    let known: Vec<String> = checks.stack.keys.keys().map(|name| format!("keys.{name}")).collect();
    match key {
        None if !(exports || jobs) || known.iter().any(|name| name == "keys.main") => {}
        None => {
            let what = if exports { "exports of databases need" } else { "what jobs export needs" };
            let message = format!("{what} a KMS key of the account, and none is named");
            let help = "add `keys: { main: {} }`, or name one with `key`";
            checks.at("archive", "no `key`", Diagnostic::error("missing-key", message).help(help));
        }
        Some(key) if known.iter().any(|name| name == key) || arn(key).is_some() => {}
        Some(key) => {
            let help = suggest::help(key, known.iter().map(String::as_str), "the keys are")
                .unwrap_or_else(|| "add it to `keys`, or write the ARN of an existing key".into());
            let message = format!("`archive` is encrypted with `{}`, which does not exist", short(key));
            checks.at("archive.key", "not in this file", Diagnostic::error("unknown-reference", message).help(help));
        }
    }
}
