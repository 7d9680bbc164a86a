//! Caches: up, every edit in place, replaced and deleted only with consent, killed half-way, and gone. Read back with boto3.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::aws::LocalAws;
use crate::support::faults::Rough;
use crate::support::run::EVERYTHING;
use crate::support::subject::{Subject, behind, edit, edit_agreed, mutating, run_and_kill_when};

const CACHES: &str = r#"
stack: shop
region: us-east-1
alarms: off
tags: { team: web }
network: { zones: 2, nat: none }
caches:
  sessions:
    engine: redis
    version: "7.1"
    node: cache.t4g.small
    replicas: 1
    snapshots: 1d
  pages: { engine: memcached, version: "1.6.12", nodes: 2 }
"#;

const SESSIONS: &str = "elasticache.replication_group/sessions";
const PAGES: &str = "elasticache.cluster/pages";

/// The calls to ElastiCache that changed anything since the last look.
fn cache_calls(s: &Subject) -> Vec<String> {
    mutating(&s.proxy.take()).iter().filter_map(|call| call.strip_prefix("elasticache:").map(str::to_owned)).collect()
}

/// Edits the file, and checks that plan and apply do exactly that, with exactly these calls to ElastiCache.
#[track_caller]
fn edit_calls(s: &Subject, from: &str, to: &str, expected: &[&str], calls: &[&str]) {
    s.proxy.take();
    edit(s, from, to, expected);
    assert_eq!(cache_calls(s), calls, "{from} → {to}");
}

/// A replication group as AWS has it, with its first member.
#[track_caller]
fn group(s: &Subject) -> Value {
    s.account.boto3(
        r#"e = client("elasticache")
result = e.describe_replication_groups(ReplicationGroupId=args)["ReplicationGroups"][0]
result["Member"] = e.describe_cache_clusters(CacheClusterId=result["MemberClusters"][0])["CacheClusters"][0]
result["Tags"] = {t["Key"]: t["Value"] for t in e.list_tags_for_resource(ResourceName=result["ARN"])["TagList"]}"#,
        &json!("shop-sessions"),
    )
}

#[track_caller]
fn cluster(s: &Subject, id: &str) -> Value {
    s.account.boto3(
        r#"result = client("elasticache").describe_cache_clusters(CacheClusterId=args, ShowCacheNodeInfo=True)["CacheClusters"][0]"#,
        &json!(id),
    )
}

