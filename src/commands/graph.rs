use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::arguments::StackFile;
use super::session;
use super::stop::{Exit, Result, Stop};
use crate::ui::{self, Color, Diagram};

/// Draw the architecture as Mermaid, DOT or SVG
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Mermaid)]
    format: Format,
    /// Draw every object and its dependencies instead of the traffic
    #[arg(long, short)]
    all: bool,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Mermaid,
    Dot,
    Svg,
}

pub fn run(arguments: Arguments) -> Result {
    let loaded = session::load(&arguments.file, Color::Auto)?;
    let diagram = Diagram::of(&session::offline(&loaded)?, loaded.stack.stack.as_str(), arguments.all);
    let text = match arguments.format {
        Format::Mermaid => diagram.mermaid(),
        Format::Dot => diagram.dot(),
        Format::Svg => diagram.svg(),
    };
    match &arguments.out {
        None => ui::out(&text)?,
        Some(path) => std::fs::write(path, text)
            .map_err(|e| Stop::message(format!("cannot write `{}`: {e}", path.display()), "choose another file with `--out`"))?,
    }
    Ok(Exit::Ok)
}
