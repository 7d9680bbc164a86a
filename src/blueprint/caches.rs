//! `caches`: what ElastiCache keeps in memory. Valkey and Redis as a primary with replicas, Memcached as nodes.

use std::collections::BTreeMap;

use super::keys::Keys;
use super::network::Network;
use super::uses::{Offer, Offers};
use crate::aws::Tags;
use crate::aws::ec2::SecurityGroup;
use crate::aws::elasticache::{Begin, Cluster, DEFAULT_PARAMETERS, ParameterGroup, ReplicationGroup, SubnetGroup};
use crate::config::Stack;
use crate::config::cache::{Cache, CacheEngine};
use crate::engine::{Error, Graph, Ref};

/// For how many days snapshots are kept when nothing is said.
const SNAPSHOT_DAYS: i32 = 1;
const DAY: u64 = 86_400;

/// What every cache stands on.
struct Ground {
    subnets: Ref<SubnetGroup>,
    group: Ref<SecurityGroup>,
    parameters: Ref<ParameterGroup>,
}

pub fn expand(graph: &mut Graph, stack: &Stack, network: &Network, keys: &Keys) -> Result<Offers, Error> {
    let mut offers = Offers::new();
    if stack.caches.is_empty() {
        return Ok(offers);
    }
    let subnets = SubnetGroup { vpc: network.vpc.clone(), subnets: network.data.clone(), tags: Tags::new() };
    let subnets = graph.add("main", "caches", &subnets)?;
    for (name, cache) in &stack.caches {
        let origin = format!("caches.{name}");
        let name = name.as_str();
        let group = SecurityGroup { vpc: network.vpc.clone(), description: format!("Cache {name}"), tags: Tags::new() };
        let ground = Ground {
            subnets: subnets.clone(),
            group: graph.add(format!("cache-{name}"), &origin, &group)?,
            parameters: parameters(graph, name, &origin, cache)?,
        };
        let port = cache.port.unwrap_or(cache.engine.port());
        let mut environment = BTreeMap::new();
        let variable = |what: &str| format!("CACHE_{}_{what}", name.to_ascii_uppercase().replace('-', "_"));
        match cache.engine {
            CacheEngine::Memcached => {
                let cluster = graph.add(name, &origin, &cluster(cache, &ground, network))?.ready();
                environment.insert(variable("HOST"), cluster.clone().attr("endpoint").to_string());
                environment.insert(variable("TLS"), encrypts(cache).to_string());
            }
            CacheEngine::Valkey | CacheEngine::Redis => {
                let made = graph.add(name, &origin, &replication_group(cache, &ground, network, keys))?.ready();
                environment.insert(variable("HOST"), made.clone().attr("endpoint").to_string());
                environment.insert(variable("TLS"), true.to_string());
                if cache.replicas.unwrap_or(0) > 0 {
                    environment.insert(variable("READER_HOST"), made.attr("reader").to_string());
                }
            }
        }
        environment.insert(variable("PORT"), port.to_string());
        let offer =
            Offer { security_group: Some(ground.group), port, environment, secrets: BTreeMap::new(), secret_arns: Vec::new() };
        offers.insert(origin, offer);
    }
    Ok(offers)
}

/// Returns a parameter group of the cache's own when the file sets any parameter, else AWS's.
fn parameters(graph: &mut Graph, name: &str, origin: &str, cache: &Cache) -> Result<Ref<ParameterGroup>, Error> {
    match cache.family() {
        Some(family) if !cache.parameters.is_empty() => {
            graph.add(name, origin, &ParameterGroup { family, parameters: cache.parameters.clone(), tags: Tags::new() })
        }
        _ => Ok(Ref::physical(DEFAULT_PARAMETERS)),
    }
}

/// Checks whether a Memcached cache encrypts its connections, which Memcached can since 1.6.12.
fn encrypts(cache: &Cache) -> bool {
    cache.version.as_deref().is_none_or(|version| {
        let numbers: Vec<u32> = version.split('.').map_while(|n| n.parse().ok()).collect();
        // `1.6` is the newest of 1.6.
        numbers.len() < 3 || numbers >= vec![1, 6, 12]
    })
}

fn cluster(cache: &Cache, ground: &Ground, network: &Network) -> Cluster {
    Cluster {
        engine_version: cache.version.clone(),
        node_type: cache.node.clone(),
        nodes: i32::from(cache.nodes.unwrap_or(1)),
        cross_zone: Some(network.data.len() > 1),
        subnet_group: ground.subnets.clone(),
        security_groups: vec![ground.group.clone()],
        parameter_group: Some(ground.parameters.clone()),
        port: Some(i32::from(cache.port.unwrap_or(cache.engine.port()))),
        transit_encryption: Some(encrypts(cache)),
        maintenance_window: cache.maintenance_window.clone(),
        auto_minor_upgrade: Some(true),
        tags: Tags::new(),
    }
}

