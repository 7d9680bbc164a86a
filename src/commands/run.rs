//! A run: plan, confirmation, lease, changes, outcome, and the record of it. `apply`, `destroy`, `rollback`, `pause` and `resume`
//! are runs that differ in how the plan is made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::arguments::StackFile;
use super::consent::{self, Consent};
use super::session::Session;
use super::stop::{Exit, Result, Stop};
use super::{git, outputs, preflight};
use crate::aws::runs::history;
use crate::aws::runs::history::{Ending, Record};
use crate::aws::runs::lease;
use crate::aws::runs::lease::{EXPIRES, Holder, Lease, LeaseState};
use crate::aws::runs::store::Store;
use crate::config;
use crate::engine::{self, Class, Error, Outcome, Plan, Reporter, Scope};
use crate::prices::Change;
use crate::ui::{self, Color, Terminal};

/// How often the lease is read while waiting for another run.
const LOOK: Duration = Duration::from_secs(2);
/// How often a wait for the lease speaks.
const SPEAK: Duration = Duration::from_secs(30);

/// One use of a command that changes a stack.
pub struct Run<'a> {
    /// Its name: `apply`.
    pub command: &'a str,
    /// The file, as it was given.
    pub file: &'a StackFile,
    /// Its text; none for a saved plan without one.
    pub text: Option<&'a str>,
    /// The commit that it is from, where that is known already; otherwise git is asked.
    pub commit: Option<String>,
    /// The options.
    pub consent: &'a Consent,
    /// The consent that was given, by flags and in a saved plan.
    pub agreed: &'a engine::Consent,
    /// Whether the fields of what is created are shown.
    pub verbose: bool,
    /// When to use colour.
    pub color: Color,
}

impl Run<'_> {
    /// Shows the plan of this run, of which nothing is done.
    pub async fn show(&self, session: &Session, plan: impl AsyncFn() -> Result<Plan>) -> Result {
        self.shown(session, &consent::with(plan().await?, self.agreed)?)?;
        Ok(Exit::Ok)
    }

    /// Shows a plan, and returns what it changes of the monthly price.
    fn shown(&self, session: &Session, plan: &Plan) -> Result<Change> {
        let rules = |kind: &str| session.registry.rules(kind);
        let change = session.pricing.change(plan);
        let view = ui::View {
            price: Some(&change),
            terminal: self.terminal(),
            file: &self.file.file,
            verbose: self.verbose,
            consent: self.agreed,
            via: session.via.as_deref(),
            rules: &rules,
        };
        ui::err(&ui::plan_text(plan, &view))?;
        Ok(change)
    }

    /// Plans, asks, takes the lease, applies the plan, and records how it ended. Plans again when another run had the lease since
    /// the plan was made.
    pub async fn execute(&self, session: &Session, plan: impl AsyncFn() -> Result<Plan>) -> Result {
        self.execute_and(false, session, plan).await
    }

    /// Does the same; `records` says whether the history has the run even if there is nothing to change.
    pub async fn execute_and(&self, records: bool, session: &Session, plan: impl AsyncFn() -> Result<Plan>) -> Result {
        // On the heap: with what commands are around it, the main thread's stack would not hold it.
        Box::pin(self.carried_out(records, session, plan)).await
    }

    async fn carried_out(&self, records: bool, session: &Session, plan: impl AsyncFn() -> Result<Plan>) -> Result {
        let own = Holder::own(&session.who, &self.typed());
        let execution = Execution { session, run: self, store: Store::of(&session.cx), own };
        loop {
            let found = execution.free().await?;
            let plan = plan().await?;
            let Some(plan) = execution.agreed(plan).await? else {
                ui::err("Nothing was changed: not confirmed.\n")?;
                return Ok(Exit::Refused);
            };
            let (stop, stopped) = watch::channel(false);
            let show = if self.consent.json { ui::Show::Json } else { ui::Show::Text };
            let reporter: Arc<dyn Reporter> = ui::reporter(show, self.terminal()).into();
            if plan.is_empty() && !records {
                let outcome = carry_out(session, &plan, stopped, reporter.as_ref()).await?;
                execution.tell(&outcome, &plan);
                return Ok(exit(&outcome));
            }
            let shown = reporter.clone();
            let signals = tokio::spawn(listen(stop.clone(), move || shown.end()));
            let Some(lease) = session.kept(Lease::take(&session.cx, &execution.store, &found, &execution.own)).await? else {
                signals.abort();
                ui::err(&ui::note("Another run took the lease first; planning again when it finishes.", &self.terminal()))?;
                continue;
            };
            let result = execution.recorded(&plan, (stop, stopped), reporter.as_ref()).await;
            lease.release().await;
            signals.abort();
            let outcome = result?;
            execution.tell(&outcome, &plan);
            return Ok(exit(&outcome));
        }
    }

    /// Returns how standard error is written to.
    fn terminal(&self) -> Terminal {
        Terminal::stderr(self.color)
    }

    /// Returns the command as others see it, in the lease and in the history.
    fn typed(&self) -> String {
        format!("stack {} {}", self.command, self.file.typed())
    }
}

