use aws_sdk_costexplorer::types::{
    self as sdk, AnomalySubscriptionFrequency, Dimension, DimensionValues, Expression, MatchOption, Subscriber, SubscriberType,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AnomalyMonitor;
use super::read::{self, NAME, SUBSCRIPTION, new_tags, retag};
use crate::aws::call::error::incomplete;
use crate::aws::ce::errors::failed;
use crate::aws::ownership::global;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::sns::Topic;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

const IMMEDIATE: &str = "IMMEDIATE";
const FREQUENCIES: &[&str] = &["DAILY", "WEEKLY", IMMEDIATE];
/// What a threshold may be
/// (<https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_AnomalySubscription.html>).
const MOST: f64 = 10_000_000_000.0;
/// What stands for a threshold that no file can say: a percentage, or several.
const OTHER: f64 = -1.0;

/// A subscription to what cost anomaly monitors notice. It is looked for only in a stack that has a `budgets.budget`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnomalySubscription {
    /// The monitors.
    pub monitors: Vec<Ref<AnomalyMonitor>>,
    /// How often notifications are sent: `DAILY` or `WEEKLY` by email, or `IMMEDIATE` by a topic.
    pub frequency: String,
    /// The email addresses that are notified. Left out: none.
    #[serde(default)]
    pub email: Vec<String>,
    /// The ARNs of SNS topics that are notified, whose policies let `costalerts.amazonaws.com` publish. Left out: none.
    #[serde(default)]
    pub topics: Vec<String>,
    /// By how many US dollars an anomaly must raise the costs, in all, to be reported.
    pub above: f64,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

fn live(arn: &str) -> Live {
    Live { id: arn.to_owned(), arn: arn.to_owned() }
}

/// Returns the condition for the total impact of an anomaly.
fn expression(above: f64) -> Expression {
    let impact = DimensionValues::builder().key(Dimension::AnomalyTotalImpactAbsolute).values(above.to_string());
    Expression::builder().dimensions(impact.match_options(MatchOption::GreaterThanOrEqual).build()).build()
}

/// Returns the threshold of a subscription.
fn above(subscription: &sdk::AnomalySubscription) -> f64 {
    let impact = subscription.threshold_expression().and_then(Expression::dimensions);
    let impact = impact.filter(|impact| impact.key() == Some(&Dimension::AnomalyTotalImpactAbsolute));
    impact.and_then(|impact| impact.values().first()?.parse().ok()).unwrap_or(OTHER)
}

impl AnomalySubscription {
    fn subscribers(&self) -> Vec<Subscriber> {
        let one = |sort: SubscriberType, address: &String| Subscriber::builder().r#type(sort).address(address).build();
        let emails = self.email.iter().map(|address| one(SubscriberType::Email, address));
        emails.chain(self.topics.iter().map(|arn| one(SubscriberType::Sns, arn))).collect()
    }

    fn monitors(&self) -> Result<Vec<String>> {
        self.monitors.iter().map(|monitor| monitor.id().map(str::to_owned)).collect()
    }

    fn to_sdk(&self, name: &str) -> Result<sdk::AnomalySubscription> {
        let built = sdk::AnomalySubscription::builder().subscription_name(name).set_monitor_arn_list(Some(self.monitors()?));
        let built = built.set_subscribers(Some(self.subscribers())).threshold_expression(expression(self.above));
        let built = built.frequency(AnomalySubscriptionFrequency::from(self.frequency.as_str())).build();
        built.map_err(|e| Error::internal(e.to_string()))
    }

    fn from_sdk(told: &sdk::AnomalySubscription, tags: Tags) -> AnomalySubscription {
        let of = |sort: SubscriberType| {
            let all = told.subscribers().iter().filter(move |one| one.r#type() == Some(&sort));
            all.filter_map(|one| one.address.clone())
        };
        AnomalySubscription {
            monitors: told.monitor_arn_list().iter().map(|arn| Ref::physical(arn.as_str())).collect(),
            frequency: told.frequency().as_str().to_owned(),
            email: of(SubscriberType::Email).collect(),
            topics: of(SubscriberType::Sns).map(|arn| Ref::<Topic>::physical(arn).attr("arn").to_string()).collect(),
            above: above(told),
            tags,
        }
    }
}

impl Resource for AnomalySubscription {
    const KIND: &'static str = SUBSCRIPTION;
    const RULES: &'static [Rule] = &[
        Rule::set("monitors"),
        Rule::set("email"),
        Rule::set("topics"),
        Rule::takes("topics.*", &[("sns.topic", "arn")]),
        Rule::unit("above", "USD"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(1, 1);
    const REPEATABLE: bool = false;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if self.monitors.is_empty() {
            return Some(("monitors", "it must name a monitor".into()));
        }
        if !(0.0..=MOST).contains(&self.above) {
            return Some(("above", format!("it must be from 0 to {MOST}")));
        }
        let immediate = self.frequency == IMMEDIATE;
        let (wanted, other) = if immediate { (&self.topics, &self.email) } else { (&self.email, &self.topics) };
        let field = if immediate { "topics" } else { "email" };
        let wrong = wanted.is_empty() || !other.is_empty();
        wrong.then(|| (field, format!("with `frequency: {}`, only these are notified", self.frequency)))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = read::subscriptions(cx).await?;
        let one = |known: &read::Known<sdk::AnomalySubscription>| Observed {
            claim: known.claim.clone(),
            live: live(&known.arn),
            fields: AnomalySubscription::from_sdk(&known.what, known.tags.clone()),
            state: Readiness::Ready,
        };
        Ok(all.iter().map(one).collect())
    }

    /// Creates it, unless a run that died left it behind.
    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "ce:CreateAnomalySubscription";
        let name = global::name(cx, NAME);
        let there = read::all_subscriptions(cx).await?;
        let ours = Claim::Ours(cx.key.name.clone());
        if let Some(known) = there.iter().find(|known| known.claim == ours && known.what.subscription_name() == name) {
            return Ok(live(&known.arn));
        }
        let call = cx.cloud.ce_once.create_anomaly_subscription().anomaly_subscription(self.to_sdk(&name)?);
        let answer = call.set_resource_tags(new_tags(cx, &self.tags)?).send().await.map_err(failed(OP))?;
        let arn = answer.subscription_arn;
        if arn.is_empty() { Err(incomplete(OP, "the subscription's ARN")) } else { Ok(live(&arn)) }
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches_other_than(&["tags"]) {
            let call = cx.cloud.ce.update_anomaly_subscription().subscription_arn(&live.arn);
            let call = call.set_monitor_arn_list(Some(self.monitors()?)).set_subscribers(Some(self.subscribers()));
            let call = call.frequency(AnomalySubscriptionFrequency::from(self.frequency.as_str()));
            let call = call.threshold_expression(expression(self.above));
            call.send().await.map_err(failed("ce:UpdateAnomalySubscription"))?;
        }
        retag(cx, &live.arn, TagEdit::of(diff, &self.tags)).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.ce.delete_anomaly_subscription().subscription_arn(&live.arn);
        call.send().await.map_err(failed("ce:DeleteAnomalySubscription"))?;
        Ok(())
    }
}

impl AwsKind for AnomalySubscription {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["ce:CreateAnomalySubscription", "ce:TagResource"],
        update: &["ce:UpdateAnomalySubscription", "ce:TagResource", "ce:UntagResource"],
        delete: &["ce:DeleteAnomalySubscription"],
    };
    const SPELLING: &'static [Spelling] = &[("frequency", How::Word(FREQUENCIES))];
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::{Ids, diff};

    fn subscription(more: Value) -> AnomalySubscription {
        let monitor = "${=ce.anomaly_monitor:arn:aws:ce::123456789012:anomalymonitor/1}";
        let mut fields = json!({"monitors": [monitor], "frequency": "DAILY", "email": ["a@example.com"], "above": 20});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wanted = subscription(json!({}));
        let told = AnomalySubscription::from_sdk(&wanted.to_sdk("shop-budget").unwrap(), Tags::new());
        let changes = |read: &AnomalySubscription| -> Vec<String> {
            let (wanted, read) = (serde_json::to_value(&wanted).unwrap(), serde_json::to_value(read).unwrap());
            let found = diff(AnomalySubscription::RULES, &wanted, &read, &Ids::default());
            found.changes.into_iter().map(|change| change.path).collect()
        };
        assert_eq!(changes(&told), Vec::<String>::new());
        // What the console can set, and the file cannot.
        let percent = DimensionValues::builder().key(Dimension::AnomalyTotalImpactPercentage).values("20");
        let percent = Expression::builder().dimensions(percent.match_options(MatchOption::GreaterThanOrEqual).build()).build();
        let mut by_hand = wanted.to_sdk("shop-budget").unwrap();
        by_hand.threshold_expression = Some(percent);
        assert_eq!(changes(&AnomalySubscription::from_sdk(&by_hand, Tags::new())), ["above"]);
    }

    #[test]
    fn who_is_told_depends_on_how_often() {
        let refused = |more: Value| subscription(more).refused().map(|(field, _)| field);
        assert_eq!(refused(json!({})), None);
        assert_eq!(refused(json!({"frequency": "IMMEDIATE"})), Some("topics"));
        assert_eq!(refused(json!({"frequency": "IMMEDIATE", "email": [], "topics": ["arn:aws:sns:us-east-1:1:t"]})), None);
        assert_eq!(refused(json!({"email": []})), Some("email"));
        assert_eq!(refused(json!({"topics": ["arn:aws:sns:us-east-1:1:t"]})), Some("email"));
        assert_eq!(refused(json!({"above": -1})), Some("above"));
        assert_eq!(refused(json!({"monitors": []})), Some("monitors"));
    }
}
