use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Id, Vpc, blockers, in_our_vpcs, retag, tagged, tags_of};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Diff, Observed, Readiness, Ref, Resource, Result, Rule};

const INSTEAD: &str = "a subnet's zone and addresses cannot be changed: add one under another name, move everything in this one there, then remove this one";

/// A range of a VPC's addresses in one availability zone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subnet {
    /// The VPC that it belongs to.
    pub vpc: Ref<Vpc>,
    /// The availability zone: `us-east-1a`.
    pub zone: String,
    /// Its IPv4 addresses, a range within the VPC's. It cannot be changed.
    pub cidr: String,
    /// Whether instances that are started in it get a public address automatically. Left out: they do not.
    #[serde(default)]
    pub map_public_ip: bool,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

impl Resource for Subnet {
    const KIND: &'static str = "ec2.subnet";
    const RULES: &'static [Rule] = &[
        Rule::immutable("vpc"),
        Rule::fixed("zone", INSTEAD),
        Rule::fixed("cidr", INSTEAD),
        Rule::identity("vpc"),
        Rule::identity("cidr"),
        Rule::after_create("map_public_ip"),
        Rule::owned("tags"),
    ];
    type Cloud = Clients;
    type Live = Id;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let Some(filter) = in_our_vpcs(cx, "vpc-id").await? else { return Ok(Vec::new()) };
        let pages = cx.cloud.ec2.describe_subnets().filters(filter).into_paginator().items().send();
        let subnets = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeSubnets"))?;
        Ok(subnets
            .into_iter()
            .filter_map(|s| {
                let tags = tags_of(s.tags());
                Some(Observed {
                    claim: cx.scope.claim(Self::KIND, &tags, true),
                    live: Id { id: s.subnet_id? },
                    fields: Subnet {
                        vpc: Ref::physical(s.vpc_id?),
                        zone: s.availability_zone?,
                        cidr: s.cidr_block?,
                        map_public_ip: s.map_public_ip_on_launch == Some(true),
                        tags,
                    },
                    state: Readiness::Ready,
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Id> {
        const OP: &str = "ec2:CreateSubnet";
        let call = cx.cloud.ec2_once.create_subnet().vpc_id(self.vpc.id()?).availability_zone(&self.zone).cidr_block(&self.cidr);
        let call = call.tag_specifications(tagged(ResourceType::Subnet, &self.tags));
        let subnet = call.send().await.map_err(failed(OP))?.subnet;
        Ok(Id { id: subnet.and_then(|s| s.subnet_id).ok_or_else(|| incomplete(OP, "the subnet's id"))? })
    }

    async fn update(&self, cx: &Cx, live: &Id, diff: &Diff) -> Result<Id> {
        // A new one gives none, so nothing is to be switched off right after its creation.
        if diff.changes.iter().any(|c| c.path == "map_public_ip" && (c.before.is_some() || self.map_public_ip)) {
            let value = AttributeBooleanValue::builder().value(self.map_public_ip).build();
            let call = cx.cloud.ec2.modify_subnet_attribute().subnet_id(&live.id).map_public_ip_on_launch(value);
            call.send().await.map_err(failed("ec2:ModifySubnetAttribute"))?;
        }
        retag(cx, &live.id, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Id) -> Result<()> {
        cx.cloud.ec2.delete_subnet().subnet_id(&live.id).send().await.map_err(failed("ec2:DeleteSubnet"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Id) -> Result<Vec<Blocker>> {
        blockers::interfaces(cx, "subnet-id", &live.id).await
    }
}

impl AwsKind for Subnet {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateSubnet", "ec2:CreateTags"],
        update: &["ec2:ModifySubnetAttribute", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteSubnet"],
    };
    const SPELLING: &'static [Spelling] = &[("cidr", How::Network), ("zone", How::Lower)];
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("network.subnets.{name}", "id")];
}
