use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration, DbInstance, Tag};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::snapshots;
use super::status::{STOPPED, leaves_snapshot, not_begun, pending, put_off, state_of};
use super::{NAME, ParameterGroup, SubnetGroup, from_sdk, instances, of_instance, retag, to_sdk};
use crate::aws::call::arguments::{ids, some_ids};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::SecurityGroup;
use crate::aws::kms::Key;
use crate::aws::logs::left_behind;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::preflight::finding::{field, is_given, is_made, is_new};
use crate::aws::rds::errors::failed;
use crate::aws::secretsmanager::{self, Password, Secret};
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::diff::same_major;
use crate::engine::{
    Action, Blocker, Class, Diff, Effect, Error, Impact, Item, Observed, Readiness, Ref, Resource, Result, Rule, Usual,
};

/// The tag with the version of the secret whose password the database has, as [`secretsmanager::version`] writes it: RDS itself
/// does not report passwords.
const TAG_PASSWORD: &str = "stack:password";

/// A database, or a read replica of one. A replica has the password of its source.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The database that this one is a replica of: engine, version, storage, users and key are the source's. It cannot be changed.
    /// Left out: it is not a replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Ref<Instance>>,
    /// The engine: `postgres`, `mysql` or `mariadb`. It cannot be changed. Left out: that of `source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The version of the engine, or the start of it: `16`. It can only be raised. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// The instance class: `db.t4g.medium`.
    pub class: String,
    /// Whether it runs. Only `true` is allowed, which starts a stopped database. Left out: it stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
    /// Storage in GiB. It can only grow, by at least 10 %. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<i32>,
    /// The size in GiB up to which AWS can grow the storage automatically; 0 for no growth. Left out: AWS's default for a new
    /// one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_storage: Option<i32>,
    /// The storage type: `gp3`, `io2`, … Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<String>,
    /// Provisioned IOPS of the storage. `io1` and `io2` need it; `gp3` accepts it from 400 GiB on. Left out: AWS's default for a
    /// new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<i32>,
    /// Throughput of the storage in MiB per second; `gp3` accepts it from 400 GiB on. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<i32>,
    /// Whether a standby in another zone takes over when this database fails. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_az: Option<bool>,
    /// The subnet group. It cannot be changed. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<Ref<SubnetGroup>>,
    /// The security groups, which decide who can connect to it. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<Ref<SecurityGroup>>,
    /// The parameter group. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_group: Option<Ref<ParameterGroup>>,
    /// Whether it has an address that can be reached from the internet. Left out: it has none.
    #[serde(default)]
    pub publicly_accessible: bool,
    /// The port. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// The name of the database in the instance. It cannot be changed. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The name of the master user. It cannot be changed. Left out: that of `source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether RDS generates the master password, keeps it in Secrets Manager and rotates it. Such a database has no replicas.
    /// Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_password: Option<bool>,
    /// The secret with the master password, and its version:
    /// `${secretsmanager.secret/main.arn}:::${secretsmanager.secret/main.version}`. Empty when there is none. The password is
    /// read from there when it is set, and is kept nowhere else. Left out: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "stack-secret-version", "pattern" = r"^(|\$\{.+|arn:[^:]+:secretsmanager:([^:]*:){2}secret:[^:]+:::[^:]+)$", "patternErrorMessage" = "write `${secretsmanager.secret/NAME.arn}:::${secretsmanager.secret/NAME.version}`"))]
    pub password: Option<String>,
    /// Whether it is encrypted at rest. It cannot be changed. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    /// The ARN of the KMS key that encrypts it, and the master password if RDS keeps that. It cannot be changed. Left out: AWS's
    /// default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// The number of days for which daily backups are kept; 0 for none. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_days: Option<i32>,
    /// The daily backup window, in UTC: `03:00-03:30`. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_window: Option<String>,
    /// The weekly maintenance window, in UTC: `sun:04:00-sun:04:30`. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<String>,
    /// Whether AWS refuses to delete it. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,
    /// The logs that are exported to CloudWatch Logs. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Vec<String>>,
    /// Whether AWS upgrades it to newer minor versions automatically. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_minor_upgrade: Option<bool>,
    /// Whether its tags are copied to its snapshots. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_tags: Option<bool>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The identifier.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// Its host name, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The port, once it has an endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// The secret with the master user's name and password, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_arn: Option<String>,
    /// The name of the snapshot that is taken before it is deleted; nothing for a replica, of which none can be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub last_snapshot: Option<String>,
    /// Whether AWS failed to create it, so that it is empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(skip)]
    pub never_served: bool,
    /// What AWS has accepted and not finished, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub pending: Option<String>,
    /// The changes that are pending until the maintenance window, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub noticed: Option<String>,
}

fn source_of(instance: &DbInstance) -> Option<&str> {
    instance.read_replica_source_db_instance_identifier().filter(|source| !source.is_empty())
}

/// Returns the secret, and the version of it whose password the database has.
pub(super) fn told(instance: &DbInstance) -> Option<(String, String)> {
    let tag = instance.tag_list().iter().find(|tag| tag.key() == Some(TAG_PASSWORD))?;
    secretsmanager::version(tag.value()?).map(|(arn, version)| (arn.to_owned(), version.to_owned()))
}

impl Live {
    fn of(instance: &DbInstance) -> Option<Live> {
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
            // AWS reports when it was created once that is done.
            never_served: failed && born.is_none() && endpoint.is_none(),
            pending: pending(instance),
            noticed: put_off(instance),
            id,
        })
    }
}

/// Returns the logs that go to CloudWatch Logs, including those that are about to.
fn logs(instance: &DbInstance) -> Vec<String> {
    let pending = instance.pending_modified_values().and_then(|p| p.pending_cloudwatch_logs_exports());
    let off = pending.map(|p| p.log_types_to_disable()).unwrap_or_default();
    let on = pending.map(|p| p.log_types_to_enable()).unwrap_or_default();
    let now = instance.enabled_cloudwatch_logs_exports().iter().filter(|log| !off.contains(log));
    let mut all: Vec<String> = now.chain(on).cloned().collect();
    all.sort();
    all.dedup();
    all
}

