//! The arguments of a call, from desired values.

use std::collections::BTreeMap;

use crate::engine::{Diff, Ref, Resource, Result};

/// Returns the identifiers that resolved references stand for.
pub(in crate::aws) fn ids<R: Resource>(references: &[Ref<R>]) -> Result<Vec<String>> {
    references.iter().map(|reference| reference.id().map(str::to_owned)).collect()
}

/// Returns the same; `None` when there are none, so that AWS uses its default.
pub(in crate::aws) fn some_ids<R: Resource>(references: &[Ref<R>]) -> Result<Option<Vec<String>>> {
    Ok(Some(ids(references)?).filter(|ids| !ids.is_empty()))
}

/// Returns the entries of the map `field` that `diff` writes: all of them when it names the whole field, as it does right
/// after a create.
pub(in crate::aws) fn written<V: Clone>(diff: &Diff, field: &str, desired: &BTreeMap<String, V>) -> BTreeMap<String, V> {
    if diff.changes.iter().any(|change| change.path == field) {
        return desired.clone();
    }
    diff.written_keys(field).into_iter().filter_map(|key| Some((key.clone(), desired.get(&key)?.clone()))).collect()
}
