//! The section `services`: containers on Fargate.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::PolicyStatement;
use super::route::Route;
use super::scalar::{Scalar, SecretArn};
use super::values::{Duration, Name, Retention};

/// An image as a regular expression: no spaces, and no `$` but in references. Its whole syntax is checked for sense.
pub(crate) const IMAGE: &str = r"^([^\s$]|\$\{[a-z0-9-]+\.[a-z0-9_-]+/[^}]+\})+$";

/// A service: containers on Fargate. With a `port` it accepts requests; without one it is a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The container image: a registry, a repository and a tag or digest, or `existing.repositories.NAME:TAG`.
    #[schemars(extend("pattern" = IMAGE, "patternErrorMessage" = "write an image like `public.ecr.aws/nginx/nginx:1.27`, without spaces and `$`"), example = &"public.ecr.aws/nginx/nginx:1.27", length(min = 1))]
    pub image: String,
    /// CPU units of one task; 1024 are one vCPU. They determine which `memory` is possible.
    #[serde(default = "cpu")]
    #[schemars(extend("enum" = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768]))]
    pub cpu: u32,
    /// Memory of one task, in MiB. `cpu` determines what is possible.
    #[serde(default = "memory")]
    #[schemars(range(min = 512, max = 249856))]
    pub memory: u32,
    /// The processor architecture that the image was built for.
    #[serde(default)]
    pub architecture: Architecture,
    /// The command that the containers run, as a list. Default: the image's.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// The entry point of the containers, as a list. Default: the image's.
    #[serde(default)]
    pub entrypoint: Option<Vec<String>>,
    /// The port that the container listens on. It is opened to the load balancer if there are `routes`, and to services that use
    /// this one. Default: none, and the service is a worker.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Environment variables. Secret values belong in `secrets`. Default: none.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Scalar>")]
    pub environment: BTreeMap<String, String>,
    /// Environment variables with secret values, which ECS reads when a task starts: the ARNs of Secrets Manager secrets or SSM
    /// parameters. Default: none.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, SecretArn>")]
    pub secrets: BTreeMap<String, String>,
    /// The load balancer's health check. Needs `routes`. Default: `/` every `10s`.
    #[serde(default)]
    pub health: Option<Health>,
    /// The number of tasks, when it is fixed. Default: 1, unless there is `scale`.
    #[serde(default)]
    #[schemars(range(max = 5000))]
    pub count: Option<u32>,
    /// Autoscaling of the number of tasks, instead of `count`. Default: none.
    #[serde(default)]
    pub scale: Option<Scale>,
    /// The requests that the load balancer sends to this service. Needs a `port`. Default: none.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// What the service connects to: `services.NAME`, `databases.NAME`, `caches.NAME` or `existing.databases.NAME`. It opens
    /// their ports to this service, and sets environment variables such as `SERVICE_API_URL` or `DATABASE_MAIN_HOST`. Default:
    /// nothing.
    #[serde(default)]
    #[schemars(extend("items" = {
        "type": "string", "format": "stack-sense", "pattern": r"^(services|databases|caches|existing\.databases)\.[a-z][a-z0-9-]*$",
        "patternErrorMessage": "write `services.NAME`, `databases.NAME`, `caches.NAME` or `existing.databases.NAME`",
        "examples": ["services.api", "databases.main", "caches.main", "existing.databases.main"],
    }))]
    pub uses: Vec<String>,
    /// What the containers may do with the objects of `buckets`, by the name of the bucket. It gives them permissions for that bucket alone
    /// and for its key, and sets an environment variable such as `BUCKET_UPLOADS_NAME`. Default: nothing.
    #[serde(default)]
    #[schemars(example = &BTreeMap::from([("uploads", "read-write")]))]
    pub buckets: BTreeMap<Name, BucketAccess>,
    /// What the containers may do in AWS: statements of an IAM policy. Default: nothing.
    #[serde(default)]
    pub policies: Vec<PolicyStatement>,
    /// The log group that the containers write to.
    #[serde(default)]
    pub logs: Logs,
    /// How long the load balancer waits for requests in flight before a task is stopped, up to `3600s`. Needs `routes`. Default:
    /// `30s`.
    #[serde(default)]
    pub deregistration_delay: Option<Duration>,
    /// How long a container may take to stop after SIGTERM, from `2s` to `120s`. Default: `30s`.
    #[serde(default)]
    pub stop_timeout: Option<Duration>,
    /// How long after its start a task may fail health checks. Needs `routes`. Default: `60s`.
    #[serde(default)]
    pub grace: Option<Duration>,
    /// Whether tasks run on Fargate Spot, which costs less and stops tasks with two minutes' notice.
    #[serde(default)]
    pub spot: bool,
    /// Whether tasks run in public subnets with public addresses, and so need no NAT gateway. It does not change who may connect
    /// to them.
    #[serde(default)]
    pub public: bool,
    /// Whether `aws ecs execute-command` may open a shell in the containers.
    #[serde(default)]
    pub exec: bool,
    /// Whether the containers' root filesystem is read-only. The directories in `writable` stay writable. `exec` then does not work.
    #[serde(default)]
    pub readonly_root: bool,
    /// Directories that the containers may write to when `readonly_root` is on, each an empty volume of the task that is deleted with
    /// it. Default: none.
    #[serde(default)]
    #[schemars(example = &["/tmp"])]
    pub writable: Vec<String>,
}

