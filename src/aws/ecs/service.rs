use aws_sdk_ecs::operation::create_service::builders::CreateServiceFluentBuilder;
use aws_sdk_ecs::types::{
    self as sdk, AssignPublicIp, AvailabilityZoneRebalancing, AwsVpcConfiguration, CapacityProviderStrategyItem,
    DeploymentCircuitBreaker, DeploymentConfiguration, LaunchType, LoadBalancer, NetworkConfiguration, PropagateTags,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::connect::Connect;
use super::deployment::{began, fails, gave_up, judge, primary, under_way};
use super::failing::{Why, why};
use super::{Cluster, NAME, TaskDefinition, invalid, name_in, resource_id, retag, service_claim, services, tags_of, to_sdk};
use crate::aws::call::answers::present;
use crate::aws::call::arguments::ids;
use crate::aws::call::error::incomplete;
use crate::aws::ec2::{SecurityGroup, Subnet};
use crate::aws::ecs::errors::failed;
use crate::aws::elbv2::TargetGroup;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::servicediscovery::{Seen, namespaces};
use crate::aws::spelling::{How, Spelling};
use crate::aws::states::{Means, States};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::tags::TAG_PAUSED;
use crate::engine::{AnyRef, Diff, Effect, Error, Impact, Observed, Pause, Readiness, Ref, Resource, Result, Rule, Usual};

/// The text after the ARN of a task definition that ECS gave up on, so that the next run tries again.
const GAVE_UP: &str = " (deployment failed)";

/// A service: a number of tasks that ECS keeps running.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The cluster that it runs in.
    pub cluster: Ref<Cluster>,
    /// The task definition of its tasks.
    pub task_definition: Ref<TaskDefinition>,
    /// The number of tasks. Left out: something else decides, such as autoscaling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_count: Option<i32>,
    /// The number of tasks when the service is created, if `desired_count` is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_count: Option<i32>,
    /// The capacity providers of the tasks. Left out: Fargate for a new service, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<Vec<Capacity>>,
    /// The subnets of the tasks.
    pub subnets: Vec<Ref<Subnet>>,
    /// The security groups of the tasks, which decide who can connect to them and what they can connect to. Left out: AWS's
    /// default for a new one and whenever the network changes, else unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<Ref<SecurityGroup>>,
    /// Whether the tasks get public addresses. Left out: they do not.
    #[serde(default)]
    pub assign_public_ip: bool,
    /// The target groups in which the tasks are registered. Left out: none.
    #[serde(default)]
    pub load_balancers: Vec<LoadBalancerTarget>,
    /// Seconds after the start of a task during which failed health checks are ignored. Left out: AWS's default for a new one,
    /// else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<i32>,
    /// When a failing deployment is stopped. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<CircuitBreaker>,
    /// The minimum number of running tasks during a deployment, in percent of the desired number. Left out: AWS's default for a
    /// new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_healthy_percent: Option<i32>,
    /// The maximum number of running tasks during a deployment, in percent of the desired number. Left out: AWS's default for a
    /// new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_percent: Option<i32>,
    /// Whether commands can be run in the tasks (ECS Exec). Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<bool>,
    /// Whether ECS distributes the tasks evenly over the zones. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_rebalancing: Option<bool>,
    /// Whose tags the tasks get: `SERVICE` or `TASK_DEFINITION`. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagate_tags: Option<String>,
    /// The names by which its tasks find other services, and others find them (ECS Service Connect). Left out: none
    /// for a new service, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<Connect>,
    /// What must exist first, such as the listener of its target group. Left out: nothing.
    #[serde(default)]
    pub after: Vec<AnyRef>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// A share of the tasks and the capacity that they run on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// The capacity provider: `FARGATE` or `FARGATE_SPOT`.
    pub provider: String,
    /// Its share of the tasks beyond `base`, relative to the other weights. Left out: 0.
    #[serde(default)]
    pub weight: i32,
    /// The number of tasks that it gets before the rest is shared by weight. Left out: 0.
    #[serde(default)]
    pub base: i32,
}

/// A target group in which the tasks are registered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancerTarget {
    /// The target group.
    pub target_group: Ref<TargetGroup>,
    /// The container that receives the requests: its name.
    pub container: String,
    /// The port of the container.
    pub port: i32,
}

