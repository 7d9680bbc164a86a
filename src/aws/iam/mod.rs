//! Permissions and people, in AWS IAM.

mod checks;
mod controls;
pub(in crate::aws) mod errors;
mod group;
mod oidc_provider;
mod password_policy;
mod role;
pub mod simulation;
mod user;

pub use group::Group;
pub use oidc_provider::OidcProvider;
pub use password_policy::PasswordPolicy;
pub use role::Role;
pub use user::{User, name_of as user_object};

use std::sync::Arc;

use aws_sdk_iam::types::{EntityType, GroupDetail, PolicyDetail, RoleDetail, Tag, UserDetail};
use serde_json::Value;

use crate::aws::call::answers::or_gone;
use crate::aws::iam::errors::failed;
use crate::aws::wing::{KindRow, Wing};
use crate::aws::{Cx, Tags};
use crate::engine::{Error, Result, Scope};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    checks: checks::of,
    controls: controls::CONTROLS,
    ..Wing::of(&[
        KindRow::of::<Role>(),
        KindRow::of::<Group>(),
        KindRow::of::<User>(),
        KindRow::of::<OidcProvider>(),
        KindRow::of::<PasswordPolicy>(),
    ])
};

/// Returns the path of the stack's roles, groups and users: IAM lists those of the whole account, and the path shows which are
/// the stack's. IAM has no regions, so a stack that exists in two of them keeps its objects apart by the path, and by the name
/// where `stack` chooses the name.
fn path(scope: &Scope) -> String {
    format!("/stack/{}/{}/{}/", scope.stack, scope.env, scope.region)
}

/// Everything in the account, from the one call that reports it with policies, tags and memberships.
#[derive(Default)]
struct Account {
    roles: Vec<RoleDetail>,
    groups: Vec<GroupDetail>,
    users: Vec<UserDetail>,
}

async fn account(cx: &Cx) -> Result<Arc<Account>> {
    let ask = async {
        let call = cx.cloud.iam.get_account_authorization_details().max_items(1000);
        let call = call.filter(EntityType::Role).filter(EntityType::Group).filter(EntityType::User);
        let mut pages = call.into_paginator().send();
        let mut out = Account::default();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("iam:GetAccountAuthorizationDetails"))?;
            out.roles.extend(page.role_detail_list.unwrap_or_default());
            out.groups.extend(page.group_detail_list.unwrap_or_default());
            out.users.extend(page.user_detail_list.unwrap_or_default());
        }
        Ok(out)
    };
    cx.reads.once("iam.account", ask).await
}

/// Returns the names of the stack's roles that a service may assume: `backup.amazonaws.com`.
pub(in crate::aws) async fn roles_of(cx: &Cx, service: &str) -> Result<Vec<String>> {
    let all = account(cx).await?;
    let trusts = |role: &&RoleDetail| role.assume_role_policy_document().is_some_and(|text| decoded(text).contains(service));
    let ours = all.roles.iter().filter(|role| role.path() == Some(&path(&cx.scope))).filter(trusts);
    Ok(ours.filter_map(|role| role.role_name.clone()).collect())
}

/// Returns path and name of the roles below a path that AWS reserves.
pub(in crate::aws) async fn reserved_roles(cx: &Cx, path: &str) -> Result<Vec<(String, String)>> {
    let all = account(cx).await?;
    let below = all.roles.iter().filter(|role| role.path().is_some_and(|own| own.starts_with(path)));
    Ok(below.filter_map(|role| Some((role.path.clone()?, role.role_name.clone()?))).collect())
}

fn to_sdk(tags: &Tags) -> Result<Vec<Tag>> {
    let tag = |(k, v): (&String, &String)| Tag::builder().key(k).value(v).build();
    tags.iter().map(tag).collect::<Result<_, _>>().map_err(|e| Error::internal(e.to_string()))
}

/// Returns the inline policies among details: name and document.
fn inline(policies: &[PolicyDetail]) -> impl Iterator<Item = (String, Value)> + '_ {
    policies.iter().filter_map(|p| Some((p.policy_name.clone()?, document(p.policy_document.as_deref()?))))
}

/// Reads a policy document as IAM returns it: percent-encoded JSON.
fn document(text: &str) -> Value {
    let plain = if text.starts_with(['{', '"']) { text.to_owned() } else { decoded(text) };
    serde_json::from_str(&plain).unwrap_or(Value::String(plain))
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
        let code = (byte == b'%').then(|| Some(digit(at + 1)? * 16 + digit(at + 2)?)).flatten();
        match code.and_then(|code| u8::try_from(code).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_read_in_every_form_of_iam() {
        let wanted = json!({"Version": "2012-10-17", "Statement": [{"Action": "s3:*", "Resource": "arn:aws:s3:::é/*"}]});
        let encoded = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22arn%3Aaws%3As3%3A%3A%3A%C3%A9%2F%2A%22%7D%5D%7D";
        assert_eq!(document(encoded), wanted);
        assert_eq!(document(&wanted.to_string()), wanted);
        assert_eq!(document(r#"{"a": "100%25"}"#), json!({"a": "100%25"}));
    }

    #[test]
    fn what_is_not_encoded_stays_as_it_is() {
        assert_eq!(decoded("50% off, %zz, %e"), "50% off, %zz, %e");
    }
}
