//! The checks of `caches`: what each engine supports.

use super::checks::Checks;
use super::limits::too_long;
use super::services::second_place;
use crate::cache::{Cache, CacheEngine};
use crate::diagnostic::{Diagnostic, count, short};
use crate::suggest;
use crate::values::Duration;

const DAY: u64 = 86_400;
const WEEK: u32 = 7 * 24 * 60;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// The maximum length of the id of a replication group and of a cluster. A replacement adds a number: `-NN`.
const GROUP_ID: usize = 37;
const CLUSTER_ID: usize = 47;
/// The eviction policies.
const POLICIES: [&str; 8] = [
    "volatile-lru",
    "allkeys-lru",
    "volatile-lfu",
    "allkeys-lfu",
    "volatile-random",
    "allkeys-random",
    "volatile-ttl",
    "noeviction",
];

pub(super) fn caches(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    for (name, cache) in &stack.caches {
        let path = format!("caches.{name}");
        id(checks, &path, name.as_str(), cache);
        engine(checks, &path, cache);
        version(checks, &path, cache);
        node(checks, &path, cache);
        snapshots(checks, &path, cache);
        windows(checks, &path, cache);
        parameters(checks, &path, cache);
        key(checks, &path, cache);
        begin(checks, &path, cache);
        let replicas = cache.replicas.filter(|_| cache.engine != CacheEngine::Memcached).unwrap_or(0);
        if replicas > 0 && stack.network.zones.count() < 2 {
            let message = format!("the replicas of `{path}` are in the only zone of the network, and would be lost with it");
            checks.at(
                &format!("{path}.replicas"),
                "in the same zone",
                Diagnostic::warning("too-few-zones", message).help("write `zones: 2` or more in `network`"),
            );
        }
    }
}

fn id(checks: &mut Checks<'_>, path: &str, name: &str, cache: &Cache) {
    let prefix = &checks.prefix;
    let full = if name == "main" { prefix.clone() } else { format!("{prefix}-{name}") };
    let (what, most) = match cache.engine {
        CacheEngine::Memcached => ("the cluster", CLUSTER_ID),
        CacheEngine::Valkey | CacheEngine::Redis => ("the replication group", GROUP_ID),
    };
    if full.contains("--") {
        let message = format!("{what} would be called `{full}`, but ElastiCache does not accept two hyphens in a row");
        let diagnostic = Diagnostic::error("reserved-name", message);
        checks.at_key(
            path,
            "two hyphens",
            diagnostic.help("remove a hyphen from the name of the cache, the stack or the environment"),
        );
    }
    too_long(checks, path, what, &full, most, "the name of the cache, the stack or the environment");
}

/// Checks the keys that only some engines have.
fn engine(checks: &mut Checks<'_>, path: &str, cache: &Cache) {
    let mut wrong = |key: &str, message: String, help: String| {
        let diagnostic = Diagnostic::error("wrong-engine", message).help(help);
        checks.at_key(&format!("{path}.{key}"), "not for this engine", diagnostic);
    };
    match cache.engine {
        CacheEngine::Memcached => {
            if let Some(replicas) = cache.replicas {
                let help = format!("write `nodes: {}`; each key is stored on one of them", u32::from(replicas) + 1);
                wrong("replicas", "Memcached has no replicas".into(), help);
            }
            let nothing = "Memcached keeps nothing on disk";
            for (key, is) in [
                ("snapshots", cache.snapshots.is_some()),
                ("snapshot_window", cache.snapshot_window.is_some()),
                ("key", cache.key.is_some()),
                ("begin", cache.begin.is_some()),
            ] {
                if is {
                    wrong(key, format!("{nothing}, so `{key}` has no effect"), format!("remove `{key}`, or use Valkey"));
                }
            }
        }
        CacheEngine::Valkey | CacheEngine::Redis => {
            if let Some(nodes) = cache.nodes {
                let engine = if cache.engine == CacheEngine::Valkey { "Valkey" } else { "Redis" };
                let help = format!("write `replicas: {}`, the nodes beside the primary", nodes.saturating_sub(1).min(5));
                wrong("nodes", format!("`nodes` is for Memcached: {engine} has a primary and its replicas"), help);
            }
        }
    }
}

