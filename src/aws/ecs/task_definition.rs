use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{
    self as sdk, Compatibility, CpuArchitecture, HostVolumeProperties, NetworkMode, OsFamily, RuntimePlatform, SortOrder,
    TaskDefinitionFamilyStatus, TaskDefinitionField, TaskDefinitionStatus, Volume,
};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::Container;
use super::{NAME, retag, tags_of, to_sdk};
use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::ecs::errors::failed;
use crate::aws::iam::Role;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::{names, tag_index};
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::proof::digest;
use crate::engine::tags::{TAG_DIGEST, TAG_STACK};
use crate::engine::{Claim, Class, Diff, Error, Ids, Observed, Readiness, Ref, Resource, Result, Rule, Usual, diff as compare};

/// The number of revisions that stay active, including the newest: those that a user may want to go back to.
const REVISIONS_KEPT: usize = 5;
/// The number of newest revisions of a family that are searched for one of the stack's.
const REVISIONS_SEEN: usize = 20;
/// The maximum number of revisions of one DeleteTaskDefinitions.
const DELETES_AT_ONCE: usize = 10;
/// What a task consists of. Every change registers a new revision; old revisions are kept for a while.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskDefinition {
    /// CPU units for the whole task: `256` is a quarter of a vCPU.
    pub cpu: String,
    /// Memory for the whole task, in MiB.
    pub memory: String,
    /// The role that pulls images, reads secrets and writes logs: its ARN.
    pub execution_role: Ref<Role>,
    /// The role of the program in the containers: its ARN. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_role: Option<Ref<Role>>,
    /// The processor architecture: `X86_64` or `ARM64`. Left out: AWS's default, `X86_64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The containers, which run side by side.
    pub containers: Vec<Container>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN of the revision.
    pub id: String,
    /// The ARN of the revision.
    pub arn: String,
    /// The name that all revisions share.
    pub family: String,
    /// The revision's number.
    pub revision: String,
    /// Whether nothing but its tags was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(skip)]
    pub unread: bool,
}

impl Live {
    fn of(definition: &sdk::TaskDefinition) -> Option<Live> {
        let arn = definition.task_definition_arn.clone()?;
        let revision = definition.revision.to_string();
        Some(Live { id: arn.clone(), arn, family: definition.family.clone()?, revision, unread: false })
    }

    /// Returns what the ARN of a revision says.
    fn named(arn: &str) -> Option<Live> {
        let (family, revision) = arn.split_once(":task-definition/")?.1.rsplit_once(':')?;
        let (family, revision) = (family.to_owned(), revision.to_owned());
        Some(Live { id: arn.to_owned(), arn: arn.to_owned(), family, revision, unread: false })
    }

    /// Returns the number of the revision.
    fn number(&self) -> u64 {
        self.revision.parse().unwrap_or_default()
    }
}

impl TaskDefinition {
    /// Returns one of which nothing but the tags is known.
    fn unread(tags: Tags) -> TaskDefinition {
        TaskDefinition {
            cpu: String::new(),
            memory: String::new(),
            execution_role: Ref::physical(""),
            task_role: None,
            architecture: None,
            containers: Vec::new(),
            tags,
        }
    }

    fn from_sdk(definition: &sdk::TaskDefinition, tags: Tags) -> TaskDefinition {
        let role = |arn: &str| Ref::physical(arn).attr("arn");
        TaskDefinition {
            cpu: definition.cpu.clone().unwrap_or_default(),
            memory: definition.memory.clone().unwrap_or_default(),
            execution_role: role(definition.execution_role_arn().unwrap_or_default()),
            task_role: definition.task_role_arn().map(role),
            architecture: definition
                .runtime_platform()
                .and_then(|p| p.cpu_architecture())
                .map(|architecture| architecture.as_str().to_owned()),
            containers: definition.container_definitions().iter().map(Container::from_sdk).collect(),
            tags,
        }
    }

