//! Checks for bucket names that are taken.

use super::{Bucket, errors::failed};
use crate::aws::finding::{Certainty, Finding, is_made, of_kind};
use crate::aws::wing::Check;
use crate::aws::{Cx, s3};
use crate::engine::{Class, Item, Plan, Resource, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    let buckets = of_kind(plan, Bucket::KIND).filter(|item| is_made(item));
    buckets.map(|item| -> Check<'_> { ("bucket names", Box::pin(name(cx, item))) }).collect()
}

/// Checks whether a bucket name is taken: such names are globally unique
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>).
async fn name(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let name = s3::name(&cx.at(&item.key, item.generation));
    let call = cx.cloud.s3.head_bucket().bucket(&name).expected_bucket_owner(&cx.scope.account);
    let help = "choose another name for the stack or the bucket";
    let elsewhere = || vec![Finding::refused(&item.key, format!("the bucket `{name}` already exists in another region"), help)];
    let answer = call.send().await;
    if answer.as_ref().err().and_then(s3::told_region).is_some_and(|region| region != cx.scope.region) {
        return Ok(elsewhere());
    }
    match answer.map_err(failed("s3:HeadBucket")) {
        Ok(answer) if answer.bucket_region().is_some_and(|region| region != cx.scope.region) => Ok(elsewhere()),
        // The stack's: the plan knows it, or it is being deleted.
        Ok(_) => Ok(Vec::new()),
        Err(e) if e.class == Class::NotFound => Ok(Vec::new()),
        // S3 says the same about a bucket of another account and about a question that is not allowed.
        Err(e) if e.class == Class::Denied => {
            let message =
                format!("the bucket name `{name}` is taken: the bucket belongs to another account, or access to it is denied");
            Ok(vec![Finding::new(Certainty::Doubtful, message).about(&item.key).help(help)])
        }
        Err(e) => Err(e),
    }
}
