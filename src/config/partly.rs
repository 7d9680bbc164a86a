//! What makes no sense in the parts of a file that have the right shape, while others have not: so that it is said in one
//! round with what is wrong with those.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Severity};
use super::types::Stack;
use super::validate;
use super::yaml::{Node, NodeValue};

/// Every error of sense that has nothing to do with what is misshapen. `problems`: what is wrong with the shape.
pub(super) fn senseless(file: &Node, problems: &[Diagnostic], env: &str) -> Vec<Diagnostic> {
    let spans: Vec<Range<usize>> = problems.iter().flat_map(|d| d.labels.iter().map(|(span, _)| span.clone())).collect();
    let mut rest = file.clone();
    let gone = prune(&mut rest, &spans, 0);
    let Ok(stack) = serde_json::from_value::<Stack>(rest.to_json()) else { return Vec::new() };
    let broken = parts(file, &spans);
    let touches = |d: &Diagnostic| d.labels.iter().any(|(span, _)| broken.iter().any(|part| part.contains(&span.start)));
    let mut found = validate::validate(&stack, &rest, env);
    // What refers to a part that is missing here is right, perhaps.
    let perhaps = |d: &Diagnostic| gone && d.code == "unknown-reference" || d.labels.is_empty() || touches(d);
    found.retain(|d| d.severity == Severity::Error && !perhaps(d));
    found
}

fn whole(entry: &(super::yaml::MapKey, Node)) -> Range<usize> {
    entry.0.span.start..entry.1.span.end.max(entry.0.span.end)
}

/// The sections of the file and the parts of sections in which something is misshapen.
fn parts(file: &Node, spans: &[Range<usize>]) -> Vec<Range<usize>> {
    let within = |range: &Range<usize>| spans.iter().any(|span| range.contains(&span.start));
    let mut out = Vec::new();
    for section in file.entries().iter().filter(|entry| within(&whole(entry))) {
        let named = section.1.entries().iter().filter(|(_, part)| matches!(part.value, NodeValue::Map(_)));
        let broken: Vec<Range<usize>> = named.map(whole).filter(|range| within(range)).collect();
        if broken.is_empty() { out.push(whole(section)) } else { out.extend(broken) }
    }
    out
}

/// Takes out what is misshapen, as little as can be; whether a section or a part of one went with it.
fn prune(node: &mut Node, spans: &[Range<usize>], depth: usize) -> bool {
    let NodeValue::Map(entries) = &mut node.value else { return false };
    let mut gone = false;
    entries.retain_mut(|(key, value)| {
        let range = key.span.start..value.span.end.max(key.span.end);
        let inside: Vec<Range<usize>> = spans.iter().filter(|span| range.contains(&span.start)).cloned().collect();
        if inside.is_empty() {
            return true;
        }
        let deeper = matches!(value.value, NodeValue::Map(_)) && inside.iter().all(|span| span.start > key.span.start);
        if deeper {
            gone |= prune(value, &inside, depth + 1);
            return true;
        }
        gone |= depth < 2;
        false
    });
    gone
}

#[cfg(test)]
mod tests {
    use crate::config::tests::refused;

    /// Codes with what they point at.
    fn said(text: &str) -> Vec<String> {
        let report = crate::config::load("f", text, None, &crate::config::tests::schema()).unwrap_err();
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
}
