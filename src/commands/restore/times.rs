//! To what a database can be restored, and what stands beside it.

use serde::Serialize;

use super::database::One;
use crate::aws::rds::switch::{self, Beside};
use crate::aws::rds::window::{self, Taken, Window};
use crate::commands::session;
use crate::commands::stop::{Exit, Result, Stop};
use crate::ui::{self, Terminal};

/// The same as JSON.
#[derive(Serialize)]
struct Listed<'a> {
    window: &'a Window,
    snapshots: &'a [Taken],
    beside: Vec<Standing<'a>>,
}

#[derive(Serialize)]
struct Standing<'a> {
    key: String,
    id: &'a str,
    begins: Option<&'a str>,
    status: &'a str,
    complete: bool,
}

fn standing(of: &Beside) -> Standing<'_> {
    let (begins, status) = (of.begins.as_deref(), of.status.as_str());
    Standing { key: of.key(), id: &of.id, begins, status, complete: of.is_complete }
}

pub async fn list(one: &One<'_>) -> Result {
    let (session, id) = (&one.session, one.id().await?);
    let Some(window) = session.hear(window::of(&session.cx, &id)).await? else {
        return Err(Stop::message(format!("`databases.{}` does not run", one.name), "`stack show` lists what runs"));
    };
    let snapshots = session.hear(window::snapshots(&session.cx, &id)).await?;
    let beside = session.hear(switch::beside(&session.cx, one.name)).await?;
    if one.json() {
        let listed = Listed { window: &window, snapshots: &snapshots, beside: beside.iter().map(standing).collect() };
        ui::out(&session::json(&listed)?)?;
        return Ok(Exit::Ok);
    }
    let terminal = Terminal::stdout(one.color);
    ui::out(&format!("{}\n", words(&window)))?;
    if !snapshots.is_empty() {
        let row = |of: &Taken| {
            let name = if of.of_another { format!("{} (of another database)", of.name) } else { of.name.clone() };
            let taken = of.taken.clone().unwrap_or_default();
            vec![taken, of.kind.clone(), format!("{} GiB", of.gib), of.version.clone(), of.status.clone(), name]
        };
        let rows: Vec<Vec<String>> = snapshots.iter().map(row).collect();
        let table = ui::table(&terminal, &["TAKEN", "BY", "SIZE", "VERSION", "STATE", "SNAPSHOT"], &rows);
        ui::out(&format!("\n{table}"))?;
    }
    if !beside.is_empty() {
        let row = |of: &Beside| {
            let state = if of.is_complete { of.status.clone() } else { format!("{}, not complete", of.status) };
            vec![of.key(), state, of.begins.clone().unwrap_or_default(), of.id.clone()]
        };
        let rows: Vec<Vec<String>> = beside.iter().map(row).collect();
        ui::out(&format!("\n{}", ui::table(&terminal, &["BESIDE IT", "STATE", "FROM", "DATABASE"], &rows)))?;
    }
    Ok(Exit::Ok)
}

fn words(window: &Window) -> String {
    match (&window.earliest, &window.latest, window.days) {
        (Some(earliest), Some(latest), _) => {
            format!("{} can be restored to any time from {earliest} to {latest}.", window.database)
        }
        (_, _, 0) => format!("{} has no automated backups: it cannot be restored to a time.", window.database),
        _ => format!("{} has no automated backup yet: it cannot be restored to a time.", window.database),
    }
}
