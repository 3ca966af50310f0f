//! The effective configuration as text: an `emit.toml` that would set the same, but for secrets.

use std::fmt::Write;
use std::path::Path;

use super::definition::Key;
use super::kinds::Form;
use super::layers::Values;

/// A setting a line, each with where its value comes from.
pub(super) fn show(values: &Values, file: Option<&Path>) -> String {
    let mut lines = vec![match file {
        Some(file) => format!("# Settings, with {} read. Secrets are left out.", file.display()),
        None => "# Settings; no emit.toml was read. Secrets are left out.".to_owned(),
    }];
    for (key, given) in values.iter() {
        let name = key.name();
        lines.push(match given {
            // A comment, so that nobody sets the stars by mistake.
            Some(given) if key.form == Form::Secret => format!("# {name} = \"***\"  # {}", given.source),
            Some(given) => format!("{name} = {}  # {}", written(key, &given.text), given.source),
            None => format!("# {name} is not set"),
        });
    }
    lines.iter().fold(String::new(), |mut text, line| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
        text
    })
}

fn written(key: &Key, text: &str) -> String {
    // What JSON escapes, TOML reads; it wants one more escaped.
    let quoted = |text: &str| serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f");
    let words = || text.split(',').map(str::trim).filter(|word| !word.is_empty());
    match key.form {
        Form::Number => text.to_owned(),
        Form::Text | Form::Secret => quoted(text),
        Form::Numbers => format!("[{}]", words().collect::<Vec<_>>().join(", ")),
        Form::Texts => format!("[{}]", words().map(quoted).collect::<Vec<_>>().join(", ")),
    }
}
