use clap::{Args, Subcommand};
use serde_json::Value;

use super::arguments::{Aws, FileOrStack};
use super::session::{self, Session};
use super::stop::{Exit, Result, Stop};
use crate::aws::runs::history;
use crate::aws::runs::history::Record;
use crate::aws::runs::store::Store;
use crate::ui::{self, Color, Terminal};

/// Show who applied what, when, and how it ended
///
/// Lists the last runs, newest first.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(flatten)]
    list: List,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    file: FileOrStack,
    #[command(flatten)]
    aws: Aws,
    /// Number of runs to list
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20)]
    count: usize,
    /// Print the runs as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show one run: what changed, field by field, and how it ended
    Show(Show),
}

#[derive(Args, Debug)]
#[command(override_usage = "stack history show [OPTIONS] [FILE] <N>")]
struct Show {
    #[command(flatten)]
    file: FileOrStack,
    /// The number of the run
    #[arg(value_name = "N")]
    number: Option<String>,
    #[command(flatten)]
    aws: Aws,
    /// Print only the file that was applied
    #[arg(long = "file", conflicts_with = "json")]
    text: bool,
    /// Print the whole record as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    match arguments.command {
        Some(Command::Show(show)) => self::show(show, color).await,
        None => list(arguments.list, color).await,
    }
}

async fn list(arguments: List, color: Color) -> Result {
    let session = Session::given(&arguments.file.given()?, &arguments.aws, color).await?;
    let (records, broken) = session.kept(history::last(&Store::of(&session.cx), arguments.count)).await?;
    for error in broken {
        ui::err(&ui::note(&error.to_string(), &Terminal::stderr(color)))?;
    }
    if arguments.json {
        ui::out(&session::json(&records)?)?;
    } else if records.is_empty() {
        ui::err(&ui::note("No history: nothing has been applied yet, or its bucket was deleted.", &Terminal::stderr(color)))?;
    } else {
        let rows: Vec<Vec<String>> = records
            .iter()
            .map(|r| {
                let who = r.who.rsplit([':', '/']).next().unwrap_or_default();
                vec![
                    r.number.to_string(),
                    r.began.clone(),
                    who.to_owned(),
                    r.command.clone(),
                    counts(&r.plan),
                    r.ending.to_string(),
                ]
            })
            .collect();
        ui::out(&ui::table(&Terminal::stdout(color), &["RUN", "BEGAN", "BY", "COMMAND", "PLAN", "ENDED"], &rows))?;
    }
    Ok(Exit::Ok)
}

/// Reads the number of a run.
pub fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| {
        let what = format!("`{text}` is not the number of a run");
        Stop::Message(Exit::Usage, what, Some("`stack history` lists the runs with their numbers".to_owned()))
    })
}

/// Reads the record of a run.
pub async fn one(session: &Session, number: u64) -> Result<Record> {
    let store = Store::of(&session.cx);
    session.kept(history::read(&store, number)).await?.ok_or_else(|| {
        Stop::message(format!("run {number} does not exist in `{}`", store.place()), "`stack history` lists the runs")
    })
}

async fn show(arguments: Show, color: Color) -> Result {
    let (file, number) = arguments.file.and(arguments.number, "N")?;
    let number = self::number(&number)?;
    let session = Session::given(&file, &arguments.aws, color).await?;
    let record = one(&session, number).await?;
    if arguments.json {
        ui::out(&session::json(&record)?)?;
        return Ok(Exit::Ok);
    }
    if arguments.text {
        let text = record.text.ok_or_else(|| {
            Stop::message(
                format!("run {number} applied a saved plan, and its stack file was not recorded"),
                "`--json` prints the plan",
            )
        })?;
        // A program gets what was applied, to the byte; a terminal would obey escape sequences in it.
        let shown = if Terminal::stdout(color).interactive { ui::lines_of(&text) } else { text };
        ui::out(&shown)?;
        return Ok(Exit::Ok);
    }
    let terminal = Terminal::stdout(color);
    let mut rows = vec![
        ["run".to_owned(), record.number.to_string()],
        ["command".into(), record.command],
        ["by".into(), format!("{} on {}", record.who, record.host)],
        ["began".into(), record.began],
        ["ended".into(), format!("{} ({})", record.ended.as_deref().unwrap_or("-"), record.ending)],
        ["plan".into(), counts(&record.plan)],
        ["stack".into(), record.version],
    ];
    rows.extend(record.commit.map(|commit| ["commit".to_owned(), commit]));
    rows.extend(record.expires.map(|at| ["expires".to_owned(), at]));
    ui::out(&ui::table(&terminal, &["", ""], &rows.into_iter().map(Vec::from).collect::<Vec<_>>()))?;
    for text in [
        ui::past_changes(&record.plan, &|kind| session.registry.rules(kind), &terminal),
        ui::past_failures(&record.outcome, &terminal),
    ] {
        if !text.is_empty() {
            ui::out(&format!("\n{text}"))?;
        }
    }
    Ok(Exit::Ok)
}

/// Returns the counts of a plan: `3 create, 1 delete`.
fn counts(plan: &Value) -> String {
    let counts = plan.get("counts").and_then(Value::as_object).into_iter().flatten();
    let some = counts.filter(|(action, n)| *action != "keep" && n.as_u64() != Some(0));
    some.map(|(action, n)| format!("{n} {action}")).collect::<Vec<_>>().join(", ")
}
