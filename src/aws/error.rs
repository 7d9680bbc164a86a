//! AWS's errors as ours: the operation, the code, the request id, and what may be done about it.

use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::allow;
use super::fence::Closed;
use crate::engine::{Class, Error};

/// Turns what an SDK call failed with into our error. `operation` with its service: `ec2:CreateVpc`.
///
/// Made for `map_err`: `client.create_vpc().send().await.map_err(failed("ec2:CreateVpc"))`.
pub fn failed<E>(operation: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    SdkError<E, HttpResponse>: RequestId,
{
    move |error| {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).map(str::to_owned);
        let status = error.raw_response().map(|r| r.status().as_u16());
        let said = error.as_service_error().and_then(ProvideErrorMetadata::message).map(str::to_owned);
        let closed = closed(&error);
        let class = match &error {
            _ if closed == Some(&Closed::Stale) => Class::NotYet,
            _ if closed.is_some() => Class::Lost,
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Class::Ambiguous,
            SdkError::ServiceError(_) => classify(operation, code.as_deref(), said.as_deref().unwrap_or_default(), status),
            other if caused_by_credentials(other) => Class::Credentials,
            SdkError::DispatchFailure(_) => Class::Ambiguous,
            _ => Class::Other,
        };
        let message = match (closed, said, &error) {
            (Some(closed), ..) => closed.to_string(),
            (_, Some(said), _) => redact(&said),
            _ if class == Class::Credentials => redact(&no_credentials(&error)),
            (_, _, SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | SdkError::ResponseError(_)) => {
                format!("AWS did not answer: {}", redact(&cause(&error)))
            }
            _ => redact(&explain(&error)),
        };
        let mut out = Error::new(class, message);
        out.operation = Some(operation.to_owned());
        out.code = code.or_else(|| status.filter(|_| matches!(error, SdkError::ServiceError(_))).map(|s| format!("HTTP {s}")));
        out.request_id = error.request_id().map(str::to_owned);
        out.lag = out.code.as_deref().and_then(lag);
        match class {
            Class::Credentials if out.code.as_deref().is_some_and(|code| code.contains("Expired")) => {
                out.hint("log in again (`aws sso login`), or get a new token: `aws sts get-caller-identity` must answer with the same credentials")
            }
            Class::Credentials => out
                .hint("give some: `--profile NAME`, `aws sso login`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws sts get-caller-identity` must answer with the same ones. `--local` needs none"),
            Class::Lost => out.hint("the other run goes on from what is there; when it has ended, run this again"),
            Class::Denied => {
                let actions = allow::actions(operation).iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(" and ");
                out.hint(format!("allow {actions} to the identity that runs stack"))
            }
            Class::Throttled => out.hint("AWS's rate limit for this call is used up: run this again in a minute, or ask for a higher quota"),
            Class::Limit => out.hint("see the Service Quotas console for the limit, ask for a higher one, or delete what is not needed"),
            _ => out,
        }
    }
}

/// How long a refusal with this code may pass by itself, where that is longer or surer than what is usual: Terraform's provider
/// tries listeners for five minutes, and distributions for one, after a certificate was issued (hashicorp/terraform-provider-aws,
/// `internal/service/elbv2/listener.go`, `internal/service/cloudfront/distribution.go`).
fn lag(code: &str) -> Option<Duration> {
    match code {
        "CertificateNotFound" => Some(Duration::from_secs(300)),
        "InvalidViewerCertificate" => Some(Duration::from_secs(150)),
        _ => None,
    }
}

/// What an operation says under HTTP 200 that it did not do of what it was asked for: an entry's code and reason.
pub fn entry(operation: &'static str, code: Option<&str>, why: Option<&str>) -> Error {
    let why = why.unwrap_or("no reason given");
    // The same codes as in an answer that is an error from the start; "internal" ones are the service's own.
    let status = if code.is_some_and(|code| code.starts_with("Internal")) { 500 } else { 400 };
    let mut error = Error::new(classify(operation, code, why, Some(status)), redact(why));
    (error.operation, error.code) = (Some(operation.to_owned()), code.map(str::to_owned));
    error
}

