//! Where what people read is written: a new place is reviewed against docs/style.md.

use std::path::Path;

use insta::assert_snapshot;

use crate::support::stacks::{root, sources};

/// What tells that a file has texts of a sort.
const SORTS: [(&str, &[&str]); 7] = [
    ("help of commands", &["clap::Args", "clap::{Args", "clap::Subcommand", "Parser)]"]),
    ("errors", &["Error::new(", ".hint(", "Stop::message(", "Stop::refused(", "Stop::bad_file(", "Stop::Message("]),
    ("problems of files", &["Diagnostic::error(", "Diagnostic::warning(", "Wrong::new("]),
    ("the schema", &["JsonSchema)]", "json_schema!("]),
    ("findings before a run", &["Finding::", "Finding {"]),
    ("states", &["Means::", "Readiness::waiting(", "Readiness::Failed(", "Impairment {"]),
    ("notes and output", &["ui::note(", "ui::err(", "ui::out(", "ui::problem(", "ui::table(", "ui::toned_table("]),
];

/// The sorts of texts in a Rust file, without its tests.
fn sorts(path: &Path) -> Vec<&'static str> {
    let text = std::fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let has = |words: &[&str]| lines.iter().any(|line| words.iter().any(|word| line.contains(word)));
    SORTS.iter().filter(|(_, words)| has(words)).map(|(sort, _)| *sort).collect()
}

#[test]
fn homes_of_texts_are_listed() {
    let src = root().join("src");
    let mut homes: Vec<String> = Vec::new();
    for path in sources(&src) {
        let name = path.strip_prefix(&src).unwrap().display().to_string();
        let sorts = if name.starts_with("ui/") { vec!["notes and output"] } else { sorts(&path) };
        if !sorts.is_empty() && !name.ends_with("tests.rs") {
            homes.push(format!("{name}: {}", sorts.join(", ")));
        }
    }
    homes.sort();
    assert!(homes.len() > 100, "{homes:?}");
    assert_snapshot!(homes.join("\n"));
}
