//! What moves, and what is made of it: columns go over as they are, but for those that are told apart here. Rows of
//! deleted spaces stay behind.
//!
//! The shared store numbers a job by its first event, so that all numbers of jobs are other ones there: the source
//! keeps them in `moved`.

/// A table of both stores.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Columns that are another thing there, and what of the source.
    other: &'static [(&'static str, &'static str)],
    /// The rows of the source, `t`, and of `moved`, `m`; in the order in which they lie.
    from: &'static str,
}

/// What a column holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Null,
    Number(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl Table {
    /// The statement for the source that answers these columns of the target.
    pub(crate) fn select<'a>(&self, columns: impl Iterator<Item = &'a str>) -> String {
        let made = |column: &str| match self.other.iter().find(|(name, _)| *name == column) {
            Some((_, other)) => (*other).to_owned(),
            None => format!("t.{column}"),
        };
        format!("SELECT {} FROM {}", columns.map(made).collect::<Vec<_>>().join(", "), self.from)
    }
}

/// Tables whose rows are numbered as they come, and go on from there.
pub(super) const NUMBERED: [&str; 2] = ["spaces", "tokens"];

const JOB: &[(&str, &str)] = &[("job", "m.no")];

/// Everything that users have. What a store keeps for itself (formats, lanes, marks) begins anew.
pub(super) const TABLES: [Table; 10] = [
    Table { name: "spaces", other: &[], from: "spaces t WHERE t.deleted = 0 ORDER BY t.no" },
    Table {
        name: "jobs",
        other: &[
            ("no", "m.no"),
            (
                "due_at",
                "CASE WHEN t.status IN (2, 3) THEN t.timeout_at \
                 WHEN t.status = 1 AND t.available = 1 THEN t.expires_at \
                 WHEN t.status IN (0, 1) THEN min(t.available_at, coalesce(t.expires_at, t.available_at)) END",
            ),
        ],
        from: "jobs t CROSS JOIN moved m ON m.job = t.no ORDER BY t.no",
    },
    Table {
        name: "payloads",
        other: JOB,
        from: "payloads t CROSS JOIN moved m ON m.job = t.job ORDER BY t.job",
    },
    Table {
        name: "job_tags",
        other: JOB,
        from: "job_tags t CROSS JOIN moved m ON m.job = t.job ORDER BY t.space, t.tag, t.job",
    },
    Table { name: "events", other: JOB, from: "events t CROSS JOIN moved m ON m.job = t.job ORDER BY t.key" },
    Table {
        name: "kept",
        other: JOB,
        from: "kept t CROSS JOIN moved m ON m.job = t.job ORDER BY t.job, t.kind",
    },
    Table {
        name: "logs",
        other: JOB,
        from: "logs t CROSS JOIN moved m ON m.job = t.job ORDER BY t.job, t.line",
    },
    Table {
        name: "idempotency",
        other: JOB,
        from: "idempotency t CROSS JOIN moved m ON m.job = t.job ORDER BY t.no",
    },
    Table {
        name: "callbacks",
        // Nobody is at them yet.
        other: &[("job", "m.no"), ("shown_to", "NULL"), ("shown_until", "NULL")],
        from: "callbacks t CROSS JOIN moved m ON m.job = t.job ORDER BY t.job",
    },
    Table {
        name: "tokens",
        other: &[],
        from: "tokens t WHERE t.space IS NULL OR t.space IN (SELECT no FROM spaces WHERE deleted = 0) ORDER BY t.no",
    },
];
