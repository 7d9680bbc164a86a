//! `budget`: what carries the environment's tags has a budget, and someone is told; of unusual costs, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::facts::{Facts, Problem};
use crate::aws::Tags;
use crate::aws::budgets::{self, Notification};
use crate::aws::ce::{AnomalyMonitor, AnomalySubscription};
use crate::aws::sns::Topic;
use crate::config::Stack;
use crate::config::budget::{Anomalies, Budget, Every};
use crate::engine::tags::{TAG_ENV, TAG_STACK};
use crate::engine::{AnyRef, Error, Graph, Node, Ref, Resource};

const ORIGIN: &str = "budget";
/// What its parts are called.
pub const NAME: &str = "budget";

/// Adds the budget, and what notices unusual costs. `alarms` is the topic of the section `alarms`, if it has one.
pub fn expand(
    graph: &mut Graph,
    stack: &Stack,
    alarms: Option<&Ref<Topic>>,
    facts: &Facts<'_>,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    if let Some(section) = &stack.budget {
        let addresses = section.addresses(stack.alarms.as_ref()).to_vec();
        let topic = if section.tells_alarms() {
            alarms.map(|topic| topic.clone().attr("arn").to_string())
        } else {
            section.topic.clone()
        };
        graph.add(NAME, ORIGIN, &budget(section, &addresses, topic.as_ref(), facts))?;
        if let Some(anomalies) = &section.anomalies {
            unusual(graph, anomalies, addresses, topic, facts)?;
        }
    }
    monitors_last(graph)?;
    problems.extend(misplaced(graph, facts));
    Ok(())
}

fn budget(section: &Budget, addresses: &[String], topic: Option<&String>, facts: &Facts<'_>) -> budgets::Budget {
    let told = Notification { email: addresses.to_vec(), topics: topic.into_iter().cloned().collect() };
    let keys = section.actual.iter().map(|percent| format!("actual {percent}%"));
    let keys = keys.chain(section.forecast.iter().map(|percent| format!("forecast {percent}%")));
    let scope = facts.scope;
    let counts = [(TAG_STACK.to_owned(), scope.stack.clone()), (TAG_ENV.to_owned(), scope.env.clone())];
    budgets::Budget {
        limit: f64::from(section.monthly),
        period: "MONTHLY".into(),
        counts: BTreeMap::from(counts),
        notifications: keys.map(|key| (key, told.clone())).collect(),
        tags: Tags::new(),
    }
}

/// Adds what notices unusual costs of the stack, and tells addresses regularly and a topic at once.
fn unusual(
    graph: &mut Graph,
    section: &Anomalies,
    addresses: Vec<String>,
    topic: Option<String>,
    facts: &Facts<'_>,
) -> Result<(), Error> {
    let (tag, values) = (TAG_STACK.to_owned(), vec![facts.scope.stack.clone()]);
    let monitor = AnomalyMonitor { tag, values, after: Vec::new(), tags: Tags::new() };
    let monitor = graph.add(NAME, ORIGIN, &monitor)?;
    let subscription = |frequency: &str, email: Vec<String>, topics: Vec<String>| AnomalySubscription {
        monitors: vec![monitor.clone()],
        frequency: frequency.into(),
        email,
        topics,
        above: f64::from(section.above),
        tags: Tags::new(),
    };
    if !addresses.is_empty() {
        let frequency = match section.every {
            Every::Day => "DAILY",
            Every::Week => "WEEKLY",
        };
        graph.add(format!("{NAME}-email"), ORIGIN, &subscription(frequency, addresses, Vec::new()))?;
    }
    if let Some(topic) = topic {
        graph.add(format!("{NAME}-topic"), ORIGIN, &subscription("IMMEDIATE", Vec::new(), vec![topic]))?;
    }
    Ok(())
}

/// Has each monitor created after the budgets of the stack: beside one it is looked for, so a run that dies before leaves none that nobody
/// finds.
fn monitors_last(graph: &mut Graph) -> Result<(), Error> {
    let budgets = graph.nodes().filter(|node| node.key.kind == budgets::Budget::KIND);
    let budgets: Vec<AnyRef> = budgets.map(|node| Ref::<budgets::Budget>::to(node.key.name.clone()).into()).collect();
    let budgets = serde_json::to_value(budgets).map_err(|e| Error::internal(e.to_string()))?;
    let Value::Array(budgets) = budgets else { return Ok(()) };
    for node in graph.nodes_mut().filter(|node| node.key.kind == AnomalyMonitor::KIND) {
        let Value::Object(fields) = Arc::make_mut(&mut node.desired) else { continue };
        let Value::Array(after) = fields.entry("after").or_insert_with(|| Value::Array(Vec::new())) else { continue };
        let missing: Vec<Value> = budgets.iter().filter(|budget| !after.contains(budget)).cloned().collect();
        after.extend(missing);
    }
    Ok(())
}

