//! The section `cdn`: CloudFront.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values;

/// CloudFront's names for sets of TLS versions and ciphers, the newest first.
pub const TLS: [&str; 7] =
    ["TLSv1.3_2025", "TLSv1.2_2025", "TLSv1.2_2021", "TLSv1.2_2019", "TLSv1.2_2018", "TLSv1.1_2016", "TLSv1_2016"];

/// A CloudFront distribution in front of the load balancer, and of a bucket for static files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cdn {
    /// Static files, served from a bucket of the stack that only CloudFront reads. `stack assets push` uploads them. Default:
    /// none.
    #[serde(rename = "static")]
    pub assets: Option<StaticFiles>,
    /// The host names of the distribution, in addition to its own. They need a `certificate`. Default: none.
    #[schemars(example = &["www.example.com"])]
    pub aliases: Vec<String>,
    /// The certificate for the aliases, in us-east-1: `certificates.NAME`, `existing.certificates.NAME`, or the ARN of an ACM
    /// certificate. Default: none.
    #[schemars(extend("format" = "stack-certificate", "pattern" = values::CERTIFICATE, "patternErrorMessage" = values::CERTIFICATE_MESSAGE, "examples" = values::CERTIFICATE_EXAMPLES))]
    pub certificate: Option<String>,
    /// Whether DNS records point the aliases to the distribution. Needs a certificate `certificates.NAME` with a `zone`. Records
    /// that others created are not changed.
    pub dns: bool,
    /// The oldest version of TLS that viewers may use, by CloudFront's name for the policy. It has an effect only with `aliases`.
    #[schemars(extend("examples" = TLS))]
    pub minimum_tls: String,
    /// The regions that CloudFront answers from. More regions cost more.
    pub price_class: PriceClass,
    /// Whether requests are logged to a bucket of the stack.
    pub logs: bool,
    /// The file for requests to `/`, when there is no load balancer to answer them. Default: `index.html`.
    #[schemars(example = &"index.html")]
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
    /// The paths of requests that go to the bucket, with `*` and `?` as wildcards.
    #[schemars(length(min = 1), example = &["/static/*"])]
    pub paths: Vec<String>,
    /// An existing bucket, `existing.buckets.NAME`, whose policy must let the distribution read. Default: a new bucket of the
    /// stack.
    #[serde(default)]
    #[schemars(extend("format" = "stack-sense", "pattern" = r"^existing\.buckets\.[a-z][a-z0-9-]*$", "examples" = ["existing.buckets.assets"]))]
    pub bucket: Option<String>,
}

/// The regions that CloudFront answers from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PriceClass {
    /// North America and Europe.
    NorthAmericaEurope,
    /// All regions except South America and Oceania.
    MostRegions,
    /// All regions.
    #[default]
    All,
}

/// Checks whether a name in a certificate, possibly a wildcard like `*.example.com`, covers a host.
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
