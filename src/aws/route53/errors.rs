//! The meanings of Route 53's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    Row::codes(&["route53:ChangeResourceRecordSets"], &["InvalidChangeBatch"], Class::Exists).and_says("already exists"),
    Row::codes(&["route53:*"], &["NoSuchHealthCheck"], Class::NotFound),
    // One has the reference, or had it and was deleted in the last days
    // (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHealthCheck.html>).
    Row::codes(&["route53:CreateHealthCheck"], &["HealthCheckAlreadyExists"], Class::Exists),
    Row::codes(&["route53:CreateHealthCheck"], &["TooManyHealthChecks"], Class::Limit),
    // It was changed since its version was read
    // (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_UpdateHealthCheck.html>).
    Row::codes(&["route53:UpdateHealthCheck"], &["HealthCheckVersionMismatch"], Class::NotYet),
];

table!(ERRORS, "Route 53");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn what_codes_of_health_checks_mean() {
        let class = |operation, code| means(ERRORS, operation, code, "");
        assert_eq!(class("route53:GetHealthCheck", "NoSuchHealthCheck"), Class::NotFound);
        assert_eq!(class("route53:CreateHealthCheck", "HealthCheckAlreadyExists"), Class::Exists);
        assert_eq!(class("route53:CreateHealthCheck", "TooManyHealthChecks"), Class::Limit);
        assert_eq!(class("route53:UpdateHealthCheck", "HealthCheckVersionMismatch"), Class::NotYet);
    }
}
