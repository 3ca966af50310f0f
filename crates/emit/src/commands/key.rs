//! `emit key`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use emit_core::Millis;
use emit_core::time::{DAY, Rfc3339Millis, SECOND, parse};
use emit_server::clock::Clock;
use emit_server::operator::{self, Wanted};
use emit_store::postgres::PostgresStore;
use emit_store::sqlite::{OpenError, SqliteStore};
use serde_json::{Value, json};

use super::{print, refuse_folder, refused, with_config};
use crate::config::{Config, ToolFlags};

/// What may be set.
#[derive(Args)]
pub(crate) struct Flags {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make a key on the machine itself, also beside a running server.
    Create(Create),
}

/// What may be set.
#[derive(Args)]
#[command(after_help = include_str!("../help/key-create.txt"))]
struct Create {
    /// Make an admin key: it may do everything, in every space.
    #[arg(long, required_unless_present_any = ["scopes", "space"], conflicts_with_all = ["space", "scopes"])]
    admin: bool,
    /// Bind it to this space, by its id. Without it the key is good for every space.
    #[arg(long, value_name = "ID", requires = "scopes")]
    space: Option<String>,
    /// What it may do, separated by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    scopes: Vec<String>,
    /// When it ends: a time (2027-01-31T00:00:00Z), or from now on (90d, 12h, 30m). Without it: never.
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// What it is called in lists.
    #[arg(long, default_value = "made on the machine")]
    name: String,
    #[command(flatten)]
    settings: ToolFlags,
}

/// Makes a key.
pub(crate) fn run(Flags { what: What::Create(create) }: Flags) -> ExitCode {
    let expires_at = match create.expires.as_deref().map(|text| when(text, Clock::start().now())) {
        None => None,
        Some(Some(at)) => Some(Rfc3339Millis(at).to_string()),
        Some(None) => {
            return refused(
                &"--expires must be a time to come, such as 2027-01-31T00:00:00Z, 90d, 12h or 30m",
            );
        }
    };
    let scopes = if create.admin { vec!["admin".to_owned()] } else { create.scopes };
    let key = json!({"name": create.name, "scopes": scopes, "expiresAt": expires_at});
    let wanted = match Wanted::new(create.space, &key) {
        Ok(wanted) => wanted,
        Err(why) => return refused(&why),
    };
    with_config(create.settings, |loaded| make(&loaded.config, &wanted))
}

fn make(config: &Config, wanted: &Wanted) -> ExitCode {
    if let Some(url) = &config.store {
        // Every node finds a new key at once, so that none need be asked.
        let opened = PostgresStore::open(&url.target(config.store_password.as_ref()), 1);
        return told(opened.map_err(|why| why.to_string()).and_then(|store| operator::write(&store, wanted)));
    }
    let made = match operator::ask(&config.data, wanted) {
        Ok(Some(key)) => Ok(key),
        // Nobody listens: then the folder is ours for the moment.
        Ok(None) => match SqliteStore::open_existing(&config.data) {
            Ok(store) => operator::write(&store, wanted),
            Err(OpenError::Locked) => {
                Err("a server holds the data folder but does not listen on its socket; is it starting?"
                    .to_owned())
            }
            Err(why) => return refuse_folder(&why),
        },
        Err(why) => Err(why),
    };
    told(made)
}

fn told(made: Result<String, String>) -> ExitCode {
    match made {
        Ok(key) => tell(&key),
        Err(why) => {
            eprintln!("emit: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The secret alone on stdout, for `KEY=$(emit key create …)`; what it is on stderr.
fn tell(key: &str) -> ExitCode {
    let key: Value = serde_json::from_str(key).unwrap_or_default();
    let text = |name: &str| key[name].as_str().unwrap_or_default();
    let scopes: Vec<_> = key["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let space = key["spaceId"].as_str().map_or("every space".to_owned(), |id| format!("space {id}"));
    let end = key["expiresAt"].as_str().map_or("never".to_owned(), |at| format!("at {at}"));
    let (id, scopes) = (text("tokenId"), scopes.join(","));
    eprintln!("emit: key {id}: {scopes}, {space}, ends {end}. Shown only now:");
    print(&format!("{}\n", text("token")))
}

/// A time to come: given as such, or as a number of days, hours or minutes from now on.
fn when(text: &str, now: Millis) -> Option<Millis> {
    let at = match text.strip_suffix(['d', 'h', 'm']) {
        Some(number) => {
            let unit = match text.as_bytes().last() {
                Some(b'd') => DAY,
                Some(b'h') => 3_600 * SECOND,
                _ => 60 * SECOND,
            };
            now.checked_add(Millis::from(number.parse::<u32>().ok()?).checked_mul(unit)?)?
        }
        None => parse(text)?,
    };
    // A century: what is meant to last for ever has no end.
    (now < at && at < now + 36_525 * DAY).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_times_to_come() {
        let now = parse("2026-01-01T00:00:00Z").unwrap_or_default();
        assert_eq!(when("90d", now), Some(now + 90 * DAY));
        assert_eq!(when("12h", now), Some(now + DAY / 2));
        assert_eq!(when("30m", now), Some(now + 1_800 * SECOND));
        assert_eq!(when("2026-01-02T00:00:00Z", now), Some(now + DAY));
        for wrong in
            ["", "d", "-1d", "1.5d", "0d", "1y", "soon", "2025-12-31T00:00:00Z", "4000000000d", "99999d"]
        {
            assert_eq!(when(wrong, now), None, "{wrong}");
        }
    }
}