/// A run with what it works through: the connection, the store of lease and record, and what these say about who runs it.
struct Execution<'a> {
    session: &'a Session,
    run: &'a Run<'a>,
    store: Store,
    own: Holder,
}

impl Execution<'_> {
    /// Returns the lease as soon as no run holds it, and fails if one holds it for longer than the run may wait.
    async fn free(&self) -> Result<LeaseState> {
        let since = Instant::now();
        let mut spoke: Option<Instant> = None;
        let scope = &self.session.cx.scope;
        loop {
            let found = self.session.kept(lease::look(&self.store)).await?;
            let Some(holder) = found.holder() else { return Ok(found) };
            let what = changed_by(scope, holder, &found);
            match self.run.consent.wait_for_lease {
                Some(time) if since.elapsed() < Duration::from_secs(time.as_secs()) => {
                    if spoke.is_none_or(|at| at.elapsed() >= SPEAK) {
                        ui::err(&ui::note(&format!("Waiting: {what}."), &self.run.terminal()))?;
                        spoke = Some(Instant::now());
                    }
                    tokio::time::sleep(LOOK).await;
                }
                waited => {
                    let waited = waited.map_or(String::new(), |time| format!("; waited {time}"));
                    return Err(held(&format!("{what}{waited}"), "wait for it with `--wait-for-lease`"));
                }
            }
        }
    }

    /// Shows a plan and asks for confirmation. Returns the plan to apply, or nothing if it was not confirmed.
    async fn agreed(&self, plan: Plan) -> Result<Option<Plan>> {
        let consent = self.run.consent;
        let plan = consent::with(plan, self.run.agreed)?;
        let change = self.run.shown(self.session, &plan)?;
        if plan.counts().refuse > 0 {
            return Err(Stop::refused(
                "nothing was changed: the plan has changes that are refused",
                "fix what is listed under `refuse` above",
            ));
        }
        self.session.pricing.check(&change)?;
        consent::check(&plan, self.run.agreed, consent.yes)?;
        preflight::pass(self.session, &plan, consent.no_preflight, self.run.color).await?;
        if plan.is_empty() || consent.yes {
            return Ok(Some(plan));
        }
        if !consent::ask(&plan, self.run.agreed)? {
            return Ok(None);
        }
        if !plan.destroy {
            return Ok(Some(plan));
        }
        // Typing its name is consent to deleting everything in it.
        let whole = engine::Consent { environment: Some(plan.environment()), ..self.run.agreed.clone() };
        Ok(Some(consent::with(plan, &whole)?))
    }

    /// Applies the plan, and writes its record before and after.
    async fn recorded(
        &self,
        plan: &Plan,
        (stop, stopped): (watch::Sender<bool>, watch::Receiver<bool>),
        reporter: &dyn Reporter,
    ) -> Result<Outcome> {
        let (session, store) = (self.session, &self.store);
        let mut record = self.record(plan)?;
        session.kept(history::begin(store, &mut record)).await?;
        let rang = Arc::new(AtomicBool::new(false));
        let bell = self.run.consent.timeout.map(|time| tokio::spawn(ring(time, rang.clone(), stop)));
        let outcome = carry_out(session, plan, stopped, reporter).await;
        if let Some(bell) = bell {
            bell.abort();
        }
        let mut outcome = outcome?;
        outcome.late = outcome.stopped && rang.load(Ordering::Relaxed);
        record.ended = Some(history::now());
        record.ending = ending(&outcome);
        record.outcome = value(&ui::outcome_json(&outcome))?;
        // The changes are made; that they are not recorded is worth a note, not a failure. After an interrupt there is little
        // time.
        let patience = if outcome.stopped { Duration::from_millis(500) + outcome.spare } else { Duration::from_secs(20) };
        match tokio::time::timeout(patience, history::end(store, &record)).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => self.aside(&format!("The end of this run was not recorded in the history: {e}")),
            Err(_) => self.aside("The end of this run was not recorded in the history: S3 did not answer."),
        }
        Ok(outcome)
    }

    /// Returns the record of a run that begins.
    fn record(&self, plan: &Plan) -> Result<Record> {
        let (run, own) = (self.run, &self.own);
        let price = Some(ui::price_json(&self.session.pricing.change(plan)));
        // Of a file the text is enough.
        let saved = run.text.is_none().then_some(plan);
        Ok(Record {
            number: 0,
            command: own.command.clone(),
            who: own.who.clone(),
            host: own.host.clone(),
            began: history::now(),
            ended: None,
            version: env!("CARGO_PKG_VERSION").into(),
            commit: run.commit.clone().or_else(|| run.file.stack.is_none().then(|| git::commit(&run.file.file))?),
            file: if run.file.stack.is_some() { String::new() } else { run.file.file.clone() },
            like: run.file.like.clone(),
            expires: history::expires(plan),
            text: run.text.map(str::to_owned),
            wanted: saved.map(history::wanted).unwrap_or_default(),
            moved: saved.map(|plan| plan.moved.clone()).unwrap_or_default(),
            ignored_tags: saved.map(|plan| plan.ignored_tags.clone()).unwrap_or_default(),
            plan: value(&ui::PlanJson { price, ..ui::plan_json(plan, run.agreed, Vec::new()) })?,
            ending: Ending::Open,
            outcome: serde_json::Value::Null,
        })
    }

    /// Reports the outcome. The changes are made: that the report cannot be written, on a full disk, say, is no failure.
    fn tell(&self, outcome: &Outcome, plan: &Plan) {
        if self.run.consent.json {
            if let Ok(line) = serde_json::to_string(&ui::outcome_json(outcome)) {
                let _ = ui::out(&format!("{}\n", ui::safe_json(&line)));
            }
            return;
        }
        let _ = ui::err(&ui::outcome(outcome, &self.run.terminal().resized(), self.run.verbose));
        if outcome.is_complete() && !plan.destroy && !plan.is_at_rest() {
            let outputs::Reached { url, missing } = outputs::after(&outcome.ids, plan);
            let _ = ui::err(&ui::address(url.as_deref(), &missing));
        }
    }

    /// Writes a note after something was changed. That it cannot be written is no failure.
    fn aside(&self, text: &str) {
        let _ = ui::err(&ui::note(text, &self.run.terminal()));
    }
}

