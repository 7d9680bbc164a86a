use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::arguments::{Aws, FileOrStack};
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use super::{outputs, saved};
use crate::aws::Clients;
use crate::aws::cloudwatch::{Dashboard, Watch, console};
use crate::aws::ec2::DefaultSecurityGroup;
use crate::aws::ecs::{Running, running};
use crate::aws::elasticache::Cache;
use crate::aws::rds::Database;
use crate::aws::runs::history::{self, Record};
use crate::aws::runs::store::Store;
use crate::engine::{self, Claim, Key, Readiness, Registry, Resource, Seen, Snapshot, stray_name};
use crate::ui::{self, Color, Terminal, Tone};

/// Show what is running and its health
///
/// FILE may be a plan that was saved with `stack plan --out`. Then that plan is shown, without asking AWS; of the options only
/// `--json` applies to it. What AWS would refuse of it is not saved, and not shown.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: FileOrStack,
    #[command(flatten)]
    aws: Aws,
    /// List every object with its identifier
    #[arg(long, short)]
    all: bool,
    /// Show it again every SECONDS seconds [default: 5]: on a terminal in place of the text before, elsewhere only when something
    /// changed
    #[arg(
        long,
        short,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "5",
        value_parser = clap::value_parser!(u64).range(1..=3600),
        conflicts_with = "json"
    )]
    watch: Option<u64>,
    /// Print the address of the CloudWatch dashboard, and open it where there is a terminal
    #[arg(long, conflicts_with_all = ["json", "watch", "all"])]
    web: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown {
    stack: String,
    env: String,
    account: String,
    region: String,
    services: Vec<Service>,
    distributions: Vec<Distribution>,
    databases: Vec<Database>,
    caches: Vec<Cache>,
    alarms: Vec<Watch>,
    objects: Vec<Object>,
    outputs: BTreeMap<String, String>,
    /// The run that changed the stack last, as far as the history can be read.
    last_run: Option<LastRun>,
}

/// A service as ECS sees it, with what other objects say about it.
#[derive(Serialize)]
struct Service {
    #[serde(flatten)]
    running: Running,
    /// `healthy`, `deploying`, `degraded`, `failed`, `stopped`, or `old revision` when it does not run its newest one.
    state: &'static str,
    /// The image of its first container.
    image: Option<String>,
    /// When its newest deployment began.
    deployed: Option<String>,
    /// Where its first route is answered.
    url: Option<String>,
}

#[derive(Serialize)]
struct LastRun {
    number: u64,
    began: String,
    who: String,
    command: String,
    ending: String,
}

#[derive(Serialize)]
struct Distribution {
    name: String,
    id: String,
    status: String,
    domain: String,
    aliases: Vec<String>,
}

