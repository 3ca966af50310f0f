//! What is said of one route: who may call it, what answers it, and what its description shows.

use std::sync::Arc;

use axum::http::Method;
use emit_api::openapi::{Parameter, Shape};
use emit_core::Scope;

use super::Answer;
use super::call::Call;
use super::serve::Future;
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

/// A route without body, parameters and answer.
pub(super) fn route(
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
    /// With that body.
    pub(super) fn takes(mut self, body: Shape) -> Route {
        self.body = Some(body);
        self
    }

    /// With that answer.
    pub(super) fn gives(mut self, answer: Shape) -> Route {
        self.answer = Some(answer);
        self
    }

    /// Which it gives with this status instead of 200.
    pub(super) fn with(mut self, status: u16) -> Route {
        self.status = status;
        self
    }

    /// With these parameters.
    pub(super) fn given(mut self, parameters: &[Parameter]) -> Route {
        self.parameters.extend_from_slice(parameters);
        self
    }
}
