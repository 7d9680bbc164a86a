//! The section `access`: IAM groups and users.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::PolicyStatement;
use super::values::Name;

/// IAM groups and users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// IAM groups, by name. Default: none.
    pub groups: BTreeMap<Name, Group>,
    /// IAM users, by name, with the groups that each is in. Removing a user here deletes the user with access keys, password and
    /// MFA devices. Default: none.
    pub users: BTreeMap<String, Vec<String>>,
}

/// An IAM group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Group {
    /// Managed policies: the names of AWS's, such as `ReadOnlyAccess`, or ARNs. Default: none.
    pub policies: Vec<String>,
    /// What the group may do with this stack, and with no other. Default: nothing.
    pub may: Vec<Permission>,
    /// Further statements of an IAM policy. Default: none.
    pub statements: Vec<PolicyStatement>,
}

/// Something that a group may do with this stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// See what is running, and read its logs.
    View,
    /// Deploy new versions of services, change their number of tasks, and upload static files.
    Deploy,
    /// Open a shell in a running container.
    Exec,
}

/// AWS's managed policies that are usual for groups of people and have no path. Any other is written as an ARN.
const MANAGED: &[&str] = &[
    "AdministratorAccess",
    "AmazonCognitoPowerUser",
    "AmazonCognitoReadOnly",
    "AmazonDynamoDBFullAccess",
    "AmazonDynamoDBReadOnlyAccess",
    "AmazonEC2ContainerRegistryFullAccess",
    "AmazonEC2ContainerRegistryPowerUser",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEC2FullAccess",
    "AmazonEC2ReadOnlyAccess",
    "AmazonECS_FullAccess",
    "AmazonElastiCacheFullAccess",
    "AmazonElastiCacheReadOnlyAccess",
    "AmazonElasticFileSystemReadOnlyAccess",
    "AmazonEventBridgeReadOnlyAccess",
    "AmazonGuardDutyReadOnlyAccess",
    "AmazonRDSFullAccess",
    "AmazonRDSPerformanceInsightsReadOnly",
    "AmazonRDSReadOnlyAccess",
    "AmazonRoute53FullAccess",
    "AmazonRoute53ReadOnlyAccess",
    "AmazonS3FullAccess",
    "AmazonS3ReadOnlyAccess",
    "AmazonSESReadOnlyAccess",
    "AmazonSNSReadOnlyAccess",
    "AmazonSQSReadOnlyAccess",
    "AmazonSSMReadOnlyAccess",
    "AmazonVPCFullAccess",
    "AmazonVPCReadOnlyAccess",
    "AWSBackupOperatorAccess",
    "AWSBillingReadOnlyAccess",
    "AWSBudgetsReadOnlyAccess",
    "AWSCertificateManagerFullAccess",
    "AWSCertificateManagerReadOnly",
    "AWSCloudShellFullAccess",
    "AWSCloudTrail_FullAccess",
    "AWSCloudTrail_ReadOnlyAccess",
    "AWSCodeCommitReadOnly",
    "AWSConfigUserAccess",
    "AWSDenyAll",
    "AWSHealthFullAccess",
    "AWSKeyManagementServicePowerUser",
    "AWSLambda_FullAccess",
    "AWSLambda_ReadOnlyAccess",
    "AWSOrganizationsReadOnlyAccess",
    "AWSResourceExplorerReadOnlyAccess",
    "AWSSecurityHubReadOnlyAccess",
    "AWSSupportAccess",
    "AWSTrustedAdvisorPriorityReadOnlyAccess",
    "AWSWAFFullAccess",
    "AWSWAFReadOnlyAccess",
    "AWSXrayReadOnlyAccess",
    "CloudFrontFullAccess",
    "CloudFrontReadOnlyAccess",
    "CloudWatchEventsReadOnlyAccess",
    "CloudWatchFullAccess",
    "CloudWatchFullAccessV2",
    "CloudWatchLogsFullAccess",
    "CloudWatchLogsReadOnlyAccess",
    "CloudWatchReadOnlyAccess",
    "ElasticLoadBalancingFullAccess",
    "ElasticLoadBalancingReadOnly",
    "IAMFullAccess",
    "IAMReadOnlyAccess",
    "IAMSelfManageServiceSpecificCredentials",
    "IAMUserChangePassword",
    "IAMUserSSHKeys",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "ResourceGroupsandTagEditorFullAccess",
    "ResourceGroupsandTagEditorReadOnlyAccess",
    "SecretsManagerReadWrite",
    "SecurityAudit",
    "ServiceQuotasFullAccess",
    "ServiceQuotasReadOnlyAccess",
];

/// AWS's managed policies for job functions, which have a path.
const JOB_FUNCTIONS: &[&str] = &[
    "Billing",
    "DatabaseAdministrator",
    "DataScientist",
    "NetworkAdministrator",
    "SupportUser",
    "SystemAdministrator",
    "ViewOnlyAccess",
];

/// Returns every managed policy that can be written by name.
pub fn managed_policies() -> impl Iterator<Item = &'static str> + Clone {
    MANAGED.iter().chain(JOB_FUNCTIONS).copied()
}

/// Returns the ARN of a managed policy, which is written as an ARN or as a name of AWS's.
pub fn managed_arn(policy: &str, partition: &str) -> Option<String> {
    if policy.starts_with("arn:") {
        return Some(policy.to_owned());
    }
    let path = match policy {
        _ if MANAGED.contains(&policy) => "",
        _ if JOB_FUNCTIONS.contains(&policy) => "job-function/",
        _ => return None,
    };
    Some(format!("arn:{partition}:iam::aws:policy/{path}{policy}"))
}
