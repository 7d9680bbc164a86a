//! The checks of `databases`: what RDS would refuse.

use super::checks::Checks;
use crate::database::{Database, DatabaseEngine, LATEST, STRIPED};
use crate::diagnostic::{Diagnostic, count, short};
use crate::reserved::is_reserved;
use crate::suggest;

const DAY: u64 = 86_400;
/// What a production environment should keep (AWS Security Hub's control RDS.11).
const WEEK_OF_BACKUPS: u64 = 7 * DAY;
const WEEK: u32 = 7 * 24 * 60;
/// The minimum and maximum of `gp3` storage in RDS, in GiB.
const STORAGE: (u32, u32) = (20, 65_536);

pub(super) fn databases(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    if !stack.databases.is_empty() && stack.network.zones.count() < 2 {
        let place = if checks.file.node("network.zones").is_some() { "network.zones" } else { "network" };
        let diagnostic = Diagnostic::error("too-few-zones", "a database needs subnets in two zones, but the network has one");
        checks.at(place, "one zone", diagnostic.help("write `zones: 2` or more, even without `multi_az`"));
    }
    for (name, database) in &stack.databases {
        let path = format!("databases.{name}");
        names(checks, &path, name.as_str(), database);
        version(checks, &path, database);
        storage(checks, &path, database);
        speed(checks, &path, database);
        backups(checks, &path, database);
        windows(checks, &path, database);
        user(checks, &path, database);
        words(checks, &path, database);
        key(checks, &path, database);
        password(checks, &path, database);
        begin(checks, &path, database);
    }
}

fn error(checks: &mut Checks<'_>, path: &str, label: &str, code: &'static str, message: String, help: String) {
    checks.at(path, label, Diagnostic::error(code, message).help(help));
}

fn names(checks: &mut Checks<'_>, path: &str, name: &str, database: &Database) {
    let prefix = checks.prefix.clone();
    let all = std::iter::once((path.to_owned(), name.to_owned()))
        .chain(database.replicas.keys().map(|r| (format!("{path}.replicas.{r}"), format!("{name}-{r}"))));
    for (path, name) in all {
        // A replacement gets a number after its name: `-NN`.
        let full = format!("{prefix}-{name}");
        if full.len() > 60 {
            let message = format!("the database would be called `{full}`, which has {} characters", full.len());
            checks.at_key(
                &path,
                "too long",
                Diagnostic::error("name-too-long", message)
                    .help("RDS accepts 63, of which 3 are reserved for the number of a replacement"),
            );
        }
    }
    for replica in database.replicas.keys() {
        let full = format!("{name}-{replica}");
        if checks.stack.databases.keys().any(|other| other.as_str() == full) {
            let path = format!("{path}.replicas.{replica}");
            let message = format!("this replica and the database `{full}` would have the same name in AWS");
            checks.at_key(&path, "same name", Diagnostic::error("duplicate-name", message).help("rename one of the two"));
        }
    }
}

fn version(checks: &mut Checks<'_>, path: &str, database: &Database) {
    let parts: Vec<&str> = database.version.split('.').collect();
    let numbers = parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    let (least, example) = match database.engine {
        DatabaseEngine::Postgres => (1, "16"),
        DatabaseEngine::Mysql => (2, "8.4"),
        DatabaseEngine::Mariadb => (2, "11.4"),
    };
    if !numbers || parts.len() < least {
        let engine = database.engine.as_str();
        let message = format!("`{}` is not a version of {engine}", short(&database.version));
        let help = format!("write its major version, or a more specific one: `version: \"{example}\"`");
        error(checks, &format!("{path}.version"), "no major version", "no-such-version", message, help);
    }
}

fn storage(checks: &mut Checks<'_>, path: &str, database: &Database) {
    let (least, most) = STORAGE;
    for (field, size) in [("storage", Some(database.storage)), ("max_storage", database.max_storage)] {
        let Some(size) = size else { continue };
        if !(least..=most).contains(&size.as_gib()) {
            let message = format!("`{path}.{field}` must be from 20GiB to 64TiB, but is {size}");
            let near = crate::values::Size::gib(size.as_gib().clamp(least, most));
            error(
                checks,
                &format!("{path}.{field}"),
                "out of range",
                "out-of-range",
                message,
                format!("the nearest valid size is `{near}`"),
            );
        }
    }
    let enough = u32::try_from((u64::from(database.storage.as_gib()) * 11).div_ceil(10)).unwrap_or(u32::MAX);
    if let Some(max) = database.max_storage
        && max.as_gib() < enough
    {
        let message =
            format!("`{path}.max_storage` is {max}, but must be at least 10 % more than `storage`, {}", database.storage);
        let help = format!("write `max_storage: {enough}GiB` or more, or leave it out");
        error(checks, &format!("{path}.max_storage"), "too small", "storage-limit", message, help);
    }
}

