//! The settings as flags of a command.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};

use super::definition::{KEYS, Key, Reach};
use super::kinds::Form;
use super::layers::{Given, Layer, file_name};

/// What the user typed, for commands that take every setting (`ALL`) or only those that reach everywhere.
#[derive(Debug, Default)]
pub(crate) struct Flags<const ALL: bool> {
    pub(super) layer: Layer,
    pub(super) file: Option<PathBuf>,
}

/// All settings.
pub(crate) type ServeFlags = Flags<true>;
/// Those of commands beside a server.
pub(crate) type ToolFlags = Flags<false>;

/// A secret's flag names its file: flags can be read by everybody on the machine.
fn name(key: &Key) -> String {
    if key.form == Form::Secret { file_name(key) } else { key.name() }
}

fn keys(all: bool) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| all || key.reach == Reach::Everywhere)
}

fn argument(key: &'static Key) -> Arg {
    let (word, mut help, mut variable) = (key.word, key.help.trim().to_owned(), key.variable());
    let mut value_name = word;
    if key.form == Form::Secret {
        help = format!("File that holds the secret. {help}");
        variable = format!("{variable}_FILE, or {variable} with the secret itself");
        value_name = "FILE";
    }
    if matches!(key.form, Form::Texts | Form::Numbers) {
        help.push_str(" Separated by commas.");
    }
    let default = if key.default.is_empty() { String::new() } else { format!(", default {}", key.default) };
    Arg::new(name(key)).long(name(key)).value_name(value_name).help(format!("{help} [{variable}{default}]"))
}

impl<const ALL: bool> clap::Args for Flags<ALL> {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("The file of settings; without it emit.toml, if there is one. [EMIT_CONFIG]");
        command.next_help_heading("Settings").args(keys(ALL).map(argument)).arg(file)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<const ALL: bool> clap::FromArgMatches for Flags<ALL> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.file = matches.get_one::<PathBuf>("config").cloned();
        for key in keys(ALL) {
            let name = name(key);
            if let Some(text) = matches.get_one::<String>(&name) {
                let given = Given { text: text.clone(), source: format!("--{name}") };
                self.layer.insert(name, given);
            }
        }
        Ok(())
    }
}
