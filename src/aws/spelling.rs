//! What AWS spells otherwise than a person may: brought into AWS's own spelling, or refused where there is no doubt that AWS
//! refuses it. What is stored in one spelling and wanted in another would be a difference for ever.

use serde_json::{Map, Value};

use super::ec2;

/// How a field is spelled.
#[derive(Clone, Copy)]
enum How {
    /// A network: without the bits beyond its prefix
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html>: "we modify it to its canonical form").
    Network,
    /// A protocol by its name, or by its number where it has none
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html>).
    Protocol,
    /// One of AWS's words, as AWS writes it.
    Word(&'static [&'static str]),
    /// Text that AWS keeps in lower case.
    Lower,
    /// A domain: in lower case and without a dot at its end.
    Domain,
    /// CPU of a task: `1 vCPU` is 1024
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>).
    Cpu,
    /// Memory of a task: `2GB` is 2048. As above.
    Memory,
    /// A map whose keys AWS keeps in lower case.
    Keys,
    /// A map of the rules of a network access list ([`ec2::access_rule`]).
    AccessList,
    /// No slash at its end.
    NoSlash,
    /// Left out is what an empty text means.
    Empty,
}

use How::{AccessList, Cpu, Domain, Empty, Keys, Lower, Memory, Network, NoSlash, Protocol, Word};

