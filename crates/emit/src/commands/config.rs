//! `emit config`.

use std::process::ExitCode;

use clap::Args;

use super::{print, with_config};
use crate::config::{REFERENCE, ServeFlags};

/// What may be set.
#[derive(Args)]
#[command(after_help = include_str!("../help/config.txt"))]
pub(crate) struct Flags {
    /// Print the reference instead: every setting with its default and what it is for.
    #[arg(long)]
    default: bool,
    #[command(flatten)]
    settings: ServeFlags,
}

/// Prints the effective configuration, or the reference.
pub(crate) fn run(flags: Flags) -> ExitCode {
    if flags.default {
        return print(REFERENCE);
    }
    with_config(flags.settings, |loaded| print(&loaded.show()))
}
