//! Databases and their read replicas: the fields and the rules of the kind. The other files of this folder have its operations.

mod create;
mod delete;
mod effects;
mod password;
mod permissions;
mod progress;
mod read;
mod replica;
mod storage;
mod update;
mod upgrades;

pub(super) use password::{FROM_SNAPSHOT, TAG_PASSWORD, told};
pub use read::log_group;
pub(super) use storage::least_iops;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::named::moment;
use super::{ParameterGroup, SubnetGroup, snapshot, snapshots};
use crate::aws::ec2::SecurityGroup;
use crate::aws::logs::left_behind;
use crate::aws::ownership::mark::Mark;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{
    AnyRef, Blocker, Diff, Effect, Item, Observed, Pause, Readiness, Ref, Resource, Result, Rule, Serving, Usual,
};

/// The data that a new database begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Beginning")]
pub enum Begin {
    /// The name or the ARN of a snapshot, which is not changed.
    Snapshot(String),
    /// The identifier or the ARN of a database of which a new snapshot is taken, and deleted when this one is complete.
    Database(String),
    /// A database of the same account and region as it was at a time, from its automated backups.
    PointInTime {
        /// Its identifier.
        database: String,
        /// The time, in the form of RFC 3339. Left out: the latest one that can be restored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("pattern" = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})$"))]
        at: Option<String>,
    },
}

impl fmt::Display for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Begin::Snapshot(name) => write!(f, "snapshot:{name}"),
            Begin::Database(id) => write!(f, "database:{id}"),
            Begin::PointInTime { database, at: Some(at) } => write!(f, "database:{database}@{at}"),
            Begin::PointInTime { database, at: None } => write!(f, "database:{database}@latest"),
        }
    }
}

/// A database, or a read replica of one, in another region, too. A replica has the password of its source.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The database that this one is a replica of: engine, version, storage, users and key are the source's. One of another region is
    /// named by its ARN. It cannot be changed. Left out: it is not a replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Ref<Instance>>,
    /// Whether it is a database of its own: `true` makes one of a read replica, which cannot be undone. Left out: it stays what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standalone: Option<bool>,
    /// The engine: `postgres`, `mysql` or `mariadb`. It cannot be changed. Left out: that of `source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The version of the engine, or the start of it: `16`. It can only be raised. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// The instance class: `db.t4g.medium`.
    pub class: String,
    /// Whether it runs. Only `true` is allowed, which starts a stopped database. Left out: it stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
    /// Storage in GiB. It can only grow, by at least 10 %. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<i32>,
    /// The size in GiB up to which AWS can grow the storage automatically; 0 for no growth. Left out: AWS's default for a new
    /// one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_storage: Option<i32>,
    /// The storage type: `gp3`, `io2`, … Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<String>,
    /// Provisioned IOPS of the storage. `io1` and `io2` need it; `gp3` accepts it from 400 GiB on. Left out: AWS's default for a
    /// new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<i32>,
    /// Throughput of the storage in MiB per second; `gp3` accepts it from 400 GiB on. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<i32>,
    /// Whether a standby in another zone takes over when this database fails. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_az: Option<bool>,
    /// The subnet group. It cannot be changed. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<Ref<SubnetGroup>>,
    /// The security groups, which decide who can connect to it. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<Ref<SecurityGroup>>,
    /// The parameter group. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_group: Option<Ref<ParameterGroup>>,
    /// Whether it has an address that can be reached from the internet. Left out: it has none.
    #[serde(default)]
    pub publicly_accessible: bool,
    /// The port. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// The name of the database in the instance. It cannot be changed. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The name of the master user. It cannot be changed. Left out: that of `source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether RDS generates the master password, keeps it in Secrets Manager and rotates it. Such a database has no replicas.
    /// Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_password: Option<bool>,
    /// The secret with the master password, and its version:
    /// `${secretsmanager.secret/main.arn}:::${secretsmanager.secret/main.version}`. Empty when there is none. The password is
    /// read from there when it is set, and is kept nowhere else. Left out: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "stack-secret-version", "pattern" = r"^(|\$\{.+|arn:[^:]+:secretsmanager:([^:]*:){2}secret:[^:]+:::[^:]+)$", "patternErrorMessage" = "write `${secretsmanager.secret/NAME.arn}:::${secretsmanager.secret/NAME.version}`"))]
    pub password: Option<String>,
    /// Whether it is encrypted at rest. It cannot be changed. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    /// The ARN of the KMS key that encrypts it, and the master password if RDS keeps that. It cannot be changed. Left out: AWS's
    /// default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// The number of days for which daily backups are kept; 0 for none. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_days: Option<i32>,
    /// The daily backup window, in UTC: `03:00-03:30`. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_window: Option<String>,
    /// The weekly maintenance window, in UTC: `sun:04:00-sun:04:30`. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<String>,
    /// Whether AWS refuses to delete it. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,
    /// The logs that are exported to CloudWatch Logs. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Vec<String>>,
    /// Whether AWS upgrades it to newer minor versions automatically. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_minor_upgrade: Option<bool>,
    /// The data that it begins with: `{ snapshot: NAME }`, `{ database: IDENTIFIER }`, or `{ point_in_time: { database: IDENTIFIER, at:
    /// TIME } }`. It counts only when the database is created. Left out: it begins empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<Begin>,
    /// Whether its tags are copied to its snapshots. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_tags: Option<bool>,
    /// What must exist first and is deleted after it: the log groups that RDS writes its logs to. Left out: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<AnyRef>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The identifier.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// Its host name, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The port, once it has an endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// The secret with the master user's name and password, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_arn: Option<String>,
    /// The name of the snapshot that is taken before it is deleted; nothing for a replica, of which none can be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub last_snapshot: Option<String>,
    /// The ARNs of the databases in other regions that follow it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(skip)]
    pub followers: Vec<String>,
    /// Whether AWS failed to create it, so that it is empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(skip)]
    pub never_served: bool,
    /// What AWS has accepted and not finished, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub pending: Option<String>,
    /// The changes that are pending until the maintenance window, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub noticed: Option<String>,
}

