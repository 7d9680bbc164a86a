use aws_sdk_ec2::types::{IpPermission, IpRange, ResourceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GROUP_NAME, Id, Vpc, blockers, group_claim, is_default, retag, security_groups, tagged, tags_of};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Class, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule};

/// A security group: who can connect to its members, and what its members can connect to. Its rules are objects of their own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroup {
    /// The VPC that it belongs to.
    pub vpc: Ref<Vpc>,
    /// What the group is for. It cannot be changed.
    pub description: String,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

impl Resource for SecurityGroup {
    const KIND: &'static str = "ec2.security_group";
    const RULES: &'static [Rule] = &[Rule::immutable("vpc"), Rule::immutable("description"), Rule::owned("tags")];
    type Cloud = Clients;
    type Live = Id;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        Ok(security_groups(cx)
            .await?
            .iter()
            .filter(|g| !is_default(g))
            .filter_map(|g| {
                let tags = tags_of(g.tags());
                Some(Observed {
                    claim: group_claim(cx, g),
                    live: Id { id: g.group_id.clone()? },
                    fields: SecurityGroup {
                        vpc: Ref::physical(g.vpc_id.clone()?),
                        description: g.description.clone().unwrap_or_default(),
                        tags,
                    },
                    state: Readiness::Ready,
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Id> {
        const OP: &str = "ec2:CreateSecurityGroup";
        let call =
            cx.cloud.ec2_once.create_security_group().group_name(names::name(cx, GROUP_NAME)).description(&self.description);
        let call = call.vpc_id(self.vpc.id()?).tag_specifications(tagged(ResourceType::SecurityGroup, &self.tags));
        let id = call.send().await.map_err(failed(OP))?.group_id.ok_or_else(|| incomplete(OP, "the group's id"))?;
        let live = Id { id };
        Self::finish(cx, &live).await?;
        Ok(live)
    }

    /// Removes the rule by which AWS allows all outgoing traffic in every new group: only the rules of the file count.
    async fn finish(cx: &Cx, live: &Id) -> Result<()> {
        let everything =
            IpPermission::builder().ip_protocol("-1").ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build()).build();
        let call = cx.cloud.ec2.revoke_security_group_egress().group_id(&live.id).ip_permissions(everything);
        match call.send().await.map_err(failed("ec2:RevokeSecurityGroupEgress")) {
            Err(e) if e.is("InvalidPermission.NotFound") => Ok(()), // it is revoked already
            // The group is new and not known everywhere yet.
            Err(e) if e.class == Class::NotFound => Err(Error { class: Class::NotYet, ..e }),
            other => other.map(|_| ()),
        }
    }

    async fn update(&self, cx: &Cx, live: &Id, diff: &Diff) -> Result<Id> {
        retag(cx, &live.id, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Id) -> Result<()> {
        cx.cloud.ec2.delete_security_group().group_id(&live.id).send().await.map_err(failed("ec2:DeleteSecurityGroup"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Id) -> Result<Vec<Blocker>> {
        let (interfaces, rules) =
            tokio::try_join!(blockers::interfaces(cx, "group-id", &live.id), blockers::referring(cx, &live.id))?;
        Ok([interfaces, rules].concat())
    }
}

impl AwsKind for SecurityGroup {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateSecurityGroup", "ec2:RevokeSecurityGroupEgress", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteSecurityGroup"],
    };
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("network.security_groups.{name}", "id")];
}
