//! Records for the names under which the application answers, in the zone in which their certificate is validated.

use std::collections::BTreeSet;

use super::certificates::Certificates;
use super::facts::Facts;
use super::load_balancer::Balancer;
use crate::aws::Tags;
use crate::aws::acm::Certificate;
use crate::aws::cloudfront::{Distribution, ZONE};
use crate::aws::route53::{HealthCheck, Record, Routing, record_name};
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
    /// The health check, or empty; none where there is nothing to choose between.
    health_check: Option<String>,
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

/// Adds the health check of the region's load balancer, if the file asks for one and the region serves. It asks under the load balancer's own
/// name: the application's would lead the checkers to whichever region serves. Its name has the interval in it, which cannot be changed, and
/// the path, which could be wrong: another one is another health check, which must be healthy before the records change and the old one is
/// deleted.
fn health_check(
    graph: &mut Graph,
    stack: &Stack,
    balancer: &Balancer,
    facts: &Facts<'_>,
) -> Result<Option<Ref<HealthCheck>>, Error> {
    let recovery = stack.recovery.as_ref().filter(|recovery| recovery.region != facts.scope.region && recovery.mode.serves());
    let second = stack.second.as_ref().filter(|second| second.mode.serves());
    let of_second = second.and_then(|second| second.health_check.as_ref());
    let Some(section) = of_second.or_else(|| recovery.and_then(|recovery| recovery.health_check.as_ref())) else {
        return Ok(None);
    };
    let interval = i32::try_from(section.interval.as_secs()).unwrap_or(i32::MAX);
    let check = HealthCheck {
        r#type: "HTTPS".into(),
        domain: balancer.balancer.clone().attr("dns_name").to_string(),
        port: None,
        path: section.path.clone(),
        interval,
        unhealthy: i32::from(section.unhealthy),
        enabled: Some(true),
        tags: Tags::new(),
    };
    graph.add(name_of(interval, &section.path), "recovery.health_check", &check).map(Some)
}

/// Returns the name of a health check: `main-30s-health`. Paths that differ in other characters than letters and digits have the same one.
fn name_of(interval: i32, path: &str) -> String {
    // A reference has 64 characters (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHealthCheck.html>).
    const MOST: usize = 20;
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    let name = format!("main-{interval}s-{}", &slug[..slug.len().min(MOST)]);
    name.trim_end_matches('-').to_owned()
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
            let target = Target {
                domain,
                zone: ZONE.into(),
                types: &["A", "AAAA"],
                origin: "cdn.aliases",
                certificates,
                routing,
                health_check: None,
            };
            records(graph, section_of(certificate), &cdn.aliases, &target, facts)
        }
        (None, _, Some(balancer)) => {
            let section = stack.load_balancer.clone().unwrap_or_default();
            let Some(certificate) = section.certificate.as_deref().filter(|_| section.dns) else { return Ok(()) };
            let Some(own) = section_of(certificate) else { return Ok(()) };
            let names: Vec<String> = std::iter::once(&own.domain).chain(&own.names).cloned().collect();
            let attr = |attr| balancer.balancer.clone().attr(attr);
            if super::certificates::zone(facts, own).is_none() {
                return Ok(());
            }
            let routing = routing(stack, facts);
            let health_check = health_check(graph, stack, balancer, facts)?.map(|check| check.to_string());
            // It has IPv4 alone.
            let target = Target {
                domain: attr("dns_name").ready().to_string(),
                zone: attr("zone_id").to_string(),
                types: &["A"],
                origin: "load_balancer.certificate",
                certificates: certificates.regional_objects(certificate),
                routing,
                health_check: (routing != Routing::Simple).then(|| health_check.unwrap_or_default()),
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
                health_check: target.health_check.clone(),
            };
            graph.add(record_name(&name, kind), target.origin, &record)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::blueprint::tests::graph;

    fn records(recovery: &Value) -> (Vec<String>, Vec<Value>) {
        let graph = graph(&json!({"stack": "a", "region": "eu-west-1",
            "certificates": {"site": {"domain": "shop.example.com", "zone": "Z0123456789ABCDEFGHIJ"}},
            "load_balancer": {"certificate": "certificates.site"},
            "services": {"web": {"image": "i", "port": 80, "routes": ["/*"]}},
            "recovery": recovery}));
        let of = |kind: &'static str| graph.nodes().filter(move |node| node.key.kind == kind);
        let checks = of("route53.health_check").map(|node| node.key.name.clone()).collect();
        (checks, of("route53.record").map(|node| node.desired["health_check"].clone()).collect())
    }

    #[test]
    fn another_path_is_another_health_check() {
        let names =
            ["/", "/health", "/api/v1/Health?deep=1", "/an-endpoint-of-twenty-and-more"].map(|path| super::name_of(30, path));
        assert_eq!(names, ["main-30s", "main-30s-health", "main-30s-api-v1-health-deep-1", "main-30s-an-endpoint-of-twent"]);
    }

    #[test]
    fn a_record_has_the_health_check_of_its_region() {
        let of = |mode: &str, interval: &str| {
            records(&json!({"region": "eu-central-1", "mode": mode, "rpo": "5m", "rto": "1h",
                "health_check": {"path": "/health", "interval": interval}}))
        };
        for (interval, name) in [("30s", "main-30s-health"), ("10s", "main-10s-health")] {
            let reference = json!(format!("${{route53.health_check/{name}}}"));
            assert_eq!(of("warm_standby", interval), (vec![name.to_owned()], vec![reference.clone()]));
            assert_eq!(of("active_active", interval), (vec![name.to_owned()], vec![reference]));
        }
        let without = json!({"region": "eu-central-1", "mode": "warm_standby", "rpo": "5m", "rto": "1h"});
        assert_eq!(records(&without), (Vec::new(), vec![json!("")]), "one that someone added is removed");
        let backup = json!({"region": "eu-central-1", "rpo": "5m", "rto": "1h"});
        assert_eq!(records(&backup), (Vec::new(), vec![Value::Null]), "there is nothing to choose between");
    }
}
