//! Goal: whatever is asked in whatever order, the implementation answers as the contract's table does.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use crate::ask::{History, history};
use crate::model::{Model, ROWS};
use crate::player::Player;

/// Plays a history on both and compares after every step; answers the table's rows it came by.
fn compare(history: &History) -> Result<Vec<&'static str>, TestCaseError> {
    let (mut player, told) = Player::create(&history.birth);
    let (mut model, expected) = Model::create(&history.birth, player.now);
    prop_assert_eq!(told, expected, "the events of creation differ\n{}", player.trace);
    for step in &history.steps {
        let put = player.put(step);
        let expected = model.ask(&step.ask, &put.given());
        prop_assert_eq!(
            put.outcome(),
            expected,
            "the answer (left) is not the contract's (right) at the last of\n{}",
            player.trace
        );
        prop_assert_eq!(
            &player.seen(),
            &model.seen,
            "the job (left) is not the contract's (right) after\n{}",
            player.trace
        );
        prop_assert_eq!(player.erased, model.gone, "gone or not, after\n{}", player.trace);
        if model.gone {
            break;
        }
    }
    Ok(model.used)
}

proptest! {
    #![proptest_config(Config { cases: 4_096, failure_persistence: None, ..Config::default() })]

    #[test]
    fn every_history_goes_as_the_contracts_table_says(history in history()) {
        compare(&history)?;
    }
}

/// Goal: the histories above are no accident of easy lives; each row of the table is met by some of them.
#[test]
fn random_histories_come_by_every_row_of_the_table() {
    let mut runner = TestRunner::deterministic();
    let mut used = BTreeSet::new();
    for _ in 0..3_000 {
        let history = history().new_tree(&mut runner).unwrap().current();
        used.extend(compare(&history).unwrap());
    }
    let missed: Vec<_> = ROWS.iter().map(|row| row.what).filter(|row| !used.contains(row)).collect();
    assert!(missed.is_empty(), "no history came by these rows: {missed:?}");
}
