//! Taking a body apart: one mechanism for all of them, items of batches included.
//!
//! A decoder opens an object with the names it knows, takes one field after the other, and goes on after a
//! mistake, so that the answer names all of them at once, each with its JSON Pointer.

use std::borrow::Cow;

use emit_core::Millis;
use emit_core::ids::Id;
use emit_core::json::{self, Kind, kind};
use emit_core::limits::{ARRAY_ITEMS, BODY_BYTES, NAME_CHARS};
use emit_core::time;

use crate::problem::{Code, FieldError};

/// Most fields that one body knows.
const FIELDS_MAX: usize = 16;
/// Mistakes that are told of one body: a thousand wrong items need not be listed to be understood.
const ERRORS_MAX: usize = 100;

/// Why a body is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// What went wrong, for programs.
    pub code: Code,
    /// What went wrong, for people.
    pub detail: String,
    /// Where.
    pub errors: Vec<FieldError>,
}

impl Rejection {
    /// Adds what is wrong with another item.
    pub fn join(&mut self, other: Rejection) {
        if other.code == Code::InvalidFields {
            self.code = Code::InvalidFields;
        }
        let room = ERRORS_MAX.saturating_sub(self.errors.len());
        self.errors.extend(other.errors.into_iter().take(room));
        if self.code == Code::InvalidFields {
            self.detail = wrong_fields(self.errors.len());
        }
    }

    /// What decoders answer in place of a value that cannot be missing once no mistake was noted.
    pub(crate) fn no_object() -> Rejection {
        let errors = vec![FieldError { path: String::new(), detail: "must be an object".into() }];
        Rejection { code: Code::InvalidFields, detail: "1 field is wrong".into(), errors }
    }
}

/// Checks that the bytes are JSON as the contract wants it.
pub fn checked(bytes: &[u8]) -> Result<&str, Rejection> {
    json::check(bytes).map_err(|malformed| Rejection {
        code: Code::MalformedJson,
        detail: format!("{} at byte {}", malformed.what, malformed.at),
        errors: Vec::new(),
    })
}

/// The items of an array of jobs or reports. One that is larger than a body may be refuses them all.
pub fn batch(text: &str) -> Result<Vec<&str>, Rejection> {
    let mut errors = Errors::default();
    if kind(text) != Kind::Array {
        errors.push(String::new(), "must be an array");
        return errors.finish(Vec::new());
    }
    let items: Vec<&str> = json::items(text).take(ARRAY_ITEMS + 1).collect();
    if let Some(index) = items.iter().position(|item| item.len() > BODY_BYTES) {
        let detail = format!("is larger than {BODY_BYTES} bytes");
        return Err(Rejection {
            code: Code::PayloadTooLarge,
            detail: format!("Item {index} {detail}"),
            errors: vec![FieldError { path: format!("/{index}"), detail }],
        });
    }
    if items.is_empty() || items.len() > ARRAY_ITEMS {
        errors.push(String::new(), format!("must have 1 to {ARRAY_ITEMS} items"));
    }
    errors.finish(items)
}

fn wrong_fields(count: usize) -> String {
    if count == 1 { "1 field is wrong".into() } else { format!("{count} fields are wrong") }
}

/// The mistakes found so far.
#[derive(Debug, Default)]
pub struct Errors {
    list: Vec<FieldError>,
}

impl Errors {
    /// Notes a mistake.
    pub fn push(&mut self, path: String, detail: impl Into<String>) {
        if self.list.len() < ERRORS_MAX {
            self.list.push(FieldError { path, detail: detail.into() });
        }
    }

    /// The value, if there was no mistake.
    pub fn finish<T>(self, value: T) -> Result<T, Rejection> {
        match self.list.len() {
            0 => Ok(value),
            count => {
                Err(Rejection { code: Code::InvalidFields, detail: wrong_fields(count), errors: self.list })
            }
        }
    }

