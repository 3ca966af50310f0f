//! What a receiver echoes of the secrets that it was sent: events show its answer to whoever may read the job, and
//! show no secrets.

use axum::http::HeaderMap;

use super::bounds::HIDDEN_CHARS;

/// The answer to a request with those headers to that URL, without the headers' values and the URL's query, and
/// without parts of these: a receiver may echo them escaped, in another case, or one by one.
pub(super) fn hidden(answer: String, sent: &HeaderMap, url: &str) -> String {
    let headers =
        sent.iter().filter(|(name, _)| !matches!(name.as_str(), "webhook-id" | "webhook-timestamp"));
    let headers = headers.filter_map(|(_, value)| value.to_str().ok()).map(str::to_ascii_lowercase);
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let decoded = form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.to_ascii_lowercase());
    let values = headers.chain(std::iter::once(query.to_ascii_lowercase())).chain(decoded);
    // Bytes stay where they are: only ASCII letters change.
    let said = answer.to_ascii_lowercase();
    let mut is_secret = vec![false; said.len()];
    for value in values {
        for part in parts(&value).filter(|part| part.len() >= HIDDEN_CHARS) {
            for (at, _) in said.match_indices(part) {
                is_secret[at..at + part.len()].fill(true);
            }
            // The answer may be cut within a secret.
            let is_end = |length: &usize| part.get(..*length).is_some_and(|begin| said.ends_with(begin));
            let cut = (HIDDEN_CHARS..part.len()).rev().find(is_end);
            is_secret[said.len() - cut.unwrap_or(0)..].fill(true);
        }
    }
    let mut told = String::with_capacity(answer.len());
    let mut after_secret = false;
    for (at, c) in answer.char_indices() {
        match (is_secret[at], after_secret) {
            (true, false) => told.push_str("***"),
            (true, true) => {}
            (false, _) => told.push(c),
        }
        after_secret = is_secret[at];
    }
    told
}

/// The value, its words (`Bearer …`), and its runs of characters that this or that way of escaping leaves alone: JSON
/// and HTML those of tokens, URLs fewer.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    let escapes =
        |left_alone: &'static str| move |c: char| !c.is_ascii_alphanumeric() && !left_alone.contains(c);
    std::iter::once(value)
        .chain(value.split_ascii_whitespace())
        .chain(value.split(escapes("+_=.-")))
        .chain(value.split(escapes("_.-")))
}

#[cfg(test)]
mod tests {
    use super::super::client::headers;
    use super::*;

    #[test]
    fn no_value_that_was_sent_is_told() {
        let sent = headers(Some(
            r#"{"authorization":"Bearer s3cret-token","x-own":"on","webhook-id":"job_1234567","webhook-signature":"v1,abcdef="}"#,
        ));
        for (answer, told) in [
            ("got Bearer s3cret-token, job_1234567 on", "got ***, job_1234567 on"),
            ("token=s3cret-token&v1,abcdef=;", "token=***&***;"),
            ("S3CRET-Token", "***"),
            ("it is cut: s3cret-to", "it is cut: ***"),
            ("é", "é"),
        ] {
            assert_eq!(hidden(answer.to_owned(), &sent, "http://h"), told);
        }
    }

    #[test]
    fn nor_what_an_escaped_echo_leaves_of_it() {
        let sent = headers(Some(r#"{"x-key":"AAAAAA/bbbbbb+\"cccccc\"<dddddd>&eeeeee=="}"#));
        for answer in [
            r#"AAAAAA\/bbbbbb+\"cccccc\"<dddddd>&eeeeee=="#,
            "AAAAAA/bbbbbb+&quot;cccccc&quot;&lt;dddddd&gt;&amp;eeeeee==",
            "AAAAAA%2Fbbbbbb%2B%22cccccc%22%3Cdddddd%3E%26eeeeee%3D%3D",
            r#"aaaaaa/BBBBBB\u002b\u0022CCCCCC\u0022\u003cDDDDDD\u003e\u0026EEEEEE\u003d\u003d"#,
        ] {
            let told = hidden(answer.to_owned(), &sent, "http://h");
            let leaks = |letter: char| told.to_lowercase().contains(&letter.to_string().repeat(3));
            assert!(!('a'..='e').any(leaks), "{told}");
        }
    }

    #[test]
    fn nor_the_urls_query() {
        let told =
            |answer: &str| hidden(answer.to_owned(), &HeaderMap::new(), "http://h/hook?key=s3cr3t%2Fvalue9");
        assert_eq!(told("no /hook?key=s3cr3t%2Fvalue9"), "no /hook?***");
        assert_eq!(told(r#"{"key":"s3cr3t\/value9"}"#), r#"{"key":"***\/***"}"#);
    }
}
