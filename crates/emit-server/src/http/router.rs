//! All routes on one screen: method, path, who may, handler, what it does, body and answer.
//!
//! A route without an [`Access`] does not compile, and the description of the API is made from this table, so that
//! neither can be forgotten.

use std::sync::Arc;

use axum::http::Method;
use emit_api::insight::{Failures, Stats};
use emit_api::jobs::{
    Bulk, BulkRequest, Counts, CreateRequest, EditRequest, Event, FailRequest, Job, Keepalive, KillRequest,
    LogLine, LogRange, LogsRequest, MintRequest, Poll, PollRequest, Progress, ReleaseRequest, ReportAnswer,
    ReportItem, ReportKind,
};
use emit_api::openapi::{Named, Shape, named};
use emit_api::outbound::FailingEndpoint;
use emit_api::spaces::{Space, SpaceRequest};
use emit_api::tokens::{Me, RotateRequest, Token, TokenRequest};
use emit_core::Scope;

use super::route::{Access, Route, route};
use super::serve::Service;
use super::{
    dashboard, health, insight, jobs, lists, metrics, openapi, page, query, reading, reports, spaces, tokens,
};
use crate::app::App;

/// An async function as a pointer: its future is boxed, the one allocation that a table of handlers costs.
macro_rules! by {
    ($handler:path) => {
        |call| Box::pin($handler(call))
    };
    (report $kind:ident) => {
        |call| Box::pin(reports::one(call, ReportKind::$kind))
    };
}

