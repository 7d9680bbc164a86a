//! The meanings of Cost Explorer's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    Row::codes(&["ce:*"], &["UnknownMonitorException", "UnknownSubscriptionException"], Class::NotFound),
    // A quota (aws-cloudformation/cloudformation-coverage-roadmap#2515).
    Row::codes(&["ce:*"], &["ValidationException"], Class::Limit).and_says("Limit exceeded"),
    // "You made too many calls in a short period of time. Try again later."
    // (<https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_CreateAnomalyMonitor.html>)
    Row::codes(&["ce:*"], &["LimitExceededException"], Class::Throttled),
    // Cost Explorer was never opened in the account
    // (<https://docs.aws.amazon.com/cost-management/latest/userguide/ce-enable.html>).
    Row::codes(&["ce:*"], &["DataUnavailableException"], Class::Denied),
];

table!(ERRORS, "Cost Explorer");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn codes_mean_what_cost_explorer_means_by_them() {
        let class = |op, code, says| means(ERRORS, op, code, says);
        assert_eq!(class("ce:DeleteAnomalyMonitor", "UnknownMonitorException", ""), Class::NotFound);
        assert_eq!(class("ce:DeleteAnomalySubscription", "UnknownSubscriptionException", ""), Class::NotFound);
        const FULL: &str = "Limit exceeded on dimensional spend monitor creation";
        assert_eq!(class("ce:CreateAnomalyMonitor", "ValidationException", FULL), Class::Limit);
        assert_eq!(class("ce:CreateAnomalyMonitor", "ValidationException", "MonitorSpecification"), Class::Invalid);
        assert_eq!(class("ce:GetAnomalyMonitors", "LimitExceededException", ""), Class::Throttled);
        assert_eq!(class("ce:ListTagsForResource", "ResourceNotFoundException", ""), Class::NotFound);
        assert_eq!(class("ce:GetAnomalyMonitors", "DataUnavailableException", ""), Class::Denied);
    }
}
