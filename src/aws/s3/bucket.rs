use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, DefaultRetention, ErrorDocument, IndexDocument,
    ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode, ObjectLockRule, ObjectOwnership, OwnershipControls,
    OwnershipControlsRule, PublicAccessBlockConfiguration, RedirectAllRequestsTo, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, VersioningConfiguration,
    WebsiteConfiguration,
};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cors::{self, CorsRule};
use super::lifecycle::{LifecycleRule, configuration};
use super::retag::{self, Proof};
use super::{Candidate, built, candidates, emptying, global_domain, name, regional_domain, to_sdk};
use crate::aws::kms::Key;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tag_index;
use crate::aws::ownership::tags::TagEdit;
use crate::aws::s3::errors::failed;
use crate::aws::spelling::{How, Spelling, Wrong};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::proof::digest;
use crate::engine::tags::TAG_DIGEST;
use crate::engine::{
    Blocker, Class, Diff, Effect, Error, Impact, Observed, Readiness, Ref, Resource, Result, Rule, Scope, Usual,
};

/// The only region whose name `CreateBucket` does not accept.
const FIRST_REGION: &str = "us-east-1";

/// A bucket. Its name in AWS consists of the names of the stack and the bucket, the account and the region.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Whether objects that are overwritten or deleted are kept as old versions. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versioning: Option<bool>,
    /// How long every new version is kept from being deleted and overwritten. It needs `versioning`, which can never be turned off again. Left
    /// out: unchanged; a bucket that has a lock keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_lock: Option<ObjectLock>,
    /// Whether public access is blocked, whatever policies and ACLs say. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_public_access: Option<bool>,
    /// `BucketOwnerEnforced`: ACLs are off, and only policies decide. `BucketOwnerPreferred`: for writers that still use ACLs.
    /// Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<String>,
    /// The default encryption, of objects that are written without their own. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// The lifecycle rules, by name. Others are removed. Left out: none.
    #[serde(default)]
    pub lifecycle: BTreeMap<String, LifecycleRule>,
    /// Which web pages may send it requests from a browser: rules of CORS, by name. S3 uses the first one that matches, in the order of their
    /// names. Others are removed. Left out: none.
    #[serde(default)]
    pub cors: BTreeMap<String, CorsRule>,
    /// Whether and how S3 serves it as a website of its own, without TLS. Left out: it does not.
    #[serde(default)]
    pub website: Website,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The retention that S3 gives every new version of an object
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectLock {
    /// `GOVERNANCE`: only those who may bypass it can delete a version before its time. `COMPLIANCE`: no one can.
    pub mode: String,
    /// The days for which a version is kept, from when it was written.
    pub days: i32,
}

/// How S3 serves a bucket as a website: with an index document, or by a redirect to another host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Website {
    /// The document that is served for a folder: `index.html`. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// The document that is served in place of an error. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The host to which all requests are redirected. Left out: they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
}

/// The default encryption of objects.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// The algorithm: `AES256` with S3's own keys, `aws:kms` with a KMS key.
    pub algorithm: String,
    /// The ARN of the KMS key. Left out: AWS's own key; another key of an existing bucket stays until the rest of `encryption` changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether a bucket key saves most of the calls to KMS. Left out: AWS's default, whenever the encryption is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket_key: Option<bool>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The name.
    pub name: String,
    /// The ARN.
    pub arn: String,
    /// `NAME.s3.REGION.amazonaws.com`.
    pub domain: String,
    /// `NAME.s3.amazonaws.com`.
    pub global_domain: String,
    /// Whether the fields were not read that few buckets have.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(skip)]
    pub unread: bool,
}

impl Live {
    fn named(scope: &Scope, name: &str) -> Live {
        Live {
            id: name.to_owned(),
            name: name.to_owned(),
            arn: format!("arn:{}:s3:::{name}", scope.partition),
            domain: regional_domain(&scope.partition, &scope.region, name),
            global_domain: global_domain(&scope.partition, name),
            unread: false,
        }
    }
}

