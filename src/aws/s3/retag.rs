//! The tags of a bucket, of which S3 takes only all together, and the digest among them.

use aws_sdk_s3::types::Tagging;

use super::{built, tags_now, to_sdk};
use crate::aws::ownership::tags::TagEdit;
use crate::aws::s3::errors::failed;
use crate::aws::{Cx, Tags};
use crate::engine::Result;
use crate::engine::tags::TAG_DIGEST;

/// A digest that proves nothing: the bucket can have what few have, and is asked about it.
pub(super) const UNPROVEN: &str = "";

/// What becomes of the digest of a bucket.
pub(super) enum Proof {
    /// It stays.
    Same,
    /// It is this one.
    Is(String),
    /// It is removed: the bucket has nothing that it would prove.
    None,
}

/// Changes tags; those of others stay.
async fn retag(cx: &Cx, bucket: &str, edit: impl FnOnce(&mut Tags)) -> Result<()> {
    let before = tags_now(cx, bucket).await?;
    let mut all = before.clone();
    edit(&mut all);
    if all == before {
        return Ok(());
    }
    let tagging = built(Tagging::builder().set_tag_set(Some(to_sdk(&all)?)).build())?;
    let call = cx.cloud.s3.put_bucket_tagging().bucket(bucket).expected_bucket_owner(&cx.scope.account).tagging(tagging);
    call.send().await.map_err(failed("s3:PutBucketTagging"))?;
    Ok(())
}

/// Notes that the bucket can have what few have, before it is changed: a run can end in between.
pub(super) async fn before(cx: &Cx, bucket: &str) -> Result<()> {
    retag(cx, bucket, |tags| drop(tags.insert(TAG_DIGEST.into(), UNPROVEN.into()))).await
}

/// Writes the tags that changed, and the digest.
pub(super) async fn after(cx: &Cx, bucket: &str, edit: Option<TagEdit>, proof: Proof) -> Result<()> {
    if edit.is_none() && matches!(proof, Proof::Same) {
        return Ok(());
    }
    retag(cx, bucket, |all| {
        if let Some(edit) = edit {
            all.retain(|key, _| !edit.remove.contains(key));
            all.extend(edit.write);
        }
        match proof {
            Proof::Is(digest) => drop(all.insert(TAG_DIGEST.into(), digest)),
            Proof::None => drop(all.remove(TAG_DIGEST)),
            Proof::Same => {}
        }
    })
    .await
}
