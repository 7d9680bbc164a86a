//! One command, one file: its arguments and one function. What they share is in `session`.

mod apply;
mod assets;
mod completions;
mod consent;
mod destroy;
mod drift;
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
mod saved;
mod schema;
mod session;
mod show;
mod turn;
mod unlock;
mod validate;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::aws;
use crate::config::Report;
use crate::engine::{Class, Error};
use crate::local::LocalError;
use crate::ui::{self, Look};

/// How a command ended, for scripts. `docs/ci.md` has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It worked.
    Ok = 0,
    /// It did not, and nothing was changed.
    Failed = 1,
    /// `plan --detailed-exitcode`: there are changes. `drift`: there is some.
    Changes = 2,
    /// Some of it was done and some not; the same command again goes on from there.
    Partly = 3,
    /// Nothing was done: the plan has what is refused, consent is missing, or a saved plan is no longer true.
    Refused = 4,
    /// Another run is changing this stack.
    Held = 5,
    /// AWS did not let us: credentials or permissions.
    Denied = 6,
    /// The command line is wrong.
    Usage = 64,
    /// The file is wrong, or cannot be read. As `EX_DATAERR` of `sysexits.h`.
    BadFile = 65,
    /// It was interrupted; what was under way has ended.
    Interrupted = 130,
}

impl Exit {
    /// What these errors are together, when nothing was done.
    fn of<'a>(errors: impl IntoIterator<Item = &'a Error>) -> Exit {
        let classes: Vec<Class> = errors.into_iter().map(|error| error.class).collect();
        // One call that is not allowed is what there is to mend, whatever else went wrong.
        if classes.iter().any(|class| matches!(class, Class::Denied | Class::Credentials)) {
            Exit::Denied
        } else if classes.contains(&Class::Lost) {
            Exit::Held
        } else {
            Exit::Failed
        }
    }
}

/// Why a command stopped.
#[derive(Debug)]
enum Stop {
    /// The file is wrong.
    Report(Box<Report>),
    /// AWS or the engine said no.
    Errors(Vec<Error>),
    /// The local AWS did.
    Local(Box<LocalError>),
    /// AWS or the engine said no, after something was changed.
    Partly(Vec<Error>),
    /// Anything else, in a sentence, with what to do.
    Message(Exit, String, Option<String>),
}

impl Stop {
    fn message(text: impl Into<String>, help: impl Into<String>) -> Self {
        Stop::Message(Exit::Failed, text.into(), Some(help.into()))
    }

    fn refused(text: impl Into<String>, help: impl Into<String>) -> Self {
        Stop::Message(Exit::Refused, text.into(), Some(help.into()))
    }

    fn bad_file(text: impl Into<String>, help: impl Into<String>) -> Self {
        Stop::Message(Exit::BadFile, text.into(), Some(help.into()))
    }

    /// The same after something was changed.
    fn midway(self) -> Self {
        match self {
            Stop::Errors(errors) => Stop::Partly(errors),
            Stop::Message(Exit::Failed, text, help) => Stop::Message(Exit::Partly, text, help),
            Stop::Report(_) | Stop::Local(_) | Stop::Partly(_) | Stop::Message(..) => self,
        }
    }

    /// The same with one more thing to know.
    fn hint(mut self, hint: &str) -> Self {
        if let Stop::Errors(errors) | Stop::Partly(errors) = &mut self
            && let Some(first) = errors.first_mut()
        {
            first.hints.push(hint.to_owned());
        }
        self
    }

    fn exit(&self) -> Exit {
        match self {
            Stop::Partly(_) => Exit::Partly,
            Stop::Report(_) => Exit::BadFile,
            Stop::Errors(errors) => Exit::of(errors),
            Stop::Local(_) => Exit::Failed,
            Stop::Message(exit, ..) => *exit,
        }
    }

    /// The same for programs.
    fn to_json(&self) -> serde_json::Value {
        let mut error = match self {
            Stop::Report(report) => serde_json::json!({ "message": "the file is wrong", "problems": report.to_json() }),
            Stop::Errors(errors) | Stop::Partly(errors) => {
                let first = errors.first().map(ToString::to_string).unwrap_or_default();
                serde_json::json!({ "message": first, "errors": errors })
            }
            Stop::Local(error) => {
                serde_json::json!({ "message": error.message, "hints": error.hints, "details": error.details })
            }
            Stop::Message(_, text, help) => {
                serde_json::json!({ "message": text, "hints": help.iter().collect::<Vec<_>>() })
            }
        };
        error["exit"] = (self.exit() as u8).into();
        serde_json::json!({ "error": error })
    }

