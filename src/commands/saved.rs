//! Plans on disk. What was shown is what is applied, or nothing is.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Result, Stop};
use crate::engine::{Error, Plan, plan};

/// No saved plan is larger.
pub const LARGEST: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Saved {
    stack_plan: u32,
    digest: String,
    plan: Plan,
}

/// Writes a plan with its digest.
pub fn write(path: &Path, plan: &Plan) -> Result<()> {
    let saved = Saved { stack_plan: plan::VERSION, digest: plan.digest()?, plan: plan.clone() };
    let text = serde_json::to_string(&saved).map_err(|e| Error::internal(e.to_string()))?;
    // It tells everything about the stack: for nobody else's eyes.
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all((text + "\n").as_bytes()))
        .map_err(|e| Stop::message(format!("`{}` cannot be written: {e}", path.display()), "choose another place with `--out`"))
}

/// Whether the text is a saved plan rather than a stack file.
pub fn is_one(text: &str) -> bool {
    text.trim_start().starts_with("{\"stack_plan\"")
}

/// The plan, when the file is whole and of this version.
pub fn read(file: &str, text: &str) -> Result<Plan> {
    let again = "make the plan again with `stack plan --out`";
    let wrong = |what: String| Stop::bad_file(format!("`{file}` {what}"), again);
    #[derive(Deserialize)]
    struct Version {
        stack_plan: u32,
    }
    let version: Version = serde_json::from_str(text).map_err(|e| wrong(format!("is not a saved plan: {e}")))?;
    if version.stack_plan != plan::VERSION {
        return Err(wrong(format!("was saved in form {}, this is `stack` for form {}", version.stack_plan, plan::VERSION)));
    }
    let saved: Saved = serde_json::from_str(text).map_err(|e| wrong(format!("is not a saved plan: {e}")))?;
    if saved.plan.digest()? != saved.digest {
        return Err(wrong("was changed after it was saved".into()));
    }
    Ok(saved.plan)
}
