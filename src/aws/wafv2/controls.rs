//! What other services' controls ask of WAF.

use crate::aws::control::{Breach, View};
use crate::engine::{Resource, Result};

/// Finds the objects of a kind that no web ACL is before.
pub(in crate::aws) fn no_firewall<R: Resource>(view: &View) -> Result<Vec<Breach>> {
    let guarded = |key: &_| view.objects().iter().any(|object| object.key.service() == "wafv2" && view.refers(object, key));
    let all = view.all::<R>()?.into_iter().filter(|(key, _)| !guarded(key));
    Ok(all.map(|(key, _)| Breach::new(key, "no web ACL is before it")).collect())
}
