use std::collections::BTreeMap;

use aws_sdk_backup::types::{self as sdk, BackupPlanInput, BackupRuleInput, CopyAction, Lifecycle};
use aws_smithy_types::error::operation::BuildError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plans::{self, NAME};
use super::{Vault, retag, to_sdk};
use crate::aws::backup::errors::failed;
use crate::aws::call::error::incomplete;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Blocker, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// What AWS has where nothing is said, in minutes: eight hours to begin and seven days to finish
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupRuleInput.html>).
const START: i64 = 480;
const COMPLETION: i64 = 10_080;
const ZONE: &str = "Etc/UTC";
/// The quotas (<https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html>).
const RULES: usize = 10;
const COPIES: usize = 5;

/// A backup plan: when what is backed up, how long that is kept, and where it is copied. Selections say what.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupPlan {
    /// The rules, by name. Others are removed.
    pub rules: BTreeMap<String, BackupRule>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// A rule of a backup plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupRule {
    /// The vault, in the stack's region.
    pub vault: Ref<Vault>,
    /// When it runs: `cron(0 5 ? * * *)`.
    pub schedule: String,
    /// The time zone of the schedule. Left out: `Etc/UTC`.
    #[serde(default = "zone")]
    pub timezone: String,
    /// The minutes within which a backup begins, at least 60. Left out: 480.
    #[serde(default = "start")]
    pub start_minutes: i64,
    /// The minutes within which a backup is complete. Left out: 10080, seven days.
    #[serde(default = "completion")]
    pub completion_minutes: i64,
    /// The days after which a backup is deleted. Left out: never.
    #[serde(default)]
    pub keep_days: i64,
    /// Whether backups are continuous, where the service can do that: then AWS Backup decides about the automated backups of a
    /// database. Left out: they are not.
    #[serde(default)]
    pub continuous: bool,
    /// The vaults into which each backup is copied, at most 5. Left out: none.
    #[serde(default)]
    pub copies: Vec<Copy>,
}

/// A copy of each backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// The ARN of the vault, of any region or account.
    pub vault: String,
    /// The days after which the copy is deleted. Left out: never.
    #[serde(default)]
    pub keep_days: i64,
}

fn zone() -> String {
    ZONE.into()
}

fn start() -> i64 {
    START
}

fn completion() -> i64 {
    COMPLETION
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The id.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

fn built<T>(result: std::result::Result<T, BuildError>) -> Result<T> {
    result.map_err(|e| Error::internal(e.to_string()))
}

fn lifecycle(days: i64) -> Option<Lifecycle> {
    (days > 0).then(|| Lifecycle::builder().delete_after_days(days).build())
}

fn days(lifecycle: Option<&Lifecycle>) -> i64 {
    lifecycle.and_then(Lifecycle::delete_after_days).filter(|days| *days > 0).unwrap_or_default()
}

impl BackupRule {
    fn to_sdk(&self, name: &str) -> Result<BackupRuleInput> {
        let copies = self.copies.iter().map(|copy| {
            let action = CopyAction::builder().destination_backup_vault_arn(&copy.vault);
            built(action.set_lifecycle(lifecycle(copy.keep_days)).build())
        });
        let copies = copies.collect::<Result<Vec<_>>>()?;
        let rule = BackupRuleInput::builder().rule_name(name).target_backup_vault_name(self.vault.id()?);
        let rule = rule.schedule_expression(&self.schedule).schedule_expression_timezone(&self.timezone);
        let rule = rule.start_window_minutes(self.start_minutes).completion_window_minutes(self.completion_minutes);
        let rule = rule.set_lifecycle(lifecycle(self.keep_days)).enable_continuous_backup(self.continuous);
        built(rule.set_copy_actions(Some(copies).filter(|all| !all.is_empty())).build())
    }

    fn from_sdk(rule: &sdk::BackupRule) -> BackupRule {
        let copy = |copy: &CopyAction| Copy {
            vault: Ref::<Vault>::physical(copy.destination_backup_vault_arn()).attr("arn").to_string(),
            keep_days: days(copy.lifecycle()),
        };
        BackupRule {
            vault: Ref::physical(rule.target_backup_vault_name()),
            schedule: rule.schedule_expression().unwrap_or_default().to_owned(),
            timezone: rule.schedule_expression_timezone().unwrap_or(ZONE).to_owned(),
            start_minutes: rule.start_window_minutes().unwrap_or(START),
            completion_minutes: rule.completion_window_minutes().unwrap_or(COMPLETION),
            keep_days: days(rule.lifecycle()),
            continuous: rule.enable_continuous_backup() == Some(true),
            copies: rule.copy_actions().iter().map(copy).collect(),
        }
    }
}

impl BackupPlan {
    fn to_sdk(&self, name: &str) -> Result<BackupPlanInput> {
        let rules = self.rules.iter().map(|(name, rule)| rule.to_sdk(name)).collect::<Result<Vec<_>>>()?;
        built(BackupPlanInput::builder().backup_plan_name(name).set_rules(Some(rules)).build())
    }
}

impl Resource for BackupPlan {
    const KIND: &'static str = plans::KIND;
    const RULES: &'static [Rule] =
        &[Rule::exact("rules"), Rule::takes("rules.*.copies.*.vault", &[("backup.vault", "arn")]), Rule::owned("tags")];
    const USUAL: Usual = Usual::secs(1, 2);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if !(1..=RULES).contains(&self.rules.len()) {
            return Some(("rules", format!("a plan has from 1 to {RULES} rules")));
        }
        let wrong = |name: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !(1..=NAME).contains(&name.len()) || !name.chars().all(fits)
        };
        if let Some(name) = self.rules.keys().find(|name| wrong(name)) {
            return Some(("rules", format!("`{name}`: a name has at most {NAME} letters, digits, `-`, `_` and `.`")));
        }
        let too_many = self.rules.iter().find(|(_, rule)| rule.copies.len() > COPIES);
        if let Some((name, _)) = too_many {
            return Some(("rules", format!("`{name}`: a rule has at most {COPIES} copies")));
        }
        let short = self.rules.iter().find(|(_, rule)| rule.start_minutes < 60 || rule.completion_minutes <= rule.start_minutes);
        short.map(|(name, _)| {
            ("rules", format!("`{name}`: `start_minutes` is at least 60, and `completion_minutes` is more than that"))
        })
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = plans::all(cx).await?;
        Ok(all
            .iter()
            .map(|plan| Observed {
                claim: plan.claim.clone(),
                live: Live { id: plan.id.clone(), arn: plan.arn.clone() },
                fields: BackupPlan {
                    rules: plan.rules.iter().map(|rule| (rule.rule_name().to_owned(), BackupRule::from_sdk(rule))).collect(),
                    tags: plan.tags.clone(),
                },
                state: Readiness::Ready,
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "backup:CreateBackupPlan";
        let plan = self.to_sdk(&names::name(cx, NAME))?;
        let call = cx.cloud.backup.create_backup_plan().backup_plan(plan).set_backup_plan_tags(Some(to_sdk(&self.tags)));
        let answer = call.creator_request_id(cx.token_for_now("plan")).send().await.map_err(failed(OP))?;
        let made = answer.backup_plan_id.zip(answer.backup_plan_arn);
        let (id, arn) = made.ok_or_else(|| incomplete(OP, "the plan's id"))?;
        Ok(Live { id, arn })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches_other_than(&["tags"]) {
            let plan = self.to_sdk(&names::name(cx, NAME))?; // there is no writing of a part
            let call = cx.cloud.backup.update_backup_plan().backup_plan_id(&live.id).backup_plan(plan);
            call.send().await.map_err(failed("backup:UpdateBackupPlan"))?;
        }
        retag(&cx.cloud, &live.arn, TagEdit::of(diff, &self.tags)).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.backup.delete_backup_plan().backup_plan_id(&live.id);
        call.send().await.map_err(failed("backup:DeleteBackupPlan"))?;
        Ok(())
    }

    /// Returns its selections: those of the stack go before it.
    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let pages = cx.cloud.backup.list_backup_selections().backup_plan_id(&live.id).into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("backup:ListBackupSelections"))?;
        let names = all.into_iter().filter_map(|selection| selection.selection_name);
        Ok(names.map(|name| Blocker { what: format!("the selection `{name}`"), passing: true }).collect())
    }
}

