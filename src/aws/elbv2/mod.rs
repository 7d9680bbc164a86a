//! Load balancing, in Elastic Load Balancing v2.

mod action;
mod checks;
mod controls;
mod cost;
pub(in crate::aws) mod errors;
mod listener;
mod load_balancer;
mod rule;
mod target_group;

pub use action::{Action, FixedResponse, Redirect};
pub use listener::Listener;
pub use load_balancer::{LoadBalancer, STATES as LOAD_BALANCER_STATES};
pub use rule::ListenerRule;
pub use target_group::{HealthCheck, TargetGroup};

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aws_sdk_elasticloadbalancingv2::types::{self as sdk, Tag};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::Cx;
use crate::aws::call::answers::present;
use crate::aws::call::rate_limit::{Rates, rate};
use crate::aws::elbv2::errors::failed;
use crate::aws::ownership::tags;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::ownership::{names, tag_index};
use crate::aws::spelling::How;
use crate::aws::wing::{KindRow, ServiceRole, Wing};
use crate::engine::{Blocker, Claim, Class, Diff, Resource, Result};

/// The protocols of listeners and targets.
const PROTOCOL: How = How::Word(&["HTTP", "HTTPS"]);
/// What can be done with a request.
const ACTION: How = How::Word(&["forward", "redirect", "fixed-response"]);
/// The protocols of redirects.
const REDIRECT: How = How::Word(&["HTTP", "HTTPS", "#{protocol}"]);
/// The status codes of redirects.
const STATUS: How = How::Word(&["HTTP_301", "HTTP_302"]);

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["elasticloadbalancing"],
    // <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html>. What reads shares a bucket as large as
    // that of all together.
    rates: &[Rates {
        together: Some(rate(40, 10.0)),
        ..Rates::of(
            "Elastic Load Balancing v2",
            &[
                (&["CreateLoadBalancer", "SetSubnets"], rate(10, 0.2)),
                (
                    &[
                        "AddTags",
                        "RemoveTags",
                        "CreateListener",
                        "CreateRule",
                        "CreateTargetGroup",
                        "DeleteListener",
                        "DeleteLoadBalancer",
                        "DeleteRule",
                        "DeleteTargetGroup",
                        "ModifyListener",
                        "ModifyLoadBalancerAttributes",
                        "ModifyRule",
                        "ModifyTargetGroup",
                        "ModifyTargetGroupAttributes",
                        "SetRulePriorities",
                        "SetSecurityGroups",
                    ],
                    rate(20, 3.0),
                ),
            ],
        )
    }],
    // <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-service-linked-roles.html>
    roles: &[ServiceRole {
        principal: "elasticloadbalancing.amazonaws.com",
        name: "AWSServiceRoleForElasticLoadBalancing",
        kinds: &["elbv2.load_balancer"],
    }],
    checks: checks::of,
    controls: controls::CONTROLS,
    bill: cost::bill,
    ..Wing::of(&[
        KindRow::of::<LoadBalancer>(),
        KindRow::of::<TargetGroup>(),
        KindRow::of::<Listener>(),
        KindRow::of::<ListenerRule>(),
    ])
};

/// The maximum length of the name of a load balancer or a target group.
const NAME: usize = 32;
/// The maximum number of ARNs of one DescribeTags.
const TAGS_AT_ONCE: usize = 20;
/// Up to this many load balancers with names like the stack's are read in full before it is known whose they are: that saves a
/// round trip, and they nearly always are the stack's.
const FEW: usize = 4;

/// The ARN of a listener or a rule.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Arn {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

impl Arn {
    fn new(arn: impl Into<String>) -> Self {
        let arn = arn.into();
        Arn { id: arn.clone(), arn }
    }
}

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

/// Applies the difference of the tags to `arn`.
async fn retag(cx: &Cx, arn: &str, desired: &Tags, diff: &Diff) -> Result<()> {
    let Some(edit) = TagEdit::of(diff, desired) else { return Ok(()) };
    if !edit.write.is_empty() {
        let call = cx.cloud.elbv2.add_tags().resource_arns(arn).set_tags(Some(to_sdk(&edit.write)));
        call.send().await.map_err(failed("elbv2:AddTags"))?;
    }
    if !edit.remove.is_empty() {
        let call = cx.cloud.elbv2.remove_tags().resource_arns(arn).set_tag_keys(Some(edit.remove));
        call.send().await.map_err(failed("elbv2:RemoveTags"))?;
    }
    Ok(())
}

