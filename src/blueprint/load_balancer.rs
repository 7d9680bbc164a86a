//! `load_balancer`: what stands in front of the services that have routes.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::access_logs::{self, LogBucket};
use super::certificates::Certificates;
use super::facts::{Facts, slug};
use super::network::Network;
use crate::aws::Tags;
use crate::aws::ec2::{Direction, SecurityGroup, SecurityGroupRule};
use crate::aws::elbv2::{Action, FixedResponse, HealthCheck, Listener, ListenerRule, LoadBalancer, Redirect, TargetGroup};
use crate::aws::s3::Bucket;
use crate::config::Stack;
use crate::config::route::Route;
use crate::config::types::LoadBalancer as Section;
use crate::engine::{AnyRef, Error, Graph, Ref};

const ORIGIN: &str = "load_balancer";
/// TLS 1.2 and 1.3 with forward secrecy and without CBC, and with hybrid post-quantum key exchange for clients that have it: the policy
/// that AWS recommends (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>).
const SSL_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09";
/// How long a connection may be silent when nothing is said: AWS's own default.
pub const IDLE_SECONDS: u64 = 60;
/// What the names of logged requests start with, in the bucket for them.
const LOGS_PREFIX: &str = "alb";
/// AWS's own default of 300 seconds makes every deployment wait for five minutes.
const DEREGISTRATION_SECONDS: u64 = 30;

/// What the services need of the balancer.
pub struct Balancer {
    /// The balancer itself.
    pub balancer: Ref<LoadBalancer>,
    /// Its name in metrics and scaling.
    pub full_name: String,
    /// The group of the balancer: who talks to the services.
    pub security_group: Ref<SecurityGroup>,
    /// The targets of each service with routes.
    pub targets: BTreeMap<String, Attached>,
}

/// The targets of a service.
pub struct Attached {
    /// Their group.
    pub group: Ref<TargetGroup>,
    /// The listeners and rules that attach it to the balancer.
    pub by: Vec<AnyRef>,
}

pub fn expand(
    graph: &mut Graph,
    stack: &Stack,
    network: &Network,
    certificates: &Certificates,
    facts: &Facts<'_>,
) -> Result<Option<Balancer>, Error> {
    if !stack.is_load_balanced() {
        return Ok(None);
    }
    let section = stack.load_balancer.clone().unwrap_or_default();
    let security_group = security_group(graph, &section, network)?;
    let logs = access_logs(graph, stack, &section, facts)?;
    let balancer = balancer(graph, &section, network, &security_group, logs)?;
    let targets = targets(graph, stack, network, &balancer)?;
    let full_name = balancer.clone().attr("full_name").to_string();
    let mut out = Balancer { balancer, full_name, security_group, targets };
    let main = listeners(graph, stack, &section, certificates, &mut out)?;
    rules(graph, stack, &main, facts, &mut out)?;
    Ok(Some(out))
}

/// Adds the balancer's group: who may talk to it, and that it may talk to the services.
fn security_group(graph: &mut Graph, section: &Section, network: &Network) -> Result<Ref<SecurityGroup>, Error> {
    let group = SecurityGroup { vpc: network.vpc.clone(), description: "Load balancer".into(), tags: Tags::new() };
    let group = graph.add("alb", ORIGIN, &group)?;
    let rule = |direction: Direction, (from_port, to_port): (i32, i32), cidr: String, what: String| SecurityGroupRule {
        group: group.clone(),
        direction,
        protocol: "tcp".into(),
        from_port,
        to_port,
        cidr: Some(cidr),
        peer: None,
        description: Some(what),
        tags: Tags::new(),
    };
    let ports: &[(&str, i32)] = if section.certificate.is_some() { &[("http", 80), ("https", 443)] } else { &[("http", 80)] };
    for (protocol, port) in ports {
        for cidr in &section.allow {
            let what = format!("{} from {cidr}", protocol.to_ascii_uppercase());
            let rule = rule(Direction::Ingress, (*port, *port), cidr.to_string(), what);
            graph.add(format!("alb-{protocol}-from-{}", slug(&cidr.to_string())), ORIGIN, &rule)?;
        }
    }
    // One rule for all services: a group has at most 60, and each service's own group says who may come in.
    graph.add("alb-to-services", ORIGIN, &rule(Direction::Egress, (0, 65535), network.cidr.clone(), "To services".into()))?;
    Ok(group)
}

