//! Values with a syntax of their own. Each has one parser, which says what is wrong with a text and how to fix it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use ipnet::Ipv4Net;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::regions;
use super::scalar::PATTERN_MESSAGE;

/// The reason why a text is not such a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The problem, with the text.
    pub message: String,
    /// How to fix it.
    pub help: String,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Wrong { message: message.into(), help: help.into() }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.message, self.help)
    }
}

/// Implements reading, writing and the schema of a type that is text in the file.
macro_rules! text_value {
    ($type:ident, $name:literal, $schema:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

pub(super) use text_value;

/// A name from the user, which becomes part of names in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// The number of an AWS account. Without quotes it is read as it is written, with leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(String);

impl Account {
    /// Returns the number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Account {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Account(text.to_owned()));
        }
        let bare: String = text.chars().filter(|c| !matches!(c, '-' | ' ' | '_')).collect();
        let fits = bare != text && bare.len() == 12 && bare.bytes().all(|b| b.is_ascii_digit());
        let help = match fits {
            true => format!("write `\"{bare}\"`"),
            false => "the number has 12 digits; `aws sts get-caller-identity` shows it".to_owned(),
        };
        Err(Wrong::new(format!("`{}` is not an AWS account number", super::diagnostic::short(text)), help))
    }
}

text_value!(
    Account,
    "Account",
    json_schema!({
        // Whatever YAML makes of a number, its text is taken.
        "type": ["string", "number", "boolean"], "format": "stack-account", "pattern": "^[0-9]{12}$", PATTERN_MESSAGE: "an account number has 12 digits",
        "description": "The number of an AWS account: 12 digits.",
        "examples": ["123456789012"],
    })
);

/// [`Name`] as a regular expression.
pub(super) const NAME_PATTERN: &str = "^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$";
/// The message of editors about a text that is no [`Name`].
pub(super) const NAME_MESSAGE: &str =
    "a name has at most 32 lower-case letters, digits and hyphens, starts with a letter and does not end with a hyphen";
/// [`certificate`] as a regular expression, what editors say about other texts, and what they offer.
pub(super) const CERTIFICATE: &str =
    r"^((existing\.)?certificates\.[a-z][a-z0-9-]*|arn:aws[a-z-]*:acm:[^:]*:[^:]*:certificate/.+|\$\{.+\})$";
pub(super) const CERTIFICATE_MESSAGE: &str =
    "write `certificates.NAME`, `existing.certificates.NAME`, or the ARN of an ACM certificate";
pub(super) const CERTIFICATE_EXAMPLES: [&str; 2] = ["certificates.main", "existing.certificates.main"];
/// A KMS key of the file or any other as a regular expression, and what editors say about other texts.
pub(super) const KEY: &str = r"^(keys\.[a-z][a-z0-9-]*|arn:[^:]+:kms:[^:]+:[^:]+:key/.+)$";
pub(super) const KEY_MESSAGE: &str = "write `keys.NAME`, or the ARN of a KMS key (`arn:aws:kms:…:key/…`, not of an alias)";

impl Name {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// Ordered and hashed as its text, so that maps can be asked with text.
impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let rule = "a name starts with a lower-case letter, followed by lower-case letters, digits and hyphens, and does not end with a hyphen";
        if text.is_empty() {
            return Err(Wrong::new("the name is empty", rule));
        }
        if text.len() > 32 {
            let over = text.len() - 32;
            return Err(Wrong::new(
                format!("the name `{}` has {} characters, {over} too many", super::diagnostic::short(text), text.len()),
                "a name has at most 32 characters, as the names of load balancers do",
            ));
        }
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) || !text.chars().all(fits) || text.ends_with('-') {
            let fixed: String = text.to_ascii_lowercase().chars().map(|c| if fits(c) { c } else { '-' }).collect();
            let fixed = fixed.trim_start_matches(|c: char| !c.is_ascii_lowercase()).trim_end_matches('-');
            let try_this = if fixed.is_empty() { String::new() } else { format!("; for example `{fixed}`") };
            return Err(Wrong::new(format!("`{text}` is not a valid name"), format!("{rule}{try_this}")));
        }
        Ok(Name(text.to_owned()))
    }
}

text_value!(
    Name,
    "Name",
    json_schema!({
        "type": "string", "format": "stack-name", "pattern": NAME_PATTERN, PATTERN_MESSAGE: NAME_MESSAGE,
        "description": "A name: a lower-case letter, then lower-case letters, digits and hyphens, with no hyphen at the end; at most 32 characters.",
    })
);

