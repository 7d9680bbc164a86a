use aws_sdk_ec2::types::{NatGatewayState, ResourceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Address, Id, InternetGateway, Subnet, gateway_of, in_our_vpcs, retag, tagged, tags_of};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::states::{Means, States};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{AnyRef, Diff, Effect, Impact, Observed, Order, Pause, Readiness, Ref, Resource, Result, Rule, Usual};

/// The number of tokens of gateways that are deleted and no longer listed that are skipped.
const TOKENS: u32 = 4;

/// A public NAT gateway, through which private subnets reach the internet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NatGateway {
    /// The public subnet that it is placed in.
    pub subnet: Ref<Subnet>,
    /// The public address of its outgoing traffic.
    pub address: Ref<Address>,
    /// The internet gateway of its VPC, and anything else that must exist first. Left out: nothing.
    #[serde(default)]
    pub after: Vec<AnyRef>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The meanings of AWS's states of a gateway. Deleted ones stay listed for about an hour.
pub const STATES: States = States {
    kind: NatGateway::KIND,
    source: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NatGateway.html",
    words: &[
        ("available", Means::Serves),
        ("deleted", Means::Gone),
        // Whatever needs its address or subnet waits for it; a new one does not need its name.
        ("deleting", Means::Gone),
        ("failed", Means::Failed),
        ("pending", Means::Busy),
    ],
};

fn state(gateway: &aws_sdk_ec2::types::NatGateway) -> Readiness {
    match STATES.read(gateway.state().map_or("unknown", NatGatewayState::as_str), true) {
        Readiness::Failed(_) => Readiness::Failed(gateway.failure_message().unwrap_or("no reason given").to_owned()),
        state => state,
    }
}

/// Checks whether it will never serve again.
fn is_dead(gateway: &aws_sdk_ec2::types::NatGateway) -> bool {
    matches!(state(gateway), Readiness::Gone | Readiness::Failed(_))
}

async fn look(cx: &Cx, id: &str) -> Result<Option<aws_sdk_ec2::types::NatGateway>> {
    let answer =
        cx.cloud.ec2.describe_nat_gateways().nat_gateway_ids(id).send().await.map_err(failed("ec2:DescribeNatGateways"))?;
    Ok(answer.nat_gateways.and_then(|list| list.into_iter().next()))
}

