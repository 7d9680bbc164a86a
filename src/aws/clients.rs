//! The clients of every service, from one configuration.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls;

use super::error::{failed, incomplete};
use super::fence::{Fence, Guard};
use super::pace::paced;
use crate::engine::{Class, Error, Result};

/// Where CloudFront looks for certificates.
pub const CLOUDFRONT_REGION: &str = "us-east-1";

/// What the command line says about the way to AWS; what it leaves out comes the usual AWS ways.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A profile of `~/.aws/config`.
    pub profile: Option<String>,
    /// Another endpoint for every service.
    pub endpoint_url: Option<String>,
    /// Fixed credentials: access key and secret.
    pub credentials: Option<(String, String)>,
}

/// A client for each service.
pub struct Clients {
    /// EC2, for everything that may be sent twice.
    pub ec2: aws_sdk_ec2::Client,
    /// EC2, for creates without an idempotency token: never sent twice by the SDK, the engine looks before it tries again.
    pub ec2_once: aws_sdk_ec2::Client,
    /// Elastic Load Balancing v2.
    pub elbv2: aws_sdk_elasticloadbalancingv2::Client,
    /// ECS.
    pub ecs: aws_sdk_ecs::Client,
    /// ECS, for `RegisterTaskDefinition`: every call makes a new revision.
    pub ecs_once: aws_sdk_ecs::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Application Auto Scaling.
    pub autoscaling: aws_sdk_applicationautoscaling::Client,
    /// RDS.
    pub rds: aws_sdk_rds::Client,
    /// ElastiCache.
    pub elasticache: aws_sdk_elasticache::Client,
    /// CloudFront, which has one endpoint for all regions.
    pub cloudfront: aws_sdk_cloudfront::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// S3, outside of the fence: for the lease itself and for history.
    pub s3_free: aws_sdk_s3::Client,
    /// KMS.
    pub kms: aws_sdk_kms::Client,
    /// KMS, for `CreateKey`, which has no idempotency token.
    pub kms_once: aws_sdk_kms::Client,
    /// Certificate Manager in the stack's region: for load balancers.
    pub acm: aws_sdk_acm::Client,
    /// Certificate Manager in us-east-1: for CloudFront.
    pub acm_global: aws_sdk_acm::Client,
    /// Route 53.
    pub route53: aws_sdk_route53::Client,
    /// Cloud Map.
    pub servicediscovery: aws_sdk_servicediscovery::Client,
    /// Elastic Container Registry.
    pub ecr: aws_sdk_ecr::Client,
    /// Secrets Manager.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// Service Quotas.
    pub quotas: aws_sdk_servicequotas::Client,
    /// STS.
    pub sts: aws_sdk_sts::Client,
    /// The index of tags of the stack's region.
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    /// The index of tags of us-east-1, which knows of CloudFront's distributions.
    pub tagging_global: aws_sdk_resourcegroupstagging::Client,
    /// CloudTrail in the stack's region: who did what.
    pub trail: aws_sdk_cloudtrail::Client,
    /// CloudTrail in us-east-1, which knows of IAM and CloudFront.
    pub trail_global: aws_sdk_cloudtrail::Client,
    /// The region that all of them talk to.
    pub region: String,
    /// What every one of them asks before it changes anything.
    pub fence: Arc<Fence>,
}

/// A client of one service that asks the fence.
macro_rules! fenced {
    ($sdk:ident, $config:expr, $guard:expr) => {
        $sdk::Client::from_conf($sdk::config::Builder::from($config).interceptor($guard.clone()).build())
    };
}

/// Who we are, as STS says it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The account's number.
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// Who runs this.
    pub arn: String,
}

