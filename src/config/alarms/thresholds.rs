//! Thresholds of alarms: percentages, numbers, times, and what is told without one.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::diagnostic::short;
use super::super::scalar::PATTERN_MESSAGE;
use super::super::values::{Duration, Wrong};

pub use super::super::or_off::OFF;

/// The word for what is reported without a threshold.
const ON: &str = "on";

/// The value beyond which an alarm goes off, or that it is not wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold<U> {
    /// There is no such alarm.
    Off,
    /// The alarm goes off beyond this.
    At(U),
}

/// What thresholds are measured in.
pub trait Unit: Copy + fmt::Display + FromStr<Err = Wrong> {
    /// The name in the schema.
    const NAME: &'static str;
    /// The format in the schema.
    const FORMAT: &'static str;
    /// The schema's pattern, without [`OFF`].
    const PATTERN: &'static str;
    /// What to write.
    const HELP: &'static str;

    /// Returns the value as CloudWatch has it.
    fn value(self) -> f64;
}

/// A percentage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(pub(super) f64);

/// A whole number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count(pub(super) f64);

/// A time, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time(pub(super) f64);

/// What has no threshold: it is reported, or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Switch(pub(super) f64);

impl FromStr for Percent {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let number = text.parse::<f64>().ok().filter(|number| *number > 0.0 && *number <= 100.0);
        number.map(Percent).ok_or_else(|| Wrong::new(format!("`{}` is not a percentage", short(text)), Self::HELP))
    }
}

impl FromStr for Count {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let number = text.parse::<u32>().map(f64::from);
        number.map(Count).map_err(|_| Wrong::new(format!("`{}` is not a whole number", short(text)), Self::HELP))
    }
}

impl FromStr for Time {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let wrong = |wrong: Wrong| Wrong::new(wrong.message, format!("{}, or `{OFF}`", wrong.help));
        let seconds = text.parse::<Duration>().map_err(wrong)?.as_secs();
        u32::try_from(seconds)
            .map(|seconds| Time(f64::from(seconds)))
            .map_err(|_| Wrong::new(format!("`{text}` is too long"), Self::HELP))
    }
}

impl FromStr for Switch {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        // What other YAML calls `on`.
        let on = text == ON || text == "true";
        on.then_some(Switch(0.0))
            .ok_or_else(|| Wrong::new(format!("`{}` is neither `{ON}` nor `{OFF}`", short(text)), Self::HELP))
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ON)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Time {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It was made from whole seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Duration::secs(self.0 as u64).fmt(f)
    }
}

impl Unit for Percent {
    const NAME: &'static str = "PercentThreshold";
    const FORMAT: &'static str = "stack-percent-threshold";
    const PATTERN: &'static str = r"[0-9]+(\.[0-9]+)?";
    const HELP: &'static str = "write a percentage up to 100 without a sign, like `85`, or `off`";

    fn value(self) -> f64 {
        self.0
    }
}

impl Unit for Count {
    const NAME: &'static str = "CountThreshold";
    const FORMAT: &'static str = "stack-count-threshold";
    const PATTERN: &'static str = "[0-9]+";
    const HELP: &'static str = "write a whole number, like `10`, or `off`";

    fn value(self) -> f64 {
        self.0
    }
}

impl Unit for Time {
    const NAME: &'static str = "TimeThreshold";
    const FORMAT: &'static str = "stack-time-threshold";
    const PATTERN: &'static str = "[0-9]+[smhd]";
    const HELP: &'static str = "write a time with its unit, like `2s` or `15m`, or `off`";

    fn value(self) -> f64 {
        self.0
    }
}

impl Unit for Switch {
    const NAME: &'static str = "AlarmSwitch";
    const FORMAT: &'static str = "stack-alarm-switch";
    const PATTERN: &'static str = "on";
    const HELP: &'static str = "write `on` or `off`";

    fn value(self) -> f64 {
        self.0
    }
}

impl<U: Unit> Threshold<U> {
    /// Returns it as CloudWatch has it, if there is such an alarm.
    pub(super) fn value(&self) -> Option<f64> {
        match self {
            Threshold::Off => None,
            Threshold::At(at) => Some(at.value()),
        }
    }
}

impl<U: Unit> FromStr for Threshold<U> {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        match text {
            OFF => Ok(Threshold::Off),
            // What other YAML calls `off`.
            "false" => Err(Wrong::new("`false` is not a threshold", format!("write `{OFF}`"))),
            _ => text.parse().map(Threshold::At),
        }
    }
}

impl<U: Unit> fmt::Display for Threshold<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Threshold::Off => f.write_str(OFF),
            Threshold::At(at) => at.fmt(f),
        }
    }
}

impl<U: Unit> Serialize for Threshold<U> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, U: Unit> Deserialize<'de> for Threshold<U> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<U: Unit> JsonSchema for Threshold<U> {
    fn schema_name() -> Cow<'static, str> {
        U::NAME.into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            // Whatever YAML makes of it, its text is taken.
            "type": ["string", "number", "boolean"], "format": U::FORMAT, "pattern": format!("^({OFF}|{})$", U::PATTERN),
            PATTERN_MESSAGE: U::HELP,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_have_units_and_can_be_off() {
        assert_eq!("off".parse(), Ok(Threshold::<Count>::Off));
        assert_eq!("0".parse(), Ok(Threshold::At(Count(0.0))));
        assert_eq!("99.5".parse(), Ok(Threshold::At(Percent(99.5))));
        assert_eq!("15m".parse(), Ok(Threshold::At(Time(900.0))));
        assert_eq!(Threshold::At(Time(900.0)).to_string(), "15m");
        assert_eq!(Threshold::At(Percent(99.5)).to_string(), "99.5");
        for wrong in ["0", "101", "85%", "much", "-1"] {
            let said = wrong.parse::<Threshold<Percent>>().unwrap_err().to_string();
            assert!(said.contains(wrong) && said.contains("or `off`"), "{said}");
        }
        assert!("1.5".parse::<Threshold<Count>>().is_err());
        assert!("3".parse::<Threshold<Time>>().unwrap_err().help.ends_with("or `off`"));
        assert_eq!("on".parse(), Ok(Threshold::At(Switch(0.0))));
        assert_eq!("85".parse::<Threshold<Switch>>().unwrap_err().help, "write `on` or `off`");
        assert_eq!("false".parse::<Threshold<Time>>().unwrap_err().help, "write `off`");
    }
}
