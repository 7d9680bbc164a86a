//! The checks of `access`.

use std::collections::BTreeMap;

use super::checks::Checks;
use crate::access::{Group, Permission, managed_policies};
use crate::diagnostic::{Diagnostic, short};
use crate::limits;
use crate::suggest;
use crate::values::arn;

/// The maximum number of groups of a user, which AWS never raises, and of managed policies of a group.
const GROUPS: usize = limits::GROUPS_OF_USER.most;
const POLICIES: usize = limits::MANAGED_POLICIES.most;

pub(super) fn access(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    for (name, group) in &stack.access.groups {
        self::group(checks, &format!("access.groups.{name}"), group);
    }
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (name, groups) in &stack.access.users {
        user(checks, name, groups);
        if let Some(other) = seen.insert(name.to_lowercase(), name) {
            let message = format!("`{}` and `{}` are the same user to AWS", short(other), short(name));
            let help = "user names must differ in more than case: keep one of them";
            at_user(checks, name, "again", Diagnostic::error("duplicate-user", message).help(help));
        }
    }
}

/// Adds a problem with the name of a user, which may contain dots.
fn at_user(checks: &mut Checks<'_>, user: &str, label: &str, diagnostic: Diagnostic) {
    if checks.is_enough(diagnostic.severity) {
        return;
    }
    let users = checks.file.node("access.users");
    let key = users.and_then(|n| n.entries().iter().find(|(k, _)| k.text == user)).map(|(k, _)| k.span.clone());
    checks.found.push(match key {
        Some(span) => diagnostic.label(span, label),
        None => diagnostic,
    });
}

fn group(checks: &mut Checks<'_>, path: &str, group: &Group) {
    if group.policies.is_empty() && group.may.is_empty() && group.statements.is_empty() {
        let message = format!("`{path}` has no rights, so its members get none from it");
        let help = "add `may: [view]`, or `policies: [ReadOnlyAccess]`";
        checks.at_key(path, "no rights", Diagnostic::warning("no-rights", message).help(help));
    }
    for (i, policy) in group.policies.iter().enumerate() {
        let place = format!("{path}.policies[{i}]");
        if policy.starts_with("arn:") {
            let fits = arn(policy).is_some_and(|a| a[2] == "iam" && a[3].is_empty() && a[5].starts_with("policy/"));
            if !fits {
                let message = format!("`{}` is not the ARN of a managed policy", short(policy));
                let help = "it looks like `arn:aws:iam::ACCOUNT:policy/NAME`, or `arn:aws:iam::aws:policy/NAME` for AWS's own";
                checks.at(&place, "not a policy", Diagnostic::error("wrong-arn", message).help(help));
            }
        } else if !managed_policies().any(|known| known == policy) {
            let message = format!("`{}` is not an AWS managed policy that this version knows", short(policy));
            let near = suggest::nearest(policy, managed_policies()).map(|near| format!("did you mean `{near}`? If not, "));
            let near = near.unwrap_or_default();
            let help = format!("{near}write its ARN: `aws iam list-policies --scope AWS` shows all of them");
            checks.at(&place, "unknown", Diagnostic::error("unknown-policy", message).help(help));
        }
    }
    if group.policies.len() > POLICIES {
        let message = format!(
            "`{path}` has {} managed policies, and AWS allows {POLICIES} unless the quota was raised",
            group.policies.len()
        );
        let help = "split it into two groups, or request a higher quota `Managed policies per group`";
        checks.at(&format!("{path}.policies"), "too many", Diagnostic::warning("many-policies", message).help(help));
    }
    if group.may.contains(&Permission::Exec) && !checks.stack.services.values().any(|service| service.exec) {
        let message = format!("`{path}` may open shells, but no service allows it");
        let help = "add `exec: true` to the services that should allow it";
        checks.at(&format!("{path}.may"), "no service has `exec`", Diagnostic::warning("nothing-to-exec", message).help(help));
    }
}

fn user(checks: &mut Checks<'_>, name: &str, groups: &[String]) {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        let message = format!("`{}` is not a valid user name", short(name));
        let help = "a user name has up to 64 characters: unaccented letters, digits and `_+=,.@-`";
        at_user(checks, name, "not a valid name", Diagnostic::error("wrong-name", message).help(help));
    }
    let stack = checks.stack;
    let known = || stack.access.groups.keys().map(|group| group.as_str());
    for (i, group) in groups.iter().enumerate() {
        let place = format!("access.users.{name}[{i}]");
        if !known().any(|k| k == group) {
            let message = format!("`{}` is in the group `{}`, which does not exist", short(name), short(group));
            let help = suggest::help(group, known(), "the groups are");
            let help = help.unwrap_or_else(|| format!("add `{}` to `access.groups`", short(group)));
            checks.at(&place, "not in this file", Diagnostic::error("unknown-reference", message).help(help));
        } else if groups[..i].contains(group) {
            let message = format!("`{}` is in the group `{group}` twice", short(name));
            checks.at(&place, "again", Diagnostic::warning("duplicate-group", message).help("list each group once"));
        }
    }
    if groups.len() > GROUPS {
        let message = format!("`{}` is in {} groups, and IAM allows {GROUPS}", short(name), groups.len());
        let help = "combine their rights into fewer groups";
        at_user(checks, name, "too many", Diagnostic::error("too-many-groups", message).help(help));
    }
}