/// Returns a problem for each object that would be in a partition without these services, or that would not be looked for.
fn misplaced(graph: &Graph, facts: &Facts<'_>) -> Vec<Problem> {
    let is_budget = |kind: &str| kind == budgets::Budget::KIND;
    let needs = |kind: &str| [AnomalyMonitor::KIND, AnomalySubscription::KIND].contains(&kind);
    let of = |test: &dyn Fn(&str) -> bool| graph.nodes().filter(|node| test(&node.key.kind)).collect::<Vec<_>>();
    let problem = |node: &Node, message: String, help: &str| Problem {
        at: node.origin.clone(),
        code: "misplaced",
        message,
        help: help.into(),
    };
    let partition = facts.scope.partition.as_str();
    if partition != budgets::PARTITION {
        let all = of(&|kind| is_budget(kind) || needs(kind));
        let message = |node: &Node| format!("`{}` cannot be in the partition `{partition}`", node.key);
        return all
            .into_iter()
            .map(|node| problem(node, message(node), "remove it: `stack` knows AWS Budgets in `aws` only"))
            .collect();
    }
    if !of(&is_budget).is_empty() {
        return Vec::new();
    }
    let message = |node: &Node| format!("`{}` needs a budget in the same stack: beside one it is looked for", node.key);
    let help = "add the section `budget`, or a `budgets.budget` under `resources`";
    of(&needs).into_iter().map(|node| problem(node, message(node), help)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::Failure;
    use crate::engine::Scope;

    fn expanded(text: &str, partition: &str) -> Result<Graph, Failure> {
        let loaded =
            crate::config::load("s.yaml", text, None, &crate::blueprint::tests::schema()).unwrap_or_else(|_| panic!("{text}"));
        let owned = |text: &str| text.to_owned();
        let (region, account) = (owned("us-east-1"), owned("123456789012"));
        let scope = Scope { stack: owned("shop"), env: owned("staging"), region, account, partition: owned(partition) };
        crate::blueprint::expand(&loaded.stack, &Facts::assumed(&scope, false, &loaded.stack), &crate::aws::registry())
    }

    fn problems(text: &str, partition: &str) -> Vec<String> {
        match expanded(text, partition) {
            Err(Failure::Problems(all)) => {
                all.into_iter().map(|problem| format!("{}: {}", problem.at, problem.message)).collect()
            }
            Err(Failure::Error(error)) => panic!("{error}"),
            Ok(_) => Vec::new(),
        }
    }

    const HEAD: &str = "stack: shop\nregion: us-east-1\n";

    #[test]
    fn the_topic_of_alarms_lets_in_who_tells_it() {
        let text =
            format!("{HEAD}alarms: {{ email: [ops@example.com] }}\nbudget: {{ monthly: 300, topic: alarms, anomalies: {{}} }}\n");
        let graph = expanded(&text, "aws").unwrap_or_else(|_| panic!("it expands"));
        let of = |key: &str| (*graph.nodes().find(|node| node.key.to_string() == key).unwrap().desired).clone();
        let statements = of("sns.topic/alarms")["policy"]["Statement"].as_array().unwrap().len();
        assert_eq!(statements, 3);
        let budget = of("budgets.budget/budget");
        assert_eq!(budget["counts"], serde_json::json!({"stack:name": "shop", "stack:env": "staging"}));
        let keys: Vec<&String> = budget["notifications"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["actual 100%", "actual 80%", "forecast 100%"]);
        let told = &budget["notifications"]["actual 80%"];
        assert_eq!(*told, serde_json::json!({"email": [], "topics": ["${sns.topic/alarms.arn}"]}));
        let kinds: Vec<String> = graph.nodes().map(|node| node.key.to_string()).filter(|key| key.starts_with("ce.")).collect();
        assert_eq!(kinds, ["ce.anomaly_monitor/budget", "ce.anomaly_subscription/budget-topic"]);
        // It is looked for only beside the budget.
        assert_eq!(of("ce.anomaly_monitor/budget")["after"], serde_json::json!(["${budgets.budget/budget}"]));
    }

    #[test]
    fn a_monitor_is_created_after_every_budget() {
        let told = r#"{ "actual 80%": { email: [ops@example.com] } }"#;
        let budget = format!("{{ limit: 5, counts: {{ team: web }}, notifications: {told} }}");
        let monitor = "{ tag: team, values: [web] }";
        let text = format!(
            "{HEAD}resources: {{ budgets.budget: {{ a: {budget}, b: {budget} }}, ce.anomaly_monitor: {{ m: {monitor} }} }}\n"
        );
        let graph = expanded(&text, "aws").unwrap_or_else(|_| panic!("it expands"));
        let order: Vec<String> = graph.order().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(order.last().unwrap(), "ce.anomaly_monitor/m", "{order:?}");
        assert_eq!(order.len(), 3);
    }

    #[test]
    fn what_would_not_be_found_again_is_refused() {
        let monitor = format!("{HEAD}resources: {{ ce.anomaly_monitor: {{ m: {{ tag: team, values: [web] }} }} }}\n");
        let found = problems(&monitor, "aws");
        assert!(found.len() == 1 && found[0].contains("needs a budget in the same stack"), "{found:?}");
        let budget = format!("{HEAD}budget: {{ monthly: 300, email: [ops@example.com] }}\n");
        assert_eq!(problems(&budget, "aws"), Vec::<String>::new());
        assert!(problems(&budget, "aws-us-gov")[0].contains("`aws-us-gov`"));
    }
}
