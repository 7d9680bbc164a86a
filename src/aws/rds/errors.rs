//! The meanings of RDS's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    Row::codes(
        &[
            "rds:CreateDBInstance",
            "rds:CreateDBInstanceReadReplica",
            "rds:RestoreDBInstanceFromDBSnapshot",
            "rds:RestoreDBInstanceToPointInTime",
            "rds:ModifyDBInstance",
        ],
        &["DBSubnetGroupNotFoundFault", "DBParameterGroupNotFound", "DBParameterGroupNotFoundFault", "KMSKeyNotAccessibleFault"],
        Class::NotYet,
    ),
    // Words as in hashicorp/terraform-provider-aws, `instance_automated_backups_replication.go`.
    Row::says(&["rds:StopDBInstanceAutomatedBackupsReplication"], "not replicating to the current region", Class::NotFound),
    // Backups of the database are there: still replicated, or kept from before
    // (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartDBInstanceAutomatedBackupsReplication.html>).
    Row::codes(&["rds:StartDBInstanceAutomatedBackupsReplication"], &["InvalidDBInstanceAutomatedBackupState*"], Class::Exists),
    // A database that AWS is at, or a group that one still uses.
    Row::codes(
        &["rds:*"],
        &["InvalidDBInstanceState", "InvalidDBInstanceStateFault", "InvalidDBSubnetGroupStateFault"],
        Class::InUse,
    ),
    Row::codes(&["rds:DeleteDBParameterGroup"], &["InvalidDBParameterGroupState*"], Class::InUse),
    // Of the change before, until the databases have taken that up (hashicorp/terraform-provider-aws#1821, #1891).
    Row::says(&["rds:ModifyDBParameterGroup", "rds:ResetDBParameterGroup"], "pending changes", Class::InUse),
    Row::codes(&["rds:CreateEventSubscription"], &["SubscriptionAlreadyExist"], Class::Exists),
    // Its topic's policy was just written, or a database that it names was just made.
    Row::codes(
        &["rds:CreateEventSubscription", "rds:ModifyEventSubscription", "rds:AddSourceIdentifierToSubscription"],
        &["SNSNoAuthorization", "SNSTopicArnNotFound", "SourceNotFound"],
        Class::NotYet,
    ),
    // One that is gone is in no list any more (aws-cloudformation/aws-cloudformation-resource-providers-rds#222).
    Row::codes(&["rds:RemoveSourceIdentifierFromSubscription"], &["SourceNotFound"], Class::NotFound),
    // "This error can occur if someone else is modifying a subscription. You should retry the action."
    // (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteEventSubscription.html>).
    Row::codes(&["rds:*"], &["InvalidEventSubscriptionState"], Class::InUse),
    // A snapshot that is still being copied or restored.
    Row::codes(&["rds:DeleteDBSnapshot"], &["InvalidDBSnapshotState*"], Class::InUse),
];

table!(ERRORS, "RDS");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn a_database_that_is_busy_is_waited_for() {
        let class = |op, code| means(ERRORS, op, code, "");
        assert_eq!(class("rds:ModifyDBInstance", "InvalidDBInstanceState"), Class::InUse);
        assert_eq!(class("rds:DeleteDBSnapshot", "InvalidDBSnapshotState"), Class::InUse);
        assert_eq!(class("rds:CopyDBSnapshot", "InvalidDBSnapshotState"), Class::Invalid);
        for op in ["rds:ModifyDBParameterGroup", "rds:ResetDBParameterGroup"] {
            let busy = "The parameter group shop-main has pending changes.";
            assert_eq!(means(ERRORS, op, "InvalidDBParameterGroupState", busy), Class::InUse);
        }
        const STOP: &str = "rds:StopDBInstanceAutomatedBackupsReplication";
        let ended = "arn:aws:rds:us-east-1:1:db:shop is not replicating to the current region.";
        assert_eq!(means(ERRORS, STOP, "InvalidDBInstanceState", ended), Class::NotFound);
        assert_eq!(class(STOP, "InvalidDBInstanceState"), Class::InUse);
        assert_eq!(
            class("rds:StartDBInstanceAutomatedBackupsReplication", "InvalidDBInstanceAutomatedBackupState"),
            Class::Exists
        );
        assert_eq!(class("rds:DescribeDBInstanceAutomatedBackups", "DBInstanceAutomatedBackupNotFound"), Class::NotFound);
        assert_eq!(class("rds:ModifyDBSubnetGroup", "SubnetAlreadyInUse"), Class::Invalid);
        assert_eq!(class("rds:CreateDBInstance", "KMSKeyNotAccessibleFault"), Class::NotYet);
        assert_eq!(class("rds:CreateEventSubscription", "SNSNoAuthorization"), Class::NotYet);
        assert_eq!(class("rds:DeleteEventSubscription", "InvalidEventSubscriptionState"), Class::InUse);
        assert_eq!(class("rds:DeleteEventSubscription", "SubscriptionNotFound"), Class::NotFound);
        assert_eq!(class("rds:CreateEventSubscription", "EventSubscriptionQuotaExceeded"), Class::Limit);
    }
}
