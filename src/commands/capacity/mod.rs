mod assumptions;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::aws::elasticache::NODE_CONNECTIONS;
use crate::blueprint::alarms::databases::usual_connections;
use crate::capacity::{Cache, Database, Model, Need, Service, Size, Source, memory};
use crate::commands::account::{Told, nat};
use crate::commands::arguments::{Aws, StackFile};
use crate::commands::edited::{self, Edit, placed};
use crate::commands::learned;
use crate::commands::price;
use crate::commands::session::{self, Session};
use crate::commands::stack_file;
use crate::commands::stop::{Exit, Result, Stop};
use crate::config::cache::CacheEngine;
use crate::config::capacity::{CONNECTIONS, PER_USER};
use crate::config::{self, Loaded};
use crate::prices::{Bill, HOURS};
use crate::ui::capacity::{Outlook, Point};
use crate::ui::{self, Color, Terminal};

/// The numbers of users that are told beside the one that was asked for, in relation to it.
const AROUND: [f64; 9] = [0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];
/// The most users: more people do not exist.
const MOST_USERS: u64 = 10_000_000_000;

/// Show what the architecture must be for a number of users, what that costs, and which limit is met first
///
/// It computes with what was measured (`capacity` in the file, which `stack load --save` writes) and says each assumption. What is not
/// known is not guessed: what queries cost, how data grows. AWS is not asked.
///
/// With `--from-production`, CloudWatch is asked what the tasks of the environment carried in the last weeks: in the busiest hour, and how
/// busy their CPU was then. `--save` writes that into the file, in place of a load test. It costs about a cent for a thousand metrics.
/// With `--quotas`, AWS is asked what the account may use.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("writing").multiple(true).args(["apply", "save"]))]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    /// Users that are active at the same time
    #[arg(long, value_name = "NUMBER", required_unless_present = "from_production", value_parser = clap::value_parser!(u64).range(1..=MOST_USERS))]
    users: Option<u64>,
    /// How users grow, such as `10%/month`; says when each limit is met
    #[arg(long, value_name = "SHARE", value_parser = growth)]
    growth: Option<f64>,
    /// Assume that a task of a service carries so many requests per second, in place of a measurement (can be repeated)
    #[arg(long, value_name = "SERVICE=RATE", value_parser = assumed)]
    assume: Vec<(String, f64)>,
    /// The vCPUs that the account may use on Fargate (quota L-3032A538), to compare with
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    fargate_vcpus: Option<u32>,
    /// Ask AWS for the quotas of the account, to compare with and to name those that must be raised
    #[arg(long)]
    quotas: bool,
    /// Learn what a task carries from what CloudWatch knows of this environment, and compute with it if `--users` is given
    #[arg(long)]
    from_production: bool,
    /// Look at this many days; CloudWatch keeps the figures of 455
    #[arg(long, value_name = "DAYS", default_value_t = 14, requires = "from_production", value_parser = clap::value_parser!(u32).range(1..=455))]
    days: u32,
    /// Count on what a task would carry with its CPU at 70 %, at most twice what it has carried, in place of what it has carried
    #[arg(long, requires = "from_production")]
    extrapolate: bool,
    /// Write what was learned into the file, below `capacity`; asks first, unless there is `--yes`
    #[arg(long, requires = "from_production")]
    save: bool,
    /// Write the plot over growing users to an SVG file
    #[arg(long, value_name = "FILE", requires = "users")]
    svg: Option<String>,
    /// Write what is needed into the file: into the environment that was chosen, if there is one
    #[arg(long, requires = "users", conflicts_with = "save")]
    apply: bool,
    /// Do not ask for confirmation
    #[arg(long, short, requires = "writing")]
    yes: bool,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    aws: Aws,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn growth(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/month").and_then(|text| text.strip_suffix('%')).and_then(|text| text.parse::<f64>().ok());
    let number = number.filter(|number| *number > 0.0 && *number <= 1000.0);
    number.map(|number| number / 100.0).ok_or_else(|| "write a share of each month, such as `10%/month`".to_owned())
}

