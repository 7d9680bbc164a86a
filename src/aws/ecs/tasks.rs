//! One-off tasks: a command that runs once, in a task like those of a service
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/standalone-tasks.html>).
//!
//! A task is not an object of the stack: no plan knows it, and ECS forgets it about an hour after it has stopped. What it was
//! started for is in its tags. Deliberately not here: any wait; the command looks again and again.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{
    self as sdk, ContainerDefinition, ContainerOverride, Deployment, DeploymentRolloutState, DesiredStatus, TaskField,
    TaskOverride,
};

use super::deployment::primary;
pub use super::task::{Log, Page, Task};
use super::task::{TAG_BY, TAG_RUN, help};
use super::{NAME, STOP_TIMEOUT, clusters, name_in, service_claim, services, tags_of, to_sdk};
use crate::aws::call::error::{entry, incomplete};
use crate::aws::ecs::errors::{ERRORS, failed};
use crate::aws::ownership::names;
use crate::aws::{Cx, Tags};
use crate::engine::tags::{TAG_ENV, TAG_PAUSED, TAG_STACK};
use crate::engine::{Class, Error, Pause, Result, Scope};

/// What ECS lists one-off tasks by. It takes 36 characters everywhere, and the cluster is the environment's own.
const STARTED_BY: &str = "stack-run";
/// The beginning of the families of task definitions with another image. No name of a stack has an underscore, so no plan takes
/// such a family for one of a stack's.
const FAMILY: &str = "run_";
/// The maximum number of tasks of one DescribeTasks
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>).
const TASKS_AT_ONCE: usize = 100;

/// What the one-off tasks of a service are started from: what it runs now, and where.
#[derive(Clone, Debug)]
pub struct Base {
    /// The service: its name in the file.
    pub service: String,
    /// The cluster: its name.
    pub cluster: String,
    /// Family and revision of the service's newest deployment, if that is not complete.
    pub newest: Option<String>,
    /// The newest deployment that is complete.
    deployment: Deployment,
    /// The task definition of that deployment.
    definition: sdk::TaskDefinition,
    /// The tags of the service.
    tags: Tags,
}

impl Base {
    /// Returns why the service is paused, if it is.
    pub fn paused(&self) -> Option<Pause> {
        self.tags.get(TAG_PAUSED).map(|word| Pause::of(word))
    }
}

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The command, in place of the service's.
    pub command: &'a [String],
    /// CPU units, in place of the service's.
    pub cpu: Option<u32>,
    /// Memory in MiB, in place of the service's.
    pub memory: Option<u32>,
    /// The image, in place of the service's.
    pub image: Option<&'a str>,
    /// The ARN of the caller.
    pub who: &'a str,
}

/// A task that was started.
#[derive(Clone, Debug)]
pub struct Started {
    /// Its id.
    pub id: String,
    /// Why the task definition with another image could not be deleted.
    pub left: Option<Error>,
}

impl Base {
    /// Returns family and revision of its task definition: `shop-web:7`.
    pub fn revision(&self) -> &str {
        name_in(self.deployment.task_definition().unwrap_or_default())
    }

    /// Returns the container that runs the command: the first whose end is the end of the task.
    fn container(&self) -> Option<&ContainerDefinition> {
        let containers = self.definition.container_definitions();
        containers.iter().find(|container| container.essential() != Some(false)).or(containers.first())
    }

    /// Returns CPU units and MiB of a task.
    pub fn size(&self) -> Option<(u32, u32)> {
        Some((self.definition.cpu()?.parse().ok()?, self.definition.memory()?.parse().ok()?))
    }

    /// Returns where the command's output is kept, if it is.
    pub fn log(&self) -> Option<Log> {
        self.container().and_then(Log::of)
    }

    /// Returns how many seconds the command has between SIGTERM and SIGKILL.
    pub fn stop_timeout(&self) -> i32 {
        self.container().and_then(|container| container.stop_timeout).unwrap_or(STOP_TIMEOUT)
    }

    /// Checks whether the service reaches others by names that its one-off tasks do not know: only tasks that services start have
    /// Service Connect (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectConfiguration.html>).
    pub fn lacks_names(&self) -> bool {
        let connected = self.deployment.service_connect_configuration().is_some_and(|connect| connect.enabled());
        let variables = self.container().map_or(&[][..], |container| container.environment());
        connected && variables.iter().filter_map(|v| v.name()).any(|name| name.starts_with("SERVICE_") && name.ends_with("_HOST"))
    }
}

