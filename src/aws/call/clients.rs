//! The clients of every service, from one configuration.

use std::sync::Arc;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls;

use crate::aws::call::error::{NO_HOST, REFUSED, failed, incomplete};
use crate::aws::call::fence::Fence;
use crate::aws::call::guard::Guard;
use crate::aws::call::log::CallLog;
use crate::aws::call::profiles::Profiles;
use crate::aws::call::rate_limit::{Rates, Way, paced};
use crate::engine::{Class, Error, Reach, Result};

/// The name of the session of a role that is assumed, as CloudTrail shows it.
const SESSION: &str = "stack";
/// The region whose certificates CloudFront uses.
pub const CLOUDFRONT_REGION: &str = "us-east-1";

/// Returns the region that the environment or the profile chooses, as for the AWS CLI
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html>).
pub fn region(profile: Option<&str>) -> Option<String> {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let of_profile = || {
        let profile = profile.map(str::to_owned).or_else(|| env("AWS_PROFILE")).unwrap_or_else(|| "default".into());
        Profiles::read(&env).region(&profile).map(str::to_owned)
    };
    env("AWS_REGION").or_else(|| env("AWS_DEFAULT_REGION")).or_else(of_profile)
}

/// The command line's settings for connecting to AWS. The rest comes from where the AWS CLI takes it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A profile of `~/.aws/config`.
    pub profile: Option<String>,
    /// The endpoint for every service, instead of AWS's own.
    pub endpoint_url: Option<String>,
    /// Fixed credentials: access key and secret.
    pub credentials: Option<(String, String)>,
    /// A role that is assumed with these credentials.
    pub role: Option<Role>,
    /// The bucket for leases and history; `stack`'s own when none is chosen.
    pub history_bucket: Option<String>,
    /// What is read only for those who have it.
    pub wants: Wants,
}

/// What most stacks do not have, and what no tag shows: it is read only where a file or a plan has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The region of IAM Identity Center, when the stack has anything in it.
    pub identity_center: Option<String>,
    /// Whether the password policy of the account is read.
    pub password_policy: bool,
}

/// A role that is assumed with other credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// The region in which STS is asked for it: one that the account of the credentials has enabled.
    pub region: String,
}

/// The properties of services that calls depend on.
#[derive(Clone, Debug, Default)]
pub struct Services {
    /// The resource types that AWS's index of tags is asked for.
    pub indexed: Vec<String>,
    /// The services with rates of their own.
    pub rates: Vec<Rates>,
}

/// One of the regions where Amazon Q Developer in chat applications has endpoints; the account's channels are the same in all
/// (<https://docs.aws.amazon.com/general/latest/gr/chatbot.html>).
const CHAT_REGION: &str = "us-east-2";

/// The configurations that clients are made from.
struct Configs {
    usual: SdkConfig,
    /// Without second tries of the SDK: for creates without an idempotency token, which the engine repeats when it has looked.
    once: SdkConfig,
    /// In us-east-1.
    global: SdkConfig,
    /// There, without second tries.
    global_once: SdkConfig,
    /// In the region of [`CHAT_REGION`].
    chat: SdkConfig,
}

