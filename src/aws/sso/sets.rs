//! The permission sets of the organization as AWS has them: whose they are, read once for them and their assignments.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_ssoadmin::types::{PermissionSet, ProvisioningStatus, Tag};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::center::{Center, Instance, NAME, center, explained};
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::ownership::global;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::{TAG_ACCOUNT, Tags, from_pairs};
use crate::aws::sso::errors::failed;
use crate::engine::{Claim, Class, Error, Result, Scope};

/// The kind of permission sets.
pub(super) const KIND: &str = "sso.permission_set";
/// The number of calls at once.
const AT_ONCE: usize = 5;

/// A permission set that is the stack's, or has the name of one.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) arn: String,
    pub(super) set: PermissionSet,
    pub(super) claim: Claim,
    pub(super) tags: Tags,
}

/// Returns the tags of a new permission set: an organization has them for all accounts and regions, which can have the same stack.
pub(super) fn new_tags(scope: &Scope, tags: &Tags) -> Result<Vec<Tag>> {
    let mut tags = global::new_tags(scope, tags);
    tags.insert(TAG_ACCOUNT.into(), scope.account.clone());
    to_sdk(&tags)
}

pub(super) fn to_sdk(tags: &Tags) -> Result<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect::<std::result::Result<_, _>>().map_err(|e| Error::internal(e.to_string()))
}

/// Returns whose a set with this name is, and takes out of its tags in which account and region. One that says no account may be of
/// any.
fn claim(scope: &Scope, name: &str, tags: &mut Tags) -> Claim {
    let (is_here, account, prefix) = (global::is_here(scope, tags), tags.remove(TAG_ACCOUNT), scope.prefix());
    let claim = match account {
        Some(account) if is_here && account == scope.account => scope.claim(KIND, tags, false),
        None if is_here => scope.claim(KIND, tags, false).unmarked(),
        _ => Claim::Foreign,
    };
    match claim {
        Claim::Foreign => names::key_of(&prefix, name).map_or(Claim::Foreign, Claim::Taken),
        claim => names::marked(claim, |key| names::fit(&prefix, key, names::generation(tags), NAME) == name),
    }
}

async fn tags_of(instance: &Instance, arn: &str) -> Result<Tags> {
    let pages = instance.client.list_tags_for_resource().instance_arn(&instance.arn).resource_arn(arn).into_paginator().items();
    let all = pages.send().collect::<std::result::Result<Vec<_>, _>>().await;
    let all = present(all.map_err(failed("sso:ListTagsForResource")))?;
    Ok(from_pairs(all.iter().map(|tag| (Some(tag.key()), Some(tag.value())))))
}

/// Lists all permission sets, or, where only roles of the account show that there are any, those of the account.
async fn listed(cx: &Cx, center: &Center) -> Result<Vec<String>> {
    if center.is_wanted {
        let pages =
            center.instance.client.list_permission_sets().instance_arn(&center.instance.arn).into_paginator().items().send();
        return pages.collect::<std::result::Result<_, _>>().await.map_err(failed("sso:ListPermissionSets"));
    }
    let call = center.instance.client.list_permission_sets_provisioned_to_account().instance_arn(&center.instance.arn);
    let pages = call.account_id(&cx.scope.account).into_paginator().items().send();
    pages.collect::<std::result::Result<_, _>>().await.map_err(failed("sso:ListPermissionSetsProvisionedToAccount"))
}

/// Describes a permission set; nothing if it was deleted.
pub(super) async fn described(instance: &Instance, arn: &str) -> Result<Option<PermissionSet>> {
    let call = instance.client.describe_permission_set().instance_arn(&instance.arn).permission_set_arn(arn);
    present(call.send().await.map(|answer| answer.permission_set).map_err(failed("sso:DescribePermissionSet")))
}

