//! Copies of images from any registry into a repository of ECR, byte for byte: their digests stay what they are.
//!
//! Images are read as the distribution specification says
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>) and written with ECR's own operations
//! (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_InitiateLayerUpload.html>).

use std::str::FromStr;
use std::sync::Once;
use std::time::Duration;

use aws_sdk_ecr::primitives::Blob;
use aws_sdk_ecr::types::LayerAvailability;
use aws_smithy_types::timeout::TimeoutConfig;
use bytes::{Bytes, BytesMut};
use docker_credential::DockerCredential;
use futures::future::LocalBoxFuture;
use futures::stream::{self, StreamExt, TryStreamExt};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Repository, registry};
use crate::aws::Cx;
use crate::aws::call::error::failed;
use crate::engine::{Class, Error, Result};

/// The kinds of manifests that images have.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
/// The size of the parts that a layer is sent in, unless ECR asks for another one.
const PART: usize = 10 << 20;
/// The number of layers in flight at once.
const AT_ONCE: usize = 4;
/// The largest number of layers that one call asks about.
const ASKED: usize = 100;
/// How often a layer is read when that is interrupted.
const TRIES: u32 = 3;
/// How long a registry may be silent.
const SILENCE: Duration = Duration::from_mins(1);

/// Returns the digest of a manifest, which is what an image is called by.
fn digest_of(manifest: &Bytes) -> String {
    let hash = Sha256::digest(manifest);
    format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The client's TLS takes what the process has chosen, which is done once.
static CHOSEN: Once = Once::new();

/// Where an image is read.
struct Source {
    client: Client,
    reference: Reference,
    auth: RegistryAuth,
}

impl Source {
    async fn of(cx: &Cx, image: &str) -> Result<Source> {
        let wrong = |e: &dyn std::fmt::Display| Error::new(Class::Other, format!("`{image}` is no image: {e}"));
        let mut reference = Reference::from_str(image).map_err(|e| wrong(&e))?;
        let mut is_plain = is_loopback(reference.resolve_registry());
        let auth = match registry(image) {
            Some((account, region, _)) => {
                let (auth, endpoint) = token(cx, account, region).await?;
                if let Some(host) = endpoint.strip_prefix("http://") {
                    is_plain = true;
                    reference = at(host, &reference);
                } else if let Some(host) = endpoint.strip_prefix("https://") {
                    reference = at(host, &reference);
                }
                auth
            }
            None => known(reference.resolve_registry()),
        };
        CHOSEN.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let protocol = if is_plain { ClientProtocol::Http } else { ClientProtocol::Https };
        let config = ClientConfig {
            protocol,
            connect_timeout: Some(Duration::from_secs(10)),
            read_timeout: Some(SILENCE),
            user_agent: concat!("stack/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config)
            .map_err(|e| Error::new(Class::Other, format!("the registry of `{image}` cannot be asked: {e}")))?;
        Ok(Source { client, reference, auth })
    }

    fn failed(&self, what: &str) -> impl Fn(oci_client::errors::OciDistributionError) -> Error {
        let text = format!("{what} of `{}` cannot be read", self.reference);
        move |e| {
            let error = Error::new(Class::Other, format!("{text}: {e}"));
            error.hint("check that the image exists, and that `docker login` knows its registry")
        }
    }
}

/// Returns an image at another host.
fn at(host: &str, image: &Reference) -> Reference {
    let (host, repository) = (host.trim_end_matches('/').to_owned(), image.repository().to_owned());
    match (image.digest(), image.tag()) {
        (Some(digest), _) => Reference::with_digest(host, repository, digest.to_owned()),
        (None, tag) => Reference::with_tag(host, repository, tag.unwrap_or("latest").to_owned()),
    }
}

/// Checks whether a registry is on this machine, where it speaks plain HTTP, as it does to Docker
/// (<https://docs.docker.com/reference/cli/dockerd/#insecure-registries>).
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    host == "localhost" || host.starts_with("127.")
}

/// Returns what ECR's registry is asked with, and its address: AWS gives both
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>). In the account's own region, that is:
/// elsewhere the address is that of the image.
async fn token(cx: &Cx, account: &str, region: &str) -> Result<(RegistryAuth, String)> {
    let answer = cx.cloud.ecr_in(region).get_authorization_token().send().await.map_err(failed("ecr:GetAuthorizationToken"))?;
    let none = || Error::new(Class::Other, "ECR gave no token for its registry");
    let given = answer.authorization_data().first().ok_or_else(none)?;
    let bytes = given.authorization_token().and_then(|text| aws_smithy_types::base64::decode(text).ok());
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(none)?;
    let (user, password) = text.split_once(':').ok_or_else(none)?;
    let own = account == cx.scope.account;
    let endpoint = given.proxy_endpoint().filter(|_| own).unwrap_or_default().to_owned();
    Ok((RegistryAuth::Basic(user.to_owned(), password.to_owned()), endpoint))
}

/// Returns what `docker login` keeps for a registry; nothing where it keeps nothing, which is enough for public images.
fn known(registry: &str) -> RegistryAuth {
    // Docker's own registry is kept under an older address.
    let name = if registry == "index.docker.io" { "https://index.docker.io/v1/" } else { registry };
    match docker_credential::get_credential(name) {
        Ok(DockerCredential::UsernamePassword(user, password)) => RegistryAuth::Basic(user, password),
        Ok(DockerCredential::IdentityToken(_)) | Err(_) => RegistryAuth::Anonymous,
    }
}

/// Copies an image into a repository, for all of its platforms, under a tag, if it is to have one. Returns its name there, by digest.
///
/// # Errors
/// When it cannot be read, or ECR refuses it.
pub async fn copy(cx: &Cx, image: &str, to: &Repository, tag: Option<&str>) -> Result<String> {
    let source = Source::of(cx, image).await?;
    let digest = manifest(cx, &source, (source.reference.clone(), None), to, tag).await?;
    Ok(format!("{}@{digest}", to.uri))
}

/// Copies a manifest with everything that it names, and returns its digest. What it is, is said by what lists it, where it does not say
/// it itself.
fn manifest<'a>(
    cx: &'a Cx,
    source: &'a Source,
    (reference, listed_as): (Reference, Option<String>),
    to: &'a Repository,
    tag: Option<&'a str>,
) -> LocalBoxFuture<'a, Result<String>> {
    Box::pin(async move {
        let (bytes, _) =
            source.client.pull_manifest_raw(&reference, &source.auth, &MANIFESTS).await.map_err(source.failed("the manifest"))?;
        let digest = digest_of(&bytes);
        let text = std::str::from_utf8(&bytes).ok();
        let unread = || Error::new(Class::Other, format!("the manifest of `{reference}` is not JSON"));
        let text = text.ok_or_else(unread)?;
        let value: Value = serde_json::from_str(text).map_err(|_| unread())?;
        if reference.digest().is_some_and(|wanted| wanted != digest) {
            let text = format!("the manifest of `{reference}` has the digest {digest}");
            return Err(Error::new(Class::Other, text).hint("the registry gave another image; nothing of it was kept"));
        }
        let listed = |key: &str| value[key].as_array().into_iter().flatten();
        for one in listed("manifests") {
            let Some(digest) = one["digest"].as_str() else { continue };
            let media = one["mediaType"].as_str().map(str::to_owned);
            manifest(cx, source, (reference.clone_with_digest(digest.to_owned()), media), to, None).await?;
        }
        // What stays where its owner put it is not in the registry:
        // https://github.com/opencontainers/image-spec/blob/main/layer.md#non-distributable-layers
        let layers = listed("layers").filter(|layer| layer.get("urls").is_none()).chain(value.get("config"));
        let blob = |one: &Value| serde_json::from_value::<OciDescriptor>(one.clone()).map_err(|_| unread());
        let mut blobs = layers.map(blob).collect::<Result<Vec<_>>>()?;
        blobs.sort_by(|one, other| one.digest.cmp(&other.digest));
        blobs.dedup_by(|one, other| one.digest == other.digest);
        let missing = missing(cx, to, &blobs).await?;
        let each = stream::iter(missing).map(|one| layer(cx, source, to, one));
        each.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        // Optional in the format of the Open Container Initiative, and required by ECR:
        // https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html
        let usual = if value.get("manifests").is_some() { MANIFESTS[0] } else { MANIFESTS[1] };
        let media = value["mediaType"].as_str().or(listed_as.as_deref()).unwrap_or(usual);
        put(cx, to, text, &digest, media, tag).await?;
        Ok(digest)
    })
}

