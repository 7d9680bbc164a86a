//! The versions of a bucket's objects, and what they were at a time.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{BucketVersioningStatus, ChecksumMode, ExpirationStatus, LifecycleRule, ObjectVersionStorageClass};

use crate::aws::Cx;
use crate::aws::s3::copies::RESTORED;
use crate::aws::s3::errors::failed;
use crate::engine::{Class, Result};

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its id; `null` for what was written before versions were kept.
    pub version: String,
    /// Its size in bytes.
    pub size: u64,
    /// It is in an archive, and cannot be read before it is restored from there.
    pub archived: bool,
    /// Its ETag: the same for the same bytes, where S3's own keys encrypt them and they were written by one call
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>).
    pub etag: Option<String>,
}

/// What is to be done with an object so that it is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    Keep,
    /// This version of it is copied over what is there, or over the marker that it is deleted.
    Copy(Kept),
    /// It did not exist, or was deleted.
    Newer,
}

/// An object, and what is to be done with it.
#[derive(Clone, Debug)]
pub struct Todo {
    /// Its key.
    pub key: String,
    /// What is to be done.
    pub deed: Deed,
    /// What it is now; none if it is deleted.
    pub current: Option<Kept>,
    /// Whether it has the size of the version that would be copied: perhaps an earlier run did that.
    pub may_be_the_same: bool,
}

/// Something in the list of an object's versions.
#[derive(Clone, Debug)]
struct Entry {
    written: i64,
    is_latest: bool,
    /// None for a marker that it was deleted.
    kept: Option<Kept>,
}

/// Whether a bucket keeps old versions of its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    /// Each write adds a version, and each deletion a marker.
    On,
    /// It did: what is written or deleted now removes the version `null`
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/AddingObjectstoVersionSuspendedBuckets.html>).
    Suspended,
    /// It never did.
    Off,
}

/// Reads whether a bucket keeps old versions of its objects.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn are_kept(cx: &Cx, bucket: &str) -> Result<Versioning> {
    let call = cx.cloud.s3.get_bucket_versioning().bucket(bucket).expected_bucket_owner(&cx.scope.account);
    let answer = call.send().await.map_err(failed("s3:GetBucketVersioning"))?;
    Ok(match answer.status {
        Some(BucketVersioningStatus::Enabled) => Versioning::On,
        Some(BucketVersioningStatus::Suspended) => Versioning::Suspended,
        _ => Versioning::Off,
    })
}

