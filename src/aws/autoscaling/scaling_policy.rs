use aws_sdk_applicationautoscaling::types::{
    self as sdk, MetricType, PolicyType, PredefinedMetricSpecification, TargetTrackingScalingPolicyConfiguration,
};
use aws_smithy_types::error::operation::BuildError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DIMENSION, NAMESPACE, ScalableTarget};
use crate::aws::autoscaling::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, ecs};
use crate::engine::key::is_name;
use crate::engine::{Claim, Class, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Scope};

/// A metric that decides the number of tasks, and its target value.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScalingPolicy {
    /// The service that is scaled.
    pub target: Ref<ScalableTarget>,
    /// The metric: `ECSServiceAverageCPUUtilization`, `ECSServiceAverageMemoryUtilization` or `ALBRequestCountPerTarget`.
    pub metric: String,
    /// For `ALBRequestCountPerTarget`: the `full_name` of the load balancer, a `/`, and that of the target group. Left out for
    /// the other metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_label: Option<String>,
    /// The target value of the metric: percent, or requests per minute and task.
    pub value: f64,
    /// Seconds between two steps down. Left out: AWS's default for a new one and whenever the policy changes, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_in_cooldown: Option<i32>,
    /// Seconds between two steps up. Left out: AWS's default for a new one and whenever the policy changes, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_out_cooldown: Option<i32>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The name.
    pub name: String,
    /// `service/CLUSTER/NAME`
    pub resource_id: String,
}

/// Returns what the names of the stack's policies start with. Policies have no tags, so the name says whose one is and what it is
/// called.
fn prefix(scope: &Scope) -> String {
    format!("stack/{}/{}/", scope.stack, scope.env)
}

/// Returns the name in the stack of the policy that AWS calls `name`.
fn own_name<'a>(scope: &Scope, name: &'a str) -> Option<&'a str> {
    let (own, _metric) = name.strip_prefix(&prefix(scope))?.split_once('/')?;
    is_name(own).then_some(own)
}

impl ScalingPolicy {
    fn configuration(&self) -> Result<TargetTrackingScalingPolicyConfiguration> {
        let invalid = |e: BuildError| Error::new(Class::Invalid, e.to_string());
        let metric = PredefinedMetricSpecification::builder()
            .predefined_metric_type(MetricType::from(self.metric.as_str()))
            .set_resource_label(self.resource_label.clone())
            .build()
            .map_err(invalid)?;
        TargetTrackingScalingPolicyConfiguration::builder()
            .target_value(self.value)
            .predefined_metric_specification(metric)
            .set_scale_in_cooldown(self.scale_in_cooldown)
            .set_scale_out_cooldown(self.scale_out_cooldown)
            .build()
            .map_err(invalid)
    }

    async fn put(&self, cx: &Cx, name: &str) -> Result<Live> {
        const OP: &str = "application-autoscaling:PutScalingPolicy";
        let resource_id = self.target.id()?;
        let call = cx.cloud.autoscaling.put_scaling_policy().policy_name(name).service_namespace(NAMESPACE);
        let call = call.scalable_dimension(DIMENSION).resource_id(resource_id).policy_type(PolicyType::TargetTrackingScaling);
        let call = call.target_tracking_scaling_policy_configuration(self.configuration()?);
        let id = call.send().await.map_err(failed(OP))?.policy_arn;
        Ok(Live { id, name: name.to_owned(), resource_id: resource_id.to_owned() })
    }

    /// Reads a policy that follows one of AWS's own metrics; others are not the stack's.
    fn from_sdk(policy: &sdk::ScalingPolicy) -> Option<ScalingPolicy> {
        let config = policy.target_tracking_scaling_policy_configuration()?;
        let metric = config.predefined_metric_specification()?;
        Some(ScalingPolicy {
            target: Ref::physical(policy.resource_id()),
            metric: metric.predefined_metric_type().as_str().to_owned(),
            resource_label: metric.resource_label.clone(),
            value: config.target_value(),
            scale_in_cooldown: config.scale_in_cooldown,
            scale_out_cooldown: config.scale_out_cooldown,
        })
    }
}

impl Resource for ScalingPolicy {
    const KIND: &'static str = "application-autoscaling.scaling_policy";
    const RULES: &'static [Rule] = &[
        Rule::immutable("target"),
        Rule::identity("target"),
        Rule::immutable("metric"),
        Rule::identity("metric"),
        Rule::unit("scale_in_cooldown", "s"),
        Rule::unit("scale_out_cooldown", "s"),
    ];
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        // All of the region's, fifty on a page: with many services these pages are the longest chain of a plan, so they do not wait
        // for the services, although a stack without any would not need them.
        let all = async {
            let call = cx.cloud.autoscaling.describe_scaling_policies().service_namespace(NAMESPACE);
            let pages = call.scalable_dimension(DIMENSION).into_paginator().items().send();
            let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
            all.map_err(failed("application-autoscaling:DescribeScalingPolicies"))
        };
        let (all, claims, _) = futures::try_join!(all, ecs::claims(cx), ecs::resource_ids(cx))?;
        Ok(all
            .into_iter()
            .filter_map(|policy| {
                let claim = match (claims.get(policy.resource_id())?, own_name(&cx.scope, policy.policy_name())) {
                    (Claim::Ours(_), Some(own)) => Claim::Ours(own.to_owned()),
                    (Claim::Ours(_) | Claim::Stray, _) => Claim::Stray,
                    (Claim::Tagged(_), Some(own)) => Claim::Tagged(own.to_owned()),
                    (Claim::Tagged(_), None) => Claim::Adoptable,
                    (other, _) => other.clone(),
                };
                Some(Observed {
                    claim,
                    fields: ScalingPolicy::from_sdk(&policy)?,
                    live: Live { id: policy.policy_arn, name: policy.policy_name, resource_id: policy.resource_id },
                    state: Readiness::Ready,
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        // With the metric in its name, the new half of a replacement is not the old one under the same name.
        self.put(cx, &format!("{}{}/{}", prefix(&cx.scope), cx.key.name, self.metric)).await
    }

    async fn update(&self, cx: &Cx, live: &Live, _: &Diff) -> Result<Live> {
        self.put(cx, &live.name).await // there is no writing of a part
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.autoscaling.delete_scaling_policy().policy_name(&live.name).service_namespace(NAMESPACE);
        let call = call.scalable_dimension(DIMENSION).resource_id(&live.resource_id);
        call.send().await.map_err(failed("application-autoscaling:DeleteScalingPolicy"))?;
        Ok(())
    }
}

impl AwsKind for ScalingPolicy {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["application-autoscaling:PutScalingPolicy"],
        update: &["application-autoscaling:PutScalingPolicy"],
        delete: &["application-autoscaling:DeleteScalingPolicy"],
    };
    const SPELLING: &'static [Spelling] = &[(
        "metric",
        How::Word(&["ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization", "ALBRequestCountPerTarget"]),
    )];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policys_name_says_whose_it_is() {
        let scope = Scope {
            stack: "webapp".into(),
            env: "staging".into(),
            region: "us-east-1".into(),
            account: "1".into(),
            partition: "aws".into(),
        };
        assert_eq!(own_name(&scope, "stack/webapp/staging/web-cpu/ECSServiceAverageCPUUtilization"), Some("web-cpu"));
        assert_eq!(own_name(&scope, "stack/webapp/production/web-cpu/ECSServiceAverageCPUUtilization"), None);
        assert_eq!(own_name(&scope, "by-hand"), None);
    }
}
