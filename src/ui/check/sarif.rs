//! Findings as SARIF 2.1.0, which GitHub's code scanning and others read
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>,
//! <https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>).

use serde_json::{Value, json};

use super::{Checked, Finding, Rule, Severity};

/// SARIF's level.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// GitHub's score: over 9.0 is critical, from 7.0 on high, from 4.0 on medium.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    }
}

/// Returns what was found as SARIF. What is accepted is a result that is suppressed.
pub fn check_sarif(checked: &Checked) -> Value {
    let rules: Vec<Value> = checked.rules.iter().map(rule).collect();
    let results: Vec<Value> = checked.findings.iter().chain(&checked.accepted).map(|finding| result(checked, finding)).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "stack",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": "https://docs.aws.amazon.com/securityhub/latest/userguide/fsbp-standard.html",
                "rules": rules,
            }},
            "automationDetails": {"id": format!("stack-check/{}/{}/", checked.stack, checked.env)},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(rule: &Rule) -> Value {
    let help = format!("{}. Why: {}. To fix it: {}.", rule.title, rule.why, rule.remedy);
    let linked = if rule.url.is_empty() { help.clone() } else { format!("{help} [{}]({})", rule.id, rule.url) };
    let mut out = json!({
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": format!("{}: {}", rule.title, rule.why)},
        "help": {"text": help, "markdown": linked},
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {"tags": ["security", rule.standard], "security-severity": score(rule.severity)},
    });
    if !rule.url.is_empty() {
        out["helpUri"] = json!(rule.url);
    }
    out
}

fn result(checked: &Checked, finding: &Finding) -> Value {
    let found = finding.found_in(checked.live).map_or_else(String::new, |found| format!(" ({found})"));
    let mut out = json!({
        "ruleId": finding.rule.id,
        "ruleIndex": checked.rules.iter().position(|rule| rule.id == finding.rule.id),
        "level": level(finding.rule.severity),
        "message": {"text": format!("{}: {}{found}. To fix it: {}", finding.object, finding.what, finding.fix())},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": uri(&finding.place.file)},
                "region": {"startLine": finding.place.line, "startColumn": finding.place.column},
            },
            "logicalLocations": [{"fullyQualifiedName": finding.object, "kind": "resource"}],
        }],
        // The same finding in another line of the next version is the same.
        "partialFingerprints": {"stackCheck/v1": format!("{}/{}/{}", checked.env, finding.rule.id, finding.object)},
    });
    if let Some(exception) = finding.exception.as_ref().filter(|exception| !exception.expired) {
        let why = format!("{} (until {})", exception.reason, exception.until);
        out["suppressions"] = json!([{"kind": "inSource", "status": "accepted", "justification": why}]);
    }
    out
}

/// Returns the name of a file as a relative reference.
fn uri(file: &str) -> String {
    let mut out = String::new();
    for byte in file.trim_start_matches("./").bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            b'\\' => out.push('/'),
            other => out += &format!("%{other:02X}"),
        }
    }
    out
}
