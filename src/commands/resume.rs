use clap::Args;

use super::applied::Applied;
use super::arguments::{Aws, FileOrStack};
use super::consent::Consent;
use super::pause;
use super::stop::Result;
use crate::ui::Color;

/// Start what `stack pause` stopped
///
/// Databases come first, then the services, with as many tasks as FILE says; where autoscaling decides that, with the minimum.
///
/// Shows the plan and asks for confirmation first, as `apply` does, and makes the changes of FILE, too.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: FileOrStack,
    #[command(flatten)]
    aws: Aws,
    #[command(flatten)]
    consent: Consent,
    /// Show the fields of what is created, and long values in full
    #[arg(long, short)]
    verbose: bool,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, aws, consent, verbose } = arguments;
    let applied = Applied::of(file, &aws, color).await?;
    // What the file says of what is paused starts it.
    let resume = |session: &super::session::Session, _: &mut _, snapshot: &crate::engine::Snapshot| {
        pause::runs(session, snapshot)?;
        if snapshot.paused().is_none() { session.say("This environment is not paused.") } else { Ok(()) }
    };
    applied.run("resume", &consent, (verbose, color), resume).await
}
