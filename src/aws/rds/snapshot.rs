//! The snapshots with which a new database begins, as long as there are any: they are deleted when it is complete, and what a run
//! that died left of them is found by the next one.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::named::region_of;
use super::snapshots::{SNAPSHOT, look, remove};
use super::{Live, from_sdk, passing, retag};
use crate::aws::call::answers::or_later;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TAG_BEGINS, source};
use crate::aws::ownership::{names, tag_index};
use crate::aws::rds::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::tags::{TAG_KEY, TAG_PAUSED, TAG_PROTECT};
use crate::engine::{Claim, Diff, Error, Observed, Readiness, Resource, Result, Rule, Scope, Usual};

/// The end of the key of a snapshot that was taken for a new database, and of its encrypted copy.
const ENDS: [&str; 2] = ["-begins", "-begins-encrypted"];

/// A snapshot that carries data into a new database. It is only found and deleted, and that needs no consent: it is a copy of what
/// another database or snapshot holds, and of nothing else.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Returns the names of the snapshot that is taken for the database at hand, and of its encrypted copy: the same in every run.
pub(super) fn names(cx: &Cx) -> [String; 2] {
    names_of(&cx.scope, &cx.key.name, cx.generation)
}

/// Returns the name of the snapshot that is taken of a database for the one at hand, in the region of that.
pub(super) fn taken(cx: &Cx, region: &str) -> String {
    match region == cx.scope.region {
        true => names(cx)[0].clone(),
        false => passing::name(&cx.scope, &cx.key.name, cx.generation),
    }
}

fn names_of(scope: &Scope, database: &str, generation: u32) -> [String; 2] {
    ENDS.map(|end| names::fit(&scope.prefix(), &format!("{database}{end}"), generation, SNAPSHOT))
}

/// Returns the tags of the copy `name` of `source` for the database at hand, which has the tags `of`.
pub(super) fn tags(cx: &Cx, of: &Tags, name: &str, source: &str) -> Tags {
    let end = ENDS.into_iter().zip(names(cx)).find(|(_, known)| known == name).map_or(ENDS[0], |(end, _)| end);
    tags_of(of, &format!("{}{end}", cx.key.name), source)
}

fn tags_of(of: &Tags, key: &str, source: &str) -> Tags {
    of_copy(of, &format!("{}/{key}", Snapshot::KIND), source)
}

/// Returns the tags of what carries the data of `source` into an object with the tags `of`, under a key of its own.
pub(super) fn of_copy(of: &Tags, key: &str, source: &str) -> Tags {
    let mut tags = of.clone();
    // What protects the database does not keep the copy.
    tags.remove(TAG_PROTECT);
    // Nor does it rest with it.
    tags.remove(TAG_PAUSED);
    tags.insert(TAG_KEY.to_owned(), key.to_owned());
    tags.insert(TAG_BEGINS.to_owned(), source.to_owned());
    tags
}

/// Returns whose the snapshot of this name is. Of the stack's own snapshots only these are copies: the last snapshots of its
/// databases have other keys.
fn claim(scope: &Scope, tags: &Tags, name: &str) -> Claim {
    let its = |key: &str| names::fit(&scope.prefix(), key, names::generation(tags), SNAPSHOT);
    let is_named = |key: &str| ENDS.iter().any(|end| key.ends_with(end)) && its(key) == name;
    names::marked(scope.claim(Snapshot::KIND, tags, false), is_named)
}

/// Checks whether a snapshot of this name with these tags is a copy that the stack made.
pub(super) fn is_ours(cx: &Cx, tags: &Tags, name: &str) -> bool {
    matches!(claim(&cx.scope, tags, name), Claim::Ours(_))
}

/// Deletes the copies for the database at hand, which is complete.
pub(super) async fn delete_all(cx: &Cx) -> Result<()> {
    for name in names(cx) {
        let Some(found) = look(cx, &name).await? else { continue };
        let tags = from_sdk(found.tag_list());
        if is_ours(cx, &tags, &name) {
            remove_original(cx, &tags).await?;
            remove(cx, &name).await?;
        }
    }
    Ok(())
}

/// Deletes the snapshot in another region that a copy with these tags is of, if the stack took it there. The copy is deleted after it,
/// so that a run that dies in between is continued.
async fn remove_original(cx: &Cx, tags: &Tags) -> Result<()> {
    let key = tags.get(TAG_KEY).and_then(|key| key.split_once('/')?.1.strip_suffix(ENDS[1]));
    let of = source(tags).and_then(|of| of.strip_prefix("database:"));
    match (key, of.map(|arn| region_of(cx, arn))) {
        (Some(database), Some(region)) if region != cx.scope.region => {
            passing::remove(cx, region, database, names::generation(tags)).await
        }
        _ => Ok(()),
    }
}

