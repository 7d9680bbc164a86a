//! The meanings of IAM's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // A policy may name what was just made.
    Row::says(&["iam:CreateRole", "iam:UpdateAssumeRolePolicy"], "nvalid principal", Class::NotYet),
    Row::codes(
        &["iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:TagRole", "iam:PutGroupPolicy", "iam:AddUserToGroup", "iam:TagUser"],
        &["NoSuchEntity", "NoSuchEntityException"],
        Class::NotYet,
    ),
    Row::codes(&["iam:*"], &["NoSuchEntity", "NoSuchEntityException"], Class::NotFound),
    Row::codes(&["iam:*"], &["DeleteConflict", "DeleteConflictException"], Class::InUse),
];

table!(ERRORS, "IAM");
