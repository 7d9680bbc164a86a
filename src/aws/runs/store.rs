//! The bucket that outlives runs: leases and history, for all stacks of an account and region. If it is lost, it is created
//! again, but what its records vouch for is lost ([`doubt`](crate::aws::runs::doubt)): objects that have no other mark
//! are then deleted only with consent. So no record is ever deleted here.
//!
//! It is written by compare-and-swap: S3's conditional writes
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus,
    CreateBucketConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, PublicAccessBlockConfiguration, Tag, Tagging, VersioningConfiguration,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::{DateTime, Format};

use crate::aws::Cx;
use crate::aws::call::download::whole;
use crate::aws::s3::errors::failed;
use crate::engine::{Class, Error, Result};

/// The only region whose name `CreateBucket` does not accept.
const FIRST_REGION: &str = "us-east-1";
/// How often a write is repeated when S3 asks for that.
const CONFLICTS: usize = 5;
/// The time before it is repeated; longer each time.
const SOON: Duration = Duration::from_millis(200);

/// The permissions on the bucket that the identity needs.
const ALLOWED: &[&str] = &[
    "s3:CreateBucket",
    "s3:ListBucket",
    "s3:GetObject",
    "s3:PutObject",
    "s3:GetBucketPublicAccessBlock",
    "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:GetBucketVersioning",
    "s3:PutBucketVersioning",
    "s3:GetLifecycleConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:GetBucketTagging",
    "s3:PutBucketTagging",
];
/// The names of the lifecycle rules of `stack`.
const RULES: [&str; 2] = ["stack-old-records", "stack-old-markers"];
/// Days for which an overwritten version is kept: a lease is renewed every few seconds. What was not overwritten is kept for
/// good: the record of the run that created a VPC or a key vouches for it as long as that exists.
const VERSIONS: i32 = 30;

/// The protection of the bucket, as it was found.
#[derive(Default)]
struct Protection {
    private: bool,
    policy: Option<String>,
    versioned: bool,
    lifecycle: Vec<LifecycleRule>,
    tags: Vec<Tag>,
}

/// Returns nothing for what was never set.
fn unset<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Err(e) if e.class == Class::NotFound && !e.is("NoSuchBucket") => Ok(None),
        other => other.map(Some),
    }
}

/// Returns the rules for the bucket's old versions. A delete marker without versions is removed by a rule of its own.
fn rules() -> Result<[LifecycleRule; 2]> {
    let everything = || LifecycleRuleFilter::builder().prefix("").build();
    let [records, markers] = RULES;
    let records = LifecycleRule::builder()
        .id(records)
        .status(ExpirationStatus::Enabled)
        .filter(everything())
        .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(VERSIONS).build())
        .abort_incomplete_multipart_upload(AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build());
    let markers = LifecycleRule::builder()
        .id(markers)
        .status(ExpirationStatus::Enabled)
        .filter(everything())
        .expiration(LifecycleExpiration::builder().expired_object_delete_marker(true).build());
    let built = |rule: aws_sdk_s3::types::builders::LifecycleRuleBuilder| {
        rule.build().map_err(|e| Error::internal(format!("the bucket's lifecycle: {e}")))
    };
    Ok([built(records)?, built(markers)?])
}

/// Checks whether a rule that was found does what that of `stack` does. S3 spells some of it in more than one way.
fn is_as(found: &LifecycleRule, ours: &LifecycleRule) -> bool {
    let does = |rule: &LifecycleRule| {
        let expires = rule.expiration();
        (
            rule.id().map(str::to_owned),
            rule.status().clone(),
            rule.filter().and_then(LifecycleRuleFilter::prefix).unwrap_or_default().to_owned(),
            expires.and_then(LifecycleExpiration::days),
            expires.and_then(LifecycleExpiration::date).copied(),
            expires.and_then(LifecycleExpiration::expired_object_delete_marker).unwrap_or_default(),
            rule.noncurrent_version_expiration().and_then(NoncurrentVersionExpiration::noncurrent_days),
        )
    };
    does(found) == does(ours)
}

