//! Rules of the user's own, in Rego: what they get, what they answer, and their tests.
//!
//! A rule adds to the set `deny` of the package `stack`, as rules for Conftest do; <https://www.openpolicyagent.org/docs/policy-language>
//! is the language, version 1.

use std::fs;
use std::path::{Path, PathBuf};

use regorus::Engine;
use serde::Deserialize;
use serde_json::{Value, json};
use walkdir::WalkDir;

use super::super::stop::{Result, Stop};
use crate::config::Loaded;
use crate::engine::{Graph, Key};
use crate::ui::check::Severity;

/// What files with rules end in, and files with their tests.
const EXTENSION: &str = "rego";
const TESTS: &str = "_test.rego";
/// The set that rules add to.
const DENY: &str = "data.stack.deny";
/// The package of rules, as the language writes it.
const PACKAGE: &str = "data.stack";
/// What rules begin with that look as if they were asked for.
const UNASKED: &[&str] = &["deny", "denies", "warn", "violation"];
/// What tests begin with.
const TEST: &str = "test_";

/// Rules that were read.
pub(super) struct Rules {
    engine: Engine,
    /// The tests, each with its package and the file that it is in.
    tests: Vec<(String, PathBuf)>,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verdict {
    /// Its id, for exceptions.
    pub id: String,
    /// What is so.
    pub message: String,
    /// The object that it is about.
    #[serde(default)]
    pub object: Option<String>,
    /// How bad that is.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// What the rule asks for.
    #[serde(default)]
    pub title: String,
    /// Why it matters.
    #[serde(default)]
    pub why: String,
    /// How to meet it.
    #[serde(default)]
    pub remedy: String,
}

fn medium() -> Severity {
    Severity::Medium
}

/// A test that was run.
pub(super) struct Tested {
    /// Its name with its package: `data.stack_test.test_tags`.
    pub name: String,
    /// The file that it is in.
    pub file: PathBuf,
    /// What went wrong, if it was no plain failure.
    pub error: Option<String>,
    /// Whether it holds.
    pub passed: bool,
}

/// Returns the files with rules at these paths, in order.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in paths {
        let wrong = |why: String| {
            Stop::message(
                format!("the rules in `{}` cannot be read: {why}", path.display()),
                "name a file or a folder with files `*.rego`",
            )
        };
        if path.is_file() {
            all.push(path.clone());
            continue;
        }
        let before = all.len();
        for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
            let entry = entry.map_err(|e| wrong(e.to_string()))?;
            if entry.file_type().is_file() && entry.path().extension().is_some_and(|extension| extension == EXTENSION) {
                all.push(entry.into_path());
            }
        }
        if all.len() == before {
            return Err(wrong("it has no files `*.rego`".into()));
        }
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// Returns the names at the beginning of lines that begin with one of these words.
fn names<'a>(text: &'a str, words: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let end = |line: &str| line.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(line.len());
    text.lines().filter(|line| words.iter().any(|word| line.starts_with(word))).map(move |line| &line[..end(line)])
}

impl Rules {
    /// Reads rules. None if no path is given.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Option<Rules>> {
        if paths.is_empty() {
            return Ok(None);
        }
        let (mut engine, mut found) = (Engine::new(), Vec::new());
        engine.set_strict_builtin_errors(true);
        for file in files(paths)? {
            let name = file.display().to_string();
            let text = fs::read_to_string(&file).map_err(|e| {
                Stop::message(format!("the rules in `{name}` cannot be read: {e}"), "name a file that can be read")
            })?;
            let package = engine
                .add_policy(name.clone(), text.clone())
                .map_err(|e| Stop::message(format!("`{name}` is not Rego: {}", said(&e)), "fix it; `opa check` reports more"))?;
            if name.ends_with(TESTS) {
                found.extend(names(&text, &[TEST]).map(|test| (format!("{package}.{test}"), file.clone())));
                continue;
            }
            let at = package.trim_start_matches("data.");
            if package != PACKAGE && !package.starts_with(&format!("{PACKAGE}.")) {
                return Err(Stop::message(
                    format!("`{name}` has the package `{at}`, which is not evaluated"),
                    "write `package stack`, or `package stack.NAME` for what such rules import",
                ));
            }
            // As others call what is not allowed: it would be written for nothing.
            let unasked = names(&text, UNASKED).find(|rule| package != PACKAGE || *rule != "deny");
            if let Some(rule) = unasked {
                return Err(Stop::message(
                    format!("`{name}` has a rule `{rule}` in the package `{at}`, which is not evaluated"),
                    "only `deny` of the package `stack` is evaluated",
                ));
            }
        }
        found.dedup();
        Ok(Some(Rules { engine, tests: found }))
    }

    /// Holds an input to the rules.
    pub(super) fn judge(&mut self, input: &Value) -> Result<Vec<Verdict>> {
        let wrong = |why: String| {
            Stop::message(format!("the rules cannot be evaluated: {why}"), "`stack check --test-rules` runs their tests")
        };
        let engine = &mut self.engine;
        engine.set_input_json(&input.to_string()).map_err(|e| wrong(said(&e)))?;
        let answer = engine.eval_rule(DENY.to_owned()).map_err(|e| wrong(said(&e)))?;
        let answer = answer.to_json_str().map_err(|e| wrong(said(&e)))?;
        let Ok(answer) = serde_json::from_str::<Value>(&answer) else { return Ok(Vec::new()) };
        let each =
            answer.as_array().ok_or_else(|| wrong(format!("`{DENY}` is not a set: write `deny contains ... if {{ ... }}`")))?;
        each.iter()
            .map(|one| match one {
                Value::String(text) => Ok(Verdict {
                    id: "stack.deny".into(),
                    message: text.clone(),
                    object: None,
                    severity: medium(),
                    title: String::new(),
                    why: String::new(),
                    remedy: String::new(),
                }),
                one => serde_json::from_value(one.clone())
                    .map_err(|e| wrong(format!("`{one}` is neither a text nor a finding: {e}"))),
            })
            .collect()
    }

    /// Runs the tests.
    pub(super) fn test(&mut self) -> Vec<Tested> {
        let engine = &mut self.engine;
        let run = |(name, file): &(String, PathBuf)| {
            let answer = engine.eval_rule(name.clone());
            let passed = answer.as_ref().is_ok_and(|answer| answer.as_bool().is_ok_and(|is_true| *is_true));
            Tested { name: name.clone(), file: file.clone(), passed, error: answer.err().map(|e| said(&e)) }
        };
        self.tests.iter().map(run).collect()
    }
}

