//! Objects, as `stack assets push` and `stack clone` read and write them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, Delete, Error as S3Error, ObjectIdentifier, ObjectStorageClass};
use aws_smithy_types::timeout::TimeoutConfig;

use super::built;
use crate::aws::Cx;
use crate::aws::call::download::whole;
use crate::aws::s3::errors::failed;
use crate::engine::{Class, Error, Result};

/// The speed below which an upload counts as stuck, in bytes per second.
const SLOWEST: u64 = 50_000;
/// The maximum number of objects that one call deletes.
const AT_ONCE: usize = 1000;
/// The speed below which a copy inside of S3 counts as stuck, in bytes per second.
const SLOWEST_COPY: u64 = 5_000_000;

/// An object as lists report it.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// Its size in bytes.
    pub size: u64,
    /// When it was written, in seconds since 1970.
    pub written: i64,
    /// It is in an archive, and cannot be read before it is restored from there.
    pub archived: bool,
}

/// What a list does not report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The SHA-256 of its bytes in base 64, if it was stored with it.
    pub sha256: Option<String>,
    /// `text/html; charset=utf-8`.
    pub content_type: Option<String>,
    /// Who may cache it for how long.
    pub cache_control: Option<String>,
}

/// A file that is uploaded.
pub struct Upload<'a> {
    /// The object's key.
    pub key: &'a str,
    /// The file.
    pub path: &'a Path,
    /// Its size in bytes.
    pub size: u64,
    /// Its metadata.
    pub told: Told,
}

/// Returns every object of a bucket whose key begins with a prefix, by key.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn list(cx: &Cx, bucket: &str, prefix: &str) -> Result<BTreeMap<String, Listed>> {
    let call = cx.cloud.s3.list_objects_v2().bucket(bucket).expected_bucket_owner(&cx.scope.account);
    let mut pages = call.set_prefix((!prefix.is_empty()).then(|| prefix.to_owned())).into_paginator().send();
    let mut out = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("s3:ListObjectsV2")).map_err(|mut e| {
            e.message = format!("`{bucket}`: {}", e.message);
            e
        })?;
        for object in page.contents.unwrap_or_default() {
            let size = object.size.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
            let written = object.last_modified.map_or(i64::MAX, |at| at.secs());
            let archived = matches!(object.storage_class, Some(ObjectStorageClass::Glacier | ObjectStorageClass::DeepArchive));
            if let Some(key) = object.key {
                out.insert(key, Listed { size, written, archived });
            }
        }
    }
    Ok(out)
}

/// Returns the metadata of an object; nothing when it does not exist.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn look(cx: &Cx, bucket: &str, key: &str) -> Result<Option<Told>> {
    let call = cx.cloud.s3.head_object().bucket(bucket).key(key).checksum_mode(ChecksumMode::Enabled);
    let call = call.expected_bucket_owner(&cx.scope.account);
    match call.send().await.map_err(failed("s3:HeadObject")) {
        Ok(o) => Ok(Some(Told { sha256: o.checksum_sha256, content_type: o.content_type, cache_control: o.cache_control })),
        Err(e) if e.class == Class::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Uploads a file. S3 refuses it when its bytes do not match the checksum (any more).
///
/// # Errors
/// When the file cannot be read, and when S3 cannot be asked or refuses.
pub async fn put(cx: &Cx, bucket: &str, upload: &Upload<'_>) -> Result<()> {
    let unread = |e: &dyn std::fmt::Display| Error::new(Class::Other, format!("`{}` cannot be read: {e}", upload.path.display()));
    let body = ByteStream::from_path(upload.path).await.map_err(|e| unread(&e))?;
    // The usual half minute is for calls, not for films.
    let attempt = Duration::from_secs(30 + upload.size / SLOWEST);
    let patience = TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(attempt * 4).build();
    let Told { sha256, content_type, cache_control } = upload.told.clone();
    let call = cx.cloud.s3.put_object().bucket(bucket).key(upload.key).body(body).set_checksum_sha256(sha256);
    let call = call.set_content_type(content_type).set_cache_control(cache_control).expected_bucket_owner(&cx.scope.account);
    let call = call.customize().config_override(aws_sdk_s3::config::Builder::new().timeout_config(patience));
    call.send().await.map_err(failed("s3:PutObject"))?;
    Ok(())
}

/// What became of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// It was made.
    Done,
    /// The object does not exist any more.
    Gone,
    /// The object is in an archive that lists do not report: one of Intelligent-Tiering.
    Archived,
}

