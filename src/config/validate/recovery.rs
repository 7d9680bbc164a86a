//! Checks of the section `recovery`.

use super::super::diagnostic::{Diagnostic, short};
use super::super::values::arn;
use super::Checks;

const DAY: u64 = 86_400;
/// How often RDS uploads the logs of a database
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html>).
const UPLOADS: u64 = 300;
/// The days for which RDS keeps automated backups.
const MOST_DAYS: u64 = 35;

pub(super) fn recovery(checks: &mut Checks<'_>) {
    let Some(recovery) = &checks.stack.recovery else { return };
    if recovery.region == checks.stack.region {
        let message = format!("`{}` is the stack's own region", short(&recovery.region));
        let diagnostic = Diagnostic::error("wrong-region", message).help("name another region");
        checks.at("recovery.region", "not another region", diagnostic);
    }
    if recovery.rpo.as_secs() < UPLOADS {
        let message = format!("`rpo` is {}, and RDS uploads logs every five minutes", recovery.rpo);
        checks.at("recovery.rpo", "cannot hold", Diagnostic::error("out-of-range", message).help("write `5m` or more"));
    }
    if recovery.rto.as_secs() == 0 {
        let diagnostic = Diagnostic::error("out-of-range", "`rto` must be more than nothing").help("write `2h`, for example");
        checks.at("recovery.rto", "nothing", diagnostic);
    }
    let keep = recovery.keep.as_secs();
    if !(DAY..=MOST_DAYS * DAY).contains(&keep) || !keep.is_multiple_of(DAY) {
        let message = format!("`keep` must be whole days from 1d to {MOST_DAYS}d, but is {}", recovery.keep);
        let nearest = keep.div_ceil(DAY).clamp(1, MOST_DAYS);
        let help = format!("the nearest valid time is `{nearest}d`");
        checks.at("recovery.keep", "1d to 35d", Diagnostic::error("out-of-range", message).help(help));
    }
    if let Some(key) = &recovery.key
        && arn(key).is_some_and(|parts| parts[3] != recovery.region)
    {
        let message = format!("the key is not in `{}`, where the backups are", short(&recovery.region));
        let diagnostic = Diagnostic::error("wrong-region", message).help("name a key of that region");
        checks.at("recovery.key", "another region", diagnostic);
    }
    for (name, database) in &checks.stack.databases {
        if database.backups.as_secs() == 0 {
            let message = format!("`databases.{name}` has no automated backups, so none can be replicated");
            let diagnostic = Diagnostic::error("no-backups", message).help("write `backups: 1d` or more");
            checks.at(&format!("databases.{name}.backups"), "none", diagnostic);
        }
        // <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html>, limitations.
        if recovery.mode.has_standby() && database.password.rotate.days().is_some() {
            let mode = recovery.mode.as_str();
            let message = format!(
                "RDS manages the password of `databases.{name}`, and such a database has no replicas, which `mode: {mode}` needs"
            );
            let diagnostic = Diagnostic::error("rotation-and-replicas", message).help("write `rotate: never`, or `mode: backup`");
            checks.at(&format!("databases.{name}.password.rotate"), "rotated by RDS", diagnostic);
        }
    }
}
