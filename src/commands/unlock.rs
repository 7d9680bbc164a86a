use clap::Args;

use super::arguments::{Aws, StackFile};
use super::session::{self, Session};
use super::stop::{Exit, Result, Stop};
use crate::aws::runs::lease;
use crate::aws::runs::store::Store;
use crate::ui::{self, Color, Look};

/// Take the lease away from a run that is surely dead. Hardly ever needed: a lease that is not renewed expires after a
/// minute, and a run that died on this machine holds nobody up.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// Do not ask; for scripts
    #[arg(long, short)]
    yes: bool,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let loaded = session::load(&arguments.file, color)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?;
    let (store, look) = (Store::of(&session.cx), Look::stderr(color));
    let found = session.kept(lease::look_at_any(&store)).await?;
    let age = found.age().as_secs();
    let said = match (found.broken(), found.last_holder()) {
        (Some(why), _) => format!("{why}. It was written {age} s ago; a free lease takes its place."),
        (None, Some(holder)) => format!("The lease is held by {holder}, renewed {age} s ago."),
        (None, None) => {
            ui::err(&ui::note("Nobody holds the lease.", &look))?;
            return Ok(Exit::Ok);
        }
    };
    ui::err(&ui::note(&said, &look))?;
    if !arguments.yes && !ui::confirm("A run that is alive stops when its lease is taken away. Take it?")? {
        ui::err("Nothing was done.\n")?;
        return Ok(Exit::Refused);
    }
    let own = lease::Holder::own(&session.who, &format!("stack unlock {}", arguments.file.file));
    let waiting = |rest: std::time::Duration| {
        let text = format!("It is taken; {} s until nothing of that run can be on its way any more.", rest.as_secs());
        // The command goes on, whether this is seen or not.
        let _ = ui::err(&ui::note(&text, &look));
    };
    if !session.kept(lease::unlock(&store, &found, &own, waiting)).await? {
        return Err(Stop::refused(
            "nothing was done: the lease was renewed or given back at this moment, so its holder is alive",
            "wait for it, or run this again",
        ));
    }
    // It is free, whoever hears of it.
    let _ = ui::err(&ui::note("The lease is free.", &look));
    Ok(Exit::Ok)
}
