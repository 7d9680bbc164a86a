use aws_sdk_elasticache::types::{self as sdk, AzMode};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::naming::{self, CLUSTER_ID};
use super::status;
use super::{
    DEFAULT_PARAMETERS, ParameterGroup, SubnetGroup, clusters, parameter_group_of, retag, security_groups_of, subnet_groups,
    tags_of, to_sdk, versions,
};
use crate::aws::call::arguments::{ids, some_ids};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::SecurityGroup;
use crate::aws::elasticache::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::spelling::{How, Spelling};
use crate::aws::states::put_off;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Claim, Class, Diff, Effect, Error, Impact, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

const ENGINE: &str = "memcached";

/// A Memcached cache, whose nodes are independent of each other.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// The version of Memcached, or the start of it: `1.6`. It can only be raised. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// The node type: `cache.t4g.small`. It cannot be changed.
    pub node_type: String,
    /// The number of nodes.
    pub nodes: i32,
    /// Whether new nodes are placed in different zones; existing ones stay where they are. Left out: AWS's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_zone: Option<bool>,
    /// The subnet group of its nodes. It cannot be changed.
    pub subnet_group: Ref<SubnetGroup>,
    /// The security groups, which decide who can connect to it. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<Ref<SecurityGroup>>,
    /// The parameter group; `default` for AWS's own of the version. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_group: Option<Ref<ParameterGroup>>,
    /// The port. It cannot be changed. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Whether clients must use TLS. It cannot be changed. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_encryption: Option<bool>,
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
    /// The configuration endpoint, from which clients learn its nodes, once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
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
    fn of(cluster: &sdk::CacheCluster) -> Option<Live> {
        let endpoint = cluster.configuration_endpoint();
        Some(Live {
            id: cluster.cache_cluster_id.clone()?,
            arn: cluster.arn.clone()?,
            endpoint: endpoint.and_then(|e| e.address.clone()),
            port: endpoint.and_then(|e| e.port).map(|port| port.to_string()),
            never_served: endpoint.is_none() && cluster.cache_cluster_status() == Some("incompatible-network"),
            noticed: put_off(&status::pending_of(cluster)).filter(|_| status::cluster(cluster) == Readiness::Ready),
        })
    }
}

impl Cluster {
    fn from_sdk(cluster: &sdk::CacheCluster, tags: Tags) -> Cluster {
        // What waits for the maintenance window is what it is going to be.
        let pending = cluster.pending_modified_values();
        Cluster {
            engine_version: pending.and_then(|p| p.engine_version.clone()).or(cluster.engine_version.clone()),
            node_type: cluster.cache_node_type.clone().unwrap_or_default(),
            nodes: pending.and_then(|p| p.num_cache_nodes).or(cluster.num_cache_nodes).unwrap_or_default(),
            cross_zone: None,
            subnet_group: Ref::physical(cluster.cache_subnet_group_name().unwrap_or_default()),
            security_groups: security_groups_of(cluster),
            parameter_group: parameter_group_of(cluster),
            port: cluster.configuration_endpoint().and_then(|e| e.port),
            transit_encryption: Some(cluster.transit_encryption_enabled.unwrap_or_default()),
            maintenance_window: cluster.preferred_maintenance_window.clone(),
            auto_minor_upgrade: cluster.auto_minor_version_upgrade,
            tags,
        }
    }

    fn own_parameters(&self) -> Result<Option<String>> {
        let Some(group) = &self.parameter_group else { return Ok(None) };
        Ok(Some(group.id()?.to_owned()).filter(|name| name != DEFAULT_PARAMETERS))
    }

    fn zones(&self) -> Option<AzMode> {
        // One node stands in one zone, whatever is wanted of more.
        let across = self.cross_zone.filter(|_| self.nodes > 1)?;
        Some(if across { AzMode::CrossAz } else { AzMode::SingleAz })
    }

