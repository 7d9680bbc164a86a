//! The names of the stack's objects in AWS, where AWS requires a name.

use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::aws::{Cx, Tags};
use crate::engine::tags::TAG_GENERATION;
use crate::engine::{Claim, Result, Scope};

/// The part before the time in the names of snapshots that carry data over to a successor.
const CARRIES: &str = "carries";

/// Returns `PREFIX-NAME`, with `-2` and so on for successors in replacements, in at most `max` characters.
///
/// Names that are too long are refused before anything is done (see `config`); only what a replacement adds may need shortening,
/// and then a digest keeps different names different.
pub fn name(cx: &Cx, max: usize) -> String {
    fit(&cx.scope.prefix(), &cx.key.name, cx.generation, max)
}

/// Returns the name of the snapshot that carries the data of the replaced object over to `successor`, in at most `max`
/// characters: it contains the second in which this operation began, so that no run mistakes an older one for its own.
///
/// # Errors
/// When the reading that remembers the second is of another type, which is a defect.
pub async fn carrier(cx: &Cx, successor: &str, max: usize) -> Result<String> {
    let now = async { Ok(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())) };
    Ok(ending(successor, &format!("-{CARRIES}-{}", cx.reads.once("carry_over", now).await?), max))
}

/// Checks whether a snapshot was taken to carry data over to a successor.
pub fn is_carrier(name: &str) -> bool {
    name.contains(&format!("-{CARRIES}-"))
}

/// See [`name`].
pub fn fit(prefix: &str, name: &str, generation: u32, max: usize) -> String {
    let base = if name == "main" { prefix.to_owned() } else { format!("{prefix}-{name}") };
    let full = if generation > 1 { format!("{base}-{generation}") } else { base };
    shortened(full, max)
}

/// Returns `NAME` and `end`, which stays whole, in at most `max` characters.
pub fn ending(name: &str, end: &str, max: usize) -> String {
    shortened(name.to_owned(), max.saturating_sub(end.len())) + end
}

/// Returns the name of the snapshot of `id` that is taken before an upgrade to `to` that cannot be undone: it contains the day,
/// so that a run that starts again does not take a second one.
pub fn before_upgrade(id: &str, to: &str, max: usize) -> String {
    let today = jiff::Timestamp::now().strftime("%Y%m%d");
    ending(id, &format!("-before-{}-{today}", to.replace('.', "-")), max)
}

fn shortened(full: String, max: usize) -> String {
    if full.len() <= max {
        return full;
    }
    let digest: String = Sha256::digest(full.as_bytes()).iter().take(3).map(|b| format!("{b:02x}")).collect();
    format!("{}-{digest}", beginning(&full, max).trim_end_matches('-'))
}

/// Returns what remains of the beginning of a name when it is shortened to `max` characters.
pub fn beginning(name: &str, max: usize) -> String {
    name.chars().take(max.saturating_sub(7)).collect()
}

/// Checks whether `name` can be one that [`fit`] made for `prefix`, to select candidates from a list of the whole account.
pub fn begins(prefix: &str, name: &str, max: usize) -> bool {
    let Some(rest) = name.strip_prefix(prefix) else {
        // Only the beginning of a very long prefix is kept.
        let kept = beginning(prefix, max);
        return kept.len() < prefix.len() && name.starts_with(kept.trim_end_matches('-'));
    };
    rest.is_empty() || rest.starts_with('-')
}

/// Returns the object of the stack that a physical name would be, if it is one of [`fit`]'s.
pub fn key_of(prefix: &str, name: &str) -> Option<String> {
    match name.strip_prefix(prefix)? {
        "" => Some("main".into()),
        rest => rest.strip_prefix('-').map(str::to_owned),
    }
}

/// Returns the claim of an object with these tags and this physical name, which cannot be changed and is at most `max` long: the
/// name is the second mark. When the object is not the stack's and its name is like one of the stack's, the name is taken.
pub fn claim(cx: &Cx, claim: Claim, tags: &Tags, name: &str, max: usize) -> Claim {
    match claim {
        Claim::Foreign => key_of(&cx.scope.prefix(), name).map_or(Claim::Foreign, Claim::Taken),
        claim => marked(claim, |key| fit(&cx.scope.prefix(), key, generation(tags), max) == name),
    }
}

