use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Id, Vpc, is_default, security_group_rules, security_groups, tags_of, vpcs};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Diff, Observed, Readiness, Ref, Resource, Result, Rule, Scope};

/// The security group that comes with every VPC, without any rules (AWS Security Hub's control EC2.2). It cannot be created or
/// deleted: it exists as long as its VPC.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DefaultSecurityGroup {
    /// The VPC that it belongs to.
    pub vpc: Ref<Vpc>,
    /// The rules that it has, by identifier. Left out: none, which is what it should have.
    #[serde(default)]
    pub rules: Vec<String>,
}

async fn revoke(cx: &Cx, group: &str) -> Result<()> {
    let call = cx.cloud.ec2.describe_security_group_rules().filters(super::filter("group-id", [group]));
    let answer = call.send().await.map_err(failed("ec2:DescribeSecurityGroupRules"))?;
    let ids = |egress: bool| -> Vec<String> {
        let of = answer.security_group_rules().iter().filter(|r| r.is_egress() == Some(egress));
        of.filter_map(|r| r.security_group_rule_id.clone()).collect()
    };
    let (ingress, egress) = (ids(false), ids(true));
    if !ingress.is_empty() {
        let call = cx.cloud.ec2.revoke_security_group_ingress().group_id(group).set_security_group_rule_ids(Some(ingress));
        call.send().await.map_err(failed("ec2:RevokeSecurityGroupIngress"))?;
    }
    if !egress.is_empty() {
        let call = cx.cloud.ec2.revoke_security_group_egress().group_id(group).set_security_group_rule_ids(Some(egress));
        call.send().await.map_err(failed("ec2:RevokeSecurityGroupEgress"))?;
    }
    Ok(())
}

/// Returns whose the group is. It belongs to a VPC of the stack: the one in the file is found by its VPC, and none is ever left
/// over to be deleted.
fn claim(scope: &Scope, vpc: &aws_sdk_ec2::types::Vpc) -> Claim {
    match scope.claim(Vpc::KIND, &tags_of(vpc.tags()), true) {
        Claim::Ours(_) => Claim::Adoptable,
        other => other,
    }
}

impl Resource for DefaultSecurityGroup {
    const KIND: &'static str = "ec2.default_security_group";
    const RULES: &'static [Rule] = &[Rule::immutable("vpc"), Rule::identity("vpc"), Rule::set("rules")];
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Id;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let (vpcs, groups, rules) = (vpcs(cx).await?, security_groups(cx).await?, security_group_rules(cx).await?);
        let mut out = Vec::new();
        for group in groups.iter().filter(|g| is_default(g)) {
            let Some(vpc) = vpcs.iter().find(|v| v.vpc_id == group.vpc_id) else { continue };
            let (Some(id), Some(vpc_id)) = (&group.group_id, &group.vpc_id) else { continue };
            out.push(Observed {
                claim: claim(&cx.scope, vpc),
                live: Id { id: id.clone() },
                fields: DefaultSecurityGroup {
                    vpc: Ref::physical(vpc_id),
                    rules: rules
                        .iter()
                        .filter(|r| r.group_id() == Some(id))
                        .filter_map(|r| r.security_group_rule_id.clone())
                        .collect(),
                },
                state: Readiness::Ready,
            });
        }
        Ok(out)
    }

    async fn create(&self, cx: &Cx) -> Result<Id> {
        const OP: &str = "ec2:DescribeSecurityGroups";
        let call = cx.cloud.ec2.describe_security_groups().filters(super::filter("vpc-id", [self.vpc.id()?]));
        let answer = call.filters(super::filter("group-name", ["default"])).send().await.map_err(failed(OP))?;
        let group = answer.security_groups().first().and_then(|g| g.group_id.clone());
        let id = group.ok_or_else(|| incomplete(OP, "the VPC's default group"))?;
        revoke(cx, &id).await?;
        Ok(Id { id })
    }

    async fn update(&self, cx: &Cx, live: &Id, _: &Diff) -> Result<Id> {
        revoke(cx, &live.id).await?;
        Ok(live.clone())
    }

    async fn delete(_: &Cx, _: &Id) -> Result<()> {
        Ok(()) // it goes with the VPC
    }
}

impl AwsKind for DefaultSecurityGroup {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
        update: &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
        delete: &[],
    };
}
