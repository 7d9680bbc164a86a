//! The meanings of SNS's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // A topic has the name, and other tags or attributes: "Topic already exists with different tags".
    Row::codes(&["sns:CreateTopic"], INVALID, Class::Exists).and_says("already exists with different"),
    // Its policy names a role that was just made.
    Row::codes(&["sns:CreateTopic", "sns:SetTopicAttributes"], INVALID, Class::NotYet).and_says("PrincipalNotFound"),
    // Another change of its tags is not finished, or a topic of its name was deleted a moment ago: "wait a short while"
    // (<https://docs.aws.amazon.com/sns/latest/api/API_TagResource.html>).
    Row::codes(&["sns:*"], &["ConcurrentAccess", "StaleTag"], Class::NotYet),
];

const INVALID: &[&str] = &["InvalidParameter"];

table!(ERRORS, "SNS");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn a_topic_of_someone_else_is_not_created_again() {
        let class = |op, message| means(ERRORS, op, "InvalidParameter", message);
        let taken = "Invalid parameter: Tags Reason: Topic already exists with different tags";
        assert_eq!(class("sns:CreateTopic", taken), Class::Exists);
        let new = "Invalid parameter: Policy Error: PrincipalNotFound";
        assert_eq!(class("sns:SetTopicAttributes", new), Class::NotYet);
        assert_eq!(class("sns:CreateTopic", "Invalid parameter: Topic Name"), Class::Invalid);
        assert_eq!(means(ERRORS, "sns:TagResource", "StaleTag", ""), Class::NotYet);
        assert_eq!(means(ERRORS, "sns:GetTopicAttributes", "NotFound", ""), Class::NotFound);
        assert_eq!(means(ERRORS, "sns:CreateTopic", "TopicLimitExceeded", ""), Class::Limit);
    }
}
