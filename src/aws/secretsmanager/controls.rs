//! The controls of secrets: <https://docs.aws.amazon.com/securityhub/latest/userguide/secretsmanager-controls.html>.

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use futures::future::{BoxFuture, try_join_all};
use jiff::Timestamp;

use super::look::describe;
use super::{Rotation, Secret};
use crate::aws::Cx;
use crate::aws::control::Severity::Medium;
use crate::aws::control::later::{Fact, Later, own};
use crate::aws::control::{Breach, Control, View};
use crate::engine::{Resource, Result, Snapshot};

/// The longest time between rotations that SecretsManager.4 permits.
const DAYS: i64 = 90;

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "SecretsManager.1",
        Medium,
        (
            "Secrets are rotated",
            "a password that never changes remains known to everyone who has ever had it",
            "set `password: { rotate: 7d }`; a database with replicas cannot have that",
        ),
        never,
    ),
    Control::live(
        "SecretsManager.2",
        Medium,
        (
            "Rotations of secrets succeed",
            "a rotation that fails leaves the old password in use without anyone noticing",
            "look for errors of the rotation in the secret and in the events of its database",
        ),
        |view| Ok(view.later("SecretsManager.2")),
    ),
    Control::live(
        "SecretsManager.3",
        Medium,
        (
            "Secrets that are not used are deleted",
            "a forgotten secret still gives access to what it is for",
            "remove what it is for from the file, or the secret from the service that no longer reads it",
        ),
        |view| Ok(view.later("SecretsManager.3")),
    ),
    Control::new(
        "SecretsManager.4",
        Medium,
        (
            "Secrets are rotated every 90 days at least",
            "a leaked password gives access to the database until it changes",
            "set `password: { rotate: 90d }` or less",
        ),
        rarely,
    ),
];

fn never(view: &View) -> Result<Vec<Breach>> {
    Ok(view.all::<Secret>()?.into_iter().map(|(key, _)| Breach::new(key, "it is never rotated").fix(&["rotation"], 7)).collect())
}

fn rarely(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Rotation>()?.into_iter().filter(|(_, rotation)| rotation.days > DAYS);
    Ok(all
        .map(|(key, rotation)| Breach::new(key, format!("it is rotated every {} d", rotation.days)).fix(&["days"], DAYS))
        .collect())
}

/// What secrets are asked for `stack check --live`.
pub(super) static LATER: &[Later] = &[Later { controls: &["SecretsManager.2", "SecretsManager.3"], read }];

fn read<'a>(cx: &'a Cx, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<Vec<Fact>>> {
    Box::pin(async move {
        let now = Timestamp::now().as_second();
        let both = own(snapshot, Rotation::KIND).chain(own(snapshot, Secret::KIND)).filter(|(_, seen)| !seen.state.is_gone());
        let facts = try_join_all(both.map(|(key, seen)| async move {
            let Some(secret) = describe(cx, seen.id()).await? else { return Result::Ok(Vec::new()) };
            let late = late(&secret, now).map(|what| ("SecretsManager.2", Breach::new(&key, what)));
            let unused = unused(&secret, now).map(|what| ("SecretsManager.3", Breach::new(&key, what)));
            Ok(late.into_iter().chain(unused).collect())
        }));
        Ok(facts.await?.into_iter().flatten().collect())
    })
}

/// Returns since when a rotation is due, in words, if one is. `now` is in seconds since 1970.
fn late(secret: &DescribeSecretOutput, now: i64) -> Option<String> {
    let due = secret.next_rotation_date().filter(|_| secret.rotation_enabled() == Some(true))?.secs();
    let day = Timestamp::from_second(due).ok()?.strftime("%Y-%m-%d");
    (due < now).then(|| format!("its rotation was due on {day}"))
}

/// Returns how long a secret was not read, in words, if that is long. Secrets Manager notes days, and nothing before the first reading.
fn unused(secret: &DescribeSecretOutput, now: i64) -> Option<String> {
    let since = secret.last_accessed_date().or(secret.created_date())?.secs();
    let days = (now - since).div_euclid(86_400);
    (days > DAYS).then(|| format!("it was not read for {days} d"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::primitives::DateTime;

    use super::*;

    const NOW: i64 = 200 * 86_400;

    fn day(days: i64) -> DateTime {
        DateTime::from_secs(days * 86_400)
    }

    #[test]
    fn rotations_that_are_late() {
        let of = |enabled, due| {
            late(&DescribeSecretOutput::builder().rotation_enabled(enabled).next_rotation_date(day(due)).build(), NOW)
        };
        assert_eq!(of(true, 190).as_deref(), Some("its rotation was due on 1970-07-10"));
        assert_eq!((of(true, 201), of(false, 190)), (None, None));
    }

    #[test]
    fn secrets_that_are_not_read() {
        let made = DescribeSecretOutput::builder().created_date(day(0));
        assert_eq!(unused(&made.clone().build(), NOW).as_deref(), Some("it was not read for 200 d"));
        assert_eq!(unused(&made.clone().last_accessed_date(day(109)).build(), NOW).as_deref(), Some("it was not read for 91 d"));
        assert_eq!(unused(&made.last_accessed_date(day(110)).build(), NOW), None);
    }
}
