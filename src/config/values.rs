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

mod arns;
mod units;

pub(super) use arns::{arn, certificate, secret, secret_version};
pub use units::{Duration, Retention, Rotation, Size};

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
        insta::assert_snapshot!(wrong::<Name>(&["", "Web", "my_app", "web-", "2web", "é", "aaaaaaaaaabbbbbbbbbbccccccccccdddd"]), @"
        the name is empty: a name starts with a lower-case letter, followed by lower-case letters, digits and hyphens, and does not end with a hyphen
        `Web` is not a valid name: a name starts with a lower-case letter, followed by lower-case letters, digits and hyphens, and does not end with a hyphen; for example `web`
        `my_app` is not a valid name: a name starts with a lower-case letter, followed by lower-case letters, digits and hyphens, and does not end with a hyphen; for example `my-app`
        `web-` is not a valid name: a name starts with a lower-case letter, followed by lower-case letters, digits and hyphens, and does not end with a hyphen; for example `web`
        `2web` is not a valid name: a name starts with a lower-case letter, followed by lower-case letters, digits and hyphens, and does not end with a hyphen; for example `web`
        `é` is not a valid name: a name starts with a lower-case letter, followed by lower-case letters, digits and hyphens, and does not end with a hyphen
        the name `aaaaaaaaaabbbbbbbbbbccccccccccdddd` has 34 characters, 2 too many: a name has at most 32 characters, as the names of load balancers do
        ");
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
        insta::assert_snapshot!(wrong::<Cidr>(&["10.0.0.5/16", "10.0.0.5", "0.0.0.0", "everything", "10.0.0.0/33", "::/0"]), @"
        `10.0.0.5/16` is an address inside a network, not a network: the network is `10.0.0.0/16`
        `10.0.0.5` is not a network: for this address alone write `10.0.0.5/32`
        `0.0.0.0` is not a network: for all addresses write `0.0.0.0/0`
        `everything` is not a network: write an IPv4 address, a slash and a prefix length: `10.0.0.0/16`
        `10.0.0.0/33` is not a network: write an IPv4 address, a slash and a prefix length: `10.0.0.0/16`
        `::/0` is not a network: write an IPv4 address, a slash and a prefix length: `10.0.0.0/16`
        ");
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
        ]), @"
        `30` is not a time: add a unit: `30s`, `30m`, `30h` or `30d`
        `` is not a time: write a whole number and a unit: `30s`, `5m`, `1h`, `14d`
        `s` is not a time: write a whole number and a unit: `30s`, `5m`, `1h`, `14d`
        `1.5h` is not a time: write exactly one unit, `s`, `m`, `h` or `d`: `90s`, `5m`
        `5min` is not a time: write exactly one unit, `s`, `m`, `h` or `d`: `90s`, `5m`
        `1h30m` is not a time: write exactly one unit, `s`, `m`, `h` or `d`: `90s`, `5m`
        `-1s` is not a time: write a whole number and a unit: `30s`, `5m`, `1h`, `14d`
        `99999999999999999999d` is not a time: it is longer than 100 years
        `99999d` is not a time: it is longer than 100 years
        ");
    }

    #[test]
    fn retentions() {
        assert_eq!("30d".parse::<Retention>().unwrap().days(), Some(30));
        assert_eq!("forever".parse::<Retention>().unwrap().days(), None);
        insta::assert_snapshot!(wrong::<Retention>(&["31d", "24h", "10000d", "30", "long"]), @"
        CloudWatch Logs cannot keep events for `31d`: the next longer time that it offers is `60d`
        CloudWatch Logs cannot keep events for `24h`: the next longer time that it offers is `1d`
        CloudWatch Logs cannot keep events for `10000d`: the next longer time that it offers is `forever`
        `30` is not a time: add a unit: `30s`, `30m`, `30h` or `30d`
        `long` is not a time: write a whole number and a unit: `30s`, `5m`, `1h`, `14d`
        ");
    }

    #[test]
    fn rotations() {
        assert_eq!(
            ["never", "1d", "720h", "1000d"].map(|t| t.parse::<Rotation>().unwrap().days()),
            [None, Some(1), Some(30), Some(1000)]
        );
        insta::assert_snapshot!(wrong::<Rotation>(&["0d", "1001d", "36h", "weekly", "30"]), @"
        a password is rotated every 1d to 1000d, in whole days, not every `0d`: the nearest valid time is `1d`; `never` turns rotation off
        a password is rotated every 1d to 1000d, in whole days, not every `1001d`: the nearest valid time is `1000d`; `never` turns rotation off
        a password is rotated every 1d to 1000d, in whole days, not every `36h`: the nearest valid time is `2d`; `never` turns rotation off
        `weekly` is not a time: write a whole number and a unit: `30s`, `5m`, `1h`, `14d`
        `30` is not a time: add a unit: `30s`, `30m`, `30h` or `30d`
        ");
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
        insta::assert_snapshot!(wrong, @"
        `us-east-1a` is not a region: `us-east-1a` is an availability zone; its region is `us-east-1`
        `US_EAST_1` is not a region: write `us-east-1`
        `us-est-1` is not a region: did you mean `us-east-1`?
        `virginia` is not a region: write the region's code, e.g. `us-east-1` or `eu-central-1`
        `` is not a region: write the region's code, e.g. `us-east-1` or `eu-central-1`
        ");
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
