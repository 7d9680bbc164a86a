use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_backup::types::{BackupVaultListMember as Found, VaultType};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{PRINCIPAL, plans, points, read_tags, retag, tags_of, to_sdk};
use crate::aws::backup::errors::failed;
use crate::aws::call::answers::{or_later, present};
use crate::aws::call::error::incomplete;
use crate::aws::iam::{self, Role};
use crate::aws::kms::Key;
use crate::aws::ownership::global::region_of;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::ownership::{names, tag_index};
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{
    Blocker, Claim, Class, Diff, Effect, Error, Impact, Observed, Readiness, Ref, Resource, Result, Rule, Scope, Usual,
};

/// The maximum length of a name
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html>).
const NAME: usize = 50;
/// The tag with the region of the stack that a vault belongs to: the same stack can be in the vault's region too.
const TAG_HOME: &str = "stack:home";
/// The tag of a vault with the regions where vaults with copies of what is in it are, with blanks in between.
const TAG_COPIES: &str = "stack:copies";
/// The limits of a lock
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_PutBackupVaultLockConfiguration.html>).
const MOST_DAYS: i64 = 36_500;
/// The least days for which a lock in compliance mode can still be changed.
pub const GRACE_DAYS: i64 = 3;
/// There is no lock.
pub const OFF: &str = "off";
/// A lock that those with the permission can remove.
pub const GOVERNANCE: &str = "governance";
/// A lock that no one can remove once its days of grace are over.
pub const COMPLIANCE: &str = "compliance";

/// A backup vault: the recovery points of databases and buckets are kept in it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vault {
    /// The region, if it is another one than the stack's: then the vault keeps copies of what is in the vault `of`. It cannot be
    /// changed. Left out: the stack's.
    #[serde(default)]
    pub region: String,
    /// The vault in the stack's region whose recovery points are copied into this one: by it, this one is found again. Only with
    /// `region`, and needed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Ref<Vault>>,
    /// The ARN of the KMS key that encrypts recovery points. It cannot be changed. Left out: AWS's own key for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// Whether recovery points can be deleted before their time: `off` (they can), `governance` (only once the lock has been
    /// removed) or `compliance` (never, and no one can remove the lock). Left out: `off`.
    #[serde(default = "off")]
    pub lock: String,
    /// The least days that the lock requires a recovery point to be kept; jobs with less fail. Left out: none.
    #[serde(default)]
    pub min_days: i64,
    /// The most days that the lock allows a recovery point to be kept; jobs with more fail. Left out: none.
    #[serde(default)]
    pub max_days: i64,
    /// For `compliance`: the days during which the lock can still be changed and removed, at least 3. It counts when the lock is
    /// set. Left out: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_days: Option<i64>,
    /// Who can do what with the vault: a policy document; `{}` for none. Left out: none for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
    /// The roles that back up into it. AWS Backup needs them to delete what has expired, so they are deleted after it. Left out: none.
    #[serde(default)]
    pub roles: Vec<Ref<Role>>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

fn off() -> String {
    OFF.into()
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The second from which on no one can remove its lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub locked_from: Option<String>,
}

impl Live {
    fn region(&self) -> &str {
        region_of(&self.arn)
    }
}

/// A vault of the account, with its tags.
struct Known {
    found: Found,
    name: String,
    arn: String,
    tags: Tags,
}

/// Returns the name of a vault in AWS. In another region it says of which region the stack is: there can be the same stack.
fn physical(scope: &Scope, key: &str, generation: u32, region: &str) -> String {
    let key = if region == scope.region { key.to_owned() } else { format!("{key}-of-{}", scope.region) };
    names::fit(&scope.prefix(), &key, generation, NAME)
}

/// Returns whose a vault is. `None` for those of the same stack in another region.
fn claim(scope: &Scope, region: &str, name: &str, tags: &Tags) -> Option<Claim> {
    if tags.get(TAG_HOME).is_some_and(|home| *home != scope.region) {
        return None;
    }
    Some(match scope.claim(Vault::KIND, tags, false) {
        Claim::Foreign => {
            let bare = if region == scope.region { Some(name) } else { name.strip_suffix(&format!("-of-{}", scope.region)) };
            bare.and_then(|name| names::key_of(&scope.prefix(), name)).map_or(Claim::Foreign, Claim::Taken)
        }
        claim => names::marked(claim, |key| physical(scope, key, names::generation(tags), region) == name),
    })
}

