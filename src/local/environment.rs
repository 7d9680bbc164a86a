//! LocalStack with this project's plug-in, installed once into a folder of its own.
//!
//! Two folders, so that a change of the plug-in costs two seconds rather than a minute: `<requirements and Python>/` is
//! a virtual environment with everything that comes from PyPI, `plugin-<sources>/` is the plug-in, put in front by
//! `PYTHONPATH`. A folder counts as soon as it contains a file called `complete`.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::Places;
use super::error::{LocalError, Result};
use super::files::FILES;
use super::python::{self, Python};

const COMPLETE: &str = "complete";
/// What holds the lock of an installation.
const INSTALLING: &str = "installing";

/// An installed LocalStack with the plug-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The interpreter that has LocalStack, and with it boto3.
    pub python: PathBuf,
    /// The folder that has the plug-in.
    pub plugin: PathBuf,
    /// The version of the interpreter.
    pub python_version: String,
    /// The version of LocalStack.
    pub localstack: String,
}

impl Environment {
    /// Returns the interpreter, ready to run with the plug-in and without what the user's shell sets for Python or AWS.
    pub fn command(&self) -> Command {
        let mut command = bare(&self.python);
        command.env("PYTHONPATH", &self.plugin);
        command
    }
}

/// Finds a Python (see [`python::find`]) and installs what is missing. `say` is called about what takes long.
pub async fn install(places: &Places, chosen: Option<&Path>, say: &dyn Fn(&str)) -> Result<Environment> {
    let base = python::find(chosen).await?;
    let requirements = base.requirements().ok_or_else(|| LocalError::new(format!("Python {} is not supported", base.version)))?;
    let localstack = pinned(requirements, "localstack-core").unwrap_or("of an unknown version").to_owned();
    let packages = places.installed.join(digest(&[&base.version, &base.path.to_string_lossy(), requirements]));
    let python = packages.join("bin/python");

    // A base interpreter that was removed leaves a dangling link.
    let lock = (!done(&packages) || !python.exists()).then(|| lock(&packages, INSTALLING, say));
    if let Some(lock) = lock {
        let lock = lock.await?;
        if !done(&packages) || !python.exists() {
            say(&format!("installing LocalStack {localstack} for Python {} (once, about a minute)", base.version));
            packages_into(&packages, &base, requirements, &lock, say).await?;
        }
    }

    let sources: Vec<&str> = FILES.iter().flat_map(|(path, text)| [*path, *text]).collect();
    let plugin = places.installed.join(format!("plugin-{}", digest(&[&[base.version.as_str()], sources.as_slice()].concat())));
    if !done(&plugin) {
        let lock = self::lock(&plugin, INSTALLING, say).await?;
        if !done(&plugin) {
            say("installing the plug-in");
            plugin_into(&plugin, &python, &lock, say).await?;
            prepare(&packages, &plugin, &python, &lock, say).await?;
            write(&plugin.join(COMPLETE), "")?;
        }
    }
    Ok(Environment { python, plugin, python_version: base.version, localstack })
}

async fn packages_into(folder: &Path, base: &Python, requirements: &str, lock: &File, say: &dyn Fn(&str)) -> Result<()> {
    fresh(folder)?;
    let list = folder.join("requirements.txt");
    write(&list, requirements)?;
    let log = folder.with_extension("log");
    let venv = run(bare(&base.path).args(["-m", "venv"]).arg(folder), "creating a Python environment", &log, lock, say).await;
    venv.map_err(|error| error.hint("on Debian and Ubuntu: `sudo apt install python3-venv`"))?;
    // Every package is pinned, those that others need included: there is nothing to resolve.
    let mut pip = pip(&folder.join("bin/python"));
    let count = requirements.lines().filter(|line| line.contains("==")).count();
    let installing = format!("installing {count} Python packages");
    run(pip.args(["--no-deps", "--require-hashes", "-r"]).arg(&list), &installing, &log, lock, say).await.map_err(|error| {
        error.hint(
            "this needs access to PyPI or to a mirror that `pip` is configured for; downloads are kept for the next attempt",
        )
    })?;
    write(&folder.join(COMPLETE), "")
}

async fn plugin_into(folder: &Path, python: &Path, lock: &File, say: &dyn Fn(&str)) -> Result<()> {
    fresh(folder)?;
    let source = folder.join("source");
    for (path, text) in FILES {
        write(&source.join(path), text)?;
    }
    let log = folder.with_extension("log");
    let mut pip = pip(python);
    pip.args(["--no-deps", "--no-build-isolation", "--no-index", "--target"]).arg(folder).arg(&source);
    run(&mut pip, "installing the plug-in", &log, lock, say).await?;
    // Or Python would find the sources a second time.
    let _ = std::fs::remove_dir_all(source);
    Ok(())
}

