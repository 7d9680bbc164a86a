//! The organization's instance of IAM Identity Center: in which region it is looked for, and by whom it may be asked.

use std::sync::Arc;

use aws_sdk_identitystore::Client as Store;
use aws_sdk_ssoadmin::Client;
use aws_sdk_ssoadmin::types::InstanceMetadata;

use crate::aws::Cx;
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::iam::reserved_roles;
use crate::aws::ownership::names;
use crate::aws::sso::errors::failed;
use crate::engine::{Class, Error, Result};

/// The maximum length of a permission set's name (<https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_CreatePermissionSet.html>).
pub(super) const NAME: usize = 32;
/// What the path of the roles of permission sets begins with, and their names. Behind it is the region of the instance, unless that is
/// us-east-1 (<https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html>).
const PATH: &str = "/aws-reserved/sso.amazonaws.com/";
const ROLE: &str = "AWSReservedSSO_";
/// What to do for who may not administer permission sets.
pub(super) const ADMINISTERED: &str = "permission sets are administered from the organization's management account or a delegated administrator of IAM Identity Center: use credentials of that account, or remove `access.identity_center`";

/// An instance, with the client of its region: all that is asked about a permission set or an assignment that is known.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) region: String,
    pub(super) client: Client,
    pub(super) arn: String,
}

impl Instance {
    /// Returns the instance of an object that exists, which says itself where it is.
    pub(super) fn of(cx: &Cx, region: &str, arn: &str) -> Instance {
        Instance { region: region.to_owned(), client: cx.cloud.sso_in(region), arn: arn.to_owned() }
    }
}

/// The instance as it was found, with the directory that belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Center {
    pub(super) instance: Instance,
    pub(super) people: Store,
    /// The identity store with its users and groups.
    pub(super) store: String,
    /// The region that it was enabled in, when AWS tells it.
    pub(super) home: Option<String>,
    /// Whether the file has it, or whatever is there of the stack: then it must answer.
    pub(super) is_wanted: bool,
}

/// Returns the region of the instance and the name of the permission set that a role is of, by its path and name.
fn of_role<'a>(path: &'a str, name: &'a str) -> Option<(&'a str, &'a str)> {
    let region = path.strip_prefix(PATH)?.trim_end_matches('/');
    let (set, _) = name.strip_prefix(ROLE)?.rsplit_once('_')?;
    Some((if region.is_empty() { CLOUDFRONT_REGION } else { region }, set))
}

/// Returns the roles that permission sets have become in the account: the names of both.
pub(super) async fn roles(cx: &Cx) -> Result<Vec<(String, String)>> {
    let all = reserved_roles(cx, PATH).await?;
    Ok(all.into_iter().filter_map(|(path, name)| Some((of_role(&path, &name)?.1.to_owned(), name))).collect())
}

/// Returns where to look, and whether the file says so. Without that the roles of the account show whether it has a permission set that
/// can be the stack's: these were read anyway, so a stack that has none asks IAM Identity Center nothing.
async fn place(cx: &Cx) -> Result<Option<(String, bool)>> {
    if let Some(region) = &cx.cloud.wants.identity_center {
        return Ok(Some((region.clone(), true)));
    }
    let (roles, prefix) = (reserved_roles(cx, PATH).await?, cx.scope.prefix());
    let can_be_ours = |(path, name): &(String, String)| {
        let (region, set) = of_role(path, name)?;
        names::begins(&prefix, set, NAME).then(|| (region.to_owned(), false))
    };
    Ok(roles.iter().find_map(can_be_ours))
}

/// Returns the instance whose permission sets these credentials can administer: an account can have one of its own beside its
/// organization's, and that has no permission sets
/// (<https://docs.aws.amazon.com/singlesignon/latest/userguide/identity-center-instances.html>).
fn chosen<'a>(all: &'a [InstanceMetadata], account: &str) -> Option<&'a InstanceMetadata> {
    let is_elsewhere = |one: &&InstanceMetadata| one.owner_account_id() != Some(account);
    all.iter().find(is_elsewhere).or_else(|| all.first())
}

impl Center {
    /// Looks for the instance in a region.
    pub(super) async fn find(cx: &Cx, region: &str, is_wanted: bool) -> Result<Option<Center>> {
        let (client, people) = (cx.cloud.sso_in(region), cx.cloud.identitystore_in(region));
        let pages = client.list_instances().into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("sso:ListInstances"))?;
        Ok(chosen(&all, &cx.scope.account).and_then(|one| {
            Some(Center {
                instance: Instance { region: region.to_owned(), client, arn: one.instance_arn.clone()? },
                people,
                store: one.identity_store_id.clone()?,
                home: one.primary_region.clone(),
                is_wanted,
            })
        }))
    }

    /// Returns the instance in which an object is created: that of the region that it says, or of the stack's.
    pub(super) async fn of_new(cx: &Cx, region: Option<&str>) -> Result<Center> {
        let region = region.unwrap_or(&cx.scope.region);
        let none = || Error::new(Class::Invalid, format!("IAM Identity Center has no instance in {region}")).hint(ADMINISTERED);
        Center::find(cx, region, true).await?.ok_or_else(none)
    }
}

/// Returns the instance that the stack's objects are in, if it has or can have any.
pub(super) async fn center(cx: &Cx) -> Result<Arc<Option<Center>>> {
    let ask = async {
        let Some((region, is_wanted)) = place(cx).await? else { return Ok(None) };
        match Center::find(cx, &region, is_wanted).await {
            Err(e) if e.class == Class::Denied && !is_wanted => Ok(None),
            other => other.map_err(explained),
        }
    };
    cx.reads.once("sso.center", ask).await
}

/// Says of a refusal who may.
pub(super) fn explained(error: Error) -> Error {
    if error.class == Class::Denied { error.hint(ADMINISTERED) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_tell_of_which_set_and_instance_they_are() {
        let found = of_role("/aws-reserved/sso.amazonaws.com/eu-west-2/", "AWSReservedSSO_shop_admins_1234567890abcdef");
        assert_eq!(found, Some(("eu-west-2", "shop_admins")));
        let found = of_role("/aws-reserved/sso.amazonaws.com/", "AWSReservedSSO_shop-developers_1234567890abcdef");
        assert_eq!(found, Some(("us-east-1", "shop-developers")));
        assert_eq!(of_role("/stack/shop/default/us-east-1/", "shop-web"), None);
    }

    #[test]
    fn the_organizations_instance_precedes_the_accounts() {
        let one = |owner: &str| InstanceMetadata::builder().instance_arn(owner).owner_account_id(owner).build();
        let arn = |all: &[InstanceMetadata]| chosen(all, "111111111111").and_then(|one| one.instance_arn.clone());
        assert_eq!(arn(&[one("111111111111"), one("222222222222")]).as_deref(), Some("222222222222"));
        assert_eq!(arn(&[one("111111111111")]).as_deref(), Some("111111111111"));
        assert_eq!(arn(&[]), None);
    }
}
