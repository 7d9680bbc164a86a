use std::sync::Arc;

use aws_sdk_wafv2::types::{
    self as sdk, ActionCondition, ActionValue, AllowAction, BlockAction, Condition, DefaultAction, FieldToMatch, Filter,
    FilterBehavior, FilterRequirement, LoggingConfiguration, LoggingFilter, ResourceType, SingleHeader,
};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rule::{ALLOW, BLOCK, COUNT, GROUP, is_visible, visibility, yes};
use super::{CLOUDFRONT, Called, Candidate, Rule, SCOPES, built, candidates, claim, client, name, new_tags, retag};
use crate::aws::call::answers::{or_gone, present};
use crate::aws::call::error::incomplete;
use crate::aws::logs::LogGroup;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::Tags;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wafv2::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, cloudfront, elbv2};
use crate::engine::{
    self, Blocker, Claim, Class, Diff, Effect, Error, Impact, Observed, Readiness, Ref, Resource, Result, Usual,
};

/// What web ACLs are called in ARNs.
pub(super) const SORT: &str = "webacl";
/// What a filter of logs can keep (<https://docs.aws.amazon.com/waf/latest/APIReference/API_ActionCondition.html>).
const KEPT: &[&str] = &["ALLOW", "BLOCK", "COUNT", "CAPTCHA", "CHALLENGE", "EXCLUDED_AS_COUNT"];
/// What a filter keeps that a file cannot say.
const OTHER: &str = "OTHER";
/// What every name of a destination of logs begins with.
const LOGS: &str = "aws-waf-logs-";

/// A web ACL: the rules by which WAF lets requests pass or not.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebAcl {
    /// Where it stands: `REGIONAL` before load balancers, `CLOUDFRONT` before distributions. It cannot be changed.
    pub scope: String,
    /// What is done with requests for which no rule decides: `allow` or `block`. Left out: `allow`.
    #[serde(default = "allow")]
    pub default_action: String,
    /// Its rules. Those that someone else adds are differences.
    pub rules: Vec<Rule>,
    /// Where requests are logged. Left out: nowhere.
    #[serde(default)]
    pub logs: Logs,
    /// Whether WAF counts all requests in CloudWatch and keeps samples of them. Left out: it does.
    #[serde(default = "yes")]
    pub metrics: bool,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// Where requests are logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// The ARN of the log group, whose name begins with `aws-waf-logs-`. It is in the region of the web ACL. Left out: no logs.
    pub log_group: String,
    /// The requests that are logged, by what was done with them: `ALLOW`, `BLOCK`, `COUNT`, `CAPTCHA`, `CHALLENGE`,
    /// `EXCLUDED_AS_COUNT`. Left out: all.
    pub keep: Vec<String>,
    /// The headers whose values are left out, in lower case. Left out: none.
    pub redact: Vec<String>,
}

fn allow() -> String {
    ALLOW.into()
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The name, which is that of its metric.
    pub name: String,
}

impl Live {
    fn of(called: &Called) -> Live {
        Live { id: called.arn.clone(), arn: called.arn.clone(), name: called.name.clone() }
    }
}

/// A web ACL that can be the stack's, as it is.
pub(super) struct Seen {
    pub(super) called: Called,
    pub(super) claim: Claim,
    acl: sdk::WebAcl,
    tags: Tags,
}

impl Seen {
    /// Returns its rules in the order in which they are asked.
    pub(super) fn rules(&self) -> Vec<Rule> {
        let mut rules: Vec<Rule> = self.acl.rules().iter().map(Rule::from_sdk).collect();
        rules.sort_by_key(|rule| rule.priority);
        rules
    }
}

/// Returns the web ACLs that can be the stack's.
pub(super) async fn seen(cx: &Cx) -> Result<Arc<Vec<Seen>>> {
    cx.reads
        .once("wafv2.web_acls", async {
            let found = try_join_all(candidates(cx, SORT).await?.into_iter().map(|Candidate { called, tags }| async move {
                let found = present(read(cx, &called).await.map(Some))?;
                let claim = claim(cx, WebAcl::KIND, called.scope, &tags, &called.name);
                Ok::<_, Error>(found.map(|(acl, _)| Seen { called, claim, acl, tags }))
            }));
            Ok(found.await?.into_iter().flatten().collect())
        })
        .await
}

