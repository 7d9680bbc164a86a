//! The checks of `access`.

use std::collections::BTreeMap;

use super::checks::Checks;
use crate::access::{IdentityCenter, PasswordPolicy, Permission, PermissionSet, Pipeline, Rights, managed_policies};
use crate::diagnostic::{Diagnostic, short};
use crate::limits;
use crate::suggest;
use crate::values::arn;

/// The maximum number of groups of a user, which AWS never raises, and of managed policies of a group.
const GROUPS: usize = limits::GROUPS_OF_USER.most;
const POLICIES: usize = limits::MANAGED_POLICIES.most;
/// The maximum length of the description of a permission set.
const DESCRIPTION: usize = limits::SET_DESCRIPTION.most;

pub(super) fn access(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    for (name, group) in &stack.access.groups {
        rights(checks, &format!("access.groups.{name}"), "its members get none from it", group.rights());
    }
    for (name, pipeline) in &stack.access.pipelines {
        let path = format!("access.pipelines.{name}");
        rights(checks, &path, "a pipeline that assumes it can do nothing", pipeline.rights());
        self::pipeline(checks, &path, pipeline);
    }
    if let Some(auditor) = &stack.access.auditor {
        principals(checks, "access.auditor", &auditor.principals, auditor.mfa);
    }
    if let Some(emergency) = &stack.access.break_glass {
        principals(checks, "access.break_glass", &emergency.principals, true);
        // AWS's age is in seconds; a password and a code take some to type.
        checks.within("access.break_glass.mfa_age", Some(emergency.mfa_age), 60, 129_600);
        managed(checks, "access.break_glass", emergency.rights());
    }
    if let Some(section) = &stack.access.identity_center {
        identity_center(checks, section);
    }
    if let Some(section) = &stack.access.password_policy {
        password_policy(checks, section);
    }
    if let Some(boundary) = &stack.access.boundary {
        policy(checks, "access.boundary", boundary);
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

fn rights(checks: &mut Checks<'_>, path: &str, without: &str, rights: Rights<'_>) {
    if rights.policies.is_empty() && rights.may.is_empty() && rights.statements.is_empty() {
        let message = format!("`{path}` has no rights, so {without}");
        let help = "add `may: [view]`, or `policies: [ReadOnlyAccess]`";
        checks.at_key(path, "no rights", Diagnostic::warning("no-rights", message).help(help));
    }
    managed(checks, path, rights);
}

/// Checks managed policies, and what `may` needs.
fn managed(checks: &mut Checks<'_>, path: &str, rights: Rights<'_>) {
    for (i, one) in rights.policies.iter().enumerate() {
        policy(checks, &format!("{path}.policies[{i}]"), one);
    }
    if rights.policies.len() > POLICIES {
        let message = format!(
            "`{path}` has {} managed policies, and AWS allows {POLICIES} unless the quota was raised",
            rights.policies.len()
        );
        let quota = if path.starts_with("access.groups") { "Managed policies per group" } else { "Managed policies per role" };
        let help = format!("split it in two, or request a higher quota `{quota}`");
        checks.at(&format!("{path}.policies"), "too many", Diagnostic::warning("many-policies", message).help(help));
    }
    if rights.may.contains(&Permission::Exec) && !checks.stack.services.values().any(|service| service.exec) {
        let message = format!("`{path}` may open shells, but no service allows it");
        let help = "add `exec: true` to the services that should allow it";
        checks.at(&format!("{path}.may"), "no service has `exec`", Diagnostic::warning("nothing-to-exec", message).help(help));
    }
}

/// Checks the bounds of IAM (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html>).
fn password_policy(checks: &mut Checks<'_>, section: &PasswordPolicy) {
    checks.between("access.password_policy.min_length", section.min_length, 6, 128);
    checks.between("access.password_policy.remember", section.remember, 1, 24);
    if let Some(age) = section.max_age {
        checks.days("access.password_policy.max_age", age, 1, 1095);
    }
}

/// Checks what people of the organization's directory get.
fn identity_center(checks: &mut Checks<'_>, section: &IdentityCenter) {
    const AT: &str = "access.identity_center";
    if let Some(region) = section.region.as_ref().filter(|region| !is_region(region)) {
        let message = format!("`{}` is not a region", short(region));
        let help = "write the region in which IAM Identity Center was enabled, such as `us-east-1`";
        checks.at(&format!("{AT}.region"), "not a region", Diagnostic::error("wrong-region", message).help(help));
    }
    for (name, set) in &section.permission_sets {
        let path = format!("{AT}.permission_sets.{name}");
        rights(checks, &path, "it lets people sign in and do nothing", set.rights());
        checks.within(&format!("{path}.session"), set.session, 3_600, 43_200);
        people(checks, &path, set);
        let fits = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
        if let Some(text) = set.description.as_ref().filter(|t| t.is_empty() || t.len() > DESCRIPTION || !t.chars().all(fits)) {
            let message = format!("`{}` cannot be the description of a permission set", short(text));
            let help = format!("write 1 to {DESCRIPTION} characters of Latin script");
            checks.at(&format!("{path}.description"), "not taken", Diagnostic::error("wrong-description", message).help(help));
        }
    }
}

/// Checks whether a text is written like a region: one that is newer than this version has to do.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    match parts.split_last() {
        Some((number, words)) => words.len() >= 2 && words.iter().all(word) && number.parse::<u8>().is_ok(),
        None => false,
    }
}

