//! Which versions an engine has, and which parameters go with them.

use aws_sdk_elasticache::types::CacheEngineVersion;

use crate::aws::Cx;
use crate::aws::error::failed;
use crate::engine::{Class, Diff, Error, Result};

/// A version as numbers, to compare by.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

/// Whether version `full` is `part` or a more exact one.
fn begins(full: &str, part: &str) -> bool {
    full.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

async fn every(cx: &Cx, engine: &str, default_only: bool) -> Result<Vec<CacheEngineVersion>> {
    let call = cx.cloud.elasticache.describe_cache_engine_versions().engine(engine).default_only(default_only);
    let pages = call.into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    all.map_err(failed("elasticache:DescribeCacheEngineVersions"))
}

/// The newest version that begins like `wanted`, as ElastiCache writes it.
pub(super) async fn newest(cx: &Cx, engine: &str, wanted: &str) -> Result<String> {
    let all = every(cx, engine, false).await?;
    let mut known: Vec<&str> = all.iter().filter_map(CacheEngineVersion::engine_version).collect();
    known.sort_by_key(|version| numbers(version));
    known.dedup();
    match known.iter().rev().find(|version| begins(version, wanted)) {
        Some(version) => Ok((*version).to_owned()),
        None => {
            let said = format!("ElastiCache has no version `{wanted}` of {engine}");
            Err(Error::new(Class::Invalid, said).hint(format!("it has {}", known.join(", "))))
        }
    }
}

/// The version that AWS gives to those who name none.
pub(super) async fn preferred(cx: &Cx, engine: &str) -> Result<String> {
    let all = every(cx, engine, true).await?;
    let version = all.iter().filter_map(CacheEngineVersion::engine_version).max_by_key(|version| numbers(version));
    version.map(str::to_owned).ok_or_else(|| Error::new(Class::Invalid, format!("ElastiCache has no engine `{engine}`")))
}

/// AWS's own parameter group for a version.
pub(super) async fn default_parameters(cx: &Cx, engine: &str, version: &str) -> Result<String> {
    let all = every(cx, engine, false).await?;
    // Caches answer `8.0.1` where the list has `8.0`.
    let same =
        |v: &&CacheEngineVersion| v.engine_version().is_some_and(|listed| begins(version, listed) || begins(listed, version));
    let family = all.iter().find(same).and_then(CacheEngineVersion::cache_parameter_group_family);
    family.map(|family| format!("default.{family}")).ok_or_else(|| {
        Error::new(Class::Invalid, format!("ElastiCache does not say which parameters go with version {version} of {engine}"))
    })
}

/// Refuses what ElastiCache cannot do: to go back to an older version, or from Valkey to Redis.
pub(super) fn forward(diff: &Diff) -> Result<()> {
    let text = |value: &Option<serde_json::Value>| value.as_ref().and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let of = |field: &str| diff.changes.iter().find(|c| c.path == field).map(|c| (text(&c.before), text(&c.after)));
    let back = match (of("engine"), of("engine_version")) {
        (Some((from, to)), _) if (from.as_str(), to.as_str()) != ("redis", "valkey") => format!("from {from} to {to}"),
        // Valkey counts on where Redis stopped.
        (_, Some((from, to))) if older(&to, &from) => format!("from version {from} back to {to}"),
        _ => return Ok(()),
    };
    let hint = "make a cache with another name, move what uses it there, and remove this one";
    Err(Error::new(Class::Invalid, format!("ElastiCache cannot take a cache {back}")).hint(hint))
}

/// Whether every version that begins like `wanted` is older than `have`.
fn older(wanted: &str, have: &str) -> bool {
    let (wanted, have) = (numbers(wanted), numbers(have));
    let length = wanted.len().min(have.len());
    wanted[..length] < have[..length]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Ids, diff};

    fn refused(from: serde_json::Value, to: serde_json::Value) -> Option<String> {
        forward(&diff(&[], &to, &from, &Ids::default())).err().map(|e| e.message)
    }

    #[test]
    fn versions_only_go_forward() {
        let version = |v: &str| json!({"engine": "valkey", "engine_version": v});
        assert_eq!(refused(version("7.2.6"), version("8")), None);
        assert_eq!(refused(version("8.0.1"), version("8.1")), None);
        assert_eq!(refused(version("9.0.0"), version("10")), None);
        assert_eq!(
            refused(version("8.1.0"), version("8.0")).unwrap(),
            "ElastiCache cannot take a cache from version 8.1.0 back to 8.0"
        );
        assert!(refused(version("8.1.0"), version("7")).is_some());
    }

    #[test]
    fn redis_becomes_valkey_and_never_back() {
        let cache = |engine: &str, v: &str| json!({"engine": engine, "engine_version": v});
        assert_eq!(refused(cache("redis", "7.1.0"), cache("valkey", "8.0")), None);
        assert_eq!(refused(cache("redis", "7.0.7"), cache("valkey", "7.2")), None);
        assert_eq!(
            refused(cache("valkey", "8.0.1"), cache("redis", "7.1")).unwrap(),
            "ElastiCache cannot take a cache from valkey to redis"
        );
    }

    #[test]
    fn the_beginning_of_a_version_is_no_text_prefix() {
        assert!(begins("1.6.22", "1.6"));
        assert!(!begins("1.60", "1.6"));
        assert!(older("1.6.9", "1.6.22"));
    }
}
