//! The versions of an engine, and the parameter groups that go with them.

use aws_sdk_elasticache::types::CacheEngineVersion;

use crate::aws::Cx;
use crate::aws::elasticache::errors::failed;
use crate::engine::{Class, Error, Result};

/// Returns a version as numbers, for comparisons.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

/// Checks whether version `full` is `part` or a more exact one.
fn begins(full: &str, part: &str) -> bool {
    full.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Checks whether a version of an engine has modes of encryption in transit; before, it is on for all clients or for none
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption.html>).
pub(super) fn has_modes(engine: &str, version: Option<&str>) -> bool {
    let Some(version) = version.filter(|_| engine == "redis").map(numbers) else { return true };
    // `7.0` is the newest of 7.0.
    version.first().is_none_or(|major| *major >= 7) && (version.len() < 3 || version >= vec![7, 0, 5])
}

async fn every(cx: &Cx, engine: &str, default_only: bool) -> Result<Vec<CacheEngineVersion>> {
    let call = cx.cloud.elasticache.describe_cache_engine_versions().engine(engine).default_only(default_only);
    let pages = call.into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    all.map_err(failed("elasticache:DescribeCacheEngineVersions"))
}

/// Returns the newest version that starts with `wanted`, as ElastiCache writes it.
pub(super) async fn newest(cx: &Cx, engine: &str, wanted: &str) -> Result<String> {
    let all = every(cx, engine, false).await?;
    let mut known: Vec<&str> = all.iter().filter_map(CacheEngineVersion::engine_version).collect();
    known.sort_by_key(|version| numbers(version));
    known.dedup();
    match known.iter().rev().find(|version| begins(version, wanted)) {
        Some(version) => Ok((*version).to_owned()),
        None => {
            let said = format!("ElastiCache does not offer version `{wanted}` of {engine}");
            Err(Error::new(Class::Invalid, said).hint(format!("it offers {}", known.join(", "))))
        }
    }
}

/// Returns the version that AWS uses when none is given.
pub(super) async fn preferred(cx: &Cx, engine: &str) -> Result<String> {
    let all = every(cx, engine, true).await?;
    let version = all.iter().filter_map(CacheEngineVersion::engine_version).max_by_key(|version| numbers(version));
    version
        .map(str::to_owned)
        .ok_or_else(|| Error::new(Class::Invalid, format!("ElastiCache does not offer the engine `{engine}`")))
}

/// Returns AWS's own parameter group for a version.
pub(super) async fn default_parameters(cx: &Cx, engine: &str, version: &str) -> Result<String> {
    let all = every(cx, engine, false).await?;
    // Caches answer `8.0.1` where the list has `8.0`.
    let same =
        |v: &&CacheEngineVersion| v.engine_version().is_some_and(|listed| begins(version, listed) || begins(listed, version));
    let family = all.iter().find(same).and_then(CacheEngineVersion::cache_parameter_group_family);
    family.map(|family| format!("default.{family}")).ok_or_else(|| {
        Error::new(
            Class::Invalid,
            format!("ElastiCache does not report a parameter group family for version {version} of {engine}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_knows_modes_of_encryption_since_7_0_5() {
        for version in [None, Some("7"), Some("7.0"), Some("7.0.5"), Some("7.1.0"), Some("7.1")] {
            assert!(has_modes("redis", version), "{version:?}");
        }
        for version in ["5.0.6", "6.0", "6.2", "6.2.6", "7.0.4"] {
            assert!(!has_modes("redis", Some(version)), "{version}");
        }
        assert!(has_modes("valkey", Some("7.2")));
    }

    #[test]
    fn the_beginning_of_a_version_is_no_text_prefix() {
        assert!(begins("1.6.22", "1.6"));
        assert!(!begins("1.60", "1.6"));
    }
}