/// Checks whether a vault is one that AWS makes for itself: no stack has those, whatever tags they get.
fn is_of_aws(name: &str) -> bool {
    name == "Default" || name.starts_with("aws/")
}

/// Reads the vaults of a region that can be the stack's.
async fn vaults_in(cx: &Cx, region: &str) -> Result<Vec<Known>> {
    let at_home = region == cx.scope.region;
    let mut tagged = BTreeSet::new();
    let mut known = false;
    if at_home {
        let index = tag_index::candidates(cx).await?;
        tagged = index.keys().filter(|arn| arn.contains(":backup-vault:")).cloned().collect();
        known = tag_index::of(cx, "backup").await.is_some();
        if known && tagged.is_empty() {
            return Ok(Vec::new());
        }
    }
    let pages = cx.cloud.backup_in(region).list_backup_vaults().into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("backup:ListBackupVaults"))?;
    let is_plain = |found: &Found| found.vault_type().is_none_or(|kind| *kind == VaultType::BackupVault);
    let named = all.into_iter().filter(is_plain).filter_map(|found| {
        let (name, arn) = (found.backup_vault_name.clone()?, found.backup_vault_arn.clone()?);
        let likely = tagged.contains(&arn) || !known && names::begins(&cx.scope.prefix(), &name, NAME);
        (likely && !is_of_aws(&name)).then_some((found, name, arn))
    });
    let with_tags = named.map(|(found, name, arn)| async move {
        let tags = if at_home { tags_of(cx, &arn).await? } else { read_tags(cx, &arn).await? };
        Ok::<_, Error>(Known { found, name, arn, tags })
    });
    try_join_all(with_tags).await
}

/// Returns the regions that a vault says to have copies in.
fn copies(tags: &Tags) -> BTreeSet<String> {
    tags.get(TAG_COPIES).into_iter().flat_map(|all| all.split(' ')).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

/// Returns the vault in the stack's region that knows of one in another region, which is therefore deleted before it.
fn of(home: &[&Known], region: &str) -> Option<Ref<Vault>> {
    let knows = home.iter().find(|known| copies(&known.tags).contains(region));
    knows.or(home.first()).map(|known| Ref::physical(known.name.as_str()))
}

/// Reads the vaults that can be the stack's: in its region, and in those that its vaults and its plans name.
async fn candidates(cx: &Cx) -> Result<Arc<Vec<Known>>> {
    let ask = async {
        let (mut all, mut elsewhere) = tokio::try_join!(vaults_in(cx, &cx.scope.region), plans::regions(cx))?;
        let is_ours = |known: &&Known| cx.scope.owns(&known.tags);
        elsewhere.extend(all.iter().filter(is_ours).flat_map(|known| copies(&known.tags)));
        elsewhere.remove(&cx.scope.region);
        all.extend(try_join_all(elsewhere.iter().map(|region| vaults_in(cx, region))).await?.into_iter().flatten());
        Ok(all)
    };
    cx.reads.once("backup.vaults", ask).await
}

/// Looks for a vault in the list of its region. Of one that does not exist, AWS says that access to it is denied
/// (boto/boto3#2269), so it is not asked about by itself.
async fn look(cx: &Cx, region: &str, name: &str) -> Result<Option<Found>> {
    let pages = cx.cloud.backup_in(region).list_backup_vaults().into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("backup:ListBackupVaults"))?;
    Ok(all.into_iter().find(|found| found.backup_vault_name() == Some(name)))
}

async fn policy_of(cx: &Cx, known: &Known) -> Result<Option<Value>> {
    let call = cx.cloud.backup_in(region_of(&known.arn)).get_backup_vault_access_policy().backup_vault_name(&known.name);
    let text = match present(call.send().await.map(|a| a.policy).map_err(failed("backup:GetBackupVaultAccessPolicy"))) {
        // Deleted since the list was made.
        Err(e) if e.class == Class::Denied && look(cx, region_of(&known.arn), &known.name).await?.is_none() => return Ok(None),
        other => other?,
    };
    Ok(Some(text.map_or_else(|| json!({}), |text| serde_json::from_str(&text).unwrap_or(Value::String(text)))))
}

