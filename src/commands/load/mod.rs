//! `stack load`: what the stack carries, found by loading it.

mod figures;
mod machine;
mod send;
mod target;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;
use tokio::sync::watch;
use tokio::time::Instant;

use self::figures::Figures;
use self::send::Sender;
use self::target::Target;
use super::arguments::{Aws, StackFile, time};
use super::edited::{self, Edit};
use super::run::listen;
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::blueprint::figures as figures_of;
use crate::config::capacity::{Basis, PER_USER, written};
use crate::config::{self, Loaded};
use crate::engine::Snapshot;
use crate::load::result::rate_text;
use crate::load::{End, Goal, Limit, LoadTest, Scenario, Schedule, Search, Step, Verdict};
use crate::ui::load::{Head, Watcher};
use crate::ui::{self, Color, Terminal};

/// How often a rate must break the goal to count as broken: what else happens on a network happens once.
const TRIES: u32 = 2;
/// How long requests are sent before anything is counted.
const WARM_UP: Duration = Duration::from_secs(3);
/// How long the target rests after a step, and after one that broke the goal.
const REST: Duration = Duration::from_millis(500);
const LONG_REST: Duration = Duration::from_secs(3);

/// Load the stack until it breaks a goal, and show which part was the limit
///
/// TARGET is an address of the stack (its load balancer, its distribution, or a name that leads there) or `services.NAME`. Rates are
/// doubled and then bisected. Requests are due at fixed times, and latencies begin then, also when a request could not be sent. Only
/// what AWS shows to be the stack's own is ever loaded.
#[derive(Args, Debug)]
#[command(override_usage = "stack load [OPTIONS] [FILE] TARGET")]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    /// What to load: an address of the stack, or `services.NAME`
    #[arg(value_name = "TARGET")]
    target: Option<String>,
    #[command(flatten)]
    aws: Aws,
    /// What must hold: percentiles of the latency, and the share of failures [errors: 0.1%]
    #[arg(long, default_value = "p99=300ms,errors=0.1%", value_parser = goal)]
    goal: Goal,
    /// The first rate and the highest one, in requests per second
    #[arg(long, value_name = "FROM..TO", default_value = "10..5000", value_parser = ramp)]
    ramp: (f64, f64),
    /// Try only this rate, in requests per second; exit code 2 when it breaks the goal
    #[arg(long, value_name = "RATE", conflicts_with = "ramp", value_parser = rate)]
    rate: Option<f64>,
    /// How long each rate is tried. Low rates take longer: percentiles need enough requests
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = time)]
    step: config::Duration,
    /// How much higher than the rate that holds one that breaks may be, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    precision: u8,
    /// The longest time that requests are sent
    #[arg(long = "for", value_name = "TIME", default_value = "15m", value_parser = time)]
    most_time: config::Duration,
    /// The largest number of requests
    #[arg(long, value_name = "NUMBER", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    requests: u64,
    /// The largest number of connections
    #[arg(long, value_name = "NUMBER", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    connections: u16,
    /// How long a request may take, from when it is due, before it counts as failed
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    timeout: config::Duration,
    /// A YAML file with several requests and their weights
    #[arg(long, value_name = "FILE")]
    scenario: Option<String>,
    /// Connect to this address of this machine instead, such as the end of a tunnel. Host and path stay those of TARGET
    #[arg(long, value_name = "HOST:PORT", value_parser = loopback)]
    connect_to: Option<SocketAddr>,
    /// How long to wait at the end for CloudWatch, which knows a minute one to three minutes later
    #[arg(long, value_name = "TIME", default_value = "4m", value_parser = time)]
    wait_figures: config::Duration,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Confirm that this environment is loaded, if it is a production environment: `shop/production`
    #[arg(long, value_name = "STACK/ENV", help_heading = "Consent")]
    confirm: Option<String>,
    /// Write the plot to an SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<String>,
    /// Write plot, steps and figures to an HTML file
    #[arg(long, value_name = "FILE")]
    html: Option<String>,
    /// Write what a task carries into the file, below `capacity`; asks first, unless there is `--yes`
    #[arg(long)]
    save: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn goal(text: &str) -> Result<Goal, String> {
    text.parse()
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.5..=100_000.0).contains(rate));
    rate.ok_or_else(|| "write requests per second, 0.5 to 100000".to_owned())
}

