//! The rules of web ACLs, as a file says them and as WAF has them.

use aws_sdk_wafv2::types::{
    self as sdk, AllowAction, BlockAction, CountAction, CountryCode, GeoMatchStatement, IpSetReferenceStatement,
    ManagedRuleGroupStatement, NoneAction, NotStatement, OrStatement, OverrideAction, RateBasedStatement,
    RateBasedStatementAggregateKeyType, RuleAction, RuleActionOverride, Statement, VisibilityConfig,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::IpSet;
use super::built;
use crate::engine::{Ref, Result, token};

pub(super) const ALLOW: &str = "allow";
pub(super) const BLOCK: &str = "block";
pub(super) const COUNT: &str = "count";
/// What a rule group does by itself.
pub(super) const GROUP: &str = "group";
/// The limits of rate-based rules
/// (<https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html>).
const LEAST: i64 = 10;
const MOST: i64 = 2_000_000_000;
const WINDOWS: [i64; 4] = [60, 120, 300, 600];
/// The maximum number of countries of a statement
/// (<https://docs.aws.amazon.com/waf/latest/APIReference/API_GeoMatchStatement.html>).
const COUNTRIES: usize = 50;
/// The maximum length of a name.
const NAME: usize = 128;

/// A rule: which requests it is about, and what is done with them. It has one of `managed`, `ip_sets`, `countries`, `outside` and `rate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, and that of its metric.
    pub name: String,
    /// The rules are asked in the order of these numbers.
    pub priority: i32,
    /// What is done with the requests: `allow`, `block` or `count`; for a managed group `group` (what its own rules say) or `count`.
    pub action: String,
    /// A managed rule group. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedGroup>,
    /// The ARNs of the IP sets whose addresses it is about. Left out: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_sets: Vec<String>,
    /// The countries from which requests come, by two letters, at most 50. Left out: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub countries: Vec<String>,
    /// The countries from which requests do not come, by two letters, at most 50. Left out: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<String>,
    /// How many requests from one address are too many. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Whether WAF counts the requests in CloudWatch and keeps samples of them. Left out: it does.
    #[serde(default = "yes")]
    pub metrics: bool,
    /// What a file cannot say, in words: of rules that someone else changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub other: Option<String>,
}

/// A managed rule group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagedGroup {
    /// Who maintains it: `AWS`, or a seller of the AWS Marketplace.
    pub vendor: String,
    /// Its name: `AWSManagedRulesCommonRuleSet`.
    pub name: String,
    /// Its version. Left out: the default one, which the vendor chooses. Others expire, and WAF then refuses every change of the web ACL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The names of its rules that only count. Left out: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub count: Vec<String>,
}

/// How many requests from one address are too many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The number of requests, from 10.
    pub limit: i64,
    /// The seconds in which they are counted: 60, 120, 300 or 600.
    #[serde(default = "five_minutes")]
    pub window: i64,
}

pub(super) fn yes() -> bool {
    true
}

fn five_minutes() -> i64 {
    300
}

/// Returns the configuration of a metric.
pub(super) fn visibility(name: &str, metrics: bool) -> Result<VisibilityConfig> {
    let config = VisibilityConfig::builder().sampled_requests_enabled(metrics).cloud_watch_metrics_enabled(metrics);
    built(config.metric_name(name).build())
}

/// Checks whether requests are counted and sampled under this name.
pub(super) fn is_visible(config: Option<&VisibilityConfig>, name: &str) -> bool {
    config.is_some_and(|c| c.sampled_requests_enabled && c.cloud_watch_metrics_enabled && c.metric_name == name)
}

impl ManagedGroup {
    fn to_sdk(&self) -> Result<ManagedRuleGroupStatement> {
        let counts = || RuleAction::builder().count(CountAction::builder().build()).build();
        let overrides: Vec<RuleActionOverride> = self
            .count
            .iter()
            .map(|name| built(RuleActionOverride::builder().name(name).action_to_use(counts()).build()))
            .collect::<Result<_>>()?;
        let group = ManagedRuleGroupStatement::builder().vendor_name(&self.vendor).name(&self.name);
        let group = group.set_version(self.version.clone());
        built(group.set_rule_action_overrides(Some(overrides).filter(|all| !all.is_empty())).build())
    }

