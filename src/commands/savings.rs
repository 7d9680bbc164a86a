//! `stack cost --optimize`: the edits of the file that save money, each tried: the file is valid with it, and costs less.

use serde_json::{Value, json};

use super::arguments::StackFile;
use super::edited::{self, Edit, placed};
use super::price::billed;
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::config::cache::CacheEngine;
use crate::config::service::Architecture;
use crate::config::types::Nat;
use crate::config::{self, Loaded, edit};
use crate::engine::lies_in;
use crate::prices::Sum;
use crate::ui::{Color, Saving, Savings};

/// The families of Intel and AMD, with those of Graviton that are compared with them.
const GRAVITON: &[(&str, &[&str])] = &[
    ("t2", &["t4g"]),
    ("t3", &["t4g"]),
    ("m4", &["m6g", "m7g", "m8g"]),
    ("m5", &["m6g", "m7g", "m8g"]),
    ("m6i", &["m6g", "m7g", "m8g"]),
    ("m7i", &["m6g", "m7g", "m8g"]),
    ("r4", &["r6g", "r7g", "r8g"]),
    ("r5", &["r6g", "r7g", "r8g"]),
    ("r6i", &["r6g", "r7g", "r8g"]),
    ("r7i", &["r6g", "r7g", "r8g"]),
];

/// The version of Valkey that takes the place of one of Redis OSS.
const VALKEY: &str = "8.0";

/// What may save.
struct Candidate {
    /// Keys within the environment, with values; the first is what it is about.
    edits: Vec<Edit>,
    risk: &'static str,
}

/// Checks whether what makes the environment safe is kept whatever it costs: the file says that it is production, or its name does.
fn is_production(loaded: &Loaded) -> bool {
    loaded.stack.production || loaded.env.starts_with("prod") || loaded.env == "live"
}

/// Returns what could be written into the file and may save: what does not is left out afterwards.
fn candidates(loaded: &Loaded, production: bool) -> Vec<Candidate> {
    let stack = &loaded.stack;
    let mut out = Vec::new();
    let mut add = |path: &[&str], value: Value, beside: Option<(&str, Value)>, risk| {
        let key = |key: &&str| (*key).to_owned();
        let other = beside.map(|(last, value)| {
            let above = path.iter().take(path.len().saturating_sub(1)).map(key);
            (above.chain([last.to_owned()]).collect(), value)
        });
        let edits = std::iter::once((path.iter().map(key).collect(), value)).chain(other).collect();
        out.push(Candidate { edits, risk });
    };
    for (name, service) in &stack.services {
        let name = name.as_str();
        if service.architecture == Architecture::X86_64 {
            let risk = "the image must exist for ARM (`docker buildx build --platform linux/arm64`), or tasks do not start";
            add(&["services", name, "architecture"], json!("arm64"), None, risk);
        }
        if !production && !service.spot {
            let risk = "AWS may stop tasks with two minutes' notice, and may have no capacity for others";
            add(&["services", name, "spot"], json!(true), None, risk);
        }
    }
    for (name, database) in &stack.databases {
        let name = name.as_str();
        for class in graviton(&database.class) {
            add(
                &["databases", name, "class"],
                json!(class),
                None,
                "the database restarts on another processor, an interruption of minutes",
            );
        }
        if !production && database.multi_az {
            let risk = "there is no standby: when its zone or machine fails, the database is away until AWS has replaced it";
            add(&["databases", name, "multi_az"], json!(false), None, risk);
        }
        for (replica, section) in &database.replicas {
            for class in section.class.iter().flat_map(|class| graviton(class)) {
                let path = ["databases", name, "replicas", replica.as_str(), "class"];
                add(&path, json!(class), None, "the replica restarts on another processor, an interruption of minutes");
            }
        }
    }
    for (name, cache) in &stack.caches {
        let name = name.as_str();
        for node in graviton(&cache.node) {
            let risk = match cache.engine {
                CacheEngine::Memcached => "the cache is replaced, and begins empty",
                CacheEngine::Valkey | CacheEngine::Redis => {
                    "the nodes are replaced, with a short interruption where there is one alone"
                }
            };
            add(&["caches", name, "node"], json!(node), None, risk);
        }
        if cache.engine == CacheEngine::Redis {
            let risk = "Valkey takes the commands of Redis OSS 7.2; `stack plan` shows how the cache is changed";
            add(&["caches", name, "engine"], json!("valkey"), Some(("version", json!(VALKEY))), risk);
        }
        if !production && cache.replicas.is_some_and(|replicas| replicas > 0) {
            add(&["caches", name, "replicas"], json!(0), None, "there is no copy: when its node fails, what it holds is lost");
        }
    }
    if !production && stack.network.nat == Nat::PerZone {
        let risk = "a zone that fails takes the way to the internet from all zones, and traffic between zones is charged";
        add(&["network", "nat"], json!("single"), None, risk);
    }
    out
}

