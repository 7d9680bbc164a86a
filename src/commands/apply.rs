use std::sync::Arc;

use clap::Args;
use tokio::sync::watch;

use super::consent::{self, Allow};
use super::session::{self, Session};
use super::{Aws, Exit, Result, StackFile, Stop, outputs, preflight, saved, turn};
use crate::config;
use crate::engine::plan::Action;
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
    /// When another run is changing this stack, wait for it: so long, or 30m
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "30m", value_parser = time)]
    pub wait_for_lease: Option<config::Duration>,
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
        let scope = &saved.plan.scope;
        let session = Session::open(&scope.stack, &scope.env, &scope.region, &aws, color).await?;
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

fn time(text: &str) -> Result<config::Duration, String> {
    text.parse().map_err(|wrong: config::values::Wrong| format!("{wrong}"))
}

/// The same plan as AWS says it now. It and not the saved one is done: what needs consent, which order, which ids, no file can
/// say otherwise. Stops when AWS is no longer as the saved plan found it in anything that it touches.
async fn unchanged(session: &Session, plan: &Plan) -> Result<Plan> {
    let scope = &session.cx.scope;
    if **scope != plan.scope {
        return Err(Stop::refused(
            format!(
                "the plan is for account {} in {}, this is account {} in {}",
                plan.scope.account, plan.scope.region, scope.account, scope.region
            ),
            "use the credentials of that account",
        ));
    }
    let fresh = Plan::make(&session.registry, scope, plan.graph()?.as_ref(), &session.snapshot().await?)?;
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
        return session.told(fresh).await;
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
    let rules = |kind: &str| session.registry.find(kind).map_or(&[][..], |k| k.rules());
    let view = ui::View { look, file: &run.file.file, verbose: run.verbose, consent: run.agreed, rules: &rules };
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

/// Does a plan and says how it ended.
pub async fn carry_out(
    session: &Session,
    plan: &Plan,
    run: &Run<'_>,
    stopped: watch::Receiver<bool>,
    reporter: &dyn Reporter,
) -> Result<Outcome> {
    let outcome = engine::apply(&session.registry, &session.cx, plan, reporter, stopped).await;
    reporter.end();
    let outcome = outcome?;
    if run.consent.json {
        let line = serde_json::to_string(&ui::outcome_json(&outcome));
        ui::out(&(line.map_err(|e| engine::Error::internal(e.to_string()))? + "\n"))?;
    } else {
        ui::err(&ui::outcome(&outcome, &Look::stderr(run.color).resized(), run.verbose))?;
        if outcome.is_complete() && !plan.destroy {
            let outputs::Reached { url, missing } = outputs::after(&outcome.ids, plan);
            ui::err(&ui::address(url.as_deref(), &missing))?;
        }
    }
    Ok(outcome)
}

/// What a run's end is to scripts.
pub fn exit(outcome: &Outcome) -> Exit {
    // What AWS accepted and then could not make is there all the same.
    let nothing = outcome.done.is_empty() && outcome.failed.iter().all(|(_, _, error)| error.class != Class::Failed);
    match (outcome.stopped, outcome.is_complete()) {
        (true, _) => Exit::Interrupted,
        (_, true) => Exit::Ok,
        _ if nothing => Exit::of(outcome.failed.iter().map(|(_, _, error)| error)),
        _ => Exit::Partly,
    }
}

/// The first Ctrl-C or SIGTERM asks the run to end politely, the second ends everything.
pub async fn listen(stop: watch::Sender<bool>, reporter: Arc<dyn Reporter>) {
    let Ok(mut term) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else { return };
    for _ in 0..2 {
        tokio::select! {
            result = tokio::signal::ctrl_c() => if result.is_err() { return },
            _ = term.recv() => {}
        }
        if *stop.borrow() {
            reporter.end();
            std::process::exit(i32::from(Exit::Interrupted as u8));
        }
        stop.send_replace(true);
    }
}
