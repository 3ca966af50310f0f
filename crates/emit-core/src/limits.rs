//! Every bound of the domain in one place, each with its reason. Sizes are bytes, counts are pieces.

/// One body, payload or report. A frame that carries it must stay under 1 MiB, many clients' default limit.
pub const BODY_BYTES: usize = 1_000_000;
/// A body that is an array of jobs or reports.
pub const ARRAY_BYTES: usize = 16 * 1024 * 1024;
/// Items of one array: a batch must not hold a commit for long.
pub const ARRAY_ITEMS: usize = 1_000;
/// Nesting of JSON, the root counted: readers recurse.
pub const JSON_DEPTH: usize = 64;
/// Characters of a name or an idempotency key.
pub const NAME_CHARS: usize = 200;
/// Highest `maxRetries`.
pub const MAX_RETRIES: i64 = 25;
/// Longest timeout and delay, in seconds: a day.
pub const DELAY_SECONDS: i64 = 86_400;
/// Highest priority; the lowest is its negative.
pub const PRIORITY: i64 = 100;
/// Farthest `scheduledFor`, in days: ten years and their leap days.
pub const SCHEDULE_DAYS: i64 = 3_653;
/// Tags of one job.
pub const TAGS: usize = 16;
/// Characters of a tag's key.
pub const TAG_KEY_CHARS: usize = 50;
/// Characters of a tag's value.
pub const TAG_VALUE_CHARS: usize = 200;
/// Jobs one poll may take.
pub const POLL_COUNT: usize = 50;
/// Names one poll may filter by.
pub const POLL_NAMES: usize = 100;
/// Longest wait of a poll or a read, in seconds: proxies cut at 60.
pub const WAIT_SECONDS: i64 = 30;
/// Lines of one log report.
pub const LOG_LINES: usize = 1_000;
/// Bytes of one log line's message and fields.
pub const LOG_LINE_BYTES: usize = 8 * 1024;
/// An answer with many items stops here.
pub const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Jobs of one list page.
pub const LIST_LIMIT: i64 = 100;
/// Rows of one page of events, logs, spaces or keys.
pub const PAGE_LIMIT: i64 = 1_000;
/// Farthest `offset`: beyond it a cursor is cheaper for everybody.
pub const LIST_OFFSET: i64 = 10_000;
/// How long an idempotency key is remembered, in milliseconds: 24 h.
pub const IDEMPOTENCY_MS: i64 = 86_400_000;
/// Highest `maxDeliveries`.
pub const MAX_DELIVERIES: i64 = 1_000;
/// Highest `retentionDays`.
pub const RETENTION_DAYS: i64 = 3_650;
/// Longest life of a job's browser token, in seconds.
pub const JOB_TOKEN_SECONDS: i64 = 86_400;
/// Longest grace of a rotated key, in seconds: thirty days.
pub const GRACE_SECONDS: i64 = 30 * 86_400;
/// Characters of a URL the server sends to: what most receivers take.
pub const OUTBOUND_URL_CHARS: usize = 2_000;
/// Headers that are sent along.
pub const OUTBOUND_HEADERS: usize = 20;
/// Characters of such a header's value.
pub const OUTBOUND_HEADER_CHARS: usize = 2_000;
/// Bytes of a signing secret, after Standard Webhooks.
pub const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// How long a replaced signing secret signs on, in milliseconds: 24 h.
pub const OLD_SECRET_MS: i64 = 86_400_000;
/// Replaced secrets of a space that sign on, the latest: each is a signature in every request.
pub const OLD_SECRETS: usize = 10;
