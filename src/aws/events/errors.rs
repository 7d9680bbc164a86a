//! The meanings of EventBridge's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // A rule that was just made.
    Row::codes(&["events:PutTargets"], &["ResourceNotFoundException"], Class::NotYet),
];

table!(ERRORS, "EventBridge");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::entry;

    #[test]
    fn a_failed_entry_is_retried_when_that_helps() {
        let class = |code| entry(ERRORS, "events:PutTargets", Some(code), Some("why")).class;
        assert_eq!(class("ThrottlingException"), Class::Throttled);
        assert_eq!(class("ConcurrentModificationException"), Class::NotYet);
        assert_eq!(class("InternalException"), Class::Ambiguous);
        assert_eq!(class("ValidationException"), Class::Invalid);
        assert_eq!(entry(ERRORS, "events:RemoveTargets", None, None).to_string(), "events:RemoveTargets: no reason given");
    }
}