impl Instance {
    /// Reads an instance as it is or will be: what AWS has accepted and not finished counts as done.
    fn from_sdk(instance: &DbInstance) -> Instance {
        let pending = instance.pending_modified_values();
        let storage = pending.and_then(|p| p.allocated_storage).or(instance.allocated_storage);
        let status = instance.db_instance_status().unwrap_or("unknown");
        Instance {
            source: source_of(instance).map(Ref::physical),
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
            password: Some(
                told(instance).map_or_else(String::new, |(arn, version)| {
                    format!("{}:::{version}", Ref::<Secret>::physical(arn).attr("arn"))
                }),
            ),
            encrypted: instance.storage_encrypted,
            kms_key: instance.kms_key_id().map(|key| Ref::<Key>::physical(key).attr("arn").to_string()),
            backup_days: pending.and_then(|p| p.backup_retention_period).or(instance.backup_retention_period),
            backup_window: instance.preferred_backup_window.clone(),
            maintenance_window: instance.preferred_maintenance_window.clone(),
            deletion_protection: instance.deletion_protection,
            logs: Some(logs(instance)),
            auto_minor_upgrade: instance.auto_minor_version_upgrade,
            copy_tags: instance.copy_tags_to_snapshot,
            tags: from_sdk(instance.tag_list()).into_iter().filter(|(key, _)| key != TAG_PASSWORD).collect(),
        }
    }

    /// Returns the version of the secret with the desired password.
    fn wanted_password(&self) -> Option<&str> {
        self.password.as_deref().filter(|password| !password.is_empty())
    }

    /// Reads the desired password, for the one call that sends it to RDS.
    async fn read_password(&self, cx: &Cx) -> Result<Option<Password>> {
        match self.wanted_password() {
            Some(version) => secretsmanager::password(cx, version).await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns the tags, including the version of the password.
    fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        tags.extend(self.wanted_password().map(|version| (TAG_PASSWORD.to_owned(), version.to_owned())));
        tags
    }

    pub(super) fn parameters(&self) -> Result<Option<String>> {
        self.parameter_group.as_ref().map(|group| group.id().map(str::to_owned)).transpose()
    }

    async fn create_replica(&self, cx: &Cx, source: &Ref<Instance>) -> Result<Option<DbInstance>> {
        let call = cx.cloud.rds.create_db_instance_read_replica().db_instance_identifier(names::name(cx, NAME));
        let call = call.source_db_instance_identifier(source.id()?).db_instance_class(&self.class);
        let call = call.set_multi_az(self.multi_az).publicly_accessible(self.publicly_accessible).set_port(self.port);
        let call = call.set_vpc_security_group_ids(some_ids(&self.security_groups)?);
        // It begins with its source's parameter group: AWS takes none here, but for a copy in another region.
        let call = call.set_storage_type(self.storage_type.clone());
        let call = call.set_max_allocated_storage(self.limit()).set_iops(self.iops).set_storage_throughput(self.throughput);
        let call = call.set_deletion_protection(self.deletion_protection);
        let call = call.set_auto_minor_version_upgrade(self.auto_minor_upgrade).set_copy_tags_to_snapshot(self.copy_tags);
        let call = call.set_enable_cloudwatch_logs_exports(self.logs.clone()).set_tags(Some(to_sdk(&self.tags)));
        Ok(call.send().await.map_err(failed("rds:CreateDBInstanceReadReplica"))?.db_instance)
    }

    async fn create_primary(&self, cx: &Cx) -> Result<Option<DbInstance>> {
        let call = cx.cloud.rds.create_db_instance().db_instance_identifier(names::name(cx, NAME));
        let call = call.set_engine(self.engine.clone()).set_engine_version(self.engine_version.clone());
        let call = call.db_instance_class(&self.class).set_allocated_storage(self.storage);
        let call = call.set_max_allocated_storage(self.limit()).set_storage_type(self.storage_type.clone());
        let call = call.set_iops(self.iops).set_storage_throughput(self.throughput);
        let call = call.set_multi_az(self.multi_az).publicly_accessible(self.publicly_accessible).set_port(self.port);
        let subnets = self.subnet_group.as_ref().map(|group| group.id().map(str::to_owned)).transpose()?;
        let call = call.set_db_subnet_group_name(subnets).set_db_parameter_group_name(self.parameters()?);
        let call = call.set_vpc_security_group_ids(some_ids(&self.security_groups)?);
        let call = call.set_db_name(self.database.clone()).set_master_username(self.user.clone());
        let managed = self.managed_password.filter(|managed| *managed);
        let secret_key = self.kms_key.clone().filter(|_| managed.is_some());
        let call = call.set_manage_master_user_password(managed).set_master_user_secret_kms_key_id(secret_key);
        let password = self.read_password(cx).await?;
        let call = call.set_master_user_password(password.as_ref().map(Password::for_the_call));
        let call = call.set_storage_encrypted(self.encrypted).set_kms_key_id(self.kms_key.clone());
        let call = call.set_backup_retention_period(self.backup_days).set_preferred_backup_window(self.backup_window.clone());
        let call = call.set_preferred_maintenance_window(self.maintenance_window.clone());
        let call = call.set_deletion_protection(self.deletion_protection);
        let call = call.set_enable_cloudwatch_logs_exports(self.logs.clone());
        let call = call.set_auto_minor_version_upgrade(self.auto_minor_upgrade).set_copy_tags_to_snapshot(self.copy_tags);
        let answer = call.set_tags(Some(to_sdk(&self.all_tags()))).send().await.map_err(failed("rds:CreateDBInstance"));
        Ok(answer.map_err(|e| hidden(e, password.as_ref()))?.db_instance)
    }

    /// Changes everything that one call can change, now and not in the next maintenance window, and with it the changes that are
    /// pending until that window. Returns whether that was all.
    async fn modify(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<bool> {
        const OP: &str = "rds:ModifyDBInstance";
        let is = |field: &str| diff.touches(field);
        let mut call = cx.cloud.rds.modify_db_instance().db_instance_identifier(&live.id).apply_immediately(true);
        let mut password = None;
        if is("class") {
            call = call.db_instance_class(&self.class);
        }
        if is("engine_version") {
            // A parameter group of the new version goes with it.
            call = call.set_engine_version(self.engine_version.clone()).allow_major_version_upgrade(true);
            call = call.set_db_parameter_group_name(self.parameters()?);
        }
        if is("parameter_group") {
            call = call.set_db_parameter_group_name(self.parameters()?);
        }
        if STORAGE.iter().any(|field| is(field)) {
            let now = look(cx, &live.id).await?.ok_or_else(|| incomplete("rds:DescribeDBInstances", "the database"))?;
            let told = self.storage_to_tell(&now, diff);
            call = call.set_allocated_storage(told.size).set_storage_type(told.kind).set_iops(told.iops);
            call = call.set_storage_throughput(told.throughput).set_max_allocated_storage(told.limit);
            if now.db_instance_status() == Some("storage-full") {
                // Until it has room AWS changes nothing else.
                call.send().await.map_err(failed(OP))?;
                note_asked(cx, diff).await?;
                return Ok(false);
            }
        }
        if is("multi_az") {
            call = call.set_multi_az(self.multi_az);
        }
        if is("security_groups") {
            call = call.set_vpc_security_group_ids(Some(ids(&self.security_groups)?));
        }
        if is("publicly_accessible") {
            call = call.publicly_accessible(self.publicly_accessible);
        }
        if is("port") {
            call = call.set_db_port_number(self.port);
        }
        if is("managed_password") && self.managed_password == Some(true) {
            call = call.manage_master_user_password(true).set_master_user_secret_kms_key_id(self.kms_key.clone());
        } else if is("managed_password") || is("password") {
            password = self.read_password(cx).await?;
            call = call.set_master_user_password(password.as_ref().map(Password::for_the_call));
            // Only where RDS keeps the password now, it is told to stop.
            let kept = look(cx, &live.id).await?.is_some_and(|now| now.master_user_secret().is_some());
            call = call.set_manage_master_user_password(kept.then_some(false));
        }
        if is("backup_days") {
            call = call.set_backup_retention_period(self.backup_days);
        }
        if is("backup_window") {
            call = call.set_preferred_backup_window(self.backup_window.clone());
        }
        if is("maintenance_window") {
            call = call.set_preferred_maintenance_window(self.maintenance_window.clone());
        }
        if is("deletion_protection") {
            call = call.set_deletion_protection(self.deletion_protection);
        }
        if is("auto_minor_upgrade") {
            call = call.set_auto_minor_version_upgrade(self.auto_minor_upgrade);
        }
        if is("copy_tags") {
            call = call.set_copy_tags_to_snapshot(self.copy_tags);
        }
        if let (true, Some(wanted)) = (is("logs"), &self.logs) {
            let now = look(cx, &live.id).await?.map(|instance| logs(&instance)).unwrap_or_default();
            let on = wanted.iter().filter(|log| !now.contains(log)).cloned().collect();
            let off = now.iter().filter(|log| !wanted.contains(log)).cloned().collect();
            let change = CloudwatchLogsExportConfiguration::builder();
            let change = change.set_enable_log_types(Some(on)).set_disable_log_types(Some(off)).build();
            call = call.cloudwatch_logs_export_configuration(change);
        }
        call.send().await.map_err(failed(OP)).map_err(|e| hidden(e, password.as_ref()))?;
        note_asked(cx, diff).await?;
        Ok(true)
    }

    /// Records which version of the password the database has now. A run that dies before this sends the password again.
    async fn note_password(&self, cx: &Cx, live: &Live) -> Result<()> {
        match self.wanted_password() {
            Some(version) => {
                let tag = Tag::builder().key(TAG_PASSWORD).value(version).build();
                let call = cx.cloud.rds.add_tags_to_resource().resource_name(&live.arn).tags(tag);
                call.send().await.map_err(failed("rds:AddTagsToResource"))?;
            }
            None => {
                let call = cx.cloud.rds.remove_tags_from_resource().resource_name(&live.arn).tag_keys(TAG_PASSWORD);
                call.send().await.map_err(failed("rds:RemoveTagsFromResource"))?;
            }
        }
        Ok(())
    }
}

/// Returns the fields that AWS was asked to change in this operation: changes that others put off until the maintenance window
/// are not waited for.
async fn asked(cx: &Cx) -> Result<Arc<Mutex<BTreeSet<String>>>> {
    cx.reads.once("rds.asked", async { Ok(Mutex::default()) }).await
}

async fn note_asked(cx: &Cx, diff: &Diff) -> Result<()> {
    let fields = diff.changes.iter().filter_map(|change| change.path.split('.').next()).map(str::to_owned);
    asked(cx).await?.lock().unwrap_or_else(PoisonError::into_inner).extend(fields);
    Ok(())
}

fn hidden(error: Error, password: Option<&Password>) -> Error {
    match password {
        Some(password) => password.hidden_in(error),
        None => error,
    }
}

/// The fields that describe its storage.
const STORAGE: &[&str] = &["storage", "max_storage", "storage_type", "iops", "throughput"];
/// The size in GiB from which `gp3` consists of several volumes and has configurable IOPS and throughput
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage>).
pub const GP3_STRIPED: i32 = 400;
/// The default IOPS and throughput of such storage.
pub const GP3_BASELINE: (i32, i32) = (12_000, 500);

/// The parameters of a change of storage.
#[derive(Debug, Default, PartialEq)]
struct StorageChange {
    size: Option<i32>,
    kind: Option<String>,
    iops: Option<i32>,
    throughput: Option<i32>,
    limit: Option<i32>,
}

/// Checks whether storage has IOPS that go with every change of it.
fn has_iops(kind: Option<&str>, size: i32) -> bool {
    match kind {
        Some("io1" | "io2") => true,
        Some("gp3") => size >= GP3_STRIPED,
        _ => false,
    }
}

impl Instance {
    /// Returns the size up to which storage grows automatically, for a new database: AWS accepts no value where it does not.
    fn limit(&self) -> Option<i32> {
        self.max_storage.filter(|limit| *limit > 0)
    }

