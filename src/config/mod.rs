//! The stack file: from text to [`Stack`], with every problem at its line.
//!
//! | module | holds |
//! | --- | --- |
//! | [`yaml`] | the text as a tree with positions; the only user of the YAML crate |
//! | [`environment`] | the tree with the differences of one environment |
//! | [`joined`], `overlay` | an environment in a file of its own, as a text and as a tree |
//! | [`types`], one module per larger section, [`route`], [`values`] | the sections, their keys and their defaults |
//! | [`mod@schema`] | the same as a JSON Schema, for editors and for [`check`] |
//! | [`check`] | the check of shape: whether the tree follows the schema |
//! | [`references`] | the check of references in texts |
//! | [`edit`] | a value written into the text, beside comments and all else |
//! | `secrets` | the search for secrets, which do not belong in the file |
//! | [`validate`] | the checks of sense: whether the values fit together |
//! | `production` | the defaults of a production environment |
//! | `partly` | the checks of sense for a file that is misshapen elsewhere |
//! | [`diagnostic`], `excerpt` | problems, for people and for programs, and what is shown of the file |
//! | [`mod@starter`] | the file that `stack init` writes |
//!
//! Only what has the right shape becomes types, and only types are checked for sense. Both kinds of problems are reported together.
//! AWS is not asked here.

pub mod access;
pub mod alarms;
pub mod archive;
pub mod awake;
pub mod backup;
pub mod buckets;
pub mod budget;
pub mod cache;
pub mod capacity;
pub mod cdn;
pub mod check;
pub mod clone;
pub mod database;
pub mod diagnostic;
pub mod edit;
#[cfg(test)]
mod editor;
pub mod encryption;
pub mod environment;
pub mod exceptions;
mod excerpt;
pub mod existing;
pub mod firewall;
pub mod frozen;
mod guest;
pub mod joined;
pub mod limits;
pub mod logs;
mod or_off;
mod overlay;
mod partly;
pub mod policy;
mod production;
pub mod recovery;
#[cfg(test)]
mod reference;
pub mod references;
pub mod regions;
pub mod reserved;
pub mod rest;
pub mod route;
mod scalar;
pub mod schema;
mod secrets;
pub mod service;
pub mod share;
pub mod starter;
mod suggest;
pub mod types;
pub mod usage;
pub mod validate;
pub mod values;
pub mod yaml;

use std::ops::Range;

use serde_json::Value;

pub use diagnostic::{Diagnostic, Report, Severity};
pub use policy::{Effect, PolicyStatement};
pub use route::Route;
pub use schema::schema;
pub use service::{Architecture, Health, Logs, Scale, Service};
pub use starter::starter;
pub use types::{LoadBalancer, Nat, Network, Stack, Zones};
pub use values::{Account, Cidr, Duration, Name, Retention, Size};

use yaml::{Node, NodeValue};

/// Returns a region from the command line, if the text can be one.
///
/// # Errors
/// What is wrong with it, and how to fix it.
pub fn region(text: &str) -> Result<String, String> {
    values::region(text).map(|()| text.to_owned()).map_err(|wrong| wrong.to_string())
}

/// A file without errors, as far as that can be known without AWS.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The stack, in this environment.
    pub stack: Stack,
    /// The environment; `default` when none was chosen.
    pub env: String,
    /// Whether one was chosen.
    pub chosen: bool,
    /// The environments of the file.
    pub environments: Vec<String>,
    /// Whether the environment is in a file of its own, as a copy is.
    pub is_beside: bool,
    /// The warnings.
    pub warnings: Report,
    file: Node,
}

impl Loaded {
    /// Returns the place of the value at a path such as `services.web.image`, or of its key if it is a map. None if it is not in the
    /// file.
    pub fn at(&self, path: &str) -> Option<Range<usize>> {
        let found = self.file.find(path);
        found.span.filter(|_| found.rest.is_empty())
    }

