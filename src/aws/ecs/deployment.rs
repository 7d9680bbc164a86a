//! The progress of a service's deployment, from one answer of DescribeServices.

use aws_sdk_ecs::types::{self as sdk, Deployment, DeploymentRolloutState};

use super::failing::Why;
use crate::engine::Readiness;

/// Returns the deployment that ECS is working on.
pub(super) fn primary(service: &sdk::Service) -> Option<&Deployment> {
    service.deployments().iter().find(|d| d.status() == Some("PRIMARY"))
}

/// Returns when the newest deployment began, in milliseconds.
pub(super) fn began(service: &sdk::Service) -> Option<i64> {
    primary(service)?.created_at()?.to_millis().ok()
}

/// Checks whether ECS gave up the newest deployment.
pub(super) fn gave_up(service: &sdk::Service) -> bool {
    primary(service).and_then(|d| d.rollout_state()) == Some(&DeploymentRolloutState::Failed)
}

/// Returns the deployment in progress, in ECS's words.
pub(super) fn under_way(service: &sdk::Service) -> Option<String> {
    let primary = primary(service).filter(|d| d.rollout_state() == Some(&DeploymentRolloutState::InProgress))?;
    Some(status(service, primary, &Why::default()))
}

/// Checks whether tasks of `wanted` fail: then the reasons are worth asking for.
pub(super) fn fails(service: &sdk::Service, wanted: &str) -> bool {
    let of_wanted = |d: &&Deployment| d.task_definition() == Some(wanted);
    let given_up = |d: &Deployment| d.rollout_state() == Some(&DeploymentRolloutState::Failed);
    service.deployments().iter().filter(of_wanted).any(|d| d.failed_tasks() > 0 || given_up(d))
        || events(service).next().is_some_and(|event| event.contains("unhealthy"))
}

/// Decides whether the service runs what it should: `wanted`, in a deployment no older than `since`. `why` is what its tasks
/// report.
pub(super) fn judge(service: &sdk::Service, wanted: &str, since: Option<i64>, why: &Why) -> Readiness {
    if service.status() != Some("ACTIVE") {
        return Readiness::Gone;
    }
    let Some(primary) = primary(service) else { return Readiness::waiting("no deployment yet") };
    // An answer from before the call; a second's grace, as AWS rounds its times.
    if let (Some(since), Some(began)) = (since, began(service))
        && began + 1000 < since
    {
        return Readiness::waiting("deployment not visible yet");
    }
    let rollout = primary.rollout_state();
    let settled = matches!(rollout, None | Some(DeploymentRolloutState::Completed));
    if primary.task_definition() != Some(wanted) {
        let now = revision(primary.task_definition().unwrap_or("nothing"));
        return if settled || gave_up(service) {
            Readiness::Failed(explain(
                service,
                &format!("the deployment of {} failed; {now} is running again", revision(wanted)),
                wanted,
                why,
            ))
        } else {
            Readiness::waiting(format!("rolling back to {now}: {}", status(service, primary, why)))
        };
    }
    if gave_up(service) {
        return Readiness::Failed(explain(service, &format!("the deployment of {} failed", revision(wanted)), wanted, why));
    }
    let all_run = service.running_count() == service.desired_count();
    if settled && all_run && service.deployments().len() == 1 {
        return Readiness::Ready;
    }
    let progress = (primary.desired_count() > 0).then(|| primary.running_count() as f32 / primary.desired_count() as f32);
    Readiness::Waiting { status: status(service, primary, why), progress }
}

/// Returns the status in a line: `2/3 tasks running, IN_PROGRESS: has started 1 tasks: (task 0123).`
fn status(service: &sdk::Service, primary: &Deployment, why: &Why) -> String {
    let rollout = primary.rollout_state().map_or("", |s| s.as_str());
    let mut out = format!("{}/{} tasks running", primary.running_count(), primary.desired_count());
    let old = service.deployments().iter().filter(|d| d.id() != primary.id()).map(Deployment::running_count).sum::<i32>();
    if old > 0 {
        out += &format!(" and {old} old");
    }
    if !rollout.is_empty() {
        out += &format!(", {rollout}");
    }
    if primary.failed_tasks() > 0 {
        out += &format!(", {} failed", primary.failed_tasks());
    }
    if let Some(said) = why.brief().or_else(|| events(service).next().map(str::to_owned)) {
        out += &format!(": {said}");
    }
    out
}

