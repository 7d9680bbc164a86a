//! Databases that AWS restores to a point in time for a new database to begin with: it does so with the key of the original only, so what
//! is restored lasts until a snapshot of it is taken. What a run that died left of them is found by the next one.

use aws_sdk_rds::types::DbInstance;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instance::{Begin, Instance};
use super::named::{id_in, moment};
use super::replicated;
use super::snapshot::of_copy;
use super::status::state_of;
use super::{Live, NAME, from_sdk, instance, instances, retag, to_sdk};
use crate::aws::call::answers::{begun, or_gone, or_later};
use crate::aws::ec2::SecurityGroup;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::source;
use crate::aws::rds::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Claim, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Scope, Usual};

/// The end of its key.
const END: &str = "-begins";

/// A database that was restored to a point in time for a new one to begin with. It is only found and deleted, and that needs no consent:
/// it is a copy of what the backups of another database hold.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interim {
    /// The subnet group that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<Ref<super::SubnetGroup>>,
    /// Its security groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<Ref<SecurityGroup>>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Returns the name of the one for the database at hand: the same in every run.
fn name(cx: &Cx) -> String {
    names::fit(&cx.scope.prefix(), &format!("{}{END}", cx.key.name), cx.generation, NAME)
}

/// Returns whose the database of this name with these tags is.
fn claim(scope: &Scope, tags: &Tags, name: &str) -> Claim {
    let is_named = |key: &str| key.ends_with(END) && names::fit(&scope.prefix(), key, names::generation(tags), NAME) == name;
    names::marked(scope.claim(Interim::KIND, tags, false), is_named)
}

fn is_ours(cx: &Cx, now: &DbInstance) -> bool {
    let name = now.db_instance_identifier().unwrap_or_default();
    matches!(claim(&cx.scope, &from_sdk(now.tag_list()), name), Claim::Ours(_))
}

async fn look(cx: &Cx, name: &str) -> Result<Option<DbInstance>> {
    instance(cx, name, &cx.scope.region).await
}

/// Deletes it. Its data is a copy: no snapshot is left of it.
async fn remove(cx: &Cx, name: &str) -> Result<()> {
    let call = cx.cloud.rds.delete_db_instance().db_instance_identifier(name);
    let answer = call.skip_final_snapshot(true).delete_automated_backups(true).send().await;
    or_gone(answer.map_err(failed("rds:DeleteDBInstance")).map(drop))
}

/// Polls the database that is restored for the one at hand once, and starts it if it does not exist. Returns its name when it is
/// complete.
pub(super) async fn restored(cx: &Cx, of: &Instance, begin: &Begin) -> Result<std::result::Result<String, Readiness>> {
    let Begin::PointInTime { database, at } = begin else { return Err(Error::internal("no point in time is named")) };
    let name = name(cx);
    let Some(now) = look(cx, &name).await? else {
        let call = cx.cloud.rds.restore_db_instance_to_point_in_time().target_db_instance_identifier(&name);
        let call = match replicated::is_backup(database) {
            true => call.source_db_instance_automated_backups_arn(database),
            false => call.source_db_instance_identifier(id_in(database)),
        };
        let call = call.db_instance_class(&of.class);
        let call = match at {
            Some(at) => call.restore_time(moment(at)?),
            None => call.use_latest_restorable_time(true),
        };
        let subnets = of.subnet_group.as_ref().map(|group| group.id().map(str::to_owned)).transpose()?;
        // Without security groups, AWS takes the network's default one, which lets nobody in in a network of the stack: it has the password
        // of the original.
        let call = call.set_db_subnet_group_name(subnets);
        let call = call.publicly_accessible(false).multi_az(false).deletion_protection(false).backup_retention_period(0);
        let call = call.auto_minor_version_upgrade(false).copy_tags_to_snapshot(false);
        let tags = of_copy(&of.tags, &format!("{}/{}{END}", Interim::KIND, cx.key.name), &begin.to_string());
        let answer = call.set_tags(Some(to_sdk(&tags))).send().await;
        begun(answer.map_err(failed("rds:RestoreDBInstanceToPointInTime")))?;
        return Ok(Err(Readiness::waiting(format!("restoring {database} into {name}"))));
    };
    if !is_ours(cx, &now) {
        let words = "exists and is not this stack's, so it is not used: delete it first";
        return Ok(Err(Readiness::Failed(format!("the database `{name}` {words}"))));
    }
    let is_other = source(&from_sdk(now.tag_list())) != Some(&begin.to_string());
    let state = match now.db_instance_status() {
        // What AWS takes a snapshot of
        // (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html>).
        Some("storage-optimization") => Readiness::Ready,
        _ => state_of(&now),
    };
    let failed = match &state {
        Readiness::Failed(why) => Some(why.clone()),
        Readiness::Impaired(it) if it.fixed_by.is_some() => Some(it.status.clone()),
        _ => None,
    };
    if is_other || failed.is_some() {
        or_later(remove(cx, &name).await)?;
    }
    Ok(match (failed, state) {
        (Some(why), _) => Err(Readiness::Failed(format!("`{name}`, into which {database} was restored, was deleted: {why}"))),
        _ if is_other => Err(Readiness::waiting(format!("deleting {name}, which was restored for another beginning"))),
        (_, Readiness::Ready) => Ok(name),
        (_, Readiness::Waiting { status, progress }) => {
            Err(Readiness::Waiting { status: format!("{database} restored into {name}: {status}"), progress })
        }
        // It serves, but its data is still being loaded, and AWS takes no snapshot meanwhile.
        (_, Readiness::Impaired(it)) => Err(Readiness::waiting(format!("{database} restored into {name}: {}", it.status))),
        (_, other) => Err(other),
    })
}

