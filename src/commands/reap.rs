use std::path::PathBuf;

use clap::Args;

use super::arguments::{Aws, StackFile};
use super::caretaker;
use super::consent::{self, Allow, Consent};
use super::list::{self, Listed};
use super::run::Run;
use super::session::{self, Session};
use super::stop::{Exit, Interrupted, Result, Stop};
use crate::ui::{self, Color, Terminal};

/// Destroy the environments that have expired
///
/// An environment expires when it was made with `--ttl`, or with `ttl` in its file. It is deleted with its data, whatever protects that,
/// and without final snapshots: that was agreed to when it was made. One with any object that has not expired is not touched.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    aws: Aws,
    /// Only show what has expired
    #[arg(long)]
    dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Deploy a function that does this and `stack schedule` every 15 minutes in this account and region, instead of doing it now
    #[arg(long, conflicts_with = "dry_run")]
    install: bool,
    /// With `--install`: the `stack` for Linux that the function carries [default: this one]
    #[arg(long, value_name = "FILE", requires = "install")]
    program: Option<PathBuf>,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    if arguments.install {
        return caretaker::install(&arguments.aws, arguments.program, arguments.yes, color).await;
    }
    let session = list::connect(&arguments.aws, color).await?;
    let terminal = Terminal::stderr(color);
    let expired: Vec<Listed> = list::all(&session).await?.into_iter().filter(|env| env.expired).collect();
    if expired.is_empty() {
        ui::err(&ui::note("Nothing has expired.", &terminal))?;
        return Ok(Exit::Ok);
    }
    let row = |env: &Listed| {
        let at = env.expires.clone().unwrap_or_default();
        vec![env.stack.clone(), env.env.clone(), env.objects.to_string(), at]
    };
    let rows: Vec<Vec<String>> = expired.iter().map(row).collect();
    ui::out(&ui::table(&Terminal::stdout(color), &["STACK", "ENVIRONMENT", "OBJECTS", "EXPIRED"], &rows))?;
    if arguments.dry_run {
        return Ok(Exit::Ok);
    }
    let question = format!("Destroy {} with everything in it, without final snapshots?", ui::count(expired.len(), "environment"));
    if !arguments.yes && !consent::confirmed(&question, "destroy")? {
        return Ok(Exit::Refused);
    }
    let mut exit = Exit::Ok;
    let interrupted = Interrupted::listen();
    let mut due = expired;
    while !due.is_empty() {
        let (before, mut refused) = (due.len(), Vec::new());
        for one in due {
            // One that cannot be destroyed does not keep the others.
            let ended = match reap(&session.to(&one.stack, &one.env), &interrupted, color).await {
                Ok(ended) => ended,
                Err(stop) if stop.exit() as u8 == Exit::Refused as u8 => {
                    refused.push((one, stop));
                    continue;
                }
                Err(stop) => {
                    ui::err(&stop.show(&terminal))?;
                    stop.exit()
                }
            };
            if exit as u8 == Exit::Ok as u8 {
                exit = ended;
            }
            if ended as u8 == Exit::Interrupted as u8 {
                interrupted.set();
            }
            if interrupted.is_set() {
                break;
            }
        }
        // A host is refused as long as it has guests, which are perhaps destroyed by now.
        let is_over = refused.len() == before || interrupted.is_set();
        for (_, stop) in refused.iter().filter(|_| is_over) {
            ui::err(&stop.show(&terminal))?;
            exit = if exit as u8 == Exit::Ok as u8 { stop.exit() } else { exit };
        }
        due = if is_over { Vec::new() } else { refused.into_iter().map(|(one, _)| one).collect() };
    }
    if interrupted.is_set() {
        exit = Exit::Interrupted;
    }
    Ok(exit)
}

/// Destroys an environment, if it is still expired when all of its objects have been asked.
async fn reap(session: &Session, interrupted: &Interrupted, color: Color) -> Result {
    session.has_history().await?;
    let (stack, env) = (&session.cx.scope.stack, &session.cx.scope.env);
    let environment = format!("{stack}/{env}");
    let allow = Allow { no_final_snapshot: vec!["*".into()], confirm: Some(environment), ..Allow::default() };
    let consent = Consent { yes: true, allow, no_preflight: true, wait_for_lease: None, timeout: None, json: false };
    let agreed = consent.allow.consent();
    let file = StackFile { file: String::new(), env: Some(env.clone()), like: None, stack: Some(stack.clone()) };
    let run =
        Run { command: "reap", file: &file, text: None, commit: None, consent: &consent, agreed: &agreed, verbose: false, color };
    run.execute(session, async || {
        let snapshot = session.snapshot().await?;
        if interrupted.is_set() {
            return Err(Stop::Message(Exit::Interrupted, "nothing was changed: interrupted".into(), None));
        }
        let wanted = snapshot.wanted(&session.registry, session::is_over);
        if let Some(first) = wanted.first() {
            let more = if wanted.len() > 1 { format!(" and {} more", wanted.len() - 1) } else { String::new() };
            return Err(Stop::refused(
                format!(
                    "nothing was changed: `{stack}/{env}` is wanted by `{first}`{more}, whose `stack:expires` is missing or later"
                ),
                "`stack extend` gives all objects the same expiry",
            ));
        }
        session.plan_destroy_of(&snapshot).await
    })
    .await
}
