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

impl Rfc3339Millis {
    /// The text's bytes. By hand: an answer holds half a dozen times, and a general formatter takes most of the
    /// time that writing the answer does. Days become dates as in H. Hinnant, "chrono-Compatible Low-Level Date
    /// Algorithms": years begin in March, so that the leap day is the last.
    fn text(self) -> [u8; 24] {
        let (days, rest) = (self.0.div_euclid(DAY) + 719_468, self.0.rem_euclid(DAY));
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (end, digits, value) in [
            (4, 4, year),
            (7, 2, month),
            (10, 2, day),
            (13, 2, rest / 3_600_000),
            (16, 2, rest / 60_000 % 60),
            (19, 2, rest / SECOND % 60),
            (23, 3, rest % SECOND),
        ] {
            let mut left = value;
            for place in text[end - digits..end].iter_mut().rev() {
                *place = b'0' + (left % 10) as u8;
                left /= 10;
            }
        }
        text
    }
}

impl fmt::Display for Rfc3339Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.text()).map_err(|_| fmt::Error)?)
    }
}

impl serde::Serialize for Rfc3339Millis {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads an RFC 3339 time of any offset; finer digits than milliseconds are cut. Times before 1970, as some languages
/// write "never", are past like any other: they count as its first moment.
pub fn parse(text: &str) -> Option<Millis> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let millis = Millis::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?;
    (millis <= 253_402_300_799_999).then_some(millis.max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_the_round_trip() {
        let text = "2025-02-24T10:32:00.123Z";
        assert_eq!(Rfc3339Millis(parse(text).unwrap()).to_string(), text);
    }

    proptest::proptest! {
        #[test]
        fn times_read_back(millis in 0..=253_402_300_799_999_i64) {
            proptest::prop_assert_eq!(parse(&Rfc3339Millis(millis).to_string()), Some(millis));
        }
    }

    #[test]
    fn offsets_are_understood_and_nonsense_is_not() {
        assert_eq!(parse("2025-02-24T11:32:00+01:00"), parse("2025-02-24T10:32:00Z"));
        assert_eq!(parse("0001-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("1969-12-31T23:59:59.999Z"), Some(0));
        for text in
            ["", "2025-02-24", "2025-02-24 10:32", "2025-02-30T00:00:00Z", "-001-01-01T00:00:00Z", "1"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
