//! A stack file: read, loaded with the chosen environment, and expanded without asking AWS; and what is worth knowing about it.

use std::io::Read;
use std::path::Path;

use super::arguments::{STACK_FILE, StackFile};
use super::stop::{Exit, Result, Stop};
use crate::aws::{self, Clients};
use crate::blueprint::{self, Facts, Failure, Problem};
use crate::config::{self, Loaded, Report};
use crate::engine::{self, Graph, Plan, Registry, Scope};
use crate::ui::{self, Color, Terminal};

/// The largest stack file that is read.
const LARGEST_FILE: u64 = 1 << 20;
/// The largest saved plan that is read.
const LARGEST_PLAN: u64 = 64 << 20;

/// Reads a stack file or a saved plan, or one of them from standard input for `-`.
pub fn read(file: &str) -> Result<String> {
    let mut bytes = Vec::new();
    let result = match file {
        "-" => std::io::stdin().lock().take(LARGEST_PLAN + 1).read_to_end(&mut bytes),
        path => std::fs::File::open(path).and_then(|f| f.take(LARGEST_PLAN + 1).read_to_end(&mut bytes)),
    };
    result.map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound if file == STACK_FILE => Stop::bad_file(
            format!("`{STACK_FILE}` does not exist in this folder"),
            "write one to start from with `stack init`, or name another stack file",
        ),
        std::io::ErrorKind::NotFound => Stop::bad_file(
            format!("`{file}` cannot be read: {e}"),
            "check the path (FILE comes first), or write a new file with `stack init`",
        ),
        _ => Stop::bad_file(format!("`{file}` cannot be read: {e}"), "name a stack file"),
    })?;
    let head = String::from_utf8_lossy(bytes.get(..64).unwrap_or(&bytes));
    let largest = if engine::saved::is_one(&head) { LARGEST_PLAN } else { LARGEST_FILE };
    if bytes.len() as u64 > largest {
        return Err(Stop::bad_file(format!("`{file}` is larger than {} MiB", largest >> 20), "check that it is a stack file"));
    }
    String::from_utf8(bytes).map_err(|e| {
        Stop::bad_file(
            format!("`{file}` is not UTF-8: byte {} is not text", e.utf8_error().valid_up_to()),
            "check that it is a stack file",
        )
    })
}

/// Loads a stack file, as far as it can be checked without AWS, and shows its warnings.
pub fn load(file: &StackFile, color: Color) -> Result<Loaded> {
    load_text(file, &read_stack(file)?, color)
}

/// Reads the text of a stack file with the chosen environment, for a command that cannot do anything with a saved plan.
pub fn read_stack(file: &StackFile) -> Result<String> {
    with_overlay(&file.file, file.env(), read_alone(&file.file)?)
}

/// Reads the same without a file of the environment.
pub fn read_alone(name: &str) -> Result<String> {
    let text = read(name)?;
    if engine::saved::is_one(&text) {
        return Err(Stop::bad_file(
            format!("`{name}` is a saved plan, but this command takes a stack file"),
            format!("use `stack show {name}` or `stack apply {name}`"),
        ));
    }
    Ok(text)
}

/// Returns the text of a stack file with the file that has the chosen environment, if there is one beside it:
/// `stack.bug-1234.yaml` beside `stack.yaml`.
pub fn with_overlay(file: &str, env: Option<&str>, text: String) -> Result<String> {
    let Some(env) = env.map(config::environment::short) else { return Ok(text) };
    let Some(name) = config::joined::file_name(file, &env).filter(|name| Path::new(name).is_file()) else { return Ok(text) };
    let overlay = read(&name)?;
    Ok(config::joined::joined(&text, &env, &name, &overlay))
}

/// Loads a stack file from its text, and shows its warnings.
pub fn load_text(file: &StackFile, text: &str, color: Color) -> Result<Loaded> {
    let loaded = match &file.like {
        None => config::load(&file.file, text, env_of(file.env(), text).as_deref(), &stack_schema())?,
        Some(like) => load_like(file, text, like, color)?,
    };
    if !loaded.warnings.is_empty() {
        let terminal = Terminal::stderr(color);
        ui::err(&loaded.warnings.render(terminal.width, terminal.color, terminal.unicode))?;
    }
    Ok(loaded)
}

/// Returns the environment that was chosen, as the text calls it: one in a file of its own has a short name.
pub fn env_of(typed: Option<&str>, text: &str) -> Option<String> {
    let typed = typed?;
    let short = config::environment::short(typed);
    let is_own = config::joined::split(text).1.is_some_and(|part| part.env == short);
    Some(if is_own { short } else { typed.to_owned() })
}

