//! The wait for something that AWS makes of a database.

use std::time::{Duration, Instant};

use super::session::Session;
use super::stop::{Result, Stop};
use crate::engine::{self, Class, Readiness};
use crate::ui::{self, Terminal};

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// In how many looks the wait speaks once.
const SPEAK: u32 = 6;
/// How long a database may be busy before a snapshot of it can be taken.
const BUSY: Duration = Duration::from_secs(15 * 60);

/// Polls something that is made of a database until it is complete, and returns what the last step does.
pub(super) async fn complete<T>(
    session: &Session,
    terminal: &Terminal,
    id: &str,
    step: impl AsyncFn() -> engine::Result<(Readiness, Option<T>)>,
) -> Result<Option<T>> {
    let begun = Instant::now();
    for turn in 0.. {
        let polled = async {
            match step().await {
                // AWS is working on the database: a backup, a change.
                Err(error) if error.class == Class::InUse && begun.elapsed() < BUSY => {
                    Ok((Readiness::waiting(format!("{id} is busy")), None))
                }
                answer => answer,
            }
        };
        match session.hear(polled).await? {
            (Readiness::Ready, made) => return Ok(made),
            (Readiness::Failed(why), _) => {
                return Err(Stop::message(why, "`stack frozen prune` deletes what was taken; run this again"));
            }
            (Readiness::Waiting { status, .. }, _) if turn % SPEAK == 1 => {
                ui::err(&ui::note(&format!("Waiting: {status}."), terminal))?;
            }
            _ => {}
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(None)
}
