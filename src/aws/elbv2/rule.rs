use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderConditionConfig, PathPatternConditionConfig, Rule as SdkRule, RuleCondition, RulePriorityPair,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ACTION, Action, Arn, Listener, REDIRECT, STATUS, claim_inside, claim_outside, describe_tags, inner_tags, marked_balancers,
    marked_groups, retag, rules, rules_of, targets_of, to_sdk,
};
use crate::aws::call::error::incomplete;
use crate::aws::elbv2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::spelling::Spelling;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::action::Verb;
use crate::engine::tags::{TAG_ENV, TAG_STACK};
use crate::engine::{Claim, Class, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule};

/// The last priority that a rule can have.
const LAST: i32 = 50_000;

/// The start of the host of a prepared rule: names with this ending belong to no one (RFC 2606).
const PREPARED: &str = "prepared-";
const NOBODY: &str = ".invalid";

/// What a listener does with requests for certain paths or hosts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerRule {
    /// The listener that it belongs to.
    pub listener: Ref<Listener>,
    /// The priority, 1 to 50000. Rules with lower numbers are tried first.
    pub priority: i32,
    /// The paths that it applies to: `/api/*`. Left out: all.
    #[serde(default)]
    pub paths: Vec<String>,
    /// The hosts that it applies to: `*.example.com`. Left out: all.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Further conditions and changes of requests, in AWS's words: `source-ip 10.0.0.0/8`. Left out: none, which is what it
    /// should have.
    #[serde(default)]
    #[schemars(skip)]
    pub others: Vec<String>,
    /// What happens to the requests.
    pub action: Action,
    /// Tags to set. Other tags of the object stay.
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

    /// Returns conditions that no request matches.
    fn nobody(cx: &Cx) -> Vec<RuleCondition> {
        let host = format!("{PREPARED}{}{NOBODY}", &cx.token("nobody")[..16]);
        let config = HostHeaderConditionConfig::builder().values(host).build();
        vec![RuleCondition::builder().field("host-header").host_header_config(config).build()]
    }

    /// Gives every rule of the listener its priority with one call, including this one: written one by one, each would have to
    /// find its number free. Rules that have a number which another one gets, and are not given one themselves, get a free one.
    async fn set_priorities(&self, cx: &Cx, arn: &str) -> Result<()> {
        let _turn = cx.peers.turn.lock().await;
        self.write_priorities(cx, arn).await
    }

    /// Writes the priorities, in the run of whoever has the turn.
    async fn write_priorities(&self, cx: &Cx, arn: &str) -> Result<()> {
        let listener = self.listener.id()?;
        let mut wanted: BTreeMap<String, i32> = BTreeMap::new();
        for (live, desired) in &cx.peers.all {
            let peer: (Arn, ListenerRule) = (peer(live)?, peer(desired)?);
            if peer.1.listener.id()? == listener {
                wanted.insert(peer.0.arn, peer.1.priority);
            }
        }
        wanted.insert(arn.to_owned(), self.priority);
        let rules = rules_of(cx, listener).await?;
        let now: BTreeMap<&str, i32> = rules.iter().filter_map(|r| Some((r.rule_arn()?, r.priority()?.parse().ok()?))).collect();
        let pairs = exchange(&now, &wanted);
        if pairs.is_empty() {
            return Ok(());
        }
        let moved: Vec<String> = pairs.iter().map(|(arn, _)| arn).filter(|arn| !wanted.contains_key(*arn)).cloned().collect();
        if let Some(tags) = describe_tags(cx, &moved).await?.values().find(|tags| is_others(cx, tags)) {
            return Err(self.in_use(tags));
        }
        let pair = |(arn, priority): (String, i32)| RulePriorityPair::builder().rule_arn(arn).priority(priority).build();
        let call = cx.cloud.elbv2.set_rule_priorities().set_rule_priorities(Some(pairs.into_iter().map(pair).collect()));
        call.send().await.map_err(failed("elbv2:SetRulePriorities"))?;
        Ok(())
    }

    /// Returns a priority that no rule of the listener has, far behind all others.
    async fn free_priority(&self, cx: &Cx) -> Result<i32> {
        let rules = rules_of(cx, self.listener.id()?).await?;
        let taken: BTreeSet<i32> = rules.iter().filter_map(|r| r.priority()?.parse().ok()).collect();
        Ok((1..=LAST).rev().find(|n| !taken.contains(n)).unwrap_or(LAST))
    }

    /// Returns the rule that has this one's priority, if an earlier try created it: it has this one's name, and is not the old half of
    /// a replacement.
    async fn made_before(&self, cx: &Cx) -> Result<Option<String>> {
        let rules = rules_of(cx, self.listener.id()?).await?;
        let holder = rules.iter().find(|r| r.priority() == Some(&self.priority.to_string())).and_then(SdkRule::rule_arn);
        let Some(holder) = holder else { return Ok(None) };
        let tags = describe_tags(cx, &[holder.to_owned()]).await?.remove(holder).unwrap_or_default();
        if is_others(cx, &tags) {
            return Err(self.in_use(&tags));
        }
        let named = claim_inside(cx, Self::KIND, &tags, true) == Claim::Ours(cx.key.name.clone());
        Ok((named && names::generation(&tags) == cx.generation).then(|| holder.to_owned()))
    }

    /// Returns the error that a rule with these tags, of someone else, has this one's priority: it is never moved.
    fn in_use(&self, tags: &Tags) -> Error {
        let of = |tag: &str| tags.get(tag).map_or("?", String::as_str);
        let (number, stack, env) = (self.priority, of(TAG_STACK), of(TAG_ENV));
        let message = format!("the priority {number} has since been given to a rule of `{stack}`, environment `{env}`");
        Error::new(Class::Exists, message).hint("run it again: another number is chosen, unless the file says this one")
    }
}

