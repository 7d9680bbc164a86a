//! What an environment has that others share: read once, before the file of a guest is expanded, and never changed.
//!
//! Everything is read as a run of the host reads it, so what only its tags attribute to the host is not taken for the host's.

use std::collections::{BTreeMap, BTreeSet};

use super::Cx;
use super::ec2::{SecurityGroup, Subnet, Vpc};
use super::elasticache::{Cluster, ReplicationGroup};
use super::elbv2::{Listener, ListenerRule, LoadBalancer};
use super::existing::{Missing, missing};
use super::rds::Instance;
use super::runs::doubt;
use super::runs::store::Store;
use super::secretsmanager::Secret;
use crate::engine::tags::{TAG_ENV, TAG_GENERATION, TAG_KEY, TAG_STACK};
use crate::engine::{Claim, Key, Observed, Readiness, Resource, Result};

/// What an environment wants of another one, its host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The host.
    pub env: String,
    /// Whether the load balancer is wanted.
    pub balancer: bool,
    /// The names of the databases.
    pub databases: BTreeSet<String>,
    /// The names of the caches.
    pub caches: BTreeSet<String>,
}

/// What an environment has for its guests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    /// Its name.
    pub env: String,
    /// The id of its VPC.
    pub vpc: String,
    /// The VPC's addresses.
    pub cidr: String,
    /// The ids of its subnets, by their names, such as `app-a`.
    pub subnets: BTreeMap<String, String>,
    /// The ids of its security groups, by their names.
    pub groups: BTreeMap<String, String>,
    /// Its load balancer.
    pub balancer: Option<Balancer>,
    /// Its databases, by name.
    pub databases: BTreeMap<String, Database>,
    /// Its caches, by name.
    pub caches: BTreeMap<String, Cache>,
    /// What was not found.
    pub missing: Vec<Missing>,
}

/// A load balancer that sends requests to guests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balancer {
    /// Its ARN.
    pub arn: String,
    /// Its name in metrics and scaling.
    pub full_name: String,
    /// The ARN of the listener that rules are added to.
    pub listener: String,
    /// The rules of that listener, whoever has them.
    pub rules: Vec<Placed>,
}

/// A rule of a listener, and whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// The stack and the environment that it belongs to; none when it has no tags.
    pub owner: Option<(String, String)>,
    /// Its name.
    pub name: String,
    /// Its priority.
    pub priority: i32,
    /// The host names of the requests that it is for.
    pub hosts: Vec<String>,
}

/// A database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// Its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The name of the database in it.
    pub database: String,
    /// The master user's name.
    pub user: String,
    /// The ARN of the secret with the master user's password.
    pub secret_arn: String,
    /// The version of that secret; none when RDS makes new ones by itself.
    pub secret_version: Option<String>,
    /// The addresses of its replicas, by name.
    pub replicas: BTreeMap<String, String>,
}

/// A cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// Its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether connections are encrypted.
    pub tls: bool,
    /// The address of its replicas.
    pub reader: Option<String>,
}

impl Placed {
    /// Returns a rule of a listener as a guest or a host sees it.
    pub fn of(rule: &ListenerRule) -> Placed {
        let tag = |name: &str| rule.tags.get(name).cloned();
        let key = tag(TAG_KEY).and_then(|key| key.parse::<Key>().ok());
        Placed {
            owner: tag(TAG_STACK).zip(tag(TAG_ENV)),
            name: key.map(|key| key.name).unwrap_or_default(),
            priority: rule.priority,
            hosts: rule.hosts.clone(),
        }
    }
}