/// Returns whose an object inside a listener or a load balancer of the stack is: one without tags was added by hand, unless the
/// load balancer is the stack's only by its tags.
fn claim_inside(cx: &Cx, kind: &str, tags: &Tags, marked: bool) -> Claim {
    match cx.scope.claim(kind, tags, true) {
        claim if !marked => claim.unmarked(),
        Claim::Adoptable => Claim::Stray,
        other => other,
    }
}

/// Returns whose a load balancer is.
fn balancer_claim(cx: &Cx, balancer: &sdk::LoadBalancer, tags: &Tags) -> Claim {
    let claim = cx.scope.claim(LoadBalancer::KIND, tags, false);
    names::claim(cx, claim, tags, balancer.load_balancer_name().unwrap_or_default(), NAME)
}

/// Returns whose a rule is in a load balancer that is not the stack's: its tags say it, and that it leads to the stack's own
/// targets is the second mark.
fn claim_outside(cx: &Cx, tags: &Tags, targets: &[&str], groups: &HashSet<String>) -> Claim {
    let claim = cx.scope.claim(ListenerRule::KIND, tags, false);
    let leads_here = !targets.is_empty() && targets.iter().all(|arn| groups.contains(*arn));
    if leads_here { claim } else { claim.unmarked() }
}

/// Returns the ARNs of the target groups that are the stack's by their tags and their names.
async fn marked_groups(cx: &Cx) -> Result<HashSet<String>> {
    let (groups, tags) = (target_groups(cx).await?, outer_tags(cx).await?);
    let marked = |group: &&sdk::TargetGroup| {
        let Some(tags) = group.target_group_arn().and_then(|arn| tags.get(arn)) else { return false };
        let claim = cx.scope.claim(TargetGroup::KIND, tags, false);
        matches!(names::claim(cx, claim, tags, group.target_group_name().unwrap_or_default(), NAME), Claim::Ours(_))
    };
    Ok(groups.iter().filter(marked).filter_map(|g| g.target_group_arn.clone()).collect())
}

/// Returns the load balancers with the stack's tags: their ARNs, and whether their names say too that they are the stack's.
pub async fn marked_balancers(cx: &Cx) -> Result<HashMap<String, bool>> {
    let (balancers, tags) = (load_balancers(cx).await?, outer_tags(cx).await?);
    let of = |balancer: &sdk::LoadBalancer| {
        let arn = balancer.load_balancer_arn.clone()?;
        let tags = tags.get(&arn).filter(|tags| cx.scope.owns(tags))?;
        let marked = !matches!(balancer_claim(cx, balancer, tags), Claim::Tagged(_));
        Some((arn, marked))
    };
    Ok(balancers.iter().filter_map(of).collect())
}

/// Returns the load balancers with names like the stack's, with its tags, or in front of its target groups: in another
/// environment's there are rules of this one.
async fn load_balancers(cx: &Cx) -> Result<Arc<Vec<sdk::LoadBalancer>>> {
    cx.reads
        .once("elbv2.load_balancers", async {
            let all = async {
                let pages = cx.cloud.elbv2.describe_load_balancers().into_paginator().items().send();
                pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("elbv2:DescribeLoadBalancers"))
            };
            let (all, groups, known) = futures::try_join!(all, target_groups(cx), tag_index::candidates(cx))?;
            let prefix = cx.scope.prefix();
            let attached: HashSet<&str> = groups.iter().flat_map(|g| g.load_balancer_arns()).map(String::as_str).collect();
            let ruled = ruled(&known);
            let may_be_ours = |b: &sdk::LoadBalancer| {
                b.load_balancer_name().is_some_and(|name| names::begins(&prefix, name, NAME))
                    || b.load_balancer_arn()
                        .is_some_and(|arn| known.contains_key(arn) || attached.contains(arn) || ruled.contains(arn))
            };
            Ok(all.into_iter().filter(may_be_ours).collect())
        })
        .await
}

