//! What RDS reports of databases, as fields and attributes.

use aws_sdk_rds::types::DbInstance;
use jiff::Timestamp;

use super::password::{FROM_SNAPSHOT, TAG_PASSWORD, has_snapshots, told};
use super::{Instance, Live};
use crate::aws::Cx;
use crate::aws::kms::Key;
use crate::aws::logs::LogGroup;
use crate::aws::ownership::names;
use crate::aws::rds::errors::failed;
use crate::aws::rds::named::is_elsewhere;
use crate::aws::rds::status::{STOPPED, certificate_expires, leaves_snapshot, pending, put_off, state_of};
use crate::aws::rds::{NAME, from_sdk, instances};
use crate::aws::secretsmanager::Secret;
use crate::engine::{AnyRef, Observed, Readiness, Ref, Resource, Result};

pub(super) fn source_of(instance: &DbInstance) -> Option<&str> {
    instance.read_replica_source_db_instance_identifier().filter(|source| !source.is_empty())
}

impl Live {
    pub(super) fn of(instance: &DbInstance) -> Option<Live> {
        let id = instance.db_instance_identifier.clone()?;
        let endpoint = instance.endpoint();
        // One name for one life of the object: a delete that is sent twice does not want two snapshots.
        let born = instance.instance_create_time().map(|at| at.secs());
        let failed = matches!(state_of(instance), Readiness::Failed(_));
        let can = source_of(instance).is_none() && leaves_snapshot(instance);
        Some(Live {
            arn: instance.db_instance_arn.clone()?,
            host: endpoint.and_then(|e| e.address.clone()),
            port: endpoint.and_then(|e| e.port).map(|port| port.to_string()),
            secret_arn: match instance.master_user_secret() {
                Some(managed) => managed.secret_arn.clone(),
                None => told(instance).map(|(arn, _)| arn),
            },
            last_snapshot: can.then(|| format!("{id}-final-{}", born.unwrap_or_default())),
            followers: instance
                .read_replica_db_instance_identifiers()
                .iter()
                .filter(|follower| is_elsewhere(follower))
                .cloned()
                .collect(),
            // AWS reports when it was created once that is done.
            never_served: failed && born.is_none() && endpoint.is_none(),
            pending: pending(instance),
            noticed: put_off(instance).or_else(|| certificate_expires(instance, Timestamp::now())),
            id,
        })
    }
}

/// Returns the logs that go to CloudWatch Logs, including those that are about to.
pub(super) fn logs(instance: &DbInstance) -> Vec<String> {
    let pending = instance.pending_modified_values().and_then(|p| p.pending_cloudwatch_logs_exports());
    let off = pending.map(|p| p.log_types_to_disable()).unwrap_or_default();
    let on = pending.map(|p| p.log_types_to_enable()).unwrap_or_default();
    let now = instance.enabled_cloudwatch_logs_exports().iter().filter(|log| !off.contains(log));
    let mut all: Vec<String> = now.chain(on).cloned().collect();
    all.sort();
    all.dedup();
    all
}

/// Returns the log group that RDS writes a log to, to the end.
fn group_of(id: &str, log: &str) -> AnyRef {
    Ref::<LogGroup>::physical(log_group(id, log)).into()
}

/// Returns the name of the log group that RDS writes a log of a database to
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Procedural.UploadtoCloudWatch.html>).
pub fn log_group(id: &str, log: &str) -> String {
    format!("/aws/rds/instance/{id}/{log}")
}