/// Returns what one-off tasks of a service are started from.
///
/// # Errors
/// When the service does not exist, or AWS cannot be asked.
pub async fn base(cx: &Cx, name: &str) -> Result<Base> {
    const OP: &str = "ecs:DescribeTaskDefinition";
    let all = services(cx).await?;
    let active = all.iter().filter(|service| service.status() == Some("ACTIVE")).filter_map(|service| {
        let tags = tags_of(service.tags());
        let called = service_claim(cx, service, &tags).name()?.to_owned();
        Some((called, names::generation(&tags), service, tags))
    });
    let active: Vec<_> = active.collect();
    // While a service is being replaced, the new one counts.
    let newest = active.iter().filter(|(called, ..)| called == name).max_by_key(|(_, generation, ..)| *generation);
    let Some((_, _, service, tags)) = newest else {
        return Err(unknown(name, active.iter().map(|(called, ..)| called.as_str()).collect()));
    };
    let deployment = serving(service).ok_or_else(|| {
        Error::new(Class::NotFound, format!("the service `{name}` has no deployment yet")).hint("run this again in a minute")
    })?;
    let revision = deployment.task_definition().unwrap_or_default();
    let answer = cx.cloud.ecs.describe_task_definition().task_definition(revision).send().await.map_err(failed(OP))?;
    let newest = primary(service).and_then(|primary| primary.task_definition()).filter(|newest| *newest != revision);
    Ok(Base {
        service: name.to_owned(),
        cluster: name_in(service.cluster_arn().unwrap_or_default()).to_owned(),
        newest: newest.map(|newest| name_in(newest).to_owned()),
        deployment: deployment.clone(),
        definition: answer.task_definition.ok_or_else(|| incomplete(OP, "the task definition"))?,
        tags: tags.clone(),
    })
}

/// Returns the deployment whose tasks serve: the newest that is complete, or the first one of a service.
fn serving(service: &sdk::Service) -> Option<&Deployment> {
    let is_complete = |d: &&Deployment| matches!(d.rollout_state(), None | Some(DeploymentRolloutState::Completed));
    service.deployments().iter().find(is_complete).or_else(|| primary(service))
}

/// Returns the error about a service that does not exist, with those that do.
fn unknown(name: &str, known: BTreeSet<&str>) -> Error {
    let listed: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    let said = format!("the service `{name}` does not exist in AWS");
    if listed.is_empty() {
        return Error::new(Class::NotFound, said)
            .hint("the stack has no services in AWS; `stack apply` creates those of its file");
    }
    let hint = format!("services that exist: {}; `stack apply` creates what was added to the file", listed.join(", "));
    Error::new(Class::NotFound, said).hint(hint)
}

/// Starts a task.
///
/// # Errors
/// When AWS refuses it, or has no capacity.
pub async fn start(cx: &Cx, base: &Base, order: &Order<'_>) -> Result<Started> {
    let Some(image) = order.image else {
        let revision = base.deployment.task_definition().unwrap_or_default();
        return Ok(Started { id: run(cx, base, order, revision).await?, left: None });
    };
    let revision = register(cx, base, image, order.who).await?;
    let id = run(cx, base, order, &revision).await;
    // Whether it was started or not: a task that was continues.
    let left = forget(cx, &revision).await.err();
    match (id, left) {
        (Ok(id), left) => Ok(Started { id, left }),
        (Err(error), Some(left)) => Err(error.hint(format!("{revision} could not be deleted either: {left}"))),
        (Err(error), None) => Err(error),
    }
}