#[track_caller]
fn snapshots(s: &Subject) -> Vec<String> {
    let names = s.account.boto3(
        r#"result = sorted(x["SnapshotName"] for x in client("elasticache").describe_snapshots()["Snapshots"] if x["SnapshotStatus"] == "available")"#,
        &json!(null),
    );
    names.as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn destroy(s: &Subject) {
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn caches_come_up_as_they_are_described_and_stay() {
    let s = Subject::new(CACHES);
    s.apply();
    s.assert_in_step();
    s.proxy.take();
    s.apply();
    assert_eq!(s.proxy.take().iter().filter(|c| c.mutating).count(), 0);

    let group = group(&s);
    let is = |field: &str| group[field].clone();
    assert_eq!(is("Engine"), "redis");
    assert_eq!(group["MemberClusters"], json!(["shop-sessions-001", "shop-sessions-002"]));
    assert_eq!((is("AutomaticFailover"), is("MultiAZ")), (json!("enabled"), json!("enabled")));
    assert_eq!((is("TransitEncryptionMode"), is("AtRestEncryptionEnabled")), (json!("required"), json!(true)));
    assert_eq!((is("SnapshotRetentionLimit"), is("AutoMinorVersionUpgrade")), (json!(1), json!(true)));
    assert_eq!(group["Member"]["EngineVersion"], "7.1.0");
    assert_eq!(group["Member"]["CacheParameterGroup"]["CacheParameterGroupName"], "default.redis7");
    assert_eq!(group["Member"]["CacheSubnetGroupName"], "shop");
    assert_eq!((&group["Tags"]["team"], &group["Tags"]["stack:key"]), (&json!("web"), &json!(SESSIONS)));

    let pages = cluster(&s, "shop-pages");
    assert_eq!((&pages["NumCacheNodes"], &pages["TransitEncryptionEnabled"]), (&json!(2), &json!(true)));
    assert_eq!(pages["EngineVersion"], "1.6.12");
    let zones: std::collections::BTreeSet<&str> =
        pages["CacheNodes"].as_array().unwrap().iter().map(|n| n["CustomerAvailabilityZone"].as_str().unwrap()).collect();
    assert_eq!(zones.into_iter().collect::<Vec<_>>(), ["us-east-1a", "us-east-1b"]);

    // The group that guards it is its own, in the data subnets.
    let guard = s.account.boto3(
        r#"g = client("ec2").describe_security_groups(GroupIds=args)["SecurityGroups"]
result = [(x["Description"], x["IpPermissions"], x["IpPermissionsEgress"]) for x in g]"#,
        &json!([group["Member"]["SecurityGroups"][0]["SecurityGroupId"]]),
    );
    assert_eq!(guard, json!([["Cache sessions", [], []]]));

    let all = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    let primary = &group["NodeGroups"][0];
    assert_eq!(all["caches.sessions.endpoint"], primary["PrimaryEndpoint"]["Address"]);
    assert_eq!(all["caches.sessions.reader"], primary["ReaderEndpoint"]["Address"]);
    assert_eq!(all["caches.sessions.port"], "6379");
    assert_eq!(all["caches.pages.endpoint"], pages["ConfigurationEndpoint"]["Address"]);
    assert_eq!(all["caches.pages.port"], "11211");
    assert!(all.get("caches.pages.reader").is_none());

    let shown = s.place.stack(&["show", "s.yaml", "--json"]).ok().json();
    let seen: Vec<_> = shown["caches"].as_array().unwrap().iter().map(|c| json!([c["name"], c["status"], c["nodes"]])).collect();
    assert_eq!(seen, [json!(["pages", "available", 2]), json!(["sessions", "available", 2])]);
    let text = s.place.stack(&["show", "s.yaml"]).ok().stdout;
    let row = text.lines().find(|l| l.starts_with("sessions")).unwrap_or_else(|| panic!("{text}"));
    for part in ["available", "redis 7.1.0", "cache.t4g.small", "master.shop-sessions."] {
        assert!(row.contains(part), "{part}: {text}");
    }
    let drawn = s.place.stack(&["graph", "s.yaml"]).ok().stdout;
    assert!(drawn.contains("sessions") && drawn.contains("pages"), "{drawn}");
    destroy(&s);
}

#[test]
fn every_edit_of_valkey_and_redis_is_made_in_place() {
    let s = Subject::new(CACHES);
    s.apply();
    let update: &[&str] = &["update elasticache.replication_group/sessions"];
    let modify: &[&str] = &["ModifyReplicationGroup"];
    edit_calls(&s, "cache.t4g.small", "cache.t4g.medium", update, modify);
    assert_eq!(group(&s)["CacheNodeType"], "cache.t4g.medium");
    edit_calls(&s, "replicas: 1", "replicas: 3", update, &["IncreaseReplicaCount"]);
    assert_eq!(group(&s)["MemberClusters"].as_array().unwrap().len(), 4);
    edit_calls(&s, "replicas: 3", "replicas: 2", update, &["DecreaseReplicaCount"]);
    // Failover has to go before the last replica can, and the first replica comes before failover can.
    edit_calls(&s, "replicas: 2", "replicas: 0", update, &["ModifyReplicationGroup", "DecreaseReplicaCount"]);
    let alone = group(&s);
    assert_eq!((&alone["AutomaticFailover"], &alone["MultiAZ"]), (&json!("disabled"), &json!("disabled")));
    edit_calls(&s, "replicas: 0", "replicas: 1", update, &["IncreaseReplicaCount", "ModifyReplicationGroup"]);
    assert_eq!(group(&s)["MultiAZ"], "enabled");
    edit_calls(&s, "snapshots: 1d", "snapshots: 7d\n    snapshot_window: 02:00-03:00", update, modify);
    assert_eq!((&group(&s)["SnapshotRetentionLimit"], &group(&s)["SnapshotWindow"]), (&json!(7), &json!("02:00-03:00")));
    edit_calls(&s, "snapshots: 7d", "snapshots: 0d", update, modify);
    edit_calls(&s, "02:00-03:00", "02:00-03:00\n    maintenance_window: sun:04:00-sun:05:00", update, modify);
    assert_eq!(group(&s)["Member"]["PreferredMaintenanceWindow"], "sun:04:00-sun:05:00");

    // Parameters: a group is created with the first and deleted with the last.
    let with = "snapshots: 0d\n    parameters: { maxmemory-policy: allkeys-lru }";
    let both = ["create elasticache.parameter_group/sessions", "update elasticache.replication_group/sessions"];
    edit_calls(
        &s,
        "snapshots: 0d",
        with,
        &both,
        &["CreateCacheParameterGroup", "ModifyCacheParameterGroup", "ModifyReplicationGroup"],
    );
    assert_eq!(group(&s)["Member"]["CacheParameterGroup"]["CacheParameterGroupName"], "shop-sessions");
    let own: &[&str] = &["update elasticache.parameter_group/sessions"];
    edit_calls(&s, "allkeys-lru }", "allkeys-lru, timeout: 60 }", own, &["ModifyCacheParameterGroup"]);
    edit_calls(&s, "maxmemory-policy: allkeys-lru, ", "", own, &["ResetCacheParameterGroup"]);
    let set = &s.account.inventory("shop", "default")["elasticache.cache-parameter-group"]["shop-sessions"]["Parameters"];
    assert_eq!(set, &json!({"timeout": "60"}));

    // From Redis to Valkey: the parameters are those of another family, and change hands in the same call.
    // There is no way back, but for the snapshot before it.
    s.write("engine: redis", "engine: valkey");
    s.proxy.take();
    edit_agreed(
        &s,
        "version: \"7.1\"",
        "version: \"8.0\"",
        &["replace elasticache.parameter_group/sessions", "update elasticache.replication_group/sessions"],
        &["--allow-upgrade", "caches.sessions"],
    );
    let upgrade = [
        "CreateCacheParameterGroup",
        "ModifyCacheParameterGroup",
        "CreateSnapshot",
        "ModifyReplicationGroup",
        "DeleteCacheParameterGroup",
    ];
    assert_eq!(cache_calls(&s), upgrade);
    let kept = snapshots(&s);
    assert!(kept.len() == 1 && kept[0].starts_with("shop-sessions-before-8-0-"), "{kept:?}");
    let valkey = group(&s);
    assert_eq!((&valkey["Engine"], &valkey["Member"]["EngineVersion"]), (&json!("valkey"), &json!("8.0.0")));
    assert_eq!(valkey["Member"]["CacheParameterGroup"]["CacheParameterGroupName"], "shop-sessions-2");
    edit_calls(&s, "version: \"8.0\"", "version: \"8\"", &[], &[]);
    edit_calls(&s, "version: \"8\"", "version: \"8.1\"", update, modify);
    let gone = ["delete elasticache.parameter_group/sessions", "update elasticache.replication_group/sessions"];
    edit_calls(&s, "\n    parameters: { timeout: 60 }", "", &gone, &["ModifyReplicationGroup", "DeleteCacheParameterGroup"]);
    assert_eq!(group(&s)["Member"]["CacheParameterGroup"]["CacheParameterGroupName"], "default.valkey8");

    // Back is no way, and it is not tried: AWS may have gone there by itself, which is said and refuses nothing else.
    s.write("version: \"8.1\"", "version: \"8.0\"");
    s.proxy.take();
    let back = s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    assert!(back.words().contains("it is 8.1.0, which `auto_minor_upgrade` allows; 8.0 in the file is older"), "{}", back.stderr);
    assert_eq!(cache_calls(&s), Vec::<String>::new());
    // A major version back is nothing that AWS would do.
    s.write("version: \"8.0\"", "version: \"7.2\"");
    let back = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(back.stderr.contains("cannot go back to 7.2"), "{}", back.stderr);
    assert_eq!(cache_calls(&s), Vec::<String>::new());
    s.write("version: \"7.2\"", "version: \"8.1\"");
    destroy(&s);
}

#[test]
fn memcached_count_changes_in_place_type_replaces() {
    let s = Subject::new(CACHES);
    s.apply();
    let update: &[&str] = &["update elasticache.cluster/pages"];
    edit_calls(&s, "nodes: 2", "nodes: 4", update, &["ModifyCacheCluster"]);
    assert_eq!(cluster(&s, "shop-pages")["CacheNodes"].as_array().unwrap().len(), 4);
    edit_calls(&s, "nodes: 4", "nodes: 1", update, &["ModifyCacheCluster"]);
    edit_calls(&s, "1.6.12", "1.6.22", update, &["ModifyCacheCluster"]);
    let both = ["create elasticache.parameter_group/pages", "update elasticache.cluster/pages"];
    let calls = ["CreateCacheParameterGroup", "ModifyCacheParameterGroup", "ModifyCacheCluster"];
    edit_calls(&s, "nodes: 1", "nodes: 1, parameters: { idle_timeout: 60 }", &both, &calls);
    let gone = ["delete elasticache.parameter_group/pages", "update elasticache.cluster/pages"];
    edit_calls(&s, ", parameters: { idle_timeout: 60 }", "", &gone, &["ModifyCacheCluster", "DeleteCacheParameterGroup"]);

    s.write("nodes: 1", "nodes: 1, node: cache.m7g.large");
    assert_eq!(s.changes(), ["replace elasticache.cluster/pages"]);
    s.proxy.take();
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.stderr.contains(&format!("--allow-replace {PAGES}")), "{}", refused.stderr);
    assert_eq!(cache_calls(&s), Vec::<String>::new());
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-replace", PAGES]).ok();
    assert_eq!(cache_calls(&s), ["CreateCacheCluster", "DeleteCacheCluster"]);
    s.assert_in_step();
    assert_eq!(cluster(&s, "shop-2-pages")["CacheNodeType"], "cache.m7g.large");
    let left = s.account.inventory("shop", "default");
    let mut left: Vec<&String> = left["elasticache.cache-cluster"].as_object().unwrap().keys().collect();
    left.sort();
    assert_eq!(left, ["shop-2-pages", "shop-sessions-001", "shop-sessions-002"]);
    destroy(&s);
}

#[test]
fn cache_deletion_needs_consent_and_keeps_a_snapshot() {
    let s = Subject::new(CACHES);
    s.apply();
    let file = s.place.path().join("s.yaml");

    // Another port is another cache: the new one is created first, then the old one is deleted.
    s.write("replicas: 1", "replicas: 1\n    port: 6380");
    assert_eq!(s.changes(), ["replace elasticache.replication_group/sessions"]);
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.words().contains("starts with a copy of its data"), "{}", refused.stderr);
    s.proxy.take();
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-replace", SESSIONS]).ok();
    assert_eq!(cache_calls(&s), ["CreateSnapshot", "CreateReplicationGroup", "DeleteSnapshot", "DeleteReplicationGroup"]);
    s.assert_in_step();
    let first = snapshots(&s);
    assert!(first.len() == 1 && first[0].starts_with("shop-sessions-final-"), "{first:?}");
    let all = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    assert_eq!(all["caches.sessions.port"], "6380");

    let text = std::fs::read_to_string(&file).unwrap();
    let without: String =
        text.split("  sessions:").next().unwrap().to_owned() + "  pages: { engine: memcached, version: \"1.6.12\", nodes: 2 }\n";
    std::fs::write(&file, without).unwrap();
    assert_eq!(s.changes(), ["delete ec2.security_group/cache-sessions", "delete elasticache.replication_group/sessions"]);
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.stderr.contains(&format!("--allow-delete {SESSIONS}")), "{}", refused.stderr);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", SESSIONS]).ok();
    s.assert_in_step();
    let both = snapshots(&s);
    assert!(both.len() == 2 && both.iter().any(|name| name.starts_with("shop-2-sessions-final-")), "{both:?}");
    destroy(&s);
    assert_eq!(snapshots(&s), both, "what was made to be kept is kept");
}

