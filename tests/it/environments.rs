//! Environments that the file does not list: made like another one, found without the file, and given back.

use serde_json::{Value, json};

use crate::support::run::Output;
use crate::support::subject::Subject;

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
services:
  web: { image: "nginx:1.27", count: 2, public: true }
environments:
  staging: { services: { web: { count: 1 } } }
  production: {}
"#;

const BRANCH: &str = "Feature/Log-In_with a long name";

fn stack(s: &Subject, arguments: &[&str]) -> Output {
    s.place.stack(arguments)
}

/// The environments as `stack list` has them.
fn listed(s: &Subject) -> Vec<Value> {
    stack(s, &["list", "--region", "us-east-1", "--json"]).ok().json().as_array().unwrap().clone()
}

#[test]
fn a_branch_gets_an_environment_of_its_own() {
    let s = Subject::new(FILE);
    stack(&s, &["apply", "s.yaml", "--env", "staging", "--yes"]).ok();
    let made = stack(&s, &["apply", "s.yaml", "--env", BRANCH, "--like", "staging", "--yes"]).ok();
    let line = made.stderr.lines().find(|line| line.contains("is called")).unwrap().to_owned();
    let name = line.split('`').nth(3).unwrap().to_owned();
    assert!(name.starts_with("feature-") && name.len() == 14, "{line}");
    let again = stack(&s, &["plan", "s.yaml", "--env", BRANCH, "--like", "staging", "--detailed-exitcode"]).ok();
    assert!(again.stdout.contains("No changes"), "{}", again.stdout);
    // As many tasks as in the environment that it is like.
    let tasks = |env: &str| {
        let script = "result = client(\"ecs\").describe_services(cluster=args, services=[f\"{args}-web\"])[\"services\"][0][\"desiredCount\"]";
        s.account.boto3(script, &json!(format!("shop-{env}")))
    };
    assert_eq!((tasks("staging"), tasks(&name)), (json!(1), json!(1)));

    let envs = listed(&s);
    let names: Vec<&str> = envs.iter().map(|env| env["env"].as_str().unwrap()).collect();
    assert_eq!(names, [name.as_str(), "staging"]);
    assert!(envs.iter().all(|env| env["stack"] == "shop" && env["last_run"]["ending"] == "complete"), "{envs:?}");

    // From here on the file is not needed.
    std::fs::remove_file(s.place.path().join("s.yaml")).unwrap();
    let known = ["--stack", "shop", "--env", BRANCH, "--region", "us-east-1"];
    let with = |command: &[&str]| stack(&s, &[command, &known].concat());
    let shown = with(&["show", "--json"]).ok().json();
    assert_eq!((&shown["env"], &shown["services"][0]["name"]), (&json!(name), &json!("web")));
    let one = stack(&s, &[&["outputs"], &known[..], &["services.web.logs"]].concat()).ok();
    assert_eq!(one.stdout.trim(), format!("/stack/shop/{name}/web"));
    assert!(with(&["history"]).ok().stdout.contains("--like staging"));
    let text = stack(&s, &[&["history", "show"], &known[..], &["1", "--file"]].concat()).ok();
    assert_eq!(text.stdout.trim(), FILE.trim());
    with(&["destroy", "--yes", "--confirm", &format!("shop/{name}")]).ok();
    assert_eq!(s.account.inventory("shop", &name), json!({}));
    assert_ne!(s.account.inventory("shop", "staging"), json!({}));
    stack(&s, &["destroy", "--stack", "shop", "--env", "staging", "--region", "us-east-1", "--yes", "--confirm", "shop/staging"])
        .ok();
    assert_eq!(listed(&s), Vec::<Value>::new());
}

#[test]
fn what_makes_no_sense_about_environments_is_refused() {
    let s = Subject::new(FILE);
    let usage = |arguments: &[&str], says: &str| {
        let said = stack(&s, arguments).exits(64);
        assert!(said.words().contains(says), "{}", said.stderr);
    };
    usage(&["plan", "s.yaml", "--like", "staging"], "`--like` needs the name of an environment");
    usage(&["plan", "s.yaml", "--env", "production", "--like", "staging"], "has the environment `production`");
    usage(&["show", "s.yaml", "--stack", "shop"], "both `s.yaml` and `--stack` are given");
    usage(&["show", "--stack", "Shop", "--region", "us-east-1"], "`--stack Shop`");
    let unknown = stack(&s, &["plan", "s.yaml", "--env", "pr-12"]).exits(65);
    assert!(unknown.words().contains("add `--like NAME`"), "{}", unknown.stderr);
    // The lease would be another one where the history is elsewhere.
    let lost = stack(&s, &["destroy", "--stack", "shop", "--env", "staging", "--region", "us-east-1", "--yes"]).exits(4);
    assert!(lost.words().contains("has no history of this environment"), "{}", lost.stderr);
    assert!(s.proxy.take().iter().all(|call| !call.mutating));
}

