//! The permissions of the identity that applies the plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType as Decision};

use super::actions;
use crate::aws::Cx;
use crate::aws::finding::{Certainty, Finding};
use crate::aws::iam::errors::failed;
use crate::engine::{Class, Error, Plan, Result};

/// The number of actions of one simulation.
const ACTIONS_AT_ONCE: usize = 100;
const SIMULATE: &str = "iam:SimulatePrincipalPolicy";

/// Returns the user or role whose policies count; none for the account itself, which may do everything.
async fn principal(cx: &Cx, who: &str) -> Result<Arc<Option<String>>> {
    let ask = async {
        let resource = who.splitn(6, ':').nth(5).unwrap_or_default();
        match resource.split('/').collect::<Vec<_>>()[..] {
            ["root"] => Ok(None),
            ["assumed-role", role, ..] => {
                let answer = cx.cloud.iam.get_role().role_name(role).send().await.map_err(failed("iam:GetRole"))?;
                Ok(Some(answer.role.map(|role| role.arn).unwrap_or_default()))
            }
            ["user", ..] => Ok(Some(who.to_owned())),
            _ => Err(Error::new(Class::Other, format!("`{who}` is neither a user nor a role"))),
        }
    };
    cx.reads.once("preflight.principal", ask).await
}

/// Asks IAM whether the identity may do what the plan needs
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>). The simulation knows neither the
/// objects nor the conditions of the calls to come: only an explicit denial is certain.
pub(super) async fn check(cx: &Cx, who: &str, plan: &Plan) -> Result<Vec<Finding>> {
    let wanted: Vec<String> = actions::of(plan).into_iter().map(str::to_owned).collect();
    let principal = principal(cx, who).await?;
    let Some(principal) = principal.as_ref() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for actions in wanted.chunks(ACTIONS_AT_ONCE) {
        let call = cx.cloud.iam.simulate_principal_policy().policy_source_arn(principal);
        let pages = call.set_action_names(Some(actions.to_vec())).into_paginator().items().send();
        let results = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed(SIMULATE))?;
        for result in results {
            let action = result.eval_action_name();
            let (certainty, how) = match result.eval_decision() {
                Decision::ExplicitDeny => (Certainty::Refused, "denied to"),
                Decision::ImplicitDeny => (Certainty::Doubtful, "perhaps not allowed for"),
                _ => continue,
            };
            let finding = Finding::new(certainty, format!("`{action}` is {how} {who}"));
            found.push(finding.help(format!("allow it `{action}` on the stack's objects")));
        }
    }
    // Where nothing is allowed on `*`, the policy may well allow it on the stack's own objects: one line says so.
    let doubtful = found.iter().filter(|f| f.certainty == Certainty::Doubtful).count();
    if doubtful > 3 {
        found.retain(|f| f.certainty != Certainty::Doubtful);
        found.push(Finding::new(
            Certainty::Doubtful,
            format!("{doubtful} actions that the plan needs are not allowed for {who} on all objects; IAM does not report beforehand whether they are allowed on the stack's"),
        ));
    }
    Ok(found)
}

/// Returns IAM's decision on the creation of a service-linked role, each of which is an object of its own: here the simulation
/// knows everything about the call to come.
pub(super) async fn may_make_role(cx: &Cx, who: &str, service: &str, role: &str) -> Result<Decision> {
    let principal = principal(cx, who).await?;
    let Some(principal) = principal.as_ref() else { return Ok(Decision::Allowed) };
    let arn = format!("arn:{}:iam::{}:role/aws-service-role/{service}/{role}", cx.scope.partition, cx.scope.account);
    // Policies that allow it name the service in this key.
    let about = ContextEntry::builder().context_key_name("iam:AWSServiceName").context_key_values(service);
    let about = about.context_key_type(ContextKeyTypeEnum::String).build();
    let call = cx.cloud.iam.simulate_principal_policy().policy_source_arn(principal).resource_arns(arn);
    let call = call.action_names("iam:CreateServiceLinkedRole").context_entries(about);
    let answer = call.send().await.map_err(failed(SIMULATE))?;
    let said: BTreeSet<&str> = answer.evaluation_results().iter().map(|r| r.eval_decision().as_str()).collect();
    Ok(said.into_iter().next().map_or(Decision::ImplicitDeny, Decision::from))
}
