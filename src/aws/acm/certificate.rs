use aws_sdk_acm::types::{CertificateDetail, Tag, ValidationMethod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Seen, TAG_ZONE, certificates, client, client_of, describe, proofs};
use crate::aws::call::error::{failed, incomplete};
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TAG_REGION, TagEdit, Tags};
use crate::aws::spelling::{How, Spelling};
use crate::aws::states::{Means, States};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, cloudfront, elbv2};
use crate::engine::{Blocker, Diff, Error, Observed, Readiness, Resource, Result, Rule, Usual};

/// A certificate that ACM issues once DNS proves that its names belong to the user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The region of the certificate: the load balancer's, or us-east-1 for CloudFront.
    pub region: String,
    /// The main domain name of the certificate.
    pub domain: String,
    /// Further domain names of the certificate. Left out: none.
    #[serde(default)]
    pub names: Vec<String>,
    /// The Route 53 zone in which the validation record is created: its id or its domain. Left out: you create the record
    /// yourself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

impl Live {
    fn of(arn: &str) -> Live {
        Live { id: arn.to_owned(), arn: arn.to_owned() }
    }
}

fn to_sdk(tags: &Tags) -> Result<Vec<Tag>> {
    let tag = |(k, v): (&String, &String)| Tag::builder().key(k).value(v).build();
    tags.iter().map(tag).collect::<Result<_, _>>().map_err(|e| Error::internal(e.to_string()))
}

/// The meanings of AWS's states of a certificate.
pub const STATES: States = States {
    kind: Certificate::KIND,
    source: "https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html",
    words: &[
        ("EXPIRED", Means::Failed),
        ("FAILED", Means::Failed),
        ("INACTIVE", Means::Failed),
        ("ISSUED", Means::Serves),
        ("PENDING_VALIDATION", Means::Asks("it is issued once the record that proves the domain is in its DNS")),
        ("REVOKED", Means::Failed),
        ("VALIDATION_TIMED_OUT", Means::Failed),
    ],
};

/// Returns how far a certificate is. While it waits for a record that `stack` does not create, the words say which record and
/// where.
fn state(detail: &CertificateDetail, zone: Option<&str>) -> Readiness {
    let said = detail.status().map_or("unknown", |s| s.as_str());
    match STATES.read(said, true) {
        Readiness::Waiting { .. } => {
            let mut records: Vec<String> =
                proofs(detail).into_values().map(|p| format!("{} CNAME {}", p.name, p.value)).collect();
            records.sort();
            records.dedup();
            Readiness::waiting(match (zone, records.is_empty()) {
                (_, true) => format!("{said}: ACM has not yet named the record that proves it"),
                (Some(zone), _) => format!("{said}: waiting for ACM to see the record in the zone {zone}"),
                (None, _) => format!("{said}\nadd this to the DNS of the domain: {}", records.join(" and ")),
            })
        }
        Readiness::Failed(_) => Readiness::Failed(match detail.failure_reason() {
            Some(reason) => format!("{said}: {}", reason.as_str()),
            None => said.to_owned(),
        }),
        state => state,
    }
}

fn observed(cx: &Cx, seen: &Seen) -> Option<Observed<Certificate>> {
    let (arn, domain) = (seen.detail.certificate_arn()?, seen.detail.domain_name()?);
    let zone = seen.tags.get(TAG_ZONE).cloned();
    let mut tags = seen.tags.clone();
    tags.retain(|key, _| key != TAG_ZONE && key != TAG_REGION);
    Some(Observed {
        claim: cx.scope.claim(Certificate::KIND, &tags, false),
        live: Live::of(arn),
        state: state(&seen.detail, zone.as_deref()),
        fields: Certificate {
            region: seen.region.clone(),
            domain: domain.to_owned(),
            // ACM counts the domain among them.
            names: seen.detail.subject_alternative_names().iter().filter(|n| *n != domain).cloned().collect(),
            zone,
            tags,
        },
    })
}