/// Loads a stack file for an environment that it does not list.
fn load_like(file: &StackFile, text: &str, like: &str, color: Color) -> Result<Loaded> {
    let usage = |what: String, help: &str| Stop::Message(Exit::Usage, what, Some(help.to_owned()));
    let Some(typed) = file.env().filter(|env| *env != config::environment::DEFAULT) else {
        return Err(usage("`--like` needs the name of an environment".into(), "add `--env NAME`"));
    };
    let env = config::environment::short(typed);
    let loaded = config::load_like(&file.file, text, Some(&env), Some(like), &stack_schema())?;
    if loaded.environments.iter().any(|listed| listed == typed || *listed == env) {
        return Err(usage(format!("`{}` has the environment `{typed}`", file.file), "leave out `--like`"));
    }
    if env != typed {
        ui::err(&ui::note(&format!("The environment of `{typed}` is called `{env}`."), &Terminal::stderr(color)))?;
    }
    Ok(loaded)
}

/// Returns the JSON Schema of stack files, with every registered kind.
pub fn stack_schema() -> serde_json::Value {
    let registry = aws::registry();
    config::schema(registry.described().map(|kind| {
        let kind = kind.clone();
        (kind.info().name, move |generator: &mut schemars::SchemaGenerator| kind.schema(generator))
    }))
}

/// Returns what is no problem of the file, but worth knowing: by the objects of its plan, if there is one.
fn noted(loaded: &Loaded, plan: Option<&Plan>) -> Vec<String> {
    let mut notes = config::validate::notes(&loaded.stack, loaded.at("network").is_some());
    // A file that cannot be expanded is reported where that matters.
    let objects = match plan {
        Some(plan) => plan.graph().ok().flatten().map(|graph| (graph, plan.scope.clone())),
        None => offline(loaded).ok().map(|graph| (graph, unasked(loaded))),
    };
    notes.extend(objects.iter().flat_map(|(graph, scope)| blueprint::notes(graph, scope)));
    notes
}

/// Writes the notes about a file to standard error.
pub fn notes(loaded: &Loaded, plan: Option<&Plan>, color: Color) -> Result<()> {
    for note in noted(loaded, plan) {
        ui::err(&ui::note(&note, &Terminal::stderr(color)))?;
    }
    Ok(())
}

/// Returns the warnings and notes about a file, to be printed with its plan.
pub fn problems(loaded: &Loaded, plan: Option<&Plan>) -> Vec<ui::Problem> {
    let file = &loaded.warnings;
    let warned = file.diagnostics.iter().map(|warning| ui::Problem {
        severity: "warning",
        key: None,
        message: format!("line {}: {}", file.position(warning.span().start).0, warning.message),
        help: warning.help.clone(),
    });
    let noted = noted(loaded, plan).into_iter().map(|message| ui::Problem { severity: "note", key: None, message, help: None });
    warned.chain(noted).collect()
}

/// Returns the scope of the file in an account that is not known yet.
pub fn unasked(loaded: &Loaded) -> Scope {
    Scope {
        stack: loaded.stack.stack.to_string(),
        env: loaded.env.clone(),
        region: loaded.stack.region.clone(),
        account: "000000000000".into(),
        partition: "aws".into(),
    }
}

/// Expands the file without asking AWS, in an account that is not known yet.
pub fn offline(loaded: &Loaded) -> Result<Graph> {
    let scope = unasked(loaded);
    let facts = Facts::assumed(&scope, loaded.at("network").is_some(), &loaded.stack);
    expand(loaded, &facts, &aws::registry())
}

/// Expands the file. Problems get the places in it.
pub fn expand(loaded: &Loaded, facts: &Facts<'_>, registry: &Registry<Clients>) -> Result<Graph> {
    blueprint::expand(&loaded.stack, facts, registry).map_err(|failure| match failure {
        Failure::Error(error) => Stop::from(error),
        Failure::Problems(problems) => report(loaded, problems),
    })
}

/// Returns problems with their places in the file.
pub fn report(loaded: &Loaded, problems: Vec<Problem>) -> Stop {
    let mut report = Report::new(loaded.warnings.file.clone(), loaded.warnings.text.clone());
    report.diagnostics.extend(problems.into_iter().map(|p| loaded.diagnostic(&p.at, p.code, p.message, Some(p.help))));
    Stop::from(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_for_others_has_what_the_file_warns_of() {
        let text = "stack: shop\nregion: us-east-1\nservices:\n  web: { image: nginx:1.27, port: 80, routes: [\"/*\"] }\n";
        let mut loaded = config::load("s.yaml", text, None, &stack_schema()).unwrap();
        loaded.warnings.diagnostics = vec![config::Diagnostic::warning("open", "everyone may").label(12..18, "here").help("no")];
        let problems = problems(&loaded, None);
        let told: Vec<(&str, &str)> = problems.iter().map(|p| (p.severity, p.message.get(..14).unwrap())).collect();
        assert_eq!(told, [("warning", "line 2: everyo"), ("note", "The network ha"), ("note", "The load balan")]);
    }
}
