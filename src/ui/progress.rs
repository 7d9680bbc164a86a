//! Reports a run as it happens: live lines on a terminal, a line for each event elsewhere, JSON lines on request.
//!
//! Every reporter may be dropped at any time: its thread ends with it, and the terminal is left clean.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::engine::action::Verb;
use crate::engine::{Error, Event, Key, Reporter};

use super::outcome::{block, doing, done, not_done, reason};
use super::painter::Painter;
use super::style::{CHANGED, GOOD, QUIET, Terminal, clean, duration, fit, fit_end, now, pad, roughly, safe_json, width, wrap};

/// How often live lines are drawn.
const FRAME: Duration = Duration::from_millis(100);
/// How long a log stays silent at most.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Operations that usually take longer than this are announced in a log when they begin.
const LONG: Duration = Duration::from_secs(10);

/// The kinds of reporters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// For people: live lines when `terminal` is interactive, a line for each event otherwise. On standard error.
    Text,
    /// For programs: a JSON object on a line for each event. On standard output.
    Json,
}

/// Returns the reporter for a run. `terminal` is that of standard error. The run has to drop it before anything else is written.
pub fn reporter(show: Show, terminal: Terminal) -> Box<dyn Reporter> {
    match show {
        Show::Json => Box::new(Json { to: Mutex::new(Box::new(std::io::stdout())) }),
        Show::Text if terminal.interactive => Box::new(Live::new(terminal, Terminal::resized, Box::new(std::io::stderr()))),
        Show::Text => Box::new(Log::new(terminal, Box::new(std::io::stderr()), HEARTBEAT)),
    }
}

/// An operation in progress.
struct Work {
    began: Instant,
    usual: Duration,
    status: Option<String>,
    retrying: bool,
}

/// What is known about the run.
struct State {
    began: Instant,
    operations: usize,
    usual: Duration,
    done: usize,
    failed: usize,
    stopping: bool,
    work: BTreeMap<(Key, Verb), Work>,
    /// What the user was asked to do.
    asked: BTreeSet<(Key, String)>,
    /// The failures that were shown, by their reason.
    told: BTreeSet<String>,
}

impl State {
    fn new(now: Instant) -> State {
        let none = Duration::ZERO;
        State {
            began: now,
            operations: 0,
            usual: none,
            done: 0,
            failed: 0,
            stopping: false,
            work: BTreeMap::new(),
            asked: BTreeSet::new(),
            told: BTreeSet::new(),
        }
    }

    fn learn(&mut self, event: &Event, now: Instant) {
        match event {
            Event::RunStarted { operations, usual } => {
                *self = State { operations: *operations, usual: *usual, ..State::new(now) };
            }
            Event::Started { key, verb, usual } => {
                let work = Work { began: now, usual: *usual, status: None, retrying: false };
                self.work.insert((key.clone(), *verb), work);
            }
            Event::Status { key, verb, status, .. } => self.status(key, *verb, status, false),
            Event::Retrying { key, verb, why, .. } => self.status(key, *verb, why, true),
            Event::Finished { key, verb, .. } => {
                self.done += 1;
                self.work.remove(&(key.clone(), *verb));
            }
            Event::Failed { key, verb, .. } => {
                self.failed += 1;
                self.work.remove(&(key.clone(), *verb));
            }
            Event::Left { key, verb, .. } => {
                self.work.remove(&(key.clone(), *verb));
            }
            Event::Skipped { .. } => {}
            Event::Stopping => self.stopping = true,
        }
    }

    fn status(&mut self, key: &Key, verb: Verb, status: &str, retrying: bool) {
        if let Some(work) = self.work.get_mut(&(key.clone(), verb)) {
            work.status = Some(clean(status.lines().next().unwrap_or_default()).into_owned());
            work.retrying = retrying;
        }
    }

    /// Returns the lines of an event that stay on the screen.
    fn lasting(&mut self, event: &Event, terminal: &Terminal) -> Vec<String> {
        match event {
            Event::Status { key, status, .. } => self.asks(key, status, terminal),
            Event::Failed { key, verb, error, elapsed } => {
                let title = format!("{} (after {})", not_done(key, *verb), duration(*elapsed));
                // In a line; how the run ended is told in full at its end. The same of many, as when the credentials expire: once.
                let first = self.told.insert(format!("{:?}", reason(error)));
                let why = if first { error.message.lines().next().unwrap_or_default() } else { "same cause" };
                block(&format!("{title}: {}", clean(why)), &Error::new(error.class, ""), terminal)
            }
            other => lasting(other, terminal),
        }
    }

