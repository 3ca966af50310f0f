//! `/api/openapi.json`: the table of routes, described; `/api/asyncapi.json`: the streams.

use axum::http::StatusCode;
use emit_api::openapi::{Operation, describe};

use super::Answer;
use super::call::{Call, json};
use super::route::{Access, Route};

pub(super) async fn get(call: Call) -> Answer {
    Ok(json(StatusCode::OK, call.shared.description.clone()))
}

pub(super) async fn streams(call: Call) -> Answer {
    Ok(json(StatusCode::OK, call.shared.streams.clone()))
}

/// The description of these routes.
pub(super) fn describe_routes(routes: &[Route]) -> String {
    let operations: Vec<Operation> = routes.iter().filter(|route| !is_page(route)).map(operation).collect();
    describe(&operations, env!("CARGO_PKG_VERSION"))
}

/// Pages for people are no part of the API.
pub(super) fn is_page(route: &Route) -> bool {
    route.access == Access::Open && route.answer.is_none()
}

fn operation(route: &Route) -> Operation {
    Operation {
        method: route.method.as_str().to_ascii_lowercase(),
        path: route.path,
        summary: route.summary,
        scope: match route.access {
            Access::Open => None,
            Access::AnyKey => Some("none, any key".into()),
            Access::Needs(scope) | Access::Stream(scope) => Some(scope.to_string()),
            Access::SomeReport => Some("that report's".into()),
        },
        key_in_query: matches!(route.access, Access::Stream(_)),
        parameters: route.parameters.clone(),
        body: route.body,
        status: route.status,
        answer: route.answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::router::routes;

    #[test]
    fn every_route_is_described() {
        let routes = routes();
        let text = describe_routes(&routes);
        let description: serde_json::Value = serde_json::from_str(&text).unwrap();
        for route in routes.iter().filter(|route| !is_page(route)) {
            let call = &description["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
            assert_eq!(call["summary"], route.summary, "{} {}", route.method, route.path);
            assert_eq!(call["security"].is_null(), route.access == Access::Open);
        }
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap_or_default();
            assert!(!description["components"]["schemas"][name].is_null(), "{name}");
        }
    }
}
