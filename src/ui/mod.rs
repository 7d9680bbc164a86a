//! Every byte that the user sees.
//!
//! Everything here renders values of the engine: a plan, events, an outcome, errors, a graph. The engine formats
//! nothing, and nothing outside of this module writes to a terminal.
//!
//! | module | shows |
//! | --- | --- |
//! | [`style`] | where it is written to: width, colour, symbols; and what is unsafe to write there |
//! | [`plan`], [`mod@plan_json`] | what is to happen: text, Markdown, JSON |
//! | [`progress`] | what happens: live lines, plain lines, JSON lines |
//! | [`mod@outcome`] | what happened, and what went wrong |
//! | [`mod@table`] | rows and columns |
//! | [`diagram`] | the architecture: Mermaid, DOT, SVG |
//! | [`mod@confirm`] | a question |

pub mod confirm;
pub mod diagram;
mod kinds;
mod lines;
mod note;
pub mod outcome;
mod painter;
mod past;
pub mod plan;
pub mod plan_json;
pub mod progress;
pub mod style;
pub mod table;
mod tally;
mod units;
mod value;

pub use confirm::{confirm, confirm_by};
pub use diagram::Diagram;
pub use note::{address, note, problem};
pub use outcome::{errors, outcome, outcome_json};
pub use past::{past_changes, past_failures};
pub use plan::{
    Footer, Since, View, about, drift_json, drift_markdown, drift_text, has_drifted, plan_markdown, plan_text, who_markdown,
    who_text,
};
pub use plan_json::{Deed, PlanJson, Problem, plan_json, plan_schema};
pub use progress::{Show, reporter};
pub use style::{Color, Look, ago, lines_of, safe_json};
pub use table::{Tone, table, toned_table};
pub use tally::{Tally, size};

use std::io::{self, Write};

/// Writes to standard output. A reader that has gone away (`| head`) is no error.
///
/// # Errors
/// What the system says when it cannot be written.
pub fn out(text: &str) -> io::Result<()> {
    forgiving(io::stdout().lock(), text)
}

/// Draws a text over the one before, from the top of the terminal.
///
/// # Errors
/// What the system says when it cannot be written.
pub fn redraw(text: &str, look: &Look) -> io::Result<()> {
    out(&painter::screen(text, look))
}

/// Writes to standard error. A reader that has gone away is no error.
///
/// # Errors
/// What the system says when it cannot be written.
pub fn err(text: &str) -> io::Result<()> {
    forgiving(io::stderr().lock(), text)
}

fn forgiving(mut to: impl Write, text: &str) -> io::Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
