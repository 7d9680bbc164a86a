//! A stack file and the file with an environment beside it as one text: `stack.bug-1234.yaml` beside `stack.yaml`.
//!
//! Whatever reads a stack file reads both as one text, with a line between them that names environment and file: so the history, a
//! saved plan and a rollback have all of it, and every problem keeps its place.

use std::ops::Range;

/// The beginning of the line between the two: a document of its own for YAML.
const MARK: &str = "--- # environment ";

/// Returns the name of the file with the environment: `stack.bug-1234.yaml` for `stack.yaml`. None for a name without an end, such
/// as `-` for standard input.
pub fn file_name(stack_file: &str, env: &str) -> Option<String> {
    let (stem, end) = stack_file.rsplit_once('.').filter(|(stem, end)| !stem.is_empty() && !end.contains(['/', '\\']))?;
    Some(format!("{stem}.{env}.{end}"))
}

/// Joins a stack file and the file with an environment of it.
pub fn joined(text: &str, env: &str, file: &str, overlay: &str) -> String {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}{MARK}{env} {file}\n{overlay}")
}

/// The part of a text that is an environment in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The environment.
    pub env: &'a str,
    /// The name of its file.
    pub file: &'a str,
    /// The line before it, as byte offsets into the whole.
    pub(super) mark: Range<usize>,
    /// Its text.
    pub text: &'a str,
}

impl Part<'_> {
    /// Returns where its text begins in the whole.
    pub fn begins(&self) -> usize {
        self.mark.end
    }
}

/// Returns the stack file's own text, and the environment that is joined to it.
pub fn split(text: &str) -> (&str, Option<Part<'_>>) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        if let Some((env, file)) = line.strip_prefix(MARK).and_then(|rest| rest.trim_end().split_once(' ')) {
            return (&text[..at], Some(Part { env, file, mark: at..end, text: &text[end..] }));
        }
        at = end;
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_have_the_environment_before_the_ending() {
        assert_eq!(file_name("stack.yaml", "bug").as_deref(), Some("stack.bug.yaml"));
        assert_eq!(file_name("a.b/stack.yml", "bug").as_deref(), Some("a.b/stack.bug.yml"));
        for without in ["-", "stack", "a.b/stack"] {
            assert_eq!(file_name(without, "bug"), None, "{without}");
        }
        assert_eq!(split("a: 1\n"), ("a: 1\n", None));
    }
}
