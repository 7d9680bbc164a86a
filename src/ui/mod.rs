//! Renders everything that the user sees.
//!
//! Everything here renders values of the engine: a plan, events, an outcome, errors, a graph. The engine formats nothing, and
//! nothing outside of this module writes to a terminal. What is not here: any knowledge of AWS beyond the names of kinds.
//!
//! | module | shows |
//! | --- | --- |
//! | [`style`] | what a terminal can show: width, colour, symbols; and what is unsafe to write there |
//! | [`plan`], [`mod@plan_json`] | what a run would do: text, Markdown, JSON |
//! | [`check`] | what does not meet a control: text, Markdown, JSON, SARIF, JUnit |
//! | [`comparison`] | how two environments differ: text, Markdown, JSON |
//! | [`progress`] | what a run is doing: live lines, plain lines, JSON lines |
//! | [`mod@outcome`] | what a run did, and what failed; runs of the past look the same |
//! | [`mod@table`] | rows and columns, or cards where there is no room |
//! | [`top`] | figures that change, with a curve each |
//! | [`diagram`] | the architecture and the dependencies: Mermaid, DOT, SVG |
//! | [`capacity`] | what an architecture must be: text, SVG |
//! | [`learned`] | what production shows of what a task carries: text |
//! | [`spent`] | what was charged beside what was estimated: text, Markdown, JSON |
//! | [`usage`] | what an environment uses: text, Markdown, JSON |
//! | [`LogLines`] | lines of logs |
//! | [`load`] | load tests: text, SVG, HTML, and live |
//! | [`mod@confirm`] | questions |

pub mod capacity;
mod chart;
pub mod check;
pub mod comparison;
pub mod confirm;
pub mod cost;
pub mod diagram;
mod kinds;
pub mod learned;
mod lines;
pub mod load;
mod log_lines;
mod note;
pub mod outcome;
mod painter;
mod past;
pub mod plan;
pub mod plan_json;
pub mod price;
pub mod progress;
mod savings;
pub mod spent;
pub mod style;
pub mod table;
mod tally;
pub mod top;
mod units;
pub mod usage;
mod value;

pub use comparison::{comparison_markdown, comparison_text};
pub use confirm::{confirm, confirm_by};
pub use cost::{About, By, Standby, cost_json, cost_markdown, cost_text, costs_text};
pub use diagram::Diagram;
pub use load::{load_ahead, load_html, load_svg, load_text};
pub use log_lines::{LogLine, LogLines};
pub use note::{address, note, problem};
pub use outcome::{errors, outcome, outcome_json};
pub use past::{past_changes, past_failures};
pub use plan::{
    Footer, Since, View, about, drift_json, drift_markdown, drift_text, has_drifted, plan_markdown, plan_text, who_markdown,
    who_text,
};
pub use plan_json::{Deed, PlanJson, Problem, plan_json, plan_schema};
pub use price::price_json;
pub use progress::{Show, reporter};
pub use savings::{Saving, Savings, savings_json, savings_markdown, savings_text};
pub use style::{Color, Terminal, ago, count, lines_of, logs_to_stderr, safe_json, until};
pub use table::{Tone, table, toned_table};
pub use tally::{Tally, size};

use std::io::{self, Write};

/// Writes to standard output. A reader that has gone away (`| head`) is no error.
///
/// # Errors
/// When the system cannot write it.
pub fn out(text: &str) -> io::Result<()> {
    out_read(text).map(drop)
}

/// Writes to standard output, and returns whether its reader is still there.
///
/// # Errors
/// When the system cannot write it.
pub fn out_read(text: &str) -> io::Result<bool> {
    forgiving(io::stdout().lock(), text)
}

/// Draws a text over the one before, from the top of the terminal.
///
/// # Errors
/// When the system cannot write it.
pub fn redraw(text: &str, terminal: &Terminal) -> io::Result<()> {
    out(&painter::screen(text, terminal))
}

/// Writes to standard error. A reader that has gone away is no error.
///
/// # Errors
/// When the system cannot write it.
pub fn err(text: &str) -> io::Result<()> {
    forgiving(io::stderr().lock(), text).map(drop)
}

/// Writes, and returns whether there is still a reader.
fn forgiving(mut to: impl Write, text: &str) -> io::Result<bool> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true),
    }
}
