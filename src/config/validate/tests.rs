use crate::config::tests::{loaded, refused};

#[test]
fn everything_that_makes_no_sense_at_once() {
    insta::assert_snapshot!(refused(include_str!("../testdata/senseless.yaml"), None));
}

#[test]
fn names_that_would_be_too_long() {
    let text = "stack: a-very-long-name-of-a-stack\nregion: us-east-1\nservices:\n  a-rather-long-service:\n    image: i\n    port: 80\n    routes: [/*]\nenvironments:\n  production: {}\n";
    insta::assert_snapshot!("too_long_by_itself", refused(text, None));
    insta::assert_snapshot!("too_long_in_an_environment", refused(text, Some("production")));
    insta::assert_snapshot!(
        "internal",
        refused("stack: internal-web\nregion: us-east-1\nservices: {a: {image: i, port: 80, routes: [/*]}}\n", None)
    );
}

#[test]
fn sizes_of_networks() {
    for (name, cidr) in [("too_large", "10.0.0.0/8"), ("too_small", "10.0.0.0/24")] {
        insta::assert_snapshot!(name, refused(&format!("stack: a\nregion: us-east-1\nnetwork: {{cidr: {cidr}}}\n"), None));
    }
    for cidr in ["10.0.0.0/16", "172.16.0.0/23", "100.64.0.0/20"] {
        assert!(loaded(&format!("stack: a\nregion: us-east-1\nnetwork: {{cidr: {cidr}}}\n")).warnings.is_empty());
    }
}

#[test]
fn warnings_do_not_stop() {
    let text = "stack: a\nregion: us-east-1\nnetwork: {cidr: 20.0.0.0/16, nat: none, zones: 1}\nload_balancer: {ssl_policy: x, allow: []}\nservices:\n  a: {image: i, port: 1, uses: [services.b, services.b]}\n  b: {image: i, port: 1, uses: [services.a]}\n";
    insta::assert_snapshot!(loaded(text).warnings.render(100, false, true));
}

#[test]
fn tags_and_zones_have_limits() {
    let tags: String = (0..46).map(|n| format!("  t{n}: x\n")).collect();
    let long = "k".repeat(130);
    let text = format!("stack: a\nregion: us-east-1\nnetwork: {{zones: [us-east-1a, us-east-1a]}}\ntags:\n  {long}: x\n{tags}");
    insta::assert_snapshot!(refused(&text, None));
}

#[test]
fn caches_that_cannot_be() {
    insta::assert_snapshot!(refused(include_str!("../testdata/senseless_caches.yaml"), None));
}

#[test]
fn caches_that_can_be_and_what_is_said_of_them() {
    let text = "stack: a\nregion: us-east-1\nnetwork: {zones: 1}\nkeys: {main: {}}\ncaches:\n  main: {engine: valkey, version: '8', replicas: 5, snapshots: 35d, snapshot_window: '23:00-00:00', maintenance_window: 'mon:00:00-mon:01:00', parameters: {maxmemory-policy: allkeys-lru}, key: keys.main}\n  old: {engine: redis, version: '7', snapshots: 0d, snapshot_window: '03:00-04:00', key: 'arn:aws:kms:us-east-1:1:key/a'}\n  mem: {engine: memcached, version: 1.6.6, nodes: 40}\n  new: {engine: memcached, version: '1.6', node: cache.x9z.mega}\n";
    insta::assert_snapshot!(loaded(text).warnings.render(100, false, true));
}
