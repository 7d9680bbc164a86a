use crate::diagnostic::Severity;
use crate::tests::{loaded, refused};

#[test]
fn everything_that_makes_no_sense_at_once() {
    insta::assert_snapshot!(refused(include_str!("../testdata/senseless.yaml"), None));
}

#[test]
fn names_that_would_be_too_long() {
    let text = "stack: a-very-long-name-of-a-stack\nregion: us-east-1\nservices:\n  a-rather-long-service:\n    image: i\n    port: 80\n    routes: [/*]\nenvironments:\n  production: {}\n";
    insta::assert_snapshot!("too_long_by_itself", refused(text, None));
    insta::assert_snapshot!("too_long_in_an_environment", refused(text, Some("production")));
    insta::assert_snapshot!(refused("stack: internal-web\nregion: us-east-1\nservices: {a: {image: i, port: 80, routes: [/*]}}\n", None), @"
    reserved-name

      × the load balancer would be called `internal-web`, but AWS reserves `internal-`
       ╭─[stack.yaml:1:8]
     1 │ stack: internal-web
       ·        ──────┬─────
       ·              ╰── reserved
     2 │ region: us-east-1
       ╰────
      help: choose another name for the stack

    1 error
    ");
}

#[test]
fn unfilled_placeholders_in_containers_are_refused() {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-${NAME}";
    let text = format!(
        "stack: a\nregion: us-east-1\nnetwork: {{zones: 2}}\nservices:\n  web:\n    image: i\n    command: [run, \"${{TAG}}\"]\n    secrets: {{X: \"{arn}\"}}\n  shell: {{image: i, command: [sh, -c, \"echo ${{HOME}}\"]}}\n  itself: {{image: i, command: [run, \"$${{TAG}}\"]}}\n"
    );
    insta::assert_snapshot!(refused(&text, None));
}

/// The same containers under `resources`, whose kinds this check does not know.
#[test]
fn containers_of_resources_are_checked_like_services() {
    use serde_json::json;
    let text = "stack: a\nregion: us-east-1\n";
    let found = |container: serde_json::Value| -> Vec<(&'static str, String)> {
        let mut stack = loaded(text).stack;
        let definition = json!({"containers": [container]});
        stack.resources.insert("ecs.task_definition".into(), [("t".parse().unwrap(), definition)].into());
        let found = super::validate(&stack, &crate::yaml::parse(text).unwrap(), "default");
        found.into_iter().map(|d| (d.code, d.message)).collect()
    };
    let at = "resources.ecs.task_definition.t";
    for (container, code, says) in [
        (json!({"image": "i", "environment": {"X": "${TAG}"}}), "unresolved", "the variable `X` contains `${TAG}`".to_owned()),
        (json!({"image": "i", "environment": {"A B": "x"}}), "invalid-name", "`A B` is not a valid".to_owned()),
        (json!({"image": "i", "environment": {"A": "x".repeat(100_000)}}), "too-large", format!("`{at}` has 100025 bytes")),
        (json!({"image": "i", "entrypoint": ["${X}"]}), "unresolved", format!("`{at}.containers[0].entrypoint[0]` contains")),
        (json!({"image": "i", "secrets": {"S": "arn:${X}"}}), "unresolved", "the secret `S` contains".to_owned()),
    ] {
        let found = found(container);
        assert!(matches!(found.as_slice(), [(c, message)] if *c == code && message.contains(&says)), "{says}: {found:?}");
    }
    assert_eq!(
        found(json!({"image": "i", "environment": {"A": "$${X}", "B": "${kms.key/k.arn}"}, "command": ["sh", "-c", "${X}"]})),
        []
    );
}

#[test]
fn what_is_too_large_is_told_at_its_service() {
    let text = format!("stack: a\nregion: us-east-1\nservices: {{web: {{image: i, command: [\"{}\"]}}}}\n", "x".repeat(70_000));
    let refused = refused(&text, None);
    assert!(refused.contains("too-large") && refused.contains(":3:12"), "{refused}");
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
    let text = "stack: a\nregion: us-east-1\nnetwork: {cidr: 20.0.0.0/16, nat: none, zones: 1}\nload_balancer: {ssl_policy: x, allow: []}\nservices:\n  a: {image: i, port: 1, uses: [services.b, services.b]}\n  b: {image: i, port: 1}\n";
    insta::assert_snapshot!(loaded(text).warnings.render(100, false, true));
    let text =
        "stack: a\nregion: us-east-1\nservices:\n  a: {image: i, port: 1, routes: [/*]}\ncdn: {minimum_tls: TLSv1.2_2019}\n";
    let told = loaded(text).warnings;
    assert_eq!(told.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["unused-minimum-tls"]);
}

#[test]
fn services_that_use_each_other_are_told_once() {
    let text = "stack: a\nregion: us-east-1\nservices:\n  a: {image: i, port: 1, uses: [services.c]}\n  b: {image: i, port: 1, uses: [services.a]}\n  c: {image: i, port: 1, uses: [services.b, services.d]}\n  d: {image: i, port: 1}\n";
    insta::assert_snapshot!(refused(text, None));
    assert!(loaded(&text.replace("uses: [services.a]", "count: 1")).warnings.is_empty());
}

#[test]
fn each_of_very_many_services_is_checked_once() {
    let uses = |n: usize| (n + 1..150).map(|other| format!("services.s{other}")).collect::<Vec<_>>().join(", ");
    let services: String = (0..150).map(|n| format!("  s{n}: {{image: i, port: 1, uses: [{}]}}\n", uses(n))).collect();
    let text = format!("stack: a\nregion: us-east-1\nservices:\n{services}");
    assert!(loaded(&text).warnings.is_empty());
    let round = text.replace("s149: {image: i, port: 1, uses: []", "s149: {image: i, port: 1, uses: [services.s148]");
    assert!(refused(&round, None).contains("circle: `s148` → `s149` → `s148`"));
}

#[test]
fn tags_and_zones_have_limits() {
    let tags: String = (0..46).map(|n| format!("  t{n}: x\n")).collect();
    let long = "k".repeat(130);
    let text = format!("stack: a\nregion: us-east-1\nnetwork: {{zones: [us-east-1a, us-east-1a]}}\ntags:\n  {long}: x\n{tags}");
    insta::assert_snapshot!(refused(&text, None));
}

#[test]
fn what_somebody_else_owns_must_be_named() {
    let text = "stack: a\nregion: us-east-1\nnetwork: {zones: 2}\nexisting:\n  network: {vpc: vpc-1, app: [], public: [subnet-1]}\n  repositories: {web: team/web}\n  databases: {old: legacy}\nservices:\n  a: {image: existing.repositories.wbe:1, port: 80, routes: [/*], uses: [existing.databases.odl]}\n  b: {image: existing.repositories.web, uses: [existing.databases.old]}\n";
    insta::assert_snapshot!(refused(text, None));
}

#[test]
fn texts_have_the_shape_of_what_they_name() {
    let text = "stack: a\nregion: us-east-1\nexisting: {network: {vpc: my-vpc, app: [s]}}\ndatabases: {main: {engine: postgres, version: 16, class: t4g.micro, storage: 20GB}}\ncaches: {main: {engine: valkey, node: small}}\n";
    insta::assert_snapshot!(refused(text, None));
}

#[test]
fn a_balancer_has_a_hundred_rules_at_first() {
    let routes = |n: usize| (0..n).map(|i| format!("/r{i}")).collect::<Vec<_>>().join(", ");
    let text = |n: usize| {
        format!("stack: a\nregion: us-east-1\nservices:\n  a: {{image: i, port: 80, routes: [{}, \"/*\"]}}\n", routes(n))
    };
    assert!(loaded(&text(100)).warnings.is_empty());
    let said = loaded(&text(102)).warnings.render(100, false, true);
    assert!(said.contains("102 routes need a rule each") && said.contains("too-many-routes"), "{said}");
}

#[test]
fn what_catches_everything_has_no_priority() {
    let text =
        |route: &str| format!("stack: a\nregion: us-east-1\nservices: {{web: {{image: i, port: 80, routes: [{route}]}}}}\n");
    insta::assert_snapshot!(loaded(&text("{path: /*, priority: 7}")).warnings.render(100, false, true), @"
    unused-priority

      ⚠ the route `/*` matches what no other route matches, so its priority has no effect
       ╭─[stack.yaml:3:68]
     2 │ region: us-east-1
     3 │ services: {web: {image: i, port: 80, routes: [{path: /*, priority: 7}]}}
       ·                                                                    ┬
       ·                                                                    ╰── no effect
       ╰────
      help: remove `priority`: this route always comes last

    1 warning
    ");
    assert!(loaded(&text("{path: /*, host: a.example.com, priority: 7}")).warnings.is_empty());
}

#[test]
fn a_tag_of_both_object_and_stack_counts_once() {
    let tags = |n: usize| (0..n).map(|n| format!("t{n}: x")).collect::<Vec<_>>().join(", ");
    let text = |n: usize| {
        format!(
            "stack: a\nregion: us-east-1\ntags: {{{}}}\nresources: {{demo.thing: {{a: {{size: 1, tags: {{{}}}}}}}}}\n",
            tags(30),
            tags(n)
        )
    };
    let checked = |n: usize| {
        let file = crate::yaml::parse(&text(n)).unwrap();
        let stack = serde_json::from_value(file.to_json()).unwrap();
        super::validate(&stack, &file, "default").iter().map(|d| d.code).collect::<Vec<_>>()
    };
    assert_eq!((checked(38), checked(39)), (vec![], vec!["too-many-tags"]));
}

#[test]
fn certificates_are_for_names_of_their_zone() {
    let text = |zone: &str| {
        format!(
            "stack: a\nregion: us-east-1\nexisting: {{zones: {{z: {zone}}}}}\ncertificates: {{m: {{domain: example.com, names: ['*.example.com', www.example.org, badexample.com], zone: existing.zones.z}}}}\n"
        )
    };
    let said = refused(&text("Example.com."), None);
    assert!(said.contains("`www.example.org` is not in the zone") && said.contains("`badexample.com` is not"), "{said}");
    assert!(said.contains("2 errors"), "{said}");
    assert!(loaded(&text("Z0123456789ABC")).warnings.is_empty());
}

#[test]
fn the_balancers_certificate_covers_cloudfronts_names() {
    let text = |names: &str| {
        format!(
            "stack: a\nregion: us-east-1\nnetwork: {{nat: single}}\nservices: {{web: {{image: i, port: 80, routes: [/*]}}}}\nload_balancer: {{certificate: certificates.lb}}\ncertificates: {{lb: {{domain: www.example.com{names}}}, cdn: {{domain: www.example.com, names: [shop.example.org]}}}}\ncdn: {{aliases: [www.example.com, shop.example.org], certificate: certificates.cdn}}\n"
        )
    };
    let said = refused(&text(""), None);
    assert!(said.contains("not-in-certificate") && said.contains("`shop.example.org`") && said.contains("1 error\n"), "{said}");
    assert!(loaded(&text(", names: [shop.example.org]")).warnings.is_empty());
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
    insta::assert_snapshot!(refused(&format!("{head}cdn: {{default_root: index.html}}\n"), None), @r#"
    nothing-to-deliver

      × `cdn` has neither a load balancer behind it nor static files
       ╭─[stack.yaml:3:1]
     2 │ region: us-east-1
     3 │ cdn: {default_root: index.html}
       · ─┬─
       ·  ╰── delivers nothing
       ╰────
      help: give a service `routes: ["/*"]`, or add `static: { paths: ["/*"] }`

    1 error
    "#);
    let paths: Vec<String> = (0..76).map(|n| format!("\"/{n}/*\"")).collect();
    let many = format!("{head}cdn: {{static: {{paths: [{}]}}}}\n", paths.join(", "));
    let said = refused(&many, None);
    assert!(said.contains("76 paths, 1 too many") && said.contains("at most 75"), "{said}");
    let served = format!("{head}services: {{web: {{image: i, port: 80, routes: [/*]}}}}\n");
    let internal = format!("{served}load_balancer: {{internal: true}}\ncdn: {{}}\n");
    insta::assert_snapshot!("an_internal_origin", refused(&internal, None));
    insta::assert_snapshot!(refused("stack: a\nregion: me-south-1\ncdn: {static: {paths: [/*]}}\n", None), @"
    wrong-region

      × CloudFront cannot deliver logs to buckets in `me-south-1`
       ╭─[stack.yaml:3:1]
     2 │ region: me-south-1
     3 │ cdn: {static: {paths: [/*]}}
       · ─┬─
       ·  ╰── with logs
       ╰────
      help: write `logs: false` in `cdn`

    1 error
    ");
    insta::assert_snapshot!(refused(&format!("{head}cdn: {{static: {{paths: [/*], bucket: our-bucket}}}}\n"), None), @"
    unknown-reference

      × there is no bucket `our-bucket` in this file
       ╭─[stack.yaml:3:37]
     2 │ region: us-east-1
     3 │ cdn: {static: {paths: [/*], bucket: our-bucket}}
       ·                                     ─────┬────
       ·                                          ╰── not in this file
       ╰────
      help: write `existing: { buckets: { NAME: our-bucket } }`, and `existing.buckets.NAME` here

    1 error
    ");
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

#[test]
fn keys_certificates_and_people_that_aws_would_refuse() {
    insta::assert_snapshot!(refused(include_str!("../testdata/locked.yaml"), None));
}

#[test]
fn keys_certificates_and_people_get_warnings() {
    let names: String = (0..10).map(|n| format!("n{n}.example.com, ")).collect();
    let text = format!(
        "stack: a\nregion: us-east-1\nkeys: {{main: {{rotation: false, rotation_period: 90d}}}}\ncertificates:\n  many: {{domain: example.com, names: [{names}example.com]}}\naccess:\n  groups: {{idle: {{}}, shells: {{may: [exec]}}}}\n  users: {{bob: [idle, idle]}}\n"
    );
    insta::assert_snapshot!(loaded(&text).warnings.render(100, false, true));
}

#[test]
fn people_of_the_directory_that_aws_would_refuse() {
    let found = |set: &str| -> Vec<(Severity, &'static str)> {
        let center = format!("    permission_sets: {{ dev: {{ {set} }} }}");
        let text = format!("stack: a\nregion: us-east-1\naccess:\n  identity_center:\n    region: us-east-1\n{center}\n");
        let node = crate::yaml::parse(&text).unwrap();
        let stack = serde_json::from_value(node.to_json()).unwrap();
        super::validate(&stack, &node, "default").into_iter().map(|d| (d.severity, d.code)).collect()
    };
    let error = |code: &'static str| vec![(Severity::Error, code)];
    assert_eq!(found("groups: [dev], may: [view], session: 8h"), []);
    assert_eq!(found("may: [view]"), error("missing"));
    assert_eq!(found("groups: [dev, dev], may: [view]"), error("duplicate-name"));
    assert_eq!(found("users: [\" \"], may: [view]"), error("wrong-name"));
    assert_eq!(found("groups: [dev], may: [view], session: 30m"), error("out-of-range"));
    assert_eq!(found("groups: [dev], may: [view], description: \"\""), error("wrong-description"));
    assert_eq!(found("groups: [dev], may: [view], description: 日本"), error("wrong-description"));
    assert_eq!(found("groups: [dev], policies: [Nonsense]"), error("unknown-policy"));
    assert_eq!(found("groups: [dev]"), [(Severity::Warning, "no-rights")]);
    assert_eq!(found("groups: [dev], policies: [AdministratorAccess]"), [(Severity::Warning, "opens-everything")]);
}

#[test]
fn certificates_may_be_named_in_three_ways() {
    for certificate in ["certificates.main", "existing.certificates.old", "arn:aws:acm:us-east-1:123456789012:certificate/1"] {
        let text = format!(
            "stack: a\nregion: us-east-1\nnetwork: {{nat: single}}\nservices: {{web: {{image: i, port: 80, routes: [/*]}}}}\nload_balancer: {{certificate: \"{certificate}\"}}\ncdn: {{certificate: \"{certificate}\", aliases: [www.example.com]}}\ncertificates: {{main: {{domain: www.example.com, zone: existing.zones.main}}}}\nexisting: {{zones: {{main: example.com}}, certificates: {{old: old.example.com}}}}\n"
        );
        let loaded = loaded(&text);
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(100, false, true));
        assert!(super::notes(&loaded.stack, true).is_empty());
    }
}

#[test]
fn a_balancer_without_a_certificate_is_only_noted() {
    let text = "stack: a\nregion: us-east-1\nservices: {web: {image: i, port: 80, routes: [/*]}}\n";
    let loaded = loaded(text);
    assert!(loaded.warnings.is_empty());
    let notes = super::notes(&loaded.stack, false);
    assert!(notes[0].contains("NAT gateway each") && notes[1].contains("HTTP only"), "{notes:?}");
    assert_eq!(super::notes(&loaded.stack, true).len(), 1, "chosen is chosen");
    let accepted = |until: &str| {
        let exception = format!("{text}check: {{ exceptions: {{ ELB.1: {{ reason: no domain yet, until: {until} }} }} }}\n");
        super::notes(&self::loaded(&exception).stack, true).len()
    };
    assert_eq!((accepted("2199-12-31"), accepted("2020-12-31")), (0, 1));
}

#[test]
fn what_rds_rotates_has_no_copies() {
    let text = |password: &str| {
        format!(
            "stack: a\nregion: us-east-1\ndatabases:\n  main:\n    engine: postgres\n    version: 16\n    password: {password}\n    replicas: {{ r: {{}} }}\n"
        )
    };
    insta::assert_snapshot!(refused(&text("{ rotate: 30d }"), None));
    assert!(loaded(&text("{ rotate: never }")).warnings.is_empty());
    assert!(loaded(&text("{}")).warnings.is_empty());
}

#[test]
fn databases_that_cannot_be() {
    insta::assert_snapshot!(refused(include_str!("../testdata/senseless_databases.yaml"), None));
    let text =
        |database: &str| format!("stack: a\nregion: us-east-1\nnetwork: {{zones: 2}}\ndatabases: {{main: {{{database}}}}}\n");
    for fine in [
        "engine: postgres, version: \"16\", storage: 20GiB, max_storage: 22GiB, backups: 35d, user: owner",
        "engine: mysql, version: 8.4, storage: 64TiB, backups: 0d, logs: [error, slowquery], parameters: {max_connections: 10}",
        "engine: mariadb, version: 11.4.5, backup_window: \"23:30-00:00\", maintenance_window: \"mon:00:00-mon:00:30\"",
        "engine: postgres, version: \"17\", key: \"arn:aws:kms:us-east-1:123456789012:key/1\", replicas: {reports: {class: db.r7g.large}}",
    ] {
        assert!(loaded(&text(fine)).warnings.is_empty(), "{fine}");
    }
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

#[test]
fn sharing_needs_one_other_environment_and_host_names() {
    let text = |share: &str| {
        format!(
            "stack: a\nregion: us-east-1\nservices: {{web: {{image: i, port: 80, routes: [/*, a.example.com]}}}}\nshare: {share}\nenvironments: {{staging: {{}}}}\n"
        )
    };
    let cases = [
        "{network: default}",
        "{databases: staging}",
        "{network: staging, caches: production}",
        "{network: staging, load_balancer: staging}",
        "{network: staging, load_balancer: staging, host: preview.example.com}",
        "{network: staging, load_balancer: staging, host: \"{env}.*.example.com\"}",
        "{network: staging, host: \"{env}.example.com\"}",
    ];
    let all: Vec<String> = cases.iter().map(|share| refused(&text(share), None)).collect();
    insta::assert_snapshot!(all.join("\n"));
    let right = text("{network: staging, load_balancer: staging, host: \"{env}.example.com\"}");
    assert!(super::notes(&loaded(&right).stack, false).is_empty());
}

#[test]
fn objectives_that_cannot_hold_are_refused() {
    let text = |recovery: &str| {
        format!(
            "stack: a\nregion: eu-west-1\nnetwork: {{zones: 2}}\ndatabases: {{main: {{engine: postgres, version: \"16\", backups: 0d, password: {{rotate: 7d}}}}}}\nrecovery: {recovery}\n"
        )
    };
    let many = "{region: eu-west-1, mode: pilot_light, rpo: 1m, rto: 0s, keep: 36d, key: \"arn:aws:kms:eu-central-1:123456789012:key/x\"}";
    insta::assert_snapshot!(refused(&text(many), None));
}

#[test]
fn health_checks_need_names_and_a_path_that_answers() {
    let text = |mode: &str, check: &str, balancer: &str, routes: &str| {
        format!(
            "stack: a\nregion: eu-west-1\nnetwork: {{zones: 2, nat: single}}\nexisting: {{zones: {{main: a.example}}}}\ncertificates: {{site: {{domain: a.example, zone: existing.zones.main}}}}\nload_balancer: {{{balancer}}}\nservices: {{web: {{image: i, port: 80, routes: [{routes}]}}}}\nalarms: {{topics: [\"arn:aws:sns:eu-west-1:123456789012:ops\"]}}\nrecovery: {{region: eu-central-1, mode: {mode}, rpo: 5m, rto: 1h, health_check: {{{check}}}}}\n"
        )
    };
    let (mode, check, balancer, routes) = ("warm_standby", "path: /health", "certificate: certificates.site", "/*");
    let warned = loaded(&text(mode, check, balancer, routes)).warnings.render(100, false, true);
    assert!(warned.contains("the alarms of `recovery.health_check` are in `us-east-1`, and notify no one"), "{warned}");
    let pilot = text("pilot_light", check, balancer, routes);
    let backup = text("backup", check, balancer, routes);
    let nameless = text(mode, check, "dns: false, certificate: certificates.site", routes);
    let hosts = text(mode, "path: /health, interval: 15s", balancer, "a.example/*, /api/*");
    let inside = text(mode, "path: health", "certificate: certificates.site, internal: true", routes);
    let closed = "certificate: certificates.site, allow: [192.0.2.0/24], ssl_policy: ELBSecurityPolicy-TLS13-1-3-2021-06";
    let all = [pilot, backup, nameless, hosts, inside, text(mode, check, closed, routes)];
    insta::assert_snapshot!(all.map(|text| refused(&text, None)).join("\n"));
}

#[test]
fn what_a_task_carries_is_said_once() {
    let of = |capacity: &str| {
        let service = "stack: a\nregion: us-east-1\nservices: {web: {image: \"i:1\"}}\n";
        refused(&format!("{service}capacity:\n  web:\n    measured: 2026-11-25\n{capacity}"), None)
    };
    let twice = of("    requests_per_task: 40\n    users_per_task: 400\n");
    assert!(twice.contains("`capacity.web` says twice what a task carries") && twice.contains(":8:5"), "{twice}");
    let never = of("");
    assert!(never.contains("`capacity.web` does not say what a task carries") && never.contains(":5:3"), "{never}");
}

#[test]
fn a_job_is_of_a_service_and_told_from_databases() {
    let text = |jobs: &str, keys: &str| {
        format!(
            "stack: a\nregion: us-east-1\n{keys}services: {{web: {{image: i}}}}\ndatabases: {{main: {{engine: postgres, version: '16'}}}}\narchive:\n  databases: []\n  jobs: {{{jobs}}}\n"
        )
    };
    let keys = "keys: {main: {}}\n";
    assert!(loaded(&text("orders: {service: web, command: [a], cpu: 512, memory: 1024}", keys)).warnings.is_empty());
    for (jobs, keys, says) in [
        ("orders: {service: wbe, command: [a]}", keys, vec!["the service `wbe` does not exist", "did you mean `web`?"]),
        ("main: {service: web, command: [a]}", keys, vec!["`main` has the name of a database", "taken"]),
        ("orders: {service: web, command: [a], memory: 1536}", keys, vec!["does not offer `cpu: 256` with `memory: 1536`"]),
        ("orders: {service: web, command: []}", keys, vec!["archive.jobs.orders.command"]),
        ("orders: {service: web, command: [a], schedule: hourly}", keys, vec!["write `daily`, `weekly`, `monthly`"]),
        ("orders: {service: web, command: ['${A}']}", keys, vec!["`archive.jobs.orders.command[0]` contains `${A}`"]),
        ("orders: {service: web, command: [a], image: existing.repositories.x:1}", keys, vec!["`existing.repositories.x`"]),
        ("orders: {service: web, command: [a]}", "", vec!["what jobs export needs a KMS key"]),
    ] {
        let said = refused(&text(jobs, keys), None);
        assert!(says.iter().all(|words| said.contains(words)), "{jobs}: {said}");
    }
    let many: Vec<String> = (0..11).map(|n| format!("j{n}: {{service: web, command: [a]}}")).collect();
    let said = refused(&text(&many.join(", "), keys), None);
    assert!(said.contains("the archive has 11 jobs") && said.contains("too-many-jobs"), "{said}");
}
