use std::collections::{BTreeMap, HashMap};

use aws_sdk_cloudwatchlogs::types::{MetricFilter as Found, MetricTransformation};
use aws_smithy_types::error::operation::BuildError;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::log_group::{LogGroup, own, prefix, tags_of};
use crate::aws::call::answers::present;
use crate::aws::logs::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Class, Diff, Error, Observed, Order, Readiness, Ref, Resource, Result, Rule, Usual};

/// The maxima of `PutMetricFilter`
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>).
const NAME: usize = 255;
const PATTERN: usize = 1024;
const DIMENSIONS: usize = 3;

/// A filter that makes a metric of the lines of a log group, from when it is created on. It has no tags, and is the stack's by its name in a log
/// group of the stack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricFilter {
    /// The log group. It cannot be changed.
    pub group: Ref<LogGroup>,
    /// Which lines count, as CloudWatch Logs writes it: `ERROR`, or `{ $.level = "error" }`. Left out: every line.
    #[serde(default)]
    pub pattern: String,
    /// The namespace of the metric, which does not begin with `AWS/`.
    pub namespace: String,
    /// The name of the metric.
    pub metric: String,
    /// What each line that counts adds: a number, or a part of it such as `$.bytes`. Left out: 1.
    #[serde(default = "one")]
    pub value: String,
    /// The value of periods in which lines come and none counts. Not with `dimensions`. Left out: none for a new one, else unchanged
    /// until something else of it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<f64>,
    /// The dimensions of the metric, at most three, each with a part of the line: `{ Path: "$.path" }`. Each value is a metric of its own, and
    /// costs as much. Left out: none.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
}

fn one() -> String {
    "1".into()
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// `GROUP NAME`
    pub id: String,
    /// The log group.
    pub group: String,
    /// The name.
    pub name: String,
}

fn live(group: &str, name: &str) -> Live {
    Live { id: format!("{group} {name}"), group: group.to_owned(), name: name.to_owned() }
}

fn invalid(error: BuildError) -> Error {
    Error::new(Class::Invalid, error.to_string())
}

/// Returns the filters of a log group that are called like the stack's.
async fn of_group(cx: &Cx, group: &str) -> Result<Vec<Found>> {
    let call = cx.cloud.logs.describe_metric_filters().log_group_name(group).filter_name_prefix(cx.scope.prefix());
    let pages = call.into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    present(all.map_err(failed("logs:DescribeMetricFilters")))
}

impl MetricFilter {
    fn from_sdk(group: &str, found: &Found) -> MetricFilter {
        let transformation = found.metric_transformations().first();
        MetricFilter {
            group: Ref::physical(group),
            pattern: found.filter_pattern().unwrap_or_default().to_owned(),
            namespace: transformation.map(|t| t.metric_namespace().to_owned()).unwrap_or_default(),
            metric: transformation.map(|t| t.metric_name().to_owned()).unwrap_or_default(),
            value: transformation.map(|t| t.metric_value().to_owned()).unwrap_or_default(),
            default: transformation.and_then(MetricTransformation::default_value),
            dimensions: transformation.and_then(|t| t.dimensions.clone()).unwrap_or_default().into_iter().collect(),
        }
    }

    fn transformation(&self) -> Result<MetricTransformation> {
        let dimensions: HashMap<String, String> = self.dimensions.clone().into_iter().collect();
        let made = MetricTransformation::builder().metric_namespace(&self.namespace).metric_name(&self.metric);
        let made = made.metric_value(&self.value).set_default_value(self.default);
        made.set_dimensions(Some(dimensions).filter(|all| !all.is_empty())).build().map_err(invalid)
    }

    /// Writes the whole filter.
    async fn put(&self, cx: &Cx, group: &str, name: &str) -> Result<()> {
        let call = cx.cloud.logs.put_metric_filter().log_group_name(group).filter_name(name).filter_pattern(&self.pattern);
        call.metric_transformations(self.transformation()?).send().await.map_err(failed("logs:PutMetricFilter"))?;
        Ok(())
    }
}

