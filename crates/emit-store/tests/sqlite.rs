//! The conformance suite on the embedded store, each check on a folder of its own.

use emit_store::conformance;
use emit_store::sqlite::{OpenError, SqliteStore};

#[test]
fn the_embedded_store_conforms() {
    for (name, check) in conformance::all() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        eprintln!("{name}");
        check(&store);
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
