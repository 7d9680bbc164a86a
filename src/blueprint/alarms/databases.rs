//! What is known of a database's limits from its class.

use serde::Deserialize;

use crate::aws::rds::{Instance, ParameterGroup};
use crate::engine::Graph;

/// The part of the nominal memory that RDS counts connections by, at least: the rest is for the system and for RDS's own processes
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections>).
const FOR_CONNECTIONS: f64 = 0.7;
const GIB: f64 = 1_073_741_824.0;

/// Returns the bytes of memory of a class; none for a family that is not known here
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html>).
pub fn memory(class: &str) -> Option<f64> {
    let (family, size) = class.strip_prefix("db.")?.split_once('.')?;
    let large = match size {
        "micro" => 0.125,
        "small" => 0.25,
        "medium" => 0.5,
        "large" => 1.0,
        "xlarge" => 2.0,
        more => 2.0 * more.strip_suffix("xlarge")?.parse::<f64>().ok()?,
    };
    let gib = match family.as_bytes().first()? {
        b't' | b'm' => 8.0,
        b'r' => 16.0,
        b'c' => 4.0,
        _ => return None,
    };
    Some(gib * large * GIB)
}

/// Returns how many connections it accepts at least: what its parameter group in the graph says, or else RDS's default for its class.
pub fn connections(graph: &Graph, instance: &Instance) -> Option<f64> {
    let group = instance.parameter_group.as_ref().and_then(|group| graph.get(&group.key()?));
    let group = group.and_then(|node| ParameterGroup::deserialize(&*node.desired).ok());
    // A formula is not computed here: the estimate stands in for it.
    let said = group.and_then(|group| group.parameters.get("max_connections")?.parse().ok());
    said.or_else(|| usual_connections(instance.engine.as_deref()?, &instance.class))
}

/// Returns how many connections a database of an engine and a class accepts at least, by RDS's default.
pub fn usual_connections(engine: &str, class: &str) -> Option<f64> {
    let memory = memory(class)? * FOR_CONNECTIONS;
    match engine {
        "mariadb" => Some((memory / 25_165_760.0).min(12_000.0).floor()),
        "postgres" => Some((memory / 9_531_392.0).min(5_000.0).floor()),
        _ => Some((memory / 12_582_880.0).floor()),
    }
}

/// Checks whether its CPU credits can be charged for: such classes are unlimited in RDS
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Types.html>).
pub fn is_unlimited(class: &str) -> bool {
    ["db.t3.", "db.t4g."].iter().any(|family| class.starts_with(family))
}

/// Returns the bytes that a percent of so many GiB is.
pub fn percent_of(gib: i32) -> f64 {
    f64::from(gib) * GIB / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_class_is_known_by_its_name() {
        let gib = |class: &str| memory(class).map(|bytes| bytes / GIB);
        let known = ["db.t4g.micro", "db.t4g.medium", "db.m7g.large", "db.r6g.xlarge", "db.r6g.2xlarge", "db.m5.24xlarge"];
        assert_eq!(known.map(gib), [1.0, 4.0, 8.0, 32.0, 64.0, 384.0].map(Some));
        assert_eq!(["db.x2g.large", "db.t4g.nano", "cache.t4g.micro", "db"].map(gib), [None; 4]);
        assert!(is_unlimited("db.t4g.micro") && !is_unlimited("db.t2.micro") && !is_unlimited("db.m7g.large"));
    }
}
