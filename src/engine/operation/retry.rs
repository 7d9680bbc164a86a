//! Which calls are retried, and for how long: those that fail for a transient reason or are not answered, until the user stops.

use std::pin::pin;
use std::time::{Duration, Instant};

use super::{AMBIGUOUS, Halt, IN_USE, Job, NOT_YET, Progress, Run};
use crate::error::{Class, Error, Result};
use crate::poll_interval::{Wait, retry_interval};
use crate::resource::Cloud;

/// The same as [`NOT_YET`] where nothing of it was created in this run: then a missing object is hardly a delay.
const NOT_YET_OLD: Duration = Duration::from_secs(45);
/// A call without an answer for this part of the patience is reported, and again after each such part: every four seconds.
const SILENT: u32 = 30;
/// How often a call is checked for an answer.
const TICK: Duration = Duration::from_millis(250);

impl<C: Cloud> Run<'_, C> {
    /// Polls once during a wait.
    pub(super) async fn poll_once<T>(
        &self,
        job: &Job<'_, C>,
        wait: &mut Wait,
        poll: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let answer = self.answer_of(job, poll).await;
        if answer.is_ok() {
            wait.answered();
        }
        answer
    }

    /// Returns the answer to a call. As long as none comes, that is shown; the wait for it has an end.
    pub(super) async fn answer_of<T>(&self, job: &Job<'_, C>, call: impl Future<Output = Result<T>>) -> Result<T> {
        let (mut call, since) = (pin!(call), Instant::now());
        let patience = self.cx.reach.patience();
        let mut said: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                () = tokio::time::sleep(TICK) => {}
            }
            let Some(silence) = self.cx.reach.silence().filter(|s| s.time >= patience / SILENT) else { continue };
            // The call is abandoned as if the process had died: the next run checks whether it was done.
            if silence.time.min(since.elapsed()) >= patience {
                return Err(Error::new(Class::Unreachable, silence.to_string()));
            }
            if said.is_none_or(|at| at.elapsed() >= patience / SILENT) {
                self.status(job, &silence.to_string());
                said = Some(Instant::now());
            }
        }
    }

    /// Waits until the next poll, if the wait is not over.
    pub(super) async fn pause(&self, job: &Job<'_, C>, wait: &Wait) -> Result<(), Halt> {
        if wait.is_over() {
            let last = self.last_words(job.id).filter(|words| !words.is_empty());
            let last = last.map_or_else(String::new, |words| format!("; last status: {words}"));
            let minutes = wait.since.elapsed().as_secs() / 60;
            let error = Error::new(Class::Late, format!("not finished after {minutes} min{last}"));
            let usual = job.usual.as_secs().div_ceil(60);
            return Err(error.hint(format!("this usually takes {usual} min; check the object in {}'s console", C::NAME)).into());
        }
        self.sleep(wait.next()).await
    }

    /// Waits, or ends when the user stops the run.
    pub(super) async fn sleep(&self, time: Duration) -> Result<(), Halt> {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            // An error means that no one can stop it any more.
            Ok(_) = stop.wait_for(|stop| *stop) => Err(Halt::Stopped),
        }
    }

    /// Repeats what may be repeated when it is unknown whether it was done.
    pub(super) async fn retry_ambiguous<T, F>(&self, job: &Job<'_, C>, mut call: impl FnMut() -> F) -> Result<T, Halt>
    where
        F: Future<Output = Result<T>>,
    {
        let mut ambiguous = 0;
        loop {
            match self.retry(job, &mut call).await {
                Err(Halt::Failed(e)) if e.class == Class::Ambiguous && ambiguous < AMBIGUOUS => {
                    ambiguous += 1;
                    self.retrying(job, &e);
                    self.sleep(Duration::from_millis(500 * u64::from(ambiguous))).await?;
                }
                other => return other,
            }
        }
    }

    /// Repeats what failed for a transient reason, at short intervals at first, and not for ever.
    pub(super) async fn retry<T, F>(&self, job: &Job<'_, C>, mut call: impl FnMut() -> F) -> Result<T, Halt>
    where
        F: Future<Output = Result<T>>,
    {
        let since = Instant::now();
        loop {
            let error = match self.answer_of(job, call()).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Some(end) = patience(&error, job.new) else { return Err(error.into()) };
            let wait = retry_interval(since.elapsed());
            if since.elapsed() + wait > end {
                return Err(given_up(error, since.elapsed()).into());
            }
            self.retrying(job, &error);
            // Who waits for something else does not keep others from their calls.
            job.send(Progress::Idle(job.id));
            self.sleep(wait).await?;
        }
    }
}

/// Returns how long a call that failed so is retried; `None` when it fails for good. `new`: this run created what it names.
fn patience(error: &Error, new: bool) -> Option<Duration> {
    match error.class {
        Class::NotYet => Some(error.lag.unwrap_or(if new { NOT_YET } else { NOT_YET_OLD })),
        Class::Throttled => Some(NOT_YET),
        Class::InUse => Some(IN_USE),
        _ => None,
    }
}

/// Returns the error of a call that was retried for so long. What is still unknown by then may be named wrongly.
fn given_up(error: Error, time: Duration) -> Error {
    let seconds = time.as_secs();
    let hint = match &error.code {
        Some(code) if error.class == Class::NotYet => {
            format!("refused with {code} for {seconds} s; check what the request refers to")
        }
        _ => format!("retried for {seconds} s"),
    };
    error.hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_longer_to_be_known_is_borne_longer() {
        let minutes = Duration::from_secs(300);
        let slow = Error { lag: Some(minutes), ..Error::new(Class::NotYet, "") };
        assert_eq!([true, false].map(|new| patience(&slow, new)), [Some(minutes); 2]);
        let usual = Error::new(Class::NotYet, "");
        assert_eq!([true, false].map(|new| patience(&usual, new)), [Some(NOT_YET), Some(NOT_YET_OLD)]);
        assert_eq!(patience(&Error { class: Class::Invalid, ..slow }, true), None);
    }

    #[test]
    fn what_is_refused_to_the_end_is_to_be_looked_at() {
        let refused = |class| Error { code: Some("MalformedPolicyDocument".into()), ..Error::new(class, "Invalid principal") };
        let hints = |class| given_up(refused(class), Duration::from_secs(150)).hints;
        assert_eq!(hints(Class::NotYet), ["refused with MalformedPolicyDocument for 150 s; check what the request refers to"]);
        assert_eq!(hints(Class::InUse), ["retried for 150 s"]);
    }
}
