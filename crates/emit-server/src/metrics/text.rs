//! Prometheus' text form, version 0.0.4.

use std::fmt::{Display, Write};

use super::names::Metric;
use super::value::Histogram;

/// The text so far.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    /// Announces a metric; its samples follow.
    pub(super) fn metric(&mut self, metric: &'static Metric) -> Samples<'_> {
        let Metric { name, kind, help, .. } = metric;
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {}\n", kind.as_str());
        Samples { out: &mut self.0, metric }
    }

    /// A metric with one value.
    pub(super) fn single(&mut self, metric: &'static Metric, value: impl Display) {
        self.metric(metric).value(&[], value);
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// The samples of one metric.
pub(super) struct Samples<'a> {
    out: &'a mut String,
    metric: &'static Metric,
}

impl Samples<'_> {
    /// One sample, with a value for each label.
    pub(super) fn value(&mut self, labels: &[&str], value: impl Display) {
        self.line("", labels, None, value);
    }

    /// All samples of a histogram.
    pub(super) fn histogram(&mut self, labels: &[&str], histogram: &Histogram) {
        let mut below = 0;
        let bounds = histogram.bounds.iter().map(|bound| (*bound as f64 / histogram.scale).to_string());
        for (count, bound) in histogram.counts().zip(bounds.chain(["+Inf".to_owned()])) {
            below += count;
            self.line("_bucket", labels, Some(&bound), below);
        }
        self.line("_sum", labels, None, histogram.sum());
        self.line("_count", labels, None, below);
    }

    fn line(&mut self, suffix: &str, labels: &[&str], bound: Option<&str>, value: impl Display) {
        self.out.push_str(self.metric.name);
        self.out.push_str(suffix);
        let named = self.metric.labels.iter().copied().zip(labels.iter().copied());
        for (index, (label, value)) in named.chain(bound.map(|bound| ("le", bound))).enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            // No value needs escaping: they are routes, words, ids and numbers of ours.
            let _ = write!(self.out, "{before}{label}=\"{value}\"");
        }
        if !labels.is_empty() || bound.is_some() {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}
