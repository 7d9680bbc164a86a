//! The checks of `keys` and `certificates`, and of references to them.

use std::collections::BTreeSet;

use super::checks::Checks;
use crate::diagnostic::{Diagnostic, short};
use crate::encryption::CertificateSection;
use crate::limits;
use crate::suggest;

/// The maximum number of names of a certificate, without a raised quota and with one.
const NAMES: (usize, usize) = (limits::CERTIFICATE_NAMES.most, limits::CERTIFICATE_NAMES_EVER.most);
const DOMAIN: usize = limits::CERTIFICATE_DOMAIN.most;

pub(super) fn encryption(checks: &mut Checks<'_>) {
    keys(checks);
    let stack = checks.stack;
    for (name, section) in &stack.certificates {
        certificate(checks, &format!("certificates.{name}"), section);
    }
    let balancer = stack.load_balancer.as_ref().and_then(|b| b.certificate.as_deref());
    let cdn = stack.cdn.as_ref().and_then(|cdn| cdn.certificate.as_deref());
    for (path, certificate) in [("load_balancer.certificate", balancer), ("cdn.certificate", cdn)] {
        if let Some(certificate) = certificate {
            known(checks, path, certificate);
        }
    }
}

fn keys(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    for (name, key) in &stack.keys {
        checks.days(&format!("keys.{name}.deletion_window"), key.deletion_window, 7, 30);
        let path = format!("keys.{name}.rotation_period");
        let Some(period) = key.rotation_period else { continue };
        checks.days(&path, period, 90, 2560);
        if !key.rotation {
            let message = format!("`keys.{name}` has `rotation: false`, so `rotation_period` has no effect");
            checks.at(&path, "no rotation", Diagnostic::warning("unused-period", message).help("remove one of the two"));
        }
    }
}

/// Returns what is wrong with a domain, in words.
fn wrong_domain(domain: &str) -> Option<&'static str> {
    let rest = domain.strip_prefix("*.").unwrap_or(domain);
    let label = |label: &str| {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(fits) && !label.starts_with('-') && !label.ends_with('-')
    };
    if rest.contains('*') {
        Some("`*` can only stand for the whole first label: `*.example.com`")
    } else if rest.contains("://") || rest.contains('/') {
        Some("write only the name, without a scheme or path: `www.example.com`")
    } else if rest.bytes().any(|b| b.is_ascii_uppercase()) {
        Some("write it in lower case")
    } else if !rest.is_ascii() {
        Some("write its ASCII form, with `xn--`")
    } else if !rest.contains('.') {
        Some("write the full name: `www.example.com`")
    } else if domain.len() > 253 || !rest.split('.').all(label) {
        Some("a domain consists of labels with dots between them, each of at most 63 letters, digits and hyphens")
    } else {
        None
    }
}

fn certificate(checks: &mut Checks<'_>, path: &str, section: &CertificateSection) {
    let names = section.names.iter().enumerate().map(|(i, name)| (format!("{path}.names[{i}]"), name));
    let all: Vec<(String, &String)> = std::iter::once((format!("{path}.domain"), &section.domain)).chain(names).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (place, domain) in &all {
        if let Some(help) = wrong_domain(domain) {
            let message = format!("`{}` is not a domain that a certificate can cover", short(domain));
            checks.at(place, "not a domain", Diagnostic::error("wrong-domain", message).help(help));
        } else if !seen.insert(domain) {
            let message = format!("`{}` is listed twice in this certificate", short(domain));
            checks.at(
                place,
                "again",
                Diagnostic::warning("duplicate-name", message).help("list each name once; `domain` is one of them"),
            );
        }
    }
    if section.domain.len() > DOMAIN && wrong_domain(&section.domain).is_none() {
        let message =
            format!("the certificate's `domain` has {} characters, but ACM accepts at most {DOMAIN} there", section.domain.len());
        checks.at(
            &format!("{path}.domain"),
            "too long",
            Diagnostic::error("name-too-long", message).help("use a shorter name as `domain`, and add this one to `names`"),
        );
    }
    let (usual, most) = NAMES;
    let place = if all.len() > 1 { format!("{path}.names") } else { path.to_owned() };
    if seen.len() > most {
        let message = format!("`{path}` has {} names, but a certificate can have at most {most}", seen.len());
        let help = "split it into several certificates, or use a wildcard";
        checks.at(&place, "too many", Diagnostic::error("too-many-names", message).help(help));
    } else if seen.len() > usual {
        let message = format!("`{path}` has {} names, and AWS allows {usual} unless the quota was raised", seen.len());
        let help =
            "use a wildcard, split it into several certificates, or request a higher quota `Domain names per ACM certificate`";
        checks.at(&place, "too many", Diagnostic::warning("many-names", message).help(help));
    }
    if let Some(zone) = &section.zone {
        self::zone(checks, &format!("{path}.zone"), zone);
        outside(checks, zone, &all);
    }
}

