//! Plans as text that is kept. What was shown is what is applied, or nothing is.
//!
//! The digest is over the plan as this `stack` writes it, not over the text: a plan that reads back to anything else is
//! refused, whatever was done to the text. It is no signature. Who makes a whole plan of their own can give it a digest
//! too, and what it says is shown and compared with AWS like any other.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::consent::Consent;
use super::error::{Error, Result};
use super::plan::{Plan, VERSION};

/// A plan that is kept, with all that applying it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// What is to be done.
    pub plan: Plan,
    /// The consent that was given when it was made.
    #[serde(default)]
    pub consent: Consent,
    /// What it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// The stack file that a plan was made from, for the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its text.
    pub text: Option<String>,
    /// The commit that it is of.
    pub commit: Option<String>,
}

impl Saved {
    /// Returns a fingerprint of everything in it.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which is a defect.
    pub fn digest(&self) -> Result<String> {
        let text = serde_json::to_string(self).map_err(|e| Error::internal(e.to_string()))?;
        Ok(Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect())
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    stack_plan: u32,
    digest: String,
    plan: Plan,
    #[serde(default)]
    consent: Consent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
}

/// Returns the text of a plan that is kept, with its digest.
///
/// # Errors
/// When the plan cannot be written as JSON, which is a defect.
pub fn text(saved: &Saved) -> Result<String> {
    let Saved { plan, consent, source } = saved.clone();
    let envelope = Envelope { stack_plan: VERSION, digest: saved.digest()?, plan, consent, source };
    serde_json::to_string(&envelope).map(|text| text + "\n").map_err(|e| Error::internal(e.to_string()))
}

/// Checks whether the text is a saved plan rather than a stack file.
pub fn is_one(text: &str) -> bool {
    text.trim_start().starts_with("{\"stack_plan\"")
}

/// Returns what was kept, when the text is whole and of this version.
///
/// # Errors
/// What the text is instead of that, as the end of a sentence that begins with the file's name.
pub fn parse(text: &str) -> Result<Saved, String> {
    #[derive(Deserialize)]
    struct Version {
        stack_plan: u32,
    }
    let version: Version = serde_json::from_str(text).map_err(|e| not_one(&e))?;
    if version.stack_plan != VERSION {
        return Err(format!("was saved in format {}, and this `stack` reads format {VERSION}", version.stack_plan));
    }
    let Envelope { digest, plan, consent, source, .. } = serde_json::from_str(text).map_err(|e| not_one(&e))?;
    let saved = Saved { plan, consent, source };
    if saved.digest().map_err(|e| e.message)? != digest {
        return Err("was changed after it was saved".into());
    }
    let items = &saved.plan.items;
    let known = |at: &usize| *at < items.len();
    let lost = items.iter().find(|item| !item.needs.iter().all(|(at, _)| known(at)) || !item.was_using.iter().all(known));
    match lost {
        Some(item) => {
            Err(format!("is not a saved plan: `{}` refers to an object that is not in it", shown(&item.key.to_string())))
        }
        None => Ok(saved),
    }
}

fn not_one(error: &serde_json::Error) -> String {
    // The reader repeats words of the text, which may be anything.
    let message = error.to_string();
    match message.rsplit_once(" at line ") {
        Some((what, place)) => format!("is not a saved plan: {} at line {place}", shown(what)),
        None => format!("is not a saved plan: {}", shown(&message)),
    }
}

/// Returns words of a text from an unknown source: short, and nothing in them that a terminal would act on.
fn shown(words: &str) -> String {
    const LONGEST: usize = 200;
    let mut out: String = words.chars().take(LONGEST).flat_map(escaped).collect();
    if words.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

fn escaped(c: char) -> Box<dyn Iterator<Item = char>> {
    if c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}') {
        Box::new(c.escape_default())
    } else {
        Box::new(std::iter::once(c))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn plan(edit: impl Fn(&mut Value)) -> Saved {
        let mut value = json!({
            "version": 1,
            "scope": {"stack": "web", "env": "default", "region": "us-east-1", "account": "1", "partition": "aws"},
            "destroy": false,
            "items": [
                {"key": "ec2.vpc/main", "action": "keep", "generation": 1, "desired": {"cidr": "10.0.0.0/16", "tags": {"a": "b"}}},
                {"key": "ec2.subnet/app", "action": "create", "generation": 1, "desired": {"x": 1}, "needs": [[0, "exists"]]},
            ],
        });
        edit(&mut value);
        let consent = Consent { delete: vec!["databases.main".into()], ..Consent::default() };
        let source = Source { text: Some("stack: web\n".into()), commit: Some("abc".into()) };
        Saved { plan: serde_json::from_value(value).unwrap(), consent, source: Some(source) }
    }

    #[test]
    fn what_is_saved_is_read_and_every_edit_is_refused() {
        let plan = plan(|_| {});
        let text = text(&plan).unwrap();
        assert!(is_one(&text));
        assert_eq!(parse(&text).unwrap(), plan);
        for (from, to) in [
            ("10.0.0.0/16", "10.0.0.0/8"),
            ("\"keep\"", "\"delete\""),
            ("\"exists\"", "\"ready\""),
            ("\"a\":\"b\"", "\"a\":\"b\",\"a\":\"c\""),
            ("\"destroy\":false", "\"destroy\":true"),
            ("databases.main", "databases.*"),
            ("stack: web", "stack: other"),
        ] {
            assert!(text.contains(from));
            assert_eq!(parse(&text.replace(from, to)).unwrap_err(), "was changed after it was saved", "{to}");
        }
    }

    #[test]
    fn a_plan_that_refers_to_nothing_is_refused() {
        for (field, value) in [("needs", json!([[2, "ready"]])), ("was_using", json!([u64::MAX]))] {
            let plan = plan(|plan| plan["items"][1][field] = value.clone());
            let error = parse(&text(&plan).unwrap()).unwrap_err();
            assert_eq!(error, "is not a saved plan: `ec2.subnet/app` refers to an object that is not in it");
        }
    }

    #[test]
    fn wrong_texts_are_quoted_briefly_and_escaped() {
        let text = text(&plan(|_| {})).unwrap().replace("keep", &format!("\\u001b[2J{}", "x".repeat(9000)));
        let error = parse(&text).unwrap_err();
        assert!(error.contains("\\u{1b}[2J") && error.contains("at line 1 column"), "{error}");
        assert!(error.len() < 400 && !error.contains(char::is_control), "{error}");
    }

    #[test]
    fn every_number_is_read_as_it_was_written() {
        // Without `float_roundtrip` some of them come back as a neighbour, and the digest is another.
        let mut bits = 1_u64;
        for _ in 0..2000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = f64::from_bits(bits);
            if number.is_finite() {
                let plan = plan(|plan| plan["items"][1]["desired"]["x"] = number.into());
                assert_eq!(parse(&text(&plan).unwrap()).as_ref(), Ok(&plan), "{number:e}");
            }
        }
    }
}
