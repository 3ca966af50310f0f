//! What the operator sets: flags over `EMIT_*` variables over `emit.toml` over defaults, all from one definition.
//!
//! `definition` is the list, `default.toml` the reference that users read. What a setting does belongs to the rooms
//! that ask for it; nothing may be decided here.

mod definition;
mod file;
mod flags;
mod kinds;
mod layers;
mod show;
#[cfg(test)]
mod tests;

pub(crate) use definition::Config;
pub(crate) use flags::{Flags, ServeFlags, ToolFlags};
pub(crate) use kinds::StoreUrl;
use layers::{ConfigError, Values};

/// The reference: every setting with its default and what it is for.
pub(crate) const REFERENCE: &str = include_str!("default.toml");

/// Whether this text is an `emit.toml` to start with; if not, why, as a sentence. The files that it names for secrets
/// are not read.
pub fn check(text: &str) -> Result<(), String> {
    let read = || {
        let mut layer = file::read(text, layers::FILE)?;
        layer.retain(|name, _| definition::KEYS.iter().any(|key| key.name() == *name));
        Config::read(&Values::gather(&[layer])?)
    };
    read().map(drop).map_err(|why: ConfigError| why.to_string())
}

/// The effective configuration, and where each value comes from.
pub(crate) struct Loaded {
    pub(crate) config: Config,
    values: Values,
    /// The file that was read.
    file: Option<std::path::PathBuf>,
}

impl Loaded {
    /// Gathers what counts.
    pub(crate) fn gather<const ALL: bool>(flags: Flags<ALL>) -> Result<Loaded, ConfigError> {
        let file = layers::file_to_read(flags.file);
        let from_file = file.as_deref().map(layers::file).transpose()?.unwrap_or_default();
        let values = Values::gather(&[flags.layer, layers::variables()?, from_file])?;
        Ok(Loaded { config: Config::read(&values)?, values, file })
    }

    /// As `emit config` prints it.
    pub(crate) fn show(&self) -> String {
        show::show(&self.values, self.file.as_deref())
    }
}
