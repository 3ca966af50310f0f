//! Callers that can hang up at any moment, in the middle of a commit too.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use rand::RngExt;
use rand::rngs::StdRng;

type Call<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One call under way.
struct Line<T> {
    call: Option<Call<T>>,
    waker: Waker,
}

trait HangUp: Send + Sync {
    fn hang_up(&self);
}

impl<T> HangUp for Mutex<Line<T>> {
    fn hang_up(&self) {
        let mut line = self.lock().unwrap_or_else(PoisonError::into_inner);
        let call = line.call.take();
        line.waker.wake_by_ref();
        drop(line);
        drop(call);
    }
}

/// All calls that may be hung up.
#[derive(Default)]
pub(super) struct Lines(Mutex<Vec<Weak<dyn HangUp>>>);

impl Lines {
    /// The answer of a call, or `None` where the caller has hung up.
    pub(super) fn call<T: 'static, C: Future<Output = T> + Send + 'static>(
        &self,
        call: C,
    ) -> impl Future<Output = Option<T>> + Send + use<T, C> {
        let line = Arc::new(Mutex::new(Line { call: Some(Box::pin(call)), waker: Waker::noop().clone() }));
        let as_trait: Arc<dyn HangUp> = line.clone();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&as_trait));
        std::future::poll_fn(move |context: &mut Context<'_>| {
            let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
            line.waker.clone_from(context.waker());
            match &mut line.call {
                Some(call) => call.as_mut().poll(context).map(Some),
                None => Poll::Ready(None),
            }
        })
    }

    /// One in twenty commits loses a caller.
    pub(super) fn some_hang_up(&self, rng: &mut StdRng) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|line| line.strong_count() > 0);
        if !lines.is_empty() && rng.random_bool(0.05) {
            let unlucky = rng.random_range(0..lines.len());
            let line = lines.swap_remove(unlucky).upgrade();
            drop(lines);
            line.inspect(|line| line.hang_up());
        }
    }
}
