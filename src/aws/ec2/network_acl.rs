//! The default network ACL of a VPC: the rules for all its subnets, unless one is associated with another ACL.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_ec2::types::{self as sdk, PortRange, RuleAction};

use super::{filter, in_our_vpcs};
use crate::aws::Cx;
use crate::aws::call::answers::or_gone;
use crate::aws::call::error::incomplete;
use crate::aws::ec2::errors::failed;
use crate::engine::{Class, Diff, Error, Result};

/// The rule that every ACL ends with and that cannot be changed.
const LAST: i32 = 32_767;
/// The rule that AWS adds to the ACL of a VPC that gets IPv6 addresses
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/default-network-acl.html>).
const IPV6: (i32, &str) = (101, "allow all ::/0");

/// Returns the rules that AWS puts into the ACL of a new VPC: all traffic is allowed.
pub(super) fn open() -> BTreeMap<String, String> {
    ["ingress 100", "egress 100"].map(|number| (number.to_owned(), "allow all 0.0.0.0/0".to_owned())).into()
}

/// Returns the ACLs of the stack's VPCs.
pub(super) async fn network_acls(cx: &Cx) -> Result<Arc<Vec<sdk::NetworkAcl>>> {
    cx.reads
        .once("ec2.network_acls", async {
            let Some(filter) = in_our_vpcs(cx, "vpc-id").await? else { return Ok(Vec::new()) };
            let pages = cx.cloud.ec2.describe_network_acls().filters(filter).into_paginator().items().send();
            pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeNetworkAcls"))
        })
        .await
}

fn words(entry: &sdk::NetworkAclEntry) -> String {
    let action = entry.rule_action().map_or("", |a| a.as_str());
    let protocol = match entry.protocol().unwrap_or("-1") {
        "-1" => "all",
        "6" => "tcp",
        "17" => "udp",
        other => other,
    };
    let from = entry.cidr_block().or(entry.ipv6_cidr_block()).unwrap_or_default();
    let ports = entry.port_range().and_then(|ports| Some((ports.from()?, ports.to()?)));
    let icmp = entry.icmp_type_code().and_then(|icmp| Some((icmp.r#type()?, icmp.code()?)));
    let rest = match (ports, icmp) {
        (Some((low, high)), _) => format!(" {low}-{high}"),
        (_, Some((kind, code))) => format!(" type {kind} code {code}"),
        _ => String::new(),
    };
    format!("{action} {protocol} {from}{rest}")
}

/// Returns the rules of an ACL, by direction and number.
pub(super) fn rules(list: &sdk::NetworkAcl) -> BTreeMap<String, String> {
    let entries = list.entries().iter().filter_map(|entry| {
        let number = entry.rule_number().filter(|number| *number < LAST)?;
        let words = words(entry);
        let direction = if entry.egress() == Some(true) { "egress" } else { "ingress" };
        ((number, words.as_str()) != IPV6).then(|| (format!("{direction} {number}"), words))
    });
    entries.collect()
}

/// A rule as [`words`] writes it, without ICMP.
struct Entry<'a> {
    number: i32,
    egress: bool,
    action: RuleAction,
    protocol: &'a str,
    from: &'a str,
    ports: Option<PortRange>,
}

fn place(key: &str) -> Option<(bool, i32)> {
    let (direction, number) = key.split_once(' ')?;
    Some((direction == "egress", number.parse().ok()?))
}

fn entry<'a>(key: &str, text: &'a str) -> Result<Entry<'a>> {
    let parse = || {
        let (egress, number) = place(key)?;
        let mut words = text.split(' ');
        let action = RuleAction::from(words.next()?);
        let protocol = match words.next()? {
            "all" => "-1",
            "tcp" => "6",
            "udp" => "17",
            other => other,
        };
        let from = words.next()?;
        let ports = match words.next().map(|ports| ports.split_once('-')) {
            None => None,
            Some(ports) => {
                let (low, high) = ports?;
                Some(PortRange::builder().from(low.parse().ok()?).to(high.parse().ok()?).build())
            }
        };
        Some(Entry { number, egress, action, protocol, from, ports })
    };
    parse().ok_or_else(|| {
        Error::new(Class::Invalid, format!("`{key}: {text}` is not a rule of a network ACL"))
            .hint("write it like `ingress 100: allow tcp 10.0.0.0/8 443-443`")
    })
}

