//! DNS names, in Amazon Route 53. The zones are not the stack's, nor is any record in them that does not point to the stack.

mod checks;
mod cost;
pub(in crate::aws) mod errors;
mod health_check;
mod health_checks;
mod health_status;
mod record;
mod routing;

pub use health_check::HealthCheck;
pub use health_checks::{health_checks_of, longest_reference};
pub use health_status::{Health, health};
pub use record::{Record, name_of as record_name};
pub use routing::Routing;

use aws_sdk_route53::types::{ResourceRecordSet, RrType};

use super::Cx;
use crate::aws::call::rate_limit::{Rates, rate};
use crate::aws::route53::errors::failed;
use crate::aws::wing::{KindRow, Wing};
use crate::engine::{Error, Result};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    // <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/throttling-api-requests.html>
    rates: &[Rates {
        asking: rate(50, 10.0),
        together: Some(rate(50, 10.0)),
        ..Rates::of(
            "Route 53",
            &[
                (&["CreateHealthCheck"], rate(50, 0.5)),
                (&["DeleteHealthCheck"], rate(15, 3.0)),
                (&["UpdateHealthCheck"], rate(50, 5.0)),
                (&["GetHealthCheckStatus"], rate(4, 1.0)),
            ],
        )
    }],
    checks: checks::of,
    bill: cost::bill,
    indexed: &[health_checks::INDEXED],
    ..Wing::of(&[KindRow::of::<HealthCheck>(), KindRow::of::<Record>()])
};

/// The number of record sets of one name that are read: more are weighted or geographic ones, all of one type.
const OF_ONE_NAME: i32 = 20;
/// The number of calls at once. Route 53 answers ten calls a second for a whole account.
const AT_ONCE: usize = 3;

/// Reports what the SDK could not build as a defect.
fn built<T>(result: std::result::Result<T, aws_sdk_route53::error::BuildError>) -> Result<T> {
    result.map_err(|e| Error::internal(e.to_string()))
}

/// Returns a name as it is compared: `WWW.example.com.` and `www.example.com` are the same.
fn bare(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Returns the record sets that say where a name points: A, AAAA, CNAME.
///
/// # Errors
/// When Route 53 cannot be asked, or the zone does not exist.
pub async fn leads(cx: &Cx, zone: &str, name: &str) -> Result<Vec<ResourceRecordSet>> {
    let call = cx.cloud.route53.list_resource_record_sets().hosted_zone_id(zone).start_record_name(name);
    let answer = call.max_items(OF_ONE_NAME).send().await.map_err(failed("route53:ListResourceRecordSets"))?;
    let leading = |r: &ResourceRecordSet| matches!(r.r#type, RrType::A | RrType::Aaaa | RrType::Cname);
    Ok(answer.resource_record_sets.into_iter().filter(|r| bare(&r.name) == bare(name) && leading(r)).collect())
}

/// Returns what a record set says, in a line: `CNAME shop.example.net`.
pub fn said(record: &ResourceRecordSet) -> String {
    let values: Vec<&str> = match record.alias_target() {
        Some(alias) => vec![alias.dns_name()],
        None => record.resource_records().iter().map(|r| r.value()).collect(),
    };
    let values: Vec<&str> = values.into_iter().map(|value| value.trim_end_matches('.')).collect();
    format!("{} {}", record.r#type.as_str(), values.join(", "))
}
