//! `share`: what an environment uses of another one, its host, in the form in which its own would come.

use std::collections::BTreeMap;

use super::facts::{Facts, Problem};
use super::load_balancer::{self, Balancer};
use super::network::Network;
use super::uses::{Offer, Offers, variable};
use crate::aws::elbv2::{Listener, LoadBalancer};
use crate::aws::host::{Cache, Database, Host, Placed};
use crate::config::Stack;
use crate::engine::{Error, Graph, Ref};

/// Returns the host's network.
pub fn network(host: &Host) -> Network {
    let subnets = |tier: &str| {
        let of = host.subnets.iter().filter(|(name, _)| name.strip_prefix(tier).is_some_and(|rest| rest.starts_with('-')));
        of.map(|(_, id)| Ref::physical(id)).collect()
    };
    Network {
        vpc: Ref::physical(&host.vpc),
        public: subnets("public"),
        app: subnets("app"),
        data: subnets("data"),
        cidr: host.cidr.clone(),
        gateway: None,
        internet: Vec::new(),
        egress: Vec::new(),
    }
}

/// Adds target groups and rules behind the host's load balancer, when any service has routes.
pub fn balancer(graph: &mut Graph, stack: &Stack, network: &Network, facts: &Facts<'_>) -> Result<Option<Balancer>, Error> {
    let Some((host, theirs)) = facts.host.as_ref().and_then(|host| Some((host, host.balancer.as_ref()?))) else {
        return Ok(None);
    };
    let balancer = Ref::<LoadBalancer>::physical(&theirs.arn);
    let mut out = Balancer {
        targets: load_balancer::targets(graph, stack, network, &balancer)?,
        balancer,
        full_name: theirs.full_name.clone(),
        security_group: Ref::physical(host.groups.get("alb").map_or("", String::as_str)),
    };
    load_balancer::rules(graph, stack, &Ref::<Listener>::physical(&theirs.listener), facts, &mut out)?;
    Ok(Some(out))
}

/// Returns what the host's databases and caches have for those who use them.
pub fn offers(host: &Host) -> Offers {
    let group = |name: String| host.groups.get(&name).map(Ref::physical);
    let databases = host.databases.iter().map(|(name, it)| {
        let offer = Offer { security_group: group(format!("db-{name}")), ..database(name, it) };
        (format!("databases.{name}"), offer)
    });
    let caches = host.caches.iter().map(|(name, it)| {
        let offer = Offer { security_group: group(format!("cache-{name}")), ..cache(name, it) };
        (format!("caches.{name}"), offer)
    });
    databases.chain(caches).collect()
}

fn database(name: &str, it: &Database) -> Offer {
    let variable = |field: &str| variable("database", name, field);
    let mut environment = BTreeMap::from([
        (variable("host"), it.host.clone()),
        (variable("port"), it.port.to_string()),
        (variable("name"), it.database.clone()),
        (variable("user"), it.user.clone()),
    ]);
    let replicas = it.replicas.iter();
    environment.extend(replicas.map(|(replica, host)| (variable(&format!("{replica}_host")), host.clone())));
    let version = it.secret_version.as_deref().unwrap_or_default();
    Offer {
        security_group: None,
        port: it.port,
        environment,
        secrets: BTreeMap::from([(variable("password"), format!("{}:password::{version}", it.secret_arn))]),
        secret_arns: vec![it.secret_arn.clone()],
    }
}

fn cache(name: &str, it: &Cache) -> Offer {
    let variable = |field: &str| variable("cache", name, field);
    let mut environment = BTreeMap::from([
        (variable("host"), it.host.clone()),
        (variable("port"), it.port.to_string()),
        (variable("tls"), it.tls.to_string()),
    ]);
    environment.extend(it.reader.clone().map(|reader| (variable("reader_host"), reader)));
    Offer { security_group: None, port: it.port, environment, secrets: BTreeMap::new(), secret_arns: Vec::new() }
}

/// Checks whether one of two host names takes the other, in which `*` and `?` stand for anything
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html#host-conditions>).
fn meet(one: &str, other: &str) -> bool {
    fn takes(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|n| takes(rest, &text[n..])),
            Some((c, rest)) => text.split_first().is_some_and(|(t, text)| (*c == b'?' || c == t) && takes(rest, text)),
        }
    }
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    takes(one.as_bytes(), other.as_bytes()) || takes(other.as_bytes(), one.as_bytes())
}