/// An IPv4 network, e.g. `10.0.0.0/16`, with no bit set beyond its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr(pub Ipv4Net);

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Cidr {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let net: Ipv4Net = text.parse().map_err(|_| {
            let help = match text.parse::<std::net::Ipv4Addr>() {
                Ok(address) if address.is_unspecified() => "for all addresses write `0.0.0.0/0`".to_owned(),
                Ok(_) => format!("for this address alone write `{text}/32`"),
                Err(_) => "write an IPv4 address, a slash and a prefix length: `10.0.0.0/16`".to_owned(),
            };
            Wrong::new(format!("`{text}` is not a network"), help)
        })?;
        let whole = net.trunc();
        if whole != net {
            return Err(Wrong::new(
                format!("`{text}` is an address inside a network, not a network"),
                format!("the network is `{whole}`"),
            ));
        }
        Ok(Cidr(net))
    }
}

text_value!(
    Cidr,
    "Cidr",
    json_schema!({
        "type": "string", "format": "stack-cidr", "pattern": r"^\d{1,3}(\.\d{1,3}){3}/([0-9]|[12][0-9]|3[0-2])$",
        PATTERN_MESSAGE: "write a network in CIDR notation, like `10.0.0.0/16`",
        "description": "An IPv4 network in CIDR notation: `10.0.0.0/16`.", "examples": ["10.0.0.0/16"],
    })
);

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
        let wrong = |help: String| Wrong::new(format!("`{}` is not a time", super::diagnostic::short(text)), help);
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
        let wrong = |help: String| Wrong::new(format!("`{}` is not a storage size", super::diagnostic::short(text)), help);
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

/// Checks the name of a region. An unknown one that is written like a region passes, because AWS opens new ones
/// ([`super::validate`] warns).
pub(super) fn region(text: &str) -> Result<(), Wrong> {
    let looks = |text: &str| regex_lite::Regex::new(regions::PATTERN).is_ok_and(|pattern| pattern.is_match(text));
    if text.starts_with(regions::SOVEREIGN) {
        return Err(Wrong::new(
            format!("`{}` is a region of the European Sovereign Cloud", super::diagnostic::short(text)),
            "its domain names differ from those of other regions, and this version does not support them",
        ));
    }
    if looks(text) {
        return Ok(());
    }
    let without_zone = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let fixed = text.to_ascii_lowercase().replace('_', "-");
    let help = if looks(without_zone) {
        format!("`{text}` is an availability zone; its region is `{without_zone}`")
    } else if looks(&fixed) {
        format!("write `{fixed}`")
    } else if let Some(near) = super::suggest::nearest(&fixed, regions::names()) {
        format!("did you mean `{near}`?")
    } else {
        "write the region's code, e.g. `us-east-1` or `eu-central-1`".to_owned()
    };
    Err(Wrong::new(format!("`{}` is not a region", super::diagnostic::short(text)), help))
}

/// Checks whether the text is a reference to an object of the stack, such as `${acm.certificate/main.arn}`, which becomes an ARN later.
fn is_reference(text: &str) -> bool {
    text.starts_with("${") && text.ends_with('}')
}

/// Returns the six fields of an ARN, if the text is one.
pub(super) fn arn(text: &str) -> Option<Vec<&str>> {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    (fields.len() == 6 && fields[0] == "arn" && fields[1].starts_with("aws") && !fields[5].is_empty()).then_some(fields)
}

/// Checks whether the text names a certificate in the file or the ARN of one of ACM. Whether the file has it is a question of sense.
pub(super) fn certificate(text: &str) -> Result<(), Wrong> {
    let fits = arn(text).is_some_and(|a| a[2] == "acm" && a[5].starts_with("certificate/"));
    let named = ["certificates.", "existing.certificates."].iter().any(|section| text.starts_with(section));
    if fits || named || is_reference(text) {
        return Ok(());
    }
    Err(Wrong::new(
        format!("`{}` is not a certificate", super::diagnostic::short(text)),
        "write `certificates.NAME` for one in this file, `existing.certificates.NAME`, or the ARN of an ACM certificate, \
         `arn:aws:acm:REGION:ACCOUNT:certificate/ID`",
    ))
}

