//! A cache: what ElastiCache keeps in memory.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::Scalar;
use super::values::Duration;

/// A cache on ElastiCache: Valkey and Redis with replicas and failover, or Memcached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Which cache.
    pub engine: CacheEngine,
    /// Its version, or the beginning of it. Left out: what AWS prefers.
    #[serde(default)]
    #[schemars(with = "Option<Scalar>")]
    pub version: Option<String>,
    /// The node type.
    #[serde(default = "node")]
    #[schemars(extend("pattern" = r"^cache\.[a-z0-9-]+\.[a-z0-9]+$"), example = &"cache.t4g.small")]
    pub node: String,
    /// How many replicas the primary has; with one or more, a replica in another zone takes over when it fails. Not for Memcached.
    #[serde(default)]
    #[schemars(range(max = 5))]
    pub replicas: Option<u8>,
    /// How many nodes, spread over the zones. For Memcached only.
    #[serde(default)]
    #[schemars(range(min = 1, max = 40))]
    pub nodes: Option<u8>,
    /// For how long daily snapshots are kept, up to `35d`; `0d` turns them off. Not for Memcached.
    #[serde(default)]
    pub snapshots: Option<Duration>,
    /// When the daily snapshot begins, in UTC: `03:00-04:00`.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^\d{2}:\d{2}-\d{2}:\d{2}$"), example = &"03:00-04:00")]
    pub snapshot_window: Option<String>,
    /// When AWS may do maintenance, in UTC: `sun:04:00-sun:05:00`.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^[a-z]{3}:\d{2}:\d{2}-[a-z]{3}:\d{2}:\d{2}$"), example = &"sun:04:00-sun:05:00")]
    pub maintenance_window: Option<String>,
    /// The port, when it is not the engine's own.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Parameters of the engine by their own names.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Scalar>")]
    pub parameters: BTreeMap<String, String>,
    /// What encrypts it at rest: `keys.NAME`, or the ARN of a key. Left out: `keys.main` when there is one, else AWS's own key.
    #[serde(default)]
    pub key: Option<String>,
}

/// A cache engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CacheEngine {
    /// Valkey.
    Valkey,
    /// Redis OSS.
    Redis,
    /// Memcached.
    Memcached,
}

impl CacheEngine {
    /// In ElastiCache's words.
    pub fn as_str(self) -> &'static str {
        match self {
            CacheEngine::Valkey => "valkey",
            CacheEngine::Redis => "redis",
            CacheEngine::Memcached => "memcached",
        }
    }

    /// The port that it listens on when nothing is said.
    pub fn port(self) -> u16 {
        match self {
            CacheEngine::Valkey | CacheEngine::Redis => 6379,
            CacheEngine::Memcached => 11211,
        }
    }
}

impl Cache {
    /// The version's numbers, as far as they are written.
    pub fn numbers(&self) -> Option<Vec<u32>> {
        self.version.as_ref().map(|version| version.split('.').map_while(|number| number.parse().ok()).collect())
    }

    /// What AWS calls the parameters that go with its engine and version: `valkey8`. Nothing without a version.
    pub fn family(&self) -> Option<String> {
        let engine = self.engine.as_str();
        match (self.engine, self.numbers()?.as_slice()) {
            (CacheEngine::Redis, [6, ..]) => Some("redis6.x".into()),
            (CacheEngine::Redis, [major @ ..=5, minor, ..]) => Some(format!("redis{major}.{minor}")),
            (CacheEngine::Memcached, [major, minor, ..]) => Some(format!("memcached{major}.{minor}")),
            (CacheEngine::Valkey | CacheEngine::Redis, [major, ..]) if *major >= 7 => Some(format!("{engine}{major}")),
            _ => None,
        }
    }
}

fn node() -> String {
    "cache.t4g.micro".into()
}
