use aws_sdk_applicationautoscaling::types::SuspendedState;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DIMENSION, NAMESPACE};
use crate::aws::autoscaling::errors::failed;
use crate::aws::ecs::{self, Service};
use crate::aws::ownership::mark::Mark;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Diff, Observed, Pause, Readiness, Ref, Resource, Result, Rule};

/// The range of tasks within which a service is scaled. Has the name of its service.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScalableTarget {
    /// The service: its `resource_id`.
    pub service: Ref<Service>,
    /// The minimum number of tasks.
    pub min: i32,
    /// The maximum number of tasks.
    pub max: i32,
    /// Whether scaling is suspended, up and down. Left out: it is not.
    #[serde(default)]
    pub suspended: bool,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// `service/CLUSTER/NAME`
    pub id: String,
}

impl Resource for ScalableTarget {
    const KIND: &'static str = "application-autoscaling.scalable_target";
    const RULES: &'static [Rule] =
        &[Rule::immutable("service"), Rule::identity("service"), Rule::takes("service", &[("ecs.service", "resource_id")])];
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    /// Suspends what scales with the load, which brings no service back that has no tasks; and nothing is below the minimum, to which
    /// a suspension does not apply (<https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-suspend-resume-scaling.html>).
    fn pause(desired: &mut Value, _why: Pause, _used_by: &[&str]) -> bool {
        desired["suspended"] = true.into();
        desired["min"] = 0.into();
        true
    }

    /// Returns the service when it is to be suspended: an alarm could start tasks of one that has just been stopped. Otherwise the
    /// service comes first, and nothing is below the minimum.
    fn goes_ahead(desired: &Value, diff: &Diff) -> Option<&'static str> {
        (diff.touches("suspended") && desired["suspended"] == true).then_some("service")
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let services = ecs::resource_ids(cx).await?;
        // A call takes fifty.
        let targets = try_join_all(services.chunks(50).map(|ids| async move {
            let call = cx.cloud.autoscaling.describe_scalable_targets().service_namespace(NAMESPACE);
            let call = call.scalable_dimension(DIMENSION).set_resource_ids(Some(ids.to_vec()));
            let pages = call.into_paginator().items().send();
            let answer = pages.collect::<std::result::Result<Vec<_>, _>>().await;
            answer.map_err(failed("application-autoscaling:DescribeScalableTargets"))
        }));
        let (targets, claims) = futures::try_join!(targets, ecs::claims(cx))?;
        Ok(targets
            .into_iter()
            .flatten()
            .map(|target| Observed {
                claim: claims.get(&target.resource_id).cloned().unwrap_or(Claim::Adoptable),
                fields: ScalableTarget {
                    service: Ref::physical(&target.resource_id).attr("resource_id"),
                    min: target.min_capacity,
                    max: target.max_capacity,
                    suspended: target.suspended_state().is_some_and(|state| {
                        let parts = [
                            state.dynamic_scaling_in_suspended,
                            state.dynamic_scaling_out_suspended,
                            state.scheduled_scaling_suspended,
                        ];
                        parts.contains(&Some(true))
                    }),
                },
                live: Live { id: target.resource_id },
                state: Readiness::Ready,
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let id = self.service.id()?.to_owned();
        let call = cx.cloud.autoscaling.register_scalable_target().service_namespace(NAMESPACE);
        let call = call.scalable_dimension(DIMENSION).resource_id(&id).min_capacity(self.min).max_capacity(self.max);
        let state = SuspendedState::builder()
            .dynamic_scaling_in_suspended(self.suspended)
            .dynamic_scaling_out_suspended(self.suspended)
            .scheduled_scaling_suspended(self.suspended)
            .build();
        let call = call.suspended_state(state);
        call.send().await.map_err(failed("application-autoscaling:RegisterScalableTarget"))?;
        Ok(Live { id })
    }

    async fn update(&self, cx: &Cx, _: &Live, _: &Diff) -> Result<Live> {
        // Minimum and maximum are checked against each other, so both are written.
        self.create(cx).await
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.autoscaling.deregister_scalable_target().service_namespace(NAMESPACE);
        let call = call.scalable_dimension(DIMENSION).resource_id(&live.id);
        call.send().await.map_err(failed("application-autoscaling:DeregisterScalableTarget"))?;
        Ok(())
    }
}

impl AwsKind for ScalableTarget {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["application-autoscaling:RegisterScalableTarget"],
        update: &["application-autoscaling:RegisterScalableTarget"],
        delete: &["application-autoscaling:DeregisterScalableTarget"],
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Ids, diff};

    #[test]
    fn scaling_stops_before_its_service_and_resumes_after() {
        let file = json!({"service": "it", "min": 2, "max": 4, "suspended": false});
        let mut rests = file.clone();
        assert!(ScalableTarget::pause(&mut rests, Pause::Asked, &[]));
        assert_eq!(rests, json!({"service": "it", "min": 0, "max": 4, "suspended": true}));
        let ahead =
            |to: &Value, from: &Value| ScalableTarget::goes_ahead(to, &diff(ScalableTarget::RULES, to, from, &Ids::default()));
        assert_eq!((ahead(&rests, &file), ahead(&file, &rests), ahead(&rests, &rests)), (Some("service"), None, None));
    }
}
