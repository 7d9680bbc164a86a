use aws_sdk_costexplorer::types::{self as sdk, Expression, MonitorType, TagValues};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::read::{self, MONITOR, NAME, new_tags, retag};
use crate::aws::call::error::incomplete;
use crate::aws::ce::errors::failed;
use crate::aws::ownership::global;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{AnyRef, Claim, Diff, Error, Observed, Readiness, Resource, Result, Rule, Usual};

/// The values of a tag that a monitor follows at most
/// (<https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_AnomalyMonitor.html>).
const VALUES: usize = 10;

/// A cost anomaly monitor: it learns what something usually costs, from ten days on, and notices when it costs more. It follows what has one
/// tag, which an account that is a member of an organization cannot have
/// (<https://docs.aws.amazon.com/cost-management/latest/userguide/getting-started-ad.html>). It is looked for only in a stack that has a
/// `budgets.budget`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnomalyMonitor {
    /// The key of the tag, which must be active as a cost allocation tag. It cannot be changed.
    pub tag: String,
    /// The values of the tag, at most 10: what has one of them is followed as one. They cannot be changed.
    pub values: Vec<String>,
    /// What must exist first: the budgets of the stack, which are added by themselves. Left out: nothing else.
    #[serde(default)]
    pub after: Vec<AnyRef>,
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

impl AnomalyMonitor {
    fn to_sdk(&self, name: &str) -> Result<sdk::AnomalyMonitor> {
        let by = TagValues::builder().key(&self.tag).set_values(Some(self.values.clone())).build();
        let monitor = sdk::AnomalyMonitor::builder().monitor_name(name).monitor_type(MonitorType::Custom);
        let monitor = monitor.monitor_specification(Expression::builder().tags(by).build()).build();
        monitor.map_err(|e| Error::internal(e.to_string()))
    }

    fn from_sdk(monitor: &sdk::AnomalyMonitor, tags: Tags) -> AnomalyMonitor {
        let by = monitor.monitor_specification().and_then(Expression::tags);
        AnomalyMonitor {
            tag: by.and_then(TagValues::key).unwrap_or_default().to_owned(),
            values: by.map(TagValues::values).unwrap_or_default().to_vec(),
            after: Vec::new(),
            tags,
        }
    }
}

impl Resource for AnomalyMonitor {
    const KIND: &'static str = MONITOR;
    const RULES: &'static [Rule] =
        &[Rule::immutable("tag"), Rule::set("values"), Rule::immutable("values"), Rule::order_only("after"), Rule::owned("tags")];
    const USUAL: Usual = Usual::secs(1, 1);
    const REPEATABLE: bool = false;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        let wrong = !(1..=VALUES).contains(&self.values.len());
        wrong.then(|| ("values", format!("a monitor follows from 1 to {VALUES} values")))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = read::monitors(cx).await?;
        let one = |known: &read::Known<sdk::AnomalyMonitor>| Observed {
            claim: known.claim.clone(),
            live: live(&known.arn),
            fields: AnomalyMonitor::from_sdk(&known.what, known.tags.clone()),
            state: Readiness::Ready,
        };
        Ok(all.iter().map(one).collect())
    }

    /// Creates it, unless it exists: a run that died before the budget was created left it behind, and names are not unique.
    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "ce:CreateAnomalyMonitor";
        let name = global::name(cx, NAME);
        let there = read::all_monitors(cx).await?;
        let ours = Claim::Ours(cx.key.name.clone());
        if let Some(known) = there.iter().find(|known| known.claim == ours && known.what.monitor_name() == name) {
            return Ok(live(&known.arn));
        }
        let call = cx.cloud.ce_once.create_anomaly_monitor().anomaly_monitor(self.to_sdk(&name)?);
        let answer = call.set_resource_tags(new_tags(cx, &self.tags)?).send().await.map_err(failed(OP))?;
        if answer.monitor_arn.is_empty() { Err(incomplete(OP, "the monitor's ARN")) } else { Ok(live(&answer.monitor_arn)) }
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        retag(cx, &live.arn, TagEdit::of(diff, &self.tags)).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.ce.delete_anomaly_monitor().monitor_arn(&live.arn);
        call.send().await.map_err(failed("ce:DeleteAnomalyMonitor"))?;
        Ok(())
    }
}

impl AwsKind for AnomalyMonitor {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["ce:CreateAnomalyMonitor", "ce:TagResource"],
        update: &["ce:TagResource", "ce:UntagResource"],
        delete: &["ce:DeleteAnomalyMonitor"],
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Ids, diff};

    #[test]
    fn what_is_written_is_read_back() {
        let wanted =
            AnomalyMonitor { tag: "stack:name".into(), values: vec!["shop".into()], after: Vec::new(), tags: Tags::new() };
        assert_eq!(wanted.refused(), None);
        let sdk = wanted.to_sdk("shop-budget").unwrap();
        assert_eq!((sdk.monitor_type(), sdk.monitor_dimension()), (&MonitorType::Custom, None));
        let changes = |read: &AnomalyMonitor| -> Vec<String> {
            let (wanted, read) = (serde_json::to_value(&wanted).unwrap(), serde_json::to_value(read).unwrap());
            diff(AnomalyMonitor::RULES, &wanted, &read, &Ids::default()).changes.into_iter().map(|change| change.path).collect()
        };
        let read = AnomalyMonitor::from_sdk(&sdk, Tags::new());
        assert_eq!(changes(&read), Vec::<String>::new());
        assert_eq!(changes(&AnomalyMonitor { values: vec!["blog".into()], ..read }), ["values"]);
        let many = AnomalyMonitor { values: vec!["x".into(); 11], ..wanted.clone() };
        assert_eq!(many.refused().map(|(field, _)| field), Some("values"));
    }
}
