//! JSON as text: one checking pass over whatever comes in, and the pieces of what was checked.
//!
//! Payloads and event data are stored and forwarded as they came, so this pass is the only one that ever looks
//! into them. It is stricter than RFC 8259 where the contract is: depth at most 64, no lone surrogates.

use std::borrow::Cow;
use std::sync::Arc;

use crate::limits::JSON_DEPTH;

/// JSON text that has been checked.
pub type RawJson = Arc<str>;

/// Why a body is no JSON that is accepted, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Offset of the first offending byte.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// What kind of value a checked text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`
    Null,
}

/// Checks that the bytes are one JSON value and nothing else; answers the text without surrounding white space.
pub fn check(bytes: &[u8]) -> Result<&str, Malformed> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Malformed { at: error.valid_up_to(), what: "invalid UTF-8" })?;
    let mut scan = Scan { bytes, at: 0 };
    scan.white_space();
    let start = scan.at;
    scan.document()?;
    let end = scan.at;
    scan.white_space();
    if scan.at < bytes.len() {
        return scan.fail("text after the value");
    }
    Ok(&text[start..end])
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn fail<T>(&self, what: &'static str) -> Result<T, Malformed> {
        Err(Malformed { at: self.at, what })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return self.fail(what);
        }
        self.at += 1;
        Ok(())
    }

    /// One value with a stack of its own: input must not decide how deep we recurse.
    fn document(&mut self) -> Result<(), Malformed> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            // At the start of a value.
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    if open.len() == JSON_DEPTH {
                        return self.fail("nested deeper than 64 levels");
                    }
                    self.at += 1;
                    self.white_space();
                    let close = if bracket == b'{' { b'}' } else { b']' };
                    if self.peek() == Some(close) {
                        self.at += 1;
                    } else {
                        open.push(close);
                        if bracket == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(b'"') => self.string()?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                _ => return self.fail("a value was expected"),
            }
            // Behind a value: close what ends here.
            loop {
                let Some(&close) = open.last() else { return Ok(()) };
                self.white_space();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.white_space();
                        if close == b'}' {
                            self.key()?;
                        }
                        break;
                    }
                    Some(byte) if byte == close => {
                        self.at += 1;
                        open.pop();
                    }
                    _ => return self.fail("a comma or the end of the object or array was expected"),
                }
            }
        }
    }

    fn key(&mut self) -> Result<(), Malformed> {
        if self.peek() != Some(b'"') {
            return self.fail("a key was expected");
        }
        self.string()?;
        self.white_space();
        self.expect(b':', "a colon was expected")?;
        self.white_space();
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Malformed> {
        if !self.bytes[self.at..].starts_with(word) {
            return self.fail("a value was expected");
        }
        self.at += word.len();
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.fail("a digit was expected");
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Malformed> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return self.fail("a control character in a string"),
                Some(_) => self.at += 1,
                None => return self.fail("the string does not end"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.unicode(self.at)? {
                0xD800..=0xDBFF => {
                    if self.bytes.get(self.at + 6..self.at + 8) != Some(b"\\u")
                        || !(0xDC00..=0xDFFF).contains(&self.unicode(self.at + 6)?)
                    {
                        return self.fail("a lone surrogate");
                    }
                    self.at += 12;
                    Ok(())
                }
                0xDC00..=0xDFFF => self.fail("a lone surrogate"),
                _ => {
                    self.at += 6;
                    Ok(())
                }
            },
            _ => self.fail("an unknown escape"),
        }
    }

    /// The value of the `\uXXXX` at that offset.
    fn unicode(&self, at: usize) -> Result<u32, Malformed> {
        let hex = self.bytes.get(at + 2..at + 6).filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        hex.and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .ok_or(Malformed { at, what: "four hexadecimal digits were expected" })
    }

    /// Skips one value of checked text.
    fn skip(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let _ = self.string();
                }
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':' | b' ' | b'\t' | b'\n' | b'\r') if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                Some(_) => {
                    while !matches!(
                        self.peek(),
                        None | Some(b',' | b'}' | b']' | b':' | b' ' | b'\t' | b'\n' | b'\r')
                    ) {
                        self.at += 1;
                    }
                }
                None => return,
            }
            if depth == 0 {
                return;
            }
        }
    }
}

/// What a checked value is.
pub fn kind(checked: &str) -> Kind {
    match checked.as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'n') | None => Kind::Null,
        Some(_) => Kind::Number,
    }
}

