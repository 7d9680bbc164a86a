use aws_sdk_elasticache::types::{self as sdk, AutomaticFailoverStatus, MultiAzStatus, TransitEncryptionMode};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::naming::{self, GROUP_ID, SNAPSHOT};
use super::snapshots::{self, find_group};
use super::status;
use super::{
    DEFAULT_PARAMETERS, ParameterGroup, SubnetGroup, clusters, parameter_group_of, replication_groups, retag, security_groups_of,
    tags_of, to_sdk, versions,
};
use crate::aws::call::arguments::{ids, some_ids};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::SecurityGroup;
use crate::aws::elasticache::errors::failed;
use crate::aws::kms::Key;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::preflight::finding::{field, is_given, is_made};
use crate::aws::spelling::{How, Spelling};
use crate::aws::states::put_off;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::diff::same_major;
use crate::engine::{
    Action, Change, Claim, Class, Diff, Effect, Error, Impact, Item, Observed, Readiness, Ref, Resource, Result, Rule, Usual,
};

/// The value of `transit_encryption` for none, which is not a mode of AWS's.
const NO_TLS: &str = "disabled";

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

impl Live {
    fn of(group: &sdk::ReplicationGroup) -> Option<Live> {
        let id = group.replication_group_id.clone()?;
        let shard = group.node_groups().first();
        let primary = shard.and_then(|s| s.primary_endpoint());
        let replicas = group.member_clusters().len() > 1;
        // One name for one life of the object: a delete that is sent twice does not want two snapshots.
        let born = group.replication_group_create_time().map(|at| at.secs());
        let never_served = group.status() == Some("create-failed");
        let can = !never_served && group.cache_node_type().is_none_or(has_snapshots);
        Some(Live {
            arn: group.arn.clone()?,
            endpoint: primary.and_then(|e| e.address.clone()),
            reader: shard.and_then(|s| s.reader_endpoint()).filter(|_| replicas).and_then(|e| e.address.clone()),
            port: primary.and_then(|e| e.port).map(|port| port.to_string()),
            never_served,
            noticed: None,
            last_snapshot: can.then(|| names::ending(&id, &format!("-final-{}", born.unwrap_or_default()), SNAPSHOT)),
            id,
        })
    }
}

/// Checks whether AWS takes snapshots of nodes of this type.
fn has_snapshots(node_type: &str) -> bool {
    !node_type.starts_with("cache.t1.")
}

/// Returns the ARN of a key, which AWS reports by its ARN or by its id.
fn key_arn(cx: &Cx, key: &str) -> String {
    let scope = &cx.scope;
    let arn = match key.starts_with("arn:") {
        true => key.to_owned(),
        false => format!("arn:{}:kms:{}:{}:key/{key}", scope.partition, scope.region, scope.account),
    };
    Ref::<Key>::physical(arn).attr("arn").to_string()
}

fn transit(group: &sdk::ReplicationGroup) -> Option<String> {
    let pending = group.pending_modified_values();
    let on = pending.and_then(|p| p.transit_encryption_enabled).or(group.transit_encryption_enabled)?;
    let mode = pending.and_then(|p| p.transit_encryption_mode.as_ref()).or(group.transit_encryption_mode.as_ref());
    Some(if on { mode.map_or("required", TransitEncryptionMode::as_str).to_owned() } else { NO_TLS.to_owned() })
}

/// Returns the name of the snapshot that is taken before an upgrade that cannot be undone.
fn snapshot_before(id: &str, desired: &ReplicationGroup, diff: &Diff) -> Option<String> {
    let to = desired.engine_version.as_ref().unwrap_or(&desired.engine);
    (leaves_its_major(diff) && has_snapshots(&desired.node_type)).then(|| names::before_upgrade(id, to, SNAPSHOT))
}

