//! `archive.jobs`: the function that starts the tasks of jobs, writes manifests of what they export and has them remove what is confirmed;
//! and the rules that call it.
//!
//! A task's end is known for an hour only, so ECS tells it: a rule waits for the tasks of jobs that stop.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::archive::{LOOKS, NAME, Program, program};
use super::facts::Facts;
use super::keys::Keys;
use super::policies::{allow, policy};
use super::services::JobTask;
use crate::aws::Tags;
use crate::aws::ecs::Cluster;
use crate::aws::events::{EventRule, Target, Transform};
use crate::aws::lambda::{Function, Permission};
use crate::aws::s3::Bucket;
use crate::config::Stack;
use crate::engine::{Error, Graph, Ref};

const ORIGIN: &str = "archive";
/// What the function is called, and the rule that has it look at all jobs.
const JOBS: &str = "archive-jobs";
/// The rule that waits for tasks that stop.
const STOPPED: &str = "archive-jobs-stopped";
/// What runs jobs.
const CODE: &str = include_str!("archive_jobs.py");
const DESCRIPTION: &str = "Runs jobs that archive what they choose";

/// Adds the function and its rules, when there are jobs.
pub fn expand(graph: &mut Graph, stack: &Stack, jobs: &[JobTask], keys: &Keys, facts: &Facts<'_>) -> Result<(), Error> {
    let Some((section, key)) = stack.archive.as_ref().and_then(|section| Some((section, keys.arn(section.key.as_deref())?)))
    else {
        return Ok(());
    };
    if jobs.is_empty() {
        return Ok(());
    }
    let policies = policies(jobs, &key, facts);
    let function = program(graph, &Program { name: JOBS, code: CODE, description: DESCRIPTION, policies }, keys, facts)?;
    let mut calls = vec![
        Call::new(JOBS, ORIGIN, "Looks after the jobs of the archive", LOOKS, input(jobs.iter())),
        Call {
            pattern: stopped(jobs),
            part: Some(("stopped", "$.detail")),
            ..Call::new(STOPPED, ORIGIN, "A task of the archive's jobs has stopped", "", input(jobs.iter()))
        },
    ];
    for (job, of) in jobs.iter().filter_map(|job| Some((job, section.jobs.iter().find(|(name, _)| name.as_str() == job.name)?.1)))
    {
        let what = "Begins a job of the archive";
        let call = Call::new(&job.called, &job.origin, what, section.cron_of(of), input(std::iter::once(job)));
        calls.push(Call { part: Some(("start", "$.time")), ..call });
    }
    for call in calls {
        call.add(graph, &function)?;
    }
    Ok(())
}

/// A rule that calls the function.
struct Call<'a> {
    name: &'a str,
    origin: &'a str,
    description: &'a str,
    schedule: &'a str,
    pattern: Value,
    /// What the function is told.
    input: Map<String, Value>,
    /// A part of the event that it is told, too, and by which name.
    part: Option<(&'static str, &'static str)>,
}

impl<'a> Call<'a> {
    fn new(name: &'a str, origin: &'a str, description: &'a str, schedule: &'a str, input: Map<String, Value>) -> Call<'a> {
        Call { name, origin, description, schedule, pattern: json!({}), input, part: None }
    }

    fn add(self, graph: &mut Graph, function: &Ref<Function>) -> Result<(), Error> {
        let mut input = self.input;
        let target = match self.part {
            None => Target::function(function.clone().attr("arn"), Value::Object(input)),
            Some((name, path)) => {
                let place = format!("<{name}>");
                input.insert(name.to_owned(), Value::String(place.clone()));
                // Without quotes, what stands for it comes with its own.
                let template = Value::Object(input).to_string().replace(&format!("\"{place}\""), &place);
                let transform = Transform { parts: [(name.to_owned(), path.to_owned())].into(), template };
                Target { function: Some(function.clone().attr("arn")), topic: None, input: None, transform: Some(transform) }
            }
        };
        let rule = EventRule {
            pattern: self.pattern,
            schedule: self.schedule.to_owned(),
            enabled: Some(true),
            description: Some(self.description.to_owned()),
            targets: [("archive".to_owned(), target)].into(),
            tags: Tags::new(),
        };
        let rule = graph.add(self.name, self.origin, &rule)?;
        graph.add(self.name, self.origin, &Permission { function: function.clone(), rule: rule.attr("arn") })?;
        Ok(())
    }
}

fn cluster() -> Ref<Cluster> {
    Ref::to("main")
}

/// Returns what the function is told of jobs.
fn input<'a>(jobs: impl Iterator<Item = &'a JobTask>) -> Map<String, Value> {
    let described = |job: &JobTask| {
        let of = json!({
            "task": job.definition.clone().attr("arn"),
            "family": job.family,
            "container": job.called,
            "subnets": job.subnets,
            "groups": [job.group],
            "public": job.public,
            "provider": job.provider,
        });
        (job.name.clone(), of)
    };
    let jobs: Map<String, Value> = jobs.map(described).collect();
    let bucket = Ref::<Bucket>::to(NAME).attr("name");
    Map::from_iter([
        ("bucket".to_owned(), json!(bucket)),
        ("cluster".to_owned(), json!(cluster().attr("name"))),
        ("jobs".to_owned(), Value::Object(jobs)),
    ])
}

