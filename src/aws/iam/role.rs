use std::collections::BTreeMap;

use aws_sdk_iam::types::RoleDetail;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{account, document, inline, or_gone, path, to_sdk};
use crate::aws::call::arguments::written;
use crate::aws::call::error::incomplete;
use crate::aws::iam::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::{TagEdit, from_pairs};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Claim, Class, Diff, Observed, Readiness, Resource, Result, Rule, Usual};

/// The maximum length of a role's name.
const NAME: usize = 64;

/// A role: the permissions of a service or a program.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The trust policy, which says who can assume the role: a policy document.
    pub trust: Value,
    /// Its inline policies: policy documents by name. Others are removed. Left out: none.
    #[serde(default)]
    pub policies: BTreeMap<String, Value>,
    /// Its managed policies: ARNs. Others are detached. Left out: none.
    #[serde(default)]
    pub managed: Vec<String>,
    /// What the role is for. It is set only when the role is created. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A managed policy that the role's rights cannot go beyond: its ARN. Left out: as it is.
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
    /// The name.
    pub name: String,
    /// The ARN.
    pub arn: String,
}

fn name(cx: &Cx) -> String {
    names::fit(&cx.scope.prefix(), &format!("{}-{}", cx.key.name, cx.scope.region), cx.generation, NAME)
}

/// Returns the role of the stack that would have this name: names are unique in an account, whatever the path.
fn namesake(cx: &Cx, role: &RoleDetail) -> Option<String> {
    let name = role.role_name()?.strip_suffix(&format!("-{}", cx.scope.region))?;
    names::key_of(&cx.scope.prefix(), name)
}

/// Checks whether the tags of a role outside the stack's path say that it is the stack's. The same stack in another region has
/// the same tags and a path of its own.
fn is_handed_over(cx: &Cx, role: &RoleDetail, tags: &Tags) -> bool {
    cx.scope.owns(tags) && !role.path().is_some_and(|path| path.starts_with("/stack/"))
}

fn observed(cx: &Cx, role: &RoleDetail) -> Option<Observed<Role>> {
    let tags = from_pairs(role.tags().iter().map(|t| (Some(t.key()), Some(t.value()))));
    let claim = match (role.path() == Some(&path(&cx.scope)), namesake(cx, role)) {
        (true, _) => cx.scope.claim(Role::KIND, &tags, true),
        // Adopted by its tags: the path, which is set at creation, does not say that it is the stack's.
        (false, _) if is_handed_over(cx, role, &tags) => cx.scope.claim(Role::KIND, &tags, false).unmarked(),
        (false, Some(key)) => Claim::Taken(key),
        (false, None) => return None,
    };
    let name = role.role_name.clone()?;
    Some(Observed {
        claim,
        live: Live { id: name.clone(), name, arn: role.arn.clone()? },
        fields: Role {
            trust: role.assume_role_policy_document.as_deref().map(document).unwrap_or_default(),
            policies: inline(role.role_policy_list()).collect(),
            managed: role.attached_managed_policies().iter().filter_map(|p| p.policy_arn.clone()).collect(),
            description: None,
            boundary: role.permissions_boundary().and_then(|it| it.permissions_boundary_arn.clone()),
            tags,
        },
        state: Readiness::Ready,
    })
}

async fn attached(cx: &Cx, role: &str) -> Result<Vec<String>> {
    let pages = cx.cloud.iam.list_attached_role_policies().role_name(role).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListAttachedRolePolicies"))?;
    Ok(all.into_iter().filter_map(|p| p.policy_arn).collect())
}

async fn detach(cx: &Cx, role: &str, policy: &str) -> Result<()> {
    let call = cx.cloud.iam.detach_role_policy().role_name(role).policy_arn(policy);
    or_gone(call.send().await.map_err(failed("iam:DetachRolePolicy")))
}

async fn drop_inline(cx: &Cx, role: &str, policy: &str) -> Result<()> {
    let call = cx.cloud.iam.delete_role_policy().role_name(role).policy_name(policy);
    or_gone(call.send().await.map_err(failed("iam:DeleteRolePolicy")))
}

