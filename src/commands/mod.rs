//! The command line, and what each command is: one file each, with its arguments and one function.
//!
//! What commands share is below them: `arguments` and `consent` (flags), `session` (from a file to a plan), `run` (from a plan to
//! its recorded outcome), `stop` (why a command stops).

mod apply;
mod arguments;
mod assets;
mod completions;
mod consent;
mod destroy;
mod drift;
mod git;
mod graph;
mod history;
mod init;
mod invalidate;
mod local;
mod logging;
mod outputs;
mod patience;
mod plan;
mod preflight;
mod rollback;
mod run;
mod saved;
mod schema;
mod session;
mod show;
mod stop;
mod unlock;
mod validate;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::arguments::Global;
pub use self::session::stack_schema;
use self::stop::{Exit, Result};
use crate::ui::{self, Color, Look};

/// Bring up, change and take down the whole AWS architecture of a web application: one file, one command, no state file.
#[derive(Debug, Parser)]
#[command(name = "stack", version, arg_required_else_help = true, disable_help_subcommand = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a stack file, without AWS: every problem, each with its line
    Validate(validate::Arguments),
    /// Show what apply would do
    Plan(plan::Arguments),
    /// Make AWS as the file describes it
    Apply(apply::Arguments),
    /// Remove everything that belongs to the stack
    Destroy(destroy::Arguments),
    /// Show what AWS differs in from what was applied last
    Drift(drift::Arguments),
    /// Show who applied what, when, and how it ended
    History(history::Arguments),
    /// Make AWS as an earlier file described it
    Rollback(rollback::Arguments),
    /// Take the lease away from a run that is surely dead
    Unlock(unlock::Arguments),
    /// Show what is running and how it does
    Show(show::Arguments),
    /// Print the address, endpoints and identifiers of what is running
    Outputs(outputs::Arguments),
    /// Bring static files to where CloudFront delivers them from
    #[command(subcommand)]
    Assets(assets::Command),
    /// Have CloudFront forget what it keeps
    Invalidate(invalidate::Arguments),
    /// Draw the architecture: Mermaid, DOT or SVG
    Graph(graph::Arguments),
    /// Print the JSON Schema of stack files, or of plans
    Schema(schema::Arguments),
    /// Write a commented stack file to start from
    Init(init::Arguments),
    /// Run an AWS on this machine
    Local(local::Arguments),
    /// Print the completions of a shell
    Completions(completions::Arguments),
}

impl Command {
    /// Whether it draws its progress, on a terminal.
    fn is_live(&self) -> bool {
        matches!(self, Command::Apply(_) | Command::Destroy(_) | Command::Rollback(_) | Command::Assets(_))
    }
}

/// Runs the command line. Everything that the user sees has been written when it returns.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and go to standard output.
            let wrong = error.use_stderr();
            return match error.print() {
                Ok(()) if !wrong => ExitCode::SUCCESS,
                _ => ExitCode::from(Exit::Usage as u8),
            };
        }
    };
    let color = cli.global.color;
    // Until the end of the process: then the trace is complete.
    let _recording = match cli.global.logging.start(cli.command.is_live() && Look::stderr(color).terminal) {
        Ok(recording) => recording,
        Err(stop) => return end(Err(stop), color),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(Err(error.into()), color),
    };
    let result = runtime.block_on(dispatch(cli.command, color));
    // A call that hangs does not keep a finished command.
    runtime.shutdown_background();
    end(result, color)
}

fn end(result: Result, color: Color) -> ExitCode {
    let exit = result.unwrap_or_else(|stop| {
        // When even the error cannot be written, the exit code is all there is left.
        let _ = ui::err(&stop.show(&Look::stderr(color)));
        // Who reads JSON gets a last line of it, whichever command it was.
        if std::env::args_os().any(|argument| argument == "--json") {
            let _ = ui::out(&format!("{}\n", ui::safe_json(&stop.to_json().to_string())));
        }
        stop.exit()
    });
    ExitCode::from(exit as u8)
}

async fn dispatch(command: Command, color: Color) -> Result {
    match command {
        Command::Validate(arguments) => validate::run(arguments, color),
        Command::Plan(arguments) => plan::run(arguments, color).await,
        Command::Apply(arguments) => apply::run(arguments, color).await,
        Command::Destroy(arguments) => destroy::run(arguments, color).await,
        Command::Drift(arguments) => drift::run(arguments, color).await,
        Command::History(arguments) => history::run(arguments, color).await,
        Command::Rollback(arguments) => rollback::run(arguments, color).await,
        Command::Unlock(arguments) => unlock::run(arguments, color).await,
        Command::Show(arguments) => show::run(arguments, color).await,
        Command::Outputs(arguments) => outputs::run(arguments, color).await,
        Command::Assets(command) => assets::run(command, color).await,
        Command::Invalidate(arguments) => invalidate::run(arguments, color).await,
        Command::Graph(arguments) => graph::run(arguments),
        Command::Schema(arguments) => schema::run(arguments),
        Command::Init(arguments) => init::run(arguments, color),
        Command::Local(arguments) => local::run(arguments, color).await,
        Command::Completions(arguments) => completions::run(arguments, Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn a_destroy_offers_only_what_it_does() {
        let mut all = super::Cli::command();
        let mut help = |command: &str| all.find_subcommand_mut(command).unwrap().render_long_help().to_string();
        let (apply, destroy) = (help("apply"), help("destroy"));
        for flag in ["--allow-replace", "--allow-upgrade", "--without-data"] {
            assert!(apply.contains(flag) && !destroy.contains(flag), "{flag}");
        }
        assert!(destroy.contains("--allow-delete") && destroy.contains("--confirm"), "{destroy}");
    }
}
