//! The meanings of AWS Budgets' error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // "The request was received and recognized by the server, but the server rejected that particular method for the requested
    // resource": another change of it is in progress
    // (<https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_DeleteBudgetAction.html>).
    Row::codes(&["budgets:*"], &["ResourceLockedException"], Class::NotYet),
    Row::codes(&["budgets:*"], &["CreationLimitExceededException", "ServiceQuotaExceededException"], Class::Limit),
    Row::codes(&["budgets:*"], &["InternalErrorException"], Class::Ambiguous),
];

table!(ERRORS, "AWS Budgets");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn codes_mean_what_aws_budgets_means_by_them() {
        let class = |op, code| means(ERRORS, op, code, "");
        assert_eq!(class("budgets:CreateBudget", "DuplicateRecordException"), Class::Exists);
        assert_eq!(class("budgets:CreateNotification", "CreationLimitExceededException"), Class::Limit);
        assert_eq!(class("budgets:DescribeBudget", "NotFoundException"), Class::NotFound);
        assert_eq!(class("budgets:UpdateBudget", "ResourceLockedException"), Class::NotYet);
        assert_eq!(class("budgets:UpdateBudget", "InternalErrorException"), Class::Ambiguous);
        assert_eq!(class("budgets:DescribeBudgets", "AccessDeniedException"), Class::Denied);
        assert_eq!(class("budgets:CreateBudget", "InvalidParameterException"), Class::Invalid);
    }
}
