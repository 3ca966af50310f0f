//! Counters, gauges and histograms: relaxed atomics, since nobody orders anything by them.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Only ever rises.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(super) const fn new() -> Counter {
        Counter(AtomicU64::new(0))
    }

    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Rises and falls.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(super) const fn new() -> Gauge {
        Gauge(AtomicI64::new(0))
    }

    pub(super) fn add(&self, count: i64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Most bounds of a histogram.
const BOUNDS_MAX: usize = 15;

/// Values by size. Counted in whole units, shown in units of `scale` of them.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// Upper bounds, rising, each included in its bucket.
    pub(super) bounds: &'static [u64],
    /// How many units make one of what is shown.
    pub(super) scale: f64,
    buckets: [AtomicU64; BOUNDS_MAX + 1],
    sum: AtomicU64,
}

/// Microseconds: a fast call, a sync of the disk, a long poll.
const TIMES: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    15_000_000, 60_000_000,
];
const SIZES: [u64; 11] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];

impl Histogram {
    const fn new(bounds: &'static [u64], scale: f64) -> Histogram {
        assert!(bounds.len() <= BOUNDS_MAX);
        Histogram {
            bounds,
            scale,
            buckets: [const { AtomicU64::new(0) }; BOUNDS_MAX + 1],
            sum: AtomicU64::new(0),
        }
    }

    /// Of times, shown in seconds.
    pub(super) const fn times() -> Histogram {
        Histogram::new(&TIMES, 1e6)
    }

    /// Of numbers.
    pub(super) const fn sizes() -> Histogram {
        Histogram::new(&SIZES, 1.0)
    }

    pub(super) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub(super) fn observe_time(&self, time: Duration) {
        self.observe(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Per bucket, the last without a bound.
    pub(super) fn counts(&self) -> impl Iterator<Item = u64> {
        self.buckets[..=self.bounds.len()].iter().map(|bucket| bucket.load(Ordering::Relaxed))
    }

    pub(super) fn sum(&self) -> f64 {
        self.sum.load(Ordering::Relaxed) as f64 / self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_first_bucket_that_holds_it() {
        let sizes = Histogram::sizes();
        [0, 1, 2, 3, 2_000, 2_001].into_iter().for_each(|size| sizes.observe(size));
        assert_eq!(sizes.counts().collect::<Vec<_>>(), [2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        let times = Histogram::times();
        times.observe_time(Duration::from_millis(1_500));
        assert_eq!(times.sum(), 1.5);
    }
}