/// A failure of our own making around an operation: an answer without what it must contain.
pub fn incomplete(operation: &'static str, what: &str) -> Error {
    let mut error = Error::new(Class::Other, format!("AWS answered without {what}"));
    error.operation = Some(operation.to_owned());
    error
}

fn caused_by_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |e| e.source()).any(|e| e.is::<CredentialsError>())
}

/// Nobody listens there.
pub const REFUSED: &str = "connection refused";
/// Nothing has that name.
pub const NO_HOST: &str = "no such host";

/// Why no answer came, in a few words: the innermost reason, which is the one that says something.
pub(super) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = || std::iter::successors(Some(error), |e| e.source());
    let kind = chain().find_map(|e| e.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    match kind {
        Some(std::io::ErrorKind::ConnectionRefused) => return REFUSED.into(),
        Some(std::io::ErrorKind::ConnectionReset) => return "the connection was reset".into(),
        Some(std::io::ErrorKind::TimedOut) => return "no answer in time".into(),
        _ => {}
    }
    let innermost = chain().map(ToString::to_string).filter(|text| !text.is_empty()).last().unwrap_or_default();
    if innermost.contains("failed to lookup address") || innermost.contains("No address associated") {
        return NO_HOST.into();
    }
    innermost
}

/// Why there are no credentials. The SDK tells of the last place that it looked into, which is an instance's role: on most
/// machines there is none.
fn no_credentials(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = || std::iter::successors(Some(error), |e| e.source());
    let nowhere = chain().any(|e| {
        matches!(e.downcast_ref::<CredentialsError>(), Some(CredentialsError::CredentialsNotLoaded(_)))
            || e.to_string().contains("IMDS")
    });
    if nowhere {
        return "no AWS credentials were found: not in the environment, not in a profile, and this machine has no role".into();
    }
    const EMPTY: &[&str] = &["error occurred while loading credentials", "dispatch failure", "service error", "unhandled error"];
    let texts: Vec<String> = chain().skip_while(|e| !e.is::<CredentialsError>()).map(ToString::to_string).collect();
    let says = |text: &&String| !text.is_empty() && !text.contains("SdkBody") && !EMPTY.iter().any(|empty| text.contains(empty));
    let said: Vec<&str> = texts.iter().filter(says).map(String::as_str).collect();
    match (chain().any(|e| e.is::<std::io::Error>()), said.as_slice()) {
        (true, _) => format!("the AWS credentials could not be loaded: {}", cause(error)),
        (_, []) => "the AWS credentials could not be loaded".into(),
        (_, said) => format!("the AWS credentials could not be loaded: {}", said.join(": ")),
    }
}

/// Why the fence did not let the call out, when it was that.
fn closed<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Closed> {
    std::iter::successors(Some(error), |e| e.source()).find_map(|e| e.downcast_ref::<Closed>())
}

/// What AWS echoes and nobody should see: session tokens and signatures, as a refused signature comes back with the whole
/// request that it was made for.
fn redact(text: &str) -> String {
    const BEFORE: &[&str] = &["x-amz-security-token", "signature", "authorization"];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let lower = rest.to_ascii_lowercase();
        let next = BEFORE.iter().filter_map(|word| {
            Some((lower.find(&format!("{word}:")).or_else(|| lower.find(&format!("{word}=")))?, word.len() + 1))
        });
        let Some((at, length)) = next.min() else { return out + rest };
        let value = &rest[at + length..];
        let blank = value.len() - value.trim_start_matches(' ').len();
        let end = value[blank..].find(|c: char| c.is_whitespace() || c == '&' || c == ',').map_or(value.len(), |end| blank + end);
        out.push_str(&rest[..at + length]);
        if end > blank {
            out.push_str("(not shown)");
        }
        rest = &value[end..];
    }
}

