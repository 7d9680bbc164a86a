//! Whole plans as people see them.

use super::*;
use crate::engine::item::Before;
use crate::engine::{Diff, Effect, Impact, Need};
use crate::ui::Problem;
use serde_json::{Value, json};

const SECRET: &[Rule] = &[Rule::secret("password"), Rule::secret("containers.*.environment.*")];

static NONE: Consent = Consent {
    delete: Vec::new(),
    replace: Vec::new(),
    upgrade: Vec::new(),
    no_last_copy: Vec::new(),
    without_data: Vec::new(),
    environment: None,
};

pub(crate) fn scope() -> Scope {
    Scope {
        stack: "webapp".into(),
        env: "staging".into(),
        region: "us-east-1".into(),
        account: "123456789012".into(),
        partition: "aws".into(),
    }
}

fn item(key: &str, action: Action) -> Item {
    let mut item: Item = serde_json::from_value(json!({"key": key, "action": "keep", "generation": 1})).unwrap();
    item.action = action;
    item
}

fn change(path: &str, before: Value, after: Value) -> Change {
    let there = |v: Value| (!v.is_null()).then_some(v);
    Change {
        path: path.into(),
        before: there(before),
        after: there(after),
        unknown: None,
        forces_replacement: false,
        impossible: None,
        secret: false,
    }
}

