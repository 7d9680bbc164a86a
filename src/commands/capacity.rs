use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::account::{Told, nat, nat_assumption};
use super::arguments::{Aws, StackFile};
use super::edited::{self, Edit, placed};
use super::learned;
use super::price;
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::elasticache::NODE_CONNECTIONS;
use crate::blueprint::alarms::databases::usual_connections;
use crate::capacity::{Cache, Database, Model, Need, Service, Size, Source};
use crate::config::capacity::{Basis, CONNECTIONS, Capacity, PER_USER};
use crate::config::{self, Loaded};
use crate::prices::{Bill, HOURS};
use crate::ui::capacity::{Outlook, Point};
use crate::ui::{self, Color, Look};

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
        ui::out(&if text { ui::learned::learned_text(learned, &Look::stdout(color)) } else { session::json(learned)? })?;
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
        Format::Text => ui::capacity::capacity_text(&outlook, &Look::stdout(color)),
        Format::Json => session::json(&outlook)?,
    })?;
    if !arguments.apply {
        return Ok(());
    }
    if loaded.is_beside {
        let help = "write what is needed into the file of the environment by hand";
        return Err(Stop::refused("nothing was changed: this environment is in a file of its own", help));
    }
    let edits = edits(loaded, &outlook.need);
    if edits.is_empty() {
        ui::err(&ui::note("The file has all that is needed.", &Look::stderr(color)))?;
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
        let fits = need.databases.iter().all(|database| database.needed.is_some() || database.accepts.is_none());
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
        assumptions: assumptions(loaded, &model, arguments, told),
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
    let usage = &mut stack.usage;
    let factor = if usage.requests > 0.0 { need.requests / usage.requests } else { 1.0 };
    let times =
        |size: config::Size| config::Size::gib((f64::from(size.as_gib()) * factor).ceil().min(f64::from(u32::MAX)) as u32);
    (usage.transfer, usage.nat, usage.logs) = (times(usage.transfer), times(usage.nat), times(usage.logs));
    usage.cross_zone = times(usage.cross_zone);
    usage.requests = need.requests;
    Ok(price::billed(&loaded)?.0)
}

/// Returns how the file knows what a task carries.
fn by(capacity: &Capacity) -> String {
    let how = match capacity.basis {
        None | Some(Basis::Load) => "measured",
        Some(Basis::Production) => "the busiest hour of production",
        Some(Basis::Extrapolated) => "extrapolated from production",
    };
    match &capacity.measured {
        Some(day) => format!("{how} on {day}"),
        None => format!("{how}, the file does not say when"),
    }
}

/// Returns every assumption, in a sentence each.
fn assumptions(loaded: &Loaded, model: &Model, arguments: &Arguments, told: &Told) -> Vec<String> {
    let stack = &loaded.stack;
    let mut out = Vec::new();
    for service in &model.services {
        let name = &service.name;
        let measured = stack.capacity.iter().find(|(known, _)| known.as_str() == name).map(|(_, measured)| measured);
        let Some((carries, source)) = service.carries else {
            out.push(format!("`services.{name}`: what a task carries is not known, so its tasks stay as they are in the file."));
            continue;
        };
        let from = match source {
            Source::Given => "given by `--assume`".to_owned(),
            Source::Learned if arguments.extrapolate => "extrapolated from production".to_owned(),
            Source::Learned => "the busiest hour of production".to_owned(),
            Source::Measured => measured.map_or_else(String::new, by),
        };
        let users = carries / service.per_user;
        out.push(format!(
            "`services.{name}`: a task carries {carries} requests/s ({from}), a user sends {} requests/s, so {users:.0} users for each task. \
             A task of the same size, at a database that is not slower.",
            service.per_user
        ));
    }
    if !model.databases.is_empty() || !model.caches.is_empty() {
        let held: Vec<String> = model
            .services
            .iter()
            .filter(|service| !service.databases.is_empty() || !service.caches.is_empty())
            .map(|service| format!("{} in each task of `services.{}`", service.connections, service.name))
            .collect();
        let held = if held.is_empty() { "none".to_owned() } else { held.join(", ") };
        out.push(format!(
            "Connections to each database and cache: {held} (`connections_per_task`). At most 80 % are planned for."
        ));
    }
    for database in model.databases.iter().filter(|database| database.accepts.is_empty()) {
        let (name, class) = (&database.name, &database.class);
        out.push(format!("`databases.{name}`: how many connections {class} accepts is not known, so it stays as it is."));
    }
    out.push(
        "Not modelled: what queries cost, the processors and disks of databases and caches, how data grows, the memory of caches, and how the load balancer keeps up when requests more than double within minutes."
            .to_owned(),
    );
    if model.nat.gateways > 0 {
        out.push(nat_assumption(model));
    }
    out.push(
        "The price is as if all of these users were active all month: an upper bound where tasks are scaled. `usage.transfer`, `usage.nat`, \
         `usage.cross_zone` and `usage.logs` of the file grow with the requests."
            .to_owned(),
    );
    out.extend(told.assumption(arguments.fargate_vcpus).map(str::to_owned));
    out
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
    out
}

