//! A local AWS as a process: started, asked, stopped. The record on disk says which process; the process itself is asked
//! whether it still is that one before anything is done to it.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::environment::{self, lock, write};
use super::error::{LocalError, Result};
use super::{Places, REGION, http, process};

/// A start takes one to three seconds; a busy machine several times that.
const START: Duration = Duration::from_secs(90);
/// What holds the lock of a server.
const USING: &str = "starting or stopping";
/// How long a server may take to end by itself. It has nothing to save.
const END: Duration = Duration::from_secs(3);

/// How to start a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The port to answer on; 0 takes a free one.
    pub port: u16,
    /// How long AWS takes: 1 as long as the real one, 0.01 a hundredth, 0 no time at all, which is what `None` means.
    pub time_scale: Option<f64>,
    /// Whether Lambda functions run, as processes of this machine.
    pub functions: bool,
    /// The Python to use instead of looking for one.
    pub python: Option<PathBuf>,
    /// Where things are kept.
    pub places: Places,
}

/// A server that was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// What `AWS_ENDPOINT_URL` has to be.
    pub url: String,
    /// The port of it, on this machine only.
    pub port: u16,
    /// The process, which leads a process group of its own.
    pub pid: u32,
    /// When it was started.
    pub started: String,
    /// The version of LocalStack.
    pub version: String,
    /// The Python that it runs on.
    pub python: PathBuf,
    /// How long AWS takes, as it was asked for at the start.
    pub time_scale: Option<f64>,
    /// Whether Lambda functions run in it.
    #[serde(default)]
    pub functions: bool,
    /// The folder that it writes to; a start empties it.
    pub state_dir: PathBuf,
    /// What it said.
    pub log: PathBuf,
    /// Whether it ran before it was asked for.
    #[serde(default)]
    pub reused: bool,
}

impl Server {
    /// Returns what a program needs in its environment to talk to this server instead of AWS.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
        ]
    }
}

/// What is known of a port.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Whether the server answers.
    pub running: bool,
    /// The server, when there is such a process, answering or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// How many bytes of memory it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// How long AWS takes at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_scale: Option<f64>,
    /// Its services: `available`, or `running` after first use.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, String>,
    /// Who holds the port, when it is another process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_by: Option<String>,
}

/// Starts a server and waits until it answers; installs what that needs the first time. One that is already running is kept, with
/// its contents, and gets the time scale if one is given.
pub async fn start(options: &Options, say: &dyn Fn(&str)) -> Result<Server> {
    if let Some(scale) = options.time_scale.filter(|scale| !(0.0..=1000.0).contains(scale)) {
        return Err(LocalError::new(format!("the time scale must be between 0 and 1000, not {scale}")));
    }
    if options.port != 0 {
        let place = Place::new(&options.places, options.port);
        let _lock = lock(&place.folder, USING, say).await?;
        return start_locked(&place, options, say).await;
    }
    // Another process can take a free port before the server has it.
    let mut attempt = 0;
    loop {
        attempt += 1;
        let place = Place::new(&options.places, free_port()?);
        let lock = lock(&place.folder, USING, say).await?;
        match start_locked(&place, options, say).await {
            Err(_) if attempt < 3 && who_has(place.port).await.is_some() => drop(lock),
            result => return result,
        }
    }
}

/// Stops the server on this port and returns what it was; `None` when none was running.
pub async fn stop(places: &Places, port: u16, say: &dyn Fn(&str)) -> Result<Option<Server>> {
    let place = Place::new(places, port);
    let _lock = lock(&place.folder, USING, say).await?;
    stop_locked(&place).await
}

/// Empties the server on this port, by restarting it as it was started.
pub async fn reset(options: &Options, say: &dyn Fn(&str)) -> Result<Server> {
    let place = Place::new(&options.places, options.port);
    let _lock = lock(&place.folder, USING, say).await?;
    let before = stop_locked(&place).await?;
    let time_scale = options.time_scale.or(before.as_ref().and_then(|server| server.time_scale));
    let functions = options.functions || before.is_some_and(|server| server.functions);
    start_locked(&place, &Options { time_scale, functions, ..options.clone() }, say).await
}

