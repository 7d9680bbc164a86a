//! The file of a copy: from what runs, what the copy is to have, and what it must not have.

use clap::ValueEnum;
use serde_json::{Value, json};

use super::overlay::Overlay;
use crate::aws::ecs::digests;
use crate::aws::elasticache::ReplicationGroup;
use crate::aws::rds::newest;
use crate::aws::rds::passing::Shared;
use crate::blueprint::live;
use crate::commands::session::Session;
use crate::commands::stop::{Exit, Result, Stop};
use crate::config::alarms::OFF;
use crate::config::database::{Begin, LATEST};
use crate::config::{Duration, Loaded, Name, Service, Stack, Zones, environment};
use crate::engine::{Plan, Resource};

/// The instance class of a small copy's databases, where theirs is not burstable.
const SMALL_DATABASE: &str = "db.t4g.medium";
/// The same of caches.
const SMALL_NODE: &str = "cache.t4g.small";

/// The data of the copy's databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Data {
    /// A snapshot that is taken now
    Snapshot,
    /// The newest snapshot that exists
    Latest,
    /// The automated backups: as they were at the time of `--at`, or the latest time that AWS can restore
    PointInTime,
    /// None: they begin empty
    None,
}

/// Another account.
#[derive(Clone, Copy)]
pub struct Elsewhere<'a> {
    /// Its number.
    pub account: &'a str,
    /// The snapshots that are to be shared with it, and their ARNs.
    pub shared: &'a [(Shared, String)],
}

/// The data of the copy's caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Caches {
    /// None: they begin empty
    Empty,
    /// A snapshot that is taken now, of Valkey and Redis; Memcached has none
    Snapshot,
}

/// What a copy is to be.
pub struct Wanted<'a> {
    /// The stack file.
    pub file: &'a str,
    /// The environment.
    pub to: &'a str,
    /// What its databases begin with.
    pub data: Data,
    /// What its caches begin with.
    pub caches: Caches,
    /// The time of that, where it is one.
    pub at: Option<&'a str>,
    /// Its region, where that is another one.
    pub region: Option<&'a str>,
    /// Its account, where that is another one.
    pub account: Option<Elsewhere<'a>>,
    /// How large it is; what comes later counts.
    pub sizes: &'a [Size],
    /// Whether it is as the file says where AWS differs from that.
    pub as_file: bool,
    /// How long it is wanted.
    pub ttl: Option<Duration>,
}

/// How large a copy is.
#[derive(Clone, Debug, PartialEq)]
pub enum Size {
    /// As what is copied.
    Same,
    /// As small as it works.
    Small,
    /// A value for a key of the file.
    Key(Vec<String>, Value),
}

/// Reads `--size`.
pub fn size(text: &str) -> Result<Size, String> {
    match text.split_once('=') {
        None if text == "same" => Ok(Size::Same),
        None if text == "small" => Ok(Size::Small),
        Some((path, value)) if !path.is_empty() && path.split('.').all(|part| !part.is_empty()) => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            Ok(Size::Key(path.split('.').map(str::to_owned).collect(), value))
        }
        _ => Err("write `same`, `small`, or a key of the file with a value: `services.web.count=1`".into()),
    }
}

/// The file of a copy.
pub struct Composed {
    /// Its text.
    pub text: String,
    /// What differs from what runs, a sentence each.
    pub left: Vec<String>,
    /// The keys of the file with secrets of others, which the copy has as well.
    pub shared: Vec<String>,
    /// The largest database, and its storage in GiB.
    pub largest: Option<(String, i64)>,
    /// The snapshots that are to be shared with its account.
    pub snapshots: Vec<Shared>,
}