/// Says who is changing a stack.
fn changed_by(scope: &Scope, holder: &Holder, found: &LeaseState) -> String {
    let Scope { stack, env, .. } = scope;
    format!("stack `{stack}`, environment `{env}` is being changed by {holder} (renewed {} s ago)", found.age().as_secs())
}

/// Returns the refusal of a run beside another one.
fn held(what: &str, step: &str) -> Stop {
    let help = format!("{step}; if that run died, its lease expires {} s after it was last renewed", EXPIRES.as_secs());
    Stop::Message(Exit::Held, format!("nothing was changed: {what}"), Some(help))
}

/// Takes the lease for a small change, which waits for no other run.
pub async fn lease(session: &Session, command: &str) -> Result<Lease> {
    let store = Store::of(&session.cx);
    let found = session.kept(lease::look(&store)).await?;
    const STEP: &str = "try again when it has ended";
    if let Some(holder) = found.holder() {
        return Err(held(&changed_by(&session.cx.scope, holder, &found), STEP));
    }
    let own = Holder::own(&session.who, command);
    let taken = session.kept(Lease::take(&session.cx, &store, &found, &own)).await?;
    taken.ok_or_else(|| held("another run took the lease just now", STEP))
}

/// Applies a plan.
async fn carry_out(session: &Session, plan: &Plan, stopped: watch::Receiver<bool>, reporter: &dyn Reporter) -> Result<Outcome> {
    let outcome = engine::apply(&session.registry, &session.cx, plan, reporter, stopped).await;
    reporter.end();
    Ok(outcome?)
}

