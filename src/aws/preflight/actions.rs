//! Which permissions the kinds need, in IAM's words. Reading is not listed: the plan has been made by it.

use crate::engine::Action;

/// What creating takes, and what deleting takes.
type Needs = (&'static str, &'static [&'static str], &'static [&'static str]);

/// By kind.
const NEEDS: &[Needs] = &[
    ("acm.certificate", &["acm:RequestCertificate", "acm:AddTagsToCertificate"], &["acm:DeleteCertificate"]),
    ("acm.validation", &["route53:ChangeResourceRecordSets"], &["route53:ChangeResourceRecordSets"]),
    (
        "application-autoscaling.scalable_target",
        &["application-autoscaling:RegisterScalableTarget", "application-autoscaling:TagResource"],
        &["application-autoscaling:DeregisterScalableTarget"],
    ),
    (
        "application-autoscaling.scaling_policy",
        &["application-autoscaling:PutScalingPolicy"],
        &["application-autoscaling:DeleteScalingPolicy"],
    ),
    (
        "cloudfront.distribution",
        &["cloudfront:CreateDistribution", "cloudfront:TagResource"],
        &["cloudfront:UpdateDistribution", "cloudfront:DeleteDistribution"],
    ),
    ("cloudfront.origin_access_control", &["cloudfront:CreateOriginAccessControl"], &["cloudfront:DeleteOriginAccessControl"]),
    ("ec2.address", &["ec2:AllocateAddress", "ec2:CreateTags"], &["ec2:ReleaseAddress"]),
    ("ec2.default_security_group", &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"], &[]),
    (
        "ec2.internet_gateway",
        &["ec2:CreateInternetGateway", "ec2:AttachInternetGateway", "ec2:CreateTags"],
        &["ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"],
    ),
    ("ec2.nat_gateway", &["ec2:CreateNatGateway", "ec2:CreateTags"], &["ec2:DeleteNatGateway"]),
    ("ec2.route", &["ec2:CreateRoute"], &["ec2:DeleteRoute"]),
    ("ec2.route_table", &["ec2:CreateRouteTable", "ec2:CreateTags"], &["ec2:DeleteRouteTable"]),
    ("ec2.route_table_association", &["ec2:AssociateRouteTable"], &["ec2:DisassociateRouteTable"]),
    ("ec2.security_group", &["ec2:CreateSecurityGroup", "ec2:CreateTags"], &["ec2:DeleteSecurityGroup"]),
    (
        "ec2.security_group_rule",
        &["ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress", "ec2:CreateTags"],
        &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
    ),
    ("ec2.subnet", &["ec2:CreateSubnet", "ec2:CreateTags"], &["ec2:DeleteSubnet"]),
    ("ec2.vpc", &["ec2:CreateVpc", "ec2:ModifyVpcAttribute", "ec2:CreateTags"], &["ec2:DeleteVpc"]),
    ("ec2.vpc_endpoint", &["ec2:CreateVpcEndpoint", "ec2:CreateTags"], &["ec2:DeleteVpcEndpoints"]),
    ("ecs.cluster", &["ecs:CreateCluster", "ecs:TagResource"], &["ecs:DeleteCluster"]),
    ("ecs.service", &["ecs:CreateService", "ecs:TagResource", "iam:PassRole"], &["ecs:DeleteService"]),
    (
        "ecs.task_definition",
        &["ecs:RegisterTaskDefinition", "ecs:TagResource", "iam:PassRole"],
        &["ecs:DeregisterTaskDefinition", "ecs:DeleteTaskDefinitions"],
    ),
    (
        "elasticache.cluster",
        &["elasticache:CreateCacheCluster", "elasticache:AddTagsToResource"],
        &["elasticache:DeleteCacheCluster"],
    ),
    (
        "elasticache.parameter_group",
        &["elasticache:CreateCacheParameterGroup", "elasticache:ModifyCacheParameterGroup", "elasticache:AddTagsToResource"],
        &["elasticache:DeleteCacheParameterGroup"],
    ),
    (
        "elasticache.replication_group",
        &["elasticache:CreateReplicationGroup", "elasticache:AddTagsToResource"],
        &["elasticache:DeleteReplicationGroup", "elasticache:CreateSnapshot"],
    ),
    (
        "elasticache.subnet_group",
        &["elasticache:CreateCacheSubnetGroup", "elasticache:AddTagsToResource"],
        &["elasticache:DeleteCacheSubnetGroup"],
    ),
    (
        "elbv2.listener",
        &["elasticloadbalancing:CreateListener", "elasticloadbalancing:AddTags"],
        &["elasticloadbalancing:DeleteListener"],
    ),
    (
        "elbv2.load_balancer",
        &[
            "elasticloadbalancing:CreateLoadBalancer",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:AddTags",
        ],
        &["elasticloadbalancing:DeleteLoadBalancer"],
    ),
    ("elbv2.rule", &["elasticloadbalancing:CreateRule", "elasticloadbalancing:AddTags"], &["elasticloadbalancing:DeleteRule"]),
    (
        "elbv2.target_group",
        &[
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:AddTags",
        ],
        &["elasticloadbalancing:DeleteTargetGroup"],
    ),
    (
        "iam.group",
        &["iam:CreateGroup", "iam:PutGroupPolicy", "iam:AttachGroupPolicy"],
        &["iam:DeleteGroup", "iam:DeleteGroupPolicy"],
    ),
    (
        "iam.role",
        &["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:TagRole"],
        &["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"],
    ),
    (
        "iam.user",
        &["iam:CreateUser", "iam:AddUserToGroup", "iam:TagUser"],
        &[
            "iam:DeleteUser",
            "iam:RemoveUserFromGroup",
            "iam:DeleteAccessKey",
            "iam:DeleteLoginProfile",
            "iam:DeactivateMFADevice",
        ],
    ),
    ("kms.alias", &["kms:CreateAlias"], &["kms:DeleteAlias"]),
    ("kms.key", &["kms:CreateKey", "kms:TagResource", "kms:EnableKeyRotation"], &["kms:ScheduleKeyDeletion"]),
    ("logs.log_group", &["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"], &["logs:DeleteLogGroup"]),
    ("rds.instance", &["rds:CreateDBInstance", "rds:AddTagsToResource"], &["rds:DeleteDBInstance", "rds:CreateDBSnapshot"]),
    (
        "rds.parameter_group",
        &["rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup", "rds:AddTagsToResource"],
        &["rds:DeleteDBParameterGroup"],
    ),
    ("rds.subnet_group", &["rds:CreateDBSubnetGroup", "rds:AddTagsToResource"], &["rds:DeleteDBSubnetGroup"]),
    (
        "s3.bucket",
        &[
            "s3:CreateBucket",
            "s3:PutBucketTagging",
            "s3:PutBucketVersioning",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutEncryptionConfiguration",
        ],
        &["s3:DeleteBucket", "s3:DeleteObject", "s3:DeleteObjectVersion"],
    ),
    ("s3.bucket_policy", &["s3:PutBucketPolicy"], &["s3:DeleteBucketPolicy"]),
];

/// What an action on an object of a kind takes. Of updates only what a tool of this sort always needs is known: what
/// creating takes.
pub(super) fn of(kind: &str, action: Action) -> impl Iterator<Item = &'static &'static str> {
    let (create, delete) = match action {
        Action::Create | Action::Update => (true, false),
        Action::Delete => (false, true),
        Action::Replace => (true, true),
        Action::Keep | Action::Refuse => (false, false),
    };
    let needs = NEEDS.iter().find(|(of, ..)| *of == kind).map(|(_, c, d)| (*c, *d)).unwrap_or_default();
    needs.0.iter().filter(move |_| create).chain(needs.1.iter().filter(move |_| delete))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once() {
        let registry = crate::aws::registry();
        let kinds: Vec<&str> = registry.kinds().map(|kind| kind.name()).collect();
        let listed: Vec<&str> = NEEDS.iter().map(|(kind, ..)| *kind).collect();
        assert_eq!(listed, kinds);
    }
}