/// Encryption at rest with a key of the stack's own is another cache, with the same sessions in it: nobody has to log in
/// again. A run that dies while they are copied is simply run again.
#[test]
fn replaced_cache_keeps_its_data_when_a_run_dies() {
    let keyed = format!("{}keys: {{ main: {{}} }}\n", CACHES.trim_start());
    let replace = ["apply", "s.yaml", "--yes", "--allow-replace", SESSIONS];
    let again = [&replace[..], &["--allow-delete", SESSIONS]].concat();
    for victim in ["CreateSnapshot", "CreateReplicationGroup", "DeleteSnapshot", "DeleteReplicationGroup"] {
        for reaches in [false, true] {
            let s = Subject::new(CACHES);
            s.apply();
            s.place.file("s.yaml", &keyed);
            let found = move |call: &crate::support::proxy::Call| call.service == "elasticache" && call.operation == victim;
            assert!(run_and_kill_when(&s, &replace, reaches, found), "{victim}");
            s.place.stack(&again).ok();
            s.assert_in_step();
            let groups = s.account.boto3(
                r#"result = [g["ReplicationGroupId"] for g in client("elasticache").describe_replication_groups()["ReplicationGroups"]]"#,
                &json!(null),
            );
            assert_eq!(groups, json!(["shop-2-sessions"]), "{victim}, reaches: {reaches}");
            let kept = snapshots(&s);
            assert!(kept.len() == 1 && kept[0].starts_with("shop-sessions-final-"), "{victim}, reaches: {reaches}: {kept:?}");
        }
    }

    // Empty only when that is said.
    let s = Subject::new(CACHES);
    s.apply();
    s.place.file("s.yaml", &keyed);
    s.proxy.take();
    let without = s.place.stack(&[&replace[..], &["--without-data", SESSIONS]].concat()).ok();
    assert!(without.words().contains("starts empty"), "{}", without.stderr);
    assert_eq!(cache_calls(&s), ["CreateReplicationGroup", "DeleteReplicationGroup"]);
}