impl Host {
    /// Returns a made-up host for commands that work without AWS, as if everything existed.
    pub fn assumed(wanted: &Wanted, region: &str) -> Host {
        let tiers = ["public", "app", "data"];
        let subnets = tiers.iter().flat_map(|tier| ["a", "b"].map(|zone| format!("{tier}-{zone}")));
        let arn = |path: &str| format!("arn:aws:elasticloadbalancing:{region}:000000000000:{path}/app/{}/0", wanted.env);
        let database = |name: &String| Database {
            host: format!("{name}.{region}.rds.amazonaws.com"),
            port: 5432,
            database: "app".into(),
            user: "app".into(),
            secret_arn: format!("arn:aws:secretsmanager:{region}:000000000000:secret:stack/{}/{name}", wanted.env),
            ..Database::default()
        };
        let cache = |name: &String| Cache {
            host: format!("{name}.{region}.cache.amazonaws.com"),
            port: 6379,
            tls: true,
            ..Cache::default()
        };
        let groups = ["alb".to_owned()].into_iter();
        let groups = groups.chain(wanted.databases.iter().map(|name| format!("db-{name}")));
        let groups = groups.chain(wanted.caches.iter().map(|name| format!("cache-{name}")));
        Host {
            env: wanted.env.clone(),
            vpc: "vpc-00000000000000000".into(),
            cidr: "10.0.0.0/16".into(),
            subnets: subnets.map(|name| (name.clone(), format!("subnet-{name}"))).collect(),
            groups: groups.map(|name| (name.clone(), format!("sg-{name}"))).collect(),
            balancer: wanted.balancer.then(|| Balancer {
                arn: arn("loadbalancer"),
                full_name: format!("app/{}/0", wanted.env),
                listener: arn("listener") + "/0",
                rules: Vec::new(),
            }),
            databases: wanted.databases.iter().map(|name| (name.clone(), database(name))).collect(),
            caches: wanted.caches.iter().map(|name| (name.clone(), cache(name))).collect(),
            missing: Vec::new(),
        }
    }

    /// Reads the host; `cx` is that of the host.
    ///
    /// # Errors
    /// When AWS cannot be asked or refuses. What does not exist is not an error but in [`Host::missing`].
    pub async fn look(cx: &Cx, wanted: &Wanted) -> Result<Host> {
        let cx = cx.fresh();
        let (vpcs, subnets, groups) =
            tokio::try_join!(observed::<Vpc>(&cx), observed::<Subnet>(&cx), observed::<SecurityGroup>(&cx))?;
        let mut host = Host { env: wanted.env.clone(), ..Host::default() };
        let groups = ours(groups);
        let in_it = |id: &str| groups.values().any(|group| group.fields.vpc.id().is_ok_and(|vpc| vpc == id));
        match network(&cx, vpcs, in_it).await? {
            Ok(vpc) => (host.vpc, host.cidr) = (vpc.live.id, vpc.fields.cidr),
            Err(missing) => {
                host.missing.push(missing);
                return Ok(host);
            }
        }
        let here = |vpc: Result<&str>| vpc.is_ok_and(|vpc| vpc == host.vpc);
        let subnets = ours(subnets).into_iter().filter(|(_, subnet)| here(subnet.fields.vpc.id()));
        host.subnets = subnets.map(|(name, subnet)| (name, subnet.live.id)).collect();
        let groups = groups.into_iter().filter(|(_, group)| here(group.fields.vpc.id()));
        host.groups = groups.map(|(name, group)| (name, group.live.id)).collect();
        let (balancer, databases, caches) =
            tokio::try_join!(balancer(&cx, wanted, &host), databases(&cx, wanted), caches(&cx, wanted))?;
        match balancer {
            Some(Ok(balancer)) => host.balancer = Some(balancer),
            Some(Err(missing)) => host.missing.push(missing),
            None => {}
        }
        host.databases = found(&cx, &mut host.missing, ("databases", "database", "db"), &host.groups, databases);
        host.caches = found(&cx, &mut host.missing, ("caches", "cache", "cache"), &host.groups, caches);
        Ok(host)
    }
}

async fn observed<R: Resource<Cloud = super::Clients>>(cx: &Cx) -> Result<Vec<Observed<R>>> {
    R::observe(&cx.at(&Key::new(R::KIND, ""), 1)).await
}

