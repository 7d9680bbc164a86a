//! The controls of containers: <https://docs.aws.amazon.com/securityhub/latest/userguide/ecs-controls.html>.

use serde_json::Value;

use super::{Cluster, Container, Service, TaskDefinition};
use crate::aws::control::Severity::{High, Medium};
use crate::aws::control::{Breach, Control, View};
use crate::engine::Result;

/// The variables with credentials that AWS names with ECS.8.
const CREDENTIALS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "ECS_ENGINE_AUTH_DATA"];

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "ECS.2",
        High,
        (
            "Tasks have no public addresses",
            "only a security group's rule separates a task with a public address from the internet",
            "set `public: false`; the tasks then need a NAT gateway (`network.nat`) or endpoints",
        ),
        public,
    ),
    Control::new(
        "ECS.5",
        High,
        (
            "Containers cannot write to their root file system",
            "an attacker in a container then cannot change the program or install another one",
            "set `readonly_root: true` in the container, and give it a volume for what it writes",
        ),
        writable,
    ),
    Control::new(
        "ECS.8",
        High,
        (
            "No environment variable has credentials of AWS",
            "anyone who may see a task definition sees its variables, and such credentials do not expire",
            "remove the variable: tasks have the rights of `policies`; other secret values belong in `secrets`",
        ),
        credentials,
    ),
    Control::new(
        "ECS.9",
        High,
        (
            "Containers write a log",
            "without logs, it cannot be reconstructed what a container did",
            "set `log_group` in the container",
        ),
        unlogged,
    ),
    Control::new(
        "ECS.12",
        Medium,
        (
            "Clusters have Container Insights",
            "without its metrics, a task that keeps restarting is not noticed",
            "set `container_insights: true`",
        ),
        insights,
    ),
    Control::new(
        "ECS.20",
        Medium,
        (
            "Containers do not run as root",
            "a program that breaks out of its container as root is root",
            "set a `user` in the container, or one in the image with AWS's agreement as an exception: this control looks at the task definition only",
        ),
        root,
    )
    .extra(),
];

fn public(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Service>()?.into_iter().filter(|(_, service)| service.assign_public_ip);
    Ok(all.map(|(key, _)| Breach::new(key, "its tasks get public addresses").fix(&["assign_public_ip"], false)).collect())
}

/// Returns a breach for each container of which `wrong` says something.
fn containers(view: &View, wrong: impl Fn(&Container) -> Option<String>) -> Result<Vec<Breach>> {
    let all = view.all::<TaskDefinition>()?;
    let found = all.iter().flat_map(|(key, task)| task.containers.iter().map(move |container| (key, container)));
    Ok(found
        .filter_map(|(key, container)| Some(Breach::new(key, format!("container `{}`: {}", container.name, wrong(container)?))))
        .collect())
}

fn writable(view: &View) -> Result<Vec<Breach>> {
    let mut all = containers(view, |c| (c.readonly_root != Some(true)).then(|| "its root file system is writable".to_owned()))?;
    for breach in &mut all {
        *breach = breach.clone().fix(&["containers", "readonly_root"], true);
    }
    Ok(all)
}

fn credentials(view: &View) -> Result<Vec<Breach>> {
    containers(view, |c| {
        CREDENTIALS.iter().find(|name| c.environment.contains_key(**name)).map(|name| format!("it has the variable `{name}`"))
    })
}

fn unlogged(view: &View) -> Result<Vec<Breach>> {
    containers(view, |c| c.log_group.is_none().then(|| "it writes no log".to_owned()))
}

fn insights(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Cluster>()?.into_iter().filter(|(_, cluster)| cluster.container_insights != Some(true));
    Ok(all.map(|(key, _)| Breach::new(key, "`container_insights` is not `true`").fix(&["container_insights"], true)).collect())
}

/// Root is `root`, `0`, either with a group, or no word at all.
fn root(view: &View) -> Result<Vec<Breach>> {
    let is_root =
        |user: &Value| user.as_str().is_none_or(|user| matches!(user.split(':').next(), None | Some("" | "root" | "0")));
    let mut out = Vec::new();
    for task in view.raw("ecs.task_definition") {
        for container in task.fields["containers"].as_array().into_iter().flatten().filter(|c| is_root(&c["user"])) {
            out.push(Breach::new(
                &task.key,
                format!("container `{}`: no user is named", container["name"].as_str().unwrap_or_default()),
            ));
        }
    }
    Ok(out)
}
