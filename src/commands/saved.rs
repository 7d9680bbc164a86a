//! Plans on disk; what is in them is [`crate::engine::saved`]'s.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{Result, Stop};
use crate::engine::saved::{self, Saved};

/// No saved plan is larger.
pub const LARGEST: u64 = 64 << 20;

/// Writes a plan with its digest.
pub fn write(path: &Path, saved: &Saved) -> Result<()> {
    let text = saved::text(saved)?;
    // It tells everything about the stack: for nobody else's eyes.
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|e| Stop::message(format!("`{}` cannot be written: {e}", path.display()), "choose another place with `--out`"))
}

/// What was saved, when the file is whole and of this version.
pub fn read(file: &str, text: &str) -> Result<Saved> {
    saved::parse(text).map_err(|what| Stop::bad_file(format!("`{file}` {what}"), "make the plan again with `stack plan --out`"))
}