/// The whole chain of causes in one line: the SDK's own texts say little each.
fn explain(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in std::iter::successors(Some(error), |e| e.source()) {
        let text = cause.to_string();
        // What shows a whole request is for nobody's eyes.
        let dump = text.contains("SdkBody") || text.contains("Request {");
        if !dump && !parts.last().is_some_and(|last| last.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// Whether the operation only asks, or takes away: then "not found" means what it says.
fn expects_presence(operation: &str) -> bool {
    let verb = operation.split(':').nth(1).unwrap_or(operation);
    !["Describe", "List", "Get", "Delete", "Detach", "Disassociate", "Release", "Revoke", "Deregister", "Remove"]
        .iter()
        .any(|v| verb.starts_with(v))
}

/// What an error code means here. By the exact code of the exact call; the text counts only where AWS has one code for many things.
fn classify(operation: &str, code: Option<&str>, message: &str, status: Option<u16>) -> Class {
    let code = code.unwrap_or_default();
    let any = |list: &[&str]| list.contains(&code);
    if any(&[
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
    ]) {
        return Class::Credentials;
    }
    if any(&[
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
    ]) || message.contains("Rate exceeded")
    {
        return Class::Throttled;
    }
    // The address of a NAT gateway, until that is gone: AWS has no better word for it.
    if operation == "ec2:ReleaseAddress" && code == "AuthFailure" {
        return Class::InUse;
    }
    if code.starts_with("AccessDenied")
        || any(&["UnauthorizedOperation", "AuthFailure", "OptInRequired", "UnauthorizedException", "NotAuthorized"])
    {
        return Class::Denied;
    }
    // CloudFront sees a certificate up to a minute after it was issued; it has one code for all that can be wrong with one.
    let unseen_certificate = code == "InvalidViewerCertificate" && message.contains("SSL certificate doesn't exist");
    // What was just made is not known everywhere yet.
    let not_yet = match operation {
        "ecs:CreateService" | "ecs:UpdateService" => {
            message.contains("does not have an associated load balancer")
                || message.contains("nable to assume")
                || message.contains("Role is not valid")
                || message.contains("still Draining")
                || any(&["ClusterNotFoundException", "NamespaceNotFoundException"])
        }
        // The same operation is under way.
        "servicediscovery:CreateHttpNamespace" | "servicediscovery:DeleteNamespace" => any(&["DuplicateRequest"]),
        "ecs:CreateCluster" => message.to_ascii_lowercase().contains("service linked role"),
        "ecs:PutClusterCapacityProviders" => any(&["UpdateInProgressException"]),
        "ecs:RegisterTaskDefinition" => message.contains("Role is not valid"),
        "application-autoscaling:RegisterScalableTarget" => message.contains("service doesn't exist"),
        "application-autoscaling:PutScalingPolicy" => any(&["ObjectNotFoundException", "FailedResourceAccessException"]),
        "elbv2:CreateLoadBalancer" => {
            any(&["SubnetNotFound", "InvalidSecurityGroup"]) || message.contains("has no internet gateway")
        }
        "elbv2:CreateTargetGroup" => message.contains("is not found"),
        "elbv2:CreateListener"
        | "elbv2:ModifyListener"
        | "elbv2:CreateRule"
        | "elbv2:ModifyRule"
        | "elbv2:SetRulePriorities"
        | "elbv2:ModifyTargetGroupAttributes"
        | "elbv2:ModifyLoadBalancerAttributes" => any(&[
            "TargetGroupNotFound",
            "LoadBalancerNotFound",
            "ListenerNotFound",
            "RuleNotFound",
            // Another rule of ours has it and is about to move.
            "PriorityInUse",
            // One that was issued a moment ago: ELB sees it up to some minutes later.
            "CertificateNotFound",
        ]),
        "elasticache:CreateReplicationGroup"
        | "elasticache:CreateCacheCluster"
        | "elasticache:ModifyReplicationGroup"
        | "elasticache:ModifyCacheCluster" => any(&[
            "CacheSubnetGroupNotFoundFault",
            "CacheParameterGroupNotFound",
            "CacheParameterGroupNotFoundFault",
            "ServiceLinkedRoleNotFoundFault",
        ]),
        "rds:CreateDBInstance" | "rds:CreateDBInstanceReadReplica" | "rds:ModifyDBInstance" => any(&[
            "DBSubnetGroupNotFoundFault",
            "DBParameterGroupNotFound",
            "DBParameterGroupNotFoundFault",
            "KMSKeyNotAccessibleFault",
        ]),
        // The name of one that is being deleted, and a key that was just made.
        "secretsmanager:CreateSecret" | "secretsmanager:UpdateSecret" => {
            message.contains("scheduled for deletion") || any(&["EncryptionFailure"])
        }
        // A role that was just made.
        "lambda:CreateFunction" | "lambda:UpdateFunctionConfiguration" => message.contains("cannot be assumed by Lambda"),
        "lambda:AddPermission" | "events:PutTargets" => any(&["ResourceNotFoundException"]),
        "iam:CreateRole" | "iam:UpdateAssumeRolePolicy" => message.contains("nvalid principal"),
        "iam:PutRolePolicy"
        | "iam:AttachRolePolicy"
        | "iam:TagRole"
        | "iam:PutGroupPolicy"
        | "iam:AddUserToGroup"
        | "iam:TagUser" => any(&["NoSuchEntity", "NoSuchEntityException"]),
        // A gateway that is being deleted holds its address to the end.
        "ec2:CreateNatGateway" => any(&["Resource.AlreadyAssociated"]) || code.ends_with("NotFound"),
        "logs:PutRetentionPolicy" | "logs:DeleteRetentionPolicy" | "logs:TagResource" => any(&["ResourceNotFoundException"]),
        // A key that was just made, or its policy, is not known to CloudWatch Logs yet.
        "logs:CreateLogGroup" | "logs:AssociateKmsKey" => message.contains("KMS key"),
        "kms:CreateAlias" | "kms:UpdateAlias" | "kms:EnableKeyRotation" | "kms:PutKeyPolicy" | "kms:TagResource" => {
            any(&["NotFoundException"])
        }
        // Its bucket for logs was just made, and CloudFront asks S3 about it.
        "cloudfront:CreateDistributionWithTags" => message.contains("does not enable ACL access") || unseen_certificate,
        // Somebody else changed it between the look and the change: look again.
        "cloudfront:UpdateDistribution" | "cloudfront:UpdateOriginAccessControl" | "cloudfront:DeleteOriginAccessControl" => {
            any(&["PreconditionFailed", "InvalidIfMatchVersion"])
                || message.contains("does not enable ACL access")
                || unseen_certificate
        }
        _ if operation.starts_with("s3:Put") => any(&["NoSuchBucket"]),
        _ => operation.starts_with("ec2:") && code.ends_with("NotFound") && expects_presence(operation),
    };
    if not_yet
        || any(&[
            "ConcurrentModification",
            "ConcurrentModificationException",
            "OperationAborted",
            "OperationAbortedException",
            "ConcurrentUpdateException",
        ])
    {
        return Class::NotYet;
    }
    if any(&[
        "DependencyViolation",
        "DeleteConflict",
        "DeleteConflictException",
        "ResourceInUse",
        "ResourceInUseException",
        "InvalidIPAddress.InUse",
        "ClusterContainsServicesException",
        "BucketNotEmpty",
        "DistributionNotDisabled",
        "ClusterContainsTasksException",
        "UpdateInProgressException",
        // A cache that AWS is at, or one that is still there.
        "InvalidReplicationGroupState",
        "InvalidReplicationGroupStateFault",
        "InvalidCacheClusterState",
        "InvalidCacheClusterStateFault",
        // A database that AWS is at, or a group that one still uses.
        "InvalidDBInstanceState",
        "InvalidDBInstanceStateFault",
        "InvalidDBSubnetGroupStateFault",
    ]) || code.ends_with("InUse") && !matches!(code, "SubnetInUse" | "SubnetAlreadyInUse")
        || matches!(operation, "lambda:UpdateFunctionCode" | "lambda:UpdateFunctionConfiguration") && code == "ResourceConflictException"
        || operation == "elasticache:DeleteCacheParameterGroup" && code.starts_with("InvalidCacheParameterGroupState")
        || operation == "rds:DeleteDBParameterGroup" && code.starts_with("InvalidDBParameterGroupState")
        // Of the change before, until the caches or databases have taken that up (hashicorp/terraform-provider-aws#1821, #1891).
        || matches!(operation, "elasticache:ModifyCacheParameterGroup" | "elasticache:ResetCacheParameterGroup")
            && message.contains("pending changes")
        || matches!(operation, "rds:ModifyDBParameterGroup" | "rds:ResetDBParameterGroup") && message.contains("pending changes")
        // A snapshot that is still being copied or restored.
        || operation == "rds:DeleteDBSnapshot" && code.starts_with("InvalidDBSnapshotState")
        || operation == "elasticache:DeleteSnapshot" && code.starts_with("InvalidSnapshotState")
    {
        return Class::InUse;
    }
    // ECS has no code of its own for a task definition that is not there.
    let no_task_definition = matches!(operation, "ecs:DescribeTaskDefinition" | "ecs:DeregisterTaskDefinition")
        && code == "ClientException"
        && (message.contains("nable to describe task definition") || message.contains("does not exist"));
    if no_task_definition
        || code.ends_with("NotFound")
        || code.ends_with("NotFoundException")
        || code.ends_with("NotFoundFault")
        // S3 has a code for each thing that can be missing, CloudFront one for each kind.
        || (operation.starts_with("s3:") || operation.starts_with("cloudfront:"))
            && (code.starts_with("NoSuch") || code.ends_with("NotFoundError"))
        || any(&[
            "NoSuchEntity",
            "NoSuchEntityException",
            "Gateway.NotAttached",
            "ServiceNotActiveException",
            "NatGatewayNotFound",
            "CacheClusterNotFound",
            "CacheParameterGroupNotFound",
        ])
    {
        return Class::NotFound;
    }
    if code.contains("Duplicate")
        || code.contains("AlreadyExists")
        || operation == "ecs:CreateService" && message.contains("not idempotent")
        || operation == "route53:ChangeResourceRecordSets" && code == "InvalidChangeBatch" && message.contains("already exists")
        || matches!(operation, "lambda:CreateFunction" | "lambda:AddPermission") && code == "ResourceConflictException"
        || any(&[
            "EntityAlreadyExists",
            "InvalidSubnet.Conflict",
            "Resource.AlreadyAssociated",
            "BucketAlreadyOwnedByYou",
            "ResourceExistsException",
        ])
    {
        return Class::Exists;
    }
    if code.contains("LimitExceeded")
        || code.contains("QuotaExceeded")
        || code.contains("QuotaForCustomerExceeded")
        || code.starts_with("TooMany")
        || code.starts_with("Insufficient")
        // "The specified subnet is out of available addresses" (API reference of Elastic Load Balancing, errors).
        || operation.starts_with("elbv2:") && code == "InvalidSubnet"
    {
        return Class::Limit;
    }
    match status {
        Some(500..) => Class::Ambiguous,
        Some(429) => Class::Throttled,
        Some(403) => Class::Denied,
        Some(400..) => Class::Invalid,
        _ => Class::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_found_means_different_things_to_different_calls() {
        let class = |op, code| classify(op, Some(code), "", Some(400));
        assert_eq!(class("ec2:CreateSubnet", "InvalidVpcID.NotFound"), Class::NotYet);
        assert_eq!(class("ec2:DeleteSubnet", "InvalidSubnetID.NotFound"), Class::NotFound);
        assert_eq!(class("ec2:DescribeSubnets", "InvalidSubnetID.NotFound"), Class::NotFound);
        assert_eq!(class("ec2:DeleteSubnet", "DependencyViolation"), Class::InUse);
        assert_eq!(class("elbv2:CreateLoadBalancer", "DuplicateLoadBalancerName"), Class::Exists);
        assert_eq!(class("ec2:CreateVpc", "VpcLimitExceeded"), Class::Limit);
        assert_eq!(class("elbv2:CreateLoadBalancer", "InvalidSubnet"), Class::Limit);
    }

    #[test]
    fn what_is_on_its_way_is_tried_again() {
        let class = |op, code, message| classify(op, Some(code), message, Some(400));
        assert_eq!(class("elbv2:SetRulePriorities", "PriorityInUse", ""), Class::NotYet);
        assert_eq!(class("elbv2:DeleteTargetGroup", "ResourceInUse", ""), Class::InUse);
        let draining = "Unable to Start a service that is still Draining.";
        assert_eq!(class("ecs:CreateService", "InvalidParameterException", draining), Class::NotYet);
        let none = "Unable to describe task definition.";
        assert_eq!(class("ecs:DescribeTaskDefinition", "ClientException", none), Class::NotFound);
        assert_eq!(class("ecs:RegisterTaskDefinition", "ClientException", "No Fargate configuration"), Class::Invalid);
    }

    #[test]
    fn a_certificate_that_was_just_issued_is_tried_again_and_a_wrong_one_is_not() {
        let class = |op, code, message| classify(op, Some(code), message, Some(400));
        assert_eq!(lag("CertificateNotFound"), Some(Duration::from_secs(300)));
        for op in ["elbv2:CreateListener", "elbv2:ModifyListener"] {
            assert_eq!(class(op, "CertificateNotFound", "Certificate 'arn:aws:acm:x' not found"), Class::NotYet);
        }
        let unseen = "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a valid certificate chain.";
        let other = "The certificate that is attached to your distribution doesn't cover the alternate domain name (CNAME) that you're trying to add.";
        for op in ["cloudfront:CreateDistributionWithTags", "cloudfront:UpdateDistribution"] {
            assert_eq!(class(op, "InvalidViewerCertificate", unseen), Class::NotYet);
            assert_eq!(class(op, "InvalidViewerCertificate", other), Class::Invalid);
        }
    }

    #[test]
    fn a_cache_that_is_busy_is_waited_for() {
        let class = |op, code| classify(op, Some(code), "", Some(400));
        assert_eq!(class("elasticache:ModifyReplicationGroup", "InvalidReplicationGroupState"), Class::InUse);
        assert_eq!(class("elasticache:DeleteCacheSubnetGroup", "CacheSubnetGroupInUse"), Class::InUse);
        assert_eq!(class("elasticache:DeleteSnapshot", "InvalidSnapshotState"), Class::InUse);
        assert_eq!(class("rds:DeleteDBSnapshot", "InvalidDBSnapshotState"), Class::InUse);
        assert_eq!(class("rds:CopyDBSnapshot", "InvalidDBSnapshotState"), Class::Invalid);
        assert_eq!(class("elasticache:DeleteCacheParameterGroup", "InvalidCacheParameterGroupState"), Class::InUse);
        assert_eq!(class("elasticache:ModifyCacheParameterGroup", "InvalidCacheParameterGroupState"), Class::Invalid);
        let busy = |op, code| classify(op, Some(code), "The parameter group shop-sessions has pending changes.", Some(400));
        for op in ["elasticache:ModifyCacheParameterGroup", "elasticache:ResetCacheParameterGroup"] {
            assert_eq!(busy(op, "InvalidCacheParameterGroupState"), Class::InUse);
        }
        for op in ["rds:ModifyDBParameterGroup", "rds:ResetDBParameterGroup"] {
            assert_eq!(busy(op, "InvalidDBParameterGroupState"), Class::InUse);
        }
        assert_eq!(class("elasticache:ModifyCacheSubnetGroup", "SubnetInUse"), Class::Invalid);
        assert_eq!(class("rds:ModifyDBSubnetGroup", "SubnetAlreadyInUse"), Class::Invalid);
        assert_eq!(class("elasticache:CreateReplicationGroup", "CacheSubnetGroupNotFoundFault"), Class::NotYet);
        assert_eq!(class("elasticache:DescribeReplicationGroups", "ReplicationGroupNotFoundFault"), Class::NotFound);
        assert_eq!(class("elasticache:CreateReplicationGroup", "ReplicationGroupAlreadyExists"), Class::Exists);
        assert_eq!(class("elasticache:CreateCacheCluster", "NodeQuotaForCustomerExceeded"), Class::Limit);
    }

    #[test]
    fn s3_and_cloudfront_have_codes_of_their_own() {
        let class = |op, code| classify(op, Some(code), "", Some(400));
        assert_eq!(class("s3:GetBucketTagging", "NoSuchTagSet"), Class::NotFound);
        assert_eq!(class("s3:GetBucketOwnershipControls", "OwnershipControlsNotFoundError"), Class::NotFound);
        assert_eq!(class("s3:PutBucketPolicy", "NoSuchBucket"), Class::NotYet);
        assert_eq!(class("s3:DeleteBucket", "BucketNotEmpty"), Class::InUse);
        assert_eq!(class("s3:CreateBucket", "BucketAlreadyExists"), Class::Exists);
        assert_eq!(class("s3:CreateBucket", "BucketAlreadyOwnedByYou"), Class::Exists);
        assert_eq!(class("cloudfront:GetDistribution", "NoSuchDistribution"), Class::NotFound);
        assert_eq!(class("cloudfront:UpdateDistribution", "PreconditionFailed"), Class::NotYet);
        assert_eq!(class("cloudfront:DeleteOriginAccessControl", "OriginAccessControlInUse"), Class::InUse);
    }

    #[test]
    fn throttling_is_known_in_every_services_words() {
        assert_eq!(classify("ec2:CreateVpc", Some("RequestLimitExceeded"), "", Some(503)), Class::Throttled);
        assert_eq!(classify("ecs:CreateService", Some("ThrottlingException"), "Rate exceeded", Some(400)), Class::Throttled);
        assert_eq!(classify("iam:CreateRole", Some("Throttling"), "Rate exceeded", Some(400)), Class::Throttled);
    }

    #[test]
    fn what_a_refused_signature_echoes_is_not_shown() {
        let echo = "The Canonical String should have been 'POST\\n/\\nhost:x\\nx-amz-security-token: FwoGZXIvYXdzEBY \\nhost;x' AWS4 Signature=abc123, end";
        let shown = redact(echo);
        assert!(!shown.contains("FwoGZXIvYXdzEBY") && !shown.contains("abc123"), "{shown}");
        assert!(shown.starts_with("The Canonical String") && shown.ends_with(", end"), "{shown}");
        assert_eq!(redact("The parameter is not valid: ÄÖ"), "The parameter is not valid: ÄÖ");
    }

    #[test]
    fn an_entry_that_failed_is_tried_again_when_that_helps() {
        let class = |code| entry("events:PutTargets", Some(code), Some("why")).class;
        assert_eq!(class("ThrottlingException"), Class::Throttled);
        assert_eq!(class("ConcurrentModificationException"), Class::NotYet);
        assert_eq!(class("InternalException"), Class::Ambiguous);
        assert_eq!(class("ValidationException"), Class::Invalid);
        assert_eq!(entry("events:RemoveTargets", None, None).to_string(), "events:RemoveTargets: no reason given");
    }

    #[test]
    fn validation_is_never_tried_again() {
        assert_eq!(classify("ecs:CreateService", Some("InvalidParameterException"), "no", Some(400)), Class::Invalid);
    }
}
