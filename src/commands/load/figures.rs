//! What CloudWatch and ECS say of the parts of the stack while it is loaded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::aws::Cx;
use crate::aws::cloudwatch::figures::{self, Metric, PERIOD, Series};
use crate::aws::ecs::running;
use crate::blueprint::alarms::databases::usual_connections;
use crate::engine::Seen;
use crate::load::Figure;

/// How often they are read: CloudWatch has a new minute once a minute.
const EVERY: Duration = Duration::from_secs(30);
/// How long a reading takes at most: the test does not wait for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is known so far.
#[derive(Default)]
struct Known {
    series: Vec<Series>,
    tasks: BTreeMap<String, u32>,
    /// Why it could not be read.
    wrong: Option<String>,
}

/// The figures of the parts, which are read in the background.
pub struct Figures {
    known: Arc<Mutex<Known>>,
    metrics: Arc<Vec<Metric>>,
    cx: Cx,
    from: SystemTime,
    reading: tokio::task::JoinHandle<()>,
}

impl Figures {
    /// Begins to read the figures of these objects.
    pub async fn begin(cx: Cx, seen: &[Seen]) -> Figures {
        let metrics = Arc::new(figures::metrics(seen, &usual_connections));
        let known = Arc::new(Mutex::new(Known::default()));
        let from = SystemTime::now();
        look(&cx, &metrics, from, &known).await;
        let reading = {
            let (cx, metrics, known) = (cx.clone(), metrics.clone(), known.clone());
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(EVERY).await;
                    look(&cx, &metrics, from, &known).await;
                }
            })
        };
        Figures { known, metrics, cx, from, reading }
    }

    fn with<T>(&self, of: impl FnOnce(&Known) -> T) -> T {
        of(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns how many tasks of a service run.
    pub fn tasks(&self, service: &str) -> Option<u32> {
        self.with(|known| known.tasks.get(service).copied())
    }

    /// Returns why they could not be read, if that is so.
    pub fn wrong(&self) -> Option<String> {
        self.with(|known| known.wrong.clone())
    }

    /// Returns the highest value of each figure in the minutes that overlap one of these times.
    pub fn peaks(&self, times: &[(SystemTime, SystemTime)]) -> Vec<Figure> {
        self.with(|known| peaks(&known.series, times))
    }

    /// Reads them once more, until those of the minute of `until` are known, for at most so long.
    pub async fn settle(&self, until: SystemTime, patience: Duration) {
        let begun = std::time::Instant::now();
        loop {
            look(&self.cx, &self.metrics, self.from, &self.known).await;
            let reached = self.with(|known| {
                let parts: Vec<&Series> = known.series.iter().collect();
                !parts.is_empty()
                    && parts
                        .iter()
                        .all(|series| series.points.last().is_some_and(|(at, _)| *at + i64::from(PERIOD) > seconds(until)))
            });
            if reached || self.metrics.is_empty() || begun.elapsed() >= patience || self.wrong().is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(10).min(patience.saturating_sub(begun.elapsed()))).await;
        }
    }
}

impl Drop for Figures {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

async fn look(cx: &Cx, metrics: &[Metric], from: SystemTime, known: &Mutex<Known>) {
    // A period begins at a whole minute.
    let from = from - Duration::from_secs(60);
    let both = async { tokio::join!(figures::read(cx, metrics, from, SystemTime::now()), running(cx)) };
    let Ok((series, services)) = tokio::time::timeout(PATIENCE, both).await else { return };
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    known.wrong = None;
    match series {
        Ok(series) => known.series = series,
        Err(error) => known.wrong = Some(error.to_string()),
    }
    match services {
        Ok(services) => {
            known.tasks = services.into_iter().map(|one| (one.name, u32::try_from(one.running).unwrap_or(0))).collect();
        }
        Err(error) => known.wrong = Some(error.to_string()),
    }
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn peaks(series: &[Series], times: &[(SystemTime, SystemTime)]) -> Vec<Figure> {
    let overlaps = |at: i64| times.iter().any(|(from, to)| at <= seconds(*to) && at + i64::from(PERIOD) > seconds(*from));
    let mut out: Vec<Figure> = Vec::new();
    for Series { metric, points } in series {
        let highest = points.iter().filter(|(at, _)| overlaps(*at)).map(|(_, value)| *value).reduce(f64::max);
        let Some(value) = highest else { continue };
        // Of several nodes of a cache the busiest counts.
        match out.iter_mut().find(|known| known.part == metric.part && known.what == metric.what) {
            Some(known) => known.value = known.value.max(value),
            None => out.push(Figure {
                part: metric.part.clone(),
                what: metric.what.to_owned(),
                unit: metric.unit.to_owned(),
                value,
                full: metric.full,
            }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc as Shared;

    use serde_json::json;

    use super::*;
    use crate::engine::{Claim, Readiness};

    #[test]
    fn the_highest_of_the_minutes_in_question_counts() {
        let service = Seen {
            kind: "elasticache.replication_group".into(),
            claim: Claim::Ours("s".into()),
            live: Shared::new(json!({"id": "shop-s"})),
            fields: Shared::new(json!({"replicas": 1, "tags": {"stack:section": "caches.s"}})),
            state: Readiness::Ready,
        };
        let metrics = figures::metrics(&[service], &|_, _| None);
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let series = |metric: &Metric, points: &[(i64, f64)]| Series { metric: metric.clone(), points: points.to_vec() };
        let cpu: Vec<&Metric> = metrics.iter().filter(|metric| metric.what == "engine CPU").collect();
        let all =
            [series(cpu[0], &[(0, 99.0), (60, 40.0), (120, 50.0), (180, 98.0)]), series(cpu[1], &[(60, 70.0), (120, 10.0)])];
        let found = peaks(&all, &[(at(70), at(130))]);
        assert_eq!(found.iter().map(|f| (f.part.as_str(), f.value)).collect::<Vec<_>>(), [("caches.s", 70.0)]);
        assert_eq!(peaks(&all, &[(at(500), at(600))]), []);
        assert_eq!(peaks(&all, &[(at(10), at(20)), (at(200), at(210))])[0].value, 99.0);
    }
}