/// Explains a failure, a line each: the cause, what failed of it, what else is known, what to do, and the log's last lines, which
/// begin with `  | `. ECS's events stand in only where no task says anything.
fn explain(service: &sdk::Service, what: &str, wanted: &str, why: &Why) -> String {
    let of_wanted = service.deployments().iter().find(|d| d.task_definition() == Some(wanted));
    let reason = of_wanted.or(primary(service)).and_then(|d| d.rollout_state_reason()).map(str::to_owned);
    let mut causes = why.causes.clone();
    // That ECS rolled back is said by what runs now.
    let reason = reason.filter(|reason| causes.is_empty() || !reason.contains("rollback to deploymentId"));
    if causes.is_empty() {
        causes.extend(events(service).filter(|event| !is_routine(event)).take(3).map(str::to_owned));
    }
    causes.extend(reason);
    let mut lines: Vec<String> = Vec::new();
    for cause in &causes {
        let cause = cause.trim_end_matches('.');
        if !lines.iter().any(|line| line.contains(cause)) {
            lines.push(cause.to_owned());
        }
    }
    lines.insert(lines.len().min(1), what.to_owned());
    for (name, said) in &why.logs {
        lines.push(format!("last log lines of `{name}`:"));
        lines.extend(said.iter().map(|line| format!("  | {line}")));
    }
    lines.extend(help(&causes).map(|help| format!("help: {help}")));
    lines.join("\n")
}

/// Checks whether an event is one that every deployment has, failed or not
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>).
fn is_routine(event: &str) -> bool {
    const ROUTINE: &[&str] = &[
        "has started ",
        "has stopped ",
        "has begun draining",
        "has reached a steady state",
        "registered ",
        "deregistered ",
        "deployment completed",
    ];
    ROUTINE.iter().any(|words| event.contains(words))
}

/// Returns what to do: of several causes the first of this list counts, since a task that fails its health checks is also killed
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>).
pub(super) fn help(causes: &[String]) -> Option<&'static str> {
    const HEALTH: &str =
        "check `port` and `health` against what the container serves, and `grace` against how long it takes to start";
    const HELP: &[(&str, &str)] = &[
        ("CannotPull", "check the image's name and tag, and that the tasks' subnets reach its registry"),
        (
            "ResourceInitialization",
            "check that the secrets and log groups exist, that the execution role may use them and that the tasks' subnets reach AWS",
        ),
        ("OutOfMemory", "give the service more `memory`"),
        ("health checks", HEALTH),
        ("unhealthy", HEALTH),
        ("exited with 137", "the container was killed, most often for lack of memory: give the service more `memory`"),
        ("exited with", "fix the image, its command or its environment: the same image fails again"),
    ];
    HELP.iter().find(|(word, _)| causes.iter().any(|cause| cause.contains(word))).map(|(_, help)| *help)
}

/// Returns the events, the newest first, without the service's name at the start of each.
fn events(service: &sdk::Service) -> impl Iterator<Item = &str> {
    service.events().iter().filter_map(|e| e.message()).map(|message| {
        let rest = message.strip_prefix("(service ").and_then(|m| m.split_once(") "));
        rest.map_or(message, |(_, rest)| rest)
    })
}

