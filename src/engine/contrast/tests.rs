use serde_json::json;

use super::*;
use crate::action::Action;
use crate::item::Before;
use crate::readiness::Readiness;
use crate::scope::Scope;

const RULES: &[Rule] = &[
    Rule::set("subnets"),
    Rule::keyed("containers", "name"),
    Rule::exact("containers.*.environment"),
    Rule::version_prefix("version"),
    Rule::minor_by_itself("version", "automatic", &[]),
    Rule::policy("policy"),
    Rule::create_only("initial"),
    Rule::secret("password"),
    Rule::when_ready("port"),
    Rule::owned("tags"),
];
const FIELDS: Fields<'static> = Fields {
    rules: &|_| RULES,
    sizes: &[("a.thing", &["count", "most"])],
    chosen: &[("a.thing", &["window"])],
    hidden: &[("a.thing", &["containers.*.environment.*", "containers.*.command"])],
};

fn scope(env: &str) -> Scope {
    let text = |text: &str| text.to_owned();
    let (region, account) = match env {
        "far" => ("eu-west-1", "222222222222"),
        _ => ("us-east-1", "111111111111"),
    };
    Scope { stack: text("shop"), env: text(env), region: text(region), account: text(account), partition: text("aws") }
}

/// An object as its description wants it and as it is, either of which may be missing.
fn object(name: &str, desired: Value, live: Value, fields: Value) -> Item {
    let item = json!({"key": format!("a.thing/{name}"), "action": Action::Keep, "generation": 1});
    let mut item: Item = serde_json::from_value(item).unwrap();
    if !fields.is_null() && !desired.is_null() {
        item.changes = diff(RULES, &desired, &fields, &Ids::default());
    }
    item.action = if desired.is_null() { Action::Delete } else { Action::Keep };
    item.desired = Some(desired).filter(|desired| !desired.is_null()).map(Into::into);
    item.before = Some(Before { live: live.into(), fields: fields.into(), state: Readiness::Ready })
        .filter(|before| !before.fields.is_null());
    item
}

/// An object that is as its description wants it.
fn as_said(name: &str, fields: Value) -> Item {
    object(name, fields.clone(), json!({}), fields)
}

fn plan(env: &str, items: Vec<Item>) -> Plan {
    let plan = json!({"version": 1, "scope": scope(env), "destroy": false, "items": []});
    let mut plan: Plan = serde_json::from_value(plan).unwrap();
    plan.items = items;
    plan
}

fn between(left: (&str, Vec<Item>), right: (&str, Vec<Item>)) -> Contrast {
    let (left, right) = (plan(left.0, left.1), plan(right.0, right.1));
    contrast(Side { plan: &left, read: true }, Side { plan: &right, read: true }, &FIELDS)
}

/// Objects and paths.
fn told(list: &[Differing]) -> Vec<String> {
    let of = |object: &Differing| match object.only {
        Some(hand) => vec![format!("{} {hand:?}", object.key.name)],
        None => object.differences.iter().map(|found| format!("{} {}", object.key.name, found.path)).collect(),
    };
    list.iter().flat_map(of).collect()
}

/// The suspicious paths of an object with these fields on both sides, in the environments `default` and `other`.
fn suspicious(left: Value, right: Value, other: &str) -> Vec<String> {
    let item = |fields: Value| vec![object("x", json!({}), json!({}), fields)];
    let found = between(("default", item(left)), (other, item(right)));
    assert!(found.expected.is_empty() && found.sized.is_empty(), "{found:#?}");
    told(&found.suspicious)
}

