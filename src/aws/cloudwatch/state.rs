//! The states of alarms.

use aws_sdk_cloudwatch::types::StateValue;
use aws_smithy_types::DateTime;
use serde::{Deserialize, Serialize};

/// The state of an alarm, as CloudWatch reports it
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html>); nothing of one that was just written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AlarmState {
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Since when, as RFC 3339 writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why, in CloudWatch's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl AlarmState {
    /// Returns what CloudWatch reports.
    pub(super) fn of(state: Option<&StateValue>, since: Option<&DateTime>, why: Option<&str>) -> AlarmState {
        AlarmState {
            state: state.map(|state| state.as_str().to_owned()),
            since: since.and_then(|since| jiff::Timestamp::from_second(since.secs()).ok()).map(|since| since.to_string()),
            why: why.map(str::to_owned),
        }
    }

    /// Checks whether the alarm has gone off.
    pub fn is_alarm(&self) -> bool {
        self.state.as_deref() == Some(StateValue::Alarm.as_str())
    }

    /// Checks whether CloudWatch has no data to decide by.
    pub fn is_unknown(&self) -> bool {
        self.state.as_deref() == Some(StateValue::InsufficientData.as_str())
    }
}
