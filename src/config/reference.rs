//! The page `docs/file.md`, written from the schema: every section with an example and what it creates, and every key with its type
//! and default.
//!
//! Only a test needs it. How sections work together, and the kinds under `resources`, have pages that are written by hand.

use serde_json::Value;

use super::schema::DEFAULT;
use super::{check, scalar, yaml};

/// The sections, each with an example and with the objects that it creates, if any. The schema does not have them; the expansion in
/// `src/blueprint` creates the objects.
const SECTIONS: &[(&str, &str, &str)] = &[
    ("stack", "stack: webapp", NOTHING),
    ("region", "region: us-east-1", NOTHING),
    ("account", "account: \"123456789012\"", NOTHING),
    (
        "history_bucket",
        "history_bucket: example-stack-history",
        "a bucket with versions, without public access, whose policy requires TLS. It does not belong to the stack, and stays when the \
         stack is destroyed",
    ),
    ("production", "production: true", NOTHING),
    ("ttl", "ttl: 72h", NOTHING),
    ("schedule", "schedule: { awake: mon-fri 07:00-20:00 Europe/Berlin }", NOTHING),
    ("tags", "tags: { team: shop }", NOTHING),
    ("ignore_tags", "ignore_tags: [\"cost-*\"]", NOTHING),
    (
        "network",
        "network: { zones: 2, nat: single }",
        "a VPC; public, application and data subnets in every zone; an internet gateway; NAT gateways with their addresses; route \
         tables, routes and associations; a gateway endpoint for S3. The default security group of the VPC is emptied. For `flow_logs` \
         a flow log, its log group and a role",
    ),
    (
        "load_balancer",
        "load_balancer: { certificate: certificates.main }",
        "an Application Load Balancer with its security group and rules; a listener for HTTP, and with a certificate one for HTTPS; \
         listener rules for paths and hosts; alias records in the certificate's zone; for `access_logs` a bucket with its policy",
    ),
    (
        "services",
        "services: { web: { image: \"public.ecr.aws/nginx/nginx:1.27\", port: 80, routes: [\"/*\"] } }",
        "an ECS cluster; for each service a task definition, an ECS service with circuit breaker and rollback, a security group with \
         rules, a log group, an execution role and a task role; a target group when it has routes; a scalable target and scaling \
         policies when it has `scale`; a Cloud Map namespace when one service uses another; a log group for sessions when one has `exec`",
    ),
    (
        "databases",
        "databases: { main: { engine: postgres, version: \"16\", class: db.t4g.micro, storage: 20GiB } }",
        "for each database an RDS instance with a security group and a parameter group; a secret when `rotate` is `never`; an instance for \
         each replica; a log group for each of `logs`; a subnet group for all. When RDS rotates a password: an EventBridge rule, a \
         Lambda function with its role and log group, and permissions, which deploy the services again",
    ),
    (
        "caches",
        "caches: { main: { engine: valkey, node: cache.t4g.micro } }",
        "for each cache a replication group (Valkey, Redis) or a cluster (Memcached), with a security group, and with a parameter group \
         when it has `parameters`; a subnet group for all",
    ),
    (
        "buckets",
        "buckets: { uploads: { cors: { origins: [\"https://app.example.com\"] } } }",
        "for each bucket an S3 bucket without public access, encrypted and with lifecycle rules, and a policy that requires TLS",
    ),
    (
        "cdn",
        "cdn: { static: { paths: [\"/static/*\"] } }",
        "a CloudFront distribution; for `static` an origin access control, and without `static.bucket` a bucket with its policy; for \
         `logs` a bucket with its policy; alias records in the certificate's zone",
    ),
    ("logs", "logs: { retention: 90d, access: 180d }", "for each entry of `queries` a saved query ([logs.md](logs.md#queries))"),
    (
        "alarms",
        "alarms: { email: [ops@example.com], services: { latency: 1s } }",
        "a CloudWatch alarm for each part and reason ([alarms.md](alarms.md)); an SNS topic, unless only `topics` is given, with a \
         subscription for each address in `email` and `https`; for each entry of `slack` and `teams` a channel configuration, and a role for all",
    ),
    ("dashboard", "dashboard: true", "a CloudWatch dashboard ([dashboard.md](dashboard.md))"),
    (
        "firewall",
        "firewall: { mode: block, rate_limit: 2000 }",
        "for each of `before` a web ACL, its association and, unless `logs.keep` is `none`, a log group; an IP set for each of the lists \
         `allow` and `deny` and each version of IP in it ([firewall.md](firewall.md))",
    ),
    (
        "backup",
        "backup: { keep: 90d, copies: [{ region: eu-central-1 }] }",
        "an AWS Backup vault and plan, a selection of what the stack has, and a role; for each `region` of `copies` a vault there; for \
         `test` a restore testing plan with a selection each for databases and buckets, a security group, and where `alarms` has a topic \
         a rule of EventBridge",
    ),
    (
        "recovery",
        "recovery: { region: eu-central-1, rpo: 15m, rto: 2h }",
        "for each database the replication of its automated backups into the second region; for `health_check` a health check of Route 53 \
         in each region that serves ([recovery.md](recovery.md))",
    ),
    (
        "archive",
        "archive: { schedule: weekly, delete_after: 3650d }",
        "a bucket with its policy for exports of databases, two roles, a Lambda function with its log group, two EventBridge rules and \
         permissions; a lifecycle rule in each of `buckets`; for `jobs` a Lambda function with its role, log group, two rules and permissions, \
         and for each of them a task definition with two roles, a log group, a rule and a permission ([archive.md](archive.md))",
    ),
    (
        "budget",
        "budget: { monthly: 300, email: [ops@example.com] }",
        "a budget of AWS Budgets with its notifications; for `anomalies` a cost anomaly monitor, and a subscription for `email` and one \
         for `topic` ([budget.md](budget.md))",
    ),
    ("usage", "usage: { requests: 12.5, transfer: 2TiB }", NOTHING),
    ("cost", "cost: { max_monthly: 300 }", NOTHING),
    ("capacity", "capacity: { web: { requests_per_task: 40 } }", NOTHING),
    (
        "access",
        "access: { groups: { developers: { may: [view, exec] } }, users: { ada: [developers] } }",
        "IAM groups with managed and inline policies, and IAM users without passwords and access keys; for each of `pipelines` a role, \
         and an identity provider for each issuer of their tokens; a role each for `auditor` and `break_glass`, and a rule of EventBridge for \
         the latter where `alarms` has a topic; for each of `identity_center` a permission set, and an assignment for each group and user that \
         gets it; `password_policy` changes that of the account",
    ),
    ("keys", "keys: { main: {} }", "for each key a KMS key and an alias"),
    (
        "certificates",
        "certificates: { main: { domain: www.example.com, zone: existing.zones.main } }",
        "for each certificate an ACM certificate in the stack's region, or in us-east-1 when only `cdn` uses it, or in both; with a \
         `zone` the validation records",
    ),
    ("existing", "existing: { zones: { main: example.com } }", NOTHING),
    (
        "share",
        "share: { network: staging, databases: staging }",
        "a rule in the security group of each database and cache of the other environment that services use, and the listener rules of \
         `routes` at its load balancer",
    ),
    ("protect", "protect: [services.web]", NOTHING),
    ("check", "check: { exceptions: { ELB.1: { reason: the application has no domain yet, until: \"2027-01-31\" } } }", NOTHING),
    ("clone", "clone: { keep: [existing.buckets.uploads] }", NOTHING),
    ("moved", "moved: { services.api: services.backend }", NOTHING),
    ("resources", "resources: { sqs.queue: { jobs: {} } }", "exactly the objects that are written there"),
    ("environments", "environments: { staging: { network: { nat: single } }, production: { production: true } }", NOTHING),
];

