//! The section `alarms`: from which thresholds on a part of the stack is in trouble, and who is notified.

mod thresholds;

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::or_off;
use super::scalar::PATTERN_MESSAGE;
use super::values::{Duration, Name};

pub use thresholds::{Count, OFF, Percent, Switch, Threshold, Time, Unit};

/// Alarms for every part of the stack, and who is notified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alarms {
    /// The email addresses that receive notifications. AWS sends each a link first, and nothing else until its owner has followed it.
    /// Default: none.
    #[schemars(with = "Vec<Email>")]
    pub email: Vec<String>,
    /// The HTTPS addresses that receive notifications: of a pager, or of a program of your own. SNS posts each a message with a link
    /// first, and nothing else until it is followed. Default: none.
    #[schemars(with = "Vec<Https>")]
    pub https: Vec<String>,
    /// The channels of Slack that receive notifications, from Amazon Q Developer in chat applications. An administrator of the workspace
    /// authorizes it beforehand, once, in its console. Default: none.
    pub slack: Vec<Slack>,
    /// The channels of Microsoft Teams that receive notifications, from Amazon Q Developer in chat applications. An administrator of the
    /// tenant authorizes it for the team beforehand, once, in its console. Default: none.
    pub teams: Vec<Teams>,
    /// The ARNs of further SNS topics that receive notifications, at most four. An alarm notifies those of its own region: nearly all are in
    /// the stack's; those of `cdn`, its certificate and health checks are in `us-east-1`. Default: none.
    #[schemars(with = "Vec<TopicArn>", length(max = 4))]
    pub topics: Vec<String>,
    /// Whether the combined alarms also notify individually. Default: `false`.
    pub each: bool,
    /// The time before the environment expires at which its subscribers are notified, if it has a `ttl`; of an environment that has less than
    /// twice as long left, 1 day, 6 hours, 1 hour or 15 minutes before.
    pub expiry: Threshold<Time>,
    /// Thresholds of the alarms of services.
    pub services: ServiceAlarms,
    /// Thresholds of the alarms of the load balancer.
    pub load_balancer: LoadBalancerAlarms,
    /// Thresholds of the alarms of a database or a replica.
    pub databases: DatabaseAlarms,
    /// Thresholds of the alarms of a node of a cache.
    pub caches: CacheAlarms,
    /// Thresholds of the alarms of the network.
    pub network: NetworkAlarms,
    /// Thresholds of the alarms of the CloudFront distribution. They are in `us-east-1`, where CloudFront reports.
    pub cdn: CdnAlarms,
    /// The alarms of a second region. They are in `us-east-1`, where Route 53 reports.
    pub recovery: RecoveryAlarms,
    /// Thresholds of the alarms of a certificate. They are in its region: that of the stack, or for `cdn` `us-east-1`.
    pub certificates: CertificateAlarms,
    /// Thresholds of the alarms of a queue of `resources`.
    pub queues: QueueAlarms,
    /// Thresholds of the alarms of a Lambda function.
    pub functions: FunctionAlarms,
    /// Alarms on lines of the logs of services, by names of your choice.
    pub logs: BTreeMap<Name, LogAlarm>,
    /// The parts that have no alarms, or not this one: `services.worker`, or `services.worker.cpu`. Default: none.
    #[schemars(example = &["services.worker.cpu"])]
    pub off: Vec<String>,
}

/// A channel of Slack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The ID of the workspace: its console shows it, and so does the address of Slack in a browser.
    #[schemars(example = &"T0123456789", regex(pattern = r"^[0-9A-Z]{1,255}$"))]
    pub workspace: String,
    /// The ID of the channel: the end of its link.
    #[schemars(example = &"C0123456789", regex(pattern = r"^[0-9A-Z]{1,255}$"))]
    pub channel: String,
}

