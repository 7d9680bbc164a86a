//! What must be true of any input. The fuzz targets call these with whatever they come upon, and the test
//! `hostile::the_kept_corpus_ends_in_answers` with what was kept of that.

use serde_json::{Map, Value};
use stack::config::{self, Report};
use stack::engine::saved::{self, Saved};
use stack::engine::{Consent, Plan};

/// No answer is longer.
const LONGEST: usize = 2_000_000;

/// A stack file is loaded or refused, as it stands and in an environment, with every problem at its place.
pub fn stack_file(schema: &Value, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let env = config::yaml::parse(text.trim_start_matches('\u{feff}'))
        .ok()
        .and_then(|file| config::environment::names(&file).first().map(|name| (*name).to_owned()));
    for env in [None, Some(env.as_deref().unwrap_or("staging"))] {
        match config::load("stack.yaml", &text, env, schema) {
            Ok(loaded) => {
                assert!(!loaded.warnings.has_errors());
                told(&loaded.warnings);
                // What is right can be told again: outputs, history and later problems point into the file.
                told(&loaded.report("services", "x", "said later", None));
            }
            Err(report) => {
                assert!(report.has_errors(), "refused, and nothing is said");
                told(&report);
            }
        }
    }
    told(&config::validate_all("stack.yaml", &text, schema));
}

/// Each problem is at a place inside the text, and the whole can be shown.
fn told(report: &Report) {
    for problem in &report.diagnostics {
        // What the command line got wrong, and what a file lacks that has no text at all, is in no place.
        let nowhere = matches!(problem.code, "unknown-environment" | "x");
        assert!(nowhere || !problem.labels.is_empty(), "nowhere: {problem:?}");
        for (span, _) in &problem.labels {
            assert!(span.start <= span.end && report.text.get(span.clone()).is_some(), "outside the text: {problem:?}");
        }
    }
    for (width, color, unicode) in [(100, false, true), (40, true, false)] {
        let shown = report.render(width, color, unicode);
        assert!(shown.len() < LONGEST, "{} bytes are said", shown.len());
        let acts = |c: char| matches!(c, '\u{0}'..='\u{8}' | '\u{b}'..='\u{1a}' | '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        assert!(!shown.contains(acts), "not escaped: {shown:?}");
    }
    let json = report.to_json().to_string();
    assert!(json.len() < 4 * LONGEST, "{} bytes of JSON", json.len());
}

/// A saved plan is read or refused in a sentence; what is read has the digest that the text says, and is written and read
/// again as the same.
pub fn saved_plan(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match saved::parse(&text) {
        Ok(plan) => {
            let said: Value = serde_json::from_str(&text).expect("what was parsed is JSON");
            assert_eq!(said["digest"].as_str(), plan.digest().ok().as_deref());
            used(&plan);
        }
        Err(why) => refused(&why),
    }
    // Past the digest, as a plan that was made so.
    if let Ok(plan) = serde_json::from_str::<Plan>(&text) {
        used(&Saved { plan, consent: Consent::default(), source: None });
    }
}

/// A sentence that can be shown.
fn refused(why: &str) {
    assert!(!why.is_empty() && why.len() < 1_000, "{} bytes are said", why.len());
    assert!(!why.contains(char::is_control), "not escaped: {why:?}");
}

/// Written and read again it is the same to the last byte, or it is one that no `stack` makes.
fn used(plan: &Saved) {
    let text = saved::text(plan).expect("a plan can be written");
    match saved::parse(&text) {
        Ok(again) => same(&again, plan),
        Err(why) => assert!(why.contains("refers to"), "written, and then refused: {why}"),
    }
    plan.plan.counts();
    // Two objects of one name are an error and no panic.
    let _ = plan.plan.graph();
}

fn same(a: &Saved, b: &Saved) {
    let text = |plan: &Saved| serde_json::to_string(plan).expect("a plan can be written");
    assert_eq!(a, b);
    assert_eq!(text(a), text(b));
}

/// Plans as `stack plan --out` wrote them.
const PLANS: [&str; 4] = [
    include_str!("plans/create.json"),
    include_str!("plans/change.json"),
    include_str!("plans/destroy.json"),
    include_str!("plans/smallest.json"),
];

/// A saved plan that somebody edited: refused, or it still says exactly what it said.
pub fn edited_plan(bytes: &[u8]) {
    let mut script = Script(bytes);
    let original = PLANS[script.below(PLANS.len())];
    let plan = saved::parse(original).expect("a plan that nobody edited is read");
    let text = if script.below(2) == 0 { edited_text(original, &mut script) } else { edited_value(original, &mut script) };
    match saved::parse(&text) {
        Ok(read) => same(&read, &plan),
        Err(why) => refused(&why),
    }
}

/// Choices, as long as there are bytes left to make them from; after that always the first.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.byte() * 256 + self.byte()) % n.max(1)
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// A short text.
    fn text(&mut self) -> String {
        let n = self.byte().min(self.0.len());
        let (text, rest) = self.0.split_at(n);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }
}

