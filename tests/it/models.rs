//! Every request is held against AWS's API models, and against the table of what AWS refuses beyond them.
//!
//! `cargo test` records the life of the published files. `tests/record` records everything that the suite sends.

use std::path::Path;

use crate::support::aws::LocalAws;
use crate::support::proxy::Proxy;
use crate::support::record::hold;
use crate::support::run::{EVERYTHING, Place};
use crate::support::stacks::{FILES, published};

/// What is changed in each published file once it is there.
const EDITS: &[(&str, &[(&str, &str)])] = &[
    ("stacks/small.yaml", &[("stack: small\n", "stack: small\ntags: { team: web }\n")]),
    (
        "stacks/webapp.yaml",
        &[
            ("memory: 1024", "memory: 2048"),
            ("[\"/api/*\"]", "[\"/v2/*\"]"),
            ("idle_timeout: 120s", "idle_timeout: 60s"),
            ("retention: 14d", "retention: 30d"),
            ("storage: 50GiB", "storage: 80GiB"),
            ("replicas: 1", "replicas: 2"),
            ("bob: [developers, operators]", "bob: [operators]"),
        ],
    ),
    (
        "stacks/shop.yaml",
        &[
            ("storage: 50GiB", "storage: 60GiB"),
            ("log_min_duration_statement: 500", "log_min_duration_statement: 250"),
            ("replicas: 2", "replicas: 1"),
            ("maxmemory-policy: volatile-lru", "maxmemory-policy: allkeys-lru"),
            ("cpu: 512", "cpu: 1024"),
            ("memory: 1024", "memory: 2048"),
            ("priority: 10", "priority: 20"),
            ("price_class: north-america-europe", "price_class: all"),
            ("support: { policies: [CloudWatchReadOnlyAccess], may: [view] }", "support: { may: [view] }"),
            ("dave: [support]", "dave: [developers]"),
        ],
    ),
];

#[test]
fn every_request_is_one_that_aws_takes() {
    if let Some(folder) = std::env::var_os("STACK_MODELS") {
        return hold(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for (file, _) in FILES {
            scope.spawn(|| lives(file, folder.path()));
        }
    });
    hold(folder.path());
}

/// Records the life of a published file.
fn lives(file: &str, folder: &Path) {
    let account = LocalAws::shared().account();
    let proxy = Proxy::recording(&account.url, folder);
    let mut place = Place::through(&account, &proxy);
    place.timeout = std::time::Duration::from_secs(300);
    let mut text = std::fs::read_to_string(published(file)).unwrap();
    place.file("s.yaml", &text);
    place.stack(&["apply", "s.yaml", "--yes"]).ok();
    place.stack(&["plan", "s.yaml", "--exact", "--detailed-exitcode"]).ok();
    let edits = EDITS.iter().filter(|(name, _)| *name == file).flat_map(|(_, edits)| edits.iter());
    for (from, to) in edits {
        assert!(text.contains(from), "{file}: {from}");
        text = text.replacen(from, to, 1);
    }
    place.file("s.yaml", &text);
    place.stack(&["apply", "s.yaml", "--yes"]).ok();
    for command in [["plan", "s.yaml"], ["show", "s.yaml"], ["outputs", "s.yaml"], ["history", "s.yaml"]] {
        place.stack(&command).ok();
    }
    place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
}
