//! The section `budget`: what the environment may cost in a month, and who is told when it costs more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alarms::{Alarms, Email};

/// The word for the topic of `alarms`.
pub const ALARMS: &str = "alarms";

/// A monthly budget for what carries the environment's tags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// What the environment may cost in a calendar month, in US dollars.
    #[schemars(range(min = 1), example = &300)]
    pub monthly: u32,
    /// The email addresses that receive notifications, at most 10. AWS asks none of them first. Default: those of `alarms`, if `topic` is
    /// not `alarms`.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Email>>", length(max = 10))]
    pub email: Option<Vec<String>>,
    /// The SNS topic that is notified: `alarms` for that of the section `alarms`, or an ARN. The policy of another topic must let
    /// `budgets.amazonaws.com` publish, and for `anomalies` also `costalerts.amazonaws.com`. Default: none.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^(alarms|arn:[^:]+:sns:[^:]+:[0-9]{12}:[A-Za-z0-9_-]+|\$\{.+\})$", "patternErrorMessage" = "write `alarms`, or the ARN of an SNS topic", "examples" = ["alarms", "arn:aws:sns:us-east-1:123456789012:ops"]))]
    pub topic: Option<String>,
    /// Percentages of `monthly` at which to notify about actual cost. With `forecast` at most five. Default: 80 and 100.
    #[serde(default = "actual")]
    #[schemars(inner(range(min = 1, max = 1000)), example = &[50, 80, 100])]
    pub actual: Vec<u32>,
    /// Percentages of `monthly` at which to notify about the cost that AWS forecasts for the whole month. It needs about five weeks of
    /// data for a forecast. Default: 100.
    #[serde(default = "forecast")]
    #[schemars(inner(range(min = 1, max = 1000)), example = &[100])]
    pub forecast: Vec<u32>,
    /// Whether unusual costs are reported, too. AWS can follow them by one tag only: those of all environments of the stack in this
    /// account, together. So this belongs in one of them. An account that is a member of an organization cannot have that
    /// (<https://docs.aws.amazon.com/cost-management/latest/userguide/getting-started-ad.html>). Default: they are not.
    #[serde(default)]
    pub anomalies: Option<Anomalies>,
    /// The percentage of `monthly` from which on `stack schedule` pauses the environment for the rest of the month. Not for production.
    /// Default: it is not paused.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000), example = &100)]
    pub pause: Option<u32>,
}

/// Which unusual costs are reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Anomalies {
    /// Minimum cost above normal, in US dollars, to report.
    #[schemars(range(min = 1), example = &50)]
    pub above: u32,
    /// How often addresses are notified. A topic is notified at once.
    pub every: Every,
}

impl Default for Anomalies {
    fn default() -> Self {
        Anomalies { above: 20, every: Every::Day }
    }
}

/// How often notifications are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Every {
    /// Once a day.
    Day,
    /// Once a week.
    Week,
}

fn actual() -> Vec<u32> {
    vec![80, 100]
}

fn forecast() -> Vec<u32> {
    vec![100]
}

impl Budget {
    /// Checks whether the topic of `alarms` is notified.
    pub fn tells_alarms(&self) -> bool {
        self.topic.as_deref() == Some(ALARMS)
    }

    /// Returns the addresses that receive notifications.
    pub fn addresses<'a>(&'a self, alarms: Option<&'a Alarms>) -> &'a [String] {
        match (&self.email, alarms) {
            (Some(email), _) => email,
            (None, Some(alarms)) if !self.tells_alarms() => &alarms.email,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_told_is_who_alarms_tells_unless_it_is_said() {
        let budget = |text: &str| serde_json::from_str::<Budget>(text).unwrap();
        let alarms = Alarms { email: vec!["ops@example.com".into()], ..Alarms::default() };
        let bare = budget(r#"{"monthly": 300}"#);
        assert_eq!((&bare.actual[..], &bare.forecast[..]), (&[80, 100][..], &[100][..]));
        assert_eq!(bare.addresses(Some(&alarms)), ["ops@example.com"]);
        assert!(bare.addresses(None).is_empty());
        let by_topic = budget(r#"{"monthly": 300, "topic": "alarms"}"#);
        assert!(by_topic.tells_alarms() && by_topic.addresses(Some(&alarms)).is_empty());
        let others = budget(r#"{"monthly": 300, "email": ["cfo@example.com"], "topic": "alarms"}"#);
        assert_eq!(others.addresses(Some(&alarms)), ["cfo@example.com"]);
        assert!(budget(r#"{"monthly": 300, "email": []}"#).addresses(Some(&alarms)).is_empty());
    }
}