impl Resource for Role {
    const KIND: &'static str = "iam.role";
    const RULES: &'static [Rule] = &[
        Rule::policy("trust"),
        Rule::exact("policies"),
        Rule::policy("policies.*"),
        Rule::after_create("policies"),
        Rule::set("managed"),
        Rule::after_create("managed"),
        // The one call that reads all roles does not answer it.
        Rule::create_only("description"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(2, 2);
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        Ok(account(cx).await?.roles.iter().filter_map(|role| observed(cx, role)).collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "iam:CreateRole";
        let name = name(cx);
        let call = cx.cloud.iam.create_role().role_name(&name).path(path(&cx.scope));
        let call = call.assume_role_policy_document(self.trust.to_string()).set_description(self.description.clone());
        let call = call.set_permissions_boundary(self.boundary.clone());
        match call.set_tags(Some(to_sdk(&self.tags)?)).send().await.map_err(failed(OP)) {
            Ok(answer) => {
                let role = answer.role.ok_or_else(|| incomplete(OP, "the role"))?;
                Ok(Live { id: role.role_name.clone(), name: role.role_name, arn: role.arn })
            }
            Err(e) if e.class == Class::Exists => {
                let namesake = cx.cloud.iam.get_role().role_name(&name).send().await.ok().and_then(|a| a.role);
                let arn = namesake.map_or("another role".to_owned(), |r| r.arn);
                Err(e.hint(format!(
                    "the name `{name}` is already used by {arn}: role names are unique in an account, whatever their path"
                )))
            }
            Err(e) => Err(e),
        }
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let (iam, name) = (&cx.cloud.iam, &live.name);
        // Before what lets others in and what they may do: it is limited from the beginning.
        if let (true, Some(boundary)) = (diff.touches("boundary"), &self.boundary) {
            let call = iam.put_role_permissions_boundary().role_name(name).permissions_boundary(boundary);
            call.send().await.map_err(failed("iam:PutRolePermissionsBoundary"))?;
        }
        if diff.touches("trust") {
            let call = iam.update_assume_role_policy().role_name(name).policy_document(self.trust.to_string());
            call.send().await.map_err(failed("iam:UpdateAssumeRolePolicy"))?;
        }
        for (policy, document) in written(diff, "policies", &self.policies) {
            let call = iam.put_role_policy().role_name(name).policy_name(policy).policy_document(document.to_string());
            call.send().await.map_err(failed("iam:PutRolePolicy"))?;
        }
        for policy in diff.removed_keys("policies") {
            drop_inline(cx, name, &policy).await?;
        }
        if diff.touches("managed") {
            let have = attached(cx, name).await?;
            for policy in self.managed.iter().filter(|p| !have.contains(p)) {
                let call = iam.attach_role_policy().role_name(name).policy_arn(policy);
                call.send().await.map_err(failed("iam:AttachRolePolicy"))?;
            }
            for policy in have.iter().filter(|p| !self.managed.contains(p)) {
                detach(cx, name, policy).await?;
            }
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = iam.tag_role().role_name(name).set_tags(Some(to_sdk(&edit.write)?));
                call.send().await.map_err(failed("iam:TagRole"))?;
            }
            if !edit.remove.is_empty() {
                let call = iam.untag_role().role_name(name).set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("iam:UntagRole"))?;
            }
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        for policy in attached(cx, &live.name).await? {
            detach(cx, &live.name, &policy).await?;
        }
        let pages = cx.cloud.iam.list_role_policies().role_name(&live.name).into_paginator().items().send();
        let inline = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListRolePolicies"))?;
        for policy in inline {
            drop_inline(cx, &live.name, &policy).await?;
        }
        cx.cloud.iam.delete_role().role_name(&live.name).send().await.map_err(failed("iam:DeleteRole"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let pages = cx.cloud.iam.list_instance_profiles_for_role().role_name(&live.name).into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListInstanceProfilesForRole"))?;
        // `stack` never creates one.
        let of = |name: &str| Blocker { what: format!("the instance profile `{name}`, which it is in"), passing: false };
        Ok(all.iter().map(|profile| of(profile.instance_profile_name())).collect())
    }
}

impl AwsKind for Role {
    const MARK: Mark = Mark::Path;
    const ACTIONS: Actions = Actions {
        create: &["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:TagRole"],
        update: &[
            "iam:UpdateAssumeRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:PutRolePolicy",
            "iam:DeleteRolePolicy",
            "iam:AttachRolePolicy",
            "iam:DetachRolePolicy",
            "iam:TagRole",
            "iam:UntagRole",
        ],
        delete: &["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"],
    };
}
