//! The state of the checks: the file, and the problems found.

use crate::diagnostic::{Diagnostic, MOST, Severity};
use crate::suggest;
use crate::types::Stack;
use crate::values::Duration;
use crate::yaml::Node;

/// A file and the problems found in it.
pub(super) struct Checks<'a> {
    pub(super) stack: &'a Stack,
    pub(super) file: &'a Node,
    pub(super) prefix: String,
    pub(super) found: Vec<Diagnostic>,
    /// The last problem was one too many.
    pub(super) left_out: bool,
}

impl Checks<'_> {
    /// Checks whether enough problems of this severity were found, and remembers that one is left out.
    pub(super) fn is_enough(&mut self, severity: Severity) -> bool {
        self.left_out = self.found.iter().filter(|d| d.severity == severity).count() >= MOST;
        self.left_out
    }

    /// Adds a problem with the value at a path.
    pub(super) fn at(&mut self, path: &str, label: &str, diagnostic: Diagnostic) {
        if self.is_enough(diagnostic.severity) {
            return;
        }
        self.found.push(match self.file.find(path).span {
            Some(span) => diagnostic.label(span, label),
            None => diagnostic,
        });
    }

    /// Adds a problem with the key at a path.
    pub(super) fn at_key(&mut self, path: &str, label: &str, diagnostic: Diagnostic) {
        if self.is_enough(diagnostic.severity) {
            return;
        }
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
        let parent = if parent.is_empty() { Some(self.file) } else { self.file.node(parent) };
        let key = parent.and_then(|p| p.entries().iter().find(|(k, _)| k.text == name)).map(|(k, _)| k.span.clone());
        self.found.push(match key {
            Some(span) => diagnostic.label(span, label),
            None => diagnostic,
        });
    }

    /// Checks a time that AWS accepts only between two bounds, both in seconds.
    pub(super) fn within(&mut self, path: &str, time: Option<Duration>, least: u64, most: u64) {
        let Some(time) = time else { return };
        if !(least..=most).contains(&time.as_secs()) {
            let bounds = format!("{least}s to {most}s");
            let nearest = Duration::secs(time.as_secs().clamp(least, most));
            self.at(
                path,
                &bounds,
                Diagnostic::error("out-of-range", format!("`{path}` must be from {bounds}, but is {time}"))
                    .help(format!("the nearest valid time is `{nearest}`")),
            );
        }
    }

    /// Checks a time in whole days between two bounds.
    pub(super) fn days(&mut self, path: &str, time: Duration, least: u64, most: u64) {
        const DAY: u64 = 86_400;
        let seconds = time.as_secs();
        if (least * DAY..=most * DAY).contains(&seconds) && seconds.is_multiple_of(DAY) {
            return;
        }
        let nearest = seconds.div_ceil(DAY).clamp(least, most);
        let what = format!("{least}d to {most}d");
        let message = format!("`{path}` must be whole days from {what}, but is {time}");
        self.at(path, &what, Diagnostic::error("out-of-range", message).help(format!("the nearest valid time is `{nearest}d`")));
    }

    /// Checks a number that AWS accepts only between two bounds.
    pub(super) fn between(&mut self, path: &str, number: i32, least: i32, most: i32) {
        if (least..=most).contains(&number) {
            return;
        }
        let what = format!("{least} to {most}");
        let message = format!("`{path}` must be from {what}, but is {number}");
        let nearest = number.clamp(least, most);
        self.at(path, &what, Diagnostic::error("out-of-range", message).help(format!("the nearest valid number is `{nearest}`")));
    }

    /// Returns `did you mean …?` for a reference such as `databases.main`.
    pub(super) fn references(&self, text: &str) -> Option<String> {
        let known = self.stack.usable();
        if let Some(whole) = known.iter().find(|k| k.rsplit('.').next() == Some(text)) {
            return Some(format!("write `{whole}`"));
        }
        suggest::help(text, known.iter().map(String::as_str), "it can use")
    }
}
