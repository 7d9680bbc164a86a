use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{
    self as sdk, ComparisonOperator, Dimension, MetricAlarm, MetricDataQuery, MetricStat, StandardUnit, Statistic, Tag,
};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::cloudwatch::alarms::{self, Alarms, NAME, client};
use crate::aws::cloudwatch::errors::failed;
use crate::aws::cloudwatch::state::AlarmState;
use crate::aws::ec2::NatGateway;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::ownership::{global, names};
use crate::aws::sns::Topic;
use crate::aws::spelling::{How, Spelling, Wrong};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::token;
use crate::engine::{Diff, Observed, Pause, Readiness, Ref, Resource, Result, Rule, Usual};

/// The maxima of `PutMetricAlarm`
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>).
pub(super) const DESCRIPTION: usize = 1024;
pub(super) const ACTIONS: usize = 5;
const DIMENSIONS: usize = 30;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
const WEEK: i64 = 604_800;

const COMPARISONS: &[&str] =
    &["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"];
const MISSING: &[&str] = &["missing", "notBreaching", "breaching", "ignore"];
const LOW_SAMPLES: &[&str] = &["evaluate", "ignore"];
const STATISTICS: &[&str] = &["Average", "Sum", "Minimum", "Maximum", "SampleCount"];
/// The id of the expression, which is what the alarm compares.
const RESULT: &str = "result";

/// An alarm, which watches a metric and notifies topics when it passes a threshold.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// The region that it is in, whose metrics it watches and whose topics it notifies: the stack's, or `us-east-1`, where CloudFront
    /// reports. It cannot be changed. Left out: the stack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The namespace of the metric: `AWS/SQS`. Left out: only with `expression`.
    #[serde(default)]
    pub namespace: String,
    /// The name of the metric: `ApproximateAgeOfOldestMessage`. Left out: only with `expression`.
    #[serde(default)]
    pub metric: String,
    /// The dimensions of the metric, which say whose it is: `{ QueueName: orders }`. Left out: none.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// What is made of the data of a period: `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or an extended statistic such as
    /// `p99` or `tm95`. Left out: only with `expression`.
    #[serde(default)]
    pub statistic: String,
    /// The unit of the data, if only those with this unit count. Left out: any, which is nearly always right.
    #[serde(default)]
    pub unit: String,
    /// What is compared instead of one metric: an expression of metric math with the names in `metrics`. Left out: none.
    #[serde(default)]
    pub expression: String,
    /// The metrics of the `expression`, by names that begin with a lower-case letter. Left out: none.
    #[serde(default)]
    pub metrics: BTreeMap<String, Metric>,
    /// Seconds of which one value is made: 10, 20, 30 or a multiple of 60.
    pub period: i32,
    /// The number of the latest periods that count. Together they are at most a day, or seven days if a period is an hour or more.
    pub evaluation_periods: i32,
    /// In how many of these periods the threshold must be passed. Left out: in all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datapoints: Option<i32>,
    /// The value that the metric is compared with.
    pub threshold: f64,
    /// The comparison: `GreaterThanThreshold`, `GreaterThanOrEqualToThreshold`, `LessThanThreshold` or `LessThanOrEqualToThreshold`.
    pub comparison: String,
    /// What a period without data counts for: `missing` (nothing is known), `notBreaching`, `breaching`, or `ignore` (the state stays).
    #[serde(default = "missing")]
    pub missing_data: String,
    /// What a percentile of too few values counts for: `evaluate`, or `ignore` (the state stays). Left out: `evaluate`.
    #[serde(default = "evaluate")]
    pub low_samples: String,
    /// The ARNs of up to five topics, or other actions, that are notified when the alarm goes off. Left out: none.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Those that are notified when it is over. Left out: none.
    #[serde(default)]
    pub ok_actions: Vec<String>,
    /// Those that are notified when there is too little data to know. Left out: none.
    #[serde(default)]
    pub insufficient_data_actions: Vec<String>,
    /// Whether notifications are sent. Left out: they are whenever the alarm is created or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What the alarm means, in at most 1024 characters. Left out: none.
    #[serde(default)]
    pub description: String,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// A metric of an expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The namespace of the metric.
    pub namespace: String,
    /// The name of the metric.
    pub metric: String,
    /// The dimensions of the metric. Left out: none.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// What is made of the data of a period.
    pub statistic: String,
}