/// Checks IOPS and throughput: RDS accepts neither below 400 GiB, and no more throughput than a quarter of the IOPS.
fn speed(checks: &mut Checks<'_>, path: &str, database: &Database) {
    let fields = [("iops", database.iops, 12_000, 64_000), ("throughput", database.throughput, 500, 4_000)];
    for (field, value, least, most) in fields {
        let Some(value) = value else { continue };
        let at = format!("{path}.{field}");
        if !database.is_striped() {
            let message = format!("`{at}` cannot be set for storage below {STRIPED}GiB");
            let help = format!("leave it out, or write `storage: {STRIPED}GiB` or more");
            error(checks, &at, "needs more storage", "storage-speed", message, help);
        } else if !(least..=most).contains(&value) {
            let message = format!("`{at}` must be from {least} to {most}, but is {value}");
            let help = format!("the nearest valid value is `{}`", value.clamp(least, most));
            error(checks, &at, "out of range", "out-of-range", message, help);
        }
    }
    if let (Some(iops), Some(throughput)) = (database.iops(), database.throughput)
        && throughput > iops / 4
    {
        let message = format!("`{path}.throughput` is more than a quarter of its {iops} IOPS, which AWS refuses");
        let help = format!("write `iops: {}` or more, or `throughput: {}` or less", throughput * 4, iops / 4);
        error(checks, &format!("{path}.throughput"), "too much", "storage-speed", message, help);
    }
}

fn backups(checks: &mut Checks<'_>, path: &str, database: &Database) {
    let seconds = database.backups.as_secs();
    if !seconds.is_multiple_of(DAY) || seconds > 35 * DAY {
        let message = format!("`{path}.backups` must be whole days from 0d to 35d, but is {}", database.backups);
        let near = seconds.div_ceil(DAY).min(35);
        error(
            checks,
            &format!("{path}.backups"),
            "0d to 35d",
            "out-of-range",
            message,
            format!("the nearest valid time is `{near}d`"),
        );
    }
    if checks.stack.production && seconds < WEEK_OF_BACKUPS {
        let message = format!("`{path}` keeps backups for {} only, in a production environment", database.backups);
        let diagnostic = Diagnostic::warning("few-backups", message);
        checks.at(&format!("{path}.backups"), "less than a week", diagnostic.help("write `7d` or more, or leave `backups` out"));
    }
    if seconds == 0 && !database.replicas.is_empty() {
        let message = format!("`{path}` has replicas but no backups, from which AWS creates them");
        let help = "write `backups: 1d` or more, or remove the replicas".into();
        error(checks, &format!("{path}.backups"), "no backups", "needs-backups", message, help);
    }
}

/// Returns the minute of the day.
fn time(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (hours.parse::<u32>().ok()?, minutes.parse::<u32>().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// Returns the minute of the week.
fn moment(text: &str) -> Option<u32> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let (day, rest) = text.split_once(':')?;
    let day = u32::try_from(DAYS.iter().position(|d| *d == day)?).ok()?;
    Some(day * 24 * 60 + time(rest)?)
}

/// Returns the start and the length of a time window, in minutes.
fn span(text: &str, read: fn(&str) -> Option<u32>, round: u32) -> Option<(u32, u32)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (read(from)?, read(to)?);
    Some((from, (to + round - from) % round))
}

fn windows(checks: &mut Checks<'_>, path: &str, database: &Database) {
    let mut found = [None, None];
    let windows = [
        ("backup_window", &database.backup_window, time as fn(&str) -> Option<u32>, 24 * 60, "03:00-03:30"),
        ("maintenance_window", &database.maintenance_window, moment, WEEK, "sun:04:00-sun:04:30"),
    ];
    for (slot, (field, text, read, round, example)) in found.iter_mut().zip(windows) {
        let Some(text) = text else { continue };
        let at = format!("{path}.{field}");
        match span(text, read, round) {
            None => {
                let message = format!("`{}` is not a time window", short(text));
                error(checks, &at, "not a window", "invalid-value", message, format!("write it in UTC, like `{example}`"));
            }
            Some((_, long)) if long < 30 => {
                let message = format!("`{at}` is {} long, but AWS requires at least 30", count(long, "minute"));
                error(checks, &at, "too short", "window-too-short", message, format!("write it like `{example}`"));
            }
            Some((_, long)) if field == "maintenance_window" && long > 24 * 60 => {
                let message = format!("`{at}` is longer than 24 hours, the most that AWS accepts");
                error(checks, &at, "too long", "window-too-long", message, format!("write it like `{example}`"));
            }
            window => *slot = window,
        }
    }
    if let [Some((backup, long)), Some((maintenance, length))] = found {
        // The daily window occurs seven times in the week of the other one.
        let overlap = (0..7)
            .map(|day| day * 24 * 60 + backup)
            .any(|start| (maintenance + WEEK - start) % WEEK < long || (start + WEEK - maintenance) % WEEK < length);
        if overlap {
            let message = format!("`{path}` has a backup window and a maintenance window that overlap, which AWS refuses");
            let help = "move one of the two".into();
            error(checks, &format!("{path}.backup_window"), "overlaps the other", "windows-overlap", message, help);
        }
    }
}

