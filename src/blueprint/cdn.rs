//! `cdn`: CloudFront in front of the load balancer and of a bucket for static files.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::access_logs;
use super::certificates::Certificates;
use super::facts::Facts;
use super::keys::Keys;
use super::load_balancer::Balancer;
use super::objects::{ASSETS, CDN_LOGS, DISTRIBUTION};
use super::policies::policy as document;
use crate::aws::Tags;
use crate::aws::cloudfront::{Behavior, Distribution, Logs, Origin, OriginAccessControl, ViewerCertificate, policies};
use crate::aws::s3::{Bucket, BucketPolicy, LifecycleRule, Website, regional_domain};
use crate::config::Stack;
use crate::config::cdn::{Cdn, PriceClass, StaticFiles};
use crate::engine::{Error, Graph, Ref};

const ORIGIN: &str = "cdn";
/// What the distribution calls the load balancer as an origin.
const APP: &str = "app";
/// How long old versions of static files are kept, in days.
const OLD_VERSIONS: i32 = 30;
const READ: [&str; 2] = ["GET", "HEAD"];
const ALL: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

pub fn expand(
    graph: &mut Graph,
    stack: &Stack,
    balancer: Option<&Balancer>,
    certificates: &Certificates,
    keys: &Keys,
    facts: &Facts<'_>,
) -> Result<Option<Ref<Distribution>>, Error> {
    let Some(cdn) = &stack.cdn else { return Ok(None) };
    let mut origins = BTreeMap::new();
    if let Some(balancer) = balancer {
        let protocol = if reaches_by_https(stack, cdn) { "https-only" } else { "http-only" };
        let domain = balancer.balancer.clone().attr("dns_name").to_string();
        origins.insert(APP.to_owned(), Origin { domain, protocol: Some(protocol.into()), access_control: None, path: None });
    }
    let mut own = None;
    if let Some(files) = &cdn.assets {
        let (origin, bucket) = assets(graph, stack, files, keys, facts)?;
        origins.insert(ASSETS.to_owned(), origin);
        own = bucket;
    }
    let paths = cdn.assets.iter().flat_map(|files| &files.paths).filter(|_| balancer.is_some());
    let distribution = Distribution {
        enabled: true,
        aliases: cdn.aliases.clone(),
        certificate: match &cdn.certificate {
            Some(certificate) => {
                let (arn, minimum_tls) = (certificates.global(certificate), cdn.minimum_tls.clone());
                ViewerCertificate { arn: Some(arn), minimum_tls: Some(minimum_tls) }
            }
            None => ViewerCertificate::default(),
        },
        origins,
        default: if balancer.is_some() { app() } else { files(None) },
        behaviors: paths.map(|path| files(Some(path))).collect(),
        default_root: match (&cdn.default_root, balancer) {
            // What `/` is, the application decides.
            (_, Some(_)) => String::new(),
            (Some(root), None) => root.clone(),
            (None, None) => "index.html".into(),
        },
        logs: if cdn.logs { logs(graph, stack, keys)? } else { Logs::default() },
        price_class: Some(
            match cdn.price_class {
                PriceClass::NorthAmericaEurope => "PriceClass_100",
                PriceClass::MostRegions => "PriceClass_200",
                PriceClass::All => "PriceClass_All",
            }
            .into(),
        ),
        http_version: Some("http2and3".into()),
        ipv6: Some(true),
        tags: Tags::new(),
    };
    let distribution = graph.add(DISTRIBUTION, ORIGIN, &distribution)?;
    if let Some(bucket) = own {
        let policy = policy(&bucket, facts, &distribution);
        graph.add(ASSETS, "cdn.static", &BucketPolicy { bucket, policy })?;
    }
    Ok(Some(distribution))
}

/// Checks whether CloudFront can use HTTPS to the balancer. It then requires a certificate for the host that the viewer asked for
/// (which it passes on), so there must be an alias, and the balancer's certificate must be for it. No certificate covers the
/// balancer's own DNS name. The names of a certificate that is not in this file are unknown; it is trusted.
fn reaches_by_https(stack: &Stack, cdn: &Cdn) -> bool {
    let Some(certificate) = stack.load_balancer.as_ref().and_then(|b| b.certificate.as_deref()) else { return false };
    let section = certificate
        .strip_prefix("certificates.")
        .and_then(|name| stack.certificates.iter().find(|(key, _)| key.as_str() == name))
        .map(|(_, section)| section);
    cdn.aliases.iter().any(|alias| match section {
        Some(section) => {
            std::iter::once(&section.domain).chain(&section.names).any(|name| crate::config::cdn::covers(name, alias))
        }
        None => true,
    })
}

