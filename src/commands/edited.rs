//! Edits of the stack file that a command proposes: shown, confirmed, written. Comments and everything else stay as they are.

use std::path::Path;

use serde_json::Value;

use super::arguments::StackFile;
use super::stack_file;
use super::stop::{Result, Stop};
use crate::config::{self, Loaded, edit};
use crate::ui::{self, Color, Terminal};

/// A value at a path of keys.
pub type Edit = (Vec<String>, Value);

/// Returns where an edit is written: in the environment that was chosen, so that it changes no other.
pub fn placed(loaded: &Loaded, path: &[String]) -> Vec<String> {
    let within = loaded.chosen && loaded.environments.contains(&loaded.env);
    let lead = if within { vec!["environments".to_owned(), loaded.env.clone()] } else { Vec::new() };
    lead.into_iter().chain(path.iter().cloned()).collect()
}

/// Shows what the stack file becomes with these edits, and the file of the environment if it has one of its own, asks, and writes them. Returns
/// whether anything was written.
///
/// # Errors
/// When an edit cannot be written without a change elsewhere, or a file would be wrong.
pub fn propose(file: &StackFile, edits: &[Edit], yes: bool, color: Color) -> Result<bool> {
    let name = &file.file;
    if !Path::new(name).is_file() {
        return Err(Stop::refused(
            format!("nothing was changed: `{name}` is not a file that can be edited"),
            "name the stack file",
        ));
    }
    let env = file.env().map(config::environment::short);
    let beside = env.as_ref().and_then(|env| Some((env, config::joined::file_name(name, env)?)));
    let beside = beside.filter(|(_, beside)| Path::new(beside).is_file());
    let lead = beside.as_ref().map(|(env, _)| ["environments".to_owned(), (*env).clone()]);
    let is_beside = |(path, _): &&Edit| lead.as_ref().is_some_and(|lead| path.starts_with(lead));
    let (own, of_file): (Vec<&Edit>, Vec<&Edit>) = edits.iter().partition(is_beside);
    let mut files = vec![edited(name, of_file.into_iter().map(|(path, value)| (path.as_slice(), value)))?];
    if let Some((_, beside)) = &beside {
        files.push(edited(beside, own.into_iter().map(|(path, value)| (&path[2..], value)))?);
    }
    let text = match (files.as_slice(), &env) {
        ([file, beside], Some(env)) => config::joined::joined(&file.after, env, &beside.name, &beside.after),
        _ => files[0].after.clone(),
    };
    // What the files would be must be right, in the environment that was chosen.
    let schema = stack_file::stack_schema();
    let loaded = config::load(name, &text, stack_file::env_of(file.env(), &text).as_deref(), &schema)?;
    // What is written for all of them must be right in each.
    for env in loaded.environments.iter().filter(|_| !loaded.chosen) {
        config::load(name, &stack_file::with_overlay(name, Some(env), text.clone())?, Some(env), &schema)?;
    }
    files.retain(|file| file.after != file.before);
    let names = files.iter().map(|file| format!("`{}`", file.name)).collect::<Vec<_>>().join(" and ");
    if files.is_empty() {
        let all = beside.map_or_else(|| format!("`{name}`"), |(_, beside)| format!("`{beside}`"));
        ui::err(&ui::note(&format!("{all} says that already."), &Terminal::stderr(color)))?;
        return Ok(false);
    }
    for file in &files {
        ui::err(&ui::check::edits_text(&file.name, &file.before, &file.after, &Terminal::stderr(color)))?;
    }
    if !yes && !super::consent::confirmed(&format!("Write this into {names}?"), "write it")? {
        return Ok(false);
    }
    for file in &files {
        write(Path::new(&file.name), &file.before, &file.after)?;
    }
    ui::err(&format!("Wrote {names}; `stack plan` shows what that changes.\n"))?;
    Ok(true)
}

/// A file before and after it is edited.
struct Edited {
    name: String,
    before: String,
    after: String,
}

/// Reads a file and returns what it becomes.
fn edited<'a>(name: &str, edits: impl Iterator<Item = (&'a [String], &'a Value)>) -> Result<Edited> {
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
    Ok(Edited { name: name.to_owned(), before, after })
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
