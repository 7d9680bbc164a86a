//! Whether the automated backups of a database are replicated into another region.

use std::time::Duration;

use aws_sdk_rds::types::{DbInstance, DbInstanceAutomatedBackup};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instance::Instance;
use super::named::AWS_KEY;
use super::replicated::{all, is_replicating, look};
use super::window::shown;
use super::{NAME, from_sdk, instance, instances, to_sdk};
use crate::aws::call::error::incomplete;
use crate::aws::finding::{Finding, field};
use crate::aws::kms;
use crate::aws::ownership::global::region_of;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::TagEdit;
use crate::aws::rds::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{
    Action, Claim, Class, Diff, Error, Item, Observed, Order, Readiness, Ref, Resource, Result, Rule, Scope, Usual,
};

/// The most days for which RDS keeps automated backups
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupRetention.html>).
const MOST_DAYS: i32 = 35;
/// How long a region has to answer: one that does not keeps nothing in another one from being managed.
const ANSWER: Duration = Duration::from_secs(15);
const START: &str = "rds:StartDBInstanceAutomatedBackupsReplication";
const STOP: &str = "rds:StopDBInstanceAutomatedBackupsReplication";

/// The replication of the automated backups of a database into another region: from there it can be restored when its own region
/// fails. What was replicated stays when the replication is deleted, for as long as it was to be kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupReplication {
    /// The database, which must have automated backups. It cannot be changed.
    pub source: Ref<Instance>,
    /// The region that they are replicated into. It cannot be changed.
    pub region: String,
    /// The number of days for which they are kept there, from 1 to 35. It cannot be changed.
    pub days: i32,
    /// The ARN of the KMS key of that region which encrypts them. It cannot be changed. Left out: AWS's own key, where the database is
    /// encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN of the replicated backups.
    pub id: String,
    /// The same.
    pub arn: String,
    /// The ARN of the database.
    pub source: String,
}

impl Live {
    fn region(&self) -> &str {
        region_of(&self.arn)
    }
}

/// Returns the command that deletes replicated backups.
fn deletes(region: &str, arn: &str) -> String {
    format!("`aws rds delete-db-instance-automated-backup --region {region} --db-instance-automated-backups-arn {arn}`")
}

/// Returns where the backups of an instance are, as it says itself.
fn told(instance: &DbInstance) -> impl Iterator<Item = &str> {
    instance.db_instance_automated_backups_replications().iter().filter_map(|one| one.db_instance_automated_backups_arn())
}

/// Returns whose the backups of a database are: those without tags were made by someone else, and are adopted when the file wants them.
fn claim(cx: &Cx, source: &DbInstance, tags: &Tags) -> Claim {
    let (of, id) = (from_sdk(source.tag_list()), source.db_instance_identifier().unwrap_or_default());
    let parent = names::claim(cx, cx.scope.claim(Instance::KIND, &of, false), &of, id, NAME);
    let own = cx.scope.claim(BackupReplication::KIND, tags, parent.name().is_some());
    // The parent is the second mark.
    if matches!(parent, Claim::Ours(_)) { own } else { own.unmarked() }
}

fn observed(cx: &Cx, source: &DbInstance, backup: &DbInstanceAutomatedBackup) -> Option<Observed<BackupReplication>> {
    let arn = backup.db_instance_automated_backups_arn.clone()?;
    let tags = from_sdk(backup.tag_list());
    let fields = BackupReplication {
        source: Ref::physical(source.db_instance_identifier.clone()?),
        region: region_of(&arn).to_owned(),
        days: backup.backup_retention_period.unwrap_or_default(),
        kms_key: backup.kms_key_id.clone(),
        tags,
    };
    let live = Live { id: arn.clone(), arn, source: source.db_instance_arn.clone()? };
    Some(Observed { claim: claim(cx, source, &fields.tags), live, fields, state: state(backup) })
}

fn state(backup: &DbInstanceAutomatedBackup) -> Readiness {
    match backup.status() {
        // The first backup is a copy of the whole database: no run waits for it, `stack recovery check` says whether it is there.
        Some(status) if ["replicating", "pending"].iter().any(|known| status.eq_ignore_ascii_case(known)) => Readiness::Ready,
        status => Readiness::waiting(status.unwrap_or("unknown").to_ascii_lowercase()),
    }
}

impl BackupReplication {
    /// Returns the ARN of the database.
    fn source_arn(&self, cx: &Cx) -> Result<String> {
        let Scope { partition, region, account, .. } = &*cx.scope;
        Ok(format!("arn:{partition}:rds:{region}:{account}:db:{}", self.source.id()?))
    }

