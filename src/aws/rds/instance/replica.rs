//! Read replicas: their creation, in the region of their source or another one, and their promotion.

use aws_sdk_rds::types::DbInstance;
use serde_json::Value;

use super::progress::note_asked;
use super::read::{look, source_of};
use super::{Instance, Live};
use crate::aws::Cx;
use crate::aws::call::arguments::some_ids;
use crate::aws::ownership::names;
use crate::aws::rds::errors::failed;
use crate::aws::rds::named::{AWS_KEY, is_elsewhere};
use crate::aws::rds::{NAME, to_sdk};
use crate::engine::token::{self, Token};
use crate::engine::{Class, Diff, Effect, Impact, Ref, Result};

/// Returns what cannot be desired of a replica, or of a database as one.
pub(super) fn refused(instance: &Instance) -> Option<(&'static str, String)> {
    match (instance.standalone, &instance.source) {
        (Some(false), _) => {
            Some(("standalone", "a database does not become a read replica: write `source`, or leave it out".into()))
        }
        (Some(true), Some(_)) => Some(("standalone", "what has a `source` is a replica: leave out one of the two".into())),
        _ => None,
    }
}

/// Checks whether what is desired comes up with AWS's parameters: a replica of a database in another region.
pub(super) fn has_others_parameters(desired: &Value) -> bool {
    let source = desired.get("source").and_then(Value::as_str).and_then(token::whole);
    matches!(source, Some(Token::Physical { value, .. }) if is_elsewhere(value))
}

/// Checks whether a change makes a replica a database of its own.
pub(super) fn is_promoted(diff: &Diff) -> bool {
    diff.changes.iter().any(|change| change.path == "standalone" && change.before == Some(Value::Bool(false)))
}

/// Returns what a promotion does, by "Promoting a read replica to be a standalone DB instance" of the RDS user guide
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.Promote.html>).
pub(super) fn effects(observed: &Value, diff: &Diff) -> Vec<Effect> {
    if !is_promoted(diff) {
        return Vec::new();
    }
    let source = observed["source"].as_str().unwrap_or("its source");
    let words = format!("it does not follow {source} any more, for good: what it has not received by then is not in it");
    vec![
        Effect::new(Impact::LosesData, words).with_consent(),
        Effect::new(Impact::Restarts, "it restarts, and takes writes after that").lasting(120, 600),
    ]
}

impl Instance {
    pub(super) async fn create_replica(&self, cx: &Cx, source: &Ref<Instance>) -> Result<Option<DbInstance>> {
        let source = source.id()?;
        let call = cx.cloud.rds.create_db_instance_read_replica().db_instance_identifier(names::name(cx, NAME));
        let call = call.source_db_instance_identifier(source).db_instance_class(&self.class);
        let call = call.set_multi_az(self.multi_az).publicly_accessible(self.publicly_accessible).set_port(self.port);
        let call = call.set_vpc_security_group_ids(some_ids(&self.security_groups)?);
        // It begins with its source's parameter group, or AWS's in another region: only for MySQL could it be named here.
        let call = call.set_storage_type(self.storage_type.clone());
        let call = call.set_max_allocated_storage(self.limit()).set_iops(self.iops).set_storage_throughput(self.throughput);
        let call = call.set_deletion_protection(self.deletion_protection);
        let call = call.set_auto_minor_version_upgrade(self.auto_minor_upgrade).set_copy_tags_to_snapshot(self.copy_tags);
        let mut call = call.set_enable_cloudwatch_logs_exports(self.logs.clone()).set_tags(Some(to_sdk(&self.all_tags())));
        if is_elsewhere(source) {
            // It has the network and a key of its own region; `PreSignedUrl` is for GovCloud and China.
            let subnets = self.subnet_group.as_ref().map(|group| group.id().map(str::to_owned)).transpose()?;
            call = call.set_db_subnet_group_name(subnets).set_kms_key_id(self.key_to_name());
        }
        Ok(call.send().await.map_err(failed("rds:CreateDBInstanceReadReplica"))?.db_instance)
    }

    /// Has AWS make it a database of its own. AWS refuses to do that with one that is already: an earlier try had done it, and its answer was
    /// lost.
    pub(super) async fn promote(&self, cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.rds.promote_read_replica().db_instance_identifier(&live.id);
        let call = call.set_backup_retention_period(self.backup_days).set_preferred_backup_window(self.backup_window.clone());
        match call.send().await.map_err(failed("rds:PromoteReadReplica")) {
            Err(e) if e.class == Class::InUse && look(cx, &live.id).await?.is_none_or(|now| source_of(&now).is_some()) => {
                return Err(e);
            }
            Err(e) if e.class != Class::InUse => return Err(e),
            _ => {}
        }
        note_asked(cx, ["standalone".to_owned()]).await
    }

    /// Returns the key that AWS must be told where data comes from another region: of what is encrypted there it takes none by itself.
    pub(in crate::aws::rds) fn key_to_name(&self) -> Option<String> {
        self.kms_key.clone().or_else(|| (self.encrypted == Some(true)).then(|| AWS_KEY.to_owned()))
    }

    /// Checks whether it is still a replica and is not to be.
    pub(super) fn is_still_one(&self, now: &DbInstance) -> bool {
        self.standalone == Some(true) && source_of(now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_cross_region_replica_has_other_parameters() {
        let of = |source: Value| has_others_parameters(&json!({"source": source}));
        let ids = Ref::<Instance>::physical("arn:aws:rds:eu-west-1:1:db:shop").to_string();
        assert!(of(json!(ids)));
        assert!(!of(json!("${rds.instance/main!}")));
        assert!(!of(Value::Null));
    }

    #[test]
    fn a_promotion_loses_what_was_not_received() {
        let promoted: Diff = serde_json::from_value(json!([{"path": "standalone", "before": false, "after": true}])).unwrap();
        let told = effects(&json!({"source": "arn:aws:rds:eu-west-1:1:db:shop"}), &promoted);
        assert_eq!(told.iter().map(|effect| effect.impact).collect::<Vec<_>>(), [Impact::LosesData, Impact::Restarts]);
        assert!(told[0].words.starts_with("it does not follow arn:aws:rds:eu-west-1:1:db:shop any more"));
        assert_eq!(effects(&json!({}), &Diff::default()), []);
    }
}
