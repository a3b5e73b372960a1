//! The lock on a checkpoint: one holder at a time, over all processes of a machine.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::fail;
use crate::checkpoint::CheckpointError;

/// The lock file of one checkpoint; on Unix it is removed when the checkpoint is released.
///
/// It is a file of its own, since the journal is replaced and removed during its life, and a lock on a file that is no
/// longer there locks nothing.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock. It blocks for up to [`PATIENCE`] if somebody holds it: an upload that was dropped in this process
    /// lets go when the file work it began has ended, and a program that is being started holds for a moment all files
    /// of its parent.
    pub(super) fn take(path: PathBuf) -> Result<Self, CheckpointError> {
        let started = Instant::now();
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
                Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => {
                    std::thread::sleep(PAUSE);
                    continue;
                }
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
                // The lock holds without the holder's name too, for instance on a full disk.
                let _ = file.set_len(0).and_then(|()| file.write_all(identity().as_bytes()));
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While the lock is held nobody else can hold it, so this removes no other holder's file. Elsewhere nothing
        // tells a file that was removed after it was opened, and two could hold the lock of one name.
        if cfg!(unix) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Far longer than a file's creation takes, and short for somebody who waits for the message.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(5);

/// Who holds the lock, for the message of whoever finds it held.
fn identity() -> String {
    let process = std::process::id();
    match std::fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(host) => format!("process {process} on {}", host.trim()),
        Err(_) => format!("process {process}"),
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

/// No holder removes it.
#[cfg(not(unix))]
fn is_still_there(_: &File, _: &Path) -> bool {
    true
}
