//! When each request is due: evenly, and whether earlier ones were answered or not.

use std::time::Duration;

/// The times of the requests at one rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Requests in a second.
    pub rate: f64,
    /// How many there are.
    pub count: u64,
}

impl Schedule {
    /// Returns the schedule for a rate, as long as `least` and as `samples` requests take.
    pub fn new(rate: f64, least: Duration, samples: u64) -> Schedule {
        let count = (rate * least.as_secs_f64()).round() as u64;
        Schedule { rate, count: count.max(samples).max(1) }
    }

    /// Returns when a request is due, from the beginning. Not from the one before: no error adds up.
    pub fn at(&self, number: u64) -> Duration {
        Duration::from_secs_f64(number as f64 / self.rate)
    }

    /// Returns how long it lasts.
    pub fn lasts(&self) -> Duration {
        self.at(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_evenly() {
        let schedule = Schedule::new(50.0, Duration::from_secs(10), 200);
        assert_eq!((schedule.count, schedule.lasts()), (500, Duration::from_secs(10)));
        assert_eq!([0, 1, 250].map(|n| schedule.at(n).as_millis()), [0, 20, 5000]);
    }

    #[test]
    fn low_rates_last_until_there_are_enough_requests() {
        let schedule = Schedule::new(2.0, Duration::from_secs(10), 200);
        assert_eq!((schedule.count, schedule.lasts()), (200, Duration::from_secs(100)));
        assert_eq!(Schedule::new(0.1, Duration::from_secs(1), 0).count, 1);
    }
}