/// Returns after how many days the first rule of a bucket deletes old versions of objects whose keys begin with a prefix; none where no
/// rule does. Rules that are limited by more than a prefix count too
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_NoncurrentVersionExpiration.html>).
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn expire_after(cx: &Cx, bucket: &str, prefix: &str) -> Result<Option<i32>> {
    let call = cx.cloud.s3.get_bucket_lifecycle_configuration().bucket(bucket).expected_bucket_owner(&cx.scope.account);
    let answer = match call.send().await.map_err(failed("s3:GetBucketLifecycleConfiguration")) {
        Err(e) if e.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    Ok(answer.rules().iter().filter_map(|rule| expires(rule, prefix)).min())
}

/// Returns after how many days a rule deletes old versions of some object below a prefix.
fn expires(rule: &LifecycleRule, prefix: &str) -> Option<i32> {
    let filter = rule.filter();
    // The last place is that of rules from before there were filters.
    #[allow(deprecated)]
    let of = filter.and_then(|f| f.prefix().or_else(|| f.and()?.prefix())).or(rule.prefix()).unwrap_or_default();
    let concerns = rule.status() == &ExpirationStatus::Enabled && (of.starts_with(prefix) || prefix.starts_with(of));
    rule.noncurrent_version_expiration().filter(|_| concerns)?.noncurrent_days()
}

/// Returns what is to be done with the objects whose keys begin with a prefix, so that they are as they were at a time, in seconds since
/// 1970. Of an object that was written in parts S3 tells when that began
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>, Last-Modified).
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn since(cx: &Cx, bucket: &str, prefix: &str, at: i64) -> Result<Vec<Todo>> {
    let mut all: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    let (mut key, mut version): (Option<String>, Option<String>) = (None, None);
    loop {
        let call = cx.cloud.s3.list_object_versions().bucket(bucket).expected_bucket_owner(&cx.scope.account);
        let call = call.set_prefix((!prefix.is_empty()).then(|| prefix.to_owned()));
        let call = call.set_key_marker(key.take()).set_version_id_marker(version.take());
        let page = call.send().await.map_err(failed("s3:ListObjectVersions"))?;
        for one in page.versions() {
            let Some(name) = one.key() else { continue };
            let archived = |class: &ObjectVersionStorageClass| matches!(class.as_str(), "GLACIER" | "DEEP_ARCHIVE");
            let kept = Kept {
                version: one.version_id().unwrap_or("null").to_owned(),
                size: one.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                archived: one.storage_class().is_some_and(archived),
                etag: one.e_tag().map(str::to_owned),
            };
            let written = one.last_modified().map_or(i64::MAX, |at| at.secs());
            let entry = Entry { written, is_latest: one.is_latest() == Some(true), kept: Some(kept) };
            all.entry(name.to_owned()).or_default().push(entry);
        }
        for one in page.delete_markers() {
            let Some(name) = one.key() else { continue };
            let written = one.last_modified().map_or(i64::MAX, |at| at.secs());
            let entry = Entry { written, is_latest: one.is_latest() == Some(true), kept: None };
            all.entry(name.to_owned()).or_default().push(entry);
        }
        if page.is_truncated() != Some(true) {
            break;
        }
        (key, version) = (page.next_key_marker, page.next_version_id_marker);
    }
    Ok(all.into_iter().map(|(key, entries)| todo(key, entries, at)).collect())
}

/// Returns what is to be done with an object by the list of its versions.
fn todo(key: String, mut entries: Vec<Entry>, at: i64) -> Todo {
    // Versions and markers come in two lists, each with the newest first; what is the latest came last, also within one second.
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.is_latest, entry.written)));
    let current = entries.first().and_then(|entry| entry.kept.clone());
    let then = entries.iter().find(|entry| entry.written <= at);
    let deed = match (then.and_then(|entry| entry.kept.clone()), &current) {
        (None, Some(_)) => Deed::Newer,
        (None, None) => Deed::Keep,
        (Some(then), Some(now)) if then.version == now.version => Deed::Keep,
        // The same bytes, written again.
        (Some(then), Some(now)) if then.etag.is_some() && then.etag == now.etag && then.size == now.size => Deed::Keep,
        (Some(then), _) => Deed::Copy(then),
    };
    let may_be_the_same = match (&deed, &current) {
        (Deed::Copy(then), Some(now)) => then.size == now.size && !then.archived && !now.archived,
        _ => false,
    };
    Todo { key, deed, current, may_be_the_same }
}

