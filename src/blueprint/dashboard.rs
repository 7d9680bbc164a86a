//! `dashboard`: one page of CloudWatch with the figures of the environment, laid out as requests go through it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::facts::Facts;
use super::figures::{self, Figure};
use crate::aws::Tags;
use crate::aws::cloudwatch::{Alarm, Dashboard};
use crate::config::Stack;
use crate::engine::{Error, Graph, Node, Pause, Ref, Resource};

const ORIGIN: &str = "dashboard";
const NAME: &str = "dashboard";
/// The grid of a dashboard, and what a widget takes of it
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Dashboard-Body-Structure.html>).
const COLUMNS: usize = 24;
const WIDTH: usize = 6;
const HEIGHT: usize = 5;
/// A widget with states shows a hundred alarms.
const ALARMS: usize = 100;
/// Seconds of which one value is made.
const PERIOD: u32 = 60;

/// Adds the dashboard of everything that is in the graph.
pub fn expand(graph: &mut Graph, stack: &Stack, facts: &Facts<'_>) -> Result<(), Error> {
    if stack.dashboard {
        let body = body(graph, stack, facts);
        graph.add(NAME, ORIGIN, &Dashboard { body, tags: Tags::new() })?;
    }
    Ok(())
}

/// Widgets from the top to the bottom.
struct Page {
    widgets: Vec<Value>,
    y: usize,
}

impl Page {
    fn add(&mut self, sort: &str, (x, width): (usize, usize), height: usize, properties: &Value) {
        let place = json!({"type": sort, "x": x, "y": self.y, "width": width, "height": height, "properties": properties});
        self.widgets.push(place);
    }

    /// Adds a text over the whole width.
    fn text(&mut self, height: usize, markdown: &str) {
        self.add("text", (0, COLUMNS), height, &json!({"markdown": markdown}));
        self.y += height;
    }

    /// Adds graphs side by side.
    fn row(&mut self, figures: &[&Figure]) {
        for some in figures.chunks(COLUMNS / WIDTH) {
            for (at, figure) in some.iter().enumerate() {
                self.add("metric", (at * WIDTH, WIDTH), HEIGHT, &graph_of(figure));
            }
            self.y += HEIGHT;
        }
    }
}

/// Returns the properties of the graph of a figure.
fn graph_of(figure: &Figure) -> Value {
    let (namespace, name) = figure.metric();
    let mut metric = vec![json!(namespace), json!(name)];
    metric.extend(figure.dimensions.iter().flat_map(|(name, value)| [json!(name), json!(value)]));
    json!({
        "title": format!("{} {}", figure.part, figure.what.label),
        "metrics": [metric],
        "stat": figure.what.statistic,
        "period": PERIOD,
        "region": figure.region,
        "yAxis": {"left": {"min": 0}},
    })
}

/// Returns the section of a part: `services` of `services.web`.
fn section(part: &str) -> &str {
    part.split('.').next().unwrap_or(part)
}

