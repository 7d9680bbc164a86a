//! Tests of what changes of replication groups mean.

use aws_sdk_elasticache::types as sdk;
use serde_json::json;

use super::upgrades::snapshot_before;
use super::*;
use crate::aws::elasticache::naming::SNAPSHOT;
use crate::aws::states::put_off;
use crate::engine::{Ids, Impact, diff};

fn group(fields: Value) -> Value {
    let mut all = json!({"engine": "redis", "engine_version": "7.1.0", "node_type": "cache.t4g.small", "replicas": 1,
                         "subnet_group": "g", "transit_encryption": "required"});
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    all
}

fn change(is: Value, wanted: Value) -> (Value, Value, Diff) {
    let (is, wanted) = (group(is), group(wanted));
    let changes = diff(ReplicationGroup::RULES, &wanted, &is, &Ids::default());
    (wanted, is, changes)
}

fn told(is: Value, wanted: Value) -> Vec<(Impact, bool)> {
    let (wanted, is, mut diff) = change(is, wanted);
    if ReplicationGroup::changes_in_place(&is, &diff) {
        diff.changes.iter_mut().for_each(|change| change.forces_replacement = false);
    }
    ReplicationGroup::effects(&wanted, &is, &diff).into_iter().map(|e| (e.impact, e.needs_consent)).collect()
}

#[test]
fn another_engine_or_major_version_needs_consent() {
    let valkey = || json!({"engine": "valkey", "engine_version": "8.0"});
    for (is, wanted) in [(json!({"engine_version": "6.2.6"}), json!({"engine_version": "7.1"})), (json!({}), valkey())] {
        assert_eq!(told(is.clone(), wanted.clone()), [(Impact::FailsOver, false), (Impact::CannotBeUndone, true)], "{wanted}");
        let (wanted, _, diff) = change(is, wanted);
        let wanted: ReplicationGroup = serde_json::from_value(wanted).unwrap();
        let name = snapshot_before("shop-sessions", &wanted, &diff).unwrap();
        assert!(name.starts_with("shop-sessions-before-") && name.len() <= SNAPSHOT, "{name}");
        let old = ReplicationGroup { node_type: "cache.t1.micro".into(), ..wanted };
        assert_eq!(snapshot_before("shop-sessions", &old, &diff), None);
    }
    let minor = || (json!({"engine": "valkey", "engine_version": "8.0.0"}), json!({"engine": "valkey", "engine_version": "8.1"}));
    assert_eq!(told(minor().0, minor().1), [(Impact::FailsOver, false), (Impact::CannotBeUndone, false)]);
    let (wanted, _, diff) = change(minor().0, minor().1);
    assert_eq!(snapshot_before("shop-sessions", &serde_json::from_value(wanted).unwrap(), &diff), None);
}

#[test]
fn transit_encryption_changes_in_place_where_possible() {
    let in_place = |version: &str, more: Value| {
        let mut wanted = json!({"transit_encryption": "required"});
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (_, is, diff) = change(json!({"engine_version": version, "transit_encryption": NO_TLS, "port": 6379}), wanted);
        assert!(diff.forcing().next().is_some());
        ReplicationGroup::changes_in_place(&is, &diff)
    };
    assert!(in_place("7.1.0", json!({"port": 6379})));
    assert!(!in_place("6.2.6", json!({"port": 6379})), "AWS takes no mode");
    assert!(!in_place("7.1.0", json!({"port": 6380})), "something else forces a replacement");
    let renewed: Vec<_> = crate::engine::rules::renewed(ReplicationGroup::RULES).collect();
    for attr in ["endpoint", "reader"] {
        assert!(renewed.contains(&("transit_encryption", attr)), "{attr}");
    }
    let cut = |to: &str, from: &str| {
        told(json!({"transit_encryption": from}), json!({"transit_encryption": to})).contains(&(Impact::Interrupts, false))
    };
    assert!(cut("required", NO_TLS) && cut("required", "preferred") && cut(NO_TLS, "required"));
    assert!(!cut("preferred", NO_TLS));
    // What AWS does not report while it creates one is no difference.
    let (_, _, diff) = change(json!({"transit_encryption": null}), json!({}));
    assert!(!diff.touches("transit_encryption"));
}

#[test]
fn what_somebody_put_off_is_told() {
    let pending = sdk::PendingModifiedValues::builder().engine_version("7.1").cache_node_type("cache.m7g.large").build();
    let member = sdk::CacheCluster::builder().pending_modified_values(pending).build();
    let named = status::pending_of_group(&sdk::ReplicationGroup::builder().build(), Some(&member));
    let said = put_off(&named).unwrap();
    assert!(said.starts_with("a change of its version, node type is pending until the maintenance window"), "{said}");
    let none = sdk::CacheCluster::builder().build();
    assert_eq!(put_off(&status::pending_of(&none)), None);
}
