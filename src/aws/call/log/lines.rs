//! The log: a line for each event, as `name=value`.

use std::io::Write;

use serde_json::Value;
use tracing::level_filters::LevelFilter;

use super::fields::Fields;

/// Where lines are written to, and which.
pub(super) struct Lines {
    pub(super) level: LevelFilter,
    pub(super) to: Box<dyn Write + Send>,
}

impl Lines {
    /// Writes one line in one piece.
    pub(super) fn write(&mut self, level: tracing::Level, object: Option<&str>, fields: &Fields) {
        if level > self.level {
            return;
        }
        let time = jiff::Timestamp::now();
        let message = fields.0.get("message").and_then(Value::as_str).unwrap_or_default();
        let mut line = format!("{time:.3} {level:<5} {message}");
        let object = object.map(|object| ("object", Value::from(object)));
        let others = fields.0.iter().filter(|(name, _)| *name != "message").map(|(name, value)| (name.as_str(), value.clone()));
        for (name, value) in others.chain(object) {
            line += &format!(" {name}={}", shown(&value));
        }
        line.push('\n');
        // A log that cannot be written must not stop the run.
        let _ = self.to.write_all(line.as_bytes());
        let _ = self.to.flush();
    }
}

/// A value on a line: in quotes where it would not be one word, and always in ASCII.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:+@".contains(c)) => {
            text.clone()
        }
        Value::String(text) => format!("\"{}\"", text.escape_default()),
        other => other.to_string(),
    }
}
