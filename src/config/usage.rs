//! The sections `usage` and `cost`: what is assumed of the use when prices are told, and how much a stack may cost.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::diagnostic::short;
use super::scalar::PATTERN_MESSAGE;
use super::values::{Size, Wrong, text_value};

/// What is assumed of the use of the stack when its monthly price is estimated. Nothing in AWS depends on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UsageSection {
    /// Requests of users in a second, on average.
    #[schemars(range(min = 0.0, max = 1_000_000.0), example = &2.5)]
    pub requests: f64,
    /// What users download in a month.
    pub transfer: Size,
    /// Where the edge locations of CloudFront are that answer them: its prices differ by that. What `cdn.price_class` leaves out is counted like
    /// North America.
    pub edge: Edge,
    /// The data that all NAT gateways process in a month.
    pub nat: Size,
    /// What tasks, databases and caches send to another zone in a month; AWS charges it on both sides. What a load balancer sends to
    /// tasks is free.
    pub cross_zone: Size,
    /// What all services write into log groups in a month.
    pub logs: Size,
    /// What is kept in each bucket of the stack.
    pub files: Size,
    /// Objects read from each bucket in a month; a tenth of that is written.
    pub reads: u32,
    /// Messages through each queue and each topic in a month.
    pub messages: u32,
    /// Calls of each function in a month, of a second each.
    pub calls: u32,
    /// Whether AWS's perpetual free allowances are deducted. They are for all accounts of an organization together. `until 2027-03-01`
    /// deducts them until the end of that day.
    pub free_tier: FreeTier,
    /// How much less than its list prices AWS charges, because of commitments of the account. Default: list prices.
    pub discounts: Discounts,
}

/// An area of edge locations, as CloudFront prices them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Edge {
    /// The United States, Canada and Mexico.
    #[default]
    NorthAmerica,
    /// Europe and Israel.
    Europe,
    /// South Africa, Kenya and the Middle East.
    AfricaMiddleEast,
    /// South America.
    SouthAmerica,
    /// Japan.
    Japan,
    /// Australia and New Zealand.
    Australia,
    /// Hong Kong, the Philippines, Singapore, South Korea, Taiwan and others.
    AsiaPacific,
    /// India.
    India,
}

impl Edge {
    /// Returns how it is written in the file; nothing for North America.
    pub fn elsewhere(self) -> Option<&'static str> {
        Some(match self {
            Edge::NorthAmerica => return None,
            Edge::Europe => "europe",
            Edge::AfricaMiddleEast => "africa-middle-east",
            Edge::SouthAmerica => "south-america",
            Edge::Japan => "japan",
            Edge::Australia => "australia",
            Edge::AsiaPacific => "asia-pacific",
            Edge::India => "india",
        })
    }
}

/// How much less than the list price is charged for what commitments cover, such as `20%`. What they do not cover (storage, requests,
/// traffic, I/O operations, Fargate Spot, extended support) keeps its price. What a commitment costs beyond what is used is not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Discounts {
    /// vCPU and memory of tasks on Fargate: a Compute Savings Plan. Default: none.
    pub services: Option<Percent>,
    /// The duration of calls of functions: a Compute Savings Plan, which has another discount for them. Default: none.
    pub functions: Option<Percent>,
    /// Hours of database instances: reserved instances, or a Database Savings Plan. Default: none.
    pub databases: Option<Percent>,
    /// Hours of cache nodes: reserved nodes, or a Database Savings Plan for Valkey. Default: none.
    pub caches: Option<Percent>,
}

/// A share below a hundred percent, to a hundredth of a percent: `20%`, `12.5%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent {
    hundredths: u16,
}

impl Percent {
    /// Returns it in hundredths of a percent.
    pub const fn hundredths(self) -> u16 {
        self.hundredths
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.hundredths / 100, self.hundredths % 100);
        let part = format!("{part:02}");
        let part = part.trim_end_matches('0');
        let point = if part.is_empty() { "" } else { "." };
        write!(f, "{whole}{point}{part}%")
    }
}

const SHARE: &str = "write a share below 100 percent, like `20%` or `12.5%`";

