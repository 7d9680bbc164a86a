use serde_json::{Value, json};

use super::facts::Facts;
use super::{Failure, expand};
use crate::aws::registry::registry;
use crate::config::Stack;
use crate::engine::action::Verb;
use crate::engine::rules::{self, Rule, What};
use crate::engine::schedule::Schedule;
use crate::engine::{Action, Claim, Graph, Item, Key, Plan, Readiness, Scope, Seen, Snapshot, lies_in};

/// The schema of the stack file, with every kind.
pub fn schema() -> Value {
    let registry = registry();
    crate::config::schema(registry.described().map(|kind| {
        let kind = kind.clone();
        (kind.info().name, move |generator: &mut schemars::SchemaGenerator| kind.schema(generator))
    }))
}

fn scope(stack: &Stack) -> Scope {
    Scope {
        stack: stack.stack.to_string(),
        env: "default".into(),
        region: stack.region.clone(),
        account: "123456789012".into(),
        partition: "aws".into(),
    }
}

pub(super) fn graph(stack: &Value) -> Graph {
    graph_with(stack, |_| {})
}

/// The graph, when more is known than is assumed without AWS.
fn graph_with(stack: &Value, know: impl FnOnce(&mut Facts<'_>)) -> Graph {
    expanded(stack, know).unwrap_or_else(|why| panic!("{why}"))
}

fn expanded(stack: &Value, know: impl FnOnce(&mut Facts<'_>)) -> Result<Graph, String> {
    let stack: Stack = serde_json::from_value(stack.clone()).map_err(|error| error.to_string())?;
    let scope = scope(&stack);
    let mut facts = Facts::assumed(&scope, true, &stack);
    know(&mut facts);
    expand(&stack, &facts, &registry()).map_err(|failure| format!("{failure:?}"))
}

/// What is there when this has been applied: every object with attributes of its own, by which the others refer to it.
fn applied(graph: &Graph) -> Snapshot {
    let registry = registry();
    let mut snapshot = Snapshot::default();
    let attributes = |key: &Key| registry.kind(&key.kind).unwrap().attributes().into_iter().map(|a| a.name);
    for node in graph.nodes() {
        let mut fields = node.desired.to_string();
        for (key, attr) in graph.nodes().flat_map(|of| attributes(&of.key).map(|attr| (of.key.clone(), attr))) {
            let (named, value) =
                if attr == "id" { (String::new(), String::new()) } else { (format!(".{attr}"), format!(".{attr}")) };
            let physical = format!("${{={}{named}:{key}{value}}}", key.kind);
            for end in ["}", "!}"] {
                fields = fields.replace(&format!("${{{key}{named}{end}"), &physical);
            }
        }
        let value = |attr: &str| if attr == "id" { node.key.to_string() } else { format!("{}.{attr}", node.key) };
        snapshot.seen.push(Seen {
            kind: node.key.kind.clone(),
            claim: Claim::Ours(node.key.name.clone()),
            live: attributes(&node.key).map(|attr| (attr.clone(), Value::from(value(&attr)))).collect::<Value>().into(),
            fields: serde_json::from_str(&fields).unwrap(),
            state: Readiness::Ready,
        });
    }
    snapshot
}

pub(super) fn desired(graph: &Graph, kind: &str, name: &str) -> Value {
    graph.get(&Key::new(kind, name)).map(|node| Value::clone(&node.desired)).unwrap_or_else(|| panic!("no {kind}/{name}"))
}

fn with(section: &Value, more: &Value) -> Value {
    let mut section = section.clone();
    for (key, value) in more.as_object().unwrap() {
        section[key] = value.clone();
    }
    section
}

/// What `with` says and `without` leaves to whatever it is: a difference that no plan would show.
fn unsaid(rules: &[Rule], path: &mut Vec<String>, with: &Value, without: &Value, found: &mut Vec<String>) {
    let is = |path: &[String], what: What| rules::is(rules, path, what);
    match (with, without) {
        // One thing or another, of which the other is said: it is written as a whole.
        (Value::Object(with), Value::Object(without))
            if matches!(path.join(".").as_str(), "default_action" | "connect")
                && ["kind", "enabled"].iter().any(|said| with.get(*said) != without.get(*said)) => {}
        (Value::Object(with), Value::Object(without)) => {
            for (key, value) in with.iter().filter(|(_, value)| !value.is_null()) {
                let exact = !path.is_empty() && is(path, What::Exact);
                path.push(key.clone());
                let counts = !is(path, What::CreateOnly) && !is(path, What::OrderOnly);
                match without.get(key) {
                    None | Some(Value::Null) if counts && !exact => found.push(path.join(".")),
                    Some(other) => unsaid(rules, path, value, other, found),
                    None => {}
                }
                path.pop();
            }
        }
        (Value::Array(with), Value::Array(without)) if with.len() == without.len() => {
            for (with, without) in with.iter().zip(without) {
                path.push("0".into());
                unsaid(rules, path, with, without, found);
                path.pop();
            }
        }
        _ => {}
    }
}

#[test]
fn keys_removed_from_a_service_leave_no_trace() {
    let base = json!({"image": "nginx:1.27", "port": 80, "routes": ["/*"], "uses": ["services.api"]});
    let secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf";
    let keys = [
        json!({"health": {"path": "/up", "interval": "20s", "timeout": "6s", "healthy": 3, "unhealthy": 4, "codes": "200"}}),
        json!({"scale": {"min": 1, "max": 3, "cpu": 50, "memory": 60, "requests": 100}}),
        json!({"count": 3}),
        json!({"stop_timeout": "60s"}),
        json!({"grace": "90s"}),
        json!({"deregistration_delay": "10s"}),
        json!({"exec": true}),
        json!({"spot": true}),
        json!({"public": true}),
        json!({"command": ["a"]}),
        json!({"entrypoint": ["a"]}),
        json!({"environment": {"A": "b"}}),
        json!({"secrets": {"A": secret}}),
        json!({"architecture": "arm64"}),
        json!({"logs": {"retention": "7d"}}),
        json!({"logs": {"retention": "forever"}}),
        json!({"policies": [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::a/*"]}]}),
        json!({"cpu": 512, "memory": 1024}),
    ];
    let whole = |web: &Value| {
        json!({"stack": "a", "region": "us-east-1", "services": {
            "web": web,
            "other": {"image": "i", "port": 81, "routes": ["/other/*"]},
            "api": {"image": "i", "port": 8080},
        }})
    };
    let mut changes: Vec<(Value, Value)> = keys.iter().map(|key| (with(&base, key), base.clone())).collect();
    changes.push((base.clone(), json!({"image": "nginx:1.27", "port": 80, "uses": ["services.api"]})));
    changes.push((base.clone(), json!({"image": "nginx:1.27", "port": 80, "routes": ["/*"]})));
    for (before, after) in changes {
        assert_eq!(forgotten(&graph(&whole(&before)), &graph(&whole(&after))), Vec::<String>::new());
    }
}

/// What objects of both graphs are said to be in the first one and left to be in the second.
fn forgotten(before: &Graph, after: &Graph) -> Vec<String> {
    let registry = registry();
    let mut out = Vec::new();
    for node in before.nodes() {
        let Some(left) = after.get(&node.key) else { continue };
        let rules = registry.rules(&node.key.kind);
        let mut found = Vec::new();
        unsaid(rules, &mut Vec::new(), &node.desired, &left.desired, &mut found);
        out.extend(found.into_iter().map(|field| format!("{} {field}", node.key)));
    }
    out
}

/// Every key of the file, and of its maps, by its path.
fn keys(value: &Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        path.push(key.clone());
        out.push(path.clone());
        keys(value, path, out);
        path.pop();
    }
}

/// The tables in `docs/sections.md` say the same.
#[test]
fn removed_keys_leave_no_trace_or_are_known_to_stay() {
    let full = json!({
        "stack": "a", "region": "us-east-1",
        "existing": {"zones": {"z": "example.com"}},
        "keys": {"main": {"rotation": false, "rotation_period": "180d", "deletion_window": "7d", "description": "x"}},
        "certificates": {"main": {"domain": "example.com", "names": ["www.example.com"], "zone": "existing.zones.z"}},
        "network": {"cidr": "10.1.0.0/16", "zones": 2, "nat": "single", "flow_logs": "all", "block_admin_ports": true},
        "logs": {"retention": "7d", "access": "7d"},
        "load_balancer": {
            "certificate": "certificates.main", "dns": false, "internal": true, "idle_timeout": "90s", "deletion_protection": true,
            "allow": ["10.0.0.0/8"], "ssl_policy": "x", "access_logs": false, "attributes": {"routing.http.drop_invalid_header_fields.enabled": "true"},
        },
        "services": {
            "web": {
                "image": "i", "port": 80, "routes": ["/*"], "uses": ["services.api", "databases.main", "caches.sessions"],
                "buckets": {"uploads": "read-write"}, "cpu": 512, "memory": 1024, "architecture": "arm64", "command": ["a"], "entrypoint": ["a"],
                "environment": {"A": "b"}, "health": {"path": "/up", "interval": "20s"}, "count": 2, "grace": "90s",
                "stop_timeout": "60s", "deregistration_delay": "10s", "exec": true, "spot": true, "public": true,
                "logs": {"retention": "7d"}, "readonly_root": true, "writable": ["/tmp"], "policies": [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::a/*"]}],
            },
            "api": {"image": "i", "port": 8080},
        },
        "databases": {
            "main": {
                "engine": "postgres", "version": "16", "class": "db.t4g.large", "storage": "400GiB", "max_storage": "800GiB",
                "iops": 13000, "throughput": 600, "multi_az": true, "backups": "14d", "backup_window": "03:00-03:30",
                "maintenance_window": "sun:04:00-sun:04:30", "deletion_protection": false, "database": "shop", "user": "owner",
                "port": 5555, "parameters": {"log_min_duration_statement": "500"}, "logs": ["postgresql"], "minor_upgrades": false,
                "key": "arn:aws:kms:us-east-1:123456789012:key/1", "replicas": {"r": {"class": "db.t4g.small", "multi_az": true, "deletion_protection": true}},
                "begin": {"snapshot": "mine"},
            },
            "rotated": {"engine": "postgres", "version": "16", "password": {"rotate": "30d"}},
        },
        "buckets": {
            "uploads": {
                "versions": "7d", "expire": "365d", "archive": {"prefix": "a/", "after": "90d", "to": "glacier", "delete_after": "300d"},
                "cors": {"origins": ["https://a.example"], "methods": ["POST"], "headers": ["x-a"], "expose": ["x-b"], "max_age": "1m"},
                "key": "arn:aws:kms:us-east-1:123456789012:key/1",
            },
        },
        "caches": {
            "sessions": {
                "engine": "valkey", "version": "8", "node": "cache.t4g.small", "replicas": 1, "snapshots": "3d",
                "snapshot_window": "03:00-04:00", "maintenance_window": "sun:05:00-sun:06:00", "port": 7000,
                "parameters": {"maxmemory-policy": "allkeys-lru"}, "key": "arn:aws:kms:us-east-1:123456789012:key/1",
            },
            "pages": {
                "engine": "memcached", "version": "1.6", "node": "cache.t4g.small", "nodes": 2, "port": 7001,
                "maintenance_window": "sun:05:00-sun:06:00", "parameters": {"idle_timeout": "60"},
            },
        },
        "cdn": {
            "static": {"paths": ["/static/*"]}, "aliases": ["www.example.com"], "certificate": "certificates.main", "dns": false,
            "minimum_tls": "TLSv1.2_2025", "price_class": "north-america-europe", "logs": true, "default_root": "x.html",
        },
        "access": {
            "groups": {"dev": {
                "policies": ["ReadOnlyAccess"], "may": ["view", "deploy"],
                "statements": [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::a/*"]}],
            }},
            "users": {"alice": ["dev"]},
            "mfa": "required",
            "auditor": {"principals": ["alice"], "mfa": false},
            "break_glass": {"principals": ["alice"], "mfa_age": "15m", "any_region": true, "policies": ["ReadOnlyAccess"], "may": ["view"]},
            "identity_center": {"region": "eu-west-1", "permission_sets": {"dev": {
                "groups": ["dev"], "users": ["ann@example.org"], "policies": ["ReadOnlyAccess"], "may": ["view"],
                "statements": [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::a/*"]}], "session": "8h", "description": "x",
            }}},
        },
    });
    let before = graph(&full);
    let (mut paths, mut stays) = (Vec::new(), std::collections::BTreeSet::new());
    keys(&full, &mut Vec::new(), &mut paths);
    let mut tried = 0;
    for path in paths {
        let mut without = full.clone();
        let (last, above) = path.split_last().unwrap();
        let section = above.iter().fold(&mut without, |value, key| &mut value[key.as_str()]);
        section.as_object_mut().unwrap().remove(last);
        // What must be there is not taken out by itself.
        let Ok(after) = expanded(&without, |_| {}) else { continue };
        tried += 1;
        stays.extend(forgotten(&before, &after).into_iter().map(|what| format!("{}: {what}", path.join("."))));
    }
    assert!(tried > 80, "{tried}");
    let known = [
        "access.identity_center.permission_sets.dev.description: sso.permission_set/dev description",
        "caches.pages.maintenance_window: elasticache.cluster/pages maintenance_window",
        "caches.pages.version: elasticache.cluster/pages engine_version",
        "caches.sessions.maintenance_window: elasticache.replication_group/sessions maintenance_window",
        "caches.sessions.snapshot_window: elasticache.replication_group/sessions snapshot_window",
        "caches.sessions.version: elasticache.replication_group/sessions engine_version",
        "certificates.main.zone: acm.certificate/main zone",
        "databases.main.backup_window: rds.instance/main backup_window",
        "databases.main.maintenance_window: rds.instance/main maintenance_window",
        "databases.main.maintenance_window: rds.instance/main-r maintenance_window",
        // Storage does not shrink to its default.
        "databases.main.storage: rds.instance/main iops",
        "databases.main.storage: rds.instance/main throughput",
        "keys.main: rds.instance/rotated kms_key",
        // `algorithm` says that they are S3's own.
        "keys.main: s3.bucket/assets encryption.bucket_key",
        "keys.main: s3.bucket/assets encryption.key",
        "keys.main: s3.bucket/cdn-logs encryption.bucket_key",
        "keys.main: s3.bucket/cdn-logs encryption.key",
        "keys: rds.instance/rotated kms_key",
        "keys: s3.bucket/assets encryption.bucket_key",
        "keys: s3.bucket/assets encryption.key",
        "keys: s3.bucket/cdn-logs encryption.bucket_key",
        "keys: s3.bucket/cdn-logs encryption.key",
        "load_balancer.deletion_protection: elbv2.load_balancer/main attributes.deletion_protection.enabled",
        "load_balancer: elbv2.load_balancer/main attributes.deletion_protection.enabled",
    ];
    assert_eq!(stays.iter().map(String::as_str).collect::<Vec<_>>(), known);
}

#[test]
fn users_of_a_service_get_its_address_and_follow_it() {
    let stack = json!({"stack": "a", "region": "us-east-1", "load_balancer": {"idle_timeout": "90s"}, "services": {
        "web": {"image": "i", "port": 80, "routes": ["/*"], "uses": ["services.api"], "environment": {"SERVICE_API_PORT": "mine"}},
        "api": {"image": "i", "port": 8080},
        "worker": {"image": "i"},
    }});
    let graph = graph(&stack);
    let container = |name: &str| desired(&graph, "ecs.task_definition", name)["containers"][0].clone();
    assert_eq!(
        container("web")["environment"],
        json!({"SERVICE_API_HOST": "api", "SERVICE_API_PORT": "mine", "SERVICE_API_URL": "http://api:8080"})
    );
    assert_eq!(
        (container("web")["port_names"].clone(), container("api")["port_names"].clone()),
        (json!({}), json!({"api": 8080}))
    );
    let service = |name: &str| desired(&graph, "ecs.service", name);
    let offers = json!([{"port_name": "api", "dns_name": "api", "port": 8080, "request_timeout": 0, "idle_timeout": 90}]);
    assert_eq!(service("api")["connect"]["offers"], offers);
    assert_eq!(service("web")["connect"]["offers"], json!([]));
    assert_eq!(service("web")["connect"]["namespace"], "${servicediscovery.namespace/main.arn}");
    assert!(service("web")["after"].as_array().unwrap().contains(&json!("${ecs.service/api!}")), "{}", service("web"));
    assert_eq!(service("worker")["connect"], json!({"enabled": false, "offers": []}));
    let alone = json!({"stack": "a", "region": "us-east-1", "services": {"api": {"image": "i", "port": 8080}}});
    assert!(self::graph(&alone).get(&Key::new("servicediscovery.namespace", "main")).is_none());
}

#[test]
fn readers_of_a_rotated_password_are_redeployed() {
    let theirs = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-1-AbCdEf";
    let password = |of: &str| json!({"P": format!("{of}:password::")});
    let stack = json!({"stack": "a", "region": "us-east-1", "existing": {"databases": {"old": "legacy"}},
    "databases": {
        "main": {"engine": "postgres", "version": "16", "password": {"rotate": "30d"}},
        "own": {"engine": "postgres", "version": "16"},
    },
    "resources": {"rds.instance": {"raw": {"engine": "postgres", "class": "db.t4g.micro", "managed_password": true}}},
    "services": {
        "user": {"image": "i", "uses": ["databases.main"]},
        "reader": {"image": "i", "secrets": password("${rds.instance/main.secret_arn}")},
        "raw": {"image": "i", "secrets": password("${rds.instance/raw.secret_arn}")},
        "guest": {"image": "i", "uses": ["existing.databases.old"]},
        "by-arn": {"image": "i", "secrets": password(theirs)},
        "cluster": {"image": "i", "secrets": password(&theirs.replace("db-1", "cluster-1"))},
        "idle": {"image": "i", "uses": ["databases.own"], "secrets": password("${rds.instance/own.secret_arn}")},
    }});
    let graph = graph_with(&stack, |facts| {
        facts.existing.databases.get_mut("old").unwrap().secret_arn = Some(theirs.into());
    });
    let restarted = |rule: &str| desired(&graph, "events.rule", rule)["targets"]["restart"]["input"]["services"].clone();
    assert_eq!(restarted("rotated-main"), json!(["${ecs.service/reader.name}", "${ecs.service/user.name}"]));
    assert_eq!(restarted("rotated-raw"), json!(["${ecs.service/raw.name}"]));
    assert_eq!(restarted("rotated-existing_old"), json!(["${ecs.service/by-arn.name}", "${ecs.service/guest.name}"]));
    assert_eq!(restarted("rotated-rds_cluster-1-AbCdEf"), json!(["${ecs.service/cluster.name}"]));
    let pattern = &desired(&graph, "events.rule", "rotated-existing_old")["pattern"];
    assert_eq!(pattern["detail"]["additionalEventData"]["SecretId"], json!([theirs]));
    let allowed = &desired(&graph, "iam.role", "restart_services")["policies"]["restart"]["Statement"][0]["Resource"];
    let services =
        ["by-arn", "cluster", "guest", "raw", "reader", "user"].map(|name| json!(format!("${{ecs.service/{name}.arn}}")));
    assert_eq!(*allowed, json!(services));
    assert_eq!(graph.nodes().filter(|node| node.key.kind == "lambda.permission").count(), 4);
    // A new password of the stack's own is another version, so another task definition.
    let own = &desired(&graph, "ecs.task_definition", "idle")["containers"][0]["secrets"]["P"];
    assert_eq!(*own, "${rds.instance/own.secret_arn!}:password::${secretsmanager.secret/own.version}");
    let main = &desired(&graph, "ecs.task_definition", "reader")["containers"][0]["secrets"]["P"];
    assert_eq!(*main, "${rds.instance/main.secret_arn!}:password::");
}

#[test]
fn names_get_records_if_a_certificates_zone_is_known() {
    let records = |cdn: Value, balancer: Value, certificate: Value| -> Vec<(String, Value)> {
        let mut stack = json!({"stack": "a", "region": "eu-west-1", "load_balancer": balancer, "certificates": {"main": certificate},
            "existing": {"zones": {"z": "example.com"}}, "services": {"web": {"image": "i", "port": 80, "routes": ["/*"]}}});
        if !cdn.is_null() {
            stack["cdn"] = cdn;
        }
        let graph = graph(&stack);
        let records = graph.nodes().filter(|node| node.key.kind == "route53.record");
        records.map(|node| (node.key.name.clone(), node.desired["target"].clone())).collect()
    };
    let zoned = json!({"domain": "example.com", "names": ["*.example.com"], "zone": "existing.zones.z"});
    let balancer = json!({"certificate": "certificates.main"});
    let cdn = json!({"certificate": "certificates.main", "aliases": ["WWW.example.com".to_lowercase(), "*.example.com"]});
    let domain = json!("${cloudfront.distribution/main.domain!}");
    let both = [("www_example_com-a".to_owned(), domain.clone()), ("www_example_com-aaaa".to_owned(), domain)];
    assert_eq!(records(cdn.clone(), json!({}), zoned.clone()), both);
    let dns = json!("${elbv2.load_balancer/main.dns_name!}");
    assert_eq!(records(Value::Null, balancer.clone(), zoned.clone()), [("example_com-a".to_owned(), dns)]);
    assert_eq!(records(with(&cdn, &json!({"dns": false})), balancer.clone(), zoned.clone()), []);
    assert_eq!(records(Value::Null, with(&balancer, &json!({"dns": false})), zoned), []);
    assert_eq!(records(cdn, balancer, json!({"domain": "example.com", "names": ["*.example.com"]})), []);
}

/// The plan says what would keep it, and with `moved:` all of it that has tags answers to its other name.
#[test]
fn sections_of_any_kind_are_found_by_their_other_name() {
    let file = json!({"stack": "a", "region": "us-east-1", "network": {"zones": 2, "nat": "none"},
        "keys": {"files": {}},
        "services": {"api": {"image": "i", "port": 8080}, "web": {"image": "i", "port": 80, "public": true}},
        "databases": {"orders": {"engine": "postgres", "version": "16", "class": "db.t4g.micro", "storage": "20GiB", "replicas": {"reports": {}}}},
        "caches": {"sessions": {"engine": "redis", "node": "cache.t4g.small"}, "pages": {"engine": "memcached", "node": "cache.t4g.small"}},
        "resources": {"ecs.cluster": {"lab": {"container_insights": true}}}});
    let registry = registry();
    let seen = |node: &crate::engine::Node| Seen {
        kind: node.key.kind.clone(),
        claim: Claim::Ours(node.key.name.clone()),
        live: json!({"id": node.key.to_string()}).into(),
        fields: node.desired.clone(),
        state: Readiness::Ready,
    };
    let snapshot = Snapshot { seen: graph(&file).nodes().map(seen).collect(), ..Snapshot::default() };
    let scope = scope(&serde_json::from_value(file.clone()).unwrap());
    let plan = |file: &Value| Plan::make(&registry, &scope, Some(&graph(file)), &snapshot).unwrap();
    for (from, to) in [
        ("services.api", "services.backend"),
        ("services.web", "services.front"),
        ("databases.orders", "databases.sales"),
        ("caches.sessions", "caches.store"),
        ("caches.pages", "caches.fragments"),
        ("keys.files", "keys.documents"),
        ("resources.ecs.cluster.lab", "resources.ecs.cluster.trial"),
    ] {
        let name = |path: &str| format!("\"{}\":", path.rsplit('.').next().unwrap());
        let mut renamed: Value = serde_json::from_str(&file.to_string().replacen(&name(from), &name(to), 1)).unwrap();
        let hints = plan(&renamed).hints;
        assert_eq!(hints.len(), 1, "{from}: {hints:?}");
        assert!(hints[0].ends_with(&format!("`moved: {{ {from}: {to} }}`")), "{hints:?}");
        renamed["moved"] = json!({from: to});
        let all = plan(&renamed);
        let of_it = |item: &&Item| lies_in(&item.origin, from) || lies_in(&item.origin, to);
        let tagged = |item: &&Item| registry.find(&item.key.kind).is_some_and(|kind| kind.info().tagged);
        let lost: Vec<String> = all
            .items
            .iter()
            .filter(of_it)
            .filter(tagged)
            .filter(|item| matches!(item.action, Action::Create | Action::Delete))
            .map(|item| format!("{:?} {}", item.action, item.key))
            .collect();
        assert_eq!(lost, Vec::<String>::new(), "{from}");
    }
}

/// The names of a stack lead to its new balancer when what stands behind that serves.
#[test]
fn names_move_when_the_new_balancer_serves() {
    let stack = |internal: bool| {
        json!({"stack": "a", "region": "eu-west-1", "existing": {"zones": {"z": "example.com"}},
            "certificates": {"main": {"domain": "example.com", "zone": "existing.zones.z"}},
            "load_balancer": {"certificate": "certificates.main", "internal": internal},
            "services": {"web": {"image": "i", "port": 80, "routes": ["/*"]}}})
    };
    let (registry, after) = (registry(), graph(&stack(true)));
    let scope = scope(&serde_json::from_value(stack(true)).unwrap());
    let before = applied(&graph(&stack(false)));
    let same = Plan::make(&registry, &scope, Some(&graph(&stack(false))), &before).unwrap();
    assert!(same.is_empty(), "{:?}", same.changes().map(|item| (&item.key, &item.changes)).collect::<Vec<_>>());
    let plan = Plan::make(&registry, &scope, Some(&after), &before).unwrap();
    let schedule = Schedule::new(&plan.items, &registry).unwrap();
    let at = |key: &str| plan.items.iter().position(|item| item.key.to_string() == key).unwrap();
    let record = &schedule.ops[&(at("route53.record/example_com-a"), Verb::Update)];
    let service = at("ecs.service/web");
    assert!(record.after.keys().any(|(item, verb)| *item == service && *verb != Verb::Delete), "{:?}", record.after);
}

/// A route leads to a gateway that serves, not only to one that is there.
#[test]
fn a_subnet_is_led_to_a_gateway_that_serves() {
    let stack = json!({"stack": "a", "region": "eu-west-1", "network": {"zones": 2, "nat": "per-zone"}});
    let graph = graph(&stack);
    assert_eq!(desired(&graph, "ec2.route", "app-b-internet")["nat"], "${ec2.nat_gateway/b!}");
}

/// What is taken out of `load_balancer.attributes` is AWS's default again, where that is known and nobody else's business.
#[test]
fn removed_balancer_attributes_are_aws_defaults() {
    let attributes = |section: Value| {
        let stack = json!({"stack": "a", "region": "eu-west-1", "load_balancer": section,
            "services": {"web": {"image": "i", "port": 80, "routes": ["/*"]}}});
        desired(&graph(&stack), "elbv2.load_balancer", "main")["attributes"].clone()
    };
    let said = attributes(json!({"attributes": {"routing.http2.enabled": "false", "access_logs.s3.enabled": "true"}}));
    assert_eq!((&said["routing.http2.enabled"], &said["access_logs.s3.enabled"]), (&json!("false"), &json!("true")));
    let unsaid = attributes(json!({}));
    assert_eq!((&unsaid["routing.http2.enabled"], &unsaid["access_logs.s3.enabled"]), (&json!("true"), &json!("true")));
    assert_eq!(unsaid["access_logs.s3.bucket"], "${s3.bucket/alb-logs.name}");
    let off = attributes(json!({"access_logs": false}));
    assert_eq!((&off["access_logs.s3.enabled"], &off["access_logs.s3.bucket"]), (&json!("false"), &Value::Null));
    assert_eq!(unsaid["client_keep_alive.seconds"], "3600");
    assert_eq!(unsaid["deletion_protection.enabled"], Value::Null);
}

/// What is wrong with a stack, each with its place and its code.
fn problems(stack: &Value) -> Vec<(String, &'static str)> {
    let stack: Stack = serde_json::from_value(stack.clone()).unwrap();
    let scope = scope(&stack);
    match expand(&stack, &Facts::assumed(&scope, true, &stack), &registry()) {
        Err(Failure::Problems(found)) => found.into_iter().map(|problem| (problem.at, problem.code)).collect(),
        other => panic!("{:?}", other.map(|graph| graph.len())),
    }
}

#[test]
fn names_that_yield_one_object_name_are_problems() {
    let stack = |services: Value, databases: Value| json!({"stack": "a", "region": "us-east-1", "services": services, "databases": databases});
    let worker = json!({"image": "i"});
    let served = json!({"image": "i", "port": 80, "routes": ["/*"]});
    let main = json!({"main": {"engine": "postgres", "version": "16"}});
    let balancer = stack(json!({"web": served, "alb": worker}), json!({}));
    assert_eq!(problems(&balancer)[0], ("services.alb".to_owned(), "taken"));
    let database = stack(json!({"db-main": worker}), main.clone());
    assert_eq!(problems(&database), [("services.db-main".to_owned(), "taken")]);
    let uses = json!({"image": "i", "uses": ["databases.main", "services.databases-main"]});
    let used = stack(json!({"web": uses, "databases-main": {"image": "i", "port": 80}}), main);
    assert_eq!(problems(&used), [("services.web".to_owned(), "taken")]);
}

#[test]
fn two_that_a_service_uses_do_not_set_one_variable() {
    let stack = |web: Value| {
        json!({"stack": "a", "region": "us-east-1", "services": {"web": web},
            "databases": {"main": {"engine": "postgres", "version": "16"}},
            "caches": {"a": {"engine": "valkey", "replicas": 1}, "a-reader": {"engine": "valkey"}},
            "existing": {"databases": {"main": "old"}}})
    };
    for uses in [["databases.main", "existing.databases.main"], ["caches.a", "caches.a-reader"]] {
        let wrong = problems(&stack(json!({"image": "i", "uses": uses})));
        assert_eq!(wrong, [("services.web.uses[1]".to_owned(), "duplicate-variable")]);
    }
    let said = json!({"image": "i", "uses": ["caches.a", "caches.a-reader"], "environment": {"CACHE_A_READER_HOST": "x"}});
    graph(&stack(said));
    graph(&stack(json!({"image": "i", "uses": ["caches.a", "caches.a", "databases.main"]})));
}

#[test]
fn the_files_own_password_gives_no_right_to_the_other() {
    let secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mine-AbCdEf";
    let policies = |secrets: Value| {
        let stack = json!({"stack": "a", "region": "us-east-1", "databases": {"main": {"engine": "postgres", "version": "16"}},
            "services": {"web": {"image": "i", "uses": ["databases.main"], "secrets": secrets}}});
        desired(&graph(&stack), "iam.role", "web-exec")["policies"]["secrets"].to_string()
    };
    assert!(policies(json!({})).contains("secretsmanager.secret/main"));
    let mine = policies(json!({"DATABASE_MAIN_PASSWORD": secret}));
    assert!(mine.contains(secret) && !mine.contains("secretsmanager.secret/main"), "{mine}");
}

#[test]
fn what_protects_nothing_is_said_at_its_own_place() {
    let stack = json!({"stack": "a", "region": "us-east-1", "services": {"web": {"image": "i"}},
        "protect": ["services.web", "services.nope"]});
    assert_eq!(problems(&stack), [("protect[1]".to_owned(), "protects-nothing")]);
}

#[test]
fn a_boundary_is_on_every_role_and_user() {
    let arn = "arn:aws:iam::123456789012:policy/limits";
    let graph = graph(&json!({
        "stack": "a", "region": "us-east-1",
        "keys": {"main": {}},
        "services": {"web": {"image": "i", "port": 80}},
        "databases": {"main": {"engine": "postgres", "version": "16", "password": {"rotate": "30d"}}},
        "backup": {}, "archive": {"jobs": {"old": {"service": "web", "command": ["a"]}}}, "alarms": {"email": ["a@example.com"]},
        "access": {
            "boundary": arn, "users": {"alice": []},
            "pipelines": {"release": {"github": "acme/shop", "branches": ["main"], "may": ["deploy"]}},
        },
        "resources": {"iam.role": {"own": {"trust": {}}, "other": {"trust": {}, "boundary": "arn:aws:iam::aws:policy/ReadOnlyAccess"}}},
    }));
    let limited = graph.nodes().filter(|node| ["iam.role", "iam.user"].contains(&node.key.kind.as_str()));
    let found: Vec<(String, &Value)> = limited.map(|node| (node.key.to_string(), &node.desired["boundary"])).collect();
    assert!(found.len() >= 9, "{found:?}");
    for (key, boundary) in found {
        let expected = if key == "iam.role/other" { "arn:aws:iam::aws:policy/ReadOnlyAccess" } else { arn };
        assert_eq!(boundary, expected, "{key}");
    }
}

#[test]
fn a_database_is_full_at_what_its_parameters_say() {
    let most = |parameters: Value| {
        let main = json!({"engine": "postgres", "version": "16", "class": "db.t4g.micro", "parameters": parameters});
        let stack = json!({"stack": "a", "region": "us-east-1", "databases": {"main": main}, "caches": {"s": {"engine": "valkey", "version": "8"}}});
        let scope = scope(&serde_json::from_value(stack.clone()).unwrap());
        let all = super::figures::all(&graph(&stack), &scope);
        let full = |part: &str, label: &str| all.iter().find(|f| f.part == part && f.what.label == label).unwrap().full;
        assert_eq!((full("databases.main", "CPU"), full("databases.main", "queue")), (Some(100.0), None));
        assert_eq!((full("caches.s.1", "connections"), full("caches.s.1", "memory")), (Some(65_000.0), None));
        full("databases.main", "connections")
    };
    assert_eq!(most(json!({"max_connections": "20"})), Some(20.0));
    // A formula is not computed: what the class accepts at least stands in for it.
    let formula = most(json!({"max_connections": "LEAST({DBInstanceClassMemory/9531392},5000)"}));
    assert_eq!((formula, most(json!({}))), (Some(78.0), Some(78.0)));
}