#[test]
fn what_was_changed_behind_our_back_is_fixed() {
    let s = Subject::new(&CACHES.replace("snapshots: 1d", "snapshots: 1d\n    parameters: { maxmemory-policy: allkeys-lru }"));
    s.apply();
    let behind = |script: &str, expected: &[&str]| behind(&s, &format!("e = client('elasticache')\n{script}"), expected);
    let update: &[&str] = &["update elasticache.replication_group/sessions"];
    let modify =
        |what: &str| format!("e.modify_replication_group(ReplicationGroupId='shop-sessions', ApplyImmediately=True, {what})");
    behind(&modify("CacheNodeType='cache.t4g.micro'"), update);
    behind(&modify("AutomaticFailoverEnabled=False, MultiAZEnabled=False"), update);
    behind(&modify("SnapshotRetentionLimit=0"), update);
    behind(&modify("SecurityGroupIds=[client('ec2').describe_security_groups()['SecurityGroups'][0]['GroupId']]"), update);
    behind("e.increase_replica_count(ReplicationGroupId='shop-sessions', NewReplicaCount=3, ApplyImmediately=True)", update);
    // Without encryption on the way: back by way of both.
    behind(
        &format!(
            "{}\ne.describe_replication_groups()\n{}\ne.describe_replication_groups()",
            modify("TransitEncryptionMode='preferred'"),
            modify("TransitEncryptionEnabled=False")
        ),
        update,
    );
    assert_eq!(group(&s)["TransitEncryptionMode"], "required");
    // What waits for the maintenance window is a difference too.
    behind("e.modify_replication_group(ReplicationGroupId='shop-sessions', CacheNodeType='cache.m7g.large')", update);
    assert_eq!(
        (&group(&s)["CacheNodeType"], &group(&s)["Member"]["PendingModifiedValues"]),
        (&json!("cache.t4g.small"), &json!({}))
    );
    // A newer patch of what was asked for is none.
    behind(
        "e.add_tags_to_resource(ResourceName=e.describe_replication_groups()['ReplicationGroups'][0]['ARN'], Tags=[{'Key': 'team', 'Value': 'x'}])\ne.describe_replication_groups()",
        update,
    );

    let parameters: &[&str] = &["update elasticache.parameter_group/sessions"];
    let set = |name: &str, value: &str| {
        format!(
            "e.modify_cache_parameter_group(CacheParameterGroupName='shop-sessions', ParameterNameValues=[{{'ParameterName': '{name}', 'ParameterValue': '{value}'}}])"
        )
    };
    behind(&set("maxmemory-policy", "noeviction"), parameters);
    behind(&set("timeout", "30"), parameters);
    behind("e.reset_cache_parameter_group(CacheParameterGroupName='shop-sessions', ResetAllParameters=True)", parameters);
    behind(
        "g = client('ec2').describe_subnets(Filters=[{'Name': 'tag:stack:key', 'Values': ['ec2.subnet/app-a', 'ec2.subnet/data-a', 'ec2.subnet/data-b']}])['Subnets']\ne.modify_cache_subnet_group(CacheSubnetGroupName='shop', SubnetIds=[x['SubnetId'] for x in g])",
        &["update elasticache.subnet_group/main"],
    );
    behind(
        "e.modify_cache_cluster(CacheClusterId='shop-pages', NumCacheNodes=3, ApplyImmediately=True)",
        &["update elasticache.cluster/pages"],
    );
    behind(
        "e.delete_cache_cluster(CacheClusterId='shop-pages')\ne.describe_cache_clusters()",
        &["create elasticache.cluster/pages"],
    );
    destroy(&s);
}