/// Returns `web:7` from an ARN.
fn revision(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::ServiceEvent;
    use aws_smithy_types::DateTime;

    use super::*;

    fn deployment(status: &str, task: &str, at: i64, rollout: DeploymentRolloutState, running: i32) -> Deployment {
        Deployment::builder()
            .id(format!("{status}-{at}"))
            .status(status)
            .task_definition(task)
            .created_at(DateTime::from_secs(at))
            .rollout_state(rollout)
            .rollout_state_reason("ECS deployment circuit breaker: tasks failed to start.")
            .desired_count(3)
            .running_count(running)
            .build()
    }

    fn service(running: i32, deployments: Vec<Deployment>) -> sdk::Service {
        let event = ServiceEvent::builder().message("(service web) has started 1 tasks: (task 1).").build();
        sdk::Service::builder()
            .status("ACTIVE")
            .desired_count(3)
            .running_count(running)
            .set_deployments(Some(deployments))
            .events(event)
            .build()
    }

    use DeploymentRolloutState::{Completed, Failed, InProgress};

    #[test]
    fn it_is_ready_when_one_deployment_runs_all_its_tasks() {
        let whole = service(3, vec![deployment("PRIMARY", "td/web:2", 100, Completed, 3)]);
        assert_eq!(judge(&whole, "td/web:2", Some(100_000), &Why::default()), Readiness::Ready);
        let short = service(2, vec![deployment("PRIMARY", "td/web:2", 100, Completed, 2)]);
        assert!(matches!(judge(&short, "td/web:2", None, &Why::default()), Readiness::Waiting { .. }));
    }

    #[test]
    fn while_it_rolls_out_ecs_speaks() {
        let two = vec![deployment("PRIMARY", "td/web:2", 100, InProgress, 2), deployment("ACTIVE", "td/web:1", 50, Completed, 1)];
        let Readiness::Waiting { status, progress } = judge(&service(3, two), "td/web:2", Some(100_000), &Why::default()) else {
            panic!()
        };
        assert_eq!(status, "2/3 tasks running and 1 old, IN_PROGRESS: has started 1 tasks: (task 1).");
        assert!(progress.is_some_and(|p| (p - 2.0 / 3.0).abs() < 0.01));
    }

    #[test]
    fn a_rollback_is_a_failure_once_it_is_over() {
        let back = |rollout| service(3, vec![deployment("PRIMARY", "td/web:1", 200, rollout, 3)]);
        assert!(matches!(judge(&back(InProgress), "td/web:2", Some(100_000), &Why::default()), Readiness::Waiting { .. }));
        let Readiness::Failed(why) = judge(&back(Completed), "td/web:2", Some(100_000), &Why::default()) else { panic!() };
        let expected =
            "ECS deployment circuit breaker: tasks failed to start\nthe deployment of web:2 failed; web:1 is running again";
        assert_eq!(why, expected, "what every deployment does is no cause");
    }

    #[test]
    fn an_answer_from_before_the_call_is_not_a_rollback() {
        let old = service(3, vec![deployment("PRIMARY", "td/web:1", 50, Completed, 3)]);
        assert_eq!(judge(&old, "td/web:2", Some(100_000), &Why::default()), Readiness::waiting("deployment not visible yet"));
    }

    #[test]
    fn a_deployment_that_was_given_up_is_a_failure() {
        let failed = service(0, vec![deployment("PRIMARY", "td/web:2", 100, Failed, 0)]);
        assert!(matches!(judge(&failed, "td/web:2", None, &Why::default()), Readiness::Failed(_)));
    }

    #[test]
    fn the_cause_comes_first_once_and_the_log_apart() {
        let failed = service(0, vec![deployment("PRIMARY", "td/web:2", 100, Failed, 0)]);
        let why = Why {
            causes: vec!["`web` exited with 1".into(), "task 0123: Essential container in task exited".into()],
            logs: vec![("web".into(), vec!["starting".into(), "fatal: no database".into()])],
        };
        let Readiness::Failed(text) = judge(&failed, "td/web:2", None, &why) else { panic!() };
        let lines: Vec<&str> = text.lines().collect();
        let expected = [
            "`web` exited with 1",
            "the deployment of web:2 failed",
            "task 0123: Essential container in task exited",
            "ECS deployment circuit breaker: tasks failed to start",
            "last log lines of `web`:",
            "  | starting",
            "  | fatal: no database",
            "help: fix the image, its command or its environment: the same image fails again",
        ];
        assert_eq!(lines, expected);
        let waiting = service(1, vec![deployment("PRIMARY", "td/web:2", 100, InProgress, 1)]);
        let Readiness::Waiting { status, .. } = judge(&waiting, "td/web:2", None, &why) else { panic!() };
        assert!(!status.contains('\n') && status.ends_with("last log line of `web`: fatal: no database"), "{status}");
    }
}
