//! Local AWSes of the test process, started when first asked for.
//!
//! `cargo test` runs all tests in one process: a server for each core, up to four. nextest gives each test a process: a server each, two seconds
//! and 120 MB, unless `STACK_TEST_AWS=http://127.0.0.1:4566` names one that runs already (`stack local start`).

use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};

use rustix::process::{Pid, WaitOptions, waitpid};
use stack::local::{self, Environment, Options, Places};

use super::block_on;

/// A running local AWS.
pub struct LocalAws {
    /// Its endpoint.
    pub url: String,
    /// Its port.
    pub port: u16,
    /// The interpreter with boto3.
    pub python: Environment,
    guardian: Option<Guardian>,
    _folder: Option<tempfile::TempDir>,
}

/// Credentials for an account of a local AWS that no other test uses. IAM, S3 bucket names excepted, is per account.
#[derive(Clone, Debug)]
pub struct Account {
    /// The endpoint: the server's, or a proxy's in front of it.
    pub url: String,
    /// The account's number, which LocalStack takes from the access key.
    pub id: String,
    pub(super) python: Environment,
}

impl Account {
    /// What a program needs in its environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_ACCESS_KEY_ID", &self.id),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", local::REGION),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The same account, reached through something else.
    pub fn through(&self, url: &str) -> Account {
        Account { url: url.to_owned(), ..self.clone() }
    }
}

impl LocalAws {
    /// The one of this thread, and so of its test. There are as many as cores, up to four: each is a Python process, which uses one.
    pub fn shared() -> &'static LocalAws {
        const MOST: usize = 4;
        static SHARED: [OnceLock<LocalAws>; MOST] = [const { OnceLock::new() }; MOST];
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        static SERVERS: LazyLock<usize> =
            LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from).clamp(1, MOST));
        thread_local! {
            static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % *SERVERS;
        }
        MINE.with(|mine| SHARED[*mine].get_or_init(LocalAws::start))
    }

    /// One more, empty and the caller's alone: for tests that change the whole server, its speed for example.
    pub fn start() -> LocalAws {
        if let Ok(url) = std::env::var("STACK_TEST_AWS") {
            let port = url.rsplit(':').next().and_then(|port| port.trim_end_matches('/').parse().ok());
            let port = port.expect("STACK_TEST_AWS names a port");
            let python =
                block_on(async || local::install(&Places::of_user()?, None, &|_| {}).await).expect("the Python of the local AWS");
            return LocalAws { url, port, python, guardian: None, _folder: None };
        }
        // Records of its own; the installation, which takes a minute, is shared.
        let folder = tempfile::tempdir().expect("a temporary folder");
        let installed = Places::of_user().expect("a cache folder").installed;
        let places = Places { installed, servers: folder.path().join("local") };
        let (server, python) = block_on(async || {
            let say = |line: &str| eprintln!("local AWS: {line}");
            let python = local::install(&places, None, &say).await?;
            let options = Options { port: 0, time_scale: None, functions: true, python: None, places };
            local::start(&options, &say).await.map(|server| (server, python))
        })
        .unwrap_or_else(|error| panic!("no local AWS: {error}\n{}\n{}", error.details.join("\n"), error.hints.join("\n")));
        LocalAws {
            guardian: Some(Guardian::of(server.pid, folder.path().into())),
            url: server.url,
            port: server.port,
            python,
            _folder: Some(folder),
        }
    }

    /// An account that no test has used before.
    pub fn account(&self) -> Account {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // With nextest and a shared server, two processes must not count alike.
        let id = (u64::from(std::process::id()) % 1_000_000) * 100_000 + NEXT.fetch_add(1, Ordering::Relaxed) + 100_000_000_000;
        Account { url: self.url.clone(), id: format!("{:012}", id % 1_000_000_000_000), python: self.python.clone() }
    }

    /// Sets how long AWS takes; 0 is at once. It holds for all who use this server: start one of your own for it.
    pub fn time_scale(&self, scale: f64) {
        block_on(async || local::time_scale(self.port, scale).await).expect("the time scale");
    }
}

