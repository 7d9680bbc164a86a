//! Checks of the section `firewall`.

use super::Checks;
use crate::diagnostic::Diagnostic;
use crate::firewall::{Before, Firewall};
use crate::suggest;

/// The capacity units that a web ACL can have, and those from which on it costs more
/// (<https://docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html>).
const MOST: u32 = 5_000;
const INCLUDED: u32 = 1_500;

/// Checks that there is something to stand before, and that its rules fit together.
pub(super) fn firewall(checks: &mut Checks<'_>) {
    let Some(firewall) = &checks.stack.firewall else { return };
    stands(checks, firewall);
    countries(checks, firewall);
    counted(checks, firewall);
    twice(checks, firewall);
    let capacity = firewall.capacity();
    let has = format!("the rules of the firewall need {capacity} capacity units");
    if capacity > MOST {
        let message = format!("{has}, and a web ACL has at most {MOST}");
        checks.at("firewall.managed", "too many", Diagnostic::error("out-of-range", message).help("remove managed groups"));
    } else if capacity > INCLUDED {
        let message = format!("{has}, and AWS charges more for each request from {INCLUDED} on");
        let help = "remove managed groups that do not match what the services run";
        checks.at("firewall.managed", "costs more", Diagnostic::warning("costs-more", message).help(help));
    }
}

fn stands(checks: &mut Checks<'_>, firewall: &Firewall) {
    let has_balancer = checks.stack.is_load_balanced() && checks.stack.share.load_balancer.is_none();
    // With another environment's load balancer, the section has no effect.
    if checks.stack.share.load_balancer.is_some() {
        return;
    }
    let help = "give a service `routes`, or add `cdn`, or remove `firewall`";
    let Some(before) = &firewall.before else {
        if checks.stack.cdn.is_none() && !has_balancer {
            let message = "`firewall` has neither a distribution nor a load balancer behind it";
            checks.at_key("firewall", "protects nothing", Diagnostic::error("nothing-to-protect", message).help(help));
        }
        return;
    };
    for (at, what) in before.iter().enumerate() {
        let (is_there, word) = match what {
            Before::Cdn => (checks.stack.cdn.is_some(), "distribution"),
            Before::LoadBalancer => (has_balancer, "load balancer"),
        };
        if !is_there {
            let message = format!("there is no {word} for `firewall` to stand before");
            checks.at(&format!("firewall.before[{at}]"), "", Diagnostic::error("nothing-to-protect", message).help(help));
        }
    }
}

fn countries(checks: &mut Checks<'_>, firewall: &Firewall) {
    let Some(countries) = &firewall.countries else { return };
    let message = match (countries.allow.is_empty(), countries.deny.is_empty()) {
        (false, false) => "`countries` has `allow` and `deny`",
        (true, true) => "`countries` names no country",
        _ => return,
    };
    let help = "write `allow` with all countries from which requests pass, or `deny` with those from which they are blocked";
    checks.at("firewall.countries", "one of both", Diagnostic::error("invalid-value", message).help(help));
}

/// A rule that no group has would be ignored by WAF.
fn counted(checks: &mut Checks<'_>, firewall: &Firewall) {
    for (at, counted) in firewall.count.iter().enumerate() {
        let group = counted.split('.').next().unwrap_or_default();
        let known: Vec<String> = firewall.groups().map(|group| group.to_string()).collect();
        if known.iter().any(|known| known == group) {
            continue;
        }
        let diagnostic = Diagnostic::error("invalid-value", format!("`{group}` is not among the managed groups"));
        let diagnostic = match suggest::help(group, known.iter().map(String::as_str), "they are") {
            Some(help) => diagnostic.help(help),
            None => diagnostic.help("remove it: there is no managed group"),
        };
        checks.at(&format!("firewall.count[{at}]"), "no such group", diagnostic);
    }
}

/// A network that is allowed is never denied, because `allow` is asked first.
fn twice(checks: &mut Checks<'_>, firewall: &Firewall) {
    for (at, denied) in firewall.deny.iter().enumerate() {
        let Some(allowed) = firewall.allow.iter().find(|allowed| allowed.0.contains(&denied.0)) else { continue };
        let message = format!("`{denied}` is denied, and lies in `{allowed}`, which is allowed");
        let diagnostic = Diagnostic::error("invalid-value", message);
        checks.at(&format!("firewall.deny[{at}]"), "always passes", diagnostic.help("remove it from one of both lists"));
    }
}
