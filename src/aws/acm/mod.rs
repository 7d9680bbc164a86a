//! Certificates in AWS Certificate Manager, and the Route 53 records that prove them.

mod certificate;
mod checks;
mod controls;
mod validation;

pub use certificate::{Certificate, STATES};
pub use validation::{Validation, name_of as validation_name};

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_acm::Client;
use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, CertificateSummary, CertificateType, Filters, KeyAlgorithm};
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::aws::Cx;
use crate::aws::call::answers::{answered, present};
use crate::aws::call::error::{failed, incomplete};
use crate::aws::call::rate_limit::{Rates, per_second};
use crate::aws::ownership::tags::{TAG_REGION, Tags, from_pairs};
use crate::aws::ownership::{global, tag_index};
use crate::aws::wing::{KindRow, Wing};
use crate::engine::{Error, Result};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["acm"],
    // <https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html>
    rates: &[Rates {
        asking: per_second(10),
        changing: per_second(5),
        ..Rates::of("ACM", &[(&["ListCertificates"], per_second(8)), (&["DeleteCertificate"], per_second(10))])
    }],
    checks: checks::of,
    controls: controls::CONTROLS,
    later: controls::LATER,
    ..Wing::of(&[KindRow::of::<Certificate>(), KindRow::of::<Validation>()])
};

/// The tag with the zone in which a certificate is proven, which nothing else records.
const TAG_ZONE: &str = "stack:zone";
/// The number of calls at once. ACM allows about ten of them per second.
const AT_ONCE: usize = 5;

/// A certificate of the stack, as it is.
struct Seen {
    region: String,
    detail: CertificateDetail,
    tags: Tags,
}

fn client<'a>(cx: &'a Cx, region: &str) -> &'a Client {
    if region == cx.scope.region { &cx.cloud.acm } else { &cx.cloud.acm_global }
}

/// Returns the client for the region that the ARN names.
fn client_of<'a>(cx: &'a Cx, arn: &str) -> &'a Client {
    client(cx, global::region_of(arn))
}

/// Checks whether ACM issued the certificate, as opposed to an imported one.
fn is_issued(kind: Option<&CertificateType>) -> bool {
    kind.is_none_or(|kind| *kind == CertificateType::AmazonIssued)
}

