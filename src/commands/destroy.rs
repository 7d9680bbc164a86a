use clap::Args;

use super::apply::{Consent, carry_out};
use super::session::{self, Session};
use super::{Aws, Result, StackFile};
use crate::ui::Color;

/// Remove everything that belongs to the stack, in reverse order. Asks before it does anything.
///
/// Objects that hold data go only when they are named with `--allow-delete`.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    #[command(flatten)]
    consent: Consent,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let loaded = session::load(&arguments.file, color)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?;
    let plan = session.plan_destroy().await?;
    carry_out(&session, &plan, &arguments.file.file, &arguments.consent, false, color).await
}
