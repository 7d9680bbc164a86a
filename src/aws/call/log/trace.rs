//! The trace: Chrome's trace events, which Perfetto and chrome://tracing show as bars on lanes.
//! <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>
//!
//! It is an array whose end is written last. Readers do without it, so what a killed run leaves can be read.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

/// The two groups of lanes, which to the format are processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// A service and what it was asked.
    Calls = 1,
    /// An object and what happened to it.
    Objects = 2,
}

/// A trace that is being written.
pub(super) struct Trace {
    /// Nothing once it is complete.
    to: Option<Box<dyn Write + Send>>,
    began: Instant,
    /// The lanes by group and name: the number of each and where its last bar ends. Bars on one lane must not overlap, so
    /// what happens at once is on several lanes of one name.
    lanes: BTreeMap<(Group, String), Vec<(usize, u128)>>,
    numbered: usize,
}

impl Trace {
    /// Begins a trace.
    pub(super) fn new(to: Box<dyn Write + Send>) -> Trace {
        let mut trace = Trace { to: Some(to), began: Instant::now(), lanes: BTreeMap::new(), numbered: 0 };
        for (group, name) in [(Group::Calls, "calls to AWS"), (Group::Objects, "objects")] {
            let opening = if group == Group::Calls { "[\n" } else { ",\n" };
            let named = json!({ "name": "process_name", "ph": "M", "pid": group as u8, "tid": 0, "args": { "name": name } });
            trace.write(&format!("{opening}{named}"));
        }
        trace
    }

    /// Adds a bar that ends now.
    pub(super) fn add(&mut self, group: Group, lane: &str, name: &str, took: Duration, args: Map<String, Value>) {
        let end = self.began.elapsed().as_micros();
        let begin = end.saturating_sub(took.as_micros());
        let lane = self.lane(group, lane, begin, end);
        let bar = json!({
            "name": name, "ph": "X", "pid": group as u8, "tid": lane, "ts": begin as u64, "dur": (end - begin) as u64, "args": args,
        });
        self.write(&format!(",\n{bar}"));
    }

    /// The number of a lane of that name which is free for that time.
    fn lane(&mut self, group: Group, name: &str, begin: u128, end: u128) -> usize {
        let lanes = self.lanes.entry((group, name.to_owned())).or_default();
        if let Some((number, until)) = lanes.iter_mut().find(|(_, until)| *until <= begin) {
            *until = end;
            return *number;
        }
        self.numbered += 1;
        lanes.push((self.numbered, end));
        let number = self.numbered;
        let named = json!({ "name": "thread_name", "ph": "M", "pid": group as u8, "tid": number, "args": { "name": name } });
        self.write(&format!(",\n{named}"));
        number
    }

    /// Completes it. What happens afterwards is not recorded.
    pub(super) fn complete(&mut self) {
        self.write("\n]\n");
        self.to = None;
    }

    fn write(&mut self, text: &str) {
        if let Some(to) = &mut self.to {
            // A trace that cannot be written must not stop the run.
            let _ = to.write_all(text.as_bytes());
        }
    }
}
