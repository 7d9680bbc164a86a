//! Who belongs to a stack, and what IAM says they may do.

use std::collections::BTreeSet;

use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType, RoleDetail, Statement, Tag,
};
use serde_json::Value;

use super::{account, document, path};
use crate::aws::iam::errors::failed;
use crate::aws::ownership::tags::from_pairs;
use crate::aws::{Cx, Tags};
use crate::engine::{Class, Result};

/// What a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// A group of users.
    Group,
    /// A user.
    User,
    /// A role.
    Role,
}

/// A group, user or role of the stack, or a user who is in one of its groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Principal {
    /// What it is.
    pub sort: Sort,
    /// Its name in AWS.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The names of the stack's groups that it is in.
    pub groups: Vec<String>,
    /// Who may assume it, as its trust policy names them: services, issuers of tokens, and ARNs.
    pub trusts: Vec<String>,
    /// Whether whoever assumes it must have signed in with MFA, as far as its trust policy has a condition on that.
    pub asks_mfa: bool,
}

/// Reads the stack's groups, users and roles, all members of the groups, and the roles of these names.
///
/// # Errors
/// When IAM may not be asked (`iam:GetAccountAuthorizationDetails`).
pub async fn principals(cx: &Cx, more: &BTreeSet<String>) -> Result<Vec<Principal>> {
    let (all, place) = (account(cx).await?, path(&cx.scope));
    let mut out = Vec::new();
    let mut groups = BTreeSet::new();
    for group in all.groups.iter().filter(|group| group.path() == Some(&place)) {
        let (Some(name), Some(arn)) = (group.group_name(), group.arn()) else { continue };
        groups.insert(name);
        out.push(Principal::new(Sort::Group, name, arn));
    }
    for user in &all.users {
        let (Some(name), Some(arn)) = (user.user_name(), user.arn()) else { continue };
        let of: Vec<String> = user.group_list().iter().filter(|group| groups.contains(group.as_str())).cloned().collect();
        if user.path() == Some(&place) || !of.is_empty() || cx.scope.owns(&tags(user.tags())) {
            out.push(Principal { groups: of, ..Principal::new(Sort::User, name, arn) });
        }
    }
    // Adopted roles are where they were; the same stack in another region has a path of its own.
    let is_adopted =
        |path: Option<&str>, role: &[Tag]| !path.is_some_and(|it| it.starts_with("/stack/")) && cx.scope.owns(&tags(role));
    let is_meant = |role: &&RoleDetail| {
        role.path() == Some(&place)
            || is_adopted(role.path(), role.tags())
            || role.role_name().is_some_and(|name| more.contains(name))
    };
    for role in all.roles.iter().filter(is_meant) {
        let (Some(name), Some(arn)) = (role.role_name(), role.arn()) else { continue };
        let trust = role.assume_role_policy_document().map(document).unwrap_or_default();
        let asks_mfa = trust.to_string().contains("aws:MultiFactorAuth");
        out.push(Principal { trusts: trusted(&trust), asks_mfa, ..Principal::new(Sort::Role, name, arn) });
    }
    out.sort();
    Ok(out)
}

fn tags(tags: &[Tag]) -> Tags {
    from_pairs(tags.iter().map(|tag| (Some(tag.key()), Some(tag.value()))))
}

impl Principal {
    fn new(sort: Sort, name: &str, arn: &str) -> Principal {
        Principal { sort, name: name.to_owned(), arn: arn.to_owned(), groups: Vec::new(), trusts: Vec::new(), asks_mfa: false }
    }
}

fn listed(value: &Value) -> impl Iterator<Item = &str> {
    let one = value.as_str().into_iter();
    one.chain(value.as_array().into_iter().flatten().filter_map(Value::as_str))
}

/// Returns whom a trust policy lets in.
fn trusted(trust: &Value) -> Vec<String> {
    let statements = trust.get("Statement");
    let statements: Vec<&Value> = match statements {
        Some(Value::Array(all)) => all.iter().collect(),
        other => other.into_iter().collect(),
    };
    let allowing = statements.iter().filter(|statement| statement.get("Effect").and_then(Value::as_str) == Some("Allow"));
    let named = allowing.filter_map(|statement| statement.get("Principal")).flat_map(|principal| match principal {
        Value::Object(sorts) => sorts.values().flat_map(listed).collect::<Vec<_>>(),
        other => listed(other).collect(),
    });
    named.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Actions on objects, and what is known of the calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Actions as IAM writes them: `ecs:UpdateService`.
    pub actions: Vec<&'static str>,
    /// The ARNs of the objects. Each action is asked about with each.
    pub resources: Vec<String>,
    /// Keys of the calls' context, with their values.
    pub context: Vec<(String, String)>,
}

/// What IAM decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A policy allows it, and none denies it.
    Allowed,
    /// No policy allows it.
    NotAllowed,
    /// A policy denies it.
    Denied,
}

/// What IAM answers about an action on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The action.
    pub action: String,
    /// The object's ARN.
    pub resource: String,
    /// What is decided.
    pub decision: Decision,
    /// The policies whose statements decide.
    pub by: Vec<String>,
    /// Keys that policies ask for and the question did not have: the decision can be another one with them.
    pub missing: Vec<String>,
    /// What limits it, whatever the policies allow: the permissions boundary, or a policy of the organization.
    pub limit: Option<&'static str>,
}