/// Declares the clients: for each its name, its SDK and which of [`Configs`] it is made from. All of them ask the fence.
macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $sdk:ident, $config:ident;)*) => {
        /// A client for each service.
        pub struct Clients {
            $($(#[$doc])* pub $name: $sdk::Client,)*
            /// S3.
            pub s3: aws_sdk_s3::Client,
            /// S3 without the fence: for the lease itself and for the history.
            pub s3_free: aws_sdk_s3::Client,
            /// The resource types that the index of tags is asked for.
            pub indexed: Vec<String>,
            /// The region of the stack.
            pub region: String,
            /// The fence that every client asks before it changes anything.
            pub fence: Arc<Fence>,
            /// Whether AWS answers.
            pub reach: Reach,
            /// The profile in use, when one was chosen.
            pub profile: Option<String>,
            /// The bucket for leases and history, when one was chosen.
            pub history_bucket: Option<String>,
            /// What is read only for those who have it.
            pub wants: Wants,
            /// The endpoint that all calls go to, when it is not AWS's own.
            endpoint: Option<String>,
            /// The ARN of the role that is assumed, when one is.
            role: Option<String>,
            /// Whether the profile needs an MFA code, which only the AWS CLI can ask for.
            wants_mfa: bool,
        }

        impl Clients {
            /// Makes the clients of a configuration.
            pub(super) fn from_config(config: &SdkConfig, region: &str, fence: Arc<Fence>) -> Clients {
                let global = config.to_builder().region(Region::new(CLOUDFRONT_REGION)).build();
                let configs = Configs {
                    usual: config.clone(),
                    once: config.to_builder().retry_config(RetryConfig::disabled()).build(),
                    global_once: global.to_builder().retry_config(RetryConfig::disabled()).build(),
                    global,
                    chat: config.to_builder().region(Region::new(CHAT_REGION)).build(),
                };
                let guard = Guard(fence.clone());
                // At another endpoint than AWS's own, the host names of buckets do not resolve.
                let s3 = aws_sdk_s3::config::Builder::from(config);
                let s3 = s3.force_path_style(config.endpoint_url().is_some()).interceptor(CallLog);
                Clients {
                    $($name: $sdk::Client::from_conf(
                        $sdk::config::Builder::from(&configs.$config).interceptor(guard.clone()).interceptor(CallLog).build(),
                    ),)*
                    s3_free: aws_sdk_s3::Client::from_conf(s3.clone().build()),
                    s3: aws_sdk_s3::Client::from_conf(s3.interceptor(guard).build()),
                    indexed: Vec::new(),
                    region: region.to_owned(),
                    fence,
                    reach: Reach::default(),
                    profile: None,
                    history_bucket: None,
                    wants: Wants::default(),
                    endpoint: config.endpoint_url().map(str::to_owned),
                    role: None,
                    wants_mfa: false,
                }
            }
        }
    };
}

clients! {
    /// EC2, for calls that may be sent twice.
    ec2: aws_sdk_ec2, usual;
    /// EC2, for creates without an idempotency token: the SDK never sends them twice, the engine reads before it repeats one.
    ec2_once: aws_sdk_ec2, once;
    /// Elastic Load Balancing v2.
    elbv2: aws_sdk_elasticloadbalancingv2, usual;
    /// ECS.
    ecs: aws_sdk_ecs, usual;
    /// ECS, for `RegisterTaskDefinition`: every call creates a revision.
    ecs_once: aws_sdk_ecs, once;
    /// IAM.
    iam: aws_sdk_iam, usual;
    /// CloudWatch Logs.
    logs: aws_sdk_cloudwatchlogs, usual;
    /// CloudWatch Logs in us-east-1: for CloudFront's web ACLs.
    logs_global: aws_sdk_cloudwatchlogs, global;
    /// Application Auto Scaling.
    autoscaling: aws_sdk_applicationautoscaling, usual;
    /// RDS.
    rds: aws_sdk_rds, usual;
    /// ElastiCache.
    elasticache: aws_sdk_elasticache, usual;
    /// CloudFront, which has one endpoint for all regions.
    cloudfront: aws_sdk_cloudfront, usual;
    /// AWS Backup.
    backup: aws_sdk_backup, usual;
    /// AWS Budgets, which has one endpoint for all regions.
    budgets: aws_sdk_budgets, global;
    /// Amazon Q Developer in chat applications, whose objects have no region.
    chatbot: aws_sdk_chatbot, chat;
    /// Cost Explorer, which has one endpoint for all regions.
    ce: aws_sdk_costexplorer, global;
    /// Cost Explorer, for creates: it has no idempotency tokens.
    ce_once: aws_sdk_costexplorer, global_once;
    /// CloudWatch.
    cloudwatch: aws_sdk_cloudwatch, usual;
    /// CloudWatch in us-east-1: for dashboards, which have no region, and for what CloudFront and its certificates report.
    cloudwatch_global: aws_sdk_cloudwatch, global;
    /// KMS.
    kms: aws_sdk_kms, usual;
    /// KMS, for `CreateKey`, which has no idempotency token.
    kms_once: aws_sdk_kms, once;
    /// Certificate Manager in the stack's region: for load balancers.
    acm: aws_sdk_acm, usual;
    /// Certificate Manager in us-east-1: for CloudFront.
    acm_global: aws_sdk_acm, global;
    /// Route 53.
    route53: aws_sdk_route53, usual;
    /// Cloud Map.
    servicediscovery: aws_sdk_servicediscovery, usual;
    /// Elastic Container Registry.
    ecr: aws_sdk_ecr, usual;
    /// EventBridge.
    events: aws_sdk_eventbridge, usual;
    /// Lambda.
    lambda: aws_sdk_lambda, usual;
    /// Secrets Manager.
    secrets: aws_sdk_secretsmanager, usual;
    /// SNS.
    sns: aws_sdk_sns, usual;
    /// SNS in us-east-1: for what alarms there notify.
    sns_global: aws_sdk_sns, global;
    /// SQS.
    sqs: aws_sdk_sqs, usual;
    /// Service Quotas.
    quotas: aws_sdk_servicequotas, usual;
    /// IAM Identity Center in the stack's region.
    sso: aws_sdk_ssoadmin, usual;
    /// Its users and groups.
    identitystore: aws_sdk_identitystore, usual;
    /// STS.
    sts: aws_sdk_sts, usual;
    /// The tag index of the stack's region.
    tagging: aws_sdk_resourcegroupstagging, usual;
    /// The tag index of us-east-1, which contains CloudFront's distributions.
    tagging_global: aws_sdk_resourcegroupstagging, global;
    /// WAF in the stack's region: for load balancers.
    wafv2: aws_sdk_wafv2, usual;
    /// WAF in us-east-1: for CloudFront.
    wafv2_global: aws_sdk_wafv2, global;
    /// CloudTrail in the stack's region.
    trail: aws_sdk_cloudtrail, usual;
    /// CloudTrail in us-east-1, which records IAM and CloudFront.
    trail_global: aws_sdk_cloudtrail, global;
}

/// Checks whether a text can be an endpoint URL.
///
/// # Errors
/// Says what is wrong with it, as the end of a sentence.
pub fn endpoint(url: &str) -> Result<(), String> {
    if url.is_empty() {
        return Err("it is empty; is a variable unset?".into());
    }
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return Err("it must begin with `http://` or `https://`".into());
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let strange = |c: char| !(c.is_ascii_alphanumeric() || "-._~[]:%".contains(c));
    if host.is_empty() || host.contains(strange) {
        return Err("it has no host".into());
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("its port is not a number from 0 to 65535".into());
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it contains spaces or control characters".into());
    }
    Ok(())
}

/// The identity that runs this, as STS reports it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The account's number.
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The identity's ARN.
    pub arn: String,
}

