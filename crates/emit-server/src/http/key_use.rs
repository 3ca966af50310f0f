//! `lastUsedAt`: true to the minute, written in the background, may be lost in a crash.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;

/// Uses are gathered that long: one small write a minute, however many requests come.
const GATHERED: Duration = Duration::from_secs(60);

/// Tells the store which keys were used since the last time.
pub fn note_used_keys(app: &App) {
    let used = app.keyring.take_used();
    if !used.is_empty() {
        app.engine.touch_tokens(used);
    }
}

/// Tells the store, once a minute, which keys were used. Runs until it is dropped.
pub async fn note_key_use(app: Arc<App>) {
    loop {
        tokio::time::sleep(GATHERED).await;
        note_used_keys(&app);
    }
}
