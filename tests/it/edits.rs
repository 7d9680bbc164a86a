//! Every field of every section of every published file, changed once: `support/edits.py` makes the edits from the schema.
//!
//! `cargo test` tries a sample. `tests/edits` tries all, or a part: `tests/edits --part 1/8`.

use std::process::Stdio;

use crate::support::aws::LocalAws;
use crate::support::helper::script_of;
use crate::support::stacks::published;

/// Runs the script with these arguments, and gives what it said.
#[track_caller]
fn edits(arguments: &[&str]) -> String {
    let aws = LocalAws::shared();
    let mut command = aws.python.command().into_std();
    command.arg("-B").arg(script_of("edits.py")).arg(env!("CARGO_BIN_EXE_stack")).arg(published("stack.schema.json"));
    command.args(["stacks/small.yaml", "stacks/shop.yaml", "stacks/webapp.yaml"].map(published)).args(arguments);
    let output = command.env("AWS_ENDPOINT_URL", &aws.url).stderr(Stdio::inherit()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_sample_of_all_edits_is_planned_done_and_settled() {
    if let Ok(arguments) = std::env::var("STACK_EDITS") {
        println!("{}", edits(&arguments.split_whitespace().collect::<Vec<_>>()));
        return;
    }
    let said = edits(&["--only", "services.web.", "--file", "small.yaml", "--sample", "5", "--seed", "5"]);
    assert!(said.contains(" done") && !said.contains("BROKEN"), "{said}");
}

#[test]
fn the_schema_is_changed_field_by_field() {
    let said = edits(&["--list"]);
    let count: usize = said.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap();
    assert!(count > 600, "{said}");
    for place in
        ["services.web.cpu: 256", "databases.main.storage", "network.zones", "caches.sessions.node", "access.users.alice"]
    {
        assert!(said.contains(place), "{place}: {said}");
    }
}
