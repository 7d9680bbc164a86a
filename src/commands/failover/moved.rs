//! A stack in its second region: what its file means there, what its databases begin with, and what is not there.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::aws::cloudwatch::metrics::{self, Span, Wanted};
use crate::aws::rds::replicated::{self, Copies};
use crate::aws::rds::{Instance, is_elsewhere};
use crate::commands::clone::compose;
use crate::commands::session::Session;
use crate::commands::stop::{Exit, Result, Stop};
use crate::config::database::{Begin, LATEST};
use crate::config::recovery::{Mode, Recovery, Second};
use crate::config::{Loaded, Nat, Stack, Zones};
use crate::engine::token::{self, Token};
use crate::engine::{Action, Effect, Impact, Key, Plan, Resource, Seen};

/// A stack as it is to be in its second region.
pub struct Moved {
    /// The file, with that region in place of its own.
    pub loaded: Loaded,
    /// Its own region.
    pub home: String,
    /// What is not brought there, a clause each.
    pub left: Vec<String>,
    /// Texts of the file that name its own region: paths and texts.
    pub elsewhere: Vec<(String, String)>,
    /// Where in the file an image is whose copy in the registry of the second region is taken.
    pub images: Vec<String>,
    /// The names under which it answers, which lead to its own region until someone moves them: Route 53 moves none of these.
    pub names: Vec<String>,
}

/// The data that a database begins with there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Its name in the file.
    pub database: String,
    /// The ARN of the backups.
    pub backups: String,
    /// The time to which it is restored.
    pub at: jiff::Timestamp,
    /// Whether that is the last one, wherever the backups reach to by then: the same in every run that continues it.
    pub is_last: bool,
    /// How long ago that was when it was looked at.
    pub age: Duration,
    /// Whether newer backups are still copied.
    pub replicating: bool,
}

/// Returns how long ago a time is.
pub fn since(at: jiff::Timestamp) -> Duration {
    Duration::try_from(jiff::Timestamp::now().duration_since(at)).unwrap_or_default()
}

/// Returns a time in words: `42 s`, `6 min`, `3 h 5 min`, `2 days 4 h`.
pub fn lasting(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let two = |whole: u64, unit: &str, rest: u64, small: &str| match rest {
        0 => format!("{whole} {unit}"),
        rest => format!("{whole} {unit} {rest} {small}"),
    };
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{minutes} min"),
        7200..172_800 => two(hours, "h", minutes % 60, "min"),
        _ => two(hours / 24, "days", hours % 24, "h"),
    }
}

/// Returns the section `recovery` of a file.
pub fn section(loaded: &Loaded) -> Result<&Recovery> {
    loaded.stack.recovery.as_ref().ok_or_else(|| {
        let what = format!("`{}` has no section `recovery`", loaded.warnings.file);
        let help = "add `recovery: { region: eu-central-1, rpo: 15m, rto: 2h }` and apply it: what was not copied before cannot be restored";
        Stop::Message(Exit::Usage, what, Some(help.into()))
    })
}

/// Returns a stack as it is to be in its second region. What refers to its own region, or is of one region only, is left out.
pub fn to(loaded: &Loaded, region: &str) -> Moved {
    let mut moved = loaded.clone();
    let home = std::mem::replace(&mut moved.stack.region, region.to_owned());
    let names = names(&loaded.stack);
    let left = left(&loaded.stack);
    let stack = &mut moved.stack;
    // Nothing is read from there.
    let recovery = stack.recovery.take().filter(|recovery| recovery.mode.has_standby());
    let mode = recovery.as_ref().map(|recovery| recovery.mode);
    stack.history_bucket = None;
    stack.second = recovery.map(|Recovery { mode, health_check, .. }| Second {
        home: home.clone(),
        mode,
        follows: false,
        sources: BTreeMap::new(),
        health_check,
    });
    if let Zones::Names(zones) = &stack.network.zones {
        stack.network.zones = Zones::Count(u8::try_from(zones.len()).unwrap_or(u8::MAX));
    }
    (stack.backup, stack.archive, stack.budget) = (None, None, None);
    stack.access.groups.clear();
    stack.access.users.clear();
    stack.access.pipelines.clear();
    stack.access.identity_center = None;
    stack.access.password_policy = None;
    // IAM has no regions: those of the first one can still be assumed.
    (stack.access.auditor, stack.access.break_glass) = (None, None);
    // A channel has one configuration in an account, and the first region has it.
    if let Some(alarms) = &mut stack.alarms {
        alarms.slack.clear();
        alarms.teams.clear();
    }
    // Where there is a standby, Route 53 is told of both regions beforehand.
    if let Some(balancer) = stack.load_balancer.as_mut().filter(|_| mode.is_none()) {
        balancer.dns = false;
    }
    if let Some(cdn) = stack.cdn.as_mut().filter(|cdn| !cdn.aliases.is_empty()) {
        (cdn.aliases, cdn.certificate, cdn.dns) = (Vec::new(), None, false);
    }
    // Those of the old region are there, and lead to it.
    stack.resources.remove("route53.record");
    let elsewhere = compose::texts(&loaded.tree(), &|text| text.contains(&home));
    let elsewhere = elsewhere.into_iter().filter(|(path, _)| !path.starts_with("network.zones")).collect();
    Moved { loaded: moved, home, left, elsewhere, images: Vec::new(), names }
}

