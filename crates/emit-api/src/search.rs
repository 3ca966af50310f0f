//! The query language of job lists: `status:dead name:video.* tag:customer=42 age:<1h error:"timeout"`.
//!
//! A query is terms with spaces between them, all of which must hold; each is a word, a colon and a value. A value with
//! spaces stands in double quotes, in which a backslash makes the next character an ordinary one.

use emit_core::time::{Millis, SECOND};
use emit_core::{Job, Status, json};

/// Longest query, in characters: it stands in addresses.
const QUERY_CHARS: usize = 1_000;
/// Largest number of an age, in its unit.
const AGE: i64 = 100_000;

/// Which jobs are meant. Nothing set: all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Search {
    /// Any of these statuses.
    pub statuses: Vec<Status>,
    /// The name, or what it begins with.
    pub name: Option<Name>,
    /// All of these tags.
    pub tags: Vec<(String, String)>,
    /// Created after.
    pub created_after: Option<Millis>,
    /// Created before.
    pub created_before: Option<Millis>,
    /// Dead, and the error has this in it, in whatever case; empty: there is no error text. In lower case here.
    pub error: Option<String>,
}

/// What is said of a name.
#[derive(Debug, Clone, PartialEq)]
pub enum Name {
    /// It is this.
    Is(String),
    /// It begins with this (`video.*`).
    Begins(String),
}

/// What is wrong with a query, and at which character.
#[derive(Debug, PartialEq)]
pub struct Mistake {
    /// From 0.
    pub at: usize,
    /// A sentence's end, for people.
    pub detail: String,
}

impl Search {
    /// Reads a query at the time `now`.
    pub fn read(text: &str, now: Millis) -> Result<Search, Mistake> {
        if text.chars().count() > QUERY_CHARS {
            return Err(Mistake {
                at: QUERY_CHARS,
                detail: format!("must have at most {QUERY_CHARS} characters"),
            });
        }
        let mut search = Search::default();
        for term in terms(text)? {
            search.take(&term, now).map_err(|detail| Mistake { at: term.at, detail })?;
        }
        if search.error.is_some() && search.statuses.is_empty() {
            search.statuses = vec![Status::Dead];
        }
        Ok(search)
    }

    fn take(&mut self, term: &Term, now: Millis) -> Result<(), String> {
        let value = term.value.as_str();
        if value.is_empty() && !(term.quoted && term.word == "error") {
            return Err(format!("{} has no value", term.word));
        }
        let again = |set: bool| if set { Err(format!("{} is given twice", term.word)) } else { Ok(()) };
        match term.word.as_str() {
            "status" => {
                again(!self.statuses.is_empty())?;
                let statuses: Option<Vec<Status>> = value.split(',').map(Status::from_word).collect();
                self.statuses = statuses.ok_or_else(|| format!("{value} is no status"))?;
            }
            "name" => {
                again(self.name.is_some())?;
                self.name = Some(match value.strip_suffix('*') {
                    Some(start) if !term.quoted => Name::Begins(start.to_owned()),
                    _ => Name::Is(value.to_owned()),
                });
            }
            "tag" => match value.split_once('=') {
                Some((key, value)) if !key.is_empty() => self.tags.push((key.to_owned(), value.to_owned())),
                _ => return Err("a tag is key=value".to_owned()),
            },
            "age" => {
                let (less, ago) =
                    age(value).ok_or("an age is < or > and a number with s, m, h or d, such as <1h")?;
                let side = if less { &mut self.created_after } else { &mut self.created_before };
                again(side.is_some())?;
                *side = Some(now - ago);
            }
            "error" => {
                again(self.error.is_some())?;
                self.error = Some(value.to_lowercase());
            }
            word => {
                return Err(format!("{word} is no word of a query: status, name, tag, age and error are"));
            }
        }
        Ok(())
    }

    /// Whether a list by status, exact name and first tag already is the answer, so that no job need be looked at.
    pub fn is_plain(&self) -> bool {
        self.tags.len() < 2
            && !matches!(self.name, Some(Name::Begins(_)))
            && self.created_after.is_none()
            && self.created_before.is_none()
            && self.error.is_none()
    }

    /// Whether this job is meant. `result`: what it ended with, where the search has an `error`.
    pub fn admits(&self, job: &Job, result: Option<&str>) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&job.status))
            && self.name.as_ref().is_none_or(|name| match name {
                Name::Is(name) => *name == *job.spec.name,
                Name::Begins(start) => job.spec.name.starts_with(start.as_str()),
            })
            && self.created_after.is_none_or(|after| job.created_at > after)
            && self.created_before.is_none_or(|before| job.created_at < before)
            && self.tags.iter().all(|tag| has_tag(job, tag))
            && self.error.as_ref().is_none_or(|wanted| {
                let error = result.and_then(error_text).unwrap_or_default();
                job.status == Status::Dead
                    && if wanted.is_empty() {
                        error.is_empty()
                    } else {
                        error.to_lowercase().contains(wanted)
                    }
            })
    }
}

