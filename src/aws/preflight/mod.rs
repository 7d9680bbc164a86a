//! What AWS would refuse in the middle of a plan, asked before it begins: permissions, quotas, classes, versions, images.
//!
//! Every check asks about what the plan makes and nothing else, all of them at once, and none for long. What cannot be found
//! out is said to be unknown; it never stops anybody.

mod actions;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ecr::types::ImageIdentifier;
use aws_sdk_iam::types::PolicyEvaluationDecisionType as Decision;
use futures::future::{BoxFuture, join_all};
use serde_json::Value;

use super::Cx;
use super::error::failed;
use crate::engine::{Action, Class, Error, Item, Key, Plan, Result};

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// How many actions one simulation is asked about.
const ACTIONS_AT_ONCE: usize = 100;

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// AWS will refuse it.
    Refused,
    /// AWS may refuse it.
    Doubtful,
    /// It could not be found out.
    Unknown,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How sure it is.
    pub certainty: Certainty,
    /// The object.
    pub key: Option<Key>,
    /// What it is, in a sentence.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Finding {
    fn refused(key: &Key, message: String, help: impl Into<String>) -> Finding {
        Finding { certainty: Certainty::Refused, key: Some(key.clone()), message, help: Some(help.into()) }
    }
}

/// Asks about everything that a plan makes. `who` is the identity that will do it.
pub async fn check(cx: &Cx, who: &str, plan: &Plan) -> Vec<Finding> {
    let mut checks: Vec<(&str, BoxFuture<'_, Result<Vec<Finding>>>)> = vec![
        ("permissions", Box::pin(permissions(cx, who, plan))),
        ("the quota of addresses", Box::pin(addresses(cx, plan))),
        ("the quota of load balancers", Box::pin(balancers(cx, plan))),
        ("the quota of databases", Box::pin(database_quota(cx, plan))),
    ];
    for item in made(plan) {
        match item.key.kind.as_str() {
            "rds.instance" => checks.push(("database classes", Box::pin(database(cx, item)))),
            "elasticache.replication_group" | "elasticache.cluster" => checks.push(("cache versions", Box::pin(cache(cx, item)))),
            "ecs.task_definition" => checks.push(("images", Box::pin(images(cx, item)))),
            _ => {}
        }
    }
    let found = join_all(checks.into_iter().map(|(what, check)| async move {
        match tokio::time::timeout(PATIENCE, check).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => vec![unknown(what, &error.to_string())],
            Err(_) => vec![unknown(what, "AWS did not answer in time")],
        }
    }));
    let mut found: Vec<Finding> = found.await.into_iter().flatten().collect();
    found.sort_by(|a, b| (a.certainty, &a.key, &a.message).cmp(&(b.certainty, &b.key, &b.message)));
    found.dedup();
    found
}

fn unknown(what: &str, why: &str) -> Finding {
    Finding { certainty: Certainty::Unknown, key: None, message: format!("{what} could not be checked: {why}"), help: None }
}

/// What the plan makes anew.
fn made(plan: &Plan) -> impl Iterator<Item = &Item> {
    plan.items.iter().filter(|item| matches!(item.action, Action::Create | Action::Replace))
}

fn count(plan: &Plan, kind: &str) -> usize {
    made(plan).filter(|item| item.key.kind == kind).count()
}

fn field<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.desired.as_ref()?.get(name)?.as_str()
}

/// Whether `version` is `wanted` or one of it: `16.4` is a `16`.
fn is_of(version: &str, wanted: &str) -> bool {
    version.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Asks IAM whether the identity may do what the plan needs
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>). The simulation knows neither
/// the objects nor the conditions of the calls to come: only what is denied outright is certain.
async fn permissions(cx: &Cx, who: &str, plan: &Plan) -> Result<Vec<Finding>> {
    let wanted: BTreeSet<&str> = plan.changes().flat_map(|item| actions::of(&item.key.kind, item.action)).copied().collect();
    let resource = who.splitn(6, ':').nth(5).unwrap_or_default();
    let principal = match resource.split('/').collect::<Vec<_>>()[..] {
        // The account itself may do everything.
        ["root"] => return Ok(Vec::new()),
        ["assumed-role", role, ..] => {
            let answer = cx.cloud.iam.get_role().role_name(role).send().await.map_err(failed("iam:GetRole"))?;
            answer.role.map(|role| role.arn).unwrap_or_default()
        }
        ["user", ..] => who.to_owned(),
        _ => return Err(Error::new(Class::Other, format!("`{who}` is neither a user nor a role"))),
    };
    let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
    let mut found = Vec::new();
    for actions in wanted.chunks(ACTIONS_AT_ONCE) {
        let call =
            cx.cloud.iam.simulate_principal_policy().policy_source_arn(&principal).set_action_names(Some(actions.to_vec()));
        let pages = call.into_paginator().items().send();
        let results = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:SimulatePrincipalPolicy"))?;
        for result in results {
            let action = result.eval_action_name();
            let (certainty, how) = match result.eval_decision() {
                Decision::ExplicitDeny => (Certainty::Refused, "denied to"),
                Decision::ImplicitDeny => (Certainty::Doubtful, "perhaps not allowed to"),
                _ => continue,
            };
            let message = format!("`{action}` is {how} {who}");
            found.push(Finding {
                certainty,
                key: None,
                message,
                help: Some(format!("allow `{action}` to it, on the stack's objects")),
            });
        }
    }
    // Where nothing is allowed on `*`, the policy may well allow it on the stack's own objects: one line says so.
    let doubtful = found.iter().filter(|f| f.certainty == Certainty::Doubtful).count();
    if doubtful > 3 {
        found.retain(|f| f.certainty != Certainty::Doubtful);
        found.push(Finding {
            certainty: Certainty::Doubtful,
            key: None,
            message: format!("{doubtful} actions that the plan needs are not allowed to {who} on every object; whether on the stack's own, IAM does not tell beforehand"),
            help: None,
        });
    }
    Ok(found)
}

