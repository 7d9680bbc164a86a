//! Records for the names under which the application answers, in the zone in which their certificate is validated.

use std::collections::BTreeSet;

use super::certificates::Certificates;
use super::facts::Facts;
use super::load_balancer::Balancer;
use crate::aws::acm::Certificate;
use crate::aws::cloudfront::{Distribution, ZONE};
use crate::aws::route53::{Record, Routing, record_name};
use crate::config::Stack;
use crate::config::encryption::CertificateSection;
use crate::config::recovery::{Mode, Recovery, Second};
use crate::engine::{Error, Graph, Ref};

/// What names lead to.
struct Target {
    domain: String,
    zone: String,
    types: &'static [&'static str],
    origin: &'static str,
    /// What proves the names: records lead only to what has them.
    certificates: Vec<Ref<Certificate>>,
    routing: Routing,
}

/// Returns how names lead to a load balancer of this stack, where one in another region has the same names.
fn routing(stack: &Stack, facts: &Facts<'_>) -> Routing {
    let recovery = stack.recovery.as_ref().filter(|recovery| recovery.region != facts.scope.region);
    match (&stack.second, recovery) {
        (Some(Second { mode: Mode::ActiveActive, .. }), _) | (_, Some(Recovery { mode: Mode::ActiveActive, .. })) => {
            Routing::Latency
        }
        (Some(_), _) => Routing::Secondary,
        (None, Some(recovery)) if recovery.mode.has_standby() => Routing::Primary,
        _ => Routing::Simple,
    }
}

/// Adds the records. Only a certificate of this stack names a zone; with another owner's certificate DNS is elsewhere.
pub fn expand(
    graph: &mut Graph,
    stack: &Stack,
    certificates: &Certificates,
    balancer: Option<&Balancer>,
    distribution: Option<&Ref<Distribution>>,
    facts: &Facts<'_>,
) -> Result<(), Error> {
    let section_of = |certificate: &str| certificate.strip_prefix("certificates.").and_then(|name| stack.certificates.get(name));
    match (&stack.cdn, distribution, balancer) {
        (Some(cdn), Some(distribution), _) => {
            let Some(certificate) = cdn.certificate.as_deref().filter(|_| cdn.dns) else { return Ok(()) };
            // It has IPv6, and answers only once it is deployed.
            let domain = distribution.clone().attr("domain").ready().to_string();
            let certificates = certificates.global_objects(certificate);
            let routing = Routing::Simple;
            let target =
                Target { domain, zone: ZONE.into(), types: &["A", "AAAA"], origin: "cdn.aliases", certificates, routing };
            records(graph, section_of(certificate), &cdn.aliases, &target, facts)
        }
        (None, _, Some(balancer)) => {
            let section = stack.load_balancer.clone().unwrap_or_default();
            let Some(certificate) = section.certificate.as_deref().filter(|_| section.dns) else { return Ok(()) };
            let Some(own) = section_of(certificate) else { return Ok(()) };
            let names: Vec<String> = std::iter::once(&own.domain).chain(&own.names).cloned().collect();
            let attr = |attr| balancer.balancer.clone().attr(attr);
            // It has IPv4 alone.
            let target = Target {
                domain: attr("dns_name").ready().to_string(),
                zone: attr("zone_id").to_string(),
                types: &["A"],
                origin: "load_balancer.certificate",
                certificates: certificates.regional_objects(certificate),
                routing: routing(stack, facts),
            };
            records(graph, Some(own), &names, &target, facts)
        }
        _ => Ok(()),
    }
}

fn records(
    graph: &mut Graph,
    certificate: Option<&CertificateSection>,
    names: &[String],
    target: &Target,
    facts: &Facts<'_>,
) -> Result<(), Error> {
    let Some(zone) = certificate.and_then(|section| super::certificates::zone(facts, section)) else { return Ok(()) };
    // A pattern matches whatever is asked for; no record can lead there.
    let names: BTreeSet<String> =
        names.iter().filter(|name| !name.starts_with('*')).map(|name| name.to_ascii_lowercase()).collect();
    for name in names {
        for kind in target.types {
            let record = Record {
                zone: zone.clone(),
                name: name.clone(),
                r#type: (*kind).to_owned(),
                target: target.domain.clone(),
                target_zone: target.zone.clone(),
                certificates: target.certificates.clone(),
                routing: Some(target.routing),
            };
            graph.add(record_name(&name, kind), target.origin, &record)?;
        }
    }
    Ok(())
}
