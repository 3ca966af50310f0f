//! Where the database is and how it is reached.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, poll_fn, select};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::session::sentence;
use crate::{Result, StoreError};

/// A host that does not answer is passed over, and the next is tried. Also one whose machine takes the connection and
/// whose database then says nothing.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// A host as a whole: its name, each of its addresses, TLS and the login.
const HOST_PATIENCE: Duration = Duration::from_secs(5);
/// Data the other side never acknowledged: the connection is dead.
const SILENCE: Duration = Duration::from_secs(10);
/// For every connection. All our statements go along an index: with plans of other kinds off, a table that was
/// never analysed costs no surprise. A node that vanishes within a transaction lets go of its rows after a while.
const SETTINGS: &str = "SET search_path = emit; SET enable_seqscan = off; SET enable_hashjoin = off; \
    SET enable_mergejoin = off; SET enable_bitmapscan = off; SET jit = off; SET timezone = 'UTC'; \
    SET plan_cache_mode = force_generic_plan; SET statement_timeout = '30s'; SET lock_timeout = '8s'; \
    SET idle_in_transaction_session_timeout = '15s'; SET synchronous_commit = on";

/// What drives a connection until it ends.
pub(super) type Drive = Pin<Box<dyn Future<Output = ()> + Send>>;
/// Where the payloads of notices go. Whoever listens takes them at every turn, so that they do not heap up.
pub(super) type Notices = UnboundedSender<String>;

/// The file of those who vouch for the database; `None`: whom the machine trusts.
type Roots = Option<PathBuf>;

/// Which database, and as whom.
#[derive(Clone)]
pub struct Target {
    url: String,
    password: Option<String>,
}

impl Target {
    /// `postgres://user@host:port,host2/database?sslmode=…&sslrootcert=…`, and the user's password.
    pub fn new(url: String, password: Option<String>) -> Target {
        Target { url, password }
    }

    /// Whether the URL can be read; if not, why. Looks at no file.
    pub fn check(url: &str) -> std::result::Result<(), String> {
        Target::new(url.to_owned(), None).read().map(|_| ())
    }

    /// What the driver is to do, and whether and with which file certificates are checked.
    fn read(&self) -> std::result::Result<(Config, Option<Roots>), String> {
        let Parts { url, mode, roots } = Parts::of(&self.url)?;
        let mut config: Config = url.parse().map_err(|why: tokio_postgres::Error| sentence(&why))?;
        if config.get_password().is_some() {
            return Err("a URL is seen by too many: give the password by store-password".to_owned());
        }
        if let Some(password) = &self.password {
            config.password(password);
        }
        let secure = match mode.as_deref() {
            Some("disable") => false,
            Some("verify-full") => true,
            None => !config.get_hosts().iter().all(is_here),
            Some(_) => return Err("sslmode must be disable or verify-full".to_owned()),
        };
        config.ssl_mode(if secure { SslMode::Require } else { SslMode::Disable });
        Ok((config, secure.then_some(roots)))
    }
}

/// How to reach the database.
#[derive(Clone)]
pub(super) struct Address {
    /// One for each host, in the order in which they are tried.
    hosts: Vec<Config>,
    /// With what certificates are checked; `None`: in plain text.
    tls: Option<Arc<ClientConfig>>,
}

impl Address {
    /// Reads a target.
    pub(super) fn read(target: &Target) -> std::result::Result<Address, String> {
        let (config, checked) = target.read()?;
        let tls = checked.map(|roots| certificates(roots).map(Arc::new)).transpose()?;
        let hosts = (0..config.get_hosts().len()).map(|at| only_host(&config, at)).collect();
        Ok(Address { hosts, tls })
    }

    /// A connection with our settings to the first host that gives one, and what drives it. Notices that arrive go to
    /// `notices`.
    pub(super) async fn connect(&self, notices: Option<Notices>) -> Result<(Client, Drive)> {
        let mut failed = StoreError::Unavailable("the store's URL names no host".into());
        for host in &self.hosts {
            match timeout(HOST_PATIENCE, self.connect_to(host, notices.clone())).await {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(why)) => failed = why,
                Err(_) => failed = StoreError::Unavailable("the database does not answer".into()),
            }
        }
        Err(failed)
    }

    async fn connect_to(&self, host: &Config, notices: Option<Notices>) -> Result<(Client, Drive)> {
        let unavailable = |why: tokio_postgres::Error| StoreError::Unavailable(sentence(&why));
        let (client, mut driven) = match &self.tls {
            Some(tls) => {
                let tls = MakeRustlsConnect::new(ClientConfig::clone(tls));
                let (client, connection) = host.connect(tls).await.map_err(unavailable)?;
                (client, drive(connection, notices))
            }
            None => {
                let (client, connection) = host.connect(NoTls).await.map_err(unavailable)?;
                (client, drive(connection, notices))
            }
        };
        match select(Box::pin(client.batch_execute(SETTINGS)), &mut driven).await {
            Either::Left((set, _)) => set.map_err(unavailable)?,
            Either::Right(_) => return Err(StoreError::Unavailable("the connection was closed".into())),
        }
        Ok((client, driven))
    }
}