fn balancer(
    graph: &mut Graph,
    section: &Section,
    network: &Network,
    group: &Ref<SecurityGroup>,
    logs: Option<LogBucket>,
) -> Result<Ref<LoadBalancer>, Error> {
    let mut attributes: BTreeMap<String, String> =
        SAFE.iter().chain(&USUAL).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    // What is taken out of the file is AWS's own choice again.
    let idle = section.idle_timeout.map_or(IDLE_SECONDS, |timeout| timeout.as_secs());
    attributes.insert("idle_timeout.timeout_seconds".into(), idle.to_string());
    if let Some(protect) = section.deletion_protection {
        attributes.insert("deletion_protection.enabled".into(), protect.to_string());
    }
    let mut after: Vec<AnyRef> =
        network.gateway.iter().filter(|_| !section.internal).map(|gateway| gateway.clone().into()).collect();
    if !section.attributes.keys().any(|key| key.starts_with("access_logs.s3.")) {
        attributes.insert("access_logs.s3.enabled".into(), logs.is_some().to_string());
    }
    if let Some(LogBucket { bucket, policy }) = logs {
        attributes.insert("access_logs.s3.bucket".into(), bucket.attr("name").to_string());
        attributes.insert("access_logs.s3.prefix".into(), LOGS_PREFIX.into());
        // AWS tries to write there when the logs are turned on.
        after.push(policy.into());
    }
    attributes.extend(section.attributes.clone());
    let balancer = LoadBalancer {
        vpc: network.vpc.clone(),
        scheme: if section.internal { "internal" } else { "internet-facing" }.into(),
        subnets: if section.internal { network.app.clone() } else { network.public.clone() },
        security_groups: vec![group.clone()],
        attributes,
        after,
        tags: Tags::new(),
    };
    graph.add("main", ORIGIN, &balancer)
}

/// Adds the bucket for the balancer's logs. None where the file turns them off, or names a bucket of its own in `attributes`.
fn access_logs(graph: &mut Graph, stack: &Stack, section: &Section, facts: &Facts<'_>) -> Result<Option<LogBucket>, Error> {
    if !section.access_logs || section.attributes.keys().any(|key| key.starts_with("access_logs.s3.")) {
        return Ok(None);
    }
    let writers = |bucket: &Ref<Bucket>| vec![access_logs::balancers_write(bucket, LOGS_PREFIX, facts)];
    // A load balancer accepts no others
    // (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html>).
    let s3_keys = access_logs::encryption(None);
    access_logs::bucket(graph, "alb-logs", "load_balancer", "BucketOwnerEnforced", s3_keys, stack.logs.access, writers).map(Some)
}