/// A channel of Microsoft Teams. Its link has all three: `https://teams.microsoft.com/l/channel/CHANNEL/NAME?groupId=TEAM&tenantId=TENANT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Teams {
    /// The ID of the tenant: `tenantId` in the link of the channel.
    #[schemars(example = &"0a1b2c3d-0000-4000-8000-000000000000", extend("pattern" = UUID, "patternErrorMessage" = UUID_MESSAGE))]
    pub tenant: String,
    /// The ID of the team: `groupId` in the link of the channel.
    #[schemars(example = &"0a1b2c3d-0000-4000-8000-000000000001", extend("pattern" = UUID, "patternErrorMessage" = UUID_MESSAGE))]
    pub team: String,
    /// The ID of the channel, as its link has it.
    #[schemars(example = &"19%3a0123456789abcdef%40thread.tacv2", extend("pattern" = r"^[a-zA-Z0-9_=+/.,-]*%3[aA][a-zA-Z0-9_=+/.,-]*%40[a-zA-Z0-9_=+/.,-]*$", "patternErrorMessage" = "write the ID as the link of the channel has it, with `%3a` and `%40`: `19%3a0123456789abcdef%40thread.tacv2`"))]
    pub channel: String,
}

const UUID: &str = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$";
const UUID_MESSAGE: &str = "write the ID as the link of the channel has it: `0a1b2c3d-0000-4000-8000-000000000000`";

/// An alarm on lines of a service's log. Only lines that come once it exists count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogAlarm {
    /// The service whose log is watched.
    pub service: Name,
    /// Which lines count, as CloudWatch Logs writes it: `ERROR`, or `{ $.level = "error" }`.
    #[schemars(example = &"ERROR", length(min = 1, max = 1024))]
    pub pattern: String,
    /// The number of such lines in a `period` beyond which it goes off. Default: `0`.
    #[serde(default)]
    pub threshold: u32,
    /// The time in which lines are counted, in whole minutes. Default: `5m`.
    #[serde(default = "five_minutes")]
    pub period: Duration,
}

/// Reads and writes the section where `off` stands for none. A file without it has it with its defaults.
pub(super) mod watched {
    use super::*;

    pub fn default() -> Option<Alarms> {
        Some(Alarms::default())
    }