/// Checks whether a database was restored for the one at hand by an earlier run.
pub(super) async fn exists(cx: &Cx) -> Result<bool> {
    Ok(look(cx, &name(cx)).await?.is_some())
}

/// Deletes the database that was restored for the one at hand, if it exists: a snapshot of it is complete.
pub(super) async fn delete_restored(cx: &Cx) -> Result<()> {
    let name = name(cx);
    let Some(now) = look(cx, &name).await? else { return Ok(()) };
    match is_ours(cx, &now) && now.db_instance_status() != Some("deleting") {
        true => remove(cx, &name).await,
        false => Ok(()),
    }
}

impl Resource for Interim {
    const KIND: &'static str = "rds.interim";
    const RULES: &'static [Rule] = &[Rule::owned("tags")];
    const USUAL: Usual = Usual::secs(5, 300).at_most_hours(36);
    const LEFTOVER: bool = true;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let of = |instance: &DbInstance| {
            let tags = from_sdk(instance.tag_list());
            let live = Live { id: instance.db_instance_identifier.clone()?, arn: instance.db_instance_arn.clone()? };
            let claim = claim(&cx.scope, &tags, &live.id);
            let state = match state_of(instance) {
                Readiness::Leaving(status) => Readiness::Leaving(status),
                _ => Readiness::Ready,
            };
            let groups = instance.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id());
            let fields = Interim {
                subnet_group: instance.db_subnet_group().and_then(|group| group.db_subnet_group_name()).map(Ref::physical),
                security_groups: groups.map(Ref::physical).collect(),
                tags,
            };
            matches!(claim, Claim::Ours(_) | Claim::Tagged(_)).then_some(Observed { claim, live, fields, state })
        };
        Ok(instances(cx).await?.iter().filter_map(of).collect())
    }

    async fn create(&self, _: &Cx) -> Result<Live> {
        Err(Error::internal("a database is restored for another one, and never by itself"))
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
        if now.db_instance_status() != Some("deleting") {
            Self::delete(cx, live).await?;
        }
        Ok(Readiness::waiting(now.db_instance_status().unwrap_or("unknown")))
    }
}

impl AwsKind for Interim {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &[],
        update: &["rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        delete: &["rds:DeleteDBInstance"],
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tags::TAG_KEY;

    #[test]
    fn what_is_restored_is_told_by_name_and_key() {
        let text = |text: &str| text.to_owned();
        let scope =
            Scope { stack: text("shop"), env: text("bug"), region: text("r"), account: text("1"), partition: text("aws") };
        let pairs = [("stack:name", "shop"), ("stack:env", "bug"), (TAG_KEY, "rds.instance/main")];
        let of = Tags::from(pairs.map(|(key, value)| (text(key), text(value))));
        let tags = of_copy(&of, "rds.interim/main-begins", "database:shop@latest");
        assert_eq!(claim(&scope, &tags, "shop-bug-main-begins"), Claim::Ours(text("main-begins")));
        assert_eq!(claim(&scope, &tags, "shop-bug-else"), Claim::Tagged(text("main-begins")));
        // The database itself is not one.
        assert_eq!(claim(&scope, &of, "shop-bug"), Claim::Adoptable);
        assert_eq!(scope.claim(Instance::KIND, &tags, false), Claim::Adoptable);
        assert_eq!(source(&tags).map(String::as_str), Some("database:shop@latest"));
    }
}
