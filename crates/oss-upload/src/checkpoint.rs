//! The seam for what an upload remembers between runs.

mod file;
mod memory;
mod record;

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

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
///   fails with [`CheckpointError::Locked`], at once or after a moment, while another holds it. Dropping the checkpoint releases it, also
///   when the process dies.
/// - What [`Checkpoint::append`] has accepted with [`Durability::Synced`] survives a power cut; with
///   [`Durability::Buffered`] it survives the process, and the store writes it through within about 100 ms or with the
///   next synced record. Losing the last buffered records only costs a look at OSS's own list of parts.
/// - A record that was written half is as if it had not been written; those before it stay readable.
///
/// # A store shared by machines
///
/// No lock of a database outlives the machine that took it, so such a store gives out a *lease*: it ends by itself when
/// it is not renewed. Renew it in [`Checkpoint::upkeep`], and let `upkeep` answer a third of the lease's length. Give
/// each lease a *fencing token*, a number that only grows, and write with the condition that the token is still the
/// newest: a holder that slept through its lease must not write again. Tell it with [`CheckpointError::Lost`]; the run
/// then ends without another request, while any other error of a part's record is survived. Two holders can never
/// damage an object, since parts are idempotent and Complete succeeds once; the lease keeps the application server from
/// being called twice.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
/// use std::time::{Duration, Instant};
///
/// use async_trait::async_trait;
/// use oss_upload::{
///     Checkpoint, CheckpointError, CheckpointId, CheckpointStore, Durability, Record, Recorded,
/// };
///
/// /// What a table of a database would be: one row an upload.
/// #[derive(Clone, Debug, Default)]
/// struct Table(Arc<Mutex<HashMap<String, Row>>>);
///
/// #[derive(Debug, Default)]
/// struct Row {
///     token: u64,
///     until: Option<Instant>,
///     records: Vec<String>,
/// }
///
/// #[derive(Debug)]
/// struct Lease {
///     table: Table,
///     name: String,
///     token: u64,
/// }
///
/// const LEASE: Duration = Duration::from_secs(60);
///
/// #[async_trait]
/// impl CheckpointStore for Table {
///     async fn open(&self, id: &CheckpointId) -> Result<Box<dyn Checkpoint>, CheckpointError> {
///         let name = id.digest();
///         let mut rows = self.0.lock().unwrap_or_else(|e| e.into_inner());
///         let row = rows.entry(name.clone()).or_default();
///         if row.until.is_some_and(|until| until > Instant::now()) {
///             return Err(CheckpointError::locked(format!("the lease {}", row.token)));
///         }
///         row.token += 1;
///         row.until = Some(Instant::now() + LEASE);
///         Ok(Box::new(Lease { table: self.clone(), name, token: row.token }))
///     }
/// }
///
/// impl Lease {
///     /// In SQL: `UPDATE … WHERE name = ? AND token = ?`, and no row changed means that the lease is lost.
///     fn change(&self, change: impl FnOnce(&mut Row)) -> Result<(), CheckpointError> {
///         let mut rows = self.table.0.lock().unwrap_or_else(|e| e.into_inner());
///         match rows.get_mut(&self.name) {
///             Some(row) if row.token == self.token => {
///                 change(row);
///                 Ok(())
///             }
///             _ => Err(CheckpointError::lost("a newer lease")),
///         }
///     }
/// }
///
/// #[async_trait]
/// impl Checkpoint for Lease {
///     fn recorded(&mut self) -> Recorded {
///         let rows = self.table.0.lock().unwrap_or_else(|e| e.into_inner());
///         let lines = rows.get(&self.name).map(|row| row.records.clone()).unwrap_or_default();
///         Recorded::new(lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect())
///     }
///
///     async fn append(&mut self, record: &Record, _: Durability) -> Result<(), CheckpointError> {
///         let line = serde_json::to_string(record).map_err(|e| CheckpointError::Failed(e.into()))?;
///         self.change(|row| row.records.push(line))
///     }
///
///     async fn clear(&mut self) -> Result<(), CheckpointError> {
///         self.change(|row| row.records.clear())
///     }
///
///     async fn upkeep(&mut self) -> Result<Duration, CheckpointError> {
///         self.change(|row| row.until = Some(Instant::now() + LEASE))?;
///         Ok(LEASE / 3)
///     }
/// }
///
/// impl Drop for Lease {
///     /// Gives the lease back; if the process dies instead, it ends by itself.
///     fn drop(&mut self) {
///         let _ = self.change(|row| row.until = None);
///     }
/// }
/// ```
#[async_trait]
pub trait CheckpointStore: fmt::Debug + Send + Sync {
    /// Opens and locks the checkpoint of one upload, empty if there is none yet.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::locked`] if it is held, else why the store cannot be used. Nothing has been sent then.
    ///
    /// # Cancellation
    ///
    /// It leaves the checkpoint unlocked, at once or when work it began has ended or a lease is over.
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
    /// Why it could not be written. The records before it must stay readable. [`CheckpointError::lost`] ends the run.
    ///
    /// # Cancellation
    ///
    /// The future is dropped only together with the checkpoint. The record may then be written or not; those before it
    /// stay readable, and a write that goes on must end before another holder can open the checkpoint.
    async fn append(&mut self, record: &Record, durability: Durability) -> Result<(), CheckpointError>;

