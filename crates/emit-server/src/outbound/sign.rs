//! Signatures after Standard Webhooks (<https://www.standardwebhooks.com>): HMAC-SHA-256 over id, time and body.

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use emit_core::outbound::Secret;
use emit_core::time::SECOND;
use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt;
use sha2::Sha256;

use crate::clock::wall;

/// Bytes of a fresh secret; Standard Webhooks asks for 24 to 64.
const SECRET_BYTES: usize = 32;

/// A fresh signing secret.
pub fn fresh_secret() -> Secret {
    let bytes: [u8; SECRET_BYTES] = rand::rng().random();
    Secret(bytes.as_slice().into())
}

/// Adds the three headers of a signed request. `None`: a secret cannot sign, or the id is no header's value. Receivers
/// hold its time against their own clocks: it is the wall clock's, corrected as theirs are.
pub(super) fn sign<'a>(
    headers: &mut HeaderMap,
    secrets: impl Iterator<Item = &'a Secret>,
    id: &str,
    body: &str,
) -> Option<()> {
    let seconds = wall() / SECOND;
    let signed = signature(secrets, id, seconds, body)?;
    headers.insert("webhook-id", HeaderValue::from_str(id).ok()?);
    headers.insert("webhook-timestamp", HeaderValue::from(seconds));
    headers.insert("webhook-signature", HeaderValue::from_str(&signed).ok()?);
    Some(())
}

/// The value of `webhook-signature`: one signature for each secret, separated by spaces.
fn signature<'a>(
    secrets: impl Iterator<Item = &'a Secret>,
    id: &str,
    seconds: i64,
    body: &str,
) -> Option<String> {
    let signed = |secret: &Secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).ok()?;
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        Some(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
    };
    Some(secrets.map(signed).collect::<Option<Vec<_>>>()?.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the example that Standard Webhooks publishes signs as it says.
    #[test]
    fn the_published_example() {
        let secret = Secret(BASE64.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().into());
        let signed = signature(
            [&secret].into_iter(),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn two_secrets_make_two_signatures() {
        let secrets = [fresh_secret(), fresh_secret()];
        let signed = signature(secrets.iter(), "id", 1, "{}").unwrap();
        assert_eq!(signed.split(' ').filter(|one| one.starts_with("v1,")).count(), 2);
    }
}
