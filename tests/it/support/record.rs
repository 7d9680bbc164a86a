//! Writes down every request that `stack` makes, and what was answered, for `models.py` to hold against AWS's API models.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::aws::LocalAws;
use super::helper::script_of;
use super::http::Head;

/// One file, a line for each request.
pub struct Recorder(Mutex<File>);

impl Recorder {
    /// In the folder that `STACK_RECORD` names; `None` when it names none.
    pub fn of_suite() -> Option<Recorder> {
        std::env::var_os("STACK_RECORD").map(|folder| Recorder::below(&PathBuf::from(folder)))
    }

    /// A new file in this folder, beside those of other proxies and processes.
    pub fn below(folder: &Path) -> Recorder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{}-{}.jsonl", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        std::fs::create_dir_all(folder).expect("a folder for recordings");
        Recorder(Mutex::new(File::create(folder.join(name)).expect("a recording")))
    }

    /// One request with its answer; `None` when there was none. `by_aws` is whether the answer is the local AWS's.
    pub fn write(&self, head: &Head, body: &[u8], answer: Option<(&Head, &[u8])>, by_aws: bool) {
        // boto3 in the tests' own hands is not what is looked at, nor are the words that AWS does not have.
        let ours = head.value("user-agent").is_none_or(|agent| !agent.starts_with("Boto3"));
        if !ours || head.target().starts_with("/_") {
            return;
        }
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let line = json!({
            "at": at,
            "method": head.method(),
            "target": head.target(),
            "headers": head.fields,
            "body": text(body),
            "status": answer.map(|(head, _)| head.status()),
            "answered": answer.map(|(head, _)| &head.fields),
            "answer": answer.map(|(_, body)| text(body)),
            "by_aws": by_aws,
        });
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whole lines: tests end their processes whenever they like.
        file.write_all(format!("{line}\n").as_bytes()).expect("a recording");
    }
}

/// The bytes, each as the character of its number.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Holds the recordings in `folder` against AWS's API models, and prints what was seen.
#[track_caller]
pub fn hold(folder: &Path) {
    let mut command = LocalAws::shared().python.command().into_std();
    let output = command.arg("-B").arg(script_of("models.py")).arg(folder).arg("--control").output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    println!("{said}");
}