/// When a failing deployment is stopped.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CircuitBreaker {
    /// Whether a deployment is stopped when its tasks keep failing.
    pub enable: bool,
    /// Whether the service is then rolled back to the last working deployment.
    pub rollback: bool,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The name.
    pub name: String,
    /// `service/CLUSTER/NAME`: the name in Application Auto Scaling.
    pub resource_id: String,
    /// When the deployment that is waited for began, in milliseconds: an answer about an older one is out of date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub deployed: Option<i64>,
}

impl Live {
    fn of(service: &sdk::Service) -> Option<Live> {
        let (arn, name) = (service.service_arn.clone()?, service.service_name.clone()?);
        let resource_id = resource_id(name_in(service.cluster_arn()?), &name);
        Some(Live { id: arn.clone(), arn, name, resource_id, deployed: began(service) })
    }

    fn cluster(&self) -> &str {
        self.resource_id.split('/').nth(1).unwrap_or_default()
    }
}

impl Service {
    fn network(&self) -> Result<NetworkConfiguration> {
        let public = if self.assign_public_ip { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled };
        let vpc = AwsVpcConfiguration::builder().set_subnets(Some(ids(&self.subnets)?)).assign_public_ip(public);
        let vpc = vpc.set_security_groups(Some(ids(&self.security_groups)?)).build().map_err(invalid)?;
        Ok(NetworkConfiguration::builder().awsvpc_configuration(vpc).build())
    }

    fn targets(&self) -> Result<Vec<LoadBalancer>> {
        let target = |t: &LoadBalancerTarget| {
            let target = LoadBalancer::builder().target_group_arn(t.target_group.id()?);
            Ok(target.container_name(&t.container).container_port(t.port).build())
        };
        self.load_balancers.iter().map(target).collect()
    }

    fn strategy(&self) -> Result<Option<Vec<CapacityProviderStrategyItem>>> {
        let item = |c: &Capacity| {
            let item = CapacityProviderStrategyItem::builder().capacity_provider(&c.provider);
            item.weight(c.weight).base(c.base).build().map_err(invalid)
        };
        self.launch.as_ref().map(|list| list.iter().map(item).collect()).transpose()
    }

    fn deployment(&self) -> DeploymentConfiguration {
        let breaker = self.circuit_breaker.as_ref();
        DeploymentConfiguration::builder()
            .set_minimum_healthy_percent(self.minimum_healthy_percent)
            .set_maximum_percent(self.maximum_percent)
            .set_deployment_circuit_breaker(
                breaker.map(|b| DeploymentCircuitBreaker::builder().enable(b.enable).rollback(b.rollback).build()),
            )
            .build()
    }

    fn rebalancing(&self) -> Option<AvailabilityZoneRebalancing> {
        let on = self.zone_rebalancing?;
        Some(if on { AvailabilityZoneRebalancing::Enabled } else { AvailabilityZoneRebalancing::Disabled })
    }

    fn propagate(&self) -> Option<PropagateTags> {
        self.propagate_tags.as_deref().map(PropagateTags::from)
    }

    fn creation(&self, cx: &Cx, name: &str) -> Result<CreateServiceFluentBuilder> {
        let call = cx.cloud.ecs.create_service().cluster(self.cluster.id()?).service_name(name);
        let call = call.task_definition(self.task_definition.id()?).network_configuration(self.network()?);
        let connect = self.connect.as_ref().filter(|connect| connect.enabled).map(Connect::to_sdk).transpose()?;
        let call = call.set_service_connect_configuration(connect);
        let call = match self.strategy()? {
            Some(strategy) => call.set_capacity_provider_strategy(Some(strategy)),
            None => call.launch_type(LaunchType::Fargate),
        };
        Ok(call
            .desired_count(self.desired_count.or(self.initial_count).unwrap_or(1))
            .set_load_balancers(Some(self.targets()?))
            // Without a load balancer there are no checks that could be waited with, and AWS refuses it.
            .set_health_check_grace_period_seconds(self.grace.filter(|_| !self.load_balancers.is_empty()))
            .deployment_configuration(self.deployment())
            .set_enable_execute_command(self.exec)
            .set_availability_zone_rebalancing(self.rebalancing())
            .set_propagate_tags(self.propagate())
            .set_tags(Some(to_sdk(&self.tags))))
    }