    /// Opens an object that may have these fields and no others. `None` (and a mistake noted) if it is none.
    pub fn open<'a>(
        &mut self,
        text: &'a str,
        path: impl Into<String>,
        known: &'static [&'static str],
    ) -> Option<Fields<'a, '_>> {
        let path = path.into();
        if kind(text) != Kind::Object {
            self.push(path, "must be an object");
            return None;
        }
        let mut fields = Fields { path, known, values: [None; FIELDS_MAX], errors: self };
        for (name, value) in json::members(text) {
            match known.iter().take(FIELDS_MAX).position(|known| *known == name) {
                None => fields.wrong(&name, "is not a field of this body"),
                Some(at) if fields.values[at].is_some() => fields.wrong(&name, "is given twice"),
                Some(at) => fields.values[at] = Some(value),
            }
        }
        Some(fields)
    }
}

/// An object's fields. Getters answer `None` for what is absent and for what is wrong; the latter is noted.
#[derive(Debug)]
pub struct Fields<'a, 'e> {
    path: String,
    known: &'static [&'static str],
    values: [Option<&'a str>; FIELDS_MAX],
    errors: &'e mut Errors,
}

impl<'a> Fields<'a, '_> {
    /// Notes a mistake in that field.
    pub fn wrong(&mut self, name: &str, detail: impl Into<String>) {
        let path = format!("{}/{}", self.path, pointer(name));
        self.errors.push(path, detail);
    }

    /// Notes a mistake in a member of that field.
    pub fn wrong_within(&mut self, name: &str, key: &str, detail: impl Into<String>) {
        let path = format!("{}/{}/{}", self.path, pointer(name), pointer(key));
        self.errors.push(path, detail);
    }

    /// The field as sent.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        let at = self.known.iter().position(|known| *known == name);
        debug_assert!(at.is_some(), "{name} is not among the known fields");
        at.and_then(|at| self.values.get(at).copied().flatten())
    }

    /// Whether the field is there and `null`.
    pub fn is_null(&self, name: &str) -> bool {
        self.raw(name).is_some_and(|value| kind(value) == Kind::Null)
    }

    /// For these fields `null` means the same as leaving them out: those that are answered as `null`.
    pub fn null_is_absent(&mut self, names: &[&str]) {
        for (known, value) in self.known.iter().zip(&mut self.values) {
            if names.contains(known) && value.is_some_and(|value| kind(value) == Kind::Null) {
                *value = None;
            }
        }
    }

    /// Notes a mistake for each of these fields that is absent.
    pub fn require(&mut self, names: &[&str]) {
        for name in names {
            if self.raw(name).is_none() {
                self.wrong(name, "is required");
            }
        }
    }

    fn of_kind(&mut self, name: &str, wanted: Kind, detail: &str) -> Option<&'a str> {
        let value = self.raw(name)?;
        if kind(value) == wanted {
            return Some(value);
        }
        self.wrong(name, detail);
        None
    }

    /// A string without U+0000, which a PostgreSQL store could not keep.
    pub fn text(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let literal = self.of_kind(name, Kind::String, "must be a string")?;
        match plain_text(literal) {
            Ok(text) => Some(text),
            Err(detail) => {
                self.wrong(name, detail);
                None
            }
        }
    }

    /// A string of 1 to 200 characters, none of them a control character.
    pub fn name(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let text = self.text(name)?;
        match name_fault(&text) {
            None => Some(text),
            Some(fault) => {
                self.wrong(name, fault);
                None
            }
        }
    }

    /// A whole number in a range; `3.0` is one.
    pub fn whole(&mut self, name: &str, min: i64, max: i64) -> Option<i64> {
        let value = self.raw(name)?;
        match number(value) {
            Some(number) if number.fract() == 0.0 && number >= min as f64 && number <= max as f64 => {
                Some(number as i64)
            }
            _ => {
                self.wrong(name, format!("must be a whole number from {min} to {max}"));
                None
            }
        }
    }

    /// A number of seconds from 0 on, which may have a fraction.
    pub fn seconds(&mut self, name: &str, max: i64) -> Option<f64> {
        let value = self.raw(name)?;
        match number(value) {
            Some(number) if (0.0..=max as f64).contains(&number) => Some(number),
            _ => {
                self.wrong(name, format!("must be a number of seconds from 0 to {max}"));
                None
            }
        }
    }

    /// The same in milliseconds.
    pub fn seconds_ms(&mut self, name: &str, max: i64) -> Option<Millis> {
        self.seconds(name, max).map(to_ms)
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.of_kind(name, Kind::Bool, "must be true or false").map(|value| value == "true")
    }

    /// An RFC 3339 time.
    pub fn time(&mut self, name: &str) -> Option<Millis> {
        let text = self.text(name)?;
        let at = time::parse(&text);
        if at.is_none() {
            self.wrong(name, "must be an RFC 3339 time, as 2025-02-24T10:32:00.000Z");
        }
        at
    }

    /// An id.
    pub fn id(&mut self, name: &str) -> Option<Id> {
        let text = self.text(name)?;
        let id = text.parse().ok();
        if id.is_none() {
            self.wrong(name, "must be an id");
        }
        id
    }

    /// An object as sent.
    pub fn object_text(&mut self, name: &str) -> Option<&'a str> {
        self.of_kind(name, Kind::Object, "must be an object")
    }

    /// An object within, with fields of its own.
    pub fn object(&mut self, name: &str, known: &'static [&'static str]) -> Option<Fields<'a, '_>> {
        let value = self.raw(name)?;
        let path = format!("{}/{}", self.path, pointer(name));
        self.errors.open(value, path, known)
    }

    /// An array's items as sent.
    pub fn items(&mut self, name: &str, min: usize, max: usize) -> Option<Vec<&'a str>> {
        let value = self.of_kind(name, Kind::Array, "must be an array")?;
        let items: Vec<&str> = json::items(value).take(max + 1).collect();
        if items.len() < min || items.len() > max {
            self.wrong(name, format!("must have {min} to {max} items"));
            return None;
        }
        Some(items)
    }

    /// Opens one item of an array within.
    pub fn item(
        &mut self,
        name: &str,
        index: usize,
        text: &'a str,
        known: &'static [&'static str],
    ) -> Option<Fields<'a, '_>> {
        let path = format!("{}/{}/{index}", self.path, pointer(name));
        self.errors.open(text, path, known)
    }
}

