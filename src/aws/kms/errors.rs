//! The meanings of KMS's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[Row::codes(
    &["kms:CreateAlias", "kms:UpdateAlias", "kms:EnableKeyRotation", "kms:PutKeyPolicy", "kms:TagResource"],
    &["NotFoundException"],
    Class::NotYet,
)];

table!(ERRORS, "KMS");
