use std::collections::BTreeMap;

use aws_sdk_route53::types::{HealthCheck as Found, HealthCheckConfig, HealthCheckType, Tag, TagResourceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::built;
use super::health_checks::{self, LIVES, Reference};
use crate::aws::call::answers::or_gone;
use crate::aws::call::error::incomplete;
use crate::aws::elbv2::LoadBalancer;
use crate::aws::ownership::global;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::route53::errors::failed;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::tags::TAG_GENERATION;
use crate::engine::{Claim, Diff, Error, Observed, Pause, Readiness, Ref, Resource, Result, Rule, Usual};

/// How the names of load balancers end.
const BALANCER: &str = ".elb.amazonaws.com";

/// A health check of Route 53: its checkers, all over the world, ask a path of an address, and records that have it lead there only while
/// they report it as healthy. A health check has ten tags at most
/// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeTagsForResource.html>): only those of the stack, and none of `tags`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// How it asks: `HTTPS` or `HTTP`. Certificates are not checked. It cannot be changed.
    pub r#type: String,
    /// The domain that it asks, and which its requests have in the header `Host`: the DNS name of a load balancer, say.
    pub domain: String,
    /// The port. Left out: 443 for `HTTPS` and 80 for `HTTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// The path that it asks for: an answer with a status from 200 to 399 is healthy.
    pub path: String,
    /// The seconds between the requests of one checker, 30 or 10. It cannot be changed.
    pub interval: i32,
    /// The number of requests in a row, 1 to 10, after which a checker changes its mind.
    pub unhealthy: i32,
    /// Whether it asks at all: if not, it counts as healthy. Left out: as it is, which is `true` for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The tags of the stack. There is no room for others.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The identifier.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// Whether it has no tags yet, because the run that created it ended before it had written them.
    #[serde(default)]
    #[schemars(skip)]
    pub untagged: bool,
}

impl Live {
    fn new(cx: &Cx, id: &str, untagged: bool) -> Live {
        Live { id: id.to_owned(), arn: health_checks::arn(&cx.scope, id), untagged }
    }
}

/// Returns whose a health check is. What marks it is the reference that it was created with, which nothing changes: so it is found before it
/// has tags, too.
fn claim(cx: &Cx, reference: Option<&Reference>, tags: &Tags, is_here: bool) -> Claim {
    let by_tags = if is_here { cx.scope.claim(HealthCheck::KIND, tags, false) } else { Claim::Foreign };
    match (reference, by_tags) {
        (Some(_), Claim::Ours(name)) => Claim::Ours(name),
        (Some(reference), _) if !tags.keys().any(|key| key.starts_with("stack:")) => Claim::Ours(reference.name.clone()),
        (_, by_tags) => by_tags.unmarked(),
    }
}

/// Returns a health check as it is, unless it is someone else's.
fn observed(cx: &Cx, found: &Found, mut tags: Tags) -> Option<Observed<HealthCheck>> {
    let reference = Reference::read(&cx.scope, found.caller_reference());
    let is_here = global::is_here(&cx.scope, &mut tags);
    let claim = claim(cx, reference.as_ref(), &tags, is_here);
    if claim == Claim::Foreign {
        return None;
    }
    let untagged = !tags.keys().any(|key| key.starts_with("stack:"));
    // By its generation it is told from what it replaces.
    if let Some(reference) = reference.filter(|reference| untagged && reference.generation > 1) {
        tags.insert(TAG_GENERATION.into(), reference.generation.to_string());
    }
    let config = found.health_check_config();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let domain = text(config.and_then(HealthCheckConfig::fully_qualified_domain_name));
    Some(Observed {
        claim,
        live: Live::new(cx, found.id(), untagged),
        fields: HealthCheck {
            r#type: text(config.map(|config| config.r#type().as_str())),
            domain: match domain.ends_with(BALANCER) {
                true => Ref::<LoadBalancer>::physical(domain).attr("dns_name").to_string(),
                false => domain,
            },
            port: config.and_then(HealthCheckConfig::port),
            path: text(config.and_then(HealthCheckConfig::resource_path)),
            interval: config.and_then(HealthCheckConfig::request_interval).unwrap_or_default(),
            unhealthy: config.and_then(HealthCheckConfig::failure_threshold).unwrap_or_default(),
            enabled: config.map(|config| !config.disabled().unwrap_or_default()),
            tags,
        },
        state: Readiness::Ready,
    })
}