    /// Registers a revision; `after` is the number of the newest one, 0 when there is none. A digest in its tags proves what it
    /// holds, because a revision never changes.
    async fn register(&self, cx: &Cx, family: &str, after: u64) -> Result<Live> {
        const OP: &str = "ecs:RegisterTaskDefinition";
        let containers = self.containers.iter().map(|c| c.to_sdk(&cx.scope.region)).collect::<Result<Vec<_>>>()?;
        let platform = self.architecture.as_deref().map(|architecture| {
            let platform = RuntimePlatform::builder().cpu_architecture(CpuArchitecture::from(architecture));
            platform.operating_system_family(OsFamily::Linux).build()
        });
        let call = cx.cloud.ecs_once.register_task_definition().family(family).cpu(&self.cpu).memory(&self.memory);
        let call = call.network_mode(NetworkMode::Awsvpc).requires_compatibilities(Compatibility::Fargate);
        let call = call.execution_role_arn(self.execution_role.id()?).set_runtime_platform(platform);
        let call = call.set_task_role_arn(self.task_role.as_ref().map(|r| r.id().map(str::to_owned)).transpose()?);
        let scope = &cx.scope;
        let place = format!("arn:{}:ecs:{}:{}:task-definition", scope.partition, scope.region, scope.account);
        let expected = format!("{place}/{family}:{}", after + 1);
        let mut tags = self.tags.clone();
        tags.insert(TAG_DIGEST.to_owned(), digest(&expected, self)?);
        // One without anything else is an empty one on the task's own disk
        // (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html>).
        let volumes = self.containers.iter().flat_map(|c| c.writable.iter().map(|path| c.volume(path)));
        let volumes: Vec<Volume> =
            volumes.map(|name| Volume::builder().name(name).host(HostVolumeProperties::builder().build()).build()).collect();
        let call = call.set_volumes((!volumes.is_empty()).then_some(volumes));
        let call = call.set_container_definitions(Some(containers)).set_tags(Some(to_sdk(&tags)));
        let answer = call.send().await.map_err(failed(OP))?;
        let made = answer.task_definition().and_then(Live::of).ok_or_else(|| incomplete(OP, "the task definition's ARN"))?;
        if made.arn != expected {
            let proof = Tags::from([(TAG_DIGEST.to_owned(), digest(&made.arn, self)?)]);
            let call = cx.cloud.ecs.tag_resource().resource_arn(&made.arn).set_tags(Some(to_sdk(&proof)));
            // Without a proof every plan describes it, and that is all.
            let _ = call.send().await;
        }
        Ok(made)
    }

    /// Checks whether `other` is what is desired, by the same comparison as everywhere.
    fn is_met_by(&self, other: &TaskDefinition) -> Result<bool> {
        let value = |d: &TaskDefinition| serde_json::to_value(d).map_err(|e| Error::internal(e.to_string()));
        Ok(compare(Self::RULES, &value(self)?, &value(other)?, &Ids::default()).is_empty())
    }
}

/// Returns the newest revision of each family of the stack that a digest may prove, from the index. A family without an active
/// revision has none.
async fn provable(cx: &Cx) -> Result<BTreeMap<String, (Live, Tags)>> {
    let mut newest: BTreeMap<String, (Live, Tags)> = BTreeMap::new();
    let Some(index) = tag_index::digests(cx, "ecs", "ecs:task-definition").await else { return Ok(newest) };
    for (arn, tags) in index.iter() {
        let Some(live) = Live::named(arn) else { continue };
        if newest.get(&live.family).is_none_or(|(other, _)| other.number() < live.number()) {
            newest.insert(live.family.clone(), (live, tags.clone()));
        }
    }
    if !newest.is_empty() {
        let active: BTreeSet<String> = families(cx, TaskDefinitionFamilyStatus::Active).await?.into_iter().collect();
        newest.retain(|family, _| active.contains(family));
    }
    Ok(newest)
}

