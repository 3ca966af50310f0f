//! Failures by the shape of their error.

use std::collections::HashMap;

use emit_api::insight::{FailureGroup, Failures};
use emit_api::search::error_text;
use emit_core::time::Rfc3339Millis;
use emit_core::{Job, SpaceId, Status};
use emit_store::{ListQuery, Reader};

use super::{JOBS_MAX, PAGE, ROWS_MAX};

/// Bytes of results of one read.
const RESULT_BYTES: usize = 2 * 1024 * 1024;
/// Characters of an error that its shape is made of.
const SHAPE_CHARS: usize = 200;
/// Names that a group shows.
const NAMES_MAX: usize = 5;
/// Where errors of one shape differ.
const HOLE: char = '…';

/// Groups the newest dead jobs of a space.
pub(super) fn failures(reader: &mut dyn Reader, space: SpaceId) -> emit_store::Result<Failures> {
    let mut groups: HashMap<String, FailureGroup> = HashMap::new();
    let mut query =
        ListQuery { statuses: vec![Status::Dead], limit: PAGE, results: true, ..ListQuery::default() };
    let (mut looked, mut more) = (0, true);
    while more && looked < JOBS_MAX {
        let Some(page) = reader.jobs(space, &query, RESULT_BYTES)? else { break };
        more = page.more;
        query.before = page.jobs.last().map(|(job, _)| job.no);
        for (job, beside) in &page.jobs {
            looked += 1;
            let error = beside.result.as_deref().and_then(error_text).unwrap_or_default();
            add(&mut groups, job, &error);
        }
    }
    let mut groups: Vec<FailureGroup> = groups.into_values().collect();
    groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.shape.cmp(&b.shape)));
    groups.truncate(ROWS_MAX);
    Ok(Failures { looked, more, groups })
}

fn add(groups: &mut HashMap<String, FailureGroup>, job: &Job, error: &str) {
    let shape = shape(error);
    // The first of its shape is the newest.
    let group = groups.entry(shape).or_insert_with_key(|shape| FailureGroup {
        shape: shape.clone(),
        common: common(shape),
        count: 0,
        names: Vec::new(),
        newest_job_id: job.id.to_string(),
        newest_at: job.completed_at.map(Rfc3339Millis),
        newest_error: error.chars().take(SHAPE_CHARS).collect(),
    });
    group.count += 1;
    let name = &*job.spec.name;
    if group.names.len() < NAMES_MAX && !group.names.iter().any(|known| known == name) {
        group.names.push(name.to_owned());
    }
}

/// The error with a hole for every word that has a digit in it and for whatever stands in quotes.
fn shape(error: &str) -> String {
    let mut shape = String::new();
    let mut word = String::new();
    let mut quote = None;
    let flush = |word: &mut String, shape: &mut String| {
        if word.chars().any(|letter| letter.is_ascii_digit()) {
            shape.push(HOLE);
        } else {
            shape.push_str(word);
        }
        word.clear();
    };
    for letter in error.chars().take(SHAPE_CHARS) {
        if let Some(open) = quote {
            if letter == open {
                shape.extend([HOLE, letter]);
                quote = None;
            }
        } else if letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.') {
            word.push(letter);
        } else {
            flush(&mut word, &mut shape);
            shape.push(letter);
            quote = matches!(letter, '"' | '`').then_some(letter);
        }
    }
    flush(&mut word, &mut shape);
    if quote.is_some() {
        shape.push(HOLE);
    }
    shape
}

/// The longest text between two holes.
fn common(shape: &str) -> String {
    let pieces = shape.split([HOLE, '"', '`']).map(str::trim);
    pieces.max_by_key(|piece| piece.chars().count()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_differ_by_numbers_ids_and_quotes_have_one_shape() {
        for (a, b, expected) in [
            ("timeout after 30s on 10.0.0.1", "timeout after 5s on 10.0.0.27", "timeout after … on …"),
            ("no file \"a b\"", "no file \"c\"", "no file \"…\""),
            ("job 01JMV3Z0 failed: E-17", "job 01JMV3ZX failed: E-9", "job … failed: …"),
            ("broken \"x", "broken \"yy", "broken \"…"),
            ("it's late", "it's late", "it's late"),
        ] {
            assert_eq!((shape(a), shape(b)), (expected.to_owned(), expected.to_owned()));
        }
        assert_ne!(shape("no paper"), shape("no ink"));
        assert_eq!(shape(&"x".repeat(1_000)).chars().count(), SHAPE_CHARS);
    }

    #[test]
    fn what_is_common_can_be_searched_for() {
        for error in ["timeout after 30s", "no file \"a\" in store", "7", ""] {
            assert!(error.contains(&common(&shape(error))), "{error}");
        }
        assert_eq!(common("job … failed: …"), "failed:");
    }
}
