use clap::Args;

use super::arguments::StackFile;
use super::consent::Applying;
use super::history;
use super::run::Run;
use super::session::Session;
use super::stack_file;
use super::stop::{Result, Stop};
use crate::ui::{Color, Terminal};

/// Apply the file of an earlier run
///
/// Shows the plan and asks for confirmation first, as `apply` does. The file on disk is not changed; to keep the result, restore
/// the file as well (`stack history show FILE N --file` prints it).
#[derive(Args, Debug)]
#[command(override_usage = "stack rollback [OPTIONS] [FILE] <N>")]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    /// The number of the run, as listed by `stack history`
    #[arg(value_name = "N")]
    number: Option<String>,
    #[command(flatten)]
    applying: Applying,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, number, applying: Applying { aws, consent, verbose } } = arguments;
    let (file, number) = file.and(number, "N")?;
    let number = history::number(&number)?;
    let now = stack_file::load(&file, Color::Never)?;
    let session = Session::of(&now, &aws, color).await?;
    let record = history::one(&session, number).await?;
    let Some(text) = record.text else {
        return Err(Stop::message(
            format!("run {number} applied a saved plan, and its stack file was not recorded"),
            "choose another run; `stack history` lists them",
        ));
    };
    crate::ui::err(&crate::ui::note(
        &format!("Planning with the file of run {number} ({}, by {}).", record.began, record.who),
        &Terminal::stderr(color),
    ))?;
    let then = StackFile { file: format!("{} of run {number}", record.file), ..file };
    let loaded = stack_file::load_text(&then, &text, color)?;
    if (loaded.stack.stack.as_str(), &loaded.stack.region) != (now.stack.stack.as_str(), &now.stack.region) {
        return Err(Stop::refused(
            format!("nothing was changed: the file of run {number} is for another stack or region"),
            "`stack history show` prints it with `--file`",
        ));
    }
    let command = format!("rollback {number} to");
    let agreed = consent.allow.consent();
    let run = Run {
        command: &command,
        file: &then,
        text: Some(&text),
        commit: record.commit,
        consent: &consent,
        agreed: &agreed,
        verbose,
        color,
    };
    run.execute(&session, async || {
        let plan = session.plan(&loaded).await?;
        stack_file::notes(&loaded, Some(&plan), color)?;
        Ok(plan)
    })
    .await
}
