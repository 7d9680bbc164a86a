//! Whether Route 53 counts what a health check asks as healthy, from what its checkers report.

use serde::Serialize;

use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::route53::errors::failed;
use crate::engine::Result;

/// The percentage of checkers beyond which it is healthy: "If more than 18% of health checkers report that an endpoint is healthy, Route 53
/// considers it healthy"
/// (<https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html>).
const ENOUGH: usize = 18;
/// How the report of a checker begins that got a good answer.
const SUCCESS: &str = "Success";

/// What the checkers of a health check report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Whether Route 53 counts it as healthy. Nothing where no checker reports anything: it is new, or does not ask.
    pub healthy: Option<bool>,
    /// The number of checkers.
    pub checkers: usize,
    /// The number of them that report it as healthy.
    pub succeeding: usize,
    /// What one reports that does not.
    pub failure: Option<String>,
}

impl Health {
    fn of(reports: &[&str]) -> Health {
        let succeeding = reports.iter().filter(|report| report.starts_with(SUCCESS)).count();
        Health {
            healthy: (!reports.is_empty()).then(|| succeeding * 100 > reports.len() * ENOUGH),
            checkers: reports.len(),
            succeeding,
            failure: reports.iter().find(|report| !report.starts_with(SUCCESS)).map(|report| (*report).to_owned()),
        }
    }
}

/// Returns what the checkers of a health check report
/// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetHealthCheckStatus.html>).
///
/// # Errors
/// When Route 53 cannot be asked. Of one that does not exist, no checker reports anything.
pub async fn health(cx: &Cx, id: &str) -> Result<Health> {
    let answer = cx.cloud.route53.get_health_check_status().health_check_id(id).send().await;
    let observations = answer.map(|answer| answer.health_check_observations).map_err(failed("route53:GetHealthCheckStatus"));
    let observations = present(observations)?;
    let reports: Vec<&str> = observations.iter().filter_map(|one| one.status_report()?.status()).collect();
    Ok(Health::of(&reports))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_18_percent_are_enough() {
        let of = |good: usize, all: usize| {
            let reports: Vec<&str> = (0..all).map(|n| if n < good { "Success: 200" } else { "Failure: 503" }).collect();
            Health::of(&reports)
        };
        assert_eq!([of(18, 100).healthy, of(19, 100).healthy, of(0, 0).healthy], [Some(false), Some(true), None]);
        assert_eq!((of(3, 16).healthy, of(2, 16).healthy), (Some(true), Some(false)));
        assert_eq!(of(2, 16).failure.as_deref(), Some("Failure: 503"));
        assert_eq!((of(16, 16).failure, of(2, 16).succeeding), (None, 2));
    }
}
