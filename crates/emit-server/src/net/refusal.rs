//! Refusals where there is no request yet: a head that comes too late, or that is no HTTP.

use axum::http::StatusCode;
use tokio::net::TcpStream;

use crate::clock::Clock;
use crate::http::problem::{Code, Problem};
use crate::keyring::fresh_id;
use crate::metrics::HTTP;

/// Answers with a problem, past hyper, which at this point has nothing to write.
pub(super) fn refuse(stream: &TcpStream, problem: &Problem) {
    HTTP.refused(problem.code());
    let id = fresh_id(Clock::start().now()).to_string();
    let (status, body) = (problem.status(), problem.to_json(&id));
    tracing::info!(
        request_id = id,
        "a connection was refused: {} {}",
        status.as_u16(),
        problem.code().as_str()
    );
    let answer = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         x-request-id: {id}\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{body}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        body.len()
    );
    // Whoever sends such heads may not read the answer.
    let _ = stream.try_write(answer.as_bytes());
}

/// The problem in the place of the bare answer that hyper gives to what it cannot read.
pub(super) fn in_place_of(bare: &[u8]) -> Option<Problem> {
    let status = StatusCode::from_bytes(bare.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?;
    let detail = match status {
        StatusCode::URI_TOO_LONG => "The address is too long",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "The headers are too many or too long",
        status if status.is_client_error() => "The request's head is no HTTP/1.1",
        _ => return None,
    };
    Some(Problem::new(status, Code::BadRequest, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_refusals_are_replaced() {
        let status = |bare: &str| in_place_of(bare.as_bytes()).map(|problem| problem.status().as_u16());
        assert_eq!(status("HTTP/1.1 400 Bad Request\r\n"), Some(400));
        assert_eq!(status("HTTP/1.1 431 Request Header Fields Too Large\r\n"), Some(431));
        for other in ["HTTP/1.1 100 Continue\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 4", "", "{}"] {
            assert_eq!(status(other), None);
        }
    }
}
