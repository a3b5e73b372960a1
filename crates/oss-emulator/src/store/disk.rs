//! The disk store: bodies in files, changes in a log that is read back at the start.
//!
//! A body's file is whole before the log mentions it, and one line of the log is one change, so a process that is
//! killed at any moment leaves either the whole change or nothing of it. The log is not synced to the device: a
//! loss of power may take the last changes with it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::content::{Blob, FileBlob};
use super::model::Record;
use super::saved::{Blobs, Saved};
use super::writer::Writer;
use super::{World, apply};

const LOG: &str = "log.jsonl";
const NEW_LOG: &str = "log.jsonl.new";
const LOCK: &str = "lock";
const BODIES: &str = "bodies";

/// How often, and at what distance, a lock that is held is tried again.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// An open data folder.
#[derive(Debug)]
pub(crate) struct Disk {
    bodies: PathBuf,
    closing: Arc<AtomicBool>,
    log: Mutex<Log>,
    /// Held for as long as the folder is open, so that no second emulator opens it.
    _lock: File,
}

#[derive(Debug)]
struct Log {
    file: File,
    length: u64,
    /// A failed write could not be taken back yet, so the end of the file is not a record.
    torn: bool,
}

impl Disk {
    /// Opens a data folder, made if it is not there, and reads what is in it.
    pub(crate) fn open(folder: &Path) -> io::Result<(Self, World)> {
        let bodies = folder.join(BODIES);
        fs::create_dir_all(&bodies)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
        take(&lock)?;
        // Until all is read, nothing may be removed because some of it was replaced later in the log.
        let closing = Arc::new(AtomicBool::new(true));
        let world = read(&folder.join(LOG), &bodies, &closing)?;
        let log = compact(folder, &world)?;
        sweep(&bodies, &world)?;
        closing.store(false, Ordering::Release);
        Ok((Self { bodies, closing, log: Mutex::new(log), _lock: lock }, world))
    }

    pub(crate) async fn writer(&self) -> io::Result<Writer> {
        let id = format!("{:032x}", fastrand::u128(..));
        let path = self.bodies.join(&id);
        Writer::file(id, path, Arc::clone(&self.closing)).await
    }

    /// Writes a change down; a change that cannot be written whole is taken back.
    pub(crate) fn append(&self, record: &Record) -> io::Result<()> {
        let line = line(record)?;
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.torn {
            log.take_back()?;
        }
        if let Err(error) = log.file.write_all(&line) {
            log.torn = true;
            log.take_back()?;
            return Err(error);
        }
        log.length += line.len() as u64;
        Ok(())
    }

    /// From now on files stay, whatever is dropped.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }
}

/// Takes the lock of a folder, with a little patience: an emulator that is ending lets go a moment later, and a program
/// that is being started by this process holds a copy of the lock until it runs.
fn take(lock: &File) -> io::Result<()> {
    let mut left = LOCK_TRIES;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::Error(error)) => return Err(error),
            Err(fs::TryLockError::WouldBlock) if left == 0 => {
                return Err(io::Error::other("another emulator is using the folder"));
            }
            Err(fs::TryLockError::WouldBlock) => {
                left -= 1;
                std::thread::sleep(LOCK_PAUSE);
            }
        }
    }
}

impl Log {
    /// Removes what a failed write may have left behind.
    fn take_back(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.torn = false;
        Ok(())
    }
}

fn line(record: &Record) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Saved::of(record)?)?;
    line.push(b'\n');
    Ok(line)
}

/// Reads the log. Its last line may be torn by a kill; a broken line before that is an error.
fn read(log: &Path, bodies: &Path, closing: &Arc<AtomicBool>) -> io::Result<World> {
    let bytes = match fs::read(log) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(World::new()),
        Err(error) => return Err(error),
    };
    let mut world = World::new();
    let mut blobs = Blobs { known: HashMap::new(), open: |id: &str| open(bodies, id, closing) };
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if !line.ends_with(b"\n") {
            break;
        }
        let broken = |error: &dyn std::fmt::Display| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("line {} of {} is broken: {error}", index + 1, log.display()),
            )
        };
        let saved: Saved = serde_json::from_slice(line).map_err(|error| broken(&error))?;
        apply(&mut world, saved.restore(&mut blobs).map_err(|error| broken(&error))?);
    }
    check_sizes(&world)?;
    Ok(world)
}

fn open(bodies: &Path, id: &str, closing: &Arc<AtomicBool>) -> io::Result<Blob> {
    // Names are made here and nowhere else; a log that someone edited must not lead out of the folder.
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the name of a body is not one of ours"));
    }
    Ok(Blob::File(FileBlob { id: id.to_owned(), path: bodies.join(id), closing: Arc::clone(closing) }))
}

/// Every body that the world refers to must be there, whole.
fn check_sizes(world: &World) -> io::Result<()> {
    for segment in world.values().flat_map(super::model::Bucket::segments) {
        let Blob::File(file) = &*segment.blob else { continue };
        let length = fs::metadata(&file.path).map(|metadata| metadata.len()).unwrap_or(0);
        if length < segment.offset + segment.size {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is missing or shorter than recorded", file.path.display()),
            ));
        }
    }
    Ok(())
}

/// Writes a log of the world as it is, and puts it in the place of the old one.
fn compact(folder: &Path, world: &World) -> io::Result<Log> {
    let path = folder.join(NEW_LOG);
    let mut file = File::create(&path)?;
    let mut lines = Vec::new();
    for (name, bucket) in world {
        for record in bucket.records(name) {
            lines.extend_from_slice(&line(&record)?);
        }
    }
    file.write_all(&lines)?;
    fs::rename(&path, folder.join(LOG))?;
    Ok(Log { file, length: lines.len() as u64, torn: false })
}

/// Removes bodies that nothing refers to: uploads that a kill interrupted, objects that it was deleting.
fn sweep(bodies: &Path, world: &World) -> io::Result<()> {
    let used: std::collections::HashSet<&str> = world
        .values()
        .flat_map(super::model::Bucket::segments)
        .filter_map(|segment| match &*segment.blob {
            Blob::File(file) => Some(file.id.as_str()),
            Blob::Memory(_) | Blob::Void => None,
        })
        .collect();
    for entry in fs::read_dir(bodies)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(|name| used.contains(name)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