/// Returns the lifecycle as it should be, if it is not: the rules of others, and those of `stack`, enabled and up to date.
fn lifecycle(found: &[LifecycleRule]) -> Result<Option<Vec<LifecycleRule>>> {
    let ours = rules()?;
    if ours.iter().all(|own| found.iter().any(|rule| is_as(rule, own))) {
        return Ok(None);
    }
    let theirs = found.iter().filter(|rule| !rule.id().is_some_and(|id| RULES.contains(&id))).cloned();
    Ok(Some(theirs.chain(ours).collect()))
}

/// A stored text.
#[derive(Clone, Debug)]
pub struct Document {
    /// The text itself.
    pub text: String,
    /// Its version.
    pub etag: String,
    /// The time since it was written, by S3's clock alone.
    pub age: Duration,
}

/// What may be overwritten when a document is written.
#[derive(Clone, Copy, Debug)]
pub enum Over<'a> {
    /// Nothing.
    Nothing,
    /// This version and no other.
    Version(&'a str),
    /// Anything.
    Anything,
}

/// The bucket, as seen by one stack.
#[derive(Clone)]
pub struct Store {
    s3: aws_sdk_s3::Client,
    bucket: String,
    account: String,
    partition: String,
    region: String,
    /// The start of the keys of this stack and environment.
    prefix: String,
}

impl Store {
    /// Returns the store of the current stack. No call is made.
    pub fn of(cx: &Cx) -> Store {
        let scope = &cx.scope;
        Store {
            // Not fenced: by these calls the lease is kept.
            s3: cx.cloud.s3_free.clone(),
            bucket: cx.cloud.history_bucket.clone().unwrap_or_else(|| usual(&scope.account, &scope.region)),
            account: scope.account.clone(),
            partition: scope.partition.clone(),
            region: scope.region.clone(),
            prefix: format!("{}/{}/", scope.stack, scope.env),
        }
    }

    /// Returns the location of the documents, for people.
    pub fn place(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }

    /// Reads a document; `None` when it, or the whole bucket, does not exist.
    ///
    /// # Errors
    /// When S3 cannot be asked, or refuses.
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

