//! `emit serve`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use emit_core::callback::Schedule;
use emit_core::time::SECOND;
use emit_server::app::{Patience, Settings};
use emit_server::first_start::FirstSteps;
use emit_server::outbound;
use emit_server::start::{Options, Place, Server};
use emit_server::traces;

use super::{block_on, listen, local_url, refuse, refused, serve_until, told, with_config};
use crate::config::{Config, ServeFlags};
use crate::logging::say;

/// A shorter admin key than this is probably no random one.
const SHORT_KEY: usize = 20;

/// What may be set.
#[derive(Args)]
#[command(after_help = include_str!("../help/serve.txt"))]
pub(crate) struct Flags {
    #[command(flatten)]
    settings: ServeFlags,
}

/// Serves until told to stop.
pub(crate) fn run(flags: Flags) -> ExitCode {
    with_config(flags.settings, |loaded| block_on(serve(loaded.config)))
}

async fn serve(config: Config) -> ExitCode {
    let (store, address) = (place(&config), config.listen);
    let public_url = config.public_url.as_ref().map(|url| url.0.clone());
    let admin_key = config.admin_key.as_ref().map(|key| key.0.clone());
    if admin_key.as_ref().is_some_and(|key| key.len() < SHORT_KEY) {
        tracing::warn!("the admin key is short; 32 random characters are safe, words are not");
    }
    if let Err(why) = traces::start(config.otlp_endpoint.as_ref().map(|collector| collector.0.as_str())) {
        return refused(&why);
    }
    let own_key = admin_key.is_some();
    let (metrics, format) = (config.metrics_listen, config.log_format);
    // The folder before the port: who finds the folder taken must not answer requests for a moment.
    let mut server = match Server::open(Options { store, admin_key, settings: settings(config) }).await {
        Ok(server) => server,
        Err(error) => return refuse(&error),
    };
    let bound = listen(address).await;
    let url =
        public_url.unwrap_or_else(|| local_url(bound.as_ref().map_or(address, |(_, address)| *address)));
    // Also where the port is taken: the key is made, and the next start is no first one.
    if let Some(first) = server.first_steps() {
        greet(first, own_key, &url);
    }
    let (listener, address) = match bound {
        Ok(bound) => bound,
        Err(code) => return code,
    };
    if let Some(metrics) = metrics {
        match listen(metrics).await {
            Ok((listener, address)) => {
                say(format, &format!("metrics on http://{address}/metrics"));
                server.show_metrics_on(listener);
            }
            Err(code) => return code,
        }
    }
    server.settings_mut().public_url = url;
    let told = told();
    say(format, &format!("listening on http://{address}"));
    let code = serve_until(told, server, listener, format).await;
    // It blocks, and needs the runtime meanwhile.
    let _ = tokio::task::spawn_blocking(traces::stop).await;
    code
}

/// Where everything is kept.
fn place(config: &Config) -> Place {
    match &config.store {
        Some(url) => Place::Postgres(url.target(config.store_password.as_ref())),
        None => Place::Folder(config.data.clone()),
    }
}

/// What of the configuration a request depends on.
fn settings(config: Config) -> Settings {
    let seconds = |whole: u32| Duration::from_secs(whole.into());
    Settings {
        allowed_origins: config.allowed_origins.0.into_iter().map(|origin| origin.0).collect(),
        trusted_proxies: config.trusted_proxies.0,
        streams_max: config.streams_max.get() as usize,
        streams_per_public_token: config.streams_per_public_token.get() as usize,
        public_requests_per_second: config.public_requests_per_second.get(),
        array_bytes_max: config.array_bytes_max.get() as usize,
        patience: Patience {
            head: seconds(config.head_timeout_seconds.get()),
            body: seconds(config.body_timeout_seconds.get()),
        },
        outbound: outbound::Settings {
            opened: config.allow_private_destinations.0,
            schedule: Schedule(
                config.callback_retry_seconds.0.iter().map(|delay| i64::from(delay.get()) * SECOND).collect(),
            ),
        },
        ..Settings::default()
    }
}

/// What a newcomer needs, once.
fn greet(first: &FirstSteps, own_key: bool, url: &str) {
    if let Some(space) = first.space {
        eprintln!("emit: space `default`: {space}");
    }
    let key = match &first.admin_key {
        Some(key) => {
            eprintln!("emit: admin key (shown only now): {key}");
            key.as_str()
        }
        None => "$EMIT_ADMIN_KEY",
    };
    if let Some(space) = first.space {
        let (quoted, given) = if own_key {
            (format!("\"x-api-key: {key}\""), ", with your key in the variable EMIT_ADMIN_KEY")
        } else {
            (format!("'x-api-key: {key}'"), "")
        };
        eprintln!(
            "emit: your first job{given}:\n  curl {url}/api/v1/spaces/{space}/jobs -H {quoted} \
             -H 'content-type: application/json' -d '{{\"name\": \"hello\", \"payload\": {{\"to\": \"world\"}}}}'"
        );
    }
}
