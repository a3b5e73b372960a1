//! Keeps the checkpoints of resumable uploads in a store of one's own, which several machines share: one begins an
//! upload and dies, another goes on with it.
//!
//! ```text
//! cargo run --example own_checkpoint_store
//! ```
//!
//! The store stands for a table of a database. A lock of a database does not outlive the machine that took it, so a row
//! is *leased*: it is free again when the lease is not renewed. Each lease has a number that only grows, and whoever
//! writes says its number, so that a machine that slept through its lease writes nothing any more.
//!
//! Without further settings OSS runs in this process. With `OSS_ENDPOINT`, `OSS_REGION`, `OSS_BUCKET`,
//! `OSS_ACCESS_KEY_ID` and `OSS_ACCESS_KEY_SECRET` set it is that bucket.
//!
//! The exit status is 0 only if every step did what it says.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use examples::{Failure, Place, finish, or_unknown};
use oss::upload::{
    Checkpoint, CheckpointError, CheckpointId, CheckpointStore, Durability, Record, Recorded, ResumableUpload,
};
use oss::{Bucket, Error};
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> ExitCode {
    finish(run().await)
}

async fn run() -> Result<(), Failure> {
    let place = Place::from_env().await?;
    let file = place.folder.join("video.bin");
    std::fs::write(&file, vec![b'v'; 4 * 1024 * 1024])?;

    let table = Table::default();
    let (first, second) = (Machine::new("machine 1", &table), Machine::new("machine 2", &table));
    let bucket_of = |machine: &Machine| -> Result<Bucket, Failure> {
        let client = place.client().checkpoints(Arc::new(machine.clone())).build()?;
        Ok(client.bucket(place.bucket.as_str())?)
    };

    println!("machine 1 begins to upload {}/{KEY}", place.bucket);
    let died = Arc::new(Notify::new());
    let (machine, tell) = (first.clone(), Arc::clone(&died));
    let sending = upload(&bucket_of(&first)?, &file).on_progress(move |progress| {
        if progress.transferred >= progress.total.unwrap_or(0) / 2 {
            machine.die();
            tell.notify_one();
        }
    });
    tokio::select! {
        result = sending.into_future() => {
            return Err(format!("the upload ended before machine 1 could die: {result:?}").into());
        }
        // The upload is dropped here, as if its process had been killed.
        () = died.notified() => {}
    }
    println!("machine 1 died; the table has {} parts", table.parts());

    match upload(&bucket_of(&second)?, &file).await {
        Err(Error::Checkpoint(CheckpointError::Locked { holder, .. })) => {
            println!("machine 2 may not go on yet: held by {holder}");
        }
        other => return Err(format!("the lease was to hold still: {other:?}").into()),
    }
    tokio::time::sleep(LEASE).await;

    println!("machine 2 goes on, since the lease is over");
    let uploaded = upload(&bucket_of(&second)?, &file).await?;
    let report = &uploaded.report;
    println!("stored    {} bytes, CRC-64 {}", uploaded.object.size, or_unknown(uploaded.object.crc64));
    println!("parts     {} taken over, {} sent", report.parts_resumed, report.parts_sent);
    // They can be more than the table had: what OSS has besides is taken over too, if it has the CRC-64 of the file's bytes.
    if report.parts_resumed == 0 {
        return Err("machine 2 was to go on with the parts of machine 1".into());
    }
    if table.parts() != 0 {
        return Err("the checkpoint of a finished upload was to be cleared".into());
    }
    place.close().await;
    Ok(())
}

fn upload(bucket: &Bucket, file: &Path) -> ResumableUpload {
    bucket.resumable_upload(KEY, file).part_size(256 * 1024)
}

/// One row an upload.
#[derive(Clone, Debug, Default)]
struct Table(Arc<Mutex<HashMap<String, Row>>>);

#[derive(Debug, Default)]
struct Row {
    /// Counts the leases; the newest may write.
    lease: u64,
    holder: String,
    until: Option<Instant>,
    /// Each record as JSON: the form is the library's, and a later version of it may know more of them.
    records: Vec<String>,
}

impl Table {
    fn rows(&self) -> MutexGuard<'_, HashMap<String, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn parts(&self) -> usize {
        let is_part = |record: &&String| record.contains(r#""record":"part""#);
        self.rows().values().map(|row| row.records.iter().filter(is_part).count()).sum()
    }
}

/// The store as one machine sees it.
#[derive(Clone, Debug)]
struct Machine {
    name: &'static str,
    table: Table,
    is_dead: Arc<AtomicBool>,
}

impl Machine {
    fn new(name: &'static str, table: &Table) -> Self {
        Self { name, table: table.clone(), is_dead: Arc::default() }
    }

    /// From now on nothing of this machine reaches the table, not even the return of its lease.
    fn die(&self) {
        self.is_dead.store(true, Ordering::Release);
    }
}

#[async_trait::async_trait]
impl CheckpointStore for Machine {
    async fn open(&self, id: &CheckpointId) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        let mut rows = self.table.rows();
        let row = rows.entry(id.digest()).or_default();
        if row.until.is_some_and(|until| until > Instant::now()) {
            return Err(CheckpointError::locked(&row.holder));
        }
        row.lease += 1;
        row.holder = self.name.to_owned();
        row.until = Some(Instant::now() + LEASE);
        Ok(Box::new(Lease { machine: self.clone(), row: id.digest(), number: row.lease }))
    }
}

#[derive(Debug)]
struct Lease {
    machine: Machine,
    row: String,
    number: u64,
}

impl Lease {
    /// In SQL: `UPDATE … WHERE row = ? AND lease = ?`; if no row was changed, the lease is lost.
    fn change(&self, change: impl FnOnce(&mut Row)) -> Result<(), CheckpointError> {
        if self.machine.is_dead.load(Ordering::Acquire) {
            return Err(CheckpointError::Failed("this machine is dead".into()));
        }
        match self.machine.table.rows().get_mut(&self.row) {
            Some(row) if row.lease == self.number => {
                change(row);
                Ok(())
            }
            Some(row) => Err(CheckpointError::lost(&row.holder)),
            None => Err(CheckpointError::lost("nobody")),
        }
    }
}

#[async_trait::async_trait]
impl Checkpoint for Lease {
    fn recorded(&mut self) -> Recorded {
        let rows = self.machine.table.rows();
        let lines = rows.get(&self.row).map(|row| row.records.as_slice()).unwrap_or_default();
        let read: Vec<Record> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let damaged = read.len() < lines.len();
        let mut recorded = Recorded::new(read);
        recorded.damaged = damaged;
        recorded
    }

    async fn append(&mut self, record: &Record, _: Durability) -> Result<(), CheckpointError> {
        let line = serde_json::to_string(record).map_err(|error| CheckpointError::Failed(error.into()))?;
        self.change(|row| row.records.push(line))
    }

    async fn clear(&mut self) -> Result<(), CheckpointError> {
        self.change(|row| row.records.clear())
    }

    /// Renews the lease, and asks to be called again long before it ends.
    async fn upkeep(&mut self) -> Result<Duration, CheckpointError> {
        self.change(|row| row.until = Some(Instant::now() + LEASE))?;
        Ok(LEASE / 3)
    }
}

impl Drop for Lease {
    /// Gives the lease back at once.
    fn drop(&mut self) {
        // A lease that is lost, or cannot be given back, is somebody else's or ends by itself.
        let _ = self.change(|row| row.until = None);
    }
}

const KEY: &str = "files/video.bin";
/// Short, so that the example is. A minute is a better length: renewing costs a third of that each.
const LEASE: Duration = Duration::from_secs(2);