/// Writes tags of a health check.
async fn tag(cx: &Cx, id: &str, write: &Tags, remove: Vec<String>) -> Result<()> {
    let to_sdk = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let call = cx.cloud.route53.change_tags_for_resource().resource_type(TagResourceType::Healthcheck).resource_id(id);
    let call = call.set_add_tags(Some(write.iter().map(to_sdk).collect()).filter(|tags: &Vec<_>| !tags.is_empty()));
    let call = call.set_remove_tag_keys(Some(remove).filter(|keys| !keys.is_empty()));
    call.send().await.map(drop).map_err(failed("route53:ChangeTagsForResource"))
}

impl HealthCheck {
    fn port(&self) -> i32 {
        self.port.unwrap_or(if self.r#type == "HTTP" { 80 } else { 443 })
    }

    fn config(&self) -> Result<HealthCheckConfig> {
        let is_https = self.r#type == "HTTPS";
        let config = HealthCheckConfig::builder()
            .r#type(HealthCheckType::from(self.r#type.as_str()))
            .fully_qualified_domain_name(&self.domain)
            .port(self.port())
            .resource_path(&self.path)
            .request_interval(self.interval)
            .failure_threshold(self.unhealthy)
            .disabled(self.enabled == Some(false))
            .set_enable_sni(is_https.then_some(true));
        built(config.build())
    }

    /// Changes the settings that the diff names, if the version is still the one that was read.
    async fn change(&self, cx: &Cx, id: &str, diff: &Diff) -> Result<()> {
        const READ: &str = "route53:GetHealthCheck";
        let answer = cx.cloud.route53.get_health_check().health_check_id(id).send().await.map_err(failed(READ))?;
        let version = answer.health_check.ok_or_else(|| incomplete(READ, "the health check"))?.health_check_version;
        let mut call = cx.cloud.route53.update_health_check().health_check_id(id).health_check_version(version);
        if diff.touches("domain") {
            call = call.fully_qualified_domain_name(&self.domain);
        }
        if diff.touches("port") {
            call = call.port(self.port());
        }
        if diff.touches("path") {
            call = call.resource_path(&self.path);
        }
        if diff.touches("unhealthy") {
            call = call.failure_threshold(self.unhealthy);
        }
        if diff.touches("enabled") {
            call = call.disabled(self.enabled == Some(false));
        }
        call.send().await.map(drop).map_err(failed("route53:UpdateHealthCheck"))
    }
}

impl Resource for HealthCheck {
    const KIND: &'static str = "route53.health_check";
    const RULES: &'static [Rule] = &[
        Rule::immutable("type"),
        Rule::immutable("interval"),
        Rule::takes("domain", &[("elbv2.load_balancer", "dns_name")]),
        Rule::after_create("tags"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(1, 1);
    const FEW_TAGS: bool = true;
    type Cloud = Clients;
    type Live = Live;

    /// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html>.
    fn refused(&self) -> Option<(&'static str, String)> {
        if ![10, 30].contains(&self.interval) {
            return Some(("interval", "Route 53 asks every 10 or every 30 seconds".into()));
        }
        if !(1..=10).contains(&self.unhealthy) {
            return Some(("unhealthy", "it must be a number from 1 to 10".into()));
        }
        if !self.path.starts_with('/') {
            return Some(("path", "it must begin with a slash".into()));
        }
        let has_others = !self.tags.is_empty();
        has_others.then(|| ("tags", "AWS permits a health check ten tags, and the stack needs them: leave out `tags`".into()))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let found = health_checks::own(cx).await?;
        Ok(found.into_iter().filter_map(|(found, tags)| observed(cx, &found, tags)).collect())
    }

    /// Creates it without tags, which the call does not take. Of a reference that is known Route 53 returns the health check, if it has the
    /// same settings, and else an error: so a call that is repeated creates no second one.
    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "route53:CreateHealthCheck";
        let mut known: Option<BTreeMap<String, String>> = None;
        for life in 1..=LIVES {
            let reference = Reference::text(&cx.scope, &cx.key.name, cx.generation, life);
            let call = cx.cloud.route53.create_health_check().caller_reference(&reference).health_check_config(self.config()?);
            match call.send().await.map_err(failed(OP)) {
                Ok(answer) => {
                    let made = answer.health_check.ok_or_else(|| incomplete(OP, "the health check"))?;
                    return Ok(Live::new(cx, made.id(), true));
                }
                Err(e) if e.is("HealthCheckAlreadyExists") => {
                    if known.is_none() {
                        let all = health_checks::listed(&cx.fresh()).await?;
                        known = Some(all.iter().map(|one| (one.caller_reference.clone(), one.id.clone())).collect());
                    }
                    // With other settings, by a call whose answer was lost: what differs is a change. Otherwise it was deleted.
                    if known.as_ref().is_some_and(|known| known.contains_key(&reference)) {
                        return Err(e);
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Err(Error::internal(format!("{LIVES} health checks of this name were created and deleted in the last days")))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches_other_than(&["tags"]) {
            self.change(cx, &live.id, diff).await?;
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            match live.untagged {
                true => tag(cx, &live.id, &global::new_tags(&cx.scope, &self.tags), Vec::new()).await?,
                false => tag(cx, &live.id, &edit.write, edit.remove).await?,
            }
        }
        Ok(Live { untagged: false, ..live.clone() })
    }

    /// Route 53 would delete it while a record has it, too (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteHealthCheck.html>):
    /// the stack's records refer to it, so they are changed or deleted first.
    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let answer = cx.cloud.route53.delete_health_check().health_check_id(&live.id).send().await;
        or_gone(answer.map_err(failed("route53:DeleteHealthCheck")))
    }

    /// While nothing is to answer, it does not ask: Route 53 counts it as healthy then, and its alarm stays quiet.
    fn pause(desired: &mut Value, _why: Pause, _used_by: &[&str]) -> bool {
        desired["enabled"] = false.into();
        true
    }

    fn resume(desired: &mut Value) {
        if desired.get("enabled").is_none_or(Value::is_null) {
            desired["enabled"] = true.into();
        }
    }
}

impl AwsKind for HealthCheck {
    const MARK: Mark = Mark::Text;
    const ACTIONS: Actions = Actions {
        create: &["route53:CreateHealthCheck", "route53:ChangeTagsForResource"],
        update: &["route53:UpdateHealthCheck", "route53:ChangeTagsForResource"],
        delete: &["route53:DeleteHealthCheck"],
    };
    const SPELLING: &'static [Spelling] = &[("type", How::Word(&["HTTP", "HTTPS"])), ("domain", How::Domain)];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(r#type: &str) -> HealthCheck {
        HealthCheck {
            r#type: r#type.into(),
            domain: "web-1.eu-west-1.elb.amazonaws.com".into(),
            port: None,
            path: "/health".into(),
            interval: 30,
            unhealthy: 3,
            enabled: Some(true),
            tags: Tags::new(),
        }
    }

    #[test]
    fn the_request_has_what_the_file_says() {
        let config = check("HTTPS").config().unwrap();
        assert_eq!((config.port(), config.enable_sni(), config.disabled()), (Some(443), Some(true), Some(false)));
        assert_eq!((config.request_interval(), config.failure_threshold()), (Some(30), Some(3)));
        assert_eq!((config.resource_path(), config.ip_address()), (Some("/health"), None));
        let plain = HealthCheck { enabled: Some(false), ..check("HTTP") }.config().unwrap();
        assert_eq!((plain.port(), plain.enable_sni(), plain.disabled()), (Some(80), None, Some(true)));
    }

    #[test]
    fn what_route_53_refuses_is_refused_before() {
        let tagged = HealthCheck { tags: [("team".to_owned(), "web".to_owned())].into(), ..check("HTTPS") };
        let wrong = [
            HealthCheck { interval: 20, ..check("HTTPS") },
            HealthCheck { unhealthy: 11, ..check("HTTPS") },
            HealthCheck { path: "health".into(), ..check("HTTPS") },
            tagged,
        ];
        let fields = wrong.map(|one| one.refused().map(|(field, _)| field));
        assert_eq!(fields, [Some("interval"), Some("unhealthy"), Some("path"), Some("tags")]);
        assert!(check("HTTPS").refused().is_none());
    }
}
