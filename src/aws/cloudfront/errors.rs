//! The meanings of CloudFront's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // Its bucket for logs was just made, and CloudFront asks S3 about it.
    Row::says(DISTRIBUTIONS, "does not enable ACL access", Class::NotYet),
    // CloudFront sees a certificate up to a minute after it was issued, and has one code for all that can be wrong with one
    // (hashicorp/terraform-provider-aws, internal/service/cloudfront/distribution.go).
    Row::codes(DISTRIBUTIONS, &["InvalidViewerCertificate"], Class::NotYet).and_says("SSL certificate doesn't exist").within(150),
    // It was changed between the reading and the change: read it again.
    Row::codes(
        &["cloudfront:UpdateDistribution", "cloudfront:UpdateOriginAccessControl", "cloudfront:DeleteOriginAccessControl"],
        &["PreconditionFailed", "InvalidIfMatchVersion"],
        Class::NotYet,
    ),
    Row::codes(&["cloudfront:*"], &["DistributionNotDisabled"], Class::InUse),
    // A code for each kind that can be missing.
    Row::codes(&["cloudfront:*"], &["NoSuch*", "*NotFoundError"], Class::NotFound),
];

const DISTRIBUTIONS: &[&str] = &["cloudfront:CreateDistributionWithTags", "cloudfront:UpdateDistribution"];

table!(ERRORS, "CloudFront");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn only_a_new_certificate_is_retried_not_a_wrong_one() {
        let unseen = "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a valid certificate chain.";
        let other = "The certificate that is attached to your distribution doesn't cover the alternate domain name (CNAME) that you're trying to add.";
        for op in DISTRIBUTIONS {
            assert_eq!(means(ERRORS, op, "InvalidViewerCertificate", unseen), Class::NotYet);
            assert_eq!(means(ERRORS, op, "InvalidViewerCertificate", other), Class::Invalid);
        }
    }

    #[test]
    fn cloudfront_has_codes_of_its_own() {
        let class = |op, code| means(ERRORS, op, code, "");
        assert_eq!(class("cloudfront:GetDistribution", "NoSuchDistribution"), Class::NotFound);
        assert_eq!(class("cloudfront:UpdateDistribution", "PreconditionFailed"), Class::NotYet);
        assert_eq!(class("cloudfront:DeleteOriginAccessControl", "OriginAccessControlInUse"), Class::InUse);
    }
}
