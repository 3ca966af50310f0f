//! The table: figure, measured, ceiling, ratio, expected, ok.

use std::fmt::Write as _;
use std::time::Duration;

pub(crate) struct Row {
    figure: String,
    measured: String,
    ceiling: String,
    ratio: Option<f64>,
    expected: String,
    holds: Option<bool>,
}

impl Row {
    pub(crate) fn new(figure: impl Into<String>, measured: impl Into<String>) -> Self {
        Self {
            figure: figure.into(),
            measured: measured.into(),
            ceiling: String::new(),
            ratio: None,
            expected: String::new(),
            holds: None,
        }
    }

    pub(crate) fn ceiling(mut self, ceiling: impl Into<String>) -> Self {
        self.ceiling = ceiling.into();
        self
    }

    pub(crate) fn ratio(mut self, ratio: f64) -> Self {
        self.ratio = Some(ratio);
        self
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>, holds: bool) -> Self {
        self.expected = expected.into();
        self.holds = Some(holds);
        self
    }
}

pub(crate) struct Report {
    quick: bool,
    notes: Vec<String>,
    rows: Vec<Row>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(quick: bool) -> Self {
        Self { quick, notes: Vec::new(), rows: Vec::new(), failures: Vec::new() }
    }

    pub(crate) fn note(&mut self, note: String) {
        eprintln!("{note}");
        self.notes.push(note);
    }

    /// Rows are also said as they come, because a whole run takes minutes.
    pub(crate) fn row(&mut self, row: Row) {
        eprintln!("{}", self.line(&row));
        self.rows.push(row);
    }

    pub(crate) fn part_ended(&mut self, part: &str, outcome: anyhow::Result<()>) {
        if let Err(error) = outcome {
            let failure = format!("{part}: {error:#}");
            eprintln!("FAILED {failure}");
            self.failures.push(failure);
        }
    }

    /// A quick run is too short to judge a figure, but a part that does not work fails it as well.
    pub(crate) fn holds(&self) -> bool {
        self.failures.is_empty() && (self.quick || self.rows.iter().all(|row| row.holds != Some(false)))
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for note in &self.notes {
            let _ = writeln!(text, "{note}");
        }
        if self.quick {
            text.push_str("A quick run: too small and too short to judge a figure.\n");
        }
        text.push_str("\n| figure | measured | ceiling | ratio | expected | ok |\n");
        text.push_str("| --- | --- | --- | --- | --- | --- |\n");
        for row in &self.rows {
            let _ = writeln!(text, "{}", self.line(row));
        }
        for failure in &self.failures {
            let _ = writeln!(text, "\n**Failed:** {failure}");
        }
        text
    }

    fn line(&self, row: &Row) -> String {
        let ratio = row.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let ok = match row.holds {
            None => "",
            Some(_) if self.quick => "not judged",
            Some(true) => "yes",
            Some(false) => "**no**",
        };
        let Row { figure, measured, ceiling, expected, .. } = row;
        format!("| {figure} | {measured} | {ceiling} | {ratio} | {expected} | {ok} |")
    }
}

/// 1234567.8 → `1,234,568`.
pub(crate) fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1_000.0)
}

pub(crate) fn microseconds(duration: Duration) -> String {
    format!("{} µs", duration.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_well() {
        assert_eq!(count(999.4), "999");
        assert_eq!(count(1_234_567.8), "1,234,568");
    }

    #[test]
    fn only_a_full_run_judges_and_any_failed_part_fails() {
        for quick in [true, false] {
            let mut report = Report::new(quick);
            report.row(Row::new("a", "1").expected("≥ 2", false));
            assert_eq!(report.holds(), quick);
            report.part_ended("b", Err(anyhow::anyhow!("broken")));
            assert!(!report.holds());
        }
    }
}