/// Returns the same size in families of Graviton: `db.t4g.small` for `db.t3.small`.
fn graviton(class: &str) -> Vec<String> {
    let parts: Vec<&str> = class.split('.').collect();
    let [before, family, size] = parts.as_slice() else { return Vec::new() };
    let families = GRAVITON.iter().find(|(known, _)| known == family).map_or(&[][..], |(_, families)| families);
    families.iter().map(|family| format!("{before}.{family}.{size}")).collect()
}

/// A file that can be edited, and what it costs.
struct Trial<'a> {
    file: &'a StackFile,
    text: &'a str,
    schema: &'a Value,
    now: Sum,
}

impl Trial<'_> {
    /// Checks whether an edit may take no safety away: in production, and in the file itself where an environment of it is production.
    fn is_safe(&self, loaded: &Loaded) -> bool {
        let others = if loaded.chosen { &[][..] } else { &loaded.environments };
        let inherits = |env: &String| {
            let other = config::load(&self.file.file, self.text, Some(env), self.schema);
            other.map_or(true, |other| is_production(&other))
        };
        is_production(loaded) || others.iter().any(inherits)
    }

    /// Returns what the file costs with these edits; nothing where it would be wrong, would be warned of, or has a part without a price
    /// that it has not now.
    fn with(&self, edits: &[Edit], warnings: usize) -> Option<Sum> {
        let mut text = self.text.to_owned();
        for (path, value) in edits {
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            text = edit::set(&text, &keys, value)?;
        }
        let text = stack_file::with_overlay(&self.file.file, self.file.env(), text).ok()?;
        let env = stack_file::env_of(self.file.env(), &text);
        let loaded = config::load(&self.file.file, &text, env.as_deref(), self.schema).ok()?;
        if loaded.warnings.diagnostics.len() > warnings {
            return None;
        }
        let sum = billed(&loaded).ok()?.0.sum();
        (sum.unpriced <= self.now.unpriced).then_some(sum)
    }
}

/// Returns what saves, the most first; of several values for one key the one that saves the most.
fn found(trial: &Trial<'_>, loaded: &Loaded) -> Vec<(Saving, Vec<Edit>)> {
    let warnings = loaded.warnings.diagnostics.len();
    let mut all: Vec<(Saving, Vec<Edit>)> = Vec::new();
    for Candidate { edits, risk } in candidates(loaded, trial.is_safe(loaded)) {
        let edits: Vec<Edit> = edits.into_iter().map(|(path, value)| (placed(loaded, &path), value)).collect();
        let (Some(sum), Some((path, _))) = (trial.with(&edits, warnings), edits.first()) else { continue };
        if sum.monthly >= trial.now.monthly {
            continue;
        }
        let shown: Vec<String> = edits.iter().map(|(path, value)| edit::shown(path, value)).collect();
        let saves = trial.now.monthly - sum.monthly;
        let saving = Saving { key: path.join("."), edit: shown.join(", "), saves, risk };
        match all.iter_mut().find(|(known, _)| known.key == saving.key) {
            Some(known) if known.0.saves < saves => *known = (saving, edits),
            Some(_) => {}
            None => all.push((saving, edits)),
        }
    }
    all.sort_by(|(a, _), (b, _)| b.saves.cmp(&a.saves).then_with(|| a.edit.cmp(&b.edit)));
    all
}

/// What is done with what saves.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Only edits of these keys, or below them.
    pub only: &'a [String],
    /// Whether they are written into the file.
    pub write: bool,
    /// Whether that was agreed to.
    pub yes: bool,
}

