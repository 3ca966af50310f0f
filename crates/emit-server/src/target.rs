//! What of a URL goes where in a request of ours, whoever it is for.

use axum::http::Uri;
use axum::http::uri::InvalidUri;

/// The host that is connected to: an IPv6 address without its brackets.
pub(crate) fn host(url: &Uri) -> &str {
    url.host().unwrap_or_default().trim_matches(['[', ']'])
}

/// What the request line asks for: path and query. A URL may go from the host straight to its query; a request
/// may not.
pub(crate) fn path_and_query(url: &Uri) -> Result<Uri, InvalidUri> {
    match url.path_and_query().map_or("/", |it| it.as_str()) {
        query if query.starts_with('?') => format!("/{query}").parse(),
        path => path.parse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_path_asks_for_the_root() {
        for (url, asked) in [
            ("http://h", "/"),
            ("http://h?a=1", "/?a=1"),
            ("http://h:81?a=/b", "/?a=/b"),
            ("http://h/?a=1", "/?a=1"),
            ("http://h/x?y", "/x?y"),
        ] {
            assert_eq!(path_and_query(&url.parse().unwrap()).unwrap(), asked, "{url}");
        }
        assert_eq!(host(&"http://[::1]:81?a".parse().unwrap()), "::1");
    }
}
