//! `network`: a VPC with public, application and data subnets in every zone.
//!
//! The addresses: the first half of the VPC is for applications, the third quarter is public, the fourth is for data;
//! each is cut into eight, one for each zone that a region can have. So adding or removing a zone moves no other.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde_json::json;

use super::facts::{Facts, Problem};
use super::keys::Keys;
use super::policies;
use crate::aws::Tags;
use crate::aws::ec2::{
    Address, DefaultSecurityGroup, FlowLog, InternetGateway, NatGateway, Route, RouteTable, RouteTableAssociation, Subnet, Vpc,
    VpcEndpoint,
};
use crate::aws::iam::Role;
use crate::aws::logs::LogGroup;
use crate::config::Stack;
use crate::config::existing::ExistingNetwork;
use crate::config::types::{FlowLogs, Nat, Network as Section, Zones};
use crate::engine::{AnyRef, Error, Graph, Ref, Scope};

const ORIGIN: &str = "network";
const ANYWHERE: &str = "0.0.0.0/0";

/// What the other sections need of the network.
pub struct Network {
    /// The VPC.
    pub vpc: Ref<Vpc>,
    /// For what faces the internet.
    pub public: Vec<Ref<Subnet>>,
    /// For containers.
    pub app: Vec<Ref<Subnet>>,
    /// For databases and caches: nothing in them reaches the internet.
    pub data: Vec<Ref<Subnet>>,
    /// The VPC's addresses.
    pub cidr: String,
    /// What has a public address comes after this. None in a network that someone else owns.
    pub gateway: Option<Ref<InternetGateway>>,
    /// What reaches the internet from a public subnet comes after these.
    pub internet: Vec<AnyRef>,
    /// What reaches the internet from a private subnet comes after these.
    pub egress: Vec<AnyRef>,
}

/// One zone of the network: its letter, its full name, and its place among the zones of the region.
struct Zone {
    letter: String,
    name: String,
    at: usize,
}

pub fn expand(graph: &mut Graph, stack: &Stack, keys: &Keys, facts: &Facts<'_>) -> Result<Result<Network, Problem>, Error> {
    let section = &stack.network;
    let zones = match zones(section, facts) {
        Ok(zones) => zones,
        Err(problem) => return Ok(Err(problem)),
    };
    let cidr = section.cidr.0;
    let mut vpc = Vpc::new(cidr.to_string());
    if section.block_admin_ports {
        vpc.network_acl.extend(without_admin_ports(&cidr.to_string()));
    }
    let vpc = graph.add("main", ORIGIN, &vpc)?;
    graph.add("main", ORIGIN, &DefaultSecurityGroup { vpc: vpc.clone(), rules: Vec::new() })?;
    let gateway = graph.add("main", ORIGIN, &InternetGateway { vpc: Some(vpc.clone()), tags: Tags::new() })?;

    let table = |graph: &mut Graph, name: &str| graph.add(name, ORIGIN, &RouteTable { vpc: vpc.clone(), tags: Tags::new() });
    let public_table = table(graph, "public")?;
    let data_table = table(graph, "data")?;
    let to_internet =
        Route { table: public_table.clone(), destination: ANYWHERE.into(), gateway: Some(gateway.clone()), nat: None };
    let internet = graph.add("public-internet", ORIGIN, &to_internet)?;

    let mut network = Network {
        vpc: vpc.clone(),
        cidr: cidr.to_string(),
        public: Vec::new(),
        app: Vec::new(),
        data: Vec::new(),
        gateway: Some(gateway.clone()),
        internet: vec![internet.into()],
        egress: Vec::new(),
    };
    let mut tables = vec![public_table.clone(), data_table.clone()];
    let mut nats: Vec<Ref<NatGateway>> = Vec::new();
    for zone in &zones {
        let Zone { letter, name, at } = zone;
        let subnet = |graph: &mut Graph, tier: &str, cidr: Option<Ipv4Net>, table: &Ref<RouteTable>| {
            let cidr = cidr.ok_or_else(|| Error::internal(format!("`{}` is too small for zone {at}", section.cidr)))?;
            let subnet =
                Subnet { vpc: vpc.clone(), zone: name.clone(), cidr: cidr.to_string(), map_public_ip: false, tags: Tags::new() };
            let subnet = graph.add(format!("{tier}-{letter}"), ORIGIN, &subnet)?;
            let association = RouteTableAssociation { table: table.clone(), subnet: subnet.clone() };
            graph.add(format!("{tier}-{letter}"), ORIGIN, &association)?;
            Ok::<_, Error>(subnet)
        };
        let app_table = table(graph, &format!("app-{letter}"))?;
        let public = subnet(graph, "public", block(cidr, 5, 16 + at), &public_table)?;
        network.app.push(subnet(graph, "app", block(cidr, 4, *at), &app_table)?);
        network.data.push(subnet(graph, "data", block(cidr, 5, 24 + at), &data_table)?);
        network.public.push(public.clone());

        let wanted = match section.nat {
            Nat::PerZone => true,
            Nat::Single => nats.is_empty(),
            Nat::None => false,
        };
        if wanted {
            let address = graph.add(format!("nat-{letter}"), ORIGIN, &Address { tags: Tags::new() })?;
            let after = vec![gateway.clone().into()];
            nats.push(graph.add(letter.clone(), ORIGIN, &NatGateway { subnet: public, address, after, tags: Tags::new() })?);
        }
        if let Some(nat) = nats.last() {
            let route =
                Route { table: app_table.clone(), destination: ANYWHERE.into(), gateway: None, nat: Some(nat.clone().ready()) };
            network.egress.push(graph.add(format!("app-{letter}-internet"), ORIGIN, &route)?.into());
        }
        tables.push(app_table);
    }
    network.egress.extend(nats.into_iter().map(|nat| nat.ready().into()));

    let service = format!("com.amazonaws.{}.s3", facts.scope.region);
    graph.add("s3", ORIGIN, &VpcEndpoint::gateway(vpc.clone(), service, tables))?;
    flow_logs(graph, stack, keys, vpc, facts.scope)?;
    Ok(Ok(network))
}

