//! Databases, in Amazon RDS.

mod begin;
mod carry;
mod checks;
mod classes;
mod controls;
mod cost;
mod database;
pub(in crate::aws) mod errors;
mod event_subscription;
pub mod frozen;
mod instance;
mod interim;
mod later;
mod named;
pub mod newest;
mod parameter_group;
pub mod passing;
pub mod replicated;
mod replication;
mod snapshot;
mod snapshots;
mod status;
mod subnet_group;
pub mod switch;
pub mod window;

pub use database::Database;
pub use event_subscription::{EventSubscription, GROUPS, INSTANCES};
pub use instance::{Begin, Instance, log_group};
pub use interim::Interim;
pub use named::is_elsewhere;
pub use parameter_group::ParameterGroup;
pub use replication::BackupReplication;
pub use snapshot::Snapshot;
pub use status::STATES;
pub use subnet_group::SubnetGroup;

use std::sync::Arc;

use aws_sdk_rds::types::{self as sdk, Tag};
use serde::{Deserialize, Serialize};

use super::Cx;
use crate::aws::call::answers::present;
use crate::aws::call::rate_limit::{Rates, rate};
use crate::aws::ownership::tags;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::ownership::{names, tag_index};
use crate::aws::rds::errors::failed;
use crate::aws::wing::{KindRow, ServiceRole, Wing};
use crate::engine::{Blocker, Diff, Result};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["rds"],
    // <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-api-throttling.html>
    rates: &[Rates { together: Some(rate(300, 12.0)), ..Rates::of("RDS", &[]) }],
    // <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAM.ServiceLinkedRoles.html>
    roles: &[ServiceRole { principal: "rds.amazonaws.com", name: "AWSServiceRoleForRDS", kinds: &["rds.instance"] }],
    checks: checks::of,
    departures: checks::departures,
    controls: controls::CONTROLS,
    later: later::LATER,
    bill: cost::bill,
    ..Wing::of(&[
        KindRow::of::<SubnetGroup>(),
        KindRow::of::<ParameterGroup>(),
        KindRow::of::<Instance>(),
        KindRow::of::<Snapshot>(),
        KindRow::of::<Interim>(),
        KindRow::of::<EventSubscription>(),
        KindRow::of::<BackupReplication>(),
    ])
};

/// The maximum length of the names of instances. Those of the groups may be longer, but have the same limit here.
pub const NAME: usize = 63;

/// What the names of the databases begin with that AWS Backup creates to test whether a backup can be restored: no test can choose another
/// one (<https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing-inferred-metadata.html>).
const TESTED: &str = "awsbackup-restore-test";

/// Checks whether AWS Backup created a database for a restore test. It can have the tags of the database that its backup is of; it is
/// deleted by AWS Backup when its time is over.
fn is_tested(instance: &sdk::DbInstance) -> bool {
    instance.db_instance_identifier().is_some_and(|id| id.starts_with(TESTED))
}

/// The attributes of subnet groups and parameter groups.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

fn from_sdk(tags: &[Tag]) -> Tags {
    tags::from_pairs(tags.iter().map(|t| (t.key(), t.value())))
}

/// Returns the tags of the object with this ARN; none when it has just been deleted.
async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    if let Some(known) = tag_index::tags(cx, "rds", arn).await {
        return Ok(known);
    }
    let answer = cx.cloud.rds.list_tags_for_resource().resource_name(arn).send().await;
    let tags = present(answer.map_err(failed("rds:ListTagsForResource")).map(|a| a.tag_list.unwrap_or_default()))?;
    Ok(from_sdk(&tags))
}

/// Applies the difference of the tags to `arn`.
async fn retag(cx: &Cx, arn: &str, desired: &Tags, diff: &Diff) -> Result<()> {
    let Some(edit) = TagEdit::of(diff, desired) else { return Ok(()) };
    if !edit.write.is_empty() {
        let call = cx.cloud.rds.add_tags_to_resource().resource_name(arn).set_tags(Some(to_sdk(&edit.write)));
        call.send().await.map_err(failed("rds:AddTagsToResource"))?;
    }
    if !edit.remove.is_empty() {
        let call = cx.cloud.rds.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(edit.remove));
        call.send().await.map_err(failed("rds:RemoveTagsFromResource"))?;
    }
    Ok(())
}

/// Returns the secrets whose passwords the stack's databases have: their ARNs.
pub(super) async fn passwords(cx: &Cx) -> Result<Vec<String>> {
    let all = instances(cx).await?;
    let ours = all.iter().filter(|i| cx.scope.owns(&from_sdk(i.tag_list())));
    Ok(ours.filter_map(instance::told).map(|(arn, _)| arn).collect())
}

/// Returns an instance as a blocker of another deletion.
fn of_instance(cx: &Cx, what: &str, instance: &sdk::DbInstance) -> Blocker {
    let (id, status) = (instance.db_instance_identifier().unwrap_or_default(), instance.db_instance_status());
    let whose = if is_tested(instance) { " of a restore test, which AWS Backup deletes when its time is over" } else { "" };
    Blocker {
        what: format!("{what} `{id}` ({}){whose}", status.unwrap_or("unknown")),
        passing: cx.scope.owns(&from_sdk(instance.tag_list())) && !is_tested(instance) || status == Some("deleting"),
    }
}

/// Returns the databases of the account that use something, as blockers of its deletion.
async fn users(cx: &Cx, use_it: impl Fn(&sdk::DbInstance) -> bool + Send) -> Result<Vec<Blocker>> {
    let pages = cx.cloud.rds.describe_db_instances().into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("rds:DescribeDBInstances"))?;
    Ok(all.iter().filter(|db| use_it(db)).map(|db| of_instance(cx, "the database", db)).collect())
}

/// Returns the secrets in which RDS keeps the passwords of the stack's databases: their ARNs.
pub(super) async fn managed_secrets(cx: &Cx) -> Result<Vec<String>> {
    let all = instances(cx).await?;
    let ours = all.iter().filter(|i| cx.scope.owns(&from_sdk(i.tag_list())));
    Ok(ours.filter_map(|i| i.master_user_secret()?.secret_arn.clone()).collect())
}

/// Returns the instance with this identifier in a region.
async fn instance(cx: &Cx, id: &str, region: &str) -> Result<Option<sdk::DbInstance>> {
    let answer = cx.cloud.rds_in(region).describe_db_instances().db_instance_identifier(id).send().await;
    let found = present(answer.map(|a| a.db_instances.unwrap_or_default()).map_err(failed("rds:DescribeDBInstances")))?;
    Ok(found.into_iter().next())
}

/// Returns the instances with names like the stack's; their tags come with them.
async fn instances(cx: &Cx) -> Result<Arc<Vec<sdk::DbInstance>>> {
    cx.reads
        .once("rds.instances", async {
            let pages = cx.cloud.rds.describe_db_instances().into_paginator().items().send();
            let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("rds:DescribeDBInstances"))?;
            let prefix = cx.scope.prefix();
            Ok(all
                .into_iter()
                .filter(|i| {
                    let like_ours = i.db_instance_identifier().is_some_and(|id| names::begins(&prefix, id, NAME));
                    (like_ours || cx.scope.owns(&from_sdk(i.tag_list()))) && !is_tested(i)
                })
                .collect())
        })
        .await
}
