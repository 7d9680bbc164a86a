//! Every service, a line each, and what is known about their kinds.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Clients, Cx, spelling};
use crate::aws::call::clients::Services;
use crate::aws::control::later::Fact;
use crate::aws::control::{self, Control, Unread, account};
use crate::aws::spelling::Wrong;
use crate::aws::wing::{KindRow, Wing};
use crate::engine::{self, Snapshot};

/// Every service. Their order is that of plans.
const WINGS: &[&Wing] = &[
    &super::ec2::WING,
    &super::elbv2::WING,
    &super::iam::WING,
    &super::kms::WING,
    &super::acm::WING,
    &super::logs::WING,
    &super::ecs::WING,
    &super::autoscaling::WING,
    &super::route53::WING,
    &super::s3::WING,
    &super::servicediscovery::WING,
    &super::cloudfront::WING,
    &super::rds::WING,
    &super::secretsmanager::WING,
    &super::lambda::WING,
    &super::events::WING,
    &super::elasticache::WING,
    &super::sns::WING,
    &super::sqs::WING,
    &super::cloudwatch::WING,
    &super::wafv2::WING,
    &super::backup::WING,
    &super::budgets::WING,
    &super::chatbot::WING,
    &super::ce::WING,
    &super::sso::WING,
];

/// Returns every service.
pub(super) fn wings() -> impl Iterator<Item = &'static Wing> {
    WINGS.iter().copied()
}

/// Returns every kind.
pub(super) fn kinds() -> impl Iterator<Item = &'static KindRow> {
    wings().flat_map(|wing| wing.kinds)
}

/// Returns the actions that delete objects of any kind, each once.
pub fn deletes() -> BTreeSet<&'static str> {
    kinds().flat_map(|row| row.actions.delete).copied().collect()
}

/// Returns what is known about a kind, or `None` if there is no kind of that name.
pub fn kind(name: &str) -> Option<&'static KindRow> {
    kinds().find(|row| row.name == name)
}

/// Returns every kind, for the engine.
pub fn registry() -> engine::Registry<Clients> {
    kinds().fold(engine::Registry::default(), |registry, row| (row.register)(registry))
}

/// Returns every control that objects can be held to.
pub fn controls() -> impl Iterator<Item = &'static Control> {
    wings().flat_map(|wing| wing.controls).chain(account::CONTROLS)
}

/// Asks the services what became of a stack's objects, for `stack check`, and returns what could not be read besides.
pub async fn later(cx: &Cx, snapshot: &Snapshot) -> (Vec<Fact>, Vec<Unread>) {
    control::later::read(cx, snapshot, wings().flat_map(|wing| wing.later)).await
}

/// Returns what calls must know about the services.
pub fn services() -> Services {
    Services {
        indexed: wings().flat_map(|wing| wing.indexed).map(|name| (*name).to_owned()).collect(),
        rates: wings().flat_map(|wing| wing.rates).copied().collect(),
    }
}