impl Resource for Snapshot {
    const KIND: &'static str = "rds.snapshot";
    const RULES: &'static [Rule] = &[Rule::owned("tags")];
    // One that is still being made is deleted when it is finished.
    const USUAL: Usual = Usual::secs(5, 5).at_most_hours(36);
    const LEFTOVER: bool = true;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let none = |known: Arc<tag_index::Index>| {
            let kind = |tags: &Tags| tags.get(TAG_KEY).and_then(|key| key.split('/').next()) == Some(Self::KIND);
            !known.values().any(kind)
        };
        if tag_index::of(cx, "rds").await.is_some_and(none) {
            return Ok(Vec::new());
        }
        let pages = cx.cloud.rds.describe_db_snapshots().snapshot_type("manual").into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("rds:DescribeDBSnapshots"))?;
        let of = |snapshot: aws_sdk_rds::types::DbSnapshot| {
            let tags = from_sdk(snapshot.tag_list());
            let state = match snapshot.status() {
                Some("deleting") => Readiness::Leaving("deleting".into()),
                _ => Readiness::Ready,
            };
            let live = Live { id: snapshot.db_snapshot_identifier?, arn: snapshot.db_snapshot_arn? };
            let claim = claim(&cx.scope, &tags, &live.id);
            matches!(claim, Claim::Ours(_) | Claim::Tagged(_)).then_some(Observed {
                claim,
                live,
                fields: Snapshot { tags },
                state,
            })
        };
        Ok(all.into_iter().filter_map(of).collect())
    }

    async fn create(&self, _: &Cx) -> Result<Live> {
        Err(Error::internal("a copy is created for a database, and never by itself"))
    }

    /// Writes its tags: until when the environment is wanted.
    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        if let Some(found) = look(cx, &live.id).await? {
            remove_original(cx, &from_sdk(found.tag_list())).await?;
        }
        or_later(remove(cx, &live.id).await)
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        let Some(now) = look(cx, &live.id).await? else { return Ok(Readiness::Gone) };
        if now.status() != Some("deleting") {
            Self::delete(cx, live).await?;
        }
        Ok(Readiness::waiting(now.status().unwrap_or("unknown")))
    }
}

impl AwsKind for Snapshot {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &[],
        update: &["rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        delete: &["rds:DeleteDBSnapshot"],
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tags::TAG_GENERATION;

    #[test]
    fn only_copies_with_their_own_names_are_the_stacks() {
        let text = |text: &str| text.to_owned();
        let scope =
            Scope { stack: text("shop"), env: text("staging"), region: text("r"), account: text("1"), partition: text("aws") };
        let names = names_of(&scope, "main", 1);
        assert_eq!(names, ["shop-staging-main-begins", "shop-staging-main-begins-encrypted"]);
        let pairs = [("stack:name", "shop"), ("stack:env", "staging"), (TAG_KEY, "rds.instance/main"), (TAG_PROTECT, "true")];
        let of = Tags::from(pairs.map(|(key, value)| (text(key), text(value))));
        let is_ours = |tags: &Tags, name: &str| claim(&scope, tags, name) == Claim::Ours(name.replace("shop-staging-", ""));
        for (name, key) in names.iter().zip(["main-begins", "main-begins-encrypted"]) {
            let tags = tags_of(&of, key, "database:shop");
            assert!(is_ours(&tags, name) && !tags.contains_key(TAG_PROTECT), "{tags:?}");
            assert_eq!(source(&tags).map(String::as_str), Some("database:shop"));
            assert_eq!(claim(&scope, &tags, "shop-staging-else"), Claim::Tagged(text(key)));
        }
        // The last snapshot of the database has its tags, and another one may have what somebody wrote.
        assert_eq!(claim(&scope, &of, &names[0]), Claim::Adoptable);
        let written = tags_of(&of, "main-backup", "x");
        assert_eq!(claim(&scope, &written, "shop-staging-main-backup"), Claim::Tagged(text("main-backup")));
        let mut second = tags_of(&of, "main-begins", "x");
        second.insert(text(TAG_GENERATION), text("2"));
        let name = &names_of(&scope, "main", 2)[0];
        assert_eq!(
            (name.as_str(), claim(&scope, &second, name)),
            ("shop-staging-main-begins-2", Claim::Ours(text("main-begins")))
        );
    }
}