    /// Reads a statement, and what of it a file cannot say.
    fn from_sdk(group: &ManagedRuleGroupStatement) -> (ManagedGroup, Option<String>) {
        let (mut count, mut other) = (Vec::new(), Vec::new());
        // The older way to say the same (<https://docs.aws.amazon.com/waf/latest/APIReference/API_ExcludedRule.html>).
        count.extend(group.excluded_rules().iter().map(|rule| rule.name.clone()));
        for rule in group.rule_action_overrides() {
            match rule.action_to_use().is_some_and(is_plain_count) {
                true => count.push(rule.name.clone()),
                false => other.push(format!("another action for `{}`", rule.name)),
            }
        }
        if group.scope_down_statement().is_some() {
            other.push("a scope-down statement".into());
        }
        if !group.managed_rule_group_configs().is_empty() {
            other.push("a configuration of the group".into());
        }
        let (vendor, name) = (group.vendor_name.clone(), group.name.clone());
        let other = (!other.is_empty()).then(|| other.join(", "));
        (ManagedGroup { vendor, name, version: group.version.clone(), count }, other)
    }
}

fn is_plain_count(action: &RuleAction) -> bool {
    action.count().is_some_and(|count| count.custom_request_handling().is_none())
}

/// Returns the ARNs of the IP sets of a statement, if it is about nothing else.
fn ip_sets(statement: &Statement) -> Option<Vec<String>> {
    let one = |statement: &Statement| {
        let set = statement.ip_set_reference_statement().filter(|set| set.ip_set_forwarded_ip_config().is_none())?;
        Some(Ref::<IpSet>::physical(&set.arn).attr("arn").to_string())
    };
    match statement.or_statement() {
        Some(or) => or.statements().iter().map(one).collect(),
        None => Some(vec![one(statement)?]),
    }
}

/// Returns the countries of a statement, if it is about nothing else.
fn countries(statement: &Statement) -> Option<Vec<String>> {
    let geo = statement.geo_match_statement().filter(|geo| geo.forwarded_ip_config().is_none())?;
    Some(geo.country_codes().iter().map(|code| code.as_str().to_owned()).collect())
}

/// Returns the rate of a statement, if it counts all requests by address.
fn rate(statement: &Statement) -> Option<Rate> {
    let rate = statement.rate_based_statement()?;
    let plain = rate.scope_down_statement().is_none()
        && rate.forwarded_ip_config().is_none()
        && rate.custom_keys().is_empty()
        && rate.aggregate_key_type == RateBasedStatementAggregateKeyType::Ip;
    // Without a word it is five minutes (<https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html>).
    let window = if rate.evaluation_window_sec == 0 { five_minutes() } else { rate.evaluation_window_sec };
    plain.then_some(Rate { limit: rate.limit, window })
}

impl Rule {
    pub(super) fn to_sdk(&self) -> Result<sdk::Rule> {
        let statement = Statement::builder();
        let geo = |codes: &[String]| {
            let codes = codes.iter().map(|code| CountryCode::from(code.as_str())).collect();
            GeoMatchStatement::builder().set_country_codes(Some(codes)).build()
        };
        let sets = |arn: &String| -> Result<Statement> {
            let set = built(IpSetReferenceStatement::builder().arn(arn).build())?;
            Ok(Statement::builder().ip_set_reference_statement(set).build())
        };
        let statement = if let Some(group) = &self.managed {
            statement.managed_rule_group_statement(group.to_sdk()?).build()
        } else if let Some(rate) = &self.rate {
            let rate = RateBasedStatement::builder().limit(rate.limit).evaluation_window_sec(rate.window);
            statement
                .rate_based_statement(built(rate.aggregate_key_type(RateBasedStatementAggregateKeyType::Ip).build())?)
                .build()
        } else if !self.countries.is_empty() {
            statement.geo_match_statement(geo(&self.countries)).build()
        } else if !self.outside.is_empty() {
            let inside = Statement::builder().geo_match_statement(geo(&self.outside)).build();
            statement.not_statement(NotStatement::builder().statement(inside).build()).build()
        } else if let [one] = self.ip_sets.as_slice() {
            sets(one)?
        } else {
            // An `or` has at least two statements (<https://docs.aws.amazon.com/waf/latest/APIReference/API_OrStatement.html>).
            let all = self.ip_sets.iter().map(sets).collect::<Result<_>>()?;
            statement.or_statement(built(OrStatement::builder().set_statements(Some(all)).build())?).build()
        };
        let count = || CountAction::builder().build();
        let rule = sdk::Rule::builder().name(&self.name).priority(self.priority).statement(statement);
        let rule = match (&self.managed, self.action.as_str()) {
            (Some(_), COUNT) => rule.override_action(OverrideAction::builder().count(count()).build()),
            (Some(_), _) => rule.override_action(OverrideAction::builder().none(NoneAction::builder().build()).build()),
            (None, ALLOW) => rule.action(RuleAction::builder().allow(AllowAction::builder().build()).build()),
            (None, COUNT) => rule.action(RuleAction::builder().count(count()).build()),
            (None, _) => rule.action(RuleAction::builder().block(BlockAction::builder().build()).build()),
        };
        built(rule.visibility_config(visibility(&self.name, self.metrics)?).build())
    }

