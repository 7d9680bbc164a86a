//! The meanings of Cloud Map's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // The same operation is under way.
    Row::codes(
        &["servicediscovery:CreateHttpNamespace", "servicediscovery:DeleteNamespace"],
        &["DuplicateRequest"],
        Class::NotYet,
    ),
];

table!(ERRORS, "Cloud Map");