/// Checks whether a change leads to another engine or another major version of it, which AWS cannot undo
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.HowTo.html>).
fn leaves_its_major(diff: &Diff) -> bool {
    let major = |change: &&Change| {
        let (from, to) = (change.before.as_ref().and_then(Value::as_str), change.after.as_ref().and_then(Value::as_str));
        change.path == "engine_version" && from.zip(to).is_some_and(|(from, to)| !same_major(from, to, 1))
    };
    diff.touches("engine") || diff.changes.iter().any(|change| major(&change))
}

impl ReplicationGroup {
    /// Reads a group, and from one of its members what the group does not report.
    fn from_sdk(cx: &Cx, group: &sdk::ReplicationGroup, member: Option<&sdk::CacheCluster>, tags: Tags) -> ReplicationGroup {
        // What waits for the maintenance window is what it is going to be.
        let pending = member.and_then(|m| m.pending_modified_values());
        let shard = group.node_groups().first();
        let text = |of: fn(&sdk::CacheCluster) -> Option<&str>| member.and_then(of).map(str::to_owned);
        ReplicationGroup {
            engine: group.engine.clone().or(text(sdk::CacheCluster::engine)).unwrap_or_default(),
            engine_version: pending.and_then(|p| p.engine_version.clone()).or(text(sdk::CacheCluster::engine_version)),
            node_type: pending
                .and_then(|p| p.cache_node_type.clone())
                .or(group.cache_node_type.clone())
                .or(text(sdk::CacheCluster::cache_node_type))
                .unwrap_or_default(),
            replicas: i32::try_from(group.member_clusters().len().saturating_sub(1)).unwrap_or_default(),
            automatic_failover: group
                .automatic_failover()
                .map(|status| matches!(status, AutomaticFailoverStatus::Enabled | AutomaticFailoverStatus::Enabling)),
            multi_az: group.multi_az().map(|status| status == &MultiAzStatus::Enabled),
            subnet_group: Ref::physical(member.and_then(|m| m.cache_subnet_group_name()).unwrap_or_default()),
            security_groups: member.map(security_groups_of).unwrap_or_default(),
            parameter_group: member.and_then(parameter_group_of),
            port: shard.and_then(|s| s.primary_endpoint()).and_then(|e| e.port),
            transit_encryption: transit(group),
            at_rest_encryption: group.at_rest_encryption_enabled,
            kms_key: group.kms_key_id().map(|key| key_arn(cx, key)),
            snapshot_days: group.snapshot_retention_limit,
            snapshot_window: group.snapshot_window.clone(),
            maintenance_window: text(sdk::CacheCluster::preferred_maintenance_window),
            auto_minor_upgrade: group.auto_minor_version_upgrade,
            tags,
        }
    }

    /// Returns the name of the stack's own parameter group; nothing when it is to be AWS's, which AWS chooses itself for a new
    /// cache.
    fn own_parameters(&self) -> Result<Option<String>> {
        let Some(group) = &self.parameter_group else { return Ok(None) };
        Ok(Some(group.id()?.to_owned()).filter(|name| name != DEFAULT_PARAMETERS))
    }

