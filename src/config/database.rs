//! A database: an RDS instance and its read replicas.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::Scalar;
use super::values::{Duration, Name, Rotation, Size};

/// From how many GiB on `gp3` storage is made of several volumes.
pub const STRIPED: u32 = 400;
/// The IOPS and the throughput of such storage when nothing is said.
pub const BASELINE: (u32, u32) = (12_000, 500);

/// A managed database on RDS. Its master password is made and kept by Secrets Manager; nobody sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Which database.
    pub engine: DatabaseEngine,
    /// Its version, or the beginning of it: `"16"` is satisfied by any 16.x, and never downgraded.
    #[schemars(with = "Scalar")]
    pub version: String,
    /// The instance class.
    #[serde(default = "class")]
    #[schemars(extend("pattern" = r"^db\.[a-z0-9-]+\.[a-z0-9]+$"), example = &"db.t4g.medium")]
    pub class: String,
    /// How much storage it begins with. It can grow and never shrink.
    #[serde(default = "storage")]
    pub storage: Size,
    /// Up to how much storage AWS may add by itself. Left out: none.
    #[serde(default)]
    pub max_storage: Option<Size>,
    /// How many reads and writes a second the storage takes, from 400GiB on: 12000 to 64000. Left out: 12000, and 3000 below 400GiB.
    #[serde(default)]
    pub iops: Option<u32>,
    /// How many MiB a second the storage takes, from 400GiB on: 500 to 4000. Left out: 500, and 125 below 400GiB.
    #[serde(default)]
    pub throughput: Option<u32>,
    /// Whether a standby in another zone takes over when this one fails.
    #[serde(default)]
    pub multi_az: bool,
    /// For how long daily backups are kept, `1d` to `35d`; `0d` turns them off.
    #[serde(default = "backups")]
    pub backups: Duration,
    /// When the daily backup begins, in UTC: `03:00-03:30`.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^\d{2}:\d{2}-\d{2}:\d{2}$"), example = &"03:00-03:30")]
    pub backup_window: Option<String>,
    /// When AWS may do maintenance, in UTC: `sun:04:00-sun:04:30`.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^[a-z]{3}:\d{2}:\d{2}-[a-z]{3}:\d{2}:\d{2}$"), example = &"sun:04:00-sun:04:30")]
    pub maintenance_window: Option<String>,
    /// Whether AWS refuses to delete it. `stack` turns it off only with consent to the deletion by name.
    #[serde(default = "yes")]
    pub deletion_protection: bool,
    /// The name of the database in it. Left out: the stack's name.
    #[serde(default)]
    #[schemars(extend("pattern" = "^[a-zA-Z][a-zA-Z0-9_]{0,62}$"))]
    pub database: Option<String>,
    /// The master user's name. Left out: `app`.
    #[serde(default)]
    #[schemars(extend("pattern" = "^[a-zA-Z][a-zA-Z0-9_]{0,15}$"))]
    pub user: Option<String>,
    /// Its master password.
    #[serde(default)]
    pub password: Password,
    /// The port, when it is not the engine's own.
    #[serde(default)]
    #[schemars(range(min = 1150))]
    pub port: Option<u16>,
    /// Parameters of the engine by their own names.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Scalar>")]
    pub parameters: BTreeMap<String, String>,
    /// Which logs go to CloudWatch Logs. Left out: what the engine writes about errors and upgrades.
    #[serde(default)]
    pub logs: Option<Vec<String>>,
    /// Whether AWS installs new minor versions in the maintenance window.
    #[serde(default = "yes")]
    pub minor_upgrades: bool,
    /// What encrypts it: `keys.NAME`, or the ARN of a key. Left out: `keys.main` when there is one, else AWS's own key.
    #[serde(default)]
    pub key: Option<String>,
    /// Copies that can be read, by name.
    #[serde(default)]
    pub replicas: BTreeMap<Name, Replica>,
}

impl Database {
    /// What its parameters are for, in RDS's words: `postgres16`, `mysql8.4`, `mariadb11.4`.
    pub fn family(&self) -> String {
        let mut numbers = self.version.split('.');
        let major = numbers.next().unwrap_or_default();
        match (self.engine, numbers.next()) {
            (DatabaseEngine::Postgres, _) | (_, None) => format!("{}{major}", self.engine.as_str()),
            (engine, Some(minor)) => format!("{}{major}.{minor}", engine.as_str()),
        }
    }

    /// Whether its storage has IOPS and throughput that can be chosen
    /// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage>).
    pub fn is_striped(&self) -> bool {
        self.storage.as_gib() >= STRIPED
    }

    /// Its IOPS, where they can be chosen.
    pub fn iops(&self) -> Option<u32> {
        self.is_striped().then(|| self.iops.unwrap_or(BASELINE.0))
    }

    /// Its throughput in MiB a second, where it can be chosen.
    pub fn throughput(&self) -> Option<u32> {
        self.is_striped().then(|| self.throughput.unwrap_or(BASELINE.1))
    }

    /// The parameter that refuses connections in plain text, and its value.
    pub fn forced_tls(&self) -> (&'static str, &'static str) {
        match self.engine {
            DatabaseEngine::Postgres => ("rds.force_ssl", "1"),
            DatabaseEngine::Mysql | DatabaseEngine::Mariadb => ("require_secure_transport", "1"),
        }
    }
}

/// The master password of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Password {
    /// How often it is made anew. `never` leaves it as it is until somebody puts another one into its secret. With a time RDS
    /// keeps it and makes it anew that often, which goes with no replicas; services that use the database are deployed anew each
    /// time.
    pub rotate: Rotation,
}

/// A copy of a database that can be read and not written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Replica {
    /// The instance class. Left out: that of the database.
    #[schemars(extend("pattern" = r"^db\.[a-z0-9-]+\.[a-z0-9]+$"))]
    pub class: Option<String>,
    /// Whether it has a standby of its own in another zone.
    pub multi_az: bool,
}

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseEngine {
    /// PostgreSQL.
    Postgres,
    /// MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
}

impl DatabaseEngine {
    /// In RDS's words.
    pub fn as_str(self) -> &'static str {
        match self {
            DatabaseEngine::Postgres => "postgres",
            DatabaseEngine::Mysql => "mysql",
            DatabaseEngine::Mariadb => "mariadb",
        }
    }

    /// The port that it listens on when nothing is said.
    pub fn port(self) -> u16 {
        match self {
            DatabaseEngine::Postgres => 5432,
            DatabaseEngine::Mysql | DatabaseEngine::Mariadb => 3306,
        }
    }
}

fn class() -> String {
    "db.t4g.micro".into()
}

fn storage() -> Size {
    Size::gib(20)
}

fn backups() -> Duration {
    Duration::secs(7 * 86_400)
}

fn yes() -> bool {
    true
}