/// A quota that is used up by what the plan makes.
fn over(kind: &str, what: &str, quota: i64, used: usize, more: usize) -> Vec<Finding> {
    if i64::try_from(used + more).is_ok_and(|all| all <= quota) {
        return Vec::new();
    }
    let message = format!("the plan makes {more} {what}, {used} are there, and the account's quota in this region is {quota}");
    let finding = Finding {
        certainty: Certainty::Refused,
        key: None,
        message,
        help: Some(format!("ask for a higher quota in the Service Quotas console, or release what is not needed (`{kind}`)")),
    };
    vec![finding]
}

async fn addresses(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    const ATTRIBUTE: &str = "vpc-max-elastic-ips";
    let more = count(plan, "ec2.address");
    if more == 0 {
        return Ok(Vec::new());
    }
    let quota = async {
        let call = cx.cloud.ec2.describe_account_attributes().attribute_names(ATTRIBUTE.into());
        call.send().await.map_err(failed("ec2:DescribeAccountAttributes"))
    };
    let used = async { cx.cloud.ec2.describe_addresses().send().await.map_err(failed("ec2:DescribeAddresses")) };
    let (quota, used) = tokio::try_join!(quota, used)?;
    let told = quota.account_attributes().iter().find(|a| a.attribute_name() == Some(ATTRIBUTE));
    let quota = told.and_then(|a| a.attribute_values().first()?.attribute_value()?.parse().ok());
    let quota = quota.ok_or_else(|| Error::new(Class::Other, "AWS does not tell it"))?;
    Ok(over("ec2.address", "elastic IP addresses", quota, used.addresses().len(), more))
}

async fn balancers(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let more = count(plan, "elbv2.load_balancer");
    if more == 0 {
        return Ok(Vec::new());
    }
    let limits = async { cx.cloud.elbv2.describe_account_limits().send().await.map_err(failed("elbv2:DescribeAccountLimits")) };
    let used = async {
        let pages = cx.cloud.elbv2.describe_load_balancers().into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("elbv2:DescribeLoadBalancers"))
    };
    let (limits, used) = tokio::try_join!(limits, used)?;
    let told = limits.limits().iter().find(|l| l.name() == Some("application-load-balancers"));
    let quota = told.and_then(|l| l.max()?.parse().ok()).ok_or_else(|| Error::new(Class::Other, "AWS does not tell it"))?;
    let used = used.iter().filter(|b| b.r#type().is_some_and(|t| t.as_str() == "application")).count();
    Ok(over("elbv2.load_balancer", "application load balancers", quota, used, more))
}

async fn database_quota(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let more = count(plan, "rds.instance");
    if more == 0 {
        return Ok(Vec::new());
    }
    let answer = cx.cloud.rds.describe_account_attributes().send().await.map_err(failed("rds:DescribeAccountAttributes"))?;
    let quota = answer.account_quotas().iter().find(|q| q.account_quota_name() == Some("DBInstances"));
    let quota = quota.ok_or_else(|| Error::new(Class::Other, "AWS does not tell it"))?;
    let used = usize::try_from(quota.used().unwrap_or_default()).unwrap_or_default();
    Ok(over("rds.instance", "databases", quota.max().unwrap_or(i64::MAX), used, more))
}

