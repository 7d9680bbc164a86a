//! The search for secrets in the file, where everyone who reads it, a plan, the history or the console would see them. They are
//! refused, and not shown in the refusal.
//!
//! They are found by name and randomness in variables and commands of containers, and by their look everywhere. A value whose name
//! sounds secret is never shown, even if it is accepted, and neither is anything misshapen in variables, secrets and passwords.

mod lists;
mod words;

use std::collections::HashSet;
use std::ops::Range;

use super::diagnostic::{Diagnostic, MOST};
use super::yaml::{Node, NodeValue};
use words::{Called, is_called_one, is_one};

/// Returns the problems, and the places that must not be shown.
pub(super) fn find(file: &Node) -> (Vec<Diagnostic>, Vec<Range<usize>>) {
    let mut found = Found::default();
    found.walk(file, "this", Where::Elsewhere);
    (found.problems, found.places)
}

/// The purpose of a value.
#[derive(Clone, Copy, PartialEq)]
enum Where {
    /// A container's variables.
    Variables,
    /// One of them.
    Variable,
    /// A container's secrets.
    Secrets,
    /// The ARN of a secret, or by mistake the secret.
    Secret,
    /// Settings of a password, or by mistake the password.
    Password,
    /// Something misshapen below one of these.
    Misshapen,
    /// A command, or a part of it.
    Command,
    /// A section whose keys are names that the user chose.
    Named,
    Elsewhere,
}

/// Sections whose keys say nothing about their values.
const NAMED: &[&str] = &[
    "attributes",
    "buckets",
    "caches",
    "certificates",
    "databases",
    "environments",
    "groups",
    "jobs",
    "keys",
    "moved",
    "parameters",
    "replicas",
    "repositories",
    "services",
    "tags",
    "users",
    "zones",
];

impl Where {
    /// Returns the purpose of the value at a key of such a map.
    fn at(self, key: &str) -> Where {
        match (self, key) {
            (Where::Variables, _) => Where::Variable,
            (Where::Secrets, _) => Where::Secret,
            (Where::Password, "rotate") | (Where::Named, _) => Where::Elsewhere,
            (Where::Variable | Where::Secret | Where::Password | Where::Misshapen, _) => Where::Misshapen,
            (_, "environment") => Where::Variables,
            (_, "secrets") => Where::Secrets,
            (_, "password") => Where::Password,
            (_, "command" | "entrypoint") => Where::Command,
            // The kinds of `resources` have a dot.
            (_, key) if NAMED.contains(&key) || key.contains('.') => Where::Named,
            _ => Where::Elsewhere,
        }
    }

    /// Returns the purpose of the entries of such a list.
    fn each(self) -> Where {
        match self {
            Where::Command | Where::Elsewhere => self,
            Where::Named => Where::Elsewhere,
            _ => Where::Misshapen,
        }
    }
}

/// Returns the option whose value is the next part of a command: `--password`, and not `--no-password` or `--password=…`.
fn option(part: &str) -> Option<&str> {
    part.strip_prefix("--").filter(|option| !option.contains('=') && !option.starts_with("no-"))
}

/// Checks whether a command in one text gives a secret to an option.
fn gives_one(text: &str) -> bool {
    let parts: Vec<&str> = text.split(|c: char| c.is_whitespace() || "[]{},\"'".contains(c)).filter(|p| !p.is_empty()).collect();
    parts.windows(2).any(|pair| is_given(pair[0], pair[1]))
}

/// Checks whether the second of two parts of a command is a secret because of the first.
fn is_given(part: &str, next: &str) -> bool {
    !next.starts_with('-') && option(part).is_some_and(|option| is_called_one(option, next))
}

/// Checks whether a command on the command line contains what would be refused as a secret in a file.
pub fn in_command(command: &[String]) -> bool {
    let has_one = |part: &String| words::has_assignment(part) || gives_one(part) || is_one(part);
    command.iter().any(has_one) || command.windows(2).any(|pair| is_given(&pair[0], &pair[1]))
}

/// Returns the same places in a text that is not YAML, line by line: too many rather than too few.
pub(super) fn places_in(text: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some((name, value)) = line.split_once([':', '=']) {
            let name = name.trim().trim_matches(['"', '\'', '-', '{', ',', ' ']);
            let called = Called::of(name) != Called::Otherwise && !value.trim().is_empty();
            if called || is_one(line.trim()) || words::has_assignment(&line.replace('[', " ")) || gives_one(line) {
                let from = at + line.len() - value.len();
                places.push(from..from + value.trim_end().len());
            }
        }
        at += line.len();
    }
    places
}

