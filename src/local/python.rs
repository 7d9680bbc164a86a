//! Which Python to use: found by asking, because a name on the PATH says little about what is behind it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::error::{LocalError, Result};
use super::files::file;

/// The minor versions that fit, best first. 3.11 gets an older LocalStack: 4.14.0 does not even parse there.
/// 3.14 comes last because it was tried least.
const PREFERRED: &[u32] = &[12, 13, 11, 14];

/// Run by each candidate. A Debian Python without `python3-venv` has `venv`, and fails at `ensurepip`.
const QUESTION: &str = "\
import sys
print('.'.join(map(str, sys.version_info[:3])))
print(sys.executable)
import ensurepip, venv";

/// A Python that LocalStack can be installed for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Python {
    /// The interpreter, not a shim in front of it.
    pub path: PathBuf,
    /// For example `3.13.0`.
    pub version: String,
}

impl Python {
    /// Returns the requirements file for this version.
    pub(super) fn requirements(&self) -> Option<&'static str> {
        match minor(&self.version)? {
            11 => file("requirements-py311.txt"),
            12.. => file("requirements.txt"),
            _ => None,
        }
    }
}

/// What became of one candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where it was looked for.
    pub path: PathBuf,
    /// The interpreter, or why it will not do.
    pub python: std::result::Result<Python, String>,
}