/// Returns the rules of the network ACL that come before those that allow everything: the network itself may use every port, and
/// nobody else SSH and Remote Desktop. ACLs know no connections: what answers a connection from port 3389 is refused, too. Load balancers
/// and NAT gateways open theirs from ports 1024 to 65535
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/nacl-ephemeral-ports.html>); the load balancer's are answered from inside.
fn without_admin_ports(cidr: &str) -> [(String, String); 3] {
    [("ingress 10", format!("allow all {cidr}")), ("ingress 20", refused(22)), ("ingress 21", refused(3389))]
        .map(|(number, rule)| (number.to_owned(), rule))
}

fn refused(port: u16) -> String {
    format!("deny tcp {ANYWHERE} {port}-{port}")
}

/// Adds the flow log of the network, with its log group and the role that writes to it and to nothing else.
fn flow_logs(graph: &mut Graph, stack: &Stack, keys: &Keys, vpc: Ref<Vpc>, scope: &Scope) -> Result<(), Error> {
    const NAME: &str = "flow-logs";
    const AT: &str = "network.flow_logs";
    let traffic = match stack.network.flow_logs {
        FlowLogs::Off => return Ok(()),
        FlowLogs::Reject => "REJECT",
        FlowLogs::All => "ALL",
    };
    let group = LogGroup {
        region: None,
        name: format!("/stack/{}/{}/network/flow", scope.stack, scope.env),
        retention_days: Some(stack.logs.retention.days().map_or(0, i32::from)),
        kms_key: Some(keys.arn(None).unwrap_or_default()),
        tags: Tags::new(),
    };
    let group = graph.add(NAME, AT, &group)?;
    // <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html>; it may not create a log group that was deleted.
    let log = format!("arn:{}:ec2:{}:{}:vpc-flow-log/*", scope.partition, scope.region, scope.account);
    let trust = policies::policy(vec![json!({
        "Effect": "Allow",
        "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": scope.account}, "ArnLike": {"aws:SourceArn": log}},
    })]);
    let write = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"];
    let write = policies::policy(vec![policies::allow(&write, vec![format!("{}:*", group.clone().attr("arn"))])]);
    let role = Role {
        trust,
        policies: BTreeMap::from([("logs".to_owned(), write)]),
        managed: Vec::new(),
        description: None,
        boundary: None,
        tags: Tags::new(),
    };
    let role = graph.add(NAME, AT, &role)?.attr("arn");
    let log = FlowLog { vpc, traffic: traffic.into(), log_group: group, role, interval: 600, tags: Tags::new() };
    graph.add("main", AT, &log)?;
    Ok(())
}

