//! `--log` and `--trace-file`: every call is in them, and no secret.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::stacks::STACK;
use crate::support::subject::Subject;

/// The fields of a line of the log, with its level as `level`; nothing where it is another line.
fn fields(line: &str) -> Option<BTreeMap<String, String>> {
    let (time, rest) = line.split_once(' ')?;
    if !(time.starts_with("20") && time.ends_with('Z')) {
        return None;
    }
    let (level, rest) = rest.split_once(' ')?;
    let mut rest = rest.trim_start().strip_prefix("call")?;
    let mut out = BTreeMap::from([("level".to_owned(), level.to_owned())]);
    while !rest.is_empty() {
        let (name, value) = rest.strip_prefix(' ')?.split_once('=')?;
        let end = match value.strip_prefix('"') {
            Some(quoted) => quoted.find('"')? + 2,
            None => value.find(' ').unwrap_or(value.len()),
        };
        out.insert(name.to_owned(), value[..end].trim_matches('"').to_owned());
        rest = &value[end..];
    }
    Some(out)
}

/// How often each operation is there.
fn counted<'a>(operations: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    operations.fold(BTreeMap::new(), |mut counts, operation| {
        *counts.entry(operation).or_default() += 1;
        counts
    })
}

#[test]
fn every_call_is_a_line_and_a_bar_without_secrets() {
    let mut s = Subject::new(STACK);
    s.place.set("AWS_SECRET_ACCESS_KEY", "secret-hunter2-key");
    s.place.set("AWS_SESSION_TOKEN", "token-hunter2-session");
    for (command, level) in [(&["apply", "s.yaml", "--yes"][..], "trace"), (&["plan", "s.yaml"], "debug")] {
        s.proxy.take_all();
        let output = s.place.stack(&[command, &["--log", level, "--trace-file", "trace.json"]].concat()).ok();
        let calls = s.proxy.take_all();
        let started = output.stderr.lines().filter(|line| line.contains(" TRACE started service=")).count();
        assert_eq!(started > 0, level == "trace", "{started} calls started: {}", output.stderr);
        let lines: Vec<&str> = output.stderr.lines().filter(|line| line.contains(" call service=")).collect();
        let parsed: Vec<_> = lines.iter().map(|line| fields(line).unwrap_or_else(|| panic!("{line}"))).collect();

        let text = std::fs::read_to_string(s.place.path().join("trace.json")).unwrap();
        let events: Vec<Value> = serde_json::from_str(&text).unwrap();
        let bars: Vec<&Value> = events.iter().filter(|event| event["ph"] == "X" && event["pid"] == 1).collect();
        assert_eq!(bars.len(), parsed.len(), "{text}");

        // The requests of these have paths and no names, so the proxy knows none. What was abandoned has or has not arrived.
        let given_up = |line: &&BTreeMap<String, String>| line.get("error").is_some_and(|error| error == "abandoned");
        let given_up: Vec<&str> = parsed.iter().filter(given_up).map(|line| line["operation"].as_str()).collect();
        let expected = parsed.len() - given_up.len()..=parsed.len();
        assert!(expected.contains(&calls.len()), "{} of {expected:?}: {}", calls.len(), output.stderr);
        let is_sure = |name: &&str| !given_up.contains(name);
        let arrived = calls.iter().map(|call| call.operation.as_str());
        let named = counted(arrived.filter(|name| !name.contains(' ')).filter(is_sure));
        let nameless = ["Backup", "CloudFront", "Lambda", "Route 53", "S3"];
        let named_ones = parsed.iter().filter(|line| !nameless.contains(&line["service"].as_str()));
        let logged = counted(named_ones.map(|line| line["operation"].as_str()).filter(is_sure));
        let drawn = counted(bars.iter().map(|bar| bar["name"].as_str().unwrap()).filter(|name| logged.contains_key(name)));
        assert_eq!((&logged, &drawn), (&named, &named));

        for said in [&output.stderr, &output.stdout, &text] {
            assert!(!said.contains("hunter2") && !said.contains("Credential=") && !said.contains("AWS4-HMAC"), "{said}");
        }
    }
    let mode = std::fs::metadata(s.place.path().join("trace.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_trace_that_cannot_be_written_is_refused() {
    let s = Subject::new(STACK);
    let said = s.place.stack(&["apply", "s.yaml", "--yes", "--trace-file", "nowhere/trace.json"]).exits(64);
    assert!(said.words().contains("nothing was changed: `nowhere/trace.json` cannot be opened"), "{}", said.stderr);
    assert_eq!(s.proxy.take_all(), []);
}
