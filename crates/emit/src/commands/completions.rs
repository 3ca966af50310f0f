//! `emit completions`.

use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use super::print;

/// What may be set.
#[derive(Args)]
#[command(after_help = include_str!("../help/completions.txt"))]
pub(crate) struct Flags {
    /// The shell to complete in.
    shell: Shell,
}

/// Prints the script that completes this program's words.
pub(crate) fn run(flags: &Flags, mut program: Command) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut program, "emit", &mut script);
    print(&String::from_utf8_lossy(&script))
}