fn assumed(text: &str) -> Result<(String, f64), String> {
    let parsed = text.split_once('=').and_then(|(name, rate)| Some((name, rate.parse::<f64>().ok()?)));
    let parsed = parsed.filter(|(name, rate)| !name.is_empty() && (0.01..=1e6).contains(rate));
    let (name, rate) = parsed.ok_or_else(|| "write a service and requests per second, such as `web=20`".to_owned())?;
    Ok((name.strip_prefix("services.").unwrap_or(name).to_owned(), rate))
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let asks = arguments.from_production || arguments.quotas;
    if let Some(option) = arguments.aws.given().filter(|_| !asks) {
        return Err(Stop::Message(
            Exit::Usage,
            format!("`{option}` is for `--from-production` and `--quotas`: nothing else here asks AWS"),
            Some("leave it out, or add one of them".into()),
        ));
    }
    let loaded = stack_file::load(&arguments.file, color)?;
    let mut told = Told::default();
    if asks {
        let session = Session::of(&loaded, &arguments.aws, color).await?;
        let days = arguments.from_production.then_some(arguments.days);
        told = Told::of(&session, &loaded, days, arguments.quotas).await?;
    }
    let learned = told.learned.clone();
    let text = arguments.format == Format::Text;
    if let Some(learned) = learned.as_ref().filter(|_| text || arguments.users.is_none()) {
        ui::out(&if text { ui::learned::learned_text(learned, &Terminal::stdout(color)) } else { session::json(learned)? })?;
    }
    if let Some(users) = arguments.users {
        if text && learned.is_some() {
            ui::out("\n")?;
        }
        answer(&loaded, &arguments, users, &told, color)?;
    }
    if let Some(learned) = learned.filter(|_| arguments.save) {
        learned::save(&arguments.file, &loaded, &learned, arguments.extrapolate, arguments.yes, color)?;
    }
    Ok(Exit::Ok)
}

/// Shows what so many users need, and writes it into the file where that is wanted.
fn answer(loaded: &Loaded, arguments: &Arguments, users: u64, told: &Told, color: Color) -> Result<()> {
    let outlook = outlook(loaded, arguments, users, told)?;
    if let Some(path) = &arguments.svg {
        std::fs::write(path, ui::capacity::capacity_svg(&outlook))
            .map_err(|error| Stop::message(format!("`{path}` cannot be written: {error}"), "name another file"))?;
    }
    ui::out(&match arguments.format {
        Format::Text => ui::capacity::capacity_text(&outlook, &Terminal::stdout(color)),
        Format::Json => session::json(&outlook)?,
    })?;
    if !arguments.apply {
        return Ok(());
    }
    let edits = edits(loaded, &outlook.need);
    if edits.is_empty() {
        ui::err(&ui::note("The file has all that is needed.", &Terminal::stderr(color)))?;
    } else {
        edited::propose(&arguments.file, &edits, arguments.yes, color)?;
    }
    Ok(())
}

