//! The checks of `services`: each by itself, what it uses, and its routes.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::Checks;
use super::limits;
use crate::diagnostic::{Diagnostic, short};
use crate::policy::PolicyStatement;
use crate::route::Route;
use crate::service::Service;
use crate::types::Stack;
use crate::values::Name;

pub(super) fn services(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    let circles = circles(stack);
    for (name, group) in &stack.access.groups {
        sids(checks, &format!("access.groups.{name}.statements"), &group.statements);
    }
    for (name, pipeline) in &stack.access.pipelines {
        sids(checks, &format!("access.pipelines.{name}.statements"), &pipeline.statements);
    }
    for (name, set) in stack.access.identity_center.iter().flat_map(|section| &section.permission_sets) {
        sids(checks, &format!("access.identity_center.permission_sets.{name}.statements"), &set.statements);
    }
    for (name, service) in &stack.services {
        let path = format!("services.{name}");
        sids(checks, &format!("{path}.policies"), &service.policies);
        size(checks, &path, service);
        tasks(checks, &path, service);
        port(checks, &path, service);
        filesystem(checks, &path, service);
        times(checks, &path, service);
        uses(checks, &path, name, service);
        for (at, round) in circles.get(name).into_iter().flatten() {
            circle(checks, &format!("{path}.uses[{at}]"), round);
        }
        for key in service.secrets.keys().filter(|key| service.environment.contains_key(*key)) {
            checks.at_key(
                &format!("{path}.secrets.{key}"),
                "a secret",
                Diagnostic::error(
                    "duplicate-variable",
                    format!("`{name}` gets the variable `{key}` twice: from `environment` and from `secrets`"),
                )
                .help("keep one of the two"),
            );
            second_place(checks, &format!("{path}.environment.{key}"), "and plain text");
        }
    }
}

/// Points the last problem at a second place.
pub(super) fn second_place(checks: &mut Checks<'_>, path: &str, label: &str) {
    if checks.left_out {
        return;
    }
    let span = checks.file.find(path).span;
    if let (Some(last), Some(span)) = (checks.found.last_mut(), span) {
        last.labels.push((span, label.to_owned()));
    }
}

fn size(checks: &mut Checks<'_>, path: &str, service: &Service) {
    if let Err(near) = limits::pair(service.cpu, service.memory) {
        let message = format!("Fargate does not offer `cpu: {}` with `memory: {}`", service.cpu, service.memory);
        // If neither is written, the pair is the default, which exists.
        let (first, second) =
            if checks.file.node(&format!("{path}.memory")).is_some() { ("memory", "cpu") } else { ("cpu", "memory") };
        checks.at(&format!("{path}.{first}"), "not a valid pair", Diagnostic::error("no-such-size", message).help(near));
        if checks.file.node(&format!("{path}.{second}")).is_some() {
            second_place(checks, &format!("{path}.{second}"), "with this");
        }
    }
}

/// Checks what a read-only root filesystem leaves: absolute directories to write to, and no shell, whose agent writes to the root
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-considerations>).
fn filesystem(checks: &mut Checks<'_>, path: &str, service: &Service) {
    if service.readonly_root && service.exec {
        let message = format!("`{path}` has both `readonly_root` and `exec`, which needs to write to the root filesystem");
        let help = "turn one of the two off; in an environment for debugging write `exec: true` and `readonly_root: false`";
        checks.at(&format!("{path}.readonly_root"), "read-only", Diagnostic::error("exec-needs-writes", message).help(help));
        second_place(checks, &format!("{path}.exec"), "and a shell");
    }
    if !service.readonly_root && !service.writable.is_empty() {
        let message = format!("`{path}.writable` has no effect: all of the filesystem is writable");
        let diagnostic =
            Diagnostic::error("nothing-read-only", message).help("write `readonly_root: true`, or remove `writable`");
        checks.at(&format!("{path}.writable"), "without `readonly_root`", diagnostic);
    }
    for (at, directory) in service.writable.iter().enumerate() {
        let place = format!("{path}.writable[{at}]");
        let below = directory.strip_prefix('/').unwrap_or_default();
        let is_plain = below.split('/').all(|step| !step.is_empty() && step != "." && step != "..");
        if !is_plain || below.contains(':') {
            let message = format!("`{}` is not a directory of a container", short(directory));
            let help = "write an absolute path below `/`, without a slash at its end, like `/tmp`";
            checks.at(&place, "not an absolute path", Diagnostic::error("no-such-directory", message).help(help));
        } else if service.writable.iter().take(at).any(|other| other == directory) {
            let message = format!("`{}` is listed twice", short(directory));
            checks.at(&place, "again", Diagnostic::error("duplicate-directory", message).help("remove one of the two"));
        }
    }
}

