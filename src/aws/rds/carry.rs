//! The data that a database begins with: that of the database that it replaces, or what the file names. It comes by a snapshot,
//! re-encrypted if its key is another.
//!
//! AWS neither encrypts a database in place nor moves it to another subnet group; a snapshot that is restored can do both
//! (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html>). The snapshots of a replacement are named after
//! the successor and the second in which the operation began, so that no run mistakes an older one for its own, and they are deleted
//! with the old database, whichever run deletes that. Those of a beginning have the same names in every run, which continues what
//! another one began, and are deleted when the database is complete ([`super::snapshot`]). A snapshot in another region is copied into
//! this one; a point in time is restored as the new database where the key is the same; elsewhere it is restored first, and a snapshot is
//! taken of that ([`super::interim`]).

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_rds::types::{DbInstance, DbSnapshot, Tag};

use super::instance::{Begin, FROM_SNAPSHOT, Instance, Live, TAG_PASSWORD, least_iops};
use super::named::{AWS_KEY, account_in, id_in, moment, region_of};
use super::snapshots::{SNAPSHOT, find, look_in, remove_in, unfinished};
use super::{NAME, from_sdk, instance, interim, passing, replicated, snapshot as copy, to_sdk};
use crate::aws::call::answers::begun;
use crate::aws::call::arguments::some_ids;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::source;
use crate::aws::rds::errors::failed;
use crate::aws::{Cx, Tags, kms};
use crate::engine::{Class, Error, Readiness, Result};

/// The maximum length of the name of a snapshot, less what is added for its encrypted copy.
const CARRIER: usize = SNAPSHOT - ENCRYPTED.len();
/// The end of the name of an encrypted copy.
const ENCRYPTED: &str = "-encrypted";

/// Where the data of an operation comes from.
enum From {
    /// A snapshot that is named.
    Snapshot,
    /// A database of which a snapshot is taken.
    Database(String),
    /// A database that is restored to a point in time first.
    PointInTime(Begin),
}

/// The copies of an operation.
struct Copies {
    /// Where the data comes from.
    from: From,
    /// The region of the snapshot.
    region: String,
    /// The snapshot: the one that is taken, or the one that is named.
    snapshot: String,
    /// Its copy with another key, or in this region.
    copy: String,
}

impl Copies {
    /// Returns the copies of this operation, if it has any.
    async fn of(cx: &Cx, begin: Option<&Begin>) -> Result<Option<Copies>> {
        if let Some(from) = cx.replaces::<Live>()? {
            let snapshot = names::carrier(cx, &names::name(cx, NAME), CARRIER).await?;
            let copy = format!("{snapshot}{ENCRYPTED}");
            return Ok(Some(Copies { from: From::Database(from.id), region: cx.scope.region.clone(), snapshot, copy }));
        }
        let Some(begin) = begin.filter(|_| cx.begins) else { return Ok(None) };
        let [_, copy] = copy::names(cx);
        let region = |name: &str| region_of(cx, name).to_owned();
        if let Begin::Database(of) | Begin::PointInTime { database: of, .. } = begin
            && account_in(of).is_some_and(|account| account != cx.scope.account)
        {
            return Err(Error::new(Class::Invalid, format!("`{of}` is a database of another account")));
        }
        Ok(Some(match begin {
            Begin::Database(of) => {
                let (region, from) = (region(of), From::Database(id_in(of).to_owned()));
                Copies { snapshot: copy::taken(cx, &region), region, from, copy }
            }
            Begin::Snapshot(name) => Copies { region: region(name), from: From::Snapshot, snapshot: name.clone(), copy },
            Begin::PointInTime { .. } => {
                let (region, from) = (cx.scope.region.clone(), From::PointInTime(begin.clone()));
                Copies { snapshot: copy::taken(cx, &region), region, from, copy }
            }
        }))
    }

    /// Returns what they are of, in words.
    fn what(&self) -> String {
        match &self.from {
            From::Snapshot => format!("snapshot {}", self.snapshot),
            From::Database(id) => format!("snapshot of {id}"),
            From::PointInTime(begin) => format!("snapshot of {begin}"),
        }
    }
}

