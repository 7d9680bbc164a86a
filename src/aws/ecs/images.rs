//! Checks for images in the account's own registry.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::aws::call::error::failed;
use crate::aws::finding::Finding;
use crate::aws::{Cx, ecr};
use crate::engine::{Class, Item, Result};

/// Checks whether the images in the account's own registry exist
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html>). Other registries cannot be asked with
/// these credentials.
pub(super) async fn check(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let containers = item.desired.as_ref().and_then(|d| d.get("containers")).and_then(Value::as_array);
    let images: BTreeSet<&str> = containers.into_iter().flatten().filter_map(|c| c.get("image")?.as_str()).collect();
    let mut found = Vec::new();
    for image in images {
        let Some((account, region, repository, id)) = ecr::parts(image) else { continue };
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
