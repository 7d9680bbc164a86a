//! Objects in archives: manifests of what was exported, the state of each object, and temporary copies that can be read.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::types::{ChecksumMode, GlacierJobParameters, RestoreRequest, Tier};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::objects;
use crate::aws::Cx;
use crate::aws::s3::errors::failed;
use crate::engine::{Class, Error, Result};

/// Where the functions of the archive write manifests: see `src/blueprint/archive.py` and `archive_jobs.py`.
const MANIFESTS: &str = "manifests/";
/// Where that of the jobs notes what it had removed, and where each job is.
const REMOVED: &str = "removed/";
const JOBS: &str = "jobs/";

/// What was exported at one time, as a function of the archive wrote it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Manifest {
    /// The database, by its name in the file. None where a job exported.
    #[serde(default)]
    pub database: Option<String>,
    /// The job that exported, by its name in the file.
    #[serde(default)]
    pub job: Option<String>,
    /// The run of the job.
    #[serde(default)]
    pub run: Option<String>,
    /// The name of the export.
    pub export: String,
    /// The ARN of the snapshot. None where a job exported.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// When its data was taken.
    #[serde(default)]
    pub snapshot_taken: Option<String>,
    /// The size of all objects together.
    pub bytes: u64,
    /// The objects.
    pub objects: Vec<Listed>,
    /// The SHA-256 of the list of objects.
    pub digest: String,
}

/// An object in a manifest.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its ETag.
    pub etag: String,
    /// The checksums that S3 kept, in base 64, by algorithm.
    #[serde(default)]
    pub checksums: BTreeMap<String, String>,
    /// Its version.
    #[serde(default)]
    pub version: Option<String>,
}

impl Manifest {
    /// Checks whether its list of objects is as it was written.
    pub fn is_whole(&self) -> bool {
        let lines: String = self.objects.iter().map(|one| format!("{}\n{}\n{}\n", one.key, one.size, one.etag)).collect();
        let digest: String = Sha256::digest(lines.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        digest == self.digest
    }
}

/// Where a job is in its newest run, as its function noted it.
#[derive(Clone, Debug, Deserialize)]
pub struct Progress {
    /// The run.
    pub run: String,
    /// What is done, or was done last: `export`, `remove` or `done`.
    pub step: String,
    /// Whether the run exported nothing.
    #[serde(default)]
    pub empty: bool,
    /// How the task of the step ended. None as long as it runs.
    #[serde(default)]
    pub ended: Option<Ended>,
}

/// How a task ended.
#[derive(Clone, Debug, Deserialize)]
pub struct Ended {
    /// Whether it did what it was to do.
    pub ok: bool,
    /// What ECS says of its end.
    #[serde(default)]
    pub reason: String,
}

impl Progress {
    /// Returns the state in words.
    pub fn state(&self) -> String {
        let failed = self.ended.as_ref().filter(|ended| !ended.ok).map(|ended| ended.reason.as_str());
        match (self.step.as_str(), failed) {
            ("export", None) => "exporting".into(),
            ("export", Some(why)) => format!("export failed: {why}"),
            ("remove", None) => "removing".into(),
            ("remove", Some(why)) => format!("exported; removal failed: {why}"),
            _ if self.empty => "nothing to export".into(),
            _ => "removed".into(),
        }
    }
}

/// Where jobs are.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    /// The newest run of each job, by its name.
    pub newest: BTreeMap<String, Progress>,
    /// The runs of which the database has nothing any more: job and run.
    pub removed: BTreeSet<(String, String)>,
}

impl Jobs {
    /// Returns the state of a run that has a manifest, in words.
    pub fn state(&self, job: &str, run: &str) -> String {
        if self.removed.contains(&(job.to_owned(), run.to_owned())) {
            return "removed".into();
        }
        let newest = self.newest.get(job).filter(|newest| newest.run == run && newest.step != "done");
        newest.map_or_else(|| "exported".into(), Progress::state)
    }
}

