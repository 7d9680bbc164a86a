use clap::Args;
use serde_json::Value;

use super::arguments::StackFile;
use super::session;
use super::stack_file;
use super::stack_file::stack_schema;
use super::stop::{Exit, Result, Stop};
use crate::config::{self, Diagnostic, Report};
use crate::ui::{self, Color, Terminal};

/// Check a stack file without asking AWS: every problem, each with its line
///
/// Without `--env`, the file as it stands and each of its environments are checked.
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
    let text = stack_file::read_stack(file)?;
    if file.like.is_some() {
        let loaded = stack_file::load_text(file, &text, color)?;
        let objects = stack_file::offline(&loaded)?.len();
        let said = format!("{} is valid: {}.\n", file.file, ui::count(objects, "object"));
        return ui::out(&if arguments.json { session::json(&loaded.warnings.to_json())? } else { said })
            .map(|()| Exit::Ok)
            .map_err(Stop::from);
    }
    let schema = stack_schema();
    let env = stack_file::env_of(file.env(), &text);
    let mut report = match env.as_deref() {
        None => config::validate_all(&file.file, &text, &schema),
        env => config::load(&file.file, &text, env, &schema).map_or_else(|report| report, |loaded| loaded.warnings),
    };
    let objects = if report.has_errors() { 0 } else { put_together(env.as_deref(), &text, &schema, &mut report)? };
    if arguments.json {
        ui::out(&session::json(&report.to_json())?)?;
    } else if !report.is_empty() {
        let terminal = Terminal::stderr(color);
        ui::err(&report.render(terminal.width, terminal.color, terminal.unicode))?;
    }
    if report.has_errors() {
        return Ok(Exit::BadFile);
    }
    if !arguments.json {
        ui::out(&format!("{} is valid: {}.\n", file.file, ui::count(objects, "object")))?;
        stack_file::notes(&config::load(&file.file, &text, env.as_deref(), &schema)?, None, color)?;
    }
    Ok(Exit::Ok)
}

/// Adds the problems that show only when the sections are expanded together: in the environment that was chosen, or in the file
/// as it stands and in each of its environments. Returns the number of objects in the largest of them.
fn put_together(env: Option<&str>, text: &str, schema: &Value, report: &mut Report) -> Result<usize> {
    let first = config::load(&report.file, text, env, schema)?;
    let others = if env.is_none() { first.environments.clone() } else { Vec::new() };
    let mut objects = 0;
    for env in std::iter::once(None).chain(others.iter().map(Some)) {
        let loaded = match env {
            None => first.clone(),
            Some(env) => config::load(&report.file, text, Some(env), schema)?,
        };
        match stack_file::offline(&loaded) {
            Ok(graph) => objects = objects.max(graph.len()),
            Err(Stop::Report(found)) => {
                for mut diagnostic in found.diagnostics {
                    // The same problem in another environment ends with its name.
                    let same = |d: &Diagnostic| {
                        d.code == diagnostic.code && d.labels == diagnostic.labels && d.message.starts_with(&diagnostic.message)
                    };
                    if report.diagnostics.iter().any(same) {
                        continue;
                    }
                    if let Some(env) = env {
                        diagnostic.message += &format!(" (in the environment `{env}`)");
                    }
                    report.diagnostics.push(diagnostic);
                }
            }
            Err(other) => return Err(other),
        }
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_environment_is_put_together() {
        let text = "stack: shop\nregion: us-east-1\nservices: {web: {image: i}}\nenvironments:\n  \
                    prod: {protect: [services.nope]}\n  test: {services: {alb: {image: i}, web: {port: 80, routes: [/*]}}}\n";
        let said = |env: Option<&str>| {
            let mut report = Report::new("f", text);
            let objects = put_together(env, text, &stack_schema(), &mut report).unwrap();
            let said = report.diagnostics.iter().map(|d| (d.code, d.message.clone(), text[d.span()].to_owned()));
            (objects, said.collect::<Vec<_>>())
        };
        let (objects, all) = said(None);
        assert!(objects > 0);
        assert_eq!(
            all,
            [
                (
                    "protects-nothing",
                    "nothing that can be protected comes from `services.nope` (in the environment `prod`)".to_owned(),
                    "services.nope".to_owned()
                ),
                (
                    "taken",
                    "`load_balancer` and `services.alb` both define `ec2.security_group/alb` (in the environment `test`)"
                        .to_owned(),
                    "alb".to_owned()
                ),
            ]
        );
        assert_eq!((said(Some("default")).1.len(), said(Some("prod")).1.len()), (0, 1));
    }

    #[test]
    fn an_instances_plain_password_is_refused_and_hidden() {
        let text = |password: &str| {
            format!(
                "stack: a\nregion: us-east-1\nresources:\n  rds.instance:\n    d: {{engine: postgres, class: db.t4g.micro, \
                 storage: 20, user: app, password: '{password}'}}\n"
            )
        };
        let report = config::load("f", &text("hunter2hunter2"), None, &stack_schema()).unwrap_err();
        let said = report.render(100, false, true);
        assert!(said.contains("not a version of a secret") && !said.contains("hunter2"), "{said}");
        config::load("f", &text("arn:aws:secretsmanager:us-east-1:1:secret:a:::v1"), None, &stack_schema()).unwrap();
    }
}
