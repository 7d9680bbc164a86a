//! What became of databases: their snapshots, which may be older than their settings, and which anyone with the right can share.

use aws_sdk_rds::types::{DbSnapshot, DbSnapshotAttribute};
use futures::future::{BoxFuture, try_join_all};

use super::Instance;
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::control::Breach;
use crate::aws::control::later::{Fact, Later, own};
use crate::aws::rds::errors::failed;
use crate::engine::{Key, Resource, Result, Snapshot};

/// The attribute with the accounts that may restore a snapshot, and what stands for all of them
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBSnapshotAttribute.html>).
const RESTORE: &str = "restore";
const EVERYONE: &str = "all";
/// The type of snapshots that can be shared.
const MANUAL: &str = "manual";

/// What databases are asked for `stack check --live`.
pub(super) static LATER: &[Later] = &[Later { controls: &["RDS.1", "RDS.4"], read }];

fn read<'a>(cx: &'a Cx, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<Vec<Fact>>> {
    Box::pin(async move {
        let databases = own(snapshot, Instance::KIND).filter(|(_, seen)| !seen.state.is_gone());
        let facts = try_join_all(databases.map(|(key, seen)| of_database(cx, key, seen.id()))).await?;
        Ok(facts.into_iter().flatten().collect())
    })
}

/// Returns what is wrong with the snapshots of a database.
async fn of_database(cx: &Cx, key: Key, id: &str) -> Result<Vec<Fact>> {
    let pages = cx.cloud.rds.describe_db_snapshots().db_instance_identifier(id).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    let mut facts = Vec::new();
    for one in present(all.map_err(failed("rds:DescribeDBSnapshots")))? {
        let Some(name) = one.db_snapshot_identifier() else { continue };
        if is_readable(&one) {
            facts.push(("RDS.4", Breach::new(&key, format!("its snapshot `{name}` is not encrypted"))));
        }
        if one.snapshot_type() == Some(MANUAL) && is_public(&attributes(cx, name).await?) {
            facts.push(("RDS.1", Breach::new(&key, format!("every AWS account can restore its snapshot `{name}`"))));
        }
    }
    Ok(facts)
}

/// Checks whether a snapshot can be read without a key.
fn is_readable(snapshot: &DbSnapshot) -> bool {
    snapshot.encrypted() == Some(false)
}

/// Returns the attributes of a snapshot; none if it was deleted meanwhile.
async fn attributes(cx: &Cx, name: &str) -> Result<Vec<DbSnapshotAttribute>> {
    let answer = cx.cloud.rds.describe_db_snapshot_attributes().db_snapshot_identifier(name).send().await;
    let result = present(answer.map(|a| a.db_snapshot_attributes_result).map_err(failed("rds:DescribeDBSnapshotAttributes")))?;
    Ok(result.and_then(|result| result.db_snapshot_attributes).unwrap_or_default())
}

/// Checks whether every account can restore a snapshot with these attributes.
fn is_public(attributes: &[DbSnapshotAttribute]) -> bool {
    let restore = attributes.iter().filter(|one| one.attribute_name() == Some(RESTORE));
    restore.flat_map(|one| one.attribute_values()).any(|account| account == EVERYONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_public_when_all_can_restore_it() {
        let of = |name: &str, values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            DbSnapshotAttribute::builder().attribute_name(name).set_attribute_values(Some(values)).build()
        };
        assert!(is_public(&[of("restore", &["123456789012", "all"])]));
        assert!(!is_public(&[of("restore", &["123456789012"]), of("other", &["all"])]));
        assert!(!is_public(&[]));
    }

    #[test]
    fn a_snapshot_without_a_key_is_readable() {
        let of = |encrypted: Option<bool>| is_readable(&DbSnapshot::builder().set_encrypted(encrypted).build());
        assert_eq!([of(Some(false)), of(Some(true)), of(None)], [true, false, false]);
    }
}
