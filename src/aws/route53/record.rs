use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::types::{AliasTarget, Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecordSet, RrType};
use futures::stream::{self, StreamExt, TryStreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::health_checks::look;
use super::{AT_ONCE, HealthCheck, Routing, bare, built, health, leads, said};
use crate::aws::acm::{Certificate, covers, in_zones};
use crate::aws::cloudfront::{Distribution, delivered};
use crate::aws::elbv2::{LoadBalancer, addresses};
use crate::aws::ownership::mark::Mark;
use crate::aws::route53::errors::failed;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Class, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// An alias record: a name in a Route 53 zone that points to a distribution or a load balancer of this stack.
///
/// Records have no tags, and the zone is not the stack's. A record is the stack's when it points to an object of the stack, under
/// a name of a certificate of the stack whose tag names the zone: any other record of that name stays. It is created by a call
/// that fails when the name is taken, and deleted only as long as it still points to the stack. People create such records too:
/// one that no run of the stack created stays.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The zone's id.
    pub zone: String,
    /// The name of the record: `www.example.com`.
    pub name: String,
    /// The type of the record: `A` or `AAAA`.
    pub r#type: String,
    /// The target: the domain of a distribution, or the DNS name of a load balancer.
    pub target: String,
    /// The zone in which AWS keeps the target's own name: its id.
    pub target_zone: String,
    /// The certificates for the name, by which the record is found again. Left out: none.
    #[serde(default)]
    pub certificates: Vec<Ref<Certificate>>,
    /// How it leads there when a load balancer in another region has a record of the same name. Left out: it is the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// The health check without which it does not lead there: its identifier, or empty for none. Left out: as it is, until the record is
    /// changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<String>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// Name and type: `www.example.com A`.
    pub id: String,
    /// The name.
    pub name: String,
    /// The type.
    pub r#type: String,
    /// The zone's id.
    pub zone: String,
    /// The target.
    pub target: String,
    /// The change that is being propagated to Route 53's servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub change: Option<String>,
}

