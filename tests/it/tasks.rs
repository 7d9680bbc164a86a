//! `stack run`: a command in a task of a service, followed to its end; what becomes of its exit code, its log and Ctrl-C; and that
//! nothing of it is left.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::run::{Output, words};
use crate::support::stacks::STACK;
use crate::support::subject::{Subject, mutating};

/// Runs a command in a task of the service `web`.
fn run(s: &Subject, options: &[&str], command: &[&str]) -> Output {
    s.place.stack(&[&["run", "s.yaml", "web"], options, &["--"], command].concat())
}

/// A stack that runs, and the calls so far forgotten.
fn running() -> Subject {
    let s = Subject::new(STACK);
    s.apply();
    s.proxy.take();
    s
}

/// A task as another client sees it, beside its service.
const TASK: &str = r#"
ecs = client("ecs")
task = ecs.describe_tasks(cluster="shop", tasks=[args], include=["TAGS"])["tasks"][0]
service = ecs.describe_services(cluster="shop", services=["shop-web"])["services"][0]
network = service["networkConfiguration"]["awsvpcConfiguration"]
interface = {detail["name"]: detail["value"] for detail in task["attachments"][0]["details"]} if task["attachments"] else {}
result = {
    "definition": task["taskDefinitionArn"] == service["taskDefinition"],
    "network": interface.get("subnetId") in network["subnets"],
    "command": task["overrides"]["containerOverrides"][0]["command"],
    "size": [task["cpu"], task["memory"]],
    "started by": task["startedBy"],
    "capacity": task.get("capacityProviderName"),
    "tags": {tag["key"]: tag["value"] for tag in task["tags"]},
    "status": task["lastStatus"],
    "why": [task.get("stopCode"), task.get("stoppedReason")],
}
"#;

fn task(s: &Subject, id: &Value) -> Value {
    s.account.boto3(TASK, id)
}

/// The families of task definitions that `--image` registers.
fn left(s: &Subject) -> Value {
    let script = r#"result = client("ecs").list_task_definition_families(familyPrefix="run_", status="ALL")["families"]"#;
    s.account.boto3(script, &Value::Null)
}

