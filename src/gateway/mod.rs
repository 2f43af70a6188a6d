//! The scenario's batching buffer, for real: a gateway in front of functions, and a client that measures.
//!
//! ```text
//!  client ─► server ─► protocol ─► hold (batcher, policy, clock) ─► deliver ─► upstream ─► function
//!    ▲                              │ stamps                           │ rows
//!    └── the client's own part      └─► adapt (plans)                  └─► log, metrics
//! ```
//!
//! `batcher` is the buffer without a clock; `hold` gives it one. `server` knows HTTP, `deliver` what becomes of a batch.
//! `observe` sends a workload at its intended times.

pub mod adapt;
pub mod batcher;
pub mod clock;
mod deliver;
pub mod hold;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod log;
mod metrics;
pub mod observe;
pub mod protocol;
mod server;
pub mod upstream;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::{JoinHandle, spawn};

use hyper::header::HeaderName;
use tokio::runtime::{Builder, Handle};

use self::deliver::deliver;
use self::hold::{Hold, Limits};
use self::log::{Log, Rotation};
use self::metrics::Metrics;
use self::upstream::Upstream;
use crate::error::InputError;
use crate::policy::adaptive::{Adaptive, Decision, Reason};
use crate::policy::batch::BatchPolicy;
use crate::policy::classes::SharedBatch;
use crate::units::{MemoryMb, Span, Time};

/// What a gateway does.
#[derive(Debug)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The function.
    pub upstream: Upstream,
    /// The buffer; with an adaptive policy that of the first period.
    pub buffer: BatchPolicy,
    /// The function's memory size at first.
    pub memory: MemoryMb,
    /// The classes that share it, where there are several.
    pub classes: Option<NamedClasses>,
    /// How much is held.
    pub limits: Limits,
    /// The longest body of a request \[bytes\].
    pub longest_body: usize,
    /// The bodies that are held together \[bytes\].
    pub held_bytes: usize,
    /// Open connections.
    pub connections: usize,
    /// Headers of a request that are passed on.
    pub headers: Vec<HeaderName>,
    /// How long requests under way may take at the end.
    pub drain: Span,
    /// Where the log goes, if there is one.
    pub log: Option<(PathBuf, Rotation)>,
    /// Threads that serve; one a core if not given.
    pub threads: Option<usize>,
    /// Is the function's memory size changed as planned?
    pub apply_memory: bool,
}

impl Settings {
    fn class_names(&self) -> Vec<String> {
        self.classes.as_ref().map_or_else(Vec::new, |classes| classes.names.clone())
    }
}

/// Classes by name, and how they share the buffer.
#[derive(Debug, Clone)]
pub struct NamedClasses {
    /// As requests say them.
    pub names: Vec<String>,
    /// When batches leave.
    pub shared: SharedBatch,
}

/// What a gateway did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Requests whose function answered.
    pub answered: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests whose call failed.
    pub failed: u64,
    /// Requests whose client left before its answer.
    pub left: u64,
    /// Batches.
    pub batches: u64,
    /// Batches that were not answered in the time to drain.
    pub cut_off: usize,
    /// Rows that could not be written.
    pub rows_dropped: u64,
}

/// A gateway at work.
struct Gateway {
    hold: Hold,
    upstream: Upstream,
    metrics: Metrics,
    log: Log,
    longest_body: usize,
    most_bytes: usize,
    /// Bodies that are held now \[bytes\].
    bytes: AtomicUsize,
    headers: Vec<HeaderName>,
    /// The names of the classes; none where there is one.
    classes: Vec<String>,
}