/// A name inside a JSON Pointer.
pub fn pointer(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) {
        Cow::Owned(name.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(name)
    }
}

/// The text of a string literal without U+0000.
pub fn plain_text(literal: &str) -> Result<Cow<'_, str>, &'static str> {
    if kind(literal) != Kind::String {
        return Err("must be a string");
    }
    let text = json::string(literal);
    if text.contains('\0') {
        return Err("must not contain U+0000");
    }
    Ok(text)
}

/// What keeps a text from being a name or an idempotency key.
pub fn name_fault(text: &str) -> Option<&'static str> {
    // Counting characters only where bytes do not decide it.
    if text.is_empty() || (text.len() > NAME_CHARS && text.chars().count() > NAME_CHARS) {
        return Some("must have 1 to 200 characters");
    }
    text.chars().any(char::is_control).then_some("must not contain control characters")
}

/// Whether checked JSON text has U+0000 in any string, at any depth. Raw ones were refused: only escapes count.
pub fn has_nul(checked: &str) -> bool {
    let mut rest = checked;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at + 1..];
        if escape.starts_with("u0000") {
            return true;
        }
        // Past the escaped character, which may itself be a backslash.
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

/// Seconds as milliseconds.
pub fn to_ms(seconds: f64) -> Millis {
    (seconds * 1_000.0).round() as Millis
}