    /// Returns what AWS refuses of its storage (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html>).
    fn storage_refused(&self) -> Option<(&'static str, String)> {
        let (size, kind) = (self.storage?, self.storage_type.as_deref()?);
        let most = match kind {
            "io1" => 50,
            "io2" => 1000,
            "gp3" if size < GP3_STRIPED => {
                let field = if self.iops.is_some() { "iops" } else { self.throughput.map(|_| "throughput")? };
                return Some((field, format!("`gp3` accepts no `{field}` below {GP3_STRIPED} GiB: AWS sets it")));
            }
            _ => return None,
        };
        let Some(iops) = self.iops else {
            return Some(("storage_type", format!("`{kind}` needs `iops`: from {} to {}", size / 2, size.saturating_mul(most))));
        };
        let (least, most) = ((size / 2).max(1000), size.saturating_mul(most).min(256_000));
        (!(least..=most).contains(&iops))
            .then(|| ("iops", format!("{size} GiB of `{kind}` accept {least} to {most} IOPS, not {iops}")))
    }

    /// Returns the change of storage, and what AWS requires along with it: the current size, which may have grown, and the IOPS.
    fn storage_to_tell(&self, now: &DbInstance, diff: &Diff) -> StorageChange {
        let is = |field: &str| diff.touches(field);
        let pending = now.pending_modified_values();
        let current = pending.and_then(|p| p.allocated_storage).or(now.allocated_storage).unwrap_or_default();
        let size = self.storage.unwrap_or(current).max(current);
        let limit = is("max_storage").then(|| self.limit().unwrap_or(size));
        if !STORAGE.iter().any(|&field| field != "max_storage" && is(field)) {
            return StorageChange { limit, ..StorageChange::default() };
        }
        let was = pending.and_then(|p| p.storage_type()).or(now.storage_type());
        let kind = self.storage_type.as_deref().or(was);
        let kept = pending.and_then(|p| p.iops).or(now.iops).filter(|_| kind == was);
        let least = if kind == Some("gp3") { Some(GP3_BASELINE.0) } else { None };
        StorageChange {
            size: Some(size),
            kind: self.storage_type.clone().filter(|_| is("storage_type")),
            iops: self.iops.or(kept.max(least)).filter(|_| has_iops(kind, size)),
            throughput: self.throughput.filter(|_| is("throughput") && kind == Some("gp3") && size >= GP3_STRIPED),
            limit,
        }
    }

