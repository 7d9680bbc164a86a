//! The file of a run: the one that is given or, for a stack that is only named, the one that was applied last.

use clap::Args;

use super::arguments::{Aws, FileOrStack, StackFile};
use super::consent::{Applying, Consent};
use super::run::Run;
use super::session::Session;
use super::stack_file;
use super::stop::{Result, Stop};
use crate::aws::runs::history::{self, Ending, Record};
use crate::aws::runs::store::Store;
use crate::config::Loaded;
use crate::engine::{Graph, Plan, Snapshot};
use crate::ui::Color;

/// The arguments of a run that applies what the command makes of the file.
#[derive(Args, Debug)]
pub struct Changing {
    #[command(flatten)]
    file: FileOrStack,
    #[command(flatten)]
    applying: Applying,
}

impl Changing {
    /// Runs `command`: applies what `with` makes of the file.
    pub async fn run(
        self,
        command: &str,
        color: Color,
        with: impl Fn(&Session, &Loaded, &mut Graph, &Snapshot) -> Result<()>,
    ) -> Result {
        let Changing { file, applying: Applying { aws, consent, verbose } } = self;
        Applied::of(file.given()?, &aws, color).await?.run(command, &consent, (false, verbose, color), with, Ok).await
    }
}

/// Runs `command` for a stack that is only named: applies what `with` makes of the file that was applied last, as far as `part` leaves
/// it in the plan. `records` says whether the history has it even if there is nothing to change.
pub async fn run(
    command: &str,
    file: StackFile,
    aws: &Aws,
    consent: &Consent,
    (records, color): (bool, Color),
    with: impl Fn(&Session, &Loaded, &mut Graph, &Snapshot) -> Result<()>,
    part: impl Fn(Plan) -> Result<Plan>,
) -> Result {
    Applied::of(file, aws, color).await?.run(command, consent, (records, false, color), with, part).await
}

/// A file with the connection to where it is applied.
struct Applied {
    file: StackFile,
    text: String,
    commit: Option<String>,
    loaded: Loaded,
    session: Session,
}

impl Applied {
    /// Connects for a file, or for the stack of that name and the file that was applied to it last.
    async fn of(file: StackFile, aws: &Aws, color: Color) -> Result<Applied> {
        if file.stack.is_none() {
            let text = stack_file::read_stack(&file)?;
            let loaded = stack_file::load_text(&file, &text, color)?;
            let session = Session::of(&loaded, aws, color).await?;
            return Ok(Applied { file, text, commit: None, loaded, session });
        }
        let session = Session::given(&file, aws, color).await?;
        session.has_history().await?;
        let Record { number, file: name, like, text, commit, .. } = last(&session).await?;
        let Some(text) = text else {
            return Err(Stop::message(
                format!("run {number}, the last one, applied a saved plan, and its stack file was not recorded"),
                "use the file",
            ));
        };
        let scope = session.cx.scope.clone();
        let file = StackFile { env: Some(scope.env.clone()), like, ..file };
        let then = StackFile { file: format!("{name} of run {number}"), ..file.clone() };
        let loaded = stack_file::load_text(&then, &text, color)?;
        if (loaded.stack.stack.as_str(), &loaded.stack.region, &loaded.env) != (&scope.stack, &scope.region, &scope.env) {
            return Err(Stop::refused(
                format!("nothing was changed: the file of run {number} is for another stack, environment or region"),
                "`stack history show` prints it with `--file`",
            ));
        }
        Ok(Applied { file, text, commit, loaded, session })
    }

    /// See [`Changing::run`].
    async fn run(
        &self,
        command: &str,
        consent: &Consent,
        (records, verbose, color): (bool, bool, Color),
        with: impl Fn(&Session, &Loaded, &mut Graph, &Snapshot) -> Result<()>,
        part: impl Fn(Plan) -> Result<Plan>,
    ) -> Result {
        let Applied { file, text, commit, loaded, session } = self;
        let agreed = consent.allow.consent();
        let run = Run { command, file, text: Some(text), commit: commit.clone(), consent, agreed: &agreed, verbose, color };
        run.execute_and(records, session, async || {
            let plan = session.plan_with(loaded, |graph, snapshot| with(session, loaded, graph, snapshot)).await?;
            stack_file::notes(loaded, Some(&plan), color)?;
            part(plan)
        })
        .await
    }
}

/// Returns the last run that made AWS match its file, and says whether another one came after it.
async fn last(session: &Session) -> Result<Record> {
    let store = Store::of(&session.cx);
    let mut newer = None;
    for number in session.kept(history::numbers(&store)).await?.into_iter().rev() {
        let Some(record) = session.kept(history::read(&store, number)).await? else { continue };
        // It is about one database, and the rest of its file was not applied.
        if record.command.starts_with("stack restore ") {
            continue;
        }
        if record.ending == Ending::Complete {
            return match record.plan["destroy"].as_bool() {
                Some(true) => Err(Stop::message(format!("run {number} destroyed the stack"), "`stack list` shows what runs")),
                _ => {
                    let number = record.number;
                    if let Some((newer, ending)) = newer {
                        session.say(&format!(
                            "Run {newer} ended {ending}: this uses the file of run {number}, and undoes what run {newer} made."
                        ))?;
                    }
                    Ok(record)
                }
            };
        }
        if newer.is_none() && record.ending != Ending::Failed {
            newer = Some((number, record.ending));
        }
    }
    Err(Stop::message(format!("no run of the history in `{}` is complete", store.place()), "use the file"))
}
