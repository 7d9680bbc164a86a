use std::collections::BTreeSet;

use clap::Args;

use super::arguments::{Aws, FileOrStack};
use super::consent::Consent;
use super::run::Run;
use super::session::Session;
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::rds::passing;
use crate::config::Loaded;
use crate::ui::{self, Color, Terminal};

/// Delete everything that belongs to the stack, in reverse order
///
/// Shows the plan and asks for confirmation first: type the name of the environment, such as `webapp/staging`, or give it with
/// `--confirm`. Databases and caches leave a final snapshot, unless `--no-final-snapshot` says otherwise.
// Nothing is replaced or upgraded here: consent to that is accepted, for scripts that do both, but not offered.
#[derive(Args, Debug)]
#[command(
    mut_arg("allow_replace", |arg| arg.hide(true)),
    mut_arg("allow_upgrade", |arg| arg.hide(true)),
    mut_arg("without_data", |arg| arg.hide(true))
)]
pub struct Arguments {
    #[command(flatten)]
    file: FileOrStack,
    #[command(flatten)]
    aws: Aws,
    #[command(flatten)]
    consent: Consent,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, aws, consent } = arguments;
    let file = file.given()?;
    let (text, session, loaded) = match &file.stack {
        Some(_) => {
            let session = Session::given(&file, &aws, color).await?;
            session.has_history().await?;
            (None, session, None)
        }
        None => {
            let text = stack_file::read_stack(&file)?;
            let loaded = stack_file::load_text(&file, &text, color)?;
            (Some(text), Session::of(&loaded, &aws, color).await?, Some(loaded))
        }
    };
    let agreed = consent.allow.consent();
    let run = Run {
        command: "destroy",
        file: &file,
        text: text.as_deref(),
        commit: None,
        consent: &consent,
        agreed: &agreed,
        verbose: false,
        color,
    };
    let exit = run.execute(&session, async || session.plan_destroy().await).await?;
    if let (Exit::Ok, Some(loaded)) = (exit, &loaded) {
        originals(loaded, &session, &aws, color).await?;
    }
    Ok(exit)
}

/// Deletes the snapshots that were taken in other regions for databases that began there, where that was given up.
async fn originals(loaded: &Loaded, session: &Session, aws: &Aws, color: Color) -> Result<()> {
    let named = loaded.stack.databases.values().filter_map(|database| database.begin.as_ref()?.region());
    let others: BTreeSet<&str> = named.filter(|region| *region != session.cx.scope.region).collect();
    for region in others {
        let there = Session::of(loaded, &Aws { region: Some(region.to_owned()), ..aws.clone() }, color).await?;
        let found = there.hear(passing::delete_for(&there.cx, &session.cx.scope)).await.map_err(Stop::midway)?;
        for name in found.deleted {
            let words = format!("The snapshot `{name}` in {region}, which was taken for it, is deleted.");
            ui::err(&ui::note(&words, &Terminal::stderr(color)))?;
        }
        if let Some(name) = found.busy.first() {
            let text = format!(
                "AWS is still taking the snapshot `{name}` in {region}, which was for this environment and stays until it is deleted"
            );
            return Err(Stop::message(text, "run the same command again when the snapshot is available").midway());
        }
    }
    Ok(())
}