    /// Returns the key to name in the call: AWS takes none of another region, so of an encrypted database it must be named.
    async fn key(&self, cx: &Cx) -> Result<Option<String>> {
        if self.kms_key.is_some() {
            return Ok(self.kms_key.clone());
        }
        let source = instance(cx, self.source.id()?, &cx.scope.region).await?;
        match source.is_some_and(|source| source.storage_encrypted == Some(true)) {
            true => kms::arn_in(cx, &self.region, AWS_KEY).await,
            false => Ok(None),
        }
    }

    async fn start(&self, cx: &Cx, source: &str) -> Result<Live> {
        let call = cx.cloud.rds_in(&self.region).start_db_instance_automated_backups_replication();
        let call = call.source_db_instance_arn(source).backup_retention_period(self.days).set_kms_key_id(self.key(cx).await?);
        let answer = call.set_tags(Some(to_sdk(&self.tags))).send().await.map_err(failed(START))?;
        let arn = answer.db_instance_automated_backup.and_then(|backup| backup.db_instance_automated_backups_arn);
        let arn = arn.ok_or_else(|| incomplete(START, "the ARN of the replicated backups"))?;
        Ok(Live { id: arn.clone(), arn, source: source.to_owned() })
    }

    /// Returns the replication that AWS refused because it is there: a lost answer was about it. Backups of before with another key are
    /// named.
    async fn in_the_way(&self, cx: &Cx, source: &str, refused: Error) -> Result<Live> {
        let found = all(cx, &self.region).await?;
        let mut own = found.iter().filter(|backup| backup.db_instance_arn() == Some(source));
        if let Some(backup) = own.clone().find(|backup| is_replicating(backup)) {
            let ours = matches!(cx.scope.claim(Self::KIND, &from_sdk(backup.tag_list()), false), Claim::Ours(name) if name == cx.key.name);
            let arn = backup.db_instance_automated_backups_arn.clone().filter(|_| ours).ok_or(refused)?;
            return Ok(Live { id: arn.clone(), arn, source: source.to_owned() });
        }
        let key = self.key(cx).await?;
        let arn = own.find(|backup| backup.kms_key_id != key).and_then(|backup| backup.db_instance_automated_backups_arn.clone());
        let Some(arn) = arn else { return Err(refused) };
        Err(refused.hint(format!(
            "backups of it with another key are kept in {}: {} deletes them",
            self.region,
            deletes(&self.region, &arn)
        )))
    }
}

impl Resource for BackupReplication {
    const KIND: &'static str = "rds.backup_replication";
    const RULES: &'static [Rule] = &[
        Rule::identity("source"),
        Rule::identity("region"),
        Rule::immutable("source"),
        Rule::immutable("region"),
        Rule::immutable("days"),
        Rule::immutable("kms_key"),
        Rule::owned("tags"),
        Rule::unit("days", "days"),
    ];
    const USUAL: Usual = Usual::secs(60, 60);
    const HOLDS_DATA: bool = true;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        (!(1..=MOST_DAYS).contains(&self.days)).then(|| ("days", format!("it must be from 1 to {MOST_DAYS}")))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let sources = instances(cx).await?;
        // What other stacks replicate is not asked for.
        let is_own = |source: &&DbInstance| cx.scope.owns(&from_sdk(source.tag_list()));
        let told = sources.iter().filter(is_own).flat_map(|source| told(source).map(move |arn| (source, arn)));
        let found = try_join_all(told.map(|(source, arn)| async move {
            // A region that does not answer keeps nothing of this one from being managed.
            let backup = match tokio::time::timeout(ANSWER, look(cx, region_of(arn), arn)).await {
                Ok(Err(error)) if error.class == Class::Unreachable => None,
                Ok(found) => found?.filter(is_replicating),
                Err(_) => None,
            };
            Ok::<_, Error>(backup.and_then(|backup| observed(cx, source, &backup)))
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let source = self.source_arn(cx)?;
        match self.start(cx, &source).await {
            Err(error) if error.class == Class::Exists => self.in_the_way(cx, &source, error).await,
            other => other,
        }
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let Some(edit) = TagEdit::of(diff, &self.tags) else { return Ok(live.clone()) };
        let rds = cx.cloud.rds_in(live.region());
        if !edit.write.is_empty() {
            let call = rds.add_tags_to_resource().resource_name(&live.arn).set_tags(Some(to_sdk(&edit.write)));
            call.send().await.map_err(failed("rds:AddTagsToResource"))?;
        }
        if !edit.remove.is_empty() {
            let call = rds.remove_tags_from_resource().resource_name(&live.arn).set_tag_keys(Some(edit.remove));
            call.send().await.map_err(failed("rds:RemoveTagsFromResource"))?;
        }
        Ok(live.clone())
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let found = look(cx, live.region(), &live.arn).await?;
        Ok(found.map_or_else(|| Readiness::waiting("not listed yet"), |backup| state(&backup)))
    }

    /// Ends the replication; what was replicated stays for its time.
    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.rds_in(live.region()).stop_db_instance_automated_backups_replication();
        call.source_db_instance_arn(&live.source).send().await.map_err(failed(STOP))?;
        Ok(())
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        match look(cx, live.region(), &live.arn).await?.filter(is_replicating) {
            Some(backup) => Ok(Readiness::waiting(backup.status().unwrap_or("unknown").to_ascii_lowercase())),
            None => Ok(Readiness::Gone),
        }
    }

    /// One database has one replication into a region.
    fn replace_order(diff: &Diff) -> Order {
        if diff.touches("source") || diff.touches("region") { Order::CreateFirst } else { Order::DeleteFirst }
    }

    async fn is_empty(cx: &Cx, live: &Live) -> Result<bool> {
        let backup = look(cx, live.region(), &live.arn).await?;
        Ok(backup.is_none_or(|backup| backup.restore_window().and_then(|window| window.latest_time()).is_none()))
    }

    async fn goes_with(cx: &Cx, live: &Live) -> Result<Option<String>> {
        let Some(backup) = look(cx, live.region(), &live.arn).await? else { return Ok(None) };
        let latest = backup.restore_window().and_then(|window| window.latest_time()).map(shown);
        let days = crate::aws::states::days(i64::from(backup.backup_retention_period.unwrap_or_default()));
        let region = live.region();
        Ok(latest.map(|latest| format!("no newer backups in {region}; those up to {latest} stay there for {days} at most")))
    }
}