/// Returns a stack as it is to be in its second region as long as its own region serves: databases that follow those with these ARNs, and
/// the rest in the size of the mode.
pub fn standby(loaded: &Loaded, recovery: &Recovery, sources: BTreeMap<String, String>) -> Moved {
    let mut moved = to(loaded, &recovery.region);
    let stack = &mut moved.loaded.stack;
    let health_check = recovery.health_check.clone();
    stack.second = Some(Second { home: moved.home.clone(), mode: recovery.mode, follows: true, sources, health_check });
    for service in stack.services.values_mut() {
        match recovery.mode {
            Mode::PilotLight | Mode::Backup => (service.count, service.scale) = (Some(0), None),
            Mode::WarmStandby => {
                service.count = service.count.map(|count| count.min(1));
                service.scale.iter_mut().for_each(|scale| scale.min = scale.min.min(1));
            }
            Mode::ActiveActive => {}
        }
    }
    if !recovery.mode.serves() {
        // Nothing there needs the internet yet.
        stack.network.nat = Nat::None;
    }
    moved
}

/// Returns the databases of the file that follow one of another region there, by their names.
pub fn following(loaded: &Loaded, there: &[Seen]) -> BTreeMap<String, Following> {
    let is_listed = |key: &Key| loaded.stack.databases.keys().any(|name| *key == Key::new(Instance::KIND, name.as_str()));
    let of = |seen: &Seen| {
        let key = seen.key().filter(is_listed)?;
        let Token::Physical { value: source, .. } = token::whole(seen.fields.get("source")?.as_str()?)? else { return None };
        let id = seen.live.get("id")?.as_str()?.to_owned();
        is_elsewhere(source).then(|| (key.name.to_string(), Following { id, source: source.to_owned() }))
    };
    there.iter().filter_map(of).collect()
}

/// A database that follows one of another region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Following {
    /// Its identifier.
    pub id: String,
    /// The ARN of what it follows.
    pub source: String,
}

/// How many minutes are looked through for the newest figure of how far a database is behind.
const LAG: u32 = 15;

/// Returns how far each is behind the database that it follows, by name; nothing for one of which CloudWatch has no figure of the last
/// minutes (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html>, ReplicaLag).
pub async fn lags(session: &Session, following: &BTreeMap<String, Following>) -> Result<BTreeMap<String, Duration>> {
    if following.is_empty() {
        return Ok(BTreeMap::new());
    }
    let region = session.cx.scope.region.as_str();
    let named: Vec<BTreeMap<String, String>> =
        following.values().map(|one| BTreeMap::from([("DBInstanceIdentifier".to_owned(), one.id.clone())])).collect();
    let wanted: Vec<Wanted<'_>> = named
        .iter()
        .map(|dimensions| Wanted { region, namespace: "AWS/RDS", metric: "ReplicaLag", statistic: "Maximum", dimensions })
        .collect();
    let span = Span::before(jiff::Timestamp::now().as_second(), metrics::PERIOD, LAG, true);
    let series = session.hear(metrics::series(&session.cx.cloud, &wanted, &span)).await?;
    let last = |values: &Vec<Option<f64>>| {
        let newest = values.iter().rev().flatten().next()?;
        // AWS reports -1 while it does not know.
        (*newest >= 0.0).then(|| Duration::try_from_secs_f64(*newest).ok()).flatten()
    };
    Ok(following.keys().zip(&series).filter_map(|(name, values)| Some((name.clone(), last(values)?))).collect())
}

/// Returns the public names of a stack.
fn names(stack: &Stack) -> Vec<String> {
    if let Some(cdn) = &stack.cdn {
        return cdn.aliases.clone();
    }
    if stack.recovery.as_ref().is_some_and(|recovery| recovery.mode.has_standby()) {
        return Vec::new();
    }
    let balancer = stack.load_balancer.as_ref().filter(|balancer| balancer.dns);
    let own = balancer.and_then(|balancer| balancer.certificate.as_deref()?.strip_prefix("certificates."));
    let certificate = own.and_then(|own| stack.certificates.iter().find(|(name, _)| name.as_str() == own));
    certificate.into_iter().flat_map(|(_, section)| std::iter::once(&section.domain).chain(&section.names)).cloned().collect()
}

