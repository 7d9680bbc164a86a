//! What happens to an object.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is to happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is as it should be.
    Keep,
    /// It does not exist.
    Create,
    /// It differs in fields that AWS can change.
    Update,
    /// It differs in a field that AWS cannot change, or it failed.
    Replace,
    /// It belongs to the stack and is not in the file.
    Delete,
    /// It cannot be done; nothing is done while there is one of these.
    Refuse,
}

/// Which half of a replacement comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The new one serves before the old one is deleted.
    CreateFirst,
    /// Both cannot exist at once.
    DeleteFirst,
}

/// What an operation does to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Create it, and wait until it serves.
    Create,
    /// Change it, and wait until it serves.
    Update,
    /// Create it, or change it, so far that what will serve behind it can start, while it sends no requests there yet.
    Prepare,
    /// AWS is already working on it: wait until it serves.
    Wait,
    /// Delete it, and wait until it is gone.
    Delete,
}
