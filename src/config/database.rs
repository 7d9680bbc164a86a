//! The section `databases`: RDS instances and their read replicas.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::Scalar;
use super::values::{self, Duration, Name, Rotation, Size};

/// The size in GiB from which `gp3` storage consists of several volumes.
pub const STRIPED: u32 = 400;
/// The default IOPS and throughput of such storage.
pub const BASELINE: (u32, u32) = (12_000, 500);

/// A database on RDS. Secrets Manager generates and keeps its master password, which is never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The database engine.
    pub engine: DatabaseEngine,
    /// The version, or its beginning: `"16"` means any 16.x. A newer minor version is never downgraded.
    #[schemars(with = "Scalar", example = &"16")]
    pub version: String,
    /// The instance class.
    #[serde(default = "class")]
    #[schemars(extend("pattern" = r"^db\.[a-z0-9-]+\.[a-z0-9]+$"), example = &"db.t4g.medium")]
    pub class: String,
    /// The storage to start with, from `20GiB` to `64TiB`. It can grow, and never shrinks.
    #[serde(default = "storage")]
    pub storage: Size,
    /// The size up to which AWS increases the storage by itself, at least 10 % above `storage`. Default: none, and AWS does not
    /// increase it.
    #[serde(default)]
    pub max_storage: Option<Size>,
    /// I/O operations per second of the storage, from 12000 to 64000, for storage of `400GiB` or more. Default: 12000, and 3000
    /// for less storage.
    #[serde(default)]
    pub iops: Option<u32>,
    /// The throughput of the storage in MiB per second, from 500 to 4000, for storage of `400GiB` or more. Default: 500, and 125
    /// for less storage.
    #[serde(default)]
    pub throughput: Option<u32>,
    /// Whether a standby in another zone takes over when the instance fails. Default: `true` with `production: true`, else `false`.
    #[serde(default)]
    pub multi_az: bool,
    /// How long daily backups are kept, in whole days from `1d` to `35d`; `0d` turns them off.
    #[serde(default = "backups")]
    pub backups: Duration,
    /// The time of the daily backup, in UTC, at least 30 minutes. Default: AWS chooses one.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^\d{2}:\d{2}-\d{2}:\d{2}$"), example = &"03:00-03:30")]
    pub backup_window: Option<String>,
    /// The time when AWS may do maintenance, in UTC, from 30 minutes to 24 hours. Default: AWS chooses one.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^[a-z]{3}:\d{2}:\d{2}-[a-z]{3}:\d{2}:\d{2}$"), example = &"sun:04:00-sun:04:30")]
    pub maintenance_window: Option<String>,
    /// Whether AWS refuses to delete the database. `stack` turns it off only with consent to the deletion.
    #[serde(default = "yes")]
    pub deletion_protection: bool,
    /// The name of the database in the instance. Default: the name of the stack, with `_` for `-`.
    #[serde(default)]
    #[schemars(extend("pattern" = "^[a-zA-Z][a-zA-Z0-9_]{0,62}$", "patternErrorMessage" = "a letter, then up to 62 letters, digits and `_`"), example = &"shop")]
    pub database: Option<String>,
    /// The name of the master user. Default: `app`.
    #[serde(default)]
    #[schemars(extend("pattern" = "^[a-zA-Z][a-zA-Z0-9_]{0,15}$", "patternErrorMessage" = "a letter, then up to 15 letters, digits and `_`"), example = &"owner")]
    pub user: Option<String>,
    /// The master password.
    #[serde(default)]
    pub password: Password,
    /// The data that it begins with: a snapshot, or another database, now or as it was at a time. It counts only when the database is created: changing or removing
    /// it later changes nothing. Engine, `user` and `database` must be those of the data, and `storage` no less. The password is the
    /// database's own from the start, and the data is encrypted with its own key. Default: it begins empty.
    #[serde(default)]
    pub begin: Option<Begin>,
    /// The port. Default: 5432 for PostgreSQL, 3306 for MySQL and MariaDB.
    #[serde(default)]
    #[schemars(range(min = 1150))]
    pub port: Option<u16>,
    /// Parameters of the engine, by its own names. Default: AWS's, but connections need TLS.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Scalar>", example = &BTreeMap::from([("log_min_duration_statement", "500")]))]
    pub parameters: BTreeMap<String, String>,
    /// The logs that go to CloudWatch Logs. `slowquery` and `general` turn on the parameters that write them. Default: `postgresql` and
    /// `upgrade` for PostgreSQL, `error` and `slowquery` for MySQL and MariaDB.
    #[serde(default)]
    pub logs: Option<Vec<String>>,
    /// Whether AWS installs new minor versions in the maintenance window.
    #[serde(default = "yes")]
    pub minor_upgrades: bool,
    /// The key that encrypts the database: `keys.NAME`, or the ARN of a KMS key. Default: `keys.main` if it exists, AWS's own key
    /// otherwise.
    #[serde(default)]
    #[schemars(extend("format" = "stack-sense", "pattern" = values::KEY, "patternErrorMessage" = values::KEY_MESSAGE, "examples" = ["keys.main"]))]
    pub key: Option<String>,
    /// Read replicas, by name. Default: none.
    #[serde(default)]
    pub replicas: BTreeMap<Name, Replica>,
}

