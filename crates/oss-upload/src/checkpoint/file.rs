use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use super::{Checkpoint, CheckpointError, CheckpointId, CheckpointStore, Durability, Record, Recorded};
use crate::crc64::Crc64;

/// Keeps each checkpoint as two files in a directory: a journal and a lock, named by [`CheckpointId::digest`].
///
/// The journal is text, one record a line: the CRC-64 of the JSON in 16 hex digits, a space, the JSON. It is created whole
/// (temporary file, fsync, rename, fsync of the directory) and then only appended to. A tail that does not hold its
/// checksum, as a crash or power cut leaves, is cut off; a journal whose first line cannot be read is set aside under
/// the name `….unreadable` and reported in [`Report::restarts`](crate::Report).
///
/// The lock is an advisory lock of the operating system on a file of its own, so the death of the holder releases it.
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
        let opened = spawn_blocking(move || FileCheckpoint::open(directory, &name)).await.map_err(lost)??;
        Ok(Box::new(opened))
    }
}

#[derive(Debug)]
struct FileCheckpoint {
    directory: PathBuf,
    journal: PathBuf,
    /// `None` until there is a record.
    file: Option<File>,
    /// Bytes of whole records.
    len: u64,
    synced: Instant,
    recorded: Recorded,
    _lock: Lock,
}

impl FileCheckpoint {
    fn open(directory: PathBuf, name: &str) -> Result<Self, CheckpointError> {
        std::fs::create_dir_all(&directory).map_err(|e| fail(&directory, "created", e))?;
        let lock = Lock::take(directory.join(format!("{name}.lock")))?;
        let journal = directory.join(format!("{name}.journal"));
        let mut this = Self {
            directory,
            journal,
            file: None,
            len: 0,
            synced: Instant::now(),
            recorded: Recorded::default(),
            _lock: lock,
        };
        this.read()?;
        Ok(this)
    }

    fn read(&mut self) -> Result<(), CheckpointError> {
        let mut file = match OpenOptions::new().read(true).write(true).open(&self.journal) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(fail(&self.journal, "opened", error)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| fail(&self.journal, "read", e))?;
        let (records, len) = parse(&bytes);
        if records.is_empty() {
            return self.set_aside();
        }
        // What is appended must not follow a torn record.
        file.set_len(len).map_err(|e| fail(&self.journal, "cut", e))?;
        file.seek(SeekFrom::Start(len)).map_err(|e| fail(&self.journal, "read", e))?;
        self.recorded.records = records;
        self.len = len;
        self.file = Some(file);
        Ok(())
    }

    fn set_aside(&mut self) -> Result<(), CheckpointError> {
        let aside = self.journal.with_extension("journal.unreadable");
        std::fs::rename(&self.journal, &aside).map_err(|e| fail(&self.journal, "set aside", e))?;
        self.recorded.set_aside = Some(aside.display().to_string());
        Ok(())
    }

    /// Makes the journal with its first record, whole or not at all.
    async fn create(&mut self, line: Vec<u8>) -> Result<(), CheckpointError> {
        let (directory, journal, len) = (self.directory.clone(), self.journal.clone(), line.len() as u64);
        let file = spawn_blocking(move || create(&directory, &journal, &line)).await.map_err(lost)??;
        (self.file, self.len, self.synced) = (Some(file), len, Instant::now());
        Ok(())
    }

    /// Writes a record into the operating system's hands: a few hundred bytes, quicker than a change of threads.
    fn write(&mut self, line: &[u8]) -> Result<&File, CheckpointError> {
        let Some(file) = self.file.as_mut() else {
            return Err(fail(&self.journal, "written", io::ErrorKind::NotFound.into()));
        };
        if let Err(error) = file.write_all(line) {
            // A full disk can take half a record; the next one must not follow it.
            let _ = file.set_len(self.len).and_then(|()| file.seek(SeekFrom::Start(self.len)));
            return Err(fail(&self.journal, "written", error));
        }
        self.len += line.len() as u64;
        Ok(file)
    }
}

#[async_trait]
impl Checkpoint for FileCheckpoint {
    fn recorded(&mut self) -> Recorded {
        std::mem::take(&mut self.recorded)
    }

    async fn append(&mut self, record: &Record, durability: Durability) -> Result<(), CheckpointError> {
        let line = line(record)?;
        if self.file.is_none() {
            return self.create(line).await;
        }
        let file = self.write(&line)?;
        let file = file.try_clone().map_err(|e| fail(&self.journal, "written", e))?;
        if durability == Durability::Buffered && self.synced.elapsed() < GROUP {
            return Ok(());
        }
        // The clone outlives a dropped future harmlessly: it only brings to the disk what is already written.
        let synced = spawn_blocking(move || file.sync_data()).await.map_err(lost)?;
        synced.map_err(|e| fail(&self.journal, "written to the disk", e))?;
        self.synced = Instant::now();
        Ok(())
    }

