//! Checks of certificates: that they exist, are issued, do not expire soon, and cover the names that they are used for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, CertificateType};
use aws_smithy_types::date_time::Format;
use futures::future::try_join_all;
use serde_json::Value;

use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::call::error::{failed, incomplete};
use crate::aws::finding::{Certainty, Finding, fields, is_new, listed, physical, referred};
use crate::aws::ownership::global::region_of;
use crate::aws::wing::Check;
use crate::aws::{Cx, acm};
use crate::engine::{Class, Item, Key, Plan, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    vec![("certificates", Box::pin(check(cx, plan)))]
}

/// A certificate that expires within this time is reported.
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// A use of a certificate: by which object, in which region, and for which names.
struct Use<'a> {
    by: &'a Key,
    region: &'a str,
    names: Vec<&'a str>,
}

/// Returns the ARNs of ACM certificates in a field: as they are written, or as what they refer to.
fn arns(value: &Value) -> Vec<String> {
    let mut found = physical(value);
    found.extend(value.as_str().map(str::to_owned));
    found.retain(|arn| arn.starts_with("arn:") && arn.split(':').nth(2) == Some("acm"));
    found
}

/// Checks the certificates of the listeners and distributions that the plan creates or gives another one
/// (<https://docs.aws.amazon.com/acm/latest/APIReference/API_DescribeCertificate.html>). For the stack's own certificates the
/// plan knows the names, and their issue is waited for.
async fn check(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let mut others: BTreeMap<String, Vec<Use<'_>>> = BTreeMap::new();
    for item in &plan.items {
        let Some((field, place)) = served_with(cx, item) else { continue };
        let names: Vec<&str> = fields(item)
            .and_then(|f| f.get("aliases"))
            .and_then(Value::as_array)
            .map_or(Vec::new(), |all| all.iter().filter_map(Value::as_str).collect());
        if let Some(own) = referred(plan, Some(field)) {
            let domains = fields(own).map(domains).unwrap_or_default();
            found.extend(uncovered(&item.key, &format!("`{}`", own.key), &domains, &names));
        }
        for arn in arns(field) {
            others.entry(arn).or_default().push(Use { by: &item.key, region: place, names: names.clone() });
        }
    }
    let asked = try_join_all(others.into_iter().map(|(arn, uses)| one(cx, arn, uses)));
    found.extend(asked.await?.into_iter().flatten());
    Ok(found)
}

/// Returns the certificate of an object that is created or gets another one, and the region where it must be.
fn served_with<'a>(cx: &'a Cx, item: &'a Item) -> Option<(&'a Value, &'a str)> {
    match item.key.kind.as_str() {
        "elbv2.listener" if is_new(item, &["certificate", "protocol"]) => {
            Some((fields(item)?.get("certificate")?, cx.scope.region.as_str()))
        }
        "cloudfront.distribution" if is_new(item, &["certificate", "aliases"]) => {
            Some((fields(item)?.get("certificate")?.get("arn")?, CLOUDFRONT_REGION))
        }
        _ => None,
    }
}

/// Returns the names that a certificate of the stack covers.
fn domains(certificate: &Value) -> Vec<&str> {
    let more = certificate.get("names").and_then(Value::as_array);
    let all = certificate.get("domain").into_iter().chain(more.into_iter().flatten());
    all.filter_map(Value::as_str).collect()
}

fn uncovered(by: &Key, which: &str, domains: &[&str], names: &[&str]) -> Option<Finding> {
    let not: Vec<String> =
        names.iter().filter(|n| !domains.iter().any(|d| acm::covers(d, n))).map(|n| format!("`{n}`")).collect();
    let all: Vec<String> = domains.iter().map(|d| format!("`{d}`")).collect();
    let message = || format!("the certificate {which} covers {}, but not {}", listed(&all), listed(&not));
    (!not.is_empty()).then(|| Finding::refused(by, message(), "use one that covers every alias, or remove the aliases"))
}

