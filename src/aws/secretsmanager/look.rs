//! What Secrets Manager says of one secret.

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;

use super::errors::failed;
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::ownership::tags::{Tags, from_pairs};
use crate::engine::Result;

pub(super) async fn describe(cx: &Cx, id: &str) -> Result<Option<DescribeSecretOutput>> {
    let answer = cx.cloud.secrets.describe_secret().secret_id(id).send().await;
    present(answer.map(Some).map_err(failed("secretsmanager:DescribeSecret")))
}

pub(super) fn tags_of(secret: &DescribeSecretOutput) -> Tags {
    from_pairs(secret.tags().iter().map(|t| (t.key(), t.value())))
}
