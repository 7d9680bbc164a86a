//! What production itself shows of what a task carries: of the hours of the last weeks the busiest, and what follows from how busy its
//! processors were then.
//!
//! What was carried is a fact, and the least that a task carries. Whatever is beyond is an extrapolation, which is linear in the use of
//! the processors, bounded by [`MOST`], and not made at all where they were idle: then something else may be the limit, and nothing is
//! known of it.

use serde::Serialize;

/// The use of the processors, in percent, to which is extrapolated: what is beyond is for peaks within the hour, and for deployments.
pub const TARGET: f64 = 70.0;
/// Below so many percent the processors were idle, and say nothing.
pub const IDLE: f64 = 20.0;
/// With so many percent of the memory in use, more requests may not have room.
pub const MEMORY: f64 = 80.0;
/// How much more than what was seen is claimed at most.
pub const MOST: f64 = 2.0;
/// The share of requests that may fail in an hour that counts: that of `stack load` when nothing is said.
pub const FAILED: f64 = 0.001;
/// Fewer hours than a day are no basis.
pub const ENOUGH: usize = 24;

/// An hour of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Hour {
    /// Its beginning, in seconds.
    pub at: i64,
    /// Requests per second of a task, on average.
    pub requests: f64,
    /// Tasks that were healthy, on average.
    pub tasks: Option<f64>,
    /// Percent of the processors of the tasks.
    pub cpu: Option<f64>,
    /// Percent of their memory.
    pub memory: Option<f64>,
    /// The 99th percentile of the latency, in milliseconds.
    pub p99: Option<f64>,
    /// The share of requests that tasks answered with an error of the server.
    pub failed: f64,
}

/// What a task would carry at [`TARGET`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beyond {
    /// So many requests per second, by the use of the processors.
    Linear(f64),
    /// So many: twice what was seen, though the processors alone would permit more.
    Bounded(f64),
    /// Nothing: the processors were idle.
    Idle,
    /// Nothing more: they were as busy as they may be.
    Full,
    /// Nothing more: the memory was.
    Memory,
    /// Nothing: their use is not known.
    Unknown,
}

/// What the hours of a service show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// No requests were reported.
    Nothing,
    /// In so many hours there were requests: too few.
    Few(usize),
    /// In every hour more than [`FAILED`] of the requests failed.
    Failing,
    /// So much was carried.
    Carried {
        /// The hours with requests.
        hours: usize,
        /// The busiest of those in which requests succeeded.
        peak: Hour,
        /// What would be carried at [`TARGET`].
        beyond: Beyond,
        /// A busier hour, in which too many requests failed.
        broke: Option<Hour>,
    },
}

impl Shown {
    /// Returns what hours show.
    pub fn of(hours: &[Hour]) -> Shown {
        let busy: Vec<&Hour> = hours.iter().filter(|hour| hour.requests > 0.0).collect();
        if busy.is_empty() {
            return Shown::Nothing;
        }
        if busy.len() < ENOUGH {
            return Shown::Few(busy.len());
        }
        let busiest = |fails: bool| {
            let some = busy.iter().filter(|hour| (hour.failed > FAILED) == fails);
            some.max_by(|a, b| a.requests.total_cmp(&b.requests)).map(|hour| **hour)
        };
        let Some(peak) = busiest(false) else { return Shown::Failing };
        let broke = busiest(true).filter(|hour| hour.requests > peak.requests);
        Shown::Carried { hours: busy.len(), peak, beyond: Beyond::of(&peak), broke }
    }

    /// Returns requests per second of a task that may be counted on: what was carried, or with `extrapolate` what follows from it. Nothing
    /// where the processors were idle, or where their use is not known: then a task may carry far more, and nobody knows.
    pub fn carries(&self, extrapolate: bool) -> Option<f64> {
        let Shown::Carried { peak, beyond, .. } = self else { return None };
        match beyond {
            Beyond::Idle | Beyond::Unknown => None,
            Beyond::Linear(more) | Beyond::Bounded(more) if extrapolate => Some(*more),
            _ => Some(peak.requests),
        }
    }
}

