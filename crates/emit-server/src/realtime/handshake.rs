//! The opening handshake, server side (RFC 6455 §4.2): what a request must carry, and the key that answers it.
//! The method (GET) and HTTP/1.1 are the router's to check.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, HeaderMap, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use sha1::{Digest, Sha1};

/// §1.3: what the server appends to the client's key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The only version there is (§4.1, point 9); the answer to any other names it.
pub const VERSION: &str = "13";

/// What is wrong with an upgrade request, in the order in which it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeError {
    /// No `Upgrade: websocket`: a plain GET (426).
    Upgrade,
    /// `Connection` lacks the token `upgrade`: often a proxy that drops it.
    Connection,
    /// `Sec-WebSocket-Version` is not 13 (426 with the header `Sec-WebSocket-Version: 13`, §4.2.2).
    Version,
    /// `Sec-WebSocket-Key` is missing, repeated, or not 16 bytes in base64.
    Key,
}

impl std::fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            HandshakeError::Upgrade => "the header `Upgrade: websocket` is missing",
            HandshakeError::Connection => "the header `Connection: upgrade` is missing",
            HandshakeError::Version => "the header `Sec-WebSocket-Version` must be 13",
            HandshakeError::Key => "the header `Sec-WebSocket-Key` must be 16 bytes in base64",
        })
    }
}

impl std::error::Error for HandshakeError {}

/// Checks the request's headers (§4.2.1); the value of `Sec-WebSocket-Accept` if they are right.
pub fn accept(headers: &HeaderMap) -> Result<String, HandshakeError> {
    if !has_token(headers, &UPGRADE, "websocket") {
        return Err(HandshakeError::Upgrade);
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(HandshakeError::Connection);
    }
    if only(headers, &SEC_WEBSOCKET_VERSION) != Some(VERSION) {
        return Err(HandshakeError::Version);
    }
    let key = only(headers, &SEC_WEBSOCKET_KEY).filter(|key| is_nonce(key)).ok_or(HandshakeError::Key)?;
    Ok(accept_key(key))
}

/// The value of `Sec-WebSocket-Accept` for a key (§4.2.2, point 5.4).
pub fn accept_key(sec_websocket_key: &str) -> String {
    let digest = Sha1::new().chain_update(sec_websocket_key).chain_update(GUID).finalize();
    STANDARD.encode(digest)
}

/// Whether a comma-separated header, sent once or several times, names the token.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// The value of a header that must be there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    values.next().is_none().then_some(value)
}

/// 16 bytes in base64. Unused bits of the last character may be set: some clients draw the characters at
/// random, and nobody decodes them.
fn is_nonce(key: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    key.len() == 24 && key.strip_suffix("==").is_some_and(|key| key.bytes().all(is_base64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of §1.2, §1.3.
    const EXAMPLE: [(&str, &str); 4] = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    const ACCEPTED: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value)| (HeaderName::from_static(name), http::HeaderValue::from_static(value));
        pairs.iter().map(pair).collect()
    }

    /// The example with other values for one header.
    fn with(name: &'static str, values: &[&'static str]) -> Result<String, HandshakeError> {
        let mut headers = headers(&EXAMPLE);
        headers.remove(name);
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        accept(&headers)
    }

    #[test]
    fn the_rfc_example() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), ACCEPTED);
        assert_eq!(accept(&headers(&EXAMPLE)).as_deref(), Ok(ACCEPTED));
    }

    #[test]
    fn tokens_in_any_case_in_lists_and_in_repeated_headers() {
        assert!(with("upgrade", &["WebSocket"]).is_ok());
        assert!(with("upgrade", &["h2c, websocket"]).is_ok());
        assert!(with("connection", &["keep-alive, upgrade"]).is_ok());
        assert!(with("connection", &["keep-alive", "UPGRADE"]).is_ok());
        assert_eq!(with("upgrade", &["websockets"]), Err(HandshakeError::Upgrade));
        assert_eq!(with("connection", &["keep-alive"]), Err(HandshakeError::Connection));
    }

    #[test]
    fn each_header_is_needed() {
        assert_eq!(accept(&HeaderMap::new()), Err(HandshakeError::Upgrade));
        assert_eq!(with("upgrade", &[]), Err(HandshakeError::Upgrade));
        assert_eq!(with("connection", &[]), Err(HandshakeError::Connection));
        assert_eq!(with("sec-websocket-version", &[]), Err(HandshakeError::Version));
        assert_eq!(with("sec-websocket-key", &[]), Err(HandshakeError::Key));
    }

    #[test]
    fn only_version_13() {
        for wrong in [&["8"][..], &["013"], &["13, 8"], &["13", "13"]] {
            assert_eq!(with("sec-websocket-version", wrong), Err(HandshakeError::Version), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_is_16_bytes_in_base64_sent_once() {
        let (bytes_15, bytes_16, bytes_17) =
            ("AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAAA=");
        assert!(with("sec-websocket-key", &[bytes_16]).is_ok());
        assert!(with("sec-websocket-key", &["AAAAAAAAAAAAAAAAAAAAAB=="]).is_ok());
        for wrong in [
            &[""][..],
            &[bytes_15],
            &[bytes_17],
            &["AAAAAAAAAAAAAAAAAAAA-_=="],
            &["AAAAAAAAAAAAAAAAAAAAA==="],
            &[bytes_16, bytes_16],
        ] {
            assert_eq!(with("sec-websocket-key", wrong), Err(HandshakeError::Key), "{wrong:?}");
        }
    }
}
