//! Images in Amazon ECR: their addresses, what is there, and copies that outlive an environment or are in another region.

pub mod copy;
pub mod frozen;

use aws_sdk_ecr::types::{ImageIdentifier, ImageScanningConfiguration};

use crate::aws::Cx;
use crate::aws::call::error::failed;
use crate::engine::{Class, Error, Result};

/// A repository of the account.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Its name: `team/web`.
    pub name: String,
    /// Its address, which image names begin with.
    pub uri: String,
}

/// Returns account, region, and what follows the host, if the image is in a private registry: under its usual host name, the FIPS
/// one, or the one with IPv6 (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html>).
pub fn registry(image: &str) -> Option<(&str, &str, &str)> {
    let (host, path) = image.split_once('/')?;
    let mut parts = host.split('.');
    let account = parts.next().filter(|a| a.len() == 12 && a.bytes().all(|b| b.is_ascii_digit()))?;
    let region = match (parts.next()?, parts.next()?) {
        ("dkr", "ecr" | "ecr-fips") => parts.next().filter(|_| parts.next() == Some("amazonaws"))?,
        ("dkr-ecr" | "dkr-ecr-fips", region) => Some(region).filter(|_| parts.next() == Some("on"))?,
        _ => return None,
    };
    Some((account, region, path))
}

/// Returns the parts of the address of an image in an AWS registry: account, region, repository, and tag or digest.
pub fn parts(image: &str) -> Option<(&str, &str, &str, ImageIdentifier)> {
    let (account, region, path) = registry(image)?;
    let id = ImageIdentifier::builder();
    Some(match (path.split_once('@'), path.split_once(':')) {
        (Some((repository, digest)), _) => {
            (account, region, repository.split(':').next().unwrap_or(repository), id.image_digest(digest).build())
        }
        (None, Some((repository, tag))) => (account, region, repository, id.image_tag(tag).build()),
        (None, None) => (account, region, path, id.image_tag("latest").build()),
    })
}

/// Returns the address of the same image in the registry of another region, if it is in that of `from`.
pub fn in_region(image: &str, from: &str, to: &str) -> Option<String> {
    let (_, region, _) = registry(image)?;
    (region == from).then(|| image.replacen(&format!(".{from}."), &format!(".{to}."), 1))
}

/// Returns the digest of an image of an AWS registry, in the region that its address names
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html>); nothing where it does not exist, or permission to
/// ask is missing.
///
/// # Errors
/// When ECR cannot be asked.
pub async fn digest(cx: &Cx, image: &str) -> Result<Option<String>> {
    let Some((account, region, repository, id)) = parts(image) else { return Ok(None) };
    let theirs = Some(account).filter(|account| *account != cx.scope.account).map(str::to_owned);
    let call = cx.cloud.ecr_in(region).describe_images().repository_name(repository).image_ids(id).set_registry_id(theirs);
    match call.send().await.map_err(failed("ecr:DescribeImages")) {
        Ok(answer) => Ok(answer.image_details().first().and_then(|image| image.image_digest()).map(str::to_owned)),
        Err(e) if matches!(e.class, Class::NotFound | Class::Denied) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Returns the account's repository of that name, which is created when it does not exist.
///
/// # Errors
/// When ECR refuses it.
pub async fn repository(cx: &Cx, name: &str) -> Result<Repository> {
    let of = |uri: Option<&str>| {
        let nameless = || Error::new(Class::Other, format!("ECR reports no address of the repository `{name}`"));
        Ok(Repository { name: name.to_owned(), uri: uri.ok_or_else(nameless)?.to_owned() })
    };
    let known = cx.cloud.ecr.describe_repositories().repository_names(name).send().await;
    match known.map_err(failed("ecr:DescribeRepositories")) {
        Ok(answer) => return of(answer.repositories().first().and_then(|one| one.repository_uri())),
        Err(e) if e.class == Class::NotFound => {}
        Err(e) => return Err(e),
    }
    let scanned = ImageScanningConfiguration::builder().scan_on_push(true).build();
    let call = cx.cloud.ecr.create_repository().repository_name(name).image_scanning_configuration(scanned);
    let made = call.send().await.map_err(failed("ecr:CreateRepository"))?;
    of(made.repository().and_then(|one| one.repository_uri()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_registry_has_several_names() {
        for host in ["dkr.ecr.eu-west-1.amazonaws.com", "dkr.ecr-fips.eu-west-1.amazonaws.com", "dkr-ecr.eu-west-1.on.aws"] {
            let image = format!("123456789012.{host}/team/web:1");
            assert_eq!(registry(&image), Some(("123456789012", "eu-west-1", "team/web:1")), "{host}");
        }
        for other in ["public.ecr.aws/nginx/nginx", "nginx", "dkr.ecr.eu-west-1.amazonaws.com/web", "1.dkr.ecr.r.example.com/web"]
        {
            assert_eq!(registry(other), None, "{other}");
        }
    }

    #[test]
    fn an_address_has_its_parts() {
        let image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/web:1.2";
        let (account, region, repository, id) = parts(image).unwrap();
        assert_eq!((account, region, repository, id.image_tag()), ("123456789012", "eu-central-1", "team/web", Some("1.2")));
        let (_, _, repository, id) = parts("123456789012.dkr-ecr.eu-central-1.on.aws/web:1@sha256:ab").unwrap();
        assert_eq!((repository, id.image_digest()), ("web", Some("sha256:ab")));
        assert!(parts("public.ecr.aws/nginx/nginx:1.27").is_none() && parts("nginx").is_none());
    }

    #[test]
    fn an_image_has_an_address_in_each_region() {
        let moved = |image: &str| in_region(image, "eu-west-1", "eu-central-1");
        let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/of.eu-west-1.x/web@sha256:ab";
        let there = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/of.eu-west-1.x/web@sha256:ab";
        assert_eq!(moved(image).as_deref(), Some(there));
        assert_eq!(moved("1.dkr-ecr.eu-west-1.on.aws/web:1"), None);
        assert_eq!(
            moved("123456789012.dkr-ecr.eu-west-1.on.aws/web").as_deref(),
            Some("123456789012.dkr-ecr.eu-central-1.on.aws/web")
        );
        assert_eq!((moved(there), moved("nginx:1")), (None, None));
    }
}
