use super::*;
use serde_json::json;

const RULES: &[Rule] = &[
    Rule::immutable("cidr"),
    Rule::set("subnets"),
    Rule::exact("labels"),
    Rule::owned("tags"),
    Rule::keyed("containers", "name"),
    Rule::create_only("count"),
    Rule::version_prefix("version"),
];

fn paths(desired: Value, observed: Value) -> Vec<String> {
    diff(RULES, &desired, &observed, &Ids::default()).changes.into_iter().map(|c| c.path).collect()
}

#[test]
fn absent_means_dont_care() {
    assert!(paths(json!({"a": null, "b": {"c": 1}}), json!({"a": 5, "b": {"c": 1, "d": 2}, "e": 3})).is_empty());
}

#[test]
fn the_text_of_a_reference_is_not_what_it_means() {
    let of = |text: &str| json!({"environment": {"A": text}});
    let mut ids = Ids::default();
    assert!(diff(RULES, &of("${ec2.vpc/main}"), &of("${ec2.vpc/main}"), &ids).touches("environment.A"));
    ids.insert(&Key::new("ec2.vpc", "main"), json!({"id": "vpc-1"}));
    assert!(diff(RULES, &of("${ec2.vpc/main}"), &of("vpc-1"), &ids).is_empty());
    assert!(diff(RULES, &of("${HOME}"), &of("${HOME}"), &ids).is_empty());
}

#[test]
fn a_map_of_the_users_is_exact() {
    assert_eq!(
        paths(json!({"labels": {"a": "1", "b": "2"}}), json!({"labels": {"a": "1", "b": "3", "c": "4"}})),
        ["labels.b", "labels.c"]
    );
    assert_eq!(paths(json!({"labels": {}}), json!({"labels": {"a": "1"}})), ["labels.a"]);
}

#[test]
fn tags_of_others_stay_and_those_that_the_file_had_go() {
    let marks = |keys: &[&str]| tags::marks(keys.iter().map(|k| (*k).to_owned()).collect::<Vec<_>>().iter());
    let was = json!({"tags": {"team": "web", "cost": "1", "scanned-by": "tool", "stack:tags": marks(&["team", "cost"])}});
    let same = json!({"tags": {"team": "web", "cost": "1", "stack:tags": marks(&["cost", "team"])}});
    assert!(paths(same, was.clone()).is_empty());
    let without_cost = json!({"tags": {"team": "web", "stack:tags": marks(&["team"])}});
    assert_eq!(paths(without_cost, was.clone()), ["tags.stack:tags", "tags.cost"]);
    let none = json!({"tags": {"stack:name": "a"}});
    assert_eq!(paths(none, was), ["tags.stack:name", "tags.team", "tags.cost", "tags.stack:tags"]);
    // What the file comes to say is the file's from then on.
    let taken = json!({"tags": {"scanned-by": "us"}});
    assert_eq!(paths(taken, json!({"tags": {"scanned-by": "tool"}})), ["tags.scanned-by"]);
}

#[test]
fn a_reference_in_a_document_equals_its_value() {
    let mut ids = Ids::default();
    ids.insert(&Key::new("a.bucket", "b"), json!({"id": "b", "arn": "arn:b"}));
    let document = |action: &str, on: &str| json!({"p": {"Statement": [{"Effect": "Allow", "Action": action, "Resource": on}]}});
    let changes = |action: &str| {
        let desired = document(action, "${a.bucket/b.arn}");
        diff(&[Rule::policy("p")], &desired, &document("read", "arn:b"), &ids).changes
    };
    assert!(changes("read").is_empty());
    assert_eq!(changes("write")[0].after.as_ref(), document("write", "arn:b").get("p"));
}

#[test]
fn what_others_have_put_into_a_list_stays() {
    let rules = &[Rule::set("a"), Rule::at_least("a")];
    let changes =
        |observed: Value| diff(rules, &json!({"a": ["x", "y"]}), &json!({"a": observed}), &Ids::default()).changes.len();
    assert_eq!(
        [changes(json!(["z", "y", "x"])), changes(json!(["y", "x"])), changes(json!(["x", "z"])), changes(json!([]))],
        [0, 0, 1, 1]
    );
}

#[test]
fn numbers_that_are_strict_enough_stay() {
    let rules = &[Rule::at_least("least"), Rule::at_most("most")];
    let changes = |observed: Value| diff(rules, &json!({"least": 14, "most": 90}), &observed, &Ids::default()).changes.len();
    assert_eq!(changes(json!({"least": 20, "most": 30})), 0);
    assert_eq!(changes(json!({"least": 14, "most": 90})), 0);
    assert_eq!(changes(json!({"least": 13, "most": 91})), 2);
    assert_eq!(changes(json!({})), 2);
}

#[test]
fn sets_have_no_order_and_keyed_lists_are_matched() {
    assert!(paths(json!({"subnets": ["a", "b"]}), json!({"subnets": ["b", "a"]})).is_empty());
    assert_eq!(paths(json!({"subnets": ["a"]}), json!({"subnets": ["b", "a"]})), ["subnets"]);
    assert_eq!(
        paths(
            json!({"containers": [{"name": "x", "image": "1"}, {"name": "y", "image": "1"}]}),
            json!({"containers": [{"name": "y", "image": "2"}, {"name": "x", "image": "1", "cpu": 0}]})
        ),
        ["containers.y.image"]
    );
}