fn missing() -> String {
    MISSING[0].into()
}

fn evaluate() -> String {
    LOW_SAMPLES[0].into()
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// Its state, when it was read.
    #[serde(flatten)]
    #[schemars(skip)]
    pub state: AlarmState,
}

impl Live {
    /// Returns those of an alarm with this name.
    pub(super) fn of(cx: &Cx, region: &str, name: String) -> Live {
        let scope = &cx.scope;
        let arn = format!("arn:{}:cloudwatch:{region}:{}:alarm:{name}", scope.partition, scope.account);
        Live { id: name, arn, state: AlarmState::default() }
    }
}

/// Applies the difference of the tags.
pub(super) async fn retag(cx: &Cx, live: &Live, desired: &Tags, diff: &Diff) -> Result<()> {
    let cloudwatch = client(cx, &live.arn);
    let Some(edit) = TagEdit::of(diff, desired) else { return Ok(()) };
    if !edit.write.is_empty() {
        let call = cloudwatch.tag_resource().resource_arn(&live.arn).set_tags(Some(tags_to_sdk(&edit.write)));
        call.send().await.map_err(failed("cloudwatch:TagResource"))?;
    }
    if !edit.remove.is_empty() {
        let call = cloudwatch.untag_resource().resource_arn(&live.arn).set_tag_keys(Some(edit.remove));
        call.send().await.map_err(failed("cloudwatch:UntagResource"))?;
    }
    Ok(())
}

pub(super) fn tags_to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

fn dimensions_to_sdk(dimensions: &BTreeMap<String, String>) -> Vec<Dimension> {
    dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect()
}

fn dimensions_from_sdk(dimensions: &[Dimension]) -> BTreeMap<String, String> {
    let pair = |one: &Dimension| Some((one.name.clone()?, one.value.clone()?));
    dimensions.iter().filter_map(pair).collect()
}

/// Checks whether a statistic is one of those that have a field of their own in AWS's calls.
fn is_simple(statistic: &str) -> bool {
    STATISTICS.contains(&statistic)
}

/// Checks whether a statistic is a percentile, such as `p99`.
fn is_percentile(statistic: &str) -> bool {
    statistic.strip_prefix('p').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Checks whether AWS knows an extended statistic
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>).
fn is_extended(statistic: &str) -> bool {
    let percent =
        |of: &str| statistic.strip_prefix(of).and_then(|n| n.parse::<f64>().ok()).is_some_and(|n| (0.0..=100.0).contains(&n));
    let range = |of: &str| {
        statistic.strip_prefix(of).is_some_and(|rest| rest.starts_with('(') && rest.ends_with(')') && rest.contains(':'))
    };
    ["p", "tm", "tc", "ts", "wm"].into_iter().any(percent)
        || statistic == "IQM"
        || ["PR", "TC", "TM", "TS", "WM"].into_iter().any(range)
}

/// Returns what an action is in a plan: a topic by its reference.
pub(super) fn action(arn: &str) -> String {
    let is_topic = arn.split(':').nth(2) == Some("sns");
    if is_topic { Ref::<Topic>::physical(arn).attr("arn").to_string() } else { arn.to_owned() }
}

impl Metric {
    fn to_sdk(&self, id: &str, period: i32) -> MetricDataQuery {
        let metric = sdk::Metric::builder().namespace(&self.namespace).metric_name(&self.metric);
        let metric = metric.set_dimensions(Some(dimensions_to_sdk(&self.dimensions))).build();
        let stat = MetricStat::builder().metric(metric).period(period).stat(&self.statistic).build();
        MetricDataQuery::builder().id(id).metric_stat(stat).return_data(false).build()
    }

    fn from_sdk(stat: &MetricStat) -> Option<Metric> {
        let metric = stat.metric()?;
        Some(Metric {
            namespace: metric.namespace().unwrap_or_default().to_owned(),
            metric: metric.metric_name().unwrap_or_default().to_owned(),
            dimensions: dimensions_from_sdk(metric.dimensions()),
            statistic: stat.stat().unwrap_or_default().to_owned(),
        })
    }
}

