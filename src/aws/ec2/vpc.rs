use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, VpcAttributeName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Id, blockers, retag, tagged, tags_of, vpcs};
use crate::aws::error::{failed, incomplete};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Diff, Observed, Readiness, Resource, Result, Rule};

/// A virtual private cloud: the network that everything else lies in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// Its IPv4 addresses, /16 to /28. Cannot be changed.
    pub cidr: String,
    /// Whether instances get DNS names; needed by VPC endpoints and by databases that are reached by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_hostnames: Option<bool>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

impl Resource for Vpc {
    const KIND: &'static str = "ec2.vpc";
    const REPEATABLE: bool = false;
    const RULES: &'static [Rule] =
        &[Rule::immutable("cidr"), Rule::identity("cidr"), Rule::after_create("dns_hostnames"), Rule::exact("tags")];
    type Cloud = Clients;
    type Live = Id;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let mut out = Vec::new();
        for vpc in vpcs(cx).await?.iter() {
            let Some(id) = vpc.vpc_id.clone() else { continue };
            let answer = cx.cloud.ec2.describe_vpc_attribute().vpc_id(&id).attribute(VpcAttributeName::EnableDnsHostnames);
            let answer = answer.send().await.map_err(failed("ec2:DescribeVpcAttribute"))?;
            let tags = tags_of(vpc.tags());
            out.push(Observed {
                claim: cx.scope.claim(Self::KIND, &tags, true),
                fields: Vpc {
                    cidr: vpc.cidr_block.clone().unwrap_or_default(),
                    dns_hostnames: answer.enable_dns_hostnames.and_then(|v| v.value),
                    tags,
                },
                live: Id { id },
                state: Readiness::Ready,
            });
        }
        Ok(out)
    }

    async fn create(&self, cx: &Cx) -> Result<Id> {
        const OP: &str = "ec2:CreateVpc";
        let call =
            cx.cloud.ec2_once.create_vpc().cidr_block(&self.cidr).tag_specifications(tagged(ResourceType::Vpc, &self.tags));
        let vpc = call.send().await.map_err(failed(OP))?.vpc;
        Ok(Id { id: vpc.and_then(|v| v.vpc_id).ok_or_else(|| incomplete(OP, "the VPC's id"))? })
    }

    async fn update(&self, cx: &Cx, live: &Id, diff: &Diff) -> Result<Id> {
        if diff.touches("dns_hostnames") {
            let value = AttributeBooleanValue::builder().set_value(self.dns_hostnames).build();
            let call = cx.cloud.ec2.modify_vpc_attribute().vpc_id(&live.id).enable_dns_hostnames(value);
            call.send().await.map_err(failed("ec2:ModifyVpcAttribute"))?;
        }
        retag(cx, &live.id, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Id) -> Result<()> {
        cx.cloud.ec2.delete_vpc().vpc_id(&live.id).send().await.map_err(failed("ec2:DeleteVpc"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Id) -> Result<Vec<Blocker>> {
        let (interfaces, inside) =
            tokio::try_join!(blockers::interfaces(cx, "vpc-id", &live.id), blockers::inside(cx, &live.id))?;
        Ok([interfaces, inside].concat())
    }
}