/// Returns the exit code of an outcome.
fn exit(outcome: &Outcome) -> Exit {
    // What AWS accepted and then failed to create, or is still creating, exists; a call without an answer may have created
    // something.
    let exists = |class: Class| matches!(class, Class::Failed | Class::Late | Class::Ambiguous | Class::Unreachable);
    let nothing = outcome.done.is_empty()
        && outcome.under_way.is_empty()
        && outcome.failed.iter().all(|(_, _, error)| !exists(error.class));
    match (outcome.stopped && !outcome.late, outcome.is_complete()) {
        (true, _) => Exit::Interrupted,
        (_, true) => Exit::Ok,
        _ if nothing => Exit::of(outcome.failed.iter().map(|(_, _, error)| error)),
        _ => Exit::Partly,
    }
}

/// Returns how a run ended, for its record, in agreement with its exit code. `Failed` means that nothing was changed.
fn ending(outcome: &Outcome) -> Ending {
    match exit(outcome) {
        Exit::Ok => Ending::Complete,
        Exit::Interrupted => Ending::Interrupted,
        _ if outcome.late => Ending::Late,
        Exit::Partly => Ending::Partly,
        _ => Ending::Failed,
    }
}

/// Listens for Ctrl-C, SIGTERM and SIGHUP. The first asks for a stop, the second does what is done `last` and ends the process.
pub async fn listen(stop: watch::Sender<bool>, last: impl Fn() + Send) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else { return };
    for _ in 0..2 {
        tokio::select! {
            result = tokio::signal::ctrl_c() => if result.is_err() { return },
            _ = term.recv() => {}
            // The terminal is gone; what is written from now on is lost.
            _ = hangup.recv() => {}
        }
        if *stop.borrow() {
            last();
            std::process::exit(i32::from(Exit::Interrupted as u8));
        }
        stop.send_replace(true);
    }
}

/// Asks the run to stop when its time is over.
async fn ring(time: config::Duration, rang: Arc<AtomicBool>, stop: watch::Sender<bool>) {
    tokio::time::sleep(Duration::from_secs(time.as_secs())).await;
    rang.store(true, Ordering::Relaxed);
    stop.send_replace(true);
}

/// Converts to JSON.
fn value(of: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(of).map_err(|e| Stop::from(Error::internal(e.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::action::Verb;
    use crate::engine::{Ids, Key};

    #[test]
    fn a_run_with_changes_is_not_recorded_as_failed() {
        let failed = |class| vec![(Key::new("rds.instance", "main"), Verb::Create, Error::new(class, "no"))];
        let ended = |class| Outcome { failed: failed(class), ..Outcome::default() };
        // AWS accepted it, and it failed or is not ready yet.
        assert_eq!(ending(&ended(Class::Late)), Ending::Partly);
        assert_eq!(ending(&ended(Class::Failed)), Ending::Partly);
        assert_eq!(ending(&ended(Class::Denied)), Ending::Failed);
        assert_eq!(ending(&ended(Class::Invalid)), Ending::Failed);
        assert_eq!(ending(&Outcome { stopped: true, ..ended(Class::Late) }), Ending::Interrupted);
        assert_eq!(ending(&Outcome { stopped: true, late: true, ..ended(Class::Late) }), Ending::Late);
        assert_eq!(ending(&Outcome::default()), Ending::Complete);
    }

    #[test]
    fn a_run_of_unknown_end_may_have_changed_something() {
        let after = |class| Outcome {
            done: Vec::new(),
            failed: vec![(Key::new("ec2.vpc", "main"), Verb::Create, Error::new(class, ""))],
            under_way: Vec::new(),
            skipped: Vec::new(),
            stopped: false,
            late: false,
            spare: Duration::ZERO,
            elapsed: Duration::ZERO,
            chain: Vec::new(),
            ids: Ids::default(),
        };
        for class in [Class::Failed, Class::Late, Class::Ambiguous, Class::Unreachable] {
            assert_eq!(exit(&after(class)), Exit::Partly, "{class:?}");
        }
        assert_eq!(exit(&after(Class::Denied)), Exit::of([&Error::new(Class::Denied, "")]));
        assert_ne!(exit(&after(Class::Denied)), Exit::Partly);
    }
}
