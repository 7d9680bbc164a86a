//! The images of frozen environments: copies in a repository of their own, that outlive the environment until they are pruned.

use aws_sdk_ecr::types::{
    ImageDetail, ImageFailureCode, ImageIdentifier, ImageScanningConfiguration, ImageTagMutability, Repository as Described, Tag,
};
use serde::Serialize;

use super::Repository;
use crate::aws::Cx;
use crate::aws::call::error::failed;
use crate::engine::{Class, Error, Result};

/// The beginning of the names of repositories with frozen images. What follows is the stack's name.
const PREFIX: &str = "stack-frozen/";
/// The tag of a repository that says which stack's images it has.
const TAG_FROZEN: &str = "stack:frozen";
/// The largest number of images that one call deletes
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html>).
const AT_ONCE: usize = 100;

/// Returns the repository, and whose images it has, if its name is one of those with frozen images.
fn of(described: &Described) -> Option<(Repository, String)> {
    let name = described.repository_name()?;
    let stack = name.strip_prefix(PREFIX)?.to_owned();
    Some((Repository { name: name.to_owned(), uri: described.repository_uri()?.to_owned() }, stack))
}

/// A frozen image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FrozenImage {
    /// The repository that it is in.
    pub repository: String,
    /// Its tag there.
    pub tag: String,
    /// What was frozen: stack, environment and time.
    pub of: String,
    /// Its compressed size in bytes; for an image of several platforms, none.
    pub bytes: Option<i64>,
    /// When it was frozen. ECR tells when the image was pushed first, which can be another freezing.
    pub taken: Option<String>,
}

impl FrozenImage {
    /// Reads an image that is one by its tag.
    fn of((repository, stack): &(Repository, String), detail: &ImageDetail, tag: &str) -> Option<FrozenImage> {
        let mut parts = tag.splitn(3, '.');
        let (env, at, _) = (parts.next()?, parts.next()?, parts.next()?);
        Some(FrozenImage {
            repository: repository.name.clone(),
            tag: tag.to_owned(),
            of: format!("{stack}/{env}/{at}"),
            bytes: detail.image_size_in_bytes(),
            taken: time(at),
        })
    }
}

/// Returns the time in a tag, as AWS writes times: `2026-11-27T12:00:00Z` of `20261127T120000Z`.
fn time(at: &str) -> Option<String> {
    let (date, time) = at.strip_suffix('Z')?.split_once('T')?;
    let is_number = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(date, 8) || !is_number(time, 6) {
        return None;
    }
    let (year, month, day) = (&date[..4], &date[4..6], &date[6..]);
    Some(format!("{year}-{month}-{day}T{}:{}:{}Z", &time[..2], &time[2..4], &time[4..]))
}

/// Returns the tag of an image: what was frozen when, and which service it is of.
pub fn tag(env: &str, at: &str, service: &str) -> String {
    format!("{env}.{at}.{service}")
}

/// Returns the repository for a stack's frozen images, which is created when it does not exist.
///
/// # Errors
/// When ECR refuses it, and when a repository of that name is not of `stack freeze`.
pub async fn repository(cx: &Cx, stack: &str) -> Result<Repository> {
    let name = format!("{PREFIX}{stack}");
    let tag = Tag::builder().key(TAG_FROZEN).value(stack).build().map_err(|e| Error::new(Class::Other, e.to_string()))?;
    let scanned = ImageScanningConfiguration::builder().scan_on_push(true).build();
    let call = cx.cloud.ecr.create_repository().repository_name(&name).tags(tag).image_scanning_configuration(scanned);
    let made = call.image_tag_mutability(ImageTagMutability::Immutable).send().await.map_err(failed("ecr:CreateRepository"));
    let nameless = || Error::new(Class::Other, format!("ECR reports no address of the repository `{name}`"));
    match made {
        Ok(answer) => answer.repository.as_ref().and_then(of).map(|(one, _)| one).ok_or_else(nameless),
        Err(e) if e.is("RepositoryAlreadyExistsException") => {
            let known = repositories(cx).await?.into_iter().map(|(one, _)| one).find(|one| one.name == name);
            let text = format!("the repository `{name}` exists, and is not one of frozen images of `{stack}`");
            known.ok_or_else(|| Error::new(Class::Other, text).hint("delete or rename it, or leave out `--images copy`"))
        }
        Err(e) => Err(e),
    }
}

