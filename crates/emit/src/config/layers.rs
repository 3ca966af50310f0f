//! Where values come from, and which one counts.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::definition::{KEYS, Key};
use super::kinds::{Form, Kind};

/// Why there is no configuration, as a sentence.
#[derive(Debug)]
pub(crate) struct ConfigError(pub(crate) String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value as text, and where it stood.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) text: String,
    /// `--listen`, `EMIT_LISTEN`, `emit.toml, line 3`, `default`.
    pub(crate) source: String,
}

/// The values of one way in, by the names of `emit.toml` (for a secret's file: `…-file`).
pub(crate) type Layer = HashMap<String, Given>;

/// The value that counts, for each setting of `KEYS` that has any.
pub(crate) struct Values(Vec<(&'static Key, Option<Given>)>);

impl Values {
    /// The strongest layer comes first; defaults are the weakest.
    pub(super) fn gather(layers: &[Layer]) -> Result<Values, ConfigError> {
        let gathered = KEYS.iter().map(|key| Ok((key, strongest(key, layers)?)));
        gathered.collect::<Result<_, _>>().map(Values)
    }

    /// All settings, in the order of the reference.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(&'static Key, Option<Given>)> {
        self.0.iter()
    }

    /// The value of the setting with that field.
    pub(super) fn read<T: Kind>(&self, field: &str) -> Result<T, ConfigError> {
        let name = field.replace('_', "-");
        let given = self.0.iter().find(|(key, _)| key.name() == name).and_then(|(_, given)| given.as_ref());
        let text = given.map_or("", |given| &given.text);
        T::read(text).map_err(|why| {
            let source = given.map_or("default", |given| &given.source);
            ConfigError(format!("{name} {why} (set by {source})"))
        })
    }
}

fn strongest(key: &Key, layers: &[Layer]) -> Result<Option<Given>, ConfigError> {
    for layer in layers {
        let direct = layer.get(&key.name());
        let file = layer.get(&file_name(key)).filter(|_| key.form == Form::Secret);
        return match (direct, file) {
            (None, None) => continue,
            (Some(given), None) if key.form == Form::Secret && given.text.is_empty() => {
                Err(ConfigError(format!("{} is empty (set by {})", key.name(), given.source)))
            }
            (Some(given), None) => Ok(Some(given.clone())),
            (None, Some(file)) => secret_from(file).map(Some),
            (Some(one), Some(other)) => Err(ConfigError(format!(
                "{} is set twice, by {} and by {}; keep one",
                key.name(),
                one.source,
                other.source
            ))),
        };
    }
    let default = Given { text: key.default.to_owned(), source: "default".to_owned() };
    Ok((!key.default.is_empty()).then_some(default))
}

/// `admin-key-file`: where the file's name stands instead of the secret.
pub(super) fn file_name(key: &Key) -> String {
    format!("{}-file", key.name())
}

fn secret_from(file: &Given) -> Result<Given, ConfigError> {
    let Given { text: path, source } = file;
    let text = std::fs::read_to_string(path)
        .map_err(|why| ConfigError(format!("the file {path} cannot be read: {why} (set by {source})")))?;
    let text = text.trim_end().to_owned();
    if text.is_empty() {
        return Err(ConfigError(format!("the file {path} is empty (set by {source})")));
    }
    Ok(Given { text, source: source.clone() })
}

/// The variables that name a setting. Others that begin with `EMIT_` belong to clients.
pub(super) fn variables() -> Result<Layer, ConfigError> {
    let mut layer = Layer::new();
    let mut take = |name: String, variable: String| {
        match std::env::var(&variable) {
            Ok(text) => drop(layer.insert(name, Given { text, source: variable })),
            Err(std::env::VarError::NotPresent) => {}
            Err(_) => return Err(ConfigError(format!("{variable} is not UTF-8"))),
        }
        Ok(())
    };
    for key in KEYS {
        take(key.name(), key.variable())?;
        if key.form == Form::Secret {
            take(file_name(key), format!("{}_FILE", key.variable()))?;
        }
    }
    Ok(layer)
}

/// The file that is read where none is named, if it is there.
pub(super) const FILE: &str = "emit.toml";

/// Which file counts: a named one must be there.
pub(super) fn file_to_read(named: Option<PathBuf>) -> Option<PathBuf> {
    let variable = || std::env::var_os("EMIT_CONFIG").filter(|name| !name.is_empty());
    let named = named.or_else(|| variable().map(PathBuf::from));
    named.or_else(|| Some(PathBuf::from(FILE)).filter(|file| file.exists()))
}

pub(super) fn file(path: &Path) -> Result<Layer, ConfigError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|why| ConfigError(format!("the configuration {shown} cannot be read: {why}")))?;
    super::file::read(&text, &shown.to_string())
}
