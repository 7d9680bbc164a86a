mod parts;
mod shown;
mod text;

pub use shown::routed;

use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use self::shown::read;
use self::text::text;
use super::arguments::{Aws, FileOrStack};
use super::saved;
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::cloudwatch::{Dashboard, console};
use crate::engine::{self, Claim, Resource};
use crate::ui::{self, Color, Terminal};

/// Show what is running and its health
///
/// FILE may be a plan that was saved with `stack plan --out`. Then that plan is shown, without asking AWS; of the options only
/// `--json` applies to it. What AWS would refuse of it is not saved, and not shown.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: FileOrStack,
    #[command(flatten)]
    aws: Aws,
    /// List every object with its identifier
    #[arg(long, short)]
    all: bool,
    /// Show it again every SECONDS seconds [default: 5]: on a terminal in place of the text before, elsewhere only when something
    /// changed
    #[arg(
        long,
        short,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "5",
        value_parser = clap::value_parser!(u64).range(1..=3600),
        conflicts_with = "json"
    )]
    watch: Option<u64>,
    /// Print the address of the CloudWatch dashboard, and open it where there is a terminal
    #[arg(long, conflicts_with_all = ["json", "watch", "all"])]
    web: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, aws, all, watch, web, json } = arguments;
    let file = file.given()?;
    let file_text = if file.stack.is_some() { String::new() } else { stack_file::read(&file.file)? };
    if engine::saved::is_one(&file_text) {
        let saved = saved::read(&file.file, &file_text)?;
        saved::fits(&saved.plan, file.env(), aws.region.as_deref())?;
        saved::show(&saved, &file.file, json, color)?;
        return Ok(Exit::Ok);
    }
    let session = match &file.stack {
        Some(_) => Session::given(&file, &aws, color).await?,
        None => {
            let text = stack_file::with_overlay(&file.file, file.env(), file_text)?;
            Session::of(&stack_file::load_text(&file, &text, color)?, &aws, color).await?
        }
    };
    if web {
        return browse(&session, color).await;
    }
    let mut before = String::new();
    loop {
        let shown = read(&session).await?;
        let terminal = Terminal::stdout(color);
        let head = ui::about(&session.cx.scope, session.via.as_deref(), &terminal);
        let Some(seconds) = watch else {
            ui::out(&if json { session::json(&shown)? } else { text(&head, &shown, all, &terminal) })?;
            return Ok(Exit::Ok);
        };
        let text = text(&head, &shown, all, &terminal);
        if terminal.interactive {
            ui::redraw(&format!("{text}\nEvery {seconds} s. Press Ctrl-C to end.\n"), &terminal)?;
        } else {
            // Ages grow all the time, and are not what changed.
            let now = session::json(&shown)?;
            if now != before {
                ui::out(&format!("{}{text}", if before.is_empty() { "" } else { "\n" }))?;
                before = now;
            }
        }
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// What opens an address on this system.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Prints the address of the environment's dashboard, and opens it for a person who is looking.
async fn browse(session: &Session, color: Color) -> Result {
    let found = session.read(Dashboard::KIND).await?;
    let ours = found.iter().filter(|seen| matches!(seen.claim, Claim::Ours(_)));
    // That of the section first.
    let best = ours.min_by_key(|seen| seen.key().is_none_or(|key| key.name != "dashboard"));
    let Some(name) = best.and_then(|seen| seen.live.get("id")).and_then(Value::as_str) else {
        return Err(Stop::refused(
            "this environment has no dashboard",
            "add `dashboard: true` to the file and run `stack apply`; `stack top` shows the same figures in the terminal",
        ));
    };
    let address = console(&session.cx.scope.region, name);
    ui::out(&format!("{address}\n"))?;
    if Terminal::stdout(color).interactive {
        let mut opener = std::process::Command::new(OPENER);
        opener.arg(&address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if opener.spawn().is_err() {
            ui::err(&ui::note(&format!("`{OPENER}` cannot be run; open the address yourself."), &Terminal::stderr(color)))?;
        }
    }
    Ok(Exit::Ok)
}
