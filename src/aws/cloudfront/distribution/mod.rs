use std::collections::BTreeMap;

use aws_sdk_cloudfront::types::{
    self as sdk, Aliases, CacheBehavior, CacheBehaviors, DistributionConfig, DistributionConfigWithTags, HttpVersion,
    LoggingConfig, Origins, PriceClass, TagKeys,
};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::summaries::{look, may_be_ours, summaries};
use super::viewer_certificate::{TLS, ViewerCertificate};
use super::{Behavior, Origin, built, count, mark, marked, policies, to_sdk};
use crate::aws::acm::Certificate;
use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::cloudfront::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tag_index;
use crate::aws::ownership::tags::{TagEdit, from_pairs};
use crate::aws::s3::Bucket;
use crate::aws::spelling::{How, Spelling};
use crate::aws::states::{Means, States};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Claim, Class, Diff, Effect, Error, Impact, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// The hosted zone of all distributions, for alias records.
pub const ZONE: &str = "Z2FDTNDATAQYW2";
/// The maximum number of earlier, deleted distributions of one name.
const LIVES: u32 = 64;

/// A CloudFront distribution, which serves content from locations all over the world.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Whether it serves requests. Left out: it does.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The domain names that it answers to besides its own. Left out: none.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The certificate for the aliases. Left out: CloudFront's own, for its own domain name.
    #[serde(default)]
    pub certificate: ViewerCertificate,
    /// The origins from which it gets content, by names of your choice.
    pub origins: BTreeMap<String, Origin>,
    /// How requests are handled that match no other behaviour.
    pub default: Behavior,
    /// How requests for certain paths are handled. The first match counts. Left out: as in `default`.
    #[serde(default)]
    pub behaviors: Vec<Behavior>,
    /// The object that is served for `/`. Left out: the origin decides.
    #[serde(default)]
    pub default_root: String,
    /// Where requests are logged. Left out: nowhere.
    #[serde(default)]
    pub logs: Logs,
    /// The regions that CloudFront answers from: `PriceClass_100`, `PriceClass_200` or `PriceClass_All`. More regions cost more.
    /// Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_class: Option<String>,
    /// The newest HTTP versions that viewers can use: `http1.1`, `http2`, `http3` or `http2and3`. Left out: AWS's default for a
    /// new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_version: Option<String>,
    /// Whether it has IPv6 addresses. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<bool>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// Where requests are logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// The bucket for the log files: `NAME.s3.amazonaws.com`. It must accept ACLs. Left out: no log files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// What the names of the log files start with. Left out: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The identifier: `E1A2B3C4D5E6F7`.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// Its own name: `d111111abcdef8.cloudfront.net`.
    pub domain: String,
    /// The hosted zone for alias records.
    pub zone_id: String,
    /// What others changed and no apply reverts, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub noticed: Option<String>,
}

impl Live {
    fn new(id: &str, arn: &str, domain: &str) -> Live {
        Live { id: id.to_owned(), arn: arn.to_owned(), domain: domain.to_owned(), zone_id: ZONE.to_owned(), noticed: None }
    }
}

fn yes() -> bool {
    true
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The meanings of AWS's states of a distribution.
pub const STATES: States = States {
    kind: Distribution::KIND,
    source: "https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_Distribution.html",
    words: &[("Deployed", Means::Serves), ("InProgress", Means::Busy)],
};

pub(super) fn state(status: &str) -> Readiness {
    STATES.read(status, true)
}

/// Returns whose a distribution is. The mark counts like a tag that was removed.
fn claim(cx: &Cx, summary: &sdk::DistributionSummary, tags: &Tags) -> Option<Claim> {
    match cx.scope.claim(Distribution::KIND, tags, true) {
        Claim::Foreign => None,
        // The comment is written at creation, and permission to write tags does not suffice to change it.
        Claim::Ours(name) if marked(&cx.scope, summary.comment()).as_ref() != Some(&name) => Some(Claim::Tagged(name)),
        Claim::Ours(name) => Some(Claim::Ours(name)),
        _ => marked(&cx.scope, summary.comment()).map(Claim::Ours),
    }
}

async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    if let Some(known) = tag_index::global_tags(cx, "cloudfront", arn).await {
        return Ok(known);
    }
    let answer = cx.cloud.cloudfront.list_tags_for_resource().resource(arn).send().await;
    let tags = present(answer.map_err(failed("cloudfront:ListTagsForResource")).map(|a| a.tags))?;
    let items = tags.and_then(|t| t.items).unwrap_or_default();
    Ok(from_pairs(items.iter().map(|t| (Some(t.key()), t.value()))))
}