/// Returns what an error says, without the lines of the text that it is about.
fn said(error: &impl std::fmt::Display) -> String {
    error.to_string().lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Returns where the rules of a file are: beside it.
pub(super) fn beside(file: &str, loaded: &Loaded) -> Vec<PathBuf> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    loaded.stack.check.rules.iter().map(|path| folder.join(path)).collect()
}

/// Returns what rules get: what the file is about, each object that it describes, and a plan, if there is one.
pub(super) fn input(loaded: &Loaded, graph: &Graph, production: bool, plan: Option<Value>) -> Value {
    let objects = graph.nodes().map(|node| {
        let Key { kind, name } = &node.key;
        json!({"key": node.key.to_string(), "kind": kind, "name": name, "section": node.origin, "fields": &*node.desired})
    });
    json!({
        "stack": loaded.stack.stack,
        "env": loaded.env,
        "region": loaded.stack.region,
        "production": production || loaded.stack.production,
        "objects": objects.collect::<Vec<_>>(),
        "plan": plan,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
package stack

deny contains {"id": "TEAM.1", "message": sprintf("it has %d task", [object.fields.desired_count]), "object": object.key, "severity": "high"} if {
    input.production
    some object in input.objects
    object.kind == "ecs.service"
    object.fields.desired_count < 2
}

deny contains "no database is replaced" if {
    some change in input.plan.changes
    change.kind == "rds.instance"
    change.action == "replace"
}
"#;
    const TESTED: &str = r#"
package stack_test

import data.stack

test_one_task if {
    count(stack.deny) == 1 with input as {"production": true, "objects": [{"key": "ecs.service/web", "kind": "ecs.service", "fields": {"desired_count": 1}}]}
}

test_wrong if count(stack.deny) == 1 with input as {"production": false}
"#;

    fn rules(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Option<Rules>>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let read = Rules::read(&[folder.path().to_owned()]);
        (folder, read)
    }

    fn refused(files: &[(&str, &str)], input: &Value) -> String {
        let (_folder, read) = rules(files);
        match read.and_then(|rules| rules.unwrap().judge(input).map(|_| ())) {
            Err(Stop::Message(_, text, _)) => text,
            _ => panic!("it is refused"),
        }
    }

    #[test]
    fn rules_see_objects_and_the_plan() {
        let (_folder, read) = rules(&[("team.rego", RULES), ("team_test.rego", TESTED)]);
        let mut rules = read.ok().flatten().unwrap();
        let service = json!({"key": "ecs.service/web", "kind": "ecs.service", "fields": {"desired_count": 1}});
        let plan = json!({"changes": [{"kind": "rds.instance", "action": "replace"}]});
        let found = rules.judge(&json!({"production": true, "objects": [service], "plan": plan})).ok().unwrap();
        let found: Vec<_> =
            found.iter().map(|one| (one.id.as_str(), one.severity, one.object.as_deref(), one.message.as_str())).collect();
        let expected = [
            ("stack.deny", Severity::Medium, None, "no database is replaced"),
            ("TEAM.1", Severity::High, Some("ecs.service/web"), "it has 1 task"),
        ];
        assert_eq!(found.len(), 2);
        assert!(expected.iter().all(|one| found.contains(one)), "{found:?}");
        assert_eq!(rules.judge(&json!({"production": false, "objects": [], "plan": null})).ok().unwrap(), []);
        let tested: Vec<(String, bool)> = rules.test().into_iter().map(|test| (test.name, test.passed)).collect();
        assert_eq!(
            tested,
            [("data.stack_test.test_one_task".to_owned(), true), ("data.stack_test.test_wrong".to_owned(), false)]
        );
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        assert!(refused(&[("a.rego", "package stack\n\ndeny contains")], &json!({})).contains("a.rego` is not Rego"));
        assert!(refused(&[("a.rego", "package main\n")], &json!({})).contains("has the package `main`"));
        assert!(refused(&[("a.txt", "")], &json!({})).contains("it has no files `*.rego`"));
        let below = "package stack.network\n\ndeny contains \"x\"\n";
        assert!(refused(&[("a.rego", below)], &json!({})).contains("has a rule `deny` in the package `stack.network`"));
        let other = "package stack\n\ndeny_public contains \"x\"\n";
        assert!(refused(&[("a.rego", other)], &json!({})).contains("has a rule `deny_public`"));
        let odd = "package stack\n\ndeny contains {\"message\": \"x\"}\n";
        assert!(refused(&[("a.rego", odd)], &json!({})).contains("missing field `id`"));
        let no_set = "package stack\n\ndeny := true\n";
        assert!(refused(&[("a.rego", no_set)], &json!({})).contains("is not a set"));
    }
}
