//! What must hold: percentiles of the latency and the share of failures.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The share of failures that is accepted where the goal does not say.
const ERRORS: f64 = 0.001;

/// A goal, such as `p99=300ms,errors=0.1%`.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// The longest latency of a percentile.
    pub latencies: Vec<(Percentile, Duration)>,
    /// The largest share of requests that may fail, from 0 to 1.
    pub errors: f64,
}

/// A percentile, such as `p99.9`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentile(f64);

impl Percentile {
    /// Returns the share of requests that it covers, from 0 to 1.
    pub fn quantile(self) -> f64 {
        self.0 / 100.0
    }

    /// Returns how many of `all` requests may be slower.
    pub fn spare(self, all: u64) -> u64 {
        // Of 200 requests p99 covers 198, whatever 0.99 is in binary.
        let covered = (all as f64 * self.quantile() - 1e-9).ceil();
        all.saturating_sub(covered as u64)
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

impl Goal {
    /// Returns the number of requests that a step needs for its percentiles to mean something: two beyond the highest one.
    pub fn samples(&self) -> u64 {
        let highest = self.latencies.iter().map(|(percentile, _)| percentile.quantile()).fold(0.0, f64::max);
        let needed = if highest < 1.0 { 2.0 / (1.0 - highest) } else { 100.0 };
        (needed.round() as u64).clamp(20, 20_000)
    }

    /// Returns the shortest latency that it asks for.
    pub fn shortest(&self) -> Option<Duration> {
        self.latencies.iter().map(|(_, latency)| *latency).min()
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (percentile, latency) in &self.latencies {
            write!(f, "{percentile}={}ms,", latency.as_secs_f64() * 1000.0)?;
        }
        // A share of 0.001 times 100 is not 0.1 in binary.
        write!(f, "errors={}%", (self.errors * 1e8).round() / 1e6)
    }
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Goal, String> {
        let mut goal = Goal { latencies: Vec::new(), errors: ERRORS };
        for part in text.split(',').map(str::trim) {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is no goal: write `p99=300ms,errors=0.1%`"))?;
            if name == "errors" {
                goal.errors = share(value)?;
                continue;
            }
            let number = name.strip_prefix('p').and_then(|number| number.parse::<f64>().ok());
            let number = number.filter(|number| *number > 0.0 && *number <= 100.0);
            let number =
                number.ok_or_else(|| format!("`{name}` is no percentile: write `p50`, `p99` or `p99.9`, or `errors`"))?;
            if goal.latencies.iter().any(|(known, _)| known.0 == number) {
                return Err(format!("`{name}` is given twice"));
            }
            goal.latencies.push((Percentile(number), latency(value)?));
        }
        Ok(goal)
    }
}

/// Reads a latency, such as `300ms` or `1.5s`.
fn latency(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').unwrap_or_default(), 1.0),
    };
    let seconds = number.parse::<f64>().ok().map(|number| number * unit);
    let seconds = seconds.filter(|seconds| (0.001..=60.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("`{text}` is no latency: write `300ms` or `1.5s`, 1ms to 60s"))
}

/// Reads a share, such as `0.1%`.
fn share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
    number
        .filter(|number| (0.0..100.0).contains(number))
        .map(|number| number / 100.0)
        .ok_or_else(|| format!("`{text}` is no share: write `0.1%`, less than 100%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(text: &str) -> Goal {
        text.parse().unwrap()
    }

    #[test]
    fn a_goal_reads_back_as_it_was_written() {
        for text in ["p99=300ms,errors=0.1%", "p50=20ms,p99.9=1500ms,errors=1%", "errors=0%", "p100=1000ms,errors=12.5%"] {
            assert_eq!(goal(text).to_string(), text);
        }
        assert_eq!(goal("p99=0.3s"), goal("p99=300ms,errors=0.1%"));
        assert_eq!(goal("p99=300ms, errors=0.1%"), goal("p99=300ms"));
    }

    #[test]
    fn what_is_no_goal_is_said() {
        for (text, part) in [
            ("", "is no goal"),
            ("p99", "is no goal"),
            ("p99=300", "is no latency"),
            ("p99=0ms", "is no latency"),
            ("p99=-1s", "is no latency"),
            ("p99=NaNs", "is no latency"),
            ("p0=1s", "is no percentile"),
            ("p101=1s", "is no percentile"),
            ("mean=1s", "is no percentile"),
            ("errors=0.1", "is no share"),
            ("errors=100%", "is no share"),
            ("p99=1s,p99=2s", "twice"),
        ] {
            let said = text.parse::<Goal>().unwrap_err();
            assert!(said.contains(part), "{text}: {said}");
        }
    }

    #[test]
    fn how_many_may_be_slow_and_how_many_are_needed() {
        let spare = |text: &str, all| goal(text).latencies[0].0.spare(all);
        assert_eq!([spare("p99=1s", 100), spare("p99=1s", 200), spare("p99=1s", 199), spare("p99=1s", 99)], [1, 2, 1, 0]);
        assert_eq!([spare("p100=1s", 500), spare("p50=1s", 5), spare("p99.9=1s", 1000), spare("p95=1s", 0)], [0, 2, 1, 0]);
        assert_eq!([goal("p99=1s").samples(), goal("p95=1s").samples(), goal("p99.9=1s").samples()], [200, 40, 2000]);
        assert_eq!([goal("errors=1%").samples(), goal("p100=1s").samples()], [20, 100]);
    }
}
