//! Which address is loaded: only one of the stack's own, as AWS says now.

use std::fmt;

use serde_json::Value;

use crate::commands::show;
use crate::commands::stop::{Result, Stop};
use crate::engine::{Claim, Ids, Seen, Snapshot};

/// What requests are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `http` or `https`.
    pub scheme: String,
    /// The host of the address, with its port if that is written.
    pub authority: String,
    /// Its path, and what follows `?`.
    pub path: String,
    /// AWS's name of the load balancer or the distribution, where every connection goes.
    pub dns: String,
    /// The service that answers there, if one was named.
    pub service: Option<String>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

/// A load balancer or a distribution of the stack.
struct Front {
    /// AWS's name of it.
    dns: String,
    /// The names that it answers to, besides. `*` stands for anything.
    hosts: Vec<String>,
    /// The names in rules at its listeners that are not the stack's: others answer there.
    guests: Vec<String>,
}

impl Target {
    /// Returns the target that `text` names: an address, or `services.NAME`.
    ///
    /// # Errors
    /// When it is no address of the stack.
    pub fn of(text: &str, snapshot: &Snapshot, environment: &str) -> Result<Target> {
        let fronts = fronts(snapshot);
        let target = match text.strip_prefix("services.") {
            Some(service) => of_service(service, snapshot, environment),
            None => of_url(text, &fronts, environment),
        }?;
        target.checked(&fronts, environment)
    }

    /// Refuses an address in place of a name, for which no resolver is asked, and a name at which others answer.
    fn checked(self, fronts: &[Front], environment: &str) -> Result<Target> {
        let host = host(&self.authority).to_ascii_lowercase();
        if self.to_string().parse::<reqwest::Url>().is_ok_and(|url| url.domain().is_none()) {
            let help = "name a host by which the stack is reached";
            return Err(Stop::refused(format!("nothing was sent: `{host}` is an address, not a name of {environment}"), help));
        }
        let here = fronts.iter().filter(|front| front.dns == self.dns);
        if here.flat_map(|front| &front.guests).any(|name| fits(&name.to_ascii_lowercase(), &host)) {
            let why = format!("nothing was sent: at `{host}`, a rule that is not of {environment} answers");
            return Err(Stop::refused(why, "load the environment whose rule that is, with its own file"));
        }
        Ok(self)
    }
}

fn of_url(text: &str, fronts: &[Front], environment: &str) -> Result<Target> {
    let (scheme, authority, path) = split(text)?;
    let host = host(authority).to_ascii_lowercase();
    let Some(front) = fronts.iter().find(|front| front.answers_to(&host)) else {
        let own: Vec<String> = fronts.iter().map(|front| format!("`{}`", front.dns)).collect();
        let help = match own.is_empty() {
            true => "it has no load balancer and no distribution: `stack apply` creates what its file describes".to_owned(),
            false => format!("its addresses are {}, the names in their rules and aliases, and `services.NAME`", own.join(", ")),
        };
        return Err(Stop::refused(format!("nothing was sent: `{host}` is not an address of {environment}"), help));
    };
    Ok(Target { scheme, authority: authority.to_owned(), path: path.to_owned(), dns: front.dns.clone(), service: None })
}