async fn observed(cx: &Cx, all: &Alarms, alarm: &MetricAlarm) -> Result<Option<Observed<Alarm>>> {
    let (Some(name), Some(arn)) = (alarm.alarm_name.clone(), alarm.alarm_arn.clone()) else { return Ok(None) };
    let mut tags = all.tags_of(cx, &arn).await?;
    let region = global::region_of(&arn).to_owned();
    if !global::is_here_in(&cx.scope, &region, &mut tags) {
        return Ok(None);
    }
    Ok(Some(Observed {
        claim: match region == cx.scope.region {
            true => names::claim(cx, cx.scope.claim(Alarm::KIND, &tags, false), &tags, &name, NAME),
            false => global::claim(cx, Alarm::KIND, &tags, &name, NAME, true),
        },
        live: Live {
            id: name,
            arn,
            state: AlarmState::of(
                alarm.state_value(),
                alarm.state_transitioned_timestamp().or(alarm.state_updated_timestamp()),
                alarm.state_reason(),
            ),
        },
        fields: Alarm { region: Some(region), ..Alarm::from_sdk(alarm, tags) },
        state: Readiness::Ready,
    }))
}

impl Alarm {
    /// Writes the whole alarm. Its tags count only when it is new.
    async fn put(&self, cx: &Cx, live: &Live, tags: Option<Vec<Tag>>) -> Result<()> {
        let call = client(cx, &live.arn).put_metric_alarm().alarm_name(&live.id);
        let call = call.alarm_description(&self.description).actions_enabled(self.enabled != Some(false));
        let call = call.set_alarm_actions(Some(self.actions.clone())).set_ok_actions(Some(self.ok_actions.clone()));
        let call = call.set_insufficient_data_actions(Some(self.insufficient_data_actions.clone()));
        let call = call.evaluation_periods(self.evaluation_periods).set_datapoints_to_alarm(self.datapoints);
        let call = call.threshold(self.threshold).comparison_operator(ComparisonOperator::from(self.comparison.as_str()));
        let call = call.treat_missing_data(&self.missing_data).set_tags(tags);
        let call = if self.expression.is_empty() {
            let simple = Some(self.statistic.clone()).filter(|statistic| is_simple(statistic));
            let extended = Some(self.statistic.clone()).filter(|statistic| !is_simple(statistic));
            let unit = Some(self.unit.as_str()).filter(|unit| !unit.is_empty()).map(StandardUnit::from);
            let call = call.namespace(&self.namespace).metric_name(&self.metric).period(self.period).set_unit(unit);
            let call = call.set_dimensions(Some(dimensions_to_sdk(&self.dimensions)));
            let few = Some(self.low_samples.clone()).filter(|_| is_percentile(&self.statistic));
            let call = call.set_evaluate_low_sample_count_percentile(few);
            call.set_statistic(simple.map(|statistic| Statistic::from(statistic.as_str()))).set_extended_statistic(extended)
        } else {
            let metrics = self.metrics.iter().map(|(id, metric)| metric.to_sdk(id, self.period));
            let result = MetricDataQuery::builder().id(RESULT).expression(&self.expression).return_data(true).build();
            call.set_metrics(Some(metrics.chain([result]).collect()))
        };
        call.send().await.map_err(failed("cloudwatch:PutMetricAlarm"))?;
        Ok(())
    }

    fn from_sdk(alarm: &MetricAlarm, tags: Tags) -> Alarm {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let queries = alarm.metrics.as_deref().unwrap_or_default();
        let expression = queries.iter().find(|query| query.return_data() != Some(false)).and_then(MetricDataQuery::expression);
        let metric = |query: &MetricDataQuery| Some((query.id.clone()?, query.metric_stat().and_then(Metric::from_sdk)?));
        let periods = queries.iter().filter_map(|query| query.metric_stat()?.period());
        let actions = |arns: &[String]| arns.iter().map(|arn| action(arn)).collect();
        let evaluation_periods = alarm.evaluation_periods.unwrap_or_default();
        Alarm {
            region: None,
            namespace: text(alarm.namespace()),
            metric: text(alarm.metric_name()),
            dimensions: dimensions_from_sdk(alarm.dimensions()),
            statistic: text(alarm.statistic().map(Statistic::as_str).or(alarm.extended_statistic())),
            unit: text(alarm.unit().map(StandardUnit::as_str)),
            expression: text(expression),
            metrics: queries.iter().filter_map(metric).collect(),
            period: alarm.period.or_else(|| periods.max()).unwrap_or_default(),
            evaluation_periods,
            datapoints: Some(alarm.datapoints_to_alarm.unwrap_or(evaluation_periods)),
            threshold: alarm.threshold.unwrap_or_default(),
            comparison: text(alarm.comparison_operator().map(ComparisonOperator::as_str)),
            missing_data: alarm.treat_missing_data.clone().unwrap_or_else(missing),
            low_samples: alarm.evaluate_low_sample_count_percentile.clone().unwrap_or_else(evaluate),
            actions: actions(alarm.alarm_actions()),
            ok_actions: actions(alarm.ok_actions()),
            insufficient_data_actions: actions(alarm.insufficient_data_actions()),
            enabled: alarm.actions_enabled,
            description: text(alarm.alarm_description()),
            tags,
        }
    }

