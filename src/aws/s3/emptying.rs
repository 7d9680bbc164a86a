//! A bucket goes only when nothing is in it: no version, no mark of a deleted object, no upload that never ended.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::future::try_join_all;

use super::built;
use super::objects::already_gone;
use crate::aws::Cx;
use crate::aws::s3::errors::failed;
use crate::engine::{Class, Readiness, Result};

/// What S3 says to the deletion of a bucket that is not empty.
pub const NOT_EMPTY: &str = "BucketNotEmpty";
/// How many lists of a thousand one step deletes before it says how far it is.
const LISTS: usize = 10;

/// Asks for the end of a bucket.
pub async fn delete(cx: &Cx, bucket: &str) -> Result<()> {
    cx.cloud
        .s3
        .delete_bucket()
        .bucket(bucket)
        .expected_bucket_owner(&cx.scope.account)
        .send()
        .await
        .map_err(failed("s3:DeleteBucket"))?;
    Ok(())
}

/// Whether nothing is in it: no version, no mark of a deleted object. Uploads that never ended are no data.
pub async fn is_empty(cx: &Cx, bucket: &str) -> Result<bool> {
    let call = cx.cloud.s3.list_object_versions().bucket(bucket).max_keys(1);
    let answer = call.send().await.map_err(failed("s3:ListObjectVersions"))?;
    Ok(answer.versions().is_empty() && answer.delete_markers().is_empty())
}

/// Deletes some of what is in it, and when nothing was left, the bucket. What arrives late (logs do) is found by the next step.
pub async fn step(cx: &Cx, bucket: &str) -> Result<Readiness> {
    let uploads = abort_uploads(cx, bucket).await?;
    let mut deleted = 0;
    for _ in 0..LISTS {
        let some = delete_list(cx, bucket).await?;
        if some == 0 {
            break;
        }
        deleted += some;
    }
    if deleted > 0 || uploads > 0 {
        return Ok(Readiness::waiting(format!("emptying: {} more deleted", deleted + uploads)));
    }
    match delete(cx, bucket).await {
        Ok(()) => Ok(Readiness::Gone),
        Err(e) if e.class == Class::NotFound => Ok(Readiness::Gone),
        Err(e) if matches!(e.class, Class::InUse | Class::NotYet) => Ok(Readiness::waiting("not empty yet")),
        Err(e) => Err(e),
    }
}

/// Deletes the first thousand versions and marks. How many there were.
async fn delete_list(cx: &Cx, bucket: &str) -> Result<usize> {
    let answer = cx
        .cloud
        .s3
        .list_object_versions()
        .bucket(bucket)
        .expected_bucket_owner(&cx.scope.account)
        .send()
        .await
        .map_err(failed("s3:ListObjectVersions"))?;
    let versions = answer.versions().iter().map(|v| (v.key(), v.version_id()));
    let markers = answer.delete_markers().iter().map(|m| (m.key(), m.version_id()));
    let objects = versions
        .chain(markers)
        .filter_map(|(key, version)| Some((key?, version)))
        .map(|(key, version)| built(ObjectIdentifier::builder().key(key).set_version_id(version.map(str::to_owned)).build()))
        .collect::<Result<Vec<_>>>()?;
    if objects.is_empty() {
        return Ok(0);
    }
    let count = objects.len();
    let all = built(Delete::builder().set_objects(Some(objects)).quiet(true).build())?;
    let call = cx.cloud.s3.delete_objects().bucket(bucket).expected_bucket_owner(&cx.scope.account).delete(all);
    let answer = call.send().await.map_err(failed("s3:DeleteObjects"))?;
    Ok(count.saturating_sub(already_gone(answer.errors())?))
}

/// Ends the first thousand uploads that never ended. How many there were.
async fn abort_uploads(cx: &Cx, bucket: &str) -> Result<usize> {
    let call = cx.cloud.s3.list_multipart_uploads().bucket(bucket).expected_bucket_owner(&cx.scope.account);
    let answer = call.send().await.map_err(failed("s3:ListMultipartUploads"))?;
    let uploads = answer.uploads().iter().filter_map(|u| Some((u.key()?, u.upload_id()?)));
    let ended = try_join_all(uploads.map(|(key, id)| async move {
        let call =
            cx.cloud.s3.abort_multipart_upload().bucket(bucket).expected_bucket_owner(&cx.scope.account).key(key).upload_id(id);
        crate::aws::call::answers::present(call.send().await.map_err(failed("s3:AbortMultipartUpload")).map(|_| ()))
    }))
    .await?;
    Ok(ended.len())
}
