//! Which rate is next: doubled until the goal breaks, then bisected.

use serde::Serialize;

use super::step::Verdict;

/// Rates below this are not tried, in requests per second.
const LOWEST: f64 = 0.5;

/// The search for the highest rate at which the goal holds.
#[derive(Clone, Debug)]
pub struct Search {
    next: f64,
    most: f64,
    precision: f64,
    tries: u32,
    /// How often the goal broke at `next`, and how often nothing could be said there.
    broke: u32,
    unsound: u32,
    held: Option<f64>,
    broken: Option<f64>,
    end: Option<End>,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The goal holds at a rate and breaks at one that is not much higher.
    Found,
    /// The goal holds at the highest rate that was allowed.
    Highest,
    /// The goal breaks at the lowest rate that is tried.
    Nowhere,
    /// The machine that sends could not keep the schedule.
    Machine,
    /// The time or the number of requests was used up.
    Bound,
    /// It was interrupted.
    Interrupted,
}

impl Search {
    /// Returns a search from `first` up to `most` requests per second. It ends when the rate that breaks the goal is at most
    /// `precision` above the one that keeps it. A rate counts as broken after that many `tries`.
    pub fn new(first: f64, most: f64, precision: f64, tries: u32) -> Search {
        let next = first.min(most);
        Search { next, most, precision, tries, broke: 0, unsound: 0, held: None, broken: None, end: None }
    }

    /// Returns the rate to try next, in requests per second; none when it has ended.
    pub fn next(&self) -> Option<f64> {
        self.end.is_none().then_some(self.next)
    }

    /// Takes the verdict on the rate that was tried.
    pub fn tell(&mut self, verdict: &Verdict) {
        match verdict {
            _ if self.end.is_some() => {}
            Verdict::Held => self.held = Some(self.next),
            Verdict::Broke { .. } => {
                self.broke += 1;
                if self.broke < self.tries {
                    return;
                }
                self.broken = Some(self.next);
            }
            Verdict::Unsound { .. } => {
                self.unsound += 1;
                if self.unsound >= self.tries {
                    self.end = Some(End::Machine);
                }
                return;
            }
        }
        if self.end.is_none() {
            (self.broke, self.unsound) = (0, 0);
            self.choose();
        }
    }

    fn choose(&mut self) {
        match (self.held, self.broken) {
            (Some(held), _) if held >= self.most => self.end = Some(End::Highest),
            (Some(held), None) => self.next = (held * 2.0).min(self.most),
            (Some(held), Some(broken)) if broken <= held * (1.0 + self.precision) => self.end = Some(End::Found),
            (Some(held), Some(broken)) => self.next = f64::midpoint(held, broken),
            (None, Some(broken)) if broken / 2.0 < LOWEST => self.end = Some(End::Nowhere),
            (None, Some(broken)) => self.next = broken / 2.0,
            (None, None) => {}
        }
    }

    /// Ends it early.
    pub fn stop(&mut self, why: End) {
        self.end.get_or_insert(why);
    }

    /// Returns the highest rate at which the goal held.
    pub fn held(&self) -> Option<f64> {
        self.held
    }

    /// Returns the lowest rate at which it broke.
    pub fn broken(&self) -> Option<f64> {
        self.broken
    }

