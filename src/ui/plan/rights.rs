//! The permissions that a plan grants and the ports that it opens. A plan shows only the names of what is created, and these matter
//! more than that.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::engine::{Action, Item, Plan, token};

use crate::ui::style::{clean, clean_key};

/// The most actions of one object that are named without `--verbose`.
const ACTIONS: usize = 12;
/// The most lines that are shown without `--verbose`.
const LINES: usize = 30;
/// The kind of permission sets.
const PERMISSION_SET: &str = "sso.permission_set";
/// The ranges of all addresses.
const ALL: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// Returns what is added, a line for each object or for several that get the same; nothing when nothing is. `all` names every action.
pub(super) fn added(plan: &Plan, all: bool) -> Vec<String> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    let mut items: Vec<&Item> =
        plan.items.iter().filter(|item| matches!(item.action, Action::Create | Action::Update | Action::Replace)).collect();
    items.sort_by(|a, b| a.key.cmp(&b.key));
    for item in items {
        let words = [rights(item, all), gives(item), trusts(item), shares(item, &plan.scope.account), opens(item)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; ");
        let key = clean_key(&item.key);
        match groups.iter_mut().find(|(said, _)| *said == words) {
            _ if words.is_empty() => {}
            Some((_, keys)) => keys.push(key),
            None => groups.push((words, vec![key])),
        }
    }
    let shown = if all { groups.len() } else { groups.len().min(LINES) };
    let left = groups.len() - shown;
    let mut out: Vec<String> =
        groups.into_iter().take(shown).map(|(words, keys)| format!("{}: {words}", keys.join(" "))).collect();
    if left > 0 {
        out.push(format!("and {left} more (`--verbose` shows them)"));
    }
    out
}

/// Returns what an item has after the change and does not have before.
fn new<T: Ord>(item: &Item, of: impl Fn(&Value) -> BTreeSet<T>) -> BTreeSet<T> {
    let before = item.before.as_ref().map(|before| of(&before.fields)).unwrap_or_default();
    item.desired.as_deref().map(of).unwrap_or_default().into_iter().filter(|one| !before.contains(one)).collect()
}

/// Returns the texts of a value that is one, or a list of them.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Returns the statements of a policy that allow something.
fn allowing(document: &Value) -> Vec<&Value> {
    let statements = match document.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        other => other.into_iter().collect::<Vec<_>>(),
    };
    statements.into_iter().filter(|statement| statement["Effect"] == "Allow").collect()
}

/// Returns what an IAM object is allowed: whether on everything, and the action.
fn allowed(fields: &Value) -> BTreeSet<(bool, String)> {
    let documents = fields.get("policies").and_then(Value::as_object).into_iter().flat_map(|documents| documents.values());
    // A permission set has one, without a name.
    let actions = documents.chain(fields.get("policy")).flat_map(allowing).flat_map(|statement| {
        let everywhere = texts(statement.get("Resource")).iter().any(|resource| resource == "*");
        let but = texts(statement.get("NotAction")).into_iter().map(|action| format!("all but {action}"));
        texts(statement.get("Action")).into_iter().chain(but).map(move |action| (everywhere, action))
    });
    let managed = texts(fields.get("managed")).into_iter().map(|arn| {
        let name = arn.rsplit('/').next().unwrap_or(&arn).to_owned();
        (false, format!("all of {name}"))
    });
    actions.chain(managed).collect()
}

fn rights(item: &Item, all: bool) -> Option<String> {
    if item.key.service() != "iam" && item.key.kind != PERMISSION_SET {
        return None;
    }
    let mut new: Vec<(bool, String)> = new(item, allowed).into_iter().collect();
    // What stands for many comes first, so that it is never among what is left out.
    new.sort_by_key(|(_, action)| !(action.contains('*') || action.starts_with("all ")));
    let shown = if all { new.len() } else { new.len().min(ACTIONS) };
    let left = new.len() - shown;
    let mut words: Vec<String> = new
        .into_iter()
        .take(shown)
        .map(|(everywhere, action)| format!("{}{}", clean(&action), if everywhere { " on *" } else { "" }))
        .collect();
    if left > 0 {
        words.push(format!("{left} more"));
    }
    (!words.is_empty()).then(|| format!("allows {}", words.join(", ")))
}

/// Returns who gets a permission set.
fn gives(item: &Item) -> Option<String> {
    let desired = item.desired.as_ref().filter(|_| item.key.kind == "sso.assignment" && item.before.is_none())?;
    let field = |name: &str| desired.get(name).and_then(Value::as_str).unwrap_or_default();
    let set = token::named(desired).into_keys().next().map(|key| key.name);
    let sort = if field("principal_type") == "USER" { "user" } else { "group" };
    let set = set.map(|name| format!("`{}`", clean(&name))).unwrap_or_else(|| "a permission set".to_owned());
    Some(format!("gives {set} to the {sort} {}", clean(field("principal"))))
}

