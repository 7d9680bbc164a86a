//! Containers, in Amazon ECS on Fargate.

mod checks;
mod cluster;
mod connect;
mod container;
mod controls;
mod cost;
mod deployment;
pub mod digests;
pub(in crate::aws) mod errors;
mod failing;
mod fargate;
mod images;
mod service;
mod status;
mod task;
mod task_definition;
pub mod tasks;

pub use cluster::{Cluster, STATES as CLUSTER_STATES, performance};
pub use connect::{Connect, ConnectOffer};
pub use container::{Container, STOP_TIMEOUT};
pub use service::{Capacity, CircuitBreaker, LoadBalancerTarget, STATES as SERVICE_STATES, Service};
pub use status::{Running, running};
pub use task_definition::TaskDefinition;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_ecs::types::{self as sdk, ClusterField, ServiceField, Tag};
use futures::future::try_join_all;

use super::Cx;
use crate::aws::call::answers::present;
use crate::aws::call::rate_limit::{Rates, rate};
use crate::aws::ecs::errors::failed;
use crate::aws::ownership::tags;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::ownership::{names, tag_index};
use crate::aws::wing::{KindRow, ServiceRole, Wing};
use crate::engine::{Claim, Class, Diff, Error, Resource, Result};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["ecs:cluster", "ecs:service"],
    // <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/request-throttling.html>
    rates: &[Rates::of(
        "ECS",
        &[
            (&["DescribeClusters", "ListClusters"], rate(50, 20.0)),
            (&["CreateCluster", "DeleteCluster", "PutClusterCapacityProviders", "UpdateCluster"], rate(20, 1.0)),
            (&["DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"], rate(50, 20.0)),
            (&["RegisterTaskDefinition", "DeregisterTaskDefinition"], rate(20, 1.0)),
            (&["DeleteTaskDefinitions"], rate(5, 1.0)),
            (&["DescribeServices", "ListServices"], rate(100, 20.0)),
            (&["CreateService", "UpdateService", "DeleteService"], rate(50, 5.0)),
            (&["DescribeTasks", "ListTasks"], rate(100, 20.0)),
            (&["RunTask", "StopTask"], rate(100, 40.0)),
            (&["TagResource", "UntagResource"], rate(20, 10.0)),
        ],
    )],
    // <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html>
    roles: &[ServiceRole {
        principal: "ecs.amazonaws.com",
        name: "AWSServiceRoleForECS",
        kinds: &["ecs.cluster", "ecs.service"],
    }],
    checks: checks::of,
    controls: controls::CONTROLS,
    bill: cost::bill,
    ..Wing::of(&[KindRow::of::<Cluster>(), KindRow::of::<TaskDefinition>(), KindRow::of::<Service>()])
};

/// The maximum length of the name of a cluster, a service or a task definition.
const NAME: usize = 255;

/// Returns the error of a request that lacks something.
fn invalid(error: aws_smithy_types::error::operation::BuildError) -> Error {
    Error::new(Class::Invalid, error.to_string())
}

fn tags_of(tags: &[Tag]) -> Tags {
    tags::from_pairs(tags.iter().map(|t| (t.key(), t.value())))
}

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

/// Applies the difference of the tags to `arn`.
async fn retag(cx: &Cx, arn: &str, desired: &Tags, diff: &Diff) -> Result<()> {
    let Some(edit) = TagEdit::of(diff, desired) else { return Ok(()) };
    if !edit.write.is_empty() {
        let call = cx.cloud.ecs.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(&edit.write)));
        call.send().await.map_err(failed("ecs:TagResource"))?;
    }
    if !edit.remove.is_empty() {
        let call = cx.cloud.ecs.untag_resource().resource_arn(arn).set_tag_keys(Some(edit.remove));
        call.send().await.map_err(failed("ecs:UntagResource"))?;
    }
    Ok(())
}

