//! The checks of `share`: that it names one other environment, and that requests can be told apart by host names.

use super::checks::Checks;
use super::services::second_place;
use crate::diagnostic::{Diagnostic, short};
use crate::route;
use crate::share::ENV;
use crate::values::Name;

pub(super) fn share(checks: &mut Checks<'_>, env: &str) {
    let share = &checks.stack.share;
    let keys: [(&str, &Option<Name>); 4] = [
        ("network", &share.network),
        ("load_balancer", &share.load_balancer),
        ("databases", &share.databases),
        ("caches", &share.caches),
    ];
    let named: Vec<(String, &Name)> =
        keys.into_iter().filter_map(|(key, name)| Some((format!("share.{key}"), name.as_ref()?))).collect();
    for (path, name) in named.iter().filter(|(_, name)| name.as_str() == env) {
        let message = format!("the environment `{name}` shares with itself");
        let help = "name another environment, or move `share` to the environments that use this one";
        checks.at(path, "itself", Diagnostic::error("shares-itself", message).help(help));
    }
    match &share.network {
        None => {
            for (path, name) in &named {
                let message = format!("`{path}` needs `share.network`: what it names is reached only from inside that network");
                let diagnostic = Diagnostic::error("needs-network", message).help(format!("add `network: {name}` to `share`"));
                checks.at(path, "without the network", diagnostic);
            }
        }
        Some(network) => {
            for (path, name) in named.iter().filter(|(_, name)| *name != network) {
                let message = format!("`share` names two environments: `{network}` and `{name}`");
                let diagnostic = Diagnostic::error("two-hosts", message).help(format!("write `{network}` for all of `share`"));
                checks.at(path, "another environment", diagnostic);
                second_place(checks, "share.network", "the first");
            }
            if checks.stack.existing.network.is_some() {
                let message = "the environment has two networks: `share.network` and `existing.network`";
                let help = "remove one of the two; in an environment, `existing: { network: null }` removes it";
                checks.at("share.network", "a network", Diagnostic::error("two-networks", message).help(help));
                second_place(checks, "existing.network", "and another");
            }
        }
    }
    host(checks, env);
}

/// Checks the host name, and that every route has one: without, the guest would take requests of its host.
fn host(checks: &mut Checks<'_>, env: &str) {
    const EXAMPLE: &str = "write a name such as `{env}.preview.example.com`";
    let stack = checks.stack;
    let share = &stack.share;
    if let Some(template) = &share.host {
        let problem = if share.load_balancer.is_none() {
            let message = "without `share.load_balancer`, `share.host` has no effect";
            Some((Diagnostic::error("needs-load-balancer", message), "add `load_balancer` to `share`, or remove `host`"))
        } else if !template.contains(ENV) {
            let message = format!("`{}` is the same for every environment", short(template));
            Some((Diagnostic::error("invalid-value", message), EXAMPLE))
        } else if route::host(&template.replace(ENV, env)).is_err() || template.contains(['*', '?']) {
            Some((Diagnostic::error("invalid-value", format!("`{}` is not a host name", short(template))), EXAMPLE))
        } else {
            None
        };
        if let Some((diagnostic, help)) = problem {
            checks.at("share.host", "here", diagnostic.help(help));
        }
    }
    let Some(of) = share.load_balancer.as_ref().filter(|_| share.host.is_none()) else { return };
    for (name, service) in &stack.services {
        for (at, route) in service.routes.iter().enumerate().filter(|(_, route)| route.host.is_none()) {
            let message = format!(
                "`services.{name}` has the route `{route}` without a host name: behind the load balancer of `{of}` it would take \
                 requests that are meant for `{of}`"
            );
            let help = "add a host name to `share`, such as `host: \"{env}.preview.example.com\"`, or to the route";
            let path = format!("services.{name}.routes[{at}]");
            checks.at(&path, "every host", Diagnostic::error("no-host-name", message).help(help));
        }
    }
}
