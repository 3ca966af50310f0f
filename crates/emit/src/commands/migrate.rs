//! `emit migrate`.

use std::process::ExitCode;

use clap::Args;
use emit_store::postgres::migrations::{self, Plan};
use emit_store::postgres::{OpenError, PostgresStore, Target};

use super::{print, refused, with_config};
use crate::config::ToolFlags;

/// What may be set.
#[derive(Args)]
#[command(after_help = include_str!("../help/migrate.txt"))]
pub(crate) struct Flags {
    /// Run the statements instead of printing them.
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    settings: ToolFlags,
}

/// Says what a database's tables lack, or brings them up to date.
pub(crate) fn run(flags: Flags) -> ExitCode {
    with_config(flags.settings, |loaded| {
        let Some(url) = &loaded.config.store else {
            return refused(
                &"`store` names no database; a data folder is brought up to date when it is served",
            );
        };
        let target = url.target(loaded.config.store_password.as_ref());
        match if flags.apply { apply(&target) } else { show(&target) } {
            Ok(text) => print(&text),
            Err(why) => {
                eprintln!("emit: {why}");
                ExitCode::FAILURE
            }
        }
    })
}

fn show(target: &Target) -> Result<String, OpenError> {
    let (plan, statements) = migrations::plan(target)?;
    Ok(sentence(plan) + &statements.join("\n"))
}

fn apply(target: &Target) -> Result<String, OpenError> {
    let (before, _) = migrations::plan(target)?;
    PostgresStore::open(target, 1)?;
    Ok(sentence(Plan { found: before.known, ..before }))
}

fn sentence(plan: Plan) -> String {
    match plan.known - plan.found {
        0 => format!("-- The database has format {}, as this version writes it.\n", plan.known),
        _ => format!("-- The database has format {}; format {} is reached by:\n", plan.found, plan.known),
    }
}
