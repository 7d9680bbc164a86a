//! The plans of the stack as AWS has them: read once, for them, for their selections, and for the vaults that they copy into.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_backup::types::{BackupRule, CopyAction};
use futures::future::try_join_all;

use super::tags_of;
use crate::aws::Cx;
use crate::aws::backup::errors::failed;
use crate::aws::call::answers::present;
use crate::aws::ownership::global::region_of;
use crate::aws::ownership::tags::Tags;
use crate::aws::ownership::{names, tag_index};
use crate::engine::{Claim, Error, Result};

/// The kind of plans.
pub(super) const KIND: &str = "backup.plan";
/// The maximum length of a name
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupPlanInput.html>).
pub(super) const NAME: usize = 50;

/// A plan that can be the stack's.
pub(super) struct Known {
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) claim: Claim,
    pub(super) tags: Tags,
    /// What it says; nothing for a plan of someone else, and for one that is gone.
    pub(super) rules: Vec<BackupRule>,
}

/// Returns whose a plan is: its tags say so, and the name that it was given. Names are not unique.
fn claim(cx: &Cx, name: &str, tags: &Tags) -> Claim {
    let is_named = |key: &str| names::fit(&cx.scope.prefix(), key, names::generation(tags), NAME) == name;
    names::marked(cx.scope.claim(KIND, tags, false), is_named)
}

async fn rules_of(cx: &Cx, id: &str) -> Result<Vec<BackupRule>> {
    let answer = cx.cloud.backup.get_backup_plan().backup_plan_id(id).send().await.map_err(failed("backup:GetBackupPlan"));
    Ok(present(answer.map(|answer| answer.backup_plan))?.map(|plan| plan.rules).unwrap_or_default())
}

/// Reads the plans of the stack: asked once, for them, for their selections, and for the regions of their copies.
pub(super) async fn all(cx: &Cx) -> Result<Arc<Vec<Known>>> {
    let ask = async {
        let index = tag_index::candidates(cx).await?;
        let tagged: BTreeSet<&String> = index.keys().filter(|arn| arn.contains(":backup-plan:")).collect();
        let known = tag_index::of(cx, "backup").await.is_some();
        if known && tagged.is_empty() {
            return Ok(Vec::new());
        }
        let pages = cx.cloud.backup.list_backup_plans().into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("backup:ListBackupPlans"))?;
        let likely = all.into_iter().filter_map(|plan| {
            let (id, arn, name) = (plan.backup_plan_id?, plan.backup_plan_arn?, plan.backup_plan_name?);
            let is_likely = tagged.contains(&arn) || !known && names::begins(&cx.scope.prefix(), &name, NAME);
            is_likely.then_some((id, arn, name))
        });
        let all = try_join_all(likely.map(|(id, arn, name)| async move {
            let tags = tags_of(cx, &arn).await?;
            let claim = claim(cx, &name, &tags);
            let rules = if claim.name().is_some() { rules_of(cx, &id).await? } else { Vec::new() };
            Ok::<_, Error>(Known { id, arn, claim, tags, rules })
        }));
        all.await
    };
    cx.reads.once("backup.plans", ask).await
}

/// Returns the regions into which the stack's plans copy.
pub(super) async fn regions(cx: &Cx) -> Result<BTreeSet<String>> {
    let plans = all(cx).await?;
    let ours = plans.iter().filter(|plan| matches!(plan.claim, Claim::Ours(_)));
    let vaults = ours.flat_map(|plan| &plan.rules).flat_map(|rule| rule.copy_actions());
    let account = |arn: &str| arn.split(':').nth(4).is_some_and(|account| account == cx.scope.account);
    let vaults = vaults.map(CopyAction::destination_backup_vault_arn).filter(|arn| account(arn));
    Ok(vaults.map(|arn| region_of(arn).to_owned()).collect())
}
