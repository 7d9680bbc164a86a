//! The meanings of CloudWatch Logs's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    Row::codes(
        &["logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy", "logs:TagResource", "logs:PutMetricFilter"],
        &["ResourceNotFoundException"],
        Class::NotYet,
    ),
    // Another change of the group is under way: "Multiple concurrent requests to update the same resource were in conflict"
    // (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>).
    Row::codes(&["logs:PutMetricFilter", "logs:DeleteMetricFilter"], &["OperationAbortedException"], Class::NotYet),
    // The log group of a query is looked for when the query is kept.
    Row::codes(&["logs:PutQueryDefinition"], &["ResourceNotFoundException"], Class::NotYet).and_says("log group"),
    // A key that was just made, or its policy, is not known to CloudWatch Logs yet.
    Row::says(&["logs:CreateLogGroup", "logs:AssociateKmsKey"], "KMS key", Class::NotYet),
];

table!(ERRORS, "CloudWatch Logs");