    fn from_sdk(service: &sdk::Service, tags: Tags, namespaces: &[Seen]) -> Service {
        let vpc = service.network_configuration().and_then(|n| n.awsvpc_configuration());
        let task_definition = service.task_definition().unwrap_or_default();
        let how = service.deployment_configuration();
        Service {
            cluster: Ref::physical(name_in(service.cluster_arn().unwrap_or_default())),
            task_definition: match gave_up(service) {
                true => Ref::physical(format!("{task_definition}{GAVE_UP}")),
                false => Ref::physical(task_definition),
            },
            desired_count: Some(service.desired_count()),
            initial_count: None,
            launch: (!service.capacity_provider_strategy().is_empty()).then(|| {
                let of = |s: &CapacityProviderStrategyItem| Capacity {
                    provider: s.capacity_provider.clone(),
                    weight: s.weight,
                    base: s.base,
                };
                service.capacity_provider_strategy().iter().map(of).collect()
            }),
            subnets: vpc.map(|v| v.subnets().iter().map(Ref::physical).collect()).unwrap_or_default(),
            security_groups: vpc.map(|v| v.security_groups().iter().map(Ref::physical).collect()).unwrap_or_default(),
            assign_public_ip: vpc.and_then(|v| v.assign_public_ip()) == Some(&AssignPublicIp::Enabled),
            load_balancers: service
                .load_balancers()
                .iter()
                .map(|l| LoadBalancerTarget {
                    target_group: Ref::physical(l.target_group_arn().unwrap_or_default()),
                    container: l.container_name.clone().unwrap_or_default(),
                    port: l.container_port.unwrap_or_default(),
                })
                .collect(),
            grace: Some(service.health_check_grace_period_seconds.unwrap_or_default()),
            circuit_breaker: how
                .and_then(|d| d.deployment_circuit_breaker())
                .map(|b| CircuitBreaker { enable: b.enable, rollback: b.rollback }),
            minimum_healthy_percent: how.and_then(|d| d.minimum_healthy_percent),
            maximum_percent: how.and_then(|d| d.maximum_percent),
            exec: Some(service.enable_execute_command()),
            zone_rebalancing: service.availability_zone_rebalancing().map(|z| z == &AvailabilityZoneRebalancing::Enabled),
            propagate_tags: service.propagate_tags().map(|p| p.as_str().to_owned()),
            connect: Some(Connect::from_sdk(primary(service).and_then(|d| d.service_connect_configuration()), namespaces)),
            after: Vec::new(),
            tags,
        }
    }
}

async fn look(cx: &Cx, cluster: &str, name: &str) -> Result<Option<sdk::Service>> {
    let answer = cx.cloud.ecs.describe_services().cluster(cluster).services(name).send().await;
    Ok(answer.map_err(failed("ecs:DescribeServices"))?.services.and_then(|list| list.into_iter().next()))
}

/// The meanings of AWS's states of a service; the progress of its deployment is separate. A deleted one stays listed for a while.
pub const STATES: States = States {
    kind: Service::KIND,
    source: "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html",
    words: &[("ACTIVE", Means::Serves), ("DRAINING", Means::Leaving), ("INACTIVE", Means::Gone)],
};

impl Service {
    /// Checks whether a load balancer sends requests to a service, as it was read.
    fn is_behind(observed: &Value) -> bool {
        observed.get("load_balancers").and_then(Value::as_array).is_some_and(|all| !all.is_empty())
    }
}

