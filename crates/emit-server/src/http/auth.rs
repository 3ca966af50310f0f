//! Who calls: the key of a request, and whether it fits the route. No body is looked at before.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use emit_core::ids::Id;
use emit_store::Token;
use ipnet::IpNet;

use super::problem::Problem;
use super::route::Access;
use crate::app::App;
use crate::net::Peer;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How a browser's WebSocket, which can send no header of its own, sends a key beside `emit.v1`.
const SUBPROTOCOL_PREFIX: &str = "emit.token.";
/// No key is longer; what is needs no look-up.
const KEY_BYTES: usize = 512;

/// The valid key of a request. `None` where the route needs none.
pub(super) async fn authenticate(
    app: &App,
    access: Access,
    parts: &Parts,
) -> Result<Option<Arc<Token>>, Problem> {
    if access == Access::Open {
        return Ok(None);
    }
    let secret = secret(parts, matches!(access, Access::Stream(_)))?.ok_or_else(Problem::missing_key)?;
    let found = if secret.len() <= KEY_BYTES { app.keyring.find(&secret).await? } else { None };
    match found {
        Some(token) => Ok(Some(token)),
        None => Err(Problem::invalid_key("The key is unknown, expired or revoked")),
    }
}

/// The one key of a request, wherever it stands; `stream`: also where streams may have it.
pub fn secret(parts: &Parts, stream: bool) -> Result<Option<Cow<'_, str>>, Problem> {
    let headers = &parts.headers;
    let mut found: Option<Cow<'_, str>> = None;
    let mut take = |key: Cow<'_, str>| match &found {
        _ if key.is_empty() => Ok(()),
        Some(known) if *known != key => Err(Problem::invalid_key("Two different keys in one request")),
        Some(_) => Ok(()),
        // Owned only when it comes from a query that is percent-encoded.
        None => {
            found = Some(Cow::Owned(key.into_owned()));
            Ok(())
        }
    };
    for value in headers.get_all(X_API_KEY) {
        take(text(value.as_bytes())?)?;
    }
    for value in headers.get_all(AUTHORIZATION) {
        // Other schemes are for whoever stands before us.
        if let Some(key) = bearer(value.as_bytes()) {
            take(text(key)?)?;
        }
    }
    if stream {
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            if name == "token" {
                take(value)?;
            }
        }
        for key in subprotocols(headers).filter_map(|word| word.strip_prefix(SUBPROTOCOL_PREFIX)) {
            take(Cow::Borrowed(key))?;
        }
    }
    Ok(found)
}

fn text(bytes: &[u8]) -> Result<Cow<'_, str>, Problem> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text.trim())),
        Err(_) => Err(Problem::invalid_key("The key is unknown, expired or revoked")),
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
}

fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// What a path names. `None`: nothing of that kind; the inner `None`: text that is no id.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Target {
    pub job: Option<Option<Id>>,
    pub space: Option<Option<Id>>,
    pub token: Option<Option<Id>>,
}

/// Whether the key may call this route at all, and about this path's space or job.
pub(super) fn authorize(access: Access, token: &Token, target: Target) -> Result<(), Problem> {
    match access {
        Access::Open | Access::AnyKey => {}
        Access::Needs(scope) | Access::Stream(scope) if token.scopes.allow(scope) => {}
        Access::Needs(scope) | Access::Stream(scope) => return Err(Problem::missing_scope(scope)),
        Access::SomeReport if token.scopes.allow_some_report() => {}
        Access::SomeReport => return Err(Problem::missing_scope(emit_core::Scope::Ack)),
    }
    if let (Some((_, own)), Some(space)) = (token.space, target.space)
        && space != Some(own)
    {
        return Err(Problem::wrong_space());
    }
    // Whether a job of the path is one of the key's space is known when it is loaded.
    match token.job {
        Some(own) if target.job.is_some_and(|job| job != Some(own)) => Err(Problem::wrong_job()),
        Some(_) if target.space.is_some() => Err(Problem::wrong_job()),
        _ => Ok(()),
    }
}

/// The client's address: the peer's, or what trusted proxies say; of a chain the rightmost address that is not
/// itself a trusted proxy, since everything left of it anybody may have written.
pub(super) fn client(parts: &Parts, trusted: &[IpNet]) -> IpAddr {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical());
    let peer = peer.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    if !is_trusted(peer) {
        return peer;
    }
    let mut nearest = peer;
    for value in parts.headers.get_all(X_FORWARDED_FOR).iter().rev() {
        for address in value.to_str().unwrap_or_default().rsplit(',') {
            let Ok(address) = address.trim().parse::<IpAddr>() else { return nearest };
            nearest = address.to_canonical();
            if !is_trusted(nearest) {
                return nearest;
            }
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::http::problem::Code;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn found(uri: &str, headers: &[(&str, &str)], stream: bool) -> Result<Option<String>, Code> {
        let parts = parts(uri, headers);
        secret(&parts, stream).map(|key| key.map(Cow::into_owned)).map_err(|problem| problem.code())
    }

    #[test]
    fn a_key_may_stand_in_four_places() {
        let key = Ok(Some("emit_a".to_owned()));
        assert_eq!(found("/", &[("x-api-key", "emit_a")], false), key);
        assert_eq!(found("/", &[("authorization", "bearer emit_a")], false), key);
        assert_eq!(found("/", &[("authorization", "Basic x")], false), Ok(None));
        assert_eq!(found("/?token=emit_a", &[], true), key);
        assert_eq!(found("/?token=emit_a", &[], false), Ok(None));
        let protocols = [("sec-websocket-protocol", "emit.v1, emit.token.emit_a")];
        assert_eq!(found("/", &protocols, true), key);
        assert_eq!(found("/", &protocols, false), Ok(None));
    }

    #[test]
    fn two_keys_must_be_the_same() {
        let same = [("x-api-key", "emit_a"), ("authorization", "Bearer emit_a")];
        assert_eq!(found("/?token=emit_a", &same, true), Ok(Some("emit_a".to_owned())));
        let other = [("x-api-key", "emit_b")];
        assert_eq!(found("/?token=emit_a", &other, true), Err(Code::InvalidKey));
        assert_eq!(found("/?token=emit_a", &other, false), Ok(Some("emit_b".to_owned())));
    }

    fn client_of(peer: &str, forwarded: &[&str]) -> String {
        let headers: Vec<_> = forwarded.iter().map(|value| ("x-forwarded-for", *value)).collect();
        let mut parts = parts("/", &headers);
        parts.extensions.insert(Peer(std::net::SocketAddr::new(peer.parse().unwrap(), 1)));
        client(&parts, &["10.0.0.0/30".parse().unwrap()]).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client_of("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client_of("10.0.0.1", &["1.1.1.1, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(client_of("10.0.0.1", &["1.1.1.1", "198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(client_of("10.0.0.1", &["nonsense, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(client_of("10.0.0.4", &["198.51.100.7"]), "10.0.0.4");
        assert_eq!(client_of("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client_of("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
    }
}
