//! The section `buckets`: what the application keeps in S3.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::archive::BucketArchive;
use super::or_off::OFF;
use super::scalar::PATTERN_MESSAGE;
use super::values::{self, Duration, Wrong, text_value};

const DAY: u64 = 86_400;
/// The most days that a time of a file can have.
const MOST: u64 = 36_500;

/// A bucket for objects of the application, such as uploads. It has no public access, refuses requests without TLS, and is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BucketSection {
    /// How long S3 keeps the old versions of objects that are overwritten or deleted: whole days from `1d`, or `off` to keep none. With
    /// `off`, old versions that exist are deleted after a day.
    pub versions: Versions,
    /// How long an object is kept after it was written, in whole days from `1d`; then it is deleted, and becomes an old version. Default:
    /// until someone deletes it.
    #[schemars(example = &"365d")]
    pub expire: Option<Duration>,
    /// When objects move to an archive. Default: they do not.
    pub archive: Option<BucketArchive>,
    /// Which web pages may read and write objects from a browser: CORS. Default: none.
    pub cors: Option<Cors>,
    /// The key that encrypts objects: `keys.NAME`, or the ARN of a KMS key. Default: `keys.main` if it exists, S3's own keys otherwise.
    #[schemars(extend("format" = "stack-sense", "pattern" = values::KEY, "patternErrorMessage" = values::KEY_MESSAGE, "examples" = ["keys.main"]))]
    pub key: Option<String>,
}

/// How long old versions of objects are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// None is kept.
    Off,
    /// So many days.
    Days(u16),
}

impl Default for Versions {
    fn default() -> Self {
        Versions::Days(30)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Versions::Off => f.write_str(OFF),
            Versions::Days(days) => write!(f, "{days}d"),
        }
    }
}

impl FromStr for Versions {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        // No time is longer than a hundred years, which S3 accepts.
        if text == OFF {
            return Ok(Versions::Off);
        }
        let seconds = text.parse::<Duration>()?.as_secs();
        // Longer rather than shorter, because deleted versions are lost.
        let near = seconds.div_ceil(DAY).max(1);
        match u16::try_from(near) {
            Ok(days) if seconds == near * DAY => Ok(Versions::Days(days)),
            _ => Err(Wrong::new(
                format!("old versions are kept for whole days from `1d` to `{MOST}d`, not for `{text}`"),
                format!("the nearest valid time is `{near}d`; `{OFF}` keeps none"),
            )),
        }
    }
}

text_value!(
    Versions,
    "BucketVersions",
    json_schema!({
        "type": "string", "format": "stack-versions", "pattern": "^(off|[0-9]+[smhd])$", PATTERN_MESSAGE: "write `off`, or a time in whole days, like `30d`", "examples": ["off", "90d"],
        "description": "How long old versions of objects are kept: `off`, or a time in whole days from `1d` to `36500d`.",
    })
);

/// Which web pages may read and write objects from a browser (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html>).
/// Requests need a signature all the same: the application gives browsers presigned addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// The pages' origins: scheme, host, and port if it is not the usual one. A single `*` in one stands for any characters.
    #[schemars(length(min = 1), example = &["https://app.example.com"])]
    pub origins: Vec<String>,
    /// The methods of their requests.
    #[serde(default = "methods")]
    #[schemars(length(min = 1))]
    pub methods: Vec<CorsMethod>,
    /// The headers that requests may have besides those that browsers always send. A single `*` in one stands for any characters.
    #[serde(default = "headers")]
    pub headers: Vec<String>,
    /// The headers of answers that the pages may read. Uploads in parts need `ETag`.
    #[serde(default = "expose")]
    pub expose: Vec<String>,
    /// How long browsers remember the answer, up to `24h`.
    #[serde(default = "max_age")]
    pub max_age: Duration,
}

fn methods() -> Vec<CorsMethod> {
    vec![CorsMethod::Get, CorsMethod::Put]
}

fn headers() -> Vec<String> {
    vec!["*".to_owned()]
}

fn expose() -> Vec<String> {
    vec!["ETag".to_owned()]
}

fn max_age() -> Duration {
    Duration::secs(3600)
}

/// A method of HTTP that S3 lets pages use (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CORSRule.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CorsMethod {
    /// To read an object.
    Get,
    /// To write an object by a presigned address.
    Put,
    /// To write an object by a form.
    Post,
    /// To delete an object.
    Delete,
    /// To look at an object's headers.
    Head,
}

impl CorsMethod {
    /// Returns the method as HTTP has it.
    pub fn as_str(self) -> &'static str {
        match self {
            CorsMethod::Get => "GET",
            CorsMethod::Put => "PUT",
            CorsMethod::Post => "POST",
            CorsMethod::Delete => "DELETE",
            CorsMethod::Head => "HEAD",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_of_a_bucket_has_a_default() {
        let bucket: BucketSection = serde_json::from_value(serde_json::json!({})).unwrap();
        assert_eq!((bucket.versions, bucket.expire, bucket.key), (Versions::Days(30), None, None));
        let cors: Cors = serde_json::from_value(serde_json::json!({"origins": ["https://a.example"]})).unwrap();
        assert_eq!((cors.methods, cors.headers, cors.expose), (methods(), headers(), expose()));
    }

    #[test]
    fn versions_are_whole_days_or_off() {
        assert_eq!("off".parse(), Ok(Versions::Off));
        assert_eq!("90d".parse(), Ok(Versions::Days(90)));
        assert_eq!("48h".parse(), Ok(Versions::Days(2)));
        let wrong = |text: &str| text.parse::<Versions>().unwrap_err().help;
        assert_eq!(wrong("36h"), "the nearest valid time is `2d`; `off` keeps none");
        assert_eq!(wrong("0d"), "the nearest valid time is `1d`; `off` keeps none");
        assert!(wrong("36501d").contains("100 years"));
        assert!("never".parse::<Versions>().is_err());
        for text in ["off", "7d"] {
            assert_eq!(text.parse::<Versions>().unwrap().to_string(), text);
        }
    }
}
