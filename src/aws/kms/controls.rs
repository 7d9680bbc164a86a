//! The controls of keys: <https://docs.aws.amazon.com/securityhub/latest/userguide/kms-controls.html>. KMS.2 is about policies of
//! identities, and beside those.

use super::Key;
use crate::aws::control::Severity::{Critical, Medium};
use crate::aws::control::{Breach, Control, View, policies};
use crate::engine::Result;

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "KMS.4",
        Medium,
        ("Keys are rotated", "the longer a key is used, the more data is exposed if it leaks", "set `rotation: true`"),
        unrotated,
    )
    .other(),
    Control::new(
        "KMS.5",
        Critical,
        (
            "No anonymous use of keys",
            "anyone can then decrypt what the key protects",
            "name the accounts, roles or services in the key's policy",
        ),
        public,
    ),
];

fn unrotated(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Key>()?.into_iter().filter(|(_, key)| key.rotation != Some(true));
    Ok(all.map(|(key, _)| Breach::new(key, "`rotation` is not `true`").fix(&["rotation"], true)).collect())
}

fn public(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Key>()?.into_iter().filter(|(_, key)| policies::is_public(&key.policy, &[]));
    Ok(all.map(|(key, _)| Breach::new(key, "its policy allows everyone")).collect())
}