/// Returns whom a statement is for, but for services of AWS.
fn who(statement: &Value) -> Vec<String> {
    match &statement["Principal"] {
        Value::Object(map) => map.iter().filter(|(sort, _)| *sort != "Service").flat_map(|(_, who)| texts(Some(who))).collect(),
        other => texts(Some(other)),
    }
}

/// Returns who can assume a role by a statement: of an issuer of tokens, whose tokens.
fn assumers(statement: &Value) -> Vec<String> {
    let conditions = statement["Condition"].as_object().into_iter().flat_map(|all| all.values()).filter_map(Value::as_object);
    let subjects: Vec<String> = conditions
        .flatten()
        .filter_map(|(key, subjects)| Some((key.strip_suffix(":sub")?, texts(Some(subjects)))))
        .flat_map(|(issuer, subjects)| subjects.into_iter().map(move |subject| format!("{subject} ({issuer})")))
        .collect();
    let by_token = texts(Some(&statement["Action"])).iter().any(|action| action == "sts:AssumeRoleWithWebIdentity");
    if by_token && !subjects.is_empty() { subjects } else { who(statement) }
}

/// Returns who can assume a role, but for services of AWS.
fn trusts(item: &Item) -> Option<String> {
    if item.key.kind != "iam.role" {
        return None;
    }
    let principals =
        |fields: &Value| fields.get("trust").map(allowing).unwrap_or_default().into_iter().flat_map(assumers).collect();
    let new: Vec<String> = new(item, principals).iter().map(|who| clean(who).into_owned()).collect();
    (!new.is_empty()).then(|| format!("can be assumed by {}", new.join(", ")))
}

/// Returns who can use a key, but for the account that owns it, and for whom a condition holds.
fn shares(item: &Item, own: &str) -> Option<String> {
    if item.key.kind != "kms.key" {
        return None;
    }
    let is_meant = |statement: &&Value| statement.get("Condition").is_none();
    let principals = |fields: &Value| {
        fields.get("policy").map(allowing).unwrap_or_default().into_iter().filter(is_meant).flat_map(who).collect()
    };
    let is_other = |who: &&String| !who.contains(&format!(":{own}:")) && *who != own;
    let new: Vec<String> = new(item, principals).iter().filter(is_other).map(|who| clean(who).into_owned()).collect();
    (!new.is_empty()).then(|| format!("can be used by {}", new.join(", ")))
}

