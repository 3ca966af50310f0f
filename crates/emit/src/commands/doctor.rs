//! `emit doctor`.

use std::process::ExitCode;

use clap::Args;
use emit_server::clock::Clock;
use emit_store::sqlite::doctor::{Checked, Finding, examine};

use super::{print, refuse_folder, with_folder};
use crate::config::ToolFlags;

/// The store could be read, and is not as it should be.
const FOUND: u8 = 3;

/// What may be set.
#[derive(Args)]
#[command(after_help = include_str!("../help/doctor.txt"))]
pub(crate) struct Flags {
    #[command(flatten)]
    settings: ToolFlags,
}

/// Examines a store, and says check by check what is wrong.
pub(crate) fn run(flags: Flags) -> ExitCode {
    with_folder(flags.settings, |data| match examine(data, Clock::start().now()) {
        Ok(checks) => report(&checks),
        Err(why) => refuse_folder(&why),
    })
}

fn report(checks: &[Checked]) -> ExitCode {
    let mut lines = Vec::new();
    for check in checks {
        let verdict = if check.findings.is_empty() { "ok   " } else { "WRONG" };
        lines.push(format!("{verdict} {:<12} {}", check.name, check.promise));
        lines.extend(check.findings.iter().map(|finding| format!("        {}", sentence(finding))));
        if check.more {
            lines.push("        and more".to_owned());
        }
    }
    let wrong = checks.iter().filter(|check| !check.findings.is_empty()).count();
    lines.push(match wrong {
        0 => "The store is sound.".to_owned(),
        _ => format!(
            "{wrong} of {} checks found something wrong; `emit doctor --help` says what to do.",
            checks.len()
        ),
    });
    let printed = print(&(lines.join("\n") + "\n"));
    if wrong == 0 { printed } else { ExitCode::from(FOUND) }
}

fn sentence(finding: &Finding) -> String {
    let space = finding.space.map(|id| format!("space {id}: ")).unwrap_or_default();
    let job = finding.job.map(|id| format!("job {id}: ")).unwrap_or_default();
    format!("{space}{job}{}", finding.what)
}
