//! The journal: what the emulator received, in order, for tests to read and to wait on.

mod pages;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use pages::{Pages, View};
use serde::{Serialize, Serializer};
use tokio::sync::Notify;

use crate::clock::iso8601_millis;
use crate::operation::Operation;

/// One request that the emulator received.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct JournalEntry {
    /// Counts from 1 in the order of arrival.
    pub sequence: u64,
    /// The `x-oss-request-id` of the answer.
    pub request_id: String,
    /// When the head of the request was complete, by the emulator's clock; ISO 8601 in JSON.
    #[serde(serialize_with = "as_iso8601")]
    pub received_at: SystemTime,
    /// The HTTP method.
    pub method: String,
    /// The path as it was sent, without the query, which may hold a signature.
    pub path: String,
    /// The operation; `None` for a request that is none.
    pub operation: Option<Operation>,
    /// The bucket.
    pub bucket: Option<String>,
    /// The object key, decoded.
    pub key: Option<String>,
    /// The `uploadId` parameter.
    pub upload_id: Option<String>,
    /// The `partNumber` parameter.
    pub part_number: Option<u32>,
    /// Counts the requests for the same operation, bucket, key, upload and part, from 1.
    pub attempt: u64,
    /// Bytes of the request's body that have arrived so far.
    pub body_bytes: u64,
    /// The status that was answered; `None` while the request is running, or when it ended without an answer.
    pub status: Option<u16>,
    /// The `Code` of the error that was answered.
    pub code: Option<String>,
    /// Whether the request is over, with an answer or without.
    pub finished: bool,
    /// The names of the faults that met this request.
    pub faults: Vec<String>,
    /// The callback that was sent for this request.
    pub callback: Option<CallbackRecord>,
}

/// A callback that was sent to an application server.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CallbackRecord {
    /// The URL that was called last.
    pub url: String,
    /// How many of the callback's URLs were called.
    pub urls_called: usize,
    /// The body that was sent, after substitution.
    pub body: String,
    /// The Content-Type that was sent.
    pub content_type: String,
    /// The status that the application server answered; `None` when it gave no answer.
    pub status: Option<u16>,
    /// The body that the application server answered, invalid UTF-8 replaced.
    pub answer: String,
    /// The message of `CallbackFailed`; `None` when the callback succeeded.
    pub failure: Option<String>,
    /// The detailed error code (EC) of `CallbackFailed`.
    pub ec: Option<String>,
    /// From the first connection attempt to the last byte of the answer; `took_millis` in JSON.
    #[serde(rename = "took_millis", serialize_with = "as_millis")]
    pub took: Duration,
}

fn as_iso8601<S: Serializer>(instant: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&iso8601_millis(*instant))
}

fn as_millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// All entries, the oldest first; beyond its capacity the oldest are forgotten.
#[derive(Debug)]
pub(crate) struct Journal {
    capacity: usize,
    pages: Mutex<Pages>,
    waiting: AtomicUsize,
    changed: Notify,
}

/// An open entry; finishing it, or dropping it, closes the entry.
#[derive(Debug)]
pub(crate) struct Ticket {
    journal: Arc<Journal>,
    pub(crate) sequence: u64,
    pub(crate) attempt: u64,
    pub(crate) received: Arc<AtomicU64>,
}