/// Bytes put in, taken out, written over and doubled.
fn edited_text(original: &str, script: &mut Script<'_>) -> String {
    let mut bytes = original.as_bytes().to_vec();
    while !script.is_over() && bytes.len() < 1 << 20 {
        let at = script.below(bytes.len() + 1);
        let end = (at + script.byte()).min(bytes.len());
        match script.below(4) {
            0 => drop(bytes.splice(at..at, script.text().bytes())),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..end, script.text().bytes())),
            _ => {
                let copy = bytes[at..end].to_vec();
                let to = script.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Values of the JSON changed, removed, added, exchanged and put in another order, and the text written anew.
fn edited_value(original: &str, script: &mut Script<'_>) -> String {
    let mut value: Value = serde_json::from_str(original).expect("a saved plan is JSON");
    for _ in 0..64 {
        if script.is_over() {
            break;
        }
        // Not the envelope every time: what is worth an attack is in the plan.
        let envelope = script.below(8) == 0;
        match value.get_mut("plan").filter(|_| !envelope) {
            Some(inside) => edit(inside, script),
            None => edit(&mut value, script),
        }
    }
    if script.below(2) == 0 { value.to_string() } else { format!("{value:#}") }
}

/// One edit, at a place that the script walks to.
fn edit(value: &mut Value, script: &mut Script<'_>) {
    let deeper = script.below(8) != 0;
    match value {
        Value::Object(map) if deeper && !map.is_empty() => {
            let at = script.below(map.len());
            if let Some((_, inner)) = map.iter_mut().nth(at) {
                edit(inner, script);
            }
        }
        Value::Array(list) if deeper && !list.is_empty() => {
            let at = script.below(list.len());
            edit(&mut list[at], script);
        }
        Value::Object(map) if !map.is_empty() => {
            let at = script.below(map.len());
            let key = map.keys().nth(at).cloned().unwrap_or_default();
            match script.below(4) {
                0 => drop(map.shift_remove(&key)),
                1 => drop(map.insert(script.text(), other(script))),
                2 => {
                    // Under another name.
                    let inner = map.shift_remove(&key).unwrap_or_default();
                    map.insert(script.text(), inner);
                }
                _ => {
                    // To the end.
                    let inner = map.shift_remove(&key).unwrap_or_default();
                    map.insert(key, inner);
                }
            }
        }
        Value::Array(list) if !list.is_empty() => {
            let (a, b) = (script.below(list.len()), script.below(list.len()));
            match script.below(4) {
                0 => drop(list.remove(a)),
                1 => list.swap(a, b),
                2 => list.insert(a, list[b].clone()),
                _ => list.push(other(script)),
            }
        }
        leaf => *leaf = other(script),
    }
}

/// Something else to say.
fn other(script: &mut Script<'_>) -> Value {
    match script.below(10) {
        0 => Value::Null,
        1 => true.into(),
        2 => false.into(),
        3 => script.below(1 << 16).into(),
        4 => (-1).into(),
        5 => u64::MAX.into(),
        6 => (script.below(1 << 16) as f64 / 7.0).into(),
        7 => Value::Array(Vec::new()),
        8 => Map::new().into(),
        _ => script.text().into(),
    }
}
