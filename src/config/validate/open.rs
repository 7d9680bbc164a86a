//! Warnings about what opens everything to everyone, which may be intended.

use serde_json::Value;

use super::checks::Checks;
use crate::diagnostic::{Diagnostic, short};
use crate::policy::{Effect, PolicyStatement};

/// Managed policies that allow everything, or to grant oneself everything.
const ALMIGHTY: [&str; 3] = ["AdministratorAccess", "IAMFullAccess", "PowerUserAccess"];

pub(super) fn open(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    for (name, service) in &stack.services {
        statements(checks, &format!("services.{name}.policies"), &service.policies, "its tasks");
    }
    let groups = stack.access.groups.iter().map(|(name, group)| (format!("access.groups.{name}"), group.rights(), "members"));
    let pipelines = stack.access.pipelines.iter();
    let pipelines = pipelines.map(|(name, one)| (format!("access.pipelines.{name}"), one.rights(), "pipelines"));
    let sets = stack.access.identity_center.iter().flat_map(|section| &section.permission_sets);
    let sets = sets.map(|(name, set)| (format!("access.identity_center.permission_sets.{name}"), set.rights(), "people"));
    for (path, rights, whose) in groups.chain(pipelines).chain(sets) {
        statements(checks, &format!("{path}.statements"), rights.statements, &format!("its {whose}"));
        for (at, policy) in rights.policies.iter().enumerate() {
            let last = policy.rsplit('/').next().unwrap_or(policy);
            if ALMIGHTY.contains(&last) {
                let message = format!(
                    "`{last}` lets the {whose} of `{path}` do everything in the account, or grant themselves the right to"
                );
                warn(
                    checks,
                    &format!("{path}.policies[{at}]"),
                    "everything",
                    message,
                    "`may: [view, deploy]` covers this stack only",
                );
            }
        }
    }
    if let Some(balancer) = &stack.load_balancer {
        for (attribute, value) in &balancer.attributes {
            weak_attribute(checks, &format!("load_balancer.attributes.{attribute}"), attribute, value);
        }
    }
    for (kind, objects) in &stack.resources {
        for (name, object) in objects {
            raw(checks, kind, &format!("resources.{kind}.{name}"), object);
        }
    }
}

fn warn(checks: &mut Checks<'_>, path: &str, label: &str, message: String, help: &str) {
    checks.at(path, label, Diagnostic::warning("opens-everything", message).help(help));
}

fn statements(checks: &mut Checks<'_>, path: &str, statements: &[PolicyStatement], who: &str) {
    for (at, statement) in statements.iter().enumerate() {
        let everywhere = statement.resources.iter().any(|r| r == "*");
        let all = statement.actions.iter().find(|action| is_almighty(action));
        if let (Effect::Allow, true, Some(action)) = (statement.effect, everywhere, all) {
            let message =
                format!("`{}` on `*` lets {who} do everything in the account, or grant themselves the right to", short(action));
            warn(
                checks,
                &format!("{path}[{at}].actions"),
                "everything",
                message,
                "list the actions and the ARNs that are needed",
            );
        }
    }
}

fn is_almighty(action: &str) -> bool {
    ["*", "*:*", "iam:*", "sts:*"].contains(&action.to_ascii_lowercase().as_str())
}

fn weak_attribute(checks: &mut Checks<'_>, path: &str, attribute: &str, value: &str) {
    let what = match (attribute, value) {
        ("routing.http.desync_mitigation_mode", "monitor") => "lets requests through that servers may interpret differently",
        ("routing.http.drop_invalid_header_fields.enabled", "false") => "lets headers with invalid names through",
        _ => return,
    };
    let help = "leave it out unless the services behind it need that";
    warn(checks, path, "weak", format!("`{attribute}: {value}` {what}"), help);
}