const HTTP: How = Word(&["HTTP", "HTTPS"]);
const ACTION: How = Word(&["forward", "redirect", "fixed-response"]);
const METHODS: How = Word(&["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]);
const VIEWER: How = Word(&["allow-all", "https-only", "redirect-to-https"]);

/// Kind, field and how it is spelled. `*` stands for any key or index.
const SPELLINGS: &[(&str, &str, How)] = &[
    ("acm.certificate", "domain", Domain),
    ("acm.certificate", "names.*", Domain),
    ("acm.certificate", "region", Lower),
    ("acm.validation", "domain", Domain),
    (
        "application-autoscaling.scaling_policy",
        "metric",
        Word(&["ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization", "ALBRequestCountPerTarget"]),
    ),
    ("cloudfront.distribution", "aliases.*", Domain),
    ("cloudfront.distribution", "behaviors.*.methods.*", METHODS),
    ("cloudfront.distribution", "behaviors.*.viewer_protocol", VIEWER),
    ("cloudfront.distribution", "default.methods.*", METHODS),
    ("cloudfront.distribution", "default.viewer_protocol", VIEWER),
    ("cloudfront.distribution", "http_version", Word(&["http1.1", "http2", "http3", "http2and3"])),
    ("cloudfront.distribution", "origins.*.domain", Domain),
    ("cloudfront.distribution", "origins.*.path", NoSlash),
    ("cloudfront.distribution", "origins.*.protocol", Word(&["http-only", "https-only", "match-viewer"])),
    ("cloudfront.distribution", "price_class", Word(&["PriceClass_100", "PriceClass_200", "PriceClass_All"])),
    ("cloudfront.origin_access_control", "origin_type", Word(&["s3", "mediastore", "mediapackagev2", "lambda"])),
    ("cloudfront.origin_access_control", "signing", Word(&["always", "never", "no-override"])),
    ("ec2.route", "destination", Network),
    ("ec2.security_group_rule", "cidr", Network),
    ("ec2.security_group_rule", "description", Empty),
    ("ec2.security_group_rule", "protocol", Protocol),
    ("ec2.subnet", "cidr", Network),
    ("ec2.subnet", "zone", Lower),
    ("ec2.vpc", "cidr", Network),
    ("ec2.vpc", "network_acl", AccessList),
    ("ecs.service", "propagate_tags", Word(&["SERVICE", "TASK_DEFINITION", "NONE"])),
    ("ecs.task_definition", "architecture", Word(&["X86_64", "ARM64"])),
    ("ecs.task_definition", "cpu", Cpu),
    ("ecs.task_definition", "memory", Memory),
    ("elasticache.cluster", "maintenance_window", Lower),
    ("elasticache.cluster", "node_type", Lower),
    ("elasticache.parameter_group", "family", Lower),
    ("elasticache.parameter_group", "parameters", Keys),
    ("elasticache.replication_group", "engine", Word(&["valkey", "redis"])),
    ("elasticache.replication_group", "maintenance_window", Lower),
    ("elasticache.replication_group", "node_type", Lower),
    ("elasticache.replication_group", "transit_encryption", Word(&["required", "preferred", "disabled"])),
    ("elbv2.listener", "default_action.kind", ACTION),
    ("elbv2.listener", "default_action.redirect.protocol", Word(&["HTTP", "HTTPS", "#{protocol}"])),
    ("elbv2.listener", "default_action.redirect.status_code", Word(&["HTTP_301", "HTTP_302"])),
    ("elbv2.listener", "protocol", HTTP),
    ("elbv2.load_balancer", "scheme", Word(&["internet-facing", "internal"])),
    ("elbv2.rule", "action.kind", ACTION),
    ("elbv2.rule", "action.redirect.protocol", Word(&["HTTP", "HTTPS", "#{protocol}"])),
    ("elbv2.rule", "action.redirect.status_code", Word(&["HTTP_301", "HTTP_302"])),
    ("elbv2.target_group", "health.protocol", HTTP),
    ("elbv2.target_group", "protocol", HTTP),
    ("elbv2.target_group", "target_type", Word(&["instance", "ip", "lambda", "alb"])),
    ("lambda.function", "architecture", Word(&["x86_64", "arm64"])),
    ("lambda.function", "runtime", Lower),
    ("rds.instance", "class", Lower),
    ("rds.instance", "engine", Word(&["postgres", "mysql", "mariadb"])),
    ("rds.instance", "maintenance_window", Lower),
    ("rds.instance", "storage_type", Word(&["gp2", "gp3", "io1", "io2", "standard"])),
    ("rds.parameter_group", "family", Lower),
    ("rds.parameter_group", "parameters", Keys),
    ("route53.record", "name", Domain),
    ("route53.record", "type", Word(&["A", "AAAA"])),
    ("s3.bucket", "encryption.algorithm", Word(&["AES256", "aws:kms", "aws:kms:dsse"])),
    ("s3.bucket", "lifecycle.*.prefix", Empty),
    ("s3.bucket", "ownership", Word(&["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"])),
];
/// Where objects of a bucket move to in time (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_Transition.html>).
const CLASSES: &[&str] = &["GLACIER", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "DEEP_ARCHIVE", "GLACIER_IR"];
/// The kind whose ports and protocol go together.
const RULE: &str = "ec2.security_group_rule";

/// A field that cannot be so: its path and why.
pub type Wrong = (String, String);

/// Brings an object as the file has it into AWS's spelling.
///
/// # Errors
/// Every field that AWS takes in no spelling.
pub fn spell(kind: &str, object: &mut Value) -> Result<(), Vec<Wrong>> {
    let mut wrong = Vec::new();
    for (_, field, how) in SPELLINGS.iter().filter(|(of, _, _)| *of == kind) {
        let path: Vec<&str> = field.split('.').collect();
        at(object, &path, String::new(), *how, &mut wrong);
    }
    match kind {
        RULE => ports(object, &mut wrong),
        "ec2.route" => without_ipv6(object, "destination", "routes", &mut wrong),
        "s3.bucket" => lifecycle(object, &mut wrong),
        _ => {}
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn at(value: &mut Value, path: &[&str], shown: String, how: How, wrong: &mut Vec<Wrong>) {
    let Some((step, rest)) = path.split_first() else { return one(value, shown, how, wrong) };
    let dotted = |key: &str| if shown.is_empty() { key.to_owned() } else { format!("{shown}.{key}") };
    match value {
        Value::Array(items) if *step == "*" => {
            items.iter_mut().enumerate().for_each(|(n, item)| at(item, rest, format!("{shown}[{n}]"), how, wrong));
        }
        Value::Object(map) if *step == "*" => {
            map.iter_mut().for_each(|(key, item)| at(item, rest, dotted(key), how, wrong));
        }
        Value::Object(map) if rest.is_empty() && matches!(how, Empty) && map.get(*step).and_then(Value::as_str) == Some("") => {
            map.remove(*step);
        }
        Value::Object(map) => {
            if let Some(item) = map.get_mut(*step) {
                at(item, rest, dotted(step), how, wrong);
            }
        }
        _ => {}
    }
}

fn one(value: &mut Value, path: String, how: How, wrong: &mut Vec<Wrong>) {
    let result = match (value, how) {
        (Value::Object(map), Keys) => keys(map),
        (Value::Object(map), AccessList) => {
            for (key, rule) in map.iter_mut() {
                match rule.as_str().filter(|text| !text.contains("${")).map(|text| ec2::access_rule(key, text)) {
                    Some(Ok(new)) => *rule = new.into(),
                    Some(Err(why)) => wrong.push((format!("{path}.{key}"), why)),
                    None => {}
                }
            }
            return;
        }
        (Value::String(text), _) if !text.contains("${") => spelled(text, how).map(|new| *text = new),
        _ => Ok(()),
    };
    wrong.extend(result.err().map(|why| (path, why)));
}

fn spelled(text: &str, how: How) -> Result<String, String> {
    match how {
        Network => network(text),
        Protocol => protocol(text),
        Word(words) => word(text, words),
        Lower => Ok(text.to_ascii_lowercase()),
        Domain => Ok(text.trim_end_matches('.').to_ascii_lowercase()),
        Cpu => amount(text, &["vcpu"]),
        Memory => amount(text, &["gb"]),
        NoSlash => Ok(text.trim_end_matches('/').to_owned()),
        Keys | AccessList | Empty => Ok(text.to_owned()),
    }
}

fn network(text: &str) -> Result<String, String> {
    match text.parse::<ipnet::IpNet>() {
        Ok(net) => Ok(net.trunc().to_string()),
        Err(_) => Err(match text.parse::<std::net::IpAddr>() {
            Ok(std::net::IpAddr::V4(_)) => format!("`{text}` is an address and not a network: write `{text}/32`"),
            Ok(std::net::IpAddr::V6(_)) => format!("`{text}` is an address and not a network: write `{text}/128`"),
            Err(_) => format!("`{text}` is not a network: it looks like `10.0.0.0/16`"),
        }),
    }
}

fn protocol(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    Ok(match lower.as_str() {
        "tcp" | "6" => "tcp".into(),
        "udp" | "17" => "udp".into(),
        "icmp" | "1" => "icmp".into(),
        "icmpv6" | "58" => "icmpv6".into(),
        "-1" | "all" | "any" => "-1".into(),
        number if number.parse::<u8>().is_ok_and(|n| n.to_string() == number) => lower,
        _ => {
            return Err(format!(
                "`{text}` is not a protocol: there are `tcp`, `udp`, `icmp`, `icmpv6`, `-1` for all, and numbers"
            ));
        }
    })
}

fn word(text: &str, words: &[&str]) -> Result<String, String> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_'], "");
    if let Some(word) = words.iter().find(|word| plain(word) == plain(text)) {
        return Ok((*word).to_owned());
    }
    let all = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    Err(format!("`{text}` is none of the words that AWS has for it: {all}"))
}

/// `1 vCPU`, `.5 vcpu`, `2 GB`: in CPU units and MiB, as AWS stores them.
fn amount(text: &str, units: &[&str]) -> Result<String, String> {
    let lower = text.trim().to_ascii_lowercase();
    let counted = units.iter().find_map(|unit| lower.strip_suffix(unit)).map(str::trim);
    let number = match counted {
        Some(whole) => whole.parse::<f64>().ok().map(|n| n * 1024.0),
        None => lower.parse::<u32>().ok().map(f64::from),
    };
    match number.filter(|n| *n >= 1.0 && n.fract() == 0.0 && *n < 1e9) {
        Some(n) => Ok(format!("{n:.0}")),
        None => Err(format!("`{text}` is not an amount: write a number, as in `1024`")),
    }
}

fn keys(map: &mut Map<String, Value>) -> Result<(), String> {
    let mut out = Map::new();
    for (key, value) in map.iter() {
        if out.insert(key.to_ascii_lowercase(), value.clone()).is_some() {
            return Err(format!("`{}` is there twice, in capitals and not", key.to_ascii_lowercase()));
        }
    }
    *map = out;
    Ok(())
}

/// Ports and protocol of a rule that go together: of every protocol all ports
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html>).
fn ports(rule: &mut Value, wrong: &mut Vec<Wrong>) {
    let number = |field: &str| rule.get(field).and_then(Value::as_i64).unwrap_or(-1);
    let (from, to) = (number("from_port"), number("to_port"));
    let protocol = rule.get("protocol").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut refuse = |field: &str, why: String| wrong.push((field.into(), why));
    match protocol.as_str() {
        "tcp" | "udp" => {
            for (field, port) in [("from_port", from), ("to_port", to)] {
                if !(0..=65_535).contains(&port) {
                    refuse(field, format!("{port} is not a port of `{protocol}`: ports go from 0 to 65535"));
                }
            }
            if from > to {
                refuse("from_port", format!("the first port, {from}, is above the last, {to}"));
            }
        }
        "icmp" | "icmpv6" => {
            if !(-1..=255).contains(&from) || !(-1..=255).contains(&to) {
                refuse("from_port", format!("`{protocol}` has a type and a code here, from -1 for all to 255"));
            }
        }
        // AWS has no ports there, whatever it was given.
        _ => {
            if let Some(fields) = rule.as_object_mut() {
                for field in ["from_port", "to_port"] {
                    fields.insert(field.into(), (-1).into());
                }
            }
        }
    }
    let has = |field: &str| rule.get(field).is_some_and(|value| !value.is_null());
    if has("cidr") == has("peer") {
        wrong.push(("cidr".into(), "a rule has exactly one of `cidr` and `peer`".into()));
    }
    without_ipv6(rule, "cidr", "rules", wrong);
}

fn without_ipv6(object: &Value, field: &str, what: &str, wrong: &mut Vec<Wrong>) {
    if object.get(field).and_then(Value::as_str).is_some_and(|text| !text.contains("${") && text.contains(':')) {
        wrong.push((field.into(), format!("{what} for IPv6 cannot be made yet")));
    }
}

/// What AWS asks of lifecycle rules (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html>).
fn lifecycle(bucket: &mut Value, wrong: &mut Vec<Wrong>) {
    let rules = bucket.get_mut("lifecycle").and_then(Value::as_object_mut);
    for (name, rule) in rules.into_iter().flatten() {
        let mut refuse = |field: &str, why: &str| {
            let dot = if field.is_empty() { "" } else { "." };
            wrong.push((format!("lifecycle.{name}{dot}{field}"), why.to_owned()));
        };
        if name.len() > 255 {
            refuse("", "a rule's name has at most 255 characters");
        }
        let Some(fields) = rule.as_object_mut() else { continue };
        let mut moves = Map::new();
        for (class, days) in fields.get("move_after").and_then(Value::as_object).into_iter().flatten() {
            match word(class, CLASSES) {
                Ok(class) => drop(moves.insert(class, days.clone())),
                Err(why) => refuse(&format!("move_after.{class}"), &why),
            }
        }
        for (class, days) in &moves {
            if class.ends_with("_IA") && days.as_i64().is_some_and(|days| days < 30) {
                refuse(&format!("move_after.{class}"), "AWS moves objects there after 30 days at the earliest");
            }
        }
        let days = |field: &str| fields.get(field).and_then(Value::as_i64);
        for field in ["expire_after", "expire_versions_after", "abort_uploads_after"] {
            if days(field).is_some_and(|days| days < 1) {
                refuse(field, "days are counted from 1");
            }
        }
        if let (Some(expire), Some(last)) = (days("expire_after"), moves.values().filter_map(Value::as_i64).max())
            && expire <= last
        {
            refuse("expire_after", "an object must move before it is deleted, and this is not later");
        }
        let drops = fields.get("drop_delete_markers") == Some(&Value::Bool(true));
        if drops && fields.contains_key("expire_after") {
            refuse("drop_delete_markers", "AWS takes either `expire_after` or `drop_delete_markers` in one rule: make two of it");
        }
        let acts =
            ["expire_after", "expire_versions_after", "abort_uploads_after"].iter().any(|field| fields.contains_key(*field));
        if !acts && !drops && moves.is_empty() {
            refuse("", "the rule does nothing, which AWS refuses");
        }
        if fields.contains_key("move_after") {
            fields.insert("move_after".into(), Value::Object(moves));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(kind: &str, path: &str, text: &str) -> Result<String, Vec<Wrong>> {
        let mut object = path.rsplit('.').fold(json!(text), |inner, step| match step {
            "*" if path.contains("origins") => json!({"x": inner}),
            "*" => json!([inner]),
            step => json!({step: inner}),
        });
        if kind == RULE {
            let more = json!({"protocol": "tcp", "from_port": 1, "to_port": 2, "cidr": "10.0.0.0/8"});
            for (key, value) in more.as_object().unwrap() {
                object.as_object_mut().unwrap().entry(key.clone()).or_insert(value.clone());
            }
        }
        spell(kind, &mut object)?;
        let pointer = path.replace('.', "/").replace('*', if path.contains("origins") { "x" } else { "0" });
        Ok(object.pointer(&format!("/{pointer}")).unwrap().as_str().unwrap().to_owned())
    }

    /// Every spelling is the one that AWS tells, and that one stays.
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
    fn networks_of_ipv6_are_spelled_too() {
        for text in ["2001:DB8::/32", "2001:0db8:0::1/32", "2001:db8::/32"] {
            assert_eq!(network(text), Ok("2001:db8::/32".into()));
        }
    }

    #[test]
    fn what_aws_takes_in_no_spelling_is_refused_at_its_field() {
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
            spell(RULE, &mut rule).map(|()| (rule["from_port"].as_i64().unwrap(), rule["to_port"].as_i64().unwrap()))
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
            assert!(spell(RULE, &mut rule).is_err(), "{sides}");
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
}
