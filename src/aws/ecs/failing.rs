//! Reasons why the tasks of a service fail, as reported by ECS, the container, its log and the load balancer.

use aws_sdk_ecs::types::{self as sdk, DesiredStatus, LogDriver};
use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;
use futures::future::join_all;

use super::name_in;
use crate::aws::Cx;
use crate::aws::ecs::errors::failed;
use crate::aws::elbv2;

use crate::engine::Result;

/// The number of last log lines that are reported.
const LINES: i32 = 5;
/// The number of characters of a line that are reported.
const CHARACTERS: usize = 200;

/// The reasons why the tasks of a service fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Why {
    /// The causes, the most telling one first.
    pub causes: Vec<String>,
    /// The last lines of the containers' logs, by container.
    pub logs: Vec<(String, Vec<String>)>,
}

impl Why {
    /// Returns the reasons in one line, for as long as the deployment is waited for.
    pub(super) fn brief(&self) -> Option<String> {
        let wrote = self.logs.iter().filter_map(|(name, lines)| Some(format!("last log line of `{name}`: {}", lines.last()?)));
        let parts: Vec<String> = self.causes.iter().take(2).cloned().chain(wrote).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Returns the reasons of the newest stopped task of `definition`, and of the targets that stay unhealthy, as far as they can be
/// found out. A question that fails is no reason to stop waiting.
pub(super) async fn why(cx: &Cx, cluster: &str, service: &sdk::Service, definition: &str) -> Why {
    let tasks = async { stopped(cx, cluster, service, definition).await.unwrap_or_default() };
    let targets = async { unwell(cx, service).await.unwrap_or_default() };
    let (mut why, targets) = tokio::join!(tasks, targets);
    why.causes.extend(targets);
    why
}

/// Returns what the newest stopped task reports.
async fn stopped(cx: &Cx, cluster: &str, service: &sdk::Service, definition: &str) -> Result<Why> {
    let name = service.service_name().unwrap_or_default();
    let call = cx.cloud.ecs.list_tasks().cluster(cluster).service_name(name).desired_status(DesiredStatus::Stopped);
    let arns = call.max_results(100).send().await.map_err(failed("ecs:ListTasks"))?.task_arns.unwrap_or_default();
    if arns.is_empty() {
        return Ok(Why::default());
    }
    let call = cx.cloud.ecs.describe_tasks().cluster(cluster).set_tasks(Some(arns));
    let tasks = call.send().await.map_err(failed("ecs:DescribeTasks"))?.tasks.unwrap_or_default();
    // Those that made room for others did nothing wrong.
    let failures = tasks.into_iter().filter(|t| {
        t.task_definition_arn() == Some(definition)
            && t.stopped_reason().is_some_and(|reason| !reason.starts_with("Scaling activity initiated"))
    });
    let Some(task) = failures.max_by_key(|t| t.stopped_at().map_or(0, |at| at.secs())) else { return Ok(Why::default()) };
    let id = name_in(task.task_arn().unwrap_or_default());
    Ok(Why { causes: causes(&task), logs: last_lines(cx, definition, id).await? })
}

/// Returns why a task stopped, the most telling cause first.
pub(super) fn causes(task: &sdk::Task) -> Vec<String> {
    let id = name_in(task.task_arn().unwrap_or_default());
    let mut causes = Vec::new();
    let ended = task.containers().iter().filter(|c| c.reason().is_some() || c.exit_code().is_some_and(|code| code != 0));
    for container in ended {
        let name = container.name().unwrap_or_default();
        let code = container.exit_code().map_or(String::new(), |code| format!(" exited with {code}"));
        let reason = container.reason().map_or(String::new(), |reason| format!(": {reason}"));
        causes.push(format!("`{name}`{code}{reason}"));
    }
    // Of what a container did it says the least, and of what did not come to that (no image, no secret, no address) everything.
    causes.push(format!("task {}: {}", id.get(..8).unwrap_or(id), task.stopped_reason().unwrap_or_default()));
    causes
}

/// Returns the last log lines of a task's containers.
async fn last_lines(cx: &Cx, definition: &str, task: &str) -> Result<Vec<(String, Vec<String>)>> {
    let answer = cx.cloud.ecs.describe_task_definition().task_definition(definition).send().await;
    let definition = answer.map_err(failed("ecs:DescribeTaskDefinition"))?.task_definition;
    let containers = definition.as_ref().map_or(&[][..], |d| d.container_definitions());
    let asked = containers.iter().filter_map(|container| {
        let logs = container.log_configuration().filter(|l| l.log_driver() == &LogDriver::Awslogs)?;
        let option = |name: &str| logs.options().and_then(|o| o.get(name));
        let name = container.name()?;
        let stream = format!("{}/{name}/{task}", option("awslogs-stream-prefix")?);
        let call = cx.cloud.logs.get_log_events().log_group_name(option("awslogs-group")?).log_stream_name(stream);
        Some(async move {
            let answer = call.limit(LINES).start_from_head(false).send().await.ok()?;
            let lines: Vec<String> =
                answer.events().iter().filter_map(|e| e.message()).map(|m| m.trim().chars().take(CHARACTERS).collect()).collect();
            (!lines.is_empty()).then(|| (name.to_owned(), lines))
        })
    });
    Ok(join_all(asked).await.into_iter().flatten().collect())
}

/// Returns what the load balancer reports about unhealthy targets.
async fn unwell(cx: &Cx, service: &sdk::Service) -> Result<Vec<String>> {
    let mut reasons = Vec::new();
    for group in service.load_balancers().iter().filter_map(|l| l.target_group_arn()) {
        let answer = cx.cloud.elbv2.describe_target_health().target_group_arn(group).send().await;
        let answer = answer.map_err(elbv2::errors::failed("elbv2:DescribeTargetHealth"))?;
        let unwell = answer.target_health_descriptions().iter().filter_map(|d| d.target_health());
        let mut unwell = unwell.filter(|h| h.state() == Some(&TargetHealthStateEnum::Unhealthy));
        if let Some(health) = unwell.next() {
            let said = health.description().or(health.reason().map(|r| r.as_str())).unwrap_or("no reason given");
            reasons.push(format!("{} unhealthy: {said}", if unwell.next().is_some() { "targets are" } else { "a target is" }));
        }
    }
    Ok(reasons)
}
