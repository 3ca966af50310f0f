//! `emit restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use emit_store::sqlite;

use super::{print, refuse_folder, with_folder};
use crate::config::ToolFlags;

/// What may be set.
#[derive(Args)]
#[command(after_help = include_str!("../help/restore.txt"))]
pub(crate) struct Flags {
    /// A file that `emit backup` has written.
    file: PathBuf,
    #[command(flatten)]
    settings: ToolFlags,
}

/// Makes a backup the store of a folder that has none.
pub(crate) fn run(flags: Flags) -> ExitCode {
    with_folder(flags.settings, |data| match sqlite::restore(&flags.file, data) {
        Ok(()) => print(&format!("{} is restored from {}\n", data.display(), flags.file.display())),
        Err(why) => refuse_folder(&why),
    })
}
