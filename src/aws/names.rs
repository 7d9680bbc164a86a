//! What our objects are called in AWS, where AWS wants a name.

use sha2::{Digest, Sha256};

use super::Cx;
use crate::engine::Claim;

/// `PREFIX-NAME`, with `-2` and so on for the successors of replacements, in at most `max` characters.
///
/// Names that are too long are refused before anything is done (see `config`); only what a replacement adds may
/// need shortening, and then a digest keeps different names different.
pub fn name(cx: &Cx, max: usize) -> String {
    fit(&cx.scope.prefix(), &cx.key.name, cx.generation, max)
}

/// See [`name`].
pub fn fit(prefix: &str, name: &str, generation: u32, max: usize) -> String {
    let base = if name == "main" { prefix.to_owned() } else { format!("{prefix}-{name}") };
    let full = if generation > 1 { format!("{base}-{generation}") } else { base };
    if full.len() <= max {
        return full;
    }
    let digest: String = Sha256::digest(full.as_bytes()).iter().take(3).map(|b| format!("{b:02x}")).collect();
    let kept: String = full.chars().take(max.saturating_sub(7)).collect();
    format!("{}-{digest}", kept.trim_end_matches('-'))
}

/// Whether `name` can be one that [`fit`] made for `prefix`: what to look at more closely in a list of everybody's.
pub fn begins(prefix: &str, name: &str, max: usize) -> bool {
    let Some(rest) = name.strip_prefix(prefix) else {
        // Only the beginning of a very long prefix is kept.
        let kept: String = prefix.chars().take(max.saturating_sub(7)).collect();
        return kept.len() < prefix.len() && name.starts_with(kept.trim_end_matches('-'));
    };
    rest.is_empty() || rest.starts_with('-')
}

/// Which of our objects a physical name would be, when it is one of [`fit`]'s.
pub fn key_of(prefix: &str, name: &str) -> Option<String> {
    match name.strip_prefix(prefix)? {
        "" => Some("main".into()),
        rest => rest.strip_prefix('-').map(str::to_owned),
    }
}

/// The claim of an object that has a physical name like ours: when it is somebody else's, the name is taken.
pub fn claim(cx: &Cx, claim: Claim, name: &str) -> Claim {
    match claim {
        Claim::Foreign => key_of(&cx.scope.prefix(), name).map_or(Claim::Foreign, Claim::Taken),
        ours => ours,
    }
}

#[cfg(test)]
mod tests {
    use super::{begins, fit};

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
}
