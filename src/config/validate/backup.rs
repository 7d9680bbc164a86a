//! Checks of the section `backup`.

use std::collections::BTreeSet;

use super::super::backup::{Lock, LockMode, RestoreTest};
use super::super::diagnostic::{Diagnostic, short};
use super::super::suggest;
use super::super::values::{Duration, arn};
use super::Checks;

const HOUR: u64 = 3600;
/// The most hours of a restore test.
const HOURS: u64 = 168;
/// The limits of times of AWS Backup, in days
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_PutBackupVaultLockConfiguration.html>).
const MOST: u64 = 36_500;
const GRACE: u64 = 3;

pub(super) fn backup(checks: &mut Checks<'_>) {
    let Some(backup) = &checks.stack.backup else { return };
    checks.days("backup.keep", backup.keep, 1, MOST);
    let mut times = vec![("backup.keep".to_owned(), backup.keep)];
    let mut regions: BTreeSet<&str> = BTreeSet::from([checks.stack.region.as_str()]);
    for (at, copy) in backup.copies.iter().enumerate() {
        let path = format!("backup.copies[{at}]");
        if copy.region.is_some() == copy.vault.is_some() {
            let diagnostic = Diagnostic::error("one-of", "a copy has a `region` or a `vault`");
            checks.at(&path, "one of the two", diagnostic.help("write `region: eu-central-1` for a vault of the stack there"));
        }
        if let Some(region) = copy.region.as_deref().filter(|region| !regions.insert(region)) {
            let here = region == checks.stack.region;
            let message = if here {
                format!("`{region}` is the stack's own region, where the backups are")
            } else {
                format!("`{region}` is listed twice")
            };
            let help = if here { "name another region" } else { "list each region once" };
            checks.at(&format!("{path}.region"), "not another region", Diagnostic::error("wrong-region", message).help(help));
        }
        if copy.key.is_some() && copy.region.is_none() {
            let diagnostic = Diagnostic::error("unused-key", "`key` encrypts the vault of the stack in `region`");
            checks.at(&format!("{path}.key"), "without `region`", diagnostic.help("remove it: the vault has its own key"));
        }
        if let (Some(key), Some(region)) = (&copy.key, &copy.region)
            && arn(key).is_some_and(|parts| parts[3] != region)
        {
            let diagnostic = Diagnostic::error("wrong-region", format!("the key is not in `{region}`, where the vault is"));
            checks.at(&format!("{path}.key"), "another region", diagnostic.help("name a key of that region"));
        }
        if let Some(keep) = copy.keep {
            checks.days(&format!("{path}.keep"), keep, 1, MOST);
            // The stack sets no lock in the vaults of others.
            times.extend(copy.region.iter().map(|_| (format!("{path}.keep"), keep)));
        }
    }
    if let Some(lock) = &backup.lock {
        self::lock(checks, lock, &times);
    }
    if let Some(test) = &backup.test {
        self::test(checks, test);
    }
    key(checks, backup.key.as_deref());
}

/// Checks the times of restore tests, and that what they restore is backed up.
fn test(checks: &mut Checks<'_>, test: &RestoreTest) {
    hours(checks, "backup.test.within", test.within, 1);
    if let Some(keep) = test.keep {
        hours(checks, "backup.test.keep", keep, 0);
    }
    let backed_up = checks.stack.backup.as_ref().map(|backup| backup.include.clone()).unwrap_or_default();
    if let Some(at) = test.include.iter().position(|one| !backed_up.contains(one)) {
        let message = "`backup.test` restores what `backup.include` does not back up";
        let diagnostic = Diagnostic::error("tests-nothing", message).help("add it to `backup.include`, or remove it here");
        checks.at(&format!("backup.test.include[{at}]"), "not backed up", diagnostic);
    }
}

/// Checks a time in whole hours, of which a restore test has up to 168
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html#restore-testing-quotas>).
fn hours(checks: &mut Checks<'_>, path: &str, time: Duration, least: u64) {
    let seconds = time.as_secs();
    if (least * HOUR..=HOURS * HOUR).contains(&seconds) && seconds.is_multiple_of(HOUR) {
        return;
    }
    let nearest = seconds.div_ceil(HOUR).clamp(least, HOURS);
    let what = format!("{least}h to {HOURS}h");
    let message = format!("`{path}` must be whole hours from {what}, but is {time}");
    checks.at(path, &what, Diagnostic::error("out-of-range", message).help(format!("the nearest valid time is `{nearest}h`")));
}

/// Checks that the lock fits together, and that it lets backups be kept for as long as the file says: else every backup fails.
fn lock(checks: &mut Checks<'_>, lock: &Lock, times: &[(String, Duration)]) {
    for (name, time, least) in [("min", lock.min, 1), ("max", lock.max, 1), ("grace", lock.grace, GRACE)] {
        if let Some(time) = time {
            checks.days(&format!("backup.lock.{name}"), time, least, MOST);
        }
    }
    if lock.grace.is_some() && lock.mode != LockMode::Compliance {
        let diagnostic = Diagnostic::error("unused-grace", "a lock in governance mode can always be removed");
        checks.at("backup.lock.grace", "only for `compliance`", diagnostic.help("remove `grace`"));
    }
    if let (Some(min), Some(max)) = (lock.min, lock.max)
        && min > max
    {
        let diagnostic = Diagnostic::error("out-of-range", format!("`max` is {max}, which is less than `min`, {min}"));
        checks.at("backup.lock.max", "less than `min`", diagnostic.help("exchange the two"));
        return;
    }
    for (path, time) in times {
        let wrong = match (lock.min.filter(|min| time < min), lock.max.filter(|max| time > max)) {
            (Some(min), _) => format!("at least {min}"),
            (_, Some(max)) => format!("at most {max}"),
            _ => continue,
        };
        let message = format!("`{path}` is {time}, and the lock requires {wrong}: every backup would fail");
        checks.at(path, &wrong, Diagnostic::error("out-of-range", message).help("change this or `backup.lock`"));
    }
}

fn key(checks: &mut Checks<'_>, key: Option<&str>) {
    let Some(key) = key else { return };
    let known: Vec<String> = checks.stack.keys.keys().map(|name| format!("keys.{name}")).collect();
    if known.iter().any(|name| name == key) || arn(key).is_some() {
        return;
    }
    let help = suggest::help(key, known.iter().map(String::as_str), "the keys are")
        .unwrap_or_else(|| "add it to `keys`, or write the ARN of an existing key".into());
    let message = format!("`backup` is encrypted with `{}`, which does not exist", short(key));
    checks.at("backup.key", "not in this file", Diagnostic::error("unknown-reference", message).help(help));
}
