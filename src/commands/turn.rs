//! One run at a time: the lease around a plan, and the record of what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::apply::{Run, agreed, carry_out, exit, listen, tell};
use super::session::Session;
use super::{Exit, Result, Stop};
use crate::aws::runs::history;
use crate::aws::runs::history::{Ending, Record};
use crate::aws::runs::lease;
use crate::aws::runs::lease::{EXPIRES, Found, Holder, Lease};
use crate::aws::runs::store::Store;
use crate::config;
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
            ui::err("Nothing was done: only `yes` is a yes.\n")?;
            return Ok(Exit::Refused);
        };
        let (stop, stopped) = watch::channel(false);
        let show = if run.consent.json { ui::Show::Json } else { ui::Show::Text };
        let reporter: Arc<dyn Reporter> = ui::reporter(show, look).into();
        if plan.is_empty() {
            let outcome = carry_out(session, &plan, stopped, reporter.as_ref()).await?;
            tell(&outcome, &plan, run);
            return Ok(exit(&outcome));
        }
        let signals = tokio::spawn(listen(stop.clone(), reporter.clone()));
        let Some(lease) = session.kept(Lease::take(&session.cx, &store, &found, &own)).await? else {
            signals.abort();
            ui::err(&ui::note("Another run was faster: the plan is made again when it has ended.", &look))?;
            continue;
        };
        let result = recorded(session, &plan, run, &store, &own, (stop, stopped), reporter.as_ref()).await;
        lease.release().await;
        signals.abort();
        let outcome = result?;
        tell(&outcome, &plan, run);
        return Ok(exit(&outcome));
    }
}

/// The lease as it was found, when nobody holds it (any more).
async fn free(session: &Session, run: &Run<'_>, store: &Store, look: &Look) -> Result<Found> {
    let since = Instant::now();
    let mut spoke: Option<Instant> = None;
    let scope = &session.cx.scope;
    loop {
        let found = session.kept(lease::look(store)).await?;
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
    (stop, stopped): (watch::Sender<bool>, watch::Receiver<bool>),
    reporter: &dyn Reporter,
) -> Result<Outcome> {
    // A file says all of it again.
    let saved = run.text.is_none().then_some(plan);
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
        wanted: saved.map(history::wanted).unwrap_or_default(),
        moved: saved.map(|plan| plan.moved.clone()).unwrap_or_default(),
        ignored_tags: saved.map(|plan| plan.ignored_tags.clone()).unwrap_or_default(),
        plan: value(&ui::plan_json(plan, run.agreed, Vec::new()))?,
        ending: Ending::Open,
        outcome: serde_json::Value::Null,
    };
    session.kept(history::begin(store, &mut record)).await?;
    let rang = Arc::new(AtomicBool::new(false));
    let bell = run.consent.timeout.map(|time| tokio::spawn(ring(time, rang.clone(), stop)));
    let outcome = carry_out(session, plan, stopped, reporter).await;
    if let Some(bell) = bell {
        bell.abort();
    }
    let mut outcome = outcome?;
    outcome.late = outcome.stopped && rang.load(Ordering::Relaxed);
    record.ended = Some(history::now());
    record.ending = ending(&outcome);
    record.outcome = value(&ui::outcome_json(&outcome))?;
    // What was done was done; that nobody wrote it down is worth a word, not a failure. Who was interrupted has little time.
    let patience = if outcome.stopped { Duration::from_millis(500) + outcome.spare } else { Duration::from_secs(20) };
    match tokio::time::timeout(patience, history::end(store, &record)).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => aside(&format!("The end of this run is not in the history: {e}"), run),
        Err(_) => aside("The end of this run is not in the history: S3 did not answer.", run),
    }
    Ok(outcome)
}

/// How a run ended, for its record: as its exit code says it. `Failed` means that nothing was changed.
fn ending(outcome: &Outcome) -> Ending {
    match exit(outcome) {
        Exit::Ok => Ending::Complete,
        Exit::Interrupted => Ending::Interrupted,
        _ if outcome.late => Ending::Late,
        Exit::Partly => Ending::Partly,
        _ => Ending::Failed,
    }
}

/// A word after something was changed: that it cannot be written changes nothing any more.
fn aside(text: &str, run: &Run<'_>) {
    let _ = ui::err(&ui::note(text, &Look::stderr(run.color)));
}

/// Asks the run to end politely when its time is over.
async fn ring(time: config::Duration, rang: Arc<AtomicBool>, stop: watch::Sender<bool>) {
    tokio::time::sleep(Duration::from_secs(time.as_secs())).await;
    rang.store(true, Ordering::Relaxed);
    stop.send_replace(true);
}