impl AwsKind for BackupPlan {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["backup:CreateBackupPlan", "backup:TagResource"],
        update: &["backup:UpdateBackupPlan", "backup:TagResource", "backup:UntagResource"],
        delete: &["backup:DeleteBackupPlan"],
    };
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::{Ids, diff};

    fn plan(rule: Value) -> BackupPlan {
        let mut fields = json!({"vault": "${=backup.vault:shop-backup}", "schedule": "cron(0 5 ? * * *)"});
        fields.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        serde_json::from_value(json!({"rules": {"daily": fields}})).unwrap()
    }

    /// What AWS tells of what it was given.
    fn told(given: &BackupRuleInput) -> sdk::BackupRule {
        let rule =
            sdk::BackupRule::builder().rule_name(given.rule_name()).target_backup_vault_name(given.target_backup_vault_name());
        let rule = rule.set_schedule_expression(given.schedule_expression.clone()).set_lifecycle(given.lifecycle.clone());
        let rule = rule.set_start_window_minutes(given.start_window_minutes).set_copy_actions(given.copy_actions.clone());
        rule.set_completion_window_minutes(given.completion_window_minutes).build().unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let copy = "arn:aws:backup:eu-central-1:1:backup-vault:shop";
        let wanted = plan(json!({"keep_days": 35, "copies": [{"vault": copy, "keep_days": 90}]}));
        assert_eq!(wanted.refused(), None);
        let changes = |rule: &sdk::BackupRule| -> Vec<String> {
            let read = json!({"rules": {"daily": BackupRule::from_sdk(rule)}, "tags": {}});
            let found = diff(BackupPlan::RULES, &serde_json::to_value(&wanted).unwrap(), &read, &Ids::default());
            found.changes.into_iter().map(|change| change.path).collect()
        };
        let given = wanted.rules["daily"].to_sdk("daily").unwrap();
        assert_eq!(changes(&told(&given)), Vec::<String>::new());
        let mut by_hand = told(&given);
        by_hand.lifecycle = None;
        by_hand.enable_continuous_backup = Some(true);
        assert_eq!(changes(&by_hand), ["rules.daily.keep_days", "rules.daily.continuous"]);
    }

    #[test]
    fn what_aws_backup_refuses_is_refused() {
        let copies: Vec<Value> = (0..6).map(|n| json!({"vault": format!("arn:{n}")})).collect();
        for wrong in [json!({"start_minutes": 30}), json!({"completion_minutes": 480}), json!({"copies": copies})] {
            assert_eq!(plan(wrong).refused().unwrap().0, "rules");
        }
        assert!(serde_json::from_value::<BackupPlan>(json!({"rules": {}})).unwrap().refused().is_some());
    }
}
