use aws_sdk_ec2::types::{Route as RouteSdk, RouteOrigin, RouteTable as RouteTableSdk};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{InternetGateway, NatGateway, RouteTable, route_tables, tags_of};
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::spelling::{How, Spelling, Wrong, without_ipv6};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::token::named;
use crate::engine::{Claim, Diff, Effect, Error, Impact, Observed, Pause, Readiness, Ref, Resource, Result, Rule};

/// A route: where a route table sends packets for some addresses.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The route table that it belongs to.
    pub table: Ref<RouteTable>,
    /// The destination addresses: `0.0.0.0/0`.
    pub destination: String,
    /// The internet gateway that packets are sent to, for public subnets. Exactly one of `gateway` and `nat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ref<InternetGateway>>,
    /// The NAT gateway that packets are sent to, for private subnets. Exactly one of `gateway` and `nat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat: Option<Ref<NatGateway>>,
}

/// The table and destination of a route, which has no identifier.
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

/// Returns the routes that were added to a table. Those that belong to the table, an endpoint or a virtual private gateway are
/// not among them.
fn put_into(table: &RouteTableSdk) -> Vec<Observed<Route>> {
    let id = table.route_table_id().unwrap_or_default();
    let of = |route: &RouteSdk| {
        let endpoint = route.gateway_id().is_some_and(|g| g == "local" || g.starts_with("vpce-"));
        // Those for IPv6 and for prefix lists are never the stack's: no file has them.
        let destination = route.destination_cidr_block().or(route.destination_ipv6_cidr_block());
        let destination = destination.or(route.destination_prefix_list_id())?;
        (route.origin() == Some(&RouteOrigin::CreateRoute) && !endpoint).then(|| Observed {
            claim: Claim::Stray,
            live: Live::new(id, destination),
            fields: Route {
                table: Ref::physical(id),
                destination: destination.to_owned(),
                gateway: route.gateway_id().map(Ref::physical),
                nat: route.nat_gateway_id().map(Ref::physical),
            },
            state: Readiness::Ready,
        })
    };
    table.routes().iter().filter_map(of).collect()
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

    /// Returns the effects of a change. Another gateway does not know the connections through this one
    /// (<https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html>).
    fn effects(_desired: &Value, observed: &Value, _diff: &Diff) -> Vec<Effect> {
        let leads = ["gateway", "nat"].iter().any(|field| observed.get(field).is_some_and(|value| !value.is_null()));
        let words = "open connections over the old route are dropped";
        if leads { vec![Effect::new(Impact::FailsOver, words).lasting(1, 60)] } else { Vec::new() }
    }

    /// Is absent with the NAT gateway of the stack that it leads to.
    fn absent(desired: &Value, why: Pause) -> bool {
        NatGateway::absent(desired, why) && desired.get("nat").is_some_and(|nat| !named(nat).is_empty())
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let tables = route_tables(cx).await?;
        Ok(tables.iter().filter(|t| cx.scope.owns(&tags_of(t.tags()))).flat_map(put_into).collect())
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
        let call = cx.cloud.ec2.delete_route().route_table_id(&live.table);
        let call = match &live.destination {
            list if list.starts_with("pl-") => call.destination_prefix_list_id(list),
            v6 if v6.contains(':') => call.destination_ipv6_cidr_block(v6),
            v4 => call.destination_cidr_block(v4),
        };
        call.send().await.map_err(failed("ec2:DeleteRoute"))?;
        Ok(())
    }
}

impl AwsKind for Route {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions =
        Actions { create: &["ec2:CreateRoute"], update: &["ec2:ReplaceRoute"], delete: &["ec2:DeleteRoute"] };
    const SPELLING: &'static [Spelling] = &[("destination", How::Network)];

    fn spell(object: &mut Value, wrong: &mut Vec<Wrong>) {
        without_ipv6(object, "destination", "routes", wrong);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::diff;

    #[test]
    fn only_a_changed_way_out_breaks_connections() {
        let told = |observed: Value| {
            let desired = json!({"table": "t", "destination": "0.0.0.0/0", "nat": "nat-2"});
            let diff = diff(Route::RULES, &desired, &observed, &Default::default());
            assert!(diff.touches("nat"));
            Route::effects(&desired, &observed, &diff).into_iter().map(|e| e.impact).collect::<Vec<_>>()
        };
        assert_eq!(told(json!({"table": "t", "destination": "0.0.0.0/0", "nat": "nat-1"})), [Impact::FailsOver]);
        assert_eq!(told(json!({"table": "t", "destination": "0.0.0.0/0", "gateway": "igw-1"})), [Impact::FailsOver]);
        assert_eq!(told(json!({"table": "t", "destination": "0.0.0.0/0"})), [], "it led nowhere");
    }

    #[test]
    fn routes_added_by_hand_are_seen_for_any_destination() {
        let made = || RouteSdk::builder().origin(RouteOrigin::CreateRoute);
        let routes = [
            made().destination_cidr_block("0.0.0.0/0").nat_gateway_id("nat-1").build(),
            made().destination_ipv6_cidr_block("::/0").gateway_id("igw-1").build(),
            made().destination_prefix_list_id("pl-1").transit_gateway_id("tgw-1").build(),
            made().destination_prefix_list_id("pl-2").gateway_id("vpce-1").build(),
            RouteSdk::builder().origin(RouteOrigin::CreateRouteTable).destination_cidr_block("10.0.0.0/16").build(),
        ];
        let table = RouteTableSdk::builder().route_table_id("rtb-1").set_routes(Some(routes.into())).build();
        let seen: Vec<String> = put_into(&table).into_iter().map(|route| route.live.destination).collect();
        assert_eq!(seen, ["0.0.0.0/0", "::/0", "pl-1"]);
    }
}