fn raw(checks: &mut Checks<'_>, kind: &str, path: &str, object: &Value) {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| object.get(key).and_then(Value::as_i64).unwrap_or_default();
    match kind {
        "ec2.security_group_rule" if text("direction") == "ingress" && is_everywhere(text("cidr")) => {
            // As AWS reads it, in any spelling.
            let every_protocol = ["-1", "all", "any"].contains(&text("protocol").to_ascii_lowercase().as_str());
            let everything = every_protocol || number("from_port") <= 1 && number("to_port") >= 65_535;
            if everything {
                let message = format!("`{path}` opens every port to all addresses");
                warn(
                    checks,
                    &format!("{path}.cidr"),
                    "all addresses",
                    message,
                    "list the ports, or the networks that may connect",
                );
            }
        }
        "elbv2.load_balancer" => {
            for (attribute, value) in object.get("attributes").and_then(Value::as_object).into_iter().flatten() {
                let value = value.as_str().unwrap_or_default();
                weak_attribute(checks, &format!("{path}.attributes.{attribute}"), attribute, value);
            }
        }
        "iam.role" | "iam.group" | "iam.user" => {
            for (name, policy) in object.get("policies").and_then(Value::as_object).into_iter().flatten() {
                if allowed(policy)
                    .any(|s| does_anything(s) && (has(s, "Resource", |r| r == "*") || s.get("NotResource").is_some()))
                {
                    let message = format!("`{path}` may do everything in the account, or grant itself the right to");
                    let help = "list the actions and the ARNs that are needed";
                    warn(checks, &format!("{path}.policies.{name}"), "everything", message, help);
                }
            }
            for (at, policy) in object.get("managed").and_then(Value::as_array).into_iter().flatten().enumerate() {
                let last = policy.as_str().and_then(|p| p.rsplit('/').next()).unwrap_or_default();
                if ALMIGHTY.contains(&last) {
                    let message =
                        format!("with `{last}`, `{path}` may do everything in the account, or grant itself the right to");
                    warn(checks, &format!("{path}.managed[{at}]"), "everything", message, "list what it needs in `policies`");
                }
            }
            if object.get("trust").is_some_and(|trust| allowed(trust).any(is_anybody)) {
                let message = format!("every AWS account may assume the role `{path}`");
                warn(
                    checks,
                    &format!("{path}.trust"),
                    "any account",
                    message,
                    "name the account or the service that assumes it, or add a `Condition`",
                );
            }
        }
        "s3.bucket_policy" | "kms.key" if object.get("policy").is_some_and(|policy| allowed(policy).any(is_anybody)) => {
            let message = format!("`{path}` grants access to everyone");
            warn(checks, &format!("{path}.policy"), "everyone", message, "name the principals, or add a `Condition`");
        }
        "rds.instance" if object.get("publicly_accessible") == Some(&Value::Bool(true)) => {
            let message = format!("`{path}` has a public address, protected only by its security groups");
            let help = "leave it out: services reach it inside the network";
            warn(checks, &format!("{path}.publicly_accessible"), "public", message, help);
        }
        "s3.bucket" if object.get("block_public_access") == Some(&Value::Bool(false)) => {
            let message = format!("`{path}` can be made public by a policy or an ACL");
            warn(checks, &format!("{path}.block_public_access"), "open", message, "leave it out: public access is then blocked");
        }
        _ => {}
    }
}

