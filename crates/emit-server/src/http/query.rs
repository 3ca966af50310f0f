//! The parameters of a query, and what the description says of them.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use emit_api::fields::to_ms;
use emit_api::openapi::{Parameter, Place};
use emit_core::limits::{ARRAY_ITEMS, LIST_LIMIT, LIST_OFFSET, PAGE_LIMIT, WAIT_SECONDS};

use super::problem::Problem;

const fn text(name: &'static str, what: &'static str) -> Parameter {
    Parameter { name, place: Place::Query, what, kind: ("string", None) }
}

const fn whole(name: &'static str, what: &'static str, min: i64, max: i64) -> Parameter {
    Parameter { name, place: Place::Query, what, kind: ("integer", Some((min, max))) }
}

const fn flag(name: &'static str, what: &'static str) -> Parameter {
    Parameter { name, place: Place::Query, what, kind: ("boolean", None) }
}

const fn header(name: &'static str, what: &'static str) -> Parameter {
    Parameter { name, place: Place::Header, what, kind: ("string", None) }
}

const WAIT_FOR_END: Parameter = Parameter {
    name: "waitSeconds",
    place: Place::Query,
    what: "Answer when the job has ended, or as it is by then.",
    kind: ("number", Some((0, WAIT_SECONDS))),
};
const AFTER_NUMBER: Parameter = whole("after", "Only what comes after this number.", 0, i64::MAX);
const LIMIT: Parameter = whole("limit", "At most that many; 100 by default.", 1, PAGE_LIMIT);
const SINCE: Parameter = whole("since", "Replay every event after this number, then go live.", 0, i64::MAX);
const COLLAPSE: Parameter =
    text("collapse", "`progress`: a client that lags gets only the newest of each job.");

// What each route takes beside its path and body.
pub(super) const CREATE: [Parameter; 3] = [
    WAIT_FOR_END,
    header("idempotency-key", "For single jobs: the same key again within 24 hours answers the first job."),
    header("traceparent", "W3C trace context, handed to the worker."),
];
pub(super) const LIST: [Parameter; 9] = [
    text(
        "q",
        "A search: `status:dead name:video.* tag:customer=42 age:<1h error:\"timeout\"`. A page of it may be short, even empty, and still have a next.",
    ),
    text("status", "Any of these, separated by commas."),
    text("name", "Of this name."),
    text("tag", "With this tag, as `key:value`."),
    text("ids", "Only these, separated by commas."),
    whole("limit", "At most that many; 50 by default.", 1, LIST_LIMIT),
    text("cursor", "From a `Link: rel=\"next\"`."),
    whole("offset", "Skip that many.", 0, LIST_OFFSET),
    text("include", "`payload`, `result` or both, separated by a comma."),
];
pub(super) const WORKER: [Parameter; 1] =
    [header("x-emit-worker", "Who takes the jobs; at most 200 characters.")];
pub(super) const REPORT: [Parameter; 1] =
    [header("x-emit-delivery", "The `deliveryId` this report comes from.")];
pub(super) const WAIT: [Parameter; 1] = [WAIT_FOR_END];
pub(super) const PAGE: [Parameter; 2] = [AFTER_NUMBER, LIMIT];
pub(super) const LOGS: [Parameter; 4] = [
    AFTER_NUMBER,
    LIMIT,
    text("level", "Any of these, separated by commas."),
    text("q", "Only messages that contain this."),
];
pub(super) const ID_PAGE: [Parameter; 2] = [text("after", "Only what was made after this id."), LIMIT];
pub(super) const NAME_PAGE: [Parameter; 2] = [text("after", "Only what comes after this one."), LIMIT];
pub(super) const FORCE: [Parameter; 1] = [flag("force", "Delete its jobs too.")];
pub(super) const STREAM: [Parameter; 2] = [SINCE, COLLAPSE];
pub(super) const SPACE_STREAM: [Parameter; 3] = [SINCE, COLLAPSE, flag("snapshot", "Begin with the counts.")];

