//! `stack capacity --from-production`: what CloudWatch knows of the hours of the last weeks, for each service behind the load balancer.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::arguments::StackFile;
use super::edited::{self, Edit, placed};
use super::session::Session;
use super::stack_file;
use super::stop::{Result, Stop};
use crate::aws::cloudwatch::metrics::{self, Span};
use crate::blueprint::figures::{self, Figure};
use crate::capacity::{Hour, Shown};
use crate::config::capacity::{Basis, written};
use crate::config::{self, Loaded};
use crate::engine::Snapshot;
use crate::ui::learned::{Learned, Learnt, day};
use crate::ui::{self, Color, Terminal};

/// Seconds of an hour.
const HOUR: i32 = 3_600;

/// Asks CloudWatch what the tasks of each service carried in the days before `now`, which is in seconds.
///
/// # Errors
/// When AWS cannot be asked, or the environment has no service behind a load balancer of its own.
pub async fn of(session: &Session, loaded: &Loaded, days: u32, now: i64) -> Result<Learned> {
    let read = Snapshot::read_by_index(&session.registry, &session.cx);
    let (graph, snapshot) = session.hear(session.graph_beside(loaded, read)).await?;
    let ids = snapshot.ids();
    let asked: Vec<Figure> =
        figures::carried(&graph, &session.cx.scope).iter().filter_map(|figure| figure.resolved(&ids)).collect();
    if asked.is_empty() {
        return Err(Stop::refused(
            "no service of this environment runs behind a load balancer of its own",
            "`stack apply` creates what the file has; a service without one is measured by a load test, or assumed with `--assume`",
        ));
    }
    let wanted: Vec<_> = asked.iter().map(Figure::wanted).collect();
    let span = Span::before(now, HOUR, days.saturating_mul(24), false);
    let values = session.hear(metrics::series(&session.cx.cloud, &wanted, &span)).await?;
    Ok(Learned {
        stack: format!("{}/{}", loaded.stack.stack, loaded.env),
        is_production: loaded.stack.production,
        days,
        services: learned(&asked, &values, &span),
    })
}

/// Makes hours of the values of every metric, and of these what they show.
fn learned(asked: &[Figure], values: &[Vec<Option<f64>>], span: &Span) -> Vec<Learnt> {
    let mut services: BTreeMap<&str, BTreeMap<&str, &[Option<f64>]>> = BTreeMap::new();
    for (figure, points) in asked.iter().zip(values) {
        services.entry(&figure.part).or_default().insert(figure.what.label, points);
    }
    let hours = |of: &BTreeMap<&str, &[Option<f64>]>| -> Vec<Hour> {
        (0..span.count).map(|at| hour(span, at, &|label| of.get(label)?.get(at as usize).copied().flatten())).collect()
    };
    let name = |part: &str| part.strip_prefix("services.").unwrap_or(part).to_owned();
    services.iter().map(|(part, of)| Learnt { service: name(part), shown: Shown::of(&hours(of)) }).collect()
}

fn hour(span: &Span, at: u32, value: &dyn Fn(&str) -> Option<f64>) -> Hour {
    let all = value(figures::ALL).filter(|all| *all > 0.0);
    Hour {
        at: span.end - i64::from(span.period) * i64::from(span.count - at),
        requests: value(figures::REQUESTS).unwrap_or_default() / f64::from(span.period),
        tasks: value(figures::TASKS),
        cpu: value(figures::CPU),
        memory: value(figures::MEMORY),
        p99: value(figures::P99).map(|seconds| seconds * 1000.0),
        // Errors are not reported while there are none.
        failed: all.map_or(0.0, |all| value(figures::ERRORS).unwrap_or_default() / all),
    }
}

/// Writes what a task carries into the file, below `capacity`.
///
/// # Errors
/// When nothing can be counted on, or the file cannot be edited.
pub fn save(file: &StackFile, loaded: &Loaded, learned: &Learned, extrapolate: bool, yes: bool, color: Color) -> Result<()> {
    let own = own(&file.file, loaded)?;
    let edits: Vec<Edit> = learned.services.iter().flat_map(|one| edits(loaded, one, extrapolate, &own)).collect();
    if edits.is_empty() {
        return Err(Stop::message(
            "nothing was written: no service shows what a task carries",
            "measure it with `stack load services.NAME --save`, where an environment may be loaded",
        ));
    }
    for one in learned.services.iter().filter(|one| one.shown.carries(extrapolate).is_none()) {
        ui::err(&ui::note(&format!("Nothing is written for `services.{}`.", one.service), &Terminal::stderr(color)))?;
    }
    edited::propose(file, &edits, yes, color).map(|_| ())
}

/// Returns the services about which the environment says something itself; what is said for all of them is said in the file.
fn own(file: &str, loaded: &Loaded) -> Result<Vec<String>> {
    let read = |file: &str| -> Result<Value> {
        Ok(config::yaml::parse(&stack_file::read_alone(file)?).map(|tree| tree.to_json()).unwrap_or_default())
    };
    let environment = match config::joined::file_name(file, &loaded.env).filter(|_| loaded.is_beside) {
        Some(beside) => read(&beside)?,
        None => read(file)?["environments"][&loaded.env].clone(),
    };
    let section = environment["capacity"].as_object().cloned().unwrap_or_default();
    Ok(section.into_iter().map(|(name, _)| name).collect())
}

fn edits(loaded: &Loaded, one: &Learnt, extrapolate: bool, own: &[String]) -> Vec<Edit> {
    let (Some(carries), Shown::Carried { peak, .. }) = (one.shown.carries(extrapolate), &one.shown) else { return Vec::new() };
    let now = loaded.stack.capacity.iter().find(|(name, _)| name.as_str() == one.service).map(|(_, now)| now);
    let basis = if carries > peak.requests { Basis::Extrapolated } else { Basis::Production };
    let at = |key: &str| {
        let path = ["capacity".to_owned(), one.service.clone(), key.to_owned()];
        if own.contains(&one.service) { placed(loaded, &path) } else { path.to_vec() }
    };
    let mut out: Vec<Edit> = written(now, carries, basis).into_iter().map(|(key, value)| (at(key), value)).collect();
    out.push((at("measured"), json!(day(peak.at))));
    out.extend(peak.p99.map(|p99| (at("p99"), json!(format!("{:.0}ms", p99.clamp(1.0, 99_999.0))))));
    out
}