/// Returns the edits that save money, with what the file costs with all of them; writes them where that is wanted, in which case nothing is
/// returned.
///
/// # Errors
/// When the file cannot be edited.
pub fn of(file: &StackFile, loaded: &Loaded, wanted: &Wanted<'_>, color: Color) -> Result<Option<Savings>> {
    if file.like.is_some() {
        return Err(Stop::Message(
            Exit::Usage,
            "`--optimize` edits the file, which does not have the environment of `--like`".into(),
            Some("name an environment of the file".into()),
        ));
    }
    let (text, schema) = (stack_file::read_alone(&file.file)?, stack_file::stack_schema());
    let now = billed(loaded)?.0.sum();
    let trial = Trial { file, text: &text, schema: &schema, now };
    let lead = placed(loaded, &[]).join(".");
    let is_wanted = |(saving, _): &(Saving, Vec<Edit>)| {
        let within = saving.key.strip_prefix(&lead).map_or(saving.key.as_str(), |key| key.trim_start_matches('.'));
        wanted.only.is_empty() || wanted.only.iter().any(|only| lies_in(within, only) || lies_in(&saving.key, only))
    };
    let (savings, edits): (Vec<Saving>, Vec<Vec<Edit>>) = found(&trial, loaded).into_iter().filter(is_wanted).unzip();
    let edits = edits.concat();
    if wanted.write && !edits.is_empty() {
        edited::propose(file, &edits, wanted.yes, color)?;
        return Ok(None);
    }
    let after = trial.with(&edits, loaded.warnings.diagnostics.len());
    Ok(Some(Savings { savings, only: wanted.only.to_vec(), now: trial.now, after }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
stack: shop
region: us-east-1
services:
  web: { image: "nginx:1.27", port: 80, uses: [databases.main, caches.sessions] }
databases:
  main: { engine: postgres, version: "17", class: db.m5.large }
caches:
  sessions: { engine: redis, version: "7.1", node: cache.t4g.micro }
environments:
  production: { production: true }
"#;

    fn savings(text: &str, env: Option<&str>) -> (Vec<Saving>, Vec<Edit>, Option<Sum>, Sum) {
        let schema = stack_file::stack_schema();
        let loaded = config::load("s.yaml", text, env, &schema).unwrap_or_else(|r| panic!("{}", r.render(100, false, true)));
        let file = StackFile { file: "s.yaml".into(), env: env.map(str::to_owned), like: None, stack: None };
        let now = billed(&loaded).unwrap().0.sum();
        let trial = Trial { file: &file, text, schema: &schema, now };
        let (savings, edits): (Vec<Saving>, Vec<Vec<Edit>>) = found(&trial, &loaded).into_iter().unzip();
        let edits = edits.concat();
        let after = trial.with(&edits, loaded.warnings.diagnostics.len());
        (savings, edits, after, trial.now)
    }

    fn told(savings: &[Saving]) -> Vec<String> {
        savings.iter().map(|saving| format!("{} {}", saving.saves.money(), saving.edit)).collect()
    }

    #[test]
    fn the_file_keeps_what_makes_its_environments_safe() {
        let (found, edits, ..) = savings(FILE, None);
        let keys: Vec<&str> = edits.iter().filter_map(|(path, _)| path.last()).map(String::as_str).collect();
        assert!(!keys.contains(&"nat") && keys.contains(&"architecture"), "{:?}", told(&found));
    }

    /// By hand, from the table: NAT gateways 2 × (32.85 + 3.65) less; db.m5.large 0.178 and db.m6g.large 0.159 an hour; a task of a
    /// quarter vCPU and half a GiB 9.01 on Intel, 7.21 on ARM; cache.t4g.micro 0.016 with Redis and 0.0128 with Valkey.
    #[test]
    fn what_saves_is_found_with_the_amount() {
        let alone = FILE.replace("production: { production: true }", "staging: {}");
        let (savings, _, after, now) = savings(&alone, None);
        insta::assert_snapshot!(told(&savings).join("\n"), @r#"
        $73.20 network.nat: single
        $13.87 databases.main.class: db.m6g.large
        $2.34 caches.sessions.engine: valkey, caches.sessions.version: "8.0"
        $1.80 services.web.architecture: arm64
        "#);
        // Together they save less than each alone: a task that is interrupted is not also on Intel.
        let together = now.monthly - after.unwrap().monthly;
        let each: crate::prices::Decimal = savings.iter().fold(Default::default(), |sum, saving| sum + saving.saves);
        assert!(together <= each, "{} {}", together.money(), each.money());
    }

    #[test]
    fn production_keeps_its_safety_and_edits_stay_in_it() {
        let (found, edits, ..) = savings(FILE, Some("production"));
        assert!(found.iter().all(|saving| saving.edit.starts_with("environments.production.")), "{:?}", told(&found));
        let keys: Vec<&str> = edits.iter().filter_map(|(path, _)| path.last()).map(String::as_str).collect();
        assert!(!keys.iter().any(|key| ["nat", "spot", "multi_az", "replicas"].contains(key)), "{keys:?}");
        assert!(keys.contains(&"architecture") && keys.contains(&"engine"), "{keys:?}");
        // Its name is enough.
        let named = FILE.replace("production: { production: true }", "prod: {}");
        assert_eq!(savings(&named, Some("prod")).0.len(), found.len());
    }

    #[test]
    fn what_saves_nothing_is_not_offered() {
        let text = r#"
stack: shop
region: us-east-1
network: { nat: none }
services: { web: { image: "nginx:1.27", architecture: arm64, spot: true } }
"#;
        assert_eq!(told(&savings(text, None).0), Vec::<String>::new());
    }

    #[test]
    fn classes_have_their_size_in_the_other_family() {
        assert_eq!(graviton("db.t3.small"), ["db.t4g.small"]);
        assert_eq!(graviton("cache.r5.large"), ["cache.r6g.large", "cache.r7g.large", "cache.r8g.large"]);
        assert_eq!(graviton("db.t4g.small"), Vec::<String>::new());
        assert_eq!(graviton("odd"), Vec::<String>::new());
    }
}