    /// Checks whether AWS upgrades this replica together with its source: PostgreSQL, to a new major version
    /// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.PostgreSQL.html>).
    fn follows(&self, from: &str) -> bool {
        self.source.is_some()
            && self.engine.as_deref() == Some("postgres")
            && self.engine_version.as_deref().is_some_and(|to| is_major("postgres", from, to))
    }

    /// Returns the name of the snapshot that is taken before an upgrade that cannot be undone.
    fn snapshot_before(&self, id: &str, diff: &Diff) -> Option<String> {
        let (from, to) = upgrade(diff)?;
        if self.source.is_some() || !is_major(self.engine.as_deref()?, from, to) {
            return None;
        }
        Some(names::before_upgrade(id, to, 255))
    }
}

/// Returns the versions before and after a change.
fn upgrade(diff: &Diff) -> Option<(&str, &str)> {
    let change = diff.changes.iter().find(|change| change.path == "engine_version")?;
    Some((change.before.as_ref()?.as_str()?, change.after.as_ref()?.as_str()?))
}

/// Checks whether a version is another major one: the first number of PostgreSQL's, the first two of MySQL's and MariaDB's.
pub fn is_major(engine: &str, from: &str, to: &str) -> bool {
    !same_major(from, to, if engine == "postgres" { 1 } else { 2 })
}

async fn look(cx: &Cx, id: &str) -> Result<Option<DbInstance>> {
    let answer = cx.cloud.rds.describe_db_instances().db_instance_identifier(id).send().await;
    Ok(answer.map_err(failed("rds:DescribeDBInstances"))?.db_instances.and_then(|list| list.into_iter().next()))
}

async fn is_leaving(cx: &Cx, id: &str) -> bool {
    matches!(look(cx, id).await, Ok(Some(now)) if state_of(&now).is_gone())
}

/// Starts the database. AWS refuses to start one that runs or is starting: an earlier try had done it, and its answer was lost.
async fn start(cx: &Cx, id: &str) -> Result<()> {
    match cx.cloud.rds.start_db_instance().db_instance_identifier(id).send().await.map_err(failed("rds:StartDBInstance")) {
        Err(e) if e.class == Class::InUse => {
            let now = look(cx, id).await?;
            let status = now.as_ref().and_then(|now| now.db_instance_status()).unwrap_or("unknown");
            if STOPPED.contains(&status) { Err(e) } else { Ok(()) }
        }
        other => other.map(drop),
    }
}

/// Checks whether it must be started before it can be deleted: AWS modifies nothing that is stopped
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html>, limitations), not even its deletion
/// protection.
fn starts_to_go(instance: &DbInstance) -> bool {
    instance.deletion_protection() == Some(true) && instance.db_instance_status() == Some("stopped")
}

