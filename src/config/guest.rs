//! What an environment brings up that shares something with another one.

use std::borrow::Cow;

use super::access::Access;
use super::types::{Network, Stack};

impl Stack {
    /// Returns what the environment `env` brings up: everything, unless it shares something with another one. Then routes without
    /// a host name have that of `share.host`, and the sections that are shared are empty, along with those that make sense only
    /// with them.
    pub fn brought_up(&self, env: &str) -> Cow<'_, Stack> {
        let mut left_out = self.share.left_out();
        if left_out.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut stack = self.clone();
        for section in &left_out {
            match *section {
                "network" => stack.network = Network::default(),
                "load_balancer" => stack.load_balancer = None,
                "cdn" => stack.cdn = None,
                "firewall" => stack.firewall = None,
                "certificates" => stack.certificates.clear(),
                "databases" => stack.databases.clear(),
                "caches" => stack.caches.clear(),
                // What limits roles limits those of the services, too.
                _ => stack.access = Access { boundary: stack.access.boundary.take(), ..Access::default() },
            }
        }
        // A key has a price of its own, and encrypts what is kept: an environment that keeps nothing has none.
        if stack.databases.is_empty() && stack.caches.is_empty() && stack.buckets.is_empty() {
            stack.keys.clear();
            left_out.push("keys");
        }
        if let (Some(_), Some(host)) = (&self.share.load_balancer, self.share.host_of(env)) {
            for route in stack.services.values_mut().flat_map(|service| &mut service.routes) {
                route.host.get_or_insert_with(|| host.clone());
            }
        }
        let is_left_out = |path: &str| left_out.contains(&path.split('.').next().unwrap_or(path));
        stack.protect.retain(|path| !is_left_out(path));
        stack.moved.retain(|_, to| !is_left_out(to));
        Cow::Owned(stack)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stack(share: serde_json::Value) -> Stack {
        let text = json!({
            "stack": "shop", "region": "us-east-1", "share": share,
            "network": {"zones": 2},
            "load_balancer": {"certificate": "certificates.main"},
            "certificates": {"main": {"domain": "example.com"}},
            "keys": {"main": {}},
            "databases": {"main": {"engine": "postgres", "version": "17", "class": "db.t4g.micro", "storage": "20GiB"}},
            "caches": {"sessions": {"engine": "valkey"}},
            "services": {"web": {"image": "i", "port": 80, "routes": ["/*", "api.example.com/v1/*"], "uses": ["databases.main"]}},
            "protect": ["services.web", "databases.main", "keys"],
            "moved": {"databases.old": "databases.main", "services.old": "services.web"},
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn a_guest_brings_up_what_it_does_not_share() {
        let of = |share| stack(share).brought_up("pr-1").into_owned();
        let all = ["network", "load_balancer", "databases", "caches"].map(|key| (key, "staging"));
        let share = json!(std::collections::BTreeMap::from(all));
        let guest = of(share.clone());
        assert_eq!(guest.network, Network::default());
        assert!(guest.load_balancer.is_none() && guest.certificates.is_empty() && guest.keys.is_empty());
        assert!(guest.databases.is_empty() && guest.caches.is_empty());
        assert_eq!(guest.protect, ["services.web"]);
        assert_eq!(guest.moved.into_iter().collect::<Vec<_>>(), [("services.old".into(), "services.web".into())]);

        let own = of(json!({"network": "staging", "databases": "staging"}));
        assert!(own.load_balancer.is_some() && own.caches.len() == 1 && own.keys.len() == 1 && own.databases.is_empty());
        assert_eq!(own.network, Network::default());

        let none = stack(json!({}));
        assert!(matches!(none.brought_up("pr-1"), Cow::Borrowed(_)));
    }

    #[test]
    fn routes_without_a_host_name_get_the_environments() {
        let share = json!({"network": "staging", "load_balancer": "staging", "host": "{env}.preview.example.com"});
        let guest = stack(share).brought_up("pr-1").into_owned();
        let routes: Vec<String> = guest.services.values().flat_map(|s| &s.routes).map(ToString::to_string).collect();
        assert_eq!(routes, ["pr-1.preview.example.com/*", "api.example.com/v1/*"]);
    }
}
