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
    /// Whether the aliases lead here by records in the zone of their certificate, when that is `certificates.NAME` with a `zone`.
    /// Records of somebody else's are not touched.
    pub dns: bool,
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
            dns: true,
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
    /// A bucket that is there already, `existing.buckets.NAME`; its policy must let the distribution read. Left out: one of this
    /// stack's own.
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

/// Whether a name in a certificate, `*.example.com` perhaps, is for this host.
pub fn covers(name: &str, host: &str) -> bool {
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    name == host || name.strip_prefix("*.").is_some_and(|parent| host.split_once('.').is_some_and(|(_, rest)| rest == parent))
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_star_is_for_one_label() {
        assert!(covers("www.example.com", "WWW.example.com"));
        assert!(covers("*.example.com", "www.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("*.example.com", "a.b.example.com"));
    }
}
