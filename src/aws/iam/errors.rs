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
    // A role or user whose boundary does not exist: "Scope ARN: … does not exist or is not attachable."
    Row::says(
        &["iam:CreateRole", "iam:CreateUser", "iam:PutRolePermissionsBoundary", "iam:PutUserPermissionsBoundary"],
        "Scope ARN",
        Class::Invalid,
    ),
    Row::codes(&["iam:*"], &["NoSuchEntity", "NoSuchEntityException"], Class::NotFound),
    Row::codes(&["iam:*"], &["DeleteConflict", "DeleteConflictException"], Class::InUse),
];

table!(ERRORS, "IAM");