    /// Returns what is wrong with what it compares.
    fn compares(&self) -> Option<(&'static str, String)> {
        let metric = !self.metric.is_empty();
        if metric != self.expression.is_empty() {
            return Some(("metric", "an alarm has a `metric`, or an `expression` with `metrics`".into()));
        }
        if self.low_samples != LOW_SAMPLES[0] && !is_percentile(&self.statistic) {
            return Some(("low_samples", "it is for percentiles, such as the statistic `p99`".into()));
        }
        if metric && !self.metrics.is_empty() {
            return Some(("metrics", "they are for an `expression`".into()));
        }
        if metric && self.namespace.is_empty() {
            return Some(("namespace", "a `metric` has a `namespace` and a `statistic`".into()));
        }
        let one = !(self.namespace.is_empty() && self.dimensions.is_empty() && self.statistic.is_empty() && self.unit.is_empty());
        if !metric && one {
            return Some((
                "expression",
                "`namespace`, `dimensions`, `statistic` and `unit` belong to each of the `metrics` then".into(),
            ));
        }
        if !metric && self.metrics.is_empty() {
            return Some(("metrics", "an `expression` needs at least one metric".into()));
        }
        let is_id = |id: &str| {
            id.starts_with(|c: char| c.is_ascii_lowercase()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if let Some(id) = self.metrics.keys().find(|id| !is_id(id) || *id == RESULT) {
            let why = "a name begins with a lower-case letter, has only letters, digits and `_`, and is not `result`";
            return Some(("metrics", format!("`{id}`: {why}")));
        }
        let all = self.metrics.values().map(|metric| &metric.statistic).chain(metric.then_some(&self.statistic));
        let unknown = |statistic: &&String| !is_simple(statistic) && !is_extended(statistic) && !statistic.contains("${");
        all.into_iter().find(unknown).map(|unknown| {
            let known = STATISTICS.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            (
                if metric { "statistic" } else { "metrics" },
                format!("`{unknown}` is not a statistic: {known}, or one such as `p99`"),
            )
        })
    }

    /// Returns what is wrong with the periods
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>).
    fn periods(&self) -> Option<(&'static str, String)> {
        let (period, count) = (i64::from(self.period), i64::from(self.evaluation_periods));
        if !([10, 20, 30].contains(&period) || period > 0 && period % 60 == 0) {
            return Some(("period", format!("it is {period}, and must be 10, 20, 30 or a multiple of 60")));
        }
        let (most, said) = if period < HOUR { (DAY, "a day") } else { (WEEK, "seven days") };
        if !(1..=most / period.max(1)).contains(&count) {
            let why = format!("there must be from 1 to {}: together they are at most {said}", (most / period).max(1));
            return Some(("evaluation_periods", why));
        }
        let wrong = self.datapoints.filter(|points| !(1..=count).contains(&i64::from(*points)))?;
        Some(("datapoints", format!("{wrong} of {count} periods: it must be from 1 to {count}")))
    }

    /// Returns which list or text is too long.
    fn too_long(&self) -> Option<(&'static str, String)> {
        let lists = [
            ("actions", self.actions.len(), ACTIONS),
            ("ok_actions", self.ok_actions.len(), ACTIONS),
            ("insufficient_data_actions", self.insufficient_data_actions.len(), ACTIONS),
            ("dimensions", self.dimensions.len(), DIMENSIONS),
            ("description", self.description.chars().count(), DESCRIPTION),
        ];
        let (field, length, most) = lists.into_iter().find(|(_, length, most)| length > most)?;
        Some((field, format!("there are {length}, and CloudWatch accepts at most {most}")))
    }
}

impl Resource for Alarm {
    const KIND: &'static str = "cloudwatch.alarm";
    const RULES: &'static [Rule] = &[
        Rule::immutable("region"),
        Rule::exact("dimensions"),
        Rule::exact("metrics"),
        Rule::exact("metrics.*.dimensions"),
        Rule::unit("period", "s"),
        Rule::set("actions"),
        Rule::takes("actions.*", TOPIC),
        Rule::set("ok_actions"),
        Rule::takes("ok_actions.*", TOPIC),
        Rule::set("insufficient_data_actions"),
        Rule::takes("insufficient_data_actions.*", TOPIC),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(1, 1);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        self.compares().or_else(|| self.periods()).or_else(|| self.too_long())
    }

