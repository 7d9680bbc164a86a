use std::collections::BTreeMap;

use aws_sdk_elasticache::types::ParameterNameValue;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Live, NAME, retag, tags_of, to_sdk, users};
use crate::aws::call::answers::present;
use crate::aws::call::arguments::written;
use crate::aws::call::error::incomplete;
use crate::aws::elasticache::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::{names, tag_index};
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Claim, Diff, Effect, Error, Impact, Observed, Readiness, Resource, Result, Rule};

/// The maximum number of parameters of one call.
const AT_ONCE: usize = 20;

/// Parameters of a cache engine. Parameters that are not listed have AWS's defaults.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterGroup {
    /// The engine and version that the parameters are for: `valkey8`, `redis7`, `memcached1.6`. It cannot be changed.
    pub family: String,
    /// The parameters, by the engine's names. Left out: AWS's defaults.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// Returns the parameters that were set in a group: all others have the engine's defaults.
async fn parameters(cx: &Cx, name: &str) -> Result<BTreeMap<String, String>> {
    let call = cx.cloud.elasticache.describe_cache_parameters().cache_parameter_group_name(name).source("user");
    let pages = call.into_paginator().send();
    let pages = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    let pages = present(pages.map_err(failed("elasticache:DescribeCacheParameters")))?;
    let all = pages.into_iter().flat_map(|page| page.parameters.unwrap_or_default());
    Ok(all.filter_map(|p| Some((p.parameter_name?, p.parameter_value.unwrap_or_default()))).collect())
}

impl Resource for ParameterGroup {
    const KIND: &'static str = "elasticache.parameter_group";
    const RULES: &'static [Rule] =
        &[Rule::immutable("family"), Rule::exact("parameters"), Rule::after_create("parameters"), Rule::owned("tags")];
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        if tag_index::of(cx, "elasticache").await.is_some_and(|known| !known.keys().any(|arn| arn.contains(":parametergroup:"))) {
            return Ok(Vec::new());
        }
        let pages = cx.cloud.elasticache.describe_cache_parameter_groups().into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
        let all = all.map_err(failed("elasticache:DescribeCacheParameterGroups"))?;
        let (prefix, known) = (cx.scope.prefix(), tag_index::candidates(cx).await?);
        let like_ours = all.into_iter().filter_map(|group| {
            let live = Live { id: group.cache_parameter_group_name?, arn: group.arn? };
            let may_be_ours = names::begins(&prefix, &live.id, NAME) || known.contains_key(&live.arn);
            may_be_ours.then(|| (live, group.cache_parameter_group_family.unwrap_or_default()))
        });
        let found = try_join_all(like_ours.map(|(live, family)| async move {
            let Some(tags) = tags_of(cx, &live.arn).await? else { return Ok(None) };
            let claim = names::claim(cx, cx.scope.claim(Self::KIND, &tags, false), &tags, &live.id, NAME);
            let parameters = match claim {
                Claim::Ours(_) | Claim::Tagged(_) => parameters(cx, &live.id).await?,
                _ => BTreeMap::new(),
            };
            let fields = ParameterGroup { family, parameters, tags };
            Ok::<_, Error>(Some(Observed { claim, live, fields, state: Readiness::Ready }))
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "elasticache:CreateCacheParameterGroup";
        let call = cx.cloud.elasticache.create_cache_parameter_group().cache_parameter_group_name(names::name(cx, NAME));
        let call = call.cache_parameter_group_family(&self.family).description(format!("Caches of {}", cx.scope.prefix()));
        let group = call.set_tags(Some(to_sdk(&self.tags))).send().await.map_err(failed(OP))?.cache_parameter_group;
        let live = group.and_then(|g| Some(Live { id: g.cache_parameter_group_name?, arn: g.arn? }));
        live.ok_or_else(|| incomplete(OP, "the group's name and ARN"))
    }

    /// Returns the effects of a change. Memcached reads all parameters when a node starts, Redis and Valkey some
    /// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html>, "Changes take effect").
    fn effects(desired: &Value, _observed: &Value, diff: &Diff) -> Vec<Effect> {
        let memcached = desired["family"].as_str().is_some_and(|family| family.starts_with("memcached"));
        let words = match memcached {
            true => "they take effect at the next reboot of the caches that use it, which empties them",
            false => "those that the engine reads at startup take effect at the next reboot of the caches that use it",
        };
        diff.touches("parameters").then(|| Effect::new(Impact::Waits, words)).into_iter().collect()
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let pair = |(name, value): (&String, Option<&String>)| {
            ParameterNameValue::builder().parameter_name(name).set_parameter_value(value.cloned()).build()
        };
        let write = written(diff, "parameters", &self.parameters);
        let write: Vec<_> = write.iter().map(|(name, value)| pair((name, Some(value)))).collect();
        for some in write.chunks(AT_ONCE) {
            let call = cx.cloud.elasticache.modify_cache_parameter_group().cache_parameter_group_name(&live.id);
            let call = call.set_parameter_name_values(Some(some.to_vec()));
            call.send().await.map_err(failed("elasticache:ModifyCacheParameterGroup"))?;
        }
        let reset: Vec<_> = diff.removed_keys("parameters").iter().map(|name| pair((name, None))).collect();
        for some in reset.chunks(AT_ONCE) {
            let call = cx.cloud.elasticache.reset_cache_parameter_group().cache_parameter_group_name(&live.id);
            let call = call.reset_all_parameters(false).set_parameter_name_values(Some(some.to_vec()));
            call.send().await.map_err(failed("elasticache:ResetCacheParameterGroup"))?;
        }
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.elasticache.delete_cache_parameter_group().cache_parameter_group_name(&live.id);
        call.send().await.map_err(failed("elasticache:DeleteCacheParameterGroup"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        users(cx, |c| c.cache_parameter_group().and_then(|g| g.cache_parameter_group_name()) == Some(&live.id)).await
    }
}

impl AwsKind for ParameterGroup {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &[
            "elasticache:CreateCacheParameterGroup",
            "elasticache:ModifyCacheParameterGroup",
            "elasticache:AddTagsToResource",
        ],
        update: &[
            "elasticache:ModifyCacheParameterGroup",
            "elasticache:ResetCacheParameterGroup",
            "elasticache:AddTagsToResource",
            "elasticache:RemoveTagsFromResource",
        ],
        delete: &["elasticache:DeleteCacheParameterGroup"],
    };
    const SPELLING: &'static [Spelling] = &[("family", How::Lower), ("parameters", How::Keys)];
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Ids, diff};

    #[test]
    fn parameters_that_wait_for_a_reboot_are_told() {
        let told = |family: &str| {
            let of = |value: &str| json!({"family": family, "parameters": {"timeout": value}});
            let (is, wanted) = (of("1"), of("2"));
            let diff = diff(ParameterGroup::RULES, &wanted, &is, &Ids::default());
            ParameterGroup::effects(&wanted, &is, &diff).into_iter().map(|e| e.words).collect::<Vec<_>>()
        };
        assert!(told("memcached1.6")[0].contains("which empties them"));
        assert!(told("valkey8")[0].starts_with("those that the engine reads at startup"));
    }
}
