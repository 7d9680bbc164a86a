//! A bucket goes only when nothing is in it: no version, no mark of a deleted object, no upload that never ended.

use aws_sdk_s3::types::{Delete, Error as S3Error, ObjectIdentifier};
use futures::future::try_join_all;

use super::built;
use crate::aws::Cx;
use crate::aws::error::failed;
use crate::engine::{Class, Error, Readiness, Result};

/// What S3 says to the deletion of a bucket that is not empty.
pub const NOT_EMPTY: &str = "BucketNotEmpty";
/// How many lists of a thousand one step deletes before it says how far it is.
const LISTS: usize = 10;

/// Asks for the end of a bucket.
pub async fn delete(cx: &Cx, bucket: &str) -> Result<()> {
    cx.cloud.s3.delete_bucket().bucket(bucket).send().await.map_err(failed("s3:DeleteBucket"))?;
    Ok(())
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
        return Ok(Readiness::waiting(format!("emptying: {} just deleted", deleted + uploads)));
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
    let answer = cx.cloud.s3.list_object_versions().bucket(bucket).send().await.map_err(failed("s3:ListObjectVersions"))?;
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
    let call = cx.cloud.s3.delete_objects().bucket(bucket).delete(all);
    let answer = call.send().await.map_err(failed("s3:DeleteObjects"))?;
    // What an earlier call deleted whose answer was lost, or a list that is not of this moment still shows, has gone.
    let has_gone = |e: &&S3Error| matches!(e.code(), Some("NoSuchKey" | "NoSuchVersion"));
    let gone = answer.errors().iter().filter(has_gone).count();
    match answer.errors().iter().find(|e| !has_gone(e)) {
        None => Ok(count.saturating_sub(gone)),
        Some(first) => {
            let code = first.code().unwrap_or("unknown");
            let class = match code {
                "AccessDenied" => Class::Denied,
                "InternalError" | "SlowDown" | "ServiceUnavailable" => Class::Throttled,
                _ => Class::Other,
            };
            let key = first.key().unwrap_or_default();
            let mut error = Error::new(class, format!("`{key}`: {}", first.message().unwrap_or("no reason given")));
            error.operation = Some("s3:DeleteObjects".into());
            error.code = Some(code.to_owned());
            Err(error.hint("objects that are locked, or that a policy protects, must be let go first"))
        }
    }
}

/// Ends the first thousand uploads that never ended. How many there were.
async fn abort_uploads(cx: &Cx, bucket: &str) -> Result<usize> {
    let call = cx.cloud.s3.list_multipart_uploads().bucket(bucket);
    let answer = call.send().await.map_err(failed("s3:ListMultipartUploads"))?;
    let uploads = answer.uploads().iter().filter_map(|u| Some((u.key()?, u.upload_id()?)));
    let ended = try_join_all(uploads.map(|(key, id)| async move {
        let call = cx.cloud.s3.abort_multipart_upload().bucket(bucket).key(key).upload_id(id);
        crate::aws::present(call.send().await.map_err(failed("s3:AbortMultipartUpload")).map(|_| ()))
    }))
    .await?;
    Ok(ended.len())
}