/// Returns what is set, or nothing when nothing is: S3 reports that as an error.
fn set<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(e) if e.class == Class::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Reads the bucket's settings; nothing when it was deleted in the meantime.
async fn read(cx: &Cx, candidate: &Candidate) -> Result<Option<Bucket>> {
    let (s3, name, owner) = (&cx.cloud.s3, &candidate.name, &cx.scope.account);
    // Of what few buckets have, each is another question: a quick plan leaves these out. For websites and CORS a digest says which buckets can
    // have them.
    let quick = tag_index::of(cx, "s3").await.is_some();
    let lock = async {
        if quick { None } else { Some(s3.get_object_lock_configuration().bucket(name).expected_bucket_owner(owner).send().await) }
    };
    let website =
        async { if quick { None } else { Some(s3.get_bucket_website().bucket(name).expected_bucket_owner(owner).send().await) } };
    let cors =
        async { if quick { None } else { Some(s3.get_bucket_cors().bucket(name).expected_bucket_owner(owner).send().await) } };
    let (versioning, public, ownership, encryption, lifecycle, website, cors, lock) = tokio::join!(
        s3.get_bucket_versioning().bucket(name).expected_bucket_owner(owner).send(),
        s3.get_public_access_block().bucket(name).expected_bucket_owner(owner).send(),
        s3.get_bucket_ownership_controls().bucket(name).expected_bucket_owner(owner).send(),
        s3.get_bucket_encryption().bucket(name).expected_bucket_owner(owner).send(),
        s3.get_bucket_lifecycle_configuration().bucket(name).expected_bucket_owner(owner).send(),
        website,
        cors,
        lock,
    );
    // The one of these questions that every bucket answers.
    let Some(versioning) = set(versioning.map_err(failed("s3:GetBucketVersioning")))? else { return Ok(None) };
    let public = set(public.map_err(failed("s3:GetPublicAccessBlock")))?.and_then(|a| a.public_access_block_configuration);
    let ownership = set(ownership.map_err(failed("s3:GetBucketOwnershipControls")))?.and_then(|a| a.ownership_controls);
    let encryption = set(encryption.map_err(failed("s3:GetBucketEncryption")))?;
    let lifecycle = set(lifecycle.map_err(failed("s3:GetBucketLifecycleConfiguration")))?;
    let website = website.map(|answer| set(answer.map_err(failed("s3:GetBucketWebsite")))).transpose()?.flatten();
    let cors = cors.map(|answer| set(answer.map_err(failed("s3:GetBucketCors")))).transpose()?.flatten();
    let lock = lock.map(|answer| set(answer.map_err(failed("s3:GetObjectLockConfiguration")))).transpose()?.flatten();
    let yes = |value: Option<bool>| value == Some(true);
    Ok(Some(Bucket {
        object_lock: lock.and_then(|a| a.object_lock_configuration?.rule?.default_retention).and_then(|kept| {
            let days = kept.days.or(kept.years.map(|years| years.saturating_mul(365)))?;
            Some(ObjectLock { mode: kept.mode?.as_str().to_owned(), days })
        }),
        versioning: Some(versioning.status == Some(BucketVersioningStatus::Enabled)),
        block_public_access: Some(public.is_some_and(|p| {
            yes(p.block_public_acls) && yes(p.ignore_public_acls) && yes(p.block_public_policy) && yes(p.restrict_public_buckets)
        })),
        ownership: ownership.and_then(|o| Some(o.rules.first()?.object_ownership.as_str().to_owned())),
        encryption: encryption.and_then(|a| a.server_side_encryption_configuration).and_then(|c| {
            let rule = c.rules.into_iter().next()?;
            let by_default = rule.apply_server_side_encryption_by_default?;
            Some(Encryption {
                algorithm: by_default.sse_algorithm.as_str().to_owned(),
                key: by_default.kms_master_key_id.map(|arn| Ref::<Key>::physical(arn).attr("arn").to_string()),
                bucket_key: rule.bucket_key_enabled,
            })
        }),
        lifecycle: lifecycle
            .into_iter()
            .flat_map(|a| a.rules.unwrap_or_default())
            .filter_map(|r| LifecycleRule::read(&r))
            .collect(),
        cors: cors.map(|answer| cors::read(answer.cors_rules())).unwrap_or_default(),
        website: website.map_or_else(Website::default, |w| Website {
            index: w.index_document().map(|i| i.suffix().to_owned()),
            error: w.error_document().map(|e| e.key().to_owned()),
            redirect: w.redirect_all_requests_to().map(|r| r.host_name().to_owned()),
        }),
        tags: candidate.tags.clone(),
    }))
}

