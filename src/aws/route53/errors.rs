//! The meanings of Route 53's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] =
    &[Row::codes(&["route53:ChangeResourceRecordSets"], &["InvalidChangeBatch"], Class::Exists).and_says("already exists")];

table!(ERRORS, "Route 53");