/// Returns what is not brought along.
fn left(stack: &Stack) -> Vec<String> {
    let of = |kind: &str| {
        stack.resources.get(kind).into_iter().flat_map(|all| all.keys()).map(ToString::to_string).collect::<Vec<_>>()
    };
    let mut left: Vec<String> =
        of("s3.bucket").iter().map(|name| format!("the objects of `resources.s3.bucket.{name}`")).collect();
    left.extend(stack.buckets.keys().map(|name| format!("the objects of `buckets.{name}`")));
    if stack.cdn.as_ref().is_some_and(|cdn| cdn.assets.as_ref().is_some_and(|assets| assets.bucket.is_none())) {
        left.push("the files of `cdn.static`, which `stack assets push` brings there".to_owned());
    }
    left.extend(stack.caches.keys().map(|name| format!("what is in `caches.{name}`, which begins empty")));
    let secrets = of("secretsmanager.secret");
    left.extend(secrets.iter().map(|name| format!("the value of `resources.secretsmanager.secret.{name}`")));
    let access = &stack.access;
    let sections = [
        (
            "access",
            !(access.groups.is_empty() && access.users.is_empty() && access.pipelines.is_empty())
                || access.identity_center.is_some()
                || access.auditor.is_some()
                || access.break_glass.is_some(),
        ),
        ("backup", stack.backup.is_some()),
        ("archive", stack.archive.is_some()),
        ("budget", stack.budget.is_some()),
    ];
    let chats = stack.alarms.iter().flat_map(|alarms| [("slack", alarms.slack.is_empty()), ("teams", alarms.teams.is_empty())]);
    left.extend(chats.filter(|(_, is_empty)| !is_empty).map(|(chat, _)| format!("`alarms.{chat}`: a channel hears one region")));
    let later =
        sections.iter().filter(|(_, is)| *is).map(|(name, _)| format!("the section `{name}`, until the file has the new region"));
    left.extend(later);
    left
}

/// Returns the backups that the databases of a file have in the region of a connection.
pub async fn copies(session: &Session, moved: &Moved) -> Result<Vec<Copies>> {
    let names: Vec<&str> = moved.loaded.stack.databases.keys().map(|name| name.as_str()).collect();
    session.hear(replicated::of_stack(&session.cx, &moved.home, &names)).await
}

/// Returns what backups are restored as: as they were at a time, or at the last one that they reach to.
///
/// # Errors
/// When they have nothing yet, or not that time.
pub fn beginning(copies: &Copies, at: Option<jiff::Timestamp>) -> Result<Beginning> {
    let refused = |why: String, help: &str| Stop::refused(format!("nothing was changed: {why}"), help);
    let time = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let name = &copies.database;
    let Some(latest) = time(&copies.latest) else {
        let why = format!("the first backup of `databases.{name}` is not complete there yet");
        return Err(refused(why, "wait for it: `stack recovery check` shows when it is"));
    };
    let earliest = time(&copies.earliest);
    // "Must be before the latest restorable time"
    // (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceToPointInTime.html>).
    if let Some(at) = at.filter(|at| *at >= latest || earliest.is_some_and(|earliest| *at < earliest)) {
        let from = earliest.map_or_else(|| "its first backup".to_owned(), |earliest| earliest.to_string());
        return Err(refused(
            format!("the backups of `databases.{name}` reach from {from} to {latest}, not to {at}"),
            "give another time",
        ));
    }
    let (database, backups, is_last) = (name.clone(), copies.arn.clone(), at.is_none());
    let at = at.unwrap_or(latest);
    Ok(Beginning { database, backups, at, is_last, age: since(at), replicating: copies.replicating })
}

/// Has databases begin so.
pub fn begin(stack: &mut Stack, beginnings: &[Beginning]) {
    for (name, database) in &mut stack.databases {
        let beginning = beginnings.iter().find(|one| one.database == name.as_str());
        database.begin = beginning.map(|one| {
            let at = if one.is_last { LATEST.to_owned() } else { one.at.to_string() };
            Begin { snapshot: None, database: Some(one.backups.clone()), at: Some(at) }
        });
    }
}