/// Checks the names of user and database in the file. Their defaults are checked with all objects of the stack.
fn user(checks: &mut Checks<'_>, path: &str, database: &Database) {
    let engine = database.engine.as_str();
    let names = [
        ("user", &database.user, "name of the master user", "owner"),
        ("database", &database.database, "name of the database", "shop"),
    ];
    for (field, name, what, example) in names {
        if let Some(name) = name.as_ref().filter(|name| is_reserved(engine, name)) {
            let message = format!("`{name}` cannot be the {what}: {engine} reserves it");
            error(
                checks,
                &format!("{path}.{field}"),
                "reserved",
                "reserved-name",
                message,
                format!("choose another, such as `{field}: {example}`"),
            );
        }
    }
}

fn words(checks: &mut Checks<'_>, path: &str, database: &Database) {
    let (known, own): (&[&str], &str) = match database.engine {
        DatabaseEngine::Postgres => (&["postgresql", "upgrade", "iam-db-auth-error"], "rds.force_ssl"),
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb => {
            (&["audit", "error", "general", "slowquery", "iam-db-auth-error"], "require_secure_transport")
        }
    };
    for (i, log) in database.logs.iter().flatten().enumerate() {
        if !known.contains(&log.as_str()) {
            let message = format!("{} has no log `{}`", database.engine.as_str(), short(log));
            let help = suggest::help(log, known.iter().copied(), "its logs are").unwrap_or_default();
            error(checks, &format!("{path}.logs[{i}]"), "no such log", "no-such-log", message, help);
        }
    }
    if database.parameters.contains_key(own) {
        let diagnostic = Diagnostic::error("own-key", format!("`{own}` cannot be set: connections are always encrypted"));
        checks.at_key(
            &format!("{path}.parameters.{own}"),
            "remove this",
            diagnostic
                .help("remove it; for clients without TLS, describe `rds.parameter_group` and `rds.instance` under `resources`"),
        );
    }
}

/// RDS supports no replicas of a database whose password it keeps
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html>, limitations).
fn password(checks: &mut Checks<'_>, path: &str, database: &Database) {
    if database.password.rotate.days().is_some() && !database.replicas.is_empty() {
        let message = format!("`{path}` has replicas, which RDS does not support for a database whose password it rotates");
        let help = "write `rotate: never`, and to change the password write another into its secret and run `stack apply`; or remove the replicas";
        error(checks, &format!("{path}.password.rotate"), "rotated by RDS", "rotation-and-replicas", message, help.into());
        super::services::second_place(checks, &format!("{path}.replicas"), "and replicated");
    }
}

/// A new database begins with one thing.
fn begin(checks: &mut Checks<'_>, path: &str, database: &Database) {
    let Some(begin) = &database.begin else { return };
    match (&begin.snapshot, &begin.database) {
        (Some(_), Some(_)) => {
            let message = format!("`{path}.begin` has both `snapshot` and `database`");
            let help = "keep one of the two; in an environment `snapshot: null` removes the other one";
            let at = format!("{path}.begin.snapshot");
            error(checks, &at, "a snapshot that exists", "one-beginning", message, help.into());
            super::services::second_place(checks, &format!("{path}.begin.database"), "and a new one");
        }
        (None, None) => {
            let message = format!("`{path}.begin` names nothing to begin with");
            let help = "write `snapshot: NAME` or `database: IDENTIFIER`, or remove `begin` for a database that begins empty";
            error(checks, &format!("{path}.begin"), "empty", "one-beginning", message, help.into());
        }
        _ => {}
    }
    let Some(at) = &begin.at else { return };
    let at_time = format!("{path}.begin.at");
    if begin.snapshot.is_some() && begin.database.is_none() {
        let message = format!("`{path}.begin.at` is a time, but a snapshot has its own");
        let help = "write `database: IDENTIFIER` in place of `snapshot`, or remove `at`";
        error(checks, &at_time, "not with a snapshot", "one-beginning", message, help.into());
        return;
    }
    if let Some(region) = begin.region().filter(|region| *region != checks.stack.region) {
        let message =
            format!("`{path}.begin.at` is a time of a database in {region}, and backups are restored in their own region");
        let help = "remove `at`: a snapshot is taken and copied into this region";
        error(checks, &at_time, "not from another region", "one-beginning", message, help.into());
        return;
    }
    if at != LATEST && at.parse::<jiff::Timestamp>().is_err() {
        let help = "write a time with its zone, like `2026-11-26T03:00:00Z`, or `latest`";
        error(checks, &at_time, "no such time", "invalid-value", format!("`{at}` is not a time"), help.into());
    }
}

fn key(checks: &mut Checks<'_>, path: &str, database: &Database) {
    let Some(key) = &database.key else { return };
    let known: Vec<String> = checks.stack.keys.keys().map(|name| format!("keys.{name}")).collect();
    if known.contains(key) || crate::values::arn(key).is_some() {
        return;
    }
    let help = suggest::help(key, known.iter().map(String::as_str), "the keys are")
        .unwrap_or_else(|| "add it to `keys`, or write the ARN of an existing key".into());
    let message = format!("`{path}` is encrypted with `{}`, which does not exist", short(key));
    error(checks, &format!("{path}.key"), "not in this file", "unknown-reference", message, help);
}
