//! Checks for what WAF would refuse of a plan: a web ACL of someone else in the way, more capacity than it has.

use aws_sdk_wafv2::types as sdk;
use serde::Deserialize;

use super::association::{THEIRS, before, called, is_ours};
use super::{Association, WebAcl, client};
use crate::aws::Cx;
use crate::aws::finding::{Certainty, Finding, field, fields, is_new, of_kind, physical, referred};
use crate::aws::wafv2::errors::failed;
use crate::aws::wing::Check;
use crate::engine::{Item, Plan, Resource, Result, token};

/// The capacity that a web ACL can have, and the capacity from which on it costs more
/// (<https://docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html>).
const MOST: i64 = 5_000;
const INCLUDED: i64 = 1_500;

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    vec![("web ACLs of others", Box::pin(others(cx, plan))), ("the capacity of web ACLs", Box::pin(capacity(cx, plan)))]
}

/// Asks what is before each load balancer and distribution that gets a web ACL.
async fn others(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for item in of_kind(plan, Association::KIND).filter(|item| is_new(item, &["web_acl"])) {
        let Some(arn) = resource(plan, item) else { continue };
        let Some(web_acl) = before(cx, &arn).await? else { continue };
        if !is_ours(cx, &web_acl).await? {
            let said = format!("the web ACL `{}` of someone else is before {arn}", called(&web_acl));
            found.push(Finding::refused(&item.key, said, THEIRS));
        }
    }
    Ok(found)
}

/// Returns the ARN of what is to be protected, if it exists already.
fn resource(plan: &Plan, item: &Item) -> Option<String> {
    let named = fields(item)?.get("resource")?;
    match referred(plan, Some(named)) {
        Some(of) => of.before.as_ref()?.live.get("arn")?.as_str().map(str::to_owned),
        None => physical(named).into_iter().next().or_else(|| field(item, "resource").map(str::to_owned)),
    }
    .filter(|arn| arn.starts_with("arn:"))
}

/// Asks how much capacity the rules of each web ACL need. Rules with IP sets that do not exist yet have one unit each
/// (<https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-ipset-match.html>).
async fn capacity(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    const OP: &str = "wafv2:CheckCapacity";
    let mut found = Vec::new();
    for item in of_kind(plan, WebAcl::KIND).filter(|item| is_new(item, &["rules"])) {
        let Some(acl) = fields(item).and_then(|fields| WebAcl::deserialize(fields).ok()) else { continue };
        let is_new = |sets: &[String]| sets.iter().any(|arn| !token::named(&arn.as_str().into()).is_empty());
        let (unknown, known): (Vec<_>, Vec<_>) = acl.rules.iter().partition(|rule| is_new(&rule.ip_sets));
        let ours: usize = unknown.iter().map(|rule| rule.ip_sets.len()).sum();
        let rules = known.into_iter().map(|rule| rule.resolved().to_sdk()).collect::<Result<Vec<_>>>()?;
        let asked = match rules.is_empty() {
            true => 0,
            false => {
                let call = client(cx, &acl.scope).check_capacity().scope(sdk::Scope::from(acl.scope.as_str()));
                call.set_rules(Some(rules)).send().await.map_err(failed(OP))?.capacity
            }
        };
        let all = asked + i64::try_from(ours).unwrap_or(i64::MAX);
        if all > MOST {
            let said = format!("its rules need {all} capacity units, and a web ACL has at most {MOST}");
            found.push(Finding::refused(&item.key, said, "remove managed groups"));
        } else if all > INCLUDED {
            let said = format!("its rules need {all} capacity units: AWS charges more from {INCLUDED} on");
            found.push(Finding::new(Certainty::Told, said).about(&item.key));
        }
    }
    Ok(found)
}
