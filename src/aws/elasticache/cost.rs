//! What caches are billed for: their nodes, at a price for each engine (<https://aws.amazon.com/elasticache/pricing/>).

use super::{Cluster, ReplicationGroup};
use crate::aws::billed::{Object, Whole};
use crate::prices::{Decimal, HOURS, Part};

pub(super) fn bill(object: &Object, _: &Whole) -> Vec<Part> {
    let nodes = |engine: &str, class: &str, count: i32| {
        let count = Decimal::from_i32(count);
        let what = format!("{} × {class}, {engine}", count.quantity());
        vec![Part::new("AmazonElastiCache", format!("node:{engine}:{class}"), HOURS * count, what)]
    };
    if let Some(group) = object.of::<ReplicationGroup>() {
        return nodes(&group.engine, &group.node_type, group.replicas.saturating_add(1));
    }
    object.of::<Cluster>().map_or_else(Vec::new, |cluster| nodes("memcached", &cluster.node_type, cluster.nodes))
}