    /// Returns what someone must do before an operation can continue: once, in full, to be copied.
    fn asks(&mut self, key: &Key, status: &str, terminal: &Terminal) -> Vec<String> {
        let Some((_, todo)) = status.split_once('\n') else { return Vec::new() };
        if !self.asked.insert((key.clone(), todo.to_owned())) {
            return Vec::new();
        }
        let head = terminal.paint(CHANGED, &format!("! {} needs your action", clean(&key.to_string())));
        std::iter::once(head).chain(todo.lines().map(|line| format!("    {}", clean(line)))).collect()
    }

    /// Returns the operations in progress, the oldest first.
    fn oldest(&self) -> Vec<(&(Key, Verb), &Work)> {
        let mut work: Vec<_> = self.work.iter().collect();
        work.sort_by_key(|(_, work)| work.began);
        work
    }

    /// Returns the line about the whole: `12/57 done · 4 in progress · 1m20s · usually 6m left…`.
    fn whole(&self, terminal: &Terminal, now: Instant) -> String {
        let elapsed = now.saturating_duration_since(self.began);
        let mut parts = vec![format!("{}/{} done", self.done, self.operations)];
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        if !self.work.is_empty() {
            parts.push(format!("{} in progress", self.work.len()));
        }
        parts.push(duration(elapsed));
        if self.stopping {
            parts.push(format!("stopping{}", terminal.dots()));
        } else if let Some(left) = self.usual.checked_sub(elapsed).filter(|left| !left.is_zero()) {
            parts.push(format!("usually {} left{}", roughly(left), terminal.dots()));
        }
        parts.join(&format!(" {} ", terminal.dot()))
    }

    /// Returns the live lines at `now`: each narrower than the terminal, and together at least a line less than it is high.
    fn frame(&self, terminal: &Terminal, now: Instant) -> Vec<String> {
        // The last column stays free: a terminal that breaks there would count the line twice.
        let columns = terminal.width.saturating_sub(1);
        let wide = columns >= 80;
        let work = self.oldest();
        // One line for the whole, and one above all that belongs to what has scrolled by.
        let room = terminal.height.saturating_sub(2);
        let shown = if work.len() <= room { work.len() } else { room.saturating_sub(1) };
        let spin = now.saturating_duration_since(self.began).as_millis() / FRAME.as_millis();
        let spin = if terminal.unicode {
            SPIN.get(spin as usize % SPIN.len())
        } else {
            ASCII_SPIN.get(spin as usize % ASCII_SPIN.len())
        };
        let spin = spin.copied().unwrap_or("-");
        let names: Vec<String> = work.iter().take(shown).map(|((key, _), _)| clean(&key.to_string()).into_owned()).collect();
        let name_columns = names.iter().map(|name| width(name)).max().unwrap_or(0).min(columns * 2 / 5);
        let time_columns = if wide { 22 } else { 12 };
        let said_columns = columns.saturating_sub(2 + name_columns + 2 + 2 + time_columns);
        let mut out = Vec::new();
        for (((_, verb), work), name) in work.iter().take(shown).zip(&names) {
            let usual = match work.usual > LONG {
                true if wide => format!("  usually {}", roughly(work.usual)),
                true => format!(" of {}", roughly(work.usual)),
                false => String::new(),
            };
            let times = format!("{:>6}{usual}", duration(now.saturating_duration_since(work.began)));
            let said = match &work.status {
                Some(why) if work.retrying => format!("{}, retrying: {why}", doing(*verb)),
                // AWS's own words say enough when there is little room.
                Some(status) if !wide => status.clone(),
                Some(status) => format!("{}: {status}", doing(*verb)),
                None => doing(*verb).to_owned(),
            };
            let said = pad(&fit(terminal, &said, said_columns), said_columns);
            let name = pad(&fit_end(terminal, name, name_columns), name_columns);
            let said = if work.retrying { terminal.paint(CHANGED, &said) } else { said };
            let times = terminal.paint(QUIET, &fit(terminal, &times, time_columns));
            out.push(format!("{} {name}  {said}  {times}", terminal.paint(GOOD, spin)));
        }
        if shown < work.len() && room > 0 {
            out.push(terminal.paint(QUIET, &format!("  {} and {} more", terminal.dots(), work.len() - shown)));
        }
        out.push(fit(terminal, &self.whole(terminal, now), columns));
        out
    }
}

