//! The controls of load balancers: <https://docs.aws.amazon.com/securityhub/latest/userguide/elb-controls.html>.

use std::collections::BTreeSet;

use super::{Listener, LoadBalancer, TargetGroup};
use crate::aws::control::Severity::Medium;
use crate::aws::control::{Breach, Control, View};
use crate::aws::ec2::Subnet;
use crate::aws::wafv2::controls::no_firewall;
use crate::engine::Result;

/// The policies of TLS that AWS recommends with ELB.17, without their prefix.
const RECOMMENDED: [&str; 8] = [
    "TLS13-1-2-Res-2021-06",
    "TLS13-1-2-Res-FIPS-2023-04",
    "TLS13-1-2-Res-PQ-2025-09",
    "TLS13-1-2-Res-FIPS-PQ-2025-09",
    "TLS13-1-3-2021-06",
    "TLS13-1-3-FIPS-2023-04",
    "TLS13-1-3-PQ-2025-09",
    "TLS13-1-3-FIPS-PQ-2025-09",
];
const PREFIX: &str = "ELBSecurityPolicy-";
const BEST: &str = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06";

const DROP_INVALID: &str = "routing.http.drop_invalid_header_fields.enabled";
const DESYNC: &str = "routing.http.desync_mitigation_mode";
const LOGS: &str = "access_logs.s3.enabled";
const PROTECTION: &str = "deletion_protection.enabled";

const HTTPS: &str = "give it a certificate: `load_balancer: { certificate: certificates.NAME }`; HTTP is then redirected";
const END_TO_END: &str = "the targets must serve HTTPS themselves: a target group of `resources` with `protocol: HTTPS`";

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "ELB.1",
        Medium,
        ("HTTP is redirected to HTTPS", "what is served over HTTP can be read and changed in transit", HTTPS),
        plain,
    ),
    Control::new(
        "ELB.4",
        Medium,
        ("Headers that are not valid are dropped", "request smuggling uses such headers", "set the attribute to `true`"),
        |view| attribute(view, DROP_INVALID, |value| value == Some("true"), "true"),
    ),
    Control::new(
        "ELB.5",
        Medium,
        (
            "Access logs are written",
            "without logs, it cannot be reconstructed who sent which requests",
            "give the balancer a bucket for its logs: the attributes `access_logs.s3.enabled` and `access_logs.s3.bucket`",
        ),
        unlogged,
    ),
    Control::new(
        "ELB.6",
        Medium,
        (
            "The balancer is protected from deletion",
            "the balancer's address is lost when it is deleted",
            "set `deletion_protection: true`",
        ),
        |view| attribute(view, PROTECTION, |value| value == Some("true"), "true"),
    )
    .production(),
    Control::new(
        "ELB.12",
        Medium,
        (
            "Ambiguous requests are not passed on",
            "two servers that read one request differently let an attacker hijack another user's requests",
            "set the attribute to `defensive`, which is AWS's default, or to `strictest`",
        ),
        |view| attribute(view, DESYNC, |value| matches!(value, None | Some("defensive" | "strictest")), "defensive"),
    ),
    Control::new(
        "ELB.13",
        Medium,
        (
            "The balancer is in two zones at least",
            "if the only zone fails, everything behind the balancer is unavailable",
            "give it subnets in another zone: `network: { zones: 2 }`",
        ),
        one_zone,
    ),
    Control::new(
        "ELB.16",
        Medium,
        (
            "A firewall (WAF) is before the balancer",
            "without it, known attacks reach the application",
            "add the section `firewall`, with `before: [load_balancer]`",
        ),
        no_firewall::<LoadBalancer>,
    )
    .other(),
    Control::new(
        "ELB.17",
        Medium,
        (
            "HTTPS has one of AWS's recommended policies",
            "older ciphers have no forward secrecy: recorded traffic can be decrypted with a stolen key",
            "set `ssl_policy: ELBSecurityPolicy-TLS13-1-2-Res-2021-06`, or a newer one that AWS recommends",
        ),
        old_tls,
    ),
    Control::new(
        "ELB.18",
        Medium,
        (
            "Every listener has HTTPS",
            "even a redirect begins with a request in plain text, which an attacker can answer",
            "remove the listener at port 80; users then have to type `https://`",
        ),
        not_tls,
    )
    .extra(),
    Control::new(
        "ELB.21",
        Medium,
        ("Health checks use HTTPS", "traffic to the targets is unencrypted inside the network", END_TO_END),
        plain_health,
    )
    .extra(),
    Control::new(
        "ELB.22",
        Medium,
        ("Targets are reached by TLS", "traffic to the targets is unencrypted inside the network", END_TO_END),
        plain_targets,
    )
    .extra(),
];

