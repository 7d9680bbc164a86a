//! What makes no sense in the parts of a file that have the right shape, while others have not: so that it is said in one
//! round with what is wrong with those.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Severity};
use super::types::Stack;
use super::validate;
use super::yaml::{MapKey, Node, NodeValue};

/// Every error of sense that has nothing to do with what is misshapen. `problems`: what is wrong with the shape.
pub(super) fn senseless(file: &Node, problems: &[Diagnostic], env: &str) -> Vec<Diagnostic> {
    let spans: Vec<Range<usize>> = problems.iter().flat_map(|d| d.labels.iter().map(|(span, _)| span.clone())).collect();
    let mut rest = file.clone();
    let gone = prune(&mut rest, &spans, 0);
    let Ok(stack) = serde_json::from_value::<Stack>(rest.to_json()) else { return Vec::new() };
    let broken = parts(file, &spans);
    let touches = |d: &Diagnostic| d.labels.iter().any(|(span, _)| broken.iter().any(|part| has(part, span.start)));
    let is_broken = |name: &str| file.entries().iter().any(|section| section.0.text == name && has_any(section, &spans));
    let mut found = validate::validate(&stack, &rest, env);
    // What misses something in a part that is missing here is right, perhaps.
    let perhaps = |d: &Diagnostic| match d.code {
        "unknown-reference" => gone,
        "nothing-to-deliver" => is_broken("services"),
        "not-in-certificate" | "needs-certificate" => is_broken("certificates"),
        _ => false,
    };
    found.retain(|d| d.severity == Severity::Error && !d.labels.is_empty() && !perhaps(d) && !touches(d));
    found
}

type Entry = (MapKey, Node);

/// Whether a place is in an entry. Looked for in all that it holds: what an environment gives stands elsewhere in the file than
/// what it is laid over.
fn has((key, value): &Entry, at: usize) -> bool {
    key.span.contains(&at)
        || match &value.value {
            NodeValue::Map(entries) => entries.iter().any(|entry| has(entry, at)),
            _ => value.span.contains(&at),
        }
}

fn has_any(entry: &Entry, spans: &[Range<usize>]) -> bool {
    spans.iter().any(|span| has(entry, span.start))
}

/// The sections of the file and the parts of sections in which something is misshapen.
fn parts<'a>(file: &'a Node, spans: &[Range<usize>]) -> Vec<&'a Entry> {
    let mut out = Vec::new();
    for section in file.entries().iter().filter(|section| has_any(section, spans)) {
        let named = section.1.entries().iter().filter(|(_, part)| matches!(part.value, NodeValue::Map(_)));
        let broken: Vec<&Entry> = named.filter(|part| has_any(part, spans)).collect();
        if broken.is_empty() { out.push(section) } else { out.extend(broken) }
    }
    out
}

/// Takes out what is misshapen, as little as can be; whether a section or a part of one went with it.
fn prune(node: &mut Node, spans: &[Range<usize>], depth: usize) -> bool {
    let NodeValue::Map(entries) = &mut node.value else { return false };
    let mut gone = false;
    entries.retain_mut(|entry| {
        if !has_any(entry, spans) {
            return true;
        }
        let (key, value) = entry;
        if matches!(value.value, NodeValue::Map(_)) && !spans.iter().any(|span| key.span.contains(&span.start)) {
            gone |= prune(value, spans, depth + 1);
            return true;
        }
        gone |= depth < 2;
        false
    });
    gone
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
        for one in ["not-a-choice 300", "unknown-key imag", "missing-key bad", "count-and-scale 1", "tag-character \"a,b\""] {
            assert!(found.iter().any(|said| said == one), "{one}: {found:?}");
        }
        // `databases.nope` may be in what is not read, and `web` is wrong as it stands.
        assert_eq!(found.len(), 5, "{found:?}\n{}", refused(text, None));
    }

    #[test]
    fn what_is_missing_only_because_it_is_misshapen_is_not_said_to_be_missing() {
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
