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
use emit_api::openapi::{Named, Parameter, Shape, named};
use emit_api::outbound::FailingEndpoint;
use emit_api::spaces::{Space, SpaceRequest};
use emit_api::tokens::{Me, RotateRequest, Token, TokenRequest};
use emit_core::Scope;

use super::call::Call;
use super::problem::Problem;
use super::serve::{Future, Service};
use super::{
    Answer, dashboard, health, insight, jobs, lists, metrics, openapi, page, query, reading, reports, spaces,
    tokens,
};
use crate::app::App;
use crate::metrics::RouteMeter;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody, without a key.
    Open,
    /// Any key that is valid.
    AnyKey,
    /// Keys with this scope.
    Needs(Scope),
    /// The same, and the key may also stand where a browser's WebSocket can put it.
    Stream(Scope),
    /// Keys that may make some report: which one is judged by item.
    SomeReport,
}

/// One route.
#[derive(Clone)]
pub(super) struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub handler: fn(Call) -> Future<Answer>,
    pub summary: &'static str,
    pub parameters: Vec<Parameter>,
    pub body: Option<Shape>,
    pub status: u16,
    pub answer: Option<Shape>,
    pub meter: Arc<RouteMeter>,
}

/// An async function as a pointer: its future is boxed, the one allocation that a table of handlers costs.
macro_rules! by {
    ($handler:path) => {
        |call| Box::pin($handler(call))
    };
    (report $kind:ident) => {
        |call| Box::pin(reports::one(call, ReportKind::$kind))
    };
}

fn route(
    method: Method,
    path: &'static str,
    access: Access,
    handler: fn(Call) -> Future<Answer>,
    summary: &'static str,
) -> Route {
    Route {
        method,
        path,
        access,
        handler,
        summary,
        parameters: vec![],
        body: None,
        status: 200,
        answer: None,
        meter: Arc::new(RouteMeter::new()),
    }
}

impl Route {
    fn takes(mut self, body: Shape) -> Route {
        self.body = Some(body);
        self
    }

    fn gives(mut self, answer: Shape) -> Route {
        self.answer = Some(answer);
        self
    }

    fn with(mut self, status: u16) -> Route {
        self.status = status;
        self
    }

    fn given(mut self, parameters: &[Parameter]) -> Route {
        self.parameters.extend_from_slice(parameters);
        self
    }
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

/// All methods of one path.
struct Endpoint {
    routes: Vec<Arc<Route>>,
    allow: String,
}

/// The table, ready for look-ups.
pub(super) struct Table {
    paths: matchit::Router<Endpoint>,
    /// All of them, in the order of the table.
    pub routes: Vec<Arc<Route>>,
}

/// A route, and what the path named.
pub(super) struct Found<'a> {
    pub route: &'a Arc<Route>,
    pub named: matchit::Params<'a, 'a>,
}

impl Table {
    /// Groups the routes by path.
    pub(super) fn new(routes: Vec<Route>) -> Table {
        let mut endpoints: Vec<(&'static str, Endpoint)> = Vec::new();
        let routes: Vec<Arc<Route>> = routes.into_iter().map(Arc::new).collect();
        for route in &routes {
            let path = route.path;
            let method =
                if route.method == Method::GET { "GET, HEAD" } else { route.method.as_str() }.to_owned();
            let route = route.clone();
            match endpoints.iter_mut().find(|(known, _)| *known == path) {
                Some((_, endpoint)) => {
                    endpoint.allow = format!("{}, {method}", endpoint.allow);
                    endpoint.routes.push(route);
                }
                None => endpoints.push((path, Endpoint { routes: vec![route], allow: method })),
            }
        }
        let mut paths = matchit::Router::new();
        for (path, endpoint) in endpoints {
            // The paths are constants; that they do not contradict each other is what the test below is for.
            if let Err(error) = paths.insert(path, endpoint) {
                tracing::error!(%error, path, "a route cannot be reached");
            }
        }
        Table { paths, routes }
    }

    /// The route of a request: else 404, or 405 with what is allowed.
    pub(super) fn find<'a>(&'a self, method: &Method, path: &'a str) -> Result<Found<'a>, Problem> {
        let found = self.paths.at(path).map_err(|_| Problem::not_found())?;
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        match found.value.routes.iter().find(|route| route.method == *method) {
            Some(route) => Ok(Found { route, named: found.params }),
            None => Err(Problem::method_not_allowed(&found.value.allow)),
        }
    }
}

/// The service of all connections.
pub fn service(app: Arc<App>) -> Service {
    Service::new(app)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Code;

    fn table() -> Table {
        Table::new(routes().into_iter().chain(demo_routes()).collect())
    }

    #[test]
    fn every_route_is_found_under_its_own_path() {
        let table = table();
        for route in routes() {
            let path = route.path.replace(['{', '}'], "");
            let found = table.find(&route.method, &path).map_err(|problem| problem.code());
            assert_eq!(found.map(|found| found.route.path), Ok(route.path));
        }
    }

    #[test]
    fn what_is_not_there_is_404_and_what_is_there_otherwise_405() {
        let table = table();
        let code = |method, path| table.find(&method, path).map(|_| ()).unwrap_err().code();
        assert_eq!(code(Method::GET, "/api/v1/nothing"), Code::NotFound);
        assert_eq!(code(Method::GET, "/api/v1/me/"), Code::NotFound);
        assert_eq!(code(Method::GET, "/api/v1/jobs/x/ack"), Code::MethodNotAllowed);
        assert_eq!(code(Method::PUT, "/api/v1/jobs/x"), Code::MethodNotAllowed);
        assert!(table.find(&Method::HEAD, "/healthz").is_ok());
    }

    #[test]
    fn everything_about_spaces_and_their_keys_is_for_admins() {
        for route in
            routes().iter().filter(|route| route.path.contains("tokens") || route.path.ends_with("/spaces"))
        {
            let expected = if route.path.contains("jobId") { Scope::Create } else { Scope::Admin };
            assert_eq!(route.access, Access::Needs(expected), "{}", route.path);
        }
    }
}