impl Resource for Instance {
    const KIND: &'static str = "rds.instance";
    const RULES: &'static [Rule] = &[
        Rule::immutable("source"),
        Rule::immutable("engine"),
        Rule::version_prefix("engine_version"),
        Rule::version_of("engine_version", "engine"),
        Rule::minor_by_itself("engine_version", "auto_minor_upgrade", &["mysql", "mariadb"]),
        Rule::grows("storage"),
        // AWS would round it up (ModifyDBInstance, AllocatedStorage), and the file could never be met.
        Rule::grows_by("storage", 10),
        Rule::grows_to("storage", "max_storage"),
        Rule::immutable("subnet_group"),
        Rule::set("security_groups"),
        Rule::immutable("database"),
        Rule::immutable("user"),
        Rule::immutable("encrypted"),
        Rule::immutable("kms_key"),
        Rule::takes("kms_key", &[("kms.key", "arn")]),
        Rule::set("logs"),
        Rule::when_ready("port"),
        Rule::renews("port", "port"),
        Rule::when_ready("managed_password"),
        // The one that RDS keeps, or the stack's.
        Rule::renews("managed_password", "secret_arn"),
        Rule::when_ready("multi_az"),
        Rule::when_ready("logs"),
        Rule::when_ready("engine_version"),
        Rule::when_ready("backup_days"),
        Rule::owned("tags"),
        Rule::unit("max_storage", "GiB"),
        Rule::unit("storage", "GiB"),
        Rule::unit("throughput", "MiB/s"),
    ];
    const USUAL: Usual = Usual::secs(480, 300).at_most_hours(36);
    const HOLDS_DATA: bool = true;
    const STEPWISE: bool = true;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if self.running == Some(false) {
            return Some(("running", "a database cannot be kept stopped: AWS starts it again after 7 days".into()));
        }
        self.storage_refused()
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let of = |instance: &DbInstance| {
            let live = Live::of(instance)?;
            let fields = Instance::from_sdk(instance);
            let claim = names::claim(cx, cx.scope.claim(Self::KIND, &fields.tags, false), &fields.tags, &live.id, NAME);
            Some(Observed { claim, live, fields, state: state_of(instance) })
        };
        Ok(instances(cx).await?.iter().filter_map(of).collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let made = match &self.source {
            Some(source) => self.create_replica(cx, source).await,
            None if cx.predecessor.is_some() => self.restore(cx).await,
            None => self.create_primary(cx).await,
        };
        let made = match made {
            // The one before it, which has the name until it has gone.
            Err(e) if e.class == Class::Exists && is_leaving(cx, &names::name(cx, NAME)).await => {
                return Err(Error { class: Class::InUse, ..e });
            }
            made => made?,
        };
        made.as_ref().and_then(Live::of).ok_or_else(|| incomplete("rds:CreateDBInstance", "the identifier and ARN"))
    }

    /// Checks whether a replacement starts with a copy of the data. A snapshot keeps engine, users and databases as they were,
    /// and is never decrypted. A replica starts with the data of its source.
    fn carries_data(desired: &Value, diff: &Diff) -> bool {
        let fixed = ["source", "engine", "user", "database"];
        let decrypted = diff.touches("encrypted") && desired["encrypted"] != Value::Bool(true);
        desired.get("source").is_none() && !decrypted && !fixed.iter().any(|field| diff.touches(field))
    }

    async fn carry_over(&self, cx: &Cx) -> Result<Readiness> {
        self.look_at_copy(cx).await
    }

    /// Returns the field with the database that is upgraded later: replicas are upgraded before their source, except to new major
    /// versions of PostgreSQL, which AWS upgrades together.
    fn goes_ahead(desired: &Value, diff: &Diff) -> Option<&'static str> {
        let engine = desired.get("engine").and_then(Value::as_str)?;
        let (from, to) = upgrade(diff)?;
        (engine != "postgres" || !is_major(engine, from, to)).then_some("source")
    }

    /// Returns the effects of a change, by "Settings for DB instances" of the RDS user guide
    /// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html>). Durations are the usual
    /// ones; a major upgrade takes longer the more objects a database has.
    fn effects(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        let mut out = Vec::new();
        if diff.forcing().next().is_some() {
            return out;
        }
        let standby = observed["multi_az"] == Value::Bool(true);
        if diff.touches("running") {
            out.push(Effect::new(Impact::Waits, "it is started first; other changes follow").lasting(300, 900));
        }
        if let Some((from, to)) = upgrade(diff) {
            let engine = desired["engine"].as_str().or(observed["engine"].as_str()).unwrap_or_default();
            let copy = observed.get("source").is_some();
            if is_major(engine, from, to) {
                out.push(Effect::new(Impact::Interrupts, "it is unavailable while it is upgraded").lasting(600, 1800));
                let snapshot = if copy { "" } else { ": a snapshot is taken first and kept until you delete it" };
                let back = Effect::new(Impact::CannotBeUndone, format!("there is no way back from {to} to {from}{snapshot}"));
                // A replica follows its source.
                out.push(if copy { back } else { back.with_consent() });
            } else {
                out.push(Effect::new(Impact::Interrupts, "it is unavailable while it is upgraded").lasting(120, 600));
            }
        }
        if diff.touches("class") {
            out.push(match standby {
                true => {
                    Effect::new(Impact::FailsOver, "it fails over to the standby when that has the new class").lasting(60, 120)
                }
                false => Effect::new(Impact::Interrupts, "it restarts on another machine").lasting(300, 900),
            });
        }
        if diff.touches("port") {
            out.push(Effect::new(Impact::Restarts, "it restarts to listen on the new port").lasting(60, 300));
        }
        if let Some(change) = diff.changes.iter().find(|change| change.path == "backup_days") {
            // Between none and some AWS restarts it.
            if [&change.before, &change.after].into_iter().flatten().any(|days| days.as_u64() == Some(0)) {
                out.push(Effect::new(Impact::Restarts, "it restarts when backups are turned on or off").lasting(30, 300));
            }
        }
        if let (true, Some(to)) = (diff.touches("backup_days"), desired["backup_days"].as_u64()) {
            if to == 0 {
                let words = "all its automatic backups are deleted, and no new ones are taken";
                let lost = Effect::new(Impact::LosesData, words);
                // A copy's are its source's, too.
                out.push(if observed.get("source").is_some() { lost } else { lost.with_consent() });
            } else if observed["backup_days"].as_u64().is_some_and(|from| to < from) {
                out.push(Effect::new(
                    Impact::LosesData,
                    format!("its automatic backups older than {} are deleted", crate::aws::states::days(to)),
                ));
            }
        }
        let kept =
            desired["managed_password"] == Value::Bool(true) || desired["password"].as_str().is_some_and(|p| !p.is_empty());
        if kept && (diff.touches("managed_password") || diff.touches("password")) {
            let words = "its password changes: new connections fail until its users are deployed again";
            out.push(Effect::new(Impact::Interrupts, words).lasting(60, 600));
        }
        // An upgrade restarts it with them, but a copy that AWS upgrades with its database gets them afterwards.
        let follows =
            |(from, to)| observed.get("source").is_some() && observed["engine"] == "postgres" && is_major("postgres", from, to);
        if diff.touches("parameter_group") && upgrade(diff).is_none_or(follows) {
            out.push(Effect::new(
                Impact::Waits,
                "parameters that differ in the new group take effect at its next reboot (`aws rds reboot-db-instance`)",
            ));
        }
        if ["storage", "storage_type", "iops", "throughput"].iter().any(|field| diff.touches(field)) {
            let words =
                "it stays available; AWS accepts the next change of its storage only after 6 hours, or when this one is finished";
            out.push(Effect::new(Impact::Waits, words));
        }
        out
    }

    /// Takes a snapshot before an upgrade that cannot be undone. AWS takes one of its own only while backups are on, and keeps it
    /// no longer than those.
    async fn prepare(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Readiness> {
        let Some(name) = self.snapshot_before(&live.id, diff) else { return Ok(Readiness::Ready) };
        snapshots::snapshot(cx, &live.id, &name, &self.tags).await
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches("running") {
            // Nothing else can be changed before it runs.
            start(cx, &live.id).await?;
            return Ok(live.clone());
        }
        let mut diff = diff.clone();
        if upgrade(&diff).is_some_and(|(from, _)| self.follows(from)) {
            // With the parameters of its version when it has that.
            diff.changes.retain(|change| !["engine_version", "parameter_group"].contains(&change.path.as_str()));
        }
        // That no password is set any more is only recorded.
        let noted: &[&str] = if self.wanted_password().is_some() { &["tags"] } else { &["tags", "password"] };
        if diff.touches_other_than(noted) {
            let all = self.modify(cx, live, &diff).await?;
            if !all {
                return Ok(live.clone());
            }
        }
        if diff.touches("password") {
            self.note_password(cx, live).await?;
        }
        retag(cx, &live.arn, &self.tags, &diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        snapshots::clean_up(cx, &live.id).await?;
        let Some(now) = look(cx, &live.id).await? else { return Ok(()) };
        if now.db_instance_status() == Some("deleting") {
            return Ok(());
        }
        if starts_to_go(&now) {
            // That takes minutes, or hours: it is deleted while the engine looks on.
            return start(cx, &live.id).await;
        }
        // Consent to the deletion by name has been given, or this would not run.
        if now.deletion_protection() == Some(true) {
            let call = cx.cloud.rds.modify_db_instance().db_instance_identifier(&live.id).apply_immediately(true);
            call.deletion_protection(false).send().await.map_err(failed("rds:ModifyDBInstance"))?;
        }
        let snapshot = live.last_snapshot.clone().filter(|_| cx.last_copy);
        let call = cx.cloud.rds.delete_db_instance().db_instance_identifier(&live.id);
        let call = call.skip_final_snapshot(snapshot.is_none()).set_final_db_snapshot_identifier(snapshot);
        // Those of a copy are kept by its source.
        let call = call.set_delete_automated_backups(Some(true));
        call.send().await.map_err(failed("rds:DeleteDBInstance"))?;
        Ok(())
    }

    /// Returns its replicas, and the operation of RDS in progress.
    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let Some(now) = look(cx, &live.id).await? else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        // One in another region is named by its ARN, and is asked there.
        for replica in now.read_replica_db_instance_identifiers() {
            out.push(match look(cx, replica).await {
                Ok(Some(copy)) => of_instance(cx, "its replica", &copy),
                _ => Blocker { what: format!("its replica `{replica}`"), passing: false },
            });
        }
        match now.db_instance_status().unwrap_or("unknown") {
            "available" => {}
            "stopped" => {
                let what = format!("it is stopped (`aws rds start-db-instance --db-instance-identifier {}` starts it)", live.id);
                out.push(Blocker { what, passing: false });
            }
            status => out.push(Blocker { what: format!("an operation of RDS on it: {status}"), passing: true }),
        }
        Ok(out)
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let Some(now) = look(cx, &live.id).await? else { return Ok(Readiness::Gone) };
        Ok(match state_of(&now) {
            // The password follows the database.
            Readiness::Ready if self.managed_password == Some(true) && now.master_user_secret().is_none() => {
                Readiness::waiting("the password's secret is being created")
            }
            Readiness::Ready if now.engine_version().is_some_and(|is| self.follows(is)) => Readiness::waiting(
                "AWS upgrades it after the database that it replicates\nif that does not happen, replication has stopped: remove the replica from the file, apply, and add it again",
            ),
            state if state.tells_all() => {
                let asked = asked(cx).await?;
                let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
                not_begun(&now, &asked).map_or(state, Readiness::waiting)
            }
            state => state,
        })
    }

    async fn settle(cx: &Cx, live: &Live) -> Result<Live> {
        Ok(look(cx, &live.id).await?.as_ref().and_then(Live::of).unwrap_or_else(|| live.clone()))
    }

    /// Returns the log groups that RDS created for its logs.
    async fn goes_with(cx: &Cx, live: &Live) -> Result<Option<String>> {
        left_behind(cx, &format!("/aws/rds/instance/{}/", live.id)).await
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        let Some(now) = look(cx, &live.id).await? else { return Ok(Readiness::Gone) };
        let status = now.db_instance_status().unwrap_or("deleting");
        if now.deletion_protection() != Some(true) || status == "deleting" {
            return Ok(Readiness::waiting(status));
        }
        // `delete` began by starting it.
        if state_of(&now) == Readiness::Ready || status == "stopped" {
            match Self::delete(cx, live).await {
                Err(e) if e.class == Class::InUse => {}
                other => other?,
            }
        }
        Ok(Readiness::waiting(format!(
            "{status}: it was stopped, and its deletion protection can be turned off only while it runs"
        )))
    }
}

