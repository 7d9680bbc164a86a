use std::io::Write;

use clap::Args;

use super::arguments::STACK_FILE;
use super::stop::{Exit, Result, Stop};
use crate::config;
use crate::ui::{self, Color, Terminal};

/// Write a commented stack file to start from
#[derive(Args, Debug)]
pub struct Arguments {
    /// The file to write; `-` writes to standard output
    #[arg(value_name = "FILE", default_value = STACK_FILE)]
    file: String,
    /// Name of the stack [default: the name of the folder, or `webapp`]
    #[arg(long)]
    name: Option<String>,
    /// Region of the stack
    #[arg(long, default_value = "us-east-1", value_parser = crate::config::region)]
    region: String,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
}

pub fn run(arguments: Arguments, color: Color) -> Result {
    let name = match &arguments.name {
        Some(name) => name.parse::<config::Name>().map_err(|e| Stop::message(e.message, e.help))?.to_string(),
        None => std::env::current_dir()
            .ok()
            .and_then(|folder| folder.file_name()?.to_str()?.parse::<config::Name>().ok())
            .map_or_else(|| "webapp".into(), |name| name.to_string()),
    };
    let text = config::starter(&name, &arguments.region);
    if arguments.file == "-" {
        ui::out(&text)?;
        return Ok(Exit::Ok);
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).truncate(true).create(true).create_new(!arguments.force);
    let written = options.open(&arguments.file).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Stop::message(format!("`{}` already exists", arguments.file), "choose another name, or add `--force` to overwrite it")
        }
        _ => Stop::message(format!("`{}` cannot be written: {e}", arguments.file), "choose another file"),
    })?;
    let terminal = Terminal::stderr(color);
    ui::err(&ui::note(
        &format!(
            "Wrote `{0}`. Next: `stack plan {0}`. For completion in editors, run `stack schema > stack.schema.json` in its folder.",
            arguments.file
        ),
        &terminal,
    ))?;
    Ok(Exit::Ok)
}
