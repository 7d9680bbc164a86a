//! The notifications of a budget: when one is sent, and to whom.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use aws_sdk_budgets::types::{
    self as sdk, ComparisonOperator, NotificationType, NotificationWithSubscribers, Subscriber, SubscriptionType, ThresholdType,
};
use aws_smithy_types::error::operation::BuildError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::Cx;
use crate::aws::budgets::errors::failed;
use crate::aws::call::answers::present;
use crate::aws::sns::Topic;
use crate::engine::{Error, Ref, Result};

/// What a budget and a notification can have at most
/// (<https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html>).
const NOTIFICATIONS: usize = 5;
const EMAILS: usize = 10;
const TOPICS: usize = 1;

/// Who is notified when a budget passes a threshold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// The email addresses, at most 10. Left out: none.
    #[serde(default)]
    pub email: Vec<String>,
    /// The ARN of an SNS topic, whose policy lets `budgets.amazonaws.com` publish; at most one. Left out: none.
    #[serde(default)]
    pub topics: Vec<String>,
}

/// The notifications of a budget, by when they are sent.
pub(super) type Notifications = BTreeMap<String, Notification>;

/// When a notification is sent, as its key says it: `actual 80%`, `forecast 100%`, `actual 250` (US dollars).
#[derive(Clone, Debug, PartialEq)]
struct When {
    sort: NotificationType,
    operator: ComparisonOperator,
    threshold: f64,
    percent: bool,
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sort = match &self.sort {
            NotificationType::Actual => "actual",
            NotificationType::Forecasted => "forecast",
            other => other.as_str(),
        };
        let operator = match &self.operator {
            ComparisonOperator::GreaterThan => "",
            ComparisonOperator::LessThan => "< ",
            ComparisonOperator::EqualTo => "= ",
            _ => "? ",
        };
        write!(f, "{sort} {operator}{}{}", self.threshold, if self.percent { "%" } else { "" })
    }
}

impl FromStr for When {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<When, ()> {
        let words: Vec<&str> = text.split(' ').collect();
        let (sort, operator, number) = match words[..] {
            [sort, number] => (sort, ComparisonOperator::GreaterThan, number),
            [sort, "<", number] => (sort, ComparisonOperator::LessThan, number),
            [sort, "=", number] => (sort, ComparisonOperator::EqualTo, number),
            _ => return Err(()),
        };
        let sort = match sort {
            "actual" => NotificationType::Actual,
            "forecast" => NotificationType::Forecasted,
            _ => return Err(()),
        };
        let percent = number.ends_with('%');
        let threshold: f64 = number.trim_end_matches('%').parse().map_err(drop)?;
        let when = When { sort, operator, threshold, percent };
        // It is a key: each has one spelling.
        if threshold > 0.0 && threshold.is_finite() && when.to_string() == text { Ok(when) } else { Err(()) }
    }
}

impl When {
    fn of(key: &str) -> Result<When> {
        key.parse().map_err(|()| Error::internal(format!("`{key}` is no threshold of a budget")))
    }

    fn to_sdk(&self) -> Result<sdk::Notification> {
        let sort = if self.percent { ThresholdType::Percentage } else { ThresholdType::AbsoluteValue };
        let built = sdk::Notification::builder().notification_type(self.sort.clone()).threshold_type(sort);
        built_of(built.comparison_operator(self.operator.clone()).threshold(self.threshold).build())
    }

    fn from_sdk(told: &sdk::Notification) -> When {
        When {
            sort: told.notification_type().clone(),
            operator: told.comparison_operator().clone(),
            threshold: told.threshold(),
            // "the default is PERCENTAGE": <https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Notification.html>
            percent: told.threshold_type() != Some(&ThresholdType::AbsoluteValue),
        }
    }
}

fn built_of<T>(result: std::result::Result<T, BuildError>) -> Result<T> {
    result.map_err(|e| Error::internal(e.to_string()))
}

fn subscriber(sort: SubscriptionType, address: &str) -> Result<Subscriber> {
    built_of(Subscriber::builder().subscription_type(sort).address(address).build())
}

impl Notification {
    fn subscribers(&self) -> Result<Vec<Subscriber>> {
        let emails = self.email.iter().map(|one| subscriber(SubscriptionType::Email, one));
        let topics = self.topics.iter().map(|one| subscriber(SubscriptionType::Sns, one));
        emails.chain(topics).collect()
    }
}

