//! Names of services in AWS Cloud Map, where ECS Service Connect keeps them.

pub(in crate::aws) mod errors;
mod namespace;

pub use namespace::Namespace;

use std::sync::Arc;

use aws_sdk_servicediscovery::types::{
    FilterCondition, NamespaceFilter, NamespaceFilterName, NamespaceSummary, NamespaceType, Tag,
};
use futures::future::join_all;

use super::Cx;
use crate::aws::call::answers::{answered, present};
use crate::aws::ownership::tags::{Tags, from_pairs};
use crate::aws::ownership::{names, tag_index};
use crate::aws::servicediscovery::errors::failed;
use crate::aws::wing::{KindRow, Wing};
use crate::engine::{Error, Result};

/// The service and its kinds.
pub(super) static WING: Wing = Wing { indexed: &["servicediscovery"], ..Wing::of(&[KindRow::of::<Namespace>()]) };

/// The name of the service in ARNs and in AWS's index of tags.
const INDEX: &str = "servicediscovery";
/// The maximum length of the name of an HTTP namespace.
const NAME: usize = 1024;

/// A namespace with a name like the stack's.
pub struct Seen {
    id: String,
    /// The ARN.
    pub arn: String,
    /// The name.
    pub name: String,
    description: Option<String>,
    tags: Tags,
}

impl Seen {
    fn of(summary: NamespaceSummary, tags: Tags) -> Option<Seen> {
        let NamespaceSummary { id, arn, name, description, .. } = summary;
        Some(Seen { id: id?, arn: arn?, name: name?, description, tags })
    }
}

fn to_sdk(tags: &Tags) -> Result<Vec<Tag>> {
    let tag = |(k, v): (&String, &String)| Tag::builder().key(k).value(v).build();
    tags.iter().map(tag).collect::<std::result::Result<_, _>>().map_err(|e| Error::internal(e.to_string()))
}

async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    if let Some(known) = tag_index::tags(cx, INDEX, arn).await {
        return Ok(known);
    }
    let answer = cx.cloud.servicediscovery.list_tags_for_resource().resource_arn(arn).send().await;
    let tags = present(answer.map_err(failed("servicediscovery:ListTagsForResource")).map(|a| a.tags.unwrap_or_default()))?;
    Ok(from_pairs(tags.iter().map(|t| (Some(t.key()), Some(t.value())))))
}

/// Returns the HTTP namespaces with names like the stack's. Their tags are read one by one.
pub async fn namespaces(cx: &Cx) -> Result<Arc<Vec<Seen>>> {
    let ask = async {
        // A plan of a stack without any asks nothing.
        if let Some(known) = tag_index::of(cx, INDEX).await
            && !known.keys().any(|arn| arn.split(':').nth(2) == Some(INDEX))
        {
            return Ok(Vec::new());
        }
        let http = NamespaceFilter::builder().name(NamespaceFilterName::Type).values(NamespaceType::Http.as_str());
        let http = http.condition(FilterCondition::Eq).build().map_err(|e| Error::internal(e.to_string()))?;
        let pages = cx.cloud.servicediscovery.list_namespaces().filters(http).into_paginator().send();
        let pages = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("servicediscovery:ListNamespaces"))?;
        let all = pages.into_iter().flat_map(|page| page.namespaces.unwrap_or_default());
        let prefix = cx.scope.prefix();
        let like_ours = all.filter(|n| n.name().is_some_and(|name| names::begins(&prefix, name, NAME)));
        let asked = like_ours.map(|summary| async move {
            let tags = tags_of(cx, summary.arn().unwrap_or_default()).await;
            (summary, tags)
        });
        let known = answered(join_all(asked).await)?;
        Ok(known.into_iter().filter_map(|(summary, tags)| Seen::of(summary, tags)).collect())
    };
    cx.reads.once("servicediscovery.namespaces", ask).await
}