/// What a section creates that only changes or describes what others create.
const NOTHING: &str = "nothing of its own";

/// Writes the whole page.
fn page(schema: &Value) -> String {
    let mut out = String::from(HEAD);
    let required = required(schema);
    for (section, property) in entries(schema, "properties") {
        let known = SECTIONS.iter().find(|(name, ..)| name == section);
        out += &format!("\n## {section}\n\n{}\n", text(property));
        let facts = [
            ("Type", Some(type_of(schema, property))),
            (
                "Default",
                default_of(property).or_else(|| required.contains(&section.as_str()).then(|| "none, it is required".into())),
            ),
            ("Example", known.map(|(_, example, _)| format!("`{example}`"))),
            ("Creates", known.map(|(_, _, creates)| (*creates).to_owned())),
        ];
        let facts = facts.into_iter().filter_map(|(name, fact)| Some(format!("- {name}: {}\n", fact?)));
        out += &format!("\n{}", facts.collect::<String>());
        if !["resources", "environments"].contains(&section.as_str()) {
            out += &keys(schema, property, section, 3);
        }
    }
    out
}

const HEAD: &str = "# The stack file

<!-- Written from the schema by a test in src/config/reference.rs: INSTA_UPDATE=always cargo test -p stack-config the_page -->

Every section of the file and every key, with its type, its default and what it creates in AWS. `stack schema` prints the same for
programs, and editors complete and check a file whose first line names it:

```yaml
# yaml-language-server: $schema=stack.schema.json
```

[How the sections work together](sections.md) is about what no single key says: deployments, passwords, encryption, rights, and what a
key means that is removed. [Kinds](kinds.md) has the attributes and waits of what `resources` can create.
";

/// Writes the table of the keys inside a section, and after it those inside its keys.
fn keys(schema: &Value, property: &Value, path: &str, depth: usize) -> String {
    let (object, path) = inside(schema, property, path);
    let required = required(object);
    let mut out = String::new();
    let mut below = String::new();
    for (key, property) in entries(object, "properties") {
        let default = if required.contains(&key.as_str()) { Some("required".into()) } else { default_of(property) };
        let example = example_of(property).map(|example| format!(" Example: {example}.")).unwrap_or_default();
        let cells = [
            format!("`{key}`"),
            type_of(schema, property),
            default.unwrap_or_else(|| "see below".into()),
            format!("{}{}{example}", text(property), choices(schema, property)),
        ];
        out += &format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
        below += &keys(schema, property, &format!("{path}.{key}"), depth + 1);
    }
    if out.is_empty() {
        return below;
    }
    let heading = if depth > 3 { format!("\n### {path}\n") } else { String::new() };
    format!("{heading}\n| key of `{path}` | type | default | what it does |\n| --- | --- | --- | --- |\n{out}{below}")
}

/// Returns the object that a property is or holds by name or in a list, and its path.
fn inside<'a>(root: &'a Value, property: &'a Value, path: &str) -> (&'a Value, String) {
    let schema = branches(root, property).into_iter().find(|s| !entries(s, "properties").is_empty() || holds(s).is_some());
    match schema.and_then(|schema| Some((schema, holds(schema)?))) {
        Some((_, (each, step))) => inside(root, each, &format!("{path}{step}")),
        None => (schema.unwrap_or(&Value::Null), path.to_owned()),
    }
}

/// Returns what a map or a list holds, and the next step of a path in it.
fn holds(schema: &Value) -> Option<(&Value, &'static str)> {
    let by_name = schema.get("additionalProperties").filter(|each| each.is_object()).map(|each| (each, ".NAME"));
    by_name.or_else(|| schema.get("items").map(|each| (each, "[]")))
}

/// Returns the alternatives of a schema but `null`, with references followed.
fn branches<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    if let Some(to) = schema["$ref"].as_str().and_then(|to| root.pointer(to.trim_start_matches('#'))) {
        return branches(root, to);
    }
    match schema.get("anyOf").and_then(Value::as_array) {
        Some(all) => all.iter().filter(|one| one["type"] != "null").flat_map(|one| branches(root, one)).collect(),
        None => vec![schema],
    }
}

fn entries<'a>(schema: &'a Value, of: &str) -> Vec<(&'a String, &'a Value)> {
    schema.get(of).and_then(Value::as_object).map(|map| map.iter().collect()).unwrap_or_default()
}