impl Instance {
    pub(super) fn parameters(&self) -> Result<Option<String>> {
        self.parameter_group.as_ref().map(|group| group.id().map(str::to_owned)).transpose()
    }
}

impl Resource for Instance {
    const KIND: &'static str = "rds.instance";
    const RULES: &'static [Rule] = &[
        Rule::immutable("source"),
        Rule::create_only("begin"),
        Rule::immutable("engine"),
        Rule::version_prefix("engine_version"),
        Rule::version_of("engine_version", "engine"),
        Rule::minor_by_itself("engine_version", "auto_minor_upgrade", &["mysql", "mariadb"]),
        Rule::grows("storage"),
        // AWS would round it up (ModifyDBInstance, AllocatedStorage), and the file could never be met.
        Rule::grows_by("storage", 10),
        Rule::grows_to("storage", "max_storage"),
        Rule::immutable("subnet_group"),
        Rule::set("security_groups"),
        Rule::immutable("database"),
        Rule::immutable("user"),
        Rule::immutable("encrypted"),
        Rule::immutable("kms_key"),
        Rule::takes("kms_key", &[("kms.key", "arn")]),
        Rule::set("logs"),
        Rule::order_only("after"),
        Rule::when_ready("port"),
        Rule::renews("port", "port"),
        Rule::when_ready("managed_password"),
        // The one that RDS keeps, or the stack's.
        Rule::renews("managed_password", "secret_arn"),
        Rule::when_ready("multi_az"),
        Rule::when_ready("logs"),
        Rule::when_ready("engine_version"),
        Rule::when_ready("backup_days"),
        Rule::owned("tags"),
        Rule::unit("max_storage", "GiB"),
        Rule::unit("storage", "GiB"),
        Rule::unit("throughput", "MiB/s"),
    ];
    const USUAL: Usual = Usual::secs(480, 300).at_most_hours(36);
    const HOLDS_DATA: bool = true;
    const STEPWISE: bool = true;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if self.running == Some(false) {
            return Some((
                "running",
                "a database cannot be kept stopped: AWS starts it again after 7 days; `stack pause` stops the whole environment"
                    .into(),
            ));
        }
        if let Some(wrong) = replica::refused(self) {
            return Some(wrong);
        }
        if self.source.is_some() && self.begin.is_some() {
            return Some(("begin", "a read replica begins with the data of its `source`".into()));
        }
        if let Some(Begin::PointInTime { at: Some(at), .. }) = &self.begin
            && moment(at).is_err()
        {
            return Some(("begin", format!("`{at}` is not a time like `2026-11-26T03:00:00Z`")));
        }
        if self.begin.is_some() && self.managed_password != Some(true) && self.wanted_password().is_none() {
            let words =
                "what begins with the data of another needs a password of its own: `managed_password: true`, or `password`";
            return Some(("begin", words.into()));
        }
        self.storage_refused()
    }

    /// Stops it, as far as AWS does that: not what has or is a read replica
    /// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html>, limitations).
    fn pause(desired: &mut Value, why: Pause, used_by: &[&str]) -> bool {
        let is_copy = desired.get("source").is_some_and(|source| !source.is_null());
        if why == Pause::Unready || is_copy || used_by.contains(&Instance::KIND) {
            return false;
        }
        desired["running"] = false.into();
        true
    }

    fn resume(desired: &mut Value) {
        if desired.get("running").is_none_or(Value::is_null) {
            desired["running"] = true.into();
        }
    }

    fn serving(desired: &Value, diff: &Diff) -> Option<Serving> {
        let serves = desired.get("running").filter(|_| diff.touches("running"))?.as_bool()?;
        Some(if serves { Serving::Begins } else { Serving::Ends })
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        read::observed(cx).await
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        self.create_instance(cx).await
    }

    /// Checks whether a replacement starts with a copy of the data. A snapshot keeps engine, users and databases as they were,
    /// and is never decrypted. A replica starts with the data of its source.
    fn carries_data(desired: &Value, diff: &Diff) -> bool {
        let fixed = ["source", "engine", "user", "database"];
        let decrypted = diff.touches("encrypted") && desired["encrypted"] != Value::Bool(true);
        desired.get("source").is_none() && !decrypted && !fixed.iter().any(|field| diff.touches(field))
    }

    fn begins(desired: &Value) -> bool {
        desired.get("begin").is_some()
    }

    fn comes_up_otherwise(desired: &Value) -> bool {
        replica::has_others_parameters(desired)
    }

    async fn carry_over(&self, cx: &Cx) -> Result<Readiness> {
        self.look_at_copy(cx).await
    }

    /// Returns the field with the database that is upgraded later: replicas are upgraded before their source, except to new major
    /// versions of PostgreSQL, which AWS upgrades together.
    fn goes_ahead(desired: &Value, diff: &Diff) -> Option<&'static str> {
        let engine = desired.get("engine").and_then(Value::as_str)?;
        let (from, to) = upgrades::upgrade(diff)?;
        (engine != "postgres" || !upgrades::is_major(engine, from, to)).then_some("source")
    }

    fn effects(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        effects::of(desired, observed, diff)
    }

    /// Takes a snapshot before an upgrade that cannot be undone. AWS takes one of its own only while backups are on, and keeps it
    /// no longer than those.
    async fn prepare(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Readiness> {
        // What has its snapshot's password never served: its data is where it came from.
        let name = self.snapshot_before(&live.id, diff).filter(|_| !password::is_from_snapshot(diff));
        let Some(name) = name else { return Ok(Readiness::Ready) };
        snapshots::snapshot(cx, &live.id, &name, &self.tags).await
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        self.update_instance(cx, live, diff).await
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        delete::delete_instance(cx, live).await
    }

    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        delete::blockers(cx, live).await
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        self.state(cx, live).await
    }

    async fn settle(cx: &Cx, live: &Live) -> Result<Live> {
        if cx.begins {
            snapshot::delete_all(cx).await?;
        }
        Ok(read::look(cx, &live.id).await?.as_ref().and_then(Live::of).unwrap_or_else(|| live.clone()))
    }

    /// Returns the log groups that RDS created for its logs.
    async fn goes_with(cx: &Cx, live: &Live) -> Result<Option<String>> {
        left_behind(cx, &format!("/aws/rds/instance/{}/", live.id)).await
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        delete::gone(cx, live).await
    }
}

impl AwsKind for Instance {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["rds:CreateDBInstance", "rds:AddTagsToResource"],
        update: &["rds:ModifyDBInstance", "rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        delete: &["rds:DeleteDBInstance", "rds:CreateDBSnapshot", "rds:ModifyDBInstance"],
    };
    const SPELLING: &'static [Spelling] = &[
        ("class", How::Lower),
        ("engine", How::Word(&["postgres", "mysql", "mariadb"])),
        ("maintenance_window", How::Lower),
        ("storage_type", How::Word(&["gp2", "gp3", "io1", "io2", "standard"])),
    ];
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("databases.{name}.endpoint", "host"),
        ("databases.{name}.port", "port"),
        ("databases.{name}.secret_arn", "secret_arn"),
    ];

    fn further_actions(item: &Item) -> Vec<&'static str> {
        permissions::further(item)
    }
}

#[cfg(test)]
mod tests;
