//! The bucket that outlives runs: leases and history, for all stacks of an account and region. Nothing in it is needed to
//! plan, apply or destroy; when it is lost, it is made again.
//!
//! Written by compare-and-swap: S3's conditional writes
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration, Tag, Tagging};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::{DateTime, Format};

use super::Cx;
use super::error::failed;
use super::s3::objects::whole;
use crate::engine::{Class, Error, Result};

/// The only region whose name `CreateBucket` does not take.
const FIRST_REGION: &str = "us-east-1";
/// How often a write is repeated that S3 asks to repeat.
const CONFLICTS: usize = 5;
/// How soon; longer each time.
const SOON: Duration = Duration::from_millis(200);

/// A stored text.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it says.
    pub text: String,
    /// Which version it is.
    pub etag: String,
    /// How long ago it was written, by S3's clock alone.
    pub age: Duration,
}

/// What may be there already when a text is written.
#[derive(Clone, Copy, Debug)]
pub enum Over<'a> {
    /// Nothing.
    Nothing,
    /// This version and no other.
    Version(&'a str),
    /// Anything.
    Anything,
}

/// The bucket, seen from one stack.
#[derive(Clone)]
pub struct Store {
    s3: aws_sdk_s3::Client,
    bucket: String,
    account: String,
    partition: String,
    region: String,
    /// What the keys of this stack and environment begin with.
    prefix: String,
}

impl Store {
    /// The store of the stack at hand. No call is made.
    pub fn of(cx: &Cx) -> Store {
        let scope = &cx.scope;
        Store {
            // Not fenced: by these calls the lease is kept.
            s3: cx.cloud.s3_free.clone(),
            bucket: format!("stack-history-{}-{}", scope.account, scope.region),
            account: scope.account.clone(),
            partition: scope.partition.clone(),
            region: scope.region.clone(),
            prefix: format!("{}/{}/", scope.stack, scope.env),
        }
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }

    /// A text; `None` when it, or the whole bucket, is not there.
    ///
    /// # Errors
    /// What S3 says.
    pub async fn read(&self, name: &str) -> Result<Option<Document>> {
        let clock = Clock::default();
        let place = format!("{}{name}", self.place());
        let ask = || async {
            let call = self.s3.get_object().bucket(&self.bucket).key(format!("{}{name}", self.prefix));
            let call = call.expected_bucket_owner(&self.account).customize().interceptor(clock.clone());
            call.send().await.map_err(failed("s3:GetObject"))
        };
        let Some((answer, bytes)) = whole(&place, ask).await.map_err(|e| self.explain(e))? else { return Ok(None) };
        let etag = answer.e_tag.unwrap_or_default();
        let age = match (clock.told(), answer.last_modified) {
            (Some(now), Some(then)) => u64::try_from(now.secs() - then.secs()).unwrap_or_default(),
            _ => 0,
        };
        let text = String::from_utf8(bytes).map_err(|e| Error::new(Class::Ambiguous, format!("`{place}` is not text: {e}")))?;
        Ok(Some(Document { text, etag, age: Duration::from_secs(age) }))
    }

    /// Writes a text and gives its version; `None` when something else was there than may be. Makes the bucket when it is
    /// not there.
    ///
    /// # Errors
    /// What S3 says.
    pub async fn write(&self, name: &str, text: &str, over: Over<'_>) -> Result<Option<String>> {
        let mut conflicts = 0;
        loop {
            let call = self.s3.put_object().bucket(&self.bucket).key(format!("{}{name}", self.prefix));
            let call = call.expected_bucket_owner(&self.account).content_type("application/json");
            let call = call.body(ByteStream::from(text.as_bytes().to_vec()));
            let call = match over {
                Over::Nothing => call.if_none_match("*"),
                Over::Version(etag) => call.if_match(etag),
                Over::Anything => call,
            };
            match call.send().await.map_err(failed("s3:PutObject")) {
                Ok(answer) => return Ok(Some(answer.e_tag.unwrap_or_default())),
                // A version that is expected where nothing is, is not there either.
                Err(e) if e.is("PreconditionFailed") || e.is("NoSuchKey") => return Ok(None),
                Err(e) if e.is("NoSuchBucket") && matches!(over, Over::Version(_)) => return Ok(None),
                Err(e) if e.is("NoSuchBucket") && conflicts < CONFLICTS => {
                    conflicts += 1;
                    self.make().await?;
                }
                // Somebody else writes or deletes it at this moment.
                Err(e) if e.is("ConditionalRequestConflict") && conflicts < CONFLICTS => {
                    conflicts += 1;
                    tokio::time::sleep(SOON * u32::try_from(conflicts).unwrap_or(1)).await;
                }
                Err(e) => return Err(self.explain(e)),
            }
        }
    }

