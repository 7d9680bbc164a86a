//! The controls of queues: <https://docs.aws.amazon.com/securityhub/latest/userguide/sqs-controls.html>.

use super::Queue;
use crate::aws::control::Severity::{High, Medium};
use crate::aws::control::{Breach, Control, View, policies};
use crate::engine::Result;

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "SQS.1",
        Medium,
        ("Queues are encrypted at rest", "messages are stored on disks until they are received", "set `sse: true`, or `kms_key`"),
        plain,
    ),
    Control::new(
        "SQS.3",
        High,
        (
            "No anonymous sending or receiving",
            "anyone can then read the messages and send their own",
            "name the accounts or services in the queue's policy",
        ),
        public,
    ),
];

fn plain(view: &View) -> Result<Vec<Breach>> {
    // AWS encrypts a new queue with a key of its own.
    let wrong = |queue: &Queue| queue.sse == Some(false) && queue.kms_key.as_deref().is_none_or(str::is_empty);
    let all = view.all::<Queue>()?.into_iter().filter(|(_, queue)| wrong(queue));
    Ok(all.map(|(key, _)| Breach::new(key, "its messages are not encrypted").fix(&["sse"], true)).collect())
}

fn public(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Queue>()?.into_iter();
    let wrong = all.filter(|(_, queue)| queue.policy.as_ref().is_some_and(|policy| policies::is_public(policy, &[])));
    Ok(wrong.map(|(key, _)| Breach::new(key, "its policy allows everyone")).collect())
}
