//! The kinds of values a setting may have: how each is read from text, and what is said of a text that is none.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use emit_store::postgres::Target;
use ipnet::IpNet;
use tracing_subscriber::filter::LevelFilter;

use crate::logging::LogFormat;

/// How `emit.toml` writes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A string.
    Text,
    /// A string that is never shown, has no flag, and may stand in a file of its own.
    Secret,
    /// A whole number.
    Number,
    /// An array of strings; elsewhere separated by commas.
    Texts,
    /// An array of whole numbers; elsewhere separated by commas.
    Numbers,
}

/// A kind of value.
pub(crate) trait Kind: Sized {
    const FORM: Form;
    /// What `--help` calls it.
    const WORD: &'static str;
    /// Reads it. The error ends a sentence that begins with the setting's name.
    fn read(text: &str) -> Result<Self, String>;
}

impl Kind for SocketAddr {
    const FORM: Form = Form::Text;
    const WORD: &'static str = "ADDRESS:PORT";
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:8080".to_owned())
    }
}

impl Kind for PathBuf {
    const FORM: Form = Form::Text;
    const WORD: &'static str = "FOLDER";
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.into()) }
    }
}

impl Kind for IpNet {
    const FORM: Form = Form::Text;
    const WORD: &'static str = "NET";
    fn read(text: &str) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let net = address.or_else(|_| text.parse());
        net.map_err(|_| "must be an IP address or a net, such as 10.0.0.7 or 10.0.0.0/8".to_owned())
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Whole<MIN, MAX> {
    pub(crate) fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> Kind for Whole<MIN, MAX> {
    const FORM: Form = Form::Number;
    const WORD: &'static str = "NUMBER";
    fn read(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Whole(number)),
            _ => Err(format!("must be a whole number from {MIN} to {MAX}")),
        }
    }
}

/// Not set where the text is empty.
impl<T: Kind> Kind for Option<T> {
    const FORM: Form = T::FORM;
    const WORD: &'static str = T::WORD;
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::read(text).map(Some) }
    }
}

/// Any number of values; none where the text is empty.
#[derive(Debug)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T: Kind> Kind for List<T> {
    const FORM: Form = if matches!(T::FORM, Form::Number) { Form::Numbers } else { Form::Texts };
    const WORD: &'static str = "LIST";
    fn read(text: &str) -> Result<Self, String> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(T::read).collect::<Result<_, _>>().map(List)
    }
}

/// `https://jobs.example.com`, perhaps with a path, without a slash at its end.
#[derive(Debug)]
pub(crate) struct PublicUrl(pub(crate) String);

impl Kind for PublicUrl {
    const FORM: Form = Form::Text;
    const WORD: &'static str = "URL";
    fn read(text: &str) -> Result<Self, String> {
        match web(text) {
            Some(url) if url.query().is_none() => Ok(PublicUrl(text.trim_end_matches('/').to_owned())),
            _ => Err("must look like https://jobs.example.com, without a name or password".to_owned()),
        }
    }
}

/// What a browser sends as `Origin`, or `*`.
#[derive(Debug)]
pub(crate) struct Origin(pub(crate) String);

impl Kind for Origin {
    const FORM: Form = Form::Text;
    const WORD: &'static str = "ORIGIN";
    fn read(text: &str) -> Result<Self, String> {
        let is_origin = |url: http::Uri| url.path() == "/" && url.query().is_none() && !text.ends_with('/');
        if text == "*" || text == "null" || web(text).is_some_and(is_origin) {
            Ok(Origin(text.to_owned()))
        } else if text.contains('@') {
            Err("must be origins such as https://app.example.com, without a name or password".to_owned())
        } else {
            Err(format!("must be `*`, or origins such as https://app.example.com; {text:?} is none"))
        }
    }
}

/// A name and password are refused: settings are shown, and these are sent to whoever asks. So is what would not lead
/// anywhere once more is put behind it: a fragment, a port that is none, a scheme in capitals.
fn web(text: &str) -> Option<http::Uri> {
    let url: http::Uri = text.parse().ok()?;
    let place = url.authority()?;
    let has_good_port = place.as_str() == place.host() || place.port_u16().is_some();
    let is_place = !place.host().is_empty() && has_good_port && !place.as_str().contains('@');
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    (is_web && is_place && !text.contains('#')).then_some(url)
}

/// A key that the operator made.
pub(crate) struct AdminKey(pub(crate) String);

impl std::fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Kind for AdminKey {
    const FORM: Form = Form::Secret;
    const WORD: &'static str = "KEY";
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("must be one word of printable ASCII".to_owned());
        }
        Ok(AdminKey(text.to_owned()))
    }
}

/// Where a shared store is. Without a password, so that it may be shown.
#[derive(Debug, Clone)]
pub(crate) struct StoreUrl(String);

impl StoreUrl {
    /// For a flag that is no setting.
    pub(crate) fn parse(text: &str) -> Result<StoreUrl, String> {
        StoreUrl::read(text)
    }

    pub(crate) fn target(&self, password: Option<&StorePassword>) -> Target {
        Target::new(self.0.clone(), password.map(|password| password.0.clone()))
    }
}

impl Kind for StoreUrl {
    const FORM: Form = Form::Text;
    const WORD: &'static str = "URL";
    fn read(text: &str) -> Result<Self, String> {
        match Target::check(text) {
            Ok(()) => Ok(StoreUrl(text.to_owned())),
            Err(why) => Err(format!("must look like postgres://emit@db.example/emit: {why}")),
        }
    }
}

/// What the database asks for.
pub(crate) struct StorePassword(String);

impl std::fmt::Debug for StorePassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Kind for StorePassword {
    const FORM: Form = Form::Secret;
    const WORD: &'static str = "PASSWORD";
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(StorePassword(text.to_owned())) }
    }
}

/// A level, or levels per module.
#[derive(Debug)]
pub(crate) struct LogFilter(pub(crate) String);

impl Kind for LogFilter {
    const FORM: Form = Form::Text;
    const WORD: &'static str = "LEVEL";
    fn read(text: &str) -> Result<Self, String> {
        // A word that is no level would name a module, and silence all others.
        let is_level = |word: &str| word.trim().parse::<LevelFilter>().is_ok();
        let is_meant = |text: &str| text.split(',').all(|part| part.contains('=') || is_level(part));
        match tracing_subscriber::EnvFilter::builder().parse(text) {
            Ok(_) if !text.is_empty() && is_meant(text) => Ok(LogFilter(text.to_owned())),
            _ => Err("must be a level (error, warn, info, debug, trace, off), or levels per module such as info,emit_server::net=debug".to_owned()),
        }
    }
}

impl Kind for LogFormat {
    const FORM: Form = Form::Text;
    const WORD: &'static str = "FORMAT";
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "plain" => Ok(LogFormat::Plain),
            "json" => Ok(LogFormat::Json),
            _ => Err("must be plain or json".to_owned()),
        }
    }
}

/// `http://127.0.0.1:4318` or `https://collector.example`.
#[derive(Debug)]
pub(crate) struct Collector(pub(crate) String);

impl Kind for Collector {
    const FORM: Form = Form::Text;
    const WORD: &'static str = "URL";
    fn read(text: &str) -> Result<Self, String> {
        match web(text) {
            Some(url) if url.query().is_none() => Ok(Collector(text.to_owned())),
            _ => Err("must look like http://127.0.0.1:4318 or https://collector.example, without a name or password".to_owned()),
        }
    }
}
