//! Checks of the section `capacity`.

use super::Checks;
use crate::diagnostic::Diagnostic;
use crate::suggest;

/// Checks that what was measured is a service of the file, and is said once.
pub(super) fn capacity(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    for (name, capacity) in &stack.capacity {
        let place = format!("capacity.{name}");
        match (capacity.requests_per_task, capacity.users_per_task) {
            (Some(_), Some(_)) => {
                let message = format!("`{place}` says twice what a task carries");
                let help = "remove `users_per_task` or `requests_per_task`: one follows from the other, by `requests_per_user`";
                let diagnostic = Diagnostic::error("said-twice", message).help(help);
                checks.at_key(&format!("{place}.users_per_task"), "beside `requests_per_task`", diagnostic);
            }
            (None, None) => {
                let message = format!("`{place}` does not say what a task carries");
                let help = "add `requests_per_task: 40`, or `users_per_task: 400`; `stack load --save` measures it";
                checks.at_key(&place, "without a figure", Diagnostic::error("missing-key", message).help(help));
            }
            _ => {}
        }
    }
    for name in stack.capacity.keys().filter(|name| !stack.services.contains_key(*name)) {
        let message = format!("`capacity.{name}` is for the service `{name}`, which does not exist");
        let near = suggest::nearest(name.as_str(), stack.services.keys().map(|name| name.as_str()));
        let help = near.map_or_else(|| "remove it, or add the service".to_owned(), |near| format!("did you mean `{near}`?"));
        checks.at_key(&format!("capacity.{name}"), "no such service", Diagnostic::error("unknown-reference", message).help(help));
    }
}
