//! `firewall`: a web ACL before the distribution, the load balancer or both, with its IP sets and its log.

use super::facts::Facts;
use super::keys::Keys;
use super::load_balancer::Balancer;
use crate::aws::Tags;
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::cloudfront::Distribution;
use crate::aws::logs::{LogGroup, waf_prefix};
use crate::aws::wafv2::{Association, CLOUDFRONT, IpSet, Logs, ManagedGroup, REGIONAL, Rate, Rule, WebAcl};
use crate::config::Stack;
use crate::config::firewall::{AnyCidr, Before, Country, Firewall, Group, Kept, Mode};
use crate::engine::{Error, Graph, Ref};

const ORIGIN: &str = "firewall";
/// The order of the rules. Addresses that always pass come first, and cheap rules before dear ones. The numbers stay when a rule comes
/// or goes.
const ALLOW: i32 = 0;
const DENY: i32 = 1;
const COUNTRIES: i32 = 2;
const RATE: i32 = 3;
const GROUPS: i32 = 10;
/// What a log keeps of requests that a rule matched.
const MATCHED: [&str; 3] = ["BLOCK", "COUNT", "EXCLUDED_AS_COUNT"];
/// The headers that prove who someone is.
const REDACTED: [&str; 2] = ["authorization", "cookie"];

/// Adds a web ACL for everything that the firewall stands before.
pub fn expand(
    graph: &mut Graph,
    stack: &Stack,
    balancer: Option<&Balancer>,
    distribution: Option<&Ref<Distribution>>,
    keys: &Keys,
    facts: &Facts<'_>,
) -> Result<(), Error> {
    // Behind another environment's load balancer it is that environment's.
    let Some(firewall) = stack.firewall.as_ref().filter(|_| stack.share.load_balancer.is_none()) else { return Ok(()) };
    for before in firewall.stands_before(stack.cdn.is_some()) {
        let (name, scope, resource) = match before {
            Before::Cdn => {
                let Some(distribution) = distribution else { continue };
                (CDN, CLOUDFRONT, distribution.clone().attr("arn").to_string())
            }
            Before::LoadBalancer => {
                let Some(balancer) = balancer else { continue };
                (BALANCER, REGIONAL, balancer.balancer.clone().attr("arn").ready().to_string())
            }
        };
        let wall = Wall { firewall, name, scope };
        let rules = wall.rules(graph)?;
        let logs = wall.logs(graph, keys, facts)?;
        let web_acl =
            WebAcl { scope: scope.into(), default_action: "allow".into(), rules, logs, metrics: true, tags: Tags::new() };
        let web_acl = graph.add(name, ORIGIN, &web_acl)?;
        graph.add(name, ORIGIN, &Association { web_acl, resource })?;
    }
    Ok(())
}

/// What the web ACLs are called in the stack.
const CDN: &str = "cdn";
const BALANCER: &str = "load-balancer";

/// A web ACL that is added.
struct Wall<'a> {
    firewall: &'a Firewall,
    name: &'static str,
    scope: &'static str,
}

