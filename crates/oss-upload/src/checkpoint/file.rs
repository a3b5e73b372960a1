mod lines;
mod lock;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use self::lines::{Lines, line};
use self::lock::Lock;
use super::{Checkpoint, CheckpointError, CheckpointId, CheckpointStore, Durability, Record, Recorded};

/// Keeps each checkpoint as two files in a directory: a journal and a lock, named by [`CheckpointId::digest`].
///
/// The journal is text, one record a line: the CRC-64 of the JSON in 16 hex digits, a space, the JSON. It is created whole
/// (temporary file, fsync, rename, fsync of the directory) and then only appended to. A tail that does not hold its
/// checksum, as a crash or power cut leaves, is cut off, and a broken line before it is passed over. A journal whose
/// beginning cannot be read, or that another version of this crate wrote, is set aside under the name `….unreadable`,
/// its upload is aborted if its id can be read, and [`Report::restarts`](crate::Report) says so.
///
/// The lock is an advisory lock of the operating system on a file of its own, so the death of the holder releases it. On
/// Windows the file stays, with a few bytes, after the upload has ended.
/// Half a second is waited for it, since a dropped upload lets go of it when the file work it began has ended.
/// It holds between processes of one machine; whether it holds over a network file system depends on that.
#[derive(Clone, Debug)]
pub struct FileCheckpoints {
    directory: PathBuf,
}

impl FileCheckpoints {
    /// Keeps checkpoints in `directory`, which is created when it is first needed.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Where the checkpoints are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

#[async_trait]
impl CheckpointStore for FileCheckpoints {
    async fn open(&self, id: &CheckpointId) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        let (directory, name) = (self.directory.clone(), id.digest());
        let opened = spawn_blocking(move || FileCheckpoint::open(directory, name)).await.map_err(lost)??;
        Ok(Box::new(opened))
    }
}

#[derive(Debug)]
struct FileCheckpoint {
    directory: PathBuf,
    name: String,
    journal: PathBuf,
    /// `None` until there is a record.
    file: Option<File>,
    /// Bytes of whole records.
    len: u64,
    /// When the oldest record was written that is not yet on the disk.
    unsynced: Option<Instant>,
    recorded: Recorded,
    lock: Arc<Lock>,
}

impl FileCheckpoint {
    fn open(directory: PathBuf, name: String) -> Result<Self, CheckpointError> {
        std::fs::create_dir_all(&directory).map_err(|e| fail(&directory, "created", e))?;
        let lock = Arc::new(Lock::take(directory.join(format!("{name}.lock")))?);
        let journal = directory.join(format!("{name}.journal"));
        let recorded = Recorded::default();
        let (file, len, unsynced) = (None, 0, None);
        let mut this = Self { directory, name, journal, file, len, unsynced, recorded, lock };
        this.read()?;
        Ok(this)
    }

