//! Which versions an engine has, and which parameters go with them.

use aws_sdk_elasticache::types::CacheEngineVersion;

use crate::aws::Cx;
use crate::aws::error::failed;
use crate::engine::{Class, Error, Result};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_version_is_no_text_prefix() {
        assert!(begins("1.6.22", "1.6"));
        assert!(!begins("1.60", "1.6"));
    }
}
