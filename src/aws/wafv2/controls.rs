//! The controls of web ACLs, <https://docs.aws.amazon.com/securityhub/latest/userguide/waf-controls.html>, and what other services'
//! controls ask of WAF.

use super::WebAcl;
use crate::aws::control::Severity::{Low, Medium};
use crate::aws::control::{Breach, Control, View};
use crate::engine::{Resource, Result};

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "WAF.10",
        Medium,
        (
            "Web ACLs have rules",
            "a web ACL without a rule does the same with every request",
            "add a managed group: `firewall: { managed: [common] }`",
        ),
        empty,
    ),
    Control::new(
        "WAF.11",
        Low,
        (
            "Web ACLs log requests",
            "without a log, what a rule blocked is known for three hours only",
            "remove `keep: none` from `firewall.logs`, or set `logs.log_group` of the web ACL",
        ),
        unlogged,
    )
    .other(),
    Control::new(
        "WAF.12",
        Medium,
        (
            "Rules of web ACLs have metrics in CloudWatch",
            "without metrics no alarm and no dashboard shows what a rule counts or blocks",
            "remove `metrics: false` from the rule",
        ),
        unmeasured,
    ),
];

fn empty(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<WebAcl>()?.into_iter().filter(|(_, acl)| acl.rules.is_empty());
    Ok(all.map(|(key, _)| Breach::new(key, "it has no rule")).collect())
}

fn unlogged(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<WebAcl>()?.into_iter().filter(|(_, acl)| acl.logs.log_group.is_empty());
    Ok(all.map(|(key, _)| Breach::new(key, "it logs no requests")).collect())
}

/// AWS asks this of rules in rule groups. A stack has none: its rules are in web ACLs.
fn unmeasured(view: &View) -> Result<Vec<Breach>> {
    let mut out = Vec::new();
    for (key, acl) in view.all::<WebAcl>()? {
        let without = acl.rules.iter().filter(|rule| !rule.metrics);
        out.extend(without.map(|rule| Breach::new(key, format!("its rule `{}` has no metrics", rule.name))));
    }
    Ok(out)
}

/// Finds the objects of a kind that no web ACL is before.
pub(in crate::aws) fn no_firewall<R: Resource>(view: &View) -> Result<Vec<Breach>> {
    let guarded = |key: &_| view.objects().iter().any(|object| object.key.service() == "wafv2" && view.refers(object, key));
    let all = view.all::<R>()?.into_iter().filter(|(key, _)| !guarded(key));
    Ok(all.map(|(key, _)| Breach::new(key, "no web ACL is before it")).collect())
}
