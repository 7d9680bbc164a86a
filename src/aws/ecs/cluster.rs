use aws_sdk_ecs::types::{
    self as sdk, ClusterConfiguration, ClusterField, ClusterSetting, ClusterSettingName, ExecuteCommandConfiguration,
    ExecuteCommandLogConfiguration, ExecuteCommandLogging, ServiceField,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NAME, claim_of, clusters, name_in, retag, tags_of, to_sdk};
use crate::aws::call::error::incomplete;
use crate::aws::ecs::errors::failed;
use crate::aws::iam;
use crate::aws::logs::{LogGroup, left_behind};
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::states::{Means, States};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{AnyRef, Blocker, Class, Diff, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// A cluster, in which services run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Whether CloudWatch collects metrics of every task (Container Insights). Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_insights: Option<bool>,
    /// The capacity providers that services can use: `FARGATE`, `FARGATE_SPOT`. Left out: none.
    #[serde(default)]
    pub capacity_providers: Vec<String>,
    /// The name of the log group to which the sessions of ECS Exec are written; empty for the log of each container's own output. Left out:
    /// that for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec_logs: Option<String>,
    /// What must exist first and is deleted after it: the log group of Container Insights. Left out: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<AnyRef>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The name.
    pub name: String,
    /// The ARN.
    pub arn: String,
}

impl Live {
    fn of(cluster: &sdk::Cluster) -> Option<Live> {
        let name = cluster.cluster_name.clone()?;
        Some(Live { id: name.clone(), name, arn: cluster.cluster_arn.clone()? })
    }
}

impl Cluster {
    fn settings(&self) -> Option<Vec<ClusterSetting>> {
        let value = if self.container_insights? { "enabled" } else { "disabled" };
        Some(vec![ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value(value).build()])
    }

    /// Returns where the sessions of ECS Exec are logged. All else of what a cluster has stays: another key, a bucket beside the log
    /// group, where its storage is (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ExecuteCommandConfiguration.html>).
    fn configuration(&self, now: Option<ClusterConfiguration>) -> Option<ClusterConfiguration> {
        let group = self.exec_logs.as_deref()?;
        let mut all = now.unwrap_or_else(|| ClusterConfiguration::builder().build());
        let exec = all.execute_command_configuration.get_or_insert_with(|| ExecuteCommandConfiguration::builder().build());
        if group.is_empty() {
            exec.logging = Some(ExecuteCommandLogging::Default);
            exec.log_configuration = None;
        } else {
            exec.logging = Some(ExecuteCommandLogging::Override);
            let log = exec.log_configuration.get_or_insert_with(|| ExecuteCommandLogConfiguration::builder().build());
            log.cloud_watch_log_group_name = Some(group.to_owned());
        }
        Some(all)
    }
}

/// The meanings of AWS's states of a cluster. A deleted one stays listed for a while, but its name is free.
pub const STATES: States = States {
    kind: Cluster::KIND,
    source: "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Cluster.html",
    words: &[
        ("ACTIVE", Means::Serves),
        ("DEPROVISIONING", Means::Leaving),
        ("FAILED", Means::Failed),
        ("INACTIVE", Means::Gone),
        ("PROVISIONING", Means::Busy),
    ],
};

/// Returns the name of the log group that Container Insights writes to.
pub fn performance(cluster: &str) -> String {
    format!("/aws/ecs/containerinsights/{cluster}/performance")
}

/// Returns the log group to which sessions of ECS Exec are written; an empty name where there is none of their own.
fn exec_logs(cluster: &sdk::Cluster) -> String {
    let exec = cluster.configuration().and_then(ClusterConfiguration::execute_command_configuration);
    let own = exec.filter(|exec| exec.logging() == Some(&ExecuteCommandLogging::Override));
    let group = own.and_then(|exec| exec.log_configuration()?.cloud_watch_log_group_name());
    group.unwrap_or_default().to_owned()
}

fn state(cluster: &sdk::Cluster) -> Readiness {
    match STATES.read(cluster.status().unwrap_or("unknown"), true) {
        Readiness::Failed(_) => Readiness::Failed("AWS could not create the resources that belong to the cluster".into()),
        state => state,
    }
}

async fn look(cx: &Cx, name: &str) -> Result<Option<sdk::Cluster>> {
    let call = cx.cloud.ecs.describe_clusters().clusters(name).include(ClusterField::Configurations);
    let answer = call.send().await.map_err(failed("ecs:DescribeClusters"))?;
    Ok(answer.clusters.and_then(|list| list.into_iter().next()))
}

/// Creates ECS's own service-linked role: the first cluster of an account can be created before that exists.
async fn make_service_role(cx: &Cx) -> Result<()> {
    let call = cx.cloud.iam.create_service_linked_role().aws_service_name("ecs.amazonaws.com");
    match call.send().await.map_err(iam::errors::failed("iam:CreateServiceLinkedRole")) {
        // It is there and not visible everywhere yet.
        Err(e) if e.class == Class::Exists || e.message.contains("has been taken") => Ok(()),
        other => other.map(|_| ()),
    }
}

