//! Checks for sense the parts of a file that have the right shape, while others do not, so that both kinds of problems are reported
//! together.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Severity};
use super::suggest;
use super::types::Stack;
use super::validate;
use super::yaml::{MapKey, Node, NodeValue};

/// Problems that depend on nothing but the values they point at. Only these are reported in a part that is misshapen elsewhere.
const BY_THEMSELVES: &[&str] = &[
    "circle",
    "count-and-scale",
    "duplicate-alias",
    "duplicate-name",
    "duplicate-path",
    "duplicate-priority",
    "duplicate-route",
    "duplicate-tag",
    "duplicate-user",
    "duplicate-variable",
    "duplicate-zone",
    "invalid-name",
    "invalid-value",
    "min-above-max",
    "name-too-long",
    "needs-backups",
    "network-size",
    "no-such-log",
    "no-such-version",
    "node-type",
    "one-beginning",
    "out-of-range",
    "outside-zone",
    "own-key",
    "parameter",
    "reserved-name",
    "reserved-tag",
    "rotation-and-replicas",
    "tag-character",
    "too-many-groups",
    "too-many-names",
    "too-many-tags",
    "unknown-policy",
    "unknown-reference",
    "unknown-zone",
    "window-too-long",
    "window-too-short",
    "windows-overlap",
    "wrong-arn",
    "wrong-domain",
    "wrong-engine",
    "wrong-name",
    "wrong-zone",
];
/// How many parts are removed one by one. A file with more that cannot be read has enough problems to report.
const REMOVED: usize = 50;
/// The name and the region in place of wrong ones.
const NAME: &str = "a";
const REGION: &str = "us-east-1";

/// Returns every error of sense that does not depend on what is misshapen. `problems` are those of shape.
pub(super) fn senseless(file: &Node, problems: &[Diagnostic], env: &str) -> Vec<Diagnostic> {
    let mut places: Vec<usize> = problems.iter().flat_map(|d| d.labels.iter().map(|(span, _)| span.start)).collect();
    places.sort_unstable();
    let mut rest = file.clone();
    let mut removed = Vec::new();
    prune(&mut rest, &places, &[], &mut removed);
    let named = !stand_in(&mut rest, "stack", NAME);
    let placed = !stand_in(&mut rest, "region", REGION);
    // A part that lacks a required key cannot be read: the others can.
    let mut left = REMOVED;
    let stack = loop {
        match serde_path_to_error::deserialize::<_, Stack>(rest.to_json()) {
            Ok(stack) => break stack,
            Err(_) if left == 0 => return Vec::new(),
            Err(error) => match remove(&mut rest, &error.path().to_string()) {
                Some(part) => (removed, left) = ([removed, vec![part]].concat(), left - 1),
                None => return Vec::new(),
            },
        }
    };
    let broken = parts(file, &places);
    let touches = |d: &Diagnostic| d.labels.iter().any(|(span, _)| broken.iter().any(|part| has_any(part, &[span.start])));
    let is_broken = |name: &str| file.entries().iter().any(|section| section.0.text == name && has_any(section, &places));
    let mut found = validate::validate(&stack, &rest, env);
    // What is missing may be in a part that could not be read.
    let perhaps = |d: &Diagnostic| match d.code {
        "unknown-reference" => reference(&rest, &d.span(), "").is_none_or(|named| removed.iter().any(|part| is_of(&named, part))),
        "nothing-to-deliver" => is_broken("services") || is_broken("cdn"),
        "not-in-certificate" | "needs-certificate" => is_broken("certificates") || is_broken("cdn"),
        "no-subnets" => is_broken("existing"),
        "name-too-long" | "reserved-name" => !named,
        "unknown-zone" | "wrong-region" => !placed,
        _ => false,
    };
    let depends = |d: &Diagnostic| touches(d) && !BY_THEMSELVES.contains(&d.code);
    found.retain(|d| d.severity == Severity::Error && !d.labels.is_empty() && !perhaps(d) && !depends(d));
    found
}

/// Gives the file a valid value for a key at its top that it lacks. Returns whether it did.
fn stand_in(file: &mut Node, key: &str, value: &str) -> bool {
    let NodeValue::Map(entries) = &mut file.value else { return false };
    if entries.iter().any(|(known, _)| known.text == key) {
        return false;
    }
    let nowhere = || 0..0;
    let key = MapKey { text: key.to_owned(), span: nowhere() };
    entries.push((key, Node { span: nowhere(), value: NodeValue::Text(value.to_owned()) }));
    true
}

/// A section, a part of one, or a key in it: its keys.
type Path = Vec<String>;

