//! The conformance suite on PostgreSQL, each check on a database of its own, and what several nodes do to each other.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may fail as tests do")]
#![allow(clippy::disallowed_methods, reason = "a database takes its time to start")]

mod cluster;
mod copy;
mod nodes;

use emit_store::conformance;
use emit_store::postgres::{OpenError, PostgresStore, Target};

use cluster::cluster;

fn open(url: &str) -> Result<PostgresStore, OpenError> {
    PostgresStore::open(&Target::new(url.to_owned(), None), 1)
}

#[test]
fn the_shared_store_conforms() {
    // Most of a check is waiting for the disk: several at a time.
    let checks = conformance::all();
    std::thread::scope(|scope| {
        for some in checks.chunks(checks.len().div_ceil(4)) {
            scope.spawn(move || {
                for (name, check) in some {
                    let store = open(&cluster().database()).unwrap();
                    eprintln!("{name}");
                    check(&store);
                }
            });
        }
    });
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let url = cluster().database();
    drop(open(&url).unwrap());
    cluster().sql(&url, "INSERT INTO emit.formats (version, applied_at) VALUES (999, now())");
    let refused = open(&url).err().unwrap();
    assert!(matches!(refused, OpenError::Newer { found: 999, .. }), "{refused}");
}

#[test]
fn several_nodes_may_start_at_once() {
    let url = cluster().database();
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..4).map(|_| scope.spawn(|| open(&url).map(drop))).collect();
        for node in opened {
            node.join().unwrap().unwrap();
        }
    });
}

/// A machine that takes the connection while its database says nothing: the one after it may be the primary now.
#[test]
fn a_host_that_takes_connections_and_says_nothing_is_passed_over() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = cluster().database();
    let both = url.replace('@', &format!("@{},", silent.local_addr().unwrap()));
    drop(open(&both).unwrap());
    assert_eq!(cluster().sql(&url, "SELECT max(version) > 0 FROM emit.formats"), "t");
}