async fn observed(cx: &Cx, known: &Known, roles: &[String], home: &[&Known]) -> Result<Option<Observed<Vault>>> {
    let region = region_of(&known.arn);
    let Some(claim) = claim(&cx.scope, region, &known.name, &known.tags) else { return Ok(None) };
    let policy = if claim.name().is_some() {
        let Some(policy) = policy_of(cx, known).await? else { return Ok(None) };
        Some(policy)
    } else {
        None
    };
    let elsewhere = region != cx.scope.region;
    let found = &known.found;
    let lock = match (found.locked(), found.lock_date()) {
        (Some(true), None) => GOVERNANCE,
        (Some(true), Some(_)) => COMPLIANCE,
        _ => OFF,
    };
    let key = |arn: &str| Ref::<Key>::physical(arn).attr("arn").to_string();
    let hidden = |tag: &str| tag == TAG_HOME || tag == TAG_COPIES;
    let fields = Vault {
        region: if elsewhere { region.to_owned() } else { String::new() },
        of: if elsewhere { of(home, region) } else { None },
        kms_key: found.encryption_key_arn().map(key),
        lock: lock.into(),
        min_days: found.min_retention_days().unwrap_or_default(),
        max_days: found.max_retention_days().unwrap_or_default(),
        grace_days: None,
        policy,
        roles: roles.iter().map(Ref::physical).collect(),
        tags: known.tags.iter().filter(|(tag, _)| !hidden(tag)).map(|(tag, value)| (tag.clone(), value.clone())).collect(),
    };
    let locked_from = found.lock_date().map(|time| time.secs().to_string());
    let live = Live { id: known.name.clone(), arn: known.arn.clone(), locked_from };
    Ok(Some(Observed { claim, live, fields, state: Readiness::Ready }))
}

impl Vault {
    fn is_elsewhere(&self, cx: &Cx) -> bool {
        !self.region.is_empty() && self.region != cx.scope.region
    }

    /// Writes into the tags of the vault in the stack's region where this one is: before it is there, so that it is always found.
    async fn note(&self, cx: &Cx) -> Result<()> {
        let Some(of) = &self.of else { return Ok(()) };
        let Scope { partition, region, account, .. } = &*cx.scope;
        let arn = format!("arn:{partition}:backup:{region}:{account}:backup-vault:{}", of.id()?);
        let mut regions = copies(&read_tags(cx, &arn).await?);
        if !regions.insert(self.region.clone()) {
            return Ok(());
        }
        let all = regions.into_iter().collect::<Vec<_>>().join(" ");
        let call = cx.cloud.backup_in(region).tag_resource().resource_arn(&arn).tags(TAG_COPIES, all);
        call.send().await.map_err(failed("backup:TagResource"))?;
        Ok(())
    }

    /// Returns the regions that a successor takes over from those before it.
    async fn noted(&self, cx: &Cx) -> Result<Option<String>> {
        if self.is_elsewhere(cx) || cx.generation == 1 {
            return Ok(None);
        }
        let before = vaults_in(&cx.fresh(), &cx.scope.region).await?;
        let regions: BTreeSet<String> =
            before.iter().filter(|known| cx.scope.owns(&known.tags)).flat_map(|known| copies(&known.tags)).collect();
        Ok((!regions.is_empty()).then(|| regions.into_iter().collect::<Vec<_>>().join(" ")))
    }

    /// Returns the vault in another region that a run made, and that no vault of the stack's region knew of.
    async fn found(&self, cx: &Cx, name: &str) -> Result<Option<Live>> {
        let all = vaults_in(cx, &self.region).await?;
        let known = all.into_iter().find(|known| known.name == name);
        let ours = known
            .filter(|known| claim(&cx.scope, &self.region, &known.name, &known.tags) == Some(Claim::Ours(cx.key.name.clone())));
        Ok(ours.map(|known| Live { id: known.name, arn: known.arn, locked_from: None }))
    }

