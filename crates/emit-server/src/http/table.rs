//! Finds the route of a request.

use std::sync::Arc;

use axum::http::Method;

use super::problem::Problem;
use super::route::Route;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Code;
    use crate::http::router::{demo_routes, routes};

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
}