/// Checks whether an object has the bytes of the version that would be copied: it says that it was restored from that in parts, or by the
/// checksums that S3 keeps of both, those of whole objects only (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>).
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn are_the_same(cx: &Cx, bucket: &str, of: &Todo) -> Result<bool> {
    let (Deed::Copy(then), Some(now)) = (&of.deed, &of.current) else { return Ok(false) };
    let sums = async |version: &str| {
        let call = cx.cloud.s3.head_object().bucket(bucket).key(&of.key).version_id(version);
        let call = call.checksum_mode(ChecksumMode::Enabled).expected_bucket_owner(&cx.scope.account);
        // The action that a version needs.
        let head = call.send().await.map_err(failed("s3:GetObjectVersion"))?;
        let restored = head.metadata().and_then(|all| all.get(RESTORED)).cloned();
        let whole = head.checksum_type().is_none_or(|kind| kind.as_str() == "FULL_OBJECT");
        let all = whole.then_some([
            head.checksum_crc64_nvme,
            head.checksum_sha256,
            head.checksum_crc32,
            head.checksum_crc32_c,
            head.checksum_sha1,
        ]);
        Result::<_>::Ok((restored, all))
    };
    let (restored, now) = sums(&now.version).await?;
    if restored.as_ref() == Some(&then.version) {
        return Ok(true);
    }
    let (Some(then), Some(now)) = (sums(&then.version).await?.1, now) else { return Ok(false) };
    let both: Vec<bool> = then.iter().zip(&now).filter(|(a, b)| a.is_some() && b.is_some()).map(|(a, b)| a == b).collect();
    Ok(!both.is_empty() && both.into_iter().all(|same| same))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(id: &str, written: i64, is_latest: bool) -> Entry {
        let kept =
            Kept { version: id.into(), size: 1, archived: false, etag: Some(format!("etag-{}", id.trim_end_matches('c'))) };
        Entry { written, is_latest, kept: Some(kept) }
    }

    fn marker(written: i64, is_latest: bool) -> Entry {
        Entry { written, is_latest, kept: None }
    }

    fn told(entries: &[Entry], at: i64) -> String {
        match todo("k".into(), entries.to_vec(), at).deed {
            Deed::Keep => "keep".into(),
            Deed::Newer => "newer".into(),
            Deed::Copy(of) => of.version,
        }
    }

    #[test]
    fn an_object_is_as_its_last_version_of_that_time() {
        let written_twice = [version("v2", 20, true), version("v1", 10, false)];
        assert_eq!([5, 10, 19, 20, 30].map(|at| told(&written_twice, at)), ["newer", "v1", "v1", "keep", "keep"]);
        let deleted = [version("v1", 10, false), marker(20, true)];
        assert_eq!([5, 10, 20].map(|at| told(&deleted, at)), ["keep", "v1", "keep"]);
        let again = [version("v2", 30, true), version("v1", 10, false), marker(20, false)];
        assert_eq!([15, 25].map(|at| told(&again, at)), ["v1", "newer"]);
    }

    #[test]
    fn rules_delete_old_versions_below_their_prefix() {
        use aws_sdk_s3::types::{LifecycleRuleAndOperator, LifecycleRuleFilter, NoncurrentVersionExpiration, Tag};
        let filter = LifecycleRuleFilter::builder();
        let plain = |prefix: &str| filter.clone().prefix(prefix).build();
        let tag = Tag::builder().key("k").value("v").build().unwrap();
        let both = LifecycleRuleAndOperator::builder().prefix("docs/").tags(tag).build();
        let rule = |filter, status| {
            let after = NoncurrentVersionExpiration::builder().noncurrent_days(30).build();
            LifecycleRule::builder().filter(filter).status(status).noncurrent_version_expiration(after).build().unwrap()
        };
        let on = |filter| rule(filter, ExpirationStatus::Enabled);
        assert_eq!(expires(&on(plain("")), "docs/"), Some(30));
        assert_eq!(expires(&on(plain("docs/")), ""), Some(30));
        assert_eq!(expires(&on(filter.clone().and(both).build()), "docs/a"), Some(30));
        assert_eq!(expires(&on(plain("docs/")), "other/"), None);
        assert_eq!(expires(&rule(plain(""), ExpirationStatus::Disabled), ""), None);
    }

    #[test]
    fn what_was_restored_is_not_restored_again() {
        // `v1c` is a copy of `v1`.
        let restored = [version("v1c", 30, true), version("v2", 20, false), version("v1", 10, false)];
        assert_eq!([10, 20].map(|at| told(&restored, at)), ["keep", "v2"]);
        let doubtful = todo("k".into(), vec![version("v2", 20, true), version("v1", 10, false)], 10);
        assert!(doubtful.may_be_the_same, "of the same size");
    }
}