    async fn write_lock(&self, cx: &Cx, live: &Live) -> Result<()> {
        let backup = cx.cloud.backup_in(live.region());
        if self.lock == OFF {
            let call = backup.delete_backup_vault_lock_configuration().backup_vault_name(&live.id);
            call.send().await.map_err(failed("backup:DeleteBackupVaultLockConfiguration"))?;
            return Ok(());
        }
        let given = |days: i64| Some(days).filter(|days| *days > 0);
        let grace = (self.lock == COMPLIANCE).then(|| self.grace_days.unwrap_or(GRACE_DAYS));
        let call = backup.put_backup_vault_lock_configuration().backup_vault_name(&live.id);
        let call = call.set_min_retention_days(given(self.min_days)).set_max_retention_days(given(self.max_days));
        call.set_changeable_for_days(grace).send().await.map_err(failed("backup:PutBackupVaultLockConfiguration"))?;
        Ok(())
    }
}

/// Returns what cannot be undone about a vault that gets this lock
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html>).
fn locks(desired: &Value) -> Option<Effect> {
    let grace = desired["grace_days"].as_i64().unwrap_or(GRACE_DAYS);
    let words = format!(
        "after {} no one, AWS included, can remove or shorten the lock, nor delete recovery points before their time",
        crate::aws::states::days(grace)
    );
    (desired["lock"] == COMPLIANCE).then(|| Effect::new(Impact::CannotBeUndone, words).with_consent())
}

impl Resource for Vault {
    const KIND: &'static str = "backup.vault";
    const RULES: &'static [Rule] = &[
        Rule::immutable("region"),
        Rule::order_only("of"),
        Rule::takes("kms_key", &[("kms.key", "arn")]),
        Rule::immutable("kms_key"),
        Rule::after_create("lock"),
        Rule::after_create("min_days"),
        Rule::after_create("max_days"),
        Rule::create_only("grace_days"),
        Rule::after_create("policy"),
        Rule::policy("policy"),
        Rule::order_only("roles"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(2, 120);
    const HOLDS_DATA: bool = true;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        let of_days = |days: i64| (0..=MOST_DAYS).contains(&days);
        if self.region.is_empty() == self.of.is_some() {
            return Some(("of", "a vault in another `region` has it, and no other".into()));
        }
        if self.lock == OFF && (self.min_days != 0 || self.max_days != 0) {
            return Some(("lock", "`min_days` and `max_days` are for a lock: write `governance` or `compliance`".into()));
        }
        if self.lock != COMPLIANCE && self.grace_days.is_some() {
            return Some(("grace_days", "it is for the lock `compliance`".into()));
        }
        if self.grace_days.is_some_and(|days| !(GRACE_DAYS..=MOST_DAYS).contains(&days)) {
            return Some(("grace_days", format!("it must be from {GRACE_DAYS} to {MOST_DAYS}")));
        }
        if !of_days(self.min_days) || !of_days(self.max_days) {
            return Some(("max_days", format!("days of a lock are from 1 to {MOST_DAYS}")));
        }
        (self.max_days != 0 && self.max_days < self.min_days)
            .then(|| ("max_days", format!("it is {}, which is less than `min_days`, {}", self.max_days, self.min_days)))
    }

    fn creating(desired: &Value) -> Vec<Effect> {
        locks(desired).into_iter().collect()
    }