/// Adds a target group for each service with routes.
pub(super) fn targets(
    graph: &mut Graph,
    stack: &Stack,
    network: &Network,
    balancer: &Ref<LoadBalancer>,
) -> Result<BTreeMap<String, Attached>, Error> {
    let mut targets = BTreeMap::new();
    for (name, service) in &stack.services {
        let (Some(port), false) = (service.port, service.routes.is_empty()) else { continue };
        let health = service.health.clone().unwrap_or_default();
        let delay = service.deregistration_delay.as_ref().map_or(DEREGISTRATION_SECONDS, |d| d.as_secs());
        let group = TargetGroup {
            vpc: network.vpc.clone(),
            port: i32::from(port),
            protocol: "HTTP".into(),
            target_type: "ip".into(),
            health: HealthCheck {
                path: Some(health.path),
                interval: Some(seconds(health.interval.as_secs())),
                timeout: Some(seconds(health.timeout.as_secs())),
                healthy: Some(i32::from(health.healthy)),
                unhealthy: Some(i32::from(health.unhealthy)),
                codes: Some(health.codes),
                protocol: None,
            },
            load_balancer: Some(balancer.clone()),
            attributes: BTreeMap::from([("deregistration_delay.timeout_seconds".to_owned(), delay.to_string())]),
            tags: Tags::new(),
        };
        let group = graph.add(name.as_str(), &format!("services.{name}"), &group)?;
        targets.insert(name.to_string(), Attached { group, by: Vec::new() });
    }
    Ok(targets)
}

/// Attributes on which safety depends. All but the first are as AWS has them; here they are held.
const SAFE: [(&str, &str); 5] = [
    ("routing.http.drop_invalid_header_fields.enabled", "true"),
    ("routing.http.desync_mitigation_mode", "defensive"),
    ("routing.http.preserve_host_header.enabled", "false"),
    ("routing.http.xff_header_processing.mode", "append"),
    ("waf.fail_open.enabled", "false"),
];

/// What AWS has where nothing is said
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html>). Not among them is what
/// an account's own rules may set: logs, protection from deletion, zonal shift.
const USUAL: [(&str, &str); 4] = [
    ("client_keep_alive.seconds", "3600"),
    ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false"),
    ("routing.http.xff_client_port.enabled", "false"),
    ("routing.http2.enabled", "true"),
];

fn seconds(n: u64) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Checks whether the route takes everything that no other takes.
fn is_catch_all(route: &Route) -> bool {
    route.path == "/*" && route.host.is_none()
}

/// Adds the listeners, and returns the one that rules are added to.
fn listeners(
    graph: &mut Graph,
    stack: &Stack,
    section: &Section,
    certificates: &Certificates,
    out: &mut Balancer,
) -> Result<Ref<Listener>, Error> {
    // The service that takes everything else is the listener's default; without one, everything else is not found.
    let default = stack.services.iter().find(|(_, s)| s.routes.iter().any(is_catch_all)).map(|(name, _)| name.to_string());
    let default_action = match default.as_ref().and_then(|name| out.targets.get(name)) {
        Some(attached) => Action::forward(attached.group.clone()),
        None => Action {
            kind: "fixed-response".into(),
            fixed: Some(FixedResponse { status_code: "404".into(), content_type: "text/plain".into(), body: "not found".into() }),
            ..Action::default()
        },
    };
    let listener = |port: i32, protocol: &str, action: Action| Listener {
        load_balancer: out.balancer.clone(),
        port,
        protocol: protocol.into(),
        certificate: None,
        ssl_policy: None,
        default_action: action,
        tags: Tags::new(),
    };
    let main = match section.certificate.as_deref().map(|name| certificates.regional(name)) {
        None => graph.add("http", ORIGIN, &listener(80, "HTTP", default_action))?,
        Some(certificate) => {
            let to_https =
                Action { kind: "redirect".into(), redirect: Some(Redirect::to("HTTPS", "443", "HTTP_301")), ..Action::default() };
            graph.add("http", ORIGIN, &listener(80, "HTTP", to_https))?;
            let mut https = listener(443, "HTTPS", default_action);
            https.certificate = Some(certificate);
            https.ssl_policy = Some(section.ssl_policy.clone().unwrap_or_else(|| SSL_POLICY.into()));
            graph.add("https", ORIGIN, &https)?
        }
    };
    if let Some(attached) = default.as_ref().and_then(|name| out.targets.get_mut(name)) {
        attached.by.push(main.clone().into());
    }
    Ok(main)
}