impl Wall<'_> {
    /// Returns its rules, with the IP sets that they need.
    fn rules(&self, graph: &mut Graph) -> Result<Vec<Rule>, Error> {
        let firewall = self.firewall;
        let block = if firewall.mode == Mode::Block { "block" } else { "count" };
        let mut rules = Vec::new();
        if !firewall.allow.is_empty() {
            // In the mode `count` too: what always passes would otherwise be counted as blocked.
            rules.push(Rule { ip_sets: self.sets(graph, "allow", &firewall.allow)?, ..rule("allow", ALLOW, "allow") });
        }
        if !firewall.deny.is_empty() {
            rules.push(Rule { ip_sets: self.sets(graph, "deny", &firewall.deny)?, ..rule("deny", DENY, block) });
        }
        if let Some(countries) = &firewall.countries {
            let codes = |codes: &[Country]| codes.iter().map(ToString::to_string).collect();
            let (countries, outside) = (codes(&countries.deny), codes(&countries.allow));
            rules.push(Rule { countries, outside, ..rule("countries", COUNTRIES, block) });
        }
        if let Some(limit) = firewall.rate_limit {
            let rate = Rate { limit: i64::from(limit), window: 300 };
            rules.push(Rule { rate: Some(rate), ..rule("rate-limit", RATE, block) });
        }
        for (priority, group) in (GROUPS..).zip(Group::ALL).filter(|(_, group)| firewall.managed.contains(group)) {
            let managed =
                ManagedGroup { vendor: "AWS".into(), name: group.aws().into(), version: None, count: firewall.counted(*group) };
            let action = if firewall.mode == Mode::Block { "group" } else { "count" };
            let name = group.to_string().replace('_', "-");
            rules.push(Rule { managed: Some(managed), ..rule(&name, priority, action) });
        }
        Ok(rules)
    }

    /// Adds an IP set for each sort of addresses, and returns their ARNs.
    fn sets(&self, graph: &mut Graph, list: &str, nets: &[AnyCidr]) -> Result<Vec<String>, Error> {
        let mut arns = Vec::new();
        for (version, is_of) in [("IPV4", true), ("IPV6", false)] {
            let mut addresses: Vec<String> =
                nets.iter().filter(|net| net.0.addr().is_ipv4() == is_of).map(ToString::to_string).collect();
            addresses.sort();
            addresses.dedup();
            if !addresses.is_empty() {
                let set = IpSet { scope: self.scope.into(), version: version.into(), addresses, tags: Tags::new() };
                let name = format!("{}-{list}-{}", self.name, version.to_ascii_lowercase());
                arns.push(graph.add(name, &format!("{ORIGIN}.{list}"), &set)?.attr("arn").to_string());
            }
        }
        Ok(arns)
    }

    /// Adds the log group, and returns how WAF writes to it.
    fn logs(&self, graph: &mut Graph, keys: &Keys, facts: &Facts<'_>) -> Result<Logs, Error> {
        let section = &self.firewall.logs;
        if section.keep == Kept::None {
            return Ok(Logs::default());
        }
        let here = facts.scope.region.as_str();
        let region = if self.scope == CLOUDFRONT { CLOUDFRONT_REGION } else { here };
        let group = LogGroup {
            name: format!("{}{}", waf_prefix(facts.scope, region), self.name),
            region: (region != here).then(|| region.to_owned()),
            retention_days: Some(section.retention.days().map_or(0, i32::from)),
            // A key encrypts only in its own region.
            kms_key: Some(keys.arn(None).filter(|_| region == here).unwrap_or_default()),
            tags: Tags::new(),
        };
        let group = graph.add(format!("{ORIGIN}-{}", self.name), ORIGIN, &group)?;
        let keep = if section.keep == Kept::Matched { &MATCHED[..] } else { &[] };
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        Ok(Logs { log_group: group.attr("arn").to_string(), keep: texts(keep), redact: texts(&REDACTED) })
    }
}

