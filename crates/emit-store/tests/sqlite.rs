//! The conformance suite on the embedded store, each check on a folder of its own.

use emit_core::time::DAY;
use emit_store::conformance;
use emit_store::sqlite::{OpenError, SqliteStore, doctor};

/// When no idempotency key of the checks is remembered any more.
const LONG_AFTER: i64 = conformance::START + 10_000 * DAY;

#[test]
fn the_embedded_store_conforms() {
    for (name, check) in conformance::all() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        eprintln!("{name}");
        check(&store);
        // Whatever a check has done, what is left fits together.
        for checked in doctor::examine(folder.path(), LONG_AFTER).unwrap() {
            assert_eq!(checked.findings, [], "{name}: {}", checked.name);
        }
    }
}

#[test]
fn a_folder_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let first = SqliteStore::open(folder.path()).unwrap();
    assert!(matches!(SqliteStore::open(folder.path()), Err(OpenError::Locked)));
    drop(first);
    assert!(SqliteStore::open(folder.path()).is_ok());
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("emit.db");
    let theirs = rusqlite::Connection::open(&file).unwrap();
    theirs.execute_batch("CREATE TABLE jobs (x)").unwrap();
    drop(theirs);
    assert!(matches!(SqliteStore::open(folder.path()), Err(OpenError::Foreign)));
    std::fs::write(&file, "not a database at all\n".repeat(500)).unwrap();
    assert!(matches!(SqliteStore::open(folder.path()), Err(OpenError::Foreign)));
}
