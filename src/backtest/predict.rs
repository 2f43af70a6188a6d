//! The rest of a log, predicted: its arrivals replayed with what was learnt.

use super::call::{Buffering, Call, Log};
use super::learn::initialisation;
use super::stats;
use crate::arrivals::memory::InMemory;
use crate::engine::observer::{Cause, Observer, StartedBatch};
use crate::engine::simulate::run;
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::scenario::{Scenario, Setting};
use crate::units::{Span, Time};

/// A call as it was, or as it would be: what its requests waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// When its requests came \[s\].
    pub arrived: Vec<f64>,
    /// When it was sent \[s\].
    pub sent: f64,
    /// Did it wait for its time, and not leave full?
    pub timed_out: bool,
    /// Was its environment new?
    pub cold: bool,
    /// Initialisation \[s\].
    pub init: f64,
    /// Time in the handler \[s\].
    pub service: f64,
    /// From the client to the function and back \[s\].
    pub overhead: f64,
    /// What was billed, by memory size [MB ms].
    pub mb_ms: f64,
}

impl Played {
    /// What each of its requests waited for in all \[s\].
    pub fn latencies(&self) -> impl Iterator<Item = f64> + '_ {
        let after = self.init + self.service + self.overhead;
        self.arrived.iter().map(move |arrived| self.sent - arrived + after)
    }
}

/// The figures of some calls.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Figures {
    /// Latency \[s\].
    pub latency_s: Latency,
    /// The bill of the calls [$]: the first tier, nothing free.
    pub cost_usd: f64,
    /// Calls in new environments.
    pub cold_starts: f64,
    /// Requests.
    pub requests: f64,
    /// Requests by call.
    pub mean_batch: f64,
    /// The share of calls that did not leave full.
    pub timeout_share: f64,
}

/// Latencies \[s\].
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Latency {
    /// Mean.
    pub mean: f64,
    /// Percentiles.
    pub p50: f64,
    /// See `p50`.
    pub p90: f64,
    /// See `p50`.
    pub p95: f64,
    /// See `p50`.
    pub p99: f64,
}

/// The figures by name, in the order in which they are shown.
pub const NAMES: [&str; 7] = ["p50", "p90", "p95", "p99", "mean", "cost_usd", "cold_starts"];

impl Figures {
    /// Of calls, in which a call of `mb_ms` [MB ms] costs `price(mb_ms)` [$].
    pub fn of<'a>(
        calls: impl Iterator<Item = &'a Played> + Clone,
        price: &dyn Fn(f64, f64) -> f64,
    ) -> Figures {
        let mut all: Vec<f64> = calls.clone().flat_map(Played::latencies).collect();
        let (mut count, mut cold, mut timed_out, mut mb_ms) = (0, 0, 0, 0.0);
        for call in calls {
            count += 1;
            cold += usize::from(call.cold);
            timed_out += usize::from(call.timed_out);
            mb_ms += call.mb_ms;
        }
        all.sort_unstable_by(f64::total_cmp);
        let at = |q| stats::quantile(&all, q);
        let invocations = count as f64;
        Figures {
            latency_s: Latency {
                mean: stats::mean(&all),
                p50: at(0.5),
                p90: at(0.9),
                p95: at(0.95),
                p99: at(0.99),
            },
            cost_usd: price(mb_ms, invocations),
            cold_starts: cold as f64,
            requests: all.len() as f64,
            mean_batch: all.len() as f64 / invocations.max(1.0),
            timeout_share: timed_out as f64 / invocations.max(1.0),
        }
    }

    /// Those of [`NAMES`].
    pub fn named(&self) -> [f64; 7] {
        let l = self.latency_s;
        [l.p50, l.p90, l.p95, l.p99, l.mean, self.cost_usd, self.cold_starts]
    }

    /// The middle of several for percentiles, which one slow call moves far; the mean for sums.
    pub fn middle(all: &[Figures]) -> Figures {
        let mean = |of: fn(&Figures) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        let middle =
            |of: fn(&Figures) -> f64| stats::quantile(&stats::sorted(all.iter().map(of).collect()), 0.5);
        Figures {
            latency_s: Latency {
                mean: mean(|f| f.latency_s.mean),
                p50: middle(|f| f.latency_s.p50),
                p90: middle(|f| f.latency_s.p90),
                p95: middle(|f| f.latency_s.p95),
                p99: middle(|f| f.latency_s.p99),
            },
            cost_usd: mean(|f| f.cost_usd),
            cold_starts: mean(|f| f.cold_starts),
            requests: mean(|f| f.requests),
            mean_batch: mean(|f| f.mean_batch),
            timeout_share: mean(|f| f.timeout_share),
        }
    }
}

