//! What distributions are billed for: requests and data to users (<https://aws.amazon.com/cloudfront/pricing/pay-as-you-go/>).

use super::Distribution;
use crate::aws::billed::{Object, Whole};
use crate::engine::Resource;
use crate::prices::{Decimal, HOURS, Part};

const EDGES: &str = "CloudFront's prices depend on where users are: these are for North America and Europe";

pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    if object.key.kind != Distribution::KIND {
        return Vec::new();
    }
    let requests = whole.share::<Distribution>(whole.usage.requests) * Decimal::of(3600) * HOURS;
    let transfer = whole.share::<Distribution>(whole.usage.transfer);
    vec![
        Part::new("AmazonCloudFront", "CloudFront-HTTPS-Request", requests, "HTTPS requests")
            .assuming("usage.requests")
            .noting(EDGES),
        Part::new("AmazonCloudFront", "CloudFront-DataTransfer", transfer, "data to users")
            .assuming("usage.transfer")
            .noting(EDGES),
    ]
}
