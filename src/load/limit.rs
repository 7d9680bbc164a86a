//! What the limit was.

use serde::Serialize;

use super::search::End;
use super::step::{Step, Verdict};

/// The share of what it has from which a part is at its limit.
const FULL: f64 = 0.85;

/// The highest value of a figure of a part of the stack during the test.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The part, as the file calls it: `services.web`, `databases.main`, `load_balancer`.
    pub part: String,
    /// What it is: `CPU`, `memory`, `connections`.
    pub what: String,
    /// Its unit: `%`; none for a number.
    pub unit: String,
    /// The highest value of a minute.
    pub value: f64,
    /// The value at which the part is full; none where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full: Option<f64>,
}

impl Figure {
    /// Returns how much of what it has is used, from 0 to 1; none where that is not known.
    pub fn share(&self) -> Option<f64> {
        self.full.filter(|full| *full > 0.0).map(|full| self.value / full)
    }

    /// Returns the value with its unit.
    pub fn text(&self) -> String {
        let space = if self.unit.is_empty() { "" } else { " " };
        let places = usize::from(self.value < 10.0 && self.value.fract() != 0.0);
        format!("{:.places$}{space}{}", self.value, self.unit)
    }
}

/// What the limit was, and in a sentence why that is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Which it was.
    pub what: What,
    /// The part of the stack, when it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The sentence.
    pub said: String,
}

/// What can be the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Nothing: the goal held.
    None,
    /// The machine that sends.
    Machine,
    /// The bound of connections.
    Connections,
    /// A part of the stack.
    Part,
    /// Something in the stack; which part is not known.
    Unknown,
}

impl Limit {
    /// Returns what the limit was. `figures` are those of the minutes in which the goal broke.
    pub fn of(end: End, steps: &[Step], connections: usize, figures: &[Figure]) -> Limit {
        let said = |what, said: String| Limit { what, part: None, said };
        if end == End::Machine {
            let why = steps.iter().rev().find_map(|step| match &step.verdict {
                Verdict::Unsound { why } => Some(why.as_str()),
                _ => None,
            });
            let why = why.unwrap_or_default();
            return said(
                What::Machine,
                format!("This machine was the limit, not the target: {why}. Send from a larger machine, or from several."),
            );
        }
        let lowest = steps.iter().filter(|step| matches!(step.verdict, Verdict::Broke { .. }));
        let Some(broke) = lowest.min_by(|a, b| a.rate.total_cmp(&b.rate)) else {
            return said(What::None, "The goal held at every rate that was tried, so no limit was reached.".to_owned());
        };
        let mut known: Vec<(&Figure, f64)> = figures.iter().filter_map(|figure| Some((figure, figure.share()?))).collect();
        known.sort_by(|a, b| b.1.total_cmp(&a.1));
        if let Some((figure, share)) = known.first().filter(|(_, share)| *share >= FULL) {
            let Figure { part, what, .. } = figure;
            let share = share * 100.0;
            let used =
                if figure.unit == "%" { figure.text() } else { format!("{} ({share:.0} % of what it has)", figure.text()) };
            return Limit {
                what: What::Part,
                part: Some(part.clone()),
                said: format!("`{part}` was the limit: {what} at {used}."),
            };
        }
        if matches!(broke.verdict, Verdict::Broke { connections: true, .. }) {
            return said(
                What::Connections,
                format!(
                    "All {connections} connections were in use, and what was sent was answered in time: requests waited for a connection. \
                     More of them (`--connections`) may carry more, unless the target stalls."
                ),
            );
        }
        said(
            What::Unknown,
            match known.first() {
                None => "Which part was the limit is not known: CloudWatch has no figures of these minutes.".to_owned(),
                Some((figure, share)) => format!(
                    "No part was near its limit by CloudWatch's figures; the highest is {} of `{}` at {:.0} %. Look for a limit inside the \
                     application: its own workers, its pool of connections, locks, another service.",
                    figure.what,
                    figure.part,
                    share * 100.0
                ),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::schedule::Schedule;
    use crate::load::step::{Around, Outcome, Sample, Tally};

    /// A step whose requests took `took` from when they were due, and `after` from when they were sent.
    fn step(rate: f64, took: u64, after: u64, lag: u64) -> Step {
        let ms = Duration::from_millis;
        let mut tally = Tally::new(&"p99=300ms".parse().unwrap(), Schedule { rate, count: 10 }, ms(1000));
        let outcome = Outcome::Answered { status: 200, expected: true };
        let sample = Sample { lag: ms(lag), took: ms(took), after_sending: Some(ms(after)), outcome };
        (0..10).for_each(|_| tally.record(&sample));
        tally.finish(&Around { full: true, ..Around::default() })
    }

    fn figure(part: &str, what: &str, value: f64, full: Option<f64>) -> Figure {
        let unit = if full == Some(100.0) { "%" } else { "" };
        Figure { part: part.into(), what: what.into(), unit: unit.into(), value, full }
    }

    #[test]
    fn the_fullest_part_is_named() {
        let steps = [step(10.0, 20, 20, 1), step(20.0, 900, 900, 1)];
        let web = figure("services.web", "CPU", 91.0, Some(100.0));
        let database = figure("databases.main", "connections", 400.0, Some(405.0));
        let idle = figure("load_balancer", "open connections", 9000.0, None);
        let of = |figures: &[Figure]| Limit::of(End::Found, &steps, 100, figures);
        let limit = of(&[idle.clone(), web.clone(), database]);
        assert_eq!((limit.what, limit.part.as_deref()), (What::Part, Some("databases.main")));
        assert_eq!(limit.said, "`databases.main` was the limit: connections at 400 (99 % of what it has).");
        assert_eq!(of(&[web]).said, "`services.web` was the limit: CPU at 91 %.");
        assert!(of(std::slice::from_ref(&idle)).said.contains("no figures"));
        let half = figure("services.web", "CPU", 50.0, Some(100.0));
        assert!(of(&[half]).said.contains("No part was near its limit"), "{}", of(&[idle]).said);
    }

    #[test]
    fn the_generator_is_named_when_it_was_the_limit() {
        let late = [step(10.0, 20, 20, 1), step(20.0, 900, 10, 600)];
        let limit = Limit::of(End::Machine, &late, 100, &[figure("services.web", "CPU", 99.0, Some(100.0))]);
        assert_eq!(limit.what, What::Machine);
        assert!(limit.said.contains("This machine was the limit, not the target"), "{}", limit.said);
        let waiting = [step(20.0, 900, 10, 1)];
        assert_eq!(Limit::of(End::Found, &waiting, 4, &[]).what, What::Connections);
        assert_eq!(Limit::of(End::Highest, &[step(9.0, 20, 20, 1)], 4, &[]).what, What::None);
    }
}
