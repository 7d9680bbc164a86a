use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Certificate, Proof, TAG_ZONE, bare, certificates, client, describe, is_alive, listed, proofs, tags_of};
use crate::aws::call::arguments::ids;
use crate::aws::ownership::global;
use crate::aws::ownership::mark::Mark;
use crate::aws::route53::errors::failed;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Class, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// The time in seconds for which resolvers cache the record.
const TTL: i64 = 300;

/// The Route 53 record that proves a domain to ACM, now and at every renewal.
///
/// Records have no tags. This one is the stack's when a certificate of the stack asks for exactly it, name and value, and the
/// certificate's tag names the zone. An account has one such record for a domain, whichever certificate asks for it and in
/// whichever region, so it is deleted only when no other certificate in the account asks for it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// The zone: its id or its domain.
    pub zone: String,
    /// The domain that is proven, without `*.`.
    pub domain: String,
    /// The certificates that ask for the record.
    pub certificates: Vec<Ref<Certificate>>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The record's name.
    pub id: String,
    /// The record's value.
    pub value: String,
    /// The zone's id.
    pub zone: String,
    /// The domain that it proves.
    pub domain: String,
}

/// Returns the object's name: there is one record for a domain.
pub fn name_of(domain: &str) -> String {
    bare(domain).chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// Returns a zone's id: the text itself, or the id of the public zone with that domain.
async fn zone_id(cx: &Cx, zone: &str) -> Result<String> {
    const OP: &str = "route53:ListHostedZonesByName";
    if !zone.contains('.') && zone.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) {
        return Ok(zone.to_owned());
    }
    let domain = format!("{}.", zone.trim_end_matches('.').to_ascii_lowercase());
    let answer = cx.cloud.route53.list_hosted_zones_by_name().dns_name(&domain).send().await.map_err(failed(OP))?;
    let public = |z: &&aws_sdk_route53::types::HostedZone| z.name() == domain && !z.config().is_some_and(|c| c.private_zone());
    let ids: Vec<&str> = answer.hosted_zones().iter().filter(public).map(|z| z.id().trim_start_matches("/hostedzone/")).collect();
    match ids[..] {
        [one] => Ok(one.to_owned()),
        [] => Err(Error::new(Class::NotFound, format!("the public hosted zone `{zone}` does not exist in this account"))
            .hint("give the id of the zone, `Z…`, or leave the zone out and create the record where the domain's DNS is")),
        _ => Err(Error::new(
            Class::Invalid,
            format!("this account has {} public hosted zones `{zone}`: {}", ids.len(), ids.join(", ")),
        )
        .hint("give the id of the one that the domain is delegated to")),
    }
}

fn rooted(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.').to_ascii_lowercase())
}

fn record(proof: &Proof) -> Result<ResourceRecordSet> {
    let wrong = |e: aws_sdk_route53::error::BuildError| Error::internal(e.to_string());
    let value = ResourceRecord::builder().value(&proof.value).build().map_err(wrong)?;
    let record = ResourceRecordSet::builder().name(&proof.name).r#type(RrType::Cname).ttl(TTL).resource_records(value);
    record.build().map_err(wrong)
}

async fn change(cx: &Cx, zone: &str, action: ChangeAction, record: ResourceRecordSet) -> Result<()> {
    let wrong = |e: aws_sdk_route53::error::BuildError| Error::internal(e.to_string());
    let change = Change::builder().action(action).resource_record_set(record).build().map_err(wrong)?;
    let batch = ChangeBatch::builder().changes(change).build().map_err(wrong)?;
    let call = cx.cloud.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    call.send().await.map_err(failed("route53:ChangeResourceRecordSets"))?;
    Ok(())
}

/// Returns the record of that name as it is in the zone, if it has the value that is asked for.
async fn written(cx: &Cx, zone: &str, proof: &Proof) -> Result<Option<ResourceRecordSet>> {
    let call = cx.cloud.route53.list_resource_record_sets().hosted_zone_id(zone).max_items(1);
    let call = call.start_record_name(&proof.name).start_record_type(RrType::Cname);
    let answer = match call.send().await.map_err(failed("route53:ListResourceRecordSets")) {
        Err(e) if e.class == Class::NotFound || e.is("NoSuchHostedZone") => return Ok(None),
        other => other?,
    };
    Ok(answer.resource_record_sets.into_iter().find(|r| {
        let says = |v: &ResourceRecord| rooted(v.value()) == rooted(&proof.value);
        rooted(&r.name) == rooted(&proof.name) && r.r#type == RrType::Cname && r.resource_records().iter().any(says)
    }))
}

