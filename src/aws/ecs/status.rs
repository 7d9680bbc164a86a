//! The health of services, for people. The engine needs none of this.

use aws_sdk_ecs::types::ServiceField;
use serde::Serialize;

use crate::aws::Cx;
use crate::aws::ecs::errors::failed;
use crate::aws::ownership::names;
use crate::engine::{Class, Resource, Result};

/// A service and its newest deployment.
#[derive(Clone, Debug, Serialize)]
pub struct Running {
    /// Its name in the file.
    pub name: String,
    /// The number of tasks that are wanted.
    pub desired: i32,
    /// The number of tasks that run.
    pub running: i32,
    /// The number of tasks that are starting.
    pub pending: i32,
    /// AWS's state of the newest deployment: `COMPLETED`, `IN_PROGRESS`, `FAILED`.
    pub rollout: String,
    /// Family and revision of the task definition.
    pub task_definition: String,
    /// The last event of ECS.
    pub message: String,
}

/// Returns every service of the stack, by name.
///
/// # Errors
/// When ECS cannot be asked. Without a cluster there are none.
pub async fn running(cx: &Cx) -> Result<Vec<Running>> {
    let cluster = names::fit(&cx.scope.prefix(), "main", 1, 255);
    let arns = cx.cloud.ecs.list_services().cluster(&cluster).into_paginator().items().send();
    let arns = match arns.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ecs:ListServices")) {
        Err(e) if e.class == Class::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut out = Vec::new();
    for batch in arns.chunks(10) {
        let call = cx.cloud.ecs.describe_services().cluster(&cluster).set_services(Some(batch.to_vec()));
        let answer = call.include(ServiceField::Tags).send().await.map_err(failed("ecs:DescribeServices"))?;
        for service in answer.services() {
            let tags = crate::aws::ownership::tags::from_pairs(service.tags().iter().map(|t| (t.key(), t.value())));
            let crate::engine::Claim::Ours(name) = cx.scope.claim(super::Service::KIND, &tags, true) else { continue };
            let deployment = service.deployments().iter().find(|d| d.status() == Some("PRIMARY"));
            let definition = service.task_definition().unwrap_or_default();
            out.push(Running {
                name,
                desired: service.desired_count(),
                running: service.running_count(),
                pending: service.pending_count(),
                rollout: deployment.and_then(|d| d.rollout_state()).map_or("", |s| s.as_str()).to_owned(),
                task_definition: definition.rsplit('/').next().unwrap_or_default().to_owned(),
                message: service.events().first().and_then(|e| e.message()).unwrap_or_default().to_owned(),
            });
        }
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(out)
}
