//! What keeps a part of a network from being deleted. AWS says only that something does.

use aws_sdk_ec2::types::{NetworkInterface, SecurityGroup};

use super::{filter, tags_of};
use crate::aws::Cx;
use crate::aws::ec2::errors::failed;
use crate::engine::{Blocker, Result};

/// Returns the network interfaces that match a filter of DescribeNetworkInterfaces.
pub(super) async fn interfaces(cx: &Cx, name: &str, value: &str) -> Result<Vec<Blocker>> {
    let pages = cx.cloud.ec2.describe_network_interfaces().filters(filter(name, [value])).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeNetworkInterfaces"))?;
    Ok(all.iter().map(|interface| of_interface(cx, interface)).collect())
}

/// Returns the network interfaces of a VPC with public addresses: its internet gateway cannot be detached while they exist.
pub(super) async fn public(cx: &Cx, vpc: &str) -> Result<Vec<Blocker>> {
    let here = filter("vpc-id", [vpc]);
    let pages = cx.cloud.ec2.describe_network_interfaces().filters(here).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeNetworkInterfaces"))?;
    let public = |interface: &&NetworkInterface| interface.association().is_some_and(|a| a.public_ip().is_some());
    Ok(all.iter().filter(public).map(|interface| of_interface(cx, interface)).collect())
}

/// Returns what uses a route table: subnets, gateways of the VPC, and the VPC itself when the table was made its main one.
/// Subnets that use a table of the stack are associated with another one, whoever associated them.
pub(super) fn going_by(table: &aws_sdk_ec2::types::RouteTable) -> Vec<Blocker> {
    let of = |association: &aws_sdk_ec2::types::RouteTableAssociation| match (association.subnet_id(), association.gateway_id()) {
        _ if association.main() == Some(true) => Blocker { what: "the VPC, whose main route table it is".into(), passing: false },
        (Some(subnet), _) => Blocker { what: format!("subnet {subnet}"), passing: true },
        (None, Some(gateway)) => Blocker { what: format!("the gateway {gateway}"), passing: false },
        (None, None) => Blocker { what: "something that AWS does not name".into(), passing: true },
    };
    table.associations().iter().map(of).collect()
}

fn of_interface(cx: &Cx, interface: &NetworkInterface) -> Blocker {
    let said = interface.description().filter(|d| !d.is_empty());
    let instance = interface.attachment().and_then(|a| a.instance_id());
    let whose = match (said, instance, interface.requester_id()) {
        (Some(said), _, _) => said.to_owned(),
        (None, Some(instance), _) => format!("of {instance}"),
        (None, None, Some(requester)) => format!("created by {requester}"),
        (None, None, None) => "of an owner that AWS does not name".to_owned(),
    };
    // `ELB app/NAME/ID`: another load balancer stays, the stack's is being deleted.
    let balancer = said.and_then(|d| d.strip_prefix("ELB ")).and_then(|d| d.split('/').nth(1));
    let foreign = balancer.is_some_and(|name| !crate::aws::ownership::names::begins(&cx.scope.prefix(), name, 32));
    let managed = interface.requester_managed() == Some(true);
    Blocker {
        what: format!("network interface {} ({whose})", interface.network_interface_id().unwrap_or_default()),
        // What a service created for itself is deleted with that service; Lambda takes its time.
        passing: (managed || cx.scope.owns(&tags_of(interface.tag_set()))) && !foreign,
    }
}

/// Returns the other groups with rules that name a group.
pub(super) async fn referring(cx: &Cx, group: &str) -> Result<Vec<Blocker>> {
    let ask = |direction: &'static str| async move {
        let pages = cx.cloud.ec2.describe_security_groups().filters(filter(direction, [group])).into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeSecurityGroups"))
    };
    let (into, out) = tokio::try_join!(ask("ip-permission.group-id"), ask("egress.ip-permission.group-id"))?;
    let mut blockers: Vec<Blocker> = into
        .iter()
        .chain(&out)
        .filter(|other| other.group_id() != Some(group))
        .map(|other| Blocker {
            what: format!("a rule of the security group {}", named(other)),
            passing: cx.scope.owns(&tags_of(other.tags())),
        })
        .collect();
    blockers.dedup();
    Ok(blockers)
}