/// Reads the configuration, and the version that a change of it must name.
pub(super) async fn config_of(cx: &Cx, id: &str) -> Result<(DistributionConfig, String)> {
    const OP: &str = "cloudfront:GetDistributionConfig";
    let answer = cx.cloud.cloudfront.get_distribution_config().id(id).send().await.map_err(failed(OP))?;
    let config = answer.distribution_config.ok_or_else(|| incomplete(OP, "the configuration"))?;
    Ok((config, answer.e_tag.ok_or_else(|| incomplete(OP, "a version"))?))
}

pub(super) async fn put(cx: &Cx, id: &str, config: DistributionConfig, version: String) -> Result<()> {
    let call = cx.cloud.cloudfront.update_distribution().id(id).if_match(version).distribution_config(config);
    call.send().await.map_err(failed("cloudfront:UpdateDistribution"))?;
    Ok(())
}

fn read(config: &DistributionConfig, tags: Tags) -> Distribution {
    let certificate = config.viewer_certificate().filter(|c| c.acm_certificate_arn().is_some());
    let logging = config.logging().filter(|l| l.enabled);
    Distribution {
        enabled: config.enabled,
        aliases: config.aliases().map_or(&[][..], |a| a.items()).to_vec(),
        certificate: ViewerCertificate {
            arn: certificate
                .and_then(|c| c.acm_certificate_arn())
                .map(|arn| Ref::<Certificate>::physical(arn).attr("arn").to_string()),
            minimum_tls: certificate.and_then(|c| c.minimum_protocol_version()).map(|v| v.as_str().to_owned()),
        },
        origins: config.origins().map_or(&[][..], |o| o.items()).iter().map(|o| (o.id().to_owned(), Origin::read(o))).collect(),
        default: config.default_cache_behavior().map_or_else(nothing, Behavior::of_default),
        behaviors: config
            .cache_behaviors()
            .map_or(&[][..], |b| b.items())
            .iter()
            .map(|b| Behavior { path: Some(b.path_pattern().to_owned()), ..Behavior::of_path(b) })
            .collect(),
        default_root: config.default_root_object().unwrap_or_default().to_owned(),
        logs: Logs {
            bucket: logging.map(|l| Ref::<Bucket>::physical(l.bucket()).attr("global_domain").to_string()),
            prefix: logging.and_then(|l| some(l.prefix())),
        },
        price_class: config.price_class().map(|p| p.as_str().to_owned()),
        // Some answers have it in capitals.
        http_version: config.http_version().map(|v| v.as_str().to_lowercase()),
        ipv6: config.is_ipv6_enabled(),
        tags,
    }
}

/// Returns what is set on a distribution and the file cannot describe, in words. Values of headers are left out: they may be
/// secret.
fn put_on(config: &DistributionConfig) -> Option<String> {
    let groups = config.origin_groups().map_or(&[][..], |g| g.items()).iter().map(|g| format!("the origin group `{}`", g.id()));
    let errors = config.custom_error_responses().map_or(&[][..], |e| e.items()).iter();
    let errors = errors.map(|e| format!("a custom response to the error {}", e.error_code()));
    let origins = config.origins().map_or(&[][..], |o| o.items()).iter();
    let headers = origins.flat_map(|origin| {
        let headers = origin.custom_headers().map_or(&[][..], |h| h.items()).iter();
        headers.map(move |h| format!("the header `{}` for the origin `{}`", h.header_name(), origin.id()))
    });
    let all: Vec<String> = groups.chain(errors).chain(headers).collect();
    (!all.is_empty()).then(|| format!("it has settings that the file cannot describe, which stay: {}", all.join(", ")))
}

