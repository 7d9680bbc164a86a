//! Vaults, plans and what they back up, and tests whether that can be restored, in AWS Backup.

mod checks;
pub(in crate::aws) mod controls;
mod cost;
pub(in crate::aws) mod errors;
mod plan;
mod plans;
mod points;
mod selection;
mod testing_plan;
mod testing_plans;
mod testing_selection;
mod vault;

pub use plan::{BackupPlan, BackupRule, Copy};
pub use points::{Held, Test, held, last_test};
pub use selection::Selection;
pub use testing_plan::{LATEST, RANDOM, RestoreTestingPlan, SNAPSHOT};
pub use testing_selection::{RestoreTestingSelection, SECURITY_GROUPS, SUBNET_GROUP};
pub use vault::{COMPLIANCE, GOVERNANCE, GRACE_DAYS, OFF, Vault};

use std::collections::HashMap;

use crate::aws::backup::errors::failed;
use crate::aws::call::answers::present;
use crate::aws::call::rate_limit::{Rates, per_second};
use crate::aws::ownership::global::region_of;
use crate::aws::ownership::tag_index;
use crate::aws::ownership::tags::{TagEdit, Tags, from_pairs};
use crate::aws::wing::{KindRow, ServiceRole, Wing};
use crate::aws::{Clients, Cx};
use crate::engine::Result;

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["backup:backup-vault", "backup:backup-plan"],
    // <https://docs.aws.amazon.com/general/latest/gr/bk.html>
    rates: &[Rates {
        asking: per_second(15),
        changing: per_second(5),
        together: Some(per_second(50)),
        ..Rates::of("Backup", &[(&["DeleteRecoveryPoint"], per_second(10))])
    }],
    roles: &[
        ServiceRole { principal: PRINCIPAL, name: "AWSServiceRoleForBackup", kinds: &["backup.selection"] },
        // <https://docs.aws.amazon.com/aws-backup/latest/devguide/using-service-linked-roles-AWSServiceRoleForBackupRestoreTesting.html>
        ServiceRole {
            principal: "restore-testing.backup.amazonaws.com",
            name: "AWSServiceRoleForBackupRestoreTesting",
            kinds: &["backup.restore_testing_plan"],
        },
    ],
    checks: checks::of,
    controls: controls::CONTROLS,
    bill: cost::bill,
    ..Wing::of(&[
        KindRow::of::<Vault>(),
        KindRow::of::<BackupPlan>(),
        KindRow::of::<Selection>(),
        KindRow::of::<RestoreTestingPlan>(),
        KindRow::of::<RestoreTestingSelection>(),
    ])
};

/// What AWS Backup trusts a role to.
const PRINCIPAL: &str = "backup.amazonaws.com";

fn to_sdk(tags: &Tags) -> HashMap<String, String> {
    tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Returns the tags of a vault or a plan.
async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    if let Some(known) = tag_index::tags(cx, "backup", arn).await {
        return Ok(known);
    }
    read_tags(cx, arn).await
}

/// Returns the same from AWS Backup itself.
async fn read_tags(cx: &Cx, arn: &str) -> Result<Tags> {
    let mut pages = cx.cloud.backup_in(region_of(arn)).list_tags().resource_arn(arn).into_paginator().send();
    let mut tags = Tags::new();
    while let Some(page) = pages.next().await {
        let page = present(page.map(|page| page.tags.unwrap_or_default()).map_err(failed("backup:ListTags")))?;
        tags.extend(from_pairs(page.iter().map(|(key, value)| (Some(key.as_str()), Some(value.as_str())))));
    }
    Ok(tags)
}

/// Writes the tags that a diff names.
async fn retag(cloud: &Clients, arn: &str, edit: Option<TagEdit>) -> Result<()> {
    let Some(edit) = edit else { return Ok(()) };
    let backup = cloud.backup_in(region_of(arn));
    if !edit.write.is_empty() {
        let call = backup.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(&edit.write)));
        call.send().await.map_err(failed("backup:TagResource"))?;
    }
    if !edit.remove.is_empty() {
        let call = backup.untag_resource().resource_arn(arn).set_tag_key_list(Some(edit.remove));
        call.send().await.map_err(failed("backup:UntagResource"))?;
    }
    Ok(())
}