    /// Reads a rule. What a file cannot say of it is said in words, so that it differs from every rule of a file.
    pub(super) fn from_sdk(rule: &sdk::Rule) -> Rule {
        let action = match (rule.override_action(), rule.action()) {
            (Some(over), _) if over.count().is_some_and(|count| count.custom_request_handling().is_none()) => Some(COUNT),
            (Some(over), _) if over.none().is_some() => Some(GROUP),
            (None, Some(action)) if is_plain_count(action) => Some(COUNT),
            (None, Some(action)) if action.block().is_some_and(|block| block.custom_response().is_none()) => Some(BLOCK),
            (None, Some(action)) if action.allow().is_some_and(|allow| allow.custom_request_handling().is_none()) => Some(ALLOW),
            _ => None,
        };
        let mut out = Rule {
            name: rule.name.clone(),
            priority: rule.priority,
            action: action.unwrap_or("another").to_owned(),
            managed: None,
            ip_sets: Vec::new(),
            countries: Vec::new(),
            outside: Vec::new(),
            rate: None,
            metrics: is_visible(rule.visibility_config(), &rule.name),
            other: None,
        };
        let Some(statement) = rule.statement() else { return out };
        let inverted = statement.not_statement().and_then(|not| not.statement.as_deref()).and_then(countries);
        if let Some(group) = statement.managed_rule_group_statement() {
            let (group, other) = ManagedGroup::from_sdk(group);
            (out.managed, out.other) = (Some(group), other);
        } else if let Some(sets) = ip_sets(statement) {
            out.ip_sets = sets;
        } else if let Some(codes) = countries(statement) {
            out.countries = codes;
        } else if let Some(codes) = inverted {
            out.outside = codes;
        } else if let Some(rate) = rate(statement) {
            out.rate = Some(rate);
        } else {
            out.other = Some("a statement that a file cannot say".into());
        }
        out
    }

    /// Returns the same with the ARNs that references stand for.
    pub(super) fn resolved(&self) -> Rule {
        let arn = |text: &String| match token::whole(text) {
            Some(token::Token::Physical { value, .. }) => value.to_owned(),
            _ => text.clone(),
        };
        Rule { ip_sets: self.ip_sets.iter().map(arn).collect(), ..self.clone() }
    }