/// Returns every certificate in a region that ACM has issued or is about to. Without the filter ACM lists only those with RSA
/// 2048.
async fn listed(client: &Client) -> Result<Vec<CertificateSummary>> {
    let keys = [
        KeyAlgorithm::Rsa1024,
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::Rsa3072,
        KeyAlgorithm::Rsa4096,
        KeyAlgorithm::EcPrime256v1,
        KeyAlgorithm::EcSecp384r1,
        KeyAlgorithm::EcSecp521r1,
    ];
    let call = client.list_certificates().includes(Filters::builder().set_key_types(Some(keys.into())).build());
    let pages = call.max_items(1000).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("acm:ListCertificates"))?;
    Ok(all.into_iter().filter(|c| is_issued(c.r#type())).collect())
}

/// Returns the ARNs of certificates in a region that can be the stack's, each with its tags where they are known.
async fn candidates(cx: &Cx, region: &str) -> Result<Vec<(String, Option<Tags>)>> {
    if let Some(known) = tag_index::asked(cx, "acm", region).await {
        let ours = known.iter().filter(|(arn, _)| arn.split(':').nth(2) == Some("acm"));
        return Ok(ours.map(|(arn, tags)| (arn.clone(), Some(tags.clone()))).collect());
    }
    let listed = tag_index::unless_denied(cx, region, "acm", listed(client(cx, region)).await).await?;
    Ok(listed.into_iter().filter_map(|c| Some((c.certificate_arn?, None))).collect())
}

async fn tags_of(client: &Client, arn: &str) -> Result<Tags> {
    let answer = client.list_tags_for_certificate().certificate_arn(arn).send().await;
    let tags = present(answer.map_err(failed("acm:ListTagsForCertificate")).map(|a| a.tags.unwrap_or_default()))?;
    Ok(from_pairs(tags.iter().map(|t| (Some(t.key()), Some(t.value().unwrap_or_default())))))
}

async fn describe(cx: &Cx, arn: &str) -> Result<CertificateDetail> {
    const OP: &str = "acm:DescribeCertificate";
    let answer = client_of(cx, arn).describe_certificate().certificate_arn(arn).send().await.map_err(failed(OP))?;
    answer.certificate.ok_or_else(|| incomplete(OP, "the certificate"))
}

/// Returns the stack's certificates in every region where they can be. ACM lists none by name or tag, so the tags of each
/// certificate that it issued are read: an account has a handful.
async fn certificates(cx: &Cx) -> Result<Arc<Vec<Seen>>> {
    let ask = async {
        let mut out = Vec::new();
        for region in global::regions(&cx.scope) {
            let client = client(cx, region);
            let asked = candidates(cx, region).await?.into_iter().map(|(arn, known)| async move {
                let tags = match known {
                    Some(known) => Ok(known),
                    None => tags_of(client, &arn).await,
                };
                (arn, tags)
            });
            let known = answered(stream::iter(asked).buffer_unordered(AT_ONCE).collect().await)?;
            let asked = known.into_iter().map(|(arn, tags)| async move {
                let here = tags.get(TAG_REGION).is_none_or(|of| *of == cx.scope.region);
                if !cx.scope.owns(&tags) || !here || (region != cx.scope.region && !tags.contains_key(TAG_REGION)) {
                    return Ok::<_, Error>(None);
                }
                let detail = present(describe(cx, &arn).await.map(Some))?;
                let issued = detail.filter(|d| is_issued(d.r#type()));
                Ok(issued.map(|detail| Seen { region: region.to_owned(), detail, tags }))
            });
            let found: Vec<Option<Seen>> = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
            out.extend(found.into_iter().flatten());
        }
        Ok(out)
    };
    cx.reads.once("acm.certificates", ask).await
}

/// A certificate of the stack that is proven in a zone.
pub struct InZone {
    /// Its ARN.
    pub arn: String,
    /// The zone's id.
    pub zone: String,
    /// The names that it covers.
    pub names: Vec<String>,
}

/// Returns the stack's certificates that are proven in zones of this account.
pub async fn in_zones(cx: &Cx) -> Result<Vec<InZone>> {
    let of = |seen: &Seen| {
        let mut names = seen.detail.subject_alternative_names().to_vec();
        names.extend(seen.detail.domain_name.clone().filter(|domain| !names.contains(domain)));
        // The stack's certificates name the zone by its id.
        let zone = seen.tags.get(TAG_ZONE).filter(|zone| !zone.contains('.')).cloned();
        Some(InZone { arn: seen.detail.certificate_arn.clone()?, zone: zone?, names })
    };
    Ok(certificates(cx).await?.iter().filter_map(of).collect())
}

/// Checks whether a certificate for `domain` covers `name`: a wildcard stands for one label.
pub fn covers(domain: &str, name: &str) -> bool {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    same(domain, name) || name.split_once('.').is_some_and(|(_, rest)| domain.starts_with("*.") && same(bare(domain), rest))
}

/// The record that proves a name: its own name and its value. A name and its wildcard have the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Proof {
    name: String,
    value: String,
}

/// Returns the records that a certificate asks for, by domain without `*.`. Empty until ACM knows them, seconds after the
/// request.
fn proofs(detail: &CertificateDetail) -> BTreeMap<String, Proof> {
    let asked = detail.domain_validation_options().iter().filter_map(|option| {
        let record = option.resource_record()?;
        let proof = Proof { name: record.name().to_owned(), value: record.value().to_owned() };
        Some((bare(option.domain_name()).to_owned(), proof))
    });
    asked.collect()
}

/// Returns the domain without `*.`: a wildcard is proven by the same record as its domain.
pub fn bare(domain: &str) -> &str {
    domain.strip_prefix("*.").unwrap_or(domain)
}

/// Checks whether deleting a certificate that is no longer used would matter: whether it could still be issued or renewed.
fn is_alive(status: Option<&CertificateStatus>) -> bool {
    matches!(status, Some(CertificateStatus::PendingValidation | CertificateStatus::Issued) | None)
}
