//! What a receiver echoes of the secrets that it was sent: events show its answer to whoever may read the job, and
//! show no secrets.

use axum::http::HeaderMap;

use super::bounds::HIDDEN_CHARS;

/// The answer to a request with those headers, without their values, and without the words of these (`Bearer …`).
pub(super) fn hidden(mut answer: String, sent: &HeaderMap) -> String {
    let secret = sent.iter().filter(|(name, _)| !matches!(name.as_str(), "webhook-id" | "webhook-timestamp"));
    let mut parts: Vec<&str> = secret
        .filter_map(|(_, value)| value.to_str().ok())
        .flat_map(|value| std::iter::once(value).chain(value.split_ascii_whitespace()))
        .filter(|part| part.len() >= HIDDEN_CHARS)
        .collect();
    // The longest first: a part of another leaves nothing of it.
    parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.len()));
    for part in &parts {
        answer = answer.replace(part, "***");
    }
    // The answer may be cut within a secret.
    let cut = parts.iter().filter_map(|part| {
        (HIDDEN_CHARS..part.len()).rev().find(|length| answer.ends_with(&part[..*length]))
    });
    if let Some(length) = cut.max() {
        answer.truncate(answer.len() - length);
        answer.push_str("***");
    }
    answer
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
            ("it is cut: s3cret-to", "it is cut: ***"),
            ("é", "é"),
        ] {
            assert_eq!(hidden(answer.to_owned(), &sent), told);
        }
    }
}
