//! Tests of what is read from RDS's answers, and of what changes mean.

use aws_sdk_rds::types::{DbInstance, PendingCloudwatchLogsExports, PendingModifiedValues, Tag};
use serde_json::json;

use super::delete::starts_to_go;
use super::password::{FROM_SNAPSHOT, TAG_PASSWORD};
use super::storage::StorageChange;
use super::*;
use crate::aws::rds::status::state_of;
use crate::engine::{Ids, Impact, diff};

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
fn a_databases_password_is_known_from_its_tags() {
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

/// It differs from whatever is desired, and nothing that it becomes then interrupts anyone or cannot be undone.
#[test]
fn the_password_of_a_snapshot_is_never_desired() {
    let restored = DbInstance::builder()
        .engine("postgres")
        .engine_version("16.8")
        .tag_list(Tag::builder().key(TAG_PASSWORD).value(FROM_SNAPSHOT).build())
        .build();
    let observed = serde_json::to_value(Instance::from_sdk(&restored)).unwrap();
    for password in ["", "arn:aws:secretsmanager:r:1:secret:n-AbCdEf:::v1"] {
        let desired = json!({"engine": "postgres", "engine_version": "17", "password": password});
        let changes = changes(&restored, desired.clone());
        assert!(changes.touches("password") && password::is_from_snapshot(&changes), "{password}");
        assert_eq!(Instance::effects(&desired, &observed, &changes), [], "{password}");
    }
    let own = DbInstance::builder().engine("postgres").engine_version("16.8").build();
    let upgraded = changes(&own, json!({"engine": "postgres", "engine_version": "17", "password": "x"}));
    assert!(upgraded.touches("password") && !password::is_from_snapshot(&upgraded));
}

#[test]
fn a_restore_has_parameters_of_its_version() {
    let group = |is: &str, to: &str| {
        let fields = json!({"engine": "postgres", "engine_version": to, "parameter_group": "${=rds.parameter_group:new}"});
        let snapshot = aws_sdk_rds::types::DbSnapshot::builder().engine("postgres").engine_version(is).build();
        instance(fields).parameters_at(snapshot.engine(), snapshot.engine_version()).unwrap()
    };
    assert_eq!(group("16.4", "16.8").as_deref(), Some("new"));
    assert_eq!(group("16.8", "17"), None);
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
fn only_a_stopped_database_is_started() {
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
fn replicas_upgrade_first_except_to_a_new_postgresql() {
    let ahead = |engine: &str, from: &str, to: &str| {
        let observed = DbInstance::builder().engine(engine).engine_version(from).build();
        let desired = json!({"source": "${rds.instance/main}", "engine": engine, "engine_version": to, "class": "db.t4g.micro"});
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
fn a_parameter_group_waits_unless_an_upgrade_restarts() {
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

#[test]
fn what_is_stopped_and_paused_says_what_starts_it() {
    let of = |tag: &str| {
        let tag = Tag::builder().key(tag).value("asked").build();
        // One that was never created has no such time.
        let instance = DbInstance::builder().instance_create_time(aws_sdk_rds::primitives::DateTime::from_secs(1));
        match state_of(&instance.db_instance_status("stopped").tag_list(tag).build()) {
            Readiness::Impaired(it) => (it.advice, it.fixed_by),
            other => panic!("{other:?}"),
        }
    };
    let running = Some(vec!["running".to_owned()]);
    assert_eq!(
        of("stack:paused"),
        ("it is paused: `stack resume` starts it, and so does AWS after 7 days".into(), running.clone())
    );
    assert_eq!(of("team"), ("it was stopped; AWS starts it automatically after 7 days".into(), running));
}

#[test]
fn what_is_paused_is_stopped_unless_it_has_copies() {
    let paused = |fields: serde_json::Value, why, used_by: &[&str]| {
        let mut desired = fields;
        let paused = Instance::pause(&mut desired, why, used_by);
        (paused, desired.get("running").cloned())
    };
    let stopped = (true, Some(json!(false)));
    assert_eq!(paused(json!({"running": true}), Pause::Asked, &["ecs.task_definition"]), stopped);
    assert_eq!(paused(json!({"source": null}), Pause::Asked, &[]), stopped);
    assert_eq!(paused(json!({"running": true}), Pause::Asked, &["rds.instance"]), (false, Some(json!(true))));
    assert_eq!(paused(json!({"source": "${rds.instance/main.id}"}), Pause::Asked, &[]), (false, None));
    assert_eq!(paused(json!({}), Pause::Unready, &[]), (false, None));
    let mut desired = json!({"class": "db.t4g.micro"});
    Instance::resume(&mut desired);
    assert_eq!(desired, json!({"class": "db.t4g.micro", "running": true}));
    // A file cannot say so.
    assert_eq!(instance(json!({"running": false})).refused().map(|(field, _)| field), Some("running"));
}

#[test]
fn a_stop_is_felt_and_ends_the_work_of_others() {
    let available = DbInstance::builder().db_instance_status("available").build();
    let stopped = DbInstance::builder().db_instance_status("stopped").build();
    let of = |observed: &DbInstance, running: bool| {
        let desired = json!({"running": running});
        let diff = changes(observed, desired.clone());
        let impacts: Vec<Impact> = Instance::effects(&desired, &json!({}), &diff).iter().map(|effect| effect.impact).collect();
        (Instance::serving(&desired, &diff), impacts)
    };
    assert_eq!(of(&available, false), (Some(Serving::Ends), vec![Impact::Interrupts]));
    assert_eq!(of(&stopped, true), (Some(Serving::Begins), vec![Impact::Waits]));
    assert_eq!(of(&available, true), (None, Vec::new()));
    assert_eq!(of(&stopped, false), (None, Vec::new()));
}
