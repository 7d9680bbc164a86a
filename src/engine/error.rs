//! What went wrong, to what, and what to do about it.

use std::time::Duration;

use serde::Serialize;

use super::key::Key;

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is: what may be retried, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Asked too often. The SDK has retried already.
    Throttled,
    /// The answer was lost or the server failed: it may or may not have been done.
    Ambiguous,
    /// Something that was just created is not visible everywhere yet. Worth trying again.
    NotYet,
    /// Still in use by something else.
    InUse,
    /// In use by something that does not go away by itself.
    Blocked,
    /// It does not exist.
    NotFound,
    /// It exists already.
    Exists,
    /// Not allowed.
    Denied,
    /// The credentials are missing, expired or wrong.
    Credentials,
    /// A quota is used up, or there is no capacity.
    Limit,
    /// Refused as wrong.
    Invalid,
    /// Another run has the lease now: nothing more may be changed.
    Lost,
    /// The object was made and then failed.
    Failed,
    /// It took longer than it may. The cloud continues with it.
    Late,
    /// The cloud could not be asked, for longer than it is worth to wait.
    Unreachable,
    /// A defect of `stack`.
    Internal,
    /// Anything else.
    Other,
}

/// A failure: the operation, the object, AWS's code and request id, and the next step.
#[derive(Clone, Debug, Serialize)]
pub struct Error {
    /// What kind of failure it is.
    pub class: Class,
    /// The operation, with its service: `ec2:CreateSubnet`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The object that it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// AWS's error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened, in one sentence.
    pub message: String,
    /// AWS's request id, which its support asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// How long the cloud may take to know what was just made, where that is longer than usual ([`Class::NotYet`]).
    #[serde(skip)]
    pub lag: Option<Duration>,
}

impl Error {
    /// Returns a failure of this class.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Error {
            class,
            operation: None,
            key: None,
            code: None,
            message: message.into(),
            request_id: None,
            hints: Vec::new(),
            lag: None,
        }
    }

    /// Returns a defect of `stack` itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Error::new(Class::Internal, message).hint("this is a bug in `stack`: please report it with the command and the file")
    }

    /// Adds a next step.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Notes which object it was about, unless that is known.
    pub fn about(mut self, key: &Key) -> Self {
        self.key.get_or_insert_with(|| key.clone());
        self
    }

    /// Returns the same about something that was just created: when it is not found, it is not visible everywhere yet.
    pub fn of_new(self) -> Self {
        Error { class: if self.class == Class::NotFound { Class::NotYet } else { self.class }, ..self }
    }

    /// Checks whether AWS answered with this code.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(operation) = &self.operation {
            write!(f, "{operation}: ")?;
        }
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        write!(f, "{}", self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
