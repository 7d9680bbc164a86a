use std::collections::BTreeSet;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry, Tag};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::look::{describe, tags_of};
use super::replicas;
use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::finding::{is_given, is_made};
use crate::aws::kms::Key;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TagEdit, Tags, from_pairs};
use crate::aws::ownership::{names, tag_index};
use crate::aws::policy::principals;
use crate::aws::secretsmanager::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, rds};
use crate::engine::tags::TAG_STACK;
use crate::engine::{Claim, Class, Diff, Effect, Error, Item, Observed, Readiness, Ref, Resource, Result, Rule, Scope, Usual};

/// The maximum length of the stack's names: a database has the ARN in a tag, which has at most 256 characters.
const NAME: usize = 120;
/// The tag with the user name, which is in the secret too, but that is not read for comparison.
const TAG_USER: &str = "stack:username";
/// The label of the current version.
const CURRENT: &str = "AWSCURRENT";
/// The length of a password, of letters and digits only, so that it can stand in a URL as it is and every engine of RDS accepts
/// it; RDS accepts 41 for MySQL.
const LENGTH: i64 = 32;
/// Days during which a deleted secret can be restored: the fewest that AWS allows.
const KEPT: i64 = 7;

/// A password that Secrets Manager generates and keeps: a JSON object with `username` and `password`, as RDS writes it. It is
/// never shown. It changes when another version is put into the secret.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// The user whose password it is. It cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// What the secret is for. Left out: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The ARN of the KMS key that encrypts it; empty for AWS's own. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// The regions into which Secrets Manager copies it, and keeps the copies the same. Left out: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_regions: Option<Vec<String>>,
    /// The region of the secret that this one is a copy of; empty makes one of its own of it, which cannot be undone. A copy is made by the
    /// stack of that region. Left out: it stays what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_region: Option<String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
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
    /// The identifier of the current version.
    pub version: String,
    /// The others whom its own policy gives access, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub noticed: Option<String>,
}

/// Returns `stack/STACK/ENVIRONMENT/NAME`. AWS advises against names that end with a hyphen and six characters; these end with
/// the user's own name.
fn name(cx: &Cx) -> String {
    named(&cx.scope, &cx.key.name, cx.generation)
}

fn named(scope: &Scope, key: &str, generation: u32) -> String {
    let generation = if generation > 1 { format!("-{generation}") } else { String::new() };
    names::ending(&format!("stack/{}/{}/{key}", scope.stack, scope.env), &generation, NAME)
}

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

/// Checks whether a listed secret can be the stack's: AWS matches the start of tags, so the list contains those of other
/// environments and of stacks with longer names, which this identity may not be allowed to read.
fn may_be_ours(scope: &Scope, listed: &SecretListEntry) -> bool {
    let tags = from_pairs(listed.tags().iter().map(|t| (t.key(), t.value())));
    let ours = format!("stack/{}/{}/", scope.stack, scope.env);
    scope.owns(&tags) || listed.name().is_some_and(|name| name.starts_with(&ours))
}

/// Returns the ARNs of the secrets that can be the stack's. Secrets Manager's list may be five minutes old
/// (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>), so the secrets whose passwords the
/// stack's databases have count too.
async fn candidates(cx: &Cx) -> Result<BTreeSet<String>> {
    let listed = async {
        if let Some(known) = tag_index::of(cx, "secretsmanager").await {
            return Ok(known.keys().filter(|arn| arn.contains(":secretsmanager:")).cloned().collect::<BTreeSet<_>>());
        }
        let filter = |key, value: &str| Filter::builder().key(key).values(value).build();
        let call = cx.cloud.secrets.list_secrets().max_results(100);
        let call = call.filters(filter(FilterNameStringType::TagKey, TAG_STACK));
        let call = call.filters(filter(FilterNameStringType::TagValue, &cx.scope.stack));
        let pages = call.into_paginator().send().collect::<std::result::Result<Vec<_>, _>>().await;
        let pages = pages.map_err(failed("secretsmanager:ListSecrets"))?;
        let listed = pages.into_iter().flat_map(|page| page.secret_list.unwrap_or_default());
        Ok(listed.filter(|secret| may_be_ours(&cx.scope, secret)).filter_map(|secret| secret.arn).collect())
    };
    let (mut listed, told) = tokio::try_join!(listed, rds::passwords(cx))?;
    listed.extend(told);
    Ok(listed)
}

