//! The section `archive`: what is kept for years, and where.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backup::LockMode;
use super::service::{IMAGE, Service};
use super::values::{self, Duration, Name};

const DAY: u64 = 86_400;
/// A schedule as a regular expression.
const SCHEDULE: &str = r"^(daily|weekly|monthly|cron\(\S+ \S+ \S+ \S+ \S+ \S+\))$";
const SCHEDULE_MESSAGE: &str = "write `daily`, `weekly`, `monthly`, or six fields like `cron(0 6 1 * ? *)`";

/// Data that is no longer used but must be kept: exports of databases in a bucket of its own, and objects of buckets that move to an archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Archive {
    /// The databases whose newest snapshot is exported, by their names under `databases`. Default: all of them.
    pub databases: Option<Vec<Name>>,
    /// When exports begin: `daily`, `weekly` (on Sunday) or `monthly` (on the first day) at six o'clock, or a `cron` expression of AWS, in
    /// UTC.
    #[schemars(extend("pattern" = SCHEDULE, "patternErrorMessage" = SCHEDULE_MESSAGE, "examples" = ["monthly", "cron(0 6 1 1,7 ? *)"]))]
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
    /// The buckets of `buckets` and `resources` whose objects move to an archive, by name. Default: none.
    pub buckets: BTreeMap<Name, BucketArchive>,
    /// Tasks that export what they choose into the archive and then, when that is confirmed by a manifest, remove it from their
    /// database; by name. Default: none.
    pub jobs: BTreeMap<Name, ArchiveJob>,
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
            jobs: BTreeMap::new(),
        }
    }
}

impl Archive {
    /// Returns the schedule as AWS has it
    /// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>).
    pub fn cron(&self) -> &str {
        cron(&self.schedule)
    }

    /// Returns the schedule of a job as AWS has it: its own, or the section's.
    pub fn cron_of<'a>(&'a self, job: &'a ArchiveJob) -> &'a str {
        job.schedule.as_deref().map_or_else(|| self.cron(), cron)
    }
}

fn cron(schedule: &str) -> &str {
    match schedule {
        "daily" => "cron(0 6 * * ? *)",
        "weekly" => "cron(0 6 ? * 1 *)",
        "monthly" => "cron(0 6 1 * ? *)",
        other => other,
    }
}

/// A task that exports what it chooses, and later removes it. It is like those of a service, with another command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveJob {
    /// The service whose variables, secrets, subnets, security group and permissions the task has, by its name under `services`.
    pub service: Name,
    /// The command that the task runs for both steps, as a list. The variable `STACK_ARCHIVE_STEP` says which: `export` or `remove`.
    #[schemars(length(min = 1), example = &["./archive-orders"])]
    pub command: Vec<String>,
    /// When it begins: `daily`, `weekly`, `monthly`, or a `cron` expression of AWS, in UTC. Default: as `archive.schedule`.
    #[serde(default)]
    #[schemars(extend("pattern" = SCHEDULE, "patternErrorMessage" = SCHEDULE_MESSAGE, "examples" = ["monthly", "cron(0 6 1 1,7 ? *)"]))]
    pub schedule: Option<String>,
    /// The container image, with its own entry point. Default: the service's, with the entry point of the service.
    #[serde(default)]
    #[schemars(extend("pattern" = IMAGE, "patternErrorMessage" = "write an image like `public.ecr.aws/nginx/nginx:1.27`, without spaces and `$`"), example = &"public.ecr.aws/nginx/nginx:1.27", length(min = 1))]
    pub image: Option<String>,
    /// CPU units of the task; 1024 are one vCPU. They determine which `memory` is possible. Default: the service's.
    #[serde(default)]
    #[schemars(extend("enum" = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768, null]))]
    pub cpu: Option<u32>,
    /// Memory of the task, in MiB. `cpu` determines what is possible. Default: the service's.
    #[serde(default)]
    #[schemars(range(min = 512, max = 249856))]
    pub memory: Option<u32>,
}

impl ArchiveJob {
    /// Returns the service that its task is one of: like the one that it names, and not reachable.
    pub fn like(&self, service: &Service) -> Service {
        Service {
            image: self.image.clone().unwrap_or_else(|| service.image.clone()),
            entrypoint: service.entrypoint.clone().filter(|_| self.image.is_none()),
            command: Some(self.command.clone()),
            cpu: self.cpu.unwrap_or(service.cpu),
            memory: self.memory.unwrap_or(service.memory),
            port: None,
            routes: Vec::new(),
            exec: false,
            ..service.clone()
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
    /// Who can delete an object before its time: anyone with the permission to bypass the lock (`governance`), or no one (`compliance`).
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
        let archive = Archive { schedule: "weekly".into(), ..Archive::default() };
        let job = |schedule: Option<&str>| ArchiveJob { schedule: schedule.map(str::to_owned), ..job() };
        assert_eq!(
            (archive.cron_of(&job(None)), archive.cron_of(&job(Some("daily")))),
            ("cron(0 6 ? * 1 *)", "cron(0 6 * * ? *)")
        );
    }

    fn job() -> ArchiveJob {
        serde_json::from_value(serde_json::json!({"service": "web", "command": ["a"]})).unwrap()
    }

    #[test]
    fn a_job_is_like_its_service_but_for_what_it_says() {
        let web = serde_json::json!({"image": "web:1", "entrypoint": ["run"], "command": ["serve"], "port": 80, "routes": ["/*"], "exec": true, "memory": 1024, "environment": {"A": "b"}});
        let web: Service = serde_json::from_value(web).unwrap();
        let like = job().like(&web);
        assert_eq!((like.image.as_str(), &like.entrypoint, like.memory), ("web:1", &web.entrypoint, 1024));
        assert_eq!((&like.command, like.port, like.routes.len(), like.exec), (&Some(vec!["a".to_owned()]), None, 0, false));
        assert_eq!(like.environment, web.environment);
        let own = ArchiveJob { image: Some("tools:1".into()), cpu: Some(512), ..job() }.like(&web);
        assert_eq!((own.image.as_str(), own.entrypoint, own.cpu), ("tools:1", None, 512));
    }
}
