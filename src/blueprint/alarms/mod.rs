//! `alarms`: a CloudWatch alarm for each part of the stack and each way in which it can be in trouble, and the topic that they tell.
//!
//! What each alarm compares is a row of `table`; which objects a part consists of is found in the graph, so what `resources` adds
//! is watched like what the sections make.

mod chat;
pub mod databases;
mod edge;
mod elsewhere;
pub mod expiry;
mod lines;
mod parts;
mod reports;
mod table;
mod together;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::facts::{Expiry, Facts, Problem, slug};
use super::keys::Keys;
use super::load_balancer::Balancer;
use super::{nearest, policies};
use crate::aws::Tags;
use crate::aws::cloudwatch::{Alarm, Metric};
use crate::aws::events::EventRule;
use crate::aws::sns::{Subscription, Topic};
use crate::config::Stack;
use crate::config::alarms::Alarms;
use crate::engine::{Error, Graph, Node, Ref, Resource, Scope, lies_in};
pub use reports::telling;
use table::Watch;

const ORIGIN: &str = "alarms";
/// The topic's name.
const TOPIC: &str = "alarms";
/// A part without data is at rest, has no requests, or is being replaced: that is no trouble by itself, and an environment that is
/// paused tells nobody anything. What has data only while there is trouble (errors, throttles) is the rule. That a service is gone is
/// seen by `services.running`, which ECS reports, and by the load balancer's errors.
const MISSING: &str = "notBreaching";

/// What the alarms are found in.
struct Parts<'a> {
    graph: &'a Graph,
    balancer: Option<&'a Balancer>,
    scope: &'a Scope,
}

/// An alarm that a part can have.
struct Found {
    /// The part in the file: `services.web`.
    of: String,
    /// What the part is called in the alarm's name: `web`.
    name: String,
    watch: &'static Watch,
    /// The region in which it is watched, if it is not the stack's.
    region: Option<String>,
    dimensions: BTreeMap<String, String>,
    /// How many bytes, or connections, a percent is, where CloudWatch counts in those.
    percent: Option<f64>,
    /// The rule that counts what is watched, with its name, where no service of AWS does.
    counted_by: Option<(String, EventRule)>,
}

impl Found {
    fn new(node: &Node, watch: &'static str, dimensions: &[(&str, String)]) -> Found {
        Found::named(&node.key.name, &node.origin, watch, dimensions)
    }

    fn named(name: &str, of: &str, watch: &'static str, dimensions: &[(&str, String)]) -> Found {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Found {
            of: of.to_owned(),
            name: slug(name),
            watch: table::row(watch),
            region: None,
            dimensions,
            percent: None,
            counted_by: None,
        }
    }

    /// Returns the same, watched in a region.
    fn at(self, region: &str, scope: &Scope) -> Found {
        Found { region: (region != scope.region).then(|| region.to_owned()), ..self }
    }

    fn percent(self, percent: f64) -> Found {
        Found { percent: Some(percent), ..self }
    }

    /// Returns where it is turned off: `services.web.cpu`.
    fn path(&self) -> String {
        format!("{}.{}", self.of, self.watch.key())
    }

    /// Returns the alarm's name in the stack: `service-web-cpu`.
    fn key(&self) -> String {
        format!("{}-{}-{}", self.watch.group(), self.name, self.watch.key().replace('_', "-"))
    }

    fn alarm(&self, threshold: f64, actions: &[String]) -> Alarm {
        let watch = self.watch;
        let metric = |name: &str| Metric {
            namespace: watch.namespace.into(),
            metric: name.into(),
            dimensions: self.dimensions.clone(),
            statistic: watch.statistic.into(),
        };
        let both = watch.minus.map(|minus| [("all".to_owned(), metric(watch.metric)), ("there".to_owned(), metric(minus))]);
        let one = |text: &str| if both.is_some() { String::new() } else { text.to_owned() };
        Alarm {
            region: self.region.clone(),
            namespace: one(watch.namespace),
            metric: one(watch.metric),
            dimensions: if both.is_some() { BTreeMap::new() } else { self.dimensions.clone() },
            statistic: one(watch.statistic),
            unit: String::new(),
            // Of a service without any task the second one may have no data.
            expression: if both.is_some() { "all - FILL(there, 0)".into() } else { String::new() },
            metrics: both.into_iter().flatten().collect(),
            period: watch.period,
            evaluation_periods: watch.periods,
            datapoints: Some(watch.periods),
            threshold: self.percent.map_or(threshold / watch.per + watch.plus, |percent| (threshold * percent).round()),
            comparison: if watch.below { "LessThanThreshold" } else { "GreaterThanThreshold" }.into(),
            missing_data: MISSING.into(),
            // Of few requests, the slowest is all that a percentile knows.
            low_samples: if watch.statistic.starts_with('p') { "ignore" } else { "evaluate" }.into(),
            actions: actions.to_vec(),
            ok_actions: actions.to_vec(),
            insufficient_data_actions: Vec::new(),
            enabled: Some(true),
            description: format!("{}: {}. {}.", self.of, watch.beyond(threshold), sentence(watch.why)),
            tags: Tags::new(),
        }
    }
}