fn live_of(secret: &DescribeSecretOutput) -> Option<Live> {
    let version = secret.version_ids_to_stages().into_iter().flatten();
    let current = version.filter(|(_, stages)| stages.iter().any(|stage| stage == CURRENT)).map(|(id, _)| id.clone()).next();
    let arn = secret.arn.clone()?;
    let (name, version) = (secret.name.clone().unwrap_or_default(), current.unwrap_or_default());
    Some(Live { id: arn.clone(), arn, name, version, noticed: None })
}

/// Returns whom a policy gives access, in words. The stack's secrets have no policy: readers have permission by policies of their
/// own.
fn let_in(arn: &str, policy: &str) -> Option<String> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy["Statement"].as_array().map_or(std::slice::from_ref(&policy["Statement"]), Vec::as_slice);
    let allowing = statements.iter().filter(|statement| statement["Effect"] == "Allow");
    let whom: BTreeSet<&str> = allowing.flat_map(|statement| principals(&statement["Principal"])).collect();
    (!whom.is_empty()).then(|| {
        let whom = whom.into_iter().collect::<Vec<_>>().join(", ");
        format!("its resource policy gives access to: {whom}; `aws secretsmanager delete-resource-policy --secret-id {arn}` removes the policy")
    })
}

async fn policy_noticed(cx: &Cx, arn: &str) -> Result<Option<String>> {
    // Nothing would be done about the answer: a reading by the index does without it.
    if cx.reads.may_ask_index() {
        return Ok(None);
    }
    let answer = cx.cloud.secrets.get_resource_policy().secret_id(arn).send().await;
    match answer.map(|a| a.resource_policy).map_err(failed("secretsmanager:GetResourcePolicy")) {
        // Without the permission nothing is reported.
        Err(e) if e.class == Class::Denied => Ok(None),
        other => Ok(present(other)?.and_then(|policy| let_in(arn, &policy))),
    }
}

fn observed(cx: &Cx, secret: &DescribeSecretOutput) -> Option<Observed<Secret>> {
    let mut tags = tags_of(secret);
    let username = tags.remove(TAG_USER);
    let key = secret.kms_key_id().filter(|key| !key.is_empty());
    Some(Observed {
        // Its name, which cannot be changed, is the second mark.
        claim: names::marked(cx.scope.claim(Secret::KIND, &tags, false), |key| {
            named(&cx.scope, key, names::generation(&tags)) == secret.name().unwrap_or_default()
        }),
        live: live_of(secret)?,
        fields: Secret {
            username,
            description: secret.description.clone(),
            kms_key: Some(key.map_or_else(String::new, |key| Ref::<Key>::physical(key).attr("arn").to_string())),
            replica_regions: Some(replicas::regions(secret)),
            primary_region: Some(replicas::primary(secret, &cx.scope.region)),
            tags,
        },
        // Until it is gone for good, it can be taken back: `create` does.
        state: if secret.deleted_date().is_some() { Readiness::Gone } else { Readiness::Ready },
    })
}

/// A secret that has a certain name.
pub struct Named {
    /// Its ARN.
    pub arn: String,
    /// Its tags.
    pub tags: Tags,
}

impl Secret {
    /// Returns the secret that has the name of the current one already.
    ///
    /// # Errors
    /// When Secrets Manager cannot be asked, or refuses.
    pub async fn named(cx: &Cx) -> Result<Option<Named>> {
        let found = describe(cx, &name(cx)).await?;
        Ok(found.map(|secret| Named { arn: secret.arn().unwrap_or_default().to_owned(), tags: tags_of(&secret) }))
    }