impl Bucket {
    fn encryption(&self) -> Result<Option<ServerSideEncryptionConfiguration>> {
        let Some(wanted) = &self.encryption else { return Ok(None) };
        let by_default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::from(wanted.algorithm.as_str()))
            .set_kms_master_key_id(wanted.key.clone());
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(built(by_default.build())?)
            .set_bucket_key_enabled(wanted.bucket_key);
        built(ServerSideEncryptionConfiguration::builder().rules(rule.build()).build()).map(Some)
    }
}

impl Bucket {
    /// Checks whether the bucket has anything that a digest would prove ([`Resource::PROVEN`]).
    pub(super) fn has_proven(&self) -> bool {
        let Website { index, error, redirect } = &self.website;
        !self.cors.is_empty() || index.is_some() || error.is_some() || redirect.is_some()
    }

    fn website(&self) -> Result<Option<WebsiteConfiguration>> {
        let Website { index, error, redirect } = &self.website;
        if index.is_none() && error.is_none() && redirect.is_none() {
            return Ok(None);
        }
        let index = index.as_ref().map(|suffix| built(IndexDocument::builder().suffix(suffix).build())).transpose()?;
        let error = error.as_ref().map(|key| built(ErrorDocument::builder().key(key).build())).transpose()?;
        let elsewhere = |host: &String| built(RedirectAllRequestsTo::builder().host_name(host).build());
        let redirect = redirect.as_ref().map(elsewhere).transpose()?;
        let all = WebsiteConfiguration::builder().set_index_document(index).set_error_document(error);
        Ok(Some(all.set_redirect_all_requests_to(redirect).build()))
    }
}

/// Returns that a lock in compliance mode cannot be undone.
fn locks(desired: &Value) -> Option<Effect> {
    let lock = desired.get("object_lock").filter(|lock| lock["mode"] == "COMPLIANCE")?;
    let days = crate::aws::states::days(lock["days"].as_u64().unwrap_or_default());
    let words = format!("no one can delete what is written into it for {days}, AWS included, nor the bucket meanwhile");
    Some(Effect::new(Impact::CannotBeUndone, words).with_consent())
}

