//! The section `recovery`: a second region, and what is to be lost at most when the first one fails.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::regions;
use super::values::Duration;

const DAY: u64 = 86_400;

/// A second region in which the stack is brought up when its own fails, and what may be lost then. The automated backups of all databases
/// are replicated into it; `mode` says what is kept there besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// The second region. With another one, the backups in the old one are not continued.
    #[schemars(extend("format" = "stack-region", "pattern" = regions::PATTERN, "examples" = ["eu-central-1"], "patternErrorMessage" = "write the code of a region, like `us-east-1` or `eu-central-1`"))]
    pub region: String,
    /// What is kept ready there. With another mode than `backup` there is a standby, which `stack recovery apply` brings up and keeps as the
    /// file says.
    #[serde(default)]
    pub mode: Mode,
    /// How much may be lost: what was written during this time before the region failed. `stack recovery check` measures it. At least
    /// `5m`, as RDS uploads logs every five minutes.
    #[schemars(example = &"15m")]
    pub rpo: Duration,
    /// How long the failover may take, until the stack serves in the second region. `stack failover --rehearse` measures it.
    #[schemars(example = &"2h")]
    pub rto: Duration,
    /// How long the backups are kept there, in whole days from `1d` to `35d`. With another time, replication starts again with a copy of
    /// everything.
    #[serde(default = "keep")]
    pub keep: Duration,
    /// The ARN of the KMS key of that region which encrypts the backups there. It cannot be changed while AWS has backups with
    /// the former one. Default: AWS's own key for RDS.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^arn:[^:]+:kms:[^:]+:[^:]+:key/.+$", "patternErrorMessage" = "write the ARN of a KMS key (`arn:aws:kms:…:key/…`, not of an alias)", "examples" = ["arn:aws:kms:eu-central-1:123456789012:key/0123abcd"]))]
    pub key: Option<String>,
    /// How Route 53 asks from outside whether the application answers, in each region that serves: public names of the load balancer lead
    /// only to a region where it does. Needs `mode: warm_standby` or `active_active`. Default: no health checks, and only the load balancers'
    /// own health counts.
    #[serde(default)]
    pub health_check: Option<HealthCheck>,
}

/// A health check of Route 53 for each region that serves. It asks the load balancer under its own DNS name by HTTPS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// The path that is requested, which a route without a host name must lead to a service. An answer with a status from 200 to 399 is
    /// healthy.
    #[schemars(extend("pattern" = "^/", "examples" = ["/health"], "patternErrorMessage" = "a path starts with a slash: `/health`"), length(max = 255))]
    pub path: String,
    /// The time between two requests of one of Route 53's checkers, `30s` or `10s`. The shorter one costs more. Default: `30s`.
    #[serde(default = "interval")]
    #[schemars(example = &"10s")]
    pub interval: Duration,
    /// The number of failed requests in a row after which a region is unhealthy, and of successful ones after which it is healthy again, 1 to
    /// 10. Default: 3.
    #[serde(default = "unhealthy")]
    #[schemars(range(min = 1, max = 10))]
    pub unhealthy: u8,
}

/// What is kept ready in the second region; every mode has what those before it have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The data: backups of databases.
    #[default]
    Backup,
    /// Databases that follow those of the first region, and everything else without tasks and without NAT gateways.
    PilotLight,
    /// All of it, with as few tasks as the file permits: it serves, and what it writes is refused until the failover.
    WarmStandby,
    /// All of it in full size, and public names lead to the nearer region. Only the first region takes writes.
    ActiveActive,
}

impl Mode {
    /// Returns how it is written in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Backup => "backup",
            Mode::PilotLight => "pilot_light",
            Mode::WarmStandby => "warm_standby",
            Mode::ActiveActive => "active_active",
        }
    }
}

impl Mode {
    /// Checks whether there is a standby.
    pub fn has_standby(self) -> bool {
        self != Mode::Backup
    }

    /// Checks whether the standby has tasks.
    pub fn serves(self) -> bool {
        matches!(self, Mode::WarmStandby | Mode::ActiveActive)
    }
}

/// What a stack is in its second region. No file says so: `stack recovery` and `stack failover` plan it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Second {
    /// The first region.
    pub home: String,
    /// What is kept ready.
    pub mode: Mode,
    /// Whether it follows the first region; otherwise it takes over.
    pub follows: bool,
    /// The ARNs of the databases that its own follow, by their names in the file.
    pub sources: BTreeMap<String, String>,
    /// How Route 53 asks from outside whether it serves, as the section `recovery` has it.
    pub health_check: Option<HealthCheck>,
}

impl Recovery {
    /// Returns the days for which backups are kept there.
    pub fn days(&self) -> i32 {
        i32::try_from(self.keep.as_secs() / DAY).unwrap_or(i32::MAX)
    }
}

/// As RDS has it (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartDBInstanceAutomatedBackupsReplication.html>).
fn keep() -> Duration {
    Duration::secs(7 * DAY)
}

/// As Route 53 has both (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html>).
fn interval() -> Duration {
    Duration::secs(30)
}

fn unhealthy() -> u8 {
    3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_written_as_it_is_read() {
        for mode in [Mode::Backup, Mode::PilotLight, Mode::WarmStandby, Mode::ActiveActive] {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
        }
    }
}
