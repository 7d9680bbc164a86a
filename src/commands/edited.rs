//! Edits of the stack file that a command proposes: shown, confirmed, written. Comments and everything else stay as they are.

use std::path::Path;

use serde_json::Value;

use super::arguments::StackFile;
use super::stack_file;
use super::stop::{Result, Stop};
use crate::config::{self, Loaded, edit};
use crate::ui::{self, Color, Look};

/// A value at a path of keys.
pub type Edit = (Vec<String>, Value);

/// Returns where an edit is written: in the environment that was chosen, so that it changes no other.
pub fn placed(loaded: &Loaded, path: &[String]) -> Vec<String> {
    let within = loaded.chosen && loaded.environments.contains(&loaded.env);
    let lead = if within { vec!["environments".to_owned(), loaded.env.clone()] } else { Vec::new() };
    lead.into_iter().chain(path.iter().cloned()).collect()
}

/// Shows what a file becomes with these edits, asks, and writes it. Returns whether it was written.
///
/// # Errors
/// When an edit cannot be written without a change elsewhere, or the file would be wrong.
pub fn propose(file: &StackFile, edits: &[Edit], yes: bool, color: Color) -> Result<bool> {
    let name = &file.file;
    if !Path::new(name).is_file() {
        return Err(Stop::refused(
            format!("nothing was changed: `{name}` is not a file that can be edited"),
            "name the stack file",
        ));
    }
    let before = stack_file::read_alone(name)?;
    let mut after = before.clone();
    for (path, value) in edits {
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        after = edit::set(&after, &keys, value).ok_or_else(|| {
            let line = format!("`{}: {value}`", path.join("."));
            Stop::refused(
                format!("nothing was changed: {line} cannot be written into `{name}` without a change elsewhere"),
                "write it by hand",
            )
        })?;
    }
    if after == before {
        ui::err(&ui::note(&format!("`{name}` says that already."), &Look::stderr(color)))?;
        return Ok(false);
    }
    // What the file would be must be right, in the environment that was chosen.
    let schema = stack_file::stack_schema();
    let text = stack_file::with_overlay(name, file.env(), after.clone())?;
    let loaded = config::load(name, &text, stack_file::env_of(file.env(), &text).as_deref(), &schema)?;
    // What is written for all of them must be right in each.
    for env in loaded.environments.iter().filter(|_| !loaded.chosen) {
        config::load(name, &stack_file::with_overlay(name, Some(env), after.clone())?, Some(env), &schema)?;
    }
    ui::err(&ui::check::edits_text(name, &before, &after, &Look::stderr(color)))?;
    if !yes && !super::consent::confirmed(&format!("Write this into `{name}`?"), "write it")? {
        return Ok(false);
    }
    write(Path::new(name), &before, &after)?;
    ui::err(&format!("Wrote `{name}`; `stack plan` shows what that changes.\n"))?;
    Ok(true)
}

/// Writes the file as it was read but for the edits, unless somebody has changed it since.
///
/// # Errors
/// When it was changed meanwhile, or cannot be written.
pub fn write(path: &Path, before: &str, after: &str) -> Result<()> {
    let cannot = |e: std::io::Error| {
        Stop::message(format!("nothing was changed: `{}` cannot be written: {e}", path.display()), "check its permissions")
    };
    let now = std::fs::read_to_string(path).map_err(cannot)?;
    if now != before {
        return Err(Stop::refused(
            format!("nothing was changed: `{}` was changed meanwhile", path.display()),
            "run the same command again",
        ));
    }
    std::fs::write(path, after).map_err(cannot)
}
