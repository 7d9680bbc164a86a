//! The controls of networks: <https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html>.

use super::{DefaultSecurityGroup, Direction, SecurityGroupRule, Subnet, Vpc, VpcEndpoint};
use crate::aws::control::Severity::{Critical, High, Low, Medium};
use crate::aws::control::{Breach, Control, View};
use crate::engine::Result;

/// Everybody, in either kind of address.
const ANYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];
/// What may be open to everyone, by AWS's default for the control.
const WEB: [i32; 2] = [80, 443];
/// Ports that attackers look for: AWS lists them with the control.
const HIGH_RISK: &[i32] = &[
    20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5500, 5601, 8080, 8088, 8888, 9200,
    9300,
];
const SSH: i32 = 22;
const RDP: i32 = 3389;

const ENDPOINT: &str = "without it, calls to this service leave the network through the internet";
const PRIVATE: &str =
    "add an interface endpoint for it; the kinds have only gateway endpoints, so it is one of `existing` or an exception";

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "EC2.2",
        High,
        (
            "The default security group of a VPC has no rules",
            "what is created without a group gets this one, and can then connect to everything in it",
            "add an `ec2.default_security_group` for the VPC: it empties the group",
        ),
        default_group,
    ),
    Control::new(
        "EC2.6",
        Medium,
        (
            "A VPC has flow logs",
            "without logs, it cannot be reconstructed who connected to what",
            "turn flow logs on for the VPC",
        ),
        flow_logs,
    ),
    Control::new(
        "EC2.10",
        Medium,
        ("A VPC has an interface endpoint for EC2", ENDPOINT, PRIVATE),
        |view| endpoint(view, ".ec2"),
    )
    .extra(),
    Control::new(
        "EC2.12",
        Low,
        (
            "Elastic IP addresses are in use",
            "an unused address costs money, and can be forgotten in a list of allowed addresses",
            "remove the address, or give it to a NAT gateway",
        ),
        unused_address,
    )
    .other(),
    Control::new(
        "EC2.13",
        High,
        (
            "No security group is open to everyone at port 22",
            "SSH that is open to the internet is attacked constantly",
            "allow only the networks that need it, or use `stack run` and ECS Exec",
        ),
        |view| open(view, |rule| covers(rule, SSH)),
    )
    .other(),
    Control::new(
        "EC2.14",
        High,
        (
            "No security group is open to everyone at port 3389",
            "remote desktops that are open to the internet are attacked constantly",
            "allow only the networks that need it",
        ),
        |view| open(view, |rule| covers(rule, RDP)),
    )
    .other(),
    Control::new(
        "EC2.15",
        Medium,
        (
            "Subnets do not assign public addresses by themselves",
            "what is started there is on the internet without anyone having decided so",
            "set `map_public_ip: false`",
        ),
        public_subnet,
    ),
    Control::new(
        "EC2.18",
        High,
        (
            "Security groups are open to everyone at ports 80 and 443 only",
            "every other open port is unmonitored attack surface",
            "allow only the networks or groups that need it",
        ),
        // No port of UDP is among them.
        |view| {
            let is_web = |rule: &SecurityGroupRule| WEB.iter().any(|port| (rule.from_port, rule.to_port) == (*port, *port));
            let is_udp = |rule: &SecurityGroupRule| matches!(rule.protocol.as_str(), "udp" | "17");
            open(view, |rule| is_udp(rule) || is_tcp(rule) && !is_web(rule))
        },
    ),
    Control::new(
        "EC2.19",
        Critical,
        (
            "No security group is open to everyone at ports of high risk",
            "databases, consoles and remote shells at these ports are found within minutes",
            "allow only the networks or groups that need it",
        ),
        |view| open(view, |rule| HIGH_RISK.iter().any(|port| covers(rule, *port))),
    ),
    // "The control doesn't generate findings for default network ACLs", and a VPC of this project has only that.
    Control::new(
        "EC2.21",
        Medium,
        (
            "Network ACLs do not let everyone in at ports 22 and 3389",
            "an ACL is for all of a subnet, also for what is started there later",
            "add a rule to the ACL of the VPC that denies both ports, before the one that allows all; AWS itself excepts default ACLs",
        ),
        network_acl,
    )
    .extra(),
    Control::new(
        "EC2.55",
        Medium,
        ("A VPC has an interface endpoint for the API of ECR", ENDPOINT, PRIVATE),
        |view| endpoint(view, ".ecr.api"),
    )
    .extra(),
    Control::new(
        "EC2.56",
        Medium,
        ("A VPC has an interface endpoint for the registry of ECR", ENDPOINT, PRIVATE),
        |view| endpoint(view, ".ecr.dkr"),
    )
    .extra(),
    Control::new(
        "EC2.57",
        Medium,
        ("A VPC has an interface endpoint for Systems Manager", ENDPOINT, PRIVATE),
        |view| endpoint(view, ".ssm"),
    )
    .extra(),
    Control::new(
        "EC2.58",
        Medium,
        ("A VPC has an interface endpoint for Incident Manager's contacts", ENDPOINT, PRIVATE),
        |view| endpoint(view, ".ssm-contacts"),
    )
    .extra(),
    Control::new(
        "EC2.60",
        Medium,
        ("A VPC has an interface endpoint for Incident Manager", ENDPOINT, PRIVATE),
        |view| endpoint(view, ".ssm-incidents"),
    )
    .extra(),
];