fn ramp(text: &str) -> Result<(f64, f64), String> {
    let (from, to) = text.split_once("..").ok_or_else(|| "write two rates, such as `10..500`".to_owned())?;
    let (from, to) = (rate(from)?, rate(to)?);
    if from > to { Err("the first rate is higher than the highest one".to_owned()) } else { Ok((from, to)) }
}

/// Reads an address of this machine: anything else would be loaded without being the stack's.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    let address: SocketAddr = text.parse().map_err(|_| "write an address such as `127.0.0.1:8080`".to_owned())?;
    if !address.ip().is_loopback() || address.port() == 0 {
        return Err("only addresses of this machine are possible, such as `127.0.0.1:8080`".to_owned());
    }
    Ok(address)
}

fn length(time: config::Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let (file, wanted) = arguments.file.clone().and(arguments.target.clone(), "TARGET")?;
    let scenario = arguments.scenario.as_deref().map(scenario).transpose()?;
    let loaded = stack_file::load(&file, color)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?;
    let read = Snapshot::read(&session.registry, &session.cx);
    let (graph, snapshot) = session.hear(session.graph_beside(&loaded, read)).await?;
    let environment = format!("{}/{}", session.cx.scope.stack, session.cx.scope.env);
    let target = Target::of(&wanted, &snapshot, &environment)?;
    let scenario = scenario.unwrap_or_else(|| Scenario::of(&target.path));
    let connections = usize::from(arguments.connections);
    let timeout = length(arguments.timeout).max(Duration::from_secs(1));
    let sender = Arc::new(Sender::new(&target, scenario, connections, timeout, arguments.connect_to)?);
    let terminal = Terminal::stderr(color);
    ui::err(&ui::load_ahead(&ahead(&arguments, &target, &environment, &loaded), &terminal))?;
    if !consented(&arguments, &environment, loaded.stack.production)? {
        ui::err("Nothing was sent: not confirmed.\n")?;
        return Ok(Exit::Refused);
    }
    let (ids, all) = (snapshot.ids(), figures_of::all(&graph, &session.cx.scope));
    let figures = all.iter().filter(|figure| figure.tells_load()).filter_map(|figure| figure.resolved(&ids)).collect();
    let (snapshot, session) = (&snapshot, &session);
    let test = Test { arguments: &arguments, target: &target, environment: &environment, snapshot, session, figures };
    let run = test.run(&sender, terminal).await;
    // Whoever has listened to a signal once has it from then on: what follows ends at once.
    tokio::spawn(listen(watch::Sender::new(true), || {}));
    if let Some(path) = &arguments.svg {
        write(path, &ui::load_svg(&run))?;
    }
    if let Some(path) = &arguments.html {
        write(path, &ui::load_html(&run))?;
    }
    ui::out(&if arguments.json { session::json(&run)? } else { ui::load_text(&run, &Terminal::stdout(color)) })?;
    if arguments.save {
        save(&file, &run, &loaded, arguments.yes, color)?;
    }
    Ok(match run.end {
        End::Interrupted => Exit::Interrupted,
        _ if arguments.rate.is_none() || run.holds.is_some() => Exit::Ok,
        _ if run.breaks.is_some() => Exit::Changes,
        end => return Err(unknown(end, &run)),
    })
}

/// Returns why nothing is known about the only rate that was tried.
fn unknown(end: End, run: &LoadTest) -> Stop {
    let why = if end == End::Machine { run.limit.said.as_str() } else { run.ended().unwrap_or_default() };
    let why = why.trim_end_matches('.');
    Stop::message(format!("whether {} holds is not known: {why}", run.goal), "raise that bound, or send from a larger machine")
}

