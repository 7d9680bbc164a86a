use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Id, RouteTable, Subnet, route_tables, tags_of};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Diff, Observed, Readiness, Ref, Resource, Result, Rule};

/// The association of a subnet with a route table.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteTableAssociation {
    /// The route table. It can be changed.
    pub table: Ref<RouteTable>,
    /// The subnet.
    pub subnet: Ref<Subnet>,
}

impl Resource for RouteTableAssociation {
    const KIND: &'static str = "ec2.route_table_association";
    const RULES: &'static [Rule] = &[Rule::immutable("subnet"), Rule::identity("subnet"), Rule::enables("subnet")];
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Id;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let mut out = Vec::new();
        for table in route_tables(cx).await?.iter() {
            // A subnet of the stack that was given another table is found too, by the subnet.
            let claim = if cx.scope.owns(&tags_of(table.tags())) { Claim::Stray } else { Claim::Adoptable };
            for association in table.associations() {
                let (Some(id), Some(subnet)) = (&association.route_table_association_id, &association.subnet_id) else {
                    continue;
                };
                out.push(Observed {
                    claim: claim.clone(),
                    live: Id { id: id.clone() },
                    fields: RouteTableAssociation {
                        table: Ref::physical(table.route_table_id().unwrap_or_default()),
                        subnet: Ref::physical(subnet),
                    },
                    state: Readiness::Ready,
                });
            }
        }
        Ok(out)
    }

    async fn create(&self, cx: &Cx) -> Result<Id> {
        const OP: &str = "ec2:AssociateRouteTable";
        let call = cx.cloud.ec2.associate_route_table().route_table_id(self.table.id()?).subnet_id(self.subnet.id()?);
        let answer = call.send().await.map_err(failed(OP))?;
        Ok(Id { id: answer.association_id.ok_or_else(|| incomplete(OP, "the association's id"))? })
    }

    async fn update(&self, cx: &Cx, live: &Id, _: &Diff) -> Result<Id> {
        const OP: &str = "ec2:ReplaceRouteTableAssociation";
        let call = cx.cloud.ec2.replace_route_table_association().association_id(&live.id).route_table_id(self.table.id()?);
        let answer = call.send().await.map_err(failed(OP))?;
        Ok(Id { id: answer.new_association_id.ok_or_else(|| incomplete(OP, "the association's id"))? })
    }

    async fn delete(cx: &Cx, live: &Id) -> Result<()> {
        let call = cx.cloud.ec2.disassociate_route_table().association_id(&live.id);
        call.send().await.map_err(failed("ec2:DisassociateRouteTable"))?;
        Ok(())
    }
}

impl AwsKind for RouteTableAssociation {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["ec2:AssociateRouteTable"],
        update: &["ec2:ReplaceRouteTableAssociation"],
        delete: &["ec2:DisassociateRouteTable"],
    };
}
