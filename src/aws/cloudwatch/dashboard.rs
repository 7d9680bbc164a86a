use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::Tag;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::body;
use crate::aws::call::answers::present;
use crate::aws::cloudwatch::errors::failed;
use crate::aws::ownership::global;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::{TagEdit, Tags, from_pairs};
use crate::aws::spelling::Wrong;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Class, Diff, Error, Observed, Readiness, Resource, Result, Rule, Scope, Usual};

/// The maximum length of a name
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html>).
const NAME: usize = 255;
/// The partition of us-east-1.
const PARTITION: &str = "aws";

/// A dashboard. It is the account's own and has no region: its widgets name theirs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// What it shows, as CloudWatch writes it: `{ widgets: [{ type: text, properties: { markdown: Hello } }] }`.
    pub body: Value,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

/// Returns the ARN of a dashboard
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html>).
fn arn(scope: &Scope, name: &str) -> String {
    format!("arn:{}:cloudwatch::{}:dashboard/{name}", scope.partition, scope.account)
}

fn tags_to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Returns the page of the console that shows a dashboard
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Dashboards.html>).
pub fn console(region: &str, name: &str) -> String {
    format!("https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards/dashboard/{name}")
}

/// Returns CloudWatch where all regions' dashboards are known, in a partition that has us-east-1 there, else in the stack's.
fn client(cx: &Cx) -> &Client {
    if cx.scope.partition == PARTITION { &cx.cloud.cloudwatch_global } else { &cx.cloud.cloudwatch }
}

async fn tags_of(cx: &Cx, name: &str) -> Result<Tags> {
    let answer = client(cx).list_tags_for_resource().resource_arn(arn(&cx.scope, name)).send().await;
    let tags = present(answer.map(|a| a.tags.unwrap_or_default()).map_err(failed("cloudwatch:ListTagsForResource")))?;
    Ok(from_pairs(tags.iter().map(|tag| (tag.key(), tag.value()))))
}

/// Returns the names of the dashboards that can be the stack's.
async fn candidates(cx: &Cx) -> Result<Vec<String>> {
    let prefix = global::prefix(&cx.scope);
    let pages = client(cx).list_dashboards().dashboard_name_prefix(&prefix).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("cloudwatch:ListDashboards"))?;
    let names = all.into_iter().filter_map(|entry| entry.dashboard_name);
    Ok(names.filter(|name| names::begins(&prefix, name, NAME)).collect())
}

async fn observed(cx: &Cx, name: String) -> Result<Option<Observed<Dashboard>>> {
    let mut tags = tags_of(cx, &name).await?;
    if !global::is_here(&cx.scope, &mut tags) {
        return Ok(None);
    }
    let claim = global::claim(cx, Dashboard::KIND, &tags, &name, NAME, true);
    let call = client(cx).get_dashboard().dashboard_name(&name).send().await;
    let answer = present(call.map(Some).map_err(failed("cloudwatch:GetDashboard")))?;
    let Some(text) = answer.and_then(|answer| answer.dashboard_body) else { return Ok(None) };
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Some(Observed {
        claim,
        live: Live { arn: arn(&cx.scope, &name), id: name },
        fields: Dashboard { body: body::canonical(&body), tags },
        state: Readiness::Ready,
    }))
}

impl Dashboard {
    /// Writes the dashboard. What CloudWatch takes and does not draw it says in its answer, which is as bad as a refusal.
    async fn put(&self, cx: &Cx, name: &str, tags: Option<Vec<Tag>>) -> Result<()> {
        const OP: &str = "cloudwatch:PutDashboard";
        let call = client(cx).put_dashboard().dashboard_name(name).dashboard_body(self.body.to_string());
        let answer = call.set_tags(tags).send().await.map_err(failed(OP))?;
        let said = answer.dashboard_validation_messages.unwrap_or_default();
        if said.is_empty() {
            return Ok(());
        }
        let one = |at: Option<&str>, message: Option<&str>| format!("{}: {}", at.unwrap_or("/"), message.unwrap_or_default());
        let all: Vec<String> = said.iter().map(|message| one(message.data_path(), message.message())).collect();
        let mut error = Error::new(Class::Invalid, format!("CloudWatch does not draw all of it: {}", all.join("; ")));
        error.operation = Some(OP.into());
        Err(error)
    }
}

impl Resource for Dashboard {
    const KIND: &'static str = "cloudwatch.dashboard";
    const RULES: &'static [Rule] = &[Rule::exact("body"), Rule::owned("tags")];
    const USUAL: Usual = Usual::secs(1, 1);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        body::refused(&self.body).map(|why| ("body", why))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = try_join_all(candidates(cx).await?.into_iter().map(|name| observed(cx, name))).await?;
        Ok(all.into_iter().flatten().collect())
    }

    /// Creates it. AWS replaces one of the same name without a word, so it is looked for first: since the plan was made someone may have
    /// made one.
    async fn create(&self, cx: &Cx) -> Result<Live> {
        let name = global::name(cx, NAME);
        let call = client(cx).get_dashboard().dashboard_name(&name).send().await;
        let there = present(call.map(Some).map_err(failed("cloudwatch:GetDashboard")))?.is_some();
        if there && !cx.scope.owns(&tags_of(cx, &name).await?) {
            return Err(Error::new(Class::Exists, format!("the dashboard `{name}` exists, and is not this stack's")));
        }
        self.put(cx, &name, Some(tags_to_sdk(&global::new_tags(&cx.scope, &self.tags)))).await?;
        Ok(Live { arn: arn(&cx.scope, &name), id: name })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches_other_than(&["tags"]) {
            self.put(cx, &live.id, None).await?;
        }
        let cloudwatch = client(cx);
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = cloudwatch.tag_resource().resource_arn(&live.arn).set_tags(Some(tags_to_sdk(&edit.write)));
                call.send().await.map_err(failed("cloudwatch:TagResource"))?;
            }
            if !edit.remove.is_empty() {
                let call = cloudwatch.untag_resource().resource_arn(&live.arn).set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("cloudwatch:UntagResource"))?;
            }
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = client(cx).delete_dashboards().dashboard_names(&live.id);
        call.send().await.map_err(failed("cloudwatch:DeleteDashboards"))?;
        Ok(())
    }
}

impl AwsKind for Dashboard {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["cloudwatch:PutDashboard", "cloudwatch:TagResource"],
        update: &["cloudwatch:PutDashboard", "cloudwatch:TagResource", "cloudwatch:UntagResource"],
        delete: &["cloudwatch:DeleteDashboards"],
    };

    /// Writes the body in the one way in which bodies are compared.
    fn spell(object: &mut Value, _: &mut Vec<Wrong>) {
        if let Some(body) = object.get_mut("body") {
            *body = body::canonical(body);
        }
    }
}
