//! Who owns a tag. Cost tools and auto-taggers write their tags beside the stack's, and those are neither drift nor removed.
//!
//! The stack owns the keys that the file has, and those that it had when the object was last written. The latter an object
//! records itself: its tag [`TAG_TAGS`] holds a mark of five characters for each of the file's keys, so there is no need to
//! remember anything elsewhere, 42 keys fit into the 256 characters of a tag, and every service takes the characters. It is set
//! in the call that creates the object, and does not exist where the file has no tags.

use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The tag that carries the stack's name.
pub const TAG_STACK: &str = "stack:name";
/// The tag that carries the environment.
pub const TAG_ENV: &str = "stack:env";
/// The tag that carries the object's key.
pub const TAG_KEY: &str = "stack:key";
/// The tag that carries the place in the file that the object comes from: `services.web`.
pub const TAG_SECTION: &str = "stack:section";
/// The tag of what the user protects: it is deleted only with consent, like what holds data.
pub const TAG_PROTECT: &str = "stack:protect";
/// The tag that distinguishes the new half of a replacement from the old one.
pub const TAG_GENERATION: &str = "stack:generation";

/// The tag with a digest of fields that need not be read ([`super::proof`]). The kind writes it, not the file: to a comparison it is
/// a tag of someone else.
pub const TAG_DIGEST: &str = "stack:digest";

/// The tag that says until when an environment is wanted: RFC 3339, in UTC. It is written when an object is created; later only
/// another expiry changes it ([`super::expiry`]).
pub const TAG_EXPIRES: &str = "stack:expires";

/// The tag of what is paused, with the reason ([`super::pause`]).
pub const TAG_PAUSED: &str = "stack:paused";

/// The tag of what stands beside an object of the file, with the name of that: a database that was restored, or the one whose place it
/// took. It stays until its own key is named.
pub const TAG_BESIDE: &str = "stack:beside";

/// The tag of an object whose place another one is taking: the name that it is about to have. Nothing else is done meanwhile.
pub const TAG_SWITCH: &str = "stack:switch";

/// The tag that says in which hours an environment runs, and from which part of its budget on it does not; the file has both.
pub const TAG_AWAKE: &str = "stack:awake";

/// The tag that says which of the others the file set (this module).
pub const TAG_TAGS: &str = "stack:tags";

/// The tags that the engine writes, beside [`NAME`].
const OWN: [&str; 9] = [TAG_STACK, TAG_ENV, TAG_KEY, TAG_GENERATION, TAG_PROTECT, TAG_SECTION, TAG_TAGS, TAG_PAUSED, TAG_AWAKE];
/// What AWS's console shows as an object's name. Ours always have one.
const NAME: &str = "Name";
/// What the tags begin with that no file can set.
const PREFIX: &str = "stack:";
/// How many characters stand for a key: 30 bits.
const MARK: usize = 5;
const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn mark(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    digest.iter().take(MARK).map(|byte| char::from(SYMBOLS[usize::from(byte % 64)])).collect()
}

/// Returns the value of [`TAG_TAGS`] for an object with these tags; none when none of them is the user's.
pub(super) fn marks<'a>(keys: impl Iterator<Item = &'a String>) -> Option<String> {
    let mut marks: Vec<String> = keys.filter(|key| *key != NAME && !key.starts_with(PREFIX)).map(|key| mark(key)).collect();
    marks.sort();
    (!marks.is_empty()).then(|| marks.concat())
}

/// Returns a tag of an object.
pub(super) fn tag<'a>(fields: &'a Value, name: &str) -> Option<&'a str> {
    fields.get("tags")?.get(name)?.as_str()
}

/// Checks whether the stack wrote the tag `key` of an object whose tag [`TAG_TAGS`] is `marked`.
pub fn is_ours(marked: Option<&str>, key: &str) -> bool {
    let wanted = mark(key);
    OWN.contains(&key) || marked.is_some_and(|marks| marks.as_bytes().chunks(MARK).any(|mark| mark == wanted.as_bytes()))
}