impl Validation {
    /// Returns the records that the certificates ask for: one, as long as they are in one account.
    async fn proofs(&self, cx: &Cx) -> Result<Vec<Proof>> {
        // ACM knows of the certificate, and thinks of the record, some seconds after the request: the engine asks again.
        let not_yet = || Error::new(Class::NotYet, format!("ACM has not yet named the record that proves `{}`", self.domain));
        let mut out = Vec::new();
        for arn in ids(&self.certificates)? {
            let detail = match describe(cx, &arn).await {
                Err(e) if e.class == Class::NotFound => return Err(not_yet()),
                other => other?,
            };
            let proof = proofs(&detail).remove(&self.domain).ok_or_else(not_yet)?;
            if !out.contains(&proof) {
                out.push(proof);
            }
        }
        Ok(out)
    }

    async fn write(&self, cx: &Cx) -> Result<Live> {
        let (proofs, zone) = tokio::try_join!(self.proofs(cx), zone_id(cx, &self.zone))?;
        for proof in &proofs {
            change(cx, &zone, ChangeAction::Upsert, record(proof)?).await?;
        }
        let Proof { name, value } =
            proofs.into_iter().next().ok_or_else(|| Error::internal("no certificate asks for this record"))?;
        Ok(Live { id: name, value, zone, domain: self.domain.clone() })
    }
}

/// Checks whether a certificate that is not the stack's, in any of the regions where the stack's can be, is proven by the same
/// record.
async fn is_shared(cx: &Cx, domain: &str) -> Result<bool> {
    for region in global::regions(&cx.scope) {
        let client = client(cx, region);
        for other in listed(client).await? {
            let names = other.subject_alternative_name_summaries().iter().chain(&other.domain_name);
            let same = names.map(|n| bare(n)).any(|n| n == domain) && is_alive(other.status());
            if let (true, Some(arn)) = (same, other.certificate_arn())
                && !cx.scope.owns(&tags_of(client, arn).await?)
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

impl Resource for Validation {
    const KIND: &'static str = "acm.validation";
    const RULES: &'static [Rule] = &[Rule::immutable("zone"), Rule::immutable("domain"), Rule::set("certificates")];
    const USUAL: Usual = Usual::secs(2, 2);
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let mut out: Vec<Observed<Self>> = Vec::new();
        for seen in certificates(cx).await?.iter() {
            let (Some(zone), Some(arn)) = (seen.tags.get(TAG_ZONE), seen.detail.certificate_arn()) else { continue };
            let id = match zone_id(cx, zone).await {
                Err(e) if matches!(e.class, Class::NotFound | Class::Invalid) => continue,
                other => other?,
            };
            for (domain, proof) in proofs(&seen.detail) {
                // One record for all of the stack's certificates that have the domain.
                if let Some(known) = out.iter_mut().find(|o| o.live.zone == id && o.live.id == proof.name) {
                    known.fields.certificates.push(Ref::physical(arn));
                } else if written(cx, &id, &proof).await?.is_some() {
                    out.push(Observed {
                        claim: Claim::Ours(name_of(&domain)),
                        live: Live { id: proof.name, value: proof.value, zone: id.clone(), domain: domain.clone() },
                        fields: Validation { zone: zone.clone(), domain, certificates: vec![Ref::physical(arn)] },
                        state: Readiness::Ready,
                    });
                }
            }
        }
        Ok(out)
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        self.write(cx).await
    }

    async fn update(&self, cx: &Cx, _live: &Live, _diff: &Diff) -> Result<Live> {
        self.write(cx).await
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        if is_shared(cx, &live.domain).await? {
            return Ok(());
        }
        let proof = Proof { name: live.id.clone(), value: live.value.clone() };
        // Route 53 deletes only what is given exactly as it is: what was changed since stays.
        let Some(exactly) = written(cx, &live.zone, &proof).await? else { return Ok(()) };
        change(cx, &live.zone, ChangeAction::Delete, exactly).await
    }
}

impl AwsKind for Validation {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["route53:ChangeResourceRecordSets"],
        update: &["route53:ChangeResourceRecordSets"],
        delete: &["route53:ChangeResourceRecordSets"],
    };
    const SPELLING: &'static [Spelling] = &[("domain", How::Domain)];
}
