//! The controls of distributions: <https://docs.aws.amazon.com/securityhub/latest/userguide/cloudfront-controls.html>.

use super::{Behavior, Distribution, Origin};
use crate::aws::control::Severity::{High, Low, Medium};
use crate::aws::control::{Breach, Control, View};
use crate::aws::wafv2::controls::no_firewall;
use crate::engine::Result;

/// The policies that AWS recommends with CloudFront.15, from TLS 1.2 on.
const RECOMMENDED: [&str; 3] = ["TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025"];
const BEST: &str = "TLSv1.2_2021";
/// The key of a certificate that CloudFront uses for its own names.
const OWN_TLS: &str = "minimum_tls";

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "CloudFront.1",
        High,
        (
            "Requests to `/` get a certain file",
            "a distribution without one can show what is in its bucket",
            "set `default_root: index.html`; the application behind the distribution then has to serve that path for `/`",
        ),
        |view| all(view, |d| d.default_root.is_empty(), "it has no default root object", Some((&["default_root"], "index.html"))),
    ),
    Control::new(
        "CloudFront.3",
        Medium,
        (
            "Viewers use HTTPS",
            "what is served over HTTP can be read and changed in transit",
            "set `viewer_protocol: redirect-to-https`",
        ),
        plain,
    ),
    Control::new(
        "CloudFront.4",
        Low,
        (
            "Another origin answers when one fails",
            "if the only origin fails, the site is unavailable",
            "make this an exception: the kind has no groups of origins",
        ),
        |view| unset(view, "origin_groups", "it has no group of origins"),
    )
    .extra(),
    Control::new(
        "CloudFront.5",
        Medium,
        ("Requests are logged", "without logs, it cannot be reconstructed who sent which requests", "set `logs: true`"),
        |view| all(view, |d| d.logs.bucket.is_none(), "it writes no log", Some((&["logs"], "true"))),
    ),
    Control::new(
        "CloudFront.6",
        Medium,
        (
            "A firewall (WAF) is before the distribution",
            "without it, known attacks reach the application",
            "add the section `firewall`, whose web ACL is before the distribution",
        ),
        no_firewall::<Distribution>,
    )
    .extra(),
    Control::new(
        "CloudFront.7",
        Low,
        (
            "The distribution has a certificate of its own",
            "CloudFront's name does not show whose site it is",
            "set `aliases` and `certificate: certificates.NAME`",
        ),
        |view| all(view, |d| d.certificate.arn.is_none(), "it has CloudFront's certificate", None),
    ),
    Control::new(
        "CloudFront.9",
        Medium,
        (
            "The way to the origins is encrypted",
            "requests between CloudFront and the origin cross the internet",
            "give the load balancer a certificate, and its origin `protocol: https-only`",
        ),
        plain_origin,
    ),
    Control::new(
        "CloudFront.13",
        Medium,
        (
            "Buckets are read through an origin access control",
            "without one, the bucket has to be public, and can be read without the distribution",
            "set `access_control` in the origin",
        ),
        public_bucket,
    ),
    Control::new(
        "CloudFront.15",
        Medium,
        (
            "Viewers use a recommended version of TLS",
            "older versions and ciphers can be broken",
            "set `minimum_tls: TLSv1.2_2021` or a newer one",
        ),
        old_tls,
    ),
];

fn all(
    view: &View,
    wrong: impl Fn(&Distribution) -> bool,
    what: &str,
    fix: Option<(&[&'static str], &str)>,
) -> Result<Vec<Breach>> {
    let all = view.all::<Distribution>()?.into_iter().filter(|(_, distribution)| wrong(distribution));
    Ok(all
        .map(|(key, _)| {
            let breach = Breach::new(key, what);
            match fix {
                Some((field, "true")) => breach.fix(field, true),
                Some((field, value)) => breach.fix(field, value),
                None => breach,
            }
        })
        .collect())
}

fn unset(view: &View, field: &str, what: &str) -> Result<Vec<Breach>> {
    let is_unset = |value: &serde_json::Value| value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty);
    let all = view.raw("cloudfront.distribution").filter(|d| is_unset(&d.fields[field]));
    Ok(all.map(|d| Breach::new(&d.key, what)).collect())
}

fn behaviors(distribution: &Distribution) -> impl Iterator<Item = &Behavior> {
    std::iter::once(&distribution.default).chain(&distribution.behaviors)
}

fn plain(view: &View) -> Result<Vec<Breach>> {
    let mut out = Vec::new();
    for (key, distribution) in view.all::<Distribution>()? {
        for behavior in behaviors(&distribution).filter(|behavior| behavior.viewer_protocol == "allow-all") {
            let path = behavior.path.as_deref().unwrap_or("all other paths");
            let breach = Breach::new(key, format!("{path}: viewers may use HTTP"));
            out.push(match behavior.path {
                None => breach.fix(&["default", "viewer_protocol"], "redirect-to-https"),
                Some(_) => breach,
            });
        }
    }
    Ok(out)
}

/// Checks whether an origin is a bucket.
fn is_bucket(origin: &Origin) -> bool {
    origin.protocol.is_none() || origin.domain.contains("${s3.bucket/") || origin.domain.contains("${=s3.bucket")
}

fn origins(view: &View, wrong: impl Fn(&Distribution, &Origin) -> Option<String>) -> Result<Vec<Breach>> {
    let mut out = Vec::new();
    for (key, distribution) in view.all::<Distribution>()? {
        for (name, origin) in &distribution.origins {
            if let Some(what) = wrong(&distribution, origin) {
                out.push(Breach::new(key, format!("origin `{name}`: {what}")));
            }
        }
    }
    Ok(out)
}

fn plain_origin(view: &View) -> Result<Vec<Breach>> {
    origins(view, |distribution, origin| match origin.protocol.as_deref() {
        Some("http-only") => Some("it is asked by HTTP".to_owned()),
        Some("match-viewer") if behaviors(distribution).any(|b| b.viewer_protocol == "allow-all") => {
            Some("it is asked by HTTP when the viewer uses that".to_owned())
        }
        _ => None,
    })
}

fn public_bucket(view: &View) -> Result<Vec<Breach>> {
    origins(view, |_, origin| {
        (is_bucket(origin) && origin.access_control.is_none()).then(|| "it has no access control".to_owned())
    })
}

fn old_tls(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Distribution>()?.into_iter();
    // Under CloudFront's own names CloudFront decides.
    let wrong = all.filter(|(_, d)| {
        d.certificate.arn.is_some() && !d.certificate.minimum_tls.as_deref().is_some_and(|tls| RECOMMENDED.contains(&tls))
    });
    Ok(wrong
        .map(|(key, d)| {
            let policy = d.certificate.minimum_tls.map_or_else(|| "AWS's default".to_owned(), |tls| format!("`{tls}`"));
            Breach::new(key, format!("its oldest version is {policy}")).fix(&["certificate", OWN_TLS], BEST)
        })
        .collect())
}
