use clap::Args;

use super::arguments::{Aws, StackFile};
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::runs::history;
use crate::aws::runs::history::{Ending, Record};
use crate::aws::runs::store::Store;
use crate::aws::trail;
use crate::engine::{Consent, Plan, Snapshot};
use crate::ui::{self, Color, Deed, Since, Terminal};

/// Show how AWS differs from what was applied last
///
/// Compares AWS with the last run in the history, whatever the file says by now. Nothing is changed. Exits with 2 when there is
/// drift, even if no apply fixes it: a user's access key, a grant of a key.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// Print the drift as JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the drift as Markdown
    #[arg(long)]
    markdown: bool,
    /// Ask CloudTrail who changed what differs, and when
    #[arg(long)]
    who: bool,
    /// Show long values in full
    #[arg(long, short)]
    verbose: bool,
}

/// What a recorded run means for drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    /// AWS is compared with it.
    Applied,
    /// AWS is compared with it, although it did not finish.
    Begun,
    /// Nothing of the stack was left.
    Destroyed,
    /// It deleted a part of what an earlier run had applied.
    Dismantled,
    /// It changed nothing.
    Nothing,
}

/// Returns what a run means for drift.
fn past(ending: Ending, destroys: bool) -> Past {
    match (ending, destroys) {
        (Ending::Failed, _) => Past::Nothing,
        (Ending::Complete, true) => Past::Destroyed,
        (_, true) => Past::Dismantled,
        (Ending::Complete, false) => Past::Applied,
        (_, false) => Past::Begun,
    }
}

/// Returns the last run that applied a file or a saved plan.
async fn applied(session: &Session, color: Color) -> Result<Record> {
    let store = Store::of(&session.cx);
    let say = |text: &str| ui::err(&ui::note(text, &Terminal::stderr(color)));
    for number in session.kept(history::numbers(&store)).await?.into_iter().rev() {
        let Some(record) = session.kept(history::read(&store, number)).await? else { continue };
        let (ending, destroys) = (record.ending, record.plan.get("destroy").and_then(serde_json::Value::as_bool) == Some(true));
        match past(ending, destroys) {
            Past::Nothing => continue,
            Past::Destroyed => {
                return Err(Stop::message(
                    format!("there is nothing to compare with: run {number} destroyed the stack"),
                    "`stack plan` compares with the file",
                ));
            }
            Past::Dismantled => {
                say(&format!("Run {number} destroyed a part of the stack ({ending}); what it deleted is shown as gone."))?;
                continue;
            }
            Past::Begun => {
                say(&format!("Run {number} did not finish ({ending}); what it left undone is shown as drift."))?;
            }
            Past::Applied => {}
        }
        return Ok(record);
    }
    Err(Stop::message(
        format!("there is nothing to compare with: the history in `{}` is empty", store.place()),
        "`stack plan` compares with the file",
    ))
}

/// Makes the plan that would restore what was applied.
async fn restoring(session: &Session, arguments: &Arguments, record: &Record, color: Color) -> Result<Plan> {
    let (mut graph, snapshot) = match &record.text {
        Some(text) => {
            let then = StackFile { file: format!("{} of run {}", record.file, record.number), ..arguments.file.clone() };
            let loaded = stack_file::load_text(&then, text, color)?;
            let read = Snapshot::read(&session.registry, &session.cx);
            session.hear(session.graph_beside(&loaded, read)).await?
        }
        None => {
            let graph = record.graph()?.ok_or_else(|| {
                Stop::message(
                    format!("run {} applied a saved plan, and was recorded by a version that did not keep it", record.number),
                    "apply once more, or compare with the file: `stack plan`",
                )
            })?;
            (graph, session.snapshot().await?)
        }
    };
    // What is paused is so until someone resumes it, whatever the last run was.
    graph.rest(&session.registry, &snapshot)?;
    Ok(Plan::make(&session.registry, &session.cx.scope, Some(&graph), &snapshot)?)
}

/// Asks who changed the objects of the plan, and says why not more is known.
pub async fn who(session: &Session, plan: &Plan, color: Color) -> Result<Vec<Deed>> {
    let known = session.hear(async { Result::<_>::Ok(trail::who(&session.cx, plan).await) }).await?;
    if let Some(note) = &known.note {
        ui::err(&ui::note(note, &Terminal::stderr(color)))?;
    }
    let deeds = known.by_key.into_iter().flat_map(|(key, deeds)| {
        deeds.into_iter().map(move |deed| Deed { key: key.to_string(), event: deed.event, by: deed.by, at: deed.at })
    });
    Ok(deeds.collect())
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let loaded = stack_file::load(&arguments.file, color)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?;
    let record = applied(&session, color).await?;
    let plan = restoring(&session, &arguments, &record, color).await?;
    let deeds = if arguments.who { who(&session, &plan, color).await? } else { Vec::new() };
    let since = Since { run: record.number, began: record.began, who: record.who, command: record.command };
    let rules = |kind: &str| session.registry.rules(kind);
    let (terminal, consent) = (Terminal::stdout(color), Consent::default());
    let via = session.via.as_deref();
    let view = ui::View {
        terminal,
        file: &arguments.file.file,
        verbose: arguments.verbose,
        consent: &consent,
        via,
        price: None,
        rules: &rules,
    };
    let text = match (arguments.json, arguments.markdown) {
        (true, _) => session::json(&ui::drift_json(&plan, &since, deeds))?,
        (_, true) => ui::drift_markdown(&plan, &since, &view) + &ui::who_markdown(&deeds),
        _ => ui::drift_text(&plan, &since, &view) + &ui::who_text(&deeds, &terminal),
    };
    ui::out(&text)?;
    Ok(if ui::has_drifted(&plan) { Exit::Changes } else { Exit::Ok })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_destroy_leaves_nothing_to_compare() {
        assert_eq!(past(Ending::Complete, true), Past::Destroyed);
        for ending in [Ending::Open, Ending::Partly, Ending::Interrupted, Ending::Late] {
            assert_eq!((past(ending, true), past(ending, false)), (Past::Dismantled, Past::Begun), "{ending}");
        }
        assert_eq!(past(Ending::Failed, true), Past::Nothing);
        assert_eq!(past(Ending::Failed, false), Past::Nothing);
        assert_eq!(past(Ending::Complete, false), Past::Applied);
    }
}
