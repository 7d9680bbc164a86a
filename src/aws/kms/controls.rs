//! The controls of keys: <https://docs.aws.amazon.com/securityhub/latest/userguide/kms-controls.html>. KMS.2 is about policies of
//! identities, and beside those.

use aws_sdk_kms::types::{KeyMetadata, KeyState};
use futures::future::{BoxFuture, try_join_all};

use super::Key;
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::control::Severity::{Critical, Medium};
use crate::aws::control::later::{Fact, Later, own};
use crate::aws::control::{Breach, Control, View, policies};
use crate::aws::kms::errors::failed;
use crate::engine::{Resource, Result, Snapshot};

pub(super) static CONTROLS: &[Control] = &[
    Control::live(
        "KMS.3",
        Critical,
        (
            "No key is about to be deleted by mistake",
            "what a deleted key encrypts, backups included, can never be read again",
            "`stack apply` cancels the deletion of a key that is in the file; for one that was removed from it on purpose, make this an exception",
        ),
        |view| Ok(view.later("KMS.3")),
    ),
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

/// What keys are asked for `stack check --live`.
pub(super) static LATER: &[Later] = &[Later { controls: &["KMS.3"], read }];

fn read<'a>(cx: &'a Cx, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<Vec<Fact>>> {
    Box::pin(async move {
        // A key that is scheduled for deletion counts as deleted.
        let gone = own(snapshot, Key::KIND).filter(|(_, seen)| seen.state.is_gone());
        let facts = try_join_all(gone.map(|(key, seen)| async move {
            let answer = cx.cloud.kms.describe_key().key_id(seen.id()).send().await;
            let metadata = present(answer.map(|a| a.key_metadata).map_err(failed("kms:DescribeKey")))?;
            let what = metadata.as_ref().and_then(leaving);
            Result::Ok(what.map(|what| ("KMS.3", Breach::new(&key, what))))
        }));
        Ok(facts.await?.into_iter().flatten().collect())
    })
}

/// Returns when a key is deleted, in words, if it is to be.
fn leaving(key: &KeyMetadata) -> Option<String> {
    if key.key_state() != Some(&KeyState::PendingDeletion) {
        return None;
    }
    let day = key.deletion_date().and_then(|at| jiff::Timestamp::from_second(at.secs()).ok());
    Some(
        day.map_or_else(
            || "it is about to be deleted".to_owned(),
            |day| format!("it is deleted on {}", day.strftime("%Y-%m-%d")),
        ),
    )
}

#[cfg(test)]
mod tests {
    use aws_sdk_kms::primitives::DateTime;

    use super::*;

    #[test]
    fn keys_that_are_about_to_be_deleted() {
        let of = |state: KeyState| {
            let key = KeyMetadata::builder().key_id("k").key_state(state).deletion_date(DateTime::from_secs(86_400)).build();
            leaving(&key.unwrap())
        };
        assert_eq!(of(KeyState::PendingDeletion).as_deref(), Some("it is deleted on 1970-01-02"));
        assert_eq!(of(KeyState::Enabled), None);
    }
}
