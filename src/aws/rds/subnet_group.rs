use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Live, NAME, retag, tags_of, to_sdk, users};
use crate::aws::call::arguments::ids;
use crate::aws::call::error::incomplete;
use crate::aws::ec2::{Subnet, Vpc};
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::{names, tag_index};
use crate::aws::rds::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule};

/// The subnets in which databases can be placed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubnetGroup {
    /// The VPC of the subnets. It cannot be changed.
    pub vpc: Ref<Vpc>,
    /// A subnet in each zone in which a database can be placed, at least two.
    pub subnets: Vec<Ref<Subnet>>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

impl Resource for SubnetGroup {
    const KIND: &'static str = "rds.subnet_group";
    const RULES: &'static [Rule] = &[Rule::immutable("vpc"), Rule::set("subnets"), Rule::owned("tags")];
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let pages = cx.cloud.rds.describe_db_subnet_groups().into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("rds:DescribeDBSubnetGroups"))?;
        let (prefix, known) = (cx.scope.prefix(), tag_index::candidates(cx).await?);
        let like_ours = all.into_iter().filter_map(|group| {
            let live = Live { id: group.db_subnet_group_name.clone()?, arn: group.db_subnet_group_arn.clone()? };
            let may_be_ours = names::begins(&prefix, &live.id, NAME) || known.contains_key(&live.arn);
            may_be_ours.then_some((live, group))
        });
        try_join_all(like_ours.map(|(live, group)| async move {
            let tags = tags_of(cx, &live.arn).await?;
            Ok::<_, Error>(Observed {
                claim: names::claim(cx, cx.scope.claim(Self::KIND, &tags, false), &tags, &live.id, NAME),
                fields: SubnetGroup {
                    vpc: Ref::physical(group.vpc_id.unwrap_or_default()),
                    subnets: group
                        .subnets
                        .unwrap_or_default()
                        .into_iter()
                        .filter_map(|s| s.subnet_identifier)
                        .map(Ref::physical)
                        .collect(),
                    tags,
                },
                live,
                state: Readiness::Ready,
            })
        }))
        .await
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "rds:CreateDBSubnetGroup";
        let call = cx.cloud.rds.create_db_subnet_group().db_subnet_group_name(names::name(cx, NAME));
        let call = call.db_subnet_group_description(format!("Databases of {}", cx.scope.prefix()));
        let call = call.set_subnet_ids(Some(ids(&self.subnets)?)).set_tags(Some(to_sdk(&self.tags)));
        let group = call.send().await.map_err(failed(OP))?.db_subnet_group;
        let live = group.and_then(|g| Some(Live { id: g.db_subnet_group_name?, arn: g.db_subnet_group_arn? }));
        live.ok_or_else(|| incomplete(OP, "the group's name and ARN"))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches("subnets") {
            let call = cx.cloud.rds.modify_db_subnet_group().db_subnet_group_name(&live.id);
            let call = call.set_subnet_ids(Some(ids(&self.subnets)?));
            call.send().await.map_err(failed("rds:ModifyDBSubnetGroup"))?;
        }
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.rds.delete_db_subnet_group().db_subnet_group_name(&live.id);
        call.send().await.map_err(failed("rds:DeleteDBSubnetGroup"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        users(cx, |db| db.db_subnet_group().and_then(|g| g.db_subnet_group_name()) == Some(&live.id)).await
    }
}

impl AwsKind for SubnetGroup {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["rds:CreateDBSubnetGroup", "rds:AddTagsToResource"],
        update: &["rds:ModifyDBSubnetGroup", "rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        delete: &["rds:DeleteDBSubnetGroup"],
    };
}
