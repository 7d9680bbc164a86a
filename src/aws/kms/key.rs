use aws_sdk_kms::types::{KeyMetadata, KeyState, Tag};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::candidates;
use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::kms::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::states::{Means, States};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::tags::TAG_TAGS;
use crate::engine::tags::is_ours;
use crate::engine::{Claim, Class, Diff, Error, Observed, Readiness, Resource, Result, Rule, Usual};

/// The only policy that a key has.
const POLICY: &str = "default";
/// The tag with the deletion window: AWS does not store it, and it is given only when the key is deleted, so the key itself
/// remembers.
const TAG_WINDOW: &str = "stack:deletion-window";
/// AWS's default.
const WINDOW_DAYS: i32 = 30;

/// A key for symmetric encryption.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The key policy, which says who can do what with it: a policy document. It must leave the account itself in control, or AWS
    /// refuses it.
    pub policy: Value,
    /// What the key is for. Left out: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether the key is enabled. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether AWS rotates the key material automatically. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<bool>,
    /// Days between two rotations, 90 to 2560. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_days: Option<i32>,
    /// Days during which the key can be restored after its deletion, 7 to 30. Left out: AWS's default, 30, for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_days: Option<i32>,
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
    /// Days during which it can be restored after its deletion.
    #[schemars(skip)]
    pub deletion_days: String,
    /// The other accounts that may use it by a grant, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub noticed: Option<String>,
}

impl Key {
    /// Returns the tags, including what the key remembers.
    fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        if let Some(days) = self.deletion_days {
            tags.insert(TAG_WINDOW.into(), days.to_string());
        }
        tags
    }

    fn live(&self, id: &str, arn: &str) -> Live {
        let deletion_days = self.deletion_days.unwrap_or(WINDOW_DAYS).to_string();
        Live { id: id.to_owned(), arn: arn.to_owned(), deletion_days, noticed: None }
    }
}

fn to_sdk(tags: &Tags) -> Result<Vec<Tag>> {
    let tag = |(k, v): (&String, &String)| Tag::builder().tag_key(k).tag_value(v).build();
    tags.iter().map(tag).collect::<Result<_, _>>().map_err(|e| Error::internal(e.to_string()))
}

async fn policy_of(cx: &Cx, id: &str) -> Result<Value> {
    let answer = cx.cloud.kms.get_key_policy().key_id(id).policy_name(POLICY).send().await;
    let text = answer.map_err(failed("kms:GetKeyPolicy"))?.policy.unwrap_or_default();
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The meanings of AWS's states of a key. Whether it is enabled is a field. A key that is scheduled for deletion counts as
/// deleted: the call that creates it again restores it.
pub const STATES: States = States {
    kind: Key::KIND,
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html",
    words: &[
        ("Creating", Means::Busy),
        ("Disabled", Means::Serves),
        ("Enabled", Means::Serves),
        ("PendingDeletion", Means::Gone),
        ("PendingImport", Means::Fixed("it has no key material: import it again (`aws kms import-key-material`)", &[])),
        ("PendingReplicaDeletion", Means::Gone),
        ("Unavailable", Means::Fixed("its key store is disconnected: connect the key store", &[])),
        ("Updating", Means::Busy),
    ],
};

fn state_of(key: &KeyMetadata) -> Readiness {
    STATES.read(key.key_state().map_or("Enabled", KeyState::as_str), true)
}

/// Returns grants to other accounts, in words. AWS services create grants of their own, on which databases and caches depend, so
/// `stack` never revokes one.
async fn grants_noticed(cx: &Cx, id: &str) -> Result<Option<String>> {
    // Nothing would be done about the answer: a reading by the index does without it.
    if cx.reads.may_ask_index() {
        return Ok(None);
    }
    let pages = cx.cloud.kms.list_grants().key_id(id).into_paginator().items().send();
    let grants = match pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("kms:ListGrants")) {
        // Without the permission nothing is reported, as before.
        Err(e) if e.class == Class::Denied => Vec::new(),
        other => present(other)?,
    };
    let told: Vec<String> = grants
        .iter()
        .filter_map(|grant| {
            let whom = grant.grantee_principal()?;
            let account = whom.strip_prefix("arn:")?.split(':').nth(3).filter(|account| !account.is_empty())?;
            (account != cx.scope.account).then(|| format!("{whom} (grant {})", grant.grant_id().unwrap_or_default()))
        })
        .collect();
    Ok((!told.is_empty()).then(|| {
        format!(
            "another account may use it: {}; `aws kms revoke-grant --key-id {id} --grant-id ID` revokes a grant",
            told.join(", ")
        )
    }))
}

