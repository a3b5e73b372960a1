//! The callback key in a data folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

const KEY: &str = "callback_key.pem";
const NEW_KEY: &str = "callback_key.pem.new";

/// Reads the key; `None` if there is none, or a file into which none was written.
pub(crate) fn read(folder: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(folder.join(KEY)) {
        Ok(pem) if pem.is_empty() => Ok(None),
        Ok(pem) => Ok(Some(pem)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the key so that a kill leaves the whole of it or none, and other users cannot read it.
pub(crate) fn write(folder: &Path, pem: &str) -> io::Result<()> {
    let new = folder.join(NEW_KEY);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create(&new)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, folder.join(KEY))
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
