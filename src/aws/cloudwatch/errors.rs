//! The meanings of CloudWatch's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // A composite alarm of someone else names it in its rule (ekristen/aws-nuke#462).
    Row::codes(&["cloudwatch:DeleteAlarms"], &["ValidationError"], Class::Blocked).and_says("composite alarm"),
    // Its alarms were just made, and are not known everywhere yet (awsdocs/aws-cloudformation-user-guide#911).
    Row::says(&["cloudwatch:PutCompositeAlarm"], "do not exist", Class::NotYet),
    // Other tags are being written (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_TagResource.html>).
    Row::codes(&["cloudwatch:TagResource", "cloudwatch:UntagResource"], &["ConflictException"], Class::NotYet),
    Row::codes(&["cloudwatch:*"], &["ResourceNotFound"], Class::NotFound),
    Row::codes(&["cloudwatch:*"], &["LimitExceeded"], Class::Limit),
];

table!(ERRORS, "CloudWatch");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn codes_mean_what_cloudwatch_means_by_them() {
        let class = |op, code| means(ERRORS, op, code, "");
        assert_eq!(class("cloudwatch:DeleteAlarms", "ResourceNotFound"), Class::NotFound);
        assert_eq!(class("cloudwatch:TagResource", "ResourceNotFoundException"), Class::NotFound);
        assert_eq!(class("cloudwatch:TagResource", "ConflictException"), Class::NotYet);
        assert_eq!(class("cloudwatch:PutMetricAlarm", "LimitExceeded"), Class::Limit);
        assert_eq!(class("cloudwatch:PutMetricAlarm", "ValidationError"), Class::Invalid);
        let new = "Could not save the composite alarm as alarms [shop-cpu] in the alarm rule do not exist";
        assert_eq!(means(ERRORS, "cloudwatch:PutCompositeAlarm", "ValidationError", new), Class::NotYet);
        let needed = "Cannot delete shop-cpu as there are composite alarm(s) depending on it.";
        assert_eq!(means(ERRORS, "cloudwatch:DeleteAlarms", "ValidationError", needed), Class::Blocked);
    }
}