fn tasks(checks: &mut Checks<'_>, path: &str, service: &Service) {
    let Some(scale) = &service.scale else { return };
    if service.count.is_some() {
        let message = format!("`{path}` has both `count` and `scale`");
        checks.at(
            &format!("{path}.count"),
            "a fixed number",
            Diagnostic::error("count-and-scale", message)
                .help("keep `count` for a fixed number of tasks, or `scale` for one that follows the load; in an environment `scale: null` removes it"),
        );
        second_place(checks, &format!("{path}.scale"), "and one that changes");
    }
    if scale.min > scale.max {
        let message = format!("`{path}.scale` has `min: {}` above `max: {}`", scale.min, scale.max);
        checks.at(
            &format!("{path}.scale.min"),
            "greater",
            Diagnostic::error("min-above-max", message).help(format!("swap the two, or write `max: {}`", scale.min)),
        );
        second_place(checks, &format!("{path}.scale.max"), "than this");
    }
    if scale.requests.is_some() && service.routes.is_empty() {
        let message = format!("`{path}` has no routes, so no requests are counted");
        checks.at(
            &format!("{path}.scale.requests"),
            "no routes",
            Diagnostic::error("needs-routes", message).help("scale by `cpu` or `memory`, or give the service routes"),
        );
    }
}

/// Checks the keys that need a port or routes.
fn port(checks: &mut Checks<'_>, path: &str, service: &Service) {
    if service.port.is_none() && !service.routes.is_empty() {
        checks.at_key(
            &format!("{path}.routes"),
            "needs a port",
            Diagnostic::error("needs-port", format!("`{path}` has routes but no port")).help(
                "add `port: …`, the port that the container listens on; without one the service is a worker that cannot be reached",
            ),
        );
    }
    if service.routes.is_empty() {
        let with = [
            ("health", service.health.is_some()),
            ("grace", service.grace.is_some()),
            ("deregistration_delay", service.deregistration_delay.is_some()),
        ];
        for (key, _) in with.into_iter().filter(|(_, is)| *is) {
            checks.at_key(
                &format!("{path}.{key}"),
                "for the load balancer",
                Diagnostic::error("needs-routes", format!("`{path}` has no routes, so `{key}` has no effect"))
                    .help(format!("remove `{key}`, or give the service routes")),
            );
        }
    }
}

fn times(checks: &mut Checks<'_>, path: &str, service: &Service) {
    checks.within(&format!("{path}.deregistration_delay"), service.deregistration_delay, 0, 3600);
    checks.within(&format!("{path}.stop_timeout"), service.stop_timeout, 2, 120);
    checks.within(&format!("{path}.grace"), service.grace, 0, 2_147_483_647);
    let Some(health) = &service.health else { return };
    checks.within(&format!("{path}.health.interval"), Some(health.interval), 5, 300);
    checks.within(&format!("{path}.health.timeout"), Some(health.timeout), 2, 120);
    if health.timeout >= health.interval {
        let key = if checks.file.node(&format!("{path}.health.timeout")).is_some() { "timeout" } else { "interval" };
        let message = format!(
            "`{path}.health` has a timeout of {}, which is not less than the interval of {}",
            health.timeout, health.interval
        );
        checks.at(
            &format!("{path}.health.{key}"),
            "not less than the interval",
            Diagnostic::error("timeout-above-interval", message)
                .help("a check must time out before the next one: make the interval longer"),
        );
    }
    if !codes(&health.codes) {
        let message = format!("`{}` is not a list of HTTP codes from 200 to 499", crate::diagnostic::short(&health.codes));
        checks.at(
            &format!("{path}.health.codes"),
            "not codes",
            Diagnostic::error("invalid-value", message).help("write `200`, `200,302` or `200-299`"),
        );
    }
}