#[test]
fn ids_and_environment_names_are_no_differences() {
    let side = |env: &str, zone: &str| {
        let (scope, path) = (scope(env), format!("/stack/shop/{env}/web"));
        let prefix = scope.prefix();
        let bucket = format!("arn:aws:s3:::{prefix}-files-{}-{}", scope.account, scope.region);
        let id = format!("sub-0{}", if env == "default" { "a1b2c3d4e" } else { "9f8e7d6c5" });
        let tags = json!({"stack:env": env, "stack:generation": "2", "Name": prefix, "scanner": env});
        let fields = json!({
            "zone": format!("{}{zone}", scope.region),
            "log": path,
            "subnets": [format!("${{=a.thing:{id}}}")],
            "policy": {"Statement": [
                {"Effect": "Allow", "Action": "x", "Resource": [format!("{bucket}/*"), format!("arn:aws:iam::{}:root", scope.account)]},
                {"Effect": "Allow", "Action": "y", "Resource": format!("subnet/{id}"), "Condition": {"StringEquals": {"env": env}}},
            ]},
            "text": format!("{prefix}-web of shop in {}", scope.region),
            "tags": tags,
        });
        let live = json!({"id": bucket, "arn": bucket});
        let owner = object("sub", json!({}), json!({"id": id}), json!({}));
        (env.to_owned(), vec![object("x", json!({}), live, fields), owner])
    };
    let (here, there, far) = (side("default", "a"), side("staging", "a"), side("far", "a"));
    for other in [&there, &far] {
        let found = between((here.0.as_str(), here.1.clone()), (other.0.as_str(), other.1.clone()));
        assert_eq!(found, Contrast { same: 2, ..Contrast::default() }, "{found:#?}");
    }
    let other_zone = side("staging", "b");
    let found = between((here.0.as_str(), here.1), (other_zone.0.as_str(), other_zone.1));
    assert_eq!(told(&found.suspicious), ["x zone"]);
}

#[test]
fn what_only_looks_like_a_name_is_compared_as_is() {
    let image = json!({"image": "registry/shop:default", "group": "default.postgres16", "path": "/shop-window"});
    assert!(suspicious(image.clone(), image, "staging").is_empty());
    assert_eq!(suspicious(json!({"a": "workshop"}), json!({"a": "work"}), "staging"), ["x a"]);
}

#[test]
fn a_container_called_like_the_stack_is_compared() {
    let fields =
        |image: &str, level: &str| json!({"containers": [{"name": "shop", "image": image, "environment": {"A": level}}]});
    let found = |image: &str, level: &str| suspicious(fields("shop:1", "a"), fields(image, level), "staging");
    assert_eq!(found("shop:1", "a"), [""; 0]);
    assert_eq!(found("shop:2", "a"), ["x containers.shop.image"]);
    assert_eq!(found("shop:1", "b"), ["x containers.shop.environment.A"]);
}

#[test]
fn what_points_at_the_other_environment_is_seen() {
    let role = json!({"text": "arn:aws:iam::111111111111:role/x"});
    assert_eq!(suspicious(role.clone(), role, "far"), ["x text"]);
    let item = |text: &str| vec![object("x", json!({}), json!({}), json!({"text": text}))];
    let between = |left: &str, right: &str| between(("production", item(left)), ("staging", item(right)));
    assert_eq!(between("shop-production-orders", "shop-staging-orders").same, 1);
    for same in ["shop-production-orders", "shop-staging-orders"] {
        let found = between(same, same);
        assert_eq!(told(&found.suspicious), ["x text"]);
        let difference = &found.suspicious[0].differences[0];
        assert_eq!((&difference.left, &difference.right, difference.same), (&Some(json!(same)), &Some(json!(same)), true));
    }
    // That of the default environment is no other name for one of its own.
    assert_eq!(told(&between("shop-production-orders", "shop-orders").suspicious), ["x text"]);
    assert_eq!(between("orders", "orders").same, 1);
}