    /// Returns what makes the data of this environment harmless, if it is a copy that begins with data.
    pub fn sanitize(&self) -> Option<&clone::Sanitize> {
        let Stack { databases, caches, .. } = &self.stack;
        let has_data =
            databases.values().any(|database| database.begin.is_some()) || caches.values().any(|cache| cache.begin.is_some());
        self.stack.clone.sanitize.as_ref().filter(|_| self.is_beside && has_data)
    }

    /// Returns the file as it is in this environment, without `environments`.
    pub fn tree(&self) -> Value {
        self.file.to_json()
    }

    /// Returns a report of one problem that was found later, at a path. A value that is not in the file, such as a default, is shown at
    /// the nearest key above it that is.
    pub fn report(&self, path: &str, code: &'static str, message: impl Into<String>, help: Option<String>) -> Report {
        let mut report = Report::new(self.warnings.file.clone(), self.warnings.text.clone());
        report.diagnostics.push(self.diagnostic(path, code, message, help));
        report
    }

    /// Returns the same problem by itself, to add it to others.
    pub fn diagnostic(&self, path: &str, code: &'static str, message: impl Into<String>, help: Option<String>) -> Diagnostic {
        let diagnostic = Diagnostic { help, ..Diagnostic::error(code, message) };
        match self.file.find(path).span {
            Some(span) => diagnostic.label(span, "here"),
            None => diagnostic,
        }
    }
}

/// Reads a file for one environment, or without any. `schema` is what [`schema()`] returns.
///
/// # Errors
/// Every problem of the file, warnings too, up to [`diagnostic::MOST`]. A file with any error is not loaded.
pub fn load(path_shown: &str, text: &str, env: Option<&str>, schema: &Value) -> Result<Loaded, Report> {
    load_like(path_shown, text, env, env, schema)
}

/// Reads a file for an environment that the file does not list, and that differs from `like` only by its name.
///
/// # Errors
/// As [`load`].
pub fn load_like(path_shown: &str, text: &str, env: Option<&str>, like: Option<&str>, schema: &Value) -> Result<Loaded, Report> {
    // Byte offsets are those of the text without the mark that some editors put at its beginning.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut report = Report::new(path_shown, text);
    let chosen = env.is_some();
    let env = env.unwrap_or(environment::DEFAULT);
    let like = like.unwrap_or(environment::DEFAULT);
    let mut environments = Vec::new();
    let hidden = match overlay::parse(text) {
        Ok(file) => {
            environments.extend(environment::names(&file).into_iter().map(str::to_owned));
            let (problems, places) = secrets::find(&file);
            report.diagnostics.extend(problems);
            places
        }
        Err(_) => secrets::places_in(text),
    };
    let loaded = read(text, env, like, schema, &hidden, &mut report.diagnostics);
    if report.diagnostics.iter().any(|d| d.code == check::NOT_A_STACK_FILE) {
        report.diagnostics.retain(|d| d.code == check::NOT_A_STACK_FILE);
    }
    // Problems are shown with the lines around them.
    report.text = secrets::hide(text, &hidden);
    report.sort();
    match loaded {
        Some((stack, file)) if !report.has_errors() => {
            let is_beside = joined::split(text).1.is_some_and(|part| part.env == env);
            Ok(Loaded { stack, env: env.to_owned(), chosen, environments, is_beside, warnings: report, file })
        }
        _ => Err(report),
    }
}

/// Returns every problem of the file, without an environment and in each of them.
pub fn validate_all(path_shown: &str, text: &str, schema: &Value) -> Report {
    let problems = |env: Option<&str>| load(path_shown, text, env, schema).map_or_else(|report| report, |loaded| loaded.warnings);
    let mut all = problems(None);
    // Not the report's text, in which hidden values may break the YAML.
    let Ok(file) = overlay::parse(text.strip_prefix('\u{feff}').unwrap_or(text)) else { return all };
    let names = environment::names(&file);
    // Too many are reported already, and none of them is checked.
    for env in names.iter().copied().filter(|_| names.len() <= environment::MOST) {
        if all.diagnostics.iter().filter(|d| d.severity == Severity::Error).count() >= diagnostic::MOST {
            break;
        }
        for diagnostic in problems(Some(env)).diagnostics {
            let known = all.diagnostics.iter().any(|d| d.code == diagnostic.code && d.labels == diagnostic.labels);
            if !known {
                let message = format!("{} (in the environment `{env}`)", diagnostic.message);
                all.diagnostics.push(Diagnostic { message, ..diagnostic });
            }
        }
    }
    all.sort();
    all
}

