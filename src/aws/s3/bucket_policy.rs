use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Bucket, candidates};
use crate::aws::cloudfront::Distribution;
use crate::aws::ownership::mark::Mark;
use crate::aws::s3::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Class, Diff, Observed, Readiness, Ref, Resource, Result, Rule};

/// Who can do what with a bucket. A bucket has at most one policy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketPolicy {
    /// The bucket.
    pub bucket: Ref<Bucket>,
    /// The policy document.
    pub policy: Value,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The bucket's name.
    pub id: String,
}

/// Returns the document with its distributions as references: by these a policy is deleted before the distributions.
fn linked(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains(":cloudfront::") && text.contains(":distribution/") => {
            Value::String(Ref::<Distribution>::physical(text).attr("arn").to_string())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(linked).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, linked(value))).collect()),
        other => other,
    }
}

impl Resource for BucketPolicy {
    const KIND: &'static str = "s3.bucket_policy";
    const RULES: &'static [Rule] =
        &[Rule::immutable("bucket"), Rule::identity("bucket"), Rule::enables("bucket"), Rule::policy("policy")];
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let candidates = candidates(cx).await?;
        let ours = candidates.iter().filter(|c| c.claim.name().is_some());
        let found = try_join_all(ours.map(|candidate| async move {
            let call = cx.cloud.s3.get_bucket_policy().bucket(&candidate.name).expected_bucket_owner(&cx.scope.account);
            let text = match call.send().await.map_err(failed("s3:GetBucketPolicy")) {
                Ok(answer) => answer.policy.unwrap_or_default(),
                Err(e) if e.class == Class::NotFound => return Ok(None),
                Err(e) => return Err(e),
            };
            let policy = serde_json::from_str(&text).map_or(Value::String(text), linked);
            Ok(Some(Observed {
                // The bucket is the stack's alone, and so is its policy.
                claim: Claim::Stray,
                live: Live { id: candidate.name.clone() },
                fields: BucketPolicy { bucket: Ref::physical(&candidate.name), policy },
                state: Readiness::Ready,
            }))
        }))
        .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let bucket = self.bucket.id()?;
        let call = cx
            .cloud
            .s3
            .put_bucket_policy()
            .bucket(bucket)
            .expected_bucket_owner(&cx.scope.account)
            .policy(self.policy.to_string());
        call.send().await.map_err(failed("s3:PutBucketPolicy"))?;
        Ok(Live { id: bucket.to_owned() })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches("policy") {
            self.create(cx).await?;
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        cx.cloud
            .s3
            .delete_bucket_policy()
            .bucket(&live.id)
            .expected_bucket_owner(&cx.scope.account)
            .send()
            .await
            .map_err(failed("s3:DeleteBucketPolicy"))?;
        Ok(())
    }
}

impl AwsKind for BucketPolicy {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions =
        Actions { create: &["s3:PutBucketPolicy"], update: &["s3:PutBucketPolicy"], delete: &["s3:DeleteBucketPolicy"] };
}
