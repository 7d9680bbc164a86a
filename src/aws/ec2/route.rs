use aws_sdk_ec2::types::RouteOrigin;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{InternetGateway, NatGateway, RouteTable, route_tables, tags_of};
use crate::aws::error::failed;
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Diff, Effect, Error, Impact, Observed, Readiness, Ref, Resource, Result, Rule};

/// Where a route table sends the packets for some addresses.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The table that it is in.
    pub table: Ref<RouteTable>,
    /// The addresses that it is for: `0.0.0.0/0`.
    pub destination: String,
    /// To the internet, for public subnets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ref<InternetGateway>>,
    /// To a NAT gateway, for private subnets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat: Option<Ref<NatGateway>>,
}

/// A route has no identifier: its table and destination are.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// Table and destination.
    pub id: String,
    /// The table's identifier.
    pub table: String,
    /// The destination.
    pub destination: String,
}

impl Live {
    fn new(table: &str, destination: &str) -> Self {
        Live { id: format!("{table}_{destination}"), table: table.to_owned(), destination: destination.to_owned() }
    }
}

impl Route {
    fn target(&self) -> Result<(Option<String>, Option<String>)> {
        let id = |r: Option<&str>| r.map(str::to_owned);
        let gateway = self.gateway.as_ref().map(Ref::id).transpose()?;
        let nat = self.nat.as_ref().map(Ref::id).transpose()?;
        if gateway.is_some() == nat.is_some() {
            return Err(Error::new(crate::engine::Class::Invalid, "a route needs exactly one of `gateway` and `nat`"));
        }
        Ok((id(gateway), id(nat)))
    }
}

impl Resource for Route {
    const KIND: &'static str = "ec2.route";
    const RULES: &'static [Rule] = &[
        Rule::immutable("table"),
        Rule::immutable("destination"),
        Rule::identity("table"),
        Rule::identity("destination"),
        Rule::enables("table"),
        // A gateway may go while routes lead to it: they lead nowhere then.
        Rule::loose("gateway"),
        Rule::loose("nat"),
    ];
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    /// Another gateway knows nothing of the connections that go through this one
    /// (<https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html>).
    fn effects(_desired: &Value, observed: &Value, _diff: &Diff) -> Vec<Effect> {
        let leads = ["gateway", "nat"].iter().any(|field| observed.get(field).is_some_and(|value| !value.is_null()));
        let words = "open connections that go out by the old way break off";
        if leads { vec![Effect::new(Impact::FailsOver, words).lasting(1, 60)] } else { Vec::new() }
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let mut out = Vec::new();
        for table in route_tables(cx).await?.iter().filter(|t| cx.scope.owns(&tags_of(t.tags()))) {
            let id = table.route_table_id().unwrap_or_default();
            for route in table.routes() {
                let endpoint = route.gateway_id().is_some_and(|g| g == "local" || g.starts_with("vpce-"));
                // Routes that come with the table, an endpoint or a virtual private gateway are theirs.
                let (Some(destination), Some(RouteOrigin::CreateRoute), false) =
                    (route.destination_cidr_block(), route.origin(), endpoint)
                else {
                    continue;
                };
                out.push(Observed {
                    claim: Claim::Stray,
                    live: Live::new(id, destination),
                    fields: Route {
                        table: Ref::physical(id),
                        destination: destination.to_owned(),
                        gateway: route.gateway_id().map(Ref::physical),
                        nat: route.nat_gateway_id().map(Ref::physical),
                    },
                    state: Readiness::Ready,
                });
            }
        }
        Ok(out)
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let (gateway, nat) = self.target()?;
        let call = cx.cloud.ec2.create_route().route_table_id(self.table.id()?).destination_cidr_block(&self.destination);
        call.set_gateway_id(gateway).set_nat_gateway_id(nat).send().await.map_err(failed("ec2:CreateRoute"))?;
        Ok(Live::new(self.table.id()?, &self.destination))
    }

    async fn update(&self, cx: &Cx, live: &Live, _: &Diff) -> Result<Live> {
        let (gateway, nat) = self.target()?;
        let call = cx.cloud.ec2.replace_route().route_table_id(&live.table).destination_cidr_block(&live.destination);
        call.set_gateway_id(gateway).set_nat_gateway_id(nat).send().await.map_err(failed("ec2:ReplaceRoute"))?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.ec2.delete_route().route_table_id(&live.table).destination_cidr_block(&live.destination);
        call.send().await.map_err(failed("ec2:DeleteRoute"))?;
        Ok(())
    }
}
