//! Checks of the section `recovery`.

use super::super::diagnostic::{Diagnostic, short};
use super::super::types::Stack;
use super::super::values::arn;
use super::Checks;

const DAY: u64 = 86_400;
/// How often RDS uploads the logs of a database
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html>).
const UPLOADS: u64 = 300;
/// The days for which RDS keeps automated backups.
const MOST_DAYS: u64 = 35;
/// The length of a path that Route 53 asks for
/// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html>).
const MOST_PATH: usize = 255;

pub(super) fn recovery(checks: &mut Checks<'_>) {
    let Some(recovery) = &checks.stack.recovery else { return };
    if recovery.region == checks.stack.region {
        let message = format!("`{}` is the stack's own region", short(&recovery.region));
        let diagnostic = Diagnostic::error("wrong-region", message).help("name another region");
        checks.at("recovery.region", "not another region", diagnostic);
    }
    if recovery.rpo.as_secs() < UPLOADS {
        let message = format!("`rpo` is {}, and RDS uploads logs every five minutes", recovery.rpo);
        checks.at("recovery.rpo", "cannot hold", Diagnostic::error("out-of-range", message).help("write `5m` or more"));
    }
    if recovery.rto.as_secs() == 0 {
        let diagnostic = Diagnostic::error("out-of-range", "`rto` must be more than nothing").help("write `2h`, for example");
        checks.at("recovery.rto", "nothing", diagnostic);
    }
    let keep = recovery.keep.as_secs();
    if !(DAY..=MOST_DAYS * DAY).contains(&keep) || !keep.is_multiple_of(DAY) {
        let message = format!("`keep` must be whole days from 1d to {MOST_DAYS}d, but is {}", recovery.keep);
        let nearest = keep.div_ceil(DAY).clamp(1, MOST_DAYS);
        let help = format!("the nearest valid time is `{nearest}d`");
        checks.at("recovery.keep", "1d to 35d", Diagnostic::error("out-of-range", message).help(help));
    }
    if let Some(key) = &recovery.key
        && arn(key).is_some_and(|parts| parts[3] != recovery.region)
    {
        let message = format!("the key is not in `{}`, where the backups are", short(&recovery.region));
        let diagnostic = Diagnostic::error("wrong-region", message).help("name a key of that region");
        checks.at("recovery.key", "another region", diagnostic);
    }
    health_check(checks);
    for (name, database) in &checks.stack.databases {
        if database.backups.as_secs() == 0 {
            let message = format!("`databases.{name}` has no automated backups, so none can be replicated");
            let diagnostic = Diagnostic::error("no-backups", message).help("write `backups: 1d` or more");
            checks.at(&format!("databases.{name}.backups"), "none", diagnostic);
        }
        // <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html>, limitations.
        if recovery.mode.has_standby() && database.password.rotate.days().is_some() {
            let mode = recovery.mode.as_str();
            let message = format!(
                "RDS manages the password of `databases.{name}`, and such a database has no replicas, which `mode: {mode}` needs"
            );
            let diagnostic = Diagnostic::error("rotation-and-replicas", message).help("write `rotate: never`, or `mode: backup`");
            checks.at(&format!("databases.{name}.password.rotate"), "rotated by RDS", diagnostic);
        }
    }
}

/// Checks that Route 53 can ask for the path, and that there are records which the answer concerns.
fn health_check(checks: &mut Checks<'_>) {
    const AT: &str = "recovery.health_check";
    let Some(recovery) = &checks.stack.recovery else { return };
    let Some(check) = &recovery.health_check else { return };
    if !recovery.mode.serves() {
        let message =
            format!("no second region serves with `mode: {}`, so a health check could lead nowhere", recovery.mode.as_str());
        let help = "write `mode: warm_standby` or `mode: active_active`, or remove `health_check`";
        checks.at_key(AT, "no effect", Diagnostic::error("checks-nothing", message).help(help));
    } else if let Some(why) = without_names(checks.stack) {
        let message = format!("health checks concern DNS records of the load balancer, and there are none: {why}");
        let help = "give the load balancer a certificate `certificates.NAME` with a `zone`, or remove `health_check`";
        checks.at_key(AT, "no effect", Diagnostic::error("checks-nothing", message).help(help));
    }
    if ![10, 30].contains(&check.interval.as_secs()) {
        let message = format!("Route 53 asks every 10 or every 30 seconds, and not every {}", check.interval);
        let nearest = if check.interval.as_secs() < 20 { "10s" } else { "30s" };
        let diagnostic = Diagnostic::error("out-of-range", message).help(format!("the nearest valid time is `{nearest}`"));
        checks.at("recovery.health_check.interval", "`10s` or `30s`", diagnostic);
    }
    path(checks, &check.path);
    reachable(checks);
}

