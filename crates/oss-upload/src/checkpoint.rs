//! The seam for what an upload remembers between runs.

mod file;
mod memory;
mod record;

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;

pub use self::file::FileCheckpoints;
pub use self::memory::MemoryCheckpoints;
pub use self::record::{CheckpointId, Record};

/// Keeps the checkpoints of resumable uploads.
///
/// A checkpoint is a journal of [`Record`]s, appended one by one, so that 10,000 parts cost 10,000 small writes and not
/// 10,000 rewrites.
///
/// # Contract
///
/// - [`open`](Self::open) gives the checkpoint to one holder at a time, over all processes that share the store, and
///   fails at once with [`CheckpointError::Locked`] while another holds it. Dropping the checkpoint releases it, also
///   when the process dies.
/// - What [`Checkpoint::append`] has accepted with [`Durability::Synced`] survives a power cut; with
///   [`Durability::Buffered`] it survives the process, and the store writes it through within about 100 ms or with the
///   next synced record. Losing the last buffered records only costs a look at OSS's own list of parts.
/// - A record that was written half is as if it had not been written; those before it stay readable.
#[async_trait]
pub trait CheckpointStore: fmt::Debug + Send + Sync {
    /// Opens and locks the checkpoint of one upload, empty if there is none yet.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Locked`] if it is held, else why the store cannot be used. Nothing has been sent then.
    async fn open(&self, id: &CheckpointId) -> Result<Box<dyn Checkpoint>, CheckpointError>;
}

/// A checkpoint that is open and locked.
#[async_trait]
pub trait Checkpoint: fmt::Debug + Send {
    /// The records of the runs before, in order. Called once, first.
    fn recorded(&mut self) -> Recorded;

    /// Adds a record.
    ///
    /// # Errors
    ///
    /// Why it could not be written. The records before it must stay readable.
    async fn append(&mut self, record: &Record, durability: Durability) -> Result<(), CheckpointError>;

    /// Forgets all records and keeps the lock.
    ///
    /// # Errors
    ///
    /// Why they could not be removed.
    async fn clear(&mut self) -> Result<(), CheckpointError>;
}

/// What the runs before have left.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Recorded {
    /// The records, in order.
    pub records: Vec<Record>,
    /// Where an unreadable checkpoint was put, if there was one.
    pub set_aside: Option<String>,
}

/// How long a record must live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Over the death of this process.
    Buffered,
    /// Over a power cut.
    Synced,
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Another upload of the same source to the same object is under way.
    #[error("another upload of this source to this object is under way ({holder}); wait for it or end it")]
    Locked {
        /// Who holds it.
        holder: String,
    },
    /// A file of the checkpoint cannot be used.
    #[error("the checkpoint {} cannot be {action}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A store of the user's failed.
    #[error("the checkpoint store failed")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}