/// Reads a web ACL, and the token that a change of it must name.
async fn read(cx: &Cx, called: &Called) -> Result<(sdk::WebAcl, String)> {
    const OP: &str = "wafv2:GetWebACL";
    let call = called.client(cx).get_web_acl().scope(called.sdk()).name(&called.name).id(&called.id);
    let answer = call.send().await.map_err(failed(OP))?;
    let acl = answer.web_acl.ok_or_else(|| incomplete(OP, "the web ACL"))?;
    Ok((acl, answer.lock_token.ok_or_else(|| incomplete(OP, "a lock token"))?))
}

async fn logs_of(cx: &Cx, called: &Called) -> Result<Logs> {
    let call = called.client(cx).get_logging_configuration().resource_arn(&called.arn).send().await;
    let answer = present(call.map_err(failed("wafv2:GetLoggingConfiguration")).map(|answer| answer.logging_configuration))?;
    Ok(answer.map(|config| Logs::from_sdk(&config)).unwrap_or_default())
}

impl Logs {
    fn from_sdk(config: &LoggingConfiguration) -> Logs {
        let group = |arn: &String| match arn.contains(":log-group:") {
            true => Ref::<LogGroup>::physical(arn.trim_end_matches(":*")).attr("arn").to_string(),
            false => arn.clone(),
        };
        let header = |field: &FieldToMatch| match field.single_header() {
            Some(header) => header.name.to_ascii_lowercase(),
            None => "(another part of requests)".into(),
        };
        Logs {
            log_group: config.log_destination_configs.first().map(group).unwrap_or_default(),
            keep: config.logging_filter().map(kept).unwrap_or_default(),
            redact: config.redacted_fields().iter().map(header).collect(),
        }
    }

    fn to_sdk(&self, arn: &str) -> Result<LoggingConfiguration> {
        let header = |name: &String| -> Result<FieldToMatch> {
            let header = built(SingleHeader::builder().name(name).build())?;
            Ok(FieldToMatch::builder().single_header(header).build())
        };
        let condition = |action: &String| -> Result<Condition> {
            let action = built(ActionCondition::builder().action(ActionValue::from(action.as_str())).build())?;
            Ok(Condition::builder().action_condition(action).build())
        };
        let redacted = self.redact.iter().map(header).collect::<Result<Vec<_>>>()?;
        let mut config = LoggingConfiguration::builder().resource_arn(arn).log_destination_configs(&self.log_group);
        if !redacted.is_empty() {
            config = config.set_redacted_fields(Some(redacted));
        }
        if !self.keep.is_empty() {
            let filter = Filter::builder().behavior(FilterBehavior::Keep).requirement(FilterRequirement::MeetsAny);
            let filter = filter.set_conditions(Some(self.keep.iter().map(condition).collect::<Result<_>>()?)).build();
            let filter = LoggingFilter::builder().filters(built(filter)?).default_behavior(FilterBehavior::Drop).build();
            config = config.logging_filter(built(filter)?);
        }
        built(config.build())
    }

    fn wrong(&self) -> Option<String> {
        let name = self.log_group.split_once(":log-group:").map_or("", |(_, name)| name);
        if !self.log_group.is_empty() && !self.log_group.contains("${") && !name.starts_with(LOGS) {
            return Some(format!("the name of the log group must begin with `{LOGS}`"));
        }
        let unknown = self.keep.iter().find(|action| !KEPT.contains(&action.as_str()));
        unknown.map(|action| format!("`{action}` in `keep` is none of `{}`", KEPT.join("`, `")))
    }
}