const SPIN: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const ASCII_SPIN: [&str; 4] = ["|", "/", "-", "\\"];

/// Returns the lines of an event that stay on the screen, whatever was before. On a terminal a line stays a line.
fn lasting(event: &Event, terminal: &Terminal) -> Vec<String> {
    match event {
        Event::Finished { key, verb, elapsed } => {
            let key = clean(&key.to_string()).into_owned();
            let rest = format!(" {} in {}", done(*verb), duration(*elapsed));
            let room = terminal.width.saturating_sub(width(terminal.check()) + 1 + width(&rest) + 1);
            let key = if terminal.interactive { fit_end(terminal, &key, room) } else { key };
            vec![format!("{} {key}{rest}", terminal.paint(GOOD, terminal.check()))]
        }
        Event::Stopping => {
            let text = "Stopping: waiting for calls in flight. Nothing new is started; operations that AWS has accepted continue there. \
                        Press Ctrl-C again to exit immediately.";
            wrap(text, terminal.width).iter().map(|line| terminal.paint(CHANGED, line)).collect()
        }
        _ => Vec::new(),
    }
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that does something every so often until it is dropped.
struct Clock {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    fn every(time: Duration, mut tick: impl FnMut() + Send + 'static) -> Clock {
        let (stop, stopped) = mpsc::channel::<()>();
        let run = move || {
            while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(time) {
                tick();
            }
        };
        // Without a thread there is no animation, and nothing else is lost.
        Clock { stop: Some(stop), thread: std::thread::Builder::new().name("progress".into()).spawn(run).ok() }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to end.
            let _ = thread.join();
        }
    }
}

/// Live lines at the bottom of a terminal; what is finished scrolls by above.
struct Live {
    shared: Arc<Mutex<Screen>>,
    clock: Option<Clock>,
}

struct Screen {
    state: State,
    painter: Painter,
    terminal: Terminal,
    resized: fn(Terminal) -> Terminal,
    /// What has scrolled by since the last frame: many things end at once, and one frame shows them all.
    lasting: Vec<String>,
    ended: bool,
}

impl Screen {
    fn draw(&mut self) {
        if self.ended {
            return;
        }
        self.terminal = (self.resized)(self.terminal);
        let frame = if self.state.operations == 0 { Vec::new() } else { self.state.frame(&self.terminal, Instant::now()) };
        self.painter.paint(&std::mem::take(&mut self.lasting), frame, self.terminal.width);
    }

    fn end(&mut self) {
        if !self.ended {
            self.terminal = (self.resized)(self.terminal);
            self.painter.paint(&std::mem::take(&mut self.lasting), Vec::new(), self.terminal.width);
            self.painter.clear(self.terminal.width);
            self.ended = true;
        }
    }
}

impl Live {
    fn new(terminal: Terminal, resized: fn(Terminal) -> Terminal, to: Box<dyn Write + Send>) -> Live {
        let state = State::new(Instant::now());
        let screen = Screen { state, painter: Painter::new(to), terminal, resized, lasting: Vec::new(), ended: false };
        let shared = Arc::new(Mutex::new(screen));
        let of = shared.clone();
        let clock = Clock::every(FRAME, move || locked(&of).draw());
        Live { shared, clock: Some(clock) }
    }
}

impl Reporter for Live {
    fn event(&self, event: &Event) {
        let screen = &mut *locked(&self.shared);
        screen.state.learn(event, Instant::now());
        let lines = screen.state.lasting(event, &screen.terminal);
        screen.lasting.extend(lines);
        // Whoever presses Ctrl-C wants to see that it was heard.
        if matches!(event, Event::Stopping) {
            screen.draw();
        }
    }

    fn end(&self) {
        locked(&self.shared).end();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.clock.take();
        self.end();
    }
}

/// A line for each event, and one every now and then while nothing happens.
struct Log {
    terminal: Terminal,
    shared: Arc<Mutex<(State, Box<dyn Write + Send>)>>,
    _clock: Clock,
}

impl Log {
    fn new(terminal: Terminal, to: Box<dyn Write + Send>, heartbeat: Duration) -> Log {
        let shared = Arc::new(Mutex::new((State::new(Instant::now()), to)));
        let of = shared.clone();
        let clock = Clock::every(heartbeat, move || {
            let (state, to) = &mut *locked(&of);
            write_lines(to, &still(state, &terminal, Instant::now()));
        });
        Log { terminal, shared, _clock: clock }
    }
}

