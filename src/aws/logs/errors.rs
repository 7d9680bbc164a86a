//! The meanings of CloudWatch Logs's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    Row::codes(
        &["logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy", "logs:TagResource"],
        &["ResourceNotFoundException"],
        Class::NotYet,
    ),
    // A key that was just made, or its policy, is not known to CloudWatch Logs yet.
    Row::says(&["logs:CreateLogGroup", "logs:AssociateKmsKey"], "KMS key", Class::NotYet),
];

table!(ERRORS, "CloudWatch Logs");
