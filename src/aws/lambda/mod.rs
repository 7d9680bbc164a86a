//! Small functions, in AWS Lambda.

mod controls;
mod cost;
pub(in crate::aws) mod errors;
mod function;
mod package;
mod permission;

pub use function::Function;
pub use package::digest;
pub use permission::Permission;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::try_join_all;

use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::call::rate_limit::{Rates, per_second};
use crate::aws::lambda::errors::failed;
use crate::aws::ownership::tags::{Tags, from_pairs};
use crate::aws::ownership::{names, tag_index};
use crate::aws::wing::{KindRow, Wing};
use crate::engine::Result;

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    bill: cost::bill,
    indexed: &["lambda"],
    // <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>: what has no row of its own shares a bucket.
    rates: &[Rates::of(
        "Lambda",
        &[
            (&["GetFunction"], per_second(100)),
            (&["GetPolicy"], per_second(15)),
            (
                &[
                    "AddPermission",
                    "CreateFunction",
                    "DeleteFunction",
                    "DeleteFunctionConcurrency",
                    "ListFunctions",
                    "RemovePermission",
                    "TagResource",
                    "UntagResource",
                    "UpdateFunctionCode",
                    "UpdateFunctionConfiguration",
                ],
                per_second(15),
            ),
        ],
    )],
    controls: controls::CONTROLS,
    ..Wing::of(&[KindRow::of::<Function>(), KindRow::of::<Permission>()])
};

/// The maximum length of the name of a function.
const NAME: usize = 64;

/// A function as Lambda reports it.
struct Found {
    configuration: aws_sdk_lambda::types::FunctionConfiguration,
    /// Its reserved concurrency, if set.
    concurrency: Option<i32>,
    tags: Tags,
}

/// Returns the functions with names like the stack's, or with its tags as far as the index of tags may be used.
async fn functions(cx: &Cx) -> Result<Arc<Vec<Found>>> {
    let ask = async {
        let names: BTreeSet<String> = match tag_index::of(cx, "lambda").await {
            Some(known) => {
                let named = known.keys().filter_map(|arn| arn.split_once(":function:").map(|(_, name)| name.to_owned()));
                named.collect()
            }
            None => {
                let pages = cx.cloud.lambda.list_functions().into_paginator().items().send();
                let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("lambda:ListFunctions"))?;
                let prefix = cx.scope.prefix();
                all.into_iter().filter_map(|f| f.function_name).filter(|name| names::begins(&prefix, name, NAME)).collect()
            }
        };
        let all = try_join_all(names.iter().map(|name| async move {
            let answer = cx.cloud.lambda.get_function().function_name(name).send().await.map_err(failed("lambda:GetFunction"));
            let answer = present(answer.map(Some))?;
            Ok::<_, crate::engine::Error>(answer.and_then(|a| {
                let tags = a.tags.iter().flatten().map(|(k, v)| (Some(k.as_str()), Some(v.as_str())));
                let concurrency = a.concurrency.and_then(|c| c.reserved_concurrent_executions);
                Some(Found { tags: from_pairs(tags), concurrency, configuration: a.configuration? })
            }))
        }));
        Ok(all.await?.into_iter().flatten().collect::<Vec<_>>())
    };
    cx.reads.once("lambda.functions", ask).await
}