    fn effects(desired: &Value, _observed: &Value, diff: &Diff) -> Vec<Effect> {
        // A new one has a new lock.
        let touches = ["lock", "min_days", "max_days"].iter().any(|field| diff.touches(field)) || diff.forcing().next().is_some();
        locks(desired).filter(|_| touches).into_iter().collect()
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let found = candidates(cx).await?;
        let at_home = |known: &&Known| cx.scope.owns(&known.tags) && region_of(&known.arn) == cx.scope.region;
        let home: Vec<&Known> = found.iter().filter(at_home).collect();
        let roles = if found.is_empty() { Vec::new() } else { iam::roles_of(cx, PRINCIPAL).await? };
        let all = try_join_all(found.iter().map(|known| observed(cx, known, &roles, &home))).await?;
        Ok(all.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "backup:CreateBackupVault";
        let elsewhere = self.is_elsewhere(cx);
        let region = if elsewhere { &self.region } else { &cx.scope.region };
        if elsewhere {
            self.note(cx).await?;
        }
        let name = physical(&cx.scope, &cx.key.name, cx.generation, region);
        let mut tags = self.tags.clone();
        tags.insert(TAG_HOME.into(), cx.scope.region.clone());
        tags.extend(self.noted(cx).await?.map(|regions| (TAG_COPIES.to_owned(), regions)));
        let call = cx.cloud.backup_in(region).create_backup_vault().backup_vault_name(&name);
        let call = call.set_encryption_key_arn(self.kms_key.clone()).set_backup_vault_tags(Some(to_sdk(&tags)));
        let answer = match call.creator_request_id(cx.token_for_now("vault")).send().await.map_err(failed(OP)) {
            Err(e) if e.class == Class::Exists && elsewhere => {
                return self.found(cx, &name).await?.ok_or(e);
            }
            other => other?,
        };
        let arn = answer.backup_vault_arn.ok_or_else(|| incomplete(OP, "the vault's ARN"))?;
        Ok(Live { id: name, arn, locked_from: None })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if ["lock", "min_days", "max_days"].iter().any(|field| diff.touches(field)) {
            self.write_lock(cx, live).await?;
        }
        if let (true, Some(policy)) = (diff.touches("policy"), &self.policy) {
            let backup = cx.cloud.backup_in(live.region());
            if policy.as_object().is_some_and(serde_json::Map::is_empty) {
                let call = backup.delete_backup_vault_access_policy().backup_vault_name(&live.id);
                call.send().await.map_err(failed("backup:DeleteBackupVaultAccessPolicy"))?;
            } else {
                let call = backup.put_backup_vault_access_policy().backup_vault_name(&live.id).policy(policy.to_string());
                call.send().await.map_err(failed("backup:PutBackupVaultAccessPolicy"))?;
            }
        }
        retag(&cx.cloud, &live.arn, TagEdit::of(diff, &self.tags)).await?;
        Ok(live.clone())
    }

    /// Deletes the vault. One with recovery points AWS refuses to delete: they go first, where there is consent to that.
    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let region = live.region();
        let call = cx.cloud.backup_in(region).delete_backup_vault().backup_vault_name(&live.id);
        match call.send().await.map_err(failed("backup:DeleteBackupVault")) {
            Err(e) if e.class == Class::Denied && look(cx, region, &live.id).await?.is_none() => Ok(()),
            Err(e) if e.class == Class::InUse && !cx.loses_data => Err(Error { class: Class::Blocked, ..e }.hint(
                "it was empty when the plan was made, so there is no consent to lose the recovery points that are in it now: plan again",
            )),
            // What the lock keeps is named.
            Err(e) if e.class == Class::InUse && !Self::blocked_by(cx, live).await?.is_empty() => Err(e),
            other => or_later(other.map(drop)),
        }
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        let region = live.region();
        if look(cx, region, &live.id).await?.is_none() {
            return Ok(Readiness::Gone);
        }
        let left = if cx.loses_data { points::delete_some(cx, region, &live.id).await? } else { 0 };
        if left > 0 {
            return Ok(Readiness::waiting(format!("{} still to be deleted", points::counted(left))));
        }
        Self::delete(cx, live).await?;
        Ok(Readiness::waiting("deleting"))
    }

    async fn is_empty(cx: &Cx, live: &Live) -> Result<bool> {
        points::is_none(cx, live.region(), &live.id).await
    }

    async fn goes_with(cx: &Cx, live: &Live) -> Result<Option<String>> {
        let all = points::all(cx, live.region(), &live.id).await?;
        let newest = points::newest(&all).map(|day| format!(", the newest of {day}")).unwrap_or_default();
        Ok((!all.is_empty()).then(|| format!("with {}{newest}", points::counted(all.len()))))
    }

    /// Returns the recovery points that its lock keeps.
    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let locked = look(cx, live.region(), &live.id).await?.filter(|found| found.locked() == Some(true));
        let Some(locked) = locked else { return Ok(Vec::new()) };
        let held = points::all(cx, live.region(), &live.id).await?;
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let until = points::last(&held).map_or_else(|| "forever".to_owned(), |day| format!("until {day}"));
        let way = match locked.lock_date() {
            None => "`lock: ~` removes the lock",
            Some(time) if points::is_over(time.secs()) => "no one can remove the lock",
            Some(_) => "the lock can still be removed by `lock: ~`",
        };
        let what = format!("{} that the lock of the vault keeps, the last {until} ({way})", points::counted(held.len()));
        Ok(vec![Blocker { what, passing: false }])
    }
}

