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
fn a_cdn_that_makes_no_sense() {
    insta::assert_snapshot!(refused(include_str!("../testdata/senseless-cdn.yaml"), None));
    let head = "stack: a\nregion: us-east-1\n";
    let certificates = "certificates: {site: {domain: www.example.com}}\nexisting: {certificates: {old: \"arn:aws:acm:eu-west-1:123456789012:certificate/1\"}}\n";
    for (name, certificate) in [
        ("no", ""),
        ("a_far", ", certificate: \"arn:aws:acm:eu-west-1:123456789012:certificate/1\""),
        ("an_existing_far", ", certificate: existing.certificates.old"),
        ("an_unknown", ", certificate: certificates.sight"),
    ] {
        let cdn = format!("cdn: {{static: {{paths: [/*]}}, aliases: [www.example.com]{certificate}}}\n");
        insta::assert_snapshot!(format!("a_cdn_with_{name}_certificate"), refused(&format!("{head}{certificates}{cdn}"), None));
    }
    insta::assert_snapshot!("a_cdn_of_nothing", refused(&format!("{head}cdn: {{default_root: index.html}}\n"), None));
    let paths: Vec<String> = (0..26).map(|n| format!("\"/{n}/*\"")).collect();
    let many = format!("{head}cdn: {{static: {{paths: [{}]}}}}\n", paths.join(", "));
    insta::assert_snapshot!("too_many_paths", refused(&many, None));
    let served = format!("{head}services: {{web: {{image: i, port: 80, routes: [/*]}}}}\n");
    let internal = format!("{served}load_balancer: {{internal: true}}\ncdn: {{}}\n");
    insta::assert_snapshot!("an_internal_origin", refused(&internal, None));
    let circles = format!(
        "{served}load_balancer: {{certificate: arn:aws:acm:us-east-1:123456789012:certificate/1}}\ncdn: {{default_root: x.html, certificate: arn:aws:acm:us-east-1:123456789012:certificate/1}}\n"
    );
    insta::assert_snapshot!("cdn_warnings", loaded(&circles).warnings.render(100, false, true));
    for sane in [
        "static: {paths: [/*]}",
        "static: {paths: [/*]}, aliases: [www.example.com, '*.example.com'], certificate: existing.certificates.c, minimum_tls: TLSv1.2_2025",
    ] {
        let text = format!("{head}existing: {{certificates: {{c: example.com}}}}\ncdn: {{{sane}}}\n");
        assert!(loaded(&text).warnings.is_empty(), "{sane}");
    }
}
