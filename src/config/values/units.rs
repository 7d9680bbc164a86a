//! Amounts with a unit: times, sizes, and days as services offer them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Wrong;
use crate::scalar::PATTERN_MESSAGE;

/// A time with its unit: `30s`, `5m`, `1h`, `14d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Duration {
    seconds: u64,
}

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl Duration {
    /// Returns a time of this many seconds.
    pub const fn secs(seconds: u64) -> Self {
        Duration { seconds }
    }

    /// Returns the length in seconds.
    pub const fn as_secs(self) -> u64 {
        self.seconds
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest unit that says it exactly.
        let (unit, size) =
            UNITS.into_iter().find(|(_, size)| self.seconds >= *size && self.seconds.is_multiple_of(*size)).unwrap_or(('s', 1));
        write!(f, "{}{unit}", self.seconds / size)
    }
}

impl FromStr for Duration {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(split);
        let wrong = |help: String| Wrong::new(format!("`{}` is not a time", crate::diagnostic::short(text)), help);
        if digits.is_empty() {
            return Err(wrong("write a whole number and a unit: `30s`, `5m`, `1h`, `14d`".into()));
        }
        if unit.is_empty() {
            return Err(wrong(format!("add a unit: `{digits}s`, `{digits}m`, `{digits}h` or `{digits}d`")));
        }
        let size = UNITS.into_iter().find(|(name, _)| unit.len() == 1 && unit.starts_with(*name)).map(|(_, size)| size);
        let Some(size) = size else {
            return Err(wrong("write exactly one unit, `s`, `m`, `h` or `d`: `90s`, `5m`".into()));
        };
        let seconds = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(size)).filter(|s| *s <= 100 * 365 * 86_400);
        seconds.map(Duration::secs).ok_or_else(|| wrong("it is longer than 100 years".into()))
    }
}

text_value!(
    Duration,
    "Duration",
    json_schema!({
        "type": "string", "format": "stack-duration", "pattern": "^[0-9]+[smhd]$", PATTERN_MESSAGE: "write a time with its unit, like `30s`, `5m`, `1h` or `14d`",
        "description": "A time with its unit: `30s`, `5m`, `1h`, `14d`.", "examples": ["30s", "5m", "1h", "14d"],
    })
);

/// An amount of storage in whole gibibytes: `50GiB`, `2TiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size {
    gibibytes: u32,
}

impl Size {
    /// Returns a size of this many gibibytes.
    pub const fn gib(gibibytes: u32) -> Self {
        Size { gibibytes }
    }

    /// Returns the size in gibibytes.
    pub const fn as_gib(self) -> u32 {
        self.gibibytes
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.gibibytes {
            n if n >= 1024 && n.is_multiple_of(1024) => write!(f, "{}TiB", n / 1024),
            n => write!(f, "{n}GiB"),
        }
    }
}

impl FromStr for Size {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(split);
        let wrong = |help: String| Wrong::new(format!("`{}` is not a storage size", crate::diagnostic::short(text)), help);
        if digits.is_empty() {
            return Err(wrong("write a whole number and a unit: `50GiB`, `2TiB`".into()));
        }
        let factor = match unit {
            "GiB" => 1,
            "TiB" => 1024,
            // AWS counts in powers of two, whatever it calls them.
            "" | "G" | "GB" | "Gi" | "gib" | "gb" => return Err(wrong(format!("write `{digits}GiB`"))),
            "T" | "TB" | "Ti" | "tib" | "tb" => return Err(wrong(format!("write `{digits}TiB`"))),
            _ => return Err(wrong("the units are `GiB` and `TiB`".into())),
        };
        let gibibytes = digits.parse::<u32>().ok().and_then(|n| n.checked_mul(factor)).filter(|n| *n <= 1 << 20);
        gibibytes.map(Size::gib).ok_or_else(|| wrong("it is more than 1024 TiB".into()))
    }
}

text_value!(
    Size,
    "Size",
    json_schema!({
        "type": "string", "format": "stack-size", "pattern": "^[0-9]+(GiB|TiB)$", PATTERN_MESSAGE: "write a size with its unit, like `50GiB` or `2TiB`",
        "description": "A storage size with its unit: `50GiB`, `2TiB`.", "examples": ["50GiB", "2TiB"],
    })
);

/// The number of days that log events are kept: one of the times that CloudWatch Logs offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Retention(u16);

/// The times that CloudWatch Logs accepts, in days; 0 is for ever.
const RETENTIONS: [u16; 23] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653, 0];

impl Retention {
    /// Returns the number of days; `None` is for ever.
    pub fn days(self) -> Option<u16> {
        (self.0 != 0).then_some(self.0)
    }

    /// Thirty days.
    pub const MONTH: Retention = Retention(30);
    /// Ninety days.
    pub const QUARTER: Retention = Retention(90);
    /// A year.
    pub const YEAR: Retention = Retention(365);
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("forever"),
            days => write!(f, "{days}d"),
        }
    }
}

impl FromStr for Retention {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        if text == "forever" {
            return Ok(Retention(0));
        }
        let days = text.parse::<Duration>()?.as_secs().div_ceil(86_400);
        if let Some(exact) = RETENTIONS.into_iter().find(|d| *d != 0 && text == format!("{d}d")) {
            return Ok(Retention(exact));
        }
        // Longer rather than shorter, because deleted events are lost.
        let near = RETENTIONS.into_iter().find(|d| u64::from(*d) >= days).map(Retention).unwrap_or(Retention(0));
        Err(Wrong::new(
            format!("CloudWatch Logs cannot keep events for `{text}`"),
            format!("the next longer time that it offers is `{near}`"),
        ))
    }
}

text_value!(
    Retention,
    "Retention",
    json_schema!({
        "type": "string", "format": "stack-retention",
        "enum": RETENTIONS.map(|d| Retention(d).to_string()),
        "description": "How long CloudWatch Logs keeps log events: one of the times that it offers.",
    })
);

/// The time between rotations of a database's password: a number of days, or never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rotation(u16);

impl Rotation {
    /// Returns the number of days; `None` is never.
    pub fn days(self) -> Option<u16> {
        (self.0 != 0).then_some(self.0)
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("never"),
            days => write!(f, "{days}d"),
        }
    }
}

impl FromStr for Rotation {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        if text == "never" {
            return Ok(Rotation(0));
        }
        let seconds = text.parse::<Duration>()?.as_secs();
        let days = seconds.div_ceil(86_400).clamp(1, 1000);
        match u16::try_from(days) {
            Ok(days) if seconds == u64::from(days) * 86_400 => Ok(Rotation(days)),
            _ => Err(Wrong::new(
                format!("a password is rotated every 1d to 1000d, in whole days, not every `{text}`"),
                format!("the nearest valid time is `{days}d`; `never` turns rotation off"),
            )),
        }
    }
}

text_value!(
    Rotation,
    "PasswordRotation",
    json_schema!({
        "type": "string", "format": "stack-rotation", "pattern": "^(never|[0-9]+[smhd])$", PATTERN_MESSAGE: "write `never`, or a time in whole days, like `30d`", "examples": ["never", "30d"],
        "description": "How often a password is rotated: `never`, or a time in whole days from `1d` to `1000d`.",
    })
);
