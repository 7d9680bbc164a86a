use aws_sdk_ec2::types::{DomainType, ResourceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{blockers, ours, retag, tagged, tags_of};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Diff, Observed, Pause, Readiness, Resource, Result, Rule};

/// An Elastic IP address.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// An address by AWS's identifiers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// `eipalloc-0abc…`
    pub id: String,
    /// The address itself.
    pub public_ip: String,
}

impl Resource for Address {
    const KIND: &'static str = "ec2.address";
    const REPEATABLE: bool = false;
    const RULES: &'static [Rule] = &[Rule::owned("tags")];
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let call = cx.cloud.ec2.describe_addresses().set_filters(Some(ours(cx)));
        let answer = call.send().await.map_err(failed("ec2:DescribeAddresses"))?;
        Ok(answer
            .addresses()
            .iter()
            .filter_map(|a| {
                let tags = tags_of(a.tags());
                Some(Observed {
                    claim: cx.scope.claim(Self::KIND, &tags, false),
                    live: Live { id: a.allocation_id.clone()?, public_ip: a.public_ip.clone()? },
                    fields: Address { tags },
                    state: Readiness::Ready,
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "ec2:AllocateAddress";
        let call = cx.cloud.ec2_once.allocate_address().domain(DomainType::Vpc);
        let answer = call.tag_specifications(tagged(ResourceType::ElasticIp, &self.tags)).send().await.map_err(failed(OP))?;
        match (answer.allocation_id, answer.public_ip) {
            (Some(id), Some(public_ip)) => Ok(Live { id, public_ip }),
            _ => Err(incomplete(OP, "the address")),
        }
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        retag(cx, &live.id, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        cx.cloud.ec2.release_address().allocation_id(&live.id).send().await.map_err(failed("ec2:ReleaseAddress"))?;
        Ok(())
    }

    /// Says that the NAT gateway is gone that has the address, which stays: others may know it. Nothing else refers to addresses.
    fn pause(_desired: &mut Value, why: Pause, used_by: &[&str]) -> bool {
        why == Pause::Bare && !used_by.is_empty()
    }

    /// Returns what uses the address.
    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let answer = cx.cloud.ec2.describe_addresses().allocation_ids(&live.id).send().await;
        let answer = answer.map_err(failed("ec2:DescribeAddresses"))?;
        match answer.addresses().first().and_then(|a| a.network_interface_id()) {
            Some(interface) => blockers::interfaces(cx, "network-interface-id", interface).await,
            None => Ok(Vec::new()),
        }
    }
}

impl AwsKind for Address {
    const MARK: Mark = Mark::History;
    const ACTIONS: Actions = Actions {
        create: &["ec2:AllocateAddress", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:ReleaseAddress"],
    };
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("network.addresses.{name}", "public_ip")];
}