impl Instance {
    /// Reads an instance as it is or will be: what AWS has accepted and not finished counts as done.
    pub(super) fn from_sdk(instance: &DbInstance) -> Instance {
        let pending = instance.pending_modified_values();
        let storage = pending.and_then(|p| p.allocated_storage).or(instance.allocated_storage);
        let status = instance.db_instance_status().unwrap_or("unknown");
        Instance {
            source: source_of(instance).map(Ref::physical),
            standalone: Some(source_of(instance).is_none()),
            engine: instance.engine.clone(),
            engine_version: pending.and_then(|p| p.engine_version.clone()).or(instance.engine_version.clone()),
            class: pending.and_then(|p| p.db_instance_class.clone()).or(instance.db_instance_class.clone()).unwrap_or_default(),
            running: Some(!STOPPED.contains(&status)),
            storage,
            // AWS leaves it out, or reports the current size, where storage does not grow automatically.
            max_storage: instance.max_allocated_storage.filter(|most| Some(*most) > storage).or(Some(0)),
            storage_type: pending.and_then(|p| p.storage_type.clone()).or(instance.storage_type.clone()),
            iops: pending.and_then(|p| p.iops).or(instance.iops),
            throughput: pending.and_then(|p| p.storage_throughput).or(instance.storage_throughput),
            multi_az: pending.and_then(|p| p.multi_az).or(instance.multi_az),
            subnet_group: instance.db_subnet_group().and_then(|g| g.db_subnet_group_name()).map(Ref::physical),
            security_groups: instance
                .vpc_security_groups()
                .iter()
                .filter(|g| g.status() != Some("removing"))
                .filter_map(|g| g.vpc_security_group_id())
                .map(Ref::physical)
                .collect(),
            parameter_group: instance.db_parameter_groups().first().and_then(|g| g.db_parameter_group_name()).map(Ref::physical),
            publicly_accessible: instance.publicly_accessible == Some(true),
            port: pending.and_then(|p| p.port).or(instance.endpoint().and_then(|e| e.port)),
            database: instance.db_name.clone(),
            user: instance.master_username.clone(),
            managed_password: Some(instance.master_user_secret().is_some()),
            password: Some(match told(instance) {
                Some((arn, version)) => format!("{}:::{version}", Ref::<Secret>::physical(arn).attr("arn")),
                None if has_snapshots(instance) => FROM_SNAPSHOT.to_owned(),
                None => String::new(),
            }),
            encrypted: instance.storage_encrypted,
            kms_key: instance.kms_key_id().map(|key| Ref::<Key>::physical(key).attr("arn").to_string()),
            backup_days: pending.and_then(|p| p.backup_retention_period).or(instance.backup_retention_period),
            backup_window: instance.preferred_backup_window.clone(),
            maintenance_window: instance.preferred_maintenance_window.clone(),
            deletion_protection: instance.deletion_protection,
            logs: Some(logs(instance)),
            auto_minor_upgrade: instance.auto_minor_version_upgrade,
            begin: None,
            copy_tags: instance.copy_tags_to_snapshot,
            after: logs(instance)
                .iter()
                .map(|log| group_of(instance.db_instance_identifier().unwrap_or_default(), log))
                .collect(),
            tags: from_sdk(instance.tag_list()).into_iter().filter(|(key, _)| key != TAG_PASSWORD).collect(),
        }
    }
}

/// Reads the databases of the stack.
pub(super) async fn observed(cx: &Cx) -> Result<Vec<Observed<Instance>>> {
    let of = |instance: &DbInstance| {
        let live = Live::of(instance)?;
        let fields = Instance::from_sdk(instance);
        let claim = names::claim(cx, cx.scope.claim(Instance::KIND, &fields.tags, false), &fields.tags, &live.id, NAME);
        Some(Observed { claim, live, fields, state: state_of(instance) })
    };
    Ok(instances(cx).await?.iter().filter_map(of).collect())
}

/// Reads the database with this identifier.
pub(super) async fn look(cx: &Cx, id: &str) -> Result<Option<DbInstance>> {
    let answer = cx.cloud.rds.describe_db_instances().db_instance_identifier(id).send().await;
    Ok(answer.map_err(failed("rds:DescribeDBInstances"))?.db_instances.and_then(|list| list.into_iter().next()))
}

/// Checks whether it is being deleted: then the name is not free yet.
pub(super) async fn is_leaving(cx: &Cx, id: &str) -> bool {
    matches!(look(cx, id).await, Ok(Some(now)) if state_of(&now).is_gone())
}