/// Returns why the load balancer has no names that lead to several regions, if so.
fn without_names(stack: &Stack) -> Option<&'static str> {
    let balancer = stack.load_balancer.as_ref();
    let certificate = balancer.and_then(|balancer| balancer.certificate.as_deref());
    let own = certificate.and_then(|name| name.strip_prefix("certificates.")).and_then(|name| stack.certificates.get(name));
    if stack.cdn.is_some() {
        return Some("with `cdn`, public names lead to CloudFront");
    }
    if balancer.is_some_and(|balancer| !balancer.dns) {
        return Some("`load_balancer` has `dns: false`");
    }
    own.is_none_or(|own| own.zone.is_none()).then_some("`load_balancer` has no certificate of the stack in a zone of Route 53")
}

/// Checks that a service answers to the path whatever the host: Route 53 sends the load balancer's own name
/// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html>).
fn path(checks: &mut Checks<'_>, path: &str) {
    const AT: &str = "recovery.health_check.path";
    if !path.starts_with('/') {
        let message = format!("the path `{}` does not start with a slash", short(path));
        let help = format!("write `/{}`", short(path));
        return checks.at(AT, "no path", Diagnostic::error("unasked-path", message).help(help));
    }
    if path.len() > MOST_PATH {
        let message = format!("the path has {} characters, and Route 53 accepts {MOST_PATH}", path.len());
        return checks.at(AT, "too long", Diagnostic::error("unasked-path", message).help("choose a shorter path"));
    }
    let asked = path.split('?').next().unwrap_or(path);
    let routes = checks.stack.services.values().flat_map(|service| &service.routes);
    if routes.clone().any(|route| route.host.is_none() && is_like(&route.path, asked)) {
        return;
    }
    let message =
        format!("Route 53 asks for `{}` under the load balancer's own name, and no service answers to that", short(path));
    let help = "give a service a route for it without a host name, such as `routes: [\"/health\"]`";
    checks.at(AT, "no route without a host", Diagnostic::error("unasked-path", message).help(help));
}

/// Checks that Route 53's checkers reach the load balancer: from anywhere, with TLS up to 1.2.
fn reachable(checks: &mut Checks<'_>) {
    let Some(balancer) = &checks.stack.load_balancer else { return };
    let (is_internal, is_open) = (balancer.internal, balancer.allow.iter().any(|network| network.0.prefix_len() == 0));
    let needs_tls_1_3 = balancer.ssl_policy.as_deref().is_some_and(|policy| policy.contains("-TLS13-1-3-"));
    let mut refuse = |at: &str, why: &str, help: &str| {
        let diagnostic =
            Diagnostic::error("shuts-out-checks", format!("Route 53's health checks cannot reach the load balancer: {why}"));
        checks.at(at, "shuts out health checks", diagnostic.help(help));
    };
    if is_internal {
        refuse("load_balancer.internal", "it is internal", "remove `internal`, or `recovery.health_check`");
    } else if !is_open {
        // <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-router-firewall-rules.html>.
        let why = "`allow` has no `0.0.0.0/0`, and their addresses change";
        refuse(
            "load_balancer.allow",
            why,
            "allow `0.0.0.0/0` and limit access with `firewall`, or remove `recovery.health_check`",
        );
    }
    if needs_tls_1_3 {
        let why = "it accepts TLS 1.3 only, and health checks use TLS 1.2 at most";
        refuse("load_balancer.ssl_policy", why, "choose a policy with TLS 1.2, or remove `recovery.health_check`");
    }
}

/// Checks whether a path matches the pattern of a route, in which `*` stands for any characters and `?` for one.
fn is_like(pattern: &str, path: &str) -> bool {
    match (pattern.chars().next(), path.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            is_like(&pattern[1..], path) || path.chars().next().is_some_and(|c| is_like(pattern, &path[c.len_utf8()..]))
        }
        (Some('?'), Some(c)) => is_like(&pattern[1..], &path[c.len_utf8()..]),
        (Some(one), Some(other)) if one == other => is_like(&pattern[one.len_utf8()..], &path[other.len_utf8()..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_path_matches_as_a_route_does() {
        for pattern in ["/*", "/health", "/he?lth", "/h*h", "*"] {
            assert!(is_like(pattern, "/health"), "{pattern}");
        }
        for pattern in ["/api/*", "/health/", "/healt", "/health?", ""] {
            assert!(!is_like(pattern, "/health"), "{pattern}");
        }
    }
}