/// Returns a text with a capital.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Reads an object of the graph as what it is.
pub(super) fn read<R: Resource + DeserializeOwned>(node: &Node) -> Option<R> {
    if node.key.kind == R::KIND { R::deserialize(&*node.desired).ok() } else { None }
}

/// Adds the alarms of everything that is in the graph, and returns the topic that they tell, if it is the stack's own.
pub fn expand(
    graph: &mut Graph,
    stack: &Stack,
    balancer: Option<&Balancer>,
    keys: &Keys,
    facts: &Facts<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Ref<Topic>>, Error> {
    let Some(section) = &stack.alarms else { return Ok(None) };
    let parts = Parts { graph, balancer, scope: facts.scope };
    let (found, reported) = (parts::all(&parts), reports::all(&parts));
    problems.extend(turns_off_nothing(section, stack, &found, &reported));
    // What an account has few of, subscriptions to events and rules of EventBridge, is taken only where someone hears of it.
    let reported = if section.tells() { reports::wanted(reported, section) } else { Vec::new() };
    let is_off = |path: &str| section.off.iter().any(|off| lies_in(path, off));
    let wanted = |one: Found| Some((section.threshold(one.watch.path).filter(|_| !is_off(&one.path()))?, one));
    let found = found.into_iter().filter(|one| section.tells() || one.counted_by.is_none());
    let wanted: Vec<(f64, Found)> = found.filter_map(wanted).collect();
    let region = elsewhere::region(&wanted);
    let there = region.map(|region| elsewhere::topic(graph, section, region, facts.scope)).transpose()?.flatten();
    let topic = topic(graph, section, stack, &reported, there.as_ref(), keys, facts)?;
    if let Some(topic) = &topic {
        reports::tell(graph, &reported, topic)?;
        let rule = before_expiry(section, facts);
        if let Some(rule) = rule.and_then(|(expiry, most)| expiry::rule(expiry, most, topic, facts.scope)) {
            graph.add(expiry::RULE, ORIGIN, &rule)?;
        }
    }
    let recipients = Recipients { section, scope: facts.scope, topic, there };
    add(graph, &wanted, &recipients)?;
    lines::expand(graph, section, facts.scope, &recipients.of(None))?;
    Ok(recipients.topic)
}

/// Who is notified.
struct Recipients<'a> {
    section: &'a Alarms,
    scope: &'a Scope,
    /// The stack's own topic.
    topic: Option<Ref<Topic>>,
    /// The one in another region.
    there: Option<Ref<Topic>>,
}

