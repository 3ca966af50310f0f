//! Several lanes on one store: which of them a report goes to.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use emit_core::{JobId, Refusal, Report};
use emit_store::conformance::{START, plain};
use emit_store::{Space, Store, lane_of};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::model::ModelStore;
use super::shared;
use crate::clock::Clock;
use crate::engine::lane::Lane;
use crate::engine::work::Work;
use crate::engine::{Caller, Done, Engine, PollQuery, ReportCall};
use crate::fresh::new_space;

const LANES: usize = 2;

struct Node {
    engine: Engine,
    lanes: Vec<(Lane, Receiver<Work>)>,
}

impl Node {
    fn start(store: &Arc<dyn Store>) -> Node {
        let clock = Arc::new(Clock::reading(|| START));
        let writers = (0..LANES).map(|_| store.writer().unwrap()).collect();
        let (engine, lanes) = Engine::assemble(writers, &shared(store, clock), StdRng::seed_from_u64(1));
        Node { engine, lanes }
    }

    /// The call's answer, if its work came to this lane.
    async fn on<T>(&mut self, lane: usize, call: impl Future<Output = T>) -> T {
        let (lane, incoming) = &mut self.lanes[lane];
        let drive = async {
            let work = incoming.try_recv().expect("the work went to another lane");
            lane.turn(Some(work), incoming);
        };
        tokio::join!(call, drive).0
    }
}

fn space_of(store: &Arc<dyn Store>) -> Space {
    let mut writer = store.writer().unwrap();
    writer.begin().unwrap();
    let space = writer.insert_space(&new_space("several lanes", START)).unwrap();
    writer.commit(&mut []).unwrap();
    space
}

/// By a key of all spaces, which does not say whose job it is.
async fn report(engine: &Engine, job: JobId, report: Report) -> Result<Done, Refusal> {
    engine.report(Caller::default(), ReportCall { job, fence: None, report, logs: Vec::new() }).await
}

#[tokio::test]
async fn a_job_that_a_poll_or_a_report_brought_is_reported_on_in_its_spaces_lane() {
    let store: Arc<dyn Store> = Arc::new(ModelStore::default());
    let space = space_of(&store);
    let home = lane_of(space.id, LANES);
    let other = 1 - home;

    let mut node = Node::start(&store);
    let engine = node.engine.clone();
    // Of 64 random ids one goes elsewhere.
    let made = node.on(home, engine.create(space.id, vec![plain("job"); 64])).await.unwrap();
    let job = made.iter().map(|one| one.done.job.id).find(|id| lane_of(*id, LANES) == other).unwrap();
    for _ in 0..2 {
        let too_early = node.on(other, report(&engine, job, Report::Keepalive)).await;
        assert!(too_early.is_err(), "nobody has it yet, and the first refusal has taught nothing");
    }

    let all = PollQuery { count: 64, auto_ack: true, ..PollQuery::default() };
    node.on(home, engine.poll(space.id, all, Duration::ZERO)).await.unwrap().written();
    node.on(home, report(&engine, job, Report::Keepalive)).await.expect("the poll has brought it");

    let mut node = Node::start(&store);
    let engine = node.engine.clone();
    node.on(other, report(&engine, job, Report::Keepalive)).await.expect("after a restart nothing is known");
    node.on(home, report(&engine, job, Report::Keepalive)).await.expect("the report has brought it");
}
