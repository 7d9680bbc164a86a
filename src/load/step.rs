//! What is counted at one rate.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::goal::Goal;
use super::schedule::Schedule;

/// How late the machine may be with a hundredth of its requests before a step that broke the goal says nothing about the target.
const LATE: Duration = Duration::from_millis(5);
/// The same as a part of the shortest latency of the goal.
const LATE_PART: u32 = 10;
/// The share of the machine's processors from which this program was busy with itself.
const BUSY: f64 = 0.9;
/// The percentile by which lateness is judged.
const LATE_QUANTILE: f64 = 0.99;

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer, and whether it is a success.
    Answered {
        /// The status.
        status: u16,
        /// Whether it counts as a success.
        expected: bool,
    },
    /// No complete answer in time.
    TimedOut,
    /// No connection was free in time.
    NotSent,
    /// The connection failed, in a few words.
    Failed(String),
}

/// A request that has ended.
#[derive(Clone, Debug)]
pub struct Sample {
    /// How long after it was due this program turned to it.
    pub lag: Duration,
    /// How long after it was due it had ended.
    pub took: Duration,
    /// How long that was after it was sent, when it was.
    pub after_sending: Option<Duration>,
    /// How it ended.
    pub outcome: Outcome,
}

/// The verdict on a rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// The goal held.
    Held,
    /// The goal broke.
    Broke {
        /// By what: `p99 was 412 ms`.
        why: String,
        /// Whether only waiting for a free connection broke it.
        connections: bool,
    },
    /// The goal broke, but this machine was too late for that to say anything.
    Unsound {
        /// What it was late with.
        why: String,
    },
}

/// The latencies of a step, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latencies {
    /// Half are faster.
    pub p50: f64,
    /// 90 of 100 are faster.
    pub p90: f64,
    /// 95 of 100 are faster.
    pub p95: f64,
    /// 99 of 100 are faster.
    pub p99: f64,
    /// 999 of 1,000 are faster.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

impl Latencies {
    fn of(histogram: &Histogram<u64>) -> Latencies {
        let at = |quantile: f64| millis(histogram.value_at_quantile(quantile));
        Latencies { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), p999: at(0.999), max: millis(histogram.max()) }
    }
}

/// What a step measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Requests that were due in a second.
    pub rate: f64,
    /// When it began, in seconds since the beginning of the run.
    pub began: f64,
    /// How long requests were due, in seconds.
    pub seconds: f64,
    /// How many were due.
    pub due: u64,
    /// How many succeeded.
    pub succeeded: u64,
    /// How many failed, by how.
    pub failures: BTreeMap<String, u64>,
    /// How many answers had each status.
    pub statuses: BTreeMap<u16, u64>,
    /// Latencies from when requests were due. What got no answer counts with the time-out.
    pub latency: Latencies,
    /// Latencies from when requests were sent: what a test in a closed loop would report.
    pub from_sending: Latencies,
    /// How late this program turned to its requests.
    pub lag: Latencies,
    /// The percentiles of the goal, in milliseconds.
    pub goal: BTreeMap<String, f64>,
    /// The most requests that waited for an answer at once.
    pub in_flight: usize,
    /// Whether all connections were in use at some time.
    pub full: bool,
    /// The share of this machine's processors that this program used, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor: Option<f64>,
    /// The tasks of the service that ran at the same time, the most of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u32>,
    /// Whether it ended early, because the goal could not hold any more.
    pub cut: bool,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Step {
    /// Returns how many requests failed.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Returns the share of requests that failed, from 0 to 1.
    pub fn failing(&self) -> f64 {
        if self.due == 0 { 0.0 } else { self.failed() as f64 / self.due as f64 }
    }

    /// Returns whether the goal held.
    pub fn held(&self) -> bool {
        self.verdict == Verdict::Held
    }
}

/// What is known of a step while it lasts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepSoFar {
    /// Requests that are due in a second.
    pub rate: f64,
    /// How long it has lasted, and will last, in seconds.
    pub seconds: (f64, f64),
    /// How many requests have ended, and how many of them failed.
    pub ended: u64,
    /// How many failed.
    pub failed: u64,
    /// How many wait for an answer.
    pub in_flight: usize,
    /// Latencies from when requests were due.
    pub latency: Latencies,
    /// The first percentile of the goal, in milliseconds.
    pub goal: f64,
}

/// What a step knows besides its requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around {
    /// When it began, after the beginning of the run.
    pub began: Duration,
    /// How long requests were due.
    pub lasted: Duration,
    /// The most requests in flight at once.
    pub in_flight: usize,
    /// Whether all connections were in use at some time.
    pub full: bool,
    /// The share of the machine's processors that this program used.
    pub processor: Option<f64>,
    /// The tasks of the service.
    pub tasks: Option<u32>,
    /// Whether it ended early.
    pub cut: bool,
}