/// Returns the behaviour of a distribution that reports none.
fn nothing() -> Behavior {
    Behavior {
        path: None,
        origin: String::new(),
        methods: Vec::new(),
        viewer_protocol: String::new(),
        compress: false,
        cache_policy: String::new(),
        origin_request_policy: None,
        response_headers_policy: None,
        functions: BTreeMap::new(),
        lambda_functions: BTreeMap::new(),
    }
}

impl Distribution {
    /// Changes in `config` what `touched` names, and nothing else.
    fn write(&self, config: &mut DistributionConfig, touched: impl Fn(&str) -> bool) -> Result<()> {
        if touched("enabled") {
            config.enabled = self.enabled;
        }
        if touched("aliases") {
            let aliases = Aliases::builder().quantity(count(&self.aliases));
            let aliases = aliases.set_items((!self.aliases.is_empty()).then(|| self.aliases.clone()));
            config.aliases = Some(built(aliases.build())?);
        }
        if touched("certificate") {
            config.viewer_certificate = Some(self.certificate.write());
        }
        if touched("origins") {
            let mut had = config.origins.take().map(|o| o.items).unwrap_or_default();
            let mut wanted = Vec::new();
            for (id, origin) in &self.origins {
                let was = had.iter().position(|o| o.id == *id).map(|at| had.swap_remove(at));
                wanted.push(origin.write(id, was)?);
            }
            config.origins = Some(built(Origins::builder().quantity(count(&wanted)).set_items(Some(wanted)).build())?);
        }
        if touched("default") {
            match &mut config.default_cache_behavior {
                Some(behavior) => self.default.write_default(behavior)?,
                none => *none = Some(self.default.new_default()?),
            }
        }
        if touched("behaviors") {
            let mut had = config.cache_behaviors.take().and_then(|b| b.items).unwrap_or_default();
            let mut wanted: Vec<CacheBehavior> = Vec::new();
            for behavior in &self.behaviors {
                let path = behavior.path.as_deref().unwrap_or("*");
                wanted.push(match had.iter().position(|b| b.path_pattern == path).map(|at| had.swap_remove(at)) {
                    Some(mut was) => {
                        behavior.write_path(&mut was)?;
                        was
                    }
                    None => behavior.new_path(path)?,
                });
            }
            let all = CacheBehaviors::builder().quantity(count(&wanted));
            config.cache_behaviors = Some(built(all.set_items((!wanted.is_empty()).then_some(wanted)).build())?);
        }
        if touched("default_root") {
            config.default_root_object = Some(self.default_root.clone());
        }
        if touched("logs") {
            let bucket = self.logs.bucket.clone().unwrap_or_default();
            let logging = LoggingConfig::builder().enabled(!bucket.is_empty()).include_cookies(false).bucket(bucket);
            config.logging = Some(logging.prefix(self.logs.prefix.clone().unwrap_or_default()).build());
        }
        if let (true, Some(class)) = (touched("price_class"), &self.price_class) {
            config.price_class = Some(PriceClass::from(class.as_str()));
        }
        if let (true, Some(version)) = (touched("http_version"), &self.http_version) {
            config.http_version = Some(HttpVersion::from(version.as_str()));
        }
        if let (true, Some(ipv6)) = (touched("ipv6"), self.ipv6) {
            config.is_ipv6_enabled = Some(ipv6);
        }
        Ok(())
    }

    fn config(&self, cx: &Cx, reference: String) -> Result<DistributionConfig> {
        let bare = DistributionConfig::builder().caller_reference(reference).comment(mark(&cx.scope, &cx.key.name));
        let mut config = built(bare.enabled(self.enabled).build())?;
        self.write(&mut config, |_| true)?;
        Ok(config)
    }
}

/// Checks whether cached answers of an origin are still served although they would come from another origin now.
fn delivers_what_was(desired: &Value, observed: &Value, diff: &Diff) -> bool {
    let behaviors = |of: &Value| -> Vec<Value> {
        std::iter::once(&of["default"]).chain(of["behaviors"].as_array().into_iter().flatten()).cloned().collect()
    };
    let now = behaviors(desired);
    let keeps = |b: &&Value| b["cache_policy"] != policies::CACHING_DISABLED;
    behaviors(observed).iter().filter(keeps).any(|was| {
        let Some(is) = now.iter().find(|b| b["path"] == was["path"]) else { return false };
        let origin = was["origin"].as_str().unwrap_or_default();
        let moved = ["domain", "path"].iter().any(|field| diff.touches(&format!("origins.{origin}.{field}")));
        moved || is["origin"] != was["origin"] || is["cache_policy"] != was["cache_policy"]
    })
}

