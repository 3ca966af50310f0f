//! What is due: read from an index of rows, since no node knows all of them.

use emit_core::{Job, Millis};

use super::rows;
use super::session::{Outcome, Session};

/// So often the rows are looked at for what other nodes have left behind.
const LOOK_EVERY: Millis = 1_000;

/// When it is worth looking again.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// No job is due earlier, as far as this node knows.
    next: Option<Millis>,
    look_at: Millis,
}

impl Timers {
    /// A job was written that is due then.
    pub(super) fn note(&mut self, due: Option<Millis>) {
        if let Some(due) = due {
            self.next = Some(self.next.map_or(due, |next| next.min(due)));
        }
    }

    /// When to look next for what this node knows of.
    pub(super) fn next(&self) -> Option<Millis> {
        if self.look_at == 0 { Some(0) } else { self.next }
    }

    /// Something may be due.
    pub(super) fn is_time(&self, now: Millis) -> bool {
        now >= self.look_at || self.next.is_some_and(|next| next <= now)
    }

    /// The jobs due, the earliest first, in the spaces of this lane. Locked; whatever somebody else is about to
    /// change is skipped.
    pub(super) fn due(
        &mut self,
        session: &Session,
        (lane, lanes): (usize, usize),
        now: Millis,
        limit: usize,
    ) -> Outcome<Vec<Job>> {
        // Not a join: without statistics it may begin with the spaces, and read all jobs of each. `IS TRUE` keeps
        // the planner from making one of it; the lane's spaces are read once, if anything is due.
        let sql = format!(
            "{} WHERE j.due_at <= $1 AND (j.space IN (SELECT s.no FROM spaces s \
             WHERE NOT s.deleted AND get_byte(uuid_send(s.id), 15) % $3 = $4)) IS TRUE \
             ORDER BY j.due_at LIMIT $2 FOR UPDATE SKIP LOCKED",
            *rows::SELECT_JOBS
        );
        let found = session.query(&sql, &[&now, &(limit as i64), &(lanes as i32), &(lane as i32)])?;
        let found = rows::jobs(&found)?;
        let all = found.len() < limit;
        let (due, early): (Vec<Job>, Vec<Job>) =
            found.into_iter().partition(|job| job.due_at().is_none_or(|due| due <= now));
        if !early.is_empty() {
            postpone(session, &early)?;
        }
        let later = session.row(
            "SELECT due_at FROM jobs WHERE due_at IS NOT NULL AND due_at > $1 ORDER BY due_at LIMIT 1",
            &[&now],
        )?;
        let later: Option<Millis> = later.map(|row| row.try_get(0)).transpose()?;
        // What is answered now is looked for again: only then is it certain that it was changed.
        let again = due.first().and_then(Job::due_at).or_else(|| (!all).then_some(now));
        self.next = again.or(later);
        self.look_at = now + LOOK_EVERY;
        Ok(due)
    }
}

/// Reports have moved their timeouts on since the index was written.
fn postpone(session: &Session, jobs: &[Job]) -> Outcome<()> {
    let numbers: Vec<i64> = jobs.iter().map(|job| job.no).collect();
    let times: Vec<Option<Millis>> = jobs.iter().map(Job::due_at).collect();
    session.execute(
        "UPDATE jobs j SET due_at = u.due_at FROM unnest($1::bigint[], $2::bigint[]) AS u (no, due_at) \
         WHERE j.no = u.no",
        &[&numbers, &times],
    )?;
    Ok(())
}
