use clap::{Args, Subcommand};

use super::session;
use super::stop::{Exit, Result, Stop};
use crate::local::{self, DEFAULT_PORT, Options, Places, Server};
use crate::ui::{self, Color, Look};

/// Run an AWS on this machine: no account, no Docker.
///
/// It is the LocalStack community runtime in an environment of its own below your cache folder, on the loopback
/// interface only. What it holds is in its memory and gone when it stops.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Debug)]
struct Place {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Start {
    #[command(flatten)]
    place: Place,
    /// How long AWS takes: 1 as long as the real one, 0.01 a hundredth, 0 no time at all
    #[arg(long, value_name = "FACTOR")]
    time_scale: Option<f64>,
    /// Run Lambda functions, as processes of this machine that may do all that you may
    #[arg(long)]
    functions: bool,
    /// The Python to use, 3.11 or newer
    #[arg(long, value_name = "FILE", env = "STACK_PYTHON")]
    python: Option<std::path::PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start it, and install what it needs the first time
    Start(Start),
    /// Stop it; everything in it is gone
    Stop(Place),
    /// Say whether it runs, where, and since when
    Status(Place),
    /// Start it anew, with nothing in it
    Reset(Start),
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let places = Places::of_user()?;
    let say = session::steps(Look::stderr(color));
    match arguments.command {
        Command::Start(start) => {
            let options = options(&start, places);
            let server = local::start(&options, &say).await?;
            shown(&server, start.place.json, if server.reused { "It runs already" } else { "AWS runs on this machine" })
        }
        Command::Reset(start) => {
            let options = options(&start, places);
            let server = local::reset(&options, &say).await?;
            shown(&server, start.place.json, "AWS runs on this machine, with nothing in it")
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
                    ui::out(&ui::table(&Look::stdout(color), &["LOCAL AWS", "running"], &rows))?;
                    Ok(Exit::Ok)
                }
                (Some(server), _) => Err(Stop::message(
                    format!("process {} is there but does not answer", server.pid),
                    format!("see {}, then `stack local reset --port {}`", server.log.display(), place.port),
                )),
                (None, Some(other)) => Err(Stop::message(
                    format!("port {} is held by something else: {other}", place.port),
                    "choose another with `--port`",
                )),
                (None, None) => {
                    ui::out("Not running. `stack local start` starts it.\n")?;
                    Ok(Exit::Failed)
                }
            }
        }
    }
}

fn options(start: &Start, places: Places) -> Options {
    Options {
        port: start.place.port,
        time_scale: start.time_scale,
        functions: start.functions,
        python: start.python.clone(),
        places,
    }
}

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