/// The default CPU units of a task.
pub const CPU: u32 = 256;
/// The default memory of a task, in MiB.
pub const MEMORY: u32 = 512;

fn cpu() -> u32 {
    CPU
}

fn memory() -> u32 {
    MEMORY
}

impl Service {
    /// Returns the number of tasks that it starts with: `count`, the minimum of `scale`, or one.
    pub fn tasks(&self) -> u32 {
        self.count.or(self.scale.as_ref().map(|scale| scale.min)).unwrap_or(1)
    }
}

/// What a service may do with the objects of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BucketAccess {
    /// Read and list them.
    Read,
    /// Read, list, write and delete them. Old versions stay.
    ReadWrite,
}

/// A processor architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// Intel and AMD.
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    /// AWS Graviton.
    Arm64,
}

/// The load balancer's health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// The path that is requested.
    #[schemars(extend("format" = "stack-health-path", "pattern" = "^/", "examples" = ["/health"], "patternErrorMessage" = "a path starts with a slash: `/health`"))]
    pub path: String,
    /// The time between two checks, from `5s` to `300s`.
    pub interval: Duration,
    /// The time that a response may take, from `2s` to `120s`, and less than `interval`.
    pub timeout: Duration,
    /// The number of successful checks in a row after which a task is healthy, 2 to 10.
    #[schemars(range(min = 2, max = 10))]
    pub healthy: u8,
    /// The number of failed checks in a row after which a task is unhealthy, 2 to 10.
    #[schemars(range(min = 2, max = 10))]
    pub unhealthy: u8,
    /// The HTTP codes of a successful check: `200`, `200,302` or `200-299`.
    #[schemars(extend("format" = "stack-sense", "pattern" = r"^[2-4][0-9]{2}(-[2-4][0-9]{2})?(,[2-4][0-9]{2}(-[2-4][0-9]{2})?)*$", "examples" = ["200", "200,302", "200-299"], "patternErrorMessage" = "write codes from 200 to 499, like `200`, `200,302` or `200-299`"))]
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

/// Autoscaling of the number of tasks. Without any target, the target is 60 % CPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The minimum number of tasks.
    #[schemars(range(max = 5000))]
    pub min: u32,
    /// The maximum number of tasks.
    #[schemars(range(min = 1, max = 5000))]
    pub max: u32,
    /// The target for average CPU usage, in percent. Default: 60 if there is no other target, none otherwise.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub cpu: Option<u8>,
    /// The target for average memory usage, in percent. Default: none.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub memory: Option<u8>,
    /// The target for requests per task and minute. Needs `routes`. Default: none.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub requests: Option<u32>,
}

impl Scale {
    /// Returns the CPU target in percent: as written, or 60 without any target.
    pub fn cpu_target(&self) -> Option<u8> {
        self.cpu.or((self.memory.is_none() && self.requests.is_none()).then_some(60))
    }
}

/// The log group in CloudWatch Logs that the containers write to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// How long CloudWatch Logs keeps log events.
    pub retention: Retention,
}

impl Default for Logs {
    fn default() -> Self {
        Logs { retention: Retention::MONTH }
    }
}
