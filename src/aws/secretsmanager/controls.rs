//! The controls of secrets: <https://docs.aws.amazon.com/securityhub/latest/userguide/secretsmanager-controls.html>.

use super::{Rotation, Secret};
use crate::aws::control::Severity::Medium;
use crate::aws::control::{Breach, Control, View};
use crate::engine::Result;

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
