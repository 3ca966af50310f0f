//! `emit backup`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use emit_store::sqlite;

use super::{print, refuse_folder, refused, with_folder};
use crate::config::ToolFlags;

/// What may be set.
#[derive(Args)]
#[command(after_help = include_str!("../help/backup.txt"))]
pub(crate) struct Flags {
    /// The file to write. It must not be there yet.
    file: PathBuf,
    #[command(flatten)]
    settings: ToolFlags,
}

/// Writes a backup, under its name only when it is whole.
pub(crate) fn run(flags: Flags) -> ExitCode {
    with_folder(flags.settings, |data| {
        let file = &flags.file;
        if file.exists() {
            return is_there(file);
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let part = match tempfile::Builder::new().prefix(".emit-backup-").tempfile_in(folder) {
            Ok(part) => part,
            Err(why) => return cannot_write(file, &why),
        };
        if let Err(why) = sqlite::backup(data, part.path()) {
            return refuse_folder(&why);
        }
        let size = part.as_file().metadata().map_or(0, |found| found.len());
        match part.persist_noclobber(file) {
            Ok(_) => {}
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
                return is_there(file);
            }
            Err(failed) => return cannot_write(file, &failed.error),
        }
        // The entry of the new file has to reach the disk, too.
        if let Err(why) = std::fs::File::open(folder).and_then(|folder| folder.sync_all()) {
            return cannot_write(file, &why);
        }
        let (file, data) = (file.display(), data.display());
        print(&format!("{file} holds {data} as it was at one moment, {size} bytes\n"))
    })
}

fn is_there(file: &Path) -> ExitCode {
    refused(&format!("{} is there already", file.display()))
}

fn cannot_write(file: &Path, why: &io::Error) -> ExitCode {
    eprintln!("emit: {} cannot be written: {why}", file.display());
    ExitCode::FAILURE
}
