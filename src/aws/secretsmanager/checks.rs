//! Checks of the secrets that containers get, and of the names of secrets that are to be created.

use std::collections::BTreeSet;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Region;
use serde_json::Value;

use crate::aws::Cx;
use crate::aws::finding::{Certainty, Finding, is_made, is_new, of_kind};
use crate::aws::secretsmanager::Secret;
use crate::aws::secretsmanager::errors::failed;
use crate::aws::wing::Check;
use crate::engine::{Claim, Class, Item, Plan, Resource, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    let definitions = of_kind(plan, "ecs.task_definition").filter(|item| is_new(item, &["containers"]));
    let secrets = of_kind(plan, Secret::KIND).filter(|item| is_made(item));
    let mut checks: Vec<Check<'_>> = Vec::new();
    checks.extend(definitions.map(|item| -> Check<'_> { ("secrets", Box::pin(check(cx, item))) }));
    checks.extend(secrets.map(|item| -> Check<'_> { ("secret names", Box::pin(name(cx, item))) }));
    checks
}

/// Returns the Secrets Manager secrets that containers get: region and ARN, without what follows it. And the Systems Manager
/// parameters. Secrets that are only referred to are the stack's own.
fn named(item: &Item) -> (BTreeSet<(String, String)>, BTreeSet<String>) {
    let (mut secrets, mut parameters) = (BTreeSet::new(), BTreeSet::new());
    let containers = item.desired.as_ref().and_then(|d| d.get("containers")).and_then(Value::as_array);
    let maps = containers.into_iter().flatten().filter_map(|c| c.get("secrets")?.as_object());
    for text in maps.flat_map(|map| map.values().filter_map(Value::as_str)) {
        let arn: Vec<&str> = text.split(':').collect();
        match arn.as_slice() {
            ["arn", _, "secretsmanager", region, _, _, _, ..] => drop(secrets.insert(((*region).to_owned(), arn[..7].join(":")))),
            ["arn", _, "ssm", ..] => drop(parameters.insert(text.to_owned())),
            _ => {}
        }
    }
    (secrets, parameters)
}

/// Checks whether the secrets exist, and can be read by the ARN as it is written
/// (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html>): otherwise ECS would find out when
/// a task starts, again and again.
async fn check(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let (secrets, parameters) = named(item);
    let unasked = |arn: &String| {
        let said = format!("cannot check whether the parameter `{arn}` exists: `stack` does not ask Parameter Store");
        let help = format!("check it with `aws ssm get-parameter --name {arn}`; without it no task starts");
        Finding::new(Certainty::Unknown, said).about(&item.key).help(help)
    };
    let mut found: Vec<Finding> = parameters.iter().map(unasked).collect();
    for (region, arn) in secrets {
        // Each region knows its own.
        let there = cx.cloud.secrets.config().to_builder().region(Region::new(region)).build();
        let answer = Client::from_conf(there).describe_secret().secret_id(&arn).send().await;
        let finding = match answer.map_err(failed("secretsmanager:DescribeSecret")) {
            Ok(there) if there.deleted_date().is_some() => {
                let help = "restore it (`aws secretsmanager restore-secret`), or use another one";
                Finding::refused(&item.key, format!("the secret `{arn}` is being deleted"), help)
            }
            // IAM compares the whole ARN; the end of this one looks as if it were.
            Ok(there) if there.arn().is_some_and(|whole| whole != arn && whole.strip_prefix(&format!("{arn}-")).is_none()) => {
                let whole = there.arn().unwrap_or_default();
                Finding::refused(&item.key, format!("the ARN of the secret `{arn}` is `{whole}`"), format!("write `{whole}`"))
            }
            Ok(_) => continue,
            Err(e) if matches!(e.class, Class::NotFound | Class::Invalid) => {
                let help = "create it first (`aws secretsmanager create-secret`), or fix its ARN, including account and region";
                Finding::refused(&item.key, format!("the secret `{arn}` does not exist"), help)
            }
            // Another account's may be known to the tasks alone.
            Err(e) if e.class == Class::Denied => {
                let said = format!("cannot check whether the secret `{arn}` exists: {e}");
                Finding::new(Certainty::Unknown, said).about(&item.key)
            }
            Err(e) => return Err(e),
        };
        found.push(finding);
    }
    Ok(found)
}

/// Checks whether the name of a secret that is to be created is taken.
async fn name(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let Some(there) = Secret::named(&cx.at(&item.key, item.generation)).await? else { return Ok(Vec::new()) };
    // A secret of the stack that is scheduled for deletion is restored.
    if cx.scope.claim(Secret::KIND, &there.tags, false) == Claim::Ours(item.key.name.clone()) {
        return Ok(Vec::new());
    }
    let message = format!("the secret {} already exists and does not have this stack's tags", there.arn);
    Ok(vec![Finding::refused(&item.key, message, "delete it, or give the section another name")])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::Action;

    #[test]
    fn the_secrets_of_containers_are_known_by_their_arns() {
        let of = |name: &str| format!("arn:aws:secretsmanager:us-east-1:1:secret:{name}");
        let secrets = json!({
            "A": format!("{}:password::", of("a-AbCdEf")),
            "B": of("a-AbCdEf"),
            "C": "${secretsmanager.secret/main.arn}:password::${secretsmanager.secret/main.version}",
            "D": "arn:aws:ssm:us-east-1:1:parameter/x",
            "E": "arn:aws:secretsmanager:eu-west-1:1:secret:far-AbCdEf",
        });
        let item = json!({"key": "ecs.task_definition/web", "action": Action::Create, "generation": 1, "desired": {"containers": [{"secrets": secrets}]}});
        let item: Item = serde_json::from_value(item).unwrap();
        let far = "arn:aws:secretsmanager:eu-west-1:1:secret:far-AbCdEf";
        let secrets = [("eu-west-1".to_owned(), far.to_owned()), ("us-east-1".to_owned(), of("a-AbCdEf"))];
        assert_eq!(named(&item), (secrets.into(), ["arn:aws:ssm:us-east-1:1:parameter/x".to_owned()].into()));
    }
}
