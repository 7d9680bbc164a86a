use clap::Args;

use super::{Exit, Result, StackFile, Stop, session, stack_schema};
use crate::config::{self, Diagnostic};
use crate::ui::{self, Color, Look};

/// Check a stack file, without AWS.
///
/// Without `--env` the file as it stands and every environment in it are checked.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    /// Print the problems as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: Arguments, color: Color) -> Result {
    let file = &arguments.file;
    let text = session::read(&file.file, 1 << 20)?;
    let schema = stack_schema();
    let mut report = match file.env() {
        None => config::validate_all(&file.file, &text, &schema),
        env => config::load(&file.file, &text, env, &schema).map_or_else(|report| report, |loaded| loaded.warnings),
    };
    // What shows only when the sections are put together.
    let mut objects = 0;
    if !report.has_errors() {
        let mut envs: Vec<Option<String>> = vec![file.env().map(str::to_owned)];
        if file.env().is_none() {
            let loaded = config::load(&file.file, &text, None, &schema)?;
            envs.extend(loaded.stack.environments.keys().map(|name| Some(name.to_string())));
        }
        for env in envs {
            match session::offline(&config::load(&file.file, &text, env.as_deref(), &schema)?) {
                Ok(graph) => objects = objects.max(graph.len()),
                Err(Stop::Report(found)) => {
                    let new = |d: &Diagnostic| !report.diagnostics.iter().any(|k| k.code == d.code && k.message == d.message);
                    let found: Vec<Diagnostic> = found.diagnostics.into_iter().filter(new).collect();
                    report.diagnostics.extend(found);
                }
                Err(other) => return Err(other),
            }
        }
    }
    if arguments.json {
        ui::out(&super::json(&report.to_json())?)?;
    } else if !report.is_empty() {
        let look = Look::stderr(color);
        ui::err(&report.render(look.width, look.color, look.unicode))?;
    }
    if report.has_errors() {
        return Ok(Exit::BadFile);
    }
    if !arguments.json {
        ui::out(&format!("{} is valid: {}.\n", file.file, super::consent::count(objects, "object")))?;
        session::notes(&config::load(&file.file, &text, file.env(), &schema)?, color)?;
    }
    Ok(Exit::Ok)
}
