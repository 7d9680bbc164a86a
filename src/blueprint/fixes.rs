//! How a field of an object is written in the file: what to change there so that the object has another value.

use serde_json::Value;

use super::facts::Problem;
use super::nearest;
use crate::aws::control::Fix;
use crate::aws::registry;
use crate::config::Stack;
use crate::engine::Key;

/// How a value is written in the file.
#[derive(Clone, Copy)]
enum How {
    /// As it is.
    Plain,
    /// A number of days.
    Days,
    /// What AWS has as a text: `true`, `false`.
    Flag,
    /// Whatever it is, this.
    On,
    /// Whatever it is, this time.
    Month,
}

/// The fields of kinds that a section of the file gives by one key, which is relative to where the object comes from.
const ROWS: &[(&str, &[&str], &str, How)] = &[
    ("cloudfront.distribution", &["certificate", "minimum_tls"], "minimum_tls", How::Plain),
    ("cloudfront.distribution", &["default_root"], "default_root", How::Plain),
    ("cloudfront.distribution", &["logs"], "logs", How::On),
    ("ecs.service", &["assign_public_ip"], "public", How::Plain),
    ("ecs.task_definition", &["containers", "readonly_root"], "readonly_root", How::Plain),
    ("elasticache.replication_group", &["replicas"], "replicas", How::Plain),
    ("elasticache.replication_group", &["snapshot_days"], "snapshots", How::Days),
    ("elbv2.listener", &["ssl_policy"], "ssl_policy", How::Plain),
    ("elbv2.load_balancer", &["attributes", "deletion_protection.enabled"], "deletion_protection", How::Flag),
    ("kms.key", &["rotation"], "rotation", How::Plain),
    ("logs.log_group", &["retention_days"], "logs.retention", How::Days),
    ("rds.instance", &["auto_minor_upgrade"], "minor_upgrades", How::Plain),
    ("rds.instance", &["backup_days"], "backups", How::Days),
    ("rds.instance", &["deletion_protection"], "deletion_protection", How::Plain),
    ("rds.instance", &["logs"], "logs", How::Plain),
    ("rds.instance", &["multi_az"], "multi_az", How::Plain),
    ("rds.instance", &["port"], "port", How::Plain),
    ("s3.bucket", &["versioning"], "versions", How::Month),
    ("secretsmanager.rotation", &["days"], "password.rotate", How::Days),
    ("secretsmanager.secret", &["rotation"], "password.rotate", How::Days),
];

impl How {
    fn written(self, value: &Value) -> Value {
        match self {
            How::Plain => value.clone(),
            How::Days => format!("{value}d").into(),
            How::Flag => (value == "true").into(),
            How::On => true.into(),
            How::Month => "30d".into(),
        }
    }
}

/// Returns the key of the file, as a path, and the value for it, after which the object has the value that fixes it. `section` is the
/// place that the object comes from.
///
/// None when no single key says that. Whether the file is valid with it is to be tried.
pub fn fixed(section: &str, key: &Key, fix: &Fix) -> Option<(Vec<String>, Value)> {
    let own = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<String>>();
    if let Some(name) = section.strip_prefix("resources.").and_then(|rest| rest.strip_prefix(&key.kind)?.strip_prefix('.')) {
        let mut path = own(&["resources", &key.kind, name]);
        path.extend(own(&fix.field));
        return Some((path, fix.value.clone()));
    }
    let mut path: Vec<String> = section.split('.').map(str::to_owned).collect();
    match ROWS.iter().find(|(kind, field, ..)| *kind == key.kind && *field == fix.field.as_slice()) {
        Some((_, _, to, how)) => {
            path.extend(to.split('.').map(str::to_owned));
            Some((path, how.written(&fix.value)))
        }
        // What has no key of its own is written by AWS's name.
        None if key.kind == "elbv2.load_balancer" && fix.field.first() == Some(&"attributes") => {
            path.extend(own(&fix.field));
            Some((path, fix.value.clone()))
        }
        None => None,
    }
}