    /// Changes everything that one call can change, and with it the changes that are pending until the maintenance window.
    async fn modify(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<()> {
        let any = |fields: &[&str]| fields.iter().any(|field| diff.touches(field));
        let mut call = cx.cloud.elasticache.modify_replication_group().replication_group_id(&live.id).apply_immediately(true);
        if any(&["engine", "engine_version"]) {
            let version = match &self.engine_version {
                Some(wanted) => versions::newest(cx, &self.engine, wanted).await?,
                None => versions::preferred(cx, &self.engine).await?,
            };
            if any(&["engine"]) {
                call = call.engine(&self.engine);
            }
            // AWS takes no parameters of another version along.
            let parameters = match self.own_parameters()? {
                Some(name) => name,
                None => versions::default_parameters(cx, &self.engine, &version).await?,
            };
            call = call.engine_version(version).cache_parameter_group_name(parameters);
        } else if any(&["parameter_group"]) {
            let parameters = match self.own_parameters()? {
                Some(name) => name,
                None => versions::default_parameters(cx, &self.engine, &version_of(cx, &live.id).await?).await?,
            };
            call = call.cache_parameter_group_name(parameters);
        }
        if any(&["node_type"]) {
            call = call.cache_node_type(&self.node_type);
        }
        if any(&["automatic_failover", "multi_az"]) {
            call = call.set_automatic_failover_enabled(self.automatic_failover).set_multi_az_enabled(self.multi_az);
        }
        if any(&["security_groups"]) {
            call = call.set_security_group_ids(Some(ids(&self.security_groups)?));
        }
        if let Some(change) = diff.changes.iter().find(|c| c.path == "transit_encryption") {
            let was = change.before.as_ref().and_then(|v| v.as_str()).unwrap_or(NO_TLS);
            // Between all and nothing AWS wants a time in which clients may do both.
            call = match self.transit_encryption.as_deref() {
                Some("required") if was == NO_TLS => tls(call, TransitEncryptionMode::Preferred),
                Some(NO_TLS) if was == "required" => tls(call, TransitEncryptionMode::Preferred),
                Some(NO_TLS) | None => call.transit_encryption_enabled(false),
                Some(mode) => tls(call, TransitEncryptionMode::from(mode)),
            };
        }
        if any(&["snapshot_days"]) {
            call = call.set_snapshot_retention_limit(self.snapshot_days);
        }
        if any(&["snapshot_window"]) {
            call = call.set_snapshot_window(self.snapshot_window.clone());
        }
        if any(&["maintenance_window"]) {
            call = call.set_preferred_maintenance_window(self.maintenance_window.clone());
        }
        if any(&["auto_minor_upgrade"]) {
            call = call.set_auto_minor_version_upgrade(self.auto_minor_upgrade);
        }
        call.send().await.map_err(failed("elasticache:ModifyReplicationGroup"))?;
        Ok(())
    }
}

type Modify = aws_sdk_elasticache::operation::modify_replication_group::builders::ModifyReplicationGroupFluentBuilder;

fn tls(call: Modify, mode: TransitEncryptionMode) -> Modify {
    call.transit_encryption_enabled(true).transit_encryption_mode(mode)
}

/// Returns the version that runs: only the members know it.
async fn version_of(cx: &Cx, id: &str) -> Result<String> {
    const OP: &str = "elasticache:DescribeCacheClusters";
    let member = find_group(cx, id).await?.and_then(|g| g.member_clusters().first().cloned());
    let member = member.ok_or_else(|| incomplete("elasticache:DescribeReplicationGroups", "a member"))?;
    let answer = cx.cloud.elasticache.describe_cache_clusters().cache_cluster_id(member).send().await.map_err(failed(OP))?;
    let version = answer.cache_clusters().first().and_then(|c| c.engine_version.clone());
    version.ok_or_else(|| incomplete(OP, "the engine's version"))
}

/// Checks whether it is being deleted: then the name is not free yet, and deleting it again does nothing.
async fn is_leaving(cx: &Cx, id: &str) -> bool {
    matches!(find_group(cx, id).await, Ok(Some(group)) if group.status() == Some("deleting"))
}

impl ReplicationGroup {
    /// Accepts AWS's refusal of a number of replicas that already exists: an earlier try had done it, and its answer was lost.
    async fn counted(&self, cx: &Cx, live: &Live, answer: Result<()>) -> Result<()> {
        match answer {
            Err(e) if e.class == Class::Invalid => {
                let members = find_group(cx, &live.id).await?.map_or(0, |group| group.member_clusters().len());
                if i32::try_from(members).is_ok_and(|members| members == self.replicas + 1) { Ok(()) } else { Err(e) }
            }
            other => other,
        }
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
        let groups = replication_groups(cx).await?;
        let members = clusters(cx).await?;
        let found = try_join_all(groups.iter().map(|group| {
            let members = members.clone();
            async move {
                let Some(mut live) = Live::of(group) else { return Ok(None) };
                let (word, mut state) = (group.status().unwrap_or("unknown"), status::group(group));
                let told = if word == "available" { tags_of(cx, &live.arn).await? } else { None };
                let tags = told.clone().unwrap_or_else(|| naming::marked(group.description().unwrap_or_default()));
                if told.is_none() && state == Readiness::Ready {
                    state = Readiness::waiting(word);
                }
                let claim = match cx.scope.claim(Self::KIND, &tags, false) {
                    Claim::Foreign => {
                        naming::meaning(&cx.scope.prefix(), &live.id).map_or(Claim::Foreign, |(n, _)| Claim::Taken(n))
                    }
                    ours => {
                        names::marked(ours, |key| naming::id_of(&cx.scope.prefix(), key, names::generation(&tags)) == live.id)
                    }
                };
                let member = group.member_clusters().first();
                let member = members.iter().find(|m| m.cache_cluster_id() == member.map(String::as_str));
                if state == Readiness::Ready {
                    live.noticed = put_off(&status::pending_of_group(group, member));
                }
                let fields = ReplicationGroup::from_sdk(cx, group, member, tags);
                Ok::<_, Error>(Some(Observed { claim, live, fields, state }))
            }
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "elasticache:CreateReplicationGroup";
        let id = naming::id(cx, GROUP_ID)?;
        let version = match &self.engine_version {
            Some(wanted) => Some(versions::newest(cx, &self.engine, wanted).await?),
            None => None,
        };
        let modes = versions::has_modes(&self.engine, version.as_deref());
        let call = cx.cloud.elasticache.create_replication_group().replication_group_id(&id);
        let call = call.replication_group_description(naming::marker(&self.tags)).set_tags(Some(to_sdk(&self.tags)));
        let mut call = call
            .engine(&self.engine)
            .set_engine_version(version)
            .cache_node_type(&self.node_type)
            .num_cache_clusters(self.replicas + 1)
            .set_automatic_failover_enabled(self.automatic_failover)
            .set_multi_az_enabled(self.multi_az)
            .cache_subnet_group_name(self.subnet_group.id()?)
            .set_security_group_ids(some_ids(&self.security_groups)?)
            .set_cache_parameter_group_name(self.own_parameters()?)
            .set_port(self.port)
            .set_snapshot_name(self.carried(cx).await?)
            .set_at_rest_encryption_enabled(self.at_rest_encryption)
            .set_kms_key_id(self.kms_key.clone())
            .set_snapshot_retention_limit(self.snapshot_days)
            .set_snapshot_window(self.snapshot_window.clone())
            .set_preferred_maintenance_window(self.maintenance_window.clone())
            .set_auto_minor_version_upgrade(self.auto_minor_upgrade);
        call = match self.transit_encryption.as_deref() {
            None => call,
            Some(NO_TLS) => call.transit_encryption_enabled(false),
            // Where there are no modes it is required.
            Some(_) if !modes => call.transit_encryption_enabled(true),
            Some(mode) => call.transit_encryption_enabled(true).transit_encryption_mode(TransitEncryptionMode::from(mode)),
        };
        // These node types have disks and are not made without using them.
        if self.node_type.starts_with("cache.r6gd.") {
            call = call.data_tiering_enabled(true);
        }
        match call.send().await.map_err(failed(OP)) {
            Ok(answer) => answer.replication_group().and_then(Live::of).ok_or_else(|| incomplete(OP, "the group's id and ARN")),
            Err(e) if e.class == Class::Exists && is_leaving(cx, &id).await => Err(Error { class: Class::InUse, ..e }),
            Err(e) => Err(e),
        }
    }

    /// Checks whether a replacement starts with a copy of the data. A snapshot is of its engine and is never decrypted; whether
    /// it fits into nodes of another type only AWS knows.
    fn carries_data(desired: &Value, diff: &Diff) -> bool {
        let decrypted = diff.touches("at_rest_encryption") && desired["at_rest_encryption"] != Value::Bool(true);
        let can = desired["node_type"].as_str().is_some_and(has_snapshots);
        can && !decrypted && !diff.touches("engine") && !diff.touches("node_type")
    }

    async fn carry_over(&self, cx: &Cx) -> Result<Readiness> {
        self.look_at_copy(cx).await
    }

    fn changes_in_place(observed: &Value, diff: &Diff) -> bool {
        let engine = observed["engine"].as_str().unwrap_or_default();
        versions::has_modes(engine, observed["engine_version"].as_str())
            && diff.forcing().all(|change| change.path == "transit_encryption")
    }

    /// Returns the effects of a change, by what AWS says of upgrades and of scaling
    /// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.HowTo.html>,
    /// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/redis-cluster-vertical-scaling.html>).
    fn effects(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        let mut out = Vec::new();
        if diff.forcing().next().is_some() {
            return out;
        }
        let alone = observed["replicas"].as_i64().unwrap_or_default() == 0;
        let felt = |words: &str| {
            if alone {
                Effect::new(Impact::Interrupts, format!("{words}: without a replica, it is unavailable in the meantime"))
                    .lasting(60, 600)
            } else {
                Effect::new(Impact::FailsOver, format!("{words}, one node after the other: connections are dropped"))
                    .lasting(5, 60)
            }
        };
        if diff.touches("engine") || diff.touches("engine_version") {
            out.push(felt("it is upgraded"));
            let back = "the only way back to the old version is a new cache";
            out.push(if leaves_its_major(diff) {
                let can = desired["node_type"].as_str().is_some_and(has_snapshots);
                let snapshot = if can { ": a snapshot is taken first and kept until you delete it" } else { "" };
                Effect::new(Impact::CannotBeUndone, format!("{back}{snapshot}")).with_consent()
            } else {
                Effect::new(Impact::CannotBeUndone, back)
            });
        }
        if diff.touches("node_type") {
            out.push(felt("its nodes are replaced"));
        }
        if diff.touches("transit_encryption") {
            out.push(
                Effect::new(Impact::FailsOver, "connections are dropped while encryption changes on its nodes").lasting(5, 60),
            );
            let to = desired["transit_encryption"].as_str();
            let others = match to {
                Some("preferred") => None,
                Some(NO_TLS) => Some("clients that use TLS are refused, and its host names change"),
                _ => Some("clients without TLS are refused, and its host names change"),
            };
            out.extend(others.map(|words| {
                let words = format!("{words}: its users cannot connect until they are deployed again");
                Effect::new(Impact::Interrupts, words).lasting(60, 600)
            }));
        }
        if diff.touches("parameter_group") && !diff.touches("engine_version") {
            out.push(Effect::new(Impact::Waits, "parameters that are read at startup take effect at the next reboot"));
        }
        if let (true, Some(to)) = (diff.touches("snapshot_days"), desired["snapshot_days"].as_i64()) {
            if to == 0 {
                out.push(Effect::new(Impact::LosesData, "its daily snapshots are deleted, and no new ones are taken"));
            } else if observed["snapshot_days"].as_i64().is_some_and(|from| to < from) {
                out.push(Effect::new(
                    Impact::LosesData,
                    format!("its daily snapshots older than {} are deleted", crate::aws::states::days(to)),
                ));
            }
        }
        out
    }

    /// Takes a snapshot before an upgrade that cannot be undone: AWS takes none of its own. While AWS changes a group it reports
    /// its description but not its tags: the text that says whose it is is written there first.
    async fn prepare(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Readiness> {
        if let Some(name) = snapshot_before(&live.id, self, diff) {
            let copy = snapshots::snapshot(cx, &live.id, &name, &self.tags).await?;
            if !matches!(copy, Readiness::Ready) {
                return Ok(copy);
            }
        }
        if !diff.touches("tags") {
            return Ok(Readiness::Ready);
        }
        let Some(group) = find_group(cx, &live.id).await? else { return Ok(Readiness::Gone) };
        let marker = naming::marker(&self.tags);
        if group.description() == Some(&marker) {
            let state = status::group(&group);
            return Ok(if matches!(state, Readiness::Waiting { .. }) { state } else { Readiness::Ready });
        }
        let call = cx.cloud.elasticache.modify_replication_group().replication_group_id(&live.id).apply_immediately(true);
        call.replication_group_description(marker).send().await.map_err(failed("elasticache:ModifyReplicationGroup"))?;
        Ok(Readiness::waiting("its description is being written"))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let replicas = diff.changes.iter().find(|c| c.path == "replicas");
        let more = replicas.is_some_and(|c| c.before.as_ref().and_then(|v| v.as_i64()).unwrap_or(0) < i64::from(self.replicas));
        // Failover needs a replica: those that come come first, those that go go last. Tags are a change like the others.
        if more {
            let call = cx.cloud.elasticache.increase_replica_count().replication_group_id(&live.id);
            let call = call.new_replica_count(self.replicas).apply_immediately(true);
            self.counted(cx, live, call.send().await.map(|_| ()).map_err(failed("elasticache:IncreaseReplicaCount"))).await?;
        } else if diff.touches_other_than(&["tags", "replicas"]) {
            self.modify(cx, live, diff).await?;
        } else if replicas.is_some() {
            let call = cx.cloud.elasticache.decrease_replica_count().replication_group_id(&live.id);
            let call = call.new_replica_count(self.replicas).apply_immediately(true);
            self.counted(cx, live, call.send().await.map(|_| ()).map_err(failed("elasticache:DecreaseReplicaCount"))).await?;
        } else {
            retag(cx, &live.arn, &self.tags, diff).await?;
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        snapshots::clean_up(cx, &live.id).await?;
        let snapshot = live.last_snapshot.clone().filter(|_| cx.last_copy);
        let call = cx.cloud.elasticache.delete_replication_group().replication_group_id(&live.id);
        let call = call.set_final_snapshot_identifier(snapshot);
        match call.send().await.map_err(failed("elasticache:DeleteReplicationGroup")) {
            Err(e) if e.class == Class::InUse && is_leaving(cx, &live.id).await => Ok(()),
            other => other.map(|_| ()),
        }
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let group = find_group(cx, &live.id).await?;
        Ok(group.map_or(Readiness::Gone, |g| status::group(&g)))
    }

    async fn settle(cx: &Cx, live: &Live) -> Result<Live> {
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
            let upgraded = leaves_its_major(&item.changes) && field(item, "node_type").is_some_and(has_snapshots);
            out.extend(upgraded.then_some("elasticache:CreateSnapshot"));
        }
        if is_made(item) {
            let copied = item.carries_data.then_some(["elasticache:CreateSnapshot", "elasticache:DeleteSnapshot"]);
            // ElastiCache uses the key with a grant that the caller gives.
            let keyed = is_given(item, "kms_key").then_some(["kms:CreateGrant", "kms:DescribeKey"]);
            out.extend(copied.into_iter().chain(keyed).flatten());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Ids, diff};

    fn group(fields: Value) -> Value {
        let mut all = json!({"engine": "redis", "engine_version": "7.1.0", "node_type": "cache.t4g.small", "replicas": 1,
                             "subnet_group": "g", "transit_encryption": "required"});
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        all
    }

    fn change(is: Value, wanted: Value) -> (Value, Value, Diff) {
        let (is, wanted) = (group(is), group(wanted));
        let changes = diff(ReplicationGroup::RULES, &wanted, &is, &Ids::default());
        (wanted, is, changes)
    }

    fn told(is: Value, wanted: Value) -> Vec<(Impact, bool)> {
        let (wanted, is, mut diff) = change(is, wanted);
        if ReplicationGroup::changes_in_place(&is, &diff) {
            diff.changes.iter_mut().for_each(|change| change.forces_replacement = false);
        }
        ReplicationGroup::effects(&wanted, &is, &diff).into_iter().map(|e| (e.impact, e.needs_consent)).collect()
    }

    #[test]
    fn there_is_no_quiet_way_to_another_engine_or_major_version() {
        let valkey = || json!({"engine": "valkey", "engine_version": "8.0"});
        for (is, wanted) in [(json!({"engine_version": "6.2.6"}), json!({"engine_version": "7.1"})), (json!({}), valkey())] {
            assert_eq!(
                told(is.clone(), wanted.clone()),
                [(Impact::FailsOver, false), (Impact::CannotBeUndone, true)],
                "{wanted}"
            );
            let (wanted, _, diff) = change(is, wanted);
            let wanted: ReplicationGroup = serde_json::from_value(wanted).unwrap();
            let name = snapshot_before("shop-sessions", &wanted, &diff).unwrap();
            assert!(name.starts_with("shop-sessions-before-") && name.len() <= SNAPSHOT, "{name}");
            let old = ReplicationGroup { node_type: "cache.t1.micro".into(), ..wanted };
            assert_eq!(snapshot_before("shop-sessions", &old, &diff), None);
        }
        let minor =
            || (json!({"engine": "valkey", "engine_version": "8.0.0"}), json!({"engine": "valkey", "engine_version": "8.1"}));
        assert_eq!(told(minor().0, minor().1), [(Impact::FailsOver, false), (Impact::CannotBeUndone, false)]);
        let (wanted, _, diff) = change(minor().0, minor().1);
        assert_eq!(snapshot_before("shop-sessions", &serde_json::from_value(wanted).unwrap(), &diff), None);
    }

    #[test]
    fn encryption_on_the_way_is_changed_in_place_where_the_engine_knows_modes_and_others_learn_of_it() {
        let in_place = |version: &str, more: Value| {
            let mut wanted = json!({"transit_encryption": "required"});
            wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let (_, is, diff) = change(json!({"engine_version": version, "transit_encryption": NO_TLS, "port": 6379}), wanted);
            assert!(diff.forcing().next().is_some());
            ReplicationGroup::changes_in_place(&is, &diff)
        };
        assert!(in_place("7.1.0", json!({"port": 6379})));
        assert!(!in_place("6.2.6", json!({"port": 6379})), "AWS takes no mode");
        assert!(!in_place("7.1.0", json!({"port": 6380})), "something else forces a replacement");
        let renewed: Vec<_> = crate::engine::rules::renewed(ReplicationGroup::RULES).collect();
        for attr in ["endpoint", "reader"] {
            assert!(renewed.contains(&("transit_encryption", attr)), "{attr}");
        }
        let cut = |to: &str, from: &str| {
            told(json!({"transit_encryption": from}), json!({"transit_encryption": to})).contains(&(Impact::Interrupts, false))
        };
        assert!(cut("required", NO_TLS) && cut("required", "preferred") && cut(NO_TLS, "required"));
        assert!(!cut("preferred", NO_TLS));
        // What AWS does not report while it creates one is no difference.
        let (_, _, diff) = change(json!({"transit_encryption": null}), json!({}));
        assert!(!diff.touches("transit_encryption"));
    }

    #[test]
    fn what_somebody_put_off_is_told() {
        let pending = sdk::PendingModifiedValues::builder().engine_version("7.1").cache_node_type("cache.m7g.large").build();
        let member = sdk::CacheCluster::builder().pending_modified_values(pending).build();
        let named = status::pending_of_group(&sdk::ReplicationGroup::builder().build(), Some(&member));
        let said = put_off(&named).unwrap();
        assert!(said.starts_with("a change of its version, node type is pending until the maintenance window"), "{said}");
        let none = sdk::CacheCluster::builder().build();
        assert_eq!(put_off(&status::pending_of(&none)), None);
    }
}
