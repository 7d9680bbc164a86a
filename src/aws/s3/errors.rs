//! The meanings of S3's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    Row::codes(&["s3:Put*"], &["NoSuchBucket"], Class::NotYet),
    Row::codes(&["s3:*"], &["BucketNotEmpty"], Class::InUse),
    // A code for each thing that can be missing.
    Row::codes(&["s3:*"], &["NoSuch*", "*NotFoundError"], Class::NotFound),
    Row::codes(&["s3:*"], &["BucketAlreadyOwnedByYou"], Class::Exists),
];

table!(ERRORS, "S3");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn s3_has_codes_of_its_own() {
        let class = |op, code| means(ERRORS, op, code, "");
        assert_eq!(class("s3:GetBucketTagging", "NoSuchTagSet"), Class::NotFound);
        assert_eq!(class("s3:GetBucketOwnershipControls", "OwnershipControlsNotFoundError"), Class::NotFound);
        assert_eq!(class("s3:PutBucketPolicy", "NoSuchBucket"), Class::NotYet);
        assert_eq!(class("s3:DeleteBucket", "BucketNotEmpty"), Class::InUse);
        assert_eq!(class("s3:CreateBucket", "BucketAlreadyExists"), Class::Exists);
        assert_eq!(class("s3:CreateBucket", "BucketAlreadyOwnedByYou"), Class::Exists);
    }
}
