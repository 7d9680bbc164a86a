//! Which permissions the kinds need, in IAM's words
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>).
//! Reading is not listed: the plan has been made by it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::finding::{fields, is_made, is_new};
use crate::engine::{Action, Item, Plan};

/// What the objects of a kind take.
struct Needs {
    kind: &'static str,
    /// Making one, tags and all.
    create: &'static [&'static str],
    /// Changing whatever can be changed.
    update: &'static [&'static str],
    /// Taking it away, and first what keeps it.
    delete: &'static [&'static str],
}

const fn needs(
    kind: &'static str,
    create: &'static [&'static str],
    update: &'static [&'static str],
    delete: &'static [&'static str],
) -> Needs {
    Needs { kind, create, update, delete }
}

/// What EC2's tags take, by themselves.
const EC2_TAGS: &[&str] = &["ec2:CreateTags", "ec2:DeleteTags"];

/// By kind.
const NEEDS: &[Needs] = &[
    needs(
        "acm.certificate",
        &["acm:RequestCertificate", "acm:AddTagsToCertificate"],
        &["acm:AddTagsToCertificate", "acm:RemoveTagsFromCertificate"],
        &["acm:DeleteCertificate"],
    ),
    needs(
        "acm.validation",
        &["route53:ChangeResourceRecordSets"],
        &["route53:ChangeResourceRecordSets"],
        &["route53:ChangeResourceRecordSets"],
    ),
    needs(
        "application-autoscaling.scalable_target",
        &["application-autoscaling:RegisterScalableTarget"],
        &["application-autoscaling:RegisterScalableTarget"],
        &["application-autoscaling:DeregisterScalableTarget"],
    ),
    needs(
        "application-autoscaling.scaling_policy",
        &["application-autoscaling:PutScalingPolicy"],
        &["application-autoscaling:PutScalingPolicy"],
        &["application-autoscaling:DeleteScalingPolicy"],
    ),
    needs(
        "cloudfront.distribution",
        &["cloudfront:CreateDistribution", "cloudfront:TagResource"],
        &["cloudfront:UpdateDistribution", "cloudfront:TagResource", "cloudfront:UntagResource"],
        &["cloudfront:UpdateDistribution", "cloudfront:DeleteDistribution"],
    ),
    needs(
        "cloudfront.origin_access_control",
        &["cloudfront:CreateOriginAccessControl"],
        &["cloudfront:UpdateOriginAccessControl"],
        &["cloudfront:DeleteOriginAccessControl"],
    ),
    needs("ec2.address", &["ec2:AllocateAddress", "ec2:CreateTags"], EC2_TAGS, &["ec2:ReleaseAddress"]),
    needs(
        "ec2.default_security_group",
        &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
        &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
        &[],
    ),
    needs(
        "ec2.internet_gateway",
        &["ec2:CreateInternetGateway", "ec2:AttachInternetGateway", "ec2:CreateTags"],
        &["ec2:AttachInternetGateway", "ec2:DetachInternetGateway", "ec2:CreateTags", "ec2:DeleteTags"],
        &["ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"],
    ),
    needs("ec2.nat_gateway", &["ec2:CreateNatGateway", "ec2:CreateTags"], EC2_TAGS, &["ec2:DeleteNatGateway"]),
    needs("ec2.route", &["ec2:CreateRoute"], &["ec2:ReplaceRoute"], &["ec2:DeleteRoute"]),
    needs("ec2.route_table", &["ec2:CreateRouteTable", "ec2:CreateTags"], EC2_TAGS, &["ec2:DeleteRouteTable"]),
    needs(
        "ec2.route_table_association",
        &["ec2:AssociateRouteTable"],
        &["ec2:ReplaceRouteTableAssociation"],
        &["ec2:DisassociateRouteTable"],
    ),
    needs(
        "ec2.security_group",
        &["ec2:CreateSecurityGroup", "ec2:RevokeSecurityGroupEgress", "ec2:CreateTags"],
        EC2_TAGS,
        &["ec2:DeleteSecurityGroup"],
    ),
    needs(
        "ec2.security_group_rule",
        &["ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress", "ec2:CreateTags"],
        &["ec2:ModifySecurityGroupRules", "ec2:CreateTags", "ec2:DeleteTags"],
        &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
    ),
    needs(
        "ec2.subnet",
        &["ec2:CreateSubnet", "ec2:CreateTags"],
        &["ec2:ModifySubnetAttribute", "ec2:CreateTags", "ec2:DeleteTags"],
        &["ec2:DeleteSubnet"],
    ),
    needs(
        "ec2.vpc",
        &["ec2:CreateVpc", "ec2:ModifyVpcAttribute", "ec2:CreateTags"],
        &[
            "ec2:ModifyVpcAttribute",
            "ec2:CreateNetworkAclEntry",
            "ec2:ReplaceNetworkAclEntry",
            "ec2:DeleteNetworkAclEntry",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        &["ec2:DeleteVpc"],
    ),
    needs(
        "ec2.vpc_endpoint",
        &["ec2:CreateVpcEndpoint", "ec2:CreateTags"],
        &["ec2:ModifyVpcEndpoint", "ec2:CreateTags", "ec2:DeleteTags"],
        &["ec2:DeleteVpcEndpoints"],
    ),
    needs(
        "ecs.cluster",
        &["ecs:CreateCluster", "ecs:TagResource"],
        &["ecs:PutClusterCapacityProviders", "ecs:UpdateClusterSettings", "ecs:TagResource", "ecs:UntagResource"],
        &["ecs:DeleteCluster"],
    ),
    needs(
        "ecs.service",
        &["ecs:CreateService", "ecs:TagResource"],
        &["ecs:UpdateService", "ecs:TagResource", "ecs:UntagResource"],
        &["ecs:DeleteService"],
    ),
    needs(
        "ecs.task_definition",
        &["ecs:RegisterTaskDefinition", "ecs:TagResource", "iam:PassRole"],
        &[
            "ecs:RegisterTaskDefinition",
            "ecs:TagResource",
            "ecs:UntagResource",
            "iam:PassRole",
            "ecs:DeregisterTaskDefinition",
            "ecs:DeleteTaskDefinitions",
        ],
        &["ecs:DeregisterTaskDefinition", "ecs:DeleteTaskDefinitions"],
    ),
    needs(
        "elasticache.cluster",
        &["elasticache:CreateCacheCluster", "elasticache:AddTagsToResource"],
        &["elasticache:ModifyCacheCluster", "elasticache:AddTagsToResource", "elasticache:RemoveTagsFromResource"],
        &["elasticache:DeleteCacheCluster"],
    ),
    needs(
        "elasticache.parameter_group",
        &["elasticache:CreateCacheParameterGroup", "elasticache:ModifyCacheParameterGroup", "elasticache:AddTagsToResource"],
        &[
            "elasticache:ModifyCacheParameterGroup",
            "elasticache:ResetCacheParameterGroup",
            "elasticache:AddTagsToResource",
            "elasticache:RemoveTagsFromResource",
        ],
        &["elasticache:DeleteCacheParameterGroup"],
    ),
    needs(
        "elasticache.replication_group",
        &["elasticache:CreateReplicationGroup", "elasticache:AddTagsToResource"],
        &[
            "elasticache:ModifyReplicationGroup",
            "elasticache:IncreaseReplicaCount",
            "elasticache:DecreaseReplicaCount",
            "elasticache:AddTagsToResource",
            "elasticache:RemoveTagsFromResource",
        ],
        &["elasticache:DeleteReplicationGroup", "elasticache:CreateSnapshot"],
    ),
    needs(
        "elasticache.subnet_group",
        &["elasticache:CreateCacheSubnetGroup", "elasticache:AddTagsToResource"],
        &["elasticache:ModifyCacheSubnetGroup", "elasticache:AddTagsToResource", "elasticache:RemoveTagsFromResource"],
        &["elasticache:DeleteCacheSubnetGroup"],
    ),
    needs(
        "elbv2.listener",
        &["elasticloadbalancing:CreateListener", "elasticloadbalancing:AddTags"],
        &["elasticloadbalancing:ModifyListener", "elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"],
        &["elasticloadbalancing:DeleteListener"],
    ),
    needs(
        "elbv2.load_balancer",
        &[
            "elasticloadbalancing:CreateLoadBalancer",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:AddTags",
        ],
        &[
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:SetSecurityGroups",
            "elasticloadbalancing:SetSubnets",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        &["elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:ModifyLoadBalancerAttributes"],
    ),
    needs(
        "elbv2.rule",
        &["elasticloadbalancing:CreateRule", "elasticloadbalancing:AddTags"],
        &[
            "elasticloadbalancing:ModifyRule",
            "elasticloadbalancing:SetRulePriorities",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        &["elasticloadbalancing:DeleteRule"],
    ),
    needs(
        "elbv2.target_group",
        &[
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:AddTags",
        ],
        &[
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        &["elasticloadbalancing:DeleteTargetGroup"],
    ),
    needs(
        "events.rule",
        &["events:PutRule", "events:PutTargets", "events:TagResource"],
        &["events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:TagResource", "events:UntagResource"],
        &["events:DeleteRule", "events:RemoveTargets"],
    ),
    needs(
        "iam.group",
        &["iam:CreateGroup", "iam:PutGroupPolicy", "iam:AttachGroupPolicy"],
        &[
            "iam:PutGroupPolicy",
            "iam:DeleteGroupPolicy",
            "iam:AttachGroupPolicy",
            "iam:DetachGroupPolicy",
            "iam:RemoveUserFromGroup",
        ],
        &["iam:DeleteGroup", "iam:DeleteGroupPolicy", "iam:DetachGroupPolicy", "iam:RemoveUserFromGroup"],
    ),
    needs(
        "iam.role",
        &["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:TagRole"],
        &[
            "iam:UpdateAssumeRolePolicy",
            "iam:PutRolePolicy",
            "iam:DeleteRolePolicy",
            "iam:AttachRolePolicy",
            "iam:DetachRolePolicy",
            "iam:TagRole",
            "iam:UntagRole",
        ],
        &["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"],
    ),
    needs(
        "iam.user",
        &["iam:CreateUser", "iam:AddUserToGroup", "iam:TagUser"],
        &[
            "iam:AddUserToGroup",
            "iam:RemoveUserFromGroup",
            "iam:PutUserPolicy",
            "iam:DeleteUserPolicy",
            "iam:AttachUserPolicy",
            "iam:DetachUserPolicy",
            "iam:TagUser",
            "iam:UntagUser",
        ],
        &[
            "iam:DeleteUser",
            "iam:RemoveUserFromGroup",
            "iam:DeleteAccessKey",
            "iam:DeleteLoginProfile",
            "iam:DeactivateMFADevice",
            "iam:DeleteVirtualMFADevice",
            "iam:DeleteSigningCertificate",
            "iam:DeleteSSHPublicKey",
            "iam:DeleteServiceSpecificCredential",
            "iam:DeleteUserPolicy",
            "iam:DetachUserPolicy",
            "iam:DeleteUserPermissionsBoundary",
        ],
    ),
    needs("kms.alias", &["kms:CreateAlias"], &["kms:UpdateAlias"], &["kms:DeleteAlias"]),
    needs(
        "kms.key",
        &["kms:CreateKey", "kms:TagResource", "kms:EnableKeyRotation"],
        &[
            "kms:PutKeyPolicy",
            "kms:UpdateKeyDescription",
            "kms:EnableKeyRotation",
            "kms:DisableKeyRotation",
            "kms:EnableKey",
            "kms:DisableKey",
            "kms:CancelKeyDeletion",
            "kms:TagResource",
            "kms:UntagResource",
        ],
        &["kms:ScheduleKeyDeletion"],
    ),
    needs(
        "lambda.function",
        &["lambda:CreateFunction", "lambda:TagResource", "iam:PassRole"],
        &[
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "lambda:DeleteFunctionConcurrency",
            "lambda:TagResource",
            "lambda:UntagResource",
            "iam:PassRole",
        ],
        &["lambda:DeleteFunction"],
    ),
    needs("lambda.permission", &["lambda:AddPermission"], &["lambda:AddPermission"], &["lambda:RemovePermission"]),
    needs(
        "logs.log_group",
        &["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"],
        &[
            "logs:PutRetentionPolicy",
            "logs:DeleteRetentionPolicy",
            "logs:AssociateKmsKey",
            "logs:DisassociateKmsKey",
            "logs:TagResource",
            "logs:UntagResource",
        ],
        &["logs:DeleteLogGroup"],
    ),
    needs(
        "rds.instance",
        &["rds:CreateDBInstance", "rds:AddTagsToResource"],
        &["rds:ModifyDBInstance", "rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        &["rds:DeleteDBInstance", "rds:CreateDBSnapshot", "rds:ModifyDBInstance"],
    ),
    needs(
        "rds.parameter_group",
        &["rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup", "rds:AddTagsToResource"],
        &["rds:ModifyDBParameterGroup", "rds:ResetDBParameterGroup", "rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        &["rds:DeleteDBParameterGroup"],
    ),
    needs(
        "rds.subnet_group",
        &["rds:CreateDBSubnetGroup", "rds:AddTagsToResource"],
        &["rds:ModifyDBSubnetGroup", "rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        &["rds:DeleteDBSubnetGroup"],
    ),
    needs(
        "route53.record",
        &["route53:ChangeResourceRecordSets"],
        &["route53:ChangeResourceRecordSets"],
        &["route53:ChangeResourceRecordSets"],
    ),
    needs(
        "s3.bucket",
        &[
            "s3:CreateBucket",
            "s3:TagResource",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketVersioning",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
        ],
        &[
            "s3:PutBucketTagging",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketVersioning",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutEncryptionConfiguration",
            "s3:PutBucketWebsite",
            "s3:DeleteBucketWebsite",
            "s3:PutLifecycleConfiguration",
        ],
        &["s3:DeleteBucket", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload"],
    ),
    needs("s3.bucket_policy", &["s3:PutBucketPolicy"], &["s3:PutBucketPolicy"], &["s3:DeleteBucketPolicy"]),
    needs(
        "secretsmanager.rotation",
        &["secretsmanager:RotateSecret"],
        &["secretsmanager:RotateSecret"],
        &["secretsmanager:CancelRotateSecret"],
    ),
    needs(
        "secretsmanager.secret",
        &["secretsmanager:CreateSecret", "secretsmanager:GetRandomPassword", "secretsmanager:TagResource"],
        &["secretsmanager:UpdateSecret", "secretsmanager:TagResource", "secretsmanager:UntagResource"],
        &["secretsmanager:DeleteSecret"],
    ),
    needs(
        "servicediscovery.namespace",
        &["servicediscovery:CreateHttpNamespace", "servicediscovery:TagResource"],
        &["servicediscovery:UpdateHttpNamespace", "servicediscovery:TagResource", "servicediscovery:UntagResource"],
        &["servicediscovery:DeleteNamespace", "servicediscovery:DeleteService"],
    ),
];

/// What an action on an object of a kind takes.
pub fn needed(kind: &str, action: Action) -> impl Iterator<Item = &'static str> {
    let needs = NEEDS.iter().find(|needs| needs.kind == kind);
    let (create, update, delete) = needs.map(|n| (n.create, n.update, n.delete)).unwrap_or_default();
    let lists: [&'static [&'static str]; 2] = match action {
        // What creating leaves open, the same update finishes that mends drift; what it takes is listed with creating.
        Action::Create => [create, &[]],
        Action::Update => [update, &[]],
        Action::Delete => [delete, &[]],
        Action::Replace => [create, delete],
        Action::Keep | Action::Refuse => [&[], &[]],
    };
    lists.into_iter().flatten().copied()
}

/// What an object takes beyond its kind, by what is said of it.
fn beyond(item: &Item) -> Vec<&'static str> {
    let given = |v: &Value| v.as_str().is_some_and(|text| !text.is_empty()) || *v == Value::Bool(true);
    let is = |name: &str| fields(item).and_then(|f| f.get(name)).is_some_and(given);
    let mut out = Vec::new();
    // Whoever tells a database its password reads it first.
    if item.key.kind == "rds.instance" && is("password") && is_new(item, &["password"]) {
        out.extend(["secretsmanager:GetSecretValue", "rds:AddTagsToResource"]);
        out.extend(is("kms_key").then_some("kms:Decrypt"));
    }
    // <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html>
    if item.key.kind == "rds.instance" && is("managed_password") && is_new(item, &["managed_password"]) {
        out.extend(["secretsmanager:CreateSecret", "secretsmanager:TagResource", "kms:DescribeKey"]);
        out.extend(is("kms_key").then_some(["kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"]).into_iter().flatten());
    }
    if !is_made(item) {
        return out;
    }
    match item.key.kind.as_str() {
        "rds.instance" if is("source") => out.push("rds:CreateDBInstanceReadReplica"),
        // <https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html>
        "secretsmanager.secret" if is("kms_key") => out.extend(["kms:GenerateDataKey", "kms:Decrypt"]),
        _ => {}
    }
    if item.key.kind == "rds.instance" && item.carries_data {
        out.extend([
            "rds:CreateDBSnapshot",
            "rds:CopyDBSnapshot",
            "rds:RestoreDBInstanceFromDBSnapshot",
            "rds:ModifyDBInstance",
            "rds:DeleteDBSnapshot",
        ]);
    }
    if item.key.kind == "rds.instance" && item.action == Action::Update {
        out.extend(item.changes.touches("running").then_some("rds:StartDBInstance"));
        out.extend(item.changes.touches("engine_version").then_some("rds:CreateDBSnapshot"));
    }
    // What is stopped and protected is started first.
    let stopped = |item: &Item| item.before.as_ref().is_some_and(|before| before.state.word() == Some("stopped"));
    if item.key.kind == "rds.instance" && item.action == Action::Delete && stopped(item) {
        out.push("rds:StartDBInstance");
    }
    if item.key.kind == "elasticache.replication_group" && item.action == Action::Update {
        let upgraded = item.changes.touches("engine") || item.changes.touches("engine_version");
        out.extend(upgraded.then_some("elasticache:CreateSnapshot"));
    }
    if item.key.kind == "elasticache.replication_group" && item.carries_data {
        out.extend(["elasticache:CreateSnapshot", "elasticache:DeleteSnapshot"]);
    }
    // Both services have the caller let them use the key.
    if matches!(item.key.kind.as_str(), "rds.instance" | "elasticache.replication_group") && is("kms_key") {
        out.extend(["kms:CreateGrant", "kms:DescribeKey"]);
    }
    out
}

/// What everything that changes a stack takes: its lease and its history, two objects in a bucket of the account's.
const EVERY_RUN: &[&str] = &["s3:PutObject"];

/// What all of a plan takes.
pub fn of(plan: &Plan) -> BTreeSet<&'static str> {
    let changes = plan.changes().flat_map(|item| needed(&item.key.kind, item.action).chain(beyond(item)));
    changes.chain(EVERY_RUN.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once_with_what_makes_changes_and_deletes_it() {
        let registry = crate::aws::registry();
        let kinds: Vec<&str> = registry.kinds().map(|kind| kind.name()).collect();
        let listed: Vec<&str> = NEEDS.iter().map(|needs| needs.kind).collect();
        assert_eq!(listed, kinds);
        for kind in kinds {
            for action in [Action::Create, Action::Update, Action::Delete, Action::Replace] {
                // The default security group comes and goes with its VPC.
                let none = kind == "ec2.default_security_group" && action == Action::Delete;
                assert_eq!(needed(kind, action).next().is_none(), none, "{kind} {action:?}");
            }
        }
    }

    #[test]
    fn every_action_is_written_as_iam_writes_it() {
        for action in NEEDS.iter().flat_map(|n| [n.create, n.update, n.delete].concat()) {
            let (service, operation) = action.split_once(':').unwrap();
            assert!(service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{action}");
            assert!(operation.starts_with(|c: char| c.is_ascii_uppercase()), "{action}");
            assert_ne!(service, "elbv2", "IAM calls it elasticloadbalancing: {action}");
        }
    }
}
