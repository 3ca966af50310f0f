//! Spaces and their settings.

use axum::http::StatusCode;
use emit_api::spaces::{Space as SpaceAnswer, settings};
use emit_store::Space;

use super::Answer;
use super::call::{Call, linked, nothing, value};
use super::problem::Problem;
use crate::fresh::{new_space, public_token};
use crate::outbound::sign::fresh_secret;

pub(super) async fn create(call: Call) -> Answer {
    let settings = settings(call.json()?, true)?;
    let now = call.now();
    let mut space = new_space("", now);
    settings.apply(&mut space, fresh_secret(), now);
    let made = call.app().engine.create_space(space, public_token(now)).await?;
    Ok(answer(StatusCode::CREATED, &made.space, true))
}

pub(super) async fn list(call: Call) -> Answer {
    let query = call.query();
    let (after, limit) = (query.after_id()?, query.limit()?);
    // One more than asked for tells whether there is a next page.
    let spaces = call.app().reads.read(move |reader| reader.spaces(after, limit + 1)).await?;
    let page = &spaces[..spaces.len().min(limit)];
    let last = page.last().filter(|_| spaces.len() > limit);
    let next = last.and_then(|space| query.next(&["limit"], "after", &space.id.to_string()));
    let page: Vec<_> = page.iter().map(|space| SpaceAnswer::new(space, false)).collect();
    Ok(linked(value(StatusCode::OK, &page), next))
}

pub(super) async fn get(call: Call) -> Answer {
    let id = call.space()?;
    let space = call.app().reads.read(move |reader| reader.space(id)).await?;
    Ok(answer(StatusCode::OK, &space.ok_or_else(Problem::space_not_found)?, false))
}

pub(super) async fn edit(call: Call) -> Answer {
    let settings = settings(call.json()?, false)?;
    let (now, has_new_secret) = (call.now(), settings.secret.is_some());
    let edit = Box::new(move |space: &mut Space| settings.apply(space, fresh_secret(), now));
    let space = call.app().engine.update_space(call.space()?, edit).await?;
    Ok(answer(StatusCode::OK, &space, has_new_secret))
}

pub(super) async fn delete(call: Call) -> Answer {
    let force = call.query().flag("force")?;
    call.app().engine.delete_space(call.space()?, force).await?;
    Ok(nothing())
}

/// `revealed`: with the signing secret, which is shown only when it is made or given.
fn answer(status: StatusCode, space: &Space, revealed: bool) -> axum::response::Response {
    value(status, &SpaceAnswer::new(space, revealed))
}
