//! Findings as JUnit's XML, which CI systems show as tests: each rule is one.

use super::super::style::clean;
use super::{Checked, Finding};

/// Renders what was found. A rule that is met is a test that passes; one with findings fails; one whose findings are all accepted is
/// skipped.
pub fn check_junit(checked: &Checked) -> String {
    let of = |id: &str, list: &[Finding]| -> Vec<Finding> { list.iter().filter(|f| f.rule.id == id).cloned().collect() };
    let mut cases = String::new();
    let (mut failures, mut skipped) = (0, 0);
    for rule in &checked.rules {
        let (open, accepted) = (of(&rule.id, &checked.findings), of(&rule.id, &checked.accepted));
        let name = format!("{} {}", rule.id, rule.title);
        cases += &format!("    <testcase classname=\"{}\" name=\"{}\"", attribute(rule.standard), attribute(&name));
        if let Some(first) = open.first() {
            failures += 1;
            let message = format!("{}: {}", first.object, first.what);
            cases += &format!(
                " file=\"{}\" line=\"{}\">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n",
                attribute(&first.place.file),
                first.place.line,
                rule.severity.as_str(),
                attribute(&message),
                content(&open.iter().map(|finding| line(finding, checked.live)).collect::<String>()),
            );
        } else if let Some(exception) = accepted.first().and_then(|finding| finding.exception.as_ref()) {
            skipped += 1;
            let message = format!("{} (until {})", exception.reason, exception.until);
            cases += &format!(">\n      <skipped message=\"{}\"/>\n    </testcase>\n", attribute(&message));
        } else {
            cases += "/>\n";
        }
    }
    let name = format!("stack check {} {}", checked.stack, checked.env);
    let counts = format!("tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"", checked.rules.len());
    let name = attribute(&name);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{name}\" {counts}>\n  <testsuite name=\"{name}\" {counts}>\n{cases}  \
         </testsuite>\n</testsuites>\n"
    )
}

fn line(finding: &Finding, live: bool) -> String {
    let found = finding.found_in(live).map_or_else(String::new, |found| format!(" ({found})"));
    let (place, rule) = (&finding.place, &finding.rule);
    format!("{}:{} {}: {}{found}. Fix: {}. {}\n", place.file, place.line, finding.object, finding.what, finding.fix(), rule.url)
}

/// Returns text that XML takes literally, also between quotes.
fn attribute(text: &str) -> String {
    content(&clean(text)).replace('"', "&quot;").replace('\n', " ")
}

/// Returns text that XML takes literally. What XML cannot have at all is left out.
fn content(text: &str) -> String {
    let allowed = |c: &char| matches!(c, '\n' | '\t' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let text: String = text.chars().filter(allowed).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
