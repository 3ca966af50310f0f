//! Waiting for a job's end, for the REST calls with `waitSeconds`.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use emit_core::JobId;
use tokio::time::{Instant, sleep_until};

use super::hub::Subject;
use super::seat::Seat;
use crate::app::App;

/// Returns as soon as the job has ended or is gone, or the time is up, or the server drains. Who calls it reads
/// the job afterwards.
pub async fn wait_for_end(app: &App, job: JobId, wait: Duration) {
    let until = Instant::now() + wait;
    let seat = Arc::new(Seat::new(None, None));
    // First the subscription, then the state: an end in between is in one of them.
    let mut subscription = app.hub.subscribe(Subject::Job(job), seat.clone());
    let mut draining = app.draining.clone();
    loop {
        let Ok(Some(found)) = app.reads.read(move |reader| reader.job(job)).await else { return };
        if found.job.status.is_terminal() {
            return;
        }
        if !subscription.belongs_to(found.space.no) {
            continue;
        }
        let (seen, known) = (found.job.seq, found.space.seq);
        let topic = &subscription.topic;
        let is_over = poll_fn(|cx| {
            seat.watch(cx.waker());
            match () {
                () if topic.ended() > seen || topic.is_gone() => Poll::Ready(true),
                // It may have ended on another node, unseen.
                () if topic.began() > known => Poll::Ready(false),
                () => Poll::Pending,
            }
        });
        tokio::select! {
            is_over = is_over => if is_over { return },
            _ = draining.wait_for(|draining| *draining) => return,
            () = sleep_until(until) => return,
        }
    }
}