    /// Returns what is wrong with it.
    pub(super) fn wrong(&self) -> Option<String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        // "All" and "Default_Action" are WAF's own metrics
        // (<https://docs.aws.amazon.com/waf/latest/APIReference/API_VisibilityConfig.html>).
        let own = matches!(self.name.as_str(), "All" | "Default_Action");
        if self.name.is_empty() || self.name.len() > NAME || !self.name.chars().all(fits) || own {
            let why = format!("it has up to {NAME} letters, digits, `-` and `_`, and is neither `All` nor `Default_Action`");
            return Some(format!("the name `{}`: {why}", self.name));
        }
        if self.other.is_some() {
            return Some(format!("`{}`: `other` cannot be written", self.name));
        }
        let given = [
            self.managed.is_some(),
            !self.ip_sets.is_empty(),
            !self.countries.is_empty(),
            !self.outside.is_empty(),
            self.rate.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            return Some(format!("`{}`: one of `managed`, `ip_sets`, `countries`, `outside` and `rate` is needed", self.name));
        }
        let actions: &[&str] = if self.managed.is_some() { &[GROUP, COUNT] } else { &[ALLOW, BLOCK, COUNT] };
        if !actions.contains(&self.action.as_str()) {
            return Some(format!("`{}`: its action is `{}`, and can be `{}`", self.name, self.action, actions.join("`, `")));
        }
        let codes = || self.countries.iter().chain(&self.outside);
        if codes().count() > COUNTRIES {
            return Some(format!(
                "`{}`: there are {}, and a rule names at most {COUNTRIES} countries",
                self.name,
                codes().count()
            ));
        }
        if let Some(code) = codes().find(|code| !CountryCode::values().contains(&code.as_str())) {
            return Some(format!("`{}`: there is no country `{code}`", self.name));
        }
        let rate = self.rate.as_ref()?;
        if !(LEAST..=MOST).contains(&rate.limit) {
            return Some(format!("`{}`: the limit must be from {LEAST} to {MOST}", self.name));
        }
        (!WINDOWS.contains(&rate.window)).then(|| format!("`{}`: the window must be 60, 120, 300 or 600 seconds", self.name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rule(more: Value) -> Rule {
        let mut fields = json!({"name": "r", "priority": 1, "action": "block"});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(fields).unwrap()
    }

    fn every_sort() -> Vec<Rule> {
        let group = json!({"vendor": "AWS", "name": "AWSManagedRulesCommonRuleSet", "count": ["SizeRestrictions_BODY"]});
        vec![
            rule(json!({"managed": group, "action": "group"})),
            rule(json!({"managed": group, "action": "count", "metrics": false})),
            rule(json!({"countries": ["DE", "FR"], "action": "count"})),
            rule(json!({"outside": ["DE"]})),
            rule(json!({"rate": {"limit": 2000}})),
        ]
    }

    #[test]
    fn what_is_written_is_read_back() {
        for wanted in every_sort() {
            assert_eq!(wanted.wrong(), None, "{wanted:?}");
            assert_eq!(Rule::from_sdk(&wanted.to_sdk().unwrap()), wanted);
        }
        let arns: Vec<String> = ["a", "b"].map(|id| format!("arn:aws:wafv2:us-east-1:1:regional/ipset/{id}/{id}")).into();
        for sets in [&arns[..1], &arns[..]] {
            let wanted = rule(json!({"ip_sets": sets, "action": "allow"}));
            let read = Rule::from_sdk(&wanted.to_sdk().unwrap());
            let refs: Vec<String> = sets.iter().map(|arn| format!("${{=wafv2.ip_set.arn:{arn}}}")).collect();
            assert_eq!(read, Rule { ip_sets: refs, ..wanted });
        }
    }

    #[test]
    fn what_a_file_cannot_say_is_another_rule() {
        let group = json!({"vendor": "AWS", "name": "AWSManagedRulesCommonRuleSet"});
        let wanted = rule(json!({"managed": group, "action": "group"}));
        let mut by_hand = wanted.to_sdk().unwrap();
        let inside = Statement::builder().geo_match_statement(GeoMatchStatement::builder().build()).build();
        let group = by_hand.statement.as_mut().and_then(|all| all.managed_rule_group_statement.as_mut()).unwrap();
        group.scope_down_statement = Some(Box::new(inside));
        assert_eq!(Rule::from_sdk(&by_hand).other.as_deref(), Some("a scope-down statement"));
        let mut by_hand = wanted.to_sdk().unwrap();
        by_hand.statement = Some(Statement::builder().build());
        assert!(Rule::from_sdk(&by_hand).other.is_some());
        let mut by_hand = rule(json!({"rate": {"limit": 2000}})).to_sdk().unwrap();
        let rate = by_hand.statement.as_mut().and_then(|all| all.rate_based_statement.as_mut()).unwrap();
        rate.aggregate_key_type = RateBasedStatementAggregateKeyType::Constant;
        assert!(Rule::from_sdk(&by_hand).rate.is_none() && Rule::from_sdk(&by_hand).other.is_some());
    }

    #[test]
    fn what_waf_refuses_is_refused() {
        let is_wrong = |more: Value| rule(more).wrong().is_some();
        assert!(is_wrong(json!({})) && is_wrong(json!({"countries": ["DE"], "outside": ["FR"]})));
        assert!(is_wrong(json!({"countries": ["ZZ"]})) && is_wrong(json!({"countries": ["de"]})));
        assert!(is_wrong(json!({"countries": vec!["DE"; 51]})));
        assert!(is_wrong(json!({"countries": ["DE"], "action": "group"})));
        assert!(is_wrong(json!({"rate": {"limit": 9}})) && is_wrong(json!({"rate": {"limit": 10, "window": 90}})));
        assert!(
            is_wrong(json!({"rate": {"limit": 10}, "name": "a b"})) && is_wrong(json!({"rate": {"limit": 10}, "name": "All"}))
        );
        assert!(is_wrong(json!({"rate": {"limit": 10}, "other": "x"})));
        let group = json!({"vendor": "AWS", "name": "AWSManagedRulesCommonRuleSet"});
        assert!(is_wrong(json!({"managed": group, "action": "block"})));
    }
}