/// A query, decoded. Unknown parameters are ignored, an empty value is as good as none.
pub struct Query<'a> {
    path: &'a str,
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// Of an address.
    pub fn of(uri: &'a Uri) -> Query<'a> {
        let text = uri.query().unwrap_or_default();
        Query { path: uri.path(), pairs: form_urlencoded::parse(text.as_bytes()).collect() }
    }

    /// A parameter that may be given once.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| &**value);
        let value = values.next().filter(|value| !value.is_empty());
        if values.next().is_some() {
            return Err(Problem::invalid_query(name, "is given twice"));
        }
        if value.is_some_and(|value| value.contains('\0')) {
            return Err(Problem::invalid_query(name, "must not contain U+0000"));
        }
        Ok(value)
    }

    /// Words separated by commas.
    pub(super) fn words(&self, name: &str) -> Result<Option<Vec<&str>>, Problem> {
        let words: Option<Vec<&str>> = self
            .text(name)?
            .map(|text| text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect());
        match words {
            Some(words) if words.len() > ARRAY_ITEMS => {
                Err(Problem::invalid_query(name, "has too many items"))
            }
            words => Ok(words),
        }
    }

    /// A whole number in a range.
    pub(super) fn whole(&self, name: &str, min: i64, max: i64) -> Result<Option<i64>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match text.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) && !text.starts_with('+') => Ok(Some(number)),
            _ => Err(Problem::invalid_query(name, format!("must be a whole number from {min} to {max}"))),
        }
    }

    /// How long to wait for a job's end.
    pub fn wait(&self) -> Result<Duration, Problem> {
        let Some(text) = self.text("waitSeconds")? else { return Ok(Duration::ZERO) };
        match text.parse::<f64>() {
            Ok(seconds) if (0.0..=WAIT_SECONDS as f64).contains(&seconds) => {
                Ok(Duration::from_millis(to_ms(seconds) as u64))
            }
            _ => Err(Problem::invalid_query(
                "waitSeconds",
                format!("must be a number of seconds from 0 to {WAIT_SECONDS}"),
            )),
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::invalid_query(name, "must be true or false")),
        }
    }

    /// The page size of events, logs, spaces and keys.
    pub fn limit(&self) -> Result<usize, Problem> {
        Ok(self.whole("limit", 1, PAGE_LIMIT)?.unwrap_or(100) as usize)
    }

    /// The number after which a page begins.
    pub fn after(&self) -> Result<i64, Problem> {
        Ok(self.whole("after", 0, i64::MAX)?.unwrap_or(0))
    }

    /// The id after which a page begins.
    pub fn after_id(&self) -> Result<Option<emit_core::ids::Id>, Problem> {
        match self.text("after")?.map(str::parse) {
            None => Ok(None),
            Some(Ok(id)) => Ok(Some(id)),
            Some(Err(_)) => Err(Problem::invalid_query("after", "must be an id")),
        }
    }

    /// The `Link` to the next page: this path and query with `set` in place of `unset`, written anew, and only of
    /// what the route knows: a key that was put into the query must not come back.
    pub fn next(&self, keep: &[&str], set: &str, value: &str) -> Option<HeaderValue> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.pairs {
            if keep.contains(&&**name) && name != set && !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.append_pair(set, value);
        HeaderValue::try_from(format!("<{}?{}>; rel=\"next\"", self.path, query.finish())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query<T>(uri: &str, read: impl FnOnce(&Query<'_>) -> T) -> T {
        read(&Query::of(&uri.parse().unwrap()))
    }

    #[test]
    fn numbers_hold_their_ranges() {
        for (uri, expected) in [
            ("/", Some(None)),
            ("/?limit=", Some(None)),
            ("/?limit=1", Some(Some(1))),
            ("/?limit=100", Some(Some(100))),
            ("/?limit=0", None),
            ("/?limit=101", None),
            ("/?limit=ten", None),
            ("/?limit=1&limit=2", None),
        ] {
            assert_eq!(query(uri, |q| q.whole("limit", 1, 100).ok()), expected, "{uri}");
        }
    }

    #[test]
    fn a_wait_may_have_a_fraction_and_is_at_most_30_seconds() {
        let wait = |uri| query(uri, |q| q.wait().ok());
        assert_eq!(wait("/?waitSeconds=0.25"), Some(Duration::from_millis(250)));
        assert_eq!(wait("/?waitSeconds=30"), Some(Duration::from_secs(30)));
        for uri in ["/?waitSeconds=31", "/?waitSeconds=-1", "/?waitSeconds=NaN", "/?waitSeconds=x"] {
            assert_eq!(wait(uri), None);
        }
    }

    #[test]
    fn the_next_page_keeps_the_filters_and_never_a_key() {
        let uri = "/api/v1/spaces/x/jobs?token=emit_a&name=a%20b%26c&offset=5&cursor=9&other=1";
        let link = query(uri, |q| q.next(&["name", "cursor"], "cursor", "7")).unwrap();
        assert_eq!(link, "</api/v1/spaces/x/jobs?name=a+b%26c&cursor=7>; rel=\"next\"");
    }

    #[test]
    fn nul_is_refused_and_words_are_split() {
        assert!(query("/?name=%00", |q| q.text("name").is_err()));
        assert_eq!(query("/?ids=a,%20b,,c", |q| q.words("ids").unwrap().unwrap().len()), 3);
    }
}