/// Returns what AWS refuses in the notifications.
pub(super) fn refused(all: &Notifications) -> Option<(&'static str, String)> {
    const FIELD: &str = "notifications";
    if all.len() > NOTIFICATIONS {
        return Some((FIELD, format!("a budget has at most {NOTIFICATIONS}")));
    }
    if let Some(key) = all.keys().find(|key| key.parse::<When>().is_err()) {
        return Some((
            FIELD,
            format!("`{key}` is no threshold: write `actual 80%`, `forecast 100%`, or `actual 250` for US dollars"),
        ));
    }
    let too_many = |one: &Notification| one.email.len() > EMAILS || one.topics.len() > TOPICS;
    if let Some((key, _)) = all.iter().find(|(_, one)| too_many(one)) {
        return Some((FIELD, format!("`{key}`: AWS Budgets notifies at most {EMAILS} addresses and {TOPICS} topic")));
    }
    let silent = all.iter().find(|(_, one)| one.email.is_empty() && one.topics.is_empty());
    silent.map(|(key, _)| (FIELD, format!("`{key}` has no recipient: name an address in `email` or a topic in `topics`")))
}

/// Returns the notifications as the call takes them that creates a budget.
pub(super) fn to_sdk(all: &Notifications) -> Result<Option<Vec<NotificationWithSubscribers>>> {
    let one = |(key, one): (&String, &Notification)| {
        let notification = When::of(key)?.to_sdk()?;
        let built = NotificationWithSubscribers::builder().notification(notification);
        built_of(built.set_subscribers(Some(one.subscribers()?)).build())
    };
    let all: Vec<_> = all.iter().map(one).collect::<Result<_>>()?;
    Ok(Some(all).filter(|all| !all.is_empty()))
}

/// Reads the notifications of a budget with their subscribers.
pub(super) async fn read(cx: &Cx, budget: &str) -> Result<Notifications> {
    let (budgets, account) = (&cx.cloud.budgets, &cx.scope.account);
    let pages = budgets.describe_notifications_for_budget().account_id(account).budget_name(budget).into_paginator().items();
    let all = pages.send().collect::<std::result::Result<Vec<_>, _>>().await;
    let all = present(all.map_err(failed("budgets:DescribeNotificationsForBudget")))?;
    let mut found = Notifications::new();
    for told in all {
        let when = When::from_sdk(&told);
        let call = budgets.describe_subscribers_for_notification().account_id(account).budget_name(budget);
        let pages = call.notification(when.to_sdk()?).into_paginator().items();
        let subscribers = pages.send().collect::<std::result::Result<Vec<_>, _>>().await;
        let subscribers = present(subscribers.map_err(failed("budgets:DescribeSubscribersForNotification")))?;
        let mut one = Notification::default();
        for subscriber in subscribers {
            match subscriber.subscription_type() {
                SubscriptionType::Sns => one.topics.push(subscriber.address),
                _ => one.email.push(subscriber.address),
            }
        }
        found.insert(when.to_string(), one);
    }
    Ok(found)
}

/// Returns notifications as they stand in a plan: topics by their reference.
pub(super) fn observed(all: Notifications) -> Notifications {
    let known = |arn: String| Ref::<Topic>::physical(arn).attr("arn").to_string();
    let one = |one: Notification| Notification { topics: one.topics.into_iter().map(known).collect(), ..one };
    all.into_iter().map(|(key, each)| (key, one(each))).collect()
}

/// One change of the subscribers of a notification.
#[derive(Debug, PartialEq)]
enum Step {
    Change(Subscriber, Subscriber),
    Add(Subscriber),
    Remove(Subscriber),
}

/// Returns the steps from some subscribers to others. There are never too many, and never none, with which the notification would go: one
/// of the same sort takes the place of each that goes, and what is added is added first.
fn steps(before: &Notification, after: &Notification) -> Result<Vec<Step>> {
    let (mut changes, mut adds, mut removes) = (Vec::new(), Vec::new(), Vec::new());
    for (sort, before, after) in
        [(SubscriptionType::Email, &before.email, &after.email), (SubscriptionType::Sns, &before.topics, &after.topics)]
    {
        let mut gone = before.iter().filter(|one| !after.contains(one));
        let mut new = after.iter().filter(|one| !before.contains(one));
        loop {
            match (gone.next(), new.next()) {
                (Some(gone), Some(new)) => {
                    changes.push(Step::Change(subscriber(sort.clone(), gone)?, subscriber(sort.clone(), new)?));
                }
                (Some(gone), None) => removes.push(Step::Remove(subscriber(sort.clone(), gone)?)),
                (None, Some(new)) => adds.push(Step::Add(subscriber(sort.clone(), new)?)),
                (None, None) => break,
            }
        }
    }
    Ok(changes.into_iter().chain(adds).chain(removes).collect())
}

