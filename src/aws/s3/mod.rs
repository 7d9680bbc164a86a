//! Buckets, in Amazon S3.

pub mod archived;
mod bucket;
mod bucket_policy;
mod checks;
mod controls;
pub mod copies;
mod cors;
mod cost;
mod emptying;
pub(in crate::aws) mod errors;
mod lifecycle;
pub mod objects;
pub mod requests;
mod retag;
pub mod versions;

pub use bucket::{Bucket, Encryption, ObjectLock, Website};
pub use bucket_policy::BucketPolicy;
pub use cors::CorsRule;
pub use lifecycle::LifecycleRule;

use std::sync::Arc;

use aws_sdk_s3::types as sdk;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::operation::BuildError;
use futures::future::try_join_all;

use super::{Cx, Tags};
use crate::aws::call::rate_limit::{Rates, rate};
use crate::aws::ownership::tags::from_pairs;
use crate::aws::ownership::{names, tag_index};
use crate::aws::s3::errors::failed;
use crate::aws::wing::{KindRow, Wing};
use crate::engine::{Claim, Class, Error, Resource, Result, Scope};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["s3"],
    // S3 takes thousands, and its answers are what deploying static files is made of.
    rates: &[Rates { asking: rate(1000, 500.0), changing: rate(1000, 500.0), ..Rates::of("S3", &[]) }],
    checks: checks::of,
    controls: controls::CONTROLS,
    bill: cost::bill,
    ..Wing::of(&[KindRow::of::<Bucket>(), KindRow::of::<BucketPolicy>()])
};

/// The maximum length of a bucket's name.
const NAME: usize = 63;

/// Returns the end of the names of the stack's buckets: names are globally unique.
fn suffix(scope: &Scope) -> String {
    format!("-{}-{}", scope.account, scope.region)
}

/// Returns the name of the current bucket in AWS: `PREFIX-NAME-ACCOUNT-REGION`.
pub(super) fn name(cx: &Cx) -> String {
    named(&cx.scope, &cx.key.name, cx.generation)
}

fn named(scope: &Scope, key: &str, generation: u32) -> String {
    let purpose = format!("{}{}", key.to_ascii_lowercase().replace('_', "-"), suffix(scope));
    names::fit(&scope.prefix(), &purpose, generation, NAME)
}

/// Returns how the names of a bucket of the stack begin, whichever of them is its current one.
pub fn beginning(scope: &Scope, key: &str) -> String {
    names::beginning(&format!("{}-{key}-", scope.prefix()), NAME)
}

/// Returns the bucket of the stack that would have this name.
fn namesake(cx: &Cx, name: &str) -> Option<String> {
    names::key_of(&cx.scope.prefix(), name.strip_suffix(&suffix(&cx.scope))?)
}

/// Returns the domain of a bucket in the region: `NAME.s3.REGION.amazonaws.com`.
pub fn regional_domain(partition: &str, region: &str, bucket: &str) -> String {
    format!("{bucket}.s3.{region}.{}", domain(partition))
}

/// Returns the domain without the region, which old services use.
pub fn global_domain(partition: &str, bucket: &str) -> String {
    format!("{bucket}.s3.{}", domain(partition))
}

/// Returns the domain of AWS's services in a partition.
pub fn domain(partition: &str) -> &'static str {
    if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// A bucket that can be the stack's by its name.
struct Candidate {
    name: String,
    tags: Tags,
    claim: Claim,
}

/// Returns the region's buckets that can be the stack's by name, with their tags: one question for all names, and one for each
/// bucket of the stack.
async fn candidates(cx: &Cx) -> Result<Arc<Vec<Candidate>>> {
    cx.reads
        .once("s3.buckets", async {
            let prefix = cx.scope.prefix();
            let known = tag_index::candidates(cx).await?;
            let like_ours = |name: &String| names::begins(&prefix, name, NAME);
            let tagged = known.keys().filter_map(|arn| arn.split_once(":s3:::")).map(|(_, name)| name.to_owned());
            // What the index knows under another name may be deleted: then it has no tags, and belongs to no stack.
            let others: Vec<String> = tagged.filter(|name| !like_ours(name)).collect();
            let names = names_like(cx, &prefix).await?.into_iter().filter(like_ours).chain(others);
            try_join_all(names.map(|name| async move {
                let tags = tags_of(cx, &name).await?;
                let claim = match cx.scope.claim(Bucket::KIND, &tags, false) {
                    Claim::Foreign => namesake(cx, &name).map_or(Claim::Foreign, Claim::Taken),
                    claim => names::marked(claim, |key| named(&cx.scope, key, names::generation(&tags)) == name),
                };
                Ok(Candidate { name, tags, claim })
            }))
            .await
        })
        .await
}

/// Returns the names of the region's buckets that start like `prefix`; from the index of tags, where it may be used, those of the
/// stack.
async fn names_like(cx: &Cx, prefix: &str) -> Result<Vec<String>> {
    if let Some(known) = tag_index::of(cx, "s3").await {
        return Ok(known.keys().filter_map(|arn| arn.split_once(":s3:::")).map(|(_, name)| name.to_owned()).collect());
    }
    let begin: String = prefix.chars().take(NAME - 7).collect();
    let call = cx.cloud.s3.list_buckets().prefix(begin.trim_end_matches('-')).bucket_region(&cx.scope.region);
    let pages = call.max_buckets(1000).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("s3:ListBuckets"))?;
    Ok(all.into_iter().filter_map(|b| b.name).collect())
}

/// Returns the region of a bucket, when S3 refuses a question about it because it is elsewhere: by 301, 400 or 403, with a header
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>).
pub fn told_region<E>(refusal: &SdkError<E, HttpResponse>) -> Option<String> {
    Some(refusal.raw_response()?.headers().get("x-amz-bucket-region")?.to_owned())
}

async fn tags_of(cx: &Cx, bucket: &str) -> Result<Tags> {
    if let Some(known) = tag_index::tags(cx, "s3", &format!("arn:{}:s3:::{bucket}", cx.scope.partition)).await {
        return Ok(known);
    }
    match tags_now(cx, bucket).await {
        // Access is denied: not the stack's.
        Err(e) if e.class == Class::Denied => Ok(Tags::new()),
        other => other,
    }
}

/// Reads the tags from the bucket itself.
async fn tags_now(cx: &Cx, bucket: &str) -> Result<Tags> {
    let answer = cx
        .cloud
        .s3
        .get_bucket_tagging()
        .bucket(bucket)
        .expected_bucket_owner(&cx.scope.account)
        .send()
        .await
        .map_err(failed("s3:GetBucketTagging"));
    match answer {
        Ok(answer) => Ok(from_pairs(answer.tag_set().iter().map(|t| (Some(t.key()), Some(t.value()))))),
        // Without tags, or gone in the meantime.
        Err(e) if e.class == Class::NotFound => Ok(Tags::new()),
        Err(e) => Err(e),
    }
}

fn to_sdk(tags: &Tags) -> Result<Vec<sdk::Tag>> {
    tags.iter().map(|(k, v)| built(sdk::Tag::builder().key(k).value(v).build())).collect()
}

/// Reports what the SDK could not build as a defect.
fn built<T>(result: Result<T, BuildError>) -> Result<T> {
    result.map_err(|e| Error::internal(e.to_string()))
}