/// Returns what is needed, what it costs and which limits there are.
fn outlook(loaded: &Loaded, arguments: &Arguments, users: u64, told: &Told) -> Result<Outlook> {
    let stack = &loaded.stack;
    if let Some((name, _)) = arguments.assume.iter().find(|(name, _)| !stack.services.keys().any(|known| known.as_str() == name))
    {
        return Err(Stop::Message(
            Exit::Usage,
            format!("`--assume {name}`: the file has no service `{name}`"),
            Some("name a service of the file".into()),
        ));
    }
    let model = model(loaded, arguments, told);
    if model.services.iter().all(|service| service.carries.is_none()) {
        let first = model
            .services
            .iter()
            .find(|service| !stack.services.iter().any(|(name, s)| name.as_str() == service.name && s.routes.is_empty()));
        let name = first.map_or("web", |service| service.name.as_str());
        return Err(Stop::message(
            "nothing is known of what a task carries, and it is not guessed",
            format!(
                "measure it with `stack load services.{name} --save`, or assume it with `--assume {name}=20` (requests per second)"
            ),
        ));
    }
    let point = |users: u64| -> Result<(Need, Bill)> {
        let need = model.need(users);
        let bill = billed(loaded, &need)?;
        Ok((need, bill))
    };
    let (need, bill) = point(users)?;
    let mut around = Vec::new();
    for factor in AROUND {
        let users = ((users as f64 * factor).round() as u64).clamp(1, MOST_USERS);
        let (need, bill) = point(users)?;
        let tasks = need.services.iter().filter_map(|service| service.needed).sum();
        let fits = need.databases.iter().chain(&need.caches).all(|class| class.needed.is_some() || class.is_unknown());
        let (monthly, unpriced) = (dollars(&bill), bill.sum().unpriced);
        around.push(Point { users, requests: need.requests, tasks, monthly, unpriced, fits });
    }
    around.dedup_by_key(|point| point.users);
    let (now, _) = price::billed(loaded)?;
    let quantity = |usage: &str| {
        let lines = bill.lines.iter().filter(|line| line.billed.part.usage.contains(usage));
        lines
            .map(|line| line.billed.part.quantity)
            .fold(None, |sum: Option<crate::prices::Decimal>, one| Some(sum.map_or(one, |sum| sum + one)))
    };
    Ok(Outlook {
        stack: format!("{}/{}", stack.stack, loaded.env),
        growth: arguments.growth,
        bounds: model.bounds(),
        balancer_units: quantity("ALB-LCU").map(|sum| sum.over(HOURS).quantity()),
        nat_gigabytes: quantity("nat-gateway-data").map(|sum| sum.quantity()),
        now: dollars(&now),
        monthly: dollars(&bill),
        unpriced: bill.sum().unpriced,
        assumptions: assumptions::all(loaded, &model, arguments, told),
        tasks_now: model.services.iter().map(|service| (service.name.clone(), service.tasks)).collect(),
        need,
        around,
        learned: told.learned.clone(),
        quotas_asked: told.quotas.is_some(),
    })
}

/// Returns what a month costs, in dollars; none where prices of the region are not known.
fn dollars(bill: &Bill) -> Option<f64> {
    bill.has_table.then(|| bill.sum().monthly.cents() as f64 / 100.0)
}

