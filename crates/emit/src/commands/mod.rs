//! One file a command.

pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod copy;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod key;
pub(crate) mod migrate;
pub(crate) mod restore;
pub(crate) mod serve;

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use emit_server::start::{Server, StartError};
use emit_store::sqlite::OpenError;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Flags, Loaded};
use crate::logging::{self, LogFormat, say};

/// Refused before anything was done: wrong usage, a wrong setting, a folder that is served.
const REFUSED: u8 = 2;

/// Runs a command with the effective configuration, once the log is set up.
fn with_config<const ALL: bool>(flags: Flags<ALL>, run: impl FnOnce(Loaded) -> ExitCode) -> ExitCode {
    match Loaded::gather(flags) {
        Ok(loaded) => {
            logging::start(&loaded.config.log.0, loaded.config.log_format);
            run(loaded)
        }
        Err(why) => refused(&why),
    }
}

/// Prints why nothing was started. A folder that is served already exits with 2, as the contract says, and so does a
/// wrong setting.
fn refuse(error: &StartError) -> ExitCode {
    if matches!(error, StartError::Locked | StartError::NoAdmin) {
        return refused(error);
    }
    eprintln!("emit: {error}");
    ExitCode::FAILURE
}

/// Prints why a tool did nothing with a folder.
fn refuse_folder(error: &OpenError) -> ExitCode {
    if matches!(error, OpenError::Locked | OpenError::Exists(_)) {
        return refused(error);
    }
    eprintln!("emit: {error}");
    ExitCode::FAILURE
}

/// The same for what is about a data folder.
fn with_folder<const ALL: bool>(given: Flags<ALL>, run: impl FnOnce(&Path) -> ExitCode) -> ExitCode {
    with_config(given, |loaded| match &loaded.config.store {
        Some(_) => {
            refused(&"this is about a data folder, and `store` names a database, which has tools of its own")
        }
        None => run(&loaded.config.data),
    })
}

/// Prints why nothing was done.
fn refused(why: &dyn Display) -> ExitCode {
    eprintln!("emit: {why}");
    ExitCode::from(REFUSED)
}

/// Prints what was asked for. Where stdout takes nothing (a full disk, a closed pipe) that is a failure, no panic.
fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("emit: nothing can be printed: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a future on a runtime of its own.
fn block_on(future: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => {
            eprintln!("emit: no threads can be started: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Where this machine reaches a server: who listens on all addresses has none that could be called.
fn local_url(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("http://localhost:{}", address.port()),
        false => format!("http://{address}"),
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ExitCode> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, address))
    };
    bound.await.map_err(|error| {
        eprintln!("emit: cannot listen on {address}: {error}");
        ExitCode::FAILURE
    })
}

/// Comes with SIGTERM or SIGINT. They are caught from the call on, not from the first poll: a server that says that it
/// listens must drain from then on.
fn told() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async {
        match signals {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            }
            _ => std::future::pending().await,
        }
    }
}

/// Serves until told, then drains.
async fn serve_until(
    told: impl Future<Output = ()>,
    server: Server,
    listener: TcpListener,
    format: LogFormat,
) -> ExitCode {
    server.serve(listener, told).await;
    say(format, "stopped");
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::local_url;

    #[test]
    fn whoever_listens_on_all_addresses_is_reached_on_this_machine() {
        for (listens, url) in [
            ("127.0.0.1:80", "http://127.0.0.1:80"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("0.0.0.0:8080", "http://localhost:8080"),
            ("[::]:8080", "http://localhost:8080"),
        ] {
            assert_eq!(listens.parse().map(local_url), Ok(url.to_owned()));
        }
    }
}
