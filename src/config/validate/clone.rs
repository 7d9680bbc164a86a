//! Checks of the section `clone`.

use super::super::diagnostic::Diagnostic;
use super::super::suggest;
use super::Checks;

/// Checks that the sanitizer's service exists.
pub(super) fn clone(checks: &mut Checks<'_>) {
    let Some(sanitize) = &checks.stack.clone.sanitize else { return };
    if checks.stack.services.contains_key(&sanitize.service) {
        return;
    }
    let names: Vec<&str> = checks.stack.services.keys().map(|name| name.as_str()).collect();
    let diagnostic =
        Diagnostic::error("unknown-service", format!("the service `{}` of the sanitizer does not exist", sanitize.service));
    let diagnostic = match suggest::help(sanitize.service.as_str(), names.iter().copied(), "the file has") {
        Some(help) => diagnostic.help(help),
        None => diagnostic.help("the task needs the network and the secrets of a service: name one"),
    };
    checks.at("clone.sanitize.service", "no such service", diagnostic);
}
