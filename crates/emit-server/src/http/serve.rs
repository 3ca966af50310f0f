//! The way of every request, in the order of the contract: 404 and 405, then 401, 429, 403, then the body, then the
//! handler. A panic anywhere on it becomes a 500, never a hang.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use emit_api::asyncapi;
use emit_core::TokenId;
use emit_core::ids::Id;
use tower_service::Service as TowerService;

use super::auth::{Target, authenticate, authorize, client};
use super::call::{Call, id};
use super::headers::Headers;
use super::log::{self, Line};
use super::page::Page;
use super::problem::{Code, Problem};
use super::rate_limit::RateLimit;
use super::route::Route;
use super::router::{demo_routes, metrics_routes, routes};
use super::table::Table;
use super::{Answer, body, cors, openapi, request_id};
use crate::app::App;
use crate::insight::Insight;
use crate::keyring::fresh_id;
use crate::metrics::HTTP;
use crate::traces;

/// A future on the heap.
pub(super) type Future<T> = Pin<Box<dyn std::future::Future<Output = T> + Send>>;

/// What all requests share.
pub(super) struct Shared {
    pub app: Arc<App>,
    pub docs: Page,
    pub description: String,
    pub streams: String,
    pub table: Table,
    metrics_only: Table,
    pub insight: Insight,
    rate_limit: RateLimit,
}

/// The service of all connections: cheap to clone.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
    table: fn(&Shared) -> &Table,
}

impl Service {
    pub(super) fn new(app: Arc<App>) -> Service {
        let mut table = routes();
        let description = openapi::describe_routes(&table);
        if app.settings.demo.is_some() {
            table.extend(demo_routes());
        }
        let shared = Arc::new(Shared {
            docs: Page::docs(&description),
            description,
            streams: asyncapi::describe(&app.settings.public_url, env!("CARGO_PKG_VERSION")),
            insight: Insight::default(),
            table: Table::new(table),
            metrics_only: Table::new(metrics_routes()),
            rate_limit: RateLimit::new(app.settings.public_requests_per_second),
            app,
        });
        Service { shared, table: |shared| &shared.table }
    }

    /// The same server, of which only the metrics are served.
    pub fn metrics_only(&self) -> Service {
        Service { shared: self.shared.clone(), table: |shared| &shared.metrics_only }
    }
}

impl TowerService<Request<Body>> for Service {
    type Response = Response;
    type Error = Infallible;
    type Future = Future<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Service { shared, table } = self.clone();
        Box::pin(async move { Ok(answer(shared, table, request).await) })
    }
}

/// What the log may say of a request.
#[derive(Default)]
struct Trail {
    route: Option<Arc<Route>>,
    job: Option<Id>,
    token: Option<TokenId>,
    code: Option<Code>,
}

/// What the log and traces say of a method: one that HTTP does not know may hold anything.
fn told(method: &Method) -> &'static str {
    static KNOWN: [Method; 9] = [
        Method::GET,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::HEAD,
        Method::PUT,
        Method::CONNECT,
        Method::TRACE,
    ];
    KNOWN.iter().find(|known| *known == method).map_or("_OTHER", Method::as_str)
}

async fn answer(shared: Arc<Shared>, table: fn(&Shared) -> &Table, request: Request<Body>) -> Response {
    let began = Instant::now();
    let request_id = fresh_id(shared.app.clock.now()).to_string();
    let origin = cors::allowed_origin(request.headers(), &shared.app.settings.allowed_origins);
    let (parts, body) = request.into_parts();
    let (method, is_preflight) = (told(&parts.method), parts.method == Method::OPTIONS);
    let span = traces::begin(|| Headers::of(&parts.headers).traceparent(), shared.app.clock.now());
    let mut trail = Trail::default();
    let mut response = if is_preflight {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        cors::preflight(response.headers_mut());
        response
    } else {
        let handling =
            Caught(Box::pin(handle(&shared, table(&shared), parts, body, &request_id, &mut trail)));
        match handling.await.unwrap_or_else(|| Err(Problem::internal())) {
            Ok(response) => response,
            Err(problem) => {
                HTTP.refused(problem.code());
                trail.code = Some(problem.code());
                problem.into_response(&request_id)
            }
        }
    };
    cors::mark(response.headers_mut(), origin);
    request_id::stamp(response.headers_mut(), &request_id);
    let (took, status, route) = (began.elapsed(), response.status(), trail.route.as_deref());
    route.map_or(&HTTP.unrouted, |route| &*route.meter).answered(status, took);
    let Trail { job, token, code, .. } = trail;
    if let Some(span) = span {
        let (route, code) = (route.map(|route| route.path), code.map(Code::as_str));
        span.end(&traces::Request { id: &request_id, method, route, job, status, code, took });
    }
    log::write(&Line { id: &request_id, method, route, job, token, status, code, took });
    response
}

async fn handle(
    shared: &Arc<Shared>,
    table: &Table,
    parts: Parts,
    mut body: Body,
    request_id: &str,
    trail: &mut Trail,
) -> Answer {
    let app = &shared.app;
    let checked = async {
        let found = table.find(&parts.method, parts.uri.path())?;
        let route = trail.route.insert(found.route.clone()).clone();
        let target = Target {
            job: id(found.named.get("jobId")),
            space: id(found.named.get("spaceId")),
            token: id(found.named.get("tokenId")),
        };
        trail.job = target.job.flatten();
        let client = client(&parts, &app.settings.trusted_proxies);
        let token = authenticate(app, route.access, &parts).await?;
        if let Some(token) = &token {
            trail.token = Some(token.id);
            shared.rate_limit.count(token, client)?;
            authorize(route.access, token, target)?;
        }
        let bytes = body::read(&route, &app.settings, &parts.headers, &mut body).await?;
        let word = found.named.get("word").map(str::to_owned);
        Ok((route.handler, token, client, target, bytes, word))
    }
    .await;
    match checked {
        Err(problem) => {
            body::discard(&parts.headers, &mut body).await;
            Err(problem)
        }
        Ok((handler, token, client, target, bytes, word)) => {
            let (shared, request_id) = (shared.clone(), request_id.to_owned());
            handler(Call { shared, token, parts, body: bytes, client, request_id, target, word }).await
        }
    }
}

/// A future whose panic is an answer: `None`.
struct Caught<'a, T>(Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>);

impl<T> std::future::Future for Caught<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        // After a panic the future is dropped and never polled again: nothing broken is seen.
        let future = self.0.as_mut();
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught() {
        let quiet = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let caught = Caught::<()>(Box::pin(async { panic!("on purpose") })).await;
        std::panic::set_hook(quiet);
        assert!(caught.is_none());
        assert_eq!(Caught(Box::pin(async { 1 })).await, Some(1));
    }
}