async fn one(cx: &Cx, arn: String, uses: Vec<Use<'_>>) -> Result<Vec<Finding>> {
    const OP: &str = "acm:DescribeCertificate";
    let region = region_of(&arn).to_owned();
    let (right, wrong): (Vec<_>, Vec<_>) = uses.into_iter().partition(|used| used.region == region);
    let mut found: Vec<Finding> = wrong
        .iter()
        .map(|used| {
            let message = format!("the certificate `{arn}` is in {region}, but only one in {} can be used here", used.region);
            Finding::refused(used.by, message, format!("request or import one in {}", used.region))
        })
        .collect();
    let Some(first) = right.first() else { return Ok(found) };
    let client = if first.region == cx.scope.region { &cx.cloud.acm } else { &cx.cloud.acm_global };
    let detail = match client.describe_certificate().certificate_arn(&arn).send().await.map_err(failed(OP)) {
        Ok(answer) => answer.certificate.ok_or_else(|| incomplete(OP, "the certificate"))?,
        Err(e) if e.class == Class::NotFound => {
            let gone = |used: &Use<'_>| {
                Finding::refused(
                    used.by,
                    format!("the certificate `{arn}` does not exist"),
                    "fix the ARN, or request a certificate",
                )
            };
            found.extend(right.iter().map(gone));
            return Ok(found);
        }
        Err(e) => return Err(e),
    };
    let domains: BTreeSet<&str> =
        detail.subject_alternative_names().iter().chain(&detail.domain_name).map(String::as_str).collect();
    let domains: Vec<&str> = domains.into_iter().collect();
    for used in &right {
        found.extend(state(used.by, &arn, &detail, SystemTime::now()));
        found.extend(uncovered(used.by, &format!("`{arn}`"), &domains, &used.names));
    }
    Ok(found)
}

/// Returns the problem with the certificate itself.
fn state(by: &Key, arn: &str, detail: &CertificateDetail, now: SystemTime) -> Option<Finding> {
    let status = detail.status()?;
    if *status != CertificateStatus::Issued {
        let why = detail.failure_reason().map_or(String::new(), |reason| format!(" ({})", reason.as_str()));
        let help = match status {
            CertificateStatus::PendingValidation => {
                "create the DNS record that ACM asks for; AWS uses a certificate only once it is issued"
            }
            _ => "request or import another; AWS uses only issued certificates",
        };
        return Some(Finding::refused(by, format!("the certificate `{arn}` is {}{why}", status.as_str()), help));
    }
    let until = detail.not_after()?;
    let left = SystemTime::try_from(*until).ok()?.duration_since(now).unwrap_or_default();
    if left > SOON {
        return None;
    }
    let day = until.fmt(Format::DateTime).ok()?;
    let day = day.split('T').next().unwrap_or(&day);
    let help = match detail.r#type() {
        Some(CertificateType::Imported) => "import its successor: ACM does not renew imported certificates",
        _ => "check that its DNS record still exists: ACM cannot renew it without that",
    };
    let message = format!("the certificate `{arn}` expires on {day}, in {}", crate::aws::states::days(left.as_secs() / 86_400));
    Some(Finding::new(Certainty::Doubtful, message).about(by).help(help))
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::*;
    use crate::aws::acm::covers;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        assert!(covers("example.com", "EXAMPLE.com") && covers("*.example.com", "www.example.com"));
        assert!(covers("*.example.com", "*.example.com") && covers("*.example.com", "*.EXAMPLE.com"));
        assert!(!covers("*.example.com", "example.com") && !covers("*.example.com", "a.b.example.com"));
        assert!(!covers("www.example.com", "*.example.com"));
    }

    #[test]
    fn only_issued_is_accepted_and_expiry_is_warned_of() {
        let key = Key::new("elbv2.listener", "https");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_000_000);
        let detail = |status, days: i64| {
            let end = DateTime::from_secs(1_764_000_000 + days * 86_400);
            CertificateDetail::builder().status(status).not_after(end).r#type(CertificateType::Imported).build()
        };
        let said = |status, days| state(&key, "arn", &detail(status, days), now);
        for status in [CertificateStatus::Expired, CertificateStatus::Revoked, CertificateStatus::PendingValidation] {
            assert_eq!(said(status, 90).unwrap().certainty, Certainty::Refused);
        }
        assert_eq!(said(CertificateStatus::Issued, 90), None);
        let soon = said(CertificateStatus::Issued, 3).unwrap();
        assert_eq!(soon.certainty, Certainty::Doubtful);
        assert_eq!(soon.message, "the certificate `arn` expires on 2025-11-27, in 3 days");
    }
}
