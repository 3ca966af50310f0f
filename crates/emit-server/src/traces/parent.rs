//! W3C trace context: `00-<trace>-<span>-<flags>`.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The span that a well-formed `traceparent` names.
pub(super) fn read(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-').skip(1);
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
    Some(SpanContext::new(trace, span, flags, true, TraceState::NONE)).filter(SpanContext::is_valid)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_context_is_read_as_it_was_written() {
        let read = |text: &str| {
            super::read(text).map(|context| (context.span_id().to_string(), context.is_sampled()))
        };
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(read(text), Some(("00f067aa0ba902b7".to_owned(), true)));
        assert_eq!(read(&text.replace("-01", "-00")).map(|(_, sampled)| sampled), Some(false));
        for bad in ["", "00", "00-x-y-z", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