#[cfg(test)]
mod tests {
    use super::price::Pricing;
    use super::*;
    use crate::aws::bill;

    const FILE: &str = r#"
stack: shop
region: us-east-1
services:
  web:
    image: "nginx:1.27"
    cpu: 512
    memory: 1024
    port: 80
    routes: ["/*"]
    scale: { min: 2, max: 30 }
    uses: [databases.main, caches.sessions]
  worker: { image: "nginx:1.27", uses: [databases.main] }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.small }
caches:
  sessions: { engine: valkey }
capacity:
  web: { requests_per_task: 50, measured: 2026-11-25, p99: 280ms }
"#;

    fn loaded(text: &str) -> Loaded {
        config::load("s.yaml", text, None, &stack_file::stack_schema()).unwrap()
    }

    /// What is typed when nothing else is said.
    fn arguments() -> Arguments {
        #[derive(clap::Parser)]
        struct Typed {
            #[command(flatten)]
            arguments: Arguments,
        }
        let typed = ["stack", "s.yaml", "--users", "1", "--growth", "10%/month", "--fargate-vcpus", "64"];
        <Typed as clap::Parser>::parse_from(typed).arguments
    }

    fn answered(loaded: &Loaded, arguments: &Arguments, users: u64) -> Result<Outlook> {
        outlook(loaded, arguments, users, &Told::default())
    }

    #[test]
    fn what_is_needed_is_told_with_its_price() {
        let outlook = answered(&loaded(FILE), &arguments(), 5_000).unwrap();
        insta::assert_snapshot!("capacity-text", ui::capacity::capacity_text(&outlook, &Look::plain(110)));
        insta::assert_snapshot!("capacity-svg", ui::capacity::capacity_svg(&outlook));
        // 500 requests/s at 50 are 10 tasks; with the worker they hold 110 connections.
        assert_eq!((outlook.need.services[0].needed, outlook.need.databases[0].connections), (Some(10), 110));
        assert!(outlook.monthly > outlook.now);
    }

    /// The price is that of the same file, written by hand.
    #[test]
    fn the_price_is_that_of_the_file_that_is_needed() {
        let outlook = answered(&loaded(FILE), &arguments(), 5_000).unwrap();
        let by_hand = FILE
            .replace("scale: { min: 2, max: 30 }", "count: 10")
            .replace("capacity:", "usage: { requests: 500, transfer: 50000GiB, nat: 25000GiB, logs: 5000GiB }\ncapacity:");
        let by_hand = loaded(&by_hand);
        let bill = bill::of(&stack_file::offline(&by_hand).unwrap(), "us-east-1", &Pricing::of(&by_hand.stack).usage, None);
        assert_eq!(outlook.monthly, dollars(&bill));
    }

    #[test]
    fn what_is_not_measured_is_not_guessed() {
        let (text, _) = FILE.split_once("capacity:").unwrap();
        let Err(Stop::Message(_, why, Some(help))) = answered(&loaded(text), &arguments(), 10).map(|_| ()) else { panic!() };
        assert!(why.contains("not guessed") && help.contains("stack load services.web --save"), "{why} {help}");
        let assumed = Arguments { assume: vec![("web".into(), 20.0)], ..arguments() };
        let outlook = answered(&loaded(text), &assumed, 1_000).unwrap();
        assert_eq!(outlook.need.services[0].needed, Some(5));
        assert!(outlook.assumptions[0].contains("given by `--assume`"), "{:?}", outlook.assumptions);
    }

    #[test]
    fn what_is_needed_becomes_edits() {
        let file = loaded(FILE);
        let of = |users| edits(&file, &answered(&file, &arguments(), users).unwrap().need);
        assert_eq!(of(1_000), []);
        let edits = of(20_000);
        let told: Vec<String> = edits.iter().map(|(path, value)| format!("{} {value}", path.join("."))).collect();
        assert_eq!(told, ["services.web.scale.max 40", "databases.main.class \"db.t4g.large\""]);
    }

    /// The stages of docs/stages.md: the file, and the users of a month.
    const STAGES: [(&str, &str, u64); 7] = [
        ("free tier", "0-free-tier", 0),
        ("100", "1-hundred", 100),
        ("1,000", "2-thousand", 1_000),
        ("10,000", "3-ten-thousand", 10_000),
        ("100,000", "4-hundred-thousand", 100_000),
        ("1 million", "5-million", 1_000_000),
        ("10 million", "6-ten-million", 10_000_000),
    ];

    /// Of the users of a month, one of so many is active at the busiest moment.
    const ACTIVE: u64 = 100;

    #[test]
    fn the_page_about_stages_is_fresh() {
        let root = env!("CARGO_MANIFEST_DIR");
        let mut rows = "| users a month | file | a month | tasks | at the busiest moment | the first limit |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
        for (name, file, users) in STAGES {
            let path = format!("{root}/stacks/stages/{file}.yaml");
            let loaded = loaded(&std::fs::read_to_string(path).unwrap());
            assert_eq!(loaded.warnings.diagnostics.len(), 0, "{file}");
            let bill = bill::of(&stack_file::offline(&loaded).unwrap(), "us-east-1", &Pricing::of(&loaded.stack).usage, None);
            let mut monthly = format!("${:.0}", dollars(&bill).unwrap());
            let unknown: std::collections::BTreeSet<&str> =
                bill.lines.iter().filter(|line| line.monthly.is_none()).map(|line| line.billed.part.what.as_str()).collect();
            if !unknown.is_empty() {
                monthly =
                    format!("more than {monthly}; no price is known for {}", unknown.into_iter().collect::<Vec<_>>().join(", "));
            }
            let (mut busiest, mut first) = (String::new(), String::new());
            let model = model(&loaded, &arguments(), &Told::default());
            if users > 0 {
                let need = model.need(users / ACTIVE);
                let web = &need.services[0];
                assert!(web.needed.unwrap() <= web.allowed, "{file}: {web:?}");
                for class in need.databases.iter().chain(&need.caches) {
                    assert_eq!(class.needed.as_deref(), Some(class.now.as_str()), "{file}: {class:?}");
                }
                busiest = format!("{} requests/s, {}", web.requests, ui::count(web.needed.unwrap() as usize, "task"));
                let bounds = Model { quotas: Told::default().known(None), ..model.clone() }.bounds();
                first = format!("{} users: {}", bounds[0].users * ACTIVE, bounds[0].what);
                // The average is a third of the busiest moment.
                let average = loaded.stack.usage.requests * 3.0 / web.requests;
                assert!((0.9..1.1).contains(&average), "{file}: {average}");
            }
            let (least, most) = model.services[0].tasks;
            let tasks = if least == most { least.to_string() } else { format!("{least} to {most}") };
            rows += &format!(
                "| {name} | [`{file}.yaml`](../stacks/stages/{file}.yaml) | {monthly} | {tasks} | {busiest} | {first} |\n"
            );
        }
        let path = format!("{root}/docs/stages.md");
        let page = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = page.split_once("<!-- begin -->\n").unwrap();
        let (_, after) = rest.split_once("<!-- end -->").unwrap();
        let now = format!("{before}<!-- begin -->\n\n{rows}\n<!-- end -->{after}");
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            std::fs::write(&path, &now).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap() == now, "run: INSTA_UPDATE=always cargo test --lib stages");
    }

    #[test]
    fn shares_and_assumptions_are_read() {
        assert_eq!(growth("10%/month"), Ok(0.1));
        assert_eq!(assumed("services.web=20"), Ok(("web".into(), 20.0)));
        for wrong in ["10%", "10/month", "-5%/month", ""] {
            assert!(growth(wrong).is_err(), "{wrong}");
        }
        for wrong in ["web", "web=", "=5", "web=0"] {
            assert!(assumed(wrong).is_err(), "{wrong}");
        }
    }
}
