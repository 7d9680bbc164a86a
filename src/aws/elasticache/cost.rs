//! What caches are billed for: their nodes, at a price for each engine (<https://aws.amazon.com/elasticache/pricing/>).

use super::{Cluster, ReplicationGroup};
use crate::aws::billed::{Object, Whole};
use crate::prices::{Decimal, HOURS, Part};

/// The first day of extended support of these major versions of Redis OSS, for which each node costs more
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/extended-support.html>). How much has no row in the table.
const EXTENDED: [&str; 2] = ["4", "5"];
const SINCE: jiff::civil::Date = jiff::civil::Date::constant(2026, 2, 1);
const SUPPORT: &str = "extended support of an old version of Redis OSS: an upgrade, or Valkey, ends it";

pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    let nodes = |engine: &str, class: &str, count: i32| {
        let count = Decimal::from_i32(count);
        let what = format!("{} × {class}, {engine}", count.quantity());
        vec![Part::new("AmazonElastiCache", format!("node:{engine}:{class}"), HOURS * count, what)]
    };
    if let Some(group) = object.of::<ReplicationGroup>() {
        let count = group.replicas.saturating_add(1);
        let mut parts = nodes(&group.engine, &group.node_type, count);
        parts.extend(extended(&group.engine, group.engine_version.as_deref(), count, whole.today));
        return parts;
    }
    object.of::<Cluster>().map_or_else(Vec::new, |cluster| nodes("memcached", &cluster.node_type, cluster.nodes))
}

/// Returns the surcharge for a version that is out of standard support.
fn extended(engine: &str, version: Option<&str>, nodes: i32, today: jiff::civil::Date) -> Option<Part> {
    let major = version?.split('.').next()?;
    if engine != "redis" || !EXTENDED.contains(&major) || today < SINCE {
        return None;
    }
    let what = format!("extended support of Redis OSS {major}");
    Some(Part::new("AmazonElastiCache", "extended support", HOURS * Decimal::from_i32(nodes), what).noting(SUPPORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_have_a_surcharge_of_unknown_size() {
        let on = |engine, version, year, month| {
            extended(engine, version, 3, jiff::civil::date(year, month, 1)).map(|part| part.quantity.to_string())
        };
        assert_eq!(on("redis", Some("5.0.6"), 2026, 2).as_deref(), Some("2190"));
        assert_eq!(on("redis", Some("5.0.6"), 2026, 1), None);
        assert_eq!(on("redis", Some("4.0.10"), 2027, 1).as_deref(), Some("2190"));
        for (engine, version) in [("redis", Some("6.2")), ("redis", Some("7.1")), ("redis", None), ("valkey", Some("5.0"))] {
            assert_eq!(on(engine, version, 2027, 1), None, "{engine} {version:?}");
        }
        let bill = crate::prices::Bill::of(
            "us-east-1",
            vec![crate::prices::Billed {
                object: "elasticache.replication_group/c".into(),
                section: "caches.c".into(),
                tags: std::sync::Arc::default(),
                part: extended("redis", Some("5.0.6"), 1, SINCE).unwrap(),
            }],
            &crate::prices::Usage::default(),
        );
        assert_eq!((bill.sum().unpriced, bill.lines[0].monthly), (1, None), "no price, and not zero");
    }
}