/// Brings an object of the file into AWS's spelling.
///
/// # Errors
/// Every field that has no spelling which AWS accepts.
pub fn spell(name: &str, object: &mut Value) -> Result<(), Vec<Wrong>> {
    let mut wrong = Vec::new();
    if let Some(row) = kind(name) {
        spelling::spell(row.spelling, object, &mut wrong);
        (row.spell)(object, &mut wrong);
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use serde_json::json;

    use super::*;

    /// Exactly the waits that are longer than the usual half hour are listed in docs/kinds.md.
    #[test]
    fn the_longest_waits_are_written_down() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/kinds.md")).unwrap();
        let table = text.split("## Waits").nth(1).unwrap();
        let row = |line: &str| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let hours = cells.get(3)?.split(' ').next()?.parse::<u64>().ok()?;
            Some((cells[1].trim_matches('`').to_owned(), hours))
        };
        let written: Vec<(String, u64)> =
            table.lines().filter(|line| line.starts_with("| `")).map(|line| row(line).unwrap()).collect();
        let mut known: Vec<(String, u64)> = crate::aws::registry()
            .kinds()
            .map(|kind| (kind.info().name.to_owned(), kind.info().usual.longest.as_secs()))
            .filter(|(_, longest)| *longest > 1800)
            .map(|(name, longest)| (name, longest / 3600))
            .collect();
        known.sort();
        assert_eq!(written, known);
    }

    #[test]
    fn the_documents_have_the_same_table() {
        let page = include_str!("../../docs/ownership.md");
        for row in kinds() {
            let (kind, mark) = (row.name, format!("{:?}", row.mark).to_lowercase());
            let row = page.lines().find(|line| line.starts_with(&format!("| `{kind}` |")));
            assert!(row.is_some_and(|row| row.contains(&format!("| {mark} |"))), "`{kind}`, {mark}: {row:?}");
        }
    }

    #[test]
    fn what_a_kind_tells_of_tags_leaves_those_of_others() {
        use crate::engine::{What, rules};
        for kind in crate::aws::registry().kinds().filter(|kind| kind.info().tagged) {
            let owned = rules::fields(kind.info().rules, What::Owned).any(|field| field == "tags");
            assert!(owned, "`{}` has no `Rule::owned(\"tags\")`", kind.info().name);
        }
    }

    fn field(kind: &str, path: &str, text: &str) -> Result<String, Vec<Wrong>> {
        let mut object = path.rsplit('.').fold(json!(text), |inner, step| match step {
            "*" if path.contains("origins") => json!({"x": inner}),
            "*" => json!([inner]),
            step => json!({step: inner}),
        });
        if kind == "ec2.security_group_rule" {
            let more = json!({"protocol": "tcp", "from_port": 1, "to_port": 2, "cidr": "10.0.0.0/8"});
            for (key, value) in more.as_object().unwrap() {
                object.as_object_mut().unwrap().entry(key.clone()).or_insert(value.clone());
            }
        }
        spell(kind, &mut object)?;
        let pointer = path.replace('.', "/").replace('*', if path.contains("origins") { "x" } else { "0" });
        Ok(object.pointer(&format!("/{pointer}")).unwrap().as_str().unwrap().to_owned())
    }

    /// Every spelling becomes the one that AWS reports, and that one stays.
    #[test]
    fn what_aws_spells_otherwise_is_spelled_as_aws_does() {
        for (kind, path, spellings, aws) in [
            ("ec2.security_group_rule", "protocol", &["tcp", "TCP", "6", "Tcp"][..], "tcp"),
            ("ec2.security_group_rule", "protocol", &["udp", "UDP", "17"], "udp"),
            ("ec2.security_group_rule", "protocol", &["icmp", "1"], "icmp"),
            ("ec2.security_group_rule", "protocol", &["icmpv6", "58", "ICMPv6"], "icmpv6"),
            ("ec2.security_group_rule", "protocol", &["-1", "all", "ALL"], "-1"),
            ("ec2.security_group_rule", "protocol", &["50"], "50"),
            ("ec2.security_group_rule", "cidr", &["10.0.0.0/8", "10.1.2.3/8"], "10.0.0.0/8"),
            ("ec2.route", "destination", &["10.1.2.3/8"], "10.0.0.0/8"),
            ("route53.record", "name", &["WWW.Example.com.", "www.example.com"], "www.example.com"),
            ("route53.record", "type", &["aaaa", "AAAA"], "AAAA"),
            ("lambda.function", "architecture", &["ARM64", "arm64"], "arm64"),
            ("lambda.function", "architecture", &["X86_64", "x86-64"], "x86_64"),
            ("lambda.function", "runtime", &["Python3.13"], "python3.13"),
            (
                "ec2.vpc",
                "network_acl.ingress 100",
                &["allow TCP 10.1.2.3/8 443", "Allow 6 10.0.0.0/8 443-443", "allow  tcp 10.0.0.0/8 443-443"],
                "allow tcp 10.0.0.0/8 443-443",
            ),
            (
                "ec2.vpc",
                "network_acl.egress 7",
                &["deny all 2001:0db8:0::1/32", "DENY -1 2001:DB8::/32"],
                "deny all 2001:db8::/32",
            ),
            ("ec2.vpc", "cidr", &["10.0.0.1/16"], "10.0.0.0/16"),
            ("ec2.subnet", "zone", &["us-east-1A"], "us-east-1a"),
            ("acm.certificate", "domain", &["WWW.Example.com.", "www.example.com"], "www.example.com"),
            ("acm.certificate", "names.*", &["*.Example.com"], "*.example.com"),
            ("cloudfront.distribution", "aliases.*", &["Www.example.com", "www.example.com."], "www.example.com"),
            ("cloudfront.distribution", "origins.*.path", &["/static/", "/static"], "/static"),
            ("cloudfront.distribution", "default.methods.*", &["get", "GET"], "GET"),
            ("cloudfront.distribution", "price_class", &["priceclass_100", "PriceClass100"], "PriceClass_100"),
            ("ecs.task_definition", "cpu", &["1024", "1 vCPU", "1vcpu", "1.0 vCPU"], "1024"),
            ("ecs.task_definition", "cpu", &[".5 vCPU", "0.5vcpu", "512"], "512"),
            ("ecs.task_definition", "memory", &["2048", "2GB", "2 gb"], "2048"),
            ("ecs.task_definition", "architecture", &["arm64", "ARM64"], "ARM64"),
            ("ecs.task_definition", "architecture", &["x86_64", "x86-64"], "X86_64"),
            ("elbv2.listener", "protocol", &["http", "HTTP"], "HTTP"),
            ("elbv2.load_balancer", "scheme", &["Internet-Facing", "internet_facing"], "internet-facing"),
            ("elasticache.replication_group", "engine", &["Redis", "redis"], "redis"),
            ("rds.instance", "engine", &["Postgres", "postgres"], "postgres"),
            ("rds.instance", "maintenance_window", &["Sun:04:00-Sun:04:30"], "sun:04:00-sun:04:30"),
            ("rds.instance", "class", &["db.T4G.micro"], "db.t4g.micro"),
            ("s3.bucket", "encryption.algorithm", &["aes256", "AES256"], "AES256"),
        ] {
            for text in spellings {
                assert_eq!(field(kind, path, text), Ok(aws.to_owned()), "{kind} {path} {text}");
            }
        }
    }

    #[test]
    fn what_aws_never_accepts_is_refused_at_its_field() {
        for (kind, path, text) in [
            ("ec2.security_group_rule", "protocol", "tpc"),
            ("ec2.security_group_rule", "protocol", "256"),
            ("ec2.security_group_rule", "cidr", "10.0.0.1"),
            ("ec2.security_group_rule", "cidr", "everybody"),
            ("ec2.route", "destination", "::/0"),
            ("ec2.vpc", "cidr", "10.0.0.0/33"),
            ("ec2.vpc", "network_acl.inward 100", "allow all 0.0.0.0/0"),
            ("ec2.vpc", "network_acl.ingress 32767", "allow all 0.0.0.0/0"),
            ("ec2.vpc", "network_acl.ingress 1", "permit all 0.0.0.0/0"),
            ("ec2.vpc", "network_acl.ingress 1", "allow tcp 0.0.0.0/0"),
            ("ec2.vpc", "network_acl.ingress 1", "allow all 0.0.0.0/0 443"),
            ("ec2.vpc", "network_acl.ingress 1", "allow icmp 0.0.0.0/0"),
            ("ec2.vpc", "network_acl.ingress 1", "allow tcp 10.0.0.1 443"),
            ("ec2.vpc", "network_acl.ingress 1", "allow tcp 10.0.0.0/8 443-80"),
            ("lambda.function", "architecture", "mips"),
            ("route53.record", "type", "TXT"),
            ("ecs.task_definition", "cpu", "much"),
            ("elbv2.listener", "protocol", "TLSX"),
            ("rds.instance", "engine", "oracle"),
            ("s3.bucket", "ownership", "mine"),
        ] {
            let found = field(kind, path, text).unwrap_err();
            assert!(found.len() == 1 && found[0].0 == path, "{kind} {path} {text}: {found:?}");
        }
        assert_eq!(field("ec2.vpc", "cidr", "${ec2.vpc/other.cidr}"), Ok("${ec2.vpc/other.cidr}".into()), "known later");
    }

    #[test]
    fn ports_go_with_their_protocol() {
        let rule = |protocol: &str, from: i64, to: i64| {
            let mut rule = json!({"protocol": protocol, "from_port": from, "to_port": to, "cidr": "10.0.0.0/8"});
            spell("ec2.security_group_rule", &mut rule)
                .map(|()| (rule["from_port"].as_i64().unwrap(), rule["to_port"].as_i64().unwrap()))
        };
        assert_eq!(rule("-1", 0, 0), Ok((-1, -1)));
        assert_eq!(rule("all", 0, 65_535), Ok((-1, -1)));
        assert_eq!(rule("50", 3, 4), Ok((-1, -1)));
        assert_eq!(rule("icmp", 8, -1), Ok((8, -1)));
        assert_eq!(rule("tcp", 80, 443), Ok((80, 443)));
        for (protocol, from, to) in [("tcp", -1, -1), ("udp", 5, 4), ("tcp", 0, 65_536), ("icmp", 300, 0)] {
            assert!(rule(protocol, from, to).is_err(), "{protocol} {from} {to}");
        }
        for sides in [json!({}), json!({"cidr": "10.0.0.0/8", "peer": "sg-1"}), json!({"cidr": "::/0"})] {
            let mut rule = json!({"protocol": "tcp", "from_port": 1, "to_port": 1});
            rule.as_object_mut().unwrap().extend(sides.as_object().unwrap().clone());
            assert!(spell("ec2.security_group_rule", &mut rule).is_err(), "{sides}");
        }
    }

    #[test]
    fn lifecycle_rules_are_such_as_aws_takes_and_tells() {
        let rule = |rule: Value| {
            let mut bucket = json!({"lifecycle": {"r": rule}});
            spell("s3.bucket", &mut bucket).map(|()| bucket["lifecycle"]["r"].clone())
        };
        assert_eq!(rule(json!({"prefix": "", "expire_after": 5})), Ok(json!({"expire_after": 5})));
        assert_eq!(rule(json!({"move_after": {"glacier": 3}})), Ok(json!({"move_after": {"GLACIER": 3}})));
        for wrong in [
            json!({}),
            json!({"prefix": "x"}),
            json!({"expire_after": 0}),
            json!({"expire_after": 5, "drop_delete_markers": true}),
            json!({"expire_after": 30, "move_after": {"GLACIER": 30}}),
            json!({"move_after": {"STANDARD_IA": 29}}),
            json!({"move_after": {"FREEZER": 29}}),
        ] {
            assert!(rule(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn parameters_are_in_lower_case() {
        let mut group = json!({"family": "MySQL8.4", "parameters": {"Max_Connections": "100"}});
        spell("rds.parameter_group", &mut group).unwrap();
        assert_eq!(group, json!({"family": "mysql8.4", "parameters": {"max_connections": "100"}}));
        let mut twice = json!({"parameters": {"A": "1", "a": "2"}});
        assert!(spell("rds.parameter_group", &mut twice).is_err());
    }

    /// Fields that are read from AWS and never written in a file, so schemas leave them out.
    const UNWRITTEN: &[(&str, &str)] = &[("elbv2.rule", "others")];

    /// Checks whether a path leads to a field in a schema; `*` is any key or index.
    fn leads(schema: &Value, definitions: &Value, path: &[&str]) -> bool {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.rsplit('/').next()) {
            return leads(&definitions[name], definitions, path);
        }
        let Some((step, rest)) = path.split_first() else { return true };
        let branches = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|of| schema.get(of)?.as_array()).flatten();
        if branches.into_iter().any(|branch| leads(branch, definitions, path)) {
            return true;
        }
        // A value of any shape.
        if schema == &Value::Bool(true) || schema.as_object().is_some_and(|s| !s.contains_key("type") && !s.contains_key("anyOf"))
        {
            return true;
        }
        let field = schema.get("properties").and_then(|fields| fields.get(*step));
        let any =
            ["items", "additionalProperties"].into_iter().filter_map(|of| schema.get(of).filter(|of| **of != Value::Bool(false)));
        let patterns = schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(|of| of.values());
        let inner = field.into_iter().chain(any.chain(patterns).filter(|_| *step == "*" || field.is_none()));
        inner.into_iter().any(|inner| leads(inner, definitions, rest))
    }

    /// Returns the schema of a kind and its definitions.
    fn schema(kind: &dyn engine::Kind<Clients>) -> (Value, Value) {
        let mut generator = schemars::SchemaGenerator::default();
        let schema = kind.schema(&mut generator).to_value();
        (schema, Value::Object(generator.take_definitions(true)))
    }

    #[test]
    fn rules_and_spellings_name_fields() {
        for kind in registry().kinds() {
            let (schema, definitions) = schema(&**kind);
            let row = super::kind(kind.info().name).unwrap();
            let named = kind.info().rules.iter().map(|rule| rule.field).chain(row.spelling.iter().map(|(field, _)| *field));
            for field in named.filter(|field| !UNWRITTEN.contains(&(kind.info().name, field))) {
                let path: Vec<&str> = field.split('.').collect();
                assert!(leads(&schema, &definitions, &path), "`{}` has no field `{field}`", kind.info().name);
            }
            let attributes: Vec<String> = kind.attributes().into_iter().map(|attribute| attribute.name).collect();
            for (output, field) in row.outputs {
                assert!(
                    attributes.iter().any(|name| name == field),
                    "`{output}`: `{}` has no attribute `{field}`",
                    kind.info().name
                );
            }
            assert!(!leads(&schema, &definitions, &["no_such_field"]), "{}: the check finds everything", kind.info().name);
        }
    }

    /// Returns the files in a folder and in the folders in it; none for what is no folder.
    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }

    /// Every name by which code asks about a change is a field of a kind of the same service.
    #[test]
    fn changes_are_asked_for_by_names_of_fields() {
        let all: Vec<(Value, Value)> = registry().kinds().map(|kind| schema(&**kind)).collect();
        let by_service = |service: &str| -> Vec<usize> {
            let mine = |name: &str| name.split('.').next().is_some_and(|of| of.trim_start_matches("application-") == service);
            registry().kinds().enumerate().filter(|(_, kind)| mine(kind.info().name)).map(|(at, _)| at).collect()
        };
        let mut asked = 0;
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/aws")).unwrap() {
            let folder = entry.unwrap().path();
            let kinds = by_service(folder.file_name().unwrap().to_str().unwrap());
            for file in files(&folder).into_iter().filter(|_| !kinds.is_empty()) {
                let text = std::fs::read_to_string(&file).unwrap();
                let calls = ["touches(\"", "touches_other_than(&[", "is_new(item, &["];
                for call in calls.iter().flat_map(|call| text.split(call).skip(1).map(move |rest| (call, rest))) {
                    let (call, rest) = call;
                    let end = if call.ends_with('"') { '"' } else { ']' };
                    for field in rest.split(end).next().unwrap().split(',').map(|field| field.trim().trim_matches('"')) {
                        if UNWRITTEN.iter().any(|(_, unwritten)| *unwritten == field) {
                            continue;
                        }
                        let path: Vec<&str> = field.split('.').collect();
                        let known = |at: &usize| leads(&all[*at].0, &all[*at].1, &path);
                        // Checks look at the objects of other services too.
                        let found = if file.ends_with("checks.rs") {
                            (0..all.len()).any(|at| known(&at))
                        } else {
                            kinds.iter().any(known)
                        };
                        assert!(found, "{}: `{field}`", file.display());
                        asked += 1;
                    }
                }
            }
        }
        assert!(asked > 80, "only {asked} names were found");
    }
}
