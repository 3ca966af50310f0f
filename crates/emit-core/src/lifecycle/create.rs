//! Before a worker has it: creation and editing.

use crate::command::{Edit, NewJob};
use crate::event::EventType;
use crate::ids::{JobId, SpaceNo};
use crate::job::{Job, Status};
use crate::refusal::Refusal;
use crate::time::Millis;
use crate::transition::Transition;

pub(crate) fn create(id: JobId, space: SpaceNo, new: &NewJob, now: Millis) -> Transition {
    let mut transition = Transition::to(Job::new(id, space, new, now)).event(EventType::Created, None);
    transition.payload = new.payload.clone();
    transition
}

pub(crate) fn edit(job: &Job, edit: &Edit, now: Millis) -> Result<Transition, Refusal> {
    if !job.status.is_waiting() {
        return Err(Refusal::WrongState(job.status));
    }
    let mut after = job.clone();
    if edit.fields.is_empty() {
        return Ok(Transition::to(after));
    }
    after.priority = edit.priority.unwrap_or(after.priority);
    after.max_retries = edit.max_retries.unwrap_or(after.max_retries);
    after.expires_at = edit.expires_at.unwrap_or(after.expires_at);
    if let Some(start) = edit.scheduled_for {
        let waits = start.filter(|at| *at > now);
        after.scheduled_for = start;
        after.available_at = waits.unwrap_or(now);
        after.available = waits.is_none();
        after.status = if waits.is_some() { Status::Scheduled } else { Status::Pending };
    }
    after.updated_at = now;
    let names: Vec<String> = edit.fields.iter().map(|field| format!("\"{field}\"")).collect();
    let data = format!("{{\"fields\":[{}]}}", names.join(","));
    let mut transition = Transition::to(after).event(EventType::Updated, Some(data.into()));
    transition.payload = edit.payload.clone();
    Ok(transition)
}