/// Checks who gets a permission set. Without anyone it would be in no account.
fn people(checks: &mut Checks<'_>, path: &str, set: &PermissionSet) {
    if set.groups.is_empty() && set.users.is_empty() {
        let message = format!("`{path}` does not say who gets it");
        let help = "add `groups: [NAME]` or `users: [NAME]` of the organization's directory";
        checks.at_key(path, "no one", Diagnostic::error("missing", message).help(help));
    }
    for (list, names) in [("groups", &set.groups), ("users", &set.users)] {
        for (i, name) in names.iter().enumerate() {
            let place = format!("{path}.{list}[{i}]");
            if name.trim().is_empty() || name.contains(char::is_control) {
                let message = format!("an empty name in `{list}` means no one");
                checks.at(&place, "empty", Diagnostic::error("wrong-name", message).help("write a name"));
            } else if names[..i].contains(name) {
                let message = format!("`{}` is listed twice", short(name));
                checks.at(&place, "again", Diagnostic::error("duplicate-name", message).help("remove one of the two"));
            }
        }
    }
}

/// Checks who may assume a role.
fn principals(checks: &mut Checks<'_>, path: &str, named: &[String], mfa: bool) {
    if named.is_empty() {
        let message = format!("`{path}` does not say who may assume the role");
        let help = "add `principals: [USER]`, the ARN of a user, or an account";
        checks.at(&format!("{path}.principals"), "nobody", Diagnostic::error("missing", message).help(help));
    }
    let stack = checks.stack;
    for (i, one) in named.iter().enumerate() {
        let place = format!("{path}.principals[{i}]");
        let is_account = one.len() == 12 && one.bytes().all(|b| b.is_ascii_digit());
        let fits = arn(one).is_some_and(|a| {
            let is_in_account = a[4].len() == 12 && a[4].bytes().all(|b| b.is_ascii_digit());
            let is_one =
                a[5] == "root" || ["user/", "role/"].iter().any(|sort| a[5].len() > sort.len() && a[5].starts_with(sort));
            a[2] == "iam" && a[3].is_empty() && is_in_account && is_one && !a[5].contains('*')
        });
        // What `AssumeRole` hands out says nothing of MFA
        // (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html>).
        if mfa && fits && one.contains(":role/") {
            let message = format!("`{}` is a role, whose sessions have no MFA: it could not assume this one", short(one));
            checks.at(
                &place,
                "without MFA",
                Diagnostic::error("wrong-principal", message).help("name its users, or their account"),
            );
            continue;
        }
        if is_account || fits || stack.access.users.contains_key(one) {
            continue;
        }
        // A trust policy takes no group and no pattern
        // (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>).
        let (message, help) = if stack.access.groups.keys().any(|group| group.as_str() == one) {
            (format!("`{}` is a group, and a group cannot assume a role", short(one)), "name its users".to_owned())
        } else {
            let users = stack.access.users.keys().map(String::as_str);
            let known = suggest::help(one, users, "the users are");
            (
                format!("`{}` is no user of this file, no account and no ARN of a user or role", short(one)),
                known.unwrap_or_else(|| "write `arn:aws:iam::ACCOUNT:user/NAME`, or an account's 12 digits".to_owned()),
            )
        };
        checks.at(&place, "nobody", Diagnostic::error("wrong-principal", message).help(help));
    }
}

