//! Counting messages by a mark that each carries, whatever frames lie around it: one reader for five protocols.

use anyhow::{Context as _, Result};
use memchr::memmem;

use super::stamp;
use crate::readers::Reader;

/// Before the time at which a message was sent, in microseconds, as sixteen digits; all zero where nobody asks.
pub(super) const MARK: &[u8] = br#""at":""#;
pub(super) const DIGITS: usize = 16;

#[derive(Default)]
pub(super) struct Marks {
    /// The end of what was read, if a mark or its digits may be cut there.
    cut: Vec<u8>,
}

impl Reader for Marks {
    fn feed(&mut self, bytes: &[u8], ages: &mut Vec<u32>) -> Result<u64> {
        if self.cut.is_empty() {
            return self.count(bytes, ages);
        }
        let mut joined = std::mem::take(&mut self.cut);
        joined.extend_from_slice(bytes);
        self.count(&joined, ages)
    }
}

impl Marks {
    fn count(&mut self, bytes: &[u8], ages: &mut Vec<u32>) -> Result<u64> {
        let (mut found, mut behind) = (0, 0);
        for at in memmem::find_iter(bytes, MARK) {
            let Some(digits) = bytes.get(at + MARK.len()..at + MARK.len() + DIGITS) else { break };
            found += 1;
            behind = at + MARK.len() + DIGITS;
            // Times of our days begin with a 1.
            if digits[0] != b'0' {
                let sent: u64 = std::str::from_utf8(digits)?.parse().context("a message's time")?;
                ages.push(u32::try_from(stamp().saturating_sub(sent))?);
            }
        }
        let most = MARK.len() + DIGITS - 1;
        let from = behind.max(bytes.len().saturating_sub(most));
        // Only what could still become a mark is worth keeping.
        if let Some(at) = memchr::memchr(MARK[0], &bytes[from..]) {
            self.cut = bytes[from + at..].to_vec();
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_same_wherever_the_bytes_are_cut() {
        let mut bytes = Vec::new();
        for _ in 0..5 {
            bytes.extend_from_slice(br#"..{"x":"y","at":"0000000000000000","at:","at":"1700000000000000"}"#);
        }
        for size in 1..bytes.len() {
            let (mut marks, mut ages) = (Marks::default(), Vec::new());
            // The clock's distance to that time does not fit; only the count is of interest.
            let zeroed: Vec<u8> = String::from_utf8(bytes.clone()).unwrap().replace("17", "00").into_bytes();
            let found: u64 = zeroed.chunks(size).map(|piece| marks.feed(piece, &mut ages).unwrap()).sum();
            assert_eq!((found, ages.len()), (10, 0), "pieces of {size}");
        }
    }
}
