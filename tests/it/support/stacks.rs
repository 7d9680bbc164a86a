//! The stack files that several tests work with, and where the repository's files are.

use std::path::{Path, PathBuf};

/// Every stack file that is published, with the environments to try it in.
pub const FILES: &[(&str, &[&str])] = &[
    ("stacks/webapp.yaml", &[""]),
    ("stacks/small.yaml", &["", "production"]),
    ("stacks/shop.yaml", &["", "load-test"]),
    ("stacks/regions.yaml", &[""]),
    ("stacks/production.yaml", &["production"]),
    ("examples/smallest.yaml", &[""]),
    ("examples/resources.yaml", &[""]),
];

/// The typical ones of these, the reference first.
pub const TYPICAL: &[&str] = &["stacks/webapp.yaml", "stacks/small.yaml", "stacks/shop.yaml"];

/// A stack file of which the tests change one thing at a time.
pub const STACK: &str = r#"
stack: shop
region: us-east-1
alarms: off
tags: { team: web }
network: { zones: 2, nat: single }
services:
  web:
    image: nginx:1.27
    port: 80
    scale: { min: 2, max: 6, cpu: 60 }
    routes: ["/*"]
    uses: [services.api]
    environment: { LEVEL: info }
  api:
    image: nginx:1.27
    port: 8080
    count: 2
    routes: ["/api/*"]
  worker:
    image: busybox:1.37
    count: 1
"#;

/// A stack of people alone.
pub const PEOPLE: &str = r#"
stack: team
region: us-east-1
alarms: off
access:
  groups:
    developers: { policies: [ReadOnlyAccess], may: [view, deploy] }
    auditors: { policies: [ViewOnlyAccess, SecurityAudit] }
  users:
    alice@example.com: [developers]
    bob: [developers, auditors]
"#;

/// The repository's folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The path of a file of the repository.
pub fn published(file: &str) -> String {
    root().join(file).display().to_string()
}

/// The text of a published stack file without alarms: AWS takes three of those in a second, which makes long tests longer and has tests of
/// its own.
pub fn unwatched(file: &str) -> String {
    std::fs::read_to_string(published(file)).unwrap() + "\nalarms: off\n"
}

/// Every Rust file in a folder and the folders below it.
pub fn sources(folder: &Path) -> Vec<PathBuf> {
    files(folder, "rs")
}

/// Every file with this ending in a folder and the folders below it.
pub fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(files(&path, end));
        } else if path.extension().is_some_and(|e| e == end) {
            out.push(path);
        }
    }
    out
}

/// A database whose alarms notify someone.
pub const DATABASE: &str = r#"
stack: shop
region: us-east-1
network: { zones: 2, nat: none }
alarms: { email: [ops@example.com] }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB, deletion_protection: false }
"#;
