//! How much data the nodes of a cache hold.

const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1_073_741_824.0;

/// The memory of nodes by their size, in GiB, the least of the generations (<https://aws.amazon.com/elasticache/pricing/>).
const BURSTABLE: &[(&str, f64)] = &[("micro", 0.5), ("small", 1.37), ("medium", 3.09)];
const GENERAL: &[(&str, f64)] = &[
    ("large", 6.38),
    ("xlarge", 12.93),
    ("2xlarge", 26.04),
    ("4xlarge", 52.26),
    ("8xlarge", 103.68),
    ("12xlarge", 157.12),
    ("16xlarge", 209.55),
];
const MEMORY: &[(&str, f64)] = &[
    ("large", 13.07),
    ("xlarge", 26.32),
    ("2xlarge", 52.82),
    ("4xlarge", 105.81),
    ("8xlarge", 209.55),
    ("12xlarge", 317.77),
    ("16xlarge", 419.09),
];

/// What Memcached itself takes of a node: `memcached_connections_overhead`
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html>).
const MEMCACHED_OVERHEAD: f64 = 100.0 * MIB;

/// Returns the bytes of memory of a node; none for a family that is not known here.
fn of(node: &str) -> Option<f64> {
    let (family, size) = node.strip_prefix("cache.")?.split_once('.')?;
    let known = match family {
        "t3" | "t4g" => BURSTABLE,
        "m5" | "m6g" | "m7g" => GENERAL,
        "r5" | "r6g" | "r7g" => MEMORY,
        _ => return None,
    };
    known.iter().find(|(name, _)| *name == size).map(|(_, gib)| gib * GIB)
}

/// Returns the percentage of a node's memory that is best kept for backups and failovers
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/redis-memory-management.html>).
fn reserved(node: &str) -> f64 {
    match node.rsplit('.').next() {
        Some("micro") => 50.0,
        Some("small") => 30.0,
        _ => 25.0,
    }
}

/// Returns the bytes of data that a primary node of Valkey or Redis holds, with `reserved_memory_percent` if its parameters say that, and no
/// less kept for backups and failovers than AWS recommends.
pub fn valkey(node: &str, said: Option<f64>) -> Option<f64> {
    let kept = said.unwrap_or_default().max(reserved(node)).min(100.0);
    Some(of(node)? * (100.0 - kept) / 100.0)
}

/// Returns the bytes of data that so many nodes of Memcached hold: clients spread it over them.
pub fn memcached(node: &str, nodes: u8) -> Option<f64> {
    Some((of(node)? - MEMCACHED_OVERHEAD) * f64::from(nodes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_hold_less_than_their_memory() {
        let mib = |bytes: Option<f64>| bytes.map(|bytes| (bytes / MIB).round());
        // 512 MiB, half of it kept; 1,402.9 MiB without 30 percent; 6,533.1 MiB without 25.
        assert_eq!(mib(valkey("cache.t4g.micro", None)), Some(256.0));
        assert_eq!(mib(valkey("cache.t4g.small", None)), Some(982.0));
        assert_eq!(mib(valkey("cache.m7g.large", None)), Some(4900.0));
        // What the file says counts where that is more.
        assert_eq!(mib(valkey("cache.m7g.large", Some(50.0))), Some(3267.0));
        assert_eq!(mib(valkey("cache.t4g.micro", Some(25.0))), Some(256.0));
        // (13,383.7 − 100) × 3.
        assert_eq!(mib(memcached("cache.r7g.large", 3)), Some(39851.0));
        assert_eq!((valkey("cache.x1.large", None), valkey("cache.t4g.large", None), of("large")), (None, None, None));
    }
}