fn value(of: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(of).map_err(|e| Stop::from(crate::engine::Error::internal(e.to_string())))
}

/// What was typed, as far as it matters to others.
fn typed(run: &Run<'_>) -> String {
    let env =
        run.file.env().filter(|env| *env != config::environment::DEFAULT).map_or(String::new(), |env| format!(" --env {env}"));
    format!("stack {} {}{env}", run.command, run.file.file)
}

/// The commit that a file is of. None outside of a repository, or without git.
pub fn commit(file: &str) -> Option<String> {
    let path = std::path::Path::new(file).canonicalize().ok()?;
    let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
    let git = |arguments: &[&str]| {
        let output = git(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--verify", "HEAD"])?;
    // Not `git status`: that runs what the repository says its files are to be filtered by.
    let committed = git(&["rev-parse", "--verify", &format!("HEAD:./{name}")]);
    let there = git(&["hash-object", "--no-filters", "--", name]);
    Some(if committed.is_some() && committed == there { commit } else { format!("{commit}-dirty") })
}

/// Git in a folder that may be anybody's: nothing that its configuration names is run, nothing is fetched or written, and what
/// would be run all the same sees no credentials.
fn git(folder: &std::path::Path) -> std::process::Command {
    let mut command = std::process::Command::new("git");
    for setting in ["core.fsmonitor=false", "core.hooksPath=/dev/null", "core.sshCommand=false", "protocol.allow=never"] {
        command.args(["-c", setting]);
    }
    command.args(["--no-optional-locks", "--no-pager", "-C"]).arg(folder).env("GIT_NO_LAZY_FETCH", "1");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.stdin(std::process::Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::action::Verb;
    use crate::engine::{Class, Error, Key};

    #[test]
    fn a_run_that_changed_anything_is_not_recorded_as_failed() {
        let failed = |class| vec![(Key::new("rds.instance", "main"), Verb::Create, Error::new(class, "no"))];
        let ended = |class| Outcome { failed: failed(class), ..Outcome::default() };
        // AWS made it, and it came to nothing, or is not there yet.
        assert_eq!(ending(&ended(Class::Late)), Ending::Partly);
        assert_eq!(ending(&ended(Class::Failed)), Ending::Partly);
        assert_eq!(ending(&ended(Class::Denied)), Ending::Failed);
        assert_eq!(ending(&ended(Class::Invalid)), Ending::Failed);
        assert_eq!(ending(&Outcome { stopped: true, ..ended(Class::Late) }), Ending::Interrupted);
        assert_eq!(ending(&Outcome { stopped: true, late: true, ..ended(Class::Late) }), Ending::Late);
        assert_eq!(ending(&Outcome::default()), Ending::Complete);
    }

    /// A folder that came with a `.git` of somebody else's.
    #[test]
    fn git_tells_the_commit_and_runs_nothing_of_the_folder_s() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let setup = |arguments: &[&str]| {
            let mut command = std::process::Command::new("git");
            command.args(["-c", "user.name=a", "-c", "user.email=a@b", "-C"]).arg(folder.path()).args(arguments);
            assert!(command.env("HOME", folder.path()).output().unwrap().status.success(), "{arguments:?}");
        };
        let evil = at("evil.sh");
        std::fs::write(&evil, format!("#!/bin/sh\nenv > {}\ncat\n", at("ran").display())).unwrap();
        let mut executable = std::fs::metadata(&evil).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut executable, 0o755);
        std::fs::set_permissions(&evil, executable).unwrap();
        std::fs::write(at("s.yaml"), "stack: a\n").unwrap();
        setup(&["init", "-q"]);
        setup(&["add", "s.yaml"]);
        setup(&["commit", "-q", "-m", "x"]);
        for key in ["core.fsmonitor", "core.hooksPath", "filter.evil.clean", "diff.external"] {
            setup(&["config", key, &evil.display().to_string()]);
        }
        std::fs::write(at(".gitattributes"), "* filter=evil\n").unwrap();
        let file = at("s.yaml").display().to_string();
        let clean = commit(&file).unwrap();
        assert!(clean.len() == 40 && clean.chars().all(|c| c.is_ascii_hexdigit()), "{clean}");
        std::fs::write(at("s.yaml"), "stack: b\n").unwrap();
        assert_eq!(commit(&file), Some(format!("{clean}-dirty")));
        std::fs::write(at("new.yaml"), "").unwrap();
        assert_eq!(commit(&at("new.yaml").display().to_string()), Some(format!("{clean}-dirty")));
        assert!(!at("ran").exists(), "something of the folder's was run");
    }
}
