use aws_sdk_cloudfront::types::{self as sdk, MinimumProtocolVersion, SslSupportMethod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The certificate for the aliases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewerCertificate {
    /// The ARN of a certificate in us-east-1. Left out: CloudFront's own certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The security policy, which sets the oldest TLS version for viewers, by AWS's name: `TLSv1.2_2021`. Left out: AWS's
    /// default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_tls: Option<String>,
}

impl ViewerCertificate {
    pub(super) fn write(&self) -> sdk::ViewerCertificate {
        let certificate = sdk::ViewerCertificate::builder();
        match &self.arn {
            None => certificate.cloud_front_default_certificate(true).build(),
            Some(arn) => certificate
                .acm_certificate_arn(arn)
                .ssl_support_method(SslSupportMethod::SniOnly)
                .set_minimum_protocol_version(self.minimum_tls.as_deref().map(MinimumProtocolVersion::from))
                .build(),
        }
    }
}

/// The sets of TLS versions, in the order of the oldest that each accepts
/// (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html>).
pub(super) const TLS: [&str; 9] = [
    "SSLv3",
    "TLSv1",
    "TLSv1_2016",
    "TLSv1.1_2016",
    "TLSv1.2_2018",
    "TLSv1.2_2019",
    "TLSv1.2_2021",
    "TLSv1.2_2025",
    "TLSv1.3_2025",
];