/// Checks a managed policy: a name of AWS's or an ARN.
fn policy(checks: &mut Checks<'_>, place: &str, policy: &str) {
    if policy.starts_with("arn:") {
        let fits = arn(policy).is_some_and(|a| a[2] == "iam" && a[3].is_empty() && a[5].starts_with("policy/"));
        if !fits {
            let message = format!("`{}` is not the ARN of a managed policy", short(policy));
            let help = "it looks like `arn:aws:iam::ACCOUNT:policy/NAME`, or `arn:aws:iam::aws:policy/NAME` for AWS's own";
            checks.at(place, "not a policy", Diagnostic::error("wrong-arn", message).help(help));
        }
    } else if !managed_policies().any(|known| known == policy) {
        let message = format!("`{}` is not an AWS managed policy that this version knows", short(policy));
        let near = suggest::nearest(policy, managed_policies()).map(|near| format!("did you mean `{near}`? If not, "));
        let near = near.unwrap_or_default();
        let help = format!("{near}write its ARN: `aws iam list-policies --scope AWS` shows all of them");
        checks.at(place, "unknown", Diagnostic::error("unknown-policy", message).help(help));
    }
}

/// Checks whose pipelines may assume a role.
fn pipeline(checks: &mut Checks<'_>, path: &str, pipeline: &Pipeline) {
    let (field, repository) = match (&pipeline.github, &pipeline.gitlab) {
        (Some(repository), None) => ("github", repository),
        (None, Some(project)) => ("gitlab", project),
        (Some(_), Some(_)) => {
            let message = format!("`{path}` names a repository on GitHub and a project on GitLab");
            let help = "make a pipeline for each of the two";
            return checks.at_key(path, "two", Diagnostic::error("one-of", message).help(help));
        }
        (None, None) => {
            let message = format!("`{path}` does not say whose pipelines may assume the role");
            let help = "add `github: OWNER/NAME`, or `gitlab: GROUP/NAME`";
            return checks.at_key(path, "whose?", Diagnostic::error("missing", message).help(help));
        }
    };
    let fits = if field == "github" { is_repository(repository) } else { is_project(repository) };
    if !fits {
        let message = format!("`{}` is not a {}", short(repository), if field == "github" { "repository" } else { "project" });
        let help = match field {
            "github" => "write `OWNER/NAME`, or `OWNER@ID/NAME@ID` where the repository has immutable subjects",
            _ => "write `GROUP/NAME`, with all groups that it is in",
        };
        checks.at(&format!("{path}.{field}"), "not one", Diagnostic::error("wrong-repository", message).help(help));
    }
    if pipeline.is_open() {
        let message = format!("`{path}` does not say which pipelines of `{}` may assume the role", short(repository));
        let help = match field {
            "github" => "add `branches: [main]`, or `environments: [production]` where the job names an environment",
            _ => "add `branches: [main]`",
        };
        checks.at_key(path, "which?", Diagnostic::error("open-pipeline", message).help(help));
    }
    if field == "gitlab" && (!pipeline.environments.is_empty() || pipeline.pull_requests) {
        let which = if pipeline.pull_requests { "pull_requests" } else { "environments" };
        let message =
            format!("`{which}` is only known of GitHub's pipelines: the subject of GitLab's tokens has a branch or a tag");
        let place = format!("{path}.{which}");
        checks.at(&place, "not with `gitlab`", Diagnostic::error("wrong-pipeline", message).help("write `branches` or `tags`"));
    }
    let all = [("branches", &pipeline.branches), ("tags", &pipeline.tags), ("environments", &pipeline.environments)];
    for (list, names) in all {
        for (i, _) in names.iter().enumerate().filter(|(_, name)| name.trim().is_empty() || name.contains(char::is_control)) {
            let message = format!("an empty name in `{list}` means no pipeline");
            checks.at(&format!("{path}.{list}[{i}]"), "empty", Diagnostic::error("wrong-name", message).help("write a name"));
        }
        // IAM would take them for a variable and for any character.
        for (i, name) in names.iter().enumerate().filter(|(_, name)| name.contains("${") || name.contains('?')) {
            let message = format!("`{}` has `${{` or `?`, which mean something else to IAM", short(name));
            let help = "write the name itself, or `*` for any characters";
            checks.at(&format!("{path}.{list}[{i}]"), "not a name", Diagnostic::error("wrong-name", message).help(help));
        }
    }
}

/// Checks whether a text is `OWNER/NAME`, or the same with the numbers of immutable subjects
/// (<https://docs.github.com/en/actions/reference/security/oidc#immutable-subject-claims>). A `*` would let in repositories of others.
fn is_repository(text: &str) -> bool {
    let name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let numbered = |text: &str| match text.split_once('@') {
        Some((own, id)) => name(own) && !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()),
        None => false,
    };
    match text.split_once('/') {
        Some((owner, repository)) => name(owner) && name(repository) || numbered(owner) && numbered(repository),
        None => false,
    }
}

/// Checks whether a text is `GROUP/NAME`, with any number of groups.
fn is_project(text: &str) -> bool {
    let name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    text.contains('/') && text.split('/').all(name)
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
