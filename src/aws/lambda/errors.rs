//! The meanings of Lambda's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // A role that was just made.
    Row::says(&["lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"], "cannot be assumed by Lambda", Class::NotYet),
    Row::codes(&["lambda:AddPermission"], &["ResourceNotFoundException"], Class::NotYet),
    // The change before is still being made.
    Row::codes(
        &["lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"],
        &["ResourceConflictException"],
        Class::InUse,
    ),
    Row::codes(&["lambda:CreateFunction", "lambda:AddPermission"], &["ResourceConflictException"], Class::Exists),
];

table!(ERRORS, "Lambda");
