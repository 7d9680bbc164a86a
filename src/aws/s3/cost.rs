//! What buckets are billed for: what is kept in them, and requests (<https://aws.amazon.com/s3/pricing/>).

use super::Bucket;
use crate::aws::billed::{Object, Whole};
use crate::engine::Resource;
use crate::prices::{Decimal, Part};

pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    if object.key.kind != Bucket::KIND {
        return Vec::new();
    }
    let thousands = whole.usage.reads.over(Decimal::of(1000));
    vec![
        Part::new("AmazonS3", "S3-Storage", whole.usage.files, "what is kept in it").assuming("usage.files"),
        Part::new("AmazonS3", "requests-get", thousands, "objects read").assuming("usage.reads"),
        Part::new("AmazonS3", "requests-put-list", thousands.over(Decimal::of(10)), "objects written").assuming("usage.reads"),
    ]
}
