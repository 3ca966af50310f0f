//! Times: UTC milliseconds inside, RFC 3339 with milliseconds on the wire.

use std::fmt;

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// One second.
pub const SECOND: Millis = 1_000;
/// One day.
pub const DAY: Millis = 86_400 * SECOND;

/// Writes a time as `2025-02-24T10:32:00.000Z`.
#[derive(Debug, Clone, Copy)]
pub struct Rfc3339Millis(pub Millis);

impl fmt::Display for Rfc3339Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.millisecond()
        )
    }
}

impl serde::Serialize for Rfc3339Millis {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads an RFC 3339 time of the years 1970 to 9999, any offset; finer digits than milliseconds are cut.
pub fn parse(text: &str) -> Option<Millis> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let millis = Millis::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?;
    (0..=253_402_300_799_999).contains(&millis).then_some(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_the_round_trip() {
        let text = "2025-02-24T10:32:00.123Z";
        assert_eq!(Rfc3339Millis(parse(text).unwrap()).to_string(), text);
    }

    #[test]
    fn offsets_are_understood_and_nonsense_is_not() {
        assert_eq!(parse("2025-02-24T11:32:00+01:00"), parse("2025-02-24T10:32:00Z"));
        for text in
            ["", "2025-02-24", "2025-02-24 10:32", "2025-02-30T00:00:00Z", "-001-01-01T00:00:00Z", "1"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
