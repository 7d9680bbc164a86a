use aws_sdk_ssoadmin::types::{AccountAssignment, PrincipalType, StatusValues, TargetType};
use futures::stream::{self, StreamExt, TryStreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PermissionSet;
use super::center::{Center, Instance, center};
use super::permission_set::{readiness, request_of};
use super::principals::{self, GROUP, USER};
use super::sets;
use crate::aws::call::answers::present;
use crate::aws::ownership::mark::Mark;
use crate::aws::spelling::{How, Spelling};
use crate::aws::sso::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Class, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// The number of sets whose assignments are read at once.
const AT_ONCE: usize = 3;
/// Where the request of a deletion is kept for those who wait for it.
const DELETION: &str = "sso.deletion";

/// A permission set of a user or a group in the stack's account. Another of the stack's permission sets in this account,
/// no matter who assigned it, is deleted; those in other accounts are left alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The permission set. It cannot be changed.
    pub permission_set: Ref<PermissionSet>,
    /// Who gets it: `GROUP` or `USER`. It cannot be changed.
    pub principal_type: String,
    /// The display name of the group, or the name of the user. It cannot be changed.
    pub principal: String,
    /// The region that IAM Identity Center is in. Left out: the stack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// `PERMISSION_SET TYPE PRINCIPAL`, by their identifiers.
    pub id: String,
    /// The ARN of the permission set.
    #[schemars(skip)]
    pub permission_set: String,
    /// Who has it.
    #[schemars(skip)]
    pub principal_type: String,
    /// Its identifier.
    #[schemars(skip)]
    pub principal: String,
    /// The region that it is in.
    #[schemars(skip)]
    pub region: String,
    /// The ARN of the instance that it is in.
    #[schemars(skip)]
    pub instance: String,
    /// The request that creates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub request: Option<String>,
}

fn live(instance: &Instance, set: &str, sort: &str, principal: &str) -> Live {
    Live {
        id: format!("{set} {sort} {principal}"),
        permission_set: set.to_owned(),
        principal_type: sort.to_owned(),
        principal: principal.to_owned(),
        region: instance.region.clone(),
        instance: instance.arn.clone(),
        request: None,
    }
}

/// Lists who has a permission set in the account.
async fn listed(cx: &Cx, instance: &Instance, set: &str) -> Result<Vec<AccountAssignment>> {
    let call = instance.client.list_account_assignments().instance_arn(&instance.arn).permission_set_arn(set);
    let pages = call.account_id(&cx.scope.account).into_paginator().items().send();
    present(pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("sso:ListAccountAssignments")))
}

/// Returns the assignments of a set. Whoever was deleted from the directory is known by the identifier.
async fn observed(cx: &Cx, center: &Center, known: &sets::Known) -> Result<Vec<Observed<Assignment>>> {
    let mut out = Vec::new();
    for one in listed(cx, &center.instance, &known.arn).await? {
        let (Some(sort), Some(id)) = (one.principal_type.as_ref().map(PrincipalType::as_str), one.principal_id.as_deref()) else {
            continue;
        };
        let principal = principals::name(center, sort, id).await?.unwrap_or_else(|| id.to_owned());
        out.push(Observed {
            claim: if matches!(known.claim, Claim::Ours(_)) { Claim::Stray } else { Claim::Adoptable },
            live: live(&center.instance, &known.arn, sort, id),
            fields: Assignment {
                permission_set: Ref::physical(known.arn.clone()),
                principal_type: sort.to_owned(),
                principal,
                region: Some(center.instance.region.clone()),
            },
            state: Readiness::Ready,
        });
    }
    Ok(out)
}