/// Returns a key of the stack as it is.
async fn observed(cx: &Cx, id: &str, tags: &Tags) -> Result<Option<Observed<Key>>> {
    let described = cx.cloud.kms.describe_key().key_id(id).send().await.map_err(failed("kms:DescribeKey"));
    let described = present(described.map(|d| d.key_metadata))?;
    let Some((arn, known)) = described.and_then(|k| Some((k.arn.clone()?, k))) else { return Ok(None) };
    let deletion_days = tags.get(TAG_WINDOW).and_then(|days| days.parse().ok());
    let tags: Tags = tags.iter().filter(|(k, _)| *k != TAG_WINDOW).map(|(k, v)| (k.clone(), v.clone())).collect();
    let claim = cx.scope.claim(Key::KIND, &tags, false);
    let mut fields = Key {
        policy: Value::Null,
        description: known.description.clone(),
        // In other states this says no more than that it cannot be used.
        enabled: matches!(known.key_state, Some(KeyState::Enabled | KeyState::Disabled)).then_some(known.enabled),
        rotation: None,
        rotation_days: None,
        deletion_days,
        tags,
    };
    let state = state_of(&known);
    let mut grants = None;
    if state != Readiness::Gone {
        let rotation = async {
            let answer = cx.cloud.kms.get_key_rotation_status().key_id(id).send().await;
            answer.map_err(failed("kms:GetKeyRotationStatus"))
        };
        let (policy, rotation, noticed) = tokio::try_join!(policy_of(cx, id), rotation, grants_noticed(cx, id))?;
        grants = noticed;
        fields.policy = policy;
        fields.rotation = Some(rotation.key_rotation_enabled);
        fields.rotation_days = rotation.rotation_period_in_days.filter(|_| rotation.key_rotation_enabled);
    }
    Ok(Some(Observed { claim, live: Live { noticed: grants, ..fields.live(id, &arn) }, fields, state }))
}

async fn write_tags(cx: &Cx, id: &str, tags: &Tags) -> Result<()> {
    if !tags.is_empty() {
        let call = cx.cloud.kms.tag_resource().key_id(id).set_tags(Some(to_sdk(tags)?));
        call.send().await.map_err(failed("kms:TagResource"))?;
    }
    Ok(())
}

impl Key {
    /// Restores a key of this name that is scheduled for deletion: what it encrypted can be read again. This costs one reading,
    /// of what a plan reads anyway, in the rare call that creates a key.
    async fn taken_back(&self, cx: &Cx) -> Result<Option<Live>> {
        let mine = Claim::Ours(cx.key.name.clone());
        let waiting = Key::observe(&cx.fresh())
            .await?
            .into_iter()
            .find(|o| o.state == Readiness::Gone && o.claim == mine && names::generation(&o.fields.tags) == cx.generation);
        let Some(Observed { live, fields, .. }) = waiting else { return Ok(None) };
        let id = &live.id;
        // A run that dies after the first call leaves a disabled key, which the next run finishes like any other.
        cx.cloud.kms.cancel_key_deletion().key_id(id).send().await.map_err(failed("kms:CancelKeyDeletion"))?;
        cx.cloud.kms.enable_key().key_id(id).send().await.map_err(failed("kms:EnableKey"))?;
        let policy = cx.cloud.kms.put_key_policy().key_id(id).policy_name(POLICY).policy(self.policy.to_string());
        policy.send().await.map_err(failed("kms:PutKeyPolicy"))?;
        if let Some(text) = &self.description {
            let call = cx.cloud.kms.update_key_description().key_id(id).description(text);
            call.send().await.map_err(failed("kms:UpdateKeyDescription"))?;
        }
        let marked = fields.tags.get(TAG_TAGS).map(String::as_str);
        let stale = |key: &&String| !self.tags.contains_key(*key) && is_ours(marked, key);
        let stale: Vec<String> = fields.tags.keys().filter(stale).cloned().collect();
        if !stale.is_empty() {
            let call = cx.cloud.kms.untag_resource().key_id(id).set_tag_keys(Some(stale));
            call.send().await.map_err(failed("kms:UntagResource"))?;
        }
        write_tags(cx, id, &self.all_tags()).await?;
        Ok(Some(self.live(id, &live.arn)))
    }
}

