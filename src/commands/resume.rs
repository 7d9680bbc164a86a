use clap::Args;

use super::applied::Changing;
use super::pause;
use super::session::Session;
use super::stop::Result;
use crate::config::Loaded;
use crate::engine::{Graph, Snapshot};
use crate::ui::Color;

/// Start what `stack pause` stopped
///
/// Databases come first, then the services, with as many tasks as FILE says; where autoscaling decides that, with the minimum. NAT
/// gateways that `stack pause --delete-nat` deleted are created before, with the addresses that they had.
///
/// Shows the plan and asks for confirmation first, as `apply` does, and makes the changes of FILE, too.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    changing: Changing,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    arguments.changing.run("resume", color, resume).await
}

/// Leaves what is desired as the file says: that starts what is paused.
pub fn resume(session: &Session, _: &Loaded, _: &mut Graph, snapshot: &Snapshot) -> Result<()> {
    pause::runs(session, snapshot)?;
    if snapshot.paused().is_none() { session.say("This environment is not paused.") } else { Ok(()) }
}
