//! What `stack capacity` compares with beyond the file: the quotas of the account, what production has carried, and what NAT gateways do.

use super::learned;
use super::session::Session;
use super::stop::Result;
use crate::aws::allowed;
use crate::capacity::{Counts, Model, Nat, Quota};
use crate::config::{self, Loaded};
use crate::ui::learned::Learned;

/// The targets of an application load balancer, unless the account's quota was raised
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>).
const MOST_TARGETS: f64 = 1_000.0;
/// The codes of quotas that are known without asking: of targets, and of vCPUs on demand.
const TARGETS: &str = "L-7E6692B2";
const VCPUS: &str = "L-3032A538";
/// The seconds of a month.
const SECONDS: f64 = 730.0 * 3600.0;

/// What AWS has told, where it was asked.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// What production has carried.
    pub learned: Option<Learned>,
    /// The quotas of the account.
    pub quotas: Option<Vec<Quota>>,
}

impl Told {
    /// Asks AWS: for the quotas where `quotas`, and for what was carried in so many days.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn of(session: &Session, loaded: &Loaded, days: Option<u32>, quotas: bool) -> Result<Told> {
        let mut told = Told::default();
        if let Some(days) = days {
            told.learned = Some(learned::of(session, loaded, days, jiff::Timestamp::now().as_second()).await?);
        }
        if quotas {
            let all = session.hear(allowed::of(&session.cx)).await?;
            told.quotas = Some(all.into_iter().filter_map(|one| quota(one.service, one.code, one.what, one.most)).collect());
        }
        Ok(told)
    }

    /// Returns the quotas: as AWS told them, with what was given in place of it; without an answer AWS's default where all accounts begin
    /// with the same.
    pub fn known(&self, fargate_vcpus: Option<u32>) -> Vec<Quota> {
        let default = || quota("elasticloadbalancing", TARGETS, "targets of an Application Load Balancer", Some(MOST_TARGETS));
        let mut all = self.quotas.clone().unwrap_or_else(|| default().into_iter().collect());
        if let Some(given) = fargate_vcpus {
            all.retain(|quota| quota.counts != Counts::Processors);
            all.extend(quota("fargate", VCPUS, "Fargate On-Demand vCPUs", Some(given.into())));
        }
        all
    }

    /// Returns what is assumed of them, in a sentence.
    pub fn assumption(&self, fargate_vcpus: Option<u32>) -> Option<&'static str> {
        match self.quotas {
            Some(_) => Some("The quotas are those of the account; what other stacks use of them is not known."),
            None if fargate_vcpus.is_none() => {
                Some("The account's quotas were not asked for, such as that of vCPUs on Fargate: `--quotas` asks AWS.")
            }
            None => None,
        }
    }
}

/// Returns a quota that grows with users, by its code.
fn quota(service: &'static str, code: &'static str, what: &str, most: Option<f64>) -> Option<Quota> {
    let counts = match code {
        VCPUS => Counts::Processors,
        "L-36FBB829" => Counts::SpotProcessors,
        "L-DF5E4CA3" => Counts::Tasks,
        TARGETS => Counts::Targets,
        _ => return None,
    };
    Some(Quota { counts, service, code, what: what.to_owned(), most })
}

/// Returns the NAT gateways of the file's own network, and what goes through them for each request.
pub fn nat(stack: &config::Stack) -> Nat {
    let gateways = match stack.network.nat {
        _ if stack.share.network.is_some() => 0,
        config::types::Nat::None => 0,
        config::types::Nat::Single => 1,
        config::types::Nat::PerZone => u32::try_from(stack.network.zones.count()).unwrap_or(1),
    };
    let usage = &stack.usage;
    let bits = f64::from(usage.nat.as_gib()) * (1_u64 << 30) as f64 * 8.0 / SECONDS;
    Nat { gateways, bits: if usage.requests > 0.0 { bits / usage.requests } else { 0.0 } }
}

/// Returns what is assumed of NAT gateways, in a sentence.
pub fn nat_assumption(model: &Model) -> String {
    let connections = if model.services.iter().any(|service| service.outgoing.is_some()) {
        "connections to one address are `outgoing_connections_per_task`"
    } else {
        "connections to one address are not compared, because no service says `outgoing_connections_per_task`"
    };
    format!(
        "NAT gateways carry `usage.nat`, which grows with the requests, spread evenly over them and over the month; {connections}. With less \
         than 1,250 bytes a packet, their 10 million packets a second are used up first."
    )
}
