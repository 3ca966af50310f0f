//! Writing answers that hold JSON as it was sent: by hand, since a serializer would parse it once more.

use std::fmt::Write;

use emit_core::Millis;
use emit_core::ids::Id;
use emit_core::json::write_string;
use emit_core::time::Rfc3339Millis;

/// An object that is being written.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn open(out: &'a mut String) -> Object<'a> {
        out.push('{');
        Object { out, empty: true }
    }

    pub(crate) fn close(self) {
        self.out.push('}');
    }

    /// Writes a field's name; its value is to follow.
    pub(crate) fn key(&mut self, name: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
        self.out
    }

    pub(crate) fn text(&mut self, name: &str, value: Option<&str>) {
        let out = self.key(name);
        match value {
            Some(value) => write_string(out, value),
            None => out.push_str("null"),
        }
    }

    /// JSON as it was sent.
    pub(crate) fn raw(&mut self, name: &str, value: Option<&str>) {
        self.key(name).push_str(value.unwrap_or("null"));
    }

    pub(crate) fn whole(&mut self, name: &str, value: impl Into<Option<i64>>) {
        let out = self.key(name);
        match value.into() {
            Some(value) => {
                let _ = write!(out, "{value}");
            }
            None => out.push_str("null"),
        }
    }

    pub(crate) fn id(&mut self, name: &str, value: impl Into<Option<Id>>) {
        self.quoted(name, value.into());
    }

    pub(crate) fn time(&mut self, name: &str, value: impl Into<Option<Millis>>) {
        self.quoted(name, value.into().map(Rfc3339Millis));
    }

    /// Something whose text needs no escapes.
    fn quoted(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        let out = self.key(name);
        match value {
            Some(value) => {
                let _ = write!(out, "\"{value}\"");
            }
            None => out.push_str("null"),
        }
    }
}
