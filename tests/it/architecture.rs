//! What the code promises about itself.

use std::path::{Path, PathBuf};

use crate::support::stacks::{files, root, sources};

/// Which files of `folder` mention one of the words.
fn mentions(folder: &str, words: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    let files = sources(&root().join("src").join(folder));
    assert!(!files.is_empty(), "{folder}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if words.iter().any(|word| line.contains(word)) {
                out.push(format!("{}:{}: {}", file.display(), n + 1, line.trim()));
            }
        }
    }
    out
}

#[test]
fn arrows_go_one_way() {
    // Those of `engine` and `config` are held by cargo: they are crates.
    let none: Vec<String> = Vec::new();
    assert_eq!(mentions("engine", &["aws_sdk", "aws_config", "serde_saphyr", "indicatif"]), none);
    assert_eq!(
        mentions("aws", &["crate::blueprint", "crate::commands", "crate::config", "stack_config", "crate::ui", "crate::local"]),
        none
    );
    assert_eq!(
        mentions(
            "prices",
            &["crate::aws", "crate::blueprint", "crate::commands", "crate::config", "crate::engine", "crate::ui", "crate::local"]
        ),
        none
    );
    for folder in ["capacity", "load"] {
        let others =
            ["crate::aws", "crate::blueprint", "crate::commands", "crate::config", "crate::engine", "crate::ui", "crate::local"];
        assert_eq!(mentions(folder, &others), none);
        assert_eq!(mentions(folder, &["reqwest", "tokio", "ratatui", "stack_config", "stack_engine"]), none);
    }
    assert_eq!(mentions("blueprint", &["crate::commands", "crate::ui", "crate::local"]), none);
    assert_eq!(
        mentions("ui", &["crate::aws", "crate::blueprint", "crate::commands", "crate::config", "stack_config", "crate::local"]),
        none
    );
}

#[test]
fn only_config_knows_yaml_only_local_localstack() {
    let none: Vec<String> = Vec::new();
    for folder in ["aws", "blueprint", "commands", "engine", "local", "ui"] {
        assert_eq!(mentions(folder, &["serde_saphyr"]), none);
    }
    for folder in ["aws", "blueprint", "config", "engine", "ui"] {
        assert_eq!(mentions(folder, &["localstack", "LocalStack", "4566"]), none);
    }
}

#[test]
fn references_are_never_spelled_by_hand() {
    let code =
        |path: &PathBuf| std::fs::read_to_string(path).unwrap().split("#[cfg(test)]").next().unwrap_or_default().to_owned();
    let spelled = sources(&root().join("src/aws")).into_iter().filter(|path| code(path).contains("${{="));
    assert_eq!(spelled.collect::<Vec<_>>(), Vec::<PathBuf>::new(), "`Ref::physical(…).attr(…)` writes them");
}

/// A message takes the cloud's name from who implements it. `AWS` alone is a key of IAM's policies.
#[test]
fn the_engine_names_no_cloud() {
    let only_tests = ["memory/", "stepwise.rs", "traffic.rs", "waits.rs"];
    let engine = root().join("src/engine");
    for file in sources(&engine) {
        let name = file.strip_prefix(&engine).unwrap().to_str().unwrap().to_owned();
        if only_tests.iter().any(|test| name.starts_with(test)) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let mut literals = line.split('"').skip(1).step_by(2);
            let found = literals.find(|literal| literal.contains("AWS") && *literal != "AWS");
            assert_eq!(found, None, "{name}: {}", line.trim());
        }
    }
}

/// Every Rust file of `tests/it` with its text.
fn tests() -> Vec<(PathBuf, String)> {
    let read = |path: PathBuf| (path.clone(), std::fs::read_to_string(path).unwrap());
    sources(&root().join("tests/it")).into_iter().map(read).collect()
}

#[test]
fn what_tests_share_is_in_support() {
    for (path, text) in tests() {
        let imports = text.lines().filter_map(|line| line.trim_start().strip_prefix("use crate::"));
        let other: Vec<&str> = imports.filter(|import| !import.starts_with("support::")).collect();
        assert!(other.is_empty(), "{} imports from another test file: {other:?}", path.display());
    }
}

#[test]
fn every_test_file_has_a_mod_line() {
    for (path, _) in tests() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let parent = match name {
            "main" | "mod" => continue,
            _ if path.parent().unwrap().ends_with("support") => "tests/it/support/mod.rs",
            _ => "tests/it/main.rs",
        };
        let text = std::fs::read_to_string(root().join(parent)).unwrap();
        let found = text.lines().any(|line| line.trim_start_matches("pub ") == format!("mod {name};"));
        assert!(found, "{} is not compiled: {parent} has no `mod {name};`", path.display());
    }
}

/// Every page that people read, with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let folders = [root(), root().join("docs")];
    let all = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    all.filter(|path| path.extension().is_some_and(|end| end == "md"))
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

#[test]
fn commands_in_the_pages_run_some_test() {
    let names: Vec<String> = tests()
        .iter()
        .flat_map(|(path, text)| {
            let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let names = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn ")?.split_once('('));
            names.map(|(name, _)| format!("{module}::{name}")).collect::<Vec<_>>()
        })
        .collect();
    let mut found = 0;
    for (path, text) in pages() {
        for (_, rest) in text.match_indices("cargo test --test it ").map(|(at, said)| (at, &text[at + said.len()..])) {
            let filter = rest.split(['`', ' ', '\n']).next().unwrap();
            if !filter.starts_with("--") {
                found += 1;
                let some = names.iter().any(|name| name.contains(filter));
                assert!(some, "{}: no test is called like `{filter}`", path.display());
            }
        }
    }
    assert!(found > 10, "{found}");
}

/// The names of the tests in a file, of Rust or Python.
fn names_of_tests(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().map(|line| line.trim().trim_start_matches("async ")).collect();
    let functions: Vec<&str> = if path.extension().is_some_and(|end| end == "py") {
        lines.iter().filter_map(|line| line.strip_prefix("def ")).filter(|name| name.starts_with("test_")).collect()
    } else {
        let marked =
            lines.iter().enumerate().filter(|(_, line)| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
        marked.map(|(n, _)| lines[n..].iter().find_map(|line| line.strip_prefix("fn ")).unwrap()).collect()
    };
    functions.iter().map(|function| function.split('(').next().unwrap().to_owned()).collect()
}

#[test]
fn names_of_tests_are_short() {
    for (folder, end, least) in [("tests/it", "rs", 400), ("src", "rs", 900), ("localstack/tests", "py", 300)] {
        let mut found = 0;
        for path in files(&root().join(folder), end) {
            for name in names_of_tests(&path) {
                found += 1;
                assert!(name.len() <= 50, "{}: `{name}` has {} characters, more than 50", path.display(), name.len());
            }
        }
        assert!(found > least, "{folder}: {found}");
    }
}
