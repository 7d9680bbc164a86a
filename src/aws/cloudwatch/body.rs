//! The body of a dashboard: what AWS refuses in one, and what is the same in two
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Dashboard-Body-Structure.html>).

use serde_json::{Map, Value, json};

const WIDGETS: usize = 500;
const COLUMNS: u64 = 24;
/// The console shortens what a metric has in common with the one before: one part, or all parts but the last ones.
const SAME: &str = ".";
const REST: &str = "...";
/// What the console adds to a metric widget, which means the same as nothing.
const DEFAULTS: &[(&str, Value)] = &[("stacked", Value::Bool(false))];
const VIEW: (&str, &str) = ("view", "timeSeries");

/// Returns why AWS would refuse a body.
pub(super) fn refused(body: &Value) -> Option<String> {
    let Some(widgets) = body.get("widgets").and_then(Value::as_array) else {
        return Some("it must have a list of `widgets`, which may be empty".into());
    };
    if widgets.len() > WIDGETS {
        return Some(format!("it has {} widgets, and CloudWatch accepts {WIDGETS}", widgets.len()));
    }
    widgets.iter().enumerate().find_map(|(at, widget)| Some(format!("`widgets.{at}`: {}", wrong(widget)?)))
}

fn wrong(widget: &Value) -> Option<String> {
    let text = |name: &str| widget.get(name).and_then(Value::as_str);
    let Some(sort) = text("type") else { return Some("it has no `type`".into()) };
    let Some(properties) = widget.get("properties").and_then(Value::as_object) else {
        return Some("it has no `properties`".into());
    };
    let number = |name: &str| widget.get(name).and_then(Value::as_u64);
    if number("x").unwrap_or(0) + number("width").unwrap_or(1) > COLUMNS {
        return Some(format!("`x` and `width` are together more than {COLUMNS}"));
    }
    let lacks = |name: &str| !properties.contains_key(name);
    match sort {
        "text" if lacks("markdown") => Some("a text has `markdown`".into()),
        "alarm" if lacks("alarms") => Some("an alarm widget has `alarms`".into()),
        "metric" if lacks("metrics") && lacks("annotations") => Some("a metric widget has `metrics` or `annotations`".into()),
        "metric" if lacks("region") => Some("a metric widget has a `region`".into()),
        _ => None,
    }
}

/// Returns a body in which everything stands in one way: with whole metrics, and without what means nothing.
pub(super) fn canonical(body: &Value) -> Value {
    let mut body = body.clone();
    for widget in body.get_mut("widgets").and_then(Value::as_array_mut).into_iter().flatten() {
        let is_metric = widget.get("type") == Some(&json!("metric"));
        if let Some(properties) = widget.get_mut("properties").and_then(Value::as_object_mut).filter(|_| is_metric) {
            plain(properties);
        }
    }
    body
}

fn plain(properties: &mut Map<String, Value>) {
    let is_default = |name: &str, value: &Value| {
        DEFAULTS.iter().any(|default| (default.0, &default.1) == (name, value)) || (name == VIEW.0 && *value == VIEW.1)
    };
    properties.retain(|name, value| !is_default(name, value));
    let mut before: Vec<Value> = Vec::new();
    for metric in properties.get_mut("metrics").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(parts) = metric.as_array_mut() else { continue };
        *parts = whole(parts, &before);
        before = parts.iter().filter(|part| part.is_string()).cloned().collect();
    }
}

/// Returns a metric with all of its parts, by the one before.
fn whole(parts: &[Value], before: &[Value]) -> Vec<Value> {
    let (texts, look): (Vec<&Value>, Vec<&Value>) = parts.iter().partition(|part| part.is_string());
    let mut out: Vec<Value> = Vec::new();
    for (at, part) in texts.iter().enumerate() {
        match part.as_str() {
            Some(REST) => {
                let left = texts.len() - at - 1;
                let until = before.len().saturating_sub(left);
                out.extend(before.get(at..until).unwrap_or_default().iter().cloned());
            }
            Some(SAME) => out.push(before.get(out.len()).cloned().unwrap_or_else(|| (*part).clone())),
            _ => out.push((*part).clone()),
        }
    }
    // How it looks, if at all.
    let looks = look.into_iter().filter(|look| look.as_object().is_none_or(|look| !look.is_empty()));
    out.extend(looks.cloned());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(metrics: Value, more: Value) -> Value {
        let mut properties = json!({"region": "us-east-1", "metrics": metrics});
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"widgets": [{"type": "metric", "x": 0, "y": 0, "width": 6, "height": 6, "properties": properties}]})
    }

    #[test]
    fn what_the_console_rewrites_is_the_same() {
        let metrics = json!([
            ["AWS/ECS", "CPUUtilization", "ClusterName", "shop", "ServiceName", "web", {"stat": "Average"}],
            ["AWS/ECS", "MemoryUtilization", "ClusterName", "shop", "ServiceName", "web"],
            ["AWS/ECS", "MemoryUtilization", "ClusterName", "shop", "ServiceName", "api", {"color": "#fff"}],
            [{"expression": "m1+m2", "id": "e1"}],
        ]);
        let short = json!([
            ["AWS/ECS", "CPUUtilization", "ClusterName", "shop", "ServiceName", "web", {"stat": "Average"}],
            [".", "MemoryUtilization", ".", ".", ".", ".", {}],
            ["...", "api", {"color": "#fff"}],
            [{"expression": "m1+m2", "id": "e1"}],
        ]);
        let by_console = of(short, json!({"view": "timeSeries", "stacked": false}));
        assert_eq!(canonical(&by_console), canonical(&of(metrics.clone(), json!({}))));
        let other = of(metrics.clone(), json!({"view": "singleValue"}));
        assert_ne!(canonical(&other), canonical(&of(metrics, json!({}))));
        assert_eq!(canonical(&json!("text")), json!("text"));
    }

    #[test]
    fn what_cloudwatch_refuses_is_refused() {
        let metric = of(json!([["N", "M"]]), json!({}));
        assert_eq!(refused(&metric), None);
        assert_eq!(refused(&json!({"widgets": []})), None);
        let widget = |widget: Value| refused(&json!({"widgets": [widget]}));
        for wrong in [
            json!({"type": "text", "properties": {}}),
            json!({"type": "text"}),
            json!({"properties": {}}),
            json!({"type": "alarm", "properties": {}}),
            json!({"type": "metric", "properties": {"region": "us-east-1"}}),
            json!({"type": "metric", "properties": {"metrics": []}}),
            json!({"type": "text", "x": 20, "width": 6, "properties": {"markdown": "x"}}),
        ] {
            assert!(widget(wrong.clone()).is_some_and(|why| why.starts_with("`widgets.0`: ")), "{wrong}");
        }
        assert!(refused(&json!({})).is_some() && refused(&json!([])).is_some());
        assert!(refused(&json!({"widgets": vec![json!({}); 501]})).is_some());
    }
}