    /// Returns the tags, including what is not read from the secret's own text.
    fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        tags.extend(self.username.clone().map(|user| (TAG_USER.to_owned(), user)));
        tags
    }

    fn key(&self) -> Option<String> {
        self.kms_key.clone().filter(|key| !key.is_empty())
    }

    /// Returns the text of the secret, with a new password.
    async fn text(&self, cx: &Cx) -> Result<String> {
        const OP: &str = "secretsmanager:GetRandomPassword";
        let call = cx.cloud.secrets.get_random_password().password_length(LENGTH).exclude_punctuation(true);
        let answer = call.require_each_included_type(true).send().await.map_err(failed(OP))?;
        let password = answer.random_password.ok_or_else(|| incomplete(OP, "a password"))?;
        let mut text = json!({"password": password});
        if let Some(user) = &self.username {
            text = json!({"username": user, "password": password});
        }
        Ok(text.to_string())
    }

    /// Returns what has the name already, if it is the stack's: when the answer to the call that created it was lost, or when it
    /// is scheduled for deletion and is restored, with a new password like a new one.
    async fn there(&self, cx: &Cx, name: &str, refusal: Error) -> Result<Live> {
        let Some(found) = describe(cx, name).await? else {
            return Err(Error { class: Class::NotYet, ..refusal });
        };
        let tags = tags_of(&found);
        let Some(live) = live_of(&found) else { return Err(refusal) };
        if cx.scope.claim(Self::KIND, &tags, false) != Claim::Ours(cx.key.name.clone())
            || names::generation(&tags) != cx.generation
        {
            let hint = "rename this one, or delete that one";
            return Err(Error { class: Class::Invalid, ..refusal.hint(format!("{} is not this stack's: {hint}", live.arn)) });
        }
        if found.deleted_date().is_none() {
            return Ok(live);
        }
        let secrets = &cx.cloud.secrets;
        match secrets.restore_secret().secret_id(&live.arn).send().await.map_err(failed("secretsmanager:RestoreSecret")) {
            Ok(_) => {}
            // It cannot be had back any more, and its name is free in a moment.
            Err(e) if matches!(e.class, Class::NotFound | Class::Invalid) => {
                return Err(Error { class: Class::NotYet, ..refusal });
            }
            Err(e) => return Err(e),
        }
        let call = secrets.update_secret().secret_id(&live.arn).secret_string(self.text(cx).await?);
        let call = call.set_description(self.description.clone()).set_kms_key_id(self.kms_key.clone());
        let answer = call.send().await.map_err(failed("secretsmanager:UpdateSecret"))?;
        let call = secrets.tag_resource().secret_id(&live.arn).set_tags(Some(to_sdk(&self.all_tags())));
        call.send().await.map_err(failed("secretsmanager:TagResource"))?;
        Ok(Live { version: answer.version_id.unwrap_or_default(), ..live })
    }
}

impl Resource for Secret {
    const KIND: &'static str = "secretsmanager.secret";
    const RULES: &'static [Rule] = &[
        Rule::immutable("username"),
        Rule::takes("kms_key", &[("kms.key", "arn")]),
        Rule::set("replica_regions"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(1, 1);
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let found = candidates(cx).await?;
        // Neither the list nor the index shows the current version.
        let all = try_join_all(found.iter().map(|arn| describe(cx, arn))).await?;
        let ours = all.iter().flatten().filter(|secret| cx.scope.owns(&tags_of(secret)));
        try_join_all(ours.filter_map(|secret| observed(cx, secret)).map(|mut it| async {
            if it.state == Readiness::Ready {
                it.live.noticed = policy_noticed(cx, &it.live.arn).await?;
            }
            Ok(it)
        }))
        .await
    }

    /// Creates the secret. Every call generates a password of its own, with the SDK's token: the same token for the same object
    /// would give a secret that is created again the version of the one before it, and a database could not tell the two apart.
    /// The name prevents a second one.
    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "secretsmanager:CreateSecret";
        let name = name(cx);
        if let Some(region) = self.primary_region.as_deref().filter(|region| !region.is_empty()) {
            return Err(replicas::not_here(&name, region));
        }
        let call = cx.cloud.secrets.create_secret().name(&name).secret_string(self.text(cx).await?);
        let call = call.set_description(self.description.clone()).set_kms_key_id(self.key());
        let call = call.set_add_replica_regions(replicas::to_sdk(self.replica_regions.as_deref().unwrap_or_default()));
        match call.set_tags(Some(to_sdk(&self.all_tags()))).send().await.map_err(failed(OP)) {
            Ok(made) => {
                let (arn, version) =
                    made.arn.zip(made.version_id).ok_or_else(|| incomplete(OP, "the secret's ARN and version"))?;
                Ok(Live { id: arn.clone(), arn, name, version, noticed: None })
            }
            Err(e) if matches!(e.class, Class::Exists | Class::NotYet) => self.there(cx, &name, e).await,
            Err(e) => Err(e),
        }
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let secrets = &cx.cloud.secrets;
        if diff.touches("primary_region") {
            replicas::end(cx, &live.arn, self.primary_region.as_deref().unwrap_or_default()).await?;
        }
        if let (true, Some(wanted)) = (diff.touches("replica_regions"), &self.replica_regions) {
            replicas::keep(cx, &live.arn, wanted).await?;
        }
        if diff.touches("description") || diff.touches("kms_key") {
            let call = secrets.update_secret().secret_id(&live.arn);
            let call = call.set_description(self.description.clone().filter(|_| diff.touches("description")));
            let call = call.set_kms_key_id(self.kms_key.clone().filter(|_| diff.touches("kms_key")));
            call.send().await.map_err(failed("secretsmanager:UpdateSecret"))?;
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = secrets.tag_resource().secret_id(&live.arn).set_tags(Some(to_sdk(&edit.write)));
                call.send().await.map_err(failed("secretsmanager:TagResource"))?;
            }
            if !edit.remove.is_empty() {
                let call = secrets.untag_resource().secret_id(&live.arn).set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("secretsmanager:UntagResource"))?;
            }
        }
        Ok(live.clone())
    }

    /// Deletes the secret. What it gave access to is deleted by now, or has another password; what a user put into it by hand
    /// exists nowhere else. So it can be restored for some days, and one that is created again under its name takes its place
    /// (`there`).
    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let refusal = match erase(cx, &live.arn).await {
            Err(e) if e.class == Class::Invalid => e,
            other => return other,
        };
        match describe(cx, &live.arn).await? {
            Some(found) if found.deleted_date().is_none() => match replicas::part(cx, &found).await? {
                true => erase(cx, &live.arn).await,
                false => Err(refusal),
            },
            // An earlier try had done it, and its answer was lost.
            _ => Ok(()),
        }
    }

    fn effects(_desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        replicas::effects(observed, diff)
    }
}