fn has_tag(job: &Job, (key, value): &(String, String)) -> bool {
    job.spec.tags.as_deref().is_some_and(|tags| {
        json::members(tags)
            .any(|(name, literal)| name == key.as_str() && json::string(literal) == value.as_str())
    })
}

/// The error of a dead job's result.
pub fn error_text(result: &str) -> Option<String> {
    if json::kind(result) != json::Kind::Object {
        return None;
    }
    let (_, literal) = json::members(result).find(|(name, _)| name == "error")?;
    (json::kind(literal) == json::Kind::String).then(|| json::string(literal).into_owned())
}

/// `<1h`: less than that, in milliseconds.
fn age(text: &str) -> Option<(bool, Millis)> {
    let less = match text.chars().next()? {
        '<' => true,
        '>' => false,
        _ => return None,
    };
    let unit = match text.chars().next_back()? {
        's' => SECOND,
        'm' => 60 * SECOND,
        'h' => 3_600 * SECOND,
        'd' => 86_400 * SECOND,
        _ => return None,
    };
    let number: i64 = text.get(1..text.len() - 1)?.parse().ok()?;
    (0..=AGE).contains(&number).then_some((less, number * unit))
}

struct Term {
    at: usize,
    word: String,
    value: String,
    quoted: bool,
}

fn terms(text: &str) -> Result<Vec<Term>, Mistake> {
    let mut terms = Vec::new();
    let mut rest = text.chars().enumerate().peekable();
    loop {
        while rest.next_if(|(_, letter)| letter.is_whitespace()).is_some() {}
        let Some(&(at, _)) = rest.peek() else { return Ok(terms) };
        let mut word = String::new();
        while let Some((_, letter)) = rest.next_if(|(_, letter)| *letter != ':' && !letter.is_whitespace()) {
            word.push(letter);
        }
        if rest.next_if(|(_, letter)| *letter == ':').is_none() {
            return Err(Mistake { at, detail: format!("{word} is no term: write name:{word}, for example") });
        }
        let (mut value, mut inside, mut quoted) = (String::new(), false, false);
        while let Some((_, letter)) = rest.next_if(|(_, letter)| inside || !letter.is_whitespace()) {
            match letter {
                '"' => (inside, quoted) = (!inside, true),
                '\\' if inside => value.extend(rest.next().map(|(_, letter)| letter)),
                letter => value.push(letter),
            }
        }
        if inside {
            return Err(Mistake { at, detail: "a quote is not closed".to_owned() });
        }
        terms.push(Term { at, word, value, quoted });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_000_000_000;

    fn read(text: &str) -> Result<Search, (usize, String)> {
        Search::read(text, NOW).map_err(|mistake| (mistake.at, mistake.detail))
    }

    #[test]
    fn every_term_is_understood() {
        let found = read(
            r#"status:dead,killed name:video.* tag:customer=42 tag:a=b=c age:<1h age:>30s error:"Time \"Out""#,
        );
        let expected = Search {
            statuses: vec![Status::Dead, Status::Killed],
            name: Some(Name::Begins("video.".into())),
            tags: vec![("customer".into(), "42".into()), ("a".into(), "b=c".into())],
            created_after: Some(NOW - 3_600_000),
            created_before: Some(NOW - 30_000),
            error: Some("time \"out".into()),
        };
        assert_eq!(found, Ok(expected));
        assert_eq!(read("  "), Ok(Search::default()));
        assert_eq!(read("error:x").unwrap().statuses, [Status::Dead]);
        assert_eq!(read("error:\"\"").unwrap().error, Some(String::new()));
        assert_eq!(read("name:\"a b*\"").unwrap().name, Some(Name::Is("a b*".into())));
    }

    #[test]
    fn mistakes_say_where_they_are() {
        for (text, at) in [
            ("video", 0),
            ("name:a  colour:red", 8),
            ("status:done", 0),
            ("status:dead status:dead", 12),
            ("age:1h", 0),
            ("age:<h", 0),
            ("age:<999999d", 0),
            ("tag:x", 0),
            ("name:", 0),
            ("name:\"\"", 0),
            ("error:", 0),
            ("name:a error:\"x", 7),
            ("é name:a", 0),
        ] {
            assert_eq!(read(text).unwrap_err().0, at, "{text}");
        }
        assert!(read(&"name:a ".repeat(200)).is_err());
    }

    #[test]
    fn only_what_an_index_knows_is_plain() {
        for (text, plain) in [
            ("status:dead name:a tag:a=b", true),
            ("name:a*", false),
            ("age:<1h", false),
            ("tag:a=b tag:c=d", false),
        ] {
            assert_eq!(read(text).unwrap().is_plain(), plain, "{text}");
        }
    }

    #[test]
    fn the_error_of_a_result_is_found() {
        assert_eq!(error_text(r#"{"error":"a\"b"}"#), Some("a\"b".into()));
        for none in ["null", r#"{"reason":"x"}"#, r#"{"error":1}"#, "\"error\""] {
            assert_eq!(error_text(none), None);
        }
    }
}
