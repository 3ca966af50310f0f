//! What the operator may do on the machine itself, without a key: make one. A running server is asked over the socket
//! in its data folder, so that its one writer writes; a store that nobody serves is written here.

use std::path::Path;
use std::sync::Arc;

use emit_api::fields::{Rejection, checked};
use emit_api::tokens::{self, NewToken, Token as TokenAnswer};
use emit_core::{Refusal, SpaceId};
use emit_store::{Store, Token};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::App;
use crate::clock::Clock;
use crate::keyring::{fresh_token, new_secret};
use crate::net::local;

/// A key that is wanted: a line on the socket.
#[derive(Debug, Serialize, Deserialize)]
pub struct Wanted {
    space: Option<String>,
    /// As in `POST /tokens`.
    key: Box<RawValue>,
}

/// What became of it: the key as `POST /tokens` answers it, or a sentence.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Made(Box<RawValue>),
    Refused(String),
}

impl Wanted {
    /// A key with these fields of `POST /tokens`, for a space or for all.
    ///
    /// # Errors
    /// A sentence, where there can be no such key.
    pub fn new(space: Option<String>, key: &serde_json::Value) -> Result<Wanted, String> {
        let key = serde_json::value::to_raw_value(key).map_err(|why| why.to_string())?;
        let wanted = Wanted { space, key };
        wanted.read()?;
        Ok(wanted)
    }

    fn read(&self) -> Result<(NewToken, Option<SpaceId>), String> {
        let space = match &self.space {
            Some(text) => Some(text.parse().map_err(|_| format!("{text:?} is no id of a space"))?),
            None => None,
        };
        let body = checked(self.key.get().as_bytes()).map_err(sentence)?;
        Ok((tokens::create(Some(body), space.is_some()).map_err(sentence)?, space))
    }
}

fn sentence(rejection: Rejection) -> String {
    let wrong = rejection.errors.iter().map(|error| format!("{} {}", error.path, error.detail));
    let wrong: Vec<String> = wrong.collect();
    if wrong.is_empty() { rejection.detail } else { wrong.join("; ") }
}

/// Asks the server of that folder for a key; answers it as JSON. `None`: nobody serves the folder.
///
/// # Errors
/// A sentence: the server does not answer, or refuses.
pub fn ask(folder: &Path, wanted: &Wanted) -> Result<Option<String>, String> {
    let question = serde_json::to_string(wanted).map_err(|why| why.to_string())?;
    let answered = local::ask(folder, &question).map_err(|why| {
        format!("the running server does not answer on the socket in its data folder: {why}")
    })?;
    let Some(line) = answered else { return Ok(None) };
    match serde_json::from_str(&line) {
        Ok(Answer::Made(key)) => Ok(Some(key.get().to_owned())),
        Ok(Answer::Refused(why)) => Err(why),
        Err(why) => Err(format!("the running server's answer is not understood: {why}")),
    }
}

/// Writes the key into a store that nobody serves; answers it as JSON.
///
/// # Errors
/// A sentence: there is no such space, or the store cannot be written.
pub fn write(store: &dyn Store, wanted: &Wanted) -> Result<String, String> {
    let (new, space) = wanted.read()?;
    let secret = new_secret(false);
    let mut token = fresh_token(new, &secret, Clock::start().now());
    let unwritten = |why: emit_store::StoreError| why.to_string();
    let mut writer = store.writer().map_err(unwritten)?;
    writer.begin().map_err(unwritten)?;
    if let Some(id) = space {
        let found = writer.space(id).map_err(unwritten)?;
        token.space = Some((found.ok_or("there is no such space")?.no, id));
    }
    writer.insert_token(&token).map_err(unwritten)?;
    writer.commit(&mut []).map_err(unwritten)?;
    made(&token, &secret)
}

/// The server's side of `ask`.
pub(crate) async fn answer(app: Arc<App>, question: String) -> String {
    let made = match serde_json::from_str::<Wanted>(&question) {
        Ok(wanted) => make(&app, &wanted).await,
        Err(why) => Err(format!("the running server does not understand the question: {why}")),
    };
    let answer = match made.and_then(|key| RawValue::from_string(key).map_err(|why| why.to_string())) {
        Ok(key) => Answer::Made(key),
        Err(why) => Answer::Refused(why),
    };
    serde_json::to_string(&answer).unwrap_or_default()
}

async fn make(app: &App, wanted: &Wanted) -> Result<String, String> {
    let (new, space) = wanted.read()?;
    let secret = new_secret(false);
    let mut token = fresh_token(new, &secret, app.clock.now());
    if let Some(id) = space {
        let found = app.reads.read(move |reader| reader.space(id)).await.map_err(refusal)?;
        token.space = Some((found.ok_or("there is no such space")?.no, id));
    }
    let token = app.engine.create_token(token).await.map_err(refusal)?;
    tracing::info!(token = %token.id, "a key was made on the machine");
    made(&token, &secret)
}

fn refusal(refusal: Refusal) -> String {
    match refusal {
        Refusal::SpaceNotFound => "there is no such space".to_owned(),
        Refusal::JobNotFound => "there is no such job".to_owned(),
        Refusal::Draining => "the server is stopping; try again".to_owned(),
        Refusal::OutcomeUnknown => {
            "the commit failed; the key may have been made, but is told nobody".to_owned()
        }
        _ => "the server cannot write at the moment; its log says why".to_owned(),
    }
}

fn made(token: &Token, secret: &str) -> Result<String, String> {
    serde_json::to_string(&TokenAnswer::new(token, Some(secret))).map_err(|why| why.to_string())
}