async fn erase(cx: &Cx, arn: &str) -> Result<()> {
    let call = cx.cloud.secrets.delete_secret().secret_id(arn).recovery_window_in_days(KEPT);
    call.send().await.map(drop).map_err(failed("secretsmanager:DeleteSecret"))
}

impl AwsKind for Secret {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["secretsmanager:CreateSecret", "secretsmanager:GetRandomPassword", "secretsmanager:TagResource"],
        update: &["secretsmanager:UpdateSecret", "secretsmanager:TagResource", "secretsmanager:UntagResource"],
        delete: &["secretsmanager:DeleteSecret"],
    };

    fn further_actions(item: &Item) -> Vec<&'static str> {
        // <https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html>
        let keyed = (is_made(item) && is_given(item, "kms_key")).then_some(["kms:GenerateDataKey", "kms:Decrypt"]);
        let copied = item
            .desired
            .as_ref()
            .is_some_and(|desired| desired["replica_regions"].as_array().is_some_and(|regions| !regions.is_empty()));
        let changed = item.changes.touches("replica_regions");
        let copies = (copied && (is_made(item) || changed)).then_some("secretsmanager:ReplicateSecretToRegions");
        let ends = changed.then_some("secretsmanager:RemoveRegionsFromReplication");
        let own = item.changes.touches("primary_region").then_some("secretsmanager:StopReplicationToReplica");
        keyed.into_iter().flatten().chain(copies).chain(ends).chain(own).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_is_listed_only_ours_is_looked_at() {
        let scope = Scope {
            stack: "shop".into(),
            env: "staging".into(),
            region: "us-east-1".into(),
            account: "1".into(),
            partition: "aws".into(),
        };
        let listed = |name: &str, stack: &str, env: &str| {
            let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
            let tags = [tag(TAG_STACK, stack), tag(crate::engine::tags::TAG_ENV, env)];
            may_be_ours(&scope, &SecretListEntry::builder().name(name).set_tags(Some(tags.into())).build())
        };
        assert!(listed("stack/shop/staging/main", "shop", "staging"));
        assert!(listed("by-hand", "shop", "staging"));
        assert!(listed("stack/shop/staging/main", "other", "staging"), "it has our name");
        assert!(!listed("stack/shop/prod/main", "shop", "prod"));
        assert!(!listed("stack/shopping/staging/main", "shopping", "staging"));
    }

    #[test]
    fn whom_a_policy_of_somebody_s_lets_in_is_told() {
        let statement = |effect: &str| json!({"Statement": {"Effect": effect, "Principal": {"AWS": "arn:aws:iam::2:root"}}});
        let said = let_in("ARN", &statement("Allow").to_string()).unwrap();
        assert!(
            said.contains("gives access to: arn:aws:iam::2:root; `aws secretsmanager delete-resource-policy --secret-id ARN`"),
            "{said}"
        );
        assert_eq!(let_in("ARN", &statement("Deny").to_string()), None);
        assert_eq!(let_in("ARN", "no JSON"), None);
    }

    #[test]
    fn of_the_versions_the_current_one_counts() {
        let secret = DescribeSecretOutput::builder()
            .arn("arn:aws:secretsmanager:r:1:secret:n-AbCdEf")
            .name("n")
            .version_ids_to_stages("one", vec!["AWSPREVIOUS".into()])
            .version_ids_to_stages("two", vec![CURRENT.into()])
            .build();
        assert_eq!(live_of(&secret).unwrap().version, "two");
    }
}
