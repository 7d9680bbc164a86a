//! The command line, and what each command is: one file each, with its arguments and one function.
//!
//! What commands share is below them: `arguments` and `consent` (flags), `session` (from a file to a plan), `applied` (the
//! file of a stack that is only named), `run` (from a plan to its recorded outcome), `stop` (why a command stops).

mod access;
mod account;
mod applied;
mod apply;
mod archive;
mod arguments;
mod assets;
mod capacity;
mod caretaker;
mod check;
mod clone;
mod compare;
mod complete;
mod completions;
mod consent;
mod cost;
mod destroy;
mod drift;
mod edited;
mod extend;
mod failover;
mod firewall;
mod freeze;
mod frozen;
mod git;
mod graph;
mod history;
mod init;
mod invalidate;
mod learned;
mod list;
mod load;
mod local;
mod logging;
mod logs;
mod outputs;
mod patience;
mod pause;
mod plan;
mod preflight;
mod price;
mod prices;
mod reap;
mod recovery;
#[cfg(test)]
mod reference;
mod restore;
mod resume;
mod rollback;
mod run;
mod saved;
mod savings;
mod schedule;
mod schema;
mod session;
mod show;
mod spent;
mod stack_file;
mod stop;
mod task;
mod thaw;
mod top;
mod unlock;
mod usage;
mod validate;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};

use self::arguments::Global;
pub use self::stack_file::stack_schema;
use self::stop::{Exit, Result};
use crate::ui::{self, Color, Terminal};

/// What the help of `stack` ends with.
const VARIABLES: &str = "\
Environment variables:
  STACK_ENV             the environment, as `--env`
  STACK_HISTORY_BUCKET  the bucket for leases and history, where the file has no `history_bucket`
  STACK_LOG             the level of the log, as `--log`
  STACK_LOG_FILE        the file of the log, as `--log-file`
  STACK_PYTHON          the Python of the local AWS
  STACK_CACHE_DIR       the folder of the local AWS
  NO_COLOR              no colour, as `--color never`
  AWS_ENDPOINT_URL      the address of AWS, as `--endpoint-url`
  AWS_PROFILE, ...      credentials, as for the AWS CLI";

/// Create, update and delete the whole AWS architecture of a web application: one file, one command, no state file
#[derive(Debug, Parser)]
#[command(name = "stack", version, arg_required_else_help = true, max_term_width = 100, after_long_help = VARIABLES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The commands; what each is for is said where its arguments are.
#[derive(Debug, Subcommand)]
enum Command {
    Validate(validate::Arguments),
    Check(check::Arguments),
    Plan(plan::Arguments),
    Apply(apply::Arguments),
    Destroy(destroy::Arguments),
    Cost(cost::Arguments),
    Usage(usage::Arguments),
    Prices(prices::Arguments),
    Drift(drift::Arguments),
    Compare(compare::Arguments),
    Clone(clone::Arguments),
    Freeze(freeze::Arguments),
    Thaw(thaw::Arguments),
    /// List or delete frozen snapshots
    #[command(subcommand)]
    Frozen(frozen::Command),
    History(history::Arguments),
    Rollback(rollback::Arguments),
    Restore(Box<restore::Arguments>),
    Failover(Box<failover::Arguments>),
    /// Check or prepare the second region
    #[command(subcommand)]
    Recovery(recovery::Command),
    Pause(pause::Arguments),
    Resume(resume::Arguments),
    Unlock(unlock::Arguments),
    #[command(alias = "status")]
    Show(show::Arguments),
    Top(top::Arguments),
    Logs(logs::Arguments),
    Outputs(outputs::Arguments),
    Run(task::Arguments),
    List(list::Arguments),
    Extend(extend::Arguments),
    Reap(reap::Arguments),
    Schedule(schedule::Arguments),
    /// Upload static files for CloudFront to serve
    #[command(subcommand)]
    Assets(assets::Command),
    Invalidate(invalidate::Arguments),
    /// List, restore and verify archived data
    #[command(subcommand)]
    Archive(archive::Command),
    Access(access::Arguments),
    /// Report what the firewall counts and blocks
    #[command(subcommand)]
    Firewall(firewall::Command),
    Load(load::Arguments),
    Capacity(capacity::Arguments),
    Graph(graph::Arguments),
    Schema(schema::Arguments),
    Init(init::Arguments),
    Local(local::Arguments),
    Completions(completions::Arguments),
}

