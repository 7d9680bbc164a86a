//! Plans a stack file without AWS, as if nothing existed yet, and prints the plan.
//!
//! `cargo run --example plan_without_aws` plans `examples/smallest.yaml`; another file is named after `--`.

use std::error::Error;

use stack::blueprint::{self, Facts, Failure};
use stack::engine::{Consent, Plan, Scope, Snapshot};
use stack::ui::{self, Color, Terminal, View};
use stack::{aws, commands, config};

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "examples/smallest.yaml".into());
    let text = std::fs::read_to_string(&file)?;
    let terminal = Terminal::stdout(Color::Auto);
    let loaded = config::load(&file, &text, None, &commands::stack_schema())
        .map_err(|report| report.render(terminal.width, terminal.color, terminal.unicode))?;

    // Whose the objects would be. A command asks AWS for the account.
    let scope = Scope {
        stack: loaded.stack.stack.to_string(),
        env: loaded.env.clone(),
        region: loaded.stack.region.clone(),
        account: "000000000000".into(),
        partition: "aws".into(),
    };
    let registry = aws::registry();
    let facts = Facts::assumed(&scope, loaded.at("network").is_some(), &loaded.stack);
    let graph = blueprint::expand(&loaded.stack, &facts, &registry).map_err(|failure| match failure {
        Failure::Problems(problems) => problems.iter().map(|problem| format!("{}: {}\n", problem.at, problem.message)).collect(),
        Failure::Error(error) => error.to_string(),
    })?;

    let plan = Plan::make(&registry, &scope, Some(&graph), &Snapshot::default())?;
    let rules = |kind: &str| registry.rules(kind);
    let view =
        View { terminal, file: &file, verbose: false, consent: &Consent::default(), via: None, price: None, rules: &rules };
    ui::out(&ui::plan_text(&plan, &view))?;
    Ok(())
}