    fn read(&mut self) -> Result<(), CheckpointError> {
        let mut file = match OpenOptions::new().read(true).write(true).open(&self.journal) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.remove_half_made();
                return Ok(());
            }
            Err(error) => return Err(fail(&self.journal, "opened", error)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| fail(&self.journal, "read", e))?;
        let lines = Lines::parse(&bytes);
        if !lines.are_usable() {
            return self.set_aside(&lines);
        }
        // What is appended must not follow a torn record.
        file.set_len(lines.len).map_err(|e| fail(&self.journal, "cut", e))?;
        file.seek(SeekFrom::Start(lines.len)).map_err(|e| fail(&self.journal, "read", e))?;
        self.len = lines.len;
        self.recorded.damaged = lines.damaged > 0;
        self.recorded.records = lines.records;
        self.file = Some(file);
        Ok(())
    }

    /// A process that was killed while it made its journal has left the temporary file.
    fn remove_half_made(&self) {
        let prefix = half_made(&self.name);
        for entry in std::fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// Moves a journal that is not one of ours out of the way, whole and over no other file. The ids that can be read in
    /// it stay.
    fn set_aside(&mut self, lines: &Lines) -> Result<(), CheckpointError> {
        let names = (1..).map(|n| match n {
            1 => self.journal.with_extension("journal.unreadable"),
            n => self.journal.with_extension(format!("journal.unreadable-{n}")),
        });
        let free = names.take(MOST_SET_ASIDE).find(|name| !name.exists());
        let aside =
            free.ok_or_else(|| fail(&self.journal, "set aside", io::ErrorKind::AlreadyExists.into()))?;
        let (upload_ids, orphans) = (lines.upload_ids(), lines.orphans());
        let records = Record::taken_over(&orphans, &upload_ids);
        if records.is_empty() {
            std::fs::rename(&self.journal, &aside).map_err(|e| fail(&self.journal, "set aside", e))?;
        } else {
            // The new journal takes the place of the old one at once, so that no upload is ever in neither.
            let replaced = std::fs::hard_link(&self.journal, &aside)
                .or_else(|_| std::fs::copy(&self.journal, &aside).map(drop))
                .map_err(|e| fail(&self.journal, "set aside", e))
                .and_then(|()| self.replace(&records));
            if let Err(error) = replaced {
                // The old journal is still in its place, so the next run sets it aside again.
                let _ = std::fs::remove_file(&aside);
                return Err(error);
            }
            sync_directory(&self.directory)?;
        }
        self.recorded.set_aside = Some(aside.display().to_string());
        self.recorded.upload_ids = upload_ids;
        self.recorded.records = orphans.into_iter().map(|upload_id| Record::Orphan { upload_id }).collect();
        Ok(())
    }

    fn replace(&mut self, records: &[Record]) -> Result<(), CheckpointError> {
        let lines: Result<Vec<Vec<u8>>, _> = records.iter().map(line).collect();
        let bytes = lines.map_err(|e| CheckpointError::Failed(Box::new(e)))?.concat();
        self.file = Some(put_in_place(&self.directory, &half_made(&self.name), &self.journal, &bytes)?);
        self.len = bytes.len() as u64;
        Ok(())
    }

    /// Makes the journal with its first record, whole or not at all.
    async fn create(&mut self, line: Vec<u8>) -> Result<(), CheckpointError> {
        let (directory, journal) = (self.directory.clone(), self.journal.clone());
        let (prefix, len) = (half_made(&self.name), line.len() as u64);
        // If this future is dropped, the work goes on and must not meet the next holder's.
        let lock = Arc::clone(&self.lock);
        let made = spawn_blocking(move || {
            let made = create(&directory, &prefix, &journal, &line);
            drop(lock);
            made
        });
        self.file = Some(made.await.map_err(lost)??);
        (self.len, self.unsynced) = (len, None);
        Ok(())
    }

    /// Writes a record into the operating system's hands: a few hundred bytes, quicker than a change of threads.
    fn write(&mut self, line: &[u8]) -> Result<(), CheckpointError> {
        let Some(file) = self.file.as_mut() else {
            return Err(fail(&self.journal, "written", io::ErrorKind::NotFound.into()));
        };
        if let Err(error) = file.write_all(line) {
            // A full disk can take half a record; the next one must not follow it.
            let _ = file.set_len(self.len).and_then(|()| file.seek(SeekFrom::Start(self.len)));
            return Err(fail(&self.journal, "written", error));
        }
        self.len += line.len() as u64;
        self.unsynced.get_or_insert_with(Instant::now);
        Ok(())
    }

    async fn sync(&mut self) -> Result<(), CheckpointError> {
        let Some(file) = &self.file else { return Ok(()) };
        let file = file.try_clone().map_err(|e| fail(&self.journal, "written to the disk", e))?;
        // The clone outlives a dropped future harmlessly: it only brings to the disk what is already written.
        let synced = spawn_blocking(move || file.sync_data()).await.map_err(lost)?;
        synced.map_err(|e| fail(&self.journal, "written to the disk", e))?;
        self.unsynced = None;
        Ok(())
    }
}

#[async_trait]
impl Checkpoint for FileCheckpoint {
    fn recorded(&mut self) -> Recorded {
        std::mem::take(&mut self.recorded)
    }

    async fn append(&mut self, record: &Record, durability: Durability) -> Result<(), CheckpointError> {
        let line = line(record).map_err(|e| CheckpointError::Failed(Box::new(e)))?;
        if self.file.is_none() {
            return self.create(line).await;
        }
        self.write(&line)?;
        match durability {
            Durability::Synced => self.sync().await,
            Durability::Buffered => self.upkeep().await.map(drop),
        }
    }

    async fn clear(&mut self) -> Result<(), CheckpointError> {
        if self.file.take().is_some() {
            (self.len, self.unsynced) = (0, None);
            std::fs::remove_file(&self.journal).map_err(|e| fail(&self.journal, "removed", e))?;
            let directory = self.directory.clone();
            spawn_blocking(move || sync_directory(&directory)).await.map_err(lost)??;
        }
        Ok(())
    }

    /// Brings buffered records to the disk, many with one fsync.
    async fn upkeep(&mut self) -> Result<Duration, CheckpointError> {
        match self.unsynced.map(|since| since.elapsed()) {
            None => Ok(Duration::from_secs(3600)),
            Some(waited) if waited < GROUP => Ok(GROUP - waited),
            Some(_) => {
                self.sync().await?;
                Ok(Duration::from_secs(3600))
            }
        }
    }
}

fn create(directory: &Path, prefix: &str, journal: &Path, lines: &[u8]) -> Result<File, CheckpointError> {
    let file = put_in_place(directory, prefix, journal, lines)?;
    sync_directory(directory)?;
    Ok(file)
}

