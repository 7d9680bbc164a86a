//! `certificates`: what encrypts in transit.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Facts, Problem};
use crate::aws::Tags;
use crate::aws::acm::{Certificate, Validation, bare, validation_name};
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::config::Stack;
use crate::config::encryption::CertificateSection;
use crate::engine::{Error, Graph, Ref};

/// The certificates of the stack and those of others that it refers to.
#[derive(Default)]
pub struct Certificates {
    /// In the stack's region, for the load balancer: references to ARNs, by how they are written in the file.
    regional: BTreeMap<String, String>,
    /// In us-east-1, for CloudFront: the same.
    global: BTreeMap<String, String>,
    /// Those of the stack: the object for load balancers, by how it is written in the file.
    regional_own: BTreeMap<String, Ref<Certificate>>,
    /// The same for CloudFront.
    global_own: BTreeMap<String, Ref<Certificate>>,
}

impl Certificates {
    /// Returns the certificate for a load balancer: `certificates.NAME` becomes a reference to its ARN, an ARN stays.
    pub fn regional(&self, text: &str) -> String {
        self.regional.get(text).cloned().unwrap_or_else(|| text.to_owned())
    }

    /// Returns the object of this stack for a load balancer, when it is one.
    pub fn regional_objects(&self, text: &str) -> Vec<Ref<Certificate>> {
        self.regional_own.get(text).map(|it| it.clone().attr("arn")).into_iter().collect()
    }

    /// Returns the object of this stack for CloudFront.
    pub fn global_objects(&self, text: &str) -> Vec<Ref<Certificate>> {
        self.global_own.get(text).map(|it| it.clone().attr("arn")).into_iter().collect()
    }

    /// Returns the ARN of a certificate for CloudFront.
    pub fn global(&self, text: &str) -> String {
        self.global.get(text).cloned().unwrap_or_else(|| text.to_owned())
    }
}

/// Returns the id of the zone: of `existing.zones.NAME` as it was found, or as it is written.
pub(super) fn zone(facts: &Facts<'_>, section: &CertificateSection) -> Option<String> {
    let text = section.zone.as_deref()?;
    let found = text.strip_prefix("existing.zones.").and_then(|name| facts.existing.zones.get(name));
    Some(found.map_or(text, String::as_str).to_owned())
}

/// Returns other owners' certificates that are not where they are needed: a load balancer uses only those of its region,
/// CloudFront only those of us-east-1.
pub fn misplaced(certificates: &Certificates, stack: &Stack, facts: &Facts<'_>) -> Vec<Problem> {
    let balancer = stack.load_balancer.as_ref().and_then(|section| section.certificate.as_ref());
    let cdn = stack.cdn.as_ref().and_then(|section| section.certificate.as_ref());
    let uses = [
        ("load_balancer.certificate", balancer, &certificates.regional, facts.scope.region.as_str(), "a load balancer"),
        ("cdn.certificate", cdn, &certificates.global, CLOUDFRONT_REGION, "CloudFront"),
    ];
    uses.into_iter()
        .filter_map(|(at, text, known, region, who)| {
            let text = text.filter(|t| t.starts_with("existing.certificates.") && !known.contains_key(*t))?;
            Some(Problem {
                at: at.into(),
                code: "wrong-region",
                message: format!("`{text}` is not in `{region}`, and {who} can only use certificates from there"),
                help: format!("request or import one in `{region}`, or let `certificates` request it"),
            })
        })
        .collect()
}

/// What one record proves: the certificates that ask for it, and where in the file the first of them is.
struct Proven {
    certificates: Vec<Ref<Certificate>>,
    origin: String,
}

pub fn expand(graph: &mut Graph, stack: &Stack, facts: &Facts<'_>) -> Result<Certificates, Error> {
    let mut out = Certificates::default();
    // A listener and a distribution serve with a certificate only once it is issued.
    let arn = |certificate: &Ref<Certificate>| certificate.clone().attr("arn").ready().to_string();
    let here = facts.scope.region == CLOUDFRONT_REGION;
    let used = |by: Option<&String>, text: &str| by.is_some_and(|used| used == text);
    let mut proofs: BTreeMap<(String, String), Proven> = BTreeMap::new();
    for (name, section) in &stack.certificates {
        let origin = format!("certificates.{name}");
        let text = origin.clone();
        let zone = zone(facts, section);
        let mut names = section.names.clone();
        names.sort();
        names.dedup();
        let mut add = |graph: &mut Graph, object: String, region: &str| -> Result<Ref<Certificate>, Error> {
            let certificate = Certificate {
                region: region.to_owned(),
                domain: section.domain.clone(),
                names: names.iter().filter(|n| **n != section.domain).cloned().collect(),
                zone: zone.clone(),
                tags: Tags::new(),
            };
            let certificate = graph.add(object, &origin, &certificate)?;
            if let Some(zone) = &zone {
                let domains: BTreeSet<&str> = section.names.iter().chain([&section.domain]).map(|n| bare(n)).collect();
                for domain in domains {
                    let first = || Proven { certificates: Vec::new(), origin: origin.clone() };
                    let proven = proofs.entry((zone.clone(), domain.to_owned())).or_insert_with(first);
                    proven.certificates.push(certificate.clone());
                }
            }
            Ok(certificate)
        };
        let for_cdn = used(stack.cdn.as_ref().and_then(|cdn| cdn.certificate.as_ref()), &text);
        let for_balancer = used(stack.load_balancer.as_ref().and_then(|b| b.certificate.as_ref()), &text);
        // One that only CloudFront uses is made only there; one that nobody uses yet is in the stack's own region.
        if here || for_balancer || !for_cdn {
            let certificate = add(graph, name.to_string(), &facts.scope.region)?;
            out.regional_own.insert(text.clone(), certificate.clone());
            if here {
                out.global_own.insert(text.clone(), certificate.clone());
                out.global.insert(text.clone(), arn(&certificate));
            }
            out.regional.insert(text.clone(), arn(&certificate));
        }
        if for_cdn && !here {
            let certificate = add(graph, format!("{name}-global"), CLOUDFRONT_REGION)?;
            out.global_own.insert(text.clone(), certificate.clone());
            out.global.insert(text, arn(&certificate));
        }
    }
    for ((zone, domain), proven) in proofs {
        let validation = Validation { zone, domain: domain.clone(), certificates: proven.certificates };
        graph.add(validation_name(&domain), &proven.origin, &validation)?;
    }
    for (name, known) in &facts.existing.certificates {
        let text = format!("existing.certificates.{name}");
        out.regional.extend(known.regional.clone().map(|arn| (text.clone(), arn)));
        out.global.extend(known.global.clone().map(|arn| (text, arn)));
    }
    Ok(out)
}
