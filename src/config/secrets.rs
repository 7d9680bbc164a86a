//! Secrets that somebody wrote into the file. It is no place for them: whoever reads it, a plan, the history or the console
//! would know them. They are refused, and not shown in the refusal.
//!
//! Found by what they are called, where containers get their variables, and by what they look like, everywhere.

use std::collections::HashSet;
use std::ops::Range;

use super::diagnostic::{Diagnostic, MOST};
use super::yaml::{Node, NodeValue};

/// Words in the names of secrets.
const WORDS: &[&str] = &["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "CREDENTIALS", "APIKEY"];
/// What makes a secret of a `KEY`.
const KEYS: &[&str] = &["API", "PRIVATE", "ACCESS", "SECRET", "SIGNING", "ENCRYPTION"];
/// A name that ends so is about a secret and does not hold it.
const ABOUT: &[&str] = &[
    "TTL",
    "NAME",
    "FILE",
    "PATH",
    "URL",
    "URI",
    "HEADER",
    "ARN",
    "ID",
    "LENGTH",
    "MIN",
    "MAX",
    "EXPIRY",
    "TIMEOUT",
    "TYPE",
    "ALGORITHM",
    "ENABLED",
    "REGION",
    "HOST",
    "PORT",
    "PREFIX",
    "ISSUER",
    "AUDIENCE",
    "FIELD",
    "COOKIE",
    "POLICY",
    "DAYS",
    "HOURS",
    "MINUTES",
    "SECONDS",
];
/// What the tokens of well-known services begin with.
const TOKENS: &[&str] = &["ghp_", "gho_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "sk_live_", "rk_live_", "SG."];
/// A shorter text is no secret worth the name.
const SHORTEST: usize = 8;

/// The problems, and the places that must not be shown.
pub(super) fn find(file: &Node) -> (Vec<Diagnostic>, Vec<Range<usize>>) {
    let mut found = Found::default();
    found.walk(file, None, false);
    (found.problems, found.places)
}

/// The same places in a text that is no YAML, line by line: too many rather than too few.
pub(super) fn places_in(text: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some((name, value)) = line.split_once([':', '=']) {
            let name = name.trim().trim_matches(['"', '\'', '-', '{', ',', ' ']);
            let inner = value.trim().trim_matches(['"', '\'']);
            if is_called_one(name, inner) || is_one(line) {
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
    /// `name`: the key that it stands at. `variables`: it is one of a container's.
    fn walk(&mut self, node: &Node, name: Option<&str>, variables: bool) {
        match &node.value {
            NodeValue::Map(entries) => {
                for (key, value) in entries {
                    self.walk(value, Some(&key.text), name == Some("environment"));
                }
            }
            NodeValue::List(list) => {
                for item in list {
                    self.walk(item, name, false);
                }
            }
            NodeValue::Text(text) if is_one(text) || variables && name.is_some_and(|name| is_called_one(name, text)) => {
                // What an alias brings a second time is one problem.
                if !self.known.insert(node.span.clone()) {
                    return;
                }
                self.places.push(node.span.clone());
                if self.problems.len() >= MOST {
                    return;
                }
                let name = name.unwrap_or("this");
                self.problems.push(
                    Diagnostic::error("plain-secret", format!("`{name}` looks like a secret, which whoever reads this file or a plan would know"))
                        .label(node.span.clone(), "not shown")
                        .help(format!("keep it in Secrets Manager or Parameter Store and name it: `secrets: {{ {name}: arn:aws:secretsmanager:… }}`")),
                );
            }
            _ => {}
        }
    }
}

/// Whether a variable of this name and value holds a secret.
fn is_called_one(name: &str, value: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let words: Vec<&str> = upper.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let named =
        words.iter().any(|word| WORDS.contains(word)) || words.windows(2).any(|pair| KEYS.contains(&pair[0]) && pair[1] == "KEY");
    let about = words.last().is_some_and(|word| ABOUT.contains(word));
    let harmless = value.starts_with("arn:")
        || value.starts_with('/')
        || value.starts_with("http://")
        || value.starts_with("https://")
        || value.starts_with("${")
        || value.chars().all(|c| c.is_ascii_digit());
    named && !about && !harmless && value.chars().count() >= SHORTEST
}

/// Whether a text is a secret by its looks.
fn is_one(text: &str) -> bool {
    let key = text.contains("-----BEGIN") && text.contains("PRIVATE KEY");
    let token = TOKENS.iter().any(|begin| text.strip_prefix(begin).is_some_and(|rest| rest.len() >= 16));
    key || token || has_access_key(text) || has_password(text)
}

/// An access key's id: `AKIA` or `ASIA` and sixteen more.
fn has_access_key(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        word.len() == 20
            && (word.starts_with("AKIA") || word.starts_with("ASIA"))
            && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

/// An address with a password: `postgres://anna:secret@host`.
fn has_password(text: &str) -> bool {
    text.match_indices("://").any(|(at, found)| {
        let rest = &text[at + found.len()..];
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        let login = authority.rsplit_once('@').map(|(login, _)| login);
        login
            .and_then(|login| login.split_once(':'))
            .is_some_and(|(_, password)| !password.is_empty() && !password.starts_with('$'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_and_by_looks() {
        for (name, value) in
            [("DB_PASSWORD", "correct horse"), ("apiKey", "-"), ("API_KEY", "0123456789abcdef"), ("authToken", "-")]
        {
            assert_eq!(is_called_one(name, value), value.len() >= SHORTEST, "{name}");
        }
        for (name, value) in [
            ("TOKEN_TTL", "86400000"),
            ("SECRET_NAME", "prod/database"),
            ("PASSWORD_FILE", "run/secrets/db"),
            ("MONKEY", "0123456789"),
            ("KEYBOARD", "0123456789"),
            ("DB_PASSWORD", "arn:aws:secretsmanager:us-east-1:1:secret:x"),
        ] {
            assert!(!is_called_one(name, value), "{name}");
        }
        assert!(is_one("postgres://anna:secret@db/shop") && is_one("x AKIAIOSFODNN7EXAMPLE"));
        assert!(!is_one("https://anna@example.com:8080/a:b@c") && !is_one("postgres://db:5432/shop") && !is_one("AKIAshort"));
    }

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
}