/// Kills the server when this process ends, in whatever way: a shell that waits for the end of a pipe that only this process
/// holds.
struct Guardian {
    server: u32,
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Guardian {
    fn of(server: u32, folder: PathBuf) -> Guardian {
        // In a group of its own, or Ctrl-C would end it before it has done its work. The server leads a group, hence `-`.
        use std::os::unix::process::CommandExt;
        let mut shell = Command::new("sh")
            .args(["-c", r#"cat >/dev/null; kill -9 -"$1" 2>/dev/null; rm -rf "$2""#, "guardian", &server.to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let pipe = shell.stdin.take();
        Guardian { server, shell, pipe }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.shell.wait();
        // The server is a child of this process: until it is reaped, its port may still be open.
        if let Some(server) = i32::try_from(self.server).ok().and_then(Pid::from_raw) {
            let _ = waitpid(Some(server), WaitOptions::empty());
        }
    }
}

#[test]
fn a_server_ends_with_its_owner() {
    let aws = LocalAws::start();
    if aws.guardian.is_none() {
        return; // STACK_TEST_AWS: this process did not start it
    }
    let account = aws.account();
    let made = account.boto3("result = client('sts').get_caller_identity()['Account']", &serde_json::json!(null));
    assert_eq!(made, account.id.as_str());
    let port = aws.port;
    drop(aws);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn accounts_do_not_see_each_other() {
    let (one, two) = (LocalAws::shared().account(), LocalAws::shared().account());
    assert_ne!(one.id, two.id);
    let count = "result = len(client('ecs').list_clusters()['clusterArns'])";
    one.boto3("client('ecs').create_cluster(clusterName='main')", &serde_json::json!(null));
    assert_eq!(one.boto3(count, &serde_json::json!(null)), 1);
    assert_eq!(two.boto3(count, &serde_json::json!(null)), 0);
}

#[test]
fn a_server_is_started_found_emptied_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places { installed: Places::of_user().unwrap().installed, servers: folder.path().to_owned() };
    let options = Options { port: 0, time_scale: None, functions: false, python: None, places: places.clone() };
    block_on(async || {
        let begun = std::time::Instant::now();
        let say = |line: &str| eprintln!("{:.1} s: {line}", begun.elapsed().as_secs_f64());
        let first = local::start(&options, &say).await.unwrap();
        say(&format!("{} answers", first.url));
        let _guardian = Guardian::of(first.pid, folder.path().into());
        assert!(!first.reused && first.url.ends_with(&format!("127.0.0.1:{}", first.port)), "{first:?}");

        // Again: the same one, which gets the new speed.
        let options = Options { port: first.port, time_scale: Some(0.25), ..options };
        let again = local::start(&options, &say).await.unwrap();
        assert_eq!((again.pid, again.reused), (first.pid, true));
        let status = local::status(&places, first.port).await;
        assert!(status.running && status.memory.unwrap() > 1 << 20 && status.services.contains_key("ec2"), "{status:?}");
        assert_eq!(status.time_scale, Some(0.25));
        assert_eq!(local::servers(&places).await.len(), 1);

        // From another cache folder it is foreign, and is left alone.
        let elsewhere = Places { servers: folder.path().join("elsewhere"), ..places.clone() };
        let error = local::start(&Options { places: elsewhere.clone(), ..options.clone() }, &say).await.unwrap_err();
        assert!(error.message.contains("in use by another LocalStack, 4."), "{error}");
        assert_eq!(local::stop(&elsewhere, first.port, &say).await.unwrap(), None);

        let reset = local::reset(&options, &say).await.unwrap();
        say("emptied");
        let _guardian = Guardian::of(reset.pid, folder.path().into());
        assert_ne!(reset.pid, first.pid);
        assert_eq!((reset.port, reset.time_scale), (first.port, Some(0.25)));

        let begun = std::time::Instant::now();
        assert_eq!(local::stop(&places, first.port, &say).await.unwrap().map(|server| server.pid), Some(reset.pid));
        assert!(begun.elapsed() < std::time::Duration::from_secs(8));
        assert_eq!(local::stop(&places, first.port, &say).await.unwrap(), None);
        let status = local::status(&places, first.port).await;
        assert!(!status.running && status.server.is_none() && status.taken_by.is_none(), "{status:?}");
    });
}