const JOB: Shape = Shape::One(named::<Job>());
const JOBS: Shape = Shape::OneOrMany(named::<Job>());
const SPACE: Shape = Shape::One(named::<Space<'static>>());
const TOKEN: Shape = Shape::One(named::<Token<'static>>());

const fn one(named: Named) -> Shape {
    Shape::One(named)
}

const fn many(named: Named) -> Shape {
    Shape::Many(named)
}

/// The table.
#[rustfmt::skip]
pub(super) fn routes() -> Vec<Route> {
    use Access::{AnyKey, Needs, Open, SomeReport, Stream};
    use Scope as S;
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const PATCH: Method = Method::PATCH;
    const DELETE: Method = Method::DELETE;
    vec![
        route(POST, "/api/v1/spaces/{spaceId}/jobs", Needs(S::Create), by!(jobs::create), "Create a job, or up to 1,000 at once").takes(Shape::OneOrMany(named::<CreateRequest>())).given(&query::CREATE).with(201).gives(JOBS),
        route(GET, "/api/v1/spaces/{spaceId}/jobs", Needs(S::Read), by!(lists::jobs), "List jobs, newest first").given(&query::LIST).gives(many(named::<Job>())),
        route(GET, "/api/v1/spaces/{spaceId}/counts", Needs(S::Read), by!(lists::counts), "Count jobs by status").gives(one(named::<Counts>())),
        route(GET, "/api/v1/spaces/{spaceId}/failing-endpoints", Needs(S::Read), by!(lists::failing_endpoints), "List endpoints that do not take callbacks").given(&query::NAME_PAGE).gives(many(named::<FailingEndpoint>())),
        route(GET, "/api/v1/spaces/{spaceId}/stats", Needs(S::Read), by!(insight::stats), "How a space does: pace, workers, what waits").gives(one(named::<Stats>())),
        route(GET, "/api/v1/spaces/{spaceId}/failures", Needs(S::Read), by!(insight::failures), "What jobs die of, by the shape of the error").gives(one(named::<Failures>())),
        route(POST, "/api/v1/spaces/{spaceId}/jobs/poll", Needs(S::Poll), by!(jobs::poll), "Take jobs to work on").takes(one(named::<PollRequest>())).given(&query::WORKER).gives(one(named::<Poll>())),
        route(POST, "/api/v1/spaces/{spaceId}/jobs/requeue", Needs(S::Kill), by!(jobs::bulk_requeue), "Requeue many ended jobs").takes(one(named::<BulkRequest>())).gives(one(named::<Bulk>())),
        route(POST, "/api/v1/spaces/{spaceId}/jobs/kill", Needs(S::Kill), by!(jobs::bulk_kill), "Kill many jobs").takes(one(named::<BulkRequest>())).gives(one(named::<Bulk>())),

        route(POST, "/api/v1/jobs/{jobId}/claim", Needs(S::Poll), by!(jobs::claim), "Take this one job").given(&query::WORKER).gives(JOB),
        route(POST, "/api/v1/jobs/{jobId}/ack", Needs(S::Ack), by!(report Ack), "Accept a delivery: the job is running").given(&query::REPORT).gives(JOB),
        route(POST, "/api/v1/jobs/{jobId}/release", Needs(S::Ack), by!(report Release), "Give a job back without penalty").takes(one(named::<ReleaseRequest>())).given(&query::REPORT).gives(JOB),
        route(POST, "/api/v1/jobs/{jobId}/progress", Needs(S::Progress), by!(report Progress), "Report progress").takes(Shape::AnyObject).given(&query::REPORT).gives(JOB),
        route(POST, "/api/v1/jobs/{jobId}/checkpoint", Needs(S::Event), by!(report Checkpoint), "Store a checkpoint").takes(Shape::AnyObject).given(&query::REPORT).gives(JOB),
        route(POST, "/api/v1/jobs/{jobId}/event", Needs(S::Event), by!(report Event), "Send a custom event").takes(Shape::AnyObject).given(&query::REPORT).gives(JOB),
        route(POST, "/api/v1/jobs/{jobId}/logs", Needs(S::Event), by!(report Logs), "Append log lines").takes(one(named::<LogsRequest>())).given(&query::REPORT).gives(one(named::<LogRange>())),
        route(POST, "/api/v1/jobs/{jobId}/keepalive", Needs(S::Keepalive), by!(report Keepalive), "Restart the present timeout").given(&query::REPORT).gives(one(named::<Keepalive>())),
        route(POST, "/api/v1/jobs/{jobId}/complete", Needs(S::Complete), by!(report Complete), "End a job well, with a result").takes(Shape::Any).given(&query::REPORT).gives(JOB),
        route(POST, "/api/v1/jobs/{jobId}/fail", Needs(S::Fail), by!(report Fail), "Fail an attempt").takes(one(named::<FailRequest>())).given(&query::REPORT).gives(JOB),
        route(POST, "/api/v1/jobs/reports", SomeReport, by!(reports::many), "Many reports, each of which stands alone").takes(many(named::<ReportItem>())).gives(many(named::<ReportAnswer<'static>>())),

        route(POST, "/api/v1/jobs/{jobId}/kill", Needs(S::Kill), by!(jobs::kill), "End a job from outside").takes(one(named::<KillRequest>())).gives(JOB),
        route(POST, "/api/v1/jobs/{jobId}/callback", Needs(S::Kill), by!(jobs::resend_callback), "Send the callback of an ended job again").gives(JOB),
        route(POST, "/api/v1/jobs/{jobId}/requeue", Needs(S::Kill), by!(jobs::requeue), "A new life for an ended job").gives(JOB),
        route(PATCH, "/api/v1/jobs/{jobId}", Needs(S::Create), by!(jobs::edit), "Change a waiting job").takes(one(named::<EditRequest>())).gives(JOB),
        route(DELETE, "/api/v1/jobs/{jobId}", Needs(S::Kill), by!(jobs::erase), "Forget an ended job's content").with(204),
        route(POST, "/api/v1/jobs/{jobId}/tokens", Needs(S::Create), by!(tokens::mint), "Make a throw-away key for a browser").takes(one(named::<MintRequest>())).with(201).gives(TOKEN),
        route(GET, "/api/v1/jobs/{jobId}", Needs(S::Read), by!(reading::job), "Read a job").given(&query::WAIT).gives(JOB),
        route(GET, "/api/v1/jobs/{jobId}/events", Needs(S::Read), by!(reading::events), "Read a job's events").given(&query::PAGE).gives(many(named::<Event>())),
        route(GET, "/api/v1/jobs/{jobId}/logs", Needs(S::Read), by!(reading::logs), "Read a job's log").given(&query::LOGS).gives(many(named::<LogLine>())),
        route(GET, "/api/v1/jobs/{jobId}/progress", Needs(S::ReadProgress), by!(reading::progress), "Read a job's latest progress").gives(one(named::<Progress>())),

        route(GET, "/api/v1/realtime/{jobId}", Stream(S::ReadProgress), by!(reading::job_stream), "Watch a job (WebSocket or SSE)").given(&query::STREAM).with(101),
        route(GET, "/api/v1/realtime/spaces/{spaceId}", Stream(S::Read), by!(reading::space_stream), "Watch a space (WebSocket or SSE)").given(&query::SPACE_STREAM).with(101),

        route(GET, "/api/v1/me", AnyKey, by!(tokens::me), "What this key is").gives(one(named::<Me<'static>>())),
        route(GET, "/api/v1/spaces", Needs(S::Admin), by!(spaces::list), "List spaces").given(&query::ID_PAGE).gives(many(named::<Space<'static>>())),
        route(POST, "/api/v1/spaces", Needs(S::Admin), by!(spaces::create), "Create a space").takes(one(named::<SpaceRequest>())).with(201).gives(SPACE),
        route(GET, "/api/v1/spaces/{spaceId}", Needs(S::Admin), by!(spaces::get), "Read a space").gives(SPACE),
        route(PATCH, "/api/v1/spaces/{spaceId}", Needs(S::Admin), by!(spaces::edit), "Change a space's settings").takes(one(named::<SpaceRequest>())).gives(SPACE),
        route(DELETE, "/api/v1/spaces/{spaceId}", Needs(S::Admin), by!(spaces::delete), "Delete a space").given(&query::FORCE).with(204),
        route(GET, "/api/v1/spaces/{spaceId}/tokens", Needs(S::Admin), by!(tokens::list), "List a space's keys").given(&query::ID_PAGE).gives(many(named::<Token<'static>>())),
        route(POST, "/api/v1/spaces/{spaceId}/tokens", Needs(S::Admin), by!(tokens::create), "Make a key of a space").takes(one(named::<TokenRequest>())).with(201).gives(TOKEN),
        route(DELETE, "/api/v1/spaces/{spaceId}/tokens/{tokenId}", Needs(S::Admin), by!(tokens::delete), "Revoke a space's key").with(204),
        route(POST, "/api/v1/spaces/{spaceId}/tokens/{tokenId}/rotate", Needs(S::Admin), by!(tokens::rotate), "Replace a key, with a grace period").takes(one(named::<RotateRequest>())).with(201).gives(TOKEN),
        route(GET, "/api/v1/tokens", Needs(S::Admin), by!(tokens::list), "List keys bound to no space").given(&query::ID_PAGE).gives(many(named::<Token<'static>>())),
        route(POST, "/api/v1/tokens", Needs(S::Admin), by!(tokens::create), "Make a key bound to no space").takes(one(named::<TokenRequest>())).with(201).gives(TOKEN),
        route(DELETE, "/api/v1/tokens/{tokenId}", Needs(S::Admin), by!(tokens::delete), "Revoke a key bound to no space").with(204),

        route(GET, "/healthz", Open, by!(health::alive), "Whether the process is alive").gives(Shape::AnyObject),
        route(GET, "/readyz", Open, by!(health::ready), "Whether it can take requests").gives(Shape::AnyObject),
        route(GET, "/metrics", Needs(S::Admin), by!(metrics::get), "What there is to see of the server, for Prometheus").gives(Shape::Text),
        route(GET, "/api/openapi.json", Open, by!(openapi::get), "This description").gives(Shape::AnyObject),
        route(GET, "/api/asyncapi.json", Open, by!(openapi::streams), "The description of the streams").gives(Shape::AnyObject),
        route(GET, "/api/docs", Open, by!(page::docs), "Both for people"),
        route(GET, "/errors/{word}", Open, by!(page::error), "The page of an error's code"),
        route(GET, "/", Open, by!(dashboard::page), "The dashboard"),
        route(GET, "/assets/{word}", Open, by!(dashboard::asset), "Its files"),
        route(GET, "/spaces/{spaceId}", Open, by!(dashboard::page), "Its page of a space"),
        route(GET, "/spaces/{spaceId}/{word}", Open, by!(dashboard::page), "And those within it"),
        route(GET, "/jobs/{jobId}", Open, by!(dashboard::page), "Its page of a job"),
        route(GET, "/watch/{jobId}", Open, by!(dashboard::page), "Its page for whoever holds a public token"),
    ]
}

/// What `emit dev` adds: the page's button.
pub(super) fn demo_routes() -> Vec<Route> {
    vec![route(Method::POST, "/demo/jobs", Access::Open, by!(page::demo_job), "Create a demo job")]
}

/// What the address of `--metrics-listen` serves: nobody else reaches it.
pub(super) fn metrics_routes() -> Vec<Route> {
    vec![route(Method::GET, "/metrics", Access::Open, by!(metrics::get), "The same, without a key")]
}

/// The service of all connections.
pub fn service(app: Arc<App>) -> Service {
    Service::new(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_about_spaces_and_their_keys_is_for_admins() {
        let is_about = |path: &str| {
            path.contains("tokens") || matches!(path, "/api/v1/spaces" | "/api/v1/spaces/{spaceId}")
        };
        for route in routes().iter().filter(|route| is_about(route.path)) {
            let expected = if route.path.contains("jobId") { Scope::Create } else { Scope::Admin };
            assert_eq!(route.access, Access::Needs(expected), "{}", route.path);
        }
    }
}