fn is_zone_id(zone: &str) -> bool {
    zone.starts_with('Z') && zone.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Checks that the names are in the zone, where validation and alias records are created. Only AWS knows the domain of a zone that
/// the file names by id.
fn outside(checks: &mut Checks<'_>, zone: &str, names: &[(String, &String)]) {
    let known = zone.strip_prefix("existing.zones.").and_then(|name| checks.stack.existing.zones.get(name));
    let Some(domain) = known.filter(|zone| !is_zone_id(zone)) else { return };
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    for (place, name) in names.iter().filter(|(_, name)| wrong_domain(name).is_none()) {
        let bare = name.strip_prefix("*.").unwrap_or(name);
        if bare != domain && !bare.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.')) {
            let message = format!(
                "`{}` is not in the zone `{}`, where its validation record would be written",
                short(name),
                short(&domain)
            );
            let help =
                "give it its own certificate with its own zone, or leave out `zone` and create the validation records yourself";
            checks.at(place, "not in the zone", Diagnostic::error("outside-zone", message).help(help));
        }
    }
}

fn zone(checks: &mut Checks<'_>, path: &str, zone: &str) {
    let is_id = is_zone_id(zone);
    let stack = checks.stack;
    let known = || stack.existing.zones.keys().map(|name| name.as_str());
    match zone.strip_prefix("existing.zones.") {
        Some(name) if known().any(|k| k == name) => {}
        Some(name) => {
            let message = format!("`{path}` is `existing.zones.{}`, which does not exist", short(name));
            let help = suggest::help(name, known(), "the zones are");
            let help = help.unwrap_or_else(|| "add `existing: { zones: { NAME: example.com } }`".into());
            checks.at(path, "not in this file", Diagnostic::error("unknown-reference", message).help(help));
        }
        None if is_id => {}
        None => {
            let message = format!("`{}` is not a zone", short(zone));
            let help = "write `existing.zones.NAME` and define it there, or write the id of the zone, `Z…`";
            checks.at(path, "not a zone", Diagnostic::error("wrong-zone", message).help(help));
        }
    }
}

/// Checks that a named certificate is in the file.
fn known(checks: &mut Checks<'_>, path: &str, text: &str) {
    let stack = checks.stack;
    let own = stack.certificates.keys().map(|name| format!("certificates.{name}"));
    let all: Vec<String> =
        own.chain(stack.existing.certificates.keys().map(|name| format!("existing.certificates.{name}"))).collect();
    let named = text.starts_with("certificates.") || text.starts_with("existing.certificates.");
    if !named || all.iter().any(|known| known == text) {
        return;
    }
    let message = format!("`{path}` is `{}`, which does not exist", short(text));
    let help = suggest::help(text, all.iter().map(String::as_str), "the certificates are");
    let help = help.unwrap_or_else(|| "add `certificates: { NAME: { domain: www.example.com } }`".into());
    checks.at(path, "not in this file", Diagnostic::error("unknown-reference", message).help(help));
}