/// Returns the behaviour that sends everything to the application and caches nothing: the application knows best what may be
/// cached.
fn app() -> Behavior {
    Behavior {
        path: None,
        origin: APP.into(),
        methods: ALL.map(str::to_owned).into(),
        viewer_protocol: "redirect-to-https".into(),
        compress: true,
        cache_policy: policies::CACHING_DISABLED.into(),
        origin_request_policy: Some(policies::ALL_VIEWER.into()),
        response_headers_policy: None,
        functions: BTreeMap::new(),
        lambda_functions: BTreeMap::new(),
    }
}

/// Returns the behaviour that caches files as long as they say themselves (`stack assets push` sets that).
fn files(path: Option<&String>) -> Behavior {
    Behavior {
        path: path.cloned(),
        origin: ASSETS.into(),
        methods: READ.map(str::to_owned).into(),
        viewer_protocol: "redirect-to-https".into(),
        compress: true,
        cache_policy: policies::CACHING_OPTIMIZED.into(),
        origin_request_policy: None,
        response_headers_policy: Some(policies::SECURITY_HEADERS.into()),
        functions: BTreeMap::new(),
        lambda_functions: BTreeMap::new(),
    }
}

/// Returns the origin of static files, and the bucket, when it is the stack's.
fn assets(
    graph: &mut Graph,
    stack: &Stack,
    files: &StaticFiles,
    keys: &Keys,
    facts: &Facts<'_>,
) -> Result<(Origin, Option<Ref<Bucket>>), Error> {
    const AT: &str = "cdn.static";
    let control = OriginAccessControl { origin_type: "s3".into(), signing: "always".into() };
    let access_control = Some(graph.add(ASSETS, AT, &control)?);
    if let Some(text) = &files.bucket {
        let scope = facts.scope;
        // The check of the file has seen to it that it is one of `existing.buckets`.
        let region = text.strip_prefix("existing.buckets.").and_then(|name| facts.existing.buckets.get(name));
        let region = region.unwrap_or(&scope.region);
        let domain = regional_domain(&scope.partition, region, existing_bucket(stack, text));
        return Ok((Origin { domain, protocol: None, access_control, path: None }, None));
    }
    let rule = LifecycleRule {
        abort_uploads_after: Some(7),
        expire_versions_after: Some(OLD_VERSIONS),
        drop_delete_markers: true,
        ..LifecycleRule::default()
    };
    let bucket = graph.add(
        ASSETS,
        AT,
        &Bucket {
            versioning: Some(true),
            block_public_access: Some(true),
            ownership: Some("BucketOwnerEnforced".into()),
            encryption: Some(access_logs::encryption(keys.arn(None))),
            lifecycle: BTreeMap::from([("tidy".to_owned(), rule)]),
            object_lock: None,
            cors: BTreeMap::new(),
            website: Website::default(),
            tags: Tags::new(),
        },
    )?;
    let domain = bucket.clone().attr("domain").to_string();
    Ok((Origin { domain, protocol: None, access_control, path: None }, Some(bucket)))
}

/// Returns S3's name of a bucket that someone else owns. What is not `existing.buckets.NAME` is its name already.
pub fn existing_bucket<'a>(stack: &'a Stack, text: &'a str) -> &'a str {
    let known = text
        .strip_prefix("existing.buckets.")
        .and_then(|name| stack.existing.buckets.iter().find(|(key, _)| key.as_str() == name));
    known.map_or(text, |(_, bucket)| bucket)
}

fn logs(graph: &mut Graph, stack: &Stack, keys: &Keys) -> Result<Logs, Error> {
    // CloudFront's logs are written by an access list, which it adds itself.
    let ownership = "BucketOwnerPreferred";
    let how = access_logs::encryption(keys.arn(None));
    let made = access_logs::bucket(graph, CDN_LOGS, "cdn.logs", ownership, how, stack.logs.access, |_| Vec::new())?;
    Ok(Logs { bucket: Some(made.bucket.attr("global_domain").to_string()), prefix: Some("cdn/".into()) })
}

/// Returns the policy of the bucket with static files: TLS only, and the distribution may read.
fn policy(bucket: &Ref<Bucket>, facts: &Facts<'_>, distribution: &Ref<Distribution>) -> Value {
    let reads = json!({
        "Sid": "CloudFrontReads", "Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("{}/*", bucket.clone().attr("arn")),
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Condition": {"StringEquals": {
            "AWS:SourceArn": distribution.clone().attr("arn").to_string(), "AWS:SourceAccount": facts.scope.account,
        }},
    });
    document(vec![access_logs::only_with_tls(bucket), reads])
}
