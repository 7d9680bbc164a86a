use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Function, functions};
use crate::aws::call::answers::present;
use crate::aws::events::EventRule;
use crate::aws::lambda::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::policy::principals;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule};

/// The permission for a rule to call a function.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// The function. It cannot be changed.
    pub function: Ref<Function>,
    /// The rule that calls it: its ARN. It cannot be changed.
    pub rule: Ref<EventRule>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// `FUNCTION/STATEMENT`
    pub id: String,
    /// The name of the function.
    pub function: String,
    /// The statement's id in the function's policy.
    pub statement: String,
}

fn live(function: &str, statement: &str) -> Live {
    Live { id: format!("{function}/{statement}"), function: function.to_owned(), statement: statement.to_owned() }
}

/// Returns who may call a function by its policy, by statement: rules by their ARNs, all others with the statement's name, so
/// that none is mistaken for a rule.
fn callers(policy: &str) -> Vec<(String, String)> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let one = |statement: &Value| {
        let sid = statement["Sid"].as_str().unwrap_or_default().to_owned();
        let mut conditions = statement["Condition"].as_object().into_iter().flat_map(|all| all.values());
        let source = conditions.find_map(|c| c.get("AWS:SourceArn").or(c.get("aws:SourceArn"))?.as_str());
        let who = match source {
            Some(rule) if rule.contains(":rule/") => rule.to_owned(),
            Some(source) => format!("{source}/{sid}"),
            None => format!("{}/{sid}", principals(&statement["Principal"]).join("+")),
        };
        (sid, who)
    };
    statements.map(one).collect()
}

impl Resource for Permission {
    const KIND: &'static str = "lambda.permission";
    const RULES: &'static [Rule] = &[
        Rule::immutable("function"),
        Rule::identity("function"),
        Rule::takes("rule", &[("events.rule", "arn")]),
        Rule::immutable("rule"),
        Rule::identity("rule"),
    ];
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = functions(cx).await?;
        let ours = all.iter().filter(|f| matches!(cx.scope.claim(Function::KIND, &f.tags, false), Claim::Ours(_)));
        let names: Vec<&str> = ours.filter_map(|f| f.configuration.function_name()).collect();
        let found = try_join_all(names.into_iter().map(|name| async move {
            let answer = cx.cloud.lambda.get_policy().function_name(name).send().await.map_err(failed("lambda:GetPolicy"));
            let policy = present(answer.map(|a| a.policy))?.unwrap_or_default();
            let of = |(statement, rule): (String, String)| Observed {
                claim: Claim::Stray,
                live: live(name, &statement),
                fields: Permission { function: Ref::physical(name), rule: Ref::physical(rule).attr("arn") },
                state: Readiness::Ready,
            };
            Ok::<_, Error>(callers(&policy).into_iter().map(of).collect::<Vec<_>>())
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        // The rule is part of its identity: of two, the new one is added before the old one is removed.
        let (function, statement) = (self.function.id()?, cx.token(&format!("permission {}", self.rule.id()?)));
        let call = cx.cloud.lambda.add_permission().function_name(function).statement_id(&statement);
        let call = call.action("lambda:InvokeFunction").principal("events.amazonaws.com").source_arn(self.rule.id()?);
        call.send().await.map_err(failed("lambda:AddPermission"))?;
        Ok(live(function, &statement))
    }

    async fn update(&self, _: &Cx, live: &Live, _: &Diff) -> Result<Live> {
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.lambda.remove_permission().function_name(&live.function).statement_id(&live.statement);
        call.send().await.map_err(failed("lambda:RemovePermission"))?;
        Ok(())
    }
}

impl AwsKind for Permission {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions =
        Actions { create: &["lambda:AddPermission"], update: &["lambda:AddPermission"], delete: &["lambda:RemovePermission"] };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_says_which_rules_may_call() {
        let rule = "arn:aws:events:r:1:rule/x";
        let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "a", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "lambda:InvokeFunction",
             "Resource": "f", "Condition": {"ArnLike": {"AWS:SourceArn": rule}}},
            {"Sid": "b", "Effect": "Allow", "Principal": {"AWS": "1"}, "Action": "lambda:InvokeFunction", "Resource": "f"},
        ]});
        let two = [("a".to_owned(), rule.to_owned()), ("b".to_owned(), "1/b".to_owned())];
        assert_eq!(callers(&policy.to_string()), two, "and who else may");
        assert_eq!(callers("no JSON"), []);
    }
}