/// Returns what the file is, as far as it matters here.
fn model(loaded: &Loaded, arguments: &Arguments, told: &Told) -> Model {
    let stack = &loaded.stack;
    let shown =
        |name: &str| told.learned.as_ref()?.services.iter().find(|one| one.service == name)?.shown.carries(arguments.extrapolate);
    let used = |service: &config::Service, section: &str| {
        let names = service.uses.iter().filter_map(|used| used.strip_prefix(section)?.strip_prefix('.'));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let services = stack.services.iter().map(|(name, service)| {
        let measured = stack.capacity.get(name);
        let given = arguments.assume.iter().find(|(given, _)| given == name.as_str()).map(|(_, rate)| (*rate, Source::Given));
        Service {
            name: name.to_string(),
            carries: given
                .or_else(|| Some((shown(name.as_str())?, Source::Learned)))
                .or_else(|| Some((measured?.carries(), Source::Measured))),
            per_user: measured.map_or(PER_USER, |measured| measured.requests_per_user),
            tasks: (service.tasks(), service.scale.as_ref().map_or(service.tasks(), |scale| scale.max)),
            processors: f64::from(service.cpu) / 1024.0,
            connections: measured.map_or(CONNECTIONS, |measured| measured.connections_per_task),
            databases: used(service, "databases"),
            caches: used(service, "caches"),
            spot: service.spot,
            cached: measured.and_then(|measured| measured.cache_kib_per_user).map(|kib| f64::from(kib) * 1024.0),
            outgoing: measured.and_then(|measured| measured.outgoing_connections_per_task),
        }
    });
    let databases = stack.databases.iter().map(|(name, database)| {
        let said = database.parameters.get("max_connections").and_then(|said| said.parse::<f64>().ok());
        let classes = Size::of(&database.class).map_or_else(|| vec![database.class.clone()], |size| size.and_larger());
        let accepts = classes.into_iter().filter_map(|class| {
            let most = said.or_else(|| usual_connections(database.engine.as_str(), &class))?;
            Some((class, most))
        });
        Database { name: name.to_string(), class: database.class.clone(), accepts: accepts.collect() }
    });
    let caches = stack.caches.iter().map(|(name, cache)| Cache {
        name: name.to_string(),
        node: cache.node.clone(),
        accepts: NODE_CONNECTIONS,
        holds: held(cache),
    });
    Model {
        services: services.collect(),
        databases: databases.collect(),
        caches: caches.collect(),
        nat: nat(stack),
        is_balanced: stack.is_load_balanced(),
        quotas: told.known(arguments.fargate_vcpus),
    }
}

/// Returns how much data each type of a cache's family, from its own on, holds.
fn held(cache: &config::cache::Cache) -> Vec<(String, f64)> {
    let nodes = Size::of(&cache.node).map_or_else(|| vec![cache.node.clone()], |size| size.and_larger());
    let reserved = cache.parameters.get("reserved-memory-percent").and_then(|said| said.parse::<f64>().ok());
    let holds = |node: &str| match cache.engine {
        CacheEngine::Memcached => memory::memcached(node, cache.nodes.unwrap_or(1)),
        CacheEngine::Valkey | CacheEngine::Redis => memory::valkey(node, reserved),
    };
    nodes.into_iter().filter_map(|node| Some((node.clone(), holds(&node)?))).collect()
}

/// Returns what the file costs when it is what is needed, with all of these users all the time.
fn billed(loaded: &Loaded, need: &Need) -> Result<Bill> {
    let mut loaded = loaded.clone();
    let stack = &mut loaded.stack;
    for tasks in &need.services {
        let service = stack.services.iter_mut().find(|(name, _)| name.as_str() == tasks.service).map(|(_, service)| service);
        if let (Some(service), Some(needed)) = (service, tasks.needed) {
            (service.count, service.scale) = (Some(needed), None);
        }
    }
    for class in &need.databases {
        let database = stack.databases.iter_mut().find(|(name, _)| name.as_str() == class.name).map(|(_, database)| database);
        if let (Some(database), Some(needed)) = (database, &class.needed) {
            database.class.clone_from(needed);
        }
    }
    for class in &need.caches {
        let cache = stack.caches.iter_mut().find(|(name, _)| name.as_str() == class.name).map(|(_, cache)| cache);
        if let (Some(cache), Some(needed)) = (cache, &class.needed) {
            cache.node.clone_from(needed);
        }
    }
    let usage = &mut stack.usage;
    let factor = if usage.requests > 0.0 { need.requests / usage.requests } else { 1.0 };
    let times =
        |size: config::Size| config::Size::gib((f64::from(size.as_gib()) * factor).ceil().min(f64::from(u32::MAX)) as u32);
    (usage.transfer, usage.nat, usage.logs) = (times(usage.transfer), times(usage.nat), times(usage.logs));
    usage.cross_zone = times(usage.cross_zone);
    usage.requests = need.requests;
    Ok(price::billed(&loaded)?.0)
}

/// Returns what is to be written into the file.
fn edits(loaded: &Loaded, need: &Need) -> Vec<Edit> {
    let stack = &loaded.stack;
    let at = |keys: &[&str]| placed(loaded, &keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
    let mut out: Vec<(Vec<String>, Value)> = Vec::new();
    for tasks in &need.services {
        let Some((_, service)) = stack.services.iter().find(|(name, _)| name.as_str() == tasks.service) else { continue };
        let Some(needed) = tasks.needed else { continue };
        match &service.scale {
            Some(scale) if needed > scale.max => out.push((at(&["services", &tasks.service, "scale", "max"]), json!(needed))),
            Some(_) => {}
            None if needed > service.tasks() => out.push((at(&["services", &tasks.service, "count"]), json!(needed))),
            None => {}
        }
    }
    for class in &need.databases {
        if let Some(needed) = class.needed.as_ref().filter(|needed| **needed != class.now) {
            out.push((at(&["databases", &class.name, "class"]), json!(needed)));
        }
    }
    for class in &need.caches {
        if let Some(needed) = class.needed.as_ref().filter(|needed| **needed != class.now) {
            out.push((at(&["caches", &class.name, "node"]), json!(needed)));
        }
    }
    out
}

#[cfg(test)]
mod tests;