impl Gateway {
    fn new(settings: &Settings, upstream: Upstream, log: Log, arrivals: Option<Sender<Time>>) -> Arc<Self> {
        let runtime = Handle::current();
        Arc::new_cyclic(|gateway: &Weak<Gateway>| {
            let gateway = gateway.clone();
            let exit = move |left| {
                // Whoever lets a batch leave holds the gateway.
                if let Some(gateway) = gateway.upgrade() {
                    runtime.spawn(deliver(gateway, left));
                }
            };
            let hold = match &settings.classes {
                None => Hold::new(settings.buffer, settings.limits, arrivals, Box::new(exit)),
                Some(classes) => Hold::of_classes(classes.shared.clone(), settings.limits, Box::new(exit)),
            };
            Gateway {
                hold,
                upstream,
                metrics: Metrics::default(),
                log,
                longest_body: settings.longest_body,
                most_bytes: settings.held_bytes,
                bytes: AtomicUsize::new(0),
                headers: settings.headers.clone(),
                classes: settings.class_names(),
            }
        })
    }

    fn totals(&self) -> Totals {
        let count = |statuses| self.metrics.by_status(statuses);
        let left = count(499..500);
        Totals {
            answered: count(200..300),
            refused: count(400..499) + count(503..504),
            failed: count(500..503) + count(504..600),
            left,
            batches: self.metrics.batches(),
            cut_off: self.hold.load().batches,
            rows_dropped: self.log.dropped(),
        }
    }
}

/// Serves until the process is told to end (SIGTERM or SIGINT), then answers what it holds. `ready` is told the address.
///
/// # Errors
/// It cannot listen there; the log cannot be written.
pub fn serve(
    settings: Settings,
    adaptive: Option<Adaptive>,
    ready: impl FnOnce(SocketAddr),
) -> Result<Totals, InputError> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = settings.threads {
        builder.worker_threads(threads.max(1));
    }
    let runtime = builder.enable_all().build().map_err(|e| InputError::new("threads", e.to_string()))?;
    runtime.block_on(run(settings, adaptive, ready))
}

async fn run(
    mut settings: Settings,
    adaptive: Option<Adaptive>,
    ready: impl FnOnce(SocketAddr),
) -> Result<Totals, InputError> {
    let listener = server::listen(settings.listen).await?;
    let (log, writer) = match settings.log.take() {
        None => (Log::none(), None),
        Some((folder, rotation)) => {
            let (log, writer) = Log::open(&folder, rotation, &settings.class_names())?;
            (log, Some(writer))
        }
    };
    let (arrivals, received) = channel();
    let (arrivals, adaptive) = match adaptive {
        Some(policy) => (Some(arrivals), Some((policy, received))),
        None => (None, None),
    };
    let upstream = settings.upstream.clone();
    let gateway = Gateway::new(&settings, upstream, log, arrivals);
    let mut threads: Vec<JoinHandle<()>> = Vec::from_iter(writer);
    let keeper = Arc::clone(&gateway);
    threads.push(spawn(move || keeper.hold.keep_time()));
    if let Some((policy, received)) = adaptive {
        let gateway = Arc::clone(&gateway);
        let (runtime, apply) = (Handle::current(), settings.apply_memory);
        threads.push(spawn(move || {
            let mut now = settings.memory;
            let change = |decision: &Decision| {
                if !apply || decision.memory == now {
                    return true;
                }
                match runtime.block_on(gateway.upstream.set_memory(decision.memory)) {
                    Ok(()) => now = decision.memory,
                    Err(reason) => {
                        say(&format!("the memory size stays {now}, not {}: {reason}", decision.memory));
                    }
                }
                now == decision.memory
            };
            adapt::follow(policy, &received, &gateway.hold, change, |decision, effective| {
                gateway.metrics.decision(match decision.reason {
                    Reason::Period => "period",
                    Reason::RateChanged => "rate changed",
                });
                gateway.log.decision(*decision, effective);
            });
        }));
    }
    ready(listener.local_addr().map_err(|e| InputError::new("--listen", e.to_string()))?);
    server::accept(&gateway, &listener, settings.connections, settings.drain).await;
    gateway.log.end();
    for thread in threads {
        // A thread that panicked has said so.
        let _ = thread.join();
    }
    Ok(gateway.totals())
}

/// Says something on standard error. If that cannot be written to, nobody is left to be told.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
