//! The quotas of an account that grow with the users of a stack.

use serde::Serialize;

use super::number::whole;

/// A quota of the account that grows with its users.
#[derive(Clone, Debug, PartialEq)]
pub struct Quota {
    /// What it counts.
    pub counts: Counts,
    /// The service's code at Service Quotas.
    pub service: &'static str,
    /// The quota's code.
    pub code: &'static str,
    /// What it counts, in the plural.
    pub what: String,
    /// Its value; nothing where AWS does not report it.
    pub most: Option<f64>,
}

/// What a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Virtual processors on demand.
    Processors,
    /// Virtual processors of spare capacity.
    SpotProcessors,
    /// Tasks, of which each has a network interface.
    Tasks,
    /// Tasks behind the load balancer.
    Targets,
}

/// A quota beside what so many users need.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Demand {
    /// The service's code at Service Quotas.
    pub service: &'static str,
    /// The quota's code.
    pub code: &'static str,
    /// What it counts.
    pub what: String,
    /// Its value; nothing where AWS does not report it.
    pub now: Option<f64>,
    /// What this stack needs alone.
    pub needed: f64,
    /// Whether it must be raised.
    pub raise: bool,
}

impl Quota {
    /// Returns it as a limit, in words.
    pub(super) fn limits(&self, most: f64) -> String {
        let most = whole(most as u64);
        match self.counts {
            Counts::Processors => format!("the account may use {most} vCPUs on Fargate"),
            Counts::SpotProcessors => format!("the account may use {most} vCPUs of Fargate Spot"),
            Counts::Tasks => format!("the account may have {most} network interfaces, and each task has one"),
            Counts::Targets => format!("a load balancer takes {most} targets"),
        }
    }

    /// Returns how to get more of it.
    pub(super) fn help(&self) -> String {
        let Quota { service, code, .. } = self;
        format!(
            "request more: `aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} --desired-value N`"
        )
    }
}