/// Runs the command line. Everything that the user sees has been written when it returns.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let error = suggested(error);
            // Help and version come this way too, and go to standard output.
            let wrong = error.use_stderr();
            return match error.print() {
                Ok(()) if !wrong => ExitCode::SUCCESS,
                _ => ExitCode::from(Exit::Usage as u8),
            };
        }
    };
    let color = cli.global.color();
    // Until the end of the process: then the trace is complete.
    let _recording = match cli.global.logging.start() {
        Ok(recording) => recording,
        Err(stop) => return end(Err(stop), color),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(Err(error.into()), color),
    };
    prices::use_folder();
    let result = runtime.block_on(dispatch(cli.command, color));
    // A call that hangs does not hold up a finished command.
    runtime.shutdown_background();
    end(result, color)
}

/// What other tools call what a command here does. None of these is an alias: they differ, or change something.
const ELSEWHERE: [(&[&str], &str); 5] = [
    (&["version"], "`stack --version` prints the version"),
    (&["ls"], "`stack list` lists stacks and environments, `stack show --all` the objects of one"),
    (
        &["diff", "preview"],
        "`stack plan` shows what apply would do, `stack drift` what was changed outside of `stack`, `stack compare` how two environments differ",
    ),
    (&["up", "deploy"], "`stack apply` shows the plan, asks, and creates, updates and deletes AWS objects to match the file"),
    (&["down", "delete"], "`stack destroy` shows the plan, asks, and deletes everything that belongs to the stack"),
];

/// Adds the command that was probably meant to an error about an unknown one.
fn suggested(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidSubcommand) else { return error };
    if let Some((_, tip)) = ELSEWHERE.iter().find(|(words, _)| words.contains(&unknown.as_str())) {
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*tip).into()]));
    }
    error
}

/// Reports an error and returns the exit code.
fn end(result: Result<u8>, color: Color) -> ExitCode {
    let code = result.unwrap_or_else(|stop| {
        // If even the error cannot be written, only the exit code is left.
        let _ = ui::err(&stop.show(&Terminal::stderr(color)));
        // With `--json` the last line is the error as JSON, whichever command it was. What follows `--` is another program's.
        if std::env::args_os().take_while(|argument| *argument != "--").any(|argument| argument == "--json") {
            let _ = ui::out(&format!("{}\n", ui::safe_json(&stop.to_json().to_string())));
        }
        stop.exit() as u8
    });
    ExitCode::from(code)
}

