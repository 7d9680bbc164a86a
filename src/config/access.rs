//! The section `access`: IAM groups, users, and the roles of pipelines.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::PolicyStatement;
use super::values::{Duration, Name};

/// IAM groups and users, and roles that pipelines assume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// IAM groups, by name. Default: none.
    pub groups: BTreeMap<Name, Group>,
    /// IAM users, by name, with the groups that each is in. Removing a user here deletes the user with access keys, password and
    /// MFA devices. Default: none.
    pub users: BTreeMap<String, Vec<String>>,
    /// Roles that pipelines assume without an access key, by name: each proves by OpenID Connect which repository and branch it runs
    /// for. Default: none.
    pub pipelines: BTreeMap<Name, Pipeline>,
    /// A role for those who look at how everything is set up, and at no data. Default: none.
    pub auditor: Option<Auditor>,
    /// A role for emergencies, which named principals assume with MFA. Whenever it is assumed, the topic of `alarms` is notified. Default: none.
    pub break_glass: Option<BreakGlass>,
    /// People of the organization's directory, who get their rights in this account through IAM Identity Center. Default: none.
    pub identity_center: Option<IdentityCenter>,
    /// Whether members of groups can do anything without MFA: with `required` nothing but register a device, nor can programs with an
    /// access key. Default: `optional`.
    pub mfa: Mfa,
    /// Where the account knows the issuers of pipelines' tokens from. Default: `create`.
    pub identity_providers: Providers,
    /// How strong passwords of IAM users must be. An account has one policy for all its users and stacks: what is stricter stays, and
    /// removing it here leaves it as it is. Default: none is set.
    pub password_policy: Option<PasswordPolicy>,
    /// What none of the roles and users of this stack can go beyond, whatever their policies allow (a permissions boundary): the name of
    /// a managed policy of AWS, or an ARN. Removing it here leaves it as it is. Default: none is set.
    pub boundary: Option<String>,
}

/// Where the identity providers come from that pipelines use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Providers {
    /// This environment creates them. An account has one for each issuer, so only one environment of an account can.
    #[default]
    Create,
    /// The account has them already: of another environment, or from elsewhere.
    Existing,
}

/// How strong passwords of IAM users must be, in the whole account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordPolicy {
    /// The least number of characters, from 6 to 128. Default: 14.
    #[schemars(range(min = 6, max = 128))]
    pub min_length: i32,
    /// What passwords must contain. Default: all four.
    pub contains: Vec<Characters>,
    /// How many former passwords cannot be used again, from 1 to 24. Default: 24.
    #[schemars(range(min = 1, max = 24))]
    pub remember: i32,
    /// When passwords expire, in whole days up to `1095d`: people whose passwords are older must choose another one at the next sign-in.
    /// Default: as the account has it, which is never unless it was set.
    pub max_age: Option<Duration>,
}

/// A sort of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Characters {
    /// `a` to `z`.
    Lowercase,
    /// `A` to `Z`.
    Uppercase,
    /// `0` to `9`.
    Numbers,
    /// Such as `!` and `@`.
    Symbols,
}

impl Characters {
    /// All of them.
    pub const ALL: [Characters; 4] = [Characters::Lowercase, Characters::Uppercase, Characters::Numbers, Characters::Symbols];

    /// Returns its name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Characters::Lowercase => "lowercase",
            Characters::Uppercase => "uppercase",
            Characters::Numbers => "numbers",
            Characters::Symbols => "symbols",
        }
    }
}

impl Default for PasswordPolicy {
    fn default() -> PasswordPolicy {
        PasswordPolicy { min_length: 14, contains: Characters::ALL.into(), remember: 24, max_age: None }
    }
}

/// Whether people must sign in with MFA.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mfa {
    /// They need not.
    #[default]
    Optional,
    /// Without it they can only register a device.
    Required,
}

/// A role for those who look at how everything is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auditor {
    /// Who may assume it: names of `users`, ARNs of users and, without `mfa`, of roles, or accounts, all of whose users may that are allowed
    /// to there.
    #[schemars(extend("examples" = [["alice"], ["123456789012"]]))]
    pub principals: Vec<String>,
    /// Whether they must have signed in with MFA. Default: true.
    #[serde(default = "yes")]
    pub mfa: bool,
}

/// People of the organization's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityCenter {
    /// The region in which IAM Identity Center was enabled. Default: the stack's region.
    #[schemars(extend("examples" = ["us-east-1"]))]
    pub region: Option<String>,
    /// Permission sets, by name, each with the groups and users that get it in this account. Removing one here takes it away from
    /// everyone. Default: none.
    pub permission_sets: BTreeMap<Name, PermissionSet>,
}