fn default_group(view: &View) -> Result<Vec<Breach>> {
    let emptied = view.all::<DefaultSecurityGroup>()?;
    let mut out: Vec<Breach> = emptied
        .iter()
        .filter(|(_, group)| !group.rules.is_empty())
        .map(|(key, group)| Breach::new(key, format!("it has {}", count(group.rules.len(), "rule"))))
        .collect();
    let kept: Vec<_> = emptied.iter().filter_map(|(_, group)| view.target(&group.vpc)).collect();
    let others = view.all::<Vpc>()?.into_iter().filter(|(key, _)| !kept.contains(key));
    out.extend(others.map(|(key, _)| Breach::new(key, "its default security group has AWS's rules")));
    Ok(out)
}

fn flow_logs(view: &View) -> Result<Vec<Breach>> {
    // What is refused must be among it.
    let logged = |key: &_| view.raw("ec2.flow_log").any(|log| log.fields["traffic"] != "ACCEPT" && view.refers(log, key));
    let all = view.all::<Vpc>()?.into_iter().filter(|(key, _)| !logged(key));
    Ok(all.map(|(key, _)| Breach::new(key, "it has no flow log")).collect())
}

fn endpoint(view: &View, service: &str) -> Result<Vec<Breach>> {
    let endpoints = view.all::<VpcEndpoint>()?;
    let has = |vpc: &_| endpoints.iter().any(|(_, e)| e.service.ends_with(service) && view.target(&e.vpc).as_ref() == Some(vpc));
    let all = view.all::<Vpc>()?.into_iter().filter(|(key, _)| !has(key));
    Ok(all.map(|(key, _)| Breach::new(key, format!("it has no endpoint for `{}`", &service[1..]))).collect())
}

fn unused_address(view: &View) -> Result<Vec<Breach>> {
    let used = |key: &_| view.objects().iter().any(|object| view.refers(object, key));
    let unused = view.raw("ec2.address").filter(|address| !used(&address.key));
    Ok(unused.map(|address| Breach::new(&address.key, "nothing uses it")).collect())
}

fn public_subnet(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Subnet>()?.into_iter().filter(|(_, subnet)| subnet.map_public_ip);
    Ok(all.map(|(key, _)| Breach::new(key, "`map_public_ip` is `true`").fix(&["map_public_ip"], false)).collect())
}

fn is_tcp(rule: &SecurityGroupRule) -> bool {
    matches!(rule.protocol.as_str(), "tcp" | "6" | "-1" | "all")
}

/// Checks whether a rule lets TCP through to a port.
fn covers(rule: &SecurityGroupRule, port: i32) -> bool {
    let all = matches!(rule.protocol.as_str(), "-1" | "all");
    is_tcp(rule) && (all || (rule.from_port..=rule.to_port).contains(&port))
}

/// Returns the rules that let everybody in, and of which `wrong` is true.
fn open(view: &View, wrong: impl Fn(&SecurityGroupRule) -> bool) -> Result<Vec<Breach>> {
    let from_anywhere = |rule: &SecurityGroupRule| {
        rule.direction == Direction::Ingress && rule.cidr.as_deref().is_some_and(|cidr| ANYWHERE.contains(&cidr))
    };
    let all = view.all::<SecurityGroupRule>()?.into_iter().filter(|(_, rule)| from_anywhere(rule) && wrong(rule));
    Ok(all
        .map(|(key, rule)| {
            let ports = match (rule.protocol.as_str(), rule.from_port, rule.to_port) {
                ("-1" | "all", ..) => "everything".to_owned(),
                (_, from, to) if from == to => format!("port {from}"),
                (_, from, to) => format!("ports {from} to {to}"),
            };
            Breach::new(key, format!("`{}` reaches {ports}", rule.cidr.unwrap_or_default()))
        })
        .collect())
}

/// Checks what a list of rules does with everybody's packets to a port: the first rule that matches decides.
fn lets_in(vpc: &Vpc, port: i32) -> bool {
    let number = |key: &str| key.strip_prefix("ingress ").and_then(|number| number.parse::<u32>().ok());
    let mut rules: Vec<(u32, &str)> =
        vpc.network_acl.iter().filter_map(|(key, rule)| Some((number(key)?, rule.as_str()))).collect();
    rules.sort_unstable();
    let matches = |rule: &str| {
        let words: Vec<&str> = rule.split(' ').collect();
        let ports = words.get(3).and_then(|ports| ports.split_once('-'));
        let within = ports.is_none_or(|(low, high)| {
            low.parse::<i32>().is_ok_and(|low| low <= port) && high.parse::<i32>().is_ok_and(|high| port <= high)
        });
        matches!(words.get(1), Some(&("tcp" | "all"))) && words.get(2).is_some_and(|cidr| ANYWHERE.contains(cidr)) && within
    };
    rules.iter().find(|(_, rule)| matches(rule)).is_some_and(|(_, rule)| rule.starts_with("allow"))
}

fn network_acl(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Vpc>()?.into_iter().filter(|(_, vpc)| lets_in(vpc, SSH) || lets_in(vpc, RDP));
    Ok(all.map(|(key, _)| Breach::new(key, "its ACL lets everyone in at port 22 or 3389")).collect())
}

fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_rule_of_an_acl_decides() {
        let vpc = |rules: serde_json::Value| -> Vpc {
            serde_json::from_value(json!({"cidr": "10.0.0.0/16", "network_acl": rules})).unwrap()
        };
        let open = json!({"ingress 100": "allow all 0.0.0.0/0"});
        assert!(lets_in(&vpc(open), SSH));
        let closed = json!({"ingress 100": "allow all 0.0.0.0/0", "ingress 90": "deny tcp 0.0.0.0/0 22-22"});
        assert!(!lets_in(&vpc(closed.clone()), SSH) && lets_in(&vpc(closed), RDP));
        assert!(!lets_in(&vpc(json!({"egress 100": "allow all 0.0.0.0/0"})), SSH));
    }
}