/// Returns what certainly is the stack's, by name. Of the halves of a replacement it is the new one.
fn ours<R: Resource>(all: Vec<Observed<R>>) -> BTreeMap<String, Observed<R>> {
    let generation = |one: &Observed<R>| {
        let fields = serde_json::to_value(&one.fields).unwrap_or_default();
        fields["tags"][TAG_GENERATION].as_str().and_then(|text| text.parse().ok()).unwrap_or(1u32)
    };
    let mut out: BTreeMap<String, Observed<R>> = BTreeMap::new();
    for one in all {
        let (Claim::Ours(name), false) = (&one.claim, one.state.is_gone()) else { continue };
        if out.get(name).is_none_or(|other| generation(other) < generation(&one)) {
            out.insert(name.clone(), one);
        }
    }
    out
}

/// Returns how to say whose something is.
fn whose(cx: &Cx) -> String {
    format!("the environment `{}` of `{}`", cx.scope.env, cx.scope.stack)
}

fn apply_first(cx: &Cx) -> String {
    format!("bring it up first: `stack apply --env {}`", cx.scope.env)
}

/// Returns the VPC, when more than its tags says whose it is: what has the names of the host's objects is in it, or the history
/// knows that it was created.
async fn network(cx: &Cx, mut vpcs: Vec<Observed<Vpc>>, in_it: impl Fn(&str) -> bool) -> Result<Result<Observed<Vpc>, Missing>> {
    const AT: &str = "share.network";
    const KIND: &str = Vpc::KIND;
    vpcs.retain(|vpc| vpc.claim.name() == Some("main"));
    let whose = whose(cx);
    let Some(vpc) = vpcs.pop() else {
        let message = format!("{whose} has no network of its own in `{}`", cx.scope.region);
        let help = format!("{}; what is itself in the network of another environment cannot share it", apply_first(cx));
        return Ok(Err(missing(AT, message, help)));
    };
    if let Some(other) = vpcs.pop() {
        let message = format!("{whose} has two networks: `{}` and `{}`", vpc.live.id, other.live.id);
        return Ok(Err(missing(AT, message, "wait until one has replaced the other, or remove the tags of the wrong one")));
    }
    if in_it(&vpc.live.id) || doubt::is_made(&Store::of(cx), &Key::new(KIND, "main"), &vpc.live.id).await? {
        return Ok(Ok(vpc));
    }
    let message = format!("only its tags say that the network `{}` is of {whose}", vpc.live.id);
    Ok(Err(missing(AT, message, "check who created it; what anyone could have tagged so is not used")))
}

async fn balancer(cx: &Cx, wanted: &Wanted, host: &Host) -> Result<Option<Result<Balancer, Missing>>> {
    if !wanted.balancer {
        return Ok(None);
    }
    let (balancers, listeners, rules) =
        tokio::try_join!(observed::<LoadBalancer>(cx), observed::<Listener>(cx), observed::<ListenerRule>(cx))?;
    let found = ours(balancers).remove("main").filter(|b| b.fields.vpc.id().is_ok_and(|vpc| vpc == host.vpc));
    let mut listeners = ours(listeners);
    let listener = listeners.remove("https").or_else(|| listeners.remove("http"));
    let (Some(found), Some(listener), Some(_)) = (found, listener, host.groups.get("alb")) else {
        let message = format!("{} has no load balancer", whose(cx));
        let help = format!("it has one when a service of it has `routes`; {}", apply_first(cx));
        return Ok(Some(Err(missing("share.load_balancer", message, help))));
    };
    if let Readiness::Waiting { status, .. } = &found.state {
        let message = format!("the load balancer of {} does not serve yet: its state is `{status}`", whose(cx));
        return Ok(Some(Err(missing("share.load_balancer", message, "try again when it is active"))));
    }
    let in_it = |rule: &&Observed<ListenerRule>| rule.fields.listener.id().is_ok_and(|of| of == listener.live.arn);
    Ok(Some(Ok(Balancer {
        rules: rules.iter().filter(in_it).map(|rule| Placed::of(&rule.fields)).collect(),
        arn: found.live.arn,
        full_name: found.live.full_name,
        listener: listener.live.arn,
    })))
}

/// What was asked for, by name, and all that exists: nothing where something has no address yet.
struct Answers<T> {
    wanted: BTreeSet<String>,
    all: BTreeMap<String, Option<T>>,
}

