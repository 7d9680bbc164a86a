//! What a permission set allows: its inline policy, managed policies and boundary. AWS's own managed policies are attached by their ARNs;
//! those of the account by name and path, which must be in each account that gets the set
//! (<https://docs.aws.amazon.com/singlesignon/latest/userguide/howtocmp.html>). Here both have ARNs, as everywhere in IAM.

use aws_sdk_ssoadmin::types::{CustomerManagedPolicyReference as Reference, PermissionsBoundary};
use serde_json::{Value, json};

use super::center::Instance;
use crate::aws::call::answers::{begun, or_gone, present};
use crate::aws::sso::errors::failed;
use crate::engine::{Class, Error, Result, Scope};

/// A managed policy as IAM Identity Center takes it.
#[derive(Clone, Debug, PartialEq)]
enum Managed<'a> {
    /// One of AWS's, by its ARN.
    Aws(&'a str),
    /// One of the account.
    Customer(Reference),
}

impl Managed<'_> {
    fn of(arn: &str) -> Result<Managed<'_>> {
        if arn.contains(":iam::aws:policy/") {
            return Ok(Managed::Aws(arn));
        }
        let wrong = || Error::new(Class::Invalid, format!("`{arn}` is no managed policy"));
        let (path, name) = arn.split_once(":policy").and_then(|(_, rest)| rest.rsplit_once('/')).ok_or_else(wrong)?;
        let reference = Reference::builder().name(name).path(format!("{path}/")).build();
        reference.map(Managed::Customer).map_err(|e| Error::internal(e.to_string()))
    }
}

/// Returns the ARN of a policy of the account.
fn arn_of(scope: &Scope, reference: &Reference) -> String {
    format!("arn:{}:iam::{}:policy{}{}", scope.partition, scope.account, reference.path().unwrap_or("/"), reference.name())
}

/// Returns what stands for no inline policy: one without statements, which AWS does not take, so that every other one differs.
pub(super) fn none() -> Value {
    json!({"Version": "2012-10-17", "Statement": []})
}

/// Reads the inline policy.
pub(super) async fn inline(instance: &Instance, set: &str) -> Result<Value> {
    let call = instance.client.get_inline_policy_for_permission_set().instance_arn(&instance.arn).permission_set_arn(set);
    let answer = call.send().await.map(|answer| answer.inline_policy).map_err(failed("sso:GetInlinePolicyForPermissionSet"));
    let text = present(answer)?.unwrap_or_default();
    Ok(if text.is_empty() { none() } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) })
}

/// Writes the inline policy; one without statements is none.
pub(super) async fn write_inline(instance: &Instance, set: &str, policy: &Value) -> Result<()> {
    if policy.get("Statement").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        let call = instance.client.delete_inline_policy_from_permission_set().instance_arn(&instance.arn).permission_set_arn(set);
        return or_gone(call.send().await.map_err(failed("sso:DeleteInlinePolicyFromPermissionSet")));
    }
    let call = instance.client.put_inline_policy_to_permission_set().instance_arn(&instance.arn).permission_set_arn(set);
    call.inline_policy(policy.to_string()).send().await.map_err(failed("sso:PutInlinePolicyToPermissionSet")).map(drop)
}

/// Reads the ARNs of the managed policies.
pub(super) async fn managed(scope: &Scope, instance: &Instance, set: &str) -> Result<Vec<String>> {
    let call = instance.client.list_managed_policies_in_permission_set().instance_arn(&instance.arn).permission_set_arn(set);
    let aws = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    let aws = present(aws.map_err(failed("sso:ListManagedPoliciesInPermissionSet")))?;
    let call = instance.client.list_customer_managed_policy_references_in_permission_set().instance_arn(&instance.arn);
    let pages = call.permission_set_arn(set).into_paginator().items().send();
    let own = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    let own = present(own.map_err(failed("sso:ListCustomerManagedPolicyReferencesInPermissionSet")))?;
    let aws = aws.into_iter().filter_map(|policy| policy.arn);
    Ok(aws.chain(own.iter().map(|reference| arn_of(scope, reference))).collect())
}