/// Removes the part of a section, or the section, that a path leads into, and returns which.
fn remove(file: &mut Node, path: &str) -> Option<Path> {
    let mut steps = path.splitn(3, '.');
    let (section, part) = (steps.next()?, steps.next());
    let NodeValue::Map(sections) = &mut file.value else { return None };
    let at = sections.iter().position(|(key, _)| key.text == section)?;
    if let (Some(part), NodeValue::Map(parts)) = (part, &mut sections[at].1.value) {
        let before = parts.len();
        parts.retain(|(key, _)| key.text != part);
        if parts.len() < before {
            return Some(vec![section.to_owned(), part.to_owned()]);
        }
    }
    sections.remove(at);
    Some(vec![section.to_owned()])
}

/// Returns what the value at a place refers to: `databases.main`. `key` is the nearest key above it, which says of which section a
/// name without one is.
fn reference(node: &Node, span: &Range<usize>, key: &str) -> Option<String> {
    match &node.value {
        NodeValue::Map(entries) => entries.iter().find_map(|(key, value)| reference(value, span, &key.text)),
        NodeValue::List(items) => items.iter().find_map(|item| reference(item, span, key)),
        NodeValue::Text(text) if node.span == *span => Some(match key {
            _ if text.contains('.') => text.clone(),
            "service" => format!("services.{text}"),
            _ => format!("{key}.{text}"),
        }),
        _ => None,
    }
}

/// Checks whether a reference is to something that was removed, or to what that was meant to be called.
fn is_of(named: &str, removed: &Path) -> bool {
    let steps: Vec<&str> = named.split('.').collect();
    let same = |(step, key): (&&str, &String)| step == key || suggest::nearest(key, [*step]).is_some();
    steps.len() >= removed.len() && steps.iter().zip(removed).all(same)
}

type Entry = (MapKey, Node);

/// Checks whether one of these places, which are in order, is in a span.
fn is_in(places: &[usize], span: &Range<usize>) -> bool {
    places.get(places.partition_point(|at| *at < span.start)).is_some_and(|at| *at < span.end)
}

/// Checks whether one of these places, which are in order, is in an entry, or in anything inside it: what an environment gives has its
/// place elsewhere in the file than what it is laid over.
fn has_any((key, value): &Entry, places: &[usize]) -> bool {
    is_in(places, &key.span)
        || match &value.value {
            NodeValue::Map(entries) => entries.iter().any(|entry| has_any(entry, places)),
            _ => is_in(places, &value.span),
        }
}

/// Returns the parts of sections in which something is misshapen, or the sections where these have no parts.
fn parts<'a>(file: &'a Node, places: &[usize]) -> Vec<&'a Entry> {
    let mut out = Vec::new();
    for section in file.entries().iter().filter(|section| has_any(section, places)) {
        let named = section.1.entries().iter().filter(|(_, part)| matches!(part.value, NodeValue::Map(_)));
        let broken: Vec<&Entry> = named.filter(|part| has_any(part, places)).collect();
        if broken.is_empty() { out.push(section) } else { out.extend(broken) }
    }
    out
}

/// Removes what is misshapen, and as little else as possible, and notes what.
fn prune(node: &mut Node, places: &[usize], path: &[String], removed: &mut Vec<Path>) {
    let NodeValue::Map(entries) = &mut node.value else { return };
    entries.retain_mut(|entry| {
        if !has_any(entry, places) {
            return true;
        }
        let (key, value) = entry;
        let path = [path, std::slice::from_ref(&key.text)].concat();
        if matches!(value.value, NodeValue::Map(_)) && !is_in(places, &key.span) {
            prune(value, places, &path, removed);
            return true;
        }
        removed.push(path);
        false
    });
}

#[cfg(test)]
mod tests {
    use crate::tests::refused;

    /// Codes with what they point at.
    fn said(text: &str) -> Vec<String> {
        let report = crate::load("f", text, None, &crate::tests::schema()).unwrap_err();
        report.diagnostics.iter().map(|d| format!("{} {}", d.code, &text[d.span()])).collect()
    }

    #[test]
    fn what_makes_no_sense_is_said_with_what_has_no_shape() {
        let text = "stack: a\nregion: us-east-1\nservices:\n  web: {image: nginx, cpu: 300, port: 80, routes: [/*], uses: [services.worker]}\n  api: {image: nginx, count: 1, scale: {min: 1, max: 2}, uses: [databases.nope]}\n  worker: {image: nginx}\n  bad: {imag: nginx}\ntags: {\"a,b\": c}\n";
        let found = said(text);
        for one in [
            "not-a-choice 300",
            "unknown-key imag",
            "missing-key bad",
            "count-and-scale 1",
            "unknown-reference databases.nope",
            "tag-character \"a,b\"",
        ] {
            assert!(found.iter().any(|said| said == one), "{one}: {found:?}");
        }
        // `web` is wrong as it stands.
        assert_eq!(found.len(), 6, "{found:?}\n{}", refused(text, None));
    }