/// Returns those of an image's blobs that a repository does not have.
async fn missing<'a>(cx: &Cx, to: &Repository, blobs: &'a [OciDescriptor]) -> Result<Vec<&'a OciDescriptor>> {
    let mut missing = Vec::new();
    for some in blobs.chunks(ASKED) {
        let digests = some.iter().map(|blob| blob.digest.clone()).collect();
        let call = cx.cloud.ecr.batch_check_layer_availability().repository_name(&to.name).set_layer_digests(Some(digests));
        let answer = call.send().await.map_err(failed("ecr:BatchCheckLayerAvailability"))?;
        let there: Vec<&str> = answer
            .layers()
            .iter()
            .filter(|layer| layer.layer_availability() == Some(&LayerAvailability::Available))
            .filter_map(|layer| layer.layer_digest())
            .collect();
        missing.extend(some.iter().filter(|blob| !there.contains(&blob.digest.as_str())));
    }
    Ok(missing)
}

/// Copies a blob. When reading it is interrupted, it begins again.
async fn layer(cx: &Cx, source: &Source, to: &Repository, blob: &OciDescriptor) -> Result<()> {
    for _ in 1..TRIES {
        match once(cx, source, to, blob).await {
            Err(e) if e.operation.is_none() => {}
            other => return other,
        }
    }
    once(cx, source, to, blob).await
}