/// Writes the file of a copy.
pub async fn compose(loaded: &Loaded, session: &Session, plan: &Plan, wanted: &Wanted<'_>) -> Result<Composed> {
    let mut overlay = Overlay::default();
    if loaded.env != environment::DEFAULT {
        overlay.set(&["like"], loaded.env.clone().into(), "");
    }
    if let Some(ttl) = wanted.ttl {
        overlay.set(&["ttl"], ttl.to_string().into(), "");
    }
    if let Some(region) = wanted.region {
        overlay.set(&["region"], region.into(), "");
    }
    if let Some(elsewhere) = wanted.account {
        overlay.set(&["account"], elsewhere.account.into(), "");
    }
    let left = if wanted.as_file {
        plan.changes().map(|item| format!("`{}` differs from the file, and the copy is as the file says", item.key)).collect()
    } else {
        pin(&mut overlay, session, plan).await?
    };
    data(&mut overlay, session, plan, wanted, &loaded.stack).await?;
    begin_caches(&mut overlay, plan, wanted.caches, &loaded.stack);
    apart(&mut overlay, &loaded.stack);
    if wanted.region.is_some() {
        elsewhere(&mut overlay, &loaded.stack);
    }
    if wanted.account.is_some() {
        own_history(&mut overlay, &loaded.stack);
    }
    resize(&mut overlay, &loaded.stack, wanted.sizes);
    let today = jiff::Zoned::now().strftime("%-d %B %Y");
    let head = [
        format!(
            "The environment `{}` of {}: a copy of `{}` as it was on {today}, made by `stack clone`.",
            wanted.to, wanted.file, loaded.env
        ),
        format!("It is used with `--env {to}`, and can be edited; `stack destroy --env {to}` destroys it.", to = wanted.to),
    ];
    let secrets = |(name, service): (&Name, &Service)| {
        let theirs = service.secrets.iter().filter(|(_, secret)| secret.starts_with("arn:"));
        theirs.map(|(variable, _)| format!("services.{name}.secrets.{variable}")).collect::<Vec<_>>()
    };
    let shared = loaded.stack.services.iter().flat_map(secrets).filter(|path| !loaded.stack.clone.keep.contains(path)).collect();
    let snapshots = wanted.account.iter().flat_map(|account| account.shared).map(|(one, _)| one.clone()).collect();
    Ok(Composed { text: overlay.text(&head), left, shared, largest: largest(plan), snapshots })
}

/// Writes what runs; returns what cannot be written, a sentence each.
pub async fn pin(overlay: &mut Overlay, session: &Session, plan: &Plan) -> Result<Vec<String>> {
    let digests = session.hear(digests::of_services(&session.cx)).await?;
    let live = live::live(plan, &digests);
    for pin in live.pins {
        let path: Vec<&str> = pin.path.iter().map(String::as_str).collect();
        overlay.set(&path, pin.value, &pin.why);
    }
    Ok(live.left)
}

/// Changes the size of everything.
pub fn resize(overlay: &mut Overlay, stack: &Stack, sizes: &[Size]) {
    for size in sizes {
        match size {
            Size::Same => {}
            Size::Small => small(overlay, stack),
            Size::Key(path, value) => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                overlay.set(&path, value.clone(), "--size");
            }
        }
    }
}

/// A database of a stack that exists.
pub struct Known<'a> {
    /// Its name in the file.
    pub name: &'a str,
    /// Its identifier.
    pub id: &'a str,
    /// Its ARN.
    pub arn: &'a str,
}

/// Returns the databases of a stack that exist.
pub fn databases<'a>(plan: &'a Plan, stack: &'a Stack) -> impl Iterator<Item = Known<'a>> {
    let known = |name: &'a str| {
        let item = plan.items.iter().find(|item| item.key.kind == "rds.instance" && item.key.name == name)?;
        let live = &item.before.as_ref()?.live;
        Some(Known { name, id: live["id"].as_str()?, arn: live["arn"].as_str()? })
    };
    stack.databases.keys().filter_map(move |name| known(name.as_str()))
}

