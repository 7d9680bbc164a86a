//! Permissions, in AWS IAM.

mod role;

pub use role::Role;