/// Returns the distribution for which a caller reference was used before: `… Already exists: E1A2B3C4D5E6F7`.
fn earlier(error: &Error) -> Option<&str> {
    let (_, id) = error.message.rsplit_once("Already exists: ")?;
    Some(id.trim().trim_end_matches('.'))
}

impl Resource for Distribution {
    const KIND: &'static str = "cloudfront.distribution";
    const RULES: &'static [Rule] = &[
        Rule::set("aliases"),
        Rule::exact("certificate"),
        Rule::takes("certificate.arn", &[("acm.certificate", "arn")]),
        Rule::takes("origins.*.domain", &[("s3.bucket", "domain"), ("elbv2.load_balancer", "dns_name")]),
        Rule::takes("logs.bucket", &[("s3.bucket", "global_domain")]),
        Rule::exact("origins"),
        Rule::leads_to("origins"),
        Rule::exact("origins.*"),
        Rule::exact("default"),
        Rule::set("default.methods"),
        Rule::exact("default.functions"),
        Rule::exact("default.lambda_functions"),
        Rule::exact("behaviors.*"),
        Rule::set("behaviors.*.methods"),
        Rule::exact("behaviors.*.functions"),
        Rule::exact("behaviors.*.lambda_functions"),
        Rule::exact("logs"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(240, 300).at_most_hours(2);
    const HOLDS_DATA: bool = true;
    type Cloud = Clients;
    type Live = Live;

    /// Returns the effects of a change. Cached answers are served until they expire
    /// (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistS3AndCustomOrigins.html>).
    fn effects(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        let mut out = Vec::new();
        if diff.touches("enabled") && desired["enabled"] == false {
            out.push(Effect::new(Impact::Interrupts, "it stops answering"));
        }
        let oldest = |of: &Value| TLS.iter().position(|set| of["certificate"]["minimum_tls"] == *set);
        if oldest(desired).zip(oldest(observed)).is_some_and(|(to, from)| to > from) {
            out.push(Effect::new(Impact::Interrupts, "viewers that support only an older TLS version can no longer reach it"));
        }
        if delivers_what_was(desired, observed, diff) {
            let words = "cached copies are served until they expire: `stack invalidate` removes them";
            out.push(Effect::new(Impact::Waits, words));
        }
        out
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = summaries(cx).await?;
        let candidates = all.iter().filter(|summary| may_be_ours(cx, summary));
        let found = try_join_all(candidates.map(|summary| async move {
            let tags = tags_of(cx, summary.arn()).await?;
            let Some(claim) = claim(cx, summary, &tags) else { return Ok(None) };
            let config = match config_of(cx, summary.id()).await {
                Err(e) if e.class == Class::NotFound => return Ok(None),
                other => other?.0,
            };
            Ok(Some(Observed {
                claim,
                live: Live { noticed: put_on(&config), ..Live::new(summary.id(), summary.arn(), summary.domain_name()) },
                fields: read(&config, tags),
                state: state(summary.status()),
            }))
        }))
        .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "cloudfront:CreateDistributionWithTags";
        // A reference is used up for ever, even by a distribution that was deleted long ago. The error names it.
        for life in 1..=LIVES {
            let config = self.config(cx, cx.token(&format!("distribution {life}")))?;
            let both = DistributionConfigWithTags::builder().distribution_config(config).tags(to_sdk(&self.tags)?).build();
            let call = cx.cloud.cloudfront.create_distribution_with_tags().distribution_config_with_tags(both);
            match call.send().await.map_err(failed(OP)) {
                Ok(answer) => {
                    let made = answer.distribution.ok_or_else(|| incomplete(OP, "the distribution"))?;
                    return Ok(Live::new(made.id(), made.arn(), made.domain_name()));
                }
                Err(e) if e.is("DistributionAlreadyExists") => {
                    let Some(id) = earlier(&e) else { return Err(e) };
                    // The stack's own, created by a call whose answer was lost.
                    if let Some(made) = look(cx, id).await? {
                        return Ok(Live::new(made.id(), made.arn(), made.domain_name()));
                    }
                }
                Err(e) if e.is("CNAMEAlreadyExists") => {
                    return Err(e.hint(
                        "another distribution, perhaps in another account, uses one of the aliases: remove the alias there first",
                    ));
                }
                Err(e) => return Err(e),
            }
        }
        Err(Error::internal(format!("{LIVES} distributions of this name were created and deleted before")))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches_other_than(&["tags"]) {
            let (mut config, version) = config_of(cx, &live.id).await?;
            self.write(&mut config, |field| diff.touches(field))?;
            config.comment = mark(&cx.scope, &cx.key.name);
            put(cx, &live.id, config, version).await?;
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = cx.cloud.cloudfront.tag_resource().resource(&live.arn).tags(to_sdk(&edit.write)?);
                call.send().await.map_err(failed("cloudfront:TagResource"))?;
            }
            if !edit.remove.is_empty() {
                let keys = TagKeys::builder().set_items(Some(edit.remove)).build();
                let call = cx.cloud.cloudfront.untag_resource().resource(&live.arn).tag_keys(keys);
                call.send().await.map_err(failed("cloudfront:UntagResource"))?;
            }
        }
        Ok(live.clone())
    }