/// Returns what a rule opens to all addresses.
fn opens(item: &Item) -> Option<String> {
    let desired = item.desired.as_ref().filter(|_| item.key.kind == "ec2.security_group_rule")?;
    let text = |field: &str| desired.get(field).and_then(Value::as_str).unwrap_or_default();
    let opened = |fields: &Value| {
        fields.get("cidr").and_then(Value::as_str).filter(|cidr| ALL.contains(cidr)).map(str::to_owned).into_iter().collect()
    };
    let all = new(item, opened).into_iter().next().filter(|_| text("direction") == "ingress")?;
    let port = |field: &str| desired.get(field).and_then(Value::as_i64).unwrap_or(-1);
    let ports = match (text("protocol"), port("from_port"), port("to_port")) {
        ("-1", ..) => "all ports".to_owned(),
        (protocol, from, to) if from == to => format!("{} {from}", clean(protocol)),
        (protocol, from, to) => format!("{} {from} to {to}", clean(protocol)),
    };
    Some(format!("opens {ports} to {all}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(key: &str, action: Action, desired: Value, before: Option<Value>) -> Item {
        let mut item: Item = serde_json::from_value(json!({"key": key, "action": "keep", "generation": 1})).unwrap();
        (item.action, item.desired) = (action, Some(desired.into()));
        item.before =
            before.map(|fields| serde_json::from_value(json!({"live": {}, "fields": fields, "state": "ready"})).unwrap());
        item
    }

    fn said(items: Vec<Item>) -> Vec<String> {
        added(&super::super::tests::plan_of(items), false)
    }

    fn role(actions: &[&str], resource: &str) -> Value {
        json!({"policies": {"own": {"Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": resource},
            {"Effect": "Deny", "Action": "iam:*", "Resource": "*"},
        ]}}})
    }

    #[test]
    fn what_people_get_is_told_with_who_gets_it() {
        let allows = json!({"Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]});
        let set = json!({"policy": allows, "managed": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]});
        let group = json!({"permission_set": "${sso.permission_set/dev}", "principal_type": "GROUP", "principal": "developers"});
        let items = vec![
            item("sso.assignment/dev-group-developers", Action::Create, group, None),
            item("sso.permission_set/dev", Action::Create, set, None),
        ];
        let expected = [
            "sso.assignment/dev-group-developers: gives `dev` to the group developers",
            "sso.permission_set/dev: allows all of ReadOnlyAccess, s3:Get* on *",
        ];
        assert_eq!(said(items), expected);
    }

    #[test]
    fn rights_of_what_is_new_are_named() {
        let logs = || role(&["logs:PutLogEvents", "logs:CreateLogStream"], "arn:aws:logs:x");
        let mut admin = role(&["s3:GetObject", "*"], "*");
        admin["managed"] = json!(["arn:aws:iam::aws:policy/AdministratorAccess"]);
        admin["trust"] = json!({"Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com", "AWS": "arn:aws:iam::9:root"}, "Action": "sts:AssumeRole"}]});
        let said = said(vec![
            item("iam.role/web-execution", Action::Create, logs(), None),
            item("iam.role/api-execution", Action::Create, logs(), None),
            item("iam.role/web-task", Action::Create, admin, None),
            item("iam.role/kept", Action::Keep, role(&["*"], "*"), None),
            item("s3.bucket/x", Action::Create, json!({"policies": {}}), None),
        ]);
        assert_eq!(
            said,
            [
                "iam.role/api-execution iam.role/web-execution: allows logs:CreateLogStream, logs:PutLogEvents",
                "iam.role/web-task: allows all of AdministratorAccess, * on *, s3:GetObject on *; can be assumed by arn:aws:iam::9:root",
            ]
        );
    }

    #[test]
    fn accounts_that_a_key_is_shared_with_are_named() {
        let policy = |roots: &[&str]| {
            json!({"policy": {"Statement": [
                {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": ["kms:*"]},
                {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Condition": {"StringEquals": {}}},
                {"Effect": "Allow", "Principal": {"AWS": roots}, "Action": ["kms:Decrypt"]},
            ]}})
        };
        let (one, two) = (policy(&["arn:aws:iam::2:root"]), policy(&["arn:aws:iam::2:root", "arn:aws:iam::3:root"]));
        let created = said(vec![item("kms.key/main", Action::Create, one.clone(), None)]);
        assert_eq!(created, ["kms.key/main: can be used by arn:aws:iam::2:root"]);
        let changed = said(vec![item("kms.key/main", Action::Update, two, Some(one))]);
        assert_eq!(changed, ["kms.key/main: can be used by arn:aws:iam::3:root"]);
    }

    #[test]
    fn of_a_change_only_what_is_added_is_named() {
        let changed = |before, after| said(vec![item("iam.group/dev", Action::Update, after, Some(before))]);
        assert_eq!(changed(role(&["s3:Get*"], "a"), role(&["s3:Get*"], "a")), Vec::<String>::new());
        assert_eq!(changed(role(&["s3:Get*", "s3:Put*"], "a"), role(&["s3:Get*"], "a")), Vec::<String>::new());
        assert_eq!(changed(role(&["s3:Get*"], "a"), role(&["s3:Get*"], "*")), ["iam.group/dev: allows s3:Get* on *"]);
        let many: Vec<String> = (0..20).map(|n| format!("a:{n:02}")).chain(["z:*".to_owned()]).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let said = changed(role(&[], "a"), role(&many, "a")).concat();
        assert!(said.starts_with("iam.group/dev: allows z:*, a:00,") && said.ends_with("a:10, 9 more"), "{said}");
    }

    #[test]
    fn what_is_opened_to_all_addresses_is_named() {
        let rule = |direction: &str, cidr: &str, protocol: &str, to: i32| json!({"direction": direction, "protocol": protocol, "from_port": 22, "to_port": to, "cidr": cidr});
        let one = |desired| said(vec![item("ec2.security_group_rule/x", Action::Create, desired, None)]);
        assert_eq!(one(rule("ingress", "0.0.0.0/0", "tcp", 22)), ["ec2.security_group_rule/x: opens tcp 22 to 0.0.0.0/0"]);
        assert_eq!(one(rule("ingress", "::/0", "-1", -1)), ["ec2.security_group_rule/x: opens all ports to ::/0"]);
        assert_eq!(one(rule("egress", "0.0.0.0/0", "tcp", 22)), Vec::<String>::new());
        assert_eq!(one(rule("ingress", "10.0.0.0/8", "tcp", 22)), Vec::<String>::new());
    }
}
