//! `--log` and `--trace-file`: the calls to AWS, for whoever looks into a problem.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::stop::{Exit, Result, Stop};
use crate::aws::call::log::{self, Recording};
use crate::ui;

/// What is logged, and where to.
#[derive(Args, Debug)]
pub struct Logging {
    /// Log calls to AWS on standard error: `error`, `warn`, `info` (changes and failures), `debug` (every call), `trace` or `off`
    #[arg(long, global = true, value_name = "LEVEL", env = "STACK_LOG", hide_env_values = true, value_parser = level)]
    log: Option<LevelFilter>,
    /// Append the log to this file instead [level: `debug`, unless `--log` is given]
    #[arg(long, global = true, value_name = "FILE", env = "STACK_LOG_FILE", hide_env_values = true)]
    log_file: Option<OsString>,
    /// Write every call to AWS to this file, as a trace for Perfetto or chrome://tracing
    #[arg(long, global = true, value_name = "FILE")]
    trace_file: Option<OsString>,
}

/// A level. A variable that is set to nothing asks for none.
fn level(text: &str) -> Result<LevelFilter, String> {
    match text {
        "" | "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err("it must be `error`, `warn`, `info`, `debug`, `trace` or `off`".into()),
    }
}

impl Logging {
    /// Opens the files and starts to log. Where the log is on standard error, progress is plain lines between its lines.
    ///
    /// # Errors
    /// When a file cannot be opened.
    pub fn start(&self) -> Result<Option<Recording>> {
        let file = self.log_file.as_deref().filter(|name| !name.is_empty());
        let level = self.log.unwrap_or(if file.is_some() { LevelFilter::DEBUG } else { LevelFilter::OFF });
        let lines: Option<(LevelFilter, Box<dyn Write + Send>)> = match file {
            _ if level == LevelFilter::OFF => None,
            Some(name) => Some((level, Box::new(open(name, OpenOptions::new().append(true))?))),
            None => {
                ui::logs_to_stderr();
                Some((level, Box::new(Stderr)))
            }
        };
        let trace: Option<Box<dyn Write + Send>> = match &self.trace_file {
            Some(name) => Some(Box::new(open(name, OpenOptions::new().write(true).truncate(true))?)),
            None => None,
        };
        Ok((lines.is_some() || trace.is_some()).then(|| log::start(lines, trace)))
    }
}

/// Opens a file. A new one is readable for its owner only: which objects a stack has is nobody else's business.
fn open(name: &OsStr, how: &mut OpenOptions) -> Result<File> {
    how.create(true).mode(0o600).open(name).map_err(|error| {
        let name = Path::new(name).display();
        Stop::Message(
            Exit::Usage,
            format!("nothing was changed: `{name}` cannot be opened for writing: {error}"),
            Some("choose another file".into()),
        )
    })
}

/// Standard error, as everything that is written there: through `ui`.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        ui::err(&String::from_utf8_lossy(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn wanted(log: Option<&str>, log_file: Option<&Path>, trace_file: Option<&Path>) -> Logging {
        Logging {
            log: log.map(|text| level(text).unwrap()),
            log_file: log_file.map(Into::into),
            trace_file: trace_file.map(Into::into),
        }
    }

    fn refusal(logging: &Logging) -> String {
        match logging.start() {
            Err(Stop::Message(Exit::Usage, text, _)) => text,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("{logging:?}"),
        }
    }

    #[test]
    fn nothing_is_logged_unless_it_is_wanted() {
        assert!(wanted(None, None, None).start().unwrap().is_none());
        assert!(wanted(Some(""), None, None).start().unwrap().is_none());
        assert!(wanted(Some("off"), Some(Path::new("")), None).start().unwrap().is_none());
        assert!(level("loud").is_err());
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = folder.path().join("nowhere/file");
        for logging in
            [wanted(None, Some(&nowhere), None), wanted(None, None, Some(&nowhere)), wanted(None, None, Some(folder.path()))]
        {
            assert!(refusal(&logging).contains("cannot be opened for writing"), "{logging:?}");
        }
    }

    #[test]
    fn a_new_file_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("trace.json");
        drop(open(name.as_os_str(), OpenOptions::new().write(true)).unwrap());
        assert_eq!(std::fs::metadata(&name).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
