//! The command line: what `emit` is told, and what it is set to. A library so that the fuzz targets reach the
//! configuration; the program is `main.rs`.

mod commands;
mod config;
mod logging;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use config::check;

/// Background jobs over plain HTTP, watched live over WebSockets.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = include_str!("help/emit.txt"))]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API from a data folder, until SIGTERM.
    Serve(commands::serve::Flags),
    /// Serve from a throw-away folder with a demo worker and a page that shows a job live.
    Dev(commands::dev::Flags),
    /// Print the effective settings, and where each comes from.
    Config(commands::config::Flags),
    /// Make keys on the machine itself.
    Key(commands::key::Flags),
    /// Write a consistent copy of the store to a file, also beside a running server.
    Backup(commands::backup::Flags),
    /// Make a backup the store of a data folder that has none.
    Restore(commands::restore::Flags),
    /// Examine a store, also beside a running server: is it whole, and does all of it fit together?
    Doctor(commands::doctor::Flags),
    /// Copy a data folder's store into a PostgreSQL database, from where nodes go on.
    Copy(commands::copy::Flags),
    /// Say what a database's tables lack, or bring them up to date.
    Migrate(commands::migrate::Flags),
    /// Print a script that completes these commands and flags in a shell.
    Completions(commands::completions::Flags),
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(flags) => commands::serve::run(flags),
        Command::Dev(flags) => commands::dev::run(flags),
        Command::Config(flags) => commands::config::run(flags),
        Command::Key(flags) => commands::key::run(flags),
        Command::Backup(flags) => commands::backup::run(flags),
        Command::Restore(flags) => commands::restore::run(flags),
        Command::Doctor(flags) => commands::doctor::run(flags),
        Command::Copy(flags) => commands::copy::run(flags),
        Command::Migrate(flags) => commands::migrate::run(flags),
        Command::Completions(flags) => commands::completions::run(&flags, Arguments::command()),
    }
}
