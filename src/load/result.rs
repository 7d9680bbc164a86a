//! All that a load test found.

use serde::Serialize;

use super::limit::{Figure, Limit};
use super::search::End;
use super::step::Step;

/// A load test that has ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadTest {
    /// The stack and the environment: `shop/staging`.
    pub stack: String,
    /// The address that requests were sent to.
    pub url: String,
    /// The service that answers there, when it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The goal.
    pub goal: String,
    /// When it began.
    pub began: String,
    /// Why it ended.
    pub end: End,
    /// The highest rate at which the goal held, in requests per second.
    pub holds: Option<f64>,
    /// The lowest rate at which it broke.
    pub breaks: Option<f64>,
    /// The tasks of the service at the rate that held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u32>,
    /// Requests per second for each of these tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_task: Option<f64>,
    /// What the limit was.
    pub limit: Limit,
    /// Every rate that was tried, in order.
    pub steps: Vec<Step>,
    /// The highest figures of each part.
    pub parts: Vec<Figure>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

impl LoadTest {
    /// Returns how many requests were due.
    pub fn requests(&self) -> u64 {
        self.steps.iter().map(|step| step.due).sum()
    }

    /// Returns the last step at the rate that held.
    pub fn best(&self) -> Option<&Step> {
        let holds = self.holds?;
        self.steps.iter().rev().find(|step| step.rate == holds && step.held())
    }

    /// Returns what the test found, in a sentence.
    pub fn found(&self) -> String {
        let (goal, rate) = (&self.goal, |rate: f64| rate_text(rate));
        match (self.holds, self.breaks) {
            (Some(holds), Some(breaks)) => format!("{goal} holds at {} and breaks at {}.", rate(holds), rate(breaks)),
            (Some(holds), None) => format!("{goal} holds at {}; no rate was tried at which it breaks.", rate(holds)),
            (None, Some(breaks)) => format!("{goal} breaks already at {}.", rate(breaks)),
            (None, None) => format!("Nothing was found about {goal}."),
        }
    }

    /// Returns what ended it, in a sentence, where it was not that the rate was found.
    pub fn ended(&self) -> Option<&'static str> {
        match self.end {
            End::Found | End::Nowhere | End::Machine => None,
            End::Highest => Some("The highest rate that was allowed was reached (`--ramp`)."),
            End::Bound => Some("The bound of time or requests was reached first (`--for`, `--requests`)."),
            End::Interrupted => Some("The test was interrupted."),
        }
    }
}

/// Returns a rate for people: `97.5 requests/s`.
pub fn rate_text(rate: f64) -> String {
    let places = if rate >= 100.0 || rate.fract() == 0.0 { 0 } else { 1 };
    format!("{rate:.places$} requests/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_short() {
        assert_eq!(
            [0.5, 10.0, 97.5, 1234.56].map(rate_text).join(", "),
            "0.5 requests/s, 10 requests/s, 97.5 requests/s, 1235 requests/s"
        );
    }
}