    /// Changes everything that one call can change, and with it the changes that are pending until the maintenance window.
    async fn modify(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<()> {
        let now = look(cx, &live.id).await?.ok_or_else(|| incomplete("elasticache:DescribeCacheClusters", "the cluster"))?;
        let mut call = cx.cloud.elasticache.modify_cache_cluster().cache_cluster_id(&live.id).apply_immediately(true);
        let mut version = now.engine_version.clone().unwrap_or_default();
        if let (true, Some(wanted)) = (diff.touches("engine_version"), &self.engine_version) {
            version = versions::newest(cx, ENGINE, wanted).await?;
            call = call.engine_version(&version);
        }
        if diff.touches("parameter_group") {
            let parameters = match self.own_parameters()? {
                Some(name) => name,
                None => versions::default_parameters(cx, ENGINE, &version).await?,
            };
            call = call.cache_parameter_group_name(parameters);
        }
        if diff.touches("nodes") {
            let mut nodes: Vec<String> = now.cache_nodes().iter().filter_map(|n| n.cache_node_id.clone()).collect();
            nodes.sort();
            let keep = usize::try_from(self.nodes).unwrap_or_default();
            call = call.num_cache_nodes(self.nodes);
            call = match nodes.len() > keep {
                true => call.set_cache_node_ids_to_remove(Some(nodes.split_off(keep))),
                false => call.set_az_mode(self.zones().filter(|_| nodes.len() < keep)),
            };
        }
        if diff.touches("security_groups") {
            call = call.set_security_group_ids(Some(ids(&self.security_groups)?));
        }
        if diff.touches("maintenance_window") {
            call = call.set_preferred_maintenance_window(self.maintenance_window.clone());
        }
        if diff.touches("auto_minor_upgrade") {
            call = call.set_auto_minor_version_upgrade(self.auto_minor_upgrade);
        }
        match call.send().await.map_err(failed("elasticache:ModifyCacheCluster")) {
            // An earlier try removed these nodes, and its answer was lost.
            Err(e)
                if e.class == Class::Invalid
                    && diff.touches("nodes")
                    && !diff.touches_other_than(&["nodes", "tags"])
                    && self.is_counted(cx, live).await? =>
            {
                Ok(())
            }
            answer => answer.map(|_| ()),
        }
    }

    /// Checks whether the cluster has as many nodes as it should, or is about to have them.
    async fn is_counted(&self, cx: &Cx, live: &Live) -> Result<bool> {
        let now = look(cx, &live.id).await?;
        Ok(now.is_some_and(|now| {
            now.pending_modified_values().and_then(|p| p.num_cache_nodes).or(now.num_cache_nodes) == Some(self.nodes)
        }))
    }
}

async fn look(cx: &Cx, id: &str) -> Result<Option<sdk::CacheCluster>> {
    let answer = cx.cloud.elasticache.describe_cache_clusters().cache_cluster_id(id).show_cache_node_info(true).send().await;
    let answer = answer.map_err(failed("elasticache:DescribeCacheClusters"))?;
    Ok(answer.cache_clusters.and_then(|list| list.into_iter().next()))
}

async fn is_leaving(cx: &Cx, id: &str) -> bool {
    matches!(look(cx, id).await, Ok(Some(cluster)) if cluster.cache_cluster_status() == Some("deleting"))
}

/// Checks whether a cluster is in a subnet group of the stack: only the stack's are.
async fn is_inside(cx: &Cx, cluster: &sdk::CacheCluster) -> Result<bool> {
    let Some(name) = cluster.cache_subnet_group_name() else { return Ok(false) };
    let groups = subnet_groups(cx).await?;
    Ok(groups.iter().any(|(group, tags)| group.cache_subnet_group_name() == Some(name) && cx.scope.owns(tags)))
}

async fn observed(cx: &Cx, cluster: &sdk::CacheCluster) -> Result<Option<Observed<Cluster>>> {
    let Some(live) = Live::of(cluster) else { return Ok(None) };
    let (word, mut state) = (cluster.cache_cluster_status().unwrap_or("unknown"), status::cluster(cluster));
    let told = if word == "available" { tags_of(cx, &live.arn).await? } else { None };
    if told.is_none() && state == Readiness::Ready {
        state = Readiness::waiting(word);
    }
    let tags = match told {
        Some(tags) => tags,
        None if is_inside(cx, cluster).await? => naming::implied(cx, Cluster::KIND, &live.id),
        None => Tags::new(),
    };
    let claim = match cx.scope.claim(Cluster::KIND, &tags, false) {
        Claim::Foreign => naming::meaning(&cx.scope.prefix(), &live.id).map_or(Claim::Foreign, |(name, _)| Claim::Taken(name)),
        ours => names::marked(ours, |key| naming::id_of(&cx.scope.prefix(), key, names::generation(&tags)) == live.id),
    };
    Ok(Some(Observed { claim, live, fields: Cluster::from_sdk(cluster, tags), state }))
}

impl Resource for Cluster {
    const KIND: &'static str = "elasticache.cluster";
    const RULES: &'static [Rule] = &[
        Rule::version_prefix("engine_version"),
        Rule::minor_by_itself("engine_version", "auto_minor_upgrade", &[]),
        Rule::immutable("node_type"),
        Rule::create_only("cross_zone"),
        Rule::immutable("subnet_group"),
        Rule::set("security_groups"),
        Rule::immutable("port"),
        Rule::immutable("transit_encryption"),
        Rule::owned("tags"),
        // A wrong guess at these would be a replacement: while it is created AWS does not report them all.
        Rule::when_ready("node_type"),
        Rule::when_ready("subnet_group"),
        Rule::when_ready("port"),
        Rule::when_ready("transit_encryption"),
        Rule::when_ready("tags"),
    ];
    const USUAL: Usual = Usual::secs(300, 240).at_most_hours(5);
    const HOLDS_DATA: bool = true;
    const STEPWISE: bool = true;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = clusters(cx).await?;
        let alone = all.iter().filter(|c| c.replication_group_id().is_none() && c.engine() == Some(ENGINE));
        let found = try_join_all(alone.map(|cluster| observed(cx, cluster))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "elasticache:CreateCacheCluster";
        let id = naming::id(cx, CLUSTER_ID)?;
        let version = match &self.engine_version {
            Some(wanted) => Some(versions::newest(cx, ENGINE, wanted).await?),
            None => None,
        };
        let call = cx.cloud.elasticache.create_cache_cluster().cache_cluster_id(&id).set_tags(Some(to_sdk(&self.tags)));
        let call = call
            .engine(ENGINE)
            .set_engine_version(version)
            .cache_node_type(&self.node_type)
            .num_cache_nodes(self.nodes)
            .set_az_mode(self.zones())
            .cache_subnet_group_name(self.subnet_group.id()?)
            .set_security_group_ids(some_ids(&self.security_groups)?)
            .set_cache_parameter_group_name(self.own_parameters()?)
            .set_port(self.port)
            .set_transit_encryption_enabled(self.transit_encryption)
            .set_preferred_maintenance_window(self.maintenance_window.clone())
            .set_auto_minor_version_upgrade(self.auto_minor_upgrade);
        match call.send().await.map_err(failed(OP)) {
            Ok(answer) => answer.cache_cluster().and_then(Live::of).ok_or_else(|| incomplete(OP, "the cluster's id and ARN")),
            Err(e) if e.class == Class::Exists && is_leaving(cx, &id).await => Err(Error { class: Class::InUse, ..e }),
            Err(e) => Err(e),
        }
    }