fn codes(text: &str) -> bool {
    let code = |t: &str| t.parse::<u16>().ok().filter(|n| (200..=499).contains(n));
    text.split(',').all(|part| match part.split_once('-') {
        Some((from, to)) => code(from).zip(code(to)).is_some_and(|(from, to)| from <= to),
        None => code(part).is_some(),
    })
}

fn uses(checks: &mut Checks<'_>, path: &str, name: &Name, service: &Service) {
    for (i, used) in service.uses.iter().enumerate() {
        let at = format!("{path}.uses[{i}]");
        let again = service.uses[..i].contains(used);
        let target = used.strip_prefix("services.").and_then(|n| checks.stack.services.get_key_value(n));
        match target {
            None if checks.stack.usable().contains(used) && !again => {}
            None if !again => {
                let diagnostic = Diagnostic::error(
                    "unknown-reference",
                    format!("`{path}` uses `{}`, which does not exist", crate::diagnostic::short(used)),
                );
                let diagnostic = match checks.references(used) {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                };
                checks.at(&at, "not in this file", diagnostic);
            }
            Some((other, _)) if other == name => checks.at(
                &at,
                "itself",
                Diagnostic::error("unknown-reference", format!("`{path}` uses itself"))
                    .help("remove it: a service reaches itself at `localhost`"),
            ),
            Some((other, target)) if target.port.is_none() => {
                checks.at(
                    &at,
                    "a worker",
                    Diagnostic::error("needs-port", format!("`{path}` uses `services.{other}`, which has no port"))
                        .help(format!("add `port: …` to `services.{other}`, or remove it from `uses`")),
                );
                second_place(checks, &format!("services.{other}"), "has no port");
            }
            _ if again => {
                checks.at(
                    &at,
                    "again",
                    Diagnostic::warning("duplicate-reference", format!("`{path}` uses `{used}` twice")).help("list it once"),
                );
            }
            _ => {}
        }
    }
}

/// IAM accepts no two statements with the same name in a policy
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html>).
fn sids(checks: &mut Checks<'_>, path: &str, statements: &[PolicyStatement]) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, sid) in statements.iter().enumerate().filter_map(|(i, statement)| Some((i, statement.sid.as_deref()?))) {
        if let Some(first) = seen.insert(sid, i) {
            let message = format!("two statements have the `sid` `{}`", crate::diagnostic::short(sid));
            let diagnostic = Diagnostic::error("duplicate-name", message).help("give each its own, or leave it out");
            checks.at(&format!("{path}[{i}].sid"), "again here", diagnostic);
            second_place(checks, &format!("{path}[{first}].sid"), "first here");
        }
    }
}

/// Returns the services that a service uses, each with its index in `uses`.
fn ways<'a>(stack: &'a Stack, from: &Name) -> Vec<(usize, &'a Name)> {
    let uses = stack.services.get(from).into_iter().flat_map(|service| service.uses.iter().enumerate());
    let other = |(at, used): (usize, &String)| Some((at, stack.services.get_key_value(used.strip_prefix("services.")?)?.0));
    uses.filter_map(other).filter(|(_, other)| *other != from).collect()
}

