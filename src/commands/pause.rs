use clap::Args;

use super::applied::Changing;
use super::session::Session;
use super::stop::{Result, Stop};
use crate::aws::ec2::NatGateway;
use crate::aws::rds::Instance;
use crate::engine::{Graph, Pause, Resource, Snapshot};
use crate::ui::Color;

/// Stop the services and databases of an environment until it is resumed
///
/// Services get 0 tasks, autoscaling is suspended, and databases are stopped, except those that have or are read replicas. Data stays,
/// and so does everything else: storage, backups, caches, load balancers and NAT gateways are still charged. AWS starts a stopped
/// database again after 7 days; pausing again stops it.
///
/// With `--delete-nat`, the NAT gateways are deleted, too, with the routes to them. Their public addresses stay, and are charged.
///
/// Shows the plan and asks for confirmation first, as `apply` does, and makes the changes of FILE, too. Until `stack resume`, `apply`
/// keeps the environment paused.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    changing: Changing,
    /// Also delete the NAT gateways; `stack resume` creates them again, with the same public addresses
    #[arg(long)]
    delete_nat: bool,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let delete_nat = arguments.delete_nat;
    arguments.changing.run("pause", color, |session, _, graph, snapshot| pause(session, graph, snapshot, delete_nat)).await
}

/// Pauses what is desired of an environment that runs, if so without its NAT gateways. Those that are deleted already stay so.
pub fn pause(session: &Session, graph: &mut Graph, snapshot: &Snapshot, delete_nat: bool) -> Result<()> {
    runs(session, snapshot)?;
    let has_nat = graph.nodes().any(|node| node.key.kind == NatGateway::KIND);
    let lacks_nat = has_nat && snapshot.paused() == Some(Pause::Bare);
    if delete_nat && !has_nat {
        session.say("This environment has no NAT gateways of its own: none are deleted.")?;
    } else if lacks_nat && !delete_nat {
        session.say("Its NAT gateways stay deleted until `stack resume`.")?;
    }
    let why = if has_nat && delete_nat || lacks_nat { Pause::Bare } else { Pause::Asked };
    graph.note_followed_in(snapshot);
    let paused = graph.pause(&session.registry, why)?;
    if paused.is_empty() {
        let help = "services and databases can be, except databases that have or are read replicas";
        return Err(Stop::message(format!("nothing of `{}` can be paused", environment(session)), help));
    }
    for node in graph.nodes().filter(|node| node.key.kind == Instance::KIND && !paused.contains(&node.key)) {
        session.say(&format!(
            "`{}` keeps running: AWS stops no database that has or is a read replica, in whatever region that is.",
            node.key
        ))?;
    }
    Ok(())
}

/// Checks that something runs, and that it may: nothing pauses or resumes what is still to be made.
pub fn runs(session: &Session, snapshot: &Snapshot) -> Result<()> {
    let environment = environment(session);
    if snapshot.is_empty() {
        return Err(Stop::message(format!("nothing of `{environment}` is running"), "`stack list` shows what is"));
    }
    if snapshot.paused() == Some(Pause::Unready) {
        return Err(Stop::refused(
            format!("nothing was changed: the data of `{environment}` is not ready"),
            "the same `stack clone` or `stack thaw` finishes it",
        ));
    }
    Ok(())
}

fn environment(session: &Session) -> String {
    let scope = &session.cx.scope;
    format!("{}/{}", scope.stack, scope.env)
}