/// Adds a rule for each route but the one that takes everything.
pub(super) fn rules(
    graph: &mut Graph,
    stack: &Stack,
    main: &Ref<Listener>,
    facts: &Facts<'_>,
    out: &mut Balancer,
) -> Result<(), Error> {
    let mut taken: BTreeSet<i32> =
        stack.services.values().flat_map(|s| &s.routes).filter_map(|r| r.priority).map(i32::from).collect();
    let (own, others): (Vec<_>, Vec<_>) = facts.placed.iter().partition(|placed| facts.is_own(placed));
    // In another environment's listener every rule is another's, whether it says whose or not.
    let others = others.iter().filter(|placed| placed.owner.is_some() || facts.host.is_some());
    let others: BTreeSet<i32> = others.map(|placed| placed.priority).collect();
    // Beside the rules of others a rule keeps the number that it got around them, even when theirs go.
    let own = own.iter().filter(|_| facts.host.is_some() || !others.is_empty());
    let own: BTreeMap<&str, i32> = own.map(|placed| (placed.name.as_str(), placed.priority)).collect();
    let named = named(stack, &facts.scope.env);
    let kept = |rule: &str, route: &Route| {
        let number = *own.get(rule).filter(|_| route.priority.is_none())?;
        (band(route).contains(&number) && !others.contains(&number)).then_some(number)
    };
    taken.extend(named.iter().filter_map(|(_, rule, route)| kept(rule, route)));
    taken.extend(&others);
    for (name, rule_name, route) in named {
        let Some(attached) = out.targets.get_mut(name) else { continue };
        // Under another name a service keeps the numbers that it had. Guests that are alike begin at different ones.
        let numbered = rule_name.replacen(name, stack.first_name(name), 1);
        let numbered = if facts.host.is_some() { format!("{}/{numbered}", facts.scope.env) } else { numbered };
        let number = route.priority.map(i32::from).or_else(|| kept(&rule_name, route));
        let rule = ListenerRule {
            listener: main.clone(),
            priority: number.unwrap_or_else(|| priority(route, &numbered, &mut taken)),
            paths: if route.path == "/*" { Vec::new() } else { vec![route.path.clone()] },
            hosts: route.host.iter().cloned().collect(),
            others: Vec::new(),
            action: Action::forward(attached.group.clone()),
            tags: Tags::new(),
        };
        attached.by.push(graph.add(rule_name, &format!("services.{name}.routes"), &rule)?.into());
    }
    Ok(())
}

/// Returns the routes that need a rule: the service of each, the name of the rule, and the route. The host name that all routes of
/// a guest get is in no name, so that the rules of two guests have the same.
fn named<'a>(stack: &'a Stack, env: &str) -> Vec<(&'a str, String, &'a Route)> {
    let given = stack.share.host_of(env);
    let mut out = Vec::new();
    for (name, service) in stack.services.iter().filter(|(_, service)| service.port.is_some()) {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for route in service.routes.iter().filter(|route| !is_catch_all(route)) {
            let text = if route.host == given { route.path.clone() } else { route.to_string() };
            let slug = slug(&text);
            let mut rule_name = if slug.is_empty() { format!("{name}-root") } else { format!("{name}-{slug}") };
            if !names.insert(rule_name.clone()) {
                rule_name = format!("{rule_name}-{:04x}", digest(&text) & 0xffff);
            }
            out.push((name.as_str(), rule_name, route));
        }
    }
    out
}

fn digest(text: &str) -> u32 {
    Sha256::digest(text.as_bytes()).iter().take(4).fold(0, |n, b| (n << 8) | u32::from(*b))
}

/// How many numbers routes of the same exactness share.
const BAND: u32 = 180;

/// Returns the first number for a route: the more exact a route, the earlier it is asked. 1 to 999 are left to the user.
fn base(route: &Route) -> u32 {
    let literal = |text: &str| text.chars().filter(|c| !"*?".contains(*c)).count().min(127) as u32;
    let exactness = literal(&route.path) + route.host.as_deref().map_or(0, |host| 128 + literal(host).min(8));
    1000 + (270u32.saturating_sub(exactness)) * BAND
}

