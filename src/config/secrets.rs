//! Secrets that somebody wrote into the file. It is no place for them: whoever reads it, a plan, the history or the console
//! would know them. They are refused, and not shown in the refusal.
//!
//! Found by what they are called and how random they are, where containers get their variables and their command, and by what
//! they look like, everywhere. What is called like a secret is never shown, even where its value is accepted.

mod words;

use std::collections::HashSet;
use std::ops::Range;

use super::diagnostic::{Diagnostic, MOST};
use super::yaml::{Node, NodeValue};
use words::{Called, is_called_one, is_one};

/// The problems, and the places that must not be shown.
pub(super) fn find(file: &Node) -> (Vec<Diagnostic>, Vec<Range<usize>>) {
    let mut found = Found::default();
    found.walk(file, None, Where::Elsewhere);
    (found.problems, found.places)
}

/// What a text is for.
#[derive(Clone, Copy, PartialEq)]
enum Where {
    /// One of a container's variables.
    Variable,
    /// The ARN of a secret; or the secret, by mistake.
    Secret,
    /// A part of a command.
    Command,
    Elsewhere,
}

/// The same places in a text that is no YAML, line by line: too many rather than too few.
pub(super) fn places_in(text: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some((name, value)) = line.split_once([':', '=']) {
            let name = name.trim().trim_matches(['"', '\'', '-', '{', ',', ' ']);
            if Called::of(name) != Called::Otherwise && !value.trim().is_empty() || is_one(line.trim()) {
                let from = at + line.len() - value.len();
                places.push(from..from + value.trim_end().len());
            }
        }
        at += line.len();
    }
    places
}

/// The text with those places made unreadable, and not a byte longer or shorter.
pub(super) fn hide(text: &str, places: &[Range<usize>]) -> String {
    let mut places: Vec<&Range<usize>> = places.iter().collect();
    places.sort_by_key(|place| place.start);
    let mut places = places.into_iter().peekable();
    // Where the places that have begun end.
    let mut until = 0;
    text.char_indices().fold(String::with_capacity(text.len()), |mut out, (at, c)| {
        while let Some(place) = places.next_if(|place| place.start <= at) {
            until = until.max(place.end);
        }
        if at < until && c != '\n' {
            out.extend(std::iter::repeat_n('*', c.len_utf8()))
        } else {
            out.push(c)
        }
        out
    })
}

#[derive(Default)]
struct Found {
    problems: Vec<Diagnostic>,
    places: Vec<Range<usize>>,
    known: HashSet<Range<usize>>,
}

impl Found {
    /// `name`: the key that it stands at.
    fn walk(&mut self, node: &Node, name: Option<&str>, place: Where) {
        match &node.value {
            NodeValue::Map(entries) => {
                let place = match name {
                    Some("environment") => Where::Variable,
                    Some("secrets") => Where::Secret,
                    _ => Where::Elsewhere,
                };
                for (key, value) in entries {
                    self.walk(value, Some(&key.text), place);
                }
            }
            NodeValue::List(list) => {
                let place = if matches!(name, Some("command" | "entrypoint")) { Where::Command } else { Where::Elsewhere };
                let mut before = None;
                for item in list {
                    // `--password` and then the password.
                    match (&item.value, before) {
                        (NodeValue::Text(text), Some(option)) if place == Where::Command && is_called_one(option, text) => {
                            self.problem(item, option);
                        }
                        _ => self.walk(item, name, place),
                    }
                    before = match &item.value {
                        NodeValue::Text(text) => text.strip_prefix("--").filter(|option| !option.contains('=')),
                        _ => None,
                    };
                }
            }
            NodeValue::Text(text) => self.text(node, text, name.unwrap_or("this"), place),
            // `DB_PASSWORD: 12345678`
            NodeValue::Number(number) if place == Where::Variable => {
                self.text(node, &number.to_string(), name.unwrap_or("this"), place);
            }
            _ => {}
        }
    }

    fn text(&mut self, node: &Node, text: &str, name: &str, place: Where) {
        let called = place == Where::Variable && is_called_one(name, text);
        let bare = place == Where::Variable && words::is_bare_key(text);
        let assigned = matches!(place, Where::Variable | Where::Command) && words::has_assignment(text);
        if called || bare || assigned || is_one(text) {
            return self.problem(node, name);
        }
        let hidden = match place {
            Where::Variable => Called::of(name) != Called::Otherwise,
            // What is no ARN here is a secret by mistake.
            Where::Secret => !text.starts_with("arn:") && !text.starts_with("${"),
            Where::Command | Where::Elsewhere => false,
        };
        if hidden && !text.is_empty() {
            self.places.push(node.span.clone());
        }
    }

    fn problem(&mut self, node: &Node, name: &str) {
        // What an alias brings a second time is one problem.
        if !self.known.insert(node.span.clone()) {
            return;
        }
        self.places.push(node.span.clone());
        if self.problems.len() >= MOST {
            return;
        }
        let name = super::diagnostic::short(name);
        self.problems.push(
            Diagnostic::error(
                "plain-secret",
                format!("`{name}` looks like a secret, which whoever reads this file or a plan would know"),
            )
            .label(node.span.clone(), "not shown")
            .help(format!(
                "keep it in Secrets Manager or Parameter Store and name it: `secrets: {{ {name}: arn:aws:secretsmanager:… }}`"
            )),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_as_long_as_before() {
        let text = "a: ä-secret\nb: c\n";
        let place = 3..12;
        let hidden = hide(text, std::slice::from_ref(&place));
        assert_eq!((hidden.len(), hidden.as_str()), (text.len(), "a: *********\nb: c\n"));
        assert_eq!(hide("abcdefgh", &[5..6, 1..4, 2..3]), "a***e*gh");
        let found = places_in("x: [\nDB_PASSWORD: hunter2hunter2\nb: c");
        assert_eq!((found.len(), found.first()), (1, Some(&(17..32))));
    }

    /// What the report of a file with this service says, where the file is wrong elsewhere too.
    fn said(service: &str) -> String {
        let text = format!("stack: a\nregion: us-east-1\nservices:\n  web: {{image: i, cpu: 300, {service}}}\n");
        crate::config::tests::refused(&text, None)
    }

    #[test]
    fn neither_what_is_refused_nor_what_is_accepted_is_shown_with_another_problem() {
        for (service, value, refused) in [
            ("environment: {DB_PASSWORD: hunter2}", "hunter2", true),
            ("environment: {X: sk_test_4eC39HqLyjWDarjtT1zdp7dc}", "4eC39Hq", true),
            ("environment: {DB_PASSWORD: 12345678}", "12345678", true),
            ("command: [serve, --password=hunter2]", "hunter2", true),
            ("command: [serve, --db-password, hunter2]", "hunter2", true),
            ("secrets: {API: hunter2}", "hunter2", false),
            ("environment: {STRIPE_KEY: abc}", "abc", false),
            ("environment: {TOKEN_TTL: '3600'}", "none of it", false),
        ] {
            let said = said(service);
            assert!(said.contains("not-a-choice") && !said.contains(value), "{service}: {said}");
            assert_eq!(said.contains("plain-secret"), refused, "{service}: {said}");
        }
        assert!(said("environment: {LOG_LEVEL: debug}").contains("debug"), "what is innocent is shown");
    }
}
