//! Whether an object serves.

use serde::{Deserialize, Serialize};

/// Whether an object is as it was requested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// It serves.
    Ready,
    /// AWS is working on it; in AWS's own words.
    Waiting {
        /// AWS's status, and what else it says. After a line break: what a person must do, without which it never ends.
        status: String,
        /// From 0 to 1, when AWS reports it.
        progress: Option<f32>,
    },
    /// It exists with what is in it, and needs a person: AWS does not fix it by itself.
    Impaired(Impairment),
    /// AWS gave up, and there is nothing in it that could be saved; in AWS's own words.
    Failed(String),
    /// AWS is deleting it; in AWS's own words. What takes its place is created when it is gone.
    Leaving(String),
    /// It does not exist (any more).
    Gone,
}

/// What is wrong with an object that exists, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impairment {
    /// AWS's word for it.
    pub status: String,
    /// What it means, and what fixes it.
    pub advice: String,
    /// The fields whose change fixes it: nothing else of it can be changed before. Absent when it serves all the same, and
    /// can be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_by: Option<Vec<String>>,
}

impl Readiness {
    /// Returns that AWS is working on it.
    pub fn waiting(status: impl Into<String>) -> Self {
        Readiness::Waiting { status: status.into(), progress: None }
    }

    /// Checks whether nothing can be done with it any more.
    pub fn is_gone(&self) -> bool {
        matches!(self, Readiness::Gone | Readiness::Leaving(_))
    }

    /// Checks whether AWS reports what it reports only for what is ready ([`What::WhenReady`](super::rules::What::WhenReady)).
    pub fn tells_all(&self) -> bool {
        matches!(self, Readiness::Ready | Readiness::Impaired(Impairment { fixed_by: None, .. }))
    }

    /// Returns AWS's word for it, where there is one.
    pub fn word(&self) -> Option<&str> {
        match self {
            Readiness::Ready | Readiness::Gone => None,
            Readiness::Waiting { status, .. } => Some(status),
            Readiness::Impaired(impairment) => Some(&impairment.status),
            Readiness::Failed(word) | Readiness::Leaving(word) => Some(word),
        }
    }
}