    /// Disables the distribution: CloudFront deletes only one that is disabled everywhere.
    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let (mut config, version) = config_of(cx, &live.id).await?;
        if config.enabled {
            config.enabled = false;
            put(cx, &live.id, config, version).await?;
        }
        Ok(())
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        Ok(look(cx, &live.id).await?.map_or(Readiness::Gone, |d| state(d.status())))
    }

    /// Deletes the distribution once it is disabled everywhere.
    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        const OP: &str = "cloudfront:GetDistribution";
        let answer = cx.cloud.cloudfront.get_distribution().id(&live.id).send().await.map_err(failed(OP))?;
        let version = answer.e_tag.ok_or_else(|| incomplete(OP, "a version"))?;
        let found = answer.distribution.ok_or_else(|| incomplete(OP, "the distribution"))?;
        if found.status() != "Deployed" {
            return Ok(Readiness::waiting(format!("being disabled: {}", found.status())));
        }
        if found.distribution_config().is_some_and(|c| c.enabled) {
            return Ok(Readiness::Failed("it was enabled again while it was being deleted".into()));
        }
        let call = cx.cloud.cloudfront.delete_distribution().id(&live.id).if_match(version);
        match call.send().await.map_err(failed("cloudfront:DeleteDistribution")) {
            Ok(_) => Ok(Readiness::Gone),
            // Not every part of CloudFront knows it yet.
            Err(e) if e.is("DistributionNotDisabled") || e.is("PreconditionFailed") => {
                Ok(Readiness::waiting("disabled, but not everywhere yet"))
            }
            Err(e) => Err(e),
        }
    }
}

/// What happens to requests without TLS.
const VIEWER: How = How::Word(&["allow-all", "https-only", "redirect-to-https"]);
/// The methods of requests.
const METHODS: How = How::Word(&["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]);

impl AwsKind for Distribution {
    const MARK: Mark = Mark::Text;
    const ACTIONS: Actions = Actions {
        create: &["cloudfront:CreateDistribution", "cloudfront:TagResource"],
        update: &["cloudfront:UpdateDistribution", "cloudfront:TagResource", "cloudfront:UntagResource"],
        delete: &["cloudfront:UpdateDistribution", "cloudfront:DeleteDistribution"],
    };
    const SPELLING: &'static [Spelling] = &[
        ("aliases.*", How::Domain),
        ("behaviors.*.methods.*", METHODS),
        ("behaviors.*.viewer_protocol", VIEWER),
        ("default.methods.*", METHODS),
        ("default.viewer_protocol", VIEWER),
        ("http_version", How::Word(&["http1.1", "http2", "http3", "http2and3"])),
        ("origins.*.domain", How::Domain),
        ("origins.*.path", How::NoSlash),
        ("origins.*.protocol", How::Word(&["http-only", "https-only", "match-viewer"])),
        ("price_class", How::Word(&["PriceClass_100", "PriceClass_200", "PriceClass_All"])),
    ];
}

#[cfg(test)]
mod tests;