fn number(value: &str) -> Option<f64> {
    (kind(value) == Kind::Number).then(|| value.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["a", "b", "c"];

    fn found(text: &str, take: impl FnOnce(&mut Fields<'_, '_>)) -> Vec<(String, String)> {
        let text = checked(text.as_bytes()).unwrap();
        let mut errors = Errors::default();
        if let Some(mut fields) = errors.open(text, "/3", KNOWN) {
            take(&mut fields);
        }
        errors.list.into_iter().map(|error| (error.path, error.detail)).collect()
    }

    fn paths(text: &str, take: impl FnOnce(&mut Fields<'_, '_>)) -> Vec<String> {
        found(text, take).into_iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn unknown_repeated_and_missing_fields_are_all_named() {
        let text = r#"{"x/y~":1,"a":1,"\u0061":2,"b":3}"#;
        assert_eq!(paths(text, |f| f.require(&["b", "c"])), ["/3/x~1y~0", "/3/a", "/3/c"]);
    }

    #[test]
    fn only_an_object_is_one() {
        for text in ["[]", "1", "null", "\"a\"", "true"] {
            assert_eq!(paths(text, |_| ()), ["/3"]);
        }
    }

    #[test]
    fn whole_numbers_may_be_written_with_a_point() {
        for (text, expected) in [
            ("3", Some(3)),
            ("3.0", Some(3)),
            ("30e-1", Some(3)),
            ("0", Some(0)),
            ("5", Some(5)),
            ("-0", Some(0)),
            ("6", None),
            ("-1", None),
            ("2.5", None),
            ("\"3\"", None),
            ("null", None),
            ("true", None),
            ("1e999", None),
        ] {
            let body = format!("{{\"a\":{text}}}");
            let mut value = None;
            let errors = found(&body, |f| value = f.whole("a", 0, 5));
            assert_eq!(value, expected, "{text}");
            assert_eq!(errors.is_empty(), expected.is_some(), "{text}");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        for (text, expected) in
            [("0", Some(0)), ("0.25", Some(250)), ("30", Some(30_000)), ("30.001", None), ("-0.1", None)]
        {
            let mut value = None;
            found(&format!("{{\"a\":{text}}}"), |f| value = f.seconds_ms("a", 30));
            assert_eq!(value, expected, "{text}");
        }
    }

    #[test]
    fn names_have_1_to_200_characters_and_no_controls() {
        for (name, fine) in [
            ("x".to_owned(), true),
            ("ü".repeat(200), true),
            ("ü".repeat(201), false),
            (String::new(), false),
            ("a\\nb".to_owned(), false),
            ("a\\u0000".to_owned(), false),
            ("a\\u0085".to_owned(), false),
        ] {
            let errors = paths(&format!("{{\"a\":\"{name}\"}}"), |f| {
                f.name("a");
            });
            assert_eq!(errors.is_empty(), fine, "{name}");
        }
    }

    #[test]
    fn null_is_a_wrong_kind_unless_it_means_absent() {
        assert_eq!(paths(r#"{"a":null}"#, |f| assert_eq!(f.flag("a"), None)), ["/3/a"]);
        let nothing = paths(r#"{"a":null}"#, |f| {
            f.null_is_absent(&["a"]);
            assert_eq!(f.flag("a"), None);
        });
        assert!(nothing.is_empty());
    }

    #[test]
    fn nul_is_found_at_any_depth_and_not_behind_an_escaped_backslash() {
        assert!(has_nul(r#"{"a":["\u0000"]}"#));
        assert!(has_nul(r#""\\\u0000""#));
        assert!(!has_nul(r#""\\u0000""#));
        assert!(!has_nul(r#""ü\n\u0001\\""#));
    }

    #[test]
    fn a_batch_has_1_to_1000_items() {
        let array = |n: usize| format!("[{}]", vec!["0"; n].join(","));
        for (text, fine) in [
            (array(0), false),
            (array(1), true),
            (array(1_000), true),
            (array(1_001), false),
            ("{}".into(), false),
        ] {
            assert_eq!(batch(&text).is_ok(), fine);
        }
        let sized = |n: usize| format!("[0,\"{}\"]", "x".repeat(n - 2));
        assert!(batch(&sized(BODY_BYTES)).is_ok());
        let refused = batch(&sized(BODY_BYTES + 1)).unwrap_err();
        assert_eq!((refused.code, refused.errors[0].path.as_str()), (Code::PayloadTooLarge, "/1"));
        assert_eq!(batch("{}").unwrap_err().errors[0].path, "");
    }
}