fn required(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Returns what a key does: its description on one line, without the default.
fn text(property: &Value) -> String {
    let text = property["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    text.split(DEFAULT).next().unwrap_or_default().to_owned()
}

/// Returns the default in words, as the description ends.
fn default_of(property: &Value) -> Option<String> {
    let text = property["description"].as_str()?.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split_once(DEFAULT).map(|(_, default)| default.trim_end_matches('.').to_owned())
}

fn example_of(property: &Value) -> Option<String> {
    let example = property["examples"].as_array()?.first()?;
    Some(format!("`{}`", example.as_str().map_or_else(|| example.to_string(), str::to_owned)))
}

/// Returns the choices of an enumeration with what each means.
fn choices(root: &Value, property: &Value) -> String {
    let all = branches(root, property).into_iter().flat_map(|s| branches(root, s.get("items").unwrap_or(s)));
    let all = all.flat_map(|s| s["oneOf"].as_array().into_iter().flatten());
    all.map(|one| format!(" `{}`: {}", one["const"].as_str().unwrap_or_default(), text(one))).collect()
}

/// Returns the type in words.
fn type_of(root: &Value, property: &Value) -> String {
    let mut out: Vec<String> = Vec::new();
    for schema in branches(root, property) {
        let word = word(root, schema);
        if !out.contains(&word) {
            out.push(word);
        }
    }
    out.join(" or ")
}

fn word(root: &Value, schema: &Value) -> String {
    let list = |values: Vec<&Value>| {
        let shown = |value: &&Value| format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        values.iter().map(shown).collect::<Vec<_>>().join(", ")
    };
    if let Some(all) = schema["oneOf"].as_array() {
        return list(all.iter().map(|one| &one["const"]).collect());
    }
    if let Some(all) = schema["enum"].as_array() {
        // What may be left out may also be written as nothing.
        return list(all.iter().filter(|value| !value.is_null()).collect());
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or_default();
    let format = schema["format"].as_str().unwrap_or_default();
    match (kind, format) {
        ("integer", _) => match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
            (Some(least), Some(most)) => format!("number, {least} to {most}"),
            (Some(least), None) if least > 0 => format!("number, at least {least}"),
            _ => "number".into(),
        },
        ("number", _) => "number".into(),
        ("boolean", _) => "`true` or `false`".into(),
        ("array", _) => format!("list of {}", schema.get("items").map_or_else(|| "text".into(), |each| type_of(root, each))),
        ("object", _) => match schema.get("additionalProperties").filter(|each| each.is_object()) {
            Some(each) => format!("{} by name", type_of(root, each)),
            None => "map".into(),
        },
        (_, "stack-duration") => "time".into(),
        (_, "stack-rotation") => "`never` or a time".into(),
        (_, "stack-size") => "size".into(),
        (_, "stack-percent-threshold") => "percentage or `off`".into(),
        (_, "stack-count-threshold") => "number or `off`".into(),
        (_, "stack-time-threshold") => "time or `off`".into(),
        (_, "stack-alarm-switch") => "`on` or `off`".into(),
        (_, "stack-cidr" | "stack-any-cidr") => "network".into(),
        (_, "stack-country") => "country".into(),
        (_, "stack-name") => "name".into(),
        (_, "stack-secret") => "ARN".into(),
        (_, "stack-route") => "route".into(),
        _ => "text".into(),
    }
}

/// `INSTA_UPDATE=always` writes the page, as it does snapshots.
#[test]
fn the_page_is_fresh() {
    let now = page(&super::tests::schema());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/file.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(path, &now).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap() == now, "run: INSTA_UPDATE=always cargo test -p stack-config the_page");
}

#[test]
fn the_page_has_every_section() {
    let schema = super::tests::schema();
    let page = page(&schema);
    for (section, _) in entries(&schema, "properties") {
        let (_, rest) = page.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("{section} is not on the page"));
        let facts = rest.split("\n## ").next().unwrap().split("\n| ").next().unwrap();
        for fact in ["Type", "Default", "Example", "Creates"] {
            let said = facts.lines().find_map(|line| line.strip_prefix(&format!("- {fact}: ")));
            assert!(
                said.is_some_and(|said| !said.is_empty()),
                "`{section}` has no {fact}: its doc comment in types.rs, or SECTIONS"
            );
        }
    }
    assert!(SECTIONS.iter().all(|(section, ..)| schema["properties"].get(section).is_some()));
    for line in page.lines().filter(|line| line.starts_with("| `") && line.contains("| see below |")) {
        let key = line.split('`').nth(1).unwrap();
        assert!([".{}\n", ".{}.NAME\n"].iter().any(|end| page.contains(&end.replace("{}", key))), "{line}");
    }
}

#[test]
fn the_examples_are_valid() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../stack.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let required = [("stack", "stack: webapp\n"), ("region", "region: us-east-1\n")];
    for (section, example, _) in SECTIONS {
        assert!(example.starts_with(&format!("{section}: ")), "{example}");
        let others = required.iter().filter(|(name, _)| name != section).map(|(_, line)| *line);
        let text = format!("{}{example}\n", others.collect::<String>());
        let mut file = yaml::parse(&text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        scalar::as_text(&mut file, &schema, &schema, &text);
        let found = check::check(&file, &schema, false, &[]);
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}
