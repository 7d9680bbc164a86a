//! Why a command stops before its end, and how it ended as scripts see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::Report;
use crate::engine::{Class, Error};
use crate::local::LocalError;
use crate::ui::{self, Terminal};

/// How a command ended, as scripts see it. `docs/ci.md` has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Success, or there was nothing to do.
    Ok = 0,
    /// It failed, and nothing was changed.
    Failed = 1,
    /// `plan --detailed-exitcode`: there are changes. `drift`: there is drift. `compare`: something differs that the file does
    /// not say. `check`: there are findings. `recovery check`: an objective cannot hold. `load --rate`: the goal broke.
    Changes = 2,
    /// Some of it was done and some was not; the same command continues from there.
    Partly = 3,
    /// Nothing was changed: the plan has refusals, consent is missing, or a saved plan is out of date.
    Refused = 4,
    /// Another run holds the lease.
    Held = 5,
    /// AWS did not accept the credentials or the permissions.
    Denied = 6,
    /// The command line is wrong.
    Usage = 64,
    /// The file is wrong or cannot be read. As `EX_DATAERR` in `sysexits.h`.
    BadFile = 65,
    /// It was interrupted; calls in flight have ended.
    Interrupted = 130,
}

impl Exit {
    /// Returns the exit code for errors after which nothing was changed.
    pub fn of<'a>(errors: impl IntoIterator<Item = &'a Error>) -> Exit {
        let classes: Vec<Class> = errors.into_iter().map(|error| error.class).collect();
        // A denied call has to be fixed first, whatever else went wrong.
        if classes.iter().any(|class| matches!(class, Class::Denied | Class::Credentials)) {
            Exit::Denied
        } else if classes.contains(&Class::Lost) {
            Exit::Held
        } else {
            Exit::Failed
        }
    }
}

/// Why a command stopped before its end.
#[derive(Debug)]
pub enum Stop {
    /// The file is wrong.
    Report(Box<Report>),
    /// AWS or the engine reported errors, and nothing was changed.
    Errors(Vec<Error>),
    /// The local AWS reported one.
    Local(Box<LocalError>),
    /// AWS or the engine reported errors after something was changed.
    Partly(Vec<Error>),
    /// Anything else: the exit code, what happened, and the next step.
    Message(Exit, String, Option<String>),
}

impl Stop {
    /// Returns a failure that changed nothing, with the next step.
    pub fn message(text: impl Into<String>, help: impl Into<String>) -> Self {
        Stop::Message(Exit::Failed, text.into(), Some(help.into()))
    }

    /// Returns a refusal to change anything, with the next step.
    pub fn refused(text: impl Into<String>, help: impl Into<String>) -> Self {
        Stop::Message(Exit::Refused, text.into(), Some(help.into()))
    }

    /// Returns a problem of the file as a whole, with the next step.
    pub fn bad_file(text: impl Into<String>, help: impl Into<String>) -> Self {
        Stop::Message(Exit::BadFile, text.into(), Some(help.into()))
    }

    /// Returns the same stop as one after something was changed.
    pub fn midway(self) -> Self {
        match self {
            Stop::Errors(errors) => Stop::Partly(errors),
            Stop::Message(Exit::Failed, text, help) => Stop::Message(Exit::Partly, text, help),
            Stop::Report(_) | Stop::Local(_) | Stop::Partly(_) | Stop::Message(..) => self,
        }
    }

    /// Adds a next step.
    pub fn hint(mut self, hint: &str) -> Self {
        if let Stop::Errors(errors) | Stop::Partly(errors) = &mut self
            && let Some(first) = errors.first_mut()
        {
            first.hints.push(hint.to_owned());
        }
        self
    }

    /// Returns the exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Stop::Partly(_) => Exit::Partly,
            Stop::Report(_) => Exit::BadFile,
            Stop::Errors(errors) => Exit::of(errors),
            Stop::Local(_) => Exit::Failed,
            Stop::Message(exit, ..) => *exit,
        }
    }

    /// Returns the error as JSON, for programs.
    pub fn to_json(&self) -> serde_json::Value {
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

    /// Renders the error for people.
    pub fn show(&self, terminal: &Terminal) -> String {
        match self {
            Stop::Report(report) => report.render(terminal.width, terminal.color, terminal.unicode),
            Stop::Errors(errors) | Stop::Partly(errors) => ui::errors(errors, terminal),
            Stop::Local(error) => {
                let mut out = ui::problem(&error.message, error.hints.first().map(String::as_str), terminal);
                for line in error.details.iter().chain(error.hints.iter().skip(1)) {
                    out += &ui::note(&format!("  {line}"), terminal);
                }
                out
            }
            Stop::Message(_, text, help) => ui::problem(text, help.as_deref(), terminal),
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

/// The result of a command, or of a part of one.
pub type Result<T = Exit, E = Stop> = std::result::Result<T, E>;

/// Listens for Ctrl-C between the runs of a command that makes several; each run listens for itself.
pub struct Interrupted {
    flag: Arc<AtomicBool>,
    listener: tokio::task::JoinHandle<()>,
}

impl Interrupted {
    /// Begins to listen.
    pub fn listen() -> Interrupted {
        let flag = Arc::new(AtomicBool::new(false));
        let heard = flag.clone();
        let listener = tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                heard.store(true, Ordering::Relaxed);
            }
        });
        Interrupted { flag, listener }
    }

    /// Checks whether Ctrl-C was pressed, or a run was interrupted.
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// Records that a run was interrupted.
    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }
}

impl Drop for Interrupted {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
