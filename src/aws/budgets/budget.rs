use std::collections::{BTreeMap, HashMap};

use aws_sdk_budgets::types::{self as sdk, BudgetType, ResourceTag, Spend, TimeUnit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::notification::{self, Notification};
use super::read::{self, KIND, NAME, arn};
use crate::aws::budgets::errors::failed;
use crate::aws::call::error::incomplete;
use crate::aws::ce;
use crate::aws::ownership::global;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Blocker, Class, Diff, Error, Observed, Readiness, Resource, Result, Rule, Usual};

/// The currency: AWS Budgets counts in that of the bill, which is this one outside of China.
const CURRENCY: &str = "USD";
const MONTHLY: &str = "MONTHLY";
const PERIODS: &[&str] = &["DAILY", MONTHLY, "QUARTERLY", "ANNUALLY"];
/// The filter by tags, and what a tag of users begins with there
/// (<https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-create-filters.html>). Filters by expressions are newer, but in which
/// form they name a tag is not documented.
const BY_TAG: &str = "TagKeyValue";
const USER: &str = "user:";
/// Between several values of one key.
const OR: &str = " or ";

/// A budget for costs: what they may be in a period, and who is notified when they pass a threshold. AWS Budgets counts them one to three
/// times a day.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// What may be spent in a period, in US dollars.
    pub limit: f64,
    /// The period: `DAILY`, `MONTHLY`, `QUARTERLY` or `ANNUALLY`. Left out: `MONTHLY`.
    #[serde(default = "monthly")]
    pub period: String,
    /// The tags that costs must all have to count, with their values: `{ team: web }`. They must be active as cost allocation tags.
    /// Left out: all costs of the account count.
    #[serde(default)]
    pub counts: BTreeMap<String, String>,
    /// Who is notified, by when: `actual 80%` of the limit was spent, `forecast 100%` of it will be, or `actual 250` US dollars. At most
    /// five. Left out: none.
    #[serde(default)]
    pub notifications: BTreeMap<String, Notification>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