/// Returns the pattern of the event of a job's task that has stopped
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>).
fn stopped(jobs: &[JobTask]) -> Value {
    let groups: Vec<String> = jobs.iter().map(|job| format!("family:{}", job.family)).collect();
    json!({
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {"clusterArn": [cluster().attr("arn")], "lastStatus": ["STOPPED"], "group": groups},
    })
}

/// Returns what the function may do: start the tasks of jobs and no others, look at the cluster's, and write where it notes things.
fn policies(jobs: &[JobTask], key: &str, facts: &Facts<'_>) -> BTreeMap<String, Value> {
    let scope = facts.scope;
    let ecs = |rest: String| format!("arn:{}:ecs:{}:{}:{rest}", scope.partition, scope.region, scope.account);
    let families = jobs.iter().map(|job| ecs(format!("task-definition/{}:*", job.family)));
    let only_there = json!({"ArnEquals": {"ecs:cluster": cluster().attr("arn")}});
    let with = |mut statement: Value, condition: &Value| {
        statement["Condition"] = condition.clone();
        statement
    };
    let starts = with(allow(&["ecs:RunTask"], families.collect()), &only_there);
    let lists = with(allow(&["ecs:ListTasks"], vec!["*".into()]), &only_there);
    let tasks = ecs(format!("task/{}/*", cluster().attr("name")));
    let looks = with(allow(&["ecs:DescribeTasks"], vec![tasks.clone()]), &only_there);
    // A task has its task definition's tags, by which its price is the stack's
    // (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/supported-iam-actions-tagging.html>).
    let tags = with(allow(&["ecs:TagResource"], vec![tasks]), &json!({"StringEquals": {"ecs:CreateAction": "RunTask"}}));
    let roles = jobs.iter().flat_map(|job| &job.roles).map(ToString::to_string).collect();
    let passes =
        with(allow(&["iam:PassRole"], roles), &json!({"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}));
    let bucket = Ref::<Bucket>::to(NAME).attr("arn").to_string();
    let list = allow(&["s3:ListBucket"], vec![bucket.clone()]);
    let reads = ["exports", "manifests", "jobs"].map(|part| format!("{bucket}/{part}/*"));
    // What is written under a condition is read for it.
    let writes = ["manifests", "jobs", "removed"].map(|part| format!("{bucket}/{part}/*"));
    let reads = allow(&["s3:GetObject"], reads.into_iter().chain([format!("{bucket}/removed/*")]).collect());
    let writes = allow(&["s3:PutObject"], writes.into());
    let encrypts = allow(&["kms:Decrypt", "kms:GenerateDataKey"], vec![key.to_owned()]);
    BTreeMap::from([
        ("tasks".to_owned(), policy(vec![starts, lists, looks, tags, passes])),
        ("bucket".to_owned(), policy(vec![list, reads, writes, encrypts])),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::tests::{desired, graph};
    use crate::engine::Key;

    fn stack(archive: &Value) -> Value {
        json!({"stack": "a", "region": "us-east-1", "keys": {"main": {}}, "archive": archive,
            "databases": {"main": {"engine": "postgres", "version": "16"}},
            "services": {"web": {"image": "i", "port": 80, "uses": ["databases.main"], "spot": true, "policies": [
                {"actions": ["sqs:SendMessage"], "resources": ["arn:aws:sqs:us-east-1:1:q"]}]}}})
    }

    fn orders(more: &Value) -> Value {
        let mut job = json!({"service": "web", "command": ["./archive"]});
        for (key, value) in more.as_object().unwrap() {
            job[key] = value.clone();
        }
        stack(&json!({"databases": [], "jobs": {"orders": job}}))
    }

    #[test]
    fn a_job_runs_like_its_service_with_its_own_prefix() {
        let graph = graph(&orders(&json!({"image": "tools:1"})));
        let definition = desired(&graph, "ecs.task_definition", "archive-job-orders");
        let container = &definition["containers"][0];
        assert_eq!(
            (&container["image"], &container["command"], &container["ports"]),
            (&json!("tools:1"), &json!(["./archive"]), &json!([]))
        );
        assert!(container["environment"]["DATABASE_MAIN_HOST"].is_string(), "{container}");
        let role = desired(&graph, "iam.role", "archive-job-orders-task");
        let archive = &role["policies"]["archive"]["Statement"];
        let bucket = "${s3.bucket/archive.arn}";
        assert_eq!(archive[0], allow(&["s3:PutObject", "s3:AbortMultipartUpload"], vec![format!("{bucket}/exports/orders/*")]));
        assert_eq!(archive[1], allow(&["s3:GetObject"], vec![format!("{bucket}/manifests/orders/*")]));
        assert!(role["policies"]["service"].to_string().contains("sqs:SendMessage"));
        assert!(!desired(&graph, "iam.role", "web-task").to_string().contains("s3:"), "its service gets nothing");
        // No database is exported.
        assert!(graph.get(&Key::new("iam.role", "archive-exports")).is_none());
        assert!(graph.get(&Key::new("lambda.function", "archive")).is_none());
    }

    #[test]
    fn the_function_starts_only_the_tasks_of_jobs() {
        let graph = graph(&orders(&json!({})));
        let policies = desired(&graph, "iam.role", "archive-jobs")["policies"].clone();
        let [starts, _, looks, tags, passes] = policies["tasks"]["Statement"].as_array().unwrap().as_slice() else {
            panic!("{policies}")
        };
        assert_eq!(starts["Resource"], json!(["arn:aws:ecs:us-east-1:123456789012:task-definition/a-archive-job-orders:*"]));
        assert_eq!(
            tags["Condition"],
            json!({"StringEquals": {"ecs:CreateAction": "RunTask"}}),
            "a task that runs stays as it is"
        );
        for statement in [starts, looks] {
            assert_eq!(statement["Condition"]["ArnEquals"]["ecs:cluster"], "${ecs.cluster/main.arn}");
        }
        let roles = ["exec", "task"].map(|role| format!("${{iam.role/archive-job-orders-{role}.arn}}"));
        assert_eq!(passes["Resource"], json!(roles));
        assert_eq!(passes["Condition"]["StringEquals"]["iam:PassedToService"], "ecs-tasks.amazonaws.com");
        let writes = &policies["bucket"]["Statement"][2];
        assert!(!writes.to_string().contains("exports/"), "{writes}");
    }

    #[test]
    fn the_function_runs_on_schedule_and_when_tasks_stop() {
        let graph = graph(&orders(&json!({"schedule": "daily"})));
        let rule = |name: &str| desired(&graph, "events.rule", name);
        let begins = rule("archive-job-orders");
        assert_eq!(begins["schedule"], "cron(0 6 * * ? *)");
        let filled = |name: &str, part: &str, with: &str| {
            let transform = rule(name)["targets"]["archive"]["transform"].clone();
            let text = transform["template"].as_str().unwrap().replace(&format!("<{part}>"), with);
            (transform["parts"][part].clone(), serde_json::from_str::<Value>(&text).unwrap())
        };
        let (path, input) = filled("archive-job-orders", "start", "\"2026-11-01T06:00:00Z\"");
        assert_eq!((path, &input["start"]), (json!("$.time"), &json!("2026-11-01T06:00:00Z")));
        let job = &input["jobs"]["orders"];
        assert_eq!((&job["provider"], &job["public"]), (&json!("FARGATE_SPOT"), &json!(false)));
        assert_eq!(job["groups"], json!(["${ec2.security_group/web}"]));
        let (path, input) = filled("archive-jobs-stopped", "stopped", "{\"group\": \"x\"}");
        assert_eq!((path, &input["stopped"]["group"]), (json!("$.detail"), &json!("x")));
        assert_eq!(rule("archive-jobs-stopped")["pattern"]["detail"]["lastStatus"], json!(["STOPPED"]));
        assert_eq!(rule("archive-jobs")["targets"]["archive"]["input"]["jobs"]["orders"], input["jobs"]["orders"]);
    }

    #[test]
    fn without_jobs_there_is_no_function_for_them() {
        let graph = graph(&stack(&json!({})));
        assert!(graph.nodes().all(|node| !node.key.name.starts_with("archive-job")));
    }

    #[test]
    fn a_job_changes_nothing_but_what_is_its_own() {
        let job = json!({"service": "web", "command": ["./archive"]});
        let (before, after) = (graph(&stack(&json!({}))), graph(&stack(&json!({"jobs": {"orders": job}}))));
        for node in before.nodes() {
            assert_eq!(after.get(&node.key).unwrap().desired, node.desired, "{}", node.key);
        }
        let added: Vec<String> =
            after.nodes().filter(|node| before.get(&node.key).is_none()).map(|node| node.key.name.clone()).collect();
        assert!(added.iter().all(|name| name.contains("archive-job")), "{added:?}");
        assert!(added.iter().any(|name| name == "function-archive-jobs-errors"), "its failures are told: {added:?}");
    }

    #[test]
    fn a_job_that_is_renamed_keeps_its_family() {
        let mut stack = orders(&json!({}));
        stack["moved"] = json!({"archive.jobs.old": "archive.jobs.orders"});
        let policies = desired(&graph(&stack), "iam.role", "archive-jobs")["policies"]["tasks"].to_string();
        assert!(policies.contains("task-definition/a-archive-job-old:*"), "{policies}");
    }

    #[test]
    fn both_functions_describe_objects_alike() {
        let part =
            |code: &str| code.split_once("\ndef look(").and_then(|(_, rest)| Some(rest.split_once("\n\n\ndef ")?.0.to_owned()));
        let digest =
            |code: &str| code.split_once("\ndef digest(").and_then(|(_, rest)| Some(rest.split_once("\n\n\ndef ")?.0.to_owned()));
        let other = include_str!("archive.py");
        assert!(part(CODE).is_some() && digest(CODE).is_some());
        assert_eq!((part(CODE), digest(CODE)), (part(other), digest(other)));
    }
}