    /// Returns why it ended, when it has.
    pub fn end(&self) -> Option<End> {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdict(holds: bool) -> Verdict {
        if holds { Verdict::Held } else { Verdict::Broke { why: "p99".into(), connections: false } }
    }

    /// Runs a search against something that carries `capacity`, and returns it with the rates that it tried.
    fn run(mut search: Search, mut holds: impl FnMut(f64) -> bool) -> (Search, Vec<f64>) {
        let mut tried = Vec::new();
        while let Some(rate) = search.next() {
            tried.push(rate);
            assert!(tried.len() < 200, "{tried:?}");
            search.tell(&verdict(holds(rate)));
        }
        (search, tried)
    }

    #[test]
    fn rates_double_and_are_bisected() {
        let (search, tried) = run(Search::new(10.0, 1000.0, 0.05, 1), |rate| rate < 104.0);
        assert_eq!(tried, [10.0, 20.0, 40.0, 80.0, 160.0, 120.0, 100.0, 110.0, 105.0]);
        assert_eq!((search.held(), search.broken(), search.end()), (Some(100.0), Some(105.0), Some(End::Found)));
    }

    #[test]
    fn it_goes_down_when_the_first_rate_is_too_high() {
        let (search, tried) = run(Search::new(40.0, 1000.0, 0.1, 1), |rate| rate < 12.0);
        assert_eq!(tried[..3], [40.0, 20.0, 10.0]);
        assert_eq!(search.end(), Some(End::Found));
        let (search, _) = run(Search::new(40.0, 1000.0, 0.1, 1), |_| false);
        assert_eq!((search.held(), search.end()), (None, Some(End::Nowhere)));
    }

    #[test]
    fn the_highest_rate_is_never_exceeded() {
        let (search, tried) = run(Search::new(10.0, 70.0, 0.05, 2), |_| true);
        assert_eq!((tried, search.end()), (vec![10.0, 20.0, 40.0, 70.0], Some(End::Highest)));
    }

    #[test]
    fn a_machine_that_is_too_slow_ends_it() {
        let mut search = Search::new(10.0, 1000.0, 0.05, 2);
        search.tell(&Verdict::Held);
        search.tell(&Verdict::Unsound { why: "late".into() });
        assert_eq!(search.next(), Some(20.0));
        search.tell(&Verdict::Unsound { why: "late".into() });
        assert_eq!((search.next(), search.held(), search.broken(), search.end()), (None, Some(10.0), None, Some(End::Machine)));
    }

    #[test]
    fn what_ended_stays_ended() {
        let mut search = Search::new(10.0, 1000.0, 0.05, 1);
        search.stop(End::Bound);
        search.stop(End::Interrupted);
        search.tell(&Verdict::Held);
        assert_eq!((search.end(), search.held()), (Some(End::Bound), None));
    }

    proptest! {
        #[test]
        fn the_capacity_is_enclosed(first in 1.0..500.0_f64, factor in 0.02..500.0_f64, precision in 0.01..0.3_f64) {
            let capacity = (first * factor).max(2.0 * LOWEST);
            let (search, tried) = run(Search::new(first, 1e6, precision, 1), |rate| rate < capacity);
            prop_assert_eq!(search.end(), Some(End::Found));
            let (held, broken) = (search.held().unwrap(), search.broken().unwrap());
            prop_assert!(held < capacity && capacity <= broken && broken <= held * (1.0 + precision), "{held} {broken}");
            prop_assert!(tried.len() as f64 <= 22.0 + (1.0 / precision).log2(), "{tried:?}");
        }

        /// A step that broke the goal by chance changes nothing.
        #[test]
        fn one_bad_step_of_each_rate_is_forgiven(capacity in 5.0..5000.0_f64, bad in proptest::collection::vec(any::<bool>(), 64)) {
            let (clean, _) = run(Search::new(4.0, 1e6, 0.05, 2), |rate| rate < capacity);
            let mut at = (0.0, 0);
            let (noisy, _) = run(Search::new(4.0, 1e6, 0.05, 2), |rate| {
                at = if at.0 == rate { (rate, at.1 + 1) } else { (rate, 0) };
                rate < capacity && !(at.1 == 0 && bad[rate.to_bits() as usize % 64])
            });
            prop_assert_eq!((clean.held(), clean.broken()), (noisy.held(), noisy.broken()));
        }

        #[test]
        fn rates_stay_in_their_bounds(first in 0.5..2000.0_f64, most in 0.5..2000.0_f64, seed in any::<u64>()) {
            let mut state = seed;
            let (_, tried) = run(Search::new(first, most, 0.05, 2), |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state >> 63 == 0
            });
            prop_assert!(tried.iter().all(|rate| *rate > 0.0 && *rate <= most), "{tried:?}");
        }
    }
}
