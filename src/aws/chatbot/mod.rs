//! Channels of chats that are told, in Amazon Q Developer in chat applications, whose API is still called AWS Chatbot.

mod channel;
mod checks;
pub(in crate::aws) mod errors;
mod slack_channel;
mod teams_channel;

pub use slack_channel::SlackChannel;
pub use teams_channel::TeamsChannel;

use crate::aws::wing::{KindRow, Wing};

/// The service and its kinds. It costs nothing (<https://aws.amazon.com/chatbot/pricing/>).
pub(super) static WING: Wing =
    Wing { checks: checks::of, ..Wing::of(&[KindRow::of::<SlackChannel>(), KindRow::of::<TeamsChannel>()]) };