/// The same for one of several hosts: the driver gives up only a host that does not take the connection.
fn only_host(config: &Config, at: usize) -> Config {
    let mut only = Config::new();
    match config.get_hosts().get(at) {
        Some(Host::Tcp(name)) => drop(only.host(name)),
        Some(Host::Unix(folder)) => drop(only.host_path(folder)),
        None => {}
    }
    // One port may stand for all hosts.
    let ports = config.get_ports();
    if let Some(port) = ports.get(at).or(ports.first()) {
        only.port(*port);
    }
    if let Some(address) = config.get_hostaddrs().get(at) {
        only.hostaddr(*address);
    }
    if let Some(user) = config.get_user() {
        only.user(user);
    }
    if let Some(password) = config.get_password() {
        only.password(password);
    }
    if let Some(database) = config.get_dbname() {
        only.dbname(database);
    }
    if let Some(options) = config.get_options() {
        only.options(options);
    }
    only.application_name("emit")
        .connect_timeout(CONNECT_PATIENCE)
        .tcp_user_timeout(SILENCE)
        .keepalives_idle(SILENCE)
        .ssl_mode(config.get_ssl_mode())
        // Of several hosts the one that is the primary now.
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
    only
}

fn drive<S, T>(mut connection: Connection<S, T>, notices: Option<Notices>) -> Drive
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: TlsStream + AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Box::pin(async move {
        // How it ends shows in the queries that are under way.
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let (AsyncMessage::Notification(notice), Some(notices)) = (message, &notices) {
                let _ = notices.send(notice.payload().to_owned());
            }
        }
    })
}

/// Parameters of a URL that are the driver's; a password is refused with a sentence of its own.
const TAKEN: [&str; 7] = ["user", "password", "dbname", "host", "hostaddr", "port", "options"];

/// A URL without what the driver does not know.
struct Parts {
    url: String,
    mode: Option<String>,
    roots: Roots,
}

impl Parts {
    fn of(url: &str) -> std::result::Result<Parts, String> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("it must begin with postgres://".to_owned());
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut parts = Parts { url: base.to_owned(), mode: None, roots: None };
        let mut others = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => parts.mode = Some(value.to_owned()),
                Some(("sslrootcert", value)) => parts.roots = Some(value.replace("%2F", "/").into()),
                // Always so.
                Some(("target_session_attrs", "read-write")) => {}
                Some((name, _)) if TAKEN.contains(&name) => others.push(parameter),
                _ => {
                    let name = parameter.split('=').next().unwrap_or_default();
                    return Err(format!("its parameter {name} is none that is known here"));
                }
            }
        }
        if !others.is_empty() {
            parts.url = format!("{base}?{}", others.join("&"));
        }
        Ok(parts)
    }
}

/// Whether nobody is between us and that host.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name.parse::<core::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

/// The certificates that vouch for the database: those of the file, or else the machine's.
fn certificates(file: Roots) -> std::result::Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            let unreadable = |why: &dyn std::fmt::Display| format!("sslrootcert {}: {why}", file.display());
            for certificate in CertificateDer::pem_file_iter(&file).map_err(|why| unreadable(&why))? {
                let certificate = certificate.map_err(|why| unreadable(&why))?;
                roots.add(certificate).map_err(|why| unreadable(&why))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(
            "there is no certificate to check the database's with: name one by sslrootcert".to_owned()
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(|why| why.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> std::result::Result<bool, String> {
        Target::new(url.to_owned(), None).read().map(|(_, checked)| checked.is_some())
    }

    #[test]
    fn only_what_stays_on_the_machine_goes_in_plain_text_unasked() {
        for url in
            ["postgres://u@localhost/d", "postgres://u@127.0.0.1:5433,[::1]/d", "postgres://u@%2Frun/d"]
        {
            assert_eq!(read(url), Ok(false), "{url}");
        }
        assert_eq!(read("postgres://u@db.example/d?sslmode=disable"), Ok(false));
        let far = "postgres://u@localhost,db.example/d?sslrootcert=/nowhere";
        assert_eq!(read(far), Ok(true));
        let unread = Address::read(&Target::new(far.to_owned(), None)).err().unwrap();
        assert!(unread.starts_with("sslrootcert /nowhere"), "{unread}");
    }

    #[test]
    fn each_host_is_tried_by_itself_with_all_that_is_common() {
        let url = "postgres://u@localhost:5433,127.0.0.1/d?options=-cgeqo%3Doff";
        let address = Address::read(&Target::new(url.to_owned(), Some("secret".to_owned()))).unwrap();
        let seen: Vec<_> =
            address.hosts.iter().map(|host| (host.get_hosts().to_vec(), host.get_ports())).collect();
        let tcp = |name: &str| vec![Host::Tcp(name.to_owned())];
        assert_eq!(seen, [(tcp("localhost"), &[5433][..]), (tcp("127.0.0.1"), &[5432][..])]);
        for host in &address.hosts {
            assert_eq!(
                (host.get_user(), host.get_dbname(), host.get_password()),
                (Some("u"), Some("d"), Some(&b"secret"[..]))
            );
            assert_eq!(host.get_options(), Some("-cgeqo=off"));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(read("postgres://u:secret@localhost/d").unwrap_err().contains("store-password"));
        assert!(read("postgres://u@db.example/d?sslmode=require").unwrap_err().contains("verify-full"));
        assert!(read("mysql://u@localhost/d").is_err());
        assert!(read("postgres://u@localhost/d?nonsense=1").is_err());
    }
}
