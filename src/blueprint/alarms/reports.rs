//! What services of AWS report by themselves, without a metric: RDS of databases and their parameter groups, AWS Health of RDS, ECS of
//! deployments.

use serde_json::{Value, json};

use super::{ORIGIN, Parts, attribute};
use crate::aws::Tags;
use crate::aws::ecs::Service;
use crate::aws::events::{EventRule, Target, Transform};
use crate::aws::rds::{EventSubscription, GROUPS, INSTANCES, Instance, ParameterGroup};
use crate::aws::sns::Topic;
use crate::config::alarms::Alarms;
use crate::engine::{Error, Graph, Node, Ref, Resource, Scope, lies_in};

/// What is told of a database. RDS.20 asks for changes, failures and maintenance; the others mean work for someone, or that it was done.
/// `notification` is left out: it tells each stop and start, as in an environment that sleeps.
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html>).
const OF_INSTANCES: [&str; 7] =
    ["configuration change", "failover", "failure", "low storage", "maintenance", "read replica", "recovery"];
/// What is told of a parameter group (RDS.21).
const OF_GROUPS: [&str; 1] = ["configuration change"];
/// The rule that waits for deployments that fail.
const DEPLOYMENTS: &str = "failed-deployments";
/// How many services one rule waits for: a pattern has at most 2,048 characters, and an ARN of a service up to 180
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>).
const SERVICES: usize = 10;

/// The rule that waits for what AWS Health announces about RDS, and what stands for it among the kinds that report.
const NOTICES: &str = "database-notices";
/// The categories of what someone has to prepare for: maintenance, and the end of an authority of certificates
/// (<https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html>). Outages are not among them: they show in alarms.
const ANNOUNCED: [&str; 2] = ["accountNotification", "scheduledChange"];

/// Something whose reports can be told.
pub struct Reported {
    /// The part in the file: `databases.main`.
    pub of: String,
    /// Where it is turned off for all: `databases.events`.
    pub watch: &'static str,
    /// What reports.
    kind: String,
    /// What AWS calls it.
    id: String,
}

impl Reported {
    /// Returns where it is turned off: `databases.main.events`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.of, self.watch.split_once('.').map_or(self.watch, |(_, key)| key))
    }
}

/// Returns everything that reports.
pub fn all(parts: &Parts<'_>) -> Vec<Reported> {
    let each = |node: &Node| {
        let one = |watch, kind: &str, id| Reported { of: node.origin.clone(), watch, kind: kind.to_owned(), id };
        match node.key.kind.as_str() {
            kind @ Instance::KIND => {
                let id = attribute::<Instance>(node, "id");
                vec![one("databases.events", kind, id.clone()), one("databases.notices", NOTICES, id)]
            }
            kind @ ParameterGroup::KIND => vec![one("databases.events", kind, attribute::<ParameterGroup>(node, "id"))],
            kind @ Service::KIND => vec![one("services.deployments", kind, attribute::<Service>(node, "arn"))],
            _ => Vec::new(),
        }
    };
    parts.graph.nodes().flat_map(each).collect()
}

/// Returns those that are told.
pub fn wanted(all: Vec<Reported>, section: &Alarms) -> Vec<Reported> {
    let is_off = |one: &Reported| section.off.iter().any(|off| lies_in(&one.path(), off));
    all.into_iter().filter(|one| section.threshold(one.watch).is_some() && !is_off(one)).collect()
}

/// Returns what of one kind reports.
fn of_kind(reported: &[Reported], kind: &str) -> Vec<String> {
    reported.iter().filter(|one| one.kind == kind).map(|one| one.id.clone()).collect()
}

/// Returns the statements of the topic's policy that let in what reports: rules of EventBridge also where others than services have one.
pub fn publishers(reported: &[Reported], others: bool, scope: &Scope) -> Vec<Value> {
    let databases = !of_kind(reported, Instance::KIND).is_empty() || !of_kind(reported, ParameterGroup::KIND).is_empty();
    let services = others || [Service::KIND, NOTICES].iter().any(|kind| !of_kind(reported, kind).is_empty());
    databases.then(|| publish_databases(scope)).into_iter().chain(services.then(publish_events)).collect()
}

