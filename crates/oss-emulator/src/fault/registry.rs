//! The faults that are injected, and which of them strike a request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::{Action, Fault};
use crate::operation::Operation;

/// A fault that was injected: tells how often it struck, and ends it.
#[derive(Clone, Debug)]
pub struct FaultHandle {
    armed: Arc<Armed>,
}

impl FaultHandle {
    /// How many requests it has struck.
    pub fn hits(&self) -> u64 {
        self.armed.hits.load(Ordering::Acquire)
    }

    /// Ends the fault: it strikes no more, and requests that it holds go on.
    pub fn release(&self) {
        self.armed.released.send_replace(true);
    }

    pub(crate) fn id(&self) -> u64 {
        self.armed.id
    }
}

#[derive(Debug)]
struct Armed {
    id: u64,
    fault: Fault,
    hits: AtomicU64,
    released: watch::Sender<bool>,
}

/// Resolves when the fault that holds a request is released.
#[derive(Clone, Debug)]
pub(crate) struct Release(watch::Receiver<bool>);

impl Release {
    pub(crate) async fn wait(mut self) {
        // An error means that the fault itself is gone, which is a release too.
        let _ = self.0.wait_for(|released| *released).await;
    }
}

/// What a request is matched by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) operation: Operation,
    pub(crate) bucket: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) part: Option<u32>,
    pub(crate) attempt: u64,
}

/// A fault that struck.
#[derive(Clone, Debug)]
pub(crate) struct Strike {
    pub(crate) action: Action,
    pub(crate) release: Release,
}

/// All injected faults.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    next_id: AtomicU64,
    armed: Mutex<Vec<Arc<Armed>>>,
}

impl Faults {
    pub(crate) fn inject(&self, fault: Fault) -> FaultHandle {
        let armed = Arc::new(Armed {
            id: self.next_id.fetch_add(1, Ordering::Relaxed) + 1,
            fault,
            hits: AtomicU64::new(0),
            released: watch::Sender::new(false),
        });
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&armed));
        FaultHandle { armed }
    }

    /// The faults that strike this request, in the order of their injection.
    pub(crate) fn strike(&self, subject: Subject<'_>) -> Vec<Strike> {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed.retain(|fault| !*fault.released.borrow());
        armed
            .iter()
            .filter(|fault| fault.matches(subject) && fault.has_strikes_left())
            .map(|fault| {
                fault.hits.fetch_add(1, Ordering::AcqRel);
                Strike { action: fault.fault.action.clone(), release: Release(fault.released.subscribe()) }
            })
            .collect()
    }

    /// Every fault that is not released, with its id and its hits.
    pub(crate) fn list(&self) -> Vec<(u64, Fault, u64)> {
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed
            .iter()
            .filter(|fault| !*fault.released.borrow())
            .map(|fault| (fault.id, fault.fault.clone(), fault.hits.load(Ordering::Acquire)))
            .collect()
    }

    /// Releases one fault, or with `None` all; tells how many there were.
    pub(crate) fn release(&self, id: Option<u64>) -> usize {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let (ended, kept) = std::mem::take(&mut *armed)
            .into_iter()
            .partition::<Vec<_>, _>(|fault| id.is_none_or(|id| id == fault.id));
        *armed = kept;
        for fault in &ended {
            fault.released.send_replace(true);
        }
        ended.len()
    }
}

impl Armed {
    fn matches(&self, subject: Subject<'_>) -> bool {
        let point = &self.fault.point;
        point.operation.is_none_or(|operation| operation == subject.operation)
            && point.bucket.as_deref().is_none_or(|bucket| Some(bucket) == subject.bucket)
            && point.key.as_deref().is_none_or(|key| Some(key) == subject.key)
            && point.part.is_none_or(|part| Some(part) == subject.part)
            && point.attempt.is_none_or(|attempt| attempt == subject.attempt)
    }

    fn has_strikes_left(&self) -> bool {
        self.fault.point.always || self.hits.load(Ordering::Acquire) < self.fault.point.times.unwrap_or(1)
    }
}