impl Recipients<'_> {
    /// Returns the topics that alarms notify: in the stack's region, or in another one.
    fn of(&self, region: Option<&str>) -> Vec<String> {
        let own = if region.is_some() { &self.there } else { &self.topic };
        let own = own.as_ref().map(|topic| topic.clone().attr("arn").to_string());
        let region = region.unwrap_or(&self.scope.region);
        elsewhere::of_region(&self.section.topics, region, self.scope).chain(own).collect()
    }
}

/// Adds the alarms, those of a service with one that notifies for all of them.
fn add(graph: &mut Graph, wanted: &[(f64, Found)], recipients: &Recipients<'_>) -> Result<(), Error> {
    let together = together::of(wanted, recipients.section);
    for (threshold, one) in wanted {
        if let Some((name, rule)) = &one.counted_by {
            graph.add(name.as_str(), ORIGIN, rule)?;
        }
        let is_one_of_several = together.iter().any(|several| several.of == one.of);
        let is_silent = is_one_of_several && !recipients.section.each;
        let actions = if is_silent { Vec::new() } else { recipients.of(one.region.as_deref()) };
        graph.add(one.key(), ORIGIN, &one.alarm(*threshold, &actions))?;
    }
    for several in together {
        graph.add(several.key(), ORIGIN, &several.alarm(&recipients.of(None)))?;
    }
    Ok(())
}

/// Returns when the environment expires, and how many seconds before it at most is notified of, if anyone is. One that `stack extend` keeps for
/// good counts, too: its topic stays as it is.
fn before_expiry<'a>(section: &Alarms, facts: &'a Facts<'_>) -> Option<(&'a Expiry, u64)> {
    let expiry = facts.expiry.as_ref().filter(|_| section.tells())?;
    Some((expiry, section.before_expiry()?))
}

/// Adds the topic with its subscriptions, unless only those of others are told, or nobody is.
fn topic(
    graph: &mut Graph,
    section: &Alarms,
    stack: &Stack,
    reported: &[reports::Reported],
    there: Option<&Ref<Topic>>,
    keys: &Keys,
    facts: &Facts<'_>,
) -> Result<Option<Ref<Topic>>, Error> {
    let budget = stack.budget.as_ref().filter(|budget| budget.tells_alarms());
    if !section.has_topic() || !section.tells() && budget.is_none() {
        return Ok(None);
    }
    let mut publishers = vec![publish(facts.scope, &facts.scope.region)];
    let others = stack.access.break_glass.is_some() || stack.backup.is_some() || before_expiry(section, facts).is_some();
    publishers.extend(reports::publishers(reported, others, facts.scope));
    publishers.extend(budget.map(|_| publish_budgets(facts.scope)));
    publishers.extend(budget.and_then(|budget| budget.anomalies.as_ref()).map(|_| publish_anomalies(facts.scope)));
    let topic = Topic {
        region: None,
        fifo: None,
        content_based_deduplication: None,
        display_name: None,
        // AWS's own key is none: CloudWatch cannot publish with it. The policy of a key of the stack lets in whom the topic lets in.
        kms_key: Some(keys.arn(None).unwrap_or_default()),
        policy: Some(policies::policy(publishers)),
        tags: Tags::new(),
    };
    let topic = graph.add(TOPIC, ORIGIN, &topic)?;
    subscribe(graph, section, &topic, TOPIC)?;
    let topics: Vec<String> = [&topic].into_iter().chain(there).map(|topic| topic.clone().attr("arn").to_string()).collect();
    chat::expand(graph, section, &topics, facts.scope)?;
    Ok(Some(topic))
}

/// Adds a subscription to a topic for each address. A channel of a chat subscribes by itself.
fn subscribe(graph: &mut Graph, section: &Alarms, topic: &Ref<Topic>, name: &str) -> Result<(), Error> {
    let by_email = section.email.iter().map(|address| ("email", address));
    for (protocol, address) in by_email.chain(section.https.iter().map(|address| ("https", address))) {
        let subscription = Subscription { topic: topic.clone(), protocol: protocol.into(), endpoint: address.clone() };
        graph.add(format!("{name}-{}", slug(address)), ORIGIN, &subscription)?;
    }
    Ok(())
}

