//! Whether the process is alive, and whether it should be sent requests.

use axum::http::StatusCode;

use super::Answer;
use super::call::{Call, json};
use super::problem::Problem;
use crate::engine::Health;

pub(super) async fn alive(_: Call) -> Answer {
    Ok(json(StatusCode::OK, r#"{"status":"alive"}"#.into()))
}

/// Ready while the store can be read and takes writes. After a batch that failed the engine tries a write each
/// second, so that this heals without requests.
pub(super) async fn ready(call: Call) -> Answer {
    let app = call.app();
    if *app.draining.borrow() {
        return Err(emit_core::Refusal::Draining.into());
    }
    match app.engine.health() {
        Health::Fine => {}
        Health::Failing => return Err(emit_core::Refusal::StoreUnavailable.into()),
        Health::Stopped => return Err(emit_core::Refusal::StoreStopped.into()),
    }
    app.reads.read(|reader| reader.ping()).await.map_err(Problem::from)?;
    Ok(json(StatusCode::OK, r#"{"status":"ready"}"#.into()))
}