/// Returns the load balancers in which the index knows rules of the stack.
fn ruled(known: &tag_index::Index) -> HashSet<String> {
    // `…:listener-rule/app/NAME/ID/LISTENER/RULE` is in `…:loadbalancer/app/NAME/ID`.
    let of = |arn: &String| {
        let (head, path) = arn.split_once(":listener-rule/")?;
        let path: Vec<&str> = path.split('/').take(3).collect();
        Some(format!("{head}:loadbalancer/{}", path.join("/")))
    };
    known.keys().filter_map(of).collect()
}

/// Returns the target groups with names like the stack's.
async fn target_groups(cx: &Cx) -> Result<Arc<Vec<sdk::TargetGroup>>> {
    cx.reads
        .once("elbv2.target_groups", async {
            let pages = cx.cloud.elbv2.describe_target_groups().into_paginator().items().send();
            let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("elbv2:DescribeTargetGroups"))?;
            let (prefix, known) = (cx.scope.prefix(), tag_index::candidates(cx).await?);
            let may_be_ours = |g: &sdk::TargetGroup| {
                g.target_group_name().is_some_and(|name| names::begins(&prefix, name, NAME))
                    || g.target_group_arn().is_some_and(|arn| known.contains_key(arn))
            };
            Ok(all.into_iter().filter(may_be_ours).collect())
        })
        .await
}

/// Returns the listeners of the stack's load balancers; while there are few, also of those that only have a name like the
/// stack's.
async fn listeners(cx: &Cx) -> Result<Arc<Vec<sdk::Listener>>> {
    cx.reads
        .once("elbv2.listeners", async {
            let mut arns: Vec<String> = load_balancers(cx).await?.iter().filter_map(|b| b.load_balancer_arn.clone()).collect();
            if arns.len() > FEW {
                let (tags, groups, known) = futures::try_join!(outer_tags(cx), target_groups(cx), tag_index::candidates(cx))?;
                let ours = |arn: &str| tags.get(arn).is_some_and(|tags| cx.scope.owns(tags));
                let mut in_use = ruled(&known);
                let groups = groups.iter().filter(|g| g.target_group_arn().is_some_and(ours));
                in_use.extend(groups.flat_map(|g| g.load_balancer_arns()).cloned());
                arns.retain(|arn| ours(arn) || in_use.contains(arn));
            }
            let each = try_join_all(arns.into_iter().map(|arn| async move {
                let pages = cx.cloud.elbv2.describe_listeners().load_balancer_arn(arn).into_paginator().items().send();
                let answer = pages.collect::<std::result::Result<Vec<_>, _>>().await;
                present(answer.map_err(failed("elbv2:DescribeListeners")))
            }));
            Ok(each.await?.into_iter().flatten().collect())
        })
        .await
}

/// Returns the rules of those listeners, each with its listener's ARN; without the default ones, which belong to the listener.
async fn rules(cx: &Cx) -> Result<Arc<Vec<(String, sdk::Rule)>>> {
    cx.reads
        .once("elbv2.rules", async {
            let arns: Vec<String> = listeners(cx).await?.iter().filter_map(|l| l.listener_arn.clone()).collect();
            let each = try_join_all(arns.into_iter().map(|arn| async move {
                let rules = present(rules_of(cx, &arn).await)?;
                Ok::<_, crate::engine::Error>(rules.into_iter().map(|r| (arn.clone(), r)).collect::<Vec<_>>())
            }));
            Ok(each.await?.into_iter().flatten().collect())
        })
        .await
}

/// Returns the rules of one listener, without the default one.
async fn rules_of(cx: &Cx, listener: &str) -> Result<Vec<sdk::Rule>> {
    let pages = cx.cloud.elbv2.describe_rules().listener_arn(listener).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("elbv2:DescribeRules"))?;
    Ok(all.into_iter().filter(|r| r.is_default() != Some(true)).collect())
}

/// Returns the tags of the load balancers and target groups, by ARN.
async fn outer_tags(cx: &Cx) -> Result<Arc<HashMap<String, Tags>>> {
    cx.reads
        .once("elbv2.outer_tags", async {
            let (balancers, groups) = futures::try_join!(load_balancers(cx), target_groups(cx))?;
            let mut arns: Vec<String> = balancers.iter().filter_map(|b| b.load_balancer_arn.clone()).collect();
            arns.extend(groups.iter().filter_map(|g| g.target_group_arn.clone()));
            describe_tags(cx, &arns).await
        })
        .await
}