impl FromStr for Percent {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let wrong = || Wrong::new(format!("`{}` is not a discount", short(text)), SHARE);
        let number = text.strip_suffix('%').ok_or_else(wrong)?;
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let is_plain = |digits: &str| (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_plain(whole) || !is_plain(part) {
            return Err(wrong());
        }
        let number = |digits: &str| digits.parse::<u16>().map_err(|_| wrong());
        Ok(Percent { hundredths: number(whole)? * 100 + number(&format!("{part:0<2}"))? })
    }
}

text_value!(
    Percent,
    "Percent",
    json_schema!({
        "type": "string", "pattern": r"^[0-9]{1,2}(\.[0-9]{1,2})?%$", PATTERN_MESSAGE: SHARE,
        "description": "A share below 100 percent: `20%`, `12.5%`.", "examples": ["20%"],
    })
);

/// Whether AWS's perpetual free allowances are deducted, and until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FreeTier {
    /// They are not.
    #[default]
    No,
    /// They are.
    Yes,
    /// They are until the end of this day.
    Until(Date),
}

impl FreeTier {
    /// Checks whether they are deducted on a day.
    pub fn holds_on(self, day: Date) -> bool {
        match self {
            FreeTier::No => false,
            FreeTier::Yes => true,
            FreeTier::Until(last) => day <= last,
        }
    }
}

const FREE: &str = "write `true`, `false`, or a last day like `until 2027-03-01`";

impl FromStr for FreeTier {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let day = text.strip_prefix("until ").filter(|day| day.len() == 10).and_then(|day| day.parse::<Date>().ok());
        day.map(FreeTier::Until).ok_or_else(|| Wrong::new(format!("`{}` is no day", short(text)), FREE))
    }
}

impl Serialize for FreeTier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            FreeTier::No => serializer.serialize_bool(false),
            FreeTier::Yes => serializer.serialize_bool(true),
            FreeTier::Until(day) => serializer.collect_str(&format_args!("until {day}")),
        }
    }
}

impl<'de> Deserialize<'de> for FreeTier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Said(bool),
            Day(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Said(said) => Ok(if said { FreeTier::Yes } else { FreeTier::No }),
            Either::Day(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for FreeTier {
    fn schema_name() -> Cow<'static, str> {
        "FreeTier".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "boolean" },
                {
                    "type": "string",
                    "pattern": "^until [0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", PATTERN_MESSAGE: FREE,
                    "examples": ["until 2027-03-01"],
                },
            ],
        })
    }
}

impl Default for UsageSection {
    fn default() -> Self {
        UsageSection {
            requests: 1.0,
            transfer: Size::gib(100),
            edge: Edge::NorthAmerica,
            nat: Size::gib(50),
            cross_zone: Size::gib(0),
            logs: Size::gib(10),
            files: Size::gib(10),
            reads: 100_000,
            messages: 100_000,
            calls: 10_000,
            free_tier: FreeTier::No,
            discounts: Discounts::default(),
        }
    }
}

/// How much the stack may cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CostSection {
    /// The monthly price in US dollars above which no run may raise it. Parts without a known price are not counted. Default: none,
    /// and any price is accepted.
    #[schemars(example = &300)]
    pub max_monthly: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discounts_are_shares() {
        let read = |text: &str| text.parse::<Percent>().map(|share| (share.hundredths(), share.to_string()));
        assert_eq!(read("20%"), Ok((2_000, "20%".into())));
        assert_eq!(read("12.5%"), Ok((1_250, "12.5%".into())));
        assert_eq!(read("0.05%"), Ok((5, "0.05%".into())));
        for wrong in ["20", "100%", "-5%", "12.345%", "%", ".5%", "5.%", "a%"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn allowances_end_after_a_day() {
        let read = |json: &str| serde_json::from_str::<FreeTier>(json);
        let until = read("\"until 2027-03-01\"").unwrap();
        let on = |day: &str| until.holds_on(day.parse().unwrap());
        assert_eq!((on("2027-02-28"), on("2027-03-01"), on("2027-03-02")), (true, true, false));
        assert_eq!(serde_json::to_string(&until).unwrap(), "\"until 2027-03-01\"");
        assert_eq!((read("true").unwrap(), read("false").unwrap()), (FreeTier::Yes, FreeTier::No));
        for wrong in ["\"2027-03-01\"", "\"until 2027-02-30\"", "\"until tomorrow\"", "1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