impl Live {
    fn new(zone: &str, name: &str, r#type: &str, target: &str) -> Live {
        let (name, kind) = (bare(name), r#type.to_owned());
        Live { id: format!("{name} {kind}"), name, r#type: kind, zone: zone.to_owned(), target: target.to_owned(), change: None }
    }
}

/// Returns the object's name: there is one record of a type for a name.
pub fn name_of(name: &str, r#type: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' };
    format!("{}-{}", name.chars().map(fits).collect::<String>(), r#type.to_ascii_lowercase())
}

/// Checks whether the record points to this target. AWS's console writes a load balancer's name with a word before it.
pub(super) fn leads_to(record: &ResourceRecordSet, target: &str) -> bool {
    let Some(alias) = record.alias_target() else { return false };
    let (said, target) = (bare(alias.dns_name()), bare(target));
    said == target || said.strip_prefix("dualstack.") == Some(&target)
}

/// Sends one batch, which Route 53 applies completely or not at all, and returns the id of the change in progress.
async fn change(cx: &Cx, zone: &str, changes: Vec<(ChangeAction, ResourceRecordSet)>) -> Result<Option<String>> {
    let changes = changes.into_iter().map(|(action, record)| {
        let change = Change::builder().action(action).resource_record_set(record);
        built(change.build())
    });
    let batch = built(ChangeBatch::builder().set_changes(Some(changes.collect::<Result<_>>()?)).build())?;
    let call = cx.cloud.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    let answer = call.send().await.map_err(failed("route53:ChangeResourceRecordSets"))?;
    Ok(answer.change_info.map(|info| info.id.trim_start_matches("/change/").to_owned()))
}

/// Returns the record as it is in the zone, if it still points where it should.
async fn exactly(cx: &Cx, live: &Live) -> Result<Option<ResourceRecordSet>> {
    let found = match leads(cx, &live.zone, &live.name).await {
        Err(e) if e.class == Class::NotFound || e.is("NoSuchHostedZone") => return Ok(None),
        other => other?,
    };
    Ok(found.into_iter().find(|r| r.r#type.as_str() == live.r#type && leads_to(r, &live.target)))
}

/// Returns the reference to the health check of a record, or nothing.
fn health_check_of(record: &ResourceRecordSet) -> String {
    record.health_check_id().map(|id| Ref::<HealthCheck>::physical(id).to_string()).unwrap_or_default()
}

impl Record {
    fn to_sdk(&self, region: &str) -> Result<ResourceRecordSet> {
        let routing = self.routing.unwrap_or_default();
        // CloudFront has no health to ask for, and a balancer without healthy targets sends people elsewhere only if another region has
        // one.
        let alias = AliasTarget::builder().hosted_zone_id(&self.target_zone).dns_name(&self.target);
        let alias = built(alias.evaluate_target_health(routing != Routing::Simple).build())?;
        let record = ResourceRecordSet::builder().name(&self.name).r#type(RrType::from(self.r#type.as_str()));
        // The target's own health counts besides: both must be healthy
        // (<https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-complex-configs.html>).
        let record = record.set_health_check_id(self.health_check.clone().filter(|id| !id.is_empty()));
        built(routing.write(record.alias_target(alias), region).build())
    }

    fn live(&self, change: Option<String>) -> Live {
        Live { change, ..Live::new(&self.zone, &self.name, &self.r#type, &self.target) }
    }
}

impl Resource for Record {
    const KIND: &'static str = "route53.record";
    const RULES: &'static [Rule] = &[
        Rule::immutable("zone"),
        Rule::immutable("name"),
        Rule::immutable("type"),
        Rule::order_only("certificates"),
        Rule::leads_to("target"),
        Rule::takes("health_check", &[("route53.health_check", "id")]),
        Rule::takes("certificates.*", &[("acm.certificate", "arn")]),
        Rule::takes("target", &[("cloudfront.distribution", "domain"), ("elbv2.load_balancer", "dns_name")]),
        Rule::takes("target_zone", &[("cloudfront.distribution", "zone_id"), ("elbv2.load_balancer", "zone_id")]),
    ];
    const USUAL: Usual = Usual::secs(45, 2);
    const TAGGED: bool = false;
    // So that it gets a health check when that is healthy.
    const STEPWISE: bool = true;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let (certificates, distributions, balancers) = tokio::try_join!(in_zones(cx), delivered(cx), addresses(cx))?;
        // Whatever may be of ours: a name for a certificate, or under its wildcard one that a distribution answers to.
        let mut names: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for certificate in &certificates {
            let exact = certificate.names.iter().filter(|name| !name.starts_with('*'));
            let aliases = distributions
                .iter()
                .flat_map(|(_, aliases)| aliases)
                .filter(|alias| !alias.starts_with('*') && certificate.names.iter().any(|name| covers(name, alias)));
            for name in exact.chain(aliases) {
                let place = (certificate.zone.clone(), bare(name));
                names.entry(place).or_default().insert(certificate.arn.clone());
            }
        }
        if distributions.is_empty() && balancers.is_empty() {
            return Ok(Vec::new());
        }
        let targets: Vec<(String, String)> = distributions
            .iter()
            .map(|(domain, _)| (domain.clone(), Ref::<Distribution>::physical(domain).attr("domain").to_string()))
            .chain(balancers.iter().map(|dns| (dns.clone(), Ref::<LoadBalancer>::physical(dns).attr("dns_name").to_string())))
            .collect();
        let targets = &targets;
        let asked = names.into_iter().map(|((zone, name), arns)| async move {
            let found = match leads(cx, &zone, &name).await {
                Err(e) if e.class == Class::NotFound || e.is("NoSuchHostedZone") => Vec::new(),
                other => other?,
            };
            let ours = found.into_iter().filter_map(|record| {
                let (target, reference) = targets.iter().find(|(target, _)| leads_to(&record, target))?;
                let r#type = record.r#type.as_str();
                Some(Observed {
                    claim: Claim::Ours(name_of(&name, r#type)),
                    live: Live::new(&zone, &name, r#type, target),
                    fields: Record {
                        zone: zone.clone(),
                        name: name.clone(),
                        r#type: r#type.to_owned(),
                        target: reference.clone(),
                        target_zone: record.alias_target().map(|a| a.hosted_zone_id().to_owned()).unwrap_or_default(),
                        certificates: arns.iter().map(|arn| Ref::physical(arn).attr("arn")).collect(),
                        routing: Some(Routing::of(&record)),
                        health_check: Some(health_check_of(&record)),
                    },
                    state: Readiness::Ready,
                })
            });
            Ok::<_, Error>(ours.collect::<Vec<_>>())
        });
        let found: Vec<Vec<Observed<Self>>> = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        match change(cx, &self.zone, vec![(ChangeAction::Create, self.to_sdk(&cx.scope.region)?)]).await {
            Ok(change) => Ok(self.live(change)),
            Err(e) if e.class == Class::Exists => {
                let there: Vec<String> = leads(cx, &self.zone, &self.name).await?.iter().map(said).collect();
                Err(e.hint(format!(
                    "`{}` already has a record that is not this stack's: {}; delete it if the name should point here, or write `dns: false`",
                    self.name,
                    there.join("; ")
                )))
            }
            Err(e) => Err(e),
        }
    }

    /// A health check that fails, because its path is wrong, would lead users away from a region that serves them: a record gets another one
    /// only when Route 53 counts that as healthy, as it counts one that does not ask.
    async fn prepare(&self, cx: &Cx, _live: &Live, diff: &Diff) -> Result<Readiness> {
        let Some(id) = self.health_check.as_deref().filter(|id| !id.is_empty() && diff.touches("health_check")) else {
            return Ok(Readiness::Ready);
        };
        let reported = health(cx, id).await?;
        Ok(match (reported.healthy, reported.failure) {
            (Some(true), _) => Readiness::Ready,
            (Some(false), failure) => Readiness::waiting(format!("the health check fails: {}", failure.unwrap_or_default())),
            (None, _) => {
                let found = look(cx, id).await?;
                match found.and_then(|found| found.health_check_config).is_some_and(|config| config.disabled == Some(true)) {
                    true => Readiness::Ready,
                    false => Readiness::waiting("the health check has no answer yet"),
                }
            }
        })
    }

    async fn update(&self, cx: &Cx, live: &Live, _diff: &Diff) -> Result<Live> {
        let mut changes: Vec<(ChangeAction, ResourceRecordSet)> =
            exactly(cx, live).await?.into_iter().map(|old| (ChangeAction::Delete, old)).collect();
        changes.push((ChangeAction::Create, self.to_sdk(&cx.scope.region)?));
        Ok(self.live(change(cx, &self.zone, changes).await?))
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        // What points elsewhere by now is no longer the stack's.
        let Some(record) = exactly(cx, live).await? else { return Ok(()) };
        change(cx, &live.zone, vec![(ChangeAction::Delete, record)]).await.map(drop)
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let Some(change) = &live.change else { return Ok(Readiness::Ready) };
        let answer = cx.cloud.route53.get_change().id(change).send().await.map_err(failed("route53:GetChange"))?;
        Ok(match answer.change_info.map(|info| info.status) {
            Some(status) if status != ChangeStatus::Insync => Readiness::waiting(status.as_str()),
            _ => Readiness::Ready,
        })
    }
}

impl AwsKind for Record {
    const MARK: Mark = Mark::History;
    const ACTIONS: Actions = Actions {
        create: &["route53:ChangeResourceRecordSets"],
        update: &["route53:ChangeResourceRecordSets"],
        delete: &["route53:ChangeResourceRecordSets"],
    };
    const SPELLING: &'static [Spelling] = &[("name", How::Domain), ("type", How::Word(&["A", "AAAA"]))];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(target: &str) -> Record {
        Record {
            zone: "Z1".into(),
            name: "www.example.com".into(),
            r#type: "AAAA".into(),
            target: target.into(),
            target_zone: "Z2FDTNDATAQYW2".into(),
            certificates: Vec::new(),
            routing: None,
            health_check: None,
        }
    }

    #[test]
    fn a_record_leads_to_us_however_its_target_is_spelled() {
        let record = |target| record(target).to_sdk("eu-west-1").unwrap();
        assert!(leads_to(&record("D111.cloudfront.net."), "d111.cloudfront.net"));
        assert!(leads_to(&record("dualstack.Web-1.eu-west-1.elb.amazonaws.com."), "web-1.eu-west-1.elb.amazonaws.com"));
        assert!(!leads_to(&record("other-web-1.eu-west-1.elb.amazonaws.com."), "web-1.eu-west-1.elb.amazonaws.com"));
        assert_eq!(said(&record("d111.cloudfront.net.")), "AAAA d111.cloudfront.net");
    }

    #[test]
    fn a_health_check_is_in_the_request_and_read_back() {
        let with = |health_check: Option<&str>| {
            let record = Record { health_check: health_check.map(str::to_owned), routing: Some(Routing::Primary), ..record("a") };
            record.to_sdk("eu-west-1").unwrap()
        };
        let sent = with(Some("abc"));
        assert_eq!((sent.health_check_id(), health_check_of(&sent)), (Some("abc"), "${=route53.health_check:abc}".to_owned()));
        assert!(sent.alias_target().is_some_and(AliasTarget::evaluate_target_health));
        for none in [Some(""), None] {
            assert_eq!((with(none).health_check_id(), health_check_of(&with(none))), (None, String::new()));
        }
    }

    #[test]
    fn a_name_and_its_type_are_one_object() {
        assert_eq!(name_of("www.Example.com", "AAAA"), "www_example_com-aaaa");
        assert_ne!(name_of("a-b.example.com", "A"), name_of("a.b.example.com", "A"));
        assert_eq!(record("x").live(None).id, "www.example.com AAAA");
    }
}