    /// Forgets all records and keeps the lock.
    ///
    /// # Errors
    ///
    /// Why they could not be removed.
    ///
    /// # Cancellation
    ///
    /// As with [`append`](Self::append): then the records are all there or all gone.
    async fn clear(&mut self) -> Result<(), CheckpointError>;

    /// Does what has to be done from time to time: writing buffered records through, renewing a lease. Answers how
    /// long the checkpoint can do without the next call.
    ///
    /// Called when that time has passed, and about 100 ms after a [`Durability::Buffered`] record at the latest; never
    /// while another call is under way. The default does nothing and asks for a call an hour later.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::lost`] ends the run; any other error is logged and survived.
    ///
    /// # Cancellation
    ///
    /// As with [`append`](Self::append).
    async fn upkeep(&mut self) -> Result<Duration, CheckpointError> {
        Ok(Duration::from_secs(3600))
    }
}

/// What the runs before have left.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Recorded {
    /// The records, in order; of a checkpoint that was set aside, its readable [`Record::Orphan`]s.
    pub records: Vec<Record>,
    /// Where an unreadable checkpoint was put, if there was one.
    pub set_aside: Option<String>,
    /// Upload ids that could be read from the checkpoint that was set aside. The run aborts these uploads.
    pub upload_ids: Vec<String>,
    /// Whether records between others were unreadable. A torn last record is not damage.
    pub damaged: bool,
}

impl Recorded {
    /// Gives these records, all of them readable.
    #[must_use]
    pub fn new(records: Vec<Record>) -> Self {
        Self { records, ..Self::default() }
    }
}

/// How long a record must live. A store that does not know the value takes it for [`Synced`](Self::Synced).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    #[non_exhaustive]
    Locked {
        /// Who holds it.
        holder: String,
    },
    /// The lease has passed to another holder while this one held it. The run ends; the other goes on with the upload.
    #[error("the checkpoint has passed to another holder ({holder}), which goes on with the upload")]
    #[non_exhaustive]
    Lost {
        /// Who holds it now.
        holder: String,
    },
    /// A file of the checkpoint cannot be used.
    #[error("the checkpoint {} cannot be {action}", path.display())]
    #[non_exhaustive]
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

impl CheckpointError {
    /// `holder` has the checkpoint.
    pub fn locked(holder: impl Into<String>) -> Self {
        Self::Locked { holder: holder.into() }
    }

    /// The lease has passed to `holder`.
    pub fn lost(holder: impl Into<String>) -> Self {
        Self::Lost { holder: holder.into() }
    }
}
