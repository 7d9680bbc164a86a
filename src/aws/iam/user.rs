use std::collections::BTreeMap;

use aws_sdk_iam::types::{AccessKeyMetadata, UserDetail};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Group, account, inline, or_gone, path, to_sdk};
use crate::aws::call::answers::present;
use crate::aws::call::arguments::{ids, written};
use crate::aws::call::error::incomplete;
use crate::aws::iam::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TagEdit, from_pairs};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Claim, Class, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// A user: a person, or a program with access keys. `stack` creates neither keys nor passwords; those that a user has are deleted
/// with the user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The user name, exactly as it is. User names are unique in an account. It cannot be changed.
    pub name: String,
    /// The groups of the user. The user is removed from others. Left out: none.
    #[serde(default)]
    pub groups: Vec<Ref<Group>>,
    /// The user's own inline policies: policy documents by name. Others are removed. Left out: none.
    #[serde(default)]
    pub policies: BTreeMap<String, Value>,
    /// The user's own managed policies: ARNs. Others are detached. Left out: none.
    #[serde(default)]
    pub managed: Vec<String>,
    /// A managed policy that the user's rights cannot go beyond: its ARN. Left out: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The user's access keys, in words: `stack` creates none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub noticed: Option<String>,
}

/// Returns the name of the object of a user: users may be called `alice@example.com`, objects may not.
pub fn name_of(user: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if user.chars().all(fits) {
        return user.to_owned();
    }
    let plain: String = user.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let digest: String = Sha256::digest(user.as_bytes()).iter().take(2).map(|b| format!("{b:02x}")).collect();
    format!("{plain}-{digest}")
}

fn observed(cx: &Cx, user: &UserDetail) -> Option<Observed<User>> {
    let name = user.user_name()?;
    let tags = from_pairs(user.tags().iter().map(|t| (Some(t.key()), Some(t.value()))));
    let place = user.path().unwrap_or("/");
    // The path is set at creation. One that was handed over to us by its tags may lie anywhere, but not with the same stack in
    // another region.
    let claim = match place {
        _ if place == path(&cx.scope) => cx.scope.claim(User::KIND, &tags, true),
        _ if place.starts_with("/stack/") => Claim::Foreign,
        // The tags alone are no reason to delete a person: such a one is only taken over, when the file names it.
        _ => match cx.scope.claim(User::KIND, &tags, false) {
            Claim::Ours(_) => Claim::Adoptable,
            other => other,
        },
    };
    Some(Observed {
        claim: if claim == Claim::Foreign { Claim::Taken(name_of(name)) } else { claim },
        live: Live { id: name.to_owned(), arn: user.arn.clone()?, noticed: None },
        fields: User {
            name: name.to_owned(),
            groups: user.group_list().iter().map(Ref::physical).collect(),
            policies: inline(user.user_policy_list()).collect(),
            managed: user.attached_managed_policies().iter().filter_map(|p| p.policy_arn.clone()).collect(),
            boundary: user.permissions_boundary().and_then(|it| it.permissions_boundary_arn.clone()),
            tags,
        },
        state: Readiness::Ready,
    })
}

