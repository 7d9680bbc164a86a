//! What is made of desired values for a call.

use std::collections::BTreeMap;

use crate::engine::{Diff, Ref, Resource, Result};

/// The identifiers that resolved references stand for.
pub(in crate::aws) fn ids<R: Resource>(references: &[Ref<R>]) -> Result<Vec<String>> {
    references.iter().map(|reference| reference.id().map(str::to_owned)).collect()
}

/// The same; nothing when there are none, so that AWS gives what it gives.
pub(in crate::aws) fn some_ids<R: Resource>(references: &[Ref<R>]) -> Result<Option<Vec<String>>> {
    Ok(Some(ids(references)?).filter(|ids| !ids.is_empty()))
}

/// The entries of the map `field` that `diff` wants written: all of them when it names the field as a whole, as it does
/// right after a create.
pub(in crate::aws) fn written<V: Clone>(diff: &Diff, field: &str, desired: &BTreeMap<String, V>) -> BTreeMap<String, V> {
    if diff.changes.iter().any(|change| change.path == field) {
        return desired.clone();
    }
    diff.written_keys(field).into_iter().filter_map(|key| Some((key.clone(), desired.get(&key)?.clone()))).collect()
}
