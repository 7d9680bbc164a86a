//! `alarms.logs`: lines of a service's log, counted by a metric filter, and an alarm on their number.

use std::collections::BTreeMap;

use super::{MISSING, ORIGIN};
use crate::aws::Tags;
use crate::aws::cloudwatch::Alarm;
use crate::aws::logs::{LogGroup, MetricFilter};
use crate::config::alarms::Alarms;
use crate::engine::{Error, Graph, Ref, Scope};

/// Adds the filters and their alarms.
pub fn expand(graph: &mut Graph, section: &Alarms, scope: &Scope, actions: &[String]) -> Result<(), Error> {
    for (name, log) in &section.logs {
        let namespace = format!("stack/{}/{}", scope.stack, scope.env);
        let filter = MetricFilter {
            group: Ref::<LogGroup>::to(log.service.as_str()),
            pattern: log.pattern.clone(),
            namespace: namespace.clone(),
            metric: name.to_string(),
            value: "1".into(),
            default: None,
            dimensions: BTreeMap::new(),
        };
        graph.add(name.as_str(), ORIGIN, &filter)?;
        let minutes = log.period.as_secs() / 60;
        let alarm = Alarm {
            region: None,
            namespace,
            metric: name.to_string(),
            dimensions: BTreeMap::new(),
            statistic: "Sum".into(),
            unit: String::new(),
            expression: String::new(),
            metrics: BTreeMap::new(),
            period: i32::try_from(log.period.as_secs()).unwrap_or(i32::MAX),
            evaluation_periods: 1,
            datapoints: Some(1),
            threshold: f64::from(log.threshold),
            comparison: "GreaterThanThreshold".into(),
            missing_data: MISSING.into(),
            low_samples: "evaluate".into(),
            actions: actions.to_vec(),
            ok_actions: actions.to_vec(),
            insufficient_data_actions: Vec::new(),
            enabled: Some(true),
            description: format!(
                "services.{}: lines of its log above {} in {minutes} minutes (alarms.logs.{name}).",
                log.service, log.threshold
            ),
            tags: Tags::new(),
        };
        graph.add(format!("log-{name}"), ORIGIN, &alarm)?;
    }
    Ok(())
}