impl AwsKind for Vault {
    const MARK: Mark = Mark::Name;
    // What a vault with a key needs besides: <https://docs.aws.amazon.com/aws-backup/latest/devguide/create-a-vault.html>.
    const ACTIONS: Actions = Actions {
        create: &[
            "backup:CreateBackupVault",
            "backup:TagResource",
            "backup:PutBackupVaultLockConfiguration",
            "backup-storage:MountCapsule",
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:GenerateDataKey",
            "kms:RetireGrant",
        ],
        update: &[
            "backup:PutBackupVaultLockConfiguration",
            "backup:DeleteBackupVaultLockConfiguration",
            "backup:PutBackupVaultAccessPolicy",
            "backup:DeleteBackupVaultAccessPolicy",
            "backup:TagResource",
            "backup:UntagResource",
        ],
        delete: &["backup:DeleteBackupVault", "backup:DeleteRecoveryPoint"],
    };
    const SPELLING: &'static [Spelling] = &[("lock", How::Word(&[OFF, GOVERNANCE, COMPLIANCE]))];
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("vaults.{name}.arn", "arn")];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tags::{TAG_ENV, TAG_KEY, TAG_STACK};

    fn scope(region: &str) -> Scope {
        let text = |text: &str| text.to_owned();
        Scope { stack: text("shop"), env: text("default"), region: text(region), account: text("1"), partition: text("aws") }
    }

    fn tags(key: &str, home: &str) -> Tags {
        let all = [(TAG_STACK, "shop"), (TAG_ENV, "default"), (TAG_KEY, key), (TAG_HOME, home)];
        all.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn the_same_stack_of_another_region_keeps_its_vaults() {
        let (here, there) = (scope("us-east-1"), scope("eu-central-1"));
        let name = physical(&here, "backup", 1, "eu-central-1");
        assert_eq!((&*name, &*physical(&there, "backup", 1, "eu-central-1")), ("shop-backup-of-us-east-1", "shop-backup"));
        let of = tags("backup.vault/backup", "us-east-1");
        assert_eq!(claim(&here, "eu-central-1", &name, &of), Some(Claim::Ours("backup".into())));
        assert_eq!(claim(&there, "eu-central-1", &name, &of), None);
        // Whoever may write tags gets no vault deleted.
        let renamed = claim(&here, "us-east-1", "theirs", &tags("backup.vault/backup", "us-east-1"));
        assert_eq!(renamed, Some(Claim::Tagged("backup".into())));
        assert_eq!(claim(&here, "us-east-1", "shop-backup", &Tags::new()), Some(Claim::Taken("backup".into())));
        assert!(is_of_aws("Default") && is_of_aws("aws/efs/automatic-backup-vault") && !is_of_aws("shop-backup"));
    }

    #[test]
    fn what_aws_backup_refuses_is_refused_at_its_field() {
        let refused = |fields: Value| serde_json::from_value::<Vault>(fields).unwrap().refused().map(|(field, _)| field);
        assert_eq!(refused(json!({})), None);
        assert_eq!(refused(json!({"lock": "governance", "min_days": 7, "max_days": 7})), None);
        assert_eq!(refused(json!({"lock": "governance", "min_days": 8, "max_days": 7})), Some("max_days"));
        assert_eq!(refused(json!({"min_days": 7})), Some("lock"));
        assert_eq!(refused(json!({"lock": "governance", "grace_days": 3})), Some("grace_days"));
        assert_eq!(refused(json!({"lock": "compliance", "grace_days": 2})), Some("grace_days"));
        assert_eq!(refused(json!({"lock": "compliance", "max_days": 40_000})), Some("max_days"));
        assert_eq!(refused(json!({"region": "eu-west-1"})), Some("of"));
        assert_eq!(refused(json!({"of": "backup.vault/a"})), Some("of"));
    }

    #[test]
    fn only_a_lock_for_ever_needs_consent() {
        let consent = |fields: Value| Vault::creating(&fields).into_iter().map(|effect| effect.needs_consent).collect::<Vec<_>>();
        assert_eq!(consent(json!({"lock": "governance", "min_days": 7})), Vec::<bool>::new());
        assert_eq!(consent(json!({"lock": "compliance"})), [true]);
        assert!(locks(&json!({"lock": "compliance", "grace_days": 10})).unwrap().words.starts_with("after 10 days no one"));
    }
}
