//! Keys: found by the hash of their secret, remembered while they are used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use emit_api::tokens::NewToken;
use emit_core::ids::Id;
use emit_core::{Millis, Refusal, SpaceNo, TokenId};
use emit_store::Token;
use rand::RngExt;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::reads::Reads;

/// Keys remembered at once; a token of some hundred bytes each.
const REMEMBERED: usize = 20_000;
/// `lastUsedAt` is true to the minute.
const MINUTE: Millis = 60_000;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 32 characters of base62 hold 190 bits.
const SECRET_CHARACTERS: usize = 32;

/// A fresh secret: `emit_…`, or `emit_pub_…` for one that may be published.
pub fn new_secret(public: bool) -> String {
    let mut rng = rand::rng();
    let mut secret = String::from(if public { "emit_pub_" } else { "emit_" });
    secret.extend((0..SECRET_CHARACTERS).map(|_| char::from(BASE62[rng.random_range(0..BASE62.len())])));
    secret
}

/// What a secret is stored as. No salt and no stretching: the entropy is in the key.
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// A fresh id: all its 80 random bits new.
pub fn fresh_id(now: Millis) -> Id {
    Id::from_parts(now, rand::rng().random())
}

/// A key that is wanted, with its secret; not yet of any space.
pub fn fresh_token(new: NewToken, secret: &str, now: Millis) -> Token {
    Token {
        id: fresh_id(now),
        hash: hash(secret),
        secret: None,
        name: new.name,
        scope_names: new.scope_names,
        scopes: new.scopes,
        space: None,
        job: new.job,
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
    }
}

/// The keys this node has seen lately.
pub struct Keyring {
    reads: Reads,
    clock: Arc<Clock>,
    /// Locked for a look-up or a change of the map only, never across a read.
    known: Mutex<Known>,
    /// Changes whenever keys are forgotten: who waits with one looks again.
    forgot: watch::Sender<()>,
}

#[derive(Default)]
struct Known {
    by_hash: HashMap<[u8; 32], Arc<Token>>,
    /// Counts what was forgotten: a read that began before may bring back what is gone.
    forgotten: u64,
    /// Keys used since they were last noted, and when each was noted before.
    used: HashMap<TokenId, Millis>,
    noted: HashMap<TokenId, Millis>,
}

impl Keyring {
    /// An empty keyring.
    pub fn new(reads: Reads, clock: Arc<Clock>) -> Keyring {
        Keyring { reads, clock, known: Mutex::default(), forgot: watch::Sender::new(()) }
    }

    /// The key with that secret. `None`: unknown, revoked or expired.
    pub async fn find(&self, secret: &str) -> Result<Option<Arc<Token>>, Refusal> {
        let hash = hash(secret);
        Ok(self.find_by_hash(hash).await?.inspect(|token| self.note_use(token.id)))
    }

    /// The same by the hash; does not count as a use.
    pub async fn find_by_hash(&self, hash: [u8; 32]) -> Result<Option<Arc<Token>>, Refusal> {
        let (known, forgotten) = {
            let known = self.known();
            (known.by_hash.get(&hash).cloned(), known.forgotten)
        };
        let token = match known {
            Some(token) => token,
            None => {
                let Some(token) = self.reads.read(move |reader| reader.token_by_hash(&hash)).await? else {
                    return Ok(None);
                };
                let token = Arc::new(token);
                let mut known = self.known();
                if known.forgotten == forgotten {
                    if known.by_hash.len() >= REMEMBERED {
                        known.by_hash.clear();
                    }
                    known.by_hash.insert(hash, token.clone());
                }
                token
            }
        };
        let is_over = token.expires_at.is_some_and(|at| at <= self.clock.now());
        Ok((!is_over).then_some(token))
    }

    /// Returns once the key is revoked or has expired.
    pub async fn over(&self, token: &Token) {
        let mut forgot = self.forgot.subscribe();
        loop {
            // A store that cannot be read tells nothing; the key is looked at again with the next change.
            if let Ok(None) = self.find_by_hash(token.hash).await {
                return;
            }
            let left_ms = token.expires_at.map(|at| (at - self.clock.now()).max(0) as u64);
            let expires = async {
                match left_ms {
                    Some(left_ms) => tokio::time::sleep(Duration::from_millis(left_ms)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = expires => {}
                _ = forgot.changed() => {}
            }
        }
    }

    /// The next use of this key reads it again.
    pub fn forget(&self, id: TokenId) {
        self.forget_where(|token| token.id == id);
    }

    /// The next use of any key reads it again. Who waits with one goes on waiting: see `look_again`.
    pub fn forget_all(&self) {
        let mut known = self.known();
        known.forgotten += 1;
        known.by_hash.clear();
    }

    /// Who waits with a key looks whether it is one still.
    pub fn look_again(&self) {
        self.forgot.send_replace(());
    }

    /// The next use of any key of this space reads it again.
    pub fn forget_space(&self, no: SpaceNo) {
        self.forget_where(|token| token.space.is_some_and(|(space, _)| space == no));
    }

    fn forget_where(&self, which: impl Fn(&Token) -> bool) {
        let mut known = self.known();
        known.forgotten += 1;
        known.by_hash.retain(|_, token| !which(token));
        drop(known);
        self.look_again();
    }

    /// The keys used since the last call, for `lastUsedAt`.
    pub fn take_used(&self) -> Vec<(TokenId, Millis)> {
        let mut known = self.known();
        if known.noted.len() > REMEMBERED {
            known.noted.clear();
        }
        let used: Vec<_> = known.used.drain().collect();
        known.noted.extend(used.iter().copied());
        used
    }

    /// When the key was last used, as far as this node knows.
    pub fn last_used(&self, id: TokenId) -> Option<Millis> {
        let known = self.known();
        known.used.get(&id).or_else(|| known.noted.get(&id)).copied()
    }

    fn note_use(&self, id: TokenId) {
        let now = self.clock.now();
        let mut known = self.known();
        if known.noted.get(&id).is_none_or(|noted| now - noted >= MINUTE) {
            known.used.insert(id, now);
        }
    }

    /// A panic while it was locked leaves the maps whole: go on.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