/// Returns the caches of a stack that exist and are no Memcached: their names in the file and in ElastiCache.
fn caches<'a>(plan: &'a Plan, stack: &'a Stack) -> impl Iterator<Item = (&'a str, &'a str)> {
    let id = |name: &str| {
        let item = plan.items.iter().find(|item| item.key.kind == ReplicationGroup::KIND && item.key.name == name)?;
        item.before.as_ref()?.live["id"].as_str()
    };
    stack.caches.keys().filter_map(move |name| Some((name.as_str(), id(name.as_str())?)))
}

/// Says what databases begin with. What the file says of that is about the environment that is copied, and does not count.
async fn data(overlay: &mut Overlay, session: &Session, plan: &Plan, wanted: &Wanted<'_>, stack: &Stack) -> Result<()> {
    for (name, _) in stack.databases.iter().filter(|(_, database)| database.begin.is_some()) {
        overlay.set(&["databases", name.as_str(), "begin"], Value::Null, "");
    }
    let known: Vec<Known<'_>> = databases(plan, stack).filter(|_| wanted.data != Data::None).collect();
    for Known { name, id, arn } in known {
        let own =
            stack.databases.iter().find(|(known, _)| known.as_str() == name).and_then(|(_, section)| section.begin.as_ref());
        let mut begin = |values: &[(&str, Value)]| self::begin(overlay, name, own, values);
        if let Some(elsewhere) = wanted.account {
            let shared = elsewhere.shared.iter().find(|(one, _)| one.database == name);
            begin(&shared.map(|(_, arn)| ("snapshot", arn.as_str().into())).into_iter().collect::<Vec<_>>());
            continue;
        }
        let of: Value = if wanted.region.is_some() { arn } else { id }.into();
        match wanted.data {
            Data::Latest => {
                let Some(snapshot) = session.hear(newest::of(&session.cx, id)).await? else {
                    return Err(Stop::message(
                        format!("`databases.{name}` has no snapshot"),
                        "leave out `--data latest`, and one is taken",
                    ));
                };
                begin(&[("snapshot", if wanted.region.is_some() { snapshot.arn } else { snapshot.name }.into())]);
            }
            Data::PointInTime => begin(&[("database", of), ("at", wanted.at.unwrap_or(LATEST).into())]),
            _ => begin(&[("database", of)]),
        }
    }
    Ok(())
}

/// Says what a database begins with, in place of everything that the file says of that.
fn begin(overlay: &mut Overlay, name: &str, own: Option<&Begin>, values: &[(&str, Value)]) {
    const ONCE: &str = "counts only when it is created";
    let own =
        own.map(|own| [("snapshot", own.snapshot.is_some()), ("database", own.database.is_some()), ("at", own.at.is_some())]);
    for (key, _) in own.into_iter().flatten().filter(|(key, is)| *is && values.iter().all(|(known, _)| known != key)) {
        overlay.set(&["databases", name, "begin", key], Value::Null, "");
    }
    for (key, value) in values {
        overlay.set(&["databases", name, "begin", key], value.clone(), if *key == "at" { "" } else { ONCE });
    }
}

/// Leaves out the bucket for leases and history, which is of one account and region.
fn own_history(overlay: &mut Overlay, stack: &Stack) {
    if stack.history_bucket.is_some() {
        overlay.set(&["history_bucket"], Value::Null, "it is of one account and region");
    }
}

/// Leaves out what only one region has: the names of its zones, and the bucket for its history.
pub fn elsewhere(overlay: &mut Overlay, stack: &Stack) {
    own_history(overlay, stack);
    if let Zones::Names(zones) = &stack.network.zones {
        overlay.set(&["network", "zones"], zones.len().into(), "zones have other names in another region");
    }
}

/// Returns the texts of a file that are meant, other than the data that databases begin with: paths and texts.
pub fn texts(tree: &Value, is_meant: &dyn Fn(&str) -> bool) -> Vec<(String, String)> {
    fn walk(value: &Value, path: String, is_meant: &dyn Fn(&str) -> bool, out: &mut Vec<(String, String)>) {
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match value {
            Value::Object(map) => {
                map.iter()
                    .filter(|(key, _)| *key != "begin" && *key != "region")
                    .for_each(|(key, value)| walk(value, below(key), is_meant, out));
            }
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(at, value)| walk(value, format!("{path}[{at}]"), is_meant, out));
            }
            Value::String(text) if is_meant(text) => out.push((path, text.clone())),
            _ => {}
        }
    }
    let mut out = Vec::new();
    walk(tree, String::new(), is_meant, &mut out);
    out
}

