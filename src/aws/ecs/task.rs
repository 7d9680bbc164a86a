//! A one-off task as ECS tells of it, and its log.

use aws_sdk_ecs::types::{self as sdk, ContainerDefinition, LogDriver, TaskStopCode};
use aws_smithy_types::DateTime;
use serde::Serialize;

use super::deployment;
use super::failing::causes;
use super::{name_in, tags_of};
use crate::aws::call::answers::present;
use crate::aws::{Cx, logs};
use crate::engine::Result;

/// The tag that names the service whose task definition a one-off task has.
pub(super) const TAG_RUN: &str = "stack:run";
/// The tag that names who started a one-off task.
pub(super) const TAG_BY: &str = "stack:run-by";

/// A one-off task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// The service whose task definition it has.
    pub service: String,
    /// The command.
    pub command: Vec<String>,
    /// Who started it.
    pub by: String,
    /// `starting`, `running`, `stopping`, `ended`, `stopped` (before it ended by itself) or `failed` (without an exit code).
    pub state: &'static str,
    /// ECS's last status: `PENDING`, `RUNNING`, `STOPPED` …
    pub status: String,
    /// When RunTask was called.
    pub created: Option<String>,
    /// When the container started.
    pub started: Option<String>,
    /// When it stopped.
    pub stopped: Option<String>,
    /// The exit code of the command.
    pub exit_code: Option<i32>,
    /// Why it stopped, in ECS's words, the most telling cause first.
    pub causes: Vec<String>,
    /// Whether it was stopped before it ended by itself.
    #[serde(skip)]
    pub cut_short: bool,
}

/// Where CloudWatch Logs keeps what a container writes
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The log group.
    pub group: String,
    /// The beginning of the names of its streams: prefix and container.
    start: String,
}

/// A part of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The lines.
    pub lines: Vec<String>,
    /// Where the next part begins; the same as before when there is nothing more yet.
    pub next: Option<String>,
}

impl Task {
    pub(super) fn of(task: &sdk::Task) -> Task {
        let tags = tags_of(task.tags());
        let tag = |key: &str| tags.get(key).cloned().unwrap_or_default();
        let changed = task.overrides().and_then(|overrides| overrides.container_overrides().first());
        let is_changed = |container: &&sdk::Container| changed.is_some_and(|changed| changed.name() == container.name());
        let container = task.containers().iter().find(is_changed).or(task.containers().first());
        let (status, exit_code) = (task.last_status().unwrap_or_default(), container.and_then(|container| container.exit_code()));
        let by_itself = [TaskStopCode::EssentialContainerExited, TaskStopCode::TaskFailedToStart];
        let cut_short = task.stop_code().is_some_and(|code| !by_itself.contains(code));
        Task {
            id: name_in(task.task_arn().unwrap_or_default()).to_owned(),
            service: tag(TAG_RUN),
            command: changed.map(|changed| changed.command().to_vec()).unwrap_or_default(),
            by: tag(TAG_BY),
            state: state(status, exit_code, cut_short),
            status: status.to_owned(),
            created: task.created_at().and_then(time),
            started: task.started_at().and_then(time),
            stopped: task.stopped_at().and_then(time),
            exit_code,
            causes: if status == "STOPPED" { causes(task) } else { Vec::new() },
            cut_short,
        }
    }

    /// Checks whether it has stopped.
    pub fn has_ended(&self) -> bool {
        self.status == "STOPPED"
    }

    /// Returns why it stopped, in a sentence. ECS often says the same of a container and of its task.
    pub fn why(&self) -> String {
        let mut said = String::new();
        for cause in &self.causes {
            let reason = cause.split_once(": ").map_or(cause.as_str(), |(_, reason)| reason);
            if !said.contains(reason) {
                let between = if said.is_empty() { "" } else { "; " };
                said = format!("{said}{between}{cause}");
            }
        }
        if said.is_empty() { format!("task {} stopped without a reason", self.id) } else { said }
    }

    /// Returns what to do about why it stopped. What an exit code means only its program knows.
    pub fn help(&self) -> Option<&'static str> {
        let unknown = || if self.exit_code.is_none() { deployment::help(&self.causes) } else { None };
        self.causes.iter().find_map(|cause| help(cause)).or_else(unknown)
    }
}

/// Returns the state of a task in a word, from ECS's status
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>).
fn state(status: &str, exit_code: Option<i32>, cut_short: bool) -> &'static str {
    match (status, exit_code) {
        ("STOPPED", _) if cut_short => "stopped",
        ("STOPPED", Some(_)) => "ended",
        ("STOPPED", None) => "failed",
        ("RUNNING", _) => "running",
        ("DEACTIVATING" | "STOPPING" | "DEPROVISIONING", _) => "stopping",
        _ => "starting",
    }
}

