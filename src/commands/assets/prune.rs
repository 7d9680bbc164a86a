//! Which old files nothing refers to any more.

use std::collections::{BTreeMap, BTreeSet};

use super::folder::digest;

/// Objects to delete if nothing refers to them: their keys, and the digests in their names.
pub type Candidates = BTreeMap<String, String>;

/// Returns the objects under `prefix` that are named by a digest, were written before `before`, and are not in `wanted`.
pub fn candidates<'a>(
    objects: impl IntoIterator<Item = (&'a String, i64)>,
    prefix: &str,
    wanted: &BTreeSet<&str>,
    before: i64,
) -> Candidates {
    objects
        .into_iter()
        .filter(|(key, written)| key.starts_with(prefix) && !wanted.contains(key.as_str()) && *written < before)
        .filter_map(|(key, _)| Some((key.clone(), digest(key.rsplit('/').next()?)?.to_owned())))
        .collect()
}

/// Removes the candidates that a text refers to, and returns their keys. The digest counts, not the name: programs put names
/// together from parts.
pub fn keep(candidates: &mut Candidates, text: &[u8]) -> Vec<String> {
    let digests: BTreeSet<&[u8]> = candidates.values().map(|d| d.as_bytes()).collect();
    let lengths: BTreeSet<usize> = digests.iter().map(|d| d.len()).collect();
    let mut found: BTreeSet<Vec<u8>> = BTreeSet::new();
    for run in text.split(|b| !b.is_ascii_alphanumeric()) {
        for length in lengths.iter().filter(|length| **length <= run.len()) {
            found.extend(run.windows(*length).filter(|w| digests.contains(w)).map(<[u8]>::to_vec));
        }
    }
    let kept: Vec<String> = candidates.iter().filter(|(_, d)| found.contains(d.as_bytes())).map(|(key, _)| key.clone()).collect();
    for key in &kept {
        candidates.remove(key);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_referred_to_stays() {
        let objects: Vec<String> =
            ["s/a.1a2b3c4d.js", "s/b.2b3c4d5e.js", "s/c.3c4d5e6f.js", "s/index.html", "t/d.4d5e6f70.js", "s/new.5e6f7081.js"]
                .map(str::to_owned)
                .into();
        let wanted = BTreeSet::from(["s/new.5e6f7081.js"]);
        let old = objects.iter().map(|key| (key, if key.contains("c.3c") { 200 } else { 10 }));
        let mut found = candidates(old, "s/", &wanted, 100);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["s/a.1a2b3c4d.js", "s/b.2b3c4d5e.js"]);
        assert_eq!(keep(&mut found, br#"import("./chunk." + {1:"x1a2b3c4dx"}[n] + ".js")"#), ["s/a.1a2b3c4d.js"]);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["s/b.2b3c4d5e.js"]);
        assert!(keep(&mut found, b"nothing of it").is_empty());
    }
}
