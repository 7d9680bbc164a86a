//! Keys, in AWS KMS.
//!
//! KMS lists keys without their tags. So the stack's are found among those that can be its own: keys with an alias that has the
//! stack's prefix, and keys without any alias (of a run that died between `CreateKey` and `CreateAlias`, with an alias that was
//! deleted or moved, or scheduled for deletion). Only the tags of these are read. An account without such keys costs two calls. A
//! reading that may use the index of tags ([`crate::aws::ownership::tag_index`]) finds those without an alias there.

mod alias;
mod controls;
mod cost;
pub(in crate::aws) mod errors;
mod key;

pub use alias::Alias;
pub use key::{Key, STATES};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt};

use crate::aws::Cx;
use crate::aws::call::answers::{answered, present};
use crate::aws::call::rate_limit::{Rates, per_second};
use crate::aws::kms::errors::failed;
use crate::aws::ownership::tags::{Tags, from_pairs};
use crate::aws::ownership::{names, tag_index};
use crate::aws::wing::{KindRow, Wing};
use crate::engine::{Class, Result, Scope};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    // <https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html>
    rates: &[Rates {
        changing: per_second(5),
        ..Rates::of(
            "KMS",
            &[
                (&["CreateGrant"], per_second(50)),
                (&["DeleteAlias"], per_second(15)),
                (&["EnableKeyRotation"], per_second(15)),
                (&["PutKeyPolicy"], per_second(15)),
                (&["ScheduleKeyDeletion"], per_second(15)),
                (&["TagResource"], per_second(10)),
            ],
        )
    }],
    bill: cost::bill,
    indexed: &["kms"],
    controls: controls::CONTROLS,
    later: controls::LATER,
    ..Wing::of(&[KindRow::of::<Key>(), KindRow::of::<Alias>()])
};

/// The maximum length of the name of an alias.
const NAME: usize = 250;
/// The start of every alias.
const ALIAS: &str = "alias/";
/// The number of calls at once. KMS allows tens of them per second.
const AT_ONCE: usize = 8;

/// An alias with a prefix like the stack's.
struct Pointer {
    name: String,
    arn: String,
    key: String,
}

/// The keys that can be the stack's.
struct Candidates {
    /// Aliases with the stack's prefix.
    aliases: Vec<Pointer>,
    /// Tags by the id of the key: of keys with those aliases, and of keys without any alias.
    tags: BTreeMap<String, Tags>,
}

impl Candidates {
    /// Returns the keys with the stack's tags.
    fn ours<'a>(&'a self, cx: &'a Cx) -> impl Iterator<Item = (&'a String, &'a Tags)> {
        self.tags.iter().filter(|(_, tags)| cx.scope.owns(tags))
    }
}

/// Returns the ARN of the key that an alias stands for; nothing when it does not exist or may not be asked for.
pub(super) async fn arn_of(cx: &Cx, alias: &str) -> Result<Option<String>> {
    arn_in(cx, &cx.scope.region, alias).await
}

/// Returns the same of another region.
pub(super) async fn arn_in(cx: &Cx, region: &str, alias: &str) -> Result<Option<String>> {
    let answer = cx.cloud.kms_in(region).describe_key().key_id(alias).send().await.map_err(failed("kms:DescribeKey"));
    match answer {
        Err(e) if e.class == Class::Denied => Ok(None),
        other => present(other.map(|found| found.key_metadata.and_then(|key| key.arn))),
    }
}

async fn tags_of(cx: &Cx, key: &str) -> Result<Tags> {
    let Scope { partition, region, account, .. } = &*cx.scope;
    if let Some(known) = tag_index::tags(cx, "kms", &format!("arn:{partition}:kms:{region}:{account}:key/{key}")).await {
        return Ok(known);
    }
    let pages = cx.cloud.kms.list_resource_tags().key_id(key).into_paginator().items().send();
    let tags = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("kms:ListResourceTags"));
    let tags = present(tags)?;
    Ok(from_pairs(tags.iter().map(|t| (Some(t.tag_key()), Some(t.tag_value())))))
}

async fn candidates(cx: &Cx) -> Result<Arc<Candidates>> {
    let ask = async {
        let aliases = async {
            let pages = cx.cloud.kms.list_aliases().limit(100).into_paginator().items().send();
            pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("kms:ListAliases"))
        };
        let keys = async {
            if let Some(known) = tag_index::of(cx, "kms").await {
                return Ok(known.keys().filter_map(|arn| arn.split_once(":key/")).map(|(_, id)| id.to_owned()).collect());
            }
            let pages = cx.cloud.kms.list_keys().limit(1000).into_paginator().items().send();
            let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("kms:ListKeys"))?;
            Ok(all.into_iter().filter_map(|k| k.key_id).collect::<Vec<String>>())
        };
        let (aliases, keys) = tokio::try_join!(aliases, keys)?;
        let all: Vec<Pointer> = aliases
            .into_iter()
            .filter_map(|a| Some(Pointer { name: a.alias_name?, arn: a.alias_arn?, key: a.target_key_id? }))
            .collect();
        // AWS's own keys all have aliases, so they are never among those without.
        let known: BTreeSet<&str> = all.iter().map(|a| a.key.as_str()).collect();
        let bare = keys.into_iter().filter(|id| !known.contains(id.as_str()));
        let begins = |a: &&Pointer| a.name.strip_prefix(ALIAS).is_some_and(|n| names::begins(&cx.scope.prefix(), n, NAME));
        let mut asked: BTreeSet<String> = all.iter().filter(begins).map(|a| a.key.clone()).collect();
        asked.extend(bare);
        // Whatever its alias is called.
        let tagged = tag_index::candidates(cx).await?;
        asked.extend(tagged.keys().filter_map(|arn| arn.split_once(":key/")).map(|(_, id)| id.to_owned()));
        let asked = stream::iter(asked.into_iter().map(|key| async move {
            let tags = tags_of(cx, &key).await;
            (key, tags)
        }));
        // A key whose policy forbids the question is not the stack's: the stack's keys allow the account everything.
        let tags = answered(asked.buffer_unordered(AT_ONCE).collect().await)?.into_iter().collect();
        let aliases = all.into_iter().filter(|a| begins(&a)).collect();
        Ok(Candidates { aliases, tags })
    };
    cx.reads.once("kms.candidates", ask).await
}