impl Resource for Assignment {
    const KIND: &'static str = "sso.assignment";
    const RULES: &'static [Rule] = &[
        Rule::immutable("permission_set"),
        Rule::identity("permission_set"),
        Rule::immutable("principal_type"),
        Rule::identity("principal_type"),
        Rule::immutable("principal"),
        Rule::identity("principal"),
        Rule::create_only("region"),
    ];
    const USUAL: Usual = Usual::secs(20, 20);
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = sets::sets(cx).await?;
        let found = center(cx).await?;
        let Some(center) = found.as_ref() else { return Ok(Vec::new()) };
        let ours: Vec<sets::Known> = all.iter().filter(|known| known.claim.name().is_some()).cloned().collect();
        let one = |known: sets::Known| async move { observed(cx, center, &known).await };
        let each: Vec<Vec<_>> = stream::iter(ours).map(one).buffered(AT_ONCE).try_collect().await?;
        Ok(each.into_iter().flatten().collect())
    }

    /// Assigns it. AWS takes what is there already, and works on one at a time of an account.
    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "sso:CreateAccountAssignment";
        let center = Center::of_new(cx, self.region.as_deref()).await?;
        let set = self.permission_set.id()?;
        let none =
            || Error::new(Class::Invalid, format!("the identity store has no {}", worded(&self.principal_type, &self.principal)));
        let id = principals::id(&center, &self.principal_type, &self.principal).await?.ok_or_else(none)?;
        let call = center.instance.client.create_account_assignment().instance_arn(&center.instance.arn).permission_set_arn(set);
        let call = call.target_type(TargetType::AwsAccount).target_id(&cx.scope.account);
        let call = call.principal_type(PrincipalType::from(self.principal_type.as_str())).principal_id(&id);
        let answer = call.send().await.map_err(failed(OP))?.account_assignment_creation_status;
        let request = request_of(OP, answer.and_then(|status| status.request_id))?;
        Ok(Live { request: Some(request), ..live(&center.instance, set, &self.principal_type, &id) })
    }

    async fn update(&self, _: &Cx, live: &Live, _: &Diff) -> Result<Live> {
        Ok(live.clone())
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let Some(request) = &live.request else { return Ok(Readiness::Ready) };
        let instance = Instance::of(cx, &live.region, &live.instance);
        let call = instance.client.describe_account_assignment_creation_status().instance_arn(&instance.arn);
        let answer = call.account_assignment_creation_request_id(request).send().await;
        let answer = answer.map_err(failed("sso:DescribeAccountAssignmentCreationStatus"))?.account_assignment_creation_status;
        let status = answer.as_ref();
        Ok(readiness(status.and_then(|s| s.status()), status.and_then(|s| s.failure_reason())))
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        const OP: &str = "sso:DeleteAccountAssignment";
        let instance = Instance::of(cx, &live.region, &live.instance);
        let call =
            instance.client.delete_account_assignment().instance_arn(&instance.arn).permission_set_arn(&live.permission_set);
        let call = call.target_type(TargetType::AwsAccount).target_id(&cx.scope.account);
        let call = call.principal_type(PrincipalType::from(live.principal_type.as_str())).principal_id(&live.principal);
        let answer = call.send().await.map_err(failed(OP))?.account_assignment_deletion_status;
        let request = request_of(OP, answer.and_then(|status| status.request_id))?;
        cx.reads.once(DELETION, async { Ok(Some(request)) }).await.map(drop)
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        let instance = Instance::of(cx, &live.region, &live.instance);
        let asked = cx.reads.once(DELETION, async { Ok(None::<String>) }).await?;
        let Some(request) = asked.as_ref() else {
            let is_it = |one: &AccountAssignment| one.principal_id() == Some(&live.principal);
            let is_there = listed(cx, &instance, &live.permission_set).await?.iter().any(is_it);
            return Ok(if is_there { Readiness::Ready } else { Readiness::Gone });
        };
        let call = instance.client.describe_account_assignment_deletion_status().instance_arn(&instance.arn);
        let answer = call.account_assignment_deletion_request_id(request).send().await;
        let answer = answer.map_err(failed("sso:DescribeAccountAssignmentDeletionStatus"))?.account_assignment_deletion_status;
        let status = answer.as_ref();
        Ok(match readiness(status.and_then(|s| s.status()), status.and_then(|s| s.failure_reason())) {
            Readiness::Ready => Readiness::Gone,
            Readiness::Waiting { .. } => Readiness::Leaving(StatusValues::InProgress.as_str().to_owned()),
            other => other,
        })
    }
}

/// Returns who it is, in words.
pub(super) fn worded(sort: &str, name: &str) -> String {
    format!("{} `{name}`", if sort == USER { "user" } else { "group" })
}

impl AwsKind for Assignment {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["sso:CreateAccountAssignment"],
        update: &["sso:CreateAccountAssignment"],
        delete: &["sso:DeleteAccountAssignment"],
    };
    const SPELLING: &'static [Spelling] = &[("principal_type", How::Word(&[GROUP, USER]))];
}