/// Checks whether these are the tags of another stack or environment.
fn is_others(cx: &Cx, tags: &Tags) -> bool {
    tags.contains_key(TAG_STACK) && !cx.scope.owns(tags)
}

fn peer<T: serde::de::DeserializeOwned>(value: &serde_json::Value) -> Result<T> {
    T::deserialize(value).map_err(|e| Error::internal(format!("another rule of the listener cannot be read: {e}")))
}

/// Returns what must be written so that the rules which are `now` there have the priorities that are `wanted`.
fn exchange(now: &BTreeMap<&str, i32>, wanted: &BTreeMap<String, i32>) -> Vec<(String, i32)> {
    let known = wanted.iter().filter(|(arn, _)| now.contains_key(arn.as_str()));
    let mut pairs: BTreeMap<&str, i32> =
        known.filter(|(arn, n)| now[arn.as_str()] != **n).map(|(arn, n)| (arn.as_str(), *n)).collect();
    let mut taken: BTreeSet<i32> = now.values().chain(wanted.values()).copied().collect();
    let given: BTreeSet<i32> = pairs.values().copied().collect();
    for (arn, n) in now {
        if given.contains(n) && !pairs.contains_key(arn) {
            let free = (1..=LAST).rev().find(|n| !taken.contains(n)).unwrap_or(LAST);
            taken.insert(free);
            pairs.insert(arn, free);
        }
    }
    pairs.into_iter().map(|(arn, n)| (arn.to_owned(), n)).collect()
}

/// Returns the values of a rule's conditions on `field`, in either of AWS's forms for them.
fn values(rule: &SdkRule, field: &str) -> Vec<String> {
    rule.conditions()
        .iter()
        .filter(|c| c.field() == Some(field))
        .flat_map(|c| {
            let path = c.path_pattern_config().map(|p| p.values()).unwrap_or_default();
            let host = c.host_header_config().map(|h| h.values()).unwrap_or_default();
            [path, host].into_iter().find(|v| !v.is_empty()).unwrap_or(c.values()).to_vec()
        })
        // A rule that is only prepared has no conditions of its own yet.
        .filter(|value| !(value.starts_with(PREPARED) && value.ends_with(NOBODY)))
        .collect()
}