/// What people of the organization's directory can do in this account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PermissionSet {
    /// The groups that get it, by their display names. Default: none; a permission set needs a group or a user.
    #[schemars(extend("examples" = [["developers"]]))]
    pub groups: Vec<String>,
    /// The users that get it, by the names that they sign in with. Default: none.
    #[schemars(extend("examples" = [["ann@example.org"]]))]
    pub users: Vec<String>,
    /// Managed policies: the names of AWS's, such as `ReadOnlyAccess`, or ARNs of policies of this account. Default: none.
    pub policies: Vec<String>,
    /// What they may do with this stack, and with no other. Default: nothing.
    pub may: Vec<Permission>,
    /// Further statements of an IAM policy. Default: none.
    pub statements: Vec<PolicyStatement>,
    /// How long they can work with it until they sign in again, from 1h to 12h. Default: 1h.
    pub session: Option<Duration>,
    /// What it is for: people see it who choose what to sign in with. Removing it here leaves it as it is. Default: none.
    pub description: Option<String>,
}

impl PermissionSet {
    /// Returns what people may do.
    pub fn rights(&self) -> Rights<'_> {
        Rights { policies: &self.policies, may: &self.may, statements: &self.statements }
    }
}

fn yes() -> bool {
    true
}

/// AWS's managed policy of `break_glass` that says nothing else: everything but IAM and the organization.
pub const DEFAULT_EMERGENCY: &str = "PowerUserAccess";

/// A role for emergencies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// Who may assume it, with MFA: names of `users`, ARNs of users, or accounts, all of whose users may that are allowed to there.
    /// Sessions of roles have no MFA.
    #[schemars(extend("examples" = [["alice"], ["123456789012"]]))]
    pub principals: Vec<String>,
    /// How long ago they may have signed in with MFA. Default: 1h.
    #[serde(default = "hour")]
    pub mfa_age: Duration,
    /// Whether it can be assumed through the endpoints of any region. Sessions from other regions than the stack's are not
    /// reported. Default: false.
    #[serde(default)]
    pub any_region: bool,
    /// Managed policies: the names of AWS's, or ARNs. Default: `PowerUserAccess` if `may` and `statements` are empty, too.
    #[serde(default)]
    pub policies: Vec<String>,
    /// What it may do with this stack, and with no other. Default: nothing.
    #[serde(default)]
    pub may: Vec<Permission>,
    /// Further statements of an IAM policy. Default: none.
    #[serde(default)]
    pub statements: Vec<PolicyStatement>,
}

fn hour() -> Duration {
    Duration::secs(3600)
}

impl BreakGlass {
    /// Returns what it may do.
    pub fn rights(&self) -> Rights<'_> {
        Rights { policies: &self.policies, may: &self.may, statements: &self.statements }
    }
}

/// A role that a pipeline assumes by OpenID Connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pipeline {
    /// The repository on GitHub: `OWNER/NAME`. One that was created, renamed or moved after 15 July 2026 has immutable subjects:
    /// `OWNER@ID/NAME@ID`. Default: none; either this or `gitlab` is needed.
    #[schemars(extend("examples" = ["acme/shop", "acme@123456/shop@456789"]))]
    pub github: Option<String>,
    /// The project on gitlab.com: `GROUP/NAME`. Default: none.
    #[schemars(extend("examples" = ["acme/shop"]))]
    pub gitlab: Option<String>,
    /// Branches whose pipelines may assume it; `*` stands for any characters. Default: none.
    pub branches: Vec<String>,
    /// Tags whose pipelines may assume it; `*` stands for any characters. Default: none.
    pub tags: Vec<String>,
    /// Environments of GitHub whose jobs may assume it; `*` stands for any characters. A job that names an environment is known by that
    /// and not by its branch. Default: none.
    pub environments: Vec<String>,
    /// Whether pipelines of GitHub's pull requests may assume it. Default: false.
    pub pull_requests: bool,
    /// Managed policies: the names of AWS's, such as `ReadOnlyAccess`, or ARNs. Default: none.
    pub policies: Vec<String>,
    /// What the pipeline may do with this stack, and with no other. Default: nothing.
    pub may: Vec<Permission>,
    /// Further statements of an IAM policy. Default: none.
    pub statements: Vec<PolicyStatement>,
}

/// What a group or a pipeline may do.
#[derive(Clone, Copy, Debug)]
pub struct Rights<'a> {
    /// Managed policies.
    pub policies: &'a [String],
    /// What it may do with this stack.
    pub may: &'a [Permission],
    /// Further statements.
    pub statements: &'a [PolicyStatement],
}

impl Group {
    /// Returns what it may do.
    pub fn rights(&self) -> Rights<'_> {
        Rights { policies: &self.policies, may: &self.may, statements: &self.statements }
    }
}

impl Pipeline {
    /// Returns what it may do.
    pub fn rights(&self) -> Rights<'_> {
        Rights { policies: &self.policies, may: &self.may, statements: &self.statements }
    }

    /// Checks whether nothing says which pipelines of the repository may assume it.
    pub fn is_open(&self) -> bool {
        self.branches.is_empty() && self.tags.is_empty() && self.environments.is_empty() && !self.pull_requests
    }
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
    /// Whether its members can do anything without MFA. Default: that of `access.mfa`.
    pub mfa: Option<Mfa>,
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