impl Database {
    /// Returns RDS's name for the family of its parameters: `postgres16`, `mysql8.4`, `mariadb11.4`.
    pub fn family(&self) -> String {
        let mut numbers = self.version.split('.');
        let major = numbers.next().unwrap_or_default();
        match (self.engine, numbers.next()) {
            (DatabaseEngine::Postgres, _) | (_, None) => format!("{}{major}", self.engine.as_str()),
            (engine, Some(minor)) => format!("{}{major}.{minor}", engine.as_str()),
        }
    }

    /// Checks whether IOPS and throughput of its storage can be chosen
    /// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage>).
    pub fn is_striped(&self) -> bool {
        self.storage.as_gib() >= STRIPED
    }

    /// Returns its IOPS, where they can be chosen.
    pub fn iops(&self) -> Option<u32> {
        self.is_striped().then(|| self.iops.unwrap_or(BASELINE.0))
    }

    /// Returns its throughput in MiB per second, where it can be chosen.
    pub fn throughput(&self) -> Option<u32> {
        self.is_striped().then(|| self.throughput.unwrap_or(BASELINE.1))
    }

    /// Returns the parameter that refuses unencrypted connections, and its value.
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
    /// How often the password is rotated. With `never`, it stays until someone writes another into its secret and runs `stack apply`. With a time in
    /// whole days, `1d` to `1000d`, RDS keeps and rotates it, services that use the database are deployed again each time, and
    /// `replicas` are not possible.
    pub rotate: Rotation,
}

/// The data that a new database begins with: a snapshot, or a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Begin {
    /// The name or the ARN of an RDS snapshot of a database instance: a manual one, an automated one (`rds:…`), or by its ARN
    /// one of another region or one that another account shares. It is not changed. Default: none, `database` is given.
    #[schemars(extend("pattern" = r"^(arn:[^:]+:rds:[^:]+:[0-9]{12}:snapshot:.+|([a-z]+:)?[a-zA-Z][a-zA-Z0-9-]*)$", "patternErrorMessage" = "write the name of a snapshot, or its ARN"), example = &"shop-before-the-sale")]
    pub snapshot: Option<String>,
    /// The identifier of a database instance of RDS in the same account and region, or the ARN of one in another region. A new snapshot
    /// of it is taken, and deleted when this database is complete. Default: none, `snapshot` is given.
    #[schemars(extend("pattern" = "^(arn:[^:]+:rds:[^:]+:[0-9]{12}:db:)?[a-zA-Z][a-zA-Z0-9-]{0,62}$", "patternErrorMessage" = "write the identifier of a database instance (a letter, then up to 62 letters, digits and `-`), or its ARN"), example = &"shop-production")]
    pub database: Option<String>,
    /// The time to which `database` is restored from its automated backups, such as `2026-11-26T03:00:00Z`, or `latest`. The database is
    /// of the same region. Default: none, a snapshot of it is taken.
    #[schemars(extend("pattern" = r"^(latest|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2}))$", "patternErrorMessage" = "write a time with its zone, like `2026-11-26T03:00:00Z`, or `latest`"), example = &"2026-11-26T03:00:00Z")]
    pub at: Option<String>,
}

/// The word for the latest time that can be restored.
pub const LATEST: &str = "latest";

impl Begin {
    /// Returns the region of the database whose ARN is given.
    pub fn region(&self) -> Option<&str> {
        self.database.as_deref()?.strip_prefix("arn:")?.split(':').nth(2)
    }
}

/// A read replica of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Replica {
    /// The instance class. Default: that of the database.
    #[schemars(extend("pattern" = r"^db\.[a-z0-9-]+\.[a-z0-9]+$"), example = &"db.t4g.medium")]
    pub class: Option<String>,
    /// Whether the replica has a standby in another zone.
    pub multi_az: bool,
    /// Whether AWS refuses to delete the replica. Default: `true` with `production: true`, else `false`.
    pub deletion_protection: bool,
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
    /// Returns RDS's name for the engine.
    pub fn as_str(self) -> &'static str {
        match self {
            DatabaseEngine::Postgres => "postgres",
            DatabaseEngine::Mysql => "mysql",
            DatabaseEngine::Mariadb => "mariadb",
        }
    }

    /// Returns the default port of the engine.
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
