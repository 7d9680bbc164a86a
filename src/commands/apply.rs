use clap::Args;

use super::arguments::{Aws, StackFile, time};
use super::consent::Consent;
use super::run::Run;
use super::saved;
use super::session::{Session, Target};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::config;
use crate::engine::action::Action;
use crate::engine::{self, Key, Plan};
use crate::ui::Color;

/// Create, update and delete AWS objects to match the file
///
/// Shows the plan and asks for confirmation first. What loses data, is protected or cannot be undone needs consent, such as
/// `--allow-delete services.worker` or `--allow-upgrade databases.main`.
///
/// FILE may be a plan that was saved with `stack plan --out`. Then exactly that plan is applied, with the consent that was given
/// to it; it is refused if anything that it touches has changed in AWS.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    #[command(flatten)]
    consent: Consent,
    /// How long a new environment is wanted: `stack reap` destroys it afterwards, with its data [default: `ttl` of the file]
    #[arg(long, value_name = "TIME", value_parser = time)]
    ttl: Option<config::Duration>,
    /// Refuse a plan that raises the monthly price above this many US dollars [default: `cost.max_monthly` of the file]
    #[arg(long, value_name = "DOLLARS")]
    max_monthly: Option<u32>,
    /// Show the fields of what is created, and long values in full
    #[arg(long, short)]
    verbose: bool,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let text = stack_file::read(&arguments.file.file)?;
    let Arguments { file, aws, consent, ttl, max_monthly, verbose } = arguments;
    let agreed = consent.allow.consent();
    let mut run =
        Run { command: "apply", file: &file, text: None, commit: None, consent: &consent, agreed: &agreed, verbose, color };
    if engine::saved::is_one(&text) {
        let saved = saved::read(&file.file, &text)?;
        saved::fits(&saved.plan, file.env(), aws.region.as_deref())?;
        if ttl.is_some() {
            let help = "leave out `--ttl`, or make the plan again with it";
            return Err(Stop::Message(Exit::Usage, "nothing was changed: a saved plan has its expiry".into(), Some(help.into())));
        }
        let scope = &saved.plan.scope;
        let target = Target {
            stack: &scope.stack,
            env: &scope.env,
            region: &scope.region,
            account: Some(&scope.account),
            said_by: "the saved plan",
            history_bucket: saved.plan.kept_in.as_deref(),
            wants: saved::wants(&saved.plan),
        };
        let session = Session::open(&target, &aws, color).await?;
        let pricing = saved::of_source(saved.source.as_ref(), &scope.env).limited(max_monthly);
        let session = session.priced(pricing);
        let agreed = saved.consent.and(agreed.clone());
        let source = saved.source.unwrap_or_default();
        let run = Run { text: source.text.as_deref(), commit: source.commit, agreed: &agreed, ..run };
        run.execute(&session, async || unchanged(&session, &saved.plan).await).await
    } else {
        let text = stack_file::with_overlay(&file.file, file.env(), text)?;
        let loaded = stack_file::load_text(&file, &text, color)?;
        let session = Session::of(&loaded, &aws, color).await?.wanted_for(ttl).limited(max_monthly);
        run.text = Some(&text);
        run.execute(&session, async || {
            let plan = session.plan(&loaded).await?;
            stack_file::notes(&loaded, Some(&plan), color)?;
            Ok(plan)
        })
        .await
    }
}

/// Makes a saved plan again from what AWS says now. The new plan is applied, so that no file decides what needs consent, the
/// order or the ids. Refuses when anything that the plan touches has changed in AWS.
async fn unchanged(session: &Session, plan: &Plan) -> Result<Plan> {
    let scope = &session.cx.scope;
    if **scope != plan.scope {
        return Err(Stop::refused(
            format!(
                "nothing was changed: the saved plan is for the partition `{}`, but these credentials are for `{}`",
                plan.scope.partition, scope.partition
            ),
            "use the credentials that the plan was made with",
        ));
    }
    let fresh = Plan::make(&session.registry, scope, plan.graph()?.as_ref(), &session.snapshot().await?)?;
    // As for the saved one: only the history says that the old half of what was moved is deleted.
    let fresh = session.hear(session.completed(fresh)).await?;
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
        format!("nothing was changed: AWS has changed since the plan was saved, in {}", names.join(", ")),
        "make a new plan with `stack plan --out` and review it",
    ))
}