impl Resource for Certificate {
    const KIND: &'static str = "acm.certificate";
    const RULES: &'static [Rule] = &[
        Rule::immutable("region"),
        Rule::immutable("domain"),
        Rule::set("names"),
        Rule::immutable("names"),
        // The proofs lie in the old zone until nothing of the old certificate is left.
        Rule::immutable("zone"),
        Rule::owned("tags"),
    ];
    // From the record to the certificate: some minutes on AWS, for people however long they take.
    // ACM itself gives a validation up after 72 hours.
    const USUAL: Usual = Usual::secs(180, 2).at_most_hours(73);
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        Ok(certificates(cx).await?.iter().filter_map(|seen| observed(cx, seen)).collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "acm:RequestCertificate";
        let mut tags = self.tags.clone();
        if let Some(zone) = &self.zone {
            tags.insert(TAG_ZONE.into(), zone.clone());
        }
        if self.region != cx.scope.region {
            tags.insert(TAG_REGION.into(), cx.scope.region.clone());
        }
        let names = Some(self.names.clone()).filter(|names| !names.is_empty());
        let call = client(cx, &self.region).request_certificate().domain_name(&self.domain).set_subject_alternative_names(names);
        let call = call.validation_method(ValidationMethod::Dns).set_tags(Some(to_sdk(&tags)?));
        // ACM remembers a token for an hour, even when its certificate was deleted in the meantime.
        let what = format!("{} {} {:?}", self.region, self.domain, self.names);
        let call = call.idempotency_token(cx.token_for_now(&what));
        let answer = call.send().await.map_err(failed(OP))?;
        Ok(Live::of(&answer.certificate_arn.ok_or_else(|| incomplete(OP, "the certificate's ARN"))?))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let acm = client_of(cx, &live.arn);
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = acm.add_tags_to_certificate().certificate_arn(&live.arn).set_tags(Some(to_sdk(&edit.write)?));
                call.send().await.map_err(failed("acm:AddTagsToCertificate"))?;
            }
            if !edit.remove.is_empty() {
                let keys = edit.remove.iter().map(|key| Tag::builder().key(key).build());
                let keys = keys.collect::<Result<_, _>>().map_err(|e| Error::internal(e.to_string()))?;
                let call = acm.remove_tags_from_certificate().certificate_arn(&live.arn).set_tags(Some(keys));
                call.send().await.map_err(failed("acm:RemoveTagsFromCertificate"))?;
            }
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = client_of(cx, &live.arn).delete_certificate().certificate_arn(&live.arn);
        call.send().await.map_err(failed("acm:DeleteCertificate"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let mut out = Vec::new();
        for arn in describe(cx, &live.arn).await?.in_use_by() {
            out.push(match (elbv2::blocking(cx, arn), arn.split_once(":distribution/")) {
                (Some(balancer), _) => balancer,
                (None, Some((_, id))) => Blocker {
                    what: format!("the distribution {id}"),
                    // Of another account's nothing can be asked.
                    passing: cloudfront::is_ours_or_gone(cx, id).await.unwrap_or(false),
                },
                (None, None) => Blocker { what: arn.clone(), passing: false },
            });
        }
        Ok(out)
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        Ok(state(&describe(cx, &live.arn).await?, self.zone.as_deref()))
    }
}

impl AwsKind for Certificate {
    const MARK: Mark = Mark::History;
    const ACTIONS: Actions = Actions {
        create: &["acm:RequestCertificate", "acm:AddTagsToCertificate"],
        update: &["acm:AddTagsToCertificate", "acm:RemoveTagsFromCertificate"],
        delete: &["acm:DeleteCertificate"],
    };
    const SPELLING: &'static [Spelling] = &[("domain", How::Domain), ("names.*", How::Domain), ("region", How::Lower)];
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("certificates.{name}.arn", "arn")];
}
