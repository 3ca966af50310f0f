//! Whom this node believes over TLS when it is the one that connects.

use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Trusts the machine's certificates, or those of `SSL_CERT_FILE`.
pub(crate) fn connector() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (trusted, _) = roots.add_parsable_certificates(found.certs);
    if trusted == 0 {
        tracing::warn!("no trusted certificates were found: https destinations cannot be reached");
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// What a host's certificate must be for.
pub(crate) fn name(host: &str) -> Result<ServerName<'static>, &'static str> {
    ServerName::try_from(host.to_owned()).map_err(|_| "the host has no valid name for TLS")
}