/// A new cache begins with one thing.
fn begin(checks: &mut Checks<'_>, path: &str, cache: &Cache) {
    let Some(begin) = &cache.begin else { return };
    match (&begin.snapshot, &begin.cache) {
        (Some(_), Some(_)) => {
            let message = format!("`{path}.begin` has both `snapshot` and `cache`");
            let diagnostic = Diagnostic::error("one-beginning", message)
                .help("keep one of the two; in an environment `snapshot: null` removes the other one");
            checks.at(&format!("{path}.begin.snapshot"), "a snapshot that exists", diagnostic);
            second_place(checks, &format!("{path}.begin.cache"), "and a new one");
        }
        (None, None) => {
            let diagnostic = Diagnostic::error("one-beginning", format!("`{path}.begin` names nothing to begin with"))
                .help("write `snapshot: NAME` or `cache: ID`, or remove `begin` for a cache that begins empty");
            checks.at(&format!("{path}.begin"), "empty", diagnostic);
        }
        _ => {}
    }
}

fn version(checks: &mut Checks<'_>, path: &str, cache: &Cache) {
    let (Some(text), Some(numbers)) = (&cache.version, cache.numbers()) else { return };
    let at = format!("{path}.version");
    let name = match cache.engine {
        CacheEngine::Valkey => "Valkey",
        CacheEngine::Redis => "Redis",
        CacheEngine::Memcached => "Memcached",
    };
    let mut refuse = |message: String, help: &str| {
        checks.at(&at, "no such version", Diagnostic::error("no-such-version", message).help(help));
    };
    if text.split('.').any(|part| part.parse::<u32>().is_err()) {
        let help = format!("write a version number or its beginning: `{}`", example(cache.engine));
        return refuse(format!("`{}` is not a version of {name}", short(text)), &help);
    }
    // `7` can mean 7.2, and `1.6` the latest 1.6.
    let less = |than: &[u32]| numbers.as_slice() < &than[..numbers.len().min(than.len())];
    let starts = |with: &[u32]| numbers.iter().zip(with).all(|(a, b)| a == b);
    match cache.engine {
        CacheEngine::Valkey if less(&[7, 2]) => refuse(
            format!("Valkey {text} does not exist: its first version is 7.2"),
            "write `version: \"7.2\"`, or `engine: redis` for an earlier version",
        ),
        CacheEngine::Redis if !less(&[7, 2]) && numbers.as_slice() != [7] => refuse(
            format!("ElastiCache has no Redis {text}: its last version is 7.1"),
            "write `engine: valkey`, its successor, to which a cache is upgraded in place",
        ),
        CacheEngine::Redis if less(&[5, 0, 6]) => refuse(
            format!("Redis {text} is too old: encryption in transit and at rest, which every cache here has, needs 5.0.6"),
            "write `version: \"7.1\"`, or better `engine: valkey`",
        ),
        CacheEngine::Memcached if !starts(&[1, 6]) || less(&[1, 6, 6]) => {
            let what = if less(&[1, 6, 6]) { "is too old" } else { "is not available in ElastiCache" };
            refuse(format!("Memcached {text} {what}"), "write `version: \"1.6\"` for the latest 1.6");
        }
        CacheEngine::Memcached if numbers.len() > 2 && less(&[1, 6, 12]) => {
            let message = format!("Memcached {text} cannot encrypt in transit, which needs 1.6.12");
            let diagnostic = Diagnostic::warning("no-encryption", message).help("write `version: \"1.6\"` for the latest 1.6");
            checks.at(&at, "not encrypted", diagnostic);
        }
        _ => {}
    }
}

fn example(engine: CacheEngine) -> &'static str {
    match engine {
        CacheEngine::Valkey => "8.0",
        CacheEngine::Redis => "7.1",
        CacheEngine::Memcached => "1.6.22",
    }
}