/// Returns the actions that a filter keeps, if it does nothing else.
fn kept(filter: &LoggingFilter) -> Vec<String> {
    let other = || vec![OTHER.to_owned()];
    let [one] = filter.filters.as_slice() else { return other() };
    let plain = one.behavior == FilterBehavior::Keep && filter.default_behavior == FilterBehavior::Drop;
    // Of one condition, any and all are the same.
    if !plain || one.requirement != FilterRequirement::MeetsAny && one.conditions.len() > 1 {
        return other();
    }
    let action = |condition: &Condition| Some(condition.action_condition()?.action.as_str().to_owned());
    one.conditions.iter().map(action).collect::<Option<_>>().unwrap_or_else(other)
}

fn default_action(action: &str) -> DefaultAction {
    match action {
        BLOCK => DefaultAction::builder().block(BlockAction::builder().build()).build(),
        _ => DefaultAction::builder().allow(AllowAction::builder().build()).build(),
    }
}

impl WebAcl {
    fn from_sdk(seen: &Seen, logs: Logs) -> WebAcl {
        let acl = &seen.acl;
        let default = acl.default_action().and_then(DefaultAction::block).map_or(ALLOW, |_| BLOCK);
        WebAcl {
            scope: seen.called.scope.to_owned(),
            default_action: default.to_owned(),
            rules: seen.rules(),
            logs,
            metrics: is_visible(acl.visibility_config(), &seen.called.name),
            tags: seen.tags.clone(),
        }
    }

    fn rules(&self) -> Result<Option<Vec<sdk::Rule>>> {
        Ok(Some(self.rules.iter().map(Rule::to_sdk).collect::<Result<_>>()?))
    }

    /// Writes the rules. What a file cannot say of the web ACL stays: an update replaces everything
    /// (<https://docs.aws.amazon.com/waf/latest/APIReference/API_UpdateWebACL.html>).
    async fn put(&self, cx: &Cx, called: &Called, diff: &Diff) -> Result<()> {
        let (acl, token) = read(cx, called).await?;
        let removed = diff.removed_keys("rules");
        let unseen = |rule: &&sdk::Rule| !self.rules.iter().any(|own| own.name == rule.name) && !removed.contains(&rule.name);
        if let Some(rule) = acl.rules().iter().find(unseen) {
            let error = Error::new(Class::Blocked, format!("someone added the rule `{}` in the meantime", rule.name));
            return Err(error.hint("the plan does not have it, and this change would remove it: plan again"));
        }
        let call = called.client(cx).update_web_acl().scope(called.sdk()).name(&called.name).id(&called.id).lock_token(token);
        // What is said of it beyond the file, such as a response of one's own, stays.
        let is_same = acl.default_action().is_some_and(|action| (self.default_action == BLOCK) == action.block().is_some());
        let default = acl.default_action.filter(|_| is_same).unwrap_or_else(|| default_action(&self.default_action));
        let call = call.default_action(default).set_rules(self.rules()?);
        let call = call.visibility_config(visibility(&called.name, self.metrics)?);
        let call = call.set_description(acl.description.filter(|text| !text.is_empty()));
        let call = call.set_custom_response_bodies(acl.custom_response_bodies).set_captcha_config(acl.captcha_config);
        let call = call.set_challenge_config(acl.challenge_config).set_token_domains(acl.token_domains);
        let call = call.set_association_config(acl.association_config).set_data_protection_config(acl.data_protection_config);
        let call = call.set_on_source_d_do_s_protection_config(acl.on_source_d_do_s_protection_config);
        let call = call.set_application_config(acl.application_config).set_monetization_config(acl.monetization_config);
        call.send().await.map_err(failed("wafv2:UpdateWebACL"))?;
        Ok(())
    }
}

