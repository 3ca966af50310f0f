//! Where the database is and how it is reached.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, NoTls};

use super::session::sentence;
use crate::{Result, StoreError};

/// A host that does not answer is passed over, and the next is tried.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// Data the other side never acknowledged: the connection is dead.
const SILENCE: Duration = Duration::from_secs(10);
/// For every connection. All our statements go along an index: with plans of other kinds off, a table that was
/// never analysed costs no surprise. A node that vanishes within a transaction lets go of its rows after a while.
const SETTINGS: &str = "SET search_path = emit; SET enable_seqscan = off; SET enable_hashjoin = off; \
    SET enable_mergejoin = off; SET enable_bitmapscan = off; SET jit = off; SET timezone = 'UTC'; \
    SET plan_cache_mode = force_generic_plan; SET statement_timeout = '30s'; SET lock_timeout = '8s'; \
    SET idle_in_transaction_session_timeout = '15s'; SET synchronous_commit = on";

/// How to reach the database.
#[derive(Clone)]
pub(super) struct Address {
    config: Config,
}

impl Address {
    /// Reads `postgres://user:password@host:port,host2/database?option=value`.
    pub(super) fn read(url: &str) -> std::result::Result<Address, String> {
        let mut config: Config = url.parse().map_err(|why: tokio_postgres::Error| sentence(&why))?;
        config
            .application_name("emit")
            .connect_timeout(CONNECT_PATIENCE)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .ssl_mode(SslMode::Disable)
            // Of several hosts the one that is the primary now.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Address { config })
    }

    /// A connection with our settings, and what drives it.
    pub(super) async fn connect(&self) -> Result<(Client, impl Future<Output = ()> + Send + 'static)> {
        let unavailable = |why: tokio_postgres::Error| StoreError::Unavailable(sentence(&why));
        let (client, connection) = self.config.connect(NoTls).await.map_err(unavailable)?;
        let mut connection = Box::pin(connection);
        let set = match select(Box::pin(client.batch_execute(SETTINGS)), &mut connection).await {
            Either::Left((set, _)) => set.map_err(unavailable),
            Either::Right(_) => Err(StoreError::Unavailable("the connection was closed".into())),
        };
        set?;
        // How it ended shows in the queries that are under way.
        Ok((client, connection.map(drop)))
    }
}