/// Returns what a quiet log is waiting for.
fn still(state: &State, terminal: &Terminal, now: Instant) -> Vec<String> {
    if state.work.is_empty() {
        return Vec::new();
    }
    let mut out = vec![state.whole(terminal, now)];
    let work = state.oldest();
    for ((key, verb), work) in work.iter().take(10) {
        let said = match &work.status {
            Some(status) if work.retrying => format!(", retrying: {status}"),
            Some(status) => format!(": {status}"),
            None => String::new(),
        };
        let elapsed = duration(now.saturating_duration_since(work.began));
        let key = clean(&key.to_string()).into_owned();
        out.push(format!("  {key} {}{said} ({elapsed}, usually {})", doing(*verb), roughly(work.usual)));
    }
    if work.len() > 10 {
        out.push(format!("  {} and {} more", terminal.dots(), work.len() - 10));
    }
    out
}

/// Writes lines. Progress that cannot be written must not stop the run.
fn write_lines(to: &mut dyn Write, lines: &[String]) {
    for line in lines {
        let _ = writeln!(to, "{line}");
    }
    let _ = to.flush();
}

impl Reporter for Log {
    fn event(&self, event: &Event) {
        let (state, to) = &mut *locked(&self.shared);
        state.learn(event, Instant::now());
        let lines = match event {
            Event::RunStarted { operations, usual } if *operations > 0 => {
                let noun = if *operations == 1 { "operation" } else { "operations" };
                vec![format!("{operations} {noun}, usually {}", roughly(*usual))]
            }
            Event::Started { key, verb, usual } if *usual > LONG => {
                vec![format!("  {} {} (usually {})", clean(&key.to_string()), doing(*verb), roughly(*usual))]
            }
            other => state.lasting(other, &self.terminal),
        };
        write_lines(to, &lines);
    }
}

/// Every event as a JSON object on a line.
struct Json {
    to: Mutex<Box<dyn Write + Send>>,
}