/// Returns the statement that lets the account's alarms of a region publish
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>).
fn publish(scope: &Scope, region: &str) -> Value {
    let alarms = format!("arn:{}:cloudwatch:{region}:{}:alarm:*", scope.partition, scope.account);
    json!({
        "Sid": "AlarmsPublish", "Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish", "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": scope.account}, "ArnLike": {"aws:SourceArn": alarms}},
    })
}

/// Returns the statement that lets the account's budgets publish
/// (<https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html>).
fn publish_budgets(scope: &Scope) -> Value {
    let budgets = format!("arn:{}:budgets::{}:*", scope.partition, scope.account);
    json!({
        "Sid": "BudgetsPublish", "Effect": "Allow", "Principal": {"Service": "budgets.amazonaws.com"},
        "Action": "sns:Publish", "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": scope.account}, "ArnLike": {"aws:SourceArn": budgets}},
    })
}

/// Returns the statement that lets the account's cost anomaly detection publish
/// (<https://docs.aws.amazon.com/cost-management/latest/userguide/ad-SNS.html>).
fn publish_anomalies(scope: &Scope) -> Value {
    json!({
        "Sid": "AnomaliesPublish", "Effect": "Allow", "Principal": {"Service": "costalerts.amazonaws.com"},
        "Action": "sns:Publish", "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": scope.account}},
    })
}

/// Returns a problem for each entry of `off` that is no alarm's.
fn turns_off_nothing(section: &Alarms, stack: &Stack, found: &[Found], reported: &[reports::Reported]) -> Vec<Problem> {
    let paths = found.iter().map(Found::path).chain(reported.iter().map(reports::Reported::path)).chain(together::paths(found));
    let paths: Vec<String> = paths.collect();
    let parts = || found.iter().map(|one| &one.of).chain(reported.iter().map(|one| &one.of));
    let known = || paths.iter().cloned().chain(parts().cloned());
    let wrong = |(at, off): (usize, &String)| {
        let help = nearest(off, known()).map_or_else(
            || "name a part, such as `services.worker`, or one of its alarms: `services.worker.cpu`".into(),
            |near| format!("did you mean `{near}`?"),
        );
        (!paths.iter().any(|path| lies_in(path, off)) && !is_elsewhere(stack, off)).then(|| Problem {
            at: format!("alarms.off[{at}]"),
            code: "no-such-alarm",
            message: format!("no alarm is called `{off}`"),
            help,
        })
    };
    section.off.iter().enumerate().filter_map(wrong).collect()
}

/// Checks whether an entry of `off` names a part of the file that is watched in other environments: of a host, in another region, or with
/// Container Insights.
fn is_elsewhere(stack: &Stack, off: &str) -> bool {
    let mut words = off.split('.');
    match (words.next(), words.next()) {
        (Some("cdn"), _) => stack.cdn.is_some(),
        (Some("recovery"), _) => stack.recovery.is_some() || stack.second.is_some(),
        (Some("services"), Some(name)) => {
            let is_known = stack.services.keys().any(|known| known.as_str() == name);
            is_known && words.next() == Some("running") && !stack.logs.container_insights
        }
        (Some("load_balancer"), _) => stack.share.load_balancer.is_some(),
        (Some("databases"), Some(name)) => {
            stack.share.databases.is_some() && stack.databases.keys().any(|known| known.as_str() == name)
        }
        (Some("caches"), Some(name)) => stack.share.caches.is_some() && stack.caches.keys().any(|known| known.as_str() == name),
        _ => false,
    }
}

/// Returns the text that stands for an attribute of an object of the stack.
fn attribute<R: Resource>(node: &Node, attr: &'static str) -> String {
    attribute_of::<R>(&node.key.name, attr)
}

/// Returns the same by the object's name.
fn attribute_of<R: Resource>(name: &str, attr: &'static str) -> String {
    Ref::<R>::to(name).attr(attr).to_string()
}

#[cfg(test)]
mod tests;