/// Attaches and detaches managed policies, so that the set has these.
pub(super) async fn write_managed(scope: &Scope, instance: &Instance, set: &str, wanted: &[String]) -> Result<()> {
    let have = managed(scope, instance, set).await?;
    for arn in wanted.iter().filter(|arn| !have.contains(arn)) {
        attach(instance, set, arn).await?;
    }
    for arn in have.iter().filter(|arn| !wanted.contains(arn)) {
        detach(instance, set, arn).await?;
    }
    Ok(())
}

async fn attach(instance: &Instance, set: &str, arn: &str) -> Result<()> {
    let client = &instance.client;
    match Managed::of(arn)? {
        Managed::Aws(arn) => {
            let call = client.attach_managed_policy_to_permission_set().instance_arn(&instance.arn).permission_set_arn(set);
            let call = call.managed_policy_arn(arn);
            begun(call.send().await.map_err(failed("sso:AttachManagedPolicyToPermissionSet")))
        }
        Managed::Customer(reference) => {
            let call = client.attach_customer_managed_policy_reference_to_permission_set().instance_arn(&instance.arn);
            let call = call.permission_set_arn(set).customer_managed_policy_reference(reference);
            begun(call.send().await.map_err(failed("sso:AttachCustomerManagedPolicyReferenceToPermissionSet")))
        }
    }
}

async fn detach(instance: &Instance, set: &str, arn: &str) -> Result<()> {
    let client = &instance.client;
    match Managed::of(arn)? {
        Managed::Aws(arn) => {
            let call = client.detach_managed_policy_from_permission_set().instance_arn(&instance.arn).permission_set_arn(set);
            let call = call.managed_policy_arn(arn);
            or_gone(call.send().await.map_err(failed("sso:DetachManagedPolicyFromPermissionSet")))
        }
        Managed::Customer(reference) => {
            let call = client.detach_customer_managed_policy_reference_from_permission_set().instance_arn(&instance.arn);
            let call = call.permission_set_arn(set).customer_managed_policy_reference(reference);
            or_gone(call.send().await.map_err(failed("sso:DetachCustomerManagedPolicyReferenceFromPermissionSet")))
        }
    }
}

/// Reads the ARN of the permissions boundary.
pub(super) async fn boundary(scope: &Scope, instance: &Instance, set: &str) -> Result<Option<String>> {
    let call = instance.client.get_permissions_boundary_for_permission_set().instance_arn(&instance.arn).permission_set_arn(set);
    let answer = call.send().await.map(|answer| answer.permissions_boundary);
    let found = present(answer.map_err(failed("sso:GetPermissionsBoundaryForPermissionSet")))?;
    Ok(found.and_then(|boundary| match boundary.customer_managed_policy_reference() {
        Some(reference) => Some(arn_of(scope, reference)),
        None => boundary.managed_policy_arn,
    }))
}

/// Writes the permissions boundary.
pub(super) async fn write_boundary(instance: &Instance, set: &str, arn: &str) -> Result<()> {
    let boundary = match Managed::of(arn)? {
        Managed::Aws(arn) => PermissionsBoundary::builder().managed_policy_arn(arn).build(),
        Managed::Customer(reference) => PermissionsBoundary::builder().customer_managed_policy_reference(reference).build(),
    };
    let call = instance.client.put_permissions_boundary_to_permission_set().instance_arn(&instance.arn).permission_set_arn(set);
    let call = call.permissions_boundary(boundary);
    call.send().await.map_err(failed("sso:PutPermissionsBoundaryToPermissionSet")).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_customer_policies_are_sent_by_name_and_path() {
        let aws = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess";
        assert_eq!(Managed::of(aws).unwrap(), Managed::Aws(aws));
        let text = |text: &str| text.to_owned();
        let scope = Scope {
            stack: text("shop"),
            env: text("default"),
            region: text("eu-west-1"),
            account: text("111111111111"),
            partition: text("aws"),
        };
        for (arn, name, path) in [
            ("arn:aws:iam::111111111111:policy/limits", "limits", "/"),
            ("arn:aws:iam::111111111111:policy/team/web/limits", "limits", "/team/web/"),
        ] {
            let Managed::Customer(reference) = Managed::of(arn).unwrap() else { panic!("{arn}") };
            assert_eq!((reference.name(), reference.path()), (name, Some(path)));
            assert_eq!(arn_of(&scope, &reference), arn);
        }
        assert!(Managed::of("ReadOnlyAccess").is_err());
    }
}