#[test]
fn command_is_followed_and_its_exit_code_returned() {
    let s = running();
    let output = run(&s, &[], &["sh", "-c", "echo one two; echo three"]).ok();
    assert_eq!(output.stdout, "one two\nthree\n");
    let said = output.words();
    for part in ["of `web`", "Exit code 0 after", "ECS Service Connect does not reach one-off tasks"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(mutating(&s.proxy.take()), ["ecs:RunTask"]);

    let failed = run(&s, &[], &["sh", "-c", "echo no; exit 3"]).exits(3);
    assert_eq!(failed.stdout, "no\n");
    assert!(failed.words().contains("Exit code 3 after") && !failed.stderr.contains("error"), "{}", failed.stderr);
    // What waits is read when it is written, and the end of the log is not lost.
    assert_eq!(run(&s, &[], &["sh", "-c", "echo a; sleep 2; echo b; sleep 1; echo c; exit 7"]).exits(7).stdout, "a\nb\nc\n");
    // A service that uses no other is told of no names.
    let worker = s.place.stack(&["run", "s.yaml", "worker", "--", "true"]).ok();
    assert!(!worker.words().contains("Service Connect"), "{}", worker.stderr);

    s.assert_in_step();
    s.destroy();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn what_cannot_be_run_is_refused_before_anything() {
    let s = running();
    let said = s.place.stack(&["run", "s.yaml", "wbe", "--", "ls"]).exits(1).words();
    assert!(said.contains("the service `wbe` does not exist in AWS") && said.contains("`api`, `web`, `worker`"), "{said}");
    let said = run(&s, &["--cpu", "256", "--memory", "4096"], &["ls"]).exits(64).words();
    assert!(said.contains("does not offer `--cpu 256` with `--memory 4096`") && said.contains("`--memory 2048`"), "{said}");
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());

    let said = s.place.stack(&["run", "s.yaml", "web"]).exits(64).words();
    assert!(said.contains("COMMAND is missing") && said.contains("`--`"), "{said}");
    // Without FILE, `web` is its name and `migrate` the service's.
    s.place.stack(&["run", "web", "migrate"]).exits(64);
    let output = run(&s, &[], &["serve", "--password", "hunter2"]).exits(64);
    assert!(output.words().contains("contains a secret") && !output.stderr.contains("hunter2"), "{}", output.stderr);
    assert_eq!(s.proxy.take(), []);
}

#[test]
fn detached_task_is_like_the_services_and_is_listed() {
    let s = running();
    let none = s.place.stack(&["run", "list", "s.yaml"]).ok();
    assert!(none.stdout.is_empty() && none.words().contains("No one-off task runs"), "{none:?}");

    let options = ["--detach", "--json", "--cpu", "512", "--memory", "2048"];
    let output = run(&s, &options, &["sleep", "600"]).ok();
    let detached = output.json();
    for part in ["`stack run list s.yaml`", "`stack logs s.yaml web --task", "`aws ecs stop-task --cluster shop"] {
        assert!(output.words().contains(part), "{part}: {}", output.stderr);
    }
    assert_eq!(detached["log_stream"], format!("web/web/{}", detached["id"].as_str().unwrap()));
    let seen = task(&s, &detached["id"]);
    assert_eq!((&seen["definition"], &seen["network"]), (&json!(true), &json!(true)), "{seen:#}");
    assert_eq!((&seen["command"], &seen["size"]), (&json!(["sleep", "600"]), &json!(["512", "2048"])));
    assert_eq!((&seen["started by"], &seen["capacity"]), (&json!("stack-run"), &json!("FARGATE")));
    let tags = &seen["tags"];
    assert_eq!((&tags["stack:name"], &tags["stack:run"], &tags["team"]), (&json!("shop"), &json!("web"), &json!("web")));
    assert!(tags["stack:key"].is_null() && tags["stack:run-by"].as_str().unwrap().contains(&s.account.id), "{tags:#}");

    let listed = s.place.stack(&["run", "list", "s.yaml", "--json"]).ok().json();
    let [one] = listed.as_array().unwrap().as_slice() else { panic!("{listed:#}") };
    assert_eq!((&one["id"], &one["state"], &one["exit_code"]), (&detached["id"], &json!("running"), &Value::Null), "{one:#}");
    let text = s.place.stack(&["run", "list", "s.yaml"]).ok().stdout;
    assert!(text.contains("sleep 600") && text.contains("running"), "{text}");
    // A task is not an object of the stack.
    s.assert_in_step();

    s.account.boto3("client('ecs').stop_task(cluster='shop', task=args, reason='enough')", &detached["id"]);
    // Another one that ended, and is still known.
    run(&s, &[], &["sh", "-c", "exit 3"]).exits(3);
    let listed = s.place.stack(&["run", "list", "s.yaml", "--json"]).ok().json();
    let states: Vec<(&Value, &Value)> = listed.as_array().unwrap().iter().map(|t| (&t["state"], &t["exit_code"])).collect();
    assert_eq!(states, [(&json!("ended"), &json!(3)), (&json!("stopped"), &json!(143))], "{listed:#}");
    // The id alone is what scripts get.
    let id = run(&s, &["--detach"], &["true"]).ok().stdout;
    assert_eq!((id.trim().len(), id.lines().count()), (32, 1), "{id}");
    s.assert_in_step();
}

/// Runs a command that says `ready`, and then interrupts `stack`: the exit code and what was said.
fn interrupted(s: &Subject, command: &[&str]) -> (Option<i32>, String, String) {
    let arguments = [&["run", "s.yaml", "web", "--"], command].concat();
    let mut process = s.place.command(&arguments);
    let mut child = process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let (mut lines, mut stdout) = (BufReader::new(child.stdout.take().unwrap()), String::new());
    while !stdout.contains("ready") && lines.read_line(&mut stdout).unwrap() > 0 {}
    kill_process(id, Signal::INT).unwrap();
    lines.read_to_string(&mut stdout).unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (child.wait().unwrap().code(), stdout, words(&stderr))
}

#[test]
fn an_interrupt_stops_the_task_and_shows_the_end() {
    let s = running();
    let (code, stdout, stderr) = interrupted(&s, &["sh", "-c", "echo ready; sleep 600; echo never"]);
    assert_eq!((code, stdout.as_str()), (Some(130), "ready\n"), "{stderr}");
    assert!(stderr.contains("the command gets SIGTERM now") && stderr.contains("Stopped."), "{stderr}");
    let listed = s.place.stack(&["run", "list", "s.yaml", "--json"]).ok().json();
    assert_eq!(listed[0]["state"], "stopped", "{listed:#}");
    let seen = task(&s, &listed[0]["id"]);
    assert_eq!(seen["why"], json!(["UserInitiated", "`stack run` was interrupted"]), "{seen:#}");

    let late = run(&s, &["--timeout", "2s"], &["sleep", "600"]).exits(3);
    assert!(late.words().contains("had not ended after 2s: `--timeout` stopped task"), "{}", late.stderr);
    s.assert_in_step();
}

#[test]
fn an_end_from_outside_is_not_the_commands() {
    let s = running();
    let mut process = s.place.command(&["run", "s.yaml", "web", "--", "sh", "-c", "echo ready; trap; sleep 600"]);
    let mut child = process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut lines, mut stdout) = (BufReader::new(child.stdout.take().unwrap()), String::new());
    while !stdout.contains("ready") && lines.read_line(&mut stdout).unwrap() > 0 {}
    let stop = r#"
ecs = client("ecs")
[arn] = ecs.list_tasks(cluster="shop", startedBy="stack-run")["taskArns"]
ecs.stop_task(cluster="shop", task=arn, reason="maintenance")
result = None
"#;
    s.account.boto3(stop, &Value::Null);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    // It ends with 0 when it is told to end, and that is no success.
    assert_eq!(child.wait().unwrap().code(), Some(1), "{stderr}");
    let said = words(&stderr);
    assert!(said.contains("maintenance") && said.contains("did not end by itself"), "{stderr}");
}

#[test]
fn another_image_leaves_no_task_definition() {
    let s = running();
    run(&s, &["--image", "nginx:1.28"], &["sh", "-c", "exit 5"]).exits(5);
    let calls = mutating(&s.proxy.take());
    let expected = ["ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:DeregisterTaskDefinition", "ecs:DeleteTaskDefinitions"];
    assert_eq!(calls, expected);
    let said = run(&s, &["--image", "nginx:does-not-exist"], &["ls"]).exits(1).words();
    for part in ["CannotPullContainerError", "the command did not start", "check the image's name and tag"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // What refuses the task leaves none either.
    s.account.will(json!({ "ecs.task": "no-capacity" }));
    let said = run(&s, &["--image", "nginx:1.28"], &["ls"]).exits(1).words();
    for part in ["Capacity is unavailable at this time", "ecs:RunTask", "in a few minutes"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(left(&s), json!([]));
    s.assert_in_step();
    s.destroy();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}
