use std::collections::BTreeMap;

use aws_sdk_iam::types::{GroupDetail, UserDetail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{account, inline, or_gone, path};
use crate::aws::call::answers::present;
use crate::aws::call::arguments::written;
use crate::aws::call::error::incomplete;
use crate::aws::iam::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::from_pairs;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Diff, Observed, Readiness, Resource, Result, Rule, Usual};

/// The maximum length of a group's name.
const NAME: usize = 128;

/// A group of users with the same permissions. IAM groups have no tags: those of the stack are known by their path.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its inline policies: policy documents by name. Others are removed. Left out: none.
    #[serde(default)]
    pub policies: BTreeMap<String, Value>,
    /// Its managed policies: ARNs. Others are detached. Left out: none.
    #[serde(default)]
    pub managed: Vec<String>,
    /// Its members that are not users of this stack: a user lists its groups itself. Left out: none, which is what it should
    /// have.
    #[serde(default)]
    pub others: Vec<String>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

/// Returns the group of the stack with this name.
fn namesake(cx: &Cx, name: &str) -> Option<String> {
    names::key_of(&cx.scope.prefix(), name.strip_suffix(&format!("-{}", cx.scope.region))?)
}

/// Checks whether a user is this stack's: by the path, or adopted by tags.
fn is_ours(cx: &Cx, user: &UserDetail) -> bool {
    let tags = from_pairs(user.tags().iter().map(|t| (Some(t.key()), Some(t.value()))));
    user.path() == Some(&path(&cx.scope)) || cx.scope.owns(&tags)
}

fn observed(cx: &Cx, group: &GroupDetail, users: &[UserDetail]) -> Option<Observed<Group>> {
    let name = group.group_name()?;
    let key = namesake(cx, name)?;
    let ours = group.path() == Some(&path(&cx.scope));
    Some(Observed {
        claim: if ours { Claim::Ours(key) } else { Claim::Taken(key) },
        live: Live { id: name.to_owned(), arn: group.arn.clone()? },
        fields: Group {
            policies: inline(group.group_policy_list()).collect(),
            managed: group.attached_managed_policies().iter().filter_map(|p| p.policy_arn.clone()).collect(),
            others: users
                .iter()
                .filter(|user| user.group_list().iter().any(|g| g == name) && !is_ours(cx, user))
                .filter_map(|user| user.user_name.clone())
                .collect(),
        },
        state: Readiness::Ready,
    })
}