impl Beyond {
    /// Through the origin: what tasks use without requests makes the estimate smaller, and never larger.
    fn of(peak: &Hour) -> Beyond {
        let Some(cpu) = peak.cpu else { return Beyond::Unknown };
        if cpu < IDLE {
            return Beyond::Idle;
        }
        if cpu >= TARGET {
            return Beyond::Full;
        }
        if peak.memory.is_some_and(|memory| memory >= MEMORY) {
            return Beyond::Memory;
        }
        let factor = TARGET / cpu;
        if factor > MOST { Beyond::Bounded(peak.requests * MOST) } else { Beyond::Linear(peak.requests * factor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three days of 5 requests a second, and one hour of 20 at this use of the processors.
    fn days(cpu: f64) -> Vec<Hour> {
        let hour = |at: i64| Hour { at: at * 3_600, requests: 5.0, cpu: Some(12.0), memory: Some(40.0), ..Hour::default() };
        let mut all: Vec<Hour> = (0..72).map(hour).collect();
        all[40] = Hour { requests: 20.0, cpu: Some(cpu), p99: Some(180.0), tasks: Some(3.0), ..all[40] };
        all
    }

    fn beyond(hours: &[Hour]) -> Beyond {
        let Shown::Carried { peak, beyond, .. } = Shown::of(hours) else { panic!() };
        assert_eq!((peak.at, peak.requests), (40 * 3_600, 20.0));
        beyond
    }

    #[test]
    fn the_busiest_hour_is_what_was_carried() {
        let Shown::Carried { hours, peak, broke, .. } = Shown::of(&days(50.0)) else { panic!() };
        assert_eq!((hours, peak.p99, peak.tasks, broke), (72, Some(180.0), Some(3.0), None));
        assert_eq!(Shown::of(&days(50.0)).carries(false), Some(20.0));
        // 20 × 70 ÷ 50.
        assert_eq!(Shown::of(&days(50.0)).carries(true), Some(28.0));
    }

    #[test]
    fn more_than_twice_is_never_claimed() {
        assert_eq!(beyond(&days(35.0)), Beyond::Linear(40.0));
        // 20 × 70 ÷ 28 were 50.
        assert_eq!(beyond(&days(28.0)), Beyond::Bounded(40.0));
    }

    #[test]
    fn where_processors_were_idle_nothing_is_claimed() {
        for (cpu, expected) in [(19.9, Beyond::Idle), (70.0, Beyond::Full), (91.0, Beyond::Full)] {
            assert_eq!(beyond(&days(cpu)), expected);
        }
        assert_eq!((Shown::of(&days(19.9)).carries(false), Shown::of(&days(19.9)).carries(true)), (None, None));
        assert_eq!((Shown::of(&days(91.0)).carries(false), Shown::of(&days(91.0)).carries(true)), (Some(20.0), Some(20.0)));
        let mut unknown = days(50.0);
        unknown[40].cpu = None;
        assert_eq!((beyond(&unknown), Shown::of(&unknown).carries(true)), (Beyond::Unknown, None));
        let mut full = days(50.0);
        full[40].memory = Some(80.0);
        assert_eq!((beyond(&full), Shown::of(&full).carries(true)), (Beyond::Memory, Some(20.0)));
    }

    #[test]
    fn hours_with_errors_carried_nothing() {
        let mut hours = days(50.0);
        hours[60] = Hour { requests: 35.0, failed: 0.02, ..hours[60] };
        let Shown::Carried { peak, broke, .. } = Shown::of(&hours) else { panic!() };
        assert_eq!((peak.requests, broke.map(|hour| hour.requests)), (20.0, Some(35.0)));
        // One in a thousand may.
        hours[60].failed = 0.001;
        assert!(matches!(Shown::of(&hours), Shown::Carried { peak, broke: None, .. } if peak.requests == 35.0));
        hours.iter_mut().for_each(|hour| hour.failed = 0.5);
        assert_eq!(Shown::of(&hours), Shown::Failing);
    }

    #[test]
    fn a_few_hours_are_no_basis() {
        assert_eq!(Shown::of(&days(50.0)[30..53]), Shown::Few(23));
        assert!(matches!(Shown::of(&days(50.0)[30..54]), Shown::Carried { hours: 24, .. }));
        assert_eq!((Shown::of(&[]), Shown::of(&[Hour::default(); 100])), (Shown::Nothing, Shown::Nothing));
    }
}
