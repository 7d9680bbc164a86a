//! The section `check`: what `stack check` accepts.

use std::collections::BTreeMap;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::Wrong;

/// What `stack check` accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckSection {
    /// Controls that are not met on purpose, by their ids, such as `ELB.1`. `stack check --list` lists them. Default: none.
    pub exceptions: BTreeMap<String, Exception>,
    /// Files and folders with rules of your own in Rego, seen from this file: `stack check` holds the stack to them, too. Default: none.
    #[schemars(inner(length(min = 1)), example = &["rules"])]
    pub rules: Vec<String>,
}

/// Why a control is not met, and until when that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Why, for readers of the report.
    #[schemars(length(min = 1), example = &"the application has no domain yet")]
    pub reason: String,
    /// The last day on which it is accepted, in UTC. Afterwards the control is a finding again.
    #[schemars(extend("format" = "stack-date", "pattern" = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "patternErrorMessage" = "write a day like `2027-01-31`"), example = &"2027-01-31")]
    pub until: String,
    /// The only object that it is for, by its key such as `s3.bucket/cdn-logs`; or a part of the file such as `services.web`, and
    /// everything in it. Default: every object.
    #[serde(default)]
    #[schemars(example = &"services.web")]
    pub object: Option<String>,
}

impl Exception {
    /// Checks whether it counts on a day.
    pub fn holds(&self, today: Date) -> bool {
        day(&self.until).is_ok_and(|until| today <= until)
    }
}

/// Reads a day.
///
/// # Errors
/// What is wrong with the text.
pub fn day(text: &str) -> Result<Date, Wrong> {
    let is_shaped = text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
    text.parse::<Date>()
        .ok()
        .filter(|_| is_shaped)
        .ok_or_else(|| Wrong::new(format!("`{}` is not a day", super::diagnostic::short(text)), "write a day like `2027-01-31`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_counts_and_the_next_does_not() {
        let exception = Exception { reason: "r".into(), until: "2027-01-31".into(), object: None };
        let on = |text: &str| exception.holds(day(text).unwrap());
        assert!(on("2026-11-27") && on("2027-01-31") && !on("2027-02-01"));
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in ["2027-02-29", "2027-13-01", "27-01-31", "2027-01-31T00:00", "soon", "2027/01/31"] {
            assert!(day(text).is_err(), "{text}");
        }
        assert!(day("2028-02-29").is_ok());
    }
}