/// Lets the plug-in compute what every server would otherwise compute for itself; it keeps that with the packages.
async fn prepare(packages: &Path, plugin: &Path, python: &Path, lock: &File, say: &dyn Fn(&str)) -> Result<()> {
    let prepared = packages.join("prepared");
    if !prepared.exists() {
        let mut command = bare(python);
        command.env("PYTHONPATH", plugin).args(["-m", "stack_local.prepare"]);
        run(&mut command, "preparing LocalStack", &plugin.with_extension("log"), lock, say).await?;
        write(&prepared, "")?;
    }
    Ok(())
}

fn pip(python: &Path) -> Command {
    let mut command = bare(python);
    command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]);
    command
}

/// Returns an interpreter without what would mislead it: another Python's variables, an AWS profile, a proxy that cannot reach
/// this machine's own ports. pip's settings stay.
fn bare(python: &Path) -> Command {
    let mut command = Command::new(python);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["PYTHON", "AWS_", "LOCALSTACK_", "STACK_LOCAL_"].iter().any(|prefix| text.starts_with(prefix))
            || text == "VIRTUAL_ENV"
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs one step of an installation. The lock is the child's stdin: if this process is killed, it stays locked until the child
/// has ended too, and no other process starts over while the child still writes.
async fn run(command: &mut Command, doing: &str, log: &Path, lock: &File, say: &dyn Fn(&str)) -> Result<()> {
    let cannot = |error| LocalError::file("write", log, &error);
    let output = File::options().create(true).append(true).open(log).map_err(cannot)?;
    let errors = output.try_clone().map_err(cannot)?;
    let stdin = lock.try_clone().map_err(cannot)?;
    let child = command.stdin(stdin).stdout(output).stderr(errors).kill_on_drop(true).spawn();
    let mut child = child.map_err(|error| LocalError::new(format!("{doing}: {error}")))?;
    let begun = Instant::now();
    let status = loop {
        match tokio::time::timeout(Duration::from_secs(10), child.wait()).await {
            Ok(status) => break status,
            Err(_) => say(&format!("{doing} ({} s): {}", begun.elapsed().as_secs(), last_line(log))),
        }
    };
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(LocalError::new(format!("{doing} failed ({status})")).log(log)),
        Err(error) => Err(LocalError::new(format!("{doing}: {error}"))),
    }
}

fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().last().unwrap_or_default().trim().chars().take(70).collect()
}

/// Takes the lock beside `path`, which is held until the value is dropped. `doing` says what the holder does: `installing`.
pub(super) async fn lock(path: &Path, doing: &str, say: &dyn Fn(&str)) -> Result<File> {
    let path = path.with_extension("lock");
    let cannot = |error: &std::io::Error| LocalError::file("lock", &path, error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| LocalError::file("create", folder, &error))?;
    }
    let file = File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(|error| cannot(&error))?;
    let mut waiting = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(cannot(&error)),
        }
        if !waiting {
            say(&format!("waiting for another `stack` that is {doing} it"));
            waiting = true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn done(folder: &Path) -> bool {
    folder.join(COMPLETE).exists()
}

/// Creates an empty folder, whatever a killed installation has left there.
fn fresh(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(LocalError::file("remove", folder, &error)),
        _ => {}
    }
    let _ = std::fs::remove_file(folder.with_extension("log"));
    std::fs::create_dir_all(folder).map_err(|error| LocalError::file("create", folder, &error))
}

/// Writes a file and the folders that lead to it.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, text)).map_err(|error| LocalError::file("write", path, &error))
}

fn pinned<'a>(requirements: &'a str, package: &str) -> Option<&'a str> {
    requirements.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("==")?.split_whitespace().next())
}

fn digest(parts: &[&str]) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        // The length keeps `ab`, `c` apart from `a`, `bc`.
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    sha.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_keep_parts_apart() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&["ab"]).len(), 16);
    }

    #[test]
    fn pins() {
        assert_eq!(pinned("a==1\nlocalstack-core==4.14.0 \\\n    --hash=sha256:0\n", "localstack-core"), Some("4.14.0"));
        assert_eq!(pinned("localstack-core-ext==1\n", "localstack-core"), None);
    }

    #[tokio::test]
    async fn a_lock_is_held_until_dropped_and_by_children_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let first = lock(&path, "testing", &|_| {}).await.unwrap();
        let mut child = Command::new("sleep").arg("0.4").stdin(first.try_clone().unwrap()).spawn().unwrap();
        drop(first);
        let said = std::cell::Cell::new(0);
        let begun = Instant::now();
        drop(lock(&path, "testing", &|_| said.set(said.get() + 1)).await.unwrap());
        assert!(begun.elapsed() > Duration::from_millis(200), "the child held it");
        assert_eq!(said.get(), 1);
        child.wait().await.unwrap();
    }

    #[tokio::test]
    async fn a_failed_step_shows_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let lock = lock(&folder.path().join("x"), "testing", &|_| {}).await.unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such package >&2; exit 3"]);
        let error = run(&mut command, "installing", &folder.path().join("x.log"), &lock, &|_| {}).await.unwrap_err();
        assert_eq!(error.details, ["no such package"]);
        assert!(error.hints[0].contains("x.log"), "{error:?}");
    }
}
