//! Whether a copy of an environment points at what it was copied from.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::contrast::{is_telling, leaves, stands_in};
use super::key::Key;
use super::scope::{Claim, Scope};
use super::snapshot::{Seen, Snapshot};

/// A text in an object of the copy that names an object of the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Leak {
    /// The object of the copy.
    pub key: Key,
    /// The text in it.
    pub text: String,
    /// The object of the source that it names.
    pub of: Key,
    /// By what: its identifier, its address.
    pub by: String,
}

/// What was checked, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Isolation {
    /// How many objects of the copy were looked at.
    pub objects: usize,
    /// How many identifiers and addresses of the source were looked for.
    pub names: usize,
    /// What points at the source.
    pub leaks: Vec<Leak>,
}

/// Looks in every object of a copy for the identifiers and addresses of the source's objects. What both have is of neither: a managed
/// policy, say. Of a copy in another account, the source's account is looked for as well. `keep` are texts that may be in both.
pub fn check(source: (&Scope, &Snapshot), copy: (&Scope, &Snapshot), keep: &[String]) -> Isolation {
    let ((scope, source), (of_copy, copy)) = (source, copy);
    let own: Vec<(Key, Vec<String>)> = ours(copy).map(|(key, seen)| (key, texts(seen))).collect();
    let known: BTreeSet<&str> = ours(copy).flat_map(|(_, seen)| attributes(&seen.live)).collect();
    let mut names: Vec<(String, Key)> = ours(source)
        .flat_map(|(key, seen)| attributes(&seen.live).map(move |text| (text.to_owned(), key.clone())))
        .filter(|(text, _)| is_telling(text, scope) && !known.contains(text.as_str()))
        .collect();
    if scope.account != of_copy.account {
        names.push((scope.account.clone(), Key::new("account", scope.account.clone())));
    }
    names.sort();
    names.dedup_by(|one, other| one.0 == other.0);
    let mut leaks = Vec::new();
    for (key, texts) in &own {
        for text in texts.iter().filter(|text| !keep.iter().any(|kept| text.contains(kept.as_str()))) {
            // The longest name says most: an ARN, and not the id in it.
            let found = names.iter().filter(|(name, _)| stands_in(text, name)).max_by_key(|(name, _)| name.len());
            if let Some((name, of)) = found {
                leaks.push(Leak { key: key.clone(), text: text.clone(), of: of.clone(), by: name.clone() });
            }
        }
    }
    leaks.sort();
    leaks.dedup();
    Isolation { objects: own.len(), names: names.len(), leaks }
}

/// Returns the objects of the environment and what is in them, but for what is being deleted. What has no name is called by its
/// identifier.
fn ours(snapshot: &Snapshot) -> impl Iterator<Item = (Key, &Seen)> {
    let is_ours = |seen: &&Seen| !matches!(seen.claim, Claim::Foreign | Claim::Taken(_)) && !seen.state.is_gone();
    snapshot.seen.iter().filter(is_ours).map(|seen| (seen.key().unwrap_or_else(|| Key::new(seen.kind.clone(), seen.id())), seen))
}

fn attributes(live: &Value) -> impl Iterator<Item = &str> {
    live.as_object().into_iter().flat_map(|map| map.values()).filter_map(Value::as_str)
}

fn texts(seen: &Seen) -> Vec<String> {
    leaves(&seen.fields).into_iter().chain(leaves(&seen.live)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::readiness::Readiness;
    use super::*;

    fn seen(kind: &str, name: &str, live: Value, fields: Value) -> Seen {
        Seen {
            kind: kind.into(),
            claim: Claim::Ours(name.into()),
            live: live.into(),
            fields: fields.into(),
            state: Readiness::Ready,
        }
    }

    fn snapshot(seen: Vec<Seen>) -> Snapshot {
        Snapshot { seen, ..Snapshot::default() }
    }

    #[test]
    fn what_names_an_object_of_the_source_is_found() {
        let text = |text: &str| text.to_owned();
        let scope = Scope {
            stack: text("shop"),
            env: text("production"),
            region: text("us-east-1"),
            account: text("123456789012"),
            partition: text("aws"),
        };
        let source = snapshot(vec![
            seen("a.net", "main", json!({"id": "net-0a1b2c3d4e"}), json!({})),
            seen("a.db", "main", json!({"id": "shop-production", "host": "shop-production.abc.example.com"}), json!({})),
            seen("a.both", "x", json!({"id": "arn:aws:iam::aws:policy/ReadOnly"}), json!({})),
        ]);
        let copy = |url: &str| {
            snapshot(vec![
                seen("a.net", "main", json!({"id": "net-0ffffffff1"}), json!({"peer": ["${=a.net:net-0ffffffff1}"]})),
                seen("a.task", "web", json!({"id": "t-1"}), json!({"environment": {"URL": url}})),
                seen("a.both", "x", json!({"id": "arn:aws:iam::aws:policy/ReadOnly"}), json!({})),
            ])
        };
        let found = |url: &str, keep: &[&str]| {
            let keep: Vec<String> = keep.iter().map(|&kept| text(kept)).collect();
            check((&scope, &source), (&scope, &copy(url)), &keep)
        };
        let clean = found("postgres://shop-bug.abc.example.com/x", &[]);
        assert_eq!((clean.objects, clean.names, clean.leaks), (3, 2, Vec::new()));
        let url = "postgres://shop-production.abc.example.com/x";
        let [leak] = &found(url, &[]).leaks[..] else { panic!() };
        assert_eq!((leak.key.to_string(), leak.of.to_string()), (text("a.task/web"), text("a.db/main")));
        assert_eq!((leak.text.as_str(), leak.by.as_str()), (url, "shop-production.abc.example.com"));
        assert_eq!(found(url, &["shop-production.abc"]).leaks, []);
        assert_eq!(found("net-0a1b2c3d4e5", &[]).leaks, [], "a longer identifier is another one");
        assert_eq!(found("x net-0a1b2c3d4e", &[]).leaks.len(), 1);
    }

    #[test]
    fn a_copy_in_another_account_names_only_its_own() {
        let scope = |account: &str| Scope {
            stack: "shop".into(),
            env: "bug".into(),
            region: "us-east-1".into(),
            account: account.into(),
            partition: "aws".into(),
        };
        let image = json!({"image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop:1"});
        let copy = snapshot(vec![seen("a.task", "web", json!({"id": "t-1"}), image)]);
        let source = snapshot(Vec::new());
        let leaks = |own: &str, keep: &[String]| check((&scope("111122223333"), &source), (&scope(own), &copy), keep).leaks.len();
        assert_eq!((leaks("111122223333", &[]), leaks("444455556666", &[])), (0, 1));
        assert_eq!(leaks("444455556666", &["111122223333.dkr.ecr".to_owned()]), 0);
    }
}
