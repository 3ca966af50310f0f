//! Spaces and keys: written by the same commits as jobs.

use emit_core::{JobId, Millis, Refusal, SpaceId, SpaceNo, TokenId};
use emit_store::{Space, StoreError, Token};

use super::batch::{Batch, Effect, Stop};
use super::work::Reply;
use super::{Caller, NewSpace, SpaceEdit};

pub(super) fn create_space(
    batch: &mut Batch<'_>,
    space: &Space,
    mut public: Token,
    reply: Reply<NewSpace>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        let space = batch.writer.insert_space(space)?;
        public.space = Some((space.no, space.id));
        batch.writer.insert_token(&public)?;
        batch.effects.push(Effect::SettingsChanged(Box::new(space.clone())));
        Ok(Box::new(move |_| Ok(NewSpace { space, public_token: public })))
    })
}

pub(super) fn update_space(
    batch: &mut Batch<'_>,
    id: SpaceId,
    edit: SpaceEdit,
    reply: Reply<Space>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        // The counts in the answer hold what this batch has done so far.
        batch.write()?;
        let mut space = batch.space(id)?;
        edit(&mut space);
        batch.writer.update_space(&space)?;
        batch.effects.push(Effect::SettingsChanged(Box::new(space.clone())));
        if !space.paused {
            batch.woken.insert(space.no);
        }
        Ok(Box::new(move |_| Ok(space)))
    })
}

pub(super) fn delete_space(
    batch: &mut Batch<'_>,
    id: SpaceId,
    force: bool,
    reply: Reply<()>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        batch.write()?;
        let space = batch.space(id)?;
        if !force && space.counts.iter().sum::<i64>() > 0 {
            return Err(Refusal::SpaceNotEmpty.into());
        }
        batch.writer.delete_space(space.no)?;
        // Polls that wait there are told.
        batch.woken.insert(space.no);
        batch.forget_jobs();
        batch.effects.push(Effect::SpaceDeleted(space.no));
        Ok(Box::new(|_| Ok(())))
    })
}

pub(super) fn create_token(
    batch: &mut Batch<'_>,
    token: Token,
    reply: Reply<Token>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        if let Some((_, id)) = token.space {
            batch.space(id)?;
        }
        if let Some(job) = token.job {
            let caller = Caller { space: token.space.map(|(no, _)| no), ..Caller::default() };
            batch.job(caller, job).map_err(|stop| match stop {
                Stop::Refused(_) => Refusal::NoJobToBind.into(),
                failed => failed,
            })?;
        }
        insert(batch, &token)?;
        Ok(Box::new(move |_| Ok(token)))
    })
}

pub(super) fn mint_job_token(
    batch: &mut Batch<'_>,
    caller: Caller,
    job: JobId,
    mut token: Token,
    reply: Reply<Token>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        let job = batch.job(caller, job)?;
        let space = batch.space_of(&job)?;
        token.space = Some((space.no, space.id));
        token.job = Some(job.id);
        insert(batch, &token)?;
        Ok(Box::new(move |_| Ok(token)))
    })
}

fn insert(batch: &mut Batch<'_>, token: &Token) -> Result<(), Stop> {
    if batch.writer.token_by_hash(&token.hash)?.is_some() {
        return Err(Refusal::TokenExists.into());
    }
    batch.writer.insert_token(token)?;
    Ok(())
}

pub(super) fn delete_token(
    batch: &mut Batch<'_>,
    space: Option<SpaceId>,
    id: TokenId,
    reply: Reply<()>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        let token = token(batch, space, id)?;
        batch.writer.delete_token(token.id)?;
        batch.effects.push(Effect::TokenRevoked(id));
        Ok(Box::new(|_| Ok(())))
    })
}

pub(super) fn rotate_token(
    batch: &mut Batch<'_>,
    space: Option<SpaceId>,
    id: TokenId,
    successor: Token,
    grace_ms: Millis,
    reply: Reply<Token>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        let mut old = token(batch, space, id)?;
        let new = Token {
            id: successor.id,
            hash: successor.hash,
            // Only a public token's secret stays readable.
            secret: old.secret.as_ref().and(successor.secret),
            created_at: batch.now,
            last_used_at: None,
            ..old.clone()
        };
        insert(batch, &new)?;
        if grace_ms > 0 {
            let end = batch.now + grace_ms;
            old.expires_at = Some(old.expires_at.map_or(end, |at| at.min(end)));
            old.secret = None;
            batch.writer.update_token(&old)?;
            let left_ms = old.expires_at.unwrap_or(end) - batch.now;
            batch.effects.push(Effect::TokenExpires(id, left_ms));
        } else {
            batch.writer.delete_token(id)?;
            batch.effects.push(Effect::TokenRevoked(id));
        }
        Ok(Box::new(move |_| Ok(new)))
    })
}

fn token(batch: &mut Batch<'_>, space: Option<SpaceId>, id: TokenId) -> Result<Token, Stop> {
    let space: Option<SpaceNo> = match space {
        Some(space) => Some(batch.space(space)?.no),
        None => None,
    };
    Ok(batch.writer.token(space, id)?.ok_or(Refusal::TokenNotFound)?)
}
