//! The meanings of Elastic Load Balancing's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    Row::codes(&["elbv2:CreateLoadBalancer"], &["SubnetNotFound", "InvalidSecurityGroup"], Class::NotYet),
    Row::says(&["elbv2:CreateLoadBalancer"], "has no internet gateway", Class::NotYet),
    Row::says(&["elbv2:CreateTargetGroup"], "is not found", Class::NotYet),
    // A certificate that was issued a moment ago: Terraform's provider tries for five minutes
    // (hashicorp/terraform-provider-aws, internal/service/elbv2/listener.go).
    Row::codes(LISTENERS, &["CertificateNotFound"], Class::NotYet).within(300),
    Row::codes(
        LISTENERS,
        // The last: another rule of the stack has it and is about to move.
        &["TargetGroupNotFound", "LoadBalancerNotFound", "ListenerNotFound", "RuleNotFound", "PriorityInUse"],
        Class::NotYet,
    ),
    // The policy of a bucket that was just made is not known everywhere yet: "Access Denied for bucket: NAME. Please check S3bucket
    // permission" (<https://repost.aws/knowledge-center/elb-troubleshoot-access-logs>).
    Row::says(&["elbv2:ModifyLoadBalancerAttributes"], "Access Denied for bucket", Class::NotYet),
    // "The specified subnet is out of available addresses" (API reference of Elastic Load Balancing, errors).
    Row::codes(&["elbv2:*"], &["InvalidSubnet"], Class::Limit),
];

/// Calls about listeners, their rules, and what both lead to.
const LISTENERS: &[&str] = &[
    "elbv2:CreateListener",
    "elbv2:ModifyListener",
    "elbv2:CreateRule",
    "elbv2:ModifyRule",
    "elbv2:SetRulePriorities",
    "elbv2:ModifyTargetGroupAttributes",
    "elbv2:ModifyLoadBalancerAttributes",
];

table!(ERRORS, "Elastic Load Balancing");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn what_is_on_its_way_is_tried_again() {
        let class = |op, code| means(ERRORS, op, code, "");
        assert_eq!(class("elbv2:SetRulePriorities", "PriorityInUse"), Class::NotYet);
        assert_eq!(class("elbv2:DeleteTargetGroup", "ResourceInUse"), Class::InUse);
        assert_eq!(class("elbv2:CreateLoadBalancer", "DuplicateLoadBalancerName"), Class::Exists);
        assert_eq!(class("elbv2:CreateLoadBalancer", "InvalidSubnet"), Class::Limit);
        for op in ["elbv2:CreateListener", "elbv2:ModifyListener"] {
            assert_eq!(class(op, "CertificateNotFound"), Class::NotYet);
        }
    }
}