fn replication_group(cache: &Cache, ground: &Ground, network: &Network, keys: &Keys) -> ReplicationGroup {
    let replicas = cache.replicas.unwrap_or(0);
    let days = cache.snapshots.map(|kept| i32::try_from(kept.as_secs() / DAY).unwrap_or(i32::MAX));
    ReplicationGroup {
        engine: cache.engine.as_str().into(),
        engine_version: cache.version.clone(),
        node_type: cache.node.clone(),
        replicas: i32::from(replicas),
        automatic_failover: Some(replicas > 0),
        multi_az: Some(replicas > 0 && network.data.len() > 1),
        subnet_group: ground.subnets.clone(),
        security_groups: vec![ground.group.clone()],
        parameter_group: Some(ground.parameters.clone()),
        port: Some(i32::from(cache.port.unwrap_or(cache.engine.port()))),
        transit_encryption: Some("required".into()),
        at_rest_encryption: Some(true),
        kms_key: keys.arn(cache.key.as_deref()),
        snapshot_days: Some(days.unwrap_or(SNAPSHOT_DAYS)),
        snapshot_window: cache.snapshot_window.clone(),
        maintenance_window: cache.maintenance_window.clone(),
        auto_minor_upgrade: Some(true),
        begin: begin(cache),
        tags: Tags::new(),
    }
}

/// Returns what it begins with. That there is one of the two was checked.
fn begin(cache: &Cache) -> Option<Begin> {
    let begin = cache.begin.as_ref()?;
    begin.snapshot.clone().map(Begin::Snapshot).or_else(|| begin.cache.clone().map(Begin::Cache))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn expanded(caches: serde_json::Value) -> (Graph, Offers) {
        let stack = serde_json::from_value(json!({"stack": "shop", "region": "us-east-1", "caches": caches})).unwrap();
        let network = Network {
            vpc: Ref::to("main"),
            public: Vec::new(),
            app: Vec::new(),
            data: vec![Ref::to("data-a"), Ref::to("data-b")],
            cidr: "10.0.0.0/16".into(),
            gateway: None,
            internet: Vec::new(),
            egress: Vec::new(),
        };
        let mut graph = Graph::default();
        let offers = expand(&mut graph, &stack, &network, &Keys::default()).unwrap();
        (graph, offers)
    }

    #[test]
    fn users_of_a_cache_get_its_address_and_protocol() {
        let (_, offers) = expanded(json!({
            "user-sessions": {"engine": "valkey", "replicas": 1},
            "alone": {"engine": "redis", "port": 7000},
            "pages": {"engine": "memcached", "version": "1.6.6"},
        }));
        let of = |name: &str| (offers[name].port, json!(offers[name].environment));
        assert_eq!(
            of("caches.user-sessions"),
            (
                6379,
                json!({
                    "CACHE_USER_SESSIONS_HOST": "${elasticache.replication_group/user-sessions.endpoint!}",
                    "CACHE_USER_SESSIONS_READER_HOST": "${elasticache.replication_group/user-sessions.reader!}",
                    "CACHE_USER_SESSIONS_PORT": "6379",
                    "CACHE_USER_SESSIONS_TLS": "true",
                })
            )
        );
        assert!(!offers["caches.alone"].environment.contains_key("CACHE_ALONE_READER_HOST"));
        assert_eq!(of("caches.alone").0, 7000);
        assert_eq!(offers["caches.pages"].environment["CACHE_PAGES_TLS"], "false");
        assert_eq!(offers["caches.pages"].environment["CACHE_PAGES_HOST"], "${elasticache.cluster/pages.endpoint!}");
        assert_eq!(offers["caches.pages"].security_group.as_ref().unwrap().to_string(), "${ec2.security_group/cache-pages}");
    }

    #[test]
    fn parameters_make_a_group_of_the_family() {
        let (graph, _) = expanded(json!({
            "a": {"engine": "valkey", "version": "8.1", "parameters": {"timeout": "60"}},
            "b": {"engine": "redis", "version": "6.2", "parameters": {"timeout": "60"}},
            "c": {"engine": "memcached", "version": "1.6", "parameters": {"idle_timeout": "60"}},
            "d": {"engine": "valkey", "version": "8.1"},
        }));
        let groups = graph.nodes().filter(|n| n.key.kind == "elasticache.parameter_group");
        let families: Vec<_> = groups.map(|n| (n.key.name.as_str(), n.desired["family"].clone())).collect();
        assert_eq!(families, [("a", json!("valkey8")), ("b", json!("redis6.x")), ("c", json!("memcached1.6"))]);
    }

    #[test]
    fn memcached_speaks_tls_since_1_6_12() {
        let with = |version: Option<&str>| {
            let cache = json!({"engine": "memcached", "version": version});
            encrypts(&serde_json::from_value(cache).unwrap())
        };
        assert!(with(None) && with(Some("1.6")) && with(Some("1.6.12")) && with(Some("1.6.22")));
        assert!(!with(Some("1.6.6")) && !with(Some("1.5.16")));
    }
}
