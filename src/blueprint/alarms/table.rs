//! What each alarm compares: the metrics are those of AWS's pages, the periods and thresholds such that an alarm means work for someone.
//!
//! Where AWS recommends a threshold (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Best_Practice_Recommended_Alarms_AWS_Services.html>)
//! it is near that. The table in docs/alarms.md is made from this one.

/// What is watched.
pub struct Watch {
    /// Where the file has its threshold: `services.cpu`.
    pub path: &'static str,
    pub namespace: &'static str,
    pub metric: &'static str,
    /// A metric that is subtracted.
    pub minus: Option<&'static str>,
    pub statistic: &'static str,
    /// Whether less than the threshold is trouble, and not more.
    pub below: bool,
    /// Seconds.
    pub period: i32,
    /// In how many periods in a row.
    pub periods: i32,
    /// What the threshold is measured in, for people.
    pub unit: &'static str,
    /// How much of what the file says is one of these: seconds of a day, where CloudWatch counts in days.
    pub per: f64,
    /// What is added to what the file says, which of a switch is nothing.
    pub plus: f64,
    /// What is the matter, for people who get the message: the threshold follows.
    pub trouble: &'static str,
    /// Why someone wants to know.
    pub why: &'static str,
}

impl Watch {
    /// Returns the word for it in its part: `cpu`.
    pub fn key(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, key)| key)
    }

    /// Returns what the names of such alarms begin with.
    pub fn group(&self) -> &'static str {
        match self.path.split('.').next() {
            Some("services") => "service",
            Some("databases") => "database",
            Some("caches") => "cache",
            Some("certificates") => "certificate",
            Some("queues") => "queue",
            Some("functions") => "function",
            Some("load_balancer") => "load-balancer",
            Some("cdn") => "cdn",
            Some("recovery") => "recovery",
            _ => "network",
        }
    }

    /// Returns when it goes off, for people: `CPU above 85 % for 15 minutes`. The threshold is as in the file.
    pub fn beyond(&self, threshold: f64) -> String {
        let word = if self.below { "below" } else { "above" };
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let (all, preposition) = (self.period * self.periods, if self.periods > 1 { "for" } else { "in" });
        let time = match all {
            86_400.. => String::new(),
            3_600.. => format!(" {preposition} an hour"),
            _ => format!(" {preposition} {} minutes", all / 60),
        };
        format!("{} {word} {}{unit}{time}", self.trouble, threshold / self.per + self.plus)
    }
}

const MINUTES: i32 = 60;

const fn watch(path: &'static str, namespace: &'static str, metric: &'static str, statistic: &'static str) -> Watch {
    Watch {
        path,
        namespace,
        metric,
        minus: None,
        statistic,
        below: false,
        period: 5 * MINUTES,
        periods: 3,
        unit: "",
        per: 1.0,
        plus: 0.0,
        trouble: "",
        why: "",
    }
}

impl Watch {
    const fn said(self, trouble: &'static str, unit: &'static str, why: &'static str) -> Watch {
        Watch { unit, trouble, why, ..self }
    }

    const fn every(self, period: i32, periods: i32) -> Watch {
        Watch { period, periods, ..self }
    }

    const fn below(self) -> Watch {
        Watch { below: true, ..self }
    }
}

const ECS: &str = "AWS/ECS";
const BALANCER: &str = "AWS/ApplicationELB";
const RDS: &str = "AWS/RDS";
const CACHE: &str = "AWS/ElastiCache";

