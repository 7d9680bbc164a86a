//! What production shows of what a task carries: text, and what JSON has of it.

use serde::Serialize;

use super::plan::finish;
use super::style::{STRONG, Terminal, wrap};
use super::table::table;
use super::units::decimal;
use crate::capacity::Shown;
use crate::capacity::learned::{Beyond, ENOUGH, FAILED, Hour, IDLE, MEMORY, MOST, TARGET};

/// What was learned of an environment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Learned {
    /// The stack and its environment.
    pub stack: String,
    /// Whether its file says that it is production.
    #[serde(rename = "production")]
    pub is_production: bool,
    /// The days that were looked at.
    pub days: u32,
    /// Each service behind the load balancer.
    pub services: Vec<Learnt>,
}

/// What was learned of a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Learnt {
    /// Its name.
    pub service: String,
    /// What its hours show.
    pub shown: Shown,
}

/// Returns the day of a time in seconds: `2026-11-25`.
pub fn day(seconds: i64) -> String {
    formatted(seconds, "%Y-%m-%d")
}

fn formatted(seconds: i64, format: &str) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    jiff::fmt::strtime::format(format, time).unwrap_or_default()
}

fn rate(requests: f64) -> String {
    format!("{}/s", decimal(requests, 2))
}

fn percent(of: Option<f64>) -> String {
    of.map_or_else(|| "–".to_owned(), |percent| format!("{percent:.0} %"))
}

impl Learnt {
    fn row(&self) -> Vec<String> {
        let name = format!("services.{}", self.service);
        let Shown::Carried { hours, peak, beyond, .. } = &self.shown else {
            let none = ["–"; 7].map(str::to_owned);
            return std::iter::once(name).chain(none).collect();
        };
        let beyond = match beyond {
            Beyond::Linear(more) | Beyond::Bounded(more) => rate(*more),
            _ => "–".to_owned(),
        };
        let tasks = peak.tasks.map_or_else(|| "–".to_owned(), |tasks| decimal(tasks, 1));
        let p99 = peak.p99.map_or_else(|| "–".to_owned(), |p99| format!("{p99:.0} ms"));
        let at = formatted(peak.at, "%Y-%m-%d %H:%M");
        vec![
            name,
            rate(peak.requests),
            beyond,
            at,
            tasks,
            format!("{} / {}", percent(peak.cpu), percent(peak.memory)),
            p99,
            hours.to_string(),
        ]
    }

    /// Returns what follows, and what does not.
    fn sentences(&self) -> Vec<String> {
        let name = format!("`services.{}`", self.service);
        let (hours, peak, beyond, broke) = match &self.shown {
            Shown::Nothing => return vec![format!("{name}: no requests were reported.")],
            Shown::Few(hours) => {
                return vec![format!(
                    "{name}: there were requests in {hours} of the hours, and {ENOUGH} are the least that is a basis."
                )];
            }
            Shown::Failing => {
                return vec![format!(
                    "{name}: more than {} of the requests failed in every hour, so nothing was carried.",
                    share(FAILED)
                )];
            }
            Shown::Carried { hours, peak, beyond, broke } => (hours, peak, beyond, broke),
        };
        let carried =
            format!("{name}: in the busiest of {hours} hours a task carried {} requests/s on average", decimal(peak.requests, 2));
        let cpu = percent(peak.cpu);
        let mut out = vec![match beyond {
            Beyond::Linear(more) => format!(
                "{carried}, with its CPU at {cpu}. At {TARGET} % it would carry {} if CPU grows with the requests: an extrapolation, not a measurement.",
                rate(*more)
            ),
            Beyond::Bounded(more) => format!(
                "{carried}, with its CPU at {cpu}. CPU alone would permit more than {}, but no more than {MOST} times what was seen is claimed.",
                rate(*more)
            ),
            Beyond::Idle => format!(
                "{carried}, with its CPU at {cpu}. Below {IDLE} % it was idle, so what a task carries is not known; it is at least that."
            ),
            Beyond::Full => format!("{carried}, with its CPU at {cpu}: no more is claimed."),
            Beyond::Memory => {
                format!("{carried}, with {} of its memory in use: from {MEMORY} % on no more is claimed.", percent(peak.memory))
            }
            Beyond::Unknown => {
                format!("{carried}; how busy its CPU was is not known, so neither is what a task carries; it is at least that.")
            }
        }];
        out.extend(broke.map(|hour| failed(&name, &hour)));
        out
    }
}

fn failed(name: &str, hour: &Hour) -> String {
    format!(
        "{name}: in the hour of {} UTC there were {} for each task, but {} of the requests failed, so it does not count.",
        formatted(hour.at, "%Y-%m-%d %H:%M"),
        rate(hour.requests),
        share(hour.failed)
    )
}

fn share(of: f64) -> String {
    format!("{} %", decimal(of * 100.0, 2))
}

impl Learned {
    fn sentences(&self) -> Vec<String> {
        let mut out: Vec<String> = self.services.iter().flat_map(Learnt::sentences).collect();
        out.push("The figures are averages of an hour: within it there were busier minutes. Other limits, such as a database, do not show in the CPU of tasks.".to_owned());
        if !self.is_production {
            out.push(format!("{} is not marked as production (`production: true`): its load may be that of tests.", self.stack));
        }
        out
    }
}

/// Returns it for people.
pub fn learned_text(learned: &Learned, terminal: &Terminal) -> String {
    let head = format!("What tasks of {} carried in the last {} days, by CloudWatch", learned.stack, learned.days);
    let mut text = finish(vec![terminal.paint(STRONG, &head), String::new()]);
    let headers = ["SERVICE", "CARRIED", "AT 70 % CPU", "BUSIEST HOUR (UTC)", "TASKS", "CPU / MEMORY", "P99", "HOURS"];
    text += &table(terminal, &headers, &learned.services.iter().map(Learnt::row).collect::<Vec<_>>());
    let mut out = vec![String::new()];
    for sentence in learned.sentences() {
        let lines = wrap(&sentence, terminal.width.saturating_sub(2).max(20));
        out.extend(
            lines.into_iter().enumerate().map(|(at, line)| format!("{} {line}", if at == 0 { terminal.bullet() } else { " " })),
        );
    }
    text + &finish(out)
}