/// Returns the text with these places unreadable, and with the same length in bytes.
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
    /// `name` is the key of the value.
    fn walk(&mut self, node: &Node, name: &str, place: Where) {
        match &node.value {
            NodeValue::Map(entries) => {
                entries.iter().for_each(|(key, value)| self.walk(value, &key.text, place.at(&key.text)));
            }
            NodeValue::List(list) => {
                let mut before: Option<&str> = None;
                for item in list {
                    let text = match &item.value {
                        NodeValue::Text(text) => Some(text.as_str()),
                        _ => None,
                    };
                    // `--password` and then the password.
                    match (before, text) {
                        (Some(part), Some(next)) if place == Where::Command && is_given(part, next) => {
                            self.problem(item, option(part).unwrap_or(name));
                        }
                        _ => self.walk(item, name, place.each()),
                    }
                    before = text;
                }
            }
            NodeValue::Text(text) => self.text(node, text, name, place),
            // `DB_PASSWORD: 12345678`
            NodeValue::Number(number) if !matches!(place, Where::Elsewhere | Where::Named | Where::Command) => {
                self.text(node, &number.to_string(), name, place);
            }
            _ => {}
        }
    }

    fn text(&mut self, node: &Node, text: &str, name: &str, place: Where) {
        let called = place == Where::Variable && is_called_one(name, text);
        let bare = place == Where::Variable && words::is_bare_key(text);
        let assigned = !matches!(place, Where::Secret | Where::Named | Where::Elsewhere) && words::has_assignment(text);
        let given = place == Where::Command && gives_one(text);
        if called || bare || assigned || given || is_one(text) {
            return self.problem(node, name);
        }
        let hidden = match place {
            Where::Variable => Called::of(name) != Called::Otherwise,
            Where::Command | Where::Named | Where::Elsewhere => false,
            // What is no ARN here is a secret by mistake.
            _ => !text.starts_with("arn:") && !text.starts_with("${"),
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
                format!("`{name}` looks like a secret, which everyone who reads this file or a plan would see"),
            )
            .label(node.span.clone(), "not shown")
            .help(format!(
                "store it in Secrets Manager or Parameter Store and write its ARN: `secrets: {{ {name}: arn:aws:secretsmanager:… }}`"
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
        for line in [
            "command: \"serve --db-password hunter2",
            "environment: [DB_PASSWORD=hunter2",
            "command: [serve, --token, \"hunter2\"",
        ] {
            assert!(!hide(line, &places_in(line)).contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn secrets_are_found_in_commands() {
        let has = |command: &[&str]| in_command(&command.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        assert!(has(&["serve", "--db-password", "hunter2"]) && has(&["serve", "--password=hunter2"]));
        assert!(has(&["sh", "-c", "serve --db-password hunter2"]));
        assert!(!has(&["pg_dump", "--no-password", "--host", "db.internal"]) && !has(&["sh", "-c", "echo one; exit 3"]));
    }

    /// What the report of a file with this service says, where the file is wrong elsewhere too.
    fn said(service: &str) -> String {
        let text = format!("stack: a\nregion: us-east-1\nservices:\n  web: {{image: i, cpu: 300, {service}}}\n");
        crate::tests::refused(&text, None)
    }

    #[test]
    fn secrets_are_never_shown_with_another_problem() {
        for (service, value, refused) in [
            ("environment: {DB_PASSWORD: hunter2}", "hunter2", true),
            ("environment: {X: sk_test_4eC39HqLyjWDarjtT1zdp7dc}", "4eC39Hq", true),
            ("environment: {DB_PASSWORD: 12345678}", "12345678", true),
            ("command: [serve, --password=hunter2]", "hunter2", true),
            ("command: [serve, --db-password, hunter2]", "hunter2", true),
            ("command: serve --db-password hunter2", "hunter2", true),
            ("command: [sh, -c, serve --db-password hunter2]", "hunter2", true),
            ("environment: DB_PASSWORD=hunter2", "hunter2", true),
            ("environment: [DB_PASSWORD=hunter2]", "hunter2", true),
            ("environment: [{name: DB_PASSWORD, value: hunter2}]", "hunter2", false),
            ("environment: {DB_PASSWORD: [hunter2]}", "hunter2", false),
            ("environment: {A: {B: hunter2}}", "hunter2", false),
            ("secrets: hunter2", "hunter2", false),
            ("secrets: [hunter2]", "hunter2", false),
            ("secrets: 1234567", "1234567", false),
            ("secrets: {API: 1234567}", "1234567", false),
            ("secrets: {API: hunter2}", "hunter2", false),
            ("environment: {STRIPE_KEY: abc}", "abc", false),
            ("environment: {TOKEN_TTL: '3600'}", "none of it", false),
        ] {
            let said = said(service);
            assert!(said.contains("not-a-choice") && !said.contains(value), "{service}: {said}");
            assert_eq!(said.contains("plain-secret"), refused, "{service}: {said}");
        }
        assert!(said("environment: {LOG_LEVEL: debug}").contains("debug"), "what is innocent is shown");
        assert!(said("command: [pg_dump, --no-password, --token, --host, db.internal]").contains("db.internal"));
        assert!(said("command: serve it").contains("must be a list, but is the text `serve it`"));
        for section in [
            "databases: {main: {engine: postgres, version: 16, password: hunter2}}",
            "services: {a: {image: i, secrets: {A: [hunter2]}}}",
        ] {
            let said = crate::tests::refused(&format!("stack: a\nregion: us-east-1\n{section}\n"), None);
            assert!(said.contains("wrong-type") && !said.contains("hunter2"), "{said}");
        }
        let rotated =
            "stack: a\nregion: us-east-1\ndatabases: {main: {engine: postgres, version: 16, password: {rotate: 36h}}}\n";
        assert!(crate::tests::refused(rotated, None).contains("`36h`"), "how often is no secret");
        let names =
            "stack: a\nregion: us-east-1\nservices: {secrets: {image: the-image, cpu: 300}, environment: {image: the-image}}\n";
        assert!(crate::tests::refused(names, None).contains("the-image"), "a name says nothing of what has it");
    }
}
