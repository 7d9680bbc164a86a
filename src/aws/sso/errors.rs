//! The meanings of the error codes of IAM Identity Center and of its identity store.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

/// How long operations on one account may keep another one waiting: AWS works on one at a time.
const TURN: u64 = 600;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // The name is taken.
    Row::codes(&["sso:CreatePermissionSet"], &["ConflictException"], Class::Exists),
    // It is still assigned in an account.
    Row::codes(&["sso:DeletePermissionSet"], &["ConflictException"], Class::InUse),
    // "Occurs when a conflict with a previous successful write is detected. This generally occurs when the previous write did not have
    // time to propagate to the host serving the current request. A retry (with appropriate backoff logic) is the recommended response"
    // (<https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_CreateAccountAssignment.html>).
    Row::codes(&["sso:*"], &["ConflictException"], Class::NotYet).within(TURN),
];

table!(ERRORS, "IAM Identity Center");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn codes_mean_what_identity_center_means_by_them() {
        let class = |op, code| means(ERRORS, op, code, "");
        assert_eq!(class("sso:CreatePermissionSet", "ConflictException"), Class::Exists);
        assert_eq!(class("sso:DeletePermissionSet", "ConflictException"), Class::InUse);
        assert_eq!(class("sso:CreateAccountAssignment", "ConflictException"), Class::NotYet);
        assert_eq!(class("sso:ProvisionPermissionSet", "ConflictException"), Class::NotYet);
        assert_eq!(class("sso:DescribePermissionSet", "ResourceNotFoundException"), Class::NotFound);
        assert_eq!(class("sso:CreatePermissionSet", "ServiceQuotaExceededException"), Class::Limit);
        assert_eq!(class("sso:ListPermissionSets", "AccessDeniedException"), Class::Denied);
        assert_eq!(class("identitystore:GetGroupId", "ResourceNotFoundException"), Class::NotFound);
        assert_eq!(class("identitystore:GetGroupId", "ValidationException"), Class::Invalid);
    }
}
