use std::sync::Arc;

use clap::Args;
use tokio::sync::watch;

use super::consent::{self, Allow};
use super::session::{self, Session, Target};
use super::{Aws, Exit, Result, StackFile, Stop, outputs, preflight, saved, time, turn};
use crate::config;
use crate::engine::action::Action;
use crate::engine::{self, Class, Key, Outcome, Plan, Reporter};
use crate::ui::{self, Color, Look};

/// Make AWS as the file describes it. Asks before it does anything.
///
/// FILE may also be a plan that was saved with `stack plan --out`: then exactly that is done, or nothing, when AWS has
/// changed since.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    #[command(flatten)]
    consent: Consent,
    /// Show the fields of what is created, and long values in full
    #[arg(long, short)]
    verbose: bool,
}

/// What may be done without asking.
#[derive(Args, Debug)]
pub struct Consent {
    /// Do not ask; for scripts
    #[arg(long, short)]
    pub yes: bool,
    #[command(flatten)]
    pub allow: Allow,
    /// Do not ask AWS beforehand what it would refuse: permissions, quotas, classes, versions, images
    #[arg(long)]
    pub no_preflight: bool,
    /// When another run is changing this stack, wait for it: up to TIME, or 30m
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "30m", value_parser = time)]
    pub wait_for_lease: Option<config::Duration>,
    /// Stop politely when the run takes longer than this, as Ctrl-C does: nothing new begins, and the same command goes on later
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub timeout: Option<config::Duration>,
    /// Print events and the result as JSON, a line each
    #[arg(long)]
    pub json: bool,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let text = session::read(&arguments.file.file, saved::LARGEST)?;
    let Arguments { file, aws, consent, verbose } = arguments;
    let agreed = consent.allow.consent();
    let mut run =
        Run { command: "apply", file: &file, text: None, commit: None, consent: &consent, agreed: &agreed, verbose, color };
    if engine::saved::is_one(&text) {
        let saved = saved::read(&file.file, &text)?;
        saved::fits(&saved.plan, file.env(), aws.region.as_deref())?;
        let scope = &saved.plan.scope;
        let target = Target {
            stack: &scope.stack,
            env: &scope.env,
            region: &scope.region,
            account: Some(&scope.account),
            said_by: "the saved plan",
            history_bucket: saved.plan.kept_in.as_deref(),
        };
        let session = Session::open(&target, &aws, color).await?;
        let agreed = saved.consent.and(agreed.clone());
        let source = saved.source.unwrap_or_default();
        let run = Run { text: source.text.as_deref(), commit: source.commit, agreed: &agreed, ..run };
        turn::take(&session, &run, async || unchanged(&session, &saved.plan).await).await
    } else {
        let loaded = session::load_text(&file, &text, color)?;
        let session = Session::of(&loaded, &aws, color).await?;
        run.text = Some(&text);
        turn::take(&session, &run, async || {
            let plan = session.plan(&loaded).await?;
            session::notes(&loaded, color)?;
            Ok(plan)
        })
        .await
    }
}

/// The same plan as AWS says it now. It and not the saved one is done: what needs consent, which order, which ids, no file can
/// say otherwise. Stops when AWS is no longer as the saved plan found it in anything that it touches.
async fn unchanged(session: &Session, plan: &Plan) -> Result<Plan> {
    let scope = &session.cx.scope;
    if **scope != plan.scope {
        return Err(Stop::refused(
            format!("the plan is for the partition `{}`, this is `{}`", plan.scope.partition, scope.partition),
            "use the credentials that the plan was made with",
        ));
    }
    let fresh = Plan::make(&session.registry, scope, plan.graph()?.as_ref(), &session.snapshot().await?)?;
    // As the saved one was told: of the old half of what was moved only the history says that it goes.
    let fresh = session.hear(session.told(fresh)).await?;
    let touched = |plan: &Plan| -> Vec<(Key, Action, String)> {
        let mut list: Vec<_> = plan
            .changes()
            .map(|i| (i.key.clone(), i.action, serde_json::to_string(&(&i.changes, &i.desired, &i.before)).unwrap_or_default()))
            .collect();
        list.sort();
        list
    };
    let (then, now) = (touched(plan), touched(&fresh));
    if then == now {
        return Ok(fresh);
    }
    let mut names: Vec<String> = then
        .iter()
        .filter(|t| !now.contains(t))
        .chain(now.iter().filter(|n| !then.contains(n)))
        .map(|(key, ..)| format!("`{key}`"))
        .collect();
    names.sort();
    names.dedup();
    Err(Stop::refused(
        format!("AWS has changed since the plan was saved, in: {}", names.join(", ")),
        "nothing was done; make the plan again with `stack plan --out` and look at it",
    ))
}

