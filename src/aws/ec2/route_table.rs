use aws_sdk_ec2::types::ResourceType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Id, Vpc, blockers, is_alive, retag, route_tables, tagged, tags_of};
use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Claim, Diff, Observed, Readiness, Ref, Resource, Result, Rule};

/// A route table. Its routes and associations are kinds of their own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    /// The VPC that it belongs to.
    pub vpc: Ref<Vpc>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

async fn is_there(cx: &Cx, id: &str) -> Result<bool> {
    let answer = cx.cloud.ec2.describe_route_tables().route_table_ids(id).send().await;
    Ok(present(answer.map_err(failed("ec2:DescribeRouteTables")).map(|a| a.route_tables))?
        .is_some_and(|tables| !tables.is_empty()))
}

impl Resource for RouteTable {
    const KIND: &'static str = "ec2.route_table";
    const RULES: &'static [Rule] = &[Rule::immutable("vpc"), Rule::owned("tags")];
    type Cloud = Clients;
    type Live = Id;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        Ok(route_tables(cx)
            .await?
            .iter()
            .filter_map(|t| {
                let tags = tags_of(t.tags());
                Some(Observed {
                    claim: cx.scope.claim(Self::KIND, &tags, true),
                    live: Id { id: t.route_table_id.clone()? },
                    fields: RouteTable { vpc: Ref::physical(t.vpc_id.clone()?), tags },
                    state: Readiness::Ready,
                })
            })
            // The main table is created and deleted with the VPC.
            .filter(|o| matches!(o.claim, Claim::Ours(_)))
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Id> {
        const OP: &str = "ec2:CreateRouteTable";
        let mut what = self.vpc.id()?.to_owned();
        loop {
            let call = cx.cloud.ec2.create_route_table().vpc_id(self.vpc.id()?).client_token(cx.token_for_now(&what));
            let call = call.tag_specifications(tagged(ResourceType::RouteTable, &self.tags));
            let table = call.send().await.map_err(failed(OP))?.route_table;
            let id = table.and_then(|t| t.route_table_id).ok_or_else(|| incomplete(OP, "the route table's id"))?;
            if is_alive(|| is_there(cx, &id)).await? {
                return Ok(Id { id });
            }
            what = format!("{what} after {id}");
        }
    }

    async fn update(&self, cx: &Cx, live: &Id, diff: &Diff) -> Result<Id> {
        retag(cx, &live.id, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Id) -> Result<()> {
        cx.cloud.ec2.delete_route_table().route_table_id(&live.id).send().await.map_err(failed("ec2:DeleteRouteTable"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Id) -> Result<Vec<Blocker>> {
        let answer = cx.cloud.ec2.describe_route_tables().route_table_ids(&live.id).send().await;
        let answer = answer.map_err(failed("ec2:DescribeRouteTables"))?;
        Ok(answer.route_tables().iter().flat_map(blockers::going_by).collect())
    }
}

impl AwsKind for RouteTable {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateRouteTable", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteRouteTable"],
    };
}