/// The scenario of a function: its profile and platform as TOML, the first as a whole document or a file.
///
/// # Errors
/// Profile or platform do not fit together.
pub fn scenario(
    (profile, platform): (&str, &str),
    buffering: Option<Buffering>,
    rate: f64,
    overrides: &[String],
) -> Result<Scenario, InputError> {
    let text = scenario_text((profile, platform), buffering, rate);
    Scenario::from_text("platform.toml", &text, overrides)
}

/// The same as TOML: what `sim plan` and `sim run` take.
pub fn scenario_text((profile, platform): (&str, &str), buffering: Option<Buffering>, rate: f64) -> String {
    let (batch, timeout) = buffering.map_or((1, 0.0), |b| (b.batch, b.timeout));
    let milliseconds = (timeout * 1e3 * 1e6).round() / 1e6;
    format!(
        "name = \"backtest\"\n\n[workload]                # the log's mean rate: put your own workload here\n\
         kind = \"poisson\"\nrate = {rate:.6}\nrequests = 20000\n\n[profile]\n{profile}\n[platform]\n{platform}\n\
         [policy]\nkind = \"batch\"\nbatch = {batch}\ntimeout = \"{milliseconds}ms\"\n"
    )
}

/// Shows every batch as it is played.
struct Watch {
    calls: Vec<Played>,
    rule: crate::price::billing::BillingRule,
}

impl Observer for Watch {
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        self.calls.push(Played {
            arrived: arrivals.iter().map(|time| time.as_secs_f64()).collect(),
            sent: batch.started.as_secs_f64(),
            timed_out: batch.cause == Cause::Timeout,
            cold: batch.cold,
            init: batch.init.as_secs_f64(),
            service: batch.service.as_secs_f64(),
            overhead: batch.overhead.as_secs_f64(),
            mb_ms: self.rule.bill(batch.memory, batch.init, batch.service).total as f64,
        });
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {}
}

/// The arrivals of a log's requests.
pub fn arrivals(log: &Log) -> Vec<Time> {
    let members = log.calls.iter().flat_map(|call| &call.members);
    let time = |seconds: f64| Time::ZERO + Span::from_secs_f64(seconds.max(0.0)).unwrap_or(Span::MAX);
    let mut times: Vec<Time> = members.map(|member| time(member.arrived)).collect();
    times.sort_unstable();
    times
}

/// Replays arrivals on a scenario's function, with the luck of one seed; batches in the order in which they were sent.
///
/// # Errors
/// The profile does not cover the setting.
pub fn replayed(scenario: &Scenario, arrivals: &[Time], seed: u64) -> Result<Vec<Played>, InputError> {
    let rule = scenario.platform.tariff.billing;
    let mut watch = Watch { calls: Vec::new(), rule };
    let setting: Setting = scenario.setting();
    let streams = Streams::new(scenario.seed).part(seed);
    run(scenario, setting, streams, &mut InMemory::new(arrivals), &mut watch)?;
    watch.calls.sort_by(|a, b| a.sent.total_cmp(&b.sent));
    Ok(watch.calls)
}

/// The observed calls in the same form; `overhead` is the mean \[s\] of what clients wait for beside.
pub fn observed(log: &Log, scenario: &Scenario, overhead: f64) -> Vec<Played> {
    let rule = scenario.platform.tariff.billing;
    let memory = scenario.platform.memory;
    let largest = log.buffering.map_or(1, |buffering| buffering.batch);
    let seconds = |s: f64| Span::from_secs_f64(s.max(0.0)).unwrap_or_default();
    let played = |call: &Call| {
        let init = initialisation(call, overhead).unwrap_or(0.0);
        let first = call.members[0];
        let rest = first.latency - (call.sent - first.arrived) - call.duration - init;
        let billed = match call.billed {
            Some(seconds) => seconds * 1e3 * f64::from(memory.0),
            None => rule.bill(memory, seconds(init), seconds(call.duration)).total as f64,
        };
        Played {
            arrived: call.members.iter().map(|member| member.arrived).collect(),
            sent: call.sent,
            timed_out: (call.members.len() as u32) < largest,
            cold: call.is_cold(),
            init,
            service: call.duration,
            overhead: rest,
            mb_ms: billed,
        }
    };
    log.calls.iter().map(played).collect()
}