/// One use of a command that changes a stack.
pub struct Run<'a> {
    /// Its name: `apply`.
    pub command: &'a str,
    /// The file, as it was given.
    pub file: &'a StackFile,
    /// What it says; none for a saved plan.
    pub text: Option<&'a str>,
    /// The commit that it is of, for a saved plan; else it is found out.
    pub commit: Option<String>,
    /// What may be done without asking.
    pub consent: &'a Consent,
    /// What was agreed to, by flags and in a saved plan.
    pub agreed: &'a engine::Consent,
    /// Everything is to be told.
    pub verbose: bool,
    /// When to colour.
    pub color: Color,
}

/// Shows a plan and asks. The plan as it is to be done, when it is.
pub async fn agreed(session: &Session, plan: &Plan, run: &Run<'_>) -> Result<Option<Plan>> {
    let (consent, look) = (run.consent, Look::stderr(run.color));
    let plan = consent::with(plan, run.agreed)?;
    let rules = |kind: &str| session.registry.find(kind).map_or(&[][..], |k| k.info().rules);
    let via = session.via.as_deref();
    let view = ui::View { look, file: &run.file.file, verbose: run.verbose, consent: run.agreed, via, rules: &rules };
    ui::err(&ui::plan_text(&plan, &view))?;
    if plan.counts().refuse > 0 {
        return Err(Stop::refused("nothing was done: the plan has objects that are refused", "see `refuse` above"));
    }
    consent::check(&plan, run.agreed, consent.yes)?;
    preflight::pass(session, &plan, run).await?;
    if plan.is_empty() || consent.yes {
        return Ok(Some(plan));
    }
    if !consent::ask(&plan, run.agreed)? {
        return Ok(None);
    }
    if !plan.destroy {
        return Ok(Some(plan));
    }
    // Who typed its name agreed to the end of everything in it.
    let whole = engine::Consent { environment: Some(plan.environment()), ..run.agreed.clone() };
    Ok(Some(consent::with(&plan, &whole)?))
}

/// Does a plan.
pub async fn carry_out(
    session: &Session,
    plan: &Plan,
    stopped: watch::Receiver<bool>,
    reporter: &dyn Reporter,
) -> Result<Outcome> {
    let outcome = engine::apply(&session.registry, &session.cx, plan, reporter, stopped).await;
    reporter.end();
    Ok(outcome?)
}

/// Says how it ended. What was done was done: that nobody can read of it, on a full disk, say, makes no failure of it.
pub fn tell(outcome: &Outcome, plan: &Plan, run: &Run<'_>) {
    if run.consent.json {
        if let Ok(line) = serde_json::to_string(&ui::outcome_json(outcome)) {
            let _ = ui::out(&format!("{}\n", ui::safe_json(&line)));
        }
        return;
    }
    let _ = ui::err(&ui::outcome(outcome, &Look::stderr(run.color).resized(), run.verbose));
    if outcome.is_complete() && !plan.destroy {
        let outputs::Reached { url, missing } = outputs::after(&outcome.ids, plan);
        let _ = ui::err(&ui::address(url.as_deref(), &missing));
    }
}

/// What a run's end is to scripts.
pub fn exit(outcome: &Outcome) -> Exit {
    // What AWS accepted and then could not make, or is still at, is there all the same; what nobody knows the end of may be.
    let there = |class: Class| matches!(class, Class::Failed | Class::Late | Class::Ambiguous | Class::Unreachable);
    let nothing =
        outcome.done.is_empty() && outcome.under_way.is_empty() && outcome.failed.iter().all(|(_, _, error)| !there(error.class));
    match (outcome.stopped && !outcome.late, outcome.is_complete()) {
        (true, _) => Exit::Interrupted,
        (_, true) => Exit::Ok,
        _ if nothing => Exit::of(outcome.failed.iter().map(|(_, _, error)| error)),
        _ => Exit::Partly,
    }
}

/// The first Ctrl-C, SIGTERM or SIGHUP asks the run to end politely, the second ends everything.
pub async fn listen(stop: watch::Sender<bool>, reporter: Arc<dyn Reporter>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else { return };
    for _ in 0..2 {
        tokio::select! {
            result = tokio::signal::ctrl_c() => if result.is_err() { return },
            _ = term.recv() => {}
            // The terminal is gone: what is written from now on is lost, and nobody's loss.
            _ = hangup.recv() => {}
        }
        if *stop.borrow() {
            reporter.end();
            std::process::exit(i32::from(Exit::Interrupted as u8));
        }
        stop.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::action::Verb;
    use crate::engine::{Error, Ids, Key};

    #[test]
    fn a_run_of_which_nobody_knows_the_end_may_have_changed_something() {
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
