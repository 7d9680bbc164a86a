//! How busy this program keeps the machine that it runs on.

use std::time::Instant;

/// The time of the processors that this program has used, as far as the system tells it.
pub struct Processor {
    since: Instant,
    used: Option<f64>,
}

/// The ticks of a second in `/proc`: 100 on every Linux, whatever its own clock does
/// (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>, `USER_HZ`).
const TICKS: f64 = 100.0;

impl Processor {
    /// Begins to measure.
    pub fn begin() -> Processor {
        Processor { since: Instant::now(), used: used() }
    }

    /// Returns the share of all processors that was used since; none where the system does not tell.
    pub fn share(&self) -> Option<f64> {
        let processors = std::thread::available_parallelism().ok()?.get() as f64;
        let (before, now) = (self.used?, used()?);
        let share = (now - before) / (self.since.elapsed().as_secs_f64().max(0.001) * processors);
        // To the percent: more is not measured.
        Some((share * 100.0).round() / 100.0)
    }
}

/// Returns the seconds that were used so far.
fn used() -> Option<f64> {
    ticks(&std::fs::read_to_string("/proc/self/stat").ok()?).map(|ticks| ticks / TICKS)
}

/// Returns the user and system time of a line of `/proc/PID/stat`: its 14th and 15th field. The second one can contain spaces.
fn ticks(line: &str) -> Option<f64> {
    let (_, rest) = line.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_process_is_read() {
        let line = "42 (a b) c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 100 0 0";
        assert_eq!(ticks(line), Some(300.0));
        assert_eq!(ticks("42"), None);
    }
}
