//! Checks of the section `capacity`.

use super::Checks;
use crate::diagnostic::Diagnostic;
use crate::suggest;

/// Checks that what was measured is a service of the file.
pub(super) fn capacity(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    for name in stack.capacity.keys().filter(|name| !stack.services.contains_key(*name)) {
        let message = format!("`capacity.{name}` is for the service `{name}`, which does not exist");
        let near = suggest::nearest(name.as_str(), stack.services.keys().map(|name| name.as_str()));
        let help = near.map_or_else(|| "remove it, or add the service".to_owned(), |near| format!("did you mean `{near}`?"));
        checks.at_key(&format!("capacity.{name}"), "no such service", Diagnostic::error("unknown-reference", message).help(help));
    }
}
