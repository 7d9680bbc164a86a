//! One run at a time: the lease around a plan, and the record of what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::apply::{Run, agreed, carry_out, exit, listen};
use super::session::Session;
use super::{Exit, Result, Stop};
use crate::aws::history::{self, Ending, Record};
use crate::aws::lease::{self, EXPIRES, Found, Holder, Lease};
use crate::aws::store::Store;
use crate::engine::{Outcome, Plan, Reporter};
use crate::ui::{self, Look};

/// How often somebody else's lease is looked at by who waits for it.
const LOOK: Duration = Duration::from_secs(2);
/// How often who waits is told.
const SPEAK: Duration = Duration::from_secs(30);

/// Plans, asks, takes the lease, does it, and writes down how it ended. When somebody else had the lease since the plan
/// was made, it is made anew.
pub async fn take(session: &Session, run: &Run<'_>, plan: impl AsyncFn() -> Result<Plan>) -> Result {
    let store = Store::of(&session.cx);
    let look = Look::stderr(run.color);
    let own = Holder::own(&session.who, &typed(run));
    loop {
        let found = free(session, run, &store, &look).await?;
        let plan = plan().await?;
        let Some(plan) = agreed(session, &plan, run).await? else {
            ui::err("Nothing was done.\n")?;
            return Ok(Exit::Refused);
        };
        let (stop, stopped) = watch::channel(false);
        let show = if run.consent.json { ui::Show::Json } else { ui::Show::Text };
        let reporter: Arc<dyn Reporter> = ui::reporter(show, look).into();
        if plan.is_empty() {
            return Ok(exit(&carry_out(session, &plan, run, stopped, reporter.as_ref()).await?));
        }
        let signals = tokio::spawn(listen(stop, reporter.clone()));
        let Some(lease) = Lease::take(&session.cx, &store, &found, &own).await? else {
            signals.abort();
            ui::err(&ui::note("Another run was faster: the plan is made again when it has ended.", &look))?;
            continue;
        };
        let result = recorded(session, &plan, run, &store, &own, stopped, reporter.as_ref()).await;
        lease.release().await;
        signals.abort();
        return Ok(exit(&result?));
    }
}

/// The lease as it was found, when nobody holds it (any more).
async fn free(session: &Session, run: &Run<'_>, store: &Store, look: &Look) -> Result<Found> {
    let since = Instant::now();
    let mut spoke: Option<Instant> = None;
    let scope = &session.cx.scope;
    loop {
        let found = lease::look(store).await?;
        let Some(holder) = found.holder() else { return Ok(found) };
        let what = format!(
            "stack `{}`, environment `{}` is being changed by {holder} (renewed {} s ago)",
            scope.stack,
            scope.env,
            found.age().as_secs()
        );
        match run.consent.wait_for_lease {
            Some(time) if since.elapsed() < Duration::from_secs(time.as_secs()) => {
                if spoke.is_none_or(|at| at.elapsed() >= SPEAK) {
                    ui::err(&ui::note(&format!("Waiting: {what}."), look))?;
                    spoke = Some(Instant::now());
                }
                tokio::time::sleep(LOOK).await;
            }
            waited => {
                let waited = waited.map_or(String::new(), |time| format!("; waited {time}"));
                return Err(Stop::Message(
                    Exit::Held,
                    format!("nothing was done: {what}{waited}"),
                    Some(format!(
                        "wait for it with `--wait-for-lease`; when that run is dead, its lease expires {} s after it was renewed last",
                        EXPIRES.as_secs()
                    )),
                ));
            }
        }
    }
}

/// Does it, between two writings of its record.
async fn recorded(
    session: &Session,
    plan: &Plan,
    run: &Run<'_>,
    store: &Store,
    own: &Holder,
    stopped: watch::Receiver<bool>,
    reporter: &dyn Reporter,
) -> Result<Outcome> {
    let mut record = Record {
        number: 0,
        command: own.command.clone(),
        who: own.who.clone(),
        host: own.host.clone(),
        began: history::now(),
        ended: None,
        version: env!("CARGO_PKG_VERSION").into(),
        commit: run.commit.clone().or_else(|| commit(&run.file.file)),
        file: run.file.file.clone(),
        text: run.text.map(str::to_owned),
        wanted: if run.text.is_none() { history::wanted(plan) } else { Vec::new() },
        plan: value(&ui::plan_json(plan, run.agreed, Vec::new()))?,
        ending: Ending::Open,
        outcome: serde_json::Value::Null,
    };
    history::begin(store, &mut record).await?;
    let outcome = carry_out(session, plan, run, stopped, reporter).await?;
    record.ended = Some(history::now());
    record.ending = match exit(&outcome) {
        Exit::Ok => Ending::Complete,
        Exit::Interrupted => Ending::Interrupted,
        _ if outcome.done.is_empty() => Ending::Failed,
        _ => Ending::Partly,
    };
    record.outcome = value(&ui::outcome_json(&outcome))?;
    // What was done was done; that nobody wrote it down is worth a word, not a failure. Who was interrupted has little time.
    let patience = if outcome.stopped { Duration::from_millis(500) + outcome.spare } else { Duration::from_secs(20) };
    match tokio::time::timeout(patience, history::end(store, &record)).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => ui::err(&ui::note(&format!("The end of this run is not in the history: {e}"), &Look::stderr(run.color)))?,
        Err(_) => ui::err(&ui::note("The end of this run is not in the history: S3 did not answer.", &Look::stderr(run.color)))?,
    }
    Ok(outcome)
}

fn value(of: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(of).map_err(|e| Stop::from(crate::engine::Error::internal(e.to_string())))
}

/// What was typed, as far as it matters to others.
fn typed(run: &Run<'_>) -> String {
    let env = run.file.env.as_ref().map_or(String::new(), |env| format!(" --env {env}"));
    format!("stack {} {}{env}", run.command, run.file.file)
}

/// The commit that a file is of. None outside of a repository, or without git.
pub fn commit(file: &str) -> Option<String> {
    let path = std::path::Path::new(file).canonicalize().ok()?;
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git").arg("-C").arg(path.parent()?).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let name = path.file_name()?.to_string_lossy();
    let changed = git(&["status", "--porcelain", "--", &name])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}-dirty") })
}
