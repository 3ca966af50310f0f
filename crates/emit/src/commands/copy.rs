//! `emit copy`.

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use emit_store::copy::{CopyError, Progress, copy};

use super::{print, refuse_folder, refused, with_config};
use crate::config::{StoreUrl, ToolFlags};

/// What may be set.
#[derive(Args)]
#[command(after_help = include_str!("../help/copy.txt"))]
pub(crate) struct Flags {
    /// The data folder. No server may run on it.
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The database, which no server has used yet. Its password as `store-password`.
    #[arg(long, value_name = "URL", value_parser = StoreUrl::parse)]
    to: StoreUrl,
    #[command(flatten)]
    settings: ToolFlags,
}

/// Copies a folder's store into a database, as a whole or not at all.
pub(crate) fn run(flags: Flags) -> ExitCode {
    let (from, to) = (flags.from, flags.to);
    with_config(flags.settings, |loaded| {
        let target = to.target(loaded.config.store_password.as_ref());
        match copy(&from, &target, tell) {
            Ok(tables) => print(&done(&from.display(), &tables)),
            Err(CopyError::Source(why)) => refuse_folder(&why),
            Err(why @ CopyError::NotEmpty) => refused(&why),
            Err(why) => {
                eprintln!("emit: {why}");
                ExitCode::FAILURE
            }
        }
    })
}

/// One line a table, which grows where somebody watches.
fn tell(Progress { table, rows, done }: Progress) {
    let watched = stderr().is_terminal();
    if done {
        eprintln!("{}{table}: {rows} rows", if watched { "\r" } else { "" });
    } else if watched {
        eprint!("\r{table}: {rows} rows");
    }
}

fn done(from: &dyn std::fmt::Display, tables: &[Progress]) -> String {
    let count = |name: &str| tables.iter().find(|it| it.table == name).map_or(0, |it| it.rows);
    format!(
        "The database holds all of {from}: {} spaces, {} jobs, {} events, {} keys.\nStart nodes on it, and keep the \
         folder only as a backup: what a server would still write there is not in the database.\n",
        count("spaces"),
        count("jobs"),
        count("events"),
        count("tokens"),
    )
}