/// Finds the most suitable Python: `chosen`, or what `$STACK_PYTHON` names, or the first in order of preference.
pub async fn find(chosen: Option<&Path>) -> Result<Python> {
    let from_environment = std::env::var_os("STACK_PYTHON").filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = chosen.map(Path::to_owned).or(from_environment) {
        let found = ask(path.clone()).await;
        return found.python.map_err(|reason| {
            LocalError::new(format!("cannot use the Python {}: {reason}", path.display()))
                .hint("choose another with `--python` or `STACK_PYTHON`, or set neither to have one found")
        });
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    best(candidates(std::env::var_os("PATH"), home.as_deref())).await
}

/// Returns where a Python may be, each with the minor version that its name promises.
fn candidates(path: Option<OsString>, home: Option<&Path>) -> Vec<(PathBuf, Option<u32>)> {
    let mut folders: Vec<PathBuf> = path.iter().flat_map(std::env::split_paths).collect();
    folders.extend(["/opt/homebrew/bin", "/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    let mut paths = Vec::new();
    for folder in &folders {
        let versioned = PREFERRED.iter().map(|minor| (format!("python3.{minor}"), Some(*minor)));
        let plain = ["python3", "python"].map(|name| (name.to_owned(), None));
        paths.extend(versioned.chain(plain).map(|(name, minor)| (folder.join(name), minor)));
    }
    for (folder, interpreter) in [(".pyenv/versions", "bin/python"), (".local/share/uv/python", "bin/python3")] {
        let Some(entries) = home.and_then(|home| std::fs::read_dir(home.join(folder)).ok()) else { continue };
        let mut installed: Vec<_> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        installed.sort();
        let root = home.unwrap_or(Path::new("")).join(folder);
        // uv calls its folders `cpython-3.12.4-linux-x86_64-gnu`.
        paths.extend(
            installed.iter().rev().map(|name| (root.join(name).join(interpreter), minor(name.trim_start_matches("cpython-")))),
        );
    }
    let mut seen = std::collections::HashSet::new();
    paths.retain(|(path, _)| path.is_file() && seen.insert(path.clone()));
    paths
}

/// Asks as few candidates as possible: most searches end with the first that is what its name says.
async fn best(candidates: Vec<(PathBuf, Option<u32>)>) -> Result<Python> {
    let mut looked_at: Vec<Candidate> = Vec::new();
    for wanted in PREFERRED {
        // Those that promise this version, then those that promise nothing.
        for (path, _) in candidates
            .iter()
            .filter(|(_, promised)| *promised == Some(*wanted))
            .chain(candidates.iter().filter(|(_, promised)| promised.is_none()))
        {
            let found = match looked_at.iter().find(|found| found.path == *path) {
                Some(found) => found.clone(),
                None => {
                    looked_at.push(ask(path.clone()).await);
                    looked_at[looked_at.len() - 1].clone()
                }
            };
            match found.python {
                Ok(python) if minor(&python.version) == Some(*wanted) => return Ok(python),
                _ => {}
            }
        }
    }
    Err(none_fits(looked_at))
}

fn none_fits(looked_at: Vec<Candidate>) -> LocalError {
    let seen = looked_at.iter().map(|found| match &found.python {
        Ok(python) => format!("{}: {}", found.path.display(), python.version),
        Err(reason) => format!("{}: {reason}", found.path.display()),
    });
    LocalError::new("no suitable Python found: the local AWS needs 3.12 or 3.13 (or 3.11) with `venv` and `pip`")
        .details(seen)
        .hint("on Debian and Ubuntu: `sudo apt install python3 python3-venv`")
        .hint("on macOS: `brew install python@3.12`")
        .hint("anywhere: `uv python install 3.12` or `pyenv install 3.12`")
        .hint("or choose one with `--python` or `STACK_PYTHON`")
}

/// Runs the candidate and asks it what it is.
async fn ask(path: PathBuf) -> Candidate {
    let mut command = Command::new(&path);
    command.args(["-I", "-c", QUESTION]).stdin(Stdio::null()).kill_on_drop(true);
    let python = match tokio::time::timeout(Duration::from_secs(10), command.output()).await {
        Err(_) => Err("did not answer within 10 s".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(output)) => judge(
            output.status.success(),
            &String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr).trim().lines().last().unwrap_or_default(),
        ),
    };
    Candidate { path, python }
}

fn judge(succeeded: bool, answer: &str, complaint: &str) -> std::result::Result<Python, String> {
    let mut lines = answer.lines().map(str::trim);
    let (Some(version), Some(path)) = (lines.next(), lines.next()) else {
        return Err(if complaint.is_empty() { "is not Python 3".to_owned() } else { complaint.to_owned() });
    };
    let python = Python { path: PathBuf::from(path), version: version.to_owned() };
    if !minor(version).is_some_and(|minor| PREFERRED.contains(&minor)) || python.requirements().is_none() {
        return Err(format!("is {version}"));
    }
    if !succeeded {
        return Err(format!("is {version} but lacks `venv` or `ensurepip` (Debian: `apt install python3-venv`): {complaint}"));
    }
    Ok(python)
}

/// Returns the `12` of `3.12` or `3.12.1`.
fn minor(version: &str) -> Option<u32> {
    let mut parts = version.split(['.', '-']);
    (parts.next()? == "3").then_some(())?;
    parts.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of false Pythons, each a shell script with an answer of its own.
    fn pythons(scripts: &[(&str, &str)]) -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in scripts {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn only(folder: &tempfile::TempDir) -> Vec<(PathBuf, Option<u32>)> {
        let mut all = candidates(Some(folder.path().into()), None);
        all.retain(|(path, _)| path.starts_with(folder.path()));
        all
    }

    #[tokio::test]
    async fn the_best_is_taken_whatever_its_name() {
        let folder = pythons(&[
            ("python3.13", "echo 3.13.1; echo /real/13"),
            ("python3.12", "echo 'pyenv: version not installed' >&2; exit 127"),
            ("python3", "echo 3.12.4; echo /real/12"),
        ]);
        assert_eq!(best(only(&folder)).await.unwrap(), Python { path: "/real/12".into(), version: "3.12.4".into() });
    }

    #[tokio::test]
    async fn a_python_without_venv_is_passed_over_and_named() {
        let folder = pythons(&[(
            "python3.12",
            "echo 3.12.3; echo /usr/bin/python3.12; echo 'ModuleNotFoundError: ensurepip' >&2; exit 1",
        )]);
        let error = best(only(&folder)).await.unwrap_err();
        assert!(error.details[0].contains("is 3.12.3 but lacks"), "{error:?}");
        assert!(error.details[0].contains("ensurepip"), "{error:?}");
    }

    #[tokio::test]
    async fn what_is_too_old_is_said() {
        let folder = pythons(&[("python3", "echo 3.9.2; echo /usr/bin/python3"), ("python", "echo 'SyntaxError' >&2; exit 1")]);
        let error = best(only(&folder)).await.unwrap_err();
        assert_eq!(error.details.len(), 2, "{error:?}");
        assert!(error.details[0].ends_with("python3: is 3.9.2"), "{error:?}");
        assert!(error.hints.iter().any(|hint| hint.contains("uv python install")), "{error:?}");
    }

    #[test]
    fn minors() {
        assert_eq!(minor("3.12"), Some(12));
        assert_eq!(minor("3.13.0-linux"), Some(13));
        assert_eq!(minor("2.7.18"), None);
        assert_eq!(minor("pypy3.10"), None);
    }
}