/// A copy that the operation makes, as it was found.
enum Made {
    /// It does not exist.
    Not,
    /// It is not finished, or failed.
    Waits(Readiness),
    /// It can be used.
    Complete(Box<DbSnapshot>),
}

/// What is restored.
#[derive(Clone)]
enum Data {
    /// A snapshot: how it is named in the call, and what it is.
    Snapshot(String, Box<DbSnapshot>),
    /// A database with the same key, its backups from another region, if it is of there, and the time at which it had the data; the
    /// latest, if none.
    PointInTime(Box<DbInstance>, Option<String>, Option<String>),
}

type Chosen = Option<Data>;

/// Returns what this operation restores, once that is known.
async fn chosen(cx: &Cx) -> Result<Arc<Mutex<Chosen>>> {
    cx.reads.once("rds.chosen", async { Ok(Mutex::default()) }).await
}

async fn choose(cx: &Cx, data: Data) -> Result<Readiness> {
    *chosen(cx).await?.lock().unwrap_or_else(PoisonError::into_inner) = Some(data);
    Ok(Readiness::Ready)
}

impl Instance {
    /// Checks whether a snapshot must be re-encrypted before it is restored.
    fn encrypts_anew(&self, snapshot: &DbSnapshot) -> bool {
        match (self.encrypted, &self.kms_key) {
            (Some(true), Some(key)) => snapshot.kms_key_id() != Some(key),
            (Some(true), None) => snapshot.encrypted() != Some(true),
            _ => false,
        }
    }

    /// Checks the same; what begins with another's data does not keep that one's key either where the file names none.
    async fn needs_copy(&self, cx: &Cx, snapshot: &DbSnapshot) -> Result<bool> {
        if self.encrypts_anew(snapshot) || !cx.begins || self.encrypted != Some(true) || self.kms_key.is_some() {
            return Ok(self.encrypts_anew(snapshot));
        }
        let own = cx.reads.once("rds.aws_key", kms::arn_of(cx, AWS_KEY)).await?;
        Ok(own.as_deref() != snapshot.kms_key_id())
    }

    /// Returns AWS's own key, where that is the one that it is encrypted with.
    async fn key_of_aws(&self, cx: &Cx) -> Result<Arc<Option<String>>> {
        match cx.begins && self.encrypted == Some(true) && self.kms_key.is_none() {
            true => cx.reads.once("rds.aws_key", kms::arn_of(cx, AWS_KEY)).await,
            false => Ok(Arc::default()),
        }
    }

    /// Returns the database whose backups can be restored as this one: AWS does that with the key of the original only. None when the key
    /// is another, and when an earlier run began to carry the data over by a snapshot.
    async fn restored_directly(&self, cx: &Cx, copies: &Copies, database: &str) -> Result<Option<DbInstance>> {
        let source = match replicated::is_backup(database) {
            true => replicated::look(cx, &cx.scope.region, database).await?.as_ref().map(replicated::as_instance),
            false => instance(cx, id_in(database), &cx.scope.region).await?,
        };
        let Some(source) = source else { return Ok(None) };
        if self.encrypted == Some(true) {
            let own = self.key_of_aws(cx).await?;
            let key = self.kms_key.as_deref().or(own.as_deref());
            if key.is_none() || source.kms_key_id() != key {
                return Ok(None);
            }
        }
        let began = interim::exists(cx).await? || look_in(cx, &cx.scope.region, &copies.snapshot).await?.is_some();
        Ok((!began).then_some(source))
    }

    /// Returns the tags of a copy that is made.
    fn tags_of_copy(&self, cx: &Cx, region: &str, name: &str) -> Tags {
        if region != cx.scope.region {
            return self
                .begin
                .as_ref()
                .map(|begin| passing::tags(&cx.scope, &cx.key.name, &begin.to_string()))
                .unwrap_or_default();
        }
        match self.begin.as_ref().filter(|_| cx.begins) {
            Some(begin) => copy::tags(cx, &self.tags, name, &begin.to_string()),
            None => self.tags.clone(),
        }
    }