fn policy(actions: &[&str], bucket: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": actions, "Resource": [format!("arn:aws:s3:::{bucket}/*")]},
        {"Sid": "Logs", "Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}
    ]})
}

/// A plan of these.
pub(super) fn plan_of(items: Vec<Item>) -> Plan {
    Plan {
        version: 1,
        scope: scope(),
        destroy: false,
        hints: Vec::new(),
        kept_in: None,
        moved: Vec::new(),
        ignored_tags: Vec::new(),
        items,
        awake: Vec::new(),
    }
}

/// Something of everything.
pub(crate) fn everything() -> Plan {
    let mut items = Vec::new();
    for tier in ["public", "app", "data"] {
        for zone in ["a", "b", "c"] {
            let mut subnet = item(&format!("ec2.subnet/{tier}-{zone}"), Action::Create);
            subnet.needs = vec![(9, Need::Exists)];
            subnet.desired = Some(
                json!({"vpc": "${ec2.vpc/main}", "cidr": "10.0.0.0/20", "zone": format!("us-east-1{zone}"),
                "tags": {"Name": "webapp", "stack:name": "webapp"}})
                .into(),
            );
            items.push(subnet);
        }
    }
    let mut vpc = item("ec2.vpc/main", Action::Create);
    vpc.desired =
        Some(json!({"cidr": "10.0.0.0/16", "dns_hostnames": true, "ipv6": null, "tags": {"Name": "webapp-staging-main"}}).into());
    items.push(vpc);
    let mut role = item("iam.role/web", Action::Create);
    role.desired =
        Some(json!({"path": "/webapp/", "assume_role_policy": policy(&["sts:AssumeRole"], "x"), "password": "hunter2"}).into());
    items.push(role);
    let mut target = item("application-autoscaling.scalable_target/web", Action::Create);
    target.desired = Some(json!({"service": "${ecs.service/web}", "min": 3, "max": 30}).into());
    items.push(target);

    let mut service = item("ecs.service/web", Action::Update);
    let mut waits = change("task_definition", json!("ecs.task_definition/web"), json!("ecs.task_definition/web"));
    waits.unknown = Some(crate::engine::Key::new("ecs.task_definition", "web"));
    service.changes = Diff {
        changes: vec![
            change("desired_count", json!(3), json!(5)),
            change("health_check_grace_period", json!(0), json!("0")),
            change("subnets", json!(["ec2.subnet/app-a", "ec2.subnet/app-b"]), json!(["ec2.subnet/app-a", "ec2.subnet/app-c"])),
            waits,
            change("tags.team", Value::Null, json!("payments")),
            change("tags.owner", json!("bob"), Value::Null),
            change("tags.stack:env", json!("x"), json!("staging")),
        ],
    };
    items.push(service);
    let mut only_tags = item("logs.log_group/web", Action::Update);
    only_tags.changes = Diff { changes: vec![change("tags.stack:key", Value::Null, json!("logs.log_group/web"))] };
    items.push(only_tags);
    let mut attached = item("iam.role_policy/web", Action::Update);
    attached.changes = Diff {
        changes: vec![change(
            "policy",
            policy(&["s3:GetObject", "s3:PutObject"], "a"),
            policy(&["s3:GetObject", "s3:DeleteObject"], "a"),
        )],
    };
    items.push(attached);
    let mut group = item("elasticache.replication_group/sessions", Action::Update);
    let mut token = change("password", json!("old-secret"), json!("new-secret"));
    token.secret = true;
    group.changes = Diff {
        changes: vec![
            token,
            change(
                "description",
                json!(
                    "a rather long description that fits into no column of any terminal that is reasonably wide, before the change"
                ),
                json!(
                    "a rather long description that fits into no column of any terminal that is reasonably wide, after the change"
                ),
            ),
        ],
    };
    items.push(group);
    let mut major = item("rds.instance/orders", Action::Update);
    major.changes = Diff { changes: vec![change("engine_version", json!("16.8"), json!("17"))] };
    major.effects = vec![
        Effect::new(Impact::Restarts, "the instance restarts").lasting(300, 1200),
        Effect::new(Impact::CannotBeUndone, "there is no way back to 16").with_consent(),
    ];
    major.origin = "databases.orders".into();
    items.push(major);

    let mut target = item("elbv2.target_group/web", Action::Replace);
    target.order = Some(Order::CreateFirst);
    let mut port = change("port", json!(8080), json!(9090));
    port.forces_replacement = true;
    target.changes = Diff { changes: vec![port, change("health.path", json!("/"), json!("/health"))] };
    items.push(target);
    let mut db = item("rds.instance/main", Action::Replace);
    db.order = Some(Order::DeleteFirst);
    (db.needs_consent, db.holds_data) = (true, true);
    db.reason = Some("AWS reports that it failed: incompatible-parameters".into());
    items.push(db);

    let mut logs = item("logs.log_group/old", Action::Delete);
    (logs.needs_consent, logs.holds_data) = (true, true);
    items.push(logs);
    items.push(item("ec2.security_group/old", Action::Delete));
    let mut rule = item("ec2.security_group_rule/old-in", Action::Delete);
    rule.was_using = vec![items.len() - 1];
    items.push(rule);
    let mut left = item("ecs.service/web", Action::Delete);
    left.reason = Some("left over from a replacement".into());
    left.before =
        Some(Before { live: json!({"id": "webapp-staging-web-1"}).into(), fields: json!({}).into(), state: Readiness::Ready });
    items.push(left);

    let mut refused = item("s3.bucket/assets", Action::Refuse);
    refused.reason = Some("arn:aws:s3:::webapp-staging-assets already exists and belongs to the stack `other`; rename this one, or tag that one with `stack:name`, `stack:env` and `stack:key` to hand it over".into());
    items.push(refused);
    let mut waiting = item("rds.instance/replica", Action::Keep);
    waiting.reason = Some("AWS is still working on it: backing-up".into());
    waiting.before = Some(Before { live: json!({}).into(), fields: json!({}).into(), state: Readiness::waiting("backing-up") });
    items.push(waiting);
    items.extend((0..96).map(|n| item(&format!("ec2.route/r{n}"), Action::Keep)));
    plan_of(items)
}

fn view(terminal: Terminal) -> View<'static> {
    View { terminal, file: "stacks/webapp.yaml", verbose: false, consent: &NONE, via: None, price: None, rules: &|_| SECRET }
}

fn check(text: &str, columns: usize) {
    for line in text.lines() {
        assert!(width(line) <= columns, "too wide for {columns}: {line}");
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn a_plan_with_everything() {
    for columns in [60, 100, 140] {
        let text = plan_text(&everything(), &view(Terminal::plain(columns)));
        check(&text, columns);
        insta::assert_snapshot!(format!("plan_{columns}"), text);
    }
}

#[test]
fn a_plan_in_colour_says_the_same() {
    let text = plan_text(&everything(), &view(Terminal { color: true, ..Terminal::plain(100) }));
    let plain = plan_text(&everything(), &view(Terminal::plain(100)));
    assert_eq!(anstream::adapter::strip_str(&text).to_string(), plain);
    insta::assert_snapshot!("plan_colour", text.replace('\u{1b}', "␛"));
}

#[test]
fn a_plan_in_ascii() {
    let text = plan_text(&everything(), &view(Terminal { unicode: false, ..Terminal::plain(80) }));
    check(&text, 80);
    assert!(text.is_ascii(), "{text}");
}

#[test]
fn verbose_lists_the_fields_of_what_is_created() {
    let mut plan = everything();
    plan.items.retain(|item| item.action == Action::Create && !item.key.name.ends_with("-b") && !item.key.name.ends_with("-c"));
    let text = plan_text(&plan, &View { verbose: true, ..view(Terminal::plain(80)) });
    check(&text, 80);
    assert!(!text.contains("hunter2"));
    insta::assert_snapshot!(text);
}

#[test]
fn no_changes() {
    let plan = plan_of(vec![item("ec2.vpc/main", Action::Keep)]);
    insta::assert_snapshot!(plan_text(&plan, &view(Terminal::plain(80))), @"
    stack webapp · environment staging · 123456789012 · us-east-1

    No changes: AWS matches stacks/webapp.yaml (1 object).
    ");
    let gone = Plan { destroy: true, items: Vec::new(), ..plan };
    assert!(plan_text(&gone, &view(Terminal::plain(80))).contains("Nothing to destroy"));
}

#[test]
fn a_destroy_says_so() {
    let mut plan = everything();
    plan.destroy = true;
    plan.items.retain(|item| item.action == Action::Delete);
    let consent = Consent { delete: vec!["logs.log_group/old".into()], ..Consent::default() };
    insta::assert_snapshot!(plan_text(&plan, &View { consent: &consent, ..view(Terminal::plain(80)) }), @"
    stack webapp · environment staging · 123456789012 · us-east-1
    This destroys the stack: every object that belongs to it in AWS is deleted.

    - delete 4
        ec2.security_group_rule  1   old-in
        ec2.security_group       1   old
        ecs.service/web   (webapp-staging-web-1)
            left over from a replacement
        logs.log_group/old
            its data is lost permanently; consent given

    Destroy: 4 to delete.
    ");
    let text = plan_text(&plan, &view(Terminal::plain(80)));
    assert!(text.contains("    --confirm webapp/staging\n"), "{text}");
}

#[test]
fn hostile_text_stays_text() {
    let mut hostile = item("ecs.service/web", Action::Update);
    hostile.changes = Diff {
        changes: vec![
            change("tags.\u{1b}[2Jclear", json!("\u{1b}]0;owned\u{7}"), json!("a\u{202e}b")),
            change("user_data", json!("one\ntwo\u{1b}[31m"), json!("one\nthree\u{2066}\n```\n</details>")),
            change("list", json!(["\u{9b}31m"]), json!([])),
        ],
    };
    let mut named = item("ec2.vpc/main", Action::Create);
    named.key.name = "\u{1b}[31mred".into();
    named.desired = Some(json!({"na\u{1b}me": "x\u{7}"}).into());
    let mut scope = scope();
    scope.stack = "we\u{1b}b*_`<b>".into();
    let plan = Plan { scope, ..plan_of(vec![hostile, named]) };
    let text = plan_text(&plan, &View { verbose: true, ..view(Terminal::plain(80)) });
    let markdown = plan_markdown(&plan, &view(Terminal::plain(80)), &[], &Footer::default());
    for out in [&text, &markdown] {
        assert!(out.chars().all(|c| c == '\n' || clean(&c.to_string()) == c.to_string()), "{out:?}");
    }
    insta::assert_snapshot!(format!("{text}\n=====\n\n{markdown}"));
}

#[test]
fn markdown() {
    let problem = Problem {
        severity: "refused",
        key: Some("rds.instance/main".into()),
        message: "us-east-1 has no postgres 99".into(),
        help: Some("choose one of 16.8, 17.4".into()),
    };
    let warned = Problem {
        severity: "warning",
        key: Some("databases.main".into()),
        message: "it is reachable from every address".into(),
        help: Some("remove `public`".into()),
    };
    let footer = Footer { commit: Some("0123abc"), command: "stack apply s.yaml --env staging" };
    let text = plan_markdown(&everything(), &view(Terminal::plain(80)), &[problem, warned], &footer);
    assert!(text.ends_with("\nCommit `0123abc`. To apply it: `stack apply s.yaml --env staging`\n"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn new_rights_are_in_the_plan_of_created_objects() {
    let mut plan = everything();
    let role = plan.items.iter_mut().find(|item| item.key.to_string() == "iam.role/web").unwrap();
    role.desired = Some(json!({"policies": {"own": policy(&["s3:*"], "a")}}).into());
    for columns in [60, 100] {
        let text = plan_text(&plan, &view(Terminal::plain(columns)));
        check(&text, columns);
        assert!(text.contains("\n    iam.role/web: allows s3:*, logs:PutLogEvents on *\n"), "{text}");
    }
    let text = plan_markdown(&plan, &view(Terminal::plain(80)), &[], &Footer::default());
    assert!(text.contains("\niam.role/web: allows s3:*, logs:PutLogEvents on *\n"), "{text}");
}

/// A plan that would fix nothing, of an object with this beside it.
fn kept(live: Value, reason: &str) -> Plan {
    let mut user = item("iam.user/alice", Action::Keep);
    user.desired = Some(json!({}).into());
    user.reason = Some(reason.into());
    user.before = Some(Before { live: live.into(), fields: json!({}).into(), state: Readiness::Ready });
    let items = vec![user, item("ec2.vpc/main", Action::Keep)];
    plan_of(items)
}

#[test]
fn manual_changes_are_drift_even_if_apply_keeps_them() {
    let since = Since { run: 1, began: "then".into(), who: "me".into(), command: "stack apply".into() };
    let text = |plan: &Plan| drift_text(plan, &since, &view(Terminal::plain(80)));
    let key = kept(json!({"noticed": "has an access key"}), "has an access key");
    assert!(has_drifted(&key));
    assert!(text(&key).contains("\nDrift: 1 noted above, which an apply does not change, 1 unchanged.\n"), "{}", text(&key));
    // What AWS does by itself, as the file lets it.
    let version = kept(json!({}), "`version`: it is 16.6, which `automatic` allows; 16.4 in the file is older");
    assert!(!has_drifted(&version) && text(&version).contains("No drift"), "{}", text(&version));
    // Somebody's object under our tags.
    let mut impostor = kept(json!({}), "it carries the same tags");
    impostor.items[0].desired = None;
    assert!(has_drifted(&impostor));
    // Beside a change it is told too.
    let mut changed = key;
    changed.items[0].action = Action::Update;
    changed.items[0].changes = Diff { changes: vec![change("groups", json!(["a"]), json!(["b"]))] };
    assert!(
        text(&changed).contains("has an access key") && text(&changed).contains("Drift: 1 changed, 1 unchanged"),
        "{}",
        text(&changed)
    );
}

#[test]
fn markdown_fits_into_a_comment() {
    let mut plan = everything();
    let mut changed =
        plan.items.iter().find(|item| item.key.to_string() == "elasticache.replication_group/sessions").unwrap().clone();
    for n in 0..400 {
        changed.key.name = format!("cache-{n}");
        plan.items.push(changed.clone());
    }
    let text = plan_markdown(&plan, &view(Terminal::plain(80)), &[], &Footer::default());
    assert!(text.chars().count() <= markdown::LARGEST, "{}", text.len());
    // What is dangerous and what has to be agreed to stands before what is cut.
    assert!(text.contains("--allow-replace rds.instance/main") && text.contains("too long for a comment"), "{text}");
}

#[test]
fn a_plan_ends_with_its_price() {
    use crate::prices::{Bill, Billed, Change, Decimal, HOURS, Part, Usage};
    let bill = |region: &str, parts: &[(&str, &str)]| {
        let billed = parts.iter().map(|(section, usage)| Billed {
            object: "ec2.nat_gateway/a".into(),
            section: (*section).into(),
            tags: std::sync::Arc::default(),
            part: Part::new("AmazonVPC", *usage, HOURS, "an hour"),
        });
        Bill::of(region, billed.collect(), &Usage::default())
    };
    let network = [("network", "nat-gateway"), ("network", "nat-gateway"), ("services.web", "moon-gateway")];
    let price = |before: &[(&str, &str)], after: &[(&str, &str)], hours: Option<u64>| {
        let (before, after) = (bill("us-east-1", before), bill("us-east-1", after));
        Change { before, after, hours: hours.map(Decimal::of) }
    };
    let ends = |plan: &Plan, change: &Change| {
        let text = plan_text(plan, &View { price: Some(change), ..view(Terminal::plain(100)) });
        text.split_once("Price: ").map(|(_, end)| end.to_owned())
    };
    let plan = everything();
    let dearer = price(&[("network", "public-ipv4")], &network, None);
    assert_eq!(
        ends(&plan, &dearer).unwrap(),
        "$3.65 a month before, $65.70 afterwards (+$62.05). 1 part has no known price and is not\nincluded.\n    +$62.05  network\n"
    );
    assert_eq!(
        ends(&plan, &price(&[], &network[..1], Some(73))).unwrap(),
        "$32.85 a month. Until it expires: $3.28.\n    +$32.85  network\n"
    );
    assert_eq!(ends(&plan, &price(&network[..1], &network[..1], None)).unwrap(), "$32.85 a month, unchanged.\n");
    assert_eq!(
        ends(&plan, &price(&network[..1], &[], None)).unwrap(),
        "$32.85 a month before, nothing afterwards.\n    -$32.85  network\n"
    );
    let elsewhere = Change { before: bill("eu-west-1", &[]), after: bill("eu-west-1", &network), hours: None };
    assert_eq!(ends(&plan, &elsewhere).unwrap(), "no price is known for eu-west-1.\n");
    // When nothing happens, too.
    let nothing = Plan { items: Vec::new(), ..plan.clone() };
    assert_eq!(ends(&nothing, &price(&network[..1], &network[..1], None)).unwrap(), "$32.85 a month, unchanged.\n");
    let markdown = plan_markdown(&plan, &View { price: Some(&dearer), ..view(Terminal::plain(100)) }, &[], &Footer::default());
    assert!(markdown.contains("65.70 afterwards") && markdown.contains("```\n+$62.05  network\n```"), "{markdown}");
}