/// Says in a plan what is lost with what databases begin with; done only with consent, if it is `grave`.
pub fn tell_lost(plan: &mut Plan, beginnings: &[Beginning], grave: bool) {
    for one in beginnings {
        let key = Key::new(Instance::KIND, one.database.as_str());
        let words = format!("it begins as it was at {}: what was written after that is not in it", one.at);
        let effect = Effect::new(Impact::LosesData, words);
        let item = plan.items.iter_mut().find(|item| item.key == key && item.action == Action::Create);
        if let Some(item) = item {
            item.effects.push(if grave { effect.with_consent() } else { effect });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::stack_file::stack_schema;
    use crate::config;

    const FILE: &str = r#"
stack: shop
region: eu-west-1
history_bucket: shop-history
network: { zones: [eu-west-1a, eu-west-1b], nat: none }
services:
  web: { image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1", port: 80, routes: ["/*"], public: true }
databases: { main: { engine: postgres, version: "16" } }
caches: { main: { engine: valkey, version: "8.0" } }
buckets: { invoices: {} }
resources: { s3.bucket: { uploads: {} } }
backup: {}
alarms:
  slack: [{ workspace: T1, channel: C1 }]
  teams: [{ tenant: 0a1b2c3d-0000-4000-8000-000000000000, team: 0a1b2c3d-0000-4000-8000-000000000001, channel: 19%3a0%40thread.tacv2 }]
recovery: { region: eu-central-1, rpo: 15m, rto: 2h }
"#;

    #[test]
    fn what_is_of_one_region_stays_there() {
        let loaded = config::load("s.yaml", FILE, None, &stack_schema()).unwrap_or_else(|report| panic!("{report:?}"));
        let moved = to(&loaded, "eu-central-1");
        let stack = &moved.loaded.stack;
        assert_eq!((stack.region.as_str(), moved.home.as_str()), ("eu-central-1", "eu-west-1"));
        assert!(stack.recovery.is_none() && stack.history_bucket.is_none() && stack.backup.is_none());
        assert!(matches!(stack.network.zones, Zones::Count(2)));
        assert!(stack.alarms.as_ref().is_some_and(|alarms| alarms.slack.is_empty() && alarms.teams.is_empty()));
        let paths: Vec<&str> = moved.elsewhere.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["services.web.image"]);
        assert_eq!(
            moved.left,
            [
                "the objects of `resources.s3.bucket.uploads`",
                "the objects of `buckets.invoices`",
                "what is in `caches.main`, which begins empty",
                "`alarms.slack`: a channel hears one region",
                "`alarms.teams`: a channel hears one region",
                "the section `backup`, until the file has the new region"
            ]
        );
    }

    #[test]
    fn a_standby_has_the_size_of_its_mode() {
        let file = FILE.replace("public: true }", "public: true, scale: { min: 3, max: 9, cpu: 60 } }");
        let sized = |mode: &str| {
            let file = file.replace("rpo: 15m", &format!("mode: {mode}, rpo: 15m"));
            let loaded = config::load("s.yaml", &file, None, &stack_schema()).unwrap_or_else(|report| panic!("{report:?}"));
            let recovery = section(&loaded).unwrap().clone();
            let sources = BTreeMap::from([("main".to_owned(), "arn:aws:rds:eu-west-1:1:db:shop".to_owned())]);
            let moved = standby(&loaded, &recovery, sources);
            let web = moved.loaded.stack.services.values().next().unwrap();
            let second = moved.loaded.stack.second.as_ref().unwrap();
            assert!(second.follows && second.home == "eu-west-1" && moved.loaded.stack.recovery.is_none());
            (web.count, web.scale.as_ref().map(|scale| (scale.min, scale.max)))
        };
        assert_eq!(sized("pilot_light"), (Some(0), None));
        assert_eq!(sized("warm_standby"), (None, Some((1, 9))));
        assert_eq!(sized("active_active"), (None, Some((3, 9))));
    }

    #[test]
    fn backups_are_restored_within_their_window() {
        let copies = |latest: Option<&str>| Copies {
            database: "main".into(),
            arn: "arn".into(),
            of: "db".into(),
            replicating: true,
            earliest: Some("2026-11-26T00:00:00Z".into()),
            latest: latest.map(str::to_owned),
            gib: 20,
            days: 7,
            version: "16.8".into(),
        };
        let last = copies(Some("2026-11-27T10:00:00Z"));
        let at = |text: &str| Some(text.parse::<jiff::Timestamp>().unwrap());
        let restored = |at| beginning(&last, at).map(|one| one.at.to_string()).ok();
        assert_eq!(restored(None).as_deref(), Some("2026-11-27T10:00:00Z"));
        assert_eq!(restored(at("2026-11-27T10:00:00Z")), None);
        assert_eq!(restored(at("2026-11-27T09:00:00Z")).as_deref(), Some("2026-11-27T09:00:00Z"));
        assert_eq!(restored(at("2026-11-27T10:00:01Z")), None);
        assert_eq!(restored(at("2026-11-25T00:00:00Z")), None);
        assert!(beginning(&copies(None), None).is_err());
    }

    #[test]
    fn times_are_read_at_a_glance() {
        let words = |seconds: u64| lasting(Duration::from_secs(seconds));
        assert_eq!(
            [0, 119, 120, 7199, 7200, 11_100, 172_800, 187_200].map(words),
            ["0 s", "119 s", "2 min", "119 min", "2 h", "3 h 5 min", "2 days", "2 days 4 h"]
        );
    }
}
