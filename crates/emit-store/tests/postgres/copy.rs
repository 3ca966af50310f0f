//! A store that is copied as a whole. What it looks like afterwards is a matter of the black-box tests.

use emit_store::copy::copy;
use emit_store::postgres::Target;
use emit_store::sqlite::SqliteStore;

use crate::cluster::cluster;

/// Whoever adds a table has to say how it moves.
#[test]
fn every_table_moves() {
    let (url, folder) = (cluster().database(), tempfile::tempdir().unwrap());
    drop(SqliteStore::open(folder.path()).unwrap());
    let copied = copy(folder.path(), &Target::new(url.clone(), None), |_| {}).unwrap();
    let mut moved: Vec<&str> = copied.iter().map(|table| table.table).collect();
    moved.sort_unstable();
    let tables = cluster().sql(
        &url,
        "SELECT tablename FROM pg_tables WHERE schemaname = 'emit' \
         AND tablename NOT IN ('formats', 'lanes', 'marks') ORDER BY 1",
    );
    assert_eq!(moved, tables.lines().collect::<Vec<_>>());
}
