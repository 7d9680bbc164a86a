//! The controls of topics: <https://docs.aws.amazon.com/securityhub/latest/userguide/sns-controls.html>.

use super::Topic;
use crate::aws::control::Severity::{High, Medium};
use crate::aws::control::{Breach, Control, View, policies};
use crate::engine::Result;

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "SNS.1",
        Medium,
        ("Topics are encrypted with a key of KMS", "messages are stored on disks until they are delivered", "set `kms_key`"),
        plain,
    )
    .other(),
    Control::new(
        "SNS.4",
        High,
        (
            "No anonymous publishing or subscribing",
            "anyone can then read the messages and send their own",
            "name the accounts or services in the topic's policy",
        ),
        public,
    ),
];

fn plain(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Topic>()?.into_iter().filter(|(_, topic)| topic.kms_key.as_deref().is_none_or(str::is_empty));
    Ok(all.map(|(key, _)| Breach::new(key, "its messages are not encrypted")).collect())
}

fn public(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Topic>()?.into_iter();
    let wrong = all.filter(|(_, topic)| topic.policy.as_ref().is_some_and(|policy| policies::is_public(policy, &[])));
    Ok(wrong.map(|(key, _)| Breach::new(key, "its policy allows everyone")).collect())
}