async fn attached(cx: &Cx, group: &str) -> Result<Vec<String>> {
    let pages = cx.cloud.iam.list_attached_group_policies().group_name(group).into_paginator().items().send();
    let all = present(pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListAttachedGroupPolicies")))?;
    Ok(all.into_iter().filter_map(|p| p.policy_arn).collect())
}

async fn members(cx: &Cx, group: &str) -> Result<Vec<aws_sdk_iam::types::User>> {
    let mut pages = cx.cloud.iam.get_group().group_name(group).into_paginator().send();
    let mut out = Vec::new();
    while let Some(page) = pages.next().await {
        out.extend(page.map_err(failed("iam:GetGroup"))?.users);
    }
    Ok(out)
}

async fn detach(cx: &Cx, group: &str, policy: &str) -> Result<()> {
    let call = cx.cloud.iam.detach_group_policy().group_name(group).policy_arn(policy);
    or_gone(call.send().await.map_err(failed("iam:DetachGroupPolicy")))
}

async fn drop_inline(cx: &Cx, group: &str, policy: &str) -> Result<()> {
    let call = cx.cloud.iam.delete_group_policy().group_name(group).policy_name(policy);
    or_gone(call.send().await.map_err(failed("iam:DeleteGroupPolicy")))
}

impl Group {
    /// Returns the members that must leave.
    fn strangers(&self, diff: &Diff) -> Vec<String> {
        let change = diff.changes.iter().find(|change| change.path == "others");
        let members = change.and_then(|change| change.before.as_ref()?.as_array()).into_iter().flatten();
        let names = members.filter_map(|name| name.as_str().map(str::to_owned));
        names.filter(|name| !self.others.contains(name)).collect()
    }
}

impl Resource for Group {
    const KIND: &'static str = "iam.group";
    const RULES: &'static [Rule] = &[
        Rule::exact("policies"),
        Rule::policy("policies.*"),
        Rule::after_create("policies"),
        Rule::set("managed"),
        Rule::after_create("managed"),
        Rule::set("others"),
    ];
    const USUAL: Usual = Usual::secs(1, 2);
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = account(cx).await?;
        Ok(all.groups.iter().filter_map(|group| observed(cx, group, &all.users)).collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "iam:CreateGroup";
        let name = names::fit(&cx.scope.prefix(), &format!("{}-{}", cx.key.name, cx.scope.region), cx.generation, NAME);
        let call = cx.cloud.iam.create_group().group_name(&name).path(path(&cx.scope));
        let made = call.send().await.map_err(failed(OP))?.group.ok_or_else(|| incomplete(OP, "the group"))?;
        Ok(Live { id: made.group_name, arn: made.arn })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let (iam, name) = (&cx.cloud.iam, &live.id);
        for (policy, document) in written(diff, "policies", &self.policies) {
            let call = iam.put_group_policy().group_name(name).policy_name(policy).policy_document(document.to_string());
            call.send().await.map_err(failed("iam:PutGroupPolicy"))?;
        }
        for policy in diff.removed_keys("policies") {
            drop_inline(cx, name, &policy).await?;
        }
        if diff.touches("managed") {
            let have = attached(cx, name).await?;
            for policy in self.managed.iter().filter(|p| !have.contains(p)) {
                let call = iam.attach_group_policy().group_name(name).policy_arn(policy);
                call.send().await.map_err(failed("iam:AttachGroupPolicy"))?;
            }
            for policy in have.iter().filter(|p| !self.managed.contains(p)) {
                detach(cx, name, policy).await?;
            }
        }
        // Only those that the plan showed.
        for user in self.strangers(diff) {
            let call = iam.remove_user_from_group().group_name(name).user_name(user);
            or_gone(call.send().await.map_err(failed("iam:RemoveUserFromGroup")))?;
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let (iam, name) = (&cx.cloud.iam, &live.id);
        for user in members(cx, name).await? {
            let call = iam.remove_user_from_group().group_name(name).user_name(user.user_name);
            or_gone(call.send().await.map_err(failed("iam:RemoveUserFromGroup")))?;
        }
        for policy in attached(cx, name).await? {
            detach(cx, name, &policy).await?;
        }
        let pages = iam.list_group_policies().group_name(name).into_paginator().items().send();
        let inline = present(pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListGroupPolicies")))?;
        for policy in inline {
            drop_inline(cx, name, &policy).await?;
        }
        iam.delete_group().group_name(name).send().await.map_err(failed("iam:DeleteGroup"))?;
        Ok(())
    }

    /// Returns members that are not the stack's users, which lose their permissions with the group.
    async fn goes_with(cx: &Cx, live: &Live) -> Result<Option<String>> {
        let ours = path(&cx.scope);
        let others = members(cx, &live.id).await?.into_iter().filter(|user| user.path != ours);
        let names: Vec<String> = others.map(|user| format!("`{}`", user.user_name)).collect();
        Ok((!names.is_empty()).then(|| format!("it has members that are not this stack's: {}", names.join(", "))))
    }
}

impl AwsKind for Group {
    const MARK: Mark = Mark::Path;
    const ACTIONS: Actions = Actions {
        create: &["iam:CreateGroup", "iam:PutGroupPolicy", "iam:AttachGroupPolicy"],
        update: &[
            "iam:PutGroupPolicy",
            "iam:DeleteGroupPolicy",
            "iam:AttachGroupPolicy",
            "iam:DetachGroupPolicy",
            "iam:RemoveUserFromGroup",
        ],
        delete: &["iam:DeleteGroup", "iam:DeleteGroupPolicy", "iam:DetachGroupPolicy", "iam:RemoveUserFromGroup"],
    };
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("access.groups.{name}", "arn")];
}