fn named(group: &SecurityGroup) -> String {
    format!("{} (`{}`)", group.group_id().unwrap_or_default(), group.group_name().unwrap_or_default())
}

/// Returns what a VPC contains besides network interfaces: subnets, security groups, route tables, endpoints and gateways.
pub(super) async fn inside(cx: &Cx, vpc: &str) -> Result<Vec<Blocker>> {
    let here = || filter("vpc-id", [vpc]);
    let subnets = async {
        let pages = cx.cloud.ec2.describe_subnets().filters(here()).into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeSubnets"))
    };
    let groups = async {
        let pages = cx.cloud.ec2.describe_security_groups().filters(here()).into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeSecurityGroups"))
    };
    let tables = async {
        let pages = cx.cloud.ec2.describe_route_tables().filters(here()).into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeRouteTables"))
    };
    let endpoints = async {
        let pages = cx.cloud.ec2.describe_vpc_endpoints().filters(here()).into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeVpcEndpoints"))
    };
    let gateways = async {
        let attached = filter("attachment.vpc-id", [vpc]);
        let pages = cx.cloud.ec2.describe_internet_gateways().filters(attached).into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeInternetGateways"))
    };
    let (subnets, groups, tables, endpoints, gateways) = tokio::try_join!(subnets, groups, tables, endpoints, gateways)?;
    let of = |what: &str, id: Option<&str>, tags| Blocker {
        what: format!("{what} {}", id.unwrap_or_default()),
        passing: cx.scope.owns(&tags_of(tags)),
    };
    // The main one is deleted with the VPC.
    let is_main = |t: &&aws_sdk_ec2::types::RouteTable| t.associations().iter().any(|a| a.main() == Some(true));
    let tables: Vec<Blocker> =
        tables.iter().filter(|t| !is_main(t)).map(|t| of("route table", t.route_table_id(), t.tags())).collect();
    let endpoints = endpoints.iter().map(|e| {
        let mut blocker = of("VPC endpoint", e.vpc_endpoint_id(), e.tags());
        blocker.passing |= e.state().is_some_and(|state| state.as_str().eq_ignore_ascii_case("deleting"));
        blocker
    });
    let gateways = gateways.iter().map(|g| of("internet gateway", g.internet_gateway_id(), g.tags()));
    let more: Vec<Blocker> = tables.into_iter().chain(endpoints).chain(gateways).collect();
    let subnets = subnets.iter().map(|s| Blocker {
        what: format!("subnet {}", s.subnet_id().unwrap_or_default()),
        passing: cx.scope.owns(&tags_of(s.tags())),
    });
    let groups = groups
        .iter()
        .filter(|g| g.group_name() != Some("default"))
        .map(|g| Blocker { what: format!("security group {}", named(g)), passing: cx.scope.owns(&tags_of(g.tags())) });
    Ok(subnets.chain(groups).chain(more).collect())
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{RouteTable, RouteTableAssociation};

    use super::*;

    #[test]
    fn what_goes_by_a_route_table_is_named() {
        let of = RouteTableAssociation::builder;
        let table = RouteTable::builder().associations(of().subnet_id("subnet-1").build());
        let table = table.associations(of().gateway_id("igw-1").build()).associations(of().main(true).build());
        let told: Vec<(String, bool)> = going_by(&table.build()).into_iter().map(|b| (b.what, b.passing)).collect();
        let expected =
            [("subnet subnet-1", true), ("the gateway igw-1", false), ("the VPC, whose main route table it is", false)];
        assert_eq!(told, expected.map(|(what, passing)| (what.to_owned(), passing)));
    }
}