impl Clients {
    /// Reads the configuration (environment, profile, SSO, container, instance) and makes the clients. No call is made.
    pub async fn connect(options: &Options, region: &str) -> Clients {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let fence = Arc::new(Fence::default());
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(paced(http, fence.clone()))
            .region(Region::new(region.to_owned()))
            // A call that waits for its turn sends nothing, which is no stalled upload.
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().upload_enabled(false).build())
            .retry_config(RetryConfig::standard().with_max_attempts(8))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(5))
                    // With its turn (`pace`) and the rest of an answer that has begun; the way there has 30 s of its own.
                    .operation_attempt_timeout(Duration::from_secs(90))
                    .operation_timeout(Duration::from_secs(300))
                    .build(),
            );
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = &options.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some((key, secret)) = &options.credentials {
            loader = loader.credentials_provider(aws_credential_types::Credentials::new(key, secret, None, None, "command line"));
        }
        Clients::from_config(&loader.load().await, region, fence)
    }

    fn from_config(config: &SdkConfig, region: &str, fence: Arc<Fence>) -> Clients {
        let once = config.to_builder().retry_config(RetryConfig::disabled()).build();
        let global = config.to_builder().region(Region::new(CLOUDFRONT_REGION)).build();
        // Names of hosts that do not resolve are of no use with another endpoint than AWS's own.
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(config.endpoint_url().is_some());
        let guard = Guard(fence.clone());
        Clients {
            ec2: fenced!(aws_sdk_ec2, config, guard),
            ec2_once: fenced!(aws_sdk_ec2, &once, guard),
            elbv2: fenced!(aws_sdk_elasticloadbalancingv2, config, guard),
            ecs: fenced!(aws_sdk_ecs, config, guard),
            ecs_once: fenced!(aws_sdk_ecs, &once, guard),
            iam: fenced!(aws_sdk_iam, config, guard),
            logs: fenced!(aws_sdk_cloudwatchlogs, config, guard),
            autoscaling: fenced!(aws_sdk_applicationautoscaling, config, guard),
            rds: fenced!(aws_sdk_rds, config, guard),
            elasticache: fenced!(aws_sdk_elasticache, config, guard),
            cloudfront: fenced!(aws_sdk_cloudfront, config, guard),
            s3_free: aws_sdk_s3::Client::from_conf(s3.clone().build()),
            s3: aws_sdk_s3::Client::from_conf(s3.interceptor(guard.clone()).build()),
            kms: fenced!(aws_sdk_kms, config, guard),
            kms_once: fenced!(aws_sdk_kms, &once, guard),
            acm: fenced!(aws_sdk_acm, config, guard),
            acm_global: fenced!(aws_sdk_acm, &global, guard),
            route53: fenced!(aws_sdk_route53, config, guard),
            servicediscovery: fenced!(aws_sdk_servicediscovery, config, guard),
            ecr: fenced!(aws_sdk_ecr, config, guard),
            secrets: fenced!(aws_sdk_secretsmanager, config, guard),
            quotas: fenced!(aws_sdk_servicequotas, config, guard),
            sts: fenced!(aws_sdk_sts, config, guard),
            tagging: fenced!(aws_sdk_resourcegroupstagging, config, guard),
            tagging_global: fenced!(aws_sdk_resourcegroupstagging, &global, guard),
            trail: fenced!(aws_sdk_cloudtrail, config, guard),
            trail_global: fenced!(aws_sdk_cloudtrail, &global, guard),
            region: region.to_owned(),
            fence,
        }
    }

    /// Asks STS who we are. The first call of every command, so it is also where bad credentials show.
    ///
    /// # Errors
    /// When STS cannot be asked, or refuses.
    pub async fn identity(&self) -> Result<Identity> {
        const OP: &str = "sts:GetCallerIdentity";
        let answer = self.sts.get_caller_identity().send().await.map_err(failed(OP)).map_err(|e| match e.class {
            Class::Ambiguous => e.hint("AWS could not be reached: check the network, the region and `--endpoint-url`"),
            _ => e,
        })?;
        let arn = answer.arn.ok_or_else(|| incomplete(OP, "an ARN"))?;
        let account = answer.account.ok_or_else(|| incomplete(OP, "an account"))?;
        let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
        Ok(Identity { account, partition, arn })
    }

    /// The region's availability zones by name, whatever their state: a zone in trouble is still ours.
    ///
    /// # Errors
    /// When EC2 cannot be asked.
    pub async fn zones(&self) -> Result<Vec<String>> {
        let answer = self
            .ec2
            .describe_availability_zones()
            .filters(super::ec2::filter("zone-type", ["availability-zone"]))
            .send()
            .await
            .map_err(failed("ec2:DescribeAvailabilityZones"))?;
        let mut zones: Vec<String> = answer.availability_zones().iter().filter_map(|z| z.zone_name.clone()).collect();
        zones.sort();
        if zones.is_empty() {
            return Err(Error::new(
                Class::Other,
                format!("the region `{}` has no availability zones for this account", self.region),
            ));
        }
        Ok(zones)
    }
}