impl Resource for WebAcl {
    const KIND: &'static str = "wafv2.web_acl";
    const RULES: &'static [engine::Rule] = &[
        engine::Rule::immutable("scope"),
        engine::Rule::keyed("rules", "name"),
        engine::Rule::exact("rules.*"),
        engine::Rule::set("rules.*.ip_sets"),
        engine::Rule::takes("rules.*.ip_sets.*", &[("wafv2.ip_set", "arn")]),
        engine::Rule::set("rules.*.countries"),
        engine::Rule::set("rules.*.outside"),
        engine::Rule::exact("rules.*.managed"),
        engine::Rule::set("rules.*.managed.count"),
        engine::Rule::unit("rules.*.rate.window", "s"),
        engine::Rule::after_create("logs"),
        engine::Rule::takes("logs.log_group", &[("logs.log_group", "arn")]),
        engine::Rule::set("logs.keep"),
        engine::Rule::set("logs.redact"),
        engine::Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(3, 10);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if let Some(why) = self.rules.iter().find_map(Rule::wrong) {
            return Some(("rules", why));
        }
        for (at, rule) in self.rules.iter().enumerate() {
            let same = self.rules[..at].iter().find(|other| other.priority == rule.priority || other.name == rule.name);
            if let Some(other) = same {
                let what = if other.name == rule.name { "name" } else { "priority" };
                return Some(("rules", format!("`{}` and `{}` have the same {what}", other.name, rule.name)));
            }
        }
        self.logs.wrong().map(|why| ("logs", why))
    }

    /// Returns the effects of a change: what begins to be blocked.
    fn effects(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        let rule = |of: &Value, name: &str| {
            let mut rules = of["rules"].as_array().into_iter().flatten();
            rules.find(|rule| rule["name"] == name).map(|rule| rule["action"].as_str().unwrap_or_default().to_owned())
        };
        let blocks = |action: Option<&str>| matches!(action, Some(BLOCK | GROUP));
        let names = desired["rules"].as_array().into_iter().flatten().filter_map(|rule| rule["name"].as_str());
        let begins: Vec<String> = names
            .filter(|name| {
                let (to, from) = (rule(desired, name), rule(observed, name));
                diff.touches(&format!("rules.{name}")) && blocks(to.as_deref()) && !blocks(from.as_deref())
            })
            .map(|name| format!("`{name}`"))
            .collect();
        let mut out = Vec::new();
        if !begins.is_empty() {
            let words = format!("requests are blocked that passed so far, by {}", begins.join(", "));
            out.push(Effect::new(Impact::Interrupts, words));
        }
        if diff.touches("default_action") && desired["default_action"] == BLOCK {
            out.push(Effect::new(Impact::Interrupts, "requests for which no rule decides are blocked"));
        }
        out
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = seen(cx).await?;
        try_join_all(all.iter().map(|seen| async move {
            Ok(Observed {
                claim: seen.claim.clone(),
                live: Live::of(&seen.called),
                fields: WebAcl::from_sdk(seen, logs_of(cx, &seen.called).await?),
                state: Readiness::Ready,
            })
        }))
        .await
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "wafv2:CreateWebACL";
        let name = name(cx, &self.scope);
        let call = client(cx, &self.scope).create_web_acl().name(&name).scope(sdk::Scope::from(self.scope.as_str()));
        let call = call.default_action(default_action(&self.default_action)).set_rules(self.rules()?);
        let call = call.visibility_config(visibility(&name, self.metrics)?);
        let call = call.set_tags(Some(new_tags(cx, &self.scope, &self.tags)?));
        let answer = call.send().await.map_err(failed(OP))?;
        let arn = answer.summary.and_then(|made| made.arn).ok_or_else(|| incomplete(OP, "the web ACL's ARN"))?;
        Ok(Live::of(&Called::known(&arn, SORT)?))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let called = Called::known(&live.arn, SORT)?;
        if diff.touches_other_than(&["logs", "tags"]) {
            self.put(cx, &called, diff).await?;
        }
        if diff.touches("logs") {
            let client = called.client(cx);
            if self.logs.log_group.is_empty() {
                let call = client.delete_logging_configuration().resource_arn(&called.arn).send().await;
                or_gone(call.map_err(failed("wafv2:DeleteLoggingConfiguration")))?;
            } else {
                let call = client.put_logging_configuration().logging_configuration(self.logs.to_sdk(&called.arn)?);
                call.send().await.map_err(failed("wafv2:PutLoggingConfiguration"))?;
            }
        }
        retag(cx, &called, &self.tags, diff).await?;
        Ok(live.clone())
    }

    /// Deletes it. Its configuration of logs goes first: with it the log group gets no more lines.
    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let called = Called::known(&live.arn, SORT)?;
        let (_, token) = read(cx, &called).await?;
        let client = called.client(cx);
        let call = client.delete_logging_configuration().resource_arn(&called.arn).send().await;
        or_gone(call.map_err(failed("wafv2:DeleteLoggingConfiguration")))?;
        let call = client.delete_web_acl().scope(called.sdk()).name(&called.name).id(&called.id).lock_token(token);
        call.send().await.map_err(failed("wafv2:DeleteWebACL"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let called = Called::known(&live.arn, SORT)?;
        if called.scope == CLOUDFRONT {
            let before = cloudfront::behind(&cx.fresh(), &called.arn).await?;
            let blocker =
                |one: &cloudfront::Behind| Blocker { what: format!("the distribution {}", one.id), passing: one.is_ours };
            return Ok(before.iter().map(blocker).collect());
        }
        let mut out = Vec::new();
        for sort in USERS {
            let found = match behind(cx, &called, sort.clone()).await {
                // Not every region has every service.
                Err(e) if e.is("WAFInvalidParameterException") => continue,
                other => other?,
            };
            for arn in found {
                out.push(elbv2::blocking(cx, &arn).unwrap_or(Blocker { what: arn, passing: false }));
            }
        }
        Ok(out)
    }
}