fn body(graph: &Graph, stack: &Stack, facts: &Facts<'_>) -> Value {
    let scope = facts.scope;
    let mut page = Page { widgets: Vec::new(), y: 0 };
    let budget = stack.budget.as_ref().map(|budget| {
        let month = budget.monthly;
        format!("\n\nThe [budget](https://console.aws.amazon.com/billing/home#/budgets) is {month} USD a month.")
    });
    let head = format!(
        "# {} {}\n\nMade by `stack` from its file: what is changed here, the next `stack apply` changes back.{}",
        scope.stack,
        scope.env,
        budget.unwrap_or_default()
    );
    page.text(3, &head);
    // An alarm of a NAT gateway is deleted with it while the environment is paused, and would then have to be missing here.
    let stays = |node: &&Node| node.key.kind == Alarm::KIND && !Alarm::absent(&node.desired, Pause::Bare);
    // That a widget can show alarms of several regions is not documented.
    let mut regions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for node in graph.nodes().filter(stays) {
        let elsewhere = node.desired.get("region").and_then(Value::as_str).filter(|region| *region != scope.region);
        let alarm = Ref::<Alarm>::to(&node.key.name).attr("arn").to_string();
        regions.entry(elsewhere.unwrap_or_default()).or_default().push(alarm);
    }
    for (region, alarms) in regions {
        let title = if region.is_empty() { "Alarms".to_owned() } else { format!("Alarms in {region}") };
        for (at, some) in alarms.chunks(ALARMS).enumerate() {
            let title = if at == 0 { title.clone() } else { format!("{title}, {}", at + 1) };
            page.add("alarm", (0, COLUMNS), 4, &json!({"title": title, "alarms": some}));
            page.y += 4;
        }
    }
    // So does a NAT gateway, and the next one has another id.
    let all: Vec<Figure> = figures::all(graph, scope).into_iter().filter(|figure| !figure.comes_and_goes()).collect();
    let mut last = "";
    let mut parts = all.as_slice();
    while let Some(first) = parts.first() {
        let count = parts.iter().take_while(|figure| figure.part == first.part).count();
        let (of, rest) = parts.split_at(count);
        if section(&first.part) != last {
            last = section(&first.part);
            page.text(1, &format!("## {last}"));
        }
        page.row(&of.iter().collect::<Vec<_>>());
        parts = rest;
    }
    json!({"start": "-PT3H", "widgets": page.widgets})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::engine::Scope;

    const EVERYTHING: &str = r#"
stack: shop
region: eu-central-1
dashboard: true
alarms: { email: [ops@example.com] }
budget: { monthly: 300 }
network: { nat: single }
services:
  web: { image: i, port: 80, routes: [/*], uses: [databases.main, caches.sessions] }
  worker: { image: i }
databases:
  main: { engine: postgres, version: "16", replicas: { reader: {} } }
caches:
  sessions: { engine: valkey, replicas: 1 }
  pages: { engine: memcached }
cdn: {}
resources:
  sqs.queue: { orders: {} }
"#;

    fn expanded(text: &str) -> (Graph, Scope) {
        let schema = crate::blueprint::tests::schema();
        let loaded = config::load("s.yaml", text, None, &schema).unwrap_or_else(|report| panic!("{:#?}", report.diagnostics));
        let owned = |text: &str| text.to_owned();
        let (region, account) = (owned("eu-central-1"), owned("123456789012"));
        let scope = Scope { stack: owned("shop"), env: owned("staging"), region, account, partition: owned("aws") };
        let facts = Facts::assumed(&scope, true, &loaded.stack);
        let graph = crate::blueprint::expand(&loaded.stack, &facts, &crate::aws::registry());
        (graph.unwrap_or_else(|failure| panic!("{failure:?}")), scope)
    }

    fn dashboard(graph: &Graph) -> Dashboard {
        let node = graph.nodes().find(|node| node.key.kind == Dashboard::KIND).unwrap();
        serde_json::from_value((*node.desired).clone()).unwrap()
    }

    #[test]
    fn every_part_has_figures() {
        let (graph, scope) = expanded(EVERYTHING);
        let line = |figure: &Figure| {
            let (namespace, name) = figure.metric();
            let dimensions: Vec<String> = figure.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!(
                "{} {}: {namespace} {name} {} {} {}",
                figure.part,
                figure.what.label,
                figure.what.statistic,
                figure.region,
                dimensions.join(" ")
            )
        };
        let all = figures::all(&graph, &scope);
        insta::assert_snapshot!(all.iter().map(line).collect::<Vec<_>>().join("\n"));
        assert!(all.iter().all(|figure| !figure.what.means.is_empty()));
    }

    #[test]
    fn a_page_fits_everything_but_what_a_pause_deletes() {
        let (graph, _) = expanded(EVERYTHING);
        let dashboard = dashboard(&graph);
        assert_eq!(dashboard.refused(), None);
        let widgets = dashboard.body["widgets"].as_array().unwrap();
        let number = |widget: &Value, name: &str| usize::try_from(widget[name].as_u64().unwrap()).unwrap();
        let mut taken = std::collections::BTreeSet::new();
        for widget in widgets {
            let (x, y) = (number(widget, "x"), number(widget, "y"));
            for column in x..x + number(widget, "width") {
                for row in y..y + number(widget, "height") {
                    assert!(column < COLUMNS && taken.insert((column, row)), "{widget}");
                }
            }
        }
        let text = dashboard.body.to_string();
        assert!(text.contains("300 USD a month") && text.contains("${cloudwatch.alarm/"), "{text}");
        assert!(!text.contains("nat_gateway") && !text.contains("network-"), "{text}");
        let regions: std::collections::BTreeSet<&str> =
            widgets.iter().filter_map(|widget| widget["properties"]["region"].as_str()).collect();
        assert_eq!(regions.into_iter().collect::<Vec<_>>(), ["eu-central-1", "us-east-1"]);
    }

    #[test]
    fn an_environment_without_anything_has_an_empty_page() {
        let (graph, _) = expanded("stack: shop\nregion: eu-central-1\ndashboard: true\n");
        assert_eq!(dashboard(&graph).body["widgets"].as_array().unwrap().len(), 1);
        let (graph, _) = expanded("stack: shop\nregion: eu-central-1\n");
        assert!(graph.nodes().all(|node| node.key.kind != Dashboard::KIND));
    }
}