impl AwsKind for BackupReplication {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &[
            "rds:StartDBInstanceAutomatedBackupsReplication",
            "rds:AddTagsToResource",
            "kms:CreateGrant",
            "kms:DescribeKey",
        ],
        update: &["rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        delete: &["rds:StopDBInstanceAutomatedBackupsReplication"],
    };
}

/// Checks whether AWS replicates backups between two regions: not between all
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/AutomatedBackups.Replicating.Describe.html>).
pub(super) async fn check(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let (Some(region), home) = (field(item, "region"), &cx.scope.region) else { return Ok(Vec::new()) };
    if region == home {
        let message = format!("backups are in {home} anyway, and `region` is for another one");
        return Ok(vec![Finding::refused(&item.key, message, "name another region")]);
    }
    // "delete existing replicated backup in the destination Region that was encrypted with the previous key"
    // (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/AutomatedXREGBackups.Troubleshooting.html>)
    let stays = !["source", "region"].iter().any(|field| item.changes.touches(field));
    if item.action == Action::Replace && stays && item.changes.touches("kms_key") {
        let arn = item.before.as_ref().and_then(|before| before.live["arn"].as_str()).unwrap_or_default();
        let message = format!("AWS keeps no backups with another key beside those that are in {region}");
        let help = format!(
            "keep the key; or end the replication first, {} deletes what is there, and begin it again with the other key",
            deletes(region, arn)
        );
        return Ok(vec![Finding::refused(&item.key, message, help)]);
    }
    let pages = cx.cloud.rds_in(region).describe_source_regions().into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("rds:DescribeSourceRegions"))?;
    let supported = all.iter().find(|one| one.region_name() == Some(home));
    if supported.and_then(|one| one.supports_db_instance_automated_backups_replication) == Some(true) {
        return Ok(Vec::new());
    }
    let message = format!("AWS does not replicate automated backups from {home} into {region}");
    let list = format!("`aws rds describe-source-regions --region {region}` lists from where it does");
    Ok(vec![Finding::refused(&item.key, message, list)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn days_are_those_of_automated_backups() {
        let refused = |days: i32| {
            let fields = json!({"source": "rds.instance/main", "region": "eu-central-1", "days": days});
            serde_json::from_value::<BackupReplication>(fields).unwrap().refused().is_some()
        };
        assert_eq!([0, 1, 35, 36].map(refused), [true, false, false, true]);
    }

    #[test]
    fn a_status_is_read_in_any_spelling() {
        let of = |status: &str| DbInstanceAutomatedBackup::builder().status(status).build();
        assert_eq!(state(&of("REPLICATING")), Readiness::Ready);
        assert_eq!(state(&of("pending")), Readiness::Ready);
        assert_eq!(state(&of("Retained")), Readiness::waiting("retained"));
        assert!(!is_replicating(&of("Retained")) && is_replicating(&of("pending")));
    }
}
