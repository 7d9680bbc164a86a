//! Tags, which also say whose an object is.

use std::collections::BTreeMap;

use crate::engine::Diff;

/// Key and value. `aws:` tags are AWS's own and never among these.
pub type Tags = BTreeMap<String, String>;

/// The tag with what a copy is of that carries data into a new object. Who changes that in the file before the object is created begins
/// with another copy.
pub const TAG_BEGINS: &str = "stack:begins";

/// The tag with the region of the stack, for what CloudFront needs in another region: the same stack may exist in us-east-1 too.
pub const TAG_REGION: &str = "stack:region";

/// The tag with the account of the stack, for what an organization has for all of its accounts.
pub const TAG_ACCOUNT: &str = "stack:account";

/// Returns what a copy with these tags is of.
pub fn source(tags: &Tags) -> Option<&String> {
    tags.get(TAG_BEGINS)
}

/// Returns tags from the pairs that an SDK returns, without AWS's own.
pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Tags {
    pairs
        .into_iter()
        .filter_map(|(key, value)| Some((key?.to_owned(), value.unwrap_or_default().to_owned())))
        .filter(|(key, _)| !key.starts_with("aws:"))
        .collect()
}

/// What must be written and removed so that the tags are as desired.
pub struct TagEdit {
    /// To be written, with their values.
    pub write: Tags,
    /// To be removed.
    pub remove: Vec<String>,
}

impl TagEdit {
    /// Returns the difference of the field `tags` in `diff`, or nothing when there is none.
    pub fn of(diff: &Diff, desired: &Tags) -> Option<TagEdit> {
        if !diff.touches("tags") {
            return None;
        }
        let write = diff.written_keys("tags").into_iter().filter_map(|k| Some((k.clone(), desired.get(&k)?.clone()))).collect();
        Some(TagEdit { write, remove: diff.removed_keys("tags") })
    }
}
