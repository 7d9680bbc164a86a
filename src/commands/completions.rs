use clap::Args;
use clap_complete::Shell;

use super::stop::{Exit, Result};
use crate::ui;

/// Print shell completions
#[derive(Args, Debug)]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

pub fn run(arguments: Arguments, mut cli: clap::Command) -> Result {
    let mut bytes = Vec::new();
    clap_complete::generate(arguments.shell, &mut cli, "stack", &mut bytes);
    ui::out(&String::from_utf8_lossy(&bytes))?;
    Ok(Exit::Ok)
}
