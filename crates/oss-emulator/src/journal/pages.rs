//! The entries of the journal, and views of them that are brought up to date.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::JournalEntry;
use crate::operation::Operation;

/// What makes two requests attempts of the same thing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    operation: Option<Operation>,
    bucket: Option<String>,
    key: Option<String>,
    upload_id: Option<String>,
    part_number: Option<u32>,
}

/// All entries, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Pages {
    next_sequence: u64,
    /// Counts the changes.
    revision: u64,
    entries: VecDeque<JournalEntry>,
    /// One for each entry.
    notes: VecDeque<Note>,
    /// The byte counters of requests that are running.
    running: HashMap<u64, Arc<AtomicU64>>,
    /// Number of attempts, and the sequence of the last.
    attempts: HashMap<Arc<Identity>, (u64, u64)>,
}

/// What nobody else is to know of an entry.
#[derive(Debug)]
struct Note {
    /// What the request was counted as when it began; operations fill in more of the entry later.
    identity: Arc<Identity>,
    /// The revision of its last change.
    changed: u64,
}

/// A copy of the entries that is brought up to date by copying what has changed.
#[derive(Debug, Default)]
pub(super) struct View {
    revision: u64,
    entries: VecDeque<JournalEntry>,
}

impl Pages {
    /// Adds an entry and fills in its sequence and attempt.
    pub(super) fn add(&mut self, mut entry: JournalEntry, received: Arc<AtomicU64>) -> (u64, u64) {
        self.next_sequence += 1;
        let sequence = self.next_sequence;
        let identity = Arc::new(Identity::of(&entry));
        let attempts = self.attempts.entry(Arc::clone(&identity)).or_insert((0, 0));
        *attempts = (attempts.0 + 1, sequence);
        let attempt = attempts.0;
        (entry.sequence, entry.attempt) = (sequence, attempt);
        self.running.insert(sequence, received);
        self.revision += 1;
        self.entries.push_back(entry);
        self.notes.push_back(Note { identity, changed: self.revision });
        (sequence, attempt)
    }

    /// An entry that is about to be changed, unless it is forgotten.
    pub(super) fn entry(&mut self, sequence: u64) -> Option<&mut JournalEntry> {
        let index = self.index(sequence)?;
        self.revision += 1;
        self.notes.get_mut(index)?.changed = self.revision;
        self.entries.get_mut(index)
    }

    fn index(&self, sequence: u64) -> Option<usize> {
        usize::try_from(sequence.checked_sub(self.entries.front()?.sequence)?).ok()
    }

    /// Closes an entry; its bytes are counted no more.
    pub(super) fn finish(&mut self, sequence: u64, received: u64) {
        self.running.remove(&sequence);
        if let Some(entry) = self.entry(sequence) {
            entry.body_bytes = received;
            entry.finished = true;
        }
    }

    /// The entries with the bytes that have arrived so far.
    pub(super) fn up_to_date(&mut self) -> &VecDeque<JournalEntry> {
        let more: Vec<(u64, u64)> = self
            .running
            .iter()
            .map(|(sequence, received)| (*sequence, received.load(Ordering::Relaxed)))
            .filter(|(sequence, received)| {
                let entry = self.index(*sequence).and_then(|index| self.entries.get(index));
                entry.is_some_and(|entry| entry.body_bytes != *received)
            })
            .collect();
        for (sequence, received) in more {
            if let Some(entry) = self.entry(sequence) {
                entry.body_bytes = received;
            }
        }
        &self.entries
    }

    pub(super) fn forget_all_but(&mut self, newest: usize) {
        while self.entries.len() > newest {
            let (Some(oldest), Some(note)) = (self.entries.pop_front(), self.notes.pop_front()) else {
                return;
            };
            if self.attempts.get(&note.identity).is_some_and(|(_, last)| *last == oldest.sequence) {
                self.attempts.remove(&note.identity);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.attempts.clear();
        self.notes.clear();
        self.entries.clear();
    }
}

impl View {
    /// Copies what has changed since the last time.
    pub(super) fn update(&mut self, pages: &mut Pages) {
        let oldest = pages.up_to_date().front().map_or(u64::MAX, |entry| entry.sequence);
        while self.entries.front().is_some_and(|entry| entry.sequence < oldest) {
            self.entries.pop_front();
        }
        for (index, (entry, note)) in pages.entries.iter().zip(&pages.notes).enumerate() {
            match self.entries.get_mut(index) {
                Some(own) if note.changed > self.revision => own.clone_from(entry),
                Some(_) => {}
                None => self.entries.push_back(entry.clone()),
            }
        }
        self.revision = pages.revision;
    }

    pub(super) fn entries(&mut self) -> &[JournalEntry] {
        self.entries.make_contiguous()
    }
}

impl Identity {
    fn of(entry: &JournalEntry) -> Self {
        Self {
            operation: entry.operation,
            bucket: entry.bucket.clone(),
            key: entry.key.clone(),
            upload_id: entry.upload_id.clone(),
            part_number: entry.part_number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;

    fn add(pages: &mut Pages, key: &str) -> u64 {
        pages.add(entry(key), Arc::default()).0
    }

    #[test]
    fn attempts_are_forgotten_with_their_entries() {
        let mut pages = Pages::default();
        for key in ["a", "a", "b", "c", "d"] {
            let sequence = add(&mut pages, key);
            pages.entry(sequence).unwrap().upload_id = Some(sequence.to_string());
            pages.forget_all_but(2);
        }
        let mut counted: Vec<_> = pages.attempts.keys().map(|identity| identity.key.as_deref()).collect();
        counted.sort_unstable();
        assert_eq!(counted, [Some("c"), Some("d")]);
        assert_eq!((pages.entries.len(), pages.notes.len()), (2, 2));
    }

    #[test]
    fn a_view_follows_additions_changes_bytes_and_losses() {
        let (mut pages, mut view) = (Pages::default(), View::default());
        let mut same = |pages: &mut Pages| {
            view.update(pages);
            let wanted: Vec<String> = pages.entries.iter().map(|entry| format!("{entry:?}")).collect();
            let seen: Vec<String> = view.entries().iter().map(|entry| format!("{entry:?}")).collect();
            assert_eq!(seen, wanted);
        };
        same(&mut pages);
        let first = add(&mut pages, "a");
        let received = Arc::new(AtomicU64::new(0));
        let (second, _) = pages.add(entry("b"), Arc::clone(&received));
        same(&mut pages);
        pages.entry(first).unwrap().status = Some(200);
        received.store(7, Ordering::Relaxed);
        same(&mut pages);
        pages.finish(second, 9);
        same(&mut pages);
        for key in ["c", "d", "e"] {
            add(&mut pages, key);
            pages.forget_all_but(2);
        }
        same(&mut pages);
        pages.clear();
        same(&mut pages);
        add(&mut pages, "f");
        same(&mut pages);
    }
}
