//! `--fix`: the edits of one key, written into the file.

use std::path::Path;

use super::super::edited::write;
use super::super::stop::{Exit, Result};
use super::findings::Checking;
use super::loaded_again;
use crate::config::edit;
use crate::ui::check::{self, Checked};
use crate::ui::{self, Color, Terminal};

/// Shows the edits, asks, and writes them.
pub(super) fn fix(checking: &Checking<'_>, checked: &Checked, yes: bool, color: Color) -> Result {
    let terminal = Terminal::stdout(color);
    let mut text = checking.text.to_owned();
    let mut written = 0;
    for edit in checked.findings.iter().filter_map(|finding| finding.edit.as_ref()) {
        let keys: Vec<&str> = edit.path.iter().map(String::as_str).collect();
        // Each was tried alone. What does not go together with those before it is left for the next time.
        if let Some(edited) = edit::set(&text, &keys, &edit.value).filter(|edited| *edited != text)
            && loaded_again(checking.file, &edited, checking.schema).is_some()
        {
            text = edited;
            written += 1;
        }
    }
    if written == 0 {
        ui::out(&check::check_text(checked, &terminal))?;
        if !checked.findings.is_empty() {
            ui::err(&ui::note("No finding is fixed by one key of the file.", &Terminal::stderr(color)))?;
        }
        return Ok(if checked.findings.is_empty() { Exit::Ok } else { Exit::Changes });
    }
    let file = &checking.file.file;
    ui::out(&check::edits_text(file, checking.text, &text, &terminal))?;
    let question = format!("Write {} into `{file}`?", ui::count(written, "edit"));
    if !yes && !ui::confirm(&question)? {
        ui::err("Nothing was changed: not confirmed.\n")?;
        return Ok(Exit::Refused);
    }
    write(Path::new(file), checking.text, &text)?;
    ui::err(&format!("Wrote {} into `{file}`; `stack plan` shows what that changes.\n", ui::count(written, "edit")))?;
    let Some(loaded) = loaded_again(checking.file, &text, checking.schema) else { return Ok(Exit::Ok) };
    let left = Checking { text: &text, live: None, ..*checking }.check(&loaded)?;
    ui::out(&format!("\n{}", check::check_text(&left, &terminal)))?;
    Ok(if left.findings.is_empty() { Exit::Ok } else { Exit::Changes })
}