/// Checks whether the text is the ARN of a Secrets Manager secret or an SSM parameter.
pub(super) fn secret(text: &str) -> Result<(), Wrong> {
    let named = |text: &str, kind: &str| text.strip_prefix(kind).is_some_and(|name| !name.is_empty() && !name.starts_with(':'));
    // A JSON key, a stage and a version: all three or none of them
    // (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>).
    let whole = [7, 10].contains(&text.split(':').count());
    let fits = arn(text).is_some_and(|a| {
        (a[2] == "secretsmanager" && named(a[5], "secret:") && whole) || (a[2] == "ssm" && named(a[5], "parameter/"))
    });
    // A JSON key, a stage and a version may follow the ARN of a secret, written or referred to.
    let referred = text.split_once('}').is_some_and(|(reference, rest)| {
        reference.starts_with("${") && (rest.is_empty() || rest.starts_with(':') && rest.matches(':').count() == 3)
    });
    if fits || referred {
        return Ok(());
    }
    // The text may be the secret itself: it is not repeated.
    Err(Wrong::new(
        "this is not the ARN of a secret",
        "a stack file contains no secret values: store it in Secrets Manager and write its ARN, \
         `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME`, or the ARN of an SSM parameter, `arn:aws:ssm:REGION:ACCOUNT:parameter/NAME`",
    ))
}

/// Checks whether the text is a version of a secret, `ARN:::VERSION`, written or referred to, or empty.
pub(super) fn secret_version(text: &str) -> Result<(), Wrong> {
    let is_secret = |text: &str| secret(text).is_ok() && text.contains(":secretsmanager:") && text.split(':').count() == 7;
    let written = text.split_once(":::").is_some_and(|(arn, version)| is_secret(arn) && !version.is_empty());
    if text.is_empty() || written || text.starts_with("${") && text.contains('}') {
        return Ok(());
    }
    // The text may be the password itself: it is not repeated.
    Err(Wrong::new(
        "this is not a version of a secret",
        "a stack file contains no passwords: refer to a secret that this file creates, \
         `${secretsmanager.secret/NAME.arn}:::${secretsmanager.secret/NAME.version}`, or write the ARN of another secret with \
         its version, `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME:::VERSION`",
    ))
}

