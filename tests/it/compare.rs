//! Two environments are compared by meaning: what the file says is expected, what someone changed is found, and no value of a
//! variable is shown.

use serde_json::{Value, json};

use crate::support::run::{Output, Place};
use crate::support::subject::Subject;

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
tags: { team: web }
network: { zones: 2, nat: none }
services:
  web:
    image: nginx:1.27
    port: 80
    public: true
    count: 1
    routes: ["/*"]
    environment: { LEVEL: quiet-word }
  worker: { image: "busybox:1.37", public: true, count: 1 }
environments:
  production:
    services:
      web: { count: 2, environment: { LEVEL: loud-word } }
  staging: {}
"#;

/// What `production` and `staging` differ in by the file.
const OVERLAY: [&str; 2] = ["ecs.service/web desired_count", "ecs.task_definition/web containers.web.environment.LEVEL"];

/// What someone does to `staging`.
const BY_HAND: &str = r#"
ec2, elbv2 = client("ec2"), client("elbv2")
ours = [{"Name": "tag:stack:key", "Values": ["ec2.security_group/web"]}, {"Name": "tag:stack:env", "Values": ["staging"]}]
group = ec2.describe_security_groups(Filters=ours)["SecurityGroups"][0]["GroupId"]
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
client("ecs").update_service(cluster="shop-staging", service="shop-staging-worker", desiredCount=4)
targets = elbv2.describe_target_groups(Names=["shop-staging-web"])["TargetGroups"][0]["TargetGroupArn"]
elbv2.modify_target_group_attributes(TargetGroupArn=targets, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "300"}])
client("iam").put_role_policy(RoleName="shop-staging-web-task-us-east-1", PolicyName="more", PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}')
"#;
const CHANGED: [&str; 3] = [
    "ec2.security_group_rule/web-ingress-tcp-22-22-0_0_0_0_0 only right",
    "elbv2.target_group/web attributes.deregistration_delay.timeout_seconds",
    "iam.role/web-task policies.more",
];

/// Both environments, as the file says.
fn applied() -> Subject {
    let s = Subject::new(FILE);
    for env in ["production", "staging"] {
        s.place.stack(&["apply", "s.yaml", "--env", env, "--yes"]).ok();
    }
    s
}

fn compare(place: &Place, more: &[&str]) -> Output {
    place.stack(&[&["compare", "s.yaml"], more].concat())
}

/// The objects and paths of a group of the JSON.
fn told(json: &Value, group: &str) -> Vec<String> {
    let mut out = Vec::new();
    for object in json[group].as_array().unwrap() {
        let key = object["key"].as_str().unwrap();
        if let Some(only) = object["only"].as_str() {
            out.push(format!("{key} only {only}"));
        }
        let differences = object["differences"].as_array().unwrap().iter();
        out.extend(differences.map(|found| format!("{key} {}", found["path"].as_str().unwrap())));
    }
    out
}

/// The three groups.
fn groups(json: &Value) -> [Vec<String>; 3] {
    ["expected", "sized", "suspicious"].map(|group| told(json, group))
}

#[test]
fn environments_differ_as_the_file_says() {
    let s = applied();
    s.proxy.take();
    let json = compare(&s.place, &["production", "staging", "--json"]).ok().json();
    assert!(s.proxy.take().iter().all(|call| !call.mutating), "a call changes something");
    let [expected, sized, suspicious] = groups(&json);
    assert_eq!((sized, suspicious), (Vec::new(), Vec::new()), "{json:#}");
    assert_eq!(expected, OVERLAY);
    let count = &json["expected"][0]["differences"][0];
    assert_eq!((&count["left"], &count["right"]), (&json!(2), &json!(1)));
    assert_eq!((&json["left"]["what"], &json["right"]["env"]), (&json!("now"), &json!("staging")));
    assert!(json["same"].as_u64().unwrap() > 20, "{json:#}");
    for format in [&[][..], &["--json"], &["--markdown"], &["--verbose"]] {
        let said = compare(&s.place, &[&["production", "staging"], format].concat()).ok().stdout;
        assert!(said.contains("LEVEL") && !said.contains("-word"), "{said}");
    }
    let said = compare(&s.place, &["production", "staging"]).ok().stdout;
    assert!(said.contains("production and staging differ only as the file says: 2 objects expected"), "{said}");
    // What the file says, what was applied, and what runs are the same.
    for sides in [["production", "production@file"], ["production@1", "production"], ["staging@file", "staging@1"]] {
        let said = compare(&s.place, &sides).ok().stdout;
        assert!(said.contains("are the same ("), "{said}");
    }
    for sides in [["production", "staging@file"], ["production@1", "staging"], ["production@1", "staging@1"]] {
        let [expected, sized, suspicious] = groups(&compare(&s.place, &[&sides[..], &["--json"]].concat()).ok().json());
        assert_eq!((expected, sized, suspicious), (OVERLAY.map(str::to_owned).to_vec(), Vec::new(), Vec::new()), "{sides:?}");
    }
    // What the file says by now is expected where it was applied.
    s.write("count: 2, environment", "count: 3, environment");
    let [expected, sized, suspicious] = groups(&compare(&s.place, &["production", "staging", "--json"]).exits(2).json());
    assert_eq!((expected, sized), (vec![OVERLAY[1].to_owned()], vec![OVERLAY[0].to_owned()]));
    assert!(suspicious.is_empty(), "{suspicious:?}");
    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    let json = compare(&s.place, &["production@1", "production", "--json"]).ok().json();
    assert_eq!(groups(&json)[0], [OVERLAY[0]], "{json:#}");
}

