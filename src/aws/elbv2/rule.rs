use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderConditionConfig, PathPatternConditionConfig, Rule as SdkRule, RuleCondition, RulePriorityPair,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Arn, Listener, claim_inside, describe_tags, inner_tags, marked_balancers, retag, rules, rules_of, to_sdk};
use crate::aws::error::{failed, incomplete};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Claim, Diff, Observed, Readiness, Ref, Resource, Result, Rule};

/// What a listener does with the requests for some paths or hosts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerRule {
    /// The listener that it belongs to.
    pub listener: Ref<Listener>,
    /// Rules are tried in this order, 1 to 50000.
    pub priority: i32,
    /// The paths that it is for: `/api/*`. None: all.
    #[serde(default)]
    pub paths: Vec<String>,
    /// The hosts that it is for: `*.example.com`. None: all.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// What happens.
    pub action: Action,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

impl ListenerRule {
    fn conditions(&self) -> Vec<RuleCondition> {
        let mut out = Vec::new();
        if !self.paths.is_empty() {
            let config = PathPatternConditionConfig::builder().set_values(Some(self.paths.clone())).build();
            out.push(RuleCondition::builder().field("path-pattern").path_pattern_config(config).build());
        }
        if !self.hosts.is_empty() {
            let config = HostHeaderConditionConfig::builder().set_values(Some(self.hosts.clone())).build();
            out.push(RuleCondition::builder().field("host-header").host_header_config(config).build());
        }
        out
    }

    /// Gives the rule its priority. Whichever rule has that now gets this one's in the same call: AWS lets nobody wait in
    /// between, and what the other one should have its own update will say.
    async fn set_priority(&self, cx: &Cx, arn: &str) -> Result<()> {
        let rules = rules_of(cx, self.listener.id()?).await?;
        let wanted = self.priority.to_string();
        let Some(now) = rules.iter().find(|r| r.rule_arn() == Some(arn)).and_then(SdkRule::priority) else { return Ok(()) };
        if now == wanted {
            return Ok(());
        }
        let pair = |arn: &str, priority: i32| RulePriorityPair::builder().rule_arn(arn).priority(priority).build();
        let holder = rules.iter().find(|r| r.priority() == Some(&wanted)).and_then(SdkRule::rule_arn);
        let mut call = cx.cloud.elbv2.set_rule_priorities().rule_priorities(pair(arn, self.priority));
        if let (Some(holder), Ok(now)) = (holder, now.parse()) {
            call = call.rule_priorities(pair(holder, now));
        }
        call.send().await.map_err(failed("elbv2:SetRulePriorities"))?;
        Ok(())
    }
}

impl ListenerRule {
    /// The rule that has this one's priority, when it has its name too.
    async fn made_before(&self, cx: &Cx) -> Result<Option<String>> {
        let rules = rules_of(cx, self.listener.id()?).await?;
        let holder = rules.iter().find(|r| r.priority() == Some(&self.priority.to_string())).and_then(SdkRule::rule_arn);
        let Some(holder) = holder else { return Ok(None) };
        let tags = describe_tags(cx, &[holder.to_owned()]).await?.remove(holder).unwrap_or_default();
        let ours = claim_inside(cx, Self::KIND, &tags, true) == Claim::Ours(cx.key.name.clone());
        Ok(ours.then(|| holder.to_owned()))
    }
}

/// The values of a rule's conditions on `field`, in either of the forms that AWS has for them.
fn values(rule: &SdkRule, field: &str) -> Vec<String> {
    rule.conditions()
        .iter()
        .filter(|c| c.field() == Some(field))
        .flat_map(|c| {
            let path = c.path_pattern_config().map(|p| p.values()).unwrap_or_default();
            let host = c.host_header_config().map(|h| h.values()).unwrap_or_default();
            [path, host].into_iter().find(|v| !v.is_empty()).unwrap_or(c.values()).to_vec()
        })
        .collect()
}

impl Resource for ListenerRule {
    const KIND: &'static str = "elbv2.rule";
    const RULES: &'static [Rule] = &[
        Rule::immutable("listener"),
        Rule::identity("listener"),
        Rule::identity("priority"),
        Rule::set("paths"),
        Rule::set("hosts"),
        Rule::owned("tags"),
    ];
    type Cloud = Clients;
    type Live = Arn;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let (rules, listeners) = (rules(cx).await?, super::listeners(cx).await?);
        let (balancers, inner) = (marked_balancers(cx).await?, inner_tags(cx).await?);
        let marked = |listener: &str| {
            let listener = listeners.iter().find(|l| l.listener_arn() == Some(listener))?;
            balancers.get(listener.load_balancer_arn()?).copied()
        };
        Ok(rules
            .iter()
            .filter_map(|(listener, rule)| {
                let marked = marked(listener)?;
                let arn = rule.rule_arn.clone()?;
                let tags = inner.get(&arn).cloned().unwrap_or_default();
                Some(Observed {
                    claim: claim_inside(cx, Self::KIND, &tags, marked),
                    fields: ListenerRule {
                        listener: Ref::physical(listener),
                        priority: rule.priority()?.parse().ok()?,
                        paths: values(rule, "path-pattern"),
                        hosts: values(rule, "host-header"),
                        action: Action::from_sdk(rule.actions()),
                        tags,
                    },
                    live: Arn::new(arn),
                    state: Readiness::Ready,
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Arn> {
        const OP: &str = "elbv2:CreateRule";
        let call = cx.cloud.elbv2.create_rule().listener_arn(self.listener.id()?).priority(self.priority);
        let call = call.set_conditions(Some(self.conditions())).actions(self.action.to_sdk()?);
        let answer = match call.set_tags(Some(to_sdk(&self.tags))).send().await.map_err(failed(OP)) {
            // Whose rule has that priority? Perhaps it is this one, and the answer to an earlier try was lost.
            Err(e) if e.is("PriorityInUse") => return self.made_before(cx).await?.map(Arn::new).ok_or(e),
            other => other?,
        };
        let arn = answer.rules().first().and_then(|r| r.rule_arn.clone());
        Ok(Arn::new(arn.ok_or_else(|| incomplete(OP, "the rule's ARN"))?))
    }

    async fn update(&self, cx: &Cx, live: &Arn, diff: &Diff) -> Result<Arn> {
        if diff.touches_other_than(&["tags", "priority"]) {
            let mut call = cx.cloud.elbv2.modify_rule().rule_arn(&live.arn);
            if diff.touches("paths") || diff.touches("hosts") {
                call = call.set_conditions(Some(self.conditions()));
            }
            if diff.touches("action") {
                call = call.actions(self.action.to_sdk()?);
            }
            call.send().await.map_err(failed("elbv2:ModifyRule"))?;
        }
        if diff.touches("priority") {
            self.set_priority(cx, &live.arn).await?;
        }
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Arn) -> Result<()> {
        cx.cloud.elbv2.delete_rule().rule_arn(&live.arn).send().await.map_err(failed("elbv2:DeleteRule"))?;
        Ok(())
    }
}