/// Checks the name of a bucket (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
pub(super) fn bucket(text: &str) -> Result<(), Wrong> {
    let count = text.chars().count();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = |b: Option<&u8>| b.is_some_and(|b| plain(*b));
    let help = if text.is_empty() {
        "write a name, or leave it out".to_owned()
    } else if count < 3 {
        format!("it has {}; S3 requires at least 3", super::diagnostic::count(count, "character"))
    } else if count > 63 {
        format!("it has {count} characters; S3 accepts at most 63")
    } else if text.parse::<std::net::Ipv4Addr>().is_ok() {
        "a bucket name cannot look like an IP address".to_owned()
    } else if text.contains("..") {
        "a bucket name cannot have two dots in a row".to_owned()
    } else if !text.bytes().all(|b| plain(b) || b == b'.' || b == b'-') {
        "a bucket name consists of lower-case letters, digits, hyphens and dots".to_owned()
    } else if !ends(text.as_bytes().first()) || !ends(text.as_bytes().last()) {
        "a bucket name starts and ends with a letter or a digit".to_owned()
    } else {
        return Ok(());
    };
    Err(Wrong::new(format!("`{}` is not a valid bucket name", super::diagnostic::short(text)), help))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong<T: FromStr<Err = Wrong> + fmt::Debug>(texts: &[&str]) -> String {
        texts.iter().map(|t| format!("{}\n", t.parse::<T>().unwrap_err())).collect()
    }

    #[test]
    fn names() {
        for good in ["a", "web", "web-2", &"a".repeat(32)] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        insta::assert_snapshot!(wrong::<Name>(&["", "Web", "my_app", "web-", "2web", "é", "aaaaaaaaaabbbbbbbbbbccccccccccdddd"]));
    }

    #[test]
    fn accounts() {
        assert_eq!("001234567890".parse::<Account>().unwrap().as_str(), "001234567890");
        let wrong = |text: &str| text.parse::<Account>().unwrap_err().to_string();
        assert_eq!(wrong("1234-5678-9012"), "`1234-5678-9012` is not an AWS account number: write `\"123456789012\"`");
        assert!(wrong("prod").ends_with("the number has 12 digits; `aws sts get-caller-identity` shows it"));
        assert!("1".parse::<Account>().is_err() && "١٢٣٤٥٦٧٨٩٠١٢".parse::<Account>().is_err());
    }

    #[test]
    fn networks() {
        assert_eq!("10.0.0.0/16".parse::<Cidr>().unwrap().to_string(), "10.0.0.0/16");
        insta::assert_snapshot!(wrong::<Cidr>(&["10.0.0.5/16", "10.0.0.5", "0.0.0.0", "everything", "10.0.0.0/33", "::/0"]));
    }

    #[test]
    fn times() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("1h", 3600), ("14d", 1_209_600), ("0s", 0)] {
            assert_eq!(text.parse::<Duration>().unwrap(), Duration::secs(seconds));
            assert_eq!(Duration::secs(seconds).to_string(), text);
        }
        assert_eq!(Duration::secs(90).to_string(), "90s");
        insta::assert_snapshot!(wrong::<Duration>(&[
            "30",
            "",
            "s",
            "1.5h",
            "5min",
            "1h30m",
            "-1s",
            "99999999999999999999d",
            "99999d"
        ]));
    }

    #[test]
    fn retentions() {
        assert_eq!("30d".parse::<Retention>().unwrap().days(), Some(30));
        assert_eq!("forever".parse::<Retention>().unwrap().days(), None);
        insta::assert_snapshot!(wrong::<Retention>(&["31d", "24h", "10000d", "30", "long"]));
    }

    #[test]
    fn rotations() {
        assert_eq!(
            ["never", "1d", "720h", "1000d"].map(|t| t.parse::<Rotation>().unwrap().days()),
            [None, Some(1), Some(30), Some(1000)]
        );
        insta::assert_snapshot!(wrong::<Rotation>(&["0d", "1001d", "36h", "weekly", "30"]));
    }

    #[test]
    fn regions() {
        for good in ["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1", "ap-southeast-3"] {
            assert_eq!(region(good), Ok(()));
        }
        assert!(region("eusc-de-east-1").unwrap_err().message.contains("European Sovereign Cloud"));
        let wrong: String = ["us-east-1a", "US_EAST_1", "us-est-1", "virginia", ""]
            .iter()
            .map(|t| format!("{}\n", region(t).unwrap_err()))
            .collect();
        insta::assert_snapshot!(wrong);
    }

    #[test]
    fn buckets() {
        for good in ["abc", "a.b", "example-stack-history", &"a".repeat(63), "1.2.3"] {
            assert_eq!(bucket(good), Ok(()), "{good}");
        }
        for bad in ["", "a", "ab", &"a".repeat(64), "my..bucket", "192.168.1.1", "-ab", "ab.", "A-bucket", "a_b", "ä-bucket"] {
            assert!(bucket(bad).is_err(), "{bad}");
        }
        assert!(bucket("a").unwrap_err().help.contains("1 character; S3 requires at least 3"));
    }

    #[test]
    fn arns() {
        assert!(
            certificate("arn:aws:acm:us-east-1:1:certificate/x").is_ok() && certificate("${acm.certificate/main.arn}").is_ok()
        );
        assert!(certificate("certificates.main").is_ok() && certificate("existing.certificates.main").is_ok());
        assert!(certificate("arn:aws:iam::1:server-certificate/x").is_err() && certificate("main").is_err());
        assert!(secret("arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf:password::").is_ok());
        for good in ["", ":password::", ":password:AWSPREVIOUS:", "::AWSCURRENT:"] {
            assert!(secret(&format!("${{rds.instance/main.secret_arn}}{good}")).is_ok(), "{good}");
        }
        for bad in
            ["${rds.instance/main.secret_arn}:password", "${rds.instance/main.secret_arn}password::", "${password", "x${a/b}"]
        {
            assert!(secret(bad).is_err(), "{bad}");
        }
        assert!(secret("arn:aws:ssm:us-east-1:1:parameter/a/b").is_ok() && secret("arn:aws:ssm:us-east-1:1:parameter/").is_err());
        let arn = "arn:aws:secretsmanager:us-east-1:1:secret:";
        assert!(secret(&format!("{arn}db-AbCdEf")).is_ok());
        for bad in ["", ":::", "db:password", "db:password:", "db:password:::", ":password::"] {
            assert!(secret(&format!("{arn}{bad}")).is_err(), "{bad}");
        }
        for good in ["", "${secretsmanager.secret/a.arn}:::${secretsmanager.secret/a.version}", &format!("{arn}a:::v1")] {
            assert_eq!(secret_version(good), Ok(()), "{good}");
        }
        for bad in
            ["hunter2", "${", &format!("{arn}a"), &format!("{arn}a:::"), ":::v1", "arn:aws:ssm:us-east-1:1:parameter/a:::1"]
        {
            assert!(!secret_version(bad).unwrap_err().to_string().contains("hunter2"), "{bad}");
        }
        assert!(!secret("hunter2").unwrap_err().to_string().contains("hunter2"));
    }
}