/// Returns a network that someone else owns: nothing in it is created or changed.
pub fn existing(section: &ExistingNetwork, facts: &Facts<'_>) -> Network {
    let subnets = |ids: &[String]| ids.iter().map(Ref::physical).collect::<Vec<_>>();
    Network {
        vpc: Ref::physical(&section.vpc),
        public: subnets(&section.public),
        app: subnets(&section.app),
        data: subnets(if section.data.is_empty() { &section.app } else { &section.data }),
        cidr: facts.existing.vpc.as_ref().map(|vpc| vpc.cidr.clone()).unwrap_or_default(),
        gateway: None,
        internet: Vec::new(),
        egress: Vec::new(),
    }
}

/// Returns the `n`th of the blocks that are `by` bits smaller than the VPC.
fn block(cidr: Ipv4Net, by: u8, n: usize) -> Option<Ipv4Net> {
    cidr.subnets(cidr.prefix_len() + by).ok()?.nth(n)
}

fn zones(section: &Section, facts: &Facts<'_>) -> Result<Vec<Zone>, Problem> {
    let known = &facts.zones[..facts.zones.len().min(8)];
    let region = &facts.scope.region;
    let no_such = |message: String| Problem {
        at: "network.zones".into(),
        code: "no-such-zone",
        message,
        help: format!("zones of this account in `{region}`: {}", facts.zones.join(", ")),
    };
    let wanted: Vec<&String> = match &section.zones {
        Zones::Count(n) if usize::from(*n) <= known.len() => known.iter().take(usize::from(*n)).collect(),
        Zones::Count(n) => return Err(no_such(format!("{n} requested, {} available", known.len()))),
        Zones::Names(names) => names.iter().collect(),
    };
    wanted
        .into_iter()
        .map(|name| {
            let at = known.iter().position(|z| z == name).ok_or_else(|| no_such(format!("zone `{name}` does not exist")))?;
            let letter = super::facts::slug(name.strip_prefix(region.as_str()).unwrap_or(name));
            Ok(Zone { letter, name: name.clone(), at })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tiers_never_overlap() {
        let cidr: Ipv4Net = "10.0.0.0/16".parse().unwrap();
        let all: Vec<Ipv4Net> = (0..8)
            .flat_map(|i| [block(cidr, 4, i), block(cidr, 5, 16 + i), block(cidr, 5, 24 + i)])
            .map(Option::unwrap)
            .collect();
        for (i, a) in all.iter().enumerate() {
            assert!(cidr.contains(a));
            assert!(all.iter().skip(i + 1).all(|b| !a.contains(b) && !b.contains(a)), "{a}");
        }
        assert_eq!(block(cidr, 4, 0).unwrap().to_string(), "10.0.0.0/20");
        assert_eq!(block(cidr, 5, 16).unwrap().to_string(), "10.0.128.0/21");
        assert_eq!(block(cidr, 5, 24).unwrap().to_string(), "10.0.192.0/21");
    }

    #[test]
    fn the_network_itself_comes_before_what_is_refused() {
        let mut rules = Vpc::new("10.0.0.0/16".into()).network_acl;
        rules.extend(without_admin_ports("10.0.0.0/16"));
        let mut ingress: Vec<(u32, &str)> =
            rules.iter().filter_map(|(key, rule)| Some((key.strip_prefix("ingress ")?.parse().ok()?, rule.as_str()))).collect();
        ingress.sort_unstable();
        let ingress: Vec<&str> = ingress.into_iter().map(|(_, rule)| rule).collect();
        assert_eq!(
            ingress,
            ["allow all 10.0.0.0/16", "deny tcp 0.0.0.0/0 22-22", "deny tcp 0.0.0.0/0 3389-3389", "allow all 0.0.0.0/0"]
        );
    }
}