fn of_service(name: &str, snapshot: &Snapshot, environment: &str) -> Result<Target> {
    let of_kind = |kind: &'static str| snapshot.seen.iter().filter(move |seen| seen.kind == kind && is_own(seen));
    let Some(service) = of_kind("ecs.service").find(|seen| seen.key().is_some_and(|key| key.name == name)) else {
        return Err(Stop::refused(
            format!("nothing was sent: {environment} has no service `{name}`"),
            "`stack show` lists its services",
        ));
    };
    let unreachable = |why: &str| Stop::refused(format!("nothing was sent: {why}"), "name an address instead of the service");
    // A rule of someone else can lead to the service, too.
    let own = Snapshot { seen: snapshot.seen.iter().filter(|seen| is_own(seen)).cloned().collect(), ..Snapshot::default() };
    let (host, path) = show::routed(service, &own).ok_or_else(|| {
        unreachable(&format!("no route leads to `services.{name}`, or it is at another environment's load balancer"))
    })?;
    let Some(balancer) = of_kind("elbv2.load_balancer").next() else {
        return Err(unreachable(&format!("{environment} has no load balancer of its own")));
    };
    let dns = text(&balancer.live, "dns_name");
    let https = of_kind("elbv2.listener").find(|listener| listener.fields.get("protocol") == Some(&"HTTPS".into()));
    let exact = |name: &String| !name.contains('*');
    let host = host.filter(exact).or_else(|| match https {
        // There is no certificate for a load balancer's own name.
        Some(listener) => certified(listener, snapshot).into_iter().find(exact),
        None => Some(dns.clone()),
    });
    let host = host.ok_or_else(|| unreachable(&format!("which name `services.{name}` answers to is not known")))?;
    let path = path.as_deref().and_then(|path| path.split('*').next()).filter(|path| !path.is_empty()).unwrap_or("/");
    let scheme = if https.is_some() { "https" } else { "http" };
    Ok(Target { scheme: scheme.into(), authority: host, path: path.to_owned(), dns, service: Some(name.to_owned()) })
}

