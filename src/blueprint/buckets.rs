//! `buckets`: what the application keeps in S3, and what services may do with it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::access_logs::{encryption, only_with_tls};
use super::archive::{days, moving};
use super::keys::Keys;
use super::policies::{allow, policy};
use super::uses::variable;
use crate::aws::Tags;
use crate::aws::s3::{self, Bucket, BucketPolicy, CorsRule, LifecycleRule, Website};
use crate::config::Stack;
use crate::config::buckets::{BucketSection, Cors, Versions};
use crate::config::service::{BucketAccess, Service as Section};
use crate::engine::{Error, Graph, Ref, Scope};

/// Days after which an upload in parts is given up.
const UPLOADS: i32 = 7;
/// What the rules of a bucket are called.
const TIDY: &str = "tidy";
const EXPIRE: &str = "expire";
/// As the section `archive` calls its rule in other buckets.
const ARCHIVE: &str = super::archive::NAME;
const CORS: &str = "app";

/// A bucket of the section, as services need it.
pub struct Stored {
    bucket: Ref<Bucket>,
    /// The ARN of the KMS key, if there is one.
    key: Option<String>,
}

/// The buckets of the section, by name.
pub type Buckets = BTreeMap<String, Stored>;

/// Adds the buckets with their policies.
pub fn expand(graph: &mut Graph, stack: &Stack, keys: &Keys) -> Result<Buckets, Error> {
    let mut out = Buckets::new();
    for (name, section) in &stack.buckets {
        let origin = format!("buckets.{name}");
        let name = name.as_str();
        let key = keys.arn(section.key.as_deref());
        let bucket = Bucket {
            versioning: Some(section.versions != Versions::Off),
            object_lock: None,
            block_public_access: Some(true),
            ownership: Some("BucketOwnerEnforced".into()),
            encryption: Some(encryption(key.clone())),
            lifecycle: lifecycle(section),
            cors: section.cors.iter().map(|cors| (CORS.to_owned(), rule(cors))).collect(),
            website: Website::default(),
            tags: Tags::new(),
        };
        let bucket = graph.add(name, &origin, &bucket)?;
        let statements = vec![only_with_tls(&bucket)];
        graph.add(name, &origin, &BucketPolicy { bucket: bucket.clone(), policy: policy(statements) })?;
        out.insert(name.to_owned(), Stored { bucket, key });
    }
    Ok(out)
}

/// Returns the rules: old versions and uploads that were given up are deleted, and what the section says of objects.
fn lifecycle(section: &BucketSection) -> BTreeMap<String, LifecycleRule> {
    let tidy = LifecycleRule {
        abort_uploads_after: Some(UPLOADS),
        // What was kept before versions were turned off.
        expire_versions_after: Some(match section.versions {
            Versions::Off => 1,
            Versions::Days(days) => i32::from(days),
        }),
        drop_delete_markers: true,
        ..LifecycleRule::default()
    };
    let mut rules = BTreeMap::from([(TIDY.to_owned(), tidy)]);
    if let Some(time) = section.expire {
        rules.insert(EXPIRE.to_owned(), LifecycleRule { expire_after: Some(days(time)), ..LifecycleRule::default() });
    }
    if let Some(of) = &section.archive {
        rules.insert(ARCHIVE.to_owned(), moving(of.prefix.as_deref(), of.after, of.to, of.delete_after));
    }
    rules
}

fn rule(cors: &Cors) -> CorsRule {
    CorsRule {
        origins: cors.origins.clone(),
        methods: cors.methods.iter().map(|method| method.as_str().to_owned()).collect(),
        headers: cors.headers.clone(),
        expose: cors.expose.clone(),
        max_age_seconds: Some(i32::try_from(cors.max_age.as_secs()).unwrap_or(i32::MAX)),
    }
}

/// Returns the variables of a service: the name in AWS of each of its buckets.
pub fn variables<'a>(section: &'a Section, buckets: &'a Buckets) -> impl Iterator<Item = (String, String)> + 'a {
    let of = |name: &str| Some((variable("bucket", name, "name"), buckets.get(name)?.bucket.clone().attr("name").to_string()));
    section.buckets.keys().filter_map(move |name| of(name.as_str()))
}