impl AwsKind for Instance {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["rds:CreateDBInstance", "rds:AddTagsToResource"],
        update: &["rds:ModifyDBInstance", "rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        delete: &["rds:DeleteDBInstance", "rds:CreateDBSnapshot", "rds:ModifyDBInstance"],
    };
    const SPELLING: &'static [Spelling] = &[
        ("class", How::Lower),
        ("engine", How::Word(&["postgres", "mysql", "mariadb"])),
        ("maintenance_window", How::Lower),
        ("storage_type", How::Word(&["gp2", "gp3", "io1", "io2", "standard"])),
    ];
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("databases.{name}.endpoint", "host"),
        ("databases.{name}.port", "port"),
        ("databases.{name}.secret_arn", "secret_arn"),
    ];

    fn further_actions(item: &Item) -> Vec<&'static str> {
        let keyed = is_given(item, "kms_key");
        let mut out = Vec::new();
        // Setting a database's password means reading it first.
        if is_given(item, "password") && is_new(item, &["password"]) {
            out.extend(["secretsmanager:GetSecretValue", "rds:AddTagsToResource"]);
            out.extend(keyed.then_some("kms:Decrypt"));
        }
        // <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html>
        if is_given(item, "managed_password") && is_new(item, &["managed_password"]) {
            out.extend(["secretsmanager:CreateSecret", "secretsmanager:TagResource", "kms:DescribeKey"]);
            out.extend(keyed.then_some(["kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"]).into_iter().flatten());
        }
        if item.action == Action::Update {
            out.extend(item.changes.touches("running").then_some("rds:StartDBInstance"));
            // A snapshot is taken before an upgrade that cannot be undone.
            let major = |(from, to)| field(item, "engine").is_some_and(|engine| is_major(engine, from, to));
            let copied = !is_given(item, "source") && upgrade(&item.changes).is_some_and(major);
            out.extend(copied.then_some("rds:CreateDBSnapshot"));
        }
        // A stopped and protected database is started first.
        let stopped = item.before.as_ref().is_some_and(|before| before.state.word() == Some("stopped"));
        out.extend((item.action == Action::Delete && stopped).then_some("rds:StartDBInstance"));
        if !is_made(item) {
            return out;
        }
        out.extend(is_given(item, "source").then_some("rds:CreateDBInstanceReadReplica"));
        if item.carries_data {
            out.extend([
                "rds:CreateDBSnapshot",
                "rds:CopyDBSnapshot",
                "rds:RestoreDBInstanceFromDBSnapshot",
                "rds:ModifyDBInstance",
                "rds:DeleteDBSnapshot",
            ]);
        }
        // RDS uses the key with a grant that the caller gives.
        out.extend(keyed.then_some(["kms:CreateGrant", "kms:DescribeKey"]).into_iter().flatten());
        out
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::{PendingCloudwatchLogsExports, PendingModifiedValues};
    use serde_json::json;

    use super::*;
    use crate::engine::{Ids, diff};

    fn changes(observed: &DbInstance, desired: serde_json::Value) -> Diff {
        let observed = serde_json::to_value(Instance::from_sdk(observed)).unwrap();
        diff(Instance::RULES, &desired, &observed, &Ids::default())
    }

    #[test]
    fn what_is_on_its_way_counts_as_done() {
        let logs = PendingCloudwatchLogsExports::builder().log_types_to_enable("upgrade").log_types_to_disable("error").build();
        let pending = PendingModifiedValues::builder().db_instance_class("db.m7g.large").allocated_storage(100).multi_az(true);
        let instance = DbInstance::builder()
            .db_instance_class("db.t4g.micro")
            .allocated_storage(50)
            .multi_az(false)
            .enabled_cloudwatch_logs_exports("error")
            .pending_modified_values(pending.pending_cloudwatch_logs_exports(logs).build())
            .build();
        let desired = json!({"class": "db.m7g.large", "storage": 100, "multi_az": true, "logs": ["upgrade"]});
        assert!(changes(&instance, desired.clone()).is_empty());
        let mut back = desired;
        back["class"] = json!("db.t4g.micro");
        assert!(changes(&instance, back).touches("class"));
    }

    #[test]
    fn which_password_a_database_was_told_is_read_from_its_tags() {
        let tagged = |value: &str| {
            let tag = Tag::builder().key(TAG_PASSWORD).value(value).build();
            DbInstance::builder().tag_list(tag).tag_list(Tag::builder().key("a").value("b").build()).build()
        };
        let version = "arn:aws:secretsmanager:r:1:secret:n-AbCdEf:::v1";
        assert!(changes(&tagged(version), json!({"password": version, "tags": {"a": "b"}})).is_empty());
        for another in ["arn:aws:secretsmanager:r:1:secret:n-AbCdEf:::v2", ""] {
            assert!(changes(&tagged(version), json!({"password": another})).touches("password"), "{another}");
        }
        // Not the stack's, and nothing that `stack` could have written.
        for none in ["", "v1"] {
            assert!(changes(&tagged(none), json!({"password": ""})).is_empty(), "{none}");
            assert!(changes(&tagged(none), json!({"password": version})).touches("password"), "{none}");
        }
    }

    #[test]
    fn storage_grows_by_itself_and_never_shrinks() {
        let instance = DbInstance::builder().allocated_storage(120).max_allocated_storage(200).build();
        assert!(changes(&instance, json!({"storage": 50, "max_storage": 200})).is_empty());
        let refused = changes(&instance, json!({"storage": 50, "max_storage": 100})).impossible();
        assert_eq!(refused.as_deref(), Some("`storage`: it is 120 and cannot shrink to 50"));
        assert!(changes(&instance, json!({"storage": 50})).impossible().is_some());
        assert!(changes(&instance, json!({"storage": 150})).impossible().is_none());
    }

    fn instance(fields: serde_json::Value) -> Instance {
        let mut all = json!({"class": "db.t4g.micro"});
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    /// Returns the parameters of a change of storage.
    fn told(observed: &DbInstance, desired: serde_json::Value) -> StorageChange {
        let diff = changes(observed, desired.clone());
        assert_eq!(diff.impossible(), None);
        instance(desired).storage_to_tell(observed, &diff)
    }

    fn volume(kind: &str, size: i32, iops: i32) -> DbInstance {
        DbInstance::builder().storage_type(kind).allocated_storage(size).iops(iops).storage_throughput(500).build()
    }

    #[test]
    fn storage_with_iops_grows_together_with_them() {
        let change = |size, iops| StorageChange { size: Some(size), iops, ..StorageChange::default() };
        assert_eq!(told(&volume("gp3", 500, 12_000), json!({"storage": 600})), change(600, Some(12_000)));
        assert_eq!(told(&volume("gp3", 500, 20_000), json!({"storage": 600})), change(600, Some(20_000)));
        assert_eq!(told(&volume("gp3", 500, 12_000), json!({"storage": 500, "iops": 16_000})), change(500, Some(16_000)));
        assert_eq!(told(&volume("io2", 100, 3_000), json!({"storage": 200})), change(200, Some(3_000)));
        // Below 400 GiB AWS takes none; what grows beyond has at least the baseline.
        assert_eq!(told(&volume("gp3", 100, 3_000), json!({"storage": 200})), change(200, None));
        assert_eq!(told(&volume("gp3", 300, 3_000), json!({"storage": 400})), change(400, Some(12_000)));
        assert_eq!(told(&volume("gp2", 500, 1_500), json!({"storage": 600})), change(600, None));
        let faster = told(&volume("gp3", 500, 12_000), json!({"throughput": 1_000}));
        assert_eq!(faster, StorageChange { throughput: Some(1_000), ..change(500, Some(12_000)) });
    }

    #[test]
    fn what_aws_let_grow_is_told_as_it_is() {
        let grown = DbInstance::builder().storage_type("gp2").allocated_storage(120).max_allocated_storage(200).build();
        let kind = told(&grown, json!({"storage": 50, "max_storage": 200, "storage_type": "gp3"}));
        assert_eq!(kind, StorageChange { size: Some(120), kind: Some("gp3".into()), ..StorageChange::default() });
        // No limit any more: AWS wants the size as the limit, and says nothing of one afterwards.
        let off = told(&grown, json!({"max_storage": 0}));
        assert_eq!(off, StorageChange { limit: Some(120), ..StorageChange::default() });
        for most in [None, Some(120)] {
            let fixed = DbInstance::builder().allocated_storage(120).set_max_allocated_storage(most).build();
            assert!(changes(&fixed, json!({"max_storage": 0})).is_empty(), "{most:?}");
            assert!(changes(&fixed, json!({"max_storage": 200})).touches("max_storage"));
        }
    }

    #[test]
    fn what_aws_would_refuse_is_told_at_its_field() {
        let field = |fields: serde_json::Value| instance(fields).refused().map(|(field, _)| field);
        assert_eq!(field(json!({"storage": 100, "storage_type": "io2"})), Some("storage_type"));
        assert_eq!(field(json!({"storage": 100, "storage_type": "io1", "iops": 6_000})), Some("iops"));
        assert_eq!(field(json!({"storage": 100, "storage_type": "io2", "iops": 6_000})), None);
        assert_eq!(field(json!({"storage": 100, "storage_type": "gp3", "iops": 6_000})), Some("iops"));
        assert_eq!(field(json!({"storage": 100, "storage_type": "gp3", "throughput": 600})), Some("throughput"));
        assert_eq!(field(json!({"storage": 400, "storage_type": "gp3", "iops": 16_000})), None);
        assert_eq!(field(json!({"running": false})), Some("running"));
        assert_eq!(field(json!({"running": true})), None);
    }

    #[test]
    fn a_stopped_database_is_started_and_nothing_else_is_lost() {
        let status = |word: &str| {
            let created = aws_sdk_rds::primitives::DateTime::from_secs(1);
            let instance = DbInstance::builder().db_instance_status(word).instance_create_time(created).build();
            (changes(&instance, json!({"running": true})).touches("running"), state_of(&instance))
        };
        for word in ["stopped", "stopping", "inaccessible-encryption-credentials-recoverable"] {
            assert!(status(word).0, "{word}");
        }
        for word in ["available", "starting", "modifying", "storage-full", "incompatible-parameters"] {
            assert!(!status(word).0, "{word}");
        }
        assert!(matches!(status("stopped").1, Readiness::Impaired(_)));
    }

    #[test]
    fn copies_are_upgraded_before_what_they_are_copies_of_but_for_a_new_postgresql() {
        let ahead = |engine: &str, from: &str, to: &str| {
            let observed = DbInstance::builder().engine(engine).engine_version(from).build();
            let desired =
                json!({"source": "${rds.instance/main}", "engine": engine, "engine_version": to, "class": "db.t4g.micro"});
            let diff = changes(&observed, desired.clone());
            (Instance::goes_ahead(&desired, &diff), instance(desired).follows(from))
        };
        assert_eq!(ahead("mysql", "8.0.41", "8.4"), (Some("source"), false));
        assert_eq!(ahead("mariadb", "11.4.4", "11.4.5"), (Some("source"), false));
        assert_eq!(ahead("postgres", "16.4", "16.8"), (Some("source"), false));
        assert_eq!(ahead("postgres", "16.8", "17"), (None, true));
    }

    #[test]
    fn a_plan_says_what_a_change_does_besides() {
        let told = |standby: bool, from: serde_json::Value, to: serde_json::Value| {
            let mut is = serde_json::to_value(instance(from)).unwrap();
            is["multi_az"] = standby.into();
            let wanted = serde_json::to_value(instance(to)).unwrap();
            let diff = diff(Instance::RULES, &wanted, &is, &Ids::default());
            let effects = Instance::effects(&wanted, &is, &diff);
            effects.into_iter().map(|effect| (effect.impact, effect.needs_consent)).collect::<Vec<_>>()
        };
        let version = |engine: &str, version: &str| json!({"engine": engine, "engine_version": version});
        let major = told(false, version("postgres", "16.8"), version("postgres", "17"));
        assert_eq!(major, [(Impact::Interrupts, false), (Impact::CannotBeUndone, true)]);
        assert_eq!(told(true, version("mysql", "8.0.41"), version("mysql", "8.4")).len(), 2);
        assert_eq!(told(false, version("mysql", "8.4.3"), version("mysql", "8.4.4")), [(Impact::Interrupts, false)]);
        let class = || json!({"class": "db.t4g.large"});
        assert_eq!(told(true, json!({}), class()), [(Impact::FailsOver, false)]);
        assert_eq!(told(false, json!({}), class()), [(Impact::Interrupts, false)]);
        assert_eq!(told(false, json!({"backup_days": 0}), json!({"backup_days": 7})), [(Impact::Restarts, false)]);
        assert_eq!(told(false, json!({"backup_days": 3}), json!({"backup_days": 7})), []);
        let off = told(false, json!({"backup_days": 7}), json!({"backup_days": 0}));
        assert_eq!(off, [(Impact::Restarts, false), (Impact::LosesData, true)]);
        assert_eq!(told(false, json!({"backup_days": 7}), json!({"backup_days": 3})), [(Impact::LosesData, false)]);
        assert_eq!(told(false, json!({"port": 5432}), json!({"port": 5433})), [(Impact::Restarts, false)]);
        assert_eq!(told(false, json!({"storage": 20}), json!({"storage": 40})), [(Impact::Waits, false)]);
        assert_eq!(told(false, json!({"deletion_protection": true}), json!({"deletion_protection": false})), []);
    }

    #[test]
    fn another_parameter_group_waits_as_a_whole_unless_an_upgrade_restarts_it() {
        let waits = |copy: bool, from: &str, to: &str| {
            let of = |version: &str, group: &str| {
                let source = if copy { json!("shop-main") } else { Value::Null };
                json!({"source": source, "engine": "postgres", "engine_version": version, "parameter_group": group, "class": "c"})
            };
            let (mut is, mut wanted) = (of(from, "a"), of(to, "b"));
            for value in [&mut is, &mut wanted].into_iter().filter(|_| !copy) {
                value.as_object_mut().unwrap().remove("source");
            }
            let diff = diff(Instance::RULES, &wanted, &is, &Ids::default());
            Instance::effects(&wanted, &is, &diff)
                .iter()
                .any(|e| e.impact == Impact::Waits && e.words.contains("parameters that differ"))
        };
        assert!(waits(false, "16.8", "16.8"));
        assert!(!waits(false, "16.8", "17") && !waits(false, "16.4", "16.8") && !waits(true, "16.4", "16.8"));
        assert!(waits(true, "16.8", "17"), "AWS upgrades it, and it gets the group afterwards");
    }

    #[test]
    fn what_is_stopped_and_protected_is_started_to_go() {
        let of = |status: &str, on: bool| DbInstance::builder().db_instance_status(status).deletion_protection(on).build();
        assert!(starts_to_go(&of("stopped", true)));
        assert!(!starts_to_go(&of("stopped", false)) && !starts_to_go(&of("available", true)));
    }

    #[test]
    fn a_snapshot_is_made_before_there_is_no_way_back() {
        let name = |fields: serde_json::Value, from: &str| {
            let observed = DbInstance::builder().engine("mysql").engine_version(from).db_instance_class("db.t4g.micro").build();
            instance(fields.clone()).snapshot_before("shop-main", &changes(&observed, fields))
        };
        let major = name(json!({"engine": "mysql", "engine_version": "8.4"}), "8.0.41").unwrap();
        assert!(major.starts_with("shop-main-before-8-4-2") && major.len() == "shop-main-before-8-4-20261125".len(), "{major}");
        assert_eq!(name(json!({"engine": "mysql", "engine_version": "8.4.4"}), "8.4.3"), None);
        assert_eq!(name(json!({"engine": "mysql", "class": "db.t4g.small"}), "8.0.41"), None);
    }

    #[test]
    fn versions_only_go_forward() {
        let instance = DbInstance::builder().engine_version("16.8").build();
        assert!(changes(&instance, json!({"engine_version": "16"})).is_empty());
        assert!(changes(&instance, json!({"engine_version": "17"})).impossible().is_none());
        for older in ["15", "16.4"] {
            assert!(changes(&instance, json!({"engine_version": older})).impossible().is_some(), "{older}");
        }
    }
}
