//! The deletion of a database: what comes before it, what blocks it, and whether it is gone.

use aws_sdk_rds::types::DbInstance;

use super::Live;
use super::read::look;
use super::update::start;
use crate::aws::Cx;
use crate::aws::rds::errors::failed;
use crate::aws::rds::named::is_elsewhere;
use crate::aws::rds::status::state_of;
use crate::aws::rds::{of_instance, snapshots};
use crate::engine::{Blocker, Class, Readiness, Result};

/// Checks whether it must be started before it can be deleted: AWS modifies nothing that is stopped
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html>, limitations), not even its deletion
/// protection.
pub(super) fn starts_to_go(instance: &DbInstance) -> bool {
    instance.deletion_protection() == Some(true) && instance.db_instance_status() == Some("stopped")
}

/// Deletes it, or starts what must run first; see [`crate::engine::Resource::delete`].
pub(super) async fn delete_instance(cx: &Cx, live: &Live) -> Result<()> {
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
pub(super) async fn blockers(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
    let Some(now) = look(cx, &live.id).await? else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    // One in another region is told of before anything is deleted.
    let near = now.read_replica_db_instance_identifiers().iter().filter(|replica| !is_elsewhere(replica));
    for replica in near {
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

/// Checks once whether it is gone, and continues deleting what had to be started first.
pub(super) async fn gone(cx: &Cx, live: &Live) -> Result<Readiness> {
    let Some(now) = look(cx, &live.id).await? else { return Ok(Readiness::Gone) };
    let status = now.db_instance_status().unwrap_or("deleting");
    if now.deletion_protection() != Some(true) || status == "deleting" {
        return Ok(Readiness::waiting(status));
    }
    // `delete` began by starting it.
    if state_of(&now) == Readiness::Ready || status == "stopped" {
        match delete_instance(cx, live).await {
            Err(e) if e.class == Class::InUse => {}
            other => other?,
        }
    }
    Ok(Readiness::waiting(format!("{status}: it was stopped, and its deletion protection can be turned off only while it runs")))
}