/// Every alarm.
pub const ALL: &[Watch] = &[
    watch("services.cpu", ECS, "CPUUtilization", "Average").said(
        "CPU",
        "%",
        "answers become slow; with `scale` this is beyond what scaling keeps it at",
    ),
    watch("services.memory", ECS, "MemoryUtilization", "Average").said("memory", "%", "beyond 100 % tasks are killed"),
    Watch {
        minus: Some("RunningTaskCount"),
        ..watch("services.running", "ECS/ContainerInsights", "DesiredTaskCount", "Average")
    }
    .every(MINUTES, 15)
    .said("missing tasks", "", "tasks do not start, or end again and again"),
    watch("services.errors", BALANCER, "HTTPCode_Target_5XX_Count", "Sum").every(5 * MINUTES, 1).said(
        "5xx answers",
        "",
        "users see errors of the service",
    ),
    watch("services.latency", BALANCER, "TargetResponseTime", "p99").said(
        "time of the slowest answers, one in a hundred,",
        "s",
        "users wait",
    ),
    watch("services.unhealthy", BALANCER, "UnHealthyHostCount", "Maximum").every(MINUTES, 10).said(
        "tasks that fail their health checks",
        "",
        "tasks get no requests, and are replaced again and again",
    ),
    watch("services.restarts", "AWS/Events", "TriggeredRules", "Sum").every(15 * MINUTES, 1).said(
        "tasks that end by themselves or cannot start",
        "",
        "tasks crash, run out of memory, or their image cannot be pulled; others take their place each time",
    ),
    watch("load_balancer.errors", BALANCER, "HTTPCode_ELB_5XX_Count", "Sum").every(5 * MINUTES, 1).said(
        "5xx answers of the load balancer itself",
        "",
        "no task answered, in time or at all",
    ),
    watch("load_balancer.rejected", BALANCER, "RejectedConnectionCount", "Sum").every(5 * MINUTES, 1).said(
        "rejected connections",
        "",
        "the load balancer is at its limit",
    ),
    watch("databases.cpu", RDS, "CPUUtilization", "Average").said("CPU", "%", "queries become slow"),
    watch("databases.storage_free", RDS, "FreeStorageSpace", "Minimum").below().said(
        "free storage",
        "%",
        "a database without storage stops",
    ),
    watch("databases.memory_free", RDS, "FreeableMemory", "Average").below().said(
        "free memory",
        "%",
        "the database swaps, and then restarts",
    ),
    watch("databases.connections", RDS, "DatabaseConnections", "Average").said(
        "connections in use",
        "%",
        "further connections are refused",
    ),
    watch("databases.replica_lag", RDS, "ReplicaLag", "Maximum").every(MINUTES, 10).said(
        "replica lag",
        "s",
        "readers see old data",
    ),
    watch("databases.credits", RDS, "CPUSurplusCreditsCharged", "Sum").every(60 * MINUTES, 1).said(
        "charged CPU credits",
        "",
        "the class is too small for what it does, and costs more than a larger one",
    ),
    watch("caches.cpu", CACHE, "EngineCPUUtilization", "Average").said(
        "CPU",
        "%",
        "the engine has one thread: answers become slow",
    ),
    watch("caches.memory", CACHE, "DatabaseMemoryUsagePercentage", "Average").said(
        "memory",
        "%",
        "keys are evicted, or writes refused",
    ),
    watch("caches.evictions", CACHE, "Evictions", "Sum").said(
        "evicted keys in 5 minutes",
        "",
        "the cache is too small for what is in it",
    ),
    watch("caches.replica_lag", CACHE, "ReplicationLag", "Maximum").every(MINUTES, 10).said(
        "replica lag",
        "s",
        "readers see old data, and a failover loses more of it",
    ),
    watch("network.nat_ports", "AWS/NATGateway", "ErrorPortAllocation", "Sum").said(
        "connections without a NAT port",
        "",
        "connections to the internet fail",
    ),
    watch("cdn.errors", "AWS/CloudFront", "5xxErrorRate", "Average").said("5xx answers", "%", "users see errors"),
    // 1 is healthy (<https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-cloudwatch.html>).
    Watch { plus: 1.0, ..watch("recovery.health_check", "AWS/Route53", "HealthCheckStatus", "Minimum") }
        .below()
        .every(MINUTES, 5)
        .said(
            "status of the region's health check",
            "",
            "the application does not answer there, and users are led to the other region",
        ),
    Watch { per: 86_400.0, ..watch("certificates.expiry", "AWS/CertificateManager", "DaysToExpiry", "Minimum") }
        .below()
        .every(1_440 * MINUTES, 1)
        .said("days until it expires", "", "ACM could not renew it: its record is gone, or it was imported"),
    watch("queues.age", "AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum").said(
        "age of the oldest message",
        "s",
        "messages come faster than they are received, or are not received",
    ),
    watch("queues.dead_letters", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum").every(5 * MINUTES, 1).said(
        "dead letters",
        "",
        "messages were given up",
    ),
    watch("functions.errors", "AWS/Lambda", "Errors", "Sum").every(5 * MINUTES, 1).said(
        "failed invocations",
        "",
        "the function fails",
    ),
    watch("functions.throttles", "AWS/Lambda", "Throttles", "Sum").every(5 * MINUTES, 1).said(
        "throttled invocations",
        "",
        "the account's concurrency, or the function's, is used up",
    ),
];

/// The engine's CPU where there is no such metric: of Memcached.
pub const MEMCACHED_CPU: Watch =
    Watch { metric: "CPUUtilization", ..watch("caches.cpu", CACHE, "", "Average").said("CPU", "%", "answers become slow") };

/// Returns the row of an alarm. Every path that code asks for is in the table, which a test holds.
pub fn row(path: &str) -> &'static Watch {
    ALL.iter().find(|watch| watch.path == path).unwrap_or(&ALL[0])
}