/// Returns the families with names like the stack's.
async fn families(cx: &Cx, status: TaskDefinitionFamilyStatus) -> Result<Vec<String>> {
    let call = cx.cloud.ecs.list_task_definition_families().family_prefix(cx.scope.prefix());
    let pages = call.status(status).into_paginator().items().send();
    pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ecs:ListTaskDefinitionFamilies"))
}

/// Returns the newest active revision of a family.
async fn newest(cx: &Cx, family: &str) -> Result<Option<(Live, TaskDefinition)>> {
    let call = cx.cloud.ecs.describe_task_definition().task_definition(family).include(TaskDefinitionField::Tags);
    match call.send().await.map_err(failed("ecs:DescribeTaskDefinition")) {
        // Deregistered between the list and the question.
        Err(e) if e.class == Class::NotFound => Ok(None),
        Err(e) => Err(e),
        Ok(answer) => {
            let found = answer.task_definition().filter(|d| d.status() == Some(&TaskDefinitionStatus::Active));
            Ok(found.and_then(|d| Some((Live::of(d)?, TaskDefinition::from_sdk(d, tags_of(answer.tags()))))))
        }
    }
}

/// Returns the newest inactive revision of a family without an active one: what is left when a deletion was interrupted.
async fn remains(cx: &Cx, family: &str) -> Result<Option<(Live, TaskDefinition)>> {
    let Some(arn) = revisions(cx, family, TaskDefinitionStatus::Inactive).await?.into_iter().next() else { return Ok(None) };
    revision(cx, arn).await
}

/// Returns one revision, whatever its state.
async fn revision(cx: &Cx, arn: String) -> Result<Option<(Live, TaskDefinition)>> {
    let call = cx.cloud.ecs.describe_task_definition().task_definition(arn).include(TaskDefinitionField::Tags);
    let answer = present(call.send().await.map_err(failed("ecs:DescribeTaskDefinition")).map(Some))?;
    Ok(answer.and_then(|a| {
        let definition = a.task_definition()?;
        Some((Live::of(definition)?, TaskDefinition::from_sdk(definition, tags_of(a.tags()))))
    }))
}

