use aws_sdk_backup::types::{
    RestoreTestingPlanForCreate, RestoreTestingPlanForGet, RestoreTestingPlanForUpdate, RestoreTestingRecoveryPointSelection,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::testing_plans as plans;
use super::{Vault, retag, to_sdk};
use crate::aws::backup::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Blocker, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// What AWS has where nothing is said
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_RestoreTestingPlanForCreate.html>).
const ZONE: &str = "Etc/UTC";
const START: i32 = 24;
const WINDOW: i32 = 30;
/// The limits (<https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html#restore-testing-quotas>).
const HOURS: i32 = 168;
const DAYS: i32 = 365;
const VAULTS: usize = 30;
/// How a recovery point is chosen.
pub const LATEST: &str = "LATEST_WITHIN_WINDOW";
/// See [`LATEST`].
pub const RANDOM: &str = "RANDOM_WITHIN_WINDOW";
/// The backups that a plan of backups makes.
pub const SNAPSHOT: &str = "SNAPSHOT";
const CONTINUOUS: &str = "CONTINUOUS";

/// A restore testing plan: when AWS Backup restores backups to see whether that works. Its selections say of what.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreTestingPlan {
    /// When it runs: `cron(0 17 ? * 1 *)`.
    pub schedule: String,
    /// The time zone of the schedule. Left out: `Etc/UTC`.
    #[serde(default = "zone")]
    pub timezone: String,
    /// The hours within which tests begin, from 1 to 168. Left out: 24.
    #[serde(default = "start")]
    pub start_hours: i32,
    /// Which backup of each resource is restored: `LATEST_WITHIN_WINDOW` or `RANDOM_WITHIN_WINDOW`.
    pub algorithm: String,
    /// The vaults whose backups are restored, by ARN; `*` for all.
    pub vaults: Vec<String>,
    /// The sorts of backups: `SNAPSHOT`, `CONTINUOUS`.
    pub points: Vec<String>,
    /// How many days old a backup may be, from 1 to 365. Left out: 30.
    #[serde(default = "window")]
    pub window_days: i32,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

fn zone() -> String {
    ZONE.into()
}

fn start() -> i32 {
    START
}

fn window() -> i32 {
    WINDOW
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

impl RestoreTestingPlan {
    fn points(&self) -> RestoreTestingRecoveryPointSelection {
        let selection = RestoreTestingRecoveryPointSelection::builder().algorithm(self.algorithm.as_str().into());
        let types = self.points.iter().map(|word| word.as_str().into()).collect();
        let selection = selection.set_include_vaults(Some(self.vaults.clone())).set_recovery_point_types(Some(types));
        // Written by hand alone.
        selection.set_exclude_vaults(Some(Vec::new())).selection_window_days(self.window_days).build()
    }

    fn from_sdk(found: &RestoreTestingPlanForGet, tags: Tags) -> RestoreTestingPlan {
        let points = found.recovery_point_selection();
        let vaults = points.map(RestoreTestingRecoveryPointSelection::include_vaults).unwrap_or_default();
        let without = points.map(RestoreTestingRecoveryPointSelection::exclude_vaults).unwrap_or_default();
        // A pattern names no vault of the stack, and no file says what is left out.
        let vault = |arn: &String| {
            if arn.contains('*') { arn.clone() } else { Ref::<Vault>::physical(arn).attr("arn").to_string() }
        };
        let types = points.map(RestoreTestingRecoveryPointSelection::recovery_point_types).unwrap_or_default();
        RestoreTestingPlan {
            schedule: found.schedule_expression.clone(),
            timezone: found.schedule_expression_timezone().unwrap_or(ZONE).to_owned(),
            start_hours: if found.start_window_hours > 0 { found.start_window_hours } else { START },
            algorithm: points.and_then(|points| points.algorithm()).map(|word| word.as_str().to_owned()).unwrap_or_default(),
            vaults: vaults.iter().map(vault).chain(without.iter().map(|arn| format!("not: {arn}"))).collect(),
            points: types.iter().map(|word| word.as_str().to_owned()).collect(),
            window_days: points.map(|points| points.selection_window_days).filter(|days| *days > 0).unwrap_or(WINDOW),
            tags,
        }
    }
}

impl Resource for RestoreTestingPlan {
    const KIND: &'static str = plans::KIND;
    const RULES: &'static [Rule] =
        &[Rule::set("vaults"), Rule::takes("vaults.*", &[("backup.vault", "arn")]), Rule::set("points"), Rule::owned("tags")];
    const USUAL: Usual = Usual::secs(1, 2);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if ![LATEST, RANDOM].contains(&self.algorithm.as_str()) {
            return Some(("algorithm", format!("it is `{LATEST}` or `{RANDOM}`")));
        }
        if !(1..=VAULTS).contains(&self.vaults.len()) {
            return Some(("vaults", format!("a plan has from 1 to {VAULTS} vaults")));
        }
        let known = |word: &String| [SNAPSHOT, CONTINUOUS].contains(&word.as_str());
        if self.points.is_empty() || !self.points.iter().all(known) {
            return Some(("points", format!("they are `{SNAPSHOT}`, `{CONTINUOUS}` or both")));
        }
        if !(1..=HOURS).contains(&self.start_hours) {
            return Some(("start_hours", format!("it is from 1 to {HOURS}")));
        }
        (!(1..=DAYS).contains(&self.window_days)).then(|| ("window_days", format!("it is from 1 to {DAYS}")))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = plans::all(cx).await?;
        let one = |known: &plans::Known| {
            let fields = match &known.plan {
                Some(plan) => RestoreTestingPlan::from_sdk(plan, known.tags.clone()),
                // Of someone else: only its name counts.
                None => RestoreTestingPlan {
                    schedule: String::new(),
                    timezone: zone(),
                    start_hours: START,
                    algorithm: String::new(),
                    vaults: Vec::new(),
                    points: Vec::new(),
                    window_days: WINDOW,
                    tags: known.tags.clone(),
                },
            };
            let live = Live { id: known.name.clone(), arn: known.arn.clone() };
            Observed { claim: known.claim.clone(), live, fields, state: Readiness::Ready }
        };
        Ok(all.iter().map(one).collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let name = plans::name(&cx.scope, &cx.key.name, cx.generation);
        let plan = RestoreTestingPlanForCreate::builder().restore_testing_plan_name(&name).schedule_expression(&self.schedule);
        let plan = plan.schedule_expression_timezone(&self.timezone).start_window_hours(self.start_hours);
        let plan = plan.recovery_point_selection(self.points()).build().map_err(|e| Error::internal(e.to_string()))?;
        let call = cx.cloud.backup.create_restore_testing_plan().restore_testing_plan(plan).set_tags(Some(to_sdk(&self.tags)));
        let call = call.creator_request_id(cx.token_for_now("testing"));
        let answer = call.send().await.map_err(failed("backup:CreateRestoreTestingPlan"))?;
        Ok(Live { id: answer.restore_testing_plan_name, arn: answer.restore_testing_plan_arn })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches_other_than(&["tags"]) {
            let plan = RestoreTestingPlanForUpdate::builder().schedule_expression(&self.schedule);
            let plan = plan.schedule_expression_timezone(&self.timezone).start_window_hours(self.start_hours);
            let plan = plan.recovery_point_selection(self.points()).build();
            let call =
                cx.cloud.backup.update_restore_testing_plan().restore_testing_plan_name(&live.id).restore_testing_plan(plan);
            call.send().await.map_err(failed("backup:UpdateRestoreTestingPlan"))?;
        }
        retag(&cx.cloud, &live.arn, TagEdit::of(diff, &self.tags)).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.backup.delete_restore_testing_plan().restore_testing_plan_name(&live.id);
        call.send().await.map_err(failed("backup:DeleteRestoreTestingPlan"))?;
        Ok(())
    }

    /// Returns its selections: those of the stack go before it.
    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let call = cx.cloud.backup.list_restore_testing_selections().restore_testing_plan_name(&live.id);
        let all = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
        let all = all.map_err(failed("backup:ListRestoreTestingSelections"))?;
        let blocker = |name: String| Blocker { what: format!("the selection `{name}`"), passing: true };
        Ok(all.into_iter().map(|one| blocker(one.restore_testing_selection_name)).collect())
    }
}