/// Returns the statements of a policy document that allow something.
fn allowed(policy: &Value) -> impl Iterator<Item = &Value> {
    let statements = match policy.get("Statement") {
        Some(Value::Array(all)) => all.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    statements.iter().filter(|s| s.get("Effect").and_then(Value::as_str) == Some("Allow"))
}

fn has(statement: &Value, key: &str, what: impl Fn(&str) -> bool) -> bool {
    match statement.get(key) {
        Some(Value::String(one)) => what(one),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(what),
        _ => false,
    }
}

/// Checks whether a network is all addresses, however it is written: `10.0.0.0/0` is `0.0.0.0/0`.
fn is_everywhere(cidr: &str) -> bool {
    cidr.parse::<ipnet::IpNet>().is_ok_and(|net| net.prefix_len() == 0)
}

/// Checks whether a statement covers every action, or all but some.
fn does_anything(statement: &Value) -> bool {
    has(statement, "Action", is_almighty) || statement.get("NotAction").is_some()
}

/// Checks whether a statement applies to everyone, or to all but some, without a condition.
fn is_anybody(statement: &Value) -> bool {
    let everybody = statement.get("NotPrincipal").is_some()
        || has(statement, "Principal", |p| p == "*")
        || statement.get("Principal").is_some_and(|principal| has(principal, "AWS", |p| p == "*"));
    everybody && statement.get("Condition").is_none()
}

#[cfg(test)]
mod tests {
    use crate::tests::loaded;

    #[test]
    fn only_settings_that_open_everything_are_warned_of() {
        let text = "stack: a\nregion: us-east-1\nload_balancer: {attributes: {routing.http.desync_mitigation_mode: monitor}}\nservices:\n  web:\n    image: i\n    port: 80\n    routes: [/*]\n    policies:\n      - {actions: ['*'], resources: ['*']}\n      - {actions: ['s3:*'], resources: ['*']}\n      - {actions: ['*'], resources: ['arn:aws:s3:::b/*']}\n      - {effect: deny, actions: ['*'], resources: ['*']}\naccess:\n  groups:\n    admins: {policies: [AdministratorAccess, ReadOnlyAccess], statements: [{actions: ['iam:*'], resources: ['*']}]}\n";
        let loaded = loaded(text);
        let at: Vec<&str> =
            loaded.warnings.diagnostics.iter().filter(|d| d.code == "opens-everything").map(|d| &text[d.span()]).collect();
        assert_eq!(at, ["monitor", "['*'", "AdministratorAccess", "['iam:*'"]);
    }

    #[test]
    fn the_same_under_resources() {
        use serde_json::json;
        let anybody =
            json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "*"}});
        let narrow = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}]});
        let rule = |cidr: &str, protocol: &str, from: i64, to: i64| json!({"direction": "ingress", "cidr": cidr, "protocol": protocol, "from_port": from, "to_port": to});
        for (kind, object, warned) in [
            ("ec2.security_group_rule", rule("0.0.0.0/0", "-1", -1, -1), true),
            ("ec2.security_group_rule", rule("::/0", "tcp", 0, 65_535), true),
            ("ec2.security_group_rule", rule("0.0.0.0/0", "ALL", 0, 0), true),
            ("ec2.security_group_rule", rule("10.0.0.0/0", "all", -1, -1), true),
            ("ec2.security_group_rule", rule("0.0.0.0/0", "tcp", 443, 443), false),
            ("ec2.security_group_rule", rule("10.0.0.0/8", "-1", -1, -1), false),
            ("iam.role", json!({"trust": anybody}), true),
            ("iam.role", json!({"trust": narrow, "managed": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}), false),
            ("iam.role", json!({"managed": ["arn:aws:iam::aws:policy/AdministratorAccess"]}), true),
            ("iam.group", json!({"policies": {"x": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}}}), true),
            ("iam.group", json!({"policies": {"x": {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}}}), false),
            (
                "iam.role",
                json!({"policies": {"x": {"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}}}),
                true,
            ),
            ("iam.role", json!({"policies": {"x": {"Statement": {"Effect": "Allow", "Action": "*", "NotResource": "a"}}}}), true),
            (
                "iam.role",
                json!({"policies": {"x": {"Statement": {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}}}}),
                false,
            ),
            (
                "iam.role",
                json!({"trust": {"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": "1"}, "Action": "sts:AssumeRole"}}}),
                true,
            ),
            ("rds.instance", json!({"publicly_accessible": true}), true),
            ("rds.instance", json!({"publicly_accessible": false}), false),
            ("s3.bucket_policy", json!({"policy": anybody}), true),
            ("kms.key", json!({"policy": narrow}), false),
            ("s3.bucket", json!({"block_public_access": false}), true),
            ("s3.bucket", json!({}), false),
            ("elbv2.load_balancer", json!({"attributes": {"routing.http.drop_invalid_header_fields.enabled": "false"}}), true),
        ] {
            let text = "stack: a\nregion: us-east-1\n";
            let loaded = loaded(text);
            let mut stack = loaded.stack.clone();
            stack.resources.insert(kind.into(), [("x".parse().unwrap(), object.clone())].into());
            let found = super::super::validate(&stack, &crate::yaml::parse(text).unwrap(), "default");
            assert_eq!(found.iter().any(|d| d.code == "opens-everything"), warned, "{kind} {object}");
        }
    }
}
