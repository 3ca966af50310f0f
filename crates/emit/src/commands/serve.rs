//! `emit serve`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use emit_server::start::{FirstSteps, Options, Server, StartError};

use super::{block_on, listen, refuse, serve_until_told};

/// What may be set, by flag or by variable.
#[derive(Args)]
pub(crate) struct Flags {
    /// Address and port to listen on.
    #[arg(long, env = "EMIT_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The data folder; made if it is not there.
    #[arg(long, env = "EMIT_DATA", default_value = "emit-data")]
    data: PathBuf,
    /// Where users reach this server (https://jobs.example.com): feeds `realtimeUrl`.
    #[arg(long, env = "EMIT_PUBLIC_URL", value_parser = public_url)]
    public_url: Option<String>,
    /// Origins whose pages may call and watch, separated by commas; `*` is all.
    #[arg(long, env = "EMIT_ALLOWED_ORIGINS", default_value = "*", value_delimiter = ',')]
    allowed_origins: Vec<String>,
    /// Addresses of proxies whose `x-forwarded-for` is believed, separated by commas.
    #[arg(long, env = "EMIT_TRUSTED_PROXIES", value_delimiter = ',')]
    trusted_proxies: Vec<IpAddr>,
    /// Streams this node serves at once.
    #[arg(long, env = "EMIT_STREAMS_MAX", default_value_t = 50_000)]
    streams_max: usize,
    /// Streams of one public or job-bound token from one address.
    #[arg(long, env = "EMIT_STREAMS_PER_PUBLIC_TOKEN", default_value_t = 1_000)]
    streams_per_public_token: usize,
    /// Requests a second of one public or job-bound token from one address.
    #[arg(long, env = "EMIT_PUBLIC_REQUESTS_PER_SECOND", default_value_t = 1_000)]
    public_requests_per_second: u32,
}

/// Serves until told to stop.
pub(crate) fn run(flags: Flags) -> ExitCode {
    block_on(async {
        let admin_key = match admin_key() {
            Ok(key) => key,
            Err(why) => {
                eprintln!("emit: {why}");
                return ExitCode::FAILURE;
            }
        };
        // The folder before the port: who finds the folder taken must not answer requests for a moment.
        let own_key = admin_key.is_some();
        let mut options = Options::on(flags.data, admin_key);
        options.settings.allowed_origins =
            flags.allowed_origins.into_iter().filter(|origin| origin != "*").collect();
        options.settings.trusted_proxies = flags.trusted_proxies;
        options.settings.streams_max = flags.streams_max;
        options.settings.streams_per_public_token = flags.streams_per_public_token;
        options.settings.public_requests_per_second = flags.public_requests_per_second;
        let mut server = match Server::open(options).await {
            Ok(server) => server,
            Err(error) => return refuse(&error),
        };
        let (listener, address) = match listen(flags.listen).await {
            Ok(bound) => bound,
            Err(code) => return code,
        };
        let url = flags.public_url.unwrap_or_else(|| format!("http://{address}"));
        server.settings_mut().public_url.clone_from(&url);
        if let Some(first) = server.first_steps() {
            greet(first, own_key, &url);
        }
        eprintln!("emit: listening on http://{address}");
        serve_until_told(server, listener).await
    })
}

fn public_url(text: &str) -> Result<String, String> {
    let url: http::Uri = text.parse().map_err(|_| "is no URL".to_owned())?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    if !is_web || url.host().is_none_or(str::is_empty) || url.query().is_some() {
        return Err("must look like https://jobs.example.com".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// The operator's own admin key: the variable, or the file it names.
fn admin_key() -> Result<Option<String>, StartError> {
    if let Ok(key) = std::env::var("EMIT_ADMIN_KEY") {
        return check_key(key);
    }
    match std::env::var("EMIT_ADMIN_KEY_FILE") {
        Ok(file) => match std::fs::read_to_string(&file) {
            Ok(key) => check_key(key.trim_end().to_owned()),
            Err(why) => Err(StartError::Failed(format!("EMIT_ADMIN_KEY_FILE {file} cannot be read: {why}"))),
        },
        Err(_) => Ok(None),
    }
}

fn check_key(key: String) -> Result<Option<String>, StartError> {
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(StartError::Failed("EMIT_ADMIN_KEY must be one word of printable ASCII".into()));
    }
    if key.len() < 20 {
        eprintln!("emit: EMIT_ADMIN_KEY is short; 32 random characters are safe, words are not");
    }
    Ok(Some(key))
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
        let quoted = if own_key { format!("\"x-api-key: {key}\"") } else { format!("'x-api-key: {key}'") };
        eprintln!(
            "emit: your first job:\n  curl {url}/api/v1/spaces/{space}/jobs -H {quoted} \
             -H 'content-type: application/json' -d '{{\"name\": \"hello\", \"payload\": {{\"to\": \"world\"}}}}'"
        );
    }
}