    /// All in one round: what is removed hides only what refers to it.
    #[test]
    fn a_reference_to_what_was_removed_is_not_missing() {
        let head = "stack: a\nregion: us-east-1\n";
        let nope = "services: {web: {image: i, port: 80, routes: [/*], uses: [databases.nope]}}\nload_balancer: {certificate: certificates.nope}\n";
        for (wrong, said_of_it) in [
            ("network: {cidr: 10.0.0.0/33}\n", "invalid-value 10.0.0.0/33"),
            ("network: {foo: 1}\n", "unknown-key foo"),
            ("databases: {main: {engine: postgres, versio: '16'}}\n", "unknown-key versio"),
        ] {
            let found = said(&format!("{head}{nope}{wrong}"));
            for one in [said_of_it, "unknown-reference databases.nope", "unknown-reference certificates.nope"] {
                assert!(found.iter().any(|said| said == one), "{one}: {found:?}");
            }
        }
        let uses = |used: &str| format!("{head}services: {{web: {{image: i, uses: [{used}, databases.nope]}}}}\n");
        for (wrong, used) in [
            // The part, its section, either under the name that was meant, and what a longer path has.
            ("databases: {main: {engine: postgres, versio: '16'}}\n", "databases.main"),
            ("caches: [main]\n", "caches.main"),
            ("cahces: {main: {}}\n", "caches.main"),
            ("databases: {main!: {engine: postgres, version: '16'}}\n", "databases.main"),
            ("existing: {databases: {main: 5}}\n", "existing.databases.main"),
        ] {
            let found = said(&format!("{}{wrong}", uses(used)));
            let missing: Vec<&String> = found.iter().filter(|said| said.starts_with("unknown-reference")).collect();
            assert_eq!(missing, ["unknown-reference databases.nope"], "{wrong}: {found:?}");
        }
        // Where only a name is written, the key says of what.
        let names = "archive: {databases: [main, nope], delete_after: x}\n";
        let found = said(&format!("{head}{names}databases: {{main: {{engine: postgres, versio: '16'}}}}\n"));
        assert!(found.iter().any(|said| said == "unknown-reference nope"), "{found:?}");
        assert!(!found.iter().any(|said| said == "unknown-reference main"), "{found:?}");
    }

    /// What is misshapen is not also missing.
    #[test]
    fn a_misshapen_key_is_not_reported_as_missing() {
        let found = said("stack: a\nregion: us-east-1\ncdn: {static: {paths: /x}}\n");
        assert_eq!(found, ["wrong-type /x"]);
        let found = said(
            "stack: a\nregion: us-east-1\nexisting: {network: {vpc: vpc-1, app: subnet-1}}\nservices: {web: {image: nginx}}\n",
        );
        assert_eq!(found, ["wrong-type subnet-1"]);
    }

    /// In one round, not in two: what is wrong with a name, a region or a required key hides no other problem.
    #[test]
    fn a_misshapen_part_is_checked_for_sense() {
        let text = "stack: My_App\nregion: us-est-1\nservices:\n  web: {image: nginx, cpu: 300, count: 1, scale: {min: 3, max: 2}}\n  api: {image: nginx, health: {path: /}}\ndatabases:\n  main: {engine: postgresql, version: '16'}\n  old: {engine: mysql, version: '8', backups: 40d, port: x}\n";
        let found = said(text);
        for one in [
            "invalid-value My_App",
            "invalid-value us-est-1",
            "not-a-choice 300",
            "count-and-scale 1",
            "min-above-max 3",
            "needs-routes health",
            "not-a-choice postgresql",
            "wrong-type x",
            "no-such-version '8'",
            "out-of-range 40d",
        ] {
            assert!(found.iter().any(|said| said == one), "{one}: {found:?}");
        }
        assert_eq!(found.len(), 10, "{}", refused(text, None));
        // What depends on a misshapen key is not reported: the memory may go with the CPU that is meant, the routes with the port.
        let text =
            "stack: a\nregion: us-east-1\nservices:\n  web: {image: nginx, cpu: 300, memory: 4096, port: x, routes: [/*]}\n";
        assert_eq!(said(text), ["not-a-choice 300", "wrong-type x"]);
    }

    #[test]
    fn misshapen_values_are_not_also_reported_as_missing() {
        let head = "stack: a\nregion: us-east-1\n";
        let routes = "services: {web: {image: i, port: 80, routes: api}}\ncdn: {}\n";
        assert_eq!(said(&format!("{head}{routes}")), ["wrong-type api"]);
        let certificate = "certificates: {site: {domain: example.com, names: www.example.com}}\ncdn: {static: {paths: [/*]}, aliases: [www.example.com], certificate: certificates.site}\n";
        assert_eq!(said(&format!("{head}{certificate}")), ["wrong-type www.example.com"]);
        let overlay = "services: {web: {image: i}}\nenvironments:\n  test: {services: {web: {cpu: 300}}}\n";
        let report = crate::validate_all("f", &format!("{head}{overlay}"), &crate::tests::schema());
        assert_eq!(report.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["not-a-choice"]);
    }
}