impl Resource for Key {
    const KIND: &'static str = "kms.key";
    const RULES: &'static [Rule] = &[
        Rule::policy("policy"),
        Rule::after_create("rotation"),
        Rule::after_create("rotation_days"),
        Rule::when_ready("enabled"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(2, 1);
    const HOLDS_DATA: bool = true;
    const REPEATABLE: bool = false;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let found = candidates(cx).await?;
        let all = try_join_all(found.ours(cx).map(|(id, tags)| observed(cx, id, tags))).await?;
        Ok(all.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "kms:CreateKey";
        if let Some(live) = self.taken_back(cx).await? {
            return Ok(live);
        }
        let call = cx.cloud.kms_once.create_key().policy(self.policy.to_string()).set_description(self.description.clone());
        let answer = call.set_tags(Some(to_sdk(&self.all_tags())?)).send().await.map_err(failed(OP))?;
        let made = answer.key_metadata.and_then(|k| Some((k.arn.clone()?, k.key_id)));
        let (arn, id) = made.ok_or_else(|| incomplete(OP, "the key's ARN"))?;
        Ok(self.live(&id, &arn))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let (kms, id) = (&cx.cloud.kms, &live.id);
        if diff.touches("enabled") {
            if self.enabled == Some(false) {
                kms.disable_key().key_id(id).send().await.map_err(failed("kms:DisableKey"))?;
            } else {
                kms.enable_key().key_id(id).send().await.map_err(failed("kms:EnableKey"))?;
            }
        }
        if diff.touches("policy") {
            let call = kms.put_key_policy().key_id(id).policy_name(POLICY).policy(self.policy.to_string());
            call.send().await.map_err(failed("kms:PutKeyPolicy"))?;
        }
        if diff.touches("description") {
            let call = kms.update_key_description().key_id(id).description(self.description.clone().unwrap_or_default());
            call.send().await.map_err(failed("kms:UpdateKeyDescription"))?;
        }
        if diff.touches("rotation") || diff.touches("rotation_days") {
            if self.rotation == Some(false) {
                kms.disable_key_rotation().key_id(id).send().await.map_err(failed("kms:DisableKeyRotation"))?;
            } else {
                let call = kms.enable_key_rotation().key_id(id).set_rotation_period_in_days(self.rotation_days);
                call.send().await.map_err(failed("kms:EnableKeyRotation"))?;
            }
        }
        let mut write = Tags::new();
        if let (true, Some(days)) = (diff.touches("deletion_days"), self.deletion_days) {
            write.insert(TAG_WINDOW.into(), days.to_string());
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            write.extend(edit.write);
            if !edit.remove.is_empty() {
                let call = kms.untag_resource().key_id(id).set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("kms:UntagResource"))?;
            }
        }
        write_tags(cx, id, &write).await?;
        Ok(self.live(id, &live.arn))
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let answer = cx.cloud.kms.describe_key().key_id(&live.id).send().await.map_err(failed("kms:DescribeKey"))?;
        Ok(answer.key_metadata.as_ref().map_or(Readiness::Gone, state_of))
    }

    /// Returns what cannot be read any more: from then on AWS refuses the key
    /// (<https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html>).
    async fn goes_with(_: &Cx, live: &Live) -> Result<Option<String>> {
        let days = &live.deletion_days;
        Ok(Some(format!(
            "everything that it encrypted can no longer be read, files that a CDN serves included; `stack apply` with the key restores it \
             within {days} days"
        )))
    }

    /// Schedules the deletion: KMS deletes nothing at once, and until the window has passed, the key can be restored.
    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let days = live.deletion_days.parse().unwrap_or(WINDOW_DAYS);
        let call = cx.cloud.kms.schedule_key_deletion().key_id(&live.id).pending_window_in_days(days);
        match call.send().await.map_err(failed("kms:ScheduleKeyDeletion")) {
            // Scheduled by the call whose answer was lost.
            Err(e) if e.class == Class::Invalid && e.message.contains("pending deletion") => Ok(()),
            other => other.map(drop),
        }
    }
}

impl AwsKind for Key {
    const MARK: Mark = Mark::History;
    const ACTIONS: Actions = Actions {
        create: &["kms:CreateKey", "kms:TagResource", "kms:EnableKeyRotation"],
        update: &[
            "kms:PutKeyPolicy",
            "kms:UpdateKeyDescription",
            "kms:EnableKeyRotation",
            "kms:DisableKeyRotation",
            "kms:EnableKey",
            "kms:DisableKey",
            "kms:CancelKeyDeletion",
            "kms:TagResource",
            "kms:UntagResource",
        ],
        delete: &["kms:ScheduleKeyDeletion"],
    };
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("keys.{name}.arn", "arn")];
}