/// Says what caches begin with. What those of the source began with is not what they hold now.
fn begin_caches(overlay: &mut Overlay, plan: &Plan, begin: Caches, stack: &Stack) {
    let began = |name: &str| stack.caches.iter().find(|(known, _)| known.as_str() == name)?.1.begin.as_ref();
    for name in stack.caches.keys().filter(|name| began(name.as_str()).is_some()) {
        overlay.set(&["caches", name.as_str(), "begin"], Value::Null, "caches begin empty");
    }
    for (name, id) in caches(plan, stack).filter(|_| begin == Caches::Snapshot) {
        overlay.set(&["caches", name, "begin", "cache"], id.into(), "counts only when it is created");
        if began(name).is_some_and(|begin| begin.snapshot.is_some()) {
            overlay.set(&["caches", name, "begin", "snapshot"], Value::Null, "");
        }
    }
}

/// Takes out what only one environment can have, and what acts on the world outside.
pub fn apart(overlay: &mut Overlay, stack: &Stack) {
    const DOMAIN: &str = "a domain is of one environment only";
    if let Some(cdn) = &stack.cdn
        && (cdn.certificate.is_some() || !cdn.aliases.is_empty())
    {
        overlay.set(&["cdn", "aliases"], Value::Null, DOMAIN);
        overlay.set(&["cdn", "certificate"], Value::Null, DOMAIN);
    }
    if stack.load_balancer.as_ref().is_some_and(|balancer| balancer.certificate.is_some()) {
        overlay.set(&["load_balancer", "certificate"], Value::Null, DOMAIN);
        overlay.set(&["load_balancer", "dns"], Value::Null, DOMAIN);
        overlay.set(&["load_balancer", "ssl_policy"], Value::Null, DOMAIN);
    }
    if !stack.certificates.is_empty() {
        overlay.set(&["certificates"], Value::Null, DOMAIN);
    }
    for (name, _) in stack.keys.iter().filter(|(_, key)| !key.accounts.is_empty()) {
        overlay.set(&["keys", name.as_str(), "accounts"], Value::Null, "the data of the copy is shared with no account");
    }
    let access = &stack.access;
    let parts = [
        ("groups", access.groups.is_empty(), "people keep what they may do, and get nothing more"),
        ("users", access.users.is_empty(), "people keep what they may do, and get nothing more"),
        ("pipelines", access.pipelines.is_empty(), "pipelines deploy the original"),
        ("identity_center", access.identity_center.is_none(), "people keep what they may do, and get nothing more"),
        ("password_policy", access.password_policy.is_none(), "it is the account's, and the original sets it"),
    ];
    let mut parts = parts.into_iter().filter(|(_, is_empty, _)| !is_empty).peekable();
    match &access.boundary {
        None => {
            if let Some((_, _, why)) = parts.peek() {
                overlay.set(&["access"], Value::Null, why);
            }
        }
        // What limits roles limits those of the copy, too.
        Some(_) => parts.for_each(|(part, _, why)| overlay.set(&["access", part], Value::Null, why)),
    }
    if stack.alarms.is_some() {
        overlay.set(&["alarms"], Value::from(OFF), "copies are not watched");
    }
    if stack.archive.is_some() {
        overlay.set(&["archive"], Value::Null, "copies are not archived");
    }
    if stack.budget.is_some() {
        overlay.set(&["budget"], Value::Null, "copies have no budget notifications");
    }
    if stack.backup.is_some() {
        overlay.set(&["backup"], Value::Null, "copies are not backed up");
    }
    if stack.recovery.is_some() {
        overlay.set(&["recovery"], Value::Null, "copies are not recovered in another region");
    }
    for kind in ["route53.record", "acm.certificate", "acm.validation"].iter().filter(|kind| stack.resources.contains_key(**kind))
    {
        overlay.set(&["resources", kind], Value::Null, DOMAIN);
    }
    for name in stack.resources.get("events.rule").into_iter().flat_map(|rules| rules.keys()) {
        overlay.set(&["resources", "events.rule", name.as_str(), "enabled"], json!(false), "events are off in copies");
    }
}

