//! Whether a new database can begin with the data that it names: asked before anything is created. What came with a snapshot cannot be
//! changed (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html>), and a difference
//! would replace the database in the next run.

use aws_sdk_rds::types::{DbInstance, DbSnapshot};
use serde_json::{Map, Value, json};

use super::instance::{Begin, Instance};
use super::named::{account_in, id_in, region_of};
use super::snapshots::{find, look_in};
use super::status::state_of;
use super::{from_sdk, instance, replicated, snapshot, window};
use crate::aws::Cx;
use crate::aws::finding::{Certainty, Finding};
use crate::aws::ownership::tags::source;
use crate::engine::{Change, Diff, Ids, Item, Readiness, Resource, Result, diff};

/// Checks whether the data exists, can be copied, and is of such a database.
pub(super) async fn check(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let Some(desired) = &item.desired else { return Ok(Vec::new()) };
    let Ok(begin) = serde_json::from_value::<Begin>(desired["begin"].clone()) else { return Ok(Vec::new()) };
    let refused = |message: String, help: &str| Ok(vec![Finding::refused(&item.key, message, help)]);
    if let Some((message, help)) = out_of_reach(cx, &begin) {
        return refused(message, help);
    }
    let (what, data) = match &begin {
        Begin::Snapshot(name) => {
            let what = format!("the snapshot `{name}`");
            let Some(found) = find(cx, name).await? else {
                let help =
                    "name one that RDS lists for this account and region; one of another account or region is named by its ARN";
                return refused(format!("{what} that it is to begin with does not exist"), help);
            };
            match found.status().unwrap_or("unknown") {
                "available" => {}
                status => return refused(format!("{what} is `{status}`"), "wait until it is `available`, or name another one"),
            }
            let source = source_of(cx, &found).await?;
            let unknown = source.is_none().then(|| {
                let message = format!("whether {what} has the database `{}` cannot be checked", text(desired, "database"));
                let help = "RDS reports that only of the database that the snapshot is of, which is gone or another account's";
                Finding::new(Certainty::Unknown, message).about(&item.key).help(help)
            });
            let mut data = of_snapshot(&found);
            data.insert(
                "database".into(),
                source.map_or(desired["database"].clone(), |db| json!(db.db_name.unwrap_or_default())),
            );
            let mut findings = differences(item, desired, &what, data);
            findings.extend(unknown.filter(|_| desired.get("database").is_some()));
            return Ok(findings);
        }
        Begin::PointInTime { database: of, at } if replicated::is_backup(of) => {
            let what = "the backups from another region".to_owned();
            let Some(found) = replicated::look(cx, region_of(cx, of), of).await? else {
                return refused(
                    format!("{what} that it is to begin with, `{of}`, do not exist"),
                    "`stack recovery check` shows those that do",
                );
            };
            let of = replicated::as_instance(&found);
            if let Some((message, help)) = window::out_of_window(&of, replicated::earliest(&found), &what, at.as_deref())? {
                return refused(message, &help);
            }
            (what, data(of.engine(), of.engine_version(), of.master_username(), of.allocated_storage, of.storage_encrypted))
        }
        Begin::Database(of) | Begin::PointInTime { database: of, .. } => {
            let (what, region) = (format!("the database `{of}`"), region_of(cx, of));
            // An earlier run got as far as its snapshot.
            let taken = taken(cx, item, region, &begin).await?;
            match (instance(cx, id_in(of), region).await?, taken) {
                (_, Some(taken)) => (what, of_snapshot(&taken)),
                (Some(found), None) => {
                    let refusal = match &begin {
                        Begin::PointInTime { at, .. } => window::not_restorable(cx, &found, &what, at.as_deref()).await?,
                        _ => not_copied(&found, &what),
                    };
                    if let Some((message, help)) = refusal {
                        return refused(message, &help);
                    }
                    (what, of_instance(&found))
                }
                (None, None) => {
                    let help = "name one that RDS lists for this account and region, by its ARN one of another region, or begin with a snapshot";
                    return refused(format!("{what} that it is to begin with does not exist"), help);
                }
            }
        }
    };
    Ok(differences(item, desired, &what, data))
}