#[test]
fn somebody_elses_cache_with_our_name_is_refused() {
    let s = Subject::new(CACHES);
    let arn = s.account.boto3(
        r#"result = client("elasticache").create_replication_group(ReplicationGroupId="shop-sessions", ReplicationGroupDescription="theirs", CacheNodeType="cache.t4g.small", NumCacheClusters=1)["ReplicationGroup"]["ARN"]"#,
        &json!(null),
    );
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    let said: String = refused.stderr.split_whitespace().collect();
    assert!(said.contains(arn.as_str().unwrap()), "{}", refused.stderr);
    assert!(s.proxy.take().iter().all(|call| !call.mutating), "a call changes something");
}

/// On a server of its own, whose time is this test's.
#[test]
fn several_changes_are_made_one_after_the_other() {
    let aws = LocalAws::start();
    let s = Subject::on(&aws, CACHES);
    s.apply();
    // Each begins when AWS is done with the one before; tags are a change like the others.
    s.write("team: web", "team: shop");
    s.write("replicas: 1", "replicas: 2");
    s.write("cache.t4g.small", "cache.t4g.medium");
    aws.time_scale(0.002);
    s.proxy.take();
    s.apply();
    let all = s.proxy.take();
    let refused: Vec<String> =
        all.iter().filter(|c| c.service == "elasticache" && c.status != Some(200)).map(|c| c.name()).collect();
    // Of the suite's faults, an old answer says that AWS is done when it is not, or is not when it is: then a call is refused and
    // waited for, or said twice.
    let rough = Rough::of_suite().is_some();
    assert!(refused.is_empty() || rough, "{refused:?}");
    let sessions = |c: &String| ["IncreaseReplicaCount", "ModifyReplicationGroup"].contains(&c.as_str());
    let done = all.iter().filter(|c| c.mutating && c.status == Some(200));
    let mut calls: Vec<String> = done.map(|c| c.operation.clone()).filter(sessions).collect();
    if rough {
        calls.dedup();
    }
    assert_eq!(calls, ["IncreaseReplicaCount", "ModifyReplicationGroup"]);
    aws.time_scale(0.0);
    s.assert_in_step();
    let now = group(&s);
    assert_eq!((&now["Tags"]["team"], &now["CacheNodeType"]), (&json!("shop"), &json!("cache.t4g.medium")));
    assert_eq!(now["MemberClusters"].as_array().unwrap().len(), 3);

    // A snapshot in progress prevents no reading, and nothing is planned for what cannot be read meanwhile.
    aws.time_scale(1.0);
    s.account
        .boto3(r#"client("elasticache").create_snapshot(ReplicationGroupId="shop-sessions", SnapshotName="mine")"#, &json!(null));
    assert_eq!(s.changes(), Vec::<String>::new());
    let shown = s.place.stack(&["show", "s.yaml"]).ok().stdout;
    assert!(shown.contains("snapshotting"), "{shown}");
    // Under another name in the file it is found too, though AWS does not report which section it was made for.
    s.write("  sessions:", "  store:");
    s.write("tags:", "moved: { caches.sessions: caches.store }\ntags:");
    let of_groups = |s: &Subject| -> Vec<String> {
        s.changes().into_iter().filter(|change| change.contains("elasticache.replication_group/")).collect()
    };
    assert_eq!(of_groups(&s), Vec::<String>::new());
    aws.time_scale(0.0);
    s.apply();
    s.assert_in_step();
    // And when the file does not say any more what it was called: its description has its name by now. Its security group
    // gets another one, for the sake of its own description.
    s.write("moved: { caches.sessions: caches.store }\n", "");
    aws.time_scale(1.0);
    s.account.boto3(
        r#"client("elasticache").create_snapshot(ReplicationGroupId="shop-sessions", SnapshotName="again")"#,
        &json!(null),
    );
    assert_eq!(of_groups(&s), ["update elasticache.replication_group/store"]);
    aws.time_scale(0.0);
    destroy(&s);
}

/// On a server of its own, whose time is this test's.
#[test]
fn run_killed_while_creating_leaves_one_cache() {
    let aws = LocalAws::start();
    let s = Subject::on(&aws, CACHES);
    aws.time_scale(0.05); // half a minute for a cache
    let mut child = quiet(s.place.command(&["apply", "s.yaml", "--yes"])).spawn().unwrap();
    let begun = Instant::now();
    let made = |s: &Subject| {
        s.account.boto3(
            r#"e = client("elasticache")
result = sorted([g["Status"] + " " + g["ReplicationGroupId"] for g in e.describe_replication_groups()["ReplicationGroups"]]
    + [c["CacheClusterStatus"] + " " + c["CacheClusterId"] for c in e.describe_cache_clusters(ShowCacheClustersNotInReplicationGroups=True)["CacheClusters"]])"#,
            &json!(null),
        )
    };
    let creating = json!(["creating shop-pages", "creating shop-sessions"]);
    while made(&s) != creating {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", made(&s));
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    assert_eq!(made(&s), creating, "killed too late");

    // AWS does not report the tags of either, and both are the stack's all the same.
    let plan = s.place.stack(&["plan", "s.yaml", "--json"]).ok().json();
    let changes: Vec<&str> = plan["changes"].as_array().unwrap().iter().map(|c| c["key"].as_str().unwrap()).collect();
    assert!(!changes.iter().any(|key| [SESSIONS, PAGES].contains(key)), "{changes:?}");
    s.proxy.take();
    s.apply();
    let again = cache_calls(&s);
    assert!(!again.iter().any(|c| c.starts_with("CreateReplication") || c.starts_with("CreateCacheCluster")), "{again:?}");
    assert_eq!(made(&s), json!(["available shop-pages", "available shop-sessions"]));
    aws.time_scale(0.0);
    s.assert_in_step();
    destroy(&s);
}

fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The environment `default`, and one that is like it and begins with what its cache holds.
const BEGINS: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
keys: { main: {} }
caches:
  sessions: { engine: valkey, version: "8.0", node: cache.t4g.micro }
environments:
  clone: { caches: { sessions: { begin: { cache: shop-sessions } } } }
"#;
const CLONE: &[&str] = &["apply", "s.yaml", "--env", "clone", "--yes"];

/// The clone is complete, with nothing left of what carried the data; the other one is as it was.
#[track_caller]
fn begun(s: &Subject) {
    for more in [&[][..], &["--exact"]] {
        let plan = s.place.stack(&[&["plan", "s.yaml", "--env", "clone", "--detailed-exitcode"], more].concat()).ok();
        assert!(plan.stdout.contains("No changes"), "{}", plan.stdout);
    }
    s.assert_in_step();
    assert_eq!(snapshots(s), Vec::<String>::new());
}

#[test]
fn a_cache_begins_with_the_data_of_another() {
    let s = Subject::new(BEGINS);
    s.apply();
    s.proxy.take();
    s.place.stack(CLONE).ok();
    let calls = cache_calls(&s);
    let at = |name: &str| calls.iter().position(|call| call == name).unwrap_or_else(|| panic!("{name}: {calls:?}"));
    assert!(
        at("CreateSnapshot") < at("CreateReplicationGroup") && at("CreateReplicationGroup") < at("DeleteSnapshot"),
        "{calls:?}"
    );
    begun(&s);
    // How it began counts when it is created, and never after.
    s.write("{ cache: shop-sessions }", "{ snapshot: nothing-like-this }");
    begun(&s);

    // With a snapshot, which stays. One of another engine, or of something else, is refused before anything is created.
    let destroy = ["destroy", "s.yaml", "--env", "clone", "--yes", EVERYTHING, "--no-final-snapshot", "*"];
    s.place.stack(&destroy).ok();
    s.proxy.take();
    let refused = s.place.stack(CLONE).exits(4);
    assert!(
        refused.words().contains("the snapshot `nothing-like-this` that it is to begin with does not exist"),
        "{}",
        refused.stderr
    );
    s.write("{ snapshot: nothing-like-this }", "{ cache: shop-nothing }");
    let refused = s.place.stack(CLONE).exits(4);
    assert!(refused.words().contains("the cache `shop-nothing` that it is to begin with does not exist"), "{}", refused.stderr);
    s.account.boto3(
        r#"
client("elasticache").create_snapshot(ReplicationGroupId="shop-sessions", SnapshotName="mine")
while client("elasticache").describe_snapshots(SnapshotName="mine")["Snapshots"][0]["SnapshotStatus"] != "available":
    client("elasticache").describe_replication_groups()
"#,
        &Value::Null,
    );
    s.write("{ cache: shop-nothing }", "{ snapshot: mine }, version: \"7.2\"");
    let refused = s.place.stack(CLONE).exits(4);
    assert!(refused.words().contains("the snapshot `mine` has the `engine_version` `8.0"), "{}", refused.stderr);
    assert!(s.proxy.take().iter().all(|call| !call.mutating || call.operation == "CreateSnapshot"));
    s.write("{ snapshot: mine }, version: \"7.2\"", "{ snapshot: mine }");
    s.place.stack(CLONE).ok();
    assert_eq!(snapshots(&s), ["mine"]);
    s.place.stack(&destroy).ok();
    assert_eq!(snapshots(&s), ["mine"]);
}

#[test]
fn a_beginning_that_dies_is_continued_or_given_up() {
    for victim in ["CreateSnapshot", "CreateReplicationGroup", "DeleteSnapshot"] {
        for reaches in [false, true] {
            let s = Subject::new(BEGINS);
            s.apply();
            let found = move |call: &crate::support::proxy::Call| call.service == "elasticache" && call.operation == victim;
            assert!(run_and_kill_when(&s, CLONE, reaches, found), "{victim}");
            if reaches {
                s.place.stack(CLONE).ok();
                begun(&s);
            }
            s.place.stack(&["destroy", "s.yaml", "--env", "clone", "--yes", EVERYTHING, "--no-final-snapshot", "*"]).ok();
            assert_eq!(snapshots(&s), Vec::<String>::new(), "{victim}, reaches: {reaches}");
            assert_eq!(s.account.inventory("shop", "clone"), json!({}), "{victim}, reaches: {reaches}");
        }
    }
}