    /// The names that begin with `begin`, in order.
    ///
    /// # Errors
    /// What S3 says.
    pub async fn names(&self, begin: &str) -> Result<Vec<String>> {
        let call = self.s3.list_objects_v2().bucket(&self.bucket).prefix(format!("{}{begin}", self.prefix));
        let mut pages = call.expected_bucket_owner(&self.account).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            match page.map_err(failed("s3:ListObjectsV2")) {
                Err(e) if e.class == Class::NotFound => return Ok(Vec::new()),
                other => {
                    let keys = other.map_err(|e| self.explain(e))?.contents.unwrap_or_default().into_iter().filter_map(|o| o.key);
                    names.extend(keys.filter_map(|key| key.strip_prefix(&self.prefix).map(str::to_owned)));
                }
            }
        }
        Ok(names)
    }

    /// Makes the bucket: private, encrypted as every bucket is, by TLS only.
    async fn make(&self) -> Result<()> {
        let place = (self.region != FIRST_REGION).then(|| {
            let place = BucketLocationConstraint::from(self.region.as_str());
            CreateBucketConfiguration::builder().location_constraint(place).build()
        });
        let call = self.s3.create_bucket().bucket(&self.bucket).set_create_bucket_configuration(place);
        match call.send().await.map_err(failed("s3:CreateBucket")) {
            Err(e) if e.is("BucketAlreadyOwnedByYou") => {}
            other => drop(other.map_err(|e| self.explain(e))?),
        }
        let block = PublicAccessBlockConfiguration::builder().block_public_acls(true).block_public_policy(true);
        let block = block.ignore_public_acls(true).restrict_public_buckets(true).build();
        let call = self.s3.put_public_access_block().bucket(&self.bucket).public_access_block_configuration(block);
        call.expected_bucket_owner(&self.account).send().await.map_err(failed("s3:PutPublicAccessBlock"))?;
        let arn = format!("arn:{}:s3:::{}", self.partition, self.bucket);
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, format!("{arn}/*")],
                "Condition": { "Bool": { "aws:SecureTransport": "false" } }
            }]
        });
        let call = self.s3.put_bucket_policy().bucket(&self.bucket).policy(policy.to_string());
        call.expected_bucket_owner(&self.account).send().await.map_err(failed("s3:PutBucketPolicy"))?;
        let told = Tag::builder().key("purpose").value("leases and history of the command stack").build();
        let tags = told.and_then(|tag| Tagging::builder().tag_set(tag).build());
        let tags = tags.map_err(|e| Error::internal(format!("the bucket's tags: {e}")))?;
        let call = self.s3.put_bucket_tagging().bucket(&self.bucket).tagging(tags);
        call.expected_bucket_owner(&self.account).send().await.map_err(failed("s3:PutBucketTagging"))?;
        Ok(())
    }

    fn explain(&self, error: Error) -> Error {
        let bucket = &self.bucket;
        match error.class {
            Class::Denied => error.hint(format!(
                "leases and history are kept in the bucket `{bucket}`: it must be this account's own, and s3:GetObject, s3:PutObject and s3:ListBucket (s3:CreateBucket the first time) allowed on it"
            )),
            _ => error.hint(format!("this was about the bucket `{bucket}`, which keeps leases and history")),
        }
    }
}

/// What S3 says the time is, in the header of its answer.
#[derive(Clone, Debug, Default)]
struct Clock(Arc<Mutex<Option<DateTime>>>);

impl Clock {
    fn told(&self) -> Option<DateTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "Clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").and_then(|text| DateTime::from_str(text, Format::HttpDate).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}
