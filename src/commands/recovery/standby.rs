//! `stack recovery apply`: the standby in the second region, as the file says.

use std::collections::BTreeMap;

use clap::Args;

use crate::aws::rds::Instance;
use crate::aws::secretsmanager::Secret;
use crate::commands::arguments::StackFile;
use crate::commands::consent::Applying;
use crate::commands::failover::images;
use crate::commands::failover::moved::{self, Moved};
use crate::commands::price::Pricing;
use crate::commands::run::Run;
use crate::commands::session::Session;
use crate::commands::stack_file;
use crate::commands::stop::{Exit, Result, Stop};
use crate::config::Loaded;
use crate::config::recovery::{Mode, Recovery};
use crate::engine::{Action, Key, Plan, Resource, Seen};
use crate::ui::Color;

/// The command, as the history has it.
const COMMAND: &str = "recovery apply";

/// Plans it, and applies the plan.
#[derive(Args, Debug)]
#[command(override_usage = "stack recovery apply [OPTIONS] [FILE]")]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    /// Only show the plan
    #[arg(long)]
    plan: bool,
    /// Copy images that are in Amazon ECR of the first region, and not in the second one, into repositories of the same names there
    #[arg(long, conflicts_with = "plan")]
    copy_images: bool,
    #[command(flatten)]
    applying: Applying,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, plan, copy_images, applying } = arguments;
    let text = stack_file::read_stack(&file)?;
    let loaded = stack_file::load_text(&file, &text, color)?;
    let recovery = moved::section(&loaded)?.clone();
    kept(&recovery)?;
    let home = Session::of(&loaded, &applying.aws, color).await?;
    let sources = sources(&loaded, &home.read(Instance::KIND).await?)?;
    let mut moved = moved::standby(&loaded, &recovery, sources);
    let session = Session::of(&moved.loaded, &applying.aws.in_its_region(), color).await?;
    let session = session.priced(Pricing::of(&moved.loaded.stack).idle());
    follows(&moved, &session.read(Instance::KIND).await?, &session)?;
    images::find_in(&session, &mut moved).await?;
    let behind = images::behind(&session, &loaded.stack, &moved).await?;
    if copy_images {
        images::copy(&session, &loaded.stack, &mut moved, &behind).await?;
    } else {
        for name in &behind {
            session.say(&format!(
                "`services.{name}.image` is another image in {} than in {} under the same tag: `--copy-images` copies it again",
                session.cx.scope.region, moved.home
            ))?;
        }
    }
    for (path, text) in &moved.elsewhere {
        let help = if images::is_one(path, text) { format!("; {}", images::HELP) } else { String::new() };
        session.say(&format!("`{path}` names {}, which may not answer when the standby takes over: {text}{help}", moved.home))?;
    }
    let consent = &applying.consent;
    let agreed = consent.allow.consent();
    let make = async || {
        let made = session.plan(&moved.loaded).await?;
        copied(&made, &moved)?;
        Result::<Plan>::Ok(made)
    };
    let run = Run {
        command: COMMAND,
        file: &file,
        text: Some(&text),
        commit: None,
        consent,
        agreed: &agreed,
        verbose: applying.verbose,
        color,
    };
    if plan { run.show(&session, make).await } else { run.execute(&session, make).await }
}

/// Refuses a mode without a standby.
fn kept(recovery: &Recovery) -> Result<()> {
    if recovery.mode.has_standby() {
        return Ok(());
    }
    let modes = [Mode::PilotLight, Mode::WarmStandby, Mode::ActiveActive].map(|mode| format!("`{}`", mode.as_str()));
    Err(Stop::Message(
        Exit::Usage,
        format!("`mode: {}` keeps backups in {}, and no standby", recovery.mode.as_str(), recovery.region),
        Some(format!("`recovery.mode` may be {}", modes.join(", "))),
    ))
}

/// Returns the ARNs of the databases that those of the standby are to follow.
fn sources(loaded: &Loaded, home: &[Seen]) -> Result<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    for name in loaded.stack.databases.keys() {
        let key = Key::new(Instance::KIND, name.as_str());
        let own = home.iter().find(|seen| seen.key().as_ref() == Some(&key));
        let arn = own.and_then(|seen| seen.live.get("arn")?.as_str());
        let Some(arn) = arn else {
            return Err(Stop::refused(
                format!("nothing was changed: `databases.{name}` does not exist in {}", loaded.stack.region),
                "`stack apply` creates it; then this has something to follow",
            ));
        };
        out.insert(name.as_str().to_owned(), arn.to_owned());
    }
    Ok(out)
}

/// Refuses a region whose databases do not follow: one that took over.
fn follows(moved: &Moved, there: &[Seen], session: &Session) -> Result<()> {
    let following = moved::following(&moved.loaded, there);
    let scope = &session.cx.scope;
    for name in moved.loaded.stack.databases.keys() {
        let key = Key::new(Instance::KIND, name.as_str());
        let exists = there.iter().any(|seen| seen.key().as_ref() == Some(&key));
        if exists && !following.contains_key(name.as_str()) {
            return Err(Stop::refused(
                format!("nothing was changed: `databases.{name}` in {} has data of its own, and follows none", scope.region),
                format!(
                    "if the stack is in {0} since a failover, the file must say so: `region: {0}`; if it is not needed, `stack destroy --stack {1} --env {2} --region {0}` deletes it",
                    scope.region, scope.stack, scope.env
                ),
            ));
        }
    }
    Ok(())
}

/// Refuses to begin before the secrets are there.
fn copied(plan: &Plan, moved: &Moved) -> Result<()> {
    let missing = plan.items.iter().find(|item| item.key.kind == Secret::KIND && item.action == Action::Create);
    let Some(missing) = missing else { return Ok(()) };
    Err(Stop::refused(
        format!("nothing was changed: `{}` was not copied here yet", missing.key),
        format!("`stack apply` in {} copies it; that takes a minute", moved.home),
    ))
}
