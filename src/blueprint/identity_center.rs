//! `access.identity_center`: permission sets, and who gets them in this account.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::access::{arn_of, families, managed, policies};
use super::facts::{Facts, Problem};
use super::policies::policy;
use crate::aws::Tags;
use crate::aws::iam::user_object;
use crate::aws::ownership::names;
use crate::aws::sso::{Assignment, PermissionSet, session};
use crate::config::access::PermissionSet as Section;
use crate::config::limits::SET_INLINE;
use crate::config::{Duration, Stack};
use crate::engine::{Error, Graph, Ref, Scope};

/// The place of the section.
const ORIGIN: &str = "access.identity_center.permission_sets";
/// How long people can work with a permission set that says nothing else, in seconds.
const HOUR: u64 = 3_600;
/// The maximum length of a name in a key.
const NAME: usize = 80;

/// Returns all policies as one, which is as many as a permission set has of its own. Statements are called after their policies, as their
/// names must differ within one
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html>).
fn one(policies: BTreeMap<String, Value>) -> Value {
    let (mut all, mut sids) = (Vec::new(), BTreeSet::new());
    for (name, document) in policies {
        let Some(Value::Array(statements)) = document.get("Statement").cloned() else { continue };
        for mut statement in statements {
            if let Some(sid) = statement.get("Sid").and_then(Value::as_str).filter(|_| name != "statements") {
                let mut called = name.clone();
                called[..1].make_ascii_uppercase();
                statement["Sid"] = format!("{called}{sid}").into();
            }
            // Who calls one of theirs like one of these leaves that without a name, which none needs.
            let sid = statement.get("Sid").and_then(Value::as_str).map(str::to_owned);
            if sid.is_some_and(|sid| !sids.insert(sid))
                && let Some(fields) = statement.as_object_mut()
            {
                fields.remove("Sid");
            }
            all.push(statement);
        }
    }
    policy(all)
}

/// Reports policies of other accounts: a permission set has those of this account by their names.
fn foreign(section: &Section, scope: &Scope, path: &str, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let own = format!(":iam::{}:policy/", scope.account);
    for (at, policy) in section.policies.iter().enumerate() {
        let arn = arn_of(policy, scope)?;
        if !arn.contains(":iam::aws:policy/") && !arn.contains(&own) {
            problems.push(Problem {
                at: format!("{path}.policies[{at}]"),
                code: "wrong-arn",
                message: format!("`{arn}` is a policy of another account than {}", scope.account),
                help: "a permission set can have policies of AWS and of the account that it is assigned in".into(),
            });
        }
    }
    Ok(())
}

/// Adds the permission sets, and an assignment for everyone who gets one.
pub fn expand(graph: &mut Graph, stack: &Stack, facts: &Facts<'_>, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let Some(section) = &stack.access.identity_center else { return Ok(()) };
    let families = families(facts.scope, graph, |name| stack.first_name(name));
    let region = Some(section.region.clone().unwrap_or_else(|| facts.scope.region.clone()));
    for (name, part) in &section.permission_sets {
        let path = format!("{ORIGIN}.{name}");
        foreign(part, facts.scope, &path, problems)?;
        let set = PermissionSet {
            description: part.description.clone(),
            session_duration: Some(session(part.session.map_or(HOUR, Duration::as_secs))),
            policy: one(policies(part.rights(), facts.scope, graph, &families, &SET_INLINE)),
            managed: managed(part.rights(), facts.scope)?,
            boundary: None,
            provisioned: true,
            region: region.clone(),
            tags: Tags::new(),
        };
        let set = graph.add(name.as_str(), &path, &set)?;
        assign(graph, name.as_str(), part, &set, &region)?;
    }
    Ok(())
}

fn assign(
    graph: &mut Graph,
    name: &str,
    section: &Section,
    set: &Ref<PermissionSet>,
    region: &Option<String>,
) -> Result<(), Error> {
    for (sort, list, principals) in [("GROUP", "groups", &section.groups), ("USER", "users", &section.users)] {
        for principal in principals {
            let assignment = Assignment {
                permission_set: set.clone(),
                principal_type: sort.to_owned(),
                principal: principal.clone(),
                region: region.clone(),
            };
            let who = names::ending(&user_object(principal), "", NAME);
            let key = format!("{name}-{}-{who}", sort.to_ascii_lowercase());
            graph.add(key, &format!("{ORIGIN}.{name}.{list}"), &assignment)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn statements_of_one_policy_have_names_of_their_own() {
        let document = |sid: &str| json!({"Version": "2012-10-17", "Statement": [{"Sid": sid, "Effect": "Allow"}]});
        let all = [("view", "Lists"), ("exec", "Lists"), ("statements", "Mine")];
        let found = one(all.map(|(name, sid)| (name.to_owned(), document(sid))).into());
        let sids: Vec<&str> = found["Statement"].as_array().unwrap().iter().map(|one| one["Sid"].as_str().unwrap()).collect();
        assert_eq!(sids, ["ExecLists", "Mine", "ViewLists"]);
        let found =
            one([("view", "Lists"), ("statements", "ViewLists")].map(|(name, sid)| (name.to_owned(), document(sid))).into());
        assert_eq!((&found["Statement"][0]["Sid"], found["Statement"][1].get("Sid")), (&json!("ViewLists"), None));
        assert_eq!(one(BTreeMap::new())["Statement"], json!([]));
    }

    #[test]
    fn only_policies_of_the_account_or_aws_can_be_named() {
        let scope = Scope {
            stack: "shop".into(),
            env: "default".into(),
            region: "eu-west-1".into(),
            account: "111111111111".into(),
            partition: "aws".into(),
        };
        let policies = ["ReadOnlyAccess", "arn:aws:iam::111111111111:policy/x", "arn:aws:iam::222222222222:policy/x"];
        let section = Section { policies: policies.map(str::to_owned).into(), ..Section::default() };
        let mut problems = Vec::new();
        foreign(&section, &scope, "p", &mut problems).unwrap();
        assert_eq!(problems.iter().map(|one| one.at.as_str()).collect::<Vec<_>>(), ["p.policies[2]"]);
    }
}
