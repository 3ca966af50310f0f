//! What random histories are made of: plain values that the model understands without the implementation.

use proptest::prelude::*;

/// A job as its creator describes it. Times are relative to its creation, in milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Birth {
    pub(crate) max_retries: u32,
    pub(crate) timeout_s: i64,
    pub(crate) delivery_timeout_s: i64,
    pub(crate) priority: i64,
    pub(crate) scheduled_in: Option<i64>,
    pub(crate) expires_in: Option<i64>,
    pub(crate) backoff: Backoff,
    /// Whether it has a `callbackUrl`.
    pub(crate) callback: bool,
    /// The space's `maxDeliveries`.
    pub(crate) max_deliveries: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// `none`, `fixed` or `exponential`.
    pub(crate) strategy: &'static str,
    pub(crate) delay_s: i64,
    pub(crate) max_delay_s: i64,
    pub(crate) jitter: bool,
}

/// How much time passes before something is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Passes {
    Ms(i64),
    /// Up to the moment at which time will change the job, and a little more or less.
    UntilDue(i64),
}

/// What is sent as `x-emit-delivery`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fence {
    None,
    Present,
    Earlier,
    Unreadable,
}

#[derive(Debug, Clone)]
pub(crate) enum Report {
    Ack,
    Release { after_s: i64 },
    Progress(u32),
    Checkpoint(u32),
    Custom(u32),
    Logs(i64),
    Keepalive,
    Complete(u32),
    Fail { error: u32, retryable: bool, retry_after_s: Option<i64> },
}

/// An edit; times are relative to the present, in milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edit {
    pub(crate) priority: Option<i64>,
    pub(crate) scheduled_in: Option<Option<i64>>,
    pub(crate) max_retries: Option<u32>,
    pub(crate) payload: Option<u32>,
    pub(crate) expires_in: Option<Option<i64>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Called {
    pub(crate) status_code: Option<u16>,
    pub(crate) retry_after_s: Option<i64>,
    /// It set out before the end was last asked to be told anew, if that ever happened.
    pub(crate) late: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Ask {
    Claim {
        auto_ack: bool,
    },
    Report(Fence, Report),
    Kill(u32),
    Requeue,
    Edit(Edit),
    Erase,
    /// A callback was tried and answered with that status; `None`: not at all.
    Called(Called),
    /// The end is to be told anew.
    Resend,
    /// The sweeper looks whether time has brought anything.
    Sweep,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) passes: Passes,
    /// Uniform in 0..1: the jitter's dice.
    pub(crate) chance: f64,
    pub(crate) ask: Ask,
}

#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) birth: Birth,
    pub(crate) steps: Vec<Step>,
}

fn span_ms() -> impl Strategy<Value = i64> {
    prop_oneof![-2_000..2_000i64, 2_000..20_000i64, 20_000..2_000_000i64]
}

fn backoff() -> impl Strategy<Value = Backoff> {
    let delays = (prop::sample::select(vec!["none", "fixed", "exponential"]), 0..60i64, 0..200i64);
    (delays, any::<bool>()).prop_map(|((strategy, delay_s, max_delay_s), jitter)| Backoff {
        strategy,
        delay_s,
        max_delay_s,
        jitter,
    })
}

fn birth() -> impl Strategy<Value = Birth> {
    (
        (0..4u32, 5..100i64, 1..=5i64, -100..=100i64),
        prop::option::of(span_ms()),
        prop::option::weighted(0.3, span_ms()),
        backoff(),
        prop::option::of(1..4u32),
        any::<bool>(),
    )
        .prop_map(|(numbers, scheduled_in, expires_in, backoff, max_deliveries, callback)| Birth {
            max_retries: numbers.0,
            timeout_s: numbers.1,
            delivery_timeout_s: numbers.2,
            priority: numbers.3,
            scheduled_in,
            expires_in,
            backoff,
            callback,
            max_deliveries,
        })
}

fn passes() -> impl Strategy<Value = Passes> {
    prop_oneof![
        5 => (0..3_000i64).prop_map(Passes::Ms),
        1 => (0..200_000i64).prop_map(Passes::Ms),
        3 => (-2..=2i64).prop_map(Passes::UntilDue),
    ]
}

fn fence() -> impl Strategy<Value = Fence> {
    prop_oneof![
        3 => Just(Fence::None),
        9 => Just(Fence::Present),
        1 => Just(Fence::Earlier),
        1 => Just(Fence::Unreadable),
    ]
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        8 => Just(Report::Ack),
        2 => prop_oneof![Just(0), 0..30i64].prop_map(|after_s| Report::Release { after_s }),
        2 => any::<u32>().prop_map(Report::Progress),
        1 => any::<u32>().prop_map(Report::Checkpoint),
        1 => any::<u32>().prop_map(Report::Custom),
        1 => (1..5i64).prop_map(Report::Logs),
        1 => Just(Report::Keepalive),
        2 => any::<u32>().prop_map(Report::Complete),
        4 => (any::<u32>(), prop::bool::weighted(0.8), prop::option::weighted(0.3, 0..60i64)).prop_map(
            |(error, retryable, retry_after_s)| Report::Fail { error, retryable, retry_after_s }
        ),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    (
        prop::option::weighted(0.3, -100..=100i64),
        prop::option::weighted(0.4, prop::option::weighted(0.8, span_ms())),
        prop::option::weighted(0.3, 0..4u32),
        prop::option::weighted(0.3, any::<u32>()),
        prop::option::weighted(0.2, prop::option::weighted(0.7, span_ms())),
    )
        .prop_map(|(priority, scheduled_in, max_retries, payload, expires_in)| Edit {
            priority,
            scheduled_in,
            max_retries,
            payload,
            expires_in,
        })
}

fn called() -> impl Strategy<Value = Called> {
    let codes = vec![Some(200), Some(204), Some(302), Some(410), Some(429), Some(500), None];
    (prop::sample::select(codes), prop::option::weighted(0.3, 0..100_000i64), prop::bool::weighted(0.3))
        .prop_map(|(status_code, retry_after_s, late)| Called { status_code, retry_after_s, late })
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        8 => any::<bool>().prop_map(|auto_ack| Ask::Claim { auto_ack }),
        20 => (fence(), report()).prop_map(|(fence, report)| Ask::Report(fence, report)),
        1 => any::<u32>().prop_map(Ask::Kill),
        3 => Just(Ask::Requeue),
        2 => edit().prop_map(Ask::Edit),
        1 => prop::bool::weighted(0.2).prop_map(|really| if really { Ask::Erase } else { Ask::Sweep }),
        8 => Just(Ask::Sweep),
        6 => called().prop_map(Ask::Called),
        2 => Just(Ask::Resend),
    ]
}

/// Any life of a job.
pub(crate) fn history() -> impl Strategy<Value = History> {
    let step = (passes(), 0.0..1.0f64, ask()).prop_map(|(passes, chance, ask)| Step { passes, chance, ask });
    (birth(), prop::collection::vec(step, 1..60)).prop_map(|(birth, steps)| History { birth, steps })
}
