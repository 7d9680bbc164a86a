//! The checks of `cdn`.

use super::checks::Checks;
use crate::cdn::{Cdn, StaticFiles, TLS, covers};
use crate::diagnostic::{Diagnostic, short};
use crate::limits;
use crate::regions;
use crate::suggest;
use crate::values::arn;

/// The region of CloudFront's certificates.
pub(super) const REGION: &str = "us-east-1";
/// The maximum number of cache behaviours by AWS's quota, beside the default.
const PATHS: usize = limits::CACHE_BEHAVIORS.most;
/// The maximum length of the path of one.
const PATH: usize = limits::PATH_PATTERN.most;

pub(super) fn cdn(checks: &mut Checks<'_>) {
    let Some(cdn) = &checks.stack.cdn else { return };
    if cdn.assets.is_none() && !checks.stack.is_load_balanced() {
        checks.at_key(
            "cdn",
            "delivers nothing",
            Diagnostic::error("nothing-to-deliver", "`cdn` has neither a load balancer behind it nor static files")
                .help("give a service `routes: [\"/*\"]`, or add `static: { paths: [\"/*\"] }`"),
        );
    }
    if let Some(files) = &cdn.assets {
        paths(checks, files);
        bucket(checks, files);
    }
    aliases(checks, cdn);
    certificate(checks, cdn);
    if !TLS.contains(&cdn.minimum_tls.as_str()) {
        let wrong = format!("CloudFront has no `minimum_tls: {}`", short(&cdn.minimum_tls));
        let diagnostic = Diagnostic::error("invalid-value", wrong);
        checks.at("cdn.minimum_tls", "unknown", with_help(diagnostic, suggest::help(&cdn.minimum_tls, TLS, "valid values are")));
    } else if cdn.aliases.is_empty() && checks.file.node("cdn.minimum_tls").is_some() {
        // <https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_ViewerCertificate.html>, MinimumProtocolVersion.
        let warning = Diagnostic::warning(
            "unused-minimum-tls",
            "without aliases CloudFront uses its own certificate and TLS versions, so `minimum_tls` has no effect",
        );
        checks.at("cdn.minimum_tls", "no effect", warning.help("add `aliases` and a `certificate`, or remove `minimum_tls`"));
    }
    default_root(checks, cdn);
    balancer(checks, cdn);
    logs(checks, cdn);
}

/// CloudFront delivers no standard logs to buckets in regions that must be enabled
/// (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/AccessLogs.html>).
fn logs(checks: &mut Checks<'_>, cdn: &Cdn) {
    let region = &checks.stack.region;
    if cdn.logs && regions::is_opt_in(region) {
        let message = format!("CloudFront cannot deliver logs to buckets in `{region}`");
        let diagnostic = Diagnostic::error("wrong-region", message).help("write `logs: false` in `cdn`");
        let place = if checks.file.node("cdn.logs").is_some() { "cdn.logs" } else { "cdn" };
        checks.at(place, "with logs", diagnostic);
    }
}

