//! The controls of identities: <https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html>. AWS holds managed policies
//! of customers to IAM.1 and IAM.21; a stack has only inline ones, which are held to the same here.

use serde_json::Value;

use super::{Group, Role, User};
use crate::aws::control::Severity::{High, Low, Medium};
use crate::aws::control::{Breach, Control, View, policies};
use crate::engine::{Key, Result};

/// AWS's managed policy that allows everything.
const ADMINISTRATOR: &str = ":iam::aws:policy/AdministratorAccess";

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "IAM.1",
        High,
        (
            "No policy allows everything",
            "these permissions amount to full control of the account, for every program that runs with them",
            "list the actions and resources that are needed",
        ),
        administrators,
    ),
    Control::new(
        "IAM.2",
        Low,
        (
            "Users have their permissions through groups",
            "permissions of single users are forgotten when their work changes",
            "put the policy into a group, and the user into that",
        ),
        direct,
    ),
    Control::new(
        "IAM.21",
        Low,
        ("No policy allows all actions of a service", "it allows what AWS adds later, too", "list the actions that are needed"),
        |view| {
            inline(view, |policy| {
                let services = policies::whole_services(policy);
                services.first().map(|service| format!("`{service}:*` is allowed"))
            })
        },
    ),
    Control::new(
        "KMS.2",
        Medium,
        (
            "No inline policy allows decryption with every key",
            "keys separate data only if each can be used by different principals only",
            "name the ARNs of the keys in `resources`",
        ),
        |view| inline(view, |policy| policies::decrypts_all(policy).then(|| "it allows decryption with every key".to_owned())),
    ),
];

/// An identity with its inline policies and its managed ones.
type Identity<'a> = (&'a Key, Vec<(String, Value)>, Vec<String>);

/// Returns every identity of a stack.
fn identities(view: &View) -> Result<Vec<Identity<'_>>> {
    let mut out = Vec::new();
    out.extend(view.all::<Role>()?.into_iter().map(|(key, it)| (key, it.policies.into_iter().collect(), it.managed)));
    out.extend(view.all::<Group>()?.into_iter().map(|(key, it)| (key, it.policies.into_iter().collect(), it.managed)));
    // What a permission set allows is what its role allows. It has one inline policy, without a name.
    out.extend(view.raw("sso.permission_set").map(|set| {
        let managed = set.fields["managed"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        (&set.key, vec![("policy".to_owned(), set.fields["policy"].clone())], managed.collect())
    }));
    out.extend(view.all::<User>()?.into_iter().map(|(key, it)| (key, it.policies.into_iter().collect(), it.managed)));
    Ok(out)
}

fn inline(view: &View, wrong: impl Fn(&Value) -> Option<String>) -> Result<Vec<Breach>> {
    let mut out = Vec::new();
    for (key, documents, _) in identities(view)? {
        for (name, what) in documents.iter().filter_map(|(name, document)| Some((name, wrong(document)?))) {
            out.push(Breach::new(key, format!("policy `{name}`: {what}")));
        }
    }
    Ok(out)
}

fn administrators(view: &View) -> Result<Vec<Breach>> {
    let mut out = inline(view, |policy| policies::is_administrator(policy).then(|| "everything is allowed".to_owned()))?;
    for (key, _, managed) in identities(view)? {
        if managed.iter().any(|arn| arn.ends_with(ADMINISTRATOR)) {
            out.push(Breach::new(key, "it has AWS's policy `AdministratorAccess`"));
        }
    }
    Ok(out)
}

fn direct(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<User>()?.into_iter().filter(|(_, user)| !user.policies.is_empty() || !user.managed.is_empty());
    Ok(all.map(|(key, _)| Breach::new(key, "it has policies of its own")).collect())
}
