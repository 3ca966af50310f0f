//! What stands on the engine's queue.

use std::sync::Arc;

use emit_core::callback::Tried;
use emit_core::ids::Id;
use emit_core::{Command, DeliveryId, JobId, Millis, NewJob, Refusal, SpaceId, SpaceNo, TokenId};
use emit_store::{Matching, Space, Token};
use tokio::sync::oneshot;

use super::homes::Homes;
use super::{Bulk, Caller, Created, Done, Engine, NewSpace, PollQuery, Polled, ReportCall, SpaceEdit};

/// Where an answer goes once the commit is on disk.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// A poll, waiting or not. If its reply channel is closed the worker is gone, and it claims nothing.
pub(super) struct PollCall {
    pub(super) query: PollQuery,
    pub(super) reply: Reply<Polled>,
    pub(super) waits: bool,
    pub(super) engine: Engine,
}

/// One entry of the queue.
pub(super) enum Work {
    Create {
        space: SpaceId,
        jobs: Vec<NewJob>,
        reply: Reply<Vec<Created>>,
    },
    Poll {
        space: SpaceId,
        call: PollCall,
    },
    Claim {
        caller: Caller,
        job: JobId,
        worker: Option<Arc<str>>,
        engine: Engine,
        reply: Reply<Polled>,
    },
    Report {
        caller: Caller,
        call: ReportCall,
        reply: Reply<Done>,
    },
    Reports {
        caller: Caller,
        calls: Vec<ReportCall>,
        reply: Reply<Vec<Result<Done, Refusal>>>,
    },
    Single {
        caller: Caller,
        job: JobId,
        command: Command,
        reply: Reply<Done>,
    },
    Bulk {
        space: SpaceId,
        which: Matching,
        limit: usize,
        dry_run: bool,
        command: Command,
        reply: Reply<Bulk>,
    },
    CallbackTried {
        job: JobId,
        tried: Box<Tried>,
        reply: Reply<()>,
    },
    GiveBack {
        space: SpaceId,
        unseen: Vec<(JobId, DeliveryId)>,
    },
    CreateSpace {
        space: Space,
        public: Token,
        reply: Reply<NewSpace>,
    },
    UpdateSpace {
        id: SpaceId,
        edit: SpaceEdit,
        reply: Reply<Space>,
    },
    DeleteSpace {
        id: SpaceId,
        force: bool,
        reply: Reply<()>,
    },
    CreateToken {
        token: Token,
        reply: Reply<Token>,
    },
    MintJobToken {
        caller: Caller,
        job: JobId,
        token: Token,
        reply: Reply<Token>,
    },
    DeleteToken {
        space: Option<SpaceId>,
        id: TokenId,
        reply: Reply<()>,
    },
    RotateToken {
        space: Option<SpaceId>,
        id: TokenId,
        successor: Token,
        grace_ms: Millis,
        reply: Reply<Token>,
    },
    TouchTokens {
        used: Vec<(TokenId, Millis)>,
    },
    /// Serve those who wait in that space, or everywhere.
    Nudge {
        space: Option<SpaceNo>,
    },
    /// Nothing to do: look at the flags.
    Wake,
}

impl Work {
    /// About how many jobs it touches: bounds a batch.
    pub(super) fn weight(&self) -> usize {
        match self {
            Work::Create { jobs, .. } => jobs.len(),
            Work::Reports { calls, .. } => calls.len(),
            Work::Poll { call, .. } => call.query.count,
            Work::Bulk { limit, .. } => *limit,
            Work::GiveBack { unseen, .. } => unseen.len(),
            _ => 1,
        }
    }

    /// Whose lane it belongs to: its space, as far as it is known, or else its job. On any other lane it would be
    /// done as well, but would wait for whoever numbers the events of its space.
    pub(super) fn home(&self, homes: &Homes) -> Option<Id> {
        let of_job = |home: Option<SpaceId>, job: JobId| home.or_else(|| homes.of(job)).or(Some(job));
        match self {
            Work::Create { space, .. } | Work::Poll { space, .. } | Work::Bulk { space, .. } => Some(*space),
            Work::UpdateSpace { id, .. } | Work::DeleteSpace { id, .. } => Some(*id),
            Work::CreateSpace { space, .. } => Some(space.id),
            Work::Claim { caller, job, .. }
            | Work::Single { caller, job, .. }
            | Work::MintJobToken { caller, job, .. } => of_job(caller.home, *job),
            Work::Report { caller, call, .. } => of_job(caller.home, call.job),
            Work::Reports { caller, calls, .. } => {
                calls.first().and_then(|call| of_job(caller.home, call.job))
            }
            Work::GiveBack { space, .. } => Some(*space),
            Work::CallbackTried { job, .. } => of_job(None, *job),
            Work::CreateToken { token, .. } => token.space.map(|(_, id)| id),
            Work::DeleteToken { space, .. } | Work::RotateToken { space, .. } => *space,
            Work::TouchTokens { .. } | Work::Nudge { .. } | Work::Wake => None,
        }
    }

    /// The jobs it names, to be loaded in one go.
    pub(super) fn names_jobs(&self, ids: &mut Vec<JobId>) {
        match self {
            Work::Claim { job, .. }
            | Work::Single { job, .. }
            | Work::CallbackTried { job, .. }
            | Work::MintJobToken { job, .. } => ids.push(*job),
            Work::Report { call, .. } => ids.push(call.job),
            Work::Reports { calls, .. } => ids.extend(calls.iter().map(|call| call.job)),
            Work::GiveBack { unseen, .. } => ids.extend(unseen.iter().map(|(job, _)| *job)),
            _ => {}
        }
    }

    /// Answers with a refusal, where somebody waits.
    pub(super) fn refuse(self, why: Refusal) {
        match self {
            Work::Create { reply, .. } => drop(reply.send(Err(why))),
            Work::Poll { call, .. } => drop(call.reply.send(Err(why))),
            Work::Claim { reply, .. } => drop(reply.send(Err(why))),
            Work::Report { reply, .. } | Work::Single { reply, .. } => drop(reply.send(Err(why))),
            Work::Reports { reply, .. } => drop(reply.send(Err(why))),
            Work::Bulk { reply, .. } => drop(reply.send(Err(why))),
            Work::CreateSpace { reply, .. } => drop(reply.send(Err(why))),
            Work::UpdateSpace { reply, .. } => drop(reply.send(Err(why))),
            Work::DeleteSpace { reply, .. }
            | Work::DeleteToken { reply, .. }
            | Work::CallbackTried { reply, .. } => drop(reply.send(Err(why))),
            Work::CreateToken { reply, .. }
            | Work::MintJobToken { reply, .. }
            | Work::RotateToken { reply, .. } => drop(reply.send(Err(why))),
            Work::GiveBack { .. } | Work::TouchTokens { .. } | Work::Nudge { .. } | Work::Wake => {}
        }
    }
}