/// Returns the stack's newest revision in a family whose newest one has no tags of any stack: a family stays the stack's even if
/// a pipeline registers a revision of its own.
async fn ours_among(cx: &Cx, family: &str, status: TaskDefinitionStatus) -> Result<Option<(Live, TaskDefinition)>> {
    for arn in revisions(cx, family, status).await?.into_iter().take(REVISIONS_SEEN) {
        if let Some(found) = revision(cx, arn).await?.filter(|(_, fields)| cx.scope.owns(&fields.tags)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Returns a revision with whose it is.
fn observed(cx: &Cx, (live, fields): (Live, TaskDefinition), state: Readiness) -> Observed<TaskDefinition> {
    let claim = cx.scope.claim(TaskDefinition::KIND, &fields.tags, false);
    let claim = names::claim(cx, claim, &fields.tags, &live.family, NAME);
    Observed { claim, live, fields, state }
}

/// Returns whose a family is, and what represents it: by its newest revision, or, if that does not say, by those before it.
async fn whose(cx: &Cx, family: &str) -> Result<Option<Observed<TaskDefinition>>> {
    let told = |found, state| observed(cx, found, state);
    let Some(newest) = newest(cx, family).await? else {
        // What is left of a family that is not the stack's blocks nothing.
        let left = remains(cx, family).await?.filter(|(_, fields)| cx.scope.owns(&fields.tags));
        return Ok(left.map(|left| told(left, Readiness::Gone)));
    };
    if newest.1.tags.contains_key(TAG_STACK) {
        return Ok(Some(told(newest, Readiness::Ready)));
    }
    // An active one of the stack counts as it is: whether the other one runs, its service shows.
    if let Some(ours) = ours_among(cx, family, TaskDefinitionStatus::Active).await? {
        return Ok(Some(told(ours, Readiness::Ready)));
    }
    // Without one, what is there now is compared, under the name that ours had.
    let had = ours_among(cx, family, TaskDefinitionStatus::Inactive).await?;
    let seen = told(newest, Readiness::Ready);
    Ok(Some(match had {
        Some((_, fields)) => Observed { claim: cx.scope.claim(TaskDefinition::KIND, &fields.tags, false), ..seen },
        None => seen,
    }))
}

/// Returns the revisions of a family, the newest first.
async fn revisions(cx: &Cx, family: &str, status: TaskDefinitionStatus) -> Result<Vec<String>> {
    let call = cx.cloud.ecs.list_task_definitions().family_prefix(family).status(status).sort(SortOrder::Desc);
    let pages = call.into_paginator().items().send();
    pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ecs:ListTaskDefinitions"))
}

async fn deregister(cx: &Cx, arns: impl IntoIterator<Item = String>) -> Result<()> {
    for arn in arns {
        let answer = cx.cloud.ecs.deregister_task_definition().task_definition(arn).send().await;
        match answer.map_err(failed("ecs:DeregisterTaskDefinition")) {
            Err(e) if e.class != Class::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

impl Resource for TaskDefinition {
    const KIND: &'static str = "ecs.task_definition";
    const RULES: &'static [Rule] = &[
        Rule::takes("execution_role", &[("iam.role", "arn")]),
        Rule::takes("task_role", &[("iam.role", "arn")]),
        Rule::keyed("containers", "name"),
        Rule::set("containers.*.ports"),
        Rule::set("containers.*.writable"),
        Rule::exact("containers.*.port_names"),
        Rule::exact("containers.*.environment"),
        Rule::exact("containers.*.secrets"),
        Rule::owned("tags"),
        Rule::unit("cpu", "CPU units"),
        Rule::unit("memory", "MiB"),
    ];
    const USUAL: Usual = Usual::secs(1, 2);
    const REVISIONED: bool = true;
    const PROVEN: &'static [&'static str] = &["cpu", "memory", "execution_role", "task_role", "architecture", "containers"];
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let prefix = cx.scope.prefix();
        let (families, mut provable) = futures::try_join!(families(cx, TaskDefinitionFamilyStatus::All), provable(cx))?;
        let settled: BTreeSet<String> = cx.reads.settled().iter().filter_map(|arn| Some(Live::named(arn)?.family)).collect();
        let like_ours = families.into_iter().filter(|family| names::begins(&prefix, family, NAME) && !settled.contains(family));
        let found = like_ours.map(|family| {
            let provable = provable.remove(&family);
            async move {
                match provable {
                    Some((live, tags)) => {
                        let unread = Live { unread: true, ..live };
                        Ok(Some(observed(cx, (unread, TaskDefinition::unread(tags)), Readiness::Ready)))
                    }
                    None => whose(cx, &family).await,
                }
            }
        });
        Ok(try_join_all(found.collect::<Vec<_>>()).await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let family = names::name(cx, NAME);
        // A registration under a name that is not the stack's would succeed, as the next revision there.
        let found = whose(cx, &family).await?;
        if let Some(Observed { live: other, .. }) = found.as_ref().filter(|found| matches!(found.claim, Claim::Taken(_))) {
            let said = format!("the name `{family}` is already used by {}, which is not this stack's", other.arn);
            return Err(Error::new(Class::Exists, said).hint("rename this one or deregister that one"));
        }
        self.register(cx, &family, found.map_or(0, |found| found.live.number())).await
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if !diff.touches_other_than(&["tags"]) {
            retag(cx, &live.arn, &self.tags, diff).await?;
            return Ok(live.clone());
        }
        // This may be the second try, after the answer to the first was lost: AWS would make one more revision.
        let made = match newest(cx, &live.family).await? {
            Some((newest, fields)) if newest.arn != live.arn && self.is_met_by(&fields)? => newest,
            newest => {
                let last = newest.as_ref().map_or(live, |(newest, _)| newest);
                let made = self.register(cx, &live.family, last.number()).await?;
                if let Some((last, _)) = newest.filter(|(_, fields)| fields.tags.contains_key(TAG_DIGEST)) {
                    // The index has one revision of each family, not all that there ever were. One more costs a line of an answer.
                    let _ = cx.cloud.ecs.untag_resource().resource_arn(&last.arn).tag_keys(TAG_DIGEST).send().await;
                }
                made
            }
        };
        let active = revisions(cx, &live.family, TaskDefinitionStatus::Active).await?;
        deregister(cx, active.into_iter().skip(REVISIONS_KEPT)).await?;
        Ok(made)
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        const OP: &str = "ecs:DeleteTaskDefinitions";
        deregister(cx, revisions(cx, &live.family, TaskDefinitionStatus::Active).await?).await?;
        let inactive = revisions(cx, &live.family, TaskDefinitionStatus::Inactive).await?;
        for arns in inactive.chunks(DELETES_AT_ONCE) {
            let answer = cx.cloud.ecs.delete_task_definitions().set_task_definitions(Some(arns.to_vec())).send().await;
            // This call succeeds as a whole and says what failed inside.
            let answer = answer.map_err(failed(OP))?;
            for failure in answer.failures() {
                // An earlier try of this call, whose answer was lost, took it away.
                if failure.reason().is_some_and(|why| why == "MISSING" || why.contains("does not exist")) {
                    continue;
                }
                let said = [failure.arn(), failure.reason(), failure.detail()];
                let said: Vec<&str> = said.into_iter().flatten().collect();
                let mut error = Error::new(Class::Other, said.join(": "));
                error.operation = Some(OP.into());
                return Err(error);
            }
        }
        Ok(())
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        let active = revisions(cx, &live.family, TaskDefinitionStatus::Active).await?;
        let inactive = revisions(cx, &live.family, TaskDefinitionStatus::Inactive).await?;
        Ok(match active.len() + inactive.len() {
            0 => Readiness::Gone,
            left => Readiness::waiting(format!("revisions left to delete: {left}")),
        })
    }
}

impl AwsKind for TaskDefinition {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["ecs:RegisterTaskDefinition", "ecs:TagResource", "iam:PassRole"],
        update: &[
            "ecs:RegisterTaskDefinition",
            "ecs:TagResource",
            "ecs:UntagResource",
            "iam:PassRole",
            "ecs:DeregisterTaskDefinition",
            "ecs:DeleteTaskDefinitions",
        ],
        delete: &["ecs:DeregisterTaskDefinition", "ecs:DeleteTaskDefinitions"],
    };
    const SPELLING: &'static [Spelling] =
        &[("architecture", How::Word(&["X86_64", "ARM64"])), ("cpu", How::Cpu), ("memory", How::Memory)];
}

#[cfg(test)]
mod tests {
    use super::super::container::tests::container;
    use super::*;

    #[test]
    fn defaults_are_no_difference_and_removals_are() {
        let definition = |container: Container| TaskDefinition {
            cpu: "256".into(),
            memory: "512".into(),
            execution_role: Ref::physical("arn:role").attr("arn"),
            task_role: None,
            architecture: None,
            containers: vec![container],
            tags: Tags::new(),
        };
        let bare = Container { essential: None, log_prefix: None, stop_timeout: None, init: None, ..container() };
        assert!(definition(bare).is_met_by(&definition(container())).unwrap());
        let silent = Container { command: Vec::new(), ..container() };
        assert!(!definition(silent).is_met_by(&definition(container())).unwrap());
        let poorer = Container { environment: BTreeMap::new(), ..container() };
        assert!(!definition(poorer).is_met_by(&definition(container())).unwrap());
    }
}