/// Returns the statement that lets the account's databases, and what belongs to them, publish
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.GrantingPermissions.html>).
fn publish_databases(scope: &Scope) -> Value {
    let all = format!("arn:{}:rds:{}:{}:*", scope.partition, scope.region, scope.account);
    json!({
        "Sid": "DatabasesPublish", "Effect": "Allow", "Principal": {"Service": "events.rds.amazonaws.com"},
        "Action": "sns:Publish", "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": scope.account}, "ArnLike": {"aws:SourceArn": all}},
    })
}

/// Returns the statement that lets rules of EventBridge publish. It has no condition: EventBridge would not meet it
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions>).
fn publish_events() -> Value {
    json!({
        "Sid": "EventsPublish", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish", "Resource": "*",
    })
}

/// Adds what has the topic told.
pub fn tell(graph: &mut Graph, reported: &[Reported], topic: &Ref<Topic>) -> Result<(), Error> {
    subscribe(graph, reported, topic)?;
    let services = of_kind(reported, Service::KIND);
    for (number, services) in services.chunks(SERVICES).enumerate() {
        let name = if number == 0 { DEPLOYMENTS.to_owned() } else { format!("{DEPLOYMENTS}-{}", number + 1) };
        graph.add(name, ORIGIN, &deployments(services, topic))?;
    }
    if !of_kind(reported, NOTICES).is_empty() {
        graph.add(NOTICES, ORIGIN, &notices(topic))?;
    }
    Ok(())
}

/// Returns the rule that sends the topic what AWS Health announces about RDS in the account and region. How it names the databases that are
/// affected is not documented for each announcement, so it is not limited to those of the stack.
fn notices(topic: &Ref<Topic>) -> EventRule {
    let pattern = json!({
        "source": ["aws.health"],
        "detail-type": ["AWS Health Event"],
        "detail": {"service": ["RDS"], "eventTypeCategory": ANNOUNCED},
    });
    let parts = [
        ("affected", "$.detail.affectedEntities[0].entityValue"),
        ("code", "$.detail.eventTypeCode"),
        ("region", "$.detail.eventRegion"),
        ("start", "$.detail.startTime"),
    ];
    let sentence = "AWS Health announces <code> for RDS in <region>, from <start>. The first database that is affected: <affected>. \
                    The details are at https://health.aws.amazon.com/health/home";
    telling(topic, "Reports what AWS Health announces about RDS", pattern, &parts, sentence)
}

/// Adds one subscription for all databases, and one for all their parameter groups: an account has 20.
fn subscribe(graph: &mut Graph, reported: &[Reported], topic: &Ref<Topic>) -> Result<(), Error> {
    let all: [(&str, &str, &str, &[&str]); 2] =
        [("databases", INSTANCES, Instance::KIND, &OF_INSTANCES), ("parameter-groups", GROUPS, ParameterGroup::KIND, &OF_GROUPS)];
    for (name, source_type, kind, categories) in all {
        let sources = of_kind(reported, kind);
        if sources.is_empty() {
            continue;
        }
        let subscription = EventSubscription {
            topic: topic.clone(),
            source_type: source_type.into(),
            sources,
            categories: categories.iter().map(|one| (*one).to_owned()).collect(),
            enabled: Some(true),
            tags: Tags::new(),
        };
        graph.add(name, ORIGIN, &subscription)?;
    }
    Ok(())
}

/// Returns the rule that tells the topic of deployments that fail, in a sentence
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html>).
fn deployments(services: &[String], topic: &Ref<Topic>) -> EventRule {
    let pattern = json!({
        "source": ["aws.ecs"],
        "detail-type": ["ECS Deployment State Change"],
        "resources": services,
        "detail": {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]},
    });
    let parts = [("service", "$.resources[0]"), ("deployment", "$.detail.deploymentId"), ("reason", "$.detail.reason")];
    let sentence = "A deployment of <service> failed: <reason> (<deployment>)";
    telling(topic, "Tells of deployments that failed", pattern, &parts, sentence)
}

/// Returns a rule that tells the topic, in a sentence with parts of the event, of what matches a pattern
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>).
pub fn telling(topic: &Ref<Topic>, description: &str, pattern: Value, parts: &[(&str, &str)], sentence: &str) -> EventRule {
    let transform = Transform {
        parts: parts.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect(),
        template: format!("\"{sentence}\""),
    };
    let target = Target { function: None, topic: Some(topic.clone().attr("arn")), input: None, transform: Some(transform) };
    EventRule {
        pattern,
        schedule: String::new(),
        enabled: Some(true),
        description: Some(description.to_owned()),
        targets: [("alarms".to_owned(), target)].into(),
        tags: Tags::new(),
    }
}