fn put_in_place(
    directory: &Path,
    prefix: &str,
    journal: &Path,
    lines: &[u8],
) -> Result<File, CheckpointError> {
    let cannot = |e| fail(journal, "created", e);
    let mut file = tempfile::Builder::new().prefix(prefix).tempfile_in(directory).map_err(cannot)?;
    file.write_all(lines).map_err(cannot)?;
    file.as_file().sync_all().map_err(cannot)?;
    file.persist(journal).map_err(|e| cannot(e.error))
}

fn half_made(name: &str) -> String {
    format!("{name}.new-")
}

/// A new name is only durable when its directory is.
fn sync_directory(directory: &Path) -> Result<(), CheckpointError> {
    if cfg!(unix) {
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|e| fail(directory, "written to the disk", e))?;
    }
    Ok(())
}

fn fail(path: &Path, action: &'static str, source: io::Error) -> CheckpointError {
    CheckpointError::Io { path: path.to_path_buf(), action, source }
}

/// The blocking work is only lost when the runtime shuts down.
fn lost(error: tokio::task::JoinError) -> CheckpointError {
    CheckpointError::Failed(Box::new(error))
}

/// How long buffered records may wait for the disk.
const GROUP: Duration = Duration::from_millis(100);
const MOST_SET_ASIDE: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u16) -> Record {
        Record::Part { number, size: 5, etag: "\"A\"".into(), crc64: 1 }
    }

    async fn opened(directory: &Path) -> FileCheckpoint {
        let (directory, name) = (directory.to_path_buf(), "name".to_owned());
        spawn_blocking(move || FileCheckpoint::open(directory, name)).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn buffered_records_reach_the_disk_in_groups() {
        let directory = tempfile::tempdir().unwrap();
        let mut checkpoint = opened(directory.path()).await;
        let orphan = Record::Orphan { upload_id: "U".into() };
        checkpoint.append(&orphan, Durability::Synced).await.unwrap();
        assert_eq!(checkpoint.unsynced, None, "created whole");
        assert!(checkpoint.upkeep().await.unwrap() > Duration::from_secs(60), "there is nothing to do");

        checkpoint.append(&part(1), Durability::Buffered).await.unwrap();
        assert!(checkpoint.unsynced.is_some());
        // In an hour, so that this machine's load cannot make it old.
        let since = Instant::now() + Duration::from_secs(3600);
        checkpoint.unsynced = Some(since);
        checkpoint.append(&part(2), Durability::Buffered).await.unwrap();
        assert_eq!(checkpoint.unsynced, Some(since), "the oldest counts");
        assert!(checkpoint.upkeep().await.unwrap() <= GROUP);

        // As if the first had waited long enough.
        checkpoint.unsynced = Instant::now().checked_sub(GROUP);
        checkpoint.append(&part(3), Durability::Buffered).await.unwrap();
        assert_eq!(checkpoint.unsynced, None, "one fsync for three records");

        checkpoint.append(&part(4), Durability::Buffered).await.unwrap();
        checkpoint.append(&part(5), Durability::Synced).await.unwrap();
        assert_eq!(checkpoint.unsynced, None);
        drop(checkpoint);
        assert_eq!(opened(directory.path()).await.recorded().records.len(), 6);
    }

    #[tokio::test]
    async fn what_is_appended_after_a_torn_record_can_be_read() {
        let directory = tempfile::tempdir().unwrap();
        let mut checkpoint = opened(directory.path()).await;
        let orphan = Record::Orphan { upload_id: "U".into() };
        checkpoint.append(&orphan, Durability::Synced).await.unwrap();
        checkpoint.append(&part(1), Durability::Buffered).await.unwrap();
        let journal = checkpoint.journal.clone();
        drop(checkpoint);
        let bytes = std::fs::read(&journal).unwrap();
        for torn in 1..40 {
            std::fs::write(&journal, &bytes[..bytes.len() - torn]).unwrap();
            let mut checkpoint = opened(directory.path()).await;
            assert_eq!(checkpoint.recorded().records, std::slice::from_ref(&orphan));
            checkpoint.append(&part(2), Durability::Buffered).await.unwrap();
            drop(checkpoint);
            assert_eq!(opened(directory.path()).await.recorded().records, [orphan.clone(), part(2)]);
        }
    }

    #[tokio::test]
    async fn journal_that_cannot_be_replaced_stays_and_leaves_no_copy_behind() {
        let directory = tempfile::tempdir().unwrap();
        let mut checkpoint = opened(directory.path()).await;
        let started = Record::Started { upload_id: "U".into(), since: 1 };
        checkpoint.append(&started, Durability::Synced).await.unwrap();
        let bytes = std::fs::read(&checkpoint.journal).unwrap();
        // No file can be made there.
        checkpoint.directory = directory.path().join("missing");
        checkpoint.set_aside(&Lines::parse(&bytes)).unwrap_err();
        assert_eq!(std::fs::read(&checkpoint.journal).unwrap(), bytes);
        let journal = checkpoint.journal.clone();
        drop(checkpoint);
        let left: Vec<PathBuf> =
            std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [journal]);
    }
}
