use std::collections::BTreeMap;

use aws_sdk_rds::types::{ApplyMethod, Parameter};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Live, NAME, retag, tags_of, to_sdk, users};
use crate::aws::call::answers::present;
use crate::aws::call::arguments::written;
use crate::aws::call::error::incomplete;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::{names, tag_index};
use crate::aws::rds::errors::failed;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Claim, Diff, Effect, Error, Impact, Observed, Readiness, Resource, Result, Rule};

/// The maximum number of parameters of one call.
const AT_ONCE: usize = 20;

/// Parameters of a database engine. Parameters that are not listed have AWS's defaults.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterGroup {
    /// The engine and version that the parameters are for: `postgres16`, `mysql8.4`, `mariadb11.4`. It cannot be changed.
    pub family: String,
    /// The parameters, by the engine's names. Static parameters take effect at the next reboot of the database. Left out: AWS's
    /// defaults.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// Returns the parameters that were set in a group: all others have the engine's defaults.
async fn parameters(cx: &Cx, name: &str) -> Result<BTreeMap<String, String>> {
    let pages = cx.cloud.rds.describe_db_parameters().db_parameter_group_name(name).source("user").into_paginator().items();
    let all = pages.send().collect::<std::result::Result<Vec<_>, _>>().await;
    let all = present(all.map_err(failed("rds:DescribeDBParameters")))?;
    Ok(all.into_iter().filter_map(|p| Some((p.parameter_name?, p.parameter_value.unwrap_or_default()))).collect())
}

/// Returns the static parameters of a group, which change only when the database restarts.
async fn statics(cx: &Cx, name: &str) -> Result<Vec<String>> {
    let pages = cx.cloud.rds.describe_db_parameters().db_parameter_group_name(name).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("rds:DescribeDBParameters"))?;
    Ok(all.into_iter().filter(|p| p.apply_type() == Some("static")).filter_map(|p| p.parameter_name).collect())
}

/// Returns a name without dots, which families have and AWS does not accept in names.
fn plain(name: &str) -> String {
    name.replace('.', "-")
}

fn claim(cx: &Cx, tags: &Tags, name: &str) -> Claim {
    match cx.scope.claim(ParameterGroup::KIND, tags, false) {
        Claim::Foreign => names::claim(cx, Claim::Foreign, tags, name, NAME),
        ours => names::marked(ours, |key| plain(&names::fit(&cx.scope.prefix(), key, names::generation(tags), NAME)) == name),
    }
}

impl Resource for ParameterGroup {
    const KIND: &'static str = "rds.parameter_group";
    const RULES: &'static [Rule] =
        &[Rule::immutable("family"), Rule::exact("parameters"), Rule::after_create("parameters"), Rule::owned("tags")];
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let pages = cx.cloud.rds.describe_db_parameter_groups().into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("rds:DescribeDBParameterGroups"))?;
        let (prefix, known) = (cx.scope.prefix(), tag_index::candidates(cx).await?);
        let like_ours = all.into_iter().filter_map(|group| {
            let live = Live { id: group.db_parameter_group_name?, arn: group.db_parameter_group_arn? };
            let may_be_ours = names::begins(&prefix, &live.id, NAME) || known.contains_key(&live.arn);
            may_be_ours.then(|| (live, group.db_parameter_group_family.unwrap_or_default()))
        });
        try_join_all(like_ours.map(|(live, family)| async move {
            let tags = tags_of(cx, &live.arn).await?;
            let claim = claim(cx, &tags, &live.id);
            let parameters = match claim {
                Claim::Ours(_) | Claim::Tagged(_) => parameters(cx, &live.id).await?,
                _ => BTreeMap::new(),
            };
            let fields = ParameterGroup { family, parameters, tags };
            Ok::<_, Error>(Observed { claim, live, fields, state: Readiness::Ready })
        }))
        .await
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "rds:CreateDBParameterGroup";
        let name = plain(&names::name(cx, NAME));
        let call = cx.cloud.rds.create_db_parameter_group().db_parameter_group_name(name);
        let call = call.db_parameter_group_family(&self.family).description(format!("Databases of {}", cx.scope.prefix()));
        let group = call.set_tags(Some(to_sdk(&self.tags))).send().await.map_err(failed(OP))?.db_parameter_group;
        let live = group.and_then(|g| Some(Live { id: g.db_parameter_group_name?, arn: g.db_parameter_group_arn? }));
        live.ok_or_else(|| incomplete(OP, "the group's name and ARN"))
    }

    fn effects(_desired: &Value, _observed: &Value, diff: &Diff) -> Vec<Effect> {
        let words = "those that the engine reads at startup take effect at the next reboot of the databases that use it";
        diff.touches("parameters").then(|| Effect::new(Impact::Waits, words)).into_iter().collect()
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let write = written(diff, "parameters", &self.parameters);
        let reset = diff.removed_keys("parameters");
        if !write.is_empty() || !reset.is_empty() {
            let statics = statics(cx, &live.id).await?;
            let parameter = |name: &String, value: Option<String>| {
                let method = if statics.contains(name) { ApplyMethod::PendingReboot } else { ApplyMethod::Immediate };
                Parameter::builder().parameter_name(name).set_parameter_value(value).apply_method(method).build()
            };
            let write: Vec<_> = write.into_iter().map(|(name, value)| parameter(&name, Some(value))).collect();
            for some in write.chunks(AT_ONCE) {
                let call = cx.cloud.rds.modify_db_parameter_group().db_parameter_group_name(&live.id);
                call.set_parameters(Some(some.to_vec())).send().await.map_err(failed("rds:ModifyDBParameterGroup"))?;
            }
            let reset: Vec<_> = reset.iter().map(|name| parameter(name, None)).collect();
            for some in reset.chunks(AT_ONCE) {
                let call = cx.cloud.rds.reset_db_parameter_group().db_parameter_group_name(&live.id);
                let call = call.reset_all_parameters(false).set_parameters(Some(some.to_vec()));
                call.send().await.map_err(failed("rds:ResetDBParameterGroup"))?;
            }
        }
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.rds.delete_db_parameter_group().db_parameter_group_name(&live.id);
        call.send().await.map_err(failed("rds:DeleteDBParameterGroup"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        users(cx, |db| db.db_parameter_groups().iter().any(|g| g.db_parameter_group_name() == Some(&live.id))).await
    }
}

impl AwsKind for ParameterGroup {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup", "rds:AddTagsToResource"],
        update: &[
            "rds:ModifyDBParameterGroup",
            "rds:ResetDBParameterGroup",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
        ],
        delete: &["rds:DeleteDBParameterGroup"],
    };
    const SPELLING: &'static [Spelling] = &[("family", How::Lower), ("parameters", How::Keys)];
}