    /// Writes a document and returns its version; `None` when something else was there than may be overwritten. Creates the
    /// bucket if it does not exist.
    ///
    /// # Errors
    /// When S3 cannot be asked, or refuses.
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
                // Another run writes or deletes it at this moment.
                Err(e) if e.is("ConditionalRequestConflict") && conflicts < CONFLICTS => {
                    conflicts += 1;
                    tokio::time::sleep(SOON * u32::try_from(conflicts).unwrap_or(1)).await;
                }
                Err(e) => return Err(self.explain(e)),
            }
        }
    }

    /// Returns the names that start with `begin`, in order.
    ///
    /// # Errors
    /// When S3 cannot be asked, or refuses.
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

    /// Creates the bucket, and then everything that protects it.
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
        self.fix(&Protection::default()).await
    }

    /// Ensures that the bucket exists, is private, allows only TLS, expires old versions, and says what it is for: whoever
    /// created it, and whatever happened to it since. Other settings stay.
    ///
    /// # Errors
    /// When S3 cannot be asked, or refuses.
    pub async fn secure(&self) -> Result<()> {
        match self.protection().await {
            Err(e) if e.is("NoSuchBucket") => self.make().await,
            Err(e) => Err(self.explain(e)),
            Ok(found) => self.fix(&found).await,
        }
    }

    /// Reads how the bucket is protected.
    async fn protection(&self) -> Result<Protection> {
        let (s3, bucket, account) = (&self.s3, &self.bucket, &self.account);
        let block = async {
            let call = s3.get_public_access_block().bucket(bucket).expected_bucket_owner(account).send();
            unset(call.await.map_err(failed("s3:GetPublicAccessBlock")))
        };
        let policy = async {
            let call = s3.get_bucket_policy().bucket(bucket).expected_bucket_owner(account).send();
            unset(call.await.map_err(failed("s3:GetBucketPolicy")))
        };
        let versioning = async {
            let call = s3.get_bucket_versioning().bucket(bucket).expected_bucket_owner(account).send();
            call.await.map_err(failed("s3:GetBucketVersioning"))
        };
        let lifecycle = async {
            let call = s3.get_bucket_lifecycle_configuration().bucket(bucket).expected_bucket_owner(account).send();
            unset(call.await.map_err(failed("s3:GetBucketLifecycleConfiguration")))
        };
        let tags = async {
            let call = s3.get_bucket_tagging().bucket(bucket).expected_bucket_owner(account).send();
            unset(call.await.map_err(failed("s3:GetBucketTagging")))
        };
        let (block, policy, versioning, lifecycle, tags) = tokio::try_join!(block, policy, versioning, lifecycle, tags)?;
        let all = |c: PublicAccessBlockConfiguration| {
            let flags = [c.block_public_acls, c.block_public_policy, c.ignore_public_acls, c.restrict_public_buckets];
            flags.iter().all(|flag| *flag == Some(true))
        };
        Ok(Protection {
            private: block.and_then(|b| b.public_access_block_configuration).is_some_and(all),
            policy: policy.and_then(|p| p.policy),
            versioned: versioning.status() == Some(&BucketVersioningStatus::Enabled),
            lifecycle: lifecycle.and_then(|l| l.rules).unwrap_or_default(),
            tags: tags.map(|t| t.tag_set).unwrap_or_default(),
        })
    }

    /// Writes what is missing, and nothing else.
    async fn fix(&self, found: &Protection) -> Result<()> {
        let (s3, bucket, account) = (&self.s3, &self.bucket, &self.account);
        if !found.private {
            let block = PublicAccessBlockConfiguration::builder().block_public_acls(true).block_public_policy(true);
            let block = block.ignore_public_acls(true).restrict_public_buckets(true).build();
            self.written("s3:PutPublicAccessBlock", || async {
                let call = s3.put_public_access_block().bucket(bucket).public_access_block_configuration(block.clone());
                call.expected_bucket_owner(account).send().await.map(drop).map_err(failed("s3:PutPublicAccessBlock"))
            })
            .await?;
        }
        if let Some(policy) = self.policy(found.policy.as_deref()) {
            self.written("s3:PutBucketPolicy", || async {
                let call = s3.put_bucket_policy().bucket(bucket).policy(policy.clone());
                call.expected_bucket_owner(account).send().await.map(drop).map_err(failed("s3:PutBucketPolicy"))
            })
            .await?;
        }
        if !found.versioned {
            let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
            self.written("s3:PutBucketVersioning", || async {
                let call = s3.put_bucket_versioning().bucket(bucket).versioning_configuration(on.clone());
                call.expected_bucket_owner(account).send().await.map(drop).map_err(failed("s3:PutBucketVersioning"))
            })
            .await?;
        }
        if let Some(rules) = lifecycle(&found.lifecycle)? {
            let all = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build();
            let all = all.map_err(|e| Error::internal(format!("the bucket's lifecycle: {e}")))?;
            self.written("s3:PutBucketLifecycleConfiguration", || async {
                let call = s3.put_bucket_lifecycle_configuration().bucket(bucket).lifecycle_configuration(all.clone());
                let call = call.expected_bucket_owner(account);
                call.send().await.map(drop).map_err(failed("s3:PutBucketLifecycleConfiguration"))
            })
            .await?;
        }
        if !found.tags.iter().any(|tag| tag.key() == "purpose") {
            let told = Tag::builder().key("purpose").value("leases and history of the command stack").build();
            let told = told.map_err(|e| Error::internal(format!("the bucket's tags: {e}")))?;
            let all = Tagging::builder().set_tag_set(Some(found.tags.iter().cloned().chain([told]).collect())).build();
            let all = all.map_err(|e| Error::internal(format!("the bucket's tags: {e}")))?;
            self.written("s3:PutBucketTagging", || async {
                let call = s3.put_bucket_tagging().bucket(bucket).tagging(all.clone());
                call.expected_bucket_owner(account).send().await.map(drop).map_err(failed("s3:PutBucketTagging"))
            })
            .await?;
        }
        Ok(())
    }

    /// Repeats a call that may conflict with those of others, or that comes before the bucket is known everywhere.
    async fn written<F>(&self, operation: &str, call: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        for again in 1..=CONFLICTS {
            match call().await {
                Err(e) if e.class == Class::NotYet => tokio::time::sleep(SOON * u32::try_from(again).unwrap_or(1)).await,
                other => return other.map_err(|e| self.explain(e)),
            }
        }
        call().await.map_err(|e| self.explain(e.hint(format!("{operation} was tried {CONFLICTS} times"))))
    }

    /// Returns the policy as it should be, if it is not: its current statements, and one that denies access without TLS.
    fn policy(&self, found: Option<&str>) -> Option<String> {
        let mut policy: serde_json::Value = found
            .and_then(|text| serde_json::from_str(text).ok())
            .filter(serde_json::Value::is_object)
            .unwrap_or_else(|| serde_json::json!({ "Version": "2012-10-17", "Statement": [] }));
        let statements = match policy.get("Statement").cloned() {
            Some(serde_json::Value::Array(list)) => list,
            Some(one) => vec![one],
            None => Vec::new(),
        };
        let arn = format!("arn:{}:s3:::{}", self.partition, self.bucket);
        let ours = serde_json::json!({
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } }
        });
        if statements.contains(&ours) {
            return None;
        }
        let others = statements.into_iter().filter(|statement| statement["Sid"] != ours["Sid"]);
        policy["Statement"] = others.chain([ours.clone()]).collect();
        Some(policy.to_string())
    }

    fn explain(&self, error: Error) -> Error {
        let bucket = &self.bucket;
        match error.class {
            Class::Denied => error.hint(format!(
                "the bucket `{bucket}` keeps leases and history and must belong to this account: if another account has it, choose another with `history_bucket` in the file or `STACK_HISTORY_BUCKET`; these actions must be allowed on it: {}",
                ALLOWED.join(", ")
            )),
            _ => error.hint(format!("the bucket is `{bucket}`, which keeps leases and history")),
        }
    }
}

