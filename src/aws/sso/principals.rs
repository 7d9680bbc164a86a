//! Users and groups of the identity store: the file has their names, assignments their identifiers.

use aws_sdk_identitystore::types::{AlternateIdentifier, UniqueAttribute};
use aws_smithy_types::Document;

use super::center::Center;
use crate::aws::call::answers::present;
use crate::aws::sso::errors::failed;
use crate::engine::{Error, Result};

/// A group, as IAM Identity Center writes it.
pub const GROUP: &str = "GROUP";
/// A user.
pub const USER: &str = "USER";

fn unique(path: &str, value: &str) -> Result<AlternateIdentifier> {
    let attribute = UniqueAttribute::builder().attribute_path(path).attribute_value(Document::String(value.to_owned()));
    attribute.build().map(AlternateIdentifier::UniqueAttribute).map_err(|e| Error::internal(e.to_string()))
}

/// Returns the identifier of a user or a group by its name
/// (<https://docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_GetGroupId.html>); none if it does not exist.
pub(super) async fn id(center: &Center, sort: &str, name: &str) -> Result<Option<String>> {
    let people = &center.people;
    if sort == USER {
        let call = people.get_user_id().identity_store_id(&center.store).alternate_identifier(unique("userName", name)?);
        return present(call.send().await.map(|answer| Some(answer.user_id)).map_err(failed("identitystore:GetUserId")));
    }
    let call = people.get_group_id().identity_store_id(&center.store).alternate_identifier(unique("displayName", name)?);
    present(call.send().await.map(|answer| Some(answer.group_id)).map_err(failed("identitystore:GetGroupId")))
}

/// Returns the name of a user or a group; none if it does not exist any more.
pub(super) async fn name(center: &Center, sort: &str, id: &str) -> Result<Option<String>> {
    let people = &center.people;
    if sort == USER {
        let call = people.describe_user().identity_store_id(&center.store).user_id(id).send().await;
        return present(call.map(|answer| answer.user_name).map_err(failed("identitystore:DescribeUser")));
    }
    let call = people.describe_group().identity_store_id(&center.store).group_id(id).send().await;
    present(call.map(|answer| answer.display_name).map_err(failed("identitystore:DescribeGroup")))
}

/// Lists the names of all users or groups.
pub(super) async fn names(center: &Center, sort: &str) -> Result<Vec<String>> {
    if sort == USER {
        let pages = center.people.list_users().identity_store_id(&center.store).into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("identitystore:ListUsers"))?;
        return Ok(all.into_iter().filter_map(|user| user.user_name).collect());
    }
    let pages = center.people.list_groups().identity_store_id(&center.store).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("identitystore:ListGroups"))?;
    Ok(all.into_iter().filter_map(|group| group.display_name).collect())
}