/// Returns what was found of what is wanted, and says what was not.
fn found<T>(
    cx: &Cx,
    missed: &mut Vec<Missing>,
    (section, word, group): (&str, &str, &str),
    groups: &BTreeMap<String, String>,
    Answers { wanted, mut all }: Answers<T>,
) -> BTreeMap<String, T> {
    let known = all.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut out = BTreeMap::new();
    for name in wanted {
        let at = format!("share.{section}");
        match (all.remove(&name), groups.get(&format!("{group}-{name}"))) {
            (Some(Some(it)), Some(_)) => drop(out.insert(name, it)),
            (Some(None), Some(_)) => {
                let message = format!("the {word} `{name}` of {} has no address yet", whose(cx));
                missed.push(missing(at, message, "try again when it is available"));
            }
            _ => {
                let help = if known.is_empty() { String::new() } else { format!("its {section} are: {known}; ") };
                let help = format!("{help}{}, or leave `{section}` out of `share`", apply_first(cx));
                missed.push(missing(at, format!("{} has no {word} `{name}`", whose(cx)), help));
            }
        }
    }
    out
}

async fn databases(cx: &Cx, wanted: &Wanted) -> Result<Answers<Database>> {
    let mut answers = Answers { wanted: wanted.databases.clone(), all: BTreeMap::new() };
    if answers.wanted.is_empty() {
        return Ok(answers);
    }
    let (instances, secrets) = tokio::try_join!(observed::<Instance>(cx), observed::<Secret>(cx))?;
    let (instances, secrets) = (ours(instances), ours(secrets));
    for (name, one) in instances.iter().filter(|(_, one)| one.fields.source.is_none()) {
        let of_it = |other: &&Observed<Instance>| {
            other.fields.source.as_ref().is_some_and(|source| source.id().is_ok_and(|id| id == one.live.id))
        };
        let replicas = instances
            .iter()
            .filter(|(_, other)| of_it(other))
            .filter_map(|(key, other)| Some((key.strip_prefix(&format!("{name}-"))?.to_owned(), other.live.host.clone()?)));
        // Which secret a database has that does not keep it itself, only its tags say: the secret's own name says whose it is.
        let (secret_arn, secret_version) = match (one.fields.managed_password, secrets.get(name)) {
            (Some(true), _) => (one.live.secret_arn.clone(), None),
            (_, Some(secret)) => (Some(secret.live.arn.clone()), Some(secret.live.version.clone())),
            _ => (None, None),
        };
        let found = || {
            Some(Database {
                host: one.live.host.clone()?,
                port: u16::try_from(one.fields.port?).ok()?,
                database: one.fields.database.clone().unwrap_or_default(),
                user: one.fields.user.clone().unwrap_or_default(),
                secret_arn: secret_arn.clone()?,
                secret_version: secret_version.clone(),
                replicas: replicas.collect(),
            })
        };
        answers.all.insert(name.clone(), found());
    }
    Ok(answers)
}

async fn caches(cx: &Cx, wanted: &Wanted) -> Result<Answers<Cache>> {
    let mut answers = Answers { wanted: wanted.caches.clone(), all: BTreeMap::new() };
    if answers.wanted.is_empty() {
        return Ok(answers);
    }
    let (groups, clusters) = tokio::try_join!(observed::<ReplicationGroup>(cx), observed::<Cluster>(cx))?;
    let port = |live: Option<&String>| live.and_then(|port| port.parse().ok());
    for (name, one) in ours(groups) {
        let reader = one.live.reader.clone().filter(|_| one.fields.replicas > 0);
        let found = || Some(Cache { host: one.live.endpoint.clone()?, port: port(one.live.port.as_ref())?, tls: true, reader });
        answers.all.insert(name, found());
    }
    for (name, one) in ours(clusters) {
        let tls = one.fields.transit_encryption.unwrap_or(false);
        let found = || Some(Cache { host: one.live.endpoint.clone()?, port: port(one.live.port.as_ref())?, tls, reader: None });
        answers.all.insert(name, found());
    }
    Ok(answers)
}