impl Resource for NatGateway {
    const KIND: &'static str = "ec2.nat_gateway";
    const RULES: &'static [Rule] =
        &[Rule::immutable("subnet"), Rule::immutable("address"), Rule::order_only("after"), Rule::owned("tags")];
    const USUAL: Usual = Usual::secs(105, 60);
    type Cloud = Clients;
    type Live = Id;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let Some(filter) = in_our_vpcs(cx, "vpc-id").await? else { return Ok(Vec::new()) };
        let pages = cx.cloud.ec2.describe_nat_gateways().filter(filter).into_paginator().items().send();
        let gateways = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeNatGateways"))?;
        let mut out = Vec::new();
        for g in gateways {
            let tags = tags_of(g.tags());
            let state = state(&g);
            let allocation = g.nat_gateway_addresses().first().and_then(|a| a.allocation_id.clone());
            let gateway = gateway_of(cx, g.vpc_id().unwrap_or_default()).await?;
            let (Some(id), Some(subnet)) = (g.nat_gateway_id, g.subnet_id) else { continue };
            out.push(Observed {
                claim: cx.scope.claim(Self::KIND, &tags, true),
                live: Id { id },
                fields: NatGateway {
                    subnet: Ref::physical(subnet),
                    address: Ref::physical(allocation.unwrap_or_default()),
                    after: gateway.into_iter().map(|id| Ref::<InternetGateway>::physical(id).into()).collect(),
                    tags,
                },
                state,
            });
        }
        Ok(out)
    }

    async fn create(&self, cx: &Cx) -> Result<Id> {
        const OP: &str = "ec2:CreateNatGateway";
        // AWS answers a known token with the gateway that it made then, even when that is deleted: so the dead ones count, as long as they
        // are listed, and the time does.
        let dead = cx.cloud.ec2.describe_nat_gateways().filter(super::filter("subnet-id", [self.subnet.id()?]));
        let dead = dead.send().await.map_err(failed("ec2:DescribeNatGateways"))?;
        let dead = dead.nat_gateways().iter().filter(|g| is_dead(g));
        let mut dead: Vec<String> = dead.filter_map(|g| g.nat_gateway_id.clone()).collect();
        for _ in 0..TOKENS {
            dead.sort();
            let token = cx.token_for_now(&format!("{} {} {dead:?}", self.subnet.id()?, self.address.id()?));
            let call = cx.cloud.ec2.create_nat_gateway().subnet_id(self.subnet.id()?).allocation_id(self.address.id()?);
            let call = call.client_token(token).tag_specifications(tagged(ResourceType::Natgateway, &self.tags));
            let gateway = call.send().await.map_err(failed(OP))?.nat_gateway.ok_or_else(|| incomplete(OP, "the gateway"))?;
            let id = gateway.nat_gateway_id.clone().ok_or_else(|| incomplete(OP, "the gateway's id"))?;
            if !is_dead(&gateway) {
                return Ok(Id { id });
            }
            // One that is not listed any more, and still remembered by its token.
            dead.push(id);
        }
        Err(incomplete(OP, "a gateway that is new"))
    }

    async fn update(&self, cx: &Cx, live: &Id, diff: &Diff) -> Result<Id> {
        retag(cx, &live.id, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Id) -> Result<()> {
        cx.cloud.ec2.delete_nat_gateway().nat_gateway_id(&live.id).send().await.map_err(failed("ec2:DeleteNatGateway"))?;
        Ok(())
    }

    async fn poll(&self, cx: &Cx, live: &Id) -> Result<Readiness> {
        Ok(look(cx, &live.id).await?.map_or(Readiness::Gone, |g| state(&g)))
    }

    async fn poll_gone(cx: &Cx, live: &Id) -> Result<Readiness> {
        // While it is `deleting` it still holds its subnet and its address.
        Ok(match look(cx, &live.id).await? {
            Some(g) if g.state() != Some(&NatGatewayState::Deleted) => {
                Readiness::waiting(g.state().map_or("deleting", NatGatewayState::as_str))
            }
            _ => Readiness::Gone,
        })
    }

    fn effects(_desired: &Value, _observed: &Value, diff: &Diff) -> Vec<Effect> {
        let mut out = Vec::new();
        if diff.touches("address") {
            out.push(Effect::new(
                Impact::CannotBeUndone,
                "outgoing traffic gets another address: services that allow only the old one will refuse it",
            ));
        } else if diff.forcing().next().is_some() {
            out.push(
                Effect::new(Impact::Interrupts, "there is no outgoing traffic while the new gateway is created").lasting(60, 300),
            );
        }
        out
    }

    /// Is charged by the hour, and nothing that is paused reaches the internet.
    fn absent(_desired: &Value, why: Pause) -> bool {
        why == Pause::Bare
    }

    /// Returns the order of a replacement: the address can serve only one of the two.
    fn replace_order(diff: &Diff) -> Order {
        if diff.touches("address") { Order::CreateFirst } else { Order::DeleteFirst }
    }
}

impl AwsKind for NatGateway {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateNatGateway", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteNatGateway"],
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::diff;

    #[test]
    fn another_address_or_place_is_told() {
        let told = |desired: Value| {
            let observed = json!({"subnet": "a", "address": "a", "tags": {}});
            let diff = diff(NatGateway::RULES, &desired, &observed, &Default::default());
            NatGateway::effects(&desired, &observed, &diff).into_iter().map(|e| e.impact).collect::<Vec<_>>()
        };
        assert_eq!(told(json!({"address": "b"})), [Impact::CannotBeUndone]);
        assert_eq!(told(json!({"subnet": "b"})), [Impact::Interrupts]);
        assert_eq!(told(json!({"tags": {"a": "b"}})), []);
    }
}