/// Calls RunTask (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>) and returns the id of the task. The
/// SDK adds a client token, which is the same in all of its attempts, so that they start one task
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>).
async fn run(cx: &Cx, base: &Base, order: &Order<'_>, revision: &str) -> Result<String> {
    const OP: &str = "ecs:RunTask";
    let Deployment { network_configuration, platform_version, launch_type, .. } = base.deployment.clone();
    let container = base.container().and_then(|container| container.name()).unwrap_or_default();
    let tags = tags(&cx.scope, base, order.who);
    let call = cx.cloud.ecs.run_task().cluster(&base.cluster).task_definition(revision).count(1).started_by(STARTED_BY);
    let call = call.overrides(overrides(order, container)).set_network_configuration(network_configuration);
    let call = call.set_platform_version(platform_version).enable_ecs_managed_tags(false).set_tags(Some(to_sdk(&tags)));
    let call = match base.deployment.capacity_provider_strategy() {
        [] => call.set_launch_type(launch_type),
        strategy => call.set_capacity_provider_strategy(Some(strategy.to_vec())),
    };
    let answer = call.send().await.map_err(failed(OP)).map_err(hinted)?;
    if let Some(failure) = answer.failures().first() {
        return Err(hinted(entry(ERRORS, OP, failure.reason(), failure.detail().or(failure.arn()))));
    }
    let arn = answer.tasks().first().and_then(|task| task.task_arn()).ok_or_else(|| incomplete(OP, "the task's ARN"))?;
    Ok(name_in(arn).to_owned())
}

/// Returns what differs from the task definition
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html>).
fn overrides(order: &Order<'_>, container: &str) -> TaskOverride {
    let text = |number: Option<u32>| number.map(|number| number.to_string());
    let container = ContainerOverride::builder().name(container).set_command(Some(order.command.to_vec())).build();
    TaskOverride::builder().container_overrides(container).set_cpu(text(order.cpu)).set_memory(text(order.memory)).build()
}

/// Returns the tags of a one-off task: the file's, as the service has them, and those that say whose and what for it is. A key of an
/// object is not among them, so nothing takes it for one.
fn tags(scope: &Scope, base: &Base, who: &str) -> Tags {
    let of_file = base.tags.iter().filter(|(key, _)| !key.starts_with("stack:"));
    let mut tags: Tags = of_file.map(|(key, value)| (key.clone(), value.clone())).collect();
    let own = [(TAG_STACK, &scope.stack), (TAG_ENV, &scope.env), (TAG_RUN, &base.service), (TAG_BY, &value(who))];
    tags.extend(own.map(|(key, value)| (key.to_owned(), value.clone())));
    tags
}

/// Returns a text as the value of a tag, with the characters and the length that AWS accepts
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html>).
fn value(text: &str) -> String {
    let accepted = |c: char| if c.is_alphanumeric() || " _.:/=+-@".contains(c) { c } else { '_' };
    text.chars().take(256).map(accepted).collect()
}

/// Registers the task definition with another image, in a family apart from the service's, which is the plan's: the newest revision
/// there would be what the service should run.
async fn register(cx: &Cx, base: &Base, image: &str, who: &str) -> Result<String> {
    const OP: &str = "ecs:RegisterTaskDefinition";
    let own = base.container().and_then(|container| container.name()).map(str::to_owned);
    let mut of = base.definition.clone();
    for container in of.container_definitions.iter_mut().flatten().filter(|container| container.name == own) {
        container.image = Some(image.to_owned());
    }
    let call = cx.cloud.ecs_once.register_task_definition().family(family(&cx.scope, &base.service));
    let call = call.set_container_definitions(of.container_definitions).set_volumes(of.volumes);
    let call = call.set_cpu(of.cpu).set_memory(of.memory).set_ephemeral_storage(of.ephemeral_storage);
    let call = call.set_task_role_arn(of.task_role_arn).set_execution_role_arn(of.execution_role_arn);
    let call = call.set_network_mode(of.network_mode).set_requires_compatibilities(of.requires_compatibilities);
    let call = call.set_runtime_platform(of.runtime_platform).set_pid_mode(of.pid_mode);
    let call = call.set_proxy_configuration(of.proxy_configuration).set_enable_fault_injection(of.enable_fault_injection);
    let answer = call.set_tags(Some(to_sdk(&tags(&cx.scope, base, who)))).send().await.map_err(failed(OP))?;
    let arn = answer.task_definition.and_then(|made| made.task_definition_arn);
    arn.ok_or_else(|| incomplete(OP, "the task definition's ARN"))
}

/// Returns the family of a service's task definitions with other images.
fn family(scope: &Scope, service: &str) -> String {
    format!("{FAMILY}{}", names::fit(&scope.prefix(), service, 1, NAME - FAMILY.len()))
}

