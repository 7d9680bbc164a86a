use aws_sdk_servicediscovery::types::{
    FilterCondition, HttpNamespaceChange, OperationStatus, OperationTargetType, ServiceFilter, ServiceFilterName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NAME, namespaces, to_sdk};
use crate::aws::call::answers::or_gone;
use crate::aws::call::error::incomplete;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::TagEdit;
use crate::aws::servicediscovery::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Class, Diff, Error, Observed, Readiness, Resource, Result, Rule, Usual};

/// A namespace in which services find each other by HTTP, not by DNS, as ECS Service Connect needs it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    /// What the namespace is for. Left out: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The id.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The name.
    pub name: String,
}

/// Returns the ARN of a namespace that an operation created.
fn arn(cx: &Cx, id: &str) -> String {
    let scope = &cx.scope;
    format!("arn:{}:servicediscovery:{}:{}:namespace/{id}", scope.partition, scope.region, scope.account)
}

/// Returns the services in a namespace: id, name and number of instances.
async fn services(cx: &Cx, namespace: &str) -> Result<Vec<(String, String, i32)>> {
    let filter = ServiceFilter::builder().name(ServiceFilterName::NamespaceId).values(namespace);
    let filter = filter.condition(FilterCondition::Eq).build().map_err(|e| Error::internal(e.to_string()))?;
    let pages = cx.cloud.servicediscovery.list_services().filters(filter).into_paginator().send();
    let pages = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("servicediscovery:ListServices"))?;
    Ok(pages
        .into_iter()
        .flat_map(|page| page.services.unwrap_or_default())
        .filter_map(|s| Some((s.id?, s.name?, s.instance_count.unwrap_or_default())))
        .collect())
}

impl Resource for Namespace {
    const KIND: &'static str = "servicediscovery.namespace";
    const RULES: &'static [Rule] = &[Rule::owned("tags")];
    const USUAL: Usual = Usual::secs(15, 15);
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let of = |seen: &super::Seen| Observed {
            claim: names::claim(cx, cx.scope.claim(Self::KIND, &seen.tags, false), &seen.tags, &seen.name, NAME),
            live: Live { id: seen.id.clone(), arn: seen.arn.clone(), name: seen.name.clone() },
            fields: Namespace { description: seen.description.clone(), tags: seen.tags.clone() },
            state: Readiness::Ready,
        };
        Ok(namespaces(cx).await?.iter().map(of).collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "servicediscovery:CreateHttpNamespace";
        let name = names::name(cx, NAME);
        let call = cx.cloud.servicediscovery.create_http_namespace().name(&name).set_description(self.description.clone());
        let call = call.creator_request_id(cx.token_for_now("namespace")).set_tags(Some(to_sdk(&self.tags)?));
        let answer = call.send().await.map_err(failed(OP))?;
        let operation = answer.operation_id.ok_or_else(|| incomplete(OP, "an operation"))?;
        let answer = cx.cloud.servicediscovery.get_operation().operation_id(operation).send().await;
        let operation = answer.map_err(failed("servicediscovery:GetOperation"))?.operation;
        let operation = operation.ok_or_else(|| incomplete(OP, "its operation"))?;
        if operation.status() == Some(&OperationStatus::Fail) {
            let why = operation.error_message().unwrap_or("AWS gave no reason");
            return Err(Error::new(Class::Failed, format!("the namespace `{name}` was not created: {why}")));
        }
        let id = operation.targets().and_then(|targets| targets.get(&OperationTargetType::Namespace)).cloned();
        // The same call with the same token asks about the same operation.
        let id = id.ok_or_else(|| Error::new(Class::NotYet, format!("the namespace `{name}` has no id yet")))?;
        Ok(Live { arn: arn(cx, &id), id, name })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let client = &cx.cloud.servicediscovery;
        if diff.touches("description") {
            let change = HttpNamespaceChange::builder().description(self.description.clone().unwrap_or_default()).build();
            let change = change.map_err(|e| Error::internal(e.to_string()))?;
            let call = client.update_http_namespace().id(&live.id).namespace(change);
            call.send().await.map_err(failed("servicediscovery:UpdateHttpNamespace"))?;
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = client.tag_resource().resource_arn(&live.arn).set_tags(Some(to_sdk(&edit.write)?));
                call.send().await.map_err(failed("servicediscovery:TagResource"))?;
            }
            if !edit.remove.is_empty() {
                let call = client.untag_resource().resource_arn(&live.arn).set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("servicediscovery:UntagResource"))?;
            }
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        // What ECS made for its services it may leave behind, empty; a namespace with services in it is not deleted.
        for (id, _, instances) in services(cx, &live.id).await? {
            if instances == 0 {
                let answer = cx.cloud.servicediscovery.delete_service().id(id).send().await;
                or_gone(answer.map_err(failed("servicediscovery:DeleteService")))?;
            }
        }
        let answer = cx.cloud.servicediscovery.delete_namespace().id(&live.id).send().await;
        answer.map_err(failed("servicediscovery:DeleteNamespace"))?;
        Ok(())
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let answer = cx.cloud.servicediscovery.get_namespace().id(&live.id).send().await;
        answer.map_err(failed("servicediscovery:GetNamespace"))?;
        Ok(Readiness::Ready)
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        let answer = cx.cloud.servicediscovery.get_namespace().id(&live.id).send().await;
        answer.map_err(failed("servicediscovery:GetNamespace"))?;
        Ok(Readiness::waiting("the namespace is being deleted"))
    }

    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let told = |(_, name, instances): (String, String, i32)| Blocker {
            what: format!("the Cloud Map service `{name}` (instances: {instances})"),
            // They go with the tasks.
            passing: true,
        };
        Ok(services(cx, &live.id).await?.into_iter().map(told).collect())
    }
}

impl AwsKind for Namespace {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["servicediscovery:CreateHttpNamespace", "servicediscovery:TagResource"],
        update: &["servicediscovery:UpdateHttpNamespace", "servicediscovery:TagResource", "servicediscovery:UntagResource"],
        delete: &["servicediscovery:DeleteNamespace", "servicediscovery:DeleteService"],
    };
}
