//! The restore testing plans of the stack as AWS has them: read once, for them and for their selections.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_backup::types::RestoreTestingPlanForGet;
use futures::future::try_join_all;

use super::read_tags;
use crate::aws::Cx;
use crate::aws::backup::errors::failed;
use crate::aws::call::answers::present;
use crate::aws::ownership::tags::Tags;
use crate::aws::ownership::{names, tag_index};
use crate::engine::{Claim, Error, Result, Scope};

/// The kind of restore testing plans.
pub(super) const KIND: &str = "backup.restore_testing_plan";
/// The maximum length of the names of plans and their selections
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html#restore-testing-quotas>).
pub(super) const NAME: usize = 50;

/// A plan that can be the stack's.
pub(super) struct Known {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) claim: Claim,
    pub(super) tags: Tags,
    /// What it says; nothing for a plan of someone else, and for one that is gone.
    pub(super) plan: Option<RestoreTestingPlanForGet>,
}

/// Returns the name of a plan: of letters, digits and underscores only, so hyphens become those
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_RestoreTestingPlanForCreate.html>).
pub(super) fn name(scope: &Scope, key: &str, generation: u32) -> String {
    names::fit(&scope.prefix(), key, generation, NAME).replace('-', "_")
}

/// Returns whose a plan is: its tags say so, and its name, which cannot be changed. A plan of someone else that has the name of one of
/// the stack's takes it.
fn claim(scope: &Scope, found: &str, tags: &Tags) -> Claim {
    match scope.claim(KIND, tags, false) {
        Claim::Foreign => {
            let hyphens = |text: &str| text.replace('_', "-");
            names::key_of(&hyphens(&scope.prefix()), &hyphens(found)).map_or(Claim::Foreign, Claim::Taken)
        }
        claim => names::marked(claim, |key| name(scope, key, names::generation(tags)) == found),
    }
}

/// Reads the plans of the stack.
pub(super) async fn all(cx: &Cx) -> Result<Arc<Vec<Known>>> {
    let ask = async {
        let index = tag_index::candidates(cx).await?;
        let tagged: BTreeSet<&String> = index.keys().filter(|arn| arn.contains(":restore-testing-plan:")).collect();
        let pages = cx.cloud.backup.list_restore_testing_plans().into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("backup:ListRestoreTestingPlans"))?;
        let hyphens = |text: &str| text.replace('_', "-");
        let begins = |name: &str| names::begins(&hyphens(&cx.scope.prefix()), &hyphens(name), NAME);
        let likely = all
            .into_iter()
            .filter(|plan| tagged.contains(&plan.restore_testing_plan_arn) || begins(&plan.restore_testing_plan_name));
        let all = try_join_all(likely.map(|found| async move {
            let (name, arn) = (found.restore_testing_plan_name, found.restore_testing_plan_arn);
            // AWS's documentation of the index of tags does not name these plans.
            let tags = read_tags(cx, &arn).await?;
            let claim = claim(&cx.scope, &name, &tags);
            let plan = if claim.name().is_some() { plan_of(cx, &name).await? } else { None };
            Ok::<_, Error>(Known { name, arn, claim, tags, plan })
        }));
        all.await
    };
    cx.reads.once("backup.testing_plans", ask).await
}

async fn plan_of(cx: &Cx, name: &str) -> Result<Option<RestoreTestingPlanForGet>> {
    let call = cx.cloud.backup.get_restore_testing_plan().restore_testing_plan_name(name);
    let answer = call.send().await.map(|answer| answer.restore_testing_plan);
    present(answer.map_err(failed("backup:GetRestoreTestingPlan")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tags::TAG_KEY;

    fn scope(env: &str) -> Scope {
        let text = |text: &str| text.to_owned();
        Scope { stack: text("my-shop"), env: text(env), region: text("us-east-1"), account: text("1"), partition: text("aws") }
    }

    #[test]
    fn names_have_no_hyphens_and_are_marks() {
        let scope = scope("production");
        assert_eq!(name(&scope, "backup", 1), "my_shop_production_backup");
        let long = name(&scope, &"a-b".repeat(20), 1);
        assert!(long.len() <= NAME && long.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{long}");
        let pairs = [("stack:name", "my-shop"), ("stack:env", "production"), (TAG_KEY, "backup.restore_testing_plan/backup")];
        let tags = Tags::from(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(claim(&scope, "my_shop_production_backup", &tags), Claim::Ours("backup".into()));
        assert_eq!(claim(&scope, "else", &tags), Claim::Tagged("backup".into()));
        assert_eq!(claim(&scope, "my_shop_production_backup", &Tags::new()), Claim::Taken("backup".into()));
        assert_eq!(claim(&scope, "weekly", &Tags::new()), Claim::Foreign);
    }
}