/// Copies an object of at most 5 GiB by one call, with its metadata and tags
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>).
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub(super) async fn copy(cx: &Cx, (from, to): (&str, &str), (key, version): (&str, Option<&str>), size: u64) -> Result<Copied> {
    let version = version.map(|version| format!("?versionId={version}")).unwrap_or_default();
    let call = cx.cloud.s3.copy_object().bucket(to).key(key).copy_source(format!("{from}/{}{version}", encoded(key)));
    let call = call.expected_bucket_owner(&cx.scope.account).expected_source_bucket_owner(&cx.scope.account);
    let call = call.customize().config_override(aws_sdk_s3::config::Builder::new().timeout_config(patience(size)));
    match call.send().await.map_err(failed("s3:CopyObject")) {
        Ok(_) => Ok(Copied::Done),
        Err(e) if matches!(e.code.as_deref(), Some("NoSuchKey" | "NoSuchVersion")) => Ok(Copied::Gone),
        Err(e) if matches!(e.code.as_deref(), Some("InvalidObjectState" | "ObjectNotInActiveTierError")) => Ok(Copied::Archived),
        Err(mut e) => {
            e.message = format!("`{key}` from `{from}` to `{to}`: {}", e.message);
            Err(e)
        }
    }
}

/// Returns the time that S3 is given to copy so many bytes.
pub(super) fn patience(size: u64) -> TimeoutConfig {
    let attempt = Duration::from_secs(30 + size / SLOWEST_COPY);
    TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(attempt * 4).build()
}

/// Returns a key as it is written in the source of a copy: all but letters, digits and `-_.~/` is encoded.
pub(super) fn encoded(key: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~/".contains(&b);
    key.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Returns the bytes of an object; none when it does not exist.
///
/// # Errors
/// When S3 cannot be asked, or refuses, and when the answer is interrupted.
pub async fn bytes(cx: &Cx, bucket: &str, key: &str) -> Result<Vec<u8>> {
    let ask = || async {
        let call = cx.cloud.s3.get_object().bucket(bucket).key(key).expected_bucket_owner(&cx.scope.account);
        call.send().await.map_err(failed("s3:GetObject"))
    };
    Ok(whole(key, ask).await?.map(|(_, bytes)| bytes).unwrap_or_default())
}

/// Deletes objects: where versioning is on, they stay as old versions.
///
/// # Errors
/// When S3 cannot be asked, or refuses, and for the first object that it did not delete.
pub async fn delete(cx: &Cx, bucket: &str, keys: &[String]) -> Result<()> {
    for some in keys.chunks(AT_ONCE) {
        let some = some.iter().map(|key| built(ObjectIdentifier::builder().key(key).build())).collect::<Result<Vec<_>>>()?;
        let some = built(Delete::builder().set_objects(Some(some)).quiet(true).build())?;
        let call = cx.cloud.s3.delete_objects().bucket(bucket).expected_bucket_owner(&cx.scope.account);
        let answer = call.delete(some).send().await;
        let answer = answer.map_err(failed("s3:DeleteObjects"))?;
        already_gone(answer.errors())?;
    }
    Ok(())
}

/// Returns how many of the objects that one call deleted were already deleted: by an earlier call whose answer was lost, or
/// because the list was out of date.
///
/// # Errors
/// The first object that S3 did not delete.
pub(super) fn already_gone(errors: &[S3Error]) -> Result<usize> {
    let has_gone = |e: &&S3Error| matches!(e.code(), Some("NoSuchKey" | "NoSuchVersion"));
    let Some(first) = errors.iter().find(|e| !has_gone(e)) else { return Ok(errors.len()) };
    let code = first.code().unwrap_or("unknown");
    let class = match code {
        "AccessDenied" => Class::Denied,
        "InternalError" | "SlowDown" | "ServiceUnavailable" => Class::Throttled,
        _ => Class::Other,
    };
    let (key, why) = (first.key().unwrap_or_default(), first.message().unwrap_or("no reason given"));
    let mut error = Error::new(class, format!("`{key}`: {why}"));
    error.operation = Some("s3:DeleteObjects".into());
    error.code = Some(code.to_owned());
    Err(error.hint("remove object locks, or the policy that protects them, first"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_are_encoded_as_sources_of_copies() {
        assert_eq!(super::encoded("a b/ü+%?.txt"), "a%20b/%C3%BC%2B%25%3F.txt");
    }
}