/// Returns the routes that would take requests or numbers of others behind the same load balancer.
pub fn conflicts(stack: &Stack, facts: &Facts<'_>) -> Vec<Problem> {
    // In another environment's listener every rule is another's, whether it says whose or not.
    let is_others = |placed: &&Placed| (placed.owner.is_some() || facts.host.is_some()) && !facts.is_own(placed);
    let others: Vec<&Placed> = facts.placed.iter().filter(is_others).collect();
    let owner = |placed: &Placed| match &placed.owner {
        Some((stack, env)) => format!("`{stack}`, environment `{env}`"),
        None => "someone else in the load balancer that is shared".to_owned(),
    };
    let mut problems = Vec::new();
    for (name, service) in &stack.services {
        for (at, route) in service.routes.iter().enumerate() {
            let at = format!("services.{name}.routes[{at}]");
            let host = route.host.as_deref().filter(|_| facts.host.is_some());
            let is_it = |other: &&&Placed| other.hosts.iter().any(|theirs| host.is_some_and(|own| meet(own, theirs)));
            if let Some(other) = others.iter().find(is_it) {
                problems.push(Problem {
                    at: at.clone(),
                    code: "host-name-taken",
                    message: format!(
                        "the route `{route}` would take requests of {}, whose host name takes the same ones",
                        owner(other)
                    ),
                    help: "give the route a host name of this environment".into(),
                });
            }
            let taken = |other: &&&Placed| route.priority.is_some_and(|priority| i32::from(priority) == other.priority);
            if let Some(other) = others.iter().find(taken) {
                problems.push(Problem {
                    at: format!("{at}.priority"),
                    code: "duplicate-priority",
                    message: format!("the priority {} belongs to a rule of {}", other.priority, owner(other)),
                    help: "write another one, or none: then a free one is chosen".into(),
                });
            }
        }
    }
    problems
}

