//! Valkey and Redis caches: the fields and the rules of the kind. The other files of this folder have its operations.

mod create;
mod effects;
mod read;
mod update;
mod upgrades;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::snapshots::{self, find_group};
use super::{DEFAULT_PARAMETERS, ParameterGroup, SubnetGroup, snapshot, status, versions};
use crate::aws::ec2::SecurityGroup;
use crate::aws::elasticache::errors::failed;
use crate::aws::finding::{field, is_given, is_made};
use crate::aws::ownership::mark::Mark;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Action, Class, Diff, Effect, Item, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// The value of `transit_encryption` for none, which is not a mode of AWS's.
const NO_TLS: &str = "disabled";

/// The data that a new cache begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "CacheBeginning")]
pub enum Begin {
    /// The name of a snapshot, which is not changed.
    Snapshot(String),
    /// The id of a cache of which a new snapshot is taken, and deleted when this one is complete.
    Cache(String),
}

impl fmt::Display for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Begin::Snapshot(name) => write!(f, "snapshot:{name}"),
            Begin::Cache(id) => write!(f, "cache:{id}"),
        }
    }
}

/// A Valkey or Redis cache: a primary and its replicas.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplicationGroup {
    /// The engine: `valkey` or `redis`. Redis can be changed to Valkey, but not back.
    pub engine: String,
    /// The version of the engine, or the start of it: `8.0`. It can only be raised. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// The node type: `cache.t4g.small`.
    pub node_type: String,
    /// The number of replicas of the primary. Left out: 0.
    #[serde(default)]
    pub replicas: i32,
    /// Whether a replica takes over when the primary fails. Needs a replica. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic_failover: Option<bool>,
    /// Whether the nodes are placed in different zones. Needs automatic failover. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_az: Option<bool>,
    /// The subnet group of its nodes. It cannot be changed.
    pub subnet_group: Ref<SubnetGroup>,
    /// The security groups, which decide who can connect to it. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<Ref<SecurityGroup>>,
    /// The parameter group; `default` for AWS's own of the engine and version. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_group: Option<Ref<ParameterGroup>>,
    /// The port. It cannot be changed. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Encryption in transit: `required`, `preferred` (clients can connect without TLS) or `disabled`. Left out: AWS's default
    /// for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_encryption: Option<String>,
    /// Whether it is encrypted at rest. It cannot be changed. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_rest_encryption: Option<bool>,
    /// The ARN of the KMS key that encrypts it at rest. It cannot be changed. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// The number of days for which daily snapshots are kept; 0 for none. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_days: Option<i32>,
    /// The daily snapshot window, in UTC: `03:00-04:00`. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_window: Option<String>,
    /// The weekly maintenance window, in UTC: `sun:04:00-sun:05:00`. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<String>,
    /// Whether AWS upgrades it to newer minor versions automatically. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_minor_upgrade: Option<bool>,
    /// The data that it begins with: `{ snapshot: NAME }` or `{ cache: ID }`. It counts only when the cache is created. Left out: it begins
    /// empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<Begin>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The id.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The endpoint of the primary, once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The endpoint of the replicas, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// The port of both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// The name of the snapshot that is taken before it is deleted; nothing when none can be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub last_snapshot: Option<String>,
    /// Whether AWS failed to create it, so that it is empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(skip)]
    pub never_served: bool,
    /// The changes that are pending until the maintenance window, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub noticed: Option<String>,
}

impl ReplicationGroup {
    /// Returns the name of the stack's own parameter group; nothing when it is to be AWS's, which AWS chooses itself for a new
    /// cache.
    fn own_parameters(&self) -> Result<Option<String>> {
        let Some(group) = &self.parameter_group else { return Ok(None) };
        Ok(Some(group.id()?.to_owned()).filter(|name| name != DEFAULT_PARAMETERS))
    }
}