/// Returns what is on this port.
pub async fn status(places: &Places, port: u16) -> Status {
    let place = Place::new(places, port);
    let mut status =
        Status { running: false, server: None, memory: None, time_scale: None, services: BTreeMap::new(), taken_by: None };
    let Some(server) = place.ours().await else {
        status.taken_by = who_has(port).await;
        return status;
    };
    status.memory = process::memory(server.pid).await;
    if let Some(health) = health(port).await {
        status.running = true;
        status.services = health.services;
        status.time_scale = scale_of(http::request("GET", port, "/_stack/time-scale", "").await);
    }
    status.server = Some(server);
    status
}

/// Returns every local server whose process exists.
pub async fn servers(places: &Places) -> Vec<Server> {
    let mut ports: Vec<u16> = std::fs::read_dir(&places.servers)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    ports.sort();
    let mut servers = Vec::new();
    for port in ports {
        servers.extend(Place::new(places, port).ours().await);
    }
    servers
}

/// Sets how long AWS takes from now on; 0 also ends what is in flight.
pub async fn time_scale(port: u16, scale: f64) -> Result<()> {
    let body = serde_json::json!({ "scale": scale }).to_string();
    match http::request("POST", port, "/_stack/time-scale", &body).await {
        Ok((200, _)) => Ok(()),
        Ok((status, answer)) => Err(LocalError::new(format!("the server rejected the time scale {scale} ({status}): {answer}"))),
        Err(error) => Err(LocalError::new(format!("no local AWS answers on port {port}: {error}"))),
    }
}

async fn start_locked(place: &Place, options: &Options, say: &dyn Fn(&str)) -> Result<Server> {
    if let Some(server) = place.ours().await {
        // One that was just started by a `stack` that was then killed may still be on its way.
        wait(place, &server, None).await?;
        if options.functions && !server.functions {
            return Err(LocalError::new(format!("the local AWS on port {} is already running, without functions", place.port))
                .hint(format!("`stack local reset --functions --port {}` restarts it, empty", place.port)));
        }
        if let Some(scale) = options.time_scale {
            time_scale(place.port, scale).await?;
        }
        return Ok(Server { reused: true, ..server });
    }
    if let Some(other) = who_has(place.port).await {
        return Err(LocalError::new(format!("port {} is in use by {other}", place.port))
            .hint("choose another with `--port` (with `--local`: `--local-port`), or stop the process that uses it"));
    }
    let environment = environment::install(&options.places, options.python.as_deref(), say).await?;
    say(&format!("starting LocalStack {} on port {}", environment.localstack, place.port));

    // Nothing of an earlier server is of use to this one.
    let _ = std::fs::remove_dir_all(&place.state);
    std::fs::create_dir_all(&place.state).map_err(|error| LocalError::file("create", &place.state, &error))?;
    let cannot = |error: std::io::Error| LocalError::file("write", &place.log, &error);
    let log = File::create(&place.log).map_err(cannot)?;
    let mut command = environment.command();
    command.args(["-m", "stack_local", "--port", &place.port.to_string(), "--state-dir"]).arg(&place.state);
    if let Some(scale) = options.time_scale {
        command.args(["--time-scale", &scale.to_string()]);
    }
    if options.functions {
        command.arg("--functions");
    }
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(cannot)?).stderr(log);
    // Of its own, so that Ctrl-C at the terminal does not reach it.
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| LocalError::file("run", &environment.python, &error))?;
    let server = Server {
        url: format!("http://127.0.0.1:{}", place.port),
        port: place.port,
        pid: child.id().unwrap_or_default(),
        started: jiff::Timestamp::now().to_string(),
        version: environment.localstack,
        python: environment.python,
        time_scale: options.time_scale,
        functions: options.functions,
        state_dir: place.state.clone(),
        log: place.log.clone(),
        reused: false,
    };
    // Before waiting: a server without a record could not be stopped.
    let recorded = serde_json::to_string_pretty(&server).map_err(|error| LocalError::new(error.to_string()));
    let started = match recorded.and_then(|record| write(&place.record, &record)) {
        Ok(()) => wait(place, &server, Some(&mut child)).await,
        Err(error) => Err(error),
    };
    if let Err(error) = started {
        process::signal(server.pid, Signal::KILL);
        let _ = child.wait().await;
        let _ = std::fs::remove_file(&place.record);
        return Err(error);
    }
    Ok(server)
}