    fn show(&self, look: &Look) -> String {
        match self {
            Stop::Report(report) => report.render(look.width, look.color, look.unicode),
            Stop::Errors(errors) | Stop::Partly(errors) => ui::errors(errors, look),
            Stop::Local(error) => {
                let mut out = ui::problem(&error.message, error.hints.first().map(String::as_str), look);
                for line in error.details.iter().chain(error.hints.iter().skip(1)) {
                    out += &ui::note(&format!("  {line}"), look);
                }
                out
            }
            Stop::Message(_, text, help) => ui::problem(text, help.as_deref(), look),
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Errors(vec![error])
    }
}

impl From<Vec<Error>> for Stop {
    fn from(errors: Vec<Error>) -> Self {
        Stop::Errors(errors)
    }
}

impl From<LocalError> for Stop {
    fn from(error: LocalError) -> Self {
        Stop::Local(Box::new(error))
    }
}

impl From<Report> for Stop {
    fn from(report: Report) -> Self {
        Stop::Report(Box::new(report))
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Stop::Message(Exit::Failed, error.to_string(), None)
    }
}

type Result<T = Exit, E = Stop> = std::result::Result<T, E>;

/// Bring up, change and take down the whole AWS architecture of a web application: one file, one command, no state file.
#[derive(Debug, Parser)]
#[command(name = "stack", version, arg_required_else_help = true, disable_help_subcommand = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Args, Debug)]
struct Global {
    /// When to colour: NO_COLOR and the terminal decide, unless this does
    #[arg(long, global = true, value_enum, default_value_t = ui::Color::Auto, value_name = "WHEN")]
    color: ui::Color,
    #[command(flatten)]
    logging: logging::Logging,
}

/// The way to AWS. What is not said comes the usual AWS ways: environment, profile, SSO, container, instance.
#[derive(Args, Debug)]
struct Aws {
    /// Use this profile of the AWS configuration, whatever credentials the environment has
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    profile: Option<String>,
    /// Use this region instead of the file's
    #[arg(long, value_name = "REGION", help_heading = "AWS", value_parser = crate::config::region)]
    region: Option<String>,
    /// Send every request to this address, those for credentials too
    #[arg(long, value_name = "URL", help_heading = "AWS", value_parser = endpoint)]
    endpoint_url: Option<String>,
    /// Use the AWS on this machine; start it when it is not running
    #[arg(long, help_heading = "AWS", conflicts_with_all = ["endpoint_url", "profile"])]
    local: bool,
    /// The port of the AWS on this machine
    #[arg(long, help_heading = "AWS", value_name = "PORT", default_value_t = crate::local::DEFAULT_PORT, requires = "local")]
    local_port: u16,
}

/// Which stack.
#[derive(Args, Debug)]
struct StackFile {
    /// The stack file; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// The environment; `default` is the file as it stands. A file that has environments needs one wherever AWS is asked
    #[arg(long, short, value_name = "NAME", env = "STACK_ENV", hide_env_values = true)]
    env: Option<String>,
}

impl StackFile {
    /// The environment that was chosen. A variable that is set to nothing chooses none.
    fn env(&self) -> Option<&str> {
        self.env.as_deref().filter(|env| !env.is_empty())
    }
}

fn endpoint(url: &str) -> Result<String, String> {
    aws::call::clients::endpoint(url).map(|()| url.to_owned())
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
    let result = runtime.block_on(run(cli.command, color));
    // A call that hangs does not keep a finished command.
    runtime.shutdown_background();
    end(result, color)
}

fn end(result: Result, color: ui::Color) -> ExitCode {
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

async fn run(command: Command, color: ui::Color) -> Result {
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
        Command::Completions(arguments) => completions::run(arguments),
    }
}

/// The JSON Schema of stack files, with every registered kind.
pub fn stack_schema() -> serde_json::Value {
    let registry = aws::registry();
    crate::config::schema(registry.kinds().map(|kind| {
        let kind = kind.clone();
        (kind.info().name, move |generator: &mut schemars::SchemaGenerator| kind.schema(generator))
    }))
}

/// Says on standard error how an installation gets on: each step once, whatever its details.
fn steps(look: Look) -> impl Fn(&str) {
    let last = std::sync::Mutex::new(String::new());
    move |text: &str| {
        let step = text.split(':').next().unwrap_or(text);
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *last != step {
            // A progress line that cannot be written is not missed.
            let _ = ui::err(&ui::note(step, &look));
            *last = step.to_owned();
        }
    }
}

/// A time of the command line.
fn time(text: &str) -> Result<crate::config::Duration, String> {
    text.parse().map_err(|wrong: crate::config::values::Wrong| wrong.to_string())
}

/// Pretty JSON with a newline at its end.
fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map(|text| format!("{}\n", ui::safe_json(&text)))
        .map_err(|e| Stop::from(Error::internal(format!("it cannot be written as JSON: {e}"))))
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
