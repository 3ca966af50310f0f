//! Every setting, once. Flags, variables, `emit.toml`, `--help` and `emit config` follow from this list; a new
//! setting is a line here and its place in `default.toml`, which a test compares.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::kinds::{
    AdminKey, Collector, Form, Kind, List, LogFilter, Origin, PublicUrl, StorePassword, StoreUrl, Whole,
};
use super::layers::{ConfigError, Values};
use crate::logging::LogFormat;

/// Which commands have a flag for a setting. All of them read it from variables and `emit.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Whatever opens the store.
    Everywhere,
    /// `emit serve` and `emit config`.
    Serve,
}

/// One setting, as all its ways in know it.
pub(crate) struct Key {
    field: &'static str,
    /// One sentence.
    pub(crate) help: &'static str,
    /// What `--help` calls the value.
    pub(crate) word: &'static str,
    /// As text, as a flag would give it; empty: not set.
    pub(crate) default: &'static str,
    pub(crate) form: Form,
    pub(crate) reach: Reach,
}

impl Key {
    /// `public-url`: in `emit.toml`, and after `--`.
    pub(crate) fn name(&self) -> String {
        self.field.replace('_', "-")
    }

    /// `EMIT_PUBLIC_URL`.
    pub(crate) fn variable(&self) -> String {
        format!("EMIT_{}", self.field.to_uppercase())
    }
}

macro_rules! settings {
    ($( $(#[doc = $help:literal])+ $field:ident: $kind:ty = $default:literal => $reach:ident; )*) => {
        /// The effective configuration.
        #[derive(Debug)]
        pub(crate) struct Config {
            $( $(#[doc = $help])+ pub(crate) $field: $kind, )*
        }

        /// Every setting, in the order of the reference.
        pub(crate) const KEYS: &[Key] = &[$( Key {
            field: stringify!($field),
            help: concat!($($help),+),
            word: <$kind as Kind>::WORD,
            default: $default,
            form: <$kind as Kind>::FORM,
            reach: Reach::$reach,
        } ),*];

        impl Config {
            pub(super) fn read(values: &Values) -> Result<Config, ConfigError> {
                Ok(Config { $( $field: values.read(stringify!($field))?, )* })
            }
        }
    };
}

settings! {
    /// Address and port to listen on; port 0 takes a free one and prints it.
    listen: SocketAddr = "127.0.0.1:8080" => Serve;
    /// The data folder; `emit serve` makes it if it is not there.
    data: PathBuf = "emit-data" => Everywhere;
    /// A database for many equal nodes, such as postgres://emit@db.example/emit, in place of the data folder.
    store: Option<StoreUrl> = "" => Everywhere;
    /// The password of the database's user.
    store_password: Option<StorePassword> = "" => Everywhere;
    /// Where users reach this server, such as https://jobs.example.com: feeds `realtimeUrl`.
    public_url: Option<PublicUrl> = "" => Serve;
    /// The admin key: stored on start, and then none is made and printed.
    admin_key: Option<AdminKey> = "" => Serve;
    /// Origins whose pages may call and watch; `*` is all.
    allowed_origins: List<Origin> = "*" => Serve;
    /// Addresses or nets of proxies whose `x-forwarded-for` is believed.
    trusted_proxies: List<IpNet> = "" => Serve;
    /// Streams this node serves at once; above it 429.
    streams_max: Whole<1, 10_000_000> = "50000" => Serve;
    /// Streams of one public or job-bound token from one client address; above it 429.
    streams_per_public_token: Whole<1, 10_000_000> = "1000" => Serve;
    /// Requests a second of one public or job-bound token from one client address; above it 429.
    public_requests_per_second: Whole<1, 1_000_000> = "1000" => Serve;
    /// Bytes of an array of jobs or reports; above it 413.
    array_bytes_max: Whole<1_000_000, 1_073_741_824> = "16777216" => Serve;
    /// A request's head must arrive within so many seconds; else 408.
    head_timeout_seconds: Whole<1, 3_600> = "10" => Serve;
    /// A request's body must arrive within so many seconds; else 408.
    body_timeout_seconds: Whole<1, 3_600> = "30" => Serve;
    /// Address and port that serve /metrics without a key, for a network that only its collector reaches.
    metrics_listen: Option<SocketAddr> = "" => Serve;
    /// Base address of an OpenTelemetry collector that takes OTLP over http:// or https://, such as http://127.0.0.1:4318.
    otlp_endpoint: Option<Collector> = "" => Serve;
    /// Nets that are not public and that callbacks, wake-ups and Slack messages may reach all the same.
    allow_private_destinations: List<IpNet> = "" => Serve;
    /// Delays between the tries of a callback, in seconds.
    callback_retry_seconds: List<Whole<1, 86_400>> = "5,30,120,600,3600,14400,43200" => Serve;
    /// What is logged to stderr: `error`, `warn`, `info`, `debug` or `trace`, also per module.
    log: LogFilter = "info" => Serve;
    /// How a line of the log looks: `plain` for people, `json` for programs.
    log_format: LogFormat = "plain" => Serve;
}
