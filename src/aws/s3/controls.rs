//! The controls of buckets: <https://docs.aws.amazon.com/securityhub/latest/userguide/s3-controls.html>.

use serde_json::Value;

use super::{Bucket, BucketPolicy};
use crate::aws::control::Severity::{Critical, High, Low, Medium};
use crate::aws::control::{Breach, Control, View, policies};
use crate::engine::{Key, Result};

/// What no other account may do with a bucket (S3.6).
const DENIED_TO_OTHERS: [&str; 5] =
    ["s3:DeleteBucketPolicy", "s3:PutBucketAcl", "s3:PutBucketPolicy", "s3:PutEncryptionConfiguration", "s3:PutObjectAcl"];

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "S3.2",
        Critical,
        (
            "No anonymous read access to buckets",
            "the bucket's contents are then public, and will be found",
            "set `block_public_access: true`, or name who may read in the policy",
        ),
        |view| public(view, &["Get", "List"], "anyone can read it"),
    ),
    Control::new(
        "S3.3",
        Critical,
        (
            "No anonymous write access to buckets",
            "anyone can then replace what others trust, and fill the bucket at your cost",
            "set `block_public_access: true`, or name who may write in the policy",
        ),
        |view| public(view, &["Put", "Delete", "Abort"], "anyone can write to it"),
    ),
    Control::new(
        "S3.5",
        Medium,
        (
            "Buckets refuse requests without TLS",
            "without it, data is sent unencrypted",
            "add an `s3.bucket_policy` that denies all actions when `aws:SecureTransport` is `false`",
        ),
        no_tls,
    ),
    Control::new(
        "S3.6",
        High,
        (
            "No other account can change who may use a bucket",
            "anyone with access to that account can then open your buckets",
            "remove these actions from the statement for the other account",
        ),
        others,
    ),
    Control::new(
        "S3.8",
        High,
        (
            "Buckets block public access",
            "without it, one wrong policy or ACL makes a bucket public",
            "set `block_public_access: true`",
        ),
        |view| {
            buckets(
                view,
                // What AWS has for a new bucket, since April 2023; of one that runs it is known.
                |b| b.block_public_access != Some(false),
                "public access is not blocked",
                Some(("block_public_access", true.into())),
            )
        },
    ),
    Control::new(
        "S3.9",
        Medium,
        (
            "Access to buckets is logged",
            "without logs, it cannot be reconstructed who read what",
            "turn on server access logs of the bucket; the bucket with the logs itself is an exception",
        ),
        unlogged,
    )
    .extra(),
    Control::new(
        "S3.10",
        Medium,
        (
            "Old versions of objects are deleted eventually",
            "a bucket with versions only grows",
            "add a rule with `expire_versions_after` to `lifecycle`",
        ),
        |view| buckets(view, |b| b.versioning != Some(true) || !b.lifecycle.is_empty(), "it keeps every version forever", None),
    )
    .other(),
    Control::new(
        "S3.12",
        Medium,
        (
            "Objects have no access lists of their own",
            "an access list opens one object, and the policy does not show it",
            "set `ownership: BucketOwnerEnforced`",
        ),
        |view| {
            // What AWS has for a new bucket.
            let right = |b: &Bucket| matches!(b.ownership.as_deref(), None | Some("BucketOwnerEnforced"));
            buckets(view, right, "access lists can open its objects", Some(("ownership", "BucketOwnerEnforced".into())))
        },
    ),
    Control::new(
        "S3.13",
        Low,
        (
            "Buckets say how long objects are kept",
            "data is kept longer than it is needed, or than the law permits",
            "add a rule to `lifecycle`, such as `expire_after` or `abort_uploads_after`",
        ),
        |view| buckets(view, |b| !b.lifecycle.is_empty(), "it has no lifecycle rule", None),
    ),
    Control::new(
        "S3.14",
        Low,
        (
            "Buckets keep old versions of objects",
            "without them, what is overwritten or deleted by mistake is lost",
            "set `versioning: true`",
        ),
        |view| buckets(view, |b| b.versioning == Some(true), "it keeps no versions", Some(("versioning", true.into()))),
    )
    .other(),
    Control::new(
        "S3.17",
        Medium,
        (
            "Buckets are encrypted with a key of KMS",
            "anyone who may read the bucket can read its contents: no key's policy limits it",
            "set `encryption: { algorithm: aws:kms }`",
        ),
        |view| {
            let right = |b: &Bucket| b.encryption.as_ref().is_some_and(|e| e.algorithm.starts_with("aws:kms"));
            buckets(view, right, "it is encrypted with S3's own key", None)
        },
    )
    .other(),
];

fn buckets(view: &View, right: impl Fn(&Bucket) -> bool, what: &str, fix: Option<(&'static str, Value)>) -> Result<Vec<Breach>> {
    let all = view.all::<Bucket>()?.into_iter().filter(|(_, bucket)| !right(bucket));
    Ok(all
        .map(|(key, _)| {
            let breach = Breach::new(key, what);
            match &fix {
                Some((field, value)) => breach.fix(&[*field], value.clone()),
                None => breach,
            }
        })
        .collect())
}

/// Returns the policies with the buckets that they are of.
fn documents(view: &View) -> Result<Vec<(&Key, Option<Key>, Value)>> {
    Ok(view.all::<BucketPolicy>()?.into_iter().map(|(key, policy)| (key, view.target(&policy.bucket), policy.policy)).collect())
}

fn public(view: &View, actions: &[&str], what: &str) -> Result<Vec<Breach>> {
    let blocked: Vec<&Key> = view
        .all::<Bucket>()?
        .into_iter()
        .filter(|(_, bucket)| bucket.block_public_access == Some(true))
        .map(|(key, _)| key)
        .collect();
    let open = documents(view)?.into_iter().filter(|(_, bucket, policy)| {
        policies::is_public(policy, actions) && !bucket.as_ref().is_some_and(|bucket| blocked.contains(&bucket))
    });
    Ok(open.map(|(key, bucket, _)| Breach::new(bucket.as_ref().unwrap_or(key), what)).collect())
}

fn no_tls(view: &View) -> Result<Vec<Breach>> {
    let policies = documents(view)?;
    let refuses =
        |key: &Key| policies.iter().any(|(_, bucket, policy)| bucket.as_ref() == Some(key) && policies::requires_tls(policy));
    let all = view.all::<Bucket>()?.into_iter().filter(|(key, _)| !refuses(key));
    Ok(all.map(|(key, _)| Breach::new(key, "it accepts requests without TLS")).collect())
}

fn others(view: &View) -> Result<Vec<Breach>> {
    let mut out = Vec::new();
    for (key, bucket, policy) in documents(view)? {
        let allowed = policies::allowed_elsewhere(&policy, &DENIED_TO_OTHERS, view.account());
        if let Some(action) = allowed.first() {
            out.push(Breach::new(bucket.as_ref().unwrap_or(key), format!("its policy allows `{action}` to another account")));
        }
    }
    Ok(out)
}

fn unlogged(view: &View) -> Result<Vec<Breach>> {
    let all = view.raw("s3.bucket").filter(|bucket| bucket.fields["logging"].is_null());
    Ok(all.map(|bucket| Breach::new(&bucket.key, "access to it is not logged")).collect())
}
