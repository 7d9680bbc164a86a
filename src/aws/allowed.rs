//! What an account may use of what grows with the users of a stack: quotas that `stack capacity` compares with.

use super::Cx;
use super::call::error::failed;
use super::quotas::{Quota, values};
use crate::engine::Result;

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>
const VCPUS: Quota = Quota { service: "fargate", code: "L-3032A538", what: "Fargate On-Demand vCPUs" };
const SPOT_VCPUS: Quota = Quota { service: "fargate", code: "L-36FBB829", what: "Fargate Spot vCPUs" };
/// Every task has one (<https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>).
const INTERFACES: Quota = Quota { service: "vpc", code: "L-DF5E4CA3", what: "network interfaces" };
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
const TARGETS: Quota =
    Quota { service: "elasticloadbalancing", code: "L-7E6692B2", what: "targets of an Application Load Balancer" };

/// A quota of the account in a region.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowed {
    /// The service's code at Service Quotas.
    pub service: &'static str,
    /// The quota's code.
    pub code: &'static str,
    /// What it counts, in the plural.
    pub what: &'static str,
    /// How many may be used at once; nothing where AWS does not report it.
    pub most: Option<f64>,
}

fn allowed(quota: Quota, most: Option<f64>) -> Allowed {
    Allowed { service: quota.service, code: quota.code, what: quota.what, most }
}

/// Asks for the account's quotas in its region: Service Quotas by one question for each service, and Elastic Load Balancing, which reports
/// its own.
///
/// # Errors
/// When AWS cannot be asked.
pub async fn of(cx: &Cx) -> Result<Vec<Allowed>> {
    let limits = async { cx.cloud.elbv2.describe_account_limits().send().await.map_err(failed("elbv2:DescribeAccountLimits")) };
    let (fargate, vpc, limits) = tokio::try_join!(
        values(cx, VCPUS.service, &[VCPUS.code, SPOT_VCPUS.code]),
        values(cx, INTERFACES.service, &[INTERFACES.code]),
        limits,
    )?;
    let limit = |name: &str| limits.limits().iter().find(|limit| limit.name() == Some(name))?.max()?.parse::<f64>().ok();
    Ok(vec![
        allowed(VCPUS, fargate.get(VCPUS.code).copied()),
        allowed(SPOT_VCPUS, fargate.get(SPOT_VCPUS.code).copied()),
        allowed(INTERFACES, vpc.get(INTERFACES.code).copied()),
        allowed(TARGETS, limit("targets-per-application-load-balancer")),
    ])
}