async fn known(cx: &Cx, center: &Center, arn: String) -> Result<Option<Known>> {
    let prefix = cx.scope.prefix();
    let Some(set) =
        described(&center.instance, &arn).await?.filter(|set| names::begins(&prefix, set.name().unwrap_or_default(), NAME))
    else {
        return Ok(None);
    };
    let mut tags = tags_of(&center.instance, &arn).await?;
    let claim = claim(&cx.scope, set.name().unwrap_or_default(), &mut tags);
    Ok(Some(Known { arn, set, claim, tags }))
}

/// Reads the permission sets that are the stack's, and those with the name of one.
pub(super) async fn sets(cx: &Cx) -> Result<Arc<Vec<Known>>> {
    let ask = async {
        let found = center(cx).await?;
        let Some(center) = found.as_ref() else { return Ok(Vec::new()) };
        let arns = match listed(cx, center).await {
            // The roles may be of sets that only look like the stack's, and only their administrators may ask.
            Err(e) if e.class == Class::Denied && !center.is_wanted => return Ok(Vec::new()),
            other => other.map_err(explained)?,
        };
        let all: Vec<Option<Known>> =
            stream::iter(arns).map(|arn| known(cx, center, arn)).buffered(AT_ONCE).try_collect().await?;
        Ok(all.into_iter().flatten().collect())
    };
    cx.reads.once("sso.sets", ask).await
}

/// Returns the permission sets of which the account has an older version: whoever changes one must provision it again
/// (<https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_CreateAccountAssignment.html>).
pub(super) async fn outdated(cx: &Cx, instance: &Instance) -> Result<BTreeSet<String>> {
    let call = instance.client.list_permission_sets_provisioned_to_account().instance_arn(&instance.arn);
    let call = call.account_id(&cx.scope.account).provisioning_status(ProvisioningStatus::LatestPermissionSetNotProvisioned);
    let pages = call.into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    Ok(all.map_err(failed("sso:ListPermissionSetsProvisionedToAccount"))?.into_iter().collect())
}

/// Returns the accounts in which a permission set is.
pub(super) async fn accounts(instance: &Instance, arn: &str) -> Result<Vec<String>> {
    let call = instance.client.list_accounts_for_provisioned_permission_set().instance_arn(&instance.arn);
    let pages = call.permission_set_arn(arn).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    present(all.map_err(failed("sso:ListAccountsForProvisionedPermissionSet")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ownership::tags::TAG_REGION;

    fn scope() -> Scope {
        let text = |text: &str| text.to_owned();
        let (env, region, account) = (text("default"), text("eu-west-1"), text("111111111111"));
        Scope { stack: text("shop"), env, region, account, partition: text("aws") }
    }

    #[test]
    fn a_set_of_another_account_or_region_is_foreign() {
        let tags = |region: Option<&str>, account: Option<&str>| -> Tags {
            let ours = [("stack:name", "shop"), ("stack:env", "default"), ("stack:key", "sso.permission_set/developers")];
            let more = [(TAG_REGION, region), (TAG_ACCOUNT, account)];
            let more = more.into_iter().filter_map(|(key, value)| Some((key, value?)));
            ours.into_iter().chain(more).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        let claimed = |name: &str, mut tags: Tags| (claim(&scope(), name, &mut tags), tags.len());
        let key = || "developers".to_owned();
        let here = tags(Some("eu-west-1"), Some("111111111111"));
        assert_eq!(claimed("shop-developers", here.clone()), (Claim::Ours(key()), 3));
        assert_eq!(claimed("shop-others", here).0, Claim::Tagged(key()));
        let taken = Claim::Taken(key());
        assert_eq!(claimed("shop-developers", tags(Some("eu-west-1"), Some("222222222222"))).0, taken);
        assert_eq!(claimed("shop-developers", tags(Some("us-east-1"), Some("111111111111"))).0, taken);
        assert_eq!(claimed("shop-developers", tags(None, Some("111111111111"))).0, taken);
        assert_eq!(claimed("shop-developers", Tags::new()).0, taken);
        assert_eq!(claimed("shop-developers", tags(Some("eu-west-1"), None)).0, Claim::Tagged(key()));
    }
}