/// Returns the name of the bucket where no other was chosen.
pub fn usual(account: &str, region: &str) -> String {
    format!("stack-history-{account}-{region}")
}

/// The time of S3, from the header of its answer.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_record_is_thrown_away_and_our_rules_are_fixed() {
        let ours = rules().unwrap();
        // Neither in a number of days nor on a day.
        assert!(ours.iter().filter_map(LifecycleRule::expiration).all(|e| e.days().is_none() && e.date().is_none()));
        assert_eq!(lifecycle(&ours).unwrap(), None);
        let [records, markers] = ours.clone();
        let changed = |change: fn(&mut LifecycleRule)| {
            let mut rule = records.clone();
            change(&mut rule);
            rule
        };
        let written = |rule: &LifecycleRule| lifecycle(&[rule.clone(), markers.clone()]).unwrap();
        assert_eq!(written(&changed(|rule| rule.status = ExpirationStatus::Disabled)), Some(ours.to_vec()));
        // As it was written before: it threw records away.
        let two_years = |rule: &mut LifecycleRule| rule.expiration = Some(LifecycleExpiration::builder().days(730).build());
        assert_eq!(written(&changed(two_years)), Some(ours.to_vec()));
        let theirs = changed(|rule| rule.id = Some("theirs".into()));
        assert_eq!(written(&theirs), Some([vec![theirs], ours.to_vec()].concat()));
    }
}