fn monthly() -> String {
    MONTHLY.into()
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

fn tags_to_sdk(tags: &Tags) -> Result<Vec<ResourceTag>> {
    let tag = |(key, value): (&String, &String)| ResourceTag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect::<std::result::Result<_, _>>().map_err(|e| Error::internal(e.to_string()))
}

/// Returns the filter for these tags.
fn filters(counts: &BTreeMap<String, String>) -> HashMap<String, Vec<String>> {
    let values: Vec<String> = counts.iter().map(|(key, value)| format!("{USER}{key}${value}")).collect();
    if values.is_empty() { HashMap::new() } else { [(BY_TAG.to_owned(), values)].into() }
}

/// Returns the tags of a filter. Other filters, of someone else, stand under their names.
fn counted(filters: &HashMap<String, Vec<String>>) -> BTreeMap<String, String> {
    let mut out: BTreeMap<String, String> = BTreeMap::new();
    let mut add = |key: &str, value: &str| {
        let all = out.entry(key.to_owned()).or_default();
        if !all.is_empty() {
            all.push_str(OR);
        }
        all.push_str(value);
    };
    for (name, values) in filters {
        for value in values {
            match value.strip_prefix(USER).and_then(|tag| tag.split_once('$')) {
                Some((key, value)) if name == BY_TAG => add(key, value),
                _ => add(&format!("filter {name}"), value),
            }
        }
    }
    out
}

impl Budget {
    /// Writes what the file says into a budget of AWS. Everything else of it stays.
    #[allow(deprecated)] // see `BY_TAG`
    fn write(&self, budget: &mut sdk::Budget) -> Result<()> {
        let limit = Spend::builder().amount(self.limit.to_string()).unit(CURRENCY).build();
        budget.budget_limit = Some(limit.map_err(|e| Error::internal(e.to_string()))?);
        budget.time_unit = TimeUnit::from(self.period.as_str());
        budget.cost_filters = Some(filters(&self.counts)).filter(|all| !all.is_empty());
        (budget.filter_expression, budget.metrics) = (None, None);
        (budget.planned_budget_limits, budget.auto_adjust_data) = (None, None);
        // What AWS tells and does not take.
        (budget.calculated_spend, budget.last_updated_time, budget.health_status) = (None, None, None);
        Ok(())
    }

    fn to_sdk(&self, name: &str) -> Result<sdk::Budget> {
        let built = sdk::Budget::builder().budget_name(name).budget_type(BudgetType::Cost).time_unit(TimeUnit::Monthly).build();
        let mut budget = built.map_err(|e| Error::internal(e.to_string()))?;
        self.write(&mut budget)?;
        Ok(budget)
    }

    #[allow(deprecated)]
    fn from_sdk(budget: &sdk::Budget, notifications: BTreeMap<String, Notification>, tags: Tags) -> Budget {
        let limit = budget.budget_limit().filter(|limit| limit.unit() == CURRENCY).and_then(|limit| limit.amount().parse().ok());
        Budget {
            limit: limit.unwrap_or_default(),
            period: budget.time_unit().as_str().to_owned(),
            counts: budget.cost_filters().map(counted).unwrap_or_default(),
            notifications: notification::observed(notifications),
            tags,
        }
    }
}

impl Resource for Budget {
    const KIND: &'static str = KIND;
    const RULES: &'static [Rule] = &[
        Rule::unit("limit", "USD"),
        Rule::exact("counts"),
        Rule::exact("notifications"),
        Rule::set("notifications.*.email"),
        Rule::set("notifications.*.topics"),
        Rule::takes("notifications.*.topics.*", &[("sns.topic", "arn")]),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(1, 1);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if !(self.limit > 0.0 && self.limit.is_finite()) {
            return Some(("limit", "it must be more than 0".into()));
        }
        notification::refused(&self.notifications)
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let mut out = Vec::new();
        for known in read::all(cx).await?.iter() {
            let name = known.budget.budget_name().to_owned();
            let ours = known.claim.name().is_some();
            let notifications = if ours { notification::read(cx, &name).await? } else { BTreeMap::new() };
            out.push(Observed {
                claim: known.claim.clone(),
                live: Live { arn: arn(&cx.scope, &name), id: name },
                fields: Budget::from_sdk(&known.budget, notifications, known.tags.clone()),
                state: Readiness::Ready,
            });
        }
        Ok(out)
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let name = global::name(cx, NAME);
        let call = cx.cloud.budgets.create_budget().account_id(&cx.scope.account).budget(self.to_sdk(&name)?);
        let call = call.set_notifications_with_subscribers(notification::to_sdk(&self.notifications)?);
        let call = call.set_resource_tags(Some(tags_to_sdk(&global::new_tags(&cx.scope, &self.tags))?));
        call.send().await.map_err(failed("budgets:CreateBudget"))?;
        Ok(Live { arn: arn(&cx.scope, &name), id: name })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        const READ: &str = "budgets:DescribeBudget";
        let (budgets, account) = (&cx.cloud.budgets, &cx.scope.account);
        if ["limit", "period", "counts"].iter().any(|field| diff.touches(field)) {
            let answer =
                budgets.describe_budget().account_id(account).budget_name(&live.id).send().await.map_err(failed(READ))?;
            let mut budget = answer.budget.ok_or_else(|| incomplete(READ, "the budget"))?;
            self.write(&mut budget)?;
            let call = budgets.update_budget().account_id(account).new_budget(budget);
            call.send().await.map_err(failed("budgets:UpdateBudget"))?;
        }
        if diff.touches("notifications") {
            notification::write(cx, &live.id, &self.notifications).await?;
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = budgets.tag_resource().resource_arn(&live.arn).set_resource_tags(Some(tags_to_sdk(&edit.write)?));
                call.send().await.map_err(failed("budgets:TagResource"))?;
            }
            if !edit.remove.is_empty() {
                let call = budgets.untag_resource().resource_arn(&live.arn).set_resource_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("budgets:UntagResource"))?;
            }
        }
        Ok(live.clone())
    }

    /// Deletes it after the anomaly monitors and subscriptions of the stack: these are looked for only beside a budget.
    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        if let Some(left) = left(cx).await?.first() {
            return Err(Error::new(Class::InUse, format!("{left} is still there")));
        }
        let call = cx.cloud.budgets.delete_budget().account_id(&cx.scope.account).budget_name(&live.id);
        call.send().await.map_err(failed("budgets:DeleteBudget"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, _live: &Live) -> Result<Vec<Blocker>> {
        Ok(left(cx).await?.into_iter().map(|what| Blocker { what, passing: true }).collect())
    }
}

