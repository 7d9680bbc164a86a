//! The meanings of EC2's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // The address of a NAT gateway, until that is gone: AWS has no better word for it.
    Row::codes(&["ec2:ReleaseAddress"], &["AuthFailure"], Class::InUse),
    // A gateway that is being deleted holds its address to the end.
    Row::codes(&["ec2:CreateNatGateway"], &["Resource.AlreadyAssociated"], Class::NotYet),
    // What only asks, or takes away, means it when it does not find something; what makes something finds it a moment later.
    Row::codes(ASKS_OR_TAKES_AWAY, &["*NotFound"], Class::NotFound),
    Row::codes(&["ec2:*"], &["*NotFound"], Class::NotYet),
    // A role that was created a moment ago (https://github.com/hashicorp/terraform-provider-aws/issues/29323).
    Row::says(&["ec2:CreateFlowLogs"], "nable to assume", Class::NotYet).within(120),
    Row::codes(&["ec2:*"], &["DependencyViolation", "InvalidIPAddress.InUse"], Class::InUse),
    Row::codes(&["ec2:*"], &["Gateway.NotAttached"], Class::NotFound),
    Row::codes(&["ec2:*"], &["InvalidSubnet.Conflict", "Resource.AlreadyAssociated", "FlowLogAlreadyExists"], Class::Exists),
];

const ASKS_OR_TAKES_AWAY: &[&str] = &[
    "ec2:Describe*",
    "ec2:List*",
    "ec2:Get*",
    "ec2:Delete*",
    "ec2:Detach*",
    "ec2:Disassociate*",
    "ec2:Release*",
    "ec2:Revoke*",
    "ec2:Deregister*",
    "ec2:Remove*",
];

table!(ERRORS, "EC2");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn a_fresh_role_of_a_flow_log_is_waited_for() {
        let class = |words| means(ERRORS, "ec2:CreateFlowLogs", "InvalidParameter", words);
        assert_eq!(class("Unable to assume given IAM role"), Class::NotYet);
        assert_ne!(class("LogDestination is malformed"), Class::NotYet);
    }

    #[test]
    fn the_meaning_of_not_found_depends_on_the_call() {
        let class = |op, code| means(ERRORS, op, code, "");
        assert_eq!(class("ec2:CreateSubnet", "InvalidVpcID.NotFound"), Class::NotYet);
        assert_eq!(class("ec2:DeleteSubnet", "InvalidSubnetID.NotFound"), Class::NotFound);
        assert_eq!(class("ec2:DescribeSubnets", "InvalidSubnetID.NotFound"), Class::NotFound);
        assert_eq!(class("ec2:DeleteSubnet", "DependencyViolation"), Class::InUse);
        assert_eq!(class("ec2:ReleaseAddress", "AuthFailure"), Class::InUse);
        assert_eq!(class("ec2:CreateNatGateway", "Resource.AlreadyAssociated"), Class::NotYet);
        assert_eq!(class("ec2:CreateFlowLogs", "FlowLogAlreadyExists"), Class::Exists);
        assert_eq!(class("ec2:DeleteFlowLogs", "InvalidFlowLogId.NotFound"), Class::NotFound);
        assert_eq!(class("ec2:AssociateRouteTable", "Resource.AlreadyAssociated"), Class::Exists);
    }
}
