//! The section `backup`: what AWS Backup keeps of the stack's data, for how long, and where.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::regions;
use super::values::{self, Duration};

/// Every day at five o'clock.
const DAILY: &str = "daily";
const DAY: u64 = 86_400;

/// Backups of the stack's data, in a vault of AWS Backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Backup {
    /// When backups begin: `daily` or `weekly` (on Sunday) at five o'clock, or a `cron` expression of AWS, in UTC.
    #[schemars(extend("pattern" = r"^(daily|weekly|cron\(\S+ \S+ \S+ \S+ \S+ \S+\))$", "patternErrorMessage" = "write `daily`, `weekly`, or six fields like `cron(0 5 ? * * *)`", "examples" = ["daily", "weekly", "cron(0 3 1 * ? *)"]))]
    pub schedule: String,
    /// How long a backup is kept, in whole days from `1d` to `36500d`.
    pub keep: Duration,
    /// Whether backups can be deleted before their time. It holds for every vault that the stack has. Default: they can.
    pub lock: Option<Lock>,
    /// The other regions and vaults into which every backup is copied, at most 5. Default: none.
    #[schemars(length(max = 5))]
    pub copies: Vec<BackupCopy>,
    /// What is backed up: `databases`, without replicas, and `buckets` with versions.
    #[schemars(length(min = 1))]
    pub include: Vec<Included>,
    /// Tests whether the backups can be restored: AWS Backup restores one of each resource on a schedule, and deletes what it restored.
    /// `{}` is weekly. Default: none.
    pub test: Option<RestoreTest>,
    /// The key that encrypts the vault in the stack's region: `keys.NAME`, or the ARN of a KMS key. Backups of databases are encrypted
    /// like the database. It cannot be changed. Default: AWS's own key.
    #[schemars(extend("format" = "stack-sense", "pattern" = values::KEY, "patternErrorMessage" = values::KEY_MESSAGE, "examples" = ["keys.main"]))]
    pub key: Option<String>,
}

impl Default for Backup {
    fn default() -> Self {
        Backup {
            schedule: DAILY.into(),
            keep: Duration::secs(35 * DAY),
            lock: None,
            copies: Vec::new(),
            include: vec![Included::Databases],
            test: None,
            key: None,
        }
    }
}

impl Backup {
    /// Returns the schedule as AWS has it
    /// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupRuleInput.html>).
    pub fn cron(&self) -> &str {
        match self.schedule.as_str() {
            DAILY => "cron(0 5 ? * * *)",
            "weekly" => "cron(0 5 ? * 1 *)",
            other => other,
        }
    }
}

/// When backups are restored to see whether that works, and what becomes of what was restored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RestoreTest {
    /// When tests begin: `daily`, `weekly` (on Sunday) or `monthly` (on the first) at five in the afternoon, or a `cron` expression of AWS,
    /// in UTC.
    #[schemars(extend("pattern" = r"^(daily|weekly|monthly|cron\(\S+ \S+ \S+ \S+ \S+ \S+\))$", "patternErrorMessage" = "write `daily`, `weekly`, `monthly`, or six fields like `cron(0 17 ? * 1 *)`", "examples" = ["weekly", "monthly", "cron(0 3 1 * ? *)"]))]
    pub schedule: String,
    /// The time within which AWS Backup starts each test, in whole hours from `1h` to `168h`.
    pub within: Duration,
    /// How long what was restored stays to be looked at, in whole hours up to `168h`. It is charged meanwhile. Default: it is deleted as
    /// soon as it was restored.
    pub keep: Option<Duration>,
    /// Which backup is restored.
    pub pick: Pick,
    /// What is restored, of what `backup.include` says.
    #[schemars(length(min = 1))]
    pub include: Vec<Included>,
}

impl Default for RestoreTest {
    fn default() -> Self {
        RestoreTest {
            schedule: "weekly".into(),
            within: Duration::secs(DAY),
            keep: None,
            pick: Pick::Latest,
            include: vec![Included::Databases],
        }
    }
}