#[test]
fn versions_need_only_a_prefix() {
    assert!(paths(json!({"version": "16"}), json!({"version": "16.4"})).is_empty());
    assert_eq!(paths(json!({"version": "16"}), json!({"version": "160"})), ["version"]);
}

#[test]
fn what_counts_only_at_creation_is_never_drift() {
    assert!(paths(json!({"count": 3}), json!({"count": 9})).is_empty());
}

#[test]
fn an_open_reference_is_a_change_that_says_so() {
    let d = diff(RULES, &json!({"cidr": "${ec2.vpc/main}"}), &json!({"cidr": "x"}), &Ids::default());
    assert_eq!(d.changes[0].unknown, Some(Key::new("ec2.vpc", "main")));
    assert!(d.changes[0].forces_replacement);
}

#[test]
fn what_nothing_can_make_so_is_told() {
    let rules = &[
        Rule::version_prefix("version"),
        Rule::becomes("engine", &[("redis", "valkey")]),
        Rule::version_of("version", "engine"),
        Rule::minor_by_itself("version", "automatic", &["mysql"]),
        Rule::grows("size"),
        Rule::grows_by("size", 10),
        Rule::grows_to("size", "most"),
    ];
    let told = |desired: Value, observed: Value| diff(rules, &desired, &observed, &Ids::default()).impossible();
    let version = |d: &str, o: &str| told(json!({"version": d}), json!({"version": o}));
    assert_eq!(version("8.0", "8.1.0").unwrap(), "`version`: it is 8.1.0 and cannot go back to 8.0");
    assert_eq!(version("10", "9.0.0"), None);
    assert_eq!(version("8", "7.2.6"), None);
    let engine = |d: &str, o: &str| told(json!({"engine": d}), json!({"engine": o}));
    assert_eq!(engine("redis", "valkey").unwrap(), "`engine`: it is valkey and cannot become redis");
    assert_eq!(engine("valkey", "redis"), None);
    assert_eq!(engine("redis", "redis"), None);
    let size = |d: Value, o: i64| told(d, json!({"size": o}));
    assert_eq!(size(json!({"size": 5}), 7).unwrap(), "`size`: it is 7 and cannot shrink to 5");
    assert_eq!(size(json!({"size": 5, "most": 10}), 7), None);
    assert!(size(json!({"size": 5, "most": 6}), 7).is_some());
    let little = "`size`: it is 100 and can only grow by at least 10 %: set 110 or more instead of 109";
    assert_eq!(size(json!({"size": 109}), 100).unwrap(), little);
    assert_eq!(size(json!({"size": 110}), 100), None);
    assert_eq!(size(json!({"size": 44}), 40), None);
}

#[test]
fn versions_of_different_engines_are_not_compared() {
    let rules = &[Rule::immutable("engine"), Rule::version_prefix("version"), Rule::version_of("version", "engine")];
    let changes = |engine: &str| {
        let (desired, observed) = (json!({"engine": engine, "version": "8.4"}), json!({"engine": "postgres", "version": "16.8"}));
        diff(rules, &desired, &observed, &Ids::default())
    };
    assert_eq!(changes("mysql").impossible(), None);
    assert_eq!(changes("mysql").forcing().count(), 1);
    assert!(changes("postgres").impossible().is_some());
}

#[test]
fn what_the_cloud_was_let_do_is_no_difference() {
    let rules = &[
        Rule::version_prefix("version"),
        Rule::version_of("version", "engine"),
        Rule::minor_by_itself("version", "automatic", &["mysql"]),
    ];
    let seen = |engine: &str, automatic: Value, desired: &str, observed: &str| {
        let wanted = json!({"engine": engine, "version": desired, "automatic": automatic});
        let is = json!({"engine": engine, "version": observed, "automatic": true});
        diff_with_notes(rules, &wanted, &is, &Ids::default())
    };
    let (changes, notes) = seen("postgres", true.into(), "16.4", "16.6");
    assert!(changes.is_empty());
    assert_eq!(notes, ["`version`: it is 16.6, which `automatic` allows; 16.4 in the file is older"]);
    assert!(seen("postgres", Value::Null, "16.4", "16.6").0.is_empty());
    assert!(seen("mysql", true.into(), "8.0.35", "8.0.41").0.is_empty());
    // Nobody let it, or it is more than a minor version.
    for (engine, automatic, desired, observed) in
        [("postgres", false, "16.4", "16.6"), ("postgres", true, "16.4", "17.2"), ("mysql", true, "8.0.35", "8.4.4")]
    {
        let (changes, notes) = seen(engine, automatic.into(), desired, observed);
        assert!(changes.impossible().is_some() && notes.is_empty(), "{engine} {desired} {observed}");
    }
    // What is newer than what is there is a change like any other.
    assert!(seen("postgres", true.into(), "16.8", "16.6").0.impossible().is_none());
}
