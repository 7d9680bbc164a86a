use clap::Args;

use super::{Exit, Result, stack_schema};
use crate::ui;

/// Print the JSON Schema that editors complete and check stack files with.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The schema of `stack plan --json` instead
    #[arg(long)]
    plan: bool,
}

pub fn run(arguments: Arguments) -> Result {
    ui::out(&super::json(&if arguments.plan { ui::plan_schema() } else { stack_schema() })?)?;
    Ok(Exit::Ok)
}