impl Resource for ReplicationGroup {
    const KIND: &'static str = "elasticache.replication_group";
    const RULES: &'static [Rule] = &[
        Rule::becomes("engine", &[("redis", "valkey")]),
        Rule::version_prefix("engine_version"),
        Rule::version_of("engine_version", "engine"),
        Rule::minor_by_itself("engine_version", "auto_minor_upgrade", &[]),
        Rule::immutable("subnet_group"),
        Rule::set("security_groups"),
        Rule::immutable("port"),
        Rule::immutable("at_rest_encryption"),
        Rule::immutable("kms_key"),
        // In place where the engine knows modes; otherwise it is as it was made.
        Rule::immutable("transit_encryption"),
        Rule::if_told("transit_encryption"),
        // Names of hosts that speak TLS are others
        // (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/enable-python-best-practices.html>).
        Rule::renews("transit_encryption", "endpoint"),
        Rule::renews("transit_encryption", "reader"),
        Rule::create_only("begin"),
        Rule::takes("kms_key", &[("kms.key", "arn")]),
        Rule::owned("tags"),
        // A wrong guess at these would be a replacement: while it is created AWS does not report them all.
        Rule::when_ready("subnet_group"),
        Rule::when_ready("port"),
        Rule::when_ready("at_rest_encryption"),
        Rule::when_ready("kms_key"),
        Rule::when_ready("tags"),
    ];
    const USUAL: Usual = Usual::secs(600, 360).at_most_hours(24);
    const HOLDS_DATA: bool = true;
    const STEPWISE: bool = true;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        let old = !versions::has_modes(&self.engine, self.engine_version.as_deref());
        (old && self.transit_encryption.as_deref() == Some("preferred")).then(|| {
            (
                "transit_encryption",
                "`preferred` needs Redis 7.0.5 or newer: in older versions either all clients use TLS or none do".into(),
            )
        })
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        read::observed(cx).await
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        self.create_group(cx).await
    }

    /// Checks whether a replacement starts with a copy of the data. A snapshot is of its engine and is never decrypted; whether
    /// it fits into nodes of another type only AWS knows.
    fn carries_data(desired: &Value, diff: &Diff) -> bool {
        let decrypted = diff.touches("at_rest_encryption") && desired["at_rest_encryption"] != Value::Bool(true);
        let can = desired["node_type"].as_str().is_some_and(upgrades::has_snapshots);
        can && !decrypted && !diff.touches("engine") && !diff.touches("node_type")
    }

    fn begins(desired: &Value) -> bool {
        desired.get("begin").is_some_and(|begin| !begin.is_null())
    }

    async fn carry_over(&self, cx: &Cx) -> Result<Readiness> {
        self.look_at_copy(cx).await
    }

    fn changes_in_place(observed: &Value, diff: &Diff) -> bool {
        let engine = observed["engine"].as_str().unwrap_or_default();
        versions::has_modes(engine, observed["engine_version"].as_str())
            && diff.forcing().all(|change| change.path == "transit_encryption")
    }

    fn effects(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        effects::of(desired, observed, diff)
    }

    async fn prepare(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Readiness> {
        self.prepare_group(cx, live, diff).await
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        self.update_group(cx, live, diff).await
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        snapshots::clean_up(cx, &live.id).await?;
        let snapshot = live.last_snapshot.clone().filter(|_| cx.last_copy);
        let call = cx.cloud.elasticache.delete_replication_group().replication_group_id(&live.id);
        let call = call.set_final_snapshot_identifier(snapshot);
        match call.send().await.map_err(failed("elasticache:DeleteReplicationGroup")) {
            Err(e) if e.class == Class::InUse && read::is_leaving(cx, &live.id).await => Ok(()),
            other => other.map(|_| ()),
        }
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let group = find_group(cx, &live.id).await?;
        Ok(group.map_or(Readiness::Gone, |g| status::group(&g)))
    }

    async fn settle(cx: &Cx, live: &Live) -> Result<Live> {
        if cx.begins {
            snapshot::delete_all(cx).await?;
        }
        Ok(find_group(cx, &live.id).await?.as_ref().and_then(Live::of).unwrap_or_else(|| live.clone()))
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        let group = find_group(cx, &live.id).await?;
        Ok(group.map_or(Readiness::Gone, |g| Readiness::waiting(g.status().unwrap_or("deleting"))))
    }
}

impl AwsKind for ReplicationGroup {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["elasticache:CreateReplicationGroup", "elasticache:AddTagsToResource"],
        update: &[
            "elasticache:ModifyReplicationGroup",
            "elasticache:IncreaseReplicaCount",
            "elasticache:DecreaseReplicaCount",
            "elasticache:AddTagsToResource",
            "elasticache:RemoveTagsFromResource",
        ],
        delete: &["elasticache:DeleteReplicationGroup", "elasticache:CreateSnapshot"],
    };
    const SPELLING: &'static [Spelling] = &[
        ("engine", How::Word(&["valkey", "redis"])),
        ("maintenance_window", How::Lower),
        ("node_type", How::Lower),
        ("transit_encryption", How::Word(&["required", "preferred", "disabled"])),
    ];
    const OUTPUTS: &'static [(&'static str, &'static str)] =
        &[("caches.{name}.endpoint", "endpoint"), ("caches.{name}.reader", "reader"), ("caches.{name}.port", "port")];

    fn further_actions(item: &Item) -> Vec<&'static str> {
        let mut out = Vec::new();
        if item.action == Action::Update {
            let upgraded =
                upgrades::leaves_its_major(&item.changes) && field(item, "node_type").is_some_and(upgrades::has_snapshots);
            out.extend(upgraded.then_some("elasticache:CreateSnapshot"));
        }
        if is_made(item) {
            let begins = item.is_first() && item.desired.as_deref().is_some_and(Self::begins);
            let copied = (item.carries_data || begins).then_some(["elasticache:CreateSnapshot", "elasticache:DeleteSnapshot"]);
            // ElastiCache uses the key with a grant that the caller gives.
            let keyed = is_given(item, "kms_key").then_some(["kms:CreateGrant", "kms:DescribeKey"]);
            out.extend(copied.into_iter().chain(keyed).flatten());
        }
        out
    }
}

#[cfg(test)]
mod tests;