/// Returns what IAM answers of a user, a group or a role; none when it may not be asked, or the principal does not exist any more
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>). Policies of the objects themselves and
/// of sessions are not in the answer.
///
/// # Errors
/// Any but a denied call.
pub async fn simulate(cx: &Cx, principal: &Principal, ask: &Ask) -> Result<Option<Vec<Answer>>> {
    if ask.resources.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let entries = ask.context.iter().map(|(key, value)| {
        let entry = ContextEntry::builder().context_key_name(key).context_key_values(value);
        let sort = match key.as_str() {
            "aws:MultiFactorAuthPresent" => ContextKeyTypeEnum::Boolean,
            "aws:MultiFactorAuthAge" => ContextKeyTypeEnum::Numeric,
            _ => ContextKeyTypeEnum::String,
        };
        entry.context_key_type(sort).build()
    });
    let call = cx.cloud.iam.simulate_principal_policy().policy_source_arn(&principal.arn);
    let call = call.set_action_names(Some(ask.actions.iter().map(|&action| action.to_owned()).collect()));
    let call = call.set_resource_arns(Some(ask.resources.clone())).set_context_entries(Some(entries.collect()));
    let pages = call.into_paginator().items().send();
    match pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:SimulatePrincipalPolicy")) {
        Ok(results) => Ok(Some(results.iter().flat_map(answers).collect())),
        Err(e) if matches!(e.class, Class::Denied | Class::NotFound) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Returns the answers about each object. Where IAM tells them together, they are of the one object that it names.
fn answers(result: &EvaluationResult) -> Vec<Answer> {
    let is_kept_out = result.organizations_decision_detail().is_some_and(|told| !told.allowed_by_organizations());
    let organization = is_kept_out.then_some("a policy of the organization");
    let boundary = |allows: Option<bool>| (allows == Some(false)).then_some("its permissions boundary");
    let whole = || Answer {
        action: result.eval_action_name().to_owned(),
        resource: result.eval_resource_name().unwrap_or("*").to_owned(),
        decision: Decision::of(result.eval_decision()),
        by: by(result.matched_statements()),
        missing: result.missing_context_values().to_vec(),
        limit: organization
            .or_else(|| boundary(result.permissions_boundary_decision_detail().map(|it| it.allowed_by_permissions_boundary()))),
    };
    let each = result.resource_specific_results().iter().map(|one| Answer {
        action: result.eval_action_name().to_owned(),
        resource: one.eval_resource_name().to_owned(),
        decision: Decision::of(one.eval_resource_decision()),
        by: by(one.matched_statements()),
        missing: one.missing_context_values().to_vec(),
        limit: organization
            .or_else(|| boundary(one.permissions_boundary_decision_detail().map(|it| it.allowed_by_permissions_boundary()))),
    });
    let each: Vec<Answer> = each.collect();
    if each.is_empty() { vec![whole()] } else { each }
}

impl Decision {
    fn of(told: &PolicyEvaluationDecisionType) -> Decision {
        match told {
            PolicyEvaluationDecisionType::Allowed => Decision::Allowed,
            PolicyEvaluationDecisionType::ExplicitDeny => Decision::Denied,
            _ => Decision::NotAllowed,
        }
    }
}

fn by(statements: &[Statement]) -> Vec<String> {
    let named: BTreeSet<&str> = statements.iter().filter_map(Statement::source_policy_id).collect();
    named.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::{OrganizationsDecisionDetail, ResourceSpecificResult};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_trust_policy_names_whom_it_lets_in() {
        let one = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}});
        assert_eq!(trusted(&one), ["*"]);
        let many = json!({"Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com", "AWS": ["arn:a", "arn:b"]}},
            {"Effect": "Deny", "Principal": {"AWS": "arn:c"}},
        ]});
        assert_eq!(trusted(&many), ["arn:a", "arn:b", "ecs-tasks.amazonaws.com"]);
        assert_eq!(trusted(&Value::Null), Vec::<String>::new());
    }

    /// Both forms that IAM is seen to answer in.
    #[test]
    fn each_object_has_its_answer() {
        let result = || {
            let told = EvaluationResult::builder().eval_action_name("s3:GetObject").eval_resource_name("arn:x");
            told.eval_decision(PolicyEvaluationDecisionType::ImplicitDeny)
        };
        let one = answers(&result().missing_context_values("aws:SourceIp").build().unwrap());
        assert_eq!((one[0].resource.as_str(), one[0].decision), ("arn:x", Decision::NotAllowed));
        assert_eq!(one[0].missing, ["aws:SourceIp"]);
        let specific = |name: &str, decision| {
            let statement = Statement::builder().source_policy_id("group_developers_view").build();
            let told = ResourceSpecificResult::builder().eval_resource_name(name).eval_resource_decision(decision);
            told.matched_statements(statement).build().unwrap()
        };
        let each = answers(
            &result()
                .resource_specific_results(specific("arn:a", PolicyEvaluationDecisionType::Allowed))
                .resource_specific_results(specific("arn:b", PolicyEvaluationDecisionType::ExplicitDeny))
                .organizations_decision_detail(OrganizationsDecisionDetail::builder().allowed_by_organizations(false).build())
                .build()
                .unwrap(),
        );
        let told: Vec<_> = each.iter().map(|one| (one.resource.as_str(), one.decision, one.by.len())).collect();
        assert_eq!(told, [("arn:a", Decision::Allowed, 1), ("arn:b", Decision::Denied, 1)]);
        assert_eq!(each[0].limit, Some("a policy of the organization"));
    }
}
