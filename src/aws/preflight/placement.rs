//! What stands in a zone that its subnet group is to lose.

use std::collections::BTreeSet;

use serde_json::Value;

use super::finding::{Finding, fields, listed};
use super::zones;
use crate::aws::Cx;
use crate::aws::{elasticache, rds};

use crate::engine::{Item, Plan, Result};

/// The zones that a subnet group has and is not to have any more.
async fn lost(cx: &Cx, plan: &Plan, item: &Item) -> Result<BTreeSet<String>> {
    let subnets =
        |fields: Option<&Value>| -> Vec<Value> { fields.and_then(|f| f.get("subnets")?.as_array().cloned()).unwrap_or_default() };
    let (before, after) = (subnets(item.before.as_ref().map(|b| &b.fields)), subnets(fields(item)));
    let (before, after): (Vec<&Value>, Vec<&Value>) = (before.iter().collect(), after.iter().collect());
    let (before, after) = tokio::try_join!(zones::of_subnets(cx, plan, &before), zones::of_subnets(cx, plan, &after))?;
    Ok(before.difference(&after).cloned().collect())
}

fn id(item: &Item) -> Option<&str> {
    item.before.as_ref()?.live.get("id")?.as_str()
}

fn refused(item: &Item, what: &str, names: &[String], zone: &str, way: &str) -> Finding {
    let stand = if names.len() == 1 { "stands" } else { "stand" };
    let message =
        format!("{what} {} {stand} in {zone}, which is to be taken away: AWS refuses that (SubnetInUse)", listed(names));
    Finding::refused(&item.key, message, way)
}

/// RDS takes no subnet from a group in whose zone a database of the group stands
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSubnetGroup.html>).
pub(super) async fn databases(cx: &Cx, plan: &Plan, item: &Item) -> Result<Vec<Finding>> {
    let lost = lost(cx, plan, item).await?;
    let Some(group) = id(item).filter(|_| !lost.is_empty()) else { return Ok(Vec::new()) };
    let pages = cx.cloud.rds.describe_db_instances().into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(rds::errors::failed("rds:DescribeDBInstances"))?;
    let ours = all.iter().filter(|db| db.db_subnet_group().and_then(|g| g.db_subnet_group_name()) == Some(group));
    let ours: Vec<_> = ours.collect();
    let found = lost.iter().filter_map(|zone| {
        let here = ours.iter().filter(|db| [db.availability_zone(), db.secondary_availability_zone()].contains(&Some(zone)));
        let names: Vec<String> =
            here.filter_map(|db| db.db_instance_identifier()).map(|name| format!("`{name}`")).collect();
        (!names.is_empty()).then(|| {
            let way = "keep the zone; or begin the database anew in another one from a snapshot, under another name, and remove this one first";
            refused(item, "the database", &names, zone, way)
        })
    });
    Ok(found.collect())
}

/// ElastiCache takes no subnet from a group in which a node of the group stands
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyCacheSubnetGroup.html>).
pub(super) async fn caches(cx: &Cx, plan: &Plan, item: &Item) -> Result<Vec<Finding>> {
    let lost = lost(cx, plan, item).await?;
    let Some(group) = id(item).filter(|_| !lost.is_empty()) else { return Ok(Vec::new()) };
    let pages = cx.cloud.elasticache.describe_cache_clusters().show_cache_node_info(true).into_paginator().items().send();
    let all = pages
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .map_err(elasticache::errors::failed("elasticache:DescribeCacheClusters"))?;
    let ours: Vec<_> = all.iter().filter(|c| c.cache_subnet_group_name() == Some(group)).collect();
    let found = lost.iter().filter_map(|zone| {
        let stands = |c: &&&aws_sdk_elasticache::types::CacheCluster| {
            c.preferred_availability_zone() == Some(zone)
                || c.cache_nodes().iter().any(|node| node.customer_availability_zone() == Some(zone))
        };
        let names: Vec<String> =
            ours.iter().filter(stands).filter_map(|c| c.cache_cluster_id()).map(|name| format!("`{name}`")).collect();
        (!names.is_empty()).then(|| {
            let way =
                "keep the zone; or make the cache anew under another name, in the zones that stay, and remove this one first";
            refused(item, "the cache", &names, zone, way)
        })
    });
    Ok(found.collect())
}