#[derive(Serialize)]
struct Object {
    key: String,
    id: String,
    state: String,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, aws, all, watch, web, json } = arguments;
    let file = file.given()?;
    let file_text = if file.stack.is_some() { String::new() } else { stack_file::read(&file.file)? };
    if engine::saved::is_one(&file_text) {
        let saved = saved::read(&file.file, &file_text)?;
        saved::fits(&saved.plan, file.env(), aws.region.as_deref())?;
        saved::show(&saved, &file.file, json, color)?;
        return Ok(Exit::Ok);
    }
    let session = match &file.stack {
        Some(_) => Session::given(&file, &aws, color).await?,
        None => {
            let text = stack_file::with_overlay(&file.file, file.env(), file_text)?;
            Session::of(&stack_file::load_text(&file, &text, color)?, &aws, color).await?
        }
    };
    if web {
        return browse(&session, color).await;
    }
    let mut before = String::new();
    loop {
        let shown = read(&session).await?;
        let terminal = Terminal::stdout(color);
        let head = ui::about(&session.cx.scope, session.via.as_deref(), &terminal);
        let Some(seconds) = watch else {
            ui::out(&if json { session::json(&shown)? } else { text(&head, &shown, all, &terminal) })?;
            return Ok(Exit::Ok);
        };
        let text = text(&head, &shown, all, &terminal);
        if terminal.interactive {
            ui::redraw(&format!("{text}\nEvery {seconds} s. Press Ctrl-C to end.\n"), &terminal)?;
        } else {
            // Ages grow all the time, and are not what changed.
            let now = session::json(&shown)?;
            if now != before {
                ui::out(&format!("{}{text}", if before.is_empty() { "" } else { "\n" }))?;
                before = now;
            }
        }
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// What opens an address on this system.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Prints the address of the environment's dashboard, and opens it for a person who is looking.
async fn browse(session: &Session, color: Color) -> Result {
    let found = session.read(Dashboard::KIND).await?;
    let ours = found.iter().filter(|seen| matches!(seen.claim, Claim::Ours(_)));
    // That of the section first.
    let best = ours.min_by_key(|seen| seen.key().is_none_or(|key| key.name != "dashboard"));
    let Some(name) = best.and_then(|seen| seen.live.get("id")).and_then(Value::as_str) else {
        return Err(Stop::refused(
            "this environment has no dashboard",
            "add `dashboard: true` to the file and run `stack apply`; `stack top` shows the same figures in the terminal",
        ));
    };
    let address = console(&session.cx.scope.region, name);
    ui::out(&format!("{address}\n"))?;
    if Terminal::stdout(color).interactive {
        let mut opener = std::process::Command::new(OPENER);
        opener.arg(&address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if opener.spawn().is_err() {
            ui::err(&ui::note(&format!("`{OPENER}` cannot be run; open the address yourself."), &Terminal::stderr(color)))?;
        }
    }
    Ok(Exit::Ok)
}

/// Reads what is running.
async fn read(session: &Session) -> Result<Shown> {
    let store = Store::of(&session.cx);
    let (snapshot, services, runs) = session
        .hear(async {
            let snapshot = Snapshot::read(&session.registry, &session.cx);
            let (snapshot, services, runs) = tokio::join!(snapshot, running(&session.cx), history::last(&store, 1));
            Result::<_>::Ok((snapshot?, services?, runs))
        })
        .await?;
    let outputs = outputs::of(&snapshot);
    let url = outputs.get("url").map(String::as_str);
    let scope = session.cx.scope.as_ref().clone();
    Ok(Shown {
        stack: scope.stack,
        env: scope.env,
        account: scope.account,
        region: scope.region,
        services: services.into_iter().map(|running| Service::of(running, &snapshot, url)).collect(),
        distributions: distributions(&snapshot),
        databases: of(&snapshot, Database::of),
        caches: of(&snapshot, Cache::of),
        alarms: of(&snapshot, Watch::of),
        objects: objects(&snapshot, &session.registry),
        // Who may not read the history sees everything else.
        last_run: runs.ok().and_then(|(records, _)| records.into_iter().next()).map(LastRun::of),
        outputs,
    })
}

impl LastRun {
    fn of(record: Record) -> LastRun {
        let ending = record.ending.to_string();
        LastRun { number: record.number, began: record.began, who: record.who, command: record.command, ending }
    }

    /// `Last run: 3, 2h ago by alice: stack apply s.yaml (complete)`
    fn text(&self) -> String {
        let began = ago(&self.began);
        let who = self.who.rsplit([':', '/']).next().unwrap_or_default();
        format!("Last run: {}, {began} by {who}: {} ({})", self.number, self.command, self.ending)
    }
}

impl Service {
    fn of(running: Running, snapshot: &Snapshot, url: Option<&str>) -> Service {
        let family =
            |revision: &str| revision.rsplit_once(':').map(|(family, n)| (family.to_owned(), n.parse::<u64>().unwrap_or(0)));
        let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        let of_kind = |kind: &'static str| snapshot.seen.iter().filter(move |seen| seen.kind == kind);
        let revisions: Vec<(String, &Value)> = of_kind("ecs.task_definition")
            .map(|seen| (seen.id().rsplit('/').next().unwrap_or_default().to_owned(), seen.fields.as_ref()))
            .collect();
        let current = family(&running.task_definition);
        let newest = revisions
            .iter()
            .filter_map(|(name, _)| family(name))
            .filter(|it| Some(&it.0) == current.as_ref().map(|c| &c.0))
            .max();
        let image = revisions.iter().find(|(name, _)| *name == running.task_definition).and_then(|(_, fields)| {
            let first = fields.get("containers")?.as_array()?.first()?;
            text(first, "image")
        });
        let seen = of_kind("ecs.service").find(|seen| seen.key().is_some_and(|key| key.name == running.name));
        let deployed =
            seen.and_then(|seen| Timestamp::from_millisecond(seen.live.get("deployed")?.as_i64()?).ok()).map(|it| it.to_string());
        let url = url.and_then(|url| route(url, routed(seen?, snapshot)?));
        Service { state: state(&running, newest > current), image, deployed, url, running }
    }
}

/// Returns which host and path lead to a service, as far as a rule asks for any; none when nothing leads there.
pub fn routed(service: &Seen, snapshot: &Snapshot) -> Option<(Option<String>, Option<String>)> {
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let of_kind = |kind: &'static str| snapshot.seen.iter().filter(move |seen| seen.kind == kind);
    let targets = service.fields.get("load_balancers").and_then(Value::as_array).into_iter().flatten();
    let groups: Vec<String> = targets.filter_map(|target| text(target, "target_group")).collect();
    let leads_here =
        |action: Option<&Value>| action.and_then(|it| text(it, "target_group")).is_some_and(|it| groups.contains(&it));
    let ruled = of_kind("elbv2.rule").find(|rule| leads_here(rule.fields.get("action"))).map(|rule| {
        let first = |field: &str| Some(rule.fields.get(field)?.as_array()?.first()?.as_str()?.to_owned());
        (first("hosts"), first("paths"))
    });
    let default = || of_kind("elbv2.listener").any(|listener| leads_here(listener.fields.get("default_action")));
    ruled.or_else(|| default().then_some((None, None)))
}

/// How long ago a time is; the time itself when it is none.
fn ago(time: &str) -> String {
    time.parse().map_or_else(|_| time.to_owned(), ui::ago)
}

/// Where a route is answered, by its host and its path.
fn route(url: &str, (host, path): (Option<String>, Option<String>)) -> Option<String> {
    let path = path.unwrap_or_default();
    let path = path.split('*').next().unwrap_or_default();
    match host {
        None => Some(format!("{url}{path}")),
        Some(host) if host.contains('*') => None,
        Some(host) => Some(format!("{}://{host}{path}", url.split_once("://").map_or("http", |(scheme, _)| scheme))),
    }
}

/// How a service does, in a word. `behind`: a newer revision of its tasks exists than the one that it runs.
fn state(running: &Running, behind: bool) -> &'static str {
    match running.rollout.as_str() {
        "FAILED" => "failed",
        "IN_PROGRESS" => "deploying",
        _ if running.desired == 0 => "stopped",
        _ if running.running < running.desired => "degraded",
        _ if behind => "old revision",
        _ => "healthy",
    }
}

/// Why a service is not healthy, in a sentence.
fn why(service: &Service) -> Option<String> {
    match service.state {
        "healthy" | "stopped" => None,
        "old revision" => Some(format!("it runs {}, and a newer revision exists", service.running.task_definition)),
        _ => {
            let message = service.running.message.as_str();
            let message = message.split_once(") ").filter(|_| message.starts_with("(service ")).map_or(message, |(_, said)| said);
            (!message.is_empty() && !message.contains("steady state")).then(|| message.to_owned())
        }
    }
}

/// How a state is to be read: by words of ECS, RDS, ElastiCache and CloudFront.
fn tone(header: &str, cell: &str) -> Tone {
    const GOOD: &[&str] = &["healthy", "available", "deployed", "ready"];
    const BAD: &[&str] =
        &["fail", "degraded", "old revision", "incompatible", "inaccessible", "insufficient", "full", "error", "in alarm"];
    match cell {
        _ if !["STATE", "STATUS"].contains(&header) => Tone::Plain,
        cell if GOOD.contains(&cell) => Tone::Good,
        cell if BAD.iter().any(|word| cell.contains(word)) => Tone::Bad,
        _ => Tone::Busy,
    }
}

fn distributions(snapshot: &Snapshot) -> Vec<Distribution> {
    let ours = snapshot.seen.iter().filter(|seen| seen.kind == "cloudfront.distribution");
    ours.filter_map(|seen| {
        let text = |field: &str| seen.live.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let aliases = seen.fields.get("aliases").and_then(Value::as_array).into_iter().flatten();
        let off = seen.fields.get("enabled") == Some(&false.into());
        Some(Distribution {
            name: seen.key()?.name,
            id: text("id"),
            status: match &seen.state {
                Readiness::Waiting { status, .. } => status.clone(),
                Readiness::Failed(why) => format!("failed: {why}"),
                Readiness::Impaired(it) => it.status.clone(),
                Readiness::Gone | Readiness::Leaving(_) => return None,
                Readiness::Ready if off => "disabled".into(),
                Readiness::Ready => "deployed".into(),
            },
            domain: text("domain"),
            aliases: aliases.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    })
    .collect()
}

/// The objects of the stack that are of one sort, as they were read.
fn of<T>(snapshot: &Snapshot, sort: fn(&str, &str, &Value, &Value, &Readiness) -> Option<T>) -> Vec<T> {
    let ours = snapshot.seen.iter().filter(|seen| !matches!(seen.state, Readiness::Gone));
    ours.filter_map(|seen| sort(&seen.kind, &seen.key()?.name, &seen.fields, &seen.live, &seen.state)).collect()
}

fn objects(snapshot: &Snapshot, registry: &Registry<Clients>) -> Vec<Object> {
    let ids = snapshot.ids();
    let mut out: Vec<Object> = snapshot
        .seen
        .iter()
        .filter_map(|seen| {
            let key = match (&seen.claim, seen.key()) {
                (_, Some(key)) => key,
                // It came with a VPC of ours and is the stack's as much as that: the plan counts it.
                (Claim::Adoptable, None) if seen.kind == DefaultSecurityGroup::KIND => {
                    Key::new(seen.kind.clone(), stray_name(registry.find(&seen.kind)?.info().rules, seen, &ids))
                }
                (Claim::Stray, None) => {
                    Key::new(seen.kind.clone(), stray_name(registry.find(&seen.kind)?.info().rules, seen, &ids))
                }
                _ => return None,
            };
            let state = match &seen.state {
                Readiness::Ready => "ready".to_owned(),
                Readiness::Waiting { status, .. } => status.replace('\n', ": "),
                Readiness::Failed(why) => format!("failed: {why}"),
                Readiness::Impaired(it) => format!("{}: {}", it.status, it.advice),
                Readiness::Leaving(word) => word.clone(),
                Readiness::Gone => return None,
            };
            Some(Object { key: key.to_string(), id: seen.id().to_owned(), state })
        })
        .collect();
    out.sort_by(|a, b| a.key.cmp(&b.key));
    out
}

fn text(head: &str, shown: &Shown, all: bool, terminal: &Terminal) -> String {
    let mut out = ui::note(head, terminal);
    if shown.objects.is_empty() {
        out += "\nNothing is running; `stack apply` creates it.\n";
        return out;
    }
    if !shown.services.is_empty() {
        let row = |s: &Service| {
            let r = &s.running;
            let deployed = s.deployed.as_deref().map_or_else(String::new, ago);
            let (image, url) = (s.image.clone().unwrap_or_default(), s.url.clone().unwrap_or_default());
            // The registry is left out where there is little room; with `--all` nothing is.
            let image = if all { image } else { image.rsplit('/').next().unwrap_or_default().to_owned() };
            let tasks = format!("{}/{}", r.running, r.desired);
            vec![r.name.clone(), s.state.to_owned(), tasks, image, r.task_definition.clone(), deployed, url]
        };
        let rows: Vec<Vec<String>> = shown.services.iter().map(row).collect();
        out += "\n";
        let headers = ["SERVICE", "STATE", "TASKS", "IMAGE", "REVISION", "DEPLOYED", "URL"];
        out += &ui::toned_table(terminal, &headers, &rows, &tone);
        for (name, why) in shown.services.iter().filter_map(|s| Some((&s.running.name, why(s)?))) {
            out += &ui::note(&format!("{name}: {why}"), terminal);
        }
    }
    if !shown.distributions.is_empty() {
        let row = |d: &Distribution| vec![d.name.clone(), d.status.clone(), d.aliases.join(", "), d.id.clone(), d.domain.clone()];
        let rows: Vec<Vec<String>> = shown.distributions.iter().map(row).collect();
        out += "\n";
        out += &ui::toned_table(terminal, &["DISTRIBUTION", "STATUS", "ALIASES", "ID", "DOMAIN"], &rows, &tone);
    }
    if !shown.databases.is_empty() {
        let row = |d: &Database| {
            let zones = if d.multi_az { "yes" } else { "no" };
            let endpoint = d.endpoint.clone().unwrap_or_default();
            let pending = d.pending.clone().unwrap_or_default();
            vec![d.name.clone(), d.status.clone(), d.engine.clone(), d.class.clone(), zones.to_owned(), pending, endpoint]
        };
        let rows: Vec<Vec<String>> = shown.databases.iter().map(row).collect();
        out += "\n";
        out += &ui::toned_table(
            terminal,
            &["DATABASE", "STATUS", "ENGINE", "CLASS", "MULTI-AZ", "PENDING", "ENDPOINT"],
            &rows,
            &tone,
        );
    }
    if !shown.caches.is_empty() {
        let rows: Vec<Vec<String>> = shown
            .caches
            .iter()
            .map(|c| {
                let endpoint = c.endpoint.clone().unwrap_or_default();
                vec![c.name.clone(), c.status.clone(), c.engine.clone(), c.node.clone(), c.nodes.to_string(), endpoint]
            })
            .collect();
        out += "\n";
        out += &ui::toned_table(terminal, &["CACHE", "STATUS", "ENGINE", "NODE", "NODES", "ENDPOINT"], &rows, &tone);
    }
    out += &alarms(&shown.alarms, terminal);
    let worrying: Vec<&Object> = shown.objects.iter().filter(|o| all || o.state != "ready").collect();
    if !worrying.is_empty() {
        let rows: Vec<Vec<String>> = worrying.iter().map(|o| vec![o.key.clone(), o.state.clone(), o.id.clone()]).collect();
        out += "\n";
        out += &ui::toned_table(terminal, &["OBJECT", "STATE", "ID"], &rows, &tone);
    }
    out += &format!("\n{}", ui::count(shown.objects.len(), "object"));
    if let Some(url) = shown.outputs.get("url") {
        out += &format!(", {url}");
    }
    out += "\n";
    if let Some(run) = &shown.last_run {
        out += &ui::note(&run.text(), terminal);
    }
    out
}

/// Returns how many alarms have gone off, and which.
fn alarms(all: &[Watch], terminal: &Terminal) -> String {
    let on: Vec<&Watch> = all.iter().filter(|alarm| alarm.state.is_alarm()).collect();
    let unknown = all.iter().filter(|alarm| alarm.state.is_unknown()).count();
    if all.is_empty() {
        return String::new();
    }
    let mut out = String::new();
    if !on.is_empty() {
        let row = |alarm: &&Watch| {
            let since = alarm.state.since.as_deref().map_or_else(String::new, ago);
            vec![alarm.name.clone(), "in alarm".to_owned(), since, alarm.state.why.clone().unwrap_or_default()]
        };
        let rows: Vec<Vec<String>> = on.iter().map(row).collect();
        out += &format!("\n{}", ui::toned_table(terminal, &["ALARM", "STATE", "SINCE", "WHY"], &rows, &tone));
    }
    let without_data = if unknown > 0 { format!(", {unknown} without data") } else { String::new() };
    let in_alarm = if on.is_empty() { "none".to_owned() } else { on.len().to_string() };
    out + &format!("\n{}, {in_alarm} in alarm{without_data}\n", ui::count(all.len(), "alarm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(rollout: &str, desired: i32, running: i32) -> Running {
        let text = |text: &str| text.to_owned();
        let (name, task_definition, message) = (text("web"), text("shop-web:2"), text("has started 1 tasks"));
        Running { name, desired, running, pending: 0, rollout: text(rollout), task_definition, message }
    }

    #[test]
    fn what_makes_a_service_healthy() {
        let state = |rollout, desired, up, behind| super::state(&running(rollout, desired, up), behind);
        assert_eq!(state("COMPLETED", 2, 2, false), "healthy");
        assert_eq!(state("COMPLETED", 2, 2, true), "old revision");
        assert_eq!(state("COMPLETED", 2, 1, false), "degraded");
        assert_eq!(state("IN_PROGRESS", 2, 2, true), "deploying");
        assert_eq!(state("FAILED", 2, 0, false), "failed");
        assert_eq!(state("COMPLETED", 0, 0, false), "stopped");
    }

    #[test]
    fn the_address_of_a_route() {
        let at = |host: Option<&str>, path: Option<&str>| {
            route("https://d1.example", (host.map(str::to_owned), path.map(str::to_owned)))
        };
        assert_eq!(at(None, Some("/api/*")).as_deref(), Some("https://d1.example/api/"));
        assert_eq!(at(None, None).as_deref(), Some("https://d1.example"));
        assert_eq!(at(Some("api.example.com"), None).as_deref(), Some("https://api.example.com"));
        assert_eq!(at(Some("*.example.com"), None), None);
    }

    #[test]
    fn states_are_coloured_and_names_are_not() {
        assert_eq!(tone("STATE", "healthy"), Tone::Good);
        assert_eq!(tone("STATUS", "incompatible-network"), Tone::Bad);
        assert_eq!(tone("STATUS", "modifying"), Tone::Busy);
        assert_eq!(tone("SERVICE", "failed"), Tone::Plain);
    }
}