#[test]
fn an_object_of_the_other_environment_is_another_one() {
    let side = |own: &str, used: &str| {
        let queue = object("queue", json!({}), json!({"id": format!("arn:aws:sqs:us-east-1:1:{own}")}), json!({}));
        vec![object("x", json!({}), json!({}), json!({"text": format!("send to arn:aws:sqs:us-east-1:1:{used}")})), queue]
    };
    let found = between(("production", side("one", "one")), ("staging", side("two", "two")));
    assert_eq!(found.same, 2);
    let found = between(("production", side("one", "one")), ("staging", side("two", "one")));
    assert_eq!(told(&found.suspicious), ["x text"]);
    assert_eq!(found.suspicious[0].differences[0].left, Some(json!("send to a.thing/queue")));
}

#[test]
fn differences_are_expected_sized_or_suspicious() {
    let production = vec![
        as_said("x", json!({"count": 3, "class": "large", "mode": "a"})),
        // Changed by hand in `staging`, but not as the description says.
        as_said("y", json!({"count": 2, "mode": "a", "most": 5})),
    ];
    let staging = vec![
        as_said("x", json!({"count": 1, "class": "small", "mode": "a"})),
        object("y", json!({"count": 1, "mode": "a"}), json!({}), json!({"count": 7, "mode": "b", "most": 5, "extra": true})),
    ];
    let found = between(("production", production), ("staging", staging));
    assert_eq!(told(&found.expected), ["x count", "x class"]);
    assert_eq!(told(&found.sized), ["y count"]);
    assert_eq!(told(&found.suspicious), ["y mode", "y extra"]);
    assert_eq!((found.same, found.is_expected()), (0, false));
    let extra = &found.suspicious[0].differences[1];
    assert_eq!((&extra.left, &extra.right, extra.only), (&None, &Some(json!(true)), Some(Hand::Right)));
}

#[test]
fn versions_differ_though_the_description_lets_them() {
    let version = |version: &str| {
        vec![object("x", json!({"version": "16"}), json!({}), json!({"version": version, "automatic": true, "initial": 1}))]
    };
    let found = between(("production", version("16.4")), ("staging", version("16.8")));
    assert_eq!(told(&found.suspicious), ["x version"]);
}

#[test]
fn described_objects_of_one_side_only_are_expected() {
    let there = |name: &str| object(name, Value::Null, json!({}), json!({}));
    let gone = |name: &str| object(name, json!({}), json!({}), Value::Null);
    let production = vec![as_said("both", json!({})), as_said("more", json!({})), gone("lost"), there("stray")];
    let staging = vec![as_said("both", json!({})), as_said("lost", json!({}))];
    let found = between(("production", production), ("staging", staging));
    assert_eq!(told(&found.expected), ["more Left"]);
    assert_eq!(told(&found.suspicious), ["lost Right", "stray Left"]);
    assert_eq!(found.same, 1);
}

#[test]
fn variables_are_named_and_never_shown() {
    let container = |environment: Value, image: &str| {
        let command = ["run", environment["A"].as_str().unwrap()];
        json!({"containers": [{"name": "web", "image": image, "command": command, "environment": environment}]})
    };
    let left = container(json!({"A": "hunter2", "B": "alike"}), "i:1");
    let right = container(json!({"A": "hunter3", "B": "alike", "C": "hunter4"}), "i:2");
    let item = |fields: &Value| vec![object("x", json!({}), json!({}), fields.clone())];
    let found = between(("production", item(&left)), ("staging", item(&right)));
    let differences = &found.suspicious[0].differences;
    let told: Vec<(&str, bool, Option<Hand>)> = differences.iter().map(|d| (d.path.as_str(), d.hidden, d.only)).collect();
    assert_eq!(
        told,
        [
            ("containers.web.image", false, None),
            ("containers.web.command", true, None),
            ("containers.web.environment.A", true, None),
            ("containers.web.environment.C", true, Some(Hand::Right)),
        ]
    );
    // Inside of a container that only one side has.
    let none = json!({"containers": []});
    for found in [found, between(("production", item(&left)), ("staging", item(&none)))] {
        let json = serde_json::to_string(&found).unwrap();
        assert!(json.contains("environment") && !json.contains("hunter") && !json.contains("alike"), "{json}");
    }
    assert_eq!(suspicious(json!({"password": "a"}), json!({"password": "b"}), "staging"), ["x password"]);
}