    /// Is absent with the NAT gateway of the stack that it watches.
    fn absent(desired: &Value, why: Pause) -> bool {
        NatGateway::absent(desired, why) && token::named(desired).keys().any(|key| key.kind == NatGateway::KIND)
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = alarms::all(cx).await?;
        let observed = try_join_all(all.metrics.iter().map(|alarm| observed(cx, &all, alarm))).await?;
        Ok(observed.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let region = self.region.as_deref().unwrap_or(&cx.scope.region);
        global::check_region(&cx.scope, region)?;
        let name = if region == cx.scope.region { names::name(cx, NAME) } else { global::name(cx, NAME) };
        let live = Live::of(cx, region, name);
        let tags = global::new_tags_in(&cx.scope, region, &self.tags);
        self.put(cx, &live, Some(tags_to_sdk(&tags))).await?;
        Ok(live)
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches_other_than(&["tags"]) {
            self.put(cx, live, None).await?;
        }
        retag(cx, live, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = client(cx, &live.arn).delete_alarms().alarm_names(&live.id);
        call.send().await.map_err(failed("cloudwatch:DeleteAlarms"))?;
        Ok(())
    }
}

/// What actions stand for.
pub(super) const TOPIC: &[(&str, &str)] = &[("sns.topic", "arn")];

impl AwsKind for Alarm {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"],
        update: &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"],
        delete: &["cloudwatch:DeleteAlarms"],
    };
    const SPELLING: &'static [Spelling] =
        &[("comparison", How::Word(COMPARISONS)), ("missing_data", How::Word(MISSING)), ("low_samples", How::Word(LOW_SAMPLES))];

    /// Writes out how many periods count when the file leaves it to AWS, which tells it of no alarm.
    fn spell(object: &mut Value, _: &mut Vec<Wrong>) {
        let Some(fields) = object.as_object_mut() else { return };
        let all = fields.get("evaluation_periods").filter(|all| all.is_i64()).cloned();
        if let (Some(all), None) = (all, fields.get("datapoints").filter(|points| !points.is_null())) {
            fields.insert("datapoints".into(), all);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Ids, diff};

    fn alarm(more: Value) -> Alarm {
        let mut fields = json!({
            "namespace": "AWS/SQS", "metric": "ApproximateAgeOfOldestMessage", "dimensions": {"QueueName": "orders"},
            "statistic": "Maximum", "period": 60, "evaluation_periods": 5, "threshold": 900, "comparison": "GreaterThanThreshold",
        });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(fields).unwrap()
    }

    fn changes(wanted: &Alarm, read: &MetricAlarm) -> Vec<String> {
        let mut wanted = serde_json::to_value(wanted).unwrap();
        Alarm::spell(&mut wanted, &mut Vec::new());
        let read = serde_json::to_value(Alarm::from_sdk(read, Tags::new())).unwrap();
        let found = diff(Alarm::RULES, &wanted, &read, &Ids::default());
        found.changes.into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn what_is_written_is_read_back_and_additions_differ() {
        let topic = "arn:aws:sns:us-east-1:1:alarms";
        let wanted = alarm(json!({"actions": [topic]}));
        let read = MetricAlarm::builder().namespace("AWS/SQS").metric_name("ApproximateAgeOfOldestMessage");
        let read = read.dimensions(Dimension::builder().name("QueueName").value("orders").build()).statistic(Statistic::Maximum);
        let read = read.period(60).evaluation_periods(5).threshold(900.0).alarm_actions(topic).actions_enabled(true);
        let read = read.comparison_operator(ComparisonOperator::GreaterThanThreshold);
        assert_eq!(changes(&wanted, &read.clone().build()), Vec::<String>::new());
        let more = Dimension::builder().name("More").value("x").build();
        let by_hand = read.ok_actions("arn:x").datapoints_to_alarm(2).treat_missing_data("breaching").unit(StandardUnit::Seconds);
        let found = changes(&wanted, &by_hand.dimensions(more).build());
        assert_eq!(found, ["dimensions.More", "unit", "missing_data", "ok_actions", "datapoints"]);
    }

    #[test]
    fn what_watches_a_nat_gateway_rests_with_it() {
        let wanted = |id: &str| serde_json::to_value(alarm(json!({"dimensions": {"NatGatewayId": id}}))).unwrap();
        let named = wanted("${ec2.nat_gateway/a}");
        assert!(Alarm::absent(&named, Pause::Bare) && !Alarm::absent(&named, Pause::Asked));
        assert!(!Alarm::absent(&wanted("nat-0123"), Pause::Bare));
    }

    #[test]
    fn an_expression_is_written_and_read_back() {
        let metric = json!({"namespace": "N", "metric": "M", "dimensions": {"D": "d"}, "statistic": "Average"});
        let fields = json!({"namespace": "", "metric": "", "dimensions": {}, "statistic": "", "expression": "a-b", "metrics": {"a": metric, "b": metric}});
        let wanted = alarm(fields);
        assert_eq!(wanted.refused(), None);
        let queries: Vec<MetricDataQuery> = wanted.metrics.iter().map(|(id, metric)| metric.to_sdk(id, 60)).collect();
        let result = MetricDataQuery::builder().id(RESULT).expression("a-b").return_data(true).build();
        let read = MetricAlarm::builder().set_metrics(Some(queries)).metrics(result).evaluation_periods(5).threshold(900.0);
        let read = read.comparison_operator(ComparisonOperator::GreaterThanThreshold).actions_enabled(true).build();
        assert_eq!(changes(&wanted, &read), Vec::<String>::new());
    }

    #[test]
    fn what_cloudwatch_refuses_is_refused_at_its_field() {
        let refused = |more: Value| alarm(more).refused().map(|(field, _)| field);
        for period in [10, 20, 30, 60, 300, 86_400] {
            assert_eq!(refused(json!({"period": period, "evaluation_periods": 1})), None, "{period}");
        }
        for period in [0, -60, 7, 45, 90] {
            assert_eq!(refused(json!({"period": period})), Some("period"), "{period}");
        }
        assert_eq!(refused(json!({"period": 60, "evaluation_periods": 1440})), None);
        assert_eq!(refused(json!({"period": 60, "evaluation_periods": 1441})), Some("evaluation_periods"));
        assert_eq!(refused(json!({"period": 3600, "evaluation_periods": 168})), None);
        assert_eq!(refused(json!({"period": 86_400, "evaluation_periods": 8})), Some("evaluation_periods"));
        assert_eq!(refused(json!({"evaluation_periods": 0})), Some("evaluation_periods"));
        assert_eq!(refused(json!({"datapoints": 6})), Some("datapoints"));
        assert_eq!(refused(json!({"datapoints": 5})), None);
        assert_eq!(refused(json!({"statistic": "Median"})), Some("statistic"));
        for extended in ["p99", "p99.9", "tm95", "IQM", "PR(0:10)", "TC(2%:98%)"] {
            assert_eq!(refused(json!({"statistic": extended})), None, "{extended}");
        }
        assert_eq!(refused(json!({"statistic": "p101"})), Some("statistic"));
        assert_eq!(refused(json!({"metric": ""})), Some("metric"));
        assert_eq!(refused(json!({"expression": "a"})), Some("metric"));
        assert_eq!(refused(json!({"namespace": ""})), Some("namespace"));
        assert_eq!(refused(json!({"metric": "", "expression": "a"})), Some("expression"));
        assert_eq!(refused(json!({"ok_actions": ["a", "b", "c", "d", "e", "f"]})), Some("ok_actions"));
        assert_eq!(refused(json!({"description": "x".repeat(1025)})), Some("description"));
    }
}