    /// Looks for a copy that this operation makes. What an earlier run copied from elsewhere, or with another key, is not used.
    async fn made(&self, cx: &Cx, (region, name): (&str, &str), what: &str, key: Option<&str>) -> Result<Made> {
        let Some(found) = look_in(cx, region, name).await? else { return Ok(Made::Not) };
        if let Some(begin) = self.begin.as_ref().filter(|_| cx.begins) {
            let (tags, is_here) = (from_sdk(found.tag_list()), region == cx.scope.region);
            let is_ours = match is_here {
                true => copy::is_ours(cx, &tags, name),
                false => passing::is_for(&cx.scope, &cx.key.name, &found),
            };
            if !is_ours {
                let words = "exists and is not this stack's, so it is not used: delete it, or copy it under another name first";
                return Ok(Made::Waits(Readiness::Failed(format!("the snapshot `{name}` {words}"))));
            }
            if found.status() == Some("failed") {
                remove_in(cx, region, name).await?;
                let words = "failed and was deleted; the next run makes another one";
                return Ok(Made::Waits(Readiness::Failed(format!("the {what} {words}"))));
            }
            if source(&tags) != Some(&begin.to_string()) || key.is_some_and(|key| found.kms_key_id() != Some(key)) {
                match remove_in(cx, region, name).await {
                    // It is still being made.
                    Err(error) if error.class == Class::InUse => {}
                    other => other?,
                }
                return Ok(Made::Waits(Readiness::waiting(format!("deleting {name}, a copy for another beginning"))));
            }
        }
        Ok(unfinished(&found, what).map_or_else(|| Made::Complete(Box::new(found)), Made::Waits))
    }

    /// Polls the snapshots once; see [`crate::engine::Resource::carry_over`].
    pub(super) async fn look_at_copy(&self, cx: &Cx) -> Result<Readiness> {
        let Some(copies) = Copies::of(cx, self.begin.as_ref()).await? else { return Ok(Readiness::Ready) };
        if let From::PointInTime(Begin::PointInTime { database, at }) = &copies.from
            && let Some(source) = self.restored_directly(cx, &copies, database).await?
        {
            let backup = Some(database.clone()).filter(|database| replicated::is_backup(database));
            return choose(cx, Data::PointInTime(source.into(), backup, at.clone())).await;
        }
        let (name, region, what) = (&copies.snapshot, &copies.region, copies.what());
        let snapshot = match &copies.from {
            From::Snapshot => match find(cx, name).await? {
                Some(snapshot) => match unfinished(&snapshot, &what) {
                    Some(state) => return Ok(state),
                    None => snapshot,
                },
                None => return Ok(Readiness::Failed(format!("the {what} does not exist"))),
            },
            From::Database(_) | From::PointInTime(_) => match self.made(cx, (region, name), &what, None).await? {
                Made::Waits(state) => return Ok(state),
                Made::Complete(snapshot) => *snapshot,
                Made::Not => {
                    let from = match &copies.from {
                        From::PointInTime(begin) => match interim::restored(cx, self, begin).await? {
                            Ok(from) => from,
                            Err(state) => return Ok(state),
                        },
                        From::Database(id) => id.clone(),
                        From::Snapshot => return Err(Error::internal("a snapshot is taken of a database")),
                    };
                    let call = cx.cloud.rds_in(region).create_db_snapshot();
                    let call = call.db_instance_identifier(&from).db_snapshot_identifier(name);
                    let answer = call.set_tags(Some(to_sdk(&self.tags_of_copy(cx, region, name)))).send().await;
                    begun(answer.map_err(failed("rds:CreateDBSnapshot")))?;
                    return Ok(Readiness::waiting(format!("starting a snapshot of {from}")));
                }
            },
        };
        if let From::PointInTime(_) = copies.from {
            interim::delete_restored(cx).await?;
        }
        let is_elsewhere = *region != cx.scope.region;
        if !is_elsewhere && !self.needs_copy(cx, &snapshot).await? {
            return choose(cx, Data::Snapshot(name.clone(), snapshot.into())).await;
        }
        let copy = &copies.copy;
        // A run before may have made it with a key that the file does not name any more.
        let own = self.key_of_aws(cx).await?;
        let key = self.kms_key.as_deref().or(own.as_deref());
        match self.made(cx, (&cx.scope.region, copy), &format!("copy of the {what}"), key).await? {
            Made::Waits(state) => Ok(state),
            Made::Complete(encrypted) => choose(cx, Data::Snapshot(copy.clone(), encrypted)).await,
            Made::Not => {
                // Only its ARN names one of another region, which AWS copies into the one that is called; `PreSignedUrl` is for GovCloud
                // (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html>).
                let source = if is_elsewhere { snapshot.db_snapshot_arn().unwrap_or(name) } else { name };
                let call = cx.cloud.rds.copy_db_snapshot().source_db_snapshot_identifier(source);
                // One that the file wants unencrypted is only copied into this region.
                let key = self.key_to_name();
                let call = call.target_db_snapshot_identifier(copy).set_kms_key_id(key);
                let answer = call.set_tags(Some(to_sdk(&self.tags_of_copy(cx, &cx.scope.region, copy)))).send().await;
                begun(answer.map_err(failed("rds:CopyDBSnapshot")))?;
                Ok(Readiness::waiting(match is_elsewhere {
                    true => format!("its copy from {region} is being made"),
                    false => "its copy is being re-encrypted".to_owned(),
                }))
            }
        }
    }