/// What an object is now.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Its size in bytes.
    pub size: u64,
    /// Its ETag.
    pub etag: String,
    /// Its storage class, as S3 calls it.
    pub class: String,
    /// What became of the object since, though this version of it exists.
    pub since: Option<Since>,
    /// Whether a copy that can be read is being made.
    pub is_ongoing: bool,
    /// Until when there is one.
    pub until: Option<String>,
    /// The checksums that S3 keeps, by algorithm.
    pub checksums: BTreeMap<String, String>,
}

/// What became of an object of which a version exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// A marker says that it was deleted.
    Deleted,
    /// Another version is the latest.
    Overwritten,
}

impl State {
    /// Checks whether it has to be restored before it can be read.
    pub fn is_archived(&self) -> bool {
        matches!(self.class.as_str(), "GLACIER" | "DEEP_ARCHIVE")
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// S3 makes the copy, or keeps it for longer.
    Accepted,
    /// S3 is at it already.
    Ongoing,
    /// It is not in an archive.
    Readable,
}

/// Reads the manifests of an archive, by their keys. What is no manifest is named.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn manifests(cx: &Cx, bucket: &str) -> Result<Vec<(String, std::result::Result<Manifest, String>)>> {
    let mut out = Vec::new();
    for key in objects::list(cx, bucket, MANIFESTS).await?.into_keys() {
        let bytes = objects::bytes(cx, bucket, &key).await?;
        out.push((key, serde_json::from_slice(&bytes).map_err(|e| e.to_string())));
    }
    Ok(out)
}

/// Returns how many manifests an archive has, and when the newest was written, in seconds since 1970.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn exports(cx: &Cx, bucket: &str) -> Result<(usize, Option<i64>)> {
    let manifests = objects::list(cx, bucket, MANIFESTS).await?;
    Ok((manifests.len(), manifests.values().map(|manifest| manifest.written).max()))
}

/// Reads where the jobs of an archive are. What is not readable as that is left out.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn jobs(cx: &Cx, bucket: &str) -> Result<Jobs> {
    let named = |key: &str, prefix: &str| Some(key.strip_prefix(prefix)?.strip_suffix(".json")?.to_owned());
    let mut out = Jobs::default();
    for key in objects::list(cx, bucket, REMOVED).await?.into_keys() {
        let run = named(&key, REMOVED).and_then(|rest| rest.split_once('/').map(|(job, run)| (job.to_owned(), run.to_owned())));
        out.removed.extend(run);
    }
    for key in objects::list(cx, bucket, JOBS).await?.into_keys() {
        let Some(job) = named(&key, JOBS) else { continue };
        let progress = serde_json::from_slice(&objects::bytes(cx, bucket, &key).await?);
        out.newest.extend(progress.ok().map(|progress| (job, progress)));
    }
    Ok(out)
}