#[test]
fn what_has_expired_is_reaped_and_nothing_else() {
    let s = Subject::new(FILE);
    let make =
        |env: &str, more: &[&str]| stack(&s, &[&["apply", "s.yaml", "--env", env, "--like", "staging", "--yes"], more].concat());
    let made = make("short", &["--ttl", "1s"]).ok();
    assert!(made.words().contains("After that `stack reap` destroys it with its data."), "{}", made.stderr);
    make("kept", &["--ttl", "1s"]).ok();
    make("long", &["--ttl", "72h"]).ok();
    stack(&s, &["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    let history =
        stack(&s, &["history", "show", "--stack", "shop", "--env", "long", "--region", "us-east-1", "1", "--json"]).ok();
    assert!(history.json()["expires"].as_str().is_some_and(|at| at.ends_with('Z')), "{}", history.stdout);
    // A second apply changes no expiry, whatever it says.
    assert!(make("long", &["--ttl", "1s"]).ok().stderr.contains("No changes"));
    let kept = ["extend", "--stack", "shop", "--env", "kept", "--region", "us-east-1"];
    let extended = stack(&s, &[&kept[..], &["--ttl", "never"]].concat()).ok();
    assert!(extended.stderr.contains("`shop/kept` does not expire"), "{}", extended.stderr);
    let second = stack(&s, &["plan", "s.yaml", "--env", "kept", "--like", "staging", "--detailed-exitcode", "--exact"]).ok();
    assert!(second.stdout.contains("No changes"), "{}", second.stdout);
    // An earlier end is asked about.
    s.proxy.take();
    let asked = stack(&s, &[&kept[..], &["--ttl", "1h"]].concat()).exits(4);
    assert!(asked.words().contains("`shop/kept` does not expire; from"), "{}", asked.stderr);
    assert!(s.proxy.take().iter().all(|call| !call.mutating));
    // One tag on one object ends no environment.
    let tag = r#"
arn = client("ecs").describe_services(cluster="shop-production", services=["shop-production-web"])["services"][0]["serviceArn"]
client("ecs").tag_resource(resourceArn=arn, tags=[{"key": "stack:expires", "value": "2020-01-01T00:00:00Z"}])
result = None
"#;
    s.account.boto3(tag, &json!(null));
    // IAM's objects are in no index, and say it too.
    let roles = r#"
iam = client("iam")
tags = {r["RoleName"]: {t["Key"]: t["Value"] for t in iam.list_role_tags(RoleName=r["RoleName"])["Tags"]} for r in iam.list_roles()["Roles"]}
result = sorted(name for name, tags in tags.items() if tags.get("stack:expires") == args)
"#;
    let never = s.account.boto3(roles, &json!("never"));
    assert!(never.as_array().unwrap().len() > 1 && never.to_string().contains("shop-kept-web"), "{never}");

    s.proxy.take();
    let dry = stack(&s, &["reap", "--region", "us-east-1", "--dry-run"]).ok();
    assert!(dry.stdout.contains("short") && dry.stdout.lines().count() == 2, "{}", dry.stdout);
    let asked = stack(&s, &["reap", "--region", "us-east-1"]).exits(4);
    assert!(asked.words().contains("standard input is not a terminal"), "{}", asked.stderr);
    assert!(s.proxy.take().iter().all(|call| !call.mutating));
    stack(&s, &["reap", "--region", "us-east-1", "--yes"]).ok();
    assert_eq!(s.account.inventory("shop", "short"), json!({}));
    let left: Vec<String> = listed(&s).iter().map(|env| env["env"].as_str().unwrap().to_owned()).collect();
    assert_eq!(left, ["kept", "long", "production"]);
    let nothing = stack(&s, &["reap", "--region", "us-east-1", "--yes"]).ok();
    assert!(nothing.stderr.contains("Nothing has expired"), "{}", nothing.stderr);
    for env in left {
        let name = format!("shop/{env}");
        stack(&s, &["destroy", "--stack", "shop", "--env", &env, "--region", "us-east-1", "--yes", "--confirm", &name]).ok();
    }
}
