//! STUB for type checking; the real one replaces it.
#![allow(missing_docs, unused_variables)]
mod answers;
use std::sync::Arc;
use std::time::Duration;
use emit_core::command::Fence;
use emit_core::*;
use emit_store::*;
pub use answers::{Bulk, Created, Done, NewSpace};

#[derive(Clone)] pub struct Engine {}
#[derive(Clone, Copy, Default, Debug)] pub struct Caller { pub space: Option<SpaceNo>, pub job: Option<JobId> }
pub struct ReportCall { pub job: JobId, pub fence: Option<Fence>, pub report: Report, pub logs: Vec<LogLine> }
pub struct Polled { pub jobs: Vec<Done> }
impl Polled { pub fn written(self) {} }
pub type SpaceEdit = Box<dyn FnOnce(&mut Space) + Send>;
impl Engine {
  pub async fn create(&self, space: SpaceId, jobs: Vec<NewJob>) -> std::result::Result<Vec<Created>, Refusal> { unimplemented!() }
  pub async fn poll(&self, space: SpaceId, names: Vec<Arc<str>>, count: usize, auto_ack: bool, worker: Option<Arc<str>>, wait: Duration) -> std::result::Result<Polled, Refusal> { unimplemented!() }
  pub async fn claim(&self, caller: Caller, job: JobId, worker: Option<Arc<str>>) -> std::result::Result<Polled, Refusal> { unimplemented!() }
  pub async fn report(&self, caller: Caller, call: ReportCall) -> std::result::Result<Done, Refusal> { unimplemented!() }
  pub async fn reports(&self, caller: Caller, calls: Vec<ReportCall>) -> Vec<std::result::Result<Done, Refusal>> { unimplemented!() }
  pub async fn kill(&self, caller: Caller, job: JobId, data: RawJson) -> std::result::Result<Done, Refusal> { unimplemented!() }
  pub async fn requeue(&self, caller: Caller, job: JobId) -> std::result::Result<Done, Refusal> { unimplemented!() }
  pub async fn edit(&self, caller: Caller, job: JobId, edit: Edit) -> std::result::Result<Done, Refusal> { unimplemented!() }
  pub async fn erase(&self, caller: Caller, job: JobId) -> std::result::Result<(), Refusal> { unimplemented!() }
  pub async fn bulk_kill(&self, space: SpaceId, which: Matching, limit: usize, dry_run: bool) -> std::result::Result<Bulk, Refusal> { unimplemented!() }
  pub async fn bulk_requeue(&self, space: SpaceId, which: Matching, limit: usize, dry_run: bool) -> std::result::Result<Bulk, Refusal> { unimplemented!() }
  pub async fn create_space(&self, space: Space, public: Token) -> std::result::Result<NewSpace, Refusal> { unimplemented!() }
  pub async fn update_space(&self, id: SpaceId, edit: SpaceEdit) -> std::result::Result<Space, Refusal> { unimplemented!() }
  pub async fn delete_space(&self, id: SpaceId, force: bool) -> std::result::Result<(), Refusal> { unimplemented!() }
  pub async fn create_token(&self, token: Token) -> std::result::Result<Token, Refusal> { unimplemented!() }
  pub async fn mint_job_token(&self, caller: Caller, job: JobId, token: Token) -> std::result::Result<Token, Refusal> { unimplemented!() }
  pub async fn delete_token(&self, space: Option<SpaceId>, id: TokenId) -> std::result::Result<(), Refusal> { unimplemented!() }
  pub async fn rotate_token(&self, space: Option<SpaceId>, id: TokenId, successor: Token, grace_ms: i64) -> std::result::Result<Token, Refusal> { unimplemented!() }
  /// Notes that keys were used; may be lost.
  pub fn touch_tokens(&self, used: Vec<(TokenId, Millis)>) { unimplemented!() }
}
