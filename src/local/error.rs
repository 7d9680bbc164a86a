//! What went wrong with the local AWS, and what to do about it.

use std::path::Path;

use serde::Serialize;

/// This module's result.
pub type Result<T, E = LocalError> = std::result::Result<T, E>;

/// A failure to install, start, stop or ask a local AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct LocalError {
    /// What happened, in one sentence.
    pub message: String,
    /// What was seen, line by line: the end of a log, the interpreters that were looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl LocalError {
    /// Returns a failure without details.
    pub fn new(message: impl Into<String>) -> Self {
        LocalError { message: message.into(), details: Vec::new(), hints: Vec::new() }
    }

    /// Adds a next step.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what was seen.
    pub fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(lines);
        self
    }

    /// Adds the last lines of a log, and says where the whole of it is.
    pub(super) fn log(self, path: &Path) -> Self {
        let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines[lines.len().saturating_sub(12)..].iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        self.details(last).hint(format!("the full output is in {}", path.display()))
    }

    /// Returns the failure to do something with a file.
    pub(super) fn file(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        LocalError::new(format!("cannot {doing} {}: {error}", path.display()))
    }
}
