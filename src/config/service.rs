//! A service: containers that run until they are told not to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::PolicyStatement;
use super::route::Route;
use super::scalar::{Scalar, SecretArn};
use super::values::{Duration, Retention};

/// An image as a regular expression: no spaces, and no `${…}` but references. Its whole shape is checked for sense.
const IMAGE: &str = r"^([^\s$]|\$\{[a-z0-9-]+\.[a-z0-9_-]+/[^}]+\})+$";

/// Containers on Fargate. With a `port` it serves; without one it is a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The container image.
    #[schemars(extend("pattern" = IMAGE), example = &"public.ecr.aws/nginx/nginx:1.27", length(min = 1))]
    pub image: String,
    /// CPU units of one task: 1024 are one vCPU. Which memory goes with it is Fargate's choice.
    #[serde(default = "cpu")]
    #[schemars(extend("enum" = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768]))]
    pub cpu: u32,
    /// Memory of one task in MiB.
    #[serde(default = "memory")]
    #[schemars(range(min = 512, max = 249856))]
    pub memory: u32,
    /// The processor that the image was built for.
    #[serde(default)]
    pub architecture: Architecture,
    /// Instead of the image's command.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// Instead of the image's entry point.
    #[serde(default)]
    pub entrypoint: Option<Vec<String>>,
    /// The port that the container listens on. Open to the load balancer when there are routes, and to the services that use this one.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Environment variables.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Scalar>")]
    pub environment: BTreeMap<String, String>,
    /// Environment variables whose values are secrets: the ARNs of secrets in Secrets Manager or of SSM parameters.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, SecretArn>")]
    pub secrets: BTreeMap<String, String>,
    /// How the load balancer finds out whether a task is well. Needs routes.
    #[serde(default)]
    pub health: Option<Health>,
    /// How many tasks. Without `count` and `scale`: one.
    #[serde(default)]
    #[schemars(range(max = 5000))]
    pub count: Option<u32>,
    /// As many tasks as the load asks for. Instead of `count`.
    #[serde(default)]
    pub scale: Option<Scale>,
    /// Which requests of the load balancer come here.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// What it talks to: `services.api`. Opens the ports and says where it is in environment variables: for a service
    /// `SERVICE_API_HOST`, `SERVICE_API_PORT` and `SERVICE_API_URL`.
    #[serde(default)]
    pub uses: Vec<String>,
    /// What the containers may do in AWS.
    #[serde(default)]
    pub policies: Vec<PolicyStatement>,
    /// Its logs.
    #[serde(default)]
    pub logs: Logs,
    /// How long the load balancer lets requests finish before a task is stopped, up to one hour.
    #[serde(default)]
    pub deregistration_delay: Option<Duration>,
    /// How long a container may take to stop after SIGTERM, 2 to 120 seconds.
    #[serde(default)]
    pub stop_timeout: Option<Duration>,
    /// How long after its start a task may fail health checks. Needs routes.
    #[serde(default)]
    pub grace: Option<Duration>,
    /// Whether it runs on Fargate Spot: cheaper, and stopped with two minutes' notice.
    #[serde(default)]
    pub spot: bool,
    /// Whether its tasks have public addresses of their own and so need no NAT gateway. Nobody else gets in by them: what may
    /// come in is the same.
    #[serde(default)]
    pub public: bool,
    /// Whether `aws ecs execute-command` may open a shell in it.
    #[serde(default)]
    pub exec: bool,
}

fn cpu() -> u32 {
    256
}

fn memory() -> u32 {
    512
}

impl Service {
    /// How many tasks it starts with: `count`, or the least of `scale`, or one.
    pub fn tasks(&self) -> u32 {
        self.count.or(self.scale.as_ref().map(|scale| scale.min)).unwrap_or(1)
    }
}

/// A processor's architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// Intel and AMD.
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    /// Graviton.
    Arm64,
}

/// How the load balancer finds out whether a task is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// The path that is asked.
    #[schemars(extend("format" = "stack-health-path"))]
    pub path: String,
    /// The time between two questions, 5 to 300 seconds.
    pub interval: Duration,
    /// How long an answer may take, 2 to 120 seconds; less than the interval.
    pub timeout: Duration,
    /// After how many good answers a task is well.
    #[schemars(range(min = 2, max = 10))]
    pub healthy: u8,
    /// After how many bad answers a task is not well.
    #[schemars(range(min = 2, max = 10))]
    pub unhealthy: u8,
    /// Which HTTP codes are good answers: `200`, `200,302` or `200-299`.
    pub codes: String,
}

impl Default for Health {
    fn default() -> Self {
        Health {
            path: "/".into(),
            interval: Duration::secs(10),
            timeout: Duration::secs(5),
            healthy: 2,
            unhealthy: 3,
            codes: "200-299".into(),
        }
    }
}

/// As many tasks as the load asks for. Without any target: 60 % CPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The least number of tasks.
    #[schemars(range(max = 5000))]
    pub min: u32,
    /// The greatest number of tasks.
    #[schemars(range(min = 1, max = 5000))]
    pub max: u32,
    /// The average CPU in percent that is aimed at.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub cpu: Option<u8>,
    /// The average memory in percent that is aimed at.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub memory: Option<u8>,
    /// The requests per task and minute that are aimed at. Needs routes.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub requests: Option<u32>,
}

impl Scale {
    /// The CPU target: as written, or 60 when there is no target at all.
    pub fn cpu_target(&self) -> Option<u8> {
        self.cpu.or((self.memory.is_none() && self.requests.is_none()).then_some(60))
    }
}

/// Where the containers' output goes: a log group in CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// For how long events are kept.
    pub retention: Retention,
}

impl Default for Logs {
    fn default() -> Self {
        Logs { retention: Retention::MONTH }
    }
}