/// Deletes a revision. Tasks that were started from it continue
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html>,
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html>).
async fn forget(cx: &Cx, revision: &str) -> Result<()> {
    const OP: &str = "ecs:DeleteTaskDefinitions";
    let ecs = &cx.cloud.ecs;
    ecs.deregister_task_definition().task_definition(revision).send().await.map_err(failed("ecs:DeregisterTaskDefinition"))?;
    let answer = ecs.delete_task_definitions().task_definitions(revision).send().await.map_err(failed(OP))?;
    match answer.failures().first() {
        Some(failure) => Err(entry(ERRORS, OP, failure.reason(), failure.detail().or(failure.arn()))),
        None => Ok(()),
    }
}

/// Returns a task by its id; nothing when ECS does not know it yet, or no longer.
///
/// # Errors
/// When ECS cannot be asked.
pub async fn look(cx: &Cx, cluster: &str, id: &str) -> Result<Option<Task>> {
    let call = cx.cloud.ecs.describe_tasks().cluster(cluster).tasks(id).include(TaskField::Tags);
    let answer = call.send().await.map_err(failed("ecs:DescribeTasks"))?;
    Ok(answer.tasks().first().map(Task::of))
}

/// Stops a task: its containers get SIGTERM, and SIGKILL when they do not end in time
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html>).
///
/// # Errors
/// When AWS refuses it.
pub async fn stop(cx: &Cx, cluster: &str, id: &str, reason: &str) -> Result<()> {
    let call = cx.cloud.ecs.stop_task().cluster(cluster).task(id).reason(reason);
    call.send().await.map_err(failed("ecs:StopTask"))?;
    Ok(())
}

/// Returns the one-off tasks of the stack that ECS knows, the newest first: those that run, and those that stopped less than about
/// an hour ago.
///
/// # Errors
/// When ECS cannot be asked.
pub async fn list(cx: &Cx) -> Result<Vec<Task>> {
    let mut found = Vec::new();
    let clusters = clusters(cx).await?;
    let own = clusters.iter().filter(|c| c.status() == Some("ACTIVE") && cx.scope.owns(&tags_of(c.tags())));
    for cluster in own.filter_map(|cluster| cluster.cluster_name()) {
        for arns in arns(cx, cluster).await?.chunks(TASKS_AT_ONCE) {
            let call = cx.cloud.ecs.describe_tasks().cluster(cluster).set_tasks(Some(arns.to_vec())).include(TaskField::Tags);
            let answer = call.send().await.map_err(failed("ecs:DescribeTasks"))?;
            let is_one_off = |task: &&sdk::Task| task.started_by() == Some(STARTED_BY) && cx.scope.owns(&tags_of(task.tags()));
            found.extend(answer.tasks().iter().filter(is_one_off).map(Task::of));
        }
    }
    found.sort_by(|a, b| b.created.cmp(&a.created));
    Ok(found)
}