/// Writes what a task carries into the file.
fn save(file: &StackFile, run: &LoadTest, loaded: &Loaded, yes: bool, color: Color) -> Result<()> {
    let (Some(service), Some(per_task), Some(best)) = (&run.service, run.per_task, run.best()) else {
        let why = match run.service {
            None => "TARGET is an address, so the service and its tasks are not known",
            Some(_) => "no rate was found that holds, or no task is known to run",
        };
        return Err(Stop::message(format!("nothing was saved: {why}"), "load `services.NAME` until its limit is found"));
    };
    if run.end == End::Highest || run.end == End::Bound || run.breaks.is_none() {
        let note = "The limit was not reached: a task carries at least that.";
        ui::err(&ui::note(note, &Terminal::stderr(color)))?;
    }
    let at = |key: &str| vec!["capacity".to_owned(), service.clone(), key.to_owned()];
    let day = run.began.get(..10).unwrap_or_default();
    let now = loaded.stack.capacity.iter().find(|(name, _)| name.as_str() == service).map(|(_, now)| now);
    let mut edits: Vec<Edit> = written(now, per_task, Basis::Load).into_iter().map(|(key, value)| (at(key), value)).collect();
    edits.push((at("measured"), serde_json::json!(day)));
    edits.push((at("p99"), serde_json::json!(format!("{:.0}ms", best.latency.p99.clamp(1.0, 99_999.0)))));
    if edited::propose(file, &edits, yes, color)? {
        let per_user = now.map_or(PER_USER, |capacity| capacity.requests_per_user);
        let users = per_task / per_user;
        let text = format!(
            "With {per_user} requests/s of each user (`capacity.{service}.requests_per_user`), a task carries {users:.0} users."
        );
        ui::err(&ui::note(&text, &Terminal::stderr(color)))?;
    }
    Ok(())
}

/// Reads a scenario.
fn scenario(path: &str) -> Result<Scenario> {
    let wrong = |what: &str| Stop::bad_file(format!("`{path}`: {what}"), "docs/load.md describes scenarios");
    let text = std::fs::read_to_string(path)
        .map_err(|error| Stop::bad_file(format!("`{path}` cannot be read: {error}"), "name a file with a scenario"))?;
    let tree = config::yaml::parse(&text)
        .map_err(|problems| wrong(problems.first().map_or("it is not YAML", |problem| problem.message.as_str())))?;
    Scenario::read(tree.to_json(), &|name| std::env::var(name).ok()).map_err(|what| wrong(&what))
}

fn write(path: &str, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| Stop::message(format!("`{path}` cannot be written: {error}"), "name another file"))
}

/// Returns what would be sent, a line each.
fn ahead(arguments: &Arguments, target: &Target, environment: &str, loaded: &Loaded) -> Vec<String> {
    let (from, to) = arguments.rate.map_or(arguments.ramp, |rate| (rate, rate));
    let production = if loaded.stack.production { ", a production environment" } else { "" };
    let rates = if from == to { rate_text(from) } else { format!("{from} to {}", rate_text(to)) };
    let mut lines = vec![
        format!("Load {target} of {environment}{production}"),
        format!(
            "{rates}, until {} breaks; at most {} requests in {}, over at most {} connections",
            arguments.goal, arguments.requests, arguments.most_time, arguments.connections
        ),
        "The requests reach the application as those of users do, and AWS charges for them as for those.".to_owned(),
    ];
    match arguments.connect_to {
        Some(address) => lines.push(format!("Connections go to {address}, not to {}.", target.dns)),
        None => lines.push(format!("Connections go to {}.", target.dns)),
    }
    lines
}

/// Asks for consent: once, and for a production environment twice.
fn consented(arguments: &Arguments, environment: &str, is_production: bool) -> Result<bool> {
    if let Some(other) = arguments.confirm.as_deref().filter(|other| *other != environment) {
        return Err(Stop::refused(
            format!("nothing was sent: `--confirm` names `{other}`, but this is `{environment}`"),
            "check `--env` and the file",
        ));
    }
    let named = !is_production || arguments.confirm.is_some();
    if arguments.yes && named {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        let (why, flags) = match is_production {
            true => ("consent is missing, and this is a production environment", format!("add `--yes --confirm {environment}`")),
            false => ("cannot ask for confirmation, standard input is not a terminal", "add `--yes`".to_owned()),
        };
        return Err(Stop::refused(format!("nothing was sent: {why}"), flags));
    }
    if !arguments.yes && !ui::confirm("Send these requests?")? {
        return Ok(false);
    }
    Ok(named || ui::confirm_by("Users are served by this environment, and can get errors meanwhile.", environment)?)
}