#[test]
fn cloud_chosen_and_unknown_values_are_no_difference() {
    assert!(suspicious(json!({"window": "sun:03"}), json!({"window": "mon:04"}), "staging").is_empty());
    let said = |window: &str| vec![as_said("x", json!({"window": window}))];
    assert_eq!(told(&between(("a", said("sun:03")), ("b", said("mon:04"))).expected), ["x window"]);
    let port = |fields: Value, state: Readiness| {
        let mut item = object("x", json!({}), json!({}), fields);
        item.before.as_mut().unwrap().state = state;
        vec![item]
    };
    let found = between(
        ("a", port(json!({"port": 1}), Readiness::Ready)),
        ("b", port(json!({"port": null}), Readiness::waiting("creating"))),
    );
    assert_eq!(found.same, 1);
}

#[test]
fn tags_of_others_do_not_count_and_protection_does() {
    let tags = |tags: Value| json!({"tags": tags});
    let marks = tags::marks([&"team".to_owned()].into_iter()).unwrap();
    let left = tags(json!({"team": "web", "cost": "1", "stack:tags": marks, "stack:key": "a", "stack:protect": "true"}));
    let right = tags(json!({"team": "ops", "cost": "2", "stack:tags": marks, "stack:key": "b"}));
    assert_eq!(suspicious(left, right, "staging"), ["x tags.team", "x tags.stack:protect"]);
}

#[test]
fn a_description_is_compared_with_what_runs() {
    let fields = json!({"version": "16.4", "count": 2, "key": "${=a.thing.arn:arn:aws:kms:us-east-1:1:key/k}", "other": 1, "log": "/stack/shop/staging/x", "text": "cluster/shop-staging-2"});
    let live = json!({"id": "arn:aws:kms:us-east-1:1:key/k", "arn": "arn:aws:kms:us-east-1:1:key/k", "name": "shop-staging-2"});
    let desired = json!({"version": "16", "count": 2, "key": "${a.thing/x.arn}", "other": null, "log": "/stack/shop/production/x", "text": "cluster/${a.thing/x.name}"});
    let runs = plan("staging", vec![object("x", json!({"count": 2}), live, fields)]);
    let said = |count: i64| {
        let mut desired = desired.clone();
        desired["count"] = count.into();
        plan("production", vec![object("x", desired, json!({}), Value::Null)])
    };
    let found = |said: &Plan| contrast(Side { plan: said, read: false }, Side { plan: &runs, read: true }, &FIELDS);
    assert_eq!(found(&said(2)), Contrast { same: 1, ..Contrast::default() });
    let other = found(&said(5));
    assert_eq!(told(&other.expected), ["x count"]);
    assert_eq!(other.expected[0].differences[0].left, Some(json!(5)));
    // Two descriptions.
    let (one, two) = (said(1), said(2));
    let found = contrast(Side { plan: &one, read: false }, Side { plan: &two, read: false }, &FIELDS);
    assert_eq!((told(&found.expected), found.is_expected()), (vec!["x count".to_owned()], true));
}

#[test]
fn only_the_half_that_stays_is_compared() {
    let half = |desired: Value, generation: u32, count: i64| {
        let mut item = object("x", desired, json!({}), json!({"count": count}));
        item.generation = generation;
        item
    };
    let halves = vec![half(Value::Null, 1, 9), half(json!({"count": 2}), 2, 2)];
    let mut leaving = object("y", json!({}), json!({}), json!({}));
    leaving.before.as_mut().unwrap().state = Readiness::Leaving("deleting".into());
    let found = between(("a", halves), ("b", vec![as_said("x", json!({"count": 2})), leaving]));
    assert_eq!(found, Contrast { same: 1, ..Contrast::default() });
}