/// A service on the current path of the search: its uses that are still to be followed, in reverse, and the index of the current one.
type Step<'a> = (&'a Name, Vec<(usize, &'a Name)>, usize);

/// Circles by their first service: the index in its `uses`, and the services in the circle, with that service at both ends.
type Circles<'a> = BTreeMap<&'a Name, Vec<(usize, Vec<&'a Name>)>>;

/// Finds services that use each other, by one depth-first search: a use that leads back to the current path closes a circle.
fn circles(stack: &Stack) -> Circles<'_> {
    let mut out = Circles::new();
    let mut seen: BTreeSet<&Name> = BTreeSet::new();
    for start in stack.services.keys() {
        let mut trail: Vec<Step<'_>> = Vec::new();
        let step = |name| (name, ways(stack, name).into_iter().rev().collect(), 0);
        if seen.insert(start) {
            trail.push(step(start));
        }
        while let Some((_, left, gone)) = trail.last_mut() {
            let Some((at, next)) = left.pop() else {
                trail.pop();
                continue;
            };
            *gone = at;
            if let Some(begin) = trail.iter().position(|(name, ..)| *name == next) {
                let round = &trail[begin..];
                let first = (0..round.len()).min_by_key(|at| round[*at].0).unwrap_or(0);
                let names = (0..=round.len()).map(|at| round[(first + at) % round.len()].0).collect();
                out.entry(round[first].0).or_default().push((round[first].2, names));
            } else if seen.insert(next) {
                trail.push(step(next));
            }
        }
    }
    out
}

fn circle(checks: &mut Checks<'_>, at: &str, round: &[&Name]) {
    let round: Vec<String> = round.iter().map(|name| format!("`{name}`")).collect();
    checks.at(
        at,
        "in a circle",
        Diagnostic::error("circle", format!("services use each other in a circle: {}", round.join(" → "))).help(
            "a task finds only services that ran when it started, so one of them must come first: let that one reach the others through the load balancer",
        ),
    );
}

/// The maximum number of rules of a load balancer, without a raised quota.
const RULES: usize = crate::limits::BALANCER_RULES.most;

/// Checks that no two services have the same route, and no two rules the same priority.
pub(super) fn routes(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    let routes = stack.services.iter().flat_map(|(name, service)| {
        service.routes.iter().enumerate().map(move |(i, route)| (format!("services.{name}.routes[{i}]"), name, route))
    });
    let mut routes: Vec<(String, &Name, &Route)> = routes.collect();
    // In the order of the file, so that `first` and `again` match what the reader sees.
    routes.sort_by_cached_key(|(path, _, _)| checks.file.find(path).span.map_or(0, |span| span.start));
    // The route for everything else needs no rule: it is the listener's default action.
    let ruled: Vec<&(String, &Name, &Route)> = routes.iter().filter(|(_, _, r)| r.path != "/*" || r.host.is_some()).collect();
    if let Some((path, _, _)) = ruled.get(RULES) {
        let message = format!(
            "{} routes need a rule each, and AWS allows {RULES} per load balancer unless the quota was raised",
            ruled.len()
        );
        let help = "request a higher quota `Rules per Application Load Balancer`, or use fewer, broader routes";
        checks.at(path, "the first too many", Diagnostic::warning("too-many-routes", message).help(help));
    }
    for (i, (path, name, route)) in routes.iter().enumerate() {
        let before = &routes[..i];
        if let Some((first, other, _)) = before.iter().find(|(_, _, r)| r.same(route)) {
            let message = if other == name {
                format!("`services.{name}` has the route `{route}` twice")
            } else {
                format!("`services.{other}` and `services.{name}` both have the route `{route}`")
            };
            let help = "only one of them can get these requests: make one route more specific, or remove it";
            checks.at(path, "again here", Diagnostic::error("duplicate-route", message).help(help));
            second_place(checks, first, "first here");
        }
        let Some(priority) = route.priority else { continue };
        if route.path == "/*" && route.host.is_none() {
            let message = format!("the route `{route}` matches what no other route matches, so its priority has no effect");
            let help = "remove `priority`: this route always comes last";
            checks.at(&format!("{path}.priority"), "no effect", Diagnostic::warning("unused-priority", message).help(help));
            continue;
        }
        if let Some((first, _, _)) = before.iter().find(|(_, _, r)| r.priority == Some(priority)) {
            let free = (priority..=50_000).find(|p| !routes.iter().any(|(_, _, r)| r.priority == Some(*p)));
            let help = free.map(|p| format!("`priority: {p}` is free; without `priority` the more specific route comes first"));
            let diagnostic = Diagnostic {
                help,
                ..Diagnostic::error("duplicate-priority", format!("two routes have the priority {priority}"))
            };
            checks.at(&format!("{path}.priority"), "again here", diagnostic);
            second_place(checks, &format!("{first}.priority"), "first here");
        }
    }
}