async fn once(cx: &Cx, source: &Source, to: &Repository, blob: &OciDescriptor) -> Result<()> {
    let unread = source.failed("a layer");
    let begun = cx.cloud.ecr.initiate_layer_upload().repository_name(&to.name).send().await;
    let begun = begun.map_err(failed("ecr:InitiateLayerUpload"))?;
    let upload = begun.upload_id().unwrap_or_default();
    let part = begun.part_size().and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0).unwrap_or(PART);
    let mut read = source.client.pull_blob_stream(&source.reference, blob).await.map_err(&unread)?.stream;
    let (mut waiting, mut sent) = (BytesMut::with_capacity(part), 0_i64);
    loop {
        let next = read.next().await.transpose().map_err(|e| Error::new(Class::Other, format!("reading a layer: {e}")))?;
        let is_last = next.is_none();
        waiting.extend_from_slice(&next.unwrap_or_default());
        while waiting.len() >= part || (is_last && !waiting.is_empty()) {
            let bytes = waiting.split_to(part.min(waiting.len())).freeze();
            sent = send(cx, to, upload, sent, bytes).await?;
        }
        if is_last {
            break;
        }
    }
    let call = cx.cloud.ecr.complete_layer_upload().repository_name(&to.name).upload_id(upload).layer_digests(&blob.digest);
    match call.send().await.map_err(failed("ecr:CompleteLayerUpload")) {
        Err(e) if e.is("LayerAlreadyExistsException") => Ok(()),
        other => other.map(drop),
    }
}

/// Sends a part of a blob, and returns where the next one begins.
async fn send(cx: &Cx, to: &Repository, upload: &str, first: i64, bytes: Bytes) -> Result<i64> {
    let next = first + i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    // The usual half minute is for calls, not for 10 MiB over a slow line.
    let attempt = Duration::from_mins(5);
    let patience = TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(attempt * 3).build();
    let call = cx.cloud.ecr.upload_layer_part().repository_name(&to.name).upload_id(upload);
    let call = call.part_first_byte(first).part_last_byte(next - 1).layer_part_blob(Blob::new(bytes));
    let call = call.customize().config_override(aws_sdk_ecr::config::Builder::new().timeout_config(patience));
    match call.send().await {
        Ok(_) => Ok(next),
        // It has arrived, and its answer was lost.
        Err(e)
            if e.as_service_error().is_some_and(|e| {
                matches!(e, aws_sdk_ecr::operation::upload_layer_part::UploadLayerPartError::InvalidLayerPartException(e)
                    if e.last_valid_byte_received() == Some(next - 1))
            }) =>
        {
            Ok(next)
        }
        Err(e) => Err(failed("ecr:UploadLayerPart")(e)),
    }
}

async fn put(cx: &Cx, to: &Repository, text: &str, digest: &str, media: &str, tag: Option<&str>) -> Result<()> {
    let call = cx.cloud.ecr.put_image().repository_name(&to.name).image_manifest(text).image_digest(digest);
    let call = call.image_manifest_media_type(media).set_image_tag(tag.map(str::to_owned));
    match call.send().await.map_err(failed("ecr:PutImage")) {
        Err(e) if e.is("ImageAlreadyExistsException") => Ok(()),
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_of_this_machine_speak_plainly() {
        assert!(is_loopback("localhost:5000") && is_loopback("127.0.0.1:5000") && is_loopback("localhost"));
        assert!(!is_loopback("ghcr.io") && !is_loopback("localhost.example.com") && !is_loopback("index.docker.io"));
    }

    #[test]
    fn an_image_at_another_host_is_the_same() {
        let image = |text: &str| Reference::from_str(text).unwrap();
        assert_eq!(at("127.0.0.1:1/", &image("r.example.com/team/web:1")), image("127.0.0.1:1/team/web:1"));
        let digest = format!("team/web@sha256:{}", "a".repeat(64));
        assert_eq!(at("127.0.0.1:1", &image(&format!("r.example.com/{digest}"))), image(&format!("127.0.0.1:1/{digest}")));
    }
}