/// Returns why data of another region or account cannot be had, and what helps.
fn out_of_reach(cx: &Cx, begin: &Begin) -> Option<(String, &'static str)> {
    let (Begin::Snapshot(name) | Begin::Database(name) | Begin::PointInTime { database: name, .. }) = begin;
    let is_database = !matches!(begin, Begin::Snapshot(_));
    if is_database && account_in(name).is_some_and(|account| account != cx.scope.account) {
        let message = format!("the database `{name}` is another account's, and only that account takes snapshots of it");
        return Some((message, "begin with a snapshot that the other account shares"));
    }
    // <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html>, PreSignedUrl
    if region_of(cx, name) != cx.scope.region && matches!(begin, Begin::PointInTime { .. }) {
        let message = format!("`{name}` is in another region, and backups are restored in their own");
        return Some((message, "begin with a snapshot of it, which is copied into this region"));
    }
    if region_of(cx, name) != cx.scope.region && cx.scope.partition != "aws" {
        let message =
            format!("`{name}` is in another region, and `stack` does not copy between regions of `{}`", cx.scope.partition);
        return Some((message, "copy the snapshot into this region first, and begin with the copy"));
    }
    None
}

/// Returns the snapshot that an earlier run took for the database.
async fn taken(cx: &Cx, item: &Item, region: &str, begin: &Begin) -> Result<Option<DbSnapshot>> {
    let name = snapshot::taken(&cx.at(&item.key, item.generation), region);
    let is_its =
        |found: &DbSnapshot| source(&from_sdk(found.tag_list())) == Some(&begin.to_string()) && found.status() != Some("failed");
    Ok(look_in(cx, region, &name).await?.filter(is_its))
}

/// Returns why AWS takes no snapshot of a database now, and what helps.
fn not_copied(of: &DbInstance, what: &str) -> Option<(String, String)> {
    let state = state_of(of);
    // Storage that is still being optimised can be copied.
    if state.tells_all() || matches!(state, Readiness::Waiting { .. }) {
        return None;
    }
    let message = format!("AWS takes no snapshot of {what} while it is `{}`", of.db_instance_status().unwrap_or("unknown"));
    Some((message, "bring it to `available` first, or begin with a snapshot of it".into()))
}

/// Returns what the file says otherwise than the data, by the rules of the comparison.
fn differences(item: &Item, desired: &Value, what: &str, data: Map<String, Value>) -> Vec<Finding> {
    let about = |change: &Change| {
        let (is, wanted) = (shown(&change.before), shown(&change.after));
        let field = &change.path;
        match &change.impossible {
            Some(why) => Finding::refused(&item.key, format!("{what} does not fit: `{field}`: {why}"), remedy(field)),
            None if field == "database" && is.is_empty() => {
                let message =
                    format!("{what} was created without a database, and the file says `{wanted}`; AWS never changes that");
                let help =
                    "describe it under `resources` as an `rds.instance` without `database`, or begin empty and load a dump";
                Finding::refused(&item.key, message, help)
            }
            None => {
                let message = format!("{what} has the `{field}` `{is}`, and the file says `{wanted}`");
                Finding::refused(&item.key, message, format!("write `{field}: {is}`; it cannot be changed in the data"))
            }
        }
    };
    let differs = compared(desired, data).changes;
    differs.iter().filter(|change| change.forces_replacement || change.impossible.is_some()).map(about).collect()
}

/// Compares the file with the data.
fn compared(desired: &Value, mut data: Map<String, Value>) -> Diff {
    let gib = |of: &Value| of["storage"].as_i64().unwrap_or_default();
    // It is restored with whatever is more; the least by which storage grows is for a database that exists.
    let mut desired = desired.clone();
    if gib(&desired) > data.get("storage").and_then(Value::as_i64).unwrap_or_default() {
        desired["storage"] = Value::Null;
    }
    data.retain(|_, value| !value.is_null());
    let known = |field: &str| data.contains_key(field) || field == "max_storage" || field == "auto_minor_upgrade";
    let desired: Map<String, Value> = desired
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(field, _)| known(field))
        .map(|(f, v)| (f.clone(), v.clone()))
        .collect();
    diff(Instance::RULES, &Value::Object(desired), &Value::Object(data), &Ids::default())
}

