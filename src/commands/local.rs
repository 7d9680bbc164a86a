use clap::{Args, Subcommand};

use super::session;
use super::stop::{Exit, Result, Stop};
use crate::local::{self, DEFAULT_PORT, Options, Places, Server};
use crate::ui::{self, Color, Terminal};

/// Run an AWS on this machine, without an account and without Docker
///
/// It is LocalStack's community runtime in an environment of its own in your cache folder, and listens on the loopback interface
/// only. Everything in it is kept in memory and lost when it stops.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Debug)]
struct Place {
    /// The port; 0 chooses a free one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Start {
    #[command(flatten)]
    place: Place,
    /// How long operations take: 1 as long as in AWS, 0.01 a hundredth of that, 0 no time
    #[arg(long, value_name = "FACTOR")]
    time_scale: Option<f64>,
    /// Run Lambda functions as processes on this machine, with all of your permissions
    #[arg(long)]
    functions: bool,
    /// The Python to use, 3.11 or newer
    #[arg(long, value_name = "FILE", env = "STACK_PYTHON")]
    python: Option<std::path::PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start it; the first time, install what it needs
    Start(Start),
    /// Stop it; everything in it is lost
    Stop(Place),
    /// Show whether it is running, where, and since when
    Status(Place),
    /// Restart it, empty
    Reset(Start),
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let places = Places::of_user()?;
    let say = session::steps(Terminal::stderr(color));
    match arguments.command {
        Command::Start(start) => {
            let options = options(&start, places);
            let server = local::start(&options, &say).await?;
            shown(
                &server,
                start.place.json,
                if server.reused { "The local AWS is already running" } else { "The local AWS is running" },
            )
        }
        Command::Reset(start) => {
            let options = options(&start, places);
            let server = local::reset(&options, &say).await?;
            shown(&server, start.place.json, "The local AWS is running, empty")
        }
        Command::Stop(place) => {
            let stopped = local::stop(&places, place.port, &say).await?;
            if place.json {
                ui::out(&session::json(&serde_json::json!({"stopped": stopped.is_some(), "port": place.port}))?)?;
            } else {
                let text = if stopped.is_some() { "Stopped." } else { "It was not running." };
                ui::out(&format!("{text}\n"))?;
            }
            Ok(Exit::Ok)
        }
        Command::Status(place) => {
            let status = local::status(&places, place.port).await;
            if place.json {
                ui::out(&session::json(&status)?)?;
                return Ok(if status.running { Exit::Ok } else { Exit::Failed });
            }
            match (&status.server, &status.taken_by) {
                (Some(server), _) if status.running => {
                    let mut rows = vec![
                        vec!["address".to_owned(), server.url.clone()],
                        vec!["LocalStack".into(), server.version.clone()],
                        vec!["process".into(), server.pid.to_string()],
                        vec!["since".into(), server.started.clone()],
                        vec!["log".into(), server.log.display().to_string()],
                    ];
                    if let Some(memory) = status.memory {
                        rows.push(vec!["memory".into(), format!("{} MiB", memory >> 20)]);
                    }
                    if let Some(scale) = status.time_scale {
                        rows.push(vec!["time scale".into(), scale.to_string()]);
                    }
                    ui::out(&ui::table(&Terminal::stdout(color), &["LOCAL AWS", "running"], &rows))?;
                    Ok(Exit::Ok)
                }
                (Some(server), _) => Err(Stop::message(
                    format!("process {} is running but does not answer", server.pid),
                    format!("see {}, then `stack local reset --port {}`", server.log.display(), place.port),
                )),
                (None, Some(other)) => Err(Stop::message(
                    format!("port {} is used by another process: {other}", place.port),
                    "choose another with `--port`, or stop the process that uses it",
                )),
                (None, None) => {
                    ui::out("Not running. `stack local start` starts it.\n")?;
                    Ok(Exit::Failed)
                }
            }
        }
    }
}

/// Returns the options for a start.
fn options(start: &Start, places: Places) -> Options {
    Options {
        port: start.place.port,
        time_scale: start.time_scale,
        functions: start.functions,
        python: start.python.clone(),
        places,
    }
}

/// Prints a server that is running, and how other programs reach it.
fn shown(server: &Server, json: bool, text: &str) -> Result {
    if json {
        ui::out(&session::json(server)?)?;
        return Ok(Exit::Ok);
    }
    let mut out = format!("{text}: {}\n\nFor other programs:\n", server.url);
    for (name, value) in server.environment() {
        out += &format!("  export {name}={value}\n");
    }
    ui::out(&out)?;
    Ok(Exit::Ok)
}
