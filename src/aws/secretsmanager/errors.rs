//! The meanings of Secrets Manager's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // The name of one that is being deleted, and a key that was just made.
    Row::says(MAKES, "scheduled for deletion", Class::NotYet),
    Row::codes(MAKES, &["EncryptionFailure"], Class::NotYet),
    Row::codes(&["secretsmanager:*"], &["ResourceExistsException"], Class::Exists),
];

const MAKES: &[&str] = &["secretsmanager:CreateSecret", "secretsmanager:UpdateSecret"];

table!(ERRORS, "Secrets Manager");