/// Returns the repositories with frozen images: they are those by their name and their tag.
async fn repositories(cx: &Cx) -> Result<Vec<(Repository, String)>> {
    let all = cx.cloud.ecr.describe_repositories().into_paginator().items().send();
    let all = all.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ecr:DescribeRepositories"))?;
    let mut found = Vec::new();
    for described in &all {
        let (Some((repository, stack)), Some(arn)) = (of(described), described.repository_arn()) else { continue };
        let tags = cx.cloud.ecr.list_tags_for_resource().resource_arn(arn).send().await;
        let tags = tags.map_err(failed("ecr:ListTagsForResource"))?;
        if tags.tags().iter().any(|tag| tag.key() == TAG_FROZEN && tag.value() == stack) {
            found.push((repository, stack));
        }
    }
    Ok(found)
}

/// Returns the images of all frozen environments of the account and region.
///
/// # Errors
/// When ECR cannot be asked.
pub async fn list(cx: &Cx) -> Result<Vec<FrozenImage>> {
    let mut found = Vec::new();
    for repository in repositories(cx).await? {
        for detail in details(cx, &repository.0.name).await? {
            found.extend(detail.image_tags().iter().filter_map(|tag| FrozenImage::of(&repository, &detail, tag)));
        }
    }
    found.sort_by(|one, other| (&one.of, &one.tag).cmp(&(&other.of, &other.tag)));
    Ok(found)
}

async fn details(cx: &Cx, repository: &str) -> Result<Vec<ImageDetail>> {
    let all = cx.cloud.ecr.describe_images().repository_name(repository).into_paginator().items().send();
    all.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ecr:DescribeImages"))
}

/// Deletes frozen images, what only they consist of, and repositories that have no image any more. An image with another tag, of
/// another frozen environment, keeps that one.
///
/// # Errors
/// When ECR refuses it.
pub async fn delete(cx: &Cx, images: &[FrozenImage]) -> Result<()> {
    let mut repositories: Vec<&str> = images.iter().map(|image| image.repository.as_str()).collect();
    repositories.sort_unstable();
    repositories.dedup();
    for repository in repositories {
        let of_it = images.iter().filter(|image| image.repository == repository);
        let tags = of_it.map(|image| ImageIdentifier::builder().image_tag(&image.tag).build()).collect();
        remove(cx, repository, tags).await?;
        // The manifests of single platforms have no tag, and cannot be deleted before the image that lists them.
        let left = details(cx, repository).await?;
        let (tagged, untagged): (Vec<_>, Vec<_>) = left.iter().partition(|image| !image.image_tags().is_empty());
        let digests = untagged.iter().filter_map(|image| image.image_digest());
        remove(cx, repository, digests.map(|digest| ImageIdentifier::builder().image_digest(digest).build()).collect()).await?;
        if tagged.is_empty() {
            let gone = cx.cloud.ecr.delete_repository().repository_name(repository).send().await;
            match gone.map_err(failed("ecr:DeleteRepository")) {
                Err(e) if e.class == Class::NotFound || e.is("RepositoryNotEmptyException") => {}
                other => drop(other?),
            }
        }
    }
    Ok(())
}

async fn remove(cx: &Cx, repository: &str, ids: Vec<ImageIdentifier>) -> Result<()> {
    for some in ids.chunks(AT_ONCE) {
        let call = cx.cloud.ecr.batch_delete_image().repository_name(repository).set_image_ids(Some(some.to_vec()));
        let answer = call.send().await.map_err(failed("ecr:BatchDeleteImage"))?;
        let counts = |code: &ImageFailureCode| {
            !matches!(code, ImageFailureCode::ImageNotFound | ImageFailureCode::ImageReferencedByManifestList)
        };
        if let Some(failure) = answer.failures().iter().find(|failure| failure.failure_code().is_some_and(counts)) {
            let why = failure.failure_reason().unwrap_or("no reason given");
            let mut error = Error::new(Class::Other, format!("an image of `{repository}` is not deleted: {why}"));
            error.operation = Some("ecr:BatchDeleteImage".into());
            error.code = failure.failure_code().map(|code| code.as_str().to_owned());
            return Err(error);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_says_what_was_frozen() {
        let repository = (Repository { name: "stack-frozen/shop".into(), uri: "x".into() }, "shop".to_owned());
        let tag = tag("production", "20261127T120000Z", "web");
        let image = FrozenImage::of(&repository, &ImageDetail::builder().build(), &tag).unwrap();
        assert_eq!(image.of, "shop/production/20261127T120000Z");
        assert_eq!(image.taken.as_deref(), Some("2026-11-27T12:00:00Z"));
        assert_eq!(FrozenImage::of(&repository, &ImageDetail::builder().build(), "latest"), None);
    }
}