/// Counts the requests of a step.
pub struct Tally {
    goal: Goal,
    planned: Schedule,
    timeout: Duration,
    /// How many were slower than each latency of the goal, from when they were due and from when they were sent.
    slow: Vec<u64>,
    slow_after_sending: Vec<u64>,
    /// The same without what this program was late with. A free connection is waited for after that, so such waiting counts.
    slow_without_lag: Vec<u64>,
    due: u64,
    succeeded: u64,
    not_sent: u64,
    failures: BTreeMap<String, u64>,
    statuses: BTreeMap<u16, u64>,
    latency: Histogram<u64>,
    from_sending: Histogram<u64>,
    lag: Histogram<u64>,
}

/// Returns a histogram of microseconds with three significant digits; none that exceed an hour occur.
fn histogram() -> Histogram<u64> {
    // These bounds are valid; with others it would grow by itself.
    Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap_or_else(|_| {
        let mut histogram = Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are possible"));
        histogram.auto(true);
        histogram
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

impl Tally {
    /// Returns an empty count. `timeout` is what a request without an answer counts with.
    pub fn new(goal: &Goal, planned: Schedule, timeout: Duration) -> Tally {
        let none = vec![0; goal.latencies.len()];
        Tally {
            goal: goal.clone(),
            planned,
            timeout,
            slow: none.clone(),
            slow_after_sending: none.clone(),
            slow_without_lag: none,
            due: 0,
            succeeded: 0,
            not_sent: 0,
            failures: BTreeMap::new(),
            statuses: BTreeMap::new(),
            latency: histogram(),
            from_sending: histogram(),
            lag: histogram(),
        }
    }

    /// Counts a request.
    pub fn record(&mut self, sample: &Sample) {
        self.due += 1;
        let failure = match &sample.outcome {
            Outcome::Answered { status, expected } => {
                *self.statuses.entry(*status).or_default() += 1;
                (!expected).then(|| format!("status {status}"))
            }
            Outcome::TimedOut => Some("no answer in time".to_owned()),
            Outcome::NotSent => {
                self.not_sent += 1;
                Some("not sent in time".to_owned())
            }
            Outcome::Failed(why) => Some(why.clone()),
        };
        match failure {
            None => self.succeeded += 1,
            Some(failure) => *self.failures.entry(failure).or_default() += 1,
        }
        // What was refused at once is not fast: it counts with the time-out, as what never came.
        let answered = matches!(sample.outcome, Outcome::Answered { .. });
        let took = if answered { sample.took } else { sample.took.max(self.timeout) };
        let after_sending = sample.after_sending.map(|after| if answered { after } else { after.max(self.timeout) });
        self.latency.saturating_record(micros(took).max(1));
        self.lag.saturating_record(micros(sample.lag).max(1));
        if let Some(after) = after_sending {
            self.from_sending.saturating_record(micros(after).max(1));
        }
        for (at, (_, most)) in self.goal.latencies.iter().enumerate() {
            let add = |slow: &mut Vec<u64>| slow.get_mut(at).map(|count| *count += 1);
            if took > *most {
                add(&mut self.slow);
            }
            if !answered || took.saturating_sub(sample.lag) > *most {
                add(&mut self.slow_without_lag);
            }
            if after_sending.is_some_and(|after| after > *most) {
                add(&mut self.slow_after_sending);
            }
        }
    }

    fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Checks whether the goal is broken whatever the remaining requests do.
    pub fn is_lost(&self) -> bool {
        let all = self.planned.count.max(self.due);
        let slow = self.goal.latencies.iter().zip(&self.slow).any(|((percentile, _), slow)| *slow > percentile.spare(all));
        slow || self.failed() as f64 > self.goal.errors * all as f64
    }

    /// Returns what is known so far.
    pub fn live(&self, lasted: Duration, in_flight: usize) -> StepSoFar {
        StepSoFar {
            rate: self.planned.rate,
            seconds: (lasted.as_secs_f64(), self.planned.lasts().as_secs_f64()),
            ended: self.due,
            failed: self.failed(),
            in_flight,
            latency: Latencies::of(&self.latency),
            goal: self
                .goal
                .latencies
                .first()
                .map_or(0.0, |(percentile, _)| millis(self.latency.value_at_quantile(percentile.quantile()))),
        }
    }

    /// Returns which parts of the goal are broken, in words: what failed first, because it counts as slow, too.
    fn broken(&self) -> Option<String> {
        let slow = self.goal.latencies.iter().zip(&self.slow).find(|((percentile, _), slow)| **slow > percentile.spare(self.due));
        let slow = slow.map(|((percentile, most), _)| {
            let was = millis(self.latency.value_at_quantile(percentile.quantile()));
            format!("{percentile} was {was:.0} ms, more than {:.0} ms", most.as_secs_f64() * 1000.0)
        });
        let parts: Vec<String> = self.failing().into_iter().chain(slow).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Returns how much failed, if that is more than the goal allows.
    fn failing(&self) -> Option<String> {
        let share = self.failed() as f64 / self.due.max(1) as f64;
        (share > self.goal.errors).then(|| {
            let most = self.failures.iter().max_by_key(|(_, count)| **count).map(|(what, _)| format!(", most of them: {what}"));
            let allowed = (self.goal.errors * 1e8).round() / 1e6;
            format!("{:.2} % failed, more than {allowed} %{}", share * 100.0, most.unwrap_or_default())
        })
    }

    /// Checks whether the goal holds for all that was sent, from when it was sent.
    fn holds_from_sending(&self) -> bool {
        let sent = self.due - self.not_sent;
        let fast = self
            .goal
            .latencies
            .iter()
            .zip(&self.slow_after_sending)
            .all(|((percentile, _), slow)| *slow <= percentile.spare(sent));
        fast && (self.failed() - self.not_sent) as f64 <= self.goal.errors * sent as f64
    }

    /// Checks whether the goal holds but for what this program was late with.
    fn holds_without_lag(&self) -> bool {
        let mut all = self.goal.latencies.iter().zip(&self.slow_without_lag);
        all.all(|((percentile, _), slow)| *slow <= percentile.spare(self.due))
            && self.failed() as f64 <= self.goal.errors * self.due as f64
    }

    fn verdict(&self, around: &Around) -> Verdict {
        let Some(why) = self.broken() else { return Verdict::Held };
        let lag = Duration::from_micros(self.lag.value_at_quantile(LATE_QUANTILE));
        let part = self.goal.shortest().map_or(LATE, |shortest| shortest / LATE_PART);
        // Of a short goal that can be much, and then the goal is broken by it or not.
        if lag > part.max(LATE) || lag > part && self.holds_without_lag() {
            let why = format!("a hundredth of the requests was sent {} ms late or more", lag.as_millis());
            return Verdict::Unsound { why };
        }
        match around.processor {
            Some(share) if share >= BUSY => {
                Verdict::Unsound { why: format!("sending took {:.0} % of this machine's processors", share * 100.0) }
            }
            _ => Verdict::Broke { why, connections: around.full && self.holds_from_sending() },
        }
    }

    /// Returns what the step measured.
    pub fn finish(self, around: &Around) -> Step {
        let verdict = self.verdict(around);
        let goal = self
            .goal
            .latencies
            .iter()
            .map(|(percentile, _)| (percentile.to_string(), millis(self.latency.value_at_quantile(percentile.quantile()))));
        Step {
            rate: self.planned.rate,
            began: around.began.as_secs_f64(),
            seconds: around.lasted.as_secs_f64(),
            due: self.due,
            succeeded: self.succeeded,
            latency: Latencies::of(&self.latency),
            from_sending: Latencies::of(&self.from_sending),
            lag: Latencies::of(&self.lag),
            goal: goal.collect(),
            in_flight: around.in_flight,
            full: around.full,
            processor: around.processor,
            tasks: around.tasks,
            cut: around.cut,
            failures: self.failures,
            statuses: self.statuses,
            verdict,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const TIMEOUT: Duration = Duration::from_secs(10);

    fn tally(goal: &str, count: u64) -> Tally {
        Tally::new(&goal.parse().unwrap(), Schedule { rate: 100.0, count }, TIMEOUT)
    }

    fn sample(took: u32, after: u32, status: u16) -> Sample {
        let outcome = Outcome::Answered { status, expected: status < 400 };
        Sample { lag: MS, took: MS * took, after_sending: Some(MS * after), outcome }
    }

    fn step(tally: Tally, full: bool) -> Step {
        tally.finish(&Around { full, ..Around::default() })
    }

    #[test]
    fn one_of_a_hundred_may_be_slow_and_two_may_not() {
        for (slow, held) in [(1, true), (2, false)] {
            let mut counted = tally("p99=300ms", 100);
            (0..100).for_each(|n| counted.record(&sample(if n < slow { 301 } else { 300 }, 10, 200)));
            assert_eq!(counted.is_lost(), !held);
            let step = step(counted, false);
            assert_eq!(step.held(), held, "{:?}", step.verdict);
            assert_eq!((step.due, step.succeeded, step.statuses[&200]), (100, 100, 100));
        }
    }

    #[test]
    fn why_all_failed_is_told_before_that_it_was_slow() {
        let mut counted = tally("p99=300ms,errors=1%", 2);
        let failed = || Outcome::Failed("certificate not accepted".into());
        let sample = Sample { outcome: failed(), ..sample(1, 1, 200) };
        (0..2).for_each(|_| counted.record(&sample));
        let Verdict::Broke { why, .. } = step(counted, false).verdict else { panic!() };
        assert!(why.starts_with("100.00 % failed, more than 1 %, most of them: certificate not accepted; p99 was "), "{why}");
    }

    #[test]
    fn it_is_lost_as_soon_as_nothing_can_save_it() {
        let mut counted = tally("p99=300ms", 1000);
        (0..10).for_each(|_| counted.record(&sample(400, 400, 200)));
        assert!(!counted.is_lost());
        counted.record(&sample(400, 400, 200));
        assert!(counted.is_lost());
        let mut failing = tally("p99=300ms,errors=1%", 1000);
        (0..10).for_each(|_| failing.record(&sample(5, 5, 503)));
        assert!(!failing.is_lost());
        failing.record(&sample(5, 5, 503));
        assert!(failing.is_lost());
        let Verdict::Broke { why, .. } = step(failing, false).verdict else { panic!() };
        assert_eq!(why, "100.00 % failed, more than 1 %, most of them: status 503");
    }

    /// A target that stops for a second at 100 requests a second: 100 of them wait for that, not only those that were in flight.
    #[test]
    fn a_stall_is_seen_from_when_requests_were_due() {
        let mut counted = tally("p95=300ms", 1000);
        for n in 0..1000_u32 {
            // Two connections: two requests see the stall, the others are sent when it is over.
            let stalled = if (400..500).contains(&n) { (500 - n) * 10 } else { 0 };
            let after = if (400..402).contains(&n) { stalled + 5 } else { 5 };
            counted.record(&sample(stalled + 5, after, 200));
        }
        let step = step(counted, true);
        assert!(step.latency.p95 > 450.0, "{:?}", step.latency);
        assert!(step.from_sending.p95 < 6.0, "what a closed loop would report: {:?}", step.from_sending);
        let Verdict::Broke { why, connections } = step.verdict else { panic!("{:?}", step.verdict) };
        assert!(connections && why.starts_with("p95 was 5"), "{why}");
    }

    #[test]
    fn what_never_came_is_slow_and_failed() {
        let mut counted = tally("p99=300ms,errors=50%", 10);
        let lost = |outcome, after_sending| Sample { lag: MS, took: MS, after_sending, outcome };
        counted.record(&lost(Outcome::Failed("connection refused".into()), Some(MS)));
        counted.record(&lost(Outcome::NotSent, None));
        (0..8).for_each(|_| counted.record(&sample(5, 5, 200)));
        let step = step(counted, false);
        assert!(step.latency.p99 >= 9990.0 && step.goal["p99"] >= 9990.0, "{:?}", step.latency);
        assert_eq!((step.failed(), step.failing()), (2, 0.2));
        assert_eq!(step.failures.keys().collect::<Vec<_>>(), ["connection refused", "not sent in time"]);
        assert!(matches!(step.verdict, Verdict::Broke { .. }));
    }

    #[test]
    fn a_machine_that_is_late_accuses_no_target() {
        let mut counted = tally("p99=300ms", 100);
        (0..100).for_each(|_| counted.record(&Sample { lag: MS * 31, ..sample(400, 370, 200) }));
        let Verdict::Unsound { why } = step(counted, false).verdict else { panic!() };
        assert_eq!(why, "a hundredth of the requests was sent 31 ms late or more");
        // What held all the same, held.
        let mut counted = tally("p99=300ms", 100);
        (0..100).for_each(|_| counted.record(&Sample { lag: MS * 31, ..sample(40, 9, 200) }));
        assert!(step(counted, false).held());
        // A short goal that only the lateness broke.
        let late = |lag: u32, took: u32, after: u32| {
            let mut counted = tally("p99=4ms", 100);
            (0..100).for_each(|_| counted.record(&Sample { lag: MS * lag, ..sample(took, after, 200) }));
            step(counted, true).verdict
        };
        let Verdict::Unsound { why } = late(4, 5, 1) else { panic!() };
        assert!(why.ends_with("4 ms late or more"), "{why}");
        // Waiting for a connection is the target's, however fast it answers what is sent, and so is what is slow without the lateness.
        assert!(matches!(late(1, 9, 1), Verdict::Broke { connections: true, .. }));
        assert!(matches!(late(4, 9, 1), Verdict::Broke { .. }));
        let mut counted = tally("p99=300ms", 100);
        (0..100).for_each(|_| counted.record(&sample(400, 400, 200)));
        let busy = Around { processor: Some(0.97), ..Around::default() };
        let Verdict::Unsound { why } = counted.finish(&busy).verdict else { panic!() };
        assert_eq!(why, "sending took 97 % of this machine's processors");
    }

    #[test]
    fn a_step_without_requests_holds_nothing_up() {
        let empty = step(tally("p99=300ms", 10), false);
        assert_eq!((empty.due, empty.failing(), empty.held()), (0, 0.0, true));
    }
}
