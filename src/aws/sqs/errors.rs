//! The meanings of SQS's error codes: with and without `AWS.SimpleQueueService.` before them.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    Row::codes(&["sqs:*"], &["*NonExistentQueue", "*QueueDoesNotExist"], Class::NotFound),
    // A queue has the name, and other attributes.
    Row::codes(&["sqs:CreateQueue"], &["QueueAlreadyExists", "*QueueNameExists"], Class::Exists),
    // "You must wait 60 seconds" (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>).
    Row::codes(&["sqs:CreateQueue"], &["*QueueDeletedRecently"], Class::NotYet).within(120),
    // The queue for dead letters was just made.
    Row::codes(
        &["sqs:CreateQueue", "sqs:SetQueueAttributes"],
        &["InvalidParameterValue", "InvalidAttributeValue"],
        Class::NotYet,
    )
    .and_says("Dead letter target does not exist"),
    // Its policy names a role that was just made: Terraform's provider tries again
    // (<https://github.com/hashicorp/terraform-provider-aws/pull/35861>).
    Row::codes(&["sqs:CreateQueue", "sqs:SetQueueAttributes"], &["InvalidAttributeValue"], Class::NotYet)
        .and_says("Invalid value for the parameter Policy"),
];

table!(ERRORS, "SQS");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn codes_mean_the_same_with_and_without_their_service() {
        let class = |op, code: &str| [code, &format!("AWS.SimpleQueueService.{code}")].map(|code| means(ERRORS, op, code, ""));
        assert_eq!(class("sqs:GetQueueAttributes", "NonExistentQueue"), [Class::NotFound; 2]);
        assert_eq!(class("sqs:DeleteQueue", "QueueDoesNotExist"), [Class::NotFound; 2]);
        assert_eq!(class("sqs:CreateQueue", "QueueDeletedRecently"), [Class::NotYet; 2]);
        assert_eq!(class("sqs:CreateQueue", "QueueAlreadyExists"), [Class::Exists; 2]);
        assert_eq!(class("sqs:CreateQueue", "QueueNameExists"), [Class::Exists; 2]);
    }

    #[test]
    fn only_of_policies_a_value_may_be_right_later() {
        let class = |message| means(ERRORS, "sqs:SetQueueAttributes", "InvalidAttributeValue", message);
        assert_eq!(class("Invalid value for the parameter Policy."), Class::NotYet);
        assert_eq!(class("Invalid value for the parameter VisibilityTimeout."), Class::Invalid);
        assert_eq!(
            class("Value {...} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist."),
            Class::NotYet
        );
    }
}