/// Checks what the node type supports. AWS adds new ones, so it judges those that are unknown here.
fn node(checks: &mut Checks<'_>, path: &str, cache: &Cache) {
    let at = format!("{path}.node");
    let Some((family, size)) = cache.node.strip_prefix("cache.").and_then(|rest| rest.split_once('.')) else { return };
    let mut refuse = |label: &str, message: String, help: String| {
        checks.at(&at, label, Diagnostic::error("node-type", message).help(help));
    };
    let burst = ["micro", "small", "medium"];
    match family {
        "t1" | "m1" | "m2" | "c1" => refuse(
            "too old",
            format!("`{}` is too old for encryption in transit, which every cache here has", cache.node),
            "the smallest current node type is `cache.t4g.micro`".into(),
        ),
        "t2" | "t3" | "t4g" if !burst.contains(&size) => refuse(
            "no such size",
            format!("the node type `{}` does not exist", cache.node),
            format!(
                "`cache.{family}` has `micro`, `small` and `medium`; larger ones are `cache.m7g.large`, `cache.r7g.large` and so on"
            ),
        ),
        "r6gd" if cache.engine == CacheEngine::Memcached => refuse(
            "has a disk",
            format!("`{}` also keeps data on disk, which Memcached does not support", cache.node),
            format!("write `cache.r6g.{size}`"),
        ),
        "r6gd"
            if cache.engine == CacheEngine::Redis
                && cache.numbers().is_some_and(|v| v.as_slice() < [6, 2].as_slice() && v != [6]) =>
        {
            let message = format!("`{}` also keeps data on disk, which Redis supports from 6.2", cache.node);
            refuse("has a disk", message, format!("write `version: \"7.1\"`, or `node: cache.r6g.{size}`"));
        }
        _ => {}
    }
}

fn snapshots(checks: &mut Checks<'_>, path: &str, cache: &Cache) {
    let Some(kept) = cache.snapshots.filter(|_| cache.engine != CacheEngine::Memcached) else { return };
    let (days, rest) = (kept.as_secs() / DAY, kept.as_secs() % DAY);
    let at = format!("{path}.snapshots");
    if days > 35 || (days == 35 && rest > 0) {
        let message = format!("ElastiCache keeps snapshots for at most 35 days, not for {kept}");
        checks.at(&at, "0d to 35d", Diagnostic::error("out-of-range", message).help("write `35d`"));
    } else if rest > 0 {
        // Longer rather than shorter, because deleted snapshots are lost.
        let near = Duration::secs((days + 1) * DAY);
        let message = format!("ElastiCache keeps snapshots for whole days, not for {kept}");
        checks.at(
            &at,
            "whole days",
            Diagnostic::error("out-of-range", message).help(format!("write `{near}`, or `0d` for none")),
        );
    } else if days == 0 && cache.snapshot_window.is_some() {
        let message = format!("`{path}` keeps no snapshots, so `snapshot_window` has no effect");
        let help = "remove it, or keep snapshots with `snapshots: 1d`";
        checks.at(&format!("{path}.snapshot_window"), "no snapshots", Diagnostic::warning("unused-window", message).help(help));
    }
}

