//! Goal: each event in each view, by the contract's sentence: "`jobs:read`: everything. `jobs:read:progress`: `data`
//! as it is on `progress`, `data: null` on `completed` and `dead`, no `data` field on anything else".

use emit_core::ids::Id;
use emit_core::{Event, EventType, Recorded, Status, View};
use proptest::prelude::*;
use serde_json::Value;

/// The sentence, written out. The outer `None`: no such field.
fn expected(view: View, word: &str, data: Option<&str>) -> Option<String> {
    match view {
        View::Full => data.map(str::to_owned),
        View::Progress => match word {
            "progress" => data.map(str::to_owned),
            "completed" | "dead" => Some("null".to_owned()),
            _ => None,
        },
    }
}

fn recorded(kind: EventType, status: Status, data: Option<&str>) -> Recorded {
    Recorded {
        space: 1,
        seq: 42,
        prev: 41,
        at: 1_740_393_120_000,
        job: 7,
        job_id: Id(99),
        job_name: "a \"name\"\n".into(),
        event: Event { kind, status, data: data.map(Into::into) },
    }
}

proptest! {
    #[test]
    fn every_event_shows_in_each_view_what_the_contract_says(
        kind in prop::sample::select(EventType::ALL),
        status in prop::sample::select(&Status::ALL[..]),
        n in prop::option::of(any::<u64>()),
    ) {
        let data = n.map(|n| format!("{{ \"hidden\":{n} }}"));
        let recorded = recorded(kind, status, data.as_deref());
        for view in [View::Full, View::Progress] {
            let expected = expected(view, kind.as_str(), data.as_deref());
            prop_assert_eq!(recorded.event.data_in(view), expected.as_deref());

            // On the wire: the fields in the contract's order, the data byte for byte, and nothing else of it.
            let mut text = String::new();
            recorded.encode(view, &mut text);
            let data_field = expected.as_ref().map(|data| format!("\"data\":{data},")).unwrap_or_default();
            prop_assert_eq!(&text, &format!(
                "{{\"jobId\":\"{}\",\"jobName\":\"a \\\"name\\\"\\n\",\"type\":\"{}\",\"status\":\"{}\",{}\
                 \"timestamp\":\"2025-02-24T10:32:00.000Z\",\"seq\":42}}",
                recorded.job_id, kind.as_str(), status.as_str(), data_field
            ));
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
            prop_assert_eq!(text.contains("hidden"), expected.is_some_and(|data| data != "null"));
        }
    }
}

/// Goal: the table's event types are all there, and no other.
#[test]
fn the_types_are_the_contracts() {
    let mut ours: Vec<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
    let rows = crate::model::ROWS.iter().map(|row| row.event).filter(|event| *event != "-");
    let mut contract: Vec<_> = rows.chain(["created"]).collect();
    for list in [&mut ours, &mut contract] {
        list.sort_unstable();
        list.dedup();
    }
    assert_eq!(ours, contract);
    for kind in EventType::ALL {
        assert_eq!(EventType::from_number(*kind as u8), Some(*kind));
    }
}
