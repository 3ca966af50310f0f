//! Fairness between endpoints: how many callbacks each lane may have under way, learnt from how the last ones went.

use std::collections::HashMap;

use emit_core::SpaceNo;
use emit_store::EndpointLane;
use tokio::time::Instant;

use super::bounds::{LANES_KNOWN, REST, REST_MAX, TRIES_PER_LANE, TRIES_PER_SPACE};

/// What is known of the lanes that have something under way or failed last.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    known: HashMap<EndpointLane, Standing>,
    /// Callbacks under way of each space that has any.
    of_spaces: HashMap<SpaceNo, usize>,
}

#[derive(Debug, Default)]
struct Standing {
    under_way: usize,
    /// In a row.
    failures: u32,
    rests_until: Option<Instant>,
}

impl Lanes {
    /// How many further callbacks may set out now. Where the last one failed: one, after a rest.
    pub(super) fn room(&self, lane: &EndpointLane, now: Instant) -> usize {
        let of_space = TRIES_PER_SPACE.saturating_sub(self.of_spaces.get(&lane.0).copied().unwrap_or(0));
        let Some(standing) = self.known.get(lane) else { return TRIES_PER_LANE.min(of_space) };
        let most = match (standing.failures, standing.rests_until) {
            (0, _) => TRIES_PER_LANE,
            (_, Some(until)) if now < until => 0,
            _ => 1,
        };
        most.saturating_sub(standing.under_way).min(of_space)
    }

    /// When the lane's rest ends, if that is what it waits for.
    pub(super) fn rests_until(&self, lane: &EndpointLane, now: Instant) -> Option<Instant> {
        let standing = self.known.get(lane)?;
        standing.rests_until.filter(|until| standing.under_way == 0 && *until > now)
    }

    /// One has set out.
    pub(super) fn set_out(&mut self, lane: &EndpointLane) {
        if self.known.len() >= LANES_KNOWN {
            self.known.retain(|_, standing| standing.under_way > 0);
        }
        self.known.entry(lane.clone()).or_default().under_way += 1;
        *self.of_spaces.entry(lane.0).or_default() += 1;
    }

    /// One is back.
    pub(super) fn came_back(&mut self, lane: &EndpointLane, well: bool, now: Instant) {
        if let Some(under_way) = self.of_spaces.get_mut(&lane.0) {
            *under_way = under_way.saturating_sub(1);
            if *under_way == 0 {
                self.of_spaces.remove(&lane.0);
            }
        }
        let Some(standing) = self.known.get_mut(lane) else { return };
        standing.under_way = standing.under_way.saturating_sub(1);
        if well {
            (standing.failures, standing.rests_until) = (0, None);
        } else {
            let rest = (REST * 2u32.saturating_pow(standing.failures.min(10))).min(REST_MAX);
            standing.failures = standing.failures.saturating_add(1);
            standing.rests_until = Some(now + rest);
        }
        if standing.failures == 0 && standing.under_way == 0 {
            self.known.remove(lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_has_its_share_and_a_failing_one_a_single_try_after_a_rest() {
        let (mut lanes, start) = (Lanes::default(), Instant::now());
        let (one, two) = ((1, "http://a".to_owned()), (2, "http://a".to_owned()));
        for left in (0..TRIES_PER_LANE).rev() {
            lanes.set_out(&one);
            assert_eq!(lanes.room(&one, start), left);
        }
        assert_eq!(lanes.room(&two, start), TRIES_PER_LANE, "another space's lane to the same endpoint");
        for _ in 0..TRIES_PER_LANE {
            lanes.came_back(&one, false, start);
        }
        assert_eq!(lanes.room(&one, start), 0);
        assert_eq!(lanes.rests_until(&one, start), Some(start + REST_MAX));
        assert_eq!(lanes.room(&one, start + REST_MAX), 1);
        lanes.set_out(&one);
        assert_eq!(lanes.room(&one, start + REST_MAX), 0);
        lanes.came_back(&one, true, start + REST_MAX);
        assert_eq!(lanes.room(&one, start + REST_MAX), TRIES_PER_LANE);
        assert!(lanes.known.is_empty(), "a lane that fares well is not remembered");
    }

    #[test]
    fn a_space_leaves_room_for_others_however_many_lanes_it_has() {
        let (mut lanes, start) = (Lanes::default(), Instant::now());
        let lane = |space, at: usize| (space, format!("http://{at}"));
        for at in 0..TRIES_PER_SPACE {
            lanes.set_out(&lane(1, at));
        }
        assert_eq!(lanes.room(&lane(1, TRIES_PER_SPACE), start), 0);
        assert_eq!(lanes.room(&lane(2, 0), start), TRIES_PER_LANE);
        lanes.came_back(&lane(1, 0), true, start);
        assert_eq!(lanes.room(&lane(1, TRIES_PER_SPACE), start), 1);
        (1..TRIES_PER_SPACE).for_each(|at| lanes.came_back(&lane(1, at), true, start));
        assert!(lanes.of_spaces.is_empty());
    }
}