impl Resource for MetricFilter {
    const KIND: &'static str = "logs.metric_filter";
    const RULES: &'static [Rule] = &[Rule::immutable("group"), Rule::exact("dimensions")];
    const USUAL: Usual = Usual::secs(1, 1);
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if self.namespace.starts_with("AWS/") {
            return Some(("namespace", "those that begin with `AWS/` are AWS's own".into()));
        }
        if self.pattern.chars().count() > PATTERN {
            return Some(("pattern", format!("CloudWatch Logs accepts at most {PATTERN} characters")));
        }
        if self.dimensions.len() > DIMENSIONS {
            return Some(("dimensions", format!("CloudWatch Logs accepts at most {DIMENSIONS}")));
        }
        let both = self.default.is_some() && !self.dimensions.is_empty();
        both.then(|| ("default", "a metric with `dimensions` has none".into()))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let groups = own(cx).await?;
        let filtered = groups.iter().filter(|group| group.metric_filter_count().unwrap_or_default() > 0);
        let prefix = cx.scope.prefix();
        let all = try_join_all(filtered.filter_map(|group| Some((group.log_group_name()?, group))).map(|(name, group)| {
            let prefix = &prefix;
            async move {
                let arn = group.log_group_arn().or(group.arn()).unwrap_or_default().trim_end_matches(":*");
                let tags = tags_of(cx, arn).await?;
                let ours = cx.scope.owns(&tags);
                let filters = of_group(cx, name).await?;
                let observed = filters.iter().filter_map(|found| {
                    let key = names::key_of(prefix, found.filter_name()?)?;
                    Some(Observed {
                        claim: if ours { Claim::Ours(key) } else { Claim::Taken(key) },
                        live: live(name, found.filter_name()?),
                        fields: MetricFilter::from_sdk(name, found),
                        state: Readiness::Ready,
                    })
                });
                Ok::<_, Error>(observed.collect::<Vec<_>>())
            }
        }));
        Ok(all.await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let (group, name) = (self.group.id()?, names::fit(&cx.scope.prefix(), &cx.key.name, 1, NAME));
        let place = prefix(&cx.scope);
        if !group.starts_with(&place) {
            let said =
                format!("a metric filter of `{group}` would not be found again: the group's name must start with `{place}`");
            return Err(Error::new(Class::Invalid, said));
        }
        self.put(cx, group, &name).await?;
        Ok(live(group, &name))
    }

    async fn update(&self, cx: &Cx, live: &Live, _diff: &Diff) -> Result<Live> {
        self.put(cx, &live.group, &live.name).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.logs.delete_metric_filter().log_group_name(&live.group).filter_name(&live.name);
        call.send().await.map_err(failed("logs:DeleteMetricFilter"))?;
        Ok(())
    }

    /// One of its name is enough: nothing tells two of them apart.
    fn replace_order(_diff: &Diff) -> Order {
        Order::DeleteFirst
    }
}

impl AwsKind for MetricFilter {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions =
        Actions { create: &["logs:PutMetricFilter"], update: &["logs:PutMetricFilter"], delete: &["logs:DeleteMetricFilter"] };
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::{Ids, diff};

    fn filter(more: Value) -> MetricFilter {
        let mut fields = json!({"group": "/stack/shop/default/web", "pattern": "ERROR", "namespace": "shop", "metric": "errors"});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wanted = filter(json!({"dimensions": {"Path": "$.path"}}));
        let changes = |transformation: MetricTransformation| -> Vec<String> {
            let found = Found::builder().filter_pattern("ERROR").metric_transformations(transformation).build();
            let read = MetricFilter::from_sdk("/stack/shop/default/web", &found);
            let (wanted, read) = (serde_json::to_value(&wanted).unwrap(), serde_json::to_value(read).unwrap());
            diff(MetricFilter::RULES, &wanted, &read, &Ids::default()).changes.into_iter().map(|c| c.path).collect()
        };
        assert_eq!(changes(wanted.transformation().unwrap()), Vec::<String>::new());
        let by_hand = filter(json!({"value": "$.n", "dimensions": {"Path": "$.path", "More": "$.more"}}));
        assert_eq!(changes(by_hand.transformation().unwrap()), ["value", "dimensions.More"]);
    }

    #[test]
    fn what_cloudwatch_logs_refuses_is_refused() {
        let refused = |more: Value| filter(more).refused().map(|(field, _)| field);
        assert_eq!(refused(json!({"default": 0.0})), None);
        assert_eq!(refused(json!({"namespace": "AWS/Logs"})), Some("namespace"));
        assert_eq!(refused(json!({"pattern": "x".repeat(1025)})), Some("pattern"));
        assert_eq!(refused(json!({"dimensions": {"a": "$.a", "b": "$.b", "c": "$.c", "d": "$.d"}})), Some("dimensions"));
        assert_eq!(refused(json!({"default": 0.0, "dimensions": {"a": "$.a"}})), Some("default"));
    }
}
