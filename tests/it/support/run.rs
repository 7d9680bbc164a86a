//! The real binary, run the way a user runs it, away from the user's settings.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::aws::Account;
use super::faults::Rough;
use super::proxy::{Proxy, Settled};

/// A folder to run `stack` in, with a home of its own.
pub struct Place {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
    /// The way to AWS, where there is one that remembers.
    settled: Option<Settled>,
    _proxy: Option<Proxy>,
    /// How long a run may take before it is killed.
    pub timeout: Duration,
}

/// Among arguments: the flag that agrees to the end of the file's whole environment.
pub const EVERYTHING: &str = "<--confirm>";

/// What AWS said of each object while something was done to it.
pub type States = BTreeMap<(String, String), Vec<String>>;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code; `None` when it was killed.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
    /// Whether it was killed because it took too long.
    pub timed_out: bool,
}

impl Output {
    /// This output, when it succeeded; panics with everything it said otherwise.
    #[track_caller]
    pub fn ok(self) -> Output {
        self.exits(0)
    }

    /// This output, when it ended with this code; panics with everything it said otherwise.
    #[track_caller]
    pub fn exits(self, code: i32) -> Output {
        assert_eq!(
            self.code,
            Some(code),
            "timed out: {}\n--- stdout\n{}\n--- stderr\n{}",
            self.timed_out,
            self.stdout,
            self.stderr
        );
        self
    }

    /// What it wrote to stderr, on one line: words that a narrow terminal breaks are found.
    pub fn words(&self) -> String {
        words(&self.stderr)
    }

    /// Of the events of `apply --json`: what AWS said of each object, repetitions left out; and why something was retried.
    pub fn states(&self) -> (States, Vec<String>) {
        let (mut states, mut again) = (States::new(), Vec::new());
        for event in self.stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()) {
            let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
            match event["event"].as_str() {
                Some("status") => {
                    let said: &mut Vec<String> = states.entry((text("key"), text("verb"))).or_default();
                    if said.last() != Some(&text("status")) {
                        said.push(text("status"));
                    }
                }
                Some("retrying") => again.push(format!("{} {}", text("key"), text("why"))),
                _ => {}
            }
        }
        (states, again)
    }

    /// Its stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr))
    }
}

/// A text on one line: words that a narrow terminal breaks are found.
pub fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Place {
    /// An empty folder without AWS.
    pub fn new() -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("home")).expect("a home");
        // With a fault at every fifth call, and tried again, everything takes longer.
        let timeout = Duration::from_secs(if Rough::of_suite().is_some() { 600 } else { 120 });
        Place { folder, environment: Vec::new(), settled: None, _proxy: None, timeout }
    }

    /// An empty folder with this account's AWS, and with the suite's faults, or its recorder, on the way there when asked for.
    pub fn with(account: &Account) -> Place {
        if Rough::of_suite().is_none() && std::env::var_os("STACK_RECORD").is_none() {
            return Place { environment: account.environment(), ..Place::new() };
        }
        let proxy = Proxy::for_stack(&account.url);
        let place = Place::through(account, &proxy);
        Place { _proxy: Some(proxy), ..place }
    }

    /// An empty folder with this account's AWS by way of a proxy.
    pub fn through(account: &Account, proxy: &Proxy) -> Place {
        let environment = account.through(&proxy.url).environment();
        Place { environment, settled: Some(proxy.settled()), ..Place::new() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Sets a variable for the runs that follow.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Writes a file, a stack file for example, and gives its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(self.path())).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// Runs `stack` to its end.
    pub fn stack(&self, arguments: &[&str]) -> Output {
        self.run(self.command(arguments))
    }

    /// `stack` as a command, for the test to start (and kill) itself.
    pub fn command(&self, arguments: &[&str]) -> Command {
        if let Some(settled) = &self.settled {
            settled.now();
        }
        let mut command = Command::new(binary());
        command.args(self.spelled(arguments));
        self.prepare(&mut command);
        command
    }

    /// The arguments with [`EVERYTHING`] as a user types it who means the file's own stack.
    pub fn spelled(&self, arguments: &[&str]) -> Vec<String> {
        let environment = arguments.windows(2).find(|two| two[0] == "--env").map_or("default", |two| two[1]);
        let confirm = || {
            let text = std::fs::read_to_string(self.path().join(arguments[1])).expect("the stack file");
            let name = text.lines().find_map(|line| line.strip_prefix("stack: ")).expect("its name").trim();
            format!("--confirm={name}/{environment}")
        };
        arguments.iter().map(|word| if *word == EVERYTHING { confirm() } else { (*word).to_owned() }).collect()
    }

    fn prepare(&self, command: &mut Command) {
        command.current_dir(self.path()).env_clear();
        for name in ["PATH", "TMPDIR", "LLVM_PROFILE_FILE", "RUST_BACKTRACE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // No colour, no terminal, no profile: what is printed depends on nothing but the test.
        command.env("HOME", self.path().join("home")).env("LANG", "C.UTF-8").env("NO_COLOR", "1").env("TERM", "dumb");
        // Files are taken as they stand, unless a test chooses an environment or wants none to be chosen.
        command.env("STACK_ENV", "default");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    fn run(&self, mut command: Command) -> Output {
        let begun = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary");
        let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
        let mut timed_out = false;
        let status: ExitStatus = loop {
            if let Some(status) = child.try_wait().expect("the child") {
                break status;
            }
            if !timed_out && begun.elapsed() > self.timeout {
                timed_out = true;
                let _ = child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = begun.elapsed();
        Output { code: status.code(), stdout: out.join().expect("stdout"), stderr: err.join().expect("stderr"), took, timed_out }
    }
}

/// The binary under test: this build's, unless `STACK_TEST_BINARY` names another.
fn binary() -> OsString {
    std::env::var_os("STACK_TEST_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_stack").into())
}

impl Default for Place {
    fn default() -> Self {
        Place::new()
    }
}

/// Reads along while the child runs, or a full pipe would stop it.
fn drain(from: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            let _ = from.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[test]
fn a_run_sees_only_what_it_is_given() {
    let mut place = Place::new();
    place.set("AWS_REGION", "eu-central-1");
    let mut command = Command::new("/usr/bin/env");
    place.prepare(&mut command);
    let output = place.run(command).ok();
    let aws: Vec<_> = output.stdout.lines().filter(|line| line.starts_with("AWS_")).collect();
    assert_eq!(aws, ["AWS_REGION=eu-central-1"]);
    assert!(output.stdout.contains(&format!("HOME={}", place.path().join("home").display())));
    assert!(output.stdout.contains("NO_COLOR=1"));
}

#[test]
fn a_run_that_takes_too_long_is_killed() {
    let mut place = Place::new();
    place.timeout = Duration::from_millis(200);
    let mut command = Command::new("sh");
    command.args(["-c", "echo begun; exec sleep 60"]);
    place.prepare(&mut command);
    let output = place.run(command);
    assert!(output.timed_out && output.code.is_none() && output.took < Duration::from_secs(20), "{output:?}");
    assert_eq!(output.stdout, "begun\n");
}

#[test]
fn the_binary_is_there() {
    let output = Place::new().stack(&["--version"]).ok();
    assert_eq!(output.stderr, "");
}
