//! What operators ask of a space.

use axum::http::StatusCode;

use super::Answer;
use super::call::{Call, json};
use super::problem::Problem;
use crate::insight::Ask;

pub(super) async fn stats(call: Call) -> Answer {
    answer(call, Ask::Stats).await
}

pub(super) async fn failures(call: Call) -> Answer {
    answer(call, Ask::Failures).await
}

async fn answer(call: Call, ask: Ask) -> Answer {
    let (space, now) = (call.space()?, call.now());
    let text = call.shared.insight.answer(&call.app().reads, ask, space, now).await?;
    let text = text.ok_or_else(Problem::space_not_found)?;
    Ok(json(StatusCode::OK, text.as_ref().to_owned()))
}
