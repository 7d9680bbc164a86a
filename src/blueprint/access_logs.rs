//! The buckets that requests are logged to: the load balancer's and the CDN's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::facts::Facts;
use super::policies::policy as document;
use crate::aws::Tags;
use crate::aws::s3::{Bucket, BucketPolicy, Encryption, LifecycleRule, Website};
use crate::config::Retention;
use crate::engine::{Error, Graph, Ref};

/// A bucket for logs, and its policy.
pub struct LogBucket {
    /// The bucket.
    pub bucket: Ref<Bucket>,
    /// Who may write to it.
    pub policy: Ref<BucketPolicy>,
}

/// Adds a bucket for logs that are deleted after `kept`. `writers` are the statements of its policy beside the one that requires TLS.
///
/// What was written over or deleted by hand stays for a day.
pub fn bucket(
    graph: &mut Graph,
    name: &str,
    origin: &str,
    ownership: &str,
    how: Encryption,
    kept: Retention,
    writers: impl FnOnce(&Ref<Bucket>) -> Vec<Value>,
) -> Result<LogBucket, Error> {
    let tidy = LifecycleRule {
        abort_uploads_after: Some(7),
        expire_versions_after: Some(1),
        drop_delete_markers: true,
        ..LifecycleRule::default()
    };
    let mut lifecycle = BTreeMap::from([("tidy".to_owned(), tidy)]);
    if let Some(days) = kept.days() {
        lifecycle.insert("expire".to_owned(), LifecycleRule { expire_after: Some(i32::from(days)), ..LifecycleRule::default() });
    }
    let bucket = Bucket {
        versioning: Some(true),
        block_public_access: Some(true),
        ownership: Some(ownership.into()),
        encryption: Some(how),
        lifecycle,
        object_lock: None,
        cors: BTreeMap::new(),
        website: Website::default(),
        tags: Tags::new(),
    };
    let bucket = graph.add(name, origin, &bucket)?;
    let statements = std::iter::once(only_with_tls(&bucket)).chain(writers(&bucket)).collect();
    let policy = graph.add(name, origin, &BucketPolicy { bucket: bucket.clone(), policy: document(statements) })?;
    Ok(LogBucket { bucket, policy })
}

/// Returns the encryption of a bucket with a key of KMS, by its ARN, or with S3's own keys.
pub fn encryption(key: Option<String>) -> Encryption {
    // One key for the whole bucket: not each object costs a call of KMS.
    let algorithm = if key.is_some() { "aws:kms" } else { "AES256" };
    Encryption { algorithm: algorithm.into(), bucket_key: key.is_some().then_some(true), key }
}

/// Returns the statement that refuses requests without TLS.
pub fn only_with_tls(bucket: &Ref<Bucket>) -> Value {
    let arn = bucket.clone().attr("arn").to_string();
    json!({
        "Sid": "OnlyWithTls", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, format!("{arn}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    })
}

/// How much of the stack's name the name of a load balancer keeps at least (see [`crate::aws::ownership::names`]).
const KEPT: usize = 25;

/// Returns the statement that lets this stack's load balancers write their logs under `prefix`, and no others
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html#attach-bucket-policy>).
pub fn balancers_write(bucket: &Ref<Bucket>, prefix: &str, facts: &Facts<'_>) -> Value {
    let scope = facts.scope;
    let named: String = scope.prefix().chars().take(KEPT).collect();
    let named = named.trim_end_matches('-');
    let balancers = ["/*", "-*"].map(|rest| {
        let (partition, region, account) = (&scope.partition, &scope.region, &scope.account);
        format!("arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/app/{named}{rest}")
    });
    json!({
        "Sid": "LoadBalancerWrites", "Effect": "Allow", "Action": "s3:PutObject",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Resource": format!("{}/{prefix}/AWSLogs/{}/*", bucket.clone().attr("arn"), scope.account),
        "Condition": {"ArnLike": {"aws:SourceArn": balancers}},
    })
}
