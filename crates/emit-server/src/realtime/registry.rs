//! All open streams of this node: how many there may be, and how they are told to end.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use emit_core::TokenId;
use emit_store::Token;
use tokio::time::Instant;

use super::hub::Hub;
use super::seat::{Seat, Verdict, lock};

/// How many streams there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) node: usize,
    /// With one public or job-bound key and from one address.
    pub(super) public: usize,
}

/// Why there is no room for another stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The node has as many as it may.
    Node,
    /// This key has, from this address.
    Key,
    /// The server is on its way out.
    Draining,
}

/// The open streams, by the address of their seat.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    seats: HashMap<usize, Arc<Seat>>,
    /// Only keys that are in many hands are counted.
    public: HashMap<(TokenId, IpAddr), usize>,
    draining: bool,
}

impl Registry {
    pub(super) fn len(&self) -> usize {
        lock(&self.0).seats.len()
    }

    /// The keys of all open streams.
    pub(super) fn keys(&self) -> HashSet<TokenId> {
        lock(&self.0).seats.values().filter_map(|seat| seat.token).collect()
    }

    pub(super) fn revoke(&self, id: TokenId) {
        self.each(|seat| seat.token == Some(id), |seat| seat.judge(Verdict::Revoked));
    }

    pub(super) fn expire(&self, id: TokenId, at: Instant) {
        self.each(|seat| seat.token == Some(id), |seat| seat.expire_at(at));
    }

    pub(super) fn drain(&self) {
        lock(&self.0).draining = true;
        self.each(|_| true, |seat| seat.judge(Verdict::Draining));
    }

    fn each(&self, which: impl Fn(&Seat) -> bool, act: impl Fn(&Seat)) {
        lock(&self.0).seats.values().filter(|seat| which(seat)).for_each(|seat| act(seat));
    }
}

/// A stream's place among the open ones; dropping it makes room.
#[derive(Debug)]
pub(super) struct Place {
    hub: Arc<Hub>,
    seat: Arc<Seat>,
    counted: Option<(TokenId, IpAddr)>,
}

impl Place {
    /// Takes a place, if there is one.
    pub(super) fn take(
        hub: &Arc<Hub>,
        limits: Limits,
        token: &Token,
        client: IpAddr,
        seat: &Arc<Seat>,
    ) -> Result<Place, Full> {
        let mut open = lock(&hub.registry.0);
        if open.draining {
            return Err(Full::Draining);
        }
        if open.seats.len() >= limits.node {
            return Err(Full::Node);
        }
        let counted = token.is_in_many_hands().then_some((token.id, client));
        if let Some(key) = counted {
            let count = open.public.entry(key).or_default();
            if *count >= limits.public {
                return Err(Full::Key);
            }
            *count += 1;
        }
        open.seats.insert(Arc::as_ptr(seat) as usize, seat.clone());
        Ok(Place { hub: hub.clone(), seat: seat.clone(), counted })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = lock(&self.hub.registry.0);
        open.seats.remove(&(Arc::as_ptr(&self.seat) as usize));
        if let Some(key) = self.counted
            && let Some(count) = open.public.get_mut(&key)
        {
            *count -= 1;
            if *count == 0 {
                open.public.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::super::testing::token;
    use super::*;

    fn take(hub: &Arc<Hub>, limits: Limits, token: &Token, last: u8) -> Result<(Place, Arc<Seat>), Full> {
        let seat = Arc::new(Seat::new(Some(token.id), None));
        Place::take(hub, limits, token, IpAddr::from([10, 0, 0, last]), &seat).map(|place| (place, seat))
    }

    #[test]
    fn public_keys_are_limited_per_address_and_all_streams_per_node() {
        let hub = Arc::new(Hub::new());
        let limits = Limits { node: 5, public: 2 };
        let (public, secret) = (token(1, true), token(2, false));
        let held: Vec<_> = (0..2).map(|_| take(&hub, limits, &public, 1).unwrap()).collect();
        assert_eq!(take(&hub, limits, &public, 1).unwrap_err(), Full::Key);
        let _other_address = take(&hub, limits, &public, 2).unwrap();
        let _secret = [take(&hub, limits, &secret, 1).unwrap(), take(&hub, limits, &secret, 1).unwrap()];
        assert_eq!(take(&hub, limits, &secret, 1).unwrap_err(), Full::Node);
        drop(held);
        assert_eq!(hub.open_streams(), 3);
        assert!(take(&hub, limits, &public, 1).is_ok());
    }

    #[test]
    fn verdicts_reach_whom_they_concern() {
        let hub = Arc::new(Hub::new());
        let limits = Limits { node: 5, public: 2 };
        let (_one, one) = take(&hub, limits, &token(1, false), 1).unwrap();
        let (_two, two) = take(&hub, limits, &token(2, false), 1).unwrap();
        hub.token_revoked(token(1, false).id);
        let verdict = |seat: &Seat| seat.watch(Waker::noop()).0;
        assert_eq!((verdict(&one), verdict(&two)), (Some(Verdict::Revoked), None));
        hub.drain();
        assert_eq!((verdict(&one), verdict(&two)), (Some(Verdict::Revoked), Some(Verdict::Draining)));
        assert_eq!(take(&hub, limits, &token(3, false), 1).unwrap_err(), Full::Draining);
    }
}
