//! The reference against the definition, the order of the layers, and what is said of mistakes.
#![allow(clippy::unwrap_used)]

use super::definition::KEYS;
use super::kinds::Form;
use super::layers::{Given, Layer, Values, file_name};
use super::*;

/// The lines `key = value` of a text, in order.
fn assignments(text: &str) -> Vec<(String, usize)> {
    let names = text.lines().enumerate().filter_map(|(at, line)| Some((line.split_once(" = ")?.0, at)));
    names.filter(|(name, _)| !name.contains(['#', ' '])).map(|(name, at)| (name.to_owned(), at)).collect()
}

/// The reference with its optional settings switched on.
fn switched_on() -> String {
    REFERENCE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if !assignments(rest).is_empty() => rest,
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn the_reference_lists_exactly_the_settings_in_their_order() {
    let listed: Vec<String> = assignments(&switched_on()).into_iter().map(|(name, _)| name).collect();
    let defined: Vec<String> =
        KEYS.iter().map(|key| if key.form == Form::Secret { file_name(key) } else { key.name() }).collect();
    assert_eq!(listed, defined);
}

#[test]
fn the_reference_sets_exactly_the_defaults() {
    let layer = file::read(REFERENCE, "default.toml").unwrap();
    for key in KEYS {
        let written = layer.get(&key.name()).map_or("", |given| &given.text);
        assert_eq!(written, key.default, "{}", key.name());
    }
    assert!(layer.keys().all(|name| KEYS.iter().any(|key| key.name() == *name)));
}

#[test]
fn every_setting_is_explained_and_its_default_and_example_are_values() {
    let text = switched_on();
    let lines: Vec<&str> = text.lines().collect();
    for (name, at) in assignments(&text) {
        assert!(at > 0 && lines[at - 1].starts_with("# "), "{name} has no comment");
    }
    for key in KEYS {
        assert!(key.help.trim().ends_with('.'), "{} has no sentence", key.name());
    }
    let mut examples = file::read(&text, "default.toml").unwrap();
    // Their files are examples, too.
    examples.retain(|name, _| !name.ends_with("-file"));
    Config::read(&Values::gather(&[examples]).unwrap()).unwrap();
    Config::read(&Values::gather(&[]).unwrap()).unwrap();
}

fn layer(name: &str, text: &str, source: &str) -> Layer {
    Layer::from([(name.to_owned(), Given { text: text.to_owned(), source: source.to_owned() })])
}

#[test]
fn the_strongest_layer_counts_for_every_setting() {
    for key in KEYS.iter().filter(|key| key.form != Form::Secret) {
        let name = key.name();
        let layers =
            [layer(&name, "flag", "--it"), layer(&name, "variable", "IT"), layer(&name, "file", "it")];
        for (from, expected) in ["flag", "variable", "file"].into_iter().enumerate() {
            let values = Values::gather(&layers[from..]).unwrap();
            let given = values.iter().find(|(key, _)| key.name() == name).unwrap().1.clone().unwrap();
            assert_eq!(given.text, expected);
        }
    }
}

#[test]
fn a_wrong_file_is_refused_with_its_line() {
    for (text, says) in [
        ("lisen = \"x\"", "line 1: there is no setting lisen"),
        ("\nPublic_Url = \"x\"", "line 2: there is no setting Public_Url; is public-url meant?"),
        ("[server]\nlisten = 1", "there is no setting server"),
        ("streams-max = \"many\"", "line 1: streams-max must be a whole number, without quotes"),
        ("streams-max = 1.5", "a whole number"),
        ("listen = 8080", "listen must be a string, in quotes"),
        ("allowed-origins = \"*\"", "allowed-origins must be an array of strings"),
        ("allowed-origins = [1]", "without commas"),
        ("callback-retry-seconds = [\"5\"]", "callback-retry-seconds must be an array of whole numbers"),
        ("callback-retry-seconds = 5", "callback-retry-seconds must be an array of whole numbers"),
        ("a = 1\na = 2", "line 2: duplicate key"),
        ("listen = ", "line 1: "),
    ] {
        let why = file::read(text, "emit.toml").unwrap_err().to_string();
        assert!(why.starts_with("emit.toml, ") && why.contains(says), "{text:?}: {why}");
    }
}

#[test]
fn a_wrong_value_is_refused_with_what_set_it() {
    for (name, text, says) in [
        ("listen", "nonsense", "listen must be an address and a port"),
        ("streams-max", "0", "streams-max must be a whole number from 1 to"),
        ("streams-max", "-1", "a whole number"),
        ("array-bytes-max", "5", "from 1000000 to"),
        ("public-url", "jobs.example.com", "must look like https://"),
        ("trusted-proxies", "10.0.0.1,10.0.0.0/8,me", "must be an IP address or a net"),
        ("callback-retry-seconds", "5,x", "must be a whole number from 1 to"),
        ("allowed-origins", "https://a.example/", "must be `*`, or origins"),
        ("log", "info,=", "must be a level"),
        ("admin-key", "two words", "one word of printable ASCII"),
    ] {
        let values = Values::gather(&[layer(name, text, "THERE")]).unwrap();
        let why = Config::read(&values).unwrap_err().to_string();
        assert!(why.contains(says) && why.ends_with("(set by THERE)"), "{name}: {why}");
    }
}

#[test]
fn what_is_shown_can_be_read_again_and_holds_no_secret() {
    let layers = [
        layer("admin-key", "emit_verysecret", "EMIT_ADMIN_KEY"),
        layer("allowed-origins", "https://a.example, https://b.example", "--allowed-origins"),
    ];
    let values = Values::gather(&layers).unwrap();
    let shown = show::show(&values, None);
    assert!(!shown.contains("verysecret"), "{shown}");
    assert!(shown.contains("# admin-key = \"***\"  # EMIT_ADMIN_KEY\n"), "{shown}");
    assert!(
        shown.contains(
            "allowed-origins = [\"https://a.example\", \"https://b.example\"]  # --allowed-origins"
        )
    );
    let again = Values::gather(&[file::read(&shown, "shown").unwrap()]).unwrap();
    for (key, given) in values.iter().filter(|(key, _)| key.form == Form::Number) {
        let read = again.iter().find(|(other, _)| other.name() == key.name()).unwrap();
        assert_eq!(read.1.as_ref().unwrap().text, given.as_ref().unwrap().text);
    }
}
