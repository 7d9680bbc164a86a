use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{
    self as sdk, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum, LoadBalancerTypeEnum,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{NAME, balancer_claim, end_of, load_balancers, outer_tags, retag, to_sdk};
use crate::aws::call::arguments::{ids, some_ids, written};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::{InternetGateway, SecurityGroup, Subnet, Vpc, gateway_of};
use crate::aws::elbv2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::s3::Bucket;
use crate::aws::spelling::{How, Spelling};
use crate::aws::states::{Means, States};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{AnyRef, Class, Diff, Effect, Impact, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

const LOGS: &str = "access_logs.s3.enabled";
const LOGS_BUCKET: &str = "access_logs.s3.bucket";
const PROTECTION: &str = "deletion_protection.enabled";
const INTERNET_FACING: &str = "internet-facing";

/// An application load balancer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancer {
    /// The VPC of the subnets. It cannot be changed.
    pub vpc: Ref<Vpc>,
    /// Where it can be reached from: `internet-facing` or `internal`.
    pub scheme: String,
    /// The subnets that it serves from, one in each availability zone, at least two.
    pub subnets: Vec<Ref<Subnet>>,
    /// The security groups, which decide who can connect to it and what it can connect to. Left out: AWS's default for a new one,
    /// else unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<Ref<SecurityGroup>>,
    /// Attributes by AWS's names: `routing.http.drop_invalid_header_fields.enabled: "true"`. Those that are left
    /// out: AWS's defaults for a new one, else unchanged.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The internet gateway of its VPC, and anything else that must exist first. Left out: nothing.
    #[serde(default)]
    pub after: Vec<AnyRef>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// Its DNS name.
    pub dns_name: String,
    /// The hosted zone for alias records.
    pub zone_id: String,
    /// Its name.
    pub name: String,
    /// `app/NAME/ID`: its name in metrics and scaling.
    pub full_name: String,
    /// Whether its deletion protection is on.
    #[schemars(skip)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guarded: bool,
}

impl Live {
    fn of(balancer: &sdk::LoadBalancer) -> Option<Live> {
        let arn = balancer.load_balancer_arn.clone()?;
        Some(Live {
            id: arn.clone(),
            dns_name: balancer.dns_name.clone().unwrap_or_default(),
            zone_id: balancer.canonical_hosted_zone_id.clone().unwrap_or_default(),
            name: balancer.load_balancer_name.clone().unwrap_or_default(),
            full_name: end_of(&arn, ":loadbalancer/"),
            guarded: false,
            arn,
        })
    }
}

/// The meanings of AWS's states of a balancer.
pub const STATES: States = States {
    kind: LoadBalancer::KIND,
    source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerState.html",
    words: &[
        ("active", Means::Serves),
        ("active_impaired", Means::Noted("it serves, but cannot grow: it needs free addresses in its subnets (8 in each)")),
        ("failed", Means::Failed),
        ("provisioning", Means::Busy),
    ],
};

fn state(balancer: &sdk::LoadBalancer) -> Readiness {
    let said = balancer.state();
    let reason = said.and_then(|s| s.reason());
    match STATES.read(said.and_then(|s| s.code()).map_or("unknown", LoadBalancerStateEnum::as_str), true) {
        Readiness::Failed(_) => Readiness::Failed(reason.unwrap_or("no reason given").to_owned()),
        Readiness::Waiting { status, .. } => Readiness::waiting(reason.map_or(status.clone(), |r| format!("{status}: {r}"))),
        state => state,
    }
}

async fn attributes(cx: &Cx, arn: &str) -> Result<BTreeMap<String, String>> {
    let answer = cx.cloud.elbv2.describe_load_balancer_attributes().load_balancer_arn(arn).send().await;
    let answer = answer.map_err(failed("elbv2:DescribeLoadBalancerAttributes"))?;
    Ok(answer.attributes().iter().filter_map(|a| Some((a.key.clone()?, a.value.clone()?))).collect())
}

/// Returns the bucket that the logs go to, if it can be one of the stack's.
fn logs_to(cx: &Cx, attributes: &BTreeMap<String, String>) -> Option<String> {
    let bucket = attributes.get(LOGS_BUCKET).filter(|_| attributes.get(LOGS).is_some_and(|on| on == "true"))?;
    (bucket.starts_with(&cx.scope.prefix()) && bucket.ends_with(&format!("-{}-{}", cx.scope.account, cx.scope.region)))
        .then(|| bucket.clone())
}

async fn set_attributes(cx: &Cx, arn: &str, attributes: &BTreeMap<String, String>) -> Result<()> {
    let attributes = attributes.iter().map(|(k, v)| LoadBalancerAttribute::builder().key(k).value(v).build()).collect();
    let call = cx.cloud.elbv2.modify_load_balancer_attributes().load_balancer_arn(arn).set_attributes(Some(attributes));
    call.send().await.map_err(failed("elbv2:ModifyLoadBalancerAttributes"))?;
    Ok(())
}

async fn look(cx: &Cx, arn: &str) -> Result<Option<sdk::LoadBalancer>> {
    let answer = cx.cloud.elbv2.describe_load_balancers().load_balancer_arns(arn).send().await;
    Ok(answer.map_err(failed("elbv2:DescribeLoadBalancers"))?.load_balancers.and_then(|list| list.into_iter().next()))
}

/// Returns what becomes of logs that someone else has turned on: an account's own rules can have done so.
fn moved_logs(desired: &Value, observed: &Value) -> Option<Effect> {
    let of = |value: &Value, key: &str| value["attributes"][key].as_str().map(str::to_owned).filter(|text| !text.is_empty());
    let enabled = |value: &Value| of(value, "access_logs.s3.enabled").is_some_and(|on| on == "true");
    let bucket = of(observed, "access_logs.s3.bucket").filter(|_| enabled(observed))?;
    let wanted = of(desired, "access_logs.s3.bucket").filter(|_| enabled(desired));
    // A bucket of the stack is a reference there.
    if bucket.starts_with("${") || of(desired, "access_logs.s3.enabled").is_none() || wanted.as_deref() == Some(bucket.as_str()) {
        return None;
    }
    let words = format!("requests are no longer logged to the bucket `{bucket}`, which is not the stack's");
    Some(Effect::new(Impact::LosesData, words).with_consent())
}

impl Resource for LoadBalancer {
    const KIND: &'static str = "elbv2.load_balancer";
    const RULES: &'static [Rule] = &[
        Rule::immutable("vpc"),
        Rule::immutable("scheme"),
        Rule::set("subnets"),
        Rule::set("security_groups"),
        Rule::after_create("attributes"),
        Rule::order_only("after"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(150, 30);
    type Cloud = Clients;
    type Live = Live;

    /// Returns the effects of a change
    /// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-subnets.html>).
    fn effects(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        if diff.forcing().next().is_some() {
            let words = "its address changes: clients that do not use a DNS name which follows it cannot connect once the old one is deleted";
            return vec![Effect::new(Impact::Interrupts, words)];
        }
        let number = |value: &Value| value["subnets"].as_array().map_or(0, Vec::len);
        if diff.touches("subnets") && number(desired) < number(observed) {
            let words = "connections through its nodes in the removed zones are dropped";
            return vec![Effect::new(Impact::FailsOver, words).lasting(1, 60)];
        }
        moved_logs(desired, observed).into_iter().collect()
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let (balancers, all_tags) = (load_balancers(cx).await?, outer_tags(cx).await?);
        let mut out = Vec::new();
        for balancer in balancers.iter() {
            let Some(mut live) = Live::of(balancer) else { continue };
            let Some(tags) = all_tags.get(&live.arn) else { continue };
            let claim = balancer_claim(cx, balancer, tags);
            let ours = claim.name().is_some();
            let mut attributes = if ours { attributes(cx, &live.arn).await? } else { BTreeMap::new() };
            live.guarded = attributes.get(PROTECTION).is_some_and(|on| on == "true");
            let scheme = balancer.scheme().map_or("", |s| s.as_str()).to_owned();
            let gateway = match balancer.vpc_id() {
                Some(vpc) if scheme == INTERNET_FACING => gateway_of(cx, vpc).await?,
                _ => None,
            };
            // What lets it write there goes after it, too: the policy enables the bucket.
            if let Some(bucket) = logs_to(cx, &attributes) {
                attributes.insert(LOGS_BUCKET.into(), Ref::<Bucket>::physical(bucket).attr("name").to_string());
            }
            out.push(Observed {
                claim,
                fields: LoadBalancer {
                    vpc: Ref::physical(balancer.vpc_id().unwrap_or_default()),
                    scheme,
                    subnets: balancer
                        .availability_zones()
                        .iter()
                        .filter_map(|zone| zone.subnet_id.clone().map(Ref::physical))
                        .collect(),
                    security_groups: balancer.security_groups().iter().map(Ref::physical).collect(),
                    attributes,
                    after: gateway.into_iter().map(|id| Ref::<InternetGateway>::physical(id).into()).collect(),
                    tags: tags.clone(),
                },
                state: state(balancer),
                live,
            });
        }
        Ok(out)
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "elbv2:CreateLoadBalancer";
        let name = names::name(cx, NAME);
        let call = cx.cloud.elbv2.create_load_balancer().name(&name).r#type(LoadBalancerTypeEnum::Application);
        let call = call.scheme(LoadBalancerSchemeEnum::from(self.scheme.as_str())).set_subnets(Some(ids(&self.subnets)?));
        let call = call.set_security_groups(some_ids(&self.security_groups)?).set_tags(Some(to_sdk(&self.tags)));
        let answer = match call.send().await.map_err(failed(OP)) {
            Err(e) if e.class == Class::Exists => {
                let namesake = cx.cloud.elbv2.describe_load_balancers().names(&name).send().await.ok();
                let arn = namesake.and_then(|a| a.load_balancers().first()?.load_balancer_arn.clone());
                return Err(e.hint(format!(
                    "the name `{name}` is already used by {}",
                    arn.as_deref().unwrap_or("another load balancer")
                )));
            }
            other => other?,
        };
        answer.load_balancers().first().and_then(Live::of).ok_or_else(|| incomplete(OP, "the load balancer's ARN"))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches("subnets") {
            let call = cx.cloud.elbv2.set_subnets().load_balancer_arn(&live.arn).set_subnets(Some(ids(&self.subnets)?));
            call.send().await.map_err(failed("elbv2:SetSubnets"))?;
        }
        if diff.touches("security_groups") {
            let call = cx.cloud.elbv2.set_security_groups().load_balancer_arn(&live.arn);
            let call = call.set_security_groups(Some(ids(&self.security_groups)?));
            call.send().await.map_err(failed("elbv2:SetSecurityGroups"))?;
        }
        if diff.touches("attributes") {
            set_attributes(cx, &live.arn, &written(diff, "attributes", &self.attributes)).await?;
        }
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        // A run that got this far has consent for this one by name.
        if live.guarded && attributes(cx, &live.arn).await?.get(PROTECTION).is_some_and(|on| on == "true") {
            set_attributes(cx, &live.arn, &BTreeMap::from([(PROTECTION.to_owned(), "false".to_owned())])).await?;
        }
        let call = cx.cloud.elbv2.delete_load_balancer().load_balancer_arn(&live.arn);
        call.send().await.map_err(failed("elbv2:DeleteLoadBalancer"))?;
        Ok(())
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        Ok(look(cx, &live.arn).await?.map_or(Readiness::Gone, |b| state(&b)))
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        Ok(look(cx, &live.arn).await?.map_or(Readiness::Gone, |_| Readiness::waiting("deleting")))
    }
}

impl AwsKind for LoadBalancer {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &[
            "elasticloadbalancing:CreateLoadBalancer",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:AddTags",
        ],
        update: &[
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:SetSecurityGroups",
            "elasticloadbalancing:SetSubnets",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        delete: &["elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:ModifyLoadBalancerAttributes"],
    };
    const SPELLING: &'static [Spelling] = &[("scheme", How::Word(&["internet-facing", "internal"]))];
    const OUTPUTS: &'static [(&'static str, &'static str)] =
        &[("load_balancer.arn", "arn"), ("load_balancer.dns_name", "dns_name"), ("load_balancer.zone_id", "zone_id")];
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moving_logs_of_someone_else_needs_consent() {
        let of = |enabled: &str, bucket: &str| serde_json::json!({"attributes": {"access_logs.s3.enabled": enabled, "access_logs.s3.bucket": bucket}});
        let (ours, theirs) = ("${s3.bucket/alb-logs.name}", "central-logs");
        let moved = moved_logs(&of("true", ours), &of("true", theirs)).unwrap();
        assert!(moved.needs_consent && moved.words.contains("`central-logs`"), "{moved:?}");
        assert!(moved_logs(&of("false", ""), &of("true", theirs)).is_some());
        for (desired, observed) in [
            (of("true", ours), of("false", "")),
            (of("true", ours), of("true", "${=s3.bucket.name:shop-alb-logs}")),
            (of("true", theirs), of("true", theirs)),
            (serde_json::json!({"attributes": {}}), of("true", theirs)),
        ] {
            assert_eq!(moved_logs(&desired, &observed), None, "{desired} {observed}");
        }
    }
    use crate::engine::diff;

    #[test]
    fn another_address_or_a_zone_less_is_told() {
        let told = |desired: Value| {
            let observed = json!({"scheme": "internal", "subnets": ["a", "b"], "security_groups": ["a"]});
            let diff = diff(LoadBalancer::RULES, &desired, &observed, &Default::default());
            LoadBalancer::effects(&desired, &observed, &diff).into_iter().map(|e| e.impact).collect::<Vec<_>>()
        };
        assert_eq!(told(json!({"scheme": INTERNET_FACING})), [Impact::Interrupts]);
        assert_eq!(told(json!({"subnets": ["a"]})), [Impact::FailsOver]);
        assert_eq!(told(json!({"subnets": ["a", "b", "c"]})), []);
        assert_eq!(told(json!({"security_groups": ["b"]})), []);
    }
}