    /// Creates the database from what was chosen. Settings that the call does not accept are set by the change that follows.
    pub(super) async fn restore(&self, cx: &Cx) -> Result<Option<DbInstance>> {
        let chosen = chosen(cx).await?.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match chosen.ok_or_else(|| Error::internal("nothing was chosen to restore"))? {
            Data::Snapshot(from, snapshot) => self.restore_snapshot(cx, from, &snapshot).await,
            Data::PointInTime(of, backup, at) => self.restore_as_it_was(cx, &of, backup, at.as_deref()).await,
        }
    }

    /// Returns the tags of a database that is restored. It begins with the password of the data: only Oracle's can be kept by RDS from the
    /// start (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html>). The tag says so until
    /// it has its own, also to a run that finds it in between. Without any tags it would get those of the original.
    fn tags_when_restored(&self) -> Vec<Tag> {
        let mut tags = self.tags.clone();
        tags.insert(TAG_PASSWORD.to_owned(), FROM_SNAPSHOT.to_owned());
        to_sdk(&tags)
    }

    async fn restore_snapshot(&self, cx: &Cx, from: String, snapshot: &DbSnapshot) -> Result<Option<DbInstance>> {
        let call = cx.cloud.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier(from);
        let call = call.db_instance_identifier(names::name(cx, NAME)).db_instance_class(&self.class);
        let subnets = self.subnet_group.as_ref().map(|group| group.id().map(str::to_owned)).transpose()?;
        let parameters = self.parameters_at(snapshot.engine(), snapshot.engine_version())?;
        let call = call.set_db_subnet_group_name(subnets).set_db_parameter_group_name(parameters);
        let call = call.set_vpc_security_group_ids(some_ids(&self.security_groups)?);
        let call = call.set_multi_az(self.multi_az).publicly_accessible(self.publicly_accessible).set_port(self.port);
        // No less than the snapshot's, which AWS refuses; a later increase would be another change, of 10 % at least.
        let size = self.storage.max(snapshot.allocated_storage);
        let iops = self.iops.or(size.and_then(|size| least_iops(self.storage_type.as_deref(), size)));
        let call = call.set_allocated_storage(size).set_iops(iops).set_storage_throughput(self.throughput);
        let call = call.set_storage_type(self.storage_type.clone()).set_deletion_protection(self.deletion_protection);
        let call = call.set_enable_cloudwatch_logs_exports(self.logs.clone()).set_copy_tags_to_snapshot(self.copy_tags);
        let call = call.set_auto_minor_version_upgrade(self.auto_minor_upgrade).set_tags(Some(self.tags_when_restored()));
        Ok(call.send().await.map_err(failed("rds:RestoreDBInstanceFromDBSnapshot"))?.db_instance)
    }