/// Returns what must go before the last budget of the stack, in words.
async fn left(cx: &Cx) -> Result<Vec<String>> {
    let cx = cx.fresh();
    if read::ours(&cx).await? > 1 { Ok(Vec::new()) } else { ce::left(&cx).await }
}

impl AwsKind for Budget {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["budgets:ModifyBudget", "budgets:TagResource"],
        update: &["budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"],
        delete: &["budgets:ModifyBudget"],
    };
    const SPELLING: &'static [Spelling] = &[("period", How::Word(PERIODS))];
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::{Ids, diff};

    fn budget(more: Value) -> Budget {
        let mut fields = json!({
            "limit": 300, "counts": {"stack:name": "shop", "stack:env": "staging"},
            "notifications": {"actual 80%": {"email": ["a@example.com", "b@example.com"]}},
        });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(fields).unwrap()
    }

    fn changes(wanted: &Budget, told: &sdk::Budget, notifications: BTreeMap<String, Notification>) -> Vec<String> {
        let wanted = serde_json::to_value(wanted).unwrap();
        let read = serde_json::to_value(Budget::from_sdk(told, notifications, Tags::new())).unwrap();
        diff(Budget::RULES, &wanted, &read, &Ids::default()).changes.into_iter().map(|change| change.path).collect()
    }

    #[test]
    #[allow(deprecated)]
    fn what_is_written_is_read_back_and_additions_differ() {
        let wanted = budget(json!({}));
        let mut told = wanted.to_sdk("shop-staging-budget").unwrap();
        let values = &told.cost_filters().unwrap()[BY_TAG];
        assert_eq!(values, &["user:stack:env$staging", "user:stack:name$shop"]);
        // AWS tells amounts with decimals, and addresses in any order.
        told.budget_limit = Some(Spend::builder().amount("300.0").unit(CURRENCY).build().unwrap());
        let mut notifications = wanted.notifications.clone();
        notifications.values_mut().for_each(|one| one.email.reverse());
        assert_eq!(changes(&wanted, &told, notifications.clone()), Vec::<String>::new());
        told.budget_limit = Some(Spend::builder().amount("400").unit(CURRENCY).build().unwrap());
        let filters = told.cost_filters.as_mut().unwrap();
        filters.get_mut(BY_TAG).unwrap().push("user:stack:env$production".into());
        filters.insert("Service".into(), vec!["Amazon Simple Storage Service".into()]);
        notifications.insert("forecast 100%".into(), Notification::default());
        let found = changes(&wanted, &told, notifications);
        assert_eq!(found, ["limit", "counts.stack:env", "counts.filter Service", "notifications.forecast 100%"]);
    }

    #[test]
    #[allow(deprecated)]
    fn what_others_set_stays_where_the_file_says_nothing() {
        let mut told = budget(json!({})).to_sdk("shop-budget").unwrap();
        told.cost_types = Some(sdk::CostTypes::builder().include_credit(false).build());
        told.calculated_spend = Some(sdk::CalculatedSpend::builder().build());
        let wanted = budget(json!({"limit": 500, "period": "QUARTERLY"}));
        wanted.write(&mut told).unwrap();
        assert_eq!(told.cost_types().and_then(sdk::CostTypes::include_credit), Some(false));
        assert_eq!((told.budget_limit().unwrap().amount(), told.time_unit()), ("500", &TimeUnit::Quarterly));
        assert!(told.calculated_spend().is_none());
    }

    #[test]
    fn what_aws_budgets_refuses_is_refused_at_its_field() {
        let refused = |more: Value| budget(more).refused().map(|(field, _)| field);
        assert_eq!(refused(json!({})), None);
        assert_eq!(refused(json!({"limit": 0})), Some("limit"));
        assert_eq!(refused(json!({"limit": -5})), Some("limit"));
        assert_eq!(refused(json!({"notifications": {"80": {"email": ["a@example.com"]}}})), Some("notifications"));
    }
}
