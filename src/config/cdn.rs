//! The content delivery network: what CloudFront serves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// CloudFront in front of the load balancer, and of a bucket for static files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cdn {
    /// Static files: served from a bucket of this stack that only CloudFront reads. `stack assets push` fills it.
    #[serde(rename = "static")]
    pub assets: Option<StaticFiles>,
    /// The names under which it answers, beside its own. They need a certificate.
    pub aliases: Vec<String>,
    /// The certificate for the aliases, in us-east-1: `certificates.NAME`, `existing.certificates.NAME`, or an ARN.
    #[schemars(extend("format" = "stack-certificate"))]
    pub certificate: Option<String>,
    /// The oldest TLS that it speaks, by CloudFront's name for the policy. Counts with a certificate of one's own.
    pub minimum_tls: String,
    /// From where in the world it answers: the more, the dearer.
    pub price_class: PriceClass,
    /// Whether requests are logged to a bucket of this stack.
    pub logs: bool,
    /// The file for requests to `/`, when no load balancer answers them.
    pub default_root: Option<String>,
}

impl Default for Cdn {
    fn default() -> Self {
        Cdn {
            assets: None,
            aliases: Vec::new(),
            certificate: None,
            minimum_tls: "TLSv1.2_2021".into(),
            price_class: PriceClass::All,
            logs: true,
            default_root: None,
        }
    }
}

/// Static files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaticFiles {
    /// Which requests go to the bucket: `/static/*`.
    #[schemars(length(min = 1))]
    pub paths: Vec<String>,
    /// A bucket that is there already, `existing.buckets.NAME`. Left out: one of this stack's own.
    #[serde(default)]
    pub bucket: Option<String>,
}

/// From where in the world CloudFront answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PriceClass {
    /// North America and Europe.
    NorthAmericaEurope,
    /// Everywhere but South America and Oceania.
    MostRegions,
    /// Everywhere.
    #[default]
    All,
}
