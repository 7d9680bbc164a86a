//! What CloudWatch and ECS say of the parts of the stack while it is loaded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::aws::Cx;
use crate::aws::cloudwatch::metrics::{self, PERIOD};
use crate::aws::ecs::running;
use crate::blueprint::figures::{Figure as Asked, Unit};
use crate::load::Figure;

/// How often they are read: CloudWatch has a new minute once a minute.
const EVERY: Duration = Duration::from_secs(30);
/// How long a reading takes at most: the test does not wait for it.
const PATIENCE: Duration = Duration::from_secs(20);
/// The seconds of a value.
const MINUTE: i64 = PERIOD as i64;

/// The values of every figure, a minute each, the oldest first.
#[derive(Default)]
struct Values {
    /// The beginning of the first minute, in seconds.
    begin: i64,
    all: Vec<Vec<Option<f64>>>,
}

/// What is known so far.
#[derive(Default)]
struct Known {
    values: Values,
    tasks: BTreeMap<String, u32>,
    /// Why it could not be read.
    wrong: Option<String>,
}

/// The figures of the parts, which are read in the background.
pub struct Figures {
    known: Arc<Mutex<Known>>,
    asked: Arc<Vec<Asked>>,
    cx: Cx,
    from: SystemTime,
    reading: tokio::task::JoinHandle<()>,
}

impl Figures {
    /// Begins to read these figures.
    pub async fn begin(cx: Cx, asked: Vec<Asked>) -> Figures {
        let asked = Arc::new(asked);
        let known = Arc::new(Mutex::new(Known::default()));
        let from = SystemTime::now();
        look(&cx, &asked, from, &known).await;
        let reading = {
            let (cx, asked, known) = (cx.clone(), asked.clone(), known.clone());
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(EVERY).await;
                    look(&cx, &asked, from, &known).await;
                }
            })
        };
        Figures { known, asked, cx, from, reading }
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
        self.with(|known| peaks(&self.asked, &known.values, times))
    }

    /// Reads them once more, until those of the minute of `until` are known, for at most so long.
    pub async fn settle(&self, until: SystemTime, patience: Duration) {
        let begun = std::time::Instant::now();
        loop {
            look(&self.cx, &self.asked, self.from, &self.known).await;
            let reached = self.with(|known| reaches(&known.values, until));
            if reached || self.asked.is_empty() || begun.elapsed() >= patience || self.wrong().is_some() {
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

async fn look(cx: &Cx, asked: &[Asked], from: SystemTime, known: &Mutex<Known>) {
    // From the minute before on, until the end of this one.
    let begin = metrics::minute(seconds(from)) - MINUTE;
    let end = metrics::minute(seconds(SystemTime::now())) + MINUTE;
    let minutes = u32::try_from((end - begin) / MINUTE).unwrap_or(1);
    let wanted: Vec<_> = asked.iter().map(Asked::wanted).collect();
    let both = async { tokio::join!(metrics::values(&cx.cloud, &wanted, end, minutes), running(cx)) };
    let Ok((values, services)) = tokio::time::timeout(PATIENCE, both).await else { return };
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    known.wrong = None;
    match values {
        Ok(all) => known.values = Values { begin, all },
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

impl Values {
    /// Returns the beginning of each minute of a figure that has a value, and the value.
    fn points<'a>(&self, of: &'a [Option<f64>]) -> impl Iterator<Item = (i64, f64)> + 'a {
        let begin = self.begin;
        (0..).zip(of).filter_map(move |(at, value)| Some((begin + at * MINUTE, (*value)?)))
    }
}

/// Checks whether every figure that has values at all has one of the minute of `until`.
fn reaches(values: &Values, until: SystemTime) -> bool {
    let last: Vec<i64> = values.all.iter().filter_map(|one| values.points(one).last()).map(|(at, _)| at).collect();
    !last.is_empty() && last.iter().all(|at| at + MINUTE > seconds(until))
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "",
        Unit::Percent => "%",
        Unit::Seconds => "s",
        Unit::Milliseconds => "ms",
        Unit::Bytes => "bytes",
    }
}

fn peaks(asked: &[Asked], values: &Values, times: &[(SystemTime, SystemTime)]) -> Vec<Figure> {
    let overlaps = |at: i64| times.iter().any(|(from, to)| at <= seconds(*to) && at + MINUTE > seconds(*from));
    let highest =
        |one: &[Option<f64>]| values.points(one).filter(|(at, _)| overlaps(*at)).map(|(_, value)| value).reduce(f64::max);
    let of = |(figure, one): (&Asked, &Vec<Option<f64>>)| {
        Some(Figure {
            part: figure.part.clone(),
            what: figure.what.label.to_owned(),
            unit: unit(figure.what.unit).to_owned(),
            value: highest(one)?,
            full: figure.full,
        })
    };
    asked.iter().zip(&values.all).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::blueprint::figures;
    use crate::engine::{Graph, Node, Scope};

    #[test]
    fn the_highest_of_the_minutes_in_question_counts() {
        let mut graph = Graph::default();
        let desired = json!({"name": "s", "fifo": false}).into();
        graph.insert(Node { key: "sqs.queue/s".parse().unwrap(), desired, origin: "queues.s".into() }).unwrap();
        let scope = Scope {
            stack: "shop".into(),
            env: "default".into(),
            region: "eu-central-1".into(),
            account: "123456789012".into(),
            partition: "aws".into(),
        };
        let asked = figures::all(&graph, &scope);
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let all = vec![vec![Some(99.0), Some(40.0), Some(50.0), Some(98.0)], vec![None, Some(7.0), None, None]];
        let values = Values { begin: 0, all };
        let told = |times: &[(u64, u64)]| {
            let times: Vec<_> = times.iter().map(|(from, to)| (at(*from), at(*to))).collect();
            peaks(&asked, &values, &times).into_iter().map(|f| (f.part, f.what, f.unit, f.value)).collect::<Vec<_>>()
        };
        let figure = |what: &str, unit: &str, value: f64| ("queues.s".to_owned(), what.to_owned(), unit.to_owned(), value);
        assert_eq!(told(&[(70, 130)]), [figure("messages", "", 50.0), figure("oldest", "s", 7.0)]);
        assert_eq!(told(&[(500, 600)]), []);
        assert_eq!(told(&[(10, 20), (200, 210)]), [figure("messages", "", 99.0)]);
        // The second has no value of that minute yet.
        assert!(!reaches(&values, at(185)) && reaches(&values, at(100)));
        assert!(!reaches(&Values::default(), at(0)));
    }
}