/// Returns the conditions that no rule of the stack has, and the rewrites of requests, in AWS's words.
fn others(rule: &SdkRule) -> Vec<String> {
    let condition = |c: &RuleCondition| {
        let field = c.field().unwrap_or("condition");
        let header = c.http_header_config();
        let queries = c.query_string_config().map(|q| q.values()).unwrap_or_default().iter();
        let pair = |key: Option<&str>, value: Option<&str>| match key {
            Some(key) => format!("{key}={}", value.unwrap_or_default()),
            None => value.unwrap_or_default().to_owned(),
        };
        let mut texts: Vec<String> = queries.map(|q| pair(q.key(), q.value())).collect();
        let lists = [
            header.map(|h| h.values()),
            header.map(|h| h.regex_values()),
            c.source_ip_config().map(|s| s.values()),
            c.http_request_method_config().map(|m| m.values()),
            c.path_pattern_config().map(|p| p.regex_values()),
            c.host_header_config().map(|h| h.regex_values()),
        ];
        texts.extend(lists.into_iter().flatten().flatten().cloned());
        let known = matches!(field, "path-pattern" | "host-header");
        let name = header.and_then(|h| h.http_header_name()).map(|name| format!(" {name}")).unwrap_or_default();
        (!known || !texts.is_empty()).then(|| format!("{field}{name} {}", texts.join(", ")))
    };
    let transforms = rule.transforms().iter().map(|t| t.r#type().map_or("transform", |t| t.as_str()).to_owned());
    rule.conditions().iter().filter_map(condition).chain(transforms).collect()
}

impl Resource for ListenerRule {
    const KIND: &'static str = "elbv2.rule";
    const RULES: &'static [Rule] = &[
        Rule::immutable("listener"),
        Rule::identity("listener"),
        Rule::identity("priority"),
        Rule::set("paths"),
        Rule::set("hosts"),
        Rule::set("others"),
        // Changed in place, a rule would drop its old requests before another one matches them.
        Rule::once("paths"),
        Rule::once("hosts"),
        Rule::leads_to("action"),
        Rule::leads_to("paths"),
        Rule::leads_to("hosts"),
        Rule::owned("tags"),
    ];
    const PREPARES: &'static [Verb] = &[Verb::Create, Verb::Update];
    const JOINT: bool = true;
    type Cloud = Clients;
    type Live = Arn;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let (rules, listeners) = (rules(cx).await?, super::listeners(cx).await?);
        let (balancers, inner, groups) = (marked_balancers(cx).await?, inner_tags(cx).await?, marked_groups(cx).await?);
        let marked = |listener: &str| {
            let listener = listeners.iter().find(|l| l.listener_arn() == Some(listener))?;
            balancers.get(listener.load_balancer_arn()?).copied()
        };
        Ok(rules
            .iter()
            .filter_map(|(listener, rule)| {
                let arn = rule.rule_arn.clone()?;
                let tags = inner.get(&arn).cloned().unwrap_or_default();
                let claim = match marked(listener) {
                    Some(marked) => claim_inside(cx, Self::KIND, &tags, marked),
                    // Of what others have in theirs this environment sees nothing.
                    None if !cx.scope.owns(&tags) => return None,
                    None => claim_outside(cx, &tags, &targets_of(rule.actions()), &groups),
                };
                Some(Observed {
                    claim,
                    fields: ListenerRule {
                        listener: Ref::physical(listener),
                        priority: rule.priority()?.parse().ok()?,
                        paths: values(rule, "path-pattern"),
                        hosts: values(rule, "host-header"),
                        others: others(rule),
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
        // Two that look for a free number at once would find the same one.
        let _turn = cx.peers.turn.lock().await;
        let conditions = if cx.prepare { Self::nobody(cx) } else { self.conditions() };
        let call = cx.cloud.elbv2.create_rule().listener_arn(self.listener.id()?).actions(self.action.to_sdk()?);
        let call = call.set_conditions(Some(conditions)).set_tags(Some(to_sdk(&self.tags)));
        let first = if cx.prepare { self.free_priority(cx).await? } else { self.priority };
        let answer = match call.clone().priority(first).send().await.map_err(failed(OP)) {
            // Whose rule has that priority? Perhaps it is this one, and the answer to an earlier try was lost.
            Err(e) if e.is("PriorityInUse") && !cx.prepare => {
                if let Some(arn) = self.made_before(cx).await? {
                    return Ok(Arn::new(arn));
                }
                // One that is about to move or to go: behind all others there is room until that is written.
                let answer = call.priority(self.free_priority(cx).await?).send().await.map_err(failed(OP))?;
                let arn = answer.rules().first().and_then(|r| r.rule_arn.clone());
                let arn = arn.ok_or_else(|| incomplete(OP, "the rule's ARN"))?;
                self.write_priorities(cx, &arn).await?;
                return Ok(Arn::new(arn));
            }
            other => other?,
        };
        let arn = answer.rules().first().and_then(|r| r.rule_arn.clone());
        Ok(Arn::new(arn.ok_or_else(|| incomplete(OP, "the rule's ARN"))?))
    }

    async fn update(&self, cx: &Cx, live: &Arn, diff: &Diff) -> Result<Arn> {
        if cx.prepare {
            let answer = cx.cloud.elbv2.describe_rules().rule_arns(&live.arn).send().await;
            let answer = answer.map_err(failed("elbv2:DescribeRules"))?;
            let now = answer.rules().first().map(|r| r.actions()).unwrap_or_default();
            if let Some(actions) = self.action.beside(now)? {
                let call = cx.cloud.elbv2.modify_rule().rule_arn(&live.arn).set_actions(Some(actions));
                call.send().await.map_err(failed("elbv2:ModifyRule"))?;
            }
            return Ok(live.clone());
        }
        if diff.touches_other_than(&["tags", "priority"]) {
            let mut call = cx.cloud.elbv2.modify_rule().rule_arn(&live.arn);
            if ["paths", "hosts", "others"].iter().any(|field| diff.touches(field)) {
                call = call.set_conditions(Some(self.conditions()));
            }
            if diff.touches("others") {
                call = call.reset_transforms(true);
            }
            if diff.touches("action") {
                call = call.actions(self.action.to_sdk()?);
            }
            call.send().await.map_err(failed("elbv2:ModifyRule"))?;
        }
        if diff.touches("priority") {
            self.set_priorities(cx, &live.arn).await?;
        }
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Arn) -> Result<()> {
        cx.cloud.elbv2.delete_rule().rule_arn(&live.arn).send().await.map_err(failed("elbv2:DeleteRule"))?;
        Ok(())
    }
}

impl AwsKind for ListenerRule {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["elasticloadbalancing:CreateRule", "elasticloadbalancing:AddTags"],
        update: &[
            "elasticloadbalancing:ModifyRule",
            "elasticloadbalancing:SetRulePriorities",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        delete: &["elasticloadbalancing:DeleteRule"],
    };
    const SPELLING: &'static [Spelling] =
        &[("action.kind", ACTION), ("action.redirect.protocol", REDIRECT), ("action.redirect.status_code", STATUS)];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(now: &[(&str, i32)], wanted: &[(&str, i32)]) -> Vec<(String, i32)> {
        let wanted = wanted.iter().map(|(arn, n)| ((*arn).to_owned(), *n)).collect();
        exchange(&now.iter().copied().collect(), &wanted)
    }

    fn told(list: &[(&str, i32)]) -> Vec<(String, i32)> {
        list.iter().map(|(arn, n)| ((*arn).to_owned(), *n)).collect()
    }

    #[test]
    fn all_that_move_are_written_together() {
        let now = [("a", 10), ("b", 20), ("c", 30)];
        assert_eq!(pairs(&now, &[("a", 20), ("b", 30), ("c", 40)]), told(&[("a", 20), ("b", 30), ("c", 40)]));
        assert_eq!(pairs(&now, &[("a", 20), ("b", 10), ("c", 30)]), told(&[("a", 20), ("b", 10)]));
        assert_eq!(pairs(&now, &[("a", 10), ("b", 20), ("c", 30)]), told(&[]));
    }

    #[test]
    fn who_goes_makes_room() {
        assert_eq!(pairs(&[("a", 10), ("b", 20)], &[("b", 10)]), told(&[("a", LAST), ("b", 10)]));
        assert_eq!(pairs(&[("a", 10), ("b", LAST), ("c", 5)], &[("c", 10)]), told(&[("a", LAST - 1), ("c", 10)]));
    }

    #[test]
    fn conditions_that_somebody_added_are_seen() {
        use aws_sdk_elasticloadbalancingv2::types::{HttpHeaderConditionConfig, SourceIpConditionConfig};
        let paths = PathPatternConditionConfig::builder().values("/a/*").build();
        let path = RuleCondition::builder().field("path-pattern").values("/a/*").path_pattern_config(paths).build();
        let ours = SdkRule::builder().conditions(path);
        assert_eq!(others(&ours.clone().build()), Vec::<String>::new());
        let from = SourceIpConditionConfig::builder().values("10.0.0.0/8").build();
        let from = RuleCondition::builder().field("source-ip").source_ip_config(from).build();
        let header = HttpHeaderConditionConfig::builder().http_header_name("X-A").values("b").build();
        let header = RuleCondition::builder().field("http-header").http_header_config(header).build();
        let pattern = PathPatternConditionConfig::builder().regex_values("^/x").build();
        let pattern = RuleCondition::builder().field("path-pattern").path_pattern_config(pattern).build();
        let found = others(&ours.conditions(from).conditions(header).conditions(pattern).build());
        assert_eq!(found, ["source-ip 10.0.0.0/8", "http-header X-A b", "path-pattern ^/x"]);
        let (wanted, now) = (serde_json::json!({"others": []}), serde_json::json!({"others": found}));
        let diff = crate::engine::diff(ListenerRule::RULES, &wanted, &now, &Default::default());
        assert!(diff.touches("others") && diff.forcing().next().is_none());
    }
}
