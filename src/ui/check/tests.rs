use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};

use super::super::style::Terminal;
use super::*;

fn rule(id: &'static str, severity: Severity, title: &'static str) -> Rule {
    let url = format!("https://docs.example.com/{id}");
    Rule {
        id: id.into(),
        severity,
        standard: "FSBP",
        title: title.into(),
        why: "somebody can read it".into(),
        remedy: "set `x: true`".into(),
        url,
    }
}

fn finding(rule: &Rule, object: &str, line: usize) -> Finding {
    Finding {
        rule: rule.clone(),
        object: object.into(),
        section: Some("databases.main".into()),
        what: "`x` is not `true`".into(),
        found: Found::File,
        place: Place { file: "stacks/my stack.yaml".into(), line, column: 3 },
        edit: None,
        exception: None,
    }
}

fn everything() -> Checked {
    let (high, low) =
        (rule("RDS.2", Severity::Critical, "Databases are <private> & \"safe\""), rule("RDS.17", Severity::Low, "Tags | copies"));
    let (met, accepted) = (rule("ELB.4", Severity::Medium, "Headers"), rule("ELB.1", Severity::Medium, "HTTPS"));
    let edit = Edit {
        path: vec!["databases".into(), "main".into(), "x".into()],
        value: json!(true),
        yaml: "databases.main.x: true".into(),
    };
    let exception = |expired: bool| Some(Accepted { reason: "no domain <yet>".into(), until: "2027-01-31".into(), expired });
    let findings = vec![
        Finding { edit: Some(edit), found: Found::Both, ..finding(&high, "rds.instance/main", 7) },
        Finding { found: Found::Live, ..finding(&high, "rds.instance/other", 9) },
        Finding { exception: exception(true), ..finding(&low, "rds.instance/main", 7) },
    ];
    Checked {
        version: VERSION,
        stack: "shop".into(),
        env: "production".into(),
        file: "stacks/my stack.yaml".into(),
        live: true,
        severity: Severity::Low,
        checked: 4,
        below: 1,
        findings,
        accepted: vec![Finding { exception: exception(false), ..finding(&accepted, "elbv2.listener/http", 1) }],
        unneeded: vec!["S3.9".into()],
        rules: vec![high, low, met, accepted],
    }
}

#[test]
fn findings_as_text() {
    assert_snapshot!(check_text(&everything(), &Terminal::plain(80)));
}

#[test]
fn findings_in_a_narrow_terminal_without_unicode() {
    let terminal = Terminal { unicode: false, interactive: true, ..Terminal::plain(60) };
    let text = check_text(&everything(), &terminal);
    assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 60), "{text}");
}

#[test]
fn nothing_found_is_said_with_what_was_checked() {
    let nothing = Checked { findings: vec![], accepted: vec![], unneeded: vec![], below: 0, ..everything() };
    assert_eq!(
        check_text(&nothing, &Terminal::plain(80)),
        "stack shop · environment production\n\nNo findings: 4 controls checked.\n"
    );
}

#[test]
fn findings_as_markdown() {
    assert_snapshot!(check_markdown(&everything()));
}

#[test]
fn findings_as_json() {
    assert_json_snapshot!(everything());
}

#[test]
fn findings_as_junit() {
    assert_snapshot!(check_junit(&everything()));
}

/// What SARIF 2.1.0 requires, and what GitHub asks for besides.
#[test]
fn findings_as_sarif() {
    let sarif = check_sarif(&everything());
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(run["tool"]["driver"]["name"], "stack");
    for rule in rules {
        assert!(
            rule["id"].is_string() && rule["shortDescription"]["text"].is_string() && rule["help"]["text"].is_string(),
            "{rule}"
        );
        let score: f64 = rule["properties"]["security-severity"].as_str().unwrap().parse().unwrap();
        assert!((0.1..=10.0).contains(&score), "{rule}");
        assert!(["error", "warning", "note", "none"].contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
    }
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "stacks/my%20stack.yaml");
        assert!(place["region"]["startLine"].as_u64() >= Some(1) && result["message"]["text"].is_string(), "{result}");
    }
    let suppressed: Vec<&Value> = run["results"].as_array().unwrap().iter().filter(|r| r.get("suppressions").is_some()).collect();
    assert!(suppressed.len() == 1 && suppressed[0]["suppressions"][0]["kind"] == "inSource", "{suppressed:?}");
    let mut sarif = sarif.clone();
    sarif["runs"][0]["tool"]["driver"]["semanticVersion"] = json!("[version]");
    assert_json_snapshot!(sarif);
}

#[test]
fn edits_are_shown_with_a_line_around() {
    let before = "a: 1\nb:\n  c: 1\n  d: 2\ne: 3\nf: 4\ng: 5\n";
    let after = before.replace("c: 1", "c: 7").replace("f: 4\n", "f: 4\nx:\n  y: 1\n");
    let shown = edits_text("s.yaml", before, &after, &Terminal::plain(80));
    assert_eq!(shown, "s.yaml\n  …\n  b:\n-   c: 1\n+   c: 7\n    d: 2\n  …\n  f: 4\n+ x:\n+   y: 1\n  g: 5\n");
}
