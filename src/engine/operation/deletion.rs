//! Deletions: what blocks them is named, and whether an object is gone is checked.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Halt, Job, Progress, Run};
use crate::context::Cx;
use crate::error::{Class, Error};
use crate::kind::Kind;
use crate::poll_interval::{STALE, retry_interval};
use crate::readiness::Readiness;
use crate::resource::{Blocker, Cloud};
use crate::snapshot::observed;

/// How long the list of what blocks a deletion counts as known.
const BLOCKERS: Duration = Duration::from_secs(4);

impl<C: Cloud> Run<'_, C> {
    pub(super) async fn delete(&self, kind: &dyn Kind<C>, job: &Job<'_, C>, live: &Value) -> Result<(), Halt> {
        // Asked again now and then: what blocks it changes during the wait.
        let blockers: Mutex<Option<(Instant, Vec<Blocker>)>> = Mutex::default();
        let delete = || async {
            match kind.delete(job.cx, live).await {
                Err(e) if e.class == Class::InUse => Err(named(kind, job.cx, live, &blockers, e).await),
                other => other,
            }
        };
        // What AWS is deleting already is only waited for.
        let since = Instant::now();
        while !self.plan.items[job.id.0].is_leaving() {
            match self.retry_ambiguous(job, &delete).await {
                // Something that it refers to can be missing as well.
                Err(Halt::Failed(e)) if e.class == Class::NotFound => {
                    if !self.is_there(kind, job, live).await? {
                        return Ok(());
                    }
                    if since.elapsed() > STALE {
                        let said = Error { class: Class::Failed, ..e };
                        return Err(said.hint("it still exists; what was not found is something else that it refers to").into());
                    }
                    self.retrying(job, &e);
                    self.sleep(retry_interval(since.elapsed())).await?;
                }
                Ok(()) => break,
                Err(other) => return Err(other),
            }
        }
        job.send(Progress::Idle(job.id));
        let mut wait = self.begin_wait(kind, job);
        loop {
            match self.poll_once(job, &mut wait, kind.poll_gone(job.cx, live)).await {
                Ok(Readiness::Gone) => return Ok(()),
                Ok(Readiness::Failed(why)) => return Err(Error::new(Class::Failed, why).into()),
                Ok(Readiness::Ready) => self.status(job, "still exists"),
                Ok(Readiness::Waiting { status, .. } | Readiness::Leaving(status)) => self.status(job, &status),
                Ok(Readiness::Impaired(it)) => self.status(job, &it.status),
                Err(e) if e.class == Class::NotFound => return Ok(()),
                Err(e) => wait.forgive(e)?,
            }
            self.pause(job, &wait).await?;
        }
    }

    /// Checks whether the cloud still reports it.
    async fn is_there(&self, kind: &dyn Kind<C>, job: &Job<'_, C>, live: &Value) -> Result<bool, Halt> {
        let mut wait = self.begin_wait(kind, job);
        loop {
            let fresh = job.cx.fresh();
            match self.reads.since_now(kind.info().name, observed(kind, &fresh)).await {
                Ok(seen) => return Ok(seen.iter().any(|o| o.state != Readiness::Gone && o.live.get("id") == live.get("id"))),
                Err(e) => wait.forgive(e)?,
            }
            self.sleep(retry_interval(wait.since.elapsed())).await?;
        }
    }
}

/// Returns the same error with the name of what blocks it; of another class, when that does not go away by itself.
async fn named<C>(
    kind: &dyn Kind<C>,
    cx: &Cx<C>,
    live: &Value,
    known: &Mutex<Option<(Instant, Vec<Blocker>)>>,
    mut error: Error,
) -> Error {
    let recent = known.lock().unwrap_or_else(PoisonError::into_inner).clone().filter(|(at, _)| at.elapsed() < BLOCKERS);
    let blockers = match recent {
        Some((_, blockers)) => blockers,
        // Who it is remains unknown; that it is in use is the error.
        None => match kind.blocked_by(cx, live).await {
            Err(_) => return error,
            Ok(blockers) => {
                *known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), blockers.clone()));
                blockers
            }
        },
    };
    if blockers.is_empty() {
        return error;
    }
    let mut told: Vec<&Blocker> = blockers.iter().filter(|b| !b.passing).collect();
    if told.is_empty() {
        told = blockers.iter().collect();
    } else {
        error.class = Class::Blocked;
        error = error.hint("delete or detach what is named, then run the command again");
    }
    error.message = format!("{}: blocked by {}", error.message.trim_end_matches('.'), Blocker::listed(&told));
    error
}
