//! `emit dev`: everything at once, on a folder that is gone afterwards.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use emit_server::app::Settings;
use emit_server::demo;
use emit_server::start::{Options, Place, Server};

use super::{block_on, listen, local_url, refuse, serve_until, told};
use crate::logging::{self, LogFormat};

/// What may be set.
#[derive(Args)]
pub(crate) struct Flags {
    /// Address and port to listen on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// Serves the demo until told to stop.
pub(crate) fn run(flags: Flags) -> ExitCode {
    logging::start("info", LogFormat::Plain);
    let folder = match tempfile::Builder::new().prefix("emit-dev-").tempdir() {
        Ok(folder) => folder,
        Err(why) => {
            eprintln!("emit: no throw-away folder can be made: {why}");
            return ExitCode::FAILURE;
        }
    };
    let options = Options {
        store: Place::Folder(folder.path().to_owned()),
        admin_key: None,
        settings: Settings::default(),
    };
    block_on(async {
        let mut server = match Server::open(options).await {
            Ok(server) => server,
            Err(error) => return refuse(&error),
        };
        let (listener, address) = match listen(flags.listen).await {
            Ok(bound) => bound,
            Err(code) => return code,
        };
        let url = local_url(address);
        server.settings_mut().public_url.clone_from(&url);
        if let Err(error) = demo::prepare(&mut server).await {
            return refuse(&error);
        }
        if let Some(key) = server.first_steps().and_then(|first| first.admin_key.as_ref()) {
            eprintln!("emit: admin key of this run: {key}");
        }
        let told = told();
        eprintln!("emit: listening on http://{address}");
        println!("Open {url}/ and start a job.");
        serve_until(told, server, listener, LogFormat::Plain).await
    })
}
