//! People: IAM groups, and users that are in them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::service::PolicyStatement;
use super::values::Name;

/// Who may do what with this stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Groups, by name.
    pub groups: BTreeMap<Name, Group>,
    /// Users and the groups that each is in. Removing one here removes the user with keys, login and MFA.
    pub users: BTreeMap<String, Vec<String>>,
}

/// A group of people who may do the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Group {
    /// Managed policies: the names of AWS's own (`ReadOnlyAccess`), or ARNs.
    pub policies: Vec<String>,
    /// What the group may do with this stack, and with no other.
    pub may: Vec<Permission>,
    /// Further statements, word by word.
    pub statements: Vec<PolicyStatement>,
}

/// Something that a group may do with this stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// See what is running and read its logs.
    View,
    /// Release new versions of its services, change how many tasks run, and push static files.
    Deploy,
    /// Open a shell in a running container.
    Exec,
}
