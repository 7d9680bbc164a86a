//! The file with a copy of an environment, beside the stack file: readable, with a comment at each line that came from AWS.

use serde_json::Value;

/// What a copy is made with, by the keys of the stack file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    entries: Vec<(String, Entry)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Value { value: Value, why: String },
    Section(Overlay),
}

impl Overlay {
    /// Sets the value at a path; `why` becomes a comment. What was said before at this path, or inside it, goes.
    pub fn set(&mut self, path: &[&str], value: Value, why: &str) {
        let Some((first, rest)) = path.split_first() else { return };
        let at = match self.entries.iter().position(|(key, _)| key == first) {
            Some(at) => at,
            None => {
                self.entries.push(((*first).to_owned(), Entry::Section(Overlay::default())));
                self.entries.len() - 1
            }
        };
        let entry = &mut self.entries[at].1;
        if rest.is_empty() {
            *entry = Entry::Value { value, why: why.to_owned() };
            return;
        }
        if let Entry::Value { .. } = entry {
            *entry = Entry::Section(Overlay::default());
        }
        if let Entry::Section(section) = entry {
            section.set(rest, value, why);
        }
    }

    /// Returns everything that a map says.
    pub fn of(map: &Value) -> Overlay {
        let entry = |value: &Value| match value {
            Value::Object(inner) if !inner.is_empty() => Entry::Section(Overlay::of(value)),
            value => Entry::Value { value: value.clone(), why: String::new() },
        };
        let entries = map.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), entry(value)));
        Overlay { entries: entries.collect() }
    }

    /// Returns the text at a path; none where there is none.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        let (first, rest) = path.split_first()?;
        match self.entries.iter().find(|(key, _)| key == first)? {
            (_, Entry::Section(section)) => section.text_at(rest),
            (_, Entry::Value { value, .. }) if rest.is_empty() => value.as_str(),
            _ => None,
        }
    }

    /// Leaves out a key.
    pub fn remove(&mut self, key: &str) {
        self.entries.retain(|(known, _)| known != key);
    }

    /// Returns the file's text, below a comment of these lines.
    pub fn text(&self, head: &[String]) -> String {
        let mut out: String = head.iter().map(|line| format!("# {line}\n")).collect();
        out.push('\n');
        self.write(0, &mut out);
        out
    }

    fn write(&self, depth: usize, out: &mut String) {
        for (key, entry) in &self.entries {
            out.push_str(&"  ".repeat(depth));
            out.push_str(&text(key));
            out.push(':');
            match entry {
                Entry::Value { value, why } => {
                    out.push(' ');
                    out.push_str(&scalar(value));
                    if !why.is_empty() {
                        out.push_str("  # ");
                        // One line, whatever is in it.
                        out.extend(why.chars().map(|c| if c.is_control() { ' ' } else { c }));
                    }
                    out.push('\n');
                }
                Entry::Section(section) => {
                    out.push('\n');
                    section.write(depth + 1, out);
                }
            }
        }
    }
}

/// Returns a value as YAML on one line: lists and maps as JSON, which is YAML too.
fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "~".to_owned(),
        Value::String(value) => text(value),
        other => other.to_string(),
    }
}

/// Returns a text as YAML: without quotes where it cannot be taken for anything else.
fn text(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@".contains(c);
    // A colon between other characters is part of a text: `nginx:1.27`, `03:00-04:00` would be a number in older YAML.
    let letters = text.trim_start_matches(|c: char| c.is_ascii_digit());
    // A number with its unit: `3d`, `20GiB`.
    let is_size = letters.len() < text.len() && !letters.is_empty() && letters.chars().all(|c| c.is_ascii_alphabetic());
    let begins = is_size || text.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    let inner = text.trim_matches(':').len() == text.len() && text.chars().all(|c| plain(c) || c == ':');
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if begins && inner && !word { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_readable_and_reads_back() {
        let mut overlay = Overlay::default();
        overlay.set(&["like"], json!("production"), "");
        overlay.set(&["services", "web", "image"], json!("nginx@sha256:12"), "what runs: `nginx:1.27`");
        overlay.set(&["services", "web", "environment", "LEVEL"], json!("a: b # c"), "what\nruns");
        overlay.set(&["services", "web", "scale"], json!({"min": 1, "max": 2}), "");
        overlay.set(&["databases", "main", "version"], json!("16.4"), "what runs");
        overlay.set(&["databases", "main", "parameters", "rds.force_ssl"], json!("1"), "");
        overlay.set(&["access", "groups"], json!({}), "");
        overlay.set(&["access"], Value::Null, "people stay where they are");
        let text = overlay.text(&["The environment `bug`.".to_owned()]);
        let expected = "\
# The environment `bug`.

like: production
services:
  web:
    image: nginx@sha256:12  # what runs: `nginx:1.27`
    environment:
      LEVEL: \"a: b # c\"  # what runs
    scale: {\"max\":2,\"min\":1}
databases:
  main:
    version: \"16.4\"  # what runs
    parameters:
      rds.force_ssl: \"1\"
access: ~  # people stay where they are
";
        assert_eq!(text.replace("{\"min\":1,\"max\":2}", "{\"max\":2,\"min\":1}"), expected);
        let read = crate::config::yaml::parse(&text).unwrap().to_json();
        assert_eq!(read["databases"]["main"]["version"], json!("16.4"));
        assert_eq!(read["services"]["web"]["environment"]["LEVEL"], json!("a: b # c"));
        assert_eq!(read["access"], Value::Null);
    }

    #[test]
    fn texts_are_quoted_where_yaml_would_misread_them() {
        for plain in ["nginx:1.27", "a/b@sha256:1", "db.t4g.micro", "20GiB", "3d"] {
            assert_eq!(text(plain), plain);
        }
        for quoted in ["true", "No", "16", "1.10", "1e5", "03:00-04:00", "", "a b", "a:", "~", "- a", "ü"] {
            assert_eq!(text(quoted), format!("\"{quoted}\""));
            let read = crate::config::yaml::parse(&format!("k: {}\n", text(quoted))).unwrap().to_json();
            assert_eq!(read["k"], json!(quoted));
        }
    }
}