/// Returns the last part of an ARN: the name of a cluster or a service.
fn name_in(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Returns the name of a service in Application Auto Scaling.
fn resource_id(cluster: &str, service: &str) -> String {
    format!("service/{cluster}/{service}")
}

/// Returns the stack's clusters, without deleted ones, which stay listed for a while.
async fn clusters(cx: &Cx) -> Result<Arc<Vec<sdk::Cluster>>> {
    cx.reads
        .once("ecs.clusters", async {
            let arns = match tag_index::of(cx, "ecs").await {
                Some(known) => known.keys().filter(|arn| arn.contains(":cluster/")).cloned().collect(),
                None => {
                    let pages = cx.cloud.ecs.list_clusters().into_paginator().items().send();
                    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ecs:ListClusters"))?;
                    let (prefix, known) = (cx.scope.prefix(), tag_index::candidates(cx).await?);
                    let may_be_ours = |arn: &String| names::begins(&prefix, name_in(arn), NAME) || known.contains_key(arn);
                    all.into_iter().filter(may_be_ours).collect::<Vec<String>>()
                }
            };
            let mut out = Vec::new();
            for arns in arns.chunks(100) {
                let call = cx.cloud.ecs.describe_clusters().set_clusters(Some(arns.to_vec()));
                let call = call.include(ClusterField::Tags).include(ClusterField::Settings).include(ClusterField::Configurations);
                out.extend(call.send().await.map_err(failed("ecs:DescribeClusters"))?.clusters.unwrap_or_default());
            }
            out.retain(|c| c.status() != Some("INACTIVE"));
            Ok(out)
        })
        .await
}

/// Returns whose a cluster is.
fn claim_of(cx: &Cx, cluster: &sdk::Cluster) -> Claim {
    let tags = tags_of(cluster.tags());
    let claim = cx.scope.claim(Cluster::KIND, &tags, false);
    names::claim(cx, claim, &tags, cluster.cluster_name().unwrap_or_default(), NAME)
}

/// Returns whose a service in one of the stack's clusters is. One that is not the stack's is left alone.
fn service_claim(cx: &Cx, service: &sdk::Service, tags: &Tags) -> Claim {
    let name = service.service_name().unwrap_or_default();
    names::marked(cx.scope.claim(Service::KIND, tags, true), |key| {
        names::fit(&cx.scope.prefix(), key, names::generation(tags), NAME) == name
    })
}

/// Returns the services in the stack's clusters: cluster name and ARN.
async fn service_arns(cx: &Cx) -> Result<Arc<Vec<(String, String)>>> {
    cx.reads
        .once("ecs.service_arns", async {
            let active: Vec<String> = clusters(cx)
                .await?
                .iter()
                .filter(|c| c.status() == Some("ACTIVE") && cx.scope.owns(&tags_of(c.tags())))
                .filter_map(|c| c.cluster_name.clone())
                .collect();
            if let Some(known) = tag_index::of(cx, "ecs").await {
                let services = known.keys().filter_map(|arn| {
                    let cluster = arn.split_once(":service/")?.1.split('/').next()?;
                    active.iter().any(|c| c == cluster).then(|| (cluster.to_owned(), arn.clone()))
                });
                return Ok(services.collect());
            }
            let each = try_join_all(active.into_iter().map(|cluster| async move {
                let pages = cx.cloud.ecs.list_services().cluster(&cluster).into_paginator().page_size(100).items().send();
                let arns = pages.collect::<std::result::Result<Vec<_>, _>>().await;
                let arns = present(arns.map_err(failed("ecs:ListServices")))?;
                Ok::<_, crate::engine::Error>(arns.into_iter().map(|arn| (cluster.clone(), arn)).collect::<Vec<_>>())
            }));
            Ok(each.await?.into_iter().flatten().collect())
        })
        .await
}

/// Returns the services in the stack's clusters.
async fn services(cx: &Cx) -> Result<Arc<Vec<sdk::Service>>> {
    cx.reads
        .once("ecs.services", async {
            let mut by_cluster: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (cluster, arn) in service_arns(cx).await?.iter() {
                by_cluster.entry(cluster.clone()).or_default().push(arn.clone());
            }
            // A call takes ten.
            let calls: Vec<(String, Vec<String>)> = by_cluster
                .into_iter()
                .flat_map(|(cluster, arns)| arns.chunks(10).map(|ten| (cluster.clone(), ten.to_vec())).collect::<Vec<_>>())
                .collect();
            let each = try_join_all(calls.into_iter().map(|(cluster, arns)| async move {
                let call = cx.cloud.ecs.describe_services().cluster(cluster).set_services(Some(arns));
                let answer = call.include(ServiceField::Tags).send().await.map_err(failed("ecs:DescribeServices"));
                present(answer.map(|a| a.services.unwrap_or_default()))
            }));
            Ok(each.await?.into_iter().flatten().collect())
        })
        .await
}

/// Returns the name of each service in the stack's clusters in Application Auto Scaling.
pub(super) async fn resource_ids(cx: &Cx) -> Result<Vec<String>> {
    // Which services there are was perhaps taken from the index, and what hangs on them with it.
    if tag_index::of(cx, "ecs").await.is_some() {
        cx.reads.trusted_index("application-autoscaling");
    }
    Ok(service_arns(cx).await?.iter().map(|(cluster, arn)| resource_id(cluster, name_in(arn))).collect())
}

/// Returns whose the objects of each service are: the service's own name for those of the newest service of that name; those of
/// an older one, which is being replaced, are deleted with it.
pub(super) async fn claims(cx: &Cx) -> Result<BTreeMap<String, Claim>> {
    let mut found: Vec<(String, Claim, u32)> = Vec::new();
    let mut newest: BTreeMap<String, u32> = BTreeMap::new();
    for service in services(cx).await?.iter().filter(|s| s.status() == Some("ACTIVE")) {
        let tags = tags_of(service.tags());
        let claim = service_claim(cx, service, &tags);
        let generation = names::generation(&tags);
        if let Claim::Ours(name) = &claim {
            let newest = newest.entry(name.clone()).or_default();
            *newest = generation.max(*newest);
        }
        let cluster = name_in(service.cluster_arn().unwrap_or_default());
        found.push((resource_id(cluster, service.service_name().unwrap_or_default()), claim, generation));
    }
    Ok(found
        .into_iter()
        .map(|(id, claim, generation)| match claim {
            Claim::Ours(name) if newest.get(&name) != Some(&generation) => (id, Claim::Stray),
            other => (id, other),
        })
        .collect())
}