async fn wait(place: &Place, server: &Server, mut child: Option<&mut tokio::process::Child>) -> Result<()> {
    let deadline = Instant::now() + START;
    loop {
        if health(place.port).await.is_some() {
            return Ok(());
        }
        if let Some(Ok(Some(status))) = child.as_mut().map(|child| child.try_wait()) {
            return Err(LocalError::new(format!("the server exited before it answered ({status})")).log(&place.log));
        }
        if child.is_none() && place.ours().await.is_none() {
            return Err(LocalError::new("the server exited before it answered").log(&place.log));
        }
        if Instant::now() > deadline {
            let error = LocalError::new(format!(
                "process {} does not answer on port {} after {} s",
                server.pid,
                place.port,
                START.as_secs()
            ));
            return Err(error.log(&place.log).hint(format!("stop it with `stack local stop --port {}`", place.port)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn stop_locked(place: &Place) -> Result<Option<Server>> {
    let Some(server) = place.ours().await else {
        let _ = std::fs::remove_file(&place.record);
        return Ok(None);
    };
    for (signal, patience) in [(Signal::TERM, END), (Signal::KILL, END)] {
        process::signal(server.pid, signal);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if !place.is(server.pid).await {
                // Its children, if it has left any: they keep the group, and its number with it.
                if signal == Signal::TERM {
                    process::signal(server.pid, Signal::KILL);
                }
                // The command line is gone a moment before the socket is.
                while !is_free(place.port) && Instant::now() < deadline {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                let _ = std::fs::remove_file(&place.record);
                let _ = std::fs::remove_dir_all(&place.state);
                return Ok(Some(server));
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
    Err(LocalError::new(format!("process {} does not exit", server.pid)).log(&place.log))
}

/// The files of the server on one port.
struct Place {
    port: u16,
    folder: PathBuf,
    record: PathBuf,
    log: PathBuf,
    state: PathBuf,
}

impl Place {
    fn new(places: &Places, port: u16) -> Self {
        let folder = places.servers.join(port.to_string());
        Place { port, record: folder.join("server.json"), log: folder.join("log"), state: folder.join("state"), folder }
    }

    /// Returns the recorded server, when its process is still that one.
    async fn ours(&self) -> Option<Server> {
        let server: Server = serde_json::from_str(&std::fs::read_to_string(&self.record).ok()?).ok()?;
        self.is(server.pid).await.then_some(server)
    }

    /// Checks whether a process is the server of this place. Process numbers are reused, but no other process has this state
    /// directory.
    async fn is(&self, pid: u32) -> bool {
        process::command_line(pid).await.is_some_and(|line| is_server(&line, self.port, &self.state))
    }
}

fn is_server(command_line: &str, port: u16, state: &Path) -> bool {
    command_line.contains(&format!("-m stack_local --port {port} --state-dir {}", state.display()))
}

#[derive(Deserialize)]
struct Health {
    #[serde(default)]
    services: BTreeMap<String, String>,
    version: String,
}

async fn health(port: u16) -> Option<Health> {
    let (status, body) = http::request("GET", port, "/_localstack/health", "").await.ok()?;
    (status == 200).then(|| serde_json::from_str(&body).ok())?
}

fn scale_of(answer: std::io::Result<(u16, String)>) -> Option<f64> {
    let (_, body) = answer.ok()?;
    serde_json::from_str::<serde_json::Value>(&body).ok()?.get("scale")?.as_f64()
}

/// Returns who holds a port, in words; `None` when it is free.
async fn who_has(port: u16) -> Option<String> {
    if is_free(port) {
        return None;
    }
    let listener = process::listener(port).await.unwrap_or_else(|| "another process".to_owned());
    // Whatever it is, it need not speak HTTP.
    let health = tokio::time::timeout(Duration::from_secs(1), health(port)).await.ok().flatten();
    Some(match health {
        Some(health) => format!("another LocalStack, {}: {listener}", health.version),
        None => listener,
    })
}

fn is_free(port: u16) -> bool {
    // Both, because a socket on all addresses does not everywhere keep another from one of them.
    let address = (Ipv4Addr::LOCALHOST, port);
    TcpListener::bind(address).is_ok() && TcpStream::connect(address).is_err()
}

fn free_port() -> Result<u16> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    port.map(|address| address.port()).map_err(|error| LocalError::new(format!("no free port: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> (tempfile::TempDir, Places) {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::below(folder.path().to_owned());
        (folder, places)
    }

    fn record(place: &Place, pid: u32) {
        let server = Server {
            url: String::new(),
            port: place.port,
            pid,
            started: String::new(),
            version: String::new(),
            python: PathBuf::new(),
            time_scale: None,
            functions: false,
            state_dir: place.state.clone(),
            log: place.log.clone(),
            reused: false,
        };
        write(&place.record, &serde_json::to_string(&server).unwrap()).unwrap();
    }

    #[test]
    fn a_server_is_told_by_its_port_and_state_directory() {
        let line = "/e/bin/python -m stack_local --port 4566 --state-dir /c/local/4566/state --time-scale 0.1";
        assert!(is_server(line, 4566, Path::new("/c/local/4566/state")));
        assert!(!is_server(line, 456, Path::new("/c/local/4566/state")));
        assert!(!is_server(line, 4566, Path::new("/other/local/4566/state")));
    }

    #[tokio::test]
    async fn another_process_with_the_recorded_id_is_not_killed() {
        let (_folder, places) = places();
        let mut other = tokio::process::Command::new("sleep").arg("30").process_group(0).kill_on_drop(true).spawn().unwrap();
        let place = Place::new(&places, 4599);
        record(&place, other.id().unwrap());
        assert_eq!(stop(&places, 4599, &|_| {}).await.unwrap(), None);
        assert!(other.try_wait().unwrap().is_none(), "it was killed");
        assert!(!place.record.exists(), "a record of nothing is removed");
    }

    #[tokio::test]
    async fn one_that_does_not_listen_to_sigterm_is_killed() {
        let (_folder, places) = places();
        let place = Place::new(&places, 4598);
        let script = "trap '' TERM; while :; do sleep 0.1; done";
        let words = ["-c", script, "-m", "stack_local", "--port", "4598", "--state-dir", &place.state.to_string_lossy()]
            .map(str::to_owned);
        let mut server = tokio::process::Command::new("sh").args(words).process_group(0).kill_on_drop(true).spawn().unwrap();
        let pid = server.id().unwrap();
        record(&place, pid);
        // A process that has just been started has no command line for a moment, and belongs to no server then.
        while !place.is(pid).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let stopped = stop(&places, 4598, &|_| {});
        let (stopped, status) = tokio::join!(stopped, server.wait());
        assert!(stopped.unwrap().is_some());
        assert!(!status.unwrap().success());
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_refused_by_name() {
        let (_folder, places) = places();
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let error = start(&Options { port, time_scale: None, functions: false, python: None, places: places.clone() }, &|_| {})
            .await
            .unwrap_err();
        assert!(error.message.starts_with(&format!("port {port} is in use by process {}", std::process::id())), "{error}");
        let status = status(&places, port).await;
        assert!(!status.running && status.taken_by.is_some());
    }
}
