//! Snapshots that are taken where the data is, for a copy of an environment in another region or account. No environment there has them, so
//! no run there deletes them: a tag and the name say which copy they are for, and they are deleted when that has its data.

use aws_sdk_rds::types::DbSnapshot;

use super::snapshots::{SNAPSHOT, look, look_in, remove_in, unfinished};
use super::{from_sdk, to_sdk};
use crate::aws::call::answers::begun;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::TAG_BEGINS;
use crate::aws::rds::errors::failed;
use crate::aws::{Cx, Tags};
use crate::engine::{Class, Readiness, Result, Scope};

/// The tag that says which database a snapshot is for: stack, environment, account and region of the copy, and its name there.
pub(super) const TAG_FOR: &str = "stack:begins-for";

/// Returns what the tag of all snapshots for the copy with this scope begins with.
fn prefix(copy: &Scope) -> String {
    let Scope { stack, env, account, region, .. } = copy;
    format!("{stack}/{env}/{account}/{region}/")
}

/// Returns the name of the snapshot in another region for a database: the same in every run.
pub(super) fn name(copy: &Scope, database: &str, generation: u32) -> String {
    names::fit(&copy.prefix(), &format!("{database}-begins-in-{}", copy.region), generation, SNAPSHOT)
}

/// Returns the name of the snapshot that is shared for a copy.
pub fn shared_name(instance: &str, copy: &str, at: &str) -> String {
    format!("{instance}-for-{copy}-{at}")
}

/// Checks whether a snapshot with the tag `of` has such a name, which nobody can change: whoever may only write tags has nothing deleted.
pub(super) fn is_named(name: &str, of: &str) -> bool {
    let parts: Vec<&str> = of.split('/').collect();
    let [_, env, _, region, _] = parts[..] else { return false };
    name.contains(&format!("-begins-in-{region}")) || name.contains(&format!("-for-{env}-"))
}

/// Returns the tags of a snapshot of `source` for a database.
pub(super) fn tags(copy: &Scope, database: &str, source: &str) -> Tags {
    Tags::from([(TAG_FOR.to_owned(), format!("{}{database}", prefix(copy))), (TAG_BEGINS.to_owned(), source.to_owned())])
}

/// Checks whether a snapshot is for a database of the copy with this scope.
pub(super) fn is_for(copy: &Scope, database: &str, found: &DbSnapshot) -> bool {
    from_sdk(found.tag_list()).get(TAG_FOR) == Some(&format!("{}{database}", prefix(copy)))
}

/// Deletes the snapshot in another region for a database, which has its data.
pub(super) async fn remove(cx: &Cx, region: &str, database: &str, generation: u32) -> Result<()> {
    let name = name(&cx.scope, database, generation);
    match look_in(cx, region, &name).await? {
        Some(found) if is_for(&cx.scope, database, &found) => remove_in(cx, region, &name).await,
        _ => Ok(()),
    }
}

/// The snapshots that were taken for a copy.
#[derive(Default)]
pub struct Deleted {
    /// The names of those that are deleted.
    pub deleted: Vec<String>,
    /// The names of those that AWS is still taking, and which stay.
    pub busy: Vec<String>,
}

/// Deletes what was taken in this account and region for the copy with this scope.
///
/// # Errors
/// When RDS cannot be asked, or refuses.
pub async fn delete_for(cx: &Cx, copy: &Scope) -> Result<Deleted> {
    let pages = cx.cloud.rds.describe_db_snapshots().snapshot_type("manual").into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("rds:DescribeDBSnapshots"))?;
    let (prefix, mut out) = (prefix(copy), Deleted::default());
    for found in all {
        let tags = from_sdk(found.tag_list());
        let is_meant = |name: &String| tags.get(TAG_FOR).is_some_and(|of| of.starts_with(&prefix) && is_named(name, of));
        let Some(name) = found.db_snapshot_identifier.filter(is_meant) else { continue };
        match remove_in(cx, &cx.scope.region, &name).await {
            Ok(()) => out.deleted.push(name),
            Err(error) if error.class == Class::InUse => out.busy.push(name),
            Err(error) => return Err(error),
        }
    }
    Ok(out)
}

/// A snapshot that is shared with the account of a copy.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The database of the file that it is for.
    pub database: String,
    /// The database that it is of.
    pub instance: String,
    /// Its name.
    pub name: String,
}

/// Polls a snapshot for another account once, and does the next step: a snapshot with the instance's own key, which that account may use,
/// and then the permission to copy it.
///
/// # Errors
/// When RDS refuses a step (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html>).
pub async fn share(cx: &Cx, shared: &Shared, copy: &Scope) -> Result<Readiness> {
    let Shared { database, instance, name } = shared;
    let Some(taken) = look(cx, name).await? else {
        let call = cx.cloud.rds.create_db_snapshot().db_instance_identifier(instance).db_snapshot_identifier(name);
        let call = call.set_tags(Some(to_sdk(&tags(copy, database, &format!("database:{instance}")))));
        begun(call.send().await.map_err(failed("rds:CreateDBSnapshot")))?;
        return Ok(Readiness::waiting(format!("starting a snapshot of {instance}")));
    };
    if let Some(state) = unfinished(&taken, &format!("snapshot of {instance}")) {
        return Ok(state);
    }
    let call = cx.cloud.rds.modify_db_snapshot_attribute().db_snapshot_identifier(name).attribute_name("restore");
    call.values_to_add(&copy.account).send().await.map_err(failed("rds:ModifyDBSnapshotAttribute"))?;
    Ok(Readiness::Ready)
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::Tag;

    use super::*;

    fn scope(env: &str, region: &str) -> Scope {
        let text = |text: &str| text.to_owned();
        Scope { stack: text("shop"), env: text(env), region: text(region), account: text("1"), partition: text("aws") }
    }

    fn snapshot(value: &str) -> DbSnapshot {
        DbSnapshot::builder().tag_list(Tag::builder().key(TAG_FOR).value(value).build()).build()
    }

    #[test]
    fn a_snapshot_is_for_one_database_of_one_copy() {
        let copy = scope("bug", "eu-west-1");
        assert_eq!(name(&copy, "main", 1), "shop-bug-main-begins-in-eu-west-1");
        assert_ne!(name(&copy, "main", 1), name(&scope("bug", "eu-west-2"), "main", 1));
        let theirs = snapshot("shop/bug/1/eu-west-1/main");
        assert!(is_for(&copy, "main", &theirs) && !is_for(&copy, "books", &theirs));
        for other in [scope("bug", "eu-west-2"), scope("bug2", "eu-west-1")] {
            assert!(!is_for(&other, "main", &theirs), "{other:?}");
        }
        assert!(!is_for(&copy, "main", &DbSnapshot::builder().build()));
        let of = "shop/bug/1/eu-west-1/main";
        assert!(is_named(&name(&copy, "main", 2), of) && is_named(&shared_name("shop-production", "bug", "20261127t1z"), of));
        assert!(!is_named("production-before-the-sale", of), "the tag alone has nothing deleted");
    }
}