impl Journal {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            pages: Mutex::new(Pages::default()),
            waiting: AtomicUsize::new(0),
            changed: Notify::new(),
        }
    }

    /// Opens an entry; its sequence and attempt are filled in here.
    pub(crate) fn begin(self: &Arc<Self>, entry: JournalEntry) -> Ticket {
        let received = Arc::new(AtomicU64::new(0));
        let mut pages = self.lock();
        let (sequence, attempt) = pages.add(entry, Arc::clone(&received));
        pages.forget_all_but(self.capacity);
        drop(pages);
        self.notify();
        Ticket { journal: Arc::clone(self), sequence, attempt, received }
    }

    /// Changes an entry, unless it is forgotten.
    pub(crate) fn update(&self, sequence: u64, change: impl FnOnce(&mut JournalEntry)) {
        if let Some(entry) = self.lock().entry(sequence) {
            change(entry);
        }
        self.notify();
    }

    /// A copy of all entries.
    pub(crate) fn snapshot(&self) -> Vec<JournalEntry> {
        self.lock().up_to_date().iter().cloned().collect()
    }

    /// Forgets all entries, also those of requests that are running; sequence numbers go on.
    pub(crate) fn clear(&self) {
        self.lock().clear();
        self.notify();
    }

    /// Waits until the condition holds for the entries.
    pub(crate) async fn wait_for(&self, mut condition: impl FnMut(&[JournalEntry]) -> bool) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _guard = Waiting(&self.waiting);
        let mut view = View::default();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before looking, so that no change between the two is missed.
            changed.as_mut().enable();
            view.update(&mut self.lock());
            // Asked without the lock, which the condition may want for itself.
            if condition(view.entries()) {
                return;
            }
            changed.await;
        }
    }

    /// Wakes those who wait; free of charge when nobody does.
    pub(crate) fn notify(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.changed.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Uncounts a waiter, also one whose future was dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticket {
    /// Changes the entry.
    pub(crate) fn update(&self, change: impl FnOnce(&mut JournalEntry)) {
        self.journal.update(self.sequence, change);
    }

    /// Says that more of the body has arrived.
    pub(crate) fn received_more(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
        self.journal.notify();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let received = self.received.load(Ordering::Relaxed);
        self.journal.lock().finish(self.sequence, received);
        self.journal.notify();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn entry(key: &str) -> JournalEntry {
        JournalEntry {
            sequence: 0,
            request_id: String::new(),
            received_at: SystemTime::UNIX_EPOCH,
            method: "PUT".to_owned(),
            path: format!("/b/{key}"),
            operation: Some(Operation::PutObject),
            bucket: Some("b".to_owned()),
            key: Some(key.to_owned()),
            upload_id: None,
            part_number: None,
            attempt: 0,
            body_bytes: 0,
            status: None,
            code: None,
            finished: false,
            faults: Vec::new(),
            callback: None,
        }
    }

    #[test]
    fn attempts_are_counted_per_thing() {
        let journal = Arc::new(Journal::new(100));
        let attempts: Vec<u64> =
            ["a", "b", "a"].iter().map(|key| journal.begin(entry(key)).attempt).collect();
        assert_eq!(attempts, [1, 1, 2]);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let journal = Arc::new(Journal::new(2));
        for key in ["a", "b", "c"] {
            drop(journal.begin(entry(key)));
        }
        let sequences: Vec<u64> = journal.snapshot().iter().map(|entry| entry.sequence).collect();
        assert_eq!(sequences, [2, 3]);
        assert_eq!(journal.begin(entry("a")).attempt, 1, "a was forgotten");
        assert_eq!(journal.begin(entry("c")).attempt, 2);
    }

    /// In a thread of its own, so that a deadlock is a failure.
    #[test]
    fn a_condition_may_ask_the_journal() {
        let (sender, outcome) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let journal = Arc::new(Journal::new(10));
            let ticket = journal.begin(entry("a"));
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(journal.wait_for(|entries| {
                // Changes are for the next look: this one sees what there was.
                ticket.update(|entry| entry.status = Some(200));
                assert_eq!(journal.snapshot().len(), entries.len());
                entries[0].status == Some(200)
            }));
            sender.send(journal.snapshot()[0].status).unwrap();
        });
        assert_eq!(outcome.recv_timeout(Duration::from_secs(10)), Ok(Some(200)));
    }

    #[tokio::test]
    async fn waiting_sees_bytes_as_they_arrive() {
        let journal = Arc::new(Journal::new(10));
        let ticket = journal.begin(entry("a"));
        let waiter = {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move { journal.wait_for(|entries| entries[0].body_bytes >= 10).await })
        };
        tokio::task::yield_now().await;
        ticket.received_more(4);
        ticket.received_more(6);
        waiter.await.unwrap();
        drop(ticket);
        assert!(journal.snapshot()[0].finished);
    }
}
