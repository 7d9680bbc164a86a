use clap::Args;

use super::arguments::{Aws, FileOrStack};
use super::consent::Consent;
use super::run::Run;
use super::session::{self, Session};
use super::stop::Result;
use crate::ui::Color;

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
    let (text, session) = match &file.stack {
        Some(_) => {
            let session = Session::given(&file, &aws, color).await?;
            session.has_history().await?;
            (None, session)
        }
        None => {
            let text = session::read_stack(&file)?;
            let loaded = session::load_text(&file, &text, color)?;
            (Some(text), Session::of(&loaded, &aws, color).await?)
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
    run.execute(&session, async || session.plan_destroy().await).await
}
