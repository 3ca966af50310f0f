//! Keys: of a space, of a job, of none. A secret is answered once; only the public one can be read again.

use axum::http::StatusCode;
use emit_api::jobs::mint as mint_request;
use emit_api::tokens::{self as wire, Me, NewToken, Token as TokenAnswer};
use emit_core::{Scopes, SpaceId, SpaceNo, TokenId};
use emit_store::Token;

use super::Answer;
use super::call::{Call, linked, nothing, value};
use super::problem::Problem;
use crate::keyring::{fresh_token, new_secret};

pub(super) async fn me(call: Call) -> Answer {
    Ok(value(StatusCode::OK, &Me::new(call.token()?)))
}

pub(super) async fn create(call: Call) -> Answer {
    let new = wire::create(call.json()?, call.target.space.is_some())?;
    let secret = new_secret(false);
    let mut token = fresh_token(new, &secret, call.now());
    if let Some(id) = call.maybe_space()? {
        token.space = Some((space_no(&call, id).await?, id));
    }
    let token = call.app().engine.create_token(token).await?;
    Ok(made(&token, &secret))
}

/// A throw-away key that sees the progress of one job.
pub(super) async fn mint(call: Call) -> Answer {
    let lives_ms = mint_request(call.json()?)?;
    let (secret, now) = (new_secret(false), call.now());
    let scope = "jobs:read:progress";
    let new = NewToken {
        name: "Browser token of one job".into(),
        scope_names: vec![scope.into()],
        scopes: Scopes::from_names([scope]).unwrap_or_default(),
        expires_at: Some(now + lives_ms),
        job: None,
    };
    let token = fresh_token(new, &secret, now);
    let token = call.app().engine.mint_job_token(call.caller(), call.job()?, token).await?;
    Ok(made(&token, &secret))
}

pub(super) async fn list(call: Call) -> Answer {
    let query = call.query();
    let (after, limit) = (query.after_id()?, query.limit()?);
    let space = match call.maybe_space()? {
        Some(id) => Some(space_no(&call, id).await?),
        None => None,
    };
    let mut tokens = call.app().reads.read(move |reader| reader.tokens(space, after, limit + 1)).await?;
    for token in &mut tokens {
        // The store learns of a use within the minute; this node knows already.
        token.last_used_at = token.last_used_at.max(call.app().keyring.last_used(token.id));
    }
    let page = &tokens[..tokens.len().min(limit)];
    let last = page.last().filter(|_| tokens.len() > limit);
    let next = last.and_then(|token| query.next(&["limit"], "after", &token.id.to_string()));
    let page: Vec<_> = page.iter().map(|token| TokenAnswer::new(token, token.secret.as_deref())).collect();
    Ok(linked(value(StatusCode::OK, &page), next))
}

pub(super) async fn delete(call: Call) -> Answer {
    call.app().engine.delete_token(call.maybe_space()?, call.token_id()?).await?;
    Ok(nothing())
}

pub(super) async fn rotate(call: Call) -> Answer {
    let grace_ms = wire::rotate(call.json()?)?;
    let (space, id) = (call.maybe_space()?, call.token_id()?);
    let secret = new_secret(is_public(&call, space, id).await?);
    let mut successor = fresh_token(NewToken::default(), &secret, call.now());
    successor.secret = Some(secret.clone());
    let token = call.app().engine.rotate_token(space, id, successor, grace_ms).await?;
    Ok(made(&token, &secret))
}

/// Whether the key's secret may be read again: its successor's says so in its first letters. A space has few keys.
async fn is_public(call: &Call, space: Option<SpaceId>, id: TokenId) -> Result<bool, Problem> {
    let Some(space) = space else { return Ok(false) };
    let no = space_no(call, space).await?;
    let mut after = None;
    loop {
        let page = call.app().reads.read(move |reader| reader.tokens(Some(no), after, PAGE)).await?;
        if let Some(token) = page.iter().find(|token| token.id == id) {
            return Ok(token.secret.is_some());
        }
        after = page.last().map(|token| token.id);
        if page.len() < PAGE {
            return Err(Problem::token_not_found());
        }
    }
}

/// Keys that are looked through at once.
const PAGE: usize = 1_000;

async fn space_no(call: &Call, id: SpaceId) -> Result<SpaceNo, Problem> {
    let space = call.app().reads.read(move |reader| reader.space(id)).await?;
    space.map(|space| space.no).ok_or_else(Problem::space_not_found)
}

fn made(token: &Token, secret: &str) -> axum::response::Response {
    value(StatusCode::CREATED, &TokenAnswer::new(token, Some(secret)))
}