/// Returns the stack and its tree, unless an error is found. `hidden` are the places that no diagnostic may quote.
fn read(
    text: &str,
    env: &str,
    like: &str,
    schema: &Value,
    hidden: &[Range<usize>],
    found: &mut Vec<Diagnostic>,
) -> Option<(Stack, Node)> {
    let mut file = match overlay::parse(text) {
        Ok(file) => file,
        Err(problems) => {
            found.extend(problems);
            return None;
        }
    };
    if !matches!(file.value, NodeValue::Map(_)) {
        let what = if file.value == NodeValue::Null { "is empty" } else { "is not a map" };
        found.push(
            Diagnostic::error("wrong-type", format!("the stack file {what}"))
                .label(0..text.lines().next().map_or(0, str::len), "expected `stack: NAME`")
                .help("`stack init` writes a file to start from"),
        );
        return None;
    }
    scalar::as_text(&mut file, schema, schema, text);
    // The file alone may lack what its environments give, but what they replace must be right all the same.
    add(found, check::check(&file, schema, true, hidden));
    if found.iter().any(|d| d.code == check::NOT_A_STACK_FILE) {
        return None;
    }
    if let Some((key, _)) =
        file.get("environments").and_then(|e| e.entries().iter().find(|(k, _)| k.text == environment::DEFAULT))
    {
        found.push(validate::reserved_environment().label(key.span.clone(), "reserved"));
    }
    if let Some((key, _)) = file.get("environments").and_then(|e| e.entries().get(environment::MOST)) {
        let message = format!("there are more than {} environments", environment::MOST);
        found.push(Diagnostic::error("out-of-range", message).label(key.span.clone(), "one too many"));
    }
    let merged = match environment::overlaid(&file, Some(like)) {
        Ok(merged) => merged,
        Err(problem) => {
            found.push(problem);
            return None;
        }
    };
    add(found, check::check(&merged, schema, false, hidden));
    add(found, references::check(&merged, schema));
    if found.iter().any(|d| d.severity == Severity::Error) {
        let more = partly::senseless(&merged, found, env);
        add(found, more);
        return None;
    }
    match serde_path_to_error::deserialize::<_, Stack>(production::defaults(merged.to_json())) {
        Ok(stack) => {
            found.extend(validate::validate(&stack, &merged, env));
            Some((stack, merged))
        }
        Err(error) => {
            found.push(misfit(&merged, &error.path().to_string(), &error.inner().to_string()));
            None
        }
    }
}

/// Adds the diagnostics that are new: the same place is checked in the file, in an environment, and through aliases.
fn add(found: &mut Vec<Diagnostic>, more: Vec<Diagnostic>) {
    for diagnostic in more {
        // Several missing keys have the same place.
        let same = |d: &Diagnostic| d.code == diagnostic.code && d.span() == diagnostic.span() && d.code != "missing-key";
        if !found.iter().any(same) {
            found.push(diagnostic);
        }
    }
}

/// Returns the problem of a value that passed the check of shape and still does not fit its type.
fn misfit(file: &Node, path: &str, message: &str) -> Diagnostic {
    let found = file.find(path);
    let said = if path == "." { "the stack file".to_owned() } else { format!("`{path}`") };
    let diagnostic = Diagnostic::error("invalid-value", format!("{said}: {message}"));
    match found.span {
        Some(span) => diagnostic.label(span, "here"),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests;
