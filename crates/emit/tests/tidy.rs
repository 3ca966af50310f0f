//! Guards the tree itself: who imports whom, which pages must exist, what no file may contain. Nothing but the
//! standard library, so that it says what is wrong even where the rest does not build.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a crate may depend on. Tests' own dependencies are not looked at.
enum May {
    /// Only these.
    Only(&'static [&'static str]),
    /// These of ours, and from outside anything but these.
    Ours(&'static [&'static str], &'static [&'static str]),
}

/// The rooms. The domain knows formats and nothing that acts; the wire does no I/O; only the store knows a database;
/// only the server knows sockets.
const ROOMS: &[(&str, May)] = &[
    ("crates/emit-core", May::Only(&["serde", "serde_json", "time", "ulid"])),
    (
        "crates/emit-store",
        May::Only(&[
            "emit-core",
            "rusqlite",
            // The driver of PostgreSQL, its TLS, and what it takes to wait for them on a thread.
            "tokio-postgres",
            "tokio-postgres-rustls",
            "rustls",
            "rustls-native-certs",
            "tokio",
            "futures-util",
            "bytes",
        ]),
    ),
    ("crates/emit-api", May::Ours(&["emit-core"], &["axum", "hyper", "rusqlite", "tokio", "rand"])),
    ("crates/emit-server", May::Ours(&["emit-core", "emit-store", "emit-api"], &["rusqlite", "clap"])),
    (
        "crates/emit",
        May::Ours(&["emit-core", "emit-store", "emit-api", "emit-server"], &["rusqlite", "axum", "hyper"]),
    ),
    // The load generator knows the wire; its in-process part drives the store or the server.
    ("bench", May::Ours(&["emit-core", "emit-store", "emit-server"], &[])),
];

/// No file is longer than this many lines,
const LINES_MAX: usize = 600;
/// but for these, each with its reason.
const LONG_FILES: &[(&str, &str)] =
    &[("clients/typescript/src/openapi.ts", "made from the API's description; a test compares them")];

/// Folders that are built, fetched or the seed's own.
const NOT_OURS: &[&str] = &[
    ".git",
    "target",
    "node_modules",
    "dist",
    ".cache",
    ".venv",
    "__pycache__",
    ".pytest_cache",
    "emit-data",
    "tests/seed",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file of the tree that is text and ours: path from the root, and contents.
fn files() -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let last = name.rsplit('/').next().unwrap();
            if NOT_OURS.contains(&name.as_str()) || NOT_OURS.contains(&last) || path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push((name, text));
            }
        }
    }
    assert!(found.len() > 50, "the tree was not found");
    found.sort();
    found
}

fn has_extension(path: &str, extensions: &[&str]) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
}

/// Fails with all findings at once.
fn none(rule: &str, findings: Vec<String>) {
    assert!(findings.is_empty(), "{rule}:\n  {}\n", findings.join("\n  "));
}

/// The names under `[dependencies]` (and `[target.….dependencies]`) of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            inside = section.ends_with("dependencies") && !section.ends_with("dev-dependencies");
            // `[dependencies.name]`
            if let Some((_, name)) = section.split_once("dependencies.") {
                names.insert(name.to_owned());
            }
        } else if inside && !line.starts_with('#') && line.contains('=') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            names.insert(name.trim_matches('"').to_owned());
        }
    }
    names
}

#[test]
fn each_room_imports_only_what_it_may() {
    let mut findings = Vec::new();
    for (room, may) in ROOMS {
        for name in dependencies(&read(&format!("{room}/Cargo.toml"))) {
            let allowed = match may {
                May::Only(these) => these.contains(&name.as_str()),
                May::Ours(ours, never) => {
                    if name.starts_with("emit") {
                        ours.contains(&name.as_str())
                    } else {
                        !never.contains(&name.as_str())
                    }
                }
            };
            if !allowed {
                findings.push(format!("{room} depends on {name}"));
            }
        }
    }
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = format!("crates/{}", entry.unwrap().file_name().into_string().unwrap());
        if !ROOMS.iter().any(|(room, _)| *room == name) {
            findings.push(format!("{name} has no line in ROOMS"));
        }
    }
    none("rooms import only what ARCHITECTURE.md allows", findings);
}

#[test]
fn core_and_store_have_no_clock_no_sleep_and_no_sockets() {
    let mut findings = Vec::new();
    for room in ["crates/emit-core", "crates/emit-store"] {
        let lints = read(&format!("{room}/clippy.toml"));
        for method in ["std::time::SystemTime::now", "std::time::Instant::now", "std::thread::sleep"] {
            if !lints.contains(&format!("\"{method}\"")) {
                findings.push(format!("{room}/clippy.toml does not disallow {method}"));
            }
        }
    }
    for (path, text) in files() {
        let absent: &[&str] = if path.starts_with("crates/emit-core/src") {
            &["std::fs", "std::net", "std::env", "std::thread", "std::process", "async fn", "async move"]
        } else if path == "crates/emit-store/src/postgres/connect.rs" {
            // The one place where a network connection is opened, and the driver's way to do it is to await.
            &["std::net"]
        } else if path.starts_with("crates/emit-store/src") || path.starts_with("crates/emit-api/src") {
            &["std::net", "async fn", "async move"]
        } else {
            continue;
        };
        for word in absent {
            if text.contains(word) {
                findings.push(format!("{path} has {word}"));
            }
        }
    }
    none("the domain acts on nothing, and store and wire know no network", findings);
}