/// Returns a rule as it is read back, or why it is not one: `ingress 100: Allow TCP 10.1.2.3/8 443` is `allow tcp 10.0.0.0/8
/// 443-443` (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html>).
pub fn spelled(key: &str, text: &str) -> std::result::Result<String, String> {
    let number = key.strip_prefix("ingress ").or_else(|| key.strip_prefix("egress "));
    let numbered = number.and_then(|text| Some((text, text.parse::<i32>().ok()?)));
    if !numbered.is_some_and(|(text, n)| (1..LAST).contains(&n) && n.to_string() == text) {
        return Err(format!("`{key}` is not a rule number: write `ingress` or `egress` and a number from 1 to 32766"));
    }
    let lower = text.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let (action, protocol, from, ports) = match words[..] {
        [action, protocol, from] => (action, protocol, from, None),
        [action, protocol, from, ports] => (action, protocol, from, Some(ports)),
        _ => return Err(format!("`{text}` is not a rule of a network ACL: write it like `allow tcp 10.0.0.0/8 443-443`")),
    };
    if !matches!(action, "allow" | "deny") {
        return Err(format!("a rule begins with `allow` or `deny`, not with `{action}`"));
    }
    let protocol = match protocol {
        "all" | "any" | "-1" => "all",
        "tcp" | "6" => "tcp",
        "udp" | "17" => "udp",
        "icmp" | "1" | "icmpv6" | "58" => return Err("rules for ICMP alone are not supported yet: `all` includes it".into()),
        number if number.parse::<u8>().is_ok_and(|n| n.to_string() == number) => number,
        other => return Err(format!("`{other}` is not a protocol: use `tcp`, `udp`, `all` or a number")),
    };
    let from =
        from.parse::<ipnet::IpNet>().map_err(|_| format!("`{from}` is not a network: write it like `10.0.0.0/16`"))?.trunc();
    let ports = match (protocol, ports) {
        ("tcp" | "udp", Some(ports)) => {
            let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
            match (low.parse::<u16>(), high.parse::<u16>()) {
                (Ok(low), Ok(high)) if low <= high => format!(" {low}-{high}"),
                _ => return Err(format!("`{ports}` is not a range of ports: write the first and the last, as in `1024-65535`")),
            }
        }
        ("tcp" | "udp", None) => return Err(format!("a rule for `{protocol}` needs ports: `0-65535` means all")),
        (_, Some(ports)) => return Err(format!("only rules for `tcp` and `udp` have ports, but this one has `{ports}`")),
        (_, None) => String::new(),
    };
    let rule = format!("{action} {protocol} {from}{ports}");
    if numbered.is_some_and(|(_, n)| (n, rule.as_str()) == IPV6) {
        return Err("AWS adds this rule itself to the ACL of every VPC with IPv6: leave it out".into());
    }
    Ok(rule)
}