/// Returns the help for a reference to an object that a guest does not have.
pub fn help(facts: &Facts<'_>) -> Option<String> {
    let host = &facts.host.as_ref()?.env;
    Some(format!(
        "this environment shares with `{host}` and has only what it does not share: take what its services need from `uses`, or \
         write it into `environments`"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::blueprint::{Failure, expand};
    use crate::engine::{Key, Scope};

    const HOST: &str = "staging";

    fn stack(services: Value) -> Stack {
        let share =
            json!({"network": HOST, "load_balancer": HOST, "databases": HOST, "caches": HOST, "host": "{env}.p.example.com"});
        let text = json!({"stack": "shop", "region": "us-east-1", "share": share, "services": services, "keys": {"main": {}},
            "network": {"zones": 2}, "databases": {"main": {"engine": "postgres", "version": "16"}},
            "caches": {"sessions": {"engine": "valkey"}}});
        serde_json::from_value(text).unwrap()
    }

    fn services() -> Value {
        json!({"web": {"image": "i", "port": 80, "routes": ["/*", "/api/*"], "uses": ["databases.main", "caches.sessions"],
            "scale": {"min": 1, "max": 2, "requests": 100}}})
    }

    /// The graph of a guest, when more is known than is assumed without AWS; or its problems.
    fn expanded(stack: &Stack, know: impl FnOnce(&mut Facts<'_>)) -> Result<Graph, Vec<(String, &'static str)>> {
        let text = |text: &str| text.to_owned();
        let (env, region) = (text("pr-1"), text("us-east-1"));
        let scope = Scope { stack: text("shop"), env, region, account: text("123456789012"), partition: text("aws") };
        let mut facts = Facts::assumed(&scope, true, stack);
        know(&mut facts);
        match expand(stack, &facts, &crate::aws::registry()) {
            Ok(graph) => Ok(graph),
            Err(Failure::Problems(problems)) => Err(problems.into_iter().map(|p| (p.at, p.code)).collect()),
            Err(Failure::Error(error)) => panic!("{error}"),
        }
    }

    fn priorities(graph: &Graph) -> BTreeMap<String, i64> {
        let rules = graph.nodes().filter(|node| node.key.kind == "elbv2.rule");
        rules.map(|node| (node.key.name.clone(), node.desired["priority"].as_i64().unwrap())).collect()
    }

    fn placed(env: &str, name: &str, priority: i64, host: &str) -> Placed {
        let hosts = vec![host.to_owned()];
        Placed { owner: Some(("shop".into(), env.into())), name: name.into(), priority: i32::try_from(priority).unwrap(), hosts }
    }

    #[test]
    fn a_guest_is_its_services_and_what_leads_to_them() {
        let graph = expanded(&stack(services()), |_| {}).unwrap();
        let keys: Vec<String> = graph.nodes().map(|node| node.key.to_string()).collect();
        insta::assert_snapshot!(keys.join("\n"));
        let field = |key: &str, field: &str| graph.get(&key.parse::<Key>().unwrap()).unwrap().desired[field].clone();
        let opened = "ec2.security_group_rule/databases-main-from-web";
        assert_eq!(
            (field(opened, "group"), field(opened, "peer")),
            (json!("${=ec2.security_group:sg-db-main}"), json!("${ec2.security_group/web}"))
        );
        let label = field("application-autoscaling.scaling_policy/web-requests", "resource_label");
        assert_eq!(label, "app/staging/0/${elbv2.target_group/web.full_name}");
        let container = &field("ecs.task_definition/web", "containers")[0];
        assert_eq!(container["environment"]["DATABASE_MAIN_HOST"], "main.us-east-1.rds.amazonaws.com");
        let secrets = field("iam.role/web-exec", "policies")["secrets"].to_string();
        assert!(secrets.contains("secret:stack/staging/main") && !secrets.contains("${"), "{secrets}");
    }

    #[test]
    fn host_names_meet_where_one_takes_the_other() {
        for (one, other) in
            [("a.example.com", "A.example.com"), ("*.example.com", "a.example.com"), ("a.example.com", "?.example.*")]
        {
            assert!(meet(one, other) && meet(other, one), "{one} {other}");
        }
        assert!(!meet("a.example.com", "b.example.com") && !meet("*.a.example.com", "a.example.com"));
    }

    #[test]
    fn numbers_of_others_are_avoided_and_own_ones_kept() {
        let stack = stack(services());
        let first = priorities(&expanded(&stack, |_| {}).unwrap());
        let taken: Vec<Placed> = first.values().map(|n| placed("pr-2", "x", *n, "pr-2.p.example.com")).collect();
        let second = priorities(&expanded(&stack, |facts| facts.placed.clone_from(&taken)).unwrap());
        assert!(second.iter().all(|(name, n)| first[name] != *n), "{first:?} {second:?}");
        // The other one goes: what it caused stays.
        let own: Vec<Placed> = second.iter().map(|(name, n)| placed("pr-1", name, *n, "pr-1.p.example.com")).collect();
        let third = priorities(&expanded(&stack, |facts| facts.placed.clone_from(&own)).unwrap());
        assert_eq!(second, third);
        // A number that another kind of route has is none of its own.
        let moved: Vec<Placed> = own.into_iter().map(|placed| Placed { priority: 49_000, ..placed }).collect();
        assert_eq!(priorities(&expanded(&stack, |facts| facts.placed = moved).unwrap()), first);
    }

    #[test]
    fn the_host_avoids_the_numbers_of_its_guests() {
        let host = |facts: Vec<Placed>| {
            let mut stack = stack(json!({"web": {"image": "i", "port": 80, "routes": ["/api/*"]}}));
            stack.share = Default::default();
            priorities(&expanded(&stack, |known| known.placed = facts).unwrap())
        };
        let first = host(Vec::new());
        let number = first["web-api"];
        let second = host(vec![placed("pr-2", "x", number, "pr-2.p.example.com")]);
        assert_ne!(first, second);
        // Alone, its own are what the file says.
        assert_eq!(host(vec![placed("pr-1", "web-api", second["web-api"], "")]), first);
    }

    #[test]
    fn what_others_have_is_a_problem_at_its_route() {
        let routes = json!([{"host": "WWW.example.com", "priority": 7}]);
        let stack = stack(json!({"web": {"image": "i", "port": 80, "routes": routes}}));
        let theirs = placed(HOST, "web", 7, "www.example.com");
        let problems = expanded(&stack, |facts| facts.placed = vec![theirs]).unwrap_err();
        let expected = [("services.web.routes[0]", "host-name-taken"), ("services.web.routes[0].priority", "duplicate-priority")];
        assert_eq!(problems, expected.map(|(at, code)| (at.to_owned(), code)));
    }

    #[test]
    fn what_a_guest_does_not_have_cannot_be_referred_to() {
        let services = json!({"web": {"image": "i", "environment": {"KEY": "${kms.key/main.arn}"}}});
        assert_eq!(expanded(&stack(services), |_| {}).unwrap_err(), [("services.web".to_owned(), "unknown-reference")]);
    }
}
