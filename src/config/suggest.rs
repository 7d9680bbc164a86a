//! Suggestions: did you mean …?

/// Returns the known word that was most likely meant, if one is near enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No word that is known here is nearly as long, and the distance costs time and memory with the length.
    if word.len() > 200 {
        return None;
    }
    let lower = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .filter_map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            // `env` for `environment`; and `health_check` for `health`.
            let begins =
                lower.len() >= 3 && candidate.len() >= 3 && (candidate.starts_with(&lower) || lower.starts_with(candidate));
            (distance <= allowed || begins).then_some((if begins { distance.min(allowed) } else { distance }, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns `did you mean …?`, or the known words unless there are too many. `what` introduces the list.
pub fn help<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone, what: &str) -> Option<String> {
    let all: Vec<&str> = known.clone().into_iter().collect();
    let list = || all.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
    match nearest(word, known) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if all.is_empty() => None,
        None if all.len() > 30 => None,
        None => Some(format!("{what}: {}", list())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["services", "environment", "health", "count", "cpu", "uses"];
        assert_eq!(nearest("servcies", known), Some("services"));
        assert_eq!(nearest("env", known), Some("environment"));
        assert_eq!(nearest("health_check", known), Some("health"));
        assert_eq!(nearest("CPU", known), Some("cpu"));
        assert_eq!(nearest("gpu", known), Some("cpu"));
        assert_eq!(nearest("volumes", known), None);
        assert_eq!(
            help("volumes", known, "known here").unwrap(),
            "known here: `services`, `environment`, `health`, `count`, `cpu`, `uses`"
        );
    }
}