    pub fn serialize<S: Serializer>(section: &Option<Alarms>, serializer: S) -> Result<S::Ok, S::Error> {
        or_off::write(section, serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Alarms>, D::Error> {
        or_off::read(deserializer, default)
    }
}

fn five_minutes() -> Duration {
    Duration::secs(300)
}

/// Declares the thresholds of a part: for each its key, its unit and its default.
macro_rules! thresholds {
    ($(#[$doc:meta])* $type:ident { $($(#[$key_doc:meta])* $key:ident: $unit:ident = $default:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $type {
            $($(#[$key_doc])* pub $key: Threshold<$unit>,)*
        }

        impl Default for $type {
            fn default() -> Self {
                $type { $($key: Threshold::At($unit($default)),)* }
            }
        }

        impl $type {
            fn values(&self) -> Vec<(&'static str, Option<f64>)> {
                vec![$((stringify!($key), self.$key.value()),)*]
            }
        }
    };
}

thresholds! {
    /// The alarms of services.
    ServiceAlarms {
        /// The percentage of its CPU that a service uses for 15 minutes.
        cpu: Percent = 85.0,
        /// The percentage of its memory that a service uses for 15 minutes.
        memory: Percent = 85.0,
        /// The number of tasks that are missing for 15 minutes.
        running: Count = 0.0,
        /// The number of answers with a status from 500 on in 5 minutes.
        errors: Count = 10.0,
        /// The time that the slowest answer of a hundred takes, for 15 minutes.
        latency: Time = 2.0,
        /// The number of tasks that fail their health checks for 10 minutes.
        unhealthy: Count = 0.0,
        /// The number of tasks in 15 minutes that end by themselves or cannot start.
        restarts: Count = 2.0,
        /// Whether failed deployments are reported.
        deployments: Switch = 0.0,
        /// Whether the alarms of a service notify through one combined alarm, and not each by itself. Only where there are several.
        together: Switch = 0.0,
    }
}

thresholds! {
    /// The alarms of the load balancer.
    LoadBalancerAlarms {
        /// The number of answers with a status from 500 on in 5 minutes that come from the load balancer itself: no service answered.
        errors: Count = 10.0,
        /// The number of connections that are rejected in 5 minutes because there are too many.
        rejected: Count = 0.0,
    }
}

thresholds! {
    /// The alarms of databases and their replicas.
    DatabaseAlarms {
        /// The percentage of its CPU that a database uses for 15 minutes.
        cpu: Percent = 90.0,
        /// The percentage of `storage` that is free, if there is less for 15 minutes.
        storage_free: Percent = 10.0,
        /// The percentage of its memory that is free, if there is less for 15 minutes.
        memory_free: Percent = 5.0,
        /// The percentage of its connections that is in use for 15 minutes.
        connections: Percent = 80.0,
        /// The time by which a replica is behind for 10 minutes.
        replica_lag: Time = 60.0,
        /// The number of CPU credits in an hour that are charged for, because a `t` class is busier than it is made for.
        credits: Count = 0.0,
        /// Whether RDS's own events are reported: failures, failovers, changes, maintenance.
        events: Switch = 0.0,
        /// Whether AWS Health's announcements about RDS in the account and region are reported: maintenance, the end of certificates.
        notices: Switch = 0.0,
    }
}

thresholds! {
    /// The alarms of caches.
    CacheAlarms {
        /// The percentage of its CPU that a node uses for 15 minutes.
        cpu: Percent = 90.0,
        /// The percentage of its memory that a node of Valkey or Redis uses for 15 minutes.
        memory: Percent = 90.0,
        /// The number of keys that a node removes for want of memory in 5 minutes, for 15 minutes.
        evictions: Count = 1000.0,
        /// The time by which a replica is behind for 10 minutes.
        replica_lag: Time = 30.0,
    }
}

thresholds! {
    /// The alarms of the network.
    NetworkAlarms {
        /// The number of connections in 5 minutes for which a NAT gateway has no port left, for 15 minutes.
        nat_ports: Count = 0.0,
    }
}

thresholds! {
    /// The alarms of the CloudFront distribution.
    CdnAlarms {
        /// The percentage of answers with a status from 500 on, for 15 minutes.
        errors: Percent = 5.0,
    }
}

thresholds! {
    /// The alarms of a second region.
    RecoveryAlarms {
        /// Whether there is an alarm for the health check of each region that serves.
        health_check: Switch = 0.0,
    }
}

thresholds! {
    /// The alarms of certificates.
    CertificateAlarms {
        /// The time until a certificate expires, in whole days. ACM renews its own certificates earlier than the default.
        expiry: Time = 2_592_000.0,
    }
}

thresholds! {
    /// The alarms of queues.
    QueueAlarms {
        /// The age of the oldest message, for 15 minutes.
        age: Time = 900.0,
        /// The number of messages in a queue that is the dead-letter queue of another one.
        dead_letters: Count = 0.0,
    }
}

thresholds! {
    /// The alarms of Lambda functions.
    FunctionAlarms {
        /// The number of invocations that fail in 5 minutes.
        errors: Count = 0.0,
        /// The number of invocations that are throttled in 5 minutes.
        throttles: Count = 0.0,
    }
}

impl Default for Alarms {
    fn default() -> Self {
        Alarms {
            email: Vec::new(),
            https: Vec::new(),
            slack: Vec::new(),
            teams: Vec::new(),
            topics: Vec::new(),
            each: false,
            expiry: Threshold::At(Time(86_400.0)),
            services: ServiceAlarms::default(),
            load_balancer: LoadBalancerAlarms::default(),
            databases: DatabaseAlarms::default(),
            caches: CacheAlarms::default(),
            network: NetworkAlarms::default(),
            cdn: CdnAlarms::default(),
            recovery: RecoveryAlarms::default(),
            certificates: CertificateAlarms::default(),
            queues: QueueAlarms::default(),
            functions: FunctionAlarms::default(),
            logs: BTreeMap::new(),
            off: Vec::new(),
        }
    }
}

impl Alarms {
    /// Returns how many seconds before the environment expires its subscribers are notified at most, if they are.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It was made from whole seconds.
    pub fn before_expiry(&self) -> Option<u64> {
        self.expiry.value().map(|seconds| seconds as u64)
    }

    /// Checks whether the file names a recipient of notifications.
    pub fn tells(&self) -> bool {
        self.has_subscribers() || !self.topics.is_empty()
    }

    /// Checks whether there are subscribers to a topic of the stack's own.
    pub fn has_subscribers(&self) -> bool {
        !self.email.is_empty() || !self.https.is_empty() || !self.slack.is_empty() || !self.teams.is_empty()
    }

    /// Checks whether there can be a topic of the stack's own: for its own subscribers, or for what else publishes to it.
    pub fn has_topic(&self) -> bool {
        self.has_subscribers() || self.topics.is_empty()
    }

    /// Returns the threshold at a path such as `services.cpu`: a percentage, a number, or seconds. None if the alarm is off, or does not
    /// exist.
    pub fn threshold(&self, path: &str) -> Option<f64> {
        let (part, key) = path.split_once('.')?;
        let values = match part {
            "services" => self.services.values(),
            "load_balancer" => self.load_balancer.values(),
            "databases" => self.databases.values(),
            "caches" => self.caches.values(),
            "network" => self.network.values(),
            "cdn" => self.cdn.values(),
            "recovery" => self.recovery.values(),
            "certificates" => self.certificates.values(),
            "queues" => self.queues.values(),
            "functions" => self.functions.values(),
            _ => return None,
        };
        values.into_iter().find(|(name, _)| *name == key)?.1
    }
}

/// An email address; only its schema is used.
pub(super) struct Email;

impl JsonSchema for Email {
    fn schema_name() -> Cow<'static, str> {
        "Email".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$", PATTERN_MESSAGE: "write an email address, like `ops@example.com`",
            "examples": ["ops@example.com"],
        })
    }
}

/// An HTTPS address; only its schema is used.
struct Https;

impl JsonSchema for Https {
    fn schema_name() -> Cow<'static, str> {
        "Https".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": r"^https://[^\s/@:?#]+(:[0-9]+)?([/?]\S*)?$",
            PATTERN_MESSAGE: "write an address like `https://ops.example.com/alarms`, without user and password, which everyone who reads the file would see",
            "examples": ["https://ops.example.com/alarms"],
        })
    }
}

/// The ARN of a topic; only its schema is used.
struct TopicArn;

impl JsonSchema for TopicArn {
    fn schema_name() -> Cow<'static, str> {
        "TopicArn".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": r"^(arn:[^:]+:sns:[^:]+:[0-9]{12}:[A-Za-z0-9_-]+|\$\{.+\})$",
            PATTERN_MESSAGE: "write the ARN of an SNS topic, like `arn:aws:sns:us-east-1:123456789012:ops`, or `${sns.topic/NAME.arn}`",
            "examples": ["arn:aws:sns:us-east-1:123456789012:ops"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_found_by_its_path() {
        let alarms: Alarms = serde_json::from_value(serde_json::json!({"services": {"cpu": "70", "memory": "off"}})).unwrap();
        let found = ["services.cpu", "services.memory", "services.errors", "certificates.expiry", "services.nope", "services"];
        let found = found.map(|path| alarms.threshold(path));
        assert_eq!(found, [Some(70.0), None, Some(10.0), Some(2_592_000.0), None, None]);
    }
}