impl crate::engine::Cloud for Clients {
    const NAME: &'static str = "AWS";
}

impl Clients {
    /// Reads the configuration (environment, profile, SSO, container, instance) and makes the clients. Calls nothing.
    ///
    /// # Errors
    /// Fails when the profile does not exist, or the endpoint is not a URL.
    pub async fn connect(options: &Options, services: Services, region: &str) -> Result<Clients> {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let profiles = Profiles::read(&env);
        // Keys in the environment win over AWS_PROFILE, and `--profile` wins over both.
        let by_env = || env("AWS_PROFILE").filter(|_| env("AWS_ACCESS_KEY_ID").is_none() && options.credentials.is_none());
        let profile = options.profile.clone().or_else(by_env);
        if let Some(name) =
            profile.as_ref().filter(|name| !profiles.has(name) && (options.profile.is_some() || *name != "default"))
        {
            let whence = if options.profile.is_some() { "" } else { ", which AWS_PROFILE names" };
            return Err(Error::new(Class::Credentials, format!("there is no profile `{name}`{whence}")).hint(profiles.said()));
        }
        for (url, whence) in [(&options.endpoint_url, "`--endpoint-url`"), (&env("AWS_ENDPOINT_URL"), "AWS_ENDPOINT_URL")] {
            if let Some(Err(why)) = url.as_deref().map(endpoint) {
                let url = url.as_deref().unwrap_or_default();
                return Err(Error::new(Class::Invalid, format!("`{url}` from {whence} is not an endpoint URL: {why}")));
            }
        }
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let (fence, reach) = (Arc::new(Fence::default()), Reach::default());
        let http = paced(
            http,
            Way { fence: fence.clone(), reach: reach.clone(), endpoint: options.endpoint_url.clone() },
            services.rates,
        );
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http.clone())
            .region(Region::new(region.to_owned()))
            // A call that the rate limit delays sends nothing, which is not a stalled upload.
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().upload_enabled(false).build())
            .retry_config(RetryConfig::standard().with_max_attempts(8))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(5))
                    // With the rate limit's delay, which is minutes where a thousand objects are read at ten a second, and the rest of an
                    // answer that has begun. Sending has 30 s of its own.
                    .operation_attempt_timeout(Duration::from_secs(900))
                    .operation_timeout(Duration::from_secs(1800))
                    .build(),
            );
        if let Some(name) = &options.profile {
            // The SDK by itself would prefer the environment.
            let way = ProviderConfig::without_region().with_region(Some(Region::new(region.to_owned()))).with_http_client(http);
            let credentials = ProfileFileCredentialsProvider::builder().configure(&way).profile_name(name).build();
            loader = loader.profile_name(name).credentials_provider(credentials);
        }
        if let Some(url) = &options.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some((key, secret)) = &options.credentials {
            loader = loader.credentials_provider(aws_credential_types::Credentials::new(key, secret, None, None, "command line"));
        }
        let mut config = loader.load().await;
        if let Some(role) = &options.role {
            let provider = AssumeRoleProvider::builder(&role.arn).session_name(SESSION).region(Region::new(role.region.clone()));
            let provider = provider.configure(&config).build().await;
            config = config.to_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build();
        }
        if let Some(url) = config.endpoint_url() {
            let wrong = |why| {
                Error::new(Class::Invalid, format!("`{url}` is not an endpoint URL: {why}"))
                    .hint("it comes from `endpoint_url` of the profile")
            };
            endpoint(url).map_err(wrong)?;
        }
        let wants_mfa = profile.as_ref().is_some_and(|name| profiles.wants_mfa(name));
        let clients = Clients::from_config(&config, region, fence);
        let indexed = services.indexed;
        let role = options.role.as_ref().map(|role| role.arn.clone());
        let (history_bucket, wants) = (options.history_bucket.clone(), options.wants.clone());
        Ok(Clients { role, reach, indexed, profile, history_bucket, wants, wants_mfa, ..clients })
    }

    /// Returns RDS in a region: that of the stack, or another one with data that a database begins with.
    pub fn rds_in(&self, region: &str) -> aws_sdk_rds::Client {
        if region == self.region {
            return self.rds.clone();
        }
        let config = self.rds.config().to_builder().region(Region::new(region.to_owned())).build();
        aws_sdk_rds::Client::from_conf(config)
    }

    /// Returns Secrets Manager in a region: that of the stack, or another one with copies.
    pub fn secrets_in(&self, region: &str) -> aws_sdk_secretsmanager::Client {
        if region == self.region {
            return self.secrets.clone();
        }
        let config = self.secrets.config().to_builder().region(Region::new(region.to_owned())).build();
        aws_sdk_secretsmanager::Client::from_conf(config)
    }

    /// Returns KMS in a region: that of the stack, or another one with copies.
    pub fn kms_in(&self, region: &str) -> aws_sdk_kms::Client {
        if region == self.region {
            return self.kms.clone();
        }
        aws_sdk_kms::Client::from_conf(self.kms.config().to_builder().region(Region::new(region.to_owned())).build())
    }

    /// Returns ECR in a region: that of the stack, or another one with an image.
    pub fn ecr_in(&self, region: &str) -> aws_sdk_ecr::Client {
        if region == self.region {
            return self.ecr.clone();
        }
        aws_sdk_ecr::Client::from_conf(self.ecr.config().to_builder().region(Region::new(region.to_owned())).build())
    }

    /// Returns IAM Identity Center in its region.
    pub fn sso_in(&self, region: &str) -> aws_sdk_ssoadmin::Client {
        if region == self.region {
            return self.sso.clone();
        }
        aws_sdk_ssoadmin::Client::from_conf(self.sso.config().to_builder().region(Region::new(region.to_owned())).build())
    }

    /// Returns the identity store in the region of IAM Identity Center.
    pub fn identitystore_in(&self, region: &str) -> aws_sdk_identitystore::Client {
        if region == self.region {
            return self.identitystore.clone();
        }
        let config = self.identitystore.config().to_builder().region(Region::new(region.to_owned())).build();
        aws_sdk_identitystore::Client::from_conf(config)
    }

    /// Returns AWS Backup in a region: that of the stack, or another one with a vault of copies.
    pub fn backup_in(&self, region: &str) -> aws_sdk_backup::Client {
        if region == self.region {
            return self.backup.clone();
        }
        let config = self.backup.config().to_builder().region(Region::new(region.to_owned())).build();
        aws_sdk_backup::Client::from_conf(config)
    }

    /// Returns the place where STS is asked for the identity, for messages.
    pub fn place(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| format!("sts.{}.amazonaws.com", self.region))
    }

    /// Asks STS for the identity. It is the first call of every command, so bad credentials show here.
    ///
    /// # Errors
    /// Fails when STS cannot be reached, or refuses.
    pub async fn identity(&self) -> Result<Identity> {
        const OP: &str = "sts:GetCallerIdentity";
        let asked = async { self.sts.get_caller_identity().send().await.map_err(failed(OP)) };
        let answer = tokio::select! {
            answer = asked => answer.map_err(|error| match error.class {
                Class::Ambiguous => self.unreachable(&error.message),
                Class::Credentials if self.wants_mfa => self.wants_code(error),
                Class::Credentials => self.unassumed(error),
                _ => error,
            })?,
            why = self.hopeless() => return Err(self.unreachable(&why)),
        };
        let arn = answer.arn.ok_or_else(|| incomplete(OP, "an ARN"))?;
        let account = answer.account.ok_or_else(|| incomplete(OP, "an account"))?;
        let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
        Ok(Identity { account, partition, arn })
    }

    /// Returns why nothing will answer, once that is certain: what refuses connections or has no address stays so.
    async fn hopeless(&self) -> String {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            // Not the hosts that were asked for credentials before: on most machines they do not exist.
            let sts = |of: &str| of == "STS" || of.starts_with("sts.");
            let silence = self.reach.silence_of(sts).filter(|silence| silence.tries >= 2);
            if let Some(why) = silence.and_then(|silence| silence.why).filter(|why| why == REFUSED || why == NO_HOST) {
                return why;
            }
        }
    }

    fn unreachable(&self, why: &str) -> Error {
        let error = Error::new(Class::Unreachable, format!("AWS cannot be reached at {}: {why}", self.place()));
        match (&self.endpoint, why) {
            (Some(_), _) => error.hint("check the address, and whether a server listens there. It comes from `--endpoint-url`, AWS_ENDPOINT_URL or the profile; without one, calls go to AWS"),
            (None, NO_HOST) => error.hint(format!("check that the region `{}` exists and that this machine can reach the internet", self.region)),
            _ => error.hint("check the network, the proxy and the region; `--local` uses an AWS on this machine"),
        }
    }

    /// Names the role that could not be assumed, if one was to be.
    fn unassumed(&self, error: Error) -> Error {
        let Some(role) = &self.role else { return error };
        let message = format!("the role `{role}` cannot be assumed: {}", error.message);
        let step = "its trust policy must name your identity, and you need `sts:AssumeRole` on it".to_owned();
        Error { message, hints: vec![step], ..error }
    }

    fn wants_code(&self, error: Error) -> Error {
        let name = self.profile.as_deref().unwrap_or("default");
        let said = format!("the profile `{name}` needs an MFA code, which `stack` cannot ask for: {}", error.message);
        let step = format!(
            "start a session first: eval \"$(aws configure export-credentials --profile {name} --format env)\"; then run this without `--profile`"
        );
        Error { message: said, hints: vec![step], ..error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_a_scheme_a_host_and_perhaps_a_port() {
        for right in ["http://127.0.0.1:8080", "https://aws.example.com", "http://[::1]:8080/", "https://h/path?x"] {
            assert_eq!(endpoint(right), Ok(()), "{right}");
        }
        for wrong in [
            "",
            "foo",
            "localhost:8080",
            "ftp://x",
            "http://",
            "http://:80",
            "http://a b",
            "http://h:port",
            "http://h:99999",
            "http://h/a b",
            "http://{x}",
        ] {
            assert!(endpoint(wrong).is_err(), "{wrong}");
        }
    }
}
