//! Answers that several kinds share while the cloud is being read.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::OnceCell;

use super::error::{Error, Result};

type Slot = Arc<OnceCell<Result<Arc<dyn Any + Send + Sync>>>>;

/// One reading of the cloud: every question is asked once, by the first who needs it.
///
/// Route tables, routes and associations come from one call; whoever needs the VPC's id waits for the
/// one call that finds it. So children follow parents without stages.
#[derive(Default)]
pub struct Reads {
    slots: Mutex<HashMap<&'static str, Slot>>,
    /// The services that the cloud's index was taken at its word for; only in a reading that may.
    by_index: Option<Mutex<BTreeSet<&'static str>>>,
    /// The identifiers of objects that are known already.
    settled: BTreeSet<String>,
}

impl Reads {
    /// Returns a reading that may trust the cloud's own index, which can lag behind the objects themselves.
    pub fn by_index() -> Reads {
        Reads { by_index: Some(Mutex::default()), ..Reads::default() }
    }

    /// Returns a reading that may leave out these objects, by their identifiers.
    pub fn without(settled: BTreeSet<String>) -> Reads {
        Reads { settled, ..Reads::default() }
    }

    /// Returns the identifiers of the objects that this reading may leave out.
    pub fn settled(&self) -> &BTreeSet<String> {
        &self.settled
    }

    /// Checks whether this reading may ask the index.
    pub fn may_ask_index(&self) -> bool {
        self.by_index.is_some()
    }

    /// Notes that something about `service` was taken from the index: before anything is done about it, it is read again.
    pub fn trusted_index(&self, service: &'static str) {
        if let Some(services) = &self.by_index {
            services.lock().unwrap_or_else(PoisonError::into_inner).insert(service);
        }
    }

    /// Returns the services for which the index was trusted.
    pub(super) fn trusting(&self) -> BTreeSet<&'static str> {
        let services = self.by_index.as_ref().map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).clone());
        services.unwrap_or_default()
    }

    /// Returns the answer to `question`, asking it with `ask` unless it was asked before.
    ///
    /// # Errors
    /// What `ask` failed with, the same for everybody; or a defect when one question has two types.
    ///
    /// Boxed, because readings nest, and one inside the other their states would outgrow a thread's stack.
    pub fn once<'a, T, F>(&'a self, question: &'static str, ask: F) -> BoxFuture<'a, Result<Arc<T>>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send + 'a,
    {
        Box::pin(async move {
            let slot = {
                let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
                slots.entry(question).or_default().clone()
            };
            let answer = slot
                .get_or_init(|| async { ask.await.map(|value| Arc::new(value) as Arc<dyn Any + Send + Sync>) })
                .await
                .clone()?;
            answer.downcast::<T>().map_err(|_| Error::internal(format!("the reading `{question}` has two types")))
        })
    }
}
