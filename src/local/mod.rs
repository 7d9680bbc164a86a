//! AWS on this machine: finds a Python, installs LocalStack and the plug-in for it once, and starts, stops and queries
//! servers.
//!
//! The rest of `stack` knows nothing of this: a server is an endpoint URL with credentials, see [`Server::environment`].
//! A server's state is in its memory, so a restart is a reset. Everything on disk is below [`Places`] and may be
//! deleted at any time; what is missing is created again.

mod environment;
mod error;
mod files;
mod http;
mod process;
mod python;
mod server;

pub use environment::{Environment, install};
pub use error::{LocalError, Result};
pub use files::FILES;
pub use python::{Candidate, Python, find};
pub use server::{Options, Server, Status, reset, servers, start, status, stop, time_scale};

use std::path::PathBuf;

/// The port that LocalStack users expect.
pub const DEFAULT_PORT: u16 = 4566;

/// The region that [`Server::environment`] names.
pub const REGION: &str = "us-east-1";

/// Where things are kept on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Installed Python environments: large, slow to make, shared by everybody.
    pub installed: PathBuf,
    /// A folder per server, named by its port: the record, the log, the state directory.
    pub servers: PathBuf,
}

impl Places {
    /// Returns both below the user's cache folder: `$STACK_CACHE_DIR`, or `stack` in the one that the system names.
    pub fn of_user() -> Result<Self> {
        Ok(Places::below(cache_of_user()?))
    }

    /// Returns both below one folder.
    pub fn below(folder: PathBuf) -> Self {
        Places { installed: folder.join("python"), servers: folder.join("local") }
    }
}

/// Returns the user's cache folder.
///
/// # Errors
/// When neither the environment nor the system names one.
pub fn cache_of_user() -> Result<PathBuf> {
    cache_folder(|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
}

fn cache_folder(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    if let Some(folder) = variable("STACK_CACHE_DIR") {
        return std::path::absolute(folder).map_err(|error| LocalError::new(format!("`STACK_CACHE_DIR`: {error}")));
    }
    // The XDG rules say to ignore a relative path.
    if let Some(folder) = variable("XDG_CACHE_HOME").filter(|folder| folder.is_absolute()) {
        return Ok(folder.join("stack"));
    }
    let home = variable("HOME")
        .ok_or_else(|| LocalError::new("no cache folder: none of `STACK_CACHE_DIR`, `XDG_CACHE_HOME` and `HOME` is set"))?;
    Ok(home.join(if cfg!(target_os = "macos") { "Library/Caches/stack" } else { ".cache/stack" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(variables: &[(&str, &str)]) -> Option<String> {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| PathBuf::from(value));
        cache_folder(find).ok().map(|path| path.display().to_string())
    }

    #[test]
    fn the_cache_folder_is_the_first_that_is_named() {
        assert_eq!(folder(&[("STACK_CACHE_DIR", "/c"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]).as_deref(), Some("/c"));
        assert_eq!(folder(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]).as_deref(), Some("/x/stack"));
        let home = if cfg!(target_os = "macos") { "/h/Library/Caches/stack" } else { "/h/.cache/stack" };
        assert_eq!(folder(&[("XDG_CACHE_HOME", "x"), ("HOME", "/h")]).as_deref(), Some(home));
        assert_eq!(folder(&[]), None);
    }
}
