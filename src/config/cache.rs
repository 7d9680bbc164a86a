//! The section `caches`: ElastiCache.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::Scalar;
use super::values::{self, Duration};

/// A cache on ElastiCache: Valkey and Redis with replicas and failover, or Memcached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// The cache engine.
    pub engine: CacheEngine,
    /// The version, or its beginning. Default: the version that AWS prefers.
    #[serde(default)]
    #[schemars(with = "Option<Scalar>", example = &"8.0")]
    pub version: Option<String>,
    /// The node type.
    #[serde(default = "node")]
    #[schemars(extend("pattern" = r"^cache\.[a-z0-9-]+\.[a-z0-9]+$"), example = &"cache.t4g.small")]
    pub node: String,
    /// The number of replicas, 0 to 5. With at least one, a replica in another zone takes over when the primary fails. Not for
    /// Memcached. Default: 1 with `production: true`, else 0.
    #[serde(default)]
    #[schemars(range(max = 5))]
    pub replicas: Option<u8>,
    /// The number of nodes, 1 to 40, spread over the zones. Only for Memcached. Default: 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 40))]
    pub nodes: Option<u8>,
    /// How long daily snapshots are kept, in whole days up to `35d`; `0d` turns them off. Not for Memcached. Default: `1d`.
    #[serde(default)]
    pub snapshots: Option<Duration>,
    /// The time of the daily snapshot, in UTC, at least an hour. Not for Memcached. Default: AWS chooses one.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^\d{2}:\d{2}-\d{2}:\d{2}$"), example = &"03:00-04:00")]
    pub snapshot_window: Option<String>,
    /// The time when AWS may do maintenance, in UTC, at least an hour. Default: AWS chooses one.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^[a-z]{3}:\d{2}:\d{2}-[a-z]{3}:\d{2}:\d{2}$"), example = &"sun:04:00-sun:05:00")]
    pub maintenance_window: Option<String>,
    /// The port. Default: 6379 for Valkey and Redis, 11211 for Memcached.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Parameters of the engine, by its own names. They need a `version`. Default: AWS's.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Scalar>", example = &BTreeMap::from([("maxmemory-policy", "allkeys-lru")]))]
    pub parameters: BTreeMap<String, String>,
    /// The key that encrypts the cache at rest: `keys.NAME`, or the ARN of a KMS key. Not for Memcached. Default: `keys.main` if
    /// it exists, AWS's own key otherwise.
    #[serde(default)]
    #[schemars(extend("format" = "stack-sense", "pattern" = values::KEY, "patternErrorMessage" = values::KEY_MESSAGE, "examples" = ["keys.main"]))]
    pub key: Option<String>,
    /// The data that it begins with: a snapshot, or another cache. It counts only when the cache is created: changing or removing it later
    /// changes nothing. The engine must be that of the data, or Valkey for data of Redis, and `version` no older. Not for Memcached.
    /// Default: it begins empty.
    #[serde(default)]
    pub begin: Option<CacheBegin>,
}

/// The data that a new cache begins with: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CacheBegin {
    /// The name of an ElastiCache snapshot in the same account and region, manual or automatic. It is not changed. Default: none, `cache`
    /// is given.
    #[schemars(extend("pattern" = "^[a-zA-Z][a-zA-Z0-9.-]*$", "patternErrorMessage" = "write the name of a snapshot"), example = &"shop-before-the-sale")]
    pub snapshot: Option<String>,
    /// The id of a Valkey or Redis cache, a replication group, in the same account and region. A new snapshot of it is taken, and deleted
    /// when this cache is complete. Default: none, `snapshot` is given.
    #[schemars(extend("pattern" = "^[a-zA-Z][a-zA-Z0-9-]{0,39}$", "patternErrorMessage" = "write the id of a replication group: a letter, then up to 39 letters, digits and `-`"), example = &"shop-production-sessions")]
    pub cache: Option<String>,
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
    /// Returns ElastiCache's name for the engine.
    pub fn as_str(self) -> &'static str {
        match self {
            CacheEngine::Valkey => "valkey",
            CacheEngine::Redis => "redis",
            CacheEngine::Memcached => "memcached",
        }
    }

    /// Returns the default port of the engine.
    pub fn port(self) -> u16 {
        match self {
            CacheEngine::Valkey | CacheEngine::Redis => 6379,
            CacheEngine::Memcached => 11211,
        }
    }
}

impl Cache {
    /// Returns the numbers of the version, as far as they are written.
    pub fn numbers(&self) -> Option<Vec<u32>> {
        self.version.as_ref().map(|version| version.split('.').map_while(|number| number.parse().ok()).collect())
    }

    /// Returns the family of parameters for the engine and version, such as `valkey8`. None without a version.
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
