use aws_sdk_elasticloadbalancingv2::types::{Certificate, ProtocolEnum, Rule as SdkRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ACTION, Action, Arn, LoadBalancer, PROTOCOL, REDIRECT, STATUS, claim_inside, inner_tags, listeners, marked_balancers, retag,
    rules, to_sdk,
};
use crate::aws::call::error::incomplete;
use crate::aws::elbv2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::spelling::Spelling;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags, acm};
use crate::engine::action::Verb;
use crate::engine::{Claim, Diff, Observed, Order, Readiness, Ref, Resource, Result, Rule};

/// A port of a load balancer, and what happens to requests that match no rule.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// The load balancer that listens.
    pub load_balancer: Ref<LoadBalancer>,
    /// The port.
    pub port: i32,
    /// The protocol: `HTTP` or `HTTPS`.
    pub protocol: String,
    /// The ARN of the certificate, for `HTTPS`. Left out: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The security policy, which sets the TLS versions and ciphers, by AWS's name. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssl_policy: Option<String>,
    /// What happens to requests that match no rule.
    pub default_action: Action,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

impl Listener {
    fn certificates(&self) -> Option<Vec<Certificate>> {
        self.certificate.as_ref().map(|arn| vec![Certificate::builder().certificate_arn(arn).build()])
    }
}

impl Resource for Listener {
    const KIND: &'static str = "elbv2.listener";
    const RULES: &'static [Rule] = &[
        Rule::immutable("load_balancer"),
        Rule::identity("load_balancer"),
        Rule::identity("port"),
        Rule::takes("certificate", &[("acm.certificate", "arn")]),
        Rule::leads_to("default_action"),
        Rule::owned("tags"),
    ];
    const PREPARES: &'static [Verb] = &[Verb::Update];
    type Cloud = Clients;
    type Live = Arn;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let (listeners, balancers, inner) = (listeners(cx).await?, marked_balancers(cx).await?, inner_tags(cx).await?);
        let rules = rules(cx).await?;
        let is_shared = |arn: &str| {
            let ours = |rule: &SdkRule| rule.rule_arn().and_then(|arn| inner.get(arn)).is_some_and(|tags| cx.scope.owns(tags));
            rules.iter().any(|(listener, rule)| listener == arn && ours(rule))
        };
        Ok(listeners
            .iter()
            .filter_map(|l| {
                let marked = balancers.get(l.load_balancer_arn()?);
                let arn = l.listener_arn.clone()?;
                let tags = inner.get(&arn).cloned().unwrap_or_default();
                Some(Observed {
                    claim: match marked {
                        Some(marked) => claim_inside(cx, Self::KIND, &tags, *marked),
                        // Another environment's, in which this one has rules.
                        None if is_shared(&arn) => Claim::Foreign,
                        None => return None,
                    },
                    fields: Listener {
                        load_balancer: Ref::physical(l.load_balancer_arn.clone()?),
                        port: l.port.unwrap_or_default(),
                        protocol: l.protocol().map_or("", |p| p.as_str()).to_owned(),
                        certificate: l.certificates().first().and_then(|c| c.certificate_arn.clone()).map(|arn| {
                            // One in IAM is no object of any stack.
                            Ref::<acm::Certificate>::physical(arn).attr("arn").to_string()
                        }),
                        ssl_policy: l.ssl_policy.clone(),
                        default_action: Action::from_sdk(l.default_actions()),
                        tags,
                    },
                    live: Arn::new(arn),
                    state: Readiness::Ready,
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Arn> {
        const OP: &str = "elbv2:CreateListener";
        let call = cx.cloud.elbv2.create_listener().load_balancer_arn(self.load_balancer.id()?).port(self.port);
        let call = call.protocol(ProtocolEnum::from(self.protocol.as_str())).set_certificates(self.certificates());
        let call = call.set_ssl_policy(self.ssl_policy.clone()).default_actions(self.default_action.to_sdk()?);
        let answer = call.set_tags(Some(to_sdk(&self.tags))).send().await.map_err(failed(OP))?;
        let arn = answer.listeners().first().and_then(|l| l.listener_arn.clone());
        Ok(Arn::new(arn.ok_or_else(|| incomplete(OP, "the listener's ARN"))?))
    }

    async fn update(&self, cx: &Cx, live: &Arn, diff: &Diff) -> Result<Arn> {
        if cx.prepare {
            let call = cx.cloud.elbv2.describe_listeners().listener_arns(&live.arn);
            let answer = call.send().await.map_err(failed("elbv2:DescribeListeners"))?;
            let now = answer.listeners().first().map(|l| l.default_actions()).unwrap_or_default();
            if let Some(actions) = self.default_action.beside(now)? {
                let call = cx.cloud.elbv2.modify_listener().listener_arn(&live.arn).set_default_actions(Some(actions));
                call.send().await.map_err(failed("elbv2:ModifyListener"))?;
            }
            return Ok(live.clone());
        }
        if diff.touches_other_than(&["tags"]) {
            let mut call = cx.cloud.elbv2.modify_listener().listener_arn(&live.arn);
            if diff.touches("port") {
                call = call.port(self.port);
            }
            if diff.touches("protocol") {
                call = call.protocol(ProtocolEnum::from(self.protocol.as_str()));
            }
            // A listener that becomes HTTPS needs both in the same call.
            if diff.touches("certificate") || diff.touches("protocol") {
                call = call.set_certificates(self.certificates());
            }
            if diff.touches("ssl_policy") || diff.touches("protocol") {
                call = call.set_ssl_policy(self.ssl_policy.clone());
            }
            if diff.touches("default_action") {
                call = call.default_actions(self.default_action.to_sdk()?);
            }
            call.send().await.map_err(failed("elbv2:ModifyListener"))?;
        }
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Arn) -> Result<()> {
        let call = cx.cloud.elbv2.delete_listener().listener_arn(&live.arn);
        call.send().await.map_err(failed("elbv2:DeleteListener"))?;
        Ok(())
    }

    /// Returns the order of a replacement: a load balancer has one listener for a port.
    fn replace_order(diff: &Diff) -> Order {
        if diff.touches("load_balancer") { Order::CreateFirst } else { Order::DeleteFirst }
    }
}

impl AwsKind for Listener {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["elasticloadbalancing:CreateListener", "elasticloadbalancing:AddTags"],
        update: &["elasticloadbalancing:ModifyListener", "elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"],
        delete: &["elasticloadbalancing:DeleteListener"],
    };
    const SPELLING: &'static [Spelling] = &[
        ("default_action.kind", ACTION),
        ("default_action.redirect.protocol", REDIRECT),
        ("default_action.redirect.status_code", STATUS),
        ("protocol", PROTOCOL),
    ];
}