    async fn clear(&mut self) -> Result<(), CheckpointError> {
        if self.file.take().is_some() {
            self.len = 0;
            std::fs::remove_file(&self.journal).map_err(|e| fail(&self.journal, "removed", e))?;
            let directory = self.directory.clone();
            spawn_blocking(move || sync_directory(&directory)).await.map_err(lost)??;
        }
        Ok(())
    }
}

/// The lock file of one checkpoint; it is removed when the checkpoint is released.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(path: PathBuf) -> Result<Self, CheckpointError> {
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(|e| fail(&path, "opened", e))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    let _ = file.read_to_string(&mut holder);
                    let holder = if holder.is_empty() { "holder unknown".to_owned() } else { holder };
                    return Err(CheckpointError::Locked { holder });
                }
                Err(TryLockError::Error(error)) => return Err(fail(&path, "locked", error)),
            }
            // The holder before may have removed the file between our open and our lock.
            if is_still_there(&file, &path) {
                let holder = format!("process {}", std::process::id());
                file.set_len(0)
                    .and_then(|()| file.write_all(holder.as_bytes()))
                    .map_err(|e| fail(&path, "written", e))?;
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While the lock is held nobody else can hold it, so this removes no other holder's file.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Windows does not let a file be removed while it is open here.
#[cfg(not(unix))]
fn is_still_there(_: &File, path: &Path) -> bool {
    path.exists()
}

fn create(directory: &Path, journal: &Path, line: &[u8]) -> Result<File, CheckpointError> {
    let cannot = |e| fail(journal, "created", e);
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(cannot)?;
    file.write_all(line).map_err(cannot)?;
    file.as_file().sync_all().map_err(cannot)?;
    // Not over an existing file: a run that was dropped while it created its journal must not replace the journal of
    // the run that took the lock after it.
    let file = match file.persist_noclobber(journal) {
        Ok(file) => file,
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(journal).map_err(cannot)?;
            error.file.persist_noclobber(journal).map_err(|e| cannot(e.error))?
        }
        Err(error) => return Err(cannot(error.error)),
    };
    sync_directory(directory)?;
    Ok(file)
}

/// A new name is only durable when its directory is.
fn sync_directory(directory: &Path) -> Result<(), CheckpointError> {
    if cfg!(unix) {
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|e| fail(directory, "written to the disk", e))?;
    }
    Ok(())
}

fn line(record: &Record) -> Result<Vec<u8>, CheckpointError> {
    let json = serde_json::to_string(record).map_err(|e| CheckpointError::Failed(Box::new(e)))?;
    Ok(format!("{:016x} {json}\n", Crc64::of(json.as_bytes())).into_bytes())
}

/// The records up to the first that is torn, and the bytes they take.
fn parse(bytes: &[u8]) -> (Vec<Record>, u64) {
    let (mut records, mut len) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let Some(record) = parse_line(line) else { break };
        records.push(record);
        len += line.len() as u64;
    }
    (records, len)
}

fn parse_line(line: &[u8]) -> Option<Record> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (crc, json) = line.split_once(' ')?;
    let holds = crc.len() == 16 && u64::from_str_radix(crc, 16).ok()? == Crc64::of(json.as_bytes());
    if holds { serde_json::from_str(json).ok() } else { None }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u16) -> Record {
        Record::Part { number, size: 5, etag: "\"A\"".into(), crc64: u64::MAX - u64::from(number) }
    }

    fn written(records: &[Record]) -> Vec<u8> {
        records.iter().flat_map(|record| line(record).unwrap()).collect()
    }

    #[test]
    fn a_journal_cut_anywhere_keeps_its_whole_records() {
        let records = [part(1), part(2), part(3)];
        let bytes = written(&records);
        for cut in 0..=bytes.len() {
            let (read, len) = parse(&bytes[..cut]);
            assert_eq!(read, records[..read.len()]);
            assert!(len as usize <= cut && cut - (len as usize) < bytes.len() / 3 + 3, "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_journal_before_it() {
        let records = [part(1), part(2)];
        let bytes = written(&records);
        let first = line(&records[0]).unwrap().len();
        for at in first..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let (read, _) = parse(&flipped);
                // Upper-case hex is the same number; nothing else may pass.
                let same = flipped[at].eq_ignore_ascii_case(&bytes[at]) && at < first + 16;
                assert_eq!(read.len(), if same { 2 } else { 1 }, "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn zeros_after_a_power_cut_are_no_records() {
        let mut bytes = written(&[part(1)]);
        bytes.extend([0; 4096]);
        assert_eq!(parse(&bytes).0.len(), 1);
        assert!(parse(&[0; 4096]).0.is_empty());
    }
}
