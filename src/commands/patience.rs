//! Waits for answers outside of a run: they say what they wait for, and they end.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use super::stop::{Result, Stop};
use crate::engine::{self, Class, Error, Reach};
use crate::ui::{self, Terminal};

/// How often a wait checks whether there is something to say.
const TICK: Duration = Duration::from_millis(250);
/// The time before a wait speaks again; it doubles each time.
const AGAIN: Duration = Duration::from_secs(10);

/// How a wait speaks, and when it ends.
pub struct Patience<'a> {
    /// What should answer: `AWS at http://127.0.0.1:4566`, `S3, which keeps leases and history`.
    pub of: &'a str,
    /// The silence after which the wait says so.
    pub speak: Duration,
    /// The silence after which the wait ends.
    pub end: Duration,
}

impl Patience<'_> {
    /// Returns the answer of `call`, or an error if there is no answer at all. While answers arrive the wait says nothing.
    pub async fn hear<T, E>(
        &self,
        reach: &Reach,
        terminal: &Terminal,
        call: impl Future<Output = engine::Result<T, E>>,
    ) -> Result<T>
    where
        Stop: From<E>,
    {
        let (mut call, began) = (pin!(call), Instant::now());
        let mut next = self.speak;
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return Ok(answer?),
                () = tokio::time::sleep(TICK) => {}
            }
            let Some(silence) = reach.silence() else { continue };
            // A silence from before this call does not count.
            let time = silence.time.min(began.elapsed());
            if time >= self.end {
                let error = Error::new(Class::Unreachable, silence.to_string());
                let step = format!("check the network and the health of {}, then run the same command again", self.of);
                return Err(error.hint(step).into());
            }
            if time >= next {
                let tried = if silence.tries == 1 { "once".to_owned() } else { format!("{} times", silence.tries) };
                let why = silence.why.map_or_else(String::new, |why| format!(" ({}: {why}, tried {tried})", silence.of));
                // The wait goes on even if this cannot be written.
                let _ = ui::err(&ui::note(&format!("Still waiting for {} after {} s{why}.", self.of, time.as_secs()), terminal));
                next = (next * 2).max(AGAIN);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    const SHORT: Patience<'_> = Patience { of: "S3", speak: Duration::from_secs(9), end: Duration::from_millis(600) };

    #[test]
    fn a_wait_without_any_answer_ends_and_says_why() {
        let reach = Reach::default();
        let silent = async {
            reach.asks("S3").failed("connection refused");
            let _asked = reach.asks("S3");
            std::future::pending::<engine::Result<()>>().await
        };
        let Err(Stop::Errors(errors)) = run(SHORT.hear(&reach, &Terminal::plain(80), silent)) else { panic!() };
        let error = &errors[0];
        assert_eq!(error.class, Class::Unreachable);
        assert!(error.message.starts_with("S3 cannot be reached: connection refused, tried once"), "{error}");
    }

    #[test]
    fn a_wait_that_is_answered_now_and_then_goes_on() {
        let reach = Reach::default();
        let busy = async {
            for _ in 0..10 {
                let asked = reach.asks("EC2");
                tokio::time::sleep(Duration::from_millis(100)).await;
                asked.answered();
            }
            engine::Result::<i32>::Ok(7)
        };
        assert_eq!(run(SHORT.hear(&reach, &Terminal::plain(80), busy)).unwrap(), 7);
    }
}
