//! Checks for images in the account's own registry.

use std::collections::BTreeSet;

use aws_sdk_ecr::types::ImageIdentifier;
use serde_json::Value;

use crate::aws::call::error::failed;
use crate::aws::preflight::finding::Finding;
use crate::aws::{Cx, ecr};
use crate::engine::{Class, Item, Result};

/// Returns the parts of the address of an image in an AWS registry: account, region, repository, and tag or digest.
fn in_registry(image: &str) -> Option<(&str, &str, &str, ImageIdentifier)> {
    let (account, region, path) = ecr::registry(image)?;
    let id = ImageIdentifier::builder();
    Some(match (path.split_once('@'), path.split_once(':')) {
        (Some((repository, digest)), _) => {
            (account, region, repository.split(':').next().unwrap_or(repository), id.image_digest(digest).build())
        }
        (None, Some((repository, tag))) => (account, region, repository, id.image_tag(tag).build()),
        (None, None) => (account, region, path, id.image_tag("latest").build()),
    })
}

/// Checks whether the images in the account's own registry exist
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html>). Other registries cannot be asked with
/// these credentials.
pub(super) async fn check(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let containers = item.desired.as_ref().and_then(|d| d.get("containers")).and_then(Value::as_array);
    let images: BTreeSet<&str> = containers.into_iter().flatten().filter_map(|c| c.get("image")?.as_str()).collect();
    let mut found = Vec::new();
    for image in images {
        let Some((account, region, repository, id)) = in_registry(image) else { continue };
        if (account, region) != (cx.scope.account.as_str(), cx.scope.region.as_str()) {
            continue;
        }
        let call = cx.cloud.ecr.describe_images().repository_name(repository).image_ids(id);
        match call.send().await.map_err(failed("ecr:DescribeImages")) {
            Ok(_) => {}
            Err(e) if e.class == Class::NotFound => {
                let what = if e.is("RepositoryNotFoundException") { "the repository of" } else { "the image" };
                found.push(Finding::refused(
                    &item.key,
                    format!("{what} `{image}` does not exist"),
                    "push it first, or fix its name",
                ));
            }
            Err(e) => return Err(e),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_our_registry_are_told_from_others() {
        let image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/web:1.2";
        let (account, region, repository, id) = in_registry(image).unwrap();
        assert_eq!((account, region, repository, id.image_tag()), ("123456789012", "eu-central-1", "team/web", Some("1.2")));
        let (_, _, repository, id) = in_registry("123456789012.dkr-ecr.eu-central-1.on.aws/web:1@sha256:ab").unwrap();
        assert_eq!((repository, id.image_digest()), ("web", Some("sha256:ab")));
        assert!(in_registry("public.ecr.aws/nginx/nginx:1.27").is_none() && in_registry("nginx").is_none());
    }
}
