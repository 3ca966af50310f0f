//! What requests count: each route has a meter of its own, so that none is looked up.

use std::time::Duration;

use axum::http::StatusCode;
use emit_api::problem::Code;

use super::names;
use super::text::Text;
use super::value::{Counter, Gauge, Histogram};

/// What is counted of all requests.
pub(crate) static HTTP: Http = Http {
    problems: [const { Counter::new() }; Code::ALL.len()],
    unrouted: RouteMeter::new(),
    connections: Gauge::new(),
};

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

pub(crate) struct Http {
    problems: [Counter; Code::ALL.len()],
    /// Requests that led to no route.
    pub(crate) unrouted: RouteMeter,
    connections: Gauge,
}

/// What is counted of one route's requests.
#[derive(Debug)]
pub(crate) struct RouteMeter {
    classes: [Counter; 5],
    duration: Histogram,
}

impl RouteMeter {
    pub(crate) const fn new() -> RouteMeter {
        RouteMeter { classes: [const { Counter::new() }; 5], duration: Histogram::times() }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        self.classes[class].add(1);
        self.duration.observe_time(took);
    }

    fn is_used(&self) -> bool {
        self.classes.iter().any(|count| count.get() > 0)
    }
}

/// A connection that counts as open until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection;

impl Drop for OpenConnection {
    fn drop(&mut self) {
        HTTP.connections.add(-1);
    }
}

impl Http {
    /// A request was refused, or failed.
    pub(crate) fn refused(&self, code: Code) {
        self.problems[code as usize].add(1);
    }

    /// A connection came.
    pub(crate) fn connected(&self) -> OpenConnection {
        self.connections.add(1);
        OpenConnection
    }

    /// `routes`: method, path, meter. Those never called are left out.
    pub(super) fn show(&self, text: &mut Text, routes: &[(&str, &str, &RouteMeter)]) {
        let unrouted = [("", "none", &self.unrouted)];
        let used: Vec<_> = routes.iter().chain(&unrouted).filter(|(_, _, meter)| meter.is_used()).collect();
        let mut requests = text.metric(&names::REQUESTS);
        for (method, route, meter) in &used {
            for (class, count) in CLASSES.iter().zip(&meter.classes).filter(|(_, count)| count.get() > 0) {
                requests.value(&[method, route, class], count.get());
            }
        }
        let mut seconds = text.metric(&names::REQUEST_SECONDS);
        for (method, route, meter) in &used {
            seconds.histogram(&[method, route], &meter.duration);
        }
        let mut problems = text.metric(&names::PROBLEMS);
        for (code, count) in Code::ALL.iter().zip(&self.problems) {
            problems.value(&[code.as_str()], count.get());
        }
        text.single(&names::CONNECTIONS, self.connections.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_in_their_order() {
        assert!(Code::ALL.iter().enumerate().all(|(index, code)| *code as usize == index));
    }
}
