use std::io::IsTerminal;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::arguments::{Aws, FileOrStack, time};
use super::run;
use super::session::{self, Session};
use super::stop::{Exit, Result, Stop};
use crate::blueprint;
use crate::config;
use crate::engine::{Key, expiry};
use crate::ui::{self, Color, Terminal};

/// What an environment says that is wanted for good.
const NEVER: &str = "never";

/// Keep an environment longer, or for good
///
/// Its objects say until when it is wanted, in the tag `stack:expires`; `stack reap` destroys what has expired.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: FileOrStack,
    #[command(flatten)]
    aws: Aws,
    /// How long from now: `72h`, or `never` for an environment that does not expire
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    ttl: Ttl,
    /// Do not ask for confirmation, which is asked where this is earlier than before
    #[arg(long, short)]
    yes: bool,
}

#[derive(Clone, Copy, Debug)]
enum Ttl {
    Time(config::Duration),
    Never,
}

fn ttl(text: &str) -> Result<Ttl, String> {
    if text == NEVER { Ok(Ttl::Never) } else { time(text).map(Ttl::Time) }
}

/// Asks whether an environment is to end earlier than it says.
fn agreed(environment: &str, known: &str, at: &str) -> Result<bool> {
    let now = if known == NEVER { "does not expire".to_owned() } else { format!("expires at {known}") };
    let what = format!("`{environment}` {now}; from {at} on, `stack reap` destroys it with its data");
    if !std::io::stdin().is_terminal() {
        return Err(Stop::refused(format!("nothing was changed: {what}"), "add `--yes` if that is meant"));
    }
    Ok(ui::confirm(&format!("{what}. Continue?"))?)
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let file = arguments.file.given()?;
    let session = Session::given(&file, &arguments.aws, color).await?;
    if file.stack.is_some() {
        session.has_history().await?;
    }
    let scope = session.cx.scope.clone();
    let environment = format!("{}/{}", scope.stack, scope.env);
    let at = match arguments.ttl {
        Ttl::Time(time) => session::from_now(time)?,
        Ttl::Never => NEVER.to_owned(),
    };
    let terminal = Terminal::stderr(color);
    let nothing = || Stop::message(format!("nothing of `{environment}` is running"), "`stack list` shows what is");
    let before = session.snapshot().await?;
    if before.is_empty() {
        return Err(nothing());
    }
    let known = before.expires().unwrap_or(NEVER);
    if !arguments.yes && at.as_str() < known && !agreed(&environment, known, &at)? {
        ui::err("Nothing was changed: not confirmed.\n")?;
        return Ok(Exit::Refused);
    }
    let lease = run::lease(&session, &format!("stack extend {}", file.typed())).await?;
    let extended = async {
        let snapshot = session.snapshot().await?;
        let moves = |key: &Key, fields: &mut Value| blueprint::expiry::moves(key, fields, &scope, &at, Timestamp::now());
        session
            .hear(async { Result::<_>::Ok(expiry::extend(&session.registry, &session.cx, &snapshot, &at, &moves).await) })
            .await
    }
    .await;
    lease.release().await;
    let (count, failed) = extended?;
    if !failed.is_empty() {
        let stop = Stop::from(failed).hint("the same command marks the rest");
        return Err(if count > 0 { stop.midway() } else { stop });
    }
    let count = ui::count(count, "object");
    let until = if at == NEVER { "does not expire".to_owned() } else { format!("expires at {at}") };
    ui::err(&ui::note(&format!("`{environment}` {until} ({count} marked)."), &terminal))?;
    Ok(Exit::Ok)
}