impl AwsKind for RestoreTestingPlan {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["backup:CreateRestoreTestingPlan", "backup:TagResource"],
        update: &["backup:UpdateRestoreTestingPlan", "backup:TagResource", "backup:UntagResource"],
        delete: &["backup:DeleteRestoreTestingPlan"],
    };
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::{Ids, diff};

    const VAULT: &str = "arn:aws:backup:us-east-1:1:backup-vault:shop-backup";

    fn plan(more: Value) -> RestoreTestingPlan {
        let mut fields = json!({
            "schedule": "cron(0 17 ? * 1 *)", "algorithm": LATEST, "vaults": [VAULT], "points": [SNAPSHOT], "window_days": 35,
        });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wanted = plan(json!({}));
        assert_eq!(wanted.refused(), None);
        let told = |points: RestoreTestingRecoveryPointSelection| {
            let plan =
                RestoreTestingPlanForGet::builder().restore_testing_plan_name("shop_backup").restore_testing_plan_arn("arn");
            let plan = plan.creation_time(DateTime::from_secs(0)).schedule_expression(&wanted.schedule).start_window_hours(24);
            plan.recovery_point_selection(points).build().unwrap()
        };
        let changes = |found: &RestoreTestingPlanForGet| -> Vec<String> {
            let read = serde_json::to_value(RestoreTestingPlan::from_sdk(found, Tags::new())).unwrap();
            let found = diff(RestoreTestingPlan::RULES, &serde_json::to_value(&wanted).unwrap(), &read, &Ids::default());
            found.changes.into_iter().map(|change| change.path).collect()
        };
        assert_eq!(changes(&told(wanted.points())), Vec::<String>::new());
        let mut by_hand = wanted.points();
        by_hand.exclude_vaults = Some(vec![VAULT.into()]);
        by_hand.algorithm = Some(RANDOM.into());
        assert_eq!(changes(&told(by_hand)), ["algorithm", "vaults"]);
    }

    #[test]
    fn what_aws_backup_refuses_is_refused_at_its_field() {
        let wrong = [
            ("algorithm", json!({"algorithm": "OLDEST"})),
            ("vaults", json!({"vaults": []})),
            ("points", json!({"points": ["COPY"]})),
            ("start_hours", json!({"start_hours": 169})),
            ("window_days", json!({"window_days": 366})),
        ];
        for (field, more) in wrong {
            assert_eq!(plan(more).refused().map(|(at, _)| at), Some(field));
        }
    }
}