/// Returns a rule that is about nothing yet.
fn rule(name: &str, priority: i32, action: &str) -> Rule {
    Rule {
        name: name.into(),
        priority,
        action: action.into(),
        managed: None,
        ip_sets: Vec::new(),
        countries: Vec::new(),
        outside: Vec::new(),
        rate: None,
        metrics: true,
        other: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::registry;
    use crate::blueprint::tests::schema;
    use crate::config;
    use crate::engine::{Resource, Scope};

    const FILE: &str = "
stack: shop
region: eu-west-1
services: { web: { image: a, port: 80, routes: [\"/*\"] } }
";

    fn expanded(text: &str) -> Graph {
        let loaded = config::load("s.yaml", text, None, &schema()).unwrap_or_else(|report| panic!("{:#?}", report.diagnostics));
        let own = |text: &str| text.to_owned();
        let (region, account) = (loaded.stack.region.clone(), own("123456789012"));
        let scope = Scope { stack: own("shop"), env: own("default"), region, account, partition: own("aws") };
        let facts = Facts::assumed(&scope, true, &loaded.stack);
        super::super::expand(&loaded.stack, &facts, &registry()).unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    /// Returns the keys of what the firewall makes.
    fn made(more: &str) -> Vec<String> {
        let graph = expanded(&format!("{FILE}{more}"));
        graph.nodes().filter(|node| node.origin.starts_with(ORIGIN)).map(|node| node.key.to_string()).collect()
    }

    fn acl(more: &str, name: &str) -> WebAcl {
        let graph = expanded(&format!("{FILE}{more}"));
        let node = graph.nodes().find(|node| node.key.to_string() == format!("wafv2.web_acl/{name}")).unwrap();
        serde_json::from_value((*node.desired).clone()).unwrap()
    }

    fn sorted(mut keys: Vec<String>) -> Vec<String> {
        keys.sort();
        keys
    }

    #[test]
    fn it_stands_before_what_viewers_reach_first() {
        let of = |name: &str| {
            sorted(["wafv2.web_acl", "wafv2.association"].map(|kind| format!("{kind}/{name}")).into_iter().collect())
        };
        let with_log = |name: &str| sorted([of(name), vec![format!("logs.log_group/firewall-{name}")]].concat());
        assert_eq!(sorted(made("firewall: {}\n")), with_log(BALANCER));
        assert_eq!(sorted(made("firewall: {}\ncdn: {}\n")), with_log(CDN));
        assert_eq!(sorted(made("firewall: { logs: { keep: none } }\n")), of(BALANCER));
        let both = sorted([with_log(BALANCER), with_log(CDN)].concat());
        assert_eq!(sorted(made("firewall: { before: [load_balancer, cdn] }\ncdn: {}\n")), both);
    }

    #[test]
    fn production_has_one_that_counts() {
        let production = acl("production: true\n", BALANCER);
        assert!(production.rules.len() == 3 && production.rules.iter().all(|rule| rule.action == "count"), "{production:?}");
        assert_eq!(sorted(made("production: true\n")), sorted(made("firewall: {}\n")));
        assert_eq!(sorted(made("production: true\ncdn: {}\n")), sorted(made("firewall: {}\ncdn: {}\n")));
        for none in ["", "production: false\n", "production: true\nfirewall: off\n", "firewall: off\n"] {
            assert_eq!(made(none), Vec::<String>::new(), "{none}");
        }
        let worker = FILE.replace(", port: 80, routes: [\"/*\"]", "");
        assert!(expanded(&format!("{worker}production: true\n")).nodes().all(|node| !node.origin.starts_with(ORIGIN)));
        let guest = "production: true\nshare: { network: main, load_balancer: main, host: \"{env}.example.com\" }\n";
        assert_eq!(made(guest), Vec::<String>::new());
    }

    #[test]
    fn addresses_are_kept_by_their_sort() {
        let lists = "firewall: { allow: [192.0.2.0/24], deny: [198.51.100.0/24, \"2001:db8::/32\"], logs: { keep: none } }\n";
        let keys: Vec<String> = made(lists).into_iter().filter(|key| key.starts_with("wafv2.ip_set/")).collect();
        let all = ["allow-ipv4", "deny-ipv4", "deny-ipv6"].map(|list| format!("wafv2.ip_set/load-balancer-{list}"));
        assert_eq!(sorted(keys), all);
        let acl = acl(lists, BALANCER);
        let deny = acl.rules.iter().find(|rule| rule.name == "deny").unwrap();
        assert_eq!((deny.ip_sets.len(), deny.action.as_str()), (2, "count"));
        assert_eq!(acl.rules[0].action, "allow");
    }

    #[test]
    fn rules_keep_their_numbers() {
        let numbers = |more: &str| -> Vec<(String, i32)> {
            acl(more, BALANCER).rules.into_iter().map(|rule| (rule.name, rule.priority)).collect()
        };
        let usual = numbers("firewall: {}\n");
        let names: Vec<&str> = usual.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["ip-reputation", "known-bad-inputs", "common"]);
        let more = numbers(
            "firewall: { managed: [common, ip_reputation, known_bad_inputs, anonymous_ip], rate_limit: 2000, countries: { allow: [DE] } }\n",
        );
        assert!(usual.iter().all(|rule| more.contains(rule)), "{more:?}");
        let block = acl("firewall: { mode: block, countries: { allow: [DE] } }\n", BALANCER);
        assert!(block.rules.iter().all(|rule| rule.action == if rule.managed.is_some() { "group" } else { "block" }));
        assert_eq!(block.refused(), None);
    }
}
