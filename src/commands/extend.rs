use clap::Args;

use super::arguments::{Aws, FileOrStack, time};
use super::run;
use super::session::{self, Session};
use super::stop::{Exit, Result, Stop};
use crate::config;
use crate::engine::expiry;
use crate::ui::{self, Color, Look};

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
}

#[derive(Clone, Copy, Debug)]
enum Ttl {
    Time(config::Duration),
    Never,
}

fn ttl(text: &str) -> Result<Ttl, String> {
    if text == NEVER { Ok(Ttl::Never) } else { time(text).map(Ttl::Time) }
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
    let lease = run::lease(&session, &format!("stack extend {}", file.typed())).await?;
    let extended = async {
        let snapshot = session.snapshot().await?;
        if snapshot.seen.iter().all(|seen| seen.key().is_none()) {
            return Err(Stop::message(format!("nothing of `{environment}` is running"), "`stack list` shows what is"));
        }
        session.hear(expiry::extend(&session.registry, &session.cx, &snapshot, &at)).await
    }
    .await;
    lease.release().await;
    let count = ui::count(extended?, "object");
    let until = if at == NEVER { "does not expire".to_owned() } else { format!("expires at {at}") };
    ui::err(&ui::note(&format!("`{environment}` {until} ({count} marked)."), &Look::stderr(color)))?;
    Ok(Exit::Ok)
}
