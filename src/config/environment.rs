//! The differences of one environment, laid over the file.
//!
//! Maps are merged key by key, everything else is replaced, `null` removes a key. Places survive:
//! a problem in a value from an environment is shown in that environment.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::diagnostic::Diagnostic;
use super::suggest;
use super::values::Name;
use super::yaml::{Node, NodeValue};

/// The name of the environment when none was chosen.
pub const DEFAULT: &str = "default";

/// The maximum number of environments. Each is a whole stack to check.
pub const MOST: usize = 100;

/// The maximum length of the name of an environment that the file does not list. The names of load balancers and target groups
/// have 32 characters for the stack, the environment and the service.
const SHORT: usize = 14;
/// How many digits of a digest stand for the rest of a name.
const DIGITS: usize = 6;

/// Returns what an environment is called that the file does not list: its name, such as `pr-12`, if that is short and valid, else as
/// much of it as is, and a digest. A branch always gets the same, and another branch another.
pub fn short(name: &str) -> String {
    if name.len() <= SHORT && name.parse::<Name>().is_ok() {
        return name.to_owned();
    }
    let fits = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let plain: String = name.chars().map(|c| fits(c.to_ascii_lowercase())).collect();
    let words = plain.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    let head: String = words.trim_start_matches(|c: char| !c.is_ascii_lowercase()).chars().take(SHORT - DIGITS - 1).collect();
    let head = match head.trim_end_matches('-') {
        "" => "env",
        head => head,
    };
    let digest = Sha256::digest(name.as_bytes());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{head}-{}", &digits[..DIGITS])
}

/// Returns the names of the file's environments, in its order.
pub fn names(file: &Node) -> Vec<&str> {
    file.get("environments").map(|e| e.entries().iter().map(|(key, _)| key.text.as_str()).collect()).unwrap_or_default()
}

/// Returns the file as it is in an environment, without `environments`. Without a name, nothing is laid over it.
///
/// # Errors
/// When the file has no such environment.
pub fn overlaid(file: &Node, env: Option<&str>) -> Result<Node, Diagnostic> {
    let mut node = file.clone();
    if let NodeValue::Map(entries) = &mut node.value {
        entries.retain(|(key, _)| key.text != "environments");
    }
    let Some(env) = env.filter(|env| *env != DEFAULT) else { return Ok(node) };
    let Some(overlay) = file.get("environments").and_then(|e| e.get(env)) else {
        let names = names(file);
        let diagnostic = Diagnostic::error("unknown-environment", format!("the environment `{env}` does not exist"));
        let place = file.entries().iter().find(|(key, _)| key.text == "environments").map(|(key, _)| key.span.clone());
        let diagnostic = match place {
            Some(span) => diagnostic.label(span, "the environments are here"),
            None => diagnostic,
        };
        return Err(match suggest::help(env, names.iter().copied(), "the file has") {
            Some(help) if help.starts_with("did") => {
                let list = names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
                diagnostic.help(format!("{help} The file has: {list}"))
            }
            Some(help) => diagnostic.help(format!("{help}; for one that differs only by its name, add `--like NAME`")),
            None => {
                diagnostic.help(format!(
                    "this file has no environments; add `environments: {{ {env}: {{}} }}`, or `--like default` for one that differs only by its name"
                ))
            }
        });
    };
    overlay_onto(&mut node, overlay);
    Ok(node)
}

fn overlay_onto(base: &mut Node, overlay: &Node) {
    // `staging:` with nothing after it changes nothing.
    let (NodeValue::Map(entries), NodeValue::Map(changes)) = (&mut base.value, &overlay.value) else { return };
    let known: HashMap<String, usize> = entries.iter().enumerate().map(|(at, (key, _))| (key.text.clone(), at)).collect();
    let mut removed = HashSet::new();
    // No key occurs twice in a map, so each is looked up among those of the base.
    for (key, change) in changes {
        match (&change.value, known.get(&key.text).copied()) {
            (NodeValue::Null, Some(at)) => {
                removed.insert(at);
            }
            (NodeValue::Null, None) => {}
            (NodeValue::Map(_), Some(at)) if matches!(entries[at].1.value, NodeValue::Map(_)) => {
                overlay_onto(&mut entries[at].1, change);
            }
            (_, Some(at)) => entries[at] = (key.clone(), without_nulls(change)),
            (_, None) => entries.push((key.clone(), without_nulls(change))),
        }
    }
    let mut at = 0..;
    entries.retain(|_| at.next().is_none_or(|at| !removed.contains(&at)));
}

/// Removes each `null`, which removes a key that did not exist.
fn without_nulls(node: &Node) -> Node {
    let mut node = node.clone();
    if let NodeValue::Map(entries) = &mut node.value {
        entries.retain(|(_, value)| value.value != NodeValue::Null);
        for (_, value) in entries {
            *value = without_nulls(value);
        }
    }
    node
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse;
    use super::*;
    use serde_json::json;

    const FILE: &str = "
stack: web
network: { zones: 3, nat: per-zone }
services:
  api: { image: a, routes: [/a, /b], environment: { A: '1', B: '2' } }
  old: { image: o }
environments:
  production:
  staging:
    network: { nat: single }
    services:
      api: { routes: [/c], environment: { B: ~, C: '3' } }
      old: ~
      new: { image: n, health: ~ }
";

    #[test]
    fn maps_merge_the_rest_is_replaced_and_null_removes() {
        let file = parse(FILE).unwrap();
        let staging = overlaid(&file, Some("staging")).unwrap();
        assert_eq!(
            staging.to_json(),
            json!({"stack": "web", "network": {"zones": 3, "nat": "single"}, "services": {
                "api": {"image": "a", "routes": ["/c"], "environment": {"A": "1", "C": "3"}},
                "new": {"image": "n"}}})
        );
        let nat = staging.find("network.nat").span.unwrap();
        assert_eq!(
            (&FILE[nat.clone()], nat.start > FILE.find("staging").unwrap()),
            ("single", true),
            "the overlay's place survives"
        );
    }

    #[test]
    fn removals_and_additions_keep_the_others_in_order() {
        let text = "a: 1\nb: 2\nc: 3\nd: 4\nenvironments: { x: { c: ~, e: 5, a: ~, d: 6, f: ~ } }\n";
        let merged = overlaid(&parse(text).unwrap(), Some("x")).unwrap();
        assert_eq!(merged.to_json().to_string(), r#"{"b":2,"d":6,"e":5}"#);
    }

    #[test]
    fn no_environment_is_the_file_as_it_stands() {
        let file = parse(FILE).unwrap();
        assert_eq!(overlaid(&file, None).unwrap(), overlaid(&file, Some("default")).unwrap());
        assert_eq!(overlaid(&file, None).unwrap(), overlaid(&file, Some("production")).unwrap());
        assert!(overlaid(&file, None).unwrap().get("environments").is_none());
    }

    #[test]
    fn an_unknown_environment_names_those_that_there_are() {
        let file = parse(FILE).unwrap();
        let help = |env| overlaid(&file, Some(env)).unwrap_err().help.unwrap();
        assert_eq!(help("stagng"), "did you mean `staging`? The file has: `production`, `staging`");
        assert_eq!(help("qa"), "the file has: `production`, `staging`; for one that differs only by its name, add `--like NAME`");
        let none = parse("stack: web").unwrap();
        assert_eq!(
            overlaid(&none, Some("qa")).unwrap_err().help.unwrap(),
            "this file has no environments; add `environments: { qa: {} }`, or `--like default` for one that differs only by its name"
        );
    }
}
