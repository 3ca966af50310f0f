//! What names stand for. Asking blocks a thread, however long a resolver is silent: so each space has a share of the
//! questions under way, and names that are none ask nobody.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use emit_core::SpaceNo;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::bounds::{LOOKUPS, LOOKUPS_PER_SPACE};

pub(super) struct Names {
    all: Arc<Semaphore>,
    /// Of spaces that have questions under way or waiting.
    of_spaces: Mutex<HashMap<SpaceNo, Weak<Semaphore>>>,
}

impl Names {
    pub(super) fn new() -> Names {
        Names { all: Arc::new(Semaphore::new(LOOKUPS)), of_spaces: Mutex::default() }
    }

    /// The addresses of a host that a space names. `None`: it cannot be resolved.
    pub(super) async fn resolve(&self, space: SpaceNo, host: &str, port: u16) -> Option<Vec<SocketAddr>> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Some(vec![SocketAddr::new(ip, port)]);
        }
        let host = host.to_owned();
        self.ask(space, move || (host.as_str(), port).to_socket_addrs().map(Vec::from_iter)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        space: SpaceNo,
        question: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Option<T> {
        // The space's first: what waits for its own share takes nothing of the others'.
        let of_space = self.share_of(space).acquire_owned().await.ok()?;
        let of_all = self.all.clone().acquire_owned().await.ok()?;
        let answer = spawn_blocking(move || {
            // Held until the resolver has answered, whether or not somebody still waits.
            let _shares = (of_space, of_all);
            question()
        });
        answer.await.ok()?.ok()
    }

    fn share_of(&self, space: SpaceNo) -> Arc<Semaphore> {
        let mut of_spaces = self.of_spaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = of_spaces.get(&space).and_then(Weak::upgrade) {
            return share;
        }
        of_spaces.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(LOOKUPS_PER_SPACE));
        of_spaces.insert(space, Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// Goal: a space whose names are never answered, and of whose requests nobody waits any more, holds its share
    /// and no more, until they are.
    #[tokio::test]
    async fn a_silent_resolver_of_one_space_is_in_no_other_ones_way() {
        let names = Arc::new(Names::new());
        let (begun, begins) = channel();
        let (open, gate) = channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let waiting: Vec<_> = (0..2 * LOOKUPS)
            .map(|_| {
                let (names, begun, gate) = (names.clone(), begun.clone(), gate.clone());
                tokio::spawn(async move {
                    let silent = move || {
                        begun.send(()).unwrap();
                        let _ = gate.lock().unwrap().recv();
                        Ok(())
                    };
                    names.ask(1, silent).await
                })
            })
            .collect();
        for _ in &waiting {
            tokio::task::yield_now().await;
        }
        // The other space's question, asked last, is answered while all of those wait.
        assert_eq!(names.ask(2, || Ok(42)).await, Some(42));
        (0..LOOKUPS_PER_SPACE).for_each(|_| begins.recv().unwrap());
        waiting.iter().for_each(|one| one.abort());
        assert_eq!(names.share_of(1).available_permits(), 0, "asked, though nobody waits");
        assert_eq!(names.all.available_permits(), LOOKUPS - LOOKUPS_PER_SPACE);
        drop(open);
        assert_eq!(names.ask(1, || Ok(42)).await, Some(42));
        assert!(begins.try_recv().is_err(), "no more than its share was asked");
    }

    #[tokio::test]
    async fn an_address_asks_nobody() {
        let names = Names::new();
        names.all.close();
        for (host, address) in [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")] {
            assert_eq!(names.resolve(1, host, 80).await, Some(vec![address.parse().unwrap()]));
        }
        assert_eq!(names.resolve(1, "localhost", 80).await, None);
    }
}