/// Reads what an object is now; nothing when it does not exist. Of a version also what the object is without naming it: a deletion without
/// a version leaves a marker, and this version becomes an old one, which expires
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>).
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn state(cx: &Cx, bucket: &str, of: &Listed) -> Result<Option<State>> {
    let call = cx.cloud.s3.head_object().bucket(bucket).key(&of.key).set_version_id(of.version.clone());
    let call = call.checksum_mode(ChecksumMode::Enabled).expected_bucket_owner(&cx.scope.account);
    // The action that a version needs is another one.
    let operation = if of.version.is_some() { "s3:GetObjectVersion" } else { "s3:HeadObject" };
    let head = match call.send().await.map_err(failed(operation)) {
        Err(e) if e.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    let since = if of.version.is_some() { since(cx, bucket, of).await? } else { None };
    let restore = head.restore().unwrap_or_default().to_owned();
    let all = [
        ("CRC64NVME", head.checksum_crc64_nvme),
        ("SHA256", head.checksum_sha256),
        ("SHA1", head.checksum_sha1),
        ("CRC32C", head.checksum_crc32_c),
        ("CRC32", head.checksum_crc32),
    ];
    Ok(Some(State {
        size: head.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
        etag: head.e_tag.unwrap_or_default().trim_matches('"').to_owned(),
        class: head.storage_class.map_or_else(|| "STANDARD".to_owned(), |class| class.as_str().to_owned()),
        since,
        is_ongoing: restore.contains("ongoing-request=\"true\""),
        until: restore.split_once("expiry-date=\"").and_then(|(_, rest)| Some(rest.split_once('"')?.0.to_owned())),
        checksums: all.into_iter().filter_map(|(kind, sum)| Some((kind.to_owned(), sum?))).collect(),
    }))
}

async fn since(cx: &Cx, bucket: &str, of: &Listed) -> Result<Option<Since>> {
    let call = cx.cloud.s3.head_object().bucket(bucket).key(&of.key).expected_bucket_owner(&cx.scope.account);
    match call.send().await.map_err(failed("s3:HeadObject")) {
        Err(e) if e.class == Class::NotFound => Ok(Some(Since::Deleted)),
        Err(e) => Err(e),
        Ok(head) => Ok((head.version_id != of.version).then_some(Since::Overwritten)),
    }
}

/// Asks for a copy of an object that can be read for so many days. Asking again while S3 is at it changes nothing; later it keeps the copy
/// for longer (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html>).
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn ask(cx: &Cx, bucket: &str, of: &Listed, (tier, days): (&str, i32)) -> Result<Asked> {
    let tier = match tier {
        "bulk" => Tier::Bulk,
        "expedited" => Tier::Expedited,
        _ => Tier::Standard,
    };
    let job = super::built(GlacierJobParameters::builder().tier(tier).build())?;
    let request = RestoreRequest::builder().days(days).glacier_job_parameters(job).build();
    let call = cx.cloud.s3.restore_object().bucket(bucket).key(&of.key).set_version_id(of.version.clone());
    let call = call.restore_request(request).expected_bucket_owner(&cx.scope.account);
    match call.send().await.map_err(failed("s3:RestoreObject")) {
        Ok(_) => Ok(Asked::Accepted),
        Err(e) if e.code.as_deref() == Some("RestoreAlreadyInProgress") => Ok(Asked::Ongoing),
        // Not, or not yet, in an archive.
        Err(e) if e.code.as_deref() == Some("InvalidObjectState") => Ok(Asked::Readable),
        Err(e) => Err(Error { message: format!("`{}`: {}", of.key, e.message), ..e }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_was_edited_is_told() {
        let object = Listed { key: "a".into(), size: 1, etag: "e".into(), checksums: BTreeMap::new(), version: None };
        // As `digest` in archive.py makes it of this list.
        let digest = "8b6e6a2b6a05c6ba2b0b5ef1fa4ee3f4b9de5cf0ac8a0b0f7b0a3d4b9d0f5f9f";
        let made = |digest: &str| Manifest {
            database: Some("main".into()),
            job: None,
            run: None,
            export: "x".into(),
            snapshot: Some("s".into()),
            snapshot_taken: None,
            bytes: 1,
            objects: vec![object.clone()],
            digest: digest.into(),
        };
        assert!(made(DIGEST).is_whole() && !made(digest).is_whole());
    }

    #[test]
    fn a_run_is_where_its_job_is() {
        let progress = |text: &str| serde_json::from_str::<Progress>(text).unwrap();
        let failed = r#"{"run": "2", "step": "remove", "attempt": 1, "by": "2", "ended": {"ok": false, "exit": 3, "reason": "exit code 3"}}"#;
        assert_eq!(progress(r#"{"run": "1", "step": "export", "asked": "x"}"#).state(), "exporting");
        assert_eq!(progress(&failed.replace("remove", "export")).state(), "export failed: exit code 3");
        assert_eq!(progress(r#"{"run": "1", "step": "done", "empty": true}"#).state(), "nothing to export");
        let jobs = Jobs { newest: [("a".into(), progress(failed))].into(), removed: [("a".into(), "1".into())].into() };
        assert_eq!((jobs.state("a", "1"), jobs.state("a", "0")), ("removed".into(), "exported".into()));
        assert_eq!(jobs.state("a", "2"), "exported; removal failed: exit code 3");
    }

    /// Of `a\n1\ne\n`.
    const DIGEST: &str = "883ce84d064430789d09e34df4cdd51124cfd2e3dee769e8cbf178e97a0a45cb";
}