fn is_http(listener: &Listener) -> bool {
    listener.protocol.eq_ignore_ascii_case("http")
}

fn plain(view: &View) -> Result<Vec<Breach>> {
    let redirects = |listener: &Listener| {
        let to = listener.default_action.redirect.as_ref();
        listener.default_action.kind == "redirect" && to.is_some_and(|to| to.protocol.eq_ignore_ascii_case("https"))
    };
    let all = view.all::<Listener>()?.into_iter().filter(|(_, listener)| is_http(listener) && !redirects(listener));
    Ok(all.map(|(key, listener)| Breach::new(key, format!("port {} serves HTTP", listener.port))).collect())
}

fn not_tls(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Listener>()?.into_iter().filter(|(_, listener)| is_http(listener));
    Ok(all.map(|(key, listener)| Breach::new(key, format!("port {} has no TLS", listener.port))).collect())
}

fn attribute(view: &View, name: &'static str, right: impl Fn(Option<&str>) -> bool, wanted: &str) -> Result<Vec<Breach>> {
    let all = view.all::<LoadBalancer>()?.into_iter();
    let wrong = all.filter(|(_, balancer)| !right(balancer.attributes.get(name).map(String::as_str)));
    Ok(wrong
        .map(|(key, balancer)| {
            let what = match balancer.attributes.get(name) {
                Some(value) => format!("`{name}` is `{value}`"),
                None => format!("`{name}` is not set"),
            };
            Breach::new(key, what).fix(&["attributes", name], wanted)
        })
        .collect())
}

fn unlogged(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<LoadBalancer>()?.into_iter();
    let wrong = all.filter(|(_, balancer)| balancer.attributes.get(LOGS).map(String::as_str) != Some("true"));
    Ok(wrong.map(|(key, _)| Breach::new(key, "its access logs are off")).collect())
}

fn one_zone(view: &View) -> Result<Vec<Breach>> {
    let zones: Vec<_> = view.all::<Subnet>()?.into_iter().map(|(key, subnet)| (key.clone(), subnet.zone)).collect();
    let mut out = Vec::new();
    for (key, balancer) in view.all::<LoadBalancer>()? {
        // A subnet that the stack does not have is one of its own: AWS takes none twice in one zone.
        let of = |subnet| match view.target(subnet) {
            Some(key) => zones.iter().find(|(known, _)| *known == key).map_or_else(|| key.to_string(), |(_, zone)| zone.clone()),
            None => subnet.to_string(),
        };
        let zones: BTreeSet<String> = balancer.subnets.iter().map(of).collect();
        if zones.len() < 2 {
            out.push(Breach::new(key, format!("it is in {} only", zones.iter().next().map_or("no zone", String::as_str))));
        }
    }
    Ok(out)
}

/// The beginning of the names of policies with TLS 1.3.
const NEW: &str = "ELBSecurityPolicy-TLS13-";

fn old_tls(view: &View) -> Result<Vec<Breach>> {
    let recommended = |listener: &Listener| {
        listener
            .ssl_policy
            .as_deref()
            .and_then(|policy| policy.strip_prefix(PREFIX))
            .is_some_and(|policy| RECOMMENDED.contains(&policy))
    };
    let all = view.all::<Listener>()?.into_iter().filter(|(_, listener)| !is_http(listener) && !recommended(listener));
    Ok(all
        .map(|(key, listener)| {
            let policy =
                listener.ssl_policy.as_ref().map_or_else(|| "AWS's default policy".to_owned(), |policy| format!("`{policy}`"));
            // Of those that are not known, one can be newer, or chosen for FIPS or against quantum computers.
            let is_old = listener.ssl_policy.as_deref().is_none_or(|policy| !policy.starts_with(NEW));
            let breach = Breach::new(key, format!("it has {policy}"));
            if is_old { breach.fix(&["ssl_policy"], BEST) } else { breach }
        })
        .collect())
}

fn plain_health(view: &View) -> Result<Vec<Breach>> {
    let of = |group: &TargetGroup| group.health.protocol.clone().unwrap_or_else(|| group.protocol.clone());
    let all = view.all::<TargetGroup>()?.into_iter().filter(|(_, group)| group.target_type != "lambda" && of(group) != "HTTPS");
    Ok(all.map(|(key, group)| Breach::new(key, format!("its health check uses {}", of(&group)))).collect())
}

fn plain_targets(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<TargetGroup>()?.into_iter();
    let wrong = all.filter(|(_, group)| !matches!(group.target_type.as_str(), "lambda" | "alb") && group.protocol != "HTTPS");
    Ok(wrong.map(|(key, group)| Breach::new(key, format!("its targets are reached by {}", group.protocol))).collect())
}