/// Runs a command and returns its exit code.
async fn dispatch(command: Command, color: Color) -> Result<u8> {
    let exit = match command {
        // The exit code of another program, which can be any.
        Command::Run(arguments) => return task::run(arguments, color).await,
        Command::Clone(arguments) => return clone::run(arguments, color).await,
        Command::Thaw(arguments) => return thaw::run(arguments, color).await,
        Command::Validate(arguments) => validate::run(arguments, color),
        Command::Check(arguments) => check::run(arguments, color).await,
        Command::Plan(arguments) => plan::run(arguments, color).await,
        Command::Apply(arguments) => apply::run(arguments, color).await,
        Command::Destroy(arguments) => destroy::run(arguments, color).await,
        Command::Cost(arguments) => cost::run(arguments, color).await,
        Command::Usage(arguments) => usage::run(arguments, color).await,
        Command::Prices(arguments) => prices::run(arguments, color).await,
        Command::Drift(arguments) => drift::run(arguments, color).await,
        Command::Compare(arguments) => compare::run(arguments, color).await,
        Command::Freeze(arguments) => freeze::run(arguments, color).await,
        Command::Frozen(command) => frozen::run(command, color).await,
        Command::History(arguments) => history::run(arguments, color).await,
        Command::Rollback(arguments) => rollback::run(arguments, color).await,
        Command::Restore(arguments) => restore::run(*arguments, color).await,
        // On the heap, as they are large.
        Command::Failover(arguments) => Box::pin(failover::run(*arguments, color)).await,
        Command::Recovery(command) => Box::pin(recovery::run(command, color)).await,
        Command::Pause(arguments) => pause::run(arguments, color).await,
        Command::Resume(arguments) => resume::run(arguments, color).await,
        Command::Unlock(arguments) => unlock::run(arguments, color).await,
        Command::Show(arguments) => show::run(arguments, color).await,
        Command::Top(arguments) => top::run(arguments, color).await,
        Command::Logs(arguments) => logs::run(arguments, color).await,
        Command::Outputs(arguments) => outputs::run(arguments, color).await,
        Command::List(arguments) => list::run(arguments, color).await,
        Command::Extend(arguments) => extend::run(arguments, color).await,
        Command::Reap(arguments) => reap::run(arguments, color).await,
        Command::Schedule(arguments) => schedule::run(arguments, color).await,
        Command::Assets(command) => assets::run(command, color).await,
        Command::Invalidate(arguments) => invalidate::run(arguments, color).await,
        Command::Archive(command) => archive::run(command, color).await,
        Command::Access(arguments) => access::run(arguments, color).await,
        Command::Firewall(command) => firewall::run(command, color).await,
        Command::Capacity(arguments) => capacity::run(arguments, color).await,
        Command::Load(arguments) => load::run(arguments, color).await,
        Command::Graph(arguments) => graph::run(arguments),
        Command::Schema(arguments) => schema::run(arguments),
        Command::Init(arguments) => init::run(arguments, color),
        Command::Local(arguments) => local::run(arguments, color).await,
        Command::Completions(arguments) => completions::run(arguments, Cli::command()),
    };
    Ok(exit? as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn words_of_other_tools_lead_to_commands() {
        let said = |words: &[&str]| suggested(Cli::try_parse_from([&["stack"], words].concat()).unwrap_err()).to_string();
        for (word, command) in [("version", "--version"), ("ls", "list"), ("diff", "plan"), ("up", "apply"), ("down", "destroy")]
        {
            assert!(said(&[word]).contains(&format!("`stack {command}`")), "{}", said(&[word]));
        }
        assert!(said(&["paln"]).contains("'plan'"));
        assert!(Cli::try_parse_from(["stack", "status"]).is_ok());
        assert!(said(&["help", "plan"]).contains("Usage: stack plan"), "{}", said(&["help", "plan"]));
    }

    #[test]
    fn options_of_other_tools_work() {
        let parsed = |words: &[&str]| Cli::try_parse_from([&["stack"], words].concat()).unwrap();
        assert_eq!(parsed(&["plan", "--no-color"]).global.color(), Color::Never);
        assert_eq!(parsed(&["plan"]).global.color(), Color::Auto);
        let Command::Apply(_) = parsed(&["apply", "--auto-approve", "--wait-for-lease", "s.yaml"]).command else { panic!() };
    }

    #[test]
    fn a_destroy_offers_only_what_it_does() {
        let mut all = Cli::command();
        let mut help = |command: &str| all.find_subcommand_mut(command).unwrap().render_long_help().to_string();
        let (apply, destroy) = (help("apply"), help("destroy"));
        for flag in ["--allow-replace", "--allow-upgrade", "--without-data"] {
            assert!(apply.contains(flag) && !destroy.contains(flag), "{flag}");
        }
        assert!(destroy.contains("--allow-delete") && destroy.contains("--confirm"), "{destroy}");
    }
}
