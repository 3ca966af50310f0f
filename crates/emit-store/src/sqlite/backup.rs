//! Copies of a whole store: out of a folder that may be served, and into one that has none.
//!
//! `VACUUM INTO` reads one moment, beside a writer and without waiting for it, and writes a file without free
//! pages: nothing that was erased is in a backup.

use std::fs::File;
use std::path::Path;

use super::open::{
    FILE, OpenError, connect, create_file, create_folder, failed, format_of, lock, unreadable,
};

/// Copies the store of a folder, as it is at one moment, into an empty file, which is on disk afterwards.
///
/// # Errors
/// Where the folder has no store, or one of a newer format; where the file cannot be written.
pub fn backup(folder: &Path, into: &Path) -> Result<(), OpenError> {
    let store = folder.join(FILE);
    if !store.exists() {
        return Err(OpenError::Missing(folder.to_owned()));
    }
    copy(&store, into)
}

/// Makes a backup the store of a folder that has none, and makes the folder if it is not there.
///
/// # Errors
/// Where the folder is served or has a store already; where the file is no backup; where nothing can be written.
pub fn restore(backup: &Path, folder: &Path) -> Result<(), OpenError> {
    if !backup.is_file() {
        return Err(OpenError::Failed(format!("there is no file {}", backup.display())));
    }
    create_folder(folder)?;
    let _lock = lock(folder)?;
    let store = folder.join(FILE);
    // A log without its file is what is left of a store, and would be played into the new one.
    let log = folder.join(format!("{FILE}-wal"));
    if store.exists() || log.exists() {
        return Err(OpenError::Exists(folder.to_owned()));
    }
    // Under another name until it is whole: an attempt that was cut off leaves no half of a store.
    let part = folder.join(format!("{FILE}.part"));
    // One that is left of such an attempt is in the way.
    create_file(&part)?.set_len(0).map_err(|why| failed("the data folder cannot be written", &why))?;
    let written = copy(backup, &part).and_then(|()| {
        std::fs::rename(&part, &store)
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(|why| failed("the data folder cannot be written", &why))
    });
    if written.is_err() {
        // What stays behind is overwritten by the next attempt.
        let _ = std::fs::remove_file(&part);
    }
    written
}

fn copy(from: &Path, into: &Path) -> Result<(), OpenError> {
    let source = connect(from, true).map_err(unreadable)?;
    format_of(&source)?;
    let target = into.to_str().ok_or_else(|| failed("the file's name", &"it is not UTF-8"))?;
    source.execute("VACUUM INTO ?1", [target]).map_err(|why| failed("the copy failed", &why))?;
    File::open(into)
        .and_then(|file| file.sync_all())
        .map_err(|why| failed("the copy cannot be brought to the disk", &why))
}
