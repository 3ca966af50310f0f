//! `emit`: background jobs over plain HTTP, watched live over WebSockets.

mod commands;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Requests are many small allocations, freed on another thread than they were made on.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Background jobs over plain HTTP, watched live over WebSockets.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("EMIT_LOG").unwrap_or_else(|_| "info".into()),
        )
        .init();
    match arguments.command {
        Command::Serve(flags) => commands::serve::run(flags),
        Command::Dev(flags) => commands::dev::run(flags),
    }
}