    /// Creates it from the backups of another one
    /// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceToPointInTime.html>).
    async fn restore_as_it_was(
        &self,
        cx: &Cx,
        of: &DbInstance,
        backup: Option<String>,
        at: Option<&str>,
    ) -> Result<Option<DbInstance>> {
        let call = cx.cloud.rds.restore_db_instance_to_point_in_time().target_db_instance_identifier(names::name(cx, NAME));
        let call = call.set_source_db_instance_identifier(of.db_instance_identifier.clone()).db_instance_class(&self.class);
        let call = call.set_source_db_instance_automated_backups_arn(backup);
        let call = match at {
            Some(at) => call.restore_time(moment(at)?),
            None => call.use_latest_restorable_time(true),
        };
        let subnets = self.subnet_group.as_ref().map(|group| group.id().map(str::to_owned)).transpose()?;
        let parameters = self.parameters_at(of.engine(), of.engine_version())?;
        let call = call.set_db_subnet_group_name(subnets).set_db_parameter_group_name(parameters);
        let call = call.set_vpc_security_group_ids(some_ids(&self.security_groups)?);
        let call = call.set_multi_az(self.multi_az).publicly_accessible(self.publicly_accessible).set_port(self.port);
        let size = self.storage.max(of.allocated_storage);
        let iops = self.iops.or(size.and_then(|size| least_iops(self.storage_type.as_deref(), size)));
        let call = call.set_allocated_storage(size).set_iops(iops).set_storage_throughput(self.throughput);
        let call = call.set_storage_type(self.storage_type.clone()).set_deletion_protection(self.deletion_protection);
        let call = call.set_enable_cloudwatch_logs_exports(self.logs.clone()).set_copy_tags_to_snapshot(self.copy_tags);
        let call = call.set_auto_minor_version_upgrade(self.auto_minor_upgrade).set_tags(Some(self.tags_when_restored()));
        Ok(call.send().await.map_err(failed("rds:RestoreDBInstanceToPointInTime"))?.db_instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(key: Option<&str>) -> DbSnapshot {
        DbSnapshot::builder().encrypted(key.is_some()).set_kms_key_id(key.map(str::to_owned)).status("available").build()
    }

    #[test]
    fn a_snapshot_with_another_key_is_reencrypted() {
        let instance = |key: Option<&str>, encrypted| -> Instance {
            serde_json::from_value(serde_json::json!({"class": "db.t4g.micro", "encrypted": encrypted, "kms_key": key})).unwrap()
        };
        assert!(!instance(None, false).encrypts_anew(&snapshot(None)));
        assert!(instance(None, true).encrypts_anew(&snapshot(None)));
        assert!(!instance(None, true).encrypts_anew(&snapshot(Some("k1"))));
        assert!(instance(Some("k2"), true).encrypts_anew(&snapshot(Some("k1"))));
        assert!(!instance(Some("k1"), true).encrypts_anew(&snapshot(Some("k1"))));
    }

    #[test]
    fn a_snapshot_says_how_far_it_is() {
        assert_eq!(unfinished(&snapshot(None), "snapshot"), None);
        let creating = DbSnapshot::builder().status("creating").percent_progress(40).build();
        let waiting = Readiness::Waiting { status: "snapshot: creating, 40 %".into(), progress: Some(0.4) };
        assert_eq!(unfinished(&creating, "snapshot"), Some(waiting));
        let failed = DbSnapshot::builder().status("failed").build();
        assert!(matches!(unfinished(&failed, "snapshot"), Some(Readiness::Failed(_))));
    }
}