/// The end of the name of every FIFO topic and queue, and of no other.
const FIFO: &str = ".fifo";

/// Returns the name of a topic or a queue, at most `max` long.
pub fn fifo(scope: &Scope, key: &str, generation: u32, max: usize, is_fifo: bool) -> String {
    let end = if is_fifo { FIFO } else { "" };
    fit(&scope.prefix(), key, generation, max - end.len()) + end
}

/// Returns the claim of a topic or a queue: see [`claim`].
pub fn fifo_claim(cx: &Cx, of: Claim, tags: &Tags, name: &str, max: usize) -> Claim {
    match name.strip_suffix(FIFO) {
        Some(bare) => claim(cx, of, tags, bare, max - FIFO.len()),
        None => claim(cx, of, tags, name, max),
    }
}

/// Returns the claim of an object that is the stack's by its tags, when `is_marked` decides by its name whether there is a second
/// mark.
pub fn marked(claim: Claim, is_marked: impl FnOnce(&str) -> bool) -> Claim {
    match claim {
        Claim::Ours(key) if is_marked(&key) => Claim::Ours(key),
        claim @ Claim::Ours(_) => claim.unmarked(),
        other => other,
    }
}

/// Returns the generation of an object by its tags: how many objects of this key there were before.
pub fn generation(tags: &Tags) -> u32 {
    tags.get(TAG_GENERATION).and_then(|generation| generation.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::{begins, ending, fifo, fit, is_carrier};
    use crate::engine::Scope;

    #[test]
    fn fifo_names_end_so_and_fit() {
        let text = |text: &str| text.to_owned();
        let (env, region) = (text("default"), text("us-east-1"));
        let scope = Scope { stack: text("shop"), env, region, account: text("1"), partition: text("aws") };
        assert_eq!(fifo(&scope, "orders", 1, 80, false), "shop-orders");
        assert_eq!(fifo(&scope, "orders", 2, 80, true), "shop-orders-2.fifo");
        let long = fifo(&scope, &"a".repeat(100), 1, 80, true);
        assert!(long.len() == 80 && long.ends_with(".fifo"), "{long}");
    }

    #[test]
    fn our_names_are_found_among_others() {
        for (name, generation) in [("main", 1), ("main", 2), ("web", 1), ("a-service-with-a-long-name", 3)] {
            for prefix in ["webapp", "webapp-staging", "a-web-application-in-production"] {
                assert!(begins(prefix, &fit(prefix, name, generation, 32), 32), "{prefix} {name}");
            }
        }
        assert!(!begins("web", "webapp", 32));
        assert!(!begins("webapp-staging", "webapp", 32));
    }

    #[test]
    fn names_are_readable_and_fit() {
        assert_eq!(fit("webapp", "main", 1, 32), "webapp");
        assert_eq!(fit("webapp-staging", "web", 1, 32), "webapp-staging-web");
        assert_eq!(fit("webapp-staging", "web", 2, 32), "webapp-staging-web-2");
        let long = fit("webapp-staging", "a-service-with-a-long-name", 2, 32);
        assert!(long.len() <= 32 && !long.ends_with('-'), "{long}");
        assert_ne!(long, fit("webapp-staging", "a-service-with-a-long-name", 3, 32));
    }

    #[test]
    fn what_a_name_ends_with_stays_whole() {
        assert_eq!(ending("shop-sessions", "-final-1700000000", 40), "shop-sessions-final-1700000000");
        let long = ending(&"a".repeat(40), "-carries-1700000000", 40);
        assert!(long.len() == 40 && long.ends_with("-carries-1700000000") && is_carrier(&long), "{long}");
        assert_ne!(long, ending(&"a".repeat(39), "-carries-1700000000", 40));
        assert!(!is_carrier("shop-sessions-final-1700000000"));
    }
}