impl Resource for Bucket {
    const KIND: &'static str = "s3.bucket";
    const RULES: &'static [Rule] = &[
        Rule::after_create("versioning"),
        Rule::after_create("object_lock"),
        Rule::after_create("block_public_access"),
        Rule::after_create("encryption"),
        Rule::takes("encryption.key", &[("kms.key", "arn")]),
        Rule::after_create("lifecycle"),
        Rule::exact("lifecycle"),
        Rule::exact("lifecycle.*"),
        Rule::after_create("cors"),
        Rule::exact("cors"),
        Rule::exact("cors.*"),
        Rule::set("cors.*.origins"),
        Rule::set("cors.*.methods"),
        Rule::set("cors.*.headers"),
        Rule::set("cors.*.expose"),
        Rule::unit("cors.*.max_age_seconds", "s"),
        Rule::after_create("website"),
        Rule::exact("website"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(3, 3);
    const HOLDS_DATA: bool = true;
    const PROVEN: &'static [&'static str] = &["cors", "website"];
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        let lock = self.object_lock.as_ref()?;
        if self.versioning != Some(true) {
            return Some(("object_lock", "only a bucket with `versioning: true` can have a lock".into()));
        }
        (!(1..=36_500).contains(&lock.days)).then(|| ("object_lock", "days of a lock are from 1 to 36500".into()))
    }

    fn creating(desired: &Value) -> Vec<Effect> {
        locks(desired).into_iter().collect()
    }

    /// Returns the effects of a change. Lifecycle rules apply to existing objects too
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-expire-general-considerations.html>).
    fn effects(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        let mut out: Vec<Effect> = locks(desired).filter(|_| diff.touches("object_lock")).into_iter().collect();
        for (name, rule) in desired["lifecycle"].as_object().into_iter().flatten() {
            if !diff.touches(&format!("lifecycle.{name}")) {
                continue;
            }
            for (field, what) in [("expire_after", "objects"), ("expire_versions_after", "old versions of objects")] {
                let days = |rule: &Value| rule[field].as_i64();
                let Some(to) = days(rule) else { continue };
                if days(&observed["lifecycle"][name])
                    .is_none_or(|from| to < from || rule["prefix"] != observed["lifecycle"][name]["prefix"])
                {
                    let below = rule["prefix"].as_str().map(|prefix| format!(" under `{prefix}`")).unwrap_or_default();
                    out.push(Effect::new(
                        Impact::LosesData,
                        format!("{what}{below} older than {} are deleted", crate::aws::states::days(to)),
                    ));
                }
            }
        }
        out
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let candidates = candidates(cx).await?;
        let quick = tag_index::of(cx, "s3").await.is_some();
        let settled = |candidate: &&Candidate| cx.reads.settled().contains(&Live::named(&cx.scope, &candidate.name).arn);
        let asked = candidates.iter().filter(|candidate| !settled(candidate));
        let found = try_join_all(asked.map(|candidate| async move {
            let ours = candidate.claim.name().is_some();
            let fields = if ours {
                read(cx, candidate).await?
            } else {
                Some(Bucket { tags: candidate.tags.clone(), ..Bucket::default() })
            };
            let mut live = Live::named(&cx.scope, &candidate.name);
            live.unread = quick && ours && candidate.tags.contains_key(TAG_DIGEST);
            let claim = candidate.claim.clone();
            Ok::<_, Error>(fields.map(|fields| Observed { claim, live, fields, state: Readiness::Ready }))
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let name = name(cx);
        let mut tags = self.tags.clone();
        if self.has_proven() {
            tags.insert(TAG_DIGEST.to_owned(), retag::UNPROVEN.to_owned());
        }
        let mut place = CreateBucketConfiguration::builder().set_tags(Some(to_sdk(&tags)?));
        if cx.scope.region != FIRST_REGION {
            place = place.location_constraint(BucketLocationConstraint::from(cx.scope.region.as_str()));
        }
        let call = cx.cloud.s3.create_bucket().bucket(&name).create_bucket_configuration(place.build());
        let call = call.set_object_ownership(self.ownership.as_deref().map(ObjectOwnership::from));
        call.send().await.map_err(failed("s3:CreateBucket")).map_err(|e| {
            if e.class == Class::Denied {
                e.hint("the tags in this call need `s3:TagResource` besides `s3:CreateBucket`: older policies lack it")
            } else if e.class == Class::Exists {
                e.hint(format!(
                    "bucket names are globally unique, and `{name}` is taken: choose another name for the stack or the bucket"
                ))
            } else {
                e
            }
        })?;
        Ok(Live::named(&cx.scope, &name))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let (s3, name, owner) = (&cx.cloud.s3, &live.name, &cx.scope.account);
        let proves = Self::PROVEN.iter().any(|field| diff.touches(field));
        if proves {
            retag::before(cx, name).await?;
        }
        if let (true, Some(block)) = (diff.touches("block_public_access"), self.block_public_access) {
            let all = PublicAccessBlockConfiguration::builder().block_public_acls(block).ignore_public_acls(block);
            let all = all.block_public_policy(block).restrict_public_buckets(block).build();
            let call =
                s3.put_public_access_block().bucket(name).expected_bucket_owner(owner).public_access_block_configuration(all);
            call.send().await.map_err(failed("s3:PutPublicAccessBlock"))?;
        }
        if let (true, Some(ownership)) = (diff.touches("ownership"), &self.ownership) {
            let rule = OwnershipControlsRule::builder().object_ownership(ObjectOwnership::from(ownership.as_str()));
            let controls = built(OwnershipControls::builder().rules(built(rule.build())?).build())?;
            let call = s3.put_bucket_ownership_controls().bucket(name).expected_bucket_owner(owner).ownership_controls(controls);
            call.send().await.map_err(failed("s3:PutBucketOwnershipControls"))?;
        }
        if let (true, Some(encryption)) = (diff.touches("encryption"), self.encryption()?) {
            let call = s3
                .put_bucket_encryption()
                .bucket(name)
                .expected_bucket_owner(owner)
                .server_side_encryption_configuration(encryption);
            call.send().await.map_err(failed("s3:PutBucketEncryption"))?;
        }
        if let (true, Some(on)) = (diff.touches("versioning"), self.versioning) {
            let status = if on { BucketVersioningStatus::Enabled } else { BucketVersioningStatus::Suspended };
            let call = s3.put_bucket_versioning().bucket(name).expected_bucket_owner(owner);
            let call = call.versioning_configuration(VersioningConfiguration::builder().status(status).build());
            call.send().await.map_err(failed("s3:PutBucketVersioning"))?;
        }
        // Versions come first (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLockConfiguration.html>).
        if let (true, Some(lock)) = (diff.touches("object_lock"), &self.object_lock) {
            let kept =
                DefaultRetention::builder().mode(ObjectLockRetentionMode::from(lock.mode.as_str())).days(lock.days).build();
            let rule = ObjectLockRule::builder().default_retention(kept).build();
            let all = ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled).rule(rule).build();
            let call = s3.put_object_lock_configuration().bucket(name).expected_bucket_owner(owner);
            call.object_lock_configuration(all).send().await.map_err(failed("s3:PutObjectLockConfiguration"))?;
        }
        if diff.touches("lifecycle") && self.lifecycle.is_empty() {
            let call = s3.delete_bucket_lifecycle().bucket(name).expected_bucket_owner(owner);
            call.send().await.map_err(failed("s3:DeleteBucketLifecycle"))?;
        } else if diff.touches("lifecycle") {
            let call = s3.put_bucket_lifecycle_configuration().bucket(name).expected_bucket_owner(owner);
            let call = call.lifecycle_configuration(configuration(&self.lifecycle)?);
            call.send().await.map_err(failed("s3:PutBucketLifecycleConfiguration"))?;
        }
        if diff.touches("website") {
            match self.website()? {
                Some(website) => {
                    let call = s3.put_bucket_website().bucket(name).expected_bucket_owner(owner).website_configuration(website);
                    call.send().await.map_err(failed("s3:PutBucketWebsite"))?;
                }
                None => {
                    let call = s3.delete_bucket_website().bucket(name).expected_bucket_owner(owner);
                    call.send().await.map_err(failed("s3:DeleteBucketWebsite"))?;
                }
            }
        }
        if diff.touches("cors") {
            cors::write(cx, name, &self.cors).await?;
        }
        let proof = match (proves, self.has_proven()) {
            (false, _) => Proof::Same,
            (true, true) => Proof::Is(digest(&live.arn, self)?),
            (true, false) => Proof::None,
        };
        retag::after(cx, name, TagEdit::of(diff, &self.tags), proof).await?;
        Ok(live.clone())
    }

    /// Deletes an empty bucket at once. Others are emptied step by step while the engine polls.
    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        match emptying::delete(cx, &live.name).await {
            Err(e) if e.is(emptying::NOT_EMPTY) && cx.loses_data => Ok(()),
            Err(e) if e.is(emptying::NOT_EMPTY) => Err(Error { class: Class::Blocked, ..e }.hint(
                "it was empty when the plan was made, so there is no consent to lose what is in it now: check its contents, then plan again",
            )),
            other => other,
        }
    }

    /// Returns what its lock keeps: S3 deletes no version before its time, in governance mode only for those who may bypass that.
    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let call = cx.cloud.s3.get_object_lock_configuration().bucket(&live.name).expected_bucket_owner(&cx.scope.account);
        let Some(answer) = set(call.send().await.map_err(failed("s3:GetObjectLockConfiguration")))? else {
            return Ok(Vec::new());
        };
        let kept = answer.object_lock_configuration.and_then(|lock| lock.rule?.default_retention);
        let Some(kept) = kept.filter(|kept| kept.mode.is_some()) else { return Ok(Vec::new()) };
        if emptying::is_empty(cx, &live.name).await? {
            return Ok(Vec::new());
        }
        let mode = kept.mode.map(|mode| mode.as_str().to_lowercase()).unwrap_or_default();
        let days = kept.days.or(kept.years.map(|years| years.saturating_mul(365))).unwrap_or_default();
        let what = format!(
            "objects that its lock ({mode}) keeps for {} from when each was written",
            crate::aws::states::days(u64::try_from(days).unwrap_or_default())
        );
        Ok(vec![Blocker { what, passing: false }])
    }

    async fn is_empty(cx: &Cx, live: &Live) -> Result<bool> {
        emptying::is_empty(cx, &live.name).await
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        emptying::step(cx, &live.name).await
    }
}