#[test]
fn every_error_code_has_its_page_and_every_page_its_code() {
    let source = read("crates/emit-api/src/problem.rs");
    let list = source.split("\ncodes! {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    let codes: BTreeSet<String> =
        list.lines().filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect();
    assert!(codes.len() > 20, "the list of codes was not found");
    let pages: BTreeSet<String> = fs::read_dir(root().join("docs/errors"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .map(|name| name.trim_end_matches(".md").to_owned())
        .collect();
    let missing = codes.difference(&pages).map(|code| format!("docs/errors/{code}.md is missing"));
    let orphaned = pages.difference(&codes).map(|page| format!("docs/errors/{page}.md explains no code"));
    none("codes and pages are the same", missing.chain(orphaned).collect());
}

#[test]
fn no_file_is_too_long() {
    let checked = ["rs", "py", "mjs", "js", "ts", "html", "css", "sh", "sql", "md", "toml"];
    let mut findings = Vec::new();
    for (path, text) in files() {
        let lines = text.lines().count();
        let long = lines > LINES_MAX && (has_extension(&path, &checked) || path == "task");
        let excused = LONG_FILES.iter().any(|(file, _)| *file == path);
        if long && !excused {
            findings.push(format!("{path} has {lines} lines; split it, or list it with a reason"));
        }
        if excused && !long {
            findings.push(format!("{path} is short enough now; take it off the list"));
        }
    }
    none(&format!("files have at most {LINES_MAX} lines"), findings);
}

#[test]
fn no_path_of_somebodys_machine() {
    // Cut in two, so that this file is not found by itself.
    let homes =
        [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("C:", "\\Users")];
    let mut findings = Vec::new();
    for (path, text) in files() {
        for (number, line) in text.lines().enumerate() {
            if let Some(home) = homes.iter().find(|home| line.contains(**home)) {
                findings.push(format!("{path}:{}: {home}", number + 1));
            }
        }
    }
    none("paths are relative to the tree", findings);
}

#[test]
fn no_registry_but_the_public_ones_and_no_mirror() {
    let mut findings = Vec::new();
    for (path, text) in files() {
        for (number, line) in text.lines().enumerate() {
            let bad = if path.ends_with("Cargo.lock") {
                line.starts_with("source = ")
                    && !line.contains("\"registry+https://github.com/rust-lang/crates.io-index\"")
            } else if path.ends_with("package-lock.json") {
                line.trim_start().starts_with("\"resolved\"")
                    && !line.contains("\"https://registry.npmjs.org/")
            } else if path.ends_with(".npmrc")
                || path.ends_with("pip.conf")
                || path.ends_with(".cargo/config.toml")
            {
                line.contains("registry=") || line.contains("index-url") || line.contains("replace-with")
            } else if path.ends_with("requirements.txt") {
                line.contains("--index-url") || line.contains("--extra-index-url") || line.contains("://")
            } else {
                line.to_lowercase().contains(concat!("arti", "factory"))
            };
            if bad {
                findings.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    none("packages come from the public registries", findings);
}

#[test]
fn every_room_says_what_it_is() {
    let mut findings = Vec::new();
    for (path, text) in files() {
        let source = path.contains("/src/") && path.ends_with(".rs");
        if source && !text.lines().take(5).any(|line| line.starts_with("//!")) {
            findings.push(format!("{path} does not begin with a sentence about itself (//!)"));
        }
    }
    none("every module has its docs", findings);
}

#[test]
fn unsafe_code_is_nowhere() {
    let manifest = read("Cargo.toml");
    assert!(manifest.contains("unsafe_code = \"forbid\""), "the workspace forbids unsafe code");
    let mut findings = Vec::new();
    let keyword = concat!("uns", "afe");
    for (path, text) in files() {
        if path.starts_with("crates/")
            && path.ends_with("Cargo.toml")
            && !text.contains("[lints]\nworkspace = true")
        {
            findings.push(format!("{path} does not take the workspace's lints"));
        }
        if !path.ends_with(".rs") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if ["{", "fn ", "impl ", "extern ", "trait "]
                .iter()
                .any(|next| code.contains(&format!("{keyword} {next}")))
            {
                findings.push(format!("{path}:{}", number + 1));
            }
        }
    }
    none("no memory is handled by hand", findings);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut findings = Vec::new();
    for (path, text) in files().iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = root().join(path).parent().unwrap().to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let outside = file.contains("://") || file.starts_with("mailto:") || file.is_empty();
            if !outside && !folder.join(file).exists() {
                findings.push(format!("{path}: {target}"));
            }
        }
    }
    none("every link leads to a file", findings);
}

#[test]
fn what_a_repository_owes_is_there() {
    let owed = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "Cargo.lock",
        "rust-toolchain.toml",
        "deny.toml",
        "task",
        ".ci/run",
        "docs/README.md",
        "docs/life-cycle.md",
    ];
    let missing = owed.iter().filter(|path| !root().join(path).is_file());
    none("these files are owed", missing.map(|path| (*path).to_owned()).collect());
    assert!(read("LICENSE").contains("Apache License") && read("LICENSE").contains("Version 2.0"));
}
