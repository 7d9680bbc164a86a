//! Copies of objects, large ones in parts: one call copies 5 GiB at most, and parts are copied side by side.

use std::ops::Range;
use std::time::Duration;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, CopyPartResult, MultipartUpload, Tag};
use aws_smithy_types::timeout::TimeoutConfig;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::objects::{self, Copied, encoded, patience};
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::s3::errors::failed;
use crate::engine::{Class, Error, Result};

/// The size from which an object is copied in parts, in bytes
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>).
const FROM: u64 = 100_000_000;
/// The size of a part, in bytes, as long as the object then has at most [`MOST`] of them.
const PART: u64 = 64 << 20;
/// The largest number of parts (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>).
const MOST: u64 = 10_000;
/// The number of parts of one object in flight at once.
const AT_ONCE: usize = 8;
/// How often a copy begins again because the object was written in the meantime.
const TRIES: u32 = 3;

/// The metadata of an object that was restored in parts: from which version.
pub(super) const RESTORED: &str = "stack-restored";

/// An object, and where it is copied.
#[derive(Clone, Copy)]
struct Way<'a> {
    from: &'a str,
    to: &'a str,
    key: &'a str,
    /// The version of it; the latest, if none.
    version: Option<&'a str>,
}

/// What became of one try.
enum Tried {
    Ended(Copied),
    /// The object was written while it was copied.
    Changed,
}

/// Copies an object from one bucket of the account to another, with its metadata and tags, a large one in parts. It is encrypted as
/// the other bucket's objects are.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn copy(cx: &Cx, (from, to): (&str, &str), key: &str, size: u64) -> Result<Copied> {
    match size < FROM {
        true => objects::copy(cx, (from, to), (key, None), size).await,
        false => in_parts(cx, Way { from, to, key, version: None }).await,
    }
}

/// Copies a version of an object over the object itself, which becomes an old version. It is stored as new objects of the bucket are.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn copy_version(cx: &Cx, bucket: &str, key: &str, (version, size): (&str, u64)) -> Result<Copied> {
    match size < FROM {
        true => objects::copy(cx, (bucket, bucket), (key, Some(version)), size).await,
        false => in_parts(cx, Way { from: bucket, to: bucket, key, version: Some(version) }).await,
    }
}

/// Copies an object in parts. An upload of an earlier run that died is deleted.
async fn in_parts(cx: &Cx, way: Way<'_>) -> Result<Copied> {
    let named = |mut e: Error| {
        e.message = format!("`{}` from `{}` to `{}`: {}", way.key, way.from, way.to, e.message);
        e
    };
    for _ in 0..TRIES {
        if let Tried::Ended(copied) = once(cx, way).await.map_err(named)? {
            return Ok(copied);
        }
    }
    let text = format!("`{}` of `{}` was written {TRIES} times while it was copied", way.key, way.from);
    Err(Error::new(Class::Other, text).hint("try again when fewer writes happen"))
}

async fn once(cx: &Cx, way: Way<'_>) -> Result<Tried> {
    let account = &cx.scope.account;
    let call = cx.cloud.s3.head_object().bucket(way.from).key(way.key).set_version_id(way.version.map(str::to_owned));
    let head = call.expected_bucket_owner(account).send().await;
    let head = match head.map_err(failed("s3:HeadObject")) {
        Err(e) if e.class == Class::NotFound => return Ok(Tried::Ended(Copied::Gone)),
        other => other?,
    };
    let tags = tags(cx, way, &head).await?;
    let upload = begin(cx, way, &head, tags).await?;
    let ended = match parts(cx, way, &head, &upload).await {
        Ok(parts) => complete(cx, way, &upload, parts).await.map(|()| Tried::Ended(Copied::Done)),
        Err(e) => Err(e),
    };
    if matches!(ended, Ok(Tried::Ended(Copied::Done))) {
        return ended;
    }
    // Why it did not work counts more than that it cannot be cleaned up: the bucket's own rules do that later.
    let cleaned = abort(cx, way, &upload).await;
    if ended.is_ok() {
        cleaned?;
    }
    match ended {
        Err(e) if matches!(e.code.as_deref(), Some("NoSuchKey" | "NoSuchVersion")) => Ok(Tried::Ended(Copied::Gone)),
        Err(e) if e.code.as_deref() == Some("PreconditionFailed") => Ok(Tried::Changed),
        Err(e) if matches!(e.code.as_deref(), Some("InvalidObjectState" | "ObjectNotInActiveTierError")) => {
            Ok(Tried::Ended(Copied::Archived))
        }
        other => other,
    }
}

