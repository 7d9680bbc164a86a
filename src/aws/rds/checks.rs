//! Checks for what RDS would refuse: classes and versions that it does not offer, data that a database cannot begin with, removed zones that are in use, and too many
//! databases or subscriptions to events.

use super::{BackupReplication, EventSubscription, Instance, SubnetGroup, begin, classes, replication};
use crate::aws::Cx;
use crate::aws::ec2::placement;
use crate::aws::finding::{Finding, is_made, is_new, loses_subnets, of_kind};
use crate::aws::ownership::global::region_of;
use crate::aws::quotas::{Change, HERE, Quota, over, untold};
use crate::aws::rds::errors::failed;
use crate::aws::wing::Check;
use crate::engine::{Action, Item, Plan, Resource, Result};

// <https://docs.aws.amazon.com/general/latest/gr/rds-service.html>.
const DATABASES: Quota = Quota { service: "rds", code: "L-7B6409FD", what: "databases" };
const SUBSCRIPTIONS: Quota = Quota { service: "rds", code: "L-A59F4C87", what: "subscriptions to events of RDS" };
/// What counts against the account's quotas: the kind, what RDS calls the quota
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_AccountQuota.html>), and the quota.
const QUOTAS: [(&str, &str, Quota); 2] =
    [(Instance::KIND, "DBInstances", DATABASES), (EventSubscription::KIND, "EventSubscriptions", SUBSCRIPTIONS)];

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    let new = of_kind(plan, Instance::KIND).filter(|item| is_new(item, &["class", "engine_version", "multi_az"]));
    let begin =
        of_kind(plan, Instance::KIND).filter(|item| item.is_first() && item.desired.as_deref().is_some_and(Instance::begins));
    let groups = of_kind(plan, SubnetGroup::KIND).filter(|item| loses_subnets(item));
    let mut checks: Vec<Check<'_>> = vec![("the quotas of RDS", Box::pin(quotas(cx, plan)))];
    checks.extend(new.map(|item| -> Check<'_> { ("database classes", Box::pin(classes::check(cx, plan, item))) }));
    checks.extend(begin.map(|item| -> Check<'_> { ("the data that databases begin with", Box::pin(begin::check(cx, item))) }));
    checks.extend(groups.map(|item| -> Check<'_> { ("the zones of databases", Box::pin(zones(cx, plan, item))) }));
    let copied = of_kind(plan, BackupReplication::KIND).filter(|item| is_made(item));
    checks.extend(copied.map(|item| -> Check<'_> { ("backups in another region", Box::pin(replication::check(cx, item))) }));
    checks
}

async fn quotas(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let changes = QUOTAS.map(|(kind, name, quota)| (Change::of(of_kind(plan, kind)), name, quota));
    if changes.iter().all(|(change, ..)| change.more == 0) {
        return Ok(Vec::new());
    }
    let answer = cx.cloud.rds.describe_account_attributes().send().await.map_err(failed("rds:DescribeAccountAttributes"))?;
    let mut found = Vec::new();
    for (change, name, quota) in changes.iter().filter(|(change, ..)| change.more > 0) {
        let told = answer.account_quotas().iter().find(|q| q.account_quota_name() == Some(name)).ok_or_else(untold)?;
        let used = usize::try_from(told.used().unwrap_or_default()).unwrap_or_default();
        let most = told.max().and_then(|max| u32::try_from(max).ok()).map_or(f64::INFINITY, f64::from);
        found.extend(over(*quota, HERE, most, used, change));
    }
    Ok(found)
}

/// Returns the checks of what is deleted.
pub(super) fn departures<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    vec![("databases that follow in other regions", Box::pin(async { Ok(followed(cx, plan)) }))]
}

/// Checks for databases that others follow in other regions: AWS would delete them all the same, and those would follow nothing any more
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.XRgn.html>).
fn followed(cx: &Cx, plan: &Plan) -> Vec<Finding> {
    let gone = of_kind(plan, Instance::KIND).filter(|item| matches!(item.action, Action::Delete | Action::Replace));
    let told = gone.filter_map(|item| {
        let follower = item.before.as_ref()?.live.get("followers")?.get(0)?.as_str()?;
        let region = region_of(follower);
        let (stack, env) = (&cx.scope.stack, &cx.scope.env);
        let message = format!("`{follower}` follows it, and would follow nothing any more");
        let help = format!(
            "if that is the standby, `stack destroy --stack {stack} --env {env} --region {region}` deletes it first; else delete or promote it"
        );
        Some(Finding::refused(&item.key, message, help))
    });
    told.collect()
}

/// Checks for removed zones that are in use: RDS removes no subnet from a group while a database of the group is in its zone
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSubnetGroup.html>).
async fn zones(cx: &Cx, plan: &Plan, item: &Item) -> Result<Vec<Finding>> {
    let lost = placement::lost(cx, plan, item).await?;
    let Some(group) = placement::id(item).filter(|_| !lost.is_empty()) else { return Ok(Vec::new()) };
    let pages = cx.cloud.rds.describe_db_instances().into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("rds:DescribeDBInstances"))?;
    let ours = all.iter().filter(|db| db.db_subnet_group().and_then(|g| g.db_subnet_group_name()) == Some(group));
    let ours: Vec<_> = ours.collect();
    let found = lost.iter().filter_map(|zone| {
        let here = ours.iter().filter(|db| [db.availability_zone(), db.secondary_availability_zone()].contains(&Some(zone)));
        let names: Vec<String> =
            here.filter_map(|db| db.db_instance_identifier()).map(|name| format!("`{name}`")).collect();
        (!names.is_empty()).then(|| {
            let way = "keep the zone; or restore the database from a snapshot in another zone, under another name, and remove this one first";
            placement::refused(item, "the database", &names, zone, way)
        })
    });
    Ok(found.collect())
}