/// What can be behind a web ACL of a region, of which each is asked about by itself
/// (<https://docs.aws.amazon.com/waf/latest/APIReference/API_ListResourcesForWebACL.html>).
const USERS: [ResourceType; 6] = [
    ResourceType::ApplicationLoadBalancer,
    ResourceType::ApiGateway,
    ResourceType::Appsync,
    ResourceType::CognitioUserPool,
    ResourceType::AppRunnerService,
    ResourceType::VerifiedAccessInstance,
];

/// Returns the ARNs of what is behind a web ACL of a region.
pub(super) async fn behind(cx: &Cx, called: &Called, sort: ResourceType) -> Result<Vec<String>> {
    let call = called.client(cx).list_resources_for_web_acl().web_acl_arn(&called.arn).resource_type(sort).send().await;
    present(call.map_err(failed("wafv2:ListResourcesForWebACL")).map(|answer| answer.resource_arns.unwrap_or_default()))
}

impl AwsKind for WebAcl {
    const MARK: Mark = Mark::Name;
    // For logs in a log group WAF uses the caller's permissions
    // (<https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html>).
    const ACTIONS: Actions = Actions {
        create: &["wafv2:CreateWebACL", "wafv2:TagResource"],
        update: &["wafv2:UpdateWebACL", "wafv2:TagResource", "wafv2:UntagResource"],
        delete: &["wafv2:DeleteWebACL", "wafv2:DeleteLoggingConfiguration", "logs:DeleteLogDelivery"],
    };
    const SPELLING: &'static [Spelling] = &[
        ("scope", How::Word(SCOPES)),
        ("default_action", How::Word(&[ALLOW, BLOCK])),
        ("rules.*.action", How::Word(&[ALLOW, BLOCK, COUNT, GROUP])),
        ("logs.redact.*", How::Lower),
    ];

    fn further_actions(item: &engine::Item) -> Vec<&'static str> {
        let wants = |fields: &Value| fields["logs"]["log_group"].as_str().is_some_and(|arn| !arn.is_empty());
        let changed = item.before.is_none() || item.changes.touches("logs");
        match item.desired.as_deref().is_some_and(|desired| changed && wants(desired)) {
            true => vec![
                "wafv2:PutLoggingConfiguration",
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:PutResourcePolicy",
                "logs:DescribeResourcePolicies",
                "logs:DescribeLogGroups",
            ],
            false if item.before.is_some() && item.changes.touches("logs") => {
                vec!["wafv2:DeleteLoggingConfiguration", "logs:DeleteLogDelivery"]
            }
            false => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Ids, diff};

    fn acl(rules: Value) -> Value {
        json!({"scope": "REGIONAL", "rules": rules, "default_action": "allow", "logs": Logs::default(), "metrics": true})
    }

    fn group(action: &str) -> Value {
        json!({"name": "common", "priority": 10, "action": action, "managed": {"vendor": "AWS", "name": "AWSManagedRulesCommonRuleSet"}, "metrics": true})
    }

    #[test]
    fn rules_of_others_and_changed_ones_are_differences() {
        let paths = |desired: Value, observed: Value| -> Vec<String> {
            let found = diff(WebAcl::RULES, &acl(desired), &acl(observed), &Ids::default());
            found.changes.into_iter().map(|change| change.path).collect()
        };
        let theirs = json!({"name": "theirs", "priority": 99, "action": "block", "metrics": true, "other": "a statement"});
        assert_eq!(paths(json!([group("count")]), json!([theirs, group("count")])), ["rules.theirs"]);
        assert_eq!(paths(json!([group("group")]), json!([group("count")])), ["rules.common.action"]);
        let mut scoped = group("count");
        scoped["other"] = json!("a scope-down statement");
        assert_eq!(paths(json!([group("count")]), json!([scoped])), ["rules.common.other"]);
        let mut pinned = group("count");
        pinned["managed"]["version"] = json!("Version_1.0");
        assert_eq!(paths(json!([group("count")]), json!([pinned])), ["rules.common.managed.version"]);
    }

    #[test]
    fn what_begins_to_be_blocked_is_told() {
        let told = |from: &str, to: &str| {
            let (desired, observed) = (acl(json!([group(to)])), acl(json!([group(from)])));
            let diff = diff(WebAcl::RULES, &desired, &observed, &Ids::default());
            WebAcl::effects(&desired, &observed, &diff).into_iter().map(|effect| effect.impact).collect::<Vec<_>>()
        };
        assert_eq!(told("count", "group"), [Impact::Interrupts]);
        assert_eq!(told("group", "count"), []);
        assert_eq!(told("block", "group"), []);
    }

    #[test]
    fn the_configuration_of_logs_is_read_back() {
        let arn = "arn:aws:logs:us-east-1:1:log-group:aws-waf-logs-x";
        let text = |text: &str| text.to_owned();
        for keep in [vec![], vec![text("BLOCK"), text("COUNT")]] {
            let wanted = Logs { log_group: text(arn), keep, redact: vec![text("cookie"), text("authorization")] };
            let read = Logs::from_sdk(&wanted.to_sdk("arn:x").unwrap());
            assert_eq!(read, Logs { log_group: format!("${{=logs.log_group.arn:{arn}}}"), ..wanted });
        }
        let mut config = Logs { keep: vec![text("BLOCK"), text("COUNT")], ..Logs::default() }.to_sdk("arn:x").unwrap();
        config.logging_filter.as_mut().unwrap().filters[0].requirement = FilterRequirement::MeetsAll;
        assert_eq!(Logs::from_sdk(&config).keep, [OTHER]);
    }

    #[test]
    fn what_waf_refuses_is_refused_at_its_field() {
        let refused = |rules: Value, logs: Value| {
            let mut fields = acl(rules);
            fields["logs"] = logs;
            serde_json::from_value::<WebAcl>(fields).unwrap().refused().map(|(field, _)| field)
        };
        assert_eq!(refused(json!([group("count")]), json!({})), None);
        let other =
            |name: &str, priority: i32| json!({"name": name, "priority": priority, "action": "block", "rate": {"limit": 10}});
        assert_eq!(refused(json!([group("count"), other("rate", 10)]), json!({})), Some("rules"));
        assert_eq!(refused(json!([group("count"), other("common", 11)]), json!({})), Some("rules"));
        assert_eq!(refused(json!([]), json!({"log_group": "arn:aws:logs:us-east-1:1:log-group:/stack/x"})), Some("logs"));
        assert_eq!(refused(json!([]), json!({"log_group": "arn:aws:logs:us-east-1:1:log-group:aws-waf-logs-x"})), None);
        assert_eq!(refused(json!([]), json!({"keep": ["DENY"]})), Some("logs"));
    }
}