/// Returns what the program of a service may do with its buckets, and with their keys through S3; nothing without buckets.
///
/// With a bucket key, S3 names the bucket in the encryption context, and without one the object
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html>). An upload in parts also decrypts
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions>).
pub fn permissions(section: &Section, buckets: &Buckets, scope: &Scope) -> Option<Value> {
    let mut statements = Vec::new();
    for (name, access) in &section.buckets {
        let Some(Stored { bucket, key }) = buckets.get(name.as_str()) else { continue };
        let arn = bucket.clone().attr("arn").to_string();
        let (objects, keys): (&[&str], &[&str]) = match access {
            BucketAccess::Read => (&["s3:GetObject"], &["kms:Decrypt"]),
            BucketAccess::ReadWrite => (
                &["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                &["kms:Decrypt", "kms:GenerateDataKey"],
            ),
        };
        statements.push(allow(&["s3:ListBucket"], vec![arn.clone()]));
        statements.push(allow(objects, vec![format!("{arn}/*")]));
        if let Some(key) = key {
            let mut uses = allow(keys, vec![key.clone()]);
            uses["Condition"] = json!({
                "StringEquals": {"kms:ViaService": format!("s3.{}.{}", scope.region, s3::domain(&scope.partition))},
                "ArnLike": {"kms:EncryptionContext:aws:s3:arn": [arn, format!("{arn}/*")]},
            });
            statements.push(uses);
        }
    }
    (!statements.is_empty()).then(|| policy(statements))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: serde_json::Value) -> BucketSection {
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn objects_expire_and_move_as_the_section_says() {
        let plain = lifecycle(&section(json!({})));
        assert_eq!(plain.keys().collect::<Vec<_>>(), [TIDY]);
        assert_eq!((plain[TIDY].expire_versions_after, plain[TIDY].abort_uploads_after), (Some(30), Some(7)));
        let all = json!({"versions": "off", "expire": "365d", "archive": {"after": "90d", "to": "glacier", "prefix": "a/"}});
        let all = lifecycle(&section(all));
        assert_eq!((all[TIDY].expire_versions_after, all[EXPIRE].expire_after), (Some(1), Some(365)));
        assert_eq!((all[ARCHIVE].prefix.as_deref(), all[ARCHIVE].move_after["GLACIER"]), (Some("a/"), 90));
    }

    #[test]
    fn a_service_gets_its_buckets_and_no_others() {
        let stored =
            |name: &str, key: Option<&str>| (name.to_owned(), Stored { bucket: Ref::to(name), key: key.map(str::to_owned) });
        let buckets = Buckets::from([stored("uploads", Some("KEY")), stored("invoices", None), stored("other", None)]);
        let scope = Scope {
            stack: "shop".into(),
            env: "default".into(),
            region: "eu-west-1".into(),
            account: "123456789012".into(),
            partition: "aws".into(),
        };
        let service = |buckets: serde_json::Value| -> Section {
            serde_json::from_value(json!({"image": "i", "buckets": buckets})).unwrap()
        };
        assert_eq!(permissions(&service(json!({})), &buckets, &scope), None);
        let both = service(json!({"uploads": "read-write", "invoices": "read"}));
        let document = permissions(&both, &buckets, &scope).unwrap();
        assert!(!document.to_string().contains("other"), "{document:#}");
        let statements = document["Statement"].as_array().unwrap();
        let actions: Vec<&serde_json::Value> = statements.iter().map(|statement| &statement["Action"]).collect();
        assert_eq!(
            json!(actions),
            json!([
                ["s3:ListBucket"],
                ["s3:GetObject"],
                ["s3:ListBucket"],
                ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                ["kms:Decrypt", "kms:GenerateDataKey"],
            ])
        );
        assert_eq!(statements[4]["Resource"], json!(["KEY"]));
        assert_eq!(statements[4]["Condition"]["StringEquals"]["kms:ViaService"], "s3.eu-west-1.amazonaws.com");
        let variables: Vec<String> = variables(&both, &buckets).map(|(name, _)| name).collect();
        assert_eq!(variables, ["BUCKET_INVOICES_NAME", "BUCKET_UPLOADS_NAME"]);
    }
}
