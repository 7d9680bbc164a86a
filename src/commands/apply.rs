use std::io::IsTerminal;
use std::sync::Arc;

use clap::Args;
use tokio::sync::watch;

use super::session::{self, Session};
use super::{Aws, Exit, Result, StackFile, Stop, outputs, preflight, saved, turn};
use crate::config;
use crate::engine::plan::{Action, Item};
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
    /// Let this object that holds data be deleted; `*` stands for anything. Can be repeated
    #[arg(long, value_name = "KEY")]
    pub allow_delete: Vec<String>,
    /// Let this object that holds data be replaced; `*` stands for anything. Can be repeated
    #[arg(long, value_name = "KEY")]
    pub allow_replace: Vec<String>,
    /// Make no final snapshot of this database or cache when it goes; `*` stands for anything. Can be repeated
    #[arg(long, value_name = "KEY")]
    pub no_final_snapshot: Vec<String>,
    /// Let the successor of this object begin empty when it is replaced, instead of with its data; `*` stands for anything. Can
    /// be repeated
    #[arg(long, value_name = "KEY")]
    pub without_data: Vec<String>,
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

impl Consent {
    /// The objects of the plan that hold data, go, and were named.
    fn allowed(&self, plan: &Plan) -> Vec<Key> {
        let named = |item: &&Item| {
            let patterns = if item.action == Action::Replace { &self.allow_replace } else { &self.allow_delete };
            patterns.iter().any(|pattern| matches(pattern, &item.key.to_string()))
        };
        plan.items.iter().filter(|item| item.needs_consent).filter(named).map(|item| item.key.clone()).collect()
    }
}

/// Whether `text` is like `pattern`, in which `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text
            .strip_prefix(head)
            .is_some_and(|rest| (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(tail, &rest[at..]))),
    }
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let text = session::read(&arguments.file.file, saved::LARGEST)?;
    let Arguments { file, aws, consent, verbose } = arguments;
    let mut run = Run { command: "apply", file: &file, text: None, consent: &consent, verbose, color };
    if engine::saved::is_one(&text) {
        let plan = saved::read(&file.file, &text)?;
        let scope = &plan.scope;
        let session = Session::open(&scope.stack, &scope.env, &scope.region, &aws, color).await?;
        turn::take(&session, &run, async || unchanged(&session, &plan).await).await
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
    /// What may be done without asking.
    pub consent: &'a Consent,
    /// Everything is to be told.
    pub verbose: bool,
    /// When to colour.
    pub color: Color,
}

/// Shows a plan and asks. The plan as it is to be done, when it is.
pub async fn agreed(session: &Session, plan: &Plan, run: &Run<'_>) -> Result<Option<Plan>> {
    let (consent, look) = (run.consent, Look::stderr(run.color));
    let mut plan = plan.clone();
    plan.without_data(|key| consent.without_data.iter().any(|pattern| matches(pattern, &key.to_string())));
    plan.without_last_copies(|key| consent.no_final_snapshot.iter().any(|pattern| matches(pattern, &key.to_string())));
    let allowed = consent.allowed(&plan);
    let rules = |kind: &str| session.registry.find(kind).map_or(&[][..], |k| k.rules());
    let view = ui::View { look, file: &run.file.file, verbose: run.verbose, allowed: &allowed, rules: &rules };
    ui::err(&ui::plan_text(&plan, &view))?;
    let counts = plan.counts();
    if counts.refuse > 0 {
        return Err(Stop::refused("nothing was done: the plan has objects that are refused", "see `refuse` above"));
    }
    let missing = ui::plan::missing_consent(&plan, &allowed);
    if !missing.is_empty() {
        return Err(Stop::refused(
            format!(
                "nothing was done: {} that would go hold data or are protected, and were not named",
                count(missing.len(), "object")
            ),
            "add the flags above when they may go",
        ));
    }
    preflight::pass(session, &plan, run).await?;
    if plan.is_empty() || consent.yes {
        return Ok(Some(plan));
    }
    if !std::io::stdin().is_terminal() {
        return Err(Stop::refused("nothing was done: nobody is there to be asked", "add `--yes` to apply without being asked"));
    }
    let question = if plan.destroy {
        let data =
            if allowed.is_empty() { String::new() } else { format!(", {} of them with data or protected,", allowed.len()) };
        let (all, scope) = (count(counts.delete, "object"), &plan.scope);
        format!("Delete all {all}{data} of stack `{}`, environment `{}`?", scope.stack, scope.env)
    } else if allowed.is_empty() {
        "Apply these changes?".into()
    } else {
        format!("Apply these changes, and let {} go with data or protected?", count(allowed.len(), "object"))
    };
    Ok(ui::confirm(&question)?.then_some(plan))
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
        if let (true, false, Some(url)) = (outcome.is_complete(), plan.destroy, outputs::url(&outcome.ids, plan)) {
            ui::err(&format!("\n{url}\n"))?;
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

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
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

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("logs.log_group/web", "logs.log_group/web"));
        assert!(!matches("logs.log_group/web", "logs.log_group/web2"));
        assert!(matches("logs.log_group/*", "logs.log_group/web"));
        assert!(matches("*", "rds.instance/main"));
        assert!(matches("*group*b", "logs.log_group/web"));
        assert!(!matches("rds.*", "logs.log_group/web"));
    }
}
