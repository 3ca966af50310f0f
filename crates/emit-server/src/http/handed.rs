//! The answer of a poll or claim: as long as it is not with the kernel, its jobs can still be given back.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use http_body::{Frame, SizeHint};

use crate::engine::Polled;
use crate::net::Wire;

/// One piece. The connection takes the next only when most of the last is with the kernel, so that of a large
/// answer to a reader who is gone the end is never asked for.
const PIECE_BYTES: usize = 64 << 10;

/// The answer with these jobs on that connection: `text` is what they are as JSON.
pub(super) fn handed(polled: Polled, text: String, wire: Wire) -> Response {
    let body = Handed { left: Bytes::from(text), polled: Some(polled), wire };
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("application/json"));
    response
}

/// Dropped before its last piece was written, it drops `Polled`, which gives the jobs back.
struct Handed {
    left: Bytes,
    polled: Option<Polled>,
    wire: Wire,
}

impl http_body::Body for Handed {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let size = self.left.len().min(PIECE_BYTES);
        let piece = self.left.split_to(size);
        // With its length announced nobody asks again after the last piece.
        if self.left.is_empty()
            && let Some(polled) = self.polled.take()
        {
            self.wire.when_written(move || polled.written());
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