/// Returns the tags of an object in the form that an upload takes them in; none when it has none.
async fn tags(cx: &Cx, way: Way<'_>, head: &HeadObjectOutput) -> Result<Option<String>> {
    if head.tag_count.unwrap_or_default() == 0 {
        return Ok(None);
    }
    let call = cx.cloud.s3.get_object_tagging().bucket(way.from).key(way.key).set_version_id(head.version_id.clone());
    let answer = call.expected_bucket_owner(&cx.scope.account).send().await.map_err(failed("s3:GetObjectTagging"))?;
    let pair = |tag: &Tag| format!("{}={}", escaped(&tag.key), escaped(&tag.value));
    Ok(Some(answer.tag_set.iter().map(pair).collect::<Vec<_>>().join("&")))
}

/// Returns a text as it is written in a query: a slash is encoded, too.
fn escaped(text: &str) -> String {
    encoded(text).replace('/', "%2F")
}

/// Begins the upload, and deletes those of the same object that earlier runs left behind. Those are told from an application's by
/// who began them: the one that began this one.
async fn begin(cx: &Cx, way: Way<'_>, head: &HeadObjectOutput, tags: Option<String>) -> Result<String> {
    let account = &cx.scope.account;
    let call = cx.cloud.s3.create_multipart_upload().bucket(way.to).key(way.key).expected_bucket_owner(account);
    let mut metadata = head.metadata.clone();
    // Its checksums and its ETag can be others than the version's, by which a second run would know it.
    if let Some(version) = way.version {
        metadata.get_or_insert_default().insert(RESTORED.to_owned(), version.to_owned());
    }
    let call = call.set_metadata(metadata).set_tagging(tags).set_content_type(head.content_type.clone());
    let call = call.set_cache_control(head.cache_control.clone()).set_content_disposition(head.content_disposition.clone());
    let call = call.set_content_encoding(head.content_encoding.clone()).set_content_language(head.content_language.clone());
    let expires = head.expires_string.as_deref();
    let expires =
        expires.and_then(|text| aws_smithy_types::DateTime::from_str(text, aws_smithy_types::date_time::Format::HttpDate).ok());
    let answer = call.set_expires(expires).send().await.map_err(failed("s3:CreateMultipartUpload"))?;
    let missing = || Error::new(Class::Other, format!("S3 began an upload of `{}` without an id", way.key));
    let id = answer.upload_id.ok_or_else(missing)?;
    let call = cx.cloud.s3.list_multipart_uploads().bucket(way.to).prefix(way.key).expected_bucket_owner(account);
    let listed = call.send().await.map_err(failed("s3:ListMultipartUploads"))?;
    for left in left_behind(listed.uploads(), way.key, &id) {
        abort(cx, way, left).await?;
    }
    Ok(id)
}

/// Returns the uploads of a key that whoever began this one had begun before.
fn left_behind<'a>(all: &'a [MultipartUpload], key: &str, this: &str) -> Vec<&'a str> {
    let of_key = || all.iter().filter(|upload| upload.key() == Some(key));
    // Sessions of one role are not one person: another's upload is left alone, and goes with the bucket at the latest.
    let who = |upload: &MultipartUpload| Some(upload.initiator()?.id()?.to_owned());
    let Some(me) = of_key().find(|upload| upload.upload_id() == Some(this)).and_then(who) else { return Vec::new() };
    let others = of_key().filter(|upload| who(upload).as_ref() == Some(&me));
    others.filter_map(MultipartUpload::upload_id).filter(|id| *id != this).collect()
}

/// Returns the ranges of the parts of an object of `size` bytes.
fn ranges(size: u64) -> Vec<Range<u64>> {
    let part = PART.max(size.div_ceil(MOST));
    (0..size.div_ceil(part)).map(|n| n * part..size.min((n + 1) * part)).collect()
}

/// Copies the parts. Each is of the object as it was when the copy began.
async fn parts(cx: &Cx, way: Way<'_>, head: &HeadObjectOutput, upload: &str) -> Result<Vec<CompletedPart>> {
    let size = head.content_length.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    let source = match way.version.or(head.version_id.as_deref()) {
        Some(version) if version != "null" || way.version.is_some() => {
            format!("{}/{}?versionId={version}", way.from, encoded(way.key))
        }
        _ => format!("{}/{}", way.from, encoded(way.key)),
    };
    let source = source.as_str();
    let copies = stream::iter((1..).zip(ranges(size))).map(|(number, range)| async move {
        let call = cx.cloud.s3.upload_part_copy().bucket(way.to).key(way.key).upload_id(upload).part_number(number);
        let call = call.copy_source(source).set_copy_source_if_match(head.e_tag.clone());
        let call = call.copy_source_range(format!("bytes={}-{}", range.start, range.end - 1));
        let call = call.expected_bucket_owner(&cx.scope.account).expected_source_bucket_owner(&cx.scope.account);
        let call = call
            .customize()
            .config_override(aws_sdk_s3::config::Builder::new().timeout_config(patience(range.end - range.start)));
        let copied = call.send().await.map_err(failed("s3:UploadPartCopy"))?.copy_part_result;
        Ok(completed(number, copied.unwrap_or_else(|| CopyPartResult::builder().build())))
    });
    copies.buffered(AT_ONCE).try_collect().await
}

