//! A program beside a test: one of the scripts here, which prints its port and ends when its stdin does.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};

use super::aws::LocalAws;

/// It runs until it is dropped.
pub struct Helper {
    /// Where it listens on this machine.
    pub port: u16,
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts a script of this folder with the Python of the local AWS, in front of which it stands.
    pub fn start(script: &str, aws: &LocalAws, arguments: &[&str]) -> Helper {
        let mut command = aws.python.command().into_std();
        command.arg("-B").arg(script_of(script)).arg(aws.port.to_string()).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a helper");
        let mut said = BufReader::new(child.stdout.take().expect("its stdout"));
        let mut port = String::new();
        said.read_line(&mut port).expect("its port");
        let port = port.trim().parse().unwrap_or_else(|_| panic!("{script} did not start: {port:?}"));
        Helper { port, child, said }
    }

    /// Ends it, and gives what it said at last.
    pub fn end(mut self) -> String {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.said.read_to_string(&mut said).expect("its last words");
        said
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A file of this folder.
pub fn script_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support").join(name)
}
