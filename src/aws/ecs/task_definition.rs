use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::iam::Role;
use crate::aws::logs::LogGroup;
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Diff, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// What a task is made of. Every change makes a new revision; the old ones stay for a while.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskDefinition {
    /// CPU units for the whole task: `256` is a quarter of a virtual CPU.
    pub cpu: String,
    /// MiB for the whole task.
    pub memory: String,
    /// The role that pulls images, reads secrets and writes logs: an ARN.
    pub execution_role: Ref<Role>,
    /// The role that the program has: an ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_role: Option<Ref<Role>>,
    /// `X86_64` or `ARM64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// What runs, side by side.
    pub containers: Vec<Container>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// One container of a task.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// Its name in the task.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Whether the task ends when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub essential: Option<bool>,
    /// Instead of the image's command. None: the image's.
    #[serde(default)]
    pub command: Vec<String>,
    /// Instead of the image's entry point. None: the image's.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// The TCP ports that it listens on.
    #[serde(default)]
    pub ports: Vec<i32>,
    /// Environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Environment variables from Secrets Manager or Parameter Store: the ARNs.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// Where its output goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<Ref<LogGroup>>,
    /// What the log streams begin with; its name when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_prefix: Option<String>,
    /// Seconds between being asked to stop and being killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i32>,
    /// Whether it cannot write to its own file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readonly_root: Option<bool>,
    /// Whether an init process reaps its children.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
}

/// What others refer to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Live {
    /// The ARN of the revision.
    pub id: String,
    /// The ARN of the revision.
    pub arn: String,
    /// The name that all revisions share.
    pub family: String,
    /// The revision's number.
    pub revision: String,
}

impl Resource for TaskDefinition {
    const KIND: &'static str = "ecs.task_definition";
    type Cloud = Clients;
    type Live = Live;

    async fn observe(_: &Cx) -> Result<Vec<Observed<Self>>> {
        Ok(Vec::new())
    }
    async fn create(&self, _: &Cx) -> Result<Live> {
        Err(crate::engine::Error::internal("not written yet"))
    }
    async fn update(&self, _: &Cx, live: &Live, _: &Diff) -> Result<Live> {
        Ok(live.clone())
    }
    async fn delete(_: &Cx, _: &Live) -> Result<()> {
        Ok(())
    }
}