#[test]
fn what_someone_changed_in_one_is_suspicious() {
    let s = applied();
    s.account.boto3(BY_HAND, &json!(null));
    let json = compare(&s.place, &["production", "staging", "--json"]).exits(2).json();
    let [expected, sized, suspicious] = groups(&json);
    assert_eq!(expected, OVERLAY, "{json:#}");
    assert_eq!(sized, ["ecs.service/worker desired_count"]);
    assert_eq!(suspicious, CHANGED);
    let said = compare(&s.place, &["production", "staging"]).exits(2).stdout;
    for text in [
        "= expected 2 ",
        "~ sized 1 ",
        "! suspicious 3 ",
        "desired_count   1 → 4",
        "web-ingress-tcp-22-22-0_0_0_0_0   only in staging",
        "production and staging differ: 2 expected, 1 sized, 3 suspicious, ",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let markdown = compare(&s.place, &["production", "staging", "--markdown"]).exits(2).stdout;
    assert!(markdown.contains("**Suspicious 3**") && markdown.contains("<details><summary>Expected 2"), "{markdown}");
    // With what was applied to it, it differs by what was changed alone.
    let [expected, sized, suspicious] = groups(&compare(&s.place, &["staging@1", "staging", "--json"]).exits(2).json());
    assert_eq!((expected, sized), (Vec::new(), vec!["ecs.service/worker desired_count".to_owned()]));
    assert_eq!(suspicious, CHANGED);
    let turned = compare(&s.place, &["staging", "production", "--json"]).exits(2).json();
    assert_eq!(turned["suspicious"][0]["only"], json!("left"));
}

#[test]
fn files_are_compared_without_aws() {
    let place = Place::new();
    place.file("s.yaml", FILE);
    place.file("stack.yaml", FILE);
    let [expected, sized, suspicious] = groups(&compare(&place, &["production@file", "staging@file", "--json"]).ok().json());
    assert_eq!((expected, sized, suspicious), (OVERLAY.map(str::to_owned).to_vec(), Vec::new(), Vec::new()));
    place.stack(&["compare", "production@file", "staging@file"]).ok();
    // An environment that the file does not list.
    let like = compare(&place, &["pr-7@file", "staging@file", "--like", "staging"]).ok().stdout;
    assert!(like.contains("pr-7@file and staging@file are the same"), "{like}");
}

#[test]
fn sides_that_cannot_be_compared_are_refused() {
    let s = Subject::new(FILE);
    for (words, code, said) in [
        (&["s.yaml"][..], 64, "two environments are needed"),
        (&["s.yaml", "production"], 64, "two environments are needed"),
        (&["s.yaml", "staging", "staging"], 64, "both sides are `staging`"),
        (&["s.yaml", "staging@now", "staging"], 64, "`now` is neither the number of a run nor `file`"),
        (&["s.yaml", "production", "stagin"], 65, "the environment `stagin` does not exist"),
        (&["production", "staging"], 65, "`stack.yaml` does not exist"),
        (&["s.yaml", "production@file", "staging"], 1, "`staging` has no objects in AWS"),
    ] {
        let output = s.place.stack(&[&["compare"], words].concat()).exits(code);
        assert!(output.words().contains(said), "{said}: {}", output.stderr);
    }
}
