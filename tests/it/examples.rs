//! The programs in `examples/`, which `cargo test` builds: they run as their heads say.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::stacks::root;

fn run(name: &str) -> Output {
    let folder = Path::new(env!("CARGO_BIN_EXE_stack")).with_file_name("examples");
    let output = Command::new(folder.join(name)).current_dir(root()).env("NO_COLOR", "1").output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn a_plan_is_printed_without_aws() {
    let text = String::from_utf8(run("plan_without_aws").stdout).unwrap();
    let last = text.lines().rev().find(|line| line.starts_with("Plan: ")).unwrap_or_default();
    assert!(text.contains("ecs.service") && last.ends_with(" to create."), "{text}");
}

#[test]
fn the_engine_is_embedded_with_another_cloud() {
    let text = String::from_utf8(run("own_kind").stdout).unwrap();
    let events: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |word: &str| events.iter().filter(|event| event.to_string().contains(word)).count();
    assert!(of("create") >= 2 && of("update") >= 1 && of("delete") >= 2, "{text}");
}