/// Makes the notifications of a budget what they should be.
pub(super) async fn write(cx: &Cx, budget: &str, desired: &Notifications) -> Result<()> {
    let (budgets, account) = (&cx.cloud.budgets, &cx.scope.account);
    let before = read(cx, budget).await?;
    for key in before.keys().filter(|key| !desired.contains_key(*key)) {
        let call = budgets.delete_notification().account_id(account).budget_name(budget);
        let call = call.notification(When::of(key)?.to_sdk()?).send().await;
        present(call.map(drop).map_err(failed("budgets:DeleteNotification")))?;
    }
    for (key, after) in desired {
        let when = When::of(key)?.to_sdk()?;
        let Some(before) = before.get(key) else {
            let call = budgets.create_notification().account_id(account).budget_name(budget).notification(when);
            let call = call.set_subscribers(Some(after.subscribers()?));
            call.send().await.map_err(failed("budgets:CreateNotification"))?;
            continue;
        };
        for step in steps(before, after)? {
            match step {
                Step::Change(old, new) => {
                    let call = budgets.update_subscriber().account_id(account).budget_name(budget).notification(when.clone());
                    let call = call.old_subscriber(old).new_subscriber(new).send().await;
                    call.map_err(failed("budgets:UpdateSubscriber"))?;
                }
                Step::Add(new) => {
                    let call = budgets.create_subscriber().account_id(account).budget_name(budget).notification(when.clone());
                    call.subscriber(new).send().await.map_err(failed("budgets:CreateSubscriber"))?;
                }
                Step::Remove(old) => {
                    let call = budgets.delete_subscriber().account_id(account).budget_name(budget).notification(when.clone());
                    call.subscriber(old).send().await.map_err(failed("budgets:DeleteSubscriber"))?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification(email: &[&str], topics: &[&str]) -> Notification {
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        Notification { email: owned(email), topics: owned(topics) }
    }

    #[test]
    fn a_threshold_is_written_and_read_back() {
        for key in ["actual 80%", "forecast 100%", "actual 250", "actual 99.5%", "actual < 10%", "forecast = 5"] {
            let when: When = key.parse().unwrap();
            assert_eq!(When::from_sdk(&when.to_sdk().unwrap()).to_string(), key);
        }
        for wrong in
            ["80%", "actual", "actual 80 %", "actual 080%", "actual -1%", "actual 0%", "Actual 80%", "actual 80.0%", "actual inf"]
        {
            assert!(wrong.parse::<When>().is_err(), "{wrong}");
        }
        let told = sdk::Notification::builder().notification_type(NotificationType::Actual).threshold(80.0);
        let told = told.comparison_operator(ComparisonOperator::GreaterThan).build().unwrap();
        assert_eq!(When::from_sdk(&told).to_string(), "actual 80%", "the type of a threshold has a default");
    }

    #[test]
    fn subscribers_change_without_being_too_many_or_none() {
        let said = |before: &Notification, after: &Notification| -> Vec<String> {
            let step = |step: &Step| match step {
                Step::Change(old, new) => format!("{} → {}", old.address, new.address),
                Step::Add(new) => format!("+{}", new.address),
                Step::Remove(old) => format!("-{}", old.address),
            };
            steps(before, after).unwrap().iter().map(step).collect()
        };
        let before = notification(&["a", "b"], &[]);
        assert_eq!(said(&before, &before), Vec::<String>::new());
        assert_eq!(said(&before, &notification(&["c", "b"], &[])), ["a → c"]);
        assert_eq!(said(&before, &notification(&["b"], &["t"])), ["+t", "-a"]);
        assert_eq!(said(&before, &notification(&[], &["t"])), ["+t", "-a", "-b"]);
        assert_eq!(said(&notification(&[], &["t"]), &notification(&["a"], &["u"])), ["t → u", "+a"]);
    }

    #[test]
    fn what_aws_budgets_refuses_is_refused() {
        let all = |keys: &[&str], one: &Notification| {
            keys.iter().map(|key| ((*key).to_owned(), one.clone())).collect::<Notifications>()
        };
        let one = notification(&["a"], &[]);
        let said = |all: &Notifications| refused(all).map(|(_, why)| why).unwrap_or_default();
        assert_eq!(refused(&all(&["actual 80%"], &one)), None);
        assert_eq!(refused(&Notifications::new()), None);
        assert!(said(&all(&["1", "2", "3", "4", "5", "6"], &one)).contains("at most 5"));
        assert!(said(&all(&["80"], &one)).contains("no threshold"));
        assert!(said(&all(&["actual 80%"], &notification(&["x"; 11], &[]))).contains("at most 10 addresses"));
        assert!(said(&all(&["actual 80%"], &notification(&[], &["t", "u"]))).contains("1 topic"));
        assert!(said(&all(&["actual 80%"], &Notification::default())).contains("has no recipient"));
    }
}
