//! The meanings of Application Auto Scaling's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    Row::says(&["application-autoscaling:RegisterScalableTarget"], "service doesn't exist", Class::NotYet),
    Row::codes(
        &["application-autoscaling:PutScalingPolicy"],
        &["ObjectNotFoundException", "FailedResourceAccessException"],
        Class::NotYet,
    ),
];

table!(ERRORS, "Application Auto Scaling");