impl Reporter for Json {
    fn event(&self, event: &Event) {
        if let Ok(Value::Object(fields)) = serde_json::to_value(event) {
            let mut line = Map::new();
            line.insert("time".into(), now().into());
            line.extend(fields);
            write_lines(&mut *locked(&self.to), &[safe_json(&Value::Object(line).to_string()).into_owned()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Class;

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn events() -> Vec<Event> {
        let error = Error { code: Some("VpcLimitExceeded".into()), ..Error::new(Class::Limit, "too many \u{1b}[31mVPCs") };
        vec![
            Event::RunStarted { operations: 57, usual: secs(560) },
            Event::Started { key: key("ec2.vpc/main"), verb: Verb::Create, usual: secs(1) },
            Event::Started { key: key("rds.instance/main"), verb: Verb::Create, usual: secs(480) },
            Event::Started { key: key("ec2.security_group/old"), verb: Verb::Delete, usual: secs(1) },
            Event::Status { key: key("rds.instance/main"), verb: Verb::Create, status: "backing-up".into(), elapsed: secs(190) },
            Event::Retrying {
                key: key("ec2.security_group/old"),
                verb: Verb::Delete,
                why: "ec2:DeleteSecurityGroup: DependencyViolation: has a dependent object\n".into(),
                elapsed: secs(3),
            },
            Event::Finished { key: key("ec2.vpc/main"), verb: Verb::Create, elapsed: Duration::from_millis(1240) },
            Event::Failed { key: key("ec2.vpc/other"), verb: Verb::Create, error, elapsed: secs(2) },
            Event::Skipped { key: key("ec2.subnet/a"), verb: Verb::Create, because: Some(key("ec2.vpc/other")) },
        ]
    }

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            locked(&self.0).write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(locked(&self.0).clone()).unwrap()
        }
    }

    #[test]
    fn live_lines() {
        let began = Instant::now();
        let mut state = State::new(began);
        events().iter().for_each(|event| state.learn(event, began));
        let mut shown = String::new();
        for columns in [60, 100, 140] {
            let frame = state.frame(&Terminal::plain(columns), began + secs(190));
            assert!(frame.iter().all(|line| width(line) < columns), "{frame:#?}");
            shown += &(frame.join("\n") + "\n\n");
        }
        for n in 0..40 {
            state.learn(
                &Event::Started { key: key(&format!("ec2.route/r{n}")), verb: Verb::Create, usual: secs(1) },
                began + secs(1),
            );
        }
        state.learn(&Event::Stopping, began);
        for height in 1..50 {
            let frame = state.frame(&Terminal { height, ..Terminal::plain(80) }, began + secs(600));
            assert!(frame.len() < height.max(2), "{height}: {frame:#?}");
        }
        let frame = state.frame(&Terminal { height: 8, ..Terminal::plain(80) }, began + secs(600));
        insta::assert_snapshot!(shown + &frame.join("\n"));
    }

    #[test]
    fn a_log() {
        let to = Shared::default();
        let log = Log::new(Terminal::plain(100), Box::new(to.clone()), Duration::from_millis(20));
        events().iter().for_each(|event| log.event(event));
        let at_once = to.text();
        std::thread::sleep(Duration::from_millis(120));
        drop(log);
        let all = to.text();
        assert!(all.contains("rds.instance/main creating: backing-up ("), "{all}");
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(to.text(), all, "it ends with the reporter");
        let events_only: String = at_once.lines().filter(|l| !l.contains(" in progress ")).map(|l| format!("{l}\n")).collect();
        let now = Instant::now();
        let mut state = State::new(now);
        self::events().iter().for_each(|event| state.learn(event, now));
        let heartbeat = still(&state, &Terminal::plain(100), now + secs(190)).join("\n");
        insta::assert_snapshot!(format!("{events_only}\n{heartbeat}"), @r"
        57 operations, usually 9m
          rds.instance/main creating (usually 8m)
        ✓ ec2.vpc/main created in 1.2s
        ✗ ec2.vpc/other could not be created (after 2.0s): too many \u{1b}[31mVPCs

        1/57 done · 1 failed · 2 in progress · 3m10s · usually 6m left…
          ec2.security_group/old deleting, retrying: ec2:DeleteSecurityGroup: DependencyViolation: has a dependent object (3m10s, usually 1s)
          rds.instance/main creating: backing-up (3m10s, usually 8m)
        ");
    }

    #[test]
    fn json_lines() {
        let to = Shared::default();
        let json = Json { to: Mutex::new(Box::new(to.clone())) };
        events().iter().for_each(|event| json.event(event));
        let lines = to.text();
        for line in lines.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            value["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            assert!(line.starts_with(r#"{"time":""#) && value["event"].is_string());
        }
        let without: Vec<String> = lines.lines().map(|line| line.split_once(',').unwrap().1.to_owned()).collect();
        insta::assert_snapshot!(without.join("\n"), @r#"
        "event":"run_started","operations":57,"usual":560.0}
        "event":"started","key":"ec2.vpc/main","verb":"create","usual":1.0}
        "event":"started","key":"rds.instance/main","verb":"create","usual":480.0}
        "event":"started","key":"ec2.security_group/old","verb":"delete","usual":1.0}
        "event":"status","key":"rds.instance/main","verb":"create","status":"backing-up","elapsed":190.0}
        "event":"retrying","key":"ec2.security_group/old","verb":"delete","why":"ec2:DeleteSecurityGroup: DependencyViolation: has a dependent object\n","elapsed":3.0}
        "event":"finished","key":"ec2.vpc/main","verb":"create","elapsed":1.24}
        "event":"failed","key":"ec2.vpc/other","verb":"create","error":{"class":"limit","code":"VpcLimitExceeded","message":"too many \u001b[31mVPCs"},"elapsed":2.0}
        "event":"skipped","key":"ec2.subnet/a","verb":"create","because":"ec2.vpc/other"}
        "#);
    }

    #[test]
    fn live_lines_leave_only_what_lasts() {
        let to = Shared::default();
        let live = Live::new(Terminal { interactive: true, ..Terminal::plain(80) }, |terminal| terminal, Box::new(to.clone()));
        events().iter().for_each(|event| live.event(event));
        std::thread::sleep(FRAME * 3);
        assert!(to.text().contains("rds.instance/main"), "{:?}", to.text());
        live.end();
        let ended = to.text();
        assert!(ended.ends_with("\x1b[J\r\x1b[?7h\x1b[?2026l"), "{ended:?}");
        live.event(&Event::Stopping);
        drop(live);
        assert_eq!(to.text(), ended, "it ends once");
    }
}