/// Checks whether another object is taking the place of one with these fields.
pub fn is_switching(fields: &Value) -> bool {
    tag(fields, TAG_SWITCH).is_some()
}

/// Returns the tags of an object that concern the stack: those that are desired, and those that it wrote.
pub(super) fn concerning(desired: &Map<String, Value>, observed: &Map<String, Value>) -> Map<String, Value> {
    let marked = observed.get(TAG_TAGS).and_then(Value::as_str);
    let concerns = |key: &String| desired.contains_key(key) || is_ours(marked, key);
    observed.iter().filter(|(key, _)| concerns(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Keeps what others wrote into the file's own keys, where the file says so (`ignore_tags`): such a tag is written when the
/// object is created and never after.
pub(super) fn ignore(patterns: &[String], desired: &mut Arc<Value>, observed: &Value) {
    let Some(Value::Object(tags)) = desired.get("tags") else { return };
    // What is adopted is not created, and gets the expiry all the same.
    let is_known = observed.get("tags").is_some_and(|tags| tags.get(TAG_STACK).is_some());
    let is_ignored = |key: &&String| *key == TAG_EXPIRES && is_known || is_ignored(patterns, key);
    let observed_tag = |key: &str| observed.get("tags").and_then(|tags| tags.get(key));
    let differs = |key: &&String| observed_tag(key) != tags.get(*key);
    let ignored: Vec<String> = tags.keys().filter(is_ignored).filter(differs).cloned().collect();
    // What is as it should be stays shared.
    if ignored.is_empty() {
        return;
    }
    let Some(Value::Object(tags)) = Arc::make_mut(desired).get_mut("tags") else { return };
    for key in ignored {
        match observed_tag(&key) {
            Some(value) => drop(tags.insert(key, value.clone())),
            None => drop(tags.shift_remove(&key)),
        }
    }
}

fn is_ignored(patterns: &[String], key: &str) -> bool {
    !key.starts_with(PREFIX) && patterns.iter().any(|pattern| is_like(pattern, key))
}

/// Checks whether `text` matches `pattern`, in which `*` stands for any characters.
pub(super) fn is_like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text
            .strip_prefix(head)
            .is_some_and(|rest| (0..=rest.len()).any(|at| rest.is_char_boundary(at) && is_like(tail, &rest[at..]))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_knows_which_keys_are_the_files() {
        let keys = ["Name", "stack:key", "team", "cost center"].map(str::to_owned);
        let marks = marks(keys.iter()).unwrap();
        assert_eq!(marks.len(), 2 * MARK);
        for ours in ["team", "cost center", "stack:key", "stack:tags", "stack:generation"] {
            assert!(is_ours(Some(&marks), ours), "{ours}");
        }
        for other in ["Team", "owner", "Name", "stack:other", "awsApplication"] {
            assert!(!is_ours(Some(&marks), other), "{other}");
        }
        assert!(!is_ours(None, "team"));
        assert_eq!(super::marks(keys[..2].iter()), None);
    }

    #[test]
    fn as_many_keys_as_a_file_can_have_fit_into_a_tag() {
        let keys: Vec<String> = (0..50).map(|n| format!("{n}-{}", "k".repeat(120))).collect();
        let marks = marks(keys.iter()).unwrap();
        assert!(marks.len() <= 256 && keys.iter().all(|key| is_ours(Some(&marks), key)));
    }

    #[test]
    fn what_is_ignored_stays_as_it_is() {
        let patterns = ["cost*".to_owned(), "*".to_owned()];
        let mut desired = Arc::new(json!({"tags": {"cost": "1", "costs": "2", "team": "web", "stack:key": "a/b"}}));
        ignore(&patterns[..1], &mut desired, &json!({"tags": {"cost": "9", "team": "x"}}));
        assert_eq!(*desired, json!({"tags": {"cost": "9", "team": "web", "stack:key": "a/b"}}));
        ignore(&patterns, &mut desired, &json!({"tags": {"stack:key": "other"}}));
        assert_eq!(*desired, json!({"tags": {"stack:key": "a/b"}}));
    }
}
