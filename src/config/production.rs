//! What `production: true` changes: the defaults of keys that the file leaves out.

use serde_json::{Map, Value, json};

/// Returns the file with the defaults of a production environment, if it is one. What the file says stays as it is.
pub(super) fn defaults(mut file: Value) -> Value {
    if file.get("production") != Some(&Value::Bool(true)) {
        return file;
    }
    let has_routes = |service: &Value| service.get("routes").and_then(Value::as_array).is_some_and(|routes| !routes.is_empty());
    let shared = file.get("share").is_some_and(|share| share.get("load_balancer").is_some_and(|shared| !shared.is_null()));
    let balanced = file.get("services").and_then(Value::as_object).is_some_and(|services| services.values().any(has_routes));
    let delivered = file.get("cdn").is_some_and(|cdn| !cdn.is_null());
    // Behind another environment's load balancer, these sections have no effect.
    if !shared && balanced {
        fill(&mut file, &[("load_balancer", json!({}))]);
        fill(&mut file["load_balancer"], &[("deletion_protection", json!(true))]);
    }
    if !shared && (balanced || delivered) {
        fill(&mut file, &[("firewall", json!({"mode": "count"}))]);
    }
    for database in entries(&mut file, "databases") {
        fill(database, &[("multi_az", json!(true)), ("deletion_protection", json!(true))]);
        for replica in entries(database, "replicas") {
            if replica.is_null() {
                *replica = json!({});
            }
            fill(replica, &[("deletion_protection", json!(true))]);
        }
    }
    for cache in entries(&mut file, "caches") {
        if cache.get("engine").is_none_or(|engine| engine != "memcached") {
            fill(cache, &[("replicas", json!(1))]);
        }
    }
    file
}

/// Returns the entries of a map in the file.
fn entries<'a>(of: &'a mut Value, section: &str) -> impl Iterator<Item = &'a mut Value> {
    of.get_mut(section).and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
}

/// Sets the keys that are left out.
fn fill(of: &mut Value, defaults: &[(&str, Value)]) {
    let Some(map) = of.as_object_mut() else { return };
    for (key, value) in defaults {
        if map.get(*key).is_none_or(Value::is_null) {
            map.insert((*key).to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(production: bool) -> Value {
        json!({
            "production": production,
            "services": {"web": {"routes": ["/*"]}},
            "databases": {"main": {"replicas": {"reader": {}}}, "small": {"multi_az": false, "deletion_protection": false}},
            "caches": {"sessions": {"engine": "valkey"}, "alone": {"engine": "redis", "replicas": 0}, "pages": {"engine": "memcached"}},
        })
    }

    #[test]
    fn what_is_left_out_is_safe_and_what_is_said_counts() {
        assert_eq!(defaults(file(false)), file(false));
        let made = defaults(file(true));
        assert_eq!(made["load_balancer"], json!({"deletion_protection": true}));
        assert_eq!(made["firewall"], json!({"mode": "count"}));
        let main = json!({"multi_az": true, "deletion_protection": true, "replicas": {"reader": {"deletion_protection": true}}});
        assert_eq!(made["databases"]["main"], main);
        assert_eq!(made["databases"]["small"], json!({"multi_az": false, "deletion_protection": false}));
        assert_eq!(made["caches"]["sessions"]["replicas"], 1);
        assert_eq!(made["caches"]["alone"]["replicas"], 0);
        assert_eq!(made["caches"]["pages"], json!({"engine": "memcached"}));
    }

    #[test]
    fn no_load_balancer_is_made_where_there_is_none() {
        let without = defaults(json!({"production": true, "services": {"worker": {}}}));
        assert_eq!((without.get("load_balancer"), without.get("firewall")), (None, None));
        let shared = json!({"production": true, "services": {"web": {"routes": ["/*"]}}, "share": {"load_balancer": "main"}});
        assert_eq!(defaults(shared.clone()), shared);
    }

    #[test]
    fn a_firewall_counts_unless_the_file_says_otherwise() {
        let of = |firewall: Value| {
            let mut with = file(true);
            with["firewall"] = firewall;
            defaults(with)["firewall"].clone()
        };
        assert_eq!(of(json!("off")), "off");
        assert_eq!(of(json!({"rate_limit": 2000})), json!({"rate_limit": 2000}));
        assert_eq!(of(Value::Null), json!({"mode": "count"}));
        let delivered = defaults(json!({"production": true, "cdn": {"static": {"paths": ["/*"]}}}));
        assert_eq!((&delivered["firewall"], delivered.get("load_balancer")), (&json!({"mode": "count"}), None));
    }
}