/// Changes the ACL of the VPC as far as the difference says.
pub(super) async fn write(cx: &Cx, vpc: &str, desired: &BTreeMap<String, String>, diff: &Diff) -> Result<()> {
    const OP: &str = "ec2:DescribeNetworkAcls";
    let call = cx.cloud.ec2.describe_network_acls().filters(filter("vpc-id", [vpc])).filters(filter("default", ["true"]));
    let answer = call.send().await.map_err(failed(OP))?;
    let list = answer.network_acls().first().ok_or_else(|| incomplete(OP, "the VPC's default network ACL"))?;
    let id = list.network_acl_id().unwrap_or_default();
    let there = rules(list);
    for (key, text) in crate::aws::call::arguments::written(diff, "network_acl", desired) {
        let Entry { number, egress, action, protocol, from, ports } = entry(&key, &text)?;
        let (v4, v6) = if from.contains(':') { (None, Some(from.to_owned())) } else { (Some(from.to_owned()), None) };
        if there.contains_key(&key) {
            let call = cx.cloud.ec2.replace_network_acl_entry().network_acl_id(id).rule_number(number).egress(egress);
            let call = call.rule_action(action).protocol(protocol).set_port_range(ports);
            let call = call.set_cidr_block(v4).set_ipv6_cidr_block(v6);
            call.send().await.map_err(failed("ec2:ReplaceNetworkAclEntry"))?;
        } else {
            let call = cx.cloud.ec2.create_network_acl_entry().network_acl_id(id).rule_number(number).egress(egress);
            let call = call.rule_action(action).protocol(protocol).set_port_range(ports);
            let call = call.set_cidr_block(v4).set_ipv6_cidr_block(v6);
            call.send().await.map_err(failed("ec2:CreateNetworkAclEntry"))?;
        }
    }
    let whole = diff.changes.iter().any(|change| change.path == "network_acl");
    let extra = there.keys().filter(|key| whole && !desired.contains_key(*key)).cloned();
    for key in diff.removed_keys("network_acl").into_iter().chain(extra) {
        let Some((egress, number)) = place(&key) else { continue };
        let call = cx.cloud.ec2.delete_network_acl_entry().network_acl_id(id).rule_number(number).egress(egress);
        or_gone(call.send().await.map_err(failed("ec2:DeleteNetworkAclEntry")))?;
    }
    Ok(())
}

/// Returns the subnets that are associated with another ACL, in words.
pub(super) fn elsewhere(lists: &[sdk::NetworkAcl], vpc: &str) -> Option<String> {
    let others = lists.iter().filter(|list| list.vpc_id() == Some(vpc) && list.is_default() != Some(true));
    let told: Vec<String> = others
        .flat_map(|list| {
            let id = list.network_acl_id().unwrap_or_default();
            list.associations().iter().filter_map(move |a| Some(format!("{} uses {id}", a.subnet_id()?)))
        })
        .collect();
    (!told.is_empty()).then(|| format!("subnets use a network ACL that is not this stack's: {}", told.join(", ")))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::NetworkAclEntry;

    use super::*;

    fn built(number: i32, egress: bool) -> aws_sdk_ec2::types::builders::NetworkAclEntryBuilder {
        NetworkAclEntry::builder().rule_number(number).egress(egress).rule_action(RuleAction::Allow)
    }

    #[test]
    fn a_new_list_is_as_aws_makes_it_with_ipv6_too() {
        let all = |number, egress| built(number, egress).protocol("-1").cidr_block("0.0.0.0/0").build();
        let v6 = |egress| built(101, egress).protocol("-1").ipv6_cidr_block("::/0").build();
        let last = NetworkAclEntry::builder().rule_number(LAST).egress(false).rule_action(RuleAction::Deny).build();
        let list = sdk::NetworkAcl::builder().entries(all(100, false)).entries(all(100, true)).entries(last);
        assert_eq!(rules(&list.entries(v6(false)).entries(v6(true)).build()), open());
    }

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        let tcp = built(7, false).protocol("6").cidr_block("10.0.0.0/8").port_range(PortRange::builder().from(22).to(23).build());
        let read = rules(&sdk::NetworkAcl::builder().entries(tcp.build()).build());
        assert_eq!(read["ingress 7"], "allow tcp 10.0.0.0/8 22-23");
        let back = entry("ingress 7", &read["ingress 7"]).unwrap();
        assert_eq!((back.number, back.egress, back.protocol, back.from), (7, false, "6", "10.0.0.0/8"));
        assert_eq!(back.ports, Some(PortRange::builder().from(22).to(23).build()));
        for wrong in ["allow", "allow tcp 10.0.0.0/8 22", "allow tcp 10.0.0.0/8 a-b"] {
            assert!(entry("ingress 7", wrong).is_err(), "{wrong}");
        }
        assert!(entry("ingress", "allow all 0.0.0.0/0").is_err());
    }
}