/// A test, with what it is about.
struct Test<'a> {
    arguments: &'a Arguments,
    target: &'a Target,
    environment: &'a str,
    snapshot: &'a Snapshot,
    session: &'a Session,
    /// What tells how busy the parts are.
    figures: Vec<figures_of::Figure>,
}

impl Test<'_> {
    async fn run(&self, sender: &Arc<Sender>, terminal: Terminal) -> LoadTest {
        let arguments = self.arguments;
        let figures = Figures::begin(self.session.cx.clone(), self.figures.clone()).await;
        let goal = &arguments.goal;
        let first = goal.latencies.first().map(|(percentile, most)| (percentile.to_string(), most.as_secs_f64() * 1000.0));
        let watcher = Watcher::new(Head { url: self.target.to_string(), goal: goal.to_string(), first }, terminal);
        let (stop, stopped) = watch::channel(false);
        let signals = tokio::spawn(listen(stop.clone(), Watcher::leave));
        let wall = SystemTime::now();
        let (search, steps) = self.search(sender, &figures, &watcher, stopped.clone()).await;
        let end = search.end().unwrap_or(End::Bound);
        let of = |step: &Step| {
            let begun = wall + Duration::from_secs_f64(step.began.max(0.0));
            (begun, begun + Duration::from_secs_f64(step.seconds))
        };
        let broken: Vec<(SystemTime, SystemTime)> =
            steps.iter().filter(|step| matches!(step.verdict, Verdict::Broke { .. })).map(of).collect();
        if let Some((_, until)) = broken.last().filter(|_| end != End::Interrupted) {
            let patience = length(arguments.wait_figures);
            if !patience.is_zero() {
                watcher.note(&format!("Waiting up to {} for CloudWatch's figures.", arguments.wait_figures));
            }
            let mut stopped = stopped.clone();
            tokio::select! {
                () = figures.settle(*until, patience) => {}
                Ok(_) = stopped.wait_for(|stop| *stop) => {}
            }
        }
        signals.abort();
        drop(watcher);
        drop(stop);
        let all: Vec<(SystemTime, SystemTime)> = steps.iter().map(of).collect();
        let limit = Limit::of(end, &steps, usize::from(arguments.connections), &figures.peaks(&broken));
        let mut run = LoadTest {
            stack: self.environment.to_owned(),
            url: self.target.to_string(),
            service: self.target.service.clone(),
            goal: goal.to_string(),
            began: jiff::Timestamp::try_from(wall)
                .map_or_else(|_| String::new(), |at| jiff::fmt::strtime::format("%Y-%m-%dT%H:%M:%SZ", at).unwrap_or_default()),
            end,
            holds: search.held(),
            breaks: search.broken(),
            tasks: None,
            per_task: None,
            limit,
            parts: figures.peaks(&all),
            notes: Vec::new(),
            steps,
        };
        run.tasks = run.best().and_then(|step| step.tasks).filter(|tasks| *tasks > 0);
        run.per_task = run.tasks.zip(run.holds).map(|(tasks, rate)| rate / f64::from(tasks));
        run.notes = self.notes(&run, &figures);
        run
    }

    /// Tries one rate after another.
    async fn search(
        &self,
        sender: &Arc<Sender>,
        figures: &Figures,
        watcher: &Watcher,
        stopped: watch::Receiver<bool>,
    ) -> (Search, Vec<Step>) {
        let arguments = self.arguments;
        let (first, most) = arguments.rate.map_or(arguments.ramp, |rate| (rate, rate));
        let mut search = Search::new(first, most, f64::from(arguments.precision) / 100.0, TRIES);
        let (bound, mut left) = (length(arguments.most_time), arguments.requests);
        let begun = Instant::now();
        let mut steps: Vec<Step> = Vec::new();
        let tasks = || self.target.service.as_deref().and_then(|service| figures.tasks(service));
        let goal = &arguments.goal;
        let warm = Schedule::new(first, WARM_UP, 1);
        if warm.count < left && warm.lasts() < bound {
            // What is cold is slow, and can fail: only the steps are judged.
            let any = Goal { latencies: Vec::new(), errors: 1.0 };
            let step = sender.step(warm, &any, (begun, &tasks), stopped.clone(), &|_| {}).await;
            left -= step.due.min(left);
        }
        while let Some(rate) = search.next() {
            let schedule = Schedule::new(rate, length(arguments.step), goal.samples());
            if *stopped.borrow() {
                search.stop(End::Interrupted);
                break;
            }
            if schedule.count > left || begun.elapsed() + schedule.lasts() > bound {
                search.stop(End::Bound);
                break;
            }
            let step = sender.step(schedule, goal, (begun, &tasks), stopped.clone(), &|live| watcher.live(live)).await;
            left -= step.due.min(left);
            if *stopped.borrow() {
                // It was not seen to its end.
                search.stop(End::Interrupted);
                break;
            }
            watcher.step(&step);
            watcher.figures(figures.peaks(&[(SystemTime::UNIX_EPOCH, SystemTime::now())]));
            search.tell(&step.verdict);
            if arguments.rate.is_some() && search.broken().is_some() {
                search.stop(End::Nowhere);
            }
            let rest = if step.held() { REST } else { LONG_REST };
            steps.push(step);
            if search.next().is_some() {
                let mut stopped = stopped.clone();
                let _ = tokio::time::timeout(rest, stopped.wait_for(|stop| *stop)).await;
            }
        }
        (search, steps)
    }

    /// Returns what else is worth knowing.
    fn notes(&self, run: &LoadTest, figures: &Figures) -> Vec<String> {
        let mut notes = Vec::new();
        let answers = |of: &dyn Fn(u16) -> bool| -> u64 {
            run.steps.iter().flat_map(|step| &step.statuses).filter(|(status, _)| of(**status)).map(|(_, count)| count).sum()
        };
        let all = answers(&|_| true);
        if answers(&|status| (300..400).contains(&status)) * 2 > all {
            notes.push("Most answers are redirects, which are not followed: name the address that they lead to.".to_owned());
        }
        if answers(&|status| status == 403) > 0
            && self.snapshot.seen.iter().any(|seen| seen.kind == "wafv2.web_acl" && seen.key().is_some())
        {
            notes.push(
                "Some answers have the status 403: the firewall may have blocked this machine's address (`firewall.rate_limit`)."
                    .to_owned(),
            );
        }
        let tasks: Vec<u32> = run.steps.iter().filter_map(|step| step.tasks).collect();
        if let (Some(fewest), Some(most)) = (tasks.iter().min(), tasks.iter().max())
            && fewest != most
        {
            notes.push(format!("The service had {fewest} to {most} tasks during the test: it was scaled."));
        }
        if self.snapshot.seen.iter().any(|seen| {
            seen.kind == "cloudfront.distribution" && seen.live.get("domain") == Some(&self.target.dns.as_str().into())
        }) {
            notes.push("What CloudFront answers from its cache does not reach the application.".to_owned());
        }
        if let Some(wrong) = figures.wrong() {
            notes.push(format!("The figures of the parts could not be read: {wrong}"));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_addresses_are_read() {
        assert_eq!(ramp("10..500"), Ok((10.0, 500.0)));
        for wrong in ["", "10", "500..10", "0..5", "10..1e9", "a..b"] {
            assert!(ramp(wrong).is_err(), "{wrong}");
        }
        assert_eq!(loopback("localhost:80"), Ok("127.0.0.1:80".parse().unwrap()));
        assert!(loopback("[::1]:8080").is_ok());
        for wrong in ["10.0.0.1:80", "example.com:80", "127.0.0.1", "127.0.0.1:0", "0.0.0.0:80", "169.254.169.254:80"] {
            assert!(loopback(wrong).is_err(), "{wrong}");
        }
    }
}
