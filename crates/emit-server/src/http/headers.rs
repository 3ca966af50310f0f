//! The headers of requests that are ours or are kept with a job, taken apart.

use axum::http::HeaderMap;
use emit_api::jobs::fence;
use emit_core::command::Fence;
use emit_core::limits::NAME_CHARS;

use super::problem::Problem;

const X_EMIT_DELIVERY: &str = "x-emit-delivery";
const X_EMIT_WORKER: &str = "x-emit-worker";
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const TRACEPARENT: &str = "traceparent";

/// A request's headers. What is not there is `None`; errors are problems with code `invalid_header`.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a>(&'a HeaderMap);

impl<'a> Headers<'a> {
    /// Of that request.
    pub fn of(headers: &'a HeaderMap) -> Headers<'a> {
        Headers(headers)
    }

    /// A header's text: given once, at most 200 characters, no control characters.
    fn text(self, name: &'static str) -> Result<Option<&'a str>, Problem> {
        let mut values = self.0.get_all(name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let Ok(text) = std::str::from_utf8(value.as_bytes()) else {
            return Err(Problem::invalid_header(name, "must be UTF-8"));
        };
        if values.any(|other| other != value) {
            return Err(Problem::invalid_header(name, "is given twice"));
        }
        if text.len() > NAME_CHARS && text.chars().count() > NAME_CHARS {
            return Err(Problem::invalid_header(name, "must have at most 200 characters"));
        }
        if text.chars().any(char::is_control) {
            return Err(Problem::invalid_header(name, "must not contain control characters"));
        }
        Ok(Some(text))
    }

    /// The delivery that a report comes from.
    pub fn fence(self) -> Result<Option<Fence>, Problem> {
        Ok(self.text(X_EMIT_DELIVERY)?.map(fence))
    }

    /// The worker, by its own words.
    pub fn worker(self) -> Result<Option<&'a str>, Problem> {
        Ok(self.text(X_EMIT_WORKER)?.filter(|worker| !worker.is_empty()))
    }

    /// The creator's idempotency key.
    pub fn idempotency_key(self) -> Result<Option<&'a str>, Problem> {
        match self.text(IDEMPOTENCY_KEY)? {
            Some("") => Err(Problem::invalid_header(IDEMPOTENCY_KEY, "must not be empty")),
            key => Ok(key),
        }
    }

    /// Refuses a header that only a single job may have.
    pub fn no_idempotency_key(self) -> Result<(), Problem> {
        match self.0.contains_key(IDEMPOTENCY_KEY) {
            true => {
                Err(Problem::invalid_header(IDEMPOTENCY_KEY, "is for single jobs; in arrays use the field"))
            }
            false => Ok(()),
        }
    }

    /// The trace context, if it is one: a broken one is nobody's error.
    pub fn traceparent(self) -> Option<&'a str> {
        self.0.get(TRACEPARENT)?.to_str().ok().filter(|text| is_traceparent(text))
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, neither id all zeros; later versions may carry more.
fn is_traceparent(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hex = |from: usize, to: usize| {
        bytes
            .get(from..to)
            .is_some_and(|part| part.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte)))
    };
    let dash = |at: usize| bytes.get(at) == Some(&b'-');
    let shape = hex(0, 2) && dash(2) && hex(3, 35) && dash(35) && hex(36, 52) && dash(52) && hex(53, 55);
    let zero = |from: usize, to: usize| bytes[from..to].iter().all(|byte| *byte == b'0');
    let length = if text.starts_with("00") { bytes.len() == 55 } else { bytes.len() == 55 || dash(55) };
    shape && length && bytes.len() <= 512 && !text.starts_with("ff") && !zero(3, 35) && !zero(36, 52)
}

#[cfg(test)]
mod tests {
    use super::is_traceparent;

    #[test]
    fn only_a_well_formed_trace_context_is_kept() {
        let fine = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(fine));
        assert!(is_traceparent(&format!("01{}-extra", &fine[2..])));
        for bad in [
            "",
            "00",
            &fine[..54],
            &format!("{fine}0"),
            &format!("{fine}-extra"),
            &fine.to_uppercase(),
            &format!("ff{}", &fine[2..]),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }
}
