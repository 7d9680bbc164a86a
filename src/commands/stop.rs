//! Why a command stops before its end, and how it ended as scripts see it.

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
    pub fn of<'a>(errors: impl IntoIterator<Item = &'a Error>) -> Exit {
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
pub enum Stop {
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
    pub fn message(text: impl Into<String>, help: impl Into<String>) -> Self {
        Stop::Message(Exit::Failed, text.into(), Some(help.into()))
    }

    pub fn refused(text: impl Into<String>, help: impl Into<String>) -> Self {
        Stop::Message(Exit::Refused, text.into(), Some(help.into()))
    }

    pub fn bad_file(text: impl Into<String>, help: impl Into<String>) -> Self {
        Stop::Message(Exit::BadFile, text.into(), Some(help.into()))
    }

    /// The same after something was changed.
    pub fn midway(self) -> Self {
        match self {
            Stop::Errors(errors) => Stop::Partly(errors),
            Stop::Message(Exit::Failed, text, help) => Stop::Message(Exit::Partly, text, help),
            Stop::Report(_) | Stop::Local(_) | Stop::Partly(_) | Stop::Message(..) => self,
        }
    }

    /// The same with one more thing to know.
    pub fn hint(mut self, hint: &str) -> Self {
        if let Stop::Errors(errors) | Stop::Partly(errors) = &mut self
            && let Some(first) = errors.first_mut()
        {
            first.hints.push(hint.to_owned());
        }
        self
    }

    pub fn exit(&self) -> Exit {
        match self {
            Stop::Partly(_) => Exit::Partly,
            Stop::Report(_) => Exit::BadFile,
            Stop::Errors(errors) => Exit::of(errors),
            Stop::Local(_) => Exit::Failed,
            Stop::Message(exit, ..) => *exit,
        }
    }

    /// The same for programs.
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

    pub fn show(&self, look: &Look) -> String {
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

/// What a command, or a part of one, comes to.
pub type Result<T = Exit, E = Stop> = std::result::Result<T, E>;