/// Returns the numbers for routes that are as exact as this one.
fn band(route: &Route) -> std::ops::Range<i32> {
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    number(base(route))..number(base(route) + BAND)
}

/// Returns a priority for a route without one, which it keeps whatever other routes come and go.
fn priority(route: &Route, name: &str, taken: &mut BTreeSet<i32>) -> i32 {
    const LAST: u32 = 50_000;
    let base = base(route);
    let start = digest(name) % BAND;
    // Its band first; when that is full, whatever comes after it.
    let candidates = (0..BAND).map(|n| base + (start + n) % BAND).chain(base + BAND..=LAST).chain((1000..base).rev());
    candidates.filter_map(|n| i32::try_from(n).ok()).find(|n| taken.insert(*n)).unwrap_or(LAST as i32)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::control::View;
    use crate::aws::registry;
    use crate::blueprint::tests::graph;

    #[test]
    fn more_exact_routes_come_first_and_numbers_stay() {
        let route = |t: &str| t.parse::<Route>().unwrap();
        let number = |t: &str| priority(&route(t), t, &mut BTreeSet::new());
        assert!(number("/api/v1/*") < number("/api/*"));
        assert!(number("a.example.com/*") < number("/api/v1/a/long/path/*"));
        assert!((1000..=50_000).contains(&number("/*")));
        let mut taken = BTreeSet::new();
        let first = priority(&route("/api/*"), "x", &mut taken);
        assert_ne!(first, priority(&route("/api/*"), "x", &mut taken));
        for _ in 0..1000 {
            priority(&route("/api/*"), "x", &mut taken);
        }
        assert_eq!(taken.len(), 1002, "a full band is no end");
    }

    #[test]
    fn https_meets_the_controls() {
        let graph = graph(&json!({"stack": "a", "region": "us-east-1",
            "certificates": {"site": {"domain": "shop.example.com", "zone": "Z0123456789ABCDEFGHIJ"}},
            "load_balancer": {"certificate": "certificates.site"},
            "services": {"web": {"image": "i", "port": 80, "routes": ["/*"]}}}));
        let view = View::of_graph(&graph, "123456789012");
        assert_eq!(view.raw("elbv2.listener").count(), 2);
        for id in ["ELB.1", "ELB.17"] {
            let control = registry::controls().find(|control| control.id == id).unwrap();
            assert_eq!((control.check)(&view).unwrap(), [], "{id}");
        }
    }

    #[test]
    fn every_rule_of_a_group_says_what_it_is_for() {
        let graph = graph(&json!({"stack": "a", "region": "us-east-1",
            "databases": {"main": {"engine": "postgres", "version": "16"}},
            "caches": {"sessions": {"engine": "valkey"}},
            "services": {
                "web": {"image": "i", "port": 80, "routes": ["/*"], "uses": ["databases.main", "caches.sessions", "services.api"]},
                "api": {"image": "i", "port": 81}}}));
        let rules = graph.nodes().filter(|node| node.key.kind == "ec2.security_group_rule");
        let told: BTreeMap<&str, &str> =
            rules.map(|rule| (rule.key.name.as_str(), rule.desired["description"].as_str().unwrap_or("nothing"))).collect();
        let expected = [
            ("alb-http-from-0-0-0-0-0", "HTTP from 0.0.0.0/0"),
            ("alb-to-services", "To services"),
            ("api-from-web", "From services.web"),
            ("api-to-anywhere", "To anywhere"),
            ("caches-sessions-from-web", "From services.web"),
            ("databases-main-from-web", "From services.web"),
            ("web-from-alb", "From the load balancer"),
            ("web-to-anywhere", "To anywhere"),
        ];
        assert_eq!(told, BTreeMap::from(expected));
    }
}