/// Finds exceptions for controls that do not exist. Where the file has rules of its own, any other id can be one of theirs.
pub(super) fn exceptions(stack: &Stack) -> Vec<Problem> {
    unknown(stack, like_aws)
        .map(|id| Problem {
            at: format!("check.exceptions.{id}"),
            code: NO_SUCH_CONTROL,
            message: format!("`{id}` is not a control that `stack check` knows"),
            help: nearest(id, registry::controls().map(|control| control.id.to_owned())).map_or_else(
                || "`stack check --list` lists them".into(),
                |near| format!("did you mean `{near}`? `stack check --list` lists them"),
            ),
        })
        .collect()
}

/// Finds exceptions for rules of the user's own, which only `stack check` can be given.
pub fn without_rules(stack: &Stack) -> Vec<Problem> {
    unknown(stack, |id| !like_aws(id))
        .map(|id| Problem {
            at: format!("check.exceptions.{id}"),
            code: NO_SUCH_CONTROL,
            message: format!("`{id}` is neither a control nor the id of a rule of your own"),
            help: "`stack check --list` lists the controls; rules of your own are given with `--rules` or `check.rules`".into(),
        })
        .collect()
}

const NO_SUCH_CONTROL: &str = "no-such-control";

/// Returns the exceptions that are not for controls, unless the file has rules of its own.
fn unknown(stack: &Stack, is_meant: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
    let ids = stack.check.exceptions.keys().map(String::as_str).filter(|_| stack.check.rules.is_empty());
    ids.filter(move |id| is_meant(id) && registry::controls().all(|control| control.id != *id))
}

/// Checks whether an id begins like those of AWS: with a service that has controls.
fn like_aws(id: &str) -> bool {
    let service = |id: &str| id.split('.').next().unwrap_or(id).to_ascii_lowercase();
    registry::controls().any(|control| service(control.id) == service(id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(section: &str, key: &str, field: &[&'static str], value: Value) -> Option<(String, Value)> {
        let fix = Fix { field: field.to_vec(), value };
        fixed(section, &key.parse().unwrap(), &fix).map(|(path, value)| (path.join("/"), value))
    }

    #[test]
    fn sections_have_words_of_their_own() {
        let instance = |field, value| path("databases.main", "rds.instance/main", field, value);
        assert_eq!(instance(&["backup_days"], json!(7)), Some(("databases/main/backups".into(), json!("7d"))));
        assert_eq!(instance(&["copy_tags"], json!(true)), None);
        let balancer = |field, value| path("load_balancer", "elbv2.load_balancer/main", field, value);
        let protection = balancer(&["attributes", "deletion_protection.enabled"], json!("true"));
        assert_eq!(protection, Some(("load_balancer/deletion_protection".into(), json!(true))));
        let bucket = path("buckets.uploads", "s3.bucket/uploads", &["versioning"], json!(true));
        assert_eq!(bucket, Some(("buckets/uploads/versions".into(), json!("30d"))));
        let other = balancer(&["attributes", "a.b"], json!("x"));
        assert_eq!(other, Some(("load_balancer/attributes/a.b".into(), json!("x"))));
    }

    #[test]
    fn own_ids_are_known_only_to_a_check_with_rules() {
        let stack = |rules: &[&str]| -> Stack {
            let exception = json!({"reason": "r", "until": "2099-01-01"});
            let exceptions = json!({"ELB.1": exception, "RDS.111": exception, "TEAM.1": exception});
            let check = json!({"rules": rules, "exceptions": exceptions});
            serde_json::from_value(json!({"stack": "a", "region": "us-east-1", "check": check})).unwrap()
        };
        let at = |problems: Vec<Problem>| problems.into_iter().map(|problem| problem.at).collect::<Vec<_>>();
        assert_eq!(at(exceptions(&stack(&[]))), ["check.exceptions.RDS.111"]);
        assert_eq!(at(without_rules(&stack(&[]))), ["check.exceptions.TEAM.1"]);
        let with = stack(&["rules"]);
        assert!(exceptions(&with).is_empty() && without_rules(&with).is_empty());
    }

    #[test]
    fn what_is_written_as_in_aws_is_changed_as_in_aws() {
        let found = path("resources.rds.instance.x", "rds.instance/x", &["multi_az"], json!(true));
        assert_eq!(found, Some(("resources/rds.instance/x/multi_az".into(), json!(true))));
    }
}
