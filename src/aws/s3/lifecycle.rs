use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration,
    LifecycleRule as SdkRule, LifecycleRuleFilter, NoncurrentVersionExpiration, Transition, TransitionStorageClass,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::built;
use crate::aws::spelling::{Wrong, word};
use crate::engine::Result;

/// What happens to a bucket's objects over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecycleRule {
    /// What the keys of the objects start with. Left out: all objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Days after which an unfinished upload is removed. Left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_uploads_after: Option<i32>,
    /// Days after which an object is deleted. Left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<i32>,
    /// Days after which an old version of an object is deleted. Left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_versions_after: Option<i32>,
    /// Whether the marker of a deleted object is removed with its last version. Left out: it is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_delete_markers: bool,
    /// Days after which an object moves to another storage class, by class: `GLACIER: 30`. Left out: it does not move.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub move_after: BTreeMap<String, i32>,
}

impl LifecycleRule {
    /// Reads a rule as AWS returns it, with its name; disabled ones count as none.
    pub(super) fn read(rule: &SdkRule) -> Option<(String, LifecycleRule)> {
        if rule.status() != &ExpirationStatus::Enabled {
            return None;
        }
        let expiration = rule.expiration();
        // The second place is that of rules from before there were filters.
        #[allow(deprecated)]
        let prefix = rule.filter().and_then(|f| f.prefix()).or(rule.prefix()).filter(|p| !p.is_empty());
        let moves = rule.transitions().iter().filter_map(|t| Some((t.storage_class()?.as_str().to_owned(), t.days()?)));
        let read = LifecycleRule {
            prefix: prefix.map(str::to_owned),
            abort_uploads_after: rule.abort_incomplete_multipart_upload().and_then(|a| a.days_after_initiation()),
            expire_after: expiration.and_then(|e| e.days()),
            expire_versions_after: rule.noncurrent_version_expiration().and_then(|e| e.noncurrent_days()),
            drop_delete_markers: expiration.and_then(|e| e.expired_object_delete_marker()).unwrap_or(false),
            move_after: moves.collect(),
        };
        Some((rule.id().unwrap_or_default().to_owned(), read))
    }

    fn write(&self, id: &str) -> Result<SdkRule> {
        let filter = LifecycleRuleFilter::builder().prefix(self.prefix.clone().unwrap_or_default()).build();
        let mut rule = SdkRule::builder().id(id).status(ExpirationStatus::Enabled).filter(filter);
        if let Some(days) = self.abort_uploads_after {
            let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build();
            rule = rule.abort_incomplete_multipart_upload(abort);
        }
        // AWS takes one of the two.
        if let Some(days) = self.expire_after {
            rule = rule.expiration(LifecycleExpiration::builder().days(days).build());
        } else if self.drop_delete_markers {
            rule = rule.expiration(LifecycleExpiration::builder().expired_object_delete_marker(true).build());
        }
        if let Some(days) = self.expire_versions_after {
            let expiration = NoncurrentVersionExpiration::builder().noncurrent_days(days).build();
            rule = rule.noncurrent_version_expiration(expiration);
        }
        for (class, days) in &self.move_after {
            let class = TransitionStorageClass::from(class.as_str());
            rule = rule.transitions(Transition::builder().days(*days).storage_class(class).build());
        }
        built(rule.build())
    }
}

/// Returns all rules of a bucket, which AWS accepts only together.
pub(super) fn configuration(rules: &BTreeMap<String, LifecycleRule>) -> Result<BucketLifecycleConfiguration> {
    let rules = rules.iter().map(|(id, rule)| rule.write(id)).collect::<Result<Vec<_>>>()?;
    built(BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build())
}

/// The storage classes that objects can move to (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_Transition.html>).
const CLASSES: &[&str] = &["GLACIER", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "DEEP_ARCHIVE", "GLACIER_IR"];

/// Checks what AWS requires of lifecycle rules
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html>).
pub(super) fn spell(bucket: &mut Value, wrong: &mut Vec<Wrong>) {
    let rules = bucket.get_mut("lifecycle").and_then(Value::as_object_mut);
    for (name, rule) in rules.into_iter().flatten() {
        let mut refuse = |field: &str, why: &str| {
            let dot = if field.is_empty() { "" } else { "." };
            wrong.push((format!("lifecycle.{name}{dot}{field}"), why.to_owned()));
        };
        if name.len() > 255 {
            refuse("", "a rule's name has at most 255 characters");
        }
        let Some(fields) = rule.as_object_mut() else { continue };
        let mut moves = Map::new();
        for (class, days) in fields.get("move_after").and_then(Value::as_object).into_iter().flatten() {
            match word(class, CLASSES) {
                Ok(class) => drop(moves.insert(class, days.clone())),
                Err(why) => refuse(&format!("move_after.{class}"), &why),
            }
        }
        for (class, days) in &moves {
            if class.ends_with("_IA") && days.as_i64().is_some_and(|days| days < 30) {
                refuse(&format!("move_after.{class}"), "AWS moves objects there after at least 30 days");
            }
        }
        let days = |field: &str| fields.get(field).and_then(Value::as_i64);
        for field in ["expire_after", "expire_versions_after", "abort_uploads_after"] {
            if days(field).is_some_and(|days| days < 1) {
                refuse(field, "days start at 1");
            }
        }
        if let (Some(expire), Some(last)) = (days("expire_after"), moves.values().filter_map(Value::as_i64).max())
            && expire <= last
        {
            refuse("expire_after", "an object must move before it is deleted: this must be later than the move");
        }
        let drops = fields.get("drop_delete_markers") == Some(&Value::Bool(true));
        if drops && fields.contains_key("expire_after") {
            refuse(
                "drop_delete_markers",
                "AWS accepts either `expire_after` or `drop_delete_markers` in one rule: split it into two rules",
            );
        }
        let acts =
            ["expire_after", "expire_versions_after", "abort_uploads_after"].iter().any(|field| fields.contains_key(*field));
        if !acts && !drops && moves.is_empty() {
            refuse("", "the rule does nothing, which AWS refuses");
        }
        if fields.contains_key("move_after") {
            fields.insert("move_after".into(), Value::Object(moves));
        }
    }
}