fn with_help(diagnostic: Diagnostic, help: Option<String>) -> Diagnostic {
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn paths(checks: &mut Checks<'_>, files: &StaticFiles) {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.*$/~\"'@:+&?".contains(c);
    for (i, path) in files.paths.iter().enumerate() {
        let at = format!("cdn.static.paths[{i}]");
        let said = short(path);
        if !path.starts_with('/') {
            let wrong = format!("the path `{said}` does not start with a slash");
            checks.at(&at, "", Diagnostic::error("invalid-value", wrong).help(format!("write `/{said}`")));
        } else if let Some(c) = path.chars().find(|c| !fits(*c)) {
            let wrong = format!("a path cannot contain the character `{c}`");
            let help = "a path consists of letters, digits, `_ - . $ / ~ \" ' @ : + &` and the wildcards `*` and `?`";
            checks.at(&at, "", Diagnostic::error("invalid-value", wrong).help(help));
        } else if path.len() > PATH {
            let wrong = format!("the path has {} characters, {} too many", path.len(), path.len() - PATH);
            checks.at(
                &at,
                "too long",
                Diagnostic::error("invalid-value", wrong).help(format!("CloudFront accepts at most {PATH}")),
            );
        }
        if files.paths[..i].contains(path) {
            checks.at(
                &at,
                "again",
                Diagnostic::error("duplicate-path", format!("the path `{said}` is listed twice")).help("list each path once"),
            );
        }
    }
    if files.paths.len() > PATHS {
        let wrong = format!("there are {} paths, {} too many", files.paths.len(), files.paths.len() - PATHS);
        checks.at_key(
            "cdn.static.paths",
            "too many",
            Diagnostic::error("out-of-range", wrong)
                .help(format!("a distribution has at most {PATHS}: combine them into common paths such as `/static/*`")),
        );
    }
}

fn bucket(checks: &mut Checks<'_>, files: &StaticFiles) {
    let Some(text) = files.bucket.as_deref() else { return };
    let known: Vec<String> = checks.stack.existing.buckets.keys().map(|name| format!("existing.buckets.{name}")).collect();
    if !known.iter().any(|name| name == text) {
        let diagnostic = Diagnostic::error("unknown-reference", format!("there is no bucket `{}` in this file", short(text)));
        let help = suggest::help(text, known.iter().map(String::as_str), "the buckets are").unwrap_or_else(|| {
            let called = if text.starts_with("existing.") { "BUCKET" } else { text };
            format!("write `existing: {{ buckets: {{ NAME: {} }} }}`, and `existing.buckets.NAME` here", short(called))
        });
        checks.at("cdn.static.bucket", "not in this file", diagnostic.help(help));
    }
}

fn aliases(checks: &mut Checks<'_>, cdn: &Cdn) {
    if !cdn.aliases.is_empty() && cdn.certificate.is_none() {
        checks.at_key(
            "cdn.aliases",
            "need a certificate",
            Diagnostic::error("needs-certificate", "CloudFront serves aliases only with a certificate that covers them")
                .help("add `certificate: certificates.NAME`, or the ARN of one in us-east-1"),
        );
    }
    for (i, alias) in cdn.aliases.iter().enumerate() {
        let at = format!("cdn.aliases[{i}]");
        if let Err(help) = host(alias) {
            checks.at(
                &at,
                "not a host name",
                Diagnostic::error("invalid-value", format!("`{}` is not a host name", short(alias))).help(help),
            );
        }
        if cdn.aliases[..i].contains(alias) {
            let wrong = format!("the alias `{}` is listed twice", short(alias));
            checks.at(&at, "again", Diagnostic::error("duplicate-alias", wrong).help("list each name once"));
        }
    }
}

/// Checks whether it is a host name that CloudFront can serve, and returns how to fix it.
fn host(text: &str) -> Result<(), String> {
    if let Some((_, rest)) = text.split_once("://") {
        return Err(format!("write `{}`", short(rest.trim_end_matches('/'))));
    }
    if text.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!("write `{}`", short(&text.to_ascii_lowercase())));
    }
    let labels: Vec<&str> = text.strip_prefix("*.").unwrap_or(text).split('.').collect();
    let label = |l: &&str| {
        (1..=63).contains(&l.len())
            && l.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    if labels.len() < 2 || text.len() > 253 || !labels.iter().all(label) {
        return Err("a host name looks like `www.example.com` or `*.example.com`".into());
    }
    Ok(())
}