/// Returns the ARNs of the one-off tasks in a cluster, and of everything that stopped there: `startedBy` "must be the only filter", and
/// finds what runs (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html>).
async fn arns(cx: &Cx, cluster: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let list = || cx.cloud.ecs.list_tasks().cluster(cluster);
    for call in [list().started_by(STARTED_BY), list().desired_status(DesiredStatus::Stopped)] {
        let pages = call.into_paginator().items().send();
        found.extend(pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ecs:ListTasks"))?);
    }
    Ok(found)
}

/// Adds what to do to the refusal of a task.
fn hinted(error: Error) -> Error {
    match help(&error.message) {
        Some(help) => error.hint(help),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{KeyValuePair, LogConfiguration, LogDriver, ServiceConnectConfiguration};

    use super::*;

    fn scope() -> Scope {
        Scope {
            stack: "shop".into(),
            env: "staging".into(),
            region: "us-east-1".into(),
            account: "123456789012".into(),
            partition: "aws".into(),
        }
    }

    fn container(name: &str, essential: bool) -> ContainerDefinition {
        let logs = LogConfiguration::builder().log_driver(LogDriver::Awslogs);
        let logs =
            logs.options("awslogs-group", "/stack/shop/staging/web").options("awslogs-stream-prefix", "web").build().unwrap();
        let host = KeyValuePair::builder().name("SERVICE_API_HOST").value("api").build();
        ContainerDefinition::builder().name(name).essential(essential).log_configuration(logs).environment(host).build()
    }

    fn deployment(revision: &str, status: &str, rollout: DeploymentRolloutState) -> Deployment {
        Deployment::builder().status(status).task_definition(revision).rollout_state(rollout).build()
    }

    fn base() -> Base {
        let text = |text: &str| text.to_owned();
        let definition = sdk::TaskDefinition::builder().cpu("256").memory("512");
        Base {
            service: text("web"),
            cluster: text("shop-staging"),
            newest: None,
            deployment: deployment("arn:aws:ecs:r:1:task-definition/shop-web:7", "PRIMARY", DeploymentRolloutState::Completed),
            definition: definition
                .container_definitions(container("agent", false))
                .container_definitions(container("web", true))
                .build(),
            tags: Tags::from([(text("team"), text("web")), (text("stack:key"), text("ecs.service/web"))]),
        }
    }

    #[test]
    fn the_command_is_for_the_first_essential_container() {
        let command = ["rake".to_owned(), "db:migrate".to_owned()];
        let order = Order { command: &command, cpu: Some(1024), memory: None, image: None, who: "" };
        let base = base();
        let overrides = overrides(&order, base.container().and_then(|c| c.name()).unwrap());
        let [container] = overrides.container_overrides() else { panic!("{overrides:?}") };
        assert_eq!((container.name(), container.command()), (Some("web"), &command[..]));
        assert_eq!((overrides.cpu(), overrides.memory()), (Some("1024"), None));
        assert_eq!((base.size(), base.revision()), (Some((256, 512)), "shop-web:7"));
        let log = base.log().unwrap();
        assert_eq!((log.group.as_str(), log.stream("0123").as_str()), ("/stack/shop/staging/web", "web/web/0123"));
    }

    #[test]
    fn a_task_has_no_key_and_says_who_started_it() {
        let tags = tags(&scope(), &base(), "arn:aws:sts::1:assumed-role/Deploy/anna,b");
        let pairs: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let expected = [
            ("stack:env", "staging"),
            ("stack:name", "shop"),
            ("stack:run", "web"),
            ("stack:run-by", "arn:aws:sts::1:assumed-role/Deploy/anna_b"),
            ("team", "web"),
        ];
        assert_eq!(pairs, expected);
        assert_eq!(family(&scope(), "web"), "run_shop-staging-web");
        assert!(!names::begins("run", "run_shop-staging-web", NAME), "no stack takes such a family for its own");
    }

    #[test]
    fn what_serves_counts_and_not_what_is_being_deployed() {
        use DeploymentRolloutState::{Completed, Failed, InProgress};
        let of = |deployments: Vec<Deployment>| {
            let service = sdk::Service::builder().set_deployments(Some(deployments)).build();
            serving(&service).and_then(|d| d.task_definition()).map(str::to_owned)
        };
        let old = || deployment("web:7", "ACTIVE", Completed);
        assert_eq!(of(vec![deployment("web:8", "PRIMARY", InProgress), old()]).as_deref(), Some("web:7"));
        assert_eq!(of(vec![deployment("web:8", "PRIMARY", Failed), old()]).as_deref(), Some("web:7"));
        assert_eq!(of(vec![deployment("web:8", "PRIMARY", Completed)]).as_deref(), Some("web:8"));
        assert_eq!(of(vec![deployment("web:1", "PRIMARY", InProgress)]).as_deref(), Some("web:1"));
        assert_eq!(of(Vec::new()), None);
    }

    #[test]
    fn only_tasks_with_service_connect_lack_names() {
        let mut connected = base();
        connected.deployment.service_connect_configuration = Some(ServiceConnectConfiguration::builder().enabled(true).build());
        assert!(connected.lacks_names());
        assert!(!base().lacks_names());
    }

    #[test]
    fn a_refusal_for_lack_of_capacity_says_what_to_do() {
        let error = hinted(Error::new(Class::Invalid, "Capacity is unavailable at this time. Please try again later."));
        assert_eq!(error.hints, ["run this again in a few minutes"]);
        let none = unknown("wbe", BTreeSet::from(["web", "api"]));
        assert!(none.to_string().contains("`wbe` does not exist") && none.hints[0].contains("`api`, `web`"), "{none:?}");
    }
}