impl RestoreTest {
    /// Returns the schedule as AWS has it
    /// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_RestoreTestingPlanForCreate.html>).
    pub fn cron(&self) -> &str {
        match self.schedule.as_str() {
            DAILY => "cron(0 17 ? * * *)",
            "weekly" => "cron(0 17 ? * 1 *)",
            "monthly" => "cron(0 17 1 * ? *)",
            other => other,
        }
    }
}

/// Which backup a test restores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pick {
    /// The newest one.
    Latest,
    /// Any one of those that are kept.
    Random,
}

/// Where backups are copied: into a vault of the stack in another region, or into a vault of someone else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BackupCopy {
    /// Another region: the stack has a vault there. Default: none, `vault` is given.
    #[schemars(extend("format" = "stack-region", "pattern" = regions::PATTERN, "examples" = ["eu-central-1"], "patternErrorMessage" = "write the code of a region, like `us-east-1` or `eu-central-1`"))]
    pub region: Option<String>,
    /// The ARN of a vault that is not the stack's, of any region, and of any account of the same organization. Default: none,
    /// `region` is given.
    #[schemars(extend("pattern" = r"^arn:[^:]+:backup:[^:]+:[0-9]{12}:backup-vault:[A-Za-z0-9_-]{2,50}$", "patternErrorMessage" = "write the ARN of a backup vault", "examples" = ["arn:aws:backup:eu-central-1:123456789012:backup-vault:copies"]))]
    pub vault: Option<String>,
    /// How long the copy is kept. Default: as long as the backup.
    pub keep: Option<Duration>,
    /// The ARN of the KMS key of that region which encrypts the vault there. Only with `region`. It cannot be changed. Default: AWS's
    /// own key.
    #[schemars(extend("pattern" = r"^arn:[^:]+:kms:[^:]+:[^:]+:key/.+$", "patternErrorMessage" = "write the ARN of a KMS key (`arn:aws:kms:…:key/…`, not of an alias)", "examples" = ["arn:aws:kms:eu-central-1:123456789012:key/0123abcd"]))]
    pub key: Option<String>,
}

/// What keeps backups from being deleted before their time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Who can remove the lock: anyone with the permission (`governance`), or no one once `grace` is over (`compliance`).
    pub mode: LockMode,
    /// The least time for which backups must be kept, in whole days. Default: none.
    #[serde(default)]
    pub min: Option<Duration>,
    /// The longest time for which backups may be kept, in whole days. Default: none.
    #[serde(default)]
    pub max: Option<Duration>,
    /// For `compliance`: how long the lock can still be changed and removed, in whole days from `3d`. It counts when the lock is set.
    /// Default: `3d`.
    #[serde(default)]
    pub grace: Option<Duration>,
}

/// Who can remove a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LockMode {
    /// Anyone with the permission.
    Governance,
    /// No one, once its days of grace are over.
    Compliance,
}

/// What is backed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Included {
    /// Databases, without replicas.
    Databases,
    /// Buckets with versions.
    Buckets,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_have_words() {
        let cron = |schedule: &str| Backup { schedule: schedule.into(), ..Backup::default() }.cron().to_owned();
        assert_eq!(Backup::default().cron(), "cron(0 5 ? * * *)");
        assert_eq!(cron("weekly"), "cron(0 5 ? * 1 *)");
        assert_eq!(cron("cron(0 3 1 * ? *)"), "cron(0 3 1 * ? *)");
        let test = |schedule: &str| RestoreTest { schedule: schedule.into(), ..RestoreTest::default() }.cron().to_owned();
        let crons = ["cron(0 17 ? * * *)", "cron(0 17 ? * 1 *)", "cron(0 17 1 * ? *)", "cron(0 3 1 * ? *)"];
        assert_eq!(["daily", "weekly", "monthly", "cron(0 3 1 * ? *)"].map(test), crons);
    }
}