fn certificate(checks: &mut Checks<'_>, cdn: &Cdn) {
    const AT: &str = "cdn.certificate";
    let Some(text) = cdn.certificate.as_deref() else { return };
    let stack = checks.stack;
    // Whether it exists is checked with all certificates.
    let existing = text.strip_prefix("existing.certificates.");
    let existing = existing.and_then(|name| stack.existing.certificates.iter().find(|(key, _)| key.as_str() == name));
    if let Some(region) = arn(existing.map_or(text, |(_, arn)| arn)).map(|fields| fields[3]).filter(|region| *region != REGION) {
        checks.at(
            AT,
            "another region",
            Diagnostic::error(
                "wrong-region",
                format!("the certificate is in `{}`, but CloudFront only uses those in `{REGION}`", short(region)),
            )
            .help(format!("request or import one in `{REGION}`")),
        );
    }
    if cdn.aliases.is_empty() {
        checks.at(
            AT,
            "no aliases",
            Diagnostic::warning("unused-certificate", "without aliases the certificate has no effect")
                .help("add `aliases: [www.example.com]`, or remove it"),
        );
    }
    let own = text.strip_prefix("certificates.");
    let own = own.and_then(|name| stack.certificates.iter().find(|(key, _)| key.as_str() == name));
    let Some((name, section)) = own else { return };
    for (i, alias) in cdn.aliases.iter().enumerate() {
        if host(alias).is_ok() && !std::iter::once(&section.domain).chain(&section.names).any(|name| covers(name, alias)) {
            checks.at(
                &format!("cdn.aliases[{i}]"),
                "not in the certificate",
                Diagnostic::error("not-in-certificate", format!("`certificates.{name}` does not cover `{}`", short(alias)))
                    .help(format!("add it to `certificates.{name}.names`")),
            );
        }
    }
}

fn default_root(checks: &mut Checks<'_>, cdn: &Cdn) {
    const AT: &str = "cdn.default_root";
    let Some(root) = cdn.default_root.as_deref() else { return };
    if let Some(rest) = root.strip_prefix('/') {
        let wrong = format!("`{AT}` is the name of a file and cannot start with a slash");
        checks.at(AT, "", Diagnostic::error("invalid-value", wrong).help(format!("write `{}`", short(rest))));
    }
    if checks.stack.is_load_balanced() {
        checks.at(
            AT,
            "no effect",
            Diagnostic::warning(
                "unused-default-root",
                "the services behind the load balancer answer `/`, so `default_root` has no effect",
            )
            .help("remove `default_root`"),
        );
    }
}

/// Checks whether CloudFront can reach the load balancer.
fn balancer(checks: &mut Checks<'_>, cdn: &Cdn) {
    let Some(section) = checks.stack.load_balancer.as_ref().filter(|_| checks.stack.is_load_balanced()) else { return };
    if section.internal {
        checks.at(
            "load_balancer.internal",
            "out of reach",
            Diagnostic::error(
                "unreachable-origin",
                "CloudFront can reach an internal load balancer only through a VPC origin, which `stack` cannot create",
            )
            .help("remove `internal`, or remove `cdn`"),
        );
    }
    // CloudFront passes on the name of the request, and requires it in the certificate
    // (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-https-cloudfront-to-custom-origin.html>).
    let own = section.certificate.as_deref().filter(|text| cdn.certificate.as_deref() != Some(text));
    let own = own.and_then(|text| checks.stack.certificates.get_key_value(text.strip_prefix("certificates.")?));
    for (i, alias) in cdn.aliases.iter().enumerate() {
        let Some((name, certificate)) = own.filter(|_| host(alias).is_ok()) else { continue };
        if !std::iter::once(&certificate.domain).chain(&certificate.names).any(|name| covers(name, alias)) {
            let message = format!(
                "`certificates.{name}`, which the load balancer presents to CloudFront, does not cover `{}`",
                short(alias)
            );
            let help = format!("add it to `certificates.{name}.names`, or remove `certificate` from `load_balancer`");
            let diagnostic = Diagnostic::error("not-in-certificate", message).help(help);
            checks.at(&format!("cdn.aliases[{i}]"), "not in the load balancer's certificate", diagnostic);
        }
    }
    if section.certificate.is_some() && cdn.aliases.is_empty() {
        checks.at(
            "load_balancer.certificate",
            "`cdn` has no aliases",
            Diagnostic::warning(
                "unreachable-origin",
                "the load balancer redirects everything to HTTPS, but its certificate does not cover CloudFront's own name: requests would be redirected endlessly",
            )
            .help("give `cdn` aliases that the certificate covers, or remove the certificate here: CloudFront then uses HTTP to the load balancer and HTTPS to viewers"),
        );
    }
}
