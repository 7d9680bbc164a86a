//! The master password: which version of which secret the database has, and how it is read, sent and recorded.

use aws_sdk_rds::types::{DbInstance, Tag};

use super::{Instance, Live};
use crate::aws::rds::errors::failed;
use crate::aws::secretsmanager::{self, Password};
use crate::aws::{Cx, Tags};
use crate::engine::{Diff, Error, Result};

/// The tag with the version of the secret whose password the database has, as [`secretsmanager::version`] writes it: RDS itself
/// does not report passwords.
pub(in crate::aws::rds) const TAG_PASSWORD: &str = "stack:password";
/// The value of that tag, and what the field reads as, while a restored database has the password of its snapshot. It differs from
/// every desired password, so that a run that dies before the password is changed leaves a difference and not a database that
/// lets in whoever knew that of the original.
pub(in crate::aws::rds) const FROM_SNAPSHOT: &str = "snapshot";

/// Checks whether a restored database still has the password of its snapshot.
pub(super) fn has_snapshots(instance: &DbInstance) -> bool {
    instance.tag_list().iter().any(|tag| tag.key() == Some(TAG_PASSWORD) && tag.value() == Some(FROM_SNAPSHOT))
}

/// Checks whether a change takes away the password that a database has from its snapshot.
pub(super) fn is_from_snapshot(diff: &Diff) -> bool {
    diff.changes.iter().any(|change| change.path == "password" && change.before.as_ref().is_some_and(|is| is == FROM_SNAPSHOT))
}

/// Returns the secret, and the version of it whose password the database has.
pub(in crate::aws::rds) fn told(instance: &DbInstance) -> Option<(String, String)> {
    let tag = instance.tag_list().iter().find(|tag| tag.key() == Some(TAG_PASSWORD))?;
    secretsmanager::version(tag.value()?).map(|(arn, version)| (arn.to_owned(), version.to_owned()))
}

impl Instance {
    /// Returns the version of the secret with the desired password.
    pub(super) fn wanted_password(&self) -> Option<&str> {
        self.password.as_deref().filter(|password| !password.is_empty())
    }

    /// Reads the desired password, for the one call that sends it to RDS.
    pub(super) async fn read_password(&self, cx: &Cx) -> Result<Option<Password>> {
        match self.wanted_password() {
            Some(version) => secretsmanager::password(cx, version).await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns the tags, including the version of the password.
    pub(super) fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        tags.extend(self.wanted_password().map(|version| (TAG_PASSWORD.to_owned(), version.to_owned())));
        tags
    }

    /// Records which version of the password the database has now. A run that dies before this sends the password again.
    pub(super) async fn note_password(&self, cx: &Cx, live: &Live) -> Result<()> {
        match self.wanted_password() {
            Some(version) => {
                let tag = Tag::builder().key(TAG_PASSWORD).value(version).build();
                let call = cx.cloud.rds.add_tags_to_resource().resource_name(&live.arn).tags(tag);
                call.send().await.map_err(failed("rds:AddTagsToResource"))?;
            }
            None => {
                let call = cx.cloud.rds.remove_tags_from_resource().resource_name(&live.arn).tag_keys(TAG_PASSWORD);
                call.send().await.map_err(failed("rds:RemoveTagsFromResource"))?;
            }
        }
        Ok(())
    }
}

/// Hides the password in an error.
pub(super) fn hidden(error: Error, password: Option<&Password>) -> Error {
    match password {
        Some(password) => password.hidden_in(error),
        None => error,
    }
}