impl Resource for Cluster {
    const KIND: &'static str = "ecs.cluster";
    const RULES: &'static [Rule] = &[
        Rule::set("capacity_providers"),
        Rule::takes("exec_logs", &[("logs.log_group", "name")]),
        Rule::order_only("after"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(2, 2);
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        Ok(clusters(cx)
            .await?
            .iter()
            .filter_map(|c| {
                let (tags, live) = (tags_of(c.tags()), Live::of(c)?);
                let insights = c.settings().iter().find(|s| s.name() == Some(&ClusterSettingName::ContainerInsights));
                Some(Observed {
                    claim: claim_of(cx, c),
                    fields: Cluster {
                        // `enhanced` is more of the same.
                        container_insights: insights.and_then(|s| s.value()).map(|v| v != "disabled"),
                        capacity_providers: c.capacity_providers().to_vec(),
                        exec_logs: Some(exec_logs(c)),
                        // Container Insights writes there to the end.
                        after: vec![Ref::<LogGroup>::physical(performance(&live.name)).into()],
                        tags,
                    },
                    live,
                    state: state(c),
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "ecs:CreateCluster";
        let name = names::name(cx, NAME);
        // CreateCluster returns an existing cluster of that name, whoever owns it.
        if let Some(cluster) = look(cx, &name).await?.filter(|c| !state(c).is_gone()) {
            let arn = cluster.cluster_arn.unwrap_or_default();
            let error = crate::engine::Error::new(Class::Exists, format!("the name `{name}` is already used by {arn}"));
            return Err(error.hint("delete it or rename this one"));
        }
        let call = cx.cloud.ecs.create_cluster().cluster_name(&name).set_settings(self.settings());
        let call = call.set_capacity_providers(Some(self.capacity_providers.clone())).set_tags(Some(to_sdk(&self.tags)));
        let call = call.set_configuration(self.configuration(None).filter(|_| self.exec_logs.as_deref() != Some("")));
        match call.send().await.map_err(failed(OP)) {
            Ok(answer) => answer.cluster().and_then(Live::of).ok_or_else(|| incomplete(OP, "the cluster")),
            Err(e) if e.class == Class::NotYet => {
                make_service_role(cx).await?;
                Err(e)
            }
            Err(e) => Err(e),
        }
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches("container_insights") {
            let call = cx.cloud.ecs.update_cluster_settings().cluster(&live.name).set_settings(self.settings());
            call.send().await.map_err(failed("ecs:UpdateClusterSettings"))?;
        }
        if diff.touches("exec_logs") {
            let now = look(cx, &live.name).await?.and_then(|cluster| cluster.configuration);
            let call = cx.cloud.ecs.update_cluster().cluster(&live.name).set_configuration(self.configuration(now));
            call.send().await.map_err(failed("ecs:UpdateCluster"))?;
        }
        if diff.touches("capacity_providers") {
            let call = cx.cloud.ecs.put_cluster_capacity_providers().cluster(&live.name);
            let call = call.set_capacity_providers(Some(self.capacity_providers.clone()));
            // AWS requires a default with every call; the stack's services each say what they run on.
            let call = call.set_default_capacity_provider_strategy(Some(Vec::new()));
            call.send().await.map_err(failed("ecs:PutClusterCapacityProviders"))?;
        }
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        cx.cloud.ecs.delete_cluster().cluster(&live.name).send().await.map_err(failed("ecs:DeleteCluster"))?;
        Ok(())
    }

    /// Returns the services and tasks in the cluster: this stack's are deleted with it, others stay until they are removed.
    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let services = async {
            let pages = cx.cloud.ecs.list_services().cluster(&live.name).into_paginator().items().send();
            pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ecs:ListServices"))
        };
        let tasks = async {
            let pages = cx.cloud.ecs.list_tasks().cluster(&live.name).into_paginator().items().send();
            pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ecs:ListTasks"))
        };
        let (services, tasks) = tokio::try_join!(services, tasks)?;
        let mut out = Vec::new();
        for arns in services.chunks(10) {
            let call = cx.cloud.ecs.describe_services().cluster(&live.name).set_services(Some(arns.to_vec()));
            let answer = call.include(ServiceField::Tags).send().await.map_err(failed("ecs:DescribeServices"))?;
            out.extend(answer.services().iter().filter(|s| s.status() != Some("INACTIVE")).map(|service| Blocker {
                what: format!("the service `{}`", service.service_name().unwrap_or_default()),
                passing: cx.scope.owns(&tags_of(service.tags())) || service.status() == Some("DRAINING"),
            }));
        }
        for arns in tasks.chunks(100) {
            let call = cx.cloud.ecs.describe_tasks().cluster(&live.name).set_tasks(Some(arns.to_vec()));
            let answer = call.send().await.map_err(failed("ecs:DescribeTasks"))?;
            // Those of a service go with it.
            let alone = answer.tasks().iter().filter(|task| !task.group().unwrap_or_default().starts_with("service:"));
            out.extend(alone.map(|task| Blocker {
                what: format!("the task {} ({})", name_in(task.task_arn().unwrap_or_default()), task.group().unwrap_or_default()),
                passing: task.desired_status() == Some("STOPPED"),
            }));
        }
        Ok(out)
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        Ok(look(cx, &live.name).await?.map_or(Readiness::Gone, |c| state(&c)))
    }

    /// Returns the log groups that Container Insights created for the cluster.
    async fn goes_with(cx: &Cx, live: &Live) -> Result<Option<String>> {
        left_behind(cx, &format!("/aws/ecs/containerinsights/{}/", live.name)).await
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        Ok(match look(cx, &live.name).await? {
            Some(c) if c.status() != Some("INACTIVE") => Readiness::waiting(c.status().unwrap_or("deleting")),
            _ => Readiness::Gone,
        })
    }
}

impl AwsKind for Cluster {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["ecs:CreateCluster", "ecs:TagResource"],
        update: &[
            "ecs:PutClusterCapacityProviders",
            "ecs:UpdateCluster",
            "ecs:UpdateClusterSettings",
            "ecs:TagResource",
            "ecs:UntagResource",
        ],
        delete: &["ecs:DeleteCluster"],
    };
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("cluster", "name")];
}
