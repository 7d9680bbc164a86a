//! Tags, which also say whose an object is.

use std::collections::BTreeMap;

use crate::engine::Diff;

/// Key and value. `aws:` tags are AWS's own and never among these.
pub type Tags = BTreeMap<String, String>;

/// Tags from the pairs that an SDK answers with, without AWS's own.
pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Tags {
    pairs
        .into_iter()
        .filter_map(|(key, value)| Some((key?.to_owned(), value.unwrap_or_default().to_owned())))
        .filter(|(key, _)| !key.starts_with("aws:"))
        .collect()
}

/// What has to be written and removed so that the tags become as desired.
pub struct TagEdit {
    /// To be written, with their values.
    pub write: Tags,
    /// To be removed.
    pub remove: Vec<String>,
}

impl TagEdit {
    /// What `diff` says about the field `tags`, or nothing when it says nothing.
    pub fn of(diff: &Diff, desired: &Tags) -> Option<TagEdit> {
        if !diff.touches("tags") {
            return None;
        }
        let write = diff.written_keys("tags").into_iter().filter_map(|k| Some((k.clone(), desired.get(&k)?.clone()))).collect();
        Some(TagEdit { write, remove: diff.removed_keys("tags") })
    }
}
