//! Secrets that containers get, and names of secrets that are to be made.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Certainty, Finding};
use crate::aws::Cx;
use crate::aws::error::failed;
use crate::aws::secretsmanager::Secret;
use crate::engine::{Claim, Class, Item, Resource, Result};

/// The ARNs of the secrets of Secrets Manager in the stack's own region that containers get, less what follows an ARN. What is
/// only referred to is the stack's own.
fn named<'a>(item: &'a Item, region: &str) -> BTreeSet<String> {
    let containers = item.desired.as_ref().and_then(|d| d.get("containers")).and_then(Value::as_array);
    let secrets = containers.into_iter().flatten().filter_map(|c| c.get("secrets")?.as_object());
    let arns = secrets.flat_map(|map| map.values().filter_map(Value::as_str)).map(|arn| arn.split(':').collect::<Vec<&'a str>>());
    let ours = |arn: &Vec<&str>| arn.len() >= 7 && arn[0] == "arn" && arn[2] == "secretsmanager" && arn[3] == region;
    arns.filter(ours).map(|arn| arn[..7].join(":")).collect()
}

/// Whether the secrets are there, and can be read by the ARN as it is written
/// (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html>): ECS would find out when a task
/// starts, again and again.
pub(super) async fn check(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for arn in named(item, &cx.scope.region) {
        let answer = cx.cloud.secrets.describe_secret().secret_id(&arn).send().await;
        let finding = match answer.map_err(failed("secretsmanager:DescribeSecret")) {
            Ok(there) if there.deleted_date().is_some() => {
                let help = "restore it (`aws secretsmanager restore-secret`), or name another one";
                Finding::refused(&item.key, format!("the secret `{arn}` is being deleted"), help)
            }
            // IAM compares the whole ARN; the end of this one looks as if it were.
            Ok(there) if there.arn().is_some_and(|whole| whole != arn && whole.strip_prefix(&format!("{arn}-")).is_none()) => {
                let whole = there.arn().unwrap_or_default();
                Finding::refused(&item.key, format!("the secret `{arn}` is `{whole}`"), format!("write `{whole}`"))
            }
            Ok(_) => continue,
            Err(e) if matches!(e.class, Class::NotFound | Class::Invalid) => {
                let help = "make it first (`aws secretsmanager create-secret`), or mend its ARN, whose account and region count";
                Finding::refused(&item.key, format!("there is no secret `{arn}`"), help)
            }
            // Another account's may be known to the tasks alone.
            Err(e) if e.class == Class::Denied => {
                let said = format!("whether there is a secret `{arn}` could not be found out: {e}");
                Finding::new(Certainty::Unknown, said).about(&item.key)
            }
            Err(e) => return Err(e),
        };
        found.push(finding);
    }
    Ok(found)
}

/// Whether the name of a secret that is to be made is somebody else's.
pub(super) async fn name(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let Some(there) = Secret::named(&cx.at(&item.key, item.generation)).await? else { return Ok(Vec::new()) };
    // What is ours and waits for its deletion is taken back.
    if cx.scope.claim(Secret::KIND, &there.tags, false) == Claim::Ours(item.key.name.clone()) {
        return Ok(Vec::new());
    }
    let message = format!("the secret {} is there already and does not carry the tags of this stack", there.arn);
    Ok(vec![Finding::refused(&item.key, message, "remove it, or give the section another name")])
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
        assert_eq!(named(&item, "us-east-1"), BTreeSet::from([of("a-AbCdEf")]));
    }
}