impl AwsKind for Bucket {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &[
            "s3:CreateBucket",
            "s3:TagResource",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketVersioning",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
        ],
        update: &[
            "s3:PutBucketTagging",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketVersioning",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutEncryptionConfiguration",
            "s3:PutBucketWebsite",
            "s3:DeleteBucketWebsite",
            "s3:PutBucketCORS",
            "s3:PutLifecycleConfiguration",
        ],
        delete: &["s3:DeleteBucket", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload"],
    };
    const SPELLING: &'static [Spelling] = &[
        ("encryption.algorithm", How::Word(&["AES256", "aws:kms", "aws:kms:dsse"])),
        ("lifecycle.*.prefix", How::Empty),
        ("object_lock.mode", How::Word(&["GOVERNANCE", "COMPLIANCE"])),
        ("ownership", How::Word(&["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"])),
    ];

    fn spell(object: &mut Value, wrong: &mut Vec<Wrong>) {
        super::lifecycle::spell(object, wrong);
        cors::spell(object, wrong);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::diff;

    #[test]
    fn a_rule_that_deletes_sooner_or_more_is_told() {
        let told = |rule: Value| {
            let observed = json!({"lifecycle": {"r": {"expire_after": 30, "prefix": "a/"}}});
            let desired = json!({"lifecycle": {"r": rule}});
            let diff = diff(Bucket::RULES, &desired, &observed, &Default::default());
            Bucket::effects(&desired, &observed, &diff).into_iter().map(|e| (e.impact, e.words)).collect::<Vec<_>>()
        };
        let loses = |words: &str| vec![(Impact::LosesData, words.to_owned())];
        assert_eq!(told(json!({"expire_after": 7, "prefix": "a/"})), loses("objects under `a/` older than 7 days are deleted"));
        assert_eq!(told(json!({"expire_after": 30})), loses("objects older than 30 days are deleted"));
        let versions = json!({"expire_after": 30, "prefix": "a/", "expire_versions_after": 5});
        assert_eq!(told(versions), loses("old versions of objects under `a/` older than 5 days are deleted"));
        assert_eq!(told(json!({"expire_after": 60, "prefix": "a/"})), []);
        assert_eq!(told(json!({"expire_after": 30, "prefix": "a/"})), []);
    }
}
