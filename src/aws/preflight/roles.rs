//! The service-linked roles that AWS's services need.

use aws_sdk_iam::types::PolicyEvaluationDecisionType as Decision;
use futures::future::try_join_all;

use super::permissions::may_make_role;
use crate::aws::finding::{Certainty, Finding, listed, made};
use crate::aws::iam::errors::failed;
use crate::aws::{Cx, registry};
use crate::engine::{Class, Key, Plan, Result};

/// A role that does not exist: its service, its name, the first object that needs it, and whether it may be created.
type Missing<'a> = (&'a str, &'a str, &'a Key, Decision);

/// Checks whether the service-linked roles exist (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html>). AWS
/// creates one with the first call that needs it, if the caller has the permission.
pub(super) async fn check(cx: &Cx, who: &str, plan: &Plan) -> Result<Vec<Finding>> {
    let needed = registry::wings().flat_map(|wing| wing.roles).filter_map(|role| {
        let first = made(plan).find(|item| role.kinds.contains(&item.key.kind.as_str()))?;
        Some((role.principal, role.name, &first.key))
    });
    let missing = try_join_all(needed.map(|(service, role, first)| async move {
        match cx.cloud.iam.get_role().role_name(role).send().await.map_err(failed("iam:GetRole")) {
            Ok(_) => Ok(None),
            Err(e) if e.class == Class::NotFound => {
                Ok(Some((service, role, first, may_make_role(cx, who, service, role).await?)))
            }
            Err(e) => Err(e),
        }
    }));
    Ok(told(who, &missing.await?.into_iter().flatten().collect::<Vec<_>>()))
}

fn told(who: &str, missing: &[Missing<'_>]) -> Vec<Finding> {
    let (allowed, denied): (Vec<_>, Vec<_>) = missing.iter().partition(|(.., said)| *said == Decision::Allowed);
    let mut found: Vec<Finding> = denied
        .into_iter()
        .map(|(service, role, first, said)| {
            let certainty = if *said == Decision::ExplicitDeny { Certainty::Refused } else { Certainty::Doubtful };
            let message = format!(
                "the service-linked role `{role}` does not exist in the account yet, and {who} is not allowed `iam:CreateServiceLinkedRole` for it"
            );
            let help = format!("ask someone with that permission to run `aws iam create-service-linked-role --aws-service-name {service}` once");
            Finding::new(certainty, message).about(first).help(help)
        })
        .collect();
    let names: Vec<String> = allowed.iter().map(|(_, role, ..)| format!("`{role}`")).collect();
    if !names.is_empty() {
        let roles = if names.len() == 1 { "the service-linked role" } else { "the service-linked roles" };
        found.push(Finding::new(Certainty::Told, format!("AWS creates {roles} {} during the run", listed(&names))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_is_missing_is_made_or_named() {
        let key = Key::new("rds.instance", "main");
        let one = |said| told("ci", &[("rds.amazonaws.com", "AWSServiceRoleForRDS", &key, said)]).remove(0);
        assert_eq!(one(Decision::Allowed).certainty, Certainty::Told);
        assert_eq!(one(Decision::Allowed).message, "AWS creates the service-linked role `AWSServiceRoleForRDS` during the run");
        assert_eq!(one(Decision::ExplicitDeny).certainty, Certainty::Refused);
        let perhaps = one(Decision::ImplicitDeny);
        assert_eq!((perhaps.certainty, perhaps.key), (Certainty::Doubtful, Some(key.clone())));
        assert!(perhaps.help.unwrap().contains("--aws-service-name rds.amazonaws.com"));
    }
}
