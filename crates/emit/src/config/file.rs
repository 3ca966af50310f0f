//! `emit.toml`: one key a setting, nothing nested. A key that is none, or a value of the wrong form, is an error
//! with its line: a typing error must not run as a default.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::definition::{KEYS, Key};
use super::kinds::Form;
use super::layers::{ConfigError, Given, Layer, file_name};

/// Reads a file's text; `shown` is what messages call it.
pub(super) fn read(text: &str, shown: &str) -> Result<Layer, ConfigError> {
    let line_of = |at: usize| text.get(..at).unwrap_or(text).lines().count().max(1);
    let table = DeTable::parse(text).map_err(|why| {
        let line = why.span().map_or(1, |span| line_of(span.end));
        ConfigError(format!("{shown}, line {line}: {}", why.message()))
    })?;
    let mut layer = Layer::new();
    for (name, value) in table.get_ref() {
        let source = format!("{shown}, line {}", line_of(name.span().end));
        let name = name.get_ref().as_ref();
        let form = form_of(name)
            .ok_or_else(|| ConfigError(format!("{source}: there is no setting {name}{}", hint(name))))?;
        let text =
            as_text(form, value).map_err(|what| ConfigError(format!("{source}: {name} must be {what}")))?;
        layer.insert(name.to_owned(), Given { text, source });
    }
    Ok(layer)
}

fn form_of(name: &str) -> Option<Form> {
    KEYS.iter().find_map(|key| {
        if key.name() == name {
            Some(key.form)
        } else {
            (key.form == Form::Secret && file_name(key) == name).then_some(Form::Text)
        }
    })
}

const NUMBERS: &str = "an array of whole numbers, without quotes";

/// As a flag would give it; the error says what form it must have.
fn as_text(form: Form, value: &Spanned<DeValue<'_>>) -> Result<String, &'static str> {
    match (form, value.get_ref()) {
        (Form::Text | Form::Secret, DeValue::String(text)) => Ok(text.to_string()),
        (Form::Text | Form::Secret, _) => Err("a string, in quotes"),
        (Form::Number, DeValue::Integer(number)) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        (Form::Number, _) => Err("a whole number, without quotes"),
        (Form::Texts, DeValue::Array(items)) => {
            let words = items.iter().map(|item| match item.get_ref() {
                DeValue::String(word) if !word.contains(',') => Ok(word.as_ref()),
                _ => Err("an array of strings without commas"),
            });
            Ok(words.collect::<Result<Vec<_>, _>>()?.join(","))
        }
        (Form::Texts, _) => Err("an array of strings"),
        (Form::Numbers, DeValue::Array(items)) => {
            let numbers = items.iter().map(|item| as_text(Form::Number, item).or(Err(NUMBERS)));
            Ok(numbers.collect::<Result<Vec<_>, _>>()?.join(","))
        }
        (Form::Numbers, _) => Err(NUMBERS),
    }
}

/// The setting that was probably meant.
fn hint(name: &str) -> String {
    let like = name.to_lowercase().replace('_', "-");
    let meant = |key: &&Key| {
        let known = key.name();
        like == known || (like.len() > 3 && (known.starts_with(&like) || like.starts_with(&known)))
    };
    KEYS.iter().find(meant).map_or_else(
        || "; `emit config --default` shows all".to_owned(),
        |key| format!("; is {} meant?", key.name()),
    )
}