async fn groups_of(cx: &Cx, user: &str) -> Result<Vec<String>> {
    let pages = cx.cloud.iam.list_groups_for_user().user_name(user).into_paginator().items().send();
    let all = present(pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListGroupsForUser")))?;
    Ok(all.into_iter().map(|g| g.group_name).collect())
}

async fn leave(cx: &Cx, user: &str, group: &str) -> Result<()> {
    let call = cx.cloud.iam.remove_user_from_group().user_name(user).group_name(group);
    or_gone(call.send().await.map_err(failed("iam:RemoveUserFromGroup")))
}

async fn access_key_details(cx: &Cx, user: &str) -> Result<Vec<AccessKeyMetadata>> {
    let pages = cx.cloud.iam.list_access_keys().user_name(user).into_paginator().items().send();
    present(pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListAccessKeys")))
}

async fn access_keys(cx: &Cx, user: &str) -> Result<Vec<String>> {
    Ok(access_key_details(cx, user).await?.into_iter().filter_map(|k| k.access_key_id).collect())
}

/// Returns the user's access keys, in words. People need some, so they are no difference; that they exist must not be overlooked.
async fn keys_noticed(cx: &Cx, user: &str) -> Result<Option<String>> {
    let keys = match access_key_details(cx, user).await {
        // Without the permission nothing is reported, as before.
        Err(e) if e.class == Class::Denied => Vec::new(),
        other => other?,
    };
    let told: Vec<String> = keys
        .iter()
        .filter_map(|key| {
            let made = key.create_date().map(|at| at.to_string()).unwrap_or_default();
            let off = if key.status().is_some_and(|s| s.as_str() == "Inactive") { ", inactive" } else { "" };
            Some(format!("{} of {}{off}", key.access_key_id()?, made.get(..10).unwrap_or("an unknown day")))
        })
        .collect();
    let noun = if told.len() == 1 { "an access key" } else { "access keys" };
    Ok((!told.is_empty()).then(|| format!("has {noun} that `stack` did not create ({})", told.join("; "))))
}

async fn mfa_devices(cx: &Cx, user: &str) -> Result<Vec<String>> {
    let pages = cx.cloud.iam.list_mfa_devices().user_name(user).into_paginator().items().send();
    let all = present(pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListMFADevices")))?;
    Ok(all.into_iter().map(|d| d.serial_number).collect())
}

async fn has_login(cx: &Cx, user: &str) -> Result<bool> {
    match cx.cloud.iam.get_login_profile().user_name(user).send().await.map_err(failed("iam:GetLoginProfile")) {
        Err(e) if e.class == Class::NotFound => Ok(false),
        other => other.map(|_| true),
    }
}

// Whether the user is there at all, only `DeleteUser` says: nothing in a list is no reason to stop before it.

/// Removes everything with which the user could sign in: from then on the user can do nothing.
async fn lock_out(cx: &Cx, user: &str) -> Result<()> {
    let iam = &cx.cloud.iam;
    or_gone(iam.delete_login_profile().user_name(user).send().await.map_err(failed("iam:DeleteLoginProfile")))?;
    for key in access_keys(cx, user).await? {
        let call = iam.delete_access_key().user_name(user).access_key_id(key);
        or_gone(call.send().await.map_err(failed("iam:DeleteAccessKey")))?;
    }
    for serial in mfa_devices(cx, user).await? {
        let call = iam.deactivate_mfa_device().user_name(user).serial_number(&serial);
        or_gone(call.send().await.map_err(failed("iam:DeactivateMFADevice")))?;
        // One that is an app on a telephone has an ARN; one of hardware has only its number, and stays what it is.
        if serial.contains(":mfa/") {
            let call = iam.delete_virtual_mfa_device().serial_number(&serial);
            or_gone(call.send().await.map_err(failed("iam:DeleteVirtualMFADevice")))?;
        }
    }
    let pages = iam.list_signing_certificates().user_name(user).into_paginator().items().send();
    let all = present(pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListSigningCertificates")))?;
    for certificate in all {
        let call = iam.delete_signing_certificate().user_name(user).certificate_id(certificate.certificate_id);
        or_gone(call.send().await.map_err(failed("iam:DeleteSigningCertificate")))?;
    }
    let pages = iam.list_ssh_public_keys().user_name(user).into_paginator().items().send();
    let all = present(pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListSSHPublicKeys")))?;
    for key in all {
        let call = iam.delete_ssh_public_key().user_name(user).ssh_public_key_id(key.ssh_public_key_id);
        or_gone(call.send().await.map_err(failed("iam:DeleteSSHPublicKey")))?;
    }
    let answer = iam.list_service_specific_credentials().user_name(user).send().await;
    let answer = answer.map_err(failed("iam:ListServiceSpecificCredentials"));
    for known in present(answer.map(|a| a.service_specific_credentials.unwrap_or_default()))? {
        let id = known.service_specific_credential_id;
        let call = iam.delete_service_specific_credential().user_name(user).service_specific_credential_id(id);
        or_gone(call.send().await.map_err(failed("iam:DeleteServiceSpecificCredential")))?;
    }
    Ok(())
}

async fn attached(cx: &Cx, user: &str) -> Result<Vec<String>> {
    let pages = cx.cloud.iam.list_attached_user_policies().user_name(user).into_paginator().items().send();
    let all = present(pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListAttachedUserPolicies")))?;
    Ok(all.into_iter().filter_map(|p| p.policy_arn).collect())
}

async fn detach(cx: &Cx, user: &str, policy: &str) -> Result<()> {
    let call = cx.cloud.iam.detach_user_policy().user_name(user).policy_arn(policy);
    or_gone(call.send().await.map_err(failed("iam:DetachUserPolicy")))
}

async fn drop_inline(cx: &Cx, user: &str, policy: &str) -> Result<()> {
    let call = cx.cloud.iam.delete_user_policy().user_name(user).policy_name(policy);
    or_gone(call.send().await.map_err(failed("iam:DeleteUserPolicy")))
}

/// Removes every permission, however it was given.
async fn strip(cx: &Cx, user: &str) -> Result<()> {
    let iam = &cx.cloud.iam;
    let pages = iam.list_user_policies().user_name(user).into_paginator().items().send();
    let inline = present(pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListUserPolicies")))?;
    for policy in inline {
        drop_inline(cx, user, &policy).await?;
    }
    for arn in attached(cx, user).await? {
        detach(cx, user, &arn).await?;
    }
    for group in groups_of(cx, user).await? {
        leave(cx, user, &group).await?;
    }
    let call = iam.delete_user_permissions_boundary().user_name(user);
    or_gone(call.send().await.map_err(failed("iam:DeleteUserPermissionsBoundary")))
}

/// Returns what is deleted with a user: `with 2 access keys, a console password and an MFA device`.
fn words(keys: usize, login: bool, devices: usize) -> Option<String> {
    let several = |n: usize, one: &str, many: &str| match n {
        0 => None,
        1 => Some(one.to_owned()),
        n => Some(format!("{n} {many}")),
    };
    let parts = [
        several(keys, "an access key", "access keys"),
        login.then(|| "a console password".to_owned()),
        several(devices, "an MFA device", "MFA devices"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let (last, rest) = parts.split_last()?;
    Some(if rest.is_empty() { format!("with {last}") } else { format!("with {} and {last}", rest.join(", ")) })
}

impl Resource for User {
    const KIND: &'static str = "iam.user";
    const RULES: &'static [Rule] = &[
        Rule::immutable("name"),
        Rule::identity("name"),
        Rule::set("groups"),
        Rule::after_create("groups"),
        Rule::exact("policies"),
        Rule::policy("policies.*"),
        Rule::after_create("policies"),
        Rule::set("managed"),
        Rule::after_create("managed"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(2, 3);
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let mut found: Vec<_> = account(cx).await?.users.iter().filter_map(|user| observed(cx, user)).collect();
        // A question for each, and nothing would be done about the answers: a reading by the index does without them.
        if cx.reads.may_ask_index() {
            return Ok(found);
        }
        let ours = found.iter_mut().filter(|o| matches!(o.claim, Claim::Ours(_) | Claim::Adoptable));
        try_join_all(ours.map(|user| async {
            user.live.noticed = keys_noticed(cx, &user.live.id).await?;
            Ok::<_, Error>(())
        }))
        .await?;
        Ok(found)
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "iam:CreateUser";
        let call = cx.cloud.iam.create_user().user_name(&self.name).path(path(&cx.scope));
        let call = call.set_permissions_boundary(self.boundary.clone());
        match call.set_tags(Some(to_sdk(&self.tags)?)).send().await.map_err(failed(OP)) {
            Ok(answer) => {
                let user = answer.user.ok_or_else(|| incomplete(OP, "the user"))?;
                Ok(Live { id: user.user_name, arn: user.arn, noticed: None })
            }
            Err(e) if e.class == Class::Exists => Err(e.hint(format!(
                "user names are unique in an account, regardless of case: choose another name than `{}`, or remove the user from the file",
                self.name
            ))),
            Err(e) => Err(e),
        }
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let (iam, name) = (&cx.cloud.iam, &live.id);
        // Before the groups and policies: what they allow is limited from the beginning.
        if let (true, Some(boundary)) = (diff.touches("boundary"), &self.boundary) {
            let call = iam.put_user_permissions_boundary().user_name(name).permissions_boundary(boundary);
            call.send().await.map_err(failed("iam:PutUserPermissionsBoundary"))?;
        }
        if diff.touches("groups") {
            let (have, want) = (groups_of(cx, name).await?, ids(&self.groups)?);
            for group in want.iter().filter(|g| !have.contains(g)) {
                let call = iam.add_user_to_group().user_name(name).group_name(group);
                call.send().await.map_err(failed("iam:AddUserToGroup"))?;
            }
            for group in have.iter().filter(|g| !want.contains(g)) {
                leave(cx, name, group).await?;
            }
        }
        for (policy, document) in written(diff, "policies", &self.policies) {
            let call = iam.put_user_policy().user_name(name).policy_name(policy).policy_document(document.to_string());
            call.send().await.map_err(failed("iam:PutUserPolicy"))?;
        }
        for policy in diff.removed_keys("policies") {
            drop_inline(cx, name, &policy).await?;
        }
        if diff.touches("managed") {
            let have = attached(cx, name).await?;
            for policy in self.managed.iter().filter(|p| !have.contains(p)) {
                let call = iam.attach_user_policy().user_name(name).policy_arn(policy);
                call.send().await.map_err(failed("iam:AttachUserPolicy"))?;
            }
            for policy in have.iter().filter(|p| !self.managed.contains(p)) {
                detach(cx, name, policy).await?;
            }
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = iam.tag_user().user_name(name).set_tags(Some(to_sdk(&edit.write)?));
                call.send().await.map_err(failed("iam:TagUser"))?;
            }
            if !edit.remove.is_empty() {
                let call = iam.untag_user().user_name(name).set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("iam:UntagUser"))?;
            }
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        lock_out(cx, &live.id).await?;
        strip(cx, &live.id).await?;
        cx.cloud.iam.delete_user().user_name(&live.id).send().await.map_err(failed("iam:DeleteUser"))?;
        Ok(())
    }

    async fn goes_with(cx: &Cx, live: &Live) -> Result<Option<String>> {
        let user = &live.id;
        let (keys, login, devices) = tokio::try_join!(access_keys(cx, user), has_login(cx, user), mfa_devices(cx, user))?;
        Ok(words(keys.len(), login, devices.len()))
    }
}

impl AwsKind for User {
    const MARK: Mark = Mark::Path;
    const ACTIONS: Actions = Actions {
        create: &["iam:CreateUser", "iam:AddUserToGroup", "iam:TagUser"],
        update: &[
            "iam:PutUserPermissionsBoundary",
            "iam:AddUserToGroup",
            "iam:RemoveUserFromGroup",
            "iam:PutUserPolicy",
            "iam:DeleteUserPolicy",
            "iam:AttachUserPolicy",
            "iam:DetachUserPolicy",
            "iam:TagUser",
            "iam:UntagUser",
        ],
        delete: &[
            "iam:DeleteUser",
            "iam:RemoveUserFromGroup",
            "iam:DeleteAccessKey",
            "iam:DeleteLoginProfile",
            "iam:DeactivateMFADevice",
            "iam:DeleteVirtualMFADevice",
            "iam:DeleteSigningCertificate",
            "iam:DeleteSSHPublicKey",
            "iam:DeleteServiceSpecificCredential",
            "iam:DeleteUserPolicy",
            "iam:DetachUserPolicy",
            "iam:DeleteUserPermissionsBoundary",
        ],
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_with_a_user_is_said_in_words() {
        assert_eq!(words(2, true, 1).as_deref(), Some("with 2 access keys, a console password and an MFA device"));
        assert_eq!(words(1, false, 0).as_deref(), Some("with an access key"));
        assert_eq!(words(0, true, 2).as_deref(), Some("with a console password and 2 MFA devices"));
        assert_eq!(words(0, false, 0), None);
    }

    #[test]
    fn different_users_are_different_objects() {
        assert_eq!(name_of("alice"), "alice");
        assert!(crate::engine::key::is_name(&name_of("alice@example.com")));
        assert_ne!(name_of("a.b"), name_of("a,b"));
    }
}
