//! The meanings of AWS Backup's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // A role that was just made, or its policies.
    Row::codes(&["backup:CreateBackupSelection"], &["InvalidParameterValueException"], Class::NotYet)
        .and_says("cannot be assumed by AWS Backup")
        .within(120),
    Row::codes(&["backup:CreateBackupSelection"], &["InvalidParameterValueException"], Class::NotYet)
        .and_says("is not authorized to call")
        .within(120),
    Row::codes(&["backup:CreateRestoreTestingSelection"], &["InvalidParameterValueException"], Class::NotYet)
        .and_says("cannot be assumed by AWS Backup")
        .within(120),
    // Its plan was made a moment ago.
    Row::codes(&["backup:CreateRestoreTestingSelection"], &["ResourceNotFoundException"], Class::NotYet),
    // "All testing selections associated with a testing plan need to be deleted before you delete the testing plan"
    // (<https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html#restore-testing-delete>).
    Row::codes(&["backup:DeleteRestoreTestingPlan"], &["InvalidRequestException"], Class::InUse),
    // A selection whose deletion is not visible everywhere yet
    // (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteBackupPlan.html>).
    Row::codes(&["backup:DeleteBackupPlan"], &["InvalidRequestException"], Class::InUse).and_says("selections"),
    // It has recovery points (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteBackupVault.html>).
    Row::codes(&["backup:DeleteBackupVault"], &["InvalidRequestException"], Class::InUse),
    // A lock keeps it (<https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html>).
    Row::codes(&["backup:DeleteRecoveryPoint"], &["InvalidRequestException"], Class::Blocked),
    // It is being made, or deleted already (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteRecoveryPoint.html>).
    Row::codes(&["backup:DeleteRecoveryPoint"], &["InvalidResourceStateException"], Class::NotYet),
    // AWS has this code for a plan that does not exist (hashicorp/terraform-provider-aws#13945).
    Row::codes(&["backup:CreateBackupSelection"], &["InvalidParameterValueException"], Class::NotYet)
        .and_says("Cannot find Backup plan"),
    Row::codes(&["backup:*"], &["InvalidParameterValueException"], Class::NotFound).and_says("Cannot find Backup plan"),
    Row::codes(&["backup:*"], &["ServiceUnavailableException"], Class::Ambiguous),
    Row::codes(&["backup:*"], &["ConflictException"], Class::NotYet),
];

table!(ERRORS, "AWS Backup");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn codes_mean_what_aws_backup_means_by_them() {
        let class = |op, code, says| means(ERRORS, op, code, says);
        const SELECTION: &str = "backup:CreateBackupSelection";
        const ROLE: &str = "IAM Role arn:aws:iam::1:role/shop-backup cannot be assumed by AWS Backup";
        assert_eq!(class(SELECTION, "InvalidParameterValueException", ROLE), Class::NotYet);
        assert_eq!(class(SELECTION, "InvalidParameterValueException", "Invalid condition"), Class::Invalid);
        assert_eq!(class(SELECTION, "AlreadyExistsException", ""), Class::Exists);
        assert_eq!(class("backup:CreateBackupVault", "LimitExceededException", ""), Class::Limit);
        const SELECTED: &str = "Related backup plan selections must be deleted prior to backup plan deletion";
        assert_eq!(class("backup:DeleteBackupPlan", "InvalidRequestException", SELECTED), Class::InUse);
        assert_eq!(class("backup:DeleteRestoreTestingPlan", "InvalidRequestException", ""), Class::InUse);
        const TEST: &str = "backup:CreateRestoreTestingSelection";
        assert_eq!(class(TEST, "InvalidParameterValueException", ROLE), Class::NotYet);
        assert_eq!(class(TEST, "InvalidParameterValueException", "ProtectedResourceArns"), Class::Invalid);
        assert_eq!(class(TEST, "ResourceNotFoundException", ""), Class::NotYet);
        const FULL: &str = "Backup vault cannot be deleted because it contains recovery points.";
        assert_eq!(class("backup:DeleteBackupVault", "InvalidRequestException", FULL), Class::InUse);
        assert_eq!(class("backup:DeleteRecoveryPoint", "InvalidRequestException", "The vault is locked"), Class::Blocked);
        assert_eq!(class("backup:DeleteBackupVault", "ResourceNotFoundException", ""), Class::NotFound);
        const NO_PLAN: &str = "Cannot find Backup plan with ID 1";
        assert_eq!(class("backup:ListBackupSelections", "InvalidParameterValueException", NO_PLAN), Class::NotFound);
        assert_eq!(class(SELECTION, "InvalidParameterValueException", NO_PLAN), Class::NotYet);
        assert_eq!(class("backup:DeleteRecoveryPoint", "InvalidResourceStateException", ""), Class::NotYet);
        // AWS answers so for a vault that does not exist, and for one that it may not show.
        assert_eq!(class("backup:GetBackupVaultAccessPolicy", "AccessDeniedException", ""), Class::Denied);
    }
}
