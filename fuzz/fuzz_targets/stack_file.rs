//! Any bytes as a stack file.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

#[path = "../checks.rs"]
#[allow(dead_code)]
mod checks;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("../../stack.schema.json")).expect("JSON"));

fuzz_target!(|bytes: &[u8]| checks::stack_file(&SCHEMA, bytes));
