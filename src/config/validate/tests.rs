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
fn keys_certificates_and_people_that_aws_would_refuse() {
    insta::assert_snapshot!(refused(include_str!("../testdata/locked.yaml"), None));
}

#[test]
fn keys_certificates_and_people_that_may_not_be_meant_so() {
    let names: String = (0..10).map(|n| format!("n{n}.example.com, ")).collect();
    let text = format!(
        "stack: a\nregion: us-east-1\nkeys: {{main: {{rotation: false, rotation_period: 90d}}}}\ncertificates:\n  many: {{domain: example.com, names: [{names}example.com]}}\naccess:\n  groups: {{idle: {{}}, shells: {{may: [exec]}}}}\n  users: {{bob: [idle, idle]}}\n"
    );
    insta::assert_snapshot!(loaded(&text).warnings.render(100, false, true));
}

#[test]
fn certificates_may_be_named_in_three_ways() {
    for certificate in ["certificates.main", "existing.certificates.old", "arn:aws:acm:us-east-1:123456789012:certificate/1"] {
        let text = format!(
            "stack: a\nregion: us-east-1\nservices: {{web: {{image: i, port: 80, routes: [/*]}}}}\nload_balancer: {{certificate: \"{certificate}\"}}\ncdn: {{certificate: \"{certificate}\", aliases: [www.example.com]}}\ncertificates: {{main: {{domain: www.example.com, zone: existing.zones.main}}}}\nexisting: {{zones: {{main: example.com}}, certificates: {{old: old.example.com}}}}\n"
        );
        let loaded = loaded(&text);
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(100, false, true));
        assert!(super::notes(&loaded.stack).is_empty());
    }
}

#[test]
fn a_balancer_without_a_certificate_is_told_aloud_and_is_no_problem() {
    let text = "stack: a\nregion: us-east-1\nservices: {web: {image: i, port: 80, routes: [/*]}}\n";
    let loaded = loaded(text);
    assert!(loaded.warnings.is_empty());
    assert!(super::notes(&loaded.stack)[0].contains("HTTP only"));
}
