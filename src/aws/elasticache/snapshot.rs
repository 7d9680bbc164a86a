//! The snapshots with which a new cache begins, as long as there are any: they are deleted when it is complete, and what a run that
//! died left of them is found by the next one.

use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::naming::SNAPSHOT;
use super::snapshots::{look, remove};
use super::{Live, retag, tags_of};
use crate::aws::call::answers::or_later;
use crate::aws::elasticache::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::TAG_BEGINS;
use crate::aws::ownership::{names, tag_index};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::tags::{TAG_EXPIRES, TAG_GENERATION, TAG_KEY, TAG_PROTECT};
use crate::engine::{Claim, Diff, Error, Observed, Readiness, Resource, Result, Rule, Scope, Usual};

/// The end of the key of a snapshot that was taken for a new cache.
const END: &str = "-begins";
/// What a snapshot would get from the cache that it is of: with AWS's tags come those that it is not given itself.
const NOT_INHERITED: [&str; 3] = [TAG_EXPIRES, TAG_GENERATION, TAG_PROTECT];

/// A snapshot that carries data into a new cache. It is only found and deleted, and that needs no consent: it is a copy of what
/// another cache holds, and of nothing else.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CacheSnapshot")]
pub struct Snapshot {
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Returns the name of the snapshot that is taken for the cache at hand: the same in every run.
pub(super) fn name(cx: &Cx) -> String {
    name_of(&cx.scope, &cx.key.name, cx.generation)
}

fn name_of(scope: &Scope, cache: &str, generation: u32) -> String {
    names::fit(&scope.prefix(), &format!("{cache}{END}"), generation, SNAPSHOT)
}

/// Returns the tags of the snapshot of `source` for the cache at hand, which has the tags `of`.
pub(super) fn tags(cx: &Cx, of: &Tags, source: &str) -> Tags {
    tags_for(of, &cx.key.name, source)
}

fn tags_for(of: &Tags, cache: &str, source: &str) -> Tags {
    let mut tags = of.clone();
    // What protects the cache does not keep the snapshot.
    tags.remove(TAG_PROTECT);
    for tag in NOT_INHERITED {
        tags.entry(tag.to_owned()).or_default();
    }
    tags.insert(TAG_KEY.to_owned(), format!("{}/{cache}{END}", Snapshot::KIND));
    tags.insert(TAG_BEGINS.to_owned(), source.to_owned());
    tags
}

/// Returns whose the snapshot of this name is. Of the stack's own snapshots only these are copies: the last snapshots of its caches
/// have other keys.
fn claim(scope: &Scope, tags: &Tags, name: &str) -> Claim {
    let its = |key: &str| names::fit(&scope.prefix(), key, names::generation(tags), SNAPSHOT);
    names::marked(scope.claim(Snapshot::KIND, tags, false), |key| key.ends_with(END) && its(key) == name)
}

/// Checks whether a snapshot of this name with these tags is one that the stack took for a new cache.
pub(super) fn is_ours(cx: &Cx, tags: &Tags, name: &str) -> bool {
    matches!(claim(&cx.scope, tags, name), Claim::Ours(_))
}

/// Deletes the snapshot for the cache at hand, which is complete.
pub(super) async fn delete_all(cx: &Cx) -> Result<()> {
    let name = name(cx);
    let Some(found) = look(cx, &name).await? else { return Ok(()) };
    let tags = tags_of(cx, found.arn().unwrap_or_default()).await?;
    if tags.is_some_and(|tags| is_ours(cx, &tags, &name)) { remove(cx, &name).await } else { Ok(()) }
}

/// Returns a snapshot as the stack sees it, if it is one of these.
async fn observed(cx: &Cx, snapshot: &aws_sdk_elasticache::types::Snapshot) -> Result<Option<Observed<Snapshot>>> {
    let (Some(id), Some(arn)) = (snapshot.snapshot_name.clone(), snapshot.arn.clone()) else { return Ok(None) };
    let Some(mut tags) = tags_of(cx, &arn).await? else { return Ok(None) };
    tags.retain(|tag, value| !(NOT_INHERITED.contains(&tag.as_str()) && value.is_empty()));
    let state = match snapshot.snapshot_status() {
        Some("deleting") => Readiness::Leaving("deleting".into()),
        _ => Readiness::Ready,
    };
    let claim = claim(&cx.scope, &tags, &id);
    let concerns = matches!(claim, Claim::Ours(_) | Claim::Tagged(_));
    Ok(concerns.then_some(Observed { claim, live: Live { id, arn }, fields: Snapshot { tags }, state }))
}

impl Resource for Snapshot {
    const KIND: &'static str = "elasticache.snapshot";
    const RULES: &'static [Rule] = &[Rule::owned("tags")];
    // One that is still being taken is deleted when it is finished.
    const USUAL: Usual = Usual::secs(5, 5).at_most_hours(24);
    const LEFTOVER: bool = true;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let is_one = |tags: &Tags| tags.get(TAG_KEY).and_then(|key| key.split('/').next()) == Some(Self::KIND);
        if tag_index::of(cx, "elasticache").await.is_some_and(|known| !known.values().any(is_one)) {
            return Ok(Vec::new());
        }
        let (prefix, known) = (cx.scope.prefix(), tag_index::candidates(cx).await?);
        let pages = cx.cloud.elasticache.describe_snapshots().into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("elasticache:DescribeSnapshots"))?;
        let may_be_ours = all.iter().filter(|snapshot| {
            snapshot.snapshot_name().is_some_and(|name| names::begins(&prefix, name, SNAPSHOT))
                || snapshot.arn().and_then(|arn| known.get(arn)).is_some_and(is_one)
        });
        let found = try_join_all(may_be_ours.map(|snapshot| observed(cx, snapshot))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(&self, _: &Cx) -> Result<Live> {
        Err(Error::internal("a snapshot is taken for a cache, and never by itself"))
    }

    /// Writes its tags: until when the environment is wanted.
    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        or_later(remove(cx, &live.id).await)
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        let Some(now) = look(cx, &live.id).await? else { return Ok(Readiness::Gone) };
        if now.snapshot_status() != Some("deleting") {
            Self::delete(cx, live).await?;
        }
        Ok(Readiness::waiting(now.snapshot_status().unwrap_or("unknown")))
    }
}

impl AwsKind for Snapshot {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &[],
        update: &["elasticache:AddTagsToResource", "elasticache:RemoveTagsFromResource"],
        delete: &["elasticache:DeleteSnapshot"],
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ownership::tags::source;

    #[test]
    fn only_snapshots_for_new_caches_are_copies() {
        let text = |text: &str| text.to_owned();
        let scope =
            Scope { stack: text("shop"), env: text("staging"), region: text("r"), account: text("1"), partition: text("aws") };
        let name = name_of(&scope, "main", 1);
        assert_eq!(name, "shop-staging-main-begins");
        let pairs = [("stack:name", "shop"), ("stack:env", "staging"), (TAG_PROTECT, "true")];
        let of = Tags::from(pairs.map(|(key, value)| (text(key), text(value))));
        let tags = tags_for(&of, "main", "cache:shop");
        assert_eq!(claim(&scope, &tags, &name), Claim::Ours(text("main-begins")));
        assert_eq!(claim(&scope, &tags, "shop-staging-else"), Claim::Tagged(text("main-begins")));
        assert_eq!((tags[TAG_PROTECT].as_str(), source(&tags).map(String::as_str)), ("", Some("cache:shop")));
        // The last snapshot of a cache has its tags.
        assert_eq!(claim(&scope, &of, &name), Claim::Adoptable);
    }
}
