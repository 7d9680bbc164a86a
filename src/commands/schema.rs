use clap::Args;

use super::session;
use super::stack_file::stack_schema;
use super::stop::{Exit, Result};
use crate::ui;

/// Print the JSON Schema of stack files, or of plans
///
/// Editors complete and check stack files with it.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Print the schema of `stack plan --json` instead
    #[arg(long)]
    plan: bool,
}

pub fn run(arguments: Arguments) -> Result {
    ui::out(&session::json(&if arguments.plan { ui::plan_schema() } else { stack_schema() })?)?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    /// Editors read it from the repository. `INSTA_UPDATE=always` rewrites it, as it does snapshots.
    #[test]
    fn the_schema_that_is_checked_in_is_fresh() {
        let now = serde_json::to_string_pretty(&super::stack_schema()).unwrap() + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/stack.schema.json");
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            std::fs::write(path, &now).unwrap();
        }
        assert!(std::fs::read_to_string(path).unwrap() == now, "run: INSTA_UPDATE=always cargo test --lib schema");
    }
}
