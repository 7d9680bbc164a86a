//! Rule 3, counted on the wire: one question per kind, not per object.

use std::time::Duration;

use crate::support::aws::LocalAws;
use crate::support::proxy::{Fault, counts};
use crate::support::run::words;
use crate::support::stacks::published;
use crate::support::subject::Subject;

fn generated(services: usize) -> String {
    // Whoever is told has more objects that are read.
    let head = "stack: many\nregion: us-east-1\nalarms: { email: [ops@example.com] }\nnetwork: { zones: 3 }\nservices:\n";
    let mut text = head.to_owned();
    for n in 0..services {
        text += &format!(
            "  s{n}:\n    image: nginx:1.27\n    port: 8080\n    routes: [\"/s{n}/*\"]\n    scale: {{ min: 1, max: 2 }}\n"
        );
    }
    text
}

/// How many calls a plan of the unchanged stack makes.
fn of_plan(aws: &LocalAws, services: usize) -> usize {
    let s = Subject::on(aws, &generated(services));
    s.apply();
    s.proxy.take();
    s.place.stack(&["plan", "s.yaml", "--detailed-exitcode"]).ok();
    let calls = s.proxy.take();
    assert!(calls.iter().all(|c| !c.mutating), "{:#?}", counts(&calls));
    println!("{services} services: {} calls {:#?}", calls.len(), counts(&calls));
    calls.len()
}

/// On a server of its own: thousands of objects would slow the other tests down. `STACK_SERVICES=300` asks for so many, which
/// takes minutes.
#[test]
fn a_plan_of_many_services_stays_within_its_calls() {
    let aws = LocalAws::start();
    let three = of_plan(&aws, 3);
    assert!(three <= 63, "{three}");
    let more = std::env::var("STACK_SERVICES").ok().map(|text| text.parse().expect("a number of services"));
    for many in [30].into_iter().chain(more) {
        let calls = of_plan(&aws, many);
        assert!(calls - three <= (many - 3) / 2, "{three} for 3 and {calls} for {many}");
    }
}

/// What a digest proves is not read, and what it does not prove is.
#[test]
fn digests_in_tags_spare_calls_and_hide_no_deployment() {
    const TASKS: &str = "ecs:DescribeTaskDefinition";
    const GROUPS: &str = "elasticloadbalancing:DescribeTargetGroupAttributes";
    let aws = LocalAws::start();
    let s = Subject::on(&aws, &generated(22));
    s.apply();
    let asked = |flags: &[&str]| {
        s.proxy.take();
        let said = s.place.stack(&[&["plan", "s.yaml"], flags].concat()).ok();
        let calls = counts(&s.proxy.take());
        let of = |name: &str| calls.get(name).copied().unwrap_or_default();
        (of(TASKS), of(GROUPS), words(&said.stdout))
    };
    let (tasks, groups, said) = asked(&[]);
    assert_eq!((tasks, groups), (0, 0));
    assert!(
        said.contains("`attributes` of 22 `elbv2.target_group`, `targets` of 25 `events.rule`. `--exact` reads them"),
        "{said}"
    );
    let (tasks, groups, said) = asked(&["--exact"]);
    assert_eq!((tasks, groups), (22, 22));
    assert!(!said.contains("digest"), "{said}");
    // What someone has a rule tell is seen by whoever asks for everything.
    let tell = r#"
events = client("events")
topic = client("sns").list_topics()["Topics"][0]["TopicArn"]
result = events.put_targets(Rule="many-restarts-s7", Targets=[{"Id": "theirs", "Arn": topic}])["FailedEntryCount"]
"#;
    s.account.boto3(tell, &serde_json::json!(null));
    let (_, _, said) = asked(&[]);
    assert!(said.contains("`targets` of 25 `events.rule`") && !said.contains("restarts-s7"), "{said}");
    let (_, _, said) = asked(&["--exact"]);
    assert!(said.contains("restarts-s7") && said.contains("theirs"), "{said}");
    s.apply();
    s.assert_in_step();
    // A pipeline copies the newest revision, tags and all, and deploys another image.
    let deploy = r#"
ecs = client("ecs")
found = ecs.describe_task_definition(taskDefinition="many-s7", include=["TAGS"])
old = found["taskDefinition"]
keys = ["family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "requiresCompatibilities", "cpu", "memory"]
new = {key: old[key] for key in keys if key in old}
new["containerDefinitions"][0]["image"] = "nginx:evil"
made = ecs.register_task_definition(**new, tags=found["tags"])["taskDefinition"]["taskDefinitionArn"]
ecs.update_service(cluster="many", service="many-s7", taskDefinition=made)
result = None
"#;
    s.account.boto3(deploy, &serde_json::json!(null));
    let (_, _, said) = asked(&[]);
    assert!(said.contains("nginx:evil"), "{said}");
    s.apply();
    s.assert_in_step();
    let (tasks, groups, _) = asked(&[]);
    assert_eq!((tasks, groups), (0, 0), "the new revision has a digest of its own");
}

/// In the region of CloudFront's own objects, and in another one.
#[test]
fn plan_of_the_reference_stack_is_at_most_72_calls() {
    let text = std::fs::read_to_string(published("stacks/webapp.yaml")).unwrap();
    for region in ["us-east-1", "eu-central-1"] {
        let s = Subject::new(&text.replace("region: us-east-1", &format!("region: {region}")));
        s.apply();
        s.proxy.take();
        s.place.stack(&["plan", "s.yaml", "--detailed-exitcode"]).ok();
        let calls = s.proxy.take();
        println!("the reference stack in {region}: {} calls {:#?}", calls.len(), counts(&calls));
        // Elsewhere three more: the index of the region that CloudFront lives in, apart for alarms, and the alarms there.
        let most = if region == "us-east-1" { 72 } else { 75 };
        assert!(calls.len() <= most, "{} calls: {:#?}", calls.len(), counts(&calls));
        let known = counts(&calls);
        assert_eq!(known["tagging:GetResources"], if region == "us-east-1" { 2 } else { 4 });
    }
}

/// Every answer comes two seconds late, so a call that begins `n` times two seconds after the first one has `n` answers
/// before it. A noisy machine has two seconds until it counts as a fifth answer.
#[test]
fn a_plan_reads_at_most_four_answers_in_a_row() {
    const LATE: Duration = Duration::from_secs(2);
    let s = Subject::new(&std::fs::read_to_string(published("stacks/webapp.yaml")).unwrap());
    s.apply();
    s.proxy.take();
    s.proxy.on_call(|_| Fault::Delay(LATE));
    s.place.stack(&["plan", "s.yaml", "--detailed-exitcode"]).ok();
    let mut calls = s.proxy.take();
    calls.sort_by_key(|call| call.when);
    // The caller's identity comes first, and is no reading.
    assert_eq!(calls[0].name(), "sts:GetCallerIdentity");
    let reading = &calls[1..];
    assert!(reading[0].when - calls[0].when >= LATE && reading.len() > 20, "{reading:#?}");
    let depth = |call: &crate::support::proxy::Call| (call.when - reading[0].when).as_millis() / LATE.as_millis() + 1;
    let deep: Vec<String> =
        reading.iter().filter(|c| depth(c) > 4).map(|c| format!("{} in row {}", c.name(), depth(c))).collect();
    assert_eq!(deep, Vec::<String>::new());
}