/// Whether RDS has an engine of that version on that class, over two zones where that is wanted.
async fn database(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    // A replica is what its source is.
    let (Some(engine), Some(class)) = (field(item, "engine"), field(item, "class")) else { return Ok(Vec::new()) };
    let call = cx.cloud.rds.describe_orderable_db_instance_options().engine(engine).db_instance_class(class).vpc(true);
    let pages = call.into_paginator().items().send();
    let options = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    let options = options.map_err(failed("rds:DescribeOrderableDBInstanceOptions"))?;
    let region = &cx.scope.region;
    let list =
        format!("`aws rds describe-orderable-db-instance-options --engine {engine} --region {region}` lists what there is");
    if options.is_empty() {
        return Ok(vec![Finding::refused(&item.key, format!("{region} has no `{class}` for {engine}"), list)]);
    }
    let wanted = field(item, "engine_version").unwrap_or_default();
    let of_version: Vec<_> =
        options.iter().filter(|o| wanted.is_empty() || is_of(o.engine_version().unwrap_or_default(), wanted)).collect();
    if of_version.is_empty() {
        let mut there: Vec<&str> = options.iter().filter_map(|o| o.engine_version()).collect();
        there.dedup();
        let message = format!("{region} has no {engine} {wanted} on `{class}`; there are {}", there.join(", "));
        return Ok(vec![Finding::refused(&item.key, message, list)]);
    }
    let over_zones = item.desired.as_ref().and_then(|d| d.get("multi_az")).and_then(Value::as_bool) == Some(true);
    if over_zones && !of_version.iter().any(|o| o.multi_az_capable() == Some(true)) {
        let message = format!("{region} has no {engine} {wanted} on `{class}` with a standby in another zone");
        return Ok(vec![Finding::refused(&item.key, message, list)]);
    }
    Ok(Vec::new())
}

/// Whether ElastiCache has an engine of that version.
async fn cache(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let engine = field(item, "engine").unwrap_or("memcached");
    let Some(wanted) = field(item, "engine_version") else { return Ok(Vec::new()) };
    let pages = cx.cloud.elasticache.describe_cache_engine_versions().engine(engine).into_paginator().items().send();
    let versions = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    let versions = versions.map_err(failed("elasticache:DescribeCacheEngineVersions"))?;
    let there: Vec<&str> = versions.iter().filter_map(|v| v.engine_version()).collect();
    if there.iter().any(|version| is_of(version, wanted)) {
        return Ok(Vec::new());
    }
    let message = format!("ElastiCache has no {engine} {wanted} in {}; there are {}", cx.scope.region, there.join(", "));
    Ok(vec![Finding::refused(&item.key, message, "choose one of these")])
}

/// An image in a registry of AWS's: account, region, repository, and tag or digest.
fn in_registry(image: &str) -> Option<(&str, &str, &str, ImageIdentifier)> {
    let (host, path) = image.split_once('/')?;
    let (account, rest) = host.split_once(".dkr.ecr.")?;
    let region = rest.split_once(".amazonaws.com")?.0;
    let id = ImageIdentifier::builder();
    Some(match (path.split_once('@'), path.split_once(':')) {
        (Some((repository, digest)), _) => {
            (account, region, repository.split(':').next().unwrap_or(repository), id.image_digest(digest).build())
        }
        (None, Some((repository, tag))) => (account, region, repository, id.image_tag(tag).build()),
        (None, None) => (account, region, path, id.image_tag("latest").build()),
    })
}

/// Whether the images in the account's own registry are there. Of others nobody can be asked with these credentials.
async fn images(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let containers = item.desired.as_ref().and_then(|d| d.get("containers")).and_then(Value::as_array);
    let images: BTreeSet<&str> = containers.into_iter().flatten().filter_map(|c| c.get("image")?.as_str()).collect();
    let mut found = Vec::new();
    for image in images {
        let Some((account, region, repository, id)) = in_registry(image) else { continue };
        if (account, region) != (cx.scope.account.as_str(), cx.scope.region.as_str()) {
            continue;
        }
        let call = cx.cloud.ecr.describe_images().repository_name(repository).image_ids(id);
        match call.send().await.map_err(failed("ecr:DescribeImages")) {
            Ok(_) => {}
            Err(e) if e.class == Class::NotFound => {
                let what = if e.is("RepositoryNotFoundException") { "there is no repository" } else { "there is no image" };
                found.push(Finding::refused(&item.key, format!("{what} `{image}`"), "push it first, or mend its name"));
            }
            Err(e) => return Err(e),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_our_registry_are_told_from_others() {
        let image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/web:1.2";
        let (account, region, repository, id) = in_registry(image).unwrap();
        assert_eq!((account, region, repository, id.image_tag()), ("123456789012", "eu-central-1", "team/web", Some("1.2")));
        let (_, _, repository, id) = in_registry("1.dkr.ecr.r.amazonaws.com/web:1@sha256:ab").unwrap();
        assert_eq!((repository, id.image_digest()), ("web", Some("sha256:ab")));
        assert!(in_registry("public.ecr.aws/nginx/nginx:1.27").is_none() && in_registry("nginx").is_none());
    }

    #[test]
    fn a_version_is_of_its_prefix() {
        assert!(is_of("16.4", "16") && is_of("16.4", "16.4") && !is_of("160.1", "16") && !is_of("16", "16.4"));
    }
}
