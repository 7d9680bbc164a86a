//! The section `archive`: what is kept for years, and where.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backup::LockMode;
use super::values::{self, Duration, Name};

const DAY: u64 = 86_400;

/// Data that is no longer used but must be kept: exports of databases in a bucket of its own, and objects of buckets that move to an archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Archive {
    /// The databases whose newest snapshot is exported, by their names under `databases`. Default: all of them.
    pub databases: Option<Vec<Name>>,
    /// When exports begin: `daily`, `weekly` (on Sunday) or `monthly` (on the first day) at six o'clock, or a `cron` expression of AWS, in
    /// UTC.
    #[schemars(extend("pattern" = r"^(daily|weekly|monthly|cron\(\S+ \S+ \S+ \S+ \S+ \S+\))$", "patternErrorMessage" = "write `daily`, `weekly`, `monthly`, or six fields like `cron(0 6 1 * ? *)`", "examples" = ["monthly", "cron(0 6 1 1,7 ? *)"]))]
    pub schedule: String,
    /// The key that encrypts exports: `keys.NAME`, or the ARN of a KMS key. RDS exports with no key of AWS. Default: `keys.main`.
    #[schemars(extend("format" = "stack-sense", "pattern" = values::KEY, "patternErrorMessage" = values::KEY_MESSAGE, "examples" = ["keys.main"]))]
    pub key: Option<String>,
    /// How long exports stay in S3 Standard before they move to the archive, in whole days; `0d` moves them with the next midnight.
    pub after: Duration,
    /// The storage class that they move to.
    pub to: ArchiveClass,
    /// How long exports are kept, in whole days. Default: for good.
    pub delete_after: Option<Duration>,
    /// Whether exports can be deleted before their time. Default: they can.
    pub lock: Option<ArchiveLock>,
    /// The buckets of `resources` whose objects move to an archive, by name. Default: none.
    pub buckets: BTreeMap<Name, BucketArchive>,
}

impl Default for Archive {
    fn default() -> Self {
        Archive {
            databases: None,
            schedule: "monthly".into(),
            key: None,
            after: Duration::secs(DAY),
            to: ArchiveClass::DeepArchive,
            delete_after: None,
            lock: None,
            buckets: BTreeMap::new(),
        }
    }
}

impl Archive {
    /// Returns the schedule as AWS has it
    /// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>).
    pub fn cron(&self) -> &str {
        match self.schedule.as_str() {
            "daily" => "cron(0 6 * * ? *)",
            "weekly" => "cron(0 6 ? * 1 *)",
            "monthly" => "cron(0 6 1 * ? *)",
            other => other,
        }
    }
}

/// A storage class of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveClass {
    /// S3 Glacier Flexible Retrieval: hours to read it again, at least 90 days of storage are charged.
    Glacier,
    /// S3 Glacier Deep Archive: up to 12 or 48 hours to read it again, at least 180 days of storage are charged.
    DeepArchive,
}

impl ArchiveClass {
    /// Returns the class as S3 calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            ArchiveClass::Glacier => "GLACIER",
            ArchiveClass::DeepArchive => "DEEP_ARCHIVE",
        }
    }
}

/// What keeps exports from being deleted before their time: Object Lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveLock {
    /// Who can delete an object before its time: whoever may bypass the lock (`governance`), or nobody (`compliance`).
    pub mode: LockMode,
    /// How long an object is locked after it was written, in whole days from `1d` to `36500d`.
    pub keep: Duration,
}

/// How the objects of a bucket move to an archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketArchive {
    /// What the keys of the objects start with. Default: all objects.
    #[serde(default)]
    pub prefix: Option<String>,
    /// How old an object is when it moves, in whole days.
    pub after: Duration,
    /// The storage class that it moves to.
    pub to: ArchiveClass,
    /// How old an object is when it is deleted, in whole days; it must be later than `after`. Default: it is kept.
    #[serde(default)]
    pub delete_after: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_have_words() {
        let cron = |schedule: &str| Archive { schedule: schedule.into(), ..Archive::default() }.cron().to_owned();
        assert_eq!(Archive::default().cron(), "cron(0 6 1 * ? *)");
        assert_eq!(cron("weekly"), "cron(0 6 ? * 1 *)");
        assert_eq!(cron("cron(0 3 1 * ? *)"), "cron(0 3 1 * ? *)");
    }
}
