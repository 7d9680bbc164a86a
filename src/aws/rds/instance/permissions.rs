//! The permissions that a plan needs for a database beyond those of its calls.

use super::Instance;
use super::upgrades::{is_major, upgrade};
use crate::aws::finding::{field, is_given, is_made, is_new};
use crate::engine::{Action, Item, Resource};

/// Returns the permissions by what a plan says of a database.
pub(super) fn further(item: &Item) -> Vec<&'static str> {
    let keyed = is_given(item, "kms_key");
    let mut out = Vec::new();
    // Setting a database's password means reading it first.
    let copied = is_given(item, "source");
    if is_given(item, "password") && is_new(item, &["password"]) {
        out.extend((!copied).then_some("secretsmanager:GetSecretValue"));
        out.push("rds:AddTagsToResource");
        out.extend((keyed && !copied).then_some("kms:Decrypt"));
    }
    // <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html>
    if is_given(item, "managed_password") && is_new(item, &["managed_password"]) {
        out.extend(["secretsmanager:CreateSecret", "secretsmanager:TagResource", "kms:DescribeKey"]);
        out.extend(keyed.then_some(["kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"]).into_iter().flatten());
    }
    let stops = item.desired.as_ref().is_some_and(|desired| desired["running"] == false);
    out.extend((stops && (is_made(item) || item.changes.touches("running"))).then_some("rds:StopDBInstance"));
    if item.action == Action::Update {
        out.extend((!stops && item.changes.touches("running")).then_some("rds:StartDBInstance"));
        out.extend(item.changes.touches("standalone").then_some("rds:PromoteReadReplica"));
        // A snapshot is taken before an upgrade that cannot be undone.
        let major = |(from, to)| field(item, "engine").is_some_and(|engine| is_major(engine, from, to));
        let kept = !copied && upgrade(&item.changes).is_some_and(major);
        out.extend(kept.then_some("rds:CreateDBSnapshot"));
    }
    // A stopped and protected database is started first.
    let stopped = item.before.as_ref().is_some_and(|before| before.state.word() == Some("stopped"));
    out.extend((item.action == Action::Delete && stopped).then_some("rds:StartDBInstance"));
    if !is_made(item) {
        return out;
    }
    out.extend(copied.then_some("rds:CreateDBInstanceReadReplica"));
    let begins = item.is_first() && item.desired.as_deref().is_some_and(Instance::begins);
    if item.carries_data || begins {
        out.extend([
            "rds:CreateDBSnapshot",
            "rds:CopyDBSnapshot",
            "rds:RestoreDBInstanceFromDBSnapshot",
            "rds:ModifyDBInstance",
            "rds:DeleteDBSnapshot",
        ]);
        let in_time = item.desired.as_ref().is_some_and(|desired| desired["begin"].get("point_in_time").is_some());
        out.extend(
            in_time
                .then_some(["rds:RestoreDBInstanceToPointInTime", "rds:DeleteDBInstance", "kms:CreateGrant"])
                .into_iter()
                .flatten(),
        );
        // Whether what it begins with has a key of its own.
        out.extend(begins.then_some("kms:DescribeKey"));
    }
    // RDS uses the key with a grant that the caller gives.
    out.extend(keyed.then_some(["kms:CreateGrant", "kms:DescribeKey"]).into_iter().flatten());
    out
}