/// Returns what to do about a task that did not start, or was killed
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>,
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>).
pub(super) fn help(said: &str) -> Option<&'static str> {
    const HELP: &[(&str, &str)] = &[
        ("OutOfMemory", "give it more memory with `--memory`"),
        ("exited with 137", "the command was killed, most often for lack of memory: give it more with `--memory`"),
        ("Capacity is unavailable", "run this again in a few minutes"),
        ("reached the limit", "wait until other tasks have ended, or request a higher quota for Fargate"),
        ("Spot", "run this again: tasks of a service with `spot: true` can be interrupted"),
        ("is inactive", "deploy the service again with `stack apply`, then run this again"),
    ];
    HELP.iter().find(|(word, _)| said.contains(word)).map(|(_, help)| *help)
}

/// Returns a time as RFC 3339.
fn time(at: &DateTime) -> Option<String> {
    Some(jiff::Timestamp::from_millisecond(at.to_millis().ok()?).ok()?.to_string())
}

impl Log {
    pub(super) fn of(container: &ContainerDefinition) -> Option<Log> {
        let logs = container.log_configuration().filter(|logs| logs.log_driver() == &LogDriver::Awslogs)?;
        let option = |name: &str| logs.options().and_then(|options| options.get(name));
        let start = format!("{}/{}", option("awslogs-stream-prefix")?, container.name()?);
        Some(Log { group: option("awslogs-group")?.clone(), start })
    }

    /// Returns the name of a task's stream.
    pub fn stream(&self, task: &str) -> String {
        format!("{}/{task}", self.start)
    }

    /// Reads the part of a task's log that begins at `from`; its beginning without one. A stream that does not exist yet is empty
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html>).
    ///
    /// # Errors
    /// When CloudWatch Logs cannot be asked.
    pub async fn read(&self, cx: &Cx, task: &str, from: Option<String>) -> Result<Page> {
        let call = cx.cloud.logs.get_log_events().log_group_name(&self.group).log_stream_name(self.stream(task));
        let answer = call.start_from_head(true).set_next_token(from).send().await;
        let answer = answer.map_err(logs::errors::failed("logs:GetLogEvents")).map(|answer| Page {
            lines: answer.events().iter().filter_map(|event| event.message()).map(str::to_owned).collect(),
            next: answer.next_forward_token,
        });
        present(answer)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{Container, ContainerOverride, Tag, TaskOverride};

    use super::*;

    fn stopped(code: TaskStopCode, reason: &str, container: Container) -> Task {
        let task = sdk::Task::builder().task_arn("arn:aws:ecs:r:1:task/shop/0123456789").last_status("STOPPED").stop_code(code);
        Task::of(&task.stopped_reason(reason).containers(container).build())
    }

    #[test]
    fn an_unstarted_task_says_why_once_and_what_to_do() {
        let reason = "CannotPullContainerError: failed to resolve ref nginx:1.99: not found";
        let task = stopped(TaskStopCode::TaskFailedToStart, reason, Container::builder().name("web").reason(reason).build());
        assert_eq!((task.state, task.exit_code, task.has_ended()), ("failed", None, true));
        assert_eq!(task.why(), format!("`web`: {reason}"));
        assert!(task.help().is_some_and(|help| help.contains("the image's name and tag")), "{:?}", task.help());
        let silent = Task { id: "0123".into(), ..Task::default() };
        assert_eq!((silent.why().as_str(), silent.help()), ("task 0123 stopped without a reason", None));
    }

    #[test]
    fn exit_codes_get_advice_only_when_it_was_killed() {
        let ended = |code: i32| {
            let container = Container::builder().name("web").exit_code(code).build();
            stopped(TaskStopCode::EssentialContainerExited, "Essential container in task exited", container)
        };
        assert_eq!((ended(3).exit_code, ended(3).state, ended(3).help()), (Some(3), "ended", None));
        assert!(ended(137).help().is_some_and(|help| help.contains("`--memory`")));
        let taken =
            stopped(TaskStopCode::SpotInterruption, "Your Spot Task was interrupted.", Container::builder().exit_code(0).build());
        assert!(taken.cut_short && taken.state == "stopped" && taken.help().is_some(), "{taken:?}");
    }

    #[test]
    fn a_task_is_read_with_who_and_what_for() {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let command = ContainerOverride::builder().name("web").command("ls").build();
        let task = sdk::Task::builder().last_status("PENDING").tags(tag(TAG_RUN, "web")).tags(tag(TAG_BY, "anna"));
        let task = task.overrides(TaskOverride::builder().container_overrides(command).build());
        let task = Task::of(&task.created_at(DateTime::from_secs(0)).build());
        let expected = Task {
            service: "web".into(),
            command: vec!["ls".into()],
            by: "anna".into(),
            state: "starting",
            status: "PENDING".into(),
            created: Some("1970-01-01T00:00:00Z".into()),
            ..Task::default()
        };
        assert_eq!(task, expected);
    }
}