/// Makes everything as small as it works.
fn small(overlay: &mut Overlay, stack: &Stack) {
    const SMALL: &str = "--size small";
    for (name, service) in &stack.services {
        match &service.scale {
            Some(_) => {
                overlay.set(&["services", name.as_str(), "scale", "min"], json!(1), SMALL);
                overlay.set(&["services", name.as_str(), "scale", "max"], json!(2), SMALL);
            }
            None => overlay.set(&["services", name.as_str(), "count"], json!(1), SMALL),
        }
    }
    for (name, database) in &stack.databases {
        let path = ["databases", name.as_str()];
        overlay.set(&[path[0], path[1], "multi_az"], json!(false), SMALL);
        if !database.class.starts_with("db.t") {
            overlay.set(&[path[0], path[1], "class"], SMALL_DATABASE.into(), SMALL);
        }
        for (replica, section) in &database.replicas {
            let class = section.class.as_ref().unwrap_or(&database.class);
            if !class.starts_with("db.t") {
                overlay.set(&[path[0], path[1], "replicas", replica.as_str(), "class"], SMALL_DATABASE.into(), SMALL);
            }
            overlay.set(&[path[0], path[1], "replicas", replica.as_str(), "multi_az"], json!(false), SMALL);
        }
    }
    for (name, cache) in &stack.caches {
        if !cache.node.starts_with("cache.t") {
            overlay.set(&["caches", name.as_str(), "node"], SMALL_NODE.into(), SMALL);
        }
        if cache.replicas.is_some_and(|replicas| replicas > 0) {
            overlay.set(&["caches", name.as_str(), "replicas"], json!(0), SMALL);
        }
        if cache.nodes.is_some_and(|nodes| nodes > 1) {
            overlay.set(&["caches", name.as_str(), "nodes"], json!(1), SMALL);
        }
    }
    if stack.existing.network.is_none() && stack.network.nat == crate::config::Nat::PerZone {
        overlay.set(&["network", "nat"], "single".into(), SMALL);
    }
}

/// Refuses a copy that would work with what the file only refers to, unless that is meant: another owner's network, database or bucket
/// is the one that the source works with.
pub fn check_shared(stack: &Stack) -> Result<()> {
    let existing = &stack.existing;
    let databases = existing.databases.keys().map(|name| format!("existing.databases.{name}"));
    let buckets = existing.buckets.keys().map(|name| format!("existing.buckets.{name}"));
    let network = existing.network.iter().map(|_| "existing.network".to_owned());
    let shared: Vec<String> = network
        .chain(databases)
        .chain(buckets)
        .filter(|path| !stack.clone.keep.contains(path))
        .map(|path| format!("`{path}`"))
        .collect();
    if shared.is_empty() {
        return Ok(());
    }
    Err(Stop::Message(
        Exit::Refused,
        format!("nothing was changed: the copy would work with what the other environment works with: {}", shared.join(", ")),
        Some("list it under `clone.keep` if that is meant, or replace it in the file of the copy".into()),
    ))
}

/// Returns the database with the most storage, and how much that is in GiB.
fn largest(plan: &Plan) -> Option<(String, i64)> {
    let ours = plan.items.iter().filter(|item| item.key.kind == "rds.instance");
    let sizes = ours.filter_map(|item| Some((item.key.name.clone(), item.before.as_ref()?.fields["storage"].as_i64()?)));
    sizes.max_by_key(|(_, gib)| *gib).map(|(name, gib)| (format!("databases.{name}"), gib))
}