fn remedy(field: &str) -> &'static str {
    match field {
        "storage" => "write at least as much storage, or a `max_storage` up to which it may grow",
        _ => "write that version or a newer one",
    }
}

fn text<'a>(desired: &'a Value, field: &str) -> &'a str {
    desired[field].as_str().unwrap_or_default()
}

fn shown(value: &Option<Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "none".to_owned(),
    }
}

fn of_snapshot(of: &DbSnapshot) -> Map<String, Value> {
    data(of.engine(), of.engine_version(), of.master_username(), of.allocated_storage, of.encrypted)
}

fn of_instance(of: &DbInstance) -> Map<String, Value> {
    let mut all = data(of.engine(), of.engine_version(), of.master_username(), of.allocated_storage, of.storage_encrypted);
    // One that was created without has none, which AWS never changes.
    all.insert("database".into(), json!(of.db_name().unwrap_or_default()));
    all
}

fn data(
    engine: Option<&str>,
    version: Option<&str>,
    user: Option<&str>,
    storage: Option<i32>,
    encrypted: Option<bool>,
) -> Map<String, Value> {
    // What is not encrypted can be; the other way round it cannot.
    let encrypted = encrypted.filter(|encrypted| *encrypted);
    let all = json!({"engine": engine, "engine_version": version, "user": user, "storage": storage, "encrypted": encrypted});
    if let Value::Object(all) = all { all } else { Map::new() }
}

/// Returns the database that a snapshot is of, if it still exists in this account.
async fn source_of(cx: &Cx, of: &DbSnapshot) -> Result<Option<DbInstance>> {
    let arn = of.db_snapshot_arn().unwrap_or_default();
    let (Some(id), true) = (of.db_instance_identifier(), arn.contains(&format!(":{}:", cx.scope.account))) else {
        return Ok(None);
    };
    // Another one can have its name by now.
    Ok(instance(cx, id, region_of(cx, arn)).await?.filter(|found| found.dbi_resource_id() == of.dbi_resource_id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(desired: Value, data: Value) -> Vec<String> {
        let Value::Object(data) = data else { panic!("{data}") };
        let differs = compared(&desired, data).changes.into_iter();
        differs.filter(|c| c.forces_replacement || c.impossible.is_some()).map(|c| c.path).collect()
    }

    #[test]
    fn data_of_another_database_is_refused() {
        let of = |more: Value| {
            let mut all =
                json!({"engine": "postgres", "engine_version": "16.8", "user": "app", "storage": 100, "encrypted": null});
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        let file = |more: Value| {
            let mut all = of(json!({"engine_version": "16", "encrypted": true, "class": "c", "database": "shop"}));
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        assert_eq!(told(file(json!({})), of(json!({"database": "shop"}))), Vec::<String>::new());
        assert_eq!(
            told(file(json!({"user": "boss", "engine": "mysql"})), of(json!({"database": "x"}))),
            ["engine", "user", "database"]
        );
        for (more, refused) in [
            (json!({"engine_version": "17"}), false),
            (json!({"engine_version": "15"}), true),
            (json!({"engine_version": "16.4"}), true),
            // At a restore it may be anything above, at a change 10 % at least.
            (json!({"storage": 101}), false),
            (json!({"storage": 99}), true),
            (json!({"storage": 50, "max_storage": 100}), false),
            (json!({"storage": 50, "max_storage": 80}), true),
        ] {
            assert_eq!(!told(file(more.clone()), of(json!({}))).is_empty(), refused, "{more}");
        }
        assert_eq!(told(file(json!({"encrypted": false})), of(json!({"encrypted": true}))), ["encrypted"]);
        assert_eq!(told(file(json!({"encrypted": true})), of(json!({}))), Vec::<String>::new());
    }
}
