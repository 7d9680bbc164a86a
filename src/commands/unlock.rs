use clap::Args;

use super::arguments::{Aws, FileOrStack};
use super::session::Session;
use super::stop::{Exit, Result, Stop};
use crate::aws::runs::lease;
use crate::aws::runs::store::Store;
use crate::ui::{self, Color, Terminal};

/// Release the lease of a run that died
///
/// Hardly ever needed: a lease that is not renewed expires after a minute, and a run that died on this machine holds up no other.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: FileOrStack,
    #[command(flatten)]
    aws: Aws,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let file = arguments.file.given()?;
    let session = Session::given(&file, &arguments.aws, color).await?;
    let (store, terminal) = (Store::of(&session.cx), Terminal::stderr(color));
    let found = session.kept(lease::look_at_any(&store)).await?;
    let age = found.age().as_secs();
    let said = match (found.broken(), found.last_holder()) {
        (Some(why), _) => format!("{why}. It was written {age} s ago; a free lease would replace it."),
        (None, Some(holder)) => format!("The lease is held by {holder}, renewed {age} s ago."),
        (None, None) => {
            ui::err(&ui::note("The lease is free.", &terminal))?;
            return Ok(Exit::Ok);
        }
    };
    ui::err(&ui::note(&said, &terminal))?;
    if !arguments.yes && !ui::confirm("If a run still holds it, that run stops when the lease is released. Release it?")? {
        ui::err("Nothing was changed: not confirmed.\n")?;
        return Ok(Exit::Refused);
    }
    let own = lease::Holder::own(&session.who, &format!("stack unlock {}", file.typed()));
    let waiting = |rest: std::time::Duration| {
        let text = format!("Lease taken; waiting {} s until no call of that run can still be in flight.", rest.as_secs());
        // The command continues even if this cannot be written.
        let _ = ui::err(&ui::note(&text, &terminal));
    };
    if !session.kept(lease::unlock(&store, &found, &own, waiting)).await? {
        return Err(Stop::refused(
            "nothing was changed: the lease was renewed or released just now, so its holder is alive",
            "wait for that run, or run this again",
        ));
    }
    // The lease is free, even if this cannot be written.
    let _ = ui::err(&ui::note("The lease is free.", &terminal));
    Ok(Exit::Ok)
}