/// Returns how a part is named when the parts are put together. Where S3 has made a checksum of each, it wants to hear them
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompletedPart.html>).
fn completed(number: i32, copied: CopyPartResult) -> CompletedPart {
    let part = CompletedPart::builder().part_number(number).set_e_tag(copied.e_tag);
    let part = part.set_checksum_crc32(copied.checksum_crc32).set_checksum_crc32_c(copied.checksum_crc32_c);
    let part = part.set_checksum_crc64_nvme(copied.checksum_crc64_nvme);
    part.set_checksum_sha1(copied.checksum_sha1).set_checksum_sha256(copied.checksum_sha256).build()
}

async fn complete(cx: &Cx, way: Way<'_>, upload: &str, parts: Vec<CompletedPart>) -> Result<()> {
    let all = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let call = cx.cloud.s3.complete_multipart_upload().bucket(way.to).key(way.key).upload_id(upload).multipart_upload(all);
    // It answers when the parts are put together, which takes minutes for a large object
    // (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html).
    let long = Duration::from_mins(10);
    let patience = TimeoutConfig::builder().operation_attempt_timeout(long).operation_timeout(long * 2).build();
    let call = call.expected_bucket_owner(&cx.scope.account);
    let call = call.customize().config_override(aws_sdk_s3::config::Builder::new().timeout_config(patience));
    call.send().await.map_err(failed("s3:CompleteMultipartUpload"))?;
    Ok(())
}

async fn abort(cx: &Cx, way: Way<'_>, upload: &str) -> Result<()> {
    let call = cx.cloud.s3.abort_multipart_upload().bucket(way.to).key(way.key).upload_id(upload);
    let call = call.expected_bucket_owner(&cx.scope.account);
    present(call.send().await.map_err(failed("s3:AbortMultipartUpload")).map(|_| ()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::Initiator;

    use super::*;

    #[test]
    fn an_object_has_no_more_parts_than_s3_takes() {
        assert_eq!(ranges(PART + 1), [0..PART, PART..PART + 1]);
        assert_eq!(ranges(2 * PART).len(), 2);
        // The largest object: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
        for size in [5 << 30, (5 << 30) + 1, 5 << 40, 50_000_000_000_000] {
            let all = ranges(size);
            assert!(all.len() <= 10_000, "{size}: {}", all.len());
            assert_eq!((all[0].start, all[all.len() - 1].end), (0, size));
            assert!(all.windows(2).all(|two| two[0].end == two[1].start));
            assert!(all.iter().all(|one| one.end - one.start <= 5 << 30), "{size}");
        }
    }

    #[test]
    fn only_uploads_of_the_same_person_are_left_behind() {
        let upload = |key: &str, id: &str, who: &str| {
            let initiator = Initiator::builder().id(who).build();
            MultipartUpload::builder().key(key).upload_id(id).initiator(initiator).build()
        };
        let (ci, task) = ("arn:aws:sts::1:assumed-role/ci/run-2", "arn:aws:sts::1:assumed-role/web-task/9f");
        let all = [
            upload("film", "this", ci),
            upload("film", "before", ci),
            upload("film", "other-run", "arn:aws:sts::1:assumed-role/ci/run-1"),
            upload("film", "theirs", task),
            upload("film.old", "other", ci),
        ];
        assert_eq!(left_behind(&all, "film", "this"), ["before"]);
        assert_eq!(left_behind(&all, "film", "unknown"), Vec::<&str>::new());
    }

    #[test]
    fn checksums_of_parts_come_along() {
        let copied = CopyPartResult::builder().e_tag("e").checksum_crc64_nvme("c").build();
        let part = completed(2, copied);
        assert_eq!((part.part_number(), part.e_tag(), part.checksum_crc64_nvme()), (Some(2), Some("e"), Some("c")));
    }

    #[test]
    fn tags_are_written_as_a_query() {
        assert_eq!(escaped("a/b c&d=ü"), "a%2Fb%20c%26d%3D%C3%BC");
    }
}
