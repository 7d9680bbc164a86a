//! A stack under test: its file, its account and a proxy between them; and what tests do with it.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::aws::{Account, LocalAws};
use super::proxy::{Call, Fault, Proxy};
use super::run::{EVERYTHING, Output, Place};

/// Applies the file.
pub const APPLY: &[&str] = &["apply", "s.yaml", "--yes"];
/// Deletes everything, data included.
pub const DESTROY: &[&str] = &["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"];

/// A stack under test: its file, its account, and a proxy that counts.
pub struct Subject {
    /// The folder with `s.yaml`.
    pub place: Place,
    /// An account that no other test uses.
    pub account: Account,
    /// Between `stack` and the account.
    pub proxy: Proxy,
}

impl Subject {
    /// One on the shared local AWS.
    pub fn new(text: &str) -> Subject {
        Subject::on(LocalAws::shared(), text)
    }

    /// One on this local AWS.
    pub fn on(aws: &LocalAws, text: &str) -> Subject {
        let account = aws.account();
        let proxy = Proxy::for_stack(&account.url);
        let mut place = Place::through(&account, &proxy);
        place.timeout = Duration::from_secs(900);
        place.file("s.yaml", text);
        Subject { place, account, proxy }
    }

    /// Writes the file with one text in place of another.
    #[track_caller]
    pub fn write(&self, from: &str, to: &str) {
        let path = self.place.path().join("s.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    }

    /// Applies the file.
    #[track_caller]
    pub fn apply(&self) -> Output {
        self.place.stack(APPLY).ok()
    }

    /// What `stack show` says that protects the stack: each part and its state.
    pub fn protection(&self) -> Vec<(String, String)> {
        let shown = self.place.stack(&["show", "s.yaml", "--json"]).ok().json();
        let text = |part: &serde_json::Value, field: &str| part[field].as_str().unwrap().to_owned();
        let parts = shown["protection"].as_array().unwrap().iter();
        parts.map(|part| (text(part, "part"), text(part, "state"))).collect()
    }

    /// What the plan says: action and key, sorted.
    #[track_caller]
    pub fn changes(&self) -> Vec<String> {
        self.changes_with(&[])
    }

    #[track_caller]
    fn changes_with(&self, more: &[&str]) -> Vec<String> {
        let plan = self.place.stack(&[&["plan", "s.yaml", "--json"], more].concat()).ok().json();
        let mut out: Vec<String> = plan["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| format!("{} {}", c["action"].as_str().unwrap(), c["key"].as_str().unwrap()))
            .collect();
        out.sort();
        out
    }

    /// Checks that nothing is to be done, with the index of tags and without it.
    #[track_caller]
    pub fn assert_in_step(&self) {
        assert_eq!(self.changes(), Vec::<String>::new());
        assert_eq!(self.changes_with(&["--exact"]), Vec::<String>::new());
    }

    /// Deletes everything.
    #[track_caller]
    pub fn destroy(&self) {
        self.place
            .stack(&["destroy", "s.yaml", "--yes", "--allow-delete", "logs.log_group/*", "--allow-delete", "s3.bucket/alb-logs"])
            .ok();
    }
}

/// The calls that change anything of the stack. The lease and the history of a run are not part of it.
pub fn mutating(calls: &[Call]) -> Vec<String> {
    calls.iter().filter(|c| c.mutating && !c.is_of_history()).map(Call::name).collect()
}

/// Edits the file, and checks that plan and apply do exactly that.
#[track_caller]
pub fn edit(subject: &Subject, from: &str, to: &str, expected: &[&str]) {
    edit_agreed(subject, from, to, expected, &[]);
}

/// Does the same with an edit that needs consent.
#[track_caller]
pub fn edit_agreed(subject: &Subject, from: &str, to: &str, expected: &[&str], agreed: &[&str]) {
    subject.write(from, to);
    assert_eq!(subject.changes(), expected, "{from} → {to}");
    if !agreed.is_empty() {
        subject.place.stack(APPLY).exits(4);
    }
    subject.place.stack(&[APPLY, agreed].concat()).ok();
    subject.assert_in_step();
}

/// Writes another file, and checks that plan and apply do exactly that.
#[track_caller]
pub fn becomes(s: &Subject, text: &str, expected: &[&str]) {
    s.place.file("s.yaml", text);
    assert_eq!(s.changes(), expected);
    s.apply();
    s.assert_in_step();
}

/// Lets boto3 change something, and checks that the plan is exactly what fixes it.
#[track_caller]
pub fn behind(s: &Subject, script: &str, expected: &[&str]) {
    s.account.boto3(script, &json!(null));
    assert_eq!(s.changes(), expected, "{script}");
    s.apply();
    s.assert_in_step();
}

/// Starts a command and sends it SIGKILL at the first call that `is_it`, which still `reaches` AWS or not; whether there was one.
pub fn run_and_kill_when(
    s: &Subject,
    command: &[&str],
    reaches: bool,
    is_it: impl Fn(&Call) -> bool + Send + Sync + 'static,
) -> bool {
    s.proxy.take();
    let process = Arc::new(AtomicU32::new(0));
    let begun = Arc::new(AtomicUsize::new(0));
    let (victim, count) = (process.clone(), begun.clone());
    s.proxy.on_call(move |call| {
        count.fetch_add(1, Ordering::SeqCst);
        if !is_it(call) {
            return Fault::Pass;
        }
        let id = loop {
            match victim.load(Ordering::SeqCst) {
                0 => std::thread::yield_now(), // it is faster than the one that started it
                id => break id,
            }
        };
        kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap(), Signal::KILL).unwrap();
        if reaches { Fault::DropAfter } else { Fault::DropBefore }
    });
    let mut child = s.place.command(command).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    process.store(child.id(), Ordering::SeqCst);
    let status = child.wait().unwrap();
    // Calls in flight arrive before the command is typed again.
    let since = Instant::now();
    let mut answered = 0;
    while answered < begun.load(Ordering::SeqCst) {
        assert!(since.elapsed() < Duration::from_secs(60), "calls that never end");
        std::thread::sleep(Duration::from_millis(10));
        answered += s.proxy.take_all().len();
    }
    s.proxy.pass();
    assert!(status.code().is_none() || status.success(), "{status}");
    status.code().is_none()
}
