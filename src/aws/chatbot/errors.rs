//! The meanings of AWS Chatbot's error codes: each operation has its own for what is wrong
//! (<https://docs.aws.amazon.com/chatbot/latest/APIReference/API_CreateSlackChannelConfiguration.html>).

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // The role was just made. It is refused likewise when it may not be assumed.
    Row::codes(
        &[
            "chatbot:CreateSlackChannelConfiguration",
            "chatbot:UpdateSlackChannelConfiguration",
            "chatbot:CreateMicrosoftTeamsChannelConfiguration",
            "chatbot:UpdateMicrosoftTeamsChannelConfiguration",
        ],
        &["InvalidParameterException"],
        Class::NotYet,
    )
    .and_says("role"),
    Row::codes(
        &["chatbot:CreateSlackChannelConfiguration", "chatbot:CreateMicrosoftTeamsChannelConfiguration"],
        &["ConflictException"],
        Class::Exists,
    ),
    Row::codes(&["chatbot:*"], &["LimitExceededException"], Class::Limit),
    Row::codes(&["chatbot:*"], &["InvalidParameterException", "InvalidRequestException"], Class::Invalid),
    Row::codes(
        &["chatbot:*"],
        &[
            "CreateSlackChannelConfigurationException",
            "UpdateSlackChannelConfigurationException",
            "DeleteSlackChannelConfigurationException",
            "DescribeSlackChannelConfigurationsException",
            "CreateTeamsChannelConfigurationException",
            "UpdateTeamsChannelConfigurationException",
            "DeleteTeamsChannelConfigurationException",
            "ListTeamsChannelConfigurationsException",
        ],
        Class::Ambiguous,
    ),
];

table!(ERRORS, "Amazon Q Developer in chat applications");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn codes_mean_what_chatbot_means_by_them() {
        let class = |op, code, said| means(ERRORS, op, code, said);
        let create = "chatbot:CreateSlackChannelConfiguration";
        assert_eq!(class(create, "ConflictException", ""), Class::Exists);
        assert_eq!(class(create, "InvalidParameterException", "The role cannot be assumed"), Class::NotYet);
        assert_eq!(class(create, "InvalidParameterException", "The workspace is not authorized"), Class::Invalid);
        assert_eq!(class(create, "LimitExceededException", ""), Class::Limit);
        let create = "chatbot:CreateMicrosoftTeamsChannelConfiguration";
        assert_eq!(class(create, "ConflictException", ""), Class::Exists);
        assert_eq!(class(create, "CreateTeamsChannelConfigurationException", ""), Class::Ambiguous);
        assert_eq!(class("chatbot:DeleteSlackChannelConfiguration", "ResourceNotFoundException", ""), Class::NotFound);
    }
}
