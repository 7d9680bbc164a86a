//! Readings of whole kinds while a plan is applied.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::error::Result;
use super::kind::RawObserved;

type LastRead = Arc<tokio::sync::Mutex<Option<(Instant, Arc<Vec<RawObserved>>)>>>;

/// Readings of whole kinds that many operations want at once, each to see what became of its own call.
///
/// Three hundred lost answers are two readings, not three hundred.
#[derive(Default)]
pub(super) struct FreshReads {
    kinds: Mutex<HashMap<&'static str, LastRead>>,
}

impl FreshReads {
    /// Returns every object of `kind` from a reading that began after this call; `read` makes one when none did.
    ///
    /// # Errors
    /// What `read` failed with. Whoever waited for it reads for themselves.
    pub(super) async fn since_now<F>(&self, kind: &'static str, read: F) -> Result<Arc<Vec<RawObserved>>>
    where
        F: Future<Output = Result<Vec<RawObserved>>>,
    {
        let asked = Instant::now();
        let last_read = self.kinds.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default().clone();
        let mut last = last_read.lock().await;
        if let Some((began, seen)) = &*last
            && *began >= asked
        {
            return Ok(seen.clone());
        }
        let began = Instant::now();
        let seen = Arc::new(read.await?);
        *last = Some((began, seen.clone()));
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::future::join_all;

    use super::*;
    use crate::{Claim, Class, Error, Readiness};

    /// A reading that takes a while; what it sees is how many had begun.
    async fn read(begun: &AtomicUsize) -> Result<Vec<RawObserved>> {
        let nth = begun.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(vec![RawObserved { claim: Claim::Stray, live: nth.into(), fields: ().into(), state: Readiness::Ready }])
    }

    #[tokio::test]
    async fn callers_share_reads_that_begin_after_they_ask() {
        let (looks, begun) = (FreshReads::default(), AtomicUsize::new(0));
        let ask = |after: u64| {
            let (looks, begun) = (&looks, &begun);
            async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                looks.since_now("thing", read(begun)).await.unwrap()[0].live.clone()
            }
        };
        // The first reads; who comes while it does shares the next one.
        let answers = join_all([0, 5, 6, 7, 8].map(ask)).await;
        assert_eq!(answers, [1, 2, 2, 2, 2]);
        // Nothing is kept for who asks later.
        assert_eq!(ask(0).await, 3);
        // Another kind is another matter.
        assert_eq!(looks.since_now("other", read(&begun)).await.unwrap()[0].live, 4);
    }

    #[tokio::test]
    async fn a_reading_that_fails_is_nobody_else_s() {
        let (looks, begun) = (FreshReads::default(), AtomicUsize::new(0));
        let fails = looks.since_now("thing", async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Err(Error::new(Class::Ambiguous, "no answer"))
        });
        let (failed, read) = tokio::join!(fails, looks.since_now("thing", read(&begun)));
        assert_eq!((failed.unwrap_err().class, read.unwrap()[0].live.clone()), (Class::Ambiguous, 1.into()));
    }
}
