//! Goal: what holds of every life, whatever the table says in detail.

use emit_core::callback::CallbackChange;
use emit_core::command::Fence;
use emit_core::{Command, Job, Report, Status, Transition, apply};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::ask::{History, history};
use crate::player::{Player, Put};

proptest! {
    #![proptest_config(Config { cases: 512, failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_state_is_undefined(history in history()) {
        each_step(&history, |put, after| {
            let (job, status) = (&after.job, after.job.status);
            prop_assert_eq!(status.is_held(), job.timeout_at.is_some(), "held jobs and no others time out");
            prop_assert_eq!(status.is_terminal(), job.completed_at.is_some(), "ended jobs have an end");
            prop_assert!(!job.available || status == Status::Pending, "only pending jobs are available");
            prop_assert!(!job.available || job.available_at <= put.circumstances.now, "available too early");
            prop_assert!(!status.is_held() || job.delivery_id.is_some(), "a held job has a delivery");
            prop_assert!(status != Status::Running || job.started_at.is_some(), "a running job has started");
            if status == Status::Scheduled {
                prop_assert_eq!(job.scheduled_for, Some(job.available_at));
            }
            prop_assert_eq!(Status::from_word(status.as_str()), Some(status));
            prop_assert_eq!(Status::from_number(status as u8), Some(status));
            Ok(())
        })?;
    }

    #[test]
    fn the_attempt_number_never_falls_but_for_a_requeue(history in history()) {
        each_step(&history, |put, after| {
            if matches!(put.command, Command::Requeue) {
                prop_assert_eq!(after.job.attempt_number, 0);
            } else {
                prop_assert!(after.job.attempt_number >= put.before.attempt_number);
                prop_assert!(after.job.attempt_number <= put.before.attempt_number + 1);
            }
            Ok(())
        })?;
    }

    #[test]
    fn every_accepted_command_makes_its_event(history in history()) {
        each_step(&history, |put, after| {
            let silent = match &put.command {
                Command::Report { report: Report::Keepalive, .. } => true,
                // A repeat leaves the job as it is; nothing else does.
                Command::Report { .. } => after.job == put.before,
                Command::Edit(edit) => edit.fields.is_empty(),
                // The end of a delay, or nothing was due.
                Command::Tick => after.job.status == put.before.status,
                Command::ResendCallback => true,
                _ => false,
            };
            let expected = match &put.command {
                _ if silent => 0,
                Command::Deliver { auto_ack: true, .. } => 2,
                _ => 1,
            };
            prop_assert_eq!(after.events.len(), expected);
            if let Some(last) = after.events.last() {
                prop_assert_eq!(last.status, after.job.status, "the last event shows the status");
                prop_assert_eq!(after.job.updated_at, put.circumstances.now, "an event is a change");
            }
            Ok(())
        })?;
    }

    #[test]
    fn an_end_stays_but_for_a_requeue(history in history()) {
        each_step(&history, |put, after| {
            if put.before.status.is_terminal() && !matches!(put.command, Command::Requeue) {
                prop_assert_eq!(after.job.status, put.before.status);
                prop_assert_eq!(after.job.completed_at, put.before.completed_at);
            }
            Ok(())
        })?;
    }

    #[test]
    fn every_end_is_told_and_a_new_life_tells_nothing_of_the_old(history in history()) {
        each_step(&history, |put, after| {
            let ends = !put.before.status.is_terminal() && after.job.status.is_terminal();
            let due_now = CallbackChange::Due { tries: 0, at: put.circumstances.now, failure: None };
            if ends {
                prop_assert_eq!(after.callback == due_now, after.job.spec.callback.is_some());
            }
            if matches!(put.command, Command::Requeue | Command::Erase) {
                prop_assert_eq!(&after.callback, &CallbackChange::Forget);
            }
            if after.callback != CallbackChange::Keep && after.callback != CallbackChange::Forget {
                prop_assert!(after.job.status.is_terminal(), "only ends are told");
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_repeat_changes_nothing(history in history()) {
        each_step(&history, |put, after| {
            let Command::Report { report, .. } = &put.command else { return Ok(()) };
            let ends = matches!(
                report,
                Report::Ack | Report::Release { .. } | Report::Complete(_) | Report::Fail { .. }
            );
            if !ends {
                return Ok(());
            }
            // The worker never saw the answer and says it again: with its delivery, and later.
            let again = Command::Report { fence: after.job.delivery_id.map(Fence::Delivery), report: report.clone() };
            let mut later = put.circumstances;
            later.now += 1_000;
            let unchanged = Transition { job: after.job.clone(), events: vec![], payload: None, erase: false, callback: CallbackChange::Keep };
            prop_assert_eq!(apply(&after.job, &again, &later), Ok(unchanged));
            Ok(())
        })?;
    }

    #[test]
    fn nothing_is_due_exactly_at_an_end_or_when_only_a_worker_is_awaited(history in history()) {
        each_step(&history, |_, after| {
            let job = &after.job;
            let rests = job.status.is_terminal() || job.available && job.expires_at.is_none();
            prop_assert_eq!(job.due_at().is_none(), rests);
            Ok(())
        })?;
    }

    #[test]
    fn what_is_due_is_done_in_a_few_ticks_and_nothing_before_its_time(history in history()) {
        each_step(&history, |put, after| {
            let mut job: Job = after.job.clone();
            let due = |job: &Job| job.due_at().is_some_and(|at| at <= put.circumstances.now);
            // Two things at most: a start or an end of a delay, then an expiry.
            for _ in 0..2 {
                let ticked = apply(&job, &Command::Tick, &put.circumstances)
                    .map_err(|refusal| TestCaseError::fail(format!("a tick is never refused: {refusal:?}")))?;
                prop_assert_eq!(ticked.job != job, due(&job), "a tick does what is due and nothing else");
                job = ticked.job;
            }
            prop_assert!(!due(&job), "still due after two ticks: {:?}", job);
            Ok(())
        })?;
    }
}

/// Plays the history and looks at each accepted step.
fn each_step(
    history: &History,
    holds: impl Fn(&Put, &Transition) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let (mut player, _) = Player::create(&history.birth);
    for step in &history.steps {
        let put = player.put(step);
        if let Ok(after) = &put.answer {
            holds(&put, after)
                .map_err(|error| TestCaseError::fail(format!("{error}\nafter\n{}", player.trace)))?;
        }
        if player.erased {
            break;
        }
    }
    Ok(())
}