/// Splits an address into scheme, authority and path.
fn split(url: &str) -> Result<(String, &str, &str)> {
    let wrong = |why: &str| {
        Stop::Message(
            crate::commands::stop::Exit::Usage,
            format!("`{url}` {why}"),
            Some("write an address such as `https://www.example.com/`, or `services.NAME`".into()),
        )
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("is neither an address nor `services.NAME`"))?;
    if !["http", "https"].contains(&scheme) {
        return Err(wrong("has another scheme than `http` and `https`"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let strange = |c: char| !(c.is_ascii_alphanumeric() || "-._:".contains(c));
    if authority.is_empty() || authority.contains(strange) {
        return Err(wrong("has no host name that can be loaded"));
    }
    if path.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') || path.starts_with('?') {
        return Err(wrong("has a path with a `#`, a space, or nothing before the `?`"));
    }
    Ok((scheme.to_owned(), authority, if path.is_empty() { "/" } else { path }))
}

/// Returns the host of an authority, without its port.
fn host(authority: &str) -> &str {
    authority.split(':').next().unwrap_or(authority)
}

/// Checks whether more than tags says that an object is the stack's: whoever may write tags must not choose what is loaded.
fn is_own(seen: &Seen) -> bool {
    matches!(seen.claim, Claim::Ours(_))
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(value: &Value, field: &str) -> Vec<String> {
    match value.get(field) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// Returns the names in the certificate of a listener, if that is the stack's.
fn certified(listener: &Seen, snapshot: &Snapshot) -> Vec<String> {
    let used = texts(&listener.fields, "certificate").concat();
    let own =
        snapshot.seen.iter().find(|seen| seen.kind == "acm.certificate" && !seen.id().is_empty() && used.contains(seen.id()));
    own.map(|own| [texts(&own.fields, "domain"), texts(&own.fields, "names")].concat()).unwrap_or_default()
}

/// Returns what the stack has for requests to go to. A name in a rule, an alias or a record is only a name: whose it is, nobody
/// checks, so connections go to the load balancer or the distribution all the same.
fn fronts(snapshot: &Snapshot) -> Vec<Front> {
    let of_kind = |kind: &'static str| snapshot.seen.iter().filter(move |seen| seen.kind == kind && is_own(seen));
    let refers = |seen: &Seen, field: &str, to: &str| {
        let written = seen.fields.get(field).and_then(Value::as_str).unwrap_or_default();
        Ids::default().text(written).is_ok_and(|id| id == to)
    };
    let mut out = Vec::new();
    for balancer in of_kind("elbv2.load_balancer") {
        let (mut hosts, mut guests) = (Vec::new(), Vec::new());
        for listener in of_kind("elbv2.listener").filter(|listener| refers(listener, "load_balancer", balancer.id())) {
            hosts.extend(certified(listener, snapshot));
            let rules = snapshot.seen.iter().filter(|seen| seen.kind == "elbv2.rule");
            for rule in rules.filter(|rule| refers(rule, "listener", listener.id())) {
                let names = texts(&rule.fields, "hosts");
                if is_own(rule) { hosts.extend(names) } else { guests.extend(names) }
            }
        }
        out.push(Front { dns: text(&balancer.live, "dns_name"), hosts, guests });
    }
    for record in of_kind("route53.record") {
        let target = text(&record.live, "target");
        let target = target.trim_end_matches('.').trim_start_matches("dualstack.").to_ascii_lowercase();
        if let Some(front) = out.iter_mut().find(|front| front.dns.eq_ignore_ascii_case(&target)) {
            front.hosts.push(text(&record.live, "name").trim_end_matches('.').to_owned());
        }
    }
    // CloudFront chooses the distribution by the host, wherever a record leads and whoever is connected to: the most exact alias of all
    // accounts wins (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html>). So only exact ones count.
    for distribution in of_kind("cloudfront.distribution") {
        let hosts = texts(&distribution.fields, "aliases").into_iter().filter(|alias| !alias.contains('*')).collect();
        out.push(Front { dns: text(&distribution.live, "domain"), hosts, guests: Vec::new() });
    }
    out.retain(|front| !front.dns.is_empty());
    out
}

impl Front {
    fn answers_to(&self, host: &str) -> bool {
        self.dns.eq_ignore_ascii_case(host) || self.hosts.iter().any(|name| fits(&name.to_ascii_lowercase(), host))
    }
}

/// Checks whether a host is the one that a name with `*` means. A `*` alone means every host, and so none in particular.
fn fits(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(end) if end.contains('.') => host.strip_suffix(end).is_some_and(|start| start.len() > 1 && start.ends_with('.')),
        _ => name == host,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::engine::Readiness;

    fn seen(kind: &str, claim: Claim, live: Value, fields: Value) -> Seen {
        Seen { kind: kind.into(), claim, live: Arc::new(live), fields: Arc::new(fields), state: Readiness::Ready }
    }

    fn ours(kind: &str, name: &str, live: Value, fields: Value) -> Seen {
        seen(kind, Claim::Ours(name.into()), live, fields)
    }

    fn stack(https: bool) -> Snapshot {
        let dns = "shop-1.us-east-1.elb.amazonaws.com";
        let (port, protocol) = if https { (443, "HTTPS") } else { (80, "HTTP") };
        let mut snapshot = Snapshot::default();
        snapshot.seen.extend([
            ours("elbv2.load_balancer", "main", json!({"id": "arn:lb", "dns_name": dns}), json!({})),
            ours(
                "elbv2.listener",
                "main",
                json!({"id": "arn:listener"}),
                json!({"load_balancer": "${=elbv2.load_balancer:arn:lb}", "port": port, "protocol": protocol, "certificate": "${=acm.certificate:arn:c}"}),
            ),
            ours("acm.certificate", "main", json!({"id": "arn:c"}), json!({"domain": "*.example.com", "names": ["example.com"]})),
            ours(
                "elbv2.rule",
                "api",
                json!({"id": "arn:rule"}),
                json!({"listener": "${=elbv2.listener:arn:listener}", "hosts": ["API.other.example"], "paths": ["/v1/*"],
                    "action": {"target_group": "${=elbv2.target_group:arn:tg}"}}),
            ),
            ours(
                "ecs.service",
                "api",
                json!({"id": "arn:api"}),
                json!({"load_balancers": [{"target_group": "${=elbv2.target_group:arn:tg}"}]}),
            ),
            ours("ecs.service", "worker", json!({"id": "arn:worker"}), json!({})),
            ours(
                "cloudfront.distribution",
                "main",
                json!({"id": "D", "domain": "d1.cloudfront.net"}),
                json!({"aliases": ["www.example.net", "*.shop.example.net"]}),
            ),
            ours(
                "route53.record",
                "cdn",
                json!({"id": "r2", "name": "cdn.example.org.", "target": "d1.cloudfront.net."}),
                json!({}),
            ),
            ours("elbv2.rule", "address", json!({"id": "arn:r1"}), json!({"listener": "${=elbv2.listener:arn:listener}", "hosts": ["10.0.0.1"]})),
            seen(
                "elbv2.rule",
                Claim::Foreign,
                json!({"id": "arn:guest"}),
                json!({"listener": "${=elbv2.listener:arn:listener}", "hosts": ["guest.example.com", "*.guests.example.com"],
                    "action": {"target_group": "${=elbv2.target_group:arn:hooked}"}}),
            ),
            ours(
                "ecs.service",
                "hooked",
                json!({"id": "arn:hooked"}),
                json!({"load_balancers": [{"target_group": "${=elbv2.target_group:arn:hooked}"}]}),
            ),
            ours(
                "route53.record",
                "shop",
                json!({"id": "r", "name": "shop.example.org.", "target": format!("dualstack.{dns}.")}),
                json!({}),
            ),
            seen("elbv2.load_balancer", Claim::Foreign, json!({"id": "arn:o", "dns_name": "other.elb.amazonaws.com"}), json!({})),
            seen(
                "elbv2.load_balancer",
                Claim::Tagged("x".into()),
                json!({"id": "arn:t", "dns_name": "tagged.elb.amazonaws.com"}),
                json!({}),
            ),
        ]);
        snapshot
    }

    fn of(text: &str) -> Result<Target> {
        Target::of(text, &stack(false), "shop/default")
    }

    #[test]
    fn addresses_of_the_stack_are_loaded_at_its_own_names() {
        let dns = "shop-1.us-east-1.elb.amazonaws.com";
        for (url, goes_to) in [
            ("http://shop-1.us-east-1.elb.amazonaws.com", dns),
            ("http://SHOP-1.us-east-1.elb.amazonaws.com:80/a?b=c", dns),
            ("http://api.other.example/v1/x", dns),
            ("https://shop.example.org/", dns),
            ("https://anything.example.com", dns),
            ("https://d1.cloudfront.net/", "d1.cloudfront.net"),
            ("https://www.example.net/", "d1.cloudfront.net"),
        ] {
            assert_eq!(of(url).unwrap().dns, goes_to, "{url}");
        }
        let target = of("http://api.other.example/v1/x?y=1").unwrap();
        assert_eq!(target.to_string(), "http://api.other.example/v1/x?y=1");
    }

    #[test]
    fn everything_else_is_refused() {
        for url in [
            "http://other.elb.amazonaws.com",
            "http://tagged.elb.amazonaws.com",
            "http://example.net/",
            // CloudFront chooses by the host, not by where a record leads.
            "https://cdn.example.org/",
            "https://a.shop.example.net/",
            // Names of a guest at the load balancer.
            "https://guest.example.com/",
            "https://a.guests.example.com/",
            // A rule of the stack's own names it.
            "http://10.0.0.1/",
            "http://10.0.0.1:8080/",
            "http://127.0.0.1/",
            "http://169.254.169.254/latest",
            "http://a.b.c.shop-1.us-east-1.elb.amazonaws.com",
            "http://.example.com",
            "services.worker",
            "services.hooked",
            "services.none",
        ] {
            let Err(Stop::Message(exit, text, _)) = of(url) else { panic!("{url}") };
            assert!(exit == crate::commands::stop::Exit::Refused && text.starts_with("nothing was sent"), "{url}: {text}");
        }
        for text in ["web", "ftp://d1.cloudfront.net", "http://", "http://user@d1.cloudfront.net", "http://d1.cloudfront.net/#a"]
        {
            let Err(Stop::Message(exit, _, _)) = of(text) else { panic!("{text}") };
            assert_eq!(exit, crate::commands::stop::Exit::Usage, "{text}");
        }
    }

    #[test]
    fn a_service_is_loaded_at_its_route() {
        assert_eq!(of("services.api").unwrap().to_string(), "http://API.other.example/v1/");
        let secure = Target::of("services.api", &stack(true), "shop/default").unwrap();
        assert_eq!(secure.to_string(), "https://API.other.example/v1/");
    }

    #[test]
    fn a_name_that_means_everything_means_nothing() {
        assert!(fits("*.example.com", "a.example.com") && fits("a.example.com", "a.example.com"));
        assert!(!fits("*", "a.example.com") && !fits("*.com", "a.com") && !fits("*.example.com", "example.com"));
        assert!(!fits("*.example.com", "evil-example.com") && !fits("*.example.com", ".example.com"));
    }
}