/// Returns a load balancer by its ARN, as a blocker of a deletion. One with a name like the stack's is being deleted.
pub fn blocking(cx: &Cx, arn: &str) -> Option<Blocker> {
    let name = arn.split_once(":loadbalancer/")?.1.split('/').nth(1)?;
    Some(Blocker { what: format!("the load balancer `{name}`"), passing: names::begins(&cx.scope.prefix(), name, NAME) })
}

/// Returns the DNS names of the stack's load balancers.
pub async fn addresses(cx: &Cx) -> Result<Vec<String>> {
    let (balancers, tags) = futures::try_join!(load_balancers(cx), outer_tags(cx))?;
    let ours = |b: &&sdk::LoadBalancer| b.load_balancer_arn().and_then(|arn| tags.get(arn)).is_some_and(|t| cx.scope.owns(t));
    Ok(balancers.iter().filter(ours).filter_map(|b| b.dns_name.clone()).collect())
}

/// Returns the tags of the listeners and rules, by ARN. They are read separately: otherwise the next questions about load
/// balancers and target groups would come two round trips later.
async fn inner_tags(cx: &Cx) -> Result<Arc<HashMap<String, Tags>>> {
    cx.reads
        .once("elbv2.inner_tags", async {
            let (listeners, rules) = futures::try_join!(listeners(cx), rules(cx))?;
            let mut arns: Vec<String> = listeners.iter().filter_map(|l| l.listener_arn.clone()).collect();
            arns.extend(rules.iter().filter_map(|(_, r)| r.rule_arn.clone()));
            describe_tags(cx, &arns).await
        })
        .await
}

async fn describe_tags(cx: &Cx, arns: &[String]) -> Result<HashMap<String, Tags>> {
    let mut found: HashMap<String, Tags> = HashMap::new();
    if let Some(known) = tag_index::of(cx, "elbv2").await {
        found.extend(arns.iter().filter_map(|arn| Some((arn.clone(), known.get(arn)?.clone()))));
    }
    let arns: Vec<String> = arns.iter().filter(|arn| !found.contains_key(*arn)).cloned().collect();
    async fn ask(cx: &Cx, arns: Vec<String>) -> Result<Vec<sdk::TagDescription>> {
        let call = cx.cloud.elbv2.describe_tags().set_resource_arns(Some(arns));
        Ok(call.send().await.map_err(failed("elbv2:DescribeTags"))?.tag_descriptions.unwrap_or_default())
    }
    let each = try_join_all(arns.chunks(TAGS_AT_ONCE).map(|arns| async move {
        match ask(cx, arns.to_vec()).await {
            // One that has gone fails all of them: then one by one, without it.
            Err(e) if e.class == Class::NotFound => {
                let mut found = Vec::new();
                for arn in arns {
                    found.extend(present(ask(cx, vec![arn.clone()]).await)?);
                }
                Ok(found)
            }
            other => other,
        }
    }));
    let of = |d: sdk::TagDescription| {
        let tags = tags::from_pairs(d.tags().iter().map(|t| (t.key(), t.value())));
        Some((d.resource_arn?, tags))
    };
    found.extend(each.await?.into_iter().flatten().filter_map(of));
    Ok(found)
}

/// Returns the ARNs of the target groups that actions lead to.
fn targets_of(actions: &[sdk::Action]) -> Vec<&str> {
    actions
        .iter()
        .flat_map(|action| {
            let one = action.target_group_arn();
            let more = action.forward_config().map(|f| f.target_groups()).unwrap_or_default();
            one.into_iter().chain(more.iter().filter_map(|g| g.target_group_arn()))
        })
        .collect()
}

/// Returns the end of an ARN after `marker`: the name of a load balancer or a target group in metrics and scaling.
fn end_of(arn: &str, marker: &str) -> String {
    arn.split_once(marker).map_or(arn, |(_, end)| end).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_in_the_load_balancer_of_its_listener() {
        let arn = |rest: &str| (format!("arn:aws:elasticloadbalancing:us-east-1:1:{rest}"), Tags::new());
        let known = [arn("listener-rule/app/shop/0a/1b/2c"), arn("targetgroup/shop-web/0a")].into();
        let expected = HashSet::from(["arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/shop/0a".to_owned()]);
        assert_eq!(ruled(&known), expected);
    }
}
