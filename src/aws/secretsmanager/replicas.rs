//! Copies of a secret in other regions, which Secrets Manager keeps the same
//! (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html>).

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, StatusType};
use serde_json::Value;

use super::errors::failed;
use super::look::{describe, tags_of};
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::engine::{Class, Diff, Effect, Error, Impact, Result};

/// Returns the regions in which there are copies, or will be soon; those that could not be made are made again.
pub(super) fn regions(secret: &DescribeSecretOutput) -> Vec<String> {
    let kept = secret.replication_status().iter().filter(|one| one.status() != Some(&StatusType::Failed));
    let mut regions: Vec<String> = kept.filter_map(|one| one.region.clone()).collect();
    regions.sort();
    regions
}

/// Returns the region of the secret that this one is a copy of; nothing when it is its own.
pub(super) fn primary(secret: &DescribeSecretOutput, region: &str) -> String {
    secret.primary_region().filter(|primary| *primary != region).unwrap_or_default().to_owned()
}

/// Returns the regions as Secrets Manager is told them: each encrypts its copy with AWS's own key.
pub(super) fn to_sdk(regions: &[String]) -> Option<Vec<ReplicaRegionType>> {
    let all = regions.iter().map(|region| ReplicaRegionType::builder().region(region).build());
    (!regions.is_empty()).then(|| all.collect())
}

/// Has it copied into these regions, and into no other.
pub(super) async fn keep(cx: &Cx, arn: &str, wanted: &[String]) -> Result<()> {
    let Some(now) = describe(cx, arn).await? else { return Ok(()) };
    let good = regions(&now);
    let all = now.replication_status().iter().filter_map(|one| one.region.clone());
    // One that failed is in the way of another try.
    let gone: Vec<String> = all.filter(|region| !wanted.contains(region) || !good.contains(region)).collect();
    let new: Vec<String> = wanted.iter().filter(|region| !good.contains(region)).cloned().collect();
    if !gone.is_empty() {
        remove(cx, arn, gone).await?;
    }
    for region in new {
        let call = cx
            .cloud
            .secrets
            .replicate_secret_to_regions()
            .secret_id(arn)
            .set_add_replica_regions(to_sdk(std::slice::from_ref(&region)));
        let call = call.force_overwrite_replica_secret(is_left(cx, &now, &region).await?);
        call.send().await.map_err(failed("secretsmanager:ReplicateSecretToRegions"))?;
    }
    Ok(())
}

/// Checks whether what has the name in a region is what the stack left there: its own, and scheduled for deletion, which a copy may take the
/// place of. Anything else of that name is in the way, as AWS then says.
async fn is_left(cx: &Cx, secret: &DescribeSecretOutput, region: &str) -> Result<bool> {
    let name = secret.name().unwrap_or_default();
    let answer = cx.cloud.secrets_in(region).describe_secret().secret_id(name).send().await;
    let there = present(answer.map(Some).map_err(failed("secretsmanager:DescribeSecret")))?;
    Ok(there.is_some_and(|there| there.deleted_date().is_some() && cx.scope.owns(&tags_of(&there))))
}

async fn remove(cx: &Cx, arn: &str, regions: Vec<String>) -> Result<()> {
    let call = cx.cloud.secrets.remove_regions_from_replication().secret_id(arn).set_remove_replica_regions(Some(regions));
    call.send().await.map(drop).map_err(failed("secretsmanager:RemoveRegionsFromReplication"))
}

/// Makes a secret of its own of a copy.
pub(super) async fn end(cx: &Cx, arn: &str, wanted: &str) -> Result<()> {
    if !wanted.is_empty() {
        let message = format!("it is a secret of its own, and not a copy of the one in {wanted}");
        return Err(Error::new(Class::Invalid, message).hint("delete it, and have `stack apply` of that region copy it here"));
    }
    let call = cx.cloud.secrets.stop_replication_to_replica().secret_id(arn);
    match call.send().await.map_err(failed("secretsmanager:StopReplicationToReplica")) {
        // An earlier try had done it, and its answer was lost.
        Err(e) if e.class == Class::Invalid => match describe(cx, arn).await? {
            Some(now) if primary(&now, &cx.scope.region).is_empty() => Ok(()),
            _ => Err(e),
        },
        other => other.map(drop),
    }
}

/// Ends what keeps a secret from being deleted: that it has copies, or is one. Returns whether there was such a thing.
pub(super) async fn part(cx: &Cx, secret: &DescribeSecretOutput) -> Result<bool> {
    let arn = secret.arn().unwrap_or_default();
    let copies: Vec<String> = secret.replication_status().iter().filter_map(|one| one.region.clone()).collect();
    if !primary(secret, &cx.scope.region).is_empty() {
        end(cx, arn, "").await?;
        return Ok(true);
    }
    if copies.is_empty() {
        return Ok(false);
    }
    remove(cx, arn, copies).await?;
    Ok(true)
}

/// Returns the error about a copy that was not made yet.
pub(super) fn not_here(name: &str, region: &str) -> Error {
    let message = format!("the secret `{name}` was not copied here");
    Error::new(Class::Invalid, message).hint(format!("`stack apply` in {region} copies it; that takes a minute"))
}

/// Returns what a change of the copies does.
pub(super) fn effects(observed: &Value, diff: &Diff) -> Vec<Effect> {
    let mut out = Vec::new();
    if diff.touches("primary_region") {
        let primary = observed["primary_region"].as_str().unwrap_or_default();
        out.push(Effect::new(Impact::CannotBeUndone, format!("it is not kept the same as the one in {primary} any more")));
    }
    let gone = diff.changes.iter().find(|change| change.path.starts_with("replica_regions"));
    let was = gone.and_then(|change| change.before.as_ref()).and_then(Value::as_array).is_some_and(|was| !was.is_empty());
    let is = gone.and_then(|change| change.after.as_ref()).and_then(Value::as_array).is_some_and(|is| !is.is_empty());
    if was && !is {
        out.push(Effect::new(
            Impact::Interrupts,
            "its copies in other regions are deleted: what reads them there does not start any more",
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::types::ReplicationStatusType;

    use super::*;

    #[test]
    fn copies_that_failed_are_none() {
        let copy = |region: &str, status| ReplicationStatusType::builder().region(region).status(status).build();
        let secret = DescribeSecretOutput::builder()
            .primary_region("eu-west-1")
            .replication_status(copy("us-east-1", StatusType::InProgress))
            .replication_status(copy("eu-central-1", StatusType::InSync))
            .replication_status(copy("eu-north-1", StatusType::Failed))
            .build();
        assert_eq!(regions(&secret), ["eu-central-1", "us-east-1"]);
        assert_eq!((primary(&secret, "eu-west-1"), primary(&secret, "us-east-1")), (String::new(), "eu-west-1".to_owned()));
    }
}
