use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration,
    LifecycleRule as SdkRule, LifecycleRuleFilter, NoncurrentVersionExpiration, Transition, TransitionStorageClass,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::built;
use crate::engine::Result;

/// What becomes of a bucket's objects in time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecycleRule {
    /// What the keys of its objects begin with. Left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// After how many days an upload that never ended is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_uploads_after: Option<i32>,
    /// After how many days an object is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<i32>,
    /// After how many days a version is deleted that is no longer the object's newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_versions_after: Option<i32>,
    /// Whether the mark of a deleted object goes with its last version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_delete_markers: bool,
    /// After how many days an object moves, by the storage class that it moves to: `GLACIER: 30`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub move_after: BTreeMap<String, i32>,
}

impl LifecycleRule {
    /// The rule as AWS answered it, with its name; disabled ones are as good as none.
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

/// All rules of a bucket, which AWS takes only together.
pub(super) fn configuration(rules: &BTreeMap<String, LifecycleRule>) -> Result<BucketLifecycleConfiguration> {
    let rules = rules.iter().map(|(id, rule)| rule.write(id)).collect::<Result<Vec<_>>>()?;
    built(BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build())
}
