//! The deletion of buckets that are not empty: of their versions, delete markers and unfinished uploads.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::future::try_join_all;

use super::built;
use super::objects::already_gone;
use crate::aws::Cx;
use crate::aws::s3::errors::failed;
use crate::engine::{Class, Readiness, Result};

/// S3's error code for the deletion of a bucket that is not empty.
pub const NOT_EMPTY: &str = "BucketNotEmpty";
/// The number of lists of a thousand that one step deletes before it reports its progress.
const LISTS: usize = 10;

/// Deletes a bucket.
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

/// Checks whether a bucket is empty: without versions and delete markers. Unfinished uploads are no data.
pub async fn is_empty(cx: &Cx, bucket: &str) -> Result<bool> {
    let call = cx.cloud.s3.list_object_versions().bucket(bucket).max_keys(1);
    let answer = call.send().await.map_err(failed("s3:ListObjectVersions"))?;
    Ok(answer.versions().is_empty() && answer.delete_markers().is_empty())
}

/// Deletes some of the contents, and once nothing is left, the bucket. What arrives late (such as logs) is found by the next
/// step.
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

/// Deletes the first thousand versions and markers, and returns how many there were.
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

/// Aborts the first thousand unfinished uploads, and returns how many there were.
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