    /// Returns the effects of a change. Memcached keeps nothing on disk: its nodes are empty when they restart
    /// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.HowTo.html>).
    fn effects(_desired: &serde_json::Value, _observed: &serde_json::Value, diff: &Diff) -> Vec<Effect> {
        let mut out = Vec::new();
        if diff.forcing().next().is_some() {
            return out;
        }
        if diff.touches("engine_version") {
            out.push(Effect::new(Impact::LosesData, "its nodes restart empty, with the new version").lasting(60, 600));
        }
        let nodes = diff.changes.iter().find(|change| change.path == "nodes");
        let number = |value: &Option<serde_json::Value>| value.as_ref().and_then(serde_json::Value::as_i64);
        if nodes.is_some_and(|change| number(&change.after) < number(&change.before)) {
            out.push(Effect::new(Impact::LosesData, "the data on the removed nodes is lost"));
        }
        if diff.touches("parameter_group") && !diff.touches("engine_version") {
            out.push(Effect::new(
                Impact::Waits,
                "its parameters take effect at the next reboot of its nodes, which empties them",
            ));
        }
        out
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        // Tags are a change like the others: AWS is busy with them for a while.
        if diff.touches_other_than(&["tags"]) {
            self.modify(cx, live, diff).await?;
        } else {
            retag(cx, &live.arn, &self.tags, diff).await?;
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        // Memcached has no snapshots: what was in it is gone.
        let call = cx.cloud.elasticache.delete_cache_cluster().cache_cluster_id(&live.id);
        match call.send().await.map_err(failed("elasticache:DeleteCacheCluster")) {
            Err(e) if e.class == Class::InUse && is_leaving(cx, &live.id).await => Ok(()),
            other => other.map(|_| ()),
        }
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let cluster = look(cx, &live.id).await?;
        Ok(cluster.map_or(Readiness::Gone, |c| status::cluster(&c)))
    }

    async fn settle(cx: &Cx, live: &Live) -> Result<Live> {
        Ok(look(cx, &live.id).await?.as_ref().and_then(Live::of).unwrap_or_else(|| live.clone()))
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        let cluster = look(cx, &live.id).await?;
        Ok(match cluster.as_ref().map(|c| c.cache_cluster_status().unwrap_or("deleting")) {
            None | Some("deleted") => Readiness::Gone,
            Some(status) => Readiness::waiting(status),
        })
    }
}

impl AwsKind for Cluster {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["elasticache:CreateCacheCluster", "elasticache:AddTagsToResource"],
        update: &["elasticache:ModifyCacheCluster", "elasticache:AddTagsToResource", "elasticache:RemoveTagsFromResource"],
        delete: &["elasticache:DeleteCacheCluster"],
    };
    const SPELLING: &'static [Spelling] = &[("maintenance_window", How::Lower), ("node_type", How::Lower)];
    const OUTPUTS: &'static [(&'static str, &'static str)] =
        &[("caches.{name}.endpoint", "endpoint"), ("caches.{name}.port", "port")];
}