/// The members of a checked object, in order, keys decoded, values as text.
pub fn members(checked: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    let mut scan = Scan { bytes: checked.as_bytes(), at: 1 };
    std::iter::from_fn(move || {
        scan.white_space();
        if scan.peek() == Some(b',') {
            scan.at += 1;
            scan.white_space();
        }
        if scan.peek() != Some(b'"') {
            return None;
        }
        let key_start = scan.at;
        scan.skip();
        let key = string(&checked[key_start..scan.at]);
        scan.white_space();
        scan.at += 1;
        scan.white_space();
        let start = scan.at;
        scan.skip();
        Some((key, &checked[start..scan.at]))
    })
}

/// The items of a checked array, in order, as text.
pub fn items(checked: &str) -> impl Iterator<Item = &str> {
    let mut scan = Scan { bytes: checked.as_bytes(), at: 1 };
    std::iter::from_fn(move || {
        scan.white_space();
        if scan.peek() == Some(b',') {
            scan.at += 1;
            scan.white_space();
        }
        if matches!(scan.peek(), None | Some(b']')) {
            return None;
        }
        let start = scan.at;
        scan.skip();
        Some(&checked[start..scan.at])
    })
}

/// The text of a checked string literal.
pub fn string(literal: &str) -> Cow<'_, str> {
    let inner = literal.get(1..literal.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    Cow::Owned(serde_json::from_str(literal).unwrap_or_default())
}

/// Appends a string as a JSON literal.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push_str(text);
        out.push('"');
        return;
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn depth_is_counted_from_the_root() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(check(nested(64).as_bytes()).is_ok());
        assert!(check(nested(65).as_bytes()).is_err());
        assert!(check(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn surrogates_come_in_pairs() {
        assert!(check(br#""\ud83d\ude00""#).is_ok());
        for text in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83d\ud83d""#, r#""\ud83dx""#, r#"{"\ud800":1}"#] {
            assert!(check(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[1,]",
            "{,}",
            "{\"a\":1,}",
            "{\"a\"}",
            "{a:1}",
            "01",
            "1.",
            "-",
            "1e",
            "+1",
            "nul",
            "tru e",
            "\"a",
            "\"\\x\"",
            "\"\n\"",
            "1 2",
            "[1 2]",
            "{\"a\":1]",
            "'a'",
            "NaN",
            "\u{feff}1",
            "[1}",
        ] {
            assert!(check(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(check(b"\"\xff\"").is_err());
    }

    #[test]
    fn members_and_items_are_the_pieces_as_sent() {
        let text = check(br#" {"a" : [1, {"b": "}"}] , "\u0062":"x\"y", "c":-1.5e3 } "#).unwrap();
        let found: Vec<_> = members(text).map(|(key, value)| (key.into_owned(), value.to_owned())).collect();
        let expected = [("a", r#"[1, {"b": "}"}]"#), ("b", r#""x\"y""#), ("c", "-1.5e3")]
            .map(|(k, v)| (k.into(), v.into()));
        assert_eq!(found, expected);
        assert_eq!(items("[ 1 ,[2, 3],\"]\" ]").collect::<Vec<_>>(), ["1", "[2, 3]", "\"]\""]);
        assert_eq!(items("[ ]").count() + members("{ }").count(), 0);
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Into::into),
            ".*".prop_map(serde_json::Value::String),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::Array),
                prop::collection::btree_map(".*", inner, 0..8)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_another_encoder_writes_is_accepted_and_taken_apart(value in any_json()) {
            let text = value.to_string();
            prop_assert_eq!(check(text.as_bytes()).unwrap(), &text);
            if let Some(object) = value.as_object() {
                let found: Vec<_> = members(&text)
                    .map(|(key, value)| (key.into_owned(), value.to_owned()))
                    .collect();
                let expected: Vec<(String, String)> =
                    object.iter().map(|(key, value)| (key.clone(), value.to_string())).collect();
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn random_bytes_never_panic_and_agree_with_another_parser(bytes in prop::collection::vec(
            prop::sample::select(b"{}[]\",:\\u0019dDeE+-. \ttruefalsn\xff".to_vec()), 0..40)) {
            let ours = check(&bytes).is_ok();
            let theirs = serde_json::from_slice::<serde_json::Value>(&bytes);
            // Theirs refuses numbers too large for a float; ours forwards the text.
            prop_assert!(ours == theirs.is_ok() || theirs.unwrap_err().to_string().contains("out of range"));
        }

        #[test]
        fn written_strings_read_back(text in ".*") {
            let mut literal = String::new();
            write_string(&mut literal, &text);
            prop_assert_eq!(check(literal.as_bytes()).unwrap(), &literal);
            prop_assert_eq!(string(&literal), text);
        }
    }
}