/// Returns the minute of the day.
fn minute(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (hours.parse::<u32>().ok()?, minutes.parse::<u32>().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// Returns the minute of the week: `sun:04:00`.
fn weekly(text: &str) -> Option<u32> {
    let (day, time) = text.split_once(':')?;
    let day = DAYS.iter().position(|d| *d == day)?;
    Some(u32::try_from(day).ok()? * 24 * 60 + minute(time)?)
}

/// Returns the start and the length of a time window, in minutes of a day or a week.
fn window(text: &str, parse: fn(&str) -> Option<u32>, around: u32) -> Option<(u32, u32)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (parse(from)?, parse(to)?);
    Some((from, (to + around - from) % around))
}

fn windows(checks: &mut Checks<'_>, path: &str, cache: &Cache) {
    let mut read = |key: &str, text: &Option<String>, parse: fn(&str) -> Option<u32>, around: u32, like: &str| {
        let text = text.as_ref()?;
        let at = format!("{path}.{key}");
        let found = window(text, parse, around);
        match found {
            None => {
                let message = format!("`{}` is not a time window", short(text));
                checks.at(&at, "not a time", Diagnostic::error("invalid-value", message).help(format!("write it like `{like}`")));
            }
            Some((_, length)) if length < 60 => {
                let message = format!("`{text}` is {} long, but AWS requires at least an hour", count(length, "minute"));
                checks.at(&at, "too short", Diagnostic::error("out-of-range", message).help(format!("write it like `{like}`")));
            }
            Some(_) => {}
        }
        found
    };
    let snapshot = read("snapshot_window", &cache.snapshot_window, minute, 24 * 60, "03:00-04:00");
    let maintenance = read("maintenance_window", &cache.maintenance_window, weekly, WEEK, "sun:04:00-sun:05:00");
    if let (Some((from, length)), Some((start, long))) = (snapshot, maintenance)
        && (0..7).any(|day| {
            let from = day * 24 * 60 + from;
            (start + WEEK - from) % WEEK < length || (from + WEEK - start) % WEEK < long
        })
    {
        let message = format!("the two windows of `{path}` overlap, which AWS refuses");
        let diagnostic = Diagnostic::error("windows-overlap", message);
        checks.at(&format!("{path}.snapshot_window"), "daily", diagnostic.help("move one of them"));
        second_place(checks, &format!("{path}.maintenance_window"), "overlaps");
    }
}

fn parameters(checks: &mut Checks<'_>, path: &str, cache: &Cache) {
    if !cache.parameters.is_empty() && cache.version.is_none() {
        let message = format!("the parameters depend on the version, but `{path}` has no `version`");
        let help = format!("add `version: \"{}\"`, or the version that is running", example(cache.engine));
        checks.at_key(&format!("{path}.parameters"), "needs `version`", Diagnostic::error("needs-version", message).help(help));
    }
    for (name, value) in &cache.parameters {
        let at = format!("{path}.parameters.{name}");
        let mut refuse = |message: String, help: &str| {
            checks.at_key(&at, "not allowed", Diagnostic::error("parameter", message).help(help));
        };
        match name.as_str() {
            _ if cache.engine == CacheEngine::Memcached => {}
            _ if name.starts_with("cluster-") => refuse(
                format!("`{name}` is for cluster mode, but caches here have a single shard"),
                "remove it; use a larger `node` for more memory, or more `replicas` for more readers",
            ),
            "appendonly" | "appendfsync" => {
                refuse(format!("ElastiCache has no `{name}`"), "remove it; `snapshots` and `replicas` protect the data");
            }
            "maxclients" | "maxmemory" | "lua-time-limit" => {
                refuse(format!("ElastiCache does not allow `{name}` to be changed"), "remove it; the node type determines it");
            }
            "maxmemory-policy" if !POLICIES.contains(&value.as_str()) => {
                let message = format!("`{}` is not an eviction policy", short(value));
                let diagnostic = Diagnostic::error("invalid-value", message);
                let diagnostic = match suggest::help(value, POLICIES, "the policies are") {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                };
                checks.at(&at, "not a policy", diagnostic);
            }
            _ => {}
        }
    }
}

fn key(checks: &mut Checks<'_>, path: &str, cache: &Cache) {
    let Some(key) = cache.key.as_deref().filter(|_| cache.engine != CacheEngine::Memcached) else { return };
    let keys: Vec<String> = checks.stack.keys.keys().map(|name| format!("keys.{name}")).collect();
    if key.starts_with("arn:") && key.split(':').nth(2) == Some("kms") || keys.iter().any(|known| known == key) {
        return;
    }
    let diagnostic =
        Diagnostic::error("unknown-reference", format!("`{path}` is encrypted with `{}`, which does not exist", short(key)));
    let whole = keys.iter().find(|known| known.strip_prefix("keys.") == Some(key));
    let help = match whole {
        Some(whole) => Some(format!("write `{whole}`")),
        None => suggest::help(key, keys.iter().map(String::as_str), "the keys are"),
    };
    let help = help.unwrap_or_else(|| "add the key to `keys`, write the ARN of one, or leave out `key` to use AWS's own".into());
    checks.at(&format!("{path}.key"), "not in this file", diagnostic.help(help));
}