impl Resource for Service {
    const KIND: &'static str = "ecs.service";
    const RULES: &'static [Rule] = &[
        Rule::immutable("cluster"),
        Rule::create_only("initial_count"),
        Rule::keyed("launch", "provider"),
        Rule::set("subnets"),
        Rule::set("security_groups"),
        Rule::set("load_balancers"),
        Rule::keyed("connect.offers", "port_name"),
        Rule::takes("connect.namespace", &[("servicediscovery.namespace", "arn")]),
        // ECS takes the old tasks out of their target group as the new ones come up in theirs: nobody could lead the requests
        // from one to the other at the right moment.
        Rule::once("load_balancers"),
        Rule::order_only("after"),
        Rule::owned("tags"),
        Rule::unit("grace", "s"),
    ];
    const USUAL: Usual = Usual::secs(160, 90).at_most_hours(3);
    type Cloud = Clients;
    type Live = Live;

    /// Checks whether a change is made in place. Only one service at a time can have a name in a namespace, so a service that
    /// others find by its name cannot have a second one beside it.
    fn changes_in_place(observed: &Value, diff: &Diff) -> bool {
        let offers = observed.pointer("/connect/offers").and_then(Value::as_array).is_some_and(|offers| !offers.is_empty());
        offers && diff.forcing().all(|change| change.path.split('.').next() == Some("load_balancers"))
    }

    fn effects(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        if diff.forcing().next().is_some() {
            return Vec::new();
        }
        let mut out = Vec::new();
        if desired["tags"].get(TAG_PAUSED).is_some() && diff.touches("desired_count") {
            out.push(Effect::new(Impact::Interrupts, "it stops serving: no tasks run until it is resumed"));
        }
        if diff.touches("load_balancers") && Self::is_behind(observed) {
            let words = "the load balancer answers with errors from when the old tasks leave their target group until the new ones are healthy in theirs";
            out.push(Effect::new(Impact::Interrupts, words).lasting(30, 180));
        }
        out
    }

    fn pause(desired: &mut Value, _why: Pause, _used_by: &[&str]) -> bool {
        desired["desired_count"] = 0.into();
        true
    }

    /// Sets the count where autoscaling decides it: that would not bring a service back that has no tasks, and so no load
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html>).
    fn resume(desired: &mut Value) {
        let given = |field: &str| desired.get(field).filter(|count| !count.is_null()).cloned();
        desired["desired_count"] = given("desired_count").or_else(|| given("initial_count")).unwrap_or_else(|| 1.into());
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let (services, namespaces) = tokio::try_join!(services(cx), namespaces(cx))?;
        Ok(services
            .iter()
            .filter_map(|service| {
                let tags = tags_of(service.tags());
                let state = match service.status() {
                    Some("ACTIVE") => under_way(service).map_or(Readiness::Ready, Readiness::waiting),
                    other => STATES.read(other.unwrap_or("INACTIVE"), true),
                };
                Some(Observed {
                    claim: service_claim(cx, service, &tags),
                    live: Live::of(service)?,
                    fields: Service::from_sdk(service, tags, &namespaces),
                    state,
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "ecs:CreateService";
        let name = names::name(cx, NAME);
        // AWS answers a known token with what it made then, so the dead one of that name counts; and refuses it with other
        // parameters, so all of them count.
        let dead = present(look(cx, self.cluster.id()?, &name).await)?.filter(|s| s.status() != Some("ACTIVE"));
        let dead = dead.and_then(|s| s.created_at).map(|at| at.secs());
        let wanted = serde_json::to_string(self).map_err(|e| Error::internal(e.to_string()))?;
        let token = cx.token(&format!("{wanted} {dead:?}"));
        let answer = self.creation(cx, &name)?.client_token(token).send().await.map_err(failed(OP))?;
        answer.service().and_then(Live::of).ok_or_else(|| incomplete(OP, "the service's ARN"))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        const OP: &str = "ecs:UpdateService";
        let mut live = live.clone();
        // What has no tasks because it is paused always says so: without the tag a scaled service would stay as it is.
        let pauses = diff.written_keys("tags").iter().any(|key| key == TAG_PAUSED);
        if pauses {
            retag(cx, &live.arn, &self.tags, diff).await?;
        }
        if diff.touches_other_than(&["tags"]) {
            let any = |fields: &[&str]| fields.iter().any(|field| diff.touches(field));
            let mut call = cx.cloud.ecs.update_service().cluster(live.cluster()).service(&live.name);
            if any(&["task_definition"]) {
                call = call.task_definition(self.task_definition.id()?);
            }
            if any(&["desired_count"]) {
                call = call.set_desired_count(self.desired_count);
            }
            if any(&["subnets", "security_groups", "assign_public_ip"]) {
                call = call.network_configuration(self.network()?);
            }
            if any(&["load_balancers"]) {
                call = call.set_load_balancers(Some(self.targets()?));
            }
            // AWS keeps what is not sent, and refuses to wait with the checks of a load balancer that is not there.
            let unbalanced = any(&["load_balancers"]) && self.load_balancers.is_empty();
            if any(&["grace"]) || unbalanced {
                call = call.set_health_check_grace_period_seconds(if unbalanced { Some(0) } else { self.grace });
            }
            if let (true, Some(connect)) = (any(&["connect"]), &self.connect) {
                call = call.service_connect_configuration(connect.to_sdk()?);
            }
            if any(&["circuit_breaker", "minimum_healthy_percent", "maximum_percent"]) {
                call = call.deployment_configuration(self.deployment());
            }
            if any(&["exec"]) {
                call = call.set_enable_execute_command(self.exec);
            }
            if any(&["zone_rebalancing"]) {
                call = call.set_availability_zone_rebalancing(self.rebalancing());
            }
            if any(&["propagate_tags"]) {
                call = call.set_propagate_tags(self.propagate());
            }
            if any(&["launch"]) {
                call = call.set_capacity_provider_strategy(self.strategy()?);
            }
            let gave_up = |c: &crate::engine::Change| {
                c.path == "task_definition" && c.before.as_ref().and_then(|b| b.as_str()).is_some_and(|b| b.ends_with(GAVE_UP))
            };
            // These do not reach the tasks by themselves.
            if any(&["launch", "exec", "propagate_tags"]) || diff.changes.iter().any(gave_up) {
                call = call.force_new_deployment(true);
            }
            let answer = call.send().await.map_err(failed(OP))?;
            live = answer.service().and_then(Live::of).ok_or_else(|| incomplete(OP, "the service's ARN"))?;
        }
        if !pauses {
            retag(cx, &live.arn, &self.tags, diff).await?;
        }
        Ok(live)
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.ecs.delete_service().cluster(live.cluster()).service(&live.name).force(true);
        call.send().await.map_err(failed("ecs:DeleteService"))?;
        Ok(())
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let wanted = self.task_definition.id()?;
        let service = look(cx, live.cluster(), &live.name).await?;
        let Some(service) = service else { return Ok(Readiness::Gone) };
        let judged = judge(&service, wanted, live.deployed, &Why::default());
        // Only its tasks show a deployment that was rolled back, for about an hour.
        if !fails(&service, wanted) && !matches!(judged, Readiness::Failed(_)) {
            return Ok(judged);
        }
        Ok(judge(&service, wanted, live.deployed, &why(cx, live.cluster(), &service, wanted).await))
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        Ok(match look(cx, live.cluster(), &live.name).await? {
            Some(s) if s.status() != Some("INACTIVE") => {
                Readiness::waiting(format!("{}, tasks running: {}", s.status().unwrap_or("deleting"), s.running_count()))
            }
            _ => Readiness::Gone,
        })
    }
}

impl AwsKind for Service {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["ecs:CreateService", "ecs:TagResource"],
        update: &["ecs:UpdateService", "ecs:TagResource", "ecs:UntagResource"],
        delete: &["ecs:DeleteService"],
    };
    const SPELLING: &'static [Spelling] = &[("propagate_tags", How::Word(&["SERVICE", "TASK_DEFINITION", "NONE"]))];
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("services.{name}.arn", "arn")];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_stops_all_tasks_and_resuming_restores_them() {
        for (file, resumed) in [
            (serde_json::json!({"desired_count": 3}), 3),
            (serde_json::json!({"initial_count": 2}), 2),
            (serde_json::json!({"desired_count": null, "initial_count": null}), 1),
        ] {
            let (mut rests, mut runs) = (file.clone(), file);
            assert!(Service::pause(&mut rests, Pause::Unready, &[]));
            assert_eq!(rests["desired_count"], 0);
            Service::resume(&mut runs);
            assert_eq!(runs["desired_count"], resumed);
        }
    }

    #[test]
    fn no_tasks_are_felt_only_where_that_is_a_pause() {
        let effects = |tags: Value| {
            let desired = serde_json::json!({"desired_count": 0, "tags": tags});
            let observed = serde_json::json!({"desired_count": 2, "tags": {}});
            let diff = crate::engine::diff(Service::RULES, &desired, &observed, &crate::engine::Ids::default());
            Service::effects(&desired, &observed, &diff).len()
        };
        assert_eq!((effects(serde_json::json!({TAG_PAUSED: "asked"})), effects(serde_json::json!({}))), (1, 0));
    }
}
