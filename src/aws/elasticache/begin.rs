//! Whether a new cache can begin with the data that it names: asked before anything is created. A snapshot is restored into its engine,
//! or from Redis into Valkey, and into no older version
//! (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups-restoring.html>).

use aws_sdk_elasticache::types as sdk;
use serde_json::{Map, Value, json};

use super::replication_group::{Begin, ReplicationGroup};
use super::snapshots::{find_group, look};
use super::{snapshot, tags_of};
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::elasticache::errors::failed;
use crate::aws::finding::Finding;
use crate::aws::ownership::tags::source;
use crate::engine::{Ids, Item, Resource, Result, diff};

/// What a cache is to begin with.
struct Data {
    engine: Option<String>,
    version: Option<String>,
    shards: usize,
    /// Whether it has cluster mode enabled, as far as AWS says it.
    clustered: bool,
}

/// Checks whether the data exists, can be copied, and is of such a cache.
pub(super) async fn check(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let Some(desired) = &item.desired else { return Ok(Vec::new()) };
    let Ok(begin) = serde_json::from_value::<Begin>(desired["begin"].clone()) else { return Ok(Vec::new()) };
    let refused = |message: String, help: &str| Ok(vec![Finding::refused(&item.key, message, help)]);
    let (what, status, data) = match &begin {
        Begin::Snapshot(name) => {
            let what = format!("the snapshot `{name}`");
            let Some(found) = look(cx, name).await? else {
                let help = "name one that ElastiCache lists for this account and region";
                return refused(format!("{what} that it is to begin with does not exist"), help);
            };
            (what, found.snapshot_status().unwrap_or("unknown").to_owned(), of_snapshot(&found))
        }
        Begin::Cache(id) => {
            let what = format!("the cache `{id}`");
            match (present(find_group(cx, id).await)?, taken(cx, item, &begin).await?) {
                (_, Some(taken)) => (what, "available".to_owned(), of_snapshot(&taken)),
                (Some(found), None) => {
                    // One after the other: a snapshot that someone takes ends.
                    let status = found.status().unwrap_or("unknown").replace("snapshotting", "available");
                    (what, status, of_group(cx, &found).await?)
                }
                (None, None) => {
                    let help = "name a Valkey or Redis cache that ElastiCache lists for this account and region, or begin with a snapshot";
                    return refused(format!("{what} that it is to begin with does not exist"), help);
                }
            }
        }
    };
    if status != "available" {
        return refused(format!("{what} is `{status}`"), "wait until it is `available`, or name another one");
    }
    if data.clustered {
        let help = "name one with cluster mode disabled, as the caches of a stack are";
        return refused(format!("{what} has cluster mode enabled"), help);
    }
    if data.shards > 1 {
        let help = "name one with a single shard";
        return refused(format!("{what} has {} shards, and the cache has one", data.shards), help);
    }
    Ok(differences(item, desired, &what, &data))
}

/// Returns the snapshot that an earlier run took.
async fn taken(cx: &Cx, item: &Item, begin: &Begin) -> Result<Option<sdk::Snapshot>> {
    let name = snapshot::name(&cx.at(&item.key, item.generation));
    let Some(found) = look(cx, &name).await? else { return Ok(None) };
    let tags = tags_of(cx, found.arn().unwrap_or_default()).await?;
    Ok(Some(found).filter(|_| tags.is_some_and(|tags| source(&tags) == Some(&begin.to_string()))))
}

fn of_snapshot(snapshot: &sdk::Snapshot) -> Data {
    let shards = snapshot.num_node_groups().and_then(|shards| usize::try_from(shards).ok());
    Data {
        engine: snapshot.engine.clone(),
        version: snapshot.engine_version.clone(),
        shards: shards.unwrap_or(1),
        clustered: false,
    }
}

/// A group knows its engine, and its members their version.
async fn of_group(cx: &Cx, group: &sdk::ReplicationGroup) -> Result<Data> {
    let answer = cx.cloud.elasticache.describe_cache_clusters().set_cache_cluster_id(group.member_clusters().first().cloned());
    let answer = answer.send().await.map_err(failed("elasticache:DescribeCacheClusters"))?;
    let member = answer.cache_clusters.and_then(|all| all.into_iter().next());
    let (engine, version) = member.map_or((None, None), |member| (member.engine, member.engine_version));
    Ok(Data { engine, version, shards: group.node_groups().len(), clustered: group.cluster_enabled() == Some(true) })
}

/// Returns what the file says otherwise than the data, by the rules of the comparison.
fn differences(item: &Item, desired: &Value, what: &str, data: &Data) -> Vec<Finding> {
    let fields = |engine: &Value, version: &Value| {
        let known = [("engine", engine), ("engine_version", version)].into_iter().filter(|(_, value)| !value.is_null());
        Value::Object(known.map(|(field, value)| (field.to_owned(), value.clone())).collect::<Map<_, _>>())
    };
    let wanted = fields(&desired["engine"], &desired["engine_version"]);
    let differs = diff(ReplicationGroup::RULES, &wanted, &fields(&json!(data.engine), &json!(data.version)), &Ids::default());
    let told = differs.changes.iter().filter(|change| change.forces_replacement || change.impossible.is_some());
    told.map(|change| {
        let shown = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let (field, is, wanted) = (&change.path, shown(&change.before), shown(&change.after));
        let message = format!("{what} has the `{field}` `{is}`, and the file says `{wanted}`");
        Finding::refused(
            &item.key,
            message,
            "a cache begins with data of its engine, or of Redis for Valkey, and of no newer version",
        )
    })
    .collect()
}
